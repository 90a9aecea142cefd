//! The way into cargo: the program that it starts test programs with, and what that program is told.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::bridges::process::{self, Environment};
use crate::bridges::workspace;
use crate::formats::cargo_plan_v1::{self as plan_v1, CargoPlan, World};
use crate::model::unit::unit_of;

use super::call::{self, Call, Kind};
use super::project::{self, Harness, Programs};
use super::record::asker;
use super::state::{Direct, FOLDER, State};
use super::toolchain::{COUNTING, Toolchain, counts, variable_name};
use super::{NAME, nextest, variant};
use crate::bridges::runners::adapter::CARGO_PROGRAM;
use crate::bridges::runners::{Entrance, Way, in_words};

/// What the program is asked to see whether it can be started at all.
const PROBE: &str = "--titer-probe";

/// The variable with what the programs that tests start see as the user had it.
pub(super) const RESTORE: &str = "TITER_CARGO_RESTORE";

/// How many of the command lines known behind a launcher are planned for.
const LAUNCHES: usize = 8;

/// What stands between cargo and test programs, by the names of its roles.
pub(super) struct Roles {
    pub(super) runner: PathBuf,
    pub(super) rustdoc: PathBuf,
    pub(super) rustc: PathBuf,
}

/// The way in where the command is a call of cargo.
pub(super) fn direct(entrance: Entrance<'_>, call: &Call) -> Result<Way, String> {
    let place = entrance.place;
    let toolchain = Toolchain::read(call, place.folder, place.variable)?;
    if let Some(why) = toolchain.alias() {
        return Err(why);
    }
    let (variant, inputs) = variant(call, place.folder, place)?;
    let direct = Direct { command: entrance.command.to_vec(), variant, inputs: inputs.to_string(), target: None };
    let mut state = State { direct: Some(direct.clone()), record: entrance.record, ..State::default() };
    let left_out = entrance.left_out.get(direct.variant.as_str());
    let left_out: Vec<&str> = left_out.into_iter().flat_map(BTreeMap::keys).copied().collect();
    if call.kind == Kind::Nextest {
        return nextest::enter(entrance, call, &left_out, state);
    }
    let programs = project::programs(&asker(call, place.folder), &call.metadata_words())?;
    state.traced = entrance.tracer.is_some();
    state.write(entrance.run)?;
    let sections = vec![(None, left_out)];
    write_plan(entrance, &programs, &sections, More::default())?;
    let environment = environment(&toolchain, entrance, &roles()?)?;
    Ok(Way { command: entrance.command.to_vec(), environment })
}

/// The way in where cargo may be started by something else: only for calls that came to their end before is anything left out.
pub(super) fn behind_a_launcher(entrance: Entrance<'_>) -> Way {
    let folders = projects_around(entrance.place.folder, entrance.place.root);
    // Nobody knows whether cargo is started at all: another runner's way in does not depend on ours.
    let environment = if folders.is_empty() { None } else { around(entrance, &folders).ok() };
    Way { command: entrance.command.to_vec(), environment: environment.unwrap_or_default() }
}

