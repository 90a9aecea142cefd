//! The plan: a test may be left out only if a kept passing run of it touched nothing that differs from the tree about to be tested.

use std::collections::{BTreeMap, BTreeSet};

use globset::GlobSet;

use crate::model::change::{FoundBy, Language, PathClass, TestSort};
use crate::model::edge::{EdgeKind, Target};
use crate::model::map::{FootprintRow, InventoryRow, Map, TestRow};
use crate::model::plan::{Decision, Plan, Verdict};
use crate::model::reason::Reason;
use crate::model::suite::Suites;
use crate::model::tree::{Mode, Tree};

use super::classify::classify_for;
use super::layout::CargosOwn;
use super::quiet::{Quiet, SetState, noticed, states};
use super::stays::{returns, stayed_out};
use super::together::{keep_files_whole, keep_makers, keep_together};

/// How much evidence a decision carries at most.
const EVIDENCE: usize = 8;

/// The tree about to be tested, seen through the map.
#[derive(Debug, Clone, Copy)]
pub struct Present<'a> {
    /// The tree.
    pub tree: &'a Tree,
    /// For every edge of the map, whether what it points at is as it was.
    pub holds: &'a [bool],
    /// Differences that only code which asks for them can notice.
    pub quiet: &'a Quiet,
    /// The user's own inert globs.
    pub inert: &'a GlobSet,
    /// What only the edges of a test that is not built there can speak of.
    pub elsewhere: &'a CargosOwn,
    /// What tests are like, by their ids.
    pub sort_of: fn(&str) -> TestSort,
    /// Where tests live.
    pub suites: &'a Suites,
    /// The day, `2026-11-21`: a stay may have ended.
    pub today: &'a str,
}

/// Which suites' tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those in FAST.
    Fast,
    /// Those of both suites.
    Both,
}

/// What the user asks of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ask {
    /// Leave nothing out by change, of these suites.
    pub all: Option<Scope>,
    /// Leave nothing out, as what is known cannot be trusted in this run.
    pub whole: bool,
}

/// What changed between an inventory and the present tree that no edge can speak for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Unvouched {
    unknown: Vec<String>,
    build: Vec<String>,
}

/// Decides about every test of the map under every variant.
#[must_use]
pub fn plan(map: &Map, present: Present<'_>, ask: Ask) -> Plan {
    let sets = states(map, present.holds, present.quiet);
    let touched = touched_paths(map);
    let languages: BTreeSet<Language> = map.tests.iter().map(|test| (present.sort_of)(&test.id).language).collect();
    let of = |inventory| {
        let compared = |&language| (language, compare(map, inventory, &touched, present, language));
        languages.iter().map(compared).collect()
    };
    let unvouched: Vec<BTreeMap<Language, Unvouched>> = map.inventories.iter().map(of).collect();
    let judge = Judge { map, present, sets: &sets, unvouched: &unvouched };
    let variants = variants_by_test(map);
    let mut decisions: Vec<Decision> = map.tests.iter().map(|test| judge.decide(test, ask, &variants)).collect();
    keep_together(map, &mut decisions);
    keep_makers(map, &mut decisions);
    keep_files_whole(&mut decisions, &|test| (present.sort_of)(test).by_file);
    Plan { decisions, ..Plan::default() }
}

/// Whether the paths that differ between an inventory and the present tree leave the list of tests as it was, `matters` telling
/// what of a path the runner finds tests by. Then it is not needed to find them.
#[must_use]
pub fn collects_alike(
    map: &Map,
    inventory: u32,
    present: Present<'_>,
    matters: &dyn Fn(&str) -> FoundBy,
    same_meaning: &dyn Fn(&str) -> bool,
) -> bool {
    let Some(before) = map.tree(inventory) else { return false };
    let outputs = outputs_of(map, inventory);
    before.changed_paths(present.tree).into_iter().filter(|path| !outputs.contains(path)).all(|path| {
        let both = before.entries.contains_key(path) && present.tree.entries.contains_key(path);
        both && match matters(path) {
            FoundBy::Presence => true,
            FoundBy::Meaning => same_meaning(path),
            FoundBy::Content => false,
        }
    })
}

fn outputs_of(map: &Map, inventory: u32) -> BTreeSet<&str> {
    let row = map.inventories.get(inventory as usize);
    row.iter().flat_map(|row| &row.outputs).map(|&path| map.word(path)).collect()
}

