//! `titer learn runs DIR`: what runs elsewhere decided and saw.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::commands::gather::read_tree;
use crate::ledger::duck::Table;
use crate::ledger::imports;
use crate::model::failure::Failure;
use crate::report::summary;
use crate::settings::forge::Place;
use crate::settings::{self, Settings};

/// So many runs are warned of.
const MOST: usize = 5;

/// Takes over the ledgers in `folder`: it is one, or holds some (artifacts of several runs), however deep; with `maps` also what their tests
/// depend on.
///
/// # Errors
/// There is no ledger, or a file cannot be read or written.
pub fn run(
    settings: &Settings,
    folder: &Path,
    maps: bool,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<(), Failure> {
    if maps {
        may_write_the_map(settings)?;
    }
    let folder = settings.folder.join(folder);
    let ledgers = ledgers(&folder);
    if ledgers.is_empty() {
        let sentence = format!("{} holds no ledger: nowhere in it is a folder `segments/runs`", folder.display());
        return Err(Failure::input(sentence)
            .hint("unpack the artifact there first; it is what `.titer/ledger` was in that run"));
    }
    let store = super::store(settings)?;
    let mut new = BTreeSet::new();
    for ledger in &ledgers {
        new.extend(if maps { imports::merge(&store, ledger)? } else { imports::take_over(&store, ledger)? });
    }
    let (count, ledgers) = (summary::count(new.len()), summary::count(ledgers.len()));
    super::say(settings, out, &format!("learned {count} new runs from {ledgers} ledgers"))?;
    if new.is_empty() {
        return Ok(());
    }
    let lacking = lacking(&super::lens(settings)?.view("runs_overview")?, &new);
    for (run, why) in lacking.iter().take(MOST) {
        let _ = writeln!(talk, "titer: warning: of the run {run} {why}: a test may have run in none");
    }
    Ok(())
}

/// Of these runs those of whose shards not all have told, each with what is known of it.
fn lacking(table: &Table, runs: &BTreeSet<String>) -> Vec<(String, String)> {
    let place = |name: &str| table.columns.iter().position(|column| column == name);
    let (Some(ids), Some(lacking)) = (place("run_ids"), place("lacking")) else { return Vec::new() };
    let row = |row: &Vec<serde_json::Value>| {
        let (ids, why) = (row.get(ids)?.as_str()?, row.get(lacking)?.as_str()?);
        let own = ids.split(' ').find(|id| runs.contains(*id))?;
        Some((own.to_owned(), why.to_owned()))
    };
    table.rows.iter().filter_map(row).collect()
}

/// In CI the map is the default branch's: those of a change that was never merged must not become part of it.
fn may_write_the_map(settings: &Settings) -> Result<(), Failure> {
    let branch = read_tree(settings).ok().and_then(|tree| tree.branch);
    match settings::place(&settings.policy, branch.as_deref()) {
        Place::Local | Place::Shared { .. } => Ok(()),
        Place::Reader { .. } | Place::Untrusted { .. } | Place::Unknown => {
            let sentence = "--maps is for runs of the default branch, whose map others read";
            Err(Failure::usage(sentence).hint("leave it out: what the runs decided and saw is learned all the same"))
        }
    }
}

fn ledgers(folder: &Path) -> Vec<PathBuf> {
    let found = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    let is_ledger = |path: &Path| path.join("segments/runs").is_dir();
    found
        .filter(|entry| entry.file_type().is_dir() && is_ledger(entry.path()))
        .map(walkdir::DirEntry::into_path)
        .collect()
}
