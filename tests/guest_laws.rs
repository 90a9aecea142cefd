//! A guest never breaks the host: whatever fails in titer or around it, the user's tests run whole, once, their exit code
//! comes back, titer says so in one line, and the next run is right again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use support::repository::copy_tree;
use support::small::{ALL, COMMAND, FILES, goes_on, project, selects, waiting};
use support::{Going, Repository, newest, oldest};

const WAITED: &[&str] =
    &["test_a.py::test_a", "test_a.py::test_plus", "test_b.py::test_b", "test_wait.py::test_wait", "test_z.py::test_z"];

/// Files below a folder whose name ends so.
fn found(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            all.extend(found(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            all.push(path);
        }
    }
    all.sort();
    all
}

/// The same command with something around it, its output in pipes.
fn piped(repository: &Repository, around: &[&str]) -> (Option<i32>, String, String) {
    let mut command = repository.command(around[0], &repository.root());
    command.args(&around[1..]).arg(env!("CARGO_BIN_EXE_titer")).args(["run", "--"]).args(COMMAND);
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn warnings(stderr: &str) -> usize {
    stderr.lines().filter(|line| line.starts_with("titer: warning:")).count()
}

#[test]
fn a_ledger_that_cannot_be_written_costs_one_warning() {
    let mut repository = project(newest());
    fs::write(repository.beside("file"), "").unwrap();
    for place in [PathBuf::from("/proc/titer"), repository.beside("file"), PathBuf::from("/dev/full")] {
        repository.variables.insert("TITER_LEDGER".to_owned(), place.display().to_string());
        repository.run(COMMAND).exits(0).ran_only(ALL).warns_once();
    }
    repository.variables.clear();
    goes_on(&repository, COMMAND);
}

#[test]
fn a_read_only_project_costs_one_warning() {
    let repository = project(newest());
    fs::set_permissions(repository.root(), fs::Permissions::from_mode(0o555)).unwrap();
    let titer = [env!("CARGO_BIN_EXE_titer"), "run", "--"];
    // Root may write anywhere unless it gives that right away.
    let without = "-dac_override,-dac_read_search";
    let humble = ["setpriv", &format!("--bounding-set={without}"), &format!("--inh-caps={without}"), "--"];
    let humble: &[&str] = if is_root() { &humble } else { &[] };
    let whole = [humble, &titer, COMMAND].concat();
    let mut command = repository.command(whole[0], &repository.root());
    command.args(&whole[1..]);
    let ending = Going::start(&repository, command).wait();
    fs::set_permissions(repository.root(), fs::Permissions::from_mode(0o755)).unwrap();
    ending.exits(0).ran_only(ALL).warns_once();
    goes_on(&repository, COMMAND);
}

#[test]
fn no_room_for_any_file_costs_one_warning() {
    let repository = project(newest());
    // Every write but a tiny one fails, as on a disk that is almost full; the output goes through pipes.
    let (code, stdout, stderr) = piped(&repository, &["sh", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]);
    assert_eq!((code, warnings(&stderr)), (Some(0), 1), "{stdout}{stderr}");
    assert_eq!(stdout.matches("3 passed").count(), 1, "{stdout}{stderr}");
    goes_on(&repository, COMMAND);
}

#[test]
fn a_disk_that_fills_up_under_a_good_map_costs_one_warning() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0);
    repository.replace("b.py", "return 2", "return 3");
    let (code, stdout, stderr) = piped(&repository, &["sh", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]);
    assert_eq!((code, warnings(&stderr)), (Some(0), 1), "{stdout}{stderr}");
    assert_eq!(stdout.matches(" passed").count(), 1, "{stdout}{stderr}");
    repository.replace("b.py", "return 3", "return 2");
    goes_on(&repository, COMMAND);
}

