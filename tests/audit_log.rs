//! The log of records, sealed from real commits and checked: what git may do to branches, what is held back, what idles.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use serde_json::{Value, json};
use support::audited::{Audited, PENDING, change, decision, git, line, sealer, statement, writer};
use titer::formats::note::Signer;
use titer::formats::record_v1::sha256;

fn told(held: &Value) -> Vec<(i64, String)> {
    let all = held["heldBack"].as_array().unwrap().iter();
    all.map(|it| (it["line"].as_i64().unwrap_or(0), it["why"].as_str().unwrap().to_owned())).collect()
}

fn pairs(moves: &[(&str, &str)]) -> Vec<(String, String)> {
    moves.iter().map(|(test, to)| ((*test).to_owned(), (*to).to_owned())).collect()
}

/// Green with what was saved before, and told to be unanchored without.
fn is_green(shop: &Audited, saved: &str) {
    let (code, report) = shop.verify(&["--since", saved]);
    assert_eq!((code, &report["verdict"]), (0, &json!("good")), "{report}");
    let (code, report) = shop.verify(&[]);
    assert_eq!((code, &report["verdict"]), (6, &json!("not-anchored")), "{report}");
}

/// A revert takes a file away: what happened stays in the log, which goes by what the tree says now.
fn reverted(shop: &mut Audited, merged: &str, d: &str) {
    let root = shop.root();
    git(&root, &["revert", "--no-edit", "HEAD^1"]);
    let undone = shop.sealed();
    assert_eq!(
        (undone["before"].as_u64().unwrap() + 2, undone["records"].as_i64()),
        (undone["size"].as_u64().unwrap(), Some(0)),
        "{undone}"
    );
    is_green(shop, merged);
    // The log now says what the tree says; whoever follows the record that the tree has is in the line again.
    assert_eq!(shop.moves().last(), Some(&(d.to_owned(), "weekly".to_owned())));
    shop.heads.insert(d.to_owned(), shop.record_of(d, 0));
    shop.place(&[(d, "fast")]);
    shop.commit("once more");
    // It is the very record that was reverted, and so it is not sealed twice: the log says that it counts again.
    let again = shop.sealed();
    assert_eq!(
        (again["before"].as_u64().unwrap() + 2, again["records"].as_i64()),
        (again["size"].as_u64().unwrap(), Some(0)),
        "{again}"
    );
    assert_eq!(shop.moves().last(), Some(&(d.to_owned(), "fast".to_owned())));
    is_green(shop, merged);
    git(&root, &["rm", "-q", "-r", PENDING]);
    shop.commit("all gone");
    let gone = shop.sealed();
    // Four tests and the seal.
    assert_eq!(gone["before"].as_u64().unwrap() + 5, gone["size"].as_u64().unwrap());
    assert!(gone["notes"][0].as_str().unwrap().contains("was deleted by"), "{gone}");
    is_green(shop, merged);
    let last: std::collections::BTreeMap<String, String> = shop.moves().into_iter().collect();
    assert!(last.values().all(|to| to == "fast"), "{last:?}");
    // And all of it comes back.
    git(&root, &["revert", "--no-edit", "HEAD"]);
    let back = shop.sealed();
    assert_eq!(back["before"].as_u64().unwrap() + 5, back["size"].as_u64().unwrap());
    is_green(shop, merged);
    let last: std::collections::BTreeMap<String, String> = shop.moves().into_iter().collect();
    assert_eq!(last.values().map(String::as_str).collect::<Vec<_>>(), ["weekly", "weekly", "weekly", "fast"]);
}

