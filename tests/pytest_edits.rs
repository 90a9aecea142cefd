//! Every kind of edit that other selectors get wrong: no test that breaks may be left out, and no more may run than must.
//!
//! The cases are data: `testdata/pytest-edits/*.toml`, one test each under the newest interpreter, and a part of their
//! edits under the oldest.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::edits::{Case, folder};
use support::{newest, oldest};

fn try_under_the_newest(name: &str) {
    let wrong = Case::read(name).try_edits(newest(), &BTreeSet::new(), |_, _| true);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A part: every third edit and those that ask for it.
fn try_under_the_oldest(name: &str) {
    let case = Case::read(name);
    let wrong = case.try_edits(oldest(), &case.untraced_old, |number, edit| edit.old || number % 3 == 0);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Where the file tracer cannot load, hooks see less and more has to run.
fn try_without_the_file_tracer(name: &str) {
    let every_third = |number: usize, _: &_| number % 3 == 1;
    let wrong = Case::read(name).try_edits_without_the_file_tracer(newest(), every_third);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_data_file_counts_without_the_file_tracer() {
    try_without_the_file_tracer("a_data_file_counts_for_whoever_read_it");
}

#[test]
fn a_file_that_appears_counts_without_the_file_tracer() {
    try_without_the_file_tracer("a_file_that_appears_counts_for_whoever_looked_for_it");
}

#[test]
fn children_count_without_the_file_tracer() {
    try_without_the_file_tracer("children_record_what_they_run");
}

#[test]
fn what_no_hook_sees_counts_without_the_file_tracer() {
    try_without_the_file_tracer("the_file_tracer_sees_what_no_hook_sees");
}

macro_rules! cases {
    ($($name:ident)*) => {
        mod under_the_newest_python {
            $(#[test] fn $name() { super::try_under_the_newest(stringify!($name)); })*
        }
        mod under_the_oldest_python {
            $(#[test] fn $name() { super::try_under_the_oldest(stringify!($name)); })*
        }
        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    a_change_to_the_tests_themselves_runs_just_them
    a_class_counts_by_the_code_that_makes_it
    a_data_file_counts_for_whoever_read_it
    a_file_that_appears_counts_for_whoever_looked_for_it
    a_fixture_belongs_to_every_test_that_uses_it
    an_edit_that_changes_no_behaviour_runs_nothing
    children_record_what_they_run
    asides_count_for_all_where_strangers_look
    asides_count_for_whoever_asks
    code_found_by_name_or_by_text_is_still_code
    code_in_another_process_or_thread_counts
    code_that_runs_at_import_counts_for_whoever_loaded_it
    configuration_and_builds_run_everything
    conftest_and_setup_code_belong_to_the_tests_below
    everything_imported_may_be_anybodys
    git_is_only_a_way_to_see_files
    modules_asked_for_by_name_belong_to_whoever_asks
    names_and_bytes_of_files_may_be_odd
    tables_count_by_what_they_can_change
    tests_may_meddle_with_what_the_adapter_uses
    the_file_tracer_sees_what_no_hook_sees
    unittest_classes_and_doctests_are_tests_too
    what_the_process_remembers_belongs_to_all_who_use_it
    what_the_reviewer_thought_of
}

#[test]
fn every_case_file_has_a_test() {
    let files: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, CASES.iter().map(|name| (*name).to_owned()).collect());
}
