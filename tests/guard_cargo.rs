//! Guards in Rust: drafts that somebody wrote, held against the criteria with the project's own cargo.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;

use serde_json::{Value, json};

use support::Repository;
use support::cargo_project::Project;
use support::shop::rows;

const BUG: &str = ".expect(\"a coupon that is known\")";
const FIX: &str = ".unwrap_or(0)";
const FILE: &str = "till/src/prices.rs";

/// The till, faulty and then fixed if it is, and a fault of it that was learned from a file; the fault's id.
fn till(fixed: bool, event: &Value) -> (Project, String) {
    let project = Project::new(None);
    let repository = &project.repository;
    repository.copy_in("testdata/guard-till");
    repository.write(".gitignore", "target/\n.titer/ledger\n");
    repository.git(&["init", "-q", "-b", "main"]);
    repository.commit_before(20, "the till opens");
    repository.git(&["tag", "v1"]);
    if fixed {
        repository.replace(FILE, BUG, FIX);
        repository.commit("an unknown coupon takes nothing off");
    }
    let file = repository.beside("event.json");
    fs::write(&file, event.to_string()).unwrap();
    let learned = repository.titer(&["learn", "file", file.to_str().unwrap()]);
    assert_eq!(learned.code, Some(0), "{}\n{}", learned.stdout, learned.stderr);
    let ids = rows(repository, "SELECT fault_id FROM faults ORDER BY sightings DESC, fault_id");
    let id = ids.first().cloned().unwrap_or_default();
    (project, id)
}

/// An event as sentry's SDK for Rust sends it: frames without values.
fn event() -> Value {
    let frame = |function: &str, file: &str, line: u32| json!({"function": function, "filename": file.rsplit('/').next(), "abs_path": format!("/srv/{file}"), "lineno": line, "in_app": true, "instruction_addr": "0x55cb7a8545be"});
    let std = json!({"function": "core::option::expect_failed", "package": "core", "filename": "option.rs", "abs_path": "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/option.rs", "lineno": 2184, "in_app": false});
    let frames = [frame("quote", FILE, 14), frame("discount", FILE, 19), std];
    json!({"event_id": "a".repeat(32), "timestamp": "2026-11-21T05:00:00Z", "platform": "native", "level": "fatal", "release": "v1",
        "exception": {"values": [{"type": "panic", "value": "a coupon that is known", "mechanism": {"type": "panic", "handled": false}, "stacktrace": {"frames": frames}}]}})
}

