//! `titer guard draft`: a call that fails as production did, as small as it gets, written as a test.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

use crate::bridges::clock::{self, Stopwatch};
use crate::bridges::commits;
use crate::decide::guard_home;
use crate::formats::draft_v1::{Draft, VERSION};
use crate::formats::workbench_v1::{Ask, Named, Reproduced, Written};
use crate::model::failure::Failure;
use crate::model::guard::{Found, Runner};
use crate::report::guards as report;
use crate::settings::Settings;

use super::bench::{Bench, Laid, PATIENCE, SURROUNDINGS};
use super::fault::{self, Fault};
use super::{agent, drafts, tell};

/// Seconds that one attempt at a call may take.
const ATTEMPT: u64 = 5;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The beginning of the fault's id.
    pub fault: String,
    /// The commit that fails; else the one that production ran.
    pub faulty: Option<String>,
    /// The commit that does not; else HEAD, if it does not.
    pub fixed: Option<String>,
    /// The interpreter.
    pub python: Option<PathBuf>,
}

/// Drafts a guard; `false` if no call was found.
///
/// # Errors
/// There is no such fault, nothing can run a draft, or git fails.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write) -> Result<bool, Failure> {
    let (draft, text) = make(settings, request)?;
    let folder = drafts::folder(settings, &draft.draft);
    crate::commands::say(out, &report::drafted(&draft, text.as_deref(), &folder))?;
    Ok(text.is_some())
}

/// Drafts a guard and keeps it; without a text if no call was found.
///
/// # Errors
/// As for [`run`].
pub(super) fn make(settings: &Settings, request: &Request) -> Result<(Draft, Option<String>), Failure> {
    let watch = Stopwatch::start();
    let fault = fault::find(&fault::lens(settings)?, &request.fault)?;
    let runner = super::runner(&fault.crash.path)?;
    let faulty = commit(
        settings,
        request.faulty.as_deref().unwrap_or(if fault.commit.is_empty() { "HEAD" } else { &fault.commit }),
    )?;
    let mut bench = Bench::open(settings, runner, request.python.as_deref(), &fault.crash.path)?;
    let tree = bench.tree(&faulty)?;
    let mut draft = Draft {
        v: VERSION,
        draft: drafts::next(settings, &fault.id),
        fault: fault.id.clone(),
        crash: fault.crash.clone(),
        runner: runner.word().to_owned(),
        by: "titer guard draft".to_owned(),
        faulty,
        at: clock::timestamp(clock::now()),
        ..Draft::default()
    };
    draft.file = file(runner, &tree, &draft);
    let text = match reproduce(settings, &bench, &tree, &fault, &mut draft)? {
        Ok(found) => match write(settings, request, &mut bench, &mut draft, found) {
            Ok(text) => Some(text),
            Err(failure) => {
                // It leaves a trace, too, so that a sweep goes on to others the next time.
                refused(settings, draft, &failure.sentence, watch.seconds())?;
                return Err(failure);
            }
        },
        Err(why) => {
            let (mut draft, _) = refused(settings, draft, &why, watch.seconds())?;
            let fixed = commit(settings, request.fixed.as_deref().unwrap_or("HEAD"))?;
            if fixed != draft.faulty {
                draft.fixed = fixed;
            }
            // Its verdicts are there already: it passed, or it would not be here.
            let answered = agent::ask(settings, request.python.as_deref(), &draft)?;
            return Ok(answered.map_or((draft, None), |(draft, text)| (draft, Some(text))));
        }
    };
    drafts::keep(settings, &draft, text.as_deref())?;
    tell(settings, &draft, "drafted", "", watch.seconds())?;
    Ok((draft, text))
}

/// A draft that came to nothing is kept, too, with why.
fn refused(settings: &Settings, draft: Draft, why: &str, seconds: f64) -> Result<(Draft, Option<String>), Failure> {
    drafts::keep(settings, &draft, None)?;
    tell(settings, &draft, "drafted", why, seconds)?;
    Ok((draft, None))
}

/// The commit of a name.
pub(super) fn commit(settings: &Settings, name: &str) -> Result<String, Failure> {
    commits::resolve(&settings.root, name).ok_or_else(|| {
        Failure::input(format!("git has no commit {name}"))
            .hint("fetch it, or name another: --faulty COMMIT, --fixed COMMIT")
    })
}

fn file(runner: Runner, tree: &Laid, draft: &Draft) -> String {
    let files = tree.files.iter().map(String::as_str).collect();
    guard_home::test_file(runner, &files, &draft.crash.path, &draft.crash.function, &draft.fault)
}

