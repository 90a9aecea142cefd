//! What a source told, in a few lines: what was learned, what could not be mapped and why, what the set-up lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use crate::model::digest::Digest;
use crate::model::fault::BadRecord;

/// Reasons that are listed; the others are in the ledger.
const REASONS: usize = 8;

/// The counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Learned {
    /// How often faults were seen.
    pub sightings: u64,
    /// How many of these sightings the ledger had already.
    pub known: u64,
    /// The faults.
    pub faults: BTreeSet<Digest>,
    /// Events with a code path, by confidence.
    pub mapped: BTreeMap<&'static str, u64>,
    /// Events without one, by the reason and what they block.
    pub unmapped: BTreeMap<(String, String), u64>,
    /// Events by how their commit was found.
    pub commits: BTreeMap<&'static str, u64>,
    /// Records that could not be read.
    pub bad: u64,
    /// The first of them.
    pub listed: Vec<BadRecord>,
    /// Whole records that tell of no error.
    pub other: u64,
    /// Events whose time has not come.
    pub in_the_future: u64,
    /// Events that name no release.
    pub without_release: u64,
    /// Events whose release is neither a commit nor a tag.
    pub unknown_release: u64,
    /// Unmapped events of bundled scripts.
    pub without_source_map: u64,
    /// Unmapped events of programs without line tables.
    pub without_lines: u64,
    /// The period that was said to be observed.
    pub covers: Option<(String, String)>,
    /// There is no commit in the repository.
    pub no_history: bool,
}

impl Learned {
    /// Takes in what was counted elsewhere.
    pub fn absorb(&mut self, other: Self) {
        self.sightings += other.sightings;
        self.known += other.known;
        self.faults.extend(other.faults);
        other.mapped.into_iter().for_each(|(word, count)| *self.mapped.entry(word).or_default() += count);
        other.unmapped.into_iter().for_each(|(reason, count)| *self.unmapped.entry(reason).or_default() += count);
        other.commits.into_iter().for_each(|(word, count)| *self.commits.entry(word).or_default() += count);
        self.bad += other.bad;
        self.listed.extend(other.listed);
        self.other += other.other;
        self.in_the_future += other.in_the_future;
        self.without_release += other.without_release;
        self.unknown_release += other.unknown_release;
        self.without_source_map += other.without_source_map;
        self.without_lines += other.without_lines;
        self.covers = other.covers.or(self.covers.take());
        self.no_history |= other.no_history;
    }

    /// Whether nothing was told but what could not be read.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.bad > 0 && self.sightings == 0 && self.other == 0 && self.covers.is_none()
    }
}

/// Writes what was learned from `name`: the counts as data, what is wrong as talk.
///
/// # Errors
/// A stream cannot be written to.
pub fn write(learned: &Learned, name: &str, quiet: bool, out: &mut dyn Write, talk: &mut dyn Write) -> io::Result<()> {
    if !quiet {
        writeln!(out, "{}", headline(learned, name))?;
        for line in mapped(learned) {
            writeln!(out, "  {line}")?;
        }
    }
    let bad = &learned.listed;
    if learned.bad > 0 {
        let said: Vec<String> = bad.iter().map(|bad| format!("{}: {}", bad.place, bad.reason)).collect();
        let more = learned.bad.saturating_sub(bad.len() as u64);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        writeln!(
            talk,
            "titer: warning: {} of {name} could not be read, the others are kept: {}{more}",
            count(learned.bad, "record"),
            said.join("; ")
        )?;
    }
    if learned.in_the_future > 0 {
        writeln!(
            talk,
            "titer: warning: {} from the future: kept, and not counted before its time",
            count(learned.in_the_future, "event")
        )?;
    }
    for hint in hints(learned) {
        writeln!(talk, "hint: {hint}")?;
    }
    Ok(())
}

fn headline(learned: &Learned, name: &str) -> String {
    let sightings = count(learned.sightings, "sighting");
    let known = match learned.known {
        0 => String::new(),
        known if known == learned.sightings => ", all known before".to_owned(),
        known => format!(", {known} known before"),
    };
    let other = if learned.other > 0 {
        format!("; {} that tell of no error", count(learned.other, "record"))
    } else {
        String::new()
    };
    let covers = learned.covers.as_ref().map(|(from, to)| format!("; observed from {} to {}", day(from), day(to)));
    format!(
        "{name}: {sightings} of {}{known}{other}{}",
        count(learned.faults.len() as u64, "fault"),
        covers.unwrap_or_default()
    )
}

