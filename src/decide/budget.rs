//! The budget: in which order test files run, and which of them a second job of the same commit takes over.
//!
//! All times are predictions, in microseconds: what each test last took, and what the newest run took beside its tests. A running test is never
//! stopped.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::edge::Target;
use crate::model::map::{Map, RanRow};
use crate::model::outcome::in_micros;
use crate::model::plan::{Decision, Plan, Verdict};
use crate::model::reason::Reason;

/// As many of the newest runs tell what a run takes beside its tests.
const FITTED_RUNS: usize = 16;
/// Runs whose numbers of tests are closer than that tell nothing of what one test more takes: a millisecond or two drown in what a start takes
/// now and then.
const FAR_APART: u32 = 200;

/// What is known of tests that may have to share the time: what each last took and what it is worth.
#[derive(Debug, Clone, Default)]
pub struct Costs<'a> {
    micros: BTreeMap<(&'a str, &'a str), u64>,
    points: BTreeMap<&'a str, u32>,
}

/// What the tests of one variant may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Microseconds of run time.
    pub micros: u64,
    /// Tests that run at the same time.
    pub workers: u64,
    /// What every test takes beside what it takes itself, in microseconds.
    pub each: u64,
}

/// A file's tests that run, under one variant.
#[derive(Debug, Clone, Default)]
struct Unit {
    decisions: Vec<usize>,
    micros: u64,
    points: u64,
    /// Somebody waits for it: what it guards changed, or it failed the last time.
    is_first: bool,
    /// The change touches what a test of it ran, read or looked for, and not only what was loaded around it.
    is_near: bool,
}

impl<'a> Costs<'a> {
    /// Those that the map knows.
    #[must_use]
    pub fn of(map: &'a Map) -> Self {
        let variant = |at: u32| map.variants.get(at as usize).map_or("", |row| row.id.as_str());
        let micros = map.tests.iter().map(|test| ((test.id.as_str(), variant(test.variant)), in_micros(test.seconds)));
        Self {
            micros: micros.collect(),
            points: map.worth.iter().map(|(test, points)| (test.as_str(), *points)).collect(),
        }
    }

    /// What a test last took; nothing where it never ran.
    #[must_use]
    pub fn micros(&self, decision: &Decision) -> u64 {
        self.micros.get(&(decision.test.as_str(), decision.variant.as_str())).copied().unwrap_or(0)
    }

    fn points(&self, decision: &Decision) -> u64 {
        u64::from(self.points.get(decision.test.as_str()).copied().unwrap_or(1))
    }
}

/// What a run takes beside its tests, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overhead {
    /// Starting, collecting, ending.
    pub fixed: u64,
    /// For each test that runs: its runner's own work, and the recording.
    pub each: u64,
}

/// What the newest runs took beside their tests: a straight line over the number of tests (ordinary least squares), neither part below nothing;
/// where they all ran about as many, what the newest took.
#[must_use]
pub fn overhead(map: &Map, workers: u64) -> Overhead {
    let beside = |run: &RanRow| i128::from(in_micros(run.seconds).saturating_sub(run.micros / workers.max(1)));
    let points: Vec<(i128, i128)> = map
        .runs
        .iter()
        .filter(|run| run.tests > 0)
        .take(FITTED_RUNS)
        .map(|run| (i128::from(run.tests), beside(run)))
        .collect();
    let Some(&(_, newest)) = points.first() else { return Overhead::default() };
    let count = i128::try_from(points.len()).unwrap_or(1);
    let sum = |of: &dyn Fn(&(i128, i128)) -> i128| points.iter().map(of).sum::<i128>();
    let (x, y, xx, xy) = (sum(&|p| p.0), sum(&|p| p.1), sum(&|p| p.0 * p.0), sum(&|p| p.0 * p.1));
    let (least, most) = points.iter().fold((i128::MAX, 0), |(least, most), p| (least.min(p.0), most.max(p.0)));
    if most - least < i128::from(FAR_APART) {
        return Overhead { fixed: u64::try_from(newest).unwrap_or(0), each: 0 };
    }
    let each = ((count * xy - x * y) / (count * xx - x * x)).max(0);
    let fixed = (y - each * x) / count;
    let each = if fixed < 0 { xy / xx } else { each };
    let whole = |value: i128| u64::try_from(value.max(0)).unwrap_or(0);
    Overhead { fixed: whole(fixed), each: whole(each) }
}

