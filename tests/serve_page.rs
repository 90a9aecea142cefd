//! `titer serve` as people and monitoring see it: its pages in a real browser, its numbers read by other people's programs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::json;
use titer::formats::report_v1::Report;
use titer::report::metrics::{self, Active, Ended, Pipeline, Seen, Told};

use support::browser::{CHARTS, stands};
use support::door::{Served, envelope};
use support::interpreters::of_audit;
use support::seasoned::{RUN, seasoned};
use support::watched::{Staying, get, tells, text};
use support::{browser, made_up, newest, says, small};

/// Holds what monitoring was told against other people's readers, and the board against that; returns the names that were told.
fn monitored(told: &str) -> BTreeSet<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("metrics.txt");
    fs::write(&file, told).unwrap();
    let mut python = Command::new(of_audit().python());
    python.arg(here.join("tests/support/monitored.py")).arg(here.join("adapters/grafana/titer.json")).arg(file);
    let done = python.output().unwrap();
    assert!(done.status.success(), "{}\n{told}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_number_that_the_board_asks_for_is_told_as_other_people_read_it() {
    let report = made_up::report(90, 7);
    let run = Ended { pipeline: Pipeline::Fast, exit: 0, failed: 0, ms: 12_500, tests_run: 3, tests_left_out: 40 };
    let mut ended: Vec<Ended> = [0, 1, 2, 4, 130, -1].map(|exit| Ended { exit, ..run }).into();
    ended.push(Ended { exit: 1, failed: 3, ms: 4_000_000, pipeline: Pipeline::Weekly, ..run });
    let seen = Seen {
        accepted: BTreeMap::from([("sentry", 12), ("otlp", 3), ("webhook", 1)]),
        refused: BTreeMap::from([("wrong-key", 2)]),
        decoded: 15,
        ..Seen::default()
    };
    let active = [Active { pipeline: Pipeline::Fast, workers: 4 }];
    let told = Told { report: Some(&report), ended: &ended, active: &active, made_at: 1_795_219_200, seen: &seen };
    let names = monitored(&metrics::text(&told));
    assert!(names.len() > 40 && names.contains("titer_door_spool_bytes"), "{names:?}");
    // Before anything was seen nothing is missing but samples.
    let empty = Told { report: Some(&Report::default()), ended: &[], active: &[], ..told };
    assert_eq!(monitored(&metrics::text(&Told { seen: &Seen::default(), ..empty })), names);
}

/// Monitoring is told the same of the ledger as the report tells.
fn agrees(served: &Served, report: &Report) {
    let (status, head, told) = get(served, "/metrics", "");
    assert!(status == 200 && head.contains(&format!("content-type: {}", metrics::KIND)), "{head}");
    let names = monitored(&told);
    for needed in ["cicd_pipeline_run_duration_seconds", "cicd_pipeline_run_active", "cicd_worker_count"] {
        assert!(names.contains(needed), "{names:?}");
    }
    let wanted = [
        format!("titer_tests{{suite=\"weekly\"}} {}", report.suites.weekly),
        format!("titer_tests{{suite=\"fast\"}} {}", report.suites.fast),
        format!("titer_escapes {}", report.escapes.found),
        format!("titer_faults{{guard=\"yes\"}} {}", report.faults.guarded),
        format!("titer_relapses{{guard=\"yes\"}} {}", report.relapses.with_guard.relapsed),
        format!("titer_guards{{step=\"in_suite\"}} {}", report.guards.in_suite),
        format!("{BUSY} 0"),
        "cicd_pipeline_run_duration_seconds_count{cicd_pipeline_name=\"weekly\",cicd_pipeline_run_state=\"executing\",\
         cicd_pipeline_result=\"failure\",error_type=\"test_failure\"} 1"
            .to_owned(),
    ];
    for line in wanted {
        assert!(told.lines().any(|it| it == line), "{line} is not in\n{told}");
    }
    assert!(!told.contains("shop") && !told.contains("KeyError"), "{told}");
}

/// What comes in through the door is told, and what it comes to.
fn passes_on(served: &Served) {
    assert_eq!(served.post("/api/1/envelope/", &[], &envelope(&format!("{:032x}", 77), 100)), 200);
    assert_eq!(served.post("/nowhere", &[], b""), 404);
    let told = tells(served, "", "titer_faults_elsewhere 1");
    let lines = [
        "titer_door_accepted_total{door=\"sentry\"} 1",
        "titer_door_refused_total{reason=\"path\"} 1",
        "titer_door_decoded_total 1",
        "titer_door_spool_limit_bytes 268435456",
    ];
    for line in lines {
        assert!(told.lines().any(|it| it == line), "{line} is not in\n{told}");
    }
}

