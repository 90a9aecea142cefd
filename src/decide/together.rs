//! A test that fails in another order runs with the tests of its file, whatever made it run: alone it may fail though nothing is
//! wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::edge::{EdgeKind, Target};
use crate::model::map::{EdgeRow, Map, TestRow};
use crate::model::plan::{Decision, Verdict};
use crate::model::reason::Reason;

/// Adds to the tests that run those that stay with them; the decisions are in the order of the map's tests.
pub fn keep_together(map: &Map, decisions: &mut [Decision]) {
    let all: BTreeMap<u32, Target> =
        (0..).zip(&map.edges).filter_map(|(at, row)| Some((at, mark(map, row)?))).collect();
    if all.is_empty() {
        return;
    }
    let marks: Vec<Option<&Target>> = map.tests.iter().map(|test| mark_of(map, test, &all)).collect();
    let place = |decision: &Decision| (decision.variant.clone(), file_of(&decision.test).to_owned());
    let run: BTreeSet<(String, String)> = marks
        .iter()
        .zip(decisions.iter())
        .filter(|(mark, decision)| mark.is_some() && decision.verdict == Verdict::Run)
        .map(|(_, decision)| place(decision))
        .collect();
    for (mark, decision) in marks.into_iter().zip(decisions.iter_mut()) {
        if let Some(mark) = mark
            && decision.verdict == Verdict::LeftOut
            && run.contains(&place(decision))
        {
            decision.verdict = Verdict::Run;
            decision.reason = Reason::OrderDependent;
            decision.evidence = vec![mark.clone()];
        }
    }
}

/// What an edge points at, if that is a mark.
fn mark(map: &Map, row: &EdgeRow) -> Option<Target> {
    (row.kind == EdgeKind::Opaque).then(|| map.target(row)).filter(Target::is_order_dependent)
}

/// The mark in what the process remembers for a test, if it has one.
fn mark_of<'a>(map: &Map, test: &TestRow, all: &'a BTreeMap<u32, Target>) -> Option<&'a Target> {
    let set = map.sets.get(test.footprints.first()?.memory? as usize)?;
    set.edges.iter().find_map(|edge| all.get(edge))
}

/// The file in a test's id.
fn file_of(test: &str) -> &str {
    test.split("::").nth(1).unwrap_or_default()
}
