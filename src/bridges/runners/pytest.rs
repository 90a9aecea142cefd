//! pytest, entered as a plugin that its own entry points find on `PYTHONPATH`.
//!
//! An entry point and not `PYTEST_PLUGINS`: a plugin named there that cannot be imported (`python -I`, a tox that drops
//! variables) ends the user's run before its first test, an entry point that is not found does nothing.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::bridges::process::Environment;
use crate::formats::event_v1;
use crate::model::change::{FoundBy, Language, PathClass, TestSort};
use crate::model::window::Trace;

use super::adapter::PYTEST_FILES;
use super::command_line::{base_name, is_launcher, is_python, python_ignores_environment, value_of};
use super::{Adapter, Entrance, Place, Recognition, Runner, Way, option_of};

/// The plugin's module, for the one case in which pytest does not look at entry points.
const PLUGIN: &str = "titer_pytest.plugin";

/// The part of the adapter that a Python child meets first.
const CHILD_FOLDER: &str = "titer_child/";

/// Variables that the adapter needs; tox passes on only what it is told to.
const NEEDED: [&str; 2] = ["TITER_RUN", "PYTHONPATH"];

/// Variables that say where tools keep what they learned in a run: coverage's data, hypothesis' examples.
const ASIDE: [(&str, &str); 2] = [("COVERAGE_FILE", "coverage"), ("HYPOTHESIS_STORAGE_DIRECTORY", "hypothesis")];

/// pytest's own options that ask for no file and for nothing but tests. An option of a plugin may ask for anything.
#[rustfmt::skip]
const PLAIN: [&str; 56] = [
    "-c", "-k", "-l", "-m", "-n", "-o", "-p", "-q",
    "-s", "-v", "-vv", "-vvv", "-x", "-W", "--assert", "--capture",
    "--code-highlight", "--color", "--confcutdir", "--continue-on-collection-errors", "--deselect", "--disable-warnings", "--dist", "--doctest-glob",
    "--doctest-modules", "--durations", "--durations-min", "--exitfirst", "--failed-first", "--ff", "--full-trace", "--ignore",
    "--ignore-glob", "--import-mode", "--keep-duplicates", "--last-failed", "--lf", "--log-level", "--maxfail", "--new-first",
    "--nf", "--no-header", "--no-summary", "--noconftest", "--numprocesses", "--pyargs", "--pythonwarnings", "--quiet",
    "--rootdir", "--runxfail", "--showlocals", "--strict", "--strict-config", "--strict-markers", "--tb", "--verbose",
];

/// The runner.
#[derive(Debug, Clone, Copy)]
pub struct Pytest;

