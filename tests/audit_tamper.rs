//! What somebody who can write the log may do to it, and that it is found: by index, with the reason, with the exit code that says what it is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::audited::{Audited, change, git, line, sealer, statement, writer};
use support::repository::copy_tree;
use titer::formats::checkpoint::Checkpoint;
use titer::formats::merkle::{self, Edge};
use titer::formats::note::Signer;
use titer::formats::record_v1::sha256;
use titer::formats::{dsse, record_line};

/// Three seals, of the sizes 4 (keys, a policy, no batch), 8 (one batch) and 14 (two).
fn logged() -> (Audited, String) {
    let mut shop = Audited::new();
    shop.sealed();
    shop.place(&[("pytest::t/a.py::a", "weekly"), ("pytest::t/b.py::b", "weekly")]);
    shop.commit("one");
    shop.sealed();
    let saved = shop.save("saved.note");
    shop.place(&[("pytest::t/a.py::a", "fast")]);
    shop.place(&[("pytest::t/c.py::c", "weekly"), ("pytest::t/d.py::d", "weekly")]);
    shop.commit("two");
    shop.sealed();
    (shop, saved)
}

fn edit(log: &Path, name: &str, edit: impl Fn(&str) -> String) {
    let path = log.join(name);
    let text = fs::read_to_string(&path).unwrap();
    let new = edit(&text);
    assert_ne!(new, text, "{name} is what it was");
    fs::write(path, new).unwrap();
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| format!("{line}\n")).collect()
}