/// Puts the files of the tests that run in order: those first for which somebody waits, then by points per second.
pub fn order(plan: &mut Plan, costs: &Costs<'_>) {
    let mut files: BTreeMap<String, Unit> = BTreeMap::new();
    for ((_, file, _), unit) in units(plan, costs, &|_| true, &|_| true) {
        let all = files.entry(file).or_default();
        // A file under two variants is one file to its runner.
        all.micros += unit.micros;
        all.points += unit.points;
        all.is_first |= unit.is_first;
        all.is_near |= unit.is_near;
    }
    let mut files: Vec<(String, Unit)> = files.into_iter().collect();
    files.sort_by(|a, b| worthier(&a.1, &b.1).then_with(|| a.0.cmp(&b.0)));
    plan.order = files.into_iter().map(|(file, _)| file).collect();
}

/// Leaves out what is over the budget: all that must run stays, then as long as they fit whole files by points per second, first those tests that
/// the change touches itself. A runner that leaves out whole files keeps them whole.
pub fn split(plan: &mut Plan, costs: &Costs<'_>, budget: Budget, by_file: &dyn Fn(&str) -> bool) {
    let workers = budget.workers.max(1);
    let (room, each) = (budget.micros.saturating_mul(workers), budget.each.saturating_mul(workers));
    let must: Vec<bool> = musts(plan, by_file);
    let mut spent: BTreeMap<String, u64> = BTreeMap::new();
    for (decision, _) in plan.decisions.iter().zip(&must).filter(|(_, must)| **must) {
        *spent.entry(decision.variant.clone()).or_default() += costs.micros(decision) + each;
    }
    let is_whole = |decision: &Decision| by_file(&decision.test);
    let units = units(plan, costs, &|at| !must[at], &is_whole);
    let mut units: Vec<((String, String, bool), Unit)> = units.into_iter().collect();
    units.sort_by(|a, b| worthier(&a.1, &b.1).then_with(|| a.0.cmp(&b.0)));
    for ((variant, ..), unit) in units {
        let spent = spent.entry(variant).or_default();
        let needs = unit.micros + each * unit.decisions.len() as u64;
        if *spent + needs <= room {
            *spent += needs;
            continue;
        }
        for at in unit.decisions {
            let decision = &mut plan.decisions[at];
            decision.otherwise = Some(decision.reason);
            (decision.verdict, decision.reason) = (Verdict::LeftOut, Reason::OverBudget);
        }
    }
}

/// Leaves out what earlier runs of the same tree have run. Says how many tests that are.
pub fn rest(plan: &mut Plan, map: &Map, ran_here: &BTreeSet<&str>, by_file: &dyn Fn(&str) -> bool) -> usize {
    let variant = |at: u32| map.variants.get(at as usize).map_or("", |row| row.id.as_str());
    let ran: BTreeSet<(&str, &str)> = map
        .tests
        .iter()
        .filter(|test| ran_here.contains(test.last_run.as_str()))
        .map(|test| (test.id.as_str(), variant(test.variant)))
        .collect();
    let has_run = |decision: &Decision| ran.contains(&(decision.test.as_str(), decision.variant.as_str()));
    let owed = plan.decisions.iter().filter(|it| it.verdict == Verdict::Run && !has_run(it));
    let files: BTreeSet<(String, String)> = owed.map(place).collect();
    let mut left = 0;
    for decision in plan.decisions.iter_mut().filter(|it| it.verdict == Verdict::Run) {
        // A runner that leaves out whole files runs one of which anything is owed.
        if has_run(decision) && !(by_file(&decision.test) && files.contains(&place(decision))) {
            decision.otherwise = Some(decision.reason);
            (decision.verdict, decision.reason) = (Verdict::LeftOut, Reason::OtherShard);
            left += 1;
        }
    }
    left
}

