//! A report as annotations of a job on GitHub: workflow commands, one a line, escaped as its runner wants them
//! (`actions/toolkit`, `packages/core/src/command.ts`).

use super::phrasing::{many, plain, short};
use crate::formats::report_v1::Report;
use crate::model::test_id::TestId;

/// So many warnings GitHub shows of one step.
const MOST: usize = 10;
/// How many faults without a guard are told: the list is long where nobody guards.
const FAULTS: usize = 3;

/// What somebody should look at, gravest first.
#[must_use]
pub fn lines(report: &Report) -> Vec<String> {
    let mut all = Vec::new();
    for it in &report.relapses.list {
        let message = format!(
            "{} in {} {} was seen again in {}, which holds its fix {}",
            it.error_type,
            it.path,
            it.function,
            short(&it.seen_in),
            short(&it.fixed_by)
        );
        all.push(warning(&it.path, &format!("fault {} relapsed", short(&it.fault)), &message));
    }
    for it in &report.escapes.list {
        let commit = it.skipping_commit.as_deref().map_or("no commit", short);
        let message = format!("{} failed; the run on {commit} was the first to leave it out: {}", it.test, it.reason);
        all.push(warning(&file(&it.test), "a failure escaped", &message));
    }
    let bare = report.faults.list.iter().filter(|it| it.guard.is_none() && !it.path.is_empty() && it.sightings > 0);
    for it in bare.take(FAULTS) {
        let seen = many(it.sightings, "time", "times");
        let message = format!(
            "{} in {} was seen {seen}; `titer guard draft {}` drafts a test for it",
            it.error_type,
            it.function,
            short(&it.fault)
        );
        all.push(warning(&it.path, "a fault of production without a guard", &message));
    }
    for it in report.suites.quarantines.iter().filter(|it| it.has_expired) {
        let message = format!(
            "the quarantine of {} ended on {}: it runs on every commit again",
            it.test,
            it.until.as_deref().unwrap_or_default()
        );
        all.push(warning(&file(&it.test), "a quarantine ended", &message));
    }
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    if more > 0 {
        all.push(format!("::notice title=titer::{more} more warnings are in the report\n"));
    }
    all
}

/// The test's file, where its id names one.
fn file(test: &str) -> String {
    let id = TestId(test.to_owned());
    if id.runner() == "cargo" { String::new() } else { id.file().to_owned() }
}

fn warning(file: &str, title: &str, message: &str) -> String {
    let place = if file.is_empty() { String::new() } else { format!("file={},", property(file)) };
    format!("::warning {place}title={}::{}\n", property(&format!("titer: {title}")), data(&plain(message, 400)))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::report_v1::{Escape, Fault};

    #[test]
    fn nothing_of_others_ends_a_command_or_begins_one() {
        let mut report = Report::default();
        report.escapes.list.push(Escape {
            test: "pytest::a,b:c%.py::t\n::error::no".into(),
            reason: "weekly".into(),
            skipping_commit: Some("0123456789abcdef".into()),
            ..Escape::default()
        });
        let told = lines(&report);
        assert_eq!(
            told,
            [
                "::warning file=a%2Cb%3Ac%25.py,title=titer%3A a failure escaped::pytest::a,b:c%25.py::t ::error::no failed; the run on 0123456789 was the first to leave it out: weekly\n"
            ]
        );
    }

    #[test]
    fn no_more_are_told_than_are_shown() {
        let mut report = Report::default();
        report.escapes.list = vec![Escape { test: "cargo::a::lib::t".into(), ..Escape::default() }; 14];
        report.faults.list = vec![Fault { path: "a.py".into(), sightings: 1, ..Fault::default() }; 9];
        let told = lines(&report);
        assert_eq!((told.len(), told[10].as_str()), (11, "::notice title=titer::7 more warnings are in the report\n"));
        assert!(told[0].starts_with("::warning title="), "{}", told[0]);
    }
}
