//! The packages that a workspace is built from, and which of them needs which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use cargo_metadata::{DependencyKind, Metadata, Package, Target, TargetKind};

use super::macros;
use super::places::{Place, Places};
use super::project::{self, Programs};

/// Whose a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The workspace's: its tests are run.
    Member,
    /// Beside the workspace.
    Path,
    /// Another's, of which a copy is kept in the repository.
    Vendored,
}

/// A package whose files are the project's, not a registry's.
pub(super) struct Part<'a> {
    /// The name of its unit.
    pub(super) unit: String,
    /// Its name.
    pub(super) name: &'a str,
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Its folder from the repository's root; `None` if it is outside.
    pub(super) place: Option<String>,
    /// Whose it is.
    pub(super) origin: Origin,
    /// What cargo builds of it.
    pub(super) targets: &'a [Target],
    /// Units that it is built from, at any distance.
    pub(super) needs: BTreeSet<String>,
    /// Units that its tests are built from besides.
    pub(super) dev: BTreeSet<String>,
    /// Whether its library runs while others are built.
    pub(super) at_build: bool,
    /// Whether a procedural macro that it can use may read files which cargo is not told of.
    pub(super) read_by_macros: bool,
    /// Whether a procedural macro of others that it can use may be told where its argument stands.
    pub(super) asked_by_macros: bool,
}

/// The packages that are the project's.
pub(super) fn parts<'a>(metadata: &'a Metadata, project: &Programs, places: &Places<'_>) -> Vec<Part<'a>> {
    let graph = Graph::new(metadata);
    let ours: Vec<&Package> = metadata.packages.iter().filter(|package| is_ours(package, places)).collect();
    let units = units(&ours, project);
    let at_build = graph.at_build();
    let mut others = macros::Others::default();
    let mut parts = Vec::new();
    for package in &ours {
        let id = package.id.repr.as_str();
        let reached = graph.reached(graph.next(id, false));
        let dev = graph.reached(graph.next(id, true));
        let named = |ids: &BTreeSet<&str>| -> BTreeSet<String> {
            ids.iter().filter(|other| **other != id).filter_map(|other| units.get(*other).cloned()).collect()
        };
        let macros: BTreeSet<&str> = reached.union(&dev).copied().filter(|other| graph.is_macro(other)).collect();
        let ours_may_read = macros.iter().any(|of| units.contains_key(*of));
        let made_of = graph.reached(macros);
        let of_others = made_of.iter().filter(|of| !units.contains_key(**of)).map(|of| graph.packages[of]);
        let told: Vec<macros::Told> = of_others.map(|package| others.told(package)).collect();
        let folder = project::folder(package);
        let place = if let Place::Inside(place) = places.of(&folder) { Some(place) } else { None };
        parts.push(Part {
            unit: units[id].clone(),
            name: package.name.as_str(),
            folder,
            place,
            origin: origin(package, project),
            targets: &package.targets,
            needs: named(&reached),
            dev: named(&dev),
            at_build: at_build.contains(id),
            read_by_macros: ours_may_read || told.iter().any(|told| told.reads),
            asked_by_macros: told.iter().any(|told| told.asks_for_places),
        });
    }
    parts
}

/// Whether a package's files may change without its version: it comes from no registry, or a copy of it is in the repository.
fn is_ours(package: &Package, places: &Places<'_>) -> bool {
    package.source.is_none() || places.has(package.manifest_path.as_std_path())
}

fn origin(package: &Package, project: &Programs) -> Origin {
    if package.source.is_some() {
        Origin::Vendored
    } else if project.members.contains_key(&package.id.repr) {
        Origin::Member
    } else {
        Origin::Path
    }
}

/// Folders of the packages that are not the project's.
pub(super) fn folders_of_others(metadata: &Metadata, places: &Places<'_>) -> BTreeSet<PathBuf> {
    metadata.packages.iter().filter(|package| !is_ours(package, places)).map(project::folder).collect()
}

