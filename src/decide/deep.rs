//! What a footprint gets beyond the windows of its test: what earlier recordings and a second order found remembered.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::edge::{EdgeKind, Target};
use crate::model::shape::Shape;
use crate::model::window::Code;

use super::draft::target_of;
use super::drafted::Draft;
use super::orders::{Moved, Moves};

/// First-party source files that moves name; their shapes are needed to deepen a draft.
pub fn moved_sources(moves: &Moves) -> impl Iterator<Item = &str> {
    moves.moved.iter().flat_map(|moved| &moved.codes).map(|code: &Code| code.path.as_str())
}

/// What earlier recordings found remembered for tests.
#[derive(Debug, Default)]
pub struct Before {
    /// What they point at, by number.
    pub targets: BTreeMap<u32, Target>,
    /// Sets of these numbers.
    pub sets: Vec<BTreeSet<u32>>,
    /// By test: the place of its set.
    pub tests: BTreeMap<String, usize>,
}

/// What moved, and the sets through which tests load it.
struct Home<'a> {
    moved: &'a Moved,
    at: BTreeSet<usize>,
    adds: Adds,
}

/// What a footprint gets more: what is remembered for it, and the sets of what that does at import.
#[derive(Debug, Clone, Default)]
struct Adds {
    numbers: BTreeSet<u32>,
    sets: BTreeSet<usize>,
}

impl Draft {
    /// Adds what earlier recordings found remembered for a test: such edges only grow until the next deep record.
    pub fn remember(&mut self, before: &Before) {
        let of_target: BTreeMap<u32, Adds> =
            before.targets.iter().map(|(&at, target)| (at, self.with_closure(target.clone()))).collect();
        let together = |set: &BTreeSet<u32>| {
            let mut all = Adds::default();
            for adds in set.iter().filter_map(|at| of_target.get(at)) {
                all.numbers.extend(&adds.numbers);
                all.sets.extend(&adds.sets);
            }
            all
        };
        let of_set: Vec<Adds> = before.sets.iter().map(together).collect();
        for at in 0..self.footprints.len() {
            if let Some(&set) = before.tests.get(&self.footprints[at].test) {
                self.add_memory(at, &of_set[set]);
            }
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
            let test = footprint.test.clone();
            let mut adds = Adds::default();
            if moves.both.contains(&test) {
                let through: BTreeSet<usize> = footprint.sets.iter().flat_map(|&at| &reached[at]).copied().collect();
                let loads = |home: &Home<'_>| !home.at.is_disjoint(&through);
                for home in homes.iter().filter(|h| h.moved.all || h.moved.tests.contains(&test) || loads(h)) {
                    adds.numbers.extend(&home.adds.numbers);
                    adds.sets.extend(&home.adds.sets);
                }
                adds.numbers.insert(self.sets.number(Target::deep(run)));
            }
            if let Some(other) = beside.get(file_of(&test)) {
                let own = moves.dependent.contains(&test);
                adds.numbers.insert(self.sets.number(Target::order_dependent((!own).then_some(*other))));
            }
            self.add_memory(at, &adds);
        }
    }

    fn home<'a>(&mut self, moved: &'a Moved, shapes: &BTreeMap<String, Shape>) -> Home<'a> {
        let codes = moved.codes.iter().map(|code| target_of(code, shapes));
        let mut adds = Adds::default();
        for target in codes.chain(moved.targets.iter().cloned()) {
            let more = self.with_closure(target);
            adds.numbers.extend(more.numbers);
            adds.sets.extend(more.sets);
        }
        Home { moved, at: moved.files.iter().filter_map(|file| self.files.get(file)).copied().collect(), adds }
    }

    /// A target with the import closure of the file whose code it is: what such a file does at import counts, too.
    fn with_closure(&mut self, target: Target) -> Adds {
        let is_code = matches!(target.kind, EdgeKind::Ran | EdgeKind::Loaded);
        let closure = self.files.get(&target.path).filter(|_| is_code).copied();
        let elsewhere = is_code && closure.is_none();
        let loaded = elsewhere.then(|| Target::new(EdgeKind::Loaded, &target.path, ""));
        let numbers = [target].into_iter().chain(loaded).map(|target| self.sets.number(target)).collect();
        Adds { numbers, sets: closure.into_iter().collect() }
    }

    /// For every set, which of the `wanted` ones it is or includes, directly or not.
    fn reached(&self, wanted: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let mut reached: Vec<BTreeSet<usize>> = Vec::with_capacity(self.sets.count());
        for at in 0..self.sets.count() {
            let mut found: BTreeSet<usize> =
                self.sets.includes(at).iter().flat_map(|&at| &reached[at]).copied().collect();
            found.extend(wanted.contains(&at).then_some(at));
            reached.push(found);
        }
        reached
    }

    fn add_memory(&mut self, at: usize, more: &Adds) {
        let footprint = &mut self.footprints[at];
        footprint.memory.extend(&more.numbers);
        footprint.memory.sort_unstable();
        footprint.memory.dedup();
        let own: BTreeSet<usize> = footprint.sets.iter().copied().collect();
        footprint.sets.extend(more.sets.difference(&own));
    }
}

/// The file in a test's id.
fn file_of(test: &str) -> &str {
    test.split("::").nth(1).unwrap_or_default()
}
