//! A commit: when, by whom, and what it did to which files.

/// What happened to a file or to a function in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// It came.
    Added,
    /// It is another.
    Changed,
    /// It went.
    Removed,
}

impl Act {
    /// The word used in ledgers and output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// A file as a commit has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Git's six digits for its kind.
    pub mode: String,
    /// Git's id of its bytes.
    pub blob: String,
}

impl Version {
    /// Whether there are bytes to look at: it is neither a link nor a submodule.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.mode.starts_with("100")
    }
}

/// One file that a commit touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path, after the commit where it is there then; from the repository's root, with `/`.
    pub path: String,
    /// The path that it had before, if the commit moved it.
    pub was: Option<String>,
    /// What it was; `None` if it was not there.
    pub before: Option<Version>,
    /// What it is; `None` if it is not there any more.
    pub after: Option<Version>,
}

/// One commit, compared with its first parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Git's id.
    pub id: String,
    /// The committer's date in seconds since 1970-01-01 UTC.
    pub seconds: i64,
    /// The author's address, as `.mailmap` has it.
    pub address: String,
    /// In the order of their paths.
    pub files: Vec<FileChange>,
}

/// A walk over commits that the ledger has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The commit at which it ended.
    pub commit: String,
    /// How many commits the chain of walks tells up to there.
    pub number: u64,
}
