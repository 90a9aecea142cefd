//! `titer audit approve BATCH`: a person's signed word for a batch that waits.

use std::io::Write;

use serde::Serialize;

use super::{hand, records};
use crate::bridges::{batch_history, clock, commits, suite_files};
use crate::formats::record_v1::{Sha, sha256};
use crate::formats::statement_v1::{self, APPROVAL};
use crate::formats::{dsse, record_line};
use crate::model::failure::Failure;
use crate::settings::Settings;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Approval<'a> {
    batches: [Sha; 1],
    /// The records in it, so that it can be found for each of them.
    records: Vec<&'a str>,
    change: Merge<'a>,
    author: String,
    approvers: [Approver<'a>; 1],
    rule: Rule,
    source: &'a str,
    recorded_at: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Merge<'a> {
    forge: &'a str,
    uri: &'a str,
    head_commit: String,
}

#[derive(Serialize)]
struct Approver<'a> {
    id: String,
    verdict: &'a str,
    at: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    min_approvals: u32,
    self_approval: bool,
    satisfied: bool,
}

/// Writes the approval beside the batch.
///
/// # Errors
/// There is no such batch or no key, or the file cannot be written.
pub fn run(settings: &Settings, batch: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let asked = batch.strip_suffix(".jsonl").unwrap_or(batch);
    let all = records::all(settings, None)?;
    let waits =
        |it: &&records::Record| it.batch.as_deref().is_some_and(|name| asked.len() >= 8 && name.starts_with(asked));
    let found: Vec<&records::Record> = all.iter().filter(waits).collect();
    let Some(name) = found.first().and_then(|it| it.batch.as_deref()) else {
        let failure = Failure::input(format!("no batch {} waits in {}", batch.escape_debug(), suite_files::PENDING));
        return Err(failure.hint("give the name of its file, or at least 8 of its digits"));
    };
    if found.iter().any(|it| it.batch.as_deref() != Some(name)) {
        return Err(Failure::input(format!("several batches begin with {asked}")).hint("give more of its digits"));
    }
    let Some(signer) = hand::signer(settings)? else {
        let failure = Failure::usage("an approval is signed, and no private key was given");
        return Err(failure
            .hint("put it, or the file that holds it, into TITER_SIGNING_KEY; `titer audit keygen NAME` makes one"));
    };
    let key = dsse::keyid(&signer.public());
    let head = commits::resolve(&settings.root, "HEAD").unwrap_or_default();
    let author = batch_history::made(&settings.root, "HEAD").map(|(_, author)| author).unwrap_or_default();
    let is_own = found.iter().any(|it| it.signed_by.contains(&key));
    let at = clock::timestamp(clock::now());
    let digest = name.trim_end_matches(".jsonl").to_owned();
    let approval = Approval {
        batches: [Sha { sha256: digest.clone() }],
        records: found.iter().map(|it| it.id.as_str()).collect(),
        change: Merge { forge: "git", uri: "", head_commit: head },
        author: format!("git:{author}"),
        approvers: [Approver { id: format!("key:{key}"), verdict: "approved", at: &at }],
        rule: Rule { min_approvals: 1, self_approval: is_own, satisfied: !is_own },
        source: "signature",
        recorded_at: &at,
    };
    let statement = statement_v1::text(APPROVAL, "batch", ("sha256", &digest), &approval);
    let line = record_line::write(&[dsse::sign(&signer, statement.as_bytes())], &statement);
    let file = format!("{}.jsonl", sha256(line.as_bytes()));
    suite_files::write(&settings.root, &file, line.as_bytes())
        .map_err(|error| Failure::world("the approval cannot be written").because(error))?;
    let own = if is_own {
        "\n  the same key has signed the batch: an auditor will see that its author approved of it"
    } else {
        ""
    };
    crate::commands::say(
        out,
        &format!(
            "approved: {name}, {} records, by {key}\nwritten: {}/{file}; commit it{own}\n",
            found.len(),
            suite_files::PENDING
        ),
    )
}
