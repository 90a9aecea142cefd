//! `titer serve`: the report's pages, and the door that production errors come in through.

mod hooks;
mod house;
mod keys;
mod look;
mod pages;
mod reader;
mod routes;
mod told;

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::bridges::clock::Stopwatch;
use crate::bridges::door::journal::Journal;
use crate::bridges::door::{self, Door, Limits};
use crate::bridges::workspace;
use crate::ledger::store::Store;
use crate::model::failure::Failure;
use crate::settings::Settings;
use crate::settings::serve::address;

use hooks::Hooks;
use house::Receiver;
use keys::Keys;
use pages::Pages;
use told::Told;

/// What is still in the journal when the door closes is read for so many seconds; the rest waits for the next start.
const LAST_READING: f64 = 5.0;

/// What `titer serve` was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Where to listen, instead of where `titer.toml` says.
    pub listen: Option<String>,
    /// The file that holds the token.
    pub token_file: Option<PathBuf>,
}

/// Serves until somebody asks the process to end.
///
/// # Errors
/// The address cannot be had or must not be, another one serves this ledger, or the ledger cannot be written.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
    let policy = &settings.policy.serve;
    let given = request.listen.as_deref().map(address).transpose();
    let wanted = given.map_err(|why| Failure::usage(format!("--listen {why}")))?.unwrap_or(policy.listen);
    let keys = Keys::read(settings, request)?;
    if keys.is_open() && !wanted.ip().is_loopback() {
        return Err(Failure::usage(format!("{wanted} can be reached from elsewhere, and there is no token")).hint(
            format!("put one of 16 characters or more into the variable {} or a file: --token-file FILE", keys::TOKEN),
        ));
    }
    let stop = door::stop_sign().map_err(|error| Failure::world("signals cannot be listened to").because(error))?;
    let store = Store::open(&settings.ledger.0)?;
    workspace::hide_from_git(&settings.root, &settings.ledger.0)
        .map_err(|error| Failure::world("titer's folder cannot be hidden from git").because(error))?;
    let folder = store.folder().join("door");
    let lock = alone(&folder)?;
    let limit = policy.spool_mb << 20;
    let failed = |error| Failure::world(format!("{} cannot be opened", folder.display())).because(error);
    let (journal, writer) = Journal::open(&folder, limit).map_err(failed)?;
    let (listener, own) = door::listen(wanted)
        .map_err(|error| Failure::world(format!("{wanted} cannot be listened on")).because(error))?;
    let (lines, said) = channel();
    let told = Arc::new(Told::new(limit, lines));
    let ready = ready(own, &keys);
    let house = Arc::new(Receiver {
        keys,
        pages: Pages::new(settings),
        told: Arc::clone(&told),
        hooks: Hooks::default(),
        journal: journal.clone(),
    });
    let door = Door::new(Limits::default(), house, journal.clone());
    let (hurry, own_settings) = (Arc::new(AtomicBool::new(false)), settings.clone());
    let reading = {
        let (journal, told, hurry) = (journal.clone(), Arc::clone(&told), Arc::clone(&hurry));
        move || reader::run(&own_settings, &journal, &told, &hurry)
    };
    let threads = |error| Failure::world("no thread can be begun").because(error);
    let reading = std::thread::Builder::new().name("reader".to_owned()).spawn(reading).map_err(threads)?;
    let standing = move || {
        let stood = door.stand(listener, &stop);
        // All that was answered is on the disk; what is left to be read is closed.
        writer.stop();
        let watch = Stopwatch::start();
        while !reading.is_finished() && watch.seconds() < LAST_READING {
            std::thread::sleep(Duration::from_millis(10));
        }
        hurry.store(true, Ordering::Relaxed);
        stood
    };
    let standing = std::thread::Builder::new().name("door".to_owned()).spawn(standing).map_err(threads)?;
    drop(told);
    crate::commands::say(out, &ready)?;
    speak(&said, &standing, talk);
    drop(lock);
    let stood = standing.join().unwrap_or_else(|_| Err(io::Error::other("the door's thread ended early")));
    stood.map_err(|error| Failure::world(format!("{own} cannot be served")).because(error))
}

/// Says what threads have to say, until the door is closed.
fn speak(
    said: &std::sync::mpsc::Receiver<String>,
    standing: &std::thread::JoinHandle<io::Result<()>>,
    talk: &mut dyn Write,
) {
    let mut is_over = false;
    while !is_over {
        is_over = standing.is_finished();
        let mut next = said.recv_timeout(Duration::from_millis(100)).ok();
        while let Some(line) = next {
            // Nobody has to read it.
            let _ = writeln!(talk, "{line}");
            next = said.try_recv().ok();
        }
    }
}

/// The folder's lock, which the system gives back however a process ends.
fn alone(folder: &Path) -> Result<File, Failure> {
    let failed = |error| Failure::world(format!("{} cannot be locked", folder.display())).because(error);
    let lock = door::lock(folder).map_err(failed)?;
    lock.ok_or_else(|| {
        Failure::input(format!(
            "another `titer serve` already serves the ledger {}",
            folder.with_file_name("").display()
        ))
        .hint("stop it, or name another ledger: --ledger DIR")
    })
}

/// The first lines: the address, and what senders are set up with.
fn ready(own: SocketAddr, keys: &Keys) -> String {
    let key = keys.key();
    let needs = if keys.is_open() { String::new() } else { format!(" with the header `Authorization: Bearer {key}`") };
    format!(
        "titer serves http://{own}/\nDSN for Sentry's SDKs: http://{key}@{own}/1\nendpoint for OpenTelemetry's exporters: http://{own}{needs}\n"
    )
}
