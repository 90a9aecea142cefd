//! The list of what can be learned from, and what all of it shares.

use std::io::Write;

use crate::bridges::{clock, workspace};
use crate::ledger::duck::{Lens, Limits};
use crate::ledger::store::Store;
use crate::model::failure::Failure;
use crate::report::summary;
use crate::settings::Settings;

mod code;
pub mod file;
pub mod git;
pub mod junit;
mod keep;
mod progress;
pub mod pull;
pub(super) mod received;
pub mod runs;
mod shapes;
mod sightings;

/// The ledger, made where there is none.
fn store(settings: &Settings) -> Result<Store, Failure> {
    let store = Store::open(&settings.ledger.0)?;
    let hidden = workspace::hide_from_git(&settings.root, &settings.ledger.0);
    hidden.map(|()| store).map_err(|e| Failure::world("titer's folder cannot be hidden from git").because(e))
}

/// The lens over what the ledger has by now.
fn lens(settings: &Settings) -> Result<Lens, Failure> {
    let file = settings.ledger_cache().join("lens.duckdb");
    Lens::open(&settings.ledger.0, &file, &clock::timestamp(clock::now()), &Limits::default())
}

/// One line about what was learned.
fn say(settings: &Settings, out: &mut dyn Write, line: &str) -> Result<(), Failure> {
    if settings.quiet {
        return Ok(());
    }
    let said = writeln!(out, "{line}").and_then(|()| out.flush());
    said.map_err(|error| Failure::world("the answer cannot be written").because(error))
}

/// `1 commit`, `1,234 commits`
fn several(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", summary::count(number), if number == 1 { "" } else { "s" })
}
