//! Suites, and where each test lives.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// A suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// A candidate on every commit.
    #[default]
    Fast,
    /// Run by the weekly job, and on a commit that touches what it itself ran.
    Weekly,
}

impl Suite {
    /// The word used in machine output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Weekly => "weekly",
        }
    }

    /// The word used for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "FAST",
            Self::Weekly => "WEEKLY",
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a record leaves a test: in a suite, or nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// It is no test of this repository.
    Absent,
    /// In FAST.
    #[default]
    Fast,
    /// In WEEKLY.
    Weekly,
}

impl Place {
    /// The word used in records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Fast => "fast",
            Self::Weekly => "weekly",
        }
    }

    /// From the word used in records.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Absent, Self::Fast, Self::Weekly].into_iter().find(|place| place.word() == word)
    }

    /// Where a test of that place runs: one that no record knows is in FAST.
    #[must_use]
    pub fn suite(self) -> Suite {
        if self == Self::Weekly { Suite::Weekly } else { Suite::Fast }
    }
}

impl From<Suite> for Place {
    fn from(suite: Suite) -> Self {
        match suite {
            Suite::Fast => Self::Fast,
            Suite::Weekly => Self::Weekly,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Absent { "nowhere" } else { self.suite().name() })
    }
}

/// Where one test lives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Placement {
    /// The suite.
    pub suite: Suite,
    /// Whether its last record says that it was removed; should it run nevertheless, then in FAST.
    #[serde(default)]
    pub is_gone: bool,
    /// The rule that put it there.
    pub rule: String,
    /// Why, in words.
    pub text: String,
    /// Since when, RFC 3339 in UTC.
    pub since: String,
    /// The last day on which it stays there, `2026-12-21`, where its stay ends by itself.
    pub until: Option<String>,
    /// The digest of the record that put it there.
    pub record: String,
    /// When it moved, oldest first, RFC 3339 in UTC.
    pub moves: Vec<String>,
}

/// Where every test lives that any record speaks of; all others are in FAST.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Suites {
    /// By test.
    pub placements: BTreeMap<String, Placement>,
    /// Tests of which two records say different things: they are in FAST until a record resolves that.
    pub disputed: BTreeSet<String>,
    /// The records that a dispute is about, by test, each the last of its branch.
    #[serde(default)]
    pub tips: BTreeMap<String, Vec<String>>,
}

impl Suites {
    /// Where a test lives on a day (`2026-11-21`): a stay that has ended is none.
    #[must_use]
    pub fn weekly(&self, test: &str, today: &str) -> Option<&Placement> {
        let placement = self.placements.get(test).filter(|placement| placement.suite == Suite::Weekly)?;
        let has_ended = placement.until.as_deref().is_some_and(|until| until < today);
        (!has_ended && !self.disputed.contains(test)).then_some(placement)
    }

    /// What is in force where these are a change's own and `base` is what it changes: a test lives in WEEKLY only where both say so, and then
    /// as `base` says, so that a change can neither bring about nor sharpen a stay.
    #[must_use]
    pub fn measured_by(mut self, base: &Self) -> Self {
        for (test, placement) in &mut self.placements {
            match base.placements.get(test).filter(|stay| stay.suite == Suite::Weekly) {
                Some(stay) if placement.suite == Suite::Weekly => *placement = stay.clone(),
                _ => drop(self.disputed.insert(test.clone())),
            }
        }
        self.disputed.extend(base.disputed.iter().cloned());
        self
    }

    /// The records of a test that a new one would have to reconcile; none where there is no dispute.
    #[must_use]
    pub fn tips(&self, test: &str) -> Vec<String> {
        self.tips.get(test).cloned().unwrap_or_default()
    }

    /// Where the records leave a test; none if none speaks of it.
    #[must_use]
    pub fn place(&self, test: &str) -> Option<Place> {
        let placement = self.placements.get(test)?;
        Some(if placement.is_gone { Place::Absent } else { placement.suite.into() })
    }

    /// The digest of the record that speaks last of a test.
    #[must_use]
    pub fn last_record(&self, test: &str) -> Option<&str> {
        self.placements.get(test).map(|placement| placement.record.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_can_neither_bring_about_nor_sharpen_a_stay() {
        let of = |stays: &[(&str, Suite, &str)]| {
            let place = |&(test, suite, rule): &(&str, Suite, &str)| {
                (test.to_owned(), Placement { suite, rule: rule.to_owned(), ..Placement::default() })
            };
            Suites { placements: stays.iter().map(place).collect(), ..Suites::default() }
        };
        let base =
            of(&[("kept", Suite::Weekly, "quiet"), ("back", Suite::Weekly, "quiet"), ("fast", Suite::Fast, "x")]);
        let own = of(&[
            ("kept", Suite::Weekly, "flaky"),
            ("back", Suite::Fast, "x"),
            ("fast", Suite::Weekly, "quiet"),
            ("new", Suite::Weekly, "quiet"),
        ]);
        let measured = own.measured_by(&base);
        let rules = ["kept", "back", "fast", "new"].map(|test| measured.weekly(test, "2026-11-21").map(|it| &*it.rule));
        assert_eq!(rules, [Some("quiet"), None, None, None]);
    }

    #[test]
    fn a_stay_that_has_ended_or_is_disputed_is_none() {
        let stay = |until: Option<&str>| Placement {
            suite: Suite::Weekly,
            until: until.map(str::to_owned),
            ..Placement::default()
        };
        let mut suites = Suites::default();
        for (test, until) in [("a", None), ("b", Some("2026-11-21")), ("c", Some("2026-11-20")), ("d", None)] {
            suites.placements.insert(test.to_owned(), stay(until));
        }
        suites.disputed.insert("d".to_owned());
        let weekly = ["a", "b", "c", "d", "e"].map(|test| suites.weekly(test, "2026-11-21").is_some());
        assert_eq!(weekly, [true, true, false, false, false]);
    }
}
