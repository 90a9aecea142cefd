//! The many ways in which people start pytest: none of them may be worse off, and each selects.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;

use support::small::{ALL, COMMAND, FILES, WAITING, goes_on, project, selects};
use support::{Interpreter, Repository, newest, oldest};

const NOTHING: &[&str] = &[];
const B: &[&str] = &["test_b.py::test_b"];

fn both() -> [Interpreter; 2] {
    [newest(), oldest()]
}

/// The usual command with more behind it.
fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [COMMAND, more].concat()
}

/// Records with this command, then selects with it.
#[track_caller]
fn works(interpreter: Interpreter, command: &[&str]) {
    let repository = project(interpreter);
    repository.run(command).exits(0).ran_only(ALL).warns_never();
    selects(&repository, command);
}

#[track_caller]
fn works_on_both(command: &[&str]) {
    for interpreter in both() {
        works(interpreter, command);
    }
}

#[test]
fn the_script_selects() {
    works_on_both(&["pytest", "-q"]);
}

#[test]
fn python_with_the_module_selects() {
    works_on_both(&["python", "-m", "pytest"]);
}

#[test]
fn absolute_paths_select() {
    let interpreter = newest();
    let script = interpreter.programs.join("pytest").display().to_string();
    works(interpreter.clone(), &[&script, "-q"]);
    let python = interpreter.python().display().to_string();
    works(interpreter, &[&python, "-m", "pytest", "-q"]);
}

#[test]
fn an_interpreters_own_flags_select() {
    works(newest(), &["python", "-X", "dev", "-B", "-W", "ignore", "-m", "pytest", "-q"]);
}

#[test]
fn warnings_as_errors_select() {
    works_on_both(&with(&["-W", "error"]));
}

#[test]
fn strict_pytest_selects() {
    works(newest(), &with(&["--strict-markers", "--strict-config"]));
}

#[test]
fn workers_select() {
    works_on_both(&with(&["-n", "2"]));
    works(newest(), &with(&["-n2", "--dist", "loadfile"]));
}

#[test]
fn a_map_made_by_workers_serves_a_single_process_and_back() {
    let repository = project(newest());
    repository.run(&with(&["-n", "2"])).exits(0).ran_only(ALL);
    selects(&repository, COMMAND);
    selects(&repository, &with(&["-n", "2"]));
}

#[test]
fn plugins_that_are_not_loaded_by_themselves_are_no_matter() {
    for interpreter in both() {
        let mut repository = project(interpreter);
        repository.variables.insert("PYTEST_DISABLE_PLUGIN_AUTOLOAD".to_owned(), "1".to_owned());
        goes_on(&repository, COMMAND);
    }
}

#[test]
fn options_from_the_environment_are_kept() {
    let mut repository = project(newest());
    repository.variables.insert("PYTEST_ADDOPTS".to_owned(), "-k test_b".to_owned());
    repository.run(COMMAND).exits(0).ran_only(B);
    repository.variables.insert("PYTEST_ADDOPTS".to_owned(), "--mistyped".to_owned());
    repository.run(COMMAND).exits(4);
    repository.variables.clear();
    goes_on(&repository, COMMAND);
}

/// The small project as one service of several.
fn in_a_folder(interpreter: Interpreter) -> Repository {
    let files: Vec<(String, &str)> = FILES.iter().map(|(path, text)| (format!("svc/one/{path}"), *text)).collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    files.push(("svc/two/test_two.py", "def test_two():\n    assert True\n"));
    Repository::with(interpreter, &files)
}

#[test]
fn from_a_folder_within_the_repository_it_selects() {
    let repository = in_a_folder(newest());
    let run = [&["run", "-C", "svc/one", "--"], COMMAND].concat();
    repository.titer(&run).exits(0).ran_only(ALL);
    repository.titer(&run).exits(0).ran_only(NOTHING);
    repository.replace("svc/one/b.py", "return 2", "return 3");
    repository.titer(&run).exits(0).ran_only(B);
    // The ledger is the repository's.
    assert!(repository.path(".titer/ledger").is_dir() && !repository.path("svc/one/.titer").exists());
    let mut there = repository.command(env!("CARGO_BIN_EXE_titer"), &repository.path("svc/one"));
    there.args(["run", "--"]).args(COMMAND);
    support::Going::start(&repository, there).wait().exits(0).ran_only(NOTHING);
}

