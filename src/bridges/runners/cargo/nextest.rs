//! cargo-nextest: what is left out stands in its default filter, what happened in its JUnit report. Design: `runners-cargo.md`,
//! section 4.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bridges::process::Environment;
use crate::bridges::workspace;
use crate::formats::nextest_config::{Files, Names, active_profile, reporting};
use crate::formats::nextest_junit::{self, Case, Ending};
use crate::formats::nextest_names::{binary_of, unit_of as unit_of_binary};
use crate::model::unit::unit_of;
use crate::model::window::{Phase, Trace};

use super::NAME;
use super::call::{Call, Flag, Kind};
use super::project;
use super::record::asker;
use super::state::{FOLDER, State};
use super::toolchain::workspace_root;
use crate::bridges::runners::{Entrance, Place, Way, in_words};

/// nextest's exit code when tests failed.
const TESTS_FAILED: i64 = 100;

/// What of the configuration a call uses.
struct Used {
    workspace: PathBuf,
    files: Files,
    profile: String,
}

fn used(call: &Call, place: Place<'_>) -> Result<Used, String> {
    let workspace = workspace_root(call, place.folder).ok_or("there is no Cargo.toml here")?;
    let read = |file: PathBuf| fs::read_to_string(file).map_err(|error| format!("nextest's configuration: {error}"));
    let own = own_file(call, place.folder, &workspace).map(read).transpose()?;
    let tools: Vec<String> = tool_files(call, place.folder).into_iter().map(read).collect::<Result<_, _>>()?;
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let files = Files::parse(own.as_deref(), &tools)?;
    let text_of = |name: &str| (place.variable)(name).and_then(|value| value.into_string().ok());
    let (option, variable) = (call.nextest.profile.as_deref(), text_of("NEXTEST_PROFILE"));
    let profile = active_profile(option, variable.as_deref(), text_of("MIRI_SYSROOT").is_some()).to_owned();
    Ok(Used { workspace, files, profile })
}

/// Whether a call writes a report that the user's configuration asks for.
pub(super) fn writes_a_report(call: &Call, place: Place<'_>) -> bool {
    call.kind == Kind::Nextest && !used(call, place).is_ok_and(|used| used.files.junit_path(&used.profile).is_none())
}

/// The way in: files that nextest reads instead of the user's own, which hold all that those hold.
pub(super) fn enter(entrance: Entrance<'_>, call: &Call, left_out: &[&str], mut state: State) -> Result<Way, String> {
    let used = used(call, entrance.place)?;
    let mut command = Words::of(entrance.command, &call.subcommand);
    let names = names(left_out, &known_units(entrance, call)?);
    let selects = !names.is_empty() && may_select(call);
    if let Some(share) = entrance.share {
        // Every shard has the same share of all tests, whatever each knows and leaves out.
        command.add("--partition", &format!("hash:{}", share.shard));
    }
    let says_none = call.nextest.no_tests.is_some() || (entrance.place.variable)("NEXTEST_NO_TESTS").is_some();
    if (selects || entrance.share.is_some()) && !says_none {
        // Without us it would have run some: that all of them are left out is no failure.
        command.add("--no-tests", "pass");
    }
    if selects {
        let merged = write(entrance.run, "nextest.toml", &used.files.merged(&used.profile, &names)?)?;
        command.replace("--config-file", &merged);
        state.left_out = left_out.iter().map(|test| (*test).to_owned()).collect();
    }
    state.report = Some(if let Some(path) = used.files.junit_path(&used.profile) {
        used.workspace.join(path)
    } else {
        let report = entrance.run.join(FOLDER).join("report.xml");
        let tool = write(entrance.run, "report.toml", &reporting(&report.to_string_lossy(), false))?;
        command.append("--tool-config-file", &format!("titer:{tool}"));
        report
    });
    state.write(entrance.run)?;
    Ok(Way { command: command.words, environment: Environment::new() })
}

/// Whether leaving out is safe: a partition by count is counted over what is left, and other shards may leave out something else.
fn may_select(call: &Call) -> bool {
    let counted = call.nextest.partition.as_deref().is_some_and(|partition| !partition.starts_with("hash:"));
    !call.has(Flag::IgnoreDefaultFilter) && !call.has(Flag::NoRun) && !counted
}

fn own_file(call: &Call, folder: &Path, workspace: &Path) -> Option<PathBuf> {
    let named = call.nextest.config_file.as_ref().map(|file| folder.join(file));
    named.or_else(|| Some(workspace.join(".config/nextest.toml")).filter(|file| file.is_file()))
}

