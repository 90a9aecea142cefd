//! Every way in which people start cargo's tests, and every way in which these end: the same words, the same codes, and no test
//! that fails is left out afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use support::cargo_project::{Project, Seen};
use support::jest_project::Packages;
use support::{Ending, is_ignored, newest};

const CARGO: &[&str] = &["cargo", "test", "--no-fail-fast"];
const NEXTEST: &[&str] = &["cargo", "nextest", "run", "--no-fail-fast"];

const FILES: &[(&str, &str)] = &[
    (".gitignore", "target\n"),
    ("Cargo.toml", "[workspace]\nmembers = [\"near\", \"far\"]\nresolver = \"2\"\n"),
    (
        "near/Cargo.toml",
        "[package]\nname = \"near\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n",
    ),
    (
        "near/src/lib.rs",
        "pub fn near() -> u32 {\n    1\n}\n\n#[test]\nfn is_near() {\n    assert_eq!(near(), 1);\n}\n\n\
         #[test]\nfn holds() {\n    assert!(near() < 9);\n}\n",
    ),
    (
        "far/Cargo.toml",
        "[package]\nname = \"far\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n",
    ),
    ("far/src/lib.rs", "pub fn far() -> u32 {\n    7\n}\n\n#[test]\nfn is_far() {\n    assert_eq!(far(), 7);\n}\n"),
];

fn project(more: &[(&str, &str)]) -> Project {
    let project = Project::new(Some(newest()));
    for (path, text) in FILES.iter().chain(more) {
        project.repository.write(path, text);
    }
    project.repository.git(&["init", "-q", "-b", "main"]);
    let made = project.bare(&["cargo", "test", "--no-run"], &BTreeSet::new());
    assert_eq!(made.code, Some(0), "{}", made.text);
    project.repository.commit("first");
    project
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn titer(project: &Project, command: &[&str]) -> Seen {
    project.titer(&[], command, &BTreeSet::new())
}

fn bare(project: &Project, command: &[&str]) -> Seen {
    project.bare(command, &BTreeSet::new())
}

/// `PASS [ 0.005s] (1/3) near tests::is_near`, `TRY 2 FAIL [...`; with what failed.
fn of_nextest(seen: &Seen) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut ran, mut failed) = (BTreeSet::new(), BTreeSet::new());
    for line in seen.text.lines().map(str::trim) {
        let Some((said, rest)) = line.split_once(" [") else { continue };
        let said = said.rsplit(' ').next().unwrap();
        if !["PASS", "FAIL", "SIGABRT"].contains(&said) {
            continue;
        }
        let mut words = rest.rsplit(' ');
        let (test, binary) = (words.next().unwrap(), words.next().unwrap());
        let name = format!("{binary}::{test}");
        ran.insert(name.clone());
        if said != "PASS" {
            failed.insert(name);
        }
    }
    (ran, failed)
}

#[test]
fn nextest_leaves_out_and_ends_as_it_would_alone() {
    let nextest = "[profile.default]\nretries = 1\n[profile.ci.junit]\npath = \"junit.xml\"\n";
    let project = project(&[(".config/nextest.toml", nextest)]);
    let ran = |seen: &Seen| of_nextest(seen).0;
    let first = titer(&project, NEXTEST);
    assert_eq!(
        (first.code, ran(&first)),
        (Some(0), set(&["far::is_far", "near::holds", "near::is_near"])),
        "{}",
        first.text
    );
    let again = titer(&project, NEXTEST);
    assert!(again.code == Some(0) && ran(&again).is_empty() && again.text.contains("nothing to run"), "{}", again.text);
    project.repository.replace("far/src/lib.rs", "    7\n", "    8\n");
    let (seen, truth) = (titer(&project, NEXTEST), bare(&project, NEXTEST));
    assert_eq!(
        (seen.code, of_nextest(&seen)),
        (truth.code, (set(&["far::is_far"]), set(&["far::is_far"]))),
        "{}",
        seen.text
    );
    assert_eq!(seen.code, Some(100));
    // Both attempts of it, as the user's profile wants it.
    assert!(seen.text.contains("TRY 1 FAIL") && seen.text.contains("TRY 2 FAIL"), "{}", seen.text);
    project.repository.replace("far/src/lib.rs", "    8\n", "    7\n");
    let mended = titer(&project, NEXTEST);
    assert_eq!((mended.code, ran(&mended)), (Some(0), set(&["far::is_far"])), "it failed last time: {}", mended.text);
    // A report that the user asked for is written, though nothing has to run.
    let with_report = [NEXTEST, &["--profile", "ci"]].concat();
    titer(&project, &with_report);
    let report = project.repository.path("target/nextest/ci/junit.xml");
    fs::remove_file(&report).unwrap();
    let seen = titer(&project, &with_report);
    assert!(seen.code == Some(0) && report.is_file(), "{}", seen.text);
}

