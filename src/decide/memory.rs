//! Process memory in one pass: code that ran once on behalf of several tests belongs to them all.
//!
//! A function whose result something long-lived kept (`lru_cache`, a lazy singleton, a lazy import) leaves no trace in a test
//! that only uses the result. What one pass can tell: such a function ran only in the first window in which any of its
//! callers ran, while its callers ran in later windows too. It, and what ran beneath it, then belongs to every window that
//! ran one of those callers. A function that says itself that it remembers (a caching decorator) may be asked by anybody who
//! can name it, without any code of ours running: it, and what ran beneath it, belongs to all who load its file. A function that looks into a table and fills it
//! (a dictionary cache) may find in any window what it computed in an earlier one. Design: `runners-pytest.md`, section 10, layer 2.

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use crate::model::window::Window;

/// What was remembered for each window (by its place in the slice).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Window to code objects that ran elsewhere on its behalf.
    pub codes: BTreeMap<usize, FixedBitSet>,
    /// Window to the windows whose file accesses may have been made on its behalf.
    pub sources: BTreeMap<usize, FixedBitSet>,
    /// Code objects that remember by their own word, with what ran beneath them: they belong to all who load their file.
    pub kept: BTreeMap<u32, FixedBitSet>,
    /// Code objects that remember by their own word, with the windows in which they ran.
    pub kept_in: BTreeMap<u32, FixedBitSet>,
}

/// Which code objects are of which sort.
#[derive(Debug, Clone, Default)]
pub struct Sorts {
    /// They cache by their own word.
    pub remembers: BTreeSet<u32>,
    /// They look into a table and fill it.
    pub fills: BTreeSet<u32>,
    /// Module-level code: whose it is, imports say.
    pub modules: BTreeSet<u32>,
}

/// Code objects and windows are counted by thousands, and most sets of them hold many: a bit for each.
fn put(set: &mut FixedBitSet, at: usize) {
    set.grow_and_insert(at);
}

/// Works out the memory of one process from its windows in order.
#[must_use]
pub fn remembered(windows: &[Window], sorts: &Sorts) -> Memory {
    let Sorts { remembers, fills, modules } = sorts;
    let mut ran_in: BTreeMap<u32, FixedBitSet> = BTreeMap::new();
    let mut callers: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for (at, window) in windows.iter().enumerate() {
        for &(code, caller) in &window.codes {
            put(ran_in.entry(code).or_default(), at);
            if let Some(caller) = caller.filter(|&caller| caller != code) {
                callers.entry(code).or_default().insert(caller);
            }
        }
    }
    let calls: Vec<Calls> = windows.iter().map(Calls::of).collect();
    let mut memory = Memory::default();
    for (&code, own) in &ran_in {
        if remembers.contains(&code) {
            let codes = own.ones().flat_map(|at| calls[at].beneath(code)).chain([code]);
            memory.kept.insert(code, codes.map(|code| code as usize).collect());
            memory.kept_in.insert(code, own.clone());
            continue;
        }
        let Some(callers) = callers.get(&code).filter(|_| own.count_ones(..) == 1 && !modules.contains(&code)) else {
            continue;
        };
        let mut of_callers = FixedBitSet::new();
        callers.iter().filter_map(|caller| ran_in.get(caller)).for_each(|ran| of_callers.union_with(ran));
        let Some(first) = own.minimum().filter(|&own| of_callers.minimum().is_none_or(|first| own <= first)) else {
            continue;
        };
        let codes: BTreeSet<u32> = calls[first].beneath(code).into_iter().chain([code]).collect();
        for user in of_callers.difference(own) {
            let theirs = memory.codes.entry(user).or_default();
            for &code in &codes {
                put(theirs, code as usize);
            }
            put(memory.sources.entry(user).or_default(), first);
        }
    }
    for &table in fills.difference(remembers) {
        if let Some(own) = ran_in.get(&table) {
            give_finds(&mut memory, &calls, table, own);
        }
    }
    memory
}