/// A planted draft: its name, its text, the criterion that has to refuse it (none: it is a good one).
const PLANTED: &[(&str, &str, &str)] = &[
    ("good", "#[test]\nfn it() {\n    assert_eq!(quote(&[], \"X\"), 0);\n}\n", ""),
    (
        "passes on the faulty commit",
        "#[test]\nfn it() {\n    assert_eq!(quote(&[], \"SPRING\"), 0);\n}\n",
        "before-after",
    ),
    (
        "calls what is private",
        "#[test]\nfn it() {\n    assert_eq!(till::prices::rounded(quote(&[], \"X\")), 0);\n}\n",
        "public",
    ),
    (
        "takes the product's source in",
        "#[path = \"../src/prices.rs\"]\nmod own;\n#[test]\nfn it() {\n    assert_eq!(own::quote(&[], \"X\"), quote(&[], \"X\"));\n}\n",
        "public",
    ),
    ("asserts nothing", "#[test]\nfn it() {\n    quote(&[], \"X\");\n}\n", "assertions"),
    (
        "asserts on a mock",
        "struct Spy(u32);\n#[test]\nfn it() {\n    let spy = Spy(3);\n    quote(&[], \"X\");\n    assert_eq!(spy.0, 3);\n}\n",
        "assertions",
    ),
    (
        "asserts only that it is something",
        "#[test]\nfn it() {\n    assert!(quote(&[], \"X\") < u32::MAX);\n}\n",
        "assertions",
    ),
    (
        "swallows the panic",
        "#[test]\nfn it() {\n    let told = std::panic::catch_unwind(|| quote(&[], \"X\"));\n    assert_eq!(told.unwrap_or(0), 0);\n}\n",
        "assertions",
    ),
    (
        "is flaky",
        "#[test]\nfn it() {\n    use std::hash::BuildHasher;\n    assert_eq!(quote(&[], \"X\"), 0);\n    let seed = std::hash::RandomState::new().hash_one(1);\n    assert_eq!(seed % 8, 0);\n}\n",
        "before-after",
    ),
    (
        "fails elsewhere",
        "#[test]\nfn it() {\n    assert!(Vec::<u32>::new().first().is_some());\n    assert_eq!(quote(&[], \"X\"), 0);\n}\n",
        "code-path",
    ),
    (
        "holds a secret",
        "#[test]\nfn it() {\n    let api_key = \"sk_live_4eC39HqLyjWDarjtT1zdp7dc\";\n    assert_eq!(quote(&[], api_key), 0);\n}\n",
        "hygiene",
    ),
    (
        "sleeps",
        "#[test]\nfn it() {\n    std::thread::sleep(std::time::Duration::from_millis(100));\n    assert_eq!(quote(&[], \"X\"), 0);\n}\n",
        "hygiene",
    ),
    (
        "uses the network",
        "#[test]\nfn it() {\n    let _net = std::net::TcpStream::connect(\"127.0.0.1:9\");\n    assert_eq!(quote(&[], \"X\"), 0);\n}\n",
        "hygiene",
    ),
    (
        "touches a file of the product",
        "#[test]\nfn it() {\n    std::fs::write(\"src/prices.rs\", \"\").unwrap_or_default();\n    assert_eq!(quote(&[], \"X\"), 0);\n}\n",
        "hygiene",
    ),
    (
        "starts a program",
        "#[test]\nfn it() {\n    std::process::Command::new(\"true\").status().unwrap();\n    assert_eq!(quote(&[], \"X\"), 0);\n}\n",
        "hygiene",
    ),
    (
        "holds two tests",
        "#[test]\nfn it() {\n    assert_eq!(quote(&[], \"X\"), 0);\n}\n#[test]\nfn other() {\n    assert_eq!(quote(&[], \"Y\"), 0);\n}\n",
        "hygiene",
    ),
    ("is ignored", "#[test]\n#[ignore]\nfn it() {\n    assert_eq!(quote(&[], \"X\"), 0);\n}\n", "before-after"),
    ("does not compile", "#[test]\nfn it() {\n    assert_eq!(quote(&[]), 0);\n}\n", "hygiene"),
];

#[test]
fn planted_drafts_are_refused_for_what_is_wrong_with_them() {
    let (project, fault) = till(true, &event());
    let repository = &project.repository;
    let product = fs::read_to_string(repository.path(FILE)).unwrap();
    for (name, text, criterion) in PLANTED {
        let (all, code, refused) = checked(repository, text, &fault, &["--fixed", "HEAD"]);
        assert_eq!(code, Some(i32::from(!criterion.is_empty())), "{name}: {all}");
        assert!(criterion.is_empty() || refused.iter().any(|one| one == criterion), "{name}: {all}");
    }
    assert_eq!(fs::read_to_string(repository.path(FILE)).unwrap(), product);
    let queued = repository.titer(&["guard", "queue"]);
    assert!(queued.stdout.contains("hygiene") && queued.stdout.contains("(sleep)"), "{}", queued.stdout);
}

/// What `titer guard check` says of a text: all of it, its code, the criteria that it refused.
fn checked(repository: &Repository, text: &str, fault: &str, more: &[&str]) -> (String, Option<i32>, Vec<String>) {
    let file = repository.beside("planted.rs");
    fs::write(&file, format!("use till::prices::quote;\n\n{text}")).unwrap();
    let file = file.to_str().unwrap();
    let told = repository.titer(&[&["guard", "check", file, "--fault", &fault[..8], "--json"], more].concat());
    let all = format!("{}\n{}", told.stdout, told.stderr);
    let verdicts: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{all}"));
    let verdicts = verdicts["verdicts"].as_array().unwrap();
    let refused = verdicts.iter().filter(|verdict| verdict["state"] == "failed");
    let refused = refused.map(|verdict| verdict["criterion"].as_str().unwrap().to_owned()).collect();
    (all, told.code, refused)
}

#[track_caller]
fn says(repository: &Repository, command: &[&str], code: i32, words: &[&str]) -> String {
    let told = repository.titer(command);
    let all = format!("{}\n{}", told.stdout, told.stderr);
    assert_eq!(told.code, Some(code), "{command:?}: {all}");
    for word in words {
        assert!(all.contains(word), "{word:?} is not in {all}");
    }
    all
}

