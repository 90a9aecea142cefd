//! A case file of `testdata/cargo-edits`: a repository whose tests cargo runs, and what each edit of it must run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::cargo_project::{Project, Seen};

/// Set while there is no titer to try, or a case is being written: only whether the edits break what they say is looked at.
const TRUTH_ONLY: &str = "TITER_TEST_TRUTH_ONLY";

/// One case file. Its format is described in `testdata/README.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// Why the file exists, one line.
    pub why: String,
    /// More words of `cargo test`.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// What the recording run records.
    #[serde(default)]
    pub record: Record,
    /// What the tests see of the environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The repository; `../outside/` is beside it.
    pub files: BTreeMap<String, String>,
    /// Links in it.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// Files that can be executed.
    #[serde(default)]
    pub executable: Vec<String>,
    /// Programs without a harness: each is one test.
    #[serde(default)]
    pub plain: BTreeSet<String>,
    /// Tests that may run whatever was edited.
    #[serde(default)]
    pub always: BTreeSet<String>,
    /// Each starts from the recorded state.
    pub edit: Vec<Edit>,
}

/// How much the recording run records.
#[derive(Debug, Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// What every run records.
    #[default]
    Crates,
    /// Functions, too.
    Deep,
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
    /// Exactly these run: `all`, `none`, or names, a package or a program standing for all of its tests.
    run: Option<Wanted>,
    /// `run` says which may, not which must.
    #[serde(skip)]
    run_is_bound: bool,
    /// These run, others may.
    at_least: Option<Wanted>,
    /// These stay out.
    not: Vec<String>,
    /// Reason codes of the plan.
    reasons: BTreeMap<String, String>,
    /// What comes of it without titer; unless told so, some test fails whenever something must run.
    breaks: Option<Breaks>,
    /// What comes after.
    then: Vec<Edit>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Wanted {
    Word(String),
    Tests(Vec<String>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Breaks {
    /// Whether some test fails.
    Some(bool),
    /// `build`: nothing can run.
    Word(String),
    /// Exactly these fail.
    Tests(Vec<String>),
}

impl Wanted {
    fn is_none(&self) -> bool {
        matches!(self, Self::Word(word) if word == "none")
    }

    /// Of the tests that are there: one that is gone cannot run, whatever the case calls `all`.
    fn among(&self, known: &BTreeSet<String>, there: &BTreeSet<String>) -> BTreeSet<String> {
        let all = match self {
            Self::Word(word) if word == "all" => known.clone(),
            Self::Word(word) if word == "none" => BTreeSet::new(),
            Self::Word(word) => panic!("`{word}` is neither all nor none"),
            Self::Tests(tests) => spread(tests, known),
        };
        all.intersection(there).cloned().collect()
    }
}

/// A package or a program stands for all of its tests.
fn spread(names: &[String], known: &BTreeSet<String>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for name in names {
        let inside =
            |test: &&String| test.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        let before = all.len();
        all.extend(known.iter().filter(inside).cloned());
        assert!(
            all.len() > before || known.iter().any(|test| inside(&test)),
            "the case names {name}, which is no test"
        );
    }
    all
}

/// Whether titer runs, or only cargo by itself.
pub fn titer_is_tried() -> bool {
    std::env::var_os(TRUTH_ONLY).is_none()
}

/// Where the case files are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cargo-edits")
}

impl Case {
    /// Reads the case file of this name.
    pub fn read(name: &str) -> Self {
        let path = folder().join(name).with_extension("toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn command(&self) -> Vec<&str> {
        let usual = ["cargo", "test", "--no-fail-fast"].into_iter();
        usual.chain(self.arguments.iter().map(String::as_str)).collect()
    }

    fn project(&self) -> Project {
        let mut made = Project::new(None);
        let repository = &mut made.repository;
        repository.variables.extend(self.env.clone());
        repository.write(".gitignore", "target\n");
        for (path, text) in &self.files {
            repository.write(path, text);
        }
        for path in &self.executable {
            repository.mode(path, 0o755);
        }
        for (path, target) in &self.links {
            repository.link(path, target);
        }
        repository.git(&["init", "-q", "-b", "main"]);
        made
    }

    /// Makes every edit where functions were recorded, too: no more runs than the crates say, and nothing is missed.
    pub fn try_edits_with_functions(mut self) -> Vec<String> {
        self.record = Record::Deep;
        for edit in &mut self.edit {
            edit.only_bounds();
        }
        self.try_edits()
    }

    /// Records, then makes every edit; returns what was not as it should be.
    pub fn try_edits(&self) -> Vec<String> {
        let mut project = self.project();
        let command = self.command();
        let whole = project.bare(&command, &self.plain);
        assert_eq!((whole.code, whole.failing().len()), (Some(0), 0), "the case itself is broken: {}", whole.text);
        // The lock file that cargo just wrote belongs to it.
        project.repository.commit("first");
        let mut judge = Judge { case: self, command, titer: titer_is_tried(), wrong: Vec::new() };
        if judge.titer {
            judge.record(&project, &whole);
        }
        project.keep();
        let variables = project.repository.variables.clone();
        for (number, edit) in self.edit.iter().enumerate() {
            if number > 0 {
                project.restore();
            }
            project.repository.variables.clone_from(&variables);
            edit.judge(&format!("{}. {}", number + 1, edit.name), &mut project, &whole.names(), &mut judge);
        }
        judge.wrong
    }
}

impl Edit {
    fn only_bounds(&mut self) {
        self.run_is_bound = true;
        self.at_least = None;
        self.reasons.clear();
        self.then.iter_mut().for_each(Self::only_bounds);
    }

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

    /// Applies, asks for the plan, runs under titer, then without it, and compares; then what follows on the same copy.
    /// titer is first: cargo may write a lock file, and titer has to do without it.
    fn judge(&self, name: &str, project: &mut Project, known: &BTreeSet<String>, judge: &mut Judge<'_>) {
        self.apply(project);
        let plan = if self.reasons.is_empty() || !judge.titer { BTreeMap::new() } else { judge.plan(project) };
        let ending = judge.titer.then(|| project.titer(&[], &judge.command, &judge.case.plain));
        let truth = project.bare(&judge.command, &judge.case.plain);
        let all: BTreeSet<String> = known.union(&truth.names()).cloned().collect();
        self.says_what_comes(name, &all, &truth, judge);
        if let Some(ending) = ending {
            judge.safety(name, known, &truth, &ending);
            self.selection(name, &all, &truth, &ending, judge);
            for (id, reason) in &self.reasons {
                let told = plan.get(&format!("cargo::{id}"));
                if told != Some(reason) {
                    judge.say(name, &format!("the reason of {id} is {told:?}, not {reason}"));
                }
            }
        }
        for (number, then) in self.then.iter().enumerate() {
            let name = format!("{name}, then {}. {}", number + 1, then.name);
            then.judge(&name, project, &all, judge);
        }
    }

    /// Whether the edit breaks without titer what the case says that it breaks.
    fn says_what_comes(&self, name: &str, known: &BTreeSet<String>, truth: &Seen, judge: &mut Judge<'_>) {
        let failing = truth.failing();
        let usual = Breaks::Some(!self.run.as_ref().is_some_and(Wanted::is_none));
        let right = match self.breaks.as_ref().unwrap_or(&usual) {
            Breaks::Some(false) => truth.code == Some(0) && failing.is_empty(),
            Breaks::Some(true) => !failing.is_empty(),
            Breaks::Word(word) => word == "build" && truth.did_not_build(),
            Breaks::Tests(tests) => failing == spread(tests, known),
        };
        if !right {
            let told = format!("{:?}, failing {failing:?}\n{}", truth.code, truth.text);
            judge.say(name, &format!("the case itself is broken: `breaks` is {:?}, the truth is {told}", self.breaks));
        }
    }

    fn selection(&self, name: &str, known: &BTreeSet<String>, truth: &Seen, ending: &Seen, judge: &mut Judge<'_>) {
        let (ran, there) = (ending.names(), truth.names());
        if let Some(wanted) = &self.run {
            let wanted = wanted.among(known, &there);
            let more: Vec<_> = ran.difference(&wanted).filter(|test| !judge.case.always.contains(*test)).collect();
            let less: Vec<_> = wanted.difference(&ran).filter(|_| !self.run_is_bound).collect();
            if !more.is_empty() || !less.is_empty() {
                judge.say(name, &format!("ran too much {more:?}, too little {less:?}\n{}", ending.text));
            }
        }
        let least = self.at_least.as_ref().map(|wanted| wanted.among(known, &there)).unwrap_or_default();
        if !least.is_subset(&ran) {
            judge.say(name, &format!("ran {ran:?}, not all of {least:?}"));
        }
        for test in spread(&self.not, known).intersection(&ran) {
            judge.say(name, &format!("ran {test}"));
        }
    }
}

/// Collects what was not as it should be.
struct Judge<'a> {
    case: &'a Case,
    command: Vec<&'a str>,
    /// Whether there is a titer to try.
    titer: bool,
    wrong: Vec<String>,
}

impl Judge<'_> {
    fn say(&mut self, name: &str, what: &str) {
        self.wrong.push(format!("{name}: {what}"));
    }

    /// The run that records, and one that finds nothing to do.
    fn record(&mut self, project: &Project, whole: &Seen) {
        let flags: &[&str] = if self.case.record == Record::Deep { &["--record=deep"] } else { &[] };
        let first = project.titer(flags, &self.command, &self.case.plain);
        let fine = first.code == Some(0) && first.ran == whole.ran && first.warnings().is_empty();
        assert!(fine, "the recording run: code {:?}, ran {:?}\n{}", first.code, first.ran, first.text);
        if self.case.record == Record::Crates && first.compiled() {
            self.say("the recording run", &format!("built again what was built\n{}", first.text));
        }
        let named: BTreeSet<String> = whole.ran.keys().map(|test| format!("cargo::{test}")).collect();
        let planned: BTreeSet<String> = self.plan(project).into_keys().collect();
        if !named.is_subset(&planned) {
            self.say("the plan", &format!("knows {planned:?}, not all of {named:?}"));
        }
        let again = project.titer(&[], &self.command, &self.case.plain);
        if !again.names().is_subset(&self.case.always) || again.code != Some(0) {
            self.say("without an edit", &format!("code {:?}, ran {:?}\n{}", again.code, again.names(), again.text));
        }
    }

    /// Whatever a case expects: no miss, the same exit code and verdicts, nothing built twice.
    fn safety(&mut self, name: &str, known: &BTreeSet<String>, truth: &Seen, ending: &Seen) {
        let new: BTreeSet<String> = truth.names().difference(known).cloned().collect();
        let ran = ending.names();
        let missed: Vec<String> = truth.failing().union(&new).filter(|test| !ran.contains(*test)).cloned().collect();
        if !missed.is_empty() {
            self.say(name, &format!("MISS {missed:?}\n{}", ending.text));
        }
        if ending.code != truth.code {
            let told = format!("exit code {:?}, without titer {:?}\n{}", ending.code, truth.code, ending.text);
            self.say(name, &told);
        }
        if truth.did_not_build() && !ending.text.contains("error") {
            self.say(name, &format!("does not show the compiler's error\n{}", ending.text));
        }
        let differs = |(test, passed): &(&String, &bool)| truth.ran.get(*test) != Some(*passed);
        let other: Vec<_> = ending.ran.iter().filter(differs).collect();
        if !other.is_empty() {
            self.say(name, &format!("these ended otherwise without titer: {other:?}\n{}", ending.text));
        }
        if ending.names() == truth.names() && !truth.ran.is_empty() && truth.compiled() {
            self.say(name, &format!("cargo had to build again after titer\n{}", truth.text));
        }
    }

    /// Reason codes by test, as `titer plan --json` tells them.
    fn plan(&mut self, project: &Project) -> BTreeMap<String, String> {
        let told = project.repository.titer(&[&["plan", "--json", "--"], self.command.as_slice()].concat());
        let Ok(plan) = serde_json::from_str::<serde_json::Value>(&told.stdout) else {
            self.say("titer plan --json", &format!("{:?} {}{}", told.code, told.stdout, told.stderr));
            return BTreeMap::new();
        };
        let tests = plan["tests"].as_array().into_iter().flatten();
        tests.filter_map(|row| Some((row["id"].as_str()?.to_owned(), row["reason"].as_str()?.to_owned()))).collect()
    }
}
