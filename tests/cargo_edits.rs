//! Every kind of edit that selectors of Rust tests get wrong: no test that breaks may be left out, and no more may run than must.
//!
//! The cases are data: `testdata/cargo-edits/*.toml`, one test each.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::cargo_edits::{Case, folder, titer_is_tried};
use support::cargo_project::Project;
use support::newest;

fn try_edits(name: &str) {
    let wrong = Case::read(name).try_edits();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Functions are recorded inside of what the crates say: the same edits, and never more tests.
fn try_edits_with_functions(name: &str) {
    if !titer_is_tried() {
        return;
    }
    let wrong = Case::read(name).try_edits_with_functions();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

macro_rules! cases_with_functions {
    ($($name:ident)*) => {
        mod with_functions {
            $(#[test] fn $name() { super::try_edits_with_functions(stringify!($name)); })*
        }
    };
}

cases_with_functions! {
    a_crate_counts_for_all_that_is_built_from_it
    examples_in_documentation_are_tests
    places_in_the_source_count_where_code_asks_for_them
    what_a_test_looks_at_counts_while_it_runs
    what_is_compiled_in_counts_with_the_code
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test] fn $name() { try_edits(stringify!($name)); })*
        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    a_body_counts_for_whoever_ran_it
    a_build_may_look_at_anything
    a_change_to_the_tests_themselves_runs_just_them
    a_crate_counts_for_all_that_is_built_from_it
    a_feature_may_be_switched_on_from_anywhere
    an_edit_that_changes_no_behaviour_runs_nothing
    configuration_counts_for_everything_it_builds
    documentation_reaches_its_examples_alone
    examples_in_documentation_are_tests
    names_may_come_to_mean_something_else
    places_in_the_source_count_where_code_asks_for_them
    targets_may_be_anywhere_and_of_any_kind
    what_a_test_looks_at_counts_while_it_runs
    what_is_compiled_in_counts_with_the_code
    what_is_not_counted_counts_for_all
    what_runs_out_of_sight_counts_all_the_same
}

#[test]
fn every_case_file_has_a_test() {
    let files: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, CASES.iter().map(|name| (*name).to_owned()).collect());
}

const PYTEST: &[&str] = &["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "py"];
const CARGO: &[&str] = &["cargo", "test", "--no-fail-fast", "--manifest-path", "rs/Cargo.toml"];
const POLYGLOT: &[(&str, &str)] = &[
    (".gitignore", "target\n"),
    (
        "py/pyproject.toml",
        "[project]\nname = \"thing\"\nversion = \"1\"\n\n[tool.pytest.ini_options]\naddopts = \"-ra\"\n",
    ),
    ("py/thing.py", "def two():\n    return 2\n"),
    ("py/test_thing.py", "from thing import two\n\n\ndef test_two():\n    assert two() == 2\n"),
    (
        "rs/Cargo.toml",
        "[package]\nname = \"thing\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ndoctest = false\n",
    ),
    (
        "rs/src/lib.rs",
        "pub fn three() -> i32 {\n    3\n}\n\n#[test]\nfn is_three() {\n    assert_eq!(three(), 3);\n}\n",
    ),
];

/// What one edit of the repository with two languages runs: the tests of pytest, and of cargo.
fn tests_of_both(project: &Project, code: (i32, i32)) -> (BTreeSet<String>, BTreeSet<String>) {
    let python = project.repository.run(PYTEST);
    let rust = project.titer(&[], CARGO, &BTreeSet::new());
    assert_eq!((python.code, rust.code), (Some(code.0), Some(code.1)), "{}\n{}", python.stderr, rust.text);
    (python.ran(), rust.names())
}

#[test]
fn an_edit_in_one_language_runs_no_test_of_the_other() {
    if !titer_is_tried() {
        return;
    }
    let project = Project::new(Some(newest()));
    for (path, text) in POLYGLOT {
        project.repository.write(path, text);
    }
    project.repository.git(&["init", "-q", "-b", "main"]);
    let whole = project.bare(CARGO, &BTreeSet::new());
    assert_eq!(whole.code, Some(0), "{}", whole.text);
    project.repository.commit("first");
    let none = BTreeSet::new;
    let python = || BTreeSet::from(["test_thing.py::test_two".to_owned()]);
    let rust = || BTreeSet::from(["thing::lib::is_three".to_owned()]);
    assert_eq!(tests_of_both(&project, (0, 0)), (python(), rust()));
    assert_eq!(tests_of_both(&project, (0, 0)), (none(), none()));
    project.repository.replace("py/thing.py", "return 2", "return 4");
    assert_eq!(tests_of_both(&project, (1, 0)), (python(), none()));
    project.repository.replace("py/thing.py", "return 4", "return 2");
    assert_eq!(tests_of_both(&project, (0, 0)), (python(), none()), "it failed last time");
    project.repository.replace("rs/src/lib.rs", "    3\n", "    5\n");
    assert_eq!(tests_of_both(&project, (0, 101)), (none(), rust()));
    project.repository.replace("rs/src/lib.rs", "    5\n", "    3\n");
    project.repository.replace("rs/Cargo.toml", "0.1.0", "0.2.0");
    let (of_python, of_rust) = tests_of_both(&project, (0, 0));
    assert_eq!((of_python, of_rust), (none(), rust()));
    project.repository.replace("py/pyproject.toml", "-ra", "-rA");
    assert_eq!(tests_of_both(&project, (0, 0)), (python(), none()));
}
