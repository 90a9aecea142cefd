//! The standard error of a test program, without the warning about an option that the user did not give.

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, ExitCode, Stdio};
use std::thread::{self, JoinHandle};

use crate::system;

/// The hidden first argument of the process that goes on when we end.
pub(crate) const AS_PUMP: &str = "--titer-pump";
const WARNING: &[u8] = b"warning: `--logfile` is deprecated";
/// Milliseconds without a word after the program's end.
const PATIENCE: i32 = 100;

/// Hands on what comes, and takes the warning out once.
struct Sieve {
    held: Vec<u8>,
    done: bool,
}

impl Sieve {
    /// What may go out now.
    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        if self.done {
            return std::mem::take(&mut self.held);
        }
        if let Some(at) = self.held.windows(WARNING.len()).position(|part| part == WARNING) {
            self.done = true;
            self.held.drain(at..at + WARNING.len());
            return std::mem::take(&mut self.held);
        }
        // The end may be its beginning.
        let longest = self.held.len().min(WARNING.len() - 1);
        let keep = (0..=longest).rev().find(|&length| self.held.ends_with(&WARNING[..length])).unwrap_or(0);
        let kept = self.held.split_off(self.held.len() - keep);
        std::mem::replace(&mut self.held, kept)
    }
}

/// The thread that hands on. It ends with the pipe, or soon after `ended` closes.
pub(crate) fn begin(from: PipeReader, ended: PipeReader) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut sieve = Sieve { held: Vec::new(), done: false };
        let mut is_over = false;
        loop {
            let [ready, over] = if is_over {
                let [ready] = system::readable([from.as_fd()], Some(PATIENCE));
                [ready, !ready]
            } else {
                system::readable([from.as_fd(), ended.as_fd()], None)
            };
            if ready {
                match hand_on(&from, &mut sieve) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            } else if over && is_over {
                say(&std::mem::take(&mut sieve.held));
                return leave_to_another(from);
            } else {
                is_over = over;
            }
        }
        say(&sieve.held);
    })
}

fn hand_on(mut from: &PipeReader, sieve: &mut Sieve) -> io::Result<usize> {
    let mut bytes = [0; 1 << 16];
    let count = from.read(&mut bytes)?;
    say(&sieve.pass(&bytes[..count]));
    Ok(count)
}

fn say(bytes: &[u8]) {
    // Nobody may listen any more; the program does not end of that.
    let _ = io::stderr().write_all(bytes);
}

/// Something that the program started still holds the pipe and would die of its end: a process of its own goes on handing on.
fn leave_to_another(from: PipeReader) {
    if let Ok(own) = std::env::current_exe() {
        let _ = Command::new(own).arg(AS_PUMP).stdin(from).stdout(Stdio::null()).spawn();
    }
}

/// The process that is left behind.
pub(crate) fn until_the_end() -> ExitCode {
    system::outlive_signals();
    let _ = io::copy(&mut io::stdin().lock(), &mut io::stderr().lock());
    ExitCode::SUCCESS
}
