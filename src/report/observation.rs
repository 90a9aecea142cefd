//! What `titer place` saw that people did to the tests, in words and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::placement::written;

/// So many tests are told one by one.
const TOLD: usize = 20;

/// What was seen, and what was written of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// Whether this is the beginning: then `adds` are the baseline.
    pub is_adoption: bool,
    /// Tests that run and that no record knew.
    pub adds: Vec<String>,
    /// Tests that records know and no runner lists.
    pub removes: Vec<String>,
    /// Tests whose records say different things, and that no move settles: they stay in FAST, and now a record says so.
    pub settled: Vec<String>,
    /// Removals that wait for somebody's word from now on: the test, and the rule.
    pub proposals: Vec<(String, String)>,
    /// Removals that were proposed before and wait still.
    pub open: usize,
    /// The batch of the baseline or of the adds, and the key that signed it.
    pub batch: Option<(String, Option<String>)>,
    /// The batch of proposals.
    pub proposed: Option<String>,
}

fn list<'a>(text: &mut String, tests: impl ExactSizeIterator<Item = &'a str>) {
    let more = tests.len().saturating_sub(TOLD);
    for test in tests.take(TOLD) {
        let _ = writeln!(text, "  {test}");
    }
    if more > 0 {
        let _ = writeln!(text, "  and {more} more (`--json` has all)");
    }
}

/// For people; nothing where nothing is owed.
#[must_use]
pub fn text(seen: &Observed) -> String {
    let mut text = String::new();
    let count = seen.adds.len();
    if seen.is_adoption && seen.batch.is_some() {
        let _ = writeln!(text, "baseline: {count} tests are known from here on, in .titer/suite/base.tsv");
    } else if !seen.is_adoption && count > 0 {
        let owed = if seen.batch.is_some() { "added" } else { "owed an `add` record" };
        let _ = writeln!(text, "{owed}: {count} tests");
        list(&mut text, seen.adds.iter().map(String::as_str));
    }
    if !seen.settled.is_empty() {
        let _ = writeln!(text, "records that say different things: {} tests, which stay in FAST", seen.settled.len());
        list(&mut text, seen.settled.iter().map(String::as_str));
    }
    if let Some((batch, signed_by)) = &seen.batch {
        text.push_str(&written(batch, signed_by.as_deref()));
    }
    if !seen.removes.is_empty() {
        let _ = writeln!(text, "owed a `remove` record: {} tests that no runner lists any more", seen.removes.len());
        list(&mut text, seen.removes.iter().map(String::as_str));
    }
    if !seen.proposals.is_empty() {
        let _ = writeln!(text, "proposed for removal: {} tests", seen.proposals.len());
        let told: Vec<String> = seen.proposals.iter().map(|(test, rule)| format!("{test}  {rule}")).collect();
        list(&mut text, told.iter().map(String::as_str));
    }
    if let Some(batch) = &seen.proposed {
        let _ = writeln!(
            text,
            "written: .titer/suite/proposed/{batch}; `titer audit approve {}` makes records of it, deleting the file declines it",
            &batch[..12]
        );
    }
    if seen.open > 0 {
        let _ = writeln!(text, "{} removals wait in .titer/suite/proposed for `titer audit approve`", seen.open);
    }
    text
}

/// For programs, a part of `placement_v1`.
#[must_use]
pub fn json(seen: &Observed) -> Value {
    let proposals: Vec<Value> = seen.proposals.iter().map(|(test, rule)| json!({"test": test, "rule": rule})).collect();
    let batch = seen.batch.as_ref().map(|(batch, _)| batch);
    json!({
        "is_adoption": seen.is_adoption, "adds": seen.adds, "removes": seen.removes, "settled": seen.settled, "proposals": proposals, "open": seen.open,
        "batch": batch, "proposed": seen.proposed,
    })
}
