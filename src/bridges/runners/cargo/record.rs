//! What is recorded of cargo's tests: how the project is built, and, in a second build in a folder of our own, which functions every
//! test runs. Design: `runners-cargo.md`, sections 5 and 6.

use std::path::{Path, PathBuf};

use crate::bridges::clock::Stopwatch;
use crate::bridges::process::{self, Aside, Ending, Environment};
use crate::formats::rust_source;
use crate::model::digest::Digest;
use crate::model::unit::Units;

use super::call::{self, Call};
use super::compiled;
use super::enter::{More, RESTORE, environment, roles, write_plan};
use super::project;
use super::stale;
use super::state::{Direct, State};
use super::strays;
use super::toolchain::Toolchain;
use super::traces::{self, id};
use super::units::{self, Question};
use super::variant;
use crate::bridges::runners::{Built, Entrance, Place};

/// Seconds that one test may take while it is recorded: one that starts thousands of children would take minutes.
const LIMIT: u32 = 60;
/// Variables that name a program of the user's before the compiler of the workspace's own crates.
const WRAPPERS: [&str; 2] = ["RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER"];
/// Seconds that the second build, and the second run, may take.
const LONGEST: f64 = 3600.0;

/// How the project of a trace is built.
pub(super) fn units(run: &Path, place: Place<'_>, built: Built<'_>) -> Result<Units, String> {
    let Some(state) = State::read(run).filter(|state| state.record) else { return Ok(Units::new()) };
    let session = built.trace.session.as_ref();
    let called = session.and_then(|session| session.call.clone());
    let (command, folder) = match (&state.direct, called) {
        (Some(direct), _) => (direct.command.clone(), place.folder.to_owned()),
        (None, Some((command, folder))) => (command, place.root.join(folder)),
        (None, None) => return Ok(Units::new()),
    };
    if built.trace.collected.is_none() {
        return Ok(Units::new());
    }
    let call = call::parse(&command).map_err(|_| "the command is not understood".to_owned())?;
    let toolchain = Toolchain::read(&call, &folder, place.variable)?;
    let cargo = asker(&call, &folder);
    let words = call.metadata_words();
    let mut project = project::programs(&cargo, &words)?;
    let elsewhere = state.direct.as_ref().and_then(|direct| direct.target.clone()).or(call.target_dir.clone());
    project.targets.extend(elsewhere.map(|target| folder.join(target)));
    let (triples, profiles) = (toolchain.triples(), [profile_folder(&call)]);
    let mut units = units::units(&Question {
        project: &project,
        tree: built.tree,
        root: place.root,
        triples: &triples,
        profiles: &profiles,
        words: &words,
        cargo: &cargo,
        is_idle: built.is_idle,
        traced: built.trace.traced,
        inclusions: &rust_source::inclusions,
    })?;
    let folders = compiled::folders(&project, &profiles, &triples);
    stale::mark(&mut units, &project, &traces::started(run), &folders, (place.root, built.tree));
    Ok(units)
}

/// Asks the cargo of a call.
pub(super) fn asker<'a>(call: &Call, folder: &'a Path) -> impl Fn(&[&str]) -> std::io::Result<Vec<u8>> + use<'a> {
    let mut prefix = call.prefix();
    let folder = folder.to_owned();
    let program = prefix.remove(0);
    move |words| {
        let all: Vec<&str> = prefix.iter().map(String::as_str).chain(words.iter().copied()).collect();
        process::capture(&program, &all, &folder, &[])
    }
}

/// The folder below the target folder that cargo builds a profile into.
fn profile_folder(call: &Call) -> String {
    match call.profile.as_deref() {
        None | Some("dev" | "test") => "debug".to_owned(),
        Some("release" | "bench") => "release".to_owned(),
        Some(other) => other.to_owned(),
    }
}

