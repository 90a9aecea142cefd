//! Absolute names, from the repository's root.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::model::tree::Tree;

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the repository: the path from its root, `.` for the root itself.
    Inside(String),
    /// Elsewhere.
    Outside(PathBuf),
    /// Where cargo keeps what it makes and what it downloads: decided by other inputs.
    Made,
}

/// The repository, and folders that do not count.
pub(super) struct Places<'a> {
    tree: &'a Tree,
    roots: Vec<PathBuf>,
    made: BTreeSet<PathBuf>,
}

impl<'a> Places<'a> {
    /// A repository at `root`; `made` are folders of cargo's.
    pub(super) fn new(root: &Path, tree: &'a Tree, made: BTreeSet<PathBuf>) -> Self {
        let mut roots = vec![normal(root)];
        roots.extend(root.canonicalize().ok().filter(|real| *real != roots[0]));
        let real: Vec<PathBuf> = made.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        let made = made.into_iter().chain(real).collect();
        Self { tree, roots, made }
    }

    /// More folders of cargo's.
    pub(super) fn add_made(&mut self, made: BTreeSet<PathBuf>) {
        self.made.extend(made);
    }

    /// Where an absolute path is.
    pub(super) fn of(&self, path: &Path) -> Place {
        let path = normal(path);
        if path.ancestors().any(|above| self.made.contains(above)) {
            return Place::Made;
        }
        let spelled = self.inside(&path);
        if let Some(spelled) = spelled.as_ref().filter(|spelled| self.knows(spelled)) {
            return Place::Inside(spelled.clone());
        }
        // A folder on the way may be a link.
        let real = path.canonicalize().ok().and_then(|real| self.inside(&real)).filter(|real| self.knows(real));
        real.or(spelled).map_or(Place::Outside(path), Place::Inside)
    }

    /// Whether the tree has this file.
    pub(super) fn has(&self, path: &Path) -> bool {
        matches!(self.of(path), Place::Inside(path) if self.tree.entries.contains_key(&path))
    }

    fn knows(&self, path: &str) -> bool {
        self.tree.entries.contains_key(path) || self.tree.has_folder(path)
    }

    fn inside(&self, path: &Path) -> Option<String> {
        let rest = self.roots.iter().find_map(|root| path.strip_prefix(root).ok())?;
        let parts: Vec<_> = rest.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
    }
}

/// A path without `.` and `..`, by its words alone.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

/// A path below a folder, where `.` is the root.
pub(super) fn below(folder: &str, path: &str) -> String {
    if folder == "." { path.to_owned() } else { format!("{folder}/{path}") }
}

/// All paths of a tree below a folder.
pub(super) fn all_below<'t>(tree: &'t Tree, folder: &str) -> impl Iterator<Item = &'t String> + use<'t> {
    let prefix = if folder == "." { String::new() } else { format!("{folder}/") };
    tree.entries.range(prefix.clone()..).map(|(path, _)| path).take_while(move |path| path.starts_with(&prefix))
}
