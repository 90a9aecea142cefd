//! jest, entered by a file that every node of the command loads first (`NODE_OPTIONS=--require`).
//!
//! A `node` of ours stands first on `PATH` and puts that back where a script sets `NODE_OPTIONS` itself. Nothing is added to the
//! command and no configuration is written: the adapter hands jest its own with a reporter and a filter more.
//! Design: `runners-jest.md`, section 10.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bridges::process::{self, Environment};
use crate::formats::{event_v1, package_json};
use crate::model::change::{FoundBy, Language, PathClass, TestSort};
use crate::model::window::{Code, Trace, Window, WindowKind};

use super::adapter::JEST_FILES;
use super::command_line::{base_name, is_launcher, value_of};
use super::{Adapter, Entrance, Place, Recognition, Runner, Way, option_of};

/// Its name.
pub const NAME: &str = "jest";
/// The oldest that is entered.
const OLDEST: u32 = 29;

/// The file that comes first in every node.
const PRELOAD: &str = "titer_jest/preload.js";

/// Programs that start what a project's own scripts say.
const PACKAGE_MANAGERS: [&str; 13] = [
    "npm",
    "npx",
    "yarn",
    "yarnpkg",
    "pnpm",
    "pnpx",
    "bun",
    "bunx",
    "lerna",
    "nx",
    "turbo",
    "react-scripts",
    "corepack",
];

/// The runner.
#[derive(Debug, Clone, Copy)]
pub struct Jest;

impl Runner for Jest {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sort(&self) -> TestSort {
        TestSort { language: Language::Script, by_file: true }
    }

    fn workers(&self, command: &[String], cores: u64) -> u64 {
        if command.iter().any(|word| ["-i", "--runInBand"].contains(&word.as_str())) {
            return 1;
        }
        let said = value_of(command, &["-w", "--maxWorkers"]);
        let part = said.and_then(|said| said.strip_suffix('%')).and_then(|percent| percent.parse::<u64>().ok());
        let number = part.map(|percent| cores * percent / 100).or_else(|| said.and_then(|said| said.parse().ok()));
        // jest's own default leaves a core to itself.
        number.unwrap_or(cores.saturating_sub(1))
    }

    fn shares_out<'a>(&self, command: &'a [String]) -> Option<&'a str> {
        option_of(command, &["--shard"])
    }

    fn recognise(&self, command: &[String]) -> Option<Recognition> {
        let program = base_name(command.first()?);
        let arguments = &command[1..];
        if is_jest(program) || (is_node(program) && arguments.iter().any(|word| is_jest(word))) {
            return Some(Recognition::Runner);
        }
        let is_manager = PACKAGE_MANAGERS.contains(&program);
        if is_manager && arguments.iter().any(|word| is_jest(word)) {
            return Some(Recognition::Runner);
        }
        (is_manager || is_node(program) || is_launcher(program)).then_some(Recognition::Launcher)
    }

    fn adapter(&self) -> Option<Adapter> {
        let files = JEST_FILES.into_iter().collect();
        Some(Adapter { files, package: "", child_files: BTreeMap::new(), plan: "plan-jest.json" })
    }

    fn enter(&self, entrance: Entrance<'_>) -> Result<Way, String> {
        let variable = |name: &str| (entrance.place.variable)(name).filter(|value| !value.is_empty());
        let preload = entrance.adapter.join(PRELOAD);
        let Some(preload) = preload.to_str().filter(|path| !path.contains(['"', '\\'])) else {
            return Err(format!("node cannot be told of {}", preload.display()));
        };
        let option =
            if preload.contains(' ') { format!("--require=\"{preload}\"") } else { format!("--require={preload}") };
        let after = |name: &str, between: &str, ours: &str| {
            let mut value = variable(name).unwrap_or_default();
            if !value.is_empty() {
                value.push(between);
            }
            value.push(ours);
            value
        };
        let mut environment: Environment = vec![
            ("NODE_OPTIONS".into(), Some(after("NODE_OPTIONS", " ", &option))),
            ("TITER_JEST".into(), Some(entrance.run.as_os_str().to_owned())),
            ("TITER_JEST_PRELOAD".into(), Some(OsString::from(&option))),
        ];
        if let Some(theirs) = variable("PATH") {
            let mut path = entrance.adapter.join("bin").into_os_string();
            path.push(":");
            path.push(theirs);
            environment.push(("PATH".into(), Some(path)));
        }
        Ok(Way { command: entrance.command.to_vec(), environment })
    }

    fn keep_aside(&self, _: &Path, _: &mut Environment) {}

    fn is_always_started(&self) -> bool {
        // It finds out in half a second what there is, and its output stays its own.
        true
    }

    fn has_second_pass(&self) -> bool {
        false
    }

    fn traces(&self, run: &Path, _: Place<'_>) -> Vec<Trace> {
        let Ok(files) = fs::read_dir(run.join("jest")) else { return Vec::new() };
        let mut paths: Vec<_> = files.flatten().map(|file| file.path()).collect();
        paths.sort();
        let told = paths.iter().filter_map(|path| fs::read(path).ok()).map(|bytes| event_v1::read(&bytes));
        put_together(told.collect())
    }

    fn asks_for_tests_alone(&self, _: &[String], _: Place<'_>) -> bool {
        false
    }

    fn finds_tests_by(&self, _: &str, _: PathClass) -> FoundBy {
        FoundBy::Presence
    }

    fn deciding_variables(&self) -> &'static [&'static str] {
        &["NODE_", "JEST_", "BABEL_", "TS_"]
    }
}