/// Data files that some test that is not a walker is known to read: a change of them is seen by their edges.
fn touched_paths(map: &Map) -> BTreeSet<u32> {
    let mut reached: BTreeSet<u32> = BTreeSet::new();
    let newest = map.tests.iter().filter_map(|test| test.footprints.first()).filter(|footprint| !footprint.walker);
    let mut waiting: Vec<u32> = newest.flat_map(|f| f.sets.iter().copied().chain(f.memory)).collect();
    while let Some(at) = waiting.pop() {
        if reached.insert(at)
            && let Some(set) = map.sets.get(at as usize)
        {
            waiting.extend(&set.includes);
        }
    }
    let edges = reached.iter().filter_map(|&at| map.sets.get(at as usize)).flat_map(|set| &set.edges);
    let rows = edges.filter_map(|&edge| map.edges.get(edge as usize));
    rows.filter(|row| row.kind == EdgeKind::Read).map(|row| row.path).collect()
}

fn compare(
    map: &Map,
    inventory: &InventoryRow,
    touched: &BTreeSet<u32>,
    present: Present<'_>,
    language: Language,
) -> Unvouched {
    let mut found = Unvouched::default();
    let by_table: BTreeSet<u32> =
        map.edges.iter().filter(|row| row.kind == EdgeKind::Fingerprint).map(|row| row.path).collect();
    let known: BTreeMap<&str, u32> = inventory.entries.iter().map(|&(path, _)| (map.word(path), path)).collect();
    let outputs: BTreeSet<&str> = inventory.outputs.iter().map(|&path| map.word(path)).collect();
    let mut judge = |path: &str, was: Option<u32>, same_kind: bool| {
        if outputs.contains(path) || present.elsewhere.has(path) {
            return;
        }
        match classify_for(language, path, present.inert) {
            // Where a script would be found is asked by a library that only the file tracer sees.
            PathClass::Source if language == Language::Script && (was.is_none() || !same_kind) => {
                found.unknown.push(path.to_owned());
            }
            PathClass::Inert | PathClass::Source => {}
            // A table file that was there is compared table by table, by its fingerprint edges.
            PathClass::Tables if was.is_some_and(|path| by_table.contains(&path)) => {}
            PathClass::BuildInput | PathClass::Tables => found.build.push(path.to_owned()),
            PathClass::Data => {
                // A test may have asked whether the path is there, or what kind it is, without opening it, and nobody saw it: only
                // a change of the bytes is told by the tests that read them.
                if !(same_kind && was.is_some_and(|path| touched.contains(&path))) {
                    found.unknown.push(path.to_owned());
                }
            }
        }
    };
    for &(path, entry) in &inventory.entries {
        let name = map.word(path);
        let now = present.tree.entries.get(name);
        if now != Some(&entry) {
            // A link's text can be read without opening anything.
            let same_kind = now.is_some_and(|now| now.mode == entry.mode && entry.mode != Mode::Link);
            judge(name, Some(path), same_kind);
        }
    }
    for path in present.tree.entries.keys().filter(|path| !known.contains_key(path.as_str())) {
        judge(path, None, false);
    }
    found
}

fn variants_by_test(map: &Map) -> BTreeMap<&str, usize> {
    let mut variants = BTreeMap::new();
    for test in map.tests.iter().filter(|test| !test.footprints.is_empty()) {
        *variants.entry(test.id.as_str()).or_insert(0) += 1;
    }
    variants
}

struct Judge<'a> {
    map: &'a Map,
    present: Present<'a>,
    sets: &'a [SetState],
    unvouched: &'a [BTreeMap<Language, Unvouched>],
}

