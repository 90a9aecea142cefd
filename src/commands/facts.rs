//! From what a run's processes told to the facts that the ledger keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::bridges::runners::Built;
use crate::bridges::workspace::RunFolder;
use crate::bridges::{disk, tracer};
use crate::decide::deep::{Before, moved_sources};
use crate::decide::draft::{Surroundings, draft};
use crate::decide::drafted::Draft;
use crate::decide::layout::is_idle;
use crate::decide::modules::BY_MODULE;
use crate::decide::orders::Moves;
use crate::decide::outcomes::{results, variant_of};
use crate::decide::places::Places;
use crate::decide::sources::sources;
use crate::decide::touches::attribute;
use crate::formats::package_json;
use crate::formats::segment_v1::{DecisionRow, EventLine, OutcomeRow, RunRow, VERSION};
use crate::ledger::facts::Facts;
use crate::model::change::Language;
use crate::model::digest::Digest;
use crate::model::edge::{EdgeKind, Target};
use crate::model::footprint::{EdgeSet, Footprint};
use crate::model::map::Map;
use crate::model::outcome::TestResult;
use crate::model::plan::Decision;
use crate::model::reason::Reason;
use crate::model::shape::Shape;
use crate::model::tree::{Mode, Tree};
use crate::model::window::{Trace, WindowKind};
use crate::settings::Settings;

use super::apart::Apart;
use super::gather::place;
use super::present::Present;
use super::run::{Runners, TRACE};

/// What came of a run's recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recording {
    /// Tests whose passing run was recorded.
    pub footprints: usize,
    /// Why there is no map, or only part of one.
    pub trouble: Option<String>,
}

/// What a run's facts are made from.
pub struct Material<'a> {
    /// What the processes told.
    pub traces: &'a [Trace],
    /// The map before the run.
    pub map: &'a Map,
    /// The tree before the run.
    pub present: &'a mut Present,
    /// The tree after it; paths that differ cannot be vouched for.
    pub after: Option<&'a Tree>,
    /// What a second pass in reverse order showed.
    pub deep: Option<&'a Deep<'a>>,
    /// What a run of our own showed.
    pub apart: Option<&'a Apart>,
}

/// A second pass and what it showed.
#[derive(Debug)]
pub struct Deep<'a> {
    /// The run.
    pub run: &'a str,
    /// What its processes told.
    pub traces: &'a [Trace],
    /// How its tests ended.
    pub results: &'a [TestResult],
    /// What moved, by variant.
    pub moves: BTreeMap<String, Moves>,
}

impl Deep<'_> {
    /// How tests ended that pass in reverse order only: what is known of them is the second pass's.
    fn results_of_its_own(&self) -> Vec<TestResult> {
        let dependent = |result: &&TestResult| {
            self.moves.get(&result.variant).is_some_and(|moves| moves.dependent.contains(&result.test))
        };
        self.results.iter().filter(dependent).filter(|result| result.outcome.vouches()).cloned().collect()
    }
}

/// What the processes of a run told their runners' adapters.
#[must_use]
pub fn traces_of_all(settings: &Settings, runners: &Runners, folder: &Path) -> Vec<Trace> {
    runners.iter().flat_map(|runner| runner.traces(folder, place(settings))).collect()
}

/// What the processes of a run told, with what the file tracer saw. The tracer's folder is gone afterwards.
#[must_use]
pub fn traces_of(settings: &Settings, folder: &RunFolder, runners: &Runners, present: Option<&Present>) -> Vec<Trace> {
    let traces = traces_of_all(settings, runners, &folder.path);
    let trace = folder.read(TRACE).map(|bytes| PathBuf::from(OsString::from_vec(bytes)));
    let seen = trace.as_ref().and_then(|trace| tracer::touches(trace));
    if let Some(trace) = &trace {
        tracer::remove(trace);
    }
    let roots: Vec<String> = settings.roots().iter().map(|root| root.to_string_lossy().into_owned()).collect();
    let none = Tree::default();
    let tree = present.map_or(&none, Present::tree);
    let exclude = disk::virtual_environments(&settings.root, tree);
    attribute(traces, seen.as_ref(), Places { roots: &roots, exclude: &exclude, tree })
}

