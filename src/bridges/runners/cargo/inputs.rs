//! What a package is made from besides what the compiler tells: inputs of build scripts, files taken in as they are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::TargetKind;

use super::compiled;
use super::places::{Place, all_below, below, normal};
use super::units::{Calls, Site, name};
use crate::bridges::disk;
use crate::formats::rust_words;
use crate::model::edge::{EdgeKind, Target};
use crate::model::tree::REPOSITORY;
use crate::model::unit::{Unit, Units};

/// Names of functions that look for files.
const LOOKING: [&str; 5] = ["read_dir", "walkdir", "WalkDir", "WalkBuilder", "glob"];

/// Whether a path is of a Rust file.
pub(super) fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "rs")
}

/// Adds what the build scripts of a package say that they depend on.
pub(super) fn add_build_scripts(site: &Site<'_>, folders: &[PathBuf], calls: &Calls, units: &mut Units) {
    let (part, places) = (site.part, site.places);
    let Some(script) = part.targets.iter().find(|target| target.is_kind(TargetKind::CustomBuild)) else { return };
    let Some(unit) = units.get_mut(&part.unit) else { return };
    let told = compiled::build_scripts(folders, part.name);
    let scripts = calls.get(script.src_path.as_std_path()).into_iter().flatten().flat_map(|call| &call.sources);
    let scripts: BTreeSet<&Path> = scripts.map(Path::new).chain([script.src_path.as_std_path()]).collect();
    for told in &told {
        // A script that names itself does not read its own text: it counts by its meaning.
        let paths = told.changed_paths.iter().map(|path| part.folder.join(path));
        for path in paths.filter(|path| !scripts.contains(normal(path).as_path())) {
            add_input(site, &path, unit);
        }
        let asked = told.changed_variables.iter().filter(|name| !name.starts_with("CARGO") && *name != "OUT_DIR");
        unit.targets.extend(asked.map(|name| Target::new(EdgeKind::Fingerprint, "env", name)));
    }
    if (told.is_empty() || told.iter().any(|told| !told.names_inputs()))
        && let Some(place) = &part.place
    {
        // All files of the package are its inputs then. It hardly reads source, though, if it says nothing that leads there.
        if scripts.iter().any(|path| places.of(path) != Place::Made && may_read_source(path)) {
            unit.files.extend(all_below(site.question.tree, place).filter(|path| is_rust(path)).cloned());
        }
    }
}

/// Adds a file or a folder that a build script named.
fn add_input(site: &Site<'_>, path: &Path, unit: &mut Unit) {
    let tree = site.question.tree;
    match site.places.of(path) {
        Place::Inside(inside) if tree.has_folder(&inside) => {
            unit.files.extend(all_below(tree, &inside).cloned());
            unit.targets.insert(Target::new(EdgeKind::Listed, inside, "tree"));
        }
        // Git writes its index whenever it likes; what it says is said by the commit, the branch and the names.
        Place::Inside(inside) if inside == REPOSITORY || inside == below(REPOSITORY, "index") => {
            unit.files.insert(REPOSITORY.to_owned());
        }
        Place::Inside(inside) if path.is_dir() => {
            unit.targets.insert(Target::new(EdgeKind::Fingerprint, inside, "folder"));
        }
        Place::Inside(inside) => {
            unit.compiled.insert(inside.clone());
            unit.files.insert(inside);
        }
        Place::Outside(path) => {
            unit.targets.insert(Target::new(EdgeKind::Fingerprint, path.to_string_lossy(), "folder"));
        }
        Place::Made => {}
    }
}

/// Whether a build script's text leads to source files.
fn may_read_source(path: &Path) -> bool {
    let text = disk::read(path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(words) = text.and_then(|text| rust_words::words(&text)) else { return true };
    LOOKING.iter().any(|name| words.names.contains(*name))
        || words.literals.iter().any(|literal| literal.contains(".rs") || literal.contains("src"))
}

/// Adds files that sources take in as they are, also where this build did not compile the place: such files count by their
/// bytes, whatever language they are written in. Whether the sources speak of tests of documentation is the answer.
pub(super) fn add_inclusions(site: &Site<'_>, units: &mut Units) -> bool {
    let part = site.part;
    let mut tests_documentation = false;
    for unit in site.programs().iter().chain([&part.unit]) {
        let Some(unit) = units.get_mut(unit) else { continue };
        let sources: Vec<String> = unit.sources.union(&unit.fixed).cloned().collect();
        for path in &sources {
            let Ok(bytes) = disk::read(&site.question.root.join(path)) else { continue };
            tests_documentation |= has(&bytes, b"doctest");
            if !has(&bytes, b"include") {
                continue;
            }
            let found = (site.question.inclusions)(&bytes);
            let folder = site.question.root.join(path);
            let near = found.literal.iter().map(|file| folder.parent().unwrap_or(&folder).join(file));
            for file in near.chain(found.manifest.iter().map(|file| part.folder.join(file.trim_start_matches('/')))) {
                add_inclusion(&site.places.of(&file), unit);
            }
            if found.unresolved {
                unit.files.extend(sources.iter().cloned());
            }
        }
    }
    tests_documentation
}

fn add_inclusion(place: &Place, unit: &mut Unit) {
    match place {
        Place::Inside(path) => {
            unit.compiled.insert(path.clone());
            unit.files.insert(path.clone())
        }
        Place::Outside(_) => {
            let path = name(place).unwrap_or_default();
            unit.targets.insert(Target::new(EdgeKind::Read, path, ""))
        }
        Place::Made => return,
    };
}

fn has(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
