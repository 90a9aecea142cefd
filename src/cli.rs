//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::bridges::process::{self, Ending};
use crate::bridges::{commits, git, sandbox};
use crate::commands;
use crate::decide::selection::Scope;
use crate::model::failure::Failure;
use crate::model::project::Forge;
use crate::settings::{Flags, Settings};

mod audit;
mod guard;
mod learn;
mod pages;
mod report;
mod select;
mod serve;

use audit::Audit;
use guard::Guard;
use learn::Learn;
use report::Report;
use select::{Select, shards};
use serve::Serve;

const EXIT_CODES: &str = "\
Exit codes of `titer run`: the command's own; 2 for a mistake in titer's part of the line (nothing was started), 126 or 127 when \
the command cannot be started or found, 0 when nothing had to be started; a signal that ended the command ends titer, too.
Exit codes of other commands: 0 done, 1 the answer is no, 2 wrong usage, 3 bad input or a failure outside titer.";

/// Runs on a commit only the tests that this commit can break, and says why
#[derive(Debug, Parser)]
#[command(name = "titer", version, after_help = EXIT_CODES, max_term_width = 120)]
struct Line {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Args)]
struct Common {
    /// Keep facts in this folder (default `.titer/ledger` in the repository's root; variable `TITER_LEDGER`)
    #[arg(long, global = true, value_name = "DIR")]
    ledger: Option<String>,
    /// Read this configuration instead of `titer.toml` in the repository's root
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run as if started in this folder
    #[arg(short = 'C', global = true, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Use colour: titer's own lines have none today, so this changes nothing yet
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
    /// Say nothing but warnings
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more: every warning, not just the first
    #[arg(short, long, global = true)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    Fast,
    Weekly,
}

impl From<Suite> for crate::model::suite::Suite {
    fn from(suite: Suite) -> Self {
        match suite {
            Suite::Fast => Self::Fast,
            Suite::Weekly => Self::Weekly,
        }
    }
}

/// How much of the process's memory a recording finds out about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Depth {
    /// One pass
    Plain,
    /// Every test, then once more in reverse order: what moves from one test to another is kept by the process
    Deep,
}

/// The CI systems that titer has a recipe for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ci {
    Github,
    Gitlab,
    Buildkite,
    /// No recipe
    None,
}

