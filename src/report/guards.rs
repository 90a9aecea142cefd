//! Guards in words: faults that have none, drafts, verdicts, what a sweep came to.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::formats::draft_v1::Draft;
use crate::model::guard::{Runner, State, overall};
use crate::model::suite::Suite;

use super::table;

/// Attempts that are listed; the others are in `draft.json`.
const ATTEMPTS: usize = 5;

/// The rung of an attempt that was none, as the event tells nothing to try.
const NOTHING_TO_TRY: &str = "event";

type Row = Map<String, Value>;

/// What a sweep did about one fault.
#[derive(Debug)]
pub enum Swept {
    /// Its guard is in the tree.
    Injected(Draft),
    /// Its guard is on a branch, or in a pull request.
    Proposed(Draft, String),
    /// A draft did not pass.
    Queued(Draft),
    /// No call fails as production did.
    NoCall(Draft),
    /// It could not be tried.
    CannotBecause(String),
}

/// What became of one guard.
#[derive(Debug)]
pub enum Settled {
    /// There is a fix, and the guard says what is right now.
    Fixed(Draft),
    /// There is none yet.
    Unfixed,
    /// Somebody else wrote it, and has to say what is right.
    ByHand,
    /// There is a fix, and the test, which somebody else wrote, is still expected to fail.
    Mended,
    /// There is a fix, and with what the call gives then the guard does not pass.
    Refused(Draft),
    /// It could not be tried.
    CannotBecause(String),
    /// The fault was seen again in this commit, which holds the fix.
    Relapsed(String),
}

/// Texts of others on one line: nothing in them may move a terminal's cursor.
fn plain(text: &str, most: usize) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.chars().count() <= most { flat } else { flat.chars().take(most - 1).chain(['…']).collect() }
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

fn cell(row: &Row, name: &str) -> Value {
    match row.get(name) {
        Some(Value::String(text)) => Value::from(plain(text, 60)),
        other => other.cloned().unwrap_or_default(),
    }
}

