//! A test program in the user's own run.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Instant, SystemTime};

use crate::choice::Choice;
use crate::listing::Listing;
use crate::options::Options;
use crate::plan::{Harness, Plan, Program};
use crate::start::{self, Start};
use crate::tell::{Line, Teller};
use crate::{program, pump, record, system};

/// One call of the runner.
pub(crate) struct Visit<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) program: &'a Program,
    pub(crate) executable: &'a Path,
    pub(crate) arguments: &'a [OsString],
    pub(crate) start: Start,
    pub(crate) teller: Teller,
}

pub(crate) fn main(words: &[OsString]) -> ExitCode {
    let Some((executable, arguments)) = words.split_first() else {
        eprintln!("usage: titer-runner PROGRAM ARGUMENTS...");
        return ExitCode::FAILURE;
    };
    let executable = Path::new(executable);
    let plan = Plan::find();
    let start = Start::of(executable, plan.as_ref().and_then(|plan| plan.trace.as_ref()));
    let Some(plan) = plan else { return start.become_it(arguments) };
    let teller = Teller::of(&plan.folder);
    let Some(program) = program::find(&plan, executable) else {
        if program::crate_name(executable).is_some() {
            teller.odd(&format!("the plan does not name {}", executable.display()));
        }
        if plan.record {
            return ExitCode::SUCCESS;
        }
        return start.become_it(arguments);
    };
    let visit = Visit { plan: &plan, program, executable, arguments, start, teller };
    if plan.record {
        return record::record(&visit);
    }
    match program.harness {
        Harness::Plain => plain(&visit),
        Harness::Libtest | Harness::Mimic => visit.choose(),
    }
}

fn plain(visit: &Visit<'_>) -> ExitCode {
    if visit.arguments.iter().any(|argument| argument == "--bench") {
        return visit.untouched();
    }
    if visit.plan.leaves_out(&visit.program.unit, "") {
        visit.say("none", &Listing::default(), &[], None);
        return ExitCode::SUCCESS;
    }
    let all = Choice { how: "all", asked: Vec::new(), arguments: None };
    visit.run(&all, &Listing::default(), None)
}

