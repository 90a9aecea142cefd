//! The workbench: trees of commits laid out beside the project, the project's own interpreter, and the program in `adapters/guard` that is
//! asked about them in a sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::bridges::runners::adapter::GUARD_FILES;
use crate::bridges::sandbox::{Cage, Means, Sandbox, keys_below};
use crate::bridges::{commit_tree, commits, process, workspace};
use crate::decide::guard_home;
use crate::formats::workbench_v1::{self, Ask};
use crate::model::failure::Failure;
use crate::settings::{Settings, raw_variable};

/// Bytes that a draft may use: more than a test needs, less than hurts.
const MEMORY: u64 = 4 << 30;
/// Seconds that one question about one test may take.
pub(super) const PATIENCE: u64 = 60;

/// What the folders of trees begin with.
const SCRATCH: &str = "guard-";

/// What differs from one run of a draft to the next: a test that depends on it is flaky.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Surroundings {
    hash_seed: &'static str,
    zone: &'static str,
}

/// As many as a draft has to pass under.
pub(super) const SURROUNDINGS: [Surroundings; 5] = [
    Surroundings { hash_seed: "0", zone: "UTC" },
    Surroundings { hash_seed: "1", zone: "America/New_York" },
    Surroundings { hash_seed: "42", zone: "Asia/Kolkata" },
    Surroundings { hash_seed: "4294967295", zone: "Pacific/Auckland" },
    Surroundings { hash_seed: "123456789", zone: "America/St_Johns" },
];

/// The tree of one commit.
#[derive(Debug, Clone)]
pub(super) struct Laid {
    /// Where it lies.
    pub folder: PathBuf,
    /// Its files, from its root.
    pub files: BTreeSet<String>,
    /// The folders that imports begin at.
    roots: Vec<String>,
    /// The names that can be imported from them.
    names: Vec<String>,
}

/// The workbench.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    settings: &'a Settings,
    sandbox: Sandbox,
    /// What a draft must not read: keys of common tools, and the ledger's own.
    hidden: Vec<PathBuf>,
    python: PathBuf,
    program: PathBuf,
    /// The file that failed: imports begin above its package.
    faulty: String,
    scratch: tempfile::TempDir,
    trees: BTreeMap<String, Laid>,
}

impl Laid {
    /// What a file is imported as.
    pub(super) fn module(&self, path: &str) -> String {
        let inside = |root: &String| {
            if root.is_empty() { Some(path) } else { path.strip_prefix(root.as_str())?.strip_prefix('/') }
        };
        let path = self.roots.iter().find_map(inside).unwrap_or(path);
        let path = path.strip_suffix(".py").unwrap_or(path);
        path.strip_suffix("/__init__").unwrap_or(path).replace('/', ".")
    }

    /// Puts a test's file into the tree.
    ///
    /// # Errors
    /// It cannot be written, or would stand in place of a file of the project's.
    pub(super) fn put(&self, file: &str, text: &str) -> Result<(), Failure> {
        let path = self.folder.join(file);
        let is_inside = path.parent().is_some_and(|parent| {
            // A link in the tree must not lead out of it.
            let there = parent.ancestors().find(|folder| folder.exists());
            there
                .and_then(|folder| folder.canonicalize().ok())
                .is_some_and(|it| it.starts_with(self.folder.canonicalize().unwrap_or_default()))
        });
        let is_link = path.symlink_metadata().is_ok_and(|about| about.is_symlink());
        if !is_inside || is_link {
            return Err(Failure::input(format!("{file} leads out of the repository")));
        }
        workspace::write_file(&path, text.as_bytes())
            .map_err(|error| Failure::world(format!("{file} cannot be laid out")).because(error))
    }
}

impl<'a> Bench<'a> {
    /// Finds the interpreter and the sandbox.
    ///
    /// # Errors
    /// There is no interpreter with pytest, or nothing here can hold a draft.
    pub(super) fn open(settings: &'a Settings, python: Option<&Path>, faulty: &str) -> Result<Self, Failure> {
        let means = Means::of_this_process(raw_variable)
            .map_err(|error| Failure::world("titer does not know where it is itself").because(error))?;
        let sandbox = Sandbox::find(&means).map_err(|why| Failure::world(format!("drafts are not run: {why}")))?;
        let failed = |what: &str| {
            let sentence = format!("{what} cannot be written in {}", settings.cache.display());
            move |error: std::io::Error| Failure::world(sentence).because(error)
        };
        let files = GUARD_FILES.iter().map(|(name, text)| (*name, *text)).collect();
        let folder = workspace::adapter_folder(&settings.cache, "guard", &files).map_err(failed("the workbench"))?;
        workspace::forget_scratch(&settings.cache, SCRATCH);
        let scratch = workspace::scratch(&settings.cache, SCRATCH).map_err(failed("trees"))?;
        let python = interpreter(settings, python)?;
        let home = raw_variable("HOME").map(PathBuf::from);
        let mut hidden = home.as_deref().map(keys_below).unwrap_or_default();
        hidden.push(settings.ledger.0.join("keys"));
        Ok(Self {
            settings,
            sandbox,
            hidden,
            python,
            program: folder.join("guard"),
            faulty: faulty.to_owned(),
            scratch,
            trees: BTreeMap::new(),
        })
    }

