//! Code that nobody has read yet, run without network, in one folder, for a while.
//!
//! Two kinds, which hold the same: bubblewrap makes the namespaces, or titer makes them itself. Either way titer is the first
//! process inside, and it starts itself once more as the command, with limits and Landlock's rules, before it becomes it:
//!
//! ```text
//! bubblewrap   titer ─ bwrap ────────────┐
//! landlock     titer ─ titer cage outside ┴─ titer cage first (pid 1) ─ titer cage inside → the command
//! ```
//!
//! What holds: no network but a loopback of its own; no write, and no change of a mode or a time, outside `writable` (a `/dev/shm`
//! that goes with it apart); no device but null, zero, full, random; no process outside is seen, signalled or traced; no variable of
//! ours; no file that titer has open; no privilege, not even root's; at the end of the time, and when titer itself is killed, every
//! process inside dies, whatever it did to get away: the kernel ends a namespace with its first process.
//!
//! What does not: everything that the user may read can be read, except what `hidden` names, so what is written into `writable` or
//! printed may hold it. Sockets by path are hidden where one is there at the start, and one made later can be reached until Landlock's
//! ninth version (Linux 7.1) forbids it by itself. The memory bound is each process's, and of at most [`PROCESSES`] of them unless titer runs
//! as root; the disk is bounded by [`FILE`] a file. The kernel's keyring and VSOCK sockets of a virtual machine know no namespace.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getegid, geteuid};

use super::clock::Stopwatch;
use super::process;
use orders::{Answer, Orders};

#[cfg(target_os = "linux")]
mod bars;
mod bubblewrap;
mod hidden;
#[cfg(target_os = "linux")]
mod mounts;
mod orders;
mod output;
#[cfg(target_os = "linux")]
mod stages;

pub use hidden::keys_below;

/// How many processes and threads a command may have.
pub const PROCESSES: u64 = 1024;

/// How many bytes a file of the command's may have.
pub const FILE: u64 = 256 << 20;

/// How many bytes `/dev/shm` may hold, whatever address space a command has.
const SHARED: u64 = 4 << 30;

/// Seconds in which a sandbox that was told to end has to be gone.
const PATIENCE: f64 = 5.0;

/// How long the trial may take: a machine that is busy must not look like one without a sandbox.
const TRIAL: u64 = 20;

/// What a command may do.
#[derive(Debug)]
pub struct Cage<'a> {
    /// The one folder it may write to.
    pub writable: &'a Path,
    /// Where it stands.
    pub folder: &'a Path,
    /// What it must not even read, folders or files, where they exist.
    pub hidden: &'a [PathBuf],
    /// How long it may take.
    pub seconds: u64,
    /// How much address space each of its processes may have. Node reserves far more of that than it uses.
    pub memory_bytes: u64,
    /// Its whole environment.
    pub environment: &'a BTreeMap<String, String>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// What it returned.
    pub code: Option<i32>,
    /// The signal it died of.
    pub signal: Option<i32>,
    /// It took longer than it may, and was killed.
    pub timed_out: bool,
    /// What it printed; the middle of what is too much is left out.
    pub stdout: Vec<u8>,
    /// What it said, in the same way.
    pub stderr: Vec<u8>,
    /// How long it took.
    pub seconds: f64,
}

/// What makes the namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// `bwrap`.
    Bubblewrap,
    /// titer itself, with Landlock.
    Landlock,
}

/// What a sandbox is made with.
#[derive(Debug, Clone)]
pub struct Means {
    /// titer, to start it again.
    pub titer: PathBuf,
    /// The variable `PATH`, on which `bwrap` is looked for.
    pub path: Option<OsString>,
    /// The variable `LD_LIBRARY_PATH`, without which a titer that is not linked whole does not start.
    pub libraries: Option<OsString>,
}

impl Means {
    /// Those of this process.
    ///
    /// # Errors
    /// The system does not say which program this is.
    pub fn of_this_process(variable: impl Fn(&str) -> Option<OsString>) -> io::Result<Self> {
        let titer = std::env::current_exe()?;
        Ok(Self { titer, path: variable("PATH"), libraries: variable("LD_LIBRARY_PATH") })
    }
}

