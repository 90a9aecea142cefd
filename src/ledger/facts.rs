//! The facts of one run: written as one file a kind, made part of the ledger by one log entry.

use serde::{Deserialize, Serialize};

use crate::formats::segment_v1::{
    self, DecisionRow, EdgeLine, EventLine, OutcomeRow, RunRow, decode, encode, footprint_line, set_lines, tree_lines,
};
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::footprint::{EdgeSet, Footprint};
use crate::model::tree::Tree;

use super::imports;
use super::sql::PACKED_FORMAT;
use super::store::Store;

/// How often a commit is tried again when another run takes its place in the log.
const TRIES: u64 = 10_000;

/// What one run found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The run itself.
    pub run: RunRow,
    /// How its tests ended.
    pub outcomes: Vec<OutcomeRow>,
    /// What was planned.
    pub decisions: Vec<DecisionRow>,
    /// Variants and launches.
    pub events: Vec<EventLine>,
    /// Sets of edges that the map does not hold yet.
    pub sets: Vec<EdgeSet>,
    /// Footprints of passing tests.
    pub footprints: Vec<Footprint>,
    /// The tree before the runner started, if any footprint needs it.
    pub tree: Option<Tree>,
    /// Paths that the run itself wrote.
    pub outputs: Vec<String>,
}

/// An entry of the log.
#[derive(Debug, Serialize, Deserialize)]
struct LogEntry {
    v: u32,
    add: Vec<Added>,
    remove: Vec<String>,
}

/// A segment as the log names it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Added {
    pub(super) path: String,
    pub(super) kind: String,
    pub(super) rows: u64,
    pub(super) format: String,
}

/// What folding needs of a log entry.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Read {
    /// Outcomes.
    pub outcomes: Vec<OutcomeRow>,
    /// Lines of the kind `edges`.
    pub edges: Vec<EdgeLine>,
    /// Variants and launches.
    pub events: Vec<EventLine>,
    /// Runs.
    pub runs: Vec<RunRow>,
    /// Whether the entry took files away: then a map folded from them is stale.
    pub removed: bool,
    /// Lines that could not be read.
    pub bad_lines: u64,
}

fn log_name(position: u64) -> String {
    format!("log/{position:020}.json")
}

/// Writes the facts and makes them part of the ledger; returns their position in the log, and what a reader of that position
/// would find, so that the writer need not read it.
///
/// # Errors
/// A file cannot be written; then nothing has become part of the ledger.
pub fn commit(store: &Store, facts: &Facts, after: u64) -> Result<(u64, Read), Failure> {
    let mut add = Vec::new();
    let mut write = |kind: &str, rows: usize, bytes: Vec<u8>| -> Result<(), Failure> {
        if rows == 0 {
            return Ok(());
        }
        let path = segment_name(&facts.run, kind, &bytes);
        // A retry of the same run finds its own file: the name says that the content is the same.
        store.create(&path, bytes)?;
        add.push(Added { path, kind: kind.to_owned(), rows: rows as u64, format: "segment_v1".to_owned() });
        Ok(())
    };
    write("runs", 1, encode(std::slice::from_ref(&facts.run)))?;
    write("outcomes", facts.outcomes.len(), encode(&facts.outcomes))?;
    write("decisions", facts.decisions.len(), encode(&facts.decisions))?;
    write("events", facts.events.len(), encode(&facts.events))?;
    let edges = edge_lines(facts);
    write("edges", edges.len(), encode(&edges))?;
    let position = append_after(store, add, after)?;
    let read = Read {
        outcomes: facts.outcomes.clone(),
        events: facts.events.clone(),
        runs: vec![facts.run.clone()],
        edges,
        ..Read::default()
    };
    Ok((position, read))
}

fn edge_lines(facts: &Facts) -> Vec<EdgeLine> {
    let mut lines: Vec<EdgeLine> = facts.sets.iter().flat_map(set_lines).collect();
    if let Some(tree) = &facts.tree {
        lines.extend(tree_lines(tree, &facts.outputs));
    }
    let RunRow { run, started, inventory, .. } = &facts.run;
    lines.extend(facts.footprints.iter().map(|footprint| footprint_line(footprint, run, started, *inventory)));
    lines
}

fn segment_name(run: &RunRow, kind: &str, bytes: &[u8]) -> String {
    let day = run.started.get(..10).unwrap_or("1970-01-01");
    let content = Digest::of(bytes).to_string();
    format!("segments/{kind}/dt={day}/{}-{}-{}-{}.jsonl.zst", run.run, run.attempt, run.shard, &content[..16])
}

