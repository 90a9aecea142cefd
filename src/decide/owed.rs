//! What the records owe: tests that run and that no record knows, tests that records know and that are gone, and tests that nobody would miss.

use std::collections::BTreeSet;

use crate::model::evidence::{Evidence, Ground, Seconds, Thresholds};
use crate::model::suite::{Suite, Suites};

/// What is owed, each in the order of tests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owed {
    /// Tests that the runner lists and no record knows.
    pub adds: Vec<String>,
    /// Tests that a record knows and the runner does not list.
    pub removes: Vec<String>,
    /// Tests that the runner lists and whose records say different things.
    pub disputes: Vec<String>,
}

/// Compares what `inventory` (tests that were there at the beginning) and the records know with what the runner lists.
#[must_use]
pub fn owed(inventory: &BTreeSet<String>, suites: &Suites, listed: &BTreeSet<String>) -> Owed {
    let knows = |test: &str| match suites.placements.get(test) {
        Some(placement) => !placement.is_gone,
        None => inventory.contains(test),
    };
    let all: BTreeSet<&String> = inventory.iter().chain(suites.placements.keys()).collect();
    Owed {
        disputes: suites.disputed.intersection(listed).cloned().collect(),
        adds: listed.iter().filter(|test| !knows(test) && !suites.disputed.contains(*test)).cloned().collect(),
        removes: all.into_iter().filter(|test| knows(test) && !listed.contains(*test)).cloned().collect(),
    }
}

/// Why a test could be removed, for a person to say yes or no to: long in WEEKLY, nothing that only it covers, and it never told anything.
/// `instant` reads an RFC 3339 text.
#[must_use]
pub fn dispensable(
    row: &Evidence,
    suites: &Suites,
    numbers: &Thresholds,
    instant: fn(&str) -> Option<Seconds>,
) -> Option<Ground> {
    let placement = suites.placements.get(&row.test).filter(|it| it.suite == Suite::Weekly && it.until.is_none())?;
    if numbers.removal_days == 0 || suites.disputed.contains(&row.test) {
        return None;
    }
    let days = numbers.days_since(instant(&placement.since)?);
    let tells_nothing = row.true_failures == 0 && row.last_escape.is_none() && row.flakes == 0;
    // A test of which nothing is known covers nothing that is known: that says nothing.
    let covers_nothing = row.code_paths > 0 && row.only_here == 0;
    let is_silent = row.last_sighted.is_none() && row.unmapped_faults == 0 && row.unwatched_files == 0;
    let is_long = days >= numbers.removal_days;
    (is_long && tells_nothing && covers_nothing && is_silent).then(|| Ground {
        rule: DISPENSABLE,
        text: format!(
            "in WEEKLY for {days} days; other tests cover all of its {} code paths; no true failure in {} runs",
            row.code_paths, row.runs
        ),
    })
}

/// The rule of a removal that is proposed.
pub const DISPENSABLE: &str = "dispensable";
/// The rule of a removal that was seen.
pub const GONE: &str = "gone";
/// The rule of a test whose records said different things.
pub const DISPUTED: &str = "disputed";
/// The rule of a test that was seen for the first time.
pub const SEEN: &str = "seen";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::evidence::DAY;
    use crate::model::suite::Placement;

    fn names(text: &str) -> BTreeSet<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_runs_and_is_not_known_and_what_is_known_and_does_not_run_is_owed() {
        let mut suites = Suites::default();
        for (test, is_gone) in [("moved", false), ("left", false), ("removed", true), ("back", true)] {
            suites.placements.insert(test.to_owned(), Placement { is_gone, ..Placement::default() });
        }
        // The baseline still names what was removed since.
        let inventory = names("old lost removed");
        let found = owed(&inventory, &suites, &names("old new moved back"));
        assert_eq!((found.adds.join(" "), found.removes.join(" ")), ("back new".to_owned(), "left lost".to_owned()));
        assert_eq!(owed(&BTreeSet::new(), &Suites::default(), &BTreeSet::new()), Owed::default());
        suites.disputed = names("moved left");
        assert_eq!(owed(&inventory, &suites, &names("moved")).disputes, ["moved"]);
    }

    #[test]
    fn only_a_test_that_nobody_would_miss_is_proposed() {
        let row = Evidence { test: "t".to_owned(), code_paths: 3, runs: 9, ..Evidence::default() };
        let stay = Placement { suite: Suite::Weekly, since: "0".to_owned(), ..Placement::default() };
        let says = |row: &Evidence, stay: &Placement, days: i64| {
            let mut suites = Suites::default();
            suites.placements.insert("t".to_owned(), stay.clone());
            let numbers = Thresholds { as_of: days * DAY, removal_days: 180, ..Thresholds::bare() };
            dispensable(row, &suites, &numbers, |text| text.parse().ok()).is_some()
        };
        assert_eq!([179, 180, 181].map(|days| says(&row, &stay, days)), [false, true, true]);
        let rows = [
            Evidence { only_here: 1, ..row.clone() },
            Evidence { code_paths: 0, ..row.clone() },
            Evidence { true_failures: 1, ..row.clone() },
            Evidence { last_escape: Some(1), ..row.clone() },
            Evidence { last_sighted: Some(1), ..row.clone() },
            Evidence { unmapped_faults: 1, ..row.clone() },
            Evidence { unwatched_files: 1, ..row.clone() },
        ];
        assert!(rows.iter().all(|row| !says(row, &stay, 400)));
        let others = [
            Placement { suite: Suite::Fast, ..stay.clone() },
            Placement { until: Some("2026-01-01".to_owned()), ..stay.clone() },
            Placement { since: "never".to_owned(), ..stay },
        ];
        assert!(others.iter().all(|stay| !says(&row, stay, 400)));
    }
}
