//! A case file of `testdata/pytest-edits`: a repository and what each edit of it must run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Ending, Interpreter, Repository};

/// One case file. Its format is described in `testdata/README.md`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// Why the file exists, one line.
    pub why: String,
    /// Files that nobody uses, so that one read is not a large part of the tree.
    #[serde(default)]
    pub padding: usize,
    /// The user's command, where it is not the usual one.
    #[serde(default = "usual")]
    pub command: Vec<String>,
    /// Flags of the recording run.
    #[serde(default)]
    pub record: Vec<String>,
    /// What the tests see of the environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The repository.
    pub files: BTreeMap<String, String>,
    /// Links in it.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// Files that can be executed.
    #[serde(default)]
    pub executable: Vec<String>,
    /// git commands after the first commit, before recording.
    #[serde(default)]
    pub git: Vec<String>,
    /// Tests that take the tracer away where there is no `sys.monitoring`: under the oldest interpreter they always run.
    #[serde(default)]
    pub untraced_old: BTreeSet<String>,
    /// Each starts from the recorded state.
    pub edit: Vec<Edit>,
}

/// One edit, and the edits that follow it on the same copy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[derive(Default)]
pub struct Edit {
    /// What is done, in a few words.
    pub name: String,
    write: BTreeMap<String, String>,
    replace: Vec<[String; 3]>,
    delete: Vec<String>,
    rename: Vec<[String; 2]>,
    mode: BTreeMap<String, String>,
    link: BTreeMap<String, String>,
    git: Vec<String>,
    env: BTreeMap<String, String>,
    /// Exactly these run: `all`, `none`, or ids, a file's path standing for all of its tests.
    run: Option<Wanted>,
    /// These run, others may.
    at_least: Option<Wanted>,
    /// These stay out.
    not: Vec<String>,
    /// Reason codes of the plan.
    reasons: BTreeMap<String, String>,
    /// Whether a test must break; unless told so, whenever something must run.
    breaks: Option<bool>,
    /// Also under the oldest interpreter.
    pub old: bool,
    /// What comes after.
    then: Vec<Edit>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Wanted {
    Word(String),
    Ids(Vec<String>),
}

impl Wanted {
    fn is_none(&self) -> bool {
        matches!(self, Self::Word(word) if word == "none")
    }

    fn ids(&self, known: &BTreeSet<String>) -> BTreeSet<String> {
        match self {
            Self::Word(word) if word == "all" => known.clone(),
            Self::Word(word) if word == "none" => BTreeSet::new(),
            Self::Word(word) => panic!("`{word}` is neither all nor none"),
            Self::Ids(ids) => ids.iter().flat_map(|id| spread(id, known)).collect(),
        }
    }
}

/// A path stands for all tests of its file, an id for itself.
fn spread(id: &str, known: &BTreeSet<String>) -> Vec<String> {
    let inside: Vec<String> = known.iter().filter(|test| test.split("::").next() == Some(id)).cloned().collect();
    let known = !inside.is_empty() || known.contains(id);
    assert!(known, "the case names {id}, which is no test");
    if inside.is_empty() { vec![id.to_owned()] } else { inside }
}

fn usual() -> Vec<String> {
    ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"].map(str::to_owned).to_vec()
}

/// Where the case files are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pytest-edits")
}

impl Case {
    /// Reads the case file of this name.
    pub fn read(name: &str) -> Self {
        Self::read_from(&folder(), name)
    }