const CARGO: &[&str] = &["run", "--", "cargo", "test", "--locked"];
const GUARD: &str = "use till::prices::quote;\n\n#[test]\nfn a_coupon_that_is_not_known_takes_nothing_off() {\n    assert_eq!(quote(&[], \"X\"), 0);\n}\n";
const HOME: &str = "till/tests/guard_discount.rs";

#[test]
fn a_guard_is_injected_and_keeps_its_fix() {
    let (project, fault) = till(true, &event());
    let repository = &project.repository;
    let file = repository.beside("guard_discount.rs");
    fs::write(&file, GUARD).unwrap();
    let file = file.to_str().unwrap();
    let inject = ["guard", "inject", file, "--fault", &fault[..8], "--fixed", "HEAD"];
    let id = "cargo::till::test/guard_discount::a_coupon_that_is_not_known_takes_nothing_off: absent -> FAST";
    says(repository, &inject, 0, &["passed  code-path", "passed  assertions", id, ".titer/suite/pending/"]);
    assert_eq!(fs::read_to_string(repository.path(HOME)).unwrap(), GUARD);
    repository.commit("a guard");
    says(
        repository,
        &[&["run", "--record"], &CARGO[1..]].concat(),
        0,
        &["a_coupon_that_is_not_known_takes_nothing_off ... ok"],
    );
    says(repository, &["guard", "list"], 0, &["every fault"]);
    repository.write("till/src/receipt.rs", "//! Nothing is printed.\n");
    repository.replace(FILE, FIX, BUG);
    repository.commit("Revert \"an unknown coupon takes nothing off\"");
    says(
        repository,
        CARGO,
        101,
        &["a_coupon_that_is_not_known_takes_nothing_off ... FAILED", "a coupon that is known"],
    );
}

#[test]
fn a_guard_without_a_fix_waits_for_it_and_a_person_says_what_is_right() {
    let (project, fault) = till(false, &event());
    let repository = &project.repository;
    let file = repository.beside("guard_discount.rs");
    fs::write(&file, GUARD).unwrap();
    let file = file.to_str().unwrap();
    let check = ["guard", "check", file, "--fault", &fault[..8]];
    says(repository, &check, 1, &["failed  before-after", "#[should_panic(expected"]);
    let any = GUARD.replace("#[test]\n", "#[test]\n#[should_panic]\n");
    fs::write(file, any).unwrap();
    says(repository, &check, 1, &["failed  assertions"]);
    let waiting = GUARD.replace("#[test]\n", "#[test]\n#[should_panic(expected = \"a coupon that is known\")]\n");
    fs::write(file, &waiting).unwrap();
    says(repository, &check, 0, &["passed  code-path", "passed  assertions", "waiting before-after", "fails 3 of 3"]);
    says(repository, &[&["guard", "inject"], &check[2..]].concat(), 0, &["absent -> FAST"]);
    repository.commit("a guard");
    says(repository, &[&["run", "--record"], &CARGO[1..]].concat(), 0, &["should panic ... ok"]);
    says(repository, &["guard", "settle"], 0, &["is not fixed yet"]);
    repository.replace(FILE, BUG, FIX);
    repository.commit("an unknown coupon takes nothing off");
    says(repository, CARGO, 101, &["test did not panic as expected"]);
    says(repository, &["guard", "settle"], 1, &["no longer fails as production did", "take #[should_panic"]);
    assert_eq!(fs::read_to_string(repository.path(HOME)).unwrap(), waiting);
    repository.write(HOME, GUARD);
    repository.commit("what is right");
    says(repository, &["guard", "settle"], 0, &["is fixed by"]);
    let steps = rows(repository, "SELECT step FROM guard_steps ORDER BY taken_at");
    assert_eq!(steps, ["checked", "checked", "checked", "checked", "injected", "checked", "settled"]);
    says(repository, CARGO, 0, &["test result: ok"]);
}

/// An agent that is told the fault and writes a test in Rust.
const AGENT: &str = r#"
import json, os, sys
asked = json.load(sys.stdin)
assert asked["runner"] == "cargo" and asked["target"] == {"module": "till/src/prices.rs", "name": "discount"}, asked
assert "fn discount" in asked["frames"][-1]["text"] and "a_coupon_takes_its_part_off" in asked["conventions"]["text"], asked
assert any("should_panic" in one["asks"] for one in asked["criteria"])
with open(os.path.join(os.environ["TITER_DRAFT_DIR"], "it.rs"), "w") as file:
    file.write('use till::prices::quote;\n\n#[test]\nfn it() {\n    assert_eq!(quote(&[], "X"), 0);\n}\n')
