//! `selection_v1`: the plan as JSON for people's scripts (`titer plan --json`, `titer explain --json`).
//!
//! Readers must accept members and reason codes that they do not know.

use serde::Serialize;

use super::shares_v1::Shares;
use crate::model::plan::{Decision, Plan, Verdict};
use crate::model::suite::Suite;

/// The number of this format.
pub const VERSION: u32 = 1;

/// A plan.
#[derive(Debug, Serialize)]
pub struct Selection<'a> {
    v: u32,
    whole: Option<&'a str>,
    run: usize,
    left_out: usize,
    tests: Vec<Test<'a>>,
}

#[derive(Debug, Serialize)]
struct Planned<'a> {
    #[serde(flatten)]
    selection: Selection<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shards: Option<&'a Shares>,
}

/// One decision.
#[derive(Debug, Serialize)]
pub struct Test<'a> {
    id: &'a str,
    variant: &'a str,
    suite: &'static str,
    verdict: &'static str,
    reason: &'static str,
    evidence: Vec<Evidence<'a>>,
}

#[derive(Debug, Serialize)]
struct Evidence<'a> {
    kind: &'static str,
    path: &'a str,
    name: &'a str,
}

/// The decisions as they leave the program.
#[must_use]
pub fn selection<'a>(
    whole: Option<&'a str>,
    decisions: impl Iterator<Item = &'a Decision>,
    suite_of: &dyn Fn(&str) -> Suite,
) -> Selection<'a> {
    let mut selection = Selection { v: VERSION, whole, run: 0, left_out: 0, tests: Vec::new() };
    for decision in decisions {
        match decision.verdict {
            Verdict::Run => selection.run += 1,
            Verdict::LeftOut => selection.left_out += 1,
        }
        selection.tests.push(test(decision, suite_of(&decision.test)));
    }
    selection
}

/// One decision as it leaves the program.
#[must_use]
pub fn test(decision: &Decision, suite: Suite) -> Test<'_> {
    let evidence = decision.evidence.iter();
    Test {
        id: &decision.test,
        variant: &decision.variant,
        suite: suite.word(),
        verdict: decision.verdict.words(),
        reason: decision.reason.code(),
        evidence: evidence.map(|t| Evidence { kind: t.kind.word(), path: &t.path, name: &t.name }).collect(),
    }
}

/// The plan of every variant, as one line of JSON; `shards` tells who runs what, where that was asked.
#[must_use]
pub fn write(plan: &Plan, suite_of: &dyn Fn(&str) -> Suite, shards: Option<&Shares>) -> String {
    let selection = selection(plan.whole.as_deref(), plan.decisions.iter(), suite_of);
    serde_json::to_string(&Planned { selection, shards }).unwrap_or_default()
}
