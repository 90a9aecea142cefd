//! A project's `node_modules` beside a tree of one of its commits: links, so that nothing is copied and nothing can be written.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The folder that packages lie in.
const NAME: &str = "node_modules";

/// Links the packages of one folder of the project, from its root, into the same folder of the tree. A package that is itself a folder of the
/// project's (a workspace) becomes the tree's own; where the tree holds packages already, they stay.
///
/// # Errors
/// A folder or a link cannot be made.
pub fn link(root: &Path, tree: &Path, folder: &str) -> io::Result<()> {
    let (from, to) = (root.join(folder).join(NAME), tree.join(folder).join(NAME));
    if !from.is_dir() || to.exists() {
        return Ok(());
    }
    let root = root.canonicalize()?;
    all(&root, tree, &from, &to)
}

/// The nearest `node_modules` above a project that has none itself.
#[must_use]
pub fn above(root: &Path) -> Option<PathBuf> {
    root.ancestors().find(|folder| folder.join(NAME).is_dir()).map(Path::to_path_buf)
}

#[allow(clippy::disallowed_methods, reason = "links in a tree of titer's own")]
fn all(root: &Path, tree: &Path, from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)?.flatten() {
        // A link that leads nowhere is no package.
        let Ok(real) = entry.path().canonicalize() else { continue };
        let place = to.join(entry.file_name());
        if entry.file_name().to_string_lossy().starts_with('@') && real.is_dir() {
            all(root, tree, &real, &place)?;
        } else {
            let own = real.strip_prefix(root).ok().filter(|inside| !inside.iter().any(|part| part == NAME));
            symlink(own.map_or(real.clone(), |inside| tree.join(inside)), place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "trees to try it on")]
mod tests {
    use super::*;

    #[test]
    fn packages_are_linked_and_those_of_the_project_are_the_trees_own() {
        let place = tempfile::tempdir().unwrap();
        let (root, tree) = (place.path().join("root"), place.path().join("tree"));
        for folder in ["root/node_modules/@acme", "root/node_modules/left", "root/packages/own", "tree/packages/own"] {
            std::fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        symlink("../../packages/own", root.join("node_modules/@acme/own")).unwrap();
        symlink("nowhere", root.join("node_modules/gone")).unwrap();
        link(&root, &tree, "").unwrap();
        link(&root, &tree, "").unwrap();
        link(&root, &tree, "packages/own").unwrap();
        let real = |path: &str| tree.join(path).canonicalize().unwrap();
        assert_eq!(real("node_modules/left"), root.join("node_modules/left").canonicalize().unwrap());
        assert_eq!(real("node_modules/@acme/own"), real("packages/own"));
        assert!(!tree.join("node_modules/gone").exists() && !tree.join("packages/own/node_modules").exists());
        assert_eq!(above(&root.join("packages/own")), Some(root));
    }
}
