//! The laws of a guest with jest: whatever fails on titer's side, jest runs whole, once, and its own exit code comes back.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use nix::sys::signal::Signal;
use support::jest_project::{Packages, Project, Seen};
use support::{Ending, Going, is_ignored};

const JEST: &[&str] = &["node", "node_modules/jest/bin/jest.js", "-i"];

/// Two test files, one of which waits for as long as `WAIT` says and tells that it does.
fn small(packages: Packages) -> Project {
    let project = Project::new(packages);
    let repository = &project.repository;
    repository.write("package.json", r#"{"name":"small","jest":{"transform":{}}}"#);
    repository.write("src/one.js", "module.exports = 1;\n");
    repository.write("test/one.test.js", "test('one', () => expect(require('../src/one')).toBe(1));\n");
    let wait = "test('wait', done => {
        if (!process.env.WAIT) return done();
        require('fs').writeFileSync(process.env.WAIT, 'waiting');
        setTimeout(done, 60000);
    }, 90000);\n";
    repository.write("test/wait.test.js", wait);
    repository.commit("first");
    project
}

fn run(project: &Project) -> Seen {
    project.titer(&JEST.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

fn both() -> BTreeSet<String> {
    ["test/one.test.js", "test/wait.test.js"].map(str::to_owned).into()
}

/// It runs nothing without an edit, and the right file after one.
fn selects(project: &Project) {
    let seen = run(project);
    assert_eq!((seen.code, seen.ran()), (Some(0), BTreeSet::new()), "{}", seen.text);
    project.repository.replace("src/one.js", "= 1", "= 2");
    let seen = run(project);
    assert_eq!((seen.code, seen.ran()), (Some(1), ["test/one.test.js".to_owned()].into()), "{}", seen.text);
}

/// What goes wrong.
type Change = dyn Fn(&mut Project);

#[test]
fn trouble_of_titers_own_costs_one_warning_and_a_whole_run() {
    let no_ledger = |project: &mut Project| {
        let place = project.repository.path("package.json/ledger").display().to_string();
        project.repository.variables.insert("TITER_LEDGER".to_owned(), place);
    };
    let damaged = |project: &mut Project| {
        let ledger = project.repository.path(".titer");
        let files =
            walkdir::WalkDir::new(ledger).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
        let snapshot = files.map(walkdir::DirEntry::into_path).find(|path| path.to_string_lossy().contains("snapshot"));
        fs::write(snapshot.unwrap(), "not a snapshot").unwrap();
    };
    let not_entered = |project: &mut Project| {
        // A node that takes no options from the environment.
        let node = support::jest_project::which("node");
        let script = format!("#!/bin/sh\nunset NODE_OPTIONS\nexec {} \"$@\"\n", node.display());
        project.repository.write("bin/node", script);
        project.repository.mode("bin/node", 0o755);
    };
    let trouble: [(&str, &Change); 3] = [("ledger", &no_ledger), ("snapshot", &damaged), ("entrance", &not_entered)];
    for packages in [Packages::Jest29, Packages::Newest] {
        for (what, break_it) in trouble {
            let mut project = small(packages);
            assert_eq!(run(&project).ran(), both());
            break_it(&mut project);
            let line = if what == "entrance" { vec!["./bin/node", JEST[1], JEST[2]] } else { JEST.to_vec() };
            let seen = project.titer(&line.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!((seen.code, seen.ran()), (Some(0), both()), "{what}: {}", seen.text);
            assert_eq!(seen.warnings().len(), 1, "{what}: {}", seen.text);
        }
    }
}

#[test]
fn without_git_and_without_a_repository_it_selects_all_the_same() {
    let project = small(Packages::Newest);
    project.repository.delete(".git");
    assert_eq!(run(&project).ran(), both());
    selects(&project);
}

#[test]
fn an_adapter_that_fails_in_the_middle_changes_nothing_for_jest() {
    let project = small(Packages::Newest);
    // The folder into which it writes is gone: every line of it fails.
    let gone = "module.exports = async () => require('fs').rmSync(process.env.RUNS, {recursive: true, force: true});\n";
    project.repository.write("gone.js", gone);
    let with = r#"{"name":"small","jest":{"transform":{},"globalSetup":"./gone.js"}}"#;
    project.repository.write("package.json", with);
    let mut project = project;
    let runs = project.repository.beside("home/.cache/titer");
    project.repository.variables.insert("RUNS".to_owned(), runs.display().to_string());
    let seen = run(&project);
    assert_eq!((seen.code, seen.ran()), (Some(0), both()), "{}", seen.text);
    assert_eq!(run(&project).ran(), both());
}

/// titer with a test that waits, once it does.
fn held(project: &mut Project) -> Going {
    let mark = project.repository.beside("out/waiting");
    project.repository.variables.insert("WAIT".to_owned(), mark.display().to_string());
    let mut going = project.repository.start_titer(&[&["run", "--"], JEST].concat());
    going.until(&mark);
    project.repository.variables.remove("WAIT");
    going
}

#[test]
fn signals_reach_jest_and_titer_ends_as_it_does() {
    for (signal, group) in [(Signal::SIGTERM, false), (Signal::SIGINT, true), (Signal::SIGKILL, true)] {
        if is_ignored(signal) {
            continue;
        }
        let mut project = small(Packages::Newest);
        let going = held(&mut project);
        if group {
            going.signal_group(signal);
        } else {
            going.signal(signal);
        }
        let ending: Ending = going.wait();
        assert!(ending.code != Some(0), "{signal}: {ending:?}");
        let next = run(&project);
        assert_eq!(next.code, Some(0), "{signal}: {}", next.text);
        assert!(next.ran().contains("test/wait.test.js"), "{signal}: {}", next.text);
        // What a run told whose titer was killed is taken over once nobody of it is left: that may come late, and runs more.
        if signal != Signal::SIGKILL {
            selects(&project);
        }
    }
}
