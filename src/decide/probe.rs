//! The probe: a few of the tests that a plan leaves out run all the same, so that what FAST misses is estimated and not believed.
//!
//! Systematic sampling with a start drawn from the tree's digest (Cochran, "Sampling Techniques", chapter 8): within one reason for leaving
//! tests out each of them is drawn with the same probability, so the share of those drawn that fail estimates the share of all. They stand in
//! the order of what they take, longest first: each drawn but the first then takes no longer than the mean of those it stands for,
//! which is why the time that all take is bounded whatever the start.

use std::collections::BTreeMap;

use crate::model::digest::Digest;
use crate::model::plan::{Plan, Verdict};
use crate::model::reason::Reason;

use super::budget::Costs;

/// A probe takes at most this part of the time of what is selected.
const PART: u64 = 10;

/// What is drawn as one, by variant and name: its microseconds, and the places of its decisions.
type Units = BTreeMap<(String, String), (u64, Vec<usize>)>;

/// Adds the tests that are drawn. `most` is in microseconds, `seed` the tree's digest; `may` tells which tests can run alone.
pub fn probe(
    plan: &mut Plan,
    costs: &Costs<'_>,
    most: u64,
    seed: Digest,
    may: &dyn Fn(usize) -> bool,
    by_file: &dyn Fn(&str) -> bool,
) {
    let selected: u64 = plan.decisions.iter().filter(|it| it.verdict == Verdict::Run).map(|it| costs.micros(it)).sum();
    let time = most.min(selected / PART);
    let mut strata: BTreeMap<Reason, Units> = BTreeMap::new();
    for (at, decision) in plan.decisions.iter().enumerate() {
        let is_left_out = decision.verdict == Verdict::LeftOut;
        if is_left_out && matches!(decision.reason, Reason::Untouched | Reason::Weekly) && may(at) {
            let whole = by_file(&decision.test);
            let name = if whole { file_of(&decision.test) } else { decision.test.as_str() };
            let unit = strata.entry(decision.reason).or_default();
            let unit = unit.entry((decision.variant.clone(), name.to_owned())).or_default();
            unit.0 += costs.micros(decision).max(1);
            unit.1.push(at);
        }
    }
    let all: u64 = strata.values().flat_map(BTreeMap::values).map(|unit| unit.0).sum();
    for (reason, units) in strata {
        let own: u64 = units.values().map(|unit| unit.0).sum();
        let share = u64::try_from(u128::from(time) * u128::from(own) / u128::from(all.max(1))).unwrap_or(0);
        let start = Digest::of_parts([seed.to_string().as_bytes(), reason.code().as_bytes()]);
        for at in drawn(units.into_values().collect(), share, start) {
            let decision = &mut plan.decisions[at];
            decision.otherwise = Some(decision.reason);
            (decision.verdict, decision.reason) = (Verdict::Run, Reason::Probe);
        }
    }
}

/// The members of the units drawn, which take no longer than `time` together. Units that alone take over half of it are not drawn from.
fn drawn(units: Vec<(u64, Vec<usize>)>, time: u64, start: Digest) -> Vec<usize> {
    let mut units: Vec<_> = units.into_iter().filter(|(micros, _)| *micros <= time / 2).collect();
    units.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let (Some((longest, _)), total) = (units.first(), units.iter().map(|unit| unit.0).sum::<u64>()) else {
        return Vec::new();
    };
    // One in `step` is drawn, so that what is drawn takes at most the longest and a `step`th of all.
    let step = total.div_ceil((time - longest).max(1)).max(1);
    let start = usize::try_from(start.0 % u128::from(step)).unwrap_or(0);
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    units.into_iter().skip(start).step_by(step).flat_map(|(_, members)| members).collect()
}

