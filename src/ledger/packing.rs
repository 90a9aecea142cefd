//! Packing: segments of days that are over become Parquet files, sightings also a rollup by day, in one entry of the log.
//!
//! Everything is made in a private folder of the ledger, named by what it was made of, and counts only once the log names it: whoever is
//! stopped before that has changed nothing. Segments stay where they are, as a map may have to be folded from them again.
#![allow(clippy::disallowed_methods, reason = "files of the ledger are made beside their place and renamed into it")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::model::digest::Digest;
use crate::model::failure::Failure;

use super::duck::{Limits, Workbench};
use super::facts::{self, Added};
use super::sql::packed::{self, DAILY, Files};
use super::sql::{KINDS, PACKED_FORMAT, State, is_packed, state};
use super::store::Store;

/// Packs every whole segment of a day before `before` (`2026-11-21`); returns how many.
///
/// # Errors
/// Something cannot be read or written; then nothing has changed.
pub fn pack(store: &Store, before: &str, limits: &Limits) -> Result<usize, Failure> {
    let ledger = std::path::absolute(store.folder()).unwrap_or_else(|_| store.folder().to_owned());
    let mut state = state(&ledger);
    state.segments.retain(|it| is_packed(&it.kind) && it.rows.is_some() && it.is_there && it.day() < before);
    if state.segments.is_empty() {
        return Ok(0);
    }
    let made = |error: std::io::Error| Failure::world("no folder can be made in the ledger").because(error);
    let scratch = tempfile::Builder::new().prefix(".packing-").tempdir_in(&ledger).map_err(made)?;
    let bench = Workbench::new(&ledger, &state, scratch.path(), limits)?;
    leave_troubled(&bench, &mut state)?;
    if state.segments.is_empty() {
        return Ok(0);
    }
    let packer = Packer { bench: &bench, state: &state, scratch: scratch.path(), name: name(&state) };
    let (files, mut remove) = packer.pack(&Files::new(&ledger, &state))?;
    let add = packer.place(&ledger, files)?;
    for segment in &state.segments {
        remove.push(segment.path.clone());
        remove.extend(state.losers.get(&segment.path).into_iter().flatten().cloned());
    }
    let is_done = facts::exchange(store, add, remove, state.head)?;
    Ok(if is_done { state.segments.len() } else { 0 })
}

/// What could not be read whole stays as it is, where it can be seen.
fn leave_troubled(bench: &Workbench, state: &mut State) -> Result<(), Failure> {
    let troubled: BTreeSet<String> = bench.words("SELECT segment FROM segment_problems")?.into_iter().collect();
    state.segments.retain(|segment| !troubled.contains(&segment.path));
    for kind in KINDS.iter().filter(|kind| kind.is_packed()) {
        bench.execute(&format!(
            "DELETE FROM live_{} WHERE segment IN (SELECT segment FROM segments WHERE segment IN (SELECT segment FROM segment_problems))",
            kind.folder
        ))?;
    }
    Ok(())
}

/// What is packed says what the result is called: the same again is the same file.
fn name(state: &State) -> String {
    let parts = state.segments.iter().map(|it| &it.path).chain(state.facts.iter().map(|it| &it.path));
    Digest::of_parts(parts.map(String::as_bytes)).to_string()[..16].to_owned()
}

/// A file made, and where it belongs.
struct Made {
    kind: &'static str,
    from: PathBuf,
    to: String,
}

struct Packer<'a> {
    bench: &'a Workbench,
    state: &'a State,
    scratch: &'a Path,
    name: String,
}

