//! Projects that trace, profile, debug or measure themselves: they see what they see without us, and nothing that they break is
//! left out, whoever took whose place.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, says what it could not test, and it starts programs"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::{Ending, Repository, interpreters};

const COMMAND: &[&str] = &["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"];
const BEFORE: &str = "test_0_before.py::test_before";

/// Takes every tool id and gives none back.
const HOG: &str = "import sys\n\nif hasattr(sys, 'monitoring'):\n    for tool in range(6):\n        \
                   sys.monitoring.use_tool_id(tool, 'theirs')\n";

fn outcomes(ending: &Ending) -> BTreeMap<(String, String), String> {
    ending.reports.iter().map(|r| ((r.id.clone(), r.when.clone()), r.outcome.clone())).collect()
}

fn project(pair: (u32, u32)) -> Option<Repository> {
    let Some(interpreter) = interpreters::of_matrix(pair.0, pair.1) else {
        eprintln!("NOT TESTED: no environment of CPython 3.{} with pytest {}", pair.0, pair.1);
        return None;
    };
    let made = Repository::bare(interpreter);
    made.copy_in("testdata/pytest-matrix/tracers");
    made.git(&["init", "-q", "-b", "main"]);
    made.commit("first");
    Some(made)
}

/// The whole suite comes to what it comes to without titer.
#[track_caller]
fn agrees(repository: &Repository, command: &[&str]) -> (Ending, Ending) {
    let (bare, ending) = (repository.truth(command), repository.run(command));
    let differences: Vec<_> =
        outcomes(&ending).into_iter().filter(|(test, outcome)| outcomes(&bare).get(test) != Some(outcome)).collect();
    assert!(
        differences.is_empty(),
        "{differences:?}\nbare: {}\ntiter: {}{}",
        bare.stdout,
        ending.stdout,
        ending.stderr
    );
    assert_eq!(ending.code, bare.code, "{}{}", ending.stdout, ending.stderr);
    let missed: Vec<_> = bare.failing().difference(&ending.ran()).cloned().collect();
    assert!(missed.is_empty(), "MISS {missed:?}\n{}", ending.stderr);
    (bare, ending)
}

/// Records, then breaks what ran under somebody else's tracer, and what ran after it.
fn holds_for(pair: (u32, u32), more: &[&str]) {
    let Some(repository) = project(pair) else { return };
    let command = [COMMAND, more].concat();
    let (bare, first) = agrees(&repository, &command);
    assert_eq!(bare.code, Some(0), "the project itself is broken: {}", bare.stdout);
    assert_eq!(outcomes(&first).len(), outcomes(&bare).len(), "{}", first.stderr);
    for (old, new) in [("return 2", "return -2"), ("return 3", "return -3")] {
        repository.replace("lib.py", old, new);
        let (broken, ending) = agrees(&repository, &command);
        assert!(!broken.failing().is_empty());
        assert!(!ending.ran().contains(BEFORE), "nobody traces {BEFORE} but us: {}", ending.stderr);
        repository.replace("lib.py", new, old);
    }
}

#[test]
fn python_3_9_programs_that_trace_themselves_see_nobody_else() {
    holds_for((9, 8), &[]);
}

#[test]
fn python_3_11_programs_that_trace_themselves_see_nobody_else() {
    holds_for((11, 9), &[]);
}

#[test]
fn python_3_13_programs_that_trace_themselves_see_nobody_else() {
    holds_for((13, 9), &[]);
}

#[test]
fn python_3_14_programs_that_trace_themselves_see_nobody_else() {
    holds_for((14, 9), &[]);
}

#[test]
fn workers_whose_tests_trace_themselves_agree_with_bare_pytest() {
    holds_for((11, 7), &["-n2", "--dist", "loadfile"]);
    holds_for((13, 8), &["-n2", "--dist", "loadfile"]);
}

#[test]
fn a_project_that_takes_every_tool_gets_them_and_runs_whole() {
    let Some(repository) = project((13, 9)) else { return };
    repository.delete("test_3_monitoring.py");
    // coverage and cProfile would find none free either.
    repository.delete("test_2_tools.py");
    repository.write("conftest.py", HOG);
    for _ in 0..2 {
        let (bare, ending) = agrees(&repository, COMMAND);
        assert_eq!((bare.code, ending.ran()), (Some(0), bare.ran()), "{}", ending.stderr);
        assert!(ending.stderr.contains("tool ids"), "{}", ending.stderr);
    }
}

#[test]
fn where_no_tool_is_free_from_the_start_everything_runs_and_that_is_said() {
    let Some(mut repository) = project((13, 9)) else { return };
    repository.delete("test_3_monitoring.py");
    repository.delete("test_2_tools.py");
    std::fs::create_dir(repository.beside("hog")).unwrap();
    std::fs::write(repository.beside("hog/sitecustomize.py"), HOG).unwrap();
    let path = format!("{}:{}", repository.beside("witness").display(), repository.beside("hog").display());
    repository.variables.insert("PYTHONPATH".to_owned(), path);
    for _ in 0..2 {
        let (bare, ending) = agrees(&repository, COMMAND);
        assert_eq!((bare.code, ending.ran()), (Some(0), bare.ran()), "{}", ending.stderr);
        assert!(ending.stderr.contains("tool ids"), "{}", ending.stderr);
    }
    repository.replace("lib.py", "return 3", "return -3");
    let (_, ending) = agrees(&repository, COMMAND);
    let all: BTreeSet<String> = repository.truth(COMMAND).ran();
    assert_eq!(ending.ran(), all, "{}", ending.stderr);
}
