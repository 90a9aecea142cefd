//! What the processes of a run of cargo told, in no runner's own words.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::formats::cargo_told_v1::{self as told_v1, Doc, End, How, Program, Told, Verdict};
use crate::model::window::{Phase, Session, Trace, Window, WindowKind};

use super::call::{self, Call, Flag, Kind};
use super::state::{Direct, FOLDER, State};
use super::{NAME, functions, nextest, variant, words};
use crate::bridges::runners::Place;

/// A call of cargo: its words, and its folder.
type Caller = (Vec<String>, String);

/// One trace for every call of cargo.
pub(super) fn read(run: &Path, place: Place<'_>) -> Vec<Trace> {
    let Some(state) = State::read(run) else { return Vec::new() };
    let told = told(run);
    if state.direct.is_some() {
        let all: Vec<&Told> = told.iter().flatten().collect();
        return vec![trace(&all, &state, run, state.direct.as_ref(), place)];
    }
    let mut calls: BTreeMap<Caller, Vec<&Told>> = BTreeMap::new();
    for process in &told {
        if let Some(caller) = process.iter().find_map(caller) {
            calls.entry(caller).or_default().extend(process);
        }
    }
    calls.into_iter().filter_map(|(caller, told)| launched(caller, &told, &state, run, place)).collect()
}

/// What every process told, in the order of their files' names.
fn told(run: &Path) -> Vec<Vec<Told>> {
    let files = std::fs::read_dir(run.join(FOLDER).join("told")).into_iter().flatten().flatten();
    let mut read: Vec<(f64, Vec<Told>)> = files
        .filter_map(|file| std::fs::read(file.path()).ok())
        .map(|bytes| told_v1::read(&bytes))
        .map(|told| (told.iter().find_map(at).unwrap_or(f64::MAX), told))
        .collect();
    read.sort_by(|a, b| a.0.total_cmp(&b.0));
    read.into_iter().map(|(_, told)| told).collect()
}

/// The executables that ran in a run, by their unit.
pub(super) fn started(run: &Path) -> BTreeMap<String, PathBuf> {
    let lines = told(run).into_iter().flatten();
    let programs = lines.filter_map(|line| if let Told::Program(program) = line { Some(program) } else { None });
    programs.map(|program| (program.unit, PathBuf::from(program.exe))).collect()
}

fn at(told: &Told) -> Option<f64> {
    if let Told::Program(program) = told { program.at } else { None }
}

fn caller(told: &Told) -> Option<Caller> {
    match told {
        Told::Program(Program { argv, cargo_cwd, .. }) | Told::Doc(Doc { argv, cargo_cwd, .. }) => {
            (!argv.is_empty()).then(|| (argv.clone(), cargo_cwd.clone()))
        }
        Told::Log { .. } | Told::End(_) | Told::Test(_) | Told::Health { .. } | Told::Unknown => None,
    }
}

/// A call that something else made: what it ran under is found out from its own words.
fn launched(caller: Caller, told: &[&Told], state: &State, run: &Path, place: Place<'_>) -> Option<Trace> {
    let (argv, folder) = caller;
    let command: Vec<String> = std::iter::once(NAME.to_owned()).chain(argv.into_iter().skip(1)).collect();
    let call = call::parse(&command).ok()?;
    let (id, inputs) = variant(&call, Path::new(&folder), place).ok()?;
    let direct = Direct { command: command.clone(), variant: id, inputs: inputs.to_string(), target: None };
    let mut found = trace(told, state, run, Some(&direct), place);
    let below = Path::new(&folder).strip_prefix(place.root).ok()?.to_string_lossy().into_owned();
    if let Some(session) = &mut found.session {
        session.call = Some((command, if below.is_empty() { ".".to_owned() } else { below }));
    }
    Some(found)
}

fn trace(told: &[&Told], state: &State, run: &Path, direct: Option<&Direct>, place: Place<'_>) -> Trace {
    let command = direct.map(|direct| direct.command.clone()).unwrap_or_default();
    let call = call::parse(&command).unwrap_or_default();
    let collector = match (state.record, state.by_function) {
        (false, _) => "",
        (true, false) => "units",
        (true, true) => "functions",
    };
    let mut trace = Trace {
        collector: collector.to_owned(),
        traced: state.traced,
        session: direct.map(|direct| session(direct, &call)),
        filtered: narrows(&call),
        counted: direct.and_then(|direct| direct.target.clone()),
        ..Trace::default()
    };
    let mut reader = Reader {
        trace: &mut trace,
        programs: BTreeMap::new(),
        seen: BTreeSet::new(),
        ended: true,
        logged: BTreeSet::new(),
        failed: BTreeSet::new(),
    };
    for line in told {
        reader.add(line);
    }
    let (programs, ended) = (reader.programs, reader.ended);
    if state.by_function {
        functions::add(&mut trace, told, &programs, place.root);
    }
    nextest::add_report(&mut trace, state, run);
    let failed = trace.exit.is_some_and(|code| code != 0);
    // nextest's configuration has a say in it, too.
    let goes_on = call.kind != Kind::Nextest && call.flags.contains(&Flag::NoFailFast);
    trace.cut_short = failed && !goes_on;
    if !ended {
        trace.exit = None;
    }
    trace
}

fn session(direct: &Direct, call: &Call) -> Session {
    let inputs: serde_json::Value = serde_json::from_str(&direct.inputs).unwrap_or_default();
    Session {
        project: inputs.get("root").and_then(|root| root.as_str()).unwrap_or_default().to_owned(),
        variant: direct.variant.clone(),
        inputs: direct.inputs.clone(),
        writes: !call.is_plain(),
        runner: NAME.to_owned(),
        ..Session::default()
    }
}

