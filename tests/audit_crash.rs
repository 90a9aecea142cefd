//! Seals that are cut short at every step, two sealers at once, two machines: the log comes to the same root and the same commit, nothing is lost,
//! nothing is doubled, and nobody says that all is well before it is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, starts programs, and says what it could not try"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::audited::{Audited, PENDING, change, git, line, statement};
use support::repository::copy_tree;
use support::service::{Service, sighting};
use titer::bridges::suite_files;
use titer::formats::record_v1::sha256;

/// More steps than a seal has.
const MOST: u32 = 12;

fn commit_and_root(told: &Value) -> (String, String) {
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("commit"), text("root"))
}

/// Seals, dying after so many steps; whether it died.
fn dies(shop: &mut Audited, steps: u32) -> bool {
    shop.repository.variables.insert("TITER_TEST_DIE_AFTER".to_owned(), steps.to_string());
    let done = shop.seal(&["--json"]);
    shop.repository.variables.remove("TITER_TEST_DIE_AFTER");
    assert!(done.code.is_none() || done.code == Some(0), "{}", done.stderr);
    assert!(done.code.is_some() || done.stdout.is_empty(), "it says that all is well and dies: {}", done.stdout);
    done.code.is_none()
}

/// Kills a seal after each of its steps; returns at how many it died.
fn killed_everywhere(shop: &mut Audited, whole: &(String, String), saved: Option<&str>) -> u32 {
    let before = shop.repository.beside("before");
    let _ = fs::remove_dir_all(&before);
    shop.repository.keep("before");
    for step in 1..=MOST {
        shop.repository.restore("before");
        if !dies(shop, step) {
            return step - 1;
        }
        // What lies there is a log that was cut short, or a whole one, or none; never one that was tampered with.
        let log = shop.root().join(".git/titer/log");
        if fs::read_dir(&log).unwrap().next().is_some() {
            let (code, report) = shop.verify(&["--log", log.to_str().unwrap()]);
            assert!([6, 7].contains(&code), "after step {step}: {report}");
        }
        // A second death on the way back changes nothing either.
        let _ = dies(shop, 1);
        let told = shop.seal(&["--json"]);
        assert_eq!(told.code, Some(0), "after step {step}: {}", told.stderr);
        let told: Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!(&commit_and_root(&told), whole, "after step {step}");
        assert_eq!(git(&shop.root(), &["rev-parse", "titer-log"]).trim(), whole.0);
        let folder = shop.verify(&["--log", log.to_str().unwrap()]);
        assert_eq!((shop.verify(&[]).0, folder.0), (6, 6), "after step {step}: {}", folder.1);
        if let Some(saved) = saved {
            assert_eq!(shop.verify(&["--since", saved]).0, 0, "after step {step}");
        }
    }
    panic!("a seal has more than {MOST} steps");
}

#[test]
fn a_seal_that_is_killed_after_any_step_is_made_again_to_the_same_commit() {
    let mut shop = Audited::new();
    shop.place(&[("pytest::t/a.py::a", "weekly")]);
    shop.commit("one");
    shop.repository.keep("first");
    let first = commit_and_root(&shop.sealed());
    shop.repository.restore("first");
    assert_eq!(killed_everywhere(&mut shop, &first, None), 6);
    // The next one, on a log that is there.
    shop.sealed();
    let saved = shop.save("saved.note");
    shop.place(&[("pytest::t/a.py::a", "fast"), ("pytest::t/b.py::b", "weekly")]);
    shop.place(&[("pytest::t/c.py::c", "weekly")]);
    shop.commit("two");
    shop.repository.keep("second");
    let second = commit_and_root(&shop.sealed());
    shop.repository.restore("second");
    assert_eq!(killed_everywhere(&mut shop, &second, Some(&saved)), 6);
    // And on a clone that has only the branch.
    shop.repository.restore("second");
    fs::remove_dir_all(shop.root().join(".git/titer")).unwrap();
    assert_eq!(killed_everywhere(&mut shop, &second, Some(&saved)), 7);
}

