//! Shards of one CI run: who runs what, and what this one takes on.

use std::collections::BTreeSet;
use std::io::Write;

use crate::bridges::{disk, runners};
use crate::decide::budget::overhead;
use crate::decide::shards;
use crate::formats::shares_v1::{self, OneShare, Shares, VERSION};
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::plan::Decision;
use crate::model::reason::Reason;
use crate::model::shard::{Shard, Share};
use crate::model::tree::Tree;
use crate::report::summary;
use crate::settings::{self, Settings};

use super::budget::Wish;
use super::gather::Gathered;
use super::plan::likely_variants;
use super::run::Request;

/// What shares out tests that nobody listed.
const BY_NAME: &str = "names";
/// The same where the runner does.
const BY_RUNNER: &str = "runner";
/// No share was taken: the shard ran all of it.
const ALL: &str = "all";

/// Leaves the plan this shard's share. Without the list that it was told to go by it takes on all: what the others leave to it is not known.
pub(super) fn take_share(settings: &Settings, gathered: &mut Gathered, wish: &Wish, command: &[String]) {
    let Some(shard) = wish.shard else { return };
    let by_runner = shares_itself(command);
    let listed = match (&wish.shares, by_runner) {
        (Some(_), true) => {
            gathered.warnings.push(
                "cargo-nextest shares its tests out by itself, the same in every shard, so --shares does not count"
                    .to_owned(),
            );
            None
        }
        (Some(file), false) => match read(settings, gathered, file, shard) {
            Ok(shares) => Some(shares),
            Err(why) => {
                let file = file.display();
                gathered.warnings.insert(0, format!("--shares {file} {why}; shard {shard} takes on all of the tests"));
                return;
            }
        },
        (None, _) => None,
    };
    let owners = listed.as_ref().map(Shares::owners).unwrap_or_default();
    let taken = Share { shard, owners, list: listed.as_ref().map(Shares::digest), by_runner };
    if by_runner {
        gathered.plan.share = Some(taken);
        return;
    }
    let by_file = |test: &str| runners::sort_of(test).by_file;
    shards::take_share(&mut gathered.plan, &gathered.map, taken, &by_file);
}

fn read(settings: &Settings, gathered: &Gathered, file: &std::path::Path, shard: Shard) -> Result<Shares, String> {
    let bytes = disk::read(&settings.folder.join(file)).map_err(|error| format!("cannot be read: {error}"))?;
    let shares = shares_v1::read(&bytes)?;
    if shares.of != shard.of {
        return Err(format!("is for {} shards", shares.of));
    }
    let here = tree(gathered).and_then(|tree| tree.commit.as_deref());
    match (shares.commit.as_deref(), here) {
        (Some(planned), Some(here)) if planned != here => Err(format!("is for the commit {planned}")),
        _ => Ok(shares),
    }
}

fn tree(gathered: &Gathered) -> Option<&Tree> {
    gathered.present.as_ref().map(super::present::Present::tree)
}

fn shares_itself(command: &[String]) -> bool {
    let (runners, _) = runners::of_command(command);
    runners.iter().any(|runner| runner.has_own_shares(command))
}

/// Who would run what of `of` shards.
#[must_use]
pub fn share_out(settings: &Settings, gathered: &Gathered, command: &[String], of: u32) -> Shares {
    let variants = likely_variants(settings, gathered, command);
    let decisions = &gathered.plan.decisions;
    let counts = |at: usize| variants.is_empty() || variants.contains(&decisions[at].variant);
    let workers = runners::workers(command);
    let beside = overhead(&gathered.map, workers);
    let by_file = |test: &str| runners::sort_of(test).by_file;
    let loads = shards::share_out(&gathered.map, &gathered.plan, beside.each, of, &counts, &by_file);
    let shares: Vec<OneShare> = (1..)
        .zip(loads)
        .map(|(shard, load)| OneShare {
            shard,
            tests: load.tests,
            us: load.predicted(beside, workers),
            units: load.units,
        })
        .collect();
    let makespan_us = shares.iter().map(|share| share.us).max().unwrap_or(0);
    let commit = tree(gathered).and_then(|tree| tree.commit.clone());
    Shares { v: VERSION, of, commit, makespan_us, shares }
}

