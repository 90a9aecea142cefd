//! Which segments count: what is there, less what the log removed, and of two for one run, attempt and shard only the newer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::model::digest::Digest;

/// The format of what segments were packed into, as the log names it.
pub(crate) const PACKED_FORMAT: &str = "facts_v1";

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

impl Source {
    /// The day of its folder, `2026-11-21`.
    #[must_use]
    pub fn day(&self) -> &str {
        day(&self.path)
    }
}

/// One Parquet file that segments were packed into, or that was made from such.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// `edges`, `sightings`, …; `sightings_daily` is the rollup.
    pub kind: String,
    /// Its path inside the ledger, with `/`.
    pub path: String,
    /// How many rows the log says that it has.
    pub rows: Option<u64>,
    /// Whether it is there, with the beginning and the end that it was written with.
    pub is_there: bool,
}

impl Fact {
    /// The day that it holds, `2026-11-21`.
    #[must_use]
    pub fn day(&self) -> &str {
        day(&self.path)
    }
}

/// What counts in a ledger.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The number of the newest entry of the log; 0 without one.
    pub head: u64,
    /// Segments that are not packed, by path, and those that the log names in vain.
    pub segments: Vec<Source>,
    /// What segments were packed into.
    pub facts: Vec<Fact>,
    /// Segments that are packed.
    pub packed: BTreeSet<String>,
    /// Packed segments in whose place another one has come since: their rows do not count.
    pub replaced: Vec<String>,
    /// Segments that another of the same run, attempt and shard took the place of, by that one.
    pub losers: BTreeMap<String, Vec<String>>,
}

/// The segments that count, by path, and those that the log names in vain.
#[must_use]
pub fn sources(ledger: &Path) -> Vec<Source> {
    state(ledger).segments
}

/// What counts. What cannot be listed is not there: a lens over half a ledger is better than none, and a ledger without a log is one that
/// nobody has committed to yet.
#[must_use]
pub fn state(ledger: &Path) -> State {
    let log = read_log(ledger);
    let mut offered: BTreeMap<String, Vec<(usize, Source)>> = BTreeMap::new();
    let mut offer = |rank: usize, source: Source| {
        offered.entry(slot(&source.path).to_owned()).or_default().push((rank, source));
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
    // Of those in one place the last that the log added counts, unless there is a newer one that is not packed.
    let rank = |path: &str| log.added.get(path).map_or(0, |(rank, _)| *rank);
    let mut last: BTreeMap<&str, &String> = BTreeMap::new();
    for path in &log.packed {
        let kept = last.entry(slot(path)).or_insert(path);
        if (rank(kept), &**kept) < (rank(path), path) {
            *kept = path;
        }
    }
    let is_last = |path: &String| last.get(slot(path)) == Some(&path) && !offered.contains_key(slot(path));
    let replaced = log.packed.iter().filter(|path| !is_last(path)).cloned().collect();
    let mut state = State { head: log.head, packed: log.packed.clone(), replaced, ..State::default() };
    for mut candidates in offered.into_values() {
        candidates.sort();
        let Some((_, winner)) = candidates.pop() else { continue };
        let losers = candidates.into_iter().map(|(_, source)| source.path).collect();
        state.losers.insert(winner.path.clone(), losers);
        state.segments.push(winner);
    }
    state.segments.sort();
    state.facts = log
        .facts
        .into_iter()
        .map(|(path, (kind, rows))| Fact { is_there: is_whole(&ledger.join(&path)).unwrap_or(false), kind, path, rows })
        .collect();
    state
}

/// What there is to read by its names alone: another where anything was added or taken away. Nothing is opened.
#[must_use]
pub fn fingerprint(ledger: &Path) -> Digest {
    let rooms = ["log", "segments", "facts", "rollups"].map(|room| ledger.join(room));
    let found = rooms.into_iter().flat_map(|room| walkdir::WalkDir::new(room).into_iter().flatten());
    let mut names: Vec<_> = found.filter(|it| it.file_type().is_file()).map(walkdir::DirEntry::into_path).collect();
    names.sort();
    Digest::of_parts(names.iter().map(|name| name.as_os_str().as_encoded_bytes()))
}

/// What the log says.
#[derive(Debug, Default)]
struct Log {
    head: u64,
    /// Path to the place of its entry, from 1, and its lines.
    added: BTreeMap<String, (usize, Option<u64>)>,
    removed: BTreeSet<String>,
    packed: BTreeSet<String>,
    /// Path to kind and rows.
    facts: BTreeMap<String, (String, Option<u64>)>,
}

fn read_log(ledger: &Path) -> Log {
    let mut entries: Vec<_> =
        std::fs::read_dir(ledger.join("log")).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let mut log = Log::default();
    let numbers = entries.iter().filter_map(|entry| entry.file_stem()?.to_str()?.parse().ok());
    log.head = numbers.max().unwrap_or(0);
    for (number, entry) in entries.iter().enumerate() {
        let Ok(text) = std::fs::read_to_string(entry) else { continue };
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
        let mut is_packing = false;
        for added in items(&value["add"]) {
            let Some(path) = added["path"].as_str() else { continue };
            if added["format"] == PACKED_FORMAT {
                is_packing = true;
                let kind = added["kind"].as_str().unwrap_or_default().to_owned();
                log.facts.insert(path.to_owned(), (kind, added["rows"].as_u64()));
                continue;
            }
            log.removed.remove(path);
            log.added.insert(path.to_owned(), (number + 1, added["rows"].as_u64()));
        }
        for path in items(&value["remove"]).iter().filter_map(serde_json::Value::as_str) {
            if log.facts.remove(path).is_none() {
                log.removed.insert(path.to_owned());
                if is_packing {
                    log.packed.insert(path.to_owned());
                }
            }
        }
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

/// Whether a file begins as Parquet does and ends in a footer that fits into it: one that was cut off would be an error of the engine's.
fn is_whole(file: &Path) -> std::io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(file)?;
    let length = file.metadata()?.len();
    let (mut head, mut foot, mut tail) = ([0; 4], [0; 4], [0; 4]);
    file.read_exact(&mut head)?;
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut foot)?;
    file.read_exact(&mut tail)?;
    Ok(&head == b"PAR1" && &tail == b"PAR1" && u64::from(u32::from_le_bytes(foot)) + 12 <= length)
}

/// The day in a path, `2026-11-21`.
pub(crate) fn day(path: &str) -> &str {
    path.split('/').find_map(|part| part.strip_prefix("dt=")).unwrap_or_default()
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
