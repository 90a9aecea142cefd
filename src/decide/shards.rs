//! Shards: which of several jobs of one commit runs a test.
//!
//! Units (tests that stay together, a whole file where the runner leaves out only those) go, longest first, to the shard that has least
//! to do so far: Graham, "Bounds on Multiprocessing Timing Anomalies" (1969), which is never worse than 4/3 of the best there is, and
//! close to it where no unit is long beside a share. All times are predictions, in microseconds; ties go by name, so that the same inputs
//! give the same list.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::model::map::Map;
use crate::model::plan::{Plan, Verdict};
use crate::model::reason::Reason;
use crate::model::shard::{Share, unit};

use super::budget::{Costs, Overhead};
use super::together::{bonds, keep_files_whole, keep_makers, keep_together};

/// What a test takes of which nothing is known, where nothing is known of any other.
const UNMEASURED: u64 = 1000;

/// What one shard is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Load {
    /// How many tests it runs.
    pub tests: u64,
    /// How long they take one after the other, with what each takes beside itself.
    pub micros: u64,
    /// The longest unit.
    pub longest: u64,
    /// Its units, by name.
    pub units: Vec<String>,
}

impl Load {
    /// What the shard is likely to take, in microseconds, with so many tests at a time.
    #[must_use]
    pub fn predicted(&self, beside: Overhead, workers: u64) -> u64 {
        if self.tests == 0 { 0 } else { beside.fixed + self.longest.max(self.micros / workers.max(1)) }
    }
}

/// Tests that stay together, as one.
#[derive(Debug, Default)]
struct Piece<'a> {
    tests: u64,
    micros: u64,
    units: Vec<&'a str>,
}

/// Shares out all that a plan runs, for each of `of` shards. `counts` tells which decisions are about the run that is planned; the plan's
/// decisions are in the order of the map's tests.
#[must_use]
pub fn share_out(
    map: &Map,
    plan: &Plan,
    each: u64,
    of: u32,
    counts: &dyn Fn(usize) -> bool,
    by_file: &dyn Fn(&str) -> bool,
) -> Vec<Load> {
    let mut pieces: Vec<Piece<'_>> = pieces(map, plan, each, counts, by_file);
    pieces.sort_by(|a, b| b.micros.cmp(&a.micros).then_with(|| a.units.cmp(&b.units)));
    let mut loads = vec![Load::default(); of as usize];
    let mut idle: BinaryHeap<Reverse<(u64, u64, usize)>> = (0..loads.len()).map(|at| Reverse((0, 0, at))).collect();
    for piece in pieces {
        let Some(Reverse((micros, tests, at))) = idle.pop() else { break };
        let load = &mut loads[at];
        (load.micros, load.tests) = (micros + piece.micros, tests + piece.tests);
        load.longest = load.longest.max(piece.micros);
        load.units.extend(piece.units.into_iter().map(str::to_owned));
        // Of shards that have as much to do the one with fewer tests is next.
        idle.push(Reverse((load.micros, load.tests, at)));
    }
    for load in &mut loads {
        load.units.sort();
    }
    loads
}

fn pieces<'a>(
    map: &'a Map,
    plan: &'a Plan,
    each: u64,
    counts: &dyn Fn(usize) -> bool,
    by_file: &dyn Fn(&str) -> bool,
) -> Vec<Piece<'a>> {
    let costs = Costs::of(map);
    let running: Vec<usize> =
        (0..plan.decisions.len()).filter(|&at| plan.decisions[at].verdict == Verdict::Run && counts(at)).collect();
    let measured = |at: usize| Some(costs.micros(&plan.decisions[at])).filter(|micros| *micros > 0);
    let typical = median(running.iter().filter_map(|&at| measured(at)).collect()).unwrap_or(UNMEASURED);
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for &at in &running {
        let (test, next) = (&plan.decisions[at].test, numbers.len());
        numbers.entry(unit(test, by_file(test))).or_insert(next);
    }
    let number = |at: usize| {
        let test = plan.decisions.get(at)?.test.as_str();
        numbers.get(unit(test, by_file(test))).copied()
    };
    let mut first: Vec<usize> = (0..numbers.len()).collect();
    for (one, other) in bonds(map) {
        if let (Some(one), Some(other)) = (number(one), number(other)) {
            let (one, other) = (root(&mut first, one), root(&mut first, other));
            first[one.max(other)] = one.min(other);
        }
    }
    let mut pieces: BTreeMap<usize, Piece<'_>> = BTreeMap::new();
    for (&unit, &number) in &numbers {
        pieces.entry(root(&mut first, number)).or_default().units.push(unit);
    }
    for &at in &running {
        let Some(number) = number(at) else { continue };
        let piece = pieces.entry(root(&mut first, number)).or_default();
        piece.tests += 1;
        piece.micros += measured(at).unwrap_or(typical) + each;
    }
    pieces.into_values().collect()
}

