//! `titer doctor`: whether the set-up is whole, and the next step where it is not.

use std::io::Write;

use crate::bridges::runners::{cargo, jest};
use crate::bridges::tracer::{self, Tracer};
use crate::bridges::{clock, git, process, workspace};
use crate::decide::diagnosis::{self, Changing};
use crate::ledger::duck::{Lens, Limits, Table};
use crate::ledger::map;
use crate::ledger::store::Store;
use crate::model::failure::Failure;
use crate::model::finding::Finding;
use crate::model::map::Map;
use crate::report::diagnosis as words;
use crate::settings::forge::Place;
use crate::settings::{self, Settings};

use super::gather::place;
use super::{lacking, run};

/// Segments named before the rest is left to `titer sql`.
const SEGMENTS: usize = 5;
/// What an interpreter is asked.
const QUESTION: &str = "import platform, pytest; print(platform.python_version(), pytest.__version__)";

/// Examines, prints, and says whether all is well.
///
/// # Errors
/// The answer cannot be written.
pub fn run(settings: &Settings, json: bool, out: &mut dyn Write) -> Result<bool, Failure> {
    let mut findings = vec![repository(settings)];
    findings.push(match &settings.policy_failure {
        Some(why) => Finding::Misconfigured { why: why.clone() },
        None => Finding::Configured { file: settings.policy.file.as_ref().map(|file| file.display().to_string()) },
    });
    let map = ledger(settings, &mut findings);
    findings.extend(runners(settings, &map));
    let cache = settings.ledger_cache();
    if !workspace::is_writable(&cache) {
        findings.push(Finding::NoCache { folder: cache.display().to_string() });
    }
    findings.push(files(settings));
    findings.push(recording(settings));
    let lens = settings.ledger.0.is_dir().then(|| lens(settings)).transpose();
    match &lens {
        Ok(Some(lens)) => findings.extend(by_the_facts(settings, &map, lens)),
        Ok(None) => {}
        Err(failure) => findings.push(Finding::LedgerFails { why: failure.to_string() }),
    }
    findings.extend(lacking::findings(settings, lens.ok().flatten().as_ref()));
    findings.sort_by_key(Finding::part);
    let text = if json { words::json(&findings) } else { words::lines(&findings) };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::world("the diagnosis cannot be written").because(error))
        }
        _ => Ok(!findings.iter().any(Finding::is_wrong)),
    }
}

fn repository(settings: &Settings) -> Finding {
    let root = settings.root.display().to_string();
    if !settings.in_git {
        return Finding::NoGit { root };
    }
    match git::tree(&settings.root) {
        Ok(_) => Finding::Git { root },
        Err(error) => Finding::GitFails { why: error.to_string() },
    }
}

/// The ledger's folder and the map in it.
fn ledger(settings: &Settings, findings: &mut Vec<Finding>) -> Map {
    let path = &settings.ledger.0;
    let folder = path.display().to_string();
    if !path.is_dir() {
        findings.push(Finding::NoLedger { folder });
        return Map::default();
    }
    let writable = workspace::is_writable(path);
    findings.push(if writable { Finding::Ledger { folder } } else { Finding::LedgerReadOnly { folder } });
    match Store::open_existing(path).and_then(|store| map::load(&store)) {
        Ok(loaded) => {
            findings.extend(loaded.warning.map(|why| Finding::LedgerFails { why }));
            findings.push(diagnosis::map(&loaded.map, hours_since_newest(&loaded.map)));
            loaded.map
        }
        Err(failure) => {
            findings.push(Finding::LedgerFails { why: failure.to_string() });
            Map::default()
        }
    }
}

/// Ids of runs begin with their time.
fn hours_since_newest(map: &Map) -> Option<u64> {
    let newest = map.tests.iter().map(|test| test.last_run.as_str()).max()?;
    Some(clock::now().saturating_sub(clock::time_of_run(newest)?).as_secs() / 3600)
}

/// Each runner that ran tests here, or whose project this is.
fn runners(settings: &Settings, map: &Map) -> Vec<Finding> {
    let ran =
        |name: &str| map.tests.iter().any(|test| test.id.strip_prefix(name).is_some_and(|rest| rest.starts_with("::")));
    let projects = cargo::projects_around(&settings.folder, &settings.root);
    let mut found: Vec<Finding> = Vec::new();
    let with_jest = jest::installed_around(&settings.folder, &settings.root);
    if ran("pytest") || (projects.is_empty() && with_jest.is_none() && !ran(cargo::NAME) && !ran(jest::NAME)) {
        found.push(interpreter(settings, map));
    }
    found.extend(with_jest.map(|(package, version)| {
        let folder = package.display().to_string();
        match jest::examine(&package, &version) {
            Ok(version) => Finding::Jest { folder, version },
            Err(why) => Finding::NoJest { folder, why },
        }
    }));
    found.extend(projects.into_iter().map(|project| {
        let folder = project.display().to_string();
        match cargo::examine(&project, place(settings)) {
            Ok(version) => Finding::Cargo { folder, version },
            Err(why) => Finding::NoCargo { folder, why },
        }
    }));
    found
}

