//! `titer guard inject`: what passed the gate becomes a test of the project's, with its record, in FAST.

use std::io::Write;

use crate::bridges::{clock, workspace};
use crate::formats::draft_v1::Draft;
use crate::formats::record_v1::{Change, Incident, Why};
use crate::model::failure::Failure;
use crate::model::guard::{State, overall};
use crate::model::suite::{Place, Suite};
use crate::report::guards as report;
use crate::settings::Settings;

use super::propose::{Way, propose};
use super::{check, drafts, tell};
use crate::commands::suites::{self, Written};

/// The rule that records of guards name.
pub(super) const RULE: &str = "guard";

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// What is to be judged, and how.
    pub check: check::Request,
    /// A person takes a draft that asserts little: for WEEKLY.
    pub weekly: bool,
    /// Where it goes.
    pub way: Way,
}

/// Injects a draft; `false` if it did not pass.
///
/// # Errors
/// There is no such draft, it cannot be run here, or the record cannot be written: then nothing has changed.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write) -> Result<bool, Failure> {
    // What was said of it before may be of another text.
    let (mut draft, text) = check::judged(settings, &request.check)?;
    let verdicts = report::verdicts(&draft);
    if !passes(&draft, request.weekly) {
        let queued = report::not_injected(&draft);
        crate::commands::say(out, &format!("{verdicts}{queued}"))?;
        return Ok(false);
    }
    let suite = if draft.weak { Suite::Weekly } else { Suite::Fast };
    let injected = if request.way == Way::Tree {
        let written = inject(settings, &mut draft, &text, suite)?;
        report::injected(&draft, suite, &written.batch, written.signed_by.as_deref())
    } else {
        let proposed = propose(settings, &mut draft, &text, suite, request.way)?;
        report::proposed(
            &draft,
            &proposed.branch,
            &proposed.patch,
            proposed.url.as_deref(),
            &proposed.problem,
            proposed.merges,
        )
    };
    crate::commands::say(out, &format!("{verdicts}{injected}"))?;
    Ok(true)
}

/// Whether a draft may become a test of the project's.
pub(super) fn passes(draft: &Draft, weekly: bool) -> bool {
    overall(&draft.verdicts) != State::Failed && (!draft.weak || weekly)
}

/// Writes the test and its record, or neither.
///
/// # Errors
/// Either cannot be written.
pub(super) fn inject(settings: &Settings, draft: &mut Draft, text: &str, suite: Suite) -> Result<Written, Failure> {
    let path = settings.root.join(&draft.file);
    let there = match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::input(format!("{} cannot be read", draft.file)).because(error)),
    };
    if there.as_deref().is_some_and(|there| there != text.as_bytes()) {
        return Err(in_the_way(draft));
    }
    let known = suites::read(settings)?;
    let id = draft.id();
    if known.last_record(&id).is_some() && there.is_some() {
        return Err(Failure::input(format!("{id} is injected already")));
    }
    workspace::write_file(&path, text.as_bytes())
        .map_err(|error| Failure::world(format!("{} cannot be written", draft.file)).because(error))?;
    let at = clock::timestamp(clock::now());
    let change = change(draft, suite, known.last_record(&id), &at);
    let written = suites::write(settings, None, &[change]).inspect_err(|_| {
        // No record, no change.
        if there.is_none() {
            workspace::remove_file(&path);
        }
    })?;
    draft.injected = at;
    drafts::keep(settings, draft, Some(text))?;
    tell(settings, draft, "injected", "", 0.0)?;
    Ok(written)
}

/// A file of the project's own is never replaced.
pub(super) fn in_the_way(draft: &Draft) -> Failure {
    Failure::input(format!("{} is there already and says something else", draft.file))
        .hint("move it away, give your test another name, or draft the fault again")
}

/// The record that a guard came.
pub(super) fn change(draft: &Draft, suite: Suite, prev: Option<&str>, at: &str) -> Change {
    let short = |commit: &str| commit.get(..12).unwrap_or(commit).to_owned();
    let (fault, fails) = (draft.fault.get(..8).unwrap_or(&draft.fault), short(&draft.faulty));
    let fixed = if draft.fixed.is_empty() {
        "there is no fix yet".to_owned()
    } else {
        format!("passes on {}", short(&draft.fixed))
    };
    let passed = draft.verdicts.iter().filter(|verdict| verdict.state == State::Passed);
    Change {
        op: "add".to_owned(),
        test: draft.id(),
        from: Place::Absent,
        to: suite.into(),
        prev: prev.map(str::to_owned),
        reason: Why { rule: RULE.to_owned(), text: format!("guards fault {fault}: fails on {fails}, {fixed}") },
        incident: Some(Incident {
            fault: draft.fault.clone(),
            draft: draft.draft.clone(),
            drafted_by: if draft.by.is_empty() { "somebody else".to_owned() } else { draft.by.clone() },
            fails_on: draft.faulty.clone(),
            passes_on: (!draft.fixed.is_empty()).then(|| draft.fixed.clone()),
            passed: passed.map(|verdict| verdict.criterion.word().to_owned()).collect(),
        }),
        actor: "titer guard inject".to_owned(),
        recorded_at: at.to_owned(),
        ..Change::default()
    }
}
