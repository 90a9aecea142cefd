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
        "asserts what does not depend on the call",
        "#[test]\nfn it() {\n    quote(&[], \"X\");\n    assert_eq!(1 + 1, 2);\n}\n",
        "assertions",
    ),
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
        "#[test]\nfn it() {\n    assert_eq!(quote(&[], \"X\"), 0);\n    assert_ne!(std::process::id() % 2, 0);\n}\n",
        "hygiene",
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
        "names a place of one machine",
        "#[test]\nfn it() {\n    assert_eq!(quote(&[], \"/home/ann/x.csv\"), 0);\n}\n",
        "hygiene",
    ),
    (
        "reads the clock",
        "#[test]\nfn it() {\n    assert!(std::time::SystemTime::now() > std::time::UNIX_EPOCH);\n    assert_eq!(quote(&[], \"X\"), 0);\n}\n",
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
    ("is no Rust", "#[test]\nfn it( {\n", "hygiene"),
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
