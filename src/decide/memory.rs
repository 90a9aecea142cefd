//! Process memory in one pass: code that ran once on behalf of several tests belongs to them all.
//!
//! A function whose result something long-lived kept (`lru_cache`, a lazy singleton, a lazy import) leaves no trace in a test
//! that only uses the result. What one pass can tell: such a function ran only in the first window in which any of its
//! callers ran, while its callers ran in later windows too. It, and what ran beneath it, then belongs to every window that
//! ran one of those callers. A function that says itself that it remembers (a caching decorator) may be asked by anybody who
//! can name it, without any code of ours running: it, and what ran beneath it, belongs to all who load its file. A function that looks into a table and fills it
//! (a dictionary cache) may find in any window what it computed in an earlier one. Design: `runners-pytest.md`, section 10, layer 2.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::window::Window;

/// What was remembered for each window (by its place in the slice).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Window to code objects that ran elsewhere on its behalf.
    pub codes: BTreeMap<usize, BTreeSet<u32>>,
    /// Window to the windows whose file accesses may have been made on its behalf.
    pub sources: BTreeMap<usize, BTreeSet<usize>>,
    /// Code objects that remember by their own word, with what ran beneath them: they belong to all who load their file.
    pub kept: BTreeMap<u32, BTreeSet<u32>>,
    /// Code objects that remember by their own word, with the windows in which they ran.
    pub kept_in: BTreeMap<u32, BTreeSet<usize>>,
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

/// Works out the memory of one process from its windows in order.
#[must_use]
pub fn remembered(windows: &[Window], sorts: &Sorts) -> Memory {
    let Sorts { remembers, fills, modules } = sorts;
    let mut ran_in: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    let mut callers: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for (at, window) in windows.iter().enumerate() {
        for &(code, caller) in &window.codes {
            ran_in.entry(code).or_default().insert(at);
            if let Some(caller) = caller.filter(|&caller| caller != code) {
                callers.entry(code).or_default().insert(caller);
            }
        }
    }
    let mut memory = Memory::default();
    for (&code, own) in &ran_in {
        if remembers.contains(&code) {
            let mut codes = BTreeSet::from([code]);
            for &at in own {
                beneath(&windows[at], code, &mut codes);
            }
            memory.kept.insert(code, codes);
            memory.kept_in.insert(code, own.clone());
            continue;
        }
        let Some(callers) = callers.get(&code).filter(|_| !modules.contains(&code)) else { continue };
        let of_callers: BTreeSet<usize> = callers.iter().filter_map(|c| ran_in.get(c)).flatten().copied().collect();
        let users: BTreeSet<usize> = of_callers.difference(own).copied().collect();
        if users.is_empty() {
            continue;
        }
        let once_and_first = own.len() == 1 && own.first() <= of_callers.first();
        if once_and_first {
            give(&mut memory, windows, code, own, &users);
        }
    }
    for &table in fills.difference(remembers) {
        let Some(own) = ran_in.get(&table) else { continue };
        give_finds(&mut memory, windows, table, own);
    }
    memory
}

/// A function that looks into a table and fills it: in every window but the first it may find what it computed in an earlier
/// one. What it called there and not here, and the files that it read there, are then this window's too.
fn give_finds(memory: &mut Memory, windows: &[Window], table: u32, own: &BTreeSet<usize>) {
    let mut earlier = BTreeSet::from([table]);
    let mut sources = BTreeSet::new();
    for &at in own {
        if !sources.is_empty() {
            memory.codes.entry(at).or_default().extend(&earlier);
            memory.sources.entry(at).or_default().extend(&sources);
        }
        beneath(&windows[at], table, &mut earlier);
        sources.insert(at);
    }
}

/// Gives `code` and what ran beneath it in the windows `own` to the windows `users`.
fn give(memory: &mut Memory, windows: &[Window], code: u32, own: &BTreeSet<usize>, users: &BTreeSet<usize>) {
    let mut codes = BTreeSet::from([code]);
    for &at in own {
        beneath(&windows[at], code, &mut codes);
    }
    for &user in users {
        memory.codes.entry(user).or_default().extend(&codes);
        memory.sources.entry(user).or_default().extend(own);
    }
}

/// Adds what `code` called in `window`, directly or not.
fn beneath(window: &Window, code: u32, found: &mut BTreeSet<u32>) {
    let mut waiting = vec![code];
    let mut seen = BTreeSet::from([code]);
    while let Some(caller) = waiting.pop() {
        for &(callee, by) in &window.codes {
            if by == Some(caller) && seen.insert(callee) {
                found.insert(callee);
                waiting.push(callee);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::window::WindowKind;

    fn window(name: &str, codes: &[(u32, Option<u32>)]) -> Window {
        Window { codes: codes.iter().copied().collect(), ..Window::new(WindowKind::Test, name, 0) }
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
        assert_eq!(memory.codes.get(&1), Some(&BTreeSet::from([BUILD, PART])));
        assert_eq!(memory.codes.get(&0), None);
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
        assert_eq!(memory.codes.get(&2), Some(&BTreeSet::from([GET, BUILD, PART])));
        assert_eq!(memory.codes.get(&0), None);
    }

    #[test]
    fn what_a_caching_decorator_keeps_belongs_to_all_who_load_its_file() {
        let windows = [
            window("t1", &[(TEST_1, None), (GET, Some(TEST_1)), (BUILD, Some(GET))]),
            window("t2", &[(TEST_2, None), (GET, Some(TEST_2)), (BUILD, Some(GET)), (PART, Some(BUILD))]),
        ];
        let memory = remembered(&windows, &Sorts { remembers: [BUILD].into(), ..Sorts::default() });
        assert_eq!(memory.kept, BTreeMap::from([(BUILD, BTreeSet::from([BUILD, PART]))]));
        assert_eq!(memory.codes.len(), 0);
    }
}
