//! What no guard in Rust should hold: secrets, names of one machine, the clock, the network, waiting, processes, writing, code from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::revealing::{is_named_secret, is_of_one_machine, is_secret};
use super::rust_tokens::{Kind, Tokens};
use crate::model::guard::Finding;

/// Levels of one `use` that are read.
const DEEPEST: usize = 16;

/// Beginnings of paths that are for the network.
const NETWORK: [&str; 22] = [
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
    "std::os::unix::net",
    "tokio::net",
    "async_std::net",
    "smol::net",
    "mio",
    "reqwest",
    "ureq",
    "hyper::client",
    "hyper::Client",
    "hyper_util::client",
    "isahc",
    "curl",
    "surf",
    "attohttpc",
    "tungstenite",
    "tokio_tungstenite",
    "tonic::transport",
    "lettre",
    "socket2",
];
/// The same for processes.
const PROCESS: [&str; 10] = [
    "std::process",
    "tokio::process",
    "async_std::process",
    "libc",
    "nix",
    "assert_cmd",
    "duct",
    "escargot",
    "xshell",
    "std::os::unix::process",
];
/// The same for files that are changed; a name stands for itself and all below it.
const WRITES: [&str; 21] = [
    "std::fs::write",
    "std::fs::File::create",
    "std::fs::File::create_new",
    "std::fs::File::options",
    "std::fs::OpenOptions",
    "std::fs::remove_file",
    "std::fs::remove_dir",
    "std::fs::remove_dir_all",
    "std::fs::rename",
    "std::fs::copy",
    "std::fs::create_dir",
    "std::fs::create_dir_all",
    "std::fs::set_permissions",
    "std::fs::hard_link",
    "std::fs::soft_link",
    "std::os::unix::fs::symlink",
    "std::fs::DirBuilder",
    "tokio::fs",
    "async_std::fs",
    "fs_err",
    "std::fs::File::set_len",
];
/// Last parts of paths that wait.
const SLEEPS: [&str; 6] = ["sleep", "sleep_ms", "sleep_until", "park_timeout", "wait_timeout", "delay_for"];
/// Last parts of paths that read a clock.
const CLOCKS: [&str; 5] = ["now", "now_utc", "now_local", "today", "elapsed"];
/// Beginnings of paths to clocks: crates, and types that come with everything of one.
const TIMES: [&str; 14] = [
    "std::time",
    "chrono",
    "time",
    "jiff",
    "tokio::time",
    "web_time",
    "quanta",
    "SystemTime",
    "Instant",
    "Utc",
    "Local",
    "Zoned",
    "Timestamp",
    "OffsetDateTime",
];
/// Macros that say something where panics are read.
const LOUD: [&str; 3] = ["eprintln", "eprint", "dbg"];

/// What `use` gives names to.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// A local name and the path that it stands for.
    pub(super) names: BTreeMap<String, String>,
    /// Paths of which everything is taken.
    pub(super) globs: Vec<String>,
}

impl Imports {
    pub(super) fn of(tokens: &Tokens) -> Self {
        let mut imports = Self::default();
        for at in (0..tokens.len()).filter(|&at| tokens.text(at) == "use" && tokens.is(at, Kind::Word)) {
            let end = (at..tokens.len()).find(|&at| tokens.text(at) == ";").unwrap_or(tokens.len());
            imports.tree(tokens, at + 1, end, "", DEEPEST);
        }
        imports
    }

    fn tree(&mut self, tokens: &Tokens, from: usize, to: usize, before: &str, left: usize) {
        let (mut at, mut path) = (from, before.to_owned());
        let Some(left) = left.checked_sub(1) else { return };
        while at < to {
            match tokens.text(at) {
                "," => {
                    self.name(&path, None);
                    before.clone_into(&mut path);
                }
                "{" => {
                    self.tree(tokens, at + 1, tokens.partner(at), &path, left);
                    path.clear();
                    at = tokens.partner(at);
                }
                "*" => self.globs.push(std::mem::take(&mut path)),
                "as" => {
                    self.name(&path, Some(tokens.text(at + 1)));
                    path.clear();
                    at += 1;
                }
                ":" => {}
                word => path = if path.is_empty() { word.to_owned() } else { format!("{path}::{word}") },
            }
            at += 1;
        }
        self.name(&path, None);
    }

