//! The only spawner of processes.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::clock::Stopwatch;

/// Seconds from a signal to one that cannot be refused.
const PATIENCE: f64 = 5.0;

/// How the user's command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It returned this code.
    Code(i32),
    /// It died of this signal.
    Signal(i32),
}

/// What the environment of the user's command gets on top of our own: a variable set, or one taken away.
pub type Environment = Vec<(OsString, Option<OsString>)>;

/// Runs a short tool of ours (git) and returns what it printed on standard output.
///
/// # Errors
/// The tool cannot be started, or it ended with another code than 0; the message is the end of its standard error.
#[allow(clippy::disallowed_methods, reason = "this is the only spawner")]
pub fn capture(program: &str, arguments: &[&str], folder: &Path, environment: &[(&str, &str)]) -> io::Result<Vec<u8>> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    Err(io::Error::other(format!("{program} {}: {}: {last}", arguments.join(" "), output.status)))
}

/// A tool of ours that answers on its standard output what it is asked on its standard input, until this is dropped.
#[derive(Debug)]
pub struct Conversation {
    child: Child,
    /// Taken at the end: then the tool sees that nothing more is asked.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// Starts a tool that answers questions.
///
/// # Errors
/// The tool cannot be started.
#[allow(clippy::disallowed_methods, reason = "this is the only spawner")]
pub fn converse(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    environment: &[(&str, &str)],
) -> io::Result<Conversation> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).envs(environment.iter().copied());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let input = child.stdin.take();
    let output = child.stdout.take().ok_or_else(|| io::Error::other("the tool has no standard output"))?;
    Ok(Conversation { child, input, output: BufReader::new(output) })
}

impl Conversation {
    /// Asks.
    ///
    /// # Errors
    /// The tool has ended.
    pub fn say(&mut self, words: &str) -> io::Result<()> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(words.as_bytes())?;
        input.flush()
    }

    /// What it answers; reading waits for it.
    pub fn answer(&mut self) -> &mut impl BufRead {
        &mut self.output
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        drop(self.input.take());
        // It may be in the middle of an answer that nobody reads any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a short tool of ours as [`capture`] does, and gives it `input` on standard input.
///
/// # Errors
/// As for [`capture`].
#[allow(clippy::disallowed_methods, reason = "this is the only spawner")]
pub fn feed(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    environment: &[(&str, &str)],
    input: &[u8],
) -> io::Result<Vec<u8>> {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdin = child.stdin.take();
    // Written beside the reading: a tool that answers while it is asked would else wait for us, and we for it.
    let output = thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(io::Error::other(format!("{program} {}: {}", arguments.join(" "), output.status)))
}

/// A command that inherits nothing of ours, neither a variable nor input; whoever starts it says what it gets.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the only spawner")]
pub fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command
}

/// This same program once more, with what it was started with; by its inode, as its path may not be there any more.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the only spawner")]
pub fn again(arguments: &[&str]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(arguments);
    command
}

/// What a program that was consulted said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consulted {
    /// What it returned; nothing where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output, the beginning of it.
    pub printed: Vec<u8>,
    /// It took longer than it may, and was ended.
    pub timed_out: bool,
}

/// Longer answers are cut.
const LONGEST_ANSWER: u64 = 1 << 20;

/// Runs a program that the owners named, with `input` on its standard input and its standard error for people, no longer than so many seconds.
///
/// # Errors
/// It cannot be started.
pub fn consult(
    command: &[String],
    folder: &Path,
    environment: &[(&str, &str)],
    input: &[u8],
    seconds: u64,
) -> io::Result<Consulted> {
    let set = environment.iter().map(|(name, value)| (OsString::from(name), Some(OsString::from(value)))).collect();
    let mut command = prepared(command, folder, &set)?;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
    let input = input.to_vec();
    // One that does not read, prints without end, or leaves somebody behind who holds its output open, must not hold us up.
    thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
    let (send, printed) = mpsc::channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        if let Some(mut stdout) = stdout {
            let _ = io::Read::read_to_end(&mut io::Read::take(&mut stdout, LONGEST_ANSWER), &mut all);
            let _ = send.send(all);
            let _ = io::copy(&mut stdout, &mut io::sink());
        }
    });
    let watch = Stopwatch::start();
    let mut told = Consulted::default();
    loop {
        if let Some(status) = child.try_wait()? {
            told.code = status.code();
            break;
        }
        if watch.seconds() >= Duration::from_secs(seconds).as_secs_f64() {
            told.timed_out = true;
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    // Whatever it started ends with it.
    let _ = nix::sys::signal::killpg(group, Signal::SIGKILL);
    let _ = child.wait();
    told.printed = printed.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    Ok(told)
}

/// Where the shell would find `program` when it stands in `folder`.
#[must_use]
pub fn find(program: &str, folder: &Path, path: Option<&OsString>) -> Option<PathBuf> {
    which::which_in(program, path, folder).ok()
}

/// Runs the user's command with our own standard streams and waits for it.
///
/// SIGINT and SIGQUIT reach the command from the terminal itself, as it is in our process group; they only must not end titer
/// first. SIGTERM and SIGHUP are sent to titer alone, so they are passed on.
///
/// # Errors
/// The command cannot be started.
#[allow(clippy::disallowed_methods, reason = "this is the only spawner")]
pub fn run(command: &[String], folder: &Path, environment: &Environment) -> io::Result<Ending> {
    let mut child = prepared(command, folder, environment)?;
    let guard = SignalGuard::install()?;
    let mut child = child.spawn()?;
    let status = guard.wait(&mut child)?;
    Ok(ending(status))
}

/// The command, not yet started.
#[allow(clippy::disallowed_methods, reason = "this is the only spawner")]
fn prepared(command: &[String], folder: &Path, environment: &Environment) -> io::Result<Command> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command"));
    };
    let mut child = Command::new(program);
    child.args(arguments).current_dir(folder);
    for (name, value) in environment {
        match value {
            Some(value) => child.env(name, value),
            None => child.env_remove(name),
        };
    }
    Ok(child)
}

