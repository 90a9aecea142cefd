//! Guards, end to end: a web service that crashes, its real SDK, a real tracker, and the test that comes of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use support::interpreters::of_sources;
use support::shop::rows;
use support::tracker::{Bugsink, body_of, head_of};
use support::{Ending, Repository};

const PYTEST: &[&str] = &["run", "--", "pytest", "-q", "-p", "no:cacheprovider"];
const BUG: &str = "COUPONS[coupon]";
const FIX: &str = "COUPONS.get(coupon, 0)";

/// The shop in a repository, whose service has crashed once; its tracker was learned from.
fn crashed(hook: bool) -> Repository {
    let (repository, bugsink) = served(hook);
    let url = format!("http://127.0.0.1:{}", bugsink.port);
    says(&repository.titer(&["learn", "bugsink", "--url", &url, "--project", "1"]), 0, &["1 sighting of 1 fault"]);
    repository
}

/// The shop in a repository, whose service has crashed once, and the tracker that was told.
fn served(hook: bool) -> (Repository, Bugsink) {
    let mut repository = Repository::bare(of_sources());
    repository.copy_in("testdata/guard-shop");
    repository.write(".gitignore", "__pycache__/\n");
    repository.git(&["init", "-q", "-b", "main"]);
    repository.commit_before(20, "the shop opens");
    let commit = head(&repository);
    let bugsink = Bugsink::start(&repository, of_sources());
    let mut serve = repository.command(repository.interpreter.python(), &repository.root());
    let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("adapters/capture");
    serve.env("PYTHONPATH", std::env::join_paths([adapter, repository.root()]).unwrap()).env_remove("PYTEST_PLUGINS");
    serve.args(["serve.py", &bugsink.dsn, &commit]).args(hook.then_some("hook"));
    let done = serve.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(said.trim(), "500", "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    bugsink.wait(1, 1);
    repository.variables.insert("BUGSINK_TOKEN".into(), bugsink.token.clone());
    (repository, bugsink)
}

fn head(repository: &Repository) -> String {
    let mut git = repository.command("git", &repository.root());
    String::from_utf8(git.args(["rev-parse", "HEAD"]).output().unwrap().stdout).unwrap().trim().to_owned()
}

#[track_caller]
fn says(ending: &Ending, code: i32, words: &[&str]) {
    let all = format!("{}\n{}", ending.stdout, ending.stderr);
    assert_eq!(ending.code, Some(code), "{all}");
    for word in words {
        assert!(all.contains(word), "{word:?} is not in {all}");
    }
}

/// The fault's id, as the list prints it.
fn fault(repository: &Repository) -> String {
    let told = repository.titer(&["guard", "list", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{}", told.stderr));
    assert_eq!(listed.len(), 1, "{}", told.stdout);
    assert_eq!((&listed[0]["error_type"], &listed[0]["path"]), (&"KeyError".into(), &"shop/prices.py".into()));
    listed[0]["fault_id"].as_str().unwrap()[..8].to_owned()
}

/// The guards in the tree.
fn guards(repository: &Repository) -> Vec<PathBuf> {
    let tests = fs::read_dir(repository.path("tests")).unwrap().map(|entry| entry.unwrap().path());
    tests.filter(|path| path.file_name().unwrap() != "test_prices.py").filter(|path| path.is_file()).collect()
}

fn text_of(repository: &Repository) -> String {
    let all = guards(repository);
    assert_eq!(all.len(), 1, "{all:?}");
    fs::read_to_string(&all[0]).unwrap()
}

#[test]
fn a_crash_of_a_service_becomes_a_test_that_waits_for_the_fix_and_then_keeps_it() {
    let repository = crashed(true);
    let fault = fault(&repository);
    let drafted = repository.titer(&["guard", "draft", &fault]);
    says(&drafted, 0, &["KeyError in shop/prices.py discount", "there is no fix yet", "xfail", &fault]);
    assert!(!drafted.stdout.contains("Customer") && !drafted.stdout.contains("1234567"), "{}", drafted.stdout);
    let draft = format!("{fault}-1");
    says(
        &repository.titer(&["guard", "check", &draft]),
        0,
        &["passed  code-path", "waiting before-after", "fails 3 of 3"],
    );
    assert!(guards(&repository).is_empty());
    says(&repository.titer(&["guard", "inject", &draft]), 0, &["absent -> FAST", ".titer/suite/pending/"]);
    assert!(text_of(&repository).contains("xfail(strict=True"));
    repository.commit("a guard");
    // It is expected to fail, so nobody is held up; with the fix it says so.
    says(&repository.titer(&[&["run", "--record"], &PYTEST[1..]].concat()), 0, &["1 xfailed"]);
    says(&repository.titer(&["guard", "settle"]), 0, &["is not fixed yet"]);
    repository.write("shop/notes.txt", "one more commit between\n");
    repository.commit("something else");
    repository.replace("shop/prices.py", BUG, FIX);
    repository.commit("an unknown coupon takes nothing off");
    let fixed = head(&repository);
    repository.write("shop/notes.txt", "and one after\n");
    repository.commit("something else again");
    says(&repository.titer(PYTEST), 1, &["XPASS(strict)"]);
    says(&repository.titer(&["guard", "settle"]), 0, &[&format!("is fixed by {}", &fixed[..8])]);
    let settled = text_of(&repository);
    assert!(!settled.contains("xfail") && settled.contains("assert"), "{settled}");
    repository.commit("the guard asserts what is right");
    says(
        &repository.titer(&[&["run", "--record"], &PYTEST[1..]].concat()),
        0,
        &["1 passed, 2 deselected", "1 failed-last-time"],
    );
    // The revert of the fix.
    repository.replace("shop/prices.py", FIX, BUG);
    repository.commit("Revert \"an unknown coupon takes nothing off\"");
    says(&repository.titer(PYTEST), 1, &["KeyError", "1 failed"]);
    assert_eq!(
        rows(&repository, "SELECT step FROM guard_steps ORDER BY taken_at"),
        ["drafted", "checked", "checked", "injected", "checked", "settled"]
    );
    says(&repository.titer(&["guard", "list"]), 0, &["every fault"]);
}

#[test]
fn a_sweep_learns_drafts_checks_and_opens_a_pull_request_without_a_further_word() {
    let (mut repository, bugsink) = served(false);
    repository.replace("shop/prices.py", BUG, FIX);
    let source =
        format!("[[source]]\ntracker = \"bugsink\"\nurl = \"http://127.0.0.1:{}\"\nproject = \"1\"\n", bugsink.port);
    repository.write("titer.toml", format!("default_branch = \"main\"\n{source}[guard]\nauto_merge = true\n"));
    repository.commit("an unknown coupon takes nothing off");
    let origin = repository.beside("origin.git").display().to_string();
    repository.git(&["clone", "-q", "--bare", ".", &origin]);
    repository.git(&["remote", "add", "origin", &origin]);
    let (port, asked) = github();
    for (name, value) in [("GITHUB_TOKEN", "ghp_secret"), ("GITHUB_REPOSITORY", "acme/shop")] {
        repository.variables.insert(name.into(), value.into());
    }
    repository.variables.insert("GITHUB_API_URL".into(), format!("http://127.0.0.1:{port}"));
    let swept = repository.titer(&["guard", "sweep", "--pr"]);
    says(
        &swept,
        0,
        &["1 sighting of 1 fault", "proposed tests/", "https://github.com/acme/shop/pull/7", "1 of 1 faults"],
    );
    assert!(guards(&repository).is_empty(), "the work tree is not touched");
    let asked = asked.lock().unwrap().clone();
    let opened: Value = serde_json::from_str(asked[0].split_once("\n\n").unwrap().1).unwrap();
    assert!(
        asked[0].starts_with("POST /repos/acme/shop/pulls ")
            && asked[0].to_lowercase().contains("authorization: bearer ghp_secret")
    );
    let branch = opened["head"].as_str().unwrap();
    assert_eq!(opened["base"], "main");
    assert!(opened["title"].as_str().unwrap().ends_with("KeyError in shop/prices.py"), "{opened}");
    assert!(asked[1].starts_with("POST /graphql ") && asked[1].contains("PR_node"), "{}", asked[1]);
    says(&repository.titer(&["guard", "sweep", "--pr"]), 0, &["no fault waits for a guard"]);
    // Auto-merged is what the forge has merged: until then the guard is elsewhere.
    let trusted = || {
        let told: Value = serde_json::from_str(&repository.titer(&["report", "--json"]).stdout).unwrap();
        let of = |name: &str| told["guards"][name].as_u64().unwrap();
        (of("proposed"), of("auto_merged"), of("auto_merged_reverted"), of("would_have_caught"))
    };
    assert_eq!(trusted(), (1, 0, 0, 0));
    // What the forge would do.
    repository.git(&["fetch", "-q", "origin", branch]);
    repository.git(&["merge", "-q", "--ff-only", "FETCH_HEAD"]);
    assert_eq!(trusted(), (1, 1, 0, 1));
    let text = text_of(&repository);
    assert!(text.contains("assert") && !text.contains("xfail"), "{text}");
    says(&repository.titer(&[&["run", "--record"], &PYTEST[1..]].concat()), 0, &["3 passed"]);
    repository.replace("shop/prices.py", FIX, BUG);
    says(&repository.titer(PYTEST), 1, &["KeyError", "1 failed"]);
    // Somebody takes the guard out again.
    repository.git(&["rm", "-q", guards(&repository)[0].to_str().unwrap()]);
    repository.commit("too strict");
    assert_eq!(trusted(), (1, 1, 1, 0));
}

/// A server that answers as GitHub did, and what it was asked.
fn github() -> (u16, Arc<Mutex<Vec<String>>>) {
    const OPENED: &str = r#"{"html_url":"https://github.com/acme/shop/pull/7","node_id":"PR_node","number":7}"#;
    const MERGES: &str = r#"{"data":{"enablePullRequestAutoMerge":{"clientMutationId":null}}}"#;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head = head_of(&mut stream);
            let body = body_of(&mut stream, &head);
            let (status, answer) =
                if head.starts_with("POST /graphql") { ("200 OK", MERGES) } else { ("201 Created", OPENED) };
            told.lock().unwrap().push(format!("{}\n\n{body}", head.trim_end()));
            let length = answer.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, asked)
}
