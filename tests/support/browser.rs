//! A real browser that opens a page: what it saw, and pictures of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::jest_project::which;

/// Every chart that the page may have.
pub const CHARTS: &[&str] = &[
    "verdicts",
    "left_out",
    "escapes",
    "bounds",
    "suites",
    "moves",
    "faults",
    "sightings",
    "timeline",
    "guards",
    "slowest",
    "valuable",
];

/// The folder of the browser that `.ci/chromium` unpacked. None where this system has no such browser, which `.ci/test` says aloud; in CI one must be
/// there.
pub fn home() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TITER_TEST_NODE_CHROMIUM") {
        return Some(PathBuf::from(named));
    }
    let target = Path::new(env!("CARGO_BIN_EXE_titer")).ancestors().nth(2).unwrap();
    let all = fs::read_dir(target.join("titer-node")).into_iter().flatten().filter_map(Result::ok);
    let fits = |path: &PathBuf| path.join("ready").is_file() && path.join("chromium").is_file();
    let found = all.map(|entry| entry.path()).find(fits);
    let is_built_for = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    assert!(found.is_some() || !is_built_for, "no browser: run .ci/test, which unpacks one");
    found
}

/// Where pictures of that name lie, for whoever wants to look.
pub fn pictures(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_titer")).ancestors().nth(2).unwrap();
    let folder = target.join("titer-report").join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Opens a page in a file, looks at every chart, clicks, types, and searches for a word.
pub fn opened(name: &str, page: &Path, word: &str) -> Option<Value> {
    visited(name, page.to_str().unwrap(), word)
}

/// The same with a page that is served.
pub fn visited(name: &str, page: &str, word: &str) -> Option<Value> {
    let home = home()?;
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/browse.mjs");
    let mut node = Command::new(which("node"));
    let done = node.arg(driver).arg(home).arg(page).arg(pictures(name)).arg(word).output().unwrap();
    let (told, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{told}{said}");
    Some(serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}")))
}

/// What a browser must have seen: these charts, each with marks of which each leads to a row that is there, and nothing that went wrong.
#[track_caller]
pub fn stands(seen: &Value, charts: &[&str]) {
    let all = seen["charts"].as_object().unwrap();
    let there: BTreeSet<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(there, charts.iter().copied().collect(), "{seen}");
    for (name, chart) in all {
        let number = |what: &str| chart[what].as_u64().unwrap();
        assert!(number("marks") > 0 && number("links") > 0 && number("stops") == 1, "{name}: {chart}");
        assert!(
            number("dead") == 0 && number("nameless") == 0 && chart["nan"] == false && chart["label"] != "",
            "{name}: {chart}"
        );
        let clicked = &seen["clicks"][name];
        assert!(clicked["shown"] == true && clicked["text"] != "", "{name}: {clicked}");
    }
    assert_eq!((&seen["errors"], &seen["requests"]), (&json!([]), &json!([])));
    for look in ["light", "dark", "narrow", "narrow-dark"] {
        assert_eq!(seen[look]["wide"], 0, "{look}: {}", seen[look]);
    }
    assert_ne!(seen["light"]["ground"], seen["dark"]["ground"]);
    assert!(seen["keys"]["hash"].as_str().unwrap().starts_with("#run-"), "{}", seen["keys"]);
    assert_eq!(seen["keys"]["hash"].as_str().unwrap()[1..], *seen["keys"]["focused"].as_str().unwrap());
    let search = &seen["search"];
    assert!(search["after"].as_u64() > Some(0) && search["after"].as_u64() < search["before"].as_u64(), "{search}");
    assert_eq!((&search["none"], &search["revealed"], &seen["straight"]), (&json!(0), &json!(true), &json!(true)));
    let bare = &seen["bare"];
    assert!(bare["charts"] == 0 && bare["note"] == true && bare["tables"].as_u64() > Some(5), "{bare}");
}
