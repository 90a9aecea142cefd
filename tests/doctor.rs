//! `titer doctor` names each missing piece with the next step, and the files that differ at every commit with their line for
//! `titer.toml`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;

use serde_json::Value;
use support::jest_project::{Packages, Project};
use support::small::{COMMAND, project};
use support::{Repository, newest, oldest};

/// What is wrong: part and sentence, each with its next step.
#[track_caller]
fn wrong(repository: &Repository) -> Vec<(String, String, String)> {
    let told = repository.titer(&["doctor", "--json"]);
    let rows: Vec<Value> = told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let word = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let wrong: Vec<_> = rows.iter().filter(|row| row["wrong"] == true).collect();
    told.exits(i32::from(!wrong.is_empty()));
    wrong.iter().map(|row| (word(row, "part"), word(row, "what"), word(row, "next"))).collect()
}

#[track_caller]
fn only_wrong(repository: &Repository, part: &str, what: &str, next: &str) {
    let found = wrong(repository);
    let one = found.len() == 1 && found[0].0 == part && found[0].1.contains(what) && found[0].2.contains(next);
    assert!(one, "{found:#?}");
}

#[test]
fn a_new_project_is_told_to_run_its_tests_and_then_all_is_well() {
    for interpreter in [newest(), oldest()] {
        let repository = project(interpreter);
        only_wrong(&repository, "ledger", "everything runs", "titer run -- pytest");
        assert!(!repository.path(".titer").exists(), "the doctor leaves no trace in the project");
        repository.run(COMMAND).exits(0);
        assert_eq!(wrong(&repository), []);
        let told = repository.titer(&["doctor"]);
        assert!(told.exits(0).stdout.contains("3 of 3 tests recorded under 1 variant"), "{}", told.stdout);
        // What is only missing is no fault, and has its next step, too.
        let lacks = told.stdout.lines().filter(|line| line.starts_with("lacks ")).count();
        assert_eq!(told.stdout.matches(" next: ").count(), lacks, "{}", told.stdout);
    }
}

/// What is only missing: part and sentence.
fn lacking(repository: &Repository) -> Vec<String> {
    let told = repository.titer(&["doctor", "--json"]);
    let rows = told.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let rows: Vec<Value> = rows.filter(|row| row["lacking"] == true).collect();
    assert!(rows.iter().all(|row| row["next"].is_string() && row["wrong"] == false), "{rows:?}");
    rows.iter().map(|row| row["part"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_missing_piece_is_one_line_until_it_is_there() {
    let repository = project(newest());
    let guards = lacking(&repository).into_iter().filter(|part| part == "guards");
    // Whether untrusted code can be held is this machine's affair.
    let guards: Vec<String> = guards.collect();
    let lacks = |parts: &[&str]| {
        let expected: Vec<String> = parts.iter().map(|part| (*part).to_owned()).chain(guards.clone()).collect();
        assert_eq!(lacking(&repository), expected);
    };
    lacks(&["ledger", "ci", "sources", "records"]);
    repository.write(".github/workflows/test.yml", "# titer run\njobs:\n  a:\n    steps:\n      - run: pytest\n");
    lacks(&["ledger", "ci", "sources", "records"]);
    repository.write(".github/workflows/test.yml", "jobs:\n  a:\n    steps:\n      - run: titer run -- pytest\n");
    lacks(&["ledger", "ci", "sources", "records"]);
    let told = repository.titer(&["doctor"]);
    assert!(told.stdout.contains("has the weekly job, so escapes"), "{}", told.stdout);
    repository.titer(&["init", "--ci", "github"]).exits(0);
    lacks(&["sources", "records"]);
    repository.write("titer.toml", "[[source]]\ntracker = \"bugsink\"\nurl = \"http://127.0.0.1:1\"\nproject = \"1\"\n[audit]\nsealer = \"example.org/log+1+x\"\n");
    lacks(&[]);
}

#[test]
fn outcomes_without_a_recording_are_no_map() {
    let repository = project(newest());
    repository.titer(&[&["run", "--no-record", "--"], COMMAND].concat()).exits(0);
    only_wrong(&repository, "map", "3 tests are known and what they depend on is not", "--record");
}

#[test]
fn a_configuration_that_is_not_understood_is_named_with_its_line() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0);
    repository.write("titer.toml", "inert = []\nvolatil = [\"a.py\"]\n");
    only_wrong(&repository, "configuration", "titer.toml:2: unknown field `volatil`", "README");
}

#[test]
fn a_folder_without_git_is_told_of_it() {
    let repository = Repository::bare(newest());
    repository.write("pytest.ini", "[pytest]\n");
    repository.write("test_a.py", "def test_a():\n    pass\n");
    repository.run(COMMAND).exits(0);
    only_wrong(&repository, "repository", "git knows no repository", "git init");
}

#[test]
fn damage_in_the_ledger_is_named() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0);
    repository.keep("whole");
    let outcomes = walkdir::WalkDir::new(repository.path(".titer/ledger/segments/outcomes")).into_iter().flatten();
    let segment = outcomes.into_iter().find(|entry| entry.file_type().is_file()).unwrap();
    fs::write(segment.path(), b"torn").unwrap();
    let found = wrong(&repository);
    assert!(found.iter().any(|(part, what, _)| part == "ledger" && what.contains("outcomes")), "{found:?}");
    repository.restore("whole");
    for name in fs::read_dir(repository.path(".titer/ledger/snapshots")).unwrap().map(Result::unwrap) {
        fs::write(name.path(), b"torn").unwrap();
    }
    // The lens still tells of the segment: segments never change, so it is not built anew.
    let found = wrong(&repository);
    assert!(
        found.iter().any(|(_, what, next)| what.contains("snapshot") && next.contains("run your tests once")),
        "{found:?}"
    );
}

