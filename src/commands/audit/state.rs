//! What a log comes to: all that the next seal goes on from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;

use crate::bridges::titer_log::{self, Source};
use crate::formats::keys_v1::{Keys, Role};
use crate::formats::merkle::{self, Edge};
use crate::formats::record_v1::sha256;
use crate::formats::statement_v1::{self, Key, KeyEvent, Policy, Said, Seal, Statement, SuiteDigest};
use crate::formats::{dsse, record_line};
use crate::model::record::{Head, RecordId};
use crate::model::suite::Place;

/// A log, summed up.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The right edge of its tree.
    pub edge: Edge,
    /// Its keys.
    pub keys: Keys,
    /// The last record of each test, and where that left it.
    pub heads: BTreeMap<String, (Head, Place)>,
    /// Every record; of those of tests where they left it.
    pub sealed: BTreeMap<RecordId, Option<Place>>,
    /// Policies, each with when it was recorded.
    pub policies: BTreeMap<RecordId, String>,
    /// The policy in force.
    pub policy: Option<Policy>,
    /// Batches of which something was sealed.
    pub batches: BTreeSet<String>,
    /// The seals, each with the size of the log after it.
    pub seals: Vec<(u64, Seal)>,
}

impl State {
    /// Reads the first `size` records of a log, which was checked before or is about to be compared with its root.
    ///
    /// # Errors
    /// It cannot be read, or it is not what a log looks like.
    pub fn read(log: &Source, size: u64) -> io::Result<Self> {
        let mut state = Self::default();
        for first in log.segments().into_iter().filter(|first| *first < size) {
            let mut wrong = None;
            log.lines(&titer_log::segment(first), &mut |line| {
                let text = std::str::from_utf8(line).ok().and_then(|text| text.strip_suffix('\n'));
                let read =
                    text.ok_or_else(|| "it is no line of text".to_owned()).and_then(|text| state.take_line(text));
                wrong = read.err();
                wrong.is_none() && state.edge.size() < size
            })?;
            if let Some(why) = wrong {
                return Err(io::Error::other(format!("the record {}: {why}", state.edge.size())));
            }
        }
        Ok(state)
    }

    fn take_line(&mut self, text: &str) -> Result<(), String> {
        let line = record_line::split(text).ok_or("it is no record")?;
        let statement = statement_v1::read(line.statement)?;
        let leaf = merkle::leaf(dsse::envelope(line.statement.as_bytes(), &line.signatures).as_bytes());
        self.take(statement, leaf)
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// It says of a key what cannot be.
    pub fn take(&mut self, statement: Statement, leaf: merkle::Hash) -> Result<(), String> {
        let at = self.edge.size();
        let place = if let Said::Change(change) = &statement.said { Some(change.to) } else { None };
        self.sealed.insert(statement.id, place);
        match statement.said {
            Said::Change(change) => {
                let head = change.head(statement.id);
                self.heads.insert(change.test, (head, change.to));
            }
            Said::Decision(_) | Said::Approval(_) | Said::Baseline(_) => {}
            Said::Seal(seal) => {
                self.batches.extend(seal.batches.iter().map(|batch| batch.digest.sha256.clone()));
                self.seals.push((at + 1, *seal));
            }
            Said::Policy(policy) => {
                self.policies.insert(statement.id, policy.recorded_at.clone());
                self.policy = Some(policy);
            }
            Said::Key(key) => turn(&mut self.keys, &key, at)?,
        }
        self.edge.push(leaf);
        Ok(())
    }

    /// The last seal.
    #[must_use]
    pub fn last(&self) -> Option<&Seal> {
        self.seals.last().map(|(_, seal)| seal)
    }

    /// The key that seals now.
    #[must_use]
    pub fn sealer(&self) -> Option<String> {
        let at = self.edge.size();
        self.keys.of(Role::Sealer, at).last().map(ToString::to_string)
    }

    /// The suites that the records come to: `TEST<tab>SUITE<tab>RECORD` of every test that is somewhere.
    #[must_use]
    pub fn suite(&self) -> SuiteDigest {
        let mut told = SuiteDigest::default();
        let mut text = String::new();
        for (test, (head, to)) in self.heads.iter().filter(|(_, (_, to))| *to != Place::Absent) {
            *(if *to == Place::Weekly { &mut told.weekly } else { &mut told.fast }) += 1;
            let _ = writeln!(text, "{test}\t{}\t{}", to.word(), head.id);
        }
        told.digest.sha256 = sha256(text.as_bytes());
        told
    }
}

/// What a record does to the keys of a log.
///
/// # Errors
/// It cannot be done at this index.
pub fn turn(keys: &mut Keys, key: &Key, at: u64) -> Result<(), String> {
    match key.event {
        KeyEvent::Add if key.from_size != at => {
            Err(format!("it lets a key count from {} on, not from its own index", key.from_size))
        }
        KeyEvent::Add => keys.add(key.role, &key.vkey, at),
        KeyEvent::Retire | KeyEvent::Revoke if key.until_size != Some(at) => {
            Err("it ends a key at another index than its own".to_owned())
        }
        KeyEvent::Retire | KeyEvent::Revoke => keys.end(key.role, &key.vkey, at, key.distrust_from_size),
    }
}
