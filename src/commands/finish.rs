//! After the user's command: read what its processes told, keep the facts, say what happened.

use std::collections::BTreeSet;
use std::io::Write;

use crate::bridges::process::Ending;
use crate::bridges::runners;
use crate::bridges::workspace::{self, RunFolder};
use crate::decide::orders::compare;
use crate::decide::outcomes::variant_of;
use crate::decide::selection::Scope;
use crate::decide::settle::{gone, is_caller, settle};
use crate::formats::junit;
use crate::formats::segment_v1::{EventLine, RunRow, VERSION};
use crate::ledger::facts::{self as stored, Facts};
use crate::ledger::map;
use crate::model::digest::Digest;
use crate::model::edge::{EdgeKind, Target};
use crate::model::failure::Failure;
use crate::model::outcome::TestResult;
use crate::model::plan::{Decision, Plan, Verdict};
use crate::model::reason::Reason;
use crate::model::tree::Tree;
use crate::model::window::Trace;
use crate::report::summary::{self, RunSummary, SecondPass, WhyLeftOut};

use super::apart::Apart;
use super::budget;
use super::facts::{
    Deep, Edges, Material, add_units, decision_rows, edges, facts, follow_links, forgive_inert_programs, test_results,
    traces_of,
};
use super::gather::{Gathered, read_tree};
use super::home;
use super::launch;
use super::run::{Context, Runners, names, warn};
use super::second::Second;
use super::shards;

/// How the command ended.
pub struct Finished {
    /// The run's folder.
    pub folder: RunFolder,
    /// How it ended.
    pub ending: Ending,
    /// How long it took.
    pub seconds: f64,
}

/// What titer ran after the user's own run.
#[derive(Debug, Default)]
pub struct OnceMore {
    /// The second pass in reverse order.
    pub second: Option<Second>,
    /// A run that records which functions run.
    pub apart: Apart,
}

/// What a run came to.
struct CameTo<'a> {
    traces: &'a [Trace],
    settled: &'a [Decision],
    results: &'a [TestResult],
    finished: &'a Finished,
    footprints: usize,
    /// Whether other shards run what is left to them.
    is_shard: bool,
}

impl CameTo<'_> {
    fn count(&self, verdict: Verdict, reason: Option<Reason>) -> usize {
        let alike = |d: &&Decision| d.verdict == verdict && reason.is_none_or(|reason| d.reason == reason);
        self.settled.iter().filter(alike).count()
    }

    /// Tests that the runner would have run without us.
    fn left_out(&self) -> impl Iterator<Item = &Decision> {
        let is_anothers = |d: &Decision| self.is_shard && d.reason == Reason::OtherShard;
        let ours = move |d: &&Decision| {
            let never = d.reason == Reason::FilteredByUser || d.reason == Reason::NotReached;
            d.verdict == Verdict::LeftOut && !never && !is_anothers(d)
        };
        self.settled.iter().filter(ours)
    }
}

/// Reads, keeps and tells. Nothing here can change how the command ended.
pub fn after_runner(
    context: &Context<'_>,
    mut gathered: Gathered,
    runners: &Runners,
    finished: &Finished,
    more: OnceMore,
    talk: &mut dyn Write,
) {
    let settings = context.settings;
    let (traces, after) = std::thread::scope(|scope| {
        // Git and what the processes told have nothing to do with each other.
        let reading = context.record.then(|| scope.spawn(|| read_tree(settings).ok()));
        let traces = traces_of(settings, &finished.folder, runners, gathered.present.as_ref());
        (traces, reading.and_then(|reading| reading.join().ok().flatten()))
    });
    let traces = put_right(context, &mut gathered, runners, &finished.folder, traces);
    let OnceMore { second, mut apart } = more;
    let second = second
        .map(|second| (second.seconds, put_right(context, &mut gathered, runners, &finished.folder, second.traces)));
    if let Some(folder) = apart.folder.take() {
        apart.traces = put_right(context, &mut gathered, runners, &folder, apart.traces);
        folder.remove();
    }
    let mut warnings = std::mem::take(&mut gathered.warnings);
    warnings.extend(hello_trouble(context, runners, &traces));
    let results = test_results(&traces);
    let second = second.as_ref().map(|(seconds, traces)| (*seconds, traces, test_results(traces)));
    let deep = second.as_ref().map(|(_, others, other_results)| Deep {
        run: &context.id,
        traces: others,
        results: other_results,
        moves: compare((&traces, &results), (others, other_results)),
    });
    let edges = recorded_edges(context, &mut gathered, (&traces, after.as_ref()), &results, (deep.as_ref(), &apart));
    warnings.extend(edges.recording.trouble.iter().map(|why| format!("this run's recording is not used: {why}")));
    let mut units = traces.iter().chain(&apart.traces).flat_map(|trace| trace.units.values());
    warnings.extend(units.find_map(|unit| unit.stale.as_ref()).map(|why| {
        format!("{why}: what its tests showed is not recorded (`touch` the file, or remove the target folder)")
    }));
    let footprints = edges.recording.footprints;
    let settled = settle(&gathered.plan, &traces, &|test| runners::sort_of(test).by_file);
    let is_shard = context.request.wish.shard.is_some();
    let came_to = CameTo { traces: &traces, settled: &settled, results: &results, finished, footprints, is_shard };
    let mut told = tell(context, &gathered, &came_to);
    told.extend(shards::told(&gathered, &settled));
    if let (Some((seconds, ..)), Some(deep)) = (&second, &deep) {
        told.extend(tell_second(*seconds, deep));
    }
    if let Err(failure) = keep(context, &mut gathered, runners, &came_to, edges) {
        warnings.push(format!("{failure}; this run's facts are lost"));
    }
    if let Err(failure) = write_junit(context, &came_to) {
        warnings.insert(0, failure.to_string());
    }
    warn(settings, talk, &warnings);
    if !settings.quiet && traces.iter().any(|trace| trace.collected.is_some()) {
        for line in told.into_iter().chain(doubt(&traces)).chain(context.record_note.clone()) {
            let _ = writeln!(talk, "titer: {line}");
        }
    }
    finished.folder.remove();
}

