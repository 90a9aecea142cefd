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
use crate::bridges::runners::{self, Entrance, LeftOut, Runner, Way, in_words};
use crate::bridges::tracer::{self, Tracer};
use crate::bridges::workspace::{self, RunFolder};
use crate::decide::selection::{Ask, Scope};
use crate::formats::plan_v1::{self, PlanFile, Section, ShardOf};
use crate::formats::tables;
use crate::model::change::TableFile;
use crate::model::plan::{Plan, Verdict};
use crate::model::shard::Share;
use crate::model::tree::Tree;
use crate::settings::forge::Place;
use crate::settings::{self, Settings};

use super::budget::{self, Wish};
use super::finish::{self, Finished, OnceMore};
use super::gather::{Gathered, Opening, gather, place};
use super::{active, apart, launch, salvage, second, shards};

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
    pub all: Option<Scope>,
    /// What part of the plan it takes on.
    pub wish: Wish,
    /// `--junit FILE`
    pub junit: Option<PathBuf>,
}

/// The runners that a command may end in.
pub type Runners = Vec<&'static dyn Runner>;

/// Their names.
#[must_use]
pub fn names(runners: &Runners) -> String {
    runners.iter().map(|runner| runner.name()).collect::<Vec<_>>().join("+")
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
    if shards::is_shared_twice(request, talk) {
        return Ending::Code(2);
    }
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
    let (runners, shut_out) = runners::of_command(&request.command);
    let shadow = runners.iter().find_map(|runner| shadow_of_the_adapter(&settings, *runner));
    if !runners.is_empty() && shadow.is_none() {
        return with_runners(&settings, request, &runners, talk);
    }
    let trouble = match (shut_out, shadow) {
        (Some(why), _) => why,
        (None, Some(path)) => format!("{path} stands before titer's own adapter"),
        (None, None) => {
            warn(&settings, talk, &[format!("{program} is not a test runner that titer knows; it runs whole")]);
            return start(&settings, &request.command, &Vec::new(), talk);
        }
    };
    warn(&settings, talk, &[format!("{trouble}; the command runs whole")]);
    start(&settings, &request.command, &Vec::new(), talk)
}

/// What in the folder of the run has the name of our adapter: an interpreter would import that, and the run would end on it.
fn shadow_of_the_adapter(settings: &Settings, runner: &dyn Runner) -> Option<String> {
    let package = Some(runner.adapter()?.package).filter(|package| !package.is_empty())?;
    let candidates = [settings.folder.join(package), settings.folder.join(format!("{package}.py"))];
    candidates.into_iter().find(|path| path.exists()).map(|path| path.display().to_string())
}

