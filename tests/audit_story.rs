//! One story of a log: real git, real pytest; whatever git does to the records, the log, the tree and the runner agree after each seal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;
use support::asked::{Audit, approver};
use support::audited::{PENDING, git, line, sealer, statement, writer};
use support::day;
use support::interpreters::of_audit;
use support::service::sighting;

fn id(name: &str) -> String {
    format!("pytest::tests/test_{name}.py::test_{name}")
}

/// A story under way: a checkpoint is saved outside after each seal, and the next log must extend it.
struct Story {
    audit: Audit,
    seals: u32,
}

impl Story {
    fn git(&self, arguments: &[&str]) -> String {
        git(&self.audit.0.repository.root(), arguments)
    }

    /// The suite, as a plan goes by it, of every test that the runner itself lists.
    fn listed(&self) -> BTreeMap<String, String> {
        let told = self.audit.titer(&["plan", "--json", "--", "pytest", "-q"]);
        let plan: Value = serde_json::from_str(&told.stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let suites: BTreeMap<String, String> =
            plan["tests"].as_array().unwrap().iter().map(|it| (text(&it["id"]), text(&it["suite"]))).collect();
        let listed = self.audit.0.repository.run(&["pytest", "--collect-only", "-q"]).stdout;
        let tests = listed.lines().filter(|line| line.contains("::")).map(|line| format!("pytest::{line}"));
        tests.map(|test| (test.clone(), suites[&test].clone())).collect()
    }

    /// The suite of every test that the log knows.
    fn sealed(&self) -> BTreeMap<String, String> {
        let at = self.audit.ask(&["at", &day(0)]);
        let of = |suite: &'static str, name: fn(&Value) -> &Value| {
            at[suite]
                .as_array()
                .unwrap()
                .iter()
                .map(move |it| (name(it).as_str().unwrap().to_owned(), suite.to_owned()))
        };
        of("weekly", |it| &it["test"]).chain(of("fast", |it| it)).collect()
    }

    /// Seals what a step brought in: the log is good, and it, the tree and the runner agree.
    fn seals(&mut self, step: &str) {
        let root = self.audit.0.repository.root();
        let saved = self.audit.0.repository.beside("saved.note");
        self.audit.sealed();
        if self.seals > 0 {
            let checked = self.audit.titer(&["audit", "verify", "--since", saved.to_str().unwrap()]);
            assert_eq!(checked.code, Some(0), "{step}: {}{}", checked.stdout, checked.stderr);
        }
        fs::write(&saved, git(&root, &["show", "titer-log:log/checkpoint"])).unwrap();
        self.seals += 1;
        assert_eq!(self.sealed(), self.listed(), "{step}");
        assert_eq!(self.audit.titer(&["audit", "verify"]).code, Some(6), "{step}");
    }

