//! All records that can be asked about: those in the log, then those that wait in the tree.

use std::path::Path;

use serde_json::Value;

use crate::bridges::suite_files;
use crate::formats::record_line;
use crate::formats::record_v1::sha256;
use crate::formats::statement_v1::{self, POLICY, Policy, Said, Statement};
use crate::model::failure::Failure;
use crate::model::record::RecordId;
use crate::settings::Settings;
use crate::settings::audit::deciding;
use crate::settings::policy;

/// The shortest beginning of a record's name that is taken for it.
const SHORTEST: usize = 8;

/// A record, as it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its name.
    pub id: String,
    /// Its place in the log; none while it waits.
    pub index: Option<u64>,
    /// The batch in which it waits.
    pub batch: Option<String>,
    /// The type of its statement.
    pub kind: String,
    /// What it says.
    pub predicate: Value,
    /// Hints to the keys that signed it.
    pub signed_by: Vec<String>,
}

impl Record {
    /// When it was recorded, as it says itself.
    #[must_use]
    pub fn at(&self) -> &str {
        let at = self.predicate.get("recordedAt").or_else(|| self.predicate.get("sealedAt"));
        at.or_else(|| self.predicate.get("asOf")).and_then(Value::as_str).unwrap_or_default()
    }

    /// Text of a member, or nothing.
    #[must_use]
    pub fn text(&self, member: &str) -> &str {
        self.predicate.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// The test that a change is about.
    #[must_use]
    pub fn test(&self) -> &str {
        let test = &self.predicate["test"];
        test.as_str().or_else(|| test["id"].as_str()).unwrap_or_default()
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> String {
        match (self.index, &self.batch) {
            (Some(index), _) => format!("sealed as record {index}"),
            (None, Some(batch)) => format!("waits in {}/{batch}", suite_files::PENDING),
            (None, None) => "nowhere".to_owned(),
        }
    }
}

/// Reads them all.
///
/// # Errors
/// The log that was named or the files cannot be read, or are damaged.
pub fn all(settings: &Settings, folder: Option<&Path>) -> Result<Vec<Record>, Failure> {
    let mut found = Vec::new();
    match super::source(settings, folder) {
        Ok(log) => {
            let (_, newest) = super::newest(&log)?;
            super::each(&log, newest.size, &mut |index, line| {
                found.push(record(line.statement, &line, Some(index), None)?);
                Ok(())
            })?;
        }
        // Before the first seal everything waits.
        Err(failure) if folder.is_some() => return Err(failure),
        Err(_) => {}
    }
    let sealed: std::collections::BTreeSet<String> = found.iter().map(|it| it.id.clone()).collect();
    let failed = |error| Failure::world("the records that wait cannot be read").because(error);
    let waiting = in_files(suite_files::PENDING, suite_files::batches(&settings.root).map_err(failed)?)?;
    found.extend(waiting.into_iter().filter(|it| !sealed.contains(&it.id)));
    Ok(found)
}

/// The sealed record of the policy that a decision of that day goes by; none if the log has no policy yet, or `titer.toml` says something else by
/// now, or it was sealed later.
///
/// # Errors
/// The log is damaged.
pub fn policy_in_force(settings: &Settings, day: &str) -> Result<Option<String>, Failure> {
    let Ok(log) = super::source(settings, None) else { return Ok(None) };
    let (_, newest) = super::newest(&log)?;
    let mut last = None;
    super::each(&log, newest.size, &mut |_, line| {
        if line.statement.contains(POLICY)
            && let Statement { id, said: Said::Policy(policy) } = statement_v1::read(line.statement)?
        {
            last = Some((id, policy));
        }
        Ok(())
    })?;
    let toml = std::fs::read_to_string(settings.root.join(policy::FILE)).unwrap_or_default();
    let here = sha256(serde_json::to_string(&deciding(&toml)).unwrap_or_default().as_bytes());
    let goes_by = |it: &(RecordId, Policy)| it.1.effective.sha256 == here && it.1.recorded_at.get(..10) <= Some(day);
    Ok(last.filter(goes_by).map(|(id, _)| id.to_string()))
}

/// The records in files of a folder.
///
/// # Errors
/// One of them is damaged.
pub fn in_files(folder: &str, files: Vec<(String, Vec<u8>)>) -> Result<Vec<Record>, Failure> {
    let mut found = Vec::new();
    for (name, bytes) in files {
        for (number, line) in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
            let read = record_line::read(line).and_then(|it| record(it.statement, &it, None, Some(name.clone())));
            found.push(read.map_err(|why| {
                Failure::input(format!("{folder}/{name}:{} is no record: {why}", number + 1))
                    .hint("restore the file from git; records are never edited")
            })?);
        }
    }
    Ok(found)
}

fn record(
    statement: &str,
    line: &record_line::Line<'_>,
    index: Option<u64>,
    batch: Option<String>,
) -> Result<Record, String> {
    let mut value: Value = serde_json::from_str(statement).map_err(|error| error.to_string())?;
    Ok(Record {
        id: sha256(statement.as_bytes()),
        index,
        batch,
        kind: value["predicateType"].as_str().unwrap_or_default().to_owned(),
        predicate: value["predicate"].take(),
        signed_by: line.signatures.iter().map(|signature| signature.keyid.clone()).collect(),
    })
}

/// Whether this can be the beginning of a record's name.
///
/// # Errors
/// It cannot.
pub fn is_name(id: &str) -> Result<(), Failure> {
    if id.len() >= SHORTEST && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(());
    }
    let failure = Failure::usage(format!(
        "\"{}\" is no name of a record: give at least {SHORTEST} of its 64 digits",
        id.escape_debug()
    ));
    Err(failure.hint("`titer audit why TEST` tells the names of a test's records"))
}

/// The record of that name, or of a name that begins so.
///
/// # Errors
/// There is none, or there are several.
pub fn one<'a>(all: &'a [Record], id: &str) -> Result<&'a Record, Failure> {
    is_name(id)?;
    let mut found = all.iter().filter(|it| it.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            Err(Failure::input(format!("several records begin with {id}")).hint("give more of its digits"))
        }
        (None, _) => Err(Failure::input(format!("there is no record {id}, in the log or waiting"))
            .hint("`titer audit why TEST` tells the names of a test's records")),
    }
}
