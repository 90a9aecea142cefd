//! `base_v1`: the snapshot of the suites that newer batches of records are folded onto, `.titer/suite/base.tsv`. A line a test, in the order of
//! tests: `TEST SUITE RECORD SINCE UNTIL RULE MOVES TEXT` between tabs; `MOVES` are instants between commas, `UNTIL` may be empty. A tab, a line
//! break or a backslash in a test or a text is written `\t`, `\n`, `\r`, `\\`. A test of the baseline names its record, the rule `baseline`, no
//! move. The first line is [`HEAD`].

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::suite::Place;

/// The first line, without its end.
pub const HEAD: &str = "# titer base 1: test, suite, record, since, until, rule, moves, text";
/// The rule of a test that was there when titer came.
pub const BASELINE: &str = "baseline";

/// Where a test was left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Where.
    pub place: Place,
    /// The record that says so.
    pub record: String,
    /// Since when, RFC 3339 in UTC.
    pub since: String,
    /// The last day of the stay, where it ends by itself.
    pub until: Option<String>,
    /// The rule.
    pub rule: String,
    /// When it moved, oldest first, RFC 3339 in UTC.
    pub moves: Vec<String>,
    /// Why, in words.
    pub text: String,
}

/// The rows by test.
pub type Snapshot = BTreeMap<String, Row>;

/// The file's text.
#[must_use]
pub fn write(base: &Snapshot) -> String {
    let mut file = format!("{HEAD}\n");
    for (test, row) in base {
        let until = row.until.as_deref().unwrap_or_default();
        let (place, moves) = (row.place.word(), row.moves.join(","));
        let (name, why) = (escaped(test), escaped(&row.text));
        let _ = writeln!(file, "{name}\t{place}\t{}\t{}\t{until}\t{}\t{moves}\t{why}", row.record, row.since, row.rule);
    }
    file
}

/// The tests of the baseline, each with a line break behind it, in order.
#[must_use]
pub fn inventory(rows: &Snapshot) -> String {
    rows.iter().filter(|(_, row)| row.rule == BASELINE).map(|(test, _)| escaped(test) + "\n").collect()
}

/// Reads a file.
///
/// # Errors
/// It is damaged; the sentence names the line.
pub fn read(bytes: &[u8]) -> Result<Snapshot, String> {
    read_some(bytes, |_| true)
}

/// Reads the rows that come of records alone: of a test of the baseline nothing follows, and there may be many of them.
///
/// # Errors
/// It is damaged; the sentence names the line.
pub fn read_records(bytes: &[u8]) -> Result<Snapshot, String> {
    read_some(bytes, |line| line.split('\t').nth(5) != Some(BASELINE))
}

fn read_some(bytes: &[u8], wants: fn(&str) -> bool) -> Result<Snapshot, String> {
    let whole = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    let mut lines = whole.split_inclusive('\n');
    if lines.next().map(|line| line.trim_end_matches('\n')) != Some(HEAD) {
        return Err(format!("line 1: it is not \"{HEAD}\""));
    }
    let mut base = Snapshot::new();
    for (number, line) in lines.enumerate().filter(|(_, line)| wants(line)) {
        let read = line.strip_suffix('\n').ok_or("it was cut").and_then(row);
        let (test, row) = read.map_err(|why| format!("line {}: {why}", number + 2))?;
        if base.last_key_value().is_some_and(|(last, _)| *last >= test) {
            return Err(format!("line {}: its test does not follow the one before it", number + 2));
        }
        base.insert(test, row);
    }
    Ok(base)
}

fn row(line: &str) -> Result<(String, Row), &'static str> {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[test, place, record, since, until, rule, moves, why] = fields.as_slice() else {
        return Err("it has not 8 fields");
    };
    let row = Row {
        place: Place::parse(place).ok_or("its suite is neither fast nor weekly nor absent")?,
        record: record.to_owned(),
        since: since.to_owned(),
        until: Some(until).filter(|until| !until.is_empty()).map(str::to_owned),
        rule: rule.to_owned(),
        moves: moves.split(',').filter(|at| !at.is_empty()).map(str::to_owned).collect(),
        text: plain(why).ok_or("its text has an escape that means nothing")?,
    };
    if crate::model::record::RecordId::parse(&row.record).is_none() {
        return Err("its record is no name of a record, which has 64 hexadecimal digits");
    }
    Ok((plain(test).filter(|test| !test.is_empty()).ok_or("its test is no name")?, row))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

fn plain(text: &str) -> Option<String> {
    let mut letters = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Snapshot {
        let row = Row {
            place: Place::Weekly,
            record: "ab".repeat(32),
            since: "2026-01-01T00:00:00Z".to_owned(),
            until: Some("2026-02-01".to_owned()),
            rule: "flaky".to_owned(),
            moves: vec!["2025-01-01T00:00:00Z".to_owned(), "2026-01-01T00:00:00Z".to_owned()],
            text: "a\tb\\n\nc".to_owned(),
        };
        let plain = Row { until: None, moves: Vec::new(), place: Place::Absent, ..row.clone() };
        [("pytest::a.py::t[\\n-\t]".to_owned(), row), ("pytest::b.py::t".to_owned(), plain)].into()
    }

    #[test]
    fn what_was_written_is_read_again() {
        let text = write(&base());
        assert_eq!(read(text.as_bytes()), Ok(base()));
        let mut all = base();
        all.insert("old".to_owned(), Row { rule: BASELINE.to_owned(), record: "cd".repeat(32), ..Row::default() });
        let text_of_all = write(&all);
        assert_eq!((read(text_of_all.as_bytes()), read_records(text_of_all.as_bytes())), (Ok(all), Ok(base())));
        assert_eq!((text.lines().count(), read(write(&Snapshot::new()).as_bytes())), (3, Ok(Snapshot::new())));
    }

    #[test]
    fn what_is_damaged_is_named_by_its_line() {
        let text = write(&base());
        for (wrong, why) in [
            (text.replace("# titer", "# other"), "line 1: it is not"),
            (text.trim_end().to_owned(), "line 3: it was cut"),
            (text.replace("\tweekly\t", "\tmonthly\t"), "line 2: its suite"),
            (text.replacen("abab", "ab", 1), "line 2: its record"),
            (text.replacen("a\\tb", "a\\qb", 1), "line 2: its text"),
            (text.clone() + "x\n", "line 4: it has not 8 fields"),
            (text.clone() + text.lines().last().unwrap() + "\n", "line 4: its test does not follow"),
            (text.replace('\n', "\r\n"), "line 1"),
        ] {
            assert!(read(wrong.as_bytes()).is_err_and(|told| told.contains(why)), "{wrong}");
        }
        assert!(read(b"\xff").is_err());
    }
}
