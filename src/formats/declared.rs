//! What a project declares about itself, key by key: which keys can change what an installed environment does, and which
//! only say something.
//!
//! What *is* installed, every distribution by name, version and origin, is part of the variant. A declaration of what *may* be
//! installed changes no test of an environment that is as it was; where it changes the environment, the variant tells. What the
//! variant does not tell is *where* the same name and version came from (a path, an archive, another index): entries that say
//! so count for every test. The project's own distribution is left out of the variant; its metadata (version, description,
//! requirements) can be seen only by code that asks for it, see `commands/asking.rs`. Entry points are looked up by others
//! (plugins), and what the build makes of the files is run: these count for every test.

use toml::Value;

/// To whom a key matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It may change what is installed or how it behaves.
    Everybody,
    /// It ends in the metadata of the project's own distribution and nowhere else.
    Metadata,
    /// Only to those who read the file.
    Nobody,
}

/// Keys of `[project]` that end in `METADATA` and nowhere else. What is not listed counts (`name`, `dynamic`, `scripts`,
/// `gui-scripts`, `entry-points`, keys of days to come).
const PROJECT: &[&str] = &[
    "authors",
    "classifiers",
    "dependencies",
    "description",
    "keywords",
    "license",
    "license-files",
    "maintainers",
    "optional-dependencies",
    "readme",
    "requires-python",
    "urls",
    "version",
];

/// The same of `[tool.poetry]`.
const POETRY: &[&str] = &[
    "authors",
    "classifiers",
    "dependencies",
    "description",
    "documentation",
    "extras",
    "homepage",
    "keywords",
    "license",
    "maintainers",
    "readme",
    "repository",
    "urls",
    "version",
];

/// The same of `[metadata]` of setup.cfg.
const METADATA: &[&str] = &[
    "author",
    "author_email",
    "classifiers",
    "description",
    "description_file",
    "download_url",
    "keywords",
    "license",
    "license_file",
    "license_files",
    "license_expression",
    "long_description",
    "long_description_content_type",
    "maintainer",
    "maintainer_email",
    "platforms",
    "project_urls",
    "url",
    "version",
];

/// The same of `[options]` of setup.cfg.
const OPTIONS: &[&str] = &["install_requires", "python_requires", "tests_require"];

/// Keywords of `setup()` that end in `METADATA` and nowhere else.
pub(super) const SETUP: &[&str] = &[
    "author",
    "author_email",
    "classifiers",
    "description",
    "download_url",
    "extras_require",
    "install_requires",
    "keywords",
    "license",
    "license_file",
    "license_files",
    "long_description",
    "long_description_content_type",
    "maintainer",
    "maintainer_email",
    "platforms",
    "project_urls",
    "python_requires",
    "tests_require",
    "url",
    "version",
];

/// Keys of tox's environments that decide only what is installed, which the variant tells.
const TESTENV: &[&str] = &["basepython", "base_python", "dependency_groups", "deps", "description", "extras", "labels"];

/// `[project] version` is `project/version` here.
pub(super) fn in_pyproject(section: &str) -> Role {
    match section.split_once('/') {
        Some(("project", key)) => metadata_if(PROJECT.contains(&key)),
        // The environment's groups end in no metadata at all.
        Some(("tool.poetry", "dev-dependencies" | "group")) => Role::Nobody,
        Some(("tool.poetry", key)) => metadata_if(POETRY.contains(&key)),
        None if section == "dependency-groups" => Role::Nobody,
        _ => Role::Everybody,
    }
}

pub(super) fn in_setup_cfg(section: &str) -> Role {
    match section.split_once('/') {
        Some(("metadata", key)) => metadata_if(METADATA.contains(&key.replace('-', "_").as_str())),
        Some(("options", key)) => metadata_if(OPTIONS.contains(&key)),
        None if section == "options.extras_require" => Role::Metadata,
        _ => Role::Everybody,
    }
}

pub(super) fn in_tox_ini(section: &str) -> Role {
    match section.split_once('/') {
        Some((_, key)) if TESTENV.contains(&key) => Role::Nobody,
        _ => Role::Everybody,
    }
}

fn metadata_if(listed: bool) -> Role {
    if listed { Role::Metadata } else { Role::Everybody }
}

/// Whether a key holds requirements, so that a place may stand in it.
pub(super) fn holds_requirements(section: &str) -> bool {
    let key = section.rsplit_once('/').map_or(section, |(_, key)| key);
    matches!(
        key,
        "dependencies"
            | "optional-dependencies"
            | "dependency-groups"
            | "dev-dependencies"
            | "group"
            | "install_requires"
            | "extras_require"
            | "tests_require"
            | "options.extras_require"
            | "deps"
    )
}