fn tool_files(call: &Call, folder: &Path) -> Vec<PathBuf> {
    let files = call.nextest.tool_config_files.iter().filter_map(|word| word.split_once(':'));
    files.map(|(_, file)| folder.join(file)).collect()
}

fn known_units(entrance: Entrance<'_>, call: &Call) -> Result<BTreeSet<String>, String> {
    let programs = project::programs(&asker(call, entrance.place.folder), &call.metadata_words())?;
    Ok(programs.programs.into_iter().map(|program| program.unit).collect())
}

fn names(left_out: &[&str], units: &BTreeSet<String>) -> Names {
    let mut names = Names::new();
    for test in left_out {
        if let Some((unit, name)) = unit_of(test, &|unit| units.contains(unit))
            && let Some(binary) = binary_of(unit)
        {
            names.entry(binary).or_default().insert(name.to_owned());
        }
    }
    names
}

fn write(run: &Path, name: &str, text: &str) -> Result<String, String> {
    let path = run.join(FOLDER).join(name);
    workspace::write_file(&path, text.as_bytes()).map_err(|error| in_words(&error))?;
    Ok(path.to_string_lossy().into_owned())
}

/// The user's words; options of ours stand right after the subcommand, before any word of theirs could swallow them.
struct Words {
    words: Vec<String>,
    at: usize,
}

impl Words {
    fn of(command: &[String], subcommand: &str) -> Self {
        let nextest = command.iter().position(|word| word == subcommand || word == "nextest").unwrap_or(0);
        let run = command.iter().skip(nextest).position(|word| matches!(word.as_str(), "run" | "r")).unwrap_or(0);
        Self { words: command.to_vec(), at: nextest + run + 1 }
    }

    fn end(&self) -> usize {
        self.words.iter().position(|word| word == "--").unwrap_or(self.words.len())
    }

    fn add(&mut self, option: &str, value: &str) {
        self.words.insert(self.at, format!("{option}={value}"));
    }

    /// After all of the user's own: of several the first counts.
    fn append(&mut self, option: &str, value: &str) {
        let end = self.end();
        self.words.insert(end, format!("{option}={value}"));
    }

    /// Gives an option that may stand only once a value of ours.
    fn replace(&mut self, option: &str, value: &str) {
        let end = self.end();
        let with_value = format!("{option}=");
        if let Some(at) = self.words[..end].iter().position(|word| word == option || word.starts_with(&with_value)) {
            let count = if self.words[at] == option { 2 } else { 1 };
            self.words.drain(at..(at + count).min(end));
        }
        self.add(option, value);
    }
}

/// Adds what nextest's report says of a run.
pub(super) fn add_report(trace: &mut Trace, state: &State, run: &Path) {
    let Some(report) = state.report.as_ref().filter(|report| is_of_this_run(report, run)) else { return };
    let Ok(bytes) = fs::read(report) else { return };
    match nextest_junit::read(&bytes) {
        Ok(told) => {
            for case in told.cases.iter().filter(|case| case.outcome != Ending::Skipped) {
                add_case(trace, case);
            }
            let collected = trace.collected.get_or_insert_default();
            collected.extend(state.left_out.iter().cloned());
            // It writes its report when it has come to its end.
            let failed =
                !told.failed_scripts.is_empty() || told.cases.iter().any(|case| case.outcome == Ending::Failed);
            trace.exit = Some(if failed { TESTS_FAILED } else { 0 });
        }
        Err(why) => trace.unhealthy.push(why),
    }
}

/// A report at the user's own path may be an older run's.
fn is_of_this_run(report: &Path, run: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
    changed(report) >= changed(&run.join("owner"))
}

fn add_case(trace: &mut Trace, case: &Case) {
    let unit = unit_of_binary(&case.binary, str::to_owned);
    let test = format!("{NAME}::{unit}::{}", case.test);
    let outcome = if case.outcome == Ending::Passed { "passed" } else { "failed" };
    let phase = |when: &str, outcome: &str, seconds: f64| Phase {
        test: test.clone(),
        when: when.to_owned(),
        outcome: outcome.to_owned(),
        xfail: false,
        seconds,
        worker: String::new(),
    };
    // Every attempt begins anew; only the last one counts.
    for _ in 1..case.attempts {
        trace.phases.push(phase("setup", "passed", 0.0));
    }
    trace.phases.push(phase("setup", "passed", 0.0));
    trace.phases.push(phase("call", outcome, case.seconds));
    trace.started.push(test.clone());
    trace.finished.insert(test.clone());
    trace.collected.get_or_insert_default().push(test);
}
