//! A fault and what production told of it: the events that a guard may be drafted from, each frame with its file in the repository.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::bridges::{clock, commits};
use crate::decide::whereabouts::{Prefix, Tree, Whereabouts};
use crate::formats::incident::{self, Incident, Told};
use crate::ledger::duck::{Lens, Limits};
use crate::ledger::imports;
use crate::ledger::store::Store;
use crate::model::failure::Failure;
use crate::model::fault::Frame;
use crate::model::guard::Crash;
use crate::settings::Settings;

/// The least that a fault may be called by.
const SHORTEST: usize = 4;

/// A fault.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault {
    /// Its id.
    pub id: String,
    /// How production failed.
    pub crash: Crash,
    /// The commit that failed, where it is known.
    pub commit: String,
    /// All commits that it is known to have been seen on, surest first.
    pub commits: Vec<String>,
    /// Its events: where the raw bytes are, and the id within them.
    events: Vec<(String, String)>,
}

/// The lens as of now.
pub(super) fn lens(settings: &Settings) -> Result<Lens, Failure> {
    if !settings.ledger.0.is_dir() {
        let sentence = format!("there is no ledger at {}", settings.ledger.0.display());
        return Err(Failure::input(sentence)
            .hint("`titer learn` takes in what failed in production; `--ledger DIR` or TITER_LEDGER names another"));
    }
    crate::commands::evidence::lens(settings, &clock::precise_timestamp(clock::now()), &Limits::default())
}

fn text(row: &Map<String, Value>, name: &str) -> String {
    row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The fault whose id begins so.
///
/// # Errors
/// There is none, or several, or it points at no file of the repository.
pub(super) fn find(lens: &Lens, beginning: &str) -> Result<Fault, Failure> {
    let listed = || "`titer guard list` lists faults, those first that cost most";
    if beginning.len() < SHORTEST {
        let sentence = format!("{beginning} is too short for a fault");
        return Err(Failure::usage(sentence).hint(format!("at least {SHORTEST} characters of its id; {}", listed())));
    }
    let faults = lens.ordered("faults", "fault_id")?;
    let mut found: Vec<Map<String, Value>> =
        faults.by_name().filter(|row| text(row, "fault_id").starts_with(beginning)).collect();
    if found.len() > 1 {
        return Err(
            Failure::input(format!("{} faults begin with {beginning}", found.len())).hint("give more of the id")
        );
    }
    let Some(row) = found.pop() else {
        return Err(Failure::input(format!("no fault begins with {beginning}")).hint(listed()));
    };
    let id = text(&row, "fault_id");
    let crash = Crash {
        r#type: text(&row, "error_type"),
        path: text(&row, "path"),
        function: text(&row, "function_name"),
        ..Crash::default()
    };
    if crash.path.is_empty() {
        let why = text(&row, "unmapped_reason");
        return Err(Failure::input(format!("fault {id} points at no file of the repository: {why}"))
            .hint("learn again with --prefix FROM=TO if its frames name files in another way"));
    }
    let events = lens.matching("fault_events", "fault_id", &id, "place")?;
    let events: Vec<Map<String, Value>> = events.by_name().collect();
    let commits: Vec<String> =
        events.iter().map(|row| text(row, "commit_id")).filter(|commit| !commit.is_empty()).collect();
    let commit = commits.first().cloned().unwrap_or_default();
    let events = events.iter().map(|row| (text(row, "raw_id"), text(row, "event_id"))).collect();
    Ok(Fault { id, crash, commit, commits, events })
}

impl Fault {
    /// What its events tell beyond sightings, with the files of this commit; and why of some nothing could be told.
    ///
    /// # Errors
    /// Git or the ledger fails.
    pub(super) fn incidents(&self, settings: &Settings, commit: &str) -> Result<(Vec<Incident>, Vec<String>), Failure> {
        let store = Store::open_existing(&settings.ledger.0)?;
        let files = commits::files(&settings.root, commit)
            .map_err(|error| Failure::world(format!("git cannot list the files of {commit}")).because(error))?;
        let tree = Tree::new(files.keys().map(String::as_str));
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        let mut read: BTreeSet<&str> = BTreeSet::new();
        for (raw, event) in &self.events {
            if !read.insert(event) {
                continue;
            }
            let told = match imports::unspool(&store, raw) {
                Ok(Some(bytes)) => incident::find(&bytes, event),
                Ok(None) => Err(format!("what its source sent of event {event} is gone from the ledger's spool")),
                Err(failure) => Err(failure.to_string()),
            };
            match told {
                Ok(mut told) => {
                    self.place(&mut told, &tree);
                    found.push(told);
                }
                Err(why) => problems.push(why),
            }
        }
        Ok((found, problems))
    }

    /// How production failed, with the line, and with the function where it is only told by the event itself.
    pub(super) fn crash(&self, events: &[Incident], commit: &str) -> Crash {
        let frame = self.frame(events);
        let is_told = self.crash.function != "<module>";
        let function = if is_told { self.crash.function.clone() } else { frame.map(own_name).unwrap_or_default() };
        Crash { line: self.line(events, commit), function, ..self.crash.clone() }
    }

    /// The frame that failed, as the best event tells it.
    fn frame<'e>(&self, events: &'e [Incident]) -> Option<&'e Told> {
        let frames = events.first().and_then(|event| event.exceptions.last()).map(|one| one.frames.as_slice());
        frames.unwrap_or_default().iter().rfind(|frame| frame.path == self.crash.path)
    }

    /// The line that failed, as the best event tells it, where that is of this commit; else 0, as lines move.
    fn line(&self, events: &[Incident], commit: &str) -> u32 {
        let line = self.frame(events).and_then(|frame| frame.line).unwrap_or(0);
        if self.commit == commit { line } else { 0 }
    }

    /// Gives every frame its file in the repository, where it has one.
    fn place(&self, incident: &mut Incident, tree: &Tree) {
        let implied: Vec<Prefix> = incident
            .exceptions
            .iter()
            .flat_map(|one| &one.frames)
            .rev()
            .find_map(|frame| implied(&frame.names, &self.crash))
            .into_iter()
            .collect();
        for frame in incident.exceptions.iter_mut().flat_map(|one| &mut one.frames) {
            place(frame, tree, &implied);
        }
    }
}

