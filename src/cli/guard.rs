//! `titer guard` on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::commands::guard::propose::Way;
use crate::commands::guard::{check, context, draft, inject, list, queue, settle, sweep};
use crate::model::failure::Failure;
use crate::settings::Settings;
use crate::settings::budget::duration;

/// What can be done about guards.
#[derive(Debug, Subcommand)]
pub(super) enum Guard {
    /// List faults that no guard stands for, those first that cost most
    List {
        /// Print JSON, one object a fault
        #[arg(long)]
        json: bool,
    },
    /// Draft a test for a fault: a call that fails as production did, as small as it gets (exit code 1: no call does)
    Draft {
        /// The fault: the beginning of its id, as `titer guard list` prints it
        #[arg(value_name = "FAULT")]
        fault: String,
        #[command(flatten)]
        commits: Commits,
    },
    /// Print all that is needed to write a guard by hand, person or agent, as JSON (format `agent_v1`): the fault, its frames with their source,
    /// what production told, how tests look here, the criteria
    Context {
        /// The fault: the beginning of its id
        #[arg(value_name = "FAULT")]
        fault: String,
        #[command(flatten)]
        commits: Commits,
    },
    /// Run a draft before and after the fix and against stubs, and print a verdict for every criterion (exit code 1: one failed)
    Check {
        #[command(flatten)]
        checked: Checked,
        /// Print JSON, one object
        #[arg(long)]
        json: bool,
    },
    /// Check a draft, and make it a test of the project's, with its record, in FAST (exit code 1: a criterion failed, and nothing was written)
    Inject {
        #[command(flatten)]
        checked: Checked,
        /// Take a draft that asserts little: it lives in WEEKLY, by your word
        #[arg(long)]
        weekly: bool,
        #[command(flatten)]
        goes: Goes,
    },
    /// List drafts that wait for a person, with why
    Queue {
        /// Print JSON, one object a draft
        #[arg(long)]
        json: bool,
    },
    /// Find the fix of guards that waited for one, and let them assert what is right now; name faults that were seen again after
    /// their fix (exit code 1: there is such a relapse, or a guard that does not pass)
    Settle {
        /// The interpreter that runs the project's tests
        #[arg(long, value_name = "FILE")]
        python: Option<PathBuf>,
    },
    /// Learn from the configured sources, then draft, check and inject or queue every fault without a guard, by weight, within a
    /// budget; needs nobody
    Sweep {
        /// Take on at most so many faults (`most` in the table `[guard]` of `titer.toml`)
        #[arg(long, value_name = "N")]
        most: Option<u32>,
        /// Begin with no further fault after this time (`sweep` in the table `[guard]`)
        #[arg(long, value_name = "TIME", value_parser = duration)]
        budget: Option<u64>,
        /// Also faults that were drafted in vain and not seen since
        #[arg(long)]
        again: bool,
        /// The interpreter that runs the project's tests
        #[arg(long, value_name = "FILE")]
        python: Option<PathBuf>,
        #[command(flatten)]
        goes: Goes,
    },
}

#[derive(Debug, Args)]
pub(super) struct Goes {
    /// Make a branch `titer/guard-DRAFT` on top of HEAD, and a patch, and leave the work tree as it is
    #[arg(long, conflicts_with = "pr")]
    branch: bool,
    /// The same, push it to `origin` and open a pull request at GitHub (`GITHUB_TOKEN`, and as GitHub's CI sets them `GITHUB_API_URL`, `GITHUB_REPOSITORY`)
    #[arg(long)]
    pr: bool,
}

impl Goes {
    fn way(&self) -> Way {
        match (self.pr, self.branch) {
            (true, _) => Way::PullRequest,
            (false, true) => Way::Branch,
            (false, false) => Way::Tree,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Commits {
    /// The commit that fails; without it, the one that production ran
    #[arg(long, value_name = "COMMIT")]
    faulty: Option<String>,
    /// The commit that does not; without it, HEAD if it does not fail
    #[arg(long, value_name = "COMMIT")]
    fixed: Option<String>,
    /// The interpreter that runs the project's tests
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Checked {
    /// A draft's name or folder, or the file of a test that you wrote
    #[arg(value_name = "DRAFT")]
    draft: String,
    /// The fault that your test is for, where its header does not say `fault ID`
    #[arg(long, value_name = "FAULT")]
    fault: Option<String>,
    #[command(flatten)]
    commits: Commits,
}

impl Checked {
    fn request(self, json: bool) -> check::Request {
        let Commits { faulty, fixed, python } = self.commits;
        check::Request { draft: self.draft, text: None, fault: self.fault, faulty, fixed, python, json }
    }
}

impl Guard {
    /// Does it; `false` if the answer is no.
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write, talk: &mut dyn Write) -> Result<bool, Failure> {
        match self {
            Self::List { json } => list::run(settings, json, out).map(|()| true),
            Self::Queue { json } => queue::run(settings, json, out).map(|()| true),
            Self::Draft { fault, commits: Commits { faulty, fixed, python } } => {
                draft::run(settings, &draft::Request { fault, faulty, fixed, python }, out)
            }
            Self::Context { fault, commits: Commits { faulty, fixed, python } } => {
                context::run(settings, &context::Request { fault, faulty, fixed, python }, out).map(|()| true)
            }
            Self::Check { checked, json } => check::run(settings, &checked.request(json), out),
            Self::Inject { checked, weekly, goes } => {
                let way = goes.way();
                inject::run(settings, &inject::Request { check: checked.request(false), weekly, way }, out)
            }
            Self::Settle { python } => settle::run(settings, &settle::Request { python }, out),
            Self::Sweep { most, budget, again, python, goes } => {
                let way = goes.way();
                sweep::run(settings, &sweep::Request { most, budget, again, python, way }, out, talk)
            }
        }
    }
}
