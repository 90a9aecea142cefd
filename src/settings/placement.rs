//! The tables `[placement]` and `[services]` of `titer.toml`: the numbers of placement's rules, and where each service lives.

use std::collections::BTreeMap;
use std::path::Path;

use globset::GlobSet;
use serde::Deserialize;

use crate::model::evidence::{Seconds, Thresholds};
use crate::model::failure::Failure;

use super::policy::globs;

/// What the owners decided about placement.
#[derive(Debug, Clone)]
pub struct PlacementPolicy {
    /// The numbers, with an instant to be filled in.
    numbers: Thresholds,
    /// Tests that stay in FAST, as globs over ids.
    pub pinned: GlobSet,
    /// The same as they are written.
    pub pinned_globs: Vec<String>,
    /// Folder of each service, from the root, without a slash at its end.
    pub services: BTreeMap<String, String>,
}

/// Globs over tests' ids, from a policy that was read before.
///
/// # Errors
/// One of them is none.
pub fn pinned(texts: &[String]) -> Result<GlobSet, Failure> {
    globs("placement.pinned", texts, Path::new(super::policy::FILE))
}

/// The table `[placement]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    quiet_days: Option<i64>,
    fault_days: Option<i64>,
    failure_days: Option<i64>,
    young_days: Option<i64>,
    flaky_trees: Option<i64>,
    quarantine_days: Option<i64>,
    quarantine_owner: Option<String>,
    slow_ms: Option<i64>,
    watched_days: Option<i64>,
    behind_days: Option<i64>,
    mapped_percent: Option<i64>,
    most_moves: Option<i64>,
    crowded_percent: Option<i64>,
    removal_days: Option<i64>,
    pinned: Option<Vec<String>>,
}

impl PlacementPolicy {
    /// Nothing decided: everything stays in FAST.
    pub(super) fn bare() -> Self {
        Self {
            numbers: Thresholds::bare(),
            pinned: GlobSet::empty(),
            pinned_globs: Vec::new(),
            services: BTreeMap::new(),
        }
    }

    /// The same with what a file says.
    pub(super) fn with(
        mut self,
        table: Option<Table>,
        services: Option<BTreeMap<String, String>>,
        path: &Path,
    ) -> Result<Self, Failure> {
        let table = table.unwrap_or_default();
        let numbers = &mut self.numbers;
        let places = [
            ("quiet_days", table.quiet_days, &mut numbers.quiet_days),
            ("fault_days", table.fault_days, &mut numbers.fault_days),
            ("failure_days", table.failure_days, &mut numbers.failure_days),
            ("young_days", table.young_days, &mut numbers.young_days),
            ("flaky_trees", table.flaky_trees, &mut numbers.flaky_trees),
            ("quarantine_days", table.quarantine_days, &mut numbers.quarantine_days),
            ("slow_ms", table.slow_ms, &mut numbers.slow_ms),
            ("watched_days", table.watched_days, &mut numbers.watched_days),
            ("behind_days", table.behind_days, &mut numbers.behind_days),
            ("mapped_percent", table.mapped_percent, &mut numbers.mapped_percent),
            ("most_moves", table.most_moves, &mut numbers.most_moves),
            ("crowded_percent", table.crowded_percent, &mut numbers.crowded_percent),
            ("removal_days", table.removal_days, &mut numbers.removal_days),
        ];
        for (name, said, place) in places {
            let Some(said) = said else { continue };
            let most = if name.ends_with("_percent") { 100 } else { 100_000_000 };
            if !(0..=most).contains(&said) {
                let sentence = format!("{}: placement.{name} is a number from 0 to {most}, not {said}", path.display());
                return Err(Failure::input(sentence));
            }
            *place = said;
        }
        numbers.quarantine_owner = table.quarantine_owner.unwrap_or(std::mem::take(&mut numbers.quarantine_owner));
        if let Some(pinned) = table.pinned {
            self.pinned = globs("placement.pinned", &pinned, path)?;
            self.pinned_globs = pinned;
        }
        if let Some(services) = services {
            let folder = |it: String| it.trim_matches('/').trim_start_matches("./").to_owned();
            self.services = services.into_iter().map(|(name, it)| (name, folder(it))).collect();
        }
        Ok(self)
    }

    /// The numbers at an instant.
    #[must_use]
    pub fn thresholds(&self, as_of: Seconds) -> Thresholds {
        Thresholds { as_of, ..self.numbers.clone() }
    }

    /// The numbers that views hold evidence against.
    #[must_use]
    pub fn in_views(&self) -> [(&'static str, i64); 5] {
        let it = &self.numbers;
        [
            ("quiet_days", it.quiet_days),
            ("fault_days", it.fault_days),
            ("watched_days", it.watched_days),
            ("behind_days", it.behind_days),
            ("mapped_percent", it.mapped_percent),
        ]
    }

    /// Services and their folders.
    #[must_use]
    pub fn folders(&self) -> Vec<(String, String)> {
        self.services.iter().map(|(service, folder)| (service.clone(), folder.clone())).collect()
    }
}
