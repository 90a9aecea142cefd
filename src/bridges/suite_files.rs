//! The suite's files in the repository: batches of records, one file each, created once.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The folder of batches that are not sealed yet, from the root.
pub const PENDING: &str = ".titer/suite/pending";

const README: &str = "\
Records of tests that moved from one suite to another, one batch a file, written by `titer place` and `titer move`.
Each file is named by the SHA-256 of its content: do not edit one. Commit them like any other change.
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
    let folder = match fs::read_dir(root.join(PENDING)) {
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

/// Writes a batch so that it is there whole or not at all, and stays there; returns its path.
///
/// # Errors
/// The file cannot be written.
#[allow(clippy::disallowed_methods, reason = "the suite lives in the repository")]
pub fn write(root: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let folder = root.join(PENDING);
    fs::create_dir_all(&folder)?;
    let readme = folder.join("README.md");
    if !readme.exists() {
        fs::write(readme, README)?;
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
