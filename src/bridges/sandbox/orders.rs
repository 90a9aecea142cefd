//! What the sandbox's processes tell one another, over a socket that the command never has.
//!
//! Not on their command lines, which everybody on the machine can read, nor as files, which would have to lie where the command
//! may not write. The format is nobody else's: both ends are the same program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;

use serde::{Deserialize, Serialize};

/// What is to be run, and how it is to be held. Paths are absolute and without links.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    /// The first process makes the tree; else bubblewrap has made it.
    pub(super) mounts: bool,
    pub(super) writable: OsString,
    pub(super) folder: OsString,
    pub(super) hidden: Vec<OsString>,
    pub(super) seconds: u64,
    pub(super) memory_bytes: u64,
    /// Who the command is again in the end: user and group.
    pub(super) user: (u32, u32),
    pub(super) environment: BTreeMap<String, String>,
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
}

impl Orders {
    pub(super) fn to_line(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }

    /// The user is the system's root, or that of a container, and files outside are its own.
    pub(super) fn is_root(&self) -> bool {
        self.user.0 == 0
    }

    #[cfg(target_os = "linux")]
    pub(super) fn of_line(line: &[u8]) -> io::Result<Self> {
        Ok(serde_json::from_slice(line)?)
    }
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Code(i32),
    Signal(i32),
    /// The command was not started.
    Cannot(String),
}

impl Answer {
    #[cfg(target_os = "linux")]
    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// `None` for what is no answer, or not all of one.
    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}
