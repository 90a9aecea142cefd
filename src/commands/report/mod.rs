//! `titer report`: what the suites cost, caught and missed, for people, programs and CI.

mod faults;
mod ranking;
mod runs;
mod suites;
mod weeks;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bridges::whole_file;
use crate::commands::evidence::{self, AsOf};
use crate::commands::suites as places;
use crate::formats::report_v1::{Cut, FORMAT, Period, Report, Source};
use crate::ledger::duck::{Lens, Limits, Table};
use crate::model::failure::Failure;
use crate::model::suite::Suites;
use crate::report::metrics::Ended;
use crate::report::{annotations, digest, overview, page};
use crate::settings::{self, Settings};

/// How many days are looked at where nobody says.
const DAYS: i64 = 90;

/// Names the file that GitHub shows beside a job.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// What `titer report` was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The last so many runs.
    pub last: Option<u32>,
    /// Everything from this day on.
    pub since: Option<String>,
    /// As of the end of this day; today without one.
    pub as_of: Option<String>,
    /// Where to write the page.
    pub html: Option<PathBuf>,
    /// Print the document.
    pub json: bool,
    /// Write the job summary: to this file, or where the forge takes it, or on standard output.
    #[allow(clippy::option_option, reason = "not asked for, asked for, asked for with a file")]
    pub markdown: Option<Option<PathBuf>>,
}

/// Tells it.
///
/// # Errors
/// There is no ledger, a day is none, or a file cannot be written.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
    let files = [request.html.as_deref(), request.markdown.as_ref().and_then(|file| file.as_deref())];
    files.into_iter().flatten().try_for_each(|file| folder_is_there(settings, file))?;
    let report = gather(settings, request)?;
    if settings::variable("GITHUB_ACTIONS").as_deref() == Some("true") {
        // The runner listens on both streams; standard output is for what was asked for.
        for line in annotations::lines(&report) {
            let _ = talk.write_all(line.as_bytes());
        }
    }
    if let Some(file) = &request.html {
        let text = page::html(&report);
        put(settings, file, &text)?;
        if !request.json && request.markdown.is_none() {
            return crate::commands::say(out, &overview::written(&file.display().to_string(), text.len()));
        }
    }
    match &request.markdown {
        Some(to) => summarise(settings, to.as_deref(), &digest::markdown(&report), out),
        None if request.json => crate::commands::say(out, &report.line()),
        None => crate::commands::say(out, &overview::text(&report)),
    }
}

/// Said before the ledger is read, which may take a while.
fn folder_is_there(settings: &Settings, file: &Path) -> Result<(), Failure> {
    let full = settings.folder.join(file);
    if full.is_dir() {
        return Err(Failure::usage(format!("{} is a folder", file.display())).hint("name a file in it"));
    }
    match full.parent() {
        Some(folder) if !folder.is_dir() => Err(Failure::usage(format!("there is no folder for {}", file.display()))
            .hint("make it first, or name a file in a folder that is there")),
        _ => Ok(()),
    }
}

fn put(settings: &Settings, file: &Path, text: &str) -> Result<(), Failure> {
    whole_file::write(&settings.folder.join(file), &mut |to| to.write_all(text.as_bytes()))
        .map_err(|error| unwritten(file, error))
}

fn unwritten(file: &Path, error: io::Error) -> Failure {
    Failure::world(format!("{} cannot be written", file.display())).because(error)
}

/// Puts the job's summary where it was asked for, else where the forge takes it, else on standard output.
fn summarise(settings: &Settings, file: Option<&Path>, text: &str, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(file) = file {
        return put(settings, file, text);
    }
    match settings::variable(SUMMARY).filter(|file| !file.is_empty()).map(PathBuf::from) {
        // Other steps' commands write there, too.
        Some(file) => whole_file::append(&file, text.as_bytes()).map_err(|error| unwritten(&file, error)),
        None => crate::commands::say(out, text),
    }
}

/// All that is known as of today, and every run that the ledger holds.
///
/// # Errors
/// There is no ledger, or it cannot be read.
pub(super) fn everything(settings: &Settings) -> Result<(Report, Vec<Ended>), Failure> {
    tell(settings, &Request::default())
}

/// All that is known, as of a day.
fn gather(settings: &Settings, request: &Request) -> Result<Report, Failure> {
    tell(settings, request).map(|(report, _)| report)
}

fn tell(settings: &Settings, request: &Request) -> Result<(Report, Vec<Ended>), Failure> {
    let as_of = AsOf::parse(request.as_of.as_deref().unwrap_or(&places::today()))?;
    let since = match &request.since {
        Some(day) => day_of(day)?,
        None => as_of.plus(-DAYS),
    };
    if since > as_of.day {
        return Err(Failure::usage(format!("--since {since} is later than {}", as_of.day)));
    }
    let lens = evidence::lens(settings, &as_of.end(), &Limits::default())?;
    let (report, suites) = (Report::default(), Suites::default());
    let mut told = Told {
        lens: &lens,
        report,
        suites,
        as_of,
        from: String::new(),
        only: None,
        spans: Vec::new(),
        ended: Vec::new(),
    };
    FORMAT.clone_into(&mut told.report.format);
    env!("CARGO_PKG_VERSION").clone_into(&mut told.report.titer);
    told.report.repository =
        settings.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    told.report.period = Period { since, as_of: told.as_of.day.clone(), ..Period::default() };
    told.problems(settings)?;
    runs::tell(&mut told, request.last)?;
    suites::tell(&mut told, settings)?;
    faults::tell(&mut told, settings)?;
    ranking::tell(&mut told)?;
    weeks::tell(&mut told)?;
    Ok((told.report, told.ended))
}

