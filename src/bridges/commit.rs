//! Files as a commit has them.

use std::io;
use std::path::Path;

use super::git::run;

/// The commit of that name, if git has it.
#[must_use]
pub fn named(root: &Path, name: &str) -> Option<String> {
    let asked = format!("{name}^{{commit}}");
    let found = run(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &asked]).ok()?;
    let commit = String::from_utf8(found).ok()?.trim().to_owned();
    (!commit.is_empty()).then_some(commit)
}

/// A file's bytes in a commit, if it is there.
#[must_use]
pub fn file(root: &Path, commit: &str, path: &str) -> Option<Vec<u8>> {
    run(root, &["cat-file", "blob", &format!("{commit}:{path}")]).ok()
}

/// The files directly in a folder of a commit, by name, with their bytes.
///
/// # Errors
/// Git fails.
pub fn files_in(root: &Path, commit: &str, folder: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let listed = run(root, &["ls-tree", "-z", "--name-only", commit, "--", &format!("{folder}/")])?;
    let mut found = Vec::new();
    for path in listed.split(|&byte| byte == 0).filter(|path| !path.is_empty()) {
        let path = String::from_utf8_lossy(path).into_owned();
        if let Some(bytes) = file(root, commit, &path) {
            found.push((path.rsplit('/').next().unwrap_or(&path).to_owned(), bytes));
        }
    }
    Ok(found)
}
