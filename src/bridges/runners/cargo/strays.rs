//! Profiles that a program left where it stood, because it did not know its environment: they are nobody's, and go.
#![allow(clippy::disallowed_methods, reason = "it removes what a recording left in the user's folders")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::project::Programs;
use crate::formats::llvm_profile::is_stray_profile;

/// The profiles in the folders where test programs stand.
pub(super) fn found(programs: &Programs) -> BTreeSet<PathBuf> {
    let folders: BTreeSet<&Path> = programs
        .programs
        .iter()
        .map(|program| program.manifest_dir.as_path())
        .chain([programs.root.as_path()])
        .collect();
    let files = folders.into_iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    files.filter(|file| file.file_name().to_str().is_some_and(is_stray_profile)).map(|file| file.path()).collect()
}

/// Removes what came since.
pub(super) fn remove(programs: &Programs, before: &BTreeSet<PathBuf>) {
    for path in found(programs).difference(before) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_since_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(folder.path().join(name), "").unwrap();
        write("default_1_0.profraw");
        let programs = Programs { root: folder.path().to_owned(), ..Programs::default() };
        let before = found(&programs);
        write("default_2_0.profraw");
        write("other.profraw");
        remove(&programs, &before);
        let left = |name: &str| folder.path().join(name).exists();
        assert!(left("default_1_0.profraw") && left("other.profraw") && !left("default_2_0.profraw"));
    }
}
