//! What a seal came to, in words and as JSON.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// What a seal came to.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The size of the log before.
    pub before: u64,
    /// And after.
    pub size: u64,
    /// The root after.
    pub root: [u8; 32],
    /// Records of batches among what is new.
    pub records: u64,
    /// The commit of the default branch up to which is sealed.
    pub main: String,
    /// The commit of the log.
    pub commit: String,
    /// What was not sealed.
    pub held: Vec<Held>,
    /// What an auditor will want to know.
    pub notes: Vec<String>,
    /// How many batches were folded into the snapshot; none if nobody asked.
    pub folded: Option<usize>,
}

/// Something that was not sealed.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The file, from the root.
    pub file: String,
    /// The commit that brought it in.
    pub commit: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// Why.
    pub why: String,
    /// What to do.
    pub next: String,
}

/// For people. `branch` is where records come from.
#[must_use]
pub fn text(told: &Told, branch: &str) -> String {
    let mut text = String::new();
    for note in &told.notes {
        let _ = writeln!(text, "note: {note}");
    }
    for Held { file, line, why, next, .. } in &told.held {
        let line = line.map_or_else(String::new, |line| format!(":{line}"));
        let _ = writeln!(text, "held back: {}{line}: {why}\n  next: {next}", file.escape_debug());
    }
    let root = STANDARD.encode(told.root);
    let folded = match told.folded {
        Some(0) => "no batch is sealed as a whole: nothing was folded into .titer/suite/base.tsv\n".to_owned(),
        Some(count) => {
            format!("{count} batches were folded into .titer/suite/base.tsv and their files deleted: commit that\n")
        }
        None => String::new(),
    };
    if told.size == told.before {
        return text + &format!("nothing new is sealed: the log has {} records, root {root}\n{folded}", told.size);
    }
    let own = told.size - told.before - told.records;
    text + &format!(
        "sealed {} of batches and {own} of the log itself, up to {} of {branch}: {} to {}\nthe log has {} records, root {root}\ncommitted to titer-log as {}\n{folded}",
        if told.records == 1 { "1 record".to_owned() } else { format!("{} records", told.records) },
        told.main,
        told.before,
        told.size - 1,
        told.size,
        told.commit
    )
}

/// For programs: `audit_seal_v1`.
#[must_use]
pub fn json(told: &Told) -> String {
    let held: Vec<_> = told
        .held
        .iter()
        .map(|it| json!({"file": it.file, "commit": it.commit, "line": it.line, "why": it.why, "next": it.next}))
        .collect();
    let told = json!({
        "v": 1,
        "format": "audit_seal_v1",
        "before": told.before,
        "size": told.size,
        "root": STANDARD.encode(told.root),
        "records": told.records,
        "mainCommit": told.main,
        "commit": told.commit,
        "heldBack": held,
        "notes": told.notes,
        "folded": told.folded,
    });
    format!("{told}\n")
}
