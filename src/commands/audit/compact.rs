//! Folding sealed batches into the snapshot of the suites, so that `pending` stays small. The suites are the same before and after.

use std::collections::BTreeSet;

use super::state::State;
use crate::bridges::suite_files;
use crate::commands::suites;
use crate::formats::base_v1::{self, Row};
use crate::formats::record_line;
use crate::formats::record_v1::{self, sha256};
use crate::model::failure::Failure;
use crate::model::record::RecordId;
use crate::settings::Settings;

/// A batch in the tree.
struct Batch {
    name: String,
    tests: BTreeSet<String>,
    /// Whether all of its records are in the log.
    is_sealed: bool,
}

/// Folds every batch that is sealed as a whole into the snapshot, and takes its file away; says how many. Nothing is committed.
///
/// # Errors
/// A batch cannot be read or is damaged, or a file cannot be written; then the suites are what they were.
pub fn run(settings: &Settings, state: &State) -> Result<usize, Failure> {
    let failed = |error| Failure::world("the sealed batches cannot be folded into base.tsv").because(error);
    let before = suites::of_tree(settings)?;
    let mut batches = Vec::new();
    for (name, bytes) in suite_files::batches(&settings.root).map_err(failed)? {
        let wrong = |why| Failure::input(format!("{}/{name}: {why}", suite_files::PENDING));
        let changes = record_v1::read(&name, &bytes).map_err(wrong)?;
        let tests = changes.into_iter().map(|it| it.change.test).collect();
        let is_sealed = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).all(|line| {
            let id = record_line::read(line).ok().and_then(|it| RecordId::parse(&sha256(it.statement.as_bytes())));
            id.is_some_and(|id| state.sealed.contains_key(&id))
        });
        batches.push(Batch { name, tests, is_sealed });
    }
    let folded = whole_lines(batches, &before.disputed);
    if folded.is_empty() {
        return Ok(0);
    }
    let mut snapshot = suites::snapshot(settings)?.unwrap_or_default();
    for test in folded.iter().flat_map(|batch| &batch.tests) {
        let (Some(placement), Some(place)) = (before.placements.get(test), before.place(test)) else { continue };
        let row = Row {
            place,
            record: placement.record.clone(),
            since: placement.since.clone(),
            until: placement.until.clone(),
            rule: placement.rule.clone(),
            moves: placement.moves.clone(),
            text: placement.text.clone(),
        };
        snapshot.insert(test.clone(), row);
    }
    // Between this and the last removal a record stands in both, which is the same record.
    suite_files::set_base(&settings.root, base_v1::write(&snapshot).as_bytes()).map_err(failed)?;
    for batch in &folded {
        suite_files::remove(&settings.root, suite_files::PENDING, &batch.name).map_err(failed)?;
    }
    Ok(folded.len())
}

/// The batches that can go: a test of which any record has to stay keeps all of its records.
fn whole_lines(batches: Vec<Batch>, disputed: &BTreeSet<String>) -> Vec<Batch> {
    let mut kept: BTreeSet<String> = disputed.clone();
    let (mut folded, mut stays): (Vec<Batch>, Vec<Batch>) = batches.into_iter().partition(|batch| batch.is_sealed);
    while !stays.is_empty() {
        kept.extend(stays.iter().flat_map(|batch| batch.tests.iter().cloned()));
        (stays, folded) = folded.into_iter().partition(|batch| !batch.tests.is_disjoint(&kept));
    }
    folded.into_iter().filter(|batch| batch.tests.is_disjoint(&kept)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_records_of_a_test_go_or_none() {
        let batch = |text: &str| {
            let (name, tests) = text.split_once(':').unwrap();
            let tests = tests.split_whitespace().map(str::to_owned).collect();
            Batch { name: name.to_owned(), tests, is_sealed: !name.ends_with('!') }
        };
        for (texts, disputed, expected) in [
            (&["1:a", "2:b"][..], "", "1 2"),
            (&["1:a", "2!:b"], "", "1"),
            (&["1:a b", "2!:b", "3:a", "4:c"], "", "4"),
            (&["1:a", "2:b"], "b", "1"),
            (&["1:a b", "2:b c", "3:c d", "4!:d", "5:e"], "", "5"),
            (&["1:", "2!:"], "", "1"),
        ] {
            let disputed = disputed.split_whitespace().map(str::to_owned).collect();
            let found = whole_lines(texts.iter().map(|text| batch(text)).collect(), &disputed);
            let names: Vec<&str> = found.iter().map(|batch| batch.name.as_str()).collect();
            assert_eq!(names.join(" "), expected, "{texts:?}");
        }
    }
}
