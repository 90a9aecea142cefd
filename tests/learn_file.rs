//! Production errors from files: what the real SDKs sent is mapped to the shop, once however often it is learned, and what is wrong in a
//! file costs only itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::path::PathBuf;

use serde_json::Value;
use support::shop::{all_captured, captured, learn, ledger_files, rows, shop};
use support::{Interpreter, Repository, says};

const EVENTS: &str = "SELECT error_type, path, function_name, confidence, commit_confidence, blocks FROM sightings_once ORDER BY 1, 2, 3, 4";

/// A file beside the repository.
fn file(repository: &Repository, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = repository.beside(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn line(event: &str, at: &str, more: &str) -> String {
    let frame = r#"{"file":"/srv/shop/billing.py","line":18,"function":"price","context_line":"raise LookupError(f\"no price for {item!r} of order 1234\") from missing"}"#;
    format!(
        "{{\"v\":1,\"event\":\"{event}\",\"at\":\"{at}\",\"type\":\"LookupError\",\"release\":\"shop@1.4.0\",\"frames\":[{frame}]{more}}}\n"
    )
}

#[test]
fn what_every_sdk_sends_is_mapped_to_the_code_that_failed() {
    for (name, expected) in [
        ("sentry-python-1.envelope", vec!["LookupError shop/billing.py price line tag "]),
        ("sentry-python-2.envelope", vec![]),
        ("sentry-python-3.envelope", vec!["JSONDecodeError shop/orders.py parse line tag "]),
        ("sentry-python-4.envelope", vec![]),
        // A message alone has no place.
        ("sentry-python-5.envelope", vec![" null null none tag "]),
        ("sentry-node-1.envelope", vec![]),
        ("sentry-node-2.envelope", vec!["RangeError src/billing.js <module> line tag "]),
        ("sentry-node-3.envelope", vec!["Error null null none tag "]),
        (
            "otel-python-logs-2.pb",
            vec!["JSONDecodeError shop/orders.py parse line tag ", "LookupError shop/billing.py price line tag "],
        ),
        ("otel-python-traces-1.pb", vec!["LookupError shop/billing.py price line tag "]),
        ("otel-node-logs-2.json", vec!["RangeError src/billing.js <module> path tag "]),
        ("otel-node-traces-1.json", vec!["RangeError src/billing.js <module> path tag "]),
        ("sentry-rust-1.envelope", vec!["panic rust/src/billing.rs price path tag "]),
        ("sentry-rust-2.envelope", vec!["Custom null null none tag "]),
        ("sentry-rust-stripped-1.envelope", vec!["panic rust/src/billing.rs price path tag "]),
        ("sentry-rust-stripped-2.envelope", vec!["Custom null null none tag "]),
    ] {
        let repository = shop();
        learn(&repository, &captured(name), &[]).exits(0);
        assert_eq!(rows(&repository, EVENTS), expected, "{name}");
    }
}

#[test]
fn an_error_that_comes_as_a_span_and_as_a_log_record_is_one_and_learning_twice_adds_nothing() {
    let repository = shop();
    for (name, _) in all_captured() {
        learn(&repository, &captured(&name), &[]).exits(0);
    }
    assert_eq!(
        rows(&repository, "SELECT COUNT(*) FROM sightings_once WHERE service = 'shop' AND error_type = 'LookupError'"),
        ["2"]
    );
    let faults = "SELECT error_type, path, sightings FROM faults WHERE path = 'shop/billing.py'";
    // Of both SDKs, and one fault.
    assert_eq!(rows(&repository, faults), ["LookupError shop/billing.py 2"]);
    let (before, kept) = (ledger_files(&repository), rows(&repository, EVENTS));
    for (name, _) in all_captured() {
        learn(&repository, &captured(&name), &[]).exits(0);
    }
    assert_eq!(ledger_files(&repository), before);
    assert_eq!(rows(&repository, EVENTS), kept);
    says(
        &learn(&repository, &captured("sentry-python-1.envelope"), &[]),
        0,
        &["1 sighting of 1 fault, all known before"],
    );
}

#[test]
fn whom_an_error_hit_and_what_it_said_stay_out_of_the_facts() {
    let repository = shop();
    for (name, _) in all_captured() {
        learn(&repository, &captured(&name), &[]).exits(0);
    }
    let mut seen = 0;
    for entry in walkdir::WalkDir::new(repository.path(".titer/ledger/segments")).into_iter().flatten() {
        if entry.file_type().is_file() {
            let text = String::from_utf8(zstd::decode_all(&std::fs::read(entry.path()).unwrap()[..]).unwrap()).unwrap();
            seen += 1;
            for secret in ["user-42", "ann@example.org", "4111111111111111", "acme", "'plum'"] {
                assert!(!text.contains(secret), "{secret} is in {}", entry.path().display());
            }
        }
    }
    assert!(seen > 5);
    // The same user is the same in every event, and the message has holes.
    assert_eq!(
        rows(&repository, "SELECT COUNT(DISTINCT user_hash), COUNT(DISTINCT tenant_hash) FROM sightings_once"),
        ["1 1"]
    );
    let messages = "SELECT DISTINCT message FROM sightings_once WHERE error_type = 'LookupError'";
    assert_eq!(rows(&repository, messages), ["no price for {quoted} of order {number}"]);
}

#[test]
fn the_frames_that_sightings_share_are_written_once_and_named_by_each() {
    let repository = shop();
    let mut lines: String = (0..50).map(|n| line(&format!("e{n}"), "2026-10-01T00:00:00Z", "")).collect();
    lines += "{\"v\":1,\"event\":\"bare\",\"at\":\"2026-10-01T00:00:00Z\",\"type\":\"LookupError\"}\n";
    says(&learn(&repository, &file(&repository, "lines.jsonl", &lines), &[]), 0, &["51 sightings of 2 faults"]);
    let segments = walkdir::WalkDir::new(repository.path(".titer/ledger/segments/sightings")).into_iter().flatten();
    let segments: Vec<_> = segments.filter(|entry| entry.file_type().is_file()).collect();
    assert_eq!(segments.len(), 1);
    let text = zstd::decode_all(&std::fs::read(segments[0].path()).unwrap()[..]).unwrap();
    let kept: Vec<Value> = serde_json::Deserializer::from_slice(&text).into_iter().map(Result::unwrap).collect();
    let of = |kind: &str| kept.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    let (stacks, sightings) = (of("stack"), of("sighting"));
    assert_eq!((stacks.len(), sightings.len(), of("observed").len(), kept.len()), (1, 51, 1, 53));
    assert_eq!(stacks[0]["frames"][0]["path"], "shop/billing.py");
    assert!(stacks[0]["stack"].as_str().is_some_and(|name| name.len() == 16));
    let named = sightings.iter().filter(|line| line["stack"] == stacks[0]["stack"]);
    assert_eq!(named.count(), 50);
    assert!(sightings.iter().all(|line| line.get("frames").is_none()));
    assert_eq!(rows(&repository, "SELECT COUNT(*) FROM segment_problems"), ["0"]);
}

#[test]
fn lines_are_read_from_a_pipe_and_from_packed_files_too() {
    let repository = shop();
    let lines: String = (0..50).map(|n| line(&format!("e{n}"), "2026-10-01T00:00:00Z", "")).collect();
    let plain = file(&repository, "lines.jsonl", &lines);
    let packed = file(&repository, "lines.jsonl.zst", zstd::encode_all(lines.as_bytes(), 3).unwrap());
    says(&learn(&repository, &plain, &[]), 0, &["50 sightings of 1 fault", "50 the line is the same"]);
    says(&learn(&repository, &packed, &[]), 0, &["50 sightings of 1 fault"]);
    let mut titer = repository.command(env!("CARGO_BIN_EXE_titer"), &repository.root());
    let piped = titer.args(["learn", "file", "-"]).stdin(std::fs::File::open(&plain).unwrap()).output().unwrap();
    assert!(piped.status.success() && String::from_utf8_lossy(&piped.stdout).contains("all known before"), "{piped:?}");
    assert_eq!(rows(&repository, "SELECT sightings, faults FROM path_faults"), ["50 1"]);
}

#[test]
fn what_is_wrong_in_a_file_costs_only_itself_and_is_named() {
    let repository = shop();
    let good = line("a1", "2026-10-01T00:00:00Z", "");
    let mixed = [
        good.as_bytes(),
        b"{\"v\":1,\"at\":1,\"type\":\"\xff\xfe\"}\n",
        line("a2", "2026-10-02T00:00:00Z", "").as_bytes(),
    ]
    .concat();
    let cut = [good.as_bytes(), &good.as_bytes()[..60]].concat();
    let future = line("a3", "2999-01-01T00:00:00Z", "");
    let unknown = line("a4", "2026-10-03T00:00:00Z", "").replace("shop@1.4.0", "shop@9.9.9");
    let early = line("a5", "2020-01-01T00:00:00Z", "").replace("shop@1.4.0", "9.9");
    for (name, bytes, code, parts) in [
        ("mixed", mixed, 0, vec!["2 sightings of 1 fault", "1 record of", "line 2: not UTF-8", "the others are kept"]),
        ("cut", cut, 0, vec!["1 sighting of", "line 2: cut off"]),
        ("future", future.into_bytes(), 0, vec!["1 event from the future: kept, and not counted before its time"]),
        (
            "unknown",
            unknown.into_bytes(),
            0,
            vec!["1 of 1 events name a release that is neither a commit nor a tag here", "guessed by the date"],
        ),
        (
            "early",
            early.into_bytes(),
            0,
            vec!["no commit is known that it ran (blocks shop/billing.py)", "before the first commit"],
        ),
        (
            "rubbish",
            b"{\"v\":1}\n{\"v\":7}\n".to_vec(),
            3,
            vec!["line 1: `at` is no time", "nothing in", "could be read", "--format"],
        ),
        ("text", b"hello\n".to_vec(), 3, vec!["is in no format that titer reads", "--format"]),
        ("empty", Vec::new(), 3, vec!["is in no format that titer reads"]),
    ] {
        let path = file(&repository, name, bytes);
        says(&learn(&repository, &path, &[]), code, &parts);
    }
    says(&learn(&repository, &repository.beside("gone"), &[]), 3, &["cannot be read"]);
    says(&learn(&repository, &repository.root(), &[]), 3, &["it is a folder"]);
    says(
        &learn(&repository, &repository.beside("mixed"), &["--covers", "yesterday"]),
        2,
        &["--covers yesterday is no period", "2026-01-01.."],
    );
    says(&learn(&repository, &repository.beside("mixed"), &["--prefix", "x"]), 2, &["--prefix x has no `=`"]);
    assert_eq!(
        rows(&repository, "SELECT event_id, commit_confidence FROM sightings_once ORDER BY 1"),
        ["a1 tag", "a2 tag", "a4 inferred", "a5 none"]
    );
    let packed = std::fs::read(captured("sentry-python-1.envelope")).unwrap();
    let torn = file(&repository, "torn.envelope", &packed[..packed.len() / 2]);
    says(&learn(&repository, &torn, &["--format", "envelope"]), 3, &["gzip", "cut off"]);
}

#[test]
fn what_a_file_observed_is_stated_and_known_by_source_and_service() {
    let repository = shop();
    let quiet = file(
        &repository,
        "quiet.jsonl",
        "{\"v\":1,\"kind\":\"observed\",\"since\":\"2026-01-01\",\"at\":\"2026-07-20\"}\n",
    );
    says(
        &learn(&repository, &quiet, &["--source", "pager"]),
        0,
        &["0 sightings of 0 faults; observed from 2026-01-01 to 2026-07-20"],
    );
    let some = file(&repository, "some.jsonl", line("a1", "2026-10-01T00:00:00Z", ""));
    learn(&repository, &some, &["--service", "shop", "--covers", "2026-04-01..2026-10-30"]).exits(0);
    let health = "SELECT source, service, days_observed, sightings, mapped_basis_points FROM source_health ORDER BY 1";
    assert_eq!(rows(&repository, health), ["file shop 212 1 10000", "pager  200 0 10000"]);
}

#[test]
fn a_hole_of_months_between_two_periods_was_watched_by_nobody() {
    let repository = shop();
    let health = "SELECT CAST(observed_since AS DATE), CAST(observed_to AS DATE), days_observed FROM source_health";
    let quiet = file(&repository, "quiet.jsonl", "");
    for (covers, expected) in [
        ("2025-01-01..2025-06-30", "2025-01-01 2025-06-30 180"),
        // Next to it, and one week behind that: still without a break.
        ("2025-07-01..2025-07-31", "2025-01-01 2025-07-31 211"),
        ("2025-08-07..2025-08-31", "2025-01-01 2025-08-31 242"),
        ("2026-01-01..2026-03-31", "2026-01-01 2026-03-31 89"),
        // What was missing comes later.
        ("2025-08-20..2026-01-10", "2025-01-01 2026-03-31 454"),
    ] {
        learn(&repository, &quiet, &["--covers", covers]).exits(0);
        assert_eq!(rows(&repository, health), [expected], "{covers}");
    }
}

#[test]
fn an_event_is_mapped_as_the_code_was_at_its_commit() {
    let repository = shop();
    let text = std::fs::read_to_string(repository.path("shop/billing.py")).unwrap();
    repository.write(
        "shop/billing.py",
        text.replace("def price(item)", "def cost(item)").replace("price(item) for", "cost(item) for"),
    );
    repository.commit_at("2026-06-01T00:00:00Z", "at");
    let before = line("a1", "2026-05-01T00:00:00Z", "").replace("shop@1.4.0", "");
    let after = line("a2", "2026-07-01T00:00:00Z", "")
        .replace("shop@1.4.0", "")
        .replace("\"function\":\"price\"", "\"function\":\"cost\"");
    let path = file(&repository, "two.jsonl", before + &after);
    says(&learn(&repository, &path, &[]), 0, &["2 sightings of 2 faults", "2 of 2 events name no release"]);
    let seen = "SELECT event_id, function_name, commit_confidence FROM sightings_once ORDER BY 1";
    assert_eq!(rows(&repository, seen), ["a1 price inferred", "a2 cost inferred"]);
}

#[test]
fn without_history_nothing_is_mapped_and_all_of_it_is_kept() {
    let repository = Repository::bare(Interpreter { programs: PathBuf::from("/usr/bin") });
    let path = file(&repository, "one.jsonl", line("a1", "2026-10-01T00:00:00Z", ""));
    says(
        &learn(&repository, &path, &[]),
        0,
        &["1 sighting of 1 fault", "this repository has no commit", "blocks everything"],
    );
    assert_eq!(rows(&repository, "SELECT COUNT(*) FROM unmapped_faults"), ["1"]);
    // Learned again where there is a commit, it is mapped.
    repository.copy_in("testdata/sightings/project");
    repository.git(&["init", "-q", "-b", "main"]);
    repository.commit_at("2026-01-01T00:00:00Z", "at");
    says(&learn(&repository, &path, &[]), 0, &["1 the line is the same"]);
    assert_eq!(rows(&repository, "SELECT path, confidence FROM sightings_once"), ["shop/billing.py line"]);
    assert_eq!(rows(&repository, "SELECT COUNT(*) FROM unmapped_faults"), ["0"]);
}
