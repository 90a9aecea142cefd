//! The suite's files in the repository: batches of records, one file each, created once.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The folder of all that suites are folded from, from the root.
pub const SUITE: &str = ".titer/suite";

/// The folder of batches that are not sealed yet, from the root.
pub const PENDING: &str = ".titer/suite/pending";

/// The folder of removals that wait for a person's word, from the root.
pub const PROPOSED: &str = ".titer/suite/proposed";

/// The snapshot that sealed batches are folded into, from the root.
pub const BASE: &str = ".titer/suite/base.tsv";

const README: &str = "\
Records of tests that came, went or moved from one suite to another, one batch a file, written by `titer place` and `titer move`.
Each file is named by the SHA-256 of its content: do not edit one. Commit them like any other change.
";

const PROPOSED_README: &str = "\
Tests that titer would remove, or that are gone, one batch a file, each line with the evidence. Nothing here is in force: `titer audit approve BATCH`
turns a batch into records, signed with your key; deleting its file declines it.
";

/// Whether a file of that name is a batch.
#[must_use]
pub fn is_batch(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|kind| kind == "jsonl")
}

/// The batches below a root: name and bytes, by name.
///
/// # Errors
/// A file is there and cannot be read.
pub fn batches(root: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    batches_in(root, PENDING)
}

/// The same of another folder.
///
/// # Errors
/// A file is there and cannot be read.
pub fn batches_in(root: &Path, folder: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let folder = match fs::read_dir(root.join(folder)) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in folder {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if is_batch(&name) {
            found.push((name, fs::read(&path)?));
        }
    }
    found.sort();
    Ok(found)
}

/// The snapshot below a root, if there is one.
///
/// # Errors
/// It is there and cannot be read.
pub fn base(root: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(root.join(BASE)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts another snapshot in the place of the one that is there, whole or not at all.
///
/// # Errors
/// The file cannot be written; then the old one is there.
#[allow(clippy::disallowed_methods, reason = "the suite lives in the repository")]
pub fn set_base(root: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = root.join(BASE);
    let folder = path.parent().unwrap_or(root);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    fs::File::open(folder)?.sync_all()
}

/// Takes a batch away.
///
/// # Errors
/// It cannot be taken away.
#[allow(clippy::disallowed_methods, reason = "the suite lives in the repository")]
pub fn remove(root: &Path, folder: &str, name: &str) -> io::Result<()> {
    fs::remove_file(root.join(folder).join(name))
}

/// Writes a batch so that it is there whole or not at all, and stays there; returns its path.
///
/// # Errors
/// The file cannot be written.
pub fn write(root: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    write_in(root, (PENDING, README), name, bytes)
}

/// Writes removals that are proposed, in the same way.
///
/// # Errors
/// The file cannot be written.
pub fn propose(root: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    write_in(root, (PROPOSED, PROPOSED_README), name, bytes)
}

#[allow(clippy::disallowed_methods, reason = "the suite lives in the repository")]
fn write_in(root: &Path, (folder, told): (&str, &str), name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let folder = root.join(folder);
    fs::create_dir_all(&folder)?;
    let readme = folder.join("README.md");
    if !readme.exists() {
        fs::write(readme, told)?;
    }
    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let path = folder.join(name);
    file.persist(&path)?;
    fs::File::open(&folder)?.sync_all()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_found_again_and_nothing_else_is_taken_for_one() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(batches(root.path()).unwrap(), []);
        let path = write(root.path(), "b.jsonl", b"x").unwrap();
        assert_eq!(path, root.path().join(PENDING).join("b.jsonl"));
        write(root.path(), "a.jsonl", b"y").unwrap();
        let found = batches(root.path()).unwrap();
        assert_eq!(found, [("a.jsonl".to_owned(), b"y".to_vec()), ("b.jsonl".to_owned(), b"x".to_vec())]);
    }
}
