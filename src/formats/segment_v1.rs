//! `segment_v1`: the facts of one run as the ledger keeps them, one JSON object a line, zstd over it all, one file a kind.
//!
//! Kinds written today: `runs`, `outcomes`, `decisions`, `edges` (edges, sets that include sets, footprints, trees) and `events`
//! (variants and launches). A line that does not parse is counted and the rest is kept.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::digest::Digest;
use crate::model::edge::{Edge, EdgeKind, Target};
use crate::model::footprint::{EdgeSet, Footprint};
use crate::model::outcome::Outcome;
use crate::model::suite::Suites;
use crate::model::tree::{Entry, Mode, Tree};

/// The number of this format.
pub const VERSION: u32 = 1;

/// zstd's level: higher ones cost more time than they save bytes.
const LEVEL: i32 = 3;

/// zstd's level for what comes by the million.
const QUICK_LEVEL: i32 = 1;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the members are the columns of the view `runs`, described there")]
pub struct RunRow {
    pub v: u32,
    pub run: String,
    pub attempt: u32,
    pub shard: String,
    pub started: String,
    pub seconds: f64,
    pub runner: String,
    pub command: Vec<String>,
    pub cwd: String,
    pub commit: Option<String>,
    pub branch: Option<String>,
    pub dirty: bool,
    pub recorded: bool,
    pub health: String,
    pub exit: i32,
    pub titer: String,
    pub tests_run: u64,
    pub tests_left_out: u64,
    pub inventory: Digest,
    /// What the shards of one CI run have in common that go by the same shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_run: Option<String>,
    /// `weekly` where nothing was left out of either suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
}

/// The outcome of one test in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the members are the columns of the view `outcomes`, described there")]
pub struct OutcomeRow {
    pub v: u32,
    pub run: String,
    pub at: String,
    pub test: String,
    pub variant: String,
    pub outcome: Outcome,
    pub seconds: f64,
    pub attempt: u32,
    pub worker: String,
}

/// One reason of one run, or the set of tests that it names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are the columns of the view `decisions`, described there")]
pub struct DecisionRow {
    pub v: u32,
    pub run: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For what was asked for: the reason for which it would have been left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Digest>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
}

/// A line of the kind `edges`; `kind` says which members it has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are the columns of the views `edges` and `footprints`, described there")]
pub struct EdgeLine {
    pub v: u32,
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Digest>,
    pub path: String,
    pub name: String,
    pub hash: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub run: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub at: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub test: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Digest>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub walker: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub traced: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bounded: bool,
}

/// A line of the kind `events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(missing_docs, reason = "the members are those of `VariantRow` and `LaunchRow` in model/map.rs")]
pub enum EventLine {
    Variant {
        v: u32,
        id: String,
        inputs: String,
        configuration: Option<String>,
    },
    /// Tests of a variant that are no longer there: what is known of them is forgotten, so that they run should they return.
    Gone {
        v: u32,
        variant: String,
        tests: Vec<String>,
    },
    /// What some tests are worth, in points, as of a placement; the lines of one segment are one statement.
    Worth {
        v: u32,
        tests: Vec<(String, u32)>,
    },
    /// What the default branch says of itself, and where some of its tests live; the lines of one segment are one statement.
    Home {
        v: u32,
        commit: String,
        policy: Option<String>,
        suites: Suites,
    },
    Launch {
        v: u32,
        run: String,
        key: Digest,
        command: Vec<String>,
        folder: String,
        interpreter: String,
        sites: Vec<String>,
        variant: String,
        collected: Vec<String>,
        writes: bool,
        inventory: Digest,
    },
}

/// The bytes of a segment.
#[must_use]
pub fn encode<T: Serialize>(lines: &[T]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        if let Ok(bytes) = serde_json::to_vec(line) {
            text.extend_from_slice(&bytes);
            text.push(b'\n');
        }
    }
    packed(&text, LEVEL)
}

/// The bytes of a segment whose lines, of which there are many, are written already.
#[must_use]
pub fn pack(text: &[u8]) -> Vec<u8> {
    packed(text, QUICK_LEVEL)
}

fn packed(text: &[u8], level: i32) -> Vec<u8> {
    zstd::bulk::compress(text, level).unwrap_or_default()
}

