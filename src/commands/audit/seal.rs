//! `titer audit seal`: what the default branch brought in becomes part of the log. The rename of the checkpoint in the log's folder is the moment
//! at which it does; whatever is cut short before leaves nothing, whatever is cut short after is finished by the next seal.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check::{self, Asked, Since};
use super::compact;
use super::draft::{Draft, Order, draft};
use super::hand;
use super::state::State;
use crate::bridges::log_branch::{self, BRANCH, TRACKED};
use crate::bridges::titer_log::{self, Folder, Source};
use crate::bridges::{batch_history, clock, commits};
use crate::formats::checkpoint::Checkpoint;
use crate::formats::merkle::{self, Edge};
use crate::formats::note::Signer;
use crate::formats::statement_v1::Seal;
use crate::formats::{dsse, instant, record_line};
use crate::model::failure::Failure;
use crate::report::sealing as report;
use crate::settings::Settings;
use crate::settings::audit::{KEY_VARIABLE, death};
use crate::settings::policy::{self, Policy};

/// What `titer audit seal` was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Files with private keys.
    pub keys: Vec<PathBuf>,
    /// The default branch.
    pub branch: Option<String>,
    /// Where the log is pushed to.
    pub push: Option<String>,
    /// Fold what is sealed into the snapshot of the suites.
    pub compact: bool,
    /// Print JSON.
    pub json: bool,
}

/// So often another machine may be quicker.
const PATIENCE: u32 = 5;

/// Counts the steps that a seal could be cut short between, for tests that cut it short.
struct Steps(Option<u32>);

impl Steps {
    fn done(&mut self) {
        if let Some(left) = &mut self.0 {
            *left = left.saturating_sub(1);
            if *left == 0 {
                std::process::abort();
            }
        }
    }
}

/// Seals, and says whether all that waits is sealed.
///
/// # Errors
/// A key is missing, the history is not what the log was made from, or the folder or git fail. Then the log is what it was.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write) -> Result<bool, Failure> {
    let root = &settings.root;
    if !settings.in_git {
        return Err(Failure::usage("a log is sealed in a git repository, and this is none"));
    }
    let failed = |error| Failure::world("the log's folder cannot be used").because(error);
    let signers = signers(settings, &request.keys)?;
    let (tip, branch) = tip(settings, request.branch.as_deref())?;
    let line = Line { tip: &tip, branch: &branch, remote: request.push.as_deref() };
    let folder = Folder::lock(root).map_err(failed)?;
    let mut steps = Steps(death());
    // Where the log stood when this began: what another machine pushes meanwhile must go on from there.
    let mut began: Option<Option<String>> = None;
    for attempt in 1..=PATIENCE {
        let theirs = request.push.as_deref().map(|remote| fetch(root, remote)).transpose()?.flatten();
        let state = settle(root, &folder, (theirs.as_deref(), began.as_ref()), &mut steps)?;
        began.get_or_insert_with(|| log_branch::commit_of(root, BRANCH));
        let (mut told, state) = seal(settings, &signers, &line, &folder, state, &mut steps)?;
        if let Some(remote) = &request.push
            && let Err(error) = push(root, remote, theirs.as_deref())
        {
            let now = fetch(root, remote)?;
            if now == theirs || attempt == PATIENCE {
                let failure = Failure::world(format!("the log was sealed here and could not be pushed to {remote}"));
                return Err(failure
                    .because(error)
                    .hint("seal again: nothing is lost, and what is sealed is not sealed twice"));
            }
            continue;
        }
        if request.compact {
            told.folded = Some(compact::run(settings, &state)?);
        }
        let text = if request.json { report::json(&told) } else { report::text(&told, &branch) };
        crate::commands::say(out, &text)?;
        return Ok(told.held.is_empty());
    }
    Ok(false)
}

fn push(root: &Path, remote: &str, theirs: Option<&str>) -> std::io::Result<()> {
    match log_branch::commit_of(root, BRANCH) {
        Some(own) if theirs != Some(&own) => log_branch::push(root, remote),
        _ => Ok(()),
    }
}

fn fetch(root: &Path, remote: &str) -> Result<Option<String>, Failure> {
    let failed = |error| Failure::world(format!("the log cannot be fetched from {remote}")).because(error);
    log_branch::fetch(root, remote).map_err(failed)
}