/// What of a declared value says where something comes from, not only which: entries that count for every test.
pub(super) fn origins(value: &Value) -> Vec<String> {
    const PLACES: &[&str] = &["path", "file", "url", "git", "hg", "svn", "source", "index"];
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| names_an_origin(text)).into_iter().collect(),
        Value::Array(values) => values.iter().flat_map(origins).collect(),
        Value::Table(table) if PLACES.iter().any(|key| table.contains_key(*key)) => vec![value.to_string()],
        Value::Table(table) => {
            let inside = table.iter().map(|(key, value)| (key, origins(value)));
            inside.flat_map(|(key, found)| found.into_iter().map(move |one| format!("{key} {one}"))).collect()
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => Vec::new(),
    }
}

/// The same of lines, as requirements files and INI files hold them.
pub(super) fn origins_of_lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    lines.filter(|line| !line.starts_with('#') && names_an_origin(line)).map(str::to_owned).collect()
}

/// Whether a requirement is more than a name, a range of versions and a condition: an address, a path, an option of pip's.
fn names_an_origin(requirement: &str) -> bool {
    let text = requirement.split(';').next().unwrap_or_default().trim();
    let plain_option = ["-r", "--requirement", "-c", "--constraint", "--hash", "--require-hashes", "--pre"];
    if text.starts_with('-') {
        let option = text.split([' ', '=']).next().unwrap_or_default();
        let joined = (text.starts_with("-r") || text.starts_with("-c")) && !text.starts_with("--");
        return !plain_option.contains(&option) && !joined;
    }
    text.contains('@') || text.contains("://") || text.contains(" --") || looks_like_a_path(text)
}

fn looks_like_a_path(text: &str) -> bool {
    let extras_stripped = text.split('[').next().unwrap_or_default();
    extras_stripped.contains(['/', '\\']) || text.starts_with('.') || is_archive(text)
}

/// `a-1.0-py3-none-any.whl`, `a.tar.gz`; `a==1.0` has no such ending.
fn is_archive(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending, "whl" | "gz" | "zip" | "bz2" | "xz"))
}

/// What of uv.lock or poetry.lock says where packages come from, other than the usual index: package and origin.
pub(super) fn origins_of_lock(text: &str) -> Vec<String> {
    const INDEX: &str = "source = { registry = \"https://pypi.org/simple\" }";
    let mut found = Vec::new();
    let (mut package, mut in_source) = ("", false);
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            // poetry.lock has the origin as a table of its own.
            in_source = line == "[package.source]";
        }
        if line.starts_with("name = ") {
            package = line;
        } else if in_source || (line.starts_with("source = ") && line != INDEX) {
            found.push(format!("{package} {line}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_names_an_origin_or_not() {
        for (text, expected) in [
            ("a", false),
            ("a[b,c] >= 1.0, < 2 ; python_version < '3.9'", false),
            ("a==1 ; platform == 'https://x'", false),
            ("a @ https://x/a.whl", true),
            ("a@git+ssh://x", true),
            ("./lib", true),
            ("lib/a", true),
            ("a-1.0-py3-none-any.whl", true),
            ("-e .", true),
            ("--index-url https://x", true),
            ("--no-binary :all:", true),
            ("a==1 --config-settings x=y", true),
            ("-r other.txt", false),
            ("-rother.txt", false),
            ("-c constraints.txt", false),
            ("--hash=sha256:0", false),
            ("--requirement other.txt", false),
        ] {
            assert_eq!(names_an_origin(text), expected, "{text}");
        }
    }

    #[test]
    fn a_lock_says_where_from() {
        let uv = "[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { registry = \"https://pypi.org/simple\" }\n\
                  [[package]]\nname = \"b\"\nsource = { registry = \"https://other\" }\n";
        assert_eq!(origins_of_lock(uv), ["name = \"b\" source = { registry = \"https://other\" }"]);
        let poetry = "[[package]]\nname = \"a\"\nversion = \"1\"\n\n[package.source]\ntype = \"git\"\nurl = \"u\"\n\
                      [[package]]\nname = \"b\"\nversion = \"2\"\n";
        let lines = ["[package.source]", "type = \"git\"", "url = \"u\""].map(|line| format!("name = \"a\" {line}"));
        assert_eq!(origins_of_lock(poetry), lines);
    }
}
