//! Commits as git keeps them: what names them, the default branch's own line, and the files of one.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::git;

/// The tags of a repository and the commits that they point at.
///
/// # Errors
/// Git fails.
pub fn tags(root: &Path) -> io::Result<BTreeMap<String, String>> {
    let format = "--format=%(refname:strip=2)%00%(objectname)%00%(*objectname)";
    let output = git::run(root, &["for-each-ref", format, "refs/tags"])?;
    let text = String::from_utf8_lossy(&output);
    let tag = |line: &str| {
        let mut fields = line.split('\0');
        let (name, own, target) = (fields.next()?, fields.next()?, fields.next()?);
        Some((name.to_owned(), if target.is_empty() { own } else { target }.to_owned()))
    };
    Ok(text.lines().filter_map(tag).collect())
}

/// The default branch's own line of commits, newest first: when, in seconds since 1970, and which. `named` is the branch that the owners
/// named; else it is the one that a clone calls so, else the branch that is checked out. Empty where there is no commit.
///
/// # Errors
/// Git fails.
pub fn line(root: &Path, named: Option<&str>) -> io::Result<Vec<(i64, String)>> {
    let candidates = match named {
        Some(name) => vec![format!("refs/remotes/origin/{name}"), format!("refs/heads/{name}"), "HEAD".to_owned()],
        None => vec!["refs/remotes/origin/HEAD".to_owned(), "HEAD".to_owned()],
    };
    let there =
        |name: &&String| git::run(root, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).is_ok();
    let Some(tip) = candidates.iter().find(there) else { return Ok(Vec::new()) };
    let output = git::run(root, &["log", "--first-parent", "--format=%ct %H", tip, "--"])?;
    let commit = |line: &str| {
        let (at, commit) = line.split_once(' ')?;
        Some((at.parse().ok()?, commit.to_owned()))
    };
    Ok(String::from_utf8_lossy(&output).lines().filter_map(commit).collect())
}

/// The commits whose names begin so: each beginning, of hexadecimal digits, with the whole name, where exactly one commit has it.
///
/// # Errors
/// Git fails.
pub fn named(root: &Path, beginnings: &[String]) -> io::Result<BTreeMap<String, String>> {
    let is_name = |name: &&String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let asked: Vec<&String> = beginnings.iter().filter(is_name).collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let input = asked.iter().fold(String::new(), |input, name| input + name + "^{commit}\n");
    let output = git::feed(root, &["cat-file", "--batch-check=%(objecttype) %(objectname)"], input.as_bytes())?;
    let text = String::from_utf8_lossy(&output);
    let found = asked.into_iter().zip(text.lines());
    Ok(found.filter_map(|(name, line)| Some((name.clone(), line.strip_prefix("commit ")?.to_owned()))).collect())
}

/// The files of a commit: each path with the id of its content. Links and submodules are no source.
///
/// # Errors
/// Git fails, or there is no such commit.
pub fn files(root: &Path, commit: &str) -> io::Result<BTreeMap<String, String>> {
    let output = git::run(root, &["ls-tree", "-r", "-z", "--full-tree", commit])?;
    let file = |record: &[u8]| {
        let (facts, path) = std::str::from_utf8(record).ok()?.split_once('\t')?;
        let mut facts = facts.split(' ');
        let (mode, _, id) = (facts.next()?, facts.next()?, facts.next()?);
        mode.starts_with("100").then(|| (path.to_owned(), id.to_owned()))
    };
    Ok(output.split(|&byte| byte == 0).filter_map(file).collect())
}

/// Contents by their ids; an id that is not there is left out.
///
/// # Errors
/// Git fails.
pub fn contents(root: &Path, ids: &[String]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let output = git::feed(root, &["cat-file", "--batch"], format!("{}\n", ids.join("\n")).as_bytes())?;
    let mut found = BTreeMap::new();
    let mut rest = output.as_slice();
    // `ID blob SIZE`, a line break, the bytes, a line break; `ID missing` alone.
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        let mut fields = head.split(' ');
        let (Some(id), Some(_), Some(size)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let size: usize = size.parse().unwrap_or(0);
        let Some(bytes) = rest.get(..size) else { break };
        found.insert(id.to_owned(), bytes.to_vec());
        rest = rest.get(size + 1..).unwrap_or_default();
    }
    Ok(found)
}

/// The commit of that name, if git has it.
#[must_use]
pub fn resolve(root: &Path, name: &str) -> Option<String> {
    let asked = format!("{name}^{{commit}}");
    let found = git::run(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &asked]).ok()?;
    let commit = String::from_utf8(found).ok()?.trim().to_owned();
    (!commit.is_empty()).then_some(commit)
}

/// The first-parent line from one commit to another, both included, oldest first; only the two where the one is not on the other's line.
///
/// # Errors
/// Git fails.
pub fn between(root: &Path, from: &str, to: &str) -> io::Result<Vec<String>> {
    let range = format!("{from}..{to}");
    let output = git::run(root, &["rev-list", "--first-parent", "--reverse", "--ancestry-path", &range, "--"])?;
    let text = String::from_utf8_lossy(&output);
    let mut line: Vec<String> = std::iter::once(from).chain(text.lines()).map(str::to_owned).collect();
    if line.last().is_none_or(|last| last != to) {
        line.push(to.to_owned());
    }
    Ok(line)
}

