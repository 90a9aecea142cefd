//! A real browser that opens a page: what it saw, and pictures of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::jest_project::which;

/// The folder of the browser that `.ci/chromium` unpacked. None where this system has no such browser, which `.ci/test` says aloud; in CI one must be
/// there.
fn home() -> Option<PathBuf> {
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

/// Opens a page, looks at every chart, clicks, types, and searches for a word.
pub fn opened(name: &str, page: &Path, word: &str) -> Option<Value> {
    let home = home()?;
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/browse.mjs");
    let mut node = Command::new(which("node"));
    let done = node.arg(driver).arg(home).arg(page).arg(pictures(name)).arg(word).output().unwrap();
    let (told, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{told}{said}");
    Some(serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}")))
}
