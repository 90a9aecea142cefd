//! Files that a user asked for: there whole, or as they were.

use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a file in place of what may be there, unless something goes wrong on the way.
///
/// # Errors
/// It cannot be written, or `act` fails.
pub fn write(path: &Path, act: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut like_any = tempfile::Builder::new();
    // A temporary file is its owner's alone; this one is to be read by whoever may read what the user writes.
    #[cfg(unix)]
    like_any.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = BufWriter::new(like_any.tempfile_in(folder)?);
    act(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Adds bytes to the end of a file that others add to, too.
///
/// # Errors
/// It cannot be written.
#[allow(clippy::disallowed_methods, reason = "the caller's own file, named by the forge")]
pub fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(bytes)
}

/// Keeps bytes in a folder of the cache, in place of what is called `old` there.
///
/// # Errors
/// They cannot be written.
#[allow(clippy::disallowed_methods, reason = "titer's own cache")]
pub fn keep(folder: &Path, name: &str, old: Option<&str>, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    write(&folder.join(name), &mut |file| file.write_all(bytes))?;
    match old.filter(|old| *old != name) {
        Some(old) => std::fs::remove_file(folder.join(old)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays_if_something_goes_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, &mut |file| file.write_all(b"one")).unwrap();
        assert!(write(&path, &mut |file| file.write_all(b"two").and(Err(io::Error::other("no")))).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            let plain = folder.path().join("plain");
            append(&plain, b"").unwrap();
            let mode = |path| std::fs::metadata(path).unwrap().permissions();
            assert_eq!(mode(&path), mode(&plain));
        }
    }
}
