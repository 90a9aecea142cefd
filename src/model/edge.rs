//! One piece of knowledge that a test depends on something.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// What sort of dependence it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeKind {
    /// A function's body; the name `*` is the whole file.
    Ran,
    /// A file's module-level code.
    Loaded,
    /// A file's bytes.
    Read,
    /// A folder's listing.
    Listed,
    /// What was there, or was not: the name `import:NAME` is an import of NAME from the folder, the empty name the path itself.
    Probed,
    /// A program started.
    Spawned,
    /// A fixture.
    Fixture,
    /// Something that cannot be traced: depends on every path that is not inert.
    Opaque,
    /// What decides about all tests: the tables of a configuration file (`runner`, `build`, and `metadata` for those who ask for
    /// it), a variable (path `env`).
    Fingerprint,
}

impl EdgeKind {
    /// The word used in ledgers, in SQL and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Loaded => "loaded",
            Self::Read => "read",
            Self::Listed => "listed",
            Self::Probed => "probed",
            Self::Spawned => "spawned",
            Self::Fixture => "fixture",
            Self::Opaque => "opaque",
            Self::Fingerprint => "fingerprint",
        }
    }

    /// The kind that [`EdgeKind::word`] names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::Ran,
            Self::Loaded,
            Self::Read,
            Self::Listed,
            Self::Probed,
            Self::Spawned,
            Self::Fixture,
            Self::Opaque,
            Self::Fingerprint,
        ]
        .into_iter()
        .find(|kind| kind.word() == word)
    }
}

/// What an edge points at, without the hash that it had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The sort of dependence.
    pub kind: EdgeKind,
    /// A path from the root; empty where none applies.
    pub path: String,
    /// A function, a module name, a program, a variable; empty where none applies.
    pub name: String,
}

impl Target {
    /// A target from its parts.
    #[must_use]
    pub fn new(kind: EdgeKind, path: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, path: path.into(), name: name.into() }
    }
}

/// How the name of an opaque target begins that stands for a test which fails in another order, or for one beside it.
const ORDER_DEPENDENT: &str = "order-dependent";
/// How the name of the mark of a deep record begins; the run follows.
pub const DEEP: &str = "deep ";

/// The name of a listed edge on the names of all mocks of the repository.
pub const MOCKS: &str = "mocks";
/// The name of a listed edge on the names of all declarations that a compiler takes in by itself.
pub const AMBIENT: &str = "declarations";
/// How the name of a probed edge begins on all files in the folder that a module of the name which follows may be found in.
pub const BESIDE: &str = "beside:";

impl Target {
    /// The mark of a test that fails in another order. What such a test needs is not known, so it depends on everything; the
    /// tests `beside` it (of its file) have the mark, too, so that they are selected together.
    #[must_use]
    pub fn order_dependent(beside: Option<&str>) -> Self {
        let name = beside.map_or_else(|| ORDER_DEPENDENT.to_owned(), |test| format!("{ORDER_DEPENDENT} {test}"));
        Self::new(EdgeKind::Opaque, "", name)
    }

    /// Whether it is such a mark.
    #[must_use]
    pub fn is_order_dependent(&self) -> bool {
        self.kind == EdgeKind::Opaque && self.path.is_empty() && self.name.starts_with(ORDER_DEPENDENT)
    }

    /// The mark of a footprint that holds what the deep record of a run found out. It never changes.
    #[must_use]
    pub fn deep(run: &str) -> Self {
        Self::new(EdgeKind::Fingerprint, "", format!("{DEEP}{run}"))
    }

    /// The run of such a mark.
    #[must_use]
    pub fn deep_run(&self) -> Option<&str> {
        if self.kind == EdgeKind::Fingerprint && self.path.is_empty() { self.name.strip_prefix(DEEP) } else { None }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.as_str(), self.name.as_str()) {
            (path, "") => f.write_str(path),
            ("", name) => f.write_str(name),
            (path, name) => write!(f, "{path} {name}"),
        }
    }
}

/// A target and the hash it had when a test that depends on it passed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// What it points at.
    pub target: Target,
    /// What was there.
    pub hash: Digest,
}
