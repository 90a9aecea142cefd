//! What part of the tests a run takes on, on the command line.

use std::path::PathBuf;

use clap::Args;

use super::Suite;
use crate::commands::budget::Wish;
use crate::decide::selection::Scope;
use crate::model::shard::{MOST, Shard};
use crate::settings::budget::duration;

/// `SELECT`.
#[derive(Debug, Args)]
pub(super) struct Select {
    /// Run this suite: `fast` (the default) is what a commit needs, `weekly` is every test of both suites, nothing left out
    #[arg(long, value_name = "SUITE")]
    suite: Option<Suite>,
    /// Leave nothing out by change: of both suites, or of the one that `--suite` names
    #[arg(long)]
    all: bool,
    /// Run what an earlier run of the same tree has left: what was over its budget
    #[arg(long, conflicts_with_all = ["all", "suite", "budget", "probe", "shard"])]
    rest: bool,
    /// What the run should take, `55s`: files that tell most in a second stand first, and with `overflow = "rest"` what does not fit waits for `--rest`
    #[arg(long, value_name = "TIME", value_parser = duration)]
    budget: Option<u64>,
    /// Spend so much time, and at most a tenth of what is selected, on tests drawn from those left out
    #[arg(long, value_name = "TIME", value_parser = duration)]
    probe: Option<u64>,
    /// Be one of several jobs of the same commit, `2/4` the second of four: every test is in exactly one of them, by its name, or by `--shares`
    #[arg(long, value_name = "I/N", value_parser = Shard::parse)]
    shard: Option<Shard>,
    /// Who runs what, as `titer plan --shards N --json` wrote it: one file for all shards. Without it (it is not there, or is for another commit)
    /// this shard takes on all of the tests
    #[arg(long, value_name = "FILE", requires = "shard")]
    shares: Option<PathBuf>,
}

impl Select {
    /// What part of the plan the run takes on.
    pub(super) fn wish(&self) -> Wish {
        let shares = self.shares.clone();
        Wish { budget: self.budget, rest: self.rest, probe: self.probe, shard: self.shard, shares }
    }

    /// The suites of which nothing is left out by change.
    pub(super) fn whole(&self) -> Option<Scope> {
        match (self.suite, self.all) {
            (Some(Suite::Weekly), _) | (None, true) => Some(Scope::Both),
            (Some(Suite::Fast), true) => Some(Scope::Fast),
            (None | Some(Suite::Fast), false) => None,
        }
    }
}

/// How many shards.
pub(super) fn shards(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok().filter(|of| (1..=MOST).contains(of));
    number.ok_or_else(|| format!("not a number of shards, which is between 1 and {MOST}"))
}
