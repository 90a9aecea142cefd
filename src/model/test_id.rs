//! The name of a test: `RUNNER::NAME`, with paths from the repository's root.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `pytest::svc/tests/test_a.py::TestB::test_c[1]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TestId(pub String);

impl TestId {
    /// The runner's name: what stands before the first `::`.
    #[must_use]
    pub fn runner(&self) -> &str {
        self.0.split_once("::").map_or("", |(runner, _)| runner)
    }

    /// The runner's own name of the test.
    #[must_use]
    pub fn own_name(&self) -> &str {
        self.0.split_once("::").map_or(self.0.as_str(), |(_, name)| name)
    }

    /// The file that holds the test, from the repository's root.
    #[must_use]
    pub fn file(&self) -> &str {
        self.own_name().split_once("::").map_or(self.own_name(), |(file, _)| file)
    }

    /// The name inside its file.
    #[must_use]
    pub fn inner_name(&self) -> &str {
        self.own_name().split_once("::").map_or("", |(_, name)| name)
    }
}

impl fmt::Display for TestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_falls_into_runner_file_and_name() {
        let id = TestId("pytest::a/test_b.py::TestC::test_d[x::y]".into());
        assert_eq!((id.runner(), id.file(), id.inner_name()), ("pytest", "a/test_b.py", "TestC::test_d[x::y]"));
    }
}
