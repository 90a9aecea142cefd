//! `titer guard`: from a fault of production to a regression test that fails before the fix and passes after it.

mod agent;
mod bench;
pub mod check;
pub mod context;
pub mod draft;
pub(super) mod drafts;
mod fault;
pub mod inject;
pub mod list;
pub mod propose;
pub mod queue;
pub mod settle;
pub mod sweep;

use crate::bridges::clock;
use crate::formats::draft_v1::Draft;
use crate::formats::guard_v1::{GuardLine, VERSION};
use crate::ledger::imports;
use crate::ledger::store::Store;
use crate::model::failure::Failure;
use crate::model::guard::{Runner, State, overall};
use crate::settings::Settings;

use super::suites;

/// Keeps one step of a draft in the ledger.
///
/// # Errors
/// The ledger cannot be written.
fn tell(settings: &Settings, draft: &Draft, kind: &str, reason: &str, seconds: f64) -> Result<(), Failure> {
    note(settings, &line(draft, kind, reason, seconds))
}

/// # Errors
/// The ledger cannot be written.
fn note(settings: &Settings, line: &GuardLine) -> Result<(), Failure> {
    let store = Store::open(&settings.ledger.0)?;
    imports::commit_guards(&store, &suites::today(), std::slice::from_ref(line))
}

/// One step of a draft.
fn line(draft: &Draft, kind: &str, reason: &str, seconds: f64) -> GuardLine {
    let failed = draft.verdicts.iter().find(|verdict| verdict.state == State::Failed);
    let found = draft.found.as_ref();
    GuardLine {
        v: VERSION,
        kind: kind.to_owned(),
        draft: draft.draft.clone(),
        fault: draft.fault.clone(),
        at: clock::precise_timestamp(clock::now()),
        runner: draft.runner.clone(),
        rung: found.map(|found| found.rung.clone()).unwrap_or_default(),
        flags: found.map(|found| found.flags.clone()).unwrap_or_default(),
        test: if draft.test.is_empty() { String::new() } else { draft.id() },
        state: if draft.verdicts.is_empty() { String::new() } else { overall(&draft.verdicts).word().to_owned() },
        criterion: failed.map(|verdict| verdict.criterion.word().to_owned()).unwrap_or_default(),
        reason: reason.to_owned(),
        faulty: draft.faulty.clone(),
        fixed: draft.fixed.clone(),
        characters_before: found.map_or(0, |found| found.characters.before),
        characters_after: found.map_or(0, |found| found.characters.after),
        seconds,
        cost: 0.0,
    }
}

/// Whose test stands for a fault in a file.
///
/// # Errors
/// Nobody's that titer knows.
fn runner(path: &str) -> Result<Runner, Failure> {
    Runner::of(path).ok_or_else(|| {
        Failure::input(format!(
            "{path} is neither Python nor JavaScript, TypeScript or Rust: no runner that titer knows tests it"
        ))
    })
}
