//! `titer learn` on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::commands::learn::{file, git, junit, pull, runs};
use crate::formats::sighting_file::Format;
use crate::model::failure::Failure;
use crate::model::reported::Reporter;
use crate::settings::Settings;

/// What can be learned from.
#[derive(Debug, Subcommand)]
pub(super) enum Learn {
    /// Learn from git when every function last changed, how often and by how many people
    Git,
    /// Take over what runs elsewhere decided and saw, from the folder of their ledgers (artifacts of CI)
    Runs {
        /// A ledger, or a folder of some
        // Not `folder`: of two arguments of one name clap takes this for `-C`.
        #[arg(value_name = "DIR")]
        ledgers: PathBuf,
        /// Take over what their tests depend on, too: the ledgers are those of the shards of one run of the default branch
        #[arg(long)]
        maps: bool,
    },
    /// Learn from JUnit reports how tests ended before titer ran them
    Junit {
        /// The reports
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The runner, where the reports do not tell it
        #[arg(long, value_name = "RUNNER")]
        runner: Option<Runner>,
        /// When the tests ran, where the reports do not tell it or are wrong: `2026-11-21`, `2026-11-21T05:00:00Z`
        #[arg(long, value_name = "DATE")]
        at: Option<String>,
    },
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
    /// Production errors from Datadog's Error Tracking for logs (keys: `DD_API_KEY` and `DD_APP_KEY`; --project is the service, --url
    /// a site such as `datadoghq.eu`)
    Datadog {
        #[command(flatten)]
        pull: Pull,
    },
    /// Production errors from Honeybadger (token: `HONEYBADGER_AUTH_TOKEN`)
    Honeybadger {
        #[command(flatten)]
        pull: Pull,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Runner {
    Pytest,
    Jest,
    Cargo,
}

impl From<Runner> for Reporter {
    fn from(runner: Runner) -> Self {
        match runner {
            Runner::Pytest => Self::Pytest,
            Runner::Jest => Self::Jest,
            Runner::Cargo => Self::Cargo,
        }
    }
}

/// What production told, whoever wrote it down.
#[derive(Debug, Args)]
pub(super) struct Told {
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
    fn request(self, format: Option<Format>) -> file::Request {
        let Self { path, source, project, service, covers, prefixes } = self;
        file::Request { path, format, source, project, service, covers, prefixes }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FileFormat {
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
pub(super) struct Pull {
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
    /// Read the token from this file instead of the tracker's variable; of two keys, one a line
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
    fn request(self, tracker: &str) -> pull::Request {
        let Self { url, project, organization, service, token_file, most, prefixes } = self;
        let tracker = tracker.to_owned();
        pull::Request { tracker, url, project, organization, service, token_file, most, prefixes }
    }
}

impl Learn {
    /// Does what it says.
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
        match self {
            Self::Git => git::run(settings, out, talk),
            Self::Runs { ledgers, maps } => runs::run(settings, &ledgers, maps, out, talk),
            Self::Junit { files, runner, at } => {
                let request = junit::Request { files, runner: runner.map(Into::into), at };
                junit::run(settings, &request, out, talk)
            }
            Self::File { told, format } => file::run(settings, &told.request(format.chosen()), out, talk),
            Self::Envelope { told } => file::run(settings, &told.request(Some(Format::Envelope)), out, talk),
            Self::Otlp { told } => file::run(settings, &told.request(Some(Format::Otlp)), out, talk),
            Self::Bugsink { pull } => from_tracker(settings, pull, "bugsink", out, talk),
            Self::Sentry { pull } => from_tracker(settings, pull, "sentry", out, talk),
            Self::Rollbar { pull } => from_tracker(settings, pull, "rollbar", out, talk),
            Self::Bugsnag { pull } => from_tracker(settings, pull, "bugsnag", out, talk),
            Self::Datadog { pull } => from_tracker(settings, pull, "datadog", out, talk),
            Self::Honeybadger { pull } => from_tracker(settings, pull, "honeybadger", out, talk),
        }
    }
}

fn from_tracker(
    settings: &Settings,
    asked: Pull,
    tracker: &str,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<(), Failure> {
    pull::run(settings, &asked.request(tracker), out, talk)
}
