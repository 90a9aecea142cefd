//! Workers of a runner: what the process did that called them serves their tests, too.

use std::collections::BTreeMap;

use crate::model::window::{Trace, Window, WindowKind};

/// Adds to each worker what its caller did for all tests.
pub(super) fn share(traces: &mut [Trace]) {
    let callers: BTreeMap<i64, Trace> = traces
        .iter()
        .filter(|trace| trace.caller.is_none() && traces.iter().any(|other| other.caller == Some(trace.pid)))
        .map(|trace| (trace.pid, trace.clone()))
        .collect();
    for trace in traces {
        let Some(caller) = trace.caller.and_then(|pid| callers.get(&pid)) else { continue };
        for window in caller.windows.iter().filter(|window| window.kind == WindowKind::Process) {
            receive(trace, window, caller);
        }
        trace.types.extend(caller.types.iter().cloned());
    }
}

fn receive(trace: &mut Trace, theirs: &Window, caller: &Trace) {
    let next = trace.codes.keys().last().map_or(0, |last| last + 1);
    let told = theirs.codes.iter().filter_map(|(code, _)| caller.codes.get(code));
    let fresh: BTreeMap<u32, _> = (next..).zip(told.cloned()).collect();
    let mut window = Window::new(WindowKind::Process, "", 0);
    window.codes = fresh.keys().map(|&code| (code, None)).collect();
    window.reads.clone_from(&theirs.reads);
    window.lists.clone_from(&theirs.lists);
    window.probed.clone_from(&theirs.probed);
    window.places.clone_from(&theirs.places);
    window.opaque.clone_from(&theirs.opaque);
    trace.codes.extend(fresh);
    trace.windows.push(window);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::window::Code;

    #[test]
    fn what_the_caller_loaded_and_read_belongs_to_its_workers() {
        let code = |path: &str| Code { path: path.to_owned(), line: 0, qualified: None };
        let mut process = Window::new(WindowKind::Process, "", 0);
        process.codes.insert((0, None));
        process.reads.insert("babel.config.json".to_owned());
        let caller =
            Trace { pid: 1, codes: [(0, code("setup.js"))].into(), windows: vec![process], ..Trace::default() };
        let worker = Trace { pid: 2, caller: Some(1), codes: [(0, code("a.js"))].into(), ..Trace::default() };
        let mut traces = [caller, worker];
        share(&mut traces);
        let window = &traces[1].windows[0];
        let paths: Vec<&str> = window.codes.iter().map(|(at, _)| traces[1].codes[at].path.as_str()).collect();
        assert_eq!((paths, window.reads.len()), (vec!["setup.js"], 1));
    }
}
