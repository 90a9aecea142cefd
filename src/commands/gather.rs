//! Gathering what a plan needs: the ledger's map, the tree, what of the map still holds; and the plan itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::bridges::runners::{self, Place};
use crate::bridges::workspace::hide_from_git;
use crate::bridges::{disk, git};
use crate::decide::layout::CargosOwn;
use crate::decide::selection::{self, Ask};
use crate::ledger::map::{self, Loaded};
use crate::ledger::store::Store;
use crate::model::edge::Target;
use crate::model::failure::Failure;
use crate::model::map::Map;
use crate::model::plan::Plan;
use crate::model::suite::Suites;
use crate::model::tree::Tree;
use crate::settings::{self, Base, Settings};

use super::asking;
use super::present::Present;
use super::suites;

/// All that one command knows before it acts.
pub struct Gathered {
    /// The ledger; `None` if it cannot be used, or is not there and must not be made.
    pub store: Option<Store>,
    /// The map; empty without a usable ledger.
    pub map: Map,
    /// The tree about to be tested; `None` if it cannot be read.
    pub present: Option<Present>,
    /// For every edge of the map, whether it holds.
    pub holds: Vec<bool>,
    /// The plan; empty if anything is missing.
    pub plan: Plan,
    /// Where tests live.
    pub suites: Suites,
    /// What went wrong, one sentence each, the most telling first.
    pub warnings: Vec<String>,
}

/// How a command opens the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Make it if it is not there.
    Create,
    /// Leave no trace.
    ReadOnly,
}

/// Gathers. Whatever fails is a warning and means that nothing is left out.
#[must_use]
pub fn gather(settings: &Settings, opening: Opening, ask: Ask) -> Gathered {
    let mut warnings: Vec<String> =
        settings.policy_failure.iter().map(|why| format!("{why}; the defaults are used")).collect();
    let tree = std::thread::scope(|scope| {
        let reading = scope.spawn(|| read_tree(settings));
        let (store, loaded) = read_ledger(settings, opening, &mut warnings);
        let tree = reading.join().unwrap_or_else(|_| Err(Failure::world("the tree cannot be read")));
        (store, loaded, tree)
    });
    let (store, loaded, tree) = tree;
    let is_measured = settings.base != Base::Missing;
    if !is_measured {
        warnings
            .push("git does not have the base of this pull request, whose policy counts; every test runs".to_owned());
    }
    let brings_its_own = settings.base != Base::Tree && tree.as_ref().is_ok_and(|tree| holds_ledger(settings, tree));
    if brings_its_own {
        let folder = settings.ledger.0.display();
        warnings.push(format!("the ledger {folder} is part of the change that it would speak for; every test runs"));
    }
    let ask = Ask { whole: loaded.warning.is_some() || !is_measured || brings_its_own, ..ask };
    warnings.extend(loaded.warning.map(|why| format!("{why}; every test runs")));
    let map = loaded.map;
    let mut present = match tree {
        Ok(tree) => Some(
            Present::new(settings.root.clone(), tree, settings.policy.inert.clone(), &map)
                .without_say_of(settings.policy.volatile.clone()),
        ),
        Err(failure) => {
            warnings.push(format!("{failure}; every test runs"));
            None
        }
    };
    let holds = present.as_mut().map(|present| edges_that_hold(&map, present)).unwrap_or_default();
    let quiet = present.as_mut().map(|present| asking::quiet(&map, &holds, present)).unwrap_or_default();
    let elsewhere = present.as_mut().map(|present| cargos_own(&map, present)).unwrap_or_default();
    let suites = suites::read(settings).unwrap_or_else(|failure| {
        warnings.push(format!("{failure}; every test counts as FAST"));
        Suites::default()
    });
    let plan = match &present {
        Some(present) => {
            let seen = selection::Present {
                tree: present.tree(),
                holds: &holds,
                quiet: &quiet,
                inert: &settings.policy.inert,
                elsewhere: &elsewhere,
                sort_of: runners::sort_of,
                suites: &suites,
                today: &suites::today(),
            };
            selection::plan(&map, seen, ask)
        }
        None => Plan::default(),
    };
    Gathered { store, map, present, holds, plan, suites, warnings }
}