/// Signs checkpoints anew over what is there, as somebody can who has a key: every segment ends with one.
fn sign_again(log: &Path, signer: &Signer) {
    let mut segments: Vec<_> = fs::read_dir(log.join("seg")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let _ = fs::remove_dir_all(log.join("checkpoints"));
    fs::create_dir(log.join("checkpoints")).unwrap();
    let mut edge = Edge::default();
    for segment in segments {
        for line in fs::read_to_string(segment).unwrap().lines() {
            let line = record_line::split(line).unwrap();
            edge.push(merkle::leaf(dsse::envelope(line.statement.as_bytes(), &line.signatures).as_bytes()));
        }
        let origin = support::audited::ORIGIN.to_owned();
        let note = signer.note(&Checkpoint { origin, size: edge.size(), root: edge.root() }.lines());
        fs::write(log.join(format!("checkpoints/{:09}", edge.size())), &note).unwrap();
        fs::write(log.join("checkpoint"), &note).unwrap();
    }
}

/// What is done to a log, the exit code, the index of the first problem if it has one, and words of the reason.
type Case = (&'static str, fn(&Path), i32, Option<u64>, &'static str);

const SECOND: &str = "seg/000000004.jsonl";
const THIRD: &str = "seg/000000008.jsonl";

const CASES: &[Case] = &[
    (
        "a bit of a statement",
        |log| edit(log, SECOND, |text| text.replacen("nothing for long", "nothing for lonf", 1)),
        1,
        Some(5),
        "is not over these bytes",
    ),
    (
        "a bit of a signature",
        |log| {
            edit(log, SECOND, |text| {
                let at = text.find("\"sig\":\"").unwrap() + 7;
                let other = if &text[at..=at] == "A" { "B" } else { "A" };
                format!("{}{other}{}", &text[..at], &text[at + 1..])
            });
        },
        1,
        Some(4),
        "is not over these bytes",
    ),
    (
        "a bit of a key's name",
        |log| {
            edit(log, SECOND, |text| {
                text.replacen("\"keyid\":\"example.org/shop/ci+", "\"keyid\":\"example.org/shop/cj+", 1)
            });
        },
        1,
        Some(4),
        "may not sign such a record here",
    ),
    (
        "a bit of the checkpoint",
        |log| {
            edit(log, "checkpoint", |text| {
                let at = text.find("\n14\n").unwrap() + 4;
                let other = if &text[at..=at] == "A" { "B" } else { "A" };
                format!("{}{other}{}", &text[..at], &text[at + 1..])
            });
        },
        1,
        Some(13),
        "has not signed it",
    ),
    (
        "the end of a line",
        |log| edit(log, THIRD, |text| text.trim_end().to_owned()),
        1,
        Some(13),
        "does not end with a line break",
    ),
    (
        "half of the last record",
        |log| edit(log, THIRD, |text| text[..text.len() - 200].to_owned()),
        1,
        Some(13),
        "it was cut",
    ),
    (
        "the last record",
        |log| edit(log, THIRD, |text| lines(text)[..5].concat()),
        1,
        Some(12),
        "does not end with the record of a seal",
    ),
    (
        "the last segment",
        |log| fs::remove_file(log.join(THIRD)).unwrap(),
        1,
        Some(8),
        "speaks of 14 records, and only 8 are there",
    ),
    (
        "the first segment",
        |log| fs::remove_file(log.join("seg/000000000.jsonl")).unwrap(),
        1,
        Some(0),
        "the records 0 to 3 are missing",
    ),
    (
        "a segment in the middle",
        |log| fs::remove_file(log.join(SECOND)).unwrap(),
        1,
        Some(4),
        "the records 4 to 7 are missing",
    ),
    (
        "two lines the other way round",
        |log| {
            edit(log, SECOND, |text| {
                let mut all = lines(text);
                all.swap(1, 2);
                all.concat()
            });
        },
        1,
        Some(7),
        "one of them was changed",
    ),
    (
        "a line in the middle",
        |log| {
            edit(log, SECOND, |text| {
                let mut all = lines(text);
                all.remove(1);
                all.concat()
            });
        },
        1,
        Some(6),
        "the checkpoint of the size 7 is missing",
    ),
    (
        "a line again",
        |log| {
            edit(log, SECOND, |text| {
                let mut all = lines(text);
                all.insert(2, all[1].clone());
                all.concat()
            });
        },
        1,
        Some(6),
        "it stands there twice",
    ),
    (
        "a decision again",
        |log| {
            edit(log, SECOND, |text| {
                let mut all = lines(text);
                all.insert(1, all[0].clone());
                all.concat()
            });
        },
        1,
        Some(5),
        "it is the record 4, too",
    ),
    (
        "a line again, signed by the sealer's own key",
        |log| {
            edit(log, THIRD, |text| {
                let mut all = lines(text);
                all.insert(2, all[1].clone());
                all.concat()
            });
            sign_again(log, &sealer());
        },
        1,
        Some(10),
        "it stands there twice",
    ),
    (
        "another key on every checkpoint",
        |log| sign_again(log, &Signer::new(support::audited::ORIGIN, [7; 32]).unwrap()),
        1,
        Some(3),
        "has not signed it",
    ),
    ("a stray file", |log| fs::write(log.join("seg/000000004.jsonl~"), "x").unwrap(), 1, None, "a stray file"),
    ("a stray segment", |log| fs::write(log.join("seg/4.jsonl"), "x").unwrap(), 1, None, "a stray file"),
    (
        "a link",
        |log| std::os::unix::fs::symlink("checkpoint", log.join("checkpoints/000000003")).unwrap(),
        1,
        None,
        "no plain file",
    ),
    (
        "a checkpoint where no seal ends",
        |log| fs::write(log.join("checkpoints/000000003"), "x").unwrap(),
        1,
        None,
        "no seal ends there",
    ),
    (
        "a checkpoint that is missing",
        |log| fs::remove_file(log.join("checkpoints/000000008")).unwrap(),
        1,
        Some(7),
        "is missing",
    ),
    (
        "an old checkpoint that was edited",
        |log| edit(log, "checkpoints/000000008", |text| text.replacen('8', "9", 1)),
        1,
        Some(7),
        "has not signed it",
    ),
    (
        "keys.json",
        |log| edit(log, "keys.json", |text| text.replacen("writer", "sealer", 1)),
        1,
        None,
        "does not say what the records say of keys",
    ),
    ("a checkout with CR LF", |log| edit(log, THIRD, |text| text.replace('\n', "\r\n")), 1, Some(8), "CR LF"),
    (
        "a name that leads out of the repository",
        |log| edit(log, THIRD, |text| text.replacen("pytest::t/a.py", "pytest::../a.py", 1)),
        1,
        None,
        "leads out of the repository",
    ),
    (
        "a record by a key that may only write",
        |log| {
            edit(log, THIRD, |text| {
                let mut all = lines(text);
                let told = statement(
                    "policy",
                    &json!({"config": {"name": "titer.toml", "digest": {"sha256": ""}}, "effective": {"sha256": ""}, "queries": [], "changed": [], "reason": "", "actor": {"kind": "human", "id": "x"}, "recordedAt": ""}),
                );
                all.insert(5, line(&told, Some(&writer())));
                all.concat()
            });
            sign_again(log, &sealer());
        },
        1,
        Some(13),
        "may not sign such a record here",
    ),
    (
        "a move that follows nothing",
        |log| {
            edit(log, THIRD, |text| {
                let mut all = lines(text);
                all.insert(
                    5,
                    line(
                        &statement("change", &change("pytest::t/a.py::a", "weekly", Some(&sha256(b"x")), None)),
                        Some(&writer()),
                    ),
                );
                all.concat()
            });
            sign_again(log, &sealer());
        },
        1,
        Some(13),
        "and nothing resolves that",
    ),
    (
        "a seal that was cut short",
        |log| fs::write(log.join("seg/000000014.jsonl"), "{\"sig\":[],\"st").unwrap(),
        7,
        None,
        "",
    ),
    (
        "a seal that was cut short before its checkpoint",
        |log| {
            let older = fs::read(log.join("checkpoints/000000008")).unwrap();
            fs::write(log.join("checkpoint"), older).unwrap();
        },
        7,
        None,
        "",
    ),
    (
        "a log that was set back to what it was",
        |log| {
            fs::remove_file(log.join(THIRD)).unwrap();
            fs::remove_file(log.join(SECOND)).unwrap();
            fs::remove_file(log.join("checkpoints/000000014")).unwrap();
            fs::rename(log.join("checkpoints/000000008"), log.join("checkpoint")).unwrap();
            fs::copy(log.join("checkpoints/000000004"), log.join("checkpoint")).unwrap();
        },
        4,
        None,
        "was set back",
    ),
];

#[test]
fn every_kind_of_tampering_is_found_by_index_and_reason() {
    let (shop, saved) = logged();
    let log = shop.copy_log("kept");
    let (kept, tampered) = (log.parent().unwrap().to_owned(), shop.repository.beside("tampered"));
    assert_eq!(shop.verify(&["--since", &saved, "--log", log.to_str().unwrap()]).0, 0);
    let mut wrong: Vec<String> = Vec::new();
    for (what, act, code, index, reason) in CASES {
        let _ = fs::remove_dir_all(&tampered);
        copy_tree(&kept, &tampered);
        let log = tampered.join("log");
        act(&log);
        let (told, report) = shop.verify(&["--since", &saved, "--log", log.to_str().unwrap()]);
        let problems = report["problems"].as_array().cloned().unwrap_or_default();
        let is_told = |problem: &Value| {
            index.is_none_or(|index| problem["index"] == index)
                && problem["reason"].as_str().unwrap_or_default().contains(reason)
        };
        let is_rewritten = report["rewritten"].as_str().is_some_and(|why| why.contains(reason));
        let found = problems.iter().any(is_told) || *code == 7 || (*code == 4 && is_rewritten);
        // The first problem is never behind the place that was touched.
        let first = problems.iter().find_map(|it| it["index"].as_u64());
        let is_early = index.is_none_or(|index| first.is_none_or(|first| first <= index));
        if told != *code || !found || !is_early {
            wrong.push(format!("{what}: {told}, wanted {code} {index:?} {reason:?}: {report:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_log_that_was_made_again_is_another_history_and_only_the_outside_checkpoint_tells() {
    let (mut shop, saved) = logged();
    let old = git(&shop.root(), &["rev-parse", "titer-log"]);
    // Whoever has the key and the branch can make a log without the first batch.
    git(&shop.root(), &["update-ref", "-d", "refs/heads/titer-log"]);
    fs::remove_dir_all(shop.root().join(".git/titer")).unwrap();
    git(&shop.root(), &["checkout", "-q", "-b", "elsewhere", "HEAD~2"]);
    git(&shop.root(), &["branch", "-f", "main", "elsewhere"]);
    shop.heads.clear();
    shop.place(&[("pytest::t/z.py::z", "weekly")]);
    shop.place(&[("pytest::t/y.py::y", "weekly")]);
    shop.place(&[("pytest::t/x.py::x", "weekly")]);
    shop.commit("forged");
    git(&shop.root(), &["branch", "-f", "main", "elsewhere"]);
    shop.sealed();
    assert_eq!(shop.verify(&[]).0, 6);
    let (code, report) = shop.verify(&["--since", &saved]);
    assert!(code == 4 && report["rewritten"].as_str().unwrap().contains("another history"), "{report}");
    git(&shop.root(), &["update-ref", "refs/heads/titer-log", old.trim()]);
    assert_eq!(shop.verify(&["--since", &saved]).0, 0);
    // A note that somebody else signed, one of another log, one that is damaged, and none at all.
    let note = fs::read_to_string(&saved).unwrap();
    let lines = &note[..=note.find("\n\n").unwrap()];
    let stranger = Signer::new("example.org/stranger", [9; 32]).unwrap();
    for (text, code, why) in [
        (stranger.note(lines), 4, "does not know the key"),
        (sealer().note(&lines.replace("shop", "chop")), 3, "is of the log example.org/chop"),
        (note.replacen("\n8\n", "\n7\n", 1), 3, "is damaged"),
        ("nothing\n".to_owned(), 3, "it is no signed note"),
    ] {
        fs::write(shop.repository.beside("other.note"), text).unwrap();
        let (told, report) = shop.verify(&["--since", shop.repository.beside("other.note").to_str().unwrap()]);
        assert!(told == code && report.to_string().contains(why), "{why}: {told} {report}");
    }
}

#[test]
fn a_branch_with_records_behind_its_checkpoint_is_no_crash() {
    let (shop, _) = logged();
    let root = shop.root();
    git(&root, &["worktree", "add", "-q", "../wt", "titer-log"]);
    let wt = shop.repository.beside("wt");
    fs::write(
        wt.join("log/seg/000000014.jsonl"),
        line(&statement("change", &change("pytest::t/q.py::q", "weekly", None, None)), Some(&writer())),
    )
    .unwrap();
    git(&wt, &["add", "-A"]);
    git(&wt, &["commit", "-q", "-m", "more"]);
    let (code, report) = shop.verify(&[]);
    assert!(code == 1 && report["problems"][0]["index"] == 14, "{report}");
    // A checkout is the log, too.
    assert_eq!(shop.verify(&["--log", wt.to_str().unwrap()]).0, 7);
}

#[test]
fn what_was_checked_before_costs_nothing_again_and_is_found_if_it_was_touched_since() {
    let (mut shop, saved) = logged();
    let signatures = |shop: &Audited, flags: &[&str]| {
        let (code, report) = shop.verify(flags);
        assert!([0, 6].contains(&code), "{report}");
        report["signatures"].as_u64().unwrap()
    };
    assert_eq!(signatures(&shop, &["--since", &saved]), 6);
    assert_eq!(signatures(&shop, &["--since", &saved]), 0);
    // Without anything from outside all is looked at, always.
    assert_eq!(signatures(&shop, &[]), 14);
    shop.place(&[("pytest::t/e.py::e", "weekly")]);
    shop.commit("three");
    shop.sealed();
    let newest = shop.save("newest.note");
    assert_eq!(signatures(&shop, &["--since", &saved]), 3);
    assert_eq!(signatures(&shop, &["--since", &newest]), 0);
    // A cache that is damaged is none.
    let cache = shop.repository.beside("home/.cache/titer/verified");
    let files: Vec<_> = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    for file in &files {
        fs::write(file, &fs::read(file).unwrap()[..40]).unwrap();
    }
    assert_eq!(signatures(&shop, &["--since", &saved]), 9);
    assert_eq!(signatures(&shop, &["--since", &saved]), 0);
    let root = shop.root();
    git(&root, &["worktree", "add", "-q", "../wt", "titer-log"]);
    let wt = shop.repository.beside("wt");
    edit(&wt.join("log"), SECOND, |text| text.replacen("nothing for long", "nothing for lonf", 1));
    git(&wt, &["commit", "-q", "-a", "-m", "touched"]);
    for note in [&saved, &newest] {
        let (code, report) = shop.verify(&["--since", note]);
        assert!(code == 1 && report["problems"][0]["index"] == 5, "{report}");
    }
}

#[test]
fn clocks_that_are_wrong_change_nothing() {
    let mut shop = Audited::new();
    for (test, at) in [("a", "2031-01-01T00:00:00Z"), ("b", "1999-01-01T00:00:00Z"), ("c", "2026-05-02T12:00:00+05:00")]
    {
        shop.place(&[(&format!("pytest::t/{test}.py::{test}"), "weekly")]);
        shop.repository.commit_at(at, "skewed");
        shop.sealed();
    }
    let saved = shop.save("saved.note");
    assert_eq!(shop.verify(&["--since", &saved]).0, 0);
    assert_eq!(shop.moves().len(), 3);
}
