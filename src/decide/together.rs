//! Tests that run with others, whatever made these run: one that fails in another order with the tests of its file, as alone it
//! may fail though nothing is wrong, and all of a file where the runner can only leave out whole files.

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

/// For every test of the map, whether it fails in another order than its file's.
#[must_use]
pub fn dependent(map: &Map) -> Vec<bool> {
    let all: BTreeMap<u32, Target> =
        (0..).zip(&map.edges).filter_map(|(at, row)| Some((at, mark(map, row)?))).collect();
    map.tests.iter().map(|test| mark_of(map, test, &all).is_some()).collect()
}

/// Adds to the tests that run all others of their file, for the same reason, where the runner leaves out whole files.
pub fn keep_files_whole(decisions: &mut [Decision], by_file: &dyn Fn(&str) -> bool) {
    let mut run: BTreeMap<(String, String), (Reason, Vec<Target>)> = BTreeMap::new();
    for decision in decisions.iter().filter(|decision| decision.verdict == Verdict::Run && by_file(&decision.test)) {
        let place = (decision.variant.clone(), file_of(&decision.test).to_owned());
        run.entry(place).or_insert_with(|| (decision.reason, decision.evidence.clone()));
    }
    for decision in decisions.iter_mut().filter(|decision| decision.verdict == Verdict::LeftOut) {
        if !by_file(&decision.test) {
            continue;
        }
        let place = (decision.variant.clone(), file_of(&decision.test).to_owned());
        if let Some((reason, evidence)) = run.get(&place) {
            decision.verdict = Verdict::Run;
            decision.reason = *reason;
            decision.evidence.clone_from(evidence);
        }
    }
}

/// Adds to the test files that run those that make what they read: what lies there may be of another tree.
pub fn keep_makers(map: &Map, decisions: &mut [Decision]) {
    let needs: BTreeMap<u32, &str> = (0..)
        .zip(&map.edges)
        .filter(|(_, row)| row.kind == EdgeKind::Fixture)
        .map(|(at, row)| (at, map.word(row.path)))
        .collect();
    if needs.is_empty() {
        return;
    }
    let makers_of = |test: &TestRow| -> BTreeSet<&str> {
        let sets = test.footprints.first().into_iter().flat_map(|footprint| &footprint.sets);
        let edges = sets.filter_map(|&set| map.sets.get(set as usize)).flat_map(|set| &set.edges);
        edges.filter_map(|edge| needs.get(edge).copied()).collect()
    };
    loop {
        let running = map.tests.iter().zip(decisions.iter()).filter(|(_, decision)| decision.verdict == Verdict::Run);
        let wanted: BTreeMap<(String, String), Reason> = running
            .flat_map(|(test, decision)| {
                let place = |maker: &str| ((decision.variant.clone(), maker.to_owned()), decision.reason);
                makers_of(test).into_iter().map(place).collect::<Vec<_>>()
            })
            .collect();
        let mut any = false;
        for decision in decisions.iter_mut().filter(|decision| decision.verdict == Verdict::LeftOut) {
            let place = (decision.variant.clone(), file_of(&decision.test).to_owned());
            if let Some(reason) = wanted.get(&place) {
                (decision.verdict, decision.reason) = (Verdict::Run, *reason);
                any = true;
            }
        }
        if !any {
            return;
        }
    }
}

/// Pairs of tests (places in the map) that stay together: those of a file that fail in another order than the file's, and tests with
/// those that make what they read.
#[must_use]
pub fn bonds(map: &Map) -> Vec<(usize, usize)> {
    let is_fixture = |row: &&EdgeRow| row.kind == EdgeKind::Fixture;
    let makers: BTreeSet<&str> = map.edges.iter().filter(is_fixture).map(|row| map.word(row.path)).collect();
    let mut dependents: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    let mut of_makers: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    let mut found = Vec::new();
    for (at, is_dependent) in dependent(map).into_iter().enumerate() {
        let test = &map.tests[at];
        let place = (test.variant, file_of(&test.id));
        if is_dependent {
            found.extend(dependents.insert(place, at).map(|before| (before, at)));
        }
        if makers.contains(place.1) {
            found.extend(of_makers.insert(place, at).map(|before| (before, at)));
        }
    }
    for (at, test) in map.tests.iter().enumerate().filter(|_| !makers.is_empty()) {
        let sets = test.footprints.first().into_iter().flat_map(|footprint| &footprint.sets);
        let edges = sets.filter_map(|&set| map.sets.get(set as usize)).flat_map(|set| &set.edges);
        let rows = edges.filter_map(|&edge| map.edges.get(edge as usize)).filter(is_fixture);
        found.extend(rows.filter_map(|row| Some((at, *of_makers.get(&(test.variant, map.word(row.path)))?))));
    }
    found
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
