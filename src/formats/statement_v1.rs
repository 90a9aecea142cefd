//! `statement_v1`: what the log has to know of a statement, read from any of the types that it takes. Whoever wrote it may say more.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::keys_v1::Role;
use super::record_v1::{CHANGE, DECISION, Sha, sha256};
use crate::model::record::{Head, RecordId};
use crate::model::suite::Place;

/// A person's word for or against changes.
pub const APPROVAL: &str = "urn:titer:approval:v1";
/// The end of a seal.
pub const SEAL: &str = "urn:titer:seal:v1";
/// `titer.toml` decides by other numbers from here on.
pub const POLICY: &str = "urn:titer:policy:v1";
/// The tests that were there when titer came.
pub const BASELINE: &str = "urn:titer:baseline:v1";
/// A key begins or ends to count.
pub const KEY: &str = "urn:titer:key:v1";

/// The type of every statement.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its name.
    pub id: RecordId,
    /// What it says.
    pub said: Said,
}

/// What a statement says, by its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A test moved.
    Change(Change),
    /// What changes were decided on.
    Decision(Decision),
    /// Somebody approved of these records.
    Approval(Vec<RecordId>),
    /// Tests that were there when titer came.
    Baseline(Baseline),
    /// A seal ends.
    Seal(Box<Seal>),
    /// Other numbers.
    Policy(Policy),
    /// A key.
    Key(Key),
}

/// What the log has to know of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The test's id.
    pub test: String,
    /// Where it goes.
    pub to: Place,
    /// Whether it takes others back, so that the test's line goes on from `restores`.
    pub is_reverse: bool,
    /// The record of which a reversal makes the test's last one again, if there is one.
    pub restores: Option<RecordId>,
    /// The last record of the same test.
    pub prev: Option<RecordId>,
    /// The decision that it is part of.
    pub decision: Option<RecordId>,
    /// Records that say different things of the test, of which this one ends the dispute.
    pub resolves: Vec<RecordId>,
}

impl Change {
    /// Where it leaves the line of its test.
    #[must_use]
    pub fn head(&self, id: RecordId) -> Head {
        if self.is_reverse { Head { id, stands_for: self.restores } } else { Head::of(id) }
    }
}

/// The predicate of [`BASELINE`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// The tests, each with a line break behind it, in order; the rows of the snapshot that came with the record.
    pub inventory: super::record_v1::Named,
    /// How many.
    pub tests: u64,
    /// Where they are: `fast`.
    pub suite: String,
    /// Why.
    pub reason: super::record_v1::Why,
    /// Who saw them.
    pub actor: String,
    /// When.
    pub recorded_at: String,
}

/// What the log has to know of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The record of the policy that it went by.
    pub policy: Option<RecordId>,
    /// When it was recorded, or as of when it was decided.
    pub at: Option<String>,
}

/// The predicate of [`SEAL`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of the published schema")]
pub struct Seal {
    pub main_commit: String,
    pub previous_main_commit: String,
    pub size_before: u64,
    pub previous_checkpoint: Sha,
    pub batches: Vec<SealedBatch>,
    pub suite: SuiteDigest,
    pub keys: Sha,
    pub tool: Tool,
    pub auto_reversals: Vec<String>,
    pub held_back: Vec<HeldBack>,
    pub sealed_at: String,
}

/// A batch of which records were sealed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of the published schema")]
pub struct SealedBatch {
    pub digest: Sha,
    pub records: u64,
    pub added_in: String,
}

/// A batch of which records wait.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldBack {
    /// The name of its file.
    pub name: String,
    /// The commit that it came in with.
    pub added_in: String,
}

/// The suites that the log's records come to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the members are those of the published schema")]
pub struct SuiteDigest {
    pub digest: Sha,
    pub fast: u64,
    pub weekly: u64,
}

/// Which program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "plain")]
pub struct Tool {
    pub name: String,
    pub version: String,
}

/// The predicate of [`POLICY`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of the published schema")]
pub struct Policy {
    pub config: super::record_v1::Named,
    /// Of the settings that decide about tests alone: a record follows where this is another.
    pub effective: Sha,
    pub queries: Vec<super::record_v1::Named>,
    pub changed: Vec<Changed>,
    pub reason: String,
    pub actor: Actor,
    pub recorded_at: String,
}

/// A setting, before and after; `null` where `titer.toml` did not name it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "plain")]
pub struct Changed {
    pub key: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "plain")]
pub struct Actor {
    pub kind: String,
    pub id: String,
}

/// What a record does to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyEvent {
    /// It counts from here on.
    Add,
    /// It counts no more from here on.
    Retire,
    /// The same, and what it signed before is not to be believed from some index on.
    Revoke,
}