impl Judge<'_> {
    fn decide(&self, test: &TestRow, ask: Ask, variants: &BTreeMap<&str, usize>) -> Decision {
        let (verdict, reason, evidence, otherwise) = self.judge(test, ask, variants);
        let variant = self.map.variants.get(test.variant as usize).map(|v| v.id.clone()).unwrap_or_default();
        Decision { test: test.id.clone(), variant, verdict, reason, evidence, otherwise }
    }

    /// What is asked for runs, and says what would have become of it otherwise.
    fn judge(
        &self,
        test: &TestRow,
        ask: Ask,
        variants: &BTreeMap<&str, usize>,
    ) -> (Verdict, Reason, Vec<Target>, Option<Reason>) {
        if ask.whole {
            return (Verdict::Run, Reason::WholeRun, Vec::new(), None);
        }
        let by_suite = |reason| match self.present.suites.weekly(&test.id, self.present.today) {
            Some(stay) if !returns(self.map, self.present.holds, test, stay, (reason, self.is_in_doubt(test))) => {
                Some(stayed_out(stay))
            }
            _ => None,
        };
        let (verdict, reason, evidence) = self.by_change(test, variants);
        let (verdict, reason) = match (verdict, by_suite(reason)) {
            (Verdict::Run, Some(instead)) => (Verdict::LeftOut, instead),
            decided => (decided.0, reason),
        };
        let lives_in_weekly = self.present.suites.weekly(&test.id, self.present.today).is_some();
        match ask.all {
            None => (verdict, reason, evidence, None),
            // What FAST is on this commit: all of its own tests, and those of WEEKLY that the change brings back.
            Some(Scope::Fast) if lives_in_weekly => (verdict, reason, evidence, None),
            Some(_) => (Verdict::Run, Reason::Asked, Vec::new(), (verdict == Verdict::LeftOut).then_some(reason)),
        }
    }

    fn by_change(&self, test: &TestRow, variants: &BTreeMap<&str, usize>) -> (Verdict, Reason, Vec<Target>) {
        if !test.last.vouches() {
            return (Verdict::Run, Reason::FailedLastTime, Vec::new());
        }
        let Some(newest) = test.footprints.first() else {
            let elsewhere = variants.contains_key(test.id.as_str());
            let reason = if elsewhere { Reason::VariantChanged } else { Reason::NoMap };
            return (Verdict::Run, reason, Vec::new());
        };
        let language = (self.present.sort_of)(&test.id).language;
        if let Some(footprint) = test.footprints.iter().find(|footprint| self.vouches(footprint, language)) {
            // What differs and cannot be noticed is part of the answer.
            let unnoticed = self.differing(footprint, u8::MAX).into_iter().take(EVIDENCE).collect();
            return (Verdict::LeftOut, Reason::Untouched, unnoticed);
        }
        let (reason, evidence) = self.explain(test, newest);
        (Verdict::Run, reason, evidence)
    }

    fn unvouched(&self, footprint: &FootprintRow, language: Language) -> Option<&Unvouched> {
        self.unvouched.get(footprint.inventory as usize)?.get(&language)
    }

    /// Whether something changed that no edge of a test's newest footprint can speak for, whatever else changed.
    fn is_in_doubt(&self, test: &TestRow) -> bool {
        let language = (self.present.sort_of)(&test.id).language;
        test.footprints.first().is_none_or(|newest| !self.knows_tree(newest, language))
    }

    /// Where the file tracer ran, a path that no edge names is one that the test never touched.
    fn knows_tree(&self, footprint: &FootprintRow, language: Language) -> bool {
        let tree = self.unvouched(footprint, language);
        footprint.bounded
            || tree.is_some_and(|found| (footprint.traced || found.unknown.is_empty()) && found.build.is_empty())
    }

    fn vouches(&self, footprint: &FootprintRow, language: Language) -> bool {
        let mut sets = footprint.sets.iter().chain(&footprint.memory);
        self.knows_tree(footprint, language)
            && sets.all(|&set| self.sets.get(set as usize).is_some_and(|state| state.holds))
            && noticed(footprint, self.sets) == 0
    }

    /// Why the newest footprint does not vouch: the most telling kind of difference, and all that differs in that way.
    fn explain(&self, test: &TestRow, footprint: &FootprintRow) -> (Reason, Vec<Target>) {
        let mut found: BTreeMap<(u8, Reason), BTreeSet<Target>> = BTreeMap::new();
        let language = (self.present.sort_of)(&test.id).language;
        let unvouched = self.unvouched(footprint, language).filter(|_| !footprint.bounded);
        for (reason, paths) in
            [(Reason::BuildInput, unvouched.map(|u| &u.build)), (Reason::UnknownPath, unvouched.map(|u| &u.unknown))]
        {
            if reason == Reason::UnknownPath && footprint.traced {
                continue;
            }
            for path in paths.into_iter().flatten() {
                found.entry((rank(reason), reason)).or_default().insert(Target::new(EdgeKind::Read, path, ""));
            }
        }
        for target in self.differing(footprint, noticed(footprint, self.sets)) {
            let reason = if footprint.bounded { built_reason(&target) } else { reason_for(&target, test) };
            found.entry((rank(reason), reason)).or_default().insert(target);
        }
        let first = found.into_iter().next();
        first.map_or((Reason::NoMap, Vec::new()), |((_, reason), evidence)| {
            (reason, evidence.into_iter().take(EVIDENCE).collect())
        })
    }

    /// The targets of a footprint that are not as they were, of the quiet ones those of the given sorts.
    fn differing(&self, footprint: &FootprintRow, sorts: u8) -> BTreeSet<Target> {
        let mut waiting: Vec<u32> = footprint.sets.iter().copied().chain(footprint.memory).collect();
        let mut seen = BTreeSet::new();
        let mut targets = BTreeSet::new();
        let quiet = |edge: u32| self.present.quiet.differs.get(edge as usize).copied().unwrap_or(0);
        while let Some(at) = waiting.pop() {
            let is_as_it_was = |state: &SetState| state.holds && state.differs_quietly & sorts == 0;
            if self.sets.get(at as usize).is_some_and(is_as_it_was) || !seen.insert(at) {
                continue;
            }
            let Some(set) = self.map.sets.get(at as usize) else { continue };
            waiting.extend(&set.includes);
            for &edge in &set.edges {
                if !self.present.holds.get(edge as usize).copied().unwrap_or(false)
                    && (quiet(edge) == 0 || quiet(edge) & sorts != 0)
                    && let Some(row) = self.map.edges.get(edge as usize)
                {
                    targets.insert(self.map.target(row));
                }
            }
        }
        targets
    }
}

