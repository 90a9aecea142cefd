//! rustdoc where it tests the examples of a package.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitCode, ExitStatus};
use std::time::Instant;

use crate::options::Options;
use crate::plan::{Doc, Plan};
use crate::run::ended_as;
use crate::rustc::value;
use crate::tell::{Line, Teller};
use crate::{start, system};

/// What rustdoc says of a package without examples.
fn nothing(is_coloured: bool) -> String {
    let ok = if is_coloured { "\x1b[32mok\x1b(B\x1b[m" } else { "ok" };
    format!(
        "\nrunning 0 tests\n\ntest result: {ok}. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n"
    )
}

pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    let program = start::rustdoc();
    let mut command = start::restored_command(&program);
    command.args(with_own_runner(arguments, &start::own_runner()));
    let plan = if arguments.iter().any(|word| word == "--test") { Plan::find() } else { None };
    let found = plan.as_ref().and_then(|plan| Some((plan, doc(plan, arguments)?)));
    let Some((plan, doc)) = found else { return start::failed(program.as_os_str(), &command.exec()) };
    let teller = Teller::of(&plan.folder);
    let options = harness_options(arguments).filter(|_| plan.leaves_out(&doc.unit, ""));
    if let Some(options) = options {
        // Whoever reads may have gone.
        let _ = io::stdout().write_all(nothing(is_coloured(&options)).as_bytes());
        tell(&teller, plan, doc, "none", None, 0.0);
        return ExitCode::SUCCESS;
    }
    system::outlive_signals();
    let begun = Instant::now();
    let status = match command.spawn().and_then(|mut child| child.wait()) {
        Ok(status) => status,
        Err(error) => return start::failed(program.as_os_str(), &error),
    };
    tell(&teller, plan, doc, "all", Some(status), begun.elapsed().as_secs_f64());
    ended_as(status)
}

/// The arguments as cargo gives them without us. With any runner rustdoc runs examples in another way: all of a crate in one
/// process, with a warning.
fn with_own_runner(arguments: &[OsString], own: &[OsString]) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        if word == "--test-runtool" {
            rest.next();
            for (at, own) in own.iter().enumerate() {
                words.push(OsString::from(if at == 0 { "--test-runtool" } else { "--test-runtool-arg" }));
                words.push(own.clone());
            }
        } else {
            words.push(word.clone());
        }
    }
    words
}

fn doc<'a>(plan: &'a Plan, arguments: &[OsString]) -> Option<&'a Doc> {
    let crate_name = value(arguments, "--crate-name")?;
    let package = std::env::var("CARGO_PKG_NAME").ok()?;
    let mut found = plan.docs.iter().filter(|doc| doc.crate_name == crate_name && doc.package == package);
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

/// What the user gave to the harness; none where rustdoc would say something else than [`nothing`].
fn harness_options(arguments: &[OsString]) -> Option<Options> {
    let mut words = Vec::new();
    for (at, word) in arguments.iter().enumerate() {
        if word == "--no-run" {
            return None;
        }
        if word == "--test-args" {
            // rustdoc too takes them apart at white space.
            words.extend(arguments.get(at + 1)?.to_str()?.split_whitespace().map(OsString::from));
        }
    }
    Options::parse(&words).filter(|options| !options.has("logfile") && !options.has("show-output"))
}

fn is_coloured(options: &Options) -> bool {
    match options.value("color") {
        Some("always") => true,
        Some("never") => false,
        _ => {
            io::stdout().is_terminal() && std::env::var("TERM").is_ok_and(|kind| !["", "dumb"].contains(&kind.as_str()))
        }
    }
}

fn tell(teller: &Teller, plan: &Plan, doc: &Doc, how: &str, status: Option<ExitStatus>, seconds: f64) {
    let line = Line::new("doc").text("unit", &doc.unit).text("how", how);
    let line = line.number("code", status.map_or(Some(0), |status| status.code()));
    let line = line.number("signal", status.and_then(|status| status.signal()));
    teller.tell(&line.seconds(seconds).call(&plan.call));
}
