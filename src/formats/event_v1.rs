//! `event_v1`: what an adapter inside a runner tells, one JSON object a line, one file a process.
//!
//! A last line that a kill tore is counted and dropped. Kinds of line that this version does not know are passed over, so that
//! an adapter may tell more than a reader understands.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::variant_v1;
use crate::model::window::{Ask, Code, Module, Phase, Session, Trace, Window, WindowKind};

/// The number of this format.
pub const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
enum Line {
    Hello(Hello),
    Session(SessionLine),
    Collected(Collected),
    Start {
        id: String,
    },
    Phase(PhaseLine),
    Finish {
        id: String,
    },
    /// A test file begins, where its tests are told all at once.
    File {
        id: String,
    },
    Tests(TestsLine),
    /// Source that a compiler looked at for all that it compiles.
    Types {
        p: Vec<String>,
    },
    Code(CodeLine),
    Window(WindowLine),
    Node {
        i: u32,
        n: String,
    },
    Import(ImportLine),
    /// First-party code that ran in a child, told at once.
    Hit {
        i: u32,
        by: i64,
    },
    /// Files and folders that a child touched.
    Touched {
        #[serde(default)]
        reads: Vec<String>,
        #[serde(default)]
        lists: Vec<String>,
        #[serde(default)]
        ignored: Vec<String>,
        #[serde(default)]
        opaque: Vec<String>,
    },
    Health {
        ok: bool,
        what: String,
    },
    End {
        exit: i64,
        /// Whether it ended before it had come to all test files.
        #[serde(default)]
        cut: bool,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct Hello {
    pid: i64,
    worker: String,
    #[serde(default)]
    collector: String,
    #[serde(default)]
    traced: bool,
    #[serde(default)]
    child: bool,
    #[serde(default)]
    owner: i64,
    #[serde(default)]
    w: u64,
    /// The process that called this worker of it.
    #[serde(default)]
    caller: i64,
    #[serde(default)]
    thread: u32,
}

/// All tests of a file: name, how it ended, seconds, tries.
#[derive(Deserialize)]
struct TestsLine {
    id: String,
    p: String,
    tests: Vec<(String, String, f64, u32)>,
    /// The user's own pattern may have kept some out.
    #[serde(default)]
    narrowed: bool,
    /// The file, not a test, failed.
    #[serde(default)]
    broken: bool,
    /// The runner may fail of something in the file that is no test.
    #[serde(default)]
    loose: bool,
}

#[derive(Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is another answer of the runner")]
struct SessionLine {
    rootdir: String,
    inipath: Option<String>,
    variant: String,
    inputs: serde_json::Value,
    whole: Option<String>,
    #[serde(default)]
    writes: bool,
    #[serde(default)]
    coverage: bool,
    #[serde(default)]
    collect_only: bool,
    #[serde(default)]
    copies: bool,
    #[serde(default)]
    worker: Option<String>,
    launch: Launch,
}

#[derive(Deserialize)]
struct Launch {
    exe: String,
    sites: Vec<String>,
}

#[derive(Deserialize)]
struct Collected {
    ids: Vec<String>,
    #[serde(default)]
    filtered: u64,
    #[serde(default)]
    errors: u64,
    #[serde(default)]
    files: Vec<String>,
}

#[derive(Deserialize)]
struct PhaseLine {
    id: String,
    when: String,
    outcome: String,
    #[serde(default)]
    xfail: bool,
    #[serde(default)]
    seconds: f64,
    #[serde(default)]
    worker: String,
}

#[derive(Deserialize)]
struct CodeLine {
    i: u32,
    p: String,
    l: u32,
    q: Option<String>,
    /// The plain name, where the interpreter knows no qualified one (before Python 3.11).
    #[serde(default)]
    n: Option<String>,
}

impl CodeLine {
    fn qualified(&mut self) -> Option<String> {
        // A module's own code begins on line 1, as a function there may: only its name tells them apart.
        self.q.take().or_else(|| self.n.take().filter(|name| name == "<module>"))
    }
}

#[derive(Deserialize)]
struct WindowLine {
    w: u64,
    k: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    codes: Vec<(u32, i64)>,
    #[serde(default)]
    reads: Vec<String>,
    #[serde(default)]
    lists: Vec<String>,
    #[serde(default)]
    asked: Vec<String>,
    #[serde(default)]
    places: Vec<String>,
    #[serde(default)]
    variables: Vec<String>,
    #[serde(default)]
    wrote: Vec<String>,
    #[serde(default)]
    opaque: Vec<String>,
    #[serde(default)]
    by: Vec<(String, i64)>,
    #[serde(default)]
    started: Vec<String>,
    #[serde(default)]
    ignored: Vec<String>,
    #[serde(default)]
    parts: Vec<u64>,
    #[serde(default)]
    uses: Vec<u64>,
    #[serde(default = "yes")]
    closed: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct ImportLine {
    from: i64,
    #[serde(default)]
    to: BTreeSet<u32>,
    #[serde(default)]
    probes: Vec<(String, String)>,
    w: Option<u64>,
    #[serde(default)]
    by: BTreeSet<u32>,
    #[serde(default)]
    called: BTreeSet<u32>,
}

/// Reads everything that one process told.
#[must_use]
pub fn read(bytes: &[u8]) -> Trace {
    let mut trace = Trace::default();
    // Imports by nobody of a module are told before the window in which they happened.
    let mut imports = Vec::new();
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(Line::Import(import)) => imports.push(import),
            Ok(line) => apply(&mut trace, line),
            Err(_) => trace.torn_lines += 1,
        }
    }
    for import in imports {
        add_import(&mut trace, import);
    }
    trace
}

fn apply(trace: &mut Trace, line: Line) {
    match line {
        Line::Hello(hello) => {
            trace.pid = hello.pid;
            if !hello.worker.is_empty() {
                trace.worker = hello.worker;
            }
            trace.collector = hello.collector;
            trace.traced = hello.traced;
            trace.child_of = hello.child.then_some((hello.owner, hello.w));
            trace.caller = (hello.caller != 0).then_some(hello.caller);
            trace.thread = hello.thread;
        }
        Line::Session(session) => {
            if let Some(worker) = session.worker.clone().filter(|worker| !worker.is_empty()) {
                trace.worker = worker;
            }
            if variant_v1::digest(&session.inputs) != session.variant {
                trace.unhealthy.push("the variant's digest is not that of its inputs".to_owned());
            }
            trace.session = Some(session_of(session));
        }
        Line::Collected(collected) => {
            trace.filtered |= collected.filtered > 0;
            trace.collected.get_or_insert_default().extend(collected.ids);
            trace.errors += collected.errors;
            trace.files.extend(collected.files);
        }
        Line::Start { id } => {
            // A second try: what its process dies of is not over with the first.
            trace.finished.remove(&id);
            trace.started.push(id);
        }
        Line::Phase(phase) => trace.phases.push(phase_of(phase)),
        Line::Finish { id } => {
            trace.finished.insert(id);
        }
        Line::File { id } => trace.started.push(id),
        Line::Tests(tests) => add_tests(trace, tests),
        Line::Types { p } => trace.types.extend(p),
        Line::Code(mut code) => {
            let qualified = code.qualified();
            trace.codes.insert(code.i, Code { path: code.p, line: code.l, qualified });
        }
        Line::Window(window) => add_window(trace, window),
        Line::Node { i, n } => trace.modules.entry(i).or_default().name = n,
        Line::Hit { i, by } => {
            child_window(trace).codes.insert((i, u32::try_from(by).ok()));
        }
        Line::Touched { reads, lists, ignored, opaque } => {
            let window = child_window(trace);
            window.reads.extend(reads);
            window.lists.extend(lists);
            window.ignored.extend(ignored);
            window.opaque.extend(opaque);
        }
        Line::Import(_) | Line::Health { ok: true, .. } | Line::Unknown => {}
        Line::Health { ok: false, what } => trace.unhealthy.push(what),
        Line::End { exit, cut } => {
            trace.exit = Some(exit);
            trace.cut_short |= cut;
        }
    }
}

/// A file is over: its tests take its place.
fn add_tests(trace: &mut Trace, line: TestsLine) {
    let file = line.id;
    let phase = |test: &str, when: &str, outcome: &str, seconds: f64| Phase {
        test: test.to_owned(),
        when: when.to_owned(),
        outcome: outcome.to_owned(),
        xfail: false,
        seconds,
        worker: String::new(),
    };
    if line.broken {
        trace.finished.insert(file.clone());
        trace.phases.extend([phase(&file, "setup", "passed", 0.0), phase(&file, "call", "failed", 0.0)]);
        trace.collected.get_or_insert_default().push(file);
        return;
    }
    if let Some(at) = trace.started.iter().position(|started| *started == file) {
        trace.started.remove(at);
    }
    if line.narrowed {
        trace.filtered = true;
    } else {
        trace.files.push(line.p);
    }
    if line.narrowed || line.loose {
        trace.unsound.insert(file.clone());
    }
    for (name, outcome, seconds, tries) in line.tests {
        let mut id = format!("{file}::{name}");
        let mut number = 1;
        while trace.finished.contains(&id) {
            number += 1;
            id = format!("{file}::{name}#{number}");
        }
        trace.finished.insert(id.clone());
        trace.started.push(id.clone());
        trace.collected.get_or_insert_default().push(id.clone());
        trace.again.extend(line.loose.then(|| id.clone()));
        for _ in 1..tries {
            trace.phases.extend([phase(&id, "setup", "passed", 0.0), phase(&id, "call", "failed", 0.0)]);
        }
        trace.phases.extend([phase(&id, "setup", "passed", 0.0), phase(&id, "call", &outcome, seconds)]);
    }
}

/// A child has one window: the one that it was started in.
fn child_window(trace: &mut Trace) -> &mut Window {
    let number = trace.child_of.map_or(0, |(_, window)| window);
    let at = trace.windows.iter().position(|window| window.number == number).unwrap_or_else(|| {
        trace.windows.push(Window::new(WindowKind::Process, "", number));
        trace.windows.len() - 1
    });
    &mut trace.windows[at]
}

fn session_of(line: SessionLine) -> Session {
    Session {
        project: line.rootdir,
        configuration: line.inipath,
        variant: line.variant,
        inputs: line.inputs.to_string(),
        whole: line.whole,
        writes: line.writes,
        coverage: line.coverage,
        collect_only: line.collect_only,
        copies: line.copies,
        interpreter: line.launch.exe,
        sites: line.launch.sites,
        runner: String::new(),
        call: None,
    }
}

fn phase_of(line: PhaseLine) -> Phase {
    Phase {
        test: line.id,
        when: line.when,
        outcome: line.outcome,
        xfail: line.xfail,
        seconds: line.seconds,
        worker: line.worker,
    }
}

fn kind_of(word: &str) -> Option<WindowKind> {
    Some(match word {
        "process" => WindowKind::Process,
        "import" => WindowKind::Import,
        "collect" => WindowKind::Collect,
        "fixture" => WindowKind::Fixture,
        "test" => WindowKind::Test,
        _ => return None,
    })
}

/// Several lines of one window are added up.
fn add_window(trace: &mut Trace, line: WindowLine) {
    let Some(kind) = kind_of(&line.k) else {
        trace.unhealthy.push(format!("a window of the unknown kind {}", line.k));
        return;
    };
    let same = |w: &Window| w.number == line.w && w.kind == kind && w.name == line.n;
    // Lines of one window stand near each other: look from the end.
    let at = trace.windows.iter().rposition(same).unwrap_or_else(|| {
        trace.windows.push(Window::new(kind.clone(), &line.n, line.w));
        trace.windows.len() - 1
    });
    let window = &mut trace.windows[at];
    window.codes.extend(line.codes.iter().map(|&(code, caller)| (code, u32::try_from(caller).ok())));
    window.reads.extend(line.reads);
    window.lists.extend(line.lists);
    window.probed.extend(line.asked);
    window.places.extend(line.places);
    window.variables.extend(line.variables);
    window.wrote.extend(line.wrote);
    window.opaque.extend(line.opaque);
    window.started.extend(line.started);
    window.ignored.extend(line.ignored);
    window.parts.extend(line.parts);
    window.by.extend(line.by.into_iter().map(|(what, code)| (what, u32::try_from(code).ok())));
    window.uses.extend(line.uses);
    window.closed &= line.closed;
}

fn add_import(trace: &mut Trace, line: ImportLine) {
    let from = u32::try_from(line.from).ok();
    if let (Some(from), None) = (from, line.w) {
        let module: &mut Module = trace.modules.entry(from).or_default();
        module.imports.extend(line.to);
        module.probes.extend(line.probes);
        return;
    }
    let number = line.w.unwrap_or_default();
    let at = trace.windows.iter().rposition(|window| window.number == number).unwrap_or_else(|| {
        // A window that was never written (a kill): what it imported belongs to the process.
        trace.windows.push(Window::new(WindowKind::Process, "", number));
        trace.windows.len() - 1
    });
    if let Some(file) = from {
        trace.windows[at].asked.insert(Ask { file, modules: line.to.clone(), under_way: line.by, called: line.called });
    }
    trace.windows[at].imports.extend(line.to);
    trace.windows[at].probes.extend(line.probes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_costs_only_itself() {
        let trace = read(b"{\"v\":1,\"e\":\"start\",\"id\":\"pytest::a.py::t\"}\n{\"v\":1,\"e\":\"fin");
        assert_eq!((trace.started.len(), trace.torn_lines), (1, 1));
    }

    #[test]
    fn lines_of_one_window_are_added_up() {
        let trace = read(
            br#"{"v":1,"e":"window","w":1,"k":"process","n":"","codes":[[1,-1]]}
{"v":1,"e":"window","w":1,"k":"process","n":"","codes":[[2,1]],"reads":["a.json"]}"#,
        );
        assert_eq!(trace.windows.len(), 1);
        assert_eq!(trace.windows[0].codes.len(), 2);
    }

    #[test]
    fn what_a_window_imported_is_its_own_though_told_before_it() {
        let trace = read(
            br#"{"v":1,"e":"import","from":-1,"to":[3],"probes":[],"w":5}
{"v":1,"e":"window","w":5,"k":"collect","n":"a.py"}"#,
        );
        assert_eq!(trace.windows.len(), 1);
        assert_eq!((&trace.windows[0].kind, trace.windows[0].imports.len()), (&WindowKind::Collect, 1));
    }

    #[test]
    fn an_unknown_kind_of_line_is_passed_over() {
        assert_eq!(read(br#"{"v":1,"e":"from-the-future","x":1}"#).torn_lines, 0);
    }
}
