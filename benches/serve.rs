//! How many events a second `titer serve` takes, and how long each waits for its answer, beside bare servers of the same HTTP library that only
//! spool what they get: one that writes all bodies into one file and waits for the disk once for all that wait, as titer does, and one that
//! writes a file for each body and never waits for the disk.
//!
//! `cargo bench --bench serve` sends for three seconds to each; `TITER_BENCH=full` for a minute. Senders keep their connections, and send the next
//! event once the one before is answered: envelopes of 8 to 30 kB, each an event of its own. All runs on one machine, senders included.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench is no library; it stops at what goes wrong, reads the clock and writes files"
)]

use std::convert::Infallible;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::sync::oneshot;

const SENDERS: u64 = 16;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, what, folder] = words.as_slice() {
        return bare(what == "one-file", Path::new(folder));
    }
    let seconds = if std::env::var("TITER_BENCH").is_ok_and(|asked| asked == "full") { 60 } else { 3 };
    let room = tempfile::Builder::new().prefix("titer-bench-").tempdir().unwrap();
    let built = if cfg!(debug_assertions) { "without" } else { "with" };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{SENDERS} senders, {seconds} s each; built {built} optimisation; load before: {}", load.trim());
    println!(
        "{:<52}{:>9}{:>9}{:>9}{:>9}{:>14}{:>12}",
        "", "events/s", "p50 ms", "p99 ms", "max ms", "MB after 10%", "MB at most"
    );
    for (what, title) in [
        ("a-file-each", "bare: a file each, never waits for the disk"),
        ("one-file", "bare: one file, waits for the disk once for many"),
        ("titer", "titer serve: the same, and reads it meanwhile"),
        ("one-file", "bare: one file, once more"),
        ("titer", "titer serve, once more: another ledger"),
    ] {
        let folder = tempfile::tempdir_in(room.path()).unwrap();
        let served = Served::start(what, folder.path());
        let told = load_of(&served, Duration::from_secs(seconds));
        print!("{title:<52}{told}");
        println!("{:>14}{:>12}", told.early >> 10, served.peak() >> 10);
        if what == "titer" {
            settle(served, folder.path(), told.latencies.len());
        }
    }
}

/// A server in a process of its own.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(what: &str, folder: &Path) -> Self {
        let mut command = if what == "titer" {
            let mut git = Command::new("git");
            assert!(git.args(["init", "-q"]).arg(folder).status().unwrap().success());
            let mut titer = Command::new(env!("CARGO_BIN_EXE_titer"));
            titer.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder).env("HOME", folder);
            titer
        } else {
            let mut bare = Command::new(std::env::current_exe().unwrap());
            bare.arg(what).arg(folder);
            bare
        };
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("//").next().unwrap().trim_end_matches('/').to_owned();
        Self { child, address }
    }

    /// KiB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What became of some seconds of sending.
struct Told {
    /// In order.
    latencies: Vec<Duration>,
    seconds: f64,
    /// KiB after a tenth of the time.
    early: u64,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |share: f64| {
            let place = (self.latencies.len() as f64 * share) as usize;
            self.latencies[place.min(self.latencies.len() - 1)].as_secs_f64() * 1000.0
        };
        let rate = self.latencies.len() as f64 / self.seconds;
        write!(f, "{rate:>9.0}{:>9.2}{:>9.2}{:>9.1}", at(0.5), at(0.99), at(1.0))
    }
}

fn load_of(served: &Served, time: Duration) -> Told {
    let began = Instant::now();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let address = served.address.clone();
            std::thread::spawn(move || send(&address, sender, began + time))
        })
        .collect();
    std::thread::sleep(time / 10);
    let early = served.peak();
    let mut latencies: Vec<Duration> = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    latencies.sort();
    Told { latencies, seconds: began.elapsed().as_secs_f64(), early }
}

fn send(address: &str, sender: u64, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let body = envelope(sender, latencies.len() as u64);
        let head =
            format!("POST /api/1/envelope/ HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n", body.len());
        let sent = Instant::now();
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        let (mut line, mut length) = (String::new(), 0);
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        while line.trim() != "" {
            line.clear();
            reader.read_line(&mut line).unwrap();
            if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().unwrap();
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        latencies.push(sent.elapsed());
    }
    latencies
}

