//! What cargo's folders keep about builds: what the compiler read, what build scripts told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::project::Programs;
use crate::bridges::disk;
use crate::formats::dep_info::{self, BuildScript, DepInfo};

/// Folders of builds that may have been made.
pub(super) fn folders(project: &Programs, profiles: &[String], triples: &[String]) -> Vec<PathBuf> {
    let targets = project.targets.iter();
    let tops =
        targets.flat_map(|target| std::iter::once(target.clone()).chain(triples.iter().map(|of| target.join(of))));
    let builds = tops.flat_map(|top| profiles.iter().map(move |profile| top.join(profile)));
    builds.filter(|folder| folder.is_dir()).collect()
}

/// What the compiler read whenever it compiled a crate of one of these names, or a build script of one of these packages. Builds
/// of long ago only add to it. Paths are absolute.
pub(super) fn calls(
    folders: &[PathBuf],
    crates: &BTreeSet<String>,
    packages: &BTreeSet<&str>,
    root: &Path,
) -> Vec<DepInfo> {
    let mut calls = Vec::new();
    for folder in folders {
        for inner in ["deps", "examples"] {
            for path in files(&folder.join(inner)) {
                // Beside the compiler's own files of examples stand cargo's, without a hash in the name: sums over dependencies.
                let stem = stem(&path, inner == "deps");
                if stem.is_some_and(|stem| crates.contains(stem)) {
                    calls.extend(call(&path, root));
                }
            }
        }
        let scripts = script_folders(folder, packages).into_iter().flat_map(|folder| files(&folder));
        calls.extend(scripts.filter_map(|path| call(&path, root)));
    }
    calls
}

/// What the build scripts of a package told, in all builds.
pub(super) fn build_scripts(folders: &[PathBuf], package: &str) -> Vec<BuildScript> {
    let packages = BTreeSet::from([package]);
    let folders = folders.iter().flat_map(|folder| script_folders(folder, &packages));
    let outputs = folders.filter_map(|folder| disk::read(&folder.join("output")).ok());
    outputs.map(|bytes| dep_info::build_script(&String::from_utf8_lossy(&bytes))).collect()
}

/// Whether a call of the compiler was about a package in this folder: several checkouts may share what they build.
pub(super) fn is_of(call: &DepInfo, folder: &Path) -> bool {
    let named = call.variables.get("CARGO_MANIFEST_DIR").and_then(Option::as_deref).map(Path::new);
    named.is_none_or(|named| named == folder || named.canonicalize().ok() == folder.canonicalize().ok())
}

fn call(path: &Path, root: &Path) -> Option<DepInfo> {
    let text = String::from_utf8(disk::read(path).ok()?).ok()?;
    let mut info = dep_info::read(&text);
    // Clippy looks at more files than the compiler does, and nothing that it makes is run.
    if info.variables.contains_key("CLIPPY_ARGS") {
        return None;
    }
    for source in &mut info.sources {
        *source = root.join(&*source).to_string_lossy().into_owned();
    }
    Some(info)
}

/// Folders of build scripts and of what they told.
fn script_folders(folder: &Path, packages: &BTreeSet<&str>) -> Vec<PathBuf> {
    let all = WalkDir::new(folder.join("build")).min_depth(1).max_depth(1).into_iter().flatten();
    all.filter(|entry| entry.file_name().to_str().and_then(without_hash).is_some_and(|name| packages.contains(name)))
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// The `.d` files in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all = WalkDir::new(folder).min_depth(1).max_depth(1).into_iter().flatten();
    let files = all.map(walkdir::DirEntry::into_path);
    files.filter(|path| path.extension().is_some_and(|ending| ending == "d")).collect()
}

/// The crate that a `.d` file is about.
fn stem(path: &Path, may_lack_a_hash: bool) -> Option<&str> {
    let stem = path.file_stem()?.to_str()?;
    without_hash(stem).or(may_lack_a_hash.then_some(stem))
}

/// A name without the hash that cargo adds.
pub(super) fn without_hash(name: &str) -> Option<&str> {
    let (name, hash) = name.rsplit_once('-')?;
    (hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(name)
}