/// Whether what was built from `commit` holds the commit `other`.
#[must_use]
pub fn holds(root: &Path, commit: &str, other: &str) -> bool {
    git::run(root, &["merge-base", "--is-ancestor", other, commit]).is_ok()
}

/// The name of the branch that a clone calls the default one, else of the one that is checked out.
#[must_use]
pub fn default_branch(root: &Path) -> Option<String> {
    let ask = |name: &str| {
        let told = git::run(root, &["symbolic-ref", "--quiet", "--short", name]).ok()?;
        let name = String::from_utf8(told).ok()?.trim().to_owned();
        (!name.is_empty()).then_some(name)
    };
    let remote = ask("refs/remotes/origin/HEAD").map(|name| name.trim_start_matches("origin/").to_owned());
    remote.or_else(|| ask("HEAD"))
}

/// Who commits here, as git would write it: `NAME <ADDRESS>`; nobody where git was not told.
#[must_use]
pub fn person(root: &Path) -> Option<String> {
    let told = git::run(root, &["var", "GIT_AUTHOR_IDENT"]).ok()?;
    let told = String::from_utf8(told).ok()?;
    let end = told.rfind('>')?;
    Some(told[..=end].to_owned())
}

/// A file's bytes in a commit, if it is there.
#[must_use]
pub fn file(root: &Path, commit: &str, path: &str) -> Option<Vec<u8>> {
    git::run(root, &["cat-file", "blob", &format!("{commit}:{path}")]).ok()
}

/// Whether a commit or one before it touched a file: then it was there once.
#[must_use]
pub fn ever_had(root: &Path, commit: &str, path: &str) -> bool {
    let found = git::run(root, &["rev-list", "--max-count=1", commit, "--", path]);
    found.is_ok_and(|found| !found.trim_ascii().is_empty())
}

/// The files directly in a folder of a commit, by name, with their bytes.
///
/// # Errors
/// Git fails.
pub fn files_in(root: &Path, commit: &str, folder: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let listed = git::run(root, &["ls-tree", "-z", "--name-only", commit, "--", &format!("{folder}/")])?;
    let mut found = Vec::new();
    for path in listed.split(|&byte| byte == 0).filter(|path| !path.is_empty()) {
        let path = String::from_utf8_lossy(path).into_owned();
        if let Some(bytes) = file(root, commit, &path) {
            found.push((path.rsplit('/').next().unwrap_or(&path).to_owned(), bytes));
        }
    }
    Ok(found)
}

/// The names of the files directly in a folder of a commit.
///
/// # Errors
/// Git fails.
pub fn names_in(root: &Path, commit: &str, folder: &str) -> io::Result<Vec<String>> {
    let listed = git::run(root, &["ls-tree", "-z", "--name-only", commit, "--", &format!("{folder}/")])?;
    let paths = listed.split(|&byte| byte == 0).filter(|path| !path.is_empty());
    Ok(paths.map(|path| String::from_utf8_lossy(path).rsplit('/').next().unwrap_or_default().to_owned()).collect())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files")]
mod tests {
    use super::*;

    #[test]
    fn tags_beginnings_lines_and_files_of_a_real_repository() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let git = |arguments: &[&str]| {
            let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
            let all: Vec<&str> = who.iter().chain(arguments).copied().collect();
            crate::bridges::process::capture("git", &all, root, &[]).unwrap();
        };
        git(&["init", "-q", "-b", "main"]);
        assert_eq!(line(root, None).unwrap(), []);
        std::fs::create_dir(root.join("p")).unwrap();
        std::fs::write(root.join("p/a b.py"), "one\n").unwrap();
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "1", "--date", "2026-01-01T00:00:00Z"]);
        git(&["tag", "-a", "v1", "-m", "x"]);
        git(&["tag", "plain"]);
        std::fs::write(root.join("p/a b.py"), "two\n").unwrap();
        git(&["commit", "-q", "-a", "-m", "2"]);
        let commits = line(root, Some("main")).unwrap();
        assert_eq!((commits.len(), line(root, Some("gone")).unwrap().len()), (2, 2));
        let first = commits[1].1.clone();
        assert_eq!(tags(root).unwrap(), BTreeMap::from(["v1", "plain"].map(|tag| (tag.to_owned(), first.clone()))));
        let asked = [first[..7].to_owned(), "0000000".to_owned(), "--help".to_owned()];
        assert_eq!(named(root, &asked).unwrap(), BTreeMap::from([(first[..7].to_owned(), first.clone())]));
        let there = files(root, &first).unwrap();
        let id = there["p/a b.py"].clone();
        let unknown = "0".repeat(40);
        assert_eq!(contents(root, &[unknown, id.clone()]).unwrap(), BTreeMap::from([(id, b"one\n".to_vec())]));
        assert!(files(root, "0000000").is_err());
        git(&["rm", "-q", "p/a b.py"]);
        git(&["commit", "-q", "-m", "3"]);
        assert!(ever_had(root, "HEAD", "p/a b.py") && !ever_had(root, "HEAD", "p/never.py"));
    }
}
