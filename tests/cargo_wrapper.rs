//! The program between cargo and what it starts: what is left out does not run, and nothing else is different.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
#[cfg(target_os = "linux")]
use titer::bridges::tracer::{self, Tracer};
use titer::formats::cargo_plan_v1::Harness;
use titer::formats::cargo_told_v1::{How, Told, Verdict};
#[cfg(target_os = "linux")]
use titer::model::touch::{Touch, TouchKind};

use support::cargo::{Place, Setup, Workspace, asked, ran};
use support::is_ignored;

/// All that the library's tests write down when all run.
const OF_LIBRARY: &[&str] =
    &["add", "add_more", "ends", "fails", "forges", "panics", "sees_the_users_environment", "starts_cargo"];

type Words = &'static [&'static str];
type Variables = &'static [(&'static str, &'static str)];

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn with_nothing_left_out_no_byte_is_different() {
    let workspace = Workspace::take();
    let cases: &[(Words, Variables)] = &[
        (&["test", "--workspace"], &[]),
        (&["test", "--workspace", "--no-fail-fast"], &[("FAIL", "1")]),
        (&["test", "-q"], &[]),
        (&["test", "add"], &[]),
        (&["test", "--lib", "--", "--skip", "add", "--test-threads=1", "-q"], &[]),
        (&["test", "--lib", "--", "--exact", "tests::add"], &[]),
        (&["test", "--lib", "--", "--ignored", "--color", "always"], &[]),
        (&["test", "--lib", "--", "--include-ignored"], &[]),
        (&["test", "--lib", "--", "--nocapture"], &[]),
        (&["test", "--lib"], &[("RUST_TEST_NOCAPTURE", "1")]),
        (&["test", "--lib", "--", "--show-output", "--", "add"], &[]),
        (&["test", "--lib", "--", "--list"], &[]),
        (&["test", "--lib", "--", "--help"], &[]),
        (&["test", "--lib", "--", "--no-such-option"], &[]),
        (&["test", "--lib", "--", "--exact", "--exact"], &[]),
        (&["test", "--lib", "--", "--format", "json"], &[]),
        (&["test", "--lib", "--", "--test-threads", "x"], &[]),
        (&["test", "--test", "mimic", "--", "--ignored"], &[]),
        (&["test", "--test", "mimic", "two", "--", "words"], &[]),
        (&["test", "-p", "app", "--lib"], &[("END", "abort")]),
        (&["test", "-p", "app", "--lib"], &[("END", "exit")]),
        (&["test", "--lib", "--no-fail-fast"], &[("END", "kill")]),
        (&["test", "-p", "app", "--lib"], &[("END", "daemon")]),
        (&["bench", "-p", "base"], &[]),
    ];
    workspace.cargo(&["bench", "-p", "base", "--no-run"], &Setup::default());
    for (arguments, variables) in cases {
        let setup = Setup { variables, ..Setup::default() };
        let bare = workspace.cargo(arguments, &setup);
        let (wrapped, told) = workspace.wrapped(arguments, &setup);
        let what = format!("{arguments:?} {variables:?}");
        assert_eq!((wrapped.code, &wrapped.witness), (bare.code, &bare.witness), "{what}");
        assert_eq!(wrapped.stderr, bare.stderr, "{what}");
        // rustdoc runs examples in any order.
        assert_eq!(lines(&wrapped.stdout), lines(&bare.stdout), "{what}");
        assert!(asked(&told).values().all(|(how, _)| [How::All, How::Untouched].contains(how)), "{what}: {told:?}");
    }
}