/// Whether the user's own words may keep tests of a program out.
fn narrows(call: &Call) -> bool {
    !call.filters.is_empty() || words::narrows(&call.harness)
}

struct Reader<'a> {
    trace: &'a mut Trace,
    /// Programs by their unit: what was asked of them, and the number of their window.
    programs: BTreeMap<String, (Program, u64)>,
    seen: BTreeSet<i64>,
    /// Whether everything that was started ended.
    ended: bool,
    /// Units whose harness wrote down what happened.
    logged: BTreeSet<String>,
    /// Tests that failed: one that runs again for another target does not take that back.
    failed: BTreeSet<String>,
}

impl Reader<'_> {
    fn add(&mut self, told: &Told) {
        match told {
            Told::Program(program) => self.begin(program),
            Told::Log { unit, lines } => self.log(unit, lines),
            Told::End(end) => self.end(end),
            Told::Doc(doc) => self.doc(doc),
            Told::Health { ok: false, what } => self.trace.unhealthy.push(what.clone()),
            Told::Test(_) | Told::Health { .. } | Told::Unknown => {}
        }
    }

    fn begin(&mut self, program: &Program) {
        if self.trace.pid == 0 {
            self.trace.pid = i64::from(program.pid);
        }
        let number = self.trace.windows.len() as u64 + 1;
        if let Some(child) = program.child {
            self.trace.windows.push(Window::new(WindowKind::Fixture, &program.unit, number));
            let again = !self.seen.insert(i64::from(child));
            if again {
                // The number of a process came round: whose doings were seen cannot be told.
                self.trace.unhealthy.push("two test programs had the same process number".to_owned());
            }
            self.trace.alone.insert(i64::from(child), number);
            self.ended = false;
        }
        if program.harness == "plain" {
            let test = id(&program.unit, "");
            self.trace.collected.get_or_insert_default().push(test.clone());
            if program.child.is_some() {
                self.trace.started.push(test);
            }
        }
        let ids = |names: &[String]| names.iter().map(|name| id(&program.unit, name)).collect::<Vec<_>>();
        if program.how != How::Untouched {
            self.trace.collected.get_or_insert_default().extend(ids(&program.listed));
            self.trace.files.push(program.unit.clone());
        }
        self.trace.started.extend(ids(&program.asked));
        self.programs.insert(program.unit.clone(), (program.clone(), number));
    }

    /// What the harness wrote down itself, test by test.
    fn log(&mut self, unit: &str, lines: &[(Verdict, String)]) {
        self.logged.insert(unit.to_owned());
        for (verdict, name) in lines {
            let outcome = match verdict {
                Verdict::Ok => "passed",
                Verdict::Failed => "failed",
                Verdict::Ignored => continue,
            };
            self.report(&id(unit, name), outcome);
        }
    }

    fn report(&mut self, test: &str, outcome: &str) {
        let outcome = if self.failed.contains(test) { "failed" } else { outcome };
        if outcome == "failed" {
            self.failed.insert(test.to_owned());
        }
        let phase = |when: &str, outcome: &str| Phase {
            test: test.to_owned(),
            when: when.to_owned(),
            outcome: outcome.to_owned(),
            xfail: false,
            seconds: 0.0,
            worker: String::new(),
        };
        self.trace.phases.push(phase("setup", "passed"));
        self.trace.phases.push(phase("call", outcome));
        self.trace.finished.insert(test.to_owned());
    }

    fn end(&mut self, end: &End) {
        let Some((program, _)) = self.programs.get(&end.unit).cloned() else { return };
        self.ended = true;
        let code = end.code.unwrap_or(128 + end.signal.unwrap_or_default());
        self.trace.exit = Some(self.trace.exit.unwrap_or(0).max(i64::from(code)));
        let mut asked: Vec<String> = program.asked.iter().map(|name| id(&end.unit, name)).collect();
        if program.harness == "plain" {
            asked = vec![id(&end.unit, "")];
        }
        let told: BTreeSet<&String> = asked.iter().filter(|test| self.trace.finished.contains(*test)).collect();
        let silent: Vec<String> = asked.iter().filter(|test| !told.contains(test)).cloned().collect();
        // Where the harness wrote nothing down, its exit code speaks for all. A test that began and is not in what it wrote down
        // ended the process, or would have come after one that did. A plain program is one test, and always has a verdict.
        if code == 0 && !self.logged.contains(&end.unit) {
            for test in &silent {
                self.report(test, "passed");
            }
        } else if program.harness == "plain" {
            for test in &silent {
                self.report(test, "failed");
            }
        }
        let ours: BTreeSet<&String> = asked.iter().collect();
        #[allow(clippy::cast_precision_loss, reason = "a number of tests")]
        let each = end.seconds / asked.len().max(1) as f64;
        for phase in self.trace.phases.iter_mut().filter(|phase| phase.when == "call" && ours.contains(&phase.test)) {
            phase.seconds = each;
        }
    }

    /// The documentation tests of a package are one test.
    fn doc(&mut self, doc: &Doc) {
        let test = id(&doc.unit, "");
        self.trace.collected.get_or_insert_default().push(test.clone());
        self.trace.files.push(doc.unit.clone());
        if doc.how == How::None {
            return;
        }
        self.trace.started.push(test.clone());
        self.report(&test, if doc.code == Some(0) { "passed" } else { "failed" });
        if let Some(phase) = self.trace.phases.last_mut() {
            phase.seconds = doc.seconds;
        }
        let code = i64::from(doc.code.unwrap_or(1));
        self.trace.exit = Some(self.trace.exit.unwrap_or(0).max(code));
    }
}

/// A test's id.
pub(super) fn id(unit: &str, name: &str) -> String {
    if name.is_empty() { format!("{NAME}::{unit}") } else { format!("{NAME}::{unit}::{name}") }
}
