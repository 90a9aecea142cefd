//! Failed: it told the truth about a fault not long ago.

use crate::model::suite::Suite;

use super::{Case, Rule, days, times};

pub(super) const RULE: Rule = Rule { name: "failed", suite: Suite::Fast, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let at = case
        .evidence
        .last_true_failure
        .filter(|at| case.thresholds.is_within(Some(*at), case.thresholds.failure_days))?;
    let (count, ago) = (case.evidence.true_failures, case.thresholds.days_since(at));
    Some(format!("{}, the last {} ago", times(count, "true failure", "true failures"), days(ago)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{ago, quiet, speaks};
    use crate::model::evidence::Evidence;

    #[test]
    fn it_speaks_for_ninety_days() {
        assert!(speaks(&RULE, &Evidence { last_true_failure: ago(89), ..quiet() }));
        assert!(!speaks(&RULE, &Evidence { last_true_failure: ago(90), ..quiet() }));
        assert!(!speaks(&RULE, &quiet()));
    }
}
