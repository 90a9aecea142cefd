//! `titer learn bugsink` and the other trackers: what is new there since the last time, page by page.

use std::io::Write;
use std::path::PathBuf;

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bridges::clock;
use crate::bridges::sources::web::Web;
use crate::bridges::sources::{self, Asked, Group, Told, Tracker};
use crate::ledger::duck::{Lens, Limits};
use crate::model::failure::Failure;
use crate::report::learned;
use crate::settings::sources::Source;
use crate::settings::{self, Settings};

use super::keep::{Keeper, Teller};
use super::progress;

/// Groups that are kept together: a pull that is killed loses no more.
const BATCH: usize = 25;
/// Events of one group of errors that are asked for at most where nobody is there to say.
const EVENTS: usize = 20;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The tracker's name.
    pub tracker: String,
    /// Its address.
    pub url: Option<String>,
    /// Its own name of the project.
    pub project: String,
    /// Its own name of the organization.
    pub organization: Option<String>,
    /// The service that failed, where events do not name it.
    pub service: Option<String>,
    /// The file that holds the token.
    pub token_file: Option<PathBuf>,
    /// The most events that are asked for of one group.
    pub most: usize,
    /// `FROM=TO`: what frames begin with, and the folder that it is in the repository.
    pub prefixes: Vec<String>,
}

impl Request {
    /// What `titer.toml` says of a source.
    #[must_use]
    pub fn of(source: &Source) -> Self {
        let Source { tracker, project, url, organization, service, token_file, prefixes } = source.clone();
        Self { tracker, url, project, organization, service, token_file, most: EVENTS, prefixes }
    }
}

/// How far pulls of a project have come, as the ledger keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Mark {
    /// All groups last seen up to then are kept.
    upto: String,
    /// Those of them that were last seen right then.
    groups: Vec<String>,
    /// Since when the project is watched.
    since: String,
}

/// Pulls what is new.
///
/// # Errors
/// The tracker refuses or does not answer, or the ledger cannot be written. What came before that is kept.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
    let Some(tracker) = sources::named(&request.tracker) else {
        return Err(Failure::usage(format!("no tracker is called {}", request.tracker)));
    };
    let given = request.url.as_deref().or(tracker.url()).ok_or_else(|| {
        Failure::usage(format!("{} has no address of its own", tracker.name()))
            .hint("give it: --url https://errors.example.org")
    })?;
    let is_plain =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    for (flag, text) in [("--project", Some(&request.project)), ("--organization", request.organization.as_ref())] {
        if text.is_some_and(|text| !is_plain(text)) {
            return Err(Failure::usage(format!("{flag} holds what no name of a project or an organization holds"))
                .hint("it is the short name or the number in the tracker's own addresses"));
        }
    }
    let keys = keys(settings, request, tracker)?;
    let url = tracker.address(given);
    let web = Web::new(tracker.name(), tracker.variables(), &url, &tracker.headers(&keys))?;
    let asked = Asked {
        url,
        project: request.project.clone(),
        organization: request.organization.clone().unwrap_or_default(),
        most: request.most.max(1),
        now: clock::precise_timestamp(clock::now()),
        ..Asked::default()
    };
    let teller = Teller {
        source: tracker.name().to_owned(),
        project: request.project.clone(),
        service: request.service.clone().unwrap_or_default(),
        covers: None,
    };
    let mark = last_mark(settings, &teller)?;
    let asked = Asked { known: mark.upto.clone(), ..asked };
    let mut keeper = Keeper::open(settings, &request.prefixes)?;
    let mut pull = Pull { tracker, web, asked, teller, mark, bar: progress::bar(settings, None, "pages of groups") };
    let done = pull.all(&mut keeper);
    pull.bar.finish_and_clear();
    let name = format!("{} {}", tracker.name(), request.project);
    learned::write(&keeper.learned, &name, settings.quiet, out, talk)
        .map_err(|error| Failure::world("what was learned cannot be printed").because(error))?;
    done
}

/// The token, or the keys, as many as there are variables.
fn keys(settings: &Settings, request: &Request, tracker: &dyn Tracker) -> Result<Vec<String>, Failure> {
    let names = tracker.variables();
    let variables = names.join(" and ");
    if let Some(file) = &request.token_file {
        let text = std::fs::read_to_string(settings.folder.join(file)).map_err(|error| {
            Failure::input(format!("--token-file {} cannot be read", file.display())).because(error)
        })?;
        let lines: Vec<String> =
            text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
        if lines.len() != names.len() {
            let sentence = format!("--token-file {} has {} lines, not {}", file.display(), lines.len(), names.len());
            return Err(Failure::input(sentence).hint(format!("it holds, a line each, what {variables} would")));
        }
        return Ok(lines);
    }
    let key = |name: &&str| settings::variable(name).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
    names.iter().map(key).collect::<Option<Vec<String>>>().ok_or_else(|| {
        Failure::usage(format!("there is no token for {}", tracker.name()))
            .hint(format!("put it into the variable {variables} or into a file: --token-file FILE"))
    })
}

