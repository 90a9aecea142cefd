//! Children that recorded what they ran: it belongs to the window that started them, or to all tests if they outlived it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::window::{Module, Trace, Window, WindowKind};

/// Moves what children told into the traces of the runners that own them. `outlived` names the processes that went on after the
/// window that started them: their work may serve any test. A child whose runner told nothing is forgotten with it.
#[must_use]
pub fn adopt(traces: Vec<Trace>, outlived: &BTreeSet<i64>) -> Vec<Trace> {
    let (children, mut runners): (Vec<Trace>, Vec<Trace>) = traces.into_iter().partition(|t| t.child_of.is_some());
    for child in children {
        let Some((owner, number)) = child.child_of else { continue };
        let Some(runner) = runners.iter_mut().find(|trace| trace.pid == owner && trace.session.is_some()) else {
            continue;
        };
        let number = if outlived.contains(&child.pid) { 0 } else { number };
        take_over(runner, &child, number);
    }
    runners
}

fn take_over(runner: &mut Trace, child: &Trace, number: u64) {
    let codes = renumber_codes(runner, child);
    let modules = renumber_modules(runner, child);
    for &at in Numbers::of(runner).places(number) {
        receive(&mut runner.windows[at], child, &codes, &modules);
    }
}

fn receive(window: &mut Window, child: &Trace, codes: &BTreeMap<u32, u32>, modules: &BTreeMap<u32, u32>) {
    // Whoever started a process called what ran in it: a cache may keep what came of it.
    let starters: Vec<u32> =
        window.by.iter().filter(|(what, _)| window.started.contains(what)).filter_map(|(_, code)| *code).collect();
    for what in &child.unhealthy {
        window.opaque.insert(format!("child {what}"));
    }
    if child.collector == "none" {
        window.opaque.insert("child without a collector".to_owned());
    }
    for theirs in &child.windows {
        let moved = |code: u32| codes.get(&code).copied();
        for &(code, by) in &theirs.codes {
            let Some(ours) = moved(code) else { continue };
            let by = by.and_then(moved);
            window.codes.insert((ours, by));
            window.codes.extend(starters.iter().filter(|_| by.is_none()).map(|&starter| (ours, Some(starter))));
        }
        window.opaque.extend(theirs.opaque.iter().cloned());
        window.reads.extend(theirs.reads.iter().cloned());
        window.lists.extend(theirs.lists.iter().cloned());
        window.imports.extend(theirs.imports.iter().filter_map(|node| modules.get(node)));
        window.probes.extend(theirs.probes.iter().cloned());
    }
    // Whatever the child loaded, its window depends on.
    window.imports.extend(modules.values());
}

/// The places of windows by all of their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    places: BTreeMap<u64, Vec<usize>>,
    process: Vec<usize>,
}

impl Numbers {
    /// Of the windows of a trace; it has one for the process afterwards.
    pub(super) fn of(trace: &mut Trace) -> Self {
        let is_process = |window: &Window| window.kind == WindowKind::Process;
        if !trace.windows.iter().any(is_process) {
            trace.windows.push(Window::new(WindowKind::Process, "", 0));
        }
        let mut numbers = Self::default();
        for (at, window) in trace.windows.iter().enumerate() {
            for &number in window.parts.iter().chain([&window.number]) {
                numbers.places.entry(number).or_default().push(at);
            }
        }
        numbers.process.extend(trace.windows.iter().position(is_process));
        numbers
    }

    /// The places of a window, by any of its numbers; the process's own where none has that number.
    pub(super) fn places(&self, number: u64) -> &[usize] {
        self.places.get(&number).unwrap_or(&self.process)
    }
}

