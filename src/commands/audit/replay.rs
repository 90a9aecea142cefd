//! Whether a decision, taken again from what it names, says the same.

use std::io::Write;

use serde_json::{Value, json};

use super::Question;
use super::records::{self, Record};
use crate::bridges::process::Ending;
use crate::commands::basis::Basis;
use crate::formats::record_v1::{CHANGE, Change, DECISION, Decision};
use crate::ledger::duck::ENGINE;
use crate::ledger::store::Store;
use crate::model::failure::Failure;
use crate::settings::Settings;

/// What came of deciding again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// The same changes.
    Same,
    /// Other changes; the sentence says which.
    Differs(String),
    /// What it was decided on is not there any more; the sentence says what.
    InputsGone(String),
}

/// Decides again. `decision` is the text of its statement, `changes` are those of all changes in its batch that name it: a change that the
/// decision did not come to must not be taken for one of its own.
#[must_use]
pub fn replayed(settings: &Settings, decision: &str, changes: &[&str]) -> Replay {
    let (Some(decision), Some(changes)) =
        (predicate(decision), changes.iter().map(|text| predicate(text)).collect::<Option<Vec<Change>>>())
    else {
        return Replay::Differs("its records are not those that `titer place` writes".to_owned());
    };
    again(settings, &decision, changes)
}

fn predicate<T: serde::de::DeserializeOwned>(statement: &str) -> Option<T> {
    let mut value: Value = serde_json::from_str(statement).ok()?;
    serde_json::from_value(value.get_mut("predicate")?.take()).ok()
}

fn again(settings: &Settings, decision: &Decision, changes: Vec<Change>) -> Replay {
    let basis = Store::open_existing(&settings.ledger.0).and_then(|store| Basis::find(&store, decision));
    let basis = match basis {
        Ok(Ok(basis)) => basis,
        Ok(Err(why)) => return Replay::InputsGone(why),
        Err(failure) => return Replay::InputsGone(failure.sentence),
    };
    let placed = match basis.decide() {
        Ok(placed) => placed,
        Err(failure) => return Replay::Differs(failure.sentence),
    };
    let mut told: Vec<Change> = changes.into_iter().map(|change| Change { decision: None, ..change }).collect();
    told.sort_by(|a, b| a.test.cmp(&b.test));
    let found = basis.changes(&placed);
    if told == found {
        return Replay::Same;
    }
    let only = |these: &[Change], those: &[Change]| these.iter().find(|it| !those.contains(it)).cloned();
    let say = |change: Change| format!("{} to {} ({})", change.test, change.to, change.reason.rule);
    match (only(&told, &found), only(&found, &told)) {
        (Some(change), _) => Replay::Differs(format!("it does not come to {}", say(change))),
        (None, Some(change)) => Replay::Differs(format!("it also comes to {}", say(change))),
        (None, None) => Replay::Differs("a change stands in it twice".to_owned()),
    }
}

/// `titer audit replay`: takes a decision again and compares. Exit codes: 0 the same, 1 it differs, 5 it differs and was taken by another
/// version of titer or its engine, 8 the inputs are gone.
///
/// # Errors
/// There is no such decision.
pub fn run(question: &Question<'_>, id: &str, out: &mut dyn Write) -> Result<Ending, Failure> {
    let all = question.records()?;
    let mut found = records::one(&all, id)?;
    // A change stands for the decision that it is part of.
    if found.kind == CHANGE {
        let Some(decision) = found.predicate["decision"].as_str() else {
            let failure =
                Failure::input(format!("the record {id} was a person's own word: there is nothing to decide again"));
            return Err(failure.hint("`titer audit why TEST` says who it was, and why"));
        };
        found = records::one(&all, decision)?;
    }
    if found.kind != DECISION {
        return Err(Failure::input(format!("the record {id} is neither a change nor a decision")));
    }
    let is_its = |it: &&Record| it.kind == CHANGE && it.predicate["decision"].as_str() == Some(&found.id);
    let changes: Result<Vec<Change>, _> =
        all.iter().filter(is_its).map(|it| serde_json::from_value(it.predicate.clone())).collect();
    let decision: Result<Decision, _> = serde_json::from_value(found.predicate.clone());
    let (Ok(changes), Ok(decision)) = (changes, decision) else {
        return Err(Failure::input(format!("the decision {} is not one that this version of titer reads", found.id)));
    };
    let count = changes.len();
    let is_ours = decision.engine == ENGINE && decision.tool == format!("titer {}", env!("CARGO_PKG_VERSION"));
    let (code, verdict, why) = match again(question.settings, &decision, changes) {
        Replay::Same => (0, "same", String::new()),
        Replay::Differs(why) if is_ours => (1, "differs", why),
        Replay::Differs(why) => {
            (5, "other-engine", format!("{why}; it was taken by {} with {}", decision.tool, decision.engine))
        }
        Replay::InputsGone(why) => (8, "inputs-gone", why),
    };
    let text = if question.as_json {
        let value = json!({"format": "audit_replay_v1", "decision": found.id, "verdict": verdict, "why": why, "changes": count});
        format!("{value}\n")
    } else if code == 0 {
        format!("the decision {} comes to the same {count} changes again\n", found.id)
    } else {
        format!("the decision {}: {verdict}: {why}\n", found.id)
    };
    crate::commands::say(out, &text)?;
    Ok(Ending::Code(code))
}
