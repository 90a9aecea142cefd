//! FAST and WEEKLY, told by a year of commits and by what production said: real git, real pytest, real records.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::jest_project::{self, Packages};
use support::service::{Service, sighting};
use support::{cargo_project, day};

fn short(id: &Value) -> String {
    id.as_str().unwrap().rsplit("::test_").next().unwrap().to_owned()
}

/// Tests of which a plan says what the codes are.
fn planned(service: &Service) -> Vec<(String, String)> {
    let told = service.repository.titer(&["plan", "--json", "--", "pytest", "-q"]);
    let plan: Value = serde_json::from_str(&told.stdout).unwrap();
    let tests = plan["tests"].as_array().unwrap().iter();
    tests.map(|test| (short(&test["id"]), test["reason"].as_str().unwrap().to_owned())).collect()
}

/// What a placement moves: the test's short name, where to, by which rule.
fn moves(placed: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let moves = placed["moves"].as_array().unwrap().iter();
    moves.map(|step| (short(&step["test"]), text(&step["to"]), text(&step["rule"]))).collect()
}

fn names(placed: &Value) -> Vec<String> {
    moves(placed).into_iter().map(|(test, ..)| test).collect()
}

/// How many tests a rule speaks for.
fn count(placed: &Value, rule: &str) -> i64 {
    let rules = placed["rules"].as_array().unwrap().iter();
    rules.filter(|it| it["rule"] == rule).map(|it| it["tests"].as_i64().unwrap()).sum()
}

#[test]
fn a_hundred_and_seventy_nine_days_stay_and_a_hundred_and_eighty_one_go() {
    let service = Service::of(&["quiet", "recent", "older", "faulty"]);
    service.rewrite("older");
    service.commit(181, "older");
    service.rewrite("recent");
    service.commit(179, "recent");
    service.record();
    service.learn(&[sighting("e1", 300, "app/faulty.py", "faulty")], 360, 0);
    let placed = service.place(&["--dry-run"]);
    assert_eq!(names(&placed), ["older", "quiet"], "{placed}");
    assert_eq!(
        (count(&placed, "changed"), count(&placed, "faulted"), placed["batch"].is_null()),
        (1, 1, true),
        "{placed}"
    );
    // Layout and comments are no change.
    let text = fs::read_to_string(service.repository.path("app/quiet.py")).unwrap();
    service.repository.write("app/quiet.py", format!("# said again\n\n{text}"));
    service.commit(1, "a comment");
    assert_eq!(names(&service.place(&["--dry-run"])), ["older", "quiet"]);
    // As of a day two days ago, one was a day younger; and nothing had been recorded yet.
    assert_eq!(names(&service.place(&["--dry-run", "--as-of", &day(2)])), Vec::<String>::new());
}

#[test]
fn silence_counts_only_where_a_source_has_been_listening() {
    for (since, until, expected) in [(181, 0, 1), (179, 0, 0), (360, 7, 1), (360, 9, 0)] {
        let service = Service::of(&["quiet"]);
        service.record();
        let placed = service.place(&[]);
        assert_eq!((names(&placed).len(), count(&placed, "unwatched")), (0, 1), "{placed}");
        service.learn(&[], since, until);
        assert_eq!(names(&service.place(&["--dry-run"])).len(), expected, "{since} to {until}");
    }
}

#[test]
fn a_fault_that_cannot_be_mapped_blocks_where_it_may_lie() {
    let service = Service::of(&["quiet", "other"]);
    service.record();
    service.learn(&[], 360, 0);
    assert_eq!(names(&service.place(&["--dry-run"])), ["other", "quiet"]);
    service.learn(&[sighting("e1", 30, "app/no_longer_here.py", "gone")], 360, 0);
    let placed = service.place(&["--dry-run"]);
    assert_eq!((names(&placed).len(), count(&placed, "unmapped")), (0, 2), "{placed}");
}

/// Two services, each in a folder of its own, and their tests recorded.
fn two_services() -> Service {
    let service = Service::of(&["quiet"]);
    for (folder, name) in [("shop", "cart"), ("mail", "letter")] {
        service.repository.write(&format!("{folder}/__init__.py"), "");
        service.repository.write(&format!("{folder}/{name}.py"), format!("def {name}():\n    return 1\n"));
        let test = format!("from {folder}.{name} import {name}\n\ndef test_{name}():\n    assert {name}() == 1\n");
        service.repository.write(&format!("tests/test_{name}.py"), test);
    }
    service.repository.write("titer.toml", "[services]\nshop = \"shop\"\nmail = \"mail/\"\n");
    service.commit(364, "services");
    service.record();
    service
}

