//! What sort of file a path is.

use globset::GlobSet;

use crate::model::change::{PathClass, TableFile};

/// Names of files that build code, whatever edges exist.
const BUILD_NAMES: [&str; 12] = [
    "Makefile",
    "makefile",
    "GNUmakefile",
    "Dockerfile",
    "Containerfile",
    "meson.build",
    "CMakeLists.txt",
    "build.rs",
    "Cargo.toml",
    "Cargo.lock",
    "MANIFEST.in",
    "configure",
];

/// Endings of files that build code under Python.
const BUILD_ENDINGS: [&str; 17] =
    ["c", "h", "cc", "cpp", "cxx", "hpp", "hh", "pyx", "pxd", "pxi", "rs", "proto", "f", "f90", "cu", "mk", "cmake"];

/// Names and endings that are never an unknown path.
const INERT_NAMES: [&str; 15] = [
    "titer.toml",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".git-blame-ignore-revs",
    ".mailmap",
    ".editorconfig",
    ".pre-commit-config.yaml",
    ".readthedocs.yml",
    ".readthedocs.yaml",
    ".travis.yml",
    ".gitlab-ci.yml",
    "azure-pipelines.yml",
    "appveyor.yml",
    "CODEOWNERS",
];

/// Folders in which nothing is an unknown path.
const INERT_FOLDERS: [&str; 9] =
    [".titer", ".git", ".github", ".gitlab", ".circleci", ".buildkite", ".vscode", ".idea", ".devcontainer"];

/// The class of `path`; `policy` holds the user's own inert globs.
#[must_use]
pub fn classify(path: &str, policy: &GlobSet) -> PathClass {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    if TableFile::of(path).is_some() {
        return PathClass::Tables;
    }
    if BUILD_NAMES.contains(&name) {
        return PathClass::BuildInput;
    }
    // Source comes before the inert folders: `docs/conf.py` or `.github/check.py` may well be imported, and is traced if so.
    if ending == "py" {
        return PathClass::Source;
    }
    if is_inert(path, name, ending) || policy.is_match(path) {
        return PathClass::Inert;
    }
    if BUILD_ENDINGS.contains(&ending) {
        return PathClass::BuildInput;
    }
    PathClass::Data
}

fn is_inert(path: &str, name: &str, ending: &str) -> bool {
    let mut folders = path.split('/').rev().skip(1);
    let top = path.split('/').next().filter(|top| *top != path);
    INERT_NAMES.contains(&name)
        || matches!(ending, "md" | "rst" | "swp" | "orig")
        || ["LICENSE", "LICENCE", "COPYING", "CHANGES", "CHANGELOG", "AUTHORS", "NOTICE"].iter().any(|stem| {
            name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
        })
        || top == Some("docs")
        || name == ".coverage"
        || name.starts_with(".coverage.")
        || name == "coverage.xml"
        || top == Some("htmlcov")
        // Made by installing the project; what a test reads of it is an edge of its own.
        || folders.any(|folder| INERT_FOLDERS.contains(&folder) || folder.ends_with(".egg-info"))
        || name.ends_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_the_class_that_the_design_gives_it() {
        let policy = GlobSet::empty();
        for (path, class) in [
            ("src/a.py", PathClass::Source),
            ("docs/conf.py", PathClass::Source),
            ("README.md", PathClass::Inert),
            ("a/b/NEWS.rst", PathClass::Inert),
            ("LICENSE", PathClass::Inert),
            ("LICENSE-MIT", PathClass::Inert),
            ("CHANGES.txt", PathClass::Inert),
            ("CHANGESET", PathClass::Data),
            ("docs/data.json", PathClass::Inert),
            ("src/docs/data.json", PathClass::Data),
            (".github/workflows/ci.yml", PathClass::Inert),
            (".titer/ledger/log/1.json", PathClass::Inert),
            ("pyproject.toml", PathClass::Tables),
            ("sub/setup.cfg", PathClass::Tables),
            ("x-tox.ini", PathClass::Data),
            (".pytest.ini", PathClass::Tables),
            ("requirements/dev.in", PathClass::Tables),
            ("requirements/README", PathClass::Data),
            ("uv.lock", PathClass::Tables),
            ("setup.py", PathClass::Tables),
            ("src/fast.pyx", PathClass::BuildInput),
            ("Makefile", PathClass::BuildInput),
            (".coverage", PathClass::Inert),
            ("src/pkg.egg-info/PKG-INFO", PathClass::Inert),
            ("requirements.txt", PathClass::Tables),
            ("tests/data.json", PathClass::Data),
            ("script", PathClass::Data),
        ] {
            assert_eq!(classify(path, &policy), class, "{path}");
        }
    }
}
