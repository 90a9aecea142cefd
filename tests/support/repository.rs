//! A scratch repository with a home of its own, under one path that never changes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Ending, Going, Interpreter};

/// A folder for one test: the repository, a home, a place for output; deleted at the end.
pub struct Repository {
    place: TempDir,
    /// The interpreter that is first on `PATH`.
    pub interpreter: Interpreter,
    /// Variables on top of the scrubbed environment.
    pub variables: BTreeMap<String, String>,
}

impl Repository {
    /// An empty folder without git.
    pub fn bare(interpreter: Interpreter) -> Self {
        let place = tempfile::Builder::new().prefix("titer-test-").tempdir().unwrap();
        for folder in ["repo", "home", "out", "witness", "tmp"] {
            fs::create_dir(place.path().join(folder)).unwrap();
        }
        fs::write(place.path().join("witness/titer_witness.py"), include_str!("witness.py")).unwrap();
        Self { place, interpreter, variables: BTreeMap::new() }
    }

    /// A git repository with these files committed on `main`.
    pub fn with(interpreter: Interpreter, files: &[(&str, &str)]) -> Self {
        let made = Self::bare(interpreter);
        for (path, text) in files {
            made.write(path, text);
        }
        made.git(&["init", "-q", "-b", "main"]);
        made.commit("first");
        made
    }

    /// The repository's root.
    pub fn root(&self) -> PathBuf {
        self.place.path().join("repo")
    }

    /// A path beside the repository.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A path in the repository.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Writes a file, with its folders.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Copies the files of a folder of this repository into the root; bytecode that somebody's Python left there stays out.
    pub fn copy_in(&self, folder: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in walkdir::WalkDir::new(&from).into_iter().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type());
            if kind.is_file() && path.extension().is_none_or(|kind| kind != "pyc") {
                let inside = path.strip_prefix(&from).unwrap().to_string_lossy().into_owned();
                self.write(&inside, fs::read(path).unwrap());
            }
        }
    }

    /// Replaces one text that must be there.
    pub fn replace(&self, path: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(text.contains(old), "{path} does not hold {old:?}");
        self.write(path, text.replacen(old, new, 1));
    }

    /// Removes a file, a link or a folder.
    pub fn delete(&self, path: &str) {
        let path = self.path(path);
        let kind = fs::symlink_metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if kind.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    /// Makes a link, in place of whatever was there.
    pub fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path).unwrap();
        }
        symlink(target, path).unwrap();
    }

    /// Sets the mode bits of a file.
    pub fn mode(&self, path: &str, bits: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(bits)).unwrap();
    }

    /// Runs git in the repository; it must succeed.
    pub fn git(&self, arguments: &[&str]) {
        let mut git = self.command("git", &self.root());
        git.args(["-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"]);
        let done = git.args(arguments).output().unwrap();
        assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Commits everything as if it were that time.
    pub fn commit_at(&self, at: &str, message: &str) {
        self.git(&["add", "-A"]);
        let mut git = self.command("git", &self.root());
        git.env("GIT_COMMITTER_DATE", at).env("GIT_AUTHOR_DATE", at);
        git.args(["-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"]);
        assert!(git.args(["commit", "-q", "--allow-empty", "-m", message]).status().unwrap().success());
    }

    /// Commits everything as if so many days ago, at noon.
    pub fn commit_before(&self, days: i64, message: &str) {
        self.commit_at(&format!("{}T12:00:00Z", day(days)), message);
    }

    /// A command in `folder` that sees nothing of the environment that the tests themselves run in.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        let first = self.interpreter.programs.display();
        command.env_clear().current_dir(folder);
        command
            .env("PATH", format!("{first}:{path}"))
            .env("HOME", self.beside("home"))
            .env("TMPDIR", self.beside("tmp"));
        command.env("LANG", "C.UTF-8").env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PYTHONPATH", self.beside("witness")).env("PYTEST_PLUGINS", "titer_witness");
        command.envs(&self.variables);
        command
    }

    /// Starts `titer ARGUMENTS` in the root.
    pub fn titer(&self, arguments: &[&str]) -> Ending {
        self.start_titer(arguments).wait()
    }

    /// Starts `titer ARGUMENTS` and does not wait.
    pub fn start_titer(&self, arguments: &[&str]) -> Going {
        let mut command = self.command(env!("CARGO_BIN_EXE_titer"), &self.root());
        command.args(arguments);
        Going::start(self, command)
    }

    /// `titer run -- COMMAND`.
    pub fn run(&self, command: &[&str]) -> Ending {
        self.titer(&[&["run", "--"], command].concat())
    }

    /// The command without titer, in a copy, so that it leaves nothing behind.
    pub fn truth(&self, command: &[&str]) -> Ending {
        let copy = self.beside("truth");
        copy_tree(&self.root(), &copy);
        let mut bare = self.command(command[0], &copy);
        bare.args(&command[1..]);
        let ending = Going::start(self, bare).wait();
        fs::remove_dir_all(copy).unwrap();
        ending
    }

    /// Keeps the state of the repository under a name.
    pub fn keep(&self, name: &str) {
        copy_tree(&self.root(), &self.beside(name));
    }

    /// Goes back to a kept state, under the same path.
    pub fn restore(&self, name: &str) {
        fs::remove_dir_all(self.root()).unwrap();
        copy_tree(&self.beside(name), &self.root());
    }

    /// The rows that `titer sql --json`-like output holds: the plain text of one query.
    pub fn sql(&self, query: &str) -> String {
        let told = self.titer(&["sql", query]);
        assert_eq!(told.code, Some(0), "titer sql: {}", told.stderr);
        told.stdout
    }
}

/// The day so many days before today, in UTC.
pub fn day(before: i64) -> String {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * before);
    at.to_string()[..10].to_owned()
}

/// `cp -a`: links stay links, times stay times (a selector that trusts times must not be helped by new ones).
pub fn copy_tree(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success(), "cp -a {} {}", from.display(), to.display());
}
