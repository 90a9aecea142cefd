//! Which segments count: what is there, less what the log removed, and of two for one run, attempt and shard only the newer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One segment that the lens reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// `runs`, `outcomes`, …
    pub kind: String,
    /// Its path inside the ledger, with `/`.
    pub path: String,
    /// How many lines the log says that it has; `None` where the log does not name it.
    pub rows: Option<u64>,
    /// Whether it is there.
    pub is_there: bool,
}

/// The segments that count, by path, and those that the log names in vain. What cannot be listed is not there: a lens over half a ledger is
/// better than none, and a ledger without a log is one that nobody has committed to yet.
#[must_use]
pub fn sources(ledger: &Path) -> Vec<Source> {
    let log = read_log(ledger);
    let mut newest: BTreeMap<String, (usize, Source)> = BTreeMap::new();
    let mut offer = |rank: usize, source: Source| {
        let place = newest.entry(slot(&source.path).to_owned());
        let candidate = (rank, source);
        let kept = place.or_insert_with(|| candidate.clone());
        if *kept < candidate {
            *kept = candidate;
        }
    };
    let there: BTreeSet<String> = files(ledger).into_iter().collect();
    for path in there.iter().filter(|path| !log.removed.contains(*path)) {
        // Without a log entry it is newer than the log: its runner was stopped between the two, or has not come to it yet.
        let (rank, rows) = log.added.get(path).copied().unwrap_or((usize::MAX, None));
        if let Some(source) = source(path, rows, true) {
            offer(rank, source);
        }
    }
    for (path, (_, rows)) in log.added.iter().filter(|(path, _)| !there.contains(*path) && !log.removed.contains(*path))
    {
        if let Some(source) = source(path, *rows, false) {
            // The last to be taken: anything of the same run that is there says more.
            offer(0, source);
        }
    }
    let mut kept: Vec<Source> = newest.into_values().map(|(_, source)| source).collect();
    kept.sort();
    kept
}

/// What the log says about segments.
#[derive(Debug, Default)]
struct Log {
    /// Path to the place of its entry, from 1, and its lines.
    added: BTreeMap<String, (usize, Option<u64>)>,
    removed: BTreeSet<String>,
}

fn read_log(ledger: &Path) -> Log {
    let mut entries: Vec<_> =
        std::fs::read_dir(ledger.join("log")).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let mut log = Log::default();
    for (number, entry) in entries.iter().enumerate() {
        let Ok(text) = std::fs::read_to_string(entry) else { continue };
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
        for added in items(&value["add"]) {
            let Some(path) = added["path"].as_str() else { continue };
            log.removed.remove(path);
            log.added.insert(path.to_owned(), (number + 1, added["rows"].as_u64()));
        }
        log.removed.extend(items(&value["remove"]).iter().filter_map(|path| path.as_str().map(str::to_owned)));
    }
    log
}

fn items(value: &serde_json::Value) -> &[serde_json::Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn files(ledger: &Path) -> Vec<String> {
    let found = walkdir::WalkDir::new(ledger.join("segments")).into_iter().flatten();
    let inside = |path: &Path| path.strip_prefix(ledger).ok()?.to_str().map(|path| path.replace('\\', "/"));
    found.filter(|entry| entry.file_type().is_file()).filter_map(|entry| inside(entry.path())).collect()
}

fn source(path: &str, rows: Option<u64>, is_there: bool) -> Option<Source> {
    let kind = path.strip_prefix("segments/")?.split('/').next()?.to_owned();
    path.ends_with(".jsonl.zst").then(|| Source { kind, path: path.to_owned(), rows, is_there })
}

/// The path without its content hash: kind, day, run, attempt and shard.
fn slot(path: &str) -> &str {
    path.rsplit_once('-').map_or(path, |(before, _)| before)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write the files that they read")]
mod tests {
    use super::*;

    fn ledger(segments: &[&str], log: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in segments {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::fs::create_dir_all(folder.path().join("log")).unwrap();
        for (number, entry) in log.iter().enumerate() {
            std::fs::write(folder.path().join(format!("log/{number:020}.json")), entry).unwrap();
        }
        folder
    }

    fn kept(folder: &tempfile::TempDir) -> Vec<String> {
        sources(folder.path()).into_iter().map(|source| source.path).collect()
    }

    const OLD: &str = "segments/runs/dt=2026-11-21/R-1-1-1-bbbb.jsonl.zst";
    const NEW: &str = "segments/runs/dt=2026-11-21/R-1-1-1-aaaa.jsonl.zst";

    #[test]
    fn of_two_segments_for_one_run_attempt_and_shard_the_one_logged_later_counts() {
        let folder = ledger(
            &[OLD, NEW],
            &[
                &format!(r#"{{"add":[{{"path":"{OLD}","rows":1}}]}}"#),
                &format!(r#"{{"add":[{{"path":"{NEW}","rows":1}}]}}"#),
            ],
        );
        assert_eq!(kept(&folder), [NEW]);
    }

    #[test]
    fn a_segment_that_no_log_entry_names_is_newer_than_the_log() {
        let folder = ledger(&[OLD, NEW], &[&format!(r#"{{"add":[{{"path":"{OLD}","rows":1}}]}}"#)]);
        assert_eq!(kept(&folder), [NEW]);
    }

    #[test]
    fn a_removed_segment_does_not_count_until_it_is_added_again() {
        let folder = ledger(
            &[OLD],
            &[&format!(r#"{{"add":[{{"path":"{OLD}","rows":1}}]}}"#), &format!(r#"{{"remove":["{OLD}"]}}"#)],
        );
        assert_eq!(kept(&folder), [""; 0]);
        let folder = ledger(
            &[OLD],
            &[&format!(r#"{{"remove":["{OLD}"]}}"#), &format!(r#"{{"add":[{{"path":"{OLD}","rows":1}}]}}"#)],
        );
        assert_eq!(kept(&folder), [OLD]);
    }

    #[test]
    fn a_segment_that_the_log_names_in_vain_is_known_to_be_missing_unless_another_of_its_run_is_there() {
        let log = format!(r#"{{"add":[{{"path":"{OLD}","rows":1}}]}}"#);
        assert!(!sources(ledger(&[], &[&log]).path())[0].is_there);
        assert_eq!(kept(&ledger(&[NEW], &[&log])), [NEW]);
    }

    #[test]
    fn a_torn_log_entry_and_a_foreign_file_change_nothing() {
        let folder = ledger(&[OLD, "segments/runs/notes.txt"], &[r#"{"add":["#]);
        assert_eq!(kept(&folder), [OLD]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_empty_ledger() {
        assert_eq!(sources(Path::new("no/such/ledger")), []);
    }
}
