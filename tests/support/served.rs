//! `titer serve` that stands open for a test, and a browser that stays on its page while things happen.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use reqwest::blocking::{Client, Response};
use serde_json::Value;

use super::browser::{home, pictures};
use super::jest_project::which;
use super::{Ending, Going, Repository};

const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who asks over HTTP.
pub fn client() -> Client {
    // Nothing here is encrypted, and without one no client is made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

/// A server on a port of its own.
pub struct Served {
    going: Option<Going>,
    /// `http://127.0.0.1:PORT`
    pub address: String,
    token: Option<String>,
}

impl Served {
    /// Starts it, with whatever variables the repository has, and waits until it is open.
    pub fn start(repository: &Repository) -> Self {
        let going = repository.start_titer(&["serve", "--listen", "127.0.0.1:0"]);
        let begun = Instant::now();
        let address = loop {
            let told = going.printed();
            let found = told.lines().find_map(|line| line.strip_prefix("titer serves "));
            if let Some(address) = found {
                break address.trim_end_matches('/').to_owned();
            }
            if begun.elapsed() > PATIENCE {
                going.signal(Signal::SIGKILL);
                panic!("titer serve did not open: {:?}", going.wait());
            }
            sleep(Duration::from_millis(5));
        };
        Self { going: Some(going), address, token: repository.variables.get("TITER_SERVE_TOKEN").cloned() }
    }

    /// Asks for a path, with the token if there is one.
    pub fn get(&self, path: &str) -> Response {
        let asked = client().get(format!("{}{path}", self.address));
        let asked = if let Some(token) = &self.token { asked.bearer_auth(token) } else { asked };
        asked.send().unwrap()
    }

    /// A path's text, which must be there.
    pub fn text(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().unwrap()
    }

    /// Waits until what is told to monitoring has this line.
    pub fn tells(&self, line: &str) -> String {
        let begun = Instant::now();
        loop {
            let told = self.text("/metrics");
            if told.lines().any(|it| it == line) {
                return told;
            }
            assert!(begun.elapsed() < PATIENCE, "{line} was never in\n{told}");
            sleep(Duration::from_millis(200));
        }
    }

    /// Asks it to end, as a system does.
    pub fn stop(mut self) -> Ending {
        let going = self.going.take().unwrap();
        going.signal(Signal::SIGTERM);
        going.wait()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A test that failed leaves no server behind.
        if let Some(going) = self.going.take() {
            going.signal(Signal::SIGKILL);
        }
    }
}

/// A browser that stays: it says what it has come to, and goes on when it is told to.
pub struct Staying {
    node: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Staying {
    /// Opens the page; None where no browser is.
    pub fn open(name: &str, address: &str, password: &str) -> Option<Self> {
        let home = home()?;
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/stay.mjs");
        let mut node = Command::new(which("node"));
        node.arg(driver).arg(home).arg(format!("{address}/")).arg(pictures(name)).arg(password);
        let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (node.stdin.take().unwrap(), BufReader::new(node.stdout.take().unwrap()));
        Some(Self { node, to, from })
    }

    /// What it has come to.
    pub fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// What was waited for has happened.
    pub fn go_on(&mut self) {
        self.to.write_all(b"\n").unwrap();
        self.to.flush().unwrap();
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}
