//! What `titer doctor` found: one fact about the set-up, good or bad.

/// The part of a set-up that a finding is about, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The repository and git.
    Repository,
    /// `titer.toml`.
    Configuration,
    /// The ledger's folder.
    Ledger,
    /// What is known about tests.
    Map,
    /// The runner and our way into it.
    Runner,
    /// What sees the files that tests open.
    Files,
    /// Whether a run here records.
    Recording,
    /// Paths that differ at every commit.
    Volatile,
    /// What CI runs.
    Ci,
    /// What production tells.
    Sources,
    /// The log of records.
    Records,
    /// Guards.
    Guards,
}

impl Part {
    /// The word used in output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Configuration => "configuration",
            Self::Ledger => "ledger",
            Self::Map => "map",
            Self::Runner => "runner",
            Self::Files => "files",
            Self::Recording => "recording",
            Self::Volatile => "volatile",
            Self::Ci => "ci",
            Self::Sources => "sources",
            Self::Records => "records",
            Self::Guards => "guards",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// git reads the repository.
    Git {
        /// Its root.
        root: String,
    },
    /// git knows no repository here: every file is looked at.
    NoGit {
        /// The folder taken for the root.
        root: String,
    },
    /// There is a repository and git does not read it.
    GitFails {
        /// Why.
        why: String,
    },
    /// What is in force.
    Configured {
        /// The file; none for the defaults.
        file: Option<String>,
    },
    /// `titer.toml` is not understood.
    Misconfigured {
        /// Why.
        why: String,
    },
    /// The ledger can be read and written.
    Ledger {
        /// Its folder.
        folder: String,
    },
    /// Nothing was ever run here.
    NoLedger {
        /// Where it would be.
        folder: String,
    },
    /// The ledger cannot be written.
    LedgerReadOnly {
        /// Its folder.
        folder: String,
    },
    /// The ledger, or something in it, cannot be read.
    LedgerFails {
        /// Why.
        why: String,
    },
    /// A segment could not be read whole.
    BadSegment {
        /// Which.
        segment: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is a map.
    Map {
        /// Tests in it.
        tests: usize,
        /// Tests in it that may be left out on the word of a recording.
        recorded: usize,
        /// Variants in it.
        variants: usize,
        /// Whole hours since the newest run in it.
        hours: Option<u64>,
    },
    /// No test is known.
    NoMap,
    /// Tests are known, and what they depend on is not.
    NothingRecorded {
        /// Tests known.
        tests: usize,
    },
    /// The newest recording is not used.
    Unhealthy {
        /// When its run started.
        at: String,
        /// Why.
        why: String,
    },
    /// The adapter can get into this interpreter's pytest.
    Enters {
        /// The interpreter.
        interpreter: String,
        /// Its version.
        python: String,
        /// pytest's version.
        pytest: String,
    },
    /// There is no interpreter.
    NoInterpreter {
        /// The one that ran last, if any did.
        last: Option<String>,
    },
    /// The interpreter has no pytest, or an unknown one.
    NoPytest {
        /// The interpreter.
        interpreter: String,
        /// What it said.
        why: String,
    },
    /// A version that the adapter is not made for.
    TooOld {
        /// The interpreter.
        interpreter: String,
        /// What is too old, with its version.
        what: String,
    },
    /// titer can stand between cargo and its test programs.
    Cargo {
        /// The folder of the project.
        folder: String,
        /// What cargo calls itself.
        version: String,
    },
    /// It cannot.
    NoCargo {
        /// The folder of the project.
        folder: String,
        /// Why.
        why: String,
    },
    /// titer gets into jest.
    Jest {
        /// The folder of the package.
        folder: String,
        /// What jest and node call themselves.
        version: String,
    },
    /// It does not.
    NoJest {
        /// The folder of the package.
        folder: String,
        /// Why.
        why: String,
    },
    /// The file tracer sees what tests and the programs that they start do with files.
    SeesFiles,
    /// The file tracer does not run here.
    SeesLess {
        /// Why.
        why: String,
    },
    /// titer's own cache cannot be written.
    NoCache {
        /// Its folder.
        folder: String,
    },
    /// A run here records by itself.
    Records,
    /// A run here does not record by itself, and should not.
    Reads {
        /// Why.
        why: String,
    },
    /// A CI system that titer does not know.
    UnknownCi,
    /// A path that differs at every commit and makes most tests run.
    Volatile {
        /// The path.
        path: String,
        /// Tests that run for it.
        tests: u64,
        /// All tests.
        all: u64,
    },
    /// No path differs at every commit.
    NothingVolatile,
    /// git ignores the ledger.
    Ignored {
        /// Its folder, from the root.
        folder: String,
    },
    /// It does not.
    NotIgnored {
        /// Its folder, from the root.
        folder: String,
    },
    /// A recipe of CI runs titer.
    Recipe {
        /// The file.
        file: String,
    },
    /// None does.
    NoRecipe {
        /// Whether there are recipes at all.
        has_others: bool,
    },
    /// A recipe of CI has the weekly job.
    WeeklyJob {
        /// The file.
        file: String,
    },
    /// None has, and one runs titer.
    NoWeeklyJob,
    /// Somebody listens to production.
    Sources {
        /// So many trackers are configured; without one, files were handed in.
        configured: usize,
    },
    /// Nobody does.
    NoSources,
    /// Records are sealed, or can be.
    Sealer {
        /// Whose key.
        key: String,
    },
    /// No key is named, and nothing was ever sealed.
    NoSealer,
    /// Drafts of guards can be run.
    Sandbox {
        /// What holds them.
        kind: String,
    },
    /// They cannot.
    NoSandbox {
        /// Why.
        why: String,
    },
}

impl Finding {
    /// What it is about.
    #[must_use]
    pub fn part(&self) -> Part {
        match self {
            Self::Git { .. } | Self::NoGit { .. } | Self::GitFails { .. } => Part::Repository,
            Self::Configured { .. } | Self::Misconfigured { .. } => Part::Configuration,
            Self::Ledger { .. }
            | Self::NoLedger { .. }
            | Self::LedgerReadOnly { .. }
            | Self::LedgerFails { .. }
            | Self::BadSegment { .. }
            | Self::Ignored { .. }
            | Self::NotIgnored { .. } => Part::Ledger,
            Self::Map { .. } | Self::NoMap | Self::NothingRecorded { .. } | Self::Unhealthy { .. } => Part::Map,
            Self::Enters { .. }
            | Self::NoInterpreter { .. }
            | Self::NoPytest { .. }
            | Self::TooOld { .. }
            | Self::Cargo { .. }
            | Self::NoCargo { .. }
            | Self::Jest { .. }
            | Self::NoJest { .. }
            | Self::NoCache { .. } => Part::Runner,
            Self::SeesFiles | Self::SeesLess { .. } => Part::Files,
            Self::Records | Self::Reads { .. } | Self::UnknownCi => Part::Recording,
            Self::Volatile { .. } | Self::NothingVolatile => Part::Volatile,
            Self::Recipe { .. } | Self::NoRecipe { .. } | Self::WeeklyJob { .. } | Self::NoWeeklyJob => Part::Ci,
            Self::Sources { .. } | Self::NoSources => Part::Sources,
            Self::Sealer { .. } | Self::NoSealer => Part::Records,
            Self::Sandbox { .. } | Self::NoSandbox { .. } => Part::Guards,
        }
    }

    /// Whether something is missing without which titer does less than it could, and nothing wrong.
    #[must_use]
    pub fn is_lacking(&self) -> bool {
        matches!(
            self,
            Self::NotIgnored { .. }
                | Self::NoRecipe { .. }
                | Self::NoWeeklyJob
                | Self::NoSources
                | Self::NoSealer
                | Self::NoSandbox { .. }
        )
    }

    /// Whether somebody should do something about it.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        let is_well = matches!(
            self,
            Self::Git { .. }
                | Self::Configured { .. }
                | Self::Ledger { .. }
                | Self::Map { .. }
                | Self::Enters { .. }
                | Self::Cargo { .. }
                | Self::Jest { .. }
                | Self::SeesFiles
                | Self::SeesLess { .. }
                | Self::Records
                | Self::Reads { .. }
                | Self::NothingVolatile
                | Self::Ignored { .. }
                | Self::Recipe { .. }
                | Self::WeeklyJob { .. }
                | Self::Sources { .. }
                | Self::Sealer { .. }
                | Self::Sandbox { .. }
        );
        !is_well && !self.is_lacking()
    }
}
