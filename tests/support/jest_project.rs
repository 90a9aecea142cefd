//! A repository whose tests jest runs, with and without titer, judged by jest's own report.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{Ending, Interpreter, Repository};

/// A tree of packages with one version of jest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Packages {
    /// 29.7
    Jest29,
    /// 30.0
    Jest30,
    /// The newest that is pinned.
    Newest,
}

impl Packages {
    fn name(self) -> &'static str {
        match self {
            Self::Jest29 => "jest-29.7",
            Self::Jest30 => "jest-30.0",
            Self::Newest => "jest-newest",
        }
    }

    /// The folder that holds `node_modules`; without one nothing of jest can be tested.
    pub fn folder(self) -> PathBuf {
        let variable = format!("TITER_TEST_NODE_{}", self.name().replace(['-', '.'], "_").to_uppercase());
        if let Some(named) = std::env::var_os(&variable) {
            return PathBuf::from(named);
        }
        let target = Path::new(env!("CARGO_BIN_EXE_titer")).ancestors().nth(2).unwrap();
        let all = fs::read_dir(target.join("titer-node")).into_iter().flatten().filter_map(Result::ok);
        let fits = |path: &PathBuf| path.join("ready").is_file() && path.to_string_lossy().contains(self.name());
        all.map(|entry| entry.path()).find(fits).unwrap_or_else(|| panic!("no packages of {self:?}: run .ci/test"))
    }
}

/// The repository.
pub struct Project {
    /// It.
    pub repository: Repository,
    packages: Packages,
}

/// What jest reported.
#[derive(Debug, Default)]
pub struct Seen {
    /// The exit code.
    pub code: Option<i32>,
    /// Test file to whether it passed.
    pub files: BTreeMap<String, bool>,
    /// Test, as titer calls it, to how it ended.
    pub tests: BTreeMap<String, String>,
    /// All that was said.
    pub text: String,
}

impl Seen {
    /// The test files that ran.
    pub fn ran(&self) -> BTreeSet<String> {
        self.files.keys().cloned().collect()
    }

    /// Those that failed.
    pub fn failing(&self) -> BTreeSet<String> {
        self.files.iter().filter(|(_, passed)| !**passed).map(|(file, _)| file.clone()).collect()
    }

    /// titer's warnings.
    pub fn warnings(&self) -> Vec<&str> {
        self.text.lines().filter(|line| line.starts_with("titer: warning:")).collect()
    }
}

impl Project {
    /// An empty git repository beside these packages.
    pub fn new(packages: Packages) -> Self {
        let node = which("node");
        let programs = node.parent().unwrap_or(Path::new("/")).to_path_buf();
        let repository = Repository::bare(Interpreter { programs });
        repository.write(".gitignore", "node_modules\n");
        let modules = packages.folder().join("node_modules");
        repository.link("node_modules", modules.to_str().unwrap());
        repository.git(&["init", "-q", "-b", "main"]);
        Self { repository, packages }
    }

    /// A folder of packages of its own, in which those with jest are links.
    pub fn link_packages_singly(&self) {
        self.repository.delete("node_modules");
        let modules = self.packages.folder().join("node_modules");
        for entry in fs::read_dir(&modules).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            self.repository.link(&format!("node_modules/{name}"), entry.path().to_str().unwrap());
        }
    }

    /// Which packages it has.
    pub fn packages(&self) -> Packages {
        self.packages
    }

    /// `node …/jest.js` with these words.
    pub fn jest(words: &[&str]) -> Vec<String> {
        let jest = ["node", "node_modules/jest/bin/jest.js"];
        jest.iter().chain(words).map(|word| (*word).to_owned()).collect()
    }

    /// The command under titer, jest's report asked for.
    pub fn titer(&self, command: &[String]) -> Seen {
        let report = self.repository.beside("out/report.json");
        let _ = fs::remove_file(&report);
        let command = reporting(command, &report);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let ending = self.repository.run(&words);
        seen(&ending, &report, &self.repository.root())
    }

    /// The command without titer, in a copy.
    pub fn bare(&self, command: &[String]) -> Seen {
        let report = self.repository.beside("out/truth.json");
        let _ = fs::remove_file(&report);
        let command = reporting(command, &report);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let ending = self.repository.truth(&words);
        seen(&ending, &report, &self.repository.beside("truth"))
    }
}

fn reporting(command: &[String], report: &Path) -> Vec<String> {
    let more = ["--json".to_owned(), format!("--outputFile={}", report.display())];
    command.iter().cloned().chain(more).collect()
}

fn seen(ending: &Ending, report: &Path, root: &Path) -> Seen {
    let mut seen = Seen { code: ending.code, text: format!("{}{}", ending.stdout, ending.stderr), ..Seen::default() };
    let Ok(bytes) = fs::read(report) else { return seen };
    let told: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {seen:?}"));
    for file in told["testResults"].as_array().into_iter().flatten() {
        let path = file["name"].as_str().unwrap_or_default();
        let name = path.strip_prefix(&format!("{}/", root.display())).unwrap_or(path).to_owned();
        for test in file["assertionResults"].as_array().into_iter().flatten() {
            let titles = test["ancestorTitles"].as_array().into_iter().flatten().chain([&test["title"]]);
            let own: Vec<&str> = titles.filter_map(serde_json::Value::as_str).collect();
            let id = format!("jest::{name}::{}", own.join(" > "));
            // In two projects it is there twice: what failed once failed.
            let status = test["status"].as_str().unwrap_or_default().to_owned();
            let known = seen.tests.entry(id).or_insert_with(|| status.clone());
            if status == "failed" {
                *known = status;
            }
        }
        let passed = file["status"] == "passed";
        seen.files.entry(name).and_modify(|all| *all &= passed).or_insert(passed);
    }
    seen
}

/// Where a program is on `PATH`.
pub fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("no {program} on PATH: the tests of jest need Node.js with npm"))
}
