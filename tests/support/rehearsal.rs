//! A repository with a remote of its own, and machines of CI that are empty before each job: only git, a folder of caches and one of
//! artifacts go from one job to another.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Repository;
use super::repository::copy_tree;

/// What starts a pipeline; commits are their full names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Of `main`, as it is now.
    Push,
    /// Of `main`, by the clock.
    Weekly,
    /// Of the branch `topic`, as it is now.
    Pull,
}

/// How a job ended.
#[derive(Debug)]
pub struct Job {
    /// As the recipe calls it.
    pub name: String,
    /// Whether all of its steps did what they should.
    pub passed: bool,
    /// What its lines printed, both streams.
    pub said: String,
}

/// A developer's clone, the remote, and what a CI system keeps.
pub struct Rehearsal {
    /// The developer's clone.
    pub repository: Repository,
    /// The text of the private key that the CI system keeps for the job that seals.
    pub key: String,
    count: Cell<u32>,
}

/// Stands for Buildkite's own program.
const AGENT: &str = "#!/bin/bash\ncase \"$1 $2\" in\n\"secret get\") printf '%s' \"$REHEARSED_KEY\" ;;\n\
    \"artifact download\") cp \"$REHEARSED_ARTIFACTS/$3\" \"$4\" ;;\n*) exit 9 ;;\nesac\n";

/// Lines that would fetch something from a registry: here all of it is there.
const FETCHES: [&str; 5] = ["pip install", "pipx install", "npm ", "apt-get ", "curl "];

impl Rehearsal {
    /// Makes a remote for the repository, and pushes `main`.
    pub fn new(repository: Repository, key: &str) -> Self {
        let made = Self { repository, key: key.to_owned(), count: Cell::new(0) };
        for folder in ["caches", "artifacts", "programs"] {
            fs::create_dir(made.repository.beside(folder)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_titer"), made.repository.beside("programs/titer")).unwrap();
        let agent = made.repository.beside("programs/buildkite-agent");
        fs::write(&agent, AGENT).unwrap();
        fs::set_permissions(agent, fs::Permissions::from_mode(0o755)).unwrap();
        made.repository.git(&["init", "-q", "--bare", "-b", "main", made.remote().to_str().unwrap()]);
        // As forges have it: any commit may be fetched by name, options may come with a push.
        for name in ["uploadpack.allowAnySHA1InWant", "receive.advertisePushOptions"] {
            made.git(&made.remote(), &["config", name, "true"]);
        }
        made.repository.git(&["remote", "add", "origin", &made.address()]);
        made.push("main");
        made
    }

    fn remote(&self) -> PathBuf {
        self.repository.beside("origin.git")
    }

    /// A protocol, so that a shallow fetch is one.
    fn address(&self) -> String {
        format!("file://{}", self.remote().display())
    }

    /// Pushes what is checked out as a branch.
    pub fn push(&self, branch: &str) {
        self.repository.git(&["push", "-q", "--force", "origin", &format!("HEAD:refs/heads/{branch}")]);
    }

    /// The commit of a name in the remote, if it is there.
    pub fn commit_of(&self, name: &str) -> Option<String> {
        let told = self.repository.command("git", &self.remote()).args(["rev-parse", "--verify", "-q", name]).output();
        let told = String::from_utf8(told.unwrap().stdout).unwrap().trim().to_owned();
        (!told.is_empty()).then_some(told)
    }

    /// What git prints in a folder; it must succeed.
    pub fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let done = self.repository.command("git", folder).args(arguments).output().unwrap();
        assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// What git prints in the remote.
    pub fn in_remote(&self, arguments: &[&str]) -> String {
        self.git(&self.remote(), arguments)
    }

    /// An empty machine with a clone: these names are fetched, so many commits deep (0 for all), and one commit is checked out, on a branch or not.
    pub fn machine(&self, depth: u32, names: &[&str], checkout: &[&str]) -> Machine<'_> {
        let place = self.repository.beside("machine");
        let _ = fs::remove_dir_all(&place);
        // The same path for every job, as CI systems have it.
        let folder = place.join("work/shop");
        fs::create_dir_all(&folder).unwrap();
        self.git(&folder, &["init", "-q", "-b", "nothing"]);
        self.git(&folder, &["remote", "add", "origin", &self.address()]);
        let depth = format!("--depth={depth}");
        let flags: &[&str] = if depth == "--depth=0" { &["--tags"] } else { &[&depth, "--no-tags"] };
        self.git(&folder, &[&["fetch", "-q"], flags, &["origin"], names].concat());
        self.git(&folder, &[&["checkout", "-q", "--force"], checkout].concat());
        // What the lines that fetch would have brought.
        if let Ok(packages) = fs::canonicalize(self.repository.path("node_modules")) {
            symlink(packages, folder.join("node_modules")).unwrap();
        }
        Machine { of: self, folder, variables: BTreeMap::new() }
    }

    /// A number that no pipeline had before.
    pub fn next(&self) -> u32 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    /// What is in the folder of caches: every path, with the bytes of files.
    pub fn caches(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let all = walkdir::WalkDir::new(self.repository.beside("caches")).into_iter().map(Result::unwrap);
        all.map(|entry| (entry.path().to_owned(), fs::read(entry.path()).unwrap_or_default())).collect()
    }

    /// An artifact that a job has kept.
    pub fn artifact(&self, name: &str) -> PathBuf {
        self.repository.beside("artifacts").join(name)
    }
}

/// A machine of CI during one job.
pub struct Machine<'a> {
    of: &'a Rehearsal,
    /// The clone.
    pub folder: PathBuf,
    /// What the CI system sets.
    pub variables: BTreeMap<String, String>,
}

