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
