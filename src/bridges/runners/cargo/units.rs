//! From a workspace that was built to its units: what every package and every test program is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, TargetKind};

use super::compiled;
use super::graph::{self, Origin, Part};
use super::inputs;
use super::leftovers;
use super::nearby;
use super::places::{Place, Places, normal};
use super::positions;
use super::project::{self, Cargo, Programs};
use crate::formats::dep_info::DepInfo;
use crate::formats::rust_source::Inclusions;
use crate::model::edge::{EdgeKind, Target};
use crate::model::tree::Tree;
use crate::model::unit::{Unit, Units};

/// The unit of what matters to every test of the workspace.
pub const EVERYTHING: &str = "";

/// Files that choose the toolchain.
const TOOLCHAIN: [&str; 2] = ["rust-toolchain", "rust-toolchain.toml"];

/// What is asked about a workspace.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds closures")]
pub struct Question<'a> {
    /// The workspace.
    pub project: &'a Programs,
    /// The repository's files.
    pub tree: &'a Tree,
    /// The repository's folder.
    pub root: &'a Path,
    /// The platforms that were built for: the host, and what `--target` named.
    pub triples: &'a [String],
    /// Folders of the profiles that were built: `debug`.
    pub profiles: &'a [String],
    /// The user's own words that decide what cargo resolves: `--manifest-path x`, `--locked`, `--features y`.
    pub words: &'a [String],
    /// Runs cargo.
    pub cargo: Cargo<'a>,
    /// Whether a path counts only for whoever is seen to read it.
    pub is_idle: &'a dyn Fn(&str) -> bool,
    /// Whether the file tracer saw what the tests did.
    pub traced: bool,
    /// Which files a source file takes in as they are.
    pub inclusions: &'a dyn Fn(&[u8]) -> Inclusions,
}

/// What the compiler read, by the root of the crate.
pub(super) type Calls = BTreeMap<PathBuf, Vec<DepInfo>>;

/// What is found out for the units of one package.
pub(super) struct Site<'a> {
    /// The repository.
    pub(super) places: &'a Places<'a>,
    /// What is asked.
    pub(super) question: &'a Question<'a>,
    /// The package.
    pub(super) part: &'a Part<'a>,
}

/// The units of a workspace.
///
/// # Errors
/// Cargo fails, or says what cannot be read.
pub fn units(question: &Question<'_>) -> Result<Units, String> {
    let filters: Vec<&str> = question.triples.iter().flat_map(|triple| ["--filter-platform", triple]).collect();
    let metadata = project::ask(question.cargo, &filters, question.words)?;
    let mut places = Places::new(question.root, question.tree, question.project.targets.clone());
    places.add_made(graph::folders_of_others(&metadata, &places));
    let parts = graph::parts(&metadata, question.project, &places);
    let mut units = Units::new();
    let folders = compiled::folders(question.project, question.profiles, question.triples);
    let calls = sorted_calls(question, &folders, &parts);
    let mut documented = BTreeSet::new();
    for part in &parts {
        let site = Site { places: &places, question, part };
        units.extend(site.bare());
        for target in part.targets {
            for call in calls.get(target.src_path.as_std_path()).into_iter().flatten() {
                site.add_call(target, call, &mut units);
            }
        }
        inputs::add_build_scripts(&site, &folders, &calls, &mut units);
        if inputs::add_inclusions(&site, &mut units) {
            documented.insert(part.unit.clone());
        }
        site.mark_what_was_not_compiled(&calls, &mut units);
    }
    units.values_mut().for_each(settle);
    leftovers::add(&places, question, &parts, &documented, &mut units);
    units.insert(EVERYTHING.to_owned(), everything(question, &metadata, &parts, &places));
    units.values_mut().for_each(settle);
    // Where the file tracer ran it is known what tests looked at.
    if !question.traced {
        nearby::add(question.root, question.project, &mut units);
    }
    positions::add(question.root, question.project, &parts, &mut units);
    Ok(units)
}

