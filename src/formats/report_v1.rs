//! `report_v1`: what `titer report --json` prints, and what every other form of the report is made from. The published schema, which also says what
//! each number means, is `report_v1.schema.json`; frozen once released.
//!
//! Times are RFC 3339 in UTC, days `2026-11-21`, weeks the day of their Monday; lists are in the order in which they are told.

use serde::{Deserialize, Serialize};

/// What `format` says.
pub const FORMAT: &str = "report_v1";

/// The schema: for whoever reads the document, and for the pages that tell what a number means.
pub const SCHEMA: &str = include_str!("report_v1.schema.json");

/// A commit's verdict should be there after so many milliseconds.
pub const LINE_MS: u64 = 60_000;

/// A whole report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Report {
    pub format: String,
    pub titer: String,
    pub repository: String,
    pub period: Period,
    pub verdicts: Verdicts,
    pub left_out: LeftOut,
    pub escapes: Escapes,
    pub weeks: Vec<Week>,
    pub suites: SuitesOverTime,
    pub faults: Faults,
    pub relapses: Relapses,
    pub guards: Guards,
    pub tests: Tests,
    pub changes: Vec<Change>,
    pub runs: Vec<Run>,
    pub sources: Vec<Source>,
    pub cut: Vec<Cut>,
    pub problems: Vec<String>,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Period {
    pub since: String,
    pub as_of: String,
    pub runs: u64,
    pub runs_before: u64,
}

/// How long people waited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Verdicts {
    pub line_ms: u64,
    pub count: u64,
    pub median_ms: Option<u64>,
    pub p95_ms: Option<u64>,
    pub within_line: u64,
    pub commits: Vec<Verdict>,
}

/// The verdict on one tree of one commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Verdict {
    pub commit: Option<String>,
    pub run: String,
    pub branch: Option<String>,
    pub at: String,
    pub ms: u64,
    pub runs: u64,
    pub tests_run: u64,
    pub tests_left_out: u64,
    pub passed: bool,
}

/// What did not run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct LeftOut {
    pub tests_run: u64,
    pub tests_left_out: u64,
    pub reasons: Vec<Reason>,
}

/// One reason for leaving tests out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Reason {
    pub reason: String,
    pub tests: u64,
    pub runs: u64,
}

/// What was missed, and how much may have been.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Escapes {
    pub found: u64,
    pub failures: u64,
    pub failures_run: u64,
    pub check: Check,
    pub list: Vec<Escape>,
}

/// Tests that the selection would have left out and that ran all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Check {
    pub left_out: u64,
    pub checked: u64,
    pub failed: u64,
    pub bound_per_million: Option<u64>,
    pub bound_failures: Option<u64>,
}

/// A failure that an earlier run had left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Escape {
    pub test: String,
    pub found_at: String,
    pub found_run: String,
    pub found_commit: Option<String>,
    pub skipped_at: String,
    pub skipping_run: String,
    pub skipping_commit: Option<String>,
    pub reason: String,
}

/// One week.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Week {
    pub week: String,
    pub runs: u64,
    pub verdicts: u64,
    pub median_ms: Option<u64>,
    pub tests_run: u64,
    pub left_out: Vec<Reason>,
    pub escapes: u64,
    pub check: Check,
    pub sightings: u64,
    pub faults: u64,
    pub faults_guarded: u64,
}

/// FAST and WEEKLY.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct SuitesOverTime {
    pub fast: u64,
    pub weekly: u64,
    pub days: Vec<SuiteDay>,
    pub moves: Vec<Moves>,
    pub quarantines: Vec<Quarantine>,
}

/// How many tests each suite had at the end of a day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct SuiteDay {
    pub day: String,
    pub fast: u64,
    pub weekly: u64,
}

/// What one rule moved on one day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Moves {
    pub day: String,
    pub from: String,
    pub to: String,
    pub rule: String,
    pub tests: u64,
    pub record: String,
}

/// A test that stays in WEEKLY because it is not steady.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Quarantine {
    pub test: String,
    pub since: String,
    pub until: Option<String>,
    pub text: String,
    pub record: String,
    pub has_expired: bool,
}

