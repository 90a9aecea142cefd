//! The parts of the tree that cargo's packages are made of, and which names are in them.

use std::collections::BTreeSet;
use std::path::Path;

use globset::GlobSet;

use crate::bridges::disk;
use crate::decide::layout::{CargosOwn, Layout, MANIFEST, Part, is_idle, is_test_program};
use crate::formats::cargo_manifest;
use crate::formats::llvm_profile::is_stray_profile;
use crate::model::digest::Digest;
use crate::model::edge::{EdgeKind, Target};
use crate::model::tree::Tree;
use crate::model::unit::Unit;

/// The names of a package's files.
pub const NAMES: &str = "names";
/// The same, where the file tracer saw what tests look at: only those that decide about what is built.
pub const NAMES_TRACED: &str = "names-traced";
/// The names of all files below a folder.
pub const TREE: &str = "tree";
/// The names of the files that belong to no package.
pub const OUTSIDE: &str = "outside";

/// cargo writes it itself.
const LOCK: &str = "Cargo.lock";

/// The parts of one tree.
#[derive(Debug)]
pub struct Parts {
    layout: Layout,
    inert: GlobSet,
    /// Paths that runs themselves write.
    outputs: BTreeSet<String>,
}

impl Parts {
    /// The parts of the tree at `root`.
    #[must_use]
    pub fn of(root: &Path, tree: &Tree, inert: &GlobSet, outputs: BTreeSet<String>) -> Self {
        let is_package = |path: &str| {
            disk::read(&root.join(path)).ok().and_then(|b| cargo_manifest::programs(&b)).is_none_or(|d| d.package)
        };
        Self { layout: Layout::of(tree, &is_package), inert: inert.clone(), outputs }
    }

    /// What is cargo's alone; `others` are files of other runners' tests.
    #[must_use]
    pub fn cargos_own<'a>(&self, others: impl Iterator<Item = &'a str>) -> CargosOwn {
        self.layout.cargos_own(others)
    }

    /// Whether an edge of that name is about names in a part of the tree.
    #[must_use]
    pub fn speaks_of(name: &str) -> bool {
        matches!(name, NAMES | NAMES_TRACED | TREE | OUTSIDE)
    }

    /// Which names there are.
    #[must_use]
    pub fn names(&self, tree: &Tree, folder: &str, sort: &str) -> Digest {
        let folder = if folder == "." { "" } else { folder };
        let is_here = |path: &&String| match sort {
            TREE => folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')),
            OUTSIDE => self.is_outside(path),
            NAMES_TRACED => {
                let built = !is_idle(path, &self.inert) && !is_test_program(path, folder);
                built && self.layout.part(path) == Part::Package(folder)
            }
            _ => self.layout.part(path) == Part::Package(folder),
        };
        let counts =
            |path: &&String| !is_lock(path) && !is_stray_profile(file_name(path)) && !self.outputs.contains(*path);
        let names = tree.entries.keys().filter(counts).filter(is_here);
        Digest::of_parts(names.map(String::as_bytes))
    }

    fn is_outside(&self, path: &str) -> bool {
        self.layout.part(path) == Part::Outside && !is_idle(path, &self.inert)
    }

    /// What belongs to no package and may matter to all.
    #[must_use]
    pub fn outside(&self, tree: &Tree) -> Unit {
        let is_manifest = |path: &str| file_name(path) == MANIFEST;
        let counts = |path: &&String| !is_lock(path) && !is_manifest(path) && !self.outputs.contains(*path);
        let files = tree.entries.keys().filter(counts).filter(|path| self.is_outside(path)).cloned().collect();
        let targets = BTreeSet::from([Target::new(EdgeKind::Listed, "", OUTSIDE)]);
        Unit { files, targets, ..Unit::default() }
    }
}

fn is_lock(path: &str) -> bool {
    file_name(path) == LOCK
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
