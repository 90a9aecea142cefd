//! Test runners: recognised behind a command, entered through the environment, read through their adapter's files.

pub mod adapter;
pub mod cargo;
pub mod command_line;
pub mod jest;
pub mod pytest;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::change::{FoundBy, Language, PathClass, TestSort};
use crate::model::shard::Share;
use crate::model::tree::Tree;
use crate::model::unit::Units;
use crate::model::window::Trace;

use super::process::Environment;
use super::tracer::Tracer;

/// How sure we are that a command ends in the runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognition {
    /// The runner itself stands in the command.
    Runner,
    /// Something that may well start the runner (tox, make, a shell).
    Launcher,
    /// The runner stands in the command, but our adapter cannot be reached there; the sentence says why.
    ShutOut(String),
}

/// Tests that are left out, with the reason's code, by variant.
pub type LeftOut<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'static str>>;

/// Names and values of the variables whose names begin so.
pub type Variables = dyn Fn(&[&str]) -> Vec<(String, String)>;

/// Where a command runs.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a closure")]
pub struct Place<'a> {
    /// The folder that the command runs in.
    pub folder: &'a Path,
    /// The repository's root.
    pub root: &'a Path,
    /// The user's environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// All of it.
    pub variables: &'a Variables,
}

/// What a runner's way in needs to know.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a closure")]
pub struct Entrance<'a> {
    /// The user's command.
    pub command: &'a [String],
    /// Where it runs.
    pub place: Place<'a>,
    /// The folder with the adapter's files.
    pub adapter: &'a Path,
    /// Where things are kept that can be made again.
    pub cache: &'a Path,
    /// The folder of this run.
    pub run: &'a Path,
    /// What is left out.
    pub left_out: &'a LeftOut<'a>,
    /// Which shard of several this is, and what the others have.
    pub share: Option<&'a Share>,
    /// Command lines that ran before: words, folder, variant.
    pub launches: &'a [(Vec<String>, String, String)],
    /// Whether what tests depend on is to be recorded.
    pub record: bool,
    /// The file tracer, if it runs.
    pub tracer: Option<(&'a Tracer, &'a [PathBuf])>,
}

/// The way in: what is started instead of the user's command, and with what environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Way {
    /// The command; nearly always the user's own.
    pub command: Vec<String>,
    /// What its environment gets.
    pub environment: Environment,
}

/// An adapter that runs inside the runner.
#[derive(Debug, Clone, Default)]
pub struct Adapter {
    /// Its files by their path in its folder.
    pub files: BTreeMap<&'static str, &'static str>,
    /// Its own package among them, where a folder of that name in the user's would be taken for it; else empty.
    pub package: &'static str,
    /// The name of its plan in the run's folder.
    pub plan: &'static str,
    /// Files that programs started by the runner meet first, by their name: they let the adapter into these.
    pub child_files: BTreeMap<&'static str, &'static str>,
}

