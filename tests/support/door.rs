//! A `titer serve` that runs, and what is sent to it.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::{Interpreter, Repository, interpreters};

static COUNT: AtomicU32 = AtomicU32::new(0);
/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server.
pub struct Served {
    child: Child,
    stem: PathBuf,
    /// `127.0.0.1:40123`
    pub address: String,
    /// What SDKs of Sentry's send to.
    pub dsn: String,
}

impl Served {
    /// Starts one on any free port, and waits until it says where.
    pub fn start(repository: &Repository, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let stem = repository.beside(&format!("served-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        let mut command = repository.command(env!("CARGO_BIN_EXE_titer"), &repository.root());
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(more).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(File::create(stem.with_extension("out")).unwrap());
        command.stderr(File::create(stem.with_extension("err")).unwrap());
        let mut served = Self { child: command.spawn().unwrap(), stem, address: String::new(), dsn: String::new() };
        let begun = Instant::now();
        while served.dsn.is_empty() {
            let over = served.child.try_wait().unwrap();
            assert!(over.is_none() && begun.elapsed() < PATIENCE, "no server: {over:?} {}", served.said());
            let out = std::fs::read_to_string(served.stem.with_extension("out")).unwrap();
            let after = |start: &str| out.lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned);
            let address = after("titer serves http://").unwrap_or_default();
            address.trim_end_matches('/').clone_into(&mut served.address);
            served.dsn = after("DSN for Sentry's SDKs: ").unwrap_or_default();
            sleep(Duration::from_millis(10));
        }
        served
    }

    /// What it said on standard error by now.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.stem.with_extension("err")).unwrap()
    }

    /// Whether it says within a while that it refused something by this code: a line comes a moment after the answer.
    pub fn says(&self, code: &str) -> bool {
        let begun = Instant::now();
        let line = format!("refused ({code})");
        while !self.said().contains(&line) {
            if begun.elapsed() > Duration::from_secs(5) {
                return false;
            }
            sleep(Duration::from_millis(5));
        }
        true
    }

    /// The most memory that it ever took, in KiB; 0 where the system does not tell.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Ends it as power does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits: its exit code.
    pub fn stop(mut self) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap().code()
    }

    /// Sends a request and reads the answer: its status, its head and its body.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let mut lines = vec![
            format!("{method} {path} HTTP/1.1"),
            "Connection: close".to_owned(),
            format!("Content-Length: {length}"),
        ];
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            lines.push(format!("Host: {}", self.address));
        }
        lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
        let head = lines.join("\r\n") + "\r\n\r\n";
        // Whoever refuses may not read all of it.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        answer(&mut stream)
    }

    /// Posts, and gives the status.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
        self.ask("POST", path, headers, body).0
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program that sends, and crashes in the end.
pub fn crash(repository: &Repository, program: &str, arguments: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/serve").join(program);
    let mut command = if program.contains(".cjs") {
        let mut node = repository.command("node", &repository.root());
        node.env("NODE_PATH", senders_of_node().join("node_modules"));
        node
    } else {
        repository.command(senders().python(), &repository.root())
    };
    command.env_remove("PYTEST_PLUGINS").env_remove("PYTHONPATH").arg(path).args(arguments);
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{program}: {said}");
    assert!(said.contains("nobody catches it") || said.contains("no "), "{program}: {said}");
}

/// Reads an answer: its status, its head and its body; 0 where there is none.
pub fn answer(stream: &mut TcpStream) -> (u16, String, String) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (status, head.to_owned(), body.to_owned())
}

/// An envelope with one event of its own kind, padded to about so many bytes.
pub fn envelope(id: &str, bytes: usize) -> Vec<u8> {
    let event = json!({
        "event_id": id, "timestamp": jiff::Timestamp::now().to_string(), "level": "error", "platform": "python", "release": "1.4.0",
        "exception": {"values": [{"type": format!("Fault{id}"), "value": "no",
            "stacktrace": {"frames": [{"filename": "app/billing.py", "function": "billing", "lineno": 2, "in_app": true}]}}]},
        "extra": {"padding": "x".repeat(bytes)}
    });
    format!("{{\"event_id\":\"{id}\"}}\n{{\"type\":\"event\"}}\n{event}\n").into_bytes()
}

/// How many events of a source the ledger has, and how often each of them counts.
pub fn events(repository: &Repository, source: &str) -> (u64, u64) {
    let query = format!(
        "SELECT COUNT(DISTINCT event_id) AS ids, COUNT(*) AS counted FROM sightings_once WHERE source = '{source}' AND seen_at IS NOT NULL"
    );
    let rows = super::shop::rows(repository, &query);
    let mut cells = rows[0].split(' ').map(|cell| cell.parse().unwrap());
    (cells.next().unwrap(), cells.next().unwrap())
}

/// Waits until the ledger has so many events of a source; none of them may count twice.
pub fn wait(repository: &Repository, source: &str, count: u64) {
    let begun = Instant::now();
    loop {
        let found = if repository.path(".titer/ledger/log").is_dir() { events(repository, source) } else { (0, 0) };
        assert_eq!(found.0, found.1, "an event counts twice");
        if found.0 >= count {
            assert_eq!(found.0, count, "{source}");
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{} of {count} events of {source} came", found.0);
        sleep(Duration::from_millis(200));
    }
}

/// The interpreter with SDKs that send.
fn senders() -> Interpreter {
    interpreters::of_senders()
}

/// The folder with those of Node.js.
fn senders_of_node() -> PathBuf {
    if let Some(named) = std::env::var_os("TITER_TEST_NODE_SENDERS") {
        return PathBuf::from(named);
    }
    let target = Path::new(env!("CARGO_BIN_EXE_titer")).ancestors().nth(2).unwrap();
    let all = std::fs::read_dir(target.join("titer-node")).into_iter().flatten().flatten();
    let found = all.map(|entry| entry.path()).find(|home| {
        home.join("ready").is_file()
            && home.file_name().is_some_and(|name| name.to_string_lossy().starts_with("senders-"))
    });
    found.unwrap_or_else(|| panic!("no packages of Node.js that send errors: run .ci/test, which installs them"))
}
