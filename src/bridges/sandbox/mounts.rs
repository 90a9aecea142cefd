//! The sandbox's tree without bubblewrap: all of it read-only but one folder, devices, a network of its own.
//!
//! Landlock alone says nothing of modes, times and owners, of sockets, or of raw devices that root can open.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use nix::sys::stat::Mode;

use super::orders::Orders;

const NOTHING: Option<&str> = None;

/// What a program may expect in `/dev` and can do no harm with.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Makes it, in a mount namespace of this process's own.
pub(super) fn lay(orders: &Orders) -> io::Result<()> {
    let (root, writable) = (Path::new("/"), Path::new(&orders.writable));
    change(root, MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
    // A mount of its own: only so can it be of another kind than what is around it.
    bind(writable, writable, MsFlags::MS_REC)?;
    let null = devices(orders.memory_bytes.min(super::SHARED))?;
    for path in &orders.hidden {
        hide(Path::new(path), &null)?;
    }
    freeze(writable)?;
    // Last, as the descriptors of devices were named by the old one.
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mounted("proc", Path::new("/proc"), flags, None)
}

fn failed(what: &str, path: &Path) -> impl FnOnce(Errno) -> io::Error {
    move |error| io::Error::other(format!("{what} {}: {}", path.display(), error.desc()))
}

fn change(path: &Path, flags: MsFlags) -> io::Result<()> {
    mount(NOTHING, path, NOTHING, flags, NOTHING).map_err(failed("mount namespaces: changing", path))
}

fn bind(from: &Path, to: &Path, flags: MsFlags) -> io::Result<()> {
    let done = mount(Some(from), to, NOTHING, MsFlags::MS_BIND | flags, NOTHING);
    done.map_err(failed("mount namespaces: binding", to))
}

fn mounted(kind: &str, to: &Path, flags: MsFlags, options: Option<&str>) -> io::Result<()> {
    let done = mount(Some(kind), to, Some(kind), flags, options);
    done.map_err(failed(&format!("mount namespaces: mounting {kind} on"), to))
}

/// A `/dev` of a few devices, and a `/dev/shm` that goes with the namespace. Returns `/dev/null`, to hide files behind.
fn devices(memory_bytes: u64) -> io::Result<PathBuf> {
    let dev = Path::new("/dev");
    let held = DEVICES.iter().map(|name| held(&dev.join(name)).map(|device| (dev.join(name), device)));
    let held: Vec<(PathBuf, OwnedFd)> = held.collect::<io::Result<_>>()?;
    mounted("tmpfs", dev, MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, Some("mode=755,size=1m"))?;
    for (path, device) in &held {
        file(path)?;
        bind(&named(device), path, MsFlags::empty())?;
    }
    for (name, to) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        symlink(format!("/proc/self/fd{to}"), dev.join(name))?;
    }
    let shared = dev.join("shm");
    folder(&shared)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mounted("tmpfs", &shared, flags, Some(&format!("mode=1777,size={memory_bytes}")))?;
    Ok(dev.join("null"))
}

/// Makes devices read-only, which still can be written to: but their modes and times are not to be changed by their owner, root.
pub(super) fn freeze_devices() -> io::Result<()> {
    // bubblewrap has a terminal among them.
    let paths = DEVICES.iter().chain(&["tty"]).map(|name| Path::new("/dev").join(name));
    for path in paths.filter(|path| path.exists()) {
        remount(&path, MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC)?;
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "in a file system that only this namespace has")]
fn file(path: &Path) -> io::Result<()> {
    File::create(path).map(drop)
}

#[allow(clippy::disallowed_methods, reason = "in a file system that only this namespace has")]
fn folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// A file by its descriptor, which stays when its path is mounted over.
fn held(path: &Path) -> io::Result<OwnedFd> {
    open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(failed("opening", path))
}

