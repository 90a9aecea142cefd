//! What a placement comes to, in words and as JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::observation::{self, Observed};
use crate::model::placed::{Move, Placed};
use crate::model::suite::Suite;

/// How many moves are told one by one.
const TOLD: usize = 40;

/// A placement to be told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The day as of which it was decided.
    pub day: &'a str,
    /// What moves.
    pub placed: &'a Placed,
    /// What people did to the tests.
    pub observed: &'a Observed,
    /// Code paths that keep a large share of the suite in FAST, with the number of tests.
    pub crowded: &'a [(String, i64)],
    /// The batch that was written, and the key that signed it.
    pub batch: Option<(&'a str, Option<&'a str>)>,
}

/// Where a batch was written, and what becomes of it.
#[must_use]
pub fn written(batch: &str, signed_by: Option<&str>) -> String {
    let signed = signed_by.map_or_else(
        || "unsigned (no key in TITER_SIGNING_KEY): who seals signs what can be decided again".to_owned(),
        |key| format!("signed by {key}"),
    );
    format!("written: .titer/suite/pending/{batch}; commit it\n  {signed}\n")
}

fn size(placed: &Placed, when: usize, suite: Suite) -> (usize, i64) {
    placed.sizes[when].get(&suite).copied().unwrap_or_default()
}

fn seconds(us: i64) -> String {
    format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000)
}

/// For people.
#[must_use]
pub fn text(told: &Told<'_>) -> String {
    let placed = told.placed;
    let mut text = String::new();
    let (fast, weekly) = (Suite::Fast, Suite::Weekly);
    let all = size(placed, 0, fast).0 + size(placed, 0, weekly).0;
    let _ = writeln!(text, "as of {}: {all} tests", told.day);
    for suite in [fast, weekly] {
        let ((before, cost), (after, then)) = (size(placed, 0, suite), size(placed, 1, suite));
        let _ = writeln!(text, "  {suite:<6}  {before} -> {after} tests, {} -> {}", seconds(cost), seconds(then));
    }
    let _ = writeln!(text, "what decides:");
    for ((suite, rule), tests) in &placed.rules {
        let _ = writeln!(text, "  {suite:<6}  {rule:<9}  {tests} tests");
    }
    if !told.crowded.is_empty() {
        let _ = writeln!(text, "code paths that keep much of the suite in FAST:");
        for (path, tests) in told.crowded.iter().take(TOLD) {
            let _ = writeln!(text, "  {tests} tests  {path}");
        }
    }
    let moves = |to: Suite| placed.moves.iter().filter(move |step| step.to == to);
    for to in [weekly, fast] {
        let count = moves(to).count();
        if count > 0 {
            let _ = writeln!(text, "to {to}: {count} tests");
        }
        for step in moves(to).take(TOLD) {
            let _ = writeln!(text, "  {}  {}: {}", step.test, step.ground.rule, step.ground.text);
        }
        if count > TOLD {
            let _ = writeln!(text, "  and {} more (`--json` has all)", count - TOLD);
        }
    }
    if placed.waiting > 0 {
        let _ = writeln!(text, "{} more wait for the next placement (placement.most_moves)", placed.waiting);
    }
    if !placed.restless.is_empty() {
        let _ = writeln!(text, "moved twice within 90 days: {}", placed.restless.join(", "));
    }
    match told.batch {
        Some((batch, signed_by)) => text.push_str(&written(batch, signed_by)),
        None if placed.moves.is_empty() => {
            let _ = writeln!(text, "nothing moves");
        }
        None => {
            let _ = writeln!(text, "nothing was written");
        }
    }
    text.push_str(&observation::text(told.observed));
    text
}

/// For programs: `placement_v1`.
#[must_use]
pub fn json(told: &Told<'_>) -> String {
    let placed = told.placed;
    let step = |step: &Move| {
        json!({"test": step.test, "from": step.from, "to": step.to, "rule": step.ground.rule, "text": step.ground.text,
            "until": step.until, "median_us": step.median_us})
    };
    let sizes = |when: usize| {
        let one = |suite| json!({"tests": size(placed, when, suite).0, "us": size(placed, when, suite).1});
        json!({"fast": one(Suite::Fast), "weekly": one(Suite::Weekly)})
    };
    let rule = |((suite, rule), tests): (&(Suite, &str), &usize)| json!({"suite": suite, "rule": rule, "tests": tests});
    let value = json!({
        "format": "placement_v1",
        "as_of": told.day,
        "before": sizes(0),
        "after": sizes(1),
        "rules": placed.rules.iter().map(rule).collect::<Vec<_>>(),
        "moves": placed.moves.iter().map(step).collect::<Vec<_>>(),
        "waiting": placed.waiting,
        "restless": placed.restless,
        "crowded": told.crowded.iter().map(|(path, tests)| json!({"path": path, "tests": tests})).collect::<Vec<_>>(),
        "observed": observation::json(told.observed),
        "batch": told.batch.map(|(batch, _)| batch),
        "signed_by": told.batch.and_then(|(_, signed_by)| signed_by),
    });
    format!("{value}\n")
}
