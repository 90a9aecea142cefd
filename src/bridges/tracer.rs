//! The file tracer: a small library that every program of a run loads, and the one file into which they all write.
//!
//! It comes in by `LD_PRELOAD` and only while recording. Where it cannot load nothing is different: the adapters see what they
//! can, and what they cannot see runs.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::formats::arena_v1;
use crate::model::touch::{TouchKind, Touches};

use super::process::{self, Environment};
use super::runners::adapter::TRACER;
use super::workspace;

/// The arena's name in the folder of one run's tracer.
const ARENA: &str = "arena";

/// The library's name.
const LIBRARY: &str = "libtiter_tracer.so";

/// The tracer of one run.
#[derive(Debug, Clone)]
pub struct Tracer {
    /// Its folder: every user may write there, as the processes of a run need not be of one user.
    pub folder: PathBuf,
    /// The library.
    pub library: PathBuf,
}

impl Tracer {
    /// Makes the arena and the library, and looks whether a program that loads it answers.
    ///
    /// # Errors
    /// It cannot be had here; the sentence says why.
    pub fn start(roots: &[PathBuf]) -> Result<Self, String> {
        let bytes = TRACER.ok_or("this titer was built without the file tracer")?;
        let library = library(bytes).map_err(|error| format!("the tracer's library cannot be written: {error}"))?;
        let folder = arena_folder().map_err(|error| format!("the tracer's arena cannot be made: {error}"))?;
        let tracer = Self { folder, library };
        match tracer.answers(roots) {
            Ok(()) => Ok(tracer),
            Err(why) => {
                remove(&tracer.folder);
                Err(why)
            }
        }
    }

    /// A program is started with the library: only if it says hello can the others.
    fn answers(&self, roots: &[PathBuf]) -> Result<(), String> {
        let environment: Vec<(String, String)> = self
            .environment(roots, Path::new(""), &|_| None)
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value?.into_string().ok()?)))
            .collect();
        let pairs: Vec<(&str, &str)> = environment.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        process::capture("/bin/sh", &["-c", ":"], Path::new("/"), &pairs).map_err(|error| error.to_string())?;
        let heard = touches(&self.folder).is_some_and(|seen| seen.all.iter().any(|s| s.kind == TouchKind::Hello));
        if !heard {
            return Err("programs here do not load the tracer's library".to_owned());
        }
        reset(&self.folder.join(ARENA)).map_err(|error| error.to_string())
    }

    /// What the command's environment gets so that it and all that it starts load the library.
    #[must_use]
    pub fn environment(
        &self,
        roots: &[PathBuf],
        children: &Path,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Environment {
        let after = |name: &str, ours: OsString, between: &str| match variable(name).filter(|value| !value.is_empty()) {
            Some(mut theirs) => {
                theirs.push(between);
                theirs.push(ours);
                theirs
            }
            None => ours,
        };
        let mut trace = OsString::from("0-0\n");
        trace.push(&self.folder);
        for root in roots {
            trace.push("\n");
            trace.push(root);
        }
        let mut environment: Environment = vec![
            ("LD_PRELOAD".into(), Some(after("LD_PRELOAD", self.library.clone().into_os_string(), ":"))),
            ("ASAN_OPTIONS".into(), Some(after("ASAN_OPTIONS", "verify_asan_link_order=0".into(), ":"))),
            ("TITER_TRACE".into(), Some(trace)),
        ];
        if !children.as_os_str().is_empty() {
            environment.push(("TITER_TRACE_PYTHONPATH".into(), Some(children.as_os_str().to_owned())));
        }
        environment
    }
}

/// What was seen in the run whose tracer has this folder; `None` if there is no arena any more.
#[must_use]
pub fn touches(folder: &Path) -> Option<Touches> {
    let mut file = fs::File::open(folder.join(ARENA)).ok()?;
    let mut header = [0; 64];
    file.read_exact(&mut header).ok()?;
    let used = usize::try_from(arena_v1::used(&header)?).ok()?;
    let mut bytes = vec![0; used];
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    arena_v1::read(&bytes)
}

/// Removes the folder of a run's tracer.
#[allow(clippy::disallowed_methods, reason = "titer's own folder")]
pub fn remove(folder: &Path) {
    // Best effort: it lies in the system's folder for what may go.
    let _ = fs::remove_dir_all(folder);
}

#[allow(clippy::disallowed_methods, reason = "titer's own folder")]
fn arena_folder() -> io::Result<PathBuf> {
    let folder = tempfile::Builder::new().prefix("titer-trace-").tempdir()?;
    let arena = folder.path().join(ARENA);
    let file = fs::File::create_new(&arena)?;
    // A hole in the file would end a program that writes there on a full disk.
    allocate(&file)?;
    reset(&arena)?;
    fs::set_permissions(&arena, fs::Permissions::from_mode(0o666))?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777))?;
    Ok(folder.keep())
}

#[cfg(target_os = "linux")]
fn allocate(file: &fs::File) -> io::Result<()> {
    Ok(nix::fcntl::posix_fallocate(file, 0, i64::try_from(arena_v1::SIZE).unwrap_or(i64::MAX))?)
}

#[cfg(not(target_os = "linux"))]
fn allocate(_: &fs::File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes the arena empty again.
#[allow(clippy::disallowed_methods, reason = "titer's own file")]
fn reset(arena: &Path) -> io::Result<()> {
    let mut file = fs::File::options().read(true).write(true).open(arena)?;
    let mut header = [0; 64];
    let used = match file.read_exact(&mut header) {
        Ok(()) => arena_v1::used(&header).unwrap_or(0),
        Err(_) => 0,
    };
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&vec![0; usize::try_from(used).unwrap_or(0)])?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&arena_v1::header())
}

/// The library, written once into a folder that outlives the run: what a run leaves behind may still start programs.
fn library(bytes: &[u8]) -> io::Result<PathBuf> {
    let folder = workspace::lasting_folder("titer-tracer", &[(LIBRARY, bytes, 0o644)])?;
    Ok(folder.join(LIBRARY))
}
