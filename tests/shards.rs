//! Several shards of one CI run: every test in exactly one of them, as pytest tells it itself, whatever each shard knows; what they saw and
//! recorded comes together again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::shares::{assert_once, plan, titer};
use support::{Ending, Going, Repository, newest};
use titer::formats::segment_v1::{OutcomeRow, RunRow, VERSION};
use titer::ledger::facts::{self, Facts};
use titer::ledger::map;
use titer::ledger::store::Store;
use titer::model::digest::Digest;
use titer::model::outcome::Outcome;

const PYTEST: &[&str] = &["pytest", "-q", "-p", "no:cacheprovider"];

/// Four files of tests that all run one function: plain ones, of a class, with parameters.
fn small() -> Repository {
    let files = [
        (".gitignore", "__pycache__/\n.titer/ledger/\n"),
        ("core.py", "def one():\n    return 1\n"),
        ("conftest.py", ""),
    ];
    let repository = Repository::with(newest(), &files);
    for file in 0..4 {
        let plain = (0..6).map(|at| format!("def test_{at}():\n    assert one() == 1\n\n"));
        let rest = "class TestMore:\n    def test_more(self):\n        assert one() == 1\n\n\
                    @pytest.mark.parametrize('it', [1, 2, 3])\ndef test_each(it):\n    assert it * one() == it\n";
        let text: String = plain.collect();
        repository
            .write(&format!("tests/test_{file}.py"), format!("import pytest\nfrom core import one\n\n{text}{rest}"));
    }
    repository.commit("first");
    repository
}

/// How often each test ran, as pytest's own reports tell.
fn count<'a>(endings: impl IntoIterator<Item = &'a Ending>) -> BTreeMap<String, usize> {
    let mut ran = BTreeMap::new();
    for report in endings.into_iter().flat_map(|ending| &ending.reports).filter(|report| report.when == "setup") {
        *ran.entry(report.id.clone()).or_default() += 1;
    }
    ran
}

fn names(ran: BTreeMap<String, usize>) -> BTreeSet<String> {
    ran.into_keys().collect()
}

#[test]
fn every_test_is_in_exactly_one_shard_with_a_map_and_without_one_with_a_list_and_by_names() {
    let repository = small();
    let without = titer(&repository, &["--ledger", "../nobodys"], PYTEST);
    let all = names(count([&without]));
    assert_eq!(all.len(), 40, "{}", without.stdout);
    for of in [2, 3, 5] {
        // Nobody knows anything, and no shard sees what another found out.
        let shard = |at: usize| {
            titer(&repository, &["--ledger", &format!("../l{of}{at}"), "--shard", &format!("{at}/{of}")], PYTEST)
        };
        let endings: Vec<Ending> = (1..=of).map(shard).collect();
        assert!(endings.iter().all(|ending| ending.code == Some(0)), "{endings:?}");
        assert_once(&count(&endings), &all, &format!("{of} without a map"));
    }
    assert_eq!(titer(&repository, &[], PYTEST).code, Some(0));
    repository.replace("core.py", "return 1", "return 2 - 1");
    repository.write("tests/test_new.py", "import pytest\n\n@pytest.mark.parametrize('it', range(5))\ndef test_new(it):\n    pass\n\ndef test_other():\n    pass\n");
    repository.write("tests/test_left.py", "def test_left():\n    pass\n");
    let more = ["tests/test_new.py::test_other".to_owned(), "tests/test_left.py::test_left".to_owned()];
    let new = (0..5).map(|at| format!("tests/test_new.py::test_new[{at}]")).chain(more);
    let all: BTreeSet<String> = all.into_iter().chain(new).collect();
    for of in [2, 3, 5] {
        let (list, _) = plan(&repository, of, PYTEST);
        for flags in [vec!["--shares", &list], vec![]] {
            let shard = |at: usize| {
                titer(
                    &repository,
                    &[&["--no-record", "--shard", &format!("{at}/{of}")], flags.as_slice()].concat(),
                    PYTEST,
                )
            };
            let endings: Vec<Ending> = (1..=of).map(shard).collect();
            assert!(endings.iter().all(|ending| ending.code == Some(0)), "{endings:?}");
            assert_once(&count(&endings), &all, &format!("{of} with {flags:?}"));
            assert!(endings[0].stderr.contains(&format!("shard 1/{of}: ")), "{}", endings[0].stderr);
        }
    }
    // Workers of xdist have the share of their controller.
    let workers = [PYTEST, &["-n", "2"]].concat();
    let endings = ["1/2", "2/2"].map(|shard| titer(&repository, &["--no-record", "--shard", shard], &workers));
    assert_once(&count(&endings), &all, "two shards of two workers");
}