fn renumber_codes(runner: &mut Trace, child: &Trace) -> BTreeMap<u32, u32> {
    let next = runner.codes.keys().last().map_or(0, |last| last + 1);
    let known: BTreeMap<_, _> = runner.codes.iter().map(|(&at, code)| (code.clone(), at)).collect();
    let mut renumbered = BTreeMap::new();
    for ((&theirs, code), fresh) in child.codes.iter().zip(next..) {
        let ours = known.get(code).copied().unwrap_or(fresh);
        runner.codes.insert(ours, code.clone());
        renumbered.insert(theirs, ours);
    }
    renumbered
}

fn renumber_modules(runner: &mut Trace, child: &Trace) -> BTreeMap<u32, u32> {
    let next = runner.modules.keys().last().map_or(0, |last| last + 1);
    let known: BTreeMap<String, u32> = runner.modules.iter().map(|(&at, module)| (module.name.clone(), at)).collect();
    let renumbered: BTreeMap<u32, u32> = child
        .modules
        .iter()
        .zip(next..)
        .map(|((&theirs, module), fresh)| (theirs, known.get(&module.name).copied().unwrap_or(fresh)))
        .collect();
    for (theirs, module) in &child.modules {
        let Some(&ours) = renumbered.get(theirs) else { continue };
        let entry: &mut Module = runner.modules.entry(ours).or_default();
        entry.name.clone_from(&module.name);
        entry.imports.extend(module.imports.iter().filter_map(|node| renumbered.get(node)));
        entry.probes.extend(module.probes.iter().cloned());
    }
    renumbered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::window::{Code, Session};

    fn code(path: &str) -> Code {
        Code { path: path.to_owned(), line: 3, qualified: Some("f".to_owned()) }
    }

    fn runner() -> Trace {
        let mut test = Window::new(WindowKind::Test, "t1", 4);
        test.codes.insert((0, None));
        Trace {
            pid: 10,
            session: Some(Session::default()),
            codes: [(0, code("tests/t.py"))].into(),
            modules: [(0, Module { name: "src/a.py".into(), ..Module::default() })].into(),
            windows: vec![Window::new(WindowKind::Process, "", 0), test],
            ..Trace::default()
        }
    }

    fn child() -> Trace {
        let mut window = Window::new(WindowKind::Process, "", 4);
        window.codes.insert((0, None));
        let module = |name: &str, imports: &[u32]| Module {
            name: name.to_owned(),
            imports: imports.iter().copied().collect(),
            ..Module::default()
        };
        Trace {
            pid: 11,
            child_of: Some((10, 4)),
            codes: [(0, code("src/a.py"))].into(),
            modules: [(0, module("src/b.py", &[])), (1, module("src/a.py", &[0]))].into(),
            windows: vec![window],
            ..Trace::default()
        }
    }

    #[test]
    fn what_a_child_ran_and_loaded_belongs_to_the_window_that_started_it() {
        let adopted = adopt(vec![runner(), child()], &BTreeSet::new());
        let test = &adopted[0].windows[1];
        assert_eq!(test.codes, BTreeSet::from([(0, None), (1, None)]));
        assert_eq!(adopted[0].codes[&1], code("src/a.py"));
        assert_eq!(adopted[0].modules[&0].imports, BTreeSet::from([1]));
        assert_eq!(test.imports, BTreeSet::from([0, 1]));
    }

    #[test]
    fn what_a_child_did_after_its_window_belongs_to_all_tests() {
        let adopted = adopt(vec![runner(), child()], &BTreeSet::from([11]));
        assert_eq!(adopted[0].windows[1].codes, BTreeSet::from([(0, None)]));
        assert_eq!(adopted[0].windows[0].codes, BTreeSet::from([(1, None)]));
    }

    #[test]
    fn a_child_that_could_not_trace_makes_its_window_opaque() {
        let mut blind = child();
        blind.unhealthy.push("no free tool".to_owned());
        let adopted = adopt(vec![runner(), blind], &BTreeSet::new());
        assert_eq!(adopted[0].windows[1].opaque, BTreeSet::from(["child no free tool".to_owned()]));
    }
}
