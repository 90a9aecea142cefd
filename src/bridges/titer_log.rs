//! The log of records as files: in a folder beside git's own, where seals are made, or in a commit, where everybody reads it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::git;
use super::process::Conversation;
use crate::formats::record_v1::sha256;

/// The newest checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// The keys, as the records tell them.
pub const KEYS: &str = "keys.json";
/// The folder of the log in a commit.
pub const TOP: &str = "log";

/// The segment whose first record has this index.
#[must_use]
pub fn segment(first: u64) -> String {
    format!("seg/{first:09}.jsonl")
}

/// The checkpoint of the log when it had this size.
#[must_use]
pub fn checkpoint(size: u64) -> String {
    format!("checkpoints/{size:09}")
}

/// The index that a name of [`segment`] tells.
#[must_use]
pub fn first_of(name: &str) -> Option<u64> {
    let first = name.strip_prefix("seg/")?.strip_suffix(".jsonl")?.parse().ok()?;
    (segment(first) == name).then_some(first)
}

/// The size that a name of [`checkpoint`] tells.
#[must_use]
pub fn size_of(name: &str) -> Option<u64> {
    let size = name.strip_prefix("checkpoints/")?.parse().ok()?;
    (checkpoint(size) == name).then_some(size)
}

/// A log to be read.
#[derive(Debug)]
pub struct Source {
    place: Place,
    /// Its files, each with the id that git knows it by, if it is in git; `None` for what is no plain file.
    files: BTreeMap<String, Option<String>>,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    /// The repository, the commit, and a git that answers: one for all files, as a log may have thousands.
    Commit(PathBuf, String, RefCell<Option<Conversation>>),
}

impl Source {
    /// The log in a folder, or in its folder `log`.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn folder(path: &Path) -> io::Result<Self> {
        let inside = path.join(TOP);
        let path = if path.join(CHECKPOINT).exists() || !inside.is_dir() { path.to_owned() } else { inside };
        let mut files = BTreeMap::new();
        for entry in walkdir::WalkDir::new(&path).min_depth(1) {
            let entry = entry.map_err(io::Error::other)?;
            if !entry.file_type().is_dir() {
                let name = entry.path().strip_prefix(&path).unwrap_or(entry.path()).to_string_lossy().into_owned();
                files.insert(name, entry.file_type().is_file().then(String::new));
            }
        }
        Ok(Self { place: Place::Folder(path), files })
    }

    /// The log in a commit.
    ///
    /// # Errors
    /// Git fails, or there is no such commit.
    pub fn commit(root: &Path, commit: &str) -> io::Result<Self> {
        let told = git::run(root, &["ls-tree", "-r", "-z", "--full-tree", commit, "--", &format!("{TOP}/")])?;
        let file = |record: &[u8]| {
            let at = record.iter().position(|byte| *byte == b'\t')?;
            let (facts, path) = (String::from_utf8_lossy(&record[..at]).into_owned(), git::text_of(&record[at + 1..]));
            let mut facts = facts.split(' ');
            let (mode, _, id) = (facts.next()?, facts.next()?, facts.next()?);
            let name = path.strip_prefix(TOP)?.strip_prefix('/')?.to_owned();
            Some((name, (mode == "100644").then(|| id.to_owned())))
        };
        let files = told.split(|byte| *byte == 0).filter_map(file).collect();
        Ok(Self { place: Place::Commit(root.to_owned(), commit.to_owned(), RefCell::default()), files })
    }

    /// Where it is, in words.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.place {
            Place::Folder(path) => path.display().to_string(),
            Place::Commit(_, commit, _) => format!("the commit {commit}"),
        }
    }

    /// Whether it is a folder, in which a seal may have been cut short.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// The names of its files, from the log's own folder; whether each is a plain file.
    pub fn files(&self) -> impl Iterator<Item = (&str, bool)> {
        self.files.iter().map(|(name, id)| (name.as_str(), id.is_some()))
    }

    /// The first indexes of its segments, ascending.
    #[must_use]
    pub fn segments(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.files().filter_map(|(name, _)| first_of(name)).collect();
        all.sort_unstable();
        all
    }

    /// Every size at which a seal ended, with a digest of all that lies before it; none in a folder, of whose files no digests are known.
    #[must_use]
    pub fn beginnings(&self) -> Vec<(u64, String)> {
        if self.is_folder() {
            return Vec::new();
        }
        let mut ends: Vec<u64> = self.files().filter_map(|(name, _)| size_of(name)).collect();
        ends.sort_unstable();
        let (mut found, mut digest, mut at) = (Vec::new(), String::new(), 0);
        for (first, end) in self.segments().into_iter().zip(ends) {
            let ids = [segment(first), checkpoint(end)].map(|name| self.files.get(&name).cloned().flatten());
            let (true, [Some(lines), Some(note)]) = (first == at, ids) else { break };
            digest = sha256(format!("{digest} {first} {lines} {end} {note}").as_bytes());
            found.push((end, digest.clone()));
            at = end;
        }
        found
    }

    /// The bytes of a file; none if there is no such file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let is_there = self.open(name, &mut |reader| reader.read_to_end(&mut bytes).map(drop))?;
        Ok(is_there.then_some(bytes))
    }

    /// The lines of a file one after the other, each with its line break if it has one; as long as `each` wants more. Only one line is in memory.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn lines(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
        let mut line = Vec::new();
        let is_there = self.open(name, &mut |reader| {
            loop {
                line.clear();
                if reader.read_until(b'\n', &mut line)? == 0 || !each(&line) {
                    return Ok(());
                }
            }
        })?;
        if is_there { Ok(()) } else { Err(io::Error::new(io::ErrorKind::NotFound, name.to_owned())) }
    }

    fn open(&self, name: &str, act: &mut dyn FnMut(&mut dyn BufRead) -> io::Result<()>) -> io::Result<bool> {
        let Some(Some(id)) = self.files.get(name) else { return Ok(false) };
        match &self.place {
            Place::Folder(path) => act(&mut BufReader::with_capacity(1 << 16, File::open(path.join(name))?))?,
            Place::Commit(root, _, git) => {
                let ready = git.take();
                let mut ready = ready.map_or_else(|| git::converse(root, &["cat-file", "--batch"]), Ok)?;
                ready.say(&format!("{id}\n"))?;
                let mut head = String::new();
                ready.answer().read_line(&mut head)?;
                let size = head.trim_end().rsplit(' ').next().and_then(|size| size.parse().ok());
                let size: u64 = size.ok_or_else(|| io::Error::other(format!("git has no content of {name}")))?;
                let mut content = ready.answer().take(size);
                act(&mut content)?;
                // Whoever reads may have seen enough; the next answer begins behind this one and a line break.
                let rest = content.limit() + 1;
                io::copy(&mut ready.answer().take(rest), &mut io::sink())?;
                git.replace(Some(ready));
            }
        }
        Ok(true)
    }
}

