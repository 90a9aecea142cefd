//! What must not be reached although everything may be read: sockets of services, keys of the user.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

/// Where tools keep what lets others act as the user, below a home.
const KEYS: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/glab-cli",
    ".config/hub",
    ".config/git/credentials",
    ".config/pip",
    ".config/pypoetry",
    ".docker",
    ".kube",
    ".netrc",
    ".pypirc",
    ".npmrc",
    ".git-credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".password-store",
    ".local/share/keyrings",
    ".vault-token",
];

/// Below this, services have their sockets; how deep they lie.
const SERVICES: (&str, usize) = ("/run", 5);

/// Where the keys of common tools may be, below a home.
#[must_use]
pub fn keys_below(home: &Path) -> Vec<PathBuf> {
    KEYS.iter().map(|key| home.join(key)).collect()
}

/// What of it exists, and every socket that is found, each by its one path without links.
pub(super) fn all(asked: &[PathBuf]) -> BTreeSet<PathBuf> {
    let own = |path: &Path| ["/dev", "/proc", "/sys"].iter().any(|own| path.starts_with(own)) || path == Path::new("/");
    let asked = asked.iter().filter_map(|path| path.canonicalize().ok());
    asked.chain(sockets()).filter(|path| !own(path)).collect()
}

/// Sockets by path. A network namespace does not part them: who can name the container engine's can do all that it can.
fn sockets() -> BTreeSet<PathBuf> {
    // The kernel's list has those of this network namespace, and a socket that was mounted into a container is in none of ours.
    let listed = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let listed = listed.lines().filter_map(|line| line.find(" /").and_then(|at| line.get(at + 1..))).map(PathBuf::from);
    let lying = walkdir::WalkDir::new(SERVICES.0).max_depth(SERVICES.1).into_iter().flatten();
    let lying = lying.filter(|entry| entry.file_type().is_socket()).map(walkdir::DirEntry::into_path);
    let there = |path: PathBuf| path.canonicalize().ok();
    let is_socket = |path: &PathBuf| fs::metadata(path).is_ok_and(|known| known.file_type().is_socket());
    listed.chain(lying).filter_map(there).filter(is_socket).collect()
}

/// The next step, by what the system forbids.
pub(super) fn what_would_help() -> &'static str {
    let says = |path: &str, word: &str| fs::read_to_string(path).is_ok_and(|value| value.trim() == word);
    if says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return "AppArmor keeps user namespaces from programs without a profile: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, \
                or install bubblewrap and its profile";
    }
    if says("/proc/sys/user/max_user_namespaces", "0") {
        return "user namespaces are switched off: `sudo sysctl user.max_user_namespaces=10000`";
    }
    if says("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return "user namespaces are switched off: `sudo sysctl kernel.unprivileged_userns_clone=1`";
    }
    "install bubblewrap (`apt-get install bubblewrap`, `dnf install bubblewrap`), on a machine or in a container that allows user namespaces"
}
