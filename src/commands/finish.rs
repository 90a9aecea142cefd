//! After the user's command: read what its processes told, keep the facts, say what happened.

use std::collections::BTreeSet;
use std::io::Write;

use crate::bridges::process::Ending;
use crate::bridges::runners::Runner;
use crate::bridges::workspace::{self, RunFolder};
use crate::formats::junit;
use crate::formats::segment_v1::{EventLine, RunRow, VERSION};
use crate::ledger::facts::{self as stored, Facts};
use crate::ledger::map;
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::outcome::TestResult;
use crate::model::plan::{Decision, Verdict};
use crate::model::reason::Reason;
use crate::model::window::Trace;
use crate::report::summary::{self, RunSummary};

use super::facts::{Edges, Material, decision_rows, edges, facts, forgive_inert_programs, test_results};
use super::gather::{Gathered, read_tree};
use super::launch;
use super::run::{Context, warn};

/// How the command ended.
pub struct Finished {
    /// The run's folder.
    pub folder: RunFolder,
    /// How it ended.
    pub ending: Ending,
    /// How long it took.
    pub seconds: f64,
}

/// Reads, keeps and tells. Nothing here can change how the command ended.
pub fn after_runner(
    context: &Context<'_>,
    mut gathered: Gathered,
    runner: &dyn Runner,
    finished: &Finished,
    talk: &mut dyn Write,
) {
    let settings = context.settings;
    let mut traces = runner.traces(&finished.folder.path);
    forgive_inert_programs(&mut traces, &settings.policy.inert_programs);
    let mut warnings = std::mem::take(&mut gathered.warnings);
    warnings.extend(hello_trouble(context, runner, &traces));
    let results = test_results(&traces);
    let edges = recorded_edges(context, &mut gathered, &traces, &results);
    warnings.extend(edges.recording.trouble.iter().map(|why| format!("this run's recording is not used: {why}")));
    let footprints = edges.recording.footprints;
    let started: BTreeSet<String> = traces.iter().flat_map(|trace| trace.started.iter().cloned()).collect();
    let told = tell(context, &gathered, &traces, &results, finished, footprints);
    if let Err(failure) = keep(context, &mut gathered, runner, &traces, &results, edges, finished, &started) {
        warnings.push(format!("{failure}; this run's facts are lost"));
    }
    if let Err(failure) = write_junit(context, &gathered, &traces, &results) {
        warnings.insert(0, failure.to_string());
    }
    warn(settings, talk, &warnings);
    if !settings.quiet && !traces.is_empty() {
        for line in told.into_iter().chain(context.record_note.clone()) {
            let _ = writeln!(talk, "titer: {line}");
        }
    }
    finished.folder.remove();
}

/// The runner was not needed: every test that it would collect is left out.
#[must_use]
pub fn without_runner(context: &Context<'_>, gathered: &Gathered, collected: &[String], talk: &mut dyn Write) -> Ending {
    let settings = context.settings;
    let mut warnings = gathered.warnings.clone();
    let run = run_row(context, gathered, "pytest", 0, 0.0, 0, collected.len());
    let decisions = decision_rows(&context.id, &gathered.plan, &BTreeSet::new());
    if let (Some(store), Some(present)) = (&gathered.store, &gathered.present) {
        let facts = facts(run, &[], &[], decisions, Edges::default(), present.tree());
        if let Err(failure) = stored::commit(store, &facts, gathered.map.position) {
            warnings.push(format!("{failure}; this run's facts are lost"));
        }
    }
    let decisions = gathered.plan.decisions.iter();
    if let Some(file) = &context.request.junit
        && let Err(error) = workspace::write_file(&settings.folder.join(file), &junit::write(&[], decisions))
    {
        warnings.insert(0, format!("--junit {} cannot be written: {error}", file.display()));
    }
    warn(settings, talk, &warnings);
    if !settings.quiet {
        let number = summary::count(collected.len());
        let _ = writeln!(talk, "titer: nothing to run: nothing you changed can break any of the {number} tests");
    }
    Ending::Code(0)
}

