//! What titer seals, read by other people's programs: Python's securesystemslib, in-toto-attestation and pymerkle, Go's `sumdb`, `openssl`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, starts programs, and says what it could not try"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::audited::{Audited, git, sealer, writer};
use support::interpreters::of_audit;

/// A log of four seals, exported beside the repository: bundle, keys, checkpoints, a proof of every record.
fn exported() -> (Audited, PathBuf) {
    let mut shop = Audited::new();
    shop.sealed();
    for (number, moves) in [3, 1, 7].into_iter().enumerate() {
        let tests: Vec<String> = (0..moves).map(|test| format!("pytest::t/{number}.py::test_\u{e4}_{test}")).collect();
        let moves: Vec<(&str, &str)> = tests.iter().map(|test| (test.as_str(), "weekly")).collect();
        shop.place(&moves);
        shop.commit("moves");
        shop.sealed();
    }
    let folder = shop.repository.beside("others");
    let log = shop.copy_log("others");
    let bundle = folder.join("bundle.jsonl");
    let done = shop.titer(&["audit", "export", "--bundle", bundle.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    fs::rename(log.join("checkpoints"), folder.join("checkpoints")).unwrap();
    fs::rename(log.join("keys.json"), folder.join("keys.json")).unwrap();
    fs::create_dir(folder.join("proofs")).unwrap();
    for line in shop.lines() {
        let statement = titer::formats::record_line::split(&line).unwrap().statement.to_owned();
        let id = titer::formats::record_v1::sha256(statement.as_bytes());
        let done = shop.titer(&["audit", "prove", &id[..16], "--json"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let told: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!((told["id"].as_str().unwrap(), told["line"].as_str().unwrap()), (id.as_str(), line.as_str()));
        fs::write(folder.join("proofs").join(format!("{id}.json")), done.stdout).unwrap();
    }
    (shop, folder)
}

fn proofs(folder: &Path) -> Vec<Value> {
    let all =
        fs::read_dir(folder.join("proofs")).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    all.map(|text| serde_json::from_str(&text).unwrap()).collect()
}

#[test]
fn python_packages_accept_signatures_statements_and_proofs() {
    let (_shop, folder) = exported();
    let script = folder.join("others.py");
    fs::write(&script, include_str!("support/others.py")).unwrap();
    let done = Command::new(of_audit().python()).arg(&script).arg(&folder).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{told}{}", String::from_utf8_lossy(&done.stderr));
    let leaves = fs::read_to_string(folder.join("bundle.jsonl")).unwrap().lines().count();
    assert_eq!(told, format!("{leaves} leaves, 4 checkpoints, {leaves} proofs\n"));
}

/// `go` and the folder of Debian's packages, if they are there.
fn go() -> Option<(PathBuf, PathBuf)> {
    let named = std::env::var_os("TITER_TEST_GO").map(PathBuf::from);
    let packages =
        std::env::var_os("TITER_TEST_GOPATH").map_or_else(|| PathBuf::from("/usr/share/gocode"), PathBuf::from);
    let found = which::which(named.clone().unwrap_or_else(|| PathBuf::from("go"))).ok();
    let there = found.filter(|_| packages.join("src/golang.org/x/mod/sumdb/note").is_dir());
    assert!(
        there.is_some() || named.is_none(),
        "TITER_TEST_GO is set, and there is no go or no golang-golang-x-mod-dev"
    );
    there.map(|go| (go, packages))
}

#[test]
fn go_accepts_checkpoints_and_proofs() {
    let Some((go, packages)) = go() else {
        eprintln!(
            "NOT TESTED: Go's sumdb over our log: install golang-go and golang-golang-x-mod-dev, or set TITER_TEST_GO"
        );
        return;
    };
    let (shop, folder) = exported();
    let mut command = Command::new(go);
    fs::write(folder.join("others.go"), include_str!("support/others.go")).unwrap();
    command
        .env("GO111MODULE", "off")
        .env("GOPATH", &packages)
        .env("GOFLAGS", "")
        .env("GOCACHE", shop.repository.beside("gocache"));
    command.args(["run", "others.go"]).arg(sealer().public().to_string()).arg("checkpoints").arg("bundle.jsonl");
    for (number, proof) in proofs(&folder).iter().enumerate() {
        let path = folder.join(format!("{number}.tlog-proof"));
        fs::write(&path, proof["proof"].as_str().unwrap()).unwrap();
        command.arg(path);
    }
    let done = command.current_dir(&folder).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{told}{}", String::from_utf8_lossy(&done.stderr));
    assert!(told.contains(" leaves, 4 checkpoints, "), "{told}");
}

#[test]
fn openssl_accepts_a_signature_by_the_printed_recipe_and_no_other() {
    let (shop, folder) = exported();
    let proof = proofs(&folder)
        .into_iter()
        .find(|proof| proof["signatures"][0]["vkey"] == writer().public().to_string())
        .unwrap();
    let done = shop.titer(&["audit", "prove", proof["id"].as_str().unwrap()]);
    let recipe = done.stdout.split_once("any shell\n").unwrap().1;
    assert_eq!(recipe, proof["recipe"].as_str().unwrap());
    let run = |recipe: &str| {
        let place = shop.repository.beside("tmp");
        Command::new("sh").args(["-ec", recipe]).current_dir(place).output().unwrap()
    };
    let good = run(recipe);
    let told = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(
        good.status.success() && told.contains("Signature Verified Successfully"),
        "{told}{}",
        String::from_utf8_lossy(&good.stderr)
    );
    // The bytes that openssl was given are DSSE's encoding of the statement.
    let pae = fs::read_to_string(shop.repository.beside("tmp/record.pae")).unwrap();
    let line = proof["line"].as_str().unwrap();
    assert!(
        pae.starts_with("DSSEv1 28 application/vnd.in-toto+json ") && line.contains(pae.splitn(5, ' ').nth(4).unwrap()),
        "{pae}"
    );
    let other = run(&recipe.replacen("' > record.pae", " ' > record.pae", 1));
    assert!(!other.status.success(), "openssl accepts other bytes");
}

#[test]
fn a_proof_is_refused_where_there_is_no_such_record_or_no_whole_log() {
    let (shop, folder) = exported();
    for (id, code, why) in [
        ("abc", 2, "no name of a record"),
        ("ABCDEF0123", 2, "no name of a record"),
        ("00000000", 3, "has no record 00000000"),
    ] {
        let told = shop.titer(&["audit", "prove", id]);
        assert!(told.code == Some(code) && told.stderr.contains(why), "{id}: {}", told.stderr);
    }
    let id = proofs(&folder)[0]["id"].as_str().unwrap().to_owned();
    let log = shop.copy_log("damaged");
    let path = log.join("seg/000000000.jsonl");
    fs::write(&path, fs::read_to_string(&path).unwrap().replacen("first seal", "last seal", 1)).unwrap();
    for verb in [&["prove", id.as_str()][..], &["export", "--bundle", "../damaged.jsonl"]] {
        let told = shop.titer(&[&["audit"], verb, &["--log", log.to_str().unwrap()]].concat());
        assert!(
            told.code == Some(3) && told.stderr.contains("not those of its checkpoint"),
            "{verb:?}: {}",
            told.stderr
        );
    }
    assert!(!shop.repository.beside("damaged.jsonl").exists());
    assert_eq!(git(&shop.root(), &["status", "--porcelain"]), "");
}