#[test]
fn shards_that_know_different_things_lose_no_test() {
    let repository = small();
    assert_eq!(titer(&repository, &[], PYTEST).code, Some(0));
    let ledger = |name: &str| repository.beside(name).to_str().unwrap().to_owned();
    support::repository::copy_tree(&repository.path(".titer/ledger"), Path::new(&ledger("old")));
    // What the second shard knows is newer: another order of times, a test that failed, one file fewer.
    repository.replace("tests/test_0.py", "def test_1():\n", "def test_1():\n    import time; time.sleep(.5)\n");
    repository.replace("tests/test_1.py", "def test_2():\n", "def test_2():\n    assert one() == 7\n");
    assert_eq!(titer(&repository, &[], PYTEST).code, Some(1));
    support::repository::copy_tree(&repository.path(".titer/ledger"), Path::new(&ledger("new")));
    repository.replace("tests/test_1.py", "def test_2():\n    assert one() == 7\n", "def test_2():\n");
    repository.replace("core.py", "return 1", "return 2 - 1");
    let all = names(count([&titer(&repository, &["--all", "--no-record", "--ledger", &ledger("other")], PYTEST)]));
    let (list, _) = plan(&repository, 3, PYTEST);
    for flags in [vec!["--shares", &list], vec![]] {
        for order in [["old", "new", "none"], ["none", "old", "new"], ["new", "none-too", "old"]] {
            let endings = [1, 2, 3].map(|at: usize| {
                let (shard, ledger) = (format!("{at}/3"), ledger(order[at - 1]));
                titer(
                    &repository,
                    &[&["--no-record", "--shard", &shard, "--ledger", &ledger], flags.as_slice()].concat(),
                    PYTEST,
                )
            });
            assert_once(&count(&endings), &all, &format!("{order:?} {flags:?}"));
        }
    }
    // One that was given no list where the others were, or a list of another commit, takes on everything and says so.
    let shares = fs::read_to_string(&list).unwrap();
    let old = repository.beside("out/old.json");
    let mut told: Value = serde_json::from_str(&shares).unwrap();
    told["shards"]["commit"] = "0123456789".into();
    fs::write(&old, told.to_string()).unwrap();
    for wrong in ["nowhere.json", "core.py", old.to_str().unwrap()] {
        let ending = titer(&repository, &["--no-record", "--shard", "2/3", "--shares", wrong], PYTEST);
        assert_once(&count([&ending]), &all, wrong);
        assert!(ending.stderr.contains("takes on all of the tests"), "{}", ending.stderr);
    }
    let ending = titer(&repository, &["--no-record", "--shard", "2/4", "--shares", &list], PYTEST);
    assert!(ending.stderr.contains("is for 3 shards; shard 2/4 takes on all"), "{}", ending.stderr);
    assert_once(&count([&ending]), &all, "a list for another number");
}