/// A test runner.
pub trait Runner {
    /// Its name in ids, ledgers and output.
    fn name(&self) -> &'static str;
    /// What its tests are like.
    fn sort(&self) -> TestSort;
    /// Whether a command ends in it.
    fn recognise(&self, command: &[String]) -> Option<Recognition>;
    /// The adapter that runs inside it, and is traced with it; none if it is entered from outside.
    fn adapter(&self) -> Option<Adapter>;
    /// Lets us in.
    ///
    /// # Errors
    /// We cannot get in; the sentence says why.
    fn enter(&self, entrance: Entrance<'_>) -> Result<Way, String>;
    /// What keeps a run whose results are not the user's from writing over those that are; `run` is its folder.
    fn keep_aside(&self, run: &Path, environment: &mut Environment);
    /// What the processes of a run told, in the order of their files' names.
    fn traces(&self, run: &Path, place: Place<'_>) -> Vec<Trace>;
    /// How the project is built that a trace of this runner is about; empty where that is not known by the runner.
    ///
    /// # Errors
    /// It cannot be found out; the sentence says why.
    fn units(&self, _run: &Path, _place: Place<'_>, _seen: Built<'_>) -> Result<Units, String> {
        Ok(Units::new())
    }
    /// Whether it is started even where nothing has to run: then nobody asks which of its command lines came to their end.
    fn is_always_started(&self) -> bool {
        false
    }
    /// Whether a deep record runs its tests a second time, in another order.
    fn has_second_pass(&self) -> bool {
        self.adapter().is_some()
    }
    /// How many tests a command runs at the same time, of at most so many as there are cores.
    fn workers(&self, _command: &[String], _cores: u64) -> u64 {
        1
    }
    /// What in a command shares its tests out by itself, as far as it can be seen there.
    fn shares_out<'a>(&self, _command: &'a [String]) -> Option<&'a str> {
        None
    }
    /// Whether a command's tests are shared out by the runner, as it is told which shard it is.
    fn has_own_shares(&self, _command: &[String]) -> bool {
        false
    }
    /// The variant that a command would run under, where that can be told without the runner.
    fn variant(&self, _command: &[String], _place: Place<'_>) -> Option<String> {
        None
    }
    /// Whether a command asks for tests and nothing else: then a run of none of them need not be started.
    fn asks_for_tests_alone(&self, command: &[String], place: Place<'_>) -> bool;
    /// What of a path (of this class) can change which tests the runner finds, beside that it comes or goes.
    fn finds_tests_by(&self, path: &str, class: PathClass) -> FoundBy;
    /// Variables (by how their names begin) that decide what the runner does.
    fn deciding_variables(&self) -> &'static [&'static str];
    /// What else, outside the repository, decides what a command does. No program may be started for it.
    fn launch_parts(&self, _command: &[String], _place: Place<'_>) -> Vec<String> {
        Vec::new()
    }
    /// Runs the tests once more, to see which functions they run, where a runner records apart from the user's own run: the
    /// seconds of the second build and of the second run.
    ///
    /// # Errors
    /// It could not be done; the sentence says why.
    fn record_apart(&self, _entrance: Entrance<'_>) -> Result<Option<(f64, f64)>, String> {
        Ok(None)
    }
}

/// What has to be known to tell how a project is built.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a closure")]
pub struct Built<'a> {
    /// The tree that was built.
    pub tree: &'a Tree,
    /// Whether a path counts only for whoever is seen to read it.
    pub is_idle: &'a dyn Fn(&str) -> bool,
    /// What the trace says of its call.
    pub trace: &'a Trace,
}

/// All runners, in the order in which they are asked.
#[must_use]
pub fn all() -> [&'static dyn Runner; 3] {
    [&pytest::Pytest, &cargo::Cargo, &jest::Jest]
}

/// What the test of this id is like.
#[must_use]
pub fn sort_of(test: &str) -> TestSort {
    let name = test.split("::").next().unwrap_or_default();
    let python = TestSort { language: Language::Python, by_file: false };
    all().iter().find(|runner| runner.name() == name).map_or(python, |runner| runner.sort())
}

/// The first word of a command that is one of these options, whatever its value.
#[must_use]
pub fn option_of<'a>(command: &'a [String], options: &[&str]) -> Option<&'a str> {
    let is_one = |word: &&String| {
        let name = word.split('=').next().unwrap_or_default();
        options.contains(&name)
    };
    command.iter().skip(1).find(is_one).map(String::as_str)
}

/// The runners that a command may end in, and why one of them cannot be entered.
#[must_use]
pub fn of_command(command: &[String]) -> (Vec<&'static dyn Runner>, Option<String>) {
    let mut found = Vec::new();
    for runner in all() {
        match runner.recognise(command) {
            Some(Recognition::Runner) => return (vec![runner], None),
            Some(Recognition::ShutOut(why)) => return (Vec::new(), Some(why)),
            Some(Recognition::Launcher) => found.push(runner),
            None => {}
        }
    }
    (found, None)
}

/// How many tests a command runs at the same time.
#[must_use]
pub fn workers(command: &[String]) -> u64 {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let (runners, _) = of_command(command);
    // Of what may be started behind a launcher nothing is known.
    if let [runner] = runners.as_slice() { runner.workers(command, cores).max(1) } else { 1 }
}

/// An error of ours in words.
#[must_use]
pub fn in_words(error: &io::Error) -> String {
    format!("titer's own files cannot be written: {error}")
}