/// The call, or why there is none.
fn reproduce(
    settings: &Settings,
    bench: &Bench<'_>,
    tree: &Laid,
    fault: &Fault,
    draft: &mut Draft,
) -> Result<Result<Found, String>, Failure> {
    let (events, problems) = fault.incidents(settings, &draft.faulty)?;
    if events.is_empty() {
        let why = problems.first().cloned().unwrap_or_else(|| "no event of it was kept".to_owned());
        return Ok(Err(why));
    }
    // Which line failed is known of the event, and counts where it is of this commit.
    draft.crash = bench.sharpened(tree, &fault.crash(&events, &draft.faulty));
    draft.file = file(super::runner(&draft.crash.path)?, tree, draft);
    let seconds = settings.policy.guard.draft / 1_000_000;
    let ask = Ask::Reproduce { fault: &draft.crash, events: &events, seconds, attempt_seconds: ATTEMPT };
    let told: Result<Reproduced, String> = bench.ask(tree, &ask, SURROUNDINGS[0], seconds + PATIENCE);
    Ok(match told {
        Ok(told) => {
            draft.attempts = told.attempts;
            draft.whole = told.whole;
            let usual = "no call with what the events tell fails as production did";
            told.found.ok_or(if told.why.is_empty() { usual.to_owned() } else { told.why })
        }
        Err(why) => Err(why),
    })
}

/// Writes the test, with what the call gives after the fix, if there is one.
fn write(
    settings: &Settings,
    request: &Request,
    bench: &mut Bench<'_>,
    draft: &mut Draft,
    found: Found,
) -> Result<String, Failure> {
    let fixed = commit(settings, request.fixed.as_deref().unwrap_or("HEAD"))?;
    let best = if fixed == draft.faulty { None } else { best(bench, &fixed, &found, draft.whole.as_ref())? };
    let (found, evaluated) = best.map_or((found, None), |(found, evaluated)| (found, Some(evaluated)));
    if request.fixed.is_some() && evaluated.is_none() {
        return Err(Failure::input(format!(
            "on {fixed} the call fails just so: it is no fix of fault {}",
            draft.fault
        ))
        .hint("leave --fixed out: the test is then expected to fail until there is a fix"));
    }
    if evaluated.is_some() {
        draft.fixed = fixed;
    }
    let tree = bench.tree(&draft.faulty)?;
    let named = Named {
        id: draft.fault.get(..8).unwrap_or(&draft.fault),
        r#type: &draft.crash.r#type,
        function: &draft.crash.function,
    };
    let ask =
        Ask::Write { found: &found, evaluated: evaluated.as_ref(), fault: named, today_xfail: evaluated.is_none() };
    let written: Written = bench
        .ask(&tree, &ask, SURROUNDINGS[0], PATIENCE)
        .map_err(|why| Failure::world(format!("the draft of fault {} cannot be written: {why}", draft.fault)))?;
    (draft.test, draft.weak) = (written.test, written.weak);
    (draft.found, draft.evaluated) = (Some(found), evaluated);
    Ok(written.text)
}

/// The call that says more after the fix, and what it gives there: mostly the small one. Where that only raises something else, it was made so
/// small that nobody would call it so, and the whole one may give a value. Nothing where both fail just as before.
///
/// # Errors
/// Neither can be tried.
pub(super) fn best(
    bench: &mut Bench<'_>,
    commit: &str,
    found: &Found,
    whole: Option<&Found>,
) -> Result<Option<(Found, Value)>, Failure> {
    let gives = |told: &Value| told.get("outcome").and_then(Value::as_str) != Some("raises");
    let small = evaluate(bench, commit, found);
    if let Ok(Some(told)) = &small
        && gives(told)
    {
        return Ok(Some((found.clone(), told.clone())));
    }
    if let Some(whole) = whole
        && let Ok(Some(told)) = evaluate(bench, commit, whole)
        && (gives(&told) || !matches!(small, Ok(Some(_))))
    {
        return Ok(Some((whole.clone(), told)));
    }
    small.map(|told| told.map(|told| (found.clone(), told)))
}

/// What a call gives on a commit; nothing where it fails just as before.
pub(super) fn evaluate(bench: &mut Bench<'_>, commit: &str, found: &Found) -> Result<Option<Value>, Failure> {
    let tree = bench.tree(commit)?;
    let ask = Ask::Evaluate { found, attempt_seconds: ATTEMPT };
    let told: Result<Value, String> = bench.ask(&tree, &ask, SURROUNDINGS[0], PATIENCE);
    let told = told.map_err(|why| Failure::world(format!("the call cannot be tried on {commit}: {why}")))?;
    Ok((told.get("outcome").and_then(Value::as_str) != Some("same-error")).then_some(told))
}