/// The lines of a segment, and how many of them could not be read (1 more if the file itself is torn).
#[must_use]
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> (Vec<T>, u64) {
    let Ok(text) = zstd::decode_all(bytes) else { return (Vec::new(), 1) };
    let mut lines = Vec::new();
    let mut bad = 0;
    for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(line) => lines.push(line),
            Err(_) => bad += 1,
        }
    }
    (lines, bad)
}

/// The lines of one set of edges.
#[must_use]
pub fn set_lines(set: &EdgeSet) -> Vec<EdgeLine> {
    let line = |kind: &str, path: &str, name: String, hash: String| EdgeLine {
        v: VERSION,
        kind: kind.to_owned(),
        set: Some(set.id),
        path: path.to_owned(),
        name,
        hash,
        ..EdgeLine::default()
    };
    let edges = set.edges.iter();
    let edges = edges.map(|e| line(e.target.kind.word(), &e.target.path, e.target.name.clone(), e.hash.to_string()));
    let includes = set.includes.iter().map(|id| line("includes", "", id.to_string(), String::new()));
    let mut lines: Vec<EdgeLine> = edges.chain(includes).collect();
    if lines.is_empty() {
        // An empty set is a fact too: without a line nobody would know that it is there.
        lines.push(line("empty", "", String::new(), String::new()));
    }
    lines
}

/// The line of one footprint.
#[must_use]
pub fn footprint_line(footprint: &Footprint, run: &str, at: &str, inventory: Digest) -> EdgeLine {
    EdgeLine {
        v: VERSION,
        kind: "footprint".to_owned(),
        run: run.to_owned(),
        at: at.to_owned(),
        test: footprint.test.clone(),
        variant: footprint.variant.clone(),
        sets: footprint.sets.clone(),
        memory: footprint.memory,
        inventory: Some(inventory),
        walker: footprint.walker,
        traced: footprint.traced,
        bounded: footprint.bounded,
        ..EdgeLine::default()
    }
}

/// The lines of a tree, and of the paths in it that the run itself wrote.
pub fn tree_lines<'a>(tree: &'a Tree, outputs: impl IntoIterator<Item = &'a String>) -> Vec<EdgeLine> {
    let id = tree.digest();
    let line = |kind: &str, path: &str, name: &str, hash: String| EdgeLine {
        v: VERSION,
        kind: kind.to_owned(),
        set: Some(id),
        path: path.to_owned(),
        name: name.to_owned(),
        hash,
        ..EdgeLine::default()
    };
    let files = tree.entries.iter().map(|(p, e)| line("tree", p, e.mode.octal(), e.content.to_string()));
    let mut lines: Vec<EdgeLine> = files.collect();
    lines.extend(outputs.into_iter().map(|path| line("output", path, "", String::new())));
    lines
}

/// The edge on a line, if it is one.
#[must_use]
pub fn edge_of(line: &EdgeLine) -> Option<Edge> {
    let kind = EdgeKind::from_word(&line.kind)?;
    Some(Edge { target: Target::new(kind, &line.path, &line.name), hash: Digest::from_hex(&line.hash)? })
}

/// The file on a line, if it is one of a tree.
#[must_use]
pub fn file_of(line: &EdgeLine) -> Option<(String, Entry)> {
    let mode = Mode::from_octal(&line.name)?;
    Some((line.path.clone(), Entry { mode, content: Digest::from_hex(&line.hash)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_edges_survives_being_written_and_read() {
        let edge = Edge { target: Target::new(EdgeKind::Ran, "a.py", "f"), hash: Digest(7) };
        let set = EdgeSet::new(vec![edge.clone()], vec![Digest(9)]);
        let (lines, bad): (Vec<EdgeLine>, u64) = decode(&encode(&set_lines(&set)));
        assert_eq!((bad, lines.len(), edge_of(&lines[0])), (0, 2, Some(edge)));
    }

    #[test]
    fn a_line_that_does_not_parse_is_counted_and_the_rest_kept() {
        let text = b"{\"v\":1,\"kind\":\"empty\"}\nnot json\n";
        let bytes = zstd::encode_all(text.as_slice(), LEVEL).unwrap_or_default();
        let (lines, bad): (Vec<EdgeLine>, u64) = decode(&bytes);
        assert_eq!((lines.len(), bad), (1, 1));
    }
}