/// Puts the traces right: programs that policy calls inert make nothing opaque.
pub fn forgive_inert_programs(traces: &mut [Trace], programs: &[String]) {
    let is_inert = |what: &String| {
        let program = what.rsplit(' ').next().unwrap_or_default();
        programs.iter().any(|inert| inert == program)
    };
    for window in traces.iter_mut().flat_map(|trace| &mut trace.windows) {
        window.opaque.retain(|what| !is_inert(what));
    }
}

/// Adds how the project is built, for runners that know. Where that cannot be found out, nothing is known of the tests.
pub fn add_units(
    settings: &Settings,
    runners: &Runners,
    folder: &RunFolder,
    present: &mut Present,
    traces: &mut [Trace],
) {
    for trace in traces {
        let of = trace.session.as_ref().map(|session| session.runner.as_str());
        let Some(runner) = runners.iter().find(|runner| Some(runner.name()) == of) else { continue };
        let is_idle = |path: &str| is_idle(path, &settings.policy.inert);
        let built = Built { tree: present.tree(), is_idle: &is_idle, trace };
        match runner.units(&folder.path, place(settings), built) {
            Ok(units) if units.is_empty() => {}
            Ok(mut units) => {
                let outside = present.outside();
                let everything = units.entry(String::new()).or_default();
                everything.files.extend(outside.files);
                everything.targets.extend(outside.targets);
                trace.units = units;
            }
            Err(why) => trace.unhealthy.push(why),
        }
    }
}

/// Adds to every window that read or listed through a link what the link leads to, and the link itself.
pub fn follow_links(traces: &mut [Trace], root: &Path, tree: &Tree) {
    let Ok(root) = root.canonicalize() else { return };
    let real = |path: &str| {
        let real = root.join(path).canonicalize().ok()?;
        let inside = real.strip_prefix(&root).ok()?.to_str()?.to_owned();
        (inside != path).then_some(inside)
    };
    let is_link = |path: &str| tree.entries.get(path).is_some_and(|entry| entry.mode == Mode::Link);
    let above = |path: &str| -> Vec<String> {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        folders.filter(|path| is_link(path)).map(str::to_owned).collect()
    };
    let links = |path: &str| above(path).into_iter().chain(is_link(path).then(|| path.to_owned())).collect::<Vec<_>>();
    for (by_module, window) in traces.iter_mut().flat_map(|trace| {
        let by_module = trace.collector == BY_MODULE;
        trace.windows.iter_mut().map(move |window| (by_module, window))
    }) {
        let lists: Vec<String> = window.lists.iter().filter_map(|path| real(path)).collect();
        let is_plain = |path: &&String| tree.entries.get(*path).is_some_and(|entry| entry.mode != Mode::Link);
        let through: Vec<String> = window.reads.iter().filter(|path| !is_plain(path)).cloned().collect();
        // Where modules were looked for is told window by window: what the process asked for on their behalf says no more.
        let is_told = by_module && window.kind == WindowKind::Process;
        let asked = window.probed.iter().filter(|path| !is_told && !is_plain(path)).chain(&window.places);
        let asked: Vec<String> = asked.cloned().collect();
        let opened = window.lists.iter().chain(&through).flat_map(|path| links(path));
        // Whoever only asks for a link gets its text: an edge of its own.
        let passed: Vec<String> = opened.chain(asked.iter().flat_map(|path| above(path))).collect();
        window.reads.extend(passed);
        window.reads.extend(through.iter().filter_map(|path| real(path)));
        let places = &window.places;
        let really: Vec<String> =
            asked.iter().filter(|path| !places.contains(*path)).filter_map(|path| real(path)).collect();
        window.probed.extend(really);
        window.lists.extend(lists);
    }
}

