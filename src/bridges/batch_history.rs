//! Which commits of the default branch brought batches of records in, or took some away: its own line, by git's plumbing.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::suite_files::{self, BASE, PENDING};
use super::{commits, git};

/// What one commit did to batches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// The commit.
    pub commit: String,
    /// Batches that came, by the names of their files, with the id of the content.
    pub came: BTreeMap<String, String>,
    /// Batches that went, or are another than before.
    pub went: Vec<String>,
    /// Whether the snapshot changed with them, as it does when titer folds batches into it.
    pub folds: bool,
}

/// The tip of the default branch: of the branch that the owners named, as the place that others push to has it, else as it is here; without a
/// name of the branch that a clone calls so, else of `main` or `master`. With the name of what was found.
#[must_use]
pub fn tip(root: &Path, named: Option<&str>) -> Option<(String, String)> {
    let candidates = match named {
        Some(name) => vec![format!("refs/remotes/origin/{name}"), format!("refs/heads/{name}")],
        None => ["remotes/origin/HEAD", "heads/main", "heads/master"].map(|name| format!("refs/{name}")).to_vec(),
    };
    candidates.into_iter().find_map(|name| Some((commits::resolve(root, &name)?, name)))
}

/// Fetches the default branch of another repository, which is called `found` here, so that its commits are here; no branch of this one moves.
///
/// # Errors
/// The other side cannot be reached, or has no such branch.
pub fn fetch(root: &Path, remote: &str, found: &str) -> io::Result<()> {
    let name =
        found.strip_prefix("refs/remotes/origin/").or_else(|| found.strip_prefix("refs/heads/")).unwrap_or(found);
    let from = if name == "HEAD" { name.to_owned() } else { format!("refs/heads/{name}") };
    let into = format!("+{from}:refs/titer/default");
    let flags = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", remote, &into];
    git::run(root, &flags).map(drop)
}

/// Whether commits of the past are missing here.
///
/// # Errors
/// Git fails.
pub fn is_shallow(root: &Path) -> io::Result<bool> {
    Ok(git::run(root, &["rev-parse", "--is-shallow-repository"])?.starts_with(b"true"))
}

/// Whether one commit is among those before the other, or is it.
#[must_use]
pub fn is_before(root: &Path, one: &str, other: &str) -> bool {
    git::run(root, &["merge-base", "--is-ancestor", one, other]).is_ok()
}

/// When a commit was made, in seconds since 1970, and who wrote it.
///
/// # Errors
/// Git fails, or there is no such commit.
pub fn made(root: &Path, commit: &str) -> io::Result<(i64, String)> {
    let told = git::run(root, &["show", "-s", "--no-show-signature", "--format=%ct%n%an <%ae>", commit, "--"])?;
    let told = String::from_utf8_lossy(&told).into_owned();
    let mut lines = told.lines();
    let at = lines.next().and_then(|at| at.trim().parse().ok());
    Ok((
        at.ok_or_else(|| io::Error::other("git tells no time of a commit"))?,
        lines.next().unwrap_or_default().to_owned(),
    ))
}

/// What the commits of the line from after `from` up to `to` did to batches, the oldest first. A merge counts by what it brought into the line.
///
/// # Errors
/// Git fails.
pub fn steps(root: &Path, from: Option<&str>, to: &str) -> io::Result<Vec<Step>> {
    let range = from.map_or_else(|| to.to_owned(), |from| format!("{from}..{to}"));
    let folder = format!("{PENDING}/");
    let asked = [
        &[
            "-c",
            "log.showRoot=true",
            "-c",
            "diff.ignoreSubmodules=all",
            "log",
            "--first-parent",
            "--diff-merges=first-parent",
        ][..],
        &[
            "--reverse",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
            "--no-show-signature",
            "--format=%x01%H",
            &range,
            "--",
            &folder,
            BASE,
        ],
    ];
    let told = git::run(root, &asked.concat())?;
    Ok(parse(&told))
}

fn parse(told: &[u8]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut words = told.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    while let Some(word) = words.next() {
        let word = word.trim_start_matches('\n');
        if let Some(commit) = word.strip_prefix('\u{1}') {
            steps.push(Step { commit: commit.trim().to_owned(), ..Step::default() });
        } else if let (true, Some(path), Some(step)) = (word.starts_with(':'), words.next(), steps.last_mut()) {
            // `:MODE MODE ID ID LETTER`
            let mut facts = word.split(' ').skip(2);
            let (old, new) = (facts.next().unwrap_or_default(), facts.next().unwrap_or_default());
            let is_none = |id: &str| id.bytes().all(|byte| byte == b'0');
            match path.strip_prefix(PENDING).and_then(|rest| rest.strip_prefix('/')) {
                Some(name) if suite_files::is_batch(name) => {
                    if !is_none(old) {
                        step.went.push(name.to_owned());
                    }
                    if !is_none(new) {
                        step.came.insert(name.to_owned(), new.to_owned());
                    }
                }
                Some(_) => {}
                None => step.folds |= path == BASE,
            }
        }
    }
    steps
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files")]
mod tests {
    use super::*;

    #[test]
    fn merges_bring_in_what_they_add_to_the_line_and_deletions_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let git = |words: &str| {
            let all: Vec<&str> =
                ["-c", "user.name=a", "-c", "user.email=a@b"].into_iter().chain(words.split(' ')).collect();
            crate::bridges::process::capture("git", &all, root, &[]).unwrap();
        };
        let write = |name: &str, text: &str| {
            std::fs::create_dir_all(root.join(PENDING)).unwrap();
            std::fs::write(root.join(PENDING).join(name), text).unwrap();
            git("add -A");
        };
        git("init -q -b main");
        write("README.md", "x");
        write("a.jsonl", "a\n");
        git("commit -q -m 1");
        git("checkout -q -b other");
        write("b c.jsonl", "b\n");
        git("commit -q -m 2");
        git("checkout -q main");
        git("commit -q --allow-empty -m 3");
        git("merge -q --no-ff other -m 4");
        std::fs::remove_file(root.join(PENDING).join("a.jsonl")).unwrap();
        write("../base.tsv", "x");
        git("commit -q -m 5");
        let (tip, name) = tip(root, None).unwrap();
        assert_eq!(name, "refs/heads/main");
        let all = steps(root, None, &tip).unwrap();
        let told: Vec<(Vec<&str>, Vec<&str>, bool)> = all
            .iter()
            .map(|it| {
                (it.came.keys().map(String::as_str).collect(), it.went.iter().map(String::as_str).collect(), it.folds)
            })
            .collect();
        assert_eq!(
            told,
            [(vec!["a.jsonl"], vec![], false), (vec!["b c.jsonl"], vec![], false), (vec![], vec!["a.jsonl"], true)]
        );
        let since = steps(root, Some(&all[0].commit), &tip).unwrap();
        assert_eq!(since, all[1..]);
        let id = &all[0].came["a.jsonl"];
        assert_eq!(commits::contents(root, std::slice::from_ref(id)).unwrap()[id], b"a\n");
        assert!(is_before(root, &all[0].commit, &tip) && !is_before(root, &tip, &all[0].commit));
        assert_eq!(made(root, &tip).unwrap().1, "a <a@b>");
        assert!(!is_shallow(root).unwrap());
    }
}
