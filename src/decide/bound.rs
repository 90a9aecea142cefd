//! How much may have been missed that a sample did not show.
//!
//! The one-sided upper bound of Clopper and Pearson ("The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika
//! 26, 1934): the share at which so few failures among so many checks would be seen in 5 % of all cases. It never promises too much, and where none
//! was seen it is about 3 of the number of checks (Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983).

use statrs::distribution::{Beta, ContinuousCDF};

/// How sure the bound is.
const SURE: f64 = 0.95;

/// A million, for shares in whole numbers.
const MILLION: u64 = 1_000_000;

/// The share of all that may fail, in millionths and rounded up, where `failed` of `checked` did; none where nothing was checked.
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of tests are far below 2^52, and a share lies between 0 and 1"
)]
pub fn per_million(failed: u64, checked: u64) -> Option<u64> {
    if checked == 0 {
        return None;
    }
    if failed >= checked {
        return Some(MILLION);
    }
    let share = Beta::new((failed + 1) as f64, (checked - failed) as f64).ok()?.inverse_cdf(SURE);
    Some(((share * MILLION as f64).ceil() as u64).min(MILLION))
}

/// How many of `all` may fail at most by that bound, rounded up.
#[must_use]
pub fn at_most(per_million: u64, all: u64) -> u64 {
    let many = u128::from(per_million) * u128::from(all);
    u64::try_from(many.div_ceil(u128::from(MILLION))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_seen_is_not_nothing_there() {
        assert_eq!(per_million(0, 0), None);
        // 1 - 0.05^(1/n): the rule of three says 30 000, 3 000.
        assert_eq!((per_million(0, 100), per_million(0, 1000)), (Some(29_514), Some(2_992)));
        assert_eq!(per_million(0, 1), Some(950_000));
    }

    #[test]
    fn more_failures_raise_the_bound_and_more_checks_lower_it() {
        // As bisection of the binomial distribution itself has it.
        assert_eq!((per_million(1, 10), per_million(5, 50)), (Some(394_164), Some(198_834)));
        assert_eq!(per_million(7, 7), Some(1_000_000));
        let falls: Vec<Option<u64>> = [10, 100, 1000, 10_000].map(|checked| per_million(2, checked)).to_vec();
        assert!(falls.windows(2).all(|pair| pair[0] > pair[1]), "{falls:?}");
    }

    #[test]
    fn a_part_of_a_failure_is_one() {
        assert_eq!((at_most(29_514, 1000), at_most(1, 1), at_most(0, 9)), (30, 1, 0));
    }
}
