//! Many writers, one ledger: nothing is lost, nothing is doubled, and the map is right afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fmt::Write;

use support::small::COMMAND;
use support::{Repository, newest, oldest};

const REPEATS: usize = 3;
const FILES: usize = 6;
const EACH: usize = 10;

/// Sixty tests in six files, each on a function of its own.
fn many() -> Repository {
    let mut files = vec![("pytest.ini".to_owned(), "[pytest]\n".to_owned())];
    for file in 0..FILES {
        let (mut code, mut tests) = (String::new(), format!("import code_{file}\n\n\n"));
        for number in 0..EACH {
            let _ = write!(code, "def f{number}():\n    return {number}\n\n\n");
            let _ = write!(tests, "def test_{number}():\n    assert code_{file}.f{number}() == {number}\n\n\n");
        }
        files.push((format!("code_{file}.py"), code));
        files.push((format!("test_{file}.py"), tests));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    Repository::with(newest(), &files)
}

/// Rows of outcomes: in all, different tests, runs.
fn counted(repository: &Repository) -> [usize; 3] {
    let told = repository.sql("SELECT 'counts:' || count(*) || ':' || count(DISTINCT test_id) || ':' || count(DISTINCT run_id) || ':' AS counts FROM outcomes");
    let mut numbers = told
        .split("counts:")
        .nth(1)
        .unwrap_or_else(|| panic!("{told}"))
        .split(':')
        .map_while(|number| number.parse().ok());
    [(); 3].map(|()| numbers.next().unwrap_or_else(|| panic!("{told}")))
}

/// One edit runs its one test, so the map that came of it all is right.
fn is_right(repository: &Repository, command: &[&str]) {
    repository.run(command).exits(0).ran_only(&[]);
    repository.replace("code_3.py", "return 7", "return 8");
    repository.run(command).exits(1).ran_only(&["test_3.py::test_7"]);
}

#[test]
fn two_runs_at_once_lose_nothing_and_double_nothing() {
    for _ in 0..REPEATS {
        let repository = many();
        let run = [&["run", "--"], COMMAND].concat();
        let (one, other) = (repository.start_titer(&run), repository.start_titer(&run));
        for ending in [one.wait(), other.wait()] {
            assert_eq!(ending.exits(0).warns_never().times().len(), FILES * EACH);
        }
        assert_eq!(counted(&repository), [2 * FILES * EACH, FILES * EACH, 2]);
        is_right(&repository, COMMAND);
    }
}

#[test]
fn eight_workers_on_one_ledger_lose_nothing_and_double_nothing() {
    let spread = [COMMAND, &["-n", "8"]].concat();
    for _ in 0..REPEATS {
        let repository = many();
        let ending = repository.run(&spread);
        assert_eq!(ending.exits(0).warns_never().times().len(), FILES * EACH);
        assert_eq!(counted(&repository), [FILES * EACH, FILES * EACH, 1]);
        is_right(&repository, &spread);
    }
}

#[test]
fn two_interpreters_at_once_keep_their_maps_apart() {
    let mut repository = many();
    let run = [&["run", "--"], COMMAND].concat();
    let one = repository.start_titer(&run);
    repository.interpreter = oldest();
    let other = repository.start_titer(&run);
    for ending in [one.wait(), other.wait()] {
        assert_eq!(ending.exits(0).warns_never().times().len(), FILES * EACH);
    }
    repository.run(COMMAND).exits(0).ran_only(&[]);
    repository.interpreter = newest();
    is_right(&repository, COMMAND);
}

#[test]
fn a_run_that_selects_beside_one_that_records_is_not_disturbed() {
    let repository = many();
    repository.run(COMMAND).exits(0);
    let record = [&["run", "--all", "--record", "--"], COMMAND].concat();
    let going = repository.start_titer(&record);
    for _ in 0..REPEATS {
        repository.run(COMMAND).exits(0).warns_never().ran_only(&[]);
    }
    assert_eq!(going.wait().exits(0).times().len(), FILES * EACH);
    is_right(&repository, COMMAND);
}
