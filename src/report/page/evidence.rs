//! The page's tables: the rows that the marks of its charts lead to.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::parts::{Cell, Head, Table, anchor};
use super::sections;
use crate::formats::report_v1::{Change, Check, Report};
use crate::report::phrasing::{self, duration, number, percent, share, short, short_duration};

const N: bool = true;
const T: bool = false;

fn code(text: &str) -> Cell {
    Cell::Code(text.to_owned())
}

fn line(text: &str) -> Cell {
    Cell::Line(text.to_owned())
}

fn figure(count: u64) -> Cell {
    Cell::Number(number(count))
}

/// `2026-11-21 05:00` of an instant; a day as it is.
fn moment(at: &str) -> Cell {
    Cell::Line(at.get(..16).unwrap_or(at).replace('T', " "))
}

fn commit(id: Option<&str>) -> Cell {
    id.map_or_else(|| line("no commit"), |id| Cell::Name(id.to_owned(), 10))
}

fn link(kind: &str, id: &str) -> Cell {
    Cell::Link(anchor(kind, id), short(id).to_owned())
}

fn shown(page: &mut String, id: &str, caption: &str, heads: &[Head], rows: Vec<(Option<String>, Vec<Cell>)>) {
    Table { id, caption, heads, rows, is_searched: false, is_open: false }.write(page);
}

/// The last section: weeks and runs.
pub(super) fn write(page: &mut String, report: &Report) {
    let (id, name) = sections::NAMES[8];
    let _ = writeln!(
        page,
        "<section id=\"{id}\" aria-labelledby=\"{id}-name\">\n<h2 id=\"{id}-name\">{name}</h2>\n<p class=\"lead\">What the marks of the charts lead to. \
         <code>titer sql</code> answers further questions from the same ledger.</p>"
    );
    weeks(page, report);
    runs(page, report);
    page.push_str("</section>\n");
}

fn bound(check: &Check) -> Cell {
    let told = check.bound_per_million.map_or_else(
        || "not looked at".to_owned(),
        |it| format!("{} of {}, at most {}", number(check.failed), number(check.checked), share(it)),
    );
    Cell::Line(told)
}

fn weeks(page: &mut String, report: &Report) {
    let heads = [
        ("Week of", T),
        ("Runs", N),
        ("Verdicts", N),
        ("Median", N),
        ("Tests run", N),
        ("Left out", T),
        ("Escapes", N),
        ("Looked at and failed", T),
        ("Sightings", N),
        ("Faults", N),
        ("With a guard", N),
    ];
    let row = |it: &crate::formats::report_v1::Week| {
        let cells = vec![
            line(&it.week),
            figure(it.runs),
            figure(it.verdicts),
            Cell::Number(it.median_ms.map_or_else(|| "–".to_owned(), duration)),
            figure(it.tests_run),
            Cell::Text(phrasing::reasons(&it.left_out)),
            figure(it.escapes),
            bound(&it.check),
            figure(it.sightings),
            figure(it.faults),
            figure(it.faults_guarded),
        ];
        (Some(anchor("week", &it.week)), cells)
    };
    shown(page, "weeks", "Weeks", &heads, report.weeks.iter().rev().map(row).collect());
}

fn runs(page: &mut String, report: &Report) {
    let heads = [
        ("Started (UTC)", T),
        ("Commit", T),
        ("Branch", T),
        ("Took", N),
        ("Run", N),
        ("Left out", N),
        ("Failed", N),
        ("Exit", T),
        ("Of", T),
        ("Command", T),
        ("Id", T),
    ];
    let row = |it: &crate::formats::report_v1::Run| {
        let exit = it.exit.map_or_else(|| "?".to_owned(), |code| code.to_string());
        let problem = it.problem.as_deref().map(|problem| format!("; {problem}")).unwrap_or_default();
        let what = if it.suite == "weekly" { "everything" } else { "the commit" };
        let cells = vec![
            moment(&it.at),
            commit(it.commit.as_deref()),
            Cell::Text(it.branch.clone().unwrap_or_default()),
            Cell::Number(duration(it.ms)),
            figure(it.tests_run),
            figure(it.tests_left_out),
            figure(it.tests_failed),
            Cell::State(it.exit == Some(0), format!("{exit}{problem}")),
            line(what),
            code(&it.command),
            code(&it.run),
        ];
        (Some(anchor("run", &it.run)), cells)
    };
    let rows = report.runs.iter().map(row).collect();
    Table { id: "runs", caption: "Runs", heads: &heads, rows, is_searched: true, is_open: false }.write(page);
}

