//! The branch that the log is published on: commits made from nothing but what is sealed, so that two machines make the same ones.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::titer_log::TOP;
use super::{commits, git};

/// The branch.
pub const BRANCH: &str = "refs/heads/titer-log";
/// The branch as the place that others push to had it when a clone last asked.
pub const TRACKED: &str = "refs/remotes/origin/titer-log";
/// Where a pull of it lands.
const FETCHED: &str = "refs/titer/fetched-log";

/// A checkout must not touch line ends: every byte is hashed.
const ATTRIBUTES: (&str, &str) = (".gitattributes", "* -text\n");

/// The commit that a reference points at, if there is one.
#[must_use]
pub fn commit_of(root: &Path, reference: &str) -> Option<String> {
    commits::resolve(root, reference)
}

/// The last commit that two have in common.
#[must_use]
pub fn base(root: &Path, one: &str, other: &str) -> Option<String> {
    let told = git::run(root, &["merge-base", one, other]).ok()?;
    id(told).ok().filter(|commit| !commit.is_empty())
}

/// Makes a commit with these files of the log on top of those of its parent; nothing points at it yet. `at` is in seconds since 1970.
///
/// # Errors
/// Git fails.
pub fn commit(
    root: &Path,
    parent: Option<&str>,
    files: &[(String, Vec<u8>)],
    at: i64,
    message: &str,
) -> io::Result<String> {
    let mut tree: BTreeMap<String, String> = BTreeMap::new();
    if let Some(parent) = parent {
        tree = commits::files(root, parent)?;
    }
    let store = |bytes: &[u8]| id(git::feed(root, &["hash-object", "-w", "--no-filters", "--stdin"], bytes)?);
    tree.insert(ATTRIBUTES.0.to_owned(), store(ATTRIBUTES.1.as_bytes())?);
    for (name, bytes) in files {
        tree.insert(format!("{TOP}/{name}"), store(bytes)?);
    }
    let entries: Vec<(&str, &str)> = tree.iter().map(|(path, id)| (path.as_str(), id.as_str())).collect();
    let tree = write_tree(root, &entries)?;
    let parent = parent.map_or_else(String::new, |parent| format!("parent {parent}\n"));
    // Written as it is: neither the user's name nor his settings nor the clock have a say in it.
    let who = format!("titer <titer@titer.invalid> {at} +0000");
    let text = format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\n{message}");
    id(git::feed(root, &["hash-object", "-t", "commit", "-w", "--stdin"], text.as_bytes())?)
}

/// The tree of these paths, which are sorted.
fn write_tree(root: &Path, entries: &[(&str, &str)]) -> io::Result<String> {
    let mut listing: Vec<u8> = Vec::new();
    let mut at = 0;
    while let Some((path, blob)) = entries.get(at) {
        let Some((folder, _)) = path.split_once('/') else {
            listing.extend(format!("100644 blob {blob}\t{path}\0").into_bytes());
            at += 1;
            continue;
        };
        let inside: Vec<(&str, &str)> = entries[at..]
            .iter()
            .map_while(|(path, blob)| Some((path.strip_prefix(folder)?.strip_prefix('/')?, *blob)))
            .collect();
        let tree = write_tree(root, &inside)?;
        listing.extend(format!("040000 tree {tree}\t{folder}\0").into_bytes());
        at += inside.len();
    }
    id(git::feed(root, &["mktree", "-z"], &listing)?)
}

fn id(told: Vec<u8>) -> io::Result<String> {
    String::from_utf8(told).map(|text| text.trim().to_owned()).map_err(io::Error::other)
}

/// Points the branch at a commit, if it still points where it did.
///
/// # Errors
/// It points elsewhere, or git fails.
pub fn point(root: &Path, new: &str, old: Option<&str>) -> io::Result<()> {
    // No old value at all would mean: whatever it is.
    let none = "0".repeat(new.len());
    git::run(root, &["update-ref", "-m", "titer audit seal", BRANCH, new, old.unwrap_or(&none)]).map(drop)
}

/// Pushes the branch, never over another's work.
///
/// # Errors
/// It is refused, or the other side cannot be reached.
pub fn push(root: &Path, remote: &str) -> io::Result<()> {
    git::run(root, &["push", "--quiet", "--no-verify", "--end-of-options", remote, &format!("{BRANCH}:{BRANCH}")])
        .map(drop)
}

/// The branch as the other side has it; none if it has none.
///
/// # Errors
/// The other side cannot be reached.
pub fn fetch(root: &Path, remote: &str) -> io::Result<Option<String>> {
    let told = git::run(root, &["ls-remote", "--end-of-options", remote, BRANCH])?;
    if told.is_empty() {
        return Ok(None);
    }
    let into = format!("+{BRANCH}:{FETCHED}");
    git::run(root, &["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", remote, &into])?;
    Ok(commits::resolve(root, FETCHED))
}
