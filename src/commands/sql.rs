//! `titer sql`: answers a query over the lens, or lists its views.

use std::io::{self, Write};

use serde_json::Value;

use crate::bridges::clock;
use crate::ledger::duck::{Lens, Limits, Table};
use crate::ledger::sql::VIEWS;
use crate::model::failure::Failure;
use crate::report::table;
use crate::settings::Settings;

/// Answers `query`; without one, says which views there are and what one row of each is.
///
/// # Errors
/// When there is no ledger, or the query cannot be answered.
pub fn run(settings: &Settings, query: Option<&str>, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let answer = match query {
        Some(query) => open(settings)?.query(query)?,
        None => views(),
    };
    let write = if json { table::json } else { table::aligned };
    match write(&answer.columns, &answer.rows, out).and_then(|()| out.flush()) {
        // Whoever reads has seen enough (`titer sql … | head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::world("the answer cannot be written").because(error)),
    }
}

fn open(settings: &Settings) -> Result<Lens, Failure> {
    let ledger = &settings.ledger.0;
    if !ledger.is_dir() {
        return Err(Failure::input(format!("there is no ledger at {}", ledger.display()))
            .hint("`titer run -- COMMAND` writes one; `--ledger DIR` or TITER_LEDGER names another"));
    }
    let file = settings.ledger_cache().join("lens.duckdb");
    Lens::open(ledger, &file, &clock::precise_timestamp(clock::now()), &Limits::default())
}

fn views() -> Table {
    let rows = VIEWS.iter().map(|view| vec![Value::from(view.name), Value::from(view.grain())]).collect();
    Table { columns: vec!["view".to_owned(), "grain".to_owned()], rows }
}
