//! Whether a log is what it was: every line, every signature, every checkpoint, and what somebody saved of it before.

use std::path::{Path, PathBuf};

use super::reader::Reader;
use crate::bridges::titer_log::{self, Source};
use crate::bridges::whole_file;
use crate::formats::checkpoint::Checkpoint;
use crate::formats::keys_v1::Role;
use crate::formats::seen_v2::Seen;
use crate::model::failure::Failure;

/// What a log is held against.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// A key that must be among those that seal.
    pub sealer: Option<String>,
    /// A checkpoint from outside, which the log must extend.
    pub since: Option<Since>,
    /// Where it is kept what was checked before. It is gone by only where there is a checkpoint from outside.
    pub cache: Option<PathBuf>,
}

/// A checkpoint that somebody saved.
#[derive(Debug, Clone)]
pub struct Since {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The whole note; none where there is no doubt about it.
    pub note: Option<String>,
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The record.
    pub index: Option<u64>,
    /// The file, and the line in it.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

/// What a log was found to be.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The newest checkpoint; none if it cannot be read.
    pub newest: Option<Checkpoint>,
    /// What is not as it must be.
    pub problems: Vec<Problem>,
    /// Why it does not extend what was saved.
    pub rewritten: Option<String>,
    /// Records behind the newest checkpoint, in a folder.
    pub tail: u64,
    /// Whether it was held against a checkpoint from outside.
    pub anchored: bool,
    /// How many signatures of records were checked.
    pub signatures: u64,
    /// The key that seals, as the log says.
    pub sealer: Option<String>,
}

/// Checks a log.
///
/// # Errors
/// It cannot be read, there is none, or the saved checkpoint is none or of another log.
pub fn check(log: &Source, asked: &Asked) -> Result<Report, Failure> {
    let trusted = asked.since.as_ref().map_or(0, |since| since.checkpoint.size);
    let mut reader = Reader::new(log, trusted);
    let known = if trusted > 0 { seen(log, asked.cache.as_deref()) } else { None };
    let old = known.map(|(name, seen)| {
        reader.resume(seen);
        name
    });
    reader.read()?;
    let is_same =
        |reader: &Reader<'_>| asked.since.as_ref().is_none_or(|since| reader.met == Some(since.checkpoint.root));
    if trusted > 0 && !is_same(&reader) {
        // What was trusted is not what was saved: then nothing is.
        reader = Reader::new(log, 0);
        reader.wanted = trusted;
        reader.read()?;
    }
    if let Some(pin) = &asked.sealer
        && reader.edge.size() > 0
        && !reader.keys.spans().iter().any(|span| span.role == Role::Sealer && span.vkey == *pin)
    {
        let own =
            reader.keys.spans().iter().rfind(|span| span.role == Role::Sealer).map_or("nobody", |span| &span.vkey);
        let reason = format!(
            "the log is sealed by {own}, and never was by {pin} (a new key has to be sealed in first: --key OLD --key NEW)"
        );
        reader.problem(None, titer_log::KEYS, None, reason);
    }
    let rewritten = match &asked.since {
        Some(since) => rewritten(&reader, since)?,
        None => None,
    };
    if reader.problems.is_empty() && rewritten.is_none() {
        keep(log, &reader, asked.cache.as_deref(), old.as_deref());
    }
    let sealer = reader.keys.of(Role::Sealer, reader.edge.size()).last().map(ToString::to_string);
    Ok(Report {
        newest: reader.newest,
        problems: reader.problems,
        rewritten,
        tail: reader.tail,
        anchored: asked.since.is_some(),
        signatures: reader.signatures,
        sealer,
    })
}

/// What is known of the longest beginning of the log that was checked before, and its name.
fn seen(log: &Source, cache: Option<&Path>) -> Option<(String, Seen)> {
    let cache = cache?;
    log.beginnings().into_iter().rev().find_map(|(_, name)| {
        let bytes = std::fs::read(cache.join(&name)).ok()?;
        Some((name, Seen::read(&bytes)?))
    })
}

/// Keeps what was checked, for the next time; a cache that cannot be written to is as good as none.
fn keep(log: &Source, reader: &Reader<'_>, cache: Option<&Path>, old: Option<&str>) {
    let here = log.beginnings().pop().filter(|(size, _)| *size == reader.edge.size());
    if let (Some(cache), Some((_, name))) = (cache, here) {
        let _ = whole_file::keep(cache, &name, old, &reader.seen().write());
    }
}

/// Why the log does not extend what was saved.
fn rewritten(reader: &Reader<'_>, since: &Since) -> Result<Option<String>, Failure> {
    let Checkpoint { origin, size, root } = &since.checkpoint;
    if let Some(newest) = &reader.newest
        && newest.origin != *origin
    {
        return Err(Failure::input(format!(
            "the saved checkpoint is of the log {origin}, and this one is {}",
            newest.origin
        )));
    }
    if let Some(note) = &since.note {
        let sealers: Vec<_> =
            reader.keys.all().filter(|(span, _)| span.role == Role::Sealer).map(|(_, key)| key).collect();
        if !sealers.iter().any(|key| key.open(note).is_ok()) {
            if sealers.iter().any(|key| key.signed_in(note)) {
                return Err(Failure::input("the saved checkpoint is damaged: its signature is not over its lines"));
            }
            return Ok(Some("the log does not know the key that signed the saved checkpoint".to_owned()));
        }
    }
    let here = reader.newest.as_ref().map_or(0, |newest| newest.size);
    if *size > here {
        return Ok(Some(format!("the saved checkpoint has {size} records, the log has only {here}: it was set back")));
    }
    let is_same = reader.met == Some(*root) || *size == 0;
    Ok((!is_same).then(|| {
        format!("the first {size} records are not those of the saved checkpoint: the log has another history")
    }))
}

/// Reads a checkpoint, whoever signed it.
///
/// # Errors
/// It is none.
pub fn parse(note: &str) -> Result<Checkpoint, String> {
    let at = note.find("\n\n").ok_or("it is no signed note")?;
    Checkpoint::parse(&note[..=at])
}
