//! A part of a project that is built as a whole, and what it is built from.

use std::collections::{BTreeMap, BTreeSet};

use super::edge::Target;

/// A package, or one test program of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit {
    /// Source files compiled into it: they count by their meaning, and function by function where functions were recorded.
    pub sources: BTreeSet<String>,
    /// Source files that count by their whole meaning whatever was recorded: what they say runs while the project is built.
    pub fixed: BTreeSet<String>,
    /// Files that count by their bytes.
    pub files: BTreeSet<String>,
    /// Files that count by their bytes unless the file tracer saw that nobody read them: documentation, other languages' source.
    pub idle: BTreeSet<String>,
    /// What else it depends on: manifests, variables, names in folders.
    pub targets: BTreeSet<Target>,
    /// The same, where the file tracer saw what the tests themselves looked at.
    pub traced_targets: BTreeSet<Target>,
    /// Other units that it is built from, by their names.
    pub needs: BTreeSet<String>,
}

/// How a project is built. The unit of a test is named between the runner and the test's own name in its id.
pub type Units = BTreeMap<String, Unit>;
