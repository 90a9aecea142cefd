//! From a runner's phases to one result a test.

use std::collections::BTreeMap;

use crate::model::outcome::{Outcome, TestResult};
use crate::model::window::{Phase, Trace};

/// One result for every test that any process began or reported.
///
/// With workers the controller repeats what they report and adds a report for a worker that died, so where a controller spoke
/// only its phases count.
#[must_use]
pub fn results(traces: &[Trace]) -> Vec<TestResult> {
    let mut all = BTreeMap::new();
    // Several runner calls of one command (tox with two environments) have a variant each.
    for variant in variants(traces) {
        let group: Vec<&Trace> = traces.iter().filter(|trace| variant_of(trace) == variant).collect();
        let controllers: Vec<&Trace> = group.iter().copied().filter(|trace| trace.worker == "controller").collect();
        let speakers = if controllers.is_empty() { group.clone() } else { controllers };
        let mut tests: BTreeMap<&str, TestResult> = BTreeMap::new();
        for trace in &speakers {
            let mut own: BTreeMap<&str, TestResult> = BTreeMap::new();
            for phase in &trace.phases {
                add_phase(&mut own, phase, variant);
            }
            for (test, result) in own {
                add_call(&mut tests, test, result);
            }
        }
        for trace in &group {
            add_crashes(&mut tests, trace, variant);
        }
        all.extend(tests.into_iter().map(|(test, result)| ((test.to_owned(), variant.to_owned()), result)));
    }
    all.into_values().collect()
}

/// The variant of a trace; empty if its session never came up.
#[must_use]
pub fn variant_of(trace: &Trace) -> &str {
    trace.session.as_ref().map_or("", |session| session.variant.as_str())
}

fn variants(traces: &[Trace]) -> Vec<&str> {
    let mut variants: Vec<&str> = traces.iter().filter(|t| t.session.is_some()).map(variant_of).collect();
    variants.sort_unstable();
    variants.dedup();
    variants
}

fn add_phase<'a>(tests: &mut BTreeMap<&'a str, TestResult>, phase: &'a Phase, variant: &str) {
    let result = tests.entry(&phase.test).or_insert_with(|| TestResult {
        test: phase.test.clone(),
        variant: variant.to_owned(),
        outcome: Outcome::Passed,
        seconds: 0.0,
        attempts: 0,
        worker: phase.worker.clone(),
    });
    result.seconds += phase.seconds;
    let found = match (phase.when.as_str(), phase.outcome.as_str(), phase.xfail) {
        ("setup" | "call", "skipped", true) => Outcome::Xfailed,
        ("setup" | "call", "skipped", false) => Outcome::Skipped,
        ("call", "passed", true) => Outcome::Xpassed,
        (_, "passed" | "skipped", _) => Outcome::Passed,
        ("call", _, _) => Outcome::Failed,
        ("setup" | "teardown", _, _) => Outcome::Error,
        (_, _, _) => Outcome::Crashed,
    };
    if phase.when == "setup" {
        // A new attempt: what an earlier one came to no longer counts.
        result.attempts += 1;
        result.outcome = found;
    } else if result.outcome.vouches() && found != Outcome::Passed {
        result.outcome = found;
    }
    result.attempts = result.attempts.max(1);
}

/// Several calls of one command may run the same test: it passed only if it passed in all of them.
fn add_call<'a>(tests: &mut BTreeMap<&'a str, TestResult>, test: &'a str, result: TestResult) {
    let Some(known) = tests.get_mut(test) else {
        tests.insert(test, result);
        return;
    };
    known.seconds += result.seconds;
    known.attempts = known.attempts.max(result.attempts);
    if known.outcome.vouches() {
        known.outcome = result.outcome;
    }
}

/// A test that began and has no report at all died with its process.
fn add_crashes<'a>(tests: &mut BTreeMap<&'a str, TestResult>, trace: &'a Trace, variant: &str) {
    for test in &trace.started {
        let unfinished = !trace.finished.contains(test);
        let reported_through =
            trace.phases.iter().any(|p| &p.test == test && (p.when == "teardown" || p.when == "???"));
        let died = || TestResult {
            test: test.clone(),
            variant: variant.to_owned(),
            outcome: Outcome::Crashed,
            seconds: 0.0,
            attempts: 1,
            worker: trace.worker.clone(),
        };
        if unfinished && !reported_through {
            let result = tests.entry(test).or_insert_with(died);
            if result.outcome.vouches() && trace.worker != "controller" {
                result.outcome = Outcome::Crashed;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::window::Session;

    fn phase(when: &str, outcome: &str, xfail: bool) -> Phase {
        let (when, outcome) = (when.to_owned(), outcome.to_owned());
        Phase { test: "t".into(), when, outcome, xfail, seconds: 0.5, worker: String::new() }
    }

    fn trace(phases: Vec<Phase>) -> Trace {
        Trace {
            session: Some(Session { variant: "v".into(), ..Session::default() }),
            started: vec!["t".into()],
            finished: ["t".to_owned()].into(),
            phases,
            ..Trace::default()
        }
    }

    #[test]
    fn phases_come_to_the_outcome_that_pytest_prints() {
        for (phases, outcome) in [
            (vec![phase("setup", "passed", false), phase("call", "passed", false)], Outcome::Passed),
            (vec![phase("setup", "skipped", false)], Outcome::Skipped),
            (vec![phase("setup", "passed", false), phase("call", "skipped", true)], Outcome::Xfailed),
            (vec![phase("setup", "passed", false), phase("call", "passed", true)], Outcome::Xpassed),
            (vec![phase("setup", "failed", false)], Outcome::Error),
            (vec![phase("setup", "passed", false), phase("call", "failed", false)], Outcome::Failed),
            (
                vec![
                    phase("setup", "passed", false),
                    phase("call", "passed", false),
                    phase("teardown", "failed", false),
                ],
                Outcome::Error,
            ),
            (vec![phase("???", "failed", false)], Outcome::Crashed),
        ] {
            assert_eq!(results(&[trace(phases.clone())])[0].outcome, outcome, "{phases:?}");
        }
    }

    #[test]
    fn a_second_attempt_replaces_the_first() {
        let phases = vec![
            phase("setup", "passed", false),
            phase("call", "rerun", false),
            phase("setup", "passed", false),
            phase("call", "passed", false),
        ];
        let result = &results(&[trace(phases)])[0];
        assert_eq!((result.outcome, result.attempts), (Outcome::Passed, 2));
    }

    #[test]
    fn a_test_that_failed_in_one_call_of_several_failed() {
        let call = |outcome| trace(vec![phase("setup", "passed", false), phase("call", outcome, false)]);
        for (first, second) in [("passed", "failed"), ("failed", "passed")] {
            assert_eq!(results(&[call(first), call(second)])[0].outcome, Outcome::Failed, "{first} {second}");
        }
    }

    #[test]
    fn a_test_without_an_end_crashed() {
        let mut trace = trace(vec![phase("setup", "passed", false)]);
        trace.finished.clear();
        assert_eq!(results(&[trace])[0].outcome, Outcome::Crashed);
    }
}
