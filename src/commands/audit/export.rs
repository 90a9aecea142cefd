//! `titer audit export`: the log as a bundle that other people's tools read.

use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Question;
use crate::bridges::whole_file;
use crate::formats::dsse;
use crate::formats::merkle::{self, Edge};
use crate::model::failure::Failure;

/// Writes an in-toto bundle: one envelope a line, the line *i* is the leaf *i* of the log.
///
/// # Errors
/// The log is not what its checkpoint says, or the file cannot be written.
pub fn run(question: &Question<'_>, bundle: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let log = question.source()?;
    let (_, newest) = super::newest(&log)?;
    let mut failure = None;
    let written = whole_file::write(&question.settings.folder.join(bundle), &mut |file| {
        let mut edge = Edge::default();
        let read = super::each(&log, newest.size, &mut |_, line| {
            let envelope = dsse::envelope(line.statement.as_bytes(), &line.signatures);
            edge.push(merkle::leaf(envelope.as_bytes()));
            writeln!(file, "{envelope}").map_err(|error| error.to_string())
        });
        failure = read.and_then(|()| super::is_whole(&log, &newest, &edge.root())).err();
        if failure.is_some() { Err(std::io::Error::other("the log is damaged")) } else { Ok(()) }
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    written.map_err(|error| Failure::world(format!("{} cannot be written", bundle.display())).because(error))?;
    let (size, root) = (newest.size, STANDARD.encode(newest.root));
    let text = if question.as_json {
        format!("{}\n", json!({"v": 1, "format": "audit_export_v1", "bundle": bundle, "size": size, "root": root}))
    } else {
        format!("{size} envelopes of {}, one a line, root {root}: {}\n", newest.origin, bundle.display())
    };
    crate::commands::say(out, &text)
}
