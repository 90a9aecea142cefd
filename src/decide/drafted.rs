//! The sets of edges of one process while they are drafted: a target is kept once and pointed at by number.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexSet;

use crate::model::digest::Digest;
use crate::model::edge::{Edge, EdgeKind, Target};
use crate::model::footprint::{EdgeSet, Footprint};

use super::blocks::{Block, blocks};

/// A set of targets, and the places of the sets that belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DraftSet {
    /// What it points at.
    pub targets: BTreeSet<Target>,
    /// Places of other sets, each before this one.
    pub includes: BTreeSet<usize>,
}

/// A set whose targets are numbered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Row {
    /// Sorted.
    targets: Vec<u32>,
    includes: BTreeSet<usize>,
}

/// Sets in the order in which they were added, each after those that it includes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sets {
    targets: IndexSet<Target>,
    rows: Vec<Row>,
}

impl Sets {
    /// Adds a set; its place.
    pub fn add(&mut self, set: DraftSet) -> usize {
        let mut targets: Vec<u32> = set.targets.into_iter().map(|target| self.number(target)).collect();
        targets.sort_unstable();
        self.rows.push(Row { targets, includes: set.includes });
        self.rows.len() - 1
    }

    /// The number of a target.
    pub fn number(&mut self, target: Target) -> u32 {
        u32::try_from(self.targets.insert_full(target).0).unwrap_or(u32::MAX)
    }

    /// How many sets there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The places of the sets that a set includes itself.
    #[must_use]
    pub fn includes(&self, at: usize) -> &BTreeSet<usize> {
        &self.rows[at].includes
    }

    /// What a set itself points at.
    #[cfg(test)]
    pub fn targets_of(&self, at: usize) -> impl Iterator<Item = &Target> {
        self.rows[at].targets.iter().filter_map(|&number| self.target(number))
    }

    /// What a number stands for.
    #[must_use]
    pub fn target(&self, number: u32) -> Option<&Target> {
        self.targets.get_index(number as usize)
    }
}

/// A footprint whose sets have no hashes yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct DraftFootprint {
    pub(super) test: String,
    /// The test's own first.
    pub(super) sets: Vec<usize>,
    /// Numbers of the targets that the process remembered for it, sorted.
    pub(super) memory: Vec<u32>,
    pub(super) walker: bool,
    pub(super) traced: bool,
    pub(super) bounded: bool,
}

/// The footprints of one process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    pub(super) variant: String,
    pub(super) sets: Sets,
    pub(super) footprints: Vec<DraftFootprint>,
    /// First-party file to the set of its import closure.
    pub(super) files: BTreeMap<String, usize>,
}

/// What is known of a target when a draft is sealed.
enum Known {
    Edge(Edge),
    /// The run made it: no edge.
    Own,
    /// It has no hash: nothing that points at it can be vouched for.
    Nothing,
}

