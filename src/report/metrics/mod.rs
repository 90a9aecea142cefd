//! What monitoring is told: a report, runs and the door's counts as `OpenMetrics` 1.0 has them, in the library of the Prometheus project.
//!
//! No label holds a text of anybody's, and every label has few values: which they are stands in this code. What is told of the report is a gauge
//! over its period; only what never shrinks is a counter or a histogram. Names that begin with `cicd` are OpenTelemetry's
//! (<https://opentelemetry.io/docs/specs/semconv/cicd/cicd-metrics/>), spelled as its exporter for Prometheus spells them.

mod families;

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, info::Info};
use prometheus_client::registry::{Registry, Unit};

use crate::formats::report_v1::Report;

/// How it is sent.
pub const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a run is called, as OpenTelemetry's `cicd.pipeline.name` wants it: by what it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pipeline {
    /// A run that may leave tests out.
    Fast,
    /// A run of every test of both suites.
    Weekly,
}

impl Pipeline {
    /// As it is written.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Weekly => "weekly",
        }
    }
}

/// A run that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// What it was.
    pub pipeline: Pipeline,
    /// The runner's exit code; less than 0 of one whose titer was killed.
    pub exit: i64,
    /// Tests that failed.
    pub failed: u64,
    /// Milliseconds that the user's command took.
    pub ms: u64,
    /// Tests that ran.
    pub tests_run: u64,
    /// Tests that were left out.
    pub tests_left_out: u64,
}

/// A run in progress on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Active {
    /// What it is.
    pub pipeline: Pipeline,
    /// How many tests it runs at the same time.
    pub workers: u64,
}

/// What the door of `titer serve` has seen since it opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests that were kept, by door: `sentry`, `otlp`, `webhook`.
    pub accepted: BTreeMap<&'static str, u64>,
    /// Requests that were refused, by the code of the reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Events that were decoded and are in the ledger.
    pub decoded: u64,
    /// Events that nothing could be read from.
    pub undecodable: u64,
    /// Requests that were answered and thrown away because there was no room.
    pub dropped: u64,
    /// Bytes that wait to be decoded.
    pub spool_bytes: u64,
    /// How many may.
    pub spool_limit_bytes: u64,
}

/// All that is told of.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The report; none where the ledger could not be read.
    pub report: Option<&'a Report>,
    /// Every run that the ledger holds.
    pub ended: &'a [Ended],
    /// Runs in progress on this machine.
    pub active: &'a [Active],
    /// When the report was made, in seconds since 1970.
    pub made_at: u64,
    /// What the door saw.
    pub seen: &'a Seen,
}

/// The text that a monitoring system reads.
#[must_use]
pub fn text(told: &Told<'_>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families::all(told))));
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

/// The names and the values of a sample's labels.
type Labels = Vec<(&'static str, &'static str)>;

/// What a sample says.
#[derive(Debug)]
enum Value {
    /// It only grows.
    Count(u64),
    /// It goes up and down.
    Level(u64),
    /// The same, with a fraction.
    Part(f64),
    /// How often how much.
    Spread(Histogram),
    /// Nothing but its labels, of which there is one set.
    Fact,
}

/// Samples of one name.
#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    kind: MetricType,
    samples: Vec<(Labels, Value)>,
}