/// Names of units by cargo's ids. Members have the names that they are known by without their dependencies.
fn units(ours: &[&Package], project: &Programs) -> BTreeMap<String, String> {
    let mut units = project.members.clone();
    let mut taken: BTreeSet<String> = units.values().cloned().collect();
    let others: Vec<&Package> = ours.iter().copied().filter(|of| !project.members.contains_key(&of.id.repr)).collect();
    for (id, name) in project::names(&others) {
        let version = others.iter().find(|of| of.id.repr == id).map(|of| format!("{}@{}", of.name, of.version));
        let name = [Some(name), version, Some(id.clone())].into_iter().flatten().find(|name| !taken.contains(name));
        let name = name.unwrap_or_else(|| id.clone());
        taken.insert(name.clone());
        units.insert(id, name);
    }
    units
}

/// Every package, and what it is built from.
struct Graph<'a> {
    packages: BTreeMap<&'a str, &'a Package>,
    edges: BTreeMap<&'a str, BTreeSet<(DependencyOrder, &'a str)>>,
}

/// A kind of dependency, in a form that can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DependencyOrder {
    Normal,
    Build,
    Dev,
}

impl From<DependencyKind> for DependencyOrder {
    fn from(kind: DependencyKind) -> Self {
        match kind {
            DependencyKind::Build => Self::Build,
            DependencyKind::Development => Self::Dev,
            // A kind that is not known yet must not be overlooked.
            DependencyKind::Normal | DependencyKind::Unknown => Self::Normal,
        }
    }
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Metadata) -> Self {
        let packages: BTreeMap<&str, &Package> =
            metadata.packages.iter().map(|package| (package.id.repr.as_str(), package)).collect();
        let mut edges: BTreeMap<&str, BTreeSet<(DependencyOrder, &str)>> = BTreeMap::new();
        for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
            let of = edges.entry(node.id.repr.as_str()).or_default();
            for dependency in &node.deps {
                let kinds = dependency.dep_kinds.iter().map(|kind| DependencyOrder::from(kind.kind));
                of.extend(kinds.map(|kind| (kind, dependency.pkg.repr.as_str())));
            }
        }
        // What the manifests say, too: a feature that this call of cargo left out may have been on when the tests ran.
        let folders: BTreeMap<PathBuf, &str> = metadata
            .packages
            .iter()
            .filter(|package| package.source.is_none())
            .map(|package| (project::folder(package), package.id.repr.as_str()))
            .collect();
        for package in &metadata.packages {
            let of = edges.entry(package.id.repr.as_str()).or_default();
            for dependency in &package.dependencies {
                let path = dependency.path.as_ref().map(|path| path.as_std_path());
                of.extend(path.and_then(|path| folders.get(path)).map(|id| (dependency.kind.into(), *id)));
            }
        }
        Self { packages, edges }
    }

    /// What a package is built from, or its tests besides.
    fn next(&self, id: &str, dev: bool) -> BTreeSet<&'a str> {
        let all = self.edges.get(id).into_iter().flatten();
        all.filter(|(kind, _)| (*kind == DependencyOrder::Dev) == dev).map(|(_, other)| *other).collect()
    }

    /// Some packages and all that they are built from.
    fn reached(&self, from: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
        let mut open: Vec<&str> = from.iter().copied().collect();
        let mut reached = from;
        while let Some(id) = open.pop() {
            open.extend(self.next(id, false).into_iter().filter(|other| reached.insert(other)));
        }
        reached
    }

    fn is_macro(&self, id: &str) -> bool {
        let targets = self.packages.get(id).into_iter().flat_map(|package| &package.targets);
        targets.into_iter().any(|target| target.is_kind(TargetKind::ProcMacro))
    }

    /// Packages that run while others are built: procedural macros, what build scripts use, and what these are built from.
    fn at_build(&self) -> BTreeSet<&'a str> {
        let macros = self.packages.keys().copied().filter(|id| self.is_macro(id));
        let scripts = self.edges.values().flatten().filter(|(kind, _)| *kind == DependencyOrder::Build);
        self.reached(macros.chain(scripts.map(|(_, id)| *id)).collect())
    }
}