#[test]
fn a_ledger_on_a_small_full_disk_costs_one_warning() {
    let repository = project(newest());
    fs::create_dir(repository.beside("disk")).unwrap();
    let script = "mount -t tmpfs -o size=16k none \"$0\" && { cat /dev/zero >\"$0/filler\" 2>/dev/null; exec \"$@\"; } || exit 99";
    let place = repository.beside("disk").display().to_string();
    let spaces: &[&str] = if is_root() { &["unshare", "-m"] } else { &["unshare", "-rm"] };
    let mut command = repository.command(spaces[0], &repository.root());
    command.args(&spaces[1..]).args(["sh", "-c", script, &place, env!("CARGO_BIN_EXE_titer")]);
    command.args(["--ledger", &place, "run", "--"]).args(COMMAND);
    let ending = Going::start(&repository, command).wait();
    if ending.code == Some(99) || ending.stderr.starts_with("unshare") {
        // A container that may not mount: the two tests above fill every file instead.
        return;
    }
    ending.exits(0).ran_only(ALL).warns_once();
    goes_on(&repository, COMMAND);
}

#[test]
fn nowhere_to_put_the_adapter_costs_one_warning() {
    let mut repository = project(newest());
    for (name, value) in [("TMPDIR", "/proc/none"), ("HOME", "/proc/none"), ("XDG_CACHE_HOME", "/proc/none")] {
        repository.variables.insert(name.to_owned(), value.to_owned());
    }
    let ending = repository.run(COMMAND);
    ending.exits(0).ran_only(ALL);
    assert!(ending.warnings().len() <= 1, "{}", ending.stderr);
    repository.variables.clear();
    goes_on(&repository, COMMAND);
}

#[test]
fn a_corrupt_lens_is_nothing_to_a_run_and_is_built_again() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0);
    let counted = repository.sql("SELECT count(*) FROM outcomes");
    let place = repository.beside("");
    let lenses = found(&place, ".duckdb");
    assert!(!lenses.is_empty(), "titer sql left no lens below {}", place.display());
    for lens in &lenses {
        fs::write(lens, "no database at all").unwrap();
    }
    repository.run(COMMAND).exits(0).warns_never().ran_only(&[]);
    assert_eq!(repository.sql("SELECT count(*) FROM outcomes"), counted);
    goes_on(&repository, COMMAND);
}

/// Damages the newest file of the ledger whose name ends so, and expects one whole run, and a right one after it.
fn damaged(end: &str, damage: impl Fn(Vec<u8>) -> Vec<u8>) {
    let repository = project(newest());
    repository.run(COMMAND).exits(0);
    let files = found(&repository.path(".titer/ledger"), end);
    let newest = files.last().unwrap_or_else(|| panic!("no file of the ledger ends with {end}"));
    fs::write(newest, damage(fs::read(newest).unwrap())).unwrap();
    repository.run(COMMAND).exits(0).ran_only(ALL).warns_once();
    selects(&repository, COMMAND);
}

#[test]
fn a_truncated_snapshot_means_a_whole_run() {
    damaged(".bin", |bytes| bytes[..bytes.len() / 2].to_vec());
}

#[test]
fn an_empty_snapshot_means_a_whole_run() {
    damaged(".bin", |_| Vec::new());
}

#[test]
fn a_snapshot_of_another_version_means_a_whole_run() {
    damaged(".bin", |mut bytes| {
        bytes.iter_mut().take(16).for_each(|byte| *byte ^= 0x55);
        bytes
    });
}

#[test]
fn one_flipped_bit_in_a_snapshot_means_a_whole_run() {
    damaged(".bin", |mut bytes| {
        let middle = bytes.len() * 3 / 4;
        bytes[middle] ^= 1;
        bytes
    });
}

