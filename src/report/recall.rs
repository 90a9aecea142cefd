//! What runs selected of what they could have found, and what escaped them.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::json;

/// A failure that an earlier run had left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the view `escapes`")]
pub struct Escape {
    pub test: String,
    pub skipping_run: String,
    pub skipping_commit: String,
    pub reason: String,
    pub skipped_at: String,
}

/// One line an escape.
#[must_use]
pub fn escapes(found: &[Escape]) -> String {
    let mut text = String::new();
    if found.is_empty() {
        text.push_str("no escape: nothing failed that an earlier run had left out\n");
    }
    for it in found {
        let commit = if it.skipping_commit.is_empty() { "no commit" } else { &it.skipping_commit };
        let _ = writeln!(
            text,
            "escape: {} failed; run {} of {} on {commit} was the first to leave it out: {}",
            it.test, it.skipping_run, it.skipped_at, it.reason
        );
    }
    text
}

/// One run, as the view `run_recall` has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the columns of the view")]
pub struct Run {
    pub run_id: String,
    pub commit_id: Option<String>,
    pub started_at: Option<String>,
    pub tests: i64,
    pub selected_tests: i64,
    pub all_us: i64,
    pub selected_us: i64,
    pub selected_failures: i64,
    pub missed_failures: i64,
}

/// What one run's probe found, as the view `probes` has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the columns of the view")]
pub struct Probe {
    pub run_id: String,
    pub reason: String,
    pub tests: i64,
    pub drawn: i64,
    pub failed: i64,
}

/// What probes stand for: every failure among the drawn stands for as many as there were tests to one drawn.
fn probed(probes: &[Probe]) -> String {
    let sum = |of: &dyn Fn(&Probe) -> i64| probes.iter().map(of).sum::<i64>();
    let (drawn, tests, failed) = (sum(&|it| it.drawn), sum(&|it| it.tests), sum(&|it| it.failed));
    if drawn == 0 {
        return "none of the tests left out was drawn".to_owned();
    }
    let tenths = sum(&|it| it.failed * it.tests * 10 / it.drawn.max(1));
    let estimate = format!("{}.{}", tenths / 10, tenths % 10);
    format!("{drawn} of {tests} left out were drawn, {failed} failed: {estimate} failures estimated to be missed")
}

/// Sums over runs.
struct Sums {
    /// Runs with a true failure, and those of them whose selection ran at least one.
    faulty: (usize, usize),
    failures: (i64, i64),
    tests: (i64, i64),
    us: (i64, i64),
}

impl Sums {
    fn of(runs: &[Run]) -> Self {
        let sum = |of: &dyn Fn(&Run) -> i64| runs.iter().map(of).sum::<i64>();
        let faulty = || runs.iter().filter(|run| run.selected_failures + run.missed_failures > 0);
        Self {
            faulty: (faulty().count(), faulty().filter(|run| run.selected_failures > 0).count()),
            failures: (sum(&|run| run.selected_failures + run.missed_failures), sum(&|run| run.selected_failures)),
            tests: (sum(&|run| run.tests), sum(&|run| run.selected_tests)),
            us: (sum(&|run| run.all_us), sum(&|run| run.selected_us)),
        }
    }
}

fn percent(part: i64, all: i64) -> String {
    if all == 0 {
        return "none to find".to_owned();
    }
    let tenths = part.saturating_mul(1000) / all;
    format!("{}.{} % ({part} of {all})", tenths / 10, tenths % 10)
}

fn seconds(us: i64) -> String {
    format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000)
}

/// A line a run, then both policies side by side.
#[must_use]
pub fn text(runs: &[Run], probes: &[Probe]) -> String {
    let mut text = String::new();
    for run in runs {
        let commit = run.commit_id.as_deref().map_or("no commit", |commit| commit.get(..10).unwrap_or(commit));
        let _ = writeln!(
            text,
            "{}  {commit:<10}  {} of {} tests, {} of {}, failures: {} run, {} missed",
            run.started_at.as_deref().unwrap_or("?"),
            run.selected_tests,
            run.tests,
            seconds(run.selected_us),
            seconds(run.all_us),
            run.selected_failures,
            run.missed_failures
        );
    }
    let Sums { faulty, failures, tests, us } = Sums::of(runs);
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let (all, hit) = (count(faulty.0), count(faulty.1));
    let _ = writeln!(text, "\n{} runs               titer                     run everything", runs.len());
    let _ = writeln!(text, "change recall  {:<24}  {}", percent(hit, all), percent(all, all));
    let _ =
        writeln!(text, "test recall    {:<24}  {}", percent(failures.1, failures.0), percent(failures.0, failures.0));
    let _ = writeln!(text, "tests run      {:<24}  {}", percent(tests.1, tests.0), percent(tests.0, tests.0));
    let _ = writeln!(text, "test time      {:<24}  {}", seconds(us.1), seconds(us.0));
    let _ = writeln!(text, "probe          {}", probed(probes));
    let _ = writeln!(text, "a failure that nothing has found yet is in neither column");
    text
}

/// The same for programs: `replay_v1`.
#[must_use]
pub fn json(runs: &[Run], probes: &[Probe]) -> String {
    let Sums { faulty, failures, tests, us } = Sums::of(runs);
    let value = json!({
        "format": "replay_v1",
        "runs": runs, "probes": probes,
        "faulty_runs": faulty.0, "faulty_runs_hit": faulty.1,
        "failures": failures.0, "failures_run": failures.1,
        "tests": tests.0, "tests_run": tests.1,
        "all_us": us.0, "selected_us": us.1,
    });
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_counts_runs_and_failures() {
        let run = |selected_failures, missed_failures| Run { selected_failures, missed_failures, ..Run::default() };
        let probe = |tests, drawn, failed| Probe { tests, drawn, failed, ..Probe::default() };
        let text = text(&[run(0, 0), run(2, 1), run(0, 1)], &[probe(400, 10, 1), probe(50, 20, 0), probe(3, 2, 1)]);
        assert!(text.contains("change recall  50.0 % (1 of 2)"), "{text}");
        assert!(text.contains("test recall    50.0 % (2 of 4)"), "{text}");
        let told = "probe          32 of 453 left out were drawn, 2 failed: 41.5 failures estimated to be missed";
        assert!(text.contains(told), "{text}");
    }
}