fn place(frame: &mut Told, tree: &Tree, prefixes: &[Prefix]) {
    if let Whereabouts::Files { paths, .. } = tree.find(&frame.names, prefixes)
        && let [path] = paths.as_slice()
    {
        frame.path.clone_from(path);
    }
}

/// A function's own name, without what it was called on or as; empty where it has none, which V8 and its reporters write in several ways.
fn own_name(frame: &Told) -> String {
    let name = frame.function.split(" [as ").next().unwrap_or_default();
    let name = name.strip_prefix("async ").or(name.strip_prefix("new ")).unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    if ["?", "<anonymous>", "<unknown>"].contains(&last) { String::new() } else { name.to_owned() }
}

/// What frames' names begin with, and the folder that it stands for, where the frame that failed tells: the owner said so when it was learned.
fn implied(frame: &Frame, crash: &Crash) -> Option<Prefix> {
    let name = if frame.abs_path.is_empty() { &frame.file } else { &frame.abs_path };
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    if frame.function != last(&crash.function.replace('.', "/")) || last(name) != last(&crash.path) {
        return None;
    }
    let (mut own, mut other): (Vec<&str>, Vec<&str>) = (name.split('/').collect(), crash.path.split('/').collect());
    while let (Some(a), Some(b)) = (own.last(), other.last())
        && a == b
    {
        own.pop();
        other.pop();
    }
    let from = own.join("/");
    (!from.is_empty()).then(|| (from, other.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_that_failed_tells_what_names_begin_with() {
        let crash = Crash { path: "backend/app/views.py".into(), function: "Shop.buy".into(), ..Crash::default() };
        for (name, function, expected) in [
            ("/srv/app/views.py", "buy", Some(("/srv", "backend"))),
            ("/srv/shop/backend/app/views.py", "buy", Some(("/srv/shop", ""))),
            ("/srv/app/views.py", "other", None),
            ("backend/app/views.py", "buy", None),
        ] {
            let frame = Frame { abs_path: name.into(), function: function.into(), ..Frame::default() };
            let found = implied(&frame, &crash);
            assert_eq!(found, expected.map(|(from, to)| (from.to_owned(), to.to_owned())), "{name}");
        }
    }
}