fn signers(settings: &Settings, files: &[PathBuf]) -> Result<Vec<Signer>, Failure> {
    let mut found = Vec::new();
    for file in files {
        let wrong = format!("no private key can be read from {}", file.display());
        let text = std::fs::read_to_string(settings.folder.join(file))
            .map_err(|error| Failure::input(wrong.clone()).because(error))?;
        found.push(Signer::parse(&text).map_err(|why| Failure::input(format!("{wrong}: {why}")))?);
    }
    found.extend(hand::signer(settings)?);
    if found.is_empty() {
        let failure = Failure::usage("a seal is signed, and no private key was given");
        return Err(
            failure.hint(format!("give one with --key FILE or in {KEY_VARIABLE}; `titer audit keygen NAME` makes one"))
        );
    }
    Ok(found)
}

/// The commit of the default branch up to which is sealed, and the name that it was found by.
fn tip(settings: &Settings, branch: Option<&str>) -> Result<(String, String), Failure> {
    let root = &settings.root;
    let named = branch.or(settings.policy.default_branch.as_deref());
    let Some((tip, name)) = batch_history::tip(root, named) else {
        let failure = match named {
            Some(name) => Failure::input(format!("there is no branch {name} in this repository")),
            None => Failure::input("which branch is the default branch is not known"),
        };
        return Err(failure.hint("name it: --branch NAME, or default_branch in titer.toml"));
    };
    if batch_history::is_shallow(root).map_err(|error| Failure::world("git cannot be asked").because(error))? {
        let failure = Failure::input("this clone is shallow: commits that brought records in are missing");
        return Err(failure.hint("fetch them: `git fetch --unshallow` (in GitHub Actions: `fetch-depth: 0`)"));
    }
    Ok((tip, name))
}

/// Brings folder and branch to the same state, whichever of them was left behind, and reads it.
fn settle(
    root: &Path,
    folder: &Folder,
    (theirs, began): (Option<&str>, Option<&Option<String>>),
    steps: &mut Steps,
) -> Result<State, Failure> {
    let failed = |error| Failure::world("the log's folder cannot be used").because(error);
    let head = newest_branch(root, theirs, began)?;
    let log = head.as_deref().map(|head| Source::commit(root, head)).transpose().map_err(failed)?;
    let theirs = log.as_ref().map(checkpoint).transpose()?.flatten();
    let own = folder.source().map_err(failed)?;
    let ours = checkpoint(&own)?;
    let has = |log: &Source, it: &(String, Checkpoint)| {
        log.read(&titer_log::checkpoint(it.1.size)).is_ok_and(|bytes| bytes.as_deref() == Some(it.0.as_bytes()))
    };
    let is_ahead = match (&ours, &theirs) {
        (_, None) => true,
        (Some(_), Some(theirs)) => has(&own, theirs),
        (None, Some(_)) => false,
    };
    if let (false, Some(log)) = (is_ahead, &log) {
        trust(log)?;
        folder.replace(log).map_err(failed)?;
        steps.done();
    }
    clean(folder)?;
    let own = folder.source().map_err(failed)?;
    let Some((_, newest)) = checkpoint(&own)? else { return Ok(State::default()) };
    let state = State::read(&own, newest.size).map_err(failed)?;
    if state.edge.root() != newest.root || state.edge.size() != newest.size {
        let failure = Failure::input(format!(
            "the log in {} is damaged: its records are not those of its checkpoint",
            folder.path().display()
        ));
        return Err(
            failure.hint("delete that folder: the branch titer-log has the log; `titer audit verify` checks it")
        );
    }
    publish(root, folder, &state, head.as_deref(), theirs.map_or(0, |theirs| theirs.1.size), steps)?;
    Ok(state)
}

