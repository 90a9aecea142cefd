//! Where a guard lives: in the folder where tests of the same module live, in a file of its own, as its runner finds it.

mod pytest;

use std::collections::BTreeSet;

pub use pytest::{first_party, import_roots};

use crate::model::guard::Runner;

/// The file, from the root, that a guard for a fault in the file `faulty` is written to: beside the tests of that module, else beside the nearest
/// tests, else where the runner's projects have them.
#[must_use]
pub fn test_file(runner: Runner, files: &BTreeSet<&str>, faulty: &str, function: &str, fault: &str) -> String {
    match runner {
        Runner::Pytest => pytest::test_file(files, faulty, function, fault),
        Runner::Jest | Runner::Cargo => String::new(),
    }
}

/// Whether a file is one of tests, by its name.
#[must_use]
pub fn is_test(runner: Runner, file: &str) -> bool {
    match runner {
        Runner::Pytest => pytest::is_test(file),
        Runner::Jest | Runner::Cargo => false,
    }
}

/// The folder of these files that is nearest to a file: the longest common beginning, then the shortest way down.
fn nearest<'a>(found: impl Iterator<Item = &'a str>, faulty: &str) -> Option<String> {
    let folders: BTreeSet<String> = found.map(|file| parent(file).to_owned()).collect();
    let rank = |folder: &String| (common(folder, faulty), std::cmp::Reverse(folder.len()));
    folders.into_iter().rev().max_by_key(rank)
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// How many folders two paths have in common at their beginning; a folder `tests` on the way down does not break it.
fn common(folder: &str, file: &str) -> usize {
    let own = folder.split('/').filter(|part| !["tests", "test", "src", "unit", ""].contains(part));
    let other: Vec<&str> = file.split('/').filter(|part| *part != "src").collect();
    own.zip(other).take_while(|(a, b)| a == b).count()
}

/// A function's name as part of a file's.
fn plain(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
    kept.trim_matches('_').to_lowercase()
}
