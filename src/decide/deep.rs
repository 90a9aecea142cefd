//! What a footprint gets beyond the windows of its test: what earlier recordings and a second order found remembered.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::edge::{EdgeKind, Target};
use crate::model::shape::Shape;
use crate::model::window::Code;

use super::draft::{Draft, DraftSet, target_of};
use super::orders::{Moved, Moves};

/// First-party source files that moves name; their shapes are needed to deepen a draft.
pub fn moved_sources(moves: &Moves) -> impl Iterator<Item = &str> {
    moves.moved.iter().flat_map(|moved| &moved.codes).map(|code: &Code| code.path.as_str())
}

/// What moved, and the sets through which tests load it.
struct Home<'a> {
    moved: &'a Moved,
    at: BTreeSet<usize>,
    adds: DraftSet,
}

impl Draft {
    /// Adds what earlier recordings found remembered for a test: such edges only grow until the next deep record.
    pub fn remember(&mut self, before: &BTreeMap<String, BTreeSet<Target>>) {
        for at in 0..self.footprints.len() {
            let Some(old) = before.get(&self.footprints[at].test) else { continue };
            let set = self.with_closures(old.clone());
            self.add_memory(at, set);
        }
    }

    /// Gives every test that two orders saw what moved between them, and the marks of `run` and of what depends on the order.
    pub fn deepen(&mut self, moves: &Moves, shapes: &BTreeMap<String, Shape>, run: &str) {
        let homes: Vec<Home<'_>> = moves.moved.iter().map(|moved| self.home(moved, shapes)).collect();
        let wanted: BTreeSet<usize> = homes.iter().flat_map(|home| &home.at).copied().collect();
        let reached = self.reached(&wanted);
        let beside: BTreeMap<&str, &str> = moves.dependent.iter().map(|test| (file_of(test), test.as_str())).collect();
        for at in 0..self.footprints.len() {
            let footprint = &self.footprints[at];
            let test = footprint.test.as_str();
            let mut set = DraftSet::default();
            if moves.both.contains(test) {
                let through: BTreeSet<usize> = footprint.sets.iter().flat_map(|&at| &reached[at]).copied().collect();
                let loads = |home: &Home<'_>| !home.at.is_disjoint(&through);
                for home in homes.iter().filter(|h| h.moved.all || h.moved.tests.contains(test) || loads(h)) {
                    set.targets.extend(home.adds.targets.iter().cloned());
                    set.includes.extend(&home.adds.includes);
                }
                set.targets.insert(Target::deep(run));
            }
            if let Some(other) = beside.get(file_of(test)) {
                let own = moves.dependent.contains(test);
                set.targets.insert(Target::order_dependent((!own).then_some(*other)));
            }
            self.add_memory(at, set);
        }
    }

    fn home<'a>(&self, moved: &'a Moved, shapes: &BTreeMap<String, Shape>) -> Home<'a> {
        let codes = moved.codes.iter().map(|code| target_of(code, shapes));
        let adds = self.with_closures(codes.chain(moved.targets.iter().cloned()).collect());
        Home { moved, at: moved.files.iter().filter_map(|file| self.files.get(file)).copied().collect(), adds }
    }

    /// Targets with the import closures of the files whose code they are: what such a file does at import counts, too.
    fn with_closures(&self, mut targets: BTreeSet<Target>) -> DraftSet {
        let is_code = |target: &&Target| matches!(target.kind, EdgeKind::Ran | EdgeKind::Loaded);
        let files: BTreeSet<String> = targets.iter().filter(is_code).map(|target| target.path.clone()).collect();
        let includes = files.iter().filter_map(|file| self.files.get(file)).copied().collect();
        let elsewhere = files.into_iter().filter(|file| !self.files.contains_key(file));
        targets.extend(elsewhere.map(|file| Target::new(EdgeKind::Loaded, file, "")));
        DraftSet { targets, includes }
    }

    /// For every set, which of the `wanted` ones it is or includes, directly or not.
    fn reached(&self, wanted: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let mut reached: Vec<BTreeSet<usize>> = Vec::with_capacity(self.sets.len());
        for (at, set) in self.sets.iter().enumerate() {
            let mut found: BTreeSet<usize> = set.includes.iter().flat_map(|&at| &reached[at]).copied().collect();
            found.extend(wanted.contains(&at).then_some(at));
            reached.push(found);
        }
        reached
    }

    fn add_memory(&mut self, at: usize, more: DraftSet) {
        if more == DraftSet::default() {
            return;
        }
        let mut set = self.footprints[at].memory.and_then(|at| self.sets.get(at).cloned()).unwrap_or_default();
        set.targets.extend(more.targets);
        set.includes.extend(more.includes);
        self.sets.push(set);
        self.footprints[at].memory = Some(self.sets.len() - 1);
    }
}

/// The file in a test's id.
fn file_of(test: &str) -> &str {
    test.split("::").nth(1).unwrap_or_default()
}
