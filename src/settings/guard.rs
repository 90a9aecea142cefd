//! The table `[guard]` of `titer.toml`: how guards are drafted, and who may merge them.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::budget::duration;
use crate::model::failure::Failure;

/// What the owners decided about guards.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardPolicy {
    /// The interpreter that drafts run under; else it is looked for.
    pub python: Option<PathBuf>,
    /// What one draft may take, in microseconds.
    pub draft: u64,
    /// What one sweep may take, in microseconds.
    pub sweep: u64,
    /// How many faults one sweep takes on.
    pub most: u32,
    /// Whether the weekly job sweeps.
    pub weekly: bool,
    /// Who is asked for what the ladder does not find.
    pub agent: AgentPolicy,
    /// Whether the pull request of a guard that passed all criteria is merged without a person.
    pub auto_merge: bool,
}

/// The table as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    python: Option<PathBuf>,
    draft: Option<String>,
    sweep: Option<String>,
    most: Option<u32>,
    weekly: Option<bool>,
    auto_merge: Option<bool>,
    agent: Option<AgentTable>,
}

/// An agent, and what it may take for one fault.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentPolicy {
    /// Its command; none is asked where it is empty.
    pub command: Vec<String>,
    /// How often it is asked.
    pub attempts: u32,
    /// What all its answers may take, in microseconds.
    pub micros: u64,
    /// What all its answers may cost, in whatever its `cost` counts; without end where there is none.
    pub cost: Option<f64>,
}

/// The table as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AgentTable {
    command: Option<Vec<String>>,
    attempts: Option<u32>,
    time: Option<String>,
    cost: Option<f64>,
}

impl AgentPolicy {
    fn bare() -> Self {
        Self { command: Vec::new(), attempts: 3, micros: 600_000_000, cost: None }
    }

    fn with(self, table: Option<AgentTable>, path: &Path) -> Result<Self, Failure> {
        let table = table.unwrap_or_default();
        let time = table.time.map(|text| duration(&text)).transpose();
        let time = time.map_err(|why| Failure::input(format!("{}: guard.agent.time: {why}", path.display())))?;
        let cost = table.cost.filter(|most| *most != 0.0);
        if cost.is_some_and(|most| !most.is_finite() || most < 0.0) {
            let sentence =
                format!("{}: guard.agent.cost: it has to be a number above 0, or 0 for no bound", path.display());
            return Err(Failure::input(sentence));
        }
        Ok(Self {
            command: table.command.unwrap_or(self.command),
            attempts: table.attempts.unwrap_or(self.attempts),
            micros: time.unwrap_or(self.micros),
            cost: cost.or(self.cost),
        })
    }
}

impl GuardPolicy {
    pub(super) fn bare() -> Self {
        Self {
            python: None,
            draft: 60_000_000,
            sweep: 600_000_000,
            most: 10,
            weekly: true,
            auto_merge: false,
            agent: AgentPolicy::bare(),
        }
    }

    /// The same with what a file says.
    pub(super) fn with(self, table: Option<Table>, path: &Path) -> Result<Self, Failure> {
        let table = table.unwrap_or_default();
        let time = |key: &str, text: Option<String>, old: u64| match text {
            Some(text) => {
                duration(&text).map_err(|why| Failure::input(format!("{}: guard.{key}: {why}", path.display())))
            }
            None => Ok(old),
        };
        Ok(Self {
            python: table.python.filter(|file| !file.as_os_str().is_empty()).or(self.python),
            draft: time("draft", table.draft, self.draft)?,
            sweep: time("sweep", table.sweep, self.sweep)?,
            most: table.most.unwrap_or(self.most),
            weekly: table.weekly.unwrap_or(self.weekly),
            agent: self.agent.with(table.agent, path)?,
            auto_merge: table.auto_merge.unwrap_or(self.auto_merge),
        })
    }
}
