//! A repository whose records are sealed: keys, batches as titer writes them, and what an attacker may do to a log.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use titer::formats::dsse;
use titer::formats::note::Signer;
use titer::formats::record_line;
use titer::formats::record_v1::sha256;

use super::{Ending, Interpreter, Repository};

pub const ORIGIN: &str = "example.org/shop/suite-log";
pub const PENDING: &str = ".titer/suite/pending";

/// The key that seals.
pub fn sealer() -> Signer {
    Signer::new(ORIGIN, [1; 32]).unwrap()
}

/// The key that CI signs moves with.
pub fn writer() -> Signer {
    Signer::new("example.org/shop/ci", [2; 32]).unwrap()
}

/// A repository with a log of its own.
pub struct Audited {
    pub repository: Repository,
    /// The last record of each test, as this writes them.
    pub heads: BTreeMap<String, String>,
}

/// A statement of a change or of a decision.
pub fn statement(kind: &str, predicate: &Value) -> String {
    let subject = json!([{"name": "suite", "digest": {"sha256": sha256(b"x")}}]);
    let told = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": format!("urn:titer:{kind}:v1"), "predicate": predicate});
    told.to_string()
}

pub fn change(test: &str, to: &str, prev: Option<&str>, decision: Option<&str>) -> Value {
    let from = if to == "fast" { "weekly" } else { "fast" };
    let mut change = json!({"op": "move", "test": test, "from": from, "to": to, "prev": prev, "reason": {"rule": "quiet", "text": "nothing for long"},
        "actor": "titer place", "recordedAt": "2026-05-01T00:00:00Z"});
    if let Some(decision) = decision {
        change["decision"] = json!(decision);
    }
    change
}

pub fn decision(what: &str) -> Value {
    json!({"tool": "titer 0.1.0", "engine": "duckdb", "policy": {"sha256": sha256(b"policy")}, "queries": [], "inputs": [],
        "commit": null, "suiteBefore": {"sha256": sha256(what.as_bytes())}, "moves": 1, "asOf": "2026-05-01T00:00:00Z"})
}

/// The line of a statement, signed or not.
pub fn line(statement: &str, signer: Option<&Signer>) -> String {
    let signatures: Vec<_> = signer.into_iter().map(|signer| dsse::sign(signer, statement.as_bytes())).collect();
    record_line::write(&signatures, statement)
}

impl Audited {
    /// With `[audit]` in `titer.toml`, committed on `main`.
    pub fn new() -> Self {
        let repository = Repository::bare(Interpreter { programs: PathBuf::from("/usr/bin") });
        repository.git(&["init", "-q", "-b", "main"]);
        let made = Self { repository, heads: BTreeMap::new() };
        made.configure(&sealer(), &[&writer()], "quiet_days = 180");
        made.repository.write(".gitattributes", ".titer/** -text\n");
        made.repository.write(&format!("{PENDING}/README.md"), "Records.\n");
        made.commit("first");
        fs::write(made.key(), sealer().secret()).unwrap();
        made
    }

    /// Writes `titer.toml`.
    pub fn configure(&self, sealer: &Signer, writers: &[&Signer], placement: &str) {
        let writers: Vec<String> = writers.iter().map(|key| format!("{:?}", key.public().to_string())).collect();
        let text = format!(
            "default_branch = \"main\"\n[placement]\n{placement}\n[audit]\norigin = \"{ORIGIN}\"\nsealer = \"{}\"\nwriters = [{}]\n",
            sealer.public(),
            writers.join(", ")
        );
        self.repository.write("titer.toml", text);
    }

    pub fn root(&self) -> PathBuf {
        self.repository.root()
    }

    /// The file of the sealer's private key.
    pub fn key(&self) -> PathBuf {
        self.repository.beside("sealer.key")
    }

    /// Commits everything; every commit of a test is made at the same instants, so that names of commits stay.
    pub fn commit(&self, message: &str) {
        self.repository.commit_at("2026-05-02T12:00:00Z", message);
    }

    /// Writes a batch of lines; returns its name.
    pub fn write(&self, lines: &[String]) -> String {
        let text = lines.concat();
        let name = format!("{}.jsonl", sha256(text.as_bytes()));
        self.repository.write(&format!("{PENDING}/{name}"), text);
        name
    }

