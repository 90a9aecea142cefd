//! `plan_v1`: what titer tells the adapter before the runner starts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::shard::Share;

/// The number of this format.
pub const VERSION: u32 = 1;

/// The plan file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanFile<'a> {
    /// [`VERSION`].
    pub v: u32,
    /// The run's id.
    pub run: &'a str,
    /// The repository's root, absolute.
    pub root: &'a str,
    /// Whether to trace edges.
    pub record: bool,
    /// Normalised names of the project's own distributions.
    pub own: &'a [String],
    /// Root-relative configuration files to the digest of their runner's tables.
    pub configs: &'a BTreeMap<String, String>,
    /// Variables named by policy to the digest of their value.
    pub variables: &'a BTreeMap<String, String>,
    /// `run-whole` or `ignore`: what a coverage threshold means.
    pub coverage: &'a str,
    /// Root-relative folders that are not first-party.
    pub exclude: &'a [String],
    /// The folder of the file tracer, if it runs.
    pub trace: Option<&'a str>,
    /// The folder that holds the adapter.
    pub adapter: &'a str,
    /// Folders of installed packages that are part of the repository, each with a slash behind it.
    pub kept: &'a BTreeSet<String>,
    /// Whether a file of snapshots belongs to no test file.
    pub orphans: bool,
    /// Why nothing may be left out.
    pub whole: Option<&'a str>,
    /// `reverse` in the second pass of a deep record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<&'static str>,
    /// Root-relative test files in the order in which they are to run; empty: in the runner's own.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub files: &'a [String],
    /// For every variant, the tests in the order of the first pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<&'a BTreeMap<String, Vec<String>>>,
    /// Which shard of several this is. Of what no section leaves out, the units (a test without its parameters; a file of jest's) of other
    /// shards are left out as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardOf<'a>>,
    /// For every variant known, what it leaves out.
    pub sections: BTreeMap<&'a str, Section<'a>>,
}

/// One of several shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ShardOf<'a> {
    /// Which one, from 1.
    pub index: u32,
    /// Of how many.
    pub of: u32,
    /// Whose a unit is; others are shared out by name.
    pub owners: &'a BTreeMap<String, u32>,
}

impl<'a> ShardOf<'a> {
    /// What an adapter has to know of a share.
    #[must_use]
    pub fn of(share: &'a Share) -> Self {
        Self { index: share.shard.index, of: share.shard.of, owners: &share.owners }
    }
}

/// The part of one variant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Section<'a> {
    /// Test to reason code.
    pub left_out: BTreeMap<&'a str, &'static str>,
}

/// The file's bytes.
#[must_use]
pub fn write(plan: &PlanFile<'_>) -> Vec<u8> {
    serde_json::to_vec(plan).unwrap_or_default()
}