fn hello_trouble(context: &Context<'_>, runner: &dyn Runner, traces: &[Trace]) -> Option<String> {
    let program = context.request.command.first().map_or("", String::as_str);
    let sessions = traces.iter().filter(|trace| trace.session.is_some()).count();
    if traces.is_empty() {
        return Some(format!("no {} in this command said hello to titer; {program} ran whole", runner.name()));
    }
    if sessions == 0 && traces.iter().all(|trace| trace.phases.is_empty()) {
        return traces.iter().find_map(|trace| trace.unhealthy.first()).map(|why| format!("{why}; {program} ran whole"));
    }
    None
}

fn recorded_edges(context: &Context<'_>, gathered: &mut Gathered, traces: &[Trace], results: &[TestResult]) -> Edges {
    let Gathered { map, present: Some(present), .. } = gathered else { return Edges::default() };
    if !context.record {
        return Edges::default();
    }
    let after = read_tree(context.settings).ok();
    edges(&mut Material { traces, map, present, after: after.as_ref() }, results)
}

#[allow(clippy::too_many_arguments, reason = "each is another fact of the same row")]
fn run_row(
    context: &Context<'_>,
    gathered: &Gathered,
    runner: &str,
    exit: i32,
    seconds: f64,
    ran: usize,
    left_out: usize,
) -> RunRow {
    let tree = gathered.present.as_ref().map(super::present::Present::tree);
    RunRow {
        v: VERSION,
        run: context.id.clone(),
        attempt: 1,
        shard: "1-1".to_owned(),
        started: context.started.clone(),
        seconds,
        runner: runner.to_owned(),
        command: context.request.command.clone(),
        cwd: context.settings.folder_from_root(),
        commit: tree.and_then(|tree| tree.commit.clone()),
        branch: tree.and_then(|tree| tree.branch.clone()),
        dirty: tree.is_some_and(|tree| tree.dirty),
        recorded: context.record,
        health: "ok".to_owned(),
        exit,
        titer: env!("CARGO_PKG_VERSION").to_owned(),
        tests_run: ran as u64,
        tests_left_out: left_out as u64,
        inventory: tree.map(crate::model::tree::Tree::digest).unwrap_or_default(),
    }
}

#[allow(clippy::too_many_arguments, reason = "the facts of a run come from many places")]
fn keep(
    context: &Context<'_>,
    gathered: &mut Gathered,
    runner: &dyn Runner,
    traces: &[Trace],
    results: &[TestResult],
    edges: Edges,
    finished: &Finished,
    started: &BTreeSet<String>,
) -> Result<(), Failure> {
    let (exit, left_out) = (exit_code(finished.ending), left_out_ids(gathered, traces).len());
    let mut run = run_row(context, gathered, runner.name(), exit, finished.seconds, started.len(), left_out);
    run.health = edges.recording.trouble.clone().unwrap_or(run.health);
    let decisions = decision_rows(&context.id, &gathered.plan, started);
    let (Some(store), Some(present)) = (&gathered.store, gathered.present.as_mut()) else { return Ok(()) };
    let inventory = run.inventory;
    let recorded = !edges.footprints.is_empty();
    let mut facts: Facts = facts(run, traces, results, decisions, edges, present.tree());
    if recorded {
        facts.events.extend(launch_lines(context, traces, inventory, finished.ending));
        // The next plan compares files by meaning: it must not have to parse what has not changed.
        present.learn_all_shapes();
    }
    let position = stored::commit(store, &facts, gathered.map.position)?;
    let shapes: Vec<_> = present.known_shapes().iter().map(|(content, shape)| (*content, shape.clone())).collect();
    map::catch_up(store, &mut gathered.map)?;
    if gathered.map.position >= position {
        map::remember_shapes(&mut gathered.map, shapes);
        map::save(store, &gathered.map)?;
    }
    Ok(())
}

fn exit_code(ending: Ending) -> i32 {
    match ending {
        Ending::Code(code) => code,
        Ending::Signal(signal) => 128 + signal,
    }
}