#[test]
fn tests_that_need_their_order_stay_in_one_shard() {
    let repository = small();
    let step =
        |at: usize| format!("def test_{at}():\n    assert one() and len(made) >= {at}\n    made.append({at})\n\n");
    let text = format!("from core import one\n\nmade = []\n\n{}", (0..4).map(step).collect::<Vec<_>>().concat());
    repository.write("tests/test_order.py", text);
    repository.commit("order");
    let deep = titer(&repository, &["--record=deep"], PYTEST);
    assert!(deep.code == Some(0) && deep.stderr.contains("order"), "{}", deep.stderr);
    repository.replace("core.py", "return 1", "return 2 - 1");
    let all = names(count([&titer(&repository, &["--all", "--no-record", "--ledger", "../other"], PYTEST)]));
    for of in [3, 5] {
        let (list, _) = plan(&repository, of, PYTEST);
        let endings: Vec<Ending> = (1..=of)
            .map(|at| titer(&repository, &["--no-record", "--shard", &format!("{at}/{of}"), "--shares", &list], PYTEST))
            .collect();
        assert_once(&count(&endings), &all, &format!("{of} by a list"));
        let with = |ending: &&Ending| ending.reports.iter().any(|report| report.id.contains("test_order.py::test_1"));
        let order = endings.iter().find(with).unwrap();
        assert!(
            (1..4).all(|at| order.reports.iter().any(|it| it.id.ends_with(&format!("test_order.py::test_{at}")))),
            "{order:?}"
        );
    }
}

#[test]
fn names_that_differ_in_every_collection_are_lost_by_no_shard() {
    let repository = small();
    let test = "import random, pytest\n\n@pytest.mark.parametrize('it', [random.random()])\ndef test_drawn(it):\n    pass\n\n\
                @pytest.mark.parametrize('it', random.sample(range(9), 2))\ndef test_some(it):\n    pass\n";
    repository.write("tests/test_drawn.py", test);
    titer(&repository, &[], PYTEST);
    let (list, _) = plan(&repository, 4, PYTEST);
    for flags in [vec!["--shares", &list], vec![]] {
        for _ in 0..2 {
            let endings = [1, 2, 3, 4].map(|at| {
                let shard = format!("{at}/4");
                titer(&repository, &[&["--all", "--no-record", "--shard", &shard], flags.as_slice()].concat(), PYTEST)
            });
            let ran = count(&endings);
            let some = |name: &str| ran.keys().filter(|test| test.contains(name)).count();
            assert_eq!((some("test_drawn["), some("test_some[")), (1, 2), "{ran:?}");
        }
    }
}

#[test]
fn what_shards_record_comes_together_and_a_failure_in_one_of_them_is_known() {
    let repository = small();
    // Two at the same time, one after them, all on one ledger.
    let start = |shard: &str| repository.start_titer(&[&["run", "--shard", shard, "--"], PYTEST].concat());
    let going: [Going; 2] = ["1/3", "2/3"].map(start);
    let together = going.map(Going::wait);
    let third = start("3/3").wait();
    assert!(together.iter().chain([&third]).all(|ending| ending.code == Some(0)), "{together:?} {third:?}");
    let next = titer(&repository, &[], PYTEST);
    assert!(count([&next]).is_empty() && next.stderr.contains("any of the 40 tests"), "{}", next.stderr);
    // A shard says the same, and need not start anything.
    let again = titer(&repository, &["--shard", "2/3"], PYTEST);
    assert!(again.code == Some(0) && again.stderr.contains("nothing to run"), "{}", again.stderr);
    assert!(again.stderr.contains("shard 2/3: "), "{}", again.stderr);
    // A list that lies where the ledger does changes nothing for anybody.
    let (list, _) = plan(&repository, 3, PYTEST);
    fs::copy(&list, repository.path(".titer/shares.json")).unwrap();
    let again = titer(&repository, &["--shard", "2/3", "--shares", ".titer/shares.json"], PYTEST);
    assert!(again.code == Some(0) && again.stderr.contains("nothing to run"), "{}", again.stderr);
    // It fails in one shard, and the others do not take that back.
    repository.replace(
        "tests/test_3.py",
        "def test_4():\n",
        "def test_4():\n    import os; assert os.environ.get('WELL')\n",
    );
    let endings = ["1/2", "2/2"].map(|shard| titer(&repository, &["--shard", shard], PYTEST));
    let mut codes = endings.each_ref().map(|ending| ending.code);
    codes.sort();
    assert_eq!(codes, [Some(0), Some(1)], "{endings:?}");
    let told = repository.titer(&[&["plan", "--"], PYTEST].concat()).stdout;
    assert!(told.contains("run       pytest::tests/test_3.py::test_4  failed-last-time"), "{told}");
    let (_, planned) = plan(&repository, 2, PYTEST);
    let shares = planned["shards"]["shares"].as_array().unwrap();
    assert_eq!(shares.iter().map(|it| it["tests"].as_u64().unwrap()).sum::<u64>(), planned["run"].as_u64().unwrap());
    // An empty share starts nothing that would fail, with its code or with pytest's 5.
    let endings = [1, 2, 3, 4, 5, 6].map(|at| titer(&repository, &["--shard", &format!("{at}/6")], PYTEST));
    let failed = endings.iter().filter(|ending| ending.code != Some(0)).count();
    assert_eq!(failed, 1, "{endings:?}");
}

