//! A code path: a file of the repository and a function in it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands for the code of a file that runs when it is imported or included.
pub const MODULE: &str = "<module>";

/// A file and a function in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CodePath {
    /// From the repository's root, with `/`.
    pub file: String,
    /// Qualified as in [`super::shape::FunctionShape::name`]; [`MODULE`] for code outside of functions, and for files that are not source.
    pub function: String,
}

impl CodePath {
    /// A code path from its parts.
    #[must_use]
    pub fn new(file: impl Into<String>, function: impl Into<String>) -> Self {
        Self { file: file.into(), function: function.into() }
    }
}

impl fmt::Display for CodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file, self.function)
    }
}