#[test]
fn merge_rebase_squash_cherry_pick_and_revert_are_sealed_once_each_in_order() {
    let mut shop = Audited::new();
    let root = shop.root();
    let (a, b, c, d) = ("pytest::t/a.py::a", "pytest::t/b.py::b", "pytest::t/c.py::c", "pytest::t/d.py::d");
    let first = shop.sealed();
    assert_eq!((first["before"].as_i64(), first["records"].as_i64()), (Some(0), Some(0)));
    let saved = shop.save("saved.note");
    is_green(&shop, &saved);

    // Two branches that both move tests, and a merge.
    git(&root, &["checkout", "-q", "-b", "one"]);
    shop.place(&[(a, "weekly")]);
    shop.commit("one");
    git(&root, &["checkout", "-q", "-b", "two", "main"]);
    shop.place(&[(b, "weekly")]);
    shop.commit("two");
    git(&root, &["checkout", "-q", "main"]);
    git(&root, &["merge", "-q", "--no-ff", "-m", "merge", "one"]);
    git(&root, &["merge", "-q", "--no-ff", "-m", "merge", "two"]);
    assert_eq!(shop.sealed()["records"], 4);
    is_green(&shop, &saved);
    let merged = shop.save("merged.note");

    // A rebase of two commits onto a main that went on.
    git(&root, &["checkout", "-q", "-b", "three"]);
    shop.place(&[(a, "fast")]);
    shop.commit("three");
    shop.place(&[(a, "weekly")]);
    shop.commit("four");
    git(&root, &["checkout", "-q", "main"]);
    shop.place(&[(c, "weekly")]);
    shop.commit("main");
    git(&root, &["checkout", "-q", "three"]);
    git(&root, &["rebase", "-q", "main"]);
    git(&root, &["checkout", "-q", "main"]);
    git(&root, &["merge", "-q", "--ff-only", "three"]);
    assert_eq!(shop.sealed()["records"], 6);
    is_green(&shop, &merged);

    // A squash of two commits, of which the records of one test follow each other.
    git(&root, &["checkout", "-q", "-b", "five"]);
    shop.place(&[(b, "fast")]);
    shop.commit("five");
    shop.place(&[(b, "weekly"), (d, "weekly")]);
    shop.commit("six");
    git(&root, &["checkout", "-q", "main"]);
    git(&root, &["merge", "-q", "--squash", "five"]);
    shop.commit("squashed");
    assert_eq!(shop.sealed()["records"], 5);
    is_green(&shop, &merged);

    // The same commit again on another branch, cherry-picked, then merged as well: its records are there once.
    git(&root, &["checkout", "-q", "-b", "six"]);
    shop.place(&[(d, "fast")]);
    shop.commit("seven");
    git(&root, &["checkout", "-q", "main"]);
    git(&root, &["commit", "-q", "--allow-empty", "-m", "between"]);
    git(&root, &["cherry-pick", "six"]);
    assert_eq!(shop.sealed()["records"], 2);
    git(&root, &["merge", "-q", "-m", "again", "--no-ff", "six"]);
    let again = shop.sealed();
    assert_eq!(again["before"], again["size"], "{again}");
    is_green(&shop, &merged);

    reverted(&mut shop, &merged, d);

    let in_order = [(a, "weekly"), (b, "weekly"), (c, "weekly"), (a, "fast"), (a, "weekly")];
    let moves = shop.moves();
    assert_eq!(moves[..5], pairs(&in_order));
    let rest: Vec<(String, String)> = moves[5..].iter().filter(|(test, _)| test == b).cloned().collect();
    assert_eq!(rest, pairs(&[(b, "fast"), (b, "weekly"), (b, "fast"), (b, "weekly")]));
}

#[test]
fn sealing_again_changes_nothing_and_another_machine_makes_the_same_commit() {
    let mut shop = Audited::new();
    shop.place(&[("pytest::t/a.py::a", "weekly")]);
    shop.commit("one");
    let other = shop.repository.beside("clone");
    git(&shop.root(), &["clone", "-q", ".", other.to_str().unwrap()]);
    let one = shop.sealed();
    let again = shop.sealed();
    assert_eq!((&one["commit"], &one["root"], &one["size"]), (&again["commit"], &again["root"], &again["size"]));
    assert_eq!(again["before"], again["size"]);
    let key = shop.key();
    let done = shop.titer(&["-C", other.to_str().unwrap(), "audit", "seal", "--json", "--key", key.to_str().unwrap()]);
    let there: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stderr));
    assert_eq!((&one["commit"], &one["root"]), (&there["commit"], &there["root"]));
    // Nobody's settings have a say in it.
    assert!(
        git(&shop.root(), &["log", "-1", "--format=%an %cI", "titer-log"]).starts_with("titer 2026-05-02T12:00:00")
    );
    assert_eq!(git(&shop.root(), &["fsck", "--strict", "--no-dangling"]), "");
    // Without a folder, which a fresh clone does not have, the branch is all that is needed.
    std::fs::remove_dir_all(shop.root().join(".git/titer")).unwrap();
    shop.place(&[("pytest::t/a.py::a", "fast")]);
    shop.commit("two");
    let two = shop.sealed();
    assert_eq!((&two["before"], two["records"].as_i64()), (&one["size"], Some(2)));
    // And the other way round: a branch that is gone is made again, to the same commit.
    git(&shop.root(), &["update-ref", "-d", "refs/heads/titer-log"]);
    assert_eq!(shop.sealed()["commit"], two["commit"]);
}

