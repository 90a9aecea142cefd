//! Folders of results that stay warm between one titer and the next: one for each key, one user at a time, bounded in number and in bytes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::workspace;

/// How many folders stay.
const MOST: usize = 4;
/// Bytes that all of them may have together when one is taken.
const LARGEST: u64 = 8 << 30;
/// What folders begin with that go with their user; one that was killed leaves it.
const PRIVATE: &str = "private-";
/// Held by whoever uses the folder.
const LOCK: &str = "lock";

/// A folder that nobody else uses until this is dropped.
#[derive(Debug)]
pub struct Warm {
    folder: PathBuf,
    /// It goes with this, as another has the one that stays.
    private: Option<tempfile::TempDir>,
    _lock: Option<File>,
}

impl Warm {
    /// The folder of a key below `parent`, made where it is not there; a private one where another process is using it. Others that were not
    /// used for longest go, where there are too many.
    ///
    /// # Errors
    /// It cannot be made.
    #[allow(clippy::disallowed_methods, reason = "titer's own cache")]
    pub fn take(parent: &Path, key: &str) -> io::Result<Self> {
        let folder = parent.join(key);
        fs::create_dir_all(&folder)?;
        workspace::forget_scratch(parent, PRIVATE);
        let lock = File::create(folder.join(LOCK))?;
        if lock.try_lock().is_err() {
            let private = tempfile::Builder::new().prefix(PRIVATE).tempdir_in(parent)?;
            return Ok(Self { folder: private.path().to_owned(), private: Some(private), _lock: None });
        }
        bound(parent, &folder);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, private: None, _lock: Some(lock) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Whether it goes when this is dropped.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Removes the entries of a folder in it whose names `is_old` knows.
    #[allow(clippy::disallowed_methods, reason = "titer's own cache")]
    pub fn forget(&self, below: &str, is_old: impl Fn(&str) -> bool) {
        for entry in fs::read_dir(self.folder.join(below)).into_iter().flatten().flatten() {
            if is_old(&entry.file_name().to_string_lossy()) {
                let path = entry.path();
                let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            }
        }
    }
}

/// Lets go of what was not used for longest.
#[allow(clippy::disallowed_methods, reason = "titer's own cache")]
fn bound(parent: &Path, own: &Path) {
    let used = |folder: &Path| fs::metadata(folder.join(LOCK)).and_then(|about| about.modified()).ok();
    let mut others: Vec<(Option<SystemTime>, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path != own && path.is_dir())
        .map(|path| (used(&path), path))
        .collect();
    others.sort();
    let mut bytes: u64 = size(own) + others.iter().map(|(_, path)| size(path)).sum::<u64>();
    let mut left = others.len() + 1;
    for (_, path) in others {
        if left <= MOST && bytes <= LARGEST {
            return;
        }
        // One that is in use has its lock held.
        let is_free = File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_free {
            bytes = bytes.saturating_sub(size(&path));
            left -= 1;
            let _ = fs::remove_dir_all(&path);
        }
    }
    if bytes > LARGEST {
        for entry in fs::read_dir(own).into_iter().flatten().flatten().filter(|entry| entry.file_name() != LOCK) {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
    }
}

fn size(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    files.filter_map(|entry| entry.metadata().ok()).filter(fs::Metadata::is_file).map(|about| about.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test")]
    fn a_folder_has_one_user_and_few_stay() {
        let parent = tempfile::tempdir().unwrap();
        let first = Warm::take(parent.path(), "a").unwrap();
        fs::write(first.path().join("kept"), "x").unwrap();
        let second = Warm::take(parent.path(), "a").unwrap();
        assert!(second.is_private() && !first.is_private() && second.path() != first.path());
        let place = second.path().to_owned();
        drop(second);
        assert!(!place.exists());
        drop(first);
        for key in ["b", "c", "d", "e", "f"] {
            drop(Warm::take(parent.path(), key).unwrap());
        }
        let stay = fs::read_dir(parent.path()).unwrap().count();
        assert_eq!(stay, MOST);
        let again = Warm::take(parent.path(), "f").unwrap();
        fs::write(again.path().join("one-1"), "x").unwrap();
        fs::write(again.path().join("two"), "x").unwrap();
        again.forget("", |name| name.starts_with("one-"));
        assert!(!again.path().join("one-1").exists() && again.path().join("two").exists());
    }
}
