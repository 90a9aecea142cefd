//! `titer report`: a real ledger told in every form, and its page opened in a real browser.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use titer::formats::report_v1::{FORMAT, Report};
use titer::report::page;

use support::browser::{CHARTS, stands};
use support::interpreters::of_audit;
use support::seasoned::seasoned;
use support::{Repository, browser, day, made_up, newest, says, small};

fn told(repository: &Repository, arguments: &[&str]) -> Report {
    let told = repository.titer(&[&["report", "--json"], arguments].concat());
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}: {}", told.stdout))
}

/// What happened to the seasoned shop is what is told of it.
fn holds(report: &Report) {
    let guards = &report.guards;
    assert_eq!(
        (
            guards.drafted,
            guards.passed,
            guards.refused,
            guards.injected,
            guards.in_suite,
            guards.replayed,
            guards.would_have_caught
        ),
        (2, 1, 1, 1, 1, 1, 1),
        "{guards:#?}"
    );
    assert_eq!((report.faults.total, report.faults.in_repository, report.faults.guarded), (2, 2, 1));
    assert_eq!(
        (report.relapses.with_guard.fixed, report.relapses.with_guard.relapsed, report.relapses.without_guard.fixed),
        (1, 1, 0)
    );
    assert_eq!(
        (report.escapes.found, report.escapes.list[0].test.as_str()),
        (1, "pytest::tests/test_user.py::test_user")
    );
    assert_eq!(
        (report.escapes.list[0].reason.as_str(), report.escapes.failures, report.escapes.failures_run),
        ("untouched", 1, 0)
    );
    let check = &report.escapes.check;
    assert!(
        check.checked > 0 && check.failed == 1 && check.bound_per_million > Some(1_000_000 / check.checked),
        "{check:?}"
    );
    assert_eq!((report.period.runs, report.verdicts.count, report.runs.len()), (4, 3, 4), "{:#?}", report.verdicts);
    // The test went to WEEKLY and its escape brought it back.
    let rules: Vec<&str> = report.suites.moves.iter().map(|it| it.rule.as_str()).collect();
    assert!(rules.contains(&"quiet") && rules.contains(&"escaped"), "{rules:?}");
    assert_eq!((report.suites.fast, report.suites.weekly), (3, 1), "{:#?}", report.suites);
    assert!(report.changes.iter().any(|it| it.rule == "escaped" && it.op == "move"), "{:#?}", report.changes);
    // The first batch was committed, the last one is not yet.
    let brought: BTreeSet<(bool, &str)> =
        report.changes.iter().map(|it| (it.commit.is_some(), it.rule.as_str())).collect();
    assert!(brought.contains(&(true, "quiet")) && brought.contains(&(false, "escaped")), "{brought:?}");
    assert!(report.problems.is_empty() && report.tests.slowest.len() == 4, "{report:#?}");
}

#[test]
fn a_real_ledger_is_told_in_every_form_and_each_mark_leads_to_its_evidence() {
    let mut repository = seasoned();
    let tomorrow = day(-1);
    let as_of = ["--as-of", tomorrow.as_str()];
    let report = told(&repository, &as_of);
    holds(&report);
    // A day before anything happened, and the last run alone.
    let before = told(&repository, &["--as-of", &day(200)]);
    assert_eq!((before.period.runs, before.faults.total, before.guards.drafted), (0, 0, 0));
    assert_eq!(told(&repository, &["--last", "1"]).period.runs, 1);
    let agrees = repository.beside("report.json");
    fs::write(&agrees, report.line()).unwrap();
    agree(&[&agrees]);

    let shown = repository.titer(&[&["report"], as_of.as_slice()].concat());
    says(
        &shown,
        0,
        &[
            "1 of 2 faults of this code have a guard",
            "escapes   1 found",
            "1 of 1 fixed faults came back",
            "without a guard",
        ],
    );
    assert!(!shown.stdout.contains('\u{202e}') && !shown.stdout.contains("::error::no\n"), "{}", shown.stdout);
    annotates(&mut repository, &as_of);

    let page = repository.beside("report.html");
    says(&repository.titer(&[&["report", "--html", page.to_str().unwrap()], as_of.as_slice()].concat()), 0, &["kB"]);
    let again = fs::read(&page).unwrap();
    repository.titer(&[&["report", "--html", page.to_str().unwrap()], as_of.as_slice()].concat()).exits(0);
    assert_eq!(again, fs::read(&page).unwrap(), "the same ledger, the same page");
    if let Some(seen) = browser::opened("real", &page, "escaped") {
        stands(&seen, CHARTS);
        let fault = seen["clicks"]["timeline"]["text"].as_str().unwrap();
        assert!(fault.contains("shop/prices.py"), "{fault}");
        assert_eq!(seen["search"]["after"], 1, "{seen}");
    }
}

