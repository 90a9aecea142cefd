//! What has to be known of a run of cargo after it, by whoever reads what its processes told.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bridges::workspace;

/// The folder of cargo's files in a run's folder.
pub(super) const FOLDER: &str = "cargo";

const FILE: &str = "state.json";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The user's command, if it is a call of cargo itself.
    pub(super) direct: Option<Direct>,
    /// Whether what tests depend on is to be recorded.
    pub(super) record: bool,
    /// Whether the file tracer was let into test programs.
    pub(super) traced: bool,
    /// Whether every test ran in a process of its own, and told which functions it ran.
    pub(super) by_function: bool,
    /// Where nextest tells what happened.
    pub(super) report: Option<PathBuf>,
    /// Tests that nextest was told to leave out.
    pub(super) left_out: Vec<String>,
}

/// A call of cargo that stands in the user's command.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Direct {
    /// The command.
    pub(super) command: Vec<String>,
    /// The digest of `variant_v1`.
    pub(super) variant: String,
    /// What it is the digest of.
    pub(super) inputs: String,
    /// The target folder that it built into, where that is not the project's own.
    pub(super) target: Option<String>,
}

impl State {
    /// Reads the file of a run.
    pub(super) fn read(run: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(run.join(FOLDER).join(FILE)).ok()?).ok()
    }

    /// Writes it.
    pub(super) fn write(&self, run: &Path) -> Result<(), String> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        workspace::write_file(&run.join(FOLDER).join(FILE), &bytes)
            .map_err(|error| crate::bridges::runners::in_words(&error))
    }
}