/// The interpreter that ran tests last, else the one on PATH.
fn interpreter(settings: &Settings, map: &Map) -> Finding {
    let launches = map.launches.iter().filter(|launch| !launch.interpreter.is_empty());
    let newest = launches.max_by_key(|launch| &launch.run).map(|launch| launch.interpreter.clone());
    let path = settings::raw_variable("PATH");
    let on_path = || ["python", "python3"].iter().find_map(|name| process::find(name, &settings.folder, path.as_ref()));
    let Some(interpreter) = newest.clone().or_else(|| on_path().map(|found| found.display().to_string())) else {
        return Finding::NoInterpreter { last: None };
    };
    match process::capture(&interpreter, &["-c", QUESTION], &settings.folder, &[]) {
        Ok(said) => diagnosis::entrance(&interpreter, &String::from_utf8_lossy(&said)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Finding::NoInterpreter { last: newest },
        Err(error) => {
            let why = error.to_string();
            let last = why.rsplit(": ").next().unwrap_or(&why).to_owned();
            Finding::NoPytest { interpreter, why: last }
        }
    }
}

fn files(settings: &Settings) -> Finding {
    if run::is_tracer_off() {
        return Finding::SeesLess { why: "TITER_TRACE is 0".to_owned() };
    }
    match Tracer::start(&settings.roots()) {
        Ok(tracer) => {
            tracer::remove(&tracer.folder);
            Finding::SeesFiles
        }
        Err(why) => Finding::SeesLess { why },
    }
}

fn recording(settings: &Settings) -> Finding {
    let tree = if settings.in_git { git::tree(&settings.root).ok() } else { None };
    match settings::place(&settings.policy, tree.as_ref().and_then(|tree| tree.branch.as_deref())) {
        Place::Local | Place::Shared { .. } => Finding::Records,
        Place::Reader { why } => Finding::Reads { why },
        Place::Untrusted { event } => Finding::Reads { why: format!("nobody has vouched for the code of {event}") },
        Place::Unknown => Finding::UnknownCi,
    }
}

fn lens(settings: &Settings) -> Result<Lens, Failure> {
    let file = settings.ledger_cache().join("lens.duckdb");
    Lens::open(&settings.ledger.0, &file, &clock::timestamp(clock::now()), &Limits::default())
}

/// What only the facts themselves tell: segments, recordings, volatile paths.
fn by_the_facts(settings: &Settings, map: &Map, lens: &Lens) -> Vec<Finding> {
    let mut findings = Vec::new();
    let failed = |failure: Failure| Finding::LedgerFails { why: failure.to_string() };
    match lens.view("segment_problems") {
        Ok(table) => {
            let rows = table.rows.iter().take(SEGMENTS);
            findings.extend(rows.map(|row| Finding::BadSegment {
                segment: text(&table, row, "segment"),
                problem: text(&table, row, "problem"),
            }));
        }
        Err(failure) => findings.push(failed(failure)),
    }
    match lens.view("runs_overview") {
        Ok(table) => findings.extend(newest_recording(&table)),
        Err(failure) => findings.push(failed(failure)),
    }
    match lens.view("volatile_paths") {
        Ok(table) => {
            let number = |row: &[serde_json::Value], name: &str| text(&table, row, name).parse().unwrap_or(0);
            let rows: Vec<Changing> = table
                .rows
                .iter()
                .map(|row| Changing {
                    path: text(&table, row, "path"),
                    tests: number(row, "tests"),
                    all: number(row, "all_tests"),
                })
                .collect();
            let globs = (&settings.policy.inert, &settings.policy.volatile);
            findings.extend(diagnosis::volatile(&rows, globs, diagnosis::all_traced(map)));
        }
        Err(failure) => findings.push(failed(failure)),
    }
    findings
}

/// The newest run that was to record, if its recording is not used.
fn newest_recording(table: &Table) -> Option<Finding> {
    let recorded = table.rows.iter().filter(|row| text(table, row, "is_recorded") == "true");
    // Ids sort by time, and finer than the seconds of `started_at`.
    let newest = recorded.max_by_key(|row| text(table, row, "run_id"))?;
    let why = text(table, newest, "unhealthy");
    (!why.is_empty()).then(|| Finding::Unhealthy { at: text(table, newest, "started_at"), why })
}

/// One cell as text; empty where there is none.
fn text(table: &Table, row: &[serde_json::Value], column: &str) -> String {
    let at = table.columns.iter().position(|name| name == column);
    match at.and_then(|at| row.get(at)) {
        Some(serde_json::Value::String(text)) => text.clone(),
        None | Some(serde_json::Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}
