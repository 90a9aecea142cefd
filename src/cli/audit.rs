//! `titer audit` on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::bridges::process::Ending;
use crate::commands::audit::{Question, approve, at, evidence, export, keygen, list, prove, replay, seal, verify, why};
use crate::model::failure::Failure;
use crate::settings::Settings;

const VERIFY_CODES: &str = "\
Exit codes: 0 good; 1 tampered, by index and reason; 4 history rewritten: the log does not extend the saved checkpoint; 6 NOT ANCHORED: \
no checkpoint was given, everything else was good; 7 uncommitted tail: a seal was cut short, no tampering; 2 wrong usage; 3 bad input.";

const REPLAY_CODES: &str = "\
Exit codes: 0 the same; 1 it differs; 5 it differs, and another version of titer or its engine took it; 8 the inputs are not in the ledger any more; \
2 wrong usage; 3 bad input.";

const SEAL_CODES: &str = "\
Exit codes: 0 all that waits is sealed, or there was nothing new; 1 something was held back, the rest is sealed; 2 wrong usage; \
3 bad input or a failure outside: the log is what it was.";

/// What every question has in common.
#[derive(Debug, Args)]
pub(super) struct Of {
    /// The log in this folder instead of the branch titer-log
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Print JSON, whose member `format` names it and its version
    #[arg(long)]
    json: bool,
}

impl Of {
    fn question<'a>(&'a self, settings: &'a Settings) -> Question<'a> {
        Question { settings, log: self.log.as_deref(), as_json: self.json }
    }
}

/// What can be asked of the log of records.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Every record of a test: when it moved, by which rule, why, and who signed that
    Why {
        /// The test's id
        #[arg(value_name = "TEST")]
        test: String,
        #[command(flatten)]
        of: Of,
    },
    /// What a record was decided on: its evidence, and the digests of queries, inputs and policy
    Evidence {
        /// The record's name, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// Who approved of a record
    Approvals {
        /// The record's name, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// Decide again from the inputs that the ledger kept, and compare
    #[command(after_help = REPLAY_CODES)]
    Replay {
        /// A decision's name or that of a change, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// Every record sealed between two commits or tags: so many as the log grew by
    List {
        /// `A..B`
        #[arg(value_name = "A..B")]
        range: String,
        /// Print CSV
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        #[command(flatten)]
        of: Of,
    },
    /// Where the tests lived at the end of a day
    At {
        /// The day, `2026-03-01`
        #[arg(value_name = "DATE")]
        day: String,
        #[command(flatten)]
        of: Of,
    },
    /// Every change of the rules
    Policy {
        #[command(flatten)]
        of: Of,
    },
    /// Moves that took another move back
    Reversals {
        #[command(flatten)]
        of: Of,
    },
    /// Approve of a batch that waits, or of removals that are proposed, signed with the key in `TITER_SIGNING_KEY`
    Approve {
        /// The name of the batch's file, or the beginning of it
        #[arg(value_name = "BATCH")]
        batch: String,
        /// Print JSON (format `audit_approve_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Make a key: the private one into a file that only you may read, the public one onto the screen
    Keygen {
        /// The key's name; for the key that seals, the log's: `example.org/shop/suite-log`
        #[arg(value_name = "NAME")]
        name: String,
        /// The file of the private key, never one that is there (default: the name with `.key`)
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print JSON (format `audit_keygen_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Seal what the default branch brought in: check it, append it to the log, sign a checkpoint, commit it to the branch titer-log
    #[command(after_help = SEAL_CODES)]
    Seal {
        /// The file of the private key that seals (or its text in `TITER_SIGNING_KEY`); twice where one key hands over to another
        #[arg(long, value_name = "FILE")]
        key: Vec<PathBuf>,
        /// The default branch, where neither titer.toml nor the clone says which it is
        #[arg(long, value_name = "NAME")]
        branch: Option<String>,
        /// Push the branch titer-log there, without force; if another machine was quicker, take its log and seal the rest
        #[arg(long, value_name = "REMOTE")]
        push: Option<String>,
        /// Then fold the batches that are sealed as a whole into `.titer/suite/base.tsv` and delete their files; commit that
        #[arg(long)]
        compact: bool,
        /// Print JSON (format `audit_seal_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Check that nothing in the log was altered, removed or set back
    #[command(after_help = VERIFY_CODES)]
    Verify {
        /// A checkpoint saved before, where nobody who can write the log can write: the log must extend it
        #[arg(long, value_name = "NOTE")]
        since: Option<PathBuf>,
        /// The public key that must be among those that seal (default: the one in titer.toml)
        #[arg(long, value_name = "VKEY")]
        sealer: Option<String>,
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_verify_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Print one record with the proof that it is in the log, and how to check both with other people's tools
    Prove {
        /// The record's name, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// Write the log as an in-toto bundle: one envelope a line, the line i is the leaf i
    Export {
        /// The file
        #[arg(long, value_name = "FILE")]
        bundle: PathBuf,
        #[command(flatten)]
        of: Of,
    },
}

impl Audit {
    /// Does it.
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<Ending, Failure> {
        let done = |()| Ending::Code(0);
        match self {
            Self::Why { test, of } => why::run(&of.question(settings), &test, out).map(done),
            Self::Evidence { id, of } => evidence::run(&of.question(settings), &id, out).map(done),
            Self::Approvals { id, of } => evidence::approvals(&of.question(settings), &id, out).map(done),
            Self::Replay { id, of } => replay::run(&of.question(settings), &id, out),
            Self::List { range, csv, of } => {
                let form = match (csv, of.json) {
                    (true, _) => list::Form::Csv,
                    (_, true) => list::Form::Json,
                    _ => list::Form::Text,
                };
                list::run(&of.question(settings), &range, form, out).map(done)
            }
            Self::At { day, of } => at::run(&of.question(settings), &day, out).map(done),
            Self::Policy { of } => list::policy(&of.question(settings), out).map(done),
            Self::Reversals { of } => why::reversals(&of.question(settings), out).map(done),
            Self::Approve { batch, json } => approve::run(settings, &batch, json, out).map(done),
            Self::Keygen { name, out: file, json } => keygen::run(&settings.folder, &name, file, json, out).map(done),
            Self::Seal { key, branch, push, compact, json } => {
                let request = seal::Request { keys: key, branch, push, compact, json };
                seal::run(settings, &request, out).map(|all| Ending::Code(i32::from(!all)))
            }
            Self::Verify { since, sealer, log, json } => {
                verify::run(settings, &verify::Request { since, sealer, log, json }, out).map(Ending::Code)
            }
            Self::Prove { id, of } => prove::run(&of.question(settings), &id, out).map(done),
            Self::Export { bundle, of } => export::run(&of.question(settings), &bundle, out).map(done),
        }
    }
}
