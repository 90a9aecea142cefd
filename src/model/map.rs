//! The map: what is known about every test, in the shape in which a snapshot keeps it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::edge::{DEEP, EdgeKind, Target};
use super::outcome::Outcome;
use super::shape::Shape;
use super::suite::Suites;
use super::tree::{Entry, Tree};

/// A passing footprint is kept so long; one full match is enough to leave a test out.
pub const KEPT_FOOTPRINTS: usize = 8;

/// An edge with its words interned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeRow {
    /// The sort of dependence.
    pub kind: EdgeKind,
    /// Index into [`Map::strings`].
    pub path: u32,
    /// Index into [`Map::strings`].
    pub name: u32,
    /// What was there.
    pub hash: Digest,
}

/// A set of edges; sets that it includes stand before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRow {
    /// Its content's digest.
    pub id: Digest,
    /// Indices into [`Map::edges`].
    pub edges: Vec<u32>,
    /// Indices into [`Map::sets`].
    pub includes: Vec<u32>,
}

/// The tree that some footprints were recorded on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryRow {
    /// Its digest.
    pub id: Digest,
    /// Path (index into [`Map::strings`]) and what was there.
    pub entries: Vec<(u32, Entry)>,
    /// Paths that runs themselves write.
    pub outputs: Vec<u32>,
}

/// One kept footprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FootprintRow {
    /// The run that recorded it.
    pub run: String,
    /// Indices into [`Map::sets`]; the test's own window first.
    pub sets: Vec<u32>,
    /// What the process remembered for it.
    pub memory: Option<u32>,
    /// Index into [`Map::inventories`].
    pub inventory: u32,
    /// Makes nothing known.
    pub walker: bool,
    /// A path that none of its edges names was not touched.
    pub traced: bool,
    /// No path matters that none of its edges names.
    pub bounded: bool,
}

/// What is known of one test under one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestRow {
    /// Its id.
    pub id: String,
    /// Index into [`Map::variants`].
    pub variant: u32,
    /// How it ended when it last ran.
    pub last: Outcome,
    /// The run in which that was.
    pub last_run: String,
    /// How long it last took.
    pub seconds: f64,
    /// Passing footprints, newest first.
    pub footprints: Vec<FootprintRow>,
}

/// A variant that tests ran under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantRow {
    /// The digest of `variant_v1`.
    pub id: String,
    /// The canonical JSON it is the digest of.
    pub inputs: String,
    /// The runner's configuration file and the digest of the runner's tables when it was last seen.
    pub configuration: Option<String>,
}

/// A command line that ran to its end: what must be equal for the runner not to be needed to find out that nothing has to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchRow {
    /// Digest of the command, the folder it ran in and its environment's fingerprint.
    pub key: Digest,
    /// The command's words.
    pub command: Vec<String>,
    /// Where it ran, from the root.
    pub folder: String,
    /// The interpreter.
    pub interpreter: String,
    /// Folders whose listing is the list of installed packages.
    pub sites: Vec<String>,
    /// Index into [`Map::variants`].
    pub variant: u32,
    /// Indices into [`Map::tests`]-like ids: the tests that it collected.
    pub collected: Vec<String>,
    /// Whether it asked for an output file.
    pub writes: bool,
    /// Index into [`Map::inventories`]: the tree on which it collected.
    pub inventory: u32,
    /// The run.
    pub run: String,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RanRow {
    /// Its id.
    pub run: String,
    /// The tree that it ran on.
    pub inventory: Digest,
    /// How long the user's command took.
    pub seconds: f64,
    /// How many tests it ran.
    pub tests: u32,
    /// How long these took one after the other, in microseconds.
    pub micros: u64,
}