fn named(file: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Puts nothing where a folder is, and no more than nothing where a file is.
fn hide(path: &Path, null: &Path) -> io::Result<()> {
    let done = if path.is_dir() {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_RDONLY;
        mounted("tmpfs", path, flags, Some("mode=555,size=4k"))
    } else {
        bind(null, path, MsFlags::empty())
    };
    // What has gone meanwhile, or cannot be reached by this user, need not be hidden from it.
    done.or_else(|error| if path.symlink_metadata().is_err() { Ok(()) } else { Err(error) })
}

/// Makes every mount read-only, without devices and privileges, but the writable folder, which loses only the latter, and `/dev`.
fn freeze(writable: &Path) -> io::Result<()> {
    for (path, has) in table()? {
        if path.starts_with("/dev") || path.starts_with("/proc") {
            continue;
        }
        let own = path.starts_with(writable);
        let flags = has | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        let flags = if own { flags } else { flags | MsFlags::MS_RDONLY };
        let done = change(&path, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | flags);
        // Another mount may stand above it, or its owner may let nobody in: then it cannot be reached, either.
        if done.is_err() && path.symlink_metadata().is_ok() && !own {
            done?;
        }
    }
    Ok(())
}

/// Gives one mount more flags; those that it has cannot be taken away.
fn remount(path: &Path, flags: MsFlags) -> io::Result<()> {
    let has = table()?.into_iter().rfind(|(at, _)| at == path).map_or(MsFlags::empty(), |(_, has)| has);
    change(path, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | flags | has)
}

/// What is mounted where, with which flags, the newest last.
fn table() -> io::Result<Vec<(PathBuf, MsFlags)>> {
    Ok(fs::read("/proc/self/mountinfo")?.split(|byte| *byte == b'\n').filter_map(of_table).collect())
}

/// Where a line of the kernel's table says that something is mounted, and with which flags, none of which may be lost.
fn of_table(line: &[u8]) -> Option<(PathBuf, MsFlags)> {
    let mut fields = line.split(|byte| *byte == b' ').skip(4);
    let path = unescaped(fields.next()?);
    let words = str::from_utf8(fields.next()?).ok()?.split(',');
    let flag = |word| match word {
        "ro" => MsFlags::MS_RDONLY,
        "nosuid" => MsFlags::MS_NOSUID,
        "nodev" => MsFlags::MS_NODEV,
        "noexec" => MsFlags::MS_NOEXEC,
        "noatime" => MsFlags::MS_NOATIME,
        "nodiratime" => MsFlags::MS_NODIRATIME,
        "relatime" => MsFlags::MS_RELATIME,
        _ => MsFlags::empty(),
    };
    Some((PathBuf::from(OsString::from_vec(path)), words.map(flag).collect()))
}

/// The kernel writes a space, a tab, a line's end and a backslash as three octal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((byte, more)) = rest.split_first() {
        let digits = more.get(..3).and_then(|digits| str::from_utf8(digits).ok());
        let code = digits.filter(|_| *byte == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(code.unwrap_or(*byte));
        rest = if code.is_some() { more.get(3..).unwrap_or_default() } else { more };
    }
    bytes
}

/// Switches the loopback of a new network namespace on, in which it is always the first interface: what a test starts on it, the
/// same test may ask.
pub(super) fn loopback() -> io::Result<()> {
    const NEW_LINK: u16 = 16; // RTM_NEWLINK
    const REQUEST_WITH_ANSWER: u16 = 5; // NLM_F_REQUEST | NLM_F_ACK
    const UP: u32 = 1; // IFF_UP
    let link = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    let mut link = File::from(link);
    // struct nlmsghdr, struct ifinfomsg
    let mut message = Vec::new();
    message.extend_from_slice(&32_u32.to_ne_bytes());
    message.extend_from_slice(&NEW_LINK.to_ne_bytes());
    message.extend_from_slice(&REQUEST_WITH_ANSWER.to_ne_bytes());
    message.extend_from_slice(&[0; 8 + 4]);
    message.extend_from_slice(&1_u32.to_ne_bytes());
    message.extend_from_slice(&UP.to_ne_bytes());
    message.extend_from_slice(&UP.to_ne_bytes());
    link.write_all(&message)?;
    let mut answer = [0; 256];
    let count = link.read(&mut answer)?;
    // After the header, struct nlmsgerr begins with 0, or an error below it.
    match answer.get(..count).and_then(|answer| answer.get(16..20)) {
        Some([0, 0, 0, 0]) => Ok(()),
        _ => Err(io::Error::other("a network of its own: its loopback cannot be switched on")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernels_table_is_a_path_and_flags() {
        let line = br"36 35 98:0 / /a\040folder\134 rw,nosuid,relatime shared:1 - ext4 /dev/sda1 rw,ro";
        let (path, flags) = of_table(line).unwrap();
        assert_eq!(path, Path::new(r"/a folder\"));
        assert_eq!(flags, MsFlags::MS_NOSUID | MsFlags::MS_RELATIME);
        assert_eq!(of_table(b""), None);
    }
}