/// The statement of a move.
fn moved(test: &str) -> String {
    statement("change", &change(test, "weekly", None, None))
}

/// Lines that cannot be sealed, and why.
fn unsound() -> Vec<(String, &'static str)> {
    let stranger = Signer::new("example.org/stranger", [9; 32]).unwrap();
    let good = moved("pytest::t/b.py::b");
    let other = sha256(b"elsewhere");
    vec![
        (line(&good, Some(&stranger)), "it is signed by example.org/stranger+"),
        (
            line(&moved("pytest::t/x.py::x"), Some(&writer())).replace("nothing for long", "nothing for lung"),
            "is not over these bytes",
        ),
        (line(&moved("pytest::../x.py::x"), Some(&writer())), "leads out of the repository"),
        (line(&moved("pytest::t/x.py::x\ny"), Some(&writer())), "holds a line break"),
        (line(&good, Some(&writer())).replace("{\"sig\"", "{ \"sig\""), "a space stands outside of strings at byte 2"),
        (line(&good, Some(&writer())).replace("\"op\":", "\"op\":\"add\",\"op\":"), "the member \"op\" stands twice"),
        (line(&good, Some(&writer())).replace('\n', "\r\n"), "CR LF"),
        (line(&good, Some(&writer())).replace('\n', ""), "does not end with a line break"),
        (
            line(&good.replace("urn:titer:change:v1", "urn:titer:wish:v1"), Some(&writer())),
            "\"urn:titer:wish:v1\" is not known",
        ),
        (line(&statement("change", &json!({"op": "move"})), Some(&writer())), "missing field `test`"),
        (
            line(&statement("change", &change("pytest::t/p.py::p", "weekly", Some(&other), None)), Some(&writer())),
            "whose last sealed record is none",
        ),
        (
            line(&statement("change", &change("pytest::t/p.py::p", "weekly", None, Some(&other))), Some(&writer())),
            "is neither sealed nor in the same file",
        ),
        (line(&statement("decision", &decision("x")), None), "it is unsigned and cannot be decided again"),
        (line(&statement("approval", &json!({"recordedAt": "x"})), None), "an approval that nobody has signed"),
        (
            line(&statement("approval", &json!({"recordedAt": "x"})), Some(&writer())),
            "which is no key that may sign such a record",
        ),
        (
            line(
                &statement(
                    "key",
                    &json!({"event": "add", "role": "writer", "vkey": stranger.public().to_string(), "fromSize": 0, "reason": "", "recordedAt": ""}),
                ),
                Some(&writer()),
            ),
            "only `titer audit seal` writes",
        ),
        (
            line(
                &statement(
                    "decision",
                    &json!({"tool": "", "engine": "", "policy": {"record": other}, "queries": [], "inputs": []}),
                ),
                Some(&writer()),
            ),
            "which the log does not know",
        ),
    ]
}

#[test]
fn what_does_not_check_is_held_back_by_line_and_the_rest_is_sealed() {
    let mut shop = Audited::new();
    shop.place(&[("pytest::t/good.py::good", "weekly")]);
    let good = moved("pytest::t/b.py::b");
    let cases = unsound();
    let mut names = Vec::new();
    for (line, _) in &cases {
        names.push(shop.write(std::slice::from_ref(line)));
    }
    // A person's own move is unsigned, and observed on the default branch.
    shop.write(&[line(&moved("pytest::t/person.py::person"), None)]);
    shop.repository.write(&format!("{PENDING}/{}.jsonl", sha256(b"no")), line(&good, Some(&writer())));
    shop.repository.write(&format!("{PENDING}/..jsonl"), line(&good, Some(&writer())));
    let text = line(&good, Some(&writer()));
    let rewritten = text.replace('\n', "\r\n");
    shop.repository.write(&format!("{PENDING}/{}.jsonl", sha256(text.as_bytes())), rewritten);
    shop.commit("all of it");
    let held = shop.held();
    assert_eq!(held["records"], 3, "{held}");
    let all = held["heldBack"].as_array().unwrap();
    for ((_, why), name) in cases.iter().zip(&names) {
        let of = |it: &&Value| it["file"].as_str().unwrap().ends_with(name.as_str());
        let told = all.iter().find(of).unwrap_or_else(|| panic!("{why} is not held back: {held}"));
        assert!(told["why"].as_str().unwrap().contains(why), "{why}: {told}");
        assert_eq!(told["line"], 1, "{told}");
        assert!(!told["next"].as_str().unwrap().is_empty());
    }
    let misnamed = all.iter().filter(|it| it["why"] == "its content is not what its name says").count();
    assert_eq!((misnamed, all.len()), (2, cases.len() + 3), "{held}");
    assert!(all.iter().any(|it| it["why"].as_str().unwrap().starts_with("its line ends are CR LF")), "{held}");
    // The same again: still held back, nothing new.
    let again = shop.held();
    assert_eq!((&again["heldBack"], &again["before"]), (&held["heldBack"], &held["size"]));
    // Those who delete what does not check are rid of it.
    for name in std::fs::read_dir(shop.repository.path(PENDING)).unwrap() {
        std::fs::remove_file(name.unwrap().path()).unwrap();
    }
    shop.commit("cleaned");
    shop.sealed();
    let (code, report) = shop.verify(&[]);
    assert_eq!(code, 6, "{report}");
}

