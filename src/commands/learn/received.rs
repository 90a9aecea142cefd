//! What came in at the door of `titer serve` becomes part of the ledger, as what a file tells does.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keep::{Keeper, Teller};
use crate::bridges::clock::{self, Stopwatch};
use crate::formats::journal_v1;
use crate::formats::received::{Bundle, Sorter};
use crate::model::failure::Failure;
use crate::model::fault::BadRecord;
use crate::settings::Settings;

/// The repository is looked at anew after so many seconds: commits come while the door is open.
const STALE: f64 = 60.0;

/// Keeps what comes, for as long as the door is open.
#[derive(Debug)]
pub(in crate::commands) struct Received<'a> {
    settings: &'a Settings,
    /// One for each way in which frames are given other folders.
    keepers: BTreeMap<Vec<String>, (Keeper<'a>, Stopwatch)>,
}

/// What a file of the journal came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::commands) struct Counts {
    /// Events, those that were known included.
    pub(in crate::commands) events: u64,
    /// What could not be read.
    pub(in crate::commands) bad: u64,
    /// The first of it.
    pub(in crate::commands) listed: Vec<BadRecord>,
}

impl<'a> Received<'a> {
    /// Opens nothing yet.
    pub(in crate::commands) fn new(settings: &'a Settings) -> Self {
        Self { settings, keepers: BTreeMap::new() }
    }

    /// Keeps what a file of the journal holds: the same file again changes nothing.
    ///
    /// # Errors
    /// The ledger cannot be written. What was kept before that stays, and counts once.
    pub(in crate::commands) fn keep(&mut self, journal: &[u8]) -> Result<Counts, Failure> {
        self.keepers.retain(|_, (_, opened)| opened.seconds() < STALE);
        let mut counts = Counts::default();
        let mut sorter = Sorter::default();
        let journal = journal_v1::read(journal);
        for (header, body) in &journal.records {
            let full = sorter.add(header, body);
            self.bundles(full, &mut counts)?;
        }
        self.bundles(sorter.rest(), &mut counts)?;
        counts.bad += sorter.bad + journal.damaged;
        counts.listed = sorter.listed;
        Ok(counts)
    }

    fn bundles(&mut self, bundles: impl IntoIterator<Item = Bundle>, counts: &mut Counts) -> Result<(), Failure> {
        for bundle in bundles {
            let id = if bundle.source == "otlp" { "otlp" } else { &bundle.project };
            let project = self.settings.policy.serve.project(id).cloned().unwrap_or_default();
            let decoded = bundle.decode();
            counts.events += (decoded.events.len() + decoded.pages.len()) as u64;
            counts.bad += decoded.bad.len() as u64;
            let teller = Teller {
                source: bundle.source.to_owned(),
                project: bundle.project.clone(),
                service: project.service.unwrap_or_default(),
                covers: None,
            };
            self.keeper(project.prefixes)?.keep(&bundle.bytes, decoded, &teller)?;
        }
        Ok(())
    }

    fn keeper(&mut self, prefixes: Vec<String>) -> Result<&mut Keeper<'a>, Failure> {
        let keeper = match self.keepers.remove(&prefixes) {
            Some(known) => known,
            None => (Keeper::open(self.settings, &prefixes)?, Stopwatch::start()),
        };
        let (keeper, _) = self.keepers.entry(prefixes).or_insert(keeper);
        if let Some(maker) = Arc::get_mut(&mut keeper.maker) {
            maker.now = clock::precise_timestamp(clock::now());
        }
        Ok(keeper)
    }
}
