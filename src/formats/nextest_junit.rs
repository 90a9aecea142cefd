//! nextest's JUnit report: what ran, and how each test ended.

use quick_junit::{NonSuccessReruns, Report, TestCase, TestCaseStatus, TestSuite};

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It passed, be it at a later attempt.
    Passed,
    /// It failed, or ended in a way that nextest counts as that.
    Failed,
    /// It did not run. nextest says so only if its configuration asks it to.
    Skipped,
}

/// One test of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What nextest calls the test's program.
    pub binary: String,
    /// The test's name in it.
    pub test: String,
    /// How it ended.
    pub outcome: Ending,
    /// How long the attempt took that counts.
    pub seconds: f64,
    /// How often it was started.
    pub attempts: u32,
    /// It failed first and passed later.
    pub flaky: bool,
    /// How it failed (`test abort`, `test timeout`), or why it was skipped, in nextest's words.
    pub note: String,
}

/// What one report says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// nextest's name for the run: a report that is older than the run has another.
    pub run: String,
    /// The tests, in the order in which they ended.
    pub cases: Vec<Case>,
    /// Setup scripts that failed: what should have come after them did not run.
    pub failed_scripts: Vec<String>,
}

impl Told {
    /// Tests that would have run but for the default filter, the user's own or what titer made of it. If nothing ran and none of
    /// them was left out by titer, then nothing would have run without it.
    pub fn held_back(&self) -> impl Iterator<Item = &Case> {
        let filtered =
            |case: &&Case| case.outcome == Ending::Skipped && case.note.ends_with("the profile's default-filter");
        self.cases.iter().filter(filtered)
    }
}

/// The bytes of a report as nextest writes them.
///
/// # Errors
/// If they are not such a report, or only a part of one.
pub fn read(bytes: &[u8]) -> Result<Told, String> {
    let report = Report::deserialize(bytes).map_err(|error| format!("nextest's report: {error}"))?;
    let mut told = Told { run: report.uuid.map(|uuid| uuid.to_string()).unwrap_or_default(), ..Told::default() };
    for suite in &report.test_suites {
        match suite.name.as_str().strip_prefix("@setup-script:") {
            Some(_) => told.failed_scripts.extend(suite.test_cases.iter().filter(|case| failed(case)).map(name)),
            None => told.cases.extend(suite.test_cases.iter().map(|case| read_case(suite, case))),
        }
    }
    Ok(told)
}

fn name(case: &TestCase) -> String {
    case.name.as_str().to_owned()
}

fn failed(case: &TestCase) -> bool {
    matches!(case.status, TestCaseStatus::NonSuccess { .. })
}

fn read_case(suite: &TestSuite, case: &TestCase) -> Case {
    // Under `--stress-count` every round is a suite of its own.
    let suite = suite.name.as_str();
    let binary = suite.rsplit_once("@stress-").map_or(suite, |(binary, _)| binary).to_owned();
    let (outcome, earlier, flaky, note) = match &case.status {
        TestCaseStatus::Success { flaky_runs } => (Ending::Passed, flaky_runs.len(), !flaky_runs.is_empty(), None),
        TestCaseStatus::NonSuccess { ty, reruns: NonSuccessReruns { kind, runs }, .. } => {
            // Nothing was run again: the kind then says nothing.
            let flaky = *kind == quick_junit::FlakyOrRerun::Flaky && !runs.is_empty();
            (Ending::Failed, runs.len(), flaky, ty.as_ref())
        }
        TestCaseStatus::Skipped { message, .. } => (Ending::Skipped, 0, false, message.as_ref()),
    };
    let started =
        if outcome == Ending::Skipped { 0 } else { u32::try_from(earlier).unwrap_or(u32::MAX).saturating_add(1) };
    let seconds = case.time.unwrap_or_default().as_secs_f64();
    let note = note.map(|note| note.as_str().to_owned()).unwrap_or_default();
    Case { binary, test: name(case), outcome, seconds, attempts: started, flaky, note }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(suites: &str) -> Result<Told, String> {
        read(format!(r#"<testsuites name="n" tests="0" failures="0" errors="0">{suites}</testsuites>"#).as_bytes())
    }

    fn one(inside: &str) -> Case {
        let case = format!(r#"<testcase name="a" classname="app" time="0.5">{inside}</testcase>"#);
        let suite =
            format!(r#"<testsuite name="app" tests="1" disabled="0" errors="0" failures="0">{case}</testsuite>"#);
        report(&suite).unwrap().cases.remove(0)
    }

    #[test]
    fn every_way_to_end_is_read() {
        let (passed, failed, skipped) = (Ending::Passed, Ending::Failed, Ending::Skipped);
        for (inside, outcome, attempts, flaky, note) in [
            ("", passed, 1, false, ""),
            ("<flakyFailure type='test abort'/>", passed, 2, true, ""),
            ("<failure type='test timeout'/>", failed, 1, false, "test timeout"),
            ("<failure type='test abort'/><rerunFailure type='test abort'/>", failed, 2, false, "test abort"),
            ("<failure type='flaky failure'/><flakyFailure type='test abort'/>", failed, 2, true, "flaky failure"),
            ("<error type='execution failure'/>", failed, 1, false, "execution failure"),
            ("<skipped message='Skipped: test is ignored'/>", skipped, 0, false, "Skipped: test is ignored"),
        ] {
            let read = one(inside);
            assert_eq!(
                (read.outcome, read.attempts, read.flaky, &*read.note),
                (outcome, attempts, flaky, note),
                "{inside}"
            );
            assert_eq!((&*read.binary, &*read.test, read.seconds), ("app", "a", 0.5));
        }
    }

    #[test]
    fn rounds_of_a_stress_run_are_of_one_program_and_scripts_are_no_tests() {
        let suite = |name: &str, inside: &str| {
            let case = format!(r#"<testcase name="a">{inside}</testcase>"#);
            format!(r#"<testsuite name="{name}" tests="1" disabled="0" errors="0" failures="0">{case}</testsuite>"#)
        };
        let failed = "<failure type='x'/>";
        let told = report(
            &[suite("app@stress-1", ""), suite("@setup-script:a", failed), suite("@setup-script:b", "")].concat(),
        );
        let told = told.unwrap();
        assert_eq!(told.cases.iter().map(|case| &*case.binary).collect::<Vec<_>>(), ["app"]);
        assert_eq!(told.failed_scripts, ["a"]);
    }

    #[test]
    fn half_a_report_is_none() {
        for text in ["", "<testsuites name='n'>", "<html/>"] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
