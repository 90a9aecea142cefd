//! `titer serve` receives what real SDKs send: every event once, also where the server dies in between, or has hardly any room.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use support::Repository;
use support::door::{Served, crash, envelope, events, wait};
use support::service::Service;

/// So many distinct errors each SDK sends before it crashes.
const MANY: u64 = 20;

fn repository() -> Repository {
    Service::of(&["billing"]).repository
}

fn journals(repository: &Repository) -> Vec<PathBuf> {
    let all = std::fs::read_dir(repository.path(".titer/ledger/door")).into_iter().flatten().flatten();
    all.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|own| own == "journal")).collect()
}

#[test]
fn what_sdks_of_sentry_send_arrives_once() {
    let repository = repository();
    let served = Served::start(&repository, &[], &[]);
    let many = MANY.to_string();
    crash(&repository, "sentry_python.py", &[&served.dsn, &many]);
    crash(&repository, "sentry_node.cjs", &[&served.dsn.replace("/1", "/2"), &many]);
    let dsn = served.dsn.replace("/1", "/3");
    let client = sentry::init(sentry::ClientOptions::new().dsn(&dsn).release("1.4.0"));
    for number in 0..MANY {
        sentry::capture_error(&std::io::Error::other(format!("fault {number}")));
    }
    let crashed = std::thread::spawn(|| panic!("and now nobody catches it")).join();
    assert!(crashed.is_err() && client.flush(Some(Duration::from_secs(30))));
    // Each of the three crashed once more.
    wait(&repository, "sentry", 3 * (MANY + 1));
    let rows = support::shop::rows(
        &repository,
        "SELECT project, COUNT(DISTINCT event_id) AS events, COUNT(received_at) AS received FROM sightings_once GROUP BY project ORDER BY project",
    );
    let each = MANY + 1;
    assert_eq!(rows, [1, 2, 3].map(|project| format!("{project} {each} {each}")));
    let faults = support::shop::rows(
        &repository,
        "SELECT COUNT(DISTINCT fault_id) AS faults FROM sightings_once WHERE project = '1'",
    );
    assert_eq!(faults, [each.to_string()]);
    assert_eq!(served.stop(), Some(0));
    assert_eq!(journals(&repository), Vec::<PathBuf>::new());
}

#[test]
fn what_opentelemetry_sends_as_protobuf_and_as_json_arrives_once() {
    let repository = repository();
    let served = Served::start(&repository, &[], &[]);
    let (url, many) = (format!("http://{}", served.address), MANY.to_string());
    crash(&repository, "otel_python.py", &[&url, &many]);
    crash(&repository, "otel_node.cjs", &[&url, &many]);
    // Each error came on a span and in a log record.
    wait(&repository, "otlp", 2 * (MANY + 1));
    assert_eq!(served.stop(), Some(0));
    assert_eq!(events(&repository, "otlp").1, 2 * (MANY + 1));
}

#[test]
fn what_was_answered_is_there_after_a_kill_wherever_it_strikes() {
    let repository = repository();
    // What came is in the journal alone: nothing is read so soon.
    let served = Served::start(&repository, &[], &[]);
    crash(&repository, "sentry_python.py", &[&served.dsn, &MANY.to_string()]);
    let was_read = journals(&repository).is_empty();
    served.kill();
    let mut sent = MANY + 1;
    // And while files are read and given up.
    for round in 0..6_u64 {
        let served = Served::start(&repository, &[], &[]);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(400 + 300 * round) {
            sent += 1;
            let status = served.post("/api/1/envelope/", &[], &envelope(&format!("{sent:032x}"), 2000));
            assert_eq!(status, 200);
        }
        served.kill();
    }
    // A record that was never answered is dropped with the rest of its file's tail.
    let torn = repository.path(".titer/ledger/door/999999999999.journal");
    std::fs::write(&torn, b"titer door journal 1\n\x40\0\0\0\x10\0\0\0{\"door\":").unwrap();
    let served = Served::start(&repository, &[], &[]);
    wait(&repository, "sentry", sent);
    assert_eq!(served.stop(), Some(0));
    assert!(!torn.exists() && journals(&repository).is_empty());
    eprintln!("{sent} events; the first had been read before the kill: {was_read}");
    assert_eq!(events(&repository, "sentry"), (sent, sent));
}

