//! `titer guard check`: the four criteria and the hygiene of a draft, each by running it.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::bridges::clock::{self, Stopwatch};
use crate::decide::gate::{self, AFTER, BEFORE, Seen};
use crate::decide::guard_home;
use crate::formats::draft_v1::{Draft, VERSION};
use crate::formats::rust_stub;
use crate::formats::workbench_v1::{Ask, Inspected, Judged, Stub};
use crate::model::code_path::MODULE;
use crate::model::failure::Failure;
use crate::model::guard::{Crash, Finding, Judgement, LEFT_OUT, Runner, State, Target, overall};
use crate::report::guards as report;
use crate::settings::Settings;

use super::bench::{Bench, Laid, PATIENCE, SURROUNDINGS, Surroundings};
use super::draft::commit;
use super::fault::{self, Fault};
use super::{drafts, tell};

/// Seconds that other tests and then the draft may take.
const NEIGHBOUR: u64 = 20;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// A draft's name or folder, or a test's file.
    pub draft: String,
    /// The text of a test that is in no file yet; then `fault` has to be there.
    pub text: Option<String>,
    /// The fault, for a test that somebody wrote.
    pub fault: Option<String>,
    /// The commit that fails, where it is another than the draft's.
    pub faulty: Option<String>,
    /// The commit that does not, likewise.
    pub fixed: Option<String>,
    /// The interpreter.
    pub python: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
}

/// Holds a draft against the criteria; `false` if one of them failed.
///
/// # Errors
/// There is no such draft, or it cannot be run here.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write) -> Result<bool, Failure> {
    let (draft, _) = judged(settings, request)?;
    let text = if request.json { report::verdicts_json(&draft) } else { report::verdicts(&draft) };
    crate::commands::say(out, &text)?;
    Ok(overall(&draft.verdicts) != State::Failed)
}

/// The draft with its verdicts, and the text of its test.
///
/// # Errors
/// As for [`run`].
pub(super) fn judged(settings: &Settings, request: &Request) -> Result<(Draft, String), Failure> {
    let (mut draft, text) = open(settings, request)?;
    if request.text.is_none()
        && !drafts::is_own(settings, &request.draft)
        && !settings.folder.join(&request.draft).is_file()
    {
        // A folder of somebody else's: what it says of the fault and of its own call is only a claim.
        let fault = fault::find(&fault::lens(settings)?, &draft.fault)?;
        let faulty = commit(settings, request.faulty.as_ref().unwrap_or(&draft.faulty))?;
        let (events, _) = fault.incidents(settings, &faulty)?;
        let line = draft.crash.line;
        draft = Draft {
            draft: drafts::next(settings, &fault.id),
            crash: Crash { line, ..fault.crash(&events, &faulty) },
            fault: fault.id,
            by: String::new(),
            found: None,
            whole: None,
            injected: String::new(),
            ..draft
        };
    }
    // What a draft's file says of them is only a name, too.
    draft.faulty = commit(settings, request.faulty.as_ref().unwrap_or(&draft.faulty))?;
    let fixed = request.fixed.as_ref().unwrap_or(&draft.fixed);
    if !fixed.is_empty() {
        draft.fixed = commit(settings, fixed)?;
    }
    judge(settings, request.python.as_deref(), &mut draft, &text)?;
    Ok((draft, text))
}

fn open(settings: &Settings, request: &Request) -> Result<(Draft, String), Failure> {
    let found = |named: &str| fault::find(&fault::lens(settings)?, named);
    if let (Some(text), Some(named)) = (&request.text, &request.fault) {
        return Ok((fresh(settings, &found(named)?, request.faulty.as_deref())?, text.clone()));
    }
    let file = settings.folder.join(&request.draft);
    if !file.is_file() {
        return drafts::read(settings, &request.draft);
    }
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::input(format!("{} cannot be read", request.draft)).because(error))?;
    let named = request.fault.clone().or_else(|| named(&text)).ok_or_else(|| {
        Failure::usage(format!("{} does not say which fault it is for", request.draft)).hint("--fault FAULT does")
    })?;
    let draft = fresh(settings, &found(&named)?, request.faulty.as_deref())?;
    let inside = file.canonicalize().ok();
    let inside = inside.as_deref().and_then(|file| file.strip_prefix(settings.root.canonicalize().ok()?).ok());
    let file = inside.map_or_else(
        || {
            // A file from elsewhere gets its place beside the module's tests, under its own name.
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            draft.file.rsplit_once('/').map_or_else(|| name.clone(), |(folder, _)| format!("{folder}/{name}"))
        },
        |inside| inside.to_string_lossy().into_owned(),
    );
    Ok((Draft { file, ..draft }, text))
}