/// How a command ended that ran aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aside {
    /// By itself.
    Ended(Ending),
    /// A signal was sent to titer, and passed on.
    Interrupted,
    /// It took longer than it may, and was killed.
    TooLong,
}

/// Runs a command whose results are not the user's: without input, its output in a file, in a process group of its own, so that
/// all of it can be ended; a signal sent to titer ends it.
///
/// # Errors
/// The command cannot be started.
#[allow(clippy::disallowed_methods, reason = "this is the only spawner")]
pub fn run_aside(
    command: &[String],
    folder: &Path,
    environment: &Environment,
    output: &Path,
    seconds: f64,
) -> io::Result<Aside> {
    let mut child = prepared(command, folder, environment)?;
    let output = std::fs::File::create(output)?;
    child.process_group(0).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let guard = SignalGuard::install()?;
    let mut child = child.spawn()?;
    let watch = Stopwatch::start();
    let group = Pid::from_raw(-i32::try_from(child.id()).unwrap_or(i32::MAX));
    let mut stopped: Option<(Aside, f64)> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(stopped.map_or_else(|| Aside::Ended(ending(status)), |(aside, _)| aside));
        }
        let signal = i32::try_from(guard.pending.swap(0, Ordering::SeqCst)).unwrap_or(0);
        if let Ok(signal) = Signal::try_from(signal) {
            let _ = kill(group, signal);
            stopped.get_or_insert((Aside::Interrupted, watch.seconds()));
        }
        if watch.seconds() > seconds && stopped.is_none() {
            let _ = kill(group, Signal::SIGTERM);
            stopped = Some((Aside::TooLong, watch.seconds()));
        }
        if stopped.is_some_and(|(_, since)| watch.seconds() - since > PATIENCE) {
            let _ = kill(group, Signal::SIGKILL);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Code(code),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Code(1),
    }
}

/// Dies of the signal that the user's command died of, so that a shell or a CI system sees what it would have seen.
pub fn raise_again(signal: i32) {
    // A core file of titer would only hide the one of the command.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    if let Ok(signal) = Signal::try_from(signal) {
        let _ = kill(Pid::this(), signal);
    }
}

/// Whether a process of that number is alive.
#[must_use]
pub fn is_alive(pid: i32) -> bool {
    !matches!(kill(Pid::from_raw(pid), None), Err(nix::errno::Errno::ESRCH))
}

/// Keeps signals from ending titer before the command that it waits for.
struct SignalGuard {
    child: Arc<AtomicI32>,
    ids: Vec<signal_hook::SigId>,
    pending: Arc<AtomicUsize>,
}

impl SignalGuard {
    fn install() -> io::Result<Self> {
        let child = Arc::new(AtomicI32::new(0));
        let pending = Arc::new(AtomicUsize::new(0));
        let mut ids = Vec::new();
        for signal in [SIGINT, SIGQUIT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).unwrap_or(0);
            ids.push(signal_hook::flag::register_usize(signal, Arc::clone(&pending), number)?);
        }
        Ok(Self { child, ids, pending })
    }

    /// Waits for the child; what was sent to titer alone is passed on meanwhile.
    fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let pid = i32::try_from(child.id()).unwrap_or(0);
        self.child.store(pid, Ordering::SeqCst);
        let (watched, pending) = (Arc::clone(&self.child), Arc::clone(&self.pending));
        let passing_on = thread::spawn(move || pass_on(&watched, &pending));
        let exited = child.wait();
        self.child.store(0, Ordering::SeqCst);
        passing_on.thread().unpark();
        exited
    }
}

impl Drop for SignalGuard {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Passes SIGTERM and SIGHUP on to the child until there is none any more.
fn pass_on(child: &AtomicI32, pending: &AtomicUsize) {
    loop {
        let pid = child.load(Ordering::SeqCst);
        if pid == 0 {
            return;
        }
        let number = i32::try_from(pending.swap(0, Ordering::SeqCst)).unwrap_or(0);
        if (number == SIGTERM || number == SIGHUP)
            && let Ok(signal) = Signal::try_from(number)
        {
            let _ = kill(Pid::from_raw(pid), signal);
        }
        thread::park_timeout(Duration::from_millis(20));
    }
}
