//! `titer learn git`: which commit touched which code path.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;

use crate::bridges::clock;
use crate::bridges::history::{self, Chain};
use crate::decide::history::{go_on, touched};
use crate::formats::learned_v1::{ChangeLine, VERSION};
use crate::ledger::imports::{self, Import};
use crate::ledger::learned;
use crate::ledger::store::Store;
use crate::model::code_path::{CodePath, MODULE};
use crate::model::commit::{Act, Commit, FileChange};
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::settings::Settings;

use super::shapes::Shapes;
use super::{progress, several};

/// Commits that are kept at a time: whoever is stopped loses no more.
const STEP: usize = 2_000;

/// Walks over the first-parent history of HEAD from where the last walk ended.
///
/// # Errors
/// There is no history, git fails, or the ledger cannot be written. What was learned by then is kept.
pub fn run(settings: &Settings, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
    let chain = survey(settings)?;
    if chain.shallow {
        let _ = writeln!(
            talk,
            "titer: warning: this clone is shallow, so nothing is known of what changed before its {}; \
             `git fetch --unshallow` brings the rest, then learn again",
            several(chain.commits.len(), "commit")
        );
    }
    let store = super::store(settings)?;
    let kept = learned::walks(&super::lens(settings)?)?;
    let from = go_on(&chain.commits, &kept);
    let behind = from.map_or(0, |(_, behind)| behind);
    let new = &chain.commits[behind..];
    if new.is_empty() {
        let line = format!("nothing new: {} known already", several(chain.commits.len(), "commit"));
        return super::say(settings, out, &line);
    }
    let bar = progress::bar(settings, Some(new.len() as u64), "commits");
    let mut learner = Learner {
        settings,
        store: &store,
        was: from.map(|(walk, _)| walk.commit.clone()).unwrap_or_default(),
        number: from.map_or(0, |(walk, _)| walk.number),
        shallow: from.is_none() && chain.shallow,
        named: Duration::ZERO,
        shapes: Shapes::default(),
        tally: Tally::default(),
    };
    let done = new.chunks(STEP).try_for_each(|step| learner.learn(step, &bar));
    bar.finish_and_clear();
    if done.is_err() && learner.tally.commits > 0 {
        let _ = writeln!(talk, "titer: {} before it stopped; the next `titer learn git` goes on there", learner.tally);
    }
    done?;
    if let Some((number, last)) = learner.tally.ahead {
        let day = day(last);
        let _ = writeln!(
            talk,
            "titer: warning: {} dated in the future (the last: {day}); such a commit counts from its date on",
            several(number, "commit")
        );
    }
    super::say(settings, out, &learner.tally.to_string())
}

/// The commits of HEAD.
fn survey(settings: &Settings) -> Result<Chain, Failure> {
    let root = settings.root.display();
    if !settings.in_git {
        let sentence = format!("there is no git repository at or above {}", settings.folder.display());
        return Err(Failure::input(sentence).hint("start it inside of one, or name its folder with `-C DIR`"));
    }
    let chain = history::chain(&settings.root).map_err(failed(settings))?;
    if chain.commits.is_empty() {
        let sentence = format!("the repository {root} has no commit yet, so there is nothing to learn");
        return Err(Failure::input(sentence).hint("commit something first"));
    }
    Ok(chain)
}

fn failed(settings: &Settings) -> impl Fn(io::Error) -> Failure {
    move |error| {
        Failure::world(format!("the history of {} cannot be read", settings.root.display()))
            .because(error)
            .hint("`titer doctor` says whether git can be used here")
    }
}

/// What was learned, in numbers.
#[derive(Debug, Default)]
struct Tally {
    commits: usize,
    changes: usize,
    paths: BTreeSet<Digest>,
    /// The first and the last day.
    days: Option<(String, String)>,
    /// Commits with a date in the future, and the latest of the dates.
    ahead: Option<(usize, i64)>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "learned {}", several(self.commits, "commit"))?;
        if let Some((first, last)) = &self.days {
            write!(f, " ({first} to {last})")?;
        }
        write!(f, ": {} of {}", several(self.changes, "change"), several(self.paths.len(), "code path"))
    }
}

struct Learner<'a> {
    settings: &'a Settings,
    store: &'a Store,
    /// The commit at which the walk before ended.
    was: String,
    /// How many commits are told by then.
    number: u64,
    shallow: bool,
    /// The time in the name of the walk before.
    named: Duration,
    shapes: Shapes,
    tally: Tally,
}