#[test]
fn a_project_root_within_the_repository_is_found() {
    for interpreter in both() {
        let repository = in_a_folder(interpreter);
        let command = with(&["svc/one"]);
        repository.run(&command).exits(0).ran_only(ALL);
        repository.run(&command).exits(0).ran_only(NOTHING);
        repository.replace("svc/one/b.py", "return 2", "return 3");
        repository.run(&command).exits(0).ran_only(B);
        let plan = repository.titer(&["plan", "--json"]);
        assert!(plan.stdout.contains("pytest::svc/one/test_b.py::test_b"), "{}", plan.stdout);
    }
}

#[test]
fn an_edit_next_door_runs_nothing() {
    let repository = in_a_folder(newest());
    let command = with(&["svc/one"]);
    repository.run(&command).exits(0).ran_only(ALL);
    repository.write("svc/two/test_two.py", "def test_two():\n    assert 1\n");
    repository.run(&command).exits(0).ran_only(NOTHING);
}

#[test]
fn ids_with_odd_characters_are_left_out_and_run_again() {
    let odd = r#"import pytest
from b import b

ODD = ["a::b", "x/y", "spa ce", "[br]ack", "ünï", "quo\"te", "it's", "new\nline", "", "back\\slash", "tab\t", "%d", "a#2", "日本", "-k", "\x00\x7f"]


@pytest.mark.parametrize("text", ODD)
def test_odd(text):
    assert b() > 0


@pytest.mark.parametrize("text", [b"\xff", None, 1.5, (1, 2), object], ids=lambda value: f"<{value!r}>")
def test_made(text):
    assert True
"#;
    for interpreter in both() {
        let repository = project(interpreter);
        repository.write("test_odd.py", odd);
        let whole = repository.run(COMMAND);
        whole.exits(0).warns_never();
        assert_eq!(whole.times().len(), 3 + 16 + 5, "{}", whole.stdout);
        repository.run(COMMAND).exits(0).ran_only(NOTHING);
        repository.replace("b.py", "return 2", "return 3");
        let again = repository.run(COMMAND);
        assert_eq!(again.exits(0).times().len(), 1 + 16, "{}", again.stdout);
    }
}

#[test]
fn the_same_test_twice_runs_twice_or_not_at_all() {
    let repository = project(newest());
    let command = with(&["--keep-duplicates", "test_b.py", "test_b.py"]);
    let times = repository.truth(&command).times();
    assert_eq!(repository.run(&command).exits(0).times(), times);
    repository.run(&command).exits(0).ran_only(NOTHING);
    repository.replace("b.py", "return 2", "return 3");
    assert_eq!(repository.run(&command).exits(0).times(), times);
}

#[test]
fn a_choice_by_name_takes_no_other_test_off_the_list() {
    for interpreter in both() {
        let repository = project(interpreter);
        repository.run(&with(&["-k", "test_b"])).exits(0).ran_only(B);
        repository.run(COMMAND).exits(0).ran_only(&["test_a.py::test_a", "test_a.py::test_plus"]);
        repository.run(COMMAND).exits(0).ran_only(NOTHING);
        repository.replace("a.py", "return 1", "return -1");
        repository.run(&with(&["-k", "test_b"])).exits(0).ran_only(NOTHING);
        repository.run(COMMAND).exits(1).ran_only(&["test_a.py::test_a"]);
    }
}