/// The folder in which seals are made. While this lives, no other program seals there.
#[derive(Debug)]
pub struct Folder {
    home: PathBuf,
    _lock: File,
}

impl Folder {
    /// The folder of a repository, made if there is none; waits for whoever seals there.
    ///
    /// # Errors
    /// It cannot be made.
    #[allow(clippy::disallowed_methods, reason = "the log's own folder")]
    pub fn lock(root: &Path) -> io::Result<Self> {
        let common = git::run(root, &["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
        let home = PathBuf::from(String::from_utf8_lossy(&common).trim_end_matches('\n')).join("titer");
        fs::create_dir_all(home.join(TOP))?;
        let lock = OpenOptions::new().create(true).append(true).open(home.join("lock"))?;
        lock.lock()?;
        // What a seal that was cut short was writing.
        let _ = fs::remove_dir_all(home.join("new"));
        fs::create_dir_all(home.join("new"))?;
        Ok(Self { home, _lock: lock })
    }

    /// Where the log lies.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.home.join(TOP)
    }

    /// The log in it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn source(&self) -> io::Result<Source> {
        Source::folder(&self.path())
    }

    /// Writes a file so that it is there whole or not at all, and stays there.
    ///
    /// # Errors
    /// It cannot be written.
    #[allow(clippy::disallowed_methods, reason = "the log's own folder")]
    pub fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path().join(name);
        let parent = path.parent().unwrap_or(&self.home).to_owned();
        fs::create_dir_all(&parent)?;
        let mut file = tempfile::NamedTempFile::new_in(self.home.join("new"))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        File::open(&parent)?.sync_all()
    }

    /// Takes a file away.
    ///
    /// # Errors
    /// It is there and stays.
    #[allow(clippy::disallowed_methods, reason = "the log's own folder")]
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path().join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes another log in place of the one that is here.
    ///
    /// # Errors
    /// It cannot be read or written; then the old one is there, or none.
    #[allow(clippy::disallowed_methods, reason = "the log's own folder")]
    pub fn replace(&self, log: &Source) -> io::Result<()> {
        let (new, old) = (self.home.join("new/log"), self.home.join("new/old"));
        fs::create_dir_all(&new)?;
        for (name, _) in log.files() {
            let path = new.join(name);
            fs::create_dir_all(path.parent().unwrap_or(&new))?;
            let mut file = File::create(&path)?;
            log.open(name, &mut |reader| io::copy(reader, &mut file).map(drop))?;
            file.sync_all()?;
        }
        fs::rename(self.path(), &old)?;
        fs::rename(&new, self.path())?;
        fs::remove_dir_all(&old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_have_one_spelling() {
        assert_eq!(
            (segment(0), checkpoint(604)),
            ("seg/000000000.jsonl".to_owned(), "checkpoints/000000604".to_owned())
        );
        assert_eq!(
            (first_of("seg/000000012.jsonl"), size_of("checkpoints/1234567890")),
            (Some(12), Some(1_234_567_890))
        );
        for stray in
            ["seg/12.jsonl", "seg/+00000012.jsonl", "seg/000000012.jsonl~", "seg/../000000012.jsonl", "000000012.jsonl"]
        {
            assert_eq!(first_of(stray), None, "{stray}");
        }
        assert_eq!((size_of("checkpoints/12"), size_of("checkpoints/00000000x")), (None, None));
    }
}