/// A draft of which there is nothing yet but the fault that it is for, and its place beside the module's tests.
///
/// # Errors
/// Git or the ledger fails, or no runner tests such a file.
pub(super) fn fresh(settings: &Settings, fault: &Fault, faulty: Option<&str>) -> Result<Draft, Failure> {
    let runner = super::runner(&fault.crash.path)?;
    let known = if fault.commit.is_empty() { "HEAD" } else { &fault.commit };
    let faulty = commit(settings, faulty.unwrap_or(known))?;
    let (events, _) = fault.incidents(settings, &faulty)?;
    let files = crate::bridges::commits::files(&settings.root, &faulty)
        .map_err(|error| Failure::world(format!("git cannot list the files of {faulty}")).because(error))?;
    let files = files.keys().map(String::as_str).collect();
    Ok(Draft {
        v: VERSION,
        draft: drafts::next(settings, &fault.id),
        fault: fault.id.clone(),
        crash: fault.crash(&events, &faulty),
        runner: runner.word().to_owned(),
        file: guard_home::test_file(runner, &files, &fault.crash.path, &fault.crash.function, &fault.id),
        faulty,
        at: clock::timestamp(clock::now()),
        ..Draft::default()
    })
}

/// The fault that a test's own words name: `fault 0123abcd`.
fn named(text: &str) -> Option<String> {
    let heads = text.lines().map(str::trim_start).filter(|line| line.starts_with('#') || line.starts_with("//"));
    heads.filter_map(|line| line.split_once("fault ")).find_map(|(_, rest)| {
        let id: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
        (id.len() >= 8).then_some(id)
    })
}

