//! Pinned: the owners want it on every commit.

use crate::model::suite::Suite;

use super::{Case, Rule};

pub(super) const RULE: Rule = Rule { name: "pinned", suite: Suite::Fast, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    case.is_pinned.then(|| "titer.toml pins it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{quiet, thresholds};

    #[test]
    fn it_speaks_only_of_what_is_pinned() {
        let (evidence, thresholds) = (quiet(), thresholds());
        let spoken = [false, true]
            .map(|is_pinned| (RULE.judge)(&Case { evidence: &evidence, thresholds: &thresholds, is_pinned }));
        assert_eq!(spoken, [None, Some("titer.toml pins it".to_owned())]);
    }
}