#[test]
fn a_torn_entry_of_the_log_leaves_out_no_test_that_fails() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0);
    let entries = found(&repository.path(".titer/ledger/log"), ".json");
    let newest = entries.last().unwrap();
    let bytes = fs::read(newest).unwrap();
    fs::write(newest, &bytes[..bytes.len() / 2]).unwrap();
    repository.replace("b.py", "return 2", "return -2");
    let ending = repository.run(COMMAND);
    ending.exits(1);
    assert!(ending.failing().contains("test_b.py::test_b") && ending.warnings().len() <= 1, "{ending:?}");
    repository.replace("b.py", "return -2", "return 2");
    repository.run(COMMAND).exits(0);
    selects(&repository, COMMAND);
}

#[test]
fn without_git_on_the_path_files_are_hashed() {
    let mut repository = project(newest());
    repository.run(COMMAND).exits(0).ran_only(ALL);
    let programs = repository.interpreter.programs.display().to_string();
    repository.variables.insert("PATH".to_owned(), programs);
    // What git knew before and what is hashed now is the same content.
    selects(&repository, COMMAND);
    repository.variables.clear();
    selects(&repository, COMMAND);
}

#[test]
fn a_shallow_clone_with_the_same_ledger_runs_nothing() {
    let repository = project(newest());
    repository.commit("second");
    repository.run(COMMAND).exits(0).ran_only(ALL);
    fs::rename(repository.root(), repository.beside("origin")).unwrap();
    fs::create_dir(repository.root()).unwrap();
    let origin = format!("file://{}", repository.beside("origin").display());
    repository.git(&["clone", "-q", "--depth", "1", &origin, "."]);
    copy_tree(&repository.beside("origin/.titer"), &repository.path(".titer"));
    selects(&repository, COMMAND);
}

#[test]
fn a_detached_head_is_no_change() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0).ran_only(ALL);
    repository.git(&["checkout", "-q", "--detach"]);
    selects(&repository, COMMAND);
}

#[test]
fn a_folder_without_a_repository_is_fine() {
    let repository = Repository::bare(newest());
    for (path, text) in FILES {
        repository.write(path, text);
    }
    repository.run(COMMAND).exits(0).ran_only(ALL);
    repository.run(COMMAND).exits(0).ran_only(&[]);
    repository.replace("b.py", "return 2", "return -3");
    repository.run(COMMAND).exits(1).ran_only(&["test_b.py::test_b"]);
}

#[test]
fn a_repository_without_a_commit_is_fine() {
    let repository = Repository::bare(newest());
    for (path, text) in FILES {
        repository.write(path, text);
    }
    repository.git(&["init", "-q"]);
    goes_on(&repository, COMMAND);
}

#[test]
fn an_adapter_that_cannot_be_imported_is_left_out_and_the_tests_run_once() {
    for text in ["raise RuntimeError('not ours')\n", "x = 1\n"] {
        for interpreter in [newest(), oldest()] {
            let repository = project(interpreter);
            repository.write("titer_pytest/__init__.py", text);
            repository.run(COMMAND).exits(0).ran_only(ALL).warns_once();
            repository.delete("titer_pytest");
            goes_on(&repository, COMMAND);
        }
    }
}

#[test]
fn an_isolated_python_runs_everything_with_one_warning() {
    for interpreter in [newest(), oldest()] {
        let mut repository = project(interpreter);
        // Under -I the witness cannot be imported, yet pytest would still obey the variable that names it.
        repository.variables.insert("PYTEST_PLUGINS".to_owned(), String::new());
        let isolated = ["python", "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider"];
        for _ in 0..2 {
            let ending = repository.run(&isolated);
            ending.exits(0).warns_once();
            assert_eq!(ending.stdout.matches("3 passed").count(), 1, "{}", ending.stdout);
        }
        repository.variables.clear();
        goes_on(&repository, COMMAND);
    }
}

#[test]
fn a_user_who_forbids_the_plugin_is_obeyed() {
    let repository = project(newest());
    repository.run(COMMAND).exits(0);
    repository.replace("b.py", "return 2", "return 4");
    let ending = repository.run(&[COMMAND, &["-p", "no:titer"]].concat());
    ending.exits(0).ran_only(ALL).warns_once();
    repository.replace("b.py", "return 4", "return 2");
    goes_on(&repository, COMMAND);
}