#[test]
fn a_fork_of_one_test_is_held_back_until_a_record_resolves_it() {
    let mut shop = Audited::new();
    let test = "pytest::t/a.py::a";
    shop.place(&[(test, "weekly")]);
    shop.commit("one");
    shop.sealed();
    let last = shop.heads[test].clone();
    let (one, other) = (change(test, "fast", Some(&last), None), change(test, "weekly", Some(&last), None));
    let (one, other) = (statement("change", &one), statement("change", &other));
    shop.write(&[line(&one, Some(&writer()))]);
    shop.commit("two");
    shop.write(&[line(&other, None)]);
    shop.commit("three");
    let held = shop.held();
    assert_eq!(held["before"], held["size"]);
    let why = told(&held);
    assert!(
        why.len() == 2 && why.iter().all(|(line, why)| *line == 1 && why.contains("none says which of them counts")),
        "{held}"
    );
    // Something else is sealed meanwhile; what is held back is remembered.
    shop.place(&[("pytest::t/b.py::b", "weekly")]);
    shop.commit("four");
    assert_eq!(shop.held()["records"], 2);
    let mut end = change(test, "fast", Some(&sha256(one.as_bytes())), None);
    end["resolves"] = json!([sha256(one.as_bytes()), sha256(other.as_bytes())]);
    shop.write(&[line(&statement("change", &end), None)]);
    shop.commit("five");
    assert_eq!(shop.sealed()["records"], 3);
    assert_eq!(shop.verify(&[]).0, 6);
    assert_eq!(shop.moves().last().unwrap().1, "fast");
}

