//! What the file tracer saw, given to the windows in which it was done: files, folders, paths asked for, processes not seen.
//!
//! The tracer sees every process and cannot tell why a path was touched; the adapter sees one process and can. What the adapter
//! passed over (imports, the runner's own search for tests) is passed over here, what only the tracer saw counts.
//! Design: `runners-files.md`, sections 4 and 8.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::touch::{Touch, TouchKind, Touches};
use crate::model::tree::{Mode, REPOSITORY};
use crate::model::window::{Code, Trace, Window, WindowKind};

use super::alone;
use super::balance::unseen;
use super::children::{Numbers, adopt};
use super::modules::BY_MODULE;
use super::places::{Places, folders_below, is_mark, is_python, source_of};
use super::timeline::Timeline;
use super::unexplained::Explained;
use super::workers::share;

/// The number of the window in which an adapter does what is its own doing.
const OURS: u32 = u32::MAX;

/// The traces of the runners, with what the file tracer saw and what their children told. Without touches, or with some lost,
/// every process that was started is one that nobody saw.
#[must_use]
pub fn attribute(traces: Vec<Trace>, seen: Option<&Touches>, places: Places<'_>) -> Vec<Trace> {
    let Some(seen) = seen.filter(|seen| seen.lost == 0) else { return without(traces) };
    let own = alone::as_windows(&traces, &seen.all);
    let all = own.as_deref().unwrap_or(&seen.all);
    let timeline = Timeline::of(all);
    let recorded: BTreeSet<u32> = traces.iter().filter_map(|trace| u32::try_from(trace.pid).ok()).collect();
    let ignored = ignored_by_children(&traces);
    let mut traces = adopt(traces, timeline.outlived());
    let mut giver = Giver {
        places,
        timeline: &timeline,
        recorded: &recorded,
        ignored: &ignored,
        own: BTreeMap::new(),
        compiled: BTreeSet::new(),
    };
    for trace in &mut traces {
        // A process that says hello to its adapter and not to the tracer was started without it.
        let answered =
            alone::answered(trace, &timeline) || u32::try_from(trace.pid).is_ok_and(|pid| timeline.said_hello(pid));
        if !trace.traced || !answered {
            make_opaque(trace);
            trace.traced = false;
            continue;
        }
        giver.give(trace, all);
        if seen.torn > 0 {
            make_opaque(trace);
        }
    }
    share(&mut traces);
    traces
}

/// Without the tracer nobody knows what a process did that was started.
fn without(traces: Vec<Trace>) -> Vec<Trace> {
    let mut runners: Vec<Trace> = traces.into_iter().filter(|trace| trace.child_of.is_none()).collect();
    for trace in &mut runners {
        make_opaque(trace);
        trace.traced = false;
    }
    share(&mut runners);
    runners
}

fn make_opaque(trace: &mut Trace) {
    for window in &mut trace.windows {
        window.opaque.append(&mut window.started);
    }
}

fn ignored_by_children(traces: &[Trace]) -> BTreeMap<u32, BTreeSet<String>> {
    let children = traces.iter().filter(|trace| trace.child_of.is_some());
    let of = |trace: &Trace| trace.windows.iter().flat_map(|window| window.ignored.iter().cloned()).collect();
    children.filter_map(|trace| Some((u32::try_from(trace.pid).ok()?, of(trace)))).collect()
}

struct Giver<'a> {
    places: Places<'a>,
    timeline: &'a Timeline,
    /// Processes in which an adapter recorded.
    recorded: &'a BTreeSet<u32>,
    /// What the adapter in a child passed over.
    ignored: &'a BTreeMap<u32, BTreeSet<String>>,
    /// Whether a path (by window) was written before anything else was done with its content.
    own: BTreeMap<(usize, String), bool>,
    /// Source files (by process) that the process asked the compiled form of: it imports them.
    compiled: BTreeSet<(u32, String)>,
}