/// The commit of the log that all go on from.
fn newest_branch(root: &Path, theirs: Option<&str>, began: Option<&Option<String>>) -> Result<Option<String>, Failure> {
    let mut head = log_branch::commit_of(root, BRANCH);
    let others = theirs.map(str::to_owned).into_iter().chain(log_branch::commit_of(root, TRACKED));
    for (number, other) in others.enumerate() {
        let known = head.clone();
        let is_newer = match &known {
            None => true,
            Some(own) if batch_history::is_before(root, &other, own) => false,
            Some(own) if batch_history::is_before(root, own, &other) => true,
            // Two machines sealed at once. The one that pushed first is right, if it goes on from where both began.
            Some(own) if number == 0 && theirs.is_some() => {
                extends(root, began, own, &other)?;
                true
            }
            Some(_) => {
                let failure =
                    Failure::input("the branch titer-log here and that of origin have both gone on, differently");
                return Err(
                    failure.hint("`titer audit seal --push origin` takes what is published and seals the rest again")
                );
            }
        };
        if is_newer {
            let failed = |error| Failure::world("the branch titer-log cannot be moved").because(error);
            log_branch::point(root, &other, known.as_deref()).map_err(failed)?;
            head = Some(other);
        }
    }
    Ok(head)
}

/// Whether another log goes on from where ours stood when this began, else from where it and ours parted.
fn extends(root: &Path, began: Option<&Option<String>>, own: &str, other: &str) -> Result<(), Failure> {
    let wrong = || {
        Failure::input("the log that was pushed is another one than ours: they have no beginning in common").hint(
            "find out who pushed it; `titer audit verify --since` with a saved checkpoint tells which one is right",
        )
    };
    let failed = |error| Failure::world("the log cannot be read").because(error);
    let start = match began {
        // It was nothing; then it must at least be sealed by the same key.
        Some(None) => None,
        Some(Some(start)) => Some(start.clone()),
        None => Some(log_branch::base(root, own, other).ok_or_else(wrong)?),
    };
    let log = Source::commit(root, other).map_err(failed)?;
    let asked = match start {
        Some(start) => {
            let Some((note, checkpoint)) = checkpoint(&Source::commit(root, &start).map_err(failed)?)? else {
                return Err(wrong());
            };
            Asked { since: Some(Since { checkpoint, note: Some(note) }), ..Asked::default() }
        }
        None => Asked {
            sealer: State::read(&Source::commit(root, own).map_err(failed)?, u64::MAX).map_err(failed)?.sealer(),
            ..Asked::default()
        },
    };
    let report = check::check(&log, &asked)?;
    if report.problems.is_empty() && report.rewritten.is_none() { Ok(()) } else { Err(wrong()) }
}

fn trust(log: &Source) -> Result<(), Failure> {
    let report = check::check(log, &Asked::default())?;
    let Some(first) = report.problems.first() else { return Ok(()) };
    let index = first.index.map_or_else(String::new, |index| format!("record {index}, "));
    let failure = Failure::input(format!(
        "the branch titer-log is not what it must be, so nothing is sealed on it: {index}{}: {}",
        first.file, first.reason
    ));
    Err(failure.hint("`titer audit verify` tells all that is wrong with it"))
}

fn checkpoint(log: &Source) -> Result<Option<(String, Checkpoint)>, Failure> {
    let failed =
        |error| Failure::world(format!("the checkpoint of the log in {} cannot be read", log.place())).because(error);
    let Some(bytes) = log.read(titer_log::CHECKPOINT).map_err(failed)? else { return Ok(None) };
    let note = String::from_utf8_lossy(&bytes).into_owned();
    let wrong = |why| Failure::input(format!("the checkpoint of the log in {} is damaged: {why}", log.place()));
    let read = check::parse(&note).map_err(wrong)?;
    Ok(Some((note, read)))
}

/// Takes away what a seal that was cut short has left behind its checkpoint.
fn clean(folder: &Folder) -> Result<(), Failure> {
    let failed = |error| Failure::world("the log's folder cannot be cleaned").because(error);
    let log = folder.source().map_err(failed)?;
    let size = checkpoint(&log)?.map(|it| it.1.size);
    for (name, _) in log.files() {
        let is_behind = match (titer_log::first_of(name), titer_log::size_of(name)) {
            (Some(first), _) => size.is_none_or(|size| first >= size),
            (_, Some(at)) => size.is_none_or(|size| at > size),
            (None, None) => name != titer_log::CHECKPOINT && (name != titer_log::KEYS || size.is_none()),
        };
        if is_behind {
            folder.remove(name).map_err(failed)?;
        }
    }
    Ok(())
}

