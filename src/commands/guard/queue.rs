//! `titer guard queue`: drafts that wait for a person, with why.

use std::collections::BTreeSet;
use std::io::Write;

use crate::model::failure::Failure;
use crate::report::{guards as report, table};
use crate::settings::Settings;

use super::{fault, list};

/// Lists them.
///
/// # Errors
/// There is no ledger, or the lens does not answer.
pub fn run(settings: &Settings, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let lens = fault::lens(settings)?;
    let mut found = lens.ordered("drafts", "last_step_at DESC, draft_id")?;
    let unguarded = lens.ordered("unguarded_faults", list::BY_WEIGHT)?;
    let waiting: BTreeSet<String> =
        unguarded.by_name().filter_map(|row| Some(row.get("fault_id")?.as_str()?.to_owned())).collect();
    let place = |name: &str| found.columns.iter().position(|column| column == name).unwrap_or_default();
    // A fault that has its guard needs no other draft.
    let fault = place("fault_id");
    found.rows.retain(|row| row[fault].as_str().is_some_and(|id| waiting.contains(id)));
    if json {
        return table::json(&found.columns, &found.rows, out)
            .map_err(|error| Failure::world("the queue cannot be printed").because(error));
    }
    let rows: Vec<_> = found.by_name().collect();
    crate::commands::say(out, &report::queue(&rows))
}
