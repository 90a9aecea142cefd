//! Unknown: what it covers, or the history of that, is not known.

use crate::model::evidence::Evidence;
use crate::model::suite::Suite;

use super::{Case, Rule};

pub(super) const RULE: Rule = Rule { name: "unknown", suite: Suite::Fast, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let Evidence { code_paths, without_history, .. } = *case.evidence;
    if code_paths == 0 {
        return Some("no recording tells what it covers".to_owned());
    }
    (without_history > 0)
        .then(|| format!("history says nothing of {without_history} of the {code_paths} code paths that it covers"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{quiet, speaks};

    #[test]
    fn a_test_of_which_nothing_is_known_is_kept() {
        assert!(speaks(&RULE, &Evidence { code_paths: 0, ..quiet() }));
        assert!(speaks(&RULE, &Evidence { without_history: 1, ..quiet() }));
        assert!(!speaks(&RULE, &quiet()));
    }
}