#[test]
fn where_a_run_would_not_record_the_doctor_says_why() {
    let mut repository = project(newest());
    repository.run(COMMAND).exits(0);
    repository.variables.insert("CI".to_owned(), "true".to_owned());
    only_wrong(&repository, "recording", "does not know this CI system", "default_branch");
    repository.write("titer.toml", "default_branch = \"trunk\"\n");
    let told = repository.titer(&["doctor"]);
    assert!(told.exits(0).stdout.contains("main is not the default branch trunk"), "{}", told.stdout);
}

#[test]
fn a_recording_that_is_not_used_is_named_with_the_reason() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0);
    let takes = "import sys\n\nfor tool in range(6):\n    sys.monitoring.use_tool_id(tool, 'theirs')\n";
    repository.write("conftest.py", takes);
    repository.run(COMMAND).exits(0);
    only_wrong(&repository, "map", "tool ids of sys.monitoring", "run once more");
}

#[test]
fn an_interpreter_that_is_gone_is_named() {
    let mut repository = project(newest());
    repository.variables.insert("PATH".to_owned(), "/nowhere".to_owned());
    let found = wrong(&repository);
    assert!(found.iter().any(|(part, what, _)| part == "runner" && what.contains("no Python on PATH")), "{found:?}");
}

/// A package whose version is another one at every commit, as `setuptools_scm` makes it.
fn versioned(ignored: bool) -> Repository {
    let repository = project(newest());
    repository.write("pkg/__init__.py", "from pkg._version import version\n\n\ndef name():\n    return 'pkg'\n");
    repository.write("test_pkg.py", "import pytest\n\nimport pkg\n\n\n@pytest.mark.parametrize('n', range(7))\ndef test_pkg(n):\n    assert pkg.name()\n");
    if ignored {
        repository.write(".gitignore", "_version.py\n");
    }
    repository
}

fn commit(repository: &Repository, number: usize) {
    repository.write("pkg/_version.py", format!("version = \"0.{number}\"\n"));
    // Each commit changes something, also where git does not see the version.
    repository.write("notes.md", format!("{number}\n"));
    repository.commit("next");
}

#[test]
fn a_file_that_differs_at_every_commit_is_named_with_its_line_and_the_line_works() {
    for ignored in [false, true] {
        let repository = versioned(ignored);
        for number in 0..6 {
            commit(&repository, number);
            assert_eq!(wrong(&repository).iter().filter(|(part, ..)| part == "volatile").count(), 0);
            let ran = repository.run(COMMAND);
            assert_eq!(ran.exits(0).times().len(), if number == 0 { 10 } else { 7 }, "{}", ran.stderr);
        }
        only_wrong(&repository, "volatile", "pkg/_version.py differed", "volatile = [\"pkg/_version.py\"]");
        repository.write("titer.toml", "volatile = [\"pkg/_version.py\"]\n");
        assert_eq!(wrong(&repository), []);
        let told = repository.titer(&["explain", "pkg/_version.py"]);
        assert!(told.exits(0).stdout.contains("volatile by titer.toml"), "{}", told.stdout);
        repository.run(COMMAND).exits(0).ran_only(&[]);
        commit(&repository, 7);
        repository.run(COMMAND).exits(0).ran_only(&[]);
        repository.replace("pkg/__init__.py", "return 'pkg'", "return ''");
        assert_eq!(repository.run(COMMAND).exits(1).times().len(), 7);
        repository.replace("pkg/__init__.py", "return ''", "return 'pkg'");
        repository.delete("titer.toml");
        commit(&repository, 8);
        assert_eq!(repository.run(COMMAND).exits(0).times().len(), 7, "without the line it has its say again");
    }
}

#[test]
fn an_opaque_test_does_not_mind_a_volatile_path_and_does_mind_another() {
    let mut repository = versioned(false);
    // Whatever a test starts makes it opaque there.
    repository.variables.insert("TITER_TRACE".to_owned(), "0".to_owned());
    repository.write(
        "test_opaque.py",
        "import subprocess\n\n\ndef test_opaque():\n    subprocess.run(['git', '--version'], check=True)\n",
    );
    repository.write("titer.toml", "volatile = [\"**/_version.py\"]\n");
    commit(&repository, 0);
    repository.run(COMMAND).exits(0);
    commit(&repository, 1);
    repository.run(COMMAND).exits(0).ran_only(&[]);
    repository.replace("b.py", "return 2", "return 3");
    repository.run(COMMAND).exits(0).ran_only(&["test_b.py::test_b", "test_opaque.py::test_opaque"]);
}

#[test]
fn a_package_with_jest_is_told_whether_titer_gets_in_and_nothing_of_python() {
    let jest = Project::new(Packages::Newest);
    let repository = &jest.repository;
    repository.write("package.json", r#"{"name":"a","jest":{"transform":{}}}"#);
    repository.write("a.test.js", "test('a', () => {});\n");
    repository.commit("first");
    only_wrong(repository, "ledger", "everything runs", "titer run -- pytest");
    repository.run(&["node_modules/.bin/jest"]).exits(0);
    assert_eq!(wrong(repository), []);
    let told = repository.titer(&["doctor"]);
    assert!(told.stdout.contains("with jest 30") && !told.stdout.contains("ython"), "{}", told.stdout);
    repository.delete("node_modules");
    repository.write("node_modules/jest/package.json", r#"{"version":"26.6.3"}"#);
    only_wrong(repository, "runner", "jest 26.6.3 is older", "29 or newer");
}
