//! What the ledger has learned already, so that learning goes on where it stopped.

use serde_json::Value;

use crate::model::commit::Walk;
use crate::model::failure::Failure;

use super::duck::Lens;
use super::sql::literal;

/// The walks that count, newest first; none if they do not follow each other from the beginning, as where a segment is lost.
///
/// # Errors
/// The lens cannot answer.
pub fn walks(lens: &Lens) -> Result<Vec<Walk>, Failure> {
    let query =
        "SELECT commit_id, commit_number, after_commit_id, after_commit_number FROM counted_walks ORDER BY walk_id";
    let (mut walks, mut end): (Vec<Walk>, (Value, Value)) = (Vec::new(), (Value::Null, Value::from(0)));
    for row in lens.query(query)?.rows {
        let [commit, number, after, after_number] = [0, 1, 2, 3].map(|at| row[at].clone());
        if end != (after, after_number) {
            return Ok(Vec::new());
        }
        walks.push(Walk {
            commit: commit.as_str().unwrap_or_default().to_owned(),
            number: number.as_u64().unwrap_or(0),
        });
        end = (commit, number);
    }
    walks.reverse();
    Ok(walks)
}

/// When a run that was learned from a report began, as the lens writes times: `2026-11-21 05:00:00`.
///
/// # Errors
/// The lens cannot answer.
pub fn started(lens: &Lens, run: &str) -> Result<Option<String>, Failure> {
    let told = lens.query(&format!("SELECT started_at FROM runs WHERE run_id = {}", literal(run)))?;
    Ok(told.rows.first().and_then(|row| Some(row[0].as_str()?.to_owned())))
}
