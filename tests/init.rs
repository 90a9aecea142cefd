//! `titer init` writes what is missing, leaves alone what is there, and its recipes are what GitHub, GitLab and Buildkite read.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::recipes::{accepted_by, linted, yaml};
use support::{Ending, Interpreter, Repository};

const PYTEST: (&str, &str) = ("tests/test_a.py", "def test_a():\n    pass\n");
const JEST: (&str, &str) = ("web/package.json", r#"{"devDependencies":{"jest":"30"}}"#);
const CARGO: (&str, &str) = ("core/Cargo.toml", "[package]\nname = \"core\"\n");
const RECIPES: [(&str, &str, &str); 3] = [
    ("github", ".github/workflows/titer.yml", "vendor.github-workflows"),
    ("gitlab", ".gitlab/titer.yml", "vendor.gitlab-ci"),
    ("buildkite", ".buildkite/titer.yml", "vendor.buildkite"),
];

/// A repository of which titer looks at nothing but files.
fn repository(files: &[(&str, &str)]) -> Repository {
    Repository::with(Interpreter { programs: PathBuf::from("/usr/bin") }, files)
}

fn done(repository: &Repository, arguments: &[&str]) -> String {
    let told: Ending = repository.titer(&[&["init"], arguments].concat());
    told.exits(0).warns_never();
    told.stdout
}

/// What git sees beside the commit.
fn changed(repository: &Repository) -> Vec<String> {
    let told = repository.command("git", &repository.root()).args(["status", "--porcelain", "-uall"]).output().unwrap();
    String::from_utf8(told.stdout).unwrap().lines().map(|line| line[3..].to_owned()).collect()
}

#[test]
fn what_is_missing_is_written_once_and_a_second_run_changes_nothing() {
    let repository = repository(&[PYTEST]);
    repository.git(&["remote", "add", "origin", "git@github.com:acme/shop.git"]);
    let told = done(&repository, &[]);
    for part in ["pytest at the root", "GitHub Actions (by the remote origin)", "written   titer.toml", "next:\n  1. "]
    {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    assert_eq!(changed(&repository), [".github/workflows/titer.yml", ".gitignore", "titer.toml"]);
    assert!(fs::read_to_string(repository.path(".gitignore")).unwrap().ends_with("/.titer/*\n!/.titer/suite/\n"));
    repository.commit("set up");
    let told = done(&repository, &[]);
    assert!(told.contains("nothing was changed") && !told.contains("written"), "{told}");
    assert_eq!(changed(&repository), [""; 0]);
    repository.write(".titer/ledger/segments/a", "");
    repository.write(".titer/suite/pending/b", "");
    assert_eq!(changed(&repository), [".titer/suite/pending/b"], "the ledger is ignored and the records are not");
}

#[test]
fn what_is_there_is_never_edited_and_the_command_says_what_to_add() {
    let theirs = [(".gitlab-ci.yml", "test:\n  script: [pytest]\n"), (".gitlab/titer.yml", "# ours\n")];
    let repository =
        repository(&[&[PYTEST, ("titer.toml", "budget = \"30s\"\n"), (".gitignore", "*.pyc")], &theirs[..]].concat());
    let told = done(&repository, &[]);
    for part in [
        "GitLab CI (its files are here)",
        "kept      .gitlab-ci.yml",
        "include:\n              - local: .gitlab/titer.yml",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    assert_eq!(changed(&repository), [".gitignore"]);
    assert!(
        fs::read_to_string(repository.path(".gitignore")).unwrap().starts_with("*.pyc\n# "),
        "a line was without an end"
    );
    repository.replace(".gitlab-ci.yml", "test:", "include: .gitlab/titer.yml\ntest:");
    let told = done(&repository, &[]);
    assert!(told.contains("there     .gitlab-ci.yml") && told.contains("nothing was changed"), "{told}");
}

#[test]
fn it_prints_what_it_would_write_and_writes_nothing() {
    for (name, file, _) in RECIPES {
        let repository = repository(&[PYTEST]);
        let told = done(&repository, &["--ci", name, "--print"]);
        for part in ["# ---- titer.toml\n", &format!("# ---- {file}\n"), "# ---- .gitignore\n", "titer run -- pytest\n"]
        {
            assert!(told.contains(part), "{part:?} is not in\n{told}");
        }
        assert_eq!(changed(&repository), [""; 0]);
    }
}

#[test]
fn without_a_ci_system_or_without_tests_there_is_no_recipe_and_a_line_says_why() {
    for (files, arguments, why) in [
        (&[PYTEST][..], &[][..], "a CI system that titer does not know"),
        (&[PYTEST], &["--ci", "none"], "no recipe, as you said"),
        (&[("README.md", "")], &["--ci", "github"], "no recipe, as there is nothing to run"),
    ] {
        let repository = repository(files);
        let told = done(&repository, arguments);
        assert!(told.contains(why), "{told}");
        assert_eq!(changed(&repository), [".gitignore", "titer.toml"]);
    }
}

#[test]
fn a_recipe_is_for_the_default_branch_and_a_strange_name_does_not_get_into_it() {
    let on_trunk = repository(&[PYTEST]);
    on_trunk.git(&["branch", "-m", "trunk"]);
    assert!(done(&on_trunk, &["--ci", "github", "--print"]).contains("branches: [\"trunk\"]"));
    on_trunk.git(&["branch", "main"]);
    assert!(
        done(&on_trunk, &["--ci", "github", "--print"]).contains("branches: [\"main\"]"),
        "a branch is checked out"
    );
    on_trunk.write("titer.toml", "default_branch = \"release/2\"\n");
    assert!(done(&on_trunk, &["--ci", "github", "--print"]).contains("refs/heads/release/2'"));
    on_trunk.write("titer.toml", "default_branch = \"a'; curl x | sh #\"\n");
    assert!(!done(&on_trunk, &["--ci", "github", "--print"]).contains("curl x"));
}

#[test]
fn the_ci_systems_own_readers_accept_each_recipe_of_each_sort_of_project() {
    let nextest = [("Cargo.toml", "[package]\nname = \"a\"\n"), (".config/nextest.toml", "")];
    for files in [&[PYTEST][..], &[JEST], &[CARGO], &nextest, &[PYTEST, JEST, CARGO]] {
        for (name, file, schema) in RECIPES {
            let repository = repository(files);
            done(&repository, &["--ci", name]);
            accepted_by(schema, &repository.path(file));
            if name == "github" {
                linted(&repository.path(file));
            }
            if name == "gitlab" {
                accepted_by(schema, &repository.path(".gitlab-ci.yml"));
            }
            let text = yaml(&repository.path(file)).to_string();
            let (npm, python) = (text.contains("npm install --global titer@"), text.contains("install titer=="));
            let version = env!("CARGO_PKG_VERSION");
            assert!(npm != python && text.contains(version), "{name}: {text}");
            assert_eq!(npm, files == [JEST], "{name}: a project of jest alone gets titer from npm");
        }
    }
}

#[test]
fn the_action_is_one_that_github_reads_and_gets_this_very_version() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml");
    accepted_by("vendor.github-actions", &file);
    let action = yaml(&file);
    assert_eq!(
        action["inputs"]["version"]["default"],
        env!("CARGO_PKG_VERSION"),
        "a new version of titer is one of the action, too"
    );
    for step in action["runs"]["steps"].as_array().unwrap() {
        // What somebody writes into an input must not become part of a script.
        let script = step["run"].as_str().unwrap_or_default();
        assert!(!script.contains("${{"), "{script}");
    }
}
