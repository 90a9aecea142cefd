//! The tables `[[source]]` of `titer.toml`: the trackers of production errors that `titer weekly` learns from.

use std::path::PathBuf;

use serde::Deserialize;

/// A tracker, and what is asked of it. Its token is in the tracker's variable, or in a file, never here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `bugsink`, `sentry`, `rollbar`, `bugsnag`, `datadog` or `honeybadger`.
    pub tracker: String,
    /// The tracker's own name or number of the project.
    pub project: String,
    /// Its address, where it has none that is everybody's.
    pub url: Option<String>,
    /// The tracker's own name of the organization, where it has one.
    pub organization: Option<String>,
    /// The service that failed, where events do not name it.
    pub service: Option<String>,
    /// The file that holds the token, instead of the tracker's variable.
    pub token_file: Option<PathBuf>,
    /// Where frames begin with what stands before `=`, the folder after it is meant.
    #[serde(default)]
    pub prefixes: Vec<String>,
}