pub(super) fn reasons(page: &mut String, report: &Report) {
    let all = report.left_out.tests_left_out.max(1);
    let row = |it: &crate::formats::report_v1::Reason| {
        (None, vec![code(&it.reason), figure(it.tests), Cell::Number(percent(it.tests, all)), figure(it.runs)])
    };
    let rows = report.left_out.reasons.iter().map(row).collect();
    shown(page, "reasons", "Left out, by reason", &[("Reason", T), ("Tests", N), ("Share", N), ("Runs", N)], rows);
}

pub(super) fn escapes(page: &mut String, report: &Report) {
    let heads = [
        ("Test", T),
        ("Found (UTC)", T),
        ("By run", T),
        ("On commit", T),
        ("Left out first by", T),
        ("On commit", T),
        ("Reason", T),
    ];
    let row = |(at, it): (usize, &crate::formats::report_v1::Escape)| {
        let cells = vec![
            code(&it.test),
            moment(&it.found_at),
            link("run", &it.found_run),
            commit(it.found_commit.as_deref()),
            link("run", &it.skipping_run),
            commit(it.skipping_commit.as_deref()),
            code(&it.reason),
        ];
        (Some(anchor("escape", &at.to_string())), cells)
    };
    shown(page, "escape-list", "Escapes", &heads, report.escapes.list.iter().enumerate().map(row).collect());
}

pub(super) fn moves(page: &mut String, report: &Report) {
    let heads = [("Day", T), ("Tests", N), ("From", T), ("To", T), ("Rule", T), ("First record", T)];
    let row = |it: &crate::formats::report_v1::Moves| {
        (
            None,
            vec![
                line(&it.day),
                figure(it.tests),
                place(&it.from),
                place(&it.to),
                code(&it.rule),
                link("record", &it.record),
            ],
        )
    };
    shown(page, "moves", "What moved, and why", &heads, report.suites.moves.iter().map(row).collect());
}

/// A suite as people call it.
fn place(word: &str) -> Cell {
    let told = match word {
        "fast" => "FAST",
        "weekly" => "WEEKLY",
        other => other,
    };
    line(told)
}

pub(super) fn quarantines(page: &mut String, report: &Report) {
    let heads = [("Test", T), ("Since", T), ("Until", T), ("State", T), ("Why", T), ("Record", T)];
    let row = |it: &crate::formats::report_v1::Quarantine| {
        let state = Cell::State(!it.has_expired, if it.has_expired { "ended" } else { "in quarantine" }.to_owned());
        let until = line(it.until.as_deref().unwrap_or("–"));
        let since = line(it.since.get(..10).unwrap_or(&it.since));
        (None, vec![code(&it.test), since, until, state, Cell::Wide(it.text.clone()), link("record", &it.record)])
    };
    shown(page, "quarantines", "Quarantine", &heads, report.suites.quarantines.iter().map(row).collect());
}