    /// Reads the case file of this name in another folder.
    pub fn read_from(folder: &Path, name: &str) -> Self {
        let path = folder.join(name).with_extension("toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn repository(&self, interpreter: Interpreter) -> Repository {
        let mut made = Repository::bare(interpreter);
        made.variables.clone_from(&self.env);
        for (path, text) in &self.files {
            made.write(path, text);
        }
        for number in 0..self.padding {
            made.write(&format!("padding/p{number:02}.txt"), number.to_string());
        }
        for path in &self.executable {
            made.mode(path, 0o755);
        }
        for (path, target) in &self.links {
            made.link(path, target);
        }
        made.git(&["init", "-q", "-b", "main"]);
        made.commit("first");
        for line in &self.git {
            made.git(&line.split(' ').collect::<Vec<_>>());
        }
        made
    }

    /// Makes every edit that `chosen` takes where the file tracer is switched off: more may run than must, nothing may be missed.
    pub fn try_edits_without_the_file_tracer(
        &self,
        interpreter: Interpreter,
        chosen: impl Fn(usize, &Edit) -> bool,
    ) -> Vec<String> {
        let mut repository = self.repository(interpreter);
        let off = ("TITER_TRACE".to_owned(), "0".to_owned());
        repository.variables.extend([off.clone()]);
        let command: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let first = repository.run(&command);
        first.exits(0).warns_never();
        let known = first.ran();
        let mut judge = Judge { command: &command, untraced: &known, safety_only: true, wrong: Vec::new() };
        repository.keep("recorded");
        for (number, edit) in self.edit.iter().enumerate().filter(|(number, edit)| chosen(*number, edit)) {
            repository.restore("recorded");
            repository.variables.clone_from(&self.env);
            repository.variables.extend([off.clone()]);
            edit.judge(&format!("{}. {}", number + 1, edit.name), &mut repository, &known, &mut judge);
        }
        judge.wrong
    }

    /// Records, then makes every edit that `chosen` takes; returns what was not as it should be.
    pub fn try_edits(
        &self,
        interpreter: Interpreter,
        untraced: &BTreeSet<String>,
        chosen: impl Fn(usize, &Edit) -> bool,
    ) -> Vec<String> {
        let mut repository = self.repository(interpreter);
        let command: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let whole = repository.truth(&command);
        assert_eq!((whole.code, whole.failing().len()), (Some(0), 0), "the case itself is broken: {}", whole.stdout);
        let flags: Vec<&str> = self.record.iter().map(String::as_str).collect();
        let first = repository.titer(&[&["run"], flags.as_slice(), &["--"], &command].concat());
        first.exits(0).warns_never();
        // The second pass of a deep record runs everything, too.
        let passes = if flags.contains(&"--record=deep") { 2 } else { 1 };
        let times = whole.times().into_iter().map(|(test, times)| (test, times * passes)).collect();
        assert_eq!(first.times(), times, "the recording run did not run everything");
        let mut judge = Judge { command: &command, untraced, safety_only: false, wrong: Vec::new() };
        let again = repository.run(&command);
        if !again.ran().is_subset(untraced) || again.code != Some(0) {
            let told = format!("code {:?}, ran {:?}\n{}", again.code, again.ran(), again.stderr);
            judge.say("without an edit", &told);
        }
        repository.keep("recorded");
        for (number, edit) in self.edit.iter().enumerate().filter(|(number, edit)| chosen(*number, edit)) {
            repository.restore("recorded");
            repository.variables.clone_from(&self.env);
            edit.judge(&format!("{}. {}", number + 1, edit.name), &mut repository, &whole.ran(), &mut judge);
        }
        judge.wrong
    }
}

impl Edit {
    fn apply(&self, repository: &mut Repository) {
        for [from, to] in &self.rename {
            let to = repository.path(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(repository.path(from), to).unwrap();
        }
        for path in &self.delete {
            repository.delete(path);
        }
        for (path, text) in &self.write {
            repository.write(path, text);
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
        for line in &self.git {
            repository.git(&line.split(' ').collect::<Vec<_>>());
        }
        repository.variables.extend(self.env.clone());
    }

    /// Applies, asks for the truth, then for the plan, then runs, and compares; then what follows on the same copy.
    fn judge(&self, name: &str, repository: &mut Repository, known: &BTreeSet<String>, judge: &mut Judge<'_>) {
        self.apply(repository);
        let truth = repository.truth(judge.command);
        let known: BTreeSet<String> = known.union(&truth.ran()).cloned().collect();
        let breaks = self.breaks.unwrap_or(!self.run.as_ref().is_some_and(Wanted::is_none));
        if breaks == truth.failing().is_empty() {
            let told = format!("{:?}\n{}", truth.failing(), truth.stdout);
            judge.say(name, &format!("the case itself is broken: `breaks` is {breaks}, the truth is {told}"));
        }
        let plan = if self.reasons.is_empty() { BTreeMap::default() } else { reasons(repository, judge.command) };
        let ending = repository.run(judge.command);
        judge.safety(name, &truth, &ending);
        if judge.safety_only {
            return self.go_on(name, repository, &known, judge);
        }
        // A test that is gone cannot run, whatever the case calls "all".
        let there = |wanted: &Wanted| wanted.ids(&known).intersection(&truth.ran()).cloned().collect();
        judge.selection(name, self.run.as_ref().map(there), self.at_least.as_ref().map(there), &ending);
        for id in self.not.iter().flat_map(|id| spread(id, &known)).filter(|id| ending.ran().contains(id)) {
            judge.say(name, &format!("ran {id}"));
        }
        for (id, reason) in &self.reasons {
            let told = plan.get(&format!("pytest::{id}"));
            if told != Some(reason) {
                judge.say(name, &format!("the reason of {id} is {told:?}, not {reason}"));
            }
        }
        self.go_on(name, repository, &known, judge);
    }

    fn go_on(&self, name: &str, repository: &mut Repository, known: &BTreeSet<String>, judge: &mut Judge<'_>) {
        for (number, then) in self.then.iter().enumerate() {
            let name = format!("{name}, then {}. {}", number + 1, then.name);
            then.judge(&name, repository, known, judge);
        }
    }
}

/// Collects what was not as it should be.
struct Judge<'a> {
    command: &'a [&'a str],
    untraced: &'a BTreeSet<String>,
    /// Whether more may run than the case says.
    safety_only: bool,
    wrong: Vec<String>,
}

impl Judge<'_> {
    fn say(&mut self, name: &str, what: &str) {
        self.wrong.push(format!("{name}: {what}"));
    }