#[test]
fn a_python_without_pytest_says_so_itself() {
    let repository = project(newest());
    let ending = repository.run(&["python", "-S", "-m", "pytest"]);
    ending.exits(1);
    assert_eq!(ending.stderr.matches("No module named").count(), 1, "{}", ending.stderr);
    assert!(ending.warnings().len() <= 1, "{}", ending.stderr);
    goes_on(&repository, COMMAND);
}

#[test]
fn a_command_that_is_not_there_is_127() {
    let repository = project(newest());
    repository.run(&["no-such-runner", "-q"]).exits(127);
    repository.run(&["./no-such-runner"]).exits(127);
    goes_on(&repository, COMMAND);
}

#[test]
fn a_mistyped_flag_of_titer_starts_nothing() {
    let repository = project(newest());
    let started = repository.beside("started");
    let touch = format!("touch {}", started.display());
    for flag in ["--recrod", "--suite=sometimes", "--record=shallow"] {
        repository.titer(&["run", flag, "--", "sh", "-c", &touch]).exits(2);
    }
    repository.titer(&["run"]).exits(2);
    assert!(!started.exists());
}

#[test]
fn an_unknown_runner_runs_as_it_is_with_one_warning() {
    let repository = project(newest());
    repository.run(&["sh", "-c", "echo out; exit 7"]).exits(7).warns_once();
    let ending = repository.run(&["sh", "-c", "echo out"]);
    ending.exits(0).warns_once();
    assert_eq!(ending.stdout, "out\n");
}

#[test]
fn pytest_behind_a_script_is_still_pytest_or_runs_whole() {
    let repository = project(newest());
    let script = COMMAND.join(" ");
    let ending = repository.run(&["sh", "-c", &script]);
    ending.exits(0).ran_only(ALL);
    assert!(ending.warnings().len() <= 1, "{}", ending.stderr);
    repository.replace("b.py", "return 2", "return -2");
    let ending = repository.run(&["sh", "-c", &script]);
    ending.exits(1);
    assert!(ending.failing().contains("test_b.py::test_b"));
}

#[test]
fn every_exit_code_of_pytest_passes_through() {
    for interpreter in [newest(), oldest()] {
        let repository = project(interpreter);
        repository.run(COMMAND).exits(0);
        repository.replace("a.py", "return 1", "return -1");
        repository.run(COMMAND).exits(1);
        repository.replace("a.py", "return -1", "return 1");
        repository.write("test_broken.py", "import nowhere\n");
        repository.run(COMMAND).exits(2);
        repository.delete("test_broken.py");
        repository.write("conftest.py", "def pytest_collection_modifyitems(items):\n    1 / 0\n");
        repository.run(COMMAND).exits(3);
        repository.delete("conftest.py");
        repository.run(&[COMMAND, &["--mistyped"]].concat()).exits(4);
        repository.run(&[COMMAND, &["no_such_file.py"]].concat()).exits(4);
        repository.write("empty/nothing.py", "");
        repository.run(&[COMMAND, &["empty"]].concat()).exits(5);
        goes_on(&repository, COMMAND);
    }
}

#[test]
fn a_project_for_an_older_language_fails_as_it_would_alone() {
    let repository = Repository::with(
        newest(),
        &[
            ("pytest.ini", "[pytest]\n"),
            ("old.py", "def f():\n    print 'x'\n"),
            ("test_old.py", "from old import f\n\n\ndef test_f():\n    f()\n"),
            ("test_new.py", "def test_new():\n    assert True\n"),
        ],
    );
    let truth = repository.truth(COMMAND);
    for _ in 0..2 {
        let ending = repository.run(COMMAND);
        ending.exits(2).warns_never();
        assert_eq!(ending.failing(), truth.failing());
    }
    repository.write("old.py", "def f():\n    print('x')\n");
    repository.run(COMMAND).exits(0).ran_only(&["test_old.py::test_f", "test_new.py::test_new"]);
    repository.run(COMMAND).exits(0).ran_only(&[]);
}

