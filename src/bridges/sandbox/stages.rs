//! titer started again for its own sandbox: outside, as the first process, in the place of the command.
//!
//! Between `fork` and `exec` nothing can be done without unsafe code, so each step is a process that does its part while it is alone,
//! and starts the next.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::{set_no_new_privs, set_pdeathsig};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getegid, geteuid, setsid};

use super::orders::{Answer, Orders};
use super::{bars, mounts};
use crate::bridges::process;

/// Is one of the processes.
pub(super) fn stand(words: &[String]) -> u8 {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["outside"] => outside(),
        ["first"] => first().map(|answer| tell(&answer.to_line())),
        ["inside"] => return become_command(),
        ["escape", port] => return escape(port),
        _ => return 2,
    };
    match done {
        Ok(()) => 0,
        Err(why) => {
            tell(&Answer::Cannot(why.to_string()).to_line());
            1
        }
    }
}

/// To whoever started this process; standard input is a socket.
fn tell(words: &[u8]) {
    // Nobody listens any more: then nobody waits for it.
    let _ = nix::unistd::write(io::stdin(), words);
}

fn said<T>(what: &str, done: nix::Result<T>) -> io::Result<T> {
    done.map_err(|error| io::Error::other(format!("{what}: {}", error.desc())))
}

/// Makes the namespaces, and is nobody but root of them. The first process that it starts is the first of them.
fn outside() -> io::Result<()> {
    // Else the command could put words into the user's terminal.
    said("a session of its own", setsid())?;
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let apart = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    said("user namespaces", unshare(apart))?;
    map((0, 0), (user, group)).map_err(|error| io::Error::other(format!("user namespaces: {error}")))?;
    process::again(&["cage", "first"]).status()?;
    Ok(())
}

/// Says who `inner` of a new user namespace is in the one around it.
#[allow(clippy::disallowed_methods, reason = "a file of the kernel's")]
fn map(inner: (u32, u32), outer: (u32, u32)) -> io::Result<()> {
    // Without it, a group that is kept out of a file could be dropped to get in.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{} {} 1", inner.0, outer.0))?;
    fs::write("/proc/self/gid_map", format!("{} {} 1", inner.1, outer.1))
}

/// Makes the tree, starts the command and waits for it. When this returns, the namespace ends.
fn first() -> io::Result<Answer> {
    // Beside the socket's end, which tells of the same: a process that is not titer may stand between.
    said("its parent's end", set_pdeathsig(Signal::SIGKILL))?;
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line)?;
    let orders = Orders::of_line(&line)?;
    if orders.mounts {
        mounts::lay(&orders)?;
        mounts::loopback()?;
    }
    if orders.mounts || orders.is_root() {
        mounts::freeze_devices()?;
    }
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut command = process::again(&["cage", "inside"]);
    let child = command.stdin(OwnedFd::from(theirs)).spawn()?;
    drop(command);
    let child = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    thread::spawn(move || {
        // Nothing more is said: this waits for the end, which means that the time is over, or that titer is dead.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = kill(child, Signal::SIGKILL);
    });
    ours.write_all(&line)?;
    let mut why = String::new();
    // Its end of the socket goes when it becomes the command.
    ours.read_to_string(&mut why)?;
    let answer = reap(child)?;
    Ok(if why.is_empty() { answer } else { Answer::Cannot(why) })
}

/// Waits for the command, and for all that nobody else waits for, as a system's first process does.
fn reap(command: Pid) -> io::Result<Answer> {
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(child, code)) if child == command => return Ok(Answer::Code(code)),
            Ok(WaitStatus::Signaled(child, signal, _)) if child == command => return Ok(Answer::Signal(signal as i32)),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Becomes the command, or says why it cannot.
fn become_command() -> u8 {
    // By the time at which it turns out that the command cannot be started, standard input is the command's. This copy is closed
    // by the start.
    let outer = bars::close_files().and_then(|()| io::stdin().as_fd().try_clone_to_owned());
    let Err(why) = inside();
    let _ = outer.map(|outer| write!(File::from(outer), "{why}"));
    1
}

/// Gives up all it can, and becomes the command.
fn inside() -> io::Result<Infallible> {
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line)?;
    let orders = Orders::of_line(&line)?;
    if orders.mounts || orders.is_root() {
        // One namespace further in it is the user again, and no more root of the mounts.
        let outer = (geteuid().as_raw(), getegid().as_raw());
        said("a second user namespace", unshare(CloneFlags::CLONE_NEWUSER))?;
        map(orders.user, outer)?;
    }
    bars::forbid(&orders)?;
    said("no new privileges", set_no_new_privs())?;
    let mut command = process::bare(Path::new(&orders.program));
    command.args(&orders.arguments).envs(&orders.environment).current_dir(&orders.folder);
    // Last: titer itself may need more than the command has.
    bars::limit(&orders)?;
    let why = command.exec();
    Err(io::Error::new(why.kind(), format!("{}: {why}", Path::new(&orders.program).display())))
}

/// Tries to get out, as a command would: 0 when it cannot.
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "it tries what it must not; the sandbox listens")]
fn escape(port: &str) -> u8 {
    let port = port.parse().unwrap_or(0);
    let near = SocketAddr::from(([127, 0, 0, 1], port));
    let ways = [
        ("it could not write in its folder", fs::write("inside", "").is_err()),
        ("it could write outside its folder", fs::write("../outside", "").is_ok()),
        ("it could connect to a server outside", TcpStream::connect_timeout(&near, Duration::from_secs(1)).is_ok()),
    ];
    for (what, _) in ways.iter().filter(|(_, out)| *out) {
        eprintln!("{what}");
    }
    u8::from(ways.iter().any(|(_, out)| *out))
}
