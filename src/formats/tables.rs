//! Files that hold the tables of many tools: what the test runner reads of them, what can matter to every test, and what not.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::declared::{self, Role};
use super::setup_script;
use crate::model::change::TableFile;
use crate::model::digest::Digest;

/// Tools that look at the code or ship it, but are not there when a test runs. A table that is not listed counts.
const ONLOOKERS: &[&str] = &[
    "autoflake",
    "autopep8",
    "bandit",
    "basedpyright",
    "black",
    "blacken-docs",
    "blue",
    "bumpver",
    "bumpversion",
    "check-manifest",
    "check-wheel-contents",
    "cibuildwheel",
    "codespell",
    "commitizen",
    "coverage",
    "creosote",
    "darglint",
    "deptry",
    "djlint",
    "doc8",
    "docformatter",
    "docstr-coverage",
    "flake8",
    "git-cliff",
    "importlinter",
    "interrogate",
    "isort",
    "mdformat",
    "mypy",
    "nox",
    "numpydoc_validation",
    "pep8",
    "pep8-naming",
    "pre-commit",
    "pycodestyle",
    "pydocstyle",
    "pydoclint",
    "pylic",
    "pylint",
    "pyproject-fmt",
    "pyright",
    "pytype",
    "pyupgrade",
    "radon",
    "refurb",
    "repo-review",
    "rstcheck",
    "ruff",
    "semantic_release",
    "slotscheck",
    "spell",
    "sphinx-pyproject",
    "sqlfluff",
    "tbump",
    "tomlsort",
    "towncrier",
    "tox",
    "typos",
    "unify",
    "vermin",
    "vulture",
    "wemake-python-styleguide",
    "xenon",
    "yapf",
    "yamlfix",
    "zest-releaser",
    "zest",
];

/// A file as sections, by name. A key of a section that is opened is a section of its own, `project/version`.
type Sections = BTreeMap<String, Section>;

/// What a section says.
struct Section {
    /// Its keys and values in one written form.
    written: String,
    /// What of it tells where something to be installed comes from; empty if it holds no requirements.
    origins: Vec<String>,
}

/// Tables that are opened: their keys matter to different people.
const OPENED: &[&str] = &["project", "tool", "tool.poetry"];

/// The digest of what a TOML file says: comments, layout and the order of keys do not count. Another file counts by its bytes.
#[must_use]
pub fn meaning(bytes: &[u8]) -> Digest {
    let table = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Table>().ok());
    table.map_or_else(|| Digest::of(bytes), |table| Digest::of(written(&Value::Table(table)).as_bytes()))
}

fn sections(kind: TableFile, bytes: &[u8]) -> Option<Sections> {
    let text = std::str::from_utf8(bytes).ok()?;
    match kind {
        TableFile::Pyproject => Some(toml_sections("", &text.parse().ok()?, OPENED)),
        TableFile::PytestToml => Some(toml_sections("", &text.parse().ok()?, &[])),
        TableFile::PytestIni | TableFile::ToxIni | TableFile::SetupCfg => {
            let mut found = Sections::new();
            for (name, keys) in ini_sections(text)? {
                add_ini_section(kind, name, &keys, &mut found);
            }
            Some(found)
        }
        TableFile::SetupScript | TableFile::Requirements | TableFile::UvLock | TableFile::PoetryLock => None,
    }
}

fn add_ini_section(kind: TableFile, name: String, keys: &BTreeMap<String, String>, found: &mut Sections) {
    let is_environment = name == "testenv" || name.starts_with("testenv:");
    let opened = (kind == TableFile::SetupCfg && matches!(name.as_str(), "metadata" | "options"))
        || (kind == TableFile::ToxIni && is_environment);
    if !opened {
        let text = keys.values().map(String::as_str).collect::<Vec<_>>().join("\n");
        let origins = if declared::holds_requirements(&name) { declared::origins_of_lines(&text) } else { Vec::new() };
        found.insert(name, Section { written: format!("{keys:?}"), origins });
        return;
    }
    for (key, value) in keys {
        let place = format!("{name}/{key}");
        let origins = if declared::holds_requirements(&place) { declared::origins_of_lines(value) } else { Vec::new() };
        found.insert(place, Section { written: value.clone(), origins });
    }
}