impl Giver<'_> {
    fn give(&mut self, trace: &mut Trace, all: &[Touch]) {
        self.own.clear();
        self.compiled.clear();
        let numbers = Numbers::of(trace);
        let runner = u32::try_from(trace.pid).unwrap_or_default();
        let ancestors = self.timeline.ancestors(runner);
        let explained = (trace.collector == BY_MODULE).then(|| Explained::of(trace, numbers.places(0)[0]));
        for (at, touch) in all.iter().enumerate() {
            if touch.owner == 0 {
                let before_the_first_window = touch.pid == runner;
                // What a process does after it started the runner (a report, say) led to nothing.
                let led_to_it = ancestors.contains(&touch.pid) && self.timeline.is_before(at, runner);
                if before_the_first_window || led_to_it {
                    self.give_early(&mut trace.windows[numbers.places(0)[0]], touch, before_the_first_window);
                }
            } else if touch.owner == runner && touch.window != OURS {
                let late = touch.pid != runner && self.timeline.is_after(at, touch);
                let number = if late { 0 } else { u64::from(touch.window) };
                for &window in numbers.places(number) {
                    let path = self.places.inside(&touch.text).filter(|_| touch.pid == runner);
                    match (&explained, path) {
                        (Some(explained), Some(path)) if touch.kind.is_of_files() => {
                            explained.give(trace, window, (touch.kind, path), &mut self.own, self.places.tree);
                        }
                        _ => self.give_one(trace, window, touch),
                    }
                }
            }
        }
        for ((owner, number), programs) in unseen(all) {
            if owner == runner {
                for &window in numbers.places(u64::from(number)) {
                    trace.windows[window].opaque.extend(programs.iter().cloned());
                }
            }
        }
        self.find_unrecorded_forks(trace, &numbers, all);
        self.find_strangers(trace, &numbers, all);
        self.compare_seams(trace, all, runner);
    }

    /// The time before the adapter: the runner's own start, and the programs that led to it.
    fn give_early(&self, window: &mut Window, touch: &Touch, is_runner: bool) {
        let Some(path) = self.places.inside(&touch.text) else { return };
        let by_import = is_runner && is_python(&path);
        if matches!(touch.kind, TouchKind::Read | TouchKind::Updated) && !by_import {
            window.reads.insert(path);
        } else if matches!(touch.kind, TouchKind::Absent | TouchKind::Stat)
            && is_runner
            && !by_import
            && !is_mark(&path)
        {
            window.probed.insert(path);
        }
    }

    fn give_one(&mut self, trace: &mut Trace, at: usize, touch: &Touch) {
        use TouchKind as Kind;
        if touch.kind == Kind::Opaque {
            trace.windows[at].opaque.insert(touch.text.clone());
            return;
        }
        if touch.kind == Kind::Spawn {
            let program = touch.text.split_once(' ').map_or("", |(_, program)| program);
            // The kernel reads a script that is started; the program itself may not.
            if let Some(path) = self.places.inside(program).filter(|path| self.places.tree.entries.contains_key(path)) {
                trace.windows[at].reads.insert(path);
            }
            return;
        }
        if touch.kind == Kind::Hello {
            let program = touch.text.split_once(' ').map_or("", |(_, program)| program);
            trace.windows[at].programs.insert((touch.pid, program.to_owned()));
            return;
        }
        let opens = matches!(touch.kind, Kind::Read | Kind::Listed | Kind::Updated | Kind::Walked);
        if opens && self.places.is_repository(&touch.text) {
            // A runner or its plugins that walk through the tree look for sources there, as everywhere.
            if !(touch.kind == Kind::Listed && self.is_by_the_runner(&trace.windows[at], touch.pid)) {
                trace.windows[at].reads.insert(REPOSITORY.to_owned());
            }
            return;
        }
        let Some(path) = self.places.inside(&touch.text) else { return };
        match touch.kind {
            Kind::Read => self.read(trace, at, touch.pid, path),
            Kind::Updated => {
                self.read(trace, at, touch.pid, path.clone());
                trace.windows[at].wrote.insert(path);
            }
            Kind::Written => {
                self.own.entry((at, path.clone())).or_insert(true);
                trace.windows[at].wrote.insert(path);
            }
            Kind::Listed => self.list(trace, at, touch.pid, path),
            Kind::Walked => {
                let folders = folders_below(self.places.tree, &path);
                trace.windows[at].lists.extend(folders);
            }
            Kind::Absent => self.ask(trace, at, touch.pid, path, false),
            Kind::Stat => self.ask(trace, at, touch.pid, path, true),
            Kind::Object => {
                trace.windows[at].reads.insert(path);
            }
            // What is there, for a link, is the text of the link.
            Kind::Link => {
                trace.windows[at].probed.insert(path);
            }
            Kind::Spawn
            | Kind::Failed
            | Kind::Hello
            | Kind::Goodbye
            | Kind::Opaque
            | Kind::Window
            | Kind::Gone
            | Kind::Forked
            | Kind::Removed => {}
        }
    }

    fn read(&mut self, trace: &mut Trace, at: usize, pid: u32, path: String) {
        let source = source_of(&path);
        if let Some(source) = &source {
            self.compiled.insert((pid, source.clone()));
        }
        if self.own.get(&(at, path.clone())) == Some(&true) {
            return;
        }
        self.own.insert((at, path.clone()), false);
        let imported = source.is_some() || self.compiled.contains(&(pid, path.clone()));
        let path = source.unwrap_or(path);
        if self.recorded.contains(&pid) {
            if !(is_python(&path) && self.is_explained(&trace.windows[at], pid, &path)) {
                trace.windows[at].reads.insert(path);
            }
        } else if imported {
            // An interpreter that nobody could enter: which functions of the file ran is not known.
            let code = trace.codes.keys().last().map_or(0, |last| last + 1);
            trace.codes.insert(code, Code { path, line: 0, qualified: Some("*".to_owned()) });
            trace.windows[at].codes.insert((code, None));
        } else {
            trace.windows[at].reads.insert(path);
        }
    }

    fn list(&self, trace: &mut Trace, at: usize, pid: u32, path: String) {
        let own = self.own.get(&(at, path.clone())) == Some(&true);
        let explained = self.recorded.contains(&pid) && self.is_explained(&trace.windows[at], pid, &path);
        if !own && !explained {
            trace.windows[at].lists.insert(path);
        }
    }

    /// Whether the adapter in that process passed over it, or has told of it itself.
    fn is_explained(&self, window: &Window, pid: u32, path: &str) -> bool {
        let by_child = self.ignored.get(&pid).is_some_and(|ignored| ignored.contains(path));
        by_child || window.ignored.contains(path) || window.reads.contains(path) || window.lists.contains(path)
    }

    /// A path was asked for. The tracer cannot tell `exists` from a look at the size or the time of change, so a file that was
    /// asked for counts with its content; not the source files of an interpreter, which asks for each that it imports.
    fn ask(&mut self, trace: &mut Trace, at: usize, pid: u32, path: String, there: bool) {
        if let Some(source) = source_of(&path) {
            self.compiled.insert((pid, source));
            return;
        }
        if is_mark(&path) || self.own.get(&(at, path.clone())) == Some(&true) {
            return;
        }
        let recorded = self.recorded.contains(&pid);
        let by_the_runner = self.is_by_the_runner(&trace.windows[at], pid);
        let window = &mut trace.windows[at];
        let file = self.places.tree.entries.get(&path).is_some_and(|entry| entry.mode != Mode::Link);
        let imports = recorded || self.compiled.contains(&(pid, path.clone())) || self.timeline.is_python(pid);
        // The runner's own search for tests asks for every source file below the folder: which are there is known without.
        let below = window.kind == WindowKind::Collect
            && (window.name == "."
                || path.strip_prefix(&window.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
        if by_the_runner && is_python(&path) && there && (below || trace.files.contains(&path)) {
            return;
        }
        if there && file && !by_the_runner && !(is_python(&path) && imports) {
            window.reads.insert(path.clone());
        }
        window.probed.insert(path);
    }

    /// Whether the runner itself did it, for no test.
    fn is_by_the_runner(&self, window: &Window, pid: u32) -> bool {
        self.recorded.contains(&pid) && matches!(window.kind, WindowKind::Process | WindowKind::Collect)
    }

    /// A fork of a process that recorded, in which nothing recorded, ran code that nobody saw.
    fn find_unrecorded_forks(&self, trace: &mut Trace, numbers: &Numbers, all: &[Touch]) {
        let forks = all.iter().filter(|s| s.kind == TouchKind::Forked && i64::from(s.owner) == trace.pid);
        // One that only tried to become another program ran nothing of ours.
        let tried: BTreeSet<u32> = all.iter().filter(|s| s.kind == TouchKind::Failed).map(|s| s.pid).collect();
        for fork in forks.filter(|fork| !tried.contains(&fork.pid)) {
            let parent = fork.text.parse().is_ok_and(|parent: u32| self.recorded.contains(&parent));
            if parent && !self.recorded.contains(&fork.pid) && !self.timeline.said_hello(fork.pid) {
                for &at in numbers.places(u64::from(fork.window)) {
                    trace.windows[at].opaque.insert("os.fork".to_owned());
                }
            }
        }
    }

    /// An interpreter that nobody could enter uses the project's installed copies, which lie outside the tree.
    fn find_strangers(&self, trace: &mut Trace, numbers: &Numbers, all: &[Touch]) {
        if !trace.session.as_ref().is_some_and(|session| session.copies) {
            return;
        }
        let hellos = all.iter().filter(|s| s.kind == TouchKind::Hello && i64::from(s.owner) == trace.pid);
        for hello in hellos.filter(|s| self.timeline.is_python(s.pid) && !self.recorded.contains(&s.pid)) {
            for &at in numbers.places(u64::from(hello.window)) {
                trace.windows[at].opaque.insert("an installed copy in a closed python".to_owned());
            }
        }
    }

    /// Where two see the same thing, they must agree: a file of the tree that the adapter saw opened and the tracer did not means
    /// that the tracer cannot be relied on in that window.
    fn compare_seams(&self, trace: &mut Trace, all: &[Touch], runner: u32) {
        let of_runner = all.iter().filter(|touch| touch.pid == runner);
        let seen: BTreeSet<String> = of_runner
            .filter_map(|s| self.places.inside(&s.text))
            .map(|path| source_of(&path).unwrap_or(path))
            .collect();
        for window in trace.windows.iter_mut().filter(|window| window.kind == WindowKind::Test) {
            let asked = window.by.iter().map(|(what, _)| what);
            // Packages are passed over by the tracer itself.
            let is_its =
                |what: &&String| self.places.tree.entries.contains_key(*what) && !what.contains("node_modules/");
            let unseen = asked.filter(|what| is_its(what) && !seen.contains(*what));
            if let Some(path) = unseen.min() {
                let what = format!("a read that the file tracer did not see: {path}");
                window.opaque.insert(what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;
    use crate::model::tree::{Entry, Tree};
    use crate::model::window::Session;
    use TouchKind::{Absent, Forked, Goodbye, Hello, Listed, Read, Spawn, Stat, Updated, Window as Mark, Written};

    const RUNNER: u32 = 10;
    const CHILD: u32 = 20;

    fn runner() -> Trace {
        let mut test = Window::new(WindowKind::Test, "t1", 4);
        test.ignored.insert("src".to_owned());
        test.ignored.insert("src/a.py".to_owned());
        let windows = vec![Window::new(WindowKind::Process, "", 0), test];
        let session = Some(Session::default());
        Trace { pid: i64::from(RUNNER), traced: true, session, windows, ..Trace::default() }
    }

    fn tree() -> Tree {
        let entry = |path: &str| (path.to_owned(), Entry { mode: Mode::File, content: Digest(1) });
        Tree { entries: ["src/a.py", "data.json", "tools/gen.sh"].map(entry).into(), ..Tree::default() }
    }

    /// What the runner's test window and process window hold after these (process, kind, text) in the test's window.
    fn after(lines: &[(u32, TouchKind, &str)]) -> (Window, Window, Trace) {
        let one = |pid, owner, window, kind, text: &str| Touch { pid, owner, window, kind, text: text.to_owned() };
        let mut all = vec![one(RUNNER, 0, 0, Hello, "1 /usr/bin/python3.13"), one(RUNNER, RUNNER, 4, Mark, "")];
        all.extend(lines.iter().map(|&(pid, kind, text)| match (kind, text) {
            (Mark, _) => one(RUNNER, RUNNER, 0, Mark, ""),
            _ => one(pid, RUNNER, 4, kind, text),
        }));
        let seen = Touches { all, ..Touches::default() };
        let (tree, roots) = (tree(), ["/r".to_owned()]);
        let places = Places { roots: &roots, exclude: &["env".to_owned()], tree: &tree };
        let trace = attribute(vec![runner()], Some(&seen), places).remove(0);
        (trace.windows[1].clone(), trace.windows[0].clone(), trace)
    }

    fn set(paths: &[&str]) -> BTreeSet<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn what_the_runner_did_is_an_edge_unless_its_adapter_explained_it() {
        let (test, ..) = after(&[
            (RUNNER, Read, "/r/data.json"),
            (RUNNER, Read, "/r/src/a.py"),
            (RUNNER, Listed, "/r/src"),
            (RUNNER, Listed, "/r"),
            (RUNNER, Absent, "/r/opt.json"),
            (RUNNER, Absent, "/r/src/pyvenv.cfg"),
            (RUNNER, Read, "/elsewhere/x"),
            (RUNNER, Read, "/r/env/x"),
            (RUNNER, Read, "/r/.pytest_cache/x"),
        ]);
        assert_eq!((test.reads, test.lists, test.probed), (set(&["data.json"]), set(&["."]), set(&["opt.json"])));
    }

    #[test]
    fn a_file_that_was_asked_for_counts_with_its_content_and_a_source_file_does_not() {
        let (test, ..) = after(&[(RUNNER, Stat, "/r/data.json"), (RUNNER, Stat, "/r/src/a.py")]);
        assert_eq!((test.reads, test.probed), (set(&["data.json"]), set(&["data.json", "src/a.py"])));
    }

    #[test]
    fn what_a_window_wrote_first_is_its_own() {
        let (test, ..) = after(&[
            (RUNNER, Written, "/r/out.txt"),
            (RUNNER, Read, "/r/out.txt"),
            (RUNNER, Stat, "/r/out.txt"),
            (RUNNER, Updated, "/r/data.json"),
        ]);
        assert_eq!((test.reads, test.probed), (set(&["data.json"]), set(&[])));
        assert_eq!(test.wrote, set(&["data.json", "out.txt"]));
    }

    #[test]
    fn an_interpreter_that_nobody_entered_depends_on_the_whole_of_what_it_imports() {
        let (test, _, trace) = after(&[
            (CHILD, Spawn, "20 /usr/bin/python3.13"),
            (CHILD, Hello, "10 /usr/bin/python3.13"),
            (CHILD, Read, "/r/src/__pycache__/a.cpython-313.pyc"),
            (CHILD, Read, "/r/data.json"),
            (CHILD, Goodbye, ""),
        ]);
        let codes: Vec<_> = test.codes.iter().map(|(code, _)| &trace.codes[code]).collect();
        assert_eq!(codes, [&Code { path: "src/a.py".to_owned(), line: 0, qualified: Some("*".to_owned()) }]);
        assert_eq!((test.reads, test.opaque), (set(&["data.json"]), set(&[])));
    }

    #[test]
    fn a_script_that_is_started_is_read() {
        let (test, ..) = after(&[(CHILD, Spawn, "20 /r/tools/gen.sh"), (CHILD, Hello, "10 /bin/sh")]);
        assert_eq!((test.reads, test.opaque), (set(&["tools/gen.sh"]), set(&[])));
    }

    #[test]
    fn what_was_not_seen_makes_the_window_opaque() {
        let (test, ..) = after(&[(CHILD, Spawn, "20 /opt/busybox")]);
        assert_eq!(test.opaque, set(&["unseen busybox"]));
        let (test, ..) = after(&[(CHILD, Forked, "10")]);
        assert_eq!(test.opaque, set(&["os.fork"]));
        let (test, ..) = after(&[(CHILD, Read, "/r/.git/HEAD")]);
        assert_eq!(test.reads, set(&[REPOSITORY]));
    }

    #[test]
    fn what_a_child_did_after_its_window_belongs_to_all_tests() {
        let (test, process, _) = after(&[
            (CHILD, Hello, "10 /bin/sh"),
            (CHILD, Read, "/r/data.json"),
            (RUNNER, Mark, ""),
            (CHILD, Read, "/r/late.json"),
        ]);
        assert_eq!((test.reads, process.reads), (set(&["data.json"]), set(&["late.json"])));
    }

    #[test]
    fn without_the_tracer_every_process_started_is_one_that_nobody_saw() {
        let mut trace = runner();
        trace.windows[1].started.insert("subprocess.Popen git".to_owned());
        let places = Places { roots: &[], exclude: &[], tree: &Tree::default() };
        for seen in [None, Some(Touches { lost: 1, ..Touches::default() }), Some(Touches::default())] {
            let traces = attribute(vec![trace.clone()], seen.as_ref(), places);
            assert_eq!(traces[0].windows[1].opaque, set(&["subprocess.Popen git"]));
            assert!(!traces[0].traced);
        }
    }
}
