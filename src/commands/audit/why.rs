//! `titer audit why TEST`: every record of a test, and `titer audit reversals`: moves that did not last.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use serde_json::{Value, json};

use super::Question;
use super::records::Record;
use crate::commands::suites;
use crate::formats::base_v1::{self, Row};
use crate::formats::record_v1::CHANGE;
use crate::model::failure::Failure;

/// A change, as the commands about changes tell it.
#[must_use]
pub fn told(record: &Record) -> Value {
    json!({
        "record": record.id, "index": record.index, "batch": record.batch, "at": record.at(), "test": record.test(),
        "op": record.text("op"), "from": record.text("from"), "to": record.text("to"),
        "rule": record.predicate["reason"]["rule"], "text": record.predicate["reason"]["text"],
        "until": record.predicate["until"], "decision": record.predicate["decision"], "prev": record.predicate["prev"],
        "resolves": record.predicate["resolves"], "actor": record.predicate["actor"], "signed_by": record.signed_by,
    })
}

/// Who did it, in a word.
#[must_use]
pub fn actor(record: &Record) -> String {
    let actor = &record.predicate["actor"];
    let id = actor.as_str().or_else(|| actor["id"].as_str()).unwrap_or("nobody named");
    id.escape_debug().to_string()
}

fn line(record: &Record) -> String {
    let reason = &record.predicate["reason"];
    let word = |name: &str| reason[name].as_str().unwrap_or_default().escape_debug().to_string();
    let until = record.text("until");
    let until = if until.is_empty() { String::new() } else { format!(" until {until}") };
    let signed = if record.signed_by.is_empty() {
        "unsigned".to_owned()
    } else {
        format!("signed by {}", record.signed_by.join(", "))
    };
    format!(
        "  {} {} {} -> {}{until}: {}: {}\n    record {} ({}, {signed}), by {}\n",
        record.at(),
        record.text("op"),
        record.text("from"),
        record.text("to"),
        word("rule"),
        word("text"),
        record.id,
        record.place(),
        actor(record)
    )
}

/// A test that was there when titer came, and of which no record speaks alone.
fn in_the_baseline(question: &Question<'_>, test: &str, row: &Row) -> String {
    if question.as_json {
        let value = json!({"format": "audit_why_v1", "test": test, "suite": "fast", "disputed": false, "baseline": row.record, "records": []});
        return format!("{value}\n");
    }
    let Row { record, since, .. } = row;
    format!(
        "{}\n  lives in FAST\n  {since} it was there when titer came, and never moved\n    record {record}, of the baseline\n",
        test.escape_debug()
    )
}

/// Prints every record of a test, the oldest first, and where it lives.
///
/// # Errors
/// No record speaks of it.
pub fn run(question: &Question<'_>, test: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let all = question.records()?;
    let of_test: Vec<&Record> = all.iter().filter(|it| it.kind == CHANGE && it.test() == test).collect();
    let mut found = of_test.clone();
    if found.is_empty() {
        // The runner's own name will do where only one test has it.
        let ends: Vec<&Record> =
            all.iter().filter(|it| it.kind == CHANGE && it.test().ends_with(&format!("::{test}"))).collect();
        let names: std::collections::BTreeSet<&str> = ends.iter().map(|it| it.test()).collect();
        if names.len() == 1 {
            found = ends;
        }
    }
    let Some(first) = found.first().copied() else {
        let snapshot = suites::snapshot(question.settings)?.unwrap_or_default();
        if let Some(row) = snapshot.get(test).filter(|row| row.rule == base_v1::BASELINE) {
            return crate::commands::say(out, &in_the_baseline(question, test, row));
        }
        let failure =
            Failure::input(format!("no record speaks of {}: it is in FAST and was never moved", test.escape_debug()));
        return Err(failure.hint("`titer explain TEST` says what would move it"));
    };
    found.sort_by_key(|it| (it.index.unwrap_or(u64::MAX), it.at()));
    let name = first.test();
    let folded = suites::read(question.settings)?;
    let lives = folded.weekly(name, &suites::today()).map_or("fast", |_| "weekly");
    let is_disputed = folded.disputed.contains(name);
    let told_all = if question.as_json {
        let records: Vec<Value> = found.iter().map(|it| told(it)).collect();
        let value = json!({"format": "audit_why_v1", "test": name, "suite": lives, "disputed": is_disputed, "records": records});
        format!("{value}\n")
    } else {
        let dispute = if is_disputed { ", as its records say different things" } else { "" };
        let mut every = format!("{}\n  lives in {}{dispute}\n", name.escape_debug(), lives.to_uppercase());
        for it in &found {
            every.push_str(&line(it));
        }
        every.push_str(
            "`titer audit evidence RECORD` tells what it was decided on, `titer audit prove RECORD` how to check it\n",
        );
        every
    };
    crate::commands::say(out, &told_all)
}

/// Prints the moves that took another one back, the oldest first.
///
/// # Errors
/// The records cannot be read.
pub fn reversals(question: &Question<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let all = question.records()?;
    let by_id: BTreeMap<&str, &Record> = all.iter().map(|it| (it.id.as_str(), it)).collect();
    let taken_back = |it: &Record| {
        let before = by_id.get(it.text("prev")).copied().filter(|before| before.kind == CHANGE)?;
        (it.text("to") == before.text("from") && it.text("to") != it.text("from")).then_some(before)
    };
    let pairs: Vec<(&Record, &Record)> =
        all.iter().filter(|it| it.kind == CHANGE).filter_map(|it| Some((taken_back(it)?, it))).collect();
    let text = if question.as_json {
        let pairs: Vec<Value> =
            pairs.iter().map(|(before, it)| json!({"first": told(before), "back": told(it)})).collect();
        format!("{}\n", json!({"format": "audit_reversals_v1", "reversals": pairs}))
    } else if pairs.is_empty() {
        "no move was taken back\n".to_owned()
    } else {
        let mut text = String::new();
        for (before, it) in pairs {
            let _ = write!(text, "{}\n{}{}", it.test().escape_debug(), line(before), line(it));
        }
        text
    };
    crate::commands::say(out, &text)
}
