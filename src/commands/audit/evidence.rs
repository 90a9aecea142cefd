//! `titer audit evidence ID`: what a record rests on, and `titer audit approvals ID`: who approved of it.

use std::fmt::Write as _;
use std::io::Write;

use serde_json::{Value, json};

use super::Question;
use super::records::{self, Record};
use crate::formats::record_v1::{CHANGE, DECISION};
use crate::formats::statement_v1::APPROVAL;
use crate::model::failure::Failure;

/// Prints the evidence of a change and the digests of what its decision went by.
///
/// # Errors
/// There is no such record.
pub fn run(question: &Question<'_>, id: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let all = question.records()?;
    let found = records::one(&all, id)?;
    let decision = all.iter().find(|it| it.kind == DECISION && it.id == found.text("decision"));
    let decision = decision.or_else(|| (found.kind == DECISION).then_some(found));
    if question.as_json {
        let value = json!({
            "format": "audit_evidence_v1", "record": found.id, "index": found.index, "kind": found.kind,
            "statement": found.predicate, "decision": decision.map(|it| json!({"record": it.id, "statement": it.predicate})),
        });
        return crate::commands::say(out, &format!("{value}\n"));
    }
    let mut text = format!("record {} ({})\n", found.id, found.place());
    if found.kind == CHANGE {
        let _ = writeln!(text, "{} {} -> {}", found.test().escape_debug(), found.text("from"), found.text("to"));
        if let Value::Object(members) = &found.predicate["evidence"] {
            for (name, value) in members {
                let _ = writeln!(text, "  {name}: {}", plain(value));
            }
        } else {
            text.push_str("  no evidence: it is a person's own word\n");
        }
    }
    if let Some(decision) = decision {
        let _ = writeln!(text, "decision {} ({})", decision.id, decision.place());
        for name in ["tool", "engine", "asOf", "moves"] {
            let _ = writeln!(text, "  {name}: {}", plain(&decision.predicate[name]));
        }
        let _ = writeln!(text, "  policy: {}", plain(&decision.predicate["policy"]["sha256"]));
        for input in decision.predicate["inputs"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "  input {}: {}", plain(&input["name"]), plain(&input["digest"]["sha256"]));
        }
        let queries = decision.predicate["queries"].as_array().map_or(0, Vec::len);
        let _ = writeln!(text, "  {queries} queries, each by its digest (--json has them)");
        let _ = writeln!(text, "`titer audit replay {}` decides again", &decision.id[..12]);
    }
    crate::commands::say(out, &text)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.escape_debug().to_string())
}

/// Prints the approvals that name a record, its decision, or the batch that it came in.
///
/// # Errors
/// There is no such record.
pub fn approvals(question: &Question<'_>, id: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let all = question.records()?;
    let found = records::one(&all, id)?;
    let batch = found.batch.as_deref().and_then(|name| name.strip_suffix(".jsonl"));
    let names = |it: &&Record| {
        let of = |member: &str| it.predicate[member].as_array().cloned().unwrap_or_default();
        let by_record = of("records").iter().any(|name| name.as_str() == Some(&found.id));
        let by_batch = of("batches").iter().any(|name| batch.is_some() && name["sha256"].as_str() == batch);
        it.kind == APPROVAL && (by_record || by_batch)
    };
    let approvals: Vec<&Record> = all.iter().filter(names).collect();
    if question.as_json {
        let told = |it: &&Record| json!({"record": it.id, "index": it.index, "at": it.at(), "signed_by": it.signed_by, "statement": it.predicate});
        let value = json!({"format": "audit_approvals_v1", "record": found.id, "approvals": approvals.iter().map(told).collect::<Vec<_>>()});
        return crate::commands::say(out, &format!("{value}\n"));
    }
    let mut text = String::new();
    if approvals.is_empty() {
        let _ = writeln!(text, "nobody has approved of the record {} (`titer audit approve` does)", found.id);
    }
    for it in approvals {
        for approver in it.predicate["approvers"].as_array().into_iter().flatten() {
            let _ = writeln!(
                text,
                "{} {} by {}",
                plain(&approver["at"]),
                plain(&approver["verdict"]),
                plain(&approver["id"])
            );
        }
        let _ = writeln!(
            text,
            "  record {} ({}), signed by {}; the author was {}",
            it.id,
            it.place(),
            it.signed_by.join(", "),
            plain(&it.predicate["author"])
        );
    }
    crate::commands::say(out, &text)
}
