//! A scratch repository whose tests cargo runs, and what its tests did as cargo's own output tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::repository::copy_tree;
use super::{Ending, Going, Interpreter, Repository};

/// Beside the repository, what an edit may reach: crates outside of it, and the configuration that cargo finds above it.
const REACHED: [&str; 3] = ["repo", "outside", ".cargo"];
/// Where nobody edits.
const NOT_EDITED: [&str; 3] = [".git", ".titer", "target"];

/// A repository, and how its files were when it was kept.
pub struct Project {
    /// Where it is.
    pub repository: Repository,
    kept: BTreeMap<PathBuf, Kept>,
}

#[derive(Clone, PartialEq)]
enum Kept {
    File(Vec<u8>, u32),
    Link(PathBuf),
}

/// What one command did with the tests.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its exit code.
    pub code: Option<i32>,
    /// Every test that ran, and whether it passed: `app::lib::works`, `app::doc`.
    pub ran: BTreeMap<String, bool>,
    /// Everything it said, both streams as one.
    pub text: String,
}

impl Seen {
    /// The tests that ran.
    pub fn names(&self) -> BTreeSet<String> {
        self.ran.keys().cloned().collect()
    }

    /// Those that failed.
    pub fn failing(&self) -> BTreeSet<String> {
        self.ran.iter().filter(|(_, passed)| !**passed).map(|(test, _)| test.clone()).collect()
    }

    /// Whether cargo could not build, so that no test could run.
    pub fn did_not_build(&self) -> bool {
        self.code == Some(101) && self.ran.is_empty()
    }

    /// Whether the compiler was started.
    pub fn compiled(&self) -> bool {
        self.text.lines().any(|line| line.trim_start().starts_with("Compiling "))
    }

    /// titer's warnings.
    pub fn warnings(&self) -> Vec<&str> {
        self.text.lines().filter(|line| line.starts_with("titer: warning:")).collect()
    }
}

impl Project {
    /// An empty one; `interpreter` matters only to repositories with Python in them.
    pub fn new(interpreter: Option<Interpreter>) -> Self {
        let interpreter = interpreter.unwrap_or(Interpreter { programs: PathBuf::from("/nonexistent") });
        let mut repository = Repository::bare(interpreter);
        repository.variables = variables();
        Self { repository, kept: BTreeMap::new() }
    }

    /// Runs the user's command by itself.
    pub fn bare(&self, command: &[&str], plain: &BTreeSet<String>) -> Seen {
        self.see(&[], command, plain)
    }

    /// Runs `titer run FLAGS -- COMMAND`.
    pub fn titer(&self, flags: &[&str], command: &[&str], plain: &BTreeSet<String>) -> Seen {
        let titer = [&[env!("CARGO_BIN_EXE_titer"), "run"], flags, &["--"]].concat();
        self.see(&titer, command, plain)
    }

    fn see(&self, before: &[&str], command: &[&str], plain: &BTreeSet<String>) -> Seen {
        // One file for both streams: the headers are on one, the tests on the other, and their order counts.
        let words = [&["-c", "exec \"$@\" 2>&1", "sh"], before, command].concat();
        let ending = self.start("sh", &words);
        let ran = tests(&ending.stdout, &self.targets(command), plain);
        Seen { code: ending.code, ran, text: ending.stdout }
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Ending {
        let mut command = self.repository.command(program, &self.repository.root());
        command.args(arguments);
        Going::start(&self.repository, command).wait()
    }

    /// The targets of the workspace as cargo knows them now; none if it cannot read its manifests.
    fn targets(&self, command: &[&str]) -> Vec<Target> {
        let mut arguments = vec!["metadata", "--no-deps", "--format-version", "1"];
        if let Some(at) = command.iter().position(|word| *word == "--manifest-path") {
            arguments.extend(&command[at..at + 2]);
        }
        let told = self.start("cargo", &arguments);
        let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap_or_default();
        let packages = told["packages"].as_array().cloned().unwrap_or_default();
        packages.iter().flat_map(targets_of).collect()
    }

    /// Keeps the state of all that an edit can reach, and of the ledger.
    pub fn keep(&mut self) {
        self.kept = self.files();
        if self.repository.path(".titer").exists() {
            copy_tree(&self.repository.path(".titer"), &self.repository.beside("kept-titer"));
        }
    }

    /// Goes back to it. What has to be written is new by its time: cargo believes times, and would keep what it built.
    pub fn restore(&self) {
        let now = self.files();
        for path in now.keys().filter(|path| !self.kept.contains_key(*path)) {
            fs::remove_file(path).unwrap();
            let empty = |folder: &&Path| fs::remove_dir(folder).is_ok();
            path.ancestors().skip(1).take_while(empty).for_each(drop);
        }
        // A build script that told nothing runs again when a file is newer, not when one is gone.
        let fewer = now.keys().any(|path| !self.kept.contains_key(path));
        let again = |path: &Path| fewer && path.ends_with("build.rs");
        for (path, kept) in self.kept.iter().filter(|(path, kept)| now.get(*path) != Some(*kept) || again(path)) {
            kept.put(path);
        }
        let (own, kept) = (self.repository.path(".titer"), self.repository.beside("kept-titer"));
        if kept.exists() {
            fs::remove_dir_all(&own).unwrap();
            copy_tree(&kept, &own);
        }
    }

    fn files(&self) -> BTreeMap<PathBuf, Kept> {
        let tops = REACHED.map(|top| self.repository.beside(top));
        let edited = |entry: &walkdir::DirEntry| !NOT_EDITED.iter().any(|name| entry.file_name() == *name);
        let entries = tops.iter().flat_map(|top| walkdir::WalkDir::new(top).into_iter().filter_entry(edited));
        let leaves = entries.flatten().filter(|entry| !entry.file_type().is_dir());
        leaves.map(|entry| (entry.path().to_path_buf(), Kept::of(entry.path()))).collect()
    }
}

impl Kept {
    fn of(path: &Path) -> Self {
        match fs::read_link(path) {
            Ok(target) => Self::Link(target),
            Err(_) => Self::File(fs::read(path).unwrap(), fs::metadata(path).unwrap().permissions().mode()),
        }
    }

