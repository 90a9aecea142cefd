//! Test runners: recognised behind a command, entered through the environment, read through their adapter's files.

pub mod adapter;
pub mod command_line;
pub mod pytest;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::model::window::Trace;

use super::process::Environment;

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

/// What the adapter's way in needs to know.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a closure")]
pub struct Entrance<'a> {
    /// The folder with the adapter's files.
    pub adapter: &'a Path,
    /// The folder of this run.
    pub run: &'a Path,
    /// The user's environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
}

/// A test runner.
pub trait Runner {
    /// Its name in ids, ledgers and output.
    fn name(&self) -> &'static str;
    /// Whether a command ends in it.
    fn recognise(&self, command: &[String]) -> Option<Recognition>;
    /// The environment that lets our adapter in.
    fn environment(&self, entrance: Entrance<'_>) -> Environment;
    /// What keeps a run whose results are not the user's from writing over those that are; `run` is its folder.
    fn keep_aside(&self, run: &Path, environment: &mut Environment);
    /// The adapter's files by their path in the adapter's folder.
    fn adapter_files(&self) -> BTreeMap<&'static str, &'static str>;
    /// The adapter's own package among its files.
    fn adapter_package(&self) -> &'static str;
    /// Files that programs started by the runner meet first, by their name: they let the adapter into these.
    fn child_files(&self) -> BTreeMap<&'static str, &'static str> {
        BTreeMap::new()
    }
    /// What the processes of a run told, in the order of their files' names.
    fn traces(&self, run: &Path) -> Vec<Trace>;
}

/// All runners, in the order in which they are asked.
#[must_use]
pub fn all() -> Vec<Box<dyn Runner>> {
    vec![Box::new(pytest::Pytest)]
}
