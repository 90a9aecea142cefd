//! The sandbox's namespaces by bubblewrap's command line.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::orders::Orders;

/// All that stands before the program.
pub(super) fn arguments(orders: &Orders) -> Vec<OsString> {
    let mut line = Line::default();
    // `--as-pid-1`: titer's first process is the namespace's, which bubblewrap then waits for to the end; its own reaper would report
    // and go while others still die.
    line.words(
        "--unshare-user --unshare-net --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try --as-pid-1",
    );
    line.words("--die-with-parent --new-session --ro-bind / / --dev /dev --proc /proc");
    let shared = orders.memory_bytes.min(super::SHARED).to_string();
    line.words("--size").word(&shared).words("--tmpfs /dev/shm");
    if orders.is_root() {
        // With it, titer's first process makes devices read-only, which bubblewrap cannot. The command does not have it.
        line.words("--cap-add CAP_SYS_ADMIN");
    }
    line.words("--bind").word(&orders.writable).word(&orders.writable);
    for path in &orders.hidden {
        if Path::new(path).is_dir() {
            line.words("--perms 0555 --tmpfs").word(path).words("--remount-ro").word(path);
        } else {
            line.words("--ro-bind /dev/null").word(path);
        }
    }
    line.words("--");
    line.0
}

#[derive(Default)]
struct Line(Vec<OsString>);

impl Line {
    fn words(&mut self, words: &str) -> &mut Self {
        self.0.extend(words.split(' ').map(OsString::from));
        self
    }

    fn word(&mut self, word: &(impl AsRef<OsStr> + ?Sized)) -> &mut Self {
        self.0.push(word.as_ref().to_owned());
        self
    }
}