/// The folder of the innermost package around `folder` in which jest is installed, and its version.
#[must_use]
pub fn installed_around(folder: &Path, root: &Path) -> Option<(PathBuf, String)> {
    folder.ancestors().take_while(|at| at.starts_with(root)).find_map(|at| {
        let bytes = fs::read(at.join("node_modules/jest/package.json")).ok()?;
        Some((at.to_owned(), package_json::version(&bytes)?))
    })
}

/// Whether jest of this version can be entered in a folder: what node there calls itself.
///
/// # Errors
/// It cannot; the sentence says why.
pub fn examine(folder: &Path, version: &str) -> Result<String, String> {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or_default();
    if major < OLDEST {
        return Err(format!("jest {version} is older than {OLDEST}"));
    }
    let said = process::capture("node", &["--version"], folder, &[]).map_err(|error| format!("no node: {error}"))?;
    Ok(format!("jest {version} and node {}", String::from_utf8_lossy(&said).trim()))
}

fn is_jest(word: &str) -> bool {
    matches!(base_name(word), "jest" | "jest.js" | "jest.CMD" | "jest-cli")
}

fn is_node(program: &str) -> bool {
    matches!(program, "node" | "nodejs")
}

/// Workers with the session of the process that called them; threads within the trace of their process.
fn put_together(told: Vec<Trace>) -> Vec<Trace> {
    let (threads, mut traces): (Vec<Trace>, Vec<Trace>) = told.into_iter().partition(|trace| trace.thread > 0);
    for thread in threads {
        if let Some(process) = traces.iter_mut().find(|trace| trace.pid == thread.pid) {
            take_in(process, thread);
        }
    }
    traces.iter_mut().filter(|trace| trace.caller.is_none()).for_each(doubt);
    let calls: BTreeMap<i64, Trace> = traces
        .iter()
        .filter(|trace| trace.caller.is_none())
        .map(|trace| {
            let (mut session, unsound) = (trace.session.clone(), trace.unsound.clone());
            if let Some(session) = &mut session {
                NAME.clone_into(&mut session.runner);
            }
            (trace.pid, Trace { session, unsound, unhealthy: trace.unhealthy.clone(), ..Trace::default() })
        })
        .collect();
    let callers: BTreeSet<i64> = traces.iter().filter_map(|trace| trace.caller).collect();
    for trace in &mut traces {
        let Some(call) = calls.get(&trace.caller.unwrap_or(trace.pid)) else { continue };
        trace.session.clone_from(&call.session);
        if trace.caller.is_some() {
            // What it did for all tests is theirs, too: where that is not known, nothing is.
            trace.unhealthy.extend(call.unhealthy.iter().cloned());
        }
        for window in trace.windows.iter_mut().filter(|window| call.unsound.contains(&window.name)) {
            window.closed = false;
        }
        let runs_tests = trace.windows.iter().any(|window| window.kind == WindowKind::Test);
        if callers.contains(&trace.pid) && !runs_tests {
            "controller".clone_into(&mut trace.worker);
        }
    }
    // A worker whose caller never came to its configuration has nothing to say.
    traces.retain(|trace| trace.caller.is_none() || trace.session.is_some());
    traces
}

/// A call that failed though no test did (a teardown, an error that came too late, a threshold): something did it, and nobody knows
/// what, so all of its tests run again.
fn doubt(call: &mut Trace) {
    let no_test_failed = call.phases.iter().all(|phase| phase.outcome != "failed" || call.passed_at_last(&phase.test));
    if call.exit.is_some_and(|exit| exit != 0) && no_test_failed {
        call.again.extend(call.started.iter().cloned());
        call.unsound.extend(call.files.iter().map(|file| format!("jest::{file}")));
    }
}