/// Builds the tests once more so that they count what they run, and runs each in a process of its own. Returns how long both took.
pub(super) fn functions(entrance: Entrance<'_>, call: &Call) -> Result<(f64, f64), String> {
    let place = entrance.place;
    let is_set = |name: &str| (place.variable)(name).is_some_and(|value| !value.is_empty());
    if let Some(name) = WRAPPERS.into_iter().find(|name| is_set(name)) {
        return Err(format!("{name} is set, and would have to stand where titer's own has to"));
    }
    if call.is_doc_only() {
        return Err("documentation tests alone were asked for, and nobody can tell what they run".to_owned());
    }
    let toolchain = Toolchain::read(call, place.folder, place.variable)?;
    if toolchain.wraps_its_compiler() {
        return Err("build.rustc-workspace-wrapper is set, and would have to stand where titer's own has to".to_owned());
    }
    if entrance.tracer.is_none() {
        return Err("without the file tracer nobody sees what the programs run that tests start".to_owned());
    }
    let (variant, inputs) = variant(call, place.folder, place)?;
    let programs = project::programs(&asker(call, place.folder), &call.metadata_words())?;
    let target = target_folder(entrance.cache, &programs.root);
    let direct = Direct {
        command: entrance.command.to_vec(),
        variant,
        inputs: inputs.to_string(),
        target: Some(target.display().to_string()),
    };
    let traced = entrance.tracer.is_some();
    State { direct: Some(direct), record: true, traced, by_function: true, ..State::default() }.write(entrance.run)?;
    // No documentation test is counted: none of them runs here.
    let docs: Vec<String> = programs.docs.iter().map(|doc| id(&doc.unit, "")).collect();
    // Who wants one test after the other has a reason for it.
    let alone = call.harness.iter().any(|word| word.contains("test-threads")) || is_set("RUST_TEST_THREADS");
    let jobs = if alone { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let sections = [(None, docs.iter().map(String::as_str).collect())];
    write_plan(entrance, &programs, &sections, More { record: Some((jobs, LIMIT)), world: None })?;
    let roles = roles()?;
    let mut environment = environment(&toolchain, entrance, &roles)?;
    environment.push(("RUSTC_WORKSPACE_WRAPPER".into(), Some(roles.rustc.into_os_string())));
    // A cargo that a test starts builds without it.
    let restore = environment.iter_mut().find(|(name, _)| name == RESTORE).and_then(|(_, value)| value.as_mut());
    if let Some(restore) = restore {
        restore.push("\nRUSTC_WORKSPACE_WRAPPER");
    }
    // Build scripts and macros of the workspace may count, too: nobody wants to know.
    let unwanted = entrance.run.join("unwanted-%p.profraw");
    environment.push(("LLVM_PROFILE_FILE".into(), Some(unwanted.into_os_string())));
    let words = |more: &[&str]| -> Vec<String> {
        let target = ["--target-dir".to_owned(), target.display().to_string()];
        let own = more.iter().map(|word| (*word).to_owned());
        call.prefix()
            .into_iter()
            .chain(["test".to_owned()])
            .chain(own)
            .chain(call.build_words())
            .chain(target)
            .collect()
    };
    let build = step(&words(&["--no-run"]), entrance, &environment, "the second build")?;
    let before = strays::found(&programs);
    let run = step(&words(&["--no-fail-fast"]), entrance, &environment, "the second run");
    strays::remove(&programs, &before);
    Ok((build, run?))
}

/// The folder that a workspace's second build goes to.
fn target_folder(cache: &Path, workspace: &Path) -> PathBuf {
    let name = Digest::of(workspace.as_os_str().as_encoded_bytes()).to_string();
    cache.join("cargo").join(&name[..16])
}

fn step(words: &[String], entrance: Entrance<'_>, environment: &Environment, what: &str) -> Result<f64, String> {
    let watch = Stopwatch::start();
    let output = entrance.run.join("output.txt");
    let ended = process::run_aside(words, entrance.place.folder, environment, &output, LONGEST);
    match ended {
        Ok(Aside::Ended(Ending::Code(0))) => Ok(watch.seconds()),
        Ok(Aside::Ended(_)) => {
            let text = std::fs::read(&output).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            let error = text.lines().find(|line| line.starts_with("error")).unwrap_or_default().to_owned();
            Err(format!("{what} failed: {error}"))
        }
        Ok(Aside::Interrupted) => Err(format!("{what} was interrupted")),
        Ok(Aside::TooLong) => Err(format!("{what} took too long")),
        Err(error) => Err(format!("{what} cannot be started: {error}")),
    }
}
