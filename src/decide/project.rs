//! Which runners have tests where, and which CI system a repository uses: from the names of its files, and the texts of a few of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::guard::Runner;
use crate::model::project::{Forge, Tests};

/// Files whose text says whether a folder is a runner's.
const TOLD_BY: [&str; 7] =
    ["pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg", "setup.py", "package.json", "Cargo.toml"];

/// Folders whose projects are data or somebody else's.
const NOT_OURS: [&str; 10] = [
    "node_modules",
    "vendor",
    "third_party",
    "testdata",
    "test_data",
    "fixtures",
    "examples",
    "templates",
    "target",
    "site-packages",
];

/// A recipe names so many places at most; more is somebody's matrix.
const MOST: usize = 8;

/// Whether the text of a file, by its path from the root, is asked for.
#[must_use]
pub fn is_told_by(path: &str) -> bool {
    TOLD_BY.contains(&split(path).1) && is_ours(path)
}

/// The tests of a repository, those nearest to the root first; of each runner none below a folder that has its own. `files` are all paths from the root,
/// `texts` what those say that [`is_told_by`] names.
#[must_use]
pub fn tests(files: &BTreeSet<String>, texts: &BTreeMap<String, String>) -> Vec<Tests> {
    let mut found: Vec<Tests> = Vec::new();
    for (runner, folders) in
        [(Runner::Pytest, pytest(files, texts)), (Runner::Jest, jest(texts)), (Runner::Cargo, cargo(texts))]
    {
        for folder in tops(folders) {
            let (command, install) = match runner {
                Runner::Pytest => ("pytest".to_owned(), pip(&folder, files, texts)),
                Runner::Jest => ("npx jest".to_owned(), packages(&folder, files)),
                Runner::Cargo => crates(&folder, files),
            };
            found.push(Tests { folder, runner, command, install });
        }
    }
    found.sort_by_key(|it| (depth(&it.folder), it.folder.clone(), it.runner));
    found.truncate(MOST);
    found
}

/// The CI systems that have files here.
#[must_use]
pub fn forges(files: &BTreeSet<String>) -> Vec<Forge> {
    let has = |forge: &Forge| match forge {
        Forge::Github => files.iter().any(|path| path.starts_with(".github/workflows/")),
        Forge::Gitlab => files.contains(".gitlab-ci.yml"),
        Forge::Buildkite => files.iter().any(|path| path.starts_with(".buildkite/")),
    };
    [Forge::Github, Forge::Gitlab, Forge::Buildkite].into_iter().filter(has).collect()
}

/// The CI system of the host that a remote's address names.
#[must_use]
pub fn forge_of(remote: &str) -> Option<Forge> {
    let rest = remote.split_once("://").map_or(remote, |(_, rest)| rest);
    // `user:password@host:path` and `user@host/path` alike; a folder has no host.
    let host = rest.split(['/']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default().to_ascii_lowercase();
    let has = |word: &str| host.split(['.', '-']).any(|part| part == word);
    match (has("github"), has("gitlab")) {
        (true, _) => Some(Forge::Github),
        (false, true) => Some(Forge::Gitlab),
        (false, false) => None,
    }
}

/// A branch's name as a recipe may hold it; nothing for one that would have to be quoted in a shell or in YAML.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    !text.starts_with('-') && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
}

fn pytest(files: &BTreeSet<String>, texts: &BTreeMap<String, String>) -> BTreeSet<String> {
    let configured = texts.iter().filter(|(path, text)| match split(path).1 {
        "pytest.ini" => true,
        "pyproject.toml" => text.contains("[tool.pytest"),
        "setup.cfg" => text.contains("[tool:pytest]"),
        "tox.ini" => text.contains("[pytest]"),
        _ => false,
    });
    let mut folders: BTreeSet<String> = configured.map(|(path, _)| split(path).0.to_owned()).collect();
    let found = files.iter().filter(|path| is_python_test(path) && is_ours(path));
    for test in found.filter(|test| !folders.iter().any(|folder| is_below(test, folder))).collect::<Vec<_>>() {
        let project = |folder: &&str| {
            ["pyproject.toml", "setup.py", "setup.cfg"].iter().any(|name| texts.contains_key(&join(folder, name)))
        };
        // Without a project around them, tests are run from the root.
        folders.insert(above(split(test).0).find(project).unwrap_or_default().to_owned());
    }
    folders
}

