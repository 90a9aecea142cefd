//! The history of a branch by git's plumbing: its commits, what each did to files, and the bytes of blobs.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::git;
use super::process::Conversation;
use crate::model::commit::{Commit, FileChange, Version};

/// What a user's configuration must not decide: how merges, roots and renames are told.
const CONFIGURED: &[&str] =
    &["-c", "log.diffMerges=first-parent", "-c", "log.showRoot=true", "-c", "diff.relative=false"];

/// Every commit against its first parent, oldest first, one raw line for each file. Above a thousand files that came and went in one commit
/// git looks for renames among equal contents only, as its own default is.
const LOG: &[&str] = &[
    "log",
    "--first-parent",
    "-m",
    "--reverse",
    "--raw",
    "-z",
    "--no-abbrev",
    "--find-renames=50%",
    "-l1000",
    "-O/dev/null",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=none",
    "--no-show-signature",
    "--no-notes",
    "--encoding=UTF-8",
    "--format=commit %H %ct %aE",
];

/// The first-parent commits of HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Ids, oldest first.
    pub commits: Vec<String>,
    /// Whether the clone ends before the first commit.
    pub shallow: bool,
}

/// The first-parent commits of HEAD; none where there is no commit yet.
///
/// # Errors
/// Git is not there, refuses the repository, or the repository is broken.
pub fn chain(root: &Path) -> io::Result<Chain> {
    let shallow = git::run(root, &["rev-parse", "--is-shallow-repository"])?.starts_with(b"true");
    if git::run(root, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).is_err() {
        return Ok(Chain { commits: Vec::new(), shallow });
    }
    let ids = git::run(root, &["rev-list", "--first-parent", "--reverse", "HEAD"])?;
    let commits = String::from_utf8_lossy(&ids).lines().map(str::to_owned).collect();
    Ok(Chain { commits, shallow })
}

/// The first-parent commits after `from` (from the first one without it) up to `to`, oldest first.
///
/// # Errors
/// As for [`chain`].
pub fn commits(root: &Path, from: Option<&str>, to: &str) -> io::Result<Vec<Commit>> {
    let range = from.map_or_else(|| to.to_owned(), |from| format!("{from}..{to}"));
    Ok(read_log(&git::run(root, &[CONFIGURED, LOG, &[range.as_str(), "--"]].concat())?))
}

/// Reads `commit ID SECONDS ADDRESS<nul>` and, for each file, `:MODE MODE BLOB BLOB LETTER<nul>PATH<nul>`, of a rename with two paths.
fn read_log(output: &[u8]) -> Vec<Commit> {
    let mut commits: Vec<Commit> = Vec::new();
    let mut fields = output.split(|&byte| byte == 0).map(|field| field.strip_prefix(b"\n").unwrap_or(field));
    while let Some(field) = fields.next() {
        let text = String::from_utf8_lossy(field);
        if let Some(facts) = text.strip_prefix(':') {
            let mut facts = facts.split(' ').map(str::to_owned);
            let (modes, blobs) = ([facts.next(), facts.next()], [facts.next(), facts.next()]);
            let is_move = facts.next().is_some_and(|letter| letter.starts_with('R'));
            let was = if is_move { fields.next().map(git::text_of) } else { None };
            let (Some(path), Some(commit)) = (fields.next().map(git::text_of), commits.last_mut()) else { break };
            let [before, after] = [0, 1].map(|side| version(modes[side].as_deref()?, blobs[side].as_deref()?));
            commit.files.push(FileChange { path, was, before, after });
        } else if let Some(facts) = text.strip_prefix("commit ") {
            let mut facts = facts.splitn(3, ' ');
            let id = facts.next().unwrap_or_default().to_owned();
            let seconds = facts.next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
            let address = facts.next().unwrap_or_default().to_owned();
            commits.push(Commit { id, seconds, address, files: Vec::new() });
        }
    }
    for commit in &mut commits {
        commit.files.sort_by(|one, other| one.path.cmp(&other.path));
    }
    commits
}

/// A mode of nothing but noughts says that the file is not there on that side.
fn version(mode: &str, blob: &str) -> Option<Version> {
    mode.contains(|digit| digit != '0').then(|| Version { mode: mode.to_owned(), blob: blob.to_owned() })
}

/// A git that hands out blobs until it is dropped.
#[derive(Debug)]
pub struct Blobs(Conversation);

impl Blobs {
    /// Starts it.
    ///
    /// # Errors
    /// Git cannot be started.
    pub fn open(root: &Path) -> io::Result<Self> {
        git::converse(root, &["cat-file", "--batch"]).map(Self)
    }

    /// The bytes of a blob; `None` if it is not there or larger than `most`.
    ///
    /// # Errors
    /// Git ended, or does not answer as it should.
    pub fn read(&mut self, blob: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        self.0.say(&format!("{blob}\n"))?;
        let mut head = String::new();
        self.0.answer().read_line(&mut head)?;
        let size = head.trim_end().rsplit_once(" blob ").or_else(|| head.trim_end().rsplit_once(' '));
        let Some(size) = size.and_then(|(_, size)| size.parse::<u64>().ok()) else {
            let is_missing = head.trim_end().ends_with(" missing");
            let odd = || io::Error::other(format!("git cat-file answered {:?} for the blob {blob}", head.trim_end()));
            return if is_missing { Ok(None) } else { Err(odd()) };
        };
        // The bytes end with a line break of git's own.
        let mut rest = self.0.answer().take(size + 1);
        if size > most {
            io::copy(&mut rest, &mut io::sink())?;
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size + 1).unwrap_or(0));
        rest.read_to_end(&mut bytes)?;
        if bytes.pop() != Some(b'\n') || bytes.len() as u64 != size {
            return Err(io::Error::other(format!("git cat-file ended within the blob {blob}")));
        }
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_raw_line_is_read() {
        let (nothing, one, two) = ("0".repeat(40), "1".repeat(40), "2".repeat(40));
        let text = format!(
            "commit c1 100 a b@c\0\n:000000 100644 {nothing} {one} A\0z.py\0:100644 100755 {one} {two} R090\0old\nname\0a.py\0\
             commit c2 -5 \0commit c3 x d@e\0\n:160000 000000 {one} {nothing} D\0sub\0"
        );
        let read = read_log(text.as_bytes());
        let version = |mode: &str, blob: &str| Some(Version { mode: mode.into(), blob: blob.into() });
        let file = |path: &str, was: Option<&str>, before, after| FileChange {
            path: path.to_owned(),
            was: was.map(str::to_owned),
            before,
            after,
        };
        assert_eq!(
            read.iter().map(|c| (&*c.id, c.seconds, &*c.address)).collect::<Vec<_>>(),
            [("c1", 100, "a b@c"), ("c2", -5, ""), ("c3", 0, "d@e")]
        );
        assert_eq!(
            read[0].files,
            [
                file("a.py", Some("old\nname"), version("100644", &one), version("100755", &two)),
                file("z.py", None, None, version("100644", &one)),
            ]
        );
        assert_eq!(read[2].files, [file("sub", None, version("160000", &one), None)]);
        assert!(read[1].files.is_empty());
    }

    #[test]
    fn a_log_that_breaks_off_is_read_as_far_as_it_goes() {
        for text in
            ["", "commit a 1 b\0\n:100644 100644", "commit a 1 b\0\n:100644 100644 1 2 R1\0x\0", ":1 2 3 4 M\0x\0"]
        {
            assert!(read_log(text.as_bytes()).iter().all(|commit| commit.files.len() < 2), "{text}");
        }
    }
}
