//! The files of a package that no build tells of: tests may read them while they run.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Origin, Part};
use super::inputs::is_rust;
use super::places::{Place, Places};
use super::units::{Question, Site};
use crate::model::tree::Tree;
use crate::model::unit::Units;

/// Configuration of cargo's and rustup's, which counts by its meaning when it stands at the top of the workspace.
const CONFIGURATION: [&str; 4] = [".cargo/config", ".cargo/config.toml", "rust-toolchain", "rust-toolchain.toml"];

/// Whose a folder with a manifest is.
#[derive(Clone, Copy)]
enum Owner {
    /// A package of the project's, by its number.
    Part(usize),
    /// A package that the workspace does not know; its files may be read by the tests of the package above it.
    Stranger(Option<usize>),
}

/// Gives each file of a package's folder to a unit. `documented` are packages whose source speaks of tests of documentation.
pub(super) fn add(
    places: &Places<'_>,
    question: &Question<'_>,
    parts: &[Part<'_>],
    documented: &BTreeSet<String>,
    units: &mut Units,
) {
    let owners = owners(question.tree, parts);
    let compiled: BTreeSet<String> =
        units.values().flat_map(|unit| unit.sources.iter().chain(&unit.fixed)).cloned().collect();
    let roots = own_roots(places, question, parts);
    let top = if let Place::Inside(top) = places.of(&question.project.root) { top } else { String::new() };
    for path in question.tree.entries.keys() {
        let (known, number) = match above(&owners, path) {
            Some(Owner::Part(number)) => (true, number),
            Some(Owner::Stranger(Some(number))) => (false, number),
            Some(Owner::Stranger(None)) | None => continue,
        };
        let part = &parts[number];
        let told = compiled.contains(path) || roots.contains(path) || counts_by_meaning(path, part, &top);
        if let Some(unit) = units.get_mut(&part.unit).filter(|_| !told || part.origin == Origin::Vendored) {
            let idle = !known || (!is_rust(path) && (question.is_idle)(path));
            let place = if idle && !part.read_by_macros && part.origin != Origin::Vendored {
                &mut unit.idle
            } else {
                &mut unit.files
            };
            place.insert(path.clone());
        }
    }
    for part in parts.iter().filter(|part| documented.contains(&part.unit)) {
        let idle = units.get(&part.unit).map(|unit| unit.idle.clone()).unwrap_or_default();
        let doc = Site { places, question, part }.doc();
        if let Some(unit) = doc.and_then(|doc| units.get_mut(&doc)) {
            unit.files.extend(idle);
        }
    }
}

/// Whose every folder with a manifest is.
fn owners<'t>(tree: &'t Tree, parts: &'t [Part<'_>]) -> BTreeMap<&'t str, Owner> {
    let mut owners: BTreeMap<&str, Owner> = BTreeMap::new();
    for (number, part) in parts.iter().enumerate() {
        owners.extend(part.place.as_deref().map(|place| (place, Owner::Part(number))));
    }
    let manifests = tree.entries.keys().filter_map(|path| folder(path, "Cargo.toml"));
    // Folders come before the folders in them.
    for place in manifests.collect::<BTreeSet<_>>() {
        if !owners.contains_key(place) {
            let above = match above(&owners, place) {
                Some(Owner::Part(number)) => Some(number),
                Some(Owner::Stranger(above)) => above,
                None => None,
            };
            owners.insert(place, Owner::Stranger(above));
        }
    }
    owners
}

/// The folder of a file of that name.
fn folder<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    match path.strip_suffix(name)? {
        "" => Some("."),
        folder => folder.strip_suffix('/'),
    }
}

/// Whose the nearest folder above a path is.
fn above(owners: &BTreeMap<&str, Owner>, path: &str) -> Option<Owner> {
    let mut rest = path;
    while let Some((folder, _)) = rest.rsplit_once('/') {
        if let Some(owner) = owners.get(folder) {
            return Some(*owner);
        }
        rest = folder;
    }
    if path == "." { None } else { owners.get(".").copied() }
}

/// Roots of programs that are units of their own.
fn own_roots(places: &Places<'_>, question: &Question<'_>, parts: &[Part<'_>]) -> BTreeSet<String> {
    let members = parts.iter().filter(|part| part.origin == Origin::Member);
    let programs = members.flat_map(|part| {
        let own = question.project.programs.iter().filter(|program| matches!(program.kind, "test" | "bench"));
        own.filter(|program| program.manifest_dir == part.folder)
    });
    let roots = programs.filter_map(|program| match places.of(&program.src_path) {
        Place::Inside(path) => Some(path),
        Place::Outside(_) | Place::Made => None,
    });
    roots.collect()
}

/// Whether a target stands for the file.
fn counts_by_meaning(path: &str, part: &Part<'_>, top: &str) -> bool {
    let at_top = |name: &str| folder(path, name) == Some(top);
    let manifest = part.place.as_deref().is_some_and(|place| folder(path, "Cargo.toml") == Some(place));
    manifest || at_top("Cargo.lock") || CONFIGURATION.iter().any(|name| at_top(name))
}