fn is_python_test(path: &str) -> bool {
    let name = split(path).1.strip_suffix(".py");
    name.is_some_and(|name| name.starts_with("test_") || name.ends_with("_test"))
}

fn jest(texts: &BTreeMap<String, String>) -> BTreeSet<String> {
    let uses = |text: &str| {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return false };
        let has = |table: &str| value.pointer(&format!("/{table}/jest")).is_some();
        let scripts = value.get("scripts").and_then(Value::as_object);
        let calls = |line: &Value| line.as_str().is_some_and(|line| line.split_whitespace().any(|word| word == "jest"));
        value.get("jest").is_some()
            || has("dependencies")
            || has("devDependencies")
            || scripts.is_some_and(|all| all.values().any(calls))
    };
    let found = texts.iter().filter(|(path, text)| split(path).1 == "package.json" && uses(text));
    found.map(|(path, _)| split(path).0.to_owned()).collect()
}

fn cargo(texts: &BTreeMap<String, String>) -> BTreeSet<String> {
    let found = texts.keys().filter(|path| split(path).1 == "Cargo.toml");
    found.map(|path| split(path).0.to_owned()).collect()
}

/// What `pip` installs for a project's tests.
fn pip(folder: &str, files: &BTreeSet<String>, texts: &BTreeMap<String, String>) -> Vec<String> {
    let lists = ["requirements.txt", "requirements-dev.txt", "requirements-test.txt", "dev-requirements.txt"];
    let there = lists.iter().filter(|name| files.contains(&join(folder, name)));
    let mut lines: Vec<String> = there.map(|name| format!("pip install -r {name}")).collect();
    let declares = |name: &str, word: &str| texts.get(&join(folder, name)).is_some_and(|text| text.contains(word));
    if declares("pyproject.toml", "[project]")
        || declares("pyproject.toml", "[tool.poetry]")
        || declares("setup.py", "")
    {
        lines.push("pip install -e .".to_owned());
    }
    lines.push("pip install pytest".to_owned());
    lines
}

fn packages(folder: &str, files: &BTreeSet<String>) -> Vec<String> {
    // The lock file may lie above, where the workspace is.
    let has = |name: &str| std::iter::once(folder).chain(above(folder)).any(|at| files.contains(&join(at, name)));
    let line = match (has("package-lock.json"), has("yarn.lock"), has("pnpm-lock.yaml")) {
        (true, _, _) => "npm ci",
        (false, true, _) => "yarn install --frozen-lockfile",
        (false, false, true) => "corepack enable && pnpm install --frozen-lockfile",
        (false, false, false) => "npm install",
    };
    vec![line.to_owned()]
}

fn crates(folder: &str, files: &BTreeSet<String>) -> (String, Vec<String>) {
    if files.contains(&join(folder, ".config/nextest.toml")) {
        // As nextest's own pages say.
        let install = "curl -LsSf https://get.nexte.st/latest/linux | tar zxf - -C \"${CARGO_HOME:-$HOME/.cargo}/bin\"";
        return ("cargo nextest run --workspace".to_owned(), vec![install.to_owned()]);
    }
    ("cargo test --workspace".to_owned(), Vec::new())
}

/// The folders that lie below none of the others, and whose names need no quotes.
fn tops(folders: BTreeSet<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for folder in folders.into_iter().filter(|folder| is_plain(folder)) {
        if !kept.iter().any(|above| is_below(&folder, above)) {
            kept.push(folder);
        }
    }
    kept
}

/// Whether a path lies in a folder, or is it.
fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A folder and those around it, the root as the empty one.
fn above(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |at| (!at.is_empty()).then(|| split(at).0))
}

fn is_ours(path: &str) -> bool {
    !path.split('/').any(|part| NOT_OURS.contains(&part))
}

