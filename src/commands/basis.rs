//! What a placement is decided on: kept in the ledger by digest, found again, and decided on again. The same basis gives the same moves.

use serde::{Deserialize, Serialize};

use crate::bridges::runners;
use crate::decide::placement::{self, Given};
use crate::formats::instant;
use crate::formats::record_v1::{Change, Decision, Named, PolicyUsed, Why, sha256};
use crate::ledger::store::Store;
use crate::model::evidence::{Evidence, Thresholds};
use crate::model::failure::Failure;
use crate::model::placed::{Move, Placed};
use crate::model::suite::Suites;
use crate::settings::placement::pinned;

const EVIDENCE: &str = "test_evidence";
const SUITES: &str = "suites";

/// What policy says to a placement, and its day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// The numbers.
    pub thresholds: Thresholds,
    /// Tests that stay in FAST, as globs over ids.
    pub pinned: Vec<String>,
    /// The day, `2026-11-21`.
    pub day: String,
    /// The last day of a quarantine that begins on it.
    pub quarantine_until: String,
}

/// All that a placement is decided on.
#[derive(Debug, Clone)]
pub struct Basis {
    /// One row a test, in the order of tests.
    pub evidence: Vec<Evidence>,
    /// Where tests live before.
    pub suites: Suites,
    /// What policy says.
    pub terms: Terms,
}

/// The basis as it is kept.
struct Kept {
    evidence: String,
    suites: String,
    terms: String,
}

impl Basis {
    /// Decides.
    ///
    /// # Errors
    /// A glob of the policy is none.
    pub fn decide(&self) -> Result<Placed, Failure> {
        let given = Given {
            suites: &self.suites,
            thresholds: &self.terms.thresholds,
            pinned: &pinned(&self.terms.pinned)?,
            today: &self.terms.day,
            quarantine_until: &self.terms.quarantine_until,
            by_file: |test| runners::sort_of(test).by_file,
            instant: instant::seconds,
        };
        Ok(placement::place(&self.evidence, given))
    }

    /// The changes that moves come to.
    #[must_use]
    pub fn changes(&self, placed: &Placed) -> Vec<Change> {
        placed.moves.iter().map(|step| self.change(step)).collect()
    }

    fn change(&self, step: &Move) -> Change {
        let row = self.evidence.binary_search_by(|row| row.test.cmp(&step.test)).ok();
        Change {
            op: "move".to_owned(),
            test: step.test.clone(),
            from: step.from.into(),
            to: step.to.into(),
            prev: self.suites.last_record(&step.test).map(str::to_owned),
            decision: None,
            resolves: self.suites.tips(&step.test),
            restores: None,
            reason: Why { rule: step.ground.rule.to_owned(), text: step.ground.text.clone() },
            until: step.until.clone(),
            evidence: row.map(|at| self.evidence[at].clone()),
            incident: None,
            actor: "titer place".to_owned(),
            recorded_at: self.at(),
        }
    }

    /// The instant that its records bear.
    fn at(&self) -> String {
        format!("{}T00:00:00Z", self.terms.day)
    }

    fn kept(&self) -> Kept {
        Kept {
            evidence: self.evidence.iter().map(|row| json(row) + "\n").collect(),
            suites: json(&self.suites),
            terms: json(&self.terms),
        }
    }

    /// Keeps it in the ledger; the decision names it by its digests, and `policy`, the record of the policy that it goes by.
    ///
    /// # Errors
    /// The ledger cannot be written to.
    pub fn keep(&self, store: &Store, moves: usize, policy: Option<String>) -> Result<Decision, Failure> {
        let kept = self.kept();
        for input in [&kept.evidence, &kept.suites, &kept.terms] {
            store.create(&place_of(&sha256(input.as_bytes())), input.as_bytes().to_vec())?;
        }
        let suites = Named::of(SUITES, kept.suites.as_bytes());
        Ok(Decision {
            tool: format!("titer {}", env!("CARGO_PKG_VERSION")),
            engine: crate::ledger::duck::ENGINE.to_owned(),
            policy: PolicyUsed { record: policy, sha256: sha256(kept.terms.as_bytes()) },
            queries: crate::ledger::sql::VIEWS.iter().map(|view| Named::of(view.name, view.text.as_bytes())).collect(),
            suite_before: suites.digest.clone(),
            inputs: vec![Named::of(EVIDENCE, kept.evidence.as_bytes()), suites],
            commit: None,
            moves: moves as u64,
            as_of: self.at(),
        })
    }

    /// What a decision was taken on; the sentence says what of it is gone.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn find(store: &Store, decision: &Decision) -> Result<Result<Self, String>, Failure> {
        let mut found = Vec::new();
        for name in [EVIDENCE, SUITES] {
            let Some(input) = decision.inputs.iter().find(|input| input.name == name) else {
                return Ok(Err(format!("the decision names no input {name}")));
            };
            found.push((name, input.digest.sha256.as_str()));
        }
        found.push(("policy", decision.policy.sha256.as_str()));
        let mut texts = Vec::new();
        for (name, digest) in found {
            let bytes = store.get(&place_of(digest))?;
            let Some(bytes) = bytes else {
                return Ok(Err(format!("{name} ({digest}) is not in the ledger")));
            };
            match String::from_utf8(bytes) {
                Ok(text) if sha256(text.as_bytes()) == digest => texts.push(text),
                _ => return Ok(Err(format!("{name} in the ledger is not what its name says ({digest})"))),
            }
        }
        let read = || -> Result<Self, serde_json::Error> {
            let evidence: Result<Vec<Evidence>, _> = texts[0].lines().map(serde_json::from_str).collect();
            let (suites, terms) = (serde_json::from_str(&texts[1])?, serde_json::from_str(&texts[2])?);
            Ok(Self { evidence: evidence?, suites, terms })
        };
        Ok(read().map_err(|error| format!("an input cannot be read by this version of titer: {error}")))
    }
}

/// Where an input lies in a ledger.
fn place_of(digest: &str) -> String {
    format!("inputs/{digest}")
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