/// The most telling reason first.
fn rank(reason: Reason) -> u8 {
    const ORDER: [Reason; 11] = [
        Reason::VariantChanged,
        Reason::BuildInput,
        Reason::UnknownPath,
        Reason::TestChanged,
        Reason::RanChangedCode,
        Reason::ReadChangedFile,
        Reason::ListedChangedDirectory,
        Reason::ProbedPathChanged,
        Reason::LoadedChangedModule,
        Reason::OrderDependent,
        Reason::Opaque,
    ];
    let at = ORDER.iter().position(|&r| r == reason).unwrap_or(ORDER.len());
    u8::try_from(at).unwrap_or(u8::MAX)
}

/// The reason of a test that depends on all that its program is built from.
fn built_reason(target: &Target) -> Reason {
    match (target.kind, target.name.as_str()) {
        // Nobody looked into functions: it is compiled into the program.
        (EdgeKind::Ran, "*") | (EdgeKind::Loaded, _) => Reason::LoadedChangedModule,
        (EdgeKind::Ran, _) => Reason::RanChangedCode,
        (EdgeKind::Fingerprint, _) if target.path != "env" => Reason::BuildInput,
        (EdgeKind::Fingerprint | EdgeKind::Spawned | EdgeKind::Fixture, _) => Reason::VariantChanged,
        (EdgeKind::Read, _) => Reason::ReadChangedFile,
        (EdgeKind::Listed, _) => Reason::ListedChangedDirectory,
        (EdgeKind::Probed, _) => Reason::ProbedPathChanged,
        (EdgeKind::Opaque, _) => Reason::Opaque,
    }
}

fn reason_for(target: &Target, test: &TestRow) -> Reason {
    let file = test.id.split("::").nth(1).unwrap_or_default();
    match target.kind {
        EdgeKind::Ran | EdgeKind::Loaded if target.path == file => Reason::TestChanged,
        EdgeKind::Ran | EdgeKind::Fixture => Reason::RanChangedCode,
        EdgeKind::Loaded => Reason::LoadedChangedModule,
        EdgeKind::Read => Reason::ReadChangedFile,
        EdgeKind::Listed => Reason::ListedChangedDirectory,
        EdgeKind::Probed => Reason::ProbedPathChanged,
        EdgeKind::Opaque if target.is_order_dependent() => Reason::OrderDependent,
        EdgeKind::Opaque => Reason::Opaque,
        EdgeKind::Fingerprint if matches!(target.name.as_str(), "build" | "metadata") => Reason::BuildInput,
        EdgeKind::Fingerprint | EdgeKind::Spawned => Reason::VariantChanged,
    }
}
