//! `guard_v1`: what became of drafts of guards, one JSON object a line, in segments of the kind `guards`. The members are the columns of the
//! lens's table `raw_guards`.

use serde::{Deserialize, Serialize};

/// The number of this format.
pub const VERSION: u32 = 1;

/// One step of one draft.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GuardLine {
    /// [`VERSION`].
    pub v: u32,
    /// `drafted`, `checked`, `asked` (an agent), `escalated` (to a person), `injected`, `proposed` (`reason` says where), `auto-merge` (the forge merges
    /// it once its checks are green), `settled`.
    pub kind: String,
    /// The draft.
    pub draft: String,
    /// The fault that it is for.
    pub fault: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// `pytest`
    pub runner: String,
    /// Which rung of the ladder found the call.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rung: String,
    /// What was lost or guessed on the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// The test's id, once it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub test: String,
    /// `passed`, `failed`, `waiting`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// The criterion that failed first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub criterion: String,
    /// Why, in a sentence that holds nothing of production's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The commit that fails.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub faulty: String,
    /// The commit that does not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fixed: String,
    /// Characters of the arguments as production had them.
    pub characters_before: u64,
    /// Characters of the arguments in the test.
    pub characters_after: u64,
    /// How long the step took.
    pub seconds: f64,
    /// What an agent says that its answer cost, in the unit of the owners' budget for it.
    #[serde(skip_serializing_if = "is_nothing")]
    pub cost: f64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_nothing(cost: &f64) -> bool {
    *cost <= 0.0
}