#[test]
fn ledgers_of_shards_are_merged_and_ci_sees_one_run() {
    let mut repository = small();
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_RUN_ID", "77"),
        ("GITHUB_RUN_ATTEMPT", "2"),
    ];
    repository.variables.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let payload = repository.beside("event.json");
    fs::write(&payload, r#"{"repository":{"default_branch":"main"}}"#).unwrap();
    repository.variables.insert("GITHUB_EVENT_PATH".to_owned(), payload.to_str().unwrap().to_owned());
    for at in 1..=3 {
        let ending =
            titer(&repository, &["--ledger", &format!("../artifacts/{at}"), "--shard", &format!("{at}/3")], PYTEST);
        assert!(ending.code == Some(0) && ending.stderr.contains("recorded what"), "{}", ending.stderr);
    }
    fs::create_dir(repository.beside("some")).unwrap();
    for at in ["1", "3"] {
        support::repository::copy_tree(&repository.beside("artifacts").join(at), &repository.beside("some").join(at));
    }
    let some = repository.beside("some");
    let told = repository.titer(&["learn", "runs", "--maps", some.to_str().unwrap()]);
    assert!(told.stdout.contains("learned 2 new runs from 2 ledgers"), "{}{}", told.stdout, told.stderr);
    assert!(told.stderr.contains("only 2 of 3 shards have told that go by the same shares"), "{}", told.stderr);
    let told = repository.sql("SELECT tests_run, problem FROM runs_overview");
    assert!(told.contains("only 2 of 3 shards have told"), "{told}");
    let artifacts = repository.beside("artifacts");
    let told = repository.titer(&["learn", "runs", "--maps", artifacts.to_str().unwrap()]);
    assert!(
        told.code == Some(0) && told.stdout.contains("learned 1 new runs from 3 ledgers") && told.stderr.is_empty(),
        "{}{}",
        told.stdout,
        told.stderr
    );
    let told =
        repository.titer(&["sql", "--json", "SELECT tests_run, tests_left_out, problem FROM runs_overview"]).stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told, serde_json::json!([{"tests_run": 40, "tests_left_out": 0, "problem": null}]));
    let told = repository.sql("SELECT shard, attempt FROM runs ORDER BY shard");
    assert!(["1-3", "2-3", "3-3"].iter().all(|shard| told.contains(shard)) && told.contains('2'), "{told}");
    let report: Value = serde_json::from_str(&repository.titer(&["report", "--json"]).stdout).unwrap();
    assert_eq!(
        (report["period"]["runs"].as_u64(), report["verdicts"]["count"].as_u64()),
        (Some(1), Some(1)),
        "{report}"
    );
    // What a shard leaves to the others is neither left out nor there to be selected.
    let told = repository.sql("SELECT SUM(tests) || ' of ' || SUM(selected_tests) || ', ' || (SELECT COUNT(*) FROM left_out) AS told FROM run_recall");
    assert!(told.contains("40 of 40, 0"), "{told}");
    // The maps are one map, as after one recording of everything.
    let next = titer(&repository, &[], PYTEST);
    assert!(count([&next]).is_empty() && next.stderr.contains("40"), "{}", next.stderr);
    // Shards that go by different lists do not fit together, and that is seen.
    repository.replace("core.py", "return 1", "return 2 - 1");
    repository.commit("edit");
    repository.variables.insert("GITHUB_RUN_ID".to_owned(), "78".to_owned());
    let (list, _) = plan(&repository, 2, PYTEST);
    titer(&repository, &["--shard", "1/2", "--shares", &list], PYTEST);
    titer(&repository, &["--shard", "2/2"], PYTEST);
    let told = repository.sql("SELECT problem FROM runs_overview");
    assert_eq!(told.matches("only 1 of 2 shards have told that go by the same shares").count(), 2, "{told}");
    // On a pull request a map must not be merged.
    repository.variables.insert("GITHUB_REF".to_owned(), "refs/heads/topic".to_owned());
    let refused = repository.titer(&["learn", "runs", "--maps", artifacts.to_str().unwrap()]);
    assert!(refused.code == Some(2) && refused.stderr.contains("for runs of the default branch"), "{}", refused.stderr);
}

