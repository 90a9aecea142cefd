//! The small project that most tests use: what each edit of it runs is known by heart.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Interpreter, Repository};

static NEXT: AtomicU32 = AtomicU32::new(100);

/// How its user starts the tests.
pub const COMMAND: &[&str] = &["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"];
/// All of its tests.
pub const ALL: &[&str] = &["test_a.py::test_a", "test_a.py::test_plus", "test_b.py::test_b"];

/// The files: two modules, three tests.
pub const FILES: &[(&str, &str)] = &[
    ("pytest.ini", "[pytest]\nmarkers =\n    odd: odd\n"),
    ("a.py", "def a():\n    return 1\n\n\ndef plus(n):\n    return n + 1\n"),
    ("b.py", "def b():\n    return 2\n"),
    (
        "test_a.py",
        "from a import a, plus\n\n\ndef test_a():\n    assert a() > 0\n\n\ndef test_plus():\n    assert plus(1) > 0\n",
    ),
    ("test_b.py", "import pytest\nfrom b import b\n\n\n@pytest.mark.odd\ndef test_b():\n    assert b() > 0\n"),
];

/// A test that waits while `HOLD` names a folder, and tells its process there; and one after it.
pub const WAITING: &[(&str, &str)] = &[
    (
        "test_wait.py",
        "import os\nimport time\nfrom pathlib import Path\n\n\ndef test_wait():\n    place = os.environ.get('HOLD')\n    if place:\n        \
         Path(place, 'pid.new').write_text(str(os.getpid()))\n        os.rename(f'{place}/pid.new', f'{place}/pid')\n        \
         for _ in range(6000):\n            time.sleep(0.01)\n",
    ),
    ("test_z.py", "def test_z():\n    assert True\n"),
];

/// The project in a git repository.
pub fn project(interpreter: Interpreter) -> Repository {
    Repository::with(interpreter, FILES)
}

/// The project with the test that waits.
pub fn waiting(interpreter: Interpreter) -> Repository {
    Repository::with(interpreter, &[FILES, WAITING].concat())
}

/// Whatever happened before: one run that passes, then nothing to run, then an edit that runs its own test, each without a warning.
#[track_caller]
pub fn goes_on(repository: &Repository, command: &[&str]) {
    repository.run(command).exits(0).warns_never();
    selects(repository, command);
}

/// After a run that recorded: nothing to run, then an edit that runs its own test, one that breaks it, and the way back.
#[track_caller]
pub fn selects(repository: &Repository, command: &[&str]) {
    // A value that no kept run has seen: what was recorded once is left out when it comes back.
    let new = NEXT.fetch_add(1, Ordering::Relaxed);
    let (good, bad) = (format!("return {new}"), format!("return -{new}"));
    repository.run(command).exits(0).warns_never().ran_only(&[]);
    repository.replace("b.py", "return 2", &good);
    repository.run(command).exits(0).warns_never().ran_only(&["test_b.py::test_b"]);
    repository.replace("b.py", &good, &bad);
    repository.run(command).exits(1).warns_never().ran_only(&["test_b.py::test_b"]);
    repository.replace("b.py", &bad, "return 2");
    repository.run(command).exits(0).warns_never().ran_only(&["test_b.py::test_b"]);
}
