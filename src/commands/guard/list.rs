//! `titer guard list`: faults that no guard stands for, those first that cost most.

use std::io::Write;

use crate::model::failure::Failure;
use crate::report::{guards as report, table};
use crate::settings::Settings;

use super::fault;

/// The order: how often somebody was called about it, how often it was seen, by how many people, how lately.
pub(super) const BY_WEIGHT: &str = "pages DESC, sightings DESC, users DESC, last_seen_at DESC, fault_id";

/// Lists them.
///
/// # Errors
/// There is no ledger, or the lens does not answer.
pub fn run(settings: &Settings, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let found = fault::lens(settings)?.ordered("unguarded_faults", BY_WEIGHT)?;
    if json {
        return table::json(&found.columns, &found.rows, out)
            .map_err(|error| Failure::world("the list cannot be printed").because(error));
    }
    let rows: Vec<_> = found.by_name().collect();
    crate::commands::say(out, &report::faults(&rows))
}