#[test]
fn what_cannot_be_shared_out_is_said_in_one_sentence() {
    let repository = small();
    let out = repository.beside("witnessed");
    let touch = ["touch", out.to_str().unwrap()];
    for (flags, code) in [
        (vec!["--shard", "0/3"], Some(2)),
        (vec!["--shard", "4/3"], Some(2)),
        (vec!["--shard", "x"], Some(2)),
        (vec!["--shard", "1/0"], Some(2)),
        (vec!["--shard", "1/3", "--rest"], Some(2)),
        (vec!["--shard", "1/3", "--record=deep"], Some(2)),
        (vec!["--shares", "x.json"], Some(2)),
    ] {
        let ending = titer(&repository, &flags, &touch);
        assert!(ending.code == code && !out.exists() && !ending.stderr.is_empty(), "{flags:?}: {}", ending.stderr);
    }
    for flags in [["--shards", "0"], ["--shards", "x"]] {
        assert_eq!(repository.titer(&[&["plan"], flags.as_slice()].concat()).code, Some(2));
    }
    for (command, word) in [
        (vec!["pytest", "--splits", "2", "--group", "1"], "--splits"),
        (vec!["npx", "jest", "--shard=1/2"], "--shard=1/2"),
        (vec!["cargo", "nextest", "run", "--partition", "hash:1/2"], "--partition"),
    ] {
        let ending = titer(&repository, &["--shard", "1/2"], &command);
        assert_eq!(ending.code, Some(2), "{}", ending.stderr);
        assert!(
            ending.stderr.contains(&format!("the command's own {word} shares the tests out as well")),
            "{}",
            ending.stderr
        );
    }
    // Whatever titer does not know runs whole in every shard.
    let ending = titer(&repository, &["--shard", "2/2"], &touch);
    assert!(ending.code == Some(0) && out.exists() && ending.stderr.contains("it runs whole"), "{}", ending.stderr);
}

/// As times of tests are: a Pareto distribution by its inverse, at golden steps; from 1 ms, cut at 20 s.
fn skewed(at: u32) -> f64 {
    (0.001 / (f64::from(at + 1) * 0.618_033_988_749_894_9).fract().max(1e-6).powf(1.0 / 1.2)).min(20.0)
}

