//! The workbench of guards (`adapters/guard`): its own tests, with the newest Python and every web framework, and with the oldest Python.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::path::Path;

use support::interpreters::{of_matrix, of_sources};
use support::{Interpreter, Repository};

/// Runs the workbench's own tests, and returns what pytest said at its end.
fn tested(interpreter: Interpreter) -> String {
    let repository = Repository::bare(interpreter);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pytest = repository.command(repository.interpreter.python(), &root.join("testdata/guard"));
    pytest.env_remove("PYTEST_PLUGINS").env_remove("PYTHONPATH");
    let done = pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", "."]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    said
}

#[test]
fn its_own_tests_pass_with_every_framework() {
    let said = tested(of_sources());
    assert!(said.contains(" passed") && !said.contains("skipped"), "{said}");
}

#[test]
fn its_own_tests_pass_with_the_oldest_python() {
    let said = tested(of_matrix(9, 8).or_else(|| of_matrix(11, 9)).unwrap());
    assert!(said.contains(" passed"), "{said}");
}