/// The change that makes most of the tests run, by the time that they take: how many they are, and their microseconds.
#[must_use]
pub fn heaviest<'a>(
    decisions: impl Iterator<Item = (&'a Decision, u64)>,
) -> Option<(Reason, Option<&'a Target>, usize, u64)> {
    let mut by_change: BTreeMap<(Reason, Option<&Target>), (usize, u64)> = BTreeMap::new();
    for (decision, micros) in decisions.filter(|(decision, _)| decision.verdict == Verdict::Run) {
        let entry = by_change.entry((decision.reason, decision.evidence.first())).or_default();
        entry.0 += 1;
        entry.1 += micros;
    }
    let most = by_change.into_iter().max_by(|a, b| a.1.1.cmp(&b.1.1).then_with(|| b.0.cmp(&a.0)))?;
    let ((reason, target), (tests, micros)) = most;
    Some((reason, target, tests, micros))
}

/// Which decisions are to run whatever time there is: nothing is known that could put them off.
fn musts(plan: &Plan, by_file: &dyn Fn(&str) -> bool) -> Vec<bool> {
    let own = |decision: &Decision| decision.verdict == Verdict::Run && is_must(decision.reason);
    let files: BTreeSet<(String, String)> =
        plan.decisions.iter().filter(|it| own(it) && by_file(&it.test)).map(place).collect();
    let of_file = |it: &Decision| it.verdict == Verdict::Run && by_file(&it.test) && files.contains(&place(it));
    plan.decisions.iter().map(|it| own(it) || of_file(it)).collect()
}

fn is_must(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NewTest
            | Reason::TestChanged
            | Reason::FailedLastTime
            | Reason::VariantChanged
            | Reason::BuildInput
            | Reason::UnknownPath
            | Reason::NoMap
            | Reason::UnstableId
            | Reason::OrderDependent
            | Reason::GuardsThisPath
            | Reason::Pinned
            | Reason::Probe
            | Reason::WholeRun
    )
}

/// Whether the change touches something that the test ran, read or looked for itself.
fn is_near(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::RanChangedCode | Reason::ReadChangedFile | Reason::ListedChangedDirectory | Reason::ProbedPathChanged
    )
}

/// By variant, file and, where a file is not kept whole, whether the change is near.
fn units(
    plan: &Plan,
    costs: &Costs<'_>,
    counts: &dyn Fn(usize) -> bool,
    is_whole: &dyn Fn(&Decision) -> bool,
) -> BTreeMap<(String, String, bool), Unit> {
    let mut units: BTreeMap<(String, String, bool), Unit> = BTreeMap::new();
    for (at, decision) in plan.decisions.iter().enumerate() {
        if decision.verdict != Verdict::Run || !counts(at) {
            continue;
        }
        let (variant, file) = place(decision);
        let near = is_near(decision.reason);
        let unit = units.entry((variant, file, near && !is_whole(decision))).or_default();
        unit.decisions.push(at);
        unit.micros += costs.micros(decision);
        unit.points += costs.points(decision);
        unit.is_first |= matches!(decision.reason, Reason::FailedLastTime | Reason::GuardsThisPath);
        unit.is_near |= near;
    }
    units
}

/// The variant and the file of a test.
fn place(decision: &Decision) -> (String, String) {
    (decision.variant.clone(), decision.test.split("::").nth(1).unwrap_or_default().to_owned())
}

