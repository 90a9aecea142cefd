//! Records a second and peak memory of `titer audit seal` and `verify`: 20,000 signed records in one batch, then as many again, then two hundred.
//! Each figure is of a process of its own.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench is no library; it stops at what goes wrong, reads the clock and writes files"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use titer::bridges::{git, suite_files};
use titer::commands::audit::{seal, verify};
use titer::formats::note::Signer;
use titer::formats::record_v1::sha256;
use titer::formats::{dsse, record_line};
use titer::settings::{Flags, Settings};

const RECORDS: usize = 20_000;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, what, root, rest @ ..] = words.as_slice()
        && !what.starts_with('-')
    {
        return measure(what, Path::new(root), rest);
    }
    let folder = tempfile::Builder::new().prefix("titer-bench-").tempdir().unwrap();
    let root = folder.path().join("repo");
    fs::create_dir(&root).unwrap();
    let (sealer, writer) =
        (Signer::new("example.org/log", [1; 32]).unwrap(), Signer::new("example.org/ci", [2; 32]).unwrap());
    fs::write(folder.path().join("key"), sealer.secret()).unwrap();
    git_in(&root, &["init", "-q", "-b", "main"]);
    let toml = format!("[audit]\nsealer = \"{}\"\nwriters = [\"{}\"]\n", sealer.public(), writer.public());
    fs::write(root.join("titer.toml"), toml).unwrap();
    println!("load before: {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    println!("{:<44}{:>9}{:>9}{:>12}{:>9}", "", "wall s", "CPU s", "records/s", "peak MB");
    let mut heads: Vec<Option<String>> = vec![None; RECORDS];
    let mut saved: Option<String> = None;
    for (round, count) in [RECORDS, RECORDS, 200].into_iter().enumerate() {
        batch(&root, &writer, &mut heads[..count]);
        git_in(&root, &["add", "-A"]);
        git_in(&root, &["commit", "-q", "-m", "batch"]);
        figures(&format!("seal {count} records"), count, "seal", &root, &[]);
        // What was verified after the seal before is in the cache.
        if let Some(saved) = &saved {
            figures("verify since the checkpoint before", count, "verify", &root, &[saved]);
        }
        figures(&format!("verify all, after {} seals", round + 1), (round.min(1) + 1) * RECORDS, "verify", &root, &[]);
        let note = git_in(&root, &["show", "titer-log:log/checkpoint"]);
        let path = folder.path().join(format!("{round}.note"));
        fs::write(&path, note).unwrap();
        saved = Some(path.to_string_lossy().into_owned());
    }
}

/// A batch of moves with the evidence of a real one, each behind the last record of its test.
fn batch(root: &Path, writer: &Signer, heads: &mut [Option<String>]) {
    let mut text = String::new();
    for (test, head) in heads.iter_mut().enumerate() {
        let to = if head.is_some() { "fast" } else { "weekly" };
        let change = json!({"op": "move", "test": format!("pytest::services/billing/tests/test_{}.py::TestBilling::test_{test}", test / 50),
            "from": "fast", "to": to, "prev": head, "reason": {"rule": "quiet", "text": "0 production errors on the 148 code paths covered in 180 days; the last change 143 days ago"},
            "evidence": {"paths": 148, "quiet_days": 180, "changes": 3, "last_change": 143, "runs": 412, "failures": 0, "flakes": 0, "median_ms": 184, "slow_ms": 311, "watched_days": 365},
            "actor": "titer place", "recordedAt": "2026-11-21T00:00:00Z"});
        let subject = json!([{"name": format!("test_{test}"), "digest": {"sha256": sha256(b"body")}}]);
        let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": "urn:titer:change:v1", "predicate": change}).to_string();
        *head = Some(sha256(statement.as_bytes()));
        text += &record_line::write(&[dsse::sign(writer, statement.as_bytes())], &statement);
    }
    suite_files::write(root, &format!("{}.jsonl", sha256(text.as_bytes())), text.as_bytes()).unwrap();
}

fn git_in(root: &Path, words: &[&str]) -> String {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(words)
        .current_dir(root)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn figures(title: &str, records: usize, what: &str, root: &Path, rest: &[&str]) {
    let began = Instant::now();
    let done = Command::new(std::env::current_exe().unwrap()).arg(what).arg(root).args(rest).output().unwrap();
    let wall = began.elapsed().as_secs_f64();
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    let text = String::from_utf8(done.stdout).unwrap();
    let told: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let (cpu, peak) = (told["cpu"].as_f64().unwrap(), told["peak"].as_u64().unwrap());
    println!("{title:<44}{wall:>9.2}{cpu:>9.2}{:>12.0}{peak:>9}", records as f64 / wall);
}

fn measure(what: &str, root: &Path, rest: &[String]) {
    let flags = Flags { folder: Some(root.to_owned()), ..Flags::default() };
    let settings = Settings::read(&flags, &|folder| git::root(folder)).unwrap();
    let mut out = Vec::new();
    if what == "seal" {
        let request = seal::Request { keys: vec![root.join("../key")], ..seal::Request::default() };
        assert!(seal::run(&settings, &request, &mut out).unwrap(), "{}", String::from_utf8_lossy(&out));
    } else {
        let since = rest.first().map(PathBuf::from);
        let wanted = if since.is_some() { 0 } else { 6 };
        let request = verify::Request { since, ..verify::Request::default() };
        assert_eq!(verify::run(&settings, &request, &mut out).unwrap(), wanted, "{}", String::from_utf8_lossy(&out));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let peak =
        lines.find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Of the fields after the name: user and system time, in hundredths of a second.
    let fields: Vec<f64> =
        stat.rsplit(") ").next().unwrap_or_default().split(' ').filter_map(|it| it.parse().ok()).collect();
    let cpu = (fields.get(10).unwrap_or(&0.0) + fields.get(11).unwrap_or(&0.0)) / 100.0;
    println!("{}", json!({"cpu": cpu, "peak": peak.unwrap_or(0) / 1024}));
}