/// The first of those that stay together.
fn root(first: &mut [usize], mut at: usize) -> usize {
    while first[at] != at {
        first[at] = first[first[at]];
        at = first[at];
    }
    at
}

fn median(mut all: Vec<u64>) -> Option<u64> {
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}

/// Leaves a plan what is this shard's own; what is another's is left out as `other-shard`, whatever would have become of it.
///
/// Tests that have to stay together with one of its own run here, too, though another shard has them: where shards know different
/// things, running a test twice is the worst that may come of it.
pub fn take_share(plan: &mut Plan, map: &Map, mut share: Share, by_file: &dyn Fn(&str) -> bool) {
    for decision in &mut plan.decisions {
        if !share.is_own(&decision.test, by_file(&decision.test)) {
            decision.otherwise = Some(decision.reason);
            (decision.verdict, decision.reason) = (Verdict::LeftOut, Reason::OtherShard);
        }
    }
    keep_together(map, &mut plan.decisions);
    keep_makers(map, &mut plan.decisions);
    keep_files_whole(&mut plan.decisions, by_file);
    for decision in plan.decisions.iter().filter(|decision| decision.verdict == Verdict::Run) {
        let by_file = by_file(&decision.test);
        if !share.is_own(&decision.test, by_file) {
            let unit = unit(&decision.test, by_file).to_owned();
            share.owners.insert(unit, share.shard.index);
        }
    }
    plan.share = Some(share);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::map::{TestRow, VariantRow};
    use crate::model::outcome::Outcome;
    use crate::model::plan::Decision;
    use crate::model::shard::Shard;

    fn given(micros: &[(String, u64)]) -> (Map, Plan) {
        let row = |(id, micros): &(String, u64)| TestRow {
            id: id.clone(),
            variant: 0,
            last: Outcome::Passed,
            last_run: "R".to_owned(),
            seconds: std::time::Duration::from_micros(*micros).as_secs_f64(),
            footprints: Vec::new(),
        };
        let variants = vec![VariantRow { id: "v".to_owned(), inputs: String::new(), configuration: None }];
        let map = Map { variants, tests: micros.iter().map(row).collect(), ..Map::default() };
        let decision = |(id, _): &(String, u64)| Decision {
            test: id.clone(),
            variant: "v".to_owned(),
            verdict: Verdict::Run,
            reason: Reason::NoMap,
            evidence: Vec::new(),
            otherwise: None,
        };
        (map, Plan { decisions: micros.iter().map(decision).collect(), ..Plan::default() })
    }

    /// As times of tests are: a Pareto distribution by its inverse, the seed at golden steps. From 1 ms, cut at a minute.
    fn skewed(count: u32, seed: u32, tail: f64) -> Vec<(String, u64)> {
        let times = (1..=count).map(|at| {
            let uniform = (f64::from(at + seed) * 0.618_033_988_749_894_9).fract().max(1e-6);
            let seconds = (0.001 / uniform.powf(1.0 / tail)).min(60.0);
            u64::try_from(std::time::Duration::from_secs_f64(seconds).as_micros()).unwrap()
        });
        times.enumerate().map(|(at, micros)| (format!("pytest::t/test_{}.py::test_{at}", at / 20), micros)).collect()
    }

    fn check_shares(tests: &[(String, u64)], of: u32, loads: &[Load]) {
        assert_eq!(loads.len(), of as usize);
        let mut all: Vec<&String> = loads.iter().flat_map(|load| &load.units).collect();
        let distinct: BTreeSet<&String> = all.iter().copied().collect();
        assert_eq!(all.len(), distinct.len(), "a test is in two shards");
        all.sort();
        let mut expected: Vec<&String> = tests.iter().map(|(test, _)| test).collect();
        expected.sort();
        assert_eq!(all, expected, "a test is in no shard");
        assert_eq!(loads.iter().map(|load| load.tests).sum::<u64>(), tests.len() as u64);
    }

    #[test]
    fn a_thousand_tests_of_skewed_times_are_shared_out_to_within_a_twentieth_of_the_best_there_can_be() {
        for tail in [1.1, 1.5, 2.5] {
            for seed in [0, 17, 4711] {
                let tests = skewed(1000, seed, tail);
                let (map, plan) = given(&tests);
                let total: u64 = tests.iter().map(|(_, micros)| micros).sum();
                let longest = tests.iter().map(|(_, micros)| *micros).max().unwrap();
                for of in 2..=16 {
                    let loads = share_out(&map, &plan, 0, of, &|_| true, &|_| false);
                    check_shares(&tests, of, &loads);
                    let makespan = loads.iter().map(|load| load.micros).max().unwrap();
                    let bound = longest.max(total / u64::from(of)) * 105 / 100;
                    assert!(makespan <= bound, "tail {tail}, seed {seed}, {of} shards: {makespan} > {bound}");
                    assert_eq!(loads, share_out(&map, &plan, 0, of, &|_| true, &|_| false));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_shards_know_every_test_that_any_of_them_must_run_is_run_by_one(
            micros in prop::collection::vec(0..5_000_000_u64, 1..60),
            of in 1..7_u32,
            knows in prop::collection::vec(any::<u64>(), 7),
            listed in any::<bool>(),
        ) {
            let tests: Vec<_> = micros.iter().enumerate().map(|(at, micros)| (format!("pytest::a.py::t{at}"), *micros)).collect();
            let (map, plan) = given(&tests);
            let loads = share_out(&map, &plan, 7, of, &|at| at % 3 > 0, &|_| false);
            let mut owners = BTreeMap::new();
            for (load, owner) in loads.iter().zip(1..) {
                owners.extend(load.units.iter().map(|unit| (unit.clone(), owner)));
            }
            let owners = if listed { owners } else { BTreeMap::new() };
            let mut ran: BTreeMap<String, u32> = BTreeMap::new();
            for index in 1..=of {
                // Each shard knows other tests, and its runner collects all of them.
                let is_known = |at: usize| knows[index as usize] >> (at % 64) & 1 == 1;
                let share = Share { shard: Shard { index, of }, owners: owners.clone(), list: None, by_runner: false };
                let known: Vec<_> = tests.iter().enumerate().filter(|(at, _)| is_known(*at)).map(|(_, it)| it.clone()).collect();
                let (map, mut plan) = given(&known);
                take_share(&mut plan, &map, share, &|_| false);
                let share = plan.share.clone().unwrap();
                for (test, _) in &tests {
                    let planned = plan.decisions.iter().find(|it| it.test == *test);
                    let runs = planned.map_or_else(|| share.is_own(test, false), |it| it.verdict == Verdict::Run);
                    *ran.entry(test.clone()).or_default() += u32::from(runs);
                }
            }
            prop_assert!(ran.values().all(|times| *times == 1), "{ran:?}");
        }

        #[test]
        fn no_share_is_longer_than_the_mean_and_one_unit(micros in prop::collection::vec(1..5_000_000_u64, 1..200), of in 1..20_u32) {
            let tests: Vec<_> = micros.iter().enumerate().map(|(at, micros)| (format!("pytest::a.py::t{at}"), *micros)).collect();
            let (map, plan) = given(&tests);
            let loads = share_out(&map, &plan, 0, of, &|_| true, &|_| false);
            check_shares(&tests, of, &loads);
            let (total, longest) = (micros.iter().sum::<u64>(), micros.iter().max().unwrap());
            prop_assert!(loads.iter().all(|load| load.micros <= total / u64::from(of) + longest + 1));
        }
    }

    #[test]
    fn what_a_runner_leaves_out_as_one_is_one_and_what_was_never_measured_takes_what_is_typical() {
        let micros = [
            ("jest::a.test.js::one", 1),
            ("jest::a.test.js::two", 2),
            ("jest::b.test.js::one", 0),
            ("pytest::a.py::t[1]", 2),
            ("pytest::a.py::t[2]", 2),
        ];
        let (map, plan) = given(&micros.map(|(test, seconds)| (test.to_owned(), seconds * 1_000_000)));
        let loads = share_out(&map, &plan, 0, 3, &|_| true, &|test| test.starts_with("jest"));
        let units: Vec<_> =
            loads.iter().map(|load| (load.units.clone(), load.tests, load.micros / 1_000_000)).collect();
        let one = |unit: &str, tests, seconds| (vec![unit.to_owned()], tests, seconds);
        assert_eq!(units, [one("pytest::a.py::t", 2, 4), one("jest::a.test.js", 2, 3), one("jest::b.test.js", 1, 2)]);
        let none = share_out(&map, &Plan::default(), 0, 3, &|_| true, &|_| false);
        assert!(none.iter().all(|load| load.tests == 0 && load.predicted(Overhead { fixed: 9, each: 0 }, 2) == 0));
        assert_eq!(loads[0].predicted(Overhead { fixed: 9, each: 0 }, 2), 4_000_009);
    }
}
