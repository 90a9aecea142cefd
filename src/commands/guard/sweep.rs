//! `titer guard sweep`: every fault without a guard, by weight, within a budget: drafted, held against the criteria, injected or queued.
//! Nobody has to be there.

use std::io::Write;
use std::path::PathBuf;

use crate::bridges::clock::Stopwatch;
use crate::commands::learn;
use crate::model::failure::Failure;
use crate::model::guard::Runner;
use crate::model::suite::Suite;
use crate::report::guards::{self as report, Swept};
use crate::settings::Settings;

use super::propose::{Way, propose};
use super::{agent, check, draft, fault, inject, list};

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// How many faults at most; else as `titer.toml` says.
    pub most: Option<u32>,
    /// What it may take, in microseconds; else as `titer.toml` says.
    pub budget: Option<u64>,
    /// Faults that were drafted in vain are tried again.
    pub again: bool,
    /// The interpreter.
    pub python: Option<PathBuf>,
    /// Where guards go.
    pub way: Way,
}

/// Sweeps; `false` if a source did not answer or a fault could not even be tried.
///
/// # Errors
/// There is no ledger, or the lens does not answer.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write, talk: &mut dyn Write) -> Result<bool, Failure> {
    let is_learned = learn_sources(settings, out, talk);
    Ok(guards(settings, request, out)? && is_learned)
}

/// The same of what is learned already; `false` if a fault could not even be tried.
///
/// # Errors
/// There is no ledger, or the lens does not answer.
pub fn guards(settings: &Settings, request: &Request, out: &mut dyn Write) -> Result<bool, Failure> {
    let watch = Stopwatch::start();
    let mut is_well = true;
    let policy = &settings.policy.guard;
    #[allow(clippy::cast_precision_loss, reason = "a budget in seconds for people")]
    let budget = request.budget.unwrap_or(policy.sweep) as f64 / 1e6;
    let most = request.most.unwrap_or(policy.most) as usize;
    let faults = fault::lens(settings)?.ordered("unguarded_faults", list::BY_WEIGHT)?;
    let text = |row: &serde_json::Map<String, serde_json::Value>, name: &str| {
        row.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    // Only for these titer drafts by itself; the others wait in the list.
    let own: Vec<_> = faults.by_name().filter(|row| Runner::of(&text(row, "path")).is_some()).collect();
    let waiting: Vec<String> = own
        .iter()
        // What was seen since may tell more.
        .filter(|row| {
            request.again
                || text(row, "last_tried_at").is_empty()
                || text(row, "last_tried_at") < text(row, "last_seen_at")
        })
        .map(|row| text(row, "fault_id"))
        .collect();
    let mut done = 0;
    for id in waiting.iter().take(most) {
        if watch.seconds() >= budget {
            break;
        }
        done += 1;
        let swept = one(settings, request, id).unwrap_or_else(|failure| Swept::CannotBecause(failure.to_string()));
        is_well &= !matches!(swept, Swept::CannotBecause(_));
        crate::commands::say(out, &report::swept(id, &swept))?;
    }
    crate::commands::say(out, &report::sweep_ended(done, waiting.len(), own.len() - waiting.len(), watch.seconds()))?;
    Ok(is_well)
}

/// Learns what production told since, from every source that `titer.toml` names; `false` if one did not answer: what the others told still counts.
fn learn_sources(settings: &Settings, out: &mut dyn Write, talk: &mut dyn Write) -> bool {
    let mut is_well = true;
    for source in &settings.policy.sources {
        let request = learn::pull::Request::of(source);
        if let Err(failure) = learn::pull::run(settings, &request, out, &mut std::io::sink()) {
            is_well = false;
            let _ = writeln!(talk, "titer: error: learning from {} {}: {failure}", source.tracker, source.project);
            for hint in &failure.hints {
                let _ = writeln!(talk, "hint: {hint}");
            }
        }
    }
    is_well
}

fn one(settings: &Settings, request: &Request, fault: &str) -> Result<Swept, Failure> {
    let asked = draft::Request { fault: fault.to_owned(), python: request.python.clone(), ..draft::Request::default() };
    let (mut drafted, text) = draft::make(settings, &asked)?;
    let Some(text) = text else { return Ok(Swept::NoCall(drafted)) };
    check::judge(settings, request.python.as_deref(), &mut drafted, &text)?;
    let (mut drafted, text) = if inject::passes(&drafted, false) {
        (drafted, text)
    } else {
        let Some(answered) = agent::ask(settings, request.python.as_deref(), &drafted)? else {
            return Ok(Swept::Queued(drafted));
        };
        answered
    };
    if request.way == Way::Tree {
        inject::inject(settings, &mut drafted, &text, Suite::Fast)?;
        return Ok(Swept::Injected(drafted));
    }
    let proposed = propose(settings, &mut drafted, &text, Suite::Fast, request.way)?;
    Ok(Swept::Proposed(drafted, proposed.url.unwrap_or(proposed.branch)))
}
