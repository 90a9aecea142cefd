//! `titer audit prove`: one record, and all that somebody needs to check it without titer.

use std::fmt::Write as _;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::state::turn;
use super::{Question, records};
use crate::formats::keys_v1::Keys;
use crate::formats::merkle::{self, Hash};
use crate::formats::note::Public;
use crate::formats::statement_v1::{self, Said};
use crate::formats::{dsse, proof_v1, record_line};
use crate::model::failure::Failure;

/// The record that was asked for.
struct Found {
    id: String,
    index: u64,
    line: String,
    statement: String,
    envelope: String,
    /// Signatures that are good, with their keys.
    good: Vec<(Public, String)>,
}

/// Finds a record by its name or the beginning of it, and prints its line, its envelope, its proof, and how to check them.
///
/// # Errors
/// There is no such record, or several, or the log is not what its checkpoint says.
pub fn run(question: &Question<'_>, id: &str, out: &mut dyn Write) -> Result<(), Failure> {
    records::is_name(id)?;
    let log = question.source()?;
    let (note, newest) = super::newest(&log)?;
    let (mut leaves, mut keys, mut found) = (Vec::new(), Keys::default(), Vec::new());
    super::each(&log, newest.size, &mut |index, line| {
        let read = statement_v1::read(line.statement)?;
        if let Said::Key(key) = &read.said {
            turn(&mut keys, key, index)?;
        }
        let envelope = dsse::envelope(line.statement.as_bytes(), &line.signatures);
        leaves.push(merkle::leaf(envelope.as_bytes()));
        let own = read.id.to_string();
        if own.starts_with(id) {
            let good = line.signatures.iter().filter_map(|signature| {
                let mut all = keys.all().map(|(_, key)| key);
                let key = all.find(|key| {
                    dsse::keyid(key) == signature.keyid && dsse::checks(key, line.statement.as_bytes(), signature)
                })?;
                Some((key.clone(), signature.sig.clone()))
            });
            let good = good.collect();
            let text = record_line::write(&line.signatures, line.statement);
            found.push(Found { id: own, index, line: text, statement: line.statement.to_owned(), envelope, good });
        }
        Ok(())
    })?;
    super::is_whole(&log, &newest, &merkle::root(&leaves))?;
    let found = match found.as_slice() {
        [one] => one,
        [] => {
            let failure = Failure::input(format!("the log has no record {id}"));
            return Err(
                failure.hint("it may not be sealed yet: `titer audit seal` seals what the default branch brought in")
            );
        }
        several => return Err(Failure::input(format!("{} records begin with {id}: give more digits", several.len()))),
    };
    let at = usize::try_from(found.index).unwrap_or(usize::MAX);
    let hashes = merkle::inclusion(&leaves, at).unwrap_or_default();
    let proof = proof_v1::text(found.index, &hashes, &note);
    let text =
        if question.as_json { json(found, &leaves[at], newest.size, &proof) } else { text(found, newest.size, &proof) };
    crate::commands::say(out, &text)
}

fn text(found: &Found, size: u64, proof: &str) -> String {
    let Found { id, index, line, envelope, .. } = found;
    format!(
        "# The record {id}, index {index} of {size}, as it stands in the log\n{line}\n\
         # Its envelope (DSSE): these bytes are the leaf {index} of the log (RFC 6962: SHA-256 of 00 and them)\n{envelope}\n\n\
         # That it is in the log (c2sp.org/tlog-proof)\n{proof}\n\
         # Its signature, checked with openssl alone; any shell\n{}",
        recipe(found)
    )
}

/// Commands of a shell that check every good signature of a record.
fn recipe(found: &Found) -> String {
    let head = String::from_utf8_lossy(&dsse::encoding(found.statement.as_bytes())[..]).into_owned();
    let head = head.strip_suffix(&found.statement).unwrap_or_default().to_owned();
    let mut text = format!(
        "printf '%s' '{head}' > record.pae\nprintf '%s' '{}' | openssl base64 -d -A >> record.pae\n",
        STANDARD.encode(&found.statement)
    );
    for (key, signature) in &found.good {
        let _ = writeln!(
            text,
            "printf '%s' '{}' | openssl base64 -d -A | openssl pkey -pubin -inform DER -out key.pem  # {}\n\
             printf '%s' '{signature}' | openssl base64 -d -A > record.sig\n\
             openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in record.pae -sigfile record.sig",
            STANDARD.encode(key.der()),
            key.name()
        );
    }
    text
}

fn json(found: &Found, leaf: &Hash, size: u64, proof: &str) -> String {
    let keys: Vec<_> = found
        .good
        .iter()
        .map(|(key, signature)| json!({"vkey": key.to_string(), "der": STANDARD.encode(key.der()), "signature": signature}))
        .collect();
    let told = json!({
        "v": 1,
        "format": "audit_prove_v1",
        "id": found.id,
        "index": found.index,
        "size": size,
        "line": found.line.trim_end(),
        "envelope": found.envelope,
        "leafHash": STANDARD.encode(leaf),
        "proof": proof,
        "signatures": keys,
        "recipe": recipe(found),
    });
    format!("{told}\n")
}
