//! `titer audit`: the log of records, sealed and checked.

pub mod approve;
pub mod at;
pub mod check;
pub mod compact;
pub mod draft;
pub mod evidence;
pub mod export;
pub mod hand;
pub mod keygen;
pub mod list;
pub mod prove;
mod reader;
pub mod records;
pub mod replay;
pub mod seal;
pub mod state;
pub mod verify;
pub mod waiting;
pub mod why;

use std::path::Path;

use crate::bridges::log_branch;
use crate::bridges::titer_log::{self, Source};
use crate::formats::checkpoint::Checkpoint;
use crate::formats::merkle::Hash;
use crate::formats::record_line::{self, Line};
use crate::model::failure::Failure;
use crate::settings::Settings;

/// What every question of an auditor has in common.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Where it is asked.
    pub settings: &'a Settings,
    /// The folder of the log, where it is not the branch.
    pub log: Option<&'a Path>,
    /// Whether the answer is for programs.
    pub as_json: bool,
}

impl Question<'_> {
    /// The log.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn source(&self) -> Result<Source, Failure> {
        source(self.settings, self.log)
    }

    /// All records that can be asked about.
    ///
    /// # Errors
    /// The log that was named or the files cannot be read, or are damaged.
    pub fn records(&self) -> Result<Vec<records::Record>, Failure> {
        records::all(self.settings, self.log)
    }
}

/// The log that is asked about: in a folder, else on the branch here, else on the branch as the place that others push to has it.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn source(settings: &Settings, folder: Option<&Path>) -> Result<Source, Failure> {
    let failed = |error| Failure::world("the log cannot be read").because(error);
    if let Some(folder) = folder {
        let path = settings.folder.join(folder);
        if !path.is_dir() {
            return Err(Failure::usage(format!("--log {}: no such folder", folder.display())));
        }
        return Source::folder(&path).map_err(failed);
    }
    let names = [log_branch::BRANCH, log_branch::TRACKED];
    let Some(commit) = names.iter().find_map(|name| log_branch::commit_of(&settings.root, name)) else {
        let failure = Failure::input("there is no branch titer-log in this repository");
        return Err(failure.hint(
            "fetch it (`git fetch origin titer-log:titer-log`), or seal for the first time: `titer audit seal`",
        ));
    };
    Source::commit(&settings.root, &commit).map_err(failed)
}

/// The newest checkpoint of a log, and the note that it is.
///
/// # Errors
/// There is none.
pub fn newest(log: &Source) -> Result<(String, Checkpoint), Failure> {
    let failed = |error| Failure::world("the checkpoint of the log cannot be read").because(error);
    let Some(bytes) = log.read(titer_log::CHECKPOINT).map_err(failed)? else {
        return Err(Failure::input(format!("there is no log in {}", log.place())));
    };
    let note = String::from_utf8_lossy(&bytes).into_owned();
    let read = check::parse(&note).map_err(|why| damaged(log, &format!("its checkpoint: {why}")))?;
    Ok((note, read))
}

/// The first `size` records of a log one after the other, with their indexes.
///
/// # Errors
/// One cannot be read, or `act` says what is wrong with it.
pub fn each(log: &Source, size: u64, act: &mut dyn FnMut(u64, Line<'_>) -> Result<(), String>) -> Result<(), Failure> {
    let mut at = 0;
    for first in log.segments().into_iter().filter(|first| *first < size) {
        let (name, mut wrong) = (titer_log::segment(first), None);
        let read = log.lines(&name, &mut |line| {
            let text = std::str::from_utf8(line).ok().and_then(|text| text.strip_suffix('\n'));
            let line = text.and_then(record_line::split).ok_or_else(|| "it is no record".to_owned());
            wrong = line.and_then(|line| act(at, line)).err();
            at += 1;
            wrong.is_none() && at < size
        });
        read.map_err(|error| Failure::world(format!("{name} of the log cannot be read")).because(error))?;
        if let Some(why) = wrong {
            return Err(damaged(log, &format!("record {}: {why}", at - 1)));
        }
    }
    Ok(())
}

/// Whether the root of what was read is that of the checkpoint.
///
/// # Errors
/// It is not.
pub fn is_whole(log: &Source, newest: &Checkpoint, root: &Hash) -> Result<(), Failure> {
    if newest.root == *root { Ok(()) } else { Err(damaged(log, "its records are not those of its checkpoint")) }
}

fn damaged(log: &Source, why: &str) -> Failure {
    let failure = Failure::input(format!("the log in {} is not what it must be: {why}", log.place()));
    failure.hint("`titer audit verify` tells all that is wrong with it")
}