/// Puts into the ledger that these tests took so long.
fn measured(ledger: &Path, tests: &[(String, f64)]) {
    let store = Store::open(ledger).unwrap();
    let run = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let at = "2026-11-01T05:00:00Z";
    let outcome = |(test, seconds): &(String, f64)| OutcomeRow {
        v: VERSION,
        run: run.to_owned(),
        at: at.to_owned(),
        test: test.clone(),
        variant: "V".to_owned(),
        outcome: Outcome::Passed,
        seconds: *seconds,
        attempt: 1,
        worker: String::new(),
    };
    let row = serde_json::json!({"v": VERSION, "run": run, "attempt": 1, "shard": "1-1", "started": at, "seconds": 1.0, "runner": "pytest", "command": ["pytest"],
        "cwd": ".", "commit": null, "branch": null, "dirty": false, "recorded": false, "health": "ok", "exit": 0, "titer": "0", "tests_run": 1000,
        "tests_left_out": 0, "inventory": Digest(0).to_string()});
    let facts = Facts {
        run: serde_json::from_value::<RunRow>(row).unwrap(),
        outcomes: tests.iter().map(outcome).collect(),
        decisions: Vec::new(),
        events: Vec::new(),
        sets: Vec::new(),
        footprints: Vec::new(),
        tree: None,
        outputs: Vec::new(),
    };
    facts::commit(&store, &facts, 0).unwrap();
    let mut known = map::load(&store).unwrap().map;
    map::catch_up(&store, &mut known).unwrap();
    map::save(&store, &known).unwrap();
}

#[test]
fn a_thousand_tests_of_skewed_times_are_shared_out_evenly_and_all_of_them_run() {
    let repository =
        Repository::with(newest(), &[(".gitignore", "__pycache__/\n.titer/ledger/\n"), ("conftest.py", "")]);
    let mut tests = Vec::new();
    for file in 0..20_u32 {
        let text: Vec<String> = (0..50).map(|at| format!("def test_{at}():\n    pass\n\n")).collect();
        repository.write(&format!("tests/test_{file}.py"), text.concat());
        tests.extend((0..50).map(|at| (format!("tests/test_{file}.py::test_{at}"), skewed(file * 50 + at))));
    }
    repository.commit("first");
    let named: Vec<_> = tests.iter().map(|(test, seconds)| (format!("pytest::{test}"), *seconds)).collect();
    measured(&repository.path(".titer/ledger"), &named);
    let micros: BTreeMap<&str, f64> = named.iter().map(|(test, seconds)| (test.as_str(), seconds * 1e6)).collect();
    let (total, longest) = (micros.values().sum::<f64>(), micros.values().copied().fold(0.0, f64::max));
    let all: BTreeSet<String> = tests.into_iter().map(|(test, _)| test).collect();
    for of in 2..=16_u32 {
        let (_, planned) = plan(&repository, of as usize, &[]);
        let shares = planned["shards"]["shares"].as_array().unwrap();
        let mut once: BTreeMap<String, usize> = BTreeMap::new();
        let mut makespan = 0.0_f64;
        for share in shares {
            let units: Vec<&str> =
                share["units"].as_array().unwrap().iter().map(|unit| unit.as_str().unwrap()).collect();
            makespan = makespan.max(units.iter().map(|unit| micros[unit]).sum());
            for unit in units {
                *once.entry(unit["pytest::".len()..].to_owned()).or_default() += 1;
            }
        }
        assert_once(&once, &all, &format!("{of} shards"));
        let bound = 1.05 * longest.max(total / f64::from(of));
        assert!(makespan <= bound, "{of} shards: {makespan} > {bound}");
    }
    // They all run, whatever is known of them otherwise.
    let (list, _) = plan(&repository, 4, &[]);
    let endings = [1, 2, 3, 4]
        .map(|at| titer(&repository, &["--no-record", "--shard", &format!("{at}/4"), "--shares", &list], PYTEST));
    assert_once(&count(&endings), &all, "pytest's own word");
}