    /// The tree of a commit, laid out once.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn tree(&mut self, commit: &str) -> Result<Laid, Failure> {
        if let Some(laid) = self.trees.get(commit) {
            return Ok(laid.clone());
        }
        let root = &self.settings.root;
        let failed = |error| Failure::world(format!("the files of commit {commit} cannot be laid out")).because(error);
        let folder = self.scratch.path().join(format!("tree-{}", self.trees.len()));
        commit_tree::lay_out(root, commit, &folder).map_err(failed)?;
        let files: BTreeSet<String> = commits::files(root, commit).map_err(failed)?.into_keys().collect();
        let all: BTreeSet<&str> = files.iter().map(String::as_str).collect();
        let roots = guard_home::import_roots(&all, &self.faulty);
        let names = guard_home::first_party(&all, &roots);
        let laid = Laid { folder, files, roots, names };
        self.trees.insert(commit.to_owned(), laid.clone());
        Ok(laid)
    }

    /// Asks about a tree, in a sandbox.
    ///
    /// # Errors
    /// There is no answer; the sentence says why.
    pub(super) fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        laid: &Laid,
        ask: &Ask<'_>,
        around: Surroundings,
        seconds: u64,
    ) -> Result<T, String> {
        let place = laid.folder.to_string_lossy();
        let private = workspace::scratch(self.scratch.path(), "ask-").map_err(|error| error.to_string())?;
        let (request, answer) = (private.path().join("request.json"), private.path().join("answer.json"));
        let bytes = workbench_v1::request(&place, &laid.names, ask);
        workspace::write_file(&request, &bytes).map_err(|error| error.to_string())?;
        let roots: Vec<String> = laid.roots.iter().map(|root| laid.folder.join(root).display().to_string()).collect();
        let own = private.path().display().to_string();
        let environment: BTreeMap<String, String> = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", own.as_str()),
            ("TMPDIR", own.as_str()),
            ("LANG", "C.UTF-8"),
            ("TZ", around.zone),
            ("PYTHONHASHSEED", around.hash_seed),
            ("PYTHONPATH", roots.join(":").as_str()),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let cage = Cage {
            writable: private.path(),
            folder: &laid.folder,
            hidden: &self.hidden,
            seconds,
            memory_bytes: MEMORY,
            environment: &environment,
        };
        let arguments: [&OsStr; 6] =
            ["-X".as_ref(), "utf8".as_ref(), "-B".as_ref(), self.program.as_ref(), request.as_ref(), answer.as_ref()];
        let ended = self.sandbox.run(&cage, &self.python, &arguments).map_err(|error| error.to_string())?;
        match std::fs::read(&answer) {
            Ok(bytes) => workbench_v1::answer(&bytes),
            Err(_) if ended.timed_out => Err(format!("it was stopped after {seconds} s")),
            Err(_) => {
                let said = String::from_utf8_lossy(&ended.stderr);
                let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing");
                Err(format!("it ended without an answer and said: {}", last.chars().take(200).collect::<String>()))
            }
        }
    }
}

/// The interpreter that the project's tests run under: as was said, else the first with pytest.
fn interpreter(settings: &Settings, given: Option<&Path>) -> Result<PathBuf, Failure> {
    let root = &settings.root;
    let named = given
        .map(|file| settings.folder.join(file))
        .or_else(|| settings.policy.guard.python.as_ref().map(|file| root.join(file)));
    if let Some(python) = named {
        return has_pytest(&python, &settings.cache).map_err(|why| {
            Failure::input(format!("{} does not run pytest: {why}", python.display()))
                .hint("--python FILE names another")
        });
    }
    let own = [".venv/bin/python", "venv/bin/python"].map(|file| root.join(file));
    let path = raw_variable("PATH");
    let known = ["python3", "python"].iter().filter_map(|name| process::find(name, root, path.as_ref()));
    let active = raw_variable("VIRTUAL_ENV").map(|folder| Path::new(&folder).join("bin/python"));
    let found = active.into_iter().chain(own).chain(known).find_map(|python| has_pytest(&python, &settings.cache).ok());
    found.ok_or_else(|| {
        Failure::input("no interpreter here has pytest, so no draft of Python can be run")
            .hint("--python FILE, or `python` in the table [guard] of titer.toml, names the one that runs your tests")
    })
}

/// The interpreter itself behind what was named, if pytest can be imported there; asked where no file of the project's is imported instead.
fn has_pytest(python: &Path, cache: &Path) -> Result<PathBuf, String> {
    let asked =
        process::capture(&python.to_string_lossy(), &["-c", "import pytest, sys; print(sys.executable)"], cache, &[]);
    let told = asked.map_err(|error| error.to_string())?;
    let file = PathBuf::from(String::from_utf8_lossy(&told).trim());
    if file.is_file() { Ok(file) } else { Err("it does not say where it is".to_owned()) }
}
