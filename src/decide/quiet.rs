//! Quiet differences: what differs, but can be noticed only by code that asks for it. A test that reaches a quiet difference
//! and no code that asks is as it was.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::map::{FootprintRow, Map};
use crate::model::shape::{Asides, Plain};

/// What is known of the edges of a map beside whether they hold; empty lists mean that nothing is quiet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quiet {
    /// For every edge that does not hold, the sorts of its quiet difference, one bit each; 0 if it is not quiet.
    pub differs: Vec<u8>,
    /// For every edge, the sorts of difference that the code it points at asks for, one bit each.
    pub asks: Vec<u8>,
}

/// What is known of a set of edges and of all that it includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetState {
    /// Every edge holds, or its difference is a quiet one.
    pub holds: bool,
    /// The sorts of its quiet differences.
    pub differs_quietly: u8,
    /// The sorts of difference that code it points at asks for.
    pub asks: u8,
}

/// The state of every set; included sets stand before those that include them.
#[must_use]
pub fn states(map: &Map, holds: &[bool], quiet: &Quiet) -> Vec<SetState> {
    let is = |list: &[bool], at: u32| list.get(at as usize).copied().unwrap_or(false);
    let sorts = |list: &[u8], at: u32| list.get(at as usize).copied().unwrap_or(0);
    let mut states: Vec<SetState> = Vec::with_capacity(map.sets.len());
    for set in &map.sets {
        let mut state = SetState { holds: true, differs_quietly: 0, asks: 0 };
        for &edge in &set.edges {
            let differs = if is(holds, edge) { 0 } else { sorts(&quiet.differs, edge) };
            state.holds &= is(holds, edge) || differs != 0;
            state.differs_quietly |= differs;
            state.asks |= sorts(&quiet.asks, edge);
        }
        for &at in &set.includes {
            match states.get(at as usize) {
                Some(inner) => {
                    state.holds &= inner.holds;
                    state.differs_quietly |= inner.differs_quietly;
                    state.asks |= inner.asks;
                }
                None => state.holds = false,
            }
        }
        states.push(state);
    }
    states
}

/// The sorts of quiet difference that a footprint reaches together with code that asks for them, one bit each; 0 for none.
#[must_use]
pub fn noticed(footprint: &FootprintRow, states: &[SetState]) -> u8 {
    let sets = footprint.sets.iter().chain(&footprint.memory).filter_map(|&at| states.get(at as usize));
    let (differs, asks) = sets.fold((0, 0), |(d, a), state| (d | state.differs_quietly, a | state.asks));
    differs & asks
}

/// A sort of aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aside {
    /// Docstrings of functions.
    Docs,
    /// Docstrings of the module or of classes.
    Titles,
    /// Annotations that stay text.
    Annotations,
    /// The literal `__version__`.
    Version,
}

/// What changed in the asides of a file whose module-level code is otherwise as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Names that a plain `def` or import gave or gives, or gives at another place.
    pub names: BTreeSet<String>,
    /// What else changed.
    pub asides: BTreeSet<Aside>,
}

/// What changed between two asides; `None` if not only asides changed, or if loading the file may now fail.
///
/// A `def` without decorator and with literal defaults cannot fail and does nothing but bind its name; the same holds for an
/// import of a module of the standard library, which is there. An import that goes away cannot fail either.
#[must_use]
pub fn change(before: &Asides, now: &Asides) -> Option<Change> {
    if before.core != now.core {
        return None;
    }
    let by_name = |asides: &'_ Asides| -> BTreeMap<String, Plain> {
        asides.plain.iter().map(|plain| (plain.name.clone(), plain.clone())).collect()
    };
    let (old, new) = (by_name(before), by_name(now));
    let mut names = BTreeSet::new();
    for name in old.keys().chain(new.keys()) {
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if old.head != new.head => return None,
            (Some(old), Some(new)) if old.at == new.at => continue,
            (None, Some(new)) if new.fallible => return None,
            _ => names.insert(name.clone()),
        };
    }
    let both = [
        (Aside::Docs, before.docs, now.docs),
        (Aside::Titles, before.titles, now.titles),
        (Aside::Annotations, before.annotations, now.annotations),
        (Aside::Version, before.version, now.version),
    ];
    let asides = both.into_iter().filter(|(_, old, new)| old != new).map(|(aside, _, _)| aside).collect();
    Some(Change { names, asides })
}
