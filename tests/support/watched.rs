//! A served page that is watched: by who asks for it, and by a browser that stays on it while things happen.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::browser::{home, pictures};
use super::door::Served;
use super::jest_project::which;

const PATIENCE: Duration = Duration::from_mins(1);

/// A path, asked for with a token or, where that is empty, without: its status, its head in small letters, its body.
pub fn get(served: &Served, path: &str, token: &str) -> (u16, String, String) {
    let bearer = format!("Bearer {token}");
    let headers: &[(&str, &str)] = if token.is_empty() { &[] } else { &[("Authorization", &bearer)] };
    let (status, head, body) = served.ask("GET", path, headers, b"");
    (status, head.to_ascii_lowercase(), body)
}

/// A path's text, which must be there.
pub fn text(served: &Served, path: &str, token: &str) -> String {
    let (status, head, body) = get(served, path, token);
    assert_eq!(status, 200, "{path}: {head}");
    body
}

/// Waits until what is told to monitoring has this line.
pub fn tells(served: &Served, token: &str, line: &str) -> String {
    let begun = Instant::now();
    loop {
        let told = text(served, "/metrics", token);
        if told.lines().any(|it| it == line) {
            return told;
        }
        assert!(begun.elapsed() < PATIENCE, "{line} was never in\n{told}");
        sleep(Duration::from_millis(200));
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
    pub fn open(name: &str, served: &Served, password: &str) -> Option<Self> {
        let home = home()?;
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/stay.mjs");
        let mut node = Command::new(which("node"));
        node.arg(driver).arg(home).arg(format!("http://{}/", served.address)).arg(pictures(name)).arg(password);
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
