//! rustc in the build that counts: the members' own code is compiled to count what runs.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use crate::start;

/// Counters live in the profile itself, so that a test that aborts, is killed or becomes another program leaves them behind.
const KEPT: &str = "-Cllvm-args=-runtime-counter-relocation";

pub(crate) fn main(words: &[OsString]) -> ExitCode {
    let Some((compiler, arguments)) = words.split_first() else { return ExitCode::FAILURE };
    let mut command = Command::new(compiler);
    command.args(arguments);
    if is_counted(arguments) {
        command.args(["-Cinstrument-coverage", KEPT]);
    }
    start::failed(compiler, &command.exec())
}

/// Not what runs while things are built, and not cargo's questions to the compiler.
fn is_counted(arguments: &[OsString]) -> bool {
    let name = value(arguments, "--crate-name").unwrap_or_default();
    let is_question = name.is_empty() || name == "___";
    let is_macro = value(arguments, "--crate-type").is_some_and(|kind| kind == "proc-macro");
    !is_question && !is_macro && !name.starts_with("build_script_")
}

/// The value of an option that stands in the next argument, as cargo writes them, or behind `=`.
pub(crate) fn value<'a>(arguments: &'a [OsString], option: &str) -> Option<&'a str> {
    let words = || arguments.iter().filter_map(|word| word.to_str());
    let joined = words().find_map(|word| word.strip_prefix(option)?.strip_prefix('='));
    joined.or_else(|| {
        let at = arguments.iter().position(|word| word == option)?;
        arguments.get(at + 1)?.to_str()
    })
}
