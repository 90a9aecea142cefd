//! Suites are folded from records: each test lives where its last record says.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::suite::{Placement, Suite, Suites};

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
    pub to: Suite,
    /// The rule, and what it said.
    pub rule: (String, String),
    /// The last day of the stay.
    pub until: Option<String>,
    /// When it was recorded.
    pub at: String,
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
        steps.dedup_by(|a, b| a.record == b.record);
        let followed: BTreeSet<&str> =
            steps.iter().flat_map(|step| step.prev.iter().chain(&step.resolves)).map(String::as_str).collect();
        // Every branch of a fork has an end of its own, until one record names them all.
        let tips: Vec<&Step> = steps.iter().filter(|step| !followed.contains(step.record.as_str())).collect();
        if tips.len() != 1 {
            suites.disputed.insert(test.clone());
            suites.tips.insert(test.clone(), tips.iter().map(|tip| tip.record.clone()).collect());
        }
        if let Some(tip) = tips.last() {
            let placement = Placement {
                suite: tip.to,
                rule: tip.rule.0.clone(),
                text: tip.rule.1.clone(),
                since: tip.at.clone(),
                until: tip.until.clone(),
                record: tip.record.clone(),
                moves: steps.iter().map(|step| step.at.clone()).collect(),
            };
            suites.placements.insert(test, placement);
        }
    }
    suites
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(record: &str, prev: Option<&str>, to: Suite) -> Step {
        Step {
            record: record.to_owned(),
            prev: prev.map(str::to_owned),
            resolves: Vec::new(),
            test: "t".to_owned(),
            to,
            rule: ("quiet".to_owned(), String::new()),
            until: None,
            at: format!("at {record}"),
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
        let there = step("a", None, Suite::Weekly);
        let back = step("b", Some("a"), Suite::Fast);
        let again = step("c", Some("b"), Suite::Weekly);
        assert_eq!(lives(std::slice::from_ref(&there)), Suite::Weekly);
        assert_eq!(lives(&[there.clone(), back.clone()]), Suite::Fast);
        assert_eq!(lives(&[there.clone(), back, again]), Suite::Weekly);
        assert_eq!(lives(&[there.clone(), there]), Suite::Weekly);
    }

    #[test]
    fn two_records_with_one_predecessor_leave_it_in_fast() {
        let first = step("a", None, Suite::Fast);
        let (one, other) = (step("b", Some("a"), Suite::Weekly), step("c", Some("a"), Suite::Weekly));
        assert_eq!(lives(&[first.clone(), one.clone(), other.clone()]), Suite::Fast);
        // What follows one of the two does not resolve them.
        assert_eq!(lives(&[first, one, other, step("d", Some("b"), Suite::Weekly)]), Suite::Fast);
        assert_eq!(lives(&[step("a", None, Suite::Weekly), step("b", None, Suite::Weekly)]), Suite::Fast);
    }

    #[test]
    fn a_record_that_names_all_branches_ends_the_dispute() {
        let first = step("a", None, Suite::Fast);
        let (one, other) = (step("b", Some("a"), Suite::Weekly), step("c", Some("a"), Suite::Weekly));
        let both = |resolves: &[&str]| Step {
            resolves: resolves.iter().map(|it| (*it).to_owned()).collect(),
            ..step("d", Some("b"), Suite::Weekly)
        };
        let all = [first.clone(), one.clone(), other.clone()];
        assert_eq!(fold(all.to_vec()).tips("t"), ["b", "c"]);
        assert_eq!(lives(&[first.clone(), one.clone(), other.clone(), both(&["b", "c"])]), Suite::Weekly);
        assert_eq!(lives(&[first, one, other, both(&["b"])]), Suite::Fast);
    }
}
