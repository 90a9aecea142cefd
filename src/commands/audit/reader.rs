//! A log read once from its first record to its last: what every line and every checkpoint must be, with little kept of what has passed.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Problem, parse};
use super::state::turn;
use crate::bridges::titer_log::{self, Source};
use crate::decide::lineage::{Lines, Waiting};
use crate::formats::checkpoint::Checkpoint;
use crate::formats::dsse::{self, Signature};
use crate::formats::keys_v1::{Keys, Role};
use crate::formats::merkle::{self, Edge, Hash};
use crate::formats::record_line::{self, Line};
use crate::formats::record_v1::sha256;
use crate::formats::seen_v2::Seen;
use crate::formats::statement_v1::{self, KeyEvent, Said, Seal, Statement};
use crate::model::failure::Failure;
use crate::model::record::{Head, RecordId};
use crate::model::suite::Place;

/// So many problems are told; more of them say nothing new.
const MOST: usize = 50;

/// A log as it streams by.
pub(super) struct Reader<'a> {
    log: &'a Source,
    /// Before this size nothing is looked at but what the rest needs.
    trusted: u64,
    /// The size at which the root is wanted.
    pub(super) wanted: u64,
    pub(super) met: Option<Hash>,
    pub(super) edge: Edge,
    pub(super) keys: Keys,
    lines: Lines,
    /// Records of which no line of a test tells whether they stand there twice.
    others: BTreeMap<[u8; 16], u64>,
    /// Changes of this segment that do not follow the last record of their test.
    suspects: BTreeMap<u64, (String, u64, String)>,
    /// Records that approvals of this segment name.
    approved: BTreeSet<[u8; 16]>,
    pub(super) newest: Option<Checkpoint>,
    pub(super) problems: Vec<Problem>,
    pub(super) signatures: u64,
    pub(super) tail: u64,
    /// The roots at the ends of seals.
    roots: Vec<(u64, Hash)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(log: &'a Source, trusted: u64) -> Self {
        Self {
            log,
            trusted,
            wanted: trusted,
            met: None,
            edge: Edge::default(),
            keys: Keys::default(),
            lines: Lines::default(),
            others: BTreeMap::new(),
            suspects: BTreeMap::new(),
            approved: BTreeSet::new(),
            newest: None,
            problems: Vec::new(),
            signatures: 0,
            tail: 0,
            roots: Vec::new(),
        }
    }

    /// Goes on from where the same log was checked before; from the start if that cannot be read.
    pub(super) fn resume(&mut self, seen: Seen) {
        if let (Some(edge), Some(keys)) = (seen.edge(), seen.keys()) {
            (self.edge, self.keys) = (edge, keys);
            self.lines =
                Lines::of(seen.heads.into_iter().map(|(test, id, stands_for)| {
                    (test, Head { id: RecordId(id), stands_for: stands_for.map(RecordId) })
                }));
            self.others = seen.others.into_iter().collect();
            self.met = seen.roots.iter().find(|(size, _)| *size == self.wanted).map(|(_, root)| *root);
            self.roots = seen.roots;
        }
    }

    /// What the next check can go on from.
    pub(super) fn seen(&self) -> Seen {
        let mut seen = Seen::new(&self.edge, &self.keys);
        let head = |(test, head): ([u8; 16], Head)| (test, head.id.0, head.stands_for.map(|id| id.0));
        seen.heads = self.lines.heads().map(head).collect();
        seen.others = self.others.iter().map(|(name, at)| (*name, *at)).collect();
        seen.roots.clone_from(&self.roots);
        seen
    }

    pub(super) fn problem(&mut self, index: Option<u64>, file: &str, line: Option<u64>, reason: impl Into<String>) {
        if self.problems.len() < MOST {
            self.problems.push(Problem { index, file: file.to_owned(), line, reason: reason.into() });
        }
    }

    fn file(&self, name: &str) -> Result<Option<String>, Failure> {
        let failed = |error| Failure::world(format!("{name} of the log cannot be read")).because(error);
        // What is no text is none of ours; it is found out by what it is compared with.
        Ok(self.log.read(name).map_err(failed)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(super) fn read(&mut self) -> Result<(), Failure> {
        let note = self.file(titer_log::CHECKPOINT)?;
        let segments = self.log.segments();
        if note.is_none() && segments.is_empty() {
            return Err(Failure::input(format!("there is no log in {}", self.log.place())));
        }
        let newest = note.as_deref().map(parse).transpose();
        let size = match newest {
            Ok(newest) => {
                self.newest = newest;
                self.newest.as_ref().map_or(0, |newest| newest.size)
            }
            Err(why) => {
                self.problem(None, titer_log::CHECKPOINT, None, why);
                u64::MAX
            }
        };
        self.strays(size);
        let known = self.edge.size();
        for first in segments.into_iter().filter(|first| *first >= known) {
            if first >= size {
                self.tail += self.count(first)?;
            } else if !self.segment(first, size)? {
                return Ok(());
            }
        }
        if self.tail > 0 && !self.log.is_folder() {
            self.problem(Some(size), &titer_log::segment(size), None, "records follow the newest checkpoint");
        }
        self.end(note.as_deref(), size)
    }

    fn strays(&mut self, size: u64) {
        let known = |name: &str| {
            let is_own = [titer_log::CHECKPOINT, titer_log::KEYS].contains(&name);
            is_own || titer_log::first_of(name).is_some() || titer_log::size_of(name).is_some()
        };
        let mut found = Vec::new();
        for (name, is_plain) in self.log.files() {
            let name = name.to_owned();
            if !is_plain {
                found.push((name, "it is no plain file"));
            } else if !known(&name) {
                found.push((name, "a stray file: no part of the log is called so"));
            } else if titer_log::size_of(&name).is_some_and(|at| at > size) && !self.log.is_folder() {
                found.push((name, "a checkpoint of a size that the log does not have"));
            }
        }
        for (name, why) in found {
            self.problem(None, &name.escape_debug().to_string(), None, why);
        }
    }

    fn count(&self, first: u64) -> Result<u64, Failure> {
        let mut count = 0;
        let name = titer_log::segment(first);
        let counted = self.log.lines(&name, &mut |_| {
            count += 1;
            true
        });
        counted
            .map(|()| count)
            .map_err(|error| Failure::world(format!("{name} of the log cannot be read")).because(error))
    }

    /// Reads a segment; says whether what follows can make sense.
    fn segment(&mut self, first: u64, size: u64) -> Result<bool, Failure> {
        let name = titer_log::segment(first);
        let at = self.edge.size();
        if first != at {
            let reason = if first > at {
                format!("the records {at} to {} are missing before it", first - 1)
            } else {
                format!("it begins at {first}, and {at} records come before it")
            };
            self.problem(Some(at.min(first)), &name, None, reason);
            return Ok(false);
        }
        let (log, mut number, mut last) = (self.log, 0, None);
        let read = log.lines(&name, &mut |line| {
            number += 1;
            last = self.line(&name, number, first, line);
            true
        });
        read.map_err(|error| Failure::world(format!("{name} of the log cannot be read")).because(error))?;
        for index in self.lines.broken() {
            if let Some((file, line, reason)) = self.suspects.remove(&index) {
                self.problem(Some(index), &file, Some(line), reason);
            }
        }
        self.suspects.clear();
        self.approved.clear();
        let end = self.edge.size();
        self.roots.push((end, self.edge.root()));
        match last {
            Some(seal) => self.seal(&seal, first, &name, number)?,
            None => self.problem(
                end.checked_sub(1),
                &name,
                Some(number),
                "it does not end with the record of a seal: it was cut",
            ),
        }
        if end > size {
            self.problem(Some(size), &name, None, format!("the newest checkpoint ends at {size}, in the middle of it"));
        } else {
            let own = titer_log::checkpoint(end);
            if let Some(note) = self.file(&own)? {
                self.checkpoint(&own, &note, end);
            } else {
                let reason = format!("the checkpoint of the size {end} is missing");
                self.problem(end.checked_sub(1), &own, None, reason);
            }
        }
        Ok(true)
    }

    /// Takes a line; gives the seal, if it is one.
    fn line(&mut self, file: &str, number: u64, first: u64, whole: &[u8]) -> Option<Seal> {
        let at = self.edge.size();
        let text = whole.strip_suffix(b"\n").unwrap_or(whole);
        if text.len() == whole.len() {
            self.problem(Some(at), file, Some(number), "it does not end with a line break: it was cut");
        }
        let is_trusted = at < self.trusted;
        let read = match std::str::from_utf8(text).ok().filter(|_| is_trusted).and_then(record_line::split) {
            Some(line) => Ok(line),
            None => record_line::read(text),
        };
        let mut told = None;
        let leaf = match read {
            Ok(line) => {
                match statement_v1::read(line.statement) {
                    Ok(statement) => match self.statement(at, first, &line, &statement, is_trusted, (file, number)) {
                        Ok(()) => told = if let Said::Seal(seal) = statement.said { Some(*seal) } else { None },
                        Err(why) => self.problem(Some(at), file, Some(number), why),
                    },
                    Err(why) => self.problem(Some(at), file, Some(number), why),
                }
                merkle::leaf(dsse::envelope(line.statement.as_bytes(), &line.signatures).as_bytes())
            }
            Err(why) => {
                self.problem(Some(at), file, Some(number), why);
                merkle::leaf(text)
            }
        };
        self.edge.push(leaf);
        if self.edge.size() == self.wanted {
            self.met = Some(self.edge.root());
        }
        told
    }

    fn statement(
        &mut self,
        at: u64,
        first: u64,
        line: &Line<'_>,
        read: &Statement,
        is_trusted: bool,
        place: (&str, u64),
    ) -> Result<(), String> {
        let opens = matches!(&read.said, Said::Key(key) if key.event == KeyEvent::Add && key.role == Role::Sealer);
        if at == 0 && !opens {
            return Err("the first record does not name the key that seals".to_owned());
        }
        if let (0, Said::Key(key)) = (at, &read.said) {
            turn(&mut self.keys, key, at)?;
        }
        if !is_trusted {
            self.signatures += 1;
            self.signed(at, &read.said, line)?;
        }
        match &read.said {
            Said::Change(change) => {
                let test = short(change.test.as_bytes());
                let head = self.lines.head(test);
                let follows = head.map_or(change.prev.is_none(), |head| head.is_before(change.prev));
                let head = head.map(|head| head.id);
                if !follows && !is_trusted {
                    let name = |id: Option<RecordId>| id.map_or_else(|| "none".to_owned(), |id| id.short());
                    let reason = if head == Some(read.id) {
                        "it stands there twice".to_owned()
                    } else {
                        let (prev, head, test) = (name(change.prev), name(head), change.test.escape_debug());
                        format!(
                            "it follows the record {prev} of {test}, whose last record is {head}, and nothing resolves that"
                        )
                    };
                    self.suspects.insert(at, (place.0.to_owned(), place.1, reason));
                }
                let waiting = Waiting { id: read.id, prev: change.prev, resolves: change.resolves.clone() };
                self.lines.take(at, test, &waiting, change.head(read.id));
                // Nothing is removed on the tool's word alone.
                if change.to == Place::Absent
                    && !change.is_reverse
                    && !is_trusted
                    && !self.approved.contains(&short(&read.id.0))
                {
                    return Err("it removes a test, and no approval of it stands before it in this seal".to_owned());
                }
                return Ok(());
            }
            Said::Key(key) if at > 0 => turn(&mut self.keys, key, at)?,
            Said::Seal(seal) if seal.size_before != first => {
                return Err(format!("it seals what follows {}, and stands in what follows {first}", seal.size_before));
            }
            Said::Approval(records) => self.approved.extend(records.iter().map(|id| short(&id.0))),
            Said::Key(_) | Said::Seal(_) | Said::Decision(_) | Said::Baseline(_) | Said::Policy(_) => {}
        }
        match self.others.insert(short(&read.id.0), at) {
            Some(before) => Err(format!("it stands there twice: it is the record {before}, too")),
            None => Ok(()),
        }
    }

    fn signed(&self, at: u64, said: &Said, line: &Line<'_>) -> Result<(), String> {
        let roles: &[Role] = match said {
            // What no tree has, the sealer saw.
            Said::Change(change) if change.is_reverse => &[Role::Sealer],
            Said::Change(_) | Said::Decision(_) | Said::Baseline(_) => &[Role::Writer, Role::Sealer],
            Said::Approval(_) => &[Role::Approver, Role::Sealer],
            Said::Seal(_) | Said::Policy(_) | Said::Key(_) => &[Role::Sealer],
        };
        if self.keys.signed(roles, at, line.statement.as_bytes(), &line.signatures) {
            return Ok(());
        }
        let of = |signature: &&Signature| {
            roles.iter().any(|role| self.keys.of(*role, at).any(|key| dsse::keyid(key) == signature.keyid))
        };
        Err(match (line.signatures.iter().find(of), line.signatures.first()) {
            (Some(one), _) => format!("the signature of {} is not over these bytes", one.keyid),
            (None, Some(one)) => format!("it is signed by {}, which may not sign such a record here", one.keyid),
            (None, None) => "it is not signed".to_owned(),
        })
    }

    fn seal(&mut self, seal: &Seal, first: u64, name: &str, line: u64) -> Result<(), Failure> {
        let index = self.edge.size().checked_sub(1);
        let before =
            if first == 0 { String::new() } else { self.file(&titer_log::checkpoint(first))?.unwrap_or_default() };
        if seal.previous_checkpoint.sha256 != sha256(before.as_bytes()) {
            self.problem(index, name, Some(line), "it follows another checkpoint than the one that is here");
        }
        if seal.keys.sha256 != sha256(self.keys.text(index.unwrap_or(0)).as_bytes()) {
            self.problem(index, name, Some(line), "it was made with other keys than those that the records tell");
        }
        Ok(())
    }

    /// Holds a note against what was read so far.
    fn checkpoint(&mut self, file: &str, note: &str, size: u64) {
        let index = size.checked_sub(1);
        let sealed = self.keys.of(Role::Sealer, index.unwrap_or(0)).any(|key| key.open(note).is_ok());
        let read = parse(note);
        let wrong = match (sealed, &read) {
            (_, Err(why)) => Some(why.clone()),
            (false, Ok(_)) => Some("the key that seals has not signed it, or not these lines".to_owned()),
            (true, Ok(read)) if read.size != size => Some(format!("it is of the size {}", read.size)),
            (true, Ok(read)) if self.newest.as_ref().is_some_and(|newest| newest.origin != read.origin) => {
                Some(format!("it is of the log {}", read.origin.escape_debug()))
            }
            (true, Ok(read)) if read.root != self.edge.root() => {
                Some(format!("its root is not that of the {size} records before it: one of them was changed, or more"))
            }
            (true, Ok(_)) => None,
        };
        if let Some(reason) = wrong {
            self.problem(index, file, None, reason);
        }
    }

    fn end(&mut self, note: Option<&str>, size: u64) -> Result<(), Failure> {
        let here = self.edge.size();
        if let Some(note) = note.filter(|_| size != u64::MAX) {
            if here < size {
                let reason = format!("it speaks of {size} records, and only {here} are there: the end was cut");
                self.problem(Some(here), titer_log::CHECKPOINT, None, reason);
            } else if self.file(&titer_log::checkpoint(size))?.as_deref() != Some(note) {
                self.checkpoint(titer_log::CHECKPOINT, note, size);
                self.problem(
                    None,
                    titer_log::CHECKPOINT,
                    None,
                    format!("it is not the same as {}", titer_log::checkpoint(size)),
                );
            }
        } else if note.is_none() && !self.log.is_folder() {
            self.problem(None, titer_log::CHECKPOINT, None, "the newest checkpoint is missing");
        }
        let is_cut = self.tail > 0 && self.log.is_folder();
        if !is_cut && self.file(titer_log::KEYS)?.as_deref() != Some(&self.keys.text(here)) {
            self.problem(None, titer_log::KEYS, None, "it does not say what the records say of keys");
        }
        let known: BTreeSet<u64> = self.log.segments().into_iter().chain([here]).collect();
        let sizes: Vec<u64> = self.log.files().filter_map(|(name, _)| titer_log::size_of(name)).collect();
        for at in sizes.into_iter().filter(|at| *at <= here && !known.contains(at)) {
            self.problem(None, &titer_log::checkpoint(at), None, "no seal ends there");
        }
        Ok(())
    }
}

/// A name short enough to keep many of, and long enough to be one.
fn short(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&merkle::leaf(bytes)[..16]);
    short
}
