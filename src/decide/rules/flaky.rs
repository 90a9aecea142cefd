//! Flaky: it both passes and fails on the same tree, so it tells nothing on a commit.

use crate::model::evidence::{Evidence, Thresholds};
use crate::model::suite::Suite;

use super::{Case, Rule, days, times};

pub(super) const RULE: Rule = Rule { name: "flaky", suite: Suite::Weekly, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let Evidence { flakes, .. } = *case.evidence;
    let Thresholds { flaky_trees, quarantine_days, quarantine_owner, .. } = case.thresholds;
    (flakes >= *flaky_trees).then(|| {
        format!(
            "passed and failed on the same tree, {} in 30 days; quarantined for {}, {quarantine_owner} should mend it",
            times(flakes, "tree", "trees"),
            days(*quarantine_days)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{quiet, speaks};

    #[test]
    fn it_speaks_from_two_trees_on() {
        assert!(speaks(&RULE, &Evidence { flakes: 2, ..quiet() }));
        assert!(!speaks(&RULE, &Evidence { flakes: 1, ..quiet() }));
        assert!(!speaks(&RULE, &quiet()));
    }
}