impl Ci {
    fn wish(self) -> commands::init::Ci {
        match self {
            Self::Github => commands::init::Ci::Of(Forge::Github),
            Self::Gitlab => commands::init::Ci::Of(Forge::Gitlab),
            Self::Buildkite => commands::init::Ci::Of(Forge::Buildkite),
            Self::None => commands::init::Ci::No,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the user's own test command, leaving out what no change can break
    Run {
        #[command(flatten)]
        select: Select,
        /// Record what each test depends on, also where titer would not by itself. `deep` runs every test, then all of them a second
        /// time, whose failures, output and exit code are not yours: pytest's in reverse order, to find out what the process
        /// remembers; cargo's (with or without `deep`) built anew in a folder of titer's own, to find out which functions each runs
        #[arg(long, conflicts_with = "no_record", num_args = 0..=1, require_equals = true, default_missing_value = "plain", value_name = "DEPTH")]
        record: Option<Depth>,
        /// Do not record what tests depend on; outcomes are kept all the same
        #[arg(long)]
        no_record: bool,
        /// Write a JUnit report; tests left out are in it as skipped, with the reason
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// The command, unchanged: `pytest -q`, `cargo test --workspace`, `cargo nextest run`, `npx jest`, or a script that starts pytest, `cargo test` or jest
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Say what would run and why, without running it
    Plan {
        #[command(flatten)]
        select: Select,
        /// Print JSON (format `selection_v1`)
        #[arg(long)]
        json: bool,
        /// Share out what would run to N shards, by the seconds that tests took: as long as each other, as far as that can be. With
        /// `--json` the list that `titer run --shard I/N --shares FILE` goes by is part of it
        #[arg(long, value_name = "N", value_parser = shards, conflicts_with_all = ["shard", "rest"])]
        shards: Option<u32>,
        /// The command to plan for; without one, the variant that ran last
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Explain why a test would run or not, or which tests depend on a path
    Explain {
        /// A test (`pytest::tests/test_a.py::test_b`, or pytest's own name for it; `cargo::app::lib::tests::works`;
        /// `jest::test/a.test.js::adds`) or a path
        #[arg(value_name = "TEST|PATH")]
        what: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Decide from production errors and change history which suite each test lives in, and write the records of what moves
    Place {
        /// Say what would move, and write nothing
        #[arg(long)]
        dry_run: bool,
        /// Decide as of this day (UTC); facts after it do not count
        #[arg(long, value_name = "DATE")]
        as_of: Option<String>,
        /// Print JSON (format `placement_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Run every test with the deep record, learn, tell what escaped, and place tests: the one line of the weekly job
    Weekly {
        /// Write a JUnit report
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// The command, unchanged
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Say what the last runs selected of what they could have found, beside running everything
    Replay {
        /// How many runs
        #[arg(long, value_name = "N", default_value_t = 50)]
        last: u32,
        /// Print JSON (format `replay_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Tell what the suites cost, caught and missed: time to verdict, escapes, faults, guards, moves, slow and flaky tests
    Report(Report),
    /// Serve the report's pages and metrics, and receive production errors: from SDKs of Sentry, from OpenTelemetry, from webhooks
    Serve(Serve),
    /// Move one test to a suite, with a reason that the record keeps
    Move {
        /// The test's id
        #[arg(value_name = "TEST")]
        test: String,
        /// Where it goes
        #[arg(value_name = "SUITE")]
        suite: Suite,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// The log of records: make keys, seal what the default branch brought in, check that nothing was altered
    Audit {
        #[command(subcommand)]
        what: Audit,
    },
    /// Turn faults of production into regression tests that fail before the fix and pass after it
    Guard {
        #[command(subcommand)]
        what: Guard,
    },
    /// Answer an agent over the Model Context Protocol on standard input and output: faults, their context, how tests look here, a guard
    /// checked, a guard submitted. An agent starts it
    Mcp,
    /// Learn what tests are placed by: history, production errors, outcomes from before titer
    Learn {
        #[command(subcommand)]
        from: Learn,
    },
    /// Look at the repository and set it up: `titer.toml`, ignore lines, the recipe of CI. What is there is never edited
    Init {
        /// Write the recipe for this CI system; without it, for the one that the repository's files or its remote tell of
        #[arg(long, value_name = "NAME")]
        ci: Option<Ci>,
        /// Print all that would be written, and write nothing
        #[arg(long)]
        print: bool,
    },
    /// Check the set-up, and name what is missing with the next step
    Doctor {
        /// Print JSON, one object a finding
        #[arg(long)]
        json: bool,
    },
    /// Answer a SQL query over the ledger; without one, list the views
    Sql {
        /// The query
        #[arg(value_name = "QUERY")]
        query: Option<String>,
        /// Print JSON, one object a row
        #[arg(long)]
        json: bool,
    },
    /// Print the completions of a shell: `titer completions bash > ~/.local/share/bash-completion/completions/titer`
    Completions {
        /// Whose
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Print a page for `man`, in roff: `titer man | man -l -`; `titer man audit seal` is that of one command
    Man {
        /// The command; without one, titer's own page
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Be one process of the sandbox: titer starts itself with this
    #[command(hide = true)]
    Cage {
        /// Which one, and what it needs
        words: Vec<String>,
    },
}

/// What the owners decided has to be readable.
fn strict(settings: &Settings) -> Result<(), Failure> {
    settings.policy_failure.clone().map_or(Ok(()), |why| Err(Failure::input(why)))
}

/// And whose commands would run has to be known: a change's own may be anybody's.
fn known(settings: &Settings) -> Result<(), Failure> {
    strict(settings)?;
    if settings.base != crate::settings::Base::Missing {
        return Ok(());
    }
    Err(Failure::input("the base of this pull request is not here, and its own settings do not count")
        .hint("fetch the base branch, so that its `titer.toml` can be read"))
}

/// Parses the command line, does what it says and returns the exit code.
pub fn main(out: &mut dyn Write, talk: &mut dyn Write) -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Help and version are data, a mistake is talk.
            let text = error.render().to_string();
            let _ = if error.use_stderr() { talk.write_all(text.as_bytes()) } else { out.write_all(text.as_bytes()) };
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    // Before anything starts a thread or reads a setting: what makes a namespace must be alone, and has no repository.
    if let Verb::Cage { words } = &line.verb {
        return ExitCode::from(sandbox::stand(words));
    }
    match pages::print(&line.verb, out).unwrap_or_else(|| act(line, out, talk)) {
        Ok(Ending::Code(code)) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Ok(Ending::Signal(signal)) => {
            let _ = out.flush();
            process::raise_again(signal);
            ExitCode::from(u8::try_from(128 + signal).unwrap_or(1))
        }
        Err(failure) => {
            let _ = writeln!(talk, "titer: error: {failure}");
            for hint in &failure.hints {
                let _ = writeln!(talk, "hint: {hint}");
            }
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn act(line: Line, out: &mut dyn Write, talk: &mut dyn Write) -> Result<Ending, Failure> {
    let Common { ledger, config, folder, color: _, quiet, verbose } = line.common;
    let settings = Settings::read(&Flags { ledger, config, folder, quiet, verbose }, &|folder| git::root(folder))?;
    let settings = settings.on_base(&commits::resolve, &commits::file);
    let settings = commands::home::adopt(settings);
    match line.verb {
        Verb::Run { select, record, no_record, junit, command } => {
            let deep = record == Some(Depth::Deep);
            commands::shards::refuse_deep(deep, &select.wish())?;
            let record = if record.is_some() { Some(true) } else { no_record.then_some(false) };
            let all = if deep { Some(Scope::Both) } else { select.whole() };
            let request = commands::run::Request { command, record, deep, all, wish: select.wish(), junit };
            Ok(commands::run::run(&settings, &request, talk))
        }
        Verb::Plan { select, json, shards, command } => {
            strict(&settings)?;
            let request = commands::plan::Request { command, json, all: select.whole(), wish: select.wish(), shards };
            commands::plan::run(&settings, &request, out, talk).map(|()| Ending::Code(0))
        }
        Verb::Explain { what, json } => {
            strict(&settings)?;
            commands::explain::run(&settings, &what, json, out, talk).map(|()| Ending::Code(0))
        }
        Verb::Place { dry_run, as_of, json } => {
            strict(&settings)?;
            let request = commands::place::Request { dry_run, as_of, json };
            commands::place::run(&settings, &request, out).map(|()| Ending::Code(0))
        }
        Verb::Weekly { junit, command } => {
            strict(&settings)?;
            let request = commands::weekly::Request { command, junit };
            Ok(commands::weekly::run(&settings, &request, out, talk))
        }
        Verb::Replay { last, json } => {
            strict(&settings)?;
            commands::weekly::replay(&settings, last, json, out).map(|()| Ending::Code(0))
        }
        Verb::Report(report) => {
            strict(&settings)?;
            commands::report::run(&settings, &report.request(), out, talk).map(|()| Ending::Code(0))
        }
        Verb::Serve(serve) => serve.run(&settings, out, talk).map(|()| Ending::Code(0)),
        Verb::Move { test, suite, reason } => {
            strict(&settings)?;
            commands::place::by_hand(&settings, &test, suite.into(), &reason, out).map(|()| Ending::Code(0))
        }
        Verb::Mcp => {
            known(&settings)?;
            commands::mcp::run(&settings).map(|()| Ending::Code(0))
        }
        Verb::Guard { what } => {
            known(&settings)?;
            what.run(&settings, out, talk).map(|well| Ending::Code(i32::from(!well)))
        }
        Verb::Learn { from } => {
            strict(&settings)?;
            from.run(&settings, out, talk).map(|()| Ending::Code(0))
        }
        // Owners whose titer.toml cannot be read can still make keys and check the log.
        Verb::Audit { what } => what.run(&settings, out),
        Verb::Init { ci, print } => {
            let request = commands::init::Request { ci: ci.map(Ci::wish).unwrap_or_default(), print };
            commands::init::run(&settings, request, out).map(|()| Ending::Code(0))
        }
        Verb::Doctor { json } => commands::doctor::run(&settings, json, out).map(|well| Ending::Code(i32::from(!well))),
        Verb::Sql { query, json } => {
            strict(&settings)?;
            commands::sql::run(&settings, query.as_deref(), json, out).map(|()| Ending::Code(0))
        }
        Verb::Cage { words } => Ok(Ending::Code(sandbox::stand(&words).into())),
        // Printed before anything is read.
        Verb::Completions { .. } | Verb::Man { .. } => Ok(Ending::Code(0)),
    }
}