    fn put(&self, path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.symlink_metadata().is_ok() {
            fs::remove_file(path).unwrap();
        }
        match self {
            Self::Link(target) => symlink(target, path).unwrap(),
            Self::File(bytes, bits) => {
                fs::write(path, bytes).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(*bits)).unwrap();
            }
        }
    }
}

/// What cargo needs of the world: the toolchains, and nothing from registries.
fn variables() -> BTreeMap<String, String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let toolchains = std::env::var("RUSTUP_HOME").unwrap_or_else(|_| format!("{home}/.rustup"));
    let fixed = [("CARGO_NET_OFFLINE", "true"), ("CARGO_INCREMENTAL", "0"), ("CARGO_PROFILE_DEV_DEBUG", "0")];
    let mut all: BTreeMap<String, String> = fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    if Path::new(&toolchains).is_dir() {
        all.insert("RUSTUP_HOME".to_owned(), toolchains);
    }
    all
}

/// One target of a package, as far as the headers of `cargo test` name it.
struct Target {
    unit: String,
    package: String,
    stem: String,
    path: String,
    library: bool,
}

fn targets_of(package: &serde_json::Value) -> Vec<Target> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&package["name"]);
    let read = |target: &serde_json::Value| {
        let (own, kind) = (text(&target["name"]), text(&target["kind"][0]));
        let library = !["bin", "test", "example", "bench"].contains(&kind.as_str());
        let unit = if library { format!("{name}::lib") } else { format!("{name}::{kind}/{own}") };
        let stem = own.replace('-', "_");
        Target { unit, package: name.clone(), stem, path: text(&target["src_path"]), library }
    };
    package["targets"].as_array().into_iter().flatten().map(read).collect()
}

/// Which tests ran and whether they passed: cargo names the program before its tests.
fn tests(text: &str, targets: &[Target], plain: &BTreeSet<String>) -> BTreeMap<String, bool> {
    let mut unit = None;
    let mut ran = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix("Running ").filter(|header| header.ends_with(')')) {
            unit = Some(program(header, targets));
        } else if let Some(name) = line.strip_prefix("Doc-tests ") {
            let library = targets.iter().find(|target| target.library && target.stem == name);
            unit = library.map(|target| format!("{}::doc", target.package));
        } else if let (Some(unit), Some((test, passed))) = (&unit, verdict(line)) {
            let whole = unit.ends_with("::doc") || plain.contains(unit);
            let id = if whole { unit.clone() } else { format!("{unit}::{test}") };
            *ran.entry(id).or_insert(true) &= passed;
        }
    }
    ran
}

/// `unittests src/lib.rs (target/debug/deps/app-0123456789abcdef)` is `app::lib`.
fn program(header: &str, targets: &[Target]) -> String {
    let (path, exe) = header.trim_end_matches(')').rsplit_once(" (").unwrap_or((header, ""));
    let path = path.trim_start_matches("unittests ");
    let file = exe.rsplit('/').next().unwrap_or(exe);
    let stem = file.rsplit_once('-').map_or(file, |(stem, _)| stem);
    let fits = |target: &&Target| target.stem == stem && Path::new(&target.path).ends_with(path);
    let all: Vec<&Target> = targets.iter().filter(fits).collect();
    assert_eq!(all.len(), 1, "a case must give every test program a name of its own: {header}");
    all[0].unit.clone()
}

/// `test works - should panic ... ok`; an ignored test did not run.
fn verdict(line: &str) -> Option<(&str, bool)> {
    let (test, said) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let passed = match said {
        "ok" => true,
        "FAILED" => false,
        _ => return None,
    };
    Some((test.trim_end_matches(" - should panic"), passed))
}