/// The runner was not needed: every test that it would collect is left out.
#[must_use]
pub fn without_runner(
    context: &Context<'_>,
    gathered: &Gathered,
    runner: &str,
    collected: &[String],
    talk: &mut dyn Write,
) -> Ending {
    let settings = context.settings;
    let mut warnings = gathered.warnings.clone();
    let own = shards::own(gathered, collected);
    let run = run_row(context, gathered, runner, 0, 0.0, 0, own.len());
    let decisions = decision_rows(&context.id, &gathered.plan.decisions);
    if let (Some(store), Some(present)) = (&gathered.store, &gathered.present) {
        let mut facts = facts(run, &[], &[], decisions, Edges::default(), present.tree());
        facts.events.extend(home::lines(settings, context.record, gathered));
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
        let mut told = BTreeSet::new();
        let of_them = gathered.plan.decisions.iter().filter(|it| own.contains(it.test.as_str()));
        let why = WhyLeftOut::of(of_them.filter(|it| told.insert(it.test.as_str())));
        let why =
            if own.is_empty() { "no test is this shard's".to_owned() } else { summary::nothing_to_run(own.len(), why) };
        let _ = writeln!(talk, "titer: nothing to run: {why}");
        if let Some(line) = shards::told(gathered, &gathered.plan.decisions) {
            let _ = writeln!(talk, "titer: {line}");
        }
    }
    Ending::Code(0)
}

/// Says that the runner failed of what is no test.
fn doubt(traces: &[Trace]) -> Option<String> {
    let again: BTreeSet<&String> = traces.iter().flat_map(|trace| &trace.again).collect();
    let number = summary::count(again.len());
    (!again.is_empty()).then(|| {
        format!("the runner failed, or may fail, of something that is no test: {number} tests run again next time")
    })
}

fn hello_trouble(context: &Context<'_>, runners: &Runners, traces: &[Trace]) -> Option<String> {
    let program = context.request.command.first().map_or("", String::as_str);
    let sessions = traces.iter().filter(|trace| trace.session.is_some()).count();
    if traces.is_empty() {
        let names = runners.iter().map(|runner| runner.name()).collect::<Vec<_>>().join(" or ");
        return Some(format!("no {names} in this command said hello to titer; {program} ran whole"));
    }
    if sessions == 0 && traces.iter().all(|trace| trace.phases.is_empty()) {
        return traces
            .iter()
            .find_map(|trace| trace.unhealthy.first())
            .map(|why| format!("{why}; {program} ran whole"));
    }
    None
}

fn put_right(
    context: &Context<'_>,
    gathered: &mut Gathered,
    runners: &Runners,
    folder: &RunFolder,
    mut traces: Vec<Trace>,
) -> Vec<Trace> {
    forgive_inert_programs(&mut traces, &context.settings.policy.inert_programs);
    if let Some(present) = gathered.present.as_mut() {
        follow_links(&mut traces, &context.settings.root, present.tree());
        if context.record {
            add_units(context.settings, runners, folder, present, &mut traces);
        }
    }
    traces
}