fn cargos_own(map: &Map, present: &mut Present) -> CargosOwn {
    let files: BTreeSet<&str> = map.tests.iter().filter_map(|test| test.id.split("::").nth(1)).collect();
    let files: Vec<&str> = files.into_iter().filter(|file| present.tree().entries.contains_key(*file)).collect();
    // Without tests of others nobody asks.
    if files.is_empty() { CargosOwn::default() } else { present.parts().cargos_own(files.into_iter()) }
}

/// Where the command of these settings runs.
#[must_use]
pub fn place(settings: &Settings) -> Place<'_> {
    Place {
        folder: &settings.folder,
        root: &settings.root,
        variable: &settings::raw_variable,
        variables: &settings::variables_starting_with,
    }
}

/// Whether files of the ledger are in the commit.
#[must_use]
pub fn holds_ledger(settings: &Settings, tree: &Tree) -> bool {
    let named = settings.ledger.0.clone();
    // A link may lead to it.
    let places = named.canonicalize().into_iter().chain([named]);
    let inside = places.flat_map(|place| {
        let roots = settings.roots().into_iter();
        roots.filter_map(move |root| Some(format!("{}/", place.strip_prefix(root).ok()?.display()))).collect::<Vec<_>>()
    });
    let holds =
        |folder: String| tree.entries.range(folder.clone()..).next().is_some_and(|(it, _)| it.starts_with(&folder));
    settings.in_git && inside.into_iter().any(holds)
}

/// The tree, by git's index where git knows the root, else by looking at every file.
///
/// # Errors
/// The files cannot be read.
pub fn read_tree(settings: &Settings) -> Result<Tree, Failure> {
    if settings.in_git
        && let Ok(tree) = git::tree(&settings.root)
    {
        return Ok(tree);
    }
    let failed = |e| Failure::world(format!("the files below {} cannot be read", settings.root.display())).because(e);
    disk::tree(&settings.root).map_err(failed)
}

fn read_ledger(settings: &Settings, opening: Opening, warnings: &mut Vec<String>) -> (Option<Store>, Loaded) {
    let folder = &settings.ledger.0;
    let opened = match opening {
        Opening::Create => Store::open(folder).and_then(|store| {
            let hidden = hide_from_git(&settings.root, folder);
            hidden.map(|()| store).map_err(|e| Failure::world("titer's folder cannot be hidden from git").because(e))
        }),
        Opening::ReadOnly if !folder.is_dir() => return (None, Loaded::default()),
        Opening::ReadOnly => Store::open_existing(folder),
    };
    let store = match opened {
        Ok(store) => store,
        Err(failure) => {
            warnings.push(format!("{failure}; every test runs and nothing is kept"));
            return (None, Loaded::default());
        }
    };
    match map::load(&store) {
        Ok(loaded) => (Some(store), loaded),
        Err(failure) => {
            warnings.push(format!("{failure}; every test runs and nothing is kept"));
            (None, Loaded::default())
        }
    }
}

/// Compares what every edge points at with what it was; each target is looked at once.
fn edges_that_hold(map: &Map, present: &mut Present) -> Vec<bool> {
    let mut now = BTreeMap::new();
    let mut holds = Vec::with_capacity(map.edges.len());
    for row in &map.edges {
        if present.has_no_say(row.kind, map.word(row.path)) {
            holds.push(true);
            continue;
        }
        let digest = *now.entry((row.kind, row.path, row.name)).or_insert_with(|| {
            let target: Target = map.target(row);
            present.digest(&target)
        });
        holds.push(digest == row.hash);
    }
    holds
}
