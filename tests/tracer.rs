//! The file tracer: what it must see of every way to touch a file or start a program, and that the program never notices it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use support::arena::{Arena, Record, unbalanced};
use support::{newest, oldest};
use titer::bridges::runners::adapter::TRACER;

const SIZE: u32 = 4 << 20;

#[derive(Deserialize)]
struct Cases<T> {
    case: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Call {
    run: String,
    #[serde(flatten)]
    must: Must,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Program {
    name: String,
    run: Vec<String>,
    needs: Option<String>,
    #[serde(flatten)]
    must: Must,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Must {
    #[serde(default)]
    seen: Vec<String>,
    #[serde(default)]
    not: Vec<String>,
    opaque: Option<String>,
    #[serde(default)]
    no_opaque: bool,
    #[serde(default)]
    count: BTreeMap<String, usize>,
    /// Sum of what does not come out even: 1 for each child that no library could be loaded into.
    #[serde(default)]
    unbalanced: i32,
    #[serde(default)]
    root_only: bool,
    signal: Option<i32>,
    #[serde(default)]
    #[allow(dead_code, reason = "a case may say that its output does not matter")]
    quiet: bool,
}

/// Programs compiled once for all tests.
struct Tools {
    folder: PathBuf,
    statically: bool,
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tracer")
}

fn cases<T: DeserializeOwned>(file: &str) -> Cases<T> {
    toml::from_str(&fs::read_to_string(sources().join(file)).unwrap()).unwrap()
}

fn compiler() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

fn compiled(arguments: &[&str]) -> bool {
    let output = Command::new(compiler()).args(["-O1", "-w"]).args(arguments).current_dir(sources()).output().unwrap();
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

fn tools() -> &'static Tools {
    static MADE: OnceLock<Tools> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tracer-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let at = |name: &str| folder.join(name).display().to_string();
        assert!(compiled(&["calls.c", "-o", &at("calls"), "-lutil", "-ldl", "-lpthread"]), "calls.c does not compile");
        assert!(compiled(&["-shared", "-fPIC", "thing.c", "-o", &at("libthing.so")]), "thing.c does not compile");
        let statically = compiled(&["-static", "raw.c", "-o", &at("static")]);
        Tools { folder, statically }
    })
}

/// A place for one case: the folder that calls.toml describes as root, the library, an arena.
struct Place {
    top: tempfile::TempDir,
    arena: Arena,
}

impl Place {
    fn new() -> Place {
        Place::with(SIZE)
    }

    fn with(size: u32) -> Place {
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
        fs::set_permissions(root.join("script"), Permissions::from_mode(0o755)).unwrap();
        fs::copy(tools().folder.join("libthing.so"), root.join("libthing.so")).unwrap();
        symlink("a.txt", root.join("link")).unwrap();
        symlink("sub/deep", root.join("way")).unwrap();
        place
    }

    fn root(&self) -> PathBuf {
        self.top.path().join("root")
    }

    fn library(&self) -> PathBuf {
        self.top.path().join("titer-files.so")
    }

    fn bare(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root()).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
        command
    }

    fn traced(&self, program: &str) -> Command {
        let mut command = self.bare(program);
        self.arena.trace(&mut command, &self.library(), &[&self.root()]);
        command
    }

    /// `calls CALL ARGUMENTS`.
    fn call(&self, words: &str) -> Command {
        let mut command = self.traced(&tools().folder.join("calls").display().to_string());
        command.args(words.split(' '));
        command
    }

    /// What was seen, as a case writes it: "kind path", below the root where it can be.
    fn words(&self, records: &[Record]) -> Vec<String> {
        records.iter().map(|record| self.word(record)).collect()
    }