    /// Whatever a case expects: no miss, the same exit code, nothing twice.
    fn safety(&mut self, name: &str, truth: &Ending, ending: &Ending) {
        let (failing, ran) = (truth.failing(), ending.ran());
        let missed: Vec<_> = failing.difference(&ran).collect();
        if !missed.is_empty() {
            self.say(name, &format!("MISS {missed:?}\n{}", ending.stderr));
        }
        if ending.code != truth.code {
            let told = format!("{}{}", ending.stdout, ending.stderr);
            self.say(name, &format!("exit code {:?}, without titer {:?}\n{told}", ending.code, truth.code));
        }
        if ending.times().values().any(|times| *times > 1) {
            self.say(name, &format!("some ran twice: {:?}", ending.times()));
        }
    }

    /// What a case expects to run.
    fn selection(
        &mut self,
        name: &str,
        exact: Option<BTreeSet<String>>,
        least: Option<BTreeSet<String>>,
        ending: &Ending,
    ) {
        let ran = ending.ran();
        if let Some(wanted) = exact {
            let more: Vec<_> = ran.difference(&wanted).filter(|id| !self.untraced.contains(*id)).collect();
            let less: Vec<_> = wanted.difference(&ran).collect();
            if !more.is_empty() || !less.is_empty() {
                self.say(name, &format!("ran too much {more:?}, too little {less:?}\n{}", ending.stderr));
            }
        }
        let least = least.unwrap_or_default();
        if !least.is_subset(&ran) {
            self.say(name, &format!("ran {ran:?}, not all of {least:?}"));
        }
    }
}

/// Reason codes by test, as `titer plan --json` tells them.
fn reasons(repository: &Repository, command: &[&str]) -> BTreeMap<String, String> {
    let told = repository.titer(&[&["plan", "--json", "--"], command].concat());
    told.exits(0);
    let plan: serde_json::Value = serde_json::from_str(&told.stdout)
        .unwrap_or_else(|error| panic!("titer plan --json: {error}: {}", told.stdout));
    plan["tests"]
        .as_array()
        .unwrap_or_else(|| panic!("no tests in {plan}"))
        .iter()
        .filter_map(|row| Some((row["id"].as_str()?.to_owned(), row["reason"].as_str()?.to_owned())))
        .collect()
}
