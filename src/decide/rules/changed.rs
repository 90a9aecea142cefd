//! Changed: a path that it covers moves.

use crate::model::suite::Suite;

use super::{Case, Rule, days};

pub(super) const RULE: Rule = Rule { name: "changed", suite: Suite::Fast, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let at = case.evidence.last_changed?;
    let moves = case.thresholds.is_within(Some(at), case.thresholds.quiet_days);
    moves.then(|| format!("{} changed {} ago", case.evidence.changed_path, days(case.thresholds.days_since(at))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{ago, quiet, speaks};
    use crate::model::evidence::Evidence;

    #[test]
    fn a_hundred_and_seventy_nine_days_stay_and_a_hundred_and_eighty_one_go() {
        assert!(speaks(&RULE, &Evidence { last_changed: ago(179), ..quiet() }));
        assert!(!speaks(&RULE, &Evidence { last_changed: ago(180), ..quiet() }));
        assert!(!speaks(&RULE, &Evidence { last_changed: ago(181), ..quiet() }));
    }
}