/// A function that looks into a table and fills it: in every window but the first it may find what it computed in an earlier
/// one. What it called there and not here, and the files that it read there, are then this window's too.
fn give_finds(memory: &mut Memory, calls: &[Calls], table: u32, own: &FixedBitSet) {
    let mut earlier = FixedBitSet::new();
    put(&mut earlier, table as usize);
    let mut sources = FixedBitSet::new();
    for at in own.ones() {
        if !sources.is_clear() {
            memory.codes.entry(at).or_default().union_with(&earlier);
            memory.sources.entry(at).or_default().union_with(&sources);
        }
        calls[at].beneath(table).into_iter().for_each(|code| put(&mut earlier, code as usize));
        put(&mut sources, at);
    }
}

/// Who called whom in a window: pairs of caller and called, sorted.
struct Calls(Vec<(u32, u32)>);

impl Calls {
    fn of(window: &Window) -> Self {
        let mut pairs: Vec<(u32, u32)> = window.codes.iter().filter_map(|&(code, by)| Some((by?, code))).collect();
        pairs.sort_unstable();
        Self(pairs)
    }

    /// What `code` called, directly or not.
    fn beneath(&self, code: u32) -> BTreeSet<u32> {
        let (mut waiting, mut found) = (vec![code], BTreeSet::new());
        while let Some(caller) = waiting.pop() {
            let from = self.0.partition_point(|&(by, _)| by < caller);
            let called = self.0[from..].iter().take_while(|&&(by, _)| by == caller).map(|&(_, called)| called);
            waiting.extend(called.filter(|&called| called != code && found.insert(called)));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::window::WindowKind;

    fn window(name: &str, codes: &[(u32, Option<u32>)]) -> Window {
        Window { codes: codes.iter().copied().collect(), ..Window::new(WindowKind::Test, name, 0) }
    }

    /// The code objects that were remembered for a window.
    fn of_window(memory: &Memory, at: usize) -> Option<Vec<usize>> {
        memory.codes.get(&at).map(|codes| codes.ones().collect())
    }

    const TEST_1: u32 = 1;
    const TEST_2: u32 = 2;
    const GET: u32 = 10;
    const BUILD: u32 = 11;
    const PART: u32 = 12;

    #[test]
    fn what_a_lazy_singleton_ran_belongs_to_its_later_users() {
        let windows = [
            window("t1", &[(TEST_1, None), (GET, Some(TEST_1)), (BUILD, Some(GET)), (PART, Some(BUILD))]),
            window("t2", &[(TEST_2, None), (GET, Some(TEST_2))]),
        ];
        let memory = remembered(&windows, &Sorts::default());
        assert_eq!(of_window(&memory, 1), Some(vec![11, 12]));
        assert_eq!(of_window(&memory, 0), None);
    }

    #[test]
    fn a_branch_that_a_later_test_takes_is_not_memory() {
        let windows = [
            window("t1", &[(TEST_1, None), (GET, Some(TEST_1))]),
            window("t2", &[(TEST_2, None), (GET, Some(TEST_2)), (BUILD, Some(GET))]),
        ];
        assert_eq!(remembered(&windows, &Sorts::default()), Memory::default());
    }

    #[test]
    fn what_was_put_into_a_table_belongs_to_whoever_looks_into_it_later() {
        let windows = [
            window("t1", &[(TEST_1, None), (GET, Some(TEST_1)), (BUILD, Some(GET))]),
            window("t2", &[(TEST_2, None), (GET, Some(TEST_2)), (BUILD, Some(GET)), (PART, Some(BUILD))]),
            window("t3", &[(TEST_1, None), (GET, Some(TEST_1))]),
        ];
        let memory = remembered(&windows, &Sorts { fills: [GET].into(), ..Sorts::default() });
        assert_eq!(of_window(&memory, 2), Some(vec![10, 11, 12]));
        assert_eq!(of_window(&memory, 0), None);
    }

    #[test]
    fn what_a_caching_decorator_keeps_belongs_to_all_who_load_its_file() {
        let windows = [
            window("t1", &[(TEST_1, None), (GET, Some(TEST_1)), (BUILD, Some(GET))]),
            window("t2", &[(TEST_2, None), (GET, Some(TEST_2)), (BUILD, Some(GET)), (PART, Some(BUILD))]),
        ];
        let memory = remembered(&windows, &Sorts { remembers: [BUILD].into(), ..Sorts::default() });
        assert_eq!(memory.kept, BTreeMap::from([(BUILD, [11, 12].into_iter().collect())]));
        assert_eq!(memory.codes.len(), 0);
    }
}
