//! What was learned from history and from production becomes part of the ledger: segments, and the log entry that names them.

use std::path::Path;

use crate::formats::learned_v1::{ChangeLine, SightingLine};
use crate::formats::segment_v1::{OutcomeRow, RunRow, encode};
use crate::model::digest::Digest;
use crate::model::failure::Failure;

use super::facts::{self, Added};
use super::sql::{Source, sources, state};
use super::store::Store;

/// The format that the log names for what was learned: it has no say in the map.
pub(super) const FORMAT: &str = "learned_v1";

/// The kind under which the log names segments that a map is not folded from.
const TAKEN_OVER: &str = "taken-over";

/// What one step of learning found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Import {
    /// What makes the import itself: the same name twice is the same import, of which the later counts. Letters, digits and dots.
    pub name: String,
    /// The day of its segments, `2026-11-21`.
    pub day: String,
    /// Lines of the kind `changes`.
    pub changes: Vec<ChangeLine>,
    /// Lines of the kind `sightings`.
    pub sightings: Vec<SightingLine>,
}

/// Writes the import and makes it part of the ledger.
///
/// # Errors
/// A file cannot be written; then nothing has become part of the ledger.
pub fn commit(store: &Store, import: &Import) -> Result<(), Failure> {
    let mut add = Vec::new();
    let mut write = |kind: &str, rows: usize, bytes: Vec<u8>| -> Result<(), Failure> {
        if rows == 0 {
            return Ok(());
        }
        let path = segment(import, kind, &bytes);
        store.create(&path, bytes)?;
        add.push(Added { path, kind: kind.to_owned(), rows: rows as u64, format: FORMAT.to_owned() });
        Ok(())
    };
    write("changes", import.changes.len(), encode(&import.changes))?;
    write("sightings", import.sightings.len(), encode(&import.sightings))?;
    if add.is_empty() { Ok(()) } else { facts::append(store, add) }
}

/// Writes a run that somebody else's report tells, and makes it part of the ledger; `false` if it was there already, just so. The run's name
/// and its day make the import: the same again, with other outcomes, replaces it.
///
/// # Errors
/// A file cannot be written; then nothing has become part of the ledger.
pub fn commit_run(store: &Store, day: &str, run: &RunRow, outcomes: &[OutcomeRow]) -> Result<bool, Failure> {
    let (mut add, mut is_new) = (Vec::new(), false);
    let runs = encode(std::slice::from_ref(run));
    for (kind, rows, bytes) in [("runs", 1, runs), ("outcomes", outcomes.len(), encode(outcomes))] {
        let content = Digest::of(&bytes).to_string();
        let path = format!("segments/{kind}/dt={day}/{}-1-1-{}.jsonl.zst", run.run, &content[..16]);
        is_new |= store.create(&path, bytes)?;
        add.push(Added { path, kind: kind.to_owned(), rows: rows as u64, format: FORMAT.to_owned() });
    }
    if is_new {
        facts::append(store, add)?;
    }
    Ok(is_new)
}

/// Writes the import unless it is part of the ledger as it is; says whether it was not.
///
/// # Errors
/// As for [`commit`].
pub fn commit_once(store: &Store, import: &Import) -> Result<bool, Failure> {
    let kept = state(store.folder());
    let is_kept = |kind: &str, rows: usize, bytes: &dyn Fn() -> Vec<u8>| {
        if rows == 0 {
            return true;
        }
        let name = segment(import, kind, &bytes());
        let is_packed = kept.packed.contains(&name) && !kept.replaced.contains(&name);
        let is = |source: &Source| source.rows.is_some() && source.is_there && source.path == name;
        is_packed || kept.segments.iter().any(is)
    };
    let changes = is_kept("changes", import.changes.len(), &|| encode(&import.changes));
    let sightings = is_kept("sightings", import.sightings.len(), &|| encode(&import.sightings));
    if changes && sightings {
        return Ok(false);
    }
    commit(store, import).map(|()| true)
}

fn segment(import: &Import, kind: &str, bytes: &[u8]) -> String {
    let content = Digest::of(bytes).to_string();
    format!("segments/{kind}/dt={}/{}-1-1-{}.jsonl.zst", import.day, import.name, &content[..16])
}

/// The key under which people and customers are hashed: made once for a ledger, kept in it, and never written anywhere else.
///
/// # Errors
/// It can be neither read nor made.
pub fn identity_key(store: &Store) -> Result<[u8; 32], Failure> {
    const NAME: &str = "keys/identities";
    let read = |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).ok();
    if let Some(key) = store.get(NAME)?.and_then(read) {
        return Ok(key);
    }
    let mut key = [0; 32];
    let random =
        std::fs::File::open("/dev/urandom").and_then(|mut random| std::io::Read::read_exact(&mut random, &mut key));
    random.map_err(|error| Failure::world("no key can be made: /dev/urandom cannot be read").because(error))?;
    if store.create(NAME, key.to_vec())? {
        return Ok(key);
    }
    // Another process was first.
    store.get(NAME)?.and_then(read).ok_or_else(|| {
        Failure::input(format!("{}/{NAME} is not a key of 32 bytes", store.folder().display()))
            .hint("delete it: a new one is made, under which known users count as new ones")
    })
}

/// Keeps raw bytes under their digest, compressed; returns the digest's text. Bytes that are there already are not written again.
///
/// # Errors
/// The file cannot be written.
pub fn spool(store: &Store, bytes: &[u8]) -> Result<String, Failure> {
    let digest = Digest::of(bytes).to_string();
    let packed = zstd::encode_all(bytes, 3);
    let packed = packed.map_err(|error| Failure::world("raw bytes cannot be packed").because(error))?;
    store.create(&format!("spool/{}/{digest}.zst", &digest[..2]), packed)?;
    Ok(digest)
}

/// Takes over what another ledger knows of runs, their outcomes and their decisions: the artifact of a run elsewhere. Its edges stay where
/// they are, as they may be those of a change that was never merged; the map does not see what is taken over. Returns how many runs are new.
///
/// # Errors
/// A file cannot be read or written.
pub fn take_over(store: &Store, other: &Path) -> Result<usize, Failure> {
    const KINDS: [&str; 3] = ["runs", "outcomes", "decisions"];
    let (mut add, mut runs) = (Vec::new(), 0);
    for source in sources(other).into_iter().filter(|it| it.is_there && KINDS.contains(&it.kind.as_str())) {
        let path = other.join(&source.path);
        let bytes = std::fs::read(&path)
            .map_err(|error| Failure::world(format!("{} cannot be read", path.display())).because(error))?;
        // A name says what is in the file: what is there under it is the same.
        if store.create(&source.path, bytes)? {
            runs += usize::from(source.kind == "runs");
            let rows = source.rows.unwrap_or_default();
            add.push(Added { path: source.path, kind: TAKEN_OVER.to_owned(), rows, format: "segment_v1".to_owned() });
        }
    }
    if !add.is_empty() {
        facts::append(store, add)?;
    }
    Ok(runs)
}
