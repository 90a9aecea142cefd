//! The file tracer is a guest in every program of a run: none of them notices it, whatever fails.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::thread::{self, sleep};
use std::time::Duration;

use support::arena::{Arena, Record};
use support::traced::{Place, SIZE};
use support::{newest, oldest};

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

#[test]
fn a_process_without_room_for_the_arena_goes_on_unseen() {
    let place = Place::with(64 << 20);
    let output = place.call("little_memory a.txt").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice(), output.stderr.len()), (Some(0), b"x\n".as_slice(), 0));
    let words = place.words(&place.arena.records());
    assert!(words.contains(&"spawn /bin/cat".to_owned()) && !words.contains(&"read a.txt".to_owned()), "{words:?}");
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
#[ignore = "three minutes: cargo test --test tracer_laws -- --ignored"]
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