/// The default branch, as far as it is sealed now.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    tip: &'a str,
    branch: &'a str,
    /// Who may have more of it.
    remote: Option<&'a str>,
}

/// What a seal came to.
fn seal(
    settings: &Settings,
    signers: &[Signer],
    line: &Line<'_>,
    folder: &Folder,
    state: State,
    steps: &mut Steps,
) -> Result<(report::Told, State), Failure> {
    let (root, tip) = (&settings.root, line.tip);
    if let Some(last) = state.last() {
        let main = last.main_commit.as_str();
        // Another machine may have sealed commits that were not pushed yet when this clone was made.
        if let (None, Some(remote)) = (commits::resolve(root, main), line.remote) {
            let failed =
                |error| Failure::world(format!("{} cannot be fetched from {remote}", line.branch)).because(error);
            batch_history::fetch(root, remote, line.branch).map_err(failed)?;
        }
        if main != tip && batch_history::is_before(root, tip, main) {
            return Ok((told(&state, state.edge.size(), 0, root), state));
        }
        if !batch_history::is_before(root, main, tip) {
            let failure = Failure::input(format!(
                "the default branch does not contain {main}, up to which the log is sealed: its history was rewritten, or this clone is behind"
            ));
            return Err(
                failure.hint(
                    "fetch the default branch and seal again; if the commit is in no branch any more, bring it back (a merge is enough): what is sealed stays sealed",
                )
            );
        }
    }
    let failed = |error| Failure::world("the commit to be sealed cannot be read").because(error);
    let (at, author) = batch_history::made(root, tip).map_err(failed)?;
    let at = clock::timestamp(Duration::from_secs(u64::try_from(at).unwrap_or(0)));
    let toml = commits::file(root, tip, policy::FILE).unwrap_or_default();
    let toml = String::from_utf8_lossy(&toml).into_owned();
    let audit = Policy::parse(&toml, Path::new(policy::FILE)).map_err(|failure| {
        Failure::input(format!("at {tip}, {}", failure.sentence)).hint("mend titer.toml on the default branch")
    })?;
    let size = state.edge.size();
    let before = folder.source().and_then(|log| log.read(titer_log::CHECKPOINT)).map_err(failed)?.unwrap_or_default();
    let origin = origin(&before, audit.audit.origin.as_deref())?;
    let edge = state.edge.clone();
    let order = Order { settings, tip, made: (at, author), toml: &toml, audit: &audit.audit, signers, before: &before };
    let old = state.sealer();
    let made = draft(&order, state)?;
    if !made.lines.is_empty() {
        let origin = origin.unwrap_or_else(|| made.sealer.split('+').next().unwrap_or_default().to_owned());
        let sealers = [old.as_deref().filter(|old| *old != made.sealer), Some(made.sealer.as_str())];
        let signs = |signer: &&Signer| sealers.contains(&Some(signer.public().to_string().as_str()));
        let signers: Vec<&Signer> = signers.iter().filter(signs).collect();
        write(folder, &made, &origin, &signers, size, edge, steps)?;
        let head = log_branch::commit_of(root, BRANCH);
        publish(root, folder, &made.state, head.as_deref(), size, steps)?;
    }
    let mut told = told(&made.state, size, made.records, root);
    (told.held, told.notes) = (made.held.iter().map(report_held).collect(), made.told);
    Ok((told, made.state))
}

fn report_held(held: &super::waiting::Held) -> report::Held {
    let super::waiting::Held { name, commit, line, why, next } = held.clone();
    report::Held {
        file: format!("{}/{name}", crate::bridges::suite_files::PENDING),
        commit,
        line,
        why,
        next: next.to_owned(),
    }
}

fn told(state: &State, before: u64, records: u64, root: &Path) -> report::Told {
    report::Told {
        before,
        size: state.edge.size(),
        root: state.edge.root(),
        records,
        main: state.last().map(|seal| seal.main_commit.clone()).unwrap_or_default(),
        commit: log_branch::commit_of(root, BRANCH).unwrap_or_default(),
        ..report::Told::default()
    }
}