/// What the compiler read, by the root of the crate.
fn sorted_calls(question: &Question<'_>, folders: &[PathBuf], parts: &[Part<'_>]) -> Calls {
    let mut crates = BTreeSet::new();
    let mut roots: BTreeMap<&Path, &Path> = BTreeMap::new();
    let own = parts.iter().filter(|part| part.origin != Origin::Vendored);
    for (part, target) in own.flat_map(|part| part.targets.iter().map(move |target| (part, target))) {
        crates.insert(project::crate_name(target));
        roots.insert(target.src_path.as_std_path(), &part.folder);
    }
    let packages: BTreeSet<&str> = parts.iter().map(|part| part.name).collect();
    let mut sorted = Calls::new();
    for call in compiled::calls(folders, &crates, &packages, &question.project.root) {
        // The compiler opens the root of the crate first. Two crates may share a root, and one may hold another's as a module.
        let paths = call.sources.iter().map(|path| normal(Path::new(path)));
        if let Some(root) = paths.into_iter().find(|path| roots.contains_key(path.as_path()))
            && compiled::is_of(&call, roots[root.as_path()])
        {
            sorted.entry(root).or_default().push(call);
        }
    }
    sorted
}

/// What matters to every test: the manifests' parts that decide how all is built.
fn everything(question: &Question<'_>, metadata: &Metadata, parts: &[Part<'_>], places: &Places<'_>) -> Unit {
    let mut manifests: BTreeSet<PathBuf> = parts
        .iter()
        .filter(|part| part.origin != Origin::Vendored)
        .map(|part| part.folder.join("Cargo.toml"))
        .collect();
    manifests.insert(metadata.workspace_root.as_std_path().join("Cargo.toml"));
    manifests.extend(question.project.programs.iter().map(|program| program.manifest_dir.join("Cargo.toml")));
    let parts = manifests.iter().filter_map(|path| Some((name(&places.of(path))?, ["dependencies", "workspace"])));
    let targets =
        parts.flat_map(|(path, names)| names.map(|name| Target::new(EdgeKind::Fingerprint, path.clone(), name)));
    let mut targets: BTreeSet<Target> = targets.collect();
    // What a file says about the toolchain may be more than what shows in the toolchain that it chose.
    let root = &question.project.root;
    for folder in root.ancestors().take_while(|folder| matches!(places.of(folder), Place::Inside(_))) {
        let files = TOOLCHAIN.iter().filter_map(|file| name(&places.of(&folder.join(file))));
        targets.extend(files.map(|path| Target::new(EdgeKind::Fingerprint, path, "meaning")));
    }
    Unit { targets, ..Unit::default() }
}

/// A path in a target.
pub(super) fn name(place: &Place) -> Option<String> {
    match place {
        Place::Inside(path) => Some(path.clone()),
        Place::Outside(path) => Some(path.to_string_lossy().into_owned()),
        Place::Made => None,
    }
}

/// A file counts once in a unit: as it is before by its meaning, whatever was recorded before function by function.
fn settle(unit: &mut Unit) {
    unit.fixed.retain(|path| !unit.files.contains(path));
    unit.sources.retain(|path| !unit.files.contains(path) && !unit.fixed.contains(path));
    unit.idle.retain(|path| !unit.files.contains(path));
}

