//! Suites are folded from records: each test lives where its last record says.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::suite::{Place, Placement, Suites};

/// What one record says of a test's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The record's digest.
    pub record: String,
    /// The test's record before it.
    pub prev: Option<String>,
    /// Other records of the test that it puts an end to.
    pub resolves: Vec<String>,
    /// The test.
    pub test: String,
    /// Where it goes.
    pub to: Place,
    /// The rule, and what it said.
    pub rule: (String, String),
    /// The last day of the stay.
    pub until: Option<String>,
    /// When it was recorded.
    pub at: String,
    /// When the test moved before, where this stands for all of its records up to here.
    pub before: Vec<String>,
}

/// Folds records in any order. Two records with the same predecessor leave the test in FAST until one resolves them.
#[must_use]
pub fn fold(steps: Vec<Step>) -> Suites {
    let mut by_test: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    for step in steps {
        by_test.entry(step.test.clone()).or_default().push(step);
    }
    let mut suites = Suites::default();
    for (test, mut steps) in by_test {
        steps.sort_by(|a, b| (&a.at, &a.record).cmp(&(&b.at, &b.record)));
        // A record may stand both in the snapshot, which knows no predecessor, and in a batch.
        let followed: BTreeSet<String> =
            steps.iter().flat_map(|step| step.prev.iter().chain(&step.resolves)).cloned().collect();
        let moves: BTreeSet<String> =
            steps.iter().flat_map(|step| step.before.iter().chain([&step.at])).cloned().collect();
        steps.dedup_by(|a, b| a.record == b.record);
        // Every branch of a fork has an end of its own, until one record names them all.
        let tips: Vec<&Step> = steps.iter().filter(|step| !followed.contains(&step.record)).collect();
        if tips.len() != 1 {
            suites.disputed.insert(test.clone());
            suites.tips.insert(test.clone(), tips.iter().map(|tip| tip.record.clone()).collect());
        }
        if let Some(tip) = tips.last() {
            let placement = Placement {
                suite: tip.to.suite(),
                is_gone: tip.to == Place::Absent,
                rule: tip.rule.0.clone(),
                text: tip.rule.1.clone(),
                since: tip.at.clone(),
                until: tip.until.clone(),
                record: tip.record.clone(),
                moves: moves.into_iter().collect(),
            };
            suites.placements.insert(test, placement);
        }
    }
    suites
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::suite::Suite;

    fn step(record: &str, prev: Option<&str>, to: Place) -> Step {
        Step {
            record: record.to_owned(),
            prev: prev.map(str::to_owned),
            resolves: Vec::new(),
            test: "t".to_owned(),
            to,
            rule: ("quiet".to_owned(), String::new()),
            until: None,
            at: format!("at {record}"),
            before: Vec::new(),
        }
    }

    fn lives(steps: &[Step]) -> Suite {
        let one_way = fold(steps.to_vec());
        let other_way = fold(steps.iter().rev().cloned().collect());
        assert_eq!(one_way, other_way);
        one_way.weekly("t", "2026-11-21").map_or(Suite::Fast, |placement| placement.suite)
    }

    #[test]
    fn the_last_record_of_the_chain_counts() {
        let there = step("a", None, Place::Weekly);
        let back = step("b", Some("a"), Place::Fast);
        let again = step("c", Some("b"), Place::Weekly);
        assert_eq!(lives(std::slice::from_ref(&there)), Suite::Weekly);
        assert_eq!(lives(&[there.clone(), back.clone()]), Suite::Fast);
        assert_eq!(lives(&[there.clone(), back, again]), Suite::Weekly);
        assert_eq!(lives(&[there.clone(), there]), Suite::Weekly);
    }

    #[test]
    fn two_records_with_one_predecessor_leave_it_in_fast() {
        let first = step("a", None, Place::Fast);
        let (one, other) = (step("b", Some("a"), Place::Weekly), step("c", Some("a"), Place::Weekly));
        assert_eq!(lives(&[first.clone(), one.clone(), other.clone()]), Suite::Fast);
        // What follows one of the two does not resolve them.
        assert_eq!(lives(&[first, one, other, step("d", Some("b"), Place::Weekly)]), Suite::Fast);
        assert_eq!(lives(&[step("a", None, Place::Weekly), step("b", None, Place::Weekly)]), Suite::Fast);
    }

    #[test]
    fn a_record_that_names_all_branches_ends_the_dispute() {
        let first = step("a", None, Place::Fast);
        let (one, other) = (step("b", Some("a"), Place::Weekly), step("c", Some("a"), Place::Weekly));
        let both = |resolves: &[&str]| Step {
            resolves: resolves.iter().map(|it| (*it).to_owned()).collect(),
            ..step("d", Some("b"), Place::Weekly)
        };
        let all = [first.clone(), one.clone(), other.clone()];
        assert_eq!(fold(all.to_vec()).tips("t"), ["b", "c"]);
        assert_eq!(lives(&[first.clone(), one.clone(), other.clone(), both(&["b", "c"])]), Suite::Weekly);
        assert_eq!(lives(&[first, one, other, both(&["b"])]), Suite::Fast);
    }

    #[test]
    fn a_record_that_stands_in_the_snapshot_and_in_a_batch_is_one() {
        let (first, second) = (step("a", None, Place::Weekly), step("b", Some("a"), Place::Fast));
        let snapped = Step { prev: None, before: vec!["at a".to_owned()], ..second.clone() };
        for steps in
            [vec![snapped.clone()], vec![snapped.clone(), first.clone(), second.clone()], vec![snapped, second]]
        {
            let folded = fold(steps);
            assert_eq!((folded.disputed.len(), folded.last_record("t")), (0, Some("b")));
            assert_eq!(folded.placements["t"].moves, ["at a", "at b"]);
        }
    }

    #[test]
    fn a_test_that_was_removed_is_nowhere_and_runs_in_fast() {
        let gone = [step("a", None, Place::Weekly), step("b", Some("a"), Place::Absent)];
        assert_eq!((fold(gone.to_vec()).place("t"), lives(&gone)), (Some(Place::Absent), Suite::Fast));
        let back = [&gone[..], &[step("c", Some("b"), Place::Fast)]].concat();
        assert_eq!((fold(back.clone()).place("t"), lives(&back)), (Some(Place::Fast), Suite::Fast));
    }
}
