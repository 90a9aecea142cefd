//! `titer audit verify`: whether the log is what it was.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::check::{self, Asked, Problem, Report, Since};
use crate::model::failure::Failure;
use crate::settings::Settings;

/// What `titer audit verify` was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// A checkpoint that was saved outside.
    pub since: Option<PathBuf>,
    /// The public key that must be among those that seal.
    pub sealer: Option<String>,
    /// The folder that the log lies in, instead of the branch.
    pub log: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
}

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Tampered,
    Rewritten,
    NotAnchored,
    Tail,
}

impl Verdict {
    fn of(report: &Report) -> Self {
        if !report.problems.is_empty() {
            Self::Tampered
        } else if report.rewritten.is_some() {
            Self::Rewritten
        } else if report.tail > 0 {
            Self::Tail
        } else if !report.anchored {
            Self::NotAnchored
        } else {
            Self::Good
        }
    }

    fn code(self) -> i32 {
        match self {
            Self::Good => 0,
            Self::Tampered => 1,
            Self::Rewritten => 4,
            Self::NotAnchored => 6,
            Self::Tail => 7,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Tampered => "tampered",
            Self::Rewritten => "rewritten",
            Self::NotAnchored => "not-anchored",
            Self::Tail => "uncommitted-tail",
        }
    }
}

/// Checks the log, says what it found and returns the exit code.
///
/// # Errors
/// There is no log, or it or the saved checkpoint cannot be read.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write) -> Result<i32, Failure> {
    let log = super::source(settings, request.log.as_deref())?;
    let since = request.since.as_ref().map(|file| since(settings, file)).transpose()?;
    let sealer = request.sealer.clone().or_else(|| settings.policy.audit.sealer.clone());
    let report = check::check(
        &log,
        &Asked { sealer: sealer.clone(), since: since.clone(), cache: Some(settings.cache.join("verified")) },
    )?;
    let verdict = Verdict::of(&report);
    let text = if request.json {
        json(&report, verdict, since.as_ref())
    } else {
        text(&report, verdict, &log.place(), since.as_ref(), sealer.is_some())
    };
    crate::commands::say(out, &text)?;
    Ok(verdict.code())
}

fn since(settings: &Settings, file: &PathBuf) -> Result<Since, Failure> {
    let path = settings.folder.join(file);
    let wrong = |why: String| Failure::input(format!("the saved checkpoint {} cannot be used: {why}", file.display()));
    let note = std::fs::read_to_string(&path).map_err(|error| wrong("it cannot be read".to_owned()).because(error))?;
    let checkpoint = check::parse(&note).map_err(|why| {
        wrong(why).hint(
            "save the file log/checkpoint of the branch titer-log: `git show titer-log:log/checkpoint > saved.note`",
        )
    })?;
    Ok(Since { checkpoint, note: Some(note) })
}

fn text(report: &Report, verdict: Verdict, place: &str, since: Option<&Since>, is_pinned: bool) -> String {
    let mut text = String::new();
    for problem in &report.problems {
        let Problem { index, file, line, reason } = problem;
        let record = index.map_or_else(String::new, |index| format!("record {index}, "));
        let line = line.map_or_else(String::new, |line| format!(":{line}"));
        let _ = writeln!(text, "TAMPERED: {record}{file}{line}: {reason}");
    }
    if let Some(why) = &report.rewritten {
        let _ = writeln!(text, "HISTORY REWRITTEN: {why}");
    }
    if verdict == Verdict::Tail {
        let many = report.tail;
        let _ = writeln!(
            text,
            "UNCOMMITTED TAIL: {many} records stand behind the newest checkpoint: a seal was cut short, and the next one makes it again"
        );
    }
    let Some(newest) = &report.newest else { return text };
    let (size, root) = (newest.size, STANDARD.encode(newest.root));
    let _ = writeln!(text, "{}: {size} records, root {root} ({place})", newest.origin);
    if verdict == Verdict::NotAnchored {
        text += "NOT ANCHORED: no checkpoint from outside was given, so a log whose end was cut, or another one altogether, would look the same\n\
                 hint: save log/checkpoint where nobody who can write this log can write, and give it: --since FILE\n";
    }
    if let (Verdict::Good, Some(since)) = (verdict, since) {
        let _ = writeln!(
            text,
            "good: it extends the saved checkpoint of {} records; {} signatures checked",
            since.checkpoint.size, report.signatures
        );
    }
    if !is_pinned && let Some(sealer) = &report.sealer {
        let _ = writeln!(
            text,
            "The key that seals is the log's own word ({sealer}): name it with --sealer, or in [audit] of titer.toml"
        );
    }
    text
}

fn json(report: &Report, verdict: Verdict, since: Option<&Since>) -> String {
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|it| json!({"index": it.index, "file": it.file, "line": it.line, "reason": it.reason}))
        .collect();
    let checkpoint = |it: &crate::formats::checkpoint::Checkpoint| json!({"origin": it.origin, "size": it.size, "root": STANDARD.encode(it.root)});
    let told = json!({
        "v": 1,
        "format": "audit_verify_v1",
        "verdict": verdict.word(),
        "exit": verdict.code(),
        "checkpoint": report.newest.as_ref().map(checkpoint),
        "since": since.map(|since| checkpoint(&since.checkpoint)),
        "anchored": report.anchored,
        "sealer": report.sealer,
        "signatures": report.signatures,
        "tail": report.tail,
        "rewritten": report.rewritten,
        "problems": problems,
    });
    format!("{told}\n")
}