#[test]
fn a_choice_by_marker_or_by_path_takes_no_other_test_off_the_list() {
    for choice in [
        &["-m", "odd"][..],
        &["test_b.py"],
        &["test_b.py::test_b"],
        &["--deselect", "test_a.py"],
        &["--ignore=test_a.py"],
    ] {
        let repository = project(newest());
        repository.run(&with(choice)).exits(0).ran_only(B);
        let next = repository.run(COMMAND);
        next.exits(0);
        assert!(ALL[..2].iter().all(|test| next.ran().contains(*test)), "after {choice:?}: {next:?}");
        repository.run(COMMAND).exits(0).ran_only(NOTHING);
    }
}

#[test]
fn a_stop_at_the_first_failure_takes_no_later_test_off_the_list() {
    let repository = project(newest());
    repository.replace("a.py", "return 1", "return -1");
    repository.run(&with(&["-x"])).exits(1).ran_only(&["test_a.py::test_a"]);
    repository.replace("a.py", "return -1", "return 1");
    repository.run(&with(&["-x"])).exits(0).ran_only(ALL);
    repository.replace("a.py", "return 1", "return -1");
    repository.replace("b.py", "return 2", "return -2");
    repository.run(&with(&["-x"])).exits(1).ran_only(&["test_a.py::test_a"]);
    repository.replace("a.py", "return -1", "return 1");
    repository.run(COMMAND).exits(1).ran_only(&["test_a.py::test_a", "test_b.py::test_b"]);
}

#[test]
fn last_failures_first_or_alone_are_the_users_choice() {
    let repository = project(newest());
    let cached = ["python", "-m", "pytest", "-q"];
    let failed = [&cached[..], &["--lf"]].concat();
    repository.replace("b.py", "return 2", "return -2");
    repository.run(&cached).exits(1).ran_only(ALL);
    repository.run(&failed).exits(1).ran_only(B);
    repository.replace("b.py", "return -2", "return 2");
    repository.run(&failed).exits(0).ran_only(B);
    repository.run(&cached).exits(0).ran_only(NOTHING);
    repository.replace("a.py", "return 1", "return 4");
    repository.run(&[&cached[..], &["--ff"]].concat()).exits(0).ran_only(&["test_a.py::test_a"]);
}

#[test]
fn coverage_without_a_threshold_selects() {
    works(newest(), &with(&["--cov=.", "--cov-report="]));
}

#[test]
fn coverage_with_a_threshold_runs_everything_and_says_so() {
    for interpreter in both() {
        let repository = project(interpreter);
        let gate = with(&["--cov=.", "--cov-report=", "--cov-fail-under=20"]);
        repository.run(&gate).exits(0).ran_only(ALL);
        let again = repository.run(&gate);
        again.exits(0).ran_only(ALL);
        assert!(again.stderr.contains("coverage"), "{}", again.stderr);
        repository.write("pyproject.toml", "[tool.coverage.report]\nfail_under = 20\n");
        let configured = with(&["--cov=.", "--cov-report="]);
        repository.run(&configured).exits(0).ran_only(ALL);
        repository.run(&configured).exits(0).ran_only(ALL);
    }
}

#[test]
fn a_list_of_tests_is_whole_and_vouches_for_none() {
    let repository = project(newest());
    let list = with(&["--collect-only"]);
    let whole = repository.run(&list);
    whole.exits(0).ran_only(NOTHING);
    assert!(ALL.iter().all(|test| whole.stdout.contains(test)), "{}", whole.stdout);
    repository.run(COMMAND).exits(0).ran_only(ALL);
    let again = repository.run(&list);
    assert!(ALL.iter().all(|test| again.exits(0).stdout.contains(test)), "{}", again.stdout);
    selects(&repository, COMMAND);
}

#[test]
fn questions_that_run_no_test_are_answered() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0);
    for question in ["--version", "--help", "--markers", "--fixtures"] {
        let bare = repository.truth(&with(&[question]));
        let answered = repository.run(&with(&[question]));
        assert_eq!(
            (answered.code, answered.stdout.is_empty()),
            (bare.code, bare.stdout.is_empty()),
            "{question}: {answered:?}"
        );
    }
    selects(&repository, COMMAND);
}

