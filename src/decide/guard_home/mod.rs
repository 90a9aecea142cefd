//! Where a guard lives: in the folder where tests of the same module live, in a file of its own, as its runner finds it.

mod cargo;
mod jest;
mod pytest;

use std::collections::BTreeSet;

pub use cargo::{package_of, program_of};
pub use jest::jest_folder;
pub use pytest::{first_party, import_roots};

use crate::model::guard::Runner;

/// The file, from the root, that a guard for a fault in the file `faulty` is written to: beside the tests of that module, else beside the nearest
/// tests, else where the runner's projects have them.
#[must_use]
pub fn test_file(runner: Runner, files: &BTreeSet<&str>, faulty: &str, function: &str, fault: &str) -> String {
    match runner {
        Runner::Pytest => pytest::test_file(files, faulty, function, fault),
        Runner::Cargo => cargo::test_file(files, faulty, function, fault),
        Runner::Jest => jest::test_file(files, faulty, function, fault),
    }
}

/// Whether a file is one of tests, by its name.
#[must_use]
pub fn is_test(runner: Runner, file: &str) -> bool {
    match runner {
        Runner::Pytest => pytest::is_test(file),
        Runner::Cargo => cargo::is_test(file),
        Runner::Jest => jest::is_test(file),
    }
}

/// The file of tests that run before a guard, to see whether it depends on what they leave behind: of those in its folder the smallest, as it is
/// run for nothing else. None for runners that give each file a process or a world of its own.
#[must_use]
pub fn neighbour<'a>(files: &'a BTreeSet<String>, guard: &str, size: impl Fn(&str) -> Option<u64>) -> Option<&'a str> {
    let is_beside = |file: &&str| parent(file) == parent(guard) && *file != guard && pytest::is_test(file);
    let beside = files.iter().map(String::as_str).filter(is_beside);
    beside.filter_map(|file| Some((size(file)?, file))).min().map(|(_, file)| file)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_file_of_tests_beside_a_guard_runs_before_it() {
        let files =
            ["tests/test_a.py", "tests/test_bb.py", "tests/conftest.py", "tests/x/test_c.py", "tests/test_guard.py"];
        let files: BTreeSet<String> = files.into_iter().map(str::to_owned).collect();
        let size = |file: &str| (file != "tests/test_bb.py").then_some(file.len() as u64);
        assert_eq!(neighbour(&files, "tests/test_guard.py", size), Some("tests/test_a.py"));
        assert_eq!(neighbour(&files, "test_guard.py", size), None);
        assert_eq!(neighbour(&files, "tests/a.test.js", |_| None), None);
    }
}