/// What production said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Faults {
    pub total: u64,
    pub in_repository: u64,
    pub guarded: u64,
    pub sightings: u64,
    pub list: Vec<Fault>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Fault {
    pub fault: String,
    pub error_type: String,
    pub message: String,
    pub path: String,
    pub function: String,
    pub first_seen: String,
    pub last_seen: String,
    pub sightings: u64,
    pub users: u64,
    pub drafts: u64,
    pub guard: Option<String>,
    pub guarded_at: Option<String>,
}

/// Faults that came back, beside those that could have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Relapses {
    pub with_guard: Rate,
    pub without_guard: Rate,
    pub list: Vec<Relapse>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Rate {
    pub fixed: u64,
    pub relapsed: u64,
}

/// A fault that was seen again in what holds its fix.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Relapse {
    pub fault: String,
    pub error_type: String,
    pub path: String,
    pub function: String,
    pub fixed_by: String,
    pub seen_in: String,
    pub seen_at: String,
    pub guard: Option<String>,
}

/// Drafts and guards.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Guards {
    pub drafted: u64,
    pub checked: u64,
    pub passed: u64,
    pub waiting_for_fix: u64,
    pub refused: u64,
    pub injected: u64,
    pub proposed: u64,
    pub auto_merged: u64,
    pub auto_merged_reverted: u64,
    pub reverted: u64,
    pub in_suite: u64,
    pub replayed: u64,
    pub would_have_caught: u64,
    pub median_seconds_to_guard: Option<u64>,
    pub list: Vec<Draft>,
}

/// One draft, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Draft {
    pub draft: String,
    pub fault: String,
    pub test: String,
    pub runner: String,
    pub rung: String,
    pub drafted_at: String,
    pub step: String,
    pub state: String,
    pub criterion: String,
    pub reason: String,
    pub fate: String,
    pub auto_merge: bool,
    pub would_have_caught: bool,
    pub steps: Vec<Step>,
}

/// One step of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Step {
    pub at: String,
    pub step: String,
    pub state: String,
}

/// Tests worth a look.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Tests {
    pub total: u64,
    pub all_us: u64,
    pub slowest: Vec<Slow>,
    pub valuable: Vec<Valuable>,
    pub flaky: Vec<Flaky>,
}

/// A test that takes long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Slow {
    pub test: String,
    pub suite: String,
    pub median_us: u64,
    pub p95_us: u64,
    pub runs: u64,
}

/// A test that tells much.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Valuable {
    pub test: String,
    pub suite: String,
    pub points: u64,
    pub faults: u64,
    pub sightings: u64,
    pub true_failures: u64,
    pub changes: u64,
    pub authors: u64,
    pub only_here: u64,
    pub median_us: u64,
}

/// A test that is not steady.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Flaky {
    pub test: String,
    pub suite: String,
    pub trees: u64,
    pub passes: u64,
    pub failures: u64,
    pub last_failed: String,
}

/// One record of the log, or one that waits to be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Change {
    pub record: String,
    pub index: Option<u64>,
    pub commit: Option<String>,
    pub at: String,
    pub kind: String,
    pub op: String,
    pub test: String,
    pub from: String,
    pub to: String,
    pub rule: String,
    pub text: String,
    pub actor: String,
    pub signed_by: Vec<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Run {
    pub run: String,
    pub at: String,
    pub commit: Option<String>,
    pub branch: Option<String>,
    pub command: String,
    pub suite: String,
    pub ms: u64,
    pub tests_run: u64,
    pub tests_left_out: u64,
    pub tests_failed: u64,
    pub exit: Option<i64>,
    pub problem: Option<String>,
}

/// A source of production errors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Source {
    pub source: String,
    pub project: String,
    pub service: String,
    pub observed_since: String,
    pub observed_to: String,
    pub sightings: u64,
    pub mapped_basis_points: u64,
}

/// A list of which only the beginning is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are described in the published schema")]
pub struct Cut {
    pub list: String,
    pub shown: u64,
    pub of: u64,
}

impl Report {
    /// The document as it is printed: one line.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}\n", serde_json::to_string(self).unwrap_or_default())
    }
}