    fn moves(&mut self, test: &str, to: &str) {
        self.audit.with_key(Some(&writer()));
        let done = self.audit.titer(&["move", &id(test), to, "--reason", "the story wants it"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        self.audit.with_key(None);
        self.audit.0.commit(0, &format!("{test} {to}"));
    }

    fn places(&mut self, message: &str) -> Value {
        self.audit.with_key(Some(&writer()));
        let placed = self.audit.0.place(&[]);
        self.audit.with_key(None);
        self.audit.0.commit(0, message);
        placed
    }

    fn suite(&self, test: &str) -> String {
        self.sealed()[&id(test)].clone()
    }
}

fn two_branches(story: &mut Story) {
    // Two branches that both moved tests are merged.
    story.git(&["checkout", "-q", "-b", "one"]);
    story.moves("quiet", "fast");
    story.git(&["checkout", "-q", "-b", "two", "main"]);
    story.moves("busy", "weekly");
    story.git(&["checkout", "-q", "main"]);
    story.git(&["merge", "-q", "--no-ff", "-m", "merge one", "one"]);
    story.git(&["merge", "-q", "--no-ff", "-m", "merge two", "two"]);
    story.seals("merged");
    assert_eq!([story.suite("quiet"), story.suite("busy")], ["fast", "weekly"]);

    // A branch is rebased onto a main that went on.
    story.git(&["checkout", "-q", "-b", "three"]);
    story.moves("quiet", "weekly");
    story.git(&["checkout", "-q", "main"]);
    story.moves("calm", "weekly");
    story.git(&["checkout", "-q", "three"]);
    story.git(&["rebase", "-q", "main"]);
    story.git(&["checkout", "-q", "main"]);
    story.git(&["merge", "-q", "--ff-only", "three"]);
    story.seals("rebased");
}

fn squashed_and_picked(story: &mut Story) {
    // Two commits that follow each other come in as one.
    story.git(&["checkout", "-q", "-b", "four"]);
    story.moves("idle", "fast");
    story.moves("idle", "weekly");
    story.moves("calm", "fast");
    story.git(&["checkout", "-q", "main"]);
    story.git(&["merge", "-q", "--squash", "four"]);
    story.audit.0.commit(0, "squashed");
    story.seals("squashed");
    assert_eq!([story.suite("idle"), story.suite("calm")], ["weekly", "fast"]);

    // A commit is picked, and its branch merged as well.
    story.git(&["checkout", "-q", "-b", "five"]);
    story.moves("busy", "fast");
    story.git(&["checkout", "-q", "main"]);
    story.git(&["commit", "-q", "--allow-empty", "-m", "between"]);
    story.git(&["cherry-pick", "five"]);
    story.seals("picked");
    story.git(&["merge", "-q", "--no-ff", "-m", "again", "five"]);
    story.seals("merged, too");
    assert_eq!(story.suite("busy"), "fast");
}

fn reverted(story: &mut Story) {
    // A move is reverted by git, another one follows it, and the revert is reverted.
    story.moves("idle", "fast");
    story.seals("moved");
    story.git(&["revert", "--no-edit", "HEAD"]);
    story.seals("reverted");
    assert_eq!(story.suite("idle"), "weekly");
    story.moves("idle", "fast");
    story.seals("moved again");
    story.moves("quiet", "fast");
    story.seals("moved");
    story.git(&["revert", "--no-edit", "HEAD"]);
    story.git(&["revert", "--no-edit", "HEAD"]);
    story.seals("reverted twice");
    assert_eq!([story.suite("idle"), story.suite("quiet")], ["fast", "fast"]);
}

fn a_test_comes_and_another_goes(story: &mut Story) {
    // A test comes.
    story.audit.0.repository.write("app/new.py", "def new():\n    return 1\n");
    story
        .audit
        .0
        .repository
        .write("tests/test_new.py", "from app.new import new\n\ndef test_new():\n    assert new() == 1\n");
    story.audit.0.commit(0, "new");
    story.audit.0.record();
    let placed = story.places("came");
    assert_eq!(placed["observed"]["adds"].as_array().unwrap(), &[id("new")], "{placed}");
    story.seals("came");

    // A test goes: that is only recorded on somebody's word.
    fs::remove_file(story.audit.0.repository.path("tests/test_busy.py")).unwrap();
    story.audit.0.commit(0, "gone");
    story.audit.0.record();
    let placed = story.places("proposed");
    assert_eq!(placed["observed"]["removes"].as_array().unwrap(), &[id("busy")], "{placed}");
    let again = story.places("proposed already");
    assert_eq!((&again["observed"]["open"], &again["observed"]["proposed"]), (&1.into(), &Value::Null), "{again}");
    story.audit.sealed();
    assert!(story.sealed().contains_key(&id("busy")), "nothing is removed on the tool's word alone");
    let batch = placed["observed"]["proposed"].as_str().unwrap();
    story.audit.with_key(Some(&approver()));
    let approved = story.audit.ask(&["approve", &batch[..12]]);
    assert_eq!((&approved["records"], &approved["self_approval"]), (&1.into(), &false.into()), "{approved}");
    story.audit.with_key(None);
    story.audit.0.commit(0, "approved");
    story.seals("went");
    assert_eq!(story.places("nothing owed")["observed"]["removes"].as_array().unwrap().len(), 0);
}

fn folded(story: &mut Story) {
    // What is sealed is folded into the snapshot: nothing changes but the number of files, and records go on from there.
    let before = story.listed();
    story.audit.with_key(Some(&sealer()));
    let folded = story.audit.titer(&["audit", "seal", "--compact", "--json"]);
    story.audit.with_key(None);
    let told: Value = serde_json::from_str(&folded.stdout).unwrap();
    assert!(told["folded"].as_u64().unwrap() > 10, "{told}");
    let left = fs::read_dir(story.audit.0.repository.path(PENDING)).unwrap().count();
    assert_eq!((left, story.listed()), (1, before), "only the README is left");
    story.audit.0.commit(0, "folded");
    story.seals("folded");
    story.moves("quiet", "weekly");
    story.seals("moved after that");
    assert_eq!(story.suite("quiet"), "weekly");
}

#[test]
fn whatever_git_does_to_records_log_tree_and_runner_agree() {
    let audit = Audit::of(&["quiet", "calm", "busy", "idle"]);
    audit.0.repository.git(&["tag", "v0"]);
    audit.0.learn(&[sighting("e1", 9, "app/busy.py", "busy")], 360, 0);
    let mut story = Story { audit, seals: 0 };

    // Placed: three go to WEEKLY, the fourth is in the baseline; one comes back for a fault.
    let went = story.places("went");
    assert_eq!(
        (went["moves"].as_array().unwrap().len(), &went["observed"]["adds"][0]),
        (3, &id("busy").into()),
        "{went}"
    );
    story.seals("placed");
    story.git(&["tag", "v1"]);
    story.audit.0.learn(&[sighting("e2", 0, "app/calm.py", "calm")], 360, 0);
    assert_eq!(story.places("back")["moves"][0]["test"], id("calm"));
    story.seals("placed back");
    story.git(&["tag", "v2"]);
    assert_eq!([story.suite("quiet"), story.suite("calm"), story.suite("busy")], ["weekly", "fast", "fast"]);

    two_branches(&mut story);
    squashed_and_picked(&mut story);
    reverted(&mut story);
    a_test_comes_and_another_goes(&mut story);
    folded(&mut story);
    answers(&story.audit);
    conforms(&story.audit);
}

/// Every question of an auditor about a test that moved more than twice.
fn answers(audit: &Audit) {
    let quiet = id("quiet");
    let why = audit.ask(&["why", &quiet]);
    let records = why["records"].as_array().unwrap();
    let went: Vec<&str> = records.iter().map(|it| it["to"].as_str().unwrap()).collect();
    // The revert and the revert of it came in with one push: the log saw neither.
    assert_eq!(went, ["weekly", "fast", "weekly", "fast", "weekly"], "{why}");
    for pair in records.windows(2) {
        assert_eq!(pair[1]["prev"], pair[0]["record"]);
    }
    let first = records[0]["record"].as_str().unwrap();
    assert_eq!(audit.ask(&["evidence", first])["statement"]["evidence"]["test"], quiet);
    assert_eq!(audit.titer(&["audit", "prove", first]).code, Some(0));
    let removed = audit.ask(&["why", &id("busy")]);
    let final_one = removed["records"].as_array().unwrap().last().unwrap();
    assert_eq!((final_one["op"].as_str(), final_one["to"].as_str()), (Some("remove"), Some("absent")), "{removed}");
    let approvals = audit.ask(&["approvals", final_one["record"].as_str().unwrap()]);
    assert!(
        approvals["approvals"][0]["signed_by"][0].as_str().unwrap().starts_with("example.org/shop/lead+"),
        "{approvals}"
    );
    let list = audit.ask(&["list", "v1..v2"]);
    let size = |name: &str| list[name].as_u64().unwrap();
    assert_eq!(list["records"].as_array().unwrap().len() as u64, size("after") - size("before"));
    assert_eq!(audit.ask(&["policy"])["policies"].as_array().unwrap().len(), 1);
    let reversals = audit.ask(&["reversals"]);
    let back = reversals["reversals"].as_array().unwrap().iter().filter(|it| it["back"]["op"] == "reverse").count();
    assert_eq!(back, 1, "{reversals}");
    assert_eq!(audit.ask(&["at", &day(0)])["absent"].as_array().unwrap(), &[id("busy")]);
    // Every decision, taken again, says the same.
    let all = audit.ask(&["list", "v0..HEAD"]);
    let is_decision = |it: &&Value| it["kind"] == "urn:titer:decision:v1" || it["type"] == "decision";
    let decisions: Vec<&Value> = all["records"].as_array().unwrap().iter().filter(is_decision).collect();
    assert_eq!(decisions.len(), 2, "{}", all["records"][0]);
    for decision in decisions {
        let id = decision["record"].as_str().unwrap();
        assert_eq!(audit.ask(&["replay", id])["verdict"], "same");
    }
}

/// Every record of the story is what the published schema says, as somebody else's validator reads it; so is each of the published examples.
fn conforms(audit: &Audit) {
    let bundle = audit.0.repository.beside("bundle.jsonl");
    assert_eq!(audit.titer(&["audit", "export", "--bundle", bundle.to_str().unwrap()]).code, Some(0));
    let file = |path: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let arguments = [
        file("tests/support/conforms.py"),
        bundle,
        file("testdata/records/examples.jsonl"),
        file("src/formats/record_v1.schema.json"),
    ];
    let done = Command::new(of_audit().python()).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{told}{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(told, "approval baseline change decision key policy seal\n");
}

#[test]
fn nothing_is_removed_without_a_word_and_no_snapshot_is_edited() {
    let mut audit = Audit::of(&["quiet", "calm"]);
    audit.with_key(Some(&writer()));
    audit.0.learn(&[sighting("e1", 9, "app/calm.py", "calm")], 360, 0);
    audit.0.place(&[]);
    audit.with_key(None);
    audit.0.commit(0, "placed");
    audit.sealed();
    // Somebody's own record of a removal, well signed.
    let removal = |prev: Value| {
        serde_json::json!({"op": "remove", "test": id("calm"), "from": "fast", "to": "absent", "prev": prev,
            "reason": {"rule": "gone", "text": "no runner lists it any more"}, "actor": "me", "recordedAt": format!("{}T00:00:00Z", day(0))})
    };
    let told = line(&statement("change", &removal(Value::Null)), Some(&writer()));
    let name = format!("{}.jsonl", titer::formats::record_v1::sha256(told.as_bytes()));
    audit.0.repository.write(&format!("{PENDING}/{name}"), told);
    audit.0.commit(0, "removed");
    let held = audit.seal();
    assert!(held.code == Some(1) && held.stdout.contains("no approval of that stands in the file"), "{}", held.stdout);
    fs::remove_file(audit.0.repository.path(&format!("{PENDING}/{name}"))).unwrap();
    audit.0.commit(0, "declined");
    audit.sealed();
    let why = audit.ask(&["why", &id("calm")]);
    assert_eq!((&why["suite"], why["baseline"].as_str().map(str::len)), (&"fast".into(), Some(64)), "{why}");
    // A proposal of a test that moves before somebody approves of it.
    fs::remove_file(audit.0.repository.path("tests/test_calm.py")).unwrap();
    audit.0.commit(0, "gone");
    audit.0.record();
    let dry = audit.titer(&["place", "--dry-run"]);
    assert!(dry.stdout.contains("owed a `remove` record: 1 tests"), "{}", dry.stdout);
    assert!(!audit.0.repository.path(".titer/suite/proposed").exists());
    let batch = audit.0.place(&[])["observed"]["proposed"].as_str().unwrap().to_owned();
    let file = audit.0.repository.path(&format!(".titer/suite/proposed/{batch}"));
    let keyless = audit.titer(&["audit", "approve", &batch]);
    assert!(keyless.code == Some(2) && file.exists(), "{}", keyless.stderr);
    audit.with_key(Some(&approver()));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("gone", "went")).unwrap();
    let edited = audit.titer(&["audit", "approve", &batch]);
    assert!(edited.code == Some(3) && edited.stderr.contains("not what its name says"), "{}", edited.stderr);
    fs::write(&file, text).unwrap();
    let moved = line(
        &statement(
            "change",
            &serde_json::json!({"op": "move", "test": id("calm"), "from": "fast", "to": "weekly",
        "prev": null, "reason": {"rule": "by-hand", "text": "x"}, "actor": "me", "recordedAt": format!("{}T00:00:00Z", day(0))}),
        ),
        Some(&writer()),
    );
    let name = format!("{}.jsonl", titer::formats::record_v1::sha256(moved.as_bytes()));
    audit.0.repository.write(&format!("{PENDING}/{name}"), moved);
    let stale = audit.titer(&["audit", "approve", &batch]);
    assert!(stale.code == Some(3) && stale.stderr.contains("another record since"), "{}", stale.stderr);
    audit.with_key(None);
    // A snapshot that says something else than its records.
    audit.0.commit(0, "moved");
    audit.sealed();
    audit.with_key(Some(&sealer()));
    assert_eq!(audit.titer(&["audit", "seal", "--compact"]).code, Some(0));
    audit.with_key(None);
    audit.0.commit(0, "folded");
    audit.sealed();
    let snapshot = audit.0.repository.path(".titer/suite/base.tsv");
    let text = fs::read_to_string(&snapshot).unwrap();
    fs::write(&snapshot, text.replace("\tweekly\t", "\tfast\t")).unwrap();
    audit.0.commit(0, "edited");
    let refused = audit.seal();
    assert!(refused.code == Some(3) && refused.stderr.contains("which left it in WEEKLY"), "{}", refused.stderr);
    fs::write(&snapshot, text.replace('\t', " ")).unwrap();
    let damaged = audit.titer(&["plan", "--", "pytest", "-q"]);
    assert!(damaged.stderr.contains("base.tsv: line 2"), "{}", damaged.stderr);
    let run = audit.0.run(&[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn a_test_that_nobody_would_miss_is_proposed_and_only_then() {
    let audit = Audit::of(&["quiet", "calm"]);
    // Two tests that cover the same, of which each can spare the other.
    audit
        .0
        .repository
        .write("tests/test_twin.py", "from app.quiet import quiet\n\ndef test_twin():\n    assert quiet() == 1\n");
    let policy = fs::read_to_string(audit.0.repository.path("titer.toml")).unwrap();
    audit.0.repository.write("titer.toml", format!("{policy}[placement]\nremoval_days = 30\nyoung_days = 0\n"));
    audit.0.commit(300, "twin");
    audit.0.record();
    let twin = "pytest::tests/test_twin.py::test_twin".to_owned();
    let stay = |test: &str, days: i64| {
        line(
            &statement(
                "change",
                &serde_json::json!({"op": "move", "test": test, "from": "fast", "to": "weekly", "prev": null,
            "reason": {"rule": "quiet", "text": "x"}, "actor": "titer place", "recordedAt": format!("{}T00:00:00Z", day(days))}),
            ),
            None,
        )
    };
    let batch = |days: i64| {
        let _ = fs::remove_dir_all(audit.0.repository.path(".titer/suite"));
        let text = [id("quiet"), twin.clone(), id("calm")].map(|test| stay(&test, days)).concat();
        let name = format!("{}.jsonl", titer::formats::record_v1::sha256(text.as_bytes()));
        audit.0.repository.write(&format!("{PENDING}/{name}"), text);
    };
    batch(29);
    let early = audit.0.place(&["--dry-run"]);
    assert_eq!(early["observed"]["proposals"].as_array().unwrap().len(), 0, "{early}");
    batch(30);
    let placed = audit.0.place(&[]);
    let proposed: Vec<&str> =
        placed["observed"]["proposals"].as_array().unwrap().iter().map(|it| it["test"].as_str().unwrap()).collect();
    assert_eq!(proposed, [id("quiet"), twin], "{placed}");
}