#[test]
fn a_spool_with_hardly_any_room_loses_nothing_of_sentrys_and_slows_opentelemetry_down() {
    let repository = repository();
    repository.write("titer.toml", "[serve]\nspool_mb = 1\n");
    let served = Served::start(&repository, &[], &[]);
    let begun = Instant::now();
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let address = served.address.clone();
            std::thread::spawn(move || {
                for number in 0..12 {
                    let body = envelope(&format!("{sender:016x}{number:016x}"), 60_000);
                    let head = format!(
                        "POST /api/1/envelope/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    let mut stream = std::net::TcpStream::connect(&address).unwrap();
                    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
                    assert_eq!(support::door::answer(&mut stream).0, 200);
                }
            })
        })
        .collect();
    // Meanwhile OpenTelemetry's senders are told to come again.
    let mut told = Vec::new();
    while senders.iter().any(|sender| !sender.is_finished()) {
        let (status, head, _) =
            served.ask("POST", "/v1/logs", &[("Content-Type", "application/json")], &vec![b' '; 200_000]);
        told.push(status);
        assert!(status == 200 || (status == 429 && head.contains("retry-after: 5")), "{head}");
    }
    for sender in senders {
        sender.join().unwrap();
    }
    let again = told.iter().filter(|&&status| status == 429).count();
    eprintln!("5.8 MB through 1 MiB in {:?}; OTLP: {again} of {} to come again", begun.elapsed(), told.len());
    assert!(again > 0, "{told:?}");
    wait(&repository, "sentry", 96);
    assert!(!served.said().contains("dropped"), "{}", served.said());
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn a_ledger_that_cannot_be_written_fills_the_spool_and_what_was_taken_is_read_once_it_can() {
    let repository = repository();
    repository.write("titer.toml", "[serve]\nspool_mb = 1\n");
    // A file where a folder has to be.
    repository.write(".titer/ledger/segments", "");
    let served = Served::start(&repository, &[], &[]);
    let mut taken = 0;
    let dropped = loop {
        let begun = Instant::now();
        let id = format!("{:032x}", taken + 1);
        assert_eq!(served.post("/api/1/envelope/", &[], &envelope(&id, 60_000)), 200);
        if begun.elapsed() > Duration::from_secs(15) {
            break begun.elapsed();
        }
        taken += 1;
        assert!(taken < 100, "there is room for all of it");
    };
    let (status, head, _) = served.ask("POST", "/v1/traces", &[("Content-Type", "application/x-protobuf")], b"\x0a\0");
    assert!(status == 429 && head.contains("retry-after"), "{head}");
    let said = served.said();
    assert!(said.contains("an event is dropped") && said.contains("what came in waits"), "{said}");
    eprintln!("{taken} events fit into 1 MiB; the next was answered after {dropped:?}");
    repository.delete(".titer/ledger/segments");
    wait(&repository, "sentry", taken);
    assert_eq!(served.post("/api/1/envelope/", &[], &envelope("ffffffffffffffffffffffffffffffff", 60_000)), 200);
    wait(&repository, "sentry", taken + 1);
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn what_is_under_way_when_it_is_to_stop_is_answered_and_kept() {
    let repository = repository();
    let served = Served::start(&repository, &[], &[]);
    let body = envelope("000000000000000000000000000000e0", 5000);
    let head = format!("POST /api/1/envelope/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut stream = std::net::TcpStream::connect(&served.address).unwrap();
    stream.write_all(&[head.as_bytes(), &body[..1000]].concat()).unwrap();
    // A second connection is answered, so the first has been seen.
    assert_eq!(served.ask("GET", "/healthz", &[], b"").0, 200);
    let address = served.address.clone();
    let stopping = std::thread::spawn(move || served.stop());
    std::thread::sleep(Duration::from_millis(500));
    assert!(std::net::TcpStream::connect(&address).is_err(), "it still takes connections");
    stream.write_all(&body[1000..]).unwrap();
    let (status, _, told) = support::door::answer(&mut stream);
    assert!(status == 200 && told.contains("000000000000000000000000000000e0"), "{status} {told}");
    assert_eq!(stopping.join().unwrap(), Some(0));
    assert_eq!(events(&repository, "sentry"), (1, 1));
}

#[test]
fn a_second_server_of_a_ledger_and_one_for_everybody_without_a_token_do_not_start() {
    let repository = repository();
    let served = Served::start(&repository, &[], &[]);
    let second = repository.titer(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(3), "{}", second.stderr);
    assert!(second.stderr.contains("another `titer serve` already serves the ledger"), "{}", second.stderr);
    // A killed one leaves no lock.
    served.kill();
    Served::start(&repository, &[], &[]).kill();
    let open = repository.titer(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(open.code, Some(2), "{}", open.stderr);
    assert!(open.stderr.contains("TITER_SERVE_TOKEN"), "{}", open.stderr);
    let mut short: Command = repository.command(env!("CARGO_BIN_EXE_titer"), &repository.root());
    let done = short.args(["serve", "--listen", "127.0.0.1:0"]).env("TITER_SERVE_TOKEN", "short").output().unwrap();
    assert_eq!(done.status.code(), Some(2));
}