/// Threads write down the windows of one process.
fn take_in(process: &mut Trace, thread: Trace) {
    let next = process.codes.keys().last().map_or(0, |last| last + 1);
    let moved: BTreeMap<u32, u32> = thread.codes.keys().copied().zip(next..).collect();
    let codes = |codes: &BTreeSet<(u32, Option<u32>)>| {
        codes.iter().filter_map(|(code, _)| Some((*moved.get(code)?, None))).collect::<BTreeSet<_>>()
    };
    process
        .windows
        .extend(thread.windows.iter().map(|window| Window { codes: codes(&window.codes), ..window.clone() }));
    let fresh = thread.codes.iter().filter_map(|(code, what)| Some((*moved.get(code)?, Code::clone(what))));
    process.codes.extend(fresh.collect::<Vec<_>>());
    process.types.extend(thread.types);
    process.unhealthy.extend(thread.unhealthy);
    process.torn_lines += thread.torn_lines;
    process.thread = process.thread.max(thread.thread);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_recognised() {
        for (line, expected) in [
            ("jest", Some(Recognition::Runner)),
            ("npx jest -w 2", Some(Recognition::Runner)),
            ("yarn jest", Some(Recognition::Runner)),
            ("pnpm exec jest", Some(Recognition::Runner)),
            ("node --experimental-vm-modules node_modules/jest/bin/jest.js", Some(Recognition::Runner)),
            ("node_modules/.bin/jest", Some(Recognition::Runner)),
            ("npm test", Some(Recognition::Launcher)),
            ("node scripts/test.js", Some(Recognition::Launcher)),
            ("make check", Some(Recognition::Launcher)),
            ("cargo test", None),
            ("pytest", None),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(Jest.recognise(&words), expected, "{line}");
        }
    }

    #[test]
    fn a_call_that_failed_though_no_test_did_vouches_for_none_of_them() {
        let call = |exit, outcome: &str| {
            let phase = |when: &str, outcome: &str| crate::model::window::Phase {
                test: "jest::a.test.js::t".to_owned(),
                when: when.to_owned(),
                outcome: outcome.to_owned(),
                xfail: false,
                seconds: 0.0,
                worker: String::new(),
            };
            let mut trace = Trace {
                pid: 1,
                exit: Some(exit),
                started: vec!["jest::a.test.js::t".to_owned()],
                files: vec!["a.test.js".to_owned()],
                phases: vec![phase("setup", "passed"), phase("call", outcome)],
                windows: vec![Window::new(WindowKind::Test, "jest::a.test.js", 1)],
                ..Trace::default()
            };
            trace.session = Some(crate::model::window::Session::default());
            put_together(vec![trace]).remove(0)
        };
        for (exit, outcome, sound) in [(0, "passed", true), (1, "failed", true), (1, "passed", false)] {
            let trace = call(exit, outcome);
            assert_eq!((trace.again.is_empty(), trace.windows[0].closed), (sound, sound), "{exit} {outcome}");
        }
    }

    #[test]
    fn workers_get_the_session_of_their_caller_and_threads_its_trace() {
        let session =
            Some(crate::model::window::Session { variant: "v".into(), runner: NAME.into(), ..Default::default() });
        let caller = Trace { pid: 1, session: session.clone(), ..Trace::default() };
        let worker = Trace { pid: 2, caller: Some(1), ..Trace::default() };
        let code = Code { path: "a.js".to_owned(), line: 0, qualified: None };
        let mut window = Window::new(WindowKind::Test, "jest::a.test.js", 1_000_001);
        window.codes.insert((0, None));
        let (codes, windows) = ([(0, code.clone())].into(), vec![window]);
        let thread = Trace { pid: 1, caller: Some(1), thread: 1, codes, windows, ..Trace::default() };
        let workers = put_together(vec![caller.clone(), worker]);
        assert_eq!((workers[0].worker.as_str(), &workers[1].session), ("controller", &session));
        let blind = Trace { unhealthy: vec!["it broke".to_owned()], ..caller.clone() };
        let worker = Trace { pid: 2, caller: Some(1), ..Trace::default() };
        assert_eq!(put_together(vec![blind, worker])[1].unhealthy, ["it broke"]);
        let threads = put_together(vec![caller, thread]);
        assert_eq!((threads.len(), threads[0].worker.as_str(), &threads[0].codes[&0]), (1, "", &code));
    }
}
