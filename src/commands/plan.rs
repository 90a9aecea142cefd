//! `titer plan`: what would run and why, without starting the runner.

use std::io::Write;

use crate::bridges::runners;
use crate::decide::selection::{Ask, Scope};
use crate::formats::selection_v1;
use crate::model::failure::Failure;
use crate::model::map::LaunchRow;
use crate::model::plan::{Decision, Plan, Verdict};
use crate::model::suite::Suite;
use crate::report::explanation;
use crate::settings::Settings;

use super::budget::{self, Wish};
use super::gather::{Gathered, Opening, gather, place};
use super::{launch, run, shards, suites};

/// What `titer plan` was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The command whose run is planned; without one, the variant that ran last.
    pub command: Vec<String>,
    /// Print `selection_v1`.
    pub json: bool,
    /// Leave nothing out.
    pub all: Option<Scope>,
    /// What part of the plan a run would take on.
    pub wish: Wish,
    /// `--shards`: who would run what of so many.
    pub shards: Option<u32>,
}

/// Prints the plan.
///
/// # Errors
/// The answer cannot be written.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
    let mut gathered = gather(settings, Opening::ReadOnly, Ask { all: request.all, whole: false });
    let shares = request.shards.map(|of| {
        budget::draw(settings, &mut gathered, request.all, &request.wish);
        gathered.warnings.splice(0..0, shards::doubt(&request.command));
        shards::share_out(settings, &gathered, &request.command, of)
    });
    if shares.is_none() {
        budget::take_on(settings, &mut gathered, request.all, &request.wish, &request.command);
    }
    run::warn(settings, talk, &gathered.warnings);
    let decisions = shown(settings, &gathered, &request.command);
    let text = if request.json {
        let plan = Plan { decisions, ..gathered.plan.clone() };
        let today = suites::today();
        let suite = |test: &str| gathered.suites.weekly(test, &today).map_or(Suite::Fast, |stay| stay.suite);
        format!("{}\n", selection_v1::write(&plan, &suite, shares.as_ref()))
    } else if let Some(shares) = &shares {
        explanation::shares(shares, &decisions)
    } else {
        explanation::plan(&decisions)
    };
    super::say(out, &text)
}

/// The decisions about the variants that a command would run under, or that each runner ran under last.
#[must_use]
pub fn shown(settings: &Settings, gathered: &Gathered, command: &[String]) -> Vec<Decision> {
    let variants = likely_variants(settings, gathered, command);
    if variants.is_empty() {
        return gathered.plan.decisions.clone();
    }
    variants.iter().flat_map(|variant| gathered.plan.of_variant(variant)).cloned().collect()
}

/// The variants that a command would run under, or that each runner ran under last.
pub(super) fn likely_variants(settings: &Settings, gathered: &Gathered, command: &[String]) -> Vec<String> {
    let map = &gathered.map;
    let (runners, _) = runners::of_command(command);
    let mut found = Vec::new();
    for runner in runners::all() {
        let named = runners.iter().any(|of_command| of_command.name() == runner.name());
        if !runners.is_empty() && !named {
            continue;
        }
        let same = |launch: &&LaunchRow| {
            launch.command == command
                && launch::key(settings, runner, command, &launch.interpreter, &launch.sites) == Some(launch.key)
        };
        let exact = map.launches.iter().find(same).map(|launch| launch.variant);
        let is_its = |id: &str| id.strip_prefix(runner.name()).is_some_and(|rest| rest.starts_with("::"));
        let newest = || {
            let tests = map.tests.iter().filter(|test| is_its(&test.id));
            tests.max_by_key(|test| &test.last_run).map(|test| test.variant)
        };
        let id = |at: u32| map.variants.get(at as usize).map(|variant| variant.id.clone());
        let asked = || runner.variant(command, place(settings));
        found.extend(exact.and_then(id).or_else(asked).or_else(|| newest().and_then(id)));
    }
    found
}

/// How many decisions say run, and how many leave out.
#[must_use]
pub fn counts(decisions: &[Decision]) -> (usize, usize) {
    let run = decisions.iter().filter(|decision| decision.verdict == Verdict::Run).count();
    (run, decisions.len() - run)
}