fn around(entrance: Entrance<'_>, folders: &[PathBuf]) -> Result<Environment, String> {
    let place = entrance.place;
    let call = Call { program: NAME.to_owned(), subcommand: "test".to_owned(), ..Call::default() };
    let toolchain = Toolchain::read(&call, &folders[0], place.variable)?;
    let mut programs = Programs::default();
    for folder in folders {
        if let Ok(more) = project::programs(&asker(&call, folder), &[]) {
            programs.programs.extend(more.programs);
            programs.docs.extend(more.docs);
        }
    }
    let mut sections: Vec<Section<'_>> = Vec::new();
    for (command, folder, known) in entrance.launches {
        let folder = place.root.join(folder);
        let Ok(call) = call::parse(command) else { continue };
        let same = |found: (String, serde_json::Value)| found.0 == *known;
        if sections.len() < LAUNCHES && variant(&call, &folder, place).is_ok_and(same) {
            let left_out =
                entrance.left_out.get(known.as_str()).into_iter().flat_map(BTreeMap::keys).copied().collect();
            let words = command.iter().skip(1).filter(|word| !word.starts_with('+')).map(String::as_str).collect();
            sections.push((Some((words, folder.display().to_string())), left_out));
        }
    }
    let traced = entrance.tracer.is_some();
    State { record: entrance.record, traced, ..State::default() }.write(entrance.run)?;
    let folder = toolchain.folder()?;
    let variables = (place.variables)(&[""]);
    let set = variables.iter().filter(|(name, value)| counts(name) && !value.is_empty());
    let [names, beginnings, idle] = COUNTING.map(<[&str]>::to_vec);
    let toolchain_folder = folder.to_string_lossy();
    let variables = set.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let world = World { names, beginnings, idle, variables, toolchain: &toolchain_folder };
    write_plan(entrance, &programs, &sections, More { world: Some(world), ..More::default() })?;
    environment(&toolchain, entrance, &roles()?)
}

/// The folders of cargo's projects that a command in `folder` may be about.
#[must_use]
pub fn projects_around(folder: &Path, root: &Path) -> Vec<PathBuf> {
    let has_one = |folder: &Path| folder.join("Cargo.toml").is_file();
    let above = folder.ancestors().take_while(|above| above.starts_with(root)).find(|above| has_one(above));
    let below = || {
        let all = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|found| found.path());
        let mut found: Vec<PathBuf> = all.filter(|path| has_one(path)).collect();
        found.sort();
        found
    };
    above.map_or_else(below, |above| vec![above.to_owned()])
}

/// The program under the names of its roles. cargo splits the value of its variable at smores.
pub(super) fn roles() -> Result<Roles, String> {
    let bytes = CARGO_PROGRAM.ok_or("this titer was built without the program that cargo starts tests with")?;
    let files = ["titer-runner", "titer-rustdoc", "titer-rustc"].map(|name| (name, bytes, 0o755));
    let folder = workspace::lasting_folder("titer-cargo", &files).map_err(|error| in_words(&error))?;
    let text = folder.to_str().filter(|text| !text.contains(char::is_whitespace));
    text.ok_or("the folder for temporary files has a space in its name, at which cargo would cut it")?;
    let runner = folder.join("titer-runner");
    // A folder for temporary files may forbid that programs run there.
    process::capture(&runner.to_string_lossy(), &[PROBE], &folder, &[])
        .map_err(|error| format!("{} cannot be started: {error}", runner.display()))?;
    Ok(Roles { runner, rustdoc: folder.join("titer-rustdoc"), rustc: folder.join("titer-rustc") })
}

/// What cargo's environment gets.
pub(super) fn environment(
    toolchain: &Toolchain<'_>,
    entrance: Entrance<'_>,
    roles: &Roles,
) -> Result<Environment, String> {
    let variable = entrance.place.variable;
    let runners = toolchain.runners()?;
    let own: BTreeSet<&Vec<String>> = runners.values().flatten().collect();
    let tested = toolchain.tested();
    if own.len() > 1 || (own.len() == 1 && tested.iter().any(|triple| runners.get(triple).is_none_or(Option::is_none)))
    {
        return Err("several targets have runners of their own".to_owned());
    }
    let mut ours: Vec<(String, OsString)> =
        runners.keys().map(|triple| (variable_name(triple), roles.runner.clone().into_os_string())).collect();
    ours.push(("RUSTDOC".to_owned(), roles.rustdoc.clone().into_os_string()));
    let restore = ours.iter().map(|(name, _)| match variable(name) {
        Some(value) => format!("{name}={}", value.to_string_lossy()),
        None => name.clone(),
    });
    let restore = restore.collect::<Vec<_>>().join("\n");
    let mut environment: Environment =
        ours.into_iter().map(|(name, value)| (OsString::from(name), Some(value))).collect();
    environment.push(("TITER_CARGO".into(), Some(entrance.run.join(FOLDER).into_os_string())));
    environment.push((RESTORE.into(), Some(restore.into())));
    let own = own.first().map(|words| OsString::from(words.join("\n")));
    environment.push(("TITER_CARGO_RUNNER".into(), own));
    environment.push(("TITER_CARGO_RUSTDOC".into(), toolchain.rustdoc().map(|path| path.as_os_str().to_owned())));
    Ok(environment)
}

