//! What a test tells, in points: by this tests are put in order where time is short.
//!
//! Whole numbers only, so that the same evidence gives the same order everywhere. What is old counts less: half after every
//! [`HALVED_AFTER`]. How often something failed is a poor predictor alone; how often a path changes, and by how many people, is a good one
//! (Memon et al., "Taming Google-scale continuous testing", ICSE-SEIP 2017).

use crate::model::evidence::{DAY, Evidence, Seconds};

/// After so long something counts half.
const HALVED_AFTER: Seconds = 90 * DAY;

/// Points of a test as of an instant: at least 1.
#[must_use]
pub fn points(evidence: &Evidence, as_of: Seconds) -> u32 {
    let aged = |points: u64, at: Option<Seconds>| match at {
        Some(at) => points >> ((as_of - at).max(0) / HALVED_AFTER).min(63),
        None => 0,
    };
    let production = 64 * doublings(evidence.faults) + 16 * doublings(evidence.sightings);
    let change = 8 * doublings(evidence.changes) + 16 * doublings(evidence.authors);
    let all = 1
        + aged(production, evidence.last_sighted)
        + aged(change, evidence.last_changed)
        + aged(32 * doublings(evidence.true_failures), evidence.last_true_failure)
        + aged(64, evidence.last_escape)
        + 8 * doublings(evidence.only_here);
    u32::try_from(all).unwrap_or(u32::MAX)
}

/// How often 1 must be doubled to be more than a number: the second thousand tells less than the first ten.
fn doublings(number: i64) -> u64 {
    u64::try_from(number).map_or(0, |number| u64::from(u64::BITS - number.leading_zeros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Seconds = 1_795_219_200;

    fn of(change: impl FnOnce(&mut Evidence)) -> u32 {
        let mut evidence = Evidence::default();
        change(&mut evidence);
        points(&evidence, NOW)
    }

    #[test]
    fn a_test_of_which_nothing_is_known_has_one_point() {
        assert_eq!(of(|_| ()), 1);
    }

    #[test]
    fn what_is_old_counts_half_after_every_ninety_days() {
        let faulted =
            |days: i64| of(|it| (it.faults, it.sightings, it.last_sighted) = (1, 1000, Some(NOW - days * DAY))) - 1;
        assert_eq!((faulted(0), faulted(89), faulted(90), faulted(180)), (224, 224, 112, 56));
        assert_eq!(faulted(100_000), 0);
        // A clock that runs ahead makes nothing worth more.
        assert_eq!(faulted(-400), 224);
    }

    #[test]
    fn more_of_anything_is_worth_more() {
        let pairs = [
            (
                of(|it| (it.changes, it.last_changed) = (2, Some(NOW))),
                of(|it| (it.changes, it.last_changed) = (9, Some(NOW))),
            ),
            (
                of(|it| (it.authors, it.last_changed) = (1, Some(NOW))),
                of(|it| (it.authors, it.last_changed) = (4, Some(NOW))),
            ),
            (of(|it| it.only_here = 1), of(|it| it.only_here = 30)),
            (of(|_| ()), of(|it| it.last_escape = Some(NOW))),
            (of(|_| ()), of(|it| (it.true_failures, it.last_true_failure) = (1, Some(NOW)))),
        ];
        assert!(pairs.iter().all(|(less, more)| less < more), "{pairs:?}");
    }
}
