//! `workbench_v1`: what titer asks the program in `adapters/guard`, and what that answers. One JSON document each way, through files.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::incident::Incident;
use crate::model::guard::{Attempt, Crash, Finding, Found, Judgement, Target};

/// The number of this format.
pub const VERSION: u32 = 1;

/// What is asked.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Ask<'a> {
    /// Find a call that fails as production did.
    Reproduce {
        /// How production failed.
        fault: &'a Crash,
        /// What production told, best first.
        events: &'a [Incident],
        /// For all attempts together.
        seconds: u64,
        /// For one of them.
        attempt_seconds: u64,
    },
    /// Say what the call gives on this tree.
    Evaluate {
        /// The call.
        found: &'a Found,
        /// As above.
        attempt_seconds: u64,
    },
    /// Write the test.
    Write {
        /// The call.
        found: &'a Found,
        /// What it gives after the fix; none where there is no fix.
        evaluated: Option<&'a Value>,
        /// What the header names.
        fault: Named<'a>,
        /// Whether the test is expected to fail.
        today_xfail: bool,
    },
    /// Run one test once.
    Judge {
        /// Its file, from the root.
        file: &'a str,
        /// Its name in that file.
        test: &'a str,
        /// The line that has to run.
        crash: Option<&'a Crash>,
        /// What stands in place of what is tested.
        stub: Option<Stub<'a>>,
        /// A file of other tests that run before it in the same process; theirs is not told.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<&'a str>,
    },
    /// Look at the text of a test.
    Inspect {
        /// All of its file.
        text: &'a str,
        /// Where the file is to lie, from the root.
        file: &'a str,
    },
}

/// A fault as a test's header names it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Named<'a> {
    /// Its id.
    pub id: &'a str,
    /// `TypeError`
    pub r#type: &'a str,
    /// The function that failed.
    pub function: &'a str,
}

/// A stub mutant.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Stub<'a> {
    /// Where what it replaces is defined.
    pub module: &'a str,
    /// Its qualified name there.
    pub name: &'a str,
    /// `none`, `default` or `raise`.
    pub with: &'a str,
}

impl<'a> Stub<'a> {
    /// The three stubs, each with its word.
    pub const WITH: [&'static str; 3] = ["none", "default", "raise"];

    /// A stub of a target.
    #[must_use]
    pub fn of(target: &'a Target, with: &'a str) -> Self {
        Self { module: &target.module, name: &target.name, with }
    }
}

/// A question with what all of them have.
#[derive(Debug, Clone, Serialize)]
pub struct Request<'a> {
    v: u32,
    root: &'a str,
    first_party: &'a [String],
    #[serde(flatten)]
    ask: &'a Ask<'a>,
}

/// The bytes of a question about the tree in the folder `root`, in which these names can be imported.
#[must_use]
pub fn request(root: &str, first_party: &[String], ask: &Ask<'_>) -> Vec<u8> {
    serde_json::to_vec(&Request { v: VERSION, root, first_party, ask }).unwrap_or_default()
}

/// The answer to [`Ask::Reproduce`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Reproduced {
    /// The call, if there is one.
    pub found: Option<Found>,
    /// The same before it was made smaller.
    pub whole: Option<Found>,
    /// What was tried.
    pub attempts: Vec<Attempt>,
    /// Why nothing could be tried, where that is known.
    pub why: String,
}

/// The answer to [`Ask::Write`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Written {
    /// The whole file.
    pub text: String,
    /// The test's name in it.
    pub test: String,
    /// Whether it asserts little: then it needs a person's word, and lives in WEEKLY.
    pub weak: bool,
}

/// The answer to [`Ask::Inspect`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Inspected {
    /// The tests in the file.
    pub tests: Vec<String>,
    /// What speaks against them.
    pub findings: Vec<Finding>,
}

/// The answer to [`Ask::Judge`].
pub type Judged = Judgement;

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    v: u32,
    #[serde(default)]
    refused: Option<String>,
}

/// Reads an answer.
///
/// # Errors
/// It is none, or a refusal; the sentence says which.
pub fn answer<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, String> {
    let head: Head = serde_json::from_slice(bytes).map_err(|error| format!("its answer is not JSON: {error}"))?;
    if let Some(refused) = head.refused {
        return Err(refused.chars().take(300).collect());
    }
    if head.v != VERSION {
        return Err(format!("its answer is of version {}, not {VERSION}", head.v));
    }
    serde_json::from_slice(bytes).map_err(|error| format!("its answer is not understood: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_says_what_is_to_be_done_and_a_refusal_is_told_as_it_is() {
        let ask = Ask::Inspect { text: "def test_a(): pass\n", file: "tests/test_a.py" };
        let request: Value = serde_json::from_slice(&request("/r", &["a".to_owned()], &ask)).unwrap();
        assert_eq!((&request["v"], &request["do"], &request["root"]), (&1.into(), &"inspect".into(), &"/r".into()));
        let read = answer::<Inspected>(br#"{"v":1,"tests":["test_a"],"findings":[],"more":1}"#).unwrap();
        assert_eq!(read.tests, ["test_a"]);
        for (bytes, why) in [
            (&b"{\"v\":1,\"refused\":\"no\"}"[..], "no"),
            (b"{\"v\":2}", "its answer is of version 2, not 1"),
            (b"", "its answer is not JSON"),
        ] {
            assert!(answer::<Inspected>(bytes).unwrap_err().starts_with(why));
        }
    }
}
