//! A run as JUnit XML: what ran with its outcome, what was left out as skipped with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::model::outcome::{Outcome, TestResult};
use crate::model::plan::{Decision, Verdict};
use crate::model::test_id::TestId;

/// The report's bytes; one suite for every test file.
#[must_use]
pub fn write<'a>(results: &[TestResult], decisions: impl Iterator<Item = &'a Decision>) -> Vec<u8> {
    let mut cases: BTreeMap<String, Vec<TestCase>> = BTreeMap::new();
    let ran: BTreeSet<(&str, &str)> = results.iter().map(|r| (r.test.as_str(), r.variant.as_str())).collect();
    for result in results {
        add(&mut cases, &result.test, status(result.outcome), result.seconds);
    }
    for decision in decisions.filter(|decision| decision.verdict == Verdict::LeftOut) {
        if !ran.contains(&(decision.test.as_str(), decision.variant.as_str())) {
            let mut status = TestCaseStatus::skipped();
            status.set_type("titer");
            status.set_message(format!("left out by titer: {}", decision.reason));
            add(&mut cases, &decision.test, status, 0.0);
        }
    }
    let mut report = Report::new("titer");
    for (file, cases) in cases {
        let mut suite = TestSuite::new(file);
        suite.add_test_cases(cases);
        report.add_test_suite(suite);
    }
    report.to_string().unwrap_or_default().into_bytes()
}

fn add(cases: &mut BTreeMap<String, Vec<TestCase>>, test: &str, status: TestCaseStatus, seconds: f64) {
    let id = TestId(test.to_owned());
    let mut case = TestCase::new(id.inner_name(), status);
    case.set_classname(id.file());
    case.set_time(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    cases.entry(id.file().to_owned()).or_default().push(case);
}

fn status(outcome: Outcome) -> TestCaseStatus {
    let failed = |kind, word: &str| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(word);
        status
    };
    match outcome {
        Outcome::Passed | Outcome::Xpassed => TestCaseStatus::success(),
        Outcome::Skipped => TestCaseStatus::skipped(),
        Outcome::Xfailed => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("expected failure");
            status
        }
        Outcome::Failed => failed(NonSuccessKind::Failure, "failed"),
        Outcome::Error => failed(NonSuccessKind::Error, "error"),
        Outcome::Crashed => failed(NonSuccessKind::Error, "crashed"),
    }
}
