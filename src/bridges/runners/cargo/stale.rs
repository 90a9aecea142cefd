//! Programs that were not built from the files that are here: cargo goes by the time of the last change, and files that came from
//! elsewhere (a restored cache, an archive, `cp -p`) bring an older one along. Design: `runners-cargo.md`, section 8.
//!
//! What a program was built from is known if it is younger than the last time that any of those files was put where it is (their
//! change time, which nobody can set), or if titer saw it before and all of them have the content that they had then.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::bridges::workspace;
use crate::model::digest::Digest;
use crate::model::tree::Tree;
use crate::model::unit::Units;

use super::compiled;
use super::project::{Doc, Program, Programs};

/// Lies in the target folder, so that whoever keeps the one keeps the other.
const FILE: &str = ".titer-built.json";

/// What a built file was built from, as far as titer saw it: its name and age to a digest.
type Seen = BTreeMap<String, Digest>;

/// Marks units whose program is stale. `started` are the executables that are known to have run, by their unit.
pub(super) fn mark(
    units: &mut Units,
    project: &Programs,
    started: &BTreeMap<String, PathBuf>,
    folders: &[PathBuf],
    (root, tree): (&Path, &Tree),
) {
    let files: Vec<PathBuf> = project.targets.iter().map(|target| target.join(FILE)).collect();
    let mut seen = Seen::new();
    for file in &files {
        seen.extend(
            fs::read(file).ok().and_then(|bytes| serde_json::from_slice::<Seen>(&bytes).ok()).unwrap_or_default(),
        );
    }
    let before = seen.clone();
    let programs = project.programs.iter().map(|program| (program.unit.as_str(), Made::Program(program)));
    let docs = project.docs.iter().map(|doc| (doc.unit.as_str(), Made::Library(doc)));
    for (unit, made) in programs.chain(docs) {
        let Some(inputs) = inputs(units, unit) else { continue };
        let Some(file) = started.get(unit).cloned().or_else(|| made.newest(folders)) else { continue };
        let Ok(about) = fs::metadata(&file) else { continue };
        let name = format!("{} {}.{:09}", file.display(), about.mtime(), about.mtime_nsec());
        let content = content(&inputs, tree);
        let built = (about.mtime(), about.mtime_nsec());
        let younger = inputs.iter().find(|path| !is_older(&root.join(path), built));
        match younger {
            Some(path) if seen.get(&name) != Some(&content) => {
                if let Some(unit) = units.get_mut(unit) {
                    unit.stale =
                        Some(format!("{path} came here after {} was built, and cargo did not notice", file.display()));
                }
            }
            _ => drop(seen.insert(name, content)),
        }
    }
    seen.retain(|name, _| is_there(name));
    if seen != before
        && let Some(file) = files.first()
    {
        // Best effort: without it the next run knows less.
        let _ = workspace::write_file(file, &serde_json::to_vec(&seen).unwrap_or_default());
    }
}

/// Whether what was seen is still there: a file as old as it was.
fn is_there(name: &str) -> bool {
    let Some((path, age)) = name.rsplit_once(' ') else { return false };
    fs::metadata(path).is_ok_and(|about| format!("{}.{:09}", about.mtime(), about.mtime_nsec()) == age)
}

/// Whether a file has been as it is, and where it is, since before that time, or cargo would have noticed it: by the time of its
/// last change, which a file that came from elsewhere brings along.
fn is_older(path: &Path, built: (i64, i64)) -> bool {
    // What is no longer there made itself known to cargo.
    fs::symlink_metadata(path).map_or(true, |about| {
        (about.ctime(), about.ctime_nsec()) <= built || (about.mtime(), about.mtime_nsec()) > built
    })
}

/// All that a unit's build reads, and that of the units that it is built from.
fn inputs(units: &Units, unit: &str) -> Option<BTreeSet<String>> {
    let mut waiting = vec![unit];
    let mut seen = BTreeSet::new();
    let mut inputs = BTreeSet::new();
    units.get(unit)?;
    while let Some(name) = waiting.pop() {
        let Some(unit) = units.get(name).filter(|_| seen.insert(name)) else { continue };
        inputs.extend(unit.compiled.iter().cloned());
        waiting.extend(unit.needs.iter().map(String::as_str));
    }
    Some(inputs)
}

fn content(inputs: &BTreeSet<String>, tree: &Tree) -> Digest {
    let parts = inputs.iter().flat_map(|path| {
        let entry = tree.entries.get(path).map(|entry| entry.digest().to_string()).unwrap_or_default();
        [path.clone(), entry]
    });
    let parts: Vec<String> = parts.collect();
    Digest::of_parts(parts.iter().map(String::as_bytes))
}

/// What cargo makes.
enum Made<'a> {
    Program(&'a Program),
    Library(&'a Doc),
}

impl Made<'_> {
    /// The newest file of that name; which one ran is not known where nobody told.
    fn newest(&self, folders: &[PathBuf]) -> Option<PathBuf> {
        let (crate_name, inner, is_library) = match self {
            Self::Program(program) => {
                (program.crate_name.as_str(), if program.kind == "example" { "examples" } else { "deps" }, false)
            }
            Self::Library(doc) => (doc.crate_name.as_str(), "deps", true),
        };
        let is_one = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let stem =
                if is_library { name.strip_prefix("lib").and_then(|n| n.strip_suffix(".rlib")) } else { Some(name) };
            stem.and_then(compiled::without_hash) == Some(crate_name)
        };
        let all = folders.iter().flat_map(|folder| fs::read_dir(folder.join(inner)).into_iter().flatten().flatten());
        all.map(|found| found.path())
            .filter(is_one)
            .max_by_key(|path| fs::metadata(path).map(|about| (about.mtime(), about.mtime_nsec())).unwrap_or_default())
    }
}
