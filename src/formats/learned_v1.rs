//! `learned_v1`: what titer learned from history and from production, one JSON object a line, in segments of the kinds `changes` and
//! `sightings`. The members are the columns of the lens's tables `raw_changes` and `raw_sightings`, but for `stack` and `frames`: no view asks
//! for them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The number of this format.
pub const VERSION: u32 = 1;

/// A line of the kind `changes`; `kind` says which.
///
/// - `history`: one walk over commits, from (not including) the commit `was` to `commit`; without `was` it began at the first commit, or, where
///   `shallow`, at the end of what the clone has. It goes on from the newest earlier walk that ended at `was`. Walks form a chain: what a chain
///   that starts at the newest walk does not reach does not count.
/// - `commit`: one first-parent commit of the walk `walk`.
/// - `added`, `changed`, `removed`: what the commit did to one code path.
/// - `renamed`: the commit moved the file `was` to `path`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are columns; what they hold is said above and here where it is not plain")]
pub struct ChangeLine {
    pub v: u32,
    pub kind: String,
    /// The walk's own name; that of a later walk sorts after it.
    pub walk: String,
    /// The commit; of a `history`, at which it ended.
    pub commit: String,
    /// The commit's place in the history that the chain of walks tells, from 1: committers' clocks tell no order.
    pub number: u64,
    /// The committer's date, RFC 3339 in UTC; of a `history`, of the commit at which it ended.
    pub at: String,
    /// The first 16 hexadecimal digits of the digest of the author's address in lower case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub function: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub was: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shallow: bool,
}

/// One place on a stack, as far as the source tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the members are those of the design's canonical table")]
pub struct FrameLine {
    /// As the source spells it.
    pub file: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub abs_path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub module: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub function: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub col: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_app: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub context_line: String,
    /// The file in the repository that it was found to be; empty where it is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// A line of the kind `sightings`; `kind` says which.
///
/// - `sighting`: a fault was seen `count` times at `at`. Identity: `source`, `project`, `event`.
/// - `observed`: the source `source` (`project`, `service`) has been watched from `since` to `at`, whether it told of faults or not;
///   `frames_in_repository` of its frames were the repository's, and `frames_mapped` of these were found.
/// - `mark`: all that the source `source`, `project` told up to `mark` is kept.
/// - `page`: somebody was called at `at` about the incident `event`; `message` is what the call said.
/// - `stack`: the frames of the sightings of this segment that name it by `stack`. A sighting may also hold its frames itself, as all did once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, bound(serialize = "T: Serialize + Holds, F: Serialize + Holds"))]
#[allow(missing_docs, reason = "the members are columns; what they hold is said above and here where it is not plain")]
pub struct SightingLine<T = String, F = Vec<FrameLine>> {
    #[serde(skip_serializing_if = "is_zero")]
    pub v: u32,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub kind: T,
    /// `sentry`, `bugsink`, `otlp`, `file`, …
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub source: T,
    /// The source's own name of the project.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub project: T,
    /// The service that failed, where the source names it.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub service: T,
    /// When it was seen, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub at: T,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub since: T,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub received_at: T,
    /// Without dashes, in lower case.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub event: T,
    /// The source's own grouping.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub issue: T,
    /// Titer's own grouping: the fault.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub fault: T,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub r#type: T,
    /// The message with typed holes where values were.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub message: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handled: Option<bool>,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub level: T,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub platform: T,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub environment: T,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub release: T,
    /// The commit that the release was built from.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub commit: T,
    /// `exact` (a commit was named), `tag`, `inferred` (by date), `none`.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub commit_confidence: T,
    /// How often; 1 for one event.
    #[serde(skip_serializing_if = "is_zero")]
    pub count: u64,
    /// The crash frame's code path in the repository; empty where it was not found.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub path: T,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub function: T,
    /// How sure the code path is: `line` (the source line is the same there), `moved` (it is nearby), `path` (only the file and function), `none`.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub confidence: T,
    /// Why there is no code path, in a few words.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub unmapped: T,
    /// What the unmapped fault blocks: a file, a folder, `-` for nothing, or, where it is empty, everything.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub blocks: T,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub user: T,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub tenant: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_in_repository: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_mapped: Option<u64>,
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub mark: T,
    /// The digest of the raw bytes in the ledger's spool.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub raw: T,
    /// What the segment calls the frames: half of their digest.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub stack: T,
    /// Oldest first.
    #[serde(skip_serializing_if = "Holds::is_empty")]
    pub frames: F,
}

/// A line of the kind `sightings` as it is written: of millions, nothing is copied.
pub type WrittenLine<'a> = SightingLine<&'a str, Option<&'a RawValue>>;

impl WrittenLine<'_> {
    /// Writes the line with a line break, and with the members that `more` is: what many lines share is [written](Self::members) once.
    /// Nothing is written if it cannot be whole.
    pub fn write(&self, more: &[u8], text: &mut Vec<u8>) {
        let before = text.len();
        if serde_json::to_writer(&mut *text, self).is_err() {
            return text.truncate(before);
        }
        if !more.is_empty() {
            text.pop();
            text.push(b',');
            text.extend_from_slice(more);
            text.push(b'}');
        }
        text.push(b'\n');
    }

    /// The members that hold something, without the braces around them; a line that they go into must hold others, and some.
    #[must_use]
    pub fn members(&self) -> Vec<u8> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        text.strip_prefix(b"{").and_then(|text| text.strip_suffix(b"}")).unwrap_or_default().to_vec()
    }
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

/// What may be left out of a line where it holds nothing.
pub trait Holds {
    /// Whether it holds nothing.
    fn is_empty(&self) -> bool;
}

impl Holds for String {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl Holds for &str {
    fn is_empty(&self) -> bool {
        str::is_empty(self)
    }
}

impl Holds for Vec<FrameLine> {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl Holds for Option<&RawValue> {
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_same_whether_it_is_written_whole_or_in_parts() {
        let line = |kind: &'static str, fault: &'static str, raw: &'static str| WrittenLine {
            v: u32::from(!kind.is_empty()),
            kind,
            fault,
            raw,
            ..WrittenLine::default()
        };
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        line("sighting", "f\"1", "r").write(b"", &mut whole);
        line("sighting", "", "").write(&line("", "f\"1", "r").members(), &mut parts);
        let read = |text: &[u8]| serde_json::from_slice::<SightingLine>(text).unwrap();
        assert_eq!(read(&parts), read(&whole));
        assert_eq!(parts.split(|&byte| byte == b'\n').count(), 2);
        assert_eq!(line("", "", "").members(), b"");
    }
}
