//! A case file of `testdata/jest-edits`: a repository whose tests jest runs, and what each edit of it must run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::jest_project::{Packages, Project, Seen};

/// One case file. Its format is described in `testdata/README.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// Why the file exists, one line.
    pub why: String,
    /// More words of `jest`.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Options of node itself.
    #[serde(default)]
    pub node: Vec<String>,
    /// What the tests see of the environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files that git does not know.
    #[serde(default)]
    pub ignored: BTreeMap<String, String>,
    /// The repository.
    pub files: BTreeMap<String, String>,
    /// Links in it.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// Files that can be executed.
    #[serde(default)]
    pub executable: Vec<String>,
    /// Test files that may run whatever was edited.
    #[serde(default)]
    pub always: BTreeSet<String>,
    /// The only packages that it is for.
    #[serde(default)]
    pub only: Option<String>,
    /// Each starts from the recorded state.
    pub edit: Vec<Edit>,
}

/// One edit, and the edits that follow it on the same copy.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Edit {
    /// What is done, in a few words.
    pub name: String,
    rename: Vec<[String; 2]>,
    delete: Vec<String>,
    write: BTreeMap<String, String>,
    append: BTreeMap<String, String>,
    replace: Vec<[String; 3]>,
    mode: BTreeMap<String, String>,
    link: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    /// Exactly these test files run: `all`, `none`, or their paths.
    run: Option<Wanted>,
    /// These run, others may.
    at_least: Option<Wanted>,
    /// These stay out.
    not: Vec<String>,
    /// Whether a test fails without titer; unless told so, whenever something must run.
    breaks: Option<bool>,
    /// What comes after.
    then: Vec<Edit>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Wanted {
    Word(String),
    Files(BTreeSet<String>),
}

impl Wanted {
    fn is_none(&self) -> bool {
        matches!(self, Self::Word(word) if word == "none")
    }

    fn among(&self, there: &BTreeSet<String>) -> BTreeSet<String> {
        match self {
            Self::Word(word) if word == "all" => there.clone(),
            Self::Word(word) if word == "none" => BTreeSet::new(),
            Self::Word(word) => panic!("`{word}` is neither all nor none"),
            Self::Files(files) => files.intersection(there).cloned().collect(),
        }
    }
}

/// How much of a case is tried.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// Under which packages.
    pub packages: Packages,
    /// Every edit whose number leaves the first over when divided by the second.
    pub every: (usize, usize),
    /// Whether the file tracer runs; without it more may run than must.
    pub traced: bool,
}

/// Where the case files are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/jest-edits")
}

impl Case {
    /// Reads the case file of this name.
    pub fn read(name: &str) -> Self {
        let path = folder().join(name).with_extension("toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn project(&self, packages: Packages) -> Project {
        let mut made = Project::new(packages);
        if self.files.keys().any(|path| path.starts_with("node_modules/")) {
            made.link_packages_singly();
        }
        let repository = &mut made.repository;
        repository.variables.extend(self.env.clone());
        let ignored: Vec<String> = self.ignored.keys().map(|path| format!("/{path}")).collect();
        repository.write(".gitignore", format!("node_modules\n{}\n", ignored.join("\n")));
        for (path, text) in self.files.iter().chain(&self.ignored) {
            repository.write(path, text);
        }
        for path in &self.executable {
            repository.mode(path, 0o755);
        }
        for (path, target) in &self.links {
            repository.link(path, target);
        }
        repository.commit("first");
        made
    }

    /// Records, then makes the edits; returns what was not as it should be.
    pub fn try_edits(&self, trial: Trial) -> Vec<String> {
        let only = self.only.as_deref();
        if only.is_some_and(|only| (only == "29") != (trial.packages == Packages::Jest29)) {
            return Vec::new();
        }
        let (rest, of) = trial.every;
        if self.edit.len() <= rest {
            return Vec::new();
        }
        let mut project = self.project(trial.packages);
        if !trial.traced {
            project.repository.variables.insert("TITER_TRACE".to_owned(), "0".to_owned());
        }
        let words: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut command = Project::jest(&words);
        command.splice(1..1, self.node.iter().cloned());
        let mut judge = Judge { case: self, command, trial, wrong: Vec::new() };
        judge.record(&project);
        project.repository.keep("recorded");
        let variables = project.repository.variables.clone();
        for (number, edit) in self.edit.iter().enumerate().filter(|(number, _)| number % of == rest) {
            project.repository.restore("recorded");
            project.repository.variables.clone_from(&variables);
            edit.judge(&format!("{}. {}", number + 1, edit.name), &mut project, &mut judge);
        }
        judge.wrong
    }
}

impl Edit {
    fn apply(&self, project: &mut Project) {
        let repository = &mut project.repository;
        for [from, to] in &self.rename {
            let (from, to) = (repository.path(from), repository.path(to));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(from, to).unwrap();
        }
        for path in &self.delete {
            repository.delete(path);
        }
        for (path, text) in &self.write {
            repository.write(path, text);
        }
        for (path, text) in &self.append {
            let before = fs::read_to_string(repository.path(path)).unwrap();
            repository.write(path, before + text);
        }
        for [path, old, new] in &self.replace {
            repository.replace(path, old, new);
        }
        for (path, bits) in &self.mode {
            repository.mode(path, u32::from_str_radix(bits, 8).unwrap());
        }
        for (path, target) in &self.link {
            repository.link(path, target);
        }
        repository.variables.extend(self.env.clone());
    }

