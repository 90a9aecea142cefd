//! `titer weekly`: every test, the deep record, what is configured learned, escapes told, guards drafted, placement written.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::bridges::clock;
use crate::bridges::process::Ending;
use crate::decide::selection::Scope;
use crate::ledger::duck::Limits;
use crate::model::failure::Failure;
use crate::report::recall::{self, Escape};
use crate::settings::Settings;

use super::evidence::{self, AsOf};
use super::{guard, learn, place, run, suites};

/// What `titer weekly` was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The user's own command.
    pub command: Vec<String>,
    /// Where to write a JUnit report.
    pub junit: Option<PathBuf>,
}

/// The exit code of a weekly job whose tests passed and of which a later step failed.
const LATER_STEP: i32 = 3;

/// Runs the weekly job. Its exit code is the command's own; where that is 0 and a later step failed, 3.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write, talk: &mut dyn Write) -> Ending {
    let began = clock::timestamp(clock::now());
    let everything = run::Request {
        command: request.command.clone(),
        record: Some(true),
        deep: true,
        all: Some(Scope::Both),
        junit: request.junit.clone(),
        ..run::Request::default()
    };
    let ending = run::run(settings, &everything, talk);
    if matches!(ending, Ending::Signal(_)) {
        return ending;
    }
    let mut has_failed = false;
    let mut step = |what: &str, done: Result<(), Failure>| {
        if let Err(failure) = done {
            has_failed = true;
            let _ = writeln!(talk, "titer: error: {what}: {failure}");
            for hint in &failure.hints {
                let _ = writeln!(talk, "hint: {hint}");
            }
        }
    };
    let mut learned = Vec::new();
    step("learning from git", learn::git::run(settings, &mut learned, &mut io::sink()));
    let _ = out.write_all(&learned);
    for source in &settings.policy.sources {
        let what = format!("learning from {} {}", source.tracker, source.project);
        step(&what, learn::pull::run(settings, &learn::pull::Request::of(source), out, &mut io::sink()));
    }
    step("looking for escapes", escapes(settings, &began, out));
    if settings.policy.guard.weekly {
        // A fault that cannot be drafted here waits in the list, and is no reason to call the job failed.
        step("drafting guards", guard::sweep::guards(settings, &guard::sweep::Request::default(), out).map(|_| ()));
    }
    step("placing tests", place::run(settings, &place::Request::default(), out));
    if has_failed && ending == Ending::Code(0) { Ending::Code(LATER_STEP) } else { ending }
}

/// Tells the failures that this job found and that an earlier run had left out.
fn escapes(settings: &Settings, began: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let as_of = AsOf::parse(&suites::today())?;
    let lens = evidence::lens(settings, &as_of.end(), &Limits::default())?;
    let table = lens.ordered("escapes", "found_at DESC, run_id, test_id, variant_id")?;
    let text = |row: &serde_json::Map<String, serde_json::Value>, name: &str| {
        row.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    let began = began.replace('T', " ").replace('Z', "");
    let found = table.by_name().filter(|row| text(row, "found_at") >= began).map(|row| Escape {
        test: text(&row, "test_id"),
        skipping_run: text(&row, "skipping_run_id"),
        skipping_commit: text(&row, "skipping_commit_id"),
        reason: text(&row, "reason"),
        skipped_at: text(&row, "skipped_at"),
    });
    super::say(out, &recall::escapes(&found.collect::<Vec<_>>()))
}

/// `titer replay`: what the last runs selected, of what they could have found.
///
/// # Errors
/// There is no ledger, or it has no runs.
pub fn replay(settings: &Settings, last: u32, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let as_of = AsOf::parse(&suites::today())?;
    let lens = evidence::lens(settings, &as_of.end(), &Limits::default())?;
    let table = lens.first("run_recall", "started_at DESC, run_id DESC", last)?;
    let rows: Result<Vec<recall::Run>, _> =
        table.by_name().map(|row| serde_json::from_value(serde_json::Value::Object(row))).collect();
    let mut rows =
        rows.map_err(|error| Failure::world("the view run_recall says what it should not").because(error))?;
    rows.reverse();
    if rows.is_empty() {
        return Err(Failure::input(format!("the ledger {} has no run yet", settings.ledger.0.display()))
            .hint("`titer run -- COMMAND` writes one"));
    }
    let shown: BTreeSet<&str> = rows.iter().map(|row| row.run_id.as_str()).collect();
    let probes = lens.ordered("probes", "started_at, run_id, reason")?;
    let probes: Result<Vec<recall::Probe>, _> =
        probes.by_name().map(|row| serde_json::from_value(serde_json::Value::Object(row))).collect();
    let mut probes =
        probes.map_err(|error| Failure::world("the view probes says what it should not").because(error))?;
    probes.retain(|probe| shown.contains(probe.run_id.as_str()));
    super::say(out, &if json { recall::json(&rows, &probes) } else { recall::text(&rows, &probes) })
}