impl Runner for Pytest {
    fn name(&self) -> &'static str {
        "pytest"
    }

    fn sort(&self) -> TestSort {
        TestSort { language: Language::Python, by_file: false }
    }

    fn workers(&self, command: &[String], cores: u64) -> u64 {
        match value_of(command, &["-n", "--numprocesses"]) {
            Some("auto" | "logical") => cores,
            Some(number) => number.parse().unwrap_or(1),
            None => 1,
        }
    }

    fn shares_out<'a>(&self, command: &'a [String]) -> Option<&'a str> {
        option_of(command, &["--splits", "--group", "--num-shards", "--shard-id", "--test-group", "--test-group-count"])
    }

    fn recognise(&self, command: &[String]) -> Option<Recognition> {
        let program = command.first()?;
        if is_python(program) {
            return recognise_python(&command[1..]);
        }
        if is_pytest(program) {
            return Some(Recognition::Runner);
        }
        if !is_launcher(program) {
            return None;
        }
        // `uv run python -I -m pytest`: an interpreter behind a launcher follows the same rules.
        let inner = command.iter().skip(1).position(|word| is_python(word) || is_pytest(word));
        let behind = inner.and_then(|at| self.recognise(&command[at + 1..]));
        Some(behind.unwrap_or(Recognition::Launcher))
    }

    fn adapter(&self) -> Option<Adapter> {
        let children =
            PYTEST_FILES.into_iter().filter_map(|(name, text)| Some((name.strip_prefix(CHILD_FOLDER)?, text)));
        Some(Adapter {
            files: PYTEST_FILES.into_iter().collect(),
            package: "titer_pytest",
            plan: "plan.json",
            child_files: children.collect(),
        })
    }

    fn enter(&self, entrance: Entrance<'_>) -> Result<Way, String> {
        let variable = entrance.place.variable;
        let mut python_path = entrance.adapter.as_os_str().to_owned();
        if let Some(theirs) = variable("PYTHONPATH").filter(|value| !value.is_empty()) {
            python_path.push(":");
            python_path.push(theirs);
        }
        let mut environment = vec![
            ("PYTHONPATH".into(), Some(python_path)),
            ("TITER_RUN".into(), Some(entrance.run.as_os_str().to_owned())),
            ("TOX_OVERRIDE".into(), Some(tox_override(variable("TOX_OVERRIDE")))),
        ];
        if variable("PYTEST_DISABLE_PLUGIN_AUTOLOAD").is_some_and(|value| !value.is_empty()) {
            let mut plugins = OsString::new();
            if let Some(theirs) = variable("PYTEST_PLUGINS").filter(|value| !value.is_empty()) {
                plugins.push(theirs);
                plugins.push(",");
            }
            plugins.push(PLUGIN);
            environment.push(("PYTEST_PLUGINS".into(), Some(plugins)));
        }
        Ok(Way { command: entrance.command.to_vec(), environment })
    }

    fn keep_aside(&self, run: &Path, environment: &mut Environment) {
        // The rest is up to the adapter, which sees the options.
        for (name, file) in ASIDE {
            environment.push((name.into(), Some(run.join(file).into_os_string())));
            for (_, theirs) in environment.iter_mut().filter(|(name, _)| name == "TOX_OVERRIDE") {
                theirs.get_or_insert_default().push(format!(";testenv.pass_env+={name}"));
            }
        }
    }

    fn asks_for_tests_alone(&self, command: &[String], _: Place<'_>) -> bool {
        let is_report = |name: &str| name.starts_with("-r") && !name.starts_with("--");
        command.iter().skip(1).all(|word| {
            let name = word.split('=').next().unwrap_or(word);
            !name.starts_with('-') || PLAIN.contains(&name) || is_report(name)
        })
    }

    fn finds_tests_by(&self, _: &str, class: PathClass) -> FoundBy {
        if class == PathClass::Source { FoundBy::Meaning } else { FoundBy::Presence }
    }

    fn deciding_variables(&self) -> &'static [&'static str] {
        &["PYTHON", "PYTEST_", "COVERAGE_", "COV_", "TOX_", "VIRTUAL_ENV"]
    }

    fn traces(&self, run: &Path, _: Place<'_>) -> Vec<Trace> {
        let Ok(files) = fs::read_dir(run.join("events")) else { return Vec::new() };
        let mut paths: Vec<_> = files.flatten().map(|file| file.path()).collect();
        paths.sort();
        paths.iter().filter_map(|path| fs::read(path).ok()).map(|bytes| event_v1::read(&bytes)).collect()
    }
}

fn is_pytest(word: &str) -> bool {
    matches!(base_name(word), "pytest" | "py.test")
}

fn recognise_python(arguments: &[String]) -> Option<Recognition> {
    let module = arguments.iter().position(|word| word == "-m").and_then(|at| arguments.get(at + 1));
    let runs_pytest = match module.map(String::as_str) {
        Some("pytest" | "py.test") => true,
        // `python -m coverage run -m pytest`, `python -m tox`
        Some(module) if is_launcher(module) => return Some(Recognition::Launcher),
        _ => arguments.iter().take(4).any(|word| is_pytest(word)),
    };
    if !runs_pytest {
        return None;
    }
    if python_ignores_environment(arguments) {
        return Some(Recognition::ShutOut("python's -I and -E keep titer's adapter out".to_owned()));
    }
    Some(Recognition::Runner)
}

/// tox 4 reads overrides from the environment; a user's own come first.
fn tox_override(theirs: Option<OsString>) -> OsString {
    let ours = NEEDED.map(|name| format!("testenv.pass_env+={name}")).join(";");
    match theirs.filter(|value| !value.is_empty()) {
        Some(mut all) => {
            all.push(";");
            all.push(ours);
            all
        }
        None => ours.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_recognised() {
        let shut_out = || Some(Recognition::ShutOut("python's -I and -E keep titer's adapter out".to_owned()));
        for (line, expected) in [
            ("pytest -q", Some(Recognition::Runner)),
            ("/venv/bin/pytest", Some(Recognition::Runner)),
            ("python3.13 -m pytest tests", Some(Recognition::Runner)),
            ("python -X dev -m pytest", Some(Recognition::Runner)),
            ("python /venv/bin/pytest", Some(Recognition::Runner)),
            ("uv run pytest", Some(Recognition::Runner)),
            ("uv run python -I -m pytest", shut_out()),
            ("python -I -m pytest", shut_out()),
            ("tox -e py313", Some(Recognition::Launcher)),
            ("coverage run -m pytest", Some(Recognition::Runner)),
            ("make test", Some(Recognition::Launcher)),
            ("python setup.py build", None),
            ("cargo test", None),
            ("./deploy", None),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(Pytest.recognise(&words), expected, "{line}");
        }
    }
}
