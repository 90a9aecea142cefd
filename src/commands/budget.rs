//! The part of a plan that one run takes on: the budget, the order, the probe, and what an earlier run of the same tree has run already.

use std::collections::BTreeSet;

use crate::bridges::{disk, runners};
use crate::decide::budget::{self, Budget, Costs};
use crate::decide::selection::Scope;
use crate::decide::{probe, together};
use crate::model::outcome::in_micros;
use crate::model::plan::{Decision, Verdict};
use crate::model::reason::Reason;
use crate::model::tree::Tree;
use crate::settings::budget::{Order, Overflow};
use crate::settings::forge::{self, Place};
use crate::settings::{self, Base, Settings};

use super::gather::Gathered;

/// What the user asks of a run beside what the change owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// `--budget`, in microseconds.
    pub budget: Option<u64>,
    /// `--rest`: what earlier runs of this tree have left.
    pub rest: bool,
    /// `--probe`, in microseconds.
    pub probe: Option<u64>,
}

/// Takes on a part of the plan.
pub fn take_on(settings: &Settings, gathered: &mut Gathered, all: Option<Scope>, wish: Wish, command: &[String]) {
    let Gathered { map, present, plan, warnings, .. } = gathered;
    let Some(tree) = present.as_ref().map(super::present::Present::tree) else { return };
    // Who cannot trust what is known cannot put anything off by it.
    let is_whole = plan.decisions.iter().any(|decision| decision.reason == Reason::WholeRun);
    let runs_any = plan.decisions.iter().any(|decision| decision.verdict == Verdict::Run);
    if !runs_any || is_whole || all == Some(Scope::Both) {
        return;
    }
    let policy = settings.policy.budget;
    let by_file = |test: &str| runners::sort_of(test).by_file;
    if wish.rest {
        let here = tree.digest();
        let ran: BTreeSet<&str> =
            map.runs.iter().filter(|row| row.inventory == here).map(|row| row.run.as_str()).collect();
        if ran.is_empty() {
            warnings.push("--rest: the ledger knows of no run of this tree, so all that the tree owes runs".to_owned());
        }
        budget::rest(plan, map, &ran, &by_file);
        return;
    }
    let may_draw = settings.base == Base::Tree && all.is_none();
    let most = wish.probe.or_else(|| on_the_default_branch(settings, tree).then_some(policy.probe));
    let most = most.filter(|most| *most > 0 && may_draw);
    let is_ordered = wish.budget.is_some() || policy.order == Order::Value;
    // Most runs ask for nothing of that, and a large map takes its time to be weighed.
    if most.is_none() && !is_ordered && policy.overflow == Overflow::Run {
        return;
    }
    let costs = Costs::of(map);
    if let Some(most) = most {
        let depends = together::dependent(map);
        let alone = |at: usize| !depends.get(at).copied().unwrap_or(true);
        probe::probe(plan, &costs, most, tree.digest(), &alone, &by_file);
        together::keep_makers(map, &mut plan.decisions);
    }
    if is_ordered {
        budget::order(plan, &costs);
    }
    if policy.overflow == Overflow::Rest {
        if !has_rest_job(settings, tree) {
            warnings.push(
                "overflow = \"rest\" is not in force, as no recipe of CI here says `titer run --rest`: nothing would run \
                 what is put off"
                    .to_owned(),
            );
            return;
        }
        let workers = runners::workers(command);
        let beside = budget::overhead(map, workers);
        let micros = wish.budget.unwrap_or(policy.micros).saturating_sub(beside.fixed);
        budget::split(plan, &costs, Budget { micros, workers, each: beside.each }, &by_file);
    }
}

/// One sentence about a run that took longer than it may: which change made it so.
#[must_use]
pub fn too_long(
    settings: &Settings,
    gathered: &Gathered,
    wish: Wish,
    seconds: f64,
    settled: &[Decision],
) -> Option<String> {
    let limit = wish.budget.unwrap_or(settings.policy.budget.micros);
    if in_micros(seconds) <= limit {
        return None;
    }
    let costs = Costs::of(&gathered.map);
    let ran = settled.iter().filter(|it| it.verdict == Verdict::Run);
    let (reason, target, tests, micros) = budget::heaviest(ran.map(|it| (it, costs.micros(it))))?;
    Some(crate::report::summary::too_long(limit, reason, target, tests, micros))
}

fn on_the_default_branch(settings: &Settings, tree: &Tree) -> bool {
    matches!(settings::place(&settings.policy, tree.branch.as_deref()), Place::Shared { .. })
}

/// Whether a recipe of CI runs what is put off.
fn has_rest_job(settings: &Settings, tree: &Tree) -> bool {
    let recipes = tree.entries.keys().filter(|path| forge::is_recipe(path));
    recipes.filter_map(|path| disk::read(&settings.root.join(path)).ok()).any(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with(['#', '/']));
        lines.any(|line| line.contains("titer") && line.contains(" run") && line.contains("--rest"))
    })
}
