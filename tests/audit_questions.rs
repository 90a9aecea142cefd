//! What an auditor asks of a test that moved twice: real git, real pytest, records that `titer place` wrote and `titer audit seal` sealed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;

use serde_json::Value;
use support::asked::{Audit, approver};
use support::audited::{ORIGIN, PENDING, writer};
use support::day;
use support::service::sighting;

const QUIET: &str = "pytest::tests/test_quiet.py::test_quiet";

/// The test goes to WEEKLY, signed by CI, and comes back for a fault, signed by nobody; each is committed and sealed.
fn moved_twice() -> Audit {
    let mut audit = Audit::of(&["quiet"]);
    audit.with_key(Some(&writer()));
    let went = audit.0.place(&[]);
    assert!(went["signed_by"].as_str().unwrap().starts_with("example.org/shop/ci+"), "{went}");
    audit.0.commit(0, "went");
    audit.sealed();
    audit.0.repository.git(&["tag", "v1"]);
    audit.0.learn(&[sighting("e1", 0, "app/quiet.py", "quiet")], 360, 0);
    let back = audit.0.place(&[]);
    assert_eq!((&back["signed_by"], back["moves"].as_array().unwrap().len()), (&Value::Null, 1));
    audit.0.commit(0, "back");
    // Nobody signed it: the sealer decides again from what the ledger kept, and signs.
    audit.sealed();
    audit.0.repository.git(&["tag", "v2"]);
    audit
}

#[test]
fn every_question_about_a_test_that_moved_twice_has_an_answer() {
    let audit = moved_twice();
    let why = audit.ask(&["why", QUIET]);
    let records = why["records"].as_array().unwrap();
    let told: Vec<(&str, &str)> =
        records.iter().map(|it| (it["to"].as_str().unwrap(), it["rule"].as_str().unwrap())).collect();
    assert_eq!((why["suite"].as_str(), told), (Some("fast"), vec![("weekly", "quiet"), ("fast", "faulted")]));
    assert_eq!(records[1]["prev"], records[0]["record"]);
    let signed = |at: usize| records[at]["signed_by"][0].as_str().unwrap().to_owned();
    assert!(signed(0).starts_with("example.org/shop/ci+") && signed(1).starts_with(ORIGIN), "{why}");
    let by_its_end = audit.ask(&["why", "tests/test_quiet.py::test_quiet"]);
    assert_eq!(by_its_end["records"], why["records"]);

    for record in records {
        let id = record["record"].as_str().unwrap();
        let evidence = audit.ask(&["evidence", id]);
        assert_eq!(evidence["statement"]["evidence"]["test"], QUIET);
        assert_eq!(evidence["decision"]["record"], record["decision"]);
        // The first decision came before any policy was sealed, the second names it.
        let named = &evidence["decision"]["statement"]["policy"]["record"];
        assert_eq!(named.is_null(), record == &records[0], "{named}");
        assert_eq!(audit.ask(&["replay", id])["verdict"], "same");
        assert_eq!(audit.ask(&["approvals", &id[..12]])["approvals"].as_array().unwrap().len(), 0);
        assert_eq!(audit.titer(&["audit", "prove", id]).code, Some(0));
    }

    let list = audit.ask(&["list", "v1..v2"]);
    let size = |name: &str| list[name].as_u64().unwrap();
    let grown = usize::try_from(size("after") - size("before")).unwrap();
    assert_eq!((list["records"].as_array().unwrap().len(), grown > 2), (grown, true));
    let csv = audit.titer(&["audit", "list", "v1..v2", "--csv"]).stdout;
    assert_eq!(csv.lines().count(), grown + 1);
    assert!(csv.contains(QUIET) && csv.contains("\"faulted\""), "{csv}");
    assert_eq!(audit.titer(&["audit", "list", "v2..v1"]).code, Some(2));
    assert_eq!(audit.titer(&["audit", "list", "v1..v9"]).code, Some(3));

    assert_eq!(audit.ask(&["at", &day(0)])["weekly"].as_array().unwrap().len(), 0);
    assert_eq!(audit.titer(&["audit", "at", &day(40)]).code, Some(3));
    let reversals = audit.ask(&["reversals"]);
    assert_eq!(reversals["reversals"][0]["back"]["record"], records[1]["record"]);
    assert_eq!(audit.ask(&["policy"])["policies"].as_array().unwrap().len(), 1);
    for question in [&["why", QUIET][..], &["reversals"], &["policy"], &["list", "v1..v2"], &["at", &day(0)]] {
        let told = audit.titer(&[&["audit"], question].concat());
        assert_eq!((told.code, told.stdout.is_empty()), (Some(0), false), "{question:?}: {}", told.stderr);
    }
}