    fn name(&mut self, path: &str, as_name: Option<&str>) {
        let path = path.strip_suffix("::self").unwrap_or(path);
        let last = path.rsplit("::").next().unwrap_or_default();
        if !last.is_empty() {
            self.names.insert(as_name.unwrap_or(last).to_owned(), path.to_owned());
        }
    }

    /// The path that begins at a token, as far as it goes, its first name resolved; empty where none begins.
    pub(super) fn path(&self, tokens: &Tokens, at: usize) -> String {
        let continues = tokens.before(at, 1) == ":" && tokens.before(at, 2) == ":" || tokens.before(at, 1) == ".";
        if !tokens.is(at, Kind::Word) || continues {
            return String::new();
        }
        let first = tokens.text(at);
        let mut path = self.names.get(first).cloned().unwrap_or_else(|| first.to_owned());
        let mut at = at + 1;
        while tokens.says(at, &[":", ":"]) && tokens.is(at + 2, Kind::Word) {
            path = format!("{path}::{}", tokens.text(at + 2));
            at += 3;
        }
        path
    }
}

/// What speaks against a file, as (criterion, rule, line, sentence).
pub(super) fn findings(tokens: &Tokens, imports: &Imports, source: &str) -> Vec<Finding> {
    let mut seen = Seen { tokens, imports, temporary: temporary(tokens, imports), found: Vec::new() };
    for at in 0..tokens.len() {
        if tokens.is(at, Kind::Literal) {
            seen.literal(at);
        } else if tokens.is(at, Kind::Word) {
            seen.word(at);
        }
    }
    for (line, number) in source.lines().zip(1..) {
        if is_secret(line) {
            seen.add("hygiene", "secret", number, "a text looks like a secret");
        }
    }
    seen.found
}

struct Seen<'a> {
    tokens: &'a Tokens,
    imports: &'a Imports,
    /// Names that hold a folder of the test's own.
    temporary: BTreeSet<String>,
    found: Vec<Finding>,
}