/// Whether pytest reads this section.
fn is_the_runners(kind: TableFile, section: &str) -> bool {
    match kind {
        TableFile::Pyproject => section == "tool.pytest",
        // It refuses to start on `[pytest]` in setup.cfg.
        TableFile::SetupCfg => matches!(section, "tool:pytest" | "pytest"),
        TableFile::ToxIni => section == "pytest",
        TableFile::PytestIni | TableFile::PytestToml => true,
        TableFile::SetupScript | TableFile::Requirements | TableFile::UvLock | TableFile::PoetryLock => false,
    }
}

fn is_an_onlookers(kind: TableFile, section: &str) -> bool {
    let tool = match kind {
        TableFile::Pyproject => match section.strip_prefix("tool.") {
            Some(tool) => tool,
            None => return false,
        },
        TableFile::SetupCfg | TableFile::ToxIni => section.strip_prefix("tool:").unwrap_or(section),
        TableFile::PytestIni
        | TableFile::PytestToml
        | TableFile::SetupScript
        | TableFile::Requirements
        | TableFile::UvLock
        | TableFile::PoetryLock => return false,
    };
    // `coverage:run`, `mypy-package.*`, `pylint.MASTER`, `semantic-release`.
    let same = |name: &str, known: &str| name.replace('-', "_").eq_ignore_ascii_case(&known.replace('-', "_"));
    let first = tool.split([':', '.', '/']).next().unwrap_or(tool);
    ONLOOKERS.iter().any(|known| same(first, known))
        || ["mypy-", "pylint-"].iter().any(|prefix| first.starts_with(prefix))
}

fn role(kind: TableFile, section: &str) -> Role {
    if is_the_runners(kind, section) || is_an_onlookers(kind, section) {
        return Role::Nobody;
    }
    match kind {
        TableFile::Pyproject => declared::in_pyproject(section),
        TableFile::SetupCfg => declared::in_setup_cfg(section),
        TableFile::ToxIni => declared::in_tox_ini(section),
        TableFile::PytestIni
        | TableFile::PytestToml
        | TableFile::SetupScript
        | TableFile::Requirements
        | TableFile::UvLock
        | TableFile::PoetryLock => Role::Everybody,
    }
}

/// What pytest reads of a file. Comments, layout and the order of keys do not count.
#[must_use]
pub fn runner_tables(path: &str, bytes: &[u8]) -> Digest {
    let Some(kind) = TableFile::of(path) else { return Digest::of(bytes) };
    if !kind.may_configure_the_runner() {
        return Digest::default();
    }
    let Some(sections) = sections(kind, bytes) else { return Digest::of(bytes) };
    let read = sections.iter().filter(|(name, _)| is_the_runners(kind, name));
    Digest::of_parts(read.flat_map(|(name, section)| [name.as_bytes(), section.written.as_bytes()]))
}

/// What of a file can matter to every test, other than through pytest: what builds the project, what decides where
/// distributions come from, and every table that nothing is known about.
#[must_use]
pub fn build_tables(path: &str, bytes: &[u8]) -> Digest {
    let lines = |origins: &dyn Fn(&str) -> Vec<String>| {
        let text = std::str::from_utf8(bytes).ok()?;
        Some(Digest::of_parts(origins(text).iter().map(String::as_bytes)))
    };
    let kind = TableFile::of(path);
    let found = match kind {
        Some(TableFile::SetupScript) => setup_script::build(bytes),
        Some(TableFile::Requirements) => lines(&declared::origins_of_lines),
        Some(TableFile::UvLock | TableFile::PoetryLock) => lines(&declared::origins_of_lock),
        Some(kind) => sections(kind, bytes).map(|sections| {
            let counting = sections.iter().flat_map(|(name, section)| match role(kind, name) {
                Role::Everybody => vec![name.as_bytes(), section.written.as_bytes()],
                Role::Metadata | Role::Nobody if section.origins.is_empty() => Vec::new(),
                Role::Metadata | Role::Nobody => {
                    std::iter::once(name.as_bytes()).chain(section.origins.iter().map(String::as_bytes)).collect()
                }
            });
            Digest::of_parts(counting)
        }),
        None => None,
    };
    found.unwrap_or_else(|| Digest::of(bytes))
}