/// One sentence where a command's runner shares out by itself, so that a plan's shares do not hold for it.
#[must_use]
pub fn doubt(command: &[String]) -> Option<String> {
    shares_itself(command).then(|| {
        "cargo-nextest shares its tests out by itself, by their names: `--shard` goes by that, and not by these shares"
            .to_owned()
    })
}

/// What of the command shares out as well, said as a mistake of the command line.
pub(super) fn is_shared_twice(request: &Request, talk: &mut dyn Write) -> bool {
    let Some(shard) = request.wish.shard else { return false };
    let (runners, _) = runners::of_command(&request.command);
    let Some(word) = runners.iter().find_map(|runner| runner.shares_out(&request.command)) else { return false };
    let _ = writeln!(
        talk,
        "titer: error: the command's own {word} shares the tests out as well as --shard {shard}: leave one of them out"
    );
    true
}

/// What a deep record cannot be.
///
/// # Errors
/// It was asked of a shard.
pub fn refuse_deep(deep: bool, wish: &Wish) -> Result<(), Failure> {
    if !deep || wish.shard.is_none() {
        return Ok(());
    }
    let sentence = "--record=deep finds out what moves from one test to another, so it cannot be made shard by shard";
    Err(Failure::usage(sentence).hint("leave --shard out of the weekly job"))
}

/// How the ledger names a run that is a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// `2-4`
    pub shard: String,
    /// Which attempt, as the CI system counts.
    pub attempt: u32,
    /// What all shards of one CI run have in common that go by the same shares; `None` where no CI system tells.
    pub ci_run: Option<String>,
}

/// The names of a run.
#[must_use]
pub fn names(settings: &Settings, request: &Request, gathered: Option<&Gathered>) -> Names {
    let forge = settings::forge::build(&settings::variable);
    let attempt = forge.as_ref().map_or(1, |build| build.attempt);
    let Some(shard) = request.wish.shard else { return Names { shard: "1-1".to_owned(), attempt, ci_run: None } };
    let taken = gathered.and_then(|gathered| gathered.plan.share.as_ref());
    let shares = match taken {
        None => ALL.to_owned(),
        Some(taken) if taken.by_runner => BY_RUNNER.to_owned(),
        Some(taken) => taken.list.map_or_else(|| BY_NAME.to_owned(), |list| list.to_string()),
    };
    let ci_run = forge.map(|build| {
        let folder = settings.folder_from_root();
        let (of, all) = (shard.of.to_string(), format!("{:?}", request.all));
        let parts = [&build.name, &folder, &of, &all, &shares].into_iter().chain(&request.command);
        Digest::of_parts(parts.map(String::as_bytes)).to_string()
    });
    Names { shard: format!("{}-{}", shard.index, shard.of), attempt, ci_run }
}

/// Of tests that a runner would collect, those that are this shard's.
#[must_use]
pub fn own<'a>(gathered: &Gathered, collected: &'a [String]) -> BTreeSet<&'a str> {
    let share = gathered.plan.share.as_ref();
    let is_own = |test: &str| share.is_none_or(|share| share.is_own(test, runners::sort_of(test).by_file));
    collected.iter().map(String::as_str).filter(|test| is_own(test)).collect()
}

/// The line about a shard after its run.
#[must_use]
pub fn told(gathered: &Gathered, decisions: &[Decision]) -> Option<String> {
    let share = gathered.plan.share.as_ref()?;
    let others = decisions.iter().filter(|decision| decision.reason == Reason::OtherShard);
    let others = others.map(|decision| &decision.test).collect::<BTreeSet<_>>().len();
    let by = match share.list {
        Some(list) => format!("by the shares {}", &list.to_string()[..8]),
        None if share.by_runner => "by the runner".to_owned(),
        None => "by their names".to_owned(),
    };
    let (count, tests) = (summary::count(others), summary::tests(others));
    Some(format!("shard {}: {count} {tests} left to the others, {by}", share.shard))
}