/// An event like those of Python's SDK, of one of fifty kinds, 8 to 30 kB long.
fn envelope(sender: u64, number: u64) -> Vec<u8> {
    let kind = (sender * 31 + number * 7) % 50;
    let frames: Vec<_> = (0..12 + kind / 2)
        .map(|depth| {
            json!({"filename": format!("app/part{}.py", depth % 9), "module": format!("app.part{}", depth % 9), "function": format!("step{depth}"),
                "lineno": 10 + depth, "in_app": depth % 3 == 0, "context_line": "    return price(order, currency=currency)",
                "pre_context": ["def checkout(order):", "    # the usual", "    total = 0"], "post_context": ["", "", ""],
                "vars": {"order": {"items": ["apple", "plum"], "customer": format!("customer {number}")}, "currency": "EUR", "total": number}})
        })
        .collect();
    let crumbs: Vec<_> = (0..25 + kind)
        .map(|step| json!({"type": "default", "category": "query", "message": format!("SELECT * FROM orders WHERE id = {step}"), "timestamp": "2026-11-22T10:00:00Z"}))
        .collect();
    let id = format!("{:016x}{number:016x}", sender + 1);
    let event = json!({"event_id": id, "timestamp": "2026-11-22T10:00:00Z", "level": "error", "platform": "python", "release": "shop@1.4.0",
        "environment": "production", "exception": {"values": [{"type": format!("Fault{kind}"), "value": format!("no {number}"),
        "stacktrace": {"frames": frames}}]}, "breadcrumbs": {"values": crumbs}, "user": {"id": format!("user-{}", number % 100)}})
    .to_string();
    format!("{{\"event_id\":\"{id}\"}}\n{{\"type\":\"event\",\"length\":{}}}\n{event}\n", event.len()).into_bytes()
}

/// Waits until all that was answered is in the ledger, and says how long that took.
fn settle(mut served: Served, folder: &Path, sent: usize) {
    let began = Instant::now();
    let waiting = || {
        let all = std::fs::read_dir(folder.join(".titer/ledger/door")).unwrap().flatten();
        all.filter(|entry| entry.path().extension().is_some_and(|own| own == "journal")).count()
    };
    while waiting() > 0 {
        assert!(began.elapsed() < Duration::from_mins(5), "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = began.elapsed().as_secs_f64();
    let peak = served.peak() >> 10;
    served.child.kill().unwrap();
    served.child.wait().unwrap();
    let query = "SELECT COUNT(DISTINCT event_id) AS events FROM sightings WHERE source = 'sentry'";
    let mut titer = Command::new(env!("CARGO_BIN_EXE_titer"));
    let told = titer.args(["sql", query, "--json"]).current_dir(folder).env("HOME", folder).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains(&format!(":{sent}}}")) || told.contains(&format!(": {sent}")),
        "{sent} sent, there are {told}"
    );
    println!("{:>52}all {sent} in the ledger {took:.1} s later; {peak} MB at most by then", "");
}

/// A server that only spools.
fn bare(is_one_file: bool, folder: &Path) {
    type Waiting = (Bytes, oneshot::Sender<()>);
    let (orders, taken) = mpsc::channel::<Waiting>();
    let target = folder.to_owned();
    std::thread::spawn(move || {
        let mut file = File::create(target.join("all")).unwrap();
        while let Ok(first) = taken.recv() {
            let mut batch = vec![first];
            batch.extend(taken.try_iter().take(500));
            for (body, _) in &batch {
                file.write_all(body).unwrap();
            }
            file.sync_data().unwrap();
            for (_, done) in batch {
                let _ = done.send(());
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = folder.to_owned();
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}/", listener.local_addr().unwrap());
        let count = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (orders, folder, count) = (orders.clone(), folder.clone(), std::sync::Arc::clone(&count));
            let service = service_fn(move |request: Request<Incoming>| {
                let (orders, folder, count) = (orders.clone(), folder.clone(), std::sync::Arc::clone(&count));
                async move {
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    if is_one_file {
                        let (done, kept) = oneshot::channel();
                        orders.send((body, done)).unwrap();
                        kept.await.unwrap();
                    } else {
                        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        std::fs::write(folder.join(number.to_string()), &body).unwrap();
                    }
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"{}"))))
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}
