//! Shares of several shards: who runs what, and whether every test ran in one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::{Ending, Repository};

/// `titer run FLAGS -- COMMAND`.
pub fn titer(repository: &Repository, flags: &[&str], command: &[&str]) -> Ending {
    repository.titer(&[&["run"], flags, &["--"], command].concat())
}

/// Writes who runs what of so many shards; the file, and what is in it.
pub fn plan(repository: &Repository, of: usize, command: &[&str]) -> (String, Value) {
    let told = repository.titer(&[&["plan", "--json", "--shards", &of.to_string(), "--"], command].concat());
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let file = repository.beside("out").join(format!("shares-{of}.json"));
    fs::write(&file, &told.stdout).unwrap();
    (file.to_str().unwrap().to_owned(), serde_json::from_str(&told.stdout).unwrap())
}

/// Each of these once and nothing else.
#[track_caller]
pub fn assert_once(ran: &BTreeMap<String, usize>, expected: &BTreeSet<String>, case: &str) {
    let missing: Vec<_> = expected.iter().filter(|test| !ran.contains_key(*test)).collect();
    let wrong: Vec<_> = ran.iter().filter(|(test, times)| **times != 1 || !expected.contains(*test)).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "{case}: in none {missing:?}; in several, or not asked for {wrong:?}"
    );
}
