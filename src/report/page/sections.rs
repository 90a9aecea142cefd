//! The page's sections: what each question's answer is, its charts, and what its numbers mean.

use std::fmt::Write as _;

use super::evidence;
use super::parts::{self, Sign, empty, escaped, figure, meanings};
use crate::formats::report_v1::Report;
use crate::report::phrasing::{self, duration, number, percent, rate, share, span};

/// The sections in their order: the name that they are led to by, and their heading.
pub(super) const NAMES: [(&str, &str); 9] = [
    ("verdicts", "Time to verdict"),
    ("left-out", "Left out"),
    ("escapes", "Escapes"),
    ("suites", "FAST and WEEKLY"),
    ("faults", "Production"),
    ("guards", "Guards"),
    ("tests", "Tests"),
    ("changes", "Change log"),
    ("evidence", "Evidence"),
];

/// A number that everybody asks for first: its name, itself, whether it is good or bad, and what to know of it.
type Card = (&'static str, String, Option<bool>, String);

/// Those numbers.
pub(super) fn cards(page: &mut String, report: &Report) {
    let cards =
        [quickness(report), leaving_out(report), missing(report), living(report), guarding(report), relapsing(report)];
    page.push_str("<ul class=\"cards\">\n");
    for (name, value, is_good, note) in cards {
        let class = match is_good {
            Some(true) => " class=\"good\"",
            Some(false) => " class=\"bad\"",
            None => "",
        };
        let (value, note) = (escaped(&value), parts::sentence(&note));
        let _ =
            writeln!(page, "<li{class}><h2>{name}</h2><p class=\"big\">{value}</p><p class=\"note\">{note}</p></li>");
    }
    page.push_str("</ul>\n");
}

fn dash() -> String {
    "–".to_owned()
}

fn quickness(report: &Report) -> Card {
    let it = &report.verdicts;
    let is_quick = it.median_ms.map(|median| median <= it.line_ms);
    let side = if is_quick == Some(true) { "under" } else { "over" };
    let note = if is_quick.is_none() {
        "no commit was tested in this time".to_owned()
    } else {
        format!("median, {side} the minute; {} of {} commits within it", number(it.within_line), number(it.count))
    };
    ("Time to verdict", it.median_ms.map_or_else(dash, duration), is_quick, note)
}

fn leaving_out(report: &Report) -> Card {
    let (left, all) = (report.left_out.tests_left_out, report.left_out.tests_left_out + report.left_out.tests_run);
    ("Left out", percent(left, all), None, format!("{} of {} executions of tests", number(left), number(all)))
}

fn missing(report: &Report) -> Card {
    let (found, check) = (report.escapes.found, &report.escapes.check);
    let note = check.bound_per_million.map_or_else(
        || "nothing that was left out was looked at".to_owned(),
        |it| format!("at most {} of what is left out hides a failure (95 % sure)", share(it)),
    );
    // None found where nobody looked is not good.
    ("Escapes found", number(found), Some(found == 0).filter(|_| check.checked > 0 || found > 0), note)
}

fn living(report: &Report) -> Card {
    let (fast, weekly) = (report.suites.fast, report.suites.weekly);
    let note = format!("{} of the tests in WEEKLY", percent(weekly, fast + weekly));
    ("FAST and WEEKLY", format!("{} | {}", number(fast), number(weekly)), None, note)
}

fn guarding(report: &Report) -> Card {
    let (guarded, all) = (report.faults.guarded, report.faults.in_repository);
    let value = if all == 0 { dash() } else { format!("{} of {}", number(guarded), number(all)) };
    let note = report.guards.median_seconds_to_guard;
    let note = note.map_or_else(
        || "no guard came of a fault yet".to_owned(),
        |it| format!("median {} from fault to guard", span(it)),
    );
    ("Faults with a guard", value, Some(guarded == all).filter(|_| all > 0), note)
}

fn relapsing(report: &Report) -> Card {
    let (with, without) = (report.relapses.with_guard, report.relapses.without_guard);
    let (relapsed, fixed) = (with.relapsed + without.relapsed, with.fixed + without.fixed);
    let note = match (with.fixed, without.fixed) {
        (0, 0) => "of no fault a fix is known".to_owned(),
        (0, _) => format!("{} fixed faults, without a guard", rate(without)),
        (_, 0) => format!("{} fixed faults, all with a guard", rate(with)),
        _ => format!("{} with a guard, {} without", rate(with), rate(without)),
    };
    ("Relapses", number(relapsed), Some(relapsed == 0).filter(|_| fixed > 0), note)
}

/// Opens a section, with what its answer is in a sentence.
fn open(page: &mut String, at: usize, lead: &str) {
    let (id, name) = NAMES[at];
    let _ = writeln!(
        page,
        "<section id=\"{id}\" aria-labelledby=\"{id}-name\">\n<h2 id=\"{id}-name\">{name}</h2>\n<p class=\"lead\">{}</p>",
        parts::sentence(lead)
    );
}

fn close(page: &mut String) {
    page.push_str("</section>\n");
}

/// A sentence with a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(letters).chain(['.']).collect()
}

