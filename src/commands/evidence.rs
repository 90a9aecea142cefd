//! Evidence of tests as of a day, asked from the lens.

use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde_json::Value;

use crate::ledger::duck::{Lens, Limits, Table};
use crate::ledger::sql::SHARED;
use crate::model::evidence::{DAY, Evidence, Seconds};
use crate::model::failure::Failure;
use crate::settings::Settings;

/// A day, and the instants that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf {
    /// `2026-11-21`.
    pub day: String,
    /// Its 00:00 UTC, from which windows are counted.
    pub start: Seconds,
}

impl AsOf {
    /// The day of a text.
    ///
    /// # Errors
    /// It is not a day.
    pub fn parse(day: &str) -> Result<Self, Failure> {
        let date: Result<jiff::civil::Date, _> = day.parse();
        let start = date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC)).map_err(|error| {
            Failure::usage(format!("--as-of {day}: not a day")).because(error).hint("a day is written 2026-11-21")
        })?;
        Ok(Self { day: start.date().to_string(), start: start.timestamp().as_second() })
    }

    /// The day that is so many days later.
    #[must_use]
    pub fn plus(&self, days: i64) -> String {
        let at = jiff::Timestamp::from_second(self.start + days * DAY);
        at.map_or_else(|_| self.day.clone(), |at| at.to_string().get(..10).unwrap_or_default().to_owned())
    }

    /// What of that day counts: all of it, so that what happened today is never overlooked.
    #[must_use]
    pub fn end(&self) -> String {
        format!("{}T23:59:59Z", self.day)
    }
}

/// The lens as of the end of a day, with the owners' numbers.
///
/// # Errors
/// There is no ledger, or the lens cannot be built.
pub fn lens(settings: &Settings, end: &str, limits: &Limits) -> Result<Lens, Failure> {
    let ledger = &settings.ledger.0;
    if !ledger.is_dir() {
        return Err(Failure::input(format!("there is no ledger at {}", ledger.display()))
            .hint("`titer run -- COMMAND` writes one; `--ledger DIR` or TITER_LEDGER names another"));
    }
    let file = settings.ledger_cache().join("lens.duckdb");
    let placement = &settings.policy.placement;
    Lens::open(ledger, &file, end, limits)?.with_policy(&placement.in_views(), &placement.folders())
}

/// The evidence of every test, in the order of tests.
///
/// # Errors
/// The lens does not answer.
pub fn all(lens: &Lens) -> Result<Vec<Evidence>, Failure> {
    lens.hold(SHARED)?;
    let Table { columns, rows } = lens.ordered("test_evidence", "test")?;
    // There are as many as tests: nothing is copied on the way.
    let row =
        |cells: Vec<Value>| Evidence::deserialize(MapDeserializer::new(columns.iter().map(String::as_str).zip(cells)));
    let rows: Result<Vec<Evidence>, serde_json::Error> = rows.into_iter().map(row).collect();
    rows.map_err(|error| Failure::world("the view test_evidence says what it should not").because(error))
}

/// Files of the ledger about production, history or edges that are lost as a whole: what they told would be taken for silence.
///
/// # Errors
/// The lens does not answer.
pub fn lost(lens: &Lens) -> Result<Vec<String>, Failure> {
    let table = lens.ordered("segment_problems", "segment")?;
    let is_lost = |row: &serde_json::Map<String, Value>| {
        let kind = row.get("kind").and_then(Value::as_str).unwrap_or_default();
        let is_of_runs = ["runs", "outcomes", "decisions", "events"].contains(&kind);
        !is_of_runs && row.get("lines").and_then(Value::as_i64) == Some(0)
    };
    let name = |row: serde_json::Map<String, Value>| row.get("segment")?.as_str().map(str::to_owned);
    Ok(table.by_name().filter(is_lost).filter_map(name).collect())
}

/// Code paths that keep tests in FAST, with how many.
///
/// # Errors
/// The lens does not answer.
pub fn pins(lens: &Lens) -> Result<Vec<(String, i64)>, Failure> {
    let table = lens.ordered("pinning_paths", "tests DESC, file, function")?;
    let place = |name: &str| table.columns.iter().position(|column| column == name).unwrap_or_default();
    let (file, function, tests) = (place("file"), place("function"), place("tests"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pin = |row: &Vec<Value>| {
        (format!("{} {}", text(&row[file]), text(&row[function])), row[tests].as_i64().unwrap_or_default())
    };
    Ok(table.rows.iter().map(pin).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let as_of = AsOf::parse("2026-11-21").unwrap();
        assert_eq!((as_of.start, as_of.plus(30)), (1_795_219_200, "2026-12-21".to_owned()));
        assert!(AsOf::parse("yesterday").is_err());
    }
}
