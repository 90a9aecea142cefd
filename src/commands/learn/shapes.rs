//! What blobs of the history mean, each parsed once, on all cores.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::bridges::history::Blobs;
use crate::commands::present;
use crate::decide::history::Side;
use crate::formats::rust_source;
use crate::model::commit::{Commit, Version};
use crate::model::shape::Shape;

/// Larger files are made by programs, and are not parsed.
const LARGEST: u64 = 2 << 20;
/// Deep syntax needs a deep stack; what is not used of it costs nothing.
const STACK: usize = 64 << 20;
/// More readers than this only wait for the disk.
const MOST_READERS: usize = 8;

/// A blob, and what the name of its file says of its language.
type Key = (String, String);

/// Shapes of the blobs of this step and of the one before: what one commit leaves behind the next one finds.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: BTreeMap<Key, Option<Shape>>,
    older: BTreeMap<Key, Option<Shape>>,
}

impl Shapes {
    /// Parses what some commits need and is not known yet; `parsed` is told how many are done, of how many.
    ///
    /// # Errors
    /// Git does not hand out blobs.
    pub(super) fn learn(
        &mut self,
        root: &Path,
        commits: &[Commit],
        parsed: &(dyn Fn(usize, usize) + Sync),
    ) -> io::Result<()> {
        let mut before = std::mem::replace(&mut self.older, std::mem::take(&mut self.known));
        let mut wanted: BTreeMap<Key, &str> = BTreeMap::new();
        for (key, path) in commits.iter().flat_map(needed) {
            match self.older.remove(&key).or_else(|| before.remove(&key)) {
                Some(shape) => drop(self.known.insert(key, shape)),
                None if !self.known.contains_key(&key) => drop(wanted.insert(key, path)),
                None => {}
            }
        }
        let wanted: Vec<(Key, &str)> = wanted.into_iter().collect();
        let next = AtomicUsize::new(0);
        let readers = thread::available_parallelism().map_or(1, usize::from).min(MOST_READERS).min(wanted.len());
        let work = || -> io::Result<Vec<(Key, Option<Shape>)>> {
            let (mut blobs, mut found) = (Blobs::open(root)?, Vec::new());
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((key, path)) = wanted.get(at) else { return Ok(found) };
                let bytes = blobs.read(&key.0, LARGEST)?;
                found.push((key.clone(), bytes.and_then(|bytes| shape(path, &bytes))));
                parsed(at, wanted.len());
            }
        };
        let found = thread::scope(|scope| {
            let start = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            let started: io::Result<Vec<_>> = (0..readers).map(start).collect();
            let ended = |reader: thread::ScopedJoinHandle<'_, _>| {
                reader.join().unwrap_or_else(|_| Err(io::Error::other("a thread that read blobs ended early")))
            };
            started?.into_iter().map(ended).collect::<io::Result<Vec<_>>>()
        })?;
        self.known.extend(found.into_iter().flatten());
        Ok(())
    }

    /// What is known of a file on one side of a commit.
    pub(super) fn side<'a>(&'a self, path: &str, version: Option<&Version>) -> Side<'a> {
        let Some(version) = version else { return Side::Absent };
        let shape = key(path, version).and_then(|key| self.known.get(&key)?.as_ref());
        shape.map_or(Side::Unread, Side::Source)
    }
}

/// The blobs that have to be looked at to say what a commit did.
fn needed(commit: &Commit) -> impl Iterator<Item = (Key, &str)> {
    let with_content = commit.files.iter().filter(|file| {
        let blob = |version: &Option<Version>| version.as_ref().map(|version| version.blob.clone());
        blob(&file.before) != blob(&file.after)
    });
    with_content.flat_map(|file| {
        let older = (file.was.as_ref().unwrap_or(&file.path), &file.before);
        [older, (&file.path, &file.after)].into_iter().filter_map(|(path, version)| {
            let key = key(path, version.as_ref()?)?;
            Some((key, path.as_str()))
        })
    })
}

/// `None` for what is not parsed. All that follows the first dot of its name says of which language a file is (`.d.ts`, `.test.js`).
fn key(path: &str, version: &Version) -> Option<Key> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.split_once('.').map_or("", |(_, ending)| ending);
    (version.is_file() && present::is_source(path)).then(|| (version.blob.clone(), ending.to_owned()))
}

/// What of a file's meaning the history needs; `None` if it cannot be parsed.
fn shape(path: &str, bytes: &[u8]) -> Option<Shape> {
    // A parser that fails on one old file must not cost the whole history.
    let read = || match path.strip_suffix(".rs") {
        // For what runs, the line counts that `dbg!` stands on. A commit above it has not touched it for that.
        Some(_) => rust_source::shape_without_places(bytes),
        None => present::shape_of(path, bytes),
    };
    let shape = catch_unwind(AssertUnwindSafe(read)).ok()?;
    let Shape { module, mut functions, parsed, .. } = shape;
    for function in &mut functions {
        // Where it stands is no part of what it means.
        function.lines = Vec::new();
    }
    parsed.then(|| Shape { module, functions, parsed, ..Shape::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_parsed_as_the_name_of_its_file_says() {
        let version = |mode: &str| Version { mode: mode.to_owned(), blob: "b".to_owned() };
        let ending = |path: &str, mode: &str| key(path, &version(mode)).map(|key| key.1);
        assert_eq!(ending("a.b/c.d.ts", "100644").as_deref(), Some("d.ts"));
        assert_eq!(ending("x/y.py", "100755").as_deref(), Some("py"));
        for (path, mode) in [("a.py", "120000"), ("a.py", "160000"), ("README.md", "100644"), ("py", "100644")] {
            assert_eq!(ending(path, mode), None, "{path} {mode}");
        }
        assert!(shape("a.py", b"def f(:").is_none());
        assert_eq!(shape("a.rs", b"fn f() { dbg!(1); }"), shape("a.rs", b"// x\n\nfn f() { dbg!(1); }"));
        assert_ne!(shape("a.rs", b"fn f() { dbg!(1); }"), shape("a.rs", b"fn f() { dbg!(2); }"));
        assert_eq!(shape("a.py", b"def f(): pass").map(|shape| shape.functions.len()), Some(1));
    }
}