fn day_of(text: &str) -> Result<String, Failure> {
    let date: Result<jiff::civil::Date, _> = text.parse();
    date.map(|date| date.to_string()).map_err(|error| {
        Failure::usage(format!("--since {text}: not a day")).because(error).hint("a day is written 2026-11-21")
    })
}

/// A report on its way.
struct Told<'a> {
    lens: &'a Lens,
    report: Report,
    /// Where tests live.
    suites: Suites,
    as_of: AsOf,
    /// The instant from which on runs count.
    from: String,
    /// The runs that count, where somebody said how many.
    only: Option<BTreeSet<String>>,
    /// Of every fault of the repository's code: when it was first seen, and when its guard came.
    spans: Vec<(String, Option<String>)>,
    /// Every run that the ledger holds.
    ended: Vec<Ended>,
}

impl Told<'_> {
    /// The rows of a view, in an order.
    fn rows<T: DeserializeOwned>(&self, view: &str, order: &str) -> Result<Vec<T>, Failure> {
        let Table { columns, rows } = self.lens.ordered(view, order)?;
        let row = |cells: Vec<Value>| {
            let members = columns.iter().cloned().zip(cells).filter(|(_, cell)| !cell.is_null());
            let members = members.map(|(name, cell)| match cell.as_str().filter(|_| name.ends_with("_at")) {
                Some(text) => (name, Value::from(instant(text))),
                None => (name, cell),
            });
            serde_json::from_value(Value::Object(members.collect()))
        };
        let read: Result<Vec<T>, serde_json::Error> = rows.into_iter().map(row).collect();
        read.map_err(|error| Failure::world(format!("the view {view} says what it should not")).because(error))
    }

    /// Whether a run counts.
    fn counts(&self, run: &str, started_at: &str) -> bool {
        let is_in = started_at >= self.from.as_str() && started_at <= self.as_of.end().as_str();
        is_in && self.only.as_ref().is_none_or(|only| only.contains(run))
    }

    /// The suite that a test lives in, as machines write it.
    fn suite(&self, test: &str) -> String {
        self.suites.weekly(test, &self.as_of.day).map_or("fast", |_| "weekly").to_owned()
    }

    /// Keeps the beginning of a list, and says what was cut.
    fn keep<T>(&mut self, list: &str, mut items: Vec<T>, most: usize) -> Vec<T> {
        if items.len() > most {
            let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
            self.report.cut.push(Cut { list: list.to_owned(), shown: count(most), of: count(items.len()) });
            items.truncate(most);
        }
        items
    }

    /// What is missing from the ledger, who watched production, and where tests live.
    fn problems(&mut self, settings: &Settings) -> Result<(), Failure> {
        #[derive(serde::Deserialize, Default)]
        #[serde(default)]
        struct Problem {
            segment: String,
            problem: String,
        }
        let found: Vec<Problem> = self.rows("segment_problems", "segment")?;
        for it in &found {
            let what = if it.problem.is_empty() { "some lines cannot be read" } else { &it.problem };
            self.report.problems.push(format!("{}: {what}", it.segment));
        }
        let problems = std::mem::take(&mut self.report.problems);
        self.report.problems = self.keep("problems", problems, 20);
        match places::read(settings) {
            Ok(suites) => self.suites = suites,
            Err(failure) => self.report.problems.push(failure.to_string()),
        }
        let sources: Vec<Watched> = self.rows("source_health", "source, project, service")?;
        self.report.sources = sources.into_iter().map(Watched::told).collect();
        Ok(())
    }
}

/// As the view `source_health` has it.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Watched {
    source: String,
    project: String,
    service: String,
    observed_since: String,
    observed_to: String,
    sightings: u64,
    mapped_basis_points: u64,
}

impl Watched {
    fn told(self) -> Source {
        let Self { source, project, service, observed_since, observed_to, sightings, mapped_basis_points } = self;
        let (observed_since, observed_to) = (instant(&observed_since), instant(&observed_to));
        Source { source, project, service, observed_since, observed_to, sightings, mapped_basis_points }
    }
}

/// `2026-11-21 05:00:00` of the lens as RFC 3339.
fn instant(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{}Z", text.replacen(' ', "T", 1)) }
}

/// The day of an instant.
fn day(instant: &str) -> &str {
    instant.get(..10).unwrap_or(instant)
}

fn count<T>(all: &[T], is: impl Fn(&T) -> bool) -> u64 {
    all.iter().filter(|one| is(one)).count() as u64
}