fn day(at: &str) -> &str {
    at.get(..10).unwrap_or(at)
}

fn mapped(learned: &Learned) -> Vec<String> {
    let mut lines = Vec::new();
    let words = [("line", "the line is the same"), ("moved", "the line is nearby"), ("path", "file and function only")];
    let sure: Vec<String> = words
        .iter()
        .filter_map(|(word, said)| learned.mapped.get(word).map(|count| format!("{count} {said}")))
        .collect();
    if !sure.is_empty() {
        lines.push(format!("mapped to code paths: {}", sure.join(", ")));
    }
    let mut reasons: Vec<(&(String, String), &u64)> = learned.unmapped.iter().collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), *reason));
    for ((reason, blocks), count) in reasons.iter().take(REASONS) {
        lines.push(format!("not mapped: {count}, {reason} ({blocks})"));
    }
    if reasons.len() > REASONS {
        lines.push(format!(
            "not mapped: {} more reasons; `titer sql \"SELECT * FROM unmapped_faults\"` has them all",
            reasons.len() - REASONS
        ));
    }
    lines
}

fn hints(learned: &Learned) -> Vec<String> {
    let mut hints = Vec::new();
    let events: u64 = learned.commits.values().sum();
    let none = learned.commits.get("none").copied().unwrap_or(0);
    if learned.no_history && events > 0 {
        hints.push("this repository has no commit: nothing can be mapped, and every fault blocks; learn again after the first one".to_owned());
    } else if none > 0 {
        hints.push(format!(
            "{} before the first commit that is here: in a shallow clone `git fetch --unshallow`, then learn again",
            count(none, "event")
        ));
    }
    if learned.without_release > 0 {
        hints.push(format!(
            "{} of {events} events name no release, so the commit is guessed by the date: set `release` (Sentry) or `service.version` (OpenTelemetry) to the commit",
            learned.without_release
        ));
    }
    if learned.unknown_release > 0 {
        hints.push(format!(
            "{} of {events} events name a release that is neither a commit nor a tag here, so the commit is guessed by the date: `git fetch --tags`, or put the commit into the release",
            learned.unknown_release
        ));
    }
    if learned.without_source_map > 0 {
        hints.push(format!(
            "{} of bundled scripts: upload source maps to the tracker, so that frames name sources",
            count(learned.without_source_map, "event")
        ));
    }
    if learned.without_lines > 0 {
        hints.push(format!(
            "{} without lines: `debug = \"line-tables-only\"` in the release profile makes Rust's frames name files and lines",
            count(learned.without_lines, "event")
        ));
    }
    hints
}

fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(learned: &Learned) -> (String, String) {
        let (mut out, mut talk) = (Vec::new(), Vec::new());
        write(learned, "a.jsonl", false, &mut out, &mut talk).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(talk).unwrap())
    }

    #[test]
    fn what_was_learned_is_said_in_a_few_lines_and_what_is_wrong_with_the_next_step() {
        let bad = |number| BadRecord { place: format!("line {number}"), reason: "cut off".to_owned() };
        let learned = Learned {
            sightings: 12,
            known: 2,
            faults: [Digest::of(b"a"), Digest::of(b"b")].into(),
            mapped: [("line", 8), ("path", 1)].into(),
            unmapped: [(("no frames".to_owned(), "blocks everything".to_owned()), 3)].into(),
            commits: [("exact", 11), ("none", 1)].into(),
            bad: 3,
            listed: vec![bad(3), bad(4)],
            in_the_future: 1,
            without_lines: 2,
            ..Learned::default()
        };
        let (out, talk) = said(&learned);
        assert_eq!(
            out,
            "a.jsonl: 12 sightings of 2 faults, 2 known before\n  mapped to code paths: 8 the line is the same, 1 file and function only\n  \
             not mapped: 3, no frames (blocks everything)\n"
        );
        for part in [
            "3 records of a.jsonl could not be read",
            "line 4: cut off; and 1 more",
            "1 event from the future",
            "git fetch --unshallow",
            "line-tables-only",
        ] {
            assert!(talk.contains(part), "{part}: {talk}");
        }
    }
}
