//! `titer serve` on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::commands::serve;
use crate::model::failure::Failure;
use crate::settings::Settings;

/// What can be asked of a server.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Listen on this address and port; port 0 is any that is free, and the first line printed tells it (default 127.0.0.1:8127, or `listen`
    /// under `[serve]` in titer.toml)
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Read the token from this file instead of the variable `TITER_SERVE_TOKEN`; without one, only this machine's own addresses are served
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Serve {
    /// Does what it says.
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
        super::strict(settings)?;
        let Self { listen, token_file } = self;
        serve::run(settings, &serve::Request { listen, token_file }, out, talk)
    }
}
