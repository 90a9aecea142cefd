//! When the windows of a run ended, which processes went on after theirs, and who started whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::touch::{Touch, TouchKind};

use super::balance::Place;

/// The order of events in one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    /// For every window, where its runner was last seen to leave it; a window never left stays open to the end.
    left: BTreeMap<Place, usize>,
    parents: BTreeMap<u32, u32>,
    pythons: BTreeSet<u32>,
    /// Processes that said hello, with the place of their first one.
    greeted: BTreeMap<u32, usize>,
    outlived: BTreeSet<i64>,
}

impl Timeline {
    /// Reads the order of events from the touches.
    #[must_use]
    pub fn of(all: &[Touch]) -> Self {
        use TouchKind as Kind;
        let mut timeline = Self::default();
        let mut current: BTreeMap<u32, Place> = BTreeMap::new();
        let mut ended: BTreeMap<u32, usize> = BTreeMap::new();
        let mut started_in: BTreeMap<u32, Place> = BTreeMap::new();
        for (at, touch) in all.iter().enumerate() {
            let place = (touch.owner, touch.window);
            if touch.owner != 0 && touch.pid != touch.owner {
                started_in.entry(touch.pid).or_insert(place);
            }
            match touch.kind {
                Kind::Window => {
                    if let Some(before) = current.insert(touch.pid, place).filter(|before| *before != place) {
                        timeline.left.insert(before, at);
                    }
                    timeline.left.remove(&place);
                }
                Kind::Hello => timeline.greet(at, touch),
                Kind::Forked => {
                    timeline.parents.extend(touch.text.parse().map(|parent: u32| (touch.pid, parent)));
                    ended.remove(&touch.pid);
                }
                Kind::Goodbye => {
                    ended.insert(touch.pid, at);
                }
                Kind::Gone => {
                    if let Ok(pid) = touch.text.parse() {
                        ended.entry(pid).or_insert(at);
                    }
                }
                Kind::Read
                | Kind::Listed
                | Kind::Absent
                | Kind::Stat
                | Kind::Link
                | Kind::Written
                | Kind::Updated
                | Kind::Spawn
                | Kind::Failed
                | Kind::Opaque
                | Kind::Object
                | Kind::Walked
                | Kind::Removed => {}
            }
        }
        let outlived = started_in.iter().filter(|(pid, place)| {
            let left = timeline.left.get(place).copied().unwrap_or(usize::MAX);
            // A window that was never left ended with the run.
            left != usize::MAX && ended.get(pid).is_none_or(|&end| end > left)
        });
        timeline.outlived = outlived.map(|(&pid, _)| i64::from(pid)).collect();
        timeline
    }

    fn greet(&mut self, at: usize, touch: &Touch) {
        self.greeted.entry(touch.pid).or_insert(at);
        let (parent, program) = touch.text.split_once(' ').unwrap_or_default();
        if let Ok(parent) = parent.parse() {
            self.parents.entry(touch.pid).or_insert(parent);
        }
        let name = program.rsplit('/').next().unwrap_or_default();
        if name.starts_with("python") || name.starts_with("pypy") {
            self.pythons.insert(touch.pid);
        }
    }

    /// Processes that went on after the window in which they were started.
    #[must_use]
    pub fn outlived(&self) -> &BTreeSet<i64> {
        &self.outlived
    }

    /// Whether the touch at place `at` came after its window had ended.
    #[must_use]
    pub fn is_after(&self, at: usize, touch: &Touch) -> bool {
        self.left.get(&(touch.owner, touch.window)).is_some_and(|&left| at > left)
    }

    /// Whether a program of that process was seen by the tracer.
    #[must_use]
    pub fn said_hello(&self, pid: u32) -> bool {
        self.greeted.contains_key(&pid)
    }

    /// Whether the touch at place `at` came before the first program of that process.
    #[must_use]
    pub fn is_before(&self, at: usize, pid: u32) -> bool {
        self.greeted.get(&pid).is_none_or(|&first| at < first)
    }

    /// Whether that process is a Python interpreter.
    #[must_use]
    pub fn is_python(&self, pid: u32) -> bool {
        self.pythons.contains(&pid)
    }

    /// The processes that led to `pid`.
    #[must_use]
    pub fn ancestors(&self, pid: u32) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut at = pid;
        while let Some(&parent) = self.parents.get(&at) {
            if parent == pid || !found.insert(parent) {
                break;
            }
            at = parent;
        }
        found
    }
}
