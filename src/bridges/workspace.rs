//! Folders outside the project: the adapter's files, and one folder for every run in progress.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;

use crate::model::digest::Digest;

use super::process::is_alive;

/// Bytes of the largest file that is kept to be put back.
const LARGEST_SAVED: u64 = 256 << 20;

/// Writes the adapter's files once into a folder named by their content, so that Python compiles them once; returns the folder.
///
/// # Errors
/// The folder cannot be written.
#[allow(clippy::disallowed_methods, reason = "titer's own cache")]
pub fn adapter_folder(cache: &Path, runner: &str, files: &BTreeMap<&'static str, &'static str>) -> io::Result<PathBuf> {
    let parts = files.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]);
    let content = Digest::of_parts(parts).to_string();
    let folder = cache.join("adapters").join(format!("{runner}-{}", &content[..16]));
    let is_whole =
        || files.iter().all(|(name, text)| fs::read(folder.join(name)).is_ok_and(|bytes| bytes == text.as_bytes()));
    if is_whole() {
        return Ok(folder);
    }
    // A damaged adapter would end the user's run before its first test.
    let _ = fs::remove_dir_all(&folder);
    let parent = cache.join("adapters");
    fs::create_dir_all(&parent)?;
    let private = tempfile::Builder::new().prefix("new-").tempdir_in(&parent)?;
    for (name, text) in files {
        let path = private.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text)?;
        if name.starts_with("bin/") {
            make_readable(&path)?;
        }
    }
    make_readable(private.path())?;
    match fs::rename(private.path(), &folder) {
        Ok(()) => Ok(folder),
        // Another titer was quicker, with the same content.
        Err(_) if is_whole() => Ok(folder),
        Err(error) => Err(error),
    }
}

/// A run in another user's name (a container, `sudo -u`) must still be able to read the adapter.
#[allow(clippy::disallowed_methods, reason = "titer's own cache")]
fn make_readable(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

/// A folder in the system's folder for what may go, with these files (name, bytes, mode), named by its content and written once: it
/// may be needed longer than any run, and by programs that have nothing to do with the user's folders.
///
/// # Errors
/// It cannot be written.
#[allow(clippy::disallowed_methods, reason = "titer's own files")]
pub fn lasting_folder(name: &str, files: &[(&str, &[u8], u32)]) -> io::Result<PathBuf> {
    let content = Digest::of_parts(files.iter().flat_map(|(name, bytes, _)| [name.as_bytes(), bytes])).to_string();
    let folder = std::env::temp_dir().join(format!("{name}-{}-{}", geteuid(), &content[..16]));
    let is_ours = || {
        let about = fs::symlink_metadata(&folder)?;
        let private = about.is_dir() && about.uid() == geteuid().as_raw() && about.mode() & 0o022 == 0;
        let is_whole = |(name, bytes, _): &(&str, &[u8], u32)| fs::read(folder.join(name)).is_ok_and(|b| b == *bytes);
        Ok::<_, io::Error>(private && files.iter().all(is_whole))
    };
    if is_ours().unwrap_or(false) {
        return Ok(folder);
    }
    let private = tempfile::Builder::new().prefix(&format!("{name}-new-")).tempdir()?;
    for (name, bytes, mode) in files {
        fs::write(private.path().join(name), bytes)?;
        fs::set_permissions(private.path().join(name), fs::Permissions::from_mode(*mode))?;
    }
    make_readable(private.path())?;
    if fs::rename(private.path(), &folder).is_ok() || is_ours().unwrap_or(false) {
        return Ok(folder);
    }
    // Somebody else stands on the name: this run has a folder of its own.
    Ok(private.keep())
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    /// Where it is.
    pub path: PathBuf,
}

impl RunFolder {
    /// Makes the folder of run `id` below `cache`; `owner` is the process that will read it.
    ///
    /// # Errors
    /// The folder cannot be written.
    #[allow(clippy::disallowed_methods, reason = "titer's own cache")]
    pub fn create(cache: &Path, id: &str, owner: u32) -> io::Result<Self> {
        let path = cache.join("runs").join(id);
        fs::create_dir_all(path.join("events"))?;
        fs::write(path.join("owner"), owner.to_string())?;
        Ok(Self { path })
    }

    /// Folders of runs whose titer is dead: what their tests told is still there.
    #[must_use]
    pub fn abandoned(cache: &Path) -> Vec<Self> {
        Self::owned(cache, |owner| !is_alive(owner))
    }

    /// Folders of runs whose titer is alive.
    #[must_use]
    pub fn in_progress(cache: &Path) -> Vec<Self> {
        Self::owned(cache, is_alive)
    }

    fn owned(cache: &Path, is_wanted: impl Fn(i32) -> bool) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(cache.join("runs")) else { return Vec::new() };
        let mut folders: Vec<Self> = entries
            .flatten()
            .map(|entry| Self { path: entry.path() })
            .filter(|folder| folder.owner().is_some_and(&is_wanted))
            .collect();
        folders.sort_by(|a, b| a.path.cmp(&b.path));
        folders
    }

    fn owner(&self) -> Option<i32> {
        fs::read_to_string(self.path.join("owner")).ok()?.trim().parse().ok()
    }

    /// Takes an abandoned folder over, so that two runs do not both read it; `false` if another was quicker.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "titer's own cache")]
    pub fn take_over(&self, owner: u32) -> bool {
        let claim = self.path.join("claimed");
        fs::File::create_new(claim).is_ok() && fs::write(self.path.join("owner"), owner.to_string()).is_ok()
    }

    /// Writes a file of the run.
    ///
    /// # Errors
    /// The file cannot be written.
    #[allow(clippy::disallowed_methods, reason = "titer's own cache")]
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        fs::write(self.path.join(name), bytes)
    }

    /// Writes a file into a folder of the run's.
    ///
    /// # Errors
    /// The file cannot be written.
    #[allow(clippy::disallowed_methods, reason = "titer's own cache")]
    pub fn write_below(&self, below: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(self.path.join(below))?;
        fs::write(self.path.join(below).join(name), bytes)
    }

    /// A file of the run.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path.join(name)).ok()
    }

    /// Removes the folder.
    #[allow(clippy::disallowed_methods, reason = "titer's own cache")]
    pub fn remove(&self) {
        // Best effort: a folder that stays is taken for abandoned and looked at again.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A file of the user's as it was, to be put back.
#[derive(Debug)]
pub struct Saved {
    path: PathBuf,
    bytes: Vec<u8>,
    modified: Option<std::time::SystemTime>,
}

impl Saved {
    /// Reads a file; `None` if there is none that is worth keeping.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let about = fs::metadata(path).ok().filter(|about| about.is_file() && about.len() <= LARGEST_SAVED)?;
        Some(Self { path: path.to_owned(), bytes: fs::read(path).ok()?, modified: about.modified().ok() })
    }

    /// Writes it again if it has other bytes by now.
    ///
    /// # Errors
    /// The file cannot be written.
    #[allow(clippy::disallowed_methods, reason = "a file that the user's own command wrote, as it wrote it")]
    pub fn put_back(&self) -> io::Result<()> {
        if fs::read(&self.path).is_ok_and(|bytes| bytes == self.bytes) {
            return Ok(());
        }
        fs::write(&self.path, &self.bytes)?;
        match self.modified {
            Some(modified) => fs::File::options().write(true).open(&self.path)?.set_modified(modified),
            None => Ok(()),
        }
    }
}

