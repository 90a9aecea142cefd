//! What one run takes on of what a change owes: budget, rest, order, probe, and whose policy counts; real pytest, jest and git.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use support::jest_project::{Packages, Project};
use support::{Ending, Going, Repository, newest};

const PYTEST: &[&str] = &["pytest", "-v", "-p", "no:cacheprovider"];
const RECIPE: &str = "jobs:\n  rest:\n    steps:\n      - run: titer run --rest -- pytest\n";

/// Six test files, each of which needs longer than the one before, and all of which run one function.
fn slow() -> Repository {
    let files = [
        (".gitignore", "__pycache__/\n.titer/ledger/\n"),
        ("core.py", "def one():\n    return 1\n"),
        ("conftest.py", ""),
    ];
    let repository = Repository::with(newest(), &files);
    for at in 1..=6 {
        let test = format!(
            "import time\nfrom core import one\n\ndef test_{at}():\n    time.sleep(0.{at})\n    assert one() == 1\n"
        );
        repository.write(
            &format!("tests/test_{}.py", 7 - at),
            test.replace(&format!("test_{at}"), &format!("test_{}", 7 - at)),
        );
    }
    repository.commit("first");
    repository
}

fn run(repository: &Repository, flags: &[&str]) -> Ending {
    repository.titer(&[&["run"], flags, &["--"], PYTEST].concat())
}

/// Says that so many seconds of tests fit beside start and end, by what the newest run took for these.
fn allow(repository: &Repository, seconds: f64, more: &str) {
    let query = "WITH newest AS (SELECT * FROM runs WHERE tests_run > 0 ORDER BY started_at DESC, run_id DESC LIMIT 1) SELECT newest.duration_ms - \
                 (SELECT CAST(SUM(duration_us) / 1000 AS BIGINT) FROM test_outcomes WHERE run_id = newest.run_id) AS beside FROM newest";
    let told = repository.titer(&["sql", "--json", query]).stdout;
    let told: serde_json::Value = serde_json::from_str(told.trim()).unwrap_or_else(|error| panic!("{error}: {told}"));
    let budget = told[0]["beside"].as_f64().unwrap() + seconds * 1000.0;
    repository.write("titer.toml", format!("budget = \"{budget:.0}ms\"\noverflow = \"rest\"\n{more}"));
}

/// The test files whose tests pytest ran, in its order, by the last letter of their name.
fn ran(ending: &Ending) -> Vec<String> {
    let set_up = ending.reports.iter().filter(|report| report.when == "setup");
    let file =
        |id: &str| id.split_once(".py::").map(|(file, _)| file.rsplit('_').next().unwrap_or_default().to_owned());
    set_up.filter_map(|report| file(&report.id)).collect()
}

#[test]
fn what_the_budget_has_no_room_for_runs_in_the_rest_and_nothing_is_lost() {
    let repository = slow();
    repository.write(".github/workflows/ci.yml", RECIPE);
    assert_eq!(run(&repository, &[]).code, Some(0));
    repository.replace("core.py", "return 1", "return 2 - 1");
    allow(&repository, 0.8, "");
    // The six take 0.1 to 0.6 s: the three shortest fit.
    let first = run(&repository, &[]);
    assert_eq!(ran(&first), ["4", "5", "6"], "{}{}", first.stdout, first.stderr);
    assert!(first.stderr.contains("3 over the budget (`titer run --rest` runs them)"), "{}", first.stderr);
    let rest = run(&repository, &["--rest"]);
    assert_eq!(ran(&rest), ["1", "2", "3"], "{}{}", rest.stdout, rest.stderr);
    // Without a recording nothing vouches for what has run; the rest knows of it all the same.
    repository.replace("core.py", "return 2 - 1", "return 0 + 1");
    allow(&repository, 0.8, "");
    let unseen = run(&repository, &["--no-record"]);
    assert_eq!(ran(&unseen), ["4", "5", "6"], "{}", unseen.stderr);
    let rest = run(&repository, &["--rest", "--no-record"]);
    assert_eq!(ran(&rest), ["1", "2", "3"], "{}", rest.stderr);
    assert!(rest.stderr.contains("3 that have run on this tree before"), "{}", rest.stderr);
    let none = run(&repository, &["--rest", "--no-record"]);
    assert!(none.stderr.contains("left out 6 that have run on this tree before"), "{}", none.stderr);
    assert!(ran(&none).is_empty());
    // A failure in the rest is the rest's own exit code, and it comes first in the next run.
    repository.replace("core.py", "return 0 + 1", "return 3");
    repository.replace("tests/test_1.py", "assert one() == 1", "assert one() == 1  # by all means");
    allow(&repository, 0.8, "");
    let first = run(&repository, &[]);
    assert_eq!((first.code, ran(&first)), (Some(1), ["4", "5", "6"].map(str::to_owned).to_vec()));
    let rest = run(&repository, &["--rest"]);
    assert_eq!((rest.code, ran(&rest)), (Some(1), ["1", "2", "3"].map(str::to_owned).to_vec()));
    // Nothing of that escaped: the second job ran it.
    assert!(!repository.sql("SELECT test_id, reason FROM escapes").contains("over-budget"));
    let skipped = repository
        .sql("SELECT reason, count(*) FROM test_decisions WHERE verdict = 'left out' GROUP BY ALL ORDER BY 1");
    assert!(skipped.contains("over-budget") && skipped.contains("other-shard"), "{skipped}");
}

