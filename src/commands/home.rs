//! What the default branch says of itself, for pull requests whose clone does not hold it: its policy and where its tests live.

use crate::formats::segment_v1::{EventLine, VERSION};
use crate::ledger::map;
use crate::ledger::store::Store;
use crate::model::map::Home;
use crate::model::suite::Suites;
use crate::settings::forge::Place;
use crate::settings::policy::FILE;
use crate::settings::{self, Base, Settings};

use super::gather::Gathered;

/// So many stays go into one line: a line must not become longer than what reads it takes.
const STAYS: usize = 2000;

/// Settings of a pull request whose base git does not have: what the ledger's snapshot says of the default branch counts instead. A ledger that
/// comes with the change is believed nowhere (`gather`).
#[must_use]
pub fn adopt(settings: Settings) -> Settings {
    if settings.base != Base::Missing {
        return settings;
    }
    let loaded = Store::open_existing(&settings.ledger.0).and_then(|store| map::load(&store));
    match loaded.ok().filter(|loaded| loaded.warning.is_none()).and_then(|loaded| loaded.map.home) {
        Some(home) => settings.on_home(home),
        None => settings,
    }
}

/// What a run of the default branch has to say, where it has not been said yet.
#[must_use]
pub fn lines(settings: &Settings, records: bool, gathered: &Gathered) -> Vec<EventLine> {
    let Some(tree) = gathered.present.as_ref().map(super::present::Present::tree) else { return Vec::new() };
    let place = settings::place(&settings.policy, tree.branch.as_deref());
    let (true, false, Place::Shared { .. }, Some(commit)) = (records, tree.modified, place, &tree.commit) else {
        return Vec::new();
    };
    let suites = gathered.suites.clone();
    let policy = std::fs::read_to_string(settings.root.join(FILE)).ok();
    let is_said = |home: &Home| (&home.policy, &home.suites) == (&policy, &suites);
    if gathered.map.home.as_ref().is_some_and(is_said) {
        return Vec::new();
    }
    let line = |suites| EventLine::Home { v: VERSION, commit: commit.clone(), policy: policy.clone(), suites };
    let mut lines = vec![line(Suites { disputed: suites.disputed, ..Suites::default() })];
    let stays: Vec<_> = suites.placements.into_iter().collect();
    lines.extend(
        stays
            .chunks(STAYS)
            .map(|part| line(Suites { placements: part.iter().cloned().collect(), ..Suites::default() })),
    );
    lines
}
