//! The program.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    titer::cli::main(&mut io::stdout().lock(), &mut io::stderr().lock())
}