impl Visit<'_> {
    /// The program as cargo wanted it.
    fn untouched(&self) -> ExitCode {
        self.say("untouched", &Listing::default(), &[], Some(std::process::id()));
        self.start.become_it(self.arguments)
    }

    fn choose(&self) -> ExitCode {
        let Some(options) = Options::parse(self.arguments) else { return self.untouched() };
        let log = self.log(&options);
        let Some(listing) = Listing::ask(&self.start, &options, log.as_deref().map(Path::as_os_str)) else {
            return self.untouched();
        };
        let choice = Choice::make(self.plan, self.program, &self.start, &options, &listing);
        let log = log.filter(|_| listing.logs);
        self.run(&choice, &listing, log.as_deref())
    }

    /// Where the program may write its results. Not where that could be noticed: it costs a pipe between its standard error and
    /// ours, and in mimics all output goes there.
    fn log(&self, options: &Options) -> Option<PathBuf> {
        let shows_all =
            std::env::var_os("RUST_TEST_NOCAPTURE").is_some_and(|value| value != "0") || options.shows_all();
        if self.program.harness != Harness::Libtest || options.has("logfile") || shows_all || io::stderr().is_terminal()
        {
            return None;
        }
        let folder = self.plan.folder.join("log");
        fs::create_dir_all(&folder).ok()?;
        Some(folder.join(std::process::id().to_string()))
    }

    fn run(&self, choice: &Choice, listing: &Listing, log: Option<&Path>) -> ExitCode {
        system::outlive_signals();
        let begun = Instant::now();
        let arguments = choice.arguments.as_deref().unwrap_or(self.arguments);
        let (mut child, pump) = match spawn(&self.start, arguments, log) {
            Ok(started) => started,
            // The system takes fewer words than it says.
            Err(error) if error.kind() == io::ErrorKind::ArgumentListTooLong && choice.arguments.is_some() => {
                return self.run(&Choice::everything("whole", listing), listing, log);
            }
            Err(error) => return start::failed(self.start.program(), &error),
        };
        self.say(choice.how, listing, &choice.asked, Some(child.id()));
        let status = child.wait();
        let seconds = begun.elapsed().as_secs_f64();
        if let Some((pump, ended)) = pump {
            drop(ended);
            let _ = pump.join();
        }
        if let Some(log) = log {
            self.say_log(log, listing);
        }
        let Ok(status) = status else { return ExitCode::FAILURE };
        self.say_end(status, seconds);
        ended_as(status)
    }

    pub(crate) fn say(&self, how: &str, listing: &Listing, asked: &[String], child: Option<u32>) {
        let words = |words: &[OsString]| -> Vec<String> {
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
        };
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|time| time.as_secs_f64()).ok();
        let folder = std::env::current_dir().unwrap_or_default();
        let line = Line::new("program")
            .text("unit", &self.program.unit)
            .text("harness", self.program.harness.name())
            .text("exe", &self.executable.to_string_lossy())
            .text("cwd", &folder.to_string_lossy())
            .number("pid", Some(std::process::id()))
            .number("child", child)
            .call(&self.plan.call)
            .list("args", &words(self.arguments))
            .list("listed", &listing.listed)
            .list("ignored", &listing.ignored)
            .list("asked", asked)
            .text("how", how)
            .number("at", at.map(|at| format!("{at:.3}")));
        self.teller.tell(&line);
    }

    fn say_log(&self, log: &Path, listing: &Listing) {
        let Ok(text) = fs::read(log) else { return };
        let lines = results(&String::from_utf8_lossy(&text), listing);
        self.teller.tell(&Line::new("log").text("unit", &self.program.unit).pairs("lines", &lines));
        let _ = fs::remove_file(log);
    }

    fn say_end(&self, status: ExitStatus, seconds: f64) {
        let line = Line::new("end").text("unit", &self.program.unit).number("code", status.code());
        self.teller.tell(&line.number("signal", status.signal()).seconds(seconds));
    }
}

type Pumped = Option<(std::thread::JoinHandle<()>, io::PipeWriter)>;

/// Starts the program; with a log its standard error comes through us.
fn spawn(start: &Start, arguments: &[OsString], log: Option<&Path>) -> io::Result<(Child, Pumped)> {
    let Some(log) = log else { return Ok((start.command(arguments).spawn()?, None)) };
    let ours = [OsString::from("--logfile"), log.into()];
    // Before the user's own: behind `--` nothing is an option.
    let mut command: Command = start.command(&[&ours, arguments].concat());
    let (from, to) = io::pipe()?;
    let (ended, end) = io::pipe()?;
    let child = command.stderr(to).spawn()?;
    // The command holds our copy of the pipe's end.
    drop(command);
    Ok((child, Some((pump::begin(from, ended), end))))
}

/// How tests ended. A line of the log may go on in the next, with what a test said of itself, so only names that the program has
/// end one; what cannot be understood ends the reading.
fn results<'a>(text: &str, listing: &Listing) -> Vec<(&'a str, String)> {
    let names: std::collections::BTreeSet<&str> =
        listing.listed.iter().chain(&listing.ignored).map(String::as_str).collect();
    let mut results = Vec::new();
    let mut open: Option<&'a str> = None;
    for line in text.lines() {
        let verdict = ["ok", "failed", "ignored"].into_iter().find(|verdict| {
            line.strip_prefix(verdict).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with(": "))
        });
        let Some(verdict) = open.or(verdict) else { break };
        // Names hold no spaces in programs of rustc's own harness.
        match line.rsplit_once(' ').filter(|(_, name)| names.contains(name)) {
            Some((_, name)) => {
                results.push((verdict, name.to_owned()));
                open = None;
            }
            None => open = Some(verdict),
        }
    }
    results
}

/// Ends as the program ended.
pub(crate) fn ended_as(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        system::die_of(signal);
    }
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