#[test]
fn what_was_put_off_and_nobody_ran_is_an_escape_of_the_budget() {
    let repository = slow();
    repository.write(".github/workflows/ci.yml", RECIPE);
    run(&repository, &[]);
    allow(&repository, 0.8, "");
    repository.replace("core.py", "return 1", "return 2 - 1");
    repository.replace("tests/test_1.py", "one() == 1", "one() == 1 and 1 > 0");
    // The test's own file changed, so that it must run; the second has to wait.
    assert_eq!(ran(&run(&repository, &[])), ["1", "6"]);
    repository.replace("tests/test_2.py", "one() == 1", "one() == 2");
    allow(&repository, 0.8, "");
    let found = run(&repository, &[]);
    assert!(ran(&found).contains(&"2".to_owned()) && found.code == Some(1), "{}", found.stderr);
    let escaped = repository.sql("SELECT test_id, reason FROM escapes");
    assert!(escaped.contains("test_2") && escaped.contains("over-budget"), "{escaped}");
}

#[test]
fn nothing_is_put_off_where_no_recipe_would_run_it() {
    let repository = slow();
    repository.write("titer.toml", "budget = \"800ms\"\noverflow = \"rest\"\n");
    repository.write(".github/workflows/ci.yml", RECIPE.replace("- run", "# - run"));
    run(&repository, &[]);
    repository.replace("core.py", "return 1", "return 2 - 1");
    let all = run(&repository, &[]);
    assert_eq!(ran(&all).len(), 6, "{}", all.stderr);
    assert!(all.stderr.contains("overflow = \"rest\" is not in force"), "{}", all.stderr);
    // By default a long run is only told, with the change that made it long.
    repository.write("titer.toml", "budget = \"800ms\"\n");
    repository.replace("core.py", "return 2 - 1", "return 0 + 1");
    let long = run(&repository, &[]);
    assert_eq!(ran(&long).len(), 6);
    let told = "over the budget of 0.80 s: 6 tests run for ran-changed-code (core.py one), which took 2.";
    assert!(long.stderr.contains(told), "{}", long.stderr);
}

#[test]
fn a_rest_without_a_first_run_is_everything_that_is_owed() {
    let repository = slow();
    run(&repository, &[]);
    repository.replace("core.py", "return 1", "return 2 - 1");
    let rest = run(&repository, &["--rest"]);
    assert_eq!(ran(&rest).len(), 6, "{}", rest.stderr);
    assert!(rest.stderr.contains("--rest: the ledger knows of no run of this tree"), "{}", rest.stderr);
    for (flags, word) in
        [(&["--rest", "--all"][..], "--all"), (&["--budget", "soon"], "written 55s"), (&["--probe=-1s"], "--probe")]
    {
        let refused = run(&repository, flags);
        assert_eq!((refused.code, refused.stderr.contains(word)), (Some(2), true), "{}", refused.stderr);
    }
    repository.write("titer.toml", "budget = \"soon\"\n");
    let told = run(&repository, &[]);
    assert!(told.stderr.contains("titer.toml: budget = \"soon\": not a duration"), "{}", told.stderr);
}

