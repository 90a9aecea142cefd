//! What was learned from history and from production becomes part of the ledger: segments, and the log entry that names them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::formats::guard_v1::GuardLine;
use crate::formats::learned_v1::{ChangeLine, SightingLine};
use crate::formats::segment_v1::{EventLine, OutcomeRow, RunRow, VERSION, encode};
use crate::model::digest::Digest;
use crate::model::failure::Failure;

use super::facts::{self, Added};
use super::map;
use super::sql::{sources, state};
use super::store::Store;

/// The format that the log names for what was learned: it has no say in the map.
pub(super) const FORMAT: &str = "learned_v1";

/// zstd's level for raw bytes: they are kept in case, and there are many.
const SPOOL_LEVEL: i32 = 1;

/// The kind under which the log names segments that a map is not folded from.
const TAKEN_OVER: &str = "taken-over";

/// So many tests go into one line: a line must not become longer than what reads it takes.
const TESTS_IN_A_LINE: usize = 5000;

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
        let path = segment(&import.name, &import.day, kind, &bytes);
        store.create(&path, bytes)?;
        add.push(Added { path, kind: kind.to_owned(), rows: rows as u64, format: FORMAT.to_owned() });
        Ok(())
    };
    write("changes", import.changes.len(), encode(&import.changes))?;
    write("sightings", import.sightings.len(), encode(&import.sightings))?;
    if add.is_empty() { Ok(()) } else { facts::append(store, add) }
}

/// Says what tests are worth as of a day, for the map; what is said later counts instead.
///
/// # Errors
/// A file cannot be written; then nothing has become part of the ledger.
pub fn commit_worth(store: &Store, day: &str, worth: &[(String, u32)]) -> Result<(), Failure> {
    let line = |part: &[(String, u32)]| EventLine::Worth { v: VERSION, tests: part.to_vec() };
    let lines: Vec<EventLine> = worth.chunks(TESTS_IN_A_LINE).map(line).collect();
    let bytes = encode(&lines);
    let content = Digest::of(&bytes).to_string();
    let path = format!("segments/events/dt={day}/worth.{day}-1-1-{}.jsonl.zst", &content[..16]);
    store.create(&path, bytes)?;
    let (kind, format) = ("events".to_owned(), "segment_v1".to_owned());
    facts::append(store, vec![Added { path, kind, rows: lines.len() as u64, format }])
}

/// Writes what became of drafts of guards, and makes it part of the ledger.
///
/// # Errors
/// A file cannot be written; then nothing has become part of the ledger.
pub fn commit_guards(store: &Store, day: &str, lines: &[GuardLine]) -> Result<(), Failure> {
    let bytes = encode(lines);
    let content = Digest::of(&bytes).to_string();
    let path = segment(&format!("guard.{}", &content[..16]), day, "guards", &bytes);
    store.create(&path, bytes)?;
    facts::append(
        store,
        vec![Added { path, kind: "guards".to_owned(), rows: lines.len() as u64, format: FORMAT.to_owned() }],
    )
}

/// Raw bytes that the spool keeps, by their digest; none where they are gone.
///
/// # Errors
/// They cannot be read, or are no longer what they were.
pub fn unspool(store: &Store, digest: &str) -> Result<Option<Vec<u8>>, Failure> {
    let folder = digest.get(..2).unwrap_or_default();
    let name = format!("spool/{folder}/{digest}.zst");
    let Some(packed) = store.get(&name)? else { return Ok(None) };
    let damaged = || {
        Failure::input(format!("{}/{name} is damaged", store.folder().display()))
            .hint("learn from the same source again")
    };
    let bytes = zstd::stream::decode_all(packed.as_slice()).map_err(|error| damaged().because(error))?;
    if Digest::of(&bytes).to_string() == digest { Ok(Some(bytes)) } else { Err(damaged()) }
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

/// Sightings that are written and packed already, by whichever thread.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sealed {
    /// As for [`Import`].
    pub name: String,
    /// As for [`Import`].
    pub day: String,
    /// How many lines there are.
    pub rows: u64,
    /// The segment.
    pub bytes: Vec<u8>,
}

/// The segments that were part of the ledger when it was looked at, and those that came to it since through this.
#[derive(Debug, Clone, Default)]
pub struct Kept(BTreeMap<String, String>);

impl Kept {
    /// Looks at the ledger.
    #[must_use]
    pub fn of(store: &Store) -> Self {
        let state = state(store.folder());
        let replaced: BTreeSet<&String> = state.replaced.iter().collect();
        let packed = state.packed.iter().filter(|path| !replaced.contains(path)).cloned();
        let there = state.segments.iter().filter(|source| source.rows.is_some() && source.is_there);
        let paths = packed.chain(there.map(|source| source.path.clone()));
        Self(paths.map(|path| (slot(&path).to_owned(), path)).collect())
    }

