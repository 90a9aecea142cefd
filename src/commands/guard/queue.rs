//! `titer guard queue`: drafts that wait for a person, with why.

use std::io::Write;

use crate::model::failure::Failure;
use crate::report::{guards as report, table};
use crate::settings::Settings;

use super::fault;

/// Lists them.
///
/// # Errors
/// There is no ledger, or the lens does not answer.
pub fn run(settings: &Settings, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut found = fault::lens(settings)?.ordered("drafts", "last_step_at DESC, draft_id")?;
    let step = found.columns.iter().position(|name| name == "step").unwrap_or_default();
    found.rows.retain(|row| !["injected", "proposed", "settled"].map(serde_json::Value::from).contains(&row[step]));
    if json {
        return table::json(&found.columns, &found.rows, out)
            .map_err(|error| Failure::world("the queue cannot be printed").because(error));
    }
    let rows: Vec<_> = found.by_name().collect();
    crate::commands::say(out, &report::queue(&rows))
}