/// The log's name, if it has one.
fn origin(before: &[u8], named: Option<&str>) -> Result<Option<String>, Failure> {
    let Ok(read) = check::parse(&String::from_utf8_lossy(before)) else { return Ok(named.map(str::to_owned)) };
    match named {
        Some(named) if named != read.origin => {
            let failure = Failure::input(format!("the log is called {}, and titer.toml calls it {named}", read.origin));
            Err(failure.hint("a log keeps its name: set `origin` in [audit] back"))
        }
        _ => Ok(Some(read.origin)),
    }
}

/// Writes a seal: the records, then all that follows from them, the checkpoint last.
fn write(
    folder: &Folder,
    made: &Draft,
    origin: &str,
    signers: &[&Signer],
    before: u64,
    began: Edge,
    steps: &mut Steps,
) -> Result<(), Failure> {
    let failed = |error| Failure::world("the seal cannot be written, so nothing is sealed").because(error);
    let (size, name) = (made.state.edge.size(), titer_log::segment(before));
    folder.put(&name, &made.lines).map_err(failed)?;
    steps.done();
    // Signed is what the disk gives back, not what memory held.
    let mut edge = began;
    let read = folder.source().and_then(|log| {
        log.lines(&name, &mut |line| {
            let text = std::str::from_utf8(line).ok().and_then(|text| text.strip_suffix('\n'));
            let Some(line) = text.and_then(record_line::split) else { return false };
            edge.push(merkle::leaf(dsse::envelope(line.statement.as_bytes(), &line.signatures).as_bytes()));
            true
        })
    });
    read.map_err(failed)?;
    if edge != made.state.edge {
        return Err(Failure::world("the disk gave back other records than were written, so nothing is sealed"));
    }
    folder.put(titer_log::KEYS, made.state.keys.text(size).as_bytes()).map_err(failed)?;
    steps.done();
    let lines = Checkpoint { origin: origin.to_owned(), size, root: edge.root() }.lines();
    let signatures: String = signers.iter().map(|signer| signer.line(&lines)).collect();
    let note = format!("{lines}\n{signatures}");
    folder.put(&titer_log::checkpoint(size), note.as_bytes()).map_err(failed)?;
    steps.done();
    folder.put(titer_log::CHECKPOINT, note.as_bytes()).map_err(failed)?;
    steps.done();
    Ok(())
}

/// Commits every seal that the branch does not have yet, each as it would have been committed at once.
fn publish(
    root: &Path,
    folder: &Folder,
    state: &State,
    head: Option<&str>,
    has: u64,
    steps: &mut Steps,
) -> Result<(), Failure> {
    let failed = |error| {
        Failure::world("the log is sealed, and could not be committed to the branch titer-log; seal again")
            .because(error)
    };
    let log = folder.source().map_err(failed)?;
    let keys = state.keys.text(state.edge.size());
    if log.read(titer_log::KEYS).map_err(failed)?.as_deref() != Some(keys.as_bytes()) {
        folder.put(titer_log::KEYS, keys.as_bytes()).map_err(failed)?;
    }
    let mut parent = head.map(str::to_owned);
    for (size, seal) in state.seals.iter().filter(|(size, _)| *size > has) {
        let note = log.read(&titer_log::checkpoint(*size)).map_err(failed)?.unwrap_or_default();
        let segment = titer_log::segment(seal.size_before);
        let lines = log.read(&segment).map_err(failed)?.unwrap_or_default();
        let files = [
            (segment, lines),
            (titer_log::KEYS.to_owned(), state.keys.text(*size).into_bytes()),
            (titer_log::checkpoint(*size), note.clone()),
            (titer_log::CHECKPOINT.to_owned(), note),
        ];
        let at = instant::seconds(&seal.sealed_at).unwrap_or(0);
        let commit = log_branch::commit(root, parent.as_deref(), &files, at, &message(seal, *size)).map_err(failed)?;
        steps.done();
        parent = Some(commit);
    }
    if let (Some(new), true) = (&parent, parent.as_deref() != head) {
        log_branch::point(root, new, head).map_err(failed)?;
        steps.done();
    }
    Ok(())
}

fn message(seal: &Seal, size: u64) -> String {
    let records: u64 = seal.batches.iter().map(|batch| batch.records).sum();
    format!(
        "[log] {records} records of {} batches: {} to {}\n\nUp to {} of the default branch.\n",
        seal.batches.len(),
        seal.size_before,
        size - 1,
        seal.main_commit
    )
}
