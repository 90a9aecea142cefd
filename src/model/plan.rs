//! What one run will run, what it leaves out, and why.

use super::edge::Target;
use super::reason::Reason;
use super::shard::Share;

/// Whether a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It runs.
    Run,
    /// It does not.
    LeftOut,
}

impl Verdict {
    /// The words used in output.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::LeftOut => "left out",
        }
    }
}

/// The decision about one test under one variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The test's id.
    pub test: String,
    /// The variant.
    pub variant: String,
    /// Whether it runs.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// What differs, the most telling first; empty for tests left out.
    pub evidence: Vec<Target>,
    /// For what was asked for: why it would have been left out, had nobody asked.
    pub otherwise: Option<Reason>,
}

/// A whole plan: one decision for every test known, in the order of ids and variants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The decisions.
    pub decisions: Vec<Decision>,
    /// Why nothing may be left out at all, if so.
    pub whole: Option<String>,
    /// Files of tests in the order in which they are to run; empty: in the runner's own.
    pub order: Vec<String>,
    /// Which shard of several this is, and what the others have; tests that no decision is about are shared out by it, too.
    pub share: Option<Share>,
}

impl Plan {
    /// The decisions about one variant.
    pub fn of_variant<'a>(&'a self, variant: &'a str) -> impl Iterator<Item = &'a Decision> {
        self.decisions.iter().filter(move |decision| decision.variant == variant)
    }
}
