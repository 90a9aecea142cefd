//! Folding: a map and the facts of one log entry make the next map.
#![allow(clippy::disallowed_types, reason = "indices into rows: their own order is never seen")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::formats::segment_v1::{EdgeLine, EventLine, OutcomeRow, edge_of, file_of};
use crate::model::digest::Digest;
use crate::model::edge::Edge;
use crate::model::map::{
    EdgeRow, FootprintRow, Home, InventoryRow, KEPT_FOOTPRINTS, LaunchRow, Map, RanRow, SetRow, TestRow, VariantRow,
};
use crate::model::outcome::{Outcome, in_micros};

use super::facts::Read;
use super::sweep::sweep;

/// Command lines that are remembered.
const KEPT_LAUNCHES: usize = 24;

/// Runs of which is remembered what tree they ran on.
const KEPT_RUNS: usize = 64;

/// The map after these facts.
#[must_use]
pub fn fold(map: Map, read: &Read) -> Map {
    let mut folder = Folder::new(map);
    let started: HashMap<&str, &str> = read.runs.iter().map(|run| (run.run.as_str(), run.started.as_str())).collect();
    for event in &read.events {
        folder.add_variant(event);
    }
    folder.add_edges(&read.edges);
    for outcome in &read.outcomes {
        folder.add_outcome(outcome);
    }
    for line in read.edges.iter().filter(|line| line.kind == "footprint") {
        folder.add_footprint(line);
    }
    for event in &read.events {
        folder.add_launch(event);
        folder.forget(event);
    }
    folder.take_statements(&read.events);
    let ran = ran_by(&read.outcomes);
    for run in &read.runs {
        let (tests, micros) = ran.get(run.run.as_str()).copied().unwrap_or_default();
        let row = RanRow { run: run.run.clone(), inventory: run.inventory, seconds: run.seconds, tests, micros };
        folder.map.runs.insert(0, row);
    }
    folder.map.runs.truncate(KEPT_RUNS);
    if let Some(run) = read.runs.iter().max_by_key(|run| started.get(run.run.as_str()).copied().unwrap_or_default()) {
        folder.map.commit.clone_from(&run.commit);
    }
    sweep(folder.map)
}

/// By run, how many tests it ran, and how long they took one after the other, in microseconds.
fn ran_by(outcomes: &[OutcomeRow]) -> HashMap<&str, (u32, u64)> {
    let mut found: HashMap<&str, (u32, u64)> = HashMap::new();
    for outcome in outcomes {
        let (tests, micros) = found.entry(&outcome.run).or_default();
        *tests += 1;
        *micros += in_micros(outcome.seconds);
    }
    found
}

struct Folder {
    map: Map,
    strings: HashMap<String, u32>,
    edges: HashMap<EdgeRowKey, u32>,
    sets: HashMap<Digest, u32>,
    inventories: HashMap<Digest, u32>,
    variants: HashMap<String, u32>,
    tests: BTreeMap<(String, u32), usize>,
}

type EdgeRowKey = (u8, u32, u32, Digest);