print(json.dumps({"v": 1, "file": "it.rs"}))
"#;

#[test]
fn an_event_without_arguments_is_left_to_a_person_or_to_an_agent() {
    let (project, fault) = till(true, &event());
    let repository = &project.repository;
    let cannot = "cannot be drafted, because its event carries no arguments";
    let home = format!("till/tests/guard_discount_{}.rs", &fault[..8]);
    says(repository, &["guard", "draft", &fault[..8]], 1, &[cannot, "titer guard check FILE --fault", &home]);
    says(repository, &["guard", "sweep", "--again"], 0, &[&format!("{} queued as", &fault[..8]), cannot]);
    says(repository, &["guard", "queue"], 0, &["carries no arguments"]);
    fs::write(repository.beside("agent.py"), AGENT).unwrap();
    let agent = repository.beside("agent.py").display().to_string();
    repository.write("titer.toml", format!("[guard.agent]\ncommand = [\"python3\", {agent:?}]\n"));
    says(repository, &["guard", "sweep", "--again"], 0, &[&format!("injected {home}")]);
    assert!(fs::read_to_string(repository.path(&home)).unwrap().contains("assert_eq!"));
}

/// An error that somebody had in hand when it was captured: its frames end where it was captured.
fn captured_error(line: u32) -> Value {
    let mut event = event();
    let frame = json!({"function": "cents", "filename": "receipt.rs", "abs_path": "/srv/till/src/receipt.rs", "lineno": line, "in_app": true});
    event["level"] = "error".into();
    event["exception"] = json!({"values": [{"type": "ParseIntError", "value": "invalid digit found in string", "stacktrace": {"frames": [frame]}}]});
    event
}

#[test]
fn an_error_that_is_returned_is_found_by_the_lines_that_ran() {
    let receipt = "till/src/receipt.rs";
    for (line, fixed) in [(9, false), (9, true)] {
        let (project, fault) = till(false, &captured_error(line));
        let repository = &project.repository;
        let mut given: Vec<&str> = Vec::new();
        if fixed {
            repository.replace(receipt, "amount.parse()", "amount.trim().parse()");
            repository.commit("blanks do not count");
            given = vec!["--fixed", "HEAD"];
        }
        for (body, expected, criterion) in [
            ("assert_eq!(cents(\"tea 3 c\"), Ok(3));", fixed, "before-after"),
            ("assert_eq!(cents(\"tea 4 c\").unwrap(), 4);", fixed, "before-after"),
            ("assert!(cents(\"tea 3 c\").is_err());", !fixed, "before-after"),
            ("assert_eq!(quote(&[], \"SPRING\"), 1);", false, "code-path"),
        ] {
            let text = format!(
                "use till::receipt::cents;\n#[test]\nfn it() {{\n    assert!(quote(&[], \"SPRING\") < 1);\n    {body}\n}}\n"
            );
            let (all, code, refused) = checked(repository, &text, &fault, &given);
            assert_eq!(code == Some(0), expected, "{fixed} {body}: {all}");
            assert!(expected || refused.iter().any(|one| one == criterion), "{fixed} {body}: {all}");
        }
    }
}

#[test]
fn an_event_of_the_real_sdk_is_told_what_it_lacks() {
    let repository = support::shop::shop();
    let learned = support::shop::learn(&repository, &support::shop::captured("sentry-rust-1.envelope"), &[]);
    assert_eq!(learned.code, Some(0), "{}", learned.stderr);
    let fault = rows(&repository, "SELECT fault_id FROM faults").remove(0);
    let drafted = ["guard", "draft", &fault[..8]];
    let home = format!("rust/tests/guard_price_{}.rs", &fault[..8]);
    says(&repository, &drafted, 1, &["panic in rust/src/billing.rs price", "carries no arguments", &home]);
    let told = says(&repository, &["guard", "context", &fault[..8]], 0, &["should_panic", "pub fn price"]);
    let told: Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!(told["target"], json!({"module": "rust/src/billing.rs", "name": "price"}));
    let file = repository.beside("it.rs");
    fs::write(&file, GUARD).unwrap();
    let check = ["guard", "check", file.to_str().unwrap(), "--fault", &fault[..8]];
    says(&repository, &check, 3, &["there is no library in package shop", "src/lib.rs"]);
}