impl Packer<'_> {
    /// Makes all files; returns them and those that they take the place of.
    fn pack(&self, files: &Files<'_>) -> Result<(Vec<Made>, Vec<String>), Failure> {
        let has = |kind: &str| self.state.segments.iter().any(|segment| segment.kind == kind);
        let (mut made, mut remove) = (Vec::new(), Vec::new());
        for kind in KINDS.iter().filter(|kind| ["outcomes", "changes"].contains(&kind.folder) && has(kind.folder)) {
            made.push(self.write(kind.folder, &packed::rows(kind))?);
        }
        if has("edges") {
            self.bench.execute(packed::FRESH_EDGES)?;
            made.push(self.write("sets", packed::NEW_SETS)?);
            made.push(self.write("paths", packed::NEW_PATHS)?);
            made.push(self.write("edges", &packed::edges())?);
        }
        if has("sightings") {
            self.bench.execute(packed::FRESH_SIGHTINGS)?;
            made.push(self.write("places", packed::NEW_PLACES)?);
            made.push(self.write("watches", &packed::watches())?);
            let days = self.days(files)?;
            let (to, daily) = (self.scratch.join("days"), self.scratch.join("daily"));
            if let Some(text) = files.pack_days(&days, &to.to_string_lossy(), &self.name) {
                self.bench.execute(&text)?;
            }
            if to.is_dir() {
                self.bench.execute(&packed::roll_up(&to.to_string_lossy(), &daily.to_string_lossy(), &self.name))?;
            }
            made.extend(parts("sightings", &to, "facts/sightings"));
            made.extend(parts("sightings_daily", &daily, DAILY));
            let old =
                self.state.facts.iter().filter(|fact| ["sightings", "sightings_daily"].contains(&fact.kind.as_str()));
            remove.extend(old.filter(|fact| days.contains(fact.day())).map(|fact| fact.path.clone()));
        }
        Ok((made, remove))
    }

    /// The days that have to be made anew.
    fn days(&self, files: &Files<'_>) -> Result<BTreeSet<String>, Failure> {
        let mut days: BTreeSet<String> =
            self.bench.words("SELECT DISTINCT dt FROM fresh_sightings")?.into_iter().collect();
        if let Some(query) = files.replaced_days() {
            days.extend(self.bench.words(&query)?);
        }
        Ok(days)
    }

    /// The answer to a query as one file of the newest day that is packed.
    fn write(&self, kind: &'static str, query: &str) -> Result<Made, Failure> {
        let from = self.scratch.join(format!("{kind}.parquet"));
        self.bench.execute(&packed::write(query, &from.to_string_lossy()))?;
        let day = self.state.segments.iter().map(super::sql::Source::day).max().unwrap_or("1970-01-01");
        Ok(Made { kind, from, to: format!("facts/{kind}/dt={day}/{}.parquet", self.name) })
    }

    /// Puts all files into their places, where nobody looks for them before the log names them.
    fn place(&self, ledger: &Path, files: Vec<Made>) -> Result<Vec<Added>, Failure> {
        let mut add = Vec::new();
        for Made { kind, from, to } in files {
            let query = packed::count(&from.to_string_lossy());
            let rows = self.bench.words(&query)?.first().and_then(|rows| rows.parse().ok()).unwrap_or(0);
            let target = ledger.join(&to);
            let placed = target.parent().map_or(Ok(()), std::fs::create_dir_all);
            placed.and_then(|()| std::fs::rename(&from, &target)).map_err(|error| {
                Failure::world(format!("the ledger's file {} cannot be written", target.display())).because(error)
            })?;
            add.push(Added { path: to, kind: kind.to_owned(), rows, format: PACKED_FORMAT.to_owned() });
        }
        Ok(add)
    }
}

/// The files of days, as the engine made them.
fn parts(kind: &'static str, folder: &Path, to: &str) -> Vec<Made> {
    let found = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    let files = found.filter(|entry| entry.file_type().is_file());
    let made = files.filter_map(|entry| {
        let inside = entry.path().strip_prefix(folder).ok()?.to_str()?.replace('\\', "/");
        Some(Made { kind, to: format!("{to}/{inside}"), from: entry.into_path() })
    });
    made.collect()
}
