//! Every kind of edit that selectors of jest's tests get wrong: no test that breaks may be left out, and no more may run than must.
//!
//! The cases are data: `testdata/jest-edits/*.toml`, one test each.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::jest_edits::{Case, Trial, folder};
use support::jest_project::Packages;

/// Pairwise: the edits of a case by turns under the newest jest and the oldest. With `TITER_TEST_WHOLE` in the environment, as before a release,
/// and where a case is for one of them only, all of them under each.
fn try_edits(name: &str) {
    let case = Case::read(name);
    let is_whole = case.only.is_some() || std::env::var_os("TITER_TEST_WHOLE").is_some();
    let [new, old] = if is_whole { [(0, 1); 2] } else { [(0, 2), (1, 2)] };
    let newest = Trial { packages: Packages::Newest, every: new, traced: true };
    let mut wrong = case.try_edits(newest);
    wrong.extend(case.try_edits(Trial { packages: Packages::Jest29, every: old, ..newest }));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test] fn $name() { try_edits(stringify!($name)); })*
        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    a_mock_takes_the_place_of_its_module
    a_module_counts_for_whoever_loaded_it
    a_place_is_asked_for_by_one_by_name_and_by_another_by_variable
    all_variables_are_listed
    babel_is_told_by_files_of_the_project
    files_are_read_in_many_ways
    folders_of_packages_are_part_of_a_project
    links_lead_elsewhere
    modules_are_reached_in_many_ways
    native_modules_are_loaded
    odd_corners
    parts_of_the_runner_live_in_the_repository
    places_asked_for_under_computed_names
    snapshots_are_files
    tests_hand_files_to_each_other
    text_and_places_of_source_are_seen
    the_same_words_mean_something_else
    the_text_of_a_loaded_module_is_taken_elsewhere
    threads_and_children_read_files
    two_projects_share_a_test_file
    types_are_checked
    variables_are_named_in_many_ways
    what_the_configuration_looks_at_counts_for_all
}

/// Where nobody sees what native code and children do, more may run than must, and still nothing may be missed.
#[test]
fn without_the_file_tracer_nothing_is_missed() {
    let some = [
        "a_module_counts_for_whoever_loaded_it",
        "places_asked_for_under_computed_names",
        "threads_and_children_read_files",
        "the_text_of_a_loaded_module_is_taken_elsewhere",
    ];
    let trial = Trial { packages: Packages::Newest, every: (0, 3), traced: false };
    let wrong: Vec<String> = some.into_iter().flat_map(|name| Case::read(name).try_edits(trial)).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_case_file_has_a_test() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<String> = files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(files, CASES.iter().map(|name| (*name).to_owned()).collect());
}
