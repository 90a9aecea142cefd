//! `titer audit` on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use crate::bridges::process::Ending;
use crate::commands::audit::{export, keygen, prove, seal, verify};
use crate::model::failure::Failure;
use crate::settings::Settings;

const VERIFY_CODES: &str = "\
Exit codes: 0 good; 1 tampered, by index and reason; 4 history rewritten: the log does not extend the saved checkpoint; 6 NOT ANCHORED: \
no checkpoint was given, everything else was good; 7 uncommitted tail: a seal was cut short, no tampering; 2 wrong usage; 3 bad input.";

const SEAL_CODES: &str = "\
Exit codes: 0 all that waits is sealed, or there was nothing new; 1 something was held back, the rest is sealed; 2 wrong usage; \
3 bad input or a failure outside: the log is what it was.";

/// What can be asked of the log of records.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
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
        match self {
            Self::Keygen { name, out: file, json } => {
                keygen::run(&settings.folder, &name, file, json, out).map(|()| Ending::Code(0))
            }
            Self::Seal { key, branch, push, json } => {
                let request = seal::Request { keys: key, branch, push, json };
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
