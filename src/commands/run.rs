//! `titer run`: the user's own command, with what it need not run left out.
//!
//! Whatever fails on titer's side, the command runs whole, once, and its exit code comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::bridges::clock::{self, Stopwatch};
use crate::bridges::disk;
use crate::bridges::process::{self, Ending, Environment};
use crate::bridges::runners::{self, Entrance, Recognition, Runner};
use crate::bridges::tracer::{self, Tracer};
use crate::bridges::workspace::{self, RunFolder};
use crate::decide::selection::Ask;
use crate::formats::plan_v1::{self, PlanFile, Section};
use crate::formats::tables;
use crate::model::change::TableFile;
use crate::model::plan::{Plan, Verdict};
use crate::settings::forge::Place;
use crate::settings::{self, Settings};

use super::finish::{self, Finished};
use super::gather::{Gathered, Opening, gather};
use super::{launch, salvage, second};

/// The file in a run's folder that names the folder of its file tracer.
pub const TRACE: &str = "trace";

/// The folder in a run's folder that children of the runner meet first.
const CHILDREN: &str = "child";

/// What `titer run` was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The user's command.
    pub command: Vec<String>,
    /// `--record`, `--no-record`, or neither.
    pub record: Option<bool>,
    /// `--record=deep`: a second pass in reverse order.
    pub deep: bool,
    /// Leave nothing out.
    pub all: bool,
    /// `--junit FILE`
    pub junit: Option<PathBuf>,
}

/// What a run knows while the command runs.
pub struct Context<'a> {
    /// What was asked for everywhere.
    pub settings: &'a Settings,
    /// What was asked of this run.
    pub request: &'a Request,
    /// The run's id.
    pub id: String,
    /// When it began, as text.
    pub started: String,
    /// Whether it traces edges.
    pub record: bool,
    /// One line about recording, where there is something to say.
    pub record_note: Option<String>,
}

/// Runs the command; returns how it ended.
pub fn run(settings: &Settings, request: &Request, talk: &mut dyn Write) -> Ending {
    let Some(program) = request.command.first() else { return Ending::Code(2) };
    if process::find(program, &settings.folder, settings::raw_variable("PATH").as_ref()).is_none() {
        let _ = writeln!(talk, "titer: the command {program} is not found");
        return Ending::Code(127);
    }
    let cache = settings.ledger_cache();
    let settings = if workspace::is_writable(&cache) {
        settings.clone()
    } else {
        settings.with_cache(std::env::temp_dir().join("titer"))
    };
    let runners = runners::all();
    let recognised = runners.iter().find_map(|runner| Some((runner, runner.recognise(&request.command)?)));
    let (runner, trouble) = match recognised {
        Some((runner, Recognition::Runner | Recognition::Launcher)) => (Some(runner.as_ref()), None),
        Some((_, Recognition::ShutOut(why))) => (None, Some(format!("{why}; the command runs whole"))),
        None => (None, Some(format!("{program} is not a test runner that titer knows; it runs whole"))),
    };
    let shadow = runner.and_then(|runner| shadow_of_the_adapter(&settings, runner));
    if let (Some(runner), None) = (runner, &shadow) {
        return with_runner(&settings, request, runner, talk);
    }
    let trouble = trouble
        .or_else(|| shadow.map(|path| format!("{path} stands before titer's own adapter; the command runs whole")));
    warn(&settings, talk, trouble.as_slice());
    start(&settings, request, &Vec::new(), talk)
}

/// What in the folder of the run has the name of our adapter: an interpreter would import that, and the run would end on it.
fn shadow_of_the_adapter(settings: &Settings, runner: &dyn Runner) -> Option<String> {
    let package = runner.adapter_package();
    let candidates = [settings.folder.join(package), settings.folder.join(format!("{package}.py"))];
    candidates.into_iter().find(|path| path.exists()).map(|path| path.display().to_string())
}