#[test]
fn with_a_budget_files_run_in_the_order_of_what_they_tell_in_a_second() {
    let repository = slow();
    run(&repository, &[]);
    repository.replace("core.py", "return 1", "return 2 - 1");
    let shortest_first = ["6", "5", "4", "3", "2", "1"];
    let ordered = run(&repository, &["--budget", "55s", "--no-record"]);
    assert_eq!(ran(&ordered), shortest_first, "{}", ordered.stderr);
    assert_eq!(ran(&run(&repository, &["--no-record"])), ["1", "2", "3", "4", "5", "6"]);
    // What failed the last time stands before all others, new files before everything.
    repository.replace("tests/test_2.py", "== 1", "== 2");
    run(&repository, &["--no-record"]);
    repository.write("tests/test_9.py", "def test_9():\n    pass\n");
    repository.write("titer.toml", "order = \"value\"\n");
    let ordered = run(&repository, &["--no-record"]);
    assert_eq!(ran(&ordered), ["9", "2", "6", "5", "4", "3", "1"], "{}", ordered.stderr);
}

#[test]
fn placement_tells_runs_what_tests_are_worth() {
    let repository = slow();
    repository.write("busy.py", "def two():\n    return 2\n");
    repository.replace("tests/test_1.py", "from core import one\n", "from core import one\nfrom busy import two\n");
    repository.replace("tests/test_1.py", "one() == 1", "one() == 1 and two() == 2");
    repository.commit("busy begins");
    for at in 0..40 {
        repository.write("busy.py", format!("def two():\n    return 2 + {at} - {at}\n"));
        repository.commit("busy goes on");
    }
    run(&repository, &["--record"]);
    let placed = repository.titer(&["place"]);
    assert_eq!(placed.code, Some(0), "{}", placed.stderr);
    repository.replace("core.py", "return 1", "return 2 - 1");
    // The longest of all runs before some that are shorter, as what it runs changes so often.
    let ordered = ran(&run(&repository, &["--budget", "55s", "--no-record"]));
    let place = |name: &str| ordered.iter().position(|it| it == name).unwrap();
    assert!(place("1") < place("2"), "{ordered:?}");
}

