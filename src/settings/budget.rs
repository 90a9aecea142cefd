//! The keys of `titer.toml` about time: what a commit's run may take, and what becomes of the tests that do not fit.

use std::path::Path;

use serde::Deserialize;

use crate::model::failure::Failure;

/// What the owners decided about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetPolicy {
    /// What a run of FAST may take, in microseconds.
    pub micros: u64,
    /// What becomes of tests that do not fit.
    pub overflow: Overflow,
    /// In which order tests run.
    pub order: Order,
    /// What a probe may take on CI of the default branch, in microseconds; 0 is none.
    pub probe: u64,
}

/// What becomes of tests that the change touches and the budget has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overflow {
    /// They run all the same.
    Run,
    /// A second job of the same commit runs them, with `--rest`.
    Rest,
}

/// In which order tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The runner's own.
    Runner,
    /// Whole files, by what they tell in a second.
    Value,
}

/// The keys as they stand in the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    pub(super) budget: Option<String>,
    pub(super) overflow: Option<Overflow>,
    pub(super) order: Option<Order>,
    pub(super) probe: Option<String>,
}

impl BudgetPolicy {
    /// Nothing is put off and nothing is drawn.
    pub(super) fn bare() -> Self {
        Self { micros: u64::MAX, overflow: Overflow::Run, order: Order::Runner, probe: 0 }
    }

    /// The same with what a file says.
    pub(super) fn with(self, keys: &Keys, path: &Path) -> Result<Self, Failure> {
        let read = |name: &str, said: Option<&String>, otherwise: u64| match said {
            Some(text) => {
                duration(text).map_err(|why| Failure::input(format!("{}: {name} = \"{text}\": {why}", path.display())))
            }
            None => Ok(otherwise),
        };
        Ok(Self {
            micros: read("budget", keys.budget.as_ref(), self.micros)?,
            overflow: keys.overflow.unwrap_or(self.overflow),
            order: keys.order.unwrap_or(self.order),
            probe: read("probe", keys.probe.as_ref(), self.probe)?,
        })
    }
}

/// Microseconds of a duration in words: `55s`, `1m 30s`, `500ms`.
///
/// # Errors
/// It is none; the sentence says how one is written.
pub fn duration(text: &str) -> Result<u64, String> {
    let found: Result<jiff::SignedDuration, _> = text.parse();
    let micros = found.ok().and_then(|found| u64::try_from(found.as_micros()).ok());
    micros.ok_or_else(|| "not a duration, which is written 55s, 500ms or 1m30s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let read = ["55s", "500ms", "1m30s", "1m 30s", "0s", "2h"].map(|text| duration(text).ok());
        assert_eq!(read, [55_000_000, 500_000, 90_000_000, 90_000_000, 0, 7_200_000_000].map(Some));
        for wrong in ["", "55", "fast", "-5s", "5 parsecs"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