/// All sections but the last.
pub(super) fn write(page: &mut String, report: &Report) {
    verdicts(page, report);
    left_out(page, report);
    escapes(page, report);
    suites(page, report);
    faults(page, report);
    guards(page, report);
    tests(page, report);
    open(
        page,
        7,
        "Every record of a test added, removed or moved, of a policy, a key or a seal. `titer audit prove RECORD` says how to check one without titer.",
    );
    if report.changes.is_empty() {
        empty(page, "No record was written yet: `titer place` and `titer weekly` write them.");
    }
    evidence::changes(page, report);
    close(page);
}

fn verdicts(page: &mut String, report: &Report) {
    open(page, 0, &sentence(&phrasing::verdicts(report)));
    if report.verdicts.commits.is_empty() {
        empty(page, "No commit was tested in this time: `titer run -- COMMAND` does it.");
    } else {
        let signs = [
            ("passed", "var(--one)", "circle"),
            ("failed", "var(--bad)", "cross"),
            ("the week's median", "var(--two)", "line"),
        ];
        figure(page, "verdicts", "Time to verdict, one mark a commit", &signs);
    }
    let means = [("time to verdict", "Verdict.ms"), ("median", "Verdicts.median_ms"), ("commits", "Verdicts.count")];
    meanings(page, &means);
    close(page);
}

fn left_out(page: &mut String, report: &Report) {
    open(page, 1, &sentence(&phrasing::left_out(report)));
    if report.left_out.tests_run + report.left_out.tests_left_out == 0 {
        empty(page, "No run decided anything in this time.");
    } else {
        const COLOURS: [&str; 5] = ["var(--one)", "var(--two)", "var(--three)", "var(--four)", "var(--five)"];
        let reasons = report.left_out.reasons.iter().map(|it| it.reason.as_str());
        let mut signs: Vec<Sign<'_>> = vec![("ran", "var(--six)", "square")];
        signs.extend(reasons.zip(COLOURS).map(|(reason, colour)| (reason, colour, "square")));
        if report.left_out.reasons.len() > COLOURS.len() {
            signs.push(("other", "var(--quiet)", "square"));
        }
        figure(page, "left_out", "Tests that ran and that were left out, by reason, week by week", &signs);
    }
    evidence::reasons(page, report);
    close(page);
}

fn escapes(page: &mut String, report: &Report) {
    open(page, 2, &sentence(&phrasing::escapes(report)));
    page.push_str("<div class=\"pair\">\n");
    if report.escapes.found > 0 {
        figure(page, "escapes", "Escapes found, week by week", &[]);
    } else {
        empty(page, "No escape was found. That is no proof that there is none: the bound says how many there may be.");
    }
    if report.weeks.iter().any(|week| week.check.bound_per_million.is_some()) {
        let signs =
            [("failed of what was looked at", "var(--one)", "dot"), ("at most (95 % sure)", "var(--one)", "line")];
        figure(page, "bounds", "How much of what was left out hides a failure", &signs);
    } else {
        empty(
            page,
            "Nobody looked at tests that were left out: `titer weekly` and `--probe` do, and then there is a bound.",
        );
    }
    page.push_str("</div>\n");
    evidence::escapes(page, report);
    let means = [
        ("escape", "Escapes.found"),
        ("failures", "Escapes.failures"),
        ("looked at", "Check.checked"),
        ("at most", "Check.bound_per_million"),
    ];
    meanings(page, &means);
    close(page);
}

fn suites(page: &mut String, report: &Report) {
    open(page, 3, &sentence(&phrasing::suites(report)));
    if report.suites.fast + report.suites.weekly == 0 && report.suites.moves.is_empty() {
        empty(page, "No test is known yet.");
    } else {
        page.push_str("<div class=\"pair\">\n");
        let signs = [
            ("FAST", "var(--one)", "square"),
            ("WEEKLY", "var(--five)", "square"),
            ("records", "var(--ink)", "diamond"),
        ];
        figure(page, "suites", "Tests in each suite", &signs);
        if report.suites.moves.iter().any(|it| it.from != it.to) {
            figure(page, "moves", "What moved, by rule", &[]);
        } else {
            empty(page, "Nothing moved in this time.");
        }
        page.push_str("</div>\n");
    }
    evidence::moves(page, report);
    evidence::quarantines(page, report);
    meanings(page, &[("FAST and WEEKLY", "SuitesOverTime.days"), ("quarantine", "SuitesOverTime.quarantines")]);
    close(page);
}