/// What lets a later run do without the runner: only a run that came to its end, of one runner call, with exit code 0.
fn launch_lines(context: &Context<'_>, traces: &[Trace], inventory: Digest, ending: Ending) -> Option<EventLine> {
    let callers: Vec<&Trace> = traces.iter().filter(|t| t.worker.is_empty() || t.worker == "controller").collect();
    let [trace] = callers.as_slice() else { return None };
    let session = trace.session.as_ref()?;
    let collected = traces.iter().find_map(|trace| trace.collected.clone())?;
    if ending != Ending::Code(0) || trace.exit.is_none() || session.collect_only || session.whole.is_some() {
        return None;
    }
    let command = &context.request.command;
    Some(EventLine::Launch {
        v: VERSION,
        run: context.id.clone(),
        key: launch::key(context.settings, command, &session.interpreter, &session.sites)?,
        command: command.clone(),
        folder: context.settings.folder_from_root(),
        interpreter: session.interpreter.clone(),
        sites: session.sites.clone(),
        variant: session.variant.clone(),
        collected,
        writes: session.writes,
        inventory,
    })
}

/// Decisions about the variants that came up, less the tests that ran all the same.
fn decisions_of<'a>(gathered: &'a Gathered, traces: &'a [Trace]) -> impl Iterator<Item = &'a Decision> {
    let variants: BTreeSet<&str> =
        traces.iter().filter_map(|t| t.session.as_ref()).map(|session| session.variant.as_str()).collect();
    gathered.plan.decisions.iter().filter(move |decision| variants.contains(decision.variant.as_str()))
}

/// Tests that the runner collected and left out on our word.
fn left_out_ids<'a>(gathered: &'a Gathered, traces: &'a [Trace]) -> Vec<&'a Decision> {
    let collected: BTreeSet<&str> =
        traces.iter().flat_map(|trace| trace.collected.iter().flatten()).map(String::as_str).collect();
    let started: BTreeSet<&str> = traces.iter().flat_map(|trace| &trace.started).map(String::as_str).collect();
    let whole = traces.iter().filter_map(|t| t.session.as_ref()).any(|s| s.whole.is_some() || s.collect_only);
    decisions_of(gathered, traces)
        .filter(|decision| decision.verdict == Verdict::LeftOut && !whole)
        .filter(|decision| collected.contains(decision.test.as_str()) && !started.contains(decision.test.as_str()))
        .collect()
}

fn tell(
    context: &Context<'_>,
    gathered: &Gathered,
    traces: &[Trace],
    results: &[TestResult],
    finished: &Finished,
    footprints: usize,
) -> Vec<String> {
    let started: BTreeSet<&str> = traces.iter().flat_map(|trace| &trace.started).map(String::as_str).collect();
    let left_out = left_out_ids(gathered, traces);
    let known: BTreeSet<&str> = decisions_of(gathered, traces).map(|decision| decision.test.as_str()).collect();
    let ran = decisions_of(gathered, traces).filter(|decision| started.contains(decision.test.as_str()));
    let mut reasons = summary::reasons(ran);
    let new = started.iter().filter(|test| !known.contains(**test)).count();
    if new > 0 {
        reasons.push((Reason::NewTest, new, String::new()));
    }
    let took: std::collections::BTreeMap<&str, f64> =
        gathered.map.tests.iter().map(|test| (test.id.as_str(), test.seconds)).collect();
    let saved = left_out.iter().filter_map(|decision| took.get(decision.test.as_str())).sum();
    let sessions: Vec<_> = traces.iter().filter_map(|trace| trace.session.as_ref()).collect();
    let recording = match (context.record, footprints) {
        (true, 0) => String::new(),
        (true, number) => format!("recorded what {} of them depend on", summary::count(number)),
        (false, _) => String::new(),
    };
    summary::lines(&RunSummary {
        ran: started.len(),
        left_out: left_out.len(),
        seconds: finished.seconds,
        saved,
        failed: results.iter().filter(|result| !result.outcome.vouches()).count(),
        reasons,
        whole: sessions.iter().find_map(|session| session.whole.as_deref()),
        recording,
        partial_coverage: false,
    })
}

fn write_junit(
    context: &Context<'_>,
    gathered: &Gathered,
    traces: &[Trace],
    results: &[TestResult],
) -> Result<(), Failure> {
    let Some(file) = &context.request.junit else { return Ok(()) };
    let bytes = junit::write(results, left_out_ids(gathered, traces).into_iter());
    let written = workspace::write_file(&context.settings.folder.join(file), &bytes);
    written.map_err(|error| Failure::world(format!("--junit {} cannot be written", file.display())).because(error))
}
