//! What a window did with files, as the targets of edges.

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use crate::model::edge::{EdgeKind, Target};
use crate::model::window::{Trace, Window};

use super::drafted::Sets;
use super::memory::Memory;

/// Files that a window touched, and what in it could not be traced.
pub(super) fn add_files(window: &Window, targets: &mut BTreeSet<Target>) {
    targets.extend(files(window).map(|(_, target)| target));
}

/// What was touched, as the window has it and as a target.
fn files(window: &Window) -> impl Iterator<Item = (&str, Target)> {
    let of = |kind: EdgeKind, paths| {
        let paths: &BTreeSet<String> = paths;
        paths.iter().map(move |path| (path.as_str(), Target::new(kind, path, "")))
    };
    let paths = of(EdgeKind::Read, &window.reads).chain(of(EdgeKind::Listed, &window.lists));
    let paths = paths.chain(of(EdgeKind::Probed, &window.probed));
    paths.chain(window.opaque.iter().map(|what| (what.as_str(), Target::new(EdgeKind::Opaque, "", what))))
}

/// Who asked for which files, and in which windows, as far as others may remember something from these windows.
#[derive(Debug, Default)]
pub(super) struct Accesses {
    /// By code; where nobody is known to have asked, anybody may.
    by: BTreeMap<Option<u32>, Vec<Access>>,
}

/// One target and the windows in which it was asked for.
#[derive(Debug)]
struct Access {
    target: u32,
    windows: Vec<usize>,
}

impl Accesses {
    /// Of the windows that are somebody's sources.
    pub(super) fn of(trace: &Trace, memory: &Memory, sets: &mut Sets) -> Self {
        let mut sources = FixedBitSet::new();
        memory.sources.values().chain(memory.kept_in.values()).for_each(|windows| sources.union_with(windows));
        let mut found: BTreeMap<Option<u32>, BTreeMap<u32, Vec<usize>>> = BTreeMap::new();
        for at in sources.ones() {
            let window = &trace.windows[at];
            let mut askers: BTreeMap<&str, Vec<Option<u32>>> = BTreeMap::new();
            for (what, code) in &window.by {
                askers.entry(what).or_default().push(*code);
            }
            for (what, target) in files(window) {
                let target = sets.number(target);
                for &asker in askers.get(what).map_or(&[None][..], Vec::as_slice) {
                    found.entry(asker).or_default().entry(target).or_default().push(at);
                }
            }
        }
        let accesses = |by: BTreeMap<u32, Vec<usize>>| {
            by.into_iter().map(|(target, windows)| Access { target, windows }).collect::<Vec<_>>()
        };
        Self { by: found.into_iter().map(|(asker, by)| (asker, accesses(by))).collect() }
    }

    /// Numbers of the targets that the code may have asked for in these windows.
    pub(super) fn of_code(&self, codes: &FixedBitSet, windows: &FixedBitSet) -> impl Iterator<Item = u32> {
        let askers = codes.ones().filter_map(|code| u32::try_from(code).ok()).map(Some).chain([None]);
        let accesses = askers.filter_map(|asker| self.by.get(&asker)).flatten();
        accesses.filter(|access| access.windows.iter().any(|&at| windows.contains(at))).map(|access| access.target)
    }
}