/// Runs a draft before and after the fix and against stubs, looks at its text, and keeps what came of it.
///
/// # Errors
/// It cannot be run here.
pub(super) fn judge(settings: &Settings, python: Option<&Path>, draft: &mut Draft, text: &str) -> Result<(), Failure> {
    let watch = Stopwatch::start();
    let runner = super::runner(&draft.crash.path)?;
    let mut bench = Bench::open(settings, runner, python, &draft.crash.path)?;
    let faulty = bench.tree(&draft.faulty)?;
    draft.unit = bench.unit(&faulty, &draft.file);
    draft.crash = bench.sharpened(&faulty, &draft.crash);
    faulty.put(&draft.file, text)?;
    bench.ready(&faulty, &draft.file)?;
    let inspected = inspect(runner, &bench, &faulty, draft, text);
    if draft.test.is_empty() {
        draft.test = inspected.tests.first().cloned().unwrap_or_default();
    }
    let twin = twin(settings, runner, &faulty, draft, text);
    let before: Vec<Judgement> =
        SURROUNDINGS.into_iter().take(BEFORE).map(|around| one(&bench, &faulty, draft, around, None)).collect();
    let fixed = if draft.fixed.is_empty() { None } else { Some(bench.tree(&draft.fixed)?) };
    if let Some(fixed) = &fixed {
        fixed.put(&draft.file, text)?;
        bench.ready(fixed, &draft.file)?;
    }
    let after: Option<Vec<Judgement>> = fixed.as_ref().map(|fixed| {
        SURROUNDINGS.into_iter().take(AFTER).map(|around| one(&bench, fixed, draft, around, None)).collect()
    });
    let (fixed, after) = if is_no_fix(draft, after.as_deref()) {
        draft.fixed = String::new();
        (None, None)
    } else {
        (fixed, after)
    };
    let target = target(draft, &faulty);
    let sound = fixed.as_ref().unwrap_or(&faulty);
    let stubs: Vec<(&'static str, Judgement)> = Stub::WITH
        .into_iter()
        .map(|with| (with, one(&bench, sound, draft, SURROUNDINGS[0], Some(Stub::of(&target, with)))))
        // One that does not fit the target is none.
        .filter(|(_, run)| run.outcome != LEFT_OUT)
        .collect();
    let seen = Seen {
        runner,
        fault: &seen_crash(draft),
        before: &before,
        after: after.as_deref(),
        stubs: &stubs,
        findings: &inspected.findings,
        twin: twin.as_deref(),
    };
    draft.verdicts = gate::verdicts(&seen);
    drafts::keep(settings, draft, Some(text))?;
    tell(settings, draft, "checked", &reason(draft), watch.seconds())
}

/// Whether what was taken for the fix fails just as before, where nobody has said that it is one.
fn is_no_fix(draft: &Draft, after: Option<&[Judgement]>) -> bool {
    let is_same = |run: &Judgement| run.error.as_ref().is_some_and(|error| draft.crash.is_same(error));
    draft.evaluated.is_none() && after.is_some_and(|after| !after.is_empty() && after.iter().all(is_same))
}

/// The fault, with the line at which the draft's own call failed.
fn seen_crash(draft: &Draft) -> Crash {
    let line = draft.found.as_ref().map_or(draft.crash.line, |found| found.error.line);
    Crash { line, ..draft.crash.clone() }
}

/// The evidence of the first criterion that does not hold, which may quote a test but nothing of production's.
fn reason(draft: &Draft) -> String {
    let first = draft.verdicts.iter().find(|verdict| verdict.state != State::Passed);
    first.map(|verdict| verdict.evidence.clone()).unwrap_or_default()
}

fn inspect(runner: Runner, bench: &Bench<'_>, tree: &Laid, draft: &Draft, text: &str) -> Inspected {
    let mut told: Inspected = bench
        .ask(tree, &Ask::Inspect { text, file: &draft.file }, SURROUNDINGS[0], PATIENCE)
        .unwrap_or_else(|why| Inspected { tests: Vec::new(), findings: vec![finding("syntax", &why)] });
    if !guard_home::is_test(runner, &draft.file) {
        told.findings.push(finding("product-file", &format!("{} is no file of tests", draft.file)));
    }
    let is_there = tree.files.contains(&draft.file);
    if is_there && draft.found.is_some() {
        told.findings.push(finding("product-file", &format!("{} is there already", draft.file)));
    }
    if told.tests.len() > 1 {
        let sentence = format!("it holds {} tests, and a draft is one", told.tests.len());
        told.findings.push(finding("several-tests", &sentence));
    }
    told
}

fn finding(rule: &str, text: &str) -> Finding {
    Finding { criterion: "hygiene".to_owned(), rule: rule.to_owned(), line: 1, text: text.to_owned() }
}

/// One run.
pub(super) fn one(
    bench: &Bench<'_>,
    tree: &Laid,
    draft: &Draft,
    around: Surroundings,
    stub: Option<Stub<'_>>,
) -> Judgement {
    let crash = seen_crash(draft);
    let asks = match Runner::of(&draft.crash.path) {
        // Where the line is not known, pytest's own program has nothing to look for; others hold the failure's place against it.
        Some(Runner::Pytest) => crash.line > 0,
        // To see which lines run, jest changes them, which matters to nobody only where they fail.
        Some(Runner::Jest) => crash.line > 0 && stub.is_none() && tree.commit == draft.faulty,
        Some(Runner::Cargo) | None => true,
    };
    let crash = asks.then_some(&crash);
    let asked = |after: Option<&str>, seconds: u64| {
        let ask = Ask::Judge { file: &draft.file, test: &draft.test, crash, stub, after };
        bench.ask::<Judged>(tree, &ask, around, seconds)
    };
    if around.follows
        && let Some(after) = guard_home::neighbour(&tree.files, &draft.file, |file| tree.size(file))
        && let Ok(mut judgement) = asked(Some(after), NEIGHBOUR)
        // Tests that break off, or take too long, say nothing of this one.
        && judgement.outcome != "missing"
    {
        if let Some(error) = &mut judgement.error {
            error.text = format!("{} (after the tests of {after})", error.text);
        }
        return judgement;
    }
    asked(None, PATIENCE).unwrap_or_else(|why| Judgement {
        outcome: "refused".to_owned(),
        error: Some(Crash { text: why, ..Crash::default() }),
        ..Judgement::default()
    })
}

/// What stubs stand in for: what the draft calls, else what failed.
pub(super) fn target(draft: &Draft, tree: &Laid) -> Target {
    let own = draft.found.as_ref().map(|found| found.target.clone()).filter(|target| !target.name.is_empty());
    own.unwrap_or_else(|| {
        let path = &draft.crash.path;
        // Not every function of Rust's is one by itself in the map; all that stubs need is its name.
        let by_line = if draft.runner == Runner::Cargo.word() && draft.crash.function == MODULE {
            let source = std::fs::read_to_string(tree.folder.join(path)).unwrap_or_default();
            rust_stub::function_at(&source, draft.crash.line)
        } else {
            None
        };
        Target { module: tree.module(path), name: by_line.unwrap_or_else(|| draft.crash.function.clone()) }
    })
}

/// A test that says the same, comments aside.
fn twin(settings: &Settings, runner: Runner, tree: &Laid, draft: &Draft, text: &str) -> Option<String> {
    let own = essence(runner, text);
    let is_other = |file: &&String| guard_home::is_test(runner, file) && **file != draft.file;
    // What was injected since is in the work tree only.
    let is_same = |file: &&String| {
        let both = [tree.folder.join(file), settings.root.join(file)];
        both.iter().any(|file| std::fs::read_to_string(file).is_ok_and(|other| essence(runner, &other) == own))
    };
    let injected =
        drafts::list(settings).into_iter().filter(|other| !other.injected.is_empty()).map(|other| other.file);
    let files: BTreeSet<String> = tree.files.iter().cloned().chain(injected).collect();
    files.iter().filter(is_other).find(is_same).cloned()
}

fn essence(runner: Runner, text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim_end);
    lines
        .filter(|line| {
            !line.is_empty() && !line.trim_start().starts_with(runner.comment()) && !line.starts_with(runner.mark())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_names_its_fault_in_its_header() {
        for (text, expected) in [
            ("# Guards against fault 0123abcd: KeyError in f.\nimport a\n", Some("0123abcd")),
            ("import a  # fault x\n", None),
            ("// Guards against fault 0123abcd: TypeError.\n", Some("0123abcd")),
            ("# fault 12\n", None),
            ("", None),
        ] {
            assert_eq!(named(text).as_deref(), expected, "{text}");
        }
    }
}