#[test]
fn policies_and_keys_are_records_and_keys_hand_over() {
    let mut shop = Audited::new();
    shop.place(&[("pytest::t/a.py::a", "weekly")]);
    shop.commit("one");
    shop.sealed();
    let saved = shop.save("saved.note");
    let (next, ci) = (
        Signer::new("example.org/shop/suite-log-2027", [3; 32]).unwrap(),
        Signer::new("example.org/shop/ci-2", [4; 32]).unwrap(),
    );
    shop.configure(&next, &[&ci], "quiet_days = 90");
    // The old writer's last batch comes with the commit that names him no more.
    shop.place(&[("pytest::t/b.py::b", "weekly")]);
    shop.place_with(&[("pytest::t/c.py::c", "weekly")], Some(&ci));
    shop.commit("two");
    let alone = shop.seal(&[]);
    assert_eq!(alone.code, Some(3), "{}", alone.stdout);
    assert!(alone.stderr.contains("--key OLD --key NEW"), "{}", alone.stderr);
    std::fs::write(shop.repository.beside("next.key"), next.secret()).unwrap();
    let key = shop.repository.beside("next.key");
    let done = shop.seal(&["--key", key.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    is_green(&shop, &saved);
    // Both have signed where they meet.
    let note = git(&shop.root(), &["show", "titer-log:log/checkpoint"]);
    assert!(sealer().public().open(&note).is_ok() && next.public().open(&note).is_ok(), "{note}");
    let policies: Vec<Value> = shop
        .lines()
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["statement"].clone())
        .filter(|it| it["predicateType"] == "urn:titer:policy:v1")
        .collect();
    assert_eq!(policies.len(), 2);
    assert_eq!(
        policies[1]["predicate"]["changed"],
        json!([{"key": "placement.quiet_days", "old": "180", "new": "90"}])
    );
    // The old ones count no more.
    shop.place(&[("pytest::t/d.py::d", "weekly")]);
    shop.commit("three");
    let old = shop.seal(&[]);
    assert!(old.code == Some(3) && old.stderr.contains("example.org/shop/suite-log-2027"), "{}", old.stderr);
    let key = key.to_str().unwrap();
    let done = shop.titer(&["audit", "seal", "--json", "--key", key]);
    assert_eq!(done.code, Some(1), "{}{}", done.stdout, done.stderr);
    let held: Value = serde_json::from_str(&done.stdout).unwrap();
    assert!(
        told(&held).iter().all(|(_, why)| why.contains("is no key that may sign") || why.contains("is held back")),
        "{held}"
    );
    assert_eq!(told(&held).len(), 2);
    // Any of the keys that ever sealed may be asked for, and no other.
    assert_eq!(shop.verify(&["--since", &saved, "--sealer", &sealer().public().to_string()]).0, 0);
    assert_eq!(shop.verify(&["--since", &saved, "--sealer", &writer().public().to_string()]).0, 1);
}

#[test]
fn mistakes_are_told_in_a_sentence_and_nothing_is_written() {
    let shop = Audited::new();
    let no_log = shop.titer(&["audit", "verify"]);
    assert!(no_log.code == Some(3) && no_log.stderr.contains("no branch titer-log"), "{}", no_log.stderr);
    let no_key = shop.titer(&["audit", "seal"]);
    assert!(no_key.code == Some(2) && no_key.stderr.contains("audit keygen"), "{}", no_key.stderr);
    let branch = shop.seal(&["--branch", "trunk"]);
    assert!(branch.code == Some(3) && branch.stderr.contains("no branch trunk"), "{}", branch.stderr);
    let made = shop.titer(&["audit", "keygen", "example.org/other", "--out", "../other.key"]);
    assert!(made.code == Some(0) && made.stdout.starts_with("example.org/other+"), "{}", made.stderr);
    let again = shop.titer(&["audit", "keygen", "example.org/other", "--out", "../other.key"]);
    assert!(again.code == Some(3) && again.stderr.contains("other.key"), "{}", again.stderr);
    assert_eq!(shop.titer(&["audit", "keygen", "two words"]).code, Some(2));
    let wrong = shop.titer(&["audit", "seal", "--key", "../other.key"]);
    assert!(
        wrong.code == Some(3) && wrong.stderr.contains("the log is sealed with the key example.org/shop/suite-log+"),
        "{}",
        wrong.stderr
    );
    let path = shop.repository.beside("shallow");
    git(&shop.root(), &["commit", "-q", "--allow-empty", "-m", "second"]);
    let url = format!("file://{}", shop.root().display());
    git(&shop.root(), &["clone", "-q", "--depth", "1", &url, path.to_str().unwrap()]);
    let key = shop.key();
    let shallow = shop.titer(&["-C", path.to_str().unwrap(), "audit", "seal", "--key", key.to_str().unwrap()]);
    assert!(shallow.code == Some(3) && shallow.stderr.contains("--unshallow"), "{}", shallow.stderr);
    assert_eq!(git(&shop.root(), &["branch", "--list", "titer-log"]), "");
    // A history that was rewritten is not sealed over.
    shop.sealed();
    let sealed = git(&shop.root(), &["rev-parse", "titer-log"]);
    git(&shop.root(), &["commit", "-q", "--amend", "--allow-empty", "-m", "rewritten"]);
    git(&shop.root(), &["commit", "-q", "--allow-empty", "-m", "on"]);
    let rewritten = shop.seal(&[]);
    assert!(
        rewritten.code == Some(3) && rewritten.stderr.contains("its history was rewritten"),
        "{}",
        rewritten.stderr
    );
    assert_eq!(git(&shop.root(), &["rev-parse", "titer-log"]), sealed);
    // Nor a titer.toml that nobody can read.
    shop.repository.write("titer.toml", "[audit]\nseeler = 1\n");
    shop.commit("broken");
    let broken = shop.titer(&["audit", "seal", "--branch", "main", "--key", key.to_str().unwrap()]);
    assert_eq!(broken.code, Some(3), "{}", broken.stderr);
}
