//! What a window did with files, as the targets of edges.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::edge::{EdgeKind, Target};
use crate::model::window::Window;

/// Files that a window touched, and what in it could not be traced.
pub(super) fn add_files(window: &Window, targets: &mut BTreeSet<Target>) {
    add_some_files(window, &|_| true, targets);
}

/// Of these, what the given code may have asked for: where nobody is known to have asked, anybody may.
pub(super) fn add_files_of(window: &Window, codes: &BTreeSet<u32>, targets: &mut BTreeSet<Target>) {
    let mut askers: BTreeMap<&str, Vec<Option<u32>>> = BTreeMap::new();
    for (what, code) in &window.by {
        askers.entry(what).or_default().push(*code);
    }
    let may_be_theirs = |what: &str| {
        askers.get(what).is_none_or(|askers| askers.iter().any(|asker| asker.is_none_or(|code| codes.contains(&code))))
    };
    add_some_files(window, &may_be_theirs, targets);
}

fn add_some_files(window: &Window, wanted: &dyn Fn(&str) -> bool, targets: &mut BTreeSet<Target>) {
    for (kind, paths) in [(EdgeKind::Read, &window.reads), (EdgeKind::Listed, &window.lists)] {
        targets.extend(paths.iter().filter(|path| wanted(path)).map(|path| Target::new(kind, path, "")));
    }
    let asked = window.probed.iter().filter(|path| wanted(path));
    targets.extend(asked.map(|path| Target::new(EdgeKind::Probed, path, "")));
    targets
        .extend(window.opaque.iter().filter(|what| wanted(what)).map(|what| Target::new(EdgeKind::Opaque, "", what)));
}
