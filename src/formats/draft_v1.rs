//! `draft_v1`: a draft of a guard, as it lies in its folder beside the test itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::guard::{Attempt, Crash, Found, Verdict};

/// The number of this format.
pub const VERSION: u32 = 1;

/// The file's name in the draft's folder.
pub const FILE: &str = "draft.json";

/// A draft.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// [`VERSION`].
    pub v: u32,
    /// Its own name: the fault's beginning and a number.
    pub draft: String,
    /// The fault that it is for.
    pub fault: String,
    /// How production failed.
    pub crash: Crash,
    /// `pytest`
    pub runner: String,
    /// Who drafted it: `titer guard draft`, an agent's command, or nobody that titer knows.
    pub by: String,
    /// Where the test is to lie, from the root.
    pub file: String,
    /// What the runner's ids begin with, where that is not the file: `package::test/program`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// The test's name in that file.
    pub test: String,
    /// Whether it asserts little: then it is for WEEKLY, with a person's word.
    pub weak: bool,
    /// The call that it makes; none for a test that somebody else wrote.
    pub found: Option<Found>,
    /// The same call before it was made smaller, where that is another.
    pub whole: Option<Found>,
    /// What the call gives after the fix.
    pub evaluated: Option<Value>,
    /// The commit that fails.
    pub faulty: String,
    /// The commit that does not; empty where there is none yet.
    pub fixed: String,
    /// What was tried before.
    pub attempts: Vec<Attempt>,
    /// When it was drafted.
    pub at: String,
    /// What the gate said, if it was asked.
    pub verdicts: Vec<Verdict>,
    /// When it was injected; empty where it was not.
    pub injected: String,
}

impl Draft {
    /// The test's id.
    #[must_use]
    pub fn id(&self) -> String {
        let place = if self.unit.is_empty() { &self.file } else { &self.unit };
        format!("{}::{place}::{}", self.runner, self.test)
    }

    /// The bytes of its file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

/// Reads a draft.
///
/// # Errors
/// It is none; the sentence says why.
pub fn read(bytes: &[u8]) -> Result<Draft, String> {
    let draft: Draft = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if draft.v != VERSION {
        return Err(format!("v is {}, only {VERSION} is known", draft.v));
    }
    // What titer wrote itself is as it should be; anybody may have written it since.
    let is_plain = |path: &str| {
        !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| !part.is_empty() && part != "..")
    };
    let is_name =
        !draft.draft.is_empty() && draft.draft.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_name {
        return Err(format!("`draft` is {:?}, and no name of a draft", draft.draft));
    }
    if !is_plain(&draft.file) {
        return Err(format!("`file` is {:?}, and not a path in the repository", draft.file));
    }
    Ok(draft)
}
