//! Files that hold the tables of many tools: what the test runner reads of them, what can matter to every test, and what not.

use std::collections::BTreeMap;

use toml::{Table, Value};

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

/// A file as sections, each with its name, keys and values in one written form.
type Sections = BTreeMap<String, String>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pyproject,
    PytestToml,
    PytestIni,
    ToxIni,
    SetupCfg,
}

impl Kind {
    fn of(path: &str) -> Option<Self> {
        match path.rsplit('/').next().unwrap_or(path) {
            "pyproject.toml" => Some(Self::Pyproject),
            "pytest.toml" | ".pytest.toml" => Some(Self::PytestToml),
            "pytest.ini" | ".pytest.ini" => Some(Self::PytestIni),
            "tox.ini" => Some(Self::ToxIni),
            "setup.cfg" => Some(Self::SetupCfg),
            _ => None,
        }
    }

    fn sections(self, bytes: &[u8]) -> Option<Sections> {
        let text = std::str::from_utf8(bytes).ok()?;
        match self {
            Self::Pyproject => Some(toml_sections(&text.parse().ok()?, &["tool"])),
            Self::PytestToml => Some(toml_sections(&text.parse().ok()?, &[])),
            Self::PytestIni | Self::ToxIni | Self::SetupCfg => {
                let sections = ini_sections(text)?;
                Some(sections.into_iter().map(|(name, keys)| (name, format!("{keys:?}"))).collect())
            }
        }
    }

    /// Whether pytest reads this section.
    fn is_the_runners(self, section: &str) -> bool {
        match self {
            Self::Pyproject => section == "tool.pytest",
            // It refuses to start on `[pytest]` in setup.cfg.
            Self::SetupCfg => matches!(section, "tool:pytest" | "pytest"),
            Self::ToxIni => section == "pytest",
            Self::PytestIni | Self::PytestToml => true,
        }
    }

    fn is_an_onlookers(self, section: &str) -> bool {
        let tool = match self {
            Self::Pyproject => match section.strip_prefix("tool.") {
                Some(tool) => tool,
                None => return false,
            },
            Self::SetupCfg | Self::ToxIni => section.strip_prefix("tool:").unwrap_or(section),
            Self::PytestIni | Self::PytestToml => return false,
        };
        // `coverage:run`, `mypy-package.*`, `pylint.MASTER`, `semantic-release`.
        let same = |name: &str, known: &str| name.replace('-', "_").eq_ignore_ascii_case(&known.replace('-', "_"));
        let first = tool.split([':', '.']).next().unwrap_or(tool);
        ONLOOKERS.iter().any(|known| same(first, known))
            || ["mypy-", "pylint-"].iter().any(|prefix| first.starts_with(prefix))
    }
}

/// Whether this file holds the tables of many tools, or the test runner's.
#[must_use]
pub fn is_table_file(path: &str) -> bool {
    Kind::of(path).is_some()
}

/// What pytest reads of a file. Comments, layout and the order of keys do not count.
#[must_use]
pub fn runner_tables(path: &str, bytes: &[u8]) -> Digest {
    digest(path, bytes, Kind::is_the_runners)
}

/// What of a file can matter to every test, other than through pytest: all tables but those of tools that only look on.
#[must_use]
pub fn build_tables(path: &str, bytes: &[u8]) -> Digest {
    digest(path, bytes, |kind, section| !kind.is_the_runners(section) && !kind.is_an_onlookers(section))
}

fn digest(path: &str, bytes: &[u8], counts: impl Fn(Kind, &str) -> bool) -> Digest {
    let read = Kind::of(path).and_then(|kind| Some((kind, kind.sections(bytes)?)));
    let Some((kind, sections)) = read else { return Digest::of(bytes) };
    let counting = sections.iter().filter(|(name, _)| counts(kind, name));
    Digest::of_parts(counting.flat_map(|(name, keys)| [name.as_bytes(), keys.as_bytes()]))
}

/// The names under which the file's project is installed, in their normal form.
#[must_use]
pub fn project_names(path: &str, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut names: Vec<String> = match Kind::of(path) {
        Some(Kind::Pyproject) => {
            let table: Table = text.parse().unwrap_or_default();
            let project = table.get("project");
            let poetry = table.get("tool").and_then(|tool| tool.get("poetry"));
            let name = |table: &Value| table.get("name").and_then(Value::as_str).map(normal_form);
            [project, poetry].into_iter().flatten().filter_map(name).collect()
        }
        Some(Kind::SetupCfg) => {
            let sections = ini_sections(&text).unwrap_or_default();
            sections
                .get("metadata")
                .and_then(|keys| keys.get("name"))
                .map(|name| normal_form(name))
                .into_iter()
                .collect()
        }
        Some(Kind::PytestToml | Kind::PytestIni | Kind::ToxIni) | None => Vec::new(),
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

/// One section a table of the upper level; the tables inside those named in `opened` are sections of their own.
fn toml_sections(table: &Table, opened: &[&str]) -> Sections {
    let mut sections = Sections::new();
    for (name, value) in table {
        if let Value::Table(inner) = value
            && opened.contains(&name.as_str())
        {
            let inner = toml_sections(inner, &[]).into_iter();
            sections.extend(inner.map(|(tool, keys)| (format!("{name}.{tool}"), keys)));
        } else {
            sections.insert(name.clone(), written(value));
        }
    }
    sections
}

/// A value in one written form, its keys sorted.
fn written(value: &Value) -> String {
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
            (
                "pyproject.toml",
                "[tool.poetry.dependencies]\na = '1'\n",
                "[tool.poetry.dependencies]\na = '2'\n",
                false,
                true,
            ),
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
            (
                "setup.cfg",
                "[options]\ninstall_requires =\n  a\n",
                "[options]\ninstall_requires =\n  a\n  b\n",
                false,
                true,
            ),
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
    fn table_files_are_known_by_name() {
        for (path, expected) in [
            ("pyproject.toml", true),
            ("a/b/setup.cfg", true),
            (".pytest.ini", true),
            ("x-tox.ini", false),
            ("setup.py", false),
        ] {
            assert_eq!(is_table_file(path), expected, "{path}");
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