    /// A decision of CI and the moves that came of it, all signed; returns the name of the batch.
    pub fn place(&mut self, moves: &[(&str, &str)]) -> String {
        self.place_with(moves, Some(&writer()))
    }

    pub fn place_with(&mut self, moves: &[(&str, &str)], signer: Option<&Signer>) -> String {
        let what: Vec<String> =
            moves.iter().map(|(test, to)| format!("{test} {to} {:?}", self.heads.get(*test))).collect();
        let decided = statement("decision", &decision(&what.join(";")));
        let name = sha256(decided.as_bytes());
        let mut lines = vec![line(&decided, signer)];
        for (test, to) in moves {
            let told = statement("change", &change(test, to, self.heads.get(*test).map(String::as_str), Some(&name)));
            self.heads.insert((*test).to_owned(), sha256(told.as_bytes()));
            lines.push(line(&told, signer));
        }
        self.write(&lines)
    }

    pub fn titer(&self, arguments: &[&str]) -> Ending {
        self.repository.titer(arguments)
    }

    /// `titer audit seal` with the sealer's key.
    pub fn seal(&self, flags: &[&str]) -> Ending {
        let key = self.key();
        self.titer(&[&["audit", "seal", "--key", key.to_str().unwrap()], flags].concat())
    }

    /// Seals everything; returns `audit_seal_v1`.
    pub fn sealed(&self) -> Value {
        let done = self.seal(&["--json"]);
        assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// `audit_seal_v1` of a seal that holds something back.
    pub fn held(&self) -> Value {
        let done = self.seal(&["--json"]);
        assert_eq!(done.code, Some(1), "{}\n{}", done.stdout, done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// `titer audit verify`: the exit code and `audit_verify_v1`.
    pub fn verify(&self, flags: &[&str]) -> (i32, Value) {
        let done = self.titer(&[&["audit", "verify", "--json"], flags].concat());
        let told = serde_json::from_str(&done.stdout).unwrap_or_else(|_| json!({"error": done.stderr}));
        (done.code.unwrap(), told)
    }

    /// Saves the newest checkpoint outside.
    pub fn save(&self, name: &str) -> String {
        let path = self.repository.beside(name);
        fs::write(&path, git(&self.root(), &["show", "titer-log:log/checkpoint"])).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Copies the log out of the branch into a folder, to be tampered with.
    pub fn copy_log(&self, name: &str) -> PathBuf {
        let folder = self.repository.beside(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let script = format!("git archive titer-log log | tar -x -C '{}'", folder.display());
        assert!(Command::new("sh").args(["-c", &script]).current_dir(self.root()).status().unwrap().success());
        folder.join("log")
    }

    /// Every line of the log on the branch.
    pub fn lines(&self) -> Vec<String> {
        let log = self.copy_log("lines");
        let mut all: Vec<PathBuf> = fs::read_dir(log.join("seg")).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        let text: String = all.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        text.lines().map(str::to_owned).collect()
    }

    /// The name of the record of a test's change in the log, by its number from 0.
    pub fn record_of(&self, test: &str, number: usize) -> String {
        let of = |line: &String| {
            let statement = &line[line.find("\"statement\":").unwrap() + 12..line.len() - 1];
            let told: Value = serde_json::from_str(statement).unwrap();
            (told["predicate"]["test"] == test).then(|| sha256(statement.as_bytes()))
        };
        self.lines().iter().filter_map(of).nth(number).unwrap()
    }

    /// The tests that changes in the log speak of, in order, with where they went.
    pub fn moves(&self) -> Vec<(String, String)> {
        let lines = self.lines();
        let told = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["statement"].clone());
        let changes = told.filter(|it| it["predicateType"] == "urn:titer:change:v1");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        changes.map(|it| (text(&it["predicate"]["test"]), text(&it["predicate"]["to"]))).collect()
    }
}

/// What git prints.
pub fn git(root: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"]);
    git.env("GIT_AUTHOR_DATE", "2026-05-02T12:00:00Z").env("GIT_COMMITTER_DATE", "2026-05-02T12:00:00Z");
    let done = git.args(arguments).current_dir(root).output().unwrap();
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
