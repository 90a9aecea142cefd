//! What is told, name by name.

use std::collections::BTreeMap;

use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;

use super::{Ended, Family, Labels, Pipeline, Told, Value};
use crate::formats::report_v1::{LINE_MS, Report};
use crate::model::reason::Reason;

/// Upper ends in seconds. The minute that a verdict may take is one of them, so that the share within it is exact.
const SECONDS: [f64; 14] = [1., 2., 5., 10., 15., 20., 30., 45., 60., 90., 120., 300., 900., 3600.];

/// Exit codes of commands that a person or the CI system stopped: 128 and SIGINT, SIGTERM or SIGHUP.
const STOPPED: [i64; 3] = [130, 143, 129];

/// OpenTelemetry's state of a run whose tests run, or ran.
const STATE: (&str, &str) = ("cicd_pipeline_run_state", "executing");

/// All of it.
pub(super) fn all(told: &Told<'_>) -> Vec<Family> {
    let mut all = vec![built(), durations(told.ended), active(told), workers(told), executed(told.ended)];
    all.push(level("titer_ledger_readable", "1 where the ledger could be read, else 0", told.report.is_some().into()));
    if let Some(report) = told.report {
        of_report(&mut all, report);
        let made = "When the report was made that these numbers are of";
        all.push(seconds("titer_report_timestamp", made, Some(Value::Level(told.made_at))));
    }
    door(&mut all, told);
    all
}

fn family(name: &'static str, help: &'static str, kind: MetricType, samples: Vec<(Labels, Value)>) -> Family {
    Family { name, help, unit: None, kind, samples }
}

fn level(name: &'static str, help: &'static str, it: u64) -> Family {
    family(name, help, MetricType::Gauge, vec![(Labels::new(), Value::Level(it))])
}