fn aligned(heads: &[&str], rows: &[Vec<Value>]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let mut text = Vec::new();
    let _ = table::aligned(&heads, rows, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Faults without a guard.
#[must_use]
pub fn faults(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "every fault that points at code of this repository has a guard, or production has told of none\n"
            .to_owned();
    }
    let heads = ["fault", "type", "where", "sightings", "users", "pages", "last seen", "drafts"];
    let cells = |row: &Row| {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let place = format!("{} {}", text("path"), text("function_name"));
        let fault = Value::from(short(text("fault_id")));
        let seen = Value::from(text("last_seen_at").get(..10).unwrap_or_default());
        let place = Value::from(plain(&place, 60));
        vec![
            fault,
            cell(row, "error_type"),
            place,
            cell(row, "sightings"),
            cell(row, "users"),
            cell(row, "pages"),
            seen,
            cell(row, "drafts"),
        ]
    };
    aligned(&heads, &rows.iter().map(cells).collect::<Vec<_>>()) + "next: titer guard draft FAULT\n"
}

/// Drafts that wait for a person.
#[must_use]
pub fn queue(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no draft waits for a person\n".to_owned();
    }
    let heads = ["draft", "since", "step", "failed", "why"];
    let cells = |row: &Row| {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let since = Value::from(text("drafted_at").get(..10).unwrap_or_default());
        let why = match (text("step"), text("state"), text("reason")) {
            ("drafted", _, "") => "not checked yet".to_owned(),
            ("checked", "passed", _) => "passed, and not injected yet".to_owned(),
            (_, _, why) => plain(why, 100),
        };
        vec![cell(row, "draft_id"), since, cell(row, "step"), cell(row, "criterion"), Value::from(why)]
    };
    aligned(&heads, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// A draft that was made, or why none was.
#[must_use]
pub fn drafted(draft: &Draft, text: Option<&str>, folder: &Path) -> String {
    let crash = &draft.crash;
    let place = format!("{} in {} {}", plain(&crash.r#type, 60), crash.path, plain(&crash.function, 60));
    let mut told = format!("fault {}: {place}\n", short(&draft.fault));
    let text = text.map(|text| text.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>());
    let text = text.as_deref();
    if let (Some(text), None) = (text, &draft.found) {
        let _ = writeln!(
            told,
            "written by {}\n\n{}:\n\n{text}\n{}{}",
            draft.by,
            draft.file,
            verdicts(draft),
            folder.display()
        );
        let _ = writeln!(told, "next: titer guard inject {}", draft.draft);
        return told;
    }
    let (Some(text), Some(found)) = (text, &draft.found) else {
        if let Some(why) = unable(draft) {
            let hint = "write the test yourself, and `titer guard check FILE --fault";
            let _ = writeln!(told, "cannot be drafted, because {why}");
            let _ = writeln!(told, "hint: {hint} {}` it; {} is where it belongs", short(&draft.fault), draft.file);
            return told;
        }
        let _ = writeln!(
            told,
            "no draft: nothing that its events tell fails as production did ({} attempts)",
            draft.attempts.len()
        );
        for attempt in draft.attempts.iter().take(ATTEMPTS) {
            let _ = writeln!(told, "  {} {}: {}", attempt.rung, plain(&attempt.target, 60), plain(&attempt.why, 120));
        }
        told.push_str("hint: the capture hook tells what arguments were (adapters/capture), or write the test yourself and `titer guard check FILE` it\n");
        return told;
    };
    let flags = if found.flags.is_empty() { String::new() } else { format!(" ({})", found.flags.join(", ")) };
    let _ = writeln!(
        told,
        "found by {}{flags}; {} characters became {}",
        found.rung, found.characters.before, found.characters.after
    );
    let fix = if draft.fixed.is_empty() {
        "there is no fix yet: it is expected to fail".to_owned()
    } else {
        format!("fixed by {}", short(&draft.fixed))
    };
    let _ =
        writeln!(told, "fails on {}; {fix}\n\n{}:\n\n{text}\n{}", short(&draft.faulty), draft.file, folder.display());
    let _ = writeln!(told, "next: titer guard check {0}, titer guard inject {0}", draft.draft);
    told
}

/// Why nothing was even tried.
fn unable(draft: &Draft) -> Option<&str> {
    let first = draft.attempts.first().filter(|attempt| attempt.rung == NOTHING_TO_TRY)?;
    Some(&first.why)
}

/// The verdict of every criterion.
#[must_use]
pub fn verdicts(draft: &Draft) -> String {
    let mut told = format!("{} {}\n", draft.draft, draft.id());
    for verdict in &draft.verdicts {
        let (state, criterion) = (verdict.state.word(), verdict.criterion.word());
        let _ = writeln!(told, "  {state:<7} {criterion:<12} {}", plain(&verdict.evidence, 300));
    }
    let _ = writeln!(told, "{}", overall(&draft.verdicts).word());
    told
}

/// The same as JSON.
#[must_use]
pub fn verdicts_json(draft: &Draft) -> String {
    let told = json!({"v": 1, "draft": draft.draft, "fault": draft.fault, "test": draft.id(), "faulty": draft.faulty, "fixed": draft.fixed,
        "state": overall(&draft.verdicts).word(), "weak": draft.weak, "verdicts": draft.verdicts});
    format!("{told}\n")
}

/// A draft that stays one.
#[must_use]
pub fn not_injected(draft: &Draft) -> String {
    if overall(&draft.verdicts) != State::Failed {
        return format!(
            "not injected: it asserts little; `titer guard inject {} --weekly` is a person's word for it\n",
            draft.draft
        );
    }
    format!("not injected: {} waits in `titer guard queue`\n", draft.draft)
}

/// A draft that became a test.
#[must_use]
pub fn injected(draft: &Draft, suite: Suite, batch: &str, signed_by: Option<&str>) -> String {
    let signed = signed_by.map_or_else(|| "not signed".to_owned(), |key| format!("signed by {key}"));
    format!("{}: absent -> {suite}\n.titer/suite/pending/{batch}, {signed}\ncommit both files\n", draft.id())
}

/// A draft that became a branch.
#[must_use]
pub fn proposed(draft: &Draft, branch: &str, patch: &Path, url: Option<&str>, problem: &str, merges: bool) -> String {
    let mut told = format!("{}\nbranch {branch}\npatch {}\n", draft.id(), patch.display());
    if let Some(url) = url {
        let how = if merges { "merged once its checks are green" } else { "waits for a person" };
        let why = if problem.is_empty() { String::new() } else { format!(": {}", plain(problem, 300)) };
        let _ = writeln!(told, "pull request {}, {how}{why}", plain(url, 300));
    }
    told
}

/// Title and body of what is proposed: nothing of production's but the fault's type, and that without anything that a forge would read as more.
#[must_use]
pub fn proposal(draft: &Draft, suite: Suite) -> (String, String) {
    let word: String =
        draft.crash.r#type.chars().filter(|c| c.is_ascii_alphanumeric() || "_.".contains(*c)).take(60).collect();
    let fault = short(&draft.fault);
    let title = format!("Guard against fault {fault}: {word} in {}", draft.crash.path);
    let mut body = format!("`{}`, in {suite}.\n\n", draft.id());
    for verdict in &draft.verdicts {
        let evidence = plain(&verdict.evidence, 300).replace(['`', '<', '>', '@', '[', ']'], " ");
        let _ = writeln!(body, "- {} {}: {evidence}", verdict.criterion.word(), verdict.state.word());
    }
    let fix = if draft.fixed.is_empty() {
        "there is no fix yet".to_owned()
    } else {
        format!("passes on {}", short(&draft.fixed))
    };
    let _ = writeln!(body, "\nFails on {}; {fix}. Drafted as {} by `titer guard`.", short(&draft.faulty), draft.draft);
    (title, body)
}

/// One fault of a sweep.
#[must_use]
pub fn swept(fault: &str, swept: &Swept) -> String {
    let fault = short(fault);
    match swept {
        Swept::Injected(draft) => {
            let how = if draft.fixed.is_empty() { " (expected to fail until there is a fix)" } else { "" };
            format!("{fault} injected {}{how}\n", draft.file)
        }
        Swept::Proposed(draft, place) => format!("{fault} proposed {}: {}\n", draft.file, plain(place, 300)),
        Swept::Queued(draft) => {
            let first = draft.verdicts.iter().find(|verdict| verdict.state == State::Failed);
            let why = first.map_or_else(
                || "it asserts little".to_owned(),
                |first| format!("{}: {}", first.criterion.word(), plain(&first.evidence, 200)),
            );
            format!("{fault} queued as {}: {why}\n", draft.draft)
        }
        Swept::NoCall(draft) => {
            if let Some(why) = unable(draft) {
                return format!("{fault} queued as {}: cannot be drafted, because {why}\n", draft.draft);
            }
            format!(
                "{fault} queued as {}: no call fails as production did ({} attempts)\n",
                draft.draft,
                draft.attempts.len()
            )
        }
        Swept::CannotBecause(why) => format!("{fault} cannot be drafted: {}\n", plain(why, 300)),
    }
}

/// What a sweep came to.
#[must_use]
pub fn sweep_ended(done: usize, waiting: usize, vain: usize, seconds: f64) -> String {
    if waiting == 0 && vain == 0 {
        return "no fault waits for a guard\n".to_owned();
    }
    if waiting == 0 {
        return format!(
            "no fault waits for a guard but {vain} drafted in vain and not seen since: `titer guard queue` says why, `titer guard sweep --again` tries again\n"
        );
    }
    let left = waiting - done;
    let rest = if left == 0 { String::new() } else { format!("; {left} are left for the next sweep") };
    format!("{done} of {waiting} faults in {seconds:.0} s{rest}\n")
}

/// What became of one guard.
#[must_use]
pub fn settled(draft: &Draft, settled: &Settled) -> String {
    let (fault, file) = (short(&draft.fault), &draft.file);
    match settled {
        Settled::Fixed(now) => format!("{fault} is fixed by {}: {file} asserts what is right now\n", short(&now.fixed)),
        Settled::Unfixed => format!("{fault} is not fixed yet: {file} is expected to fail\n"),
        Settled::ByHand => format!("{fault}: {file} was written by somebody, who has to settle it\n"),
        Settled::Mended => {
            let mark = Runner::of(file).map_or("its mark", |runner| runner.expects(&draft.crash.r#type));
            format!(
                "{fault} no longer fails as production did, and {file} expects that it does: take {mark} away and assert what is right, then settle again\n"
            )
        }
        Settled::Refused(now) => {
            let first = now.verdicts.iter().find(|verdict| verdict.state != State::Passed);
            let why = first
                .map(|first| format!("{}: {}", first.criterion.word(), plain(&first.evidence, 200)))
                .unwrap_or_default();
            format!("{fault} no longer fails, but its guard does not pass the gate: {why}\n")
        }
        Settled::CannotBecause(why) => format!("{fault} cannot be looked at: {}\n", plain(why, 300)),
        Settled::Relapsed(commit) => {
            format!("{fault} RELAPSED: seen again in {}, which holds its fix {}\n", short(commit), short(&draft.fixed))
        }
    }
}

/// What settling came to.
#[must_use]
pub fn settle_ended(guards: usize) -> String {
    if guards == 0 { "no guard is injected here\n".to_owned() } else { format!("{guards} guards looked at\n") }
}