/// In the order in which they are told, which `Registry` would not keep.
#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for family in &self.0 {
            let unit = family.unit.as_ref();
            let mut told = encoder.encode_descriptor(family.name, family.help, unit, family.kind)?;
            if let [(labels, value)] = family.samples.as_slice()
                && (labels.is_empty() || matches!(value, Value::Fact))
            {
                write(value, labels, told)?;
                continue;
            }
            for (labels, value) in &family.samples {
                write(value, labels, told.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

fn write(value: &Value, labels: &Labels, to: MetricEncoder<'_>) -> Result<(), fmt::Error> {
    match value {
        Value::Count(it) => ConstCounter::new(*it).encode(to),
        Value::Level(it) => ConstGauge::new(*it).encode(to),
        Value::Part(it) => ConstGauge::new(*it).encode(to),
        Value::Spread(it) => it.encode(to),
        Value::Fact => Info::new(labels.clone()).encode(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::report_v1::{Cut, Flaky, Reason};

    const RUN: Ended =
        Ended { pipeline: Pipeline::Fast, exit: 0, failed: 0, ms: 12_500, tests_run: 3, tests_left_out: 40 };

    fn told(report: Option<&Report>, seen: &Seen) -> String {
        let ended = [
            RUN,
            Ended { ms: 60_000, ..RUN },
            Ended { exit: 1, failed: 2, ..RUN },
            Ended { exit: 4, ..RUN },
            Ended { exit: 130, ..RUN },
            Ended { exit: -1, ..RUN },
            Ended { pipeline: Pipeline::Weekly, ..RUN },
        ];
        let active = [
            Active { pipeline: Pipeline::Fast, workers: 4 },
            Active { pipeline: Pipeline::Fast, workers: 1 },
            Active { pipeline: Pipeline::Weekly, workers: 2 },
        ];
        text(&Told { report, ended: &ended, active: &active, made_at: 1_795_219_200, seen })
    }

    #[track_caller]
    fn says(text: &str, lines: &[&str]) {
        for line in lines {
            assert!(text.lines().any(|it| it == *line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn runs_are_told_as_opentelemetry_names_them() {
        let text = told(None, &Seen::default());
        says(
            &text,
            &[
                "# TYPE cicd_pipeline_run_duration_seconds histogram",
                "# UNIT cicd_pipeline_run_duration_seconds seconds",
                "cicd_pipeline_run_duration_seconds_bucket{le=\"60.0\",cicd_pipeline_name=\"fast\",cicd_pipeline_run_state=\"executing\",cicd_pipeline_result=\"success\"} 2",
                "cicd_pipeline_run_duration_seconds_sum{cicd_pipeline_name=\"fast\",cicd_pipeline_run_state=\"executing\",cicd_pipeline_result=\"success\"} 72.5",
                "cicd_pipeline_run_duration_seconds_count{cicd_pipeline_name=\"fast\",cicd_pipeline_run_state=\"executing\",cicd_pipeline_result=\"failure\",error_type=\"test_failure\"} 1",
                "cicd_pipeline_run_duration_seconds_count{cicd_pipeline_name=\"fast\",cicd_pipeline_run_state=\"executing\",cicd_pipeline_result=\"failure\",error_type=\"_OTHER\"} 1",
                "cicd_pipeline_run_duration_seconds_count{cicd_pipeline_name=\"fast\",cicd_pipeline_run_state=\"executing\",cicd_pipeline_result=\"cancellation\"} 1",
                "cicd_pipeline_run_duration_seconds_count{cicd_pipeline_name=\"fast\",cicd_pipeline_run_state=\"executing\",cicd_pipeline_result=\"error\",error_type=\"killed\"} 1",
                "cicd_pipeline_run_active{cicd_pipeline_name=\"fast\",cicd_pipeline_run_state=\"executing\"} 2",
                "cicd_worker_count{cicd_worker_state=\"busy\"} 7",
                "titer_tests_executed_total{verdict=\"left_out\"} 280",
                "titer_ledger_readable 0",
            ],
        );
        assert!(text.ends_with("# EOF\n") && !text.contains("titer_tests{"), "{text}");
        assert_eq!(text, told(None, &Seen::default()), "the same, the same");
    }

    #[test]
    fn nothing_of_anybodys_becomes_a_label() {
        let mut report = Report { repository: "evil\"} 1\n# EOF".into(), ..Report::default() };
        for reason in ["untouched", "weekly", "a\" b", "</script>"] {
            report.left_out.reasons.push(Reason { reason: reason.into(), tests: 3, runs: 1 });
        }
        report.tests.flaky.push(Flaky { test: "evil".into(), ..Flaky::default() });
        report.cut.push(Cut { list: "tests.flaky".into(), shown: 1, of: 70 });
        let seen = Seen { refused: BTreeMap::from([("wrong-key", 3)]), spool_bytes: 9, ..Seen::default() };
        let text = told(Some(&report), &seen);
        says(
            &text,
            &[
                "titer_tests_left_out{reason=\"untouched\"} 3",
                "titer_tests_left_out{reason=\"other\"} 6",
                "titer_flaky_tests 70",
                "titer_door_refused_total{reason=\"wrong-key\"} 3",
                "titer_door_spool_bytes 9",
                "titer_ledger_readable 1",
            ],
        );
        assert!(!text.contains("evil") && !text.contains("script"), "{text}");
        assert!(!text.contains("\ntiter_time_to_verdict_median_seconds "), "nothing is told of no commit: {text}");
    }
}
