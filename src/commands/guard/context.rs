//! `titer guard context`: all that somebody needs who writes a guard by hand, person or agent: the fault, its frames with the source around
//! them, what production told, how tests look here, and what the test has to be.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::decide::guard_home;
use crate::formats::agent_v1::{
    self, Budget, Conventions, MOST_UNTRUSTED, Previous, Question, Rule, Source, Untrusted,
};
use crate::formats::draft_v1::Draft;
use crate::model::failure::Failure;
use crate::model::guard::{Crash, Criterion, Runner};
use crate::settings::Settings;

use super::bench::{Bench, Laid};
use super::fault::{self, Fault};
use super::{check, draft};

/// Lines around a frame that are shown.
const AROUND: u32 = 20;
/// Characters of a test that is shown as an example.
const EXAMPLE: usize = 6000;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The beginning of the fault's id.
    pub fault: String,
    /// The commit that fails; else the one that production ran.
    pub faulty: Option<String>,
    /// The commit that does not; else none is told.
    pub fixed: Option<String>,
    /// The interpreter.
    pub python: Option<PathBuf>,
}

/// Prints it, as JSON (format `agent_v1`).
///
/// # Errors
/// There is no such fault, or git fails.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write) -> Result<(), Failure> {
    let fault = fault::find(&fault::lens(settings)?, &request.fault)?;
    let mut draft = check::fresh(settings, &fault, request.faulty.as_deref())?;
    if let Some(fixed) = &request.fixed {
        draft.fixed = draft::commit(settings, fixed)?;
    }
    let policy = &settings.policy.guard.agent;
    let left = Budget { seconds: policy.micros / 1_000_000, attempts: policy.attempts, cost: policy.cost };
    let told = question(settings, request.python.as_deref(), &fault, &draft, &[], left)?;
    crate::commands::say(out, &format!("{}\n", String::from_utf8_lossy(&told)))
}

/// The bytes of the question.
///
/// # Errors
/// Git or the ledger fails.
pub(super) fn question(
    settings: &Settings,
    python: Option<&Path>,
    fault: &Fault,
    draft: &Draft,
    previous: &[Previous],
    left: Budget,
) -> Result<Vec<u8>, Failure> {
    let runner = super::runner(&draft.crash.path)?;
    let mut bench = Bench::open(settings, runner, python, &draft.crash.path)?;
    let tree = bench.tree(&draft.faulty)?;
    let (events, _) = fault.incidents(settings, &draft.faulty)?;
    let frames: Vec<Source> = events
        .first()
        .and_then(|event| event.exceptions.last())
        .into_iter()
        .flat_map(|one| &one.frames)
        .filter(|frame| !frame.path.is_empty())
        .filter_map(|frame| source(&tree, &frame.path, &frame.function, frame.line?))
        .collect();
    let events = serde_json::to_string(&events).unwrap_or_default();
    // Whoever may send an event chooses these words.
    let crash = Crash {
        r#type: word(&draft.crash.r#type),
        function: word(&draft.crash.function),
        text: String::new(),
        ..draft.crash.clone()
    };
    let question = Question {
        v: agent_v1::VERSION,
        fault: &fault.id,
        crash: &crash,
        faulty: &draft.faulty,
        fixed: &draft.fixed,
        runner: &draft.runner,
        target: check::target(draft, &tree),
        frames,
        untrusted: Untrusted {
            warning: agent_v1::WARNING,
            events: events.chars().take(MOST_UNTRUSTED).collect(),
            tried: &draft.attempts,
        },
        conventions: conventions(runner, &tree, draft),
        criteria: Criterion::ALL.iter().map(|one| Rule { criterion: one.word(), asks: one.asks(runner) }).collect(),
        previous,
        budget: left,
    };
    Ok(serde_json::to_vec(&question).unwrap_or_default())
}

fn source(tree: &Laid, path: &str, function: &str, line: u32) -> Option<Source> {
    if !tree.files.contains(path) {
        return None;
    }
    let text = std::fs::read_to_string(tree.folder.join(path)).ok()?;
    let first = line.saturating_sub(AROUND).max(1);
    let shown = text.lines().skip(first as usize - 1).take(2 * AROUND as usize + 1);
    let text = shown.fold(String::new(), |text, line| text + line + "\n");
    Some(Source { path: path.to_owned(), function: word(function), line, first, text })
}

/// What a name may be made of.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || "_.<>:".contains(*c)).take(100).collect()
}

fn conventions(runner: Runner, tree: &Laid, draft: &Draft) -> Conventions {
    let folder = draft.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let tests: BTreeSet<&String> = tree.files.iter().filter(|file| guard_home::is_test(runner, file)).collect();
    let beside = tests.iter().find(|file| file.rsplit_once('/').map_or("", |(folder, _)| folder) == folder);
    let example = beside.or_else(|| tests.first()).map(|file| (*file).clone()).unwrap_or_default();
    let text = if example.is_empty() {
        String::new()
    } else {
        std::fs::read_to_string(tree.folder.join(&example)).unwrap_or_default()
    };
    Conventions { file: draft.file.clone(), example, text: text.chars().take(EXAMPLE).collect() }
}
