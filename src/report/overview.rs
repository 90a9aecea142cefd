//! A report on a terminal.

use std::fmt::Write as _;

use super::phrasing::{self, number, plain, short, short_duration};
use crate::formats::report_v1::Report;

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
    list(
        told,
        "escaped",
        report.escapes.list.iter().map(|it| {
            let commit = it.skipping_commit.as_deref().map_or("no commit", short);
            format!("{} ({commit} left it out: {})", plain(&it.test, 90), it.reason)
        }),
    );
    list(
        told,
        "relapsed",
        report.relapses.list.iter().map(|it| {
            format!(
                "{} {} in {} {}, fixed by {}",
                short(&it.fault),
                plain(&it.error_type, 40),
                plain(&it.path, 60),
                plain(&it.function, 40),
                short(&it.fixed_by)
            )
        }),
    );
    let bare = report.faults.list.iter().filter(|it| it.guard.is_none() && !it.path.is_empty());
    list(
        told,
        "without a guard",
        bare.map(|it| {
            format!(
                "{} {} in {} {}, seen {}",
                short(&it.fault),
                plain(&it.error_type, 40),
                plain(&it.path, 60),
                plain(&it.function, 40),
                phrasing::many(it.sightings, "time", "times")
            )
        }),
    );
    let expired = report.suites.quarantines.iter().filter(|it| it.has_expired);
    list(
        told,
        "quarantine ended",
        expired.map(|it| format!("{} on {}", plain(&it.test, 90), it.until.as_deref().unwrap_or_default())),
    );
}

/// Tests worth a look.
fn noteworthy(told: &mut String, report: &Report) {
    list(
        told,
        "slowest",
        report.tests.slowest.iter().map(|it| format!("{:>9} {}", short_duration(it.median_us), plain(&it.test, 90))),
    );
    list(
        told,
        "most valuable",
        report.tests.valuable.iter().map(|it| format!("{:>9} {}", number(it.points), plain(&it.test, 90))),
    );
    list(
        told,
        "flaky",
        report
            .tests
            .flaky
            .iter()
            .map(|it| format!("{} on {}", plain(&it.test, 90), phrasing::many(it.trees, "tree", "trees"))),
    );
}

/// The beginning of a list, and how many more there are.
fn list(told: &mut String, name: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(told, "\n{name}");
    for line in lines.iter().take(FEW) {
        let _ = writeln!(told, "  {line}");
    }
    if lines.len() > FEW {
        let _ = writeln!(told, "  and {} more", number((lines.len() - FEW) as u64));
    }
}

/// A page was written.
#[must_use]
pub fn written(file: &str, bytes: usize) -> String {
    format!("{file}: {} kB, nothing else is needed to read it\n", bytes.div_ceil(1000))
}
