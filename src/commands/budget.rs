//! The part of a plan that one run takes on: the budget, the order, the probe, and what an earlier run of the same tree has run already.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::bridges::{disk, runners};
use crate::decide::budget::{self, Budget, Costs};
use crate::decide::selection::Scope;
use crate::decide::{probe, together};
use crate::model::outcome::in_micros;
use crate::model::plan::{Decision, Plan, Verdict};
use crate::model::reason::Reason;
use crate::model::shard::Shard;
use crate::model::tree::Tree;
use crate::settings::budget::{Order, Overflow};
use crate::settings::forge::{self, Place};
use crate::settings::{self, Base, Settings};

use super::gather::Gathered;
use super::shards;

/// What the user asks of a run beside what the change owes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    /// `--budget`, in microseconds.
    pub budget: Option<u64>,
    /// `--rest`: what earlier runs of this tree have left.
    pub rest: bool,
    /// `--probe`, in microseconds.
    pub probe: Option<u64>,
    /// `--shard`
    pub shard: Option<Shard>,
    /// `--shares`: who runs what.
    pub shares: Option<PathBuf>,
}

/// Takes on a part of the plan: what is drawn beside it, then this shard's share, then what fits of that.
pub fn take_on(settings: &Settings, gathered: &mut Gathered, all: Option<Scope>, wish: &Wish, command: &[String]) {
    draw(settings, gathered, all, wish);
    shards::take_share(settings, gathered, wish, command);
    fit(settings, gathered, all, wish, command);
}

/// Whether what is known can be trusted to put anything off, and something is there to be put off.
fn is_to_be_parted(plan: &Plan, all: Option<Scope>) -> bool {
    let is_whole = plan.decisions.iter().any(|decision| decision.reason == Reason::WholeRun);
    let runs_any = plan.decisions.iter().any(|decision| decision.verdict == Verdict::Run);
    runs_any && !is_whole && all != Some(Scope::Both)
}

/// Leaves out what earlier runs of the same tree have run, or adds a few tests of those left out.
pub(super) fn draw(settings: &Settings, gathered: &mut Gathered, all: Option<Scope>, wish: &Wish) {
    let Gathered { map, present, plan, warnings, .. } = gathered;
    let Some(tree) = present.as_ref().map(super::present::Present::tree) else { return };
    if !is_to_be_parted(plan, all) {
        return;
    }
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
    let most = wish.probe.or_else(|| on_the_default_branch(settings, tree).then_some(settings.policy.budget.probe));
    // Most runs ask for none, and a large map takes its time to be weighed.
    let Some(most) = most.filter(|most| *most > 0 && may_draw) else { return };
    let depends = together::dependent(map);
    let alone = |at: usize| !depends.get(at).copied().unwrap_or(true);
    probe::probe(plan, &Costs::of(map), most, tree.digest(), &alone, &by_file);
    together::keep_makers(map, &mut plan.decisions);
}

/// Puts what runs in order, and off what does not fit.
fn fit(settings: &Settings, gathered: &mut Gathered, all: Option<Scope>, wish: &Wish, command: &[String]) {
    let Gathered { map, present, plan, warnings, .. } = gathered;
    let Some(tree) = present.as_ref().map(super::present::Present::tree) else { return };
    let policy = settings.policy.budget;
    let is_ordered = wish.budget.is_some() || policy.order == Order::Value;
    if wish.rest || !is_to_be_parted(plan, all) || (!is_ordered && policy.overflow == Overflow::Run) {
        return;
    }
    let costs = Costs::of(map);
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
        let by_file = |test: &str| runners::sort_of(test).by_file;
        budget::split(plan, &costs, Budget { micros, workers, each: beside.each }, &by_file);
    }
}

/// One sentence about a run that took longer than it may: which change made it so.
#[must_use]
pub fn too_long(
    settings: &Settings,
    gathered: &Gathered,
    wish: &Wish,
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