/// Makes the folder that hides titer's own files from git, if the ledger lies in one named `.titer` below the root.
///
/// # Errors
/// The folder cannot be written.
#[allow(clippy::disallowed_methods, reason = "titer's own folder")]
pub fn hide_from_git(root: &Path, ledger: &Path) -> io::Result<()> {
    let own = root.join(".titer");
    let ignore = own.join(".gitignore");
    // Earlier versions hid the suite's records, too.
    let is_hidden = fs::read(&ignore).is_ok_and(|text| text != b"*\n");
    if ledger.starts_with(&own) && !is_hidden {
        fs::create_dir_all(&own)?;
        fs::write(ignore, "*\n!/suite/\n!/suite/**\n")?;
    }
    Ok(())
}

/// Whether a folder can be written to, by writing to it.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "titer's own cache")]
pub fn is_writable(folder: &Path) -> bool {
    fs::create_dir_all(folder).is_ok() && tempfile::tempfile_in(folder).is_ok()
}

/// Writes a file that must not be there yet.
///
/// # Errors
/// It is there, or cannot be written.
#[allow(clippy::disallowed_methods, reason = "a file that the user asked for")]
pub fn create_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut fs::File::create_new(path)?, bytes)
}

/// Writes a file below a folder that must not be there yet, with the folders on the way.
///
/// # Errors
/// It is there, or cannot be written.
#[allow(clippy::disallowed_methods, reason = "a file that the user asked for")]
pub fn create_below(root: &Path, path: &str, bytes: &[u8]) -> io::Result<()> {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap_or(root))?;
    create_file(&path, bytes)
}

/// Adds to the end of a file, which need not be there.
///
/// # Errors
/// It cannot be written.
#[allow(clippy::disallowed_methods, reason = "a file that the user asked for")]
pub fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut fs::File::options().append(true).create(true).open(path)?, bytes)
}

/// Writes a file that the user named.
///
/// # Errors
/// The file cannot be written.
#[allow(clippy::disallowed_methods, reason = "a file that the user asked for")]
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes)
}

/// Writes a program of titer's own into its cache.
///
/// # Errors
/// It cannot be written.
#[allow(clippy::disallowed_methods, reason = "titer's own cache")]
pub fn write_program(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// Takes a file away that was just written.
#[allow(clippy::disallowed_methods, reason = "a file that the user asked for, and that must not stay")]
pub fn remove_file(path: &Path) {
    let _ = fs::remove_file(path);
}

/// What a process that was killed has left of its [`scratch`] folders, where nobody has touched it for a day.
#[allow(clippy::disallowed_methods, reason = "titer's own cache")]
pub fn forget_scratch(parent: &Path, prefix: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let touched = entry.metadata().and_then(|about| about.modified()).ok();
        let is_old = touched.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > Duration::from_hours(24));
        if is_old && entry.file_name().to_string_lossy().starts_with(prefix) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A folder of our own that goes when this is dropped.
///
/// # Errors
/// It cannot be made.
#[allow(clippy::disallowed_methods, reason = "titer's own cache")]
pub fn scratch(parent: &Path, prefix: &str) -> io::Result<tempfile::TempDir> {
    fs::create_dir_all(parent)?;
    tempfile::Builder::new().prefix(prefix).tempdir_in(parent)
}
