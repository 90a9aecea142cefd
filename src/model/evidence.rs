//! Evidence: the one row of a test that placement rules may look at, and the numbers that they hold it against.

use serde::{Deserialize, Serialize};

/// Seconds since 1970 in UTC.
pub type Seconds = i64;

/// Seconds of one day.
pub const DAY: Seconds = 86_400;

/// What is known of one test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Its id.
    pub test: String,
    /// How many code paths it covers.
    pub code_paths: i64,
    /// How many of these no other test covers.
    pub only_here: i64,
    /// How many of these history says nothing about.
    pub without_history: i64,
    /// When one of these last changed.
    pub last_changed: Option<Seconds>,
    /// That code path.
    pub changed_path: String,
    /// The commit.
    pub changed_by: String,
    /// How often they changed.
    pub changes: i64,
    /// How many people changed the one that most people changed.
    pub authors: i64,
    /// When one of these last failed in production.
    pub last_sighted: Option<Seconds>,
    /// That code path.
    pub faulty_path: String,
    /// How many faults point at them.
    pub faults: i64,
    /// How often they were seen.
    pub sightings: i64,
    /// How many of the files of these lie where no source has been watching long and well enough.
    pub unwatched_files: i64,
    /// How many faults that could not be mapped may lie in these files.
    pub unmapped_faults: i64,
    /// When git first had it.
    pub added: Option<Seconds>,
    /// When it last failed and did not pass on the same tree.
    pub last_true_failure: Option<Seconds>,
    /// How often it did.
    pub true_failures: i64,
    /// When a failure of it was found that a commit's run had left out.
    pub last_escape: Option<Seconds>,
    /// The first run that left it out, and the reason that this run gave.
    pub escaped_from: String,
    /// On how many trees of the last 30 days it both passed and failed.
    pub flakes: i64,
    /// When it last failed on a tree on which it also passed.
    pub last_flake: Option<Seconds>,
    /// In how many runs it ran.
    pub runs: i64,
    /// What it takes, in microseconds.
    pub median_us: i64,
}

/// The numbers of policy that rules hold evidence against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// The instant of the decision: as-of, 00:00 UTC.
    pub as_of: Seconds,
    /// A code path unchanged for so many days is quiet.
    pub quiet_days: i64,
    /// A fault counts for so many days; 0 is for ever.
    pub fault_days: i64,
    /// A true failure counts for so many days.
    pub failure_days: i64,
    /// A test younger than that stays in FAST.
    pub young_days: i64,
    /// Flaky on so many trees in 30 days.
    pub flaky_trees: i64,
    /// A quarantine ends after so many days.
    pub quarantine_days: i64,
    /// Who is asked to mend what is quarantined.
    pub quarantine_owner: String,
    /// Slow from so many milliseconds.
    pub slow_ms: i64,
    /// A source must have watched for so many days.
    pub watched_days: i64,
    /// It may be so many days behind.
    pub behind_days: i64,
    /// It must have mapped so many percent of its frames.
    pub mapped_percent: i64,
    /// So many tests move to WEEKLY in one go.
    pub most_moves: i64,
    /// A path that keeps so many percent of the suite in FAST is named.
    pub crowded_percent: i64,
    /// A test so many days in WEEKLY that nobody would miss is proposed for removal; 0 is never.
    #[serde(default)]
    pub removal_days: i64,
}

impl Thresholds {
    /// Nothing decided: everything stays in FAST.
    #[must_use]
    pub fn bare() -> Self {
        Self {
            as_of: 0,
            quiet_days: i64::MAX / 100_000,
            fault_days: 0,
            failure_days: 0,
            young_days: 0,
            flaky_trees: i64::MAX,
            quarantine_days: 0,
            quarantine_owner: String::new(),
            slow_ms: i64::MAX,
            watched_days: 0,
            behind_days: 0,
            mapped_percent: 100,
            most_moves: 0,
            crowded_percent: 100,
            removal_days: 0,
        }
    }

    /// Whether an instant lies in the last `days` before the decision.
    #[must_use]
    pub fn is_within(&self, at: Option<Seconds>, days: i64) -> bool {
        at.is_some_and(|at| at > self.as_of - days * DAY)
    }

    /// Whole days from an instant to the day of the decision, all of which counts: none for what happened on it.
    #[must_use]
    pub fn days_since(&self, at: Seconds) -> i64 {
        (self.as_of - at).div_euclid(DAY).max(0)
    }
}

/// A reason for a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// The rule that gave it.
    pub rule: &'static str,
    /// In words, with the numbers.
    pub text: String,
}