fn faults(page: &mut String, report: &Report) {
    let relapses = sentence(&phrasing::relapses(report));
    open(page, 4, &format!("{} {relapses}", sentence(&phrasing::faults(report))));
    if report.faults.in_repository == 0 {
        empty(
            page,
            "No fault of this repository's code is known. Silence is health only where somebody listens: the table of sources says who does.",
        );
    } else {
        page.push_str("<div class=\"pair\">\n");
        figure(
            page,
            "faults",
            "Faults known, with a guard and without",
            &[("with a guard", "var(--three)", "square"), ("without", "var(--two)", "square")],
        );
        if report.weeks.iter().any(|week| week.sightings > 0) {
            figure(page, "sightings", "How often production failed, week by week", &[]);
        } else {
            empty(page, "Nothing was seen in this time.");
        }
        page.push_str("</div>\n");
        let signs = [
            ("seen, from first to last", "var(--two)", "line"),
            ("guard", "var(--three)", "diamond"),
            ("relapse", "var(--bad)", "cross"),
        ];
        figure(page, "timeline", "The faults that were seen most, those without a guard first", &signs);
    }
    evidence::relapses(page, report);
    evidence::faults(page, report);
    evidence::sources(page, report);
    let means = [
        ("fault of this code", "Faults.in_repository"),
        ("with a guard", "Faults.guarded"),
        ("fix", "Rate.fixed"),
        ("relapses with a guard", "Relapses.with_guard"),
        ("relapses without", "Relapses.without_guard"),
    ];
    meanings(page, &means);
    close(page);
}

fn guards(page: &mut String, report: &Report) {
    let it = &report.guards;
    if it.drafted == 0 {
        open(page, 5, "No guard was drafted yet.");
        empty(page, "`titer guard sweep` drafts a regression test for every fault that has none.");
        return close(page);
    }
    open(page, 5, &format!("{} {}", sentence(&phrasing::guards(report)), sentence(&phrasing::trust(report))));
    let took = it.median_seconds_to_guard.map_or_else(|| "–".to_owned(), span);
    let totals = [
        ("drafted", number(it.drafted)),
        ("passed the gate", number(it.passed)),
        ("injected or proposed", format!("{} | {}", number(it.injected), number(it.proposed))),
        ("auto-merged", number(it.auto_merged)),
        ("of these later reverted", number(it.auto_merged_reverted)),
        ("would have caught (replayed)", format!("{} of {}", number(it.would_have_caught), number(it.replayed))),
        ("median fault to guard", took),
    ];
    page.push_str("<dl class=\"totals\">");
    for (name, value) in totals {
        let _ = write!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", escaped(&value));
    }
    page.push_str("</dl>\n");
    figure(page, "guards", "What became of drafts", &[]);
    evidence::drafts(page, report);
    let means = [
        ("drafted", "Guards.drafted"),
        ("passed the gate", "Guards.passed"),
        ("wait for a fix", "Guards.waiting_for_fix"),
        ("refused", "Guards.refused"),
        ("injected", "Guards.injected"),
        ("proposed", "Guards.proposed"),
        ("auto-merged", "Guards.auto_merged"),
        ("of these reverted", "Guards.reverted"),
        ("in the suite", "Guards.in_suite"),
        ("replayed", "Guards.replayed"),
        ("would have caught", "Guards.would_have_caught"),
        ("median fault to guard", "Guards.median_seconds_to_guard"),
    ];
    meanings(page, &means);
    close(page);
}

fn tests(page: &mut String, report: &Report) {
    let tests = &report.tests;
    let lead = if tests.total == 0 {
        "No test ran yet.".to_owned()
    } else {
        let all = phrasing::many(tests.total, "test", "tests");
        format!(
            "{all} that the ledger knows; all of them take {} together, one after the other.",
            duration(tests.all_us / 1000)
        )
    };
    open(page, 6, &lead);
    let signs = [("FAST", "var(--one)", "square"), ("WEEKLY", "var(--five)", "square")];
    page.push_str("<div class=\"pair\">\n");
    if tests.slowest.is_empty() {
        empty(page, "No test ran to its end in the last 90 days.");
    } else {
        figure(page, "slowest", "The slowest, by their median", &signs);
    }
    if tests.valuable.is_empty() {
        empty(page, "Of no test it is known yet that it tells more than another.");
    } else {
        figure(page, "valuable", "The most valuable, in points", &signs);
    }
    page.push_str("</div>\n");
    evidence::tests(page, report);
    if tests.flaky.is_empty() {
        empty(page, "No test both passed and failed on one tree in this time.");
    }
    meanings(page, &[("slowest", "Tests.slowest"), ("points", "Valuable.points"), ("flaky", "Tests.flaky")]);
    close(page);
}
