//! Which part of a repository a path belongs to: a package of cargo's, another runner's project, or neither.
//! Design: `runners-cargo.md`, section 5.2, and the polyglot rule of `runners.md`.

use std::collections::{BTreeMap, BTreeSet};

use globset::GlobSet;

use crate::model::change::PathClass;
use crate::model::tree::Tree;

use super::classify::classify;

/// The manifest of a package.
pub const MANIFEST: &str = "Cargo.toml";

/// Files in the root of another runner's project.
const OTHER_ROOTS: [&str; 10] = [
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "pytest.ini",
    "pytest.toml",
    "tox.ini",
    "package.json",
    "requirements.txt",
    "conftest.py",
    "noxfile.py",
];

/// Endings of other languages' source.
const OTHER_SOURCES: [&str; 10] = ["py", "pyi", "js", "ts", "jsx", "tsx", "mjs", "cjs", "mts", "cts"];

/// Files of other languages' tools.
const OTHER_FILES: [&str; 6] =
    ["package.json", "package-lock.json", "pyproject.toml", "uv.lock", "poetry.lock", "yarn.lock"];

/// Where a path lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part<'a> {
    /// In the package of that folder; the empty name is the root.
    Package(&'a str),
    /// In another runner's project, with no package above or below.
    Elsewhere,
    /// In no package: it may matter to all of them.
    Outside,
}

/// The folders of a repository that somebody's tool calls its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    packages: BTreeSet<String>,
    others: BTreeSet<String>,
}

impl Layout {
    /// The layout of a tree; `is_package` tells the manifest of a package from that of a mere workspace.
    #[must_use]
    pub fn of(tree: &Tree, is_package: &dyn Fn(&str) -> bool) -> Self {
        let mut layout = Self::default();
        for path in tree.entries.keys() {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if name == MANIFEST && is_package(path) {
                layout.packages.insert(folder.to_owned());
            } else if OTHER_ROOTS.contains(&name) {
                layout.others.insert(folder.to_owned());
            }
        }
        layout
    }

    /// The part that a path belongs to.
    #[must_use]
    pub fn part(&self, path: &str) -> Part<'_> {
        let mut elsewhere = false;
        for folder in folders_of(path) {
            if let Some(package) = self.packages.get(folder) {
                return Part::Package(package);
            }
            elsewhere |= self.others.contains(folder) && !self.has_package_below(folder);
        }
        if elsewhere { Part::Elsewhere } else { Part::Outside }
    }

    fn has_package_below(&self, folder: &str) -> bool {
        let inside = |package: &String| {
            folder.is_empty() || package.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        self.packages.range(folder.to_owned()..).take(2).any(inside)
    }

    /// Paths of a tree by what they matter to, each with the names that count there.
    #[must_use]
    pub fn parts<'a>(&'a self, tree: &'a Tree) -> BTreeMap<Part<'a>, Vec<&'a str>> {
        let mut parts: BTreeMap<Part<'a>, Vec<&str>> = BTreeMap::new();
        for path in tree.entries.keys() {
            parts.entry(self.part(path)).or_default().push(path);
        }
        parts
    }
}

/// Folders of cargo's that no other runner's project lies in, above or below: what is in them counts for other runners only where
/// an edge names it. None, where one project is of both: it may be built from any of the packages. `others` are files of the other
/// runner's tests.
#[must_use]
pub fn only_cargos<'a>(tree: &Tree, others: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let folder = |path: &'a str| path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let named = |names: &[&str]| -> BTreeSet<&str> {
        let is_named = |path: &&String| names.contains(&path.rsplit('/').next().unwrap_or(path));
        tree.entries
            .keys()
            .filter(is_named)
            .map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder))
            .collect()
    };
    let cargos = named(&[MANIFEST]);
    let mut roots = named(&OTHER_ROOTS);
    roots.extend(others.map(folder));
    let within = |inner: &str, outer: &str| {
        outer.is_empty() || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mixed = cargos.iter().any(|cargo| roots.iter().any(|root| within(cargo, root) || within(root, cargo)));
    if mixed { BTreeSet::new() } else { cargos.into_iter().map(str::to_owned).collect() }
}

/// Whether a path is in one of some folders.
#[must_use]
pub fn is_in(folders: &BTreeSet<String>, path: &str) -> bool {
    !folders.is_empty() && folders_of(path).any(|folder| folders.contains(folder))
}

/// The folders that a path lies in, the innermost first; the root is the empty name.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let path = rest?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        rest = if path.contains('/') { Some(folder) } else { None };
        Some(folder)
    })
}

