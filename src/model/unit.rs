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
    /// What stands instead of its names in folders, where the file tracer saw what the tests themselves looked at.
    pub traced_targets: BTreeSet<Target>,
    /// Files that its build reads: what it was built from shows in them.
    pub compiled: BTreeSet<String>,
    /// Why what was built is not what is there now, if so: then nothing may be concluded from what it did.
    pub stale: Option<String>,
    /// Whether the file tracer does not see what its tests do.
    pub untraced: bool,
    /// Other units that it is built from, by their names.
    pub needs: BTreeSet<String>,
    /// Programs that tests may start, as their build names them.
    pub programs: BTreeSet<String>,
    /// Units that its tests may look into, where the file tracer does not see what they look at.
    pub near: BTreeSet<String>,
}

impl Unit {
    /// Whether something stands instead of a target where the file tracer saw what tests looked at.
    #[must_use]
    pub fn replaces(&self, target: &Target) -> bool {
        self.traced_targets.iter().any(|other| other.kind == target.kind && other.path == target.path)
    }
}

/// The unit of a test and the test's own name in it, which is empty where a unit is one test; `None` if no unit is known.
#[must_use]
pub fn unit_of<'a>(test: &'a str, is_unit: &dyn Fn(&str) -> bool) -> Option<(&'a str, &'a str)> {
    let (_, rest) = test.split_once("::")?;
    let ends = rest.match_indices("::").map(|(at, _)| at).chain([rest.len()]);
    let end = ends.filter(|&end| is_unit(&rest[..end])).max()?;
    Some((&rest[..end], rest[end..].trim_start_matches("::")))
}

/// How a project is built. The unit of a test is named between the runner and the test's own name in its id.
pub type Units = BTreeMap<String, Unit>;
