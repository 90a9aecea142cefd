//! Why a test runs or is left out. Readers of titer's output must accept codes that they do not know.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Run: never seen before.
    NewTest,
    /// Run: the test's own file changed where it matters to the test.
    TestChanged,
    /// Run: it did not pass when it last ran.
    FailedLastTime,
    /// Run: a function that it ran has another body.
    RanChangedCode,
    /// Run: a file that it read has other bytes.
    ReadChangedFile,
    /// Run: a folder that it listed has other entries.
    ListedChangedDirectory,
    /// Run: what was (not) at a path, or what an import would find, is different.
    ProbedPathChanged,
    /// Run: the module-level code of a file loaded for it is different.
    LoadedChangedModule,
    /// Run: interpreter, configuration, packages or a named variable are different.
    VariantChanged,
    /// Run: something that builds the code changed.
    BuildInput,
    /// Run: a path changed of which nothing is known.
    UnknownPath,
    /// Run: there is no usable recording of it.
    NoMap,
    /// Run: it does what cannot be traced, and something changed.
    Opaque,
    /// Run: its id differs between two collections.
    UnstableId,
    /// Run: it fails in another order.
    OrderDependent,
    /// Run: it guards a path that changed.
    GuardsThisPath,
    /// Run: policy pins it.
    Pinned,
    /// Run: drawn to estimate what the suite misses.
    Probe,
    /// Run: asked for (`--all`, weekly).
    Asked,
    /// Run: nothing was selected in this run (coverage gate, stale install, no hello).
    WholeRun,
    /// Left out: nothing that it depends on differs.
    Untouched,
    /// Left out: lives in the weekly suite.
    Weekly,
    /// Left out: the budget is spent; runs with `--rest`.
    OverBudget,
    /// Left out: quarantined.
    Quarantined,
    /// Left out: by the user's own filter.
    FilteredByUser,
    /// Left out: another shard has it.
    OtherShard,
    /// Left out: the run ended before it (`-x`, a crash).
    NotReached,
}

impl Reason {
    /// The code as it is written everywhere.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NewTest => "new-test",
            Self::TestChanged => "test-changed",
            Self::FailedLastTime => "failed-last-time",
            Self::RanChangedCode => "ran-changed-code",
            Self::ReadChangedFile => "read-changed-file",
            Self::ListedChangedDirectory => "listed-changed-directory",
            Self::ProbedPathChanged => "probed-path-changed",
            Self::LoadedChangedModule => "loaded-changed-module",
            Self::VariantChanged => "variant-changed",
            Self::BuildInput => "build-input",
            Self::UnknownPath => "unknown-path",
            Self::NoMap => "no-map",
            Self::Opaque => "opaque",
            Self::UnstableId => "unstable-id",
            Self::OrderDependent => "order-dependent",
            Self::GuardsThisPath => "guards-this-path",
            Self::Pinned => "pinned",
            Self::Probe => "probe",
            Self::Asked => "asked",
            Self::WholeRun => "whole-run",
            Self::Untouched => "untouched",
            Self::Weekly => "weekly",
            Self::OverBudget => "over-budget",
            Self::Quarantined => "quarantined",
            Self::FilteredByUser => "filtered-by-user",
            Self::OtherShard => "other-shard",
            Self::NotReached => "not-reached",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