/// What else a plan says.
#[derive(Default)]
pub(super) struct More<'a> {
    /// How a record runs the tests: how many at a time, and the seconds that each may take.
    pub(super) record: Option<(usize, u32)>,
    /// Where something else starts cargo: what it has to have in common with us.
    pub(super) world: Option<World<'a>>,
}

/// A call by its words and folder (none for any), with the tests that it leaves out.
pub(super) type Section<'a> = (Option<(Vec<&'a str>, String)>, Vec<&'a str>);

/// Writes the plan file.
pub(super) fn write_plan(
    entrance: Entrance<'_>,
    programs: &Programs,
    sections: &[Section<'_>],
    more: More<'_>,
) -> Result<(), String> {
    let mut units: BTreeSet<&str> = programs.programs.iter().map(|program| program.unit.as_str()).collect();
    units.extend(programs.docs.iter().map(|doc| doc.unit.as_str()));
    let split = |test: &&'_ str| -> Option<(String, Option<String>)> {
        let (unit, name) = unit_of(test, &|name| units.contains(name))?;
        Some((unit.to_owned(), (!name.is_empty()).then(|| name.to_owned())))
    };
    let outs: Vec<Vec<(String, Option<String>)>> =
        sections.iter().map(|(_, tests)| tests.iter().filter_map(split).collect()).collect();
    let calls = sections.iter().zip(&outs).map(|((only, _), out)| plan_v1::Call {
        only: only.as_ref().map(|(words, folder)| (words.clone(), folder.as_str())),
        out: out.iter().map(|(unit, name)| (unit.as_str(), name.as_deref())).collect(),
    });
    let paths: Vec<(String, String)> = programs
        .programs
        .iter()
        .map(|p| (p.manifest_dir.display().to_string(), p.src_path.display().to_string()))
        .collect();
    let all = programs.programs.iter().zip(&paths).map(|(program, (manifest, source))| plan_v1::Program {
        unit: &program.unit,
        harness: harness(program.harness),
        manifest,
        kind: program.kind,
        crate_name: &program.crate_name,
        source,
    });
    let trace = entrance.tracer.and_then(|(tracer, roots)| {
        let roots = roots.iter().filter_map(|root| root.to_str()).collect();
        Some(plan_v1::Trace { library: tracer.library.to_str()?, folder: tracer.folder.to_str()?, roots })
    });
    let (jobs, limit) = more.record.unwrap_or((1, 0));
    let plan = CargoPlan {
        record: more.record.is_some(),
        world: more.world,
        trace,
        jobs,
        limit,
        programs: all.collect(),
        shard: entrance.share,
        docs: programs
            .docs
            .iter()
            .map(|doc| plan_v1::Doc { unit: &doc.unit, package: &doc.package, crate_name: &doc.crate_name })
            .collect(),
        calls: calls.collect(),
    };
    let bytes = plan_v1::write(&plan);
    workspace::write_file(&entrance.run.join(FOLDER).join("plan"), &bytes).map_err(|error| in_words(&error))
}

fn harness(harness: Harness) -> plan_v1::Harness {
    match harness {
        Harness::Libtest => plan_v1::Harness::Libtest,
        Harness::Mimic => plan_v1::Harness::Mimic,
        Harness::Plain => plan_v1::Harness::Plain,
    }
}
