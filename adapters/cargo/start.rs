//! Starting a program as cargo would: the user's own runner in front, the environment as the user had it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::plan::Trace;

/// The hidden first argument of the process that becomes a traced program.
pub(crate) const AS_TRACED: &str = "--titer-become-traced";

/// A program to start.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// The user's own runner with its arguments, and the program.
    words: Vec<OsString>,
    environment: Vec<(OsString, Option<OsString>)>,
    trace: Option<Trace>,
}

impl Start {
    pub(crate) fn of(program: &Path, trace: Option<&Trace>) -> Self {
        let mut words = own_runner();
        words.push(program.into());
        Self { words, environment: restored(), trace: trace.cloned() }
    }

    /// The command without the tracer: for a listing, or to become the program.
    pub(crate) fn untraced(&self, arguments: &[OsString]) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).args(arguments);
        put(command, &self.environment)
    }

    /// The command of a run of tests.
    pub(crate) fn command(&self, arguments: &[OsString]) -> Command {
        let (Some(trace), Ok(own)) = (&self.trace, std::env::current_exe()) else { return self.untraced(arguments) };
        let mut command = Command::new(own);
        command.arg(AS_TRACED).arg(&trace.library).arg(&trace.places).args(&self.words).args(arguments);
        put(command, &self.environment)
    }

    /// Becomes the program; comes back only if that cannot be.
    pub(crate) fn become_it(&self, arguments: &[OsString]) -> ExitCode {
        failed(&self.words[0], &self.untraced(arguments).exec())
    }

    pub(crate) fn program(&self) -> &OsStr {
        &self.words[0]
    }
}

fn put(mut command: Command, environment: &[(OsString, Option<OsString>)]) -> Command {
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// A command that sees the environment as the user had it.
pub(crate) fn restored_command(program: &Path) -> Command {
    put(Command::new(program), &restored())
}

/// The user's own runner, with its arguments.
pub(crate) fn own_runner() -> Vec<OsString> {
    lines_of("TITER_CARGO_RUNNER")
}

/// Says that a program cannot be started, as `env` and shells do.
pub(crate) fn failed(program: &OsStr, error: &std::io::Error) -> ExitCode {
    eprintln!("error: could not start `{}`: {error}", Path::new(program).display());
    ExitCode::from(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 })
}

fn lines_of(variable: &str) -> Vec<OsString> {
    let value = std::env::var_os(variable).unwrap_or_default();
    let lines = value.as_bytes().split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| OsString::from_vec(line.to_vec())).collect()
}

/// What differs between our environment and the one that the user's programs would see.
pub(crate) fn restored() -> Vec<(OsString, Option<OsString>)> {
    let ours = std::env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"TITER_CARGO"));
    let mut changes: Vec<(OsString, Option<OsString>)> = ours.map(|(name, _)| (name, None)).collect();
    for line in lines_of("TITER_CARGO_RESTORE") {
        let bytes = line.as_bytes();
        let change = match bytes.iter().position(|&byte| byte == b'=') {
            Some(at) => (OsStr::from_bytes(&bytes[..at]), Some(OsStr::from_bytes(&bytes[at + 1..]).to_owned())),
            None => (line.as_os_str(), None),
        };
        if !change.0.is_empty() {
            changes.push((change.0.to_owned(), change.1));
        }
    }
    changes
}

/// In the process that is to be the program: what the tracer is told holds its number, so it is said here.
pub(crate) fn become_traced(words: &[OsString]) -> ExitCode {
    let [library, places, program, arguments @ ..] = words else { return ExitCode::from(126) };
    let mut trace = OsString::from(format!("{}-1\n", std::process::id()));
    trace.push(places);
    let mut command = Command::new(program);
    command.args(arguments).env("TITER_TRACE", trace);
    command.env("LD_PRELOAD", behind("LD_PRELOAD", library));
    command.env("ASAN_OPTIONS", behind("ASAN_OPTIONS", OsStr::new("verify_asan_link_order=0")));
    failed(program, &command.exec())
}

fn behind(variable: &str, ours: &OsStr) -> OsString {
    let mut value = std::env::var_os(variable).unwrap_or_default();
    if !value.is_empty() {
        value.push(":");
    }
    value.push(ours);
    value
}

/// The real rustdoc.
pub(crate) fn rustdoc() -> PathBuf {
    std::env::var_os("TITER_CARGO_RUSTDOC").filter(|value| !value.is_empty()).unwrap_or_else(|| "rustdoc".into()).into()
}