#[test]
fn hostile_events_run_nothing_and_write_nothing() {
    let code = "$(touch HACKED); `touch HACKED`\"); std::process::Command::new(\"touch\").arg(\"HACKED\").status(); //";
    let with = |change: &dyn Fn(&mut Value)| {
        let mut event = event();
        change(&mut event["exception"]["values"][0]);
        event
    };
    let frame = |one: &mut Value, key: &str, value: &str| {
        one["stacktrace"]["frames"][1][key] = value.into();
    };
    for hostile in [
        with(&|one| one["value"] = code.into()),
        with(&|one| one["type"] = format!("panic {code}").into()),
        with(&|one| frame(one, "function", code)),
        with(&|one| frame(one, "function", "../../../../discount")),
        with(&|one| frame(one, "abs_path", "/srv/../../../../etc/passwd")),
        with(&|one| frame(one, "function", &"f".repeat(1_000_000))),
    ] {
        let (project, fault) = till(false, &hostile);
        let repository = &project.repository;
        let before = files(repository);
        for command in [&["guard", "draft", &fault[..8]][..], &["guard", "sweep", "--again"]] {
            let told = repository.titer(command);
            let all = format!("{}\n{}", told.stdout, told.stderr);
            assert!([Some(0), Some(1), Some(3)].contains(&told.code) && !all.trim().is_empty(), "{all}");
            assert!(all.len() < 20_000 && !all.contains("panicked at"), "{all}");
        }
        assert_eq!(files(repository), before);
        assert!(!repository.beside("HACKED").exists() && !repository.path("HACKED").exists());
    }
}

/// The files of the project, without what titer keeps.
fn files(repository: &Repository) -> Vec<String> {
    let all = walkdir::WalkDir::new(repository.root()).sort_by_file_name().into_iter().flatten();
    let all = all.filter(|entry| entry.file_type().is_file()).map(|entry| entry.path().display().to_string());
    all.filter(|path| !path.contains("/.titer/") && !path.contains("/.git/")).collect()
}

#[test]
fn what_cannot_be_built_here_is_a_sentence() {
    let (project, fault) = till(true, &event());
    let repository = &project.repository;
    let file = repository.beside("guard_discount.rs");
    fs::write(&file, GUARD).unwrap();
    let manifest = fs::read_to_string(repository.path("till/Cargo.toml")).unwrap();
    let lock = fs::read_to_string(repository.path("Cargo.lock")).unwrap();
    let check = |words: &[&str]| {
        repository.commit("another commit");
        let file = file.to_str().unwrap();
        let fault = &fault[..8];
        let told = says(repository, &["guard", "check", file, "--fault", fault, "--faulty", "HEAD"], 3, words);
        assert!(told.contains("hint: ") && told.len() < 1000, "{told}");
    };
    repository.write("till/Cargo.toml", format!("{manifest}autotests = false\n"));
    check(&["cargo does not find the test's file", "autotests = false"]);
    repository.write("till/Cargo.toml", manifest.replace("1.4.0", "1.4.1"));
    check(&["Cargo.lock of this commit does not fit"]);
    repository.write("till/Cargo.toml", format!("{manifest}\n[dependencies]\nserde = \"1\"\n"));
    check(&["its dependencies are not all downloaded (no matching package named `serde` found)"]);
    let locked = "\n[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                  checksum = \"92ec94e2754699adddbbc4f555791bd3acc2a2f5574cb16c93a4a9cf4a04f415\"\n";
    let own = lock.replace("version = \"1.4.0\"\n", "version = \"1.4.0\"\ndependencies = [\n \"serde\",\n]\n");
    repository.write(
        "Cargo.lock",
        own.replacen("\n[[package]]\nname = \"till\"", &format!("{locked}\n[[package]]\nname = \"till\""), 1),
    );
    check(&["its dependencies are not all downloaded"]);
    repository.write("till/Cargo.toml", &manifest);
    repository.delete("Cargo.lock");
    check(&["has no Cargo.lock"]);
    repository.write("Cargo.lock", &lock);
    repository.write(FILE, "fn broken(");
    check(&["the project's own code does not compile on this commit"]);
}
