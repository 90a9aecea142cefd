//! What a source told becomes part of the ledger, once, and how far a pull has come.

use std::sync::{Arc, Mutex};

use crate::bridges::clock;
use crate::formats::learned_v1::{SightingLine, VERSION};
use crate::ledger::imports::{self, Import, Kept};
use crate::ledger::store::Store;
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::fault::Decoded;
use crate::report::learned::Learned;
use crate::settings::Settings;

use super::code::Code;
use super::sightings::{LISTED, Made, Maker, plain};

/// More threads than that only wait for each other.
const MOST_THREADS: usize = 8;

/// Who tells, and of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Teller {
    /// `bugsink`, `file`, …
    pub source: String,
    /// The source's own name of the project; what an event says goes before.
    pub project: String,
    /// The service that failed; what an event says goes before.
    pub service: String,
    /// What was observed, RFC 3339 in UTC; else from the first event to the last.
    pub covers: Option<(String, String)>,
}

/// Keeps what one source tells.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    store: Store,
    kept: Kept,
    /// How many threads work at once.
    pub threads: usize,
    /// What makes sightings, for all threads.
    pub maker: Arc<Maker<'a>>,
    /// What was learned so far.
    pub learned: Learned,
}

impl<'a> Keeper<'a> {
    /// Opens the ledger and the repository.
    ///
    /// # Errors
    /// Either cannot be opened.
    pub(super) fn open(settings: &'a Settings, prefixes: &[String]) -> Result<Self, Failure> {
        let prefixes = prefixes.iter().map(|prefix| {
            let (from, to) = prefix.split_once('=').ok_or_else(|| {
                Failure::usage(format!("--prefix {prefix} has no `=`"))
                    .hint("write what frames begin with, and the folder: --prefix /srv/app=backend")
            })?;
            Ok((from.to_owned(), to.to_owned()))
        });
        let code = Code::open(settings, prefixes.collect::<Result<_, Failure>>()?)?;
        let store = Store::open(&settings.ledger.0)?;
        let key = imports::identity_key(&store)?;
        let kept = Kept::of(&store);
        let learned = Learned { no_history: !code.has_history(), ..Learned::default() };
        let now = clock::precise_timestamp(clock::now());
        let threads = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, MOST_THREADS);
        let maker = Arc::new(Maker { code: Mutex::new(code), key, now });
        Ok(Self { store, kept, threads, maker, learned })
    }

    /// Keeps raw bytes and what they tell.
    ///
    /// # Errors
    /// The ledger cannot be written; then nothing of these bytes is part of it.
    pub(super) fn keep(&mut self, raw: &[u8], decoded: Decoded<'_>, teller: &Teller) -> Result<(), Failure> {
        let made = self.maker.make(raw, decoded, teller, self.threads)?;
        self.take(made)
    }

    /// Keeps what was made of some bytes.
    ///
    /// # Errors
    /// As for [`Self::keep`].
    pub(super) fn take(&mut self, made: Made) -> Result<(), Failure> {
        imports::spool(&self.store, &made.raw, made.packed)?;
        let mut learned = made.learned;
        if let Some(sealed) = made.sealed
            && !self.kept.commit(&self.store, sealed)?
        {
            learned.known = learned.sightings;
        }
        self.learned.absorb(learned);
        self.learned.listed.truncate(LISTED);
        Ok(())
    }

    /// Keeps how far a pull has come, in place of what it had kept of that before on the same day.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(super) fn mark(&mut self, teller: &Teller, mark: &str, since: &str) -> Result<(), Failure> {
        let at = clock::precise_timestamp(clock::now());
        let line = |kind: &str| SightingLine {
            v: VERSION,
            kind: kind.to_owned(),
            source: teller.source.clone(),
            project: teller.project.clone(),
            at: at.clone(),
            ..SightingLine::default()
        };
        let observed = SightingLine { since: since.to_owned(), service: teller.service.clone(), ..line("observed") };
        let marked = SightingLine { mark: mark.to_owned(), ..line("mark") };
        let parts = [teller.source.as_str(), &teller.project, &teller.service];
        let name = Digest::of_parts(parts.map(str::as_bytes)).to_string();
        let name = format!("{}.mark.{}", plain(&teller.source), &name[..16]);
        let day = at.get(..10).unwrap_or("1970-01-01").to_owned();
        imports::commit(&self.store, &Import { name, day, changes: Vec::new(), sightings: vec![observed, marked] })
    }
}
