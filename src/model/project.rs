//! What a repository is, for a set-up: which runners have tests where, and which CI system runs them.

use super::guard::Runner;

/// A CI system that titer writes a recipe for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forge {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// Buildkite.
    Buildkite,
}

impl Forge {
    /// As its owners call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "GitHub Actions",
            Self::Gitlab => "GitLab CI",
            Self::Buildkite => "Buildkite",
        }
    }

    /// The file of the recipe, from the root.
    #[must_use]
    pub fn recipe(self) -> &'static str {
        match self {
            Self::Github => ".github/workflows/titer.yml",
            Self::Gitlab => ".gitlab/titer.yml",
            Self::Buildkite => ".buildkite/titer.yml",
        }
    }
}

/// Tests of one runner in one folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tests {
    /// The folder, from the root; empty for the root itself. Made of letters, digits, `.`, `_`, `-` and `/` alone.
    pub folder: String,
    /// Whose.
    pub runner: Runner,
    /// How they are run, in that folder.
    pub command: String,
    /// What installs the project before, in that folder: a line of a shell each.
    pub install: Vec<String>,
}

/// What became of one file of a set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was not there, and is now.
    Written,
    /// Lines were appended to it.
    Added,
    /// It says what it should, and was not touched.
    Same,
    /// It says something else, and was not touched.
    Kept {
        /// What a person would put into it; nothing where it is theirs to say.
        by_hand: Option<String>,
    },
}

/// What a set-up came to.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What is run.
    pub tests: Vec<Tests>,
    /// The CI system, and how that is known; none where no recipe was written.
    pub forge: Option<(Forge, &'static str)>,
    /// The default branch.
    pub branch: String,
    /// Each file, from the root.
    pub files: Vec<(String, Fate)>,
    /// Whether the owners did not want a recipe.
    pub is_without_ci: bool,
}
