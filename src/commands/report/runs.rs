//! What runs decided, took and found: verdicts, what was left out, escapes, and all of it week by week.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Told, day};
use crate::decide::{bound, census};
use crate::formats::report_v1::{Check, Escape, LINE_MS, Reason, Run, Verdict};
use crate::model::failure::Failure;
use crate::report::metrics::{Ended, Pipeline};

/// How many of a list are told.
const MOST_RUNS: usize = 1000;
const MOST_ESCAPES: usize = 200;

/// Reasons by which the selection leaves out what it takes to be untouched: what the user filters out, or another shard runs, it vouches for nothing.
const SELECTED_BY: [&str; 2] = ["untouched", "weekly"];

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RunRow {
    pub(super) run_id: String,
    /// Those of all its shards, with spaces between them.
    pub(super) run_ids: String,
    pub(super) commit_id: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) command: String,
    pub(super) started_at: String,
    pub(super) duration_ms: u64,
    pub(super) tests_run: u64,
    pub(super) tests_left_out: u64,
    pub(super) tests_failed: u64,
    pub(super) exit_code: Option<i64>,
    pub(super) problem: Option<String>,
    pub(super) suite: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct VerdictRow {
    pub(super) commit_id: Option<String>,
    pub(super) run_id: String,
    pub(super) branch: Option<String>,
    pub(super) started_at: String,
    pub(super) duration_ms: u64,
    pub(super) runs: u64,
    pub(super) tests_run: u64,
    pub(super) tests_left_out: u64,
    pub(super) exit_code: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct LeftOutRow {
    pub(super) run_id: String,
    pub(super) reason: String,
    pub(super) started_at: String,
    pub(super) tests: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct CheckRow {
    pub(super) run_id: String,
    pub(super) started_at: String,
    pub(super) checked: u64,
    pub(super) failed: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RecallRow {
    run_id: String,
    selected_failures: u64,
    missed_failures: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct EscapeRow {
    pub(super) run_id: String,
    pub(super) test_id: String,
    pub(super) skipping_run_id: String,
    pub(super) found_commit_id: Option<String>,
    pub(super) skipping_commit_id: Option<String>,
    pub(super) reason: String,
    pub(super) skipped_at: String,
    pub(super) found_at: String,
}

/// Tells of runs, in the period or the last so many.
pub(super) fn tell(told: &mut Told<'_>, last: Option<u32>) -> Result<(), Failure> {
    let end = told.as_of.end();
    let all: Vec<RunRow> = told.rows("runs_overview", "started_at DESC, run_id DESC")?;
    let mut all: Vec<RunRow> =
        all.into_iter().filter(|run| run.started_at <= end && !run.started_at.is_empty()).collect();
    told.ended = all.iter().map(ended).collect();
    told.from = format!("{}T00:00:00Z", told.report.period.since);
    let before = all.len();
    match last {
        Some(last) => {
            all.truncate(last as usize);
            if let Some(first) = all.last() {
                told.from.clone_from(&first.started_at);
                day(&first.started_at).clone_into(&mut told.report.period.since);
            }
            told.only = Some(ids(&all));
        }
        None => all.retain(|run| run.started_at >= told.from),
    }
    told.report.period.runs = all.len() as u64;
    told.report.period.runs_before = (before - all.len()) as u64;
    told.report.left_out.tests_run = all.iter().map(|run| run.tests_run).sum();
    told.report.left_out.tests_left_out = all.iter().map(|run| run.tests_left_out).sum();
    let runs = ids(&all);
    verdicts(told)?;
    let by_reason = left_out(told)?;
    told.report.left_out.reasons = reasons(by_reason.iter().map(|(_, row)| row));
    escapes(told, &runs)?;
    let kept = told.keep("runs", all, MOST_RUNS);
    told.report.runs = kept.into_iter().map(told_run).collect();
    Ok(())
}

fn ended(run: &RunRow) -> Ended {
    Ended {
        pipeline: if run.suite == "weekly" { Pipeline::Weekly } else { Pipeline::Fast },
        exit: run.exit_code.unwrap_or(-1),
        failed: run.tests_failed,
        ms: run.duration_ms,
        tests_run: run.tests_run,
        tests_left_out: run.tests_left_out,
    }
}

/// The ids of runs, with those of their shards.
fn ids(runs: &[RunRow]) -> BTreeSet<String> {
    runs.iter().flat_map(|run| run.run_ids.split(' ')).map(str::to_owned).collect()
}

fn told_run(run: RunRow) -> Run {
    Run {
        run: run.run_id,
        at: run.started_at,
        commit: run.commit_id,
        branch: run.branch,
        command: run.command,
        suite: run.suite,
        ms: run.duration_ms,
        tests_run: run.tests_run,
        tests_left_out: run.tests_left_out,
        tests_failed: run.tests_failed,
        exit: run.exit_code,
        problem: run.problem,
    }
}

fn verdicts(told: &mut Told<'_>) -> Result<(), Failure> {
    let mut all: Vec<VerdictRow> = told.rows("verdicts", "started_at DESC, run_id DESC")?;
    all.retain(|it| told.counts(&it.run_id, &it.started_at));
    let took: Vec<u64> = all.iter().map(|it| it.duration_ms).collect();
    let verdicts = &mut told.report.verdicts;
    verdicts.line_ms = LINE_MS;
    verdicts.count = took.len() as u64;
    verdicts.median_ms = census::percentile(&took, 50);
    verdicts.p95_ms = census::percentile(&took, 95);
    verdicts.within_line = took.iter().filter(|ms| **ms <= LINE_MS).count() as u64;
    let all = told.keep("verdicts.commits", all, MOST_RUNS);
    let verdict = |it: VerdictRow| Verdict {
        commit: it.commit_id,
        run: it.run_id,
        branch: it.branch,
        at: it.started_at,
        ms: it.duration_ms,
        runs: it.runs,
        tests_run: it.tests_run,
        tests_left_out: it.tests_left_out,
        passed: it.exit_code == Some(0),
    };
    told.report.verdicts.commits = all.into_iter().map(verdict).collect();
    Ok(())
}

/// What the runs of the period left out, each row with the Monday of its week.
pub(super) fn left_out(told: &Told<'_>) -> Result<Vec<(String, LeftOutRow)>, Failure> {
    let all: Vec<LeftOutRow> = told.rows("left_out", "started_at, run_id, reason")?;
    let all = all.into_iter().filter(|it| told.counts(&it.run_id, &it.started_at));
    Ok(all.map(|it| (census::monday(day(&it.started_at)), it)).collect())
}

/// Summed by reason, those first that leave out most.
pub(super) fn reasons<'a>(rows: impl Iterator<Item = &'a LeftOutRow>) -> Vec<Reason> {
    let mut by: BTreeMap<&str, (u64, BTreeSet<&str>)> = BTreeMap::new();
    for row in rows {
        let sum = by.entry(&row.reason).or_default();
        sum.0 += row.tests;
        sum.1.insert(&row.run_id);
    }
    let reason = |(reason, (tests, runs)): (&str, (u64, BTreeSet<&str>))| Reason {
        reason: reason.to_owned(),
        tests,
        runs: runs.len() as u64,
    };
    let mut all: Vec<Reason> = by.into_iter().map(reason).collect();
    all.sort_by(|a, b| b.tests.cmp(&a.tests).then_with(|| a.reason.cmp(&b.reason)));
    all
}

/// How many of what the selection left out were looked at, and what that says of the others.
pub(super) fn check(left_out: u64, rows: &[&CheckRow]) -> Check {
    let checked = rows.iter().map(|it| it.checked).sum();
    let failed = rows.iter().map(|it| it.failed).sum();
    let bound_per_million = bound::per_million(failed, checked);
    let bound_failures = bound_per_million.map(|share| bound::at_most(share, left_out));
    Check { left_out, checked, failed, bound_per_million, bound_failures }
}

pub(super) fn vouched<'a>(rows: impl Iterator<Item = &'a LeftOutRow>) -> u64 {
    rows.filter(|it| SELECTED_BY.contains(&it.reason.as_str())).map(|it| it.tests).sum()
}

pub(super) fn checks(told: &Told<'_>) -> Result<Vec<(String, CheckRow)>, Failure> {
    let mut all: Vec<CheckRow> = told.rows("checked_skips", "started_at, run_id")?;
    all.retain(|it| told.counts(&it.run_id, &it.started_at));
    Ok(all.into_iter().map(|it| (census::monday(day(&it.started_at)), it)).collect())
}

fn escapes(told: &mut Told<'_>, runs: &BTreeSet<String>) -> Result<(), Failure> {
    let mut all: Vec<EscapeRow> = told.rows("escapes", "found_at DESC, run_id, test_id, variant_id")?;
    all.retain(|it| told.counts(&it.run_id, &it.found_at));
    let recall: Vec<RecallRow> = told.rows("run_recall", "run_id")?;
    let recall: Vec<RecallRow> = recall.into_iter().filter(|it| runs.contains(&it.run_id)).collect();
    let (left, looked) = (left_out(told)?, checks(told)?);
    let looked: Vec<&CheckRow> = looked.iter().map(|(_, it)| it).collect();
    let escapes = &mut told.report.escapes;
    escapes.found = all.len() as u64;
    escapes.failures_run = recall.iter().map(|it| it.selected_failures).sum();
    escapes.failures = escapes.failures_run + recall.iter().map(|it| it.missed_failures).sum::<u64>();
    escapes.check = check(vouched(left.iter().map(|(_, row)| row)), &looked);
    let escape = |it: EscapeRow| Escape {
        test: it.test_id,
        found_at: it.found_at,
        found_run: it.run_id,
        found_commit: it.found_commit_id,
        skipped_at: it.skipped_at,
        skipping_run: it.skipping_run_id,
        skipping_commit: it.skipping_commit_id,
        reason: it.reason,
    };
    // Of a test with several variants one line is enough for the week's count to agree with the list.
    let all = told.keep("escapes.list", all, MOST_ESCAPES);
    told.report.escapes.list = all.into_iter().map(escape).collect();
    Ok(())
}
