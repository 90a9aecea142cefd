//! `titer audit approve BATCH`: a person's signed word for a batch that waits.

use std::io::Write;

use serde::Serialize;
use serde_json::json;

use super::{hand, records};
use crate::bridges::{batch_history, clock, commits, suite_files};
use crate::commands::suites;
use crate::decide::owed;
use crate::formats::record_v1::{self, Sha, sha256};
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
pub fn run(settings: &Settings, batch: &str, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let asked = batch.strip_suffix(".jsonl").unwrap_or(batch);
    let mut all = records::all(settings, None)?;
    all.extend(proposals(settings)?);
    let waits =
        |it: &&records::Record| it.batch.as_deref().is_some_and(|name| asked.len() >= 8 && name.starts_with(asked));
    let found: Vec<&records::Record> = all.iter().filter(waits).collect();
    let Some(name) = found.first().and_then(|it| it.batch.as_deref()) else {
        let (waits, proposed) = (suite_files::PENDING, suite_files::PROPOSED);
        let failure = Failure::input(format!("no batch {} waits in {waits} or {proposed}", batch.escape_debug()));
        return Err(failure.hint("give the name of its file, or at least 8 of its digits"));
    };
    if found.iter().any(|it| it.batch.as_deref() != Some(name)) {
        return Err(Failure::input(format!("several batches begin with {asked}")).hint("give more of its digits"));
    }
    let proposal = proposal(settings, name)?;
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
    let mut lines = record_line::write(&[dsse::sign(&signer, statement.as_bytes())], &statement);
    // What was proposed becomes records by standing behind the approval, byte for byte.
    lines.push_str(proposal.as_deref().unwrap_or_default());
    let file = format!("{}.jsonl", sha256(lines.as_bytes()));
    let failed = |error| Failure::world("the approval cannot be written").because(error);
    suite_files::write(&settings.root, &file, lines.as_bytes()).map_err(failed)?;
    if proposal.is_some() {
        suite_files::remove(&settings.root, suite_files::PROPOSED, name).map_err(failed)?;
    }
    let told =
        Told { batch: name, records: &found, by: &key, is_own, file: format!("{}/{file}", suite_files::PENDING) };
    crate::commands::say(out, &if as_json { told.json() } else { told.text() })
}

/// An approval that was written.
struct Told<'a> {
    batch: &'a str,
    records: &'a [&'a records::Record],
    by: &'a str,
    /// Whether the same key has signed the batch.
    is_own: bool,
    file: String,
}

impl Told<'_> {
    /// What a person still has to do: titer deletes no test.
    fn to_delete(&self) -> Vec<&str> {
        let mine = |it: &&&records::Record| it.text("op") == "remove" && it.predicate["reason"]["rule"] != owed::GONE;
        self.records.iter().filter(mine).map(|it| it.test()).collect()
    }

    fn json(&self) -> String {
        let value = json!({
            "format": "audit_approve_v1", "batch": self.batch, "records": self.records.len(), "by": self.by, "self_approval": self.is_own,
            "written": self.file, "to_delete": self.to_delete(),
        });
        format!("{value}\n")
    }

    fn text(&self) -> String {
        let Self { batch, by, file, .. } = self;
        let mut text =
            format!("approved: {batch}, {} records, by {by}\nwritten: {file}; commit it\n", self.records.len());
        if self.is_own {
            text.push_str("  the same key has signed the batch: an auditor will see that its author approved of it\n");
        }
        let tests = self.to_delete();
        if !tests.is_empty() {
            text.push_str("now delete these tests, in the same change (what still runs is added again):\n");
        }
        tests.iter().fold(text, |text, test| text + &format!("  {}\n", test.escape_debug()))
    }
}

/// The records that are proposed, as far as they can be read.
fn proposals(settings: &Settings) -> Result<Vec<records::Record>, Failure> {
    let failed = |error| Failure::world("the removals that are proposed cannot be read").because(error);
    let files = suite_files::batches_in(&settings.root, suite_files::PROPOSED).map_err(failed)?;
    records::in_files(suite_files::PROPOSED, files)
}

/// The lines of a proposal of that name, if it is one; none of its tests may have moved since.
fn proposal(settings: &Settings, name: &str) -> Result<Option<String>, Failure> {
    let failed = |error| Failure::world("the removals that are proposed cannot be read").because(error);
    let files = suite_files::batches_in(&settings.root, suite_files::PROPOSED).map_err(failed)?;
    let Some((_, bytes)) = files.into_iter().find(|(file, _)| file == name) else { return Ok(None) };
    let file = format!("{}/{name}", suite_files::PROPOSED);
    let wrong = |why: String| Failure::input(format!("{file}: {why}")).hint(PROPOSE_AGAIN);
    let suites = suites::of_tree(settings)?;
    for it in record_v1::read(name, &bytes).map_err(wrong)? {
        if it.change.prev.as_deref() != suites.last_record(&it.change.test) {
            return Err(wrong(format!("{} has got another record since", it.change.test.escape_debug())));
        }
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

const PROPOSE_AGAIN: &str = "delete the file: the next `titer place` proposes anew what is to be removed";
