//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bridges::git;
use crate::bridges::process::{self, Ending};
use crate::commands;
use crate::formats::sighting_file::Format;
use crate::model::failure::Failure;
use crate::settings::{Flags, Settings};

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

/// How much of the process's memory a recording finds out about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Depth {
    /// One pass
    Plain,
    /// Every test, then once more in reverse order: what moves from one test to another is kept by the process
    Deep,
}

#[derive(Debug, Args)]
struct Select {
    /// Run this suite: `weekly` leaves nothing out
    #[arg(long, value_name = "SUITE")]
    suite: Option<Suite>,
    /// Leave nothing out
    #[arg(long)]
    all: bool,
}

impl Select {
    fn leaves_nothing_out(&self) -> bool {
        self.all || self.suite == Some(Suite::Weekly)
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
    /// Check the set-up, and name what is missing with the next step
    Doctor {
        /// Print JSON, one object a finding
        #[arg(long)]
        json: bool,
    },
    /// Learn what production and history tell
    Learn {
        #[command(subcommand)]
        from: Learn,
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
}

/// What production told, whoever wrote it down.
#[derive(Debug, Args)]
struct Told {
    /// The file, or `-` for standard input
    #[arg(value_name = "PATH|-")]
    path: String,
    /// What the source is called (default `file`); events of one source, project and id are the same event
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The source's own name of the project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// The service that failed, where events do not name it
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// State that errors were watched for from FROM to TO, two days in UTC: that there were none says something then
    #[arg(long, value_name = "FROM..TO")]
    covers: Option<String>,
    /// Where frames begin with FROM, the folder TO of the repository is meant
    #[arg(long = "prefix", value_name = "FROM=TO")]
    prefixes: Vec<String>,
}

impl Told {
    fn request(self, format: Option<Format>) -> commands::learn::file::Request {
        let Self { path, source, project, service, covers, prefixes } = self;
        commands::learn::file::Request { path, format, source, project, service, covers, prefixes }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    Auto,
    Sentry,
    Envelope,
    Otlp,
    Jsonl,
}

impl FileFormat {
    fn chosen(self) -> Option<Format> {
        match self {
            Self::Auto => None,
            Self::Sentry => Some(Format::Sentry),
            Self::Envelope => Some(Format::Envelope),
            Self::Otlp => Some(Format::Otlp),
            Self::Jsonl => Some(Format::Jsonl),
        }
    }
}

/// A tracker of production errors, asked for what is new since the last time.
#[derive(Debug, Args)]
struct Pull {
    /// The tracker's address, where it has none that is everybody's
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The tracker's own name or number of the project
    #[arg(long, value_name = "NAME")]
    project: String,
    /// The tracker's own name of the organization, where it has one
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// The service that failed, where events do not name it
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Read the token from this file instead of the tracker's variable
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Ask for at most so many events of one group of errors
    #[arg(long, value_name = "N", default_value_t = 20)]
    most: usize,
    /// Where frames begin with FROM, the folder TO of the repository is meant
    #[arg(long = "prefix", value_name = "FROM=TO")]
    prefixes: Vec<String>,
}

impl Pull {
    fn request(self, tracker: &str) -> commands::learn::pull::Request {
        let Self { url, project, organization, service, token_file, most, prefixes } = self;
        let tracker = tracker.to_owned();
        commands::learn::pull::Request { tracker, url, project, organization, service, token_file, most, prefixes }
    }
}

#[derive(Debug, Subcommand)]
enum Learn {
    /// Production errors from a file: Sentry events, envelopes, OTLP as JSON or protobuf, or our own JSON lines; plain or packed
    File {
        #[command(flatten)]
        told: Told,
        /// What it is written in
        #[arg(long, value_name = "FORMAT", default_value = "auto")]
        format: FileFormat,
    },
    /// Production errors from an envelope, as SDKs of Sentry send it
    Envelope {
        #[command(flatten)]
        told: Told,
    },
    /// Production errors from a request of OpenTelemetry's, JSON or protobuf
    Otlp {
        #[command(flatten)]
        told: Told,
    },
    /// Production errors from Bugsink (token: `BUGSINK_TOKEN`)
    Bugsink {
        #[command(flatten)]
        pull: Pull,
    },
    /// Production errors from Sentry (token: `SENTRY_AUTH_TOKEN`; needs --organization)
    Sentry {
        #[command(flatten)]
        pull: Pull,
    },
    /// Production errors from Rollbar (token: `ROLLBAR_ACCESS_TOKEN`)
    Rollbar {
        #[command(flatten)]
        pull: Pull,
    },
    /// Production errors from Bugsnag (token: `BUGSNAG_AUTH_TOKEN`)
    Bugsnag {
        #[command(flatten)]
        pull: Pull,
    },
    /// Production errors from Honeybadger (token: `HONEYBADGER_AUTH_TOKEN`)
    Honeybadger {
        #[command(flatten)]
        pull: Pull,
    },
}

fn learn(settings: &Settings, from: Learn, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
    use commands::learn::{file, pull::run as pull_from};
    match from {
        Learn::File { told, format } => file::run(settings, &told.request(format.chosen()), out, talk),
        Learn::Envelope { told } => file::run(settings, &told.request(Some(Format::Envelope)), out, talk),
        Learn::Otlp { told } => file::run(settings, &told.request(Some(Format::Otlp)), out, talk),
        Learn::Sentry { pull } => pull_from(settings, &pull.request("sentry"), out, talk),
        Learn::Rollbar { pull } => pull_from(settings, &pull.request("rollbar"), out, talk),
        Learn::Bugsnag { pull } => pull_from(settings, &pull.request("bugsnag"), out, talk),
        Learn::Honeybadger { pull } => pull_from(settings, &pull.request("honeybadger"), out, talk),
        Learn::Bugsink { pull } => pull_from(settings, &pull.request("bugsink"), out, talk),
    }
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
    match act(line, out, talk) {
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
    let strict = |settings: &Settings| settings.policy_failure.clone().map_or(Ok(()), |why| Err(Failure::input(why)));
    match line.verb {
        Verb::Run { select, record, no_record, junit, command } => {
            let deep = record == Some(Depth::Deep);
            let record = if record.is_some() { Some(true) } else { no_record.then_some(false) };
            let all = select.leaves_nothing_out() || deep;
            let request = commands::run::Request { command, record, deep, all, junit };
            Ok(commands::run::run(&settings, &request, talk))
        }
        Verb::Plan { select, json, command } => {
            strict(&settings)?;
            let request = commands::plan::Request { command, json, all: select.leaves_nothing_out() };
            commands::plan::run(&settings, &request, out, talk).map(|()| Ending::Code(0))
        }
        Verb::Explain { what, json } => {
            strict(&settings)?;
            commands::explain::run(&settings, &what, json, out, talk).map(|()| Ending::Code(0))
        }
        Verb::Doctor { json } => commands::doctor::run(&settings, json, out).map(|well| Ending::Code(i32::from(!well))),
        Verb::Learn { from } => {
            strict(&settings)?;
            learn(&settings, from, out, talk).map(|()| Ending::Code(0))
        }
        Verb::Sql { query, json } => {
            strict(&settings)?;
            commands::sql::run(&settings, query.as_deref(), json, out).map(|()| Ending::Code(0))
        }
    }
}
