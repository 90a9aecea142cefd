//! The workbench: trees of commits laid out beside the project, and what is asked about them in a sandbox, by each runner's own tool.

mod cargo;
mod jest;
mod pytest;
mod replay;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::bridges::sandbox::{Ended, Means, Sandbox, keys_below};
use crate::bridges::{commit_tree, commits, workspace};
use crate::decide::guard_home;
use crate::formats::workbench_v1::{self, Ask};
use crate::model::failure::Failure;
use crate::model::guard::{Crash, Runner};
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
    /// Whether other tests run before it in the same process, where the runner has several in one.
    pub follows: bool,
}

/// As many as a draft has to pass under.
pub(super) const SURROUNDINGS: [Surroundings; 5] = [
    Surroundings { hash_seed: "0", zone: "UTC", follows: false },
    Surroundings { hash_seed: "1", zone: "America/New_York", follows: false },
    Surroundings { hash_seed: "42", zone: "Asia/Kolkata", follows: false },
    Surroundings { hash_seed: "4294967295", zone: "Pacific/Auckland", follows: false },
    Surroundings { hash_seed: "123456789", zone: "America/St_Johns", follows: true },
];

/// The tree of one commit.
#[derive(Debug, Clone)]
pub(super) struct Laid {
    /// Of which commit it is.
    pub commit: String,
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
    tool: Tool,
    /// The file that failed: imports begin above its package.
    faulty: String,
    scratch: tempfile::TempDir,
    trees: BTreeMap<String, Laid>,
}

/// What a runner's drafts are asked by.
#[derive(Debug)]
enum Tool {
    Cargo(cargo::Tool),
    Pytest(pytest::Tool),
    Jest(jest::Tool),
}

impl Tool {
    /// # Errors
    /// What it needs is not here.
    fn find(settings: &Settings, runner: Runner, python: Option<&Path>) -> Result<Self, Failure> {
        match runner {
            Runner::Pytest => pytest::Tool::find(settings, python).map(Self::Pytest),
            Runner::Cargo => cargo::Tool::find(settings).map(Self::Cargo),
            Runner::Jest => jest::Tool::find(settings).map(Self::Jest),
        }
    }
}

impl Laid {
    /// What a file is imported as.
    pub(super) fn module(&self, path: &str) -> String {
        let inside = |root: &String| {
            if root.is_empty() { Some(path) } else { path.strip_prefix(root.as_str())?.strip_prefix('/') }
        };
        // Only Python imports by names that are no paths.
        let Some(path) = self.roots.iter().find_map(inside).unwrap_or(path).strip_suffix(".py") else {
            return path.to_owned();
        };
        path.strip_suffix("/__init__").unwrap_or(path).replace('/', ".")
    }

    /// Bytes of a file; none where it is not there.
    pub(super) fn size(&self, file: &str) -> Option<u64> {
        std::fs::metadata(self.folder.join(file)).ok().map(|about| about.len())
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
    /// Finds the sandbox, and the tool for drafts of this runner; `faulty` is the file that failed.
    ///
    /// # Errors
    /// The runner is not here, or nothing can hold a draft.
    pub(super) fn open(
        settings: &'a Settings,
        runner: Runner,
        python: Option<&Path>,
        faulty: &str,
    ) -> Result<Self, Failure> {
        let means = Means::of_this_process(raw_variable)
            .map_err(|error| Failure::world("titer does not know where it is itself").because(error))?;
        let sandbox = Sandbox::find(&means).map_err(|why| Failure::world(format!("drafts are not run: {why}")))?;
        let tool = Tool::find(settings, runner, python)?;
        workspace::forget_scratch(&settings.cache, SCRATCH);
        let scratch = workspace::scratch(&settings.cache, SCRATCH).map_err(|error| {
            Failure::world(format!("trees cannot be written in {}", settings.cache.display())).because(error)
        })?;
        let home = raw_variable("HOME").map(PathBuf::from);
        let mut hidden = home.as_deref().map(keys_below).unwrap_or_default();
        hidden.push(settings.ledger.0.join("keys"));
        Ok(Self { settings, sandbox, hidden, tool, faulty: faulty.to_owned(), scratch, trees: BTreeMap::new() })
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
        let laid = Laid { commit: commit.to_owned(), folder, files, roots, names };
        if let Tool::Jest(tool) = &self.tool {
            tool.furnish(&laid).map_err(failed)?;
        }
        self.trees.insert(commit.to_owned(), laid.clone());
        Ok(laid)
    }

    /// Makes a test that was [`put`](Laid::put) into a tree ready to be asked about, where its runner needs that.
    ///
    /// # Errors
    /// It cannot be, for reasons that are not the test's.
    pub(super) fn ready(&self, laid: &Laid, file: &str) -> Result<(), Failure> {
        match &self.tool {
            Tool::Cargo(tool) => tool.ready(self, laid, file),
            Tool::Pytest(_) | Tool::Jest(_) => Ok(()),
        }
    }

    /// What ids of tests in a file begin with, where that is not the file's path.
    pub(super) fn unit(&self, laid: &Laid, file: &str) -> String {
        match &self.tool {
            Tool::Cargo(_) => cargo::Tool::unit(laid, file),
            Tool::Pytest(_) | Tool::Jest(_) => String::new(),
        }
    }

    /// How production failed, told as a run in this tree would tell it.
    pub(super) fn sharpened(&self, laid: &Laid, crash: &Crash) -> Crash {
        match &self.tool {
            Tool::Pytest(_) | Tool::Cargo(_) => crash.clone(),
            Tool::Jest(_) => jest::sharpened(laid, crash),
        }
    }

    /// Asks about a tree.
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
        let bytes = match &self.tool {
            Tool::Cargo(tool) => tool.ask(self, laid, ask, around, seconds),
            Tool::Pytest(tool) => tool.ask(self, laid, ask, around, seconds),
            Tool::Jest(tool) => tool.ask(self, laid, ask, around, seconds),
        };
        workbench_v1::answer(&bytes?)
    }
}

/// The answer that a program wrote into a file, or why there is none.
fn told(answer: &Path, ended: &Ended, seconds: u64) -> Result<Vec<u8>, String> {
    match std::fs::read(answer) {
        Ok(bytes) => Ok(bytes),
        Err(_) if ended.timed_out => Err(format!("it was stopped after {seconds} s")),
        Err(_) => {
            let said = String::from_utf8_lossy(&ended.stderr);
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing");
            Err(format!("it ended without an answer and said: {}", last.chars().take(200).collect::<String>()))
        }
    }
}
