//! Slow: it costs more than what it tells is worth.

use crate::model::evidence::Evidence;
use crate::model::suite::Suite;

use super::{Case, Rule};

pub(super) const RULE: Rule = Rule { name: "slow", suite: Suite::Weekly, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let Evidence { median_us, only_here, .. } = *case.evidence;
    let ms = median_us / 1000;
    // What only it covers nobody else would tell.
    let is_worth_it = only_here > 0;
    (ms >= case.thresholds.slow_ms && !is_worth_it).then(|| {
        format!(
            "takes {}.{} s, covers nothing that no other test covers, and production has had no fault there",
            ms / 1000,
            ms % 1000 / 100
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{quiet, speaks};

    #[test]
    fn it_speaks_from_ten_seconds_on() {
        assert!(speaks(&RULE, &Evidence { median_us: 10_000_000, ..quiet() }));
        assert!(!speaks(&RULE, &Evidence { median_us: 9_999_000, ..quiet() }));
    }

    #[test]
    fn what_only_it_covers_is_worth_its_seconds() {
        assert!(!speaks(&RULE, &Evidence { median_us: 60_000_000, only_here: 1, ..quiet() }));
    }
}