/// Sets, footprints and outputs of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edges {
    /// Sets that the map does not hold yet, included ones first.
    pub sets: Vec<EdgeSet>,
    /// Footprints.
    pub footprints: Vec<Footprint>,
    /// Paths that the run itself wrote.
    pub outputs: BTreeSet<String>,
    /// What came of it.
    pub recording: Recording,
}

/// Works out the edges that the traces show.
#[must_use]
pub fn edges(material: &mut Material<'_>, tests: &[TestResult]) -> Edges {
    let mut found = Edges::default();
    let second = material.deep.map_or(&[][..], |deep| deep.traces);
    let mut outputs = outputs(material.traces.iter().chain(second), material.present.tree());
    outputs.extend(locks_made(material));
    let own = material.deep.map(Deep::results_of_its_own).unwrap_or_default();
    let second = second.iter().filter(|_| !own.is_empty()).map(|trace| (trace, own.as_slice()));
    let beside = material.apart.map(|apart| apart.results_beside(tests)).unwrap_or_default();
    let apart = material.apart.map_or(&[][..], |apart| &apart.traces).iter().map(|trace| (trace, beside.as_slice()));
    let mut bases: BTreeMap<Language, BTreeSet<Target>> = BTreeMap::new();
    for (trace, tests) in material.traces.iter().map(|trace| (trace, tests)).chain(second).chain(apart) {
        if !tells_edges(trace) {
            continue;
        }
        if let Some(what) = trace.unhealthy.first() {
            found.recording.trouble.get_or_insert_with(|| what.clone());
            continue;
        }
        let moves = material.deep.and_then(|deep| Some((deep.run, deep.moves.get(variant_of(trace))?)));
        let language = if trace.collector == BY_MODULE { Language::Script } else { Language::Python };
        let base = &*bases.entry(language).or_insert_with(|| material.present.base(language));
        let shapes = shapes(material.present, trace, moves.map(|(_, moves)| moves));
        let around = Surroundings {
            shapes: &shapes,
            base,
            tree_size: material.present.tree().entries.len(),
            has_other_names: !trace.types.is_empty() && has_other_names(material.present),
        };
        let mut drafted = draft(trace, tests, around);
        let mut before = remembered_before(material.map, variant_of(trace));
        if let Some((run, moves)) = moves {
            before.tests.retain(|test, _| !moves.both.contains(test));
            drafted.deepen(moves, &shapes, run);
        }
        drafted.remember(&before);
        let (sets, footprints) = seal(material, &drafted, &outputs);
        found.sets.extend(sets);
        found.footprints.extend(footprints);
    }
    let known: BTreeSet<Digest> = material.map.sets.iter().map(|set| set.id).collect();
    let mut seen = BTreeSet::new();
    found.sets.retain(|set| !known.contains(&set.id) && seen.insert(set.id));
    // Some have one by the crate and one by function.
    let tests: BTreeSet<&str> = found.footprints.iter().map(|footprint| footprint.test.as_str()).collect();
    found.recording.footprints = tests.len();
    found.outputs = outputs;
    found
}

/// Whether a compiler's configuration gives modules names that say nothing of where they are.
fn has_other_names(present: &Present) -> bool {
    let is_one = |path: &&String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_json = name.rsplit_once('.').is_some_and(|(_, ending)| ending == "json");
        is_json && (name.starts_with("tsconfig") || name.starts_with("jsconfig"))
    };
    let texts = present.tree().entries.keys().filter(is_one).filter_map(|path| present.text(path));
    texts.into_iter().any(|text| package_json::has_other_names(&String::from_utf8_lossy(&text)))
}

/// Whether a process recorded tests of its own.
fn tells_edges(trace: &Trace) -> bool {
    let listed_only = trace.session.as_ref().is_none_or(|session| session.collect_only);
    // A process that was to record and had nothing to record with says why.
    let recorded = !trace.collector.is_empty() && (trace.collector != "none" || !trace.unhealthy.is_empty());
    trace.worker != "controller" && recorded && !listed_only
}

