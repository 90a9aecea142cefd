//! Which processes of a run nobody saw: programs that were started and never said that they run.
//!
//! A program that loads no shared library, or changes its user while it starts, comes up without the file tracer. Every start is
//! announced by whoever starts it and answered by the program itself: what is announced and neither taken back nor answered was
//! not seen, and the window that started it depends on everything. Design: `runners-files.md`, section 3.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::touch::{Touch, TouchKind};

/// A window by its runner's process and its number there.
pub type Place = (u32, u32);

/// What is known of one process.
#[derive(Debug, Default)]
struct Account {
    announced: Vec<(Place, String)>,
    taken_back: usize,
    answered: usize,
}

/// Windows that started programs which nobody saw, with their names.
#[must_use]
pub fn unseen(touches: &[Touch]) -> BTreeMap<Place, BTreeSet<String>> {
    let mut accounts: BTreeMap<u32, Account> = BTreeMap::new();
    // Nobody announced the first program of a run: titer itself started it.
    let first = touches.iter().find(|s| s.kind == TouchKind::Hello).map(|touch| touch.pid);
    let announced: BTreeSet<u32> = spawns(touches).map(|(pid, _)| pid).filter(|&pid| pid != 0).collect();
    for touch in touches {
        if touch.kind == TouchKind::Failed {
            accounts.entry(touch.pid).or_default().taken_back += 1;
        } else if touch.kind == TouchKind::Hello {
            let nameless = nameless_of(touch).filter(|_| !announced.contains(&touch.pid));
            accounts.entry(nameless.unwrap_or(touch.pid)).or_default().answered += 1;
        } else if touch.kind == TouchKind::Spawn
            && let Some((pid, program)) = spawned(&touch.text)
        {
            let place = (touch.owner, touch.window);
            let account = if pid == 0 { nameless(touch.pid) } else { pid };
            accounts.entry(account).or_default().announced.push((place, program.to_owned()));
        }
    }
    let mut found: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
    for (pid, account) in accounts {
        let answered = account.answered - usize::from(Some(pid) == first).min(account.answered);
        if account.announced.len() <= account.taken_back + answered {
            continue;
        }
        // Which of several it was cannot be told: those that did not come back are the last ones.
        let unanswered = account.announced.len() - account.taken_back - answered;
        for (place, program) in account.announced.into_iter().rev().take(unanswered) {
            let name = program.rsplit('/').next().unwrap_or_default().to_owned();
            found.entry(place).or_default().insert(format!("unseen {name}"));
        }
    }
    found
}

fn spawns(touches: &[Touch]) -> impl Iterator<Item = (u32, &str)> {
    touches.iter().filter(|s| s.kind == TouchKind::Spawn).filter_map(|touch| spawned(&touch.text))
}

/// libc's `system` and `popen` do not tell which process they made: those of one parent share an account.
fn nameless(parent: u32) -> u32 {
    // No process has a number so large.
    parent | 1 << 31
}

fn nameless_of(hello: &Touch) -> Option<u32> {
    hello.text.split_once(' ')?.0.parse().ok().map(nameless)
}

/// `PID PATH`
fn spawned(text: &str) -> Option<(u32, &str)> {
    let (pid, program) = text.split_once(' ')?;
    Some((pid.parse().ok()?, program))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touches(lines: &[(u32, TouchKind, &str)]) -> Vec<Touch> {
        let one = |&(pid, kind, text): &(u32, TouchKind, &str)| Touch {
            pid,
            owner: 1,
            window: 4,
            kind,
            text: text.to_owned(),
        };
        lines.iter().map(one).collect()
    }

    const STATIC: &str = "unseen busybox";

    #[test]
    fn a_program_that_never_answers_is_named() {
        use TouchKind::{Failed, Hello, Spawn};
        let traced = [(1, Hello, "0 /bin/sh"), (2, Spawn, "2 /bin/cat"), (2, Hello, "1 /bin/cat")];
        assert_eq!(unseen(&touches(&traced)), BTreeMap::new());
        // Found at the second place of the search path.
        let searched = [
            (1, Hello, "0 /bin/sh"),
            (2, Spawn, "2 /a/cat"),
            (2, Failed, "/a/cat"),
            (2, Spawn, "2 /bin/cat"),
            (2, Hello, "1 /bin/cat"),
        ];
        assert_eq!(unseen(&touches(&searched)), BTreeMap::new());
        // The child of posix_spawn may speak before its parent.
        let early = [(1, Hello, "0 /bin/sh"), (2, Hello, "1 /bin/cat"), (1, Spawn, "2 /bin/cat")];
        assert_eq!(unseen(&touches(&early)), BTreeMap::new());
        let silent = [(1, Hello, "0 /bin/sh"), (2, Spawn, "2 /opt/busybox")];
        assert_eq!(unseen(&touches(&silent)), BTreeMap::from([((1, 4), BTreeSet::from([STATIC.to_owned()]))]));
        // `system` does not tell the pid of its shell.
        let shell = [(1, Hello, "0 /bin/python"), (1, Spawn, "0 /bin/sh"), (2, Hello, "1 /bin/sh")];
        assert_eq!(unseen(&touches(&shell)), BTreeMap::new());
        // The first program gives way to one that cannot be seen.
        let gave_way = [(1, Hello, "0 /bin/sh"), (1, Spawn, "1 /opt/busybox")];
        assert_eq!(unseen(&touches(&gave_way)), BTreeMap::from([((1, 4), BTreeSet::from([STATIC.to_owned()]))]));
    }
}
