//! The program.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Not locked for the whole of the program: other threads answer on standard output, too.
    titer::cli::main(&mut io::stdout(), &mut io::stderr())
}
