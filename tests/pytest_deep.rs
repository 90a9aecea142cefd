//! `titer run --record=deep`: what a second order of the tests shows is known afterwards, and nobody notices the second pass.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use support::edits::Case;
use support::small::{self, COMMAND};
use support::{Ending, Interpreter, Repository, newest, oldest};

const SECOND: &str = "titer: second pass in reverse order";
const NOT_DEEP: &str = "the record is not deep";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pytest-deep")
}

fn try_case(interpreter: Interpreter, name: &str) {
    let wrong = Case::read_from(&folder(), name).try_edits(interpreter, &BTreeSet::new(), |_, _| true);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

macro_rules! cases {
    ($($name:ident)*) => {
        mod under_the_newest_python {
            $(#[test] fn $name() { super::try_case(super::newest(), stringify!($name)); })*
        }
        mod under_the_oldest_python {
            $(#[test] fn $name() { super::try_case(super::oldest(), stringify!($name)); })*
        }
        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    a_test_that_needs_another_is_selected_with_its_file
    what_two_orders_show_belongs_to_all_who_load_it
}

#[test]
fn every_case_file_has_a_test() {
    let files: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, CASES.iter().map(|name| (*name).to_owned()).collect());
}

fn both() -> [Interpreter; 2] {
    [newest(), oldest()]
}

/// A test that passes only after another, one that fails, and code that tells in which order it ran.
const ORDER: &[(&str, &str)] = &[
    (".gitignore", ".pytest_cache/\n__pycache__/\n.coverage\n*.xml\nhtml/\n"),
    (
        "ways.py",
        "SEEN = []\n\n\ndef way(name):\n    SEEN.append(name)\n    if SEEN[0] == 'a':\n        return 'forth'\n    return 'back'\n",
    ),
    (
        "test_order.py",
        "import ways\n\n\ndef test_a():\n    print('a was here')\n    ways.way('a')\n\n\ndef test_b():\n    assert ways.way('b') == 'forth'\n\n\n\
         def test_c():\n    ways.way('c')\n\n\ndef test_fails():\n    assert ways.way('d') == 'nowhere'\n",
    ),
    ("test_other.py", "def test_other():\n    assert True\n"),
];

/// The usual command with more behind it.
fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [COMMAND, more].concat()
}

fn deep(repository: &Repository, command: &[&str]) -> Ending {
    repository.titer(&[&["run", "--record=deep", "--"], command].concat())
}

#[track_caller]
fn says(ending: &Ending, what: &str) {
    assert!(
        ending.stderr.contains(what),
        "titer did not say {what:?}\nstdout: {}\nstderr: {}",
        ending.stdout,
        ending.stderr
    );
}

#[track_caller]
fn says_not(ending: &Ending, what: &str) {
    assert!(!ending.stderr.contains(what), "titer said {what:?}\nstdout: {}\nstderr: {}", ending.stdout, ending.stderr);
}

/// pytest's own words without what differs from run to run.
fn words(text: &str) -> String {
    text.lines().filter(|line| !line.contains(" in 0.") && !line.contains(" in 1.")).collect::<Vec<_>>().join("\n")
}

#[test]
fn code_and_output_are_those_of_the_first_pass() {
    for interpreter in both() {
        let repository = Repository::with(interpreter, ORDER);
        let command = with(&["-s"]);
        let truth = repository.truth(&command);
        let told = deep(&repository, &command);
        assert_eq!((told.code, words(&told.stdout)), (Some(1), words(&truth.stdout)), "{}", told.stderr);
        says(&told, SECOND);
        says(&told, "order-dependent, pass in one order and fail in the other: test_order.py::test_b");
        says_not(&told, NOT_DEEP);
        // What fails in the first pass failed; what fails only in the second did not.
        repository.run(&command).exits(1).ran_only(&["test_order.py::test_fails"]);
        let explained = repository.titer(&["explain", "test_order.py::test_b"]);
        assert!(explained.stdout.contains("order-dependent: it passes in one order"), "{}", explained.stdout);
        let beside = repository.titer(&["explain", "test_order.py::test_c"]);
        assert!(beside.stdout.contains("runs together with pytest::test_order.py::test_b"), "{}", beside.stdout);
        assert_eq!(
            repository.sql("SELECT COUNT(*) AS n FROM outcomes WHERE outcome <> 'passed'").matches('2').count(),
            1
        );
    }
}

#[test]
fn reports_and_caches_are_those_of_the_first_pass() {
    for interpreter in both() {
        let repository = Repository::with(interpreter, ORDER);
        let command = [
            "python",
            "-m",
            "pytest",
            "-q",
            "--junitxml=out.xml",
            "--cov=.",
            "--cov-report=xml",
            "--cov-report=html:html",
        ];
        let told = deep(&repository, &command);
        told.exits(1);
        says(&told, SECOND);
        says_not(&told, NOT_DEEP);
        let text = |path: &str| fs::read_to_string(repository.path(path)).unwrap();
        assert_eq!(
            text("out.xml").matches("<failure").count(),
            1,
            "test_b fails in reverse order only\n{}",
            text("out.xml")
        );
        let failed: serde_json::Value = serde_json::from_str(&text(".pytest_cache/v/cache/lastfailed")).unwrap();
        assert_eq!(failed, serde_json::json!({"test_order.py::test_fails": true}));
        // Line 8 of ways.py is the way back.
        let way_back = |report: &str| report.contains("<line number=\"8\" hits=\"0\"/>");
        assert!(way_back(&text("coverage.xml")), "{}", text("coverage.xml"));
        let mut again = repository.command("python", &repository.root());
        assert!(again.args(["-m", "coverage", "xml", "-q", "-i"]).status().unwrap().success());
        assert!(way_back(&text("coverage.xml")), "the data is not that of the first pass: {}", text("coverage.xml"));
    }
}

#[test]
fn coverage_that_starts_pytest_keeps_its_data() {
    let repository = Repository::with(newest(), ORDER);
    for data in [&[][..], &["--data-file=data.coverage"]] {
        let command = [&["coverage", "run"], data, &["-m", "pytest", "-q"]].concat();
        let told = deep(&repository, &command);
        says(&told, SECOND);
        says_not(&told, NOT_DEEP);
        let mut report = repository.command("coverage", &repository.root());
        assert!(report.args(["xml", "-q", "-i"]).args(data).status().unwrap().success());
        let text = fs::read_to_string(repository.path("coverage.xml")).unwrap();
        assert!(text.contains("<line number=\"8\" hits=\"0\"/>"), "{text}");
    }
}

#[test]
fn a_stop_at_the_first_failure_is_the_first_passs_only() {
    let repository = Repository::with(newest(), ORDER);
    let told = deep(&repository, &with(&["-x"]));
    told.exits(1);
    says(&told, SECOND);
    says_not(&told, NOT_DEEP);
    let times = told.times();
    // The other file is reached in reverse order only.
    assert_eq!((times["test_order.py::test_a"], times["test_other.py::test_other"]), (2, 1), "{times:?}");
    repository.run(COMMAND).exits(1);
}

#[test]
fn what_has_no_second_pass_says_why() {
    let repository = Repository::with(newest(), ORDER);
    for (more, code, why) in [
        (&["-k", "nothing_like_it"][..], 5, "no second pass: no test ran"),
        (&["--collect-only"], 0, "no second pass: the tests were only listed"),
        (&["--mistyped"], 4, "no second pass:"),
    ] {
        let told = deep(&repository, &with(more));
        assert_eq!(told.code, Some(code), "{}", told.stderr);
        says(&told, why);
        says_not(&told, SECOND);
    }
}

#[test]
fn where_recording_is_refused_there_is_no_second_pass() {
    let mut repository = Repository::with(newest(), ORDER);
    for (name, value) in [("CI", "true"), ("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "pull_request_target")] {
        repository.variables.insert(name.to_owned(), value.to_owned());
    }
    let told = deep(&repository, COMMAND);
    told.exits(1);
    says(&told, "--record is refused on pull_request_target");
    says_not(&told, SECOND);
}

/// A test that waits in the second pass only, telling its process.
const HOLDS: &[(&str, &str)] = &[(
    "test_hold.py",
    "import os\nimport time\nfrom pathlib import Path\n\n\ndef test_hold():\n    place = os.environ['HOLD']\n    passes = Path(place, 'passes')\n    \
         number = int(passes.read_text()) if passes.exists() else 0\n    passes.write_text(str(number + 1))\n    if number:\n        \
         Path(place, 'pid.new').write_text(str(os.getpid()))\n        os.rename(f'{place}/pid.new', f'{place}/pid')\n        for _ in range(6000):\n            time.sleep(0.01)\n",
)];

#[test]
fn a_signal_ends_the_second_pass_and_leaves_the_first_as_it_was() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut repository = Repository::with(newest(), &[small::FILES, HOLDS].concat());
        let place = repository.beside("out").join("hold");
        fs::create_dir(&place).unwrap();
        repository.variables.insert("HOLD".to_owned(), place.display().to_string());
        let mut going = repository.start_titer(&[&["run", "--record=deep", "--"], COMMAND].concat());
        going.until(&place.join("pid"));
        if signal == Signal::SIGINT {
            going.signal_group(signal);
        } else {
            going.signal(signal);
        }
        let told = going.wait();
        told.exits(0);
        says(&told, "second pass: it was interrupted; the record is not deep");
        let pid: i32 = fs::read_to_string(place.join("pid")).unwrap().parse().unwrap();
        assert!(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_err(), "the second pass still runs");
        // The first pass was recorded as ever.
        repository.run(COMMAND).exits(0).warns_never().ran_only(&[]);
    }
}

#[test]
fn a_titer_that_is_killed_in_the_second_pass_has_recorded_the_first() {
    let mut repository = Repository::with(newest(), &[small::FILES, HOLDS].concat());
    let place = repository.beside("out").join("hold");
    fs::create_dir(&place).unwrap();
    repository.variables.insert("HOLD".to_owned(), place.display().to_string());
    let mut going = repository.start_titer(&[&["run", "--record=deep", "--"], COMMAND].concat());
    going.until(&place.join("pid"));
    going.signal(Signal::SIGKILL);
    going.wait();
    let pid: i32 = fs::read_to_string(place.join("pid")).unwrap().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    repository.run(COMMAND).exits(0).ran_only(&[]);
}

#[test]
fn what_earlier_recordings_did_not_know_no_longer_vouches() {
    for interpreter in both() {
        let files = [
            ("memo.py", "KEPT = []\n\n\ndef fill():\n    KEPT.append(1)\n"),
            (
                "test_memo.py",
                "import memo\n\n\ndef test_one():\n    memo.KEPT or memo.fill()\n    assert memo.KEPT == [1]\n\n\n\
                 def test_two():\n    memo.KEPT or memo.fill()\n    assert memo.KEPT == [1]\n",
            ),
        ];
        let repository = Repository::with(interpreter, &files);
        repository.run(COMMAND).exits(0);
        repository.replace("memo.py", "append(1)", "append(2)");
        // One pass cannot know: this is what the second is for.
        repository.run(COMMAND).exits(1).ran_only(&["test_memo.py::test_one"]);
        repository.replace("memo.py", "append(2)", "append(1)");
        deep(&repository, COMMAND).exits(0).warns_never();
        repository.run(COMMAND).exits(0).ran_only(&[]);
        repository.replace("memo.py", "append(1)", "append(2)");
        repository.run(COMMAND).exits(1).ran_only(&["test_memo.py::test_one", "test_memo.py::test_two"]);
    }
}

#[test]
fn whatever_order_the_first_pass_had_the_second_is_its_reverse() {
    let shuffle = "import random\n\n\ndef pytest_collection_modifyitems(items):\n    random.shuffle(items)\n";
    let many = "import pytest\n\n\n@pytest.mark.parametrize('n', range(30))\ndef test_many(n):\n    assert True\n";
    let repository = Repository::with(newest(), &[("conftest.py", shuffle), ("test_many.py", many)]);
    let told = repository.titer(&[&["run", "-q", "--record=deep", "--"], COMMAND].concat());
    told.exits(0);
    assert_eq!(told.stderr, "");
    let order: Vec<&str> =
        told.reports.iter().filter(|report| report.when == "setup").map(|report| report.id.as_str()).collect();
    let (first, second) = order.split_at(30);
    assert_eq!(first.to_vec(), second.iter().rev().copied().collect::<Vec<_>>());
}

#[test]
fn a_test_that_passes_in_reverse_order_only_is_kept_with_its_file() {
    let files = [
        ("far.py", "def far():\n    return 1\n"),
        ("test_far.py", "from far import far\n\n\ndef test_far():\n    assert far()\n"),
        (
            "test_spoilt.py",
            "MEALS = []\n\n\ndef test_spoils():\n    MEALS.append('bad')\n\n\ndef test_eats():\n    assert not MEALS\n",
        ),
    ];
    let repository = Repository::with(newest(), &files);
    let told = deep(&repository, COMMAND);
    told.exits(1);
    says(&told, "order-dependent, pass in one order and fail in the other: test_spoilt.py::test_eats");
    // It failed, so it runs, and not alone: it would pass.
    let spoilt = ["test_spoilt.py::test_eats", "test_spoilt.py::test_spoils"];
    repository.run(COMMAND).exits(1).ran_only(&spoilt);
    repository.replace("far.py", "return 1", "return 2");
    repository.run(COMMAND).exits(1).ran_only(&[&["test_far.py::test_far"], &spoilt[..]].concat());
}

#[test]
fn workers_go_through_the_tests_both_ways() {
    for interpreter in both() {
        for more in [&["-n2"][..], &["-n2", "--dist", "loadfile"]] {
            let repository = Repository::with(interpreter.clone(), small::FILES);
            let told = deep(&repository, &with(more));
            told.exits(0).warns_never();
            says(&told, SECOND);
            says_not(&told, NOT_DEEP);
            assert!(told.times().values().all(|times| *times == 2), "{:?}", told.times());
            small::selects(&repository, &with(more));
        }
    }
}

#[test]
fn workers_find_an_order_dependent_test_too() {
    let repository = Repository::with(newest(), ORDER);
    let told = deep(&repository, &with(&["-n1"]));
    told.exits(1);
    says(&told, "order-dependent, pass in one order and fail in the other: test_order.py::test_b");
}

#[test]
fn deep_leaves_nothing_out_and_selection_goes_on_as_ever() {
    for interpreter in both() {
        let repository = small::project(interpreter);
        small::goes_on(&repository, COMMAND);
        let told = deep(&repository, COMMAND);
        told.exits(0).warns_never();
        assert_eq!(told.times().values().copied().collect::<Vec<_>>(), [2, 2, 2]);
        says(&told, "nothing moved from one test to another");
        small::selects(&repository, COMMAND);
        small::goes_on(&repository, COMMAND);
    }
}

#[test]
fn fixtures_that_others_take_down_do_not_move() {
    // The session's fixture ends in the last test, which does not use it: in another test in the second pass.
    let files = [
        (
            "lib.py",
            "def up():\n    return 1\n\n\ndef down():\n    return 2\n\n\ndef shared():\n    return 3\n\n\ndef other():\n    return 4\n",
        ),
        (
            "conftest.py",
            "import pytest\nimport lib\n\n\n@pytest.fixture(scope='session')\ndef wide():\n    yield lib.up()\n    assert lib.down() == 2\n\n\n\
             @pytest.fixture(scope='module', params=[1, 2])\ndef many(request):\n    lib.shared()\n    yield request.param\n    lib.shared()\n",
        ),
        ("test_1.py", "def test_one():\n    pass\n"),
        (
            "test_2.py",
            "import lib\n\n\ndef test_wide(wide):\n    assert wide == 1\n\n\ndef test_many(many):\n    assert many\n\n\ndef test_many_others(many):\n    \
             assert lib.other() == 4\n",
        ),
        ("test_3.py", "import lib\n\n\ndef test_three():\n    pass\n"),
    ];
    for interpreter in both() {
        let repository = Repository::with(interpreter, &files);
        let told = deep(&repository, COMMAND);
        told.exits(0).warns_never();
        says(&told, "nothing moved from one test to another");
    }
}