impl Machine<'_> {
    /// Runs lines as a recipe has them, but those that fetch something; returns whether they succeeded.
    pub fn bash(&self, lines: &str, said: &mut String) -> bool {
        let kept = |line: &&str| !FETCHES.iter().any(|start| line.trim_start().starts_with(start));
        let script: Vec<&str> = lines.lines().filter(kept).collect();
        let mut bash: Command = self.of.repository.command("bash", &self.folder);
        let programs = [self.of.repository.beside("programs"), self.of.repository.interpreter.programs.clone()];
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(programs.into_iter().chain(std::env::split_paths(&rest))).unwrap();
        bash.env("PATH", path).env("XDG_CACHE_HOME", self.folder.join("../../cache"));
        bash.env("REHEARSED_ARTIFACTS", self.of.repository.beside("artifacts"));
        bash.envs(&self.variables).args(["-e", "-c", &script.join("\n")]);
        let done = bash.output().unwrap();
        let (printed, told) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        said.extend(["$ ", &script.join("\n$ "), "\n", &printed, &told]);
        done.status.success()
    }

    /// Puts a cache back, if there is one.
    pub fn restore(&self, name: &str, path: &str) {
        let kept = self.of.repository.beside("caches").join(name);
        if kept.exists() {
            let to = self.folder.join(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            copy_tree(&kept, &to);
        }
    }

    /// Keeps a folder as a cache, in the place of one of that name.
    pub fn save(&self, path: &str, name: &str) {
        let kept = self.of.repository.beside("caches").join(name);
        let _ = fs::remove_dir_all(&kept);
        copy_tree(&self.folder.join(path), &kept);
    }

    /// Keeps a file as an artifact, if it is there.
    pub fn keep(&self, path: &str, name: &str) {
        if let Ok(bytes) = fs::read(self.folder.join(path)) {
            fs::write(self.of.artifact(name), bytes).unwrap();
        }
    }

    /// Brings an artifact here.
    pub fn bring(&self, name: &str) {
        if let Ok(bytes) = fs::read(self.of.artifact(name)) {
            fs::write(self.folder.join(name), bytes).unwrap();
        }
    }
}
