//! `titer learn junit` with the reports that pytest, jest-junit and nextest write: every outcome becomes one of a test of the repository, or is
//! counted with the reason why not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may stop at once; it starts programs and writes files"
)]

mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use support::{Interpreter, Repository};

/// A repository with the files that the reports speak of; the reports lie in `reports/`.
fn repository() -> Repository {
    let repository = Repository::bare(Interpreter { programs: PathBuf::from("/usr/bin") });
    for path in ["svc/tests/__init__.py", "svc/tests/test_shop.py", "test/shop.test.js", "src/lib.rs"] {
        repository.write(path, "");
    }
    repository.git(&["init", "-q", "-b", "main"]);
    repository.commit("first");
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/junit");
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        repository.write(&format!("reports/{name}"), fs::read(entry.path()).unwrap());
    }
    repository
}

/// The one column `line` of a query.
fn lines(repository: &Repository, query: &str) -> Vec<String> {
    let told = repository.titer(&["sql", "--json", query]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let rows: Vec<Value> = serde_json::from_str(&told.stdout).unwrap();
    rows.iter().map(|row| row["line"].as_str().unwrap().to_owned()).collect()
}

const OUTCOMES: &str =
    "SELECT CONCAT_WS(' ', test_id, attempt, outcome) AS line FROM outcomes ORDER BY test_id, attempt, outcome";

#[test]
fn both_families_of_pytests_reports_tell_every_test_by_its_id() {
    for family in ["reports/pytest-xunit1.xml", "reports/pytest-xunit2.xml"] {
        let repository = repository();
        let told = repository.titer(&["learn", "junit", family]);
        assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
        assert_eq!(told.stdout, "learned 10 outcomes of 10 tests from 1 report (2026-11-21 to 2026-11-21)\n");
        let wanted = [
            "TestBasket::TestInner::test_deep 1 passed",
            "TestBasket::test_each[a.b] 1 passed",
            "TestBasket::test_each[c::d] 1 passed",
            "TestBasket::test_fails 1 failed",
            "test_better_than_expected 1 passed",
            "test_expected 1 xfailed",
            "test_plain 1 passed",
            "test_skipped 1 skipped",
            "test_torn_down 1 error",
            "test_without_setup 1 error",
        ];
        assert_eq!(lines(&repository, OUTCOMES), wanted.map(|name| format!("pytest::svc/tests/test_shop.py::{name}")));
        let runs =
            "SELECT CONCAT_WS(' ', runner, command, started_at, exit_code, tests_run, is_recorded) AS line FROM runs";
        let row = lines(&repository, runs).pop().unwrap();
        assert!(row.starts_with("pytest junit 2026-11-21 22:03:3") && row.ends_with(" 1 10 false"), "{row}");
    }
}

#[test]
fn nextests_report_tells_programs_and_attempts() {
    let repository = repository();
    let told = repository.titer(&["learn", "junit", "reports/nextest.xml"]);
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
    let wanted = [
        "cargo::shop::lib::tests::fails 1 failed",
        "cargo::shop::lib::tests::fails 2 failed",
        "cargo::shop::lib::tests::flaky 1 failed",
        "cargo::shop::lib::tests::flaky 2 passed",
        "cargo::shop::lib::tests::works 1 passed",
        "cargo::shop::test/cli::same 1 passed",
    ];
    assert_eq!(lines(&repository, OUTCOMES), wanted);
    assert_eq!(lines(&repository, "SELECT test_id AS line FROM flakes"), ["cargo::shop::lib::tests::flaky"]);
}

#[test]
fn jests_titles_are_told_where_the_report_tells_them_and_the_others_are_counted_with_the_reason() {
    let repository = repository();
    let told = repository.titer(&["learn", "junit", "reports/jest-apart.xml"]);
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
    let wanted = [
        "jest::test/shop.test.js::alone 1 passed",
        "jest::test/shop.test.js::shop > basket > adds two 1 passed",
        "jest::test/shop.test.js::shop > basket > fails 1 failed",
        "jest::test/shop.test.js::shop > later 1 passed",
        "jest::test/shop.test.js::shop > not today 1 skipped",
    ];
    assert_eq!(lines(&repository, OUTCOMES), wanted);
    let told = repository.titer(&["learn", "junit", "reports/jest-filepath.xml", "reports/jest-default.xml"]);
    assert_eq!(told.code, Some(0));
    assert_eq!(told.stdout, "learned 1 outcome of 1 test from 1 report (2026-11-21 to 2026-11-21)\n");
    let warnings: Vec<&str> = told.stderr.lines().collect();
    assert_eq!(warnings.len(), 2, "{}", told.stderr);
    assert!(
        warnings[0].starts_with("titer: warning: 5 outcomes of jest not mapped: their names lead to no file"),
        "{}",
        warnings[0]
    );
    assert!(
        warnings[1].starts_with("titer: warning: 4 outcomes of jest not mapped: the report runs titles together"),
        "{}",
        warnings[1]
    );
}

#[test]
fn the_same_report_learned_twice_counts_once_wherever_it_lies() {
    let repository = repository();
    repository.titer(&["learn", "junit", "reports/pytest-xunit1.xml", "reports/nextest.xml"]);
    let before = lines(&repository, OUTCOMES);
    fs::rename(repository.path("reports/nextest.xml"), repository.path("reports/moved.xml")).unwrap();
    let told = repository.titer(&["learn", "junit", "reports/pytest-xunit1.xml", "--at", "2020-01-01"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(0), "nothing new: 1 report known already\n"));
    let told = repository.titer(&["learn", "junit", "reports/moved.xml", "reports/pytest-xunit2.xml"]);
    assert_eq!(
        told.stdout,
        "learned 10 outcomes of 10 tests from 1 report (2026-11-21 to 2026-11-21); 1 report known already\n"
    );
    assert_eq!(lines(&repository, OUTCOMES).len(), before.len() + 10);
    assert_eq!(lines(&repository, "SELECT segment AS line FROM segment_problems"), [""; 0]);
}

#[test]
fn a_report_that_tells_no_runner_or_no_time_asks_for_it() {
    let repository = repository();
    let text = "<testsuite name='x'><testcase classname='svc.tests.test_shop' name='test_a' time='1.5'/></testsuite>";
    repository.write("reports/bare.xml", text);
    let told = repository.titer(&["learn", "junit", "reports/bare.xml"]);
    assert_eq!(told.code, Some(3));
    assert!(
        told.stderr.contains("reports/bare.xml does not tell which runner") && told.stderr.contains("--runner pytest"),
        "{}",
        told.stderr
    );
    let told = repository.titer(&["learn", "junit", "reports/bare.xml", "--runner", "pytest"]);
    assert_eq!(told.code, Some(3));
    assert!(
        told.stderr.contains("does not tell when") && told.stderr.contains("hint: say so: --at"),
        "{}",
        told.stderr
    );
    let told = repository.titer(&["learn", "junit", "reports/bare.xml", "--runner", "pytest", "--at", "2026-02-30"]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    let told = repository.titer(&["learn", "junit", "reports/bare.xml", "--runner", "pytest", "--at", "2025-02-03"]);
    assert_eq!(told.stdout, "learned 1 outcome of 1 test from 1 report (2025-02-03 to 2025-02-03)\n");
    let row = "SELECT CONCAT_WS(' ', test_id, ended_at, duration_us) AS line FROM outcomes";
    assert_eq!(lines(&repository, row), ["pytest::svc/tests/test_shop.py::test_a 2025-02-03 00:00:00 1500000"]);
}

#[test]
fn a_broken_report_costs_only_itself() {
    let repository = repository();
    let whole = fs::read(repository.path("reports/pytest-xunit1.xml")).unwrap();
    repository.write("reports/half.xml", &whole[..whole.len() / 2]);
    repository.write("reports/no.xml", "not a report");
    let files = ["reports/half.xml", "reports/no.xml", "reports/gone.xml", "reports/nextest.xml"];
    let told = repository.titer(&[&["learn", "junit"], files.as_slice()].concat());
    assert_eq!(told.code, Some(3));
    assert!(told.stdout.starts_with("learned 6 outcomes of 4 tests from 1 report"), "{}", told.stdout);
    assert!(told.stderr.starts_with("titer: error: reports/half.xml is no whole JUnit report: "), "{}", told.stderr);
    assert!(told.stderr.contains("hint: 2 other reports cannot be read either"), "{}", told.stderr);
    assert_eq!(lines(&repository, "SELECT runner AS line FROM runs"), ["cargo"]);
}

#[test]
fn what_ended_before_titer_has_no_say_in_what_runs_now() {
    let repository = repository();
    repository.titer(&["learn", "junit", "reports/pytest-xunit1.xml"]);
    let told = repository.titer(&["explain", "pytest::svc/tests/test_shop.py::TestBasket::test_fails"]);
    assert!(!told.stdout.contains("failed-last-time"), "{}", told.stdout);
    let told = repository.titer(&["run", "--", "true"]);
    assert!(!told.stderr.contains("snapshot"), "{}", told.stderr);
}
