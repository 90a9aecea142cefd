//! The file tracer as a test uses it: an arena, the environment that loads the library, and a reader of `arena_v1` that shares
//! nothing with the one in `src/`.

use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The words for the kinds, from 1.
pub const KINDS: [&str; 18] = [
    "read", "listed", "absent", "stat", "link", "written", "updated", "spawn", "failed", "hello", "goodbye", "opaque",
    "window", "gone", "object", "walked", "forked", "removed",
];

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who wrote it.
    pub pid: u32,
    /// The window: its owner, and its number there.
    pub window: (u32, u32),
    /// A word of `KINDS`.
    pub kind: &'static str,
    /// The text; each byte is one letter, so that bytes that are not UTF-8 can be written in a case.
    pub text: String,
}

/// A private folder with an arena in it.
#[derive(Debug)]
pub struct Arena {
    /// The folder.
    pub folder: PathBuf,
}

impl Arena {
    /// A new arena of so many bytes, its blocks allocated, as titer makes it.
    pub fn new(folder: &Path, size: u32) -> Arena {
        let arena = Arena::sparse(folder, size);
        let file = fs::File::options().write(true).open(arena.file()).unwrap();
        nix::fcntl::posix_fallocate(&file, 0, i64::from(size)).unwrap();
        arena
    }

    /// The same, but a hole where blocks should be.
    pub fn sparse(folder: &Path, size: u32) -> Arena {
        fs::create_dir_all(folder).unwrap();
        fs::set_permissions(folder, Permissions::from_mode(0o1777)).unwrap();
        let arena = Arena { folder: folder.to_path_buf() };
        let mut header = b"TITERAR1".to_vec();
        for number in [u64::from(size), 64, 0, 0, 0, 0, 0] {
            header.extend(number.to_le_bytes());
        }
        fs::write(arena.file(), header).unwrap();
        fs::File::options().write(true).open(arena.file()).unwrap().set_len(u64::from(size)).unwrap();
        fs::set_permissions(arena.file(), Permissions::from_mode(0o666)).unwrap();
        arena
    }

    /// Where the arena lies.
    pub fn file(&self) -> PathBuf {
        self.folder.join("arena")
    }

    /// Lets a command be traced.
    pub fn trace(&self, command: &mut Command, library: &Path, roots: &[&Path]) {
        let mut setting = b"0-0\n".to_vec();
        setting.extend(self.folder.as_os_str().as_bytes());
        for root in roots {
            setting.push(b'\n');
            setting.extend(root.as_os_str().as_bytes());
        }
        command.env("LD_PRELOAD", library).env("TITER_TRACE", std::ffi::OsStr::from_bytes(&setting));
        command.env("ASAN_OPTIONS", "verify_asan_link_order=0");
    }

    /// The records that are complete, in order; panics at anything that no writer can have left.
    pub fn records(&self) -> Vec<Record> {
        let bytes = fs::read(self.file()).unwrap();
        let end = usize::try_from(long(&bytes, 16)).unwrap().min(bytes.len());
        let mut records = Vec::new();
        let mut at = 64;
        while at < end {
            let word = number(&bytes, at);
            if word == 0 || number(&bytes, at + 4) != 0x5254_4954 {
                at += 16;
                continue;
            }
            let length = (word & 0x7fff_ffff) as usize;
            assert!(length >= 32 && length.is_multiple_of(16), "a record of {length} bytes at {at}");
            assert!(at + length <= end, "a record of {length} bytes at {at} passes the cursor {end}");
            if word >> 31 == 1 {
                let size = usize::from(u16::from_le_bytes([bytes[at + 22], bytes[at + 23]]));
                assert!(24 + size <= length, "a text of {size} bytes in a record of {length} at {at}");
                let kind = usize::from(bytes[at + 20]);
                records.push(Record {
                    pid: number(&bytes, at + 8),
                    window: (number(&bytes, at + 12), number(&bytes, at + 16)),
                    kind: KINDS.get(kind.wrapping_sub(1)).unwrap_or_else(|| panic!("kind {kind} at {at}")),
                    text: bytes[at + 24..at + 24 + size].iter().map(|&byte| char::from(byte)).collect(),
                });
            }
            at += length;
        }
        records
    }

    /// How many records found no room.
    pub fn lost(&self) -> u64 {
        long(&fs::read(self.file()).unwrap(), 24)
    }

    /// The next free byte.
    pub fn cursor(&self) -> u64 {
        long(&fs::read(self.file()).unwrap(), 16)
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Spawns minus failures minus hellos of each process; a shell that libc started (its spawn says pid 0) is looked for among the
/// hellos that have no spawn. Only what does not come out even, with the program.
pub fn unbalanced(records: &[Record], first: u32) -> Vec<(u32, i32, String)> {
    let mut sums = std::collections::BTreeMap::<u32, (i32, String)>::new();
    let mut shells = 0;
    for record in records {
        let (head, rest) = record.text.split_once(' ').unwrap_or((&record.text, ""));
        let pid = if record.kind == "spawn" { head.parse().unwrap() } else { record.pid };
        let sum = sums.entry(pid).or_default();
        match record.kind {
            "spawn" if pid == 0 => shells += 1,
            "spawn" => *sum = (sum.0 + 1, rest.to_owned()),
            "failed" => sum.0 -= 1,
            "hello" if record.pid != first || sum.0 > 0 => sum.0 -= 1,
            _ => {}
        }
    }
    let mut odd: Vec<(u32, i32, String)> = Vec::new();
    for (pid, (sum, program)) in sums {
        if sum == -1 && shells > 0 {
            shells -= 1;
        } else if sum != 0 {
            odd.push((pid, sum, program));
        }
    }
    odd
}
