//! Guards: drafts of regression tests, what was seen of them, and what the gate says.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Whose test a guard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runner {
    /// Python's.
    Pytest,
    /// JavaScript's and TypeScript's.
    Jest,
    /// Rust's.
    Cargo,
}

impl Runner {
    /// Whose tests stand for a file, by its name; nobody's where titer knows none.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or_default();
        match name.rsplit_once('.')?.1 {
            "py" => Some(Self::Pytest),
            "js" | "cjs" | "mjs" | "jsx" | "ts" | "cts" | "mts" | "tsx" => Some(Self::Jest),
            "rs" => Some(Self::Cargo),
            _ => None,
        }
    }

    /// As a test's id begins.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pytest => "pytest",
            Self::Jest => "jest",
            Self::Cargo => "cargo",
        }
    }

    /// What makes a test expected to fail as long as there is no fix of a fault of this type, and turn red with the fix.
    #[must_use]
    pub fn expects(self, kind: &str) -> &'static str {
        match self {
            Self::Pytest => "xfail(strict=True, raises=…)",
            Self::Jest => "test.failing(…)",
            Self::Cargo if kind.is_empty() || kind.to_lowercase().contains("panic") => {
                "#[should_panic(expected = \"…\")]"
            }
            // An error that is returned.
            Self::Cargo => "assert!(….is_err())",
        }
    }

    /// What a line begins with that only says so.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Self::Pytest => "@pytest.mark.xfail",
            Self::Jest => "test.failing",
            Self::Cargo => "#[should_panic",
        }
    }

    /// What a line that is only a comment begins with.
    #[must_use]
    pub fn comment(self) -> &'static str {
        match self {
            Self::Pytest => "#",
            Self::Jest | Self::Cargo => "//",
        }
    }
}

/// Where and how something failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Crash {
    /// `TypeError`, without its module.
    pub r#type: String,
    /// The module of that type.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub module: String,
    /// The file of the last frame that is the repository's, from the root; of a failed assertion the test's own file.
    #[serde(deserialize_with = "or_nothing")]
    pub path: String,
    /// The function's own name for itself.
    #[serde(deserialize_with = "or_nothing")]
    pub function: String,
    /// Counted from 1; 0 where nobody knows.
    #[serde(deserialize_with = "or_nothing")]
    pub line: u32,
    /// The beginning of the message, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// Where nobody knows, `null` is written.
fn or_nothing<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Crash {
    /// Whether it failed in what stands within a function without a name of its own: comprehensions have frames of their own up to Python 3.11.
    fn is_inner(&self) -> bool {
        self.function.ends_with("comp>") || self.function.ends_with("<genexpr>") || self.function.ends_with("<lambda>")
    }

    /// Whether another failure is the same one: of the same type, at the same place. Lines move, so they do not count.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        last(&self.r#type) == last(&other.r#type)
            && self.path == other.path
            && (self.function.is_empty()
                || last(&self.function) == last(&other.function)
                || [self, other].iter().any(|crash| crash.is_inner()))
    }
}

/// What stub mutants stand in for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// Where it is defined.
    pub module: String,
    /// Its qualified name there.
    pub name: String,
}

/// How many characters the arguments had and have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Characters {
    /// As production had them.
    pub before: u64,
    /// As the test has them.
    pub after: u64,
}

/// A call that fails as production did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// `request`, `hook`, `vars`.
    pub rung: String,
    /// What was lost or guessed on the way.
    pub flags: Vec<String>,
    /// What stub mutants stand in for.
    pub target: Target,
    /// How it fails.
    pub error: Crash,
    /// How far it was minimised.
    pub characters: Characters,
    /// The code itself, which only the workbench reads.
    #[serde(flatten)]
    pub code: serde_json::Map<String, Value>,
}

/// One try that did not fail as production did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempt {
    /// As for [`Found`].
    pub rung: String,
    /// What was called.
    pub target: String,
    /// Why it was not it.
    pub why: String,
}

/// The outcome of a run with a stub that is none for what is tested: it would do the same, or cannot be made.
pub const LEFT_OUT: &str = "left-out";

/// What one run of one test showed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Judgement {
    /// `passed`, `failed`, `error`, `xfailed`, `xpassed`, `skipped`, `missing`; `refused` where it could not be run at all.
    pub outcome: String,
    /// How it failed, also where that was expected.
    pub error: Option<Crash>,
    /// Whether the line that failed in production ran.
    pub hit: Option<bool>,
    /// Of the test itself, without the runner's start.
    pub seconds: f64,
    /// What it tried to reach.
    pub network: Vec<String>,
    /// Seconds asleep.
    pub slept: f64,
    /// Whether it read the wall clock.
    pub clock: bool,
}

/// Something in a test's text that speaks against it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Finding {
    /// `public`, `assertions` or `hygiene`.
    pub criterion: String,
    /// `private-name`, `sleep`, …
    pub rule: String,
    /// Counted from 1.
    pub line: u32,
    /// One sentence.
    pub text: String,
}

/// What a draft has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// It fails where production did.
    CodePath,
    /// It uses nothing private.
    Public,
    /// It would notice another answer.
    Assertions,
    /// It fails before the fix and passes after it.
    BeforeAfter,
    /// It is quick, quiet, repeatable and gives nothing away.
    Hygiene,
}

impl Criterion {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 5] = [Self::CodePath, Self::Public, Self::Assertions, Self::BeforeAfter, Self::Hygiene];

    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CodePath => "code-path",
            Self::Public => "public",
            Self::Assertions => "assertions",
            Self::BeforeAfter => "before-after",
            Self::Hygiene => "hygiene",
        }
    }
}

impl Criterion {
    /// What it asks of a test.
    #[must_use]
    pub fn asks(self, runner: Runner) -> String {
        let mark = runner.expects("");
        let text = match self {
            Self::CodePath => {
                "on the faulty commit the test fails with the fault's type at the fault's place, and the line that failed runs"
            }
            Self::Public => {
                "no private name of the project's, nothing of the project's patched, no state injected into its objects"
            }
            Self::Assertions => {
                "an assertion depends on the call: the test fails when a stub that returns nothing, returns something plain or raises something else stands in place of the target"
            }
            Self::BeforeAfter => {
                "it fails 3 of 3 times before the fix and passes 5 of 5 after it, under other hash seeds and time zones and after other tests; where there is no fix yet, it is marked "
            }
            Self::Hygiene => {
                "one test in a file of its own, under a second; no secret, no absolute path, no clock, no network, no sleep, no file written, no text run as code"
            }
        };
        if self == Self::BeforeAfter { format!("{text}{mark}") } else { text.to_owned() }
    }
}

/// What became of one criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It holds, as was seen.
    Passed,
    /// It does not hold.
    Failed,
    /// It cannot be told before there is a fix.
    Waiting,
}

impl State {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
        }
    }
}

/// What the gate says of one criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Of which one.
    pub criterion: Criterion,
    /// What became of it.
    pub state: State,
    /// What was seen, in a sentence.
    pub evidence: String,
}

/// What all criteria come to: one that failed fails the draft, and one that waits makes it wait.
#[must_use]
pub fn overall(verdicts: &[Verdict]) -> State {
    let any = |state: State| verdicts.iter().any(|verdict| verdict.state == state);
    match (any(State::Failed) || verdicts.is_empty(), any(State::Waiting)) {
        (true, _) => State::Failed,
        (false, true) => State::Waiting,
        (false, false) => State::Passed,
    }
}