#[test]
fn jest_runs_files_in_the_order_asked_for_and_leaves_the_rest() {
    let project = Project::new(Packages::Newest);
    let repository = &project.repository;
    repository.write("package.json", r#"{"name":"small","jest":{"transform":{}}}"#);
    repository.write("src/one.js", "exports.one = () => 1;\n");
    for (name, wait) in [("a", 900), ("b", 600), ("c", 20)] {
        let test = format!(
            "const {{one}} = require('../src/one');\ntest('{name}', async () => {{\n  await new Promise(done => setTimeout(done, {wait}));\n  expect(one()).toBe(1);\n}});\n"
        );
        repository.write(&format!("test/{name}.test.js"), test);
    }
    repository.write(".gitlab-ci.yml", "rest:\n  script: titer run --rest -- npx jest\n");
    repository.commit("first");
    let command = Project::jest(&["-i"]);
    let jest = |flags: &[&str]| {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let ending = repository.titer(&[&["run"], flags, &["--"], &words].concat());
        let lines = ending.stderr.lines().filter_map(|line| line.strip_prefix("PASS test/"));
        let files: Vec<String> = lines.map(|line| line[..1].to_owned()).collect();
        (files, ending.stderr)
    };
    assert_eq!(jest(&[]).0.len(), 3);
    allow(repository, 0.75, "order = \"value\"\n");
    repository.replace("src/one.js", "=> 1", "=> 2 - 1");
    let (files, told) = jest(&[]);
    assert_eq!(files, ["c", "b"], "{told}");
    let (files, told) = jest(&["--rest"]);
    assert_eq!(files, ["a"], "{told}");
}

#[test]
fn a_probe_finds_what_no_edge_can_tell() {
    let repository = slow();
    // What lies outside of the repository is nobody's edge.
    let outside = repository.beside("outside.txt");
    std::fs::write(&outside, "fine").unwrap();
    for at in 0..10 {
        let test = format!(
            "from pathlib import Path\n\ndef test_{at}():\n    assert Path({:?}).read_text() == 'fine'\n",
            outside.to_str().unwrap()
        );
        repository.write(&format!("far/test_far_{at}.py"), test);
    }
    repository.commit("far");
    let main = |flags: &[&str]| {
        let mut titer = repository.command(env!("CARGO_BIN_EXE_titer"), &repository.root());
        titer.args([&["run"], flags, &["--"], PYTEST].concat()).env("CI", "true");
        Going::start(&repository, titer).wait()
    };
    repository.write("titer.toml", "default_branch = \"main\"\n");
    repository.git(&["checkout", "-q", "-B", "main"]);
    repository.commit("policy");
    assert_eq!(main(&[]).code, Some(0));
    repository.replace("core.py", "return 1", "return 2 - 1");
    repository.commit("edit");
    std::fs::write(&outside, "broken").unwrap();
    // On the default branch some of the tests left out are drawn; 2 s are selected, so a tenth is enough for all of these.
    let probed = main(&[]);
    assert_eq!(probed.code, Some(1), "{}{}", probed.stdout, probed.stderr);
    assert!(probed.stderr.contains(" probe"), "{}", probed.stderr);
    let drawn = repository.sql("SELECT otherwise FROM test_decisions WHERE reason = 'probe'");
    assert!(drawn.contains("untouched"), "{drawn}");
    let told = repository.titer(&["replay"]).stdout;
    assert!(told.contains("probe          10 of 10 left out were drawn, 10 failed: 10.0 failures"), "{told}");
    // Nobody asked anywhere else, and a run of nothing has nothing to draw beside.
    std::fs::write(&outside, "fine").unwrap();
    let again = main(&[]);
    assert_eq!((again.code, ran(&again).len()), (Some(0), 10), "{}", again.stderr);
    repository.replace("core.py", "return 2 - 1", "return 0 + 1");
    assert_eq!(ran(&run(&repository, &["--no-record"])).len(), 6);
    assert_eq!(ran(&run(&repository, &["--no-record", "--probe", "10s"])).len(), 16);
    assert_eq!(ran(&run(&repository, &["--no-record", "--probe", "0s"])).len(), 6);
}

#[test]
fn a_shallow_pull_request_obeys_what_the_default_branch_told_its_map() {
    let repository = slow();
    repository.write(".github/workflows/ci.yml", RECIPE);
    repository.git(&["checkout", "-q", "-B", "main"]);
    repository.commit("recipe");
    let titer = |arguments: &[&str], event: &str| {
        let mut titer = repository.command(env!("CARGO_BIN_EXE_titer"), &repository.root());
        titer.args(arguments).env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", event);
        if event == "push" {
            titer.env("GITHUB_REF", "refs/heads/main");
        } else {
            titer.env("GITHUB_BASE_REF", "main");
        }
        let payload = repository.beside("event.json");
        std::fs::write(&payload, r#"{"repository":{"default_branch":"main"}}"#).unwrap();
        titer.env("GITHUB_EVENT_PATH", payload);
        Going::start(&repository, titer).wait()
    };
    let command = [&["run", "--"], PYTEST].concat();
    let first = titer(&command, "push");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    // A commit that runs nothing tells its policy all the same.
    allow(&repository, 0.8, "inert = [\"data/**\"]\n");
    repository.commit("policy");
    let second = titer(&command, "push");
    assert!(second.code == Some(0) && ran(&second).is_empty(), "{}", second.stderr);
    // The change says of itself that nothing it does matters; its base is not in the clone.
    repository.git(&["checkout", "-q", "-b", "change"]);
    repository.write("titer.toml", "inert = [\"**\"]\n");
    repository.write("notes/new.json", "{}");
    repository.commit("change");
    repository.git(&["branch", "-D", "main"]);
    let plan = [&["plan", "--"], PYTEST].concat();
    let told = titer(&plan, "pull_request");
    assert!(!told.stdout.contains("whole-run"), "{}{}", told.stdout, told.stderr);
    assert!(!told.stderr.contains("does not have the base"), "{}", told.stderr);
    // Its own policy would call the new path inert, the base's does not; traced tests never touched it all the same.
    repository.write("data/new.json", "{}");
    repository.replace("core.py", "return 1", "return 2 - 1");
    let told = titer(&plan, "pull_request");
    assert!(told.stdout.contains("3 would run, 3 would be left out"), "{}{}", told.stdout, told.stderr);
    assert!(told.stdout.contains("over-budget"), "{}", told.stdout);
    // A ledger that comes with the change cannot speak for it.
    repository.write(".gitignore", "__pycache__/\n");
    repository.git(&["add", "-f", ".titer/ledger"]);
    repository.commit("forged");
    let told = titer(&plan, "pull_request");
    assert!(told.stdout.contains("6 would run, 0 would be left out"), "{}{}", told.stdout, told.stderr);
    assert!(told.stderr.contains("is part of the change"), "{}", told.stderr);
}