#[test]
fn a_service_that_is_watched_says_nothing_of_another_one() {
    let service = two_services();
    let line = |event: &str, of: &str, more: Value| {
        let mut line = sighting(event, 200, "elsewhere.py", "f");
        line["service"] = json!(of);
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    // Of one that nobody maps to a folder nothing follows; of one that is mapped, of its folder.
    let file = service.repository.beside("quiet.jsonl");
    for (of, since, expected) in
        [("nobody", 360, &[][..]), ("mail", 90, &[]), ("shop", 360, &["cart"]), ("mail", 360, &["cart", "letter"])]
    {
        fs::write(&file, "").unwrap();
        let covers = format!("{}..{}", day(since), day(0));
        let arguments = ["learn", "file", file.to_str().unwrap(), "--service", of, "--covers", &covers];
        let done = service.repository.titer(&arguments);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!(names(&service.place(&["--dry-run"])), expected, "{of} {since}");
    }
    // A fault without a place keeps the tests of its service, or of the module that it names, and without either those of all.
    let learn = |lines: &[Value]| {
        fs::write(&file, lines.iter().fold(String::new(), |text, line| text + &format!("{line}\n"))).unwrap();
        let done = service.repository.titer(&["learn", "file", file.to_str().unwrap(), "--source", "told"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        names(&service.place(&["--dry-run"]))
    };
    assert_eq!(learn(&[line("a", "shop", json!({"frames": []}))]), ["letter"]);
    assert_eq!(learn(&[line("b", "", json!({"frames": [], "module": "mail.other"}))]), Vec::<String>::new());
    let placed = service.place(&["--dry-run"]);
    assert_eq!((count(&placed, "unmapped"), count(&placed, "unwatched")), (2, 1), "{placed}");
    assert_eq!(learn(&[line("c", "", json!({"frames": []}))]), Vec::<String>::new());
    assert_eq!(count(&service.place(&["--dry-run"]), "unmapped"), 3);
}

#[test]
fn a_relapse_brings_a_test_back_and_the_chain_of_records_holds() {
    let service = Service::of(&["quiet"]);
    service.record();
    service.learn(&[], 360, 0);
    let went = service.place(&[]);
    assert_eq!(moves(&went), [("quiet".into(), "weekly".into(), "quiet".into())]);
    service.commit(0, "placed");
    assert_eq!(names(&service.place(&[])), Vec::<String>::new());
    service.learn(&[sighting("e1", 0, "app/quiet.py", "quiet")], 360, 0);
    let back = service.place(&[]);
    assert_eq!(moves(&back), [("quiet".into(), "fast".into(), "faulted".into())]);
    assert_eq!(back["restless"].as_array().unwrap().len(), 1);
    let batch = service.repository.path(".titer/suite/pending").join(back["batch"].as_str().unwrap());
    let last = fs::read_to_string(batch).unwrap().lines().last().unwrap().to_owned();
    let line: Value = serde_json::from_str(&last).unwrap();
    let predicate = &line["statement"]["predicate"];
    assert!(predicate["prev"].as_str().is_some_and(|prev| prev.len() == 64), "{predicate}");
    let told = service.repository.titer(&["explain", "tests/test_quiet.py::test_quiet"]);
    assert!(told.stdout.contains("lives in FAST since") && told.stdout.contains("faulted:"), "{}", told.stdout);
}

/// `test_user` covers `user`, which reads a constant of a module that is loaded through another.
fn with_a_wide_edge() -> Service {
    let service = Service::of(&["quiet"]);
    service.repository.write("app/deep.py", "LIMIT = 1\n");
    service.repository.write("app/middle.py", "from app import deep\n");
    service.repository.write("app/user.py", "from app import middle\n\ndef user():\n    return middle.deep.LIMIT\n");
    service
        .repository
        .write("tests/test_user.py", "from app.user import user\n\ndef test_user():\n    assert user() == 1\n");
    service.commit(300, "user");
    service.record();
    service.learn(&[], 360, 0);
    assert_eq!(names(&service.place(&[])), ["quiet", "user"]);
    service.commit(0, "placed");
    service
}

#[test]
fn a_weekly_test_comes_back_for_what_it_ran_and_not_for_what_others_loaded() {
    let service = with_a_wide_edge();
    let reasons = |expected: [&str; 2]| {
        let planned = planned(&service);
        assert_eq!(planned.iter().map(|(_, reason)| reason.as_str()).collect::<Vec<_>>(), expected, "{planned:?}");
    };
    reasons(["untouched", "untouched"]);
    service.repository.replace("app/deep.py", "LIMIT = 1", "LIMIT = 2");
    reasons(["untouched", "weekly"]);
    // Left out: the suite passes although the test would fail. The weekly suite finds it.
    assert_eq!(service.run(&["--no-record"]).code, Some(0));
    assert_eq!(service.run(&["--suite", "weekly", "--no-record"]).code, Some(1));
    service.repository.replace("app/deep.py", "LIMIT = 2", "LIMIT = 1");
    assert_eq!(service.run(&["--all", "--no-record"]).code, Some(0));
    service.rewrite("quiet");
    reasons(["ran-changed-code", "untouched"]);
    // All of FAST, and of WEEKLY what the change brings back.
    let fast = service.run(&["--suite", "fast", "--all", "--no-record"]);
    assert!(fast.stderr.contains("ran 1 of 2 tests"), "{}{}", fast.stdout, fast.stderr);
}

#[test]
fn what_a_package_imports_of_itself_for_everybody_is_not_what_a_test_file_imports() {
    let service = Service::of(&["quiet", "other"]);
    service.repository.write("app/__init__.py", "from app.other import other\nfrom app.quiet import quiet\n");
    service.repository.write("app/other.py", "LIMIT = 1\n\ndef other():\n    return LIMIT\n");
    service.commit(300, "all of it");
    service.record();
    service.learn(&[], 360, 0);
    assert_eq!(names(&service.place(&[])), ["other", "quiet"]);
    service.commit(0, "placed");
    service.repository.replace("app/other.py", "LIMIT = 1", "LIMIT = 2");
    let reasons = [("other", "loaded-changed-module"), ("quiet", "weekly")];
    assert_eq!(planned(&service), reasons.map(|(test, reason)| (test.to_owned(), reason.to_owned())));
    // What the package itself says at its top is what every test file of it imports.
    service.repository.replace("app/other.py", "LIMIT = 2", "LIMIT = 1");
    service
        .repository
        .write("app/__init__.py", "from app.other import other\nfrom app.quiet import quiet\nLEVEL = 2\n");
    assert!(planned(&service).iter().all(|(_, reason)| reason == "loaded-changed-module"), "{:?}", planned(&service));
}

#[test]
fn an_escape_found_by_the_weekly_job_names_the_run_that_skipped_and_brings_its_test_back() {
    let service = with_a_wide_edge();
    service.repository.replace("app/deep.py", "LIMIT = 1", "LIMIT = 2");
    service.commit(0, "breaks user");
    let skipped = service.run(&[]);
    assert_eq!(skipped.code, Some(0), "{}{}", skipped.stdout, skipped.stderr);
    let run = service.repository.sql("SELECT MAX(run_id) AS run FROM runs").lines().last().unwrap().to_owned();
    let job = service.repository.titer(&["weekly", "--", "pytest", "-q"]);
    assert_eq!(job.code, Some(1), "{}{}", job.stdout, job.stderr);
    let named = format!("escape: pytest::tests/test_user.py::test_user failed; run {run}");
    assert!(job.stdout.contains(&named) && job.stdout.contains("the first to leave it out: weekly"), "{}", job.stdout);
    let moved = service.repository.titer(&["explain", "tests/test_user.py::test_user"]).stdout;
    assert!(moved.contains("lives in FAST since") && moved.contains("escaped:") && moved.contains(&run), "{moved}");
    let replayed = service.repository.titer(&["replay", "--last", "10"]).stdout;
    assert!(replayed.contains("1 missed"), "{replayed}");
    // The test runs on the next commit although nothing new changed.
    assert!(planned(&service).iter().any(|(test, reason)| test == "user" && reason == "failed-last-time"));
}

#[test]
fn a_flaky_test_is_quarantined_until_a_day() {
    let service = Service::of(&["quiet"]);
    let flaky = "import os\n\ndef test_flaky():\n    assert not os.path.exists(os.environ['HOME'] + '/fail')\n";
    service.repository.write("tests/test_flaky.py", flaky);
    service.commit(300, "flaky");
    let fail = service.repository.beside("home").join("fail");
    for step in 0..2 {
        service.repository.write("app/quiet.py", format!("def quiet():\n    return 1 + {step} - {step}\n"));
        service.commit(0, "another tree");
        service.record();
        fs::write(&fail, "").unwrap();
        assert_eq!(service.run(&["--all"]).code, Some(1));
        fs::remove_file(&fail).unwrap();
        service.record();
    }
    let placed = service.place(&[]);
    assert_eq!(moves(&placed), [("flaky".into(), "weekly".into(), "flaky".into())], "{placed}");
    assert_eq!(placed["moves"][0]["until"], day(-30));
    service.repository.replace("app/quiet.py", "1 + 1 - 1", "1");
    assert!(planned(&service).contains(&("flaky".to_owned(), "untouched".to_owned())), "{:?}", planned(&service));
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let service = Service::of(&["quiet", "older", "faulty"]);
    service.record();
    service.learn(&[sighting("e1", 300, "app/faulty.py", "faulty")], 360, 0);
    let first = service.place(&[]);
    let ledger = service.repository.path(".titer/ledger");
    let pending = service.repository.path(".titer/suite/pending");
    fs::remove_dir_all(&pending).unwrap();
    assert_eq!(service.place(&[])["batch"], first["batch"]);
    // The same files, made anew in another order.
    fs::remove_dir_all(&pending).unwrap();
    let mut files: Vec<_> =
        walkdir::WalkDir::new(&ledger).into_iter().flatten().filter(|it| it.file_type().is_file()).collect();
    files.sort_by(|a, b| b.path().cmp(a.path()));
    let files: Vec<_> = files.into_iter().map(|it| (it.path().to_owned(), fs::read(it.path()).unwrap())).collect();
    fs::remove_dir_all(&ledger).unwrap();
    for (path, bytes) in files {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::remove_dir_all(service.repository.beside("home").join(".cache")).unwrap();
    assert_eq!(service.place(&[])["batch"], first["batch"]);
}

#[test]
fn what_the_ledger_has_lost_is_not_taken_for_silence() {
    let service = Service::of(&["quiet"]);
    service.record();
    service.learn(&[], 360, 0);
    assert_eq!(names(&service.place(&["--dry-run"])), ["quiet"]);
    let segments = service.repository.path(".titer/ledger/segments/sightings");
    let day = fs::read_dir(&segments).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(fs::read_dir(day).unwrap().next().unwrap().unwrap().path()).unwrap();
    let told = service.repository.titer(&["place"]);
    let says = told.stderr.contains("nothing moves: ") && told.stderr.contains("segments/sightings/");
    assert_eq!((told.code, says), (Some(3), true), "{}{}", told.stdout, told.stderr);
}

#[test]
fn a_damaged_record_means_that_every_test_is_in_fast() {
    let service = with_a_wide_edge();
    let pending = service.repository.path(".titer/suite/pending");
    let batches = fs::read_dir(&pending).unwrap().flatten().map(|entry| entry.path());
    let batch = batches.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "jsonl")).unwrap();
    let text = fs::read_to_string(&batch).unwrap();
    service.repository.replace("app/deep.py", "LIMIT = 1", "LIMIT = 2");
    assert!(planned(&service).contains(&("user".to_owned(), "weekly".to_owned())));
    fs::write(&batch, text.replacen("quiet", "silent", 1)).unwrap();
    let told = service.repository.titer(&["plan", "--", "pytest", "-q"]);
    assert!(told.stderr.contains("its content is not what its name says"), "{}", told.stderr);
    assert!(told.stdout.contains("test_user  loaded-changed-module"), "{}", told.stdout);
    assert_eq!(service.repository.titer(&["place"]).code, Some(3));
}

#[test]
fn a_pull_request_cannot_move_a_test_out_of_its_own_way() {
    let service = with_a_wide_edge();
    service.repository.git(&["branch", "-f", "base", "HEAD~1"]);
    service.repository.replace("app/deep.py", "LIMIT = 1", "LIMIT = 2");
    service.commit(0, "breaks user");
    let on = |base: &str| {
        let mut titer = service.repository.command(env!("CARGO_BIN_EXE_titer"), &service.repository.root());
        titer.args(["plan", "--", "pytest", "-q"]).env("GITHUB_ACTIONS", "true").env("GITHUB_BASE_REF", base);
        let told = titer.env("GITHUB_EVENT_NAME", "pull_request").output().unwrap();
        String::from_utf8(told.stdout).unwrap()
    };
    // On its base nothing was placed yet.
    assert!(on("base").contains("test_user  loaded-changed-module"), "{}", on("base"));
    service.repository.git(&["branch", "-f", "base", "HEAD~"]);
    assert!(on("base").contains("test_user  weekly"), "{}", on("base"));
    // Nothing is known of a base that git does not have.
    assert!(on("nowhere").contains("test_quiet  whole-run"), "{}", on("nowhere"));
}

#[test]
fn somebody_may_move_a_test_and_says_why() {
    let service = Service::of(&["quiet"]);
    service.record();
    let id = "pytest::tests/test_quiet.py::test_quiet";
    let moved = service.repository.titer(&["move", id, "weekly", "--reason", "tells nothing"]);
    assert_eq!(moved.code, Some(0), "{}", moved.stderr);
    service.rewrite("quiet");
    assert_eq!(planned(&service), [("quiet".to_owned(), "ran-changed-code".to_owned())]);
    let unknown = service.repository.titer(&["move", "pytest::tests/test_no.py::test_no", "weekly", "--reason", "x"]);
    assert_eq!(
        (unknown.code, unknown.stderr.contains("is no test that titer knows")),
        (Some(3), true),
        "{}",
        unknown.stderr
    );
    let again = service.repository.titer(&["move", id, "weekly", "--reason", "x"]);
    assert_eq!((again.code, again.stderr.contains("is in WEEKLY already")), (Some(3), true), "{}", again.stderr);
    assert_eq!(service.repository.titer(&["place", "--as-of", "soon"]).code, Some(2));
}

#[test]
fn a_jest_file_is_placed_as_a_whole_by_what_it_loads() {
    let service = Service { repository: jest_project::Project::new(Packages::Newest).repository };
    service.repository.write("package.json", r#"{"name":"small","jest":{"transform":{}}}"#);
    for name in ["old", "hot"] {
        service.repository.write(&format!("src/{name}.js"), format!("exports.{name} = () => 1;\n"));
    }
    let test = |name: &str, used: &[&str]| {
        let one = |it: &&str| format!("test('{name} {it}', () => expect(require('../src/{it}').{it}()).toBe(1));\n");
        service.repository.write(&format!("test/{name}.test.js"), used.iter().map(one).collect::<String>());
    };
    test("quiet", &["old", "old"]);
    test("mixed", &["old", "hot"]);
    service.commit(365, "first");
    service.repository.replace("src/hot.js", "=> 1", "=> 2 - 1");
    service.commit(10, "hot");
    let jest = ["node", "node_modules/jest/bin/jest.js", "-i"];
    let ran = service.repository.titer(&[&["run", "--record", "--"], &jest[..]].concat());
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    service.learn(&[], 360, 0);
    let placed = service.place(&[]);
    let tests: Vec<&str> =
        placed["moves"].as_array().unwrap().iter().map(|step| step["test"].as_str().unwrap()).collect();
    assert_eq!(tests, ["jest::test/quiet.test.js::quiet old", "jest::test/quiet.test.js::quiet old#2"], "{placed}");
    // A file of WEEKLY comes back for what it loads, and stays out for what is not its own.
    let planned = || service.repository.titer(&[&["plan", "--"], &jest[..]].concat()).stdout;
    service.repository.replace("src/hot.js", "2 - 1", "3 - 2");
    assert!(planned().contains("left out  jest::test/quiet.test.js::quiet old  untouched"), "{}", planned());
    service.repository.replace("src/old.js", "=> 1", "=> 2 - 1");
    assert!(planned().contains("run       jest::test/quiet.test.js::quiet old  ran-changed-code"), "{}", planned());
}

#[test]
fn a_cargo_test_is_placed_by_the_functions_of_its_last_recording() {
    let service = Service { repository: cargo_project::Project::new(None).repository };
    let manifest = "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n";
    service.repository.write("Cargo.toml", manifest);
    service.repository.write(".gitignore", "target\nCargo.lock\n");
    service.repository.write("src/lib.rs", "pub fn old() -> u32 {\n    1\n}\n\npub fn hot() -> u32 {\n    1\n}\n");
    let test = |name: &str| format!("#[test]\nfn {name}_works() {{\n    assert_eq!(small::{name}(), 1);\n}}\n");
    service.repository.write("tests/all.rs", test("old") + "\n" + &test("hot"));
    service.repository.git(&["init", "-q", "-b", "main"]);
    service.commit(365, "first");
    service.repository.write("src/lib.rs", "pub fn old() -> u32 {\n    1\n}\n\npub fn hot() -> u32 {\n    2 - 1\n}\n");
    service.commit(10, "hot");
    let ran = service.repository.titer(&["run", "--record=deep", "--", "cargo", "test", "--offline"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    service.learn(&[], 360, 0);
    let placed = service.place(&["--dry-run"]);
    let tests: Vec<&str> =
        placed["moves"].as_array().unwrap().iter().map(|step| step["test"].as_str().unwrap()).collect();
    assert_eq!(tests, ["cargo::small::test/all::old_works"], "{placed}");
}

#[test]
fn a_test_that_is_gone_has_no_place() {
    let service = Service::of(&["quiet", "gone"]);
    service.record();
    service.repository.write("tests/test_gone.py", "def test_other():\n    pass\n");
    service.commit(1, "gone");
    service.record();
    service.learn(&[], 360, 0);
    assert_eq!(names(&service.place(&["--dry-run"])), ["quiet"]);
}
