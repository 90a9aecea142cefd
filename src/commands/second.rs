//! The second pass of a deep record: the same command once more, its tests in reverse order, its results nobody's but titer's.
//!
//! Whatever becomes of it, the first pass is the run: its exit code, its output, its outcomes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::bridges::clock::Stopwatch;
use crate::bridges::process::{self, Aside, Ending};
use crate::bridges::workspace::Saved;
use crate::decide::outcomes::variant_of;
use crate::decide::settle::is_caller;
use crate::model::window::Trace;
use crate::report::summary;

use super::facts::{traces_of, traces_of_all};
use super::finish::Finished;
use super::gather::Gathered;
use super::run::{Context, Pass, Runners, prepare};

/// It may take so many times as long as the first pass …
const TIMES: f64 = 4.0;
/// … and so many seconds more: a test may hang in an order in which nobody ever ran it.
const SECONDS: f64 = 60.0;

/// A second pass that came to its end.
#[derive(Debug)]
pub struct Second {
    /// What its processes told.
    pub traces: Vec<Trace>,
    /// How long it took.
    pub seconds: f64,
}

/// Runs the second pass, if one was asked for and can tell anything; says what it does, and why it does not.
pub fn second_pass(
    context: &Context<'_>,
    gathered: &Gathered,
    runners: &Runners,
    first: &Finished,
    talk: &mut dyn Write,
) -> Option<Second> {
    if !context.request.deep || !context.record || !runners.iter().any(|runner| runner.has_second_pass()) {
        return None;
    }
    let quiet = context.settings.quiet;
    let mut say = |line: String| {
        let _ = if quiet { Ok(()) } else { writeln!(talk, "titer: {line}") };
    };
    let traces = traces_of_all(context.settings, runners, &first.folder.path);
    if let Some(why) = tells_nothing(first.ending, &traces) {
        say(format!("no second pass: {why}; the record is not deep"));
        return None;
    }
    say("second pass in reverse order: its failures, its output and its exit code are not yours".to_owned());
    match run(context, gathered, runners, first, &traces) {
        Ok(second) => Some(second),
        Err(why) => {
            say(format!("second pass: {why}; the record is not deep"));
            None
        }
    }
}

/// Why a second pass would not tell anything that can be used.
fn tells_nothing(ending: Ending, traces: &[Trace]) -> Option<String> {
    if matches!(ending, Ending::Signal(_)) {
        return Some("the run was interrupted".to_owned());
    }
    let sessions: Vec<&Trace> = traces.iter().filter(|trace| trace.session.is_some()).collect();
    if sessions.is_empty() {
        return Some("nobody said hello to titer in the run".to_owned());
    }
    if sessions.iter().any(|trace| trace.session.as_ref().is_some_and(|session| session.collect_only)) {
        return Some("the tests were only listed".to_owned());
    }
    if traces.iter().all(|trace| trace.started.is_empty()) {
        return Some("no test ran".to_owned());
    }
    broken_off(&sessions)
}

/// What kept the runner from running its tests to the end. A failing test is no such thing.
fn broken_off(sessions: &[&Trace]) -> Option<String> {
    if let Some(what) = sessions.iter().find_map(|trace| trace.unhealthy.first()) {
        return Some(format!("its recording is not used: {what}"));
    }
    let codes = || sessions.iter().filter(|trace| is_caller(trace)).map(|trace| trace.exit);
    if codes().any(|code| code.is_none()) {
        return Some("the run did not come to its end".to_owned());
    }
    codes().flatten().find(|code| !(0..=1).contains(code)).map(|code| match code {
        2 => "the run was interrupted".to_owned(),
        code => format!("the run ended with code {code}"),
    })
}

fn run(
    context: &Context<'_>,
    gathered: &Gathered,
    runners: &Runners,
    first: &Finished,
    traces: &[Trace],
) -> Result<Second, String> {
    let settings = context.settings;
    let order = order_of(traces);
    let (folder, mut way) = prepare(context, gathered, runners, Pass::Second(&order))?;
    for runner in runners {
        runner.keep_aside(&folder.path, &mut way.environment);
    }
    let saved = results_named(context);
    let watch = Stopwatch::start();
    let limit = first.seconds * TIMES + SECONDS;
    let output = folder.path.join("output.txt");
    let ended = process::run_aside(&way.command, &settings.folder, &way.environment, &output, limit);
    let seconds = watch.seconds();
    let own = traces_of(settings, &folder, runners, gathered.present.as_ref());
    folder.remove();
    let lost: Vec<String> = saved.iter().filter_map(|file| file.put_back().err()).map(|e| e.to_string()).collect();
    match ended {
        Err(error) => return Err(format!("the command cannot be started: {error}")),
        Ok(Aside::Interrupted) => return Err("it was interrupted".to_owned()),
        Ok(Aside::TooLong) => return Err(format!("it was ended after {}", summary::seconds(seconds))),
        Ok(Aside::Ended(_)) => {}
    }
    if let Some(error) = lost.first() {
        return Err(format!("it wrote over a file of yours, which cannot be put back: {error}"));
    }
    let sessions: Vec<&Trace> = own.iter().filter(|trace| trace.session.is_some()).collect();
    if variants(&own) != variants(traces) {
        return Err("its tests did not run under what the first pass ran under".to_owned());
    }
    broken_off(&sessions).map_or(Ok(()), Err)?;
    Ok(Second { traces: own, seconds })
}

fn variants(traces: &[Trace]) -> BTreeSet<&str> {
    traces.iter().filter(|trace| trace.session.is_some()).map(variant_of).collect()
}

/// The tests of every variant in the order of the first pass.
fn order_of(traces: &[Trace]) -> BTreeMap<String, Vec<String>> {
    let lists = traces.iter().filter(|trace| trace.session.is_some());
    lists.filter_map(|trace| Some((variant_of(trace).to_owned(), trace.collected.clone()?))).collect()
}

/// Files that a word of the command names (`--junitxml=FILE`, `--report xml:FILE`): the first pass may have written them.
fn results_named(context: &Context<'_>) -> Vec<Saved> {
    let words = context.request.command.iter().skip(1);
    let names: BTreeSet<&str> =
        words.flat_map(|word| [Some(word.as_str()), after(word, '='), after(word, ':')]).flatten().collect();
    names.into_iter().filter_map(|name| Saved::of(&context.settings.folder.join(name))).collect()
}

fn after(word: &str, sign: char) -> Option<&str> {
    word.rsplit_once(sign).map(|(_, name)| name).filter(|name| !name.is_empty())
}
