//! What the door has seen, and what is said of it: counts, and lines that nobody can make many of.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::pages::Seen;
use crate::bridges::clock::Stopwatch;

/// So many lines of one kind are said in a minute.
const LINES: u64 = 10;
const MINUTE: f64 = 60.0;
/// Longer texts are cut.
const LONGEST: usize = 200;

/// What was said of one kind lately.
#[derive(Debug)]
struct Said {
    since: Stopwatch,
    lines: u64,
    silent: u64,
}

/// Counts, and speaks.
#[derive(Debug)]
pub(super) struct Told {
    seen: Mutex<Seen>,
    said: Mutex<BTreeMap<&'static str, Said>>,
    lines: Sender<String>,
}

impl Told {
    pub(super) fn new(spool_limit_bytes: u64, lines: Sender<String>) -> Self {
        let seen = Mutex::new(Seen { spool_limit_bytes, ..Seen::default() });
        Self { seen, said: Mutex::default(), lines }
    }

    /// The counts.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was refused.
    pub(super) fn refused(&self, code: &'static str, why: &str) {
        *self.seen().refused.entry(code).or_default() += 1;
        self.say(code, &format!("refused ({code}): {why}"));
    }

    /// Says a line, unless there were many of its kind within a minute: those are counted.
    pub(super) fn say(&self, kind: &'static str, line: &str) {
        let mut all = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let said = all.entry(kind).or_insert_with(|| Said { since: Stopwatch::start(), lines: 0, silent: 0 });
        let mut more = String::new();
        if said.since.seconds() >= MINUTE {
            if said.silent > 0 {
                more = format!(" ({} more like it in the last minutes)", said.silent);
            }
            *said = Said { since: Stopwatch::start(), lines: 0, silent: 0 };
        }
        if said.lines >= LINES {
            said.silent += 1;
            return;
        }
        said.lines += 1;
        // Quotes are harmless, and stay readable.
        let plain = |c: char| if matches!(c, '\'' | '"') { c.to_string() } else { c.escape_debug().to_string() };
        let text: String = line.chars().take(LONGEST).map(plain).collect();
        // Nobody listens any more while the door closes.
        let _ = self.lines.send(format!("titer: {text}{more}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_lines_of_one_kind_are_few_and_hostile_text_stays_on_its_line() {
        let (lines, said) = std::sync::mpsc::channel();
        let told = Told::new(1, lines);
        for _ in 0..1000 {
            told.refused("key", "a\n\u{1b}[31mb");
        }
        told.refused("host", &"x".repeat(9999));
        drop(told.seen());
        assert_eq!(told.seen().refused["key"], 1000);
        drop(told);
        let said: Vec<String> = said.iter().collect();
        assert_eq!(said.len(), 11);
        assert_eq!(said[0], "titer: refused (key): a\\n\\u{1b}[31mb");
        assert!(said[10].len() < 300);
    }
}
