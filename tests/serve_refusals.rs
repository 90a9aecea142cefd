//! What `titer serve` refuses: each with its status and a line that says so, and the next good event is taken, with bounded memory.
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

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::Repository;
use support::door::{Served, answer, envelope, wait};
use support::service::Service;
use support::shop::rows;

const TOKEN: &str = "a token of more than sixteen characters";
const SECRET: &str = "what Sentry knows";
/// KiB that a server may take beyond what it took at rest: all bodies under way, one that is unpacked, and something for those who wait.
const MORE: u64 = 200 << 10;

fn repository() -> Repository {
    Service::of(&["billing"]).repository
}

fn guarded(repository: &Repository) -> Served {
    let variables = [
        ("TITER_SERVE_TOKEN", TOKEN),
        ("TITER_SENTRY_WEBHOOK_SECRET", SECRET),
        ("TITER_PAGERDUTY_WEBHOOK_SECRET", SECRET),
    ];
    Served::start(repository, &[], &variables)
}

fn key(served: &Served) -> String {
    served.dsn.trim_start_matches("http://").split('@').next().unwrap().to_owned()
}

/// HMAC-SHA256 by somebody else's tool.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", secret, "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(body).unwrap();
    let out = openssl.wait_with_output().unwrap().stdout;
    String::from_utf8(out).unwrap().split(' ').next().unwrap().to_owned()
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[test]
fn without_the_key_or_the_token_nothing_comes_in_and_nothing_is_shown() {
    let repository = repository();
    let served = guarded(&repository);
    let key = key(&served);
    assert_eq!(key.len(), 32);
    let good = envelope("000000000000000000000000000000a0", 100);
    let bearer = |what: &str| format!("Bearer {what}");
    let (with_key, with_token, with_wrong) =
        (bearer(&key), bearer(TOKEN), bearer("something of that length, but no token"));
    let auth = |key: &str| format!("Sentry sentry_version=7, sentry_key={key}, sentry_client=test/1.0");
    let (right, wrong) = (auth(&key), auth("0123456789abcdef0123456789abcdef"));
    let dsn = format!("{{\"dsn\":\"{}\"}}\n{{\"type\":\"event\"}}\n{{}}\n", served.dsn);
    let query = format!("/api/1/envelope/?sentry_version=7&sentry_key={key}");
    let empty: &[u8] = b"";
    for (method, path, header, body, status, code) in [
        ("POST", "/api/1/envelope/", ("X-Sentry-Auth", wrong.as_str()), good.as_slice(), 403, "key"),
        ("POST", "/api/1/envelope/", ("X-None", ""), &good, 401, "key"),
        ("POST", "/api/1/store/", ("X-None", ""), &good, 401, "key"),
        ("POST", "/api/1/envelope/", ("X-Sentry-Auth", &auth(TOKEN)), &good, 403, "key"),
        ("POST", "/api/..%2f/envelope/", ("X-Sentry-Auth", &right), &good, 404, "path"),
        ("POST", "/v1/traces", ("X-None", ""), b"{}", 401, "token"),
        ("POST", "/v1/logs", ("Authorization", &with_wrong), b"{}", 401, "token"),
        ("GET", "/", ("X-None", ""), empty, 401, "token"),
        ("GET", "/metrics", ("Authorization", &with_key), empty, 401, "token"),
        ("GET", "/metrics", ("Authorization", &with_wrong), empty, 401, "token"),
        ("DELETE", "/api/1/envelope/", ("X-Sentry-Auth", &right), empty, 405, "method"),
    ] {
        let (got, head, _) = served.ask(method, path, &[header], body);
        assert_eq!(got, status, "{method} {path} {header:?}: {head}");
        assert!(served.says(code), "{path}: {}", served.said());
    }
    let basic = "Basic YW55Ym9keTphIHRva2VuIG9mIG1vcmUgdGhhbiBzaXh0ZWVuIGNoYXJhY3RlcnM=";
    for (method, path, header, body) in [
        ("POST", "/api/1/envelope/", ("X-Sentry-Auth", right.as_str()), good.as_slice()),
        ("POST", &query, ("X-None", ""), &envelope("000000000000000000000000000000a1", 100)),
        ("POST", "/api/1/envelope", ("X-None", ""), dsn.as_bytes()),
        ("POST", "/v1/logs", ("Authorization", &with_key), b"{\"resourceLogs\":[]}"),
        ("POST", "/v1/metrics", ("Authorization", &with_token), b"anything"),
        ("GET", "/", ("Authorization", &with_token), empty),
        ("GET", "/version", ("Authorization", basic), empty),
        ("GET", "/healthz", ("X-None", ""), empty),
    ] {
        let (got, head, _) = served.ask(method, path, &[header], body);
        assert_eq!(got, 200, "{method} {path} {header:?}: {head}");
    }
    wait(&repository, "sentry", 2);
    let said = served.said();
    assert!(!said.contains(TOKEN) && !said.contains(&key), "{said}");
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn without_a_token_only_this_machine_is_spoken_with() {
    let repository = repository();
    let served = Served::start(&repository, &[], &[]);
    // Who has been answered and says nothing more is sent away, too, and is no refusal.
    let mut idle = TcpStream::connect(&served.address).unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let good = envelope("000000000000000000000000000000b0", 100);
    assert_eq!(served.ask("GET", "/", &[("Host", "evil.example:8127")], b"").0, 421);
    assert_eq!(served.post("/api/1/envelope/", &[("Host", "evil.example")], &good), 421);
    assert_eq!(served.post("/api/1/envelope/", &[("Origin", "https://evil.example")], &good), 403);
    assert_eq!(served.post("/hooks/sentry", &[], b"{}"), 403);
    assert_eq!(served.post("/api/1/envelope/", &[("Content-Encoding", "compress")], &good), 415);
    assert_eq!(served.post("/api/1/envelope/", &[("Origin", "http://localhost:3000")], &good), 200);
    let (status, head, _) = served.ask("GET", "/", &[("Host", "localhost")], b"");
    assert!(status == 200 && head.contains("content-security-policy: default-src 'none'"), "{head}");
    wait(&repository, "sentry", 1);
    assert_eq!(answer(&mut idle).0, 200);
    assert!(!served.said().contains("refused (head)"), "{}", served.said());
    for code in ["host", "origin", "secret", "coding"] {
        assert!(served.says(code), "{code}: {}", served.said());
    }
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn webhooks_are_signed_new_and_each_counts_once() {
    let repository = repository();
    let served = guarded(&repository);
    let event: Value = serde_json::from_slice(
        envelope("000000000000000000000000000000c0", 10).split(|&byte| byte == b'\n').nth(2).unwrap(),
    )
    .unwrap();
    let mut event = event;
    event["project"] = json!(1);
    let body = json!({"action": "triggered", "data": {"event": event, "triggered_rule": "any"}}).to_string();
    let right = signature(SECRET, body.as_bytes());
    let send = |signature: &str, at: i64, body: &str| {
        let at = at.to_string();
        let headers = [
            ("Sentry-Hook-Signature", signature),
            ("Sentry-Hook-Timestamp", at.as_str()),
            ("Sentry-Hook-Resource", "event_alert"),
            ("Request-ID", "7f2b"),
        ];
        served.post("/hooks/sentry", &headers, body.as_bytes())
    };
    assert_eq!(send(&signature("another secret", body.as_bytes()), now(), &body), 401);
    assert_eq!(send("", now(), &body), 401);
    // The same values, written by somebody else, are other bytes.
    assert_eq!(send(&right, now(), &body.replace(':', ": ")), 401);
    assert_eq!(send(&right, now() - 301, &body), 401);
    assert_eq!(send(&right, now() + 400, &body), 401);
    assert_eq!(send(&right, now(), &body), 200);
    assert_eq!(send(&right, now() - 200, &body), 200);
    // The SDK sent the same event itself.
    let auth = format!("Sentry sentry_key={}", key(&served));
    let own = envelope("000000000000000000000000000000c0", 10);
    assert_eq!(served.post("/api/1/envelope/", &[("X-Sentry-Auth", &auth)], &own), 200);
    let page = |at: &str| {
        let body = json!({"event": {"id": "01ABC", "event_type": "incident.triggered", "occurred_at": at}}).to_string();
        let given = format!("v1={},v1={}", "0".repeat(64), signature(SECRET, body.as_bytes()));
        served.post("/hooks/pagerduty", &[("X-PagerDuty-Signature", &given)], body.as_bytes())
    };
    assert_eq!(page("2020-01-01T00:00:00Z"), 401);
    assert_eq!(page(&jiff::Timestamp::now().to_string()), 200);
    assert_eq!(served.post("/hooks/pagerduty", &[("X-PagerDuty-Signature", &right)], body.as_bytes()), 401);
    wait(&repository, "sentry", 1);
    for code in ["signature", "stale"] {
        assert!(served.says(code), "{code}: {}", served.said());
    }
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn a_fault_that_somebody_was_called_about_is_the_first_to_be_guarded() {
    let repository = repository();
    let served = guarded(&repository);
    let auth = format!("Sentry sentry_key={}", key(&served));
    for (id, error, message) in
        [("d0", "KeyError", "'user'"), ("d1", "KeyError", "'user'"), ("d2", "OutOfStock", "shelf is empty")]
    {
        let id = format!("{id:0>32}");
        let text = String::from_utf8(envelope(&id, 10)).unwrap();
        let text = text.replace(&format!("Fault{id}"), error).replace("\"no\"", &json!(message).to_string());
        assert_eq!(served.post("/api/1/envelope/", &[("X-Sentry-Auth", &auth)], text.as_bytes()), 200);
    }
    let calls = [
        ("triggered", "Q1", "OutOfStock: shelf is empty"),
        ("escalated", "Q1", "OutOfStock: shelf is empty"),
        ("triggered", "Q2", "disk is full"),
        ("resolved", "Q3", "KeyError: 'user'"),
    ];
    for (number, (kind, incident, title)) in calls.into_iter().enumerate() {
        let body = json!({"event": {"id": format!("01ABC{number}"), "event_type": format!("incident.{kind}"), "occurred_at": jiff::Timestamp::now().to_string(),
            "data": {"id": incident, "title": title, "service": {"id": "PF9KMXH", "summary": "Shop"}}}})
        .to_string();
        let given = format!("v1={}", signature(SECRET, body.as_bytes()));
        assert_eq!(served.post("/hooks/pagerduty", &[("X-PagerDuty-Signature", &given)], body.as_bytes()), 200);
    }
    wait(&repository, "sentry", 3);
    let begun = Instant::now();
    while rows(&repository, "SELECT COUNT(*) FROM pages") != ["2"] {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", served.said());
        sleep(Duration::from_millis(200));
    }
    let listed = repository.titer(&["guard", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let told: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["error_type"].as_str().unwrap(), row["pages"].as_u64(), row["sightings"].as_u64()))
        .collect();
    assert_eq!(told, [("OutOfStock", Some(1), Some(1)), ("KeyError", Some(0), Some(2))]);
    assert_eq!(served.stop(), Some(0));
}

/// So many MB of blanks, packed.
fn bomb(megabytes: usize) -> Vec<u8> {
    let mut gzip = Command::new("gzip").arg("-9").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut to = gzip.stdin.take().unwrap();
    let writing = std::thread::spawn(move || (0..megabytes).all(|_| to.write_all(&vec![b' '; 1 << 20]).is_ok()));
    let mut packed = Vec::new();
    gzip.stdout.take().unwrap().read_to_end(&mut packed).unwrap();
    assert!(writing.join().unwrap() && gzip.wait().unwrap().success());
    packed
}

/// Bodies that are short, and long once they are unpacked or read.
fn swollen(served: &Served) {
    let packed = bomb(101);
    for headers in [&[("Content-Encoding", "gzip")] as &[_], &[]] {
        assert_eq!(served.post("/api/1/envelope/", headers, &packed), 413);
        assert_eq!(served.post("/v1/logs", headers, &packed), 413);
    }
    assert_eq!(served.post("/api/1/envelope/", &[], &bomb(1)), 200);
    // JSON that is much longer in memory than it is written.
    let ones = |bytes: usize| vec![b"1,".as_slice(); bytes / 2].concat();
    let (logs, event) = (ones(7 << 20), ones(18 << 20));
    let logs = [b"{\"resourceLogs\":[".as_slice(), &logs, b"1]}"].concat();
    assert_eq!(served.post("/v1/logs", &[("Content-Type", "application/json")], &logs), 200);
    assert_eq!(served.post("/v1/traces", &[], &vec![b"\x0a\0".as_slice(); 4_000_000].concat()), 200);
    assert_eq!(served.post("/v1/traces", &[], &vec![0x0a; 9 << 20]), 413);
    let event = [b"{}\n{\"type\":\"event\"}\n{\"event_id\":\"e\",\"tags\":[".as_slice(), &event, b"1]}"].concat();
    assert_eq!(served.post("/api/1/envelope/", &[], &event), 200);
}

#[test]
fn what_is_too_much_or_too_slow_is_cut_off_while_others_are_served_in_bounded_memory() {
    let repository = repository();
    let served = Served::start(&repository, &[], &[]);
    let rest = served.peak();
    let begun = Instant::now();
    let connect = || TcpStream::connect(&served.address).unwrap();
    let head = |more: &str| format!("POST /api/1/envelope/ HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    // 50 who never finish their head, 50 who never finish their body.
    let mut slow: Vec<TcpStream> = Vec::new();
    for number in 0..100 {
        let mut stream = connect();
        let text = if number % 2 == 0 {
            "POST /api/1/envelope/ HTTP/1.1\r\nHo".to_owned()
        } else {
            head("Content-Length: 1000000\r\n")
        };
        stream.write_all(text.as_bytes()).unwrap();
        slow.push(stream);
    }
    // 200 MB, said before: refused before any of it is read.
    let mut large = connect();
    large.write_all(head("Content-Length: 200000000\r\n").as_bytes()).unwrap();
    assert_eq!(answer(&mut large).0, 413);
    // 200 MB, not said before: refused on the way.
    let mut chunked = connect();
    chunked.write_all(head("Transfer-Encoding: chunked\r\n").as_bytes()).unwrap();
    let piece = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    let sent = (0..200).take_while(|_| chunked.write_all(&piece).is_ok()).count();
    assert!(sent < 200, "all 200 MB were taken");
    swollen(&served);
    // Meanwhile whoever behaves is served.
    let quick = Instant::now();
    assert_eq!(served.post("/api/1/envelope/", &[], &envelope("000000000000000000000000000000d0", 100)), 200);
    assert!(quick.elapsed() < Duration::from_secs(2), "{:?}", quick.elapsed());
    // A drop of body every second is no pace, either.
    let mut dripping = connect();
    dripping.write_all(head("Content-Length: 100000\r\n").as_bytes()).unwrap();
    let mut drops = 0;
    while dripping.write_all(b"x").is_ok() && drops < 30 {
        drops += 1;
        sleep(Duration::from_millis(500));
    }
    assert!(drops < 30, "it drips for as long as it likes");
    for mut stream in slow {
        let (status, ..) = answer(&mut stream);
        assert!(status == 408 || status == 0, "{status}");
    }
    assert_eq!(served.said().matches("refused (head)").count(), 10, "of 50, ten are said");
    eprintln!("all cut off after {:?}; {rest} KiB at rest, {} at most", begun.elapsed(), served.peak());
    assert!(served.peak() < rest + MORE, "{} KiB, {rest} at rest", served.peak());
    assert_eq!(served.post("/api/1/envelope/", &[], &envelope("000000000000000000000000000000d1", 100)), 200);
    wait(&repository, "sentry", 2);
    for code in ["large", "swollen", "slow", "head"] {
        assert!(served.says(code), "{code}: {}", served.said());
    }
    assert_eq!(served.stop(), Some(0));
}
