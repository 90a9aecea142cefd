//! Placement: which tests move to which suite.

use std::collections::BTreeMap;

use globset::GlobSet;

use crate::model::evidence::{DAY, Evidence, Ground, Thresholds};
use crate::model::placed::{Move, Placed};
use crate::model::suite::{Suite, Suites};

use super::rules::{self, Case};

/// The rule of moves that a person made.
pub const BY_HAND: &str = "by-hand";

/// How long ago a move may be to count as one that did not last.
const CHURN_DAYS: i64 = 90;

/// What placement needs beside evidence.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Where tests live now.
    pub suites: &'a Suites,
    /// The numbers of policy.
    pub thresholds: &'a Thresholds,
    /// Tests that policy pins to FAST, as globs over ids.
    pub pinned: &'a GlobSet,
    /// The day of the decision, `2026-11-21`.
    pub today: &'a str,
    /// The last day of a quarantine that begins today.
    pub quarantine_until: &'a str,
    /// Whether a test's runner can only leave out whole files.
    pub by_file: fn(&str) -> bool,
    /// The instant of an earlier move, in seconds; `None` if it is not one.
    pub instant: fn(&str) -> Option<i64>,
}

/// Places every test. `evidence` is in the order of tests.
#[must_use]
pub fn place(evidence: &[Evidence], given: Given<'_>) -> Placed {
    let judged = keep_files_together(evidence, judge_all(evidence, given), given);
    let mut placed = Placed::default();
    let mut down = Vec::new();
    for (row, (to, ground)) in evidence.iter().zip(judged) {
        let current = given.suites.weekly(&row.test, given.today);
        let from = if current.is_some() { Suite::Weekly } else { Suite::Fast };
        *placed.rules.entry((to, ground.rule)).or_insert(0) += 1;
        add(&mut placed.sizes[0], from, row.median_us);
        // What is still quarantined stays so to its day; what stays where it is needs no record, a new quarantine does.
        let renewed = to == Suite::Weekly && ground.rule == "flaky" && current.is_none_or(|it| it.rule != "flaky");
        if from == to && !(renewed && from == Suite::Weekly) {
            add(&mut placed.sizes[1], to, row.median_us);
            continue;
        }
        let until = (ground.rule == "flaky").then(|| given.quarantine_until.to_owned());
        let step = Move { test: row.test.clone(), from, to, ground, until, median_us: row.median_us };
        if to == Suite::Weekly { down.push(step) } else { placed.moves.push(step) }
    }
    // What saves most goes first; what brings a test back is never put off.
    down.sort_by(|a, b| (b.median_us, &a.test).cmp(&(a.median_us, &b.test)));
    let most = usize::try_from(given.thresholds.most_moves).unwrap_or(0);
    let rest = down.split_off(most.min(down.len()));
    for put_off in &rest {
        add(&mut placed.sizes[1], put_off.from, put_off.median_us);
    }
    placed.waiting = rest.len();
    placed.moves.extend(down);
    placed.moves.sort_by(|a, b| a.test.cmp(&b.test));
    for step in &placed.moves {
        add(&mut placed.sizes[1], step.to, step.median_us);
        let earlier = given.suites.placements.get(&step.test).into_iter().flat_map(|placement| &placement.moves);
        let since = given.thresholds.as_of - CHURN_DAYS * DAY;
        if earlier.filter_map(|at| (given.instant)(at)).any(|at| at > since) {
            placed.restless.push(step.test.clone());
        }
    }
    placed
}

fn add(sizes: &mut BTreeMap<Suite, (usize, i64)>, suite: Suite, median_us: i64) {
    let size = sizes.entry(suite).or_insert((0, 0));
    *size = (size.0 + 1, size.1 + median_us);
}

fn judge_all(evidence: &[Evidence], given: Given<'_>) -> Vec<(Suite, Ground)> {
    let one = |row: &Evidence| {
        let is_pinned = given.pinned.is_match(&row.test);
        let (suite, ground) = rules::judge(&Case { evidence: row, thresholds: given.thresholds, is_pinned });
        if let Some((suite, text)) = by_hand(row, given, ground.rule) {
            return (suite, Ground { rule: BY_HAND, text });
        }
        // A quarantine lasts to its day: that the test was not seen to flicker while it did not run says nothing.
        let current = given.suites.weekly(&row.test, given.today).filter(|it| it.until.is_some());
        match current {
            Some(current) if suite == Suite::Fast && !is_pinned => {
                let text = format!("quarantined until {}", current.until.as_deref().unwrap_or_default());
                (Suite::Weekly, Ground { rule: "flaky", text })
            }
            _ => (suite, ground),
        }
    };
    evidence.iter().map(one).collect()
}

/// What a person decided holds for 90 days, unless the test's own failures or production say otherwise.
fn by_hand(row: &Evidence, given: Given<'_>, rule: &str) -> Option<(Suite, String)> {
    let placement = given.suites.placements.get(&row.test).filter(|placement| placement.rule == BY_HAND)?;
    let since = given.thresholds.as_of - CHURN_DAYS * DAY;
    let is_recent = (given.instant)(&placement.since).is_some_and(|at| at > since);
    let brings_back = matches!(rule, "escaped" | "failed" | "faulted");
    (is_recent && !brings_back).then(|| (placement.suite, placement.text.clone()))
}

