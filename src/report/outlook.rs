//! Where a test lives, on what evidence, and how far it is from each threshold.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::model::evidence::{Evidence, Ground, Seconds, Thresholds};
use crate::model::suite::{Placement, Suite};

/// What is told of one test.
#[derive(Debug, Clone)]
pub struct Outlook<'a> {
    /// What its last record says; none if no record speaks of it.
    pub placement: Option<&'a Placement>,
    /// Where it lives today.
    pub suite: Suite,
    /// What is known of it.
    pub evidence: &'a Evidence,
    /// The numbers that this is held against.
    pub thresholds: &'a Thresholds,
    /// Where the next placement would put it, and why.
    pub next: (Suite, Ground),
}

/// For people, below what the plan says of the test.
#[must_use]
pub fn text(outlook: &Outlook<'_>) -> String {
    let mut text = String::new();
    match outlook.placement {
        Some(it) => {
            let since = it.since.get(..10).unwrap_or(&it.since);
            let until = it.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
            let _ = writeln!(text, "  lives in {} since {since}{until}: {}: {}", outlook.suite, it.rule, it.text);
            let _ = writeln!(text, "    by record {}", it.record);
        }
        None => {
            let _ = writeln!(text, "  lives in {}: no record has moved it", outlook.suite);
        }
    }
    let (suite, ground) = &outlook.next;
    let verb = if *suite == outlook.suite { "would stay in" } else { "would move to" };
    let _ = writeln!(text, "  `titer place` {verb} {suite}: {}: {}", ground.rule, ground.text);
    for line in distances(outlook.evidence, outlook.thresholds) {
        let _ = writeln!(text, "    {line}");
    }
    text
}

/// One line a threshold: where the test is, and where the threshold.
fn distances(evidence: &Evidence, numbers: &Thresholds) -> Vec<String> {
    let ago = |at: Seconds| numbers.days_since(at);
    let left = |at: Seconds, days: i64| (days - ago(at)).max(0);
    let mut lines = vec![format!("covers {} code paths, {} of them alone", evidence.code_paths, evidence.only_here)];
    lines.push(match evidence.last_changed {
        Some(at) => format!(
            "changed: {} {} days ago ({}), {} changes in all; quiet in {} days if nothing else changes",
            evidence.changed_path,
            ago(at),
            evidence.changed_by.get(..10).unwrap_or(&evidence.changed_by),
            evidence.changes,
            left(at, numbers.quiet_days)
        ),
        None => "changed: history says nothing of what it covers".to_owned(),
    });
    lines.push(match evidence.last_sighted {
        Some(at) if numbers.fault_days == 0 => format!(
            "faulted: {} sightings of {} faults, the last {} days ago on {}; counts for ever",
            evidence.sightings,
            evidence.faults,
            ago(at),
            evidence.faulty_path
        ),
        Some(at) => format!(
            "faulted: {} sightings of {} faults, the last {} days ago on {}; forgotten in {} days",
            evidence.sightings,
            evidence.faults,
            ago(at),
            evidence.faulty_path,
            left(at, numbers.fault_days)
        ),
        None if evidence.unwatched_files > 0 => {
            format!("faulted: not known: {} of its files are watched by no source", evidence.unwatched_files)
        }
        None => "faulted: production had no fault there".to_owned(),
    });
    if evidence.unmapped_faults > 0 {
        lines.push(format!("unmapped: {} faults may lie in what it covers", evidence.unmapped_faults));
    }
    if let Some(at) = evidence.last_true_failure {
        let (failures, days) = (evidence.true_failures, left(at, numbers.failure_days));
        lines
            .push(format!("failed: {failures} true failures, the last {} days ago; forgotten in {days} days", ago(at)));
    }
    if let Some(at) = evidence.last_escape {
        lines.push(format!("escaped: {} days ago; counts for ever", ago(at)));
    }
    if let Some(at) = evidence.added.filter(|at| numbers.is_within(Some(*at), numbers.young_days)) {
        lines.push(format!("young: added {} days ago; {} days to go", ago(at), left(at, numbers.young_days)));
    }
    let (ms, runs) = (evidence.median_us / 1000, evidence.runs);
    lines.push(format!("slow: takes {ms} ms in {runs} runs; slow from {} ms", numbers.slow_ms));
    lines.push(format!("flaky: on {} trees in 30 days; quarantined from {}", evidence.flakes, numbers.flaky_trees));
    lines
}

/// For programs.
#[must_use]
pub fn json(outlook: &Outlook<'_>) -> Value {
    json!({
        "suite": outlook.suite.word(),
        "placement": outlook.placement,
        "evidence": outlook.evidence,
        "thresholds": outlook.thresholds,
        "next": {"suite": outlook.next.0.word(), "rule": outlook.next.1.rule, "text": outlook.next.1.text},
    })
}