/// A sandbox that has held once.
#[derive(Debug)]
pub struct Sandbox {
    held: Held,
    /// What is started: `bwrap`, or titer.
    program: PathBuf,
    means: Means,
}

impl Sandbox {
    /// The best kind that holds here, tried.
    ///
    /// # Errors
    /// A sentence that says why none does, and what would help.
    pub fn find(means: &Means) -> Result<Self, String> {
        let bubblewrap = match Self::of(Held::Bubblewrap, means) {
            Ok(sandbox) => return Ok(sandbox),
            Err(why) => why,
        };
        let landlock = match Self::of(Held::Landlock, means) {
            Ok(sandbox) => return Ok(sandbox),
            Err(why) => why,
        };
        let help = hidden::what_would_help();
        Err(format!("untrusted code cannot be held here: bubblewrap: {bubblewrap}; Landlock: {landlock}; {help}"))
    }

    /// This kind, tried.
    ///
    /// # Errors
    /// Why it does not hold.
    pub fn of(held: Held, means: &Means) -> Result<Self, String> {
        if cfg!(not(target_os = "linux")) {
            return Err("only Linux has it".to_owned());
        }
        let program = match held {
            Held::Landlock => Some(means.titer.clone()),
            Held::Bubblewrap => process::find("bwrap", Path::new("/"), means.path.as_ref()),
        };
        let program = program.ok_or_else(|| "`bwrap` is not on PATH".to_owned())?;
        let sandbox = Self { held, program, means: means.clone() };
        sandbox.try_once().map_err(|error| error.to_string())?;
        Ok(sandbox)
    }

    /// Which kind this is.
    #[must_use]
    pub fn held(&self) -> Held {
        self.held
    }

    /// A kernel, a container or a policy may take each of the parts away, some without a word: so titer itself tries to get out.
    #[allow(clippy::disallowed_methods, reason = "a folder to try it in")]
    fn try_once(&self) -> io::Result<()> {
        let scratch = tempfile::tempdir()?;
        let writable = scratch.path().join("in");
        std::fs::create_dir(&writable)?;
        let outside = TcpListener::bind("127.0.0.1:0")?;
        let port = outside.local_addr()?.port().to_string();
        let libraries = self.means.libraries.iter().filter_map(|value| value.to_str());
        let environment = libraries.map(|value| ("LD_LIBRARY_PATH".to_owned(), value.to_owned())).collect();
        let (folder, memory_bytes) = (writable.as_path(), 16 << 30);
        let cage =
            Cage { writable: folder, folder, hidden: &[], seconds: TRIAL, memory_bytes, environment: &environment };
        let words = ["cage", "escape", &port].map(OsStr::new);
        let ended = self.run(&cage, &self.means.titer, &words)?;
        match (ended.code, ended.timed_out) {
            (Some(0), _) => Ok(()),
            (_, true) => Err(io::Error::other(format!("a trial did not end in {TRIAL} seconds"))),
            _ => Err(io::Error::other(format!("a trial: {}", last_line(&ended.stderr)))),
        }
    }