fn file_of(test: &str) -> &str {
    test.split("::").nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::map::{Map, TestRow, VariantRow};
    use crate::model::outcome::Outcome;
    use crate::model::plan::Decision;

    const SECOND: u64 = 1_000_000;

    /// One selected test of 100 s, and many left out that take up to half a second.
    fn given() -> (Map, Plan) {
        let mut map = Map {
            variants: vec![VariantRow { id: "v".to_owned(), inputs: String::new(), configuration: None }],
            ..Map::default()
        };
        let mut plan = Plan::default();
        for at in 0..400_u32 {
            let id = if at == 0 { "pytest::a.py::runs".to_owned() } else { format!("pytest::b.py::t{at:03}") };
            let seconds = if at == 0 { 100.0 } else { f64::from(at % 20 * (at % 11) + 1) / 400.0 };
            let row = TestRow {
                id: id.clone(),
                variant: 0,
                last: Outcome::Passed,
                last_run: String::new(),
                seconds,
                footprints: Vec::new(),
            };
            map.tests.push(row);
            let (verdict, reason) = match at {
                0 => (Verdict::Run, Reason::RanChangedCode),
                at if at % 4 == 0 => (Verdict::LeftOut, Reason::Weekly),
                at if at % 50 == 1 => (Verdict::LeftOut, Reason::Quarantined),
                _ => (Verdict::LeftOut, Reason::Untouched),
            };
            let decision =
                Decision { test: id, variant: "v".into(), verdict, reason, evidence: Vec::new(), otherwise: None };
            plan.decisions.push(decision);
        }
        (map, plan)
    }

    fn probed(plan: &Plan) -> Vec<&Decision> {
        plan.decisions.iter().filter(|it| it.reason == Reason::Probe).collect()
    }

    #[test]
    fn a_probe_takes_at_most_a_tenth_of_what_is_selected_and_no_more_than_is_said() {
        let (map, plan) = given();
        let costs = Costs::of(&map);
        for (most, bound) in [(60, 10), (10, 10), (3, 3), (0, 0)] {
            for seed in 0..200 {
                let mut plan = plan.clone();
                probe(&mut plan, &costs, most * SECOND, Digest(seed), &|_| true, &|_| false);
                let taken: u64 = probed(&plan).iter().map(|it| costs.micros(it)).sum();
                assert!(taken <= bound * SECOND, "{most} s, seed {seed}: {taken}");
                assert_eq!(probed(&plan).is_empty(), bound == 0);
            }
        }
    }

    #[test]
    fn within_one_reason_every_test_is_drawn_as_often_as_any_other() {
        let (map, plan) = given();
        let costs = Costs::of(&map);
        let mut often: BTreeMap<String, u32> = BTreeMap::new();
        for seed in 0..4000 {
            let mut plan = plan.clone();
            probe(&mut plan, &costs, 10 * SECOND, Digest::of(&i32::to_le_bytes(seed)), &|_| true, &|_| false);
            for decision in probed(&plan) {
                assert!(matches!(decision.otherwise, Some(Reason::Untouched | Reason::Weekly)));
                *often.entry(decision.test.clone()).or_default() += 1;
            }
        }
        for reason in [Reason::Untouched, Reason::Weekly] {
            let counts: Vec<u32> = plan
                .decisions
                .iter()
                .filter(|it| it.reason == reason)
                .map(|it| often.get(&it.test).copied().unwrap_or(0))
                .collect();
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            // 4,000 draws at one in some 50: six standard deviations around the mean.
            assert!(*least > 20 && most - least < 130, "{reason}: {least} to {most}");
        }
    }

    #[test]
    fn the_same_tree_draws_the_same_tests_and_nothing_is_drawn_where_nothing_runs() {
        let (map, plan) = given();
        let costs = Costs::of(&map);
        let draw = |mut plan: Plan| {
            probe(&mut plan, &costs, 10 * SECOND, Digest(7), &|_| true, &|_| false);
            plan
        };
        assert_eq!(draw(plan.clone()), draw(plan.clone()));
        let mut empty = plan;
        empty.decisions.remove(0);
        assert!(probed(&draw(empty)).is_empty());
    }

    #[test]
    fn where_a_runner_leaves_out_files_all_of_a_file_is_drawn() {
        let (map, mut plan) = given();
        for decision in &mut plan.decisions[1..] {
            decision.reason = Reason::Untouched;
        }
        let costs = Costs::of(&map);
        probe(&mut plan, &costs, 10 * SECOND, Digest(7), &|_| true, &|_| true);
        // All of them are one file that takes far longer than a probe may.
        assert!(probed(&plan).is_empty());
    }
}