    /// Writes sightings unless they are part of the ledger as they are; says whether they were not.
    ///
    /// # Errors
    /// As for [`commit`].
    pub fn commit(&mut self, store: &Store, sealed: Sealed) -> Result<bool, Failure> {
        let Sealed { name, day, rows, bytes } = sealed;
        let path = segment(&name, &day, "sightings", &bytes);
        let slot = slot(&path).to_owned();
        if self.0.get(&slot) == Some(&path) {
            return Ok(false);
        }
        store.create(&path, bytes)?;
        self.0.insert(slot, path.clone());
        let added = Added { path, kind: "sightings".to_owned(), rows, format: FORMAT.to_owned() };
        facts::append(store, vec![added]).map(|()| true)
    }
}

/// What is replaced by a segment of the same import.
fn slot(path: &str) -> &str {
    path.rsplit_once('-').map_or(path, |(before, _)| before)
}

fn segment(name: &str, day: &str, kind: &str, bytes: &[u8]) -> String {
    let content = Digest::of(bytes).to_string();
    format!("segments/{kind}/dt={day}/{name}-1-1-{}.jsonl.zst", &content[..16])
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

/// Raw bytes as the spool keeps them.
///
/// # Errors
/// They cannot be packed.
pub fn pack(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let packed = zstd::bulk::compress(bytes, SPOOL_LEVEL);
    packed.map_err(|error| Failure::world("raw bytes cannot be packed").because(error))
}

/// Keeps packed bytes under their digest. Bytes that are there already are not written again.
///
/// # Errors
/// The file cannot be written.
pub fn spool(store: &Store, digest: &str, packed: Vec<u8>) -> Result<(), Failure> {
    let folder = digest.get(..2).unwrap_or_default();
    store.create(&format!("spool/{folder}/{digest}.zst"), packed).map(|_| ())
}

/// Takes over what another ledger knows of runs, their outcomes and their decisions: the artifact of a run elsewhere. Its edges stay where
/// they are, as they may be those of a change that was never merged; the map does not see what is taken over. Returns the ids of runs that are new.
///
/// # Errors
/// A file cannot be read or written.
pub fn take_over(store: &Store, other: &Path) -> Result<BTreeSet<String>, Failure> {
    const KINDS: [&str; 3] = ["runs", "outcomes", "decisions"];
    let (mut add, mut runs) = (Vec::new(), BTreeSet::new());
    for source in sources(other).into_iter().filter(|it| it.is_there && KINDS.contains(&it.kind.as_str())) {
        let path = other.join(&source.path);
        let bytes = std::fs::read(&path)
            .map_err(|error| Failure::world(format!("{} cannot be read", path.display())).because(error))?;
        // A name says what is in the file: what is there under it is the same.
        if store.create(&source.path, bytes)? {
            runs.extend(run_of(&source.path));
            let rows = source.rows.unwrap_or_default();
            add.push(Added { path: source.path, kind: TAKEN_OVER.to_owned(), rows, format: "segment_v1".to_owned() });
        }
    }
    if !add.is_empty() {
        facts::append(store, add)?;
    }
    Ok(runs)
}

/// The run whose row a segment holds, if it holds one.
fn run_of(path: &str) -> Option<String> {
    let name = path.strip_prefix("segments/runs/")?.rsplit('/').next()?;
    Some(name.split('-').next()?.to_owned())
}

/// Takes over all that another ledger knows of runs, with what their tests depend on: that of another shard of the same run. Entry by entry of
/// its log, as what stands later may rest on what stands before. What is there already is the same. Returns the ids of runs that are new.
///
/// # Errors
/// A file cannot be read or written.
pub fn merge(store: &Store, other: &Path) -> Result<BTreeSet<String>, Failure> {
    let other = Store::open_existing(other)?;
    let mut runs = BTreeSet::new();
    for entry in facts::added(&other)? {
        let mut add = Vec::new();
        for added in entry.into_iter().filter(|added| added.format == "segment_v1") {
            let Some(bytes) = other.get(&added.path)? else { continue };
            if store.create(&added.path, bytes)? {
                runs.extend(run_of(&added.path));
                add.push(added);
            }
        }
        if !add.is_empty() {
            facts::append(store, add)?;
        }
    }
    let mut map = map::load(store)?.map;
    map::catch_up(store, &mut map)?;
    map::save(store, &map)?;
    Ok(runs)
}