#[test]
fn what_the_user_narrows_stays_narrowed() {
    let project = project(&[]);
    assert_eq!(titer(&project, CARGO).names().len(), 3);
    project.repository.replace("near/src/lib.rs", "    1\n", "    2\n");
    project.repository.replace("far/src/lib.rs", "    7\n", "    8\n");
    for more in [
        &["holds"][..],
        &["-p", "near", "--lib"],
        &["--lib", "--", "--skip", "is_near"],
        &["--workspace", "--exclude", "near"],
        &["--", "--exact", "is_far"],
        &["--no-run"],
        &["--", "--list"],
        &["--", "--no-such-option"],
        &["--no-such-option"],
        &["-p", "nobody"],
    ] {
        let command = [CARGO, more].concat();
        let (seen, truth) = (titer(&project, &command), bare(&project, &command));
        // What passed as it is now, in an earlier round, need not run in a later one.
        assert_eq!((seen.code, seen.failing()), (truth.code, truth.failing()), "{more:?}\n{}", seen.text);
        assert!(seen.names().is_subset(&truth.names()), "{more:?}\n{}", seen.text);
        let nextest = [NEXTEST, more].concat();
        if !more.contains(&"--list") && !more.contains(&"--no-run") {
            let (seen, truth) = (titer(&project, &nextest), bare(&project, &nextest));
            let ((ran, failed), (whole, truly_failed)) = (of_nextest(&seen), of_nextest(&truth));
            assert_eq!((seen.code, failed), (truth.code, truly_failed), "{more:?}\n{}", seen.text);
            assert!(ran.is_subset(&whole), "{more:?}\n{}", seen.text);
        }
    }
}

#[test]
fn behind_a_script_cargo_is_entered_all_the_same() {
    let project = project(&[("Makefile", "test:\n\tcargo test --no-fail-fast\n")]);
    for command in [&["make", "-s", "test"][..], &["sh", "-c", "cargo test --no-fail-fast"]] {
        let first = project.titer(&["--all"], command, &BTreeSet::new());
        assert_eq!((first.code, first.names().len()), (Some(0), 3), "{command:?} {}", first.text);
        assert!(titer(&project, command).names().is_empty(), "{command:?}");
        project.repository.replace("far/src/lib.rs", "    7\n", "    8\n");
        let (seen, truth) = (titer(&project, command), bare(&project, command));
        assert_eq!((seen.code, seen.names()), (truth.code, set(&["far::lib::is_far"])), "{command:?} {}", seen.text);
        project.repository.replace("far/src/lib.rs", "    8\n", "    7\n");
        assert_eq!(titer(&project, command).names(), set(&["far::lib::is_far"]), "{command:?}");
    }
}

#[test]
fn a_script_that_calls_cargo_under_other_conditions_is_another_matter() {
    let loud = "\n#[cfg(loud)]\n#[test]\nfn is_loud() {\n    assert!(false);\n}\n\n#[test]\nfn is_quiet() {\n    \
                assert!(!cfg!(loud));\n}\n";
    let library = format!("{}{loud}", FILES[5].1);
    let project = project(&[("far/src/lib.rs", &library)]);
    assert_eq!(titer(&project, CARGO).code, Some(0));
    assert!(titer(&project, CARGO).names().is_empty());
    let whole =
        set(&["far::lib::is_far", "far::lib::is_loud", "far::lib::is_quiet", "near::lib::holds", "near::lib::is_near"]);
    for script in [
        "RUSTFLAGS='--cfg loud' cargo test --no-fail-fast",
        "CARGO_BUILD_RUSTFLAGS='--cfg loud' cargo test --no-fail-fast",
    ] {
        for _ in 0..2 {
            let seen = titer(&project, &["sh", "-c", script]);
            assert_eq!((seen.code, seen.names()), (Some(101), whole.clone()), "{script} {}", seen.text);
        }
    }
    let seen = titer(&project, &["sh", "-c", "cargo test --no-fail-fast"]);
    assert_eq!((seen.code, seen.names().len()), (Some(0), 0), "{}", seen.text);
}

