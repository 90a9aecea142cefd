//! Unmapped: a fault that points at no known path may lie in what it covers.

use crate::model::suite::Suite;

use super::{Case, Rule, times};

pub(super) const RULE: Rule = Rule { name: "unmapped", suite: Suite::Fast, judge };

fn judge(case: &Case<'_>) -> Option<String> {
    let count = case.evidence.unmapped_faults;
    (count > 0).then(|| {
        format!(
            "{} may lie in what it covers",
            times(count, "fault that could not be mapped", "faults that could not be mapped")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{quiet, speaks};
    use crate::model::evidence::Evidence;

    #[test]
    fn a_fault_that_may_lie_there_keeps_it() {
        assert!(speaks(&RULE, &Evidence { unmapped_faults: 1, ..quiet() }));
        assert!(!speaks(&RULE, &quiet()));
    }
}