/// Seals under `strace`, which makes a call of the system fail or kills titer at it; whether it did. `None` where nothing may be traced.
fn injected(shop: &Audited, inject: &str) -> Option<(bool, support::Ending)> {
    let (log, key) = (shop.repository.beside("strace"), shop.key());
    let mut command = shop.repository.command("strace", &shop.root());
    command.args(["-qq", "-o"]).arg(&log).args([
        "-e",
        inject,
        env!("CARGO_BIN_EXE_titer"),
        "audit",
        "seal",
        "--json",
        "--key",
    ]);
    command.arg(key);
    let done = support::Going::start(&shop.repository, command).wait();
    let told = fs::read_to_string(&log).unwrap_or_default();
    if done.stderr.contains("PTRACE") || done.stderr.contains("ptrace") {
        return None;
    }
    Some((told.contains("(INJECTED)") || told.contains("+++ killed by SIGKILL +++"), done))
}

#[test]
fn a_disk_that_fails_and_a_kill_at_any_write_leave_a_log_that_the_next_seal_finishes() {
    if which::which("strace").is_err() {
        eprintln!("NOT TESTED: failing disks: there is no strace");
        return;
    }
    let mut shop = Audited::new();
    shop.sealed();
    shop.place(&[("pytest::t/a.py::a", "weekly"), ("pytest::t/b.py::b", "weekly")]);
    shop.commit("one");
    shop.repository.keep("before");
    let whole = commit_and_root(&shop.sealed());
    let mut tried = 0;
    for what in
        ["fsync:error=EIO", "rename:error=ENOSPC", "write:error=ENOSPC", "fsync:signal=KILL", "write:signal=KILL"]
    {
        for at in 1..100 {
            shop.repository.restore("before");
            let Some((happened, done)) = injected(&shop, &format!("inject={what}:when={at}")) else {
                eprintln!("NOT TESTED: failing disks: this system lets nobody trace");
                return;
            };
            if !happened {
                break;
            }
            tried += 1;
            let at = format!("{what}, call {at}: {:?} {}", done.code, done.stderr);
            assert!([None, Some(0), Some(3)].contains(&done.code), "{at}");
            if done.code == Some(0) {
                let told: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{at}"));
                assert_eq!(commit_and_root(&told), whole, "{at}: a false success");
                assert_eq!(git(&shop.root(), &["rev-parse", "titer-log"]).trim(), whole.0, "{at}: a false success");
            }
            assert_eq!(commit_and_root(&shop.sealed()), whole, "{at}");
            assert_eq!(shop.verify(&[]).0, 6, "{at}");
        }
    }
    assert!(tried > 20, "only {tried} calls were tried");
}

#[test]
fn two_sealers_at_once_seal_once() {
    let mut shop = Audited::new();
    for round in 0..3 {
        shop.place(&[(&format!("pytest::t/{round}.py::t"), "weekly")]);
        shop.commit("more");
        let key = shop.key();
        let seal = ["audit", "seal", "--json", "--key", key.to_str().unwrap()];
        let both = [shop.repository.start_titer(&seal), shop.repository.start_titer(&seal)];
        let told: Vec<Value> = both
            .into_iter()
            .map(|one| {
                let done = one.wait();
                assert_eq!(done.code, Some(0), "{}", done.stderr);
                serde_json::from_str(&done.stdout).unwrap()
            })
            .collect();
        assert_eq!(commit_and_root(&told[0]), commit_and_root(&told[1]));
        let records: i64 = told.iter().map(|it| it["records"].as_i64().unwrap()).sum();
        assert_eq!(records, 2, "{told:?}");
    }
    assert_eq!((shop.verify(&[]).0, shop.moves().len()), (6, 3));
}