#[test]
fn what_is_left_out_does_not_run_and_all_else_does() {
    let workspace = Workspace::take();
    let lib = &["test", "-p", "app", "--lib"];
    let mimic = &["test", "--test", "mimic"];
    let but = |gone: &str| OF_LIBRARY.iter().copied().filter(|name| !gone.contains(name)).collect::<Vec<_>>();
    let out = |unit, names: &[&'static str]| names.iter().map(|name| (unit, *name)).collect::<Vec<_>>();
    let in_lib = |names: &[&'static str]| out("app::lib", names);
    let cases = [
        (lib.to_vec(), in_lib(&["tests::add"]), How::Exact, OF_LIBRARY[1..].to_vec()),
        (lib.to_vec(), in_lib(&["tests::gone"]), How::All, OF_LIBRARY.to_vec()),
        ([lib, &["add"][..]].concat(), in_lib(&["tests::add"]), How::Exact, vec!["add_more"]),
        ([lib, &["add"][..]].concat(), in_lib(&["tests::add", "tests::add_more"]), How::None, vec![]),
        ([lib, &["--", "--ignored"][..]].concat(), in_lib(&["tests::add"]), How::All, vec!["put_off"]),
        ([lib, &["--", "--ignored"][..]].concat(), in_lib(&["tests::put_off"]), How::None, vec![]),
        (
            [lib, &["--", "--skip", "add", "--exact", "--skip=tests::fails"][..]].concat(),
            in_lib(&["tests::ends"]),
            How::Exact,
            but("ends fails"),
        ),
        (
            [lib, &["--", "-q", "--", "more", "forges"][..]].concat(),
            in_lib(&["tests::add_more"]),
            How::Exact,
            vec!["forges"],
        ),
        (mimic.to_vec(), out("app::test/mimic", &["two words"]), How::Skip, vec!["-dash", "ashared", "shared"]),
        (mimic.to_vec(), out("app::test/mimic", &["-dash", "[a] shared"]), How::Skip, vec!["shared", "two words"]),
        // To skip this one is to skip its namesake of another kind too.
        (
            mimic.to_vec(),
            out("app::test/mimic", &["shared"]),
            How::Whole,
            vec!["-dash", "ashared", "shared", "two words"],
        ),
        ([mimic, &["shared"][..]].concat(), out("app::test/mimic", &["[a] shared"]), How::Skip, vec!["shared"]),
        (mimic.to_vec(), out("app::test/mimic", &["two words", "-dash", "[a] shared", "shared"]), How::None, vec![]),
        (["test", "--test", "plain"].to_vec(), out("app::test/plain", &[""]), How::None, vec![]),
        (
            ["test", "--test", "it"].to_vec(),
            out("app::test/it", &["deep::r#type::größe"]),
            How::Exact,
            vec!["runs_the_binary"],
        ),
        (["test", "--bin", "app"].to_vec(), in_lib(&["in_the_binary"]), How::All, vec!["in_the_binary"]),
        (["test", "--doc", "-p", "app"].to_vec(), out("app::doc", &[""]), How::None, vec![]),
        (["test", "--doc", "-p", "base"].to_vec(), out("app::doc", &[""]), How::All, vec!["doc of base"]),
    ];
    for (arguments, out, how, names) in cases {
        let (ran, told) = workspace.wrapped(&arguments, &Setup { out: &out, ..Setup::default() });
        let what = format!("{arguments:?} without {out:?}: {ran:?}");
        assert_eq!((ran.code, &ran.witness), (Some(0), &names.iter().map(ToString::to_string).collect()), "{what}");
        assert_eq!(asked(&told).values().map(|(how, _)| *how).collect::<Vec<_>>(), [how], "{what}");
        let is_silent = arguments.contains(&"plain") && how == How::None;
        assert_eq!(ran.stdout.contains("test result: ok. "), !is_silent, "{what}");
    }
}

#[test]
fn examples_that_are_left_out_look_like_none() {
    let workspace = Workspace::take();
    let command = ["test", "--doc", "-p", "app"];
    for more in [&[][..], &["--", "-q"], &["--", "--color=never", "--test-threads=1"]] {
        let arguments = [&command, more].concat();
        let out = [("app::doc", "")];
        let (ran, _) = workspace.wrapped(&arguments, &Setup { out: &out, ..Setup::default() });
        // A filter that nothing matches leaves rustdoc with none as well.
        let at = more.len().min(1);
        let none = [&command, &["--"][..], &more[at..], &["nothing matches"]].concat();
        let bare = workspace.cargo(&none, &Setup::default());
        let wanted = bare.stdout.replace("2 filtered", "0 filtered");
        let wanted = lines(&wanted).into_iter().filter(|line| !line.starts_with("all doctests"));
        assert_eq!(lines(&ran.stdout), wanted.collect::<Vec<_>>(), "{more:?}");
    }
    let (listed, _) = workspace
        .wrapped(&[&command[..], &["--", "--list"]].concat(), &Setup { out: &[("app::doc", "")], ..Setup::default() });
    assert!(listed.stdout.contains("2 tests"), "{listed:?}");
}

#[test]
fn what_ended_is_told_even_if_the_program_did_not_come_to_its_end() {
    let workspace = Workspace::take();
    let arguments = ["test", "-p", "app", "--lib"];
    for (end, code, signal) in
        [("", Some(0), None), ("exit", Some(7), None), ("kill", None, Some(9)), ("abort", None, Some(6))]
    {
        let variables = [("END", end)];
        let (_, told) = workspace.wrapped(&arguments, &Setup { variables: &variables, ..Setup::default() });
        let [Told::Program(program), Told::Log { lines, .. }, Told::End(ending)] = told.as_slice() else {
            panic!("{end}: {told:?}")
        };
        assert_eq!((ending.code, ending.signal), (code, signal));
        assert_eq!((program.listed.len(), program.ignored.len()), (8, 1));
        let known: Vec<(Verdict, &str)> = lines.iter().map(|(verdict, name)| (*verdict, name.as_str())).collect();
        assert_eq!(known[..2], [(Verdict::Ok, "tests::add"), (Verdict::Ok, "tests::add_more")]);
        assert_eq!(known.len(), if end.is_empty() { 9 } else { 2 }, "{end}: {known:?}");
        assert_eq!(known.contains(&(Verdict::Ignored, "tests::put_off")), end.is_empty());
    }
}

#[test]
fn the_users_own_runner_stands_in_front_and_its_variable_is_back() {
    let workspace = Workspace::take();
    let place = tempfile::tempdir().unwrap();
    let runner = place.path().join("own runner");
    fs::write(&runner, "#!/bin/sh\necho \"own $1\" >&2\nshift\nexec \"$@\"\n").unwrap();
    fs::set_permissions(&runner, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let words = format!("{}\nan argument", runner.display());
    let variables = [("TITER_CARGO_RUNNER", words.as_str()), ("CARGO_TARGET_USERS_RUNNER", "kept")];
    let setup = Setup { variables: &variables, out: &[("app::lib", "tests::add")], ..Setup::default() };
    let (ran, _) = workspace.wrapped(&["test", "-p", "app"], &setup);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // A library, a binary, three test programs, the examples in one program.
    assert_eq!(ran.stderr.matches("own an argument").count(), 6, "{ran:?}");
    // One is what a test says.
    assert_eq!(ran.stderr.matches("deprecated").count(), 1, "{ran:?}");
    assert!(!ran.witness.contains(&"add".to_owned()), "{ran:?}");
}

#[test]
fn a_cargo_that_a_test_starts_is_the_users_own() {
    let workspace = Workspace::take();
    let nested = workspace.root.join("nested/Cargo.toml");
    let variables = [("NESTED", nested.to_str().unwrap())];
    let setup = Setup { variables: &variables, ..Setup::default() };
    let (ran, told) = workspace.wrapped(&["test", "-p", "app", "--lib", "starts_cargo"], &setup);
    assert_eq!((ran.code, told.len()), (Some(0), 3), "{ran:?} {told:?}");
}

#[test]
fn a_section_is_for_one_call_of_cargo() {
    let workspace = Workspace::take();
    let here = workspace.root.to_str().unwrap();
    let cases = [
        (vec!["test", "--lib", "add"], here, How::Exact),
        (vec!["test", "--lib"], here, How::All),
        (vec!["test", "--lib", "add"], "/", How::All),
    ];
    for (words, folder, how) in cases {
        let out = [("app::lib", "tests::add")];
        let setup = Setup { out: &out, only: Some((words.clone(), folder)), ..Setup::default() };
        let (_, told) = workspace.wrapped(&["test", "--lib", "add"], &setup);
        assert_eq!(asked(&told)["app::lib"].0, how, "{words:?} {folder}");
        let Told::Program(program) = &told[0] else { panic!("{told:?}") };
        assert_eq!(
            (&program.argv[1..], program.cargo_cwd.as_str()),
            (&["test", "--lib", "add"].map(String::from)[..], here)
        );
    }
}

#[test]
fn nothing_is_built_anew_because_of_us() {
    let workspace = Workspace::take();
    let arguments = ["test", "--workspace", "-v"];
    for _ in 0..2 {
        let (wrapped, _) = workspace.wrapped(&arguments, &Setup::default());
        for text in [wrapped.stderr, workspace.cargo(&arguments, &Setup::default()).stderr] {
            assert!(text.contains("Fresh app") && !text.contains("Compiling") && !text.contains("Dirty"), "{text}");
        }
    }
}

#[test]
fn a_record_runs_every_test_in_a_process_of_its_own() {
    let workspace = Workspace::take();
    let place = Place::new();
    let rustc = place.path("titer-rustc");
    let target = workspace.root.join("target/counted");
    let variables = [
        ("RUSTC_WORKSPACE_WRAPPER", rustc.to_str().unwrap()),
        ("CARGO_TARGET_DIR", target.to_str().unwrap()),
        ("END", "slow"),
    ];
    let out = [("app::lib", "tests::add")];
    let setup = Setup { record: Some(2), variables: &variables, out: &out, ..Setup::default() };
    let (ran, told) = workspace.wrapped(&["test", "--workspace", "--all-targets"], &setup);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    let mut names = Vec::new();
    for line in &told {
        let Told::Test(test) = line else { continue };
        let is_slow = test.name == "tests::ends";
        assert_eq!((test.code, test.signal), if is_slow { (None, Some(9)) } else { (Some(0), None) }, "{test:?}");
        names.push(format!("{} {}", test.unit, test.name));
    }
    // In the mimic one name stands for two tests: that cannot be recorded.
    assert_eq!(names.len(), 7 + 1 + 2 + 3 + 1 + 1, "{names:?}");
    let unrecorded = told.iter().filter(|line| matches!(line, Told::Health { ok: true, .. })).count();
    assert_eq!(unrecorded, 1, "{told:?}");
    assert!(!names.contains(&"app::lib tests::add".to_owned()));
    assert_eq!(ran.witness.len(), names.len(), "{names:?} {ran:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_file_tracer_sees_belongs_to_the_test_programs_process() {
    let workspace = Workspace::take();
    let roots = [workspace.root.clone()];
    let tracer = Tracer::start(&roots).unwrap();
    let environment = tracer.environment(&roots, Path::new(""), &|_| None);
    let library = environment.iter().find(|(name, _)| name == "LD_PRELOAD").unwrap().1.clone().unwrap();
    let trace = Some((library.to_str().unwrap(), tracer.folder.to_str().unwrap()));
    for record in [None, Some(60)] {
        let setup = Setup { record, trace, ..Setup::default() };
        let (ran, told) = workspace.wrapped(&["test", "-p", "app", "--test", "it"], &setup);
        assert_eq!((ran.code, ran.witness.len()), (Some(0), 2), "{ran:?}");
        let children = told.iter().filter_map(|line| match line {
            Told::Program(program) => program.child,
            Told::Test(test) => Some(test.child),
            Told::Log { .. } | Told::End(_) | Told::Doc(_) | Told::Health { .. } | Told::Unknown => None,
        });
        let children: Vec<u32> = children.collect();
        let seen = tracer::touches(&tracer.folder).unwrap();
        for child in children {
            let own = |touch: &&Touch| (touch.owner, touch.window) == (child, 1);
            let hello = |pid| seen.all.iter().filter(own).any(|s| s.kind == TouchKind::Hello && s.pid == pid);
            assert!(hello(child), "{child}: {seen:?}");
        }
    }
    tracer::remove(&tracer.folder);
}

/// What an invented program answers and notes down: its words, one a line.
const SCRIPT: &str = r#"case "$*" in
*--list*--ignored*) ;;
*--list*) cat list ;;
*) printf '%s\n' "$@" >>words; if [ -t 2 ]; then echo terminal >>words; fi; eval "$DO" ;;
esac"#;

#[test]
fn what_cannot_be_understood_is_started_as_if_we_were_not_there() {
    let cases: &[(&str, &[&str])] = &[
        ("a: test\nhello\n", &["x"]),
        ("a: test\n", &["--no-such-option"]),
        ("a: test\n", &["--bench"]),
        ("a: test\n", &["-Zunstable-options", "--format=json"]),
        ("a: test\n", &["--format", "junit"]),
    ];
    for (list, arguments) in cases {
        let place = Place::new();
        let mut command = place.invent(Harness::Libtest, &[("fake::lib", "a")], SCRIPT);
        fs::write(place.path("list"), list).unwrap();
        let ending = ran(command.args(*arguments), Path::new(""));
        let words = fs::read_to_string(place.path("words")).unwrap();
        assert_eq!(words.lines().collect::<Vec<_>>(), *arguments, "{ending:?}");
        assert_eq!(asked(&place.told())["fake::lib"].0, How::Untouched);
    }
    for plan in ["", "titer-cargo-plan\t2\n", "\u{0}\n", "titer-cargo-plan\t1\ncall\t*\nout\tfake::lib\ta\n"] {
        let place = Place::new();
        let mut command = place.invent(Harness::Libtest, &[], SCRIPT);
        place.plan(plan.as_bytes());
        ran(command.env("DO", "exit 5").arg("--quiet"), Path::new(""));
        assert_eq!(fs::read_to_string(place.path("words")).unwrap(), "--quiet\n", "{plan}");
    }
}

#[test]
fn names_that_do_not_fit_are_skipped_instead_and_else_all_run() {
    let names: Vec<String> = (0..20_000).map(|number| format!("{number:05}{}", "x".repeat(70))).collect();
    let list = names.join(": test\n") + ": test\n";
    for (count, how, first) in
        [(10, How::Skip, "--exact"), (10_000, How::Exact, "--exact"), (9_000, How::Exact, "--exact")]
    {
        let out: Vec<(&str, &str)> = names[..count].iter().map(|name| ("fake::lib", name.as_str())).collect();
        let place = Place::new();
        let mut command = place.invent(Harness::Libtest, &out, SCRIPT);
        fs::write(place.path("list"), &list).unwrap();
        assert_eq!(ran(command.arg("0"), Path::new("")).code, Some(0));
        let words = fs::read_to_string(place.path("words")).unwrap();
        let words: Vec<&str> = words.lines().skip(2).collect();
        let wanted = if how == How::Skip { count } else { names.len() - count };
        assert_eq!((words[0], words.len()), (first, wanted + 1));
        assert!(!words.contains(&"0"), "the user's own filter has done its work");
        assert_eq!(asked(&place.told())["fake::lib"].0, how);
    }
    // A mimic takes one name only, so here neither way is left.
    let out: Vec<(&str, &str)> = names[..19_000].iter().map(|name| ("fake::lib", name.as_str())).collect();
    let place = Place::new();
    let mut command = place.invent(Harness::Mimic, &out, SCRIPT);
    fs::write(place.path("list"), &list).unwrap();
    ran(&mut command, Path::new(""));
    assert_eq!(asked(&place.told())["fake::lib"].0, How::Whole);
}

#[test]
fn a_program_sees_the_terminal_that_is_there() {
    let place = Place::new();
    let mut command = place.invent(Harness::Libtest, &[], SCRIPT);
    fs::write(place.path("list"), "a: test\n").unwrap();
    let runner = place.path("titer-runner");
    let program = place.path("fake-0123456789abcdef");
    let line = format!("{} {} -q", runner.display(), program.display());
    let mut terminal = std::process::Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).current_dir(place.path(""));
    for (name, value) in command.get_envs() {
        terminal.envs(value.map(|value| (name, value)));
    }
    terminal.output().unwrap();
    assert_eq!(fs::read_to_string(place.path("words")).unwrap(), "-q\nterminal\n");
    ran(command.arg("-q"), Path::new(""));
    let words = fs::read_to_string(place.path("words")).unwrap();
    assert!(words.contains("--logfile") && words.ends_with("-q\n"), "{words}");
}

#[test]
fn a_signal_to_the_group_is_told_as_the_programs_end() {
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
    for signal in signals.into_iter().filter(|signal| !is_ignored(*signal)) {
        let place = Place::new();
        let mut command = place.invent(Harness::Plain, &[], "exec sleep 60");
        let mut child = command.process_group(0).spawn().unwrap();
        // The shell itself may answer a signal in its own way.
        let sleeps = |told: &[Told]| {
            let pid = told.iter().find_map(|line| if let Told::Program(program) = line { program.child } else { None });
            pid.is_some_and(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n"))
        };
        while !sleeps(&place.told()) {
            sleep(Duration::from_millis(5));
        }
        kill(Pid::from_raw(-i32::try_from(child.id()).unwrap()), signal).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(signal as i32));
        let told = place.told();
        let [_, Told::End(end)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((end.code, end.signal), (None, Some(signal as i32)));
    }
}
