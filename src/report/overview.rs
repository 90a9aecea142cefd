//! A report on a terminal.

use std::fmt::Write as _;

use super::phrasing::{self, number, plain, short_duration};
use crate::formats::report_v1::{Flaky, Quarantine, Report, Slow, Tests, Valuable};

/// How many of a list are told; the page has the others.
const FEW: usize = 5;

/// The report in a screen.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut told = format!("{}\n\n", phrasing::heading(report));
    let lines = [
        ("verdict", phrasing::verdicts(report)),
        ("left out", phrasing::left_out(report)),
        ("escapes", phrasing::escapes(report)),
        ("suites", phrasing::suites(report)),
        ("faults", phrasing::faults(report)),
        ("relapses", phrasing::relapses(report)),
        ("guards", phrasing::guards(report)),
        ("", phrasing::trust(report)),
    ];
    for (name, line) in lines.iter().filter(|(name, _)| !name.is_empty() || report.guards.drafted > 0) {
        let _ = writeln!(told, "{name:<9} {line}");
    }
    faulty(&mut told, report);
    noteworthy(&mut told, report);
    for problem in &report.problems {
        let _ = writeln!(told, "\nmissing: {}", plain(problem, 200));
    }
    told.push_str("\n`titer report --html FILE` has all of it, with the evidence\n");
    told
}

/// What is wrong, the gravest first.
fn faulty(told: &mut String, report: &Report) {
    list(told, "escaped", report.escapes.found, report.escapes.list.iter().map(phrasing::escape));
    let relapses = &report.relapses.list;
    list(told, "relapsed", relapses.len() as u64, relapses.iter().map(phrasing::relapse));
    let bare = report.faults.list.iter().filter(|it| it.guard.is_none() && !it.path.is_empty());
    list(told, "without a guard", phrasing::bare(report), bare.map(phrasing::fault));
    let expired: Vec<_> = report.suites.quarantines.iter().filter(|it| it.has_expired).collect();
    let ended = |it: &&Quarantine| format!("{} on {}", plain(&it.test, 90), it.until.as_deref().unwrap_or_default());
    list(told, "quarantine ended", expired.len() as u64, expired.iter().map(ended));
}

/// Tests worth a look.
fn noteworthy(told: &mut String, report: &Report) {
    let Tests { slowest, valuable, flaky, .. } = &report.tests;
    let slow = |it: &Slow| format!("{:>9} {}", short_duration(it.median_us), plain(&it.test, 90));
    list(told, "slowest", 0, slowest.iter().map(slow));
    let worth = |it: &Valuable| format!("{:>9} {}", number(it.points), plain(&it.test, 90));
    list(told, "most valuable, in points", 0, valuable.iter().map(worth));
    let unsteady = |it: &Flaky| format!("{} on {}", plain(&it.test, 90), phrasing::many(it.trees, "tree", "trees"));
    list(told, "flaky", flaky.len() as u64, flaky.iter().map(unsteady));
}

/// The beginning of a list, and how many more there are of `all`.
fn list(told: &mut String, name: &str, all: u64, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.take(FEW).collect();
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(told, "\n{name}");
    for line in &lines {
        let _ = writeln!(told, "  {line}");
    }
    let more = all.saturating_sub(lines.len() as u64);
    if more > 0 {
        let _ = writeln!(told, "  and {} more", number(more));
    }
}

/// A page was written.
#[must_use]
pub fn written(file: &str, bytes: usize) -> String {
    format!("{file}: {} kB, nothing else is needed to read it\n", bytes.div_ceil(1000))
}