impl Seen<'_> {
    fn add(&mut self, criterion: &str, rule: &str, line: u32, text: &str) {
        if !self.found.iter().any(|one| one.rule == rule && one.line == line) {
            let (criterion, rule, text) = (criterion.to_owned(), rule.to_owned(), text.to_owned());
            self.found.push(Finding { criterion, rule, line, text });
        }
    }

    fn literal(&mut self, at: usize) {
        let (tokens, line) = (self.tokens, self.line(at));
        let text = tokens.text(at);
        if !text.contains('"') {
            return;
        }
        let value = text.trim_start_matches(['b', 'r', 'c', '#']).trim_end_matches('#').trim_matches('"');
        if is_of_one_machine(value) {
            self.add("hygiene", "absolute-path", line, "a text is a path of one machine");
        }
        // `token: "..."`, `let token = "..."`, `("token", "...")`.
        let key = tokens.before(at, 2).trim_matches('"');
        if matches!(tokens.before(at, 1), ":" | "=" | ",") && is_named_secret(key, value) {
            self.add("hygiene", "secret", line, "a text has the name and the look of a secret");
        }
    }

    fn line(&self, at: usize) -> u32 {
        self.tokens.get(at).map_or(1, |token| token.start.0)
    }

    fn word(&mut self, at: usize) {
        let (tokens, line) = (self.tokens, self.line(at));
        let word = tokens.text(at);
        let is_macro = tokens.text(at + 1) == "!";
        let is_method = tokens.before(at, 1) == "." && matches!(tokens.text(at + 1), "(" | ":");
        match word {
            "unsafe" => self.add("public", "state-injection", line, "unsafe code reaches what no public name does"),
            "include" if is_macro => {
                self.add("public", "product-source", line, "include! takes code of another file in");
            }
            "path" if tokens.says(at - at.min(2), &["#", "["]) => {
                self.add("public", "product-source", line, "#[path] takes a file of the product in");
            }
            "ignore" if tokens.says(at - at.min(2), &["#", "["]) => {
                self.add("hygiene", "ignored", line, "the test is ignored");
            }
            "env" | "option_env" if is_macro && tokens.text(at + 3).contains("CARGO_BIN_EXE") => {
                self.add("hygiene", "process", line, "a program is started");
            }
            _ if is_macro && LOUD.contains(&word) || word == "stderr" && tokens.text(at + 1) == "(" => {
                self.add("hygiene", "prints", line, &format!("{word} writes where the panics are read"));
            }
            "elapsed" if is_method => self.add("hygiene", "wall-clock", line, "elapsed is another value at each run"),
            _ if is_method && SLEEPS.contains(&word) => self.add("hygiene", "sleep", line, &format!("{word} waits")),
            _ => {}
        }
        let path = self.imports.path(tokens, at);
        if path.contains("::") || self.imports.names.contains_key(&path) {
            self.path(at, &path, line);
        }
    }

    fn path(&mut self, at: usize, path: &str, line: u32) {
        let path = path.strip_prefix("core::").map_or_else(|| path.to_owned(), |rest| format!("std::{rest}"));
        let last = path.rsplit("::").next().unwrap_or_default();
        let begins =
            |starts: &[&str]| starts.iter().any(|start| path == *start || path.starts_with(&format!("{start}::")));
        let is_network = NETWORK.iter().any(|start| {
            path == *start
                || path.starts_with(&format!("{start}::"))
                || start.starts_with("std::net::") && path.starts_with(start)
        });
        let told = |what: &str| format!("{path} {what}");
        if is_network {
            self.add("hygiene", "network", line, &told("is for the network"));
        } else if begins(&PROCESS) {
            self.add("hygiene", "process", line, &told("starts or ends a process"));
        } else if begins(&["std::env"]) {
            self.add("hygiene", "environment", line, &told("is another value on each machine"));
        } else if begins(&WRITES) && !self.is_temporary(at) {
            self.add("hygiene", "writes-file", line, &told("changes files"));
        } else if SLEEPS.contains(&last) && path.contains("::") {
            self.add("hygiene", "sleep", line, &told("waits"));
        } else if CLOCKS.contains(&last) && begins(&TIMES) {
            self.add("hygiene", "wall-clock", line, &told("is another value at each run"));
        } else if matches!(last, "transmute" | "transmute_copy" | "read_volatile") || path.starts_with("std::ptr::") {
            self.add("public", "state-injection", line, &told("reaches into a value"));
        }
    }

    /// Whether what is called with a path is a file below a folder of the test's own.
    fn is_temporary(&self, at: usize) -> bool {
        let tokens = self.tokens;
        let open = (at..tokens.len()).take(16).find(|&at| matches!(tokens.text(at), "(" | ";" | "{"));
        let Some(open) = open.filter(|&open| tokens.text(open) == "(") else {
            // A `use` says only what may be called.
            return (at.saturating_sub(32)..at)
                .rev()
                .find(|&at| matches!(tokens.text(at), ";" | "use" | "{"))
                .is_some_and(|at| tokens.text(at) == "use");
        };
        (open..tokens.partner(open)).any(|at| self.temporary.contains(tokens.text(at)))
    }
}

/// Names bound to what `tempfile` or `assert_fs` gives.
fn temporary(tokens: &Tokens, imports: &Imports) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for at in (0..tokens.len()).filter(|&at| tokens.text(at) == "let") {
        let end = (at..tokens.len()).find(|&at| tokens.text(at) == ";").unwrap_or(at);
        let makes = (at..end).any(|at| {
            let path = imports.path(tokens, at);
            path.starts_with("tempfile::") || path.starts_with("assert_fs::") || names.contains(&path)
        });
        let name = if tokens.text(at + 1) == "mut" { at + 2 } else { at + 1 };
        if makes && tokens.is(name, Kind::Word) {
            names.insert(tokens.text(name).to_owned());
        }
    }
    names
}