/// Whether a path in a package matters only to whoever is seen to read it: documentation, another language's source.
#[must_use]
pub fn is_idle(path: &str, inert: &GlobSet) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    OTHER_SOURCES.contains(&ending) || OTHER_FILES.contains(&name) || classify(path, inert) == PathClass::Inert
}

/// Whether a path is found by name alone as a test program of the package in `folder`: it matters to no other program.
#[must_use]
pub fn is_test_program(path: &str, folder: &str) -> bool {
    let inside =
        if folder.is_empty() { Some(path) } else { path.strip_prefix(folder).map(|p| p.trim_start_matches('/')) };
    let below = inside.and_then(|path| path.strip_prefix("tests/").or_else(|| path.strip_prefix("benches/")));
    below.is_some_and(|name| {
        name.rsplit_once('.').is_some_and(|(_, ending)| ending == "rs")
            && (!name.contains('/') || name.split('/').nth(1) == Some("main.rs"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;
    use crate::model::tree::{Entry, Mode};

    fn layout(paths: &[&str], virtual_root: bool) -> Layout {
        let entry = |path: &&str| ((*path).to_owned(), Entry { mode: Mode::File, content: Digest(1) });
        let tree = Tree { entries: paths.iter().map(entry).collect(), ..Tree::default() };
        Layout::of(&tree, &|path| !(virtual_root && path == MANIFEST))
    }

    #[test]
    fn a_path_belongs_to_the_innermost_package() {
        let one = layout(&["Cargo.toml", "core/Cargo.toml", "core/inner/Cargo.toml"], false);
        for (path, folder) in
            [("src/lib.rs", ""), ("core/src/a.rs", "core"), ("core/inner/x", "core/inner"), ("cores/x", "")]
        {
            assert_eq!(one.part(path), Part::Package(folder), "{path}");
        }
    }

    #[test]
    fn another_runners_project_is_elsewhere_unless_a_package_lies_above_or_below() {
        let paths =
            ["Cargo.toml", "rs/Cargo.toml", "py/pyproject.toml", "mixed/pyproject.toml", "mixed/rust/Cargo.toml"];
        let virtual_root = layout(&paths, true);
        for (path, part) in [
            ("py/src/a.py", Part::Elsewhere),
            ("py/pyproject.toml", Part::Elsewhere),
            ("mixed/a.py", Part::Outside),
            ("mixed/rust/a.rs", Part::Package("mixed/rust")),
            ("shared/a.json", Part::Outside),
            ("Makefile", Part::Outside),
        ] {
            assert_eq!(virtual_root.part(path), part, "{path}");
        }
        assert_eq!(layout(&paths, false).part("py/src/a.py"), Part::Package(""));
    }

    #[test]
    fn folders_of_cargo_alone_count_for_others_only_where_an_edge_names_them() {
        for (paths, tests, only) in [
            (vec!["rs/Cargo.toml", "rs/a/Cargo.toml", "py/setup.py"], vec!["py/t.py"], vec!["rs", "rs/a"]),
            (vec!["rs/Cargo.toml"], vec!["py/t.py"], vec!["rs"]),
            (vec!["rs/Cargo.toml"], vec!["t.py"], vec![]),
            (vec!["Cargo.toml"], vec!["py/t.py"], vec![]),
            (vec!["rs/Cargo.toml", "rs/tests/t.py"], vec!["rs/tests/t.py"], vec![]),
            (vec!["rs/Cargo.toml", "core/Cargo.toml", "rs/pyproject.toml"], vec!["py/t.py"], vec![]),
            (vec!["rs/Cargo.toml", "rsx/pyproject.toml"], vec!["rsx/t.py"], vec!["rs"]),
        ] {
            let entry = |path: &&str| ((*path).to_owned(), Entry { mode: Mode::File, content: Digest(1) });
            let tree = Tree { entries: paths.iter().map(entry).collect(), ..Tree::default() };
            let found = only_cargos(&tree, tests.iter().copied());
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), only, "{paths:?}");
            assert_eq!(is_in(&found, "rs/src/lib.rs"), only.contains(&"rs"), "{paths:?}");
        }
    }

    #[test]
    fn documentation_and_other_languages_lie_idle() {
        let none = GlobSet::empty();
        for (path, idle) in [("README.md", true), ("a/b.py", true), ("src/lib.rs", false), ("data.json", false)] {
            assert_eq!(is_idle(path, &none), idle, "{path}");
        }
        for (path, is) in
            [("a/tests/x.rs", true), ("a/tests/x/main.rs", true), ("a/tests/x/y.rs", false), ("a/src/x.rs", false)]
        {
            assert_eq!(is_test_program(path, "a"), is, "{path}");
        }
    }
}
