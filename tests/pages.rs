//! Completions and pages for `man` are made of the command line's own definitions, and shells and `man` read them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// What titer prints, in a folder that is no repository.
fn titer(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_titer")).args(arguments).current_dir(folder.path()).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let told = titer(arguments);
    assert!(told.status.success() && told.stderr.is_empty(), "{told:?}");
    String::from_utf8(told.stdout).unwrap()
}

/// Feeds a text to a program; nothing where the program is not on this machine, or fails if it must be there.
fn fed(program: &str, arguments: &[&str], text: &str, must: bool) -> Option<Output> {
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        assert!(!must, "no {program} on this machine");
        eprintln!("titer: WARNING: NOT TESTED: no {program} on this machine");
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    let text = text.to_owned();
    // The program may print before it has read all.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let told = child.wait_with_output().unwrap();
    let _ = writer.join();
    Some(told)
}

#[test]
fn shells_read_their_completions_and_hidden_commands_stay_hidden() {
    for (shell, must) in [("bash", true), ("zsh", false), ("fish", false)] {
        let text = printed(&["completions", shell]);
        assert!(text.contains("weekly") && text.contains("keygen") && !text.contains("cage"), "{shell}: {text}");
        if let Some(told) = fed(shell, &["-n"], &text, must) {
            assert!(told.status.success() && told.stderr.is_empty(), "{shell}: {told:?}");
        }
    }
}

#[test]
fn bash_completes_commands_and_flags() {
    let text = printed(&["completions", "bash"]);
    for (words, current, expected) in [
        ("titer do", 1, &["doctor"][..]),
        ("titer audit se", 2, &["seal"]),
        ("titer init --c", 2, &["--ci", "--config", "--color"]),
        ("titer ca", 1, &[]),
    ] {
        let last = words.rsplit(' ').next().unwrap();
        let before = words.split(' ').nth(current - 1).unwrap();
        let asks = format!(
            "{text}\nCOMP_WORDS=({words}); COMP_CWORD={current}; _titer titer '{last}' '{before}'; echo \"${{COMPREPLY[@]}}\"\n"
        );
        let told = fed("bash", &["--norc"], &asks, true).unwrap();
        let mut said: Vec<String> =
            String::from_utf8(told.stdout).unwrap().split_whitespace().map(str::to_owned).collect();
        said.sort();
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(said, expected, "{words}: {}", String::from_utf8_lossy(&told.stderr));
    }
}

#[test]
fn pages_are_roff_that_man_reads_and_name_what_the_help_names() {
    for (arguments, title, says) in [
        (&["man"][..], ".TH titer 1", &["weekly", "SUBCOMMANDS", "Exit codes"][..]),
        (&["man", "run"], ".TH titer-run 1", &["\\-\\-budget", "COMMAND"]),
        (&["man", "audit", "seal"], ".TH titer-audit-seal 1", &["\\-\\-push"]),
    ] {
        let text = printed(arguments);
        for part in [&[title], says].concat() {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!text.contains("cage"), "{text}");
        if let Some(told) = fed("groff", &["-man", "-Tutf8", "-ww", "-z"], &text, false) {
            assert!(told.status.success() && told.stderr.is_empty(), "{}", String::from_utf8_lossy(&told.stderr));
        }
        if let Some(told) = fed("man", &["--warnings", "-l", "-"], &text, false) {
            assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        }
    }
    let told = titer(&["man", "cage"]);
    assert_eq!(told.status.code(), Some(2), "a hidden command has no page");
    assert!(String::from_utf8_lossy(&told.stderr).contains("titer has no command cage"));
}
