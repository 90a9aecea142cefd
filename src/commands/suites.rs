//! Where tests live: the records in the repository, folded.

use crate::bridges::{clock, commits, suite_files};
use crate::decide::suites::{Step, fold};
use crate::formats::base_v1::{self, Row, Snapshot};
use crate::formats::note::Signer;
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

/// The suites as the records in the tree have them, whatever a change may do to them.
///
/// # Errors
/// A batch or the snapshot cannot be read or is damaged.
pub fn of_tree(settings: &Settings) -> Result<Suites, Failure> {
    Ok(fold(steps(&files_of_tree(settings)?)?))
}

/// The suites as the records of a commit have them.
///
/// # Errors
/// They cannot be read or are damaged.
pub fn of_commit(settings: &Settings, commit: &str) -> Result<Suites, Failure> {
    Ok(fold(steps(&files_of_commit(settings, commit)?)?))
}

/// The tests of the snapshot that no batch has to speak of.
///
/// # Errors
/// The snapshot cannot be read or is damaged.
pub fn snapshot(settings: &Settings) -> Result<Option<Snapshot>, Failure> {
    let files = files_of_tree(settings)?;
    files.base.as_deref().map(|bytes| base(&files.place, bytes)).transpose()
}

/// The same of a commit.
///
/// # Errors
/// The snapshot is damaged.
pub fn snapshot_of(settings: &Settings, commit: &str) -> Result<Snapshot, Failure> {
    let bytes = commits::file(&settings.root, commit, suite_files::BASE);
    bytes.map_or_else(|| Ok(Snapshot::new()), |bytes| base(&format!("{} at {commit}", suite_files::SUITE), &bytes))
}

/// The files that suites are folded from.
struct Files {
    /// Where they lie, for people.
    place: String,
    base: Option<Vec<u8>>,
    batches: Vec<(String, Vec<u8>)>,
}

fn files_of_tree(settings: &Settings) -> Result<Files, Failure> {
    let place = settings.root.join(suite_files::SUITE).display().to_string();
    let read = || Ok((suite_files::base(&settings.root)?, suite_files::batches(&settings.root)?));
    let (base, batches) = read().map_err(|error: std::io::Error| {
        Failure::world(format!("the records in {place} cannot be read")).because(error)
    })?;
    Ok(Files { place, base, batches })
}

fn files_of_commit(settings: &Settings, commit: &str) -> Result<Files, Failure> {
    let place = format!("{} at {commit}", suite_files::SUITE);
    let mut batches = commits::files_in(&settings.root, commit, suite_files::PENDING)
        .map_err(|error| Failure::world(format!("the records in {place} cannot be read")).because(error))?;
    batches.retain(|(name, _)| suite_files::is_batch(name));
    Ok(Files { place, base: commits::file(&settings.root, commit, suite_files::BASE), batches })
}

fn damaged(place: &str, file: &str, why: &str) -> Failure {
    Failure::input(format!("the records in {place} are not used: {file}: {why}"))
        .hint("restore the file from git; records are never edited")
}

fn base(place: &str, bytes: &[u8]) -> Result<Snapshot, Failure> {
    base_v1::read(bytes).map_err(|why| damaged(place, "base.tsv", &why))
}

fn steps(files: &Files) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    // That a test was there when titer came is no record of its own: its first one follows nothing.
    let rows = files.base.as_deref().map(base_v1::read_records).transpose();
    let rows = rows.map_err(|why| damaged(&files.place, "base.tsv", &why))?;
    steps.extend(rows.unwrap_or_default().into_iter().map(|(test, row)| snapped(test, row)));
    for (name, bytes) in &files.batches {
        let changes = record_v1::read(name, bytes).map_err(|why| damaged(&files.place, name, &why))?;
        steps.extend(changes.into_iter().map(step));
    }
    Ok(steps)
}

fn snapped(test: String, row: Row) -> Step {
    let mut before = row.moves;
    // The last one is that of the row itself.
    let at = before.pop().unwrap_or_else(|| row.since.clone());
    Step {
        record: row.record,
        prev: None,
        resolves: Vec::new(),
        test,
        to: row.place,
        rule: (row.rule, row.text),
        until: row.until,
        at,
        before,
    }
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
        before: Vec::new(),
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

/// What writes records: with the key at hand, if there is one.
#[derive(Debug)]
pub struct Pen(Option<Signer>);

impl Pen {
    /// With the key that the settings name.
    ///
    /// # Errors
    /// The key is none.
    pub fn new(settings: &Settings) -> Result<Self, Failure> {
        hand::signer(settings).map(Self)
    }

    /// The line of a statement.
    #[must_use]
    pub fn line(&self, statement: &str) -> String {
        let signature = self.0.as_ref().map(|signer| dsse::sign(signer, statement.as_bytes()));
        record_line::write(signature.as_slice(), statement)
    }

    /// The line of a change.
    #[must_use]
    pub fn change(&self, settings: &Settings, change: &Change) -> String {
        self.change_of(change, &body(settings, &change.test))
    }

    /// The line of a change of a test that stands in these bytes.
    #[must_use]
    pub fn change_of(&self, change: &Change, body: &[u8]) -> String {
        let subject = Named::of(&change.test, body);
        self.line(&record_v1::statement(record_v1::CHANGE, subject, change).0)
    }

    /// The lines of a batch of changes.
    #[must_use]
    pub fn lines(&self, settings: &Settings, decision: Option<&record_v1::Decision>, changes: &[Change]) -> String {
        let mut text = String::new();
        let mut decided = None;
        if let Some(decision) = decision {
            let subject = Named::of("suite", decision.suite_before.sha256.as_bytes());
            let (statement, name) = record_v1::statement(record_v1::DECISION, subject, decision);
            text.push_str(&self.line(&statement));
            decided = Some(name);
        }
        for change in changes {
            text.push_str(&self.change(settings, &Change { decision: decided.clone(), ..change.clone() }));
        }
        text
    }

    /// The key that signs, if one does.
    #[must_use]
    pub fn signed_by(&self) -> Option<String> {
        self.0.as_ref().map(|signer| dsse::keyid(&signer.public()))
    }

    /// Writes lines as a batch.
    ///
    /// # Errors
    /// It cannot be written: then nothing has moved.
    pub fn write(&self, settings: &Settings, lines: &str) -> Result<Written, Failure> {
        let name = format!("{}.jsonl", record_v1::sha256(lines.as_bytes()));
        let failed = |error| Failure::world("the records cannot be written, so nothing has moved").because(error);
        suite_files::write(&settings.root, &name, lines.as_bytes()).map_err(failed)?;
        Ok(Written { batch: name, signed_by: self.signed_by() })
    }
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
    let pen = Pen::new(settings)?;
    pen.write(settings, &pen.lines(settings, decision, changes))
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
