//! Where tests live: the records in the repository, folded.

use crate::bridges::{clock, commits, suite_files};
use crate::decide::suites::{Step, fold};
use crate::formats::record_v1::{self, Change, Named, Recorded};
use crate::formats::{dsse, record_line};
use crate::model::failure::Failure;
use crate::model::suite::Suites;
use crate::settings::{Base, Settings};

use super::audit::hand;

/// The suites that the records in the tree speak of.
///
/// # Errors
/// A batch cannot be read or is damaged. Then nothing can be said of any test: all of them belong to FAST.
pub fn read(settings: &Settings) -> Result<Suites, Failure> {
    let own = of_tree(settings)?;
    match &settings.base {
        Base::Tree => Ok(own),
        Base::Commit(commit) => Ok(own.measured_by(&of_commit(settings, commit)?)),
        Base::Told(base) => Ok(own.measured_by(base)),
        Base::Missing => Ok(Suites::default()),
    }
}

fn of_tree(settings: &Settings) -> Result<Suites, Failure> {
    let folder = settings.root.join(suite_files::PENDING);
    let batches = suite_files::batches(&settings.root).map_err(|error| {
        Failure::world(format!("the records in {} cannot be read", folder.display())).because(error)
    })?;
    folded(batches, &folder.display().to_string())
}

fn of_commit(settings: &Settings, base: &str) -> Result<Suites, Failure> {
    let folder = format!("{} at {base}", suite_files::PENDING);
    let batches = commits::files_in(&settings.root, base, suite_files::PENDING)
        .map_err(|error| Failure::world(format!("the records in {folder} cannot be read")).because(error))?;
    folded(batches.into_iter().filter(|(name, _)| suite_files::is_batch(name)).collect(), &folder)
}

fn folded(batches: Vec<(String, Vec<u8>)>, folder: &str) -> Result<Suites, Failure> {
    let mut steps = Vec::new();
    for (name, bytes) in batches {
        let changes = record_v1::read(&name, &bytes).map_err(|why| {
            Failure::input(format!("the records in {folder} are not used: {name}: {why}"))
                .hint("restore the file from git; records are never edited")
        })?;
        steps.extend(changes.into_iter().map(step));
    }
    Ok(fold(steps))
}

fn step(recorded: Recorded) -> Step {
    let Recorded { record, change } = recorded;
    Step {
        record,
        prev: change.prev,
        resolves: change.resolves,
        test: change.test,
        to: change.to,
        rule: (change.reason.rule, change.reason.text),
        until: change.until,
        at: change.recorded_at,
    }
}

/// A batch that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The name of its file.
    pub batch: String,
    /// The key that signed its records, if one did.
    pub signed_by: Option<String>,
}

/// Writes a batch of changes.
///
/// # Errors
/// The key is none, or the batch cannot be written: then nothing has moved.
pub fn write(
    settings: &Settings,
    decision: Option<&record_v1::Decision>,
    changes: &[Change],
) -> Result<Written, Failure> {
    let mut text = String::new();
    let mut decided = None;
    let signer = hand::signer(settings)?;
    let line = |statement: &str| {
        let signature = signer.as_ref().map(|signer| dsse::sign(signer, statement.as_bytes()));
        record_line::write(signature.as_slice(), statement)
    };
    if let Some(decision) = decision {
        let (statement, name) = record_v1::statement(
            record_v1::DECISION,
            Named::of("suite", decision.suite_before.sha256.as_bytes()),
            decision,
        );
        text.push_str(&line(&statement));
        decided = Some(name);
    }
    for change in changes {
        let change = Change { decision: decided.clone(), ..change.clone() };
        let subject = Named::of(&change.test, &body(settings, &change.test));
        let (statement, _) = record_v1::statement(record_v1::CHANGE, subject, &change);
        text.push_str(&line(&statement));
    }
    let name = format!("{}.jsonl", record_v1::sha256(text.as_bytes()));
    let failed = |error| Failure::world("the records cannot be written, so nothing has moved").because(error);
    suite_files::write(&settings.root, &name, text.as_bytes()).map_err(failed)?;
    Ok(Written { batch: name, signed_by: signer.map(|signer| dsse::keyid(&signer.public())) })
}

/// The bytes of the file that a test stands in; of its id where that names no file.
fn body(settings: &Settings, test: &str) -> Vec<u8> {
    let file = test.split("::").nth(1).map(|file| settings.root.join(file)).filter(|file| file.is_file());
    file.and_then(|file| std::fs::read(file).ok()).unwrap_or_else(|| test.as_bytes().to_vec())
}

/// Today in UTC, `2026-11-21`.
#[must_use]
pub fn today() -> String {
    clock::timestamp(clock::now()).get(..10).unwrap_or_default().to_owned()
}