fn shapes(present: &mut Present, trace: &Trace, moves: Option<&Moves>) -> BTreeMap<String, Shape> {
    let others: BTreeSet<&str> = moves.into_iter().flat_map(moved_sources).collect();
    let paths = sources(trace).into_iter().chain(others).filter(|path| super::present::is_source(path));
    paths.filter_map(|path| Some((path.to_owned(), present.shape(path)?.clone()))).collect()
}

/// Paths that the run itself made: not there before, and written before any window read them. A file of the project that a
/// test rewrites is still the project's: whoever touched it is not vouched for, as it changed meanwhile.
fn outputs<'a>(traces: impl IntoIterator<Item = &'a Trace>, before: &Tree) -> BTreeSet<String> {
    let mut outputs = BTreeSet::new();
    for trace in traces {
        let mut read: BTreeSet<&str> = BTreeSet::new();
        for window in &trace.windows {
            read.extend(window.reads.iter().filter(|path| !outputs.contains(*path)).map(String::as_str));
            let made =
                window.wrote.iter().filter(|path| !before.entries.contains_key(*path) && !read.contains(path.as_str()));
            outputs.extend(made.cloned());
        }
    }
    outputs
}

/// Lock files that cargo made in the run: they were not there before.
fn locks_made(material: &Material<'_>) -> Vec<String> {
    let built = material.traces.iter().any(|trace| !trace.units.is_empty());
    let after = material.after.into_iter().filter(|_| built).flat_map(|tree| tree.entries.keys());
    let is_lock = |path: &&String| path.rsplit('/').next() == Some("Cargo.lock");
    let before = &material.present.tree().entries;
    after.filter(is_lock).filter(|path| !before.contains_key(*path)).cloned().collect()
}

/// What earlier recordings found remembered by the process for each test: one pass may miss what another saw.
fn remembered_before(map: &Map, variant: &str) -> Before {
    let at = map.variants.iter().position(|row| row.id == variant);
    let tests = map.tests.iter().filter(|test| Some(test.variant as usize) == at);
    let with_memory = tests.filter_map(|test| Some((test, test.footprints.first()?.memory?)));
    let of_test: Vec<(&str, u32)> = with_memory.map(|(test, set)| (test.id.as_str(), set)).collect();
    let sets: BTreeSet<u32> = of_test.iter().map(|&(_, set)| set).collect();
    let place: BTreeMap<u32, usize> = sets.iter().enumerate().map(|(at, &set)| (set, at)).collect();
    let held: Vec<BTreeSet<u32>> = sets.into_iter().map(|set| map.held(set)).collect();
    let wanted: BTreeSet<u32> = held.iter().flatten().copied().collect();
    let target = |at: u32| map.edges.get(at as usize).map(|row| (at, map.target(row)));
    Before {
        targets: wanted.into_iter().filter_map(target).collect(),
        sets: held,
        tests: of_test.into_iter().map(|(test, set)| (test.to_owned(), place[&set])).collect(),
    }
}

/// Hashes the targets; one whose path changed while the tests ran gets none.
fn seal(material: &mut Material<'_>, drafted: &Draft, outputs: &BTreeSet<String>) -> (Vec<EdgeSet>, Vec<Footprint>) {
    let changed: BTreeSet<String> = material
        .after
        .map(|after| material.present.tree().changed_paths(after).into_iter().map(str::to_owned).collect())
        .unwrap_or_default();
    let mut hash_of = |target: &Target| {
        let about_content = matches!(target.kind, EdgeKind::Ran | EdgeKind::Loaded | EdgeKind::Read);
        let no_say = material.present.has_no_say(target.kind, &target.path);
        let has_changed = about_content && changed.contains(&target.path) && !outputs.contains(&target.path);
        (!has_changed || no_say).then(|| material.present.digest(target))
    };
    drafted.seal(&mut hash_of, outputs)
}