/// What somebody waits for stands first, then what the change is near to, then what tells more in a second; compared by products, as quotients would be rounded.
fn worthier(a: &Unit, b: &Unit) -> std::cmp::Ordering {
    let product = |points: u64, micros: u64| u128::from(points) * u128::from(micros.max(1));
    let rank = |unit: &Unit| (unit.is_first, unit.is_near);
    rank(b).cmp(&rank(a)).then_with(|| product(b.points, a.micros).cmp(&product(a.points, b.micros)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::map::{TestRow, VariantRow};
    use crate::model::outcome::Outcome;

    const SECOND: u64 = 1_000_000;

    fn map(tests: &[(&str, f64, u32)]) -> Map {
        let row = |id: &str, seconds| TestRow {
            id: id.to_owned(),
            variant: 0,
            last: Outcome::Passed,
            last_run: "earlier".to_owned(),
            seconds,
            footprints: Vec::new(),
        };
        Map {
            variants: vec![VariantRow { id: "v".to_owned(), inputs: String::new(), configuration: None }],
            tests: tests.iter().map(|(id, seconds, _)| row(id, *seconds)).collect(),
            worth: tests.iter().map(|(id, _, points)| ((*id).to_owned(), *points)).collect(),
            ..Map::default()
        }
    }

    fn planned(tests: &[(&str, Reason)]) -> Plan {
        let decision = |(test, reason): &(&str, Reason)| Decision {
            test: (*test).to_owned(),
            variant: "v".to_owned(),
            verdict: if *reason == Reason::Untouched { Verdict::LeftOut } else { Verdict::Run },
            reason: *reason,
            evidence: Vec::new(),
            otherwise: None,
        };
        Plan { decisions: tests.iter().map(decision).collect(), ..Plan::default() }
    }

    fn running(plan: &Plan) -> Vec<&str> {
        plan.decisions.iter().filter(|it| it.verdict == Verdict::Run).map(|it| it.test.as_str()).collect()
    }

    const TESTS: [(&str, f64, u32); 5] = [
        ("pytest::a.py::slow", 40.0, 10),
        ("pytest::b.py::quick", 1.0, 10),
        ("pytest::c.py::worthy", 20.0, 900),
        ("pytest::d.py::failed", 30.0, 1),
        ("pytest::e.py::idle", 1.0, 1),
    ];

    fn all() -> Plan {
        planned(&[
            (TESTS[0].0, Reason::RanChangedCode),
            (TESTS[1].0, Reason::LoadedChangedModule),
            (TESTS[2].0, Reason::RanChangedCode),
            (TESTS[3].0, Reason::FailedLastTime),
            (TESTS[4].0, Reason::Untouched),
        ])
    }

    #[test]
    fn files_stand_in_the_order_of_what_they_tell_in_a_second_and_what_failed_before_them() {
        let map = map(&TESTS);
        let mut plan = all();
        order(&mut plan, &Costs::of(&map));
        // b.py tells more in a second than a.py, and only loads what changed.
        assert_eq!(plan.order, ["d.py", "c.py", "a.py", "b.py"]);
    }

    #[test]
    fn what_does_not_fit_is_over_budget_and_what_must_run_is_not_asked() {
        let map = map(&TESTS);
        let of = |seconds: u64, workers| {
            let mut plan = all();
            split(&mut plan, &Costs::of(&map), Budget { micros: seconds * SECOND, workers, each: 0 }, &|_| false);
            plan
        };
        assert_eq!(running(&of(55, 1)), [TESTS[1].0, TESTS[2].0, TESTS[3].0]);
        assert_eq!(running(&of(0, 1)), [TESTS[3].0]);
        assert_eq!(running(&of(50, 2)).len(), 4);
        // What the change touches itself goes before what only loads it, though that would tell more in a second.
        let mut plan = planned(&[
            ("pytest::b.py::quick", Reason::LoadedChangedModule),
            ("pytest::c.py::worthy", Reason::LoadedChangedModule),
            ("pytest::c.py::near", Reason::RanChangedCode),
        ]);
        split(&mut plan, &Costs::of(&map), Budget { micros: 0, workers: 1, each: 0 }, &|_| false);
        assert_eq!(running(&plan), ["pytest::c.py::near"]);
        let plan = of(0, 1);
        let put_off = &plan.decisions[0];
        assert_eq!((put_off.reason, put_off.otherwise), (Reason::OverBudget, Some(Reason::RanChangedCode)));
        assert_eq!(plan.decisions[4].reason, Reason::Untouched);
    }

    #[test]
    fn every_test_of_the_plan_runs_in_the_first_job_or_in_the_rest() {
        let mut known = map(&TESTS);
        let mut first = all();
        split(&mut first, &Costs::of(&known), Budget { micros: 25 * SECOND, workers: 1, each: 0 }, &|_| false);
        let ran: BTreeSet<String> = running(&first).into_iter().map(str::to_owned).collect();
        for test in known.tests.iter_mut().filter(|test| ran.contains(&test.id)) {
            test.last_run = "first".to_owned();
        }
        let mut second = all();
        assert_eq!(rest(&mut second, &known, &BTreeSet::from(["first"]), &|_| false), ran.len());
        let mut both: Vec<&str> = running(&first);
        both.extend(running(&second));
        both.sort_unstable();
        assert_eq!(both, running(&all()));
        // Nobody has run anything of this tree: all of it is owed.
        let mut alone = all();
        assert_eq!((rest(&mut alone, &known, &BTreeSet::new(), &|_| false), running(&alone).len()), (0, 4));
    }

    #[test]
    fn where_a_runner_leaves_out_files_a_file_is_never_divided() {
        let tests = [("jest::a.js::one", 9.0, 1), ("jest::a.js::two", 9.0, 1), ("jest::b.js::three", 9.0, 1)];
        let mut known = map(&tests);
        let plan = || {
            planned(&[
                (tests[0].0, Reason::FailedLastTime),
                (tests[1].0, Reason::RanChangedCode),
                (tests[2].0, Reason::RanChangedCode),
            ])
        };
        let mut first = plan();
        split(&mut first, &Costs::of(&known), Budget { micros: 0, workers: 1, each: 0 }, &|_| true);
        assert_eq!(running(&first), [tests[0].0, tests[1].0]);
        known.tests[0].last_run = "first".to_owned();
        let mut second = plan();
        rest(&mut second, &known, &BTreeSet::from(["first"]), &|_| true);
        assert_eq!(running(&second), [tests[0].0, tests[1].0, tests[2].0]);
    }

    #[test]
    fn what_a_run_takes_beside_its_tests_is_told_by_runs_of_many_and_of_few() {
        let row = |seconds: f64, tests: u32, micros: u64| RanRow {
            run: String::new(),
            inventory: crate::model::digest::Digest(1),
            seconds,
            tests,
            micros,
        };
        let of = |runs: Vec<RanRow>, workers| {
            let found = overhead(&Map { runs, ..Map::default() }, workers);
            (found.fixed, found.each)
        };
        // A run that ran nothing tells nothing; one alone cannot say what belongs to each test.
        assert_eq!(of(vec![row(9.0, 0, 0)], 1), (0, 0));
        assert_eq!(of(vec![row(0.1, 0, 0), row(44.5, 2, 41 * SECOND)], 1), (3_500_000, 0));
        assert_eq!(of(vec![row(44.5, 2, 41 * SECOND)], 2), (24 * SECOND, 0));
        // 4 s for each run and 2 ms for each test.
        let many = row(124.0, 10_000, 100 * SECOND);
        assert_eq!(of(vec![row(7.0, 500, 2 * SECOND), many.clone()], 1), (4 * SECOND, 2_000));
        // More tests in less time: no test takes less than nothing. None of it is there before the first test: all belongs to the tests.
        assert_eq!(of(vec![row(9.0, 100, SECOND), row(5.0, 900, SECOND)], 1), (6 * SECOND, 0));
        assert_eq!(of(vec![row(1.0, 1_000, SECOND), row(25.0, 2_000, SECOND)], 1).0, 0);
        // Six tests and three are as good as alike.
        assert_eq!(of(vec![row(3.0, 3, SECOND), row(9.0, 6, SECOND)], 1), (2 * SECOND, 0));
    }

    #[test]
    fn what_each_test_takes_beside_itself_counts() {
        let map = map(&TESTS);
        let of = |each| {
            let mut plan = all();
            split(&mut plan, &Costs::of(&map), Budget { micros: 53 * SECOND, workers: 1, each }, &|_| false);
            running(&plan).len()
        };
        assert_eq!((of(0), of(SECOND), of(60 * SECOND)), (3, 2, 1));
    }

    #[test]
    fn the_change_that_costs_most_is_named() {
        let map = map(&TESTS);
        let costs = Costs::of(&map);
        let mut plan = all();
        let target = Target::new(crate::model::edge::EdgeKind::Ran, "src/a.py", "f");
        for at in [0, 1, 2] {
            plan.decisions[at].evidence = vec![target.clone()];
            plan.decisions[at].reason = Reason::RanChangedCode;
        }
        let found = heaviest(plan.decisions.iter().map(|it| (it, costs.micros(it))));
        assert_eq!(found, Some((Reason::RanChangedCode, Some(&target), 3, 61 * SECOND)));
    }
}