fn key(row: &EdgeRow) -> EdgeRowKey {
    (row.kind as u8, row.path, row.name, row.hash)
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn index_of_tests(map: &Map) -> BTreeMap<(String, u32), usize> {
    map.tests.iter().enumerate().map(|(at, test)| ((test.id.clone(), test.variant), at)).collect()
}

impl Folder {
    fn new(map: Map) -> Self {
        let index = |length: usize| 0..number(length);
        Self {
            strings: map.strings.iter().cloned().zip(index(map.strings.len())).collect(),
            edges: map.edges.iter().map(key).zip(index(map.edges.len())).collect(),
            sets: map.sets.iter().map(|set| set.id).zip(index(map.sets.len())).collect(),
            inventories: map.inventories.iter().map(|row| row.id).zip(index(map.inventories.len())).collect(),
            variants: map.variants.iter().map(|row| row.id.clone()).zip(index(map.variants.len())).collect(),
            tests: index_of_tests(&map),
            map,
        }
    }

    fn word(&mut self, word: &str) -> u32 {
        if let Some(&at) = self.strings.get(word) {
            return at;
        }
        let at = number(self.map.strings.len());
        self.map.strings.push(word.to_owned());
        self.strings.insert(word.to_owned(), at);
        at
    }

    fn edge(&mut self, edge: &Edge) -> u32 {
        let path = self.word(&edge.target.path);
        let name = self.word(&edge.target.name);
        let row = EdgeRow { kind: edge.target.kind, path, name, hash: edge.hash };
        if let Some(&at) = self.edges.get(&key(&row)) {
            return at;
        }
        let at = number(self.map.edges.len());
        self.edges.insert(key(&row), at);
        self.map.edges.push(row);
        at
    }

    fn variant(&mut self, id: &str) -> u32 {
        if let Some(&at) = self.variants.get(id) {
            return at;
        }
        let at = number(self.map.variants.len());
        self.map.variants.push(VariantRow { id: id.to_owned(), inputs: String::new(), configuration: None });
        self.variants.insert(id.to_owned(), at);
        at
    }

    fn add_variant(&mut self, event: &EventLine) {
        if let EventLine::Variant { id, inputs, configuration, .. } = event {
            let at = self.variant(id) as usize;
            self.map.variants[at].inputs.clone_from(inputs);
            self.map.variants[at].configuration.clone_from(configuration);
        }
    }

    /// What was said anew replaces what was said before, all of it.
    fn take_statements(&mut self, events: &[EventLine]) {
        let mut worth: Vec<(String, u32)> = Vec::new();
        let mut said: Option<Home> = None;
        for event in events {
            if let EventLine::Worth { tests, .. } = event {
                worth.extend(tests.iter().cloned());
            }
            if let EventLine::Home { commit, policy, suites, .. } = event {
                let home = said.get_or_insert_with(Home::default);
                home.commit.clone_from(commit);
                home.policy.clone_from(policy);
                home.suites.placements.extend(suites.placements.clone());
                home.suites.disputed.extend(suites.disputed.iter().cloned());
            }
        }
        if !worth.is_empty() {
            worth.sort();
            self.map.worth = worth;
        }
        self.map.home = said.or(self.map.home.take());
    }

    fn forget(&mut self, event: &EventLine) {
        if let EventLine::Gone { variant, tests, .. } = event {
            let Some(&variant) = self.variants.get(variant) else { return };
            let gone: BTreeSet<&String> = tests.iter().collect();
            self.map.tests.retain(|test| test.variant != variant || !gone.contains(&test.id));
            self.tests = index_of_tests(&self.map);
        }
    }

    fn add_launch(&mut self, event: &EventLine) {
        let EventLine::Launch {
            run,
            key,
            command,
            folder,
            interpreter,
            sites,
            variant,
            collected,
            writes,
            inventory,
            ..
        } = event
        else {
            return;
        };
        let Some(&inventory) = self.inventories.get(inventory) else { return };
        let variant = self.variant(variant);
        self.map.launches.retain(|launch| launch.key != *key);
        let launch = LaunchRow {
            key: *key,
            command: command.clone(),
            folder: folder.clone(),
            interpreter: interpreter.clone(),
            sites: sites.clone(),
            variant,
            collected: collected.clone(),
            writes: *writes,
            inventory,
            run: run.clone(),
        };
        self.map.launches.insert(0, launch);
        self.map.launches.truncate(KEPT_LAUNCHES);
    }

    /// Sets come in an order in which what is included stands first; a set that includes an unknown one is not taken.
    fn add_edges(&mut self, lines: &[EdgeLine]) {
        let mut sets: Vec<(Digest, Vec<Edge>, Vec<Digest>)> = Vec::new();
        let mut trees: BTreeMap<Digest, (Vec<&EdgeLine>, Vec<&EdgeLine>)> = BTreeMap::new();
        for line in lines {
            let Some(id) = line.set else { continue };
            match line.kind.as_str() {
                "tree" => trees.entry(id).or_default().0.push(line),
                "output" => trees.entry(id).or_default().1.push(line),
                _ => {
                    if sets.last().map(|set| set.0) != Some(id) {
                        sets.push((id, Vec::new(), Vec::new()));
                    }
                    if let Some(set) = sets.last_mut() {
                        set.1.extend(edge_of(line));
                        set.2.extend((line.kind == "includes").then(|| Digest::from_hex(&line.name)).flatten());
                    }
                }
            }
        }
        for (id, edges, includes) in sets {
            self.add_set(id, &edges, &includes);
        }
        for (id, (files, outputs)) in trees {
            self.add_inventory(id, &files, &outputs);
        }
    }

    fn add_set(&mut self, id: Digest, edges: &[Edge], includes: &[Digest]) {
        let known: Option<Vec<u32>> = includes.iter().map(|id| self.sets.get(id).copied()).collect();
        let Some(includes) = known else { return };
        if self.sets.contains_key(&id) {
            return;
        }
        let edges = edges.iter().map(|edge| self.edge(edge)).collect();
        self.sets.insert(id, number(self.map.sets.len()));
        self.map.sets.push(SetRow { id, edges, includes });
    }

    fn add_inventory(&mut self, id: Digest, files: &[&EdgeLine], outputs: &[&EdgeLine]) {
        let outputs: BTreeSet<u32> = outputs.iter().map(|line| self.word(&line.path)).collect();
        if let Some(&at) = self.inventories.get(&id) {
            let row = &mut self.map.inventories[at as usize];
            row.outputs = row.outputs.iter().copied().chain(outputs).collect::<BTreeSet<_>>().into_iter().collect();
            return;
        }
        let entries = files.iter().filter_map(|line| file_of(line));
        let entries: Vec<_> = entries.map(|(path, entry)| (self.word(&path), entry)).collect();
        self.inventories.insert(id, number(self.map.inventories.len()));
        self.map.inventories.push(InventoryRow { id, entries, outputs: outputs.into_iter().collect() });
    }

    fn test(&mut self, id: &str, variant: &str) -> &mut TestRow {
        let variant = self.variant(variant);
        let next = self.map.tests.len();
        let at = *self.tests.entry((id.to_owned(), variant)).or_insert(next);
        if at == next {
            self.map.tests.push(TestRow {
                id: id.to_owned(),
                variant,
                last: Outcome::Crashed,
                last_run: String::new(),
                seconds: 0.0,
                footprints: Vec::new(),
            });
        }
        &mut self.map.tests[at]
    }

    fn add_outcome(&mut self, row: &OutcomeRow) {
        let test = self.test(&row.test, &row.variant);
        // Ids of runs sort by time: the facts of a run that was killed arrive after those of later runs.
        if row.run < test.last_run {
            return;
        }
        test.last = row.outcome;
        test.last_run.clone_from(&row.run);
        test.seconds = row.seconds;
    }

    /// A footprint whose sets or tree did not arrive is not kept: its test runs.
    fn add_footprint(&mut self, line: &EdgeLine) {
        let sets: Option<Vec<u32>> = line.sets.iter().map(|id| self.sets.get(id).copied()).collect();
        let memory = match line.memory {
            None => Some(None),
            Some(id) => self.sets.get(&id).map(|&at| Some(at)),
        };
        let inventory = line.inventory.and_then(|id| self.inventories.get(&id).copied());
        let (Some(sets), Some(memory), Some(inventory)) = (sets, memory, inventory) else { return };
        let run = line.run.clone();
        let test = self.test(&line.test, &line.variant);
        // The same sets recorded again vouch for nothing more; the newest inventory speaks for them.
        test.footprints.retain(|kept| kept.sets != sets || kept.memory != memory || kept.inventory != inventory);
        let (walker, traced, bounded) = (line.walker, line.traced, line.bounded);
        test.footprints.insert(0, FootprintRow { run, sets, memory, inventory, walker, traced, bounded });
        test.footprints.sort_by(|a, b| b.run.cmp(&a.run));
        // What a deep record found out holds for older runs of the test, too, and they do not know it.
        let kept = test.footprints.clone();
        let deep: Vec<Option<String>> = kept.iter().map(|f| self.map.deep_run(f).map(str::to_owned)).collect();
        let newest = deep.iter().max().cloned().flatten();
        let knows = kept.into_iter().zip(deep).filter(|(_, deep)| *deep == newest).map(|(footprint, _)| footprint);
        let mut footprints: Vec<FootprintRow> = knows.collect();
        // A record of functions is made seldom and tells more than all that come after it.
        let precise = footprints.iter().position(|footprint| self.map.is_by_function(footprint));
        if let Some(at) = precise.filter(|&at| at >= KEPT_FOOTPRINTS) {
            let kept = footprints.remove(at);
            footprints.insert(KEPT_FOOTPRINTS - 1, kept);
        }
        footprints.truncate(KEPT_FOOTPRINTS);
        self.test(&line.test, &line.variant).footprints = footprints;
    }
}