/// The predicate of [`KEY`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of the published schema")]
pub struct Key {
    pub event: KeyEvent,
    pub role: Role,
    pub vkey: String,
    pub from_size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distrust_from_size: Option<u64>,
    pub reason: String,
    pub recorded_at: String,
}

/// The text of a statement.
#[must_use]
pub fn text<P: Serialize>(kind: &str, subject: &str, digest: (&str, &str), predicate: &P) -> String {
    #[derive(Serialize)]
    struct Subject<'a> {
        name: &'a str,
        digest: std::collections::BTreeMap<&'a str, &'a str>,
    }
    #[derive(Serialize)]
    struct Out<'a, P> {
        #[serde(rename = "_type")]
        statement: &'a str,
        subject: [Subject<'a>; 1],
        #[serde(rename = "predicateType")]
        kind: &'a str,
        predicate: &'a P,
    }
    let subject = [Subject { name: subject, digest: [digest].into() }];
    serde_json::to_string(&Out { statement: STATEMENT, subject, kind, predicate }).unwrap_or_default()
}

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(rename = "_type")]
    statement: &'a str,
    subject: Vec<SubjectIn>,
    #[serde(rename = "predicateType")]
    kind: String,
    #[serde(borrow)]
    predicate: &'a RawValue,
}

#[derive(Deserialize)]
struct SubjectIn {
    #[serde(rename = "name")]
    _name: String,
    digest: std::collections::BTreeMap<String, String>,
}

/// A member that must be there, whatever it is.
type There = serde::de::IgnoredAny;

#[derive(Deserialize)]
#[serde(untagged)]
enum TestIn {
    Id(String),
    Whole { id: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "what must be there is not all looked at")]
struct ChangeIn {
    op: String,
    test: TestIn,
    from: String,
    to: String,
    #[serde(deserialize_with = "there")]
    prev: Option<String>,
    #[serde(default)]
    decision: Option<String>,
    reason: ReasonIn,
    actor: There,
    recorded_at: String,
    #[serde(default)]
    resolves: Vec<String>,
    #[serde(default)]
    restores: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "what must be there is not all looked at")]
struct ReasonIn {
    rule: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "what must be there is not all looked at")]
struct DecisionIn {
    tool: There,
    engine: There,
    policy: PolicyIn,
    queries: Vec<There>,
    inputs: Vec<There>,
    #[serde(default)]
    recorded_at: Option<String>,
    #[serde(default)]
    as_of: Option<String>,
}

#[derive(Deserialize)]
struct PolicyIn {
    #[serde(default)]
    record: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApprovalIn {
    #[serde(rename = "recordedAt")]
    _recorded_at: String,
    #[serde(default)]
    records: Vec<String>,
}

/// A member that must be there, and may be `null`.
fn there<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(from)
}

/// Reads a statement.
///
/// # Errors
/// It is of no type that the log takes, or what must be said is not; the sentence says which.
pub fn read(text: &str) -> Result<Statement, String> {
    let id = RecordId::parse(&sha256(text.as_bytes())).ok_or("it has no name")?;
    let outer: Outer<'_> = parse(text, "statement")?;
    if outer.statement != STATEMENT {
        return Err(format!("its _type is not {STATEMENT}"));
    }
    if outer.subject.is_empty() || outer.subject.iter().any(|it| it.digest.is_empty()) {
        return Err("its subject has no digest".to_owned());
    }
    let predicate = outer.predicate.get();
    let said = match outer.kind.as_str() {
        CHANGE => Said::Change(change(parse(predicate, CHANGE)?)?),
        DECISION => {
            let read: DecisionIn = parse(predicate, DECISION)?;
            let policy = read.policy.record.map(|id| name("policy.record", &id)).transpose()?;
            Said::Decision(Decision { policy, at: read.recorded_at.or(read.as_of) })
        }
        APPROVAL => {
            let read: ApprovalIn = parse(predicate, APPROVAL)?;
            Said::Approval(read.records.iter().map(|id| name("records", id)).collect::<Result<_, _>>()?)
        }
        BASELINE => Said::Baseline(parse(predicate, BASELINE)?),
        SEAL => Said::Seal(Box::new(parse(predicate, SEAL)?)),
        POLICY => Said::Policy(parse(predicate, POLICY)?),
        KEY => Said::Key(parse(predicate, KEY)?),
        other => return Err(format!("its type \"{}\" is not known to this version of titer", other.escape_debug())),
    };
    Ok(Statement { id, said })
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str, kind: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no {kind}: {error}"))
}

fn name(member: &str, text: &str) -> Result<RecordId, String> {
    RecordId::parse(text).ok_or_else(|| format!("its {member} is no name of a record, which has 64 hexadecimal digits"))
}

