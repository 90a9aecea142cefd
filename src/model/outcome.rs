//! How a test ended.

use serde::{Deserialize, Serialize};

/// The outcome of one attempt at one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It was skipped by its own or its runner's word.
    Skipped,
    /// It was expected to fail and did.
    Xfailed,
    /// It was expected to fail and passed.
    Xpassed,
    /// Its setup or teardown failed.
    Error,
    /// It started and its process ended.
    Crashed,
}

impl Outcome {
    /// Whether a recording of it may vouch for a later skip.
    #[must_use]
    pub fn vouches(self) -> bool {
        matches!(self, Self::Passed | Self::Skipped | Self::Xfailed | Self::Xpassed)
    }

    /// The word used in ledgers and output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Xfailed => "xfailed",
            Self::Xpassed => "xpassed",
            Self::Error => "error",
            Self::Crashed => "crashed",
        }
    }
}

/// What happened to one test in one run.
#[derive(Debug, Clone, PartialEq)]
pub struct TestResult {
    /// Its id.
    pub test: String,
    /// The variant it ran under.
    pub variant: String,
    /// How its last attempt ended.
    pub outcome: Outcome,
    /// Seconds of all its phases, all attempts.
    pub seconds: f64,
    /// How many attempts there were, from 1.
    pub attempts: u32,
    /// The worker that ran it; empty without workers.
    pub worker: String,
}

/// Seconds in microseconds.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations of tests, cut to what fits")]
pub fn in_micros(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1e6) as u64
}