#[test]
fn a_mistyped_flag_is_pytests_to_answer_even_with_nothing_to_run() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0);
    repository.run(&with(&["--tb=mistyped"])).exits(4);
    repository.run(&with(&["--mistyped"])).exits(4);
    repository
        .run(&with(&["-p", "no_such_plugin"]))
        .exits(repository.truth(&with(&["-p", "no_such_plugin"])).code.unwrap());
    selects(&repository, COMMAND);
}

#[test]
fn no_tests_is_5_where_pytest_says_so_and_0_where_titer_left_them_out() {
    for interpreter in both() {
        let repository = project(interpreter);
        let none = with(&["-k", "matches_nothing"]);
        repository.run(&none).exits(5);
        repository.run(COMMAND).exits(0).ran_only(ALL);
        repository.run(&none).exits(5).ran_only(NOTHING);
        repository.run(COMMAND).exits(0).ran_only(NOTHING);
        // An output file is asked for, so pytest starts and finds nothing to run.
        let file = repository.beside("out/junit.xml").display().to_string();
        repository.run(&with(&["--junitxml", &file])).exits(0).ran_only(NOTHING);
        assert!(fs::read_to_string(&file).unwrap().contains("<testsuite"));
        repository.run(&with(&["-n", "2", "--junitxml", &file])).exits(0).ran_only(NOTHING);
    }
}

#[test]
fn the_report_lists_what_was_left_out_and_why() {
    let repository = project(newest());
    let file = repository.beside("out/titer.xml");
    let run = [&["run", "--junit", file.to_str().unwrap(), "--"], COMMAND].concat();
    repository.titer(&run).exits(0).ran_only(ALL);
    assert!(!fs::read_to_string(&file).unwrap().contains("<skipped"));
    repository.replace("b.py", "return 2", "return -2");
    repository.titer(&run).exits(1).ran_only(B);
    let report = fs::read_to_string(&file).unwrap();
    assert_eq!(
        (report.matches("<testcase").count(), report.matches("<skipped").count(), report.matches("<failure").count()),
        (3, 2, 1),
        "{report}"
    );
    assert!(report.matches("untouched").count() >= 2, "{report}");
    repository.replace("b.py", "return -2", "return 2");
    repository.titer(&run).exits(0);
    repository.titer(&run).exits(0).ran_only(NOTHING);
    let report = fs::read_to_string(&file).unwrap();
    assert_eq!((report.matches("<testcase").count(), report.matches("<skipped").count()), (3, 3), "{report}");
}

#[test]
fn pytest_run_by_a_test_is_the_tests_own() {
    let nested = r#"pytest_plugins = ["pytester"]


def test_nested(pytester):
    pytester.makepyfile(test_inner="def test_one(): pass\ndef test_two(): pass")
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_nested_child(pytester):
    pytester.makepyfile(test_inner="def test_one(): pass\ndef test_two(): assert 0")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1, failed=1)
"#;
    for interpreter in both() {
        let repository = project(interpreter);
        repository.write("test_nested.py", nested);
        // The witness also hears the child that a test starts; what counts is that nothing nested was left out.
        let first = repository.run(COMMAND);
        first.exits(0).warns_never();
        assert!(first.ran().contains("test_nested.py::test_nested_child"), "{first:?}");
        repository.run(COMMAND).exits(0).ran_only(NOTHING);
        let known = repository.sql("SELECT DISTINCT test_id FROM outcomes");
        assert!(known.contains("test_nested") && !known.contains("test_inner"), "{known}");
        repository.replace("test_nested.py", "passed=2", "passed=1");
        repository.run(COMMAND).exits(1);
    }
}

#[test]
fn another_argument_is_another_variant() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0).ran_only(ALL);
    repository.run(&with(&["--import-mode=importlib", "-o", "pythonpath=."])).exits(0).ran_only(ALL);
    for free in [&["-v"][..], &["--tb=short"], &["-rA"], &["-s"], &["--durations=3"], &["--color=yes"]] {
        repository.run(&with(free)).exits(0).ran_only(NOTHING);
    }
    selects(&repository, COMMAND);
}