/// What is known before the command starts.
enum Before<'a> {
    /// Nothing has to run: this is the answer.
    Answered(Ending),
    /// The adapter may go in.
    Ready(Box<(Context<'a>, Gathered, RunFolder, Environment)>),
    /// The command runs without us.
    Alone(Vec<String>),
}

/// Even a defect of titer's own (a panic) must not keep the command from running, nor change how it ended.
fn with_runner(settings: &Settings, request: &Request, runner: &dyn Runner, talk: &mut dyn Write) -> Ending {
    let before = catch_unwind(AssertUnwindSafe(|| before_runner(settings, request, runner, talk)));
    let defect = || vec!["titer met a defect of its own; every test runs and nothing is kept".to_owned()];
    match before.unwrap_or_else(|_| Before::Alone(defect())) {
        Before::Answered(ending) => ending,
        Before::Alone(warnings) => {
            warn(settings, talk, &warnings);
            start(settings, request, &Vec::new(), talk)
        }
        Before::Ready(ready) => {
            let (context, gathered, folder, environment) = *ready;
            let watch = Stopwatch::start();
            let ending = start(settings, request, &environment, talk);
            let finished = Finished { folder, ending, seconds: watch.seconds() };
            let second = AssertUnwindSafe(|| second::second_pass(&context, &gathered, runner, &finished, talk));
            let second = catch_unwind(second).unwrap_or_default();
            let after = AssertUnwindSafe(|| finish::after_runner(&context, gathered, runner, &finished, second, talk));
            if catch_unwind(after).is_err() {
                warn(settings, talk, &["titer met a defect of its own; this run's facts are lost".to_owned()]);
            }
            ending
        }
    }
}

fn before_runner<'a>(
    settings: &'a Settings,
    request: &'a Request,
    runner: &dyn Runner,
    talk: &mut dyn Write,
) -> Before<'a> {
    let at = clock::now();
    let mut gathered = gather(settings, Opening::Create, Ask { all: request.all, whole: false });
    salvage::abandoned(settings, &mut gathered, runner, request.all);
    let (record, record_note) = recording(settings, request, &gathered);
    let (id, started) = (clock::new_run_id(at), clock::timestamp(at));
    let context = Context { settings, request, id, started, record, record_note };
    if !request.all {
        launch::prepare(&mut gathered, &request.command);
        if let Some(known) = launch::nothing_to_run(settings, &gathered, &request.command) {
            let collected = known.collected.clone();
            return Before::Answered(finish::without_runner(&context, &gathered, &collected, talk));
        }
    }
    match prepare(&context, &gathered, runner, Pass::First) {
        Ok((folder, environment)) => Before::Ready(Box::new((context, gathered, folder, environment))),
        Err(error) => {
            let mut warnings = gathered.warnings;
            warnings.push(format!("titer's own files cannot be written: {error}; every test runs and nothing is kept"));
            Before::Alone(warnings)
        }
    }
}

fn start(settings: &Settings, request: &Request, environment: &Environment, talk: &mut dyn Write) -> Ending {
    match process::run(&request.command, &settings.folder, environment) {
        Ok(ending) => ending,
        Err(error) => {
            let program = request.command.first().map_or("", String::as_str);
            let _ = writeln!(talk, "titer: the command {program} cannot be started: {error}");
            Ending::Code(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 })
        }
    }
}

/// Says what went wrong: one line, the rest with `-v`.
pub fn warn(settings: &Settings, talk: &mut dyn Write, warnings: &[String]) {
    let shown = if settings.verbose { warnings.len() } else { 1 };
    for warning in warnings.iter().take(shown) {
        let _ = writeln!(talk, "titer: warning: {warning}");
    }
}

/// Whether to record: only where nobody else's run can be misled by it.
fn recording(settings: &Settings, request: &Request, gathered: &Gathered) -> (bool, Option<String>) {
    let tree = gathered.present.as_ref().map(super::present::Present::tree);
    let place = settings::place(&settings.policy, tree.and_then(|tree| tree.branch.as_deref()));
    if let Place::Untrusted { event } = &place {
        let refused = request.record == Some(true);
        let note = format!("--record is refused on {event}, whose code nobody has vouched for");
        return (false, refused.then_some(note));
    }
    if gathered.store.is_none() || tree.is_none() {
        return (false, None);
    }
    match (request.record, place) {
        (Some(record), _) => (record, None),
        (None, Place::Local) => (true, None),
        (None, Place::Shared { commit }) => {
            let here = tree.and_then(|tree| tree.commit.as_ref());
            let same = commit.is_none() || commit.as_ref() == here;
            let clean = tree.is_some_and(|tree| !tree.modified);
            let note = if same { "tracked files differ from the commit" } else { "HEAD is not the event's commit" };
            (same && clean, (!(same && clean)).then(|| format!("not recorded: {note}")))
        }
        (None, Place::Reader { why }) => (false, Some(format!("not recorded: {why}"))),
        (None, Place::Unknown | Place::Untrusted { .. }) => {
            let hint = "name default_branch in titer.toml, or give --record";
            (false, Some(format!("not recorded: titer does not know this CI system ({hint})")))
        }
    }
}

/// The user's own run, or the second one of a deep record.
#[derive(Debug, Clone, Copy)]
pub enum Pass<'a> {
    /// The user's own.
    First,
    /// The second; for every variant the tests in the order of the first.
    Second(&'a BTreeMap<String, Vec<String>>),
}

