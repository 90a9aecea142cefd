//! Processes that are windows of their own: a test program, or one test in a program that runs nothing else.

use std::collections::BTreeMap;

use crate::model::touch::Touch;
use crate::model::window::{Trace, Window};

use super::timeline::Timeline;

/// The touches with those of such processes given to the trace that they belong to; nothing where there is no such process.
#[must_use]
pub fn as_windows(traces: &[Trace], all: &[Touch]) -> Option<Vec<Touch>> {
    let mut windows: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    for trace in traces {
        let Ok(owner) = u32::try_from(trace.pid) else { continue };
        for (&pid, &number) in &trace.alone {
            if let (Ok(pid), Ok(number)) = (u32::try_from(pid), u32::try_from(number)) {
                windows.insert(pid, (owner, number));
            }
        }
    }
    if windows.is_empty() {
        return None;
    }
    let moved = all.iter().map(|touch| match windows.get(&touch.owner) {
        Some(&(owner, window)) => Touch { owner, window, ..touch.clone() },
        None => touch.clone(),
    });
    Some(moved.collect())
}

/// Whether any of a trace's own processes said hello; the windows of those that did not are opaque.
pub fn answered(trace: &mut Trace, timeline: &Timeline) -> bool {
    let said_hello = |pid: i64| u32::try_from(pid).is_ok_and(|pid| timeline.said_hello(pid));
    let (heard, unheard): (Vec<_>, Vec<_>) = trace.alone.iter().partition(|&(&pid, _)| said_hello(pid));
    let unheard: Vec<u64> = unheard.into_iter().map(|(_, &number)| number).collect();
    let any = !heard.is_empty();
    for window in trace.windows.iter_mut().filter(|window| unheard.contains(&window.number)) {
        mark(window);
    }
    any
}

fn mark(window: &mut Window) {
    window.opaque.insert("unseen test program".to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::touch::TouchKind;

    #[test]
    fn what_a_process_of_its_own_did_belongs_to_its_window() {
        let one = |owner| Touch { pid: 7, owner, window: 1, kind: TouchKind::Read, text: "/r/a".into() };
        let trace = Trace { pid: 3, alone: [(7, 4)].into(), ..Trace::default() };
        let moved = as_windows(&[trace], &[one(7), one(9)]).unwrap();
        assert_eq!(moved.iter().map(|s| (s.owner, s.window)).collect::<Vec<_>>(), [(3, 4), (9, 1)]);
        assert_eq!(as_windows(&[Trace::default()], &[one(7)]), None);
    }
}
