//! Every test in a process of its own, in the build that counts.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::listing::{self, Listing};
use crate::options::Options;
use crate::plan::Harness;
use crate::run::Visit;
use crate::system;
use crate::tell::Line;

/// Where a program counts, in its test's folder. The file tracer knows the name, and hands it on to children that begin with an
/// empty environment.
const PROFILE: &str = "titer_%m_%p%c.profraw";

/// Runs what is not left out. Nothing here is the user's verdict, so cargo is always told that all is well.
pub(crate) fn record(visit: &Visit<'_>) -> ExitCode {
    let Some((listing, names)) = tests(visit) else {
        visit.say("untouched", &Listing::default(), &[], None);
        visit.teller.odd(&format!("the tests of {} cannot be listed", visit.program.unit));
        return ExitCode::SUCCESS;
    };
    visit.say("all", &listing, &names, None);
    let folder = visit.plan.folder.join("profiles").join(std::process::id().to_string());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..visit.plan.jobs.min(names.len()) {
            scope.spawn(|| {
                while let Some((number, name)) = one_of(&names, &next) {
                    record_one(visit, &listing, name, number, &folder);
                }
            });
        }
    });
    ExitCode::SUCCESS
}

fn one_of<'a>(names: &'a [String], next: &AtomicUsize) -> Option<(usize, &'a str)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    names.get(number).map(|name| (number, name.as_str()))
}

/// What the program has, and what of it is recorded.
fn tests(visit: &Visit<'_>) -> Option<(Listing, Vec<String>)> {
    let is_in = |name: &String| !visit.plan.leaves_out(&visit.program.unit, name);
    if visit.program.harness == Harness::Plain {
        return Some((Listing::default(), vec![String::new()].into_iter().filter(is_in).collect()));
    }
    let options = Options::parse(visit.arguments)?;
    let listing = Listing::ask(&visit.start, &options, None)?;
    if listing.has_namesakes() {
        return None;
    }
    let names = listing.listed.iter().filter(|name| is_in(name)).cloned().collect();
    Some((listing, names))
}

fn arguments(visit: &Visit<'_>, names: &[String], name: &str) -> Option<Vec<OsString>> {
    if visit.program.harness == Harness::Plain {
        return Some(visit.arguments.to_vec());
    }
    let words = ["--exact", "--", name].map(OsString::from).to_vec();
    // To a mimic a name stands for itself with any kind before it, and older ones know it without its kind only.
    let is_sure = visit.program.harness == Harness::Libtest
        || !(name.starts_with('[') || names.iter().any(|other| other.ends_with(&format!("] {name}"))));
    (is_sure || listing::considered(&visit.start, &words)? == [name]).then_some(words)
}

fn record_one(visit: &Visit<'_>, listing: &Listing, name: &str, number: usize, profiles: &Path) {
    let folder = profiles.join(number.to_string());
    let ran = arguments(visit, &listing.listed, name).and_then(|words| run_one(visit, &words, number, &folder));
    let Some((child, status, seconds)) = ran else {
        return visit.teller.say(true, &format!("{} of {} was not recorded", name, visit.program.unit));
    };
    let line = Line::new("test").text("unit", &visit.program.unit).text("name", name).number("child", Some(child));
    let line = line.number("code", status.code()).number("signal", status.signal()).seconds(seconds);
    visit.teller.tell(&line.text("profile", &folder.to_string_lossy()));
}

fn run_one(visit: &Visit<'_>, arguments: &[OsString], number: usize, folder: &Path) -> Option<(u32, ExitStatus, f64)> {
    fs::create_dir_all(folder).ok()?;
    let mut command: Command = visit.start.command(arguments);
    command.env("LLVM_PROFILE_FILE", folder.join(PROFILE));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let begun = Instant::now();
    let mut child = command.spawn().ok()?;
    loop {
        if let Some(status) = child.try_wait().ok()? {
            return Some((child.id(), status, begun.elapsed().as_secs_f64()));
        }
        if begun.elapsed().as_secs_f64() > visit.plan.limit {
            system::end_group(child.id());
            return Some((child.id(), child.wait().ok()?, begun.elapsed().as_secs_f64()));
        }
        // Nearly at once for a short test, without much waking for a long one.
        thread::sleep((begun.elapsed() / 10).clamp(Duration::from_micros(200), Duration::from_millis(20)));
    }
}