impl Site<'_> {
    /// The names of the units of this package's programs.
    pub(super) fn programs(&self) -> Vec<String> {
        let programs =
            self.part.targets.iter().filter_map(|target| {
                Some(project::program_unit(&self.part.unit, project::kind(target)?, &target.name))
            });
        let known: BTreeSet<&str> =
            self.question.project.programs.iter().map(|program| program.unit.as_str()).collect();
        programs.filter(|unit| self.part.origin == Origin::Member && known.contains(unit.as_str())).collect()
    }

    /// The unit of this package's documentation, if it is tested.
    pub(super) fn doc(&self) -> Option<String> {
        let unit = format!("{}::doc", self.part.unit);
        self.question.project.docs.iter().any(|doc| doc.unit == unit).then_some(unit)
    }

    /// The units of this package with nothing in them but what they need.
    fn bare(&self) -> Units {
        let part = self.part;
        let started = part.targets.iter().filter(|target| target.is_bin() || target.is_example());
        let programs = started.map(|target| target.name.clone()).collect();
        let mut package = Unit { needs: part.needs.clone(), programs, ..Unit::default() };
        if let Some(place) = &part.place {
            package.targets.insert(Target::new(EdgeKind::Listed, place.clone(), "names"));
            package.traced_targets.insert(Target::new(EdgeKind::Listed, place.clone(), "names-traced"));
        }
        if let Some(manifest) = name(&self.places.of(&part.folder.join("Cargo.toml"))) {
            package.targets.insert(Target::new(EdgeKind::Fingerprint, manifest, "package"));
        }
        if part.place.is_none() {
            let folder = part.folder.to_string_lossy();
            package.targets.insert(Target::new(EdgeKind::Fingerprint, folder, "folder"));
        }
        let mut program = Unit { needs: part.needs.union(&part.dev).cloned().collect(), ..Unit::default() };
        program.needs.extend([part.unit.clone(), EVERYTHING.to_owned()]);
        // What the package can reach in the lock holds what its own dependencies reach: only programs ask for it.
        if let Some(lock) = name(&self.places.of(&self.question.project.root.join("Cargo.lock"))) {
            program.targets.insert(Target::new(EdgeKind::Fingerprint, lock, format!("package {}", part.name)));
        }
        // The programs of documentation are started by rustdoc, one for each example.
        let documented = Unit { untraced: true, ..program.clone() };
        let doc = self.doc().into_iter().map(|unit| (unit, documented.clone()));
        let programs = self.programs().into_iter().map(|unit| (unit, program.clone())).chain(doc);
        programs.chain([(part.unit.clone(), package)]).collect()
    }

    /// The unit that a target of cargo's belongs to: a test's or bench's source is its own, bins and examples are started by tests.
    fn unit_of(&self, target: &cargo_metadata::Target) -> String {
        let unit = || project::program_unit(&self.part.unit, project::kind(target).unwrap_or_default(), &target.name);
        let own = target.is_kind(TargetKind::Test) || target.is_kind(TargetKind::Bench);
        if own { unit() } else { self.part.unit.clone() }
    }

    /// Adds what the compiler read for a target.
    fn add_call(&self, target: &cargo_metadata::Target, call: &DepInfo, units: &mut Units) {
        // A test that the manifest takes out of the run may still be asked for by its name, by a command whose results are not kept.
        let Some(unit) = units.get_mut(&self.unit_of(target)) else { return };
        let library = project::kind(target) == Some("lib");
        let fixed = target.is_kind(TargetKind::CustomBuild) || (library && self.part.at_build);
        for path in call.sources.iter().map(Path::new) {
            if let Place::Inside(path) = self.places.of(path) {
                unit.compiled.insert(path);
            }
            match self.places.of(path) {
                Place::Inside(path) if !inputs::is_rust(&path) => unit.files.insert(path),
                Place::Inside(path) if fixed => unit.fixed.insert(path),
                Place::Inside(path) => unit.sources.insert(path),
                // What is not there was read by a build of long ago.
                Place::Outside(path) if path.starts_with(&self.part.folder) || !path.exists() => continue,
                Place::Outside(path) => unit.targets.insert(Target::new(EdgeKind::Read, path.to_string_lossy(), "")),
                Place::Made => continue,
            };
        }
        let asked = call.variables.keys().filter(|name| !name.starts_with("CARGO") && *name != "OUT_DIR");
        unit.targets.extend(asked.map(|name| Target::new(EdgeKind::Fingerprint, "env", name)));
    }

    /// A program that no build is known of may be made from anything.
    fn mark_what_was_not_compiled(&self, calls: &Calls, units: &mut Units) {
        for target in self.part.targets.iter().filter(|target| !calls.contains_key(target.src_path.as_std_path())) {
            let unit = project::kind(target).map(|kind| project::program_unit(&self.part.unit, kind, &target.name));
            if let Some(unit) = unit.and_then(|unit| units.get_mut(&unit)) {
                unit.targets.insert(Target::new(EdgeKind::Opaque, "", "not compiled"));
                if let Place::Inside(root) = self.places.of(target.src_path.as_std_path()) {
                    unit.files.insert(root);
                }
            }
        }
    }
}
