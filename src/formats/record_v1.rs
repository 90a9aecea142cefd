//! `record_v1`: statements about changes of suites, one a line: `{"sig":[…],"statement":{…}}`. A statement is an in-toto Statement v1; its name
//! is the SHA-256 of its bytes as they stand in the line. A batch is one file, named by the SHA-256 of its bytes. The published schema of all
//! types of statements is `record_v1.schema.json`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::model::evidence::Evidence;
use crate::model::suite::Place;

/// The type of a statement about one test.
pub const CHANGE: &str = "urn:titer:change:v1";
/// The type of a statement about what all changes of a batch were decided on.
pub const DECISION: &str = "urn:titer:decision:v1";

const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// The SHA-256 of bytes, in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

/// The digest of something, as statements write it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sha {
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// Something that a statement names by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the members are those of an in-toto resource descriptor")]
pub struct Named {
    pub name: String,
    pub digest: Sha,
}

impl Named {
    /// Of bytes.
    #[must_use]
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), digest: Sha { sha256: sha256(bytes) } }
    }
}

/// A rule and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "plain")]
pub struct Why {
    pub rule: String,
    pub text: String,
}

/// The predicate of [`CHANGE`]: one test is added, removed or moved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Change {
    /// `add`, `remove`, `move` or `reverse`.
    pub op: String,
    /// The test's id.
    pub test: String,
    /// `absent`, `fast` or `weekly`.
    pub from: Place,
    /// `absent`, `fast` or `weekly`.
    pub to: Place,
    /// The last record of the same test.
    pub prev: Option<String>,
    /// The statement of the batch's decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Records of the same test that say different things, of which this one ends the dispute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolves: Vec<String>,
    /// The record of which a reversal makes the test's last one again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<String>,
    /// Why.
    pub reason: Why,
    /// The last day of the stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What it was decided on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Of a guard: what it guards against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    /// Who decided.
    pub actor: String,
    /// The instant of the decision.
    pub recorded_at: String,
}

/// What a guard guards against, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Incident {
    /// The fault.
    pub fault: String,
    /// The draft that it was.
    pub draft: String,
    /// `titer guard draft`, or whoever wrote it.
    pub drafted_by: String,
    /// The commit on which it fails.
    pub fails_on: String,
    /// The commit on which it passes; none where there was no fix yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passes_on: Option<String>,
    /// Criteria that it passed.
    pub passed: Vec<String>,
}

/// The predicate of [`DECISION`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "what a decision was made of: each by name and digest")]
pub struct Decision {
    pub tool: String,
    pub engine: String,
    pub policy: PolicyUsed,
    pub queries: Vec<Named>,
    pub inputs: Vec<Named>,
    pub commit: Option<String>,
    pub suite_before: Sha,
    pub moves: u64,
    pub as_of: String,
}

/// What policy said, and the record of it in the log, where it is sealed already.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "plain")]
pub struct PolicyUsed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    pub sha256: String,
}

#[derive(Serialize)]
struct StatementOut<'a, P> {
    #[serde(rename = "_type")]
    kind: &'a str,
    subject: [Named; 1],
    #[serde(rename = "predicateType")]
    predicate_type: &'a str,
    predicate: &'a P,
}

/// One statement's bytes and their name.
#[must_use]
pub fn statement<P: Serialize>(predicate_type: &str, subject: Named, predicate: &P) -> (String, String) {
    let out = StatementOut { kind: STATEMENT, subject: [subject], predicate_type, predicate };
    let text = serde_json::to_string(&out).unwrap_or_default();
    let name = sha256(text.as_bytes());
    (text, name)
}

/// The line of an unsigned statement.
#[must_use]
pub fn line(statement: &str) -> String {
    format!("{{\"sig\":[],\"statement\":{statement}}}\n")
}

#[derive(Deserialize)]
struct LineIn<'a> {
    #[serde(borrow)]
    statement: &'a RawValue,
}

#[derive(Deserialize)]
struct StatementIn<'a> {
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(borrow)]
    predicate: &'a RawValue,
}

/// A change, and the name of its statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The SHA-256 of the statement's bytes.
    pub record: String,
    /// What it says.
    pub change: Change,
}

/// The changes of a batch file called `name`.
///
/// # Errors
/// The file is not what its name says, or a line is not understood; the message says which.
pub fn read(name: &str, bytes: &[u8]) -> Result<Vec<Recorded>, String> {
    if name.strip_suffix(".jsonl") != Some(&sha256(bytes)) {
        return Err("its content is not what its name says".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    let mut changes = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |error: serde_json::Error| format!("line {}: {error}", number + 1);
        let statement = serde_json::from_str::<LineIn<'_>>(line).map_err(wrong)?.statement.get();
        let read: StatementIn<'_> = serde_json::from_str(statement).map_err(wrong)?;
        if read.predicate_type == CHANGE {
            let change = serde_json::from_str(read.predicate.get()).map_err(wrong)?;
            changes.push(Recorded { record: sha256(statement.as_bytes()), change });
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> (String, Change) {
        let change = Change { op: "move".into(), test: "pytest::a::b".into(), to: Place::Weekly, ..Change::default() };
        let (decision, _) = statement(DECISION, Named::of("suite", b""), &Decision::default());
        let (text, _) = statement(CHANGE, Named::of(&change.test, b""), &change);
        (line(&decision) + &line(&text), change)
    }

    #[test]
    fn a_batch_survives_being_written_and_read() {
        let (text, change) = batch();
        let name = format!("{}.jsonl", sha256(text.as_bytes()));
        let read = read(&name, text.as_bytes()).unwrap();
        assert_eq!(read.iter().map(|it| &it.change).collect::<Vec<_>>(), [&change]);
    }

    #[test]
    fn a_batch_that_is_not_what_its_name_says_is_refused() {
        let (text, _) = batch();
        let name = format!("{}.jsonl", sha256(text.as_bytes()));
        assert!(read(&name, text.replace("weekly", "fast").as_bytes()).is_err());
        assert!(read("x.jsonl", text.as_bytes()).is_err());
        let torn = "{\"sig\":[],\"state\n";
        let name = format!("{}.jsonl", sha256(torn.as_bytes()));
        assert!(read(&name, torn.as_bytes()).is_err_and(|why| why.starts_with("line 1: ")));
    }
}
