//! The tables of `titer.toml` about `titer serve`.

use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;

use crate::model::failure::Failure;

/// The most that may be asked for: 1 TiB.
const MOST_SPOOL: u64 = 1 << 20;

/// What is known of a project that events come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The end of its DSN: `1`; `otlp` for what comes from OpenTelemetry.
    pub id: String,
    /// Its name, for people.
    pub name: Option<String>,
    /// The service that fails.
    pub service: Option<String>,
    /// Where frames begin with what stands before `=`, the folder after it is meant.
    #[serde(default)]
    pub prefixes: Vec<String>,
}

/// The table as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    listen: Option<String>,
    spool_mb: Option<u64>,
    project: Option<Vec<Project>>,
}

/// The door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServePolicy {
    /// `127.0.0.1:8127`
    pub listen: SocketAddr,
    /// MiB of what came in that may wait to be read.
    pub spool_mb: u64,
    /// What is known of projects.
    pub projects: Vec<Project>,
}

impl ServePolicy {
    pub(super) fn bare() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8127)), spool_mb: 256, projects: Vec::new() }
    }

    pub(super) fn with(mut self, table: Option<Table>, path: &Path) -> Result<Self, Failure> {
        let Table { listen, spool_mb, project } = table.unwrap_or_default();
        let wrong = |sentence: String| Failure::input(format!("{}: {sentence}", path.display()));
        if let Some(listen) = listen {
            self.listen = address(&listen).map_err(|why| wrong(format!("[serve] listen: {why}")))?;
        }
        self.spool_mb = spool_mb.unwrap_or(self.spool_mb);
        if !(1..=MOST_SPOOL).contains(&self.spool_mb) {
            return Err(wrong(format!("[serve] spool_mb is from 1 to {MOST_SPOOL}, not {}", self.spool_mb)));
        }
        self.projects = project.unwrap_or(self.projects);
        if let Some(project) = self.projects.iter().find(|project| !is_id(&project.id)) {
            let sentence = format!("[[serve.project]] id \"{}\" is not the end of any DSN", project.id.escape_debug());
            return Err(wrong(sentence).hint("up to 64 letters, digits, `-` and `_`: id = \"1\""));
        }
        Ok(self)
    }

    /// What is known of a project.
    #[must_use]
    pub fn project(&self, id: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id)
    }
}

/// Whether a text can be the id of a project.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// An address to listen on: numbers, or `localhost`.
///
/// # Errors
/// It is none; a sentence says so.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named.as_deref().unwrap_or(text).parse().map_err(|_| {
        format!("\"{}\" is no address and port, such as 127.0.0.1:8127 or [::1]:8127", text.escape_debug())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<ServePolicy, String> {
        let table = toml::from_str(text).map_err(|error| error.to_string())?;
        ServePolicy::bare().with(Some(table), Path::new("titer.toml")).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_is_written_is_read_or_refused_in_a_sentence() {
        let policy =
            table("listen = \"localhost:0\"\nspool_mb = 2\n[[project]]\nid = \"7\"\nservice = \"billing\"").unwrap();
        assert_eq!((policy.listen.to_string().as_str(), policy.spool_mb), ("127.0.0.1:0", 2));
        assert_eq!(policy.project("7").unwrap().service.as_deref(), Some("billing"));
        for (text, sentence) in [
            ("listen = \"somewhere\"", "is no address and port"),
            ("spool_mb = 0", "from 1 to"),
            ("[[project]]\nid = \"../x\"", "is not the end of any DSN"),
            ("[[project]]\nid = \"1\"\nkind = 2", "unknown field"),
        ] {
            let failure = table(text).unwrap_err();
            assert!(failure.contains(sentence), "{failure}");
        }
    }
}
