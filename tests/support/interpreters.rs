//! The two interpreters, each with pytest, that the tests run under.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// A virtual environment with pytest, pytest-xdist and pytest-cov.
#[derive(Clone, Debug)]
pub struct Interpreter {
    /// Its folder of programs, the one to put first on `PATH`.
    pub programs: PathBuf,
}

impl Interpreter {
    /// The `python` in it.
    pub fn python(&self) -> PathBuf {
        self.programs.join("python")
    }
}

/// The interpreter that `sys.monitoring` exists on.
pub fn newest() -> Interpreter {
    named("TITER_TEST_PYTHON_NEW").unwrap_or_else(|| prepared(Vec::pop))
}

/// The interpreter that needs another collector.
pub fn oldest() -> Interpreter {
    named("TITER_TEST_PYTHON_OLD").unwrap_or_else(|| prepared(|all| (!all.is_empty()).then(|| all.remove(0))))
}

/// One of the matrix of versions, `minor` of CPython 3 with a major of pytest, if there is such an interpreter on this machine.
/// One at or above 3.12 and one below must be there: without either a whole collector goes untested.
pub fn of_matrix(minor: u32, pytest: u32) -> Option<Interpreter> {
    let name = |minor: u32, pytest: u32| format!("TITER_TEST_PYTHON_3_{minor}_PYTEST_{pytest}");
    let start = |minor: u32, pytest: u32| format!("3.{minor}-pytest{pytest}-");
    let found = |minor, pytest| named(&name(minor, pytest)).or_else(|| beside("matrix", &start(minor, pytest)));
    let needed =
        |range: std::ops::Range<u32>| range.flat_map(|m| [7, 8, 9].map(|p| (m, p))).any(|(m, p)| found(m, p).is_some());
    assert!(
        needed(12..20) && needed(9..12),
        "the matrix of versions needs a CPython 3.12 or newer and an older one: run .ci/test"
    );
    found(minor, pytest)
}

/// The one with tox, nox and what builds packages; wheels of all that it has are in the second folder.
pub fn of_installs() -> (Interpreter, PathBuf) {
    let there = named("TITER_TEST_PYTHON_INSTALLS").or_else(|| beside("installs", ""));
    let there = there.unwrap_or_else(|| panic!("no environment with tox and nox: run .ci/test, which makes it"));
    let wheels = there.programs.with_file_name("wheels");
    (there, wheels)
}

/// The one with Bugsink and sentry-sdk.
pub fn of_sources() -> Interpreter {
    let there = named("TITER_TEST_PYTHON_SOURCES").or_else(|| beside("sources", ""));
    there.unwrap_or_else(|| panic!("no environment with Bugsink: run .ci/test, which makes it"))
}

/// The one with other people's readers of what `titer audit` writes.
pub fn of_audit() -> Interpreter {
    let there = named("TITER_TEST_PYTHON_AUDIT").or_else(|| beside("audit", ""));
    there.unwrap_or_else(|| panic!("no environment with securesystemslib: run .ci/test, which makes it"))
}

/// The one with the schemas of CI systems, and a reader of YAML.
pub fn of_recipes() -> Interpreter {
    let there = named("TITER_TEST_PYTHON_RECIPES").or_else(|| beside("recipes", ""));
    there.unwrap_or_else(|| panic!("no environment with check-jsonschema: run .ci/test, which makes it"))
}

/// The one with what sends errors to `titer serve`.
pub fn of_senders() -> Interpreter {
    let there = named("TITER_TEST_PYTHON_SENDERS").or_else(|| beside("senders", ""));
    there.unwrap_or_else(|| panic!("no environment with SDKs that send errors: run .ci/test, which makes it"))
}

/// What `.ci/test` left in a folder of the target directory under a name that starts like this.
fn beside(folder: &str, start: &str) -> Option<Interpreter> {
    let target = Path::new(env!("CARGO_BIN_EXE_titer")).ancestors().nth(2)?;
    let all = fs::read_dir(target.join("titer-python").join(folder)).ok()?.filter_map(Result::ok);
    let ready = all.map(|entry| entry.path()).filter(|home| home.join("ready").is_file());
    let mut fitting: Vec<PathBuf> =
        ready.filter(|home| home.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))).collect();
    fitting.sort();
    Some(Interpreter { programs: fitting.pop()?.join("bin") })
}

fn named(variable: &str) -> Option<Interpreter> {
    let python = PathBuf::from(env::var_os(variable)?);
    assert!(python.is_file(), "{variable} names no program: {}; run .ci/test, which sets it", python.display());
    Some(Interpreter { programs: python.parent().unwrap_or(Path::new("/")).to_path_buf() })
}

/// Without the variables: what `.ci/test` left in the target directory, in order of Python's version.
fn prepared(pick: impl FnOnce(&mut Vec<(u32, PathBuf)>) -> Option<(u32, PathBuf)>) -> Interpreter {
    let target = Path::new(env!("CARGO_BIN_EXE_titer")).ancestors().nth(2).unwrap();
    let home = target.join("titer-python");
    let mut all: Vec<(u32, PathBuf)> = fs::read_dir(&home)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| Some((minor(&entry.file_name().to_string_lossy())?, entry.path().join("bin"))))
        .filter(|(_, programs)| programs.join("pytest").is_file())
        .collect();
    all.sort();
    let (_, programs) = pick(&mut all)
        .unwrap_or_else(|| panic!("no interpreter with pytest in {}: run .ci/test, which makes them", home.display()));
    Interpreter { programs }
}

/// `3.13-…` is 13.
fn minor(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("3.")?;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
