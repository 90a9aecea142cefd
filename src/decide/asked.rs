//! Modules that a function asks for while a test runs (`import_module(name)`: plug-ins, dialects, locales; an import within a function). Loaded
//! already or not, such a module is that of the tests that ask for it. What was asked for in one test may be kept and used in another that does not
//! ask again. Alone, that test would have asked, beneath some function that it runs either way: so it also depends on what was ever asked for beneath a
//! function that it ran without asking. Where a library called the asking functions, it may have kept what it got: such an ask counts for
//! every test that loads the file and ran none of these functions. What a test finds only because another ran before it is a matter
//! of order, which a deep record tells.

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use crate::model::window::{Ask, Trace, Window};

use super::drafted::Sets;
use super::memory::Memory;

/// What was asked for in one process.
#[derive(Debug, Default)]
pub struct Asked {
    /// What libraries may keep.
    handed_on: BTreeSet<Ask>,
    /// By code that was under way.
    beneath: BTreeMap<u32, BTreeSet<u32>>,
    /// The windows in which the same was asked for beneath the same code.
    asks: BTreeMap<(BTreeSet<u32>, BTreeSet<u32>), Vec<usize>>,
    /// The place of the set of an asker's group, and the asker's file.
    homes: BTreeMap<usize, Vec<u32>>,
    /// Files of askers that each set leads to.
    reached: Vec<BTreeSet<u32>>,
}

impl Asked {
    /// Of one process.
    #[must_use]
    pub fn new(trace: &Trace) -> Self {
        let mut asked = Self::default();
        let asks = trace.windows.iter().enumerate();
        for (at, ask) in asks.flat_map(|(at, window)| window.asked.iter().map(move |ask| (at, ask))) {
            let windows = asked.asks.entry((ask.under_way.clone(), ask.modules.clone())).or_default();
            windows.push(at);
            if !ask.called.is_empty() {
                asked.handed_on.insert(Ask { under_way: BTreeSet::new(), ..ask.clone() });
            }
            for &code in &ask.under_way {
                asked.beneath.entry(code).or_default().extend(&ask.modules);
            }
        }
        asked
    }

    /// The set `at` is that of this module and of those that it forms a group with.
    pub fn is_at(&mut self, node: u32, at: usize) {
        if self.handed_on.iter().any(|ask| ask.file == node) {
            self.homes.entry(at).or_default().push(node);
        }
    }

    /// What was ever asked for beneath a function.
    pub fn beneath(&self, code: u32) -> impl Iterator<Item = u32> {
        self.beneath.get(&code).into_iter().flatten().copied()
    }

    /// What a test may use of what others asked for: `sets` lead to what it loads, `windows` are its own.
    pub fn beside(&mut self, all_sets: &Sets, sets: &BTreeSet<usize>, windows: &[&Window]) -> BTreeSet<u32> {
        if self.beneath.is_empty() {
            return BTreeSet::new();
        }
        for at in self.reached.len()..all_sets.count() {
            let mut found: BTreeSet<u32> =
                all_sets.includes(at).iter().flat_map(|&at| &self.reached[at]).copied().collect();
            found.extend(self.homes.get(&at).into_iter().flatten());
            self.reached.push(found);
        }
        let loads: BTreeSet<u32> = sets.iter().flat_map(|&at| &self.reached[at]).copied().collect();
        let ran: BTreeSet<u32> = windows.iter().flat_map(|window| &window.codes).map(|&(code, _)| code).collect();
        let kept = self.handed_on.iter().filter(|ask| loads.contains(&ask.file) && ask.called.is_disjoint(&ran));
        let mut found: BTreeSet<u32> = kept.flat_map(|ask| &ask.modules).copied().collect();
        let asking: BTreeSet<u32> =
            windows.iter().flat_map(|window| &window.asked).flat_map(|ask| &ask.under_way).copied().collect();
        for &code in ran.difference(&asking) {
            found.extend(self.beneath(code));
        }
        found
    }

    /// What was asked for in other windows on behalf of these.
    #[must_use]
    pub fn on_behalf(&self, windows: &[usize], memory: &Memory) -> BTreeSet<u32> {
        let remembered = windows.iter().filter_map(|at| Some((memory.codes.get(at)?, memory.sources.get(at)?)));
        let remembered: Vec<(&FixedBitSet, &FixedBitSet)> = remembered.collect();
        let is_theirs = |under_way: &BTreeSet<u32>, asked_in: &[usize]| {
            remembered.iter().any(|(codes, sources)| {
                under_way.iter().any(|&code| codes.contains(code as usize))
                    && asked_in.iter().any(|&at| sources.contains(at))
            })
        };
        let theirs = self.asks.iter().filter(|((under_way, _), windows)| is_theirs(under_way, windows));
        theirs.flat_map(|((_, modules), _)| modules).copied().collect()
    }
}