    /// Applies, runs under titer, then without it, and compares; then what follows on the same copy.
    fn judge(&self, name: &str, project: &mut Project, judge: &mut Judge<'_>) {
        self.apply(project);
        let truth = project.bare(&judge.command);
        let ending = project.titer(&judge.command);
        let breaks = self.breaks.unwrap_or(!self.run.as_ref().is_some_and(Wanted::is_none));
        if breaks == (truth.code == Some(0)) {
            let told = format!("{:?}, {:?}\n{}", truth.code, truth.failing(), truth.text);
            judge.say(name, &format!("the case itself is broken: `breaks` is {breaks}, the truth is {told}"));
        }
        judge.safety(name, &truth, &ending);
        if judge.trial.traced {
            self.selection(name, &truth, &ending, judge);
        }
        for (number, then) in self.then.iter().enumerate() {
            then.judge(&format!("{name}, then {}. {}", number + 1, then.name), project, judge);
        }
    }

    fn selection(&self, name: &str, truth: &Seen, ending: &Seen, judge: &mut Judge<'_>) {
        let (ran, there) = (ending.ran(), truth.ran());
        if let Some(wanted) = &self.run {
            let wanted = wanted.among(&there);
            let more: Vec<_> = ran.difference(&wanted).filter(|file| !judge.case.always.contains(*file)).collect();
            let less: Vec<_> = wanted.difference(&ran).collect();
            if !more.is_empty() || !less.is_empty() {
                judge.say(name, &format!("ran too much {more:?}, too little {less:?}\n{}", ending.text));
            }
        }
        let least = self.at_least.as_ref().map(|wanted| wanted.among(&there)).unwrap_or_default();
        if !least.is_subset(&ran) {
            judge.say(name, &format!("ran {ran:?}, not all of {least:?}\n{}", ending.text));
        }
        for file in self.not.iter().filter(|file| ran.contains(*file)) {
            judge.say(name, &format!("ran {file}\n{}", ending.text));
        }
    }
}

/// Collects what was not as it should be.
struct Judge<'a> {
    case: &'a Case,
    command: Vec<String>,
    trial: Trial,
    wrong: Vec<String>,
}

impl Judge<'_> {
    fn say(&mut self, name: &str, what: &str) {
        self.wrong.push(format!("{:?} {name}: {what}", self.trial.packages));
    }

    /// The run that records, and one that finds nothing to do.
    fn record(&mut self, project: &Project) {
        let truth = project.bare(&self.command);
        assert_eq!(truth.code, Some(0), "the case itself is broken: {}", truth.text);
        let first = project.titer(&self.command);
        let fine = first.code == Some(0) && first.tests == truth.tests && first.warnings().is_empty();
        assert!(fine, "the recording run: code {:?}, ran {:?}\n{}", first.code, first.tests, first.text);
        let again = project.titer(&self.command);
        let quiet = again.ran().is_subset(&self.case.always) || !self.trial.traced;
        if !quiet || again.code != Some(0) {
            self.say("without an edit", &format!("code {:?}, ran {:?}\n{}", again.code, again.ran(), again.text));
        }
    }

    /// Whatever a case expects: no miss, the same exit code and verdicts.
    fn safety(&mut self, name: &str, truth: &Seen, ending: &Seen) {
        let ran = ending.ran();
        let missed: Vec<String> = truth.failing().difference(&ran).cloned().collect();
        if !missed.is_empty() {
            self.say(name, &format!("MISS {missed:?}\n{}", ending.text));
        }
        if ending.code != truth.code {
            let told = format!("exit code {:?}, without titer {:?}\n{}", ending.code, truth.code, ending.text);
            self.say(name, &told);
        }
        let differs = |(test, how): &(&String, &String)| truth.tests.get(*test) != Some(*how);
        let other: Vec<_> = ending.tests.iter().filter(differs).collect();
        if !other.is_empty() {
            self.say(name, &format!("these ended otherwise without titer: {other:?}\n{}", ending.text));
        }
    }
}
