//! What an adapter told of its own process, window by window, to be compared with what the file tracer saw of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::touch::TouchKind;
use crate::model::tree::Tree;
use crate::model::window::Trace;

use super::places::{folders_below, is_mark};

/// Whether a path (by window) was written before anything else was done with its content.
type Own = BTreeMap<(usize, String), bool>;

/// Paths of which the adapter told.
#[derive(Debug)]
pub(super) struct Explained {
    /// The place of the window of the process.
    pub(super) process: usize,
    windows: Vec<Told>,
    types: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Told {
    contents: BTreeSet<String>,
    listings: BTreeSet<String>,
    asked: BTreeSet<String>,
}

impl Told {
    fn add(&mut self, other: &Self) {
        self.contents.extend(other.contents.iter().cloned());
        self.listings.extend(other.listings.iter().cloned());
        self.asked.extend(other.asked.iter().cloned());
    }
}

impl Explained {
    /// Of the windows of a trace; `process` is the place of the window of the process.
    pub(super) fn of(trace: &Trace, process: usize) -> Self {
        let mut windows: Vec<Told> = Vec::with_capacity(trace.windows.len());
        for window in &trace.windows {
            let codes = window.codes.iter().filter_map(|(code, _)| trace.codes.get(code)).map(|code| code.path.clone());
            windows.push(Told {
                contents: codes.chain(window.reads.iter().chain(&window.ignored).cloned()).collect(),
                listings: window.lists.iter().chain(&window.ignored).cloned().collect(),
                asked: window.probed.clone(),
            });
        }
        if trace.thread > 0 {
            // Threads of one process: the tracer cannot tell in whose window something was done.
            let mut all = Told::default();
            for told in &windows {
                all.add(told);
            }
            windows[process].add(&all);
        }
        Self { process, windows, types: trace.types.clone() }
    }

    /// Gives what the process itself did in a window: what its adapter did not tell of was done once, for all tests.
    pub(super) fn give(
        &self,
        trace: &mut Trace,
        at: usize,
        (kind, path): (TouchKind, String),
        own: &mut Own,
        tree: &Tree,
    ) {
        let known = own.get(&(at, path.clone())).copied();
        if kind == TouchKind::Written {
            own.entry((at, path.clone())).or_insert(true);
            let window = &mut trace.windows[at];
            if known.is_none() {
                // What is read of it afterwards is what was written.
                window.reads.remove(&path);
            }
            window.wrote.insert(path);
            return;
        }
        if known == Some(true) {
            return;
        }
        let process = &mut trace.windows[self.process];
        match kind {
            TouchKind::Read | TouchKind::Updated | TouchKind::Object => {
                own.insert((at, path.clone()), false);
                if kind == TouchKind::Updated {
                    process.wrote.insert(path.clone());
                }
                if !self.content(at, &path) {
                    process.reads.insert(path);
                }
            }
            TouchKind::Listed => {
                if !self.listing(at, &path) {
                    process.lists.insert(path);
                }
            }
            TouchKind::Walked => process.lists.extend(folders_below(tree, &path)),
            TouchKind::Absent | TouchKind::Stat | TouchKind::Link => {
                if !self.presence(at, &path) && !is_mark(&path) {
                    process.probed.insert(path);
                }
            }
            TouchKind::Written
            | TouchKind::Spawn
            | TouchKind::Failed
            | TouchKind::Hello
            | TouchKind::Goodbye
            | TouchKind::Opaque
            | TouchKind::Window
            | TouchKind::Gone
            | TouchKind::Forked
            | TouchKind::Removed => {}
        }
    }

    fn any(&self, at: usize, has: impl Fn(&Told) -> bool) -> bool {
        [at, self.process].into_iter().filter_map(|at| self.windows.get(at)).any(has)
    }

    /// Whether it told that the content of a file was read.
    pub(super) fn content(&self, at: usize, path: &str) -> bool {
        self.types.contains(path) || self.any(at, |told| told.contents.contains(path))
    }

    /// Whether it told that a folder was listed.
    pub(super) fn listing(&self, at: usize, path: &str) -> bool {
        self.any(at, |told| told.listings.contains(path))
    }

    /// Whether it told that a path was asked for, or more.
    pub(super) fn presence(&self, at: usize, path: &str) -> bool {
        self.content(at, path) || self.listing(at, path) || self.any(at, |told| told.asked.contains(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::window::{Window, WindowKind};

    #[test]
    fn what_was_told_in_another_window_explains_nothing_but_among_threads() {
        let mut test = Window::new(WindowKind::Test, "t", 1);
        test.reads.insert("a.json".to_owned());
        test.probed.insert("b.json".to_owned());
        let windows = vec![Window::new(WindowKind::Process, "", 0), test];
        let mut trace = Trace { windows, ..Trace::default() };
        let explained = Explained::of(&trace, 0);
        assert!(explained.content(1, "a.json") && !explained.content(0, "a.json"));
        assert!(explained.presence(1, "b.json") && !explained.content(1, "b.json"));
        trace.thread = 1;
        assert!(Explained::of(&trace, 0).content(0, "a.json"));
    }
}
