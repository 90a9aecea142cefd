//! The file tracer: what it must see of every way to touch a file or start a program.
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
use std::process::Command;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use support::traced::{Must, Place, compiler, complaints, ended, here, is_root, sources, tools};
use support::{newest, oldest};
use titer::bridges::runners::adapter::TRACER;

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

fn cases<T: DeserializeOwned>(file: &str) -> Cases<T> {
    toml::from_str(&fs::read_to_string(sources().join(file)).unwrap()).unwrap()
}
fn filled(word: &str, place: &Place, python: &str) -> String {
    let with = [
        ("{root}", place.root().display().to_string()),
        ("{static}", tools().folder.join("static").display().to_string()),
        ("{python}", python.to_owned()),
        ("{window}", place.arena.folder.join("window/1-2").display().to_string()),
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