fn last_mark(settings: &Settings, teller: &Teller) -> Result<Mark, Failure> {
    let ledger = &settings.ledger.0;
    if !ledger.is_dir() {
        return Ok(Mark::default());
    }
    let file = settings.ledger_cache().join("lens.duckdb");
    let lens = Lens::open(ledger, &file, &clock::precise_timestamp(clock::now()), &Limits::default())?;
    let marks = lens.view("source_marks")?;
    let text = |row: &[Value], at: usize| row.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let own = marks.rows.iter().filter(|row| text(row, 0) == teller.source && text(row, 1) == teller.project);
    let newest = own.max_by_key(|row| (text(row, 2), text(row, 3)));
    Ok(newest.and_then(|row| serde_json::from_str(&text(row, 3)).ok()).unwrap_or_default())
}

/// One pull.
struct Pull {
    tracker: &'static dyn Tracker,
    web: Web,
    asked: Asked,
    teller: Teller,
    mark: Mark,
    bar: ProgressBar,
}

impl Pull {
    fn all(&mut self, keeper: &mut Keeper<'_>) -> Result<(), Failure> {
        // What is seen while this pull goes on is the next one's.
        let started = self.asked.now.clone();
        let groups = self.groups()?;
        if self.mark.since.is_empty() {
            let oldest = groups.iter().map(|group| group.first_seen.as_str()).min();
            self.mark.since = oldest.map_or_else(|| started.clone(), |oldest| oldest.min(&started).to_owned());
        }
        self.bar.set_message("groups of errors");
        self.bar.set_length(groups.len() as u64);
        let after = self.mark.upto.clone();
        for batch in groups.chunks(BATCH) {
            let mut told = Told::default();
            let mut failed = None;
            let mut whole: Vec<&Group> = Vec::new();
            for group in batch {
                match self.tracker.events(&self.web, &self.asked, group, &after) {
                    Ok(some) => {
                        told.raw.extend(some.raw);
                        told.decoded.absorb(some.decoded);
                        whole.push(group);
                        self.bar.inc(1);
                    }
                    Err(failure) => {
                        failed = Some(failure);
                        break;
                    }
                }
            }
            if !told.raw.is_empty() {
                keeper.keep(&told.raw, told.decoded, &self.teller)?;
            }
            self.advance(&whole);
            if let Some(failure) = failed {
                self.write_mark(keeper)?;
                return Err(failure);
            }
            self.write_mark(keeper)?;
        }
        if groups.is_empty() { self.write_mark(keeper) } else { Ok(()) }
    }

    /// The groups that were seen since the mark, oldest first: then the mark is true after every one of them.
    fn groups(&self) -> Result<Vec<Group>, Failure> {
        let mut found: Vec<Group> = Vec::new();
        let mut from: Option<String> = None;
        loop {
            self.bar.set_message("pages of groups");
            self.bar.inc(1);
            let listing = self.tracker.list(&self.web, &self.asked, from.as_deref())?;
            let is_known = |group: &Group| {
                group.last_seen < self.mark.upto
                    || (group.last_seen == self.mark.upto && self.mark.groups.contains(&group.id))
            };
            let reached = listing.groups.iter().any(|group| group.last_seen < self.mark.upto);
            found.extend(listing.groups.into_iter().filter(|group| !is_known(group)));
            // A page that names itself as the next one would be asked for without end.
            match listing.next {
                Some(next) if (!reached || listing.unordered) && from.as_ref() != Some(&next) => from = Some(next),
                _ => break,
            }
        }
        self.bar.set_position(0);
        found.sort_by(|a, b| (&a.last_seen, &a.id).cmp(&(&b.last_seen, &b.id)));
        found.dedup_by(|a, b| a.id == b.id);
        Ok(found)
    }

    fn advance(&mut self, whole: &[&Group]) {
        for group in whole {
            if group.last_seen > self.mark.upto {
                self.mark.upto.clone_from(&group.last_seen);
                self.mark.groups.clear();
            }
            self.mark.groups.push(group.id.clone());
        }
    }

    fn write_mark(&self, keeper: &mut Keeper<'_>) -> Result<(), Failure> {
        let text = serde_json::to_string(&self.mark).unwrap_or_default();
        keeper.mark(&self.teller, &text, &self.mark.since)
    }
}
