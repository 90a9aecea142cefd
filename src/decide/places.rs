//! Absolute names of files, from the root: which are first-party, and what their names tell.

use std::collections::BTreeSet;

use crate::model::tree::Tree;

/// Folders whose files are a tool's memory or other people's code, wherever they are.
const FOREIGN: [&str; 12] = [
    ".git",
    ".hg",
    ".titer",
    ".tox",
    ".nox",
    ".venv",
    "site-packages",
    "node_modules",
    ".pytest_cache",
    ".hypothesis",
    ".mypy_cache",
    ".ruff_cache",
];

/// Names that pytest asks for below every entry of a folder to find virtual environments.
const ENVIRONMENT_MARKS: [&str; 2] = ["/pyvenv.cfg", "/conda-meta/history"];

/// Where the run took place.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Spellings of the repository's root, absolute, without a slash at the end.
    pub roots: &'a [String],
    /// Folders from the root that are not first-party.
    pub exclude: &'a [String],
    /// The tree before the run.
    pub tree: &'a Tree,
}

impl Places<'_> {
    /// Whether a name is of git's own files.
    #[must_use]
    pub fn is_repository(self, name: &str) -> bool {
        let rest = self.roots.iter().find_map(|root| name.strip_prefix(root.as_str()));
        rest.is_some_and(|rest| rest == "/.git" || rest.starts_with("/.git/"))
    }

    /// A first-party path from the root; `.` for the root itself.
    #[must_use]
    pub fn inside(self, name: &str) -> Option<String> {
        let rest = self.roots.iter().find_map(|root| name.strip_prefix(root.as_str()))?;
        if rest.is_empty() {
            return Some(".".to_owned());
        }
        let path = rest.strip_prefix('/')?;
        let last = path.rsplit('/').next().unwrap_or_default();
        let foreign = path.split('/').any(|part| FOREIGN.contains(&part)) || last.starts_with(".coverage");
        let cache = path.contains("__pycache__") && source_of(path).is_none();
        let excluded = self.exclude.iter().any(|folder| {
            path.strip_prefix(folder.trim_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        (!foreign && !cache && !excluded).then(|| path.to_owned())
    }
}

/// Whether a path is Python's, source or compiled.
#[must_use]
pub fn is_python(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending, "py" | "pyc"))
}

/// Whether a path is one of those that only tell a virtual environment.
#[must_use]
pub fn is_mark(path: &str) -> bool {
    let path = format!("/{path}");
    ENVIRONMENT_MARKS.iter().any(|mark| path.ends_with(mark))
}

/// `a/__pycache__/b.cpython-313.pyc` is made from `a/b.py`.
#[must_use]
pub fn source_of(path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/')?;
    let folder = folder.strip_suffix("__pycache__")?;
    // An interpreter writes under another name first: `b.cpython-313.pyc.140234`.
    let stem = name.contains(".pyc").then(|| name.split('.').next())??;
    Some(format!("{folder}{stem}.py"))
}

/// A folder and all folders below it that hold files.
#[must_use]
pub fn folders_below(tree: &Tree, top: &str) -> BTreeSet<String> {
    let prefix = if top == "." { String::new() } else { format!("{top}/") };
    let mut folders = BTreeSet::from([top.to_owned()]);
    for path in tree.entries.range(prefix.clone()..).map(|(path, _)| path).take_while(|path| path.starts_with(&prefix))
    {
        folders
            .extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()).filter(|f| f.len() >= prefix.len()));
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_projects_own_files_have_a_path() {
        let (roots, exclude) = (["/r".to_owned(), "/link".to_owned()], ["env".to_owned()]);
        let places = Places { roots: &roots, exclude: &exclude, tree: &Tree::default() };
        for (name, path) in [
            ("/r/a/b.txt", Some("a/b.txt")),
            ("/link/a", Some("a")),
            ("/r", Some(".")),
            ("/root/a", None),
            ("/r/env/a", None),
            ("/r/environment", Some("environment")),
            ("/r/a/.pytest_cache/x", None),
            ("/r/.coverage.host", None),
            ("/r/a/__pycache__", None),
            ("/r/a/__pycache__/b.cpython-313.pyc", Some("a/__pycache__/b.cpython-313.pyc")),
        ] {
            assert_eq!(places.inside(name).as_deref(), path, "{name}");
        }
    }

    #[test]
    fn compiled_code_has_a_source() {
        for (path, source) in [
            ("a/__pycache__/b.cpython-313.pyc", Some("a/b.py")),
            ("__pycache__/b.cpython-39.opt-1.pyc.14023", Some("b.py")),
            ("a/b.pyc", None),
        ] {
            assert_eq!(source_of(path).as_deref(), source, "{path}");
        }
    }
}
