//! `titer plan`: what would run and why, without starting the runner.

use std::io::Write;

use crate::decide::selection::Ask;
use crate::formats::selection_v1;
use crate::model::failure::Failure;
use crate::model::plan::{Decision, Plan, Verdict};
use crate::report::explanation;
use crate::settings::Settings;

use super::gather::{Gathered, Opening, gather};
use super::{launch, run};

/// What `titer plan` was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The command whose run is planned; without one, the variant that ran last.
    pub command: Vec<String>,
    /// Print `selection_v1`.
    pub json: bool,
    /// Leave nothing out.
    pub all: bool,
}

/// Prints the plan.
///
/// # Errors
/// The answer cannot be written.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
    let gathered = gather(settings, Opening::ReadOnly, Ask { all: request.all, whole: false });
    run::warn(settings, talk, &gathered.warnings);
    let decisions = shown(settings, &gathered, &request.command);
    let text = if request.json {
        let plan = Plan { decisions, whole: gathered.plan.whole.clone() };
        format!("{}\n", selection_v1::write(&plan))
    } else {
        explanation::plan(&decisions)
    };
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::world("the plan cannot be written").because(error))
        }
        _ => Ok(()),
    }
}

/// The decisions about the variant that a command would run under, or that ran last.
#[must_use]
pub fn shown(settings: &Settings, gathered: &Gathered, command: &[String]) -> Vec<Decision> {
    let Some(variant) = likely_variant(settings, gathered, command) else { return gathered.plan.decisions.clone() };
    gathered.plan.of_variant(&variant).cloned().collect()
}

fn likely_variant(settings: &Settings, gathered: &Gathered, command: &[String]) -> Option<String> {
    let map = &gathered.map;
    let same = |launch: &&crate::model::map::LaunchRow| {
        launch.command == command
            && launch::key(settings, command, &launch.interpreter, &launch.sites) == Some(launch.key)
    };
    let exact = map.launches.iter().find(same).map(|launch| launch.variant);
    let newest = || map.tests.iter().max_by_key(|test| &test.last_run).map(|test| test.variant);
    let at = exact.or_else(newest)?;
    map.variants.get(at as usize).map(|variant| variant.id.clone())
}

/// How many decisions say run, and how many leave out.
#[must_use]
pub fn counts(decisions: &[Decision]) -> (usize, usize) {
    let run = decisions.iter().filter(|decision| decision.verdict == Verdict::Run).count();
    (run, decisions.len() - run)
}
