//! What the ledger has learned already, so that learning goes on where it stopped.

use serde_json::Value;

use crate::model::commit::Walk;
use crate::model::failure::Failure;

use super::duck::Lens;
use super::sql::literal;

/// The walks that count, newest first; none if their chain does not reach its beginning, as where a segment is lost.
///
/// # Errors
/// The lens cannot answer.
pub fn walks(lens: &Lens) -> Result<Vec<Walk>, Failure> {
    let told =
        lens.query("SELECT commit_id, commit_number, after_commit_id FROM counted_walks ORDER BY walk_id DESC")?;
    let is_whole = told.rows.last().is_some_and(|first| first[2] == Value::Null);
    let walk = |row: &Vec<Value>| {
        let commit = row[0].as_str().unwrap_or_default().to_owned();
        Walk { commit, number: row[1].as_u64().unwrap_or(0) }
    };
    Ok(if is_whole { told.rows.iter().map(walk).collect() } else { Vec::new() })
}

/// When a run that was learned from a report began, as the lens writes times: `2026-11-21 05:00:00`.
///
/// # Errors
/// The lens cannot answer.
pub fn started(lens: &Lens, run: &str) -> Result<Option<String>, Failure> {
    let told = lens.query(&format!("SELECT started_at FROM runs WHERE run_id = {}", literal(run)))?;
    Ok(told.rows.first().and_then(|row| Some(row[0].as_str()?.to_owned())))
}
