//! A change that a person or a forge may take: a branch with one commit on top of another commit, made without touching the work tree, and
//! its patch.

use std::io;
use std::path::Path;

use super::{commits, git};

/// Who commits where git was not told.
const NOBODY: [&str; 4] = ["-c", "user.name=titer", "-c", "user.email=titer@titer.invalid"];

/// Makes a branch with these files on top of the commit `base`; the commit that it points at.
///
/// # Errors
/// There is such a branch already, or git fails.
pub fn branch(root: &Path, name: &str, base: &str, files: &[(&str, &[u8])], message: &str) -> io::Result<String> {
    let folder = tempfile::tempdir()?;
    let index = folder.path().join("index");
    git::run_with_index(root, &["read-tree", base], &index)?;
    for (path, bytes) in files {
        let blob = text(git::feed(root, &["hash-object", "-w", "--stdin", "--no-filters"], bytes)?)?;
        let entry = format!("100644,{blob},{path}");
        git::run_with_index(root, &["update-index", "--add", "--cacheinfo", &entry], &index)?;
    }
    let tree = text(git::run_with_index(root, &["write-tree"], &index)?)?;
    let mut commit: Vec<&str> = Vec::new();
    if commits::person(root).is_none() {
        commit.extend(NOBODY);
    }
    commit.extend(["commit-tree", tree.as_str(), "-p", base, "-m", message]);
    let made = text(git::run(root, &commit)?)?;
    // Only where there is none: an earlier proposal may have been worked on.
    let none = "0".repeat(made.len());
    git::run(root, &["update-ref", "-m", "titer guard", &format!("refs/heads/{name}"), &made, &none])?;
    Ok(made)
}

/// A commit as a patch that `git am` takes.
///
/// # Errors
/// Git fails.
pub fn patch(root: &Path, commit: &str) -> io::Result<Vec<u8>> {
    git::run(root, &["format-patch", "-1", "--stdout", "--no-signature", commit])
}

/// Pushes a branch; never over another's.
///
/// # Errors
/// It is refused, or the other side cannot be reached.
pub fn push(root: &Path, remote: &str, name: &str) -> io::Result<()> {
    let both = format!("refs/heads/{name}:refs/heads/{name}");
    git::run(root, &["push", "--quiet", "--no-verify", "--end-of-options", remote, &both]).map(drop)
}

/// `OWNER/NAME` of a remote, as its address says.
#[must_use]
pub fn slug(root: &Path, remote: &str) -> Option<String> {
    slug_of(&text(git::run(root, &["remote", "get-url", remote]).ok()?).ok()?)
}

fn slug_of(address: &str) -> Option<String> {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        // `git@github.com:owner/name.git`
        None => address.split_once(':')?.1,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_plain =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let mut parts = path.rsplitn(2, '/');
    let (name, owner) = (parts.next()?, parts.next()?);
    (is_plain(name) && is_plain(owner)).then(|| format!("{owner}/{name}"))
}

fn text(told: Vec<u8>) -> io::Result<String> {
    String::from_utf8(told).map(|text| text.trim().to_owned()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_owner_and_name() {
        for (address, expected) in [
            ("https://github.com/acme/shop.git", Some("acme/shop")),
            ("https://token@github.com/acme/shop", Some("acme/shop")),
            ("git@github.com:acme/shop.git", Some("acme/shop")),
            ("ssh://git@github.com:22/acme/shop", Some("acme/shop")),
            ("/srv/git/shop.git", None),
            ("https://github.com/shop", None),
        ] {
            assert_eq!(slug_of(address).as_deref(), expected, "{address}");
        }
    }
}
