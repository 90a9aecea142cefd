//! What `titer serve` shows: the report as a page, as JSON and as Markdown, whether there is something new, and what monitoring is told.
//!
//! The report is made once for all who ask, and again only once what it is made of has changed, one at a time. Where the ledger changes all the time,
//! making it takes no more than a fifth of the time.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, TryLockError};

use crate::bridges::clock::{self, Stopwatch};
use crate::bridges::{commits, suite_files};
use crate::commands::{active, report as telling, suites};
use crate::formats::report_v1::Report;
use crate::ledger::sql;
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::report::metrics::{self, Ended, Told};
use crate::report::{digest, page};
use crate::settings::Settings;

pub(super) use crate::report::metrics::Seen;

/// Whether something has changed is looked at no more often than after so many seconds.
const LOOK: f64 = 1.;

/// What has changed is shown no earlier than so many seconds after the last time, or after so many times as long as making it took.
const REST: (f64, f64) = (2., 4.);

/// The branch that records are published on.
const LOG: &str = "refs/heads/titer-log";

/// A page as it is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Its content type.
    pub kind: &'static str,
    /// Its bytes.
    pub body: Vec<u8>,
    /// `ETag`, in its quotes, which changes when they do; empty: nobody may keep it.
    pub tag: String,
}

/// All pages of a server.
#[derive(Debug)]
pub(super) struct Pages {
    settings: Settings,
    kept: Mutex<Option<Arc<Made>>>,
    /// Held by whoever makes the next one.
    making: Mutex<()>,
}

/// What was made of the ledger at one time.
#[derive(Debug)]
struct Made {
    /// What the ledger was.
    state: Digest,
    /// What changes when the report does.
    version: String,
    outcome: Result<(Report, Vec<Ended>), Failure>,
    /// When, in seconds since 1970, and how long ago that is.
    at: u64,
    age: Stopwatch,
    /// How long ago somebody last looked whether it still holds.
    looked: Mutex<Stopwatch>,
    /// Seconds that it took.
    took: f64,
    /// The page of it, once somebody has asked for it.
    page: OnceLock<Vec<u8>>,
}

impl Pages {
    /// Opens nothing.
    pub(super) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), kept: Mutex::default(), making: Mutex::default() }
    }

    /// `/` (HTML), `/report.json`, `/report.md`, `/version` (a small JSON that changes when the report would) and `/metrics`; none: there is no such
    /// page. May take as long as a report takes.
    pub(super) fn get(&self, path: &str, seen: &Seen) -> Option<Result<Page, Failure>> {
        let told = |kind, tell: &dyn Fn(&Report) -> String| {
            let made = self.made();
            let (report, _) = made.outcome.as_ref().map_err(again)?;
            Ok(Page { kind, body: tell(report).into_bytes(), tag: made.tag() })
        };
        match path {
            "/" => Some(Ok(self.made().page())),
            "/report.json" => Some(told("application/json", &Report::line)),
            "/report.md" => Some(told("text/markdown; charset=utf-8", &digest::markdown)),
            "/version" => Some(Ok(self.made().version())),
            "/metrics" => Some(Ok(self.metrics(seen))),
            _ => None,
        }
    }

    fn metrics(&self, seen: &Seen) -> Page {
        let made = self.made();
        let (report, ended) = match &made.outcome {
            Ok((report, ended)) => (Some(report), ended.as_slice()),
            Err(_) => (None, &[][..]),
        };
        let active = active::all(&self.settings);
        let text = metrics::text(&Told { report, ended, active: &active, made_at: made.at, seen });
        Page { kind: metrics::KIND, body: text.into_bytes(), tag: String::new() }
    }

    /// The newest report. One thread makes it; meanwhile others are shown the last one, and wait only where there is none.
    fn made(&self) -> Arc<Made> {
        let last = self.last();
        if let Some(made) = last.as_ref().filter(|made| made.is_new()) {
            return Arc::clone(made);
        }
        // Whoever panicked within has left the last one as it was.
        let making = match (self.making.try_lock(), last) {
            (Err(TryLockError::WouldBlock), Some(last)) => return last,
            (Err(TryLockError::WouldBlock), None) => self.making.lock().unwrap_or_else(PoisonError::into_inner),
            (Err(TryLockError::Poisoned(poisoned)), _) => poisoned.into_inner(),
            (Ok(making), _) => making,
        };
        if let Some(made) = self.last().filter(|made| made.is_new() || made.is_still(&self.settings)) {
            return made;
        }
        let made = Arc::new(Made::of(&self.settings));
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&made));
        drop(making);
        made
    }

    fn last(&self) -> Option<Arc<Made>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Made {
    fn of(settings: &Settings) -> Self {
        // Before: what changes meanwhile is seen the next time.
        let (state, watch, at) = (state(settings), Stopwatch::start(), clock::now().as_secs());
        let outcome = telling::everything(settings);
        let text = match &outcome {
            Ok((report, _)) => report.line(),
            Err(failure) => failure.to_string(),
        };
        let version = Digest::of_parts([env!("CARGO_PKG_VERSION").as_bytes(), text.as_bytes()]).to_string();
        Self {
            state,
            version,
            outcome,
            at,
            took: watch.seconds(),
            age: Stopwatch::start(),
            looked: Mutex::new(Stopwatch::start()),
            page: OnceLock::new(),
        }
    }

    /// Whether nobody has to look yet whether it holds.
    fn is_new(&self) -> bool {
        let is_early = self.age.seconds() < REST.0.max(REST.1 * self.took);
        is_early || self.looked.lock().unwrap_or_else(PoisonError::into_inner).seconds() < LOOK
    }

    /// Whether it holds: what it was made of is what it was.
    fn is_still(&self, settings: &Settings) -> bool {
        let is_still = self.state == state(settings);
        if is_still {
            *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
        }
        is_still
    }

    fn tag(&self) -> String {
        format!("\"{}\"", self.version)
    }

    fn page(&self) -> Page {
        let html = self.page.get_or_init(|| match &self.outcome {
            Ok((report, _)) => page::live(report, &self.version).into_bytes(),
            Err(failure) => page::missing(&failure.to_string(), &failure.hints, &self.version).into_bytes(),
        });
        Page { kind: "text/html; charset=utf-8", body: html.clone(), tag: self.tag() }
    }

    fn version(&self) -> Page {
        let body = format!("{{\"version\":\"{}\"}}\n", self.version);
        Page { kind: "application/json", body: body.into_bytes(), tag: self.tag() }
    }
}

