//! An agent of the owners' choice, for what the ladder does not find: told the fault and why attempts failed, it writes a test; the gate decides,
//! and what it says goes back until the test passes or the budget of the fault is spent. Then a person is asked.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::bridges::clock::Stopwatch;
use crate::bridges::{process, workspace};
use crate::decide::guard_home;
use crate::formats::agent_v1::{
    self, Budget, Conventions, MOST_UNTRUSTED, Previous, Question, Rule, Source, Untrusted,
};
use crate::formats::draft_v1::Draft;
use crate::model::failure::Failure;
use crate::model::guard::{Crash, Criterion, Runner, State, overall};
use crate::settings::Settings;

use super::bench::{Bench, Laid};
use super::fault::{self, Fault};
use super::{check, drafts, tell};

/// Lines around a frame that are shown.
const AROUND: u32 = 20;
/// Characters of a test that is shown as an example.
const EXAMPLE: usize = 6000;
/// A longer file is no test.
const LONGEST: u64 = 100_000;
/// The step that each question to an agent leaves.
const ASKED: &str = "asked";

/// Asks the agent until the gate is satisfied; the draft and its text, or none where there is no agent or its budget is spent.
///
/// # Errors
/// The ledger or git fails, or the agent cannot be started.
pub(super) fn ask(
    settings: &Settings,
    python: Option<&Path>,
    from: &Draft,
) -> Result<Option<(Draft, String)>, Failure> {
    let policy = &settings.policy.guard.agent;
    if policy.command.is_empty() {
        return Ok(None);
    }
    let lens = fault::lens(settings)?;
    let fault = fault::find(&lens, &from.fault)?;
    let (mut asked, mut spent) = (0, 0.0);
    for row in lens.matching("guard_steps", "fault_id", &fault.id, "taken_at")?.by_name() {
        if row.get("step").and_then(Value::as_str) == Some(ASKED) {
            asked += 1;
            spent += row.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
        }
    }
    drop(lens);
    let mut previous: Vec<Previous> = Vec::new();
    #[allow(clippy::cast_precision_loss, reason = "a budget in seconds")]
    let all = policy.micros as f64 / 1e6;
    while asked < policy.attempts && spent < all {
        let watch = Stopwatch::start();
        let mut draft = Draft {
            draft: drafts::next(settings, &fault.id),
            by: policy.command.first().cloned().unwrap_or_default(),
            found: None,
            whole: None,
            evaluated: None,
            weak: false,
            test: String::new(),
            verdicts: Vec::new(),
            ..from.clone()
        };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a budget in whole seconds")]
        let left = Budget { seconds: (all - spent).ceil() as u64, attempts: policy.attempts - asked };
        let answered = once(settings, python, &fault, &draft, &previous, left)?;
        asked += 1;
        spent += watch.seconds();
        let problem = answered.as_ref().err().cloned().unwrap_or_default();
        tell(settings, &draft, ASKED, &problem, watch.seconds())?;
        let Ok(text) = answered else {
            drafts::keep(settings, &draft, None)?;
            previous.push(Previous { text: String::new(), verdicts: Vec::new(), problem });
            continue;
        };
        check::judge(settings, python, &mut draft, &text)?;
        if overall(&draft.verdicts) != State::Failed {
            return Ok(Some((draft, text)));
        }
        previous.push(Previous { text, verdicts: draft.verdicts, problem });
    }
    tell(settings, from, "escalated", "the agent's budget for this fault is spent: a person has to look at it", 0.0)?;
    Ok(None)
}

/// One question: the text of the test that the agent wrote, or why there is none.
fn once(
    settings: &Settings,
    python: Option<&Path>,
    fault: &Fault,
    draft: &Draft,
    previous: &[Previous],
    left: Budget,
) -> Result<Result<String, String>, Failure> {
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
        criteria: Criterion::ALL.iter().map(|one| Rule { criterion: one.word(), asks: one.asks() }).collect(),
        previous,
        budget: left,
    };
    let folder = workspace::scratch(&settings.cache, "guard-agent-")
        .map_err(|error| Failure::world("no folder can be made for the agent").because(error))?;
    let place = folder.path().display().to_string();
    let command = &settings.policy.guard.agent.command;
    let input = serde_json::to_vec(&question).unwrap_or_default();
    let told = process::consult(command, &settings.root, &[("TITER_DRAFT_DIR", &place)], &input, left.seconds);
    let told = told.map_err(|error| {
        Failure::input(format!("the agent {} cannot be started", command.join(" ")))
            .because(error)
            .hint("`command` in the table [guard.agent] of titer.toml names it")
    })?;
    Ok(read(folder.path(), &told))
}

/// The text of the file that an answer names.
fn read(folder: &Path, told: &process::Consulted) -> Result<String, String> {
    if told.timed_out {
        return Err("the agent was stopped, as its time was over".to_owned());
    }
    if told.code != Some(0) {
        return Err("the agent failed".to_owned());
    }
    let answer = agent_v1::answer(&told.printed).map_err(|why| format!("the agent: {why}"))?;
    let file = folder.join(answer.file);
    // A link would let it show any file of ours as a test.
    let about = std::fs::symlink_metadata(&file).map_err(|_| "the agent wrote no such file".to_owned())?;
    if !about.is_file() || about.len() > LONGEST {
        return Err("what the agent wrote is no file of a test".to_owned());
    }
    std::fs::read_to_string(&file).map_err(|_| "what the agent wrote is not text".to_owned())
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
