//! `titer.toml`: what the repository's owners decided.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;

use crate::model::failure::Failure;

use super::audit::{self, AuditPolicy};
use super::budget::{self, BudgetPolicy};
use super::guard::{self, GuardPolicy};
use super::placement::{self, PlacementPolicy};
use super::serve::{self, ServePolicy};
use super::sources::Source;

/// The defaults, as a commented file.
pub const DEFAULT: &str = include_str!("default.toml");

/// The file's name in the repository's root.
pub const FILE: &str = "titer.toml";

/// What `titer.toml` says on top of the defaults.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The ledger's folder, from the root.
    pub ledger: String,
    /// More inert paths, the volatile ones among them.
    pub inert: GlobSet,
    /// Paths whose content has no say.
    pub volatile: GlobSet,
    /// Programs that make no test opaque.
    pub inert_programs: Vec<String>,
    /// Variables that make a variant.
    pub variables: Vec<String>,
    /// `run-whole` or `ignore`.
    pub coverage: String,
    /// The default branch, if the owners named it.
    pub default_branch: Option<String>,
    /// What a run may take.
    pub budget: BudgetPolicy,
    /// The tables about placement.
    pub placement: PlacementPolicy,
    /// Trackers that `titer weekly` learns from.
    pub sources: Vec<Source>,
    /// The log of records: its name and its keys.
    pub audit: AuditPolicy,
    /// How guards are drafted.
    pub guard: GuardPolicy,
    /// The receiving door.
    pub serve: ServePolicy,
    /// Where the policy was read from; `None` for the defaults.
    pub file: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    ledger: Option<String>,
    inert: Option<Vec<String>>,
    volatile: Option<Vec<String>>,
    inert_programs: Option<Vec<String>>,
    variables: Option<Vec<String>>,
    coverage: Option<String>,
    default_branch: Option<String>,
    budget: Option<String>,
    overflow: Option<budget::Overflow>,
    order: Option<budget::Order>,
    probe: Option<String>,
    placement: Option<placement::Table>,
    services: Option<BTreeMap<String, String>>,
    source: Option<Vec<Source>>,
    audit: Option<audit::Table>,
    guard: Option<guard::Table>,
    serve: Option<serve::Table>,
}

impl Policy {
    /// The compiled-in defaults.
    #[must_use]
    pub fn defaults() -> Self {
        let file = toml::from_str(DEFAULT).unwrap_or_default();
        // A test holds the compiled-in file to what it says.
        Self::bare().with(file, Path::new("the defaults")).unwrap_or_else(|_| Self::bare())
    }

    fn bare() -> Self {
        Self {
            ledger: ".titer/ledger".to_owned(),
            inert: GlobSet::empty(),
            volatile: GlobSet::empty(),
            inert_programs: Vec::new(),
            variables: Vec::new(),
            coverage: "run-whole".to_owned(),
            default_branch: None,
            budget: BudgetPolicy::bare(),
            placement: PlacementPolicy::bare(),
            sources: Vec::new(),
            audit: AuditPolicy::default(),
            guard: GuardPolicy::bare(),
            serve: ServePolicy::bare(),
            file: None,
        }
    }

    /// The policy of a repository: `explicit`, else `titer.toml` in its root, else the defaults.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub fn load(root: &Path, explicit: Option<&Path>) -> Result<Self, Failure> {
        let path = explicit.map_or_else(|| root.join(FILE), Path::to_owned);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && explicit.is_none() => return Ok(Self::defaults()),
            Err(e) => {
                return Err(Failure::input(format!("the configuration {} cannot be read", path.display())).because(e));
            }
        };
        Self::parse(&text, &path)
    }

    /// The policy that the text of the file `path` says.
    ///
    /// # Errors
    /// It cannot be understood.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            let sentence = format!("{}:{line}: {}", path.display(), error.message());
            Failure::input(sentence).hint("the settings and their defaults are in the README under \"titer.toml\"")
        })?;
        Self::defaults().with(file, path).map(|policy| Self { file: Some(path.to_owned()), ..policy })
    }

    fn with(mut self, file: File, path: &Path) -> Result<Self, Failure> {
        let (inert, volatile) = (file.inert.unwrap_or_default(), file.volatile.unwrap_or_default());
        self.volatile = globs("volatile", &volatile, path)?;
        globs("inert", &inert, path)?;
        self.inert = globs("inert", &[inert, volatile].concat(), path)?;
        self.ledger = file.ledger.unwrap_or(self.ledger);
        self.inert_programs.extend(file.inert_programs.unwrap_or_default());
        self.variables = file.variables.unwrap_or(self.variables);
        self.default_branch = file.default_branch.filter(|name| !name.is_empty()).or(self.default_branch);
        let keys = budget::Keys { budget: file.budget, overflow: file.overflow, order: file.order, probe: file.probe };
        self.budget = self.budget.with(&keys, path)?;
        self.placement = self.placement.with(file.placement, file.services, path)?;
        self.sources = file.source.unwrap_or(self.sources);
        self.audit = self.audit.with(file.audit);
        self.guard = self.guard.with(file.guard, path)?;
        self.serve = self.serve.with(file.serve, path)?;
        self.coverage = file.coverage.unwrap_or(self.coverage);
        if !["run-whole", "ignore"].contains(&self.coverage.as_str()) {
            let sentence =
                format!("{}: coverage is \"run-whole\" or \"ignore\", not \"{}\"", path.display(), self.coverage);
            return Err(Failure::input(sentence));
        }
        Ok(self)
    }
}

pub(super) fn globs(key: &str, patterns: &[String], path: &Path) -> Result<GlobSet, Failure> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = Glob::new(pattern).map_err(|error| {
            Failure::input(format!("{}: {key} holds \"{pattern}\", which is not a glob", path.display())).because(error)
        })?;
        builder.add(glob);
    }
    builder.build().map_err(|error| Failure::input(format!("{}: {key}", path.display())).because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_what_the_commented_file_says() {
        let policy = Policy::defaults();
        assert_eq!(policy.ledger, ".titer/ledger");
        assert!(policy.inert_programs.iter().any(|program| program == "ldconfig"));
        assert_eq!(policy.default_branch, None);
        let numbers = policy.placement.thresholds(0);
        assert_eq!((numbers.quiet_days, numbers.fault_days, numbers.watched_days), (180, 0, 180));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let file = folder.path().join("titer.toml");
        #[allow(clippy::disallowed_methods, reason = "a test writes its own file")]
        std::fs::write(&file, "inert = []\ncoverge = \"ignore\"\n").unwrap_or_else(|error| panic!("{error}"));
        let failure = Policy::load(folder.path(), None).err().map(|failure| failure.to_string()).unwrap_or_default();
        assert!(failure.contains("titer.toml:2: unknown field `coverge`"), "{failure}");
    }
}
