//! What the command's own process gives up before it is the command: Landlock, limits, open files.

use std::fs;
use std::io;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, LandlockStatus, RestrictionStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use nix::sys::resource::{Resource, setrlimit};

use super::orders::Orders;
use super::{FILE, PROCESSES};

/// The newest version of Landlock whose rights are asked for; a kernel gives what it has of them.
const NEWEST: ABI = ABI::V9;

/// What can be written to without that being seen anywhere.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Read and execute everywhere, write below one folder. Without bubblewrap it has to hold; beside it, it is a second wall.
///
/// TCP is not among the rules: the namespace has a network of its own, on which a test may well start a server and ask it.
pub(super) fn forbid(orders: &Orders) -> io::Result<()> {
    let status = rules(orders).map_err(|error| io::Error::other(format!("Landlock: {error}")))?;
    if status.ruleset == RulesetStatus::NotEnforced && orders.mounts {
        return Err(io::Error::other("Landlock: the kernel does not have it (Linux 5.13), or it is switched off"));
    }
    // A kernel with the second version counts processes in each user namespace, an older one all that the user has anywhere.
    if matches!(status.landlock, LandlockStatus::Available { effective_abi, .. } if effective_abi >= ABI::V2) {
        bound(Resource::RLIMIT_NPROC, PROCESSES)?;
    }
    Ok(())
}

fn rules(orders: &Orders) -> Result<RestrictionStatus, RulesetError> {
    let device = AccessFs::from_read(NEWEST) | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    let all = AccessFs::from_all(NEWEST);
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(["/"], AccessFs::from_read(NEWEST)))?
        .add_rules(path_beneath_rules(DEVICES, device))?
        .add_rules(path_beneath_rules([Path::new(&orders.writable), Path::new("/dev/shm")], all))?
        .restrict_self()
}

/// Bounds of each process, which none can lift again.
pub(super) fn limit(orders: &Orders) -> io::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    // The wall's clock is another's business; this is for the case that nobody is there to look at it.
    bound(Resource::RLIMIT_CPU, orders.seconds.saturating_mul(cores).saturating_add(1))?;
    bound(Resource::RLIMIT_FSIZE, FILE)?;
    bound(Resource::RLIMIT_CORE, 0)?;
    bound(Resource::RLIMIT_AS, orders.memory_bytes)
}

/// A bound that the user has already may be lower.
fn bound(what: Resource, most: u64) -> io::Result<()> {
    let (_, hard) = nix::sys::resource::getrlimit(what)?;
    let most = most.min(hard);
    Ok(setrlimit(what, most, most)?)
}

/// Closes what whoever started titer has left open: through a folder's descriptor, say, paths lead out.
pub(super) fn close_files() -> io::Result<()> {
    let open = fs::read_dir("/proc/self/fd")?.flatten();
    let open: Vec<i32> = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in open.into_iter().filter(|number| *number > 2) {
        // One was the list itself.
        let _ = nix::unistd::close(number);
    }
    Ok(())
}