#[test]
fn a_decision_whose_inputs_are_gone_or_changed_says_so_and_is_not_sealed_unsigned() {
    let mut audit = moved_twice();
    let why = audit.ask(&["why", QUIET]);
    let id = why["records"][0]["record"].as_str().unwrap().to_owned();
    let evidence = audit.ask(&["evidence", &id]);
    let digest = evidence["decision"]["statement"]["inputs"][0]["digest"]["sha256"].as_str().unwrap().to_owned();
    let inputs = audit.0.repository.path(".titer/ledger/inputs");
    let file = inputs.join(&digest);
    let rows = fs::read_to_string(&file).unwrap();
    fs::write(&file, rows.replace("\"test\"", "\"tets\"")).unwrap();
    let changed = audit.titer(&["audit", "replay", &id]);
    assert_eq!(
        (changed.code, changed.stdout.contains("not what its name says")),
        (Some(8), true),
        "{}",
        changed.stdout
    );
    fs::remove_file(&file).unwrap();
    let gone = audit.titer(&["audit", "replay", &id]);
    assert_eq!((gone.code, gone.stdout.contains("is not in the ledger")), (Some(8), true), "{}", gone.stdout);

    // The next move is written by nobody's key, and its inputs are lost before it is sealed.
    audit.titer(&["move", QUIET, "weekly", "--reason", "a person says so"]);
    let own = audit.ask(&["why", QUIET])["records"][2].clone();
    assert_eq!((&own["index"], own["rule"].as_str()), (&Value::Null, Some("by-hand")));
    assert_eq!(audit.titer(&["audit", "replay", own["record"].as_str().unwrap()]).code, Some(3));
    audit.0.commit(0, "moved");
    audit.sealed();
    audit.0.learn(&[sighting("e2", 0, "app/quiet.py", "quiet")], 360, 0);
    let back = audit.0.place(&[]);
    assert_eq!(back["moves"].as_array().unwrap().len(), 1, "{back}");
    fs::remove_dir_all(&inputs).unwrap();
    audit.0.commit(0, "back again");
    let held = audit.seal();
    assert_eq!((held.code, held.stdout.contains("cannot be decided again")), (Some(1), true), "{}", held.stdout);
}

#[test]
fn a_batch_is_approved_by_a_key_of_its_own_and_the_records_tell_it() {
    let mut audit = Audit::of(&["quiet"]);
    audit.with_key(Some(&writer()));
    let batch = audit.0.place(&[])["batch"].as_str().unwrap().to_owned();
    assert_eq!(audit.titer(&["audit", "approve", "0123456789"]).code, Some(3));
    let own = audit.titer(&["audit", "approve", &batch]);
    assert!(own.stdout.contains("its author approved of it"), "{}", own.stdout);
    let root = audit.0.repository.root();
    let approval = own.stdout.lines().find_map(|line| line.strip_prefix("written: ")).unwrap();
    fs::remove_file(root.join(approval.split(';').next().unwrap())).unwrap();
    audit.with_key(Some(&approver()));
    let done = audit.titer(&["audit", "approve", &batch[..10]]);
    assert_eq!(
        (done.code, done.stdout.contains("author approved")),
        (Some(0), false),
        "{}{}",
        done.stdout,
        done.stderr
    );
    audit.0.commit(0, "approved");
    audit.sealed();
    let id = audit.ask(&["why", QUIET])["records"][0]["record"].as_str().unwrap().to_owned();
    let told = audit.ask(&["approvals", &id]);
    let approvals = told["approvals"].as_array().unwrap();
    assert_eq!(approvals.len(), 1, "{told}");
    assert!(approvals[0]["signed_by"][0].as_str().unwrap().starts_with("example.org/shop/lead+"), "{told}");
    audit.with_key(None);
    assert_eq!(audit.titer(&["audit", "approve", &batch]).code, Some(3));
    let unknown = audit.titer(&["audit", "why", "pytest::tests/test_no.py::test_no"]);
    assert_eq!((unknown.code, unknown.stderr.contains("no record speaks of")), (Some(3), true), "{}", unknown.stderr);
}

#[test]
fn a_key_that_is_none_writes_nothing() {
    let mut audit = Audit::of(&["quiet"]);
    for wrong in ["PRIVATE+KEY+x", "no/such/file"] {
        audit.0.repository.variables.insert("TITER_SIGNING_KEY".to_owned(), wrong.to_owned());
        let done = audit.titer(&["place"]);
        assert_eq!((done.code, done.stderr.contains("TITER_SIGNING_KEY")), (Some(3), true), "{}", done.stderr);
        assert!(!audit.0.repository.path(PENDING).exists());
    }
}