    /// Runs a command. Whatever it does, this returns shortly after `seconds`, and then nothing of it is left.
    ///
    /// # Errors
    /// The command cannot be started, or not be held; what it does itself is never an error.
    pub fn run(&self, cage: &Cage<'_>, program: &Path, arguments: &[&OsStr]) -> io::Result<Ended> {
        let orders = self.orders(cage, program, arguments)?;
        let watch = Stopwatch::start();
        // The command never has this: the first process inside answers on it, and ends when nobody is at the other end any more.
        let (mut ours, theirs) = UnixStream::pair()?;
        let mut command = self.command(&orders);
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        // It still holds `theirs`, and the end of a sandbox that died at once would not be seen.
        drop(command);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            let stdout = scope.spawn(|| output::drained(stdout));
            let stderr = scope.spawn(|| output::drained(stderr));
            let (answer, timed_out) = answer(&mut ours, &orders, cage.seconds, watch);
            let seconds = watch.seconds();
            end(&mut child, ours)?;
            let lost = || io::Error::other("what it said is lost");
            let (stdout, stderr) = (stdout.join().map_err(|_| lost())?, stderr.join().map_err(|_| lost())?);
            let (code, signal) = match answer {
                Some(Answer::Code(code)) => (Some(code), None),
                Some(Answer::Signal(signal)) => (None, Some(signal)),
                Some(Answer::Cannot(why)) => return Err(io::Error::other(why)),
                None if timed_out => (None, Some(Signal::SIGKILL as i32)),
                None => return Err(io::Error::other(last_line(&stderr))),
            };
            // It may have ended by itself at the very end.
            let timed_out = timed_out && code.is_none();
            Ok(Ended { code, signal, timed_out, stdout, stderr, seconds })
        })
    }

    fn command(&self, orders: &Orders) -> Command {
        let mut command = process::bare(&self.program);
        match self.held {
            Held::Bubblewrap => {
                command.args(bubblewrap::arguments(orders)).arg(&self.means.titer).args(["cage", "first"]);
                // `outside` makes a session of its own, which cannot be done by the leader of a group.
                command.process_group(0);
            }
            Held::Landlock => drop(command.args(["cage", "outside"])),
        }
        if let Some(libraries) = &self.means.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    fn orders(&self, cage: &Cage<'_>, program: &Path, arguments: &[&OsStr]) -> io::Result<Orders> {
        // Links would lead out of a tree that is being built.
        let writable = cage.writable.canonicalize()?;
        if ["/dev", "/proc", "/sys"].iter().any(|own| writable.starts_with(own)) || writable == Path::new("/") {
            return Err(io::Error::other(format!("{} cannot be the one writable folder", writable.display())));
        }
        Ok(Orders {
            mounts: self.held == Held::Landlock,
            hidden: hidden::all(cage.hidden).into_iter().map(PathBuf::into_os_string).collect(),
            writable: writable.into_os_string(),
            folder: cage.folder.canonicalize()?.into_os_string(),
            seconds: cage.seconds,
            memory_bytes: cage.memory_bytes,
            user: (geteuid().as_raw(), getegid().as_raw()),
            environment: cage.environment.clone(),
            program: program.as_os_str().to_owned(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        })
    }
}

/// Is one process of the sandbox, and returns its exit code; the one that becomes the command does not return.
#[must_use]
pub fn stand(words: &[String]) -> u8 {
    #[cfg(target_os = "linux")]
    return stages::stand(words);
    #[cfg(not(target_os = "linux"))]
    return if words.is_empty() { 2 } else { 1 };
}

/// Tells the first process inside what to do, and waits for what it answers, or for the time to be over.
fn answer(ours: &mut UnixStream, orders: &Orders, seconds: u64, watch: Stopwatch) -> (Option<Answer>, bool) {
    let all = Duration::from_secs(seconds.max(1));
    // A sandbox that is dead already has said why on its standard error.
    let _ = ours.set_write_timeout(Some(all));
    let _ = orders.to_line().and_then(|line| ours.write_all(&line));
    let mut told = Vec::new();
    let mut timed_out = false;
    let mut buffer = [0; 4096];
    while !told.ends_with(b"\n") {
        let left = all.saturating_sub(Duration::from_secs_f64(watch.seconds()));
        let patience = if timed_out { Duration::from_secs_f64(PATIENCE) } else { left.max(Duration::from_millis(1)) };
        let _ = ours.set_read_timeout(Some(patience));
        match ours.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => told.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !timed_out => {
                timed_out = true;
                let _ = ours.shutdown(std::net::Shutdown::Write);
            }
            Err(_) => break,
        }
    }
    (Answer::of_line(&told), timed_out)
}

/// Waits until the sandbox is gone. It goes by itself when nobody asks it any more: its first process ends, and with it, before
/// anybody can see that it did, all others.
fn end(child: &mut Child, ours: UnixStream) -> io::Result<()> {
    drop(ours);
    let watch = Stopwatch::start();
    while child.try_wait()?.is_none() {
        if watch.seconds() > PATIENCE {
            if let Ok(group) = i32::try_from(child.id()) {
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            let _ = child.kill();
            child.wait()?;
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it ended without a word").to_owned()
}
