//! The files of a commit laid out in a folder of their own, with an index of their own: the user's work tree, index and list of work trees
//! stay as they are.

use std::io;
use std::path::Path;

use super::git;

/// Lays the files of a commit out in an empty folder.
///
/// # Errors
/// Git fails, or the folder cannot be written.
pub fn lay_out(root: &Path, commit: &str, folder: &Path) -> io::Result<()> {
    let index = folder.with_extension("index");
    let place = format!("{}/", folder.display());
    git::run_with_index(root, &["read-tree", commit], &index)?;
    let laid = git::run_with_index(
        root,
        &["checkout-index", "--all", "--force", "--quiet", &format!("--prefix={place}")],
        &index,
    );
    #[allow(clippy::disallowed_methods, reason = "titer's own index, made above")]
    let _ = std::fs::remove_file(&index);
    laid.map(|_| ())
}
