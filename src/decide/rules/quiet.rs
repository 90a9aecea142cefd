//! Quiet: production has never had a problem on any path that it covers, and none has changed for long.

use crate::model::evidence::{Evidence, Thresholds};
use crate::model::suite::Suite;

use super::{Case, Rule, days, times};

pub(super) const RULE: Rule = Rule { name: "quiet", suite: Suite::Weekly, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let Evidence { code_paths, last_changed, .. } = *case.evidence;
    let Thresholds { quiet_days, .. } = *case.thresholds;
    let at = last_changed.filter(|at| code_paths > 0 && !case.thresholds.is_within(Some(*at), quiet_days))?;
    let paths = times(code_paths, "code path", "code paths");
    Some(format!(
        "production had no fault on the {paths} that it covers, and none has changed for {}",
        days(case.thresholds.days_since(at))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{ago, quiet, speaks};

    #[test]
    fn it_speaks_where_nothing_has_changed_for_long() {
        assert!(speaks(&RULE, &quiet()));
        assert!(speaks(&RULE, &Evidence { last_changed: ago(180), ..quiet() }));
        assert!(!speaks(&RULE, &Evidence { last_changed: ago(179), ..quiet() }));
        assert!(!speaks(&RULE, &Evidence { last_changed: None, ..quiet() }));
    }
}
