//! A report as the summary of a job: a screen of Markdown, as GitHub reads it.

use std::fmt::Write as _;

use super::phrasing::{self, plain};
use crate::formats::report_v1::{Quarantine, Report};

/// How many of a list are told.
const FEW: usize = 3;

/// The summary.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut told =
        format!("### titer: {}\n\n{}\n\n", safe(&plain(&report.repository, 80)), safe(&phrasing::period(report)));
    let mut rows = vec![
        ("Time to verdict", phrasing::verdicts(report)),
        ("Left out", phrasing::left_out(report)),
        ("Escapes", phrasing::escapes(report)),
        ("Suites", phrasing::suites(report)),
        ("Production", phrasing::faults(report)),
        ("Relapses", phrasing::relapses(report)),
        ("Guards", phrasing::guards(report)),
    ];
    if report.guards.drafted > 0 {
        rows.push(("", phrasing::trust(report)));
    }
    told.push_str("| | |\n|---|---|\n");
    for (name, text) in rows {
        let _ = writeln!(told, "| {name} | {} |", safe(&text));
    }
    list(&mut told, "Escaped", report.escapes.found, report.escapes.list.iter().map(phrasing::escape));
    let relapses = &report.relapses.list;
    list(&mut told, "Relapsed", relapses.len() as u64, relapses.iter().map(phrasing::relapse));
    let bare = report.faults.list.iter().filter(|it| it.guard.is_none() && !it.path.is_empty());
    list(&mut told, "Without a guard", phrasing::bare(report), bare.map(phrasing::fault));
    let expired: Vec<&Quarantine> = report.suites.quarantines.iter().filter(|it| it.has_expired).collect();
    list(&mut told, "Quarantine ended", expired.len() as u64, expired.iter().map(|it| plain(&it.test, 100)));
    for problem in report.problems.iter().take(1) {
        let _ = writeln!(told, "\n**Missing:** {}", safe(&plain(problem, 200)));
    }
    told
}

/// The beginning of a list, and how many more there are of `all`.
fn list(told: &mut String, name: &str, all: u64, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.take(FEW).collect();
    if lines.is_empty() {
        return;
    }
    let more = all.saturating_sub(lines.len() as u64);
    let more = if more == 0 { String::new() } else { format!(", {} of {}", lines.len(), phrasing::number(all)) };
    let _ = writeln!(told, "\n**{name}**{more}\n");
    for line in lines {
        let _ = writeln!(told, "- {}", safe(&line));
    }
}

/// Text in which nothing means anything: no markup, no mention, no link, no cell.
fn safe(text: &str) -> String {
    let mut letters = text.chars().peekable();
    let mut safe = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        let is_plain = letter.is_alphanumeric() || " .,;-–/()%…\u{202f}".contains(letter);
        // What follows may make an address of it.
        if is_plain || (letter == ':' && letters.peek() != Some(&'/')) {
            safe.push(letter);
        } else if !letter.is_control() && letter != '`' {
            let _ = write!(safe, "&#{};", u32::from(letter));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::report_v1::Escape;

    #[test]
    fn texts_of_others_mean_nothing_in_markdown() {
        let test = "pytest::a|b`*_[x](http://e)<script>@octocat\n# no".to_owned();
        let mut report = Report::default();
        report.escapes.list = vec![Escape { test, ..Escape::default() }; 5];
        report.escapes.found = 5;
        let told = markdown(&report);
        let line = told.lines().find(|line| line.starts_with("- ")).unwrap();
        assert_eq!(
            line,
            "- pytest::a&#124;b&#42;&#95;&#91;x&#93;(http&#58;//e)&#60;script&#62;&#64;octocat &#35; no, first left out on no commit as "
        );
        assert!(told.contains("**Escaped**, 3 of 5"), "{told}");
    }

    #[test]
    fn it_is_at_most_a_screen() {
        assert!(markdown(&Report::default()).lines().count() < 15);
    }
}
