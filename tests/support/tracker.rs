//! A real Bugsink on a free port, and a way to it that can be slow, busy or dead.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::{Interpreter, Repository};

/// A tracker with one project.
pub struct Bugsink {
    server: Child,
    /// Where it listens.
    pub port: u16,
    /// What it lets read.
    pub token: String,
    /// Where SDKs send to.
    pub dsn: String,
    interpreter: Interpreter,
}

/// Python that asks the tracker: method, address, token, body.
const ASK: &str = "import sys, urllib.request as r
method, url, token, body = sys.argv[1:5]
q = r.Request(url, method=method, data=body.encode() or None, headers={'Authorization': 'Bearer ' + token, 'Content-Type': 'application/json'})
print(r.urlopen(q, timeout=30).read().decode())";

impl Bugsink {
    /// Starts one in a folder beside the repository, and waits until it answers.
    pub fn start(repository: &Repository, interpreter: Interpreter) -> Self {
        let folder = repository.beside("bugsink");
        std::fs::create_dir(&folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = |name: &str| {
            let mut command = Command::new(interpreter.programs.join(name));
            command
                .current_dir(&folder)
                .env("PYTHONPATH", &folder)
                .env("HOME", &folder)
                .stdin(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let run = |name: &str, arguments: &[&str]| {
            let done = program(name).args(arguments).output().unwrap();
            assert!(done.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&done.stdout));
            String::from_utf8(done.stdout).unwrap()
        };
        run("bugsink-create-conf", &["--template=local", &format!("--port={port}"), "--host=127.0.0.1"]);
        run("bugsink-manage", &["migrate"]);
        let token = run("bugsink-manage", &["create_auth_token"]).trim().lines().last().unwrap().to_owned();
        let bind = format!("127.0.0.1:{port}");
        let mut gunicorn = program("gunicorn");
        gunicorn.args(["--bind", &bind, "--workers", "1", "--threads", "4", "--no-control-socket", "bugsink.wsgi"]);
        let server = gunicorn.stdout(Stdio::null()).process_group(0).spawn().unwrap();
        let mut bugsink = Self { server, port, token, dsn: String::new(), interpreter };
        let since = Instant::now();
        while TcpStream::connect(&bind).is_err() {
            assert!(since.elapsed() < Duration::from_mins(2), "Bugsink does not listen");
            sleep(Duration::from_millis(100));
        }
        let of = |text: &str, name: &str| {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            value[name].as_str().map_or_else(|| value[name].to_string(), str::to_owned)
        };
        let team = of(&bugsink.ask("POST", "teams/", "{\"name\":\"team\"}"), "id");
        let project = bugsink.ask("POST", "projects/", &format!("{{\"team\":\"{team}\",\"name\":\"shop\"}}"));
        bugsink.dsn = of(&bugsink.ask("GET", &format!("projects/{}/", of(&project, "id")), ""), "dsn");
        bugsink
    }

    /// Asks its own interface.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let url = format!("http://127.0.0.1:{}/api/canonical/0/{path}", self.port);
        let done = Command::new(self.interpreter.python())
            .args(["-c", ASK, method, &url, &self.token, body])
            .output()
            .unwrap();
        assert!(done.status.success(), "{method} {path}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Runs a program of Python's that sends errors of the shop, and waits until the tracker has so many groups with so many events.
    pub fn send(&self, repository: &Repository, program: &str, groups: usize, events: u64) {
        let mut python = repository.command(self.interpreter.python(), &repository.root());
        python.env("PYTHONPATH", repository.root()).args([program, &self.dsn]);
        let done = python.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        self.wait(groups, events);
    }

    /// Waits until the tracker has so many groups with so many events.
    pub fn wait(&self, groups: usize, events: u64) {
        let since = Instant::now();
        loop {
            let listed: serde_json::Value = serde_json::from_str(&self.ask("GET", "issues/?project=1", "")).unwrap();
            let found = listed["results"].as_array().unwrap();
            let seen: u64 = found.iter().map(|group| group["stored_event_count"].as_u64().unwrap()).sum();
            if found.len() >= groups && seen >= events {
                return;
            }
            assert!(since.elapsed() < Duration::from_mins(1), "Bugsink has {} groups and {seen} events", found.len());
            sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Bugsink {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.server.id()).unwrap());
        let _ = killpg(group, Signal::SIGTERM);
        let _ = self.server.wait();
    }
}

/// What happens to one request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is answered.
    Open,
    /// 429, with the seconds after which to ask again.
    Busy(u32),
    /// 503, without a word.
    Down,
    /// The answer breaks off in its middle.
    Broken,
}

/// A way to a server on which the first requests fare as given, and all others as the last one.
pub fn way_to(port: u16, ways: &[Way]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (ways, seen) = (ways.to_vec(), Arc::clone(&asked));
    spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let way = ways.get(number).or(ways.last()).copied().unwrap_or(Way::Open);
            pass(stream, port, way, &seen);
        }
    });
    (own, asked)
}

fn pass(mut client: TcpStream, port: u16, way: Way, seen: &Mutex<Vec<String>>) {
    let head = head_of(&mut client);
    let first = head.lines().next().unwrap_or_default().to_owned();
    seen.lock().unwrap().push(first);
    let plain = |status: &str, more: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n").into_bytes()
    };
    let answer = match way {
        Way::Busy(seconds) => plain("429 Too Many Requests", &format!("Retry-After: {seconds}\r\n")),
        Way::Down => plain("503 Service Unavailable", ""),
        Way::Open | Way::Broken => {
            let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let asked = head
                .trim_end()
                .lines()
                .filter(|line| !line.to_lowercase().starts_with("connection:"))
                .collect::<Vec<_>>()
                .join("\r\n");
            server.write_all(format!("{asked}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).unwrap();
            if way == Way::Broken {
                answer.truncate(answer.len() * 3 / 4);
            }
            answer
        }
    };
    let _ = client.write_all(&answer);
}

/// The head of a request without a body.
pub fn head_of(client: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// The body of the request whose head was read.
pub fn body_of(client: &mut TcpStream, head: &str) -> String {
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = client.read_exact(&mut body);
    String::from_utf8_lossy(&body).into_owned()
}
