//! What the repository's files are at one moment: path, kind, executable bit, content.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// What stands for git's own files: commits, branches, the index.
pub const REPOSITORY: &str = ".git";

/// A path's kind and its executable bit, as git names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// `100644`
    File,
    /// `100755`
    Executable,
    /// `120000`; the content is the link's target text
    Link,
}

impl Mode {
    /// Git's six digits.
    #[must_use]
    pub fn octal(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
        }
    }

    /// Reads git's six digits; a submodule or anything else is `None`.
    #[must_use]
    pub fn from_octal(text: &str) -> Option<Self> {
        match text {
            "100644" => Some(Self::File),
            "100755" => Some(Self::Executable),
            "120000" => Some(Self::Link),
            _ => None,
        }
    }
}

/// One file of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// Kind and executable bit.
    pub mode: Mode,
    /// The first 128 bits of git's blob id of the bytes (of the target text for a link).
    pub content: Digest,
}

impl Entry {
    /// One hash of everything that an edge on the bytes of this path means.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_parts([self.mode.octal().as_bytes(), &self.content.0.to_le_bytes()])
    }
}

/// Every file of the repository that git tracks or would track (with git), or every file (without).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// Path from the root with `/`, to what is there.
    pub entries: BTreeMap<String, Entry>,
    /// The commit checked out, if git knows one.
    pub commit: Option<String>,
    /// The branch checked out; `None` on a detached head.
    pub branch: Option<String>,
    /// Whether a tracked file differs from the commit, or an untracked one is there.
    pub dirty: bool,
    /// Whether a tracked file differs from the commit.
    pub modified: bool,
}

impl Tree {
    /// The inventory's digest: equal digests mean equal trees.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        for (path, entry) in &self.entries {
            hasher.update(path.as_bytes());
            hasher.update(&[0]);
            hasher.update(&entry.digest().0.to_le_bytes());
        }
        Digest::from_blake3(&hasher.finalize())
    }

    /// Whether any file lies below the folder `path` (`.` is the root).
    #[must_use]
    pub fn has_folder(&self, path: &str) -> bool {
        if path == "." || path.is_empty() {
            return !self.entries.is_empty();
        }
        let prefix = format!("{path}/");
        self.entries.range(prefix.clone()..).next().is_some_and(|(found, _)| found.starts_with(&prefix))
    }

    /// Paths whose entry differs between two trees, on either side.
    #[must_use]
    pub fn changed_paths<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        let differing = self.entries.iter().filter(|(path, entry)| other.entries.get(*path) != Some(entry));
        let added = other.entries.keys().filter(|path| !self.entries.contains_key(*path));
        differing.map(|(path, _)| path.as_str()).chain(added.map(String::as_str)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let entry = |text: &str| Entry { mode: Mode::File, content: Digest::of(text.as_bytes()) };
        Tree { entries: files.iter().map(|(p, t)| ((*p).to_owned(), entry(t))).collect(), ..Tree::default() }
    }

    #[test]
    fn added_deleted_and_modified_paths_are_changed() {
        let before = tree(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let after = tree(&[("a", "1"), ("b", "2"), ("d", "1")]);
        assert_eq!(before.changed_paths(&after).into_iter().collect::<Vec<_>>(), ["b", "c", "d"]);
    }

    #[test]
    fn a_folder_is_there_while_a_file_is_below_it() {
        let tree = tree(&[("a/b.py", "1"), ("ab", "1")]);
        assert!(tree.has_folder("a") && !tree.has_folder("ab") && tree.has_folder("."));
    }
}
