//! `titer guard settle`: guards that waited for a fix, and have one: the commit that fixed it is found, the test says what is right now, and
//! passes the gate again. And relapses: faults seen again in what was built after their fix.

use std::io::Write;
use std::path::PathBuf;

use crate::bridges::clock::{self, Stopwatch};
use crate::bridges::{commits, workspace};
use crate::formats::draft_v1::Draft;
use crate::formats::record_v1::{Change, Why};
use crate::formats::workbench_v1::{Ask, Named, Written};
use crate::model::failure::Failure;
use crate::model::guard::{Found, Runner, State, overall};
use crate::model::suite::{Place, Suite};
use crate::report::guards::{self as report, Settled};
use crate::settings::Settings;

use super::bench::{Bench, PATIENCE, SURROUNDINGS};
use super::{check, draft, drafts, fault, inject, tell};
use crate::commands::suites;

/// The rule that records of settled guards name.
const RULE: &str = "guard-settled";

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The interpreter.
    pub python: Option<PathBuf>,
}

/// Settles all guards that can be; `false` if there is a relapse, or a guard that has a fix and does not pass.
///
/// # Errors
/// Git or the ledger fails.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write) -> Result<bool, Failure> {
    let head = draft::commit(settings, "HEAD")?;
    // One that was only proposed may not be here yet.
    let is_here = |draft: &Draft| !draft.injected.is_empty() && settings.root.join(&draft.file).is_file();
    let injected: Vec<Draft> = drafts::list(settings).into_iter().filter(is_here).collect();
    let mut is_well = true;
    let mut say = |draft: &Draft, settled: &Settled| {
        is_well &= !matches!(
            settled,
            Settled::Mended | Settled::Refused(_) | Settled::Relapsed(_) | Settled::CannotBecause(_)
        );
        crate::commands::say(out, &report::settled(draft, settled))
    };
    for draft in injected.iter().filter(|draft| draft.fixed.is_empty()) {
        // One that cannot be tried is no reason to leave the others.
        let settled =
            one(settings, request, draft, &head).unwrap_or_else(|failure| Settled::CannotBecause(failure.to_string()));
        say(draft, &settled)?;
    }
    for draft in injected.iter().filter(|draft| !draft.fixed.is_empty()) {
        if let Some(commit) = relapse(settings, draft)? {
            say(draft, &Settled::Relapsed(commit))?;
        }
    }
    crate::commands::say(out, &report::settle_ended(injected.len()))?;
    Ok(is_well)
}

/// Settles one guard, if there is a fix.
fn one(settings: &Settings, request: &Request, draft: &Draft, head: &str) -> Result<Settled, Failure> {
    let watch = Stopwatch::start();
    let Some(found) = draft.found.clone() else {
        return if draft.runner == Runner::Pytest.word() {
            Ok(Settled::ByHand)
        } else {
            by_hand(settings, request, draft, head)
        };
    };
    let (_, own) = drafts::read(settings, &draft.draft)?;
    // What somebody has worked on is theirs.
    if std::fs::read(settings.root.join(&draft.file)).is_ok_and(|there| there != own.as_bytes()) {
        return Ok(Settled::ByHand);
    }
    let mut bench =
        Bench::open(settings, super::runner(&draft.crash.path)?, request.python.as_deref(), &draft.crash.path)?;
    let Some((found, _)) = draft::best(&mut bench, head, &found, draft.whole.as_ref())? else {
        return Ok(Settled::Unfixed);
    };
    let fixed = fixing(settings, &mut bench, draft, &found, head)?;
    // What the call gives at its fix is what the fix meant; later commits may mean something else.
    let Some(evaluated) = draft::evaluate(&mut bench, &fixed, &found)? else { return Ok(Settled::Unfixed) };
    let tree = bench.tree(&draft.faulty)?;
    let named = Named {
        id: draft.fault.get(..8).unwrap_or(&draft.fault),
        r#type: &draft.crash.r#type,
        function: &draft.crash.function,
    };
    let ask = Ask::Write { found: &found, evaluated: Some(&evaluated), fault: named, today_xfail: false };
    let written: Written = bench
        .ask(&tree, &ask, SURROUNDINGS[0], PATIENCE)
        .map_err(|why| Failure::world(format!("the guard {} cannot be written anew: {why}", draft.draft)))?;
    // It stays the same test, with the same line of records.
    let runner = super::runner(&draft.crash.path)?;
    let text = written.text.replace(&spelled(runner, &written.test), &spelled(runner, &draft.test));
    let before = draft.clone();
    let mut draft =
        Draft { found: Some(found), weak: written.weak, evaluated: Some(evaluated), fixed, ..before.clone() };
    let judged = check::judge(settings, request.python.as_deref(), &mut draft, &text);
    let is_sound = overall(&draft.verdicts) == State::Passed && !draft.weak;
    let done = judged.and_then(|()| if is_sound { record(settings, &draft, &text) } else { Ok(()) });
    if done.is_err() || !is_sound {
        // It stays what it was, and waits for the next time.
        drafts::keep(settings, &before, Some(&own))?;
        return done.map(|()| Settled::Refused(draft));
    }
    tell(settings, &draft, "settled", "", watch.seconds())?;
    Ok(Settled::Fixed(draft))
}

