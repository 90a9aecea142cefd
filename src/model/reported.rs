//! A test as somebody else's report tells it, before it is known which test of ours it is.

use super::outcome::Outcome;

/// The runner that a report speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporter {
    /// pytest's own report.
    Pytest,
    /// jest-junit's.
    Jest,
    /// nextest's, or one made from cargo's output.
    Cargo,
}

/// One test of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedTest {
    /// The name of the suite that it stands in.
    pub suite: String,
    /// `classname`: a module, a program, or the titles around it.
    pub class: String,
    /// `name`.
    pub name: String,
    /// `file`, where there is one.
    pub file: Option<String>,
    /// When its suite ran, in the report's own words.
    pub at: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// How many attempts failed before the one that counts.
    pub failed_before: u32,
    /// How long it took.
    pub seconds: f64,
}

/// Why it is not known which test a report means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unmapped {
    /// What it calls the test names no file of the repository.
    NoFile,
    /// It may be in more than one file.
    SeveralFiles,
    /// Where one describe ends and the next title begins is not told.
    RunTogether,
    /// More than one known test is called so.
    SeveralTests,
    /// It says nothing about the program that the test is in.
    NoProgram,
    /// It is no test: a file that could not be collected, a setup script.
    NoTest,
}

impl Unmapped {
    /// In words, after a number of tests.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NoFile => "their names lead to no file of the repository",
            Self::SeveralFiles => "their names fit several files of the repository",
            Self::RunTogether => {
                "the report runs titles together (once `titer run` has seen these tests, learn the report again)"
            }
            Self::SeveralTests => "several known tests are called so",
            Self::NoProgram => {
                "the report does not say in which program they are (once `titer run` has seen these tests, learn it again)"
            }
            Self::NoTest => "they are no tests, but files or scripts that failed",
        }
    }
}
