//! What titer puts between cargo and the programs that it starts: test programs, rustdoc, rustc. Which of the three it stands for
//! is the name by which it was started. Whatever fails on our side, the program is started as if we were not there.
#![warn(unused, rust_2018_idioms, unreachable_pub, unsafe_op_in_unsafe_fn)]
#![deny(unsafe_code)]

mod choice;
mod listing;
mod options;
mod plan;
mod program;
mod pump;
mod record;
mod run;
mod rustc;
mod rustdoc;
mod shard;
mod start;
mod system;
mod tell;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// titer asks whether the program can be started at all.
const AS_PROBE: &str = "--titer-probe";

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let own = words.next().unwrap_or_default();
    let words: Vec<OsString> = words.collect();
    let first = words.first().and_then(|word| word.to_str());
    match (Path::new(&own).file_name().and_then(|name| name.to_str()), first) {
        (_, Some(start::AS_TRACED)) => start::become_traced(&words[1..]),
        (_, Some(pump::AS_PUMP)) => pump::until_the_end(),
        (_, Some(AS_PROBE)) => ExitCode::SUCCESS,
        (Some("titer-rustdoc"), _) => rustdoc::main(&words),
        (Some("titer-rustc"), _) => rustc::main(&words),
        _ => run::main(&words),
    }
}