impl Learner<'_> {
    /// Learns some commits that follow each other, and keeps them as one walk.
    fn learn(&mut self, ids: &[String], bar: &ProgressBar) -> Result<(), Failure> {
        let Some(last) = ids.last() else { return Ok(()) };
        let root = &self.settings.root;
        let from = (!self.was.is_empty()).then_some(self.was.as_str());
        let commits = history::commits(root, from, last).map_err(failed(self.settings))?;
        if commits.len() != ids.len() || commits.last().is_none_or(|commit| commit.id != *last) {
            let sentence = format!("the history of {} changed while it was read", root.display());
            return Err(Failure::world(sentence).hint("start `titer learn git` again"));
        }
        let (begun, all) = (self.tally.commits as u64, commits.len() as u64);
        let furthest = AtomicU64::new(begun);
        let parsed = |done: usize, of: usize| {
            let at = begun + all * done as u64 / of.max(1) as u64;
            bar.set_position(furthest.fetch_max(at, Ordering::Relaxed).max(at));
        };
        self.shapes.learn(root, &commits, &parsed).map_err(failed(self.settings))?;
        let import = self.import(&commits);
        imports::commit(self.store, &import)?;
        self.count(&commits, &import.changes);
        bar.set_position(begun + all);
        (self.was, self.number, self.shallow) = (last.clone(), self.number + all, false);
        Ok(())
    }

    /// The walk over some commits as the ledger keeps it.
    fn import(&mut self, commits: &[Commit]) -> Import {
        // Names have their time in them, in milliseconds, and of two walks the later one must sort after the other.
        self.named = clock::now().max(self.named + Duration::from_millis(1));
        let walk = clock::new_run_id(self.named);
        let mut changes: Vec<ChangeLine> = Vec::new();
        for (number, commit) in (self.number + 1..).zip(commits) {
            let line = ChangeLine {
                v: VERSION,
                walk: walk.clone(),
                commit: commit.id.clone(),
                number,
                at: time(commit.seconds),
                author: Digest::of(commit.address.to_lowercase().as_bytes()).to_string()[..16].to_owned(),
                ..ChangeLine::default()
            };
            changes.push(ChangeLine { kind: "commit".to_owned(), ..line.clone() });
            for file in &commit.files {
                changes.extend(self.changes_of(file).into_iter().map(|change| told(change, &line)));
            }
            if number == self.number + commits.len() as u64 {
                // The last line, so that a segment that breaks off tells no walk.
                let (was, shallow) = (self.was.clone(), self.shallow);
                changes.push(ChangeLine {
                    kind: "history".to_owned(),
                    author: String::new(),
                    was,
                    shallow,
                    ..line.clone()
                });
            }
        }
        Import { day: clock::timestamp(self.named)[..10].to_owned(), name: walk, changes, ..Import::default() }
    }

    /// What a commit did to the code paths of one file.
    fn changes_of(&self, file: &FileChange) -> Vec<Change> {
        let old_path = file.was.as_ref().unwrap_or(&file.path);
        let mut changes: Vec<Change> =
            file.was.iter().map(|was| Change::Renamed { was: was.clone(), path: file.path.clone() }).collect();
        let (mut same, mut same_mode) = (false, true);
        if let (Some(before), Some(after)) = (&file.before, &file.after) {
            (same, same_mode) = (before.blob == after.blob, before.mode == after.mode);
        }
        let mut functions = Vec::new();
        if !same {
            let before = self.shapes.side(old_path, file.before.as_ref());
            functions = touched(before, self.shapes.side(&file.path, file.after.as_ref()));
        }
        // Whether a file may be executed, and whether it is a link, counts for who uses the file as a whole.
        if !same_mode && functions.iter().all(|(_, function)| function != MODULE) {
            functions.insert(0, (Act::Changed, MODULE.to_owned()));
        }
        let path = |function| CodePath::new(file.path.clone(), function);
        changes.extend(functions.into_iter().map(|(act, function)| Change::Touched(act, path(function))));
        changes
    }

    fn count(&mut self, commits: &[Commit], changes: &[ChangeLine]) {
        let now = i64::try_from(clock::now().as_secs()).unwrap_or(i64::MAX);
        let touched = || changes.iter().filter(|line| !line.function.is_empty());
        self.tally.commits += commits.len();
        self.tally.changes += touched().count();
        let parts = |line: &ChangeLine| Digest::of_parts([line.path.as_bytes(), line.function.as_bytes()]);
        self.tally.paths.extend(touched().map(parts));
        for commit in commits {
            let day = day(commit.seconds);
            let (first, last) = self.tally.days.take().unwrap_or_else(|| (day.clone(), day.clone()));
            self.tally.days = Some((first.min(day.clone()), last.max(day)));
            if commit.seconds > now {
                let (number, last) = self.tally.ahead.unwrap_or((0, commit.seconds));
                self.tally.ahead = Some((number + 1, last.max(commit.seconds)));
            }
        }
    }
}

/// One thing that a commit did.
enum Change {
    Renamed { was: String, path: String },
    Touched(Act, CodePath),
}

fn told(change: Change, of_commit: &ChangeLine) -> ChangeLine {
    let line = of_commit.clone();
    match change {
        Change::Renamed { was, path } => ChangeLine { kind: "renamed".to_owned(), was, path, ..line },
        Change::Touched(act, CodePath { file, function }) => {
            ChangeLine { kind: act.word().to_owned(), path: file, function, ..line }
        }
    }
}

/// Git's seconds as the ledger writes times; what lies before 1970 is the beginning.
fn time(seconds: i64) -> String {
    clock::timestamp(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn day(seconds: i64) -> String {
    time(seconds)[..10].to_owned()
}