#[test]
fn one_command_may_start_two_runners() {
    let python = "def test_one():\n    assert 1 == 1\n";
    let project = project(&[("py/pytest.ini", "[pytest]\n"), ("py/test_one.py", python)]);
    let script = "python -m pytest -q -p no:cacheprovider py && cargo test --no-fail-fast";
    let run = || -> Ending { project.repository.titer(&["run", "--", "sh", "-c", script]) };
    let ran = |ending: &Ending| -> (usize, usize) {
        let rust = ending.stdout.lines().filter(|line| line.starts_with("test ") && line.ends_with(" ... ok")).count();
        (ending.ran().len(), rust)
    };
    assert_eq!(ran(run().exits(0)), (1, 3));
    assert_eq!(ran(run().exits(0)), (0, 0));
    project.repository.replace("far/src/lib.rs", "    7\n", "    3 + 4\n");
    assert_eq!(ran(run().exits(0)), (0, 1));
    project.repository.replace("py/test_one.py", "1 == 1", "2 == 2");
    assert_eq!(ran(run().exits(0)), (1, 0));
}

#[test]
fn three_languages_share_a_ledger_a_plan_and_a_summary_and_no_tests() {
    let project = project(&[
        ("py/pytest.ini", "[pytest]\n"),
        ("py/test_one.py", "def test_one():\n    assert 1 == 1\n"),
        ("js/package.json", r#"{"name":"js","jest":{"transform":{}}}"#),
        ("js/.gitignore", "node_modules\n"),
        ("js/one.js", "module.exports = 1;\n"),
        ("js/one.test.js", "test('one', () => expect(require('./one')).toBe(1));\n"),
    ]);
    let modules = Packages::Newest.folder().join("node_modules");
    project.repository.link("js/node_modules", modules.to_str().unwrap());
    let script =
        "python -m pytest -q -p no:cacheprovider py && cargo test --no-fail-fast && (cd js && node_modules/.bin/jest)";
    let run = || -> Ending { project.repository.titer(&["run", "--", "sh", "-c", script]) };
    let ran = |ending: &Ending| -> (usize, usize, usize) {
        let rust = ending.stdout.lines().filter(|line| line.starts_with("test ") && line.ends_with(" ... ok")).count();
        let script = ending.stderr.lines().filter(|line| line.starts_with("PASS ")).count();
        (ending.ran().len(), rust, script)
    };
    let first = run();
    assert_eq!(ran(first.exits(0).warns_never()), (1, 3, 1), "{}", first.stderr);
    assert!(first.stderr.contains("ran 5 of 5 tests"), "{}", first.stderr);
    assert_eq!(ran(run().exits(0)), (0, 0, 0));
    for (path, old, new, expected) in [
        ("far/src/lib.rs", "    7\n", "    3 + 4\n", (0, 1, 0)),
        ("py/test_one.py", "1 == 1", "2 == 2", (1, 0, 0)),
        ("js/one.js", "= 1", "= 2 - 1", (0, 0, 1)),
        ("js/package.json", "\"js\"", "\"js\",\"main\":\"one.js\"", (0, 0, 1)),
    ] {
        project.repository.replace(path, old, new);
        let plan = project.repository.titer(&["plan"]);
        let seen = run();
        assert_eq!(ran(seen.exits(0)), expected, "{path}: {}", seen.stderr);
        assert!(plan.stdout.contains("cargo::") && plan.stdout.contains("jest::") && plan.stdout.contains("pytest::"));
    }
}

#[test]
fn a_test_that_ends_its_program_is_told_as_cargo_tells_it_and_runs_again() {
    let project = project(&[]);
    titer(&project, CARGO);
    for (name, ends) in [
        ("abort", "std::process::abort()"),
        ("exit", "std::process::exit(0)"),
        ("other code", "std::process::exit(41)"),
        ("panics", "panic!()"),
        ("overflow", "fn f(n: u64) -> u64 { if n == 0 { 0 } else { f(std::hint::black_box(n + 1)) + 1 } } f(1);"),
    ] {
        let text = format!("\n#[test]\nfn ends() {{\n    {ends}\n}}\n");
        let before = fs::read_to_string(project.repository.path("near/src/lib.rs")).unwrap();
        project.repository.write("near/src/lib.rs", format!("{before}{text}"));
        let (seen, truth) = (titer(&project, CARGO), bare(&project, CARGO));
        assert_eq!(seen.code, truth.code, "{name}: {}", seen.text);
        // Whatever did not say how it ended has to run again, with nothing changed.
        let again = titer(&project, CARGO);
        assert_eq!(again.code, truth.code, "{name}: {}", again.text);
        project.repository.write("near/src/lib.rs", before);
        let mended = titer(&project, CARGO);
        assert_eq!(mended.code, Some(0), "{name}: {}", mended.text);
        assert!(titer(&project, CARGO).names().is_empty(), "{name}");
    }
}

#[test]
fn a_workspace_that_does_not_compile_is_cargos_to_tell() {
    let project = project(&[]);
    titer(&project, CARGO);
    for (path, from, to) in [
        ("near/src/lib.rs", "pub fn near() -> u32 {", "pub fn near() -> u32 { let x: u8 = \"\";"),
        ("near/src/lib.rs", "pub fn near", "pub fn fn near"),
        ("near/Cargo.toml", "[package]", "[package"),
        ("Cargo.toml", "\"far\"]", "\"far\", \"gone\"]"),
        ("near/Cargo.toml", "[lib]", "[dependencies]\ngone = { path = \"../gone\" }\n\n[lib]"),
    ] {
        project.repository.replace(path, from, to);
        let (seen, truth) = (titer(&project, CARGO), bare(&project, CARGO));
        assert_eq!((seen.code, seen.ran.len()), (truth.code, truth.ran.len()), "{to}: {}", seen.text);
        let error = truth.text.lines().find(|line| line.starts_with("error")).unwrap();
        assert!(seen.text.contains(error), "{to}: {}", seen.text);
        project.repository.replace(path, to, from);
        let mended = titer(&project, CARGO);
        assert_eq!(mended.code, Some(0), "{to}: {}", mended.text);
    }
}

/// Gives a file a text and a time that lies before the last build, as `cp -p`, an archive or a restored cache do.
fn put_with_an_old_time(project: &Project, path: &str, text: &str) {
    project.repository.write(path, text);
    let old = SystemTime::now() - Duration::from_hours(24);
    fs::File::options().write(true).open(project.repository.path(path)).unwrap().set_modified(old).unwrap();
}

#[test]
fn a_program_that_cargo_did_not_build_again_vouches_for_nothing() {
    let project = project(&[]);
    let path = "far/src/lib.rs";
    let good = fs::read_to_string(project.repository.path(path)).unwrap();
    let bad = good.replace("    7\n", "    8\n");
    let far = set(&["far::lib::is_far"]);
    titer(&project, CARGO);
    // cargo runs the program of the good text, which passes.
    put_with_an_old_time(&project, path, &bad);
    let stale = titer(&project, CARGO);
    assert_eq!((stale.code, stale.names()), (bare(&project, CARGO).code, far.clone()), "{}", stale.text);
    // However often it passed so: it is not left out.
    assert_eq!(titer(&project, CARGO).names(), far);
    project.repository.write(path, &bad);
    let seen = titer(&project, CARGO);
    assert_eq!((seen.code, seen.failing()), (Some(101), far.clone()), "{}", seen.text);
    // And the other way round: the program of the bad text fails on the good one.
    put_with_an_old_time(&project, path, &good);
    assert_eq!(titer(&project, CARGO).names(), far);
    project.repository.write(path, &good);
    let seen = titer(&project, CARGO);
    assert_eq!((seen.code, seen.names()), (Some(0), far), "{}", seen.text);
    assert!(titer(&project, CARGO).names().is_empty());
}

#[test]
fn going_back_and_forth_between_branches_runs_what_differs_and_then_nothing() {
    let project = project(&[]);
    let git = |arguments: &[&str]| project.repository.git(arguments);
    assert_eq!(titer(&project, CARGO).names().len(), 3);
    git(&["checkout", "-q", "-b", "other"]);
    project.repository.replace("far/src/lib.rs", "    7\n", "    8\n");
    project.repository.commit("broken");
    let far = set(&["far::lib::is_far"]);
    let broken = titer(&project, CARGO);
    assert_eq!((broken.code, broken.names()), (Some(101), far.clone()), "{}", broken.text);
    for _ in 0..2 {
        git(&["checkout", "-q", "main"]);
        let main = titer(&project, CARGO);
        assert_eq!((main.code, main.names()), (Some(0), far.clone()), "it failed last time: {}", main.text);
        assert!(titer(&project, CARGO).names().is_empty());
        git(&["checkout", "-q", "other"]);
        let other = titer(&project, CARGO);
        assert_eq!((other.code, other.failing()), (Some(101), far.clone()), "{}", other.text);
    }
}

const WAITS: &str = "\n#[test]\nfn waits() {\n    let Ok(place) = std::env::var(\"HOLD\") else { return };\n    \
    std::fs::write(format!(\"{place}/pid\"), \"1\").unwrap();\n    std::thread::sleep(std::time::Duration::from_secs(60));\n}\n";

/// Starts a run in which a test waits.
fn held(project: &mut Project) -> support::Going {
    let place = project.repository.beside("out");
    fs::create_dir_all(&place).unwrap();
    let _ = fs::remove_file(place.join("pid"));
    project.repository.variables.insert("HOLD".to_owned(), place.display().to_string());
    let mut going = project.repository.start_titer(&[&["run", "--"], CARGO].concat());
    going.until(&place.join("pid"));
    project.repository.variables.remove("HOLD");
    going
}

#[test]
fn a_run_that_is_ended_leaves_a_ledger_that_is_right() {
    let library = format!("{}{WAITS}", FILES[5].1);
    let mut project = project(&[("far/src/lib.rs", &library)]);
    let signals = [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGINT];
    for signal in signals.into_iter().filter(|signal| !is_ignored(*signal)) {
        let going = held(&mut project);
        going.signal_group(signal);
        let ending = going.wait();
        let number = signal as i32;
        assert!(ending.signal == Some(number) || ending.code.is_some_and(|code| code != 0), "{ending:?}");
        let next = titer(&project, CARGO);
        assert_eq!(next.code, Some(0), "{signal}: {}", next.text);
        assert!(next.names().contains("far::lib::waits"), "{signal}: {}", next.text);
        assert!(titer(&project, CARGO).names().is_empty(), "{signal}");
        project.repository.replace("far/src/lib.rs", "    7\n", "    8\n");
        assert_eq!(titer(&project, CARGO).failing(), set(&["far::lib::is_far"]), "{signal}");
        project.repository.replace("far/src/lib.rs", "    8\n", "    7\n");
    }
}

#[test]
fn a_ledger_that_cannot_be_written_costs_one_warning() {
    let project = project(&[]);
    project.repository.write(".titer", "not a folder");
    let seen = titer(&project, CARGO);
    assert_eq!((seen.code, seen.names().len(), seen.warnings().len()), (Some(0), 3, 1), "{}", seen.text);
}

#[test]
fn the_doctor_says_whether_cargo_can_be_entered() {
    let project = project(&[]);
    titer(&project, CARGO);
    let told = project.repository.titer(&["doctor"]);
    assert!(told.exits(0).stdout.contains("titer gets into the tests of"), "{}", told.stdout);
    assert!(!told.stdout.contains("Python"), "{}", told.stdout);
    project.repository.replace("Cargo.toml", "[workspace]", "[workspace");
    let told = project.repository.titer(&["doctor"]);
    assert!(told.exits(1).stdout.contains("titer does not get into the tests of"), "{}", told.stdout);
}

#[test]
fn where_nobody_sees_what_tests_look_at_a_path_upwards_counts() {
    let looks =
        "\n#[test]\nfn looks() {\n    assert_eq!(std::fs::read_to_string(\"../far/data.txt\").unwrap(), \"one\");\n}\n";
    let library = format!("{}{looks}", FILES[3].1);
    for command in [NEXTEST, CARGO] {
        let mut project = project(&[("near/src/lib.rs", &library), ("far/data.txt", "one")]);
        // Without the file tracer cargo's own tests are in the same case.
        project.repository.variables.insert("TITER_TRACE".to_owned(), "0".to_owned());
        assert_eq!(titer(&project, command).code, Some(0));
        let again = titer(&project, command);
        assert!(again.code == Some(0) && again.text.contains("nothing to run"), "{}", again.text);
        project.repository.write("far/data.txt", "two");
        let (seen, truth) = (titer(&project, command), bare(&project, command));
        assert_eq!((seen.code, truth.code == Some(0)), (truth.code, false), "{}", seen.text);
        assert!(seen.text.contains("looks"), "{}", seen.text);
    }
}