/// The same failure once more, for another who asks.
fn again(failure: &Failure) -> Failure {
    let told = Failure::new(failure.kind, failure.to_string());
    failure.hints.iter().fold(told, Failure::hint)
}

/// What a report is made of, by names and sizes alone: the day, the ledger, the records in the repository, its commits.
fn state(settings: &Settings) -> Digest {
    let mut parts = vec![suites::today(), sql::fingerprint(&settings.ledger.0).to_string()];
    let records = walkdir::WalkDir::new(settings.root.join(suite_files::SUITE)).sort_by_file_name();
    parts.extend(records.into_iter().flatten().map(|it| {
        let (length, changed) = it.metadata().map_or((0, None), |about| (about.len(), about.modified().ok()));
        format!("{} {length} {changed:?}", it.path().display())
    }));
    parts.extend(["HEAD", LOG].map(|name| commits::resolve(&settings.root, name).unwrap_or_default()));
    Digest::of_parts(parts.iter().map(String::as_bytes))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write the files that they read")]
mod tests {
    use super::*;
    use crate::settings::Flags;

    fn text(pages: &Pages, path: &str) -> String {
        let page = pages.get(path, &Seen::default()).unwrap().unwrap();
        String::from_utf8(page.body).unwrap()
    }

    #[test]
    fn a_ledger_that_is_missing_is_said_and_shown_once_it_is_there() {
        let place = tempfile::tempdir().unwrap();
        let flags =
            Flags { folder: Some(place.path().to_owned()), ledger: Some("ledger".to_owned()), ..Flags::default() };
        let settings = Settings { cache: place.path().join("cache"), ..Settings::read(&flags, &|_| None).unwrap() };
        let pages = Pages::new(&settings);
        let (page, version) = (text(&pages, "/"), text(&pages, "/version"));
        assert!(page.contains("there is no ledger at") && page.contains("Next: <code>titer run"), "{page}");
        assert!(version.starts_with("{\"version\":\"") && page.contains(&version[12..44]), "{version}");
        assert!(pages.get("/report.json", &Seen::default()).unwrap().is_err());
        assert!(text(&pages, "/metrics").contains("titer_ledger_readable 0\n"));
        assert!(pages.get("/favicon.ico", &Seen::default()).is_none());
        std::fs::create_dir_all(place.path().join("ledger")).unwrap();
        // Nothing in it has changed by name, but the day's rest is over.
        let made = Made::of(&settings);
        assert!(made.outcome.is_ok(), "{:?}", made.outcome);
        std::thread::sleep(std::time::Duration::from_secs_f64(REST.0 + 0.1));
        std::fs::create_dir_all(place.path().join("ledger/log")).unwrap();
        std::fs::write(place.path().join("ledger/log/1.json"), "{").unwrap();
        let page = text(&pages, "/");
        assert!(page.contains("No run is in this ledger yet"), "{}", &page[..page.len().min(20_000)]);
        assert_ne!(version, text(&pages, "/version"));
        assert_eq!(pages.get("/", &Seen::default()).unwrap().unwrap().tag, text(&pages, "/version")[11..45]);
        assert!(text(&pages, "/metrics").contains("titer_ledger_readable 1\n"));
    }
}
