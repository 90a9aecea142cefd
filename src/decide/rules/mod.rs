//! The rules of placement: one file each, and one line here.
//!
//! They are asked in the order of the list, and the first that speaks decides. The order is the policy that no number changes: what the owners
//! pinned stays; a test that is not steady is quarantined whatever it covers; what production or the test's own failures say keeps it; a slow
//! test must be worth its seconds; and only where a source has been watching does silence count.

use crate::model::evidence::{Evidence, Ground, Thresholds};
use crate::model::suite::Suite;

mod changed;
mod escaped;
mod failed;
mod faulted;
mod flaky;
mod pinned;
mod quiet;
mod slow;
mod unknown;
mod unmapped;
mod unwatched;
mod young;

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What is known of the test.
    pub evidence: &'a Evidence,
    /// The numbers of policy.
    pub thresholds: &'a Thresholds,
    /// Whether policy pins it to FAST.
    pub is_pinned: bool,
}

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name in records and output.
    pub name: &'static str,
    /// The suite that it speaks for.
    pub suite: Suite,
    /// Speaks, or stays silent.
    pub judge: fn(&Case<'_>) -> Option<String>,
}

/// Every rule, in the order in which they are asked.
pub const RULES: &[Rule] = &[
    pinned::RULE,
    flaky::RULE,
    escaped::RULE,
    failed::RULE,
    faulted::RULE,
    unknown::RULE,
    unmapped::RULE,
    unwatched::RULE,
    slow::RULE,
    young::RULE,
    changed::RULE,
    quiet::RULE,
];

/// Where a test belongs, and why. A test of which no rule speaks stays in FAST.
#[must_use]
pub fn judge(case: &Case<'_>) -> (Suite, Ground) {
    let spoken = RULES.iter().find_map(|rule| (rule.judge)(case).map(|text| (rule, text)));
    match spoken {
        Some((rule, text)) => (rule.suite, Ground { rule: rule.name, text }),
        None => (Suite::Fast, Ground { rule: "unknown", text: "no rule speaks of it".to_owned() }),
    }
}

/// Everything that keeps a test in FAST, or would, were it not for an earlier rule.
#[must_use]
pub fn grounds(case: &Case<'_>) -> Vec<(Suite, Ground)> {
    let spoken = RULES.iter().filter_map(|rule| (rule.judge)(case).map(|text| (rule, text)));
    spoken.map(|(rule, text)| (rule.suite, Ground { rule: rule.name, text })).collect()
}

fn days(count: i64) -> String {
    if count == 1 { "1 day".to_owned() } else { format!("{count} days") }
}

fn times(count: i64, one: &str, more: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {more}") }
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;
    use crate::model::evidence::{DAY, Seconds};

    /// 2026-11-21T00:00:00Z.
    pub(in crate::decide) const AS_OF: Seconds = 1_795_219_200;

    pub(in crate::decide) fn thresholds() -> Thresholds {
        Thresholds {
            as_of: AS_OF,
            quiet_days: 180,
            fault_days: 0,
            failure_days: 90,
            young_days: 30,
            flaky_trees: 2,
            quarantine_days: 30,
            quarantine_owner: "the team".to_owned(),
            slow_ms: 10_000,
            watched_days: 180,
            behind_days: 8,
            mapped_percent: 95,
            most_moves: 100,
            crowded_percent: 20,
            removal_days: 180,
        }
    }

    /// A test that covers one path which has been quiet for a year.
    pub(super) fn quiet() -> Evidence {
        Evidence {
            test: "pytest::tests/test_a.py::test_a".to_owned(),
            code_paths: 1,
            last_changed: Some(AS_OF - 365 * DAY),
            changed_path: "a.py f".to_owned(),
            added: Some(AS_OF - 365 * DAY),
            runs: 10,
            median_us: 1_000,
            ..Evidence::default()
        }
    }

    /// What a rule says of the evidence.
    pub(super) fn told(rule: &Rule, evidence: &Evidence) -> Option<String> {
        (rule.judge)(&Case { evidence, thresholds: &thresholds(), is_pinned: false })
    }

    /// Whether a rule speaks of the evidence.
    pub(super) fn speaks(rule: &Rule, evidence: &Evidence) -> bool {
        told(rule, evidence).is_some()
    }

    #[allow(clippy::unnecessary_wraps, reason = "evidence holds instants that may be missing")]
    pub(super) fn ago(days: i64) -> Option<Seconds> {
        Some(AS_OF - days * DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{ago, quiet, thresholds};
    use super::*;

    fn placed(evidence: &Evidence) -> (Suite, &'static str) {
        let (suite, ground) = judge(&Case { evidence, thresholds: &thresholds(), is_pinned: false });
        (suite, ground.rule)
    }

    #[test]
    fn the_first_rule_that_speaks_decides() {
        use Suite::{Fast, Weekly};
        let with = |change: &dyn Fn(&mut Evidence)| {
            let mut evidence = quiet();
            change(&mut evidence);
            placed(&evidence)
        };
        assert_eq!(with(&|_| ()), (Weekly, "quiet"));
        assert_eq!(with(&|it| it.last_changed = ago(179)), (Fast, "changed"));
        assert_eq!(with(&|it| it.last_sighted = ago(2000)), (Fast, "faulted"));
        assert_eq!(with(&|it| it.unwatched_files = 1), (Fast, "unwatched"));
        assert_eq!(with(&|it| it.unmapped_faults = 1), (Fast, "unmapped"));
        assert_eq!(with(&|it| it.code_paths = 0), (Fast, "unknown"));
        // Slow wins over a change, and over nothing else.
        let slow = |it: &mut Evidence| it.median_us = 20_000_000;
        assert_eq!(with(&|it| (slow(it), it.last_changed = ago(1)).0), (Weekly, "slow"));
        assert_eq!(with(&|it| (slow(it), it.last_sighted = ago(1)).0), (Fast, "faulted"));
        assert_eq!(with(&|it| (slow(it), it.unwatched_files = 1).0), (Fast, "unwatched"));
        // A quarantine wins over all but a pin.
        let flaky = |it: &mut Evidence| (it.flakes, it.last_flake) = (3, ago(1));
        assert_eq!(with(&|it| (flaky(it), it.last_sighted = ago(1)).0), (Weekly, "flaky"));
        let mut evidence = quiet();
        flaky(&mut evidence);
        let pinned = judge(&Case { evidence: &evidence, thresholds: &thresholds(), is_pinned: true });
        assert_eq!((pinned.0, pinned.1.rule), (Fast, "pinned"));
    }

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
    }
}