/// Makes segments part of the ledger.
///
/// # Errors
/// The log cannot be listed or written.
pub(super) fn append(store: &Store, add: Vec<Added>) -> Result<(), Failure> {
    let newest = store.list("log")?.into_iter().next_back();
    let number = newest.and_then(|name| name.rsplit('/').next()?.strip_suffix(".json")?.parse().ok());
    append_after(store, add, number.unwrap_or(0)).map(|_| ())
}

/// Takes the next free place in the log, after `after` at the earliest.
fn append_after(store: &Store, add: Vec<Added>, after: u64) -> Result<u64, Failure> {
    let entry = LogEntry { v: segment_v1::VERSION, add, remove: Vec::new() };
    let bytes = serde_json::to_vec(&entry).unwrap_or_default();
    for position in after + 1..after + 1 + TRIES {
        if store.create(&log_name(position), bytes.clone())? {
            return Ok(position);
        }
    }
    Err(Failure::world(format!("the ledger's log in {} does not take another entry", store.folder().display())))
}

/// Makes files that were packed part of the ledger in place of others, if nothing was packed since the log's entry `after`; says whether.
///
/// # Errors
/// The log cannot be read or written.
pub(super) fn exchange(store: &Store, add: Vec<Added>, remove: Vec<String>, after: u64) -> Result<bool, Failure> {
    let entry = LogEntry { v: segment_v1::VERSION, add, remove };
    let bytes = serde_json::to_vec(&entry).unwrap_or_default();
    for position in after + 1..after + 1 + TRIES {
        if store.create(&log_name(position), bytes.clone())? {
            return Ok(true);
        }
        // Whatever else was added meanwhile goes with it; what was taken away may be what this was made of.
        let other = store.get(&log_name(position))?.unwrap_or_default();
        if !serde_json::from_slice::<LogEntry>(&other).is_ok_and(|other| other.remove.is_empty()) {
            return Ok(false);
        }
    }
    Ok(false)
}

/// The segments that every log entry made part of the ledger, entry by entry.
///
/// # Errors
/// An entry is there and cannot be read.
pub(super) fn added(store: &Store) -> Result<Vec<Vec<Added>>, Failure> {
    let mut entries = Vec::new();
    for name in store.list("log")? {
        let Some(bytes) = store.get(&name)? else { continue };
        let entry: LogEntry = serde_json::from_slice(&bytes).map_err(|error| {
            let sentence = format!("the ledger's log entry {}/{name} is damaged", store.folder().display());
            Failure::input(sentence).because(error)
        })?;
        entries.push(entry.add);
    }
    Ok(entries)
}

/// The facts that a log entry names; `None` if there is no such entry.
///
/// # Errors
/// A file is there and cannot be read.
pub fn read(store: &Store, position: u64) -> Result<Option<Read>, Failure> {
    let name = log_name(position);
    let Some(bytes) = store.get(&name)? else { return Ok(None) };
    let entry: LogEntry = serde_json::from_slice(&bytes).map_err(|error| {
        let sentence = format!("the ledger's log entry {}/{name} is damaged", store.folder().display());
        Failure::input(sentence).because(error).hint("move the ledger away and let the next run start a new one")
    })?;
    // What was packed is the same facts in another form, of which a map has read the first.
    let is_packing = entry.add.iter().any(|added| added.format == PACKED_FORMAT);
    let mut read = Read { removed: !entry.remove.is_empty() && !is_packing, ..Read::default() };
    // What was learned from elsewhere is for the lens: it says nothing of what a test depends on, or how it ended here.
    for added in entry.add.iter().filter(|added| ![imports::FORMAT, PACKED_FORMAT].contains(&added.format.as_str())) {
        let Some(bytes) = store.get(&added.path)? else {
            read.bad_lines += added.rows;
            continue;
        };
        read.bad_lines += match added.kind.as_str() {
            "outcomes" => take(&bytes, &mut read.outcomes),
            "edges" => take(&bytes, &mut read.edges),
            "events" => take(&bytes, &mut read.events),
            "runs" => take(&bytes, &mut read.runs),
            _ => 0,
        };
    }
    Ok(Some(read))
}

fn take<T: serde::de::DeserializeOwned>(bytes: &[u8], into: &mut Vec<T>) -> u64 {
    let (lines, bad) = decode(bytes);
    into.extend(lines);
    bad
}
