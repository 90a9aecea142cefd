//! Who reads the journal: oldest file first, into the ledger, and only then the file goes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::told::Told;
use crate::bridges::door::journal::{Closed, Journal};
use crate::commands::learn::received::Received;
use crate::settings::Settings;

/// Where the ledger cannot be written, it is tried again after so long.
const AGAIN: Duration = Duration::from_secs(2);

/// Reads until there will be nothing more, or somebody is in a hurry: then what is left waits for the next start.
pub(super) fn run(settings: &Settings, journal: &Journal, told: &Arc<Told>, hurry: &AtomicBool) {
    let mut received = Received::new(settings);
    while let Some(file) = journal.oldest() {
        if hurry.load(Ordering::Relaxed) {
            return;
        }
        // A file that breaks the reader must not stand in the way of those behind it.
        let done = catch_unwind(AssertUnwindSafe(|| read(&mut received, journal, &file, told)));
        match done {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                told.say("ledger", &format!("what came in waits: {why}"));
                std::thread::sleep(AGAIN);
            }
            Err(_) => {
                received = Received::new(settings);
                told.seen().undecodable += 1;
                told.say("unreadable", "a file of the journal cannot be read, and is set aside as .broken");
                if journal.set_aside(&file).is_err() {
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }
}

fn read(received: &mut Received<'_>, journal: &Journal, file: &Closed, told: &Told) -> Result<(), String> {
    let bytes = match std::fs::read(&file.path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|error| error.to_string())?,
    };
    let counts = received.keep(&bytes).map_err(|failure| failure.to_string())?;
    journal.give_up(file).map_err(|error| error.to_string())?;
    let mut seen = told.seen();
    seen.decoded += counts.events;
    seen.undecodable += counts.bad;
    drop(seen);
    for bad in counts.listed {
        told.say("bad", &format!("{} cannot be read: {}", bad.place, bad.reason));
    }
    Ok(())
}
