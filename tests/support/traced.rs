//! Programs under the file tracer: the folder that they run in, what they must be seen to do, and what is wrong with what was seen.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;
use titer::bridges::runners::adapter::TRACER;

use super::arena::{Arena, Record, unbalanced};

pub const SIZE: u32 = 4 << 20;

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Must {
    #[serde(default)]
    pub seen: Vec<String>,
    #[serde(default)]
    pub not: Vec<String>,
    pub opaque: Option<String>,
    #[serde(default)]
    pub no_opaque: bool,
    #[serde(default)]
    pub count: BTreeMap<String, usize>,
    /// Sum of what does not come out even: 1 for each child that no library could be loaded into.
    #[serde(default)]
    pub unbalanced: i32,
    #[serde(default)]
    pub root_only: bool,
    pub signal: Option<i32>,
    #[serde(default)]
    #[allow(dead_code, reason = "a case may say that its output does not matter")]
    pub quiet: bool,
}

/// Programs compiled once for all tests.
pub struct Tools {
    pub folder: PathBuf,
    pub statically: bool,
}

pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tracer")
}
pub fn compiler() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

/// What the compiler had against it.
pub fn compiled(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(compiler()).args(["-O1", "-w"]).args(arguments).current_dir(sources()).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

pub fn tools() -> &'static Tools {
    static MADE: OnceLock<Tools> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("programs-of-{}", env!("CARGO_CRATE_NAME")));
        fs::create_dir_all(&folder).unwrap();
        let at = |name: &str| folder.join(name).display().to_string();
        compiled(&["calls.c", "-o", &at("calls"), "-lutil", "-ldl", "-lpthread"]).unwrap();
        compiled(&["-shared", "-fPIC", "thing.c", "-o", &at("libthing.so")]).unwrap();
        let statically = compiled(&["-static", "raw.c", "-o", &at("static")]).is_ok();
        Tools { folder, statically }
    })
}

/// A place for one case: the folder that calls.toml describes as root, the library, an arena.
pub struct Place {
    pub top: tempfile::TempDir,
    pub arena: Arena,
}

impl Place {
    pub fn new() -> Place {
        Place::with(SIZE)
    }

    pub fn with(size: u32) -> Place {
        let top = tempfile::tempdir().unwrap();
        // Another user must reach it as well.
        fs::set_permissions(top.path(), Permissions::from_mode(0o755)).unwrap();
        let arena = Arena::new(&top.path().join("private"), size);
        let place = Place { top, arena };
        fs::write(place.library(), TRACER.unwrap()).unwrap();
        let root = place.root();
        for folder in ["sub/deep", ".git", "node_modules", "target"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let names = ["a", "sub/b", "sub/deep/c", "one", "two", "three", "four", "five", "six", "seven", "eight"];
        for name in names {
            fs::write(root.join(format!("{name}.txt")), "x\n").unwrap();
        }
        let files = [
            ("script", "#!/bin/sh\ncat a.txt\n"),
            ("rules.mk", "out.txt: a.txt\n\tcat a.txt > out.txt\n"),
            ("package.json", "{}"),
            (".git/config", ""),
            ("node_modules/x.js", ""),
            ("target/CACHEDIR.TAG", ""),
            ("target/x", ""),
        ];
        for (path, text) in files {
            fs::write(root.join(path), text).unwrap();
        }
        fs::write(root.join("broken"), "#!/nowhere/sh\n").unwrap();
        for script in ["script", "broken"] {
            fs::set_permissions(root.join(script), Permissions::from_mode(0o755)).unwrap();
        }
        fs::copy(tools().folder.join("libthing.so"), root.join("libthing.so")).unwrap();
        symlink("a.txt", root.join("link")).unwrap();
        symlink("sub/deep", root.join("way")).unwrap();
        place
    }

    pub fn root(&self) -> PathBuf {
        self.top.path().join("root")
    }

    pub fn library(&self) -> PathBuf {
        self.top.path().join("titer-files.so")
    }

    pub fn bare(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root()).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
        command
    }

    pub fn traced(&self, program: &str) -> Command {
        let mut command = self.bare(program);
        self.arena.trace(&mut command, &self.library(), &[&self.root()]);
        command
    }

    /// `calls CALL ARGUMENTS`.
    pub fn call(&self, words: &str) -> Command {
        let mut command = self.traced(&tools().folder.join("calls").display().to_string());
        command.args(words.split(' '));
        command
    }

    /// What was seen, as a case writes it: "kind path", below the root where it can be.
    pub fn words(&self, records: &[Record]) -> Vec<String> {
        records.iter().map(|record| self.word(record)).collect()
    }

    pub fn word(&self, record: &Record) -> String {
        if ["hello", "gone", "forked", "goodbye", "window"].contains(&record.kind) {
            return record.kind.to_owned();
        }
        let text = match (record.kind, record.text.split_once(' ')) {
            ("spawn", Some((_, path))) => path,
            _ => &record.text,
        };
        let root = self.root().display().to_string();
        let below = text.strip_prefix(&root).map_or(text, |path| path.strip_prefix('/').unwrap_or("."));
        format!("{} {below}", record.kind)
    }
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

pub fn here(program: &str) -> bool {
    which::which(program).is_ok()
}

/// What is wrong with a case; empty if nothing is.
pub fn complaints(place: &Place, must: &Must, pid: u32, output: &Output) -> Vec<String> {
    let mut wrong = Vec::new();
    let records = place.arena.records();
    let words = place.words(&records);
    if must.signal.is_some() {
        if output.status.signal() != must.signal {
            wrong.push(format!("ended with {:?}", output.status));
        }
    } else if !output.status.success() {
        wrong.push(format!("ended with {:?}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    wrong.extend(must.seen.iter().filter(|word| !words.contains(word)).map(|word| format!("not seen: {word}")));
    wrong.extend(must.not.iter().filter(|word| words.contains(word)).map(|word| format!("seen: {word}")));
    for (kind, count) in &must.count {
        let found = records.iter().filter(|record| record.kind == kind).count();
        if found != *count && !(kind == "forked" && *count == 0) {
            wrong.push(format!("{found} records `{kind}`, not {count}"));
        }
    }
    let opaque = |reason: &str| records.iter().any(|record| record.kind == "opaque" && record.text.contains(reason));
    if must.opaque.as_ref().is_some_and(|reason| !opaque(reason)) || (must.no_opaque && opaque("")) {
        wrong.push("the mark `opaque` is wrong".to_owned());
    }
    let odd = unbalanced(&records, pid);
    if odd.len() != must.unbalanced.unsigned_abs() as usize
        || odd.iter().any(|(_, sum, _)| *sum != must.unbalanced.signum())
    {
        wrong.push(format!("balance: {odd:?}"));
    }
    if place.arena.lost() > 0 {
        wrong.push("records were lost".to_owned());
    }
    if !wrong.is_empty() {
        wrong.push(format!("seen was: {words:?}"));
    }
    wrong
}

pub fn ended(command: &mut Command) -> (u32, Output) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (child.id(), child.wait_with_output().unwrap())
}