pub(super) fn faults(page: &mut String, report: &Report) {
    let heads = [
        ("Fault", T),
        ("Error", T),
        ("Where", T),
        ("Seen", N),
        ("Users", N),
        ("First (UTC)", T),
        ("Last (UTC)", T),
        ("Drafts", N),
        ("Guard", T),
    ];
    let row = |it: &crate::formats::report_v1::Fault| {
        let place = if it.path.is_empty() { "elsewhere".to_owned() } else { format!("{} {}", it.path, it.function) };
        let guard = it.guard.as_ref().map_or_else(|| Cell::State(false, "none".to_owned()), |guard| code(guard));
        let cells = vec![
            Cell::Name(it.fault.clone(), 10),
            Cell::Wide(format!("{}: {}", it.error_type, it.message)),
            code(&place),
            figure(it.sightings),
            figure(it.users),
            moment(&it.first_seen),
            moment(&it.last_seen),
            figure(it.drafts),
            guard,
        ];
        (Some(anchor("fault", &it.fault)), cells)
    };
    let rows = report.faults.list.iter().map(row).collect();
    Table { id: "fault-list", caption: "Faults", heads: &heads, rows, is_searched: true, is_open: false }.write(page);
}

pub(super) fn relapses(page: &mut String, report: &Report) {
    let heads = [
        ("Fault", T),
        ("Error", T),
        ("Where", T),
        ("Fixed by", T),
        ("Seen again in", T),
        ("Last (UTC)", T),
        ("Guard", T),
    ];
    let row = |it: &crate::formats::report_v1::Relapse| {
        let guard = it.guard.as_ref().map_or_else(|| line("none then"), |guard| code(guard));
        let place = format!("{} {}", it.path, it.function);
        let cells = vec![
            link("fault", &it.fault),
            Cell::Text(it.error_type.clone()),
            code(&place),
            commit(Some(&it.fixed_by)),
            commit(Some(&it.seen_in)),
            moment(&it.seen_at),
            guard,
        ];
        (Some(anchor("relapse", &it.fault)), cells)
    };
    shown(page, "relapses", "Relapses", &heads, report.relapses.list.iter().map(row).collect());
}

pub(super) fn sources(page: &mut String, report: &Report) {
    let heads = [
        ("Source", T),
        ("Project", T),
        ("Service", T),
        ("Watched since", T),
        ("Until", T),
        ("Sightings", N),
        ("Frames mapped", N),
    ];
    let row = |it: &crate::formats::report_v1::Source| {
        let mapped = Cell::Number(percent(it.mapped_basis_points, 10_000));
        let cells = vec![
            line(&it.source),
            Cell::Text(it.project.clone()),
            Cell::Text(it.service.clone()),
            moment(&it.observed_since),
            moment(&it.observed_to),
            figure(it.sightings),
            mapped,
        ];
        (None, cells)
    };
    shown(page, "sources", "Who watches production", &heads, report.sources.iter().map(row).collect());
}