#[test]
fn another_interpreter_is_another_variant() {
    let mut repository = project(newest());
    repository.run(COMMAND).exits(0).ran_only(ALL);
    repository.interpreter = oldest();
    repository.run(COMMAND).exits(0).ran_only(ALL);
    selects(&repository, COMMAND);
    repository.interpreter = newest();
    selects(&repository, COMMAND);
}

#[test]
fn what_is_asked_of_titer_is_done() {
    let repository = project(newest());
    repository.titer(&[&["run", "--no-record", "--"], COMMAND].concat()).exits(0).ran_only(ALL);
    repository.titer(&[&["run", "--record", "--"], COMMAND].concat()).exits(0).ran_only(ALL);
    repository.run(COMMAND).exits(0).ran_only(NOTHING);
    repository.titer(&[&["run", "--all", "--"], COMMAND].concat()).exits(0).ran_only(ALL);
    repository.run(COMMAND).exits(0).ran_only(NOTHING);
}

#[test]
fn bytecode_and_caches_that_a_run_leaves_behind_are_no_change() {
    for interpreter in both() {
        let mut repository = project(interpreter);
        repository.variables.insert("PYTHONDONTWRITEBYTECODE".to_owned(), String::new());
        repository.write(
            "test_list.py",
            "import os\n\n\ndef test_list():\n    assert os.listdir('.') and sorted(os.scandir('tools'), key=str)\n",
        );
        repository.write("tools/one.py", "");
        repository.write("tools/conftest.py", "");
        let command = ["python", "-m", "pytest", "-q"];
        repository.run(&command).exits(0);
        assert!(repository.path("__pycache__").is_dir() && repository.path(".pytest_cache").is_dir());
        repository.run(&command).exits(0).ran_only(NOTHING);
        repository.replace("b.py", "return 2", "return 3");
        repository.run(&command).exits(0).ran_only(B);
        repository.write("tools/two.py", "");
        repository.run(&command).exits(0).ran_only(&["test_list.py::test_list"]);
    }
}

#[test]
fn what_git_ignores_and_the_virtual_environment_are_no_change() {
    let repository = project(newest());
    repository.write(".gitignore", ".venv/\n*.log\n");
    repository.write(".venv/pyvenv.cfg", "home = /nowhere\n");
    repository.write(".venv/lib/python3.13/site-packages/thing/__init__.py", "x = 1\n");
    repository.run(COMMAND).exits(0).ran_only(ALL);
    repository.write(".venv/lib/python3.13/site-packages/thing/__init__.py", "x = 2\n");
    repository.write("debug.log", "x\n");
    repository.run(COMMAND).exits(0).ran_only(NOTHING);
}

#[test]
fn the_output_is_the_runners_and_titer_talks_beside_it() {
    let repository = project(newest());
    let bare = repository.truth(COMMAND);
    let ending = repository.run(COMMAND);
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    assert_eq!(first(&ending.stdout), first(&bare.stdout));
    assert!(
        !ending.stdout.contains("titer") && ending.stderr.lines().all(|line| line.starts_with("titer: ")),
        "{ending:?}"
    );
}

#[test]
fn a_skipped_test_stays_out_only_while_its_condition_stays() {
    let mut repository = Repository::with(newest(), &[FILES, WAITING].concat());
    repository.write("test_skip.py", "import os\n\nimport pytest\n\n\ndef test_skip():\n    if 'BIG' not in os.environ:\n        pytest.skip('small')\n    assert False\n");
    repository.run(COMMAND).exits(0);
    repository.run(COMMAND).exits(0).ran_only(NOTHING);
    repository.variables.insert("BIG".to_owned(), "1".to_owned());
    repository.run(COMMAND).exits(1).ran_only(&["test_skip.py::test_skip"]);
}
