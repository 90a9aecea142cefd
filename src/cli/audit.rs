//! `titer audit` on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use crate::bridges::process::Ending;
use crate::commands::audit::{approve, at, evidence, export, keygen, list, prove, replay, seal, verify, why};
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

/// What can be asked of the log of records.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Every record of a test: when it moved, by which rule, why, and who signed that
    Why {
        /// The test's id
        #[arg(value_name = "TEST")]
        test: String,
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_why_v1`)
        #[arg(long)]
        json: bool,
    },
    /// What a record was decided on: its evidence, and the digests of queries, inputs and policy
    Evidence {
        /// The record's name, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_evidence_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Who approved of a record
    Approvals {
        /// The record's name, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_approvals_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Decide again from the inputs that the ledger kept, and compare
    #[command(after_help = REPLAY_CODES)]
    Replay {
        /// A decision's name or that of a change, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_replay_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Every record sealed between two commits or tags: so many as the log grew by
    List {
        /// `A..B`
        #[arg(value_name = "A..B")]
        range: String,
        /// Print CSV
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_list_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Which tests were in WEEKLY at the end of a day
    At {
        /// The day, `2026-03-01`
        #[arg(value_name = "DATE")]
        day: String,
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_at_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Every change of the rules
    Policy {
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_policy_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Moves that took another move back
    Reversals {
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_reversals_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Approve of a batch that waits, signed with the key in `TITER_SIGNING_KEY`
    Approve {
        /// The name of the batch's file, or the beginning of it
        #[arg(value_name = "BATCH")]
        batch: String,
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
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_prove_v1`)
        #[arg(long)]
        json: bool,
    },
    /// Write the log as an in-toto bundle: one envelope a line, the line i is the leaf i
    Export {
        /// The file
        #[arg(long, value_name = "FILE")]
        bundle: PathBuf,
        /// The log in this folder instead of the branch titer-log
        #[arg(long, value_name = "DIR")]
        log: Option<PathBuf>,
        /// Print JSON (format `audit_export_v1`)
        #[arg(long)]
        json: bool,
    },
}

impl Audit {
    /// Does it.
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<Ending, Failure> {
        let done = |()| Ending::Code(0);
        match self {
            Self::Why { test, log, json } => why::run(settings, &test, log.as_deref(), json, out).map(done),
            Self::Evidence { id, log, json } => evidence::run(settings, &id, log.as_deref(), json, out).map(done),
            Self::Approvals { id, log, json } => {
                evidence::approvals(settings, &id, log.as_deref(), json, out).map(done)
            }
            Self::Replay { id, log, json } => replay::run(settings, &id, log.as_deref(), json, out),
            Self::List { range, csv, log, json } => {
                let form = match (csv, json) {
                    (true, _) => list::Form::Csv,
                    (_, true) => list::Form::Json,
                    _ => list::Form::Text,
                };
                list::run(settings, &range, log.as_deref(), form, out).map(done)
            }
            Self::At { day, log, json } => at::run(settings, &day, log.as_deref(), json, out).map(done),
            Self::Policy { log, json } => list::policy(settings, log.as_deref(), json, out).map(done),
            Self::Reversals { log, json } => why::reversals(settings, log.as_deref(), json, out).map(done),
            Self::Approve { batch } => approve::run(settings, &batch, out).map(done),
            Self::Keygen { name, out: file, json } => {
                keygen::run(&settings.folder, &name, file, json, out).map(|()| Ending::Code(0))
            }
            Self::Seal { key, branch, push, compact, json } => {
                let request = seal::Request { keys: key, branch, push, compact, json };
                seal::run(settings, &request, out).map(|all| Ending::Code(i32::from(!all)))
            }
            Self::Verify { since, sealer, log, json } => {
                verify::run(settings, &verify::Request { since, sealer, log, json }, out).map(Ending::Code)
            }
            Self::Prove { id, log, json } => {
                prove::run(settings, &id, log.as_deref(), json, out).map(|()| Ending::Code(0))
            }
            Self::Export { bundle, log, json } => {
                export::run(settings, &bundle, log.as_deref(), json, out).map(|()| Ending::Code(0))
            }
        }
    }
}
