//! Young: added to git not long ago.

use crate::model::suite::Suite;

use super::{Case, Rule, days};

pub(super) const RULE: Rule = Rule { name: "young", suite: Suite::Fast, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let at = case.evidence.added?;
    let is_young = case.thresholds.is_within(Some(at), case.thresholds.young_days);
    is_young.then(|| format!("added {} ago", days(case.thresholds.days_since(at))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{ago, quiet, speaks};
    use crate::model::evidence::Evidence;

    #[test]
    fn it_speaks_for_thirty_days() {
        assert!(speaks(&RULE, &Evidence { added: ago(29), ..quiet() }));
        assert!(!speaks(&RULE, &Evidence { added: ago(30), ..quiet() }));
        assert!(!speaks(&RULE, &Evidence { added: None, ..quiet() }));
    }
}
