//! `titer audit list A..B`: all records between two states of the default branch, and `titer audit policy`: who changed the rules.

use std::fmt::Write as _;
use std::io::Write;

use serde_json::{Value, json};

use super::Question;
use super::records::Record;
use super::why;
use crate::bridges::{batch_history, commits};
use crate::formats::record_v1::CHANGE;
use crate::formats::statement_v1::{POLICY, SEAL};
use crate::model::failure::Failure;
use crate::settings::Settings;

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs: `audit_list_v1`.
    Json,
    /// For spreadsheets, as RFC 4180 says.
    Csv,
}

/// Prints the records that the log gained between two commits: so many as it grew by.
///
/// # Errors
/// The range is none, or a commit in it is not there.
pub fn run(question: &Question<'_>, range: &str, form: Form, out: &mut dyn Write) -> Result<(), Failure> {
    let Some((from, to)) = range.split_once("..").filter(|(from, to)| !from.is_empty() && !to.is_empty()) else {
        return Err(Failure::usage(format!(
            "\"{}\" is no range: write it A..B, two commits or tags",
            range.escape_debug()
        )));
    };
    let all = question.records()?;
    let (before, after) = (size_at(question.settings, &all, from)?, size_at(question.settings, &all, to)?);
    if before > after {
        return Err(Failure::usage(format!("{from} is later than {to} in the log: turn the range round")));
    }
    let found: Vec<&Record> =
        all.iter().filter(|it| it.index.is_some_and(|at| (before..after).contains(&at))).collect();
    let text = match form {
        Form::Json => {
            let told = |it: &&Record| {
                if it.kind == CHANGE {
                    why::told(it)
                } else {
                    json!({"record": it.id, "index": it.index, "kind": it.kind, "at": it.at()})
                }
            };
            let records: Vec<Value> = found.iter().map(told).collect();
            format!(
                "{}\n",
                json!({"format": "audit_list_v1", "from": from, "to": to, "before": before, "after": after, "records": records})
            )
        }
        Form::Csv => {
            let mut text = "index,record,at,kind,op,test,from,to,rule,reason,actor,signed_by\r\n".to_owned();
            for it in &found {
                text.push_str(&row(it));
            }
            text
        }
        Form::Text => {
            let mut text = String::new();
            for it in &found {
                let kind = it.kind.trim_start_matches("urn:titer:").trim_end_matches(":v1");
                let what = if it.kind == CHANGE {
                    format!(
                        "{} {} {} -> {}: {}",
                        it.text("op"),
                        it.test().escape_debug(),
                        it.text("from"),
                        it.text("to"),
                        rule(it)
                    )
                } else {
                    kind.to_owned()
                };
                let _ = writeln!(text, "{:>6}  {}  {}  {what}", it.index.unwrap_or_default(), it.at(), &it.id[..12]);
            }
            text + &format!("{} records: the log had {before} at {from} and {after} at {to}\n", found.len())
        }
    };
    crate::commands::say(out, &text)
}

fn rule(record: &Record) -> String {
    record.predicate["reason"]["rule"].as_str().unwrap_or_default().escape_debug().to_string()
}

fn row(record: &Record) -> String {
    let reason = |name: &str| record.predicate["reason"][name].as_str().unwrap_or_default().to_owned();
    let index = record.index.map_or_else(String::new, |index| index.to_string());
    let cells = [
        index,
        record.id.clone(),
        record.at().to_owned(),
        record.kind.clone(),
        record.text("op").to_owned(),
        record.test().to_owned(),
        record.text("from").to_owned(),
        record.text("to").to_owned(),
        reason("rule"),
        reason("text"),
        why::actor(record),
        record.signed_by.join(" "),
    ];
    // A spreadsheet must not take a test's name for a formula.
    let cell = |text: &String| {
        let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

/// The size of the log after the last seal of a commit or of what came before it.
fn size_at(settings: &Settings, all: &[Record], name: &str) -> Result<u64, Failure> {
    let root = &settings.root;
    let Some(commit) = commits::resolve(root, name) else {
        let failure = Failure::input(format!("there is no commit {} in this repository", name.escape_debug()));
        return Err(failure.hint("fetch it (`git fetch --tags`), or name another"));
    };
    let seals =
        all.iter().filter(|it| it.kind == SEAL && batch_history::is_before(root, it.text("mainCommit"), &commit));
    Ok(seals.filter_map(|it| it.index).max().map_or(0, |index| index + 1))
}

/// Prints every change of the policy, the oldest first.
///
/// # Errors
/// The records cannot be read.
pub fn policy(question: &Question<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let all = question.records()?;
    let found: Vec<&Record> = all.iter().filter(|it| it.kind == POLICY).collect();
    let text = if question.as_json {
        let told = |it: &&Record| json!({"record": it.id, "index": it.index, "at": it.at(), "statement": it.predicate});
        format!("{}\n", json!({"format": "audit_policy_v1", "policies": found.iter().map(told).collect::<Vec<_>>()}))
    } else if found.is_empty() {
        "no policy is sealed yet: `titer audit seal` records it\n".to_owned()
    } else {
        let mut text = String::new();
        for it in found {
            let reason = it.text("reason").escape_debug().to_string();
            let _ = writeln!(
                text,
                "{}  {} by {}, record {} ({})",
                it.at(),
                reason,
                why::actor(it),
                &it.id[..12],
                it.place()
            );
            for change in it.predicate["changed"].as_array().into_iter().flatten() {
                let value = |name: &str| {
                    change[name].as_str().map_or_else(|| "(not set)".to_owned(), |text| text.escape_debug().to_string())
                };
                let _ = writeln!(
                    text,
                    "  {}: {} -> {}",
                    change["key"].as_str().unwrap_or_default().escape_debug(),
                    value("old"),
                    value("new")
                );
            }
        }
        text
    };
    crate::commands::say(out, &text)
}