impl Draft {
    /// The sets and footprints with their hashes. A target that has none cannot be vouched for (its file changed while the
    /// tests ran): footprints that need it are left out. A target in `outputs` was made by the run: no edge. What no footprint leads to is
    /// left out.
    #[must_use]
    pub fn seal(
        &self,
        hash_of: &mut dyn FnMut(&Target) -> Option<Digest>,
        outputs: &BTreeSet<String>,
    ) -> (Vec<EdgeSet>, Vec<Footprint>) {
        let mut known = |target: &Target| {
            let by_path = matches!(target.kind, EdgeKind::Read | EdgeKind::Listed | EdgeKind::Probed);
            if by_path && target.name.is_empty() && outputs.contains(&target.path) {
                return Known::Own;
            }
            hash_of(target).map_or(Known::Nothing, |hash| Known::Edge(Edge { target: target.clone(), hash }))
        };
        let wanted = self.wanted();
        let rows = self.sets.rows.iter().zip(&wanted).filter(|(_, is_wanted)| **is_wanted);
        let numbers = rows.flat_map(|(row, _)| &row.targets).chain(self.footprints.iter().flat_map(|f| &f.memory));
        let mut needed = vec![false; self.sets.targets.len()];
        numbers.for_each(|&number| needed[number as usize] = true);
        let targets = self.sets.targets.iter().zip(needed);
        let known = targets.map(|(target, is_needed)| if is_needed { known(target) } else { Known::Nothing }).collect();
        let mut sealer = Sealer { known, found: Vec::new(), seen: BTreeSet::new() };
        let mut ids: Vec<Option<Digest>> = Vec::with_capacity(self.sets.count());
        for (row, is_wanted) in self.sets.rows.iter().zip(wanted) {
            let includes = || row.includes.iter().map(|&at| ids.get(at).copied().flatten()).collect();
            let id = if is_wanted { sealer.set(&row.targets, includes()) } else { None };
            ids.push(id);
        }
        let memories = self.seal_memories(&mut sealer);
        let footprints = self.footprints.iter().filter_map(|draft| {
            let sets: Option<Vec<Digest>> = draft.sets.iter().map(|&at| ids[at]).collect();
            let memory = match draft.memory.as_slice() {
                [] => None,
                numbers => Some(memories.get(numbers).copied().flatten()?),
            };
            Some(Footprint {
                test: draft.test.clone(),
                variant: self.variant.clone(),
                sets: sets?,
                memory,
                walker: draft.walker,
                traced: draft.traced,
                bounded: draft.bounded,
            })
        });
        let footprints = footprints.collect();
        (sealer.found, footprints)
    }

    /// Which sets footprints lead to.
    fn wanted(&self) -> Vec<bool> {
        let mut wanted = vec![false; self.sets.count()];
        for &at in self.footprints.iter().flat_map(|footprint| &footprint.sets) {
            wanted[at] = true;
        }
        for (at, row) in self.sets.rows.iter().enumerate().rev() {
            if wanted[at] {
                row.includes.iter().for_each(|&other| wanted[other] = true);
            }
        }
        wanted
    }

    /// What the process remembered grows from test to test: one set then includes another, and has what is new. Marks stay in the set itself,
    /// where they are looked for.
    fn seal_memories(&self, sealer: &mut Sealer) -> BTreeMap<&[u32], Option<Digest>> {
        let is_mark = |number: u32| {
            let target = self.sets.target(number);
            target.is_some_and(|target| target.is_order_dependent() || target.deep_run().is_some())
        };
        let distinct: BTreeSet<&[u32]> =
            self.footprints.iter().map(|footprint| footprint.memory.as_slice()).filter(|m| !m.is_empty()).collect();
        let split = |numbers: &&[u32]| numbers.iter().partition::<Vec<u32>, _>(|&&number| is_mark(number));
        let halves: Vec<(Vec<u32>, Vec<u32>)> = distinct.iter().map(split).collect();
        let content: BTreeSet<&[u32]> =
            halves.iter().map(|(_, rest)| rest.as_slice()).filter(|rest| !rest.is_empty()).collect();
        let content: Vec<&[u32]> = content.into_iter().collect();
        let mut ids: BTreeMap<&[u32], Option<Digest>> = BTreeMap::new();
        for Block { of, base, own } in blocks(&content) {
            let base: Option<Vec<Digest>> = base.iter().map(|at| ids.get(content[*at]).copied().flatten()).collect();
            ids.insert(content[of], sealer.set(&own, base));
        }
        let of_memory = halves.iter().map(|(marks, rest)| {
            let content = ids.get(rest.as_slice()).copied();
            match (marks.as_slice(), content) {
                ([], content) => content.flatten(),
                (marks, None) => sealer.set(marks, Some(Vec::new())),
                (marks, Some(content)) => sealer.set(marks, content.map(|id| vec![id])),
            }
        });
        distinct.into_iter().zip(of_memory).collect()
    }
}

struct Sealer {
    /// By number.
    known: Vec<Known>,
    found: Vec<EdgeSet>,
    seen: BTreeSet<Digest>,
}

