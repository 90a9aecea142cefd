//! A project that is installed to be tested: editable, copied, by tox, by nox, with a version that git tells. What the copies ran
//! counts for the files that they were made of, and a copy that is not up to date runs whole.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;
use std::path::Path;

use support::{Ending, Interpreter, Repository, interpreters};

const TESTS: &[&str] = &["tests/test_shop.py::test_discount", "tests/test_shop.py::test_tax"];
const DISCOUNT: &[&str] = &["tests/test_shop.py::test_discount"];
const PYTEST: &[&str] = &["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"];

/// The project, with packages coming from a folder of wheels only.
fn project() -> Repository {
    let (interpreter, wheels) = interpreters::of_installs();
    let mut made = Repository::bare(interpreter);
    made.copy_in("testdata/installs/project");
    made.git(&["init", "-q", "-b", "main"]);
    made.commit("first");
    for (name, value) in [("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", wheels.to_str().unwrap()), ("PIP_QUIET", "1")] {
        made.variables.insert(name.to_owned(), value.to_owned());
    }
    made
}

/// The project with an environment of its own, which borrows pytest and setuptools from the prepared one.
fn with_environment() -> Repository {
    let mut repository = project();
    let home = repository.beside("venv");
    let lender = repository.interpreter.python();
    must(&repository, &lender, &["-m", "venv", "--without-pip", home.to_str().unwrap()]);
    let sites = |home: &Path| {
        let lib = fs::read_dir(home.join("lib")).unwrap().next().unwrap().unwrap().path();
        lib.join("site-packages")
    };
    let lent = sites(lender.parent().unwrap().parent().unwrap());
    fs::write(sites(&home).join("lent.pth"), format!("{}\n", lent.display())).unwrap();
    repository.interpreter = Interpreter { programs: home.join("bin") };
    repository
}

#[track_caller]
fn must(repository: &Repository, program: &Path, arguments: &[&str]) {
    let done = repository.command(program, &repository.root()).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// `pip install` of the project as it is now; an editable one if asked.
#[track_caller]
fn install(repository: &Repository, how: &[&str]) {
    let flags = ["-m", "pip", "install", "--no-build-isolation", "--no-deps", "--force-reinstall"];
    must(repository, &repository.interpreter.python(), &[&flags, how].concat());
}

/// The tests' names as pytest prints them, from its own output: tox and nox hide the witness.
fn passed(ending: &Ending) -> usize {
    let line = ending.stdout.lines().chain(ending.stderr.lines()).find(|line| line.contains(" passed"));
    line.map_or(0, |line| line.split(" passed").next().unwrap().split(' ').next_back().unwrap().parse().unwrap_or(0))
}

#[test]
fn an_editable_install_selects() {
    let repository = with_environment();
    install(&repository, &["-e", "."]);
    repository.run(PYTEST).exits(0).warns_never().ran_only(TESTS);
    repository.run(PYTEST).exits(0).ran_only(&[]);
    repository.replace("src/shop/prices.py", "price - 1", "price - 2");
    repository.run(PYTEST).exits(0).ran_only(DISCOUNT);
    repository.replace("src/shop/prices.py", "price - 2", "price - 20");
    repository.run(PYTEST).exits(1).ran_only(DISCOUNT);
}

#[test]
fn a_copy_counts_for_the_files_that_it_was_made_of_while_it_equals_them() {
    let repository = with_environment();
    install(&repository, &["."]);
    repository.run(PYTEST).exits(0).warns_never().ran_only(TESTS);
    repository.run(PYTEST).exits(0).ran_only(&[]);
    // What setuptools left in `build` still equals the copy, and is not what it was made of.
    assert!(repository.path("build/lib/shop/prices.py").is_file());
    repository.replace("src/shop/prices.py", "price - 1", "price - 20");
    for _ in 0..2 {
        let stale = repository.run(PYTEST);
        stale.exits(0).warns_once().ran_only(TESTS);
        assert!(stale.stderr.contains("stale install"), "{}", stale.stderr);
    }
    install(&repository, &["."]);
    repository.run(PYTEST).exits(1).ran_only(DISCOUNT);
    repository.replace("src/shop/prices.py", "price - 20", "price - 3");
    install(&repository, &["."]);
    repository.run(PYTEST).exits(0).warns_never().ran_only(DISCOUNT);
}

#[test]
fn a_version_that_git_tells_runs_everything_until_it_is_volatile() {
    let repository = with_environment();
    repository.replace(
        "pyproject.toml",
        "requires = [\"setuptools\"]",
        "requires = [\"setuptools\", \"setuptools_scm\"]",
    );
    repository.replace("pyproject.toml", "version = \"1.0\"", "dynamic = [\"version\"]");
    let text = fs::read_to_string(repository.path("pyproject.toml")).unwrap();
    repository.write("pyproject.toml", text + "\n[tool.setuptools_scm]\nversion_file = \"src/shop/_version.py\"\n");
    repository.replace("src/shop/__init__.py", "from shop", "from shop._version import version\nfrom shop");
    let ignored = fs::read_to_string(repository.path(".gitignore")).unwrap();
    repository.write(".gitignore", ignored + "_version.py\n");
    let next = |number: usize| {
        repository.write("notes.md", format!("{number}\n"));
        repository.commit("next");
        install(&repository, &["."]);
    };
    next(0);
    repository.git(&["tag", "v1.0"]);
    repository.run(PYTEST).exits(0).warns_never().ran_only(TESTS);
    for number in 1..6 {
        next(number);
        repository.run(PYTEST).exits(0).warns_never().ran_only(TESTS);
    }
    let told = repository.titer(&["doctor"]);
    assert!(told.exits(1).stdout.contains("volatile = [\"src/shop/_version.py\"]"), "{}", told.stdout);
    repository.write("titer.toml", "volatile = [\"src/shop/_version.py\"]\n");
    repository.titer(&["doctor"]).exits(0);
    next(6);
    repository.run(PYTEST).exits(0).warns_never().ran_only(&[]);
    repository.replace("src/shop/prices.py", "price - 1", "price - 20");
    next(7);
    repository.run(PYTEST).exits(1).ran_only(DISCOUNT);
}

/// Records through a tool that installs the project by itself, then selects through it.
fn selects_through(command: &[&str]) {
    let repository = project();
    assert_eq!(passed(repository.run(command).exits(0).warns_never()), 2);
    repository.replace("src/shop/prices.py", "price - 1", "price - 2");
    let ending = repository.run(command);
    assert_eq!(passed(ending.exits(0).warns_never()), 1, "{}{}", ending.stdout, ending.stderr);
    assert!(
        ending.stderr.contains("left out 1") && ending.stderr.contains("src/shop/prices.py discount"),
        "{}",
        ending.stderr
    );
    repository.replace("src/shop/prices.py", "price - 2", "price - 20");
    repository.run(command).exits(1);
}

#[test]
fn tox_selects() {
    selects_through(&["tox", "-q"]);
}

#[test]
fn nox_selects() {
    selects_through(&["nox", "-s", "tests"]);
}