fn depth(folder: &str) -> usize {
    if folder.is_empty() { 0 } else { 1 + folder.matches('/').count() }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Folder and name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folders and commands that are found among these files.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let paths = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let texts = files.iter().filter(|(path, _)| is_told_by(path));
        let texts = texts.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        tests(&paths, &texts).iter().map(|it| format!("{}: {}", it.folder, it.command)).collect()
    }

    #[test]
    fn each_runner_is_found_where_it_has_its_project_and_the_root_comes_first() {
        type Files = [(&'static str, &'static str)];
        let cases: &[(&Files, &[&str])] = &[
            (&[("README.md", "")], &[]),
            (&[("test_a.py", "")], &[": pytest"]),
            (&[("pyproject.toml", "[project]\nname = 'a'\n"), ("tests/test_a.py", "")], &[": pytest"]),
            (&[("pyproject.toml", "[project]\nname = 'a'\n"), ("src/a.py", "")], &[]),
            (&[("svc/tox.ini", "[pytest]\n")], &["svc: pytest"]),
            (&[("setup.cfg", "[tool:pytest]\n"), ("svc/pytest.ini", "")], &[": pytest"]),
            (&[("a/setup.py", ""), ("a/t/x_test.py", ""), ("b/pytest.ini", "")], &["a: pytest", "b: pytest"]),
            (&[("package.json", r#"{"devDependencies":{"jest":"30"}}"#)], &[": npx jest"]),
            (&[("package.json", r#"{"scripts":{"test":"node x && jest --ci"}}"#)], &[": npx jest"]),
            (&[("package.json", r#"{"devDependencies":{"vitest":"3"}}"#)], &[]),
            (&[("package.json", "{"), ("web/package.json", r#"{"jest":{}}"#)], &["web: npx jest"]),
            (&[("Cargo.toml", "[workspace]"), ("crates/a/Cargo.toml", "[package]")], &[": cargo test --workspace"]),
            (
                &[("rust/Cargo.toml", "[package]"), ("rust/.config/nextest.toml", "")],
                &["rust: cargo nextest run --workspace"],
            ),
            (
                &[("web/package.json", r#"{"jest":{}}"#), ("pytest.ini", ""), ("core/Cargo.toml", "")],
                &[": pytest", "core: cargo test --workspace", "web: npx jest"],
            ),
            (&[("testdata/x/Cargo.toml", ""), ("node_modules/a/package.json", r#"{"jest":{}}"#)], &[]),
            (&[("a b; $(x)/pytest.ini", ""), ("-x/pytest.ini", "")], &[]),
        ];
        for (files, expected) in cases {
            assert_eq!(found(files), *expected, "{files:?}");
        }
    }

    #[test]
    fn what_is_installed_follows_lists_and_lock_files() {
        let files: BTreeSet<String> =
            ["requirements.txt", "pyproject.toml", "test_a.py", "package.json", "yarn.lock"].map(str::to_owned).into();
        let texts = [("pyproject.toml", "[project]\n"), ("package.json", r#"{"jest":{}}"#)];
        let texts = texts.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
        let lines: Vec<String> = tests(&files, &texts).into_iter().flat_map(|it| it.install).collect();
        let expected = [
            "pip install -r requirements.txt",
            "pip install -e .",
            "pip install pytest",
            "yarn install --frozen-lockfile",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_host_of_the_remote_tells_the_ci_system() {
        for (remote, expected) in [
            ("git@github.com:acme/shop.git", Some(Forge::Github)),
            ("https://token@github.acme.example/shop.git", Some(Forge::Github)),
            ("https://gitlab.com/acme/github.com", Some(Forge::Gitlab)),
            ("ssh://git@my-gitlab.example:2222/shop", Some(Forge::Gitlab)),
            ("/srv/github/shop.git", None),
            ("https://example.org/github.git", None),
        ] {
            assert_eq!(forge_of(remote), expected, "{remote}");
        }
        let files: BTreeSet<String> = [".gitlab-ci.yml", ".buildkite/pipeline.yml"].map(str::to_owned).into();
        assert_eq!(forges(&files), [Forge::Gitlab, Forge::Buildkite]);
    }
}