/// On GitHub: warnings on the stream of talk, and a summary where the forge takes it, behind what is there.
fn annotates(repository: &mut Repository, as_of: &[&str]) {
    let summary = repository.beside("summary.md");
    fs::write(&summary, "before\n").unwrap();
    repository.variables.insert("GITHUB_ACTIONS".into(), "true".into());
    repository.variables.insert("GITHUB_STEP_SUMMARY".into(), summary.display().to_string());
    let done = repository.titer(&[&["report", "--markdown"], as_of].concat());
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""), "{}", done.stderr);
    let warnings: Vec<&str> = done.stderr.lines().collect();
    assert_eq!(warnings.len(), 3, "{}", done.stderr);
    assert!(warnings[0].starts_with("::warning file=shop/prices.py,title=titer%3A fault "), "{}", warnings[0]);
    assert!(
        warnings[1].starts_with("::warning file=tests/test_user.py,title=titer%3A a failure escaped::"),
        "{}",
        warnings[1]
    );
    assert!(warnings[2].contains("MemoryError in quote was seen 1 time"), "{}", warnings[2]);
    let written = fs::read_to_string(&summary).unwrap();
    assert!(written.starts_with("before\n### titer: repo\n") && written.lines().count() < 40, "{written}");
    assert!(written.contains("| Escapes | 1 found") && written.contains("**Relapsed**"), "{written}");
    let own = repository.beside("own.md");
    repository.titer(&[&["report", "--markdown", own.to_str().unwrap()], as_of].concat()).exits(0);
    assert!(written.ends_with(&fs::read_to_string(own).unwrap()));
    repository.variables.remove("GITHUB_STEP_SUMMARY");
    let printed = repository.titer(&[&["report", "--markdown"], as_of].concat());
    assert!(printed.stdout.starts_with("### titer: repo\n"), "{}", printed.stdout);
    repository.variables.remove("GITHUB_ACTIONS");
}

/// Holds documents against the published schema, with somebody else's reader of schemas.
fn agree(documents: &[&Path]) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(of_audit().python());
    python
        .arg(here.join("tests/support/agrees.py"))
        .arg(here.join("src/formats/report_v1.schema.json"))
        .args(documents);
    let done = python.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_page_of_a_busy_quarter_stands_in_a_browser_whatever_production_says() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("report.html");
    let text = page::html(&made_up::report(90, 7));
    assert!(text.len() < 1_500_000, "{}", text.len());
    fs::write(&file, text).unwrap();
    if let Some(seen) = browser::opened("made-up", &file, "flaky 24") {
        stands(&seen, CHARTS);
    }
}

#[test]
fn a_ledger_without_runs_and_one_with_a_single_run_are_told_in_sentences() {
    let repository = small::project(newest());
    says(&repository.titer(&["report"]), 3, &["there is no ledger", "hint: `titer run -- COMMAND`"]);
    fs::create_dir_all(repository.path(".titer/ledger")).unwrap();
    let page = repository.beside("report.html");
    let html = ["report", "--html", page.to_str().unwrap()];
    for runs in [0, 1] {
        if runs == 1 {
            repository.run(small::COMMAND).exits(0);
        }
        let shown = repository.titer(&["report"]);
        says(
            &shown,
            0,
            &[
                if runs == 0 { "no commit was tested" } else { "1 of 1 within a minute" },
                "none was drafted",
                "nobody told what failed",
            ],
        );
        repository.titer(&html).exits(0);
        let text = fs::read_to_string(&page).unwrap();
        let body = text.split("<script").next().unwrap();
        assert!(!shown.stdout.contains("NaN") && !body.contains("NaN") && body.contains("empty"), "{}", shown.stdout);
        if let Some(seen) = browser::opened(&format!("runs-{runs}"), &page, "x") {
            assert_eq!(
                (&seen["errors"], seen["charts"].as_object().unwrap().is_empty()),
                (&json!([]), runs == 0),
                "{seen}"
            );
        }
    }
    for (arguments, why) in [
        (&["report", "--since", "soon"][..], "--since soon: not a day"),
        (&["report", "--since", "2030-01-01"], "is later than"),
        (&["report", "--as-of", "soon"], "not a day"),
        (&["report", "--json", "--markdown"], "cannot be used with"),
        (&["report", "--last", "0"], "invalid value"),
        (&["report", "--html", "no/such/page.html"], "there is no folder for no/such/page.html"),
        (&["report", "--markdown", ".titer"], ".titer is a folder"),
    ] {
        says(&repository.titer(arguments), 2, &[why]);
    }
}

#[test]
fn the_format_is_what_it_was() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/formats/report_v1.json");
    let text = fs::read_to_string(&golden).unwrap();
    // What an older titer wrote is read, and written again as it was.
    let report: Report = serde_json::from_str(&text).unwrap();
    assert_eq!((report.format.as_str(), report.line()), (FORMAT, text));
    assert_eq!(report.line(), made_up::report(8, 1).line(), "what is made up for this test has changed");
    agree(&[&golden]);
}