/// Where a runner leaves out whole files, a file is in FAST if any of its tests is.
fn keep_files_together(
    evidence: &[Evidence],
    mut judged: Vec<(Suite, Ground)>,
    given: Given<'_>,
) -> Vec<(Suite, Ground)> {
    let file = |row: &Evidence| {
        let is_whole = (given.by_file)(&row.test);
        is_whole.then(|| row.test.splitn(3, "::").take(2).collect::<Vec<_>>().join("::"))
    };
    let fast: BTreeMap<String, String> = evidence
        .iter()
        .zip(&judged)
        .rev()
        .filter(|(_, (suite, _))| *suite == Suite::Fast)
        .filter_map(|(row, _)| Some((file(row)?, row.test.clone())))
        .collect();
    for (row, verdict) in evidence.iter().zip(&mut judged).filter(|(_, verdict)| verdict.0 == Suite::Weekly) {
        if let Some(beside) = file(row).and_then(|file| fast.get(&file)) {
            *verdict = (Suite::Fast, Ground { rule: "beside", text: format!("{beside} of the same file is in FAST") });
        }
    }
    judged
}

/// Code paths that keep more than the given share of all tests in FAST by themselves, with how many, most first.
#[must_use]
pub fn crowded(pins: &[(String, i64)], tests: usize, percent: i64) -> Vec<(String, i64)> {
    let all = i64::try_from(tests).unwrap_or(i64::MAX);
    let mut found: Vec<(String, i64)> =
        pins.iter().filter(|(_, count)| count.saturating_mul(100) > all.saturating_mul(percent)).cloned().collect();
    found.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::samples::{self, AS_OF};
    use crate::model::suite::Placement;

    fn row(test: &str, days: i64, ms: i64) -> Evidence {
        let last_changed = Some(AS_OF - days * DAY);
        Evidence { test: test.into(), code_paths: 1, last_changed, median_us: ms * 1000, ..Evidence::default() }
    }

    fn thresholds() -> Thresholds {
        Thresholds { most_moves: 2, ..samples::thresholds() }
    }

    fn placed(evidence: &[Evidence], suites: &Suites) -> Placed {
        let thresholds = thresholds();
        let given = Given {
            suites,
            thresholds: &thresholds,
            pinned: &GlobSet::empty(),
            today: "2026-11-21",
            quarantine_until: "2026-12-21",
            by_file: |test| test.starts_with("jest::"),
            instant: |at| at.parse().ok(),
        };
        place(evidence, given)
    }

    fn moved(placed: &Placed) -> Vec<(&str, Suite)> {
        placed.moves.iter().map(|step| (step.test.as_str(), step.to)).collect()
    }

    #[test]
    fn what_saves_most_goes_first_and_the_rest_waits() {
        let rows = [row("a", 200, 1), row("b", 200, 3), row("c", 200, 2), row("d", 1, 9)];
        let placed = placed(&rows, &Suites::default());
        assert_eq!(moved(&placed), [("b", Suite::Weekly), ("c", Suite::Weekly)]);
        assert_eq!((placed.waiting, placed.sizes[1][&Suite::Fast]), (1, (2, 10_000)));
    }

    #[test]
    fn what_brings_a_test_back_is_never_put_off_and_counts_as_restless() {
        let mut suites = Suites::default();
        let stay = |moves: &[i64]| Placement {
            suite: Suite::Weekly,
            moves: moves.iter().map(i64::to_string).collect(),
            ..Placement::default()
        };
        suites.placements.extend([
            ("a".to_owned(), stay(&[AS_OF - 10 * DAY])),
            ("b".to_owned(), stay(&[AS_OF - 100 * DAY])),
            ("c".to_owned(), stay(&[])),
        ]);
        let placed = placed(&[row("a", 1, 1), row("b", 1, 1), row("c", 1, 1)], &suites);
        assert_eq!((placed.moves.len(), placed.waiting, &placed.restless[..]), (3, 0, &["a".to_owned()][..]));
    }

    #[test]
    fn a_file_that_is_left_out_as_a_whole_is_in_fast_if_any_of_its_tests_is() {
        let rows = [row("jest::a.js::x", 200, 1), row("jest::a.js::y", 1, 1), row("jest::b.js::z", 200, 1)];
        assert_eq!(moved(&placed(&rows, &Suites::default())), [("jest::b.js::z", Suite::Weekly)]);
    }

    #[test]
    fn a_quarantine_lasts_to_its_day() {
        let mut suites = Suites::default();
        let stay = |until: &str| Placement {
            suite: Suite::Weekly,
            rule: "flaky".to_owned(),
            until: Some(until.to_owned()),
            ..Placement::default()
        };
        suites.placements.extend([("a".to_owned(), stay("2026-11-21")), ("b".to_owned(), stay("2026-11-20"))]);
        let placed = placed(&[row("a", 1, 1), row("b", 1, 1)], &suites);
        assert_eq!((placed.moves.len(), placed.sizes[0][&Suite::Fast].0), (0, 1));
    }

    #[test]
    fn a_path_is_crowded_above_its_share_only() {
        let pins = [("a".to_owned(), 20), ("b".to_owned(), 21), ("c".to_owned(), 90)];
        assert_eq!(crowded(&pins, 100, 20), [("c".to_owned(), 90), ("b".to_owned(), 21)]);
    }
}