#[test]
fn eight_writers_lose_nothing_and_what_they_wrote_is_sealed_once() {
    let shop = Audited::new();
    let root = shop.root();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let root = &root;
            scope.spawn(move || {
                for number in 0..10 {
                    // Half of the batches are everybody's: the same facts have the same name.
                    let who = if number % 2 == 0 { 8 } else { writer };
                    let told = change(&format!("pytest::t/{who}.py::test_{number}"), "weekly", None, None);
                    let text = line(&statement("change", &told), None);
                    suite_files::write(root, &format!("{}.jsonl", sha256(text.as_bytes())), text.as_bytes()).unwrap();
                }
            });
        }
    });
    let files = fs::read_dir(root.join(PENDING)).unwrap().count();
    assert_eq!(files, 8 * 5 + 5 + 1, "a writer has left something else");
    shop.commit("all");
    assert_eq!(shop.sealed()["records"], 45);
    assert_eq!(shop.moves().into_iter().collect::<BTreeSet<_>>().len(), 45);
}

/// What lies in the folder of the suites: every file with its bytes.
fn suites(service: &Service) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["", "pending", "proposed"] {
        let Ok(entries) = fs::read_dir(service.repository.path(".titer/suite").join(folder)) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            // A killed process leaves its temporary file, which nobody reads.
            if !path.file_name().unwrap().to_string_lossy().starts_with('.') {
                found.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_placement_that_is_killed_at_any_write_is_made_again_to_the_same_records() {
    if which::which("strace").is_err() {
        eprintln!("NOT TESTED: killed placements: there is no strace");
        return;
    }
    let service = Service::of(&["quiet", "calm", "busy"]);
    service.record();
    service.learn(&[sighting("e1", 9, "app/busy.py", "busy")], 360, 0);
    service.repository.keep("before");
    service.place(&[]);
    let whole = suites(&service);
    assert_eq!(whole.len(), 4, "the snapshot, a README, the moves and the baseline: {:?}", whole.keys());
    let mut killed = 0;
    for (what, step) in [("rename", 1), ("fsync", 3)] {
        for at in (1..60).step_by(step) {
            service.repository.restore("before");
            let log = service.repository.beside("strace");
            let mut command = service.repository.command("strace", &service.repository.root());
            command.args(["-f", "-qq", "-o"]).arg(&log);
            command.args(["-e", &format!("inject={what}:signal=KILL:when={at}"), env!("CARGO_BIN_EXE_titer"), "place"]);
            let done = support::Going::start(&service.repository, command).wait();
            if done.stderr.contains("PTRACE") || done.stderr.contains("ptrace") {
                eprintln!("NOT TESTED: killed placements: this system lets nobody trace");
                return;
            }
            if done.code == Some(0) {
                break;
            }
            killed += 1;
            // What was left is what is read: never half a batch.
            let planned = service.repository.titer(&["plan", "--", "pytest", "-q"]);
            assert!(!planned.stderr.contains("not used"), "{what} {at}: {}", planned.stderr);
            service.place(&[]);
            assert_eq!(suites(&service), whole, "{what} {at}");
        }
    }
    assert!(killed > 6, "only {killed} calls were tried");
}

/// A clone of the repository that pushes to it.
fn machine(shop: &Audited, bare: &Path, name: &str) -> String {
    let path = shop.repository.beside(name);
    git(&shop.root(), &["clone", "-q", bare.to_str().unwrap(), path.to_str().unwrap()]);
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_machine_that_was_slower_takes_what_was_pushed_and_seals_the_rest() {
    let mut shop = Audited::new();
    let bare = shop.repository.beside("bare.git");
    git(&shop.root(), &["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
    git(&shop.root(), &["remote", "add", "origin", bare.to_str().unwrap()]);
    git(&shop.root(), &["push", "-q", "origin", "main"]);
    let key = shop.key();
    let key = key.to_str().unwrap();
    let seal = |shop: &Audited, machine: &str, flags: &[&str]| {
        let done = shop.titer(&[&["-C", machine, "audit", "seal", "--json", "--key", key], flags].concat());
        assert_eq!(done.code, Some(0), "{machine}: {}", done.stderr);
        serde_json::from_str::<Value>(&done.stdout).unwrap()
    };
    let one = machine(&shop, &bare, "one");
    seal(&shop, &one, &["--push", "origin"]);
    let two = machine(&shop, &bare, "two");
    let move_on = |shop: &mut Audited, test: &str| {
        shop.place(&[(&format!("pytest::t/{test}.py::{test}"), "weekly")]);
        shop.commit(test);
        git(&shop.root(), &["push", "-q", "origin", "main"]);
    };
    // One seals and does not push; the other seals more, and pushes.
    move_on(&mut shop, "a");
    git(Path::new(&one), &["pull", "-q", "origin", "main"]);
    seal(&shop, &one, &[]);
    move_on(&mut shop, "b");
    git(Path::new(&two), &["pull", "-q", "origin", "main"]);
    let pushed = seal(&shop, &two, &["--push", "origin"]);
    move_on(&mut shop, "c");
    git(Path::new(&one), &["pull", "-q", "origin", "main"]);
    let without = shop.titer(&["-C", &one, "audit", "seal", "--key", key]);
    assert!(without.code == Some(0) || without.stderr.contains("have both gone on"), "{}", without.stderr);
    let after = seal(&shop, &one, &["--push", "origin"]);
    assert_eq!((&after["before"], after["records"].as_i64()), (&pushed["size"], Some(2)));
    git(&shop.root(), &["fetch", "-q", "origin", "titer-log:titer-log"]);
    assert_eq!((shop.verify(&[]).0, shop.moves().len()), (6, 3));
    assert_eq!(git(&shop.root(), &["rev-parse", "titer-log"]).trim(), after["commit"].as_str().unwrap());
    // Both at once: each ends well, and the log has all of it once.
    move_on(&mut shop, "d");
    git(Path::new(&one), &["pull", "-q", "origin", "main"]);
    move_on(&mut shop, "e");
    git(Path::new(&two), &["pull", "-q", "origin", "main"]);
    let start = |machine: &str| {
        shop.repository.start_titer(&["-C", machine, "audit", "seal", "--json", "--key", key, "--push", "origin"])
    };
    let both = [start(&one), start(&two)];
    for one in both {
        let done = one.wait();
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    }
    git(&shop.root(), &["fetch", "-q", "origin", "titer-log:titer-log"]);
    assert_eq!((shop.verify(&[]).0, shop.moves().len()), (6, 5));
    // Sealed up to a commit that the other clone does not have yet: it has nothing to add.
    move_on(&mut shop, "f");
    git(Path::new(&two), &["pull", "-q", "origin", "main"]);
    let ahead = seal(&shop, &two, &["--push", "origin"]);
    let behind = seal(&shop, &one, &["--push", "origin"]);
    assert_eq!((&behind["size"], &behind["before"]), (&ahead["size"], &ahead["size"]));
    // A log that has nothing to do with ours is not taken.
    let other = machine(&shop, &bare, "other");
    copy_tree(Path::new(&two), &shop.repository.beside("kept"));
    git(Path::new(&other), &["checkout", "-q", "--orphan", "forged"]);
    git(Path::new(&other), &["rm", "-rfq", "."]);
    git(Path::new(&other), &["commit", "-q", "--allow-empty", "-m", "forged"]);
    git(Path::new(&other), &["push", "-q", "-f", "origin", "forged:titer-log"]);
    let refused = shop.titer(&["-C", &two, "audit", "seal", "--key", key, "--push", "origin"]);
    assert!(refused.code == Some(3) && refused.stderr.contains("no beginning in common"), "{}", refused.stderr);
}
