//! The one error type: what went wrong, why, and what to do next.

use std::fmt;

/// What kind of trouble it is; each kind has one exit code (see [`FailureKind::exit_code`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The command line is wrong.
    Usage,
    /// An input (file, setting, query) is wrong.
    Input,
    /// The outside world (disk, git, a process) did not do what was asked.
    World,
}

impl FailureKind {
    /// Titer's own exit code for this kind, for commands other than `run`.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Input | Self::World => 3,
        }
    }
}

/// One failure: a sentence that names the file, line or flag, its cause, and hints for the next step.
#[derive(Debug, thiserror::Error)]
pub struct Failure {
    /// What kind of trouble it is.
    pub kind: FailureKind,
    /// One sentence for the user.
    pub sentence: String,
    /// What lies behind it.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// Next steps, printed as `hint:` lines.
    pub hints: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sentence)?;
        let mut cause: Option<&(dyn std::error::Error + 'static)> = self.cause.as_ref().map(|c| c.as_ref() as _);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Failure {
    /// A failure of the given kind.
    #[must_use]
    pub fn new(kind: FailureKind, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into(), cause: None, hints: Vec::new() }
    }

    /// Wrong usage.
    #[must_use]
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, sentence)
    }

    /// Wrong input.
    #[must_use]
    pub fn input(sentence: impl Into<String>) -> Self {
        Self::new(FailureKind::Input, sentence)
    }

    /// The outside world failed.
    #[must_use]
    pub fn world(sentence: impl Into<String>) -> Self {
        Self::new(FailureKind::World, sentence)
    }

    /// The same failure with what lies behind it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The same failure with a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}
