//! Escaped: a failure of it was once left out on a commit and found later.

use crate::model::suite::Suite;

use super::{Case, Rule, days};

pub(super) const RULE: Rule = Rule { name: "escaped", suite: Suite::Fast, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let at = case.evidence.last_escape?;
    let ago = case.thresholds.days_since(at);
    let from = &case.evidence.escaped_from;
    Some(format!("a failure of it, found {} ago, had been left out: {from}", days(ago)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{ago, quiet, speaks, told};
    use crate::model::evidence::Evidence;

    #[test]
    fn it_speaks_of_an_escape_however_long_ago() {
        assert!(speaks(&RULE, &Evidence { last_escape: ago(1), ..quiet() }));
        assert!(speaks(&RULE, &Evidence { last_escape: ago(5000), ..quiet() }));
        assert!(!speaks(&RULE, &quiet()));
    }

    #[test]
    fn what_was_found_on_the_day_itself_was_found_no_days_ago() {
        let evidence = Evidence { last_escape: ago(0).map(|at| at + 3600), ..quiet() };
        assert!(told(&RULE, &evidence).unwrap().contains("found 0 days ago"));
    }
}