const BUSY: &str = "cicd_worker_count{cicd_worker_state=\"busy\"}";
const ACTIVE: &str = "cicd_pipeline_run_active{cicd_pipeline_name=\"fast\",cicd_pipeline_run_state=\"executing\"}";
const TOKEN: &str = "not-a-secret-of-anybody";

#[test]
fn a_served_report_stands_in_a_browser_and_shows_what_is_new_by_itself() {
    let repository = seasoned();
    let served = Served::start(&repository, &[], &[]);
    let report: Report = serde_json::from_str(&text(&served, "/report.json", "")).unwrap();
    assert_eq!((report.period.runs, report.escapes.found, report.guards.in_suite), (4, 1, 1));
    assert!(text(&served, "/report.md", "").starts_with("### titer: repo\n"));
    agrees(&served, &report);
    let (_, head, _) = get(&served, "/", "");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    assert!(head.contains("cache-control: no-cache") && tag.starts_with('"'), "{head}");
    assert_eq!(served.ask("GET", "/", &[("If-None-Match", tag)], b"").0, 304);
    if let Some(seen) = browser::visited("served", &format!("http://{}/", served.address), "escaped") {
        stands(&seen, CHARTS);
        assert!(seen["clicks"]["timeline"]["text"].as_str().unwrap().contains("shop/prices.py"));
    }
    passes_on(&served);
    let Some(mut browser) = Staying::open("served", &served, "") else { return };
    assert_eq!(browser.hear()["runs"], 4);
    says(&repository.titer(RUN), 1, &["test_user"]);
    browser.go_on();
    let seen = browser.hear();
    let came = (&seen["after"]["runs"], &seen["after"]["pages"], &seen["slept"]["versions"]);
    assert_eq!(came, (&json!(5), &json!(2), &json!(0)), "{seen}");
    assert_eq!((&seen["errors"], &seen["strangers"]), (&json!([]), &json!([])));
    let kept = &seen["kept"];
    let stayed = [&kept["search"], &kept["waited"], &kept["opened"], &kept["isSilent"]];
    assert_eq!(stayed, [&json!("escaped"), &json!(true), &json!(0), &json!(true)], "{kept}");
    assert!(kept["moved"].as_f64().unwrap() < 3. && kept["said"] == "There is something new.", "{kept}");
    assert_eq!(served.stop(), Some(0));
    browser.go_on();
    let gone = browser.hear();
    assert!(gone["said"].as_str().unwrap().starts_with("titer serve does not answer.") && gone["runs"] == 5, "{gone}");
}

#[test]
fn a_ledger_of_nothing_says_what_to_do_and_a_run_in_progress_is_told() {
    let mut repository = small::waiting(newest());
    let served = Served::start(&repository, &[], &[("TITER_SERVE_TOKEN", TOKEN)]);
    let (status, head, _) = get(&served, "/", "");
    assert!(status == 401 && head.contains("www-authenticate: basic"), "{head}");
    assert_eq!((get(&served, "/metrics", "").0, get(&served, "/version", "wrong").0), (401, 401));
    assert!(text(&served, "/", TOKEN).contains("No run is in this ledger yet"));
    tells(&served, TOKEN, "titer_tests{suite=\"fast\"} 0");
    let mut browser = Staying::open("served-empty", &served, TOKEN);
    if let Some(browser) = &mut browser {
        assert_eq!(browser.hear()["runs"], 0);
    }
    let hold = repository.beside("hold");
    fs::create_dir(&hold).unwrap();
    repository.variables.insert("HOLD".into(), hold.display().to_string());
    let mut run = repository.start_titer(&[&["run", "--"], small::COMMAND].concat());
    run.until(&hold.join("pid"));
    let told = tells(&served, TOKEN, &format!("{ACTIVE} 1"));
    assert!(told.contains(&format!("{BUSY} 1\n")), "{told}");
    // Killed, it is in progress no more.
    run.signal_group(Signal::SIGKILL);
    run.wait();
    tells(&served, TOKEN, &format!("{ACTIVE} 0"));
    repository.variables.remove("HOLD");
    repository.run(small::COMMAND).exits(0);
    if let Some(browser) = &mut browser {
        browser.go_on();
        let seen = browser.hear();
        assert!(seen["after"]["runs"].as_u64() > Some(0), "{seen}");
        assert_eq!((&seen["errors"], &seen["strangers"]), (&json!([]), &json!([])));
    }
    // What is lost is said, and served on.
    let segments = walkdir::WalkDir::new(repository.path(".titer/ledger/segments/runs")).into_iter().flatten();
    fs::remove_file(segments.last().unwrap().path()).unwrap();
    tells(&served, TOKEN, "titer_ledger_problems 1");
    assert!(text(&served, "/", TOKEN).contains("Missing:"));
    assert_eq!(served.stop(), Some(0));
}
