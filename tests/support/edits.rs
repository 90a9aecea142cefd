//! A case file of `testdata/pytest-edits`: a repository and what each edit of it must run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Interpreter, Repository};

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
        let path = folder().join(name).with_extension("toml");
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

    /// Records, then makes every edit that `chosen` takes; returns what was not as it should be.
    pub fn try_edits(&self, interpreter: Interpreter, chosen: impl Fn(usize, &Edit) -> bool) -> Vec<String> {
        let mut repository = self.repository(interpreter);
        let command: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let whole = repository.truth(&command);
        assert_eq!((whole.code, whole.failing().len()), (Some(0), 0), "the case itself is broken: {}", whole.stdout);
        let first = repository.run(&command);
        first.exits(0).warns_never();
        assert_eq!(first.times(), whole.times(), "the recording run did not run everything once");
        let mut wrong = Vec::new();
        let again = repository.run(&command);
        if !again.ran().is_empty() || again.code != Some(0) {
            wrong.push(format!("without an edit: code {:?}, ran {:?}\n{}", again.code, again.ran(), again.stderr));
        }
        repository.keep("recorded");
        for (number, edit) in self.edit.iter().enumerate().filter(|(number, edit)| chosen(*number, edit)) {
            repository.restore("recorded");
            repository.variables.clone_from(&self.env);
            let name = format!("{}. {}", number + 1, edit.name);
            edit.judge(&name, &mut repository, &command, &whole.ran(), &mut wrong);
        }
        wrong
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

    /// Applies, asks for the truth, then for the plan, then runs, and compares.
    fn judge(
        &self,
        name: &str,
        repository: &mut Repository,
        command: &[&str],
        before: &BTreeSet<String>,
        wrong: &mut Vec<String>,
    ) {
        self.apply(repository);
        let truth = repository.truth(command);
        let failing = truth.failing();
        let known: BTreeSet<String> = before.union(&truth.ran()).cloned().collect();
        let mut say = |what: String| wrong.push(format!("{name}: {what}"));
        let breaks = self.breaks.unwrap_or(!self.run.as_ref().is_some_and(Wanted::is_none));
        if breaks == failing.is_empty() {
            say(format!("the case itself is broken: `breaks` is {breaks}, the truth is {failing:?}\n{}", truth.stdout));
        }
        let plan = (!self.reasons.is_empty()).then(|| reasons(repository, command));
        let ending = repository.run(command);
        let ran = ending.ran();
        let missed: Vec<_> = failing.difference(&ran).collect();
        if !missed.is_empty() {
            say(format!("MISS {missed:?}\n{}", ending.stderr));
        }
        if ending.code != truth.code {
            say(format!(
                "exit code {:?}, without titer {:?}\n{}{}",
                ending.code, truth.code, ending.stdout, ending.stderr
            ));
        }
        if ending.times().values().any(|times| *times > 1) {
            say(format!("some ran twice: {:?}", ending.times()));
        }
        // A test that is gone cannot run, whatever the case calls "all".
        let there = |ids: BTreeSet<String>| -> BTreeSet<String> { ids.intersection(&truth.ran()).cloned().collect() };
        if let Some(wanted) = self.run.as_ref().map(|wanted| there(wanted.ids(&known)))
            && wanted != ran
        {
            let (more, less) = (ran.difference(&wanted), wanted.difference(&ran));
            say(format!("ran too much {:?}, too little {:?}", more.collect::<Vec<_>>(), less.collect::<Vec<_>>()));
        }
        let least = self.at_least.as_ref().map(|wanted| there(wanted.ids(&known))).unwrap_or_default();
        if !least.is_subset(&ran) {
            say(format!("ran {ran:?}, not all of {least:?}"));
        }
        for id in self.not.iter().flat_map(|id| spread(id, &known)).filter(|id| ran.contains(id)) {
            say(format!("ran {id}"));
        }
        for (id, reason) in &self.reasons {
            let told = plan.as_ref().and_then(|plan| plan.get(&format!("pytest::{id}")));
            if told != Some(reason) {
                say(format!("the reason of {id} is {told:?}, not {reason}"));
            }
        }
        for (number, then) in self.then.iter().enumerate() {
            let name = format!("{name}, then {}. {}", number + 1, then.name);
            then.judge(&name, repository, command, &known, wrong);
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