/// Settles a guard that makes no call of titer's: titer cannot say what is right, but it can tell whether there is a fix; and where somebody has
/// said in the test what is right, the gate decides.
fn by_hand(settings: &Settings, request: &Request, draft: &Draft, head: &str) -> Result<Settled, Failure> {
    let text = std::fs::read_to_string(settings.root.join(&draft.file))
        .map_err(|error| Failure::world(format!("{} cannot be read", draft.file)).because(error))?;
    let runner = super::runner(&draft.crash.path)?;
    let mut bench = Bench::open(settings, runner, request.python.as_deref(), &draft.crash.path)?;
    let tree = bench.tree(head)?;
    tree.put(&draft.file, &text)?;
    bench.ready(&tree, &draft.file)?;
    let outcome = check::one(&bench, &tree, draft, SURROUNDINGS[0], None).outcome;
    drop(bench);
    match outcome.as_str() {
        "xfailed" => return Ok(Settled::Unfixed),
        "passed" => {}
        _ => return Ok(Settled::Mended),
    }
    let watch = Stopwatch::start();
    let mut now = Draft { fixed: head.to_owned(), ..draft.clone() };
    let (_, own) = drafts::read(settings, &draft.draft)?;
    let judged = check::judge(settings, request.python.as_deref(), &mut now, &text);
    let is_sound = overall(&now.verdicts) == State::Passed;
    let done = judged.and_then(|()| if is_sound { record(settings, &now, &text) } else { Ok(()) });
    if done.is_err() || !is_sound {
        drafts::keep(settings, draft, Some(&own))?;
        return done.map(|()| Settled::Refused(now));
    }
    tell(settings, &now, "settled", "", watch.seconds())?;
    Ok(Settled::Fixed(now))
}

/// A test's name as its text has it.
fn spelled(runner: Runner, test: &str) -> String {
    match runner {
        Runner::Pytest => format!("def {test}("),
        Runner::Jest => format!("('{test}', "),
        Runner::Cargo => format!("fn {test}("),
    }
}

/// The first commit on the line from the faulty one to HEAD on which the call no longer fails, by halving; HEAD where they are on no one line.
fn fixing(
    settings: &Settings,
    bench: &mut Bench<'_>,
    draft: &Draft,
    found: &Found,
    head: &str,
) -> Result<String, Failure> {
    let line = commits::between(&settings.root, &draft.faulty, head)
        .map_err(|error| Failure::world("git cannot list the commits since the fault").because(error))?;
    let (mut low, mut high) = (0, line.len().saturating_sub(1));
    while low + 1 < high {
        let middle = usize::midpoint(low, high);
        if draft::evaluate(bench, &line[middle], found)?.is_some() { high = middle } else { low = middle }
    }
    Ok(line.get(high).cloned().unwrap_or_else(|| head.to_owned()))
}

/// The test as it is now, and the record of it; or neither.
fn record(settings: &Settings, draft: &Draft, text: &str) -> Result<(), Failure> {
    let path = settings.root.join(&draft.file);
    let failed = |error| Failure::world(format!("{} cannot be written", draft.file)).because(error);
    let was = std::fs::read(&path).map_err(failed)?;
    let known = suites::read(settings)?;
    let id = draft.id();
    let place = known.place(&id).unwrap_or(Place::Fast);
    let at = clock::timestamp(clock::now());
    let word = format!(
        "fault {} is fixed by {}",
        draft.fault.get(..8).unwrap_or_default(),
        draft.fixed.get(..12).unwrap_or_default()
    );
    let settled = Change {
        op: "move".to_owned(),
        from: place,
        to: place,
        reason: Why { rule: RULE.to_owned(), text: word },
        actor: "titer guard settle".to_owned(),
        ..inject::change(draft, Suite::Fast, known.last_record(&id), &at)
    };
    workspace::write_file(&path, text.as_bytes()).map_err(failed)?;
    suites::write(settings, None, &[settled]).map(|_| ()).inspect_err(|_| {
        let _ = workspace::write_file(&path, &was);
    })?;
    drafts::keep(settings, draft, Some(text)).map(|_| ())
}

/// The commit of a release that holds the fix and in which the fault was seen again.
fn relapse(settings: &Settings, draft: &Draft) -> Result<Option<String>, Failure> {
    let lens = fault::lens(settings)?;
    let Ok(fault) = fault::find(&lens, &draft.fault) else { return Ok(None) };
    Ok(fault.commits.into_iter().find(|commit| commits::holds(&settings.root, commit, &draft.fixed)))
}