impl Sealer {
    /// The id of the set of these targets; `None` if it, or what it includes, cannot be vouched for.
    fn set(&mut self, targets: &[u32], includes: Option<Vec<Digest>>) -> Option<Digest> {
        let mut edges = Vec::with_capacity(targets.len());
        for &number in targets {
            match &self.known[number as usize] {
                Known::Edge(edge) => edges.push(edge.clone()),
                Known::Own => {}
                Known::Nothing => return None,
            }
        }
        let set = EdgeSet::new(edges, includes?);
        let id = set.id;
        if self.seen.insert(id) {
            self.found.push(set);
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str) -> Target {
        Target::new(EdgeKind::Read, name, "")
    }

    /// Two tests of which the second remembers what the first does and more.
    fn draft() -> Draft {
        let mut sets = Sets::default();
        let targets = |names: &[&str]| names.iter().map(|name| target(name)).collect();
        let base = sets.add(DraftSet { targets: targets(&["base"]), includes: BTreeSet::new() });
        sets.add(DraftSet { targets: targets(&["nobody's"]), includes: BTreeSet::new() });
        let own = sets.add(DraftSet { targets: targets(&["own"]), includes: [base].into() });
        let first: Vec<u32> = ["a", "b"].map(|name| sets.number(target(name))).into();
        let mut second = first.clone();
        second.push(sets.number(target("c")));
        second.push(sets.number(Target::deep("run")));
        let footprint = |test: &str, memory| DraftFootprint {
            test: test.to_owned(),
            sets: vec![own],
            memory,
            ..DraftFootprint::default()
        };
        let footprints = vec![footprint("first", first), footprint("second", second)];
        Draft { sets, footprints, ..Draft::default() }
    }

    /// All that a set holds, included sets too.
    fn held(sets: &[EdgeSet], id: Digest) -> BTreeSet<String> {
        let Some(set) = sets.iter().find(|set| set.id == id) else { return BTreeSet::new() };
        let own = set.edges.iter().map(|edge| edge.target.to_string());
        own.chain(set.includes.iter().flat_map(|&id| held(sets, id))).collect()
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_memory_that_another_holds_is_included_and_marks_stand_in_the_set_itself() {
        let (sets, footprints) = draft().seal(&mut |_| Some(Digest(1)), &BTreeSet::new());
        let memory = |at: usize| footprints[at].memory.unwrap();
        assert_eq!(held(&sets, memory(0)), names(&["a", "b"]));
        assert_eq!(held(&sets, memory(1)), names(&["a", "b", "c", "deep run"]));
        let second = sets.iter().find(|set| set.id == memory(1)).unwrap();
        assert_eq!(second.edges.iter().map(|edge| edge.target.to_string()).collect::<Vec<_>>(), ["deep run"]);
        assert_eq!(held(&sets, footprints[0].sets[0]), names(&["own", "base"]));
        assert!(sets.iter().all(|set| set.edges.iter().all(|edge| edge.target.path != "nobody's")));
        // What is included stands first.
        let place = |id: Digest| sets.iter().position(|set| set.id == id).unwrap();
        assert!(sets.iter().all(|set| set.includes.iter().all(|&other| place(other) < place(set.id))));
    }

    #[test]
    fn a_footprint_that_leads_to_what_has_no_hash_is_left_out_and_what_the_run_made_is_no_edge() {
        let kept = |changed: &str, made: &str| {
            let hash = &mut |target: &Target| (target.path != changed).then_some(Digest(1));
            let (sets, footprints) = draft().seal(hash, &names(&[made]));
            let edges: BTreeSet<String> =
                sets.iter().flat_map(|set| &set.edges).map(|edge| edge.target.to_string()).collect();
            (footprints.iter().map(|footprint| footprint.test.clone()).collect::<Vec<_>>(), edges.contains(made))
        };
        assert_eq!(kept("-", "-"), (vec!["first".to_owned(), "second".to_owned()], false));
        assert_eq!(kept("c", "a"), (vec!["first".to_owned()], false));
        assert_eq!(kept("a", "-"), (vec![], false));
        assert_eq!(kept("base", "-"), (vec![], false));
    }
}
