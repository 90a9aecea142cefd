//! The few calls of the system that the standard library has no safe word for.
#![allow(unsafe_code, reason = "signals and poll are reached through the C library only")]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::raw::{c_int, c_short, c_ulong};

type Handler = usize;
const DEFAULT: Handler = 0;
const IGNORED: Handler = 1;
const KILL: c_int = 9;
/// SIGHUP, SIGINT, SIGQUIT, SIGTERM: what a terminal or a CI system sends to the whole group.
const ENDING: [c_int; 4] = [1, 2, 3, 15];

#[repr(C)]
struct Poll {
    file: c_int,
    events: c_short,
    seen: c_short,
}

#[cfg(target_os = "linux")]
type Count = c_ulong;
#[cfg(not(target_os = "linux"))]
type Count = std::os::raw::c_uint;

unsafe extern "C" {
    fn signal(number: c_int, handler: Handler) -> Handler;
    fn kill(process: c_int, number: c_int) -> c_int;
    fn poll(files: *mut Poll, count: Count, milliseconds: c_int) -> c_int;
    #[cfg(target_os = "linux")]
    fn prctl(option: c_int, value: c_ulong, ...) -> c_int;
}

extern "C" fn outlive(_: c_int) {}

/// From now on a signal to the group does not end us before the program that we started. A handler and not "ignore": that would
/// be inherited by the program.
pub(crate) fn outlive_signals() {
    for number in ENDING {
        // SAFETY: the handler does nothing, so it may run at any time.
        unsafe {
            let handler: extern "C" fn(c_int) = outlive;
            if signal(number, handler as Handler) == IGNORED {
                signal(number, IGNORED);
            }
        }
    }
}

/// Ends this process by the signal that ended the program, so that cargo says what it would say without us.
pub(crate) fn die_of(number: i32) {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    // SAFETY: plain system calls without pointers.
    unsafe {
        // One dump, of the program itself, is enough (4: PR_SET_DUMPABLE).
        #[cfg(target_os = "linux")]
        prctl(4, 0 as c_ulong);
        signal(number, DEFAULT);
        kill(own, number);
    }
}

/// Ends a process and its whole group.
pub(crate) fn end_group(leader: u32) {
    if let Ok(leader @ 2..) = i32::try_from(leader) {
        // SAFETY: a plain system call; the leader is a child of ours that nobody has waited for.
        unsafe { kill(-leader, KILL) };
    }
}

/// Waits until one of the files can be read or was closed; for each whether it is so. `None` waits for ever.
pub(crate) fn readable<const N: usize>(files: [BorrowedFd<'_>; N], milliseconds: Option<i32>) -> [bool; N] {
    // 1: POLLIN
    let mut asked = files.map(|file| Poll { file: file.as_raw_fd(), events: 1, seen: 0 });
    // SAFETY: the array lives through the call and has as many entries as said.
    unsafe { poll(asked.as_mut_ptr(), N as Count, milliseconds.unwrap_or(-1)) };
    asked.map(|file| file.seen != 0)
}