/// One row a reason, with the tests that it names as a set known by its content.
#[must_use]
pub fn decision_rows(run: &str, decisions: &[Decision]) -> Vec<DecisionRow> {
    type Key<'a> = (&'a str, &'static str, &'static str, Option<&'static str>, Vec<String>);
    let mut groups: BTreeMap<Key<'_>, Vec<&str>> = BTreeMap::new();
    for decision in decisions {
        let evidence = decision.evidence.iter().take(3).map(ToString::to_string).collect();
        let otherwise = decision.otherwise.map(Reason::code);
        let key = (decision.variant.as_str(), decision.verdict.words(), decision.reason.code(), otherwise, evidence);
        groups.entry(key).or_default().push(&decision.test);
    }
    let mut rows = Vec::new();
    let mut sets = BTreeSet::new();
    for ((variant, verdict, reason, otherwise, evidence), tests) in groups {
        let set = Digest::of_parts(tests.iter().map(|test| test.as_bytes()));
        if sets.insert(set) {
            let ids = tests.iter().map(|test| (*test).to_owned()).collect();
            rows.push(DecisionRow { v: VERSION, run: run.to_owned(), set: Some(set), ids, ..DecisionRow::default() });
        }
        rows.push(DecisionRow {
            v: VERSION,
            run: run.to_owned(),
            variant: Some(variant.to_owned()),
            verdict: Some(verdict.to_owned()),
            reason: Some(reason.to_owned()),
            otherwise: otherwise.map(str::to_owned),
            evidence,
            tests: Some(set),
            count: Some(tests.len() as u64),
            ..DecisionRow::default()
        });
    }
    rows
}

/// All facts of a run.
#[must_use]
pub fn facts(
    run: RunRow,
    traces: &[Trace],
    tests: &[TestResult],
    decisions: Vec<DecisionRow>,
    edges: Edges,
    tree: &Tree,
) -> Facts {
    let outcomes = tests.iter().map(|result| OutcomeRow {
        v: VERSION,
        run: run.run.clone(),
        at: run.started.clone(),
        test: result.test.clone(),
        variant: result.variant.clone(),
        outcome: result.outcome,
        seconds: result.seconds,
        attempt: result.attempts,
        worker: result.worker.clone(),
    });
    Facts {
        outcomes: outcomes.collect(),
        decisions,
        events: variant_lines(traces),
        tree: (!edges.footprints.is_empty()).then(|| tree.clone()),
        outputs: edges.outputs.into_iter().collect(),
        sets: edges.sets,
        footprints: edges.footprints,
        run,
    }
}

fn variant_lines(traces: &[Trace]) -> Vec<EventLine> {
    let sessions = traces.iter().filter_map(|trace| trace.session.as_ref());
    let lines: BTreeMap<&str, EventLine> = sessions
        .map(|session| {
            let line = EventLine::Variant {
                v: VERSION,
                id: session.variant.clone(),
                inputs: session.inputs.clone(),
                configuration: session.configuration.clone(),
            };
            (session.variant.as_str(), line)
        })
        .collect();
    lines.into_values().collect()
}

/// One result for every test that ran.
#[must_use]
pub fn test_results(traces: &[Trace]) -> Vec<TestResult> {
    results(traces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tree::Entry;
    use crate::model::window::Window;

    #[test]
    fn only_what_was_not_there_and_nobody_read_before_is_the_runs_own() {
        let mut reader = Window::new(WindowKind::Test, "reads", 1);
        reader.reads = ["config.json", "ignored.db"].map(str::to_owned).into();
        let mut writer = Window::new(WindowKind::Test, "writes", 2);
        writer.wrote = ["config.json", "ignored.db", "out.txt"].map(str::to_owned).into();
        let entry = Entry { mode: Mode::File, content: Digest(1) };
        let before = Tree { entries: [("config.json".to_owned(), entry)].into(), ..Tree::default() };
        let trace = Trace { windows: vec![reader, writer], ..Trace::default() };
        assert_eq!(outputs(&[trace], &before), BTreeSet::from(["out.txt".to_owned()]));
    }
}