/// Levels that one label tells apart.
fn levels(name: &'static str, help: &'static str, label: &'static str, all: &[(&'static str, u64)]) -> Family {
    let sample = |(value, it): &(&'static str, u64)| (vec![(label, *value)], Value::Level(*it));
    family(name, help, MetricType::Gauge, all.iter().map(sample).collect())
}

/// Seconds; nothing is told of what there is none of.
fn seconds(name: &'static str, help: &'static str, it: Option<Value>) -> Family {
    let samples = it.into_iter().map(|it| (Labels::new(), it)).collect();
    Family { unit: Some(Unit::Seconds), ..family(name, help, MetricType::Gauge, samples) }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds and millionths are far from what it cannot hold")]
fn thousandths(it: u64) -> Value {
    Value::Part(it as f64 / 1000.)
}

fn built() -> Family {
    let labels = vec![("version", env!("CARGO_PKG_VERSION"))];
    family("titer_build", "The titer that tells this", MetricType::Info, vec![(labels, Value::Fact)])
}

/// What OpenTelemetry calls the way in which a run ended, and what failed.
fn result(run: &Ended) -> (&'static str, Option<&'static str>) {
    match run.exit {
        0 => ("success", None),
        // Its titer was killed, and whatever ran it, too.
        ..0 => ("error", Some("killed")),
        _ if run.failed > 0 => ("failure", Some("test_failure")),
        exit if STOPPED.contains(&exit) => ("cancellation", None),
        _ => ("failure", Some("_OTHER")),
    }
}

#[allow(clippy::cast_precision_loss, reason = "the milliseconds of a run are far from what it cannot hold")]
fn durations(ended: &[Ended]) -> Family {
    let mut by: BTreeMap<(Pipeline, &str, Option<&'static str>), (&'static str, Histogram)> = BTreeMap::new();
    for run in ended {
        let (result, error) = result(run);
        let (_, spread) = by.entry((run.pipeline, result, error)).or_insert_with(|| (result, Histogram::new(SECONDS)));
        spread.observe(run.ms as f64 / 1000.);
    }
    let sample =
        |((pipeline, _, error), (result, spread)): ((Pipeline, _, Option<&'static str>), (&'static str, _))| {
            let mut labels = vec![("cicd_pipeline_name", pipeline.code()), STATE, ("cicd_pipeline_result", result)];
            labels.extend(error.map(|it| ("error_type", it)));
            (labels, Value::Spread(spread))
        };
    let help = "How long the command of each run took that the ledger holds, by suite and result: all runs since there is a ledger";
    let samples = by.into_iter().map(sample).collect();
    Family { unit: Some(Unit::Seconds), ..family("cicd_pipeline_run_duration", help, MetricType::Histogram, samples) }
}

fn active(told: &Told<'_>) -> Family {
    let count = |pipeline| told.active.iter().filter(|it| it.pipeline == pipeline).count() as u64;
    let sample =
        |pipeline: Pipeline| (vec![("cicd_pipeline_name", pipeline.code()), STATE], Value::Level(count(pipeline)));
    let help = "Runs of titer in progress on the machine of this server, by the user of this server, into this ledger";
    let samples = [Pipeline::Fast, Pipeline::Weekly].map(sample).into();
    family("cicd_pipeline_run_active", help, MetricType::Gauge, samples)
}

fn workers(told: &Told<'_>) -> Family {
    let busy = told.active.iter().map(|it| it.workers).sum();
    let help =
        "Tests that the runs of cicd_pipeline_run_active may run at the same time, by what their command lines ask for";
    levels("cicd_worker_count", help, "cicd_worker_state", &[("busy", busy)])
}

fn executed(ended: &[Ended]) -> Family {
    let sample = |verdict, it: u64| (vec![("verdict", verdict)], Value::Count(it));
    let help = "Tests that runs ran and left out, each as often as it was decided on: all runs since there is a ledger";
    let samples = vec![
        sample("run", ended.iter().map(|it| it.tests_run).sum()),
        sample("left_out", ended.iter().map(|it| it.tests_left_out).sum()),
    ];
    family("titer_tests_executed", help, MetricType::Counter, samples)
}

/// How long a list of the report is, whatever was cut from it.
fn length<T>(report: &Report, list: &str, shown: &[T]) -> u64 {
    report.cut.iter().find(|it| it.list == list).map_or(shown.len() as u64, |it| it.of)
}

fn of_report(all: &mut Vec<Family>, report: &Report) {
    let verdicts = &report.verdicts;
    let millis = |it: Option<u64>| it.map(thousandths);
    let suites = [("fast", report.suites.fast), ("weekly", report.suites.weekly)];
    all.extend([
        levels("titer_tests", "Tests that live in each suite", "suite", &suites),
        level("titer_verdicts", "Commits tested in the period of the report, the last 90 days", verdicts.count),
        level("titer_verdicts_within_line", "Those whose verdict took a minute or less", verdicts.within_line),
        seconds("titer_time_to_verdict_line", "How long a verdict may take", Some(thousandths(LINE_MS))),
        seconds("titer_time_to_verdict_median", "Median time to a commit's verdict", millis(verdicts.median_ms)),
        seconds("titer_time_to_verdict_p95", "95th percentile of the time to a verdict", millis(verdicts.p95_ms)),
        reasons(report),
    ]);
    missed(all, report);
    production(all, report);
    let (quarantined, flaky) = (&report.suites.quarantines, &report.tests.flaky);
    all.extend([
        level("titer_flaky_tests", "Tests that passed and failed on one tree", length(report, "tests.flaky", flaky)),
        level("titer_quarantined_tests", "Tests in quarantine", length(report, "suites.quarantines", quarantined)),
        level("titer_runs", "Runs in the period of the report", report.period.runs),
        level("titer_ledger_problems", "Files of the ledger, and records, that cannot be read whole", {
            length(report, "problems", &report.problems)
        }),
        last_run(report),
    ]);
}

/// Why tests were left out. A code that this titer does not know is one of an older or newer one's, or of nobody's.
fn reasons(report: &Report) -> Family {
    let known = |code: &str| {
        let code: Result<Reason, Error> = Reason::deserialize(code.into_deserializer());
        code.map_or("other", Reason::code)
    };
    let mut by: BTreeMap<&'static str, u64> = BTreeMap::new();
    for it in &report.left_out.reasons {
        *by.entry(known(&it.reason)).or_default() += it.tests;
    }
    let by: Vec<(&'static str, u64)> = by.into_iter().collect();
    levels("titer_tests_left_out", "Tests left out in the period of the report, by the reason's code", "reason", &by)
}

fn missed(all: &mut Vec<Family>, report: &Report) {
    let (escapes, check) = (&report.escapes, &report.escapes.check);
    let failures = [
        ("in_the_run", escapes.failures_run),
        ("later", escapes.failures - escapes.failures_run.min(escapes.failures)),
    ];
    let bound = check.bound_per_million.map(|it| {
        let Value::Part(thousandths) = thousandths(it) else { return Value::Part(0.) };
        Value::Part(thousandths / 1000.)
    });
    let help = "At most this share of what was left out hides a failure, with 95 % confidence";
    let samples = bound.into_iter().map(|it| (Labels::new(), it)).collect();
    let bound = Family {
        unit: Some(Unit::Other("ratio".to_owned())),
        ..family("titer_left_out_failing_bound", help, MetricType::Gauge, samples)
    };
    all.extend([
        level("titer_escapes", "Failures that a run left out and a later one found, in the period", escapes.found),
        levels("titer_failures", "Failures of tests, by whether the commit's own run found them", "found", &failures),
        level("titer_left_out_checked", "Tests left out by the selection that ran all the same", check.checked),
        level("titer_left_out_checked_failed", "Those of them that failed", check.failed),
        bound,
    ]);
}

fn production(all: &mut Vec<Family>, report: &Report) {
    let (faults, guards) = (&report.faults, &report.guards);
    let (with, without) = (report.relapses.with_guard, report.relapses.without_guard);
    let of_code = [("yes", faults.guarded), ("no", faults.in_repository.saturating_sub(faults.guarded))];
    let states = [
        ("drafted", guards.drafted),
        ("refused", guards.refused),
        ("waiting_for_fix", guards.waiting_for_fix),
        ("passed", guards.passed),
        ("injected", guards.injected),
        ("proposed", guards.proposed),
        ("in_suite", guards.in_suite),
        ("reverted", guards.reverted),
    ];
    let watched = report.sources.iter().filter_map(|it| it.observed_to.parse::<jiff::Timestamp>().ok()).min();
    let watched = watched.and_then(|it| u64::try_from(it.as_second()).ok()).map(Value::Level);
    let to_guard = guards.median_seconds_to_guard.map(Value::Level);
    let elsewhere = faults.total.saturating_sub(faults.in_repository);
    let fixed = [("yes", with.fixed), ("no", without.fixed)];
    let relapsed = [("yes", with.relapsed), ("no", without.relapsed)];
    all.extend([
        levels(
            "titer_faults",
            "Faults of the repository's code, by whether a guard stands for them",
            "guard",
            &of_code,
        ),
        level("titer_faults_elsewhere", "Faults that point at no code of the repository", elsewhere),
        level("titer_sightings", "Times that a fault was seen", faults.sightings),
        levels("titer_fixed_faults", "Faults whose fix is known, by whether there was a guard", "guard", &fixed),
        levels("titer_relapses", "Those seen again in what holds their fix", "guard", &relapsed),
        levels(
            "titer_guards",
            "Drafts of guards that came as far as this; one may be counted in several",
            "step",
            &states,
        ),
        level("titer_guards_would_have_caught", "Guards in the suite that failed on the commit that production ran", {
            guards.would_have_caught
        }),
        seconds("titer_time_to_guard_median", "Median time from a fault's first sighting to its guard", to_guard),
        level("titer_sources", "Sources of production errors that were ever read", report.sources.len() as u64),
        seconds("titer_sources_watched_timestamp", "Up to when all of them were watched", watched),
    ]);
}

fn last_run(report: &Report) -> Family {
    let last = report.runs.iter().filter_map(|it| it.at.parse::<jiff::Timestamp>().ok()).max();
    let last = last.and_then(|it| u64::try_from(it.as_second()).ok()).map(Value::Level);
    seconds("titer_last_run_timestamp", "When the newest run in the ledger began", last)
}

fn door(all: &mut Vec<Family>, told: &Told<'_>) {
    let seen = told.seen;
    let by = |label: &'static str, all: &BTreeMap<&'static str, u64>| {
        all.iter().map(|(value, it)| (vec![(label, *value)], Value::Count(*it))).collect()
    };
    let counter = |name, help, it| family(name, help, MetricType::Counter, vec![(Labels::new(), Value::Count(it))]);
    let bytes = |name, help, it| Family { unit: Some(Unit::Bytes), ..level(name, help, it) };
    all.extend([
        family(
            "titer_door_accepted",
            "Requests kept since the server started, by door",
            MetricType::Counter,
            by("door", &seen.accepted),
        ),
        family(
            "titer_door_refused",
            "Requests refused since then, by the reason's code",
            MetricType::Counter,
            by("reason", &seen.refused),
        ),
        counter("titer_door_decoded", "Events decoded into the ledger since then", seen.decoded),
        counter("titer_door_undecodable", "Events that nothing could be read from", seen.undecodable),
        counter("titer_door_dropped", "Requests answered and thrown away because the spool was full", seen.dropped),
        bytes("titer_door_spool", "Bytes that wait to be decoded", seen.spool_bytes),
        bytes("titer_door_spool_limit", "Bytes that may wait", seen.spool_limit_bytes),
    ]);
}
