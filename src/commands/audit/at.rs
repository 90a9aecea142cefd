//! `titer audit at DATE`: where tests lived at the end of a day, as the log had it sealed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;

use serde_json::json;

use super::Question;
use super::records::Record;
use crate::commands::evidence::AsOf;
use crate::commands::suites;
use crate::formats::record_v1::CHANGE;
use crate::formats::statement_v1::SEAL;
use crate::model::failure::Failure;

/// Prints the tests that were in WEEKLY; all others were in FAST.
///
/// # Errors
/// The day is none, or nothing was sealed by then.
pub fn run(question: &Question<'_>, day: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let day = AsOf::parse(day)?.day;
    let all = question.records()?;
    let seals = all.iter().filter(|it| it.kind == SEAL && it.at().get(..10).is_some_and(|at| at <= day.as_str()));
    let Some(last) = seals.max_by_key(|it| it.index) else {
        let failure = Failure::input(format!("nothing was sealed by {day}"));
        return Err(failure.hint("`titer audit list` tells what is sealed, and when"));
    };
    let size = last.index.unwrap_or_default();
    let mut lives: BTreeMap<&str, &Record> = BTreeMap::new();
    for change in all.iter().filter(|it| it.kind == CHANGE && it.index.is_some_and(|at| at < size)) {
        lives.insert(change.test(), change);
    }
    let in_weekly = |it: &Record| {
        let until = it.text("until");
        it.text("to") == "weekly" && (until.is_empty() || until >= day.as_str())
    };
    let weekly: Vec<(&str, &Record)> =
        lives.iter().filter(|(_, it)| in_weekly(it)).map(|(test, it)| (*test, *it)).collect();
    // Of tests that were there when titer came only the snapshot of that commit tells.
    let snapshot = suites::snapshot_of(question.settings, last.text("mainCommit"))?;
    let baseline = snapshot.keys().map(String::as_str).filter(|test| !lives.contains_key(test));
    let in_fast = lives.iter().filter(|(_, it)| it.text("to") != "absent" && !in_weekly(it)).map(|(test, _)| *test);
    let fast: BTreeSet<&str> = baseline.chain(in_fast).collect();
    let gone: BTreeSet<&str> =
        lives.iter().filter(|(_, it)| it.text("to") == "absent").map(|(test, _)| *test).collect();
    let text = if question.as_json {
        let told = |(test, it): &(&str, &Record)| json!({"test": test, "record": it.id, "since": it.at()});
        let value = json!({
            "format": "audit_at_v1", "day": day, "size": size + 1, "commit": last.text("mainCommit"),
            "weekly": weekly.iter().map(told).collect::<Vec<_>>(), "fast": fast, "absent": gone,
        });
        format!("{value}\n")
    } else {
        let mut text = String::new();
        for (test, it) in &weekly {
            let _ = writeln!(text, "weekly  {}  since {}  record {}", test.escape_debug(), it.at(), &it.id[..12]);
        }
        let _ = writeln!(
            text,
            "{} tests were in WEEKLY at the end of {day}, all others in FAST: {} that are recorded (log size {}, sealed up to {})",
            weekly.len(),
            fast.len(),
            size + 1,
            last.text("mainCommit")
        );
        text
    };
    crate::commands::say(out, &text)
}
