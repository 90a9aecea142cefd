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

use titer::report::metrics::{self, Active, Ended, Pipeline, Seen, Told};

use support::interpreters::of_audit;
use support::made_up;

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
    let empty = Told { report: Some(&Default::default()), ended: &[], active: &[], ..told };
    assert_eq!(monitored(&metrics::text(&Told { seen: &Seen::default(), ..empty })), names);
}