pub(super) fn drafts(page: &mut String, report: &Report) {
    let heads = [
        ("Draft", T),
        ("Fault", T),
        ("Drafted (UTC)", T),
        ("Test", T),
        ("Gate", T),
        ("Now", T),
        ("Why", T),
        ("Steps", T),
    ];
    let row = |it: &crate::formats::report_v1::Draft| {
        let is_good = ["in-suite", "passed"].contains(&it.fate.as_str());
        let more = if it.would_have_caught { ", would have caught it" } else { "" };
        let auto = if it.auto_merge { ", auto-merge" } else { "" };
        let steps: Vec<&str> = it.steps.iter().map(|step| step.step.as_str()).collect();
        let why = [it.criterion.as_str(), it.reason.as_str()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(": ");
        let cells = vec![
            line(&it.draft),
            link("fault", &it.fault),
            moment(&it.drafted_at),
            code(&it.test),
            line(&it.state),
            Cell::State(is_good, format!("{}{auto}{more}", it.fate)),
            Cell::Wide(why),
            Cell::Text(steps.join(", ")),
        ];
        (Some(anchor("draft", &it.draft)), cells)
    };
    let rows = report.guards.list.iter().map(row).collect();
    Table {
        id: "drafts",
        caption: "Drafts, refused ones too",
        heads: &heads,
        rows,
        is_searched: false,
        is_open: false,
    }
    .write(page);
}

pub(super) fn tests(page: &mut String, report: &Report) {
    let heads = [("Test", T), ("Suite", T), ("Median", N), ("95 %", N), ("Runs", N)];
    let slow = report.tests.slowest.iter().enumerate().map(|(at, it)| {
        let cells = vec![
            code(&it.test),
            place(&it.suite),
            Cell::Number(short_duration(it.median_us)),
            Cell::Number(short_duration(it.p95_us)),
            figure(it.runs),
        ];
        (Some(anchor("slow", &at.to_string())), cells)
    });
    shown(page, "slow-list", "The slowest tests", &heads, slow.collect());
    let heads = [
        ("Test", T),
        ("Suite", T),
        ("Points", N),
        ("Faults", N),
        ("Sightings", N),
        ("True failures", N),
        ("Changes", N),
        ("Authors", N),
        ("Only here", N),
        ("Median", N),
    ];
    let valuable = report.tests.valuable.iter().enumerate().map(|(at, it)| {
        let cells = vec![
            code(&it.test),
            place(&it.suite),
            figure(it.points),
            figure(it.faults),
            figure(it.sightings),
            figure(it.true_failures),
            figure(it.changes),
            figure(it.authors),
            figure(it.only_here),
            Cell::Number(short_duration(it.median_us)),
        ];
        (Some(anchor("valuable", &at.to_string())), cells)
    });
    shown(page, "valuable-list", "The most valuable tests", &heads, valuable.collect());
    let heads = [("Test", T), ("Suite", T), ("Trees", N), ("Passed", N), ("Failed", N), ("Last failed (UTC)", T)];
    let flaky = report.tests.flaky.iter().map(|it| {
        (
            None,
            vec![
                code(&it.test),
                place(&it.suite),
                figure(it.trees),
                figure(it.passes),
                figure(it.failures),
                moment(&it.last_failed),
            ],
        )
    });
    Table {
        id: "flaky",
        caption: "Flaky tests",
        heads: &heads,
        rows: flaky.collect(),
        is_searched: false,
        is_open: true,
    }
    .write(page);
}

/// What a record says happened, in words.
fn happened(it: &Change) -> String {
    let upper = |word: &str| if ["fast", "weekly"].contains(&word) { word.to_uppercase() } else { word.to_owned() };
    match (it.kind.as_str(), it.from.as_str(), it.to.as_str()) {
        ("change", "absent", to) => format!("{} to {}", it.op, upper(to)),
        ("change", from, "absent") => format!("{} from {}", it.op, upper(from)),
        ("change", from, to) => format!("{} {} to {}", it.op, upper(from), upper(to)),
        (kind, ..) => kind.to_owned(),
    }
}

/// The change log.
pub(super) fn changes(page: &mut String, report: &Report) {
    let heads = [
        ("Recorded (UTC)", T),
        ("What", T),
        ("Test", T),
        ("Why", T),
        ("Record", T),
        ("In the log", T),
        ("Brought in by", T),
        ("By", T),
        ("Signed", T),
    ];
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut rows = Vec::new();
    for it in &report.changes {
        let parts = [it.rule.as_str(), it.text.as_str()].into_iter().filter(|text| !text.is_empty());
        let why = parts.collect::<Vec<_>>().join(": ");
        let signed = if it.signed_by.is_empty() { "no".to_owned() } else { it.signed_by.join(" ") };
        let place = it.index.map_or_else(|| "waits".to_owned(), |index| format!("record {index}"));
        let cells = vec![
            moment(&it.at),
            line(&happened(it)),
            code(&it.test),
            Cell::Wide(why),
            Cell::Name(it.record.clone(), 16),
            line(&place),
            it.commit.as_deref().map_or_else(|| line("–"), |id| commit(Some(id))),
            Cell::Text(it.actor.clone()),
            Cell::Text(signed),
        ];
        let id = seen.insert(&it.record).then(|| anchor("record", &it.record));
        rows.push((id, cells));
    }
    Table { id: "change-list", caption: "Records", heads: &heads, rows, is_searched: true, is_open: true }.write(page);
}
