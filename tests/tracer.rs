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
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::{self, sleep};
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

#[derive(Default, Deserialize)]
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
        sleep(Duration::from_millis(8));
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
fn access_on_the_magic_path_answers_success_in_c_too() {
    let place = Place::new();
    let folder = place.arena.folder.display().to_string();
    let output = place.call(&format!("window {folder}/window/12-34 a.txt")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let records = place.arena.records();
    let read = records.iter().find(|record| place.word(record) == "read a.txt").unwrap();
    assert_eq!(read.window, (12, 34));
}

/// Compiles one file of testdata in another way and checks what it must be seen to do; left out, and said to be, if that cannot be.
fn built_otherwise(compiler: &str, arguments: &[&str], seen: &[&str], opaque: Option<&str>) {
    let place = Place::new();
    let program = place.top.path().join("program").display().to_string();
    let built = Command::new(compiler).args(arguments).arg("-o").arg(&program).current_dir(sources()).output();
    if !built.is_ok_and(|output| output.status.success()) {
        eprintln!("LEFT OUT: {compiler} {}", arguments.join(" "));
        return;
    }
    let (pid, output) = ended(&mut place.traced(&program));
    let must = Must {
        seen: seen.iter().map(|&word| word.to_owned()).collect(),
        opaque: opaque.map(str::to_owned),
        ..Must::default()
    };
    let wrong = complaints(&place, &must, pid, &output);
    assert!(wrong.is_empty(), "{compiler} {}:\n{}", arguments.join(" "), wrong.join("\n"));
    assert!(output.stderr.is_empty(), "{output:?}");
}

const PLAIN: &[&str] = &["listed sub", "read a.txt", "absent gone.txt", "spawn /bin/cat", "read one.txt"];

#[test]
fn programs_of_another_libc_and_with_the_address_sanitizer_are_seen_and_unharmed() {
    built_otherwise("musl-gcc", &["plain.c"], PLAIN, None);
    built_otherwise(&compiler(), &["-fsanitize=address", "plain.c"], PLAIN, None);
    built_otherwise(&compiler(), &["-fsanitize=address", "-static-libasan", "plain.c"], PLAIN, None);
    built_otherwise(&compiler(), &["-D_FORTIFY_SOURCE=2", "-O2", "plain.c"], PLAIN, None);
}

#[test]
fn a_program_of_go_is_named_as_one_that_makes_its_own_system_calls() {
    built_otherwise(&compiler(), &["note.c"], &[], Some("raw system call"));
}

#[test]
fn the_standard_library_of_rust_is_seen_with_its_children() {
    let seen = [
        "read a.txt",
        "stat one.txt",
        "absent gone.txt",
        "listed sub",
        "link way",
        "link link",
        "read two.txt",
        "written copied.txt",
        "read three.txt",
        "read four.txt",
        "read five.txt",
        "read six.txt",
        "stat sub",
        "read sub/b.txt",
    ];
    built_otherwise("rustc", &["--edition", "2021", "standard.rs"], &seen, None);
}

#[test]
fn the_library_asks_nothing_of_a_libc_but_what_every_libc_has() {
    let library = TRACER.unwrap();
    let has = |text: &[u8]| library.windows(text.len()).any(|window| window == text);
    assert!(!has(b"GLIBC") && !has(b"libc.so") && !has(b"libdl"), "a version or a needed library");
    assert!(library.len() < 100_000, "{} bytes", library.len());
}

#[test]
fn a_library_that_has_gone_is_no_longer_asked_for_and_no_loader_complains() {
    let place = Place::new();
    let script = "cat a.txt; rm \"$1\"; cat one.txt; exit 5";
    let output = place.traced("sh").args(["-c", script, "sh"]).arg(place.library()).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(5), ""));
    let records = place.arena.records();
    let words = place.words(&records);
    assert!(words.contains(&"read a.txt".to_owned()) && !words.contains(&"read one.txt".to_owned()));
    assert!(records.iter().any(|record| record.kind == "opaque" && record.text.contains("cannot be loaded into")));
}

#[test]
fn without_settings_the_library_does_nothing() {
    let place = Place::new();
    for setting in ["", "0", "0-0", "0-0\n", "x-0\n/tmp\n/", "0-0\nrelative\n/", "0-0\n/nowhere\n", "0-0\n/nowhere"] {
        let mut command = place.bare("sh");
        command.args(["-c", "cat a.txt; printenv HOME"]).env("LD_PRELOAD", place.library()).env("HOME", "/x");
        let output = command.env("TITER_TRACE", setting).output().unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.len()), (b"x\n/x\n".as_slice(), 0), "{setting:?}");
    }
}

/// Runs a part of `CPython`'s own tests; the line that counts them, or nothing where the interpreter came without them.
fn cpython(place: &Place, traced: bool, tests: &[&str]) -> Option<String> {
    let python = newest().python().display().to_string();
    if !place.bare(&python).args(["-c", "import test.support"]).output().unwrap().status.success() {
        return None;
    }
    let mut command = if traced { place.traced(&python) } else { place.bare(&python) };
    let output = command.args(["-m", "test"]).args(tests).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let counts = text.lines().filter(|line| line.starts_with("Total tests:") || line.starts_with("Result:"));
    Some(format!("{:?} {}", output.status.code(), counts.collect::<Vec<_>>().join(", ")))
}

fn cpython_is_the_same(tests: &[&str]) {
    let (bare, traced) = (Place::new(), Place::with(64 << 20));
    let counts = thread::scope(|scope| {
        let bare = scope.spawn(|| cpython(&bare, false, tests));
        let traced = scope.spawn(|| cpython(&traced, true, tests));
        (bare.join().unwrap(), traced.join().unwrap())
    });
    match counts {
        (None, _) => eprintln!("LEFT OUT: this interpreter came without CPython's tests"),
        (bare, traced) => assert_eq!(bare, traced),
    }
}

#[test]
fn tests_of_cpython_itself_end_as_they_do_without_the_tracer() {
    cpython_is_the_same(&["test_fork1", "test_posix", "test_popen", "test_glob"]);
}

#[test]
#[ignore = "three minutes: cargo test --test tracer -- --ignored"]
fn more_tests_of_cpython_itself_end_as_they_do_without_the_tracer() {
    cpython_is_the_same(&[
        "test_os",
        "test_posix",
        "test_subprocess",
        "test_glob",
        "test_shutil",
        "test_fork1",
        "test_popen",
        "test_pathlib",
        "test_posixpath",
        "test_tempfile",
        "test_import",
        "test_genericpath",
        "test_fileio",
        "test_sqlite3",
        "test_dbm",
    ]);
}