/// What is known before the command starts.
enum Before<'a> {
    /// Nothing has to run: this is the answer.
    Answered(Ending),
    /// The adapter may go in.
    Ready(Box<(Context<'a>, Gathered, RunFolder, Way)>),
    /// The command runs without us.
    Alone(Vec<String>),
}

/// Even a defect of titer's own (a panic) must not keep the command from running, nor change how it ended.
fn with_runners(settings: &Settings, request: &Request, runners: &Runners, talk: &mut dyn Write) -> Ending {
    let before = catch_unwind(AssertUnwindSafe(|| before_runner(settings, request, runners, talk)));
    let defect = || vec!["titer met a defect of its own; every test runs and nothing is kept".to_owned()];
    match before.unwrap_or_else(|_| Before::Alone(defect())) {
        Before::Answered(ending) => ending,
        Before::Alone(warnings) => {
            warn(settings, talk, &warnings);
            start(settings, &request.command, &Vec::new(), talk)
        }
        Before::Ready(ready) => {
            let (context, gathered, folder, way) = *ready;
            let watch = Stopwatch::start();
            let ending = start(settings, &way.command, &way.environment, talk);
            let finished = Finished { folder, ending, seconds: watch.seconds() };
            let more = AssertUnwindSafe(|| OnceMore {
                second: second::second_pass(&context, &gathered, runners, &finished, talk),
                apart: apart::record_apart(&context, &gathered, runners, &finished, talk),
            });
            let more = catch_unwind(more).unwrap_or_default();
            let after = AssertUnwindSafe(|| finish::after_runner(&context, gathered, runners, &finished, more, talk));
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
    runners: &Runners,
    talk: &mut dyn Write,
) -> Before<'a> {
    let at = clock::now();
    let mut gathered = gather(settings, Opening::Create, Ask { all: request.all, whole: false });
    salvage::abandoned(settings, &mut gathered, runners, request.all);
    budget::take_on(settings, &mut gathered, request.all, &request.wish, &request.command);
    let (record, record_note) = recording(settings, request, &gathered);
    let (id, started) = (clock::new_run_id(at), clock::timestamp(at));
    let context = Context { settings, request, id, started, record, record_note };
    // Who asks for a recording by hand gets one.
    let by_hand = request.record == Some(true);
    if let ([runner], false) =
        (runners.as_slice(), request.all.is_some() || (by_hand && runners[0].adapter().is_none()))
    {
        launch::prepare(&mut gathered, &request.command);
        if let Some(known) = launch::nothing_to_run(settings, *runner, &gathered, &request.command) {
            let collected = known.collected.clone();
            return Before::Answered(finish::without_runner(&context, &gathered, runner.name(), &collected, talk));
        }
    }
    match prepare(&context, &gathered, runners, Pass::First) {
        Ok((folder, way)) => Before::Ready(Box::new((context, gathered, folder, way))),
        Err(why) => {
            let mut warnings = gathered.warnings;
            warnings.push(format!("{why}; every test runs and nothing is kept"));
            Before::Alone(warnings)
        }
    }
}

fn start(settings: &Settings, command: &[String], environment: &Environment, talk: &mut dyn Write) -> Ending {
    match process::run(command, &settings.folder, environment) {
        Ok(ending) => ending,
        Err(error) => {
            let program = command.first().map_or("", String::as_str);
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

/// Writes the adapters and the plan; returns the run's folder and the way in.
///
/// # Errors
/// We cannot get in; the sentence says why.
pub fn prepare(
    context: &Context<'_>,
    gathered: &Gathered,
    runners: &Runners,
    pass: Pass<'_>,
) -> Result<(RunFolder, Way), String> {
    let settings = context.settings;
    let is_first = matches!(pass, Pass::First);
    let id = if is_first { context.id.clone() } else { format!("{}-reverse", context.id) };
    let folder = RunFolder::create(&settings.ledger_cache(), &id, std::process::id()).map_err(|e| in_words(&e))?;
    let roots = settings.roots();
    if is_first {
        // Only who watches misses it.
        let _ = folder.write(active::FILE, &active::note(context.request));
    }
    let tracer = start_tracer(context, runners, &folder, &roots);
    let mut way = Way { command: context.request.command.clone(), environment: Environment::new() };
    for runner in runners.iter().filter(|runner| is_first || runner.has_second_pass()) {
        let adapter = write_adapter(context, gathered, *runner, &folder, tracer.as_ref(), pass);
        let adapter = adapter.map_err(|error| in_words(&error))?;
        let left_out = left_out(&gathered.plan, runner.name());
        let entrance = Entrance {
            command: &way.command,
            place: place(settings),
            adapter: &adapter,
            cache: &settings.cache,
            run: &folder.path,
            left_out: &left_out,
            share: gathered.plan.share.as_ref(),
            launches: &launches(gathered),
            record: context.record,
            tracer: tracer.as_ref().map(|tracer| (tracer, roots.as_slice())),
        };
        let found = runner.enter(entrance)?;
        way.command = found.command;
        way.environment.extend(found.environment);
    }
    // Without a note nobody keeps the facts of a run whose titer was killed: those of a second pass are nobody's.
    if let Some(present) = gathered.present.as_ref().filter(|_| context.record && is_first) {
        let names = shards::names(settings, context.request, Some(gathered));
        folder
            .write(salvage::FILE, &salvage::note(context, present.tree(), names))
            .map_err(|error| in_words(&error))?;
    }
    // A runner that is entered from outside lets the tracer into its test programs itself.
    if let Some(tracer) = tracer.as_ref().filter(|_| runners.iter().any(|runner| runner.adapter().is_some())) {
        let is_met =
            runners.iter().filter_map(|runner| runner.adapter()).any(|adapter| !adapter.child_files.is_empty());
        let children = if is_met { folder.path.join(CHILDREN) } else { PathBuf::new() };
        way.environment.extend(tracer.environment(&roots, &children, &settings::raw_variable));
    }
    Ok((folder, way))
}

/// Writes the adapter that runs inside a runner, and its plan; returns the adapter's folder.
fn write_adapter(
    context: &Context<'_>,
    gathered: &Gathered,
    runner: &dyn Runner,
    folder: &RunFolder,
    tracer: Option<&Tracer>,
    pass: Pass<'_>,
) -> std::io::Result<PathBuf> {
    let Some(adapter) = runner.adapter() else { return Ok(PathBuf::new()) };
    let at = workspace::adapter_folder(&context.settings.cache, runner.name(), &adapter.files)?;
    let package = at.join(adapter.package);
    let left_out = left_out(&gathered.plan, runner.name());
    let sections = left_out.into_iter().map(|(variant, left_out)| (variant, Section { left_out })).collect();
    let share = gathered.plan.share.as_ref();
    folder.write(adapter.plan, &plan_file(context, gathered, &package, tracer, (sections, share, pass)))?;
    if tracer.is_some() && !adapter.child_files.is_empty() {
        // What is left out can be long, and every child would have to read it.
        let none = (BTreeMap::new(), None, Pass::First);
        folder.write_below(CHILDREN, "plan.json", &plan_file(context, gathered, &package, tracer, none))?;
    }
    Ok(at)
}

/// What the plan leaves out of the tests of one runner.
#[must_use]
pub fn left_out<'a>(plan: &'a Plan, runner: &str) -> LeftOut<'a> {
    let mut sections: LeftOut<'a> = BTreeMap::new();
    let is_its = |test: &str| test.strip_prefix(runner).is_some_and(|rest| rest.starts_with("::"));
    for decision in plan.decisions.iter().filter(|decision| is_its(&decision.test)) {
        let section = sections.entry(&decision.variant).or_default();
        if decision.verdict == Verdict::LeftOut {
            section.insert(&decision.test, decision.reason.code());
        }
    }
    sections
}

/// Command lines that came to their end before, with the variant that they ran under.
fn launches(gathered: &Gathered) -> Vec<(Vec<String>, String, String)> {
    let map = &gathered.map;
    let variant = |at: u32| map.variants.get(at as usize).map(|variant| variant.id.clone()).unwrap_or_default();
    let launches = map.launches.iter();
    launches.map(|launch| (launch.command.clone(), launch.folder.clone(), variant(launch.variant))).collect()
}

/// Whether the user switched the file tracer off.
#[must_use]
pub fn is_tracer_off() -> bool {
    settings::variable("TITER_TRACE").is_some_and(|value| value == "0")
}

/// The file tracer, where it can be had; its folder is noted in the run's own.
#[must_use]
pub fn start_tracer(context: &Context<'_>, runners: &Runners, folder: &RunFolder, roots: &[PathBuf]) -> Option<Tracer> {
    if !context.record || is_tracer_off() {
        return None;
    }
    let tracer = Tracer::start(roots).ok()?;
    let kept = folder.write(TRACE, tracer.folder.as_os_str().as_encoded_bytes());
    let adapters = runners.iter().filter_map(|runner| runner.adapter());
    let mut files = adapters.flat_map(|adapter| adapter.child_files);
    let children = files.try_for_each(|(name, text)| folder.write_below(CHILDREN, name, text.as_bytes()));
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
    (sections, share, pass): (BTreeMap<&str, Section<'_>>, Option<&Share>, Pass<'_>),
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
        kept: &gathered.present.as_ref().map(|present| kept_packages(present.tree())).unwrap_or_default(),
        orphans: gathered.present.as_ref().is_some_and(|present| has_orphans(present.tree())),
        whole: gathered.plan.whole.as_deref(),
        order: matches!(pass, Pass::Second(_)).then_some("reverse"),
        files: if matches!(pass, Pass::First) { &gathered.plan.order } else { &[] },
        first: if let Pass::Second(first) = pass { Some(first) } else { None },
        shard: share.map(ShardOf::of),
        sections,
    })
}

fn speaks_to_the_runner(path: &str) -> bool {
    TableFile::of(path).is_some_and(TableFile::may_configure_the_runner)
}

/// Whether a file of snapshots lies beside no test file of its name.
fn has_orphans(tree: &Tree) -> bool {
    tree.entries.keys().filter_map(|path| path.strip_suffix(".snap")).any(|path| {
        let test = path.rsplit_once("__snapshots__/").map(|(folder, name)| format!("{folder}{name}"));
        test.is_some_and(|test| !tree.entries.contains_key(&test))
    })
}

/// Folders of packages that somebody put into the repository.
fn kept_packages(tree: &Tree) -> BTreeSet<String> {
    let folder = |path: &String| path.find("node_modules/").map(|at| path[..at + "node_modules/".len()].to_owned());
    tree.entries.keys().filter_map(folder).collect()
}