/// Starts a run whose fourth test waits, and returns the process in which it does.
fn held(repository: &mut Repository, command: &[&str]) -> (Going, Pid) {
    let place = repository.beside("out");
    repository.variables.insert("HOLD".to_owned(), place.display().to_string());
    let mut going = repository.start_titer(&[&["run", "--"], command].concat());
    going.until(&place.join("pid"));
    repository.variables.clear();
    let pid = fs::read_to_string(place.join("pid")).unwrap().parse().unwrap();
    (going, Pid::from_raw(pid))
}

/// Whether a process is there and no zombie.
fn alive(pid: Pid) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

#[test]
fn titer_killed_in_the_middle_leaves_a_ledger_that_is_right() {
    let mut repository = waiting(newest());
    let (going, pid) = held(&mut repository, COMMAND);
    going.signal(Signal::SIGKILL);
    let ending = going.wait();
    assert_eq!(ending.signal, Some(9));
    let _ = kill(pid, Signal::SIGKILL);
    repository.run(COMMAND).exits(0).ran_only(WAITED);
    selects(&repository, COMMAND);
}

#[test]
fn pytest_killed_in_the_middle_ends_titer_the_same_way() {
    let mut repository = waiting(newest());
    let (going, pid) = held(&mut repository, COMMAND);
    kill(pid, Signal::SIGKILL).unwrap();
    let ending = going.wait();
    assert!(ending.signal == Some(9) || ending.code == Some(137), "{ending:?}");
    let next = repository.run(COMMAND);
    next.exits(0);
    assert!(next.ran().contains("test_wait.py::test_wait") && next.ran().contains("test_z.py::test_z"), "{next:?}");
    selects(&repository, COMMAND);
}

#[test]
fn a_killed_worker_is_a_failed_test_and_nothing_else() {
    let repository = waiting(newest());
    let spread = [COMMAND, &["-n", "2"]].concat();
    repository.replace("test_z.py", "assert True", "import os; os.kill(os.getpid(), 9)");
    repository.run(&spread).exits(1);
    repository.replace("test_z.py", "import os; os.kill(os.getpid(), 9)", "assert True");
    let next = repository.run(&spread);
    next.exits(0);
    assert!(next.ran().contains("test_z.py::test_z"), "{next:?}");
    selects(&repository, &spread);
}

#[test]
fn an_interrupt_from_the_terminal_is_pytests_to_answer() {
    let mut repository = waiting(newest());
    let (going, _) = held(&mut repository, COMMAND);
    going.signal_group(Signal::SIGINT);
    let ending = going.wait();
    ending.exits(2);
    assert!(ending.stdout.contains("KeyboardInterrupt"), "{ending:?}");
    let next = repository.run(COMMAND);
    next.exits(0);
    assert!(next.ran().contains("test_wait.py::test_wait") && next.ran().contains("test_z.py::test_z"), "{next:?}");
    selects(&repository, COMMAND);
}

#[test]
fn a_request_to_end_reaches_pytest_and_titer_ends_the_same_way() {
    let mut repository = waiting(newest());
    let (going, pid) = held(&mut repository, COMMAND);
    going.signal(Signal::SIGTERM);
    let ending = going.wait();
    assert!(ending.signal == Some(15) || ending.code == Some(143), "{ending:?}");
    sleep(Duration::from_millis(200));
    assert!(!alive(pid), "pytest is still running");
    let next = repository.run(COMMAND);
    next.exits(0);
    assert!(next.ran().contains("test_wait.py::test_wait") && next.ran().contains("test_z.py::test_z"), "{next:?}");
    selects(&repository, COMMAND);
}