/// Writes the adapter and the plan; returns the run's folder and the environment that lets the adapter in.
///
/// # Errors
/// A file of titer's own cannot be written.
pub fn prepare(
    context: &Context<'_>,
    gathered: &Gathered,
    runner: &dyn Runner,
    pass: Pass<'_>,
) -> std::io::Result<(RunFolder, Environment)> {
    let settings = context.settings;
    let adapter = workspace::adapter_folder(&settings.cache, runner.name(), &runner.adapter_files())?;
    let is_first = matches!(pass, Pass::First);
    let id = if is_first { context.id.clone() } else { format!("{}-reverse", context.id) };
    let folder = RunFolder::create(&settings.ledger_cache(), &id, std::process::id())?;
    let roots = settings.roots();
    let tracer = start_tracer(context, runner, &folder, &roots);
    let package = adapter.join(runner.adapter_package());
    let sections = sections(&gathered.plan);
    folder.write("plan.json", &plan_file(context, gathered, &package, tracer.as_ref(), (sections, pass)))?;
    if tracer.is_some() {
        // What is left out can be long, and every child would have to read it.
        let none = (BTreeMap::new(), Pass::First);
        let short = plan_file(context, gathered, &package, tracer.as_ref(), none);
        folder.write_below(CHILDREN, "plan.json", &short)?;
    }
    // Without a note nobody keeps the facts of a run whose titer was killed: those of a second pass are nobody's.
    if let Some(present) = gathered.present.as_ref().filter(|_| context.record && is_first) {
        folder.write(salvage::FILE, &salvage::note(context, present.tree()))?;
    }
    let entrance = Entrance { adapter: &adapter, run: &folder.path, variable: &settings::raw_variable };
    let mut environment = runner.environment(entrance);
    if let Some(tracer) = &tracer {
        let children = folder.path.join(CHILDREN);
        environment.extend(tracer.environment(&roots, &children, &settings::raw_variable));
    }
    Ok((folder, environment))
}

/// Whether the user switched the file tracer off.
#[must_use]
pub fn is_tracer_off() -> bool {
    settings::variable("TITER_TRACE").is_some_and(|value| value == "0")
}

/// The file tracer, where it can be had; its folder is noted in the run's own.
fn start_tracer(context: &Context<'_>, runner: &dyn Runner, folder: &RunFolder, roots: &[PathBuf]) -> Option<Tracer> {
    if !context.record || is_tracer_off() {
        return None;
    }
    let tracer = Tracer::start(roots).ok()?;
    let kept = folder.write(TRACE, tracer.folder.as_os_str().as_encoded_bytes());
    let children =
        runner.child_files().iter().try_for_each(|(name, text)| folder.write_below(CHILDREN, name, text.as_bytes()));
    if kept.and(children).is_err() {
        tracer::remove(&tracer.folder);
        return None;
    }
    Some(tracer)
}

fn plan_file(
    context: &Context<'_>,
    gathered: &Gathered,
    adapter: &Path,
    tracer: Option<&Tracer>,
    (sections, pass): (BTreeMap<&str, Section<'_>>, Pass<'_>),
) -> Vec<u8> {
    let settings = context.settings;
    let root = settings.root.to_string_lossy();
    let mut own = BTreeSet::new();
    let mut configs = BTreeMap::new();
    let mut exclude = Vec::new();
    if let Some(present) = &gathered.present {
        for path in present.tree().entries.keys().filter(|path| speaks_to_the_runner(path)) {
            if let Ok(bytes) = disk::read(&settings.root.join(path)) {
                configs.insert(path.clone(), tables::runner_tables(path, &bytes).to_string());
                own.extend(tables::project_names(path, &bytes));
            }
        }
        exclude = disk::virtual_environments(&settings.root, present.tree());
    }
    let variables = settings.policy.variables.iter().map(|name| {
        let value =
            settings::variable(name).map(|value| crate::model::digest::Digest::of(value.as_bytes()).to_string());
        (name.clone(), value.unwrap_or_default())
    });
    let own: Vec<String> = own.into_iter().collect();
    plan_v1::write(&PlanFile {
        v: plan_v1::VERSION,
        run: &context.id,
        root: &root,
        record: context.record,
        own: &own,
        configs: &configs,
        variables: &variables.collect(),
        coverage: &settings.policy.coverage,
        exclude: &exclude,
        trace: tracer.and_then(|tracer| tracer.folder.to_str()),
        adapter: &adapter.to_string_lossy(),
        whole: gathered.plan.whole.as_deref(),
        order: matches!(pass, Pass::Second(_)).then_some("reverse"),
        first: if let Pass::Second(first) = pass { Some(first) } else { None },
        sections,
    })
}

fn speaks_to_the_runner(path: &str) -> bool {
    TableFile::of(path).is_some_and(TableFile::may_configure_the_runner)
}

fn sections(plan: &Plan) -> BTreeMap<&str, Section<'_>> {
    let mut sections: BTreeMap<&str, Section<'_>> = BTreeMap::new();
    for decision in &plan.decisions {
        let section = sections.entry(&decision.variant).or_default();
        if decision.verdict == Verdict::LeftOut {
            section.left_out.insert(&decision.test, decision.reason.code());
        }
    }
    sections
}
