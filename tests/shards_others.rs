//! Shards of jest's and cargo's tests: every test in exactly one of them, as these tell it themselves.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use support::jest_project::{Packages, Project};
use support::shares::{assert_once, plan, titer};
use support::{Going, cargo_project, newest};

/// A test file of jest's.
fn test(name: &str) -> String {
    format!(
        "const {{one}} = require('../src/one');\ntest('{name}', () => expect(one()).toBe(1));\ntest('more', () => expect(one()).toBe(1));\n"
    )
}

/// Five of them.
fn of_jest(package: &str) -> Project {
    let project = Project::new(Packages::Newest);
    project.repository.write("package.json", package);
    project.repository.write("src/one.js", "exports.one = () => 1;\n");
    for name in ["a", "b", "c", "d", "[id]"] {
        project.repository.write(&format!("test/{name}.test.js"), test(name));
    }
    project.repository.commit("first");
    project
}

#[test]
fn jest_has_every_file_in_one_shard() {
    let project = of_jest(r#"{"name":"small","jest":{"transform":{}}}"#);
    let repository = &project.repository;
    let command = Project::jest(&[]);
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let report = repository.beside("out/report.json");
    let shard = |flags: &[&str]| -> BTreeSet<String> {
        let _ = fs::remove_file(&report);
        let output = format!("--outputFile={}", report.display());
        let ending = titer(repository, flags, &[words.as_slice(), &["--json", &output]].concat());
        assert_eq!(ending.code, Some(0), "{}{}", ending.stdout, ending.stderr);
        let told: Value = fs::read(&report).map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap());
        let files = told["testResults"].as_array().cloned().unwrap_or_default();
        files.iter().map(|file| file["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    };
    let all =
        |more: &[&str]| ["a", "b", "c", "d", "[id]"].iter().chain(more).map(|it| format!("{it}.test.js")).collect();
    let once = |shares: &[BTreeSet<String>], all: &BTreeSet<String>, case: &str| {
        let mut ran = BTreeMap::new();
        for file in shares.iter().flatten() {
            *ran.entry(file.clone()).or_default() += 1;
        }
        assert_once(&ran, all, case);
    };
    let by_name: Vec<_> =
        (1..=3).map(|at| shard(&["--ledger", &format!("../l{at}"), "--shard", &format!("{at}/3")])).collect();
    once(&by_name, &all(&[]), "without a map");
    shard(&[]);
    repository.replace("src/one.js", "=> 1", "=> 2 - 1");
    repository.write("test/new.test.js", test("new"));
    for of in [2, 5] {
        let (list, planned) = plan(repository, of, &words);
        let units: Vec<&Value> = planned["shards"]["shares"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|it| it["units"].as_array().unwrap())
            .collect();
        assert!(units.iter().all(|unit| unit.as_str().unwrap().ends_with(".test.js")), "{planned}");
        let shares: Vec<_> =
            (1..=of).map(|at| shard(&["--no-record", "--shard", &format!("{at}/{of}"), "--shares", &list])).collect();
        once(&shares, &all(&["new"]), &format!("{of} by a list"));
    }
    // Recorded shard by shard, two at a time, on one ledger.
    let start = |shard: &str| repository.start_titer(&[&["run", "--shard", shard, "--"], words.as_slice()].concat());
    let ended = ["1/2", "2/2"].map(start).map(Going::wait);
    assert!(ended.iter().all(|ending| ending.code == Some(0)), "{ended:?}");
    assert!(shard(&[]).is_empty());
}

#[test]
fn the_shares_that_a_script_asks_jest_for_are_all_that_there_is() {
    let project = of_jest(
        r#"{"name":"small","scripts":{"test":"node node_modules/jest/bin/jest.js --shard=1/2"},"jest":{"transform":{}}}"#,
    );
    let repository = &project.repository;
    let npm = |flags: &[&str]| {
        let ending = titer(repository, flags, &["npm", "test"]);
        let ran: BTreeSet<String> = ending
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("PASS "))
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect();
        (ran, ending.stderr)
    };
    let (own, _) = npm(&["--no-record"]);
    for at in ["1/2", "2/2"] {
        let (ran, told) = npm(&["--no-record", "--shard", at]);
        assert!(ran == own && told.contains("jest shares the tests out itself"), "{told}");
    }
}

#[test]
fn cargo_has_every_test_in_one_shard() {
    let project = cargo_project::Project::new(Some(newest()));
    let repository = &project.repository;
    repository.write(".gitignore", "target\n");
    repository.write("Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    let tests: Vec<String> =
        (0..8).map(|at| format!("#[test]\nfn works_{at}() {{\n    assert_eq!(one(), 1);\n}}\n\n")).collect();
    repository.write(
        "src/lib.rs",
        format!(
            "/// ```\n/// assert_eq!(app::one(), 1);\n/// ```\npub fn one() -> u32 {{\n    1\n}}\n\n{}",
            tests.concat()
        ),
    );
    repository
        .write("tests/cli.rs", "#[test]\nfn runs() {\n    assert_eq!(app::one(), 1);\n}\n\n#[test]\nfn stops() {}\n");
    repository.git(&["init", "-q", "-b", "main"]);
    repository.commit("first");
    let command = ["cargo", "test", "--no-fail-fast"];
    let none = BTreeSet::new();
    let whole = project.bare(&command, &none);
    assert_eq!((whole.code, whole.ran.len()), (Some(0), 11), "{}", whole.text);
    let shares = |of: usize, flags: &[&str], command: &[&str]| {
        let mut ran: BTreeMap<String, usize> = BTreeMap::new();
        for at in 1..=of {
            let seen = project.titer(&[&["--shard", &format!("{at}/{of}")], flags].concat(), command, &none);
            assert_eq!(seen.code, Some(0), "{}", seen.text);
            let nextest =
                seen.text.lines().filter_map(|line| line.trim().strip_prefix("PASS [")?.split(' ').next_back());
            let all = seen.ran.into_keys().chain(nextest.map(str::to_owned));
            for test in all {
                *ran.entry(test).or_default() += 1;
            }
        }
        ran
    };
    let all: BTreeSet<String> = whole.ran.into_keys().collect();
    assert_once(&shares(2, &["--no-record"], &command), &all, "by names");
    assert_eq!(project.titer(&[], &command, &none).code, Some(0));
    repository.replace("src/lib.rs", "{\n    1\n}", "{\n    2 - 1\n}");
    repository.replace("tests/cli.rs", "fn stops() {}", "fn stops() {}\n\n#[test]\nfn is_new() {}");
    let all: BTreeSet<String> = all.into_iter().chain(["app::test/cli::is_new".to_owned()]).collect();
    for of in [2, 3] {
        let (list, planned) = plan(repository, of, &command);
        assert_eq!(planned["shards"]["shares"].as_array().unwrap().len(), of);
        assert_once(&shares(of, &["--no-record", "--shares", &list], &command), &all, &format!("{of} by a list"));
    }
    // Behind a script the same words are cargo's own, and another tool that starts test programs gets all of them.
    repository.write("check.sh", "cargo test --no-fail-fast\n");
    assert_once(&shares(2, &["--no-record"], &["sh", "check.sh"]), &all, "behind a script");
    let nextest = ["cargo", "nextest", "run", "--no-fail-fast"];
    let ran = shares(3, &["--no-record"], &nextest);
    // nextest runs no documentation tests.
    assert!(ran.len() == all.len() - 1 && ran.values().all(|times| *times == 1), "{ran:?}");
    assert_once(&shares(2, &[], &command), &all, "recorded");
    let next = project.titer(&[], &command, &none);
    assert!(next.ran.is_empty(), "{}", next.text);
}
