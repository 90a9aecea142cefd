//! Whether a decision, taken again from what it names, says the same.

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
pub fn replayed(_settings: &Settings, _decision: &str, _changes: &[&str]) -> Replay {
    Replay::InputsGone("this version of titer keeps no way to decide again".to_owned())
}
