//! An agent of the owners' choice, for what the ladder does not find: told the fault and why attempts failed, it writes a test; the gate decides,
//! and what it says goes back until the test passes or the budget of the fault is spent. Then a person is asked.

use std::path::Path;

use serde_json::Value;

use crate::bridges::clock::Stopwatch;
use crate::bridges::{process, workspace};
use crate::formats::agent_v1::{self, Budget, Previous};
use crate::formats::draft_v1::Draft;
use crate::formats::guard_v1::GuardLine;
use crate::model::failure::Failure;
use crate::model::guard::{State, overall};
use crate::settings::Settings;

use super::fault::{self, Fault};
use super::{check, context, drafts, tell};

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
    let (mut asked, mut spent, mut paid) = (0, 0.0, 0.0);
    for row in lens.matching("guard_steps", "fault_id", &fault.id, "taken_at")?.by_name() {
        if row.get("step").and_then(Value::as_str) == Some(ASKED) {
            asked += 1;
            spent += row.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
            paid += row.get("cost").and_then(Value::as_f64).unwrap_or(0.0);
        }
    }
    drop(lens);
    let mut previous: Vec<Previous> = Vec::new();
    #[allow(clippy::cast_precision_loss, reason = "a budget in seconds")]
    let all = policy.micros as f64 / 1e6;
    while asked < policy.attempts && spent < all && policy.cost.is_none_or(|most| paid < most) {
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
        let left = Budget {
            seconds: (all - spent).ceil() as u64,
            attempts: policy.attempts - asked,
            cost: policy.cost.map(|most| most - paid),
        };
        let (answered, cost) = once(settings, python, &fault, &draft, &previous, left)?;
        asked += 1;
        spent += watch.seconds();
        paid += cost;
        let problem = answered.as_ref().err().cloned().unwrap_or_default();
        super::note(settings, &GuardLine { cost, ..super::line(&draft, ASKED, &problem, watch.seconds()) })?;
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

/// One question: the text of the test that the agent wrote, or why there is none; and what it says that it cost.
fn once(
    settings: &Settings,
    python: Option<&Path>,
    fault: &Fault,
    draft: &Draft,
    previous: &[Previous],
    left: Budget,
) -> Result<(Result<String, String>, f64), Failure> {
    let input = context::question(settings, python, fault, draft, previous, left)?;
    let folder = workspace::scratch(&settings.cache, "guard-agent-")
        .map_err(|error| Failure::world("no folder can be made for the agent").because(error))?;
    let place = folder.path().display().to_string();
    let command = &settings.policy.guard.agent.command;
    let told = process::consult(command, &settings.root, &[("TITER_DRAFT_DIR", &place)], &input, left.seconds);
    let told = told.map_err(|error| {
        Failure::input(format!("the agent {} cannot be started", command.join(" ")))
            .because(error)
            .hint("`command` in the table [guard.agent] of titer.toml names it")
    })?;
    Ok(read(folder.path(), &told))
}

/// The text of the file that an answer names, and what the answer says that it cost: that counts also where the file is nothing.
fn read(folder: &Path, told: &process::Consulted) -> (Result<String, String>, f64) {
    if told.timed_out {
        return (Err("the agent was stopped, as its time was over".to_owned()), 0.0);
    }
    if told.code != Some(0) {
        return (Err("the agent failed".to_owned()), 0.0);
    }
    match agent_v1::answer(&told.printed) {
        Ok(answer) => (text(&folder.join(&answer.file)), answer.cost()),
        Err(why) => (Err(format!("the agent: {why}")), 0.0),
    }
}

fn text(file: &Path) -> Result<String, String> {
    // A link would let it show any file of ours as a test.
    let about = std::fs::symlink_metadata(file).map_err(|_| "the agent wrote no such file".to_owned())?;
    if !about.is_file() || about.len() > LONGEST {
        return Err("what the agent wrote is no file of a test".to_owned());
    }
    std::fs::read_to_string(file).map_err(|_| "what the agent wrote is not text".to_owned())
}
