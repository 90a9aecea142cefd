//! What sort of file a path is.

use globset::GlobSet;

use crate::model::change::{Language, PathClass, SCRIPT_ENDINGS, TableFile};

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

/// Files that decide which packages scripts find, and how; they count by what they say.
const SCRIPT_TABLES: [&str; 5] =
    ["package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"];

/// Files that decide what is installed for scripts, or build it.
const SCRIPT_BUILDS: [&str; 6] =
    [".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "pnpm-workspace.yaml", "binding.gyp"];

/// The class that `path` has for tests of a language; `policy` holds the user's own inert globs.
#[must_use]
pub fn classify_for(language: Language, path: &str, policy: &GlobSet) -> PathClass {
    if language != Language::Script {
        return classify(path, policy);
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    if is_script_table(path) {
        return PathClass::Tables;
    }
    // Patches of packages are applied when they are installed.
    let is_patch = ending == "patch" && folder.rsplit('/').next() == Some("patches");
    if SCRIPT_BUILDS.contains(&name) || BUILD_NAMES.contains(&name) || is_patch {
        return PathClass::BuildInput;
    }
    if SCRIPT_ENDINGS.contains(&ending) {
        return PathClass::Source;
    }
    if is_inert(path, name, ending) || policy.is_match(path) {
        return PathClass::Inert;
    }
    if BUILD_ENDINGS.contains(&ending) { PathClass::BuildInput } else { PathClass::Data }
}

/// Whether a path counts table by table for scripts.
#[must_use]
pub fn is_script_table(path: &str) -> bool {
    SCRIPT_TABLES.contains(&path.rsplit('/').next().unwrap_or(path))
}

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
    fn scripts_have_source_and_tables_of_their_own() {
        let policy = GlobSet::empty();
        for (path, class) in [
            ("src/a.ts", PathClass::Source),
            ("docs/conf.js", PathClass::Source),
            ("packages/a/package.json", PathClass::Tables),
            ("yarn.lock", PathClass::Tables),
            (".npmrc", PathClass::BuildInput),
            ("patches/a+1.0.0.patch", PathClass::BuildInput),
            ("a.patch", PathClass::Data),
            ("native/a.cc", PathClass::BuildInput),
            ("a.py", PathClass::Data),
            ("pyproject.toml", PathClass::Data),
            ("README.md", PathClass::Inert),
        ] {
            assert_eq!(classify_for(Language::Script, path, &policy), class, "{path}");
        }
    }

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