/// The default branch's own decisions: pull requests whose clone does not hold them obey these.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Home {
    /// The commit.
    pub commit: String,
    /// The text of `titer.toml`; `None` where there is none.
    pub policy: Option<String>,
    /// Where tests live.
    pub suites: Suites,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Map {
    /// How far in the ledger's log this map has read.
    pub position: u64,
    /// The commit of the newest run.
    pub commit: Option<String>,
    /// Words that the rows below point at.
    pub strings: Vec<String>,
    /// Edges.
    pub edges: Vec<EdgeRow>,
    /// Sets of edges.
    pub sets: Vec<SetRow>,
    /// Trees.
    pub inventories: Vec<InventoryRow>,
    /// Variants.
    pub variants: Vec<VariantRow>,
    /// Tests, sorted by id, then variant.
    pub tests: Vec<TestRow>,
    /// Command lines that ran to their end, newest first.
    pub launches: Vec<LaunchRow>,
    /// The newest runs, newest first.
    pub runs: Vec<RanRow>,
    /// What tests were worth when they were last placed, in points, in the order of ids.
    pub worth: Vec<(String, u32)>,
    /// What the default branch said of itself when it last ran.
    pub home: Option<Home>,
    /// Shapes of source files by their content, so that only what changed is parsed.
    pub shapes: Vec<(Digest, Shape)>,
}

impl Map {
    /// An interned word.
    #[must_use]
    pub fn word(&self, at: u32) -> &str {
        self.strings.get(at as usize).map_or("", String::as_str)
    }

    /// What an edge points at.
    #[must_use]
    pub fn target(&self, edge: &EdgeRow) -> Target {
        Target::new(edge.kind, self.word(edge.path), self.word(edge.name))
    }

    /// Indices into [`Map::edges`] of all that a set holds, with the sets that it includes.
    #[must_use]
    pub fn held(&self, set: u32) -> BTreeSet<u32> {
        let (mut waiting, mut seen, mut held) = (vec![set], BTreeSet::from([set]), BTreeSet::new());
        while let Some(row) = waiting.pop().and_then(|at| self.sets.get(at as usize)) {
            held.extend(&row.edges);
            waiting.extend(row.includes.iter().filter(|&&other| seen.insert(other)));
        }
        held
    }

    /// The run whose deep record a footprint knows of.
    #[must_use]
    pub fn deep_run(&self, footprint: &FootprintRow) -> Option<&str> {
        let set = self.sets.get(footprint.memory? as usize)?;
        let rows = set.edges.iter().filter_map(|&edge| self.edges.get(edge as usize));
        let mut marks = rows.filter(|row| row.kind == EdgeKind::Fingerprint && self.word(row.path).is_empty());
        marks.find_map(|row| self.word(row.name).strip_prefix(DEEP))
    }

    /// Whether a bounded footprint names functions that its test ran.
    #[must_use]
    pub fn is_by_function(&self, footprint: &FootprintRow) -> bool {
        let own = footprint.sets.first().and_then(|&set| self.sets.get(set as usize));
        let mut rows = own.into_iter().flat_map(|set| &set.edges).filter_map(|&edge| self.edges.get(edge as usize));
        footprint.bounded && rows.any(|row| row.kind == EdgeKind::Ran && self.word(row.name) != "*")
    }

    /// Whether every row points at rows that are there, and at sets that stand before it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let below = |at: u32, length: usize| (at as usize) < length;
        let (strings, sets) = (self.strings.len(), self.sets.len());
        let edges = self.edges.iter().all(|edge| below(edge.path, strings) && below(edge.name, strings));
        let included = self.sets.iter().enumerate().all(|(at, set)| {
            set.includes.iter().all(|&other| below(other, at))
                && set.edges.iter().all(|&edge| below(edge, self.edges.len()))
        });
        let trees = self.inventories.iter().all(|row| {
            let mut paths = row.entries.iter().map(|(path, _)| path).chain(&row.outputs);
            paths.all(|&path| below(path, strings))
        });
        let footprints = self.tests.iter().flat_map(|test| &test.footprints).all(|footprint| {
            let mut all = footprint.sets.iter().chain(&footprint.memory);
            below(footprint.inventory, self.inventories.len()) && all.all(|&set| below(set, sets))
        });
        let variants =
            self.tests.iter().map(|test| test.variant).chain(self.launches.iter().map(|launch| launch.variant));
        let launches = self.launches.iter().all(|launch| below(launch.inventory, self.inventories.len()));
        edges
            && included
            && trees
            && footprints
            && launches
            && variants.into_iter().all(|v| below(v, self.variants.len()))
    }

    /// An inventory as a tree.
    #[must_use]
    pub fn tree(&self, at: u32) -> Option<Tree> {
        let row = self.inventories.get(at as usize)?;
        let entries = row.entries.iter().map(|&(path, entry)| (self.word(path).to_owned(), entry)).collect();
        Some(Tree { entries, ..Tree::default() })
    }
}