/// What of a file ends in the metadata of the project's own distribution, and matters to nobody else.
#[must_use]
pub fn metadata_tables(path: &str, bytes: &[u8]) -> Digest {
    let Some(kind) = TableFile::of(path) else { return Digest::default() };
    if kind == TableFile::SetupScript {
        return Digest::of(bytes);
    }
    let Some(sections) = sections(kind, bytes) else { return Digest::default() };
    let counting = sections.iter().filter(|(name, _)| role(kind, name) == Role::Metadata);
    Digest::of_parts(counting.flat_map(|(name, section)| [name.as_bytes(), section.written.as_bytes()]))
}

/// The names under which the file's project is installed, in their normal form.
#[must_use]
pub fn project_names(path: &str, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut names: Vec<String> = match TableFile::of(path) {
        Some(TableFile::Pyproject) => {
            let table: Table = text.parse().unwrap_or_default();
            let project = table.get("project");
            let poetry = table.get("tool").and_then(|tool| tool.get("poetry"));
            let name = |table: &Value| table.get("name").and_then(Value::as_str).map(normal_form);
            [project, poetry].into_iter().flatten().filter_map(name).collect()
        }
        Some(TableFile::SetupCfg) => {
            let sections = ini_sections(&text).unwrap_or_default();
            sections
                .get("metadata")
                .and_then(|keys| keys.get("name"))
                .map(|name| normal_form(name))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    };
    names.sort_unstable();
    names.dedup();
    names
}

/// `Zope._Interface` is installed as `zope-interface`.
fn normal_form(name: &str) -> String {
    let parts = name.trim().split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// One section a table; the keys inside those named in `opened` are sections of their own.
fn toml_sections(above: &str, table: &Table, opened: &[&str]) -> Sections {
    let mut sections = Sections::new();
    for (key, value) in table {
        // `tool.mypy`, but `project/version`: a key is no table.
        let name = match above {
            "" => key.clone(),
            "tool" => format!("tool.{key}"),
            _ => format!("{above}/{key}"),
        };
        if let Value::Table(inner) = value
            && opened.contains(&name.as_str())
        {
            sections.extend(toml_sections(&name, inner, opened));
        } else {
            let origins = if declared::holds_requirements(&name) { declared::origins(value) } else { Vec::new() };
            sections.insert(name, Section { written: written(value), origins });
        }
    }
    sections
}

/// A value in one written form, its keys sorted.
pub(super) fn written(value: &Value) -> String {
    match value {
        Value::Table(table) => {
            let sorted: BTreeMap<&String, String> = table.iter().map(|(key, value)| (key, written(value))).collect();
            format!("{sorted:?}")
        }
        Value::Array(values) => format!("{:?}", values.iter().map(written).collect::<Vec<_>>()),
        Value::String(text) => format!("string {text}"),
        Value::Integer(number) => format!("integer {number}"),
        Value::Float(number) => format!("float {number:?}"),
        Value::Boolean(truth) => format!("boolean {truth}"),
        Value::Datetime(time) => format!("time {time}"),
    }
}

/// An INI file as Python's readers of setup.cfg and tox.ini see it; `None` where they would refuse it.
fn ini_sections(text: &str) -> Option<BTreeMap<String, BTreeMap<String, String>>> {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let (mut section, mut key): (Option<String>, Option<String>) = (None, None);
    for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let continues = line.starts_with([' ', '\t']);
        if let (true, Some(section), Some(key)) = (continues, &section, &key) {
            let value = sections.get_mut(section)?.get_mut(key)?;
            value.push('\n');
            value.push_str(trimmed);
        } else if let Some(rest) = trimmed.strip_prefix('[') {
            let name = rest.split(']').next()?.to_owned();
            if sections.insert(name.clone(), BTreeMap::new()).is_some() {
                return None;
            }
            (section, key) = (Some(name), None);
        } else {
            let (name, value) = trimmed.split_once(['=', ':'])?;
            let name = name.trim().to_owned();
            let keys = sections.get_mut(section.as_ref()?)?;
            if keys.insert(name.clone(), value.trim().to_owned()).is_some() {
                return None;
            }
            key = Some(name);
        }
    }
    Some(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_edit_of_a_table_matters_to() {
        // path, before, after, whether the runner's tables differ, whether the build's do
        const CASES: &[(&str, &str, &str, bool, bool)] = &[
            (
                "pyproject.toml",
                "# a\n[tool.pytest.ini_options]\na = 1\nb = 2\n",
                "[tool.pytest.ini_options]\nb=2\na=1\n",
                false,
                false,
            ),
            (
                "pyproject.toml",
                "[tool.pytest.ini_options]\na = 1\n",
                "[tool.pytest.ini_options]\na = '1'\n",
                true,
                false,
            ),
            ("pyproject.toml", "[tool.pytest]\na = ['x', 'y']\n", "[tool.pytest]\na = ['y', 'x']\n", true, false),
            ("pyproject.toml", "", "[tool.pytest]\n", true, false),
            ("pyproject.toml", "[tool.black]\na = 1\n", "[tool.black]\na = 2\n", false, false),
            ("pyproject.toml", "[tool.ruff.lint]\na = 1\n", "[tool.mypy]\nb = 2\n", false, false),
            ("pyproject.toml", "[tool.semantic-release]\na = 1\n", "", false, false),
            ("pyproject.toml", "[project]\nname = 'a'\n", "[project]\nname = 'b'\n", false, true),
            ("pyproject.toml", "[build-system]\nrequires = []\n", "[build-system]\nrequires = ['x']\n", false, true),
            ("pyproject.toml", "[tool.poetry.build]\na = '1'\n", "[tool.poetry.build]\na = '2'\n", false, true),
            ("pyproject.toml", "[tool.setuptools]\na = 1\n", "[tool.setuptools]\na = 2\n", false, true),
            ("pyproject.toml", "[tool.our-own]\na = 1\n", "[tool.our-own]\na = 2\n", false, true),
            ("pyproject.toml", "[black]\na = 1\n", "[black]\na = 2\n", false, true),
            ("pyproject.toml", "[broken\n", "[broken \n", true, true),
            ("sub/setup.cfg", "[tool:pytest]\na = 1\n  2\n", "[tool:pytest]\na=1\n\n    # c\n    2\n", false, false),
            ("setup.cfg", "[tool:pytest]\na = 1\n", "[tool:pytest]\na = 2\n", true, false),
            (
                "setup.cfg",
                "[flake8]\na = 1\n[mypy-x.*]\nb = 1\n",
                "[coverage:run]\na = 2\n[pylint.MAIN]\nb = 1\n",
                false,
                false,
            ),
            ("setup.cfg", "[bumpversion:file:a.py]\na = 1\n", "[isort]\na = 1\n", false, false),
            ("setup.cfg", "[options]\nzip_safe =\n  a\n", "[options]\nzip_safe =\n  a\n  b\n", false, true),
            ("setup.cfg", "[a]\nb = 1\nb = 2\n", "[a]\nb = 1\nb = 2\n\n", true, true),
            ("tox.ini", "[tox]\nenvlist = a\n", "[tox]\nenvlist = b\n", false, false),
            ("tox.ini", "[testenv]\nsetenv = A=1\n", "[testenv]\nsetenv = A=2\n", false, true),
            ("tox.ini", "[pytest]\na = 1\n", "[pytest]\na = 2\n", true, false),
            ("pytest.ini", "[pytest]\na : 1\n", "; c\n[pytest]\na = 1\n", false, false),
            (".pytest.ini", "[pytest]\na = 1\n", "[pytest]\na = 2\n", true, false),
            ("pytest.toml", "[pytest]\na = 1\n", "[pytest]\na = 2\n", true, false),
            ("pytest.toml", "[pytest]\na = 1\n", "[pytest]\na = 1 # c\n", false, false),
            ("other.toml", "a = 1\n", "a = 1 \n", true, true),
        ];
        for &(path, before, after, runner, build) in CASES {
            let differs = |of: fn(&str, &[u8]) -> Digest| of(path, before.as_bytes()) != of(path, after.as_bytes());
            assert_eq!(
                (differs(runner_tables), differs(build_tables)),
                (runner, build),
                "{path}\n{before}\n->\n{after}"
            );
        }
    }

    #[test]
    fn what_a_declaration_matters_to() {
        // path, before, after, whether the build differs, whether the metadata does
        const CASES: &[(&str, &str, &str, bool, bool)] = &[
            ("pyproject.toml", "[project]\nversion = '1'\n", "[project]\nversion = '2'\n", false, true),
            ("pyproject.toml", "[project]\nname = 'a'\n", "[project]\nname = 'b'\n", true, false),
            ("pyproject.toml", "[project]\n", "[project]\ndynamic = ['version']\n", true, false),
            ("pyproject.toml", "[project]\n", "[project]\nnot-known = 1\n", true, false),
            ("pyproject.toml", "[project.urls]\na = 'https://a@b'\n", "[project]\n", false, true),
            ("pyproject.toml", "[project.scripts]\na = 'b:c'\n", "[project]\n", true, false),
            ("pyproject.toml", "[project.entry-points.x]\na = 'b:c'\n", "[project]\n", true, false),
            (
                "pyproject.toml",
                "[project]\ndependencies = ['a']\n",
                "[project]\ndependencies = ['a', 'b>1; c<2']\n",
                false,
                true,
            ),
            (
                "pyproject.toml",
                "[project]\ndependencies = ['a']\n",
                "[project]\ndependencies = ['a @ file:///a']\n",
                true,
                true,
            ),
            (
                "pyproject.toml",
                "[dependency-groups]\ndev = ['a==1', {include-group = 'x'}]\n",
                "[dependency-groups]\ndev = ['a==2']\n",
                false,
                false,
            ),
            (
                "pyproject.toml",
                "[tool.poetry.group.dev.dependencies]\na = '1'\n",
                "[tool.poetry.group.dev.dependencies]\na = { version = '2', extras = ['b'] }\n",
                false,
                false,
            ),
            (
                "pyproject.toml",
                "[tool.poetry.dependencies]\na = '1'\n",
                "[tool.poetry.dependencies]\na = { path = '../a' }\n",
                true,
                true,
            ),
            ("pyproject.toml", "[tool.poetry]\npackages = []\n", "[tool.poetry]\n", true, false),
            ("pyproject.toml", "[tool.uv.sources]\na = { path = 'a' }\n", "", true, false),
            ("setup.cfg", "[metadata]\nversion = 1\n", "[metadata]\nversion = 2\n", false, true),
            ("setup.cfg", "[options]\npackages = a\n", "[options]\npackages = b\n", true, false),
            ("setup.cfg", "[options]\ninstall_requires =\n  a\n", "[options]\ninstall_requires =\n  b\n", false, true),
            ("setup.cfg", "[options.extras_require]\na = b\n", "[options.extras_require]\na = -e .\n", true, true),
            ("setup.cfg", "[options.entry_points]\na = b\n", "[options.entry_points]\na = c\n", true, false),
            ("tox.ini", "[testenv:x]\ndeps = a\n", "[testenv:x]\ndeps = b\n", false, false),
            ("tox.ini", "[testenv]\ndeps = a\n", "[testenv]\ndeps = ./b\n", true, false),
            ("tox.ini", "[testenv]\ncommands = a\n", "[testenv]\ncommands = b\n", true, false),
            ("requirements.txt", "a==1\n", "# c\na==2 ; b\n-r c.txt\n", false, false),
            ("requirements/dev.in", "a==1\n", "a==1 # https://c\n", false, false),
            ("requirements-dev.txt", "a==1\n", "a==1\n--index-url https://b\n", true, false),
            ("uv.lock", "name = \"a\"\nversion = \"1\"\n", "name = \"a\"\nversion = \"2\"\n", false, false),
        ];
        for &(path, before, after, build, metadata) in CASES {
            let differs = |of: fn(&str, &[u8]) -> Digest| of(path, before.as_bytes()) != of(path, after.as_bytes());
            assert_eq!(
                (differs(build_tables), differs(metadata_tables)),
                (build, metadata),
                "{path}\n{before}\n->\n{after}"
            );
        }
    }

    #[test]
    fn a_project_is_known_by_its_normal_name() {
        for (path, text, expected) in [
            (
                "pyproject.toml",
                "[project]\nname = 'Zope._Interface'\n[tool.poetry]\nname = 'other'\n",
                &["other", "zope-interface"][..],
            ),
            ("pyproject.toml", "[project]\nname = 'a'\n[tool.poetry]\nname = 'A'\n", &["a"]),
            ("pyproject.toml", "[broken", &[]),
            ("setup.cfg", "[metadata]\nname = My_Package\n", &["my-package"]),
            ("setup.cfg", "[metadata]\nversion = 1\n", &[]),
            ("tox.ini", "[metadata]\nname = x\n", &[]),
        ] {
            assert_eq!(project_names(path, text.as_bytes()), expected, "{text}");
        }
    }
}