fn change(read: ChangeIn) -> Result<Change, String> {
    let (TestIn::Id(test) | TestIn::Whole { id: test }) = read.test;
    let (Some(_), Some(to)) = (Place::parse(&read.from), Place::parse(&read.to)) else {
        return Err("it moves a test from or to what is neither \"fast\" nor \"weekly\" nor \"absent\"".to_owned());
    };
    // Nothing is removed by another word, and no other word removes.
    if (read.op == "remove") != (to == Place::Absent) && read.op != REVERSE {
        return Err(format!("its op \"{}\" does not leave a test {}", read.op.escape_debug(), read.to));
    }
    if !["add", "remove", "move", "rename", "reverse"].contains(&read.op.as_str()) {
        return Err(format!("its op \"{}\" is not known to this version of titer", read.op.escape_debug()));
    }
    if let Some(why) = strange(&test) {
        return Err(format!("the name of its test {why}"));
    }
    let resolves: Result<Vec<RecordId>, String> = read.resolves.iter().map(|id| name("resolves", id)).collect();
    Ok(Change {
        test,
        to,
        is_reverse: read.op == REVERSE,
        restores: read.restores.map(|id| name("restores", &id)).transpose()?,
        prev: read.prev.map(|id| name("prev", &id)).transpose()?,
        decision: read.decision.map(|id| name("decision", &id)).transpose()?,
        resolves: resolves?,
    })
}

/// The op of a change that takes others back.
pub const REVERSE: &str = "reverse";

/// Why a test cannot be called so.
fn strange(test: &str) -> Option<&'static str> {
    let place = test.split("::").nth(1).unwrap_or_default();
    if test.is_empty() {
        Some("is empty")
    } else if test.chars().any(char::is_control) {
        Some("holds a line break or another control character")
    } else if place.starts_with('/') || place.split(['/', '\\']).any(|part| part == "..") {
        Some("leads out of the repository")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &str, predicate: &str) -> String {
        format!(
            "{{\"_type\":\"{STATEMENT}\",\"subject\":[{{\"name\":\"x\",\"digest\":{{\"sha256\":\"00\"}}}}],\"predicateType\":\"{kind}\",\"predicate\":{predicate}}}"
        )
    }

    const MOVE: &str = r#"{"op":"move","test":"pytest::a.py::t","from":"fast","to":"weekly","prev":null,"reason":{"rule":"r","text":"t"},"actor":"a","recordedAt":"2026-01-01T00:00:00Z"}"#;

    #[test]
    fn a_change_says_what_the_log_has_to_know() {
        let read = read(&told(CHANGE, MOVE)).unwrap();
        assert_eq!(read.id.to_string(), sha256(told(CHANGE, MOVE).as_bytes()));
        let Said::Change(change) = read.said else { panic!() };
        assert_eq!((change.test.as_str(), change.to, change.prev), ("pytest::a.py::t", Place::Weekly, None));
        let whole = MOVE.replace("\"pytest::a.py::t\"", "{\"id\":\"pytest::a.py::t\",\"runner\":\"pytest\"}");
        assert!(matches!(super::read(&told(CHANGE, &whole)).unwrap().said, Said::Change(it) if it == change));
    }

    #[test]
    fn what_is_missing_or_strange_is_named() {
        for (old, new, why) in [
            ("\"prev\":null,", "", "missing field `prev`"),
            ("\"recordedAt\":\"2026-01-01T00:00:00Z\"", "\"x\":1", "missing field `recordedAt`"),
            ("null", "\"12\"", "its prev is no name"),
            ("weekly", "monthly", "neither \"fast\""),
            ("\"move\"", "\"steal\"", "op \"steal\""),
            ("a.py", "../a.py", "leads out of the repository"),
            ("a.py", "/etc", "leads out of the repository"),
            ("::t", "::t\\n", "a line break"),
        ] {
            let told = read(&told(CHANGE, &MOVE.replacen(old, new, 1))).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        assert!(read(&told(CHANGE, &MOVE.replace("::t", "::describe > a..b"))).is_ok());
        assert!(read(&told("urn:x", "{}")).is_err_and(|why| why.contains("type \"urn:x\" is not known")));
        assert!(read(&told(CHANGE, MOVE).replace("\"sha256\":\"00\"", "")).is_err_and(|why| why.contains("digest")));
    }

    #[test]
    fn the_records_of_the_log_itself_survive_being_written_and_read() {
        let seal =
            Seal { main_commit: "a".to_owned(), sealed_at: "2026-01-01T00:00:00Z".to_owned(), ..Seal::default() };
        let told = text(SEAL, "main", ("gitCommit", "a"), &seal);
        assert!(matches!(read(&told).unwrap().said, Said::Seal(it) if *it == seal), "{told}");
        let policy = Policy { reason: "r".to_owned(), ..Policy::default() };
        assert!(
            matches!(read(&text(POLICY, "titer.toml", ("sha256", ""), &policy)).unwrap().said, Said::Policy(it) if it == policy)
        );
    }
}
