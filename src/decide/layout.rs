//! Which part of a repository a path belongs to: a package of cargo's, another runner's project, or neither.
//! Design: `runners-cargo.md`, section 5.2, and the polyglot rule of `runners.md`.

use std::collections::{BTreeMap, BTreeSet};

use globset::GlobSet;

use crate::model::change::{PathClass, SCRIPT_ENDINGS};
use crate::model::tree::Tree;

use super::classify::classify;

/// The manifest of a package.
pub const MANIFEST: &str = "Cargo.toml";

/// What cargo and its toolchain read wherever it stands.
const CARGO_FILES: [&str; 4] = [MANIFEST, "Cargo.lock", "rust-toolchain", "rust-toolchain.toml"];

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

/// Endings of Python's source.
const PYTHON_ENDINGS: [&str; 2] = ["py", "pyi"];

/// Files of other languages' tools.
const OTHER_FILES: [&str; 10] = [
    "Pipfile.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "package.json",
    "pdm.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pyproject.toml",
    "uv.lock",
    "yarn.lock",
];

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

/// Folders of packages that nobody but cargo looks into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CargosOwn(BTreeSet<String>);

impl CargosOwn {
    /// Whether a path is cargo's alone.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let is_cargos = CARGO_FILES.contains(&name) || folder == ".cargo" || folder.ends_with("/.cargo");
        !self.0.is_empty() && (is_cargos || folders_of(path).any(|folder| self.0.contains(folder)))
    }
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

    /// What is cargo's alone, and counts for other runners only where an edge names it: nothing, where a package lies in another
    /// runner's project or holds one, as that may be built from any of the packages. `others` are files of other runners' tests.
    #[must_use]
    pub fn cargos_own<'a>(&self, others: impl Iterator<Item = &'a str>) -> CargosOwn {
        let folders = others.map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder));
        let roots: BTreeSet<&str> = self.others.iter().map(String::as_str).chain(folders).collect();
        let within = |inner: &str, outer: &str| {
            outer.is_empty() || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_mixed = |package: &String| roots.iter().any(|root| within(package, root) || within(root, package));
        if self.packages.iter().any(is_mixed) { CargosOwn::default() } else { CargosOwn(self.packages.clone()) }
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
    PYTHON_ENDINGS.contains(&ending)
        || SCRIPT_ENDINGS.contains(&ending)
        || OTHER_FILES.contains(&name)
        || classify(path, inert) == PathClass::Inert
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
        for (paths, tests, own) in [
            (vec!["rs/Cargo.toml", "rs/a/Cargo.toml", "py/setup.py"], vec!["py/t.py"], true),
            (vec!["Cargo.toml", "rs/Cargo.toml"], vec!["py/t.py"], true),
            (vec!["Cargo.toml", "rs/Cargo.toml", "pyproject.toml"], vec!["py/t.py"], false),
            (vec!["rs/Cargo.toml"], vec!["t.py"], false),
            (vec!["rs/Cargo.toml", "rs/tests/t.py"], vec!["rs/tests/t.py"], false),
            (vec!["rs/Cargo.toml", "core/Cargo.toml", "core/pyproject.toml"], vec!["py/t.py"], false),
            (vec!["rs/Cargo.toml", "rsx/pyproject.toml"], vec!["rsx/t.py"], true),
        ] {
            let found = layout(&paths, true).cargos_own(tests.iter().copied());
            for path in ["rs/src/lib.rs", "rs/data.json", "Cargo.lock", ".cargo/config.toml"] {
                assert_eq!(found.has(path), own, "{paths:?} {path}");
            }
            assert!(!found.has("py/a.py") && !found.has("data.json"), "{paths:?}");
        }
        assert!(!layout(&["Cargo.toml"], false).cargos_own(["py/t.py"].into_iter()).has("src/lib.rs"));
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