    fn word(&self, record: &Record) -> String {
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

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn here(program: &str) -> bool {
    which::which(program).is_ok()
}

/// What is wrong with a case; empty if nothing is.
fn complaints(place: &Place, must: &Must, pid: u32, output: &Output) -> Vec<String> {
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

fn ended(command: &mut Command) -> (u32, Output) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (child.id(), child.wait_with_output().unwrap())
}

fn filled(word: &str, place: &Place, python: &str) -> String {
    let with = [
        ("{root}", place.root().display().to_string()),
        ("{static}", tools().folder.join("static").display().to_string()),
        ("{python}", python.to_owned()),
    ];
    with.iter().fold(word.to_owned(), |word, (name, value)| word.replace(name, value))
}

#[test]
fn every_call_of_libc_that_touches_a_path_or_starts_a_program_is_seen_as_what_it_is() {
    let cases: Cases<Call> = cases("calls.toml");
    let mut wrong = Vec::new();
    for case in &cases.case {
        if (case.must.root_only && !is_root()) || (case.run.contains("{static}") && !tools().statically) {
            eprintln!("LEFT OUT: calls {}", case.run);
            continue;
        }
        let place = Place::new();
        let (pid, output) = ended(&mut place.call(&filled(&case.run, &place, "")));
        let all = complaints(&place, &case.must, pid, &output);
        wrong.extend(all.iter().map(|complaint| format!("calls {}: {complaint}", case.run)));
    }
    assert!(cases.case.len() > 120 && wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn real_programs_and_their_children_are_seen() {
    let cases: Cases<Program> = cases("programs.toml");
    let mut wrong = Vec::new();
    for case in &cases.case {
        let missing = case.needs.as_ref().filter(|program| !here(program));
        if missing.is_some() || (case.must.root_only && !is_root()) {
            eprintln!("LEFT OUT: {}", case.name);
            continue;
        }
        for interpreter in [newest(), oldest()] {
            let place = Place::new();
            let python = interpreter.python().display().to_string();
            let run: Vec<String> = case.run.iter().map(|word| filled(word, &place, &python)).collect();
            let (pid, output) = ended(place.traced(&run[0]).args(&run[1..]));
            let all = complaints(&place, &case.must, pid, &output);
            wrong.extend(all.iter().map(|complaint| format!("{}: {complaint}", case.name)));
            if !case.run.iter().any(|word| word == "{python}") {
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Ends the program with everything that it started.
fn ends_within(command: &mut Command, seconds: u64) -> Option<Output> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..seconds * 50 {
        if child.try_wait().unwrap().is_some() {
            return Some(child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// The same program bare and under the tracer: output and exit code do not tell which is which.
fn goes_on_as_if_alone(place: &Place, why: &str) {
    let script = "cat a.txt one.txt gone.txt; ls sub; printenv TITER_TRACE LD_PRELOAD; sh -c 'cat two.txt; exit 7'";
    let bare = place.bare("sh").args(["-c", script]).env_remove("LD_PRELOAD").output().unwrap();
    let traced = place.traced("sh").args(["-c", script]).output().unwrap();
    assert_eq!(bare.status.code(), Some(7));
    assert_eq!(bare, traced, "{why}");
}

#[test]
fn an_arena_that_cannot_be_used_turns_the_tracer_off_and_the_program_never_knows() {
    let place = Place::new();
    goes_on_as_if_alone(&place, "all is well");
    assert!(place.arena.records().len() > 10);

    fs::write(place.arena.file(), "").unwrap();
    goes_on_as_if_alone(&place, "an empty file");
    Arena::sparse(&place.arena.folder, SIZE);
    goes_on_as_if_alone(&place, "blocks are missing");
    assert_eq!(place.arena.records(), [], "a write into a hole of a full disk kills the program");
    Arena::new(&place.arena.folder, SIZE);
    let file = fs::File::options().write(true).open(place.arena.file()).unwrap();
    file.set_len(u64::from(SIZE) / 2).unwrap();
    goes_on_as_if_alone(&place, "cut off");
    fs::remove_file(place.arena.file()).unwrap();
    goes_on_as_if_alone(&place, "not there");
    fs::remove_dir(&place.arena.folder).unwrap();
    goes_on_as_if_alone(&place, "not even its folder");
    fs::create_dir_all(place.arena.file()).unwrap();
    goes_on_as_if_alone(&place, "a folder");
}

#[test]
fn a_full_arena_counts_what_it_lost_and_its_cursor_stays_inside() {
    let place = Place::with(16 << 10);
    let output = place.call(&format!("storm {}", place.root().display())).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(place.arena.lost() > 100_000, "{}", place.arena.lost());
    assert!(place.arena.cursor() <= 16 << 10);
    assert!(place.arena.records().len() > 50);
}

#[test]
fn an_arena_removed_in_mid_run_ends_the_records_of_later_programs_only() {
    let place = Place::new();
    let script = "cat a.txt; rm -r \"$1\"; cat one.txt; exit 5";
    let folder = place.arena.folder.display().to_string();
    let output = place.traced("sh").args(["-c", script, "sh", &folder]).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(5), 0), "{output:?}");
}

#[test]
fn eight_threads_and_a_signal_handler_lose_nothing_and_every_answer_stays_right() {
    let place = Place::with(64 << 20);
    let output = place.call(&format!("storm {}", place.root().display())).output().unwrap();
    assert!(output.status.success(), "an answer or errno was wrong: {output:?}");
    let records = place.arena.records();
    let paths: std::collections::BTreeSet<&str> =
        records.iter().filter(|record| record.kind == "absent").map(|record| record.text.as_str()).collect();
    assert_eq!((paths.len(), place.arena.lost()), (8 * 20_000, 0));
    let handled: usize = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    assert!(handled > 0 && place.words(&records).iter().any(|word| word == "stat sub/b.txt"));
}

#[test]
fn a_writer_that_is_killed_leaves_records_that_can_be_told_apart() {
    for _ in 0..10 {
        let place = Place::with(16 << 20);
        let mut command = place.call(&format!("until_killed {}", place.root().display()));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 8]).unwrap();
        std::thread::sleep(Duration::from_millis(8));
        child.kill().unwrap();
        child.wait().unwrap();
        // `records` itself panics at what no writer can have left.
        let records = place.arena.records();
        let root = place.root().display().to_string();
        let whole = |record: &&Record| ["absent", "stat"].contains(&record.kind) && !record.text.starts_with(&root);
        assert_eq!(records.iter().find(whole), None);
        assert!(records.len() > 10 && records.iter().all(|record| record.kind != "goodbye"));
    }
}

#[test]
fn the_magic_path_sets_the_window_for_this_process_and_what_it_starts_and_is_the_self_check() {
    let place = Place::new();
    let code = "import os, subprocess, sys
magic = sys.argv[1] + '/window/'
open('one.txt')
def alive(name): return os.access(magic + name, os.F_OK) and os.path.exists(magic + name)
ok = alive('7-3')
open('two.txt'); subprocess.run(['cat', 'three.txt'], env={})
p = subprocess.Popen('read x; cat four.txt', shell=True, stdin=subprocess.PIPE)
ok = alive('7-4') and ok
open('two.txt'); p.communicate(b'\\n')
ok = alive('-') and ok
open('five.txt')
bad = [os.access(magic + x, 0) for x in ('', 'x', '1', '1-', '1-2x', '-1', '99999999999-1')] + [os.path.exists(sys.argv[1] + '/window')]
sys.exit(0 if ok and not any(bad) else 1)";
    for interpreter in [newest(), oldest()] {
        Arena::new(&place.arena.folder, SIZE);
        let python = interpreter.python().display().to_string();
        let folder = place.arena.folder.display().to_string();
        let output = place.traced(&python).args(["-c", code, &folder]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let bare = place.bare(&python).args(["-c", code, &folder]).output().unwrap();
        assert_eq!(bare.status.code(), Some(1), "without the tracer the path is not there");
        let records = place.arena.records();
        let windows = |word: &str| -> Vec<(u32, u32)> {
            records.iter().filter(|record| place.word(record) == word).map(|record| record.window).collect()
        };
        assert_eq!(windows("read one.txt"), [(0, 0)]);
        assert_eq!(windows("read two.txt"), [(7, 3), (7, 4)]);
        assert_eq!(windows("read three.txt"), [(7, 3)]);
        assert_eq!(windows("read four.txt"), [(7, 3)], "a child keeps the window that it started in");
        assert_eq!(windows("read five.txt"), [(0, 0)]);
        assert_eq!(windows("window").len(), 6, "each was asked for twice");
    }
}

#[test]
fn children_that_are_python_find_the_recorders_folder_and_nobody_else_does() {
    let place = Place::new();
    let recorder = place.top.path().join("run/child");
    fs::create_dir_all(&recorder).unwrap();
    let site = "import os\nprint('site', os.environ.get('TITER_CHILD'), os.environ.get('PYTHONPATH'))\n";
    fs::write(recorder.join("sitecustomize.py"), site).unwrap();
    let folder = recorder.display().to_string();
    for interpreter in [newest(), oldest()] {
        let python = interpreter.python().display().to_string();
        let run = |script: &str, path: Option<&str>| {
            let mut command = place.traced("sh");
            command
                .args(["-c", script])
                .env("TITER_TRACE_PYTHONPATH", &folder)
                .env("P", &python)
                .env_remove("PYTHONPATH");
            if let Some(path) = path {
                command.env("PYTHONPATH", path);
            }
            let output = command.output().unwrap();
            assert!(output.stderr.is_empty(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(run("$P -c 0", None), format!("site 0-0 {folder}\n"));
        assert_eq!(run("$P -W ignore -c 0 -I", Some("/x")), format!("site 0-0 {folder}:/x\n"));
        assert_eq!(run("env -i $P -X utf8 -c 0", None), format!("site 0-0 {folder}\n"));
        let shown = "import os; print([x for x in os.environ if x.startswith(('PYTHONPATH', 'TITER_TR', 'TITER_CH'))])";
        for flag in ["-I", "-E", "-S", "-sI", "-XE"] {
            let expected = if flag == "-XE" {
                format!("site 0-0 {folder}\n['TITER_CHILD', 'PYTHONPATH']\n")
            } else {
                "[]\n".to_owned()
            };
            let got = run(&format!("$P {flag} -c \"{shown}\""), None);
            assert_eq!(got.len(), expected.len(), "{flag}: {got}");
        }
        assert_eq!(run("printenv PYTHONPATH TITER_CHILD TITER_TRACE_PYTHONPATH", None), "");
        assert_eq!(run("printenv PYTHONPATH TITER_CHILD TITER_TRACE_PYTHONPATH", Some("/x:/y")), "/x:/y\n");
        assert_eq!(
            run("sh -c 'printenv PYTHONPATH'; $P -Ic 'import os; print(os.environ[\"PYTHONPATH\"])'", Some("/x")),
            "/x\n/x\n"
        );
    }
}

#[test]
fn a_window_is_handed_to_children_and_objects_belong_to_the_window_that_loaded_them() {
    let place = Place::new();
    let folder = place.arena.folder.display().to_string();
    let output = place.call(&format!("window {folder}/window/12-34 a.txt")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = place.bare(&tools().folder.join("calls").display().to_string());
    drop(output);
    let records = place.arena.records();
    let read = records.iter().find(|record| place.word(record) == "read a.txt").unwrap();
    assert_eq!(read.window, (12, 34));
}