fn recorded_edges(
    context: &Context<'_>,
    gathered: &mut Gathered,
    (traces, after): (&[Trace], Option<&Tree>),
    results: &[TestResult],
    (deep, apart): (Option<&Deep<'_>>, &Apart),
) -> Edges {
    let Gathered { map, present: Some(present), .. } = gathered else { return Edges::default() };
    if !context.record {
        return Edges::default();
    }
    edges(&mut Material { traces, map, present, after, deep, apart: Some(apart) }, results)
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
    let shards::Names { shard, attempt, ci_run } = shards::names(context.settings, context.request, Some(gathered));
    RunRow {
        v: VERSION,
        run: context.id.clone(),
        attempt,
        shard,
        ci_run,
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
        inventory: tree.map(Tree::digest).unwrap_or_default(),
        suite: (context.request.all == Some(Scope::Both)).then(|| "weekly".to_owned()),
    }
}

fn keep(
    context: &Context<'_>,
    gathered: &mut Gathered,
    runners: &Runners,
    came_to: &CameTo<'_>,
    edges: Edges,
) -> Result<(), Failure> {
    let (ran, left_out) = (came_to.count(Verdict::Run, None), came_to.left_out().count());
    let (exit, seconds) = (exit_code(came_to.finished.ending), came_to.finished.seconds);
    let mut run = run_row(context, gathered, &names(runners), exit, seconds, ran, left_out);
    let trouble = edges.recording.trouble.clone().or_else(|| hello_trouble(context, runners, came_to.traces));
    run.health = trouble.unwrap_or(run.health);
    let decisions = decision_rows(&context.id, came_to.settled);
    let narrowed = context.request.command.iter().any(|word| narrows(word));
    let mut gone = if narrowed { Vec::new() } else { gone_lines(&gathered.plan, came_to.traces) };
    gone.extend(again_lines(came_to.traces));
    gone.extend(home::lines(context.settings, context.record, gathered));
    let (Some(store), Some(present)) = (&gathered.store, gathered.present.as_mut()) else { return Ok(()) };
    let inventory = run.inventory;
    let recorded = !edges.footprints.is_empty();

    let mut facts: Facts = facts(run, came_to.traces, came_to.results, decisions, edges, present.tree());
    facts.events.extend(gone);
    if recorded {
        // Where the runner shares out by itself, nobody knows all that it would collect.
        if gathered.plan.share.as_ref().is_none_or(|share| !share.by_runner) {
            facts.events.extend(launch_lines(context, runners, (came_to.traces, came_to.finished.ending), inventory));
        }
        // The next plan compares files by meaning: it must not have to parse what has not changed.
        present.learn_all_shapes();
    }
    let (position, read) = stored::commit(store, &facts, gathered.map.position)?;
    let shapes: Vec<_> = present.known_shapes().iter().map(|(content, shape)| (*content, shape.clone())).collect();
    map::catch_up_with(store, &mut gathered.map, position, &read)?;
    if gathered.map.position >= position {
        map::remember_shapes(&mut gathered.map, shapes);
        map::save(store, &gathered.map)?;
    }
    Ok(())
}

/// Whether a word of the command may keep tests of a collected file out without the runner calling them deselected.
fn narrows(word: &str) -> bool {
    let options = ["--lf", "--last-failed", "--sw", "--stepwise", "--deselect", "--ff", "--nf", "-k"];
    word.contains("::") || options.iter().any(|option| word.starts_with(option))
}

fn gone_lines(plan: &Plan, traces: &[Trace]) -> Vec<EventLine> {
    let lists = traces.iter().filter(|trace| trace.session.is_some()).map(|trace| (trace, gone(plan, trace)));
    let line = |trace: &Trace, tests| EventLine::Gone { v: VERSION, variant: variant_of(trace).to_owned(), tests };
    lists.filter(|(_, tests)| !tests.is_empty()).map(|(trace, tests)| line(trace, tests)).collect()
}

/// Tests that must run again are forgotten: how they ended stays written, and nothing vouches for them.
fn again_lines(traces: &[Trace]) -> Vec<EventLine> {
    let unsound = traces.iter().filter(|trace| !trace.again.is_empty());
    let tests = |trace: &Trace| trace.again.iter().cloned().collect();
    let line =
        |trace: &Trace| EventLine::Gone { v: VERSION, variant: variant_of(trace).to_owned(), tests: tests(trace) };
    unsound.map(line).collect()
}

fn exit_code(ending: Ending) -> i32 {
    match ending {
        Ending::Code(code) => code,
        Ending::Signal(signal) => 128 + signal,
    }
}

/// What lets a later run do without the runner: only a run that came to its end, of one runner call, with exit code 0. Calls that
/// something else made are kept by their own command lines.
fn launch_lines(
    context: &Context<'_>,
    runners: &Runners,
    (traces, ending): (&[Trace], Ending),
    inventory: Digest,
) -> Vec<EventLine> {
    let callers: Vec<&Trace> = traces.iter().filter(|trace| is_caller(trace)).collect();
    let collected = traces.iter().find_map(|trace| trace.collected.clone());
    let mut lines = Vec::new();
    for trace in callers.iter().filter(|_| ending == Ending::Code(0)) {
        let Some(session) = trace.session.as_ref().filter(|_| trace.exit.is_some()) else { continue };
        if session.collect_only || session.whole.is_some() || (session.call.is_none() && callers.len() > 1) {
            continue;
        }
        let own = || (context.request.command.clone(), context.settings.folder_from_root());
        let (command, folder) = session.call.clone().unwrap_or_else(own);
        let collected = if session.call.is_some() { trace.collected.clone() } else { collected.clone() };
        let runner = runners.iter().find(|runner| session.runner.is_empty() || runner.name() == session.runner);
        let runner = runner.filter(|runner| !runner.is_always_started());
        let (Some(collected), Some(runner)) = (collected, runner) else { continue };
        let Some(key) = launch::key(context.settings, *runner, &command, &session.interpreter, &session.sites) else {
            continue;
        };
        lines.push(EventLine::Launch {
            v: VERSION,
            run: context.id.clone(),
            key,
            command,
            folder,
            interpreter: session.interpreter.clone(),
            sites: session.sites.clone(),
            variant: session.variant.clone(),
            collected,
            writes: session.writes,
            inventory,
        });
    }
    lines
}

fn tell(context: &Context<'_>, gathered: &Gathered, came_to: &CameTo<'_>) -> Vec<String> {
    let took: std::collections::BTreeMap<&str, f64> =
        gathered.map.tests.iter().map(|test| (test.id.as_str(), test.seconds)).collect();
    let recording = if context.record && came_to.footprints > 0 {
        format!("recorded what {} of them depend on", summary::count(came_to.footprints))
    } else {
        String::new()
    };
    let mut sessions = came_to.traces.iter().filter_map(|trace| trace.session.as_ref());
    summary::lines(&RunSummary {
        ran: came_to.count(Verdict::Run, None),
        left_out: came_to.left_out().count(),
        why: WhyLeftOut::of(came_to.left_out()),
        not_reached: came_to.count(Verdict::LeftOut, Some(Reason::NotReached)),
        seconds: came_to.finished.seconds,
        saved: came_to.left_out().filter_map(|decision| took.get(decision.test.as_str())).sum(),
        failed: came_to.results.iter().filter(|result| !result.outcome.vouches()).count(),
        reasons: summary::reasons(came_to.settled.iter()),
        whole: sessions.find_map(|session| session.whole.as_deref()),
        too_long: if context.request.all.is_some() {
            None
        } else {
            budget::too_long(
                context.settings,
                gathered,
                &context.request.wish,
                came_to.finished.seconds,
                came_to.settled,
            )
        },
        recording,
        partial_coverage: (came_to.is_shard || came_to.left_out().next().is_some())
            && came_to.traces.iter().filter_map(|t| t.session.as_ref()).any(|session| session.coverage),
    })
}

fn tell_second(seconds: f64, deep: &Deep<'_>) -> Vec<String> {
    let moved = || deep.moves.values().flat_map(|moves| &moves.moved);
    let codes: BTreeSet<_> = moved().flat_map(|moved| &moved.codes).collect();
    let is_there = |target: &&Target| matches!(target.kind, EdgeKind::Read | EdgeKind::Listed);
    let files: BTreeSet<_> = moved().flat_map(|moved| &moved.targets).filter(is_there).collect();
    let dependent: BTreeSet<&String> = deep.moves.values().flat_map(|moves| &moves.dependent).collect();
    summary::second_pass(&SecondPass {
        tests: deep.moves.values().map(|moves| moves.both.len()).sum(),
        seconds,
        functions: codes.len(),
        files: files.len(),
        dependent: dependent
            .into_iter()
            .map(|test| test.split_once("::").map_or(test.as_str(), |(_, own)| own))
            .collect(),
    })
}

fn write_junit(context: &Context<'_>, came_to: &CameTo<'_>) -> Result<(), Failure> {
    let Some(file) = &context.request.junit else { return Ok(()) };
    let bytes = junit::write(came_to.results, came_to.settled.iter());
    let written = workspace::write_file(&context.settings.folder.join(file), &bytes);
    written.map_err(|error| Failure::world(format!("--junit {} cannot be written", file.display())).because(error))
}
