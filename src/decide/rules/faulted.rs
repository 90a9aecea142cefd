//! Faulted: production failed on a path that it covers.

use crate::model::evidence::{Evidence, Thresholds};
use crate::model::suite::Suite;

use super::{Case, Rule, days, times};

pub(super) const RULE: Rule = Rule { name: "faulted", suite: Suite::Fast, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let Thresholds { fault_days, .. } = *case.thresholds;
    let at = case.evidence.last_sighted?;
    if fault_days > 0 && !case.thresholds.is_within(Some(at), fault_days) {
        return None;
    }
    let Evidence { faults, sightings, faulty_path, .. } = case.evidence;
    let seen = times(*sightings, "sighting", "sightings");
    let of = times(*faults, "fault", "faults");
    Some(format!("{seen} of {of} on {faulty_path}, the last {} ago", days(case.thresholds.days_since(at))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{ago, quiet, speaks, thresholds};

    #[test]
    fn one_sighting_ever_is_enough() {
        assert!(speaks(&RULE, &Evidence { last_sighted: ago(4000), faults: 1, sightings: 1, ..quiet() }));
        assert!(!speaks(&RULE, &quiet()));
    }

    #[test]
    fn policy_may_let_a_fault_be_forgotten() {
        let thresholds = Thresholds { fault_days: 365, ..thresholds() };
        for (days, expected) in [(364, true), (365, false)] {
            let evidence = Evidence { last_sighted: ago(days), ..quiet() };
            let case = Case { evidence: &evidence, thresholds: &thresholds, is_pinned: false };
            assert_eq!((RULE.judge)(&case).is_some(), expected, "{days}");
        }
    }
}
