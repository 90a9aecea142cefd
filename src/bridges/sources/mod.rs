//! Trackers of production errors that are asked over HTTP: one file a tracker, one line in the list.
//!
//! All are asked alike: their groups of errors, newest first, down to what is known; then, of each group from the oldest on, some events.

mod bugsink;
mod bugsnag;
mod datadog;
mod honeybadger;
mod rollbar;
mod sentry;
pub mod web;

use serde_json::Value;

use crate::formats::sentry_event::{Held, event};
use crate::model::failure::Failure;
use crate::model::fault::Decoded;

use web::Web;

/// What is asked of a tracker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// The tracker's address, without a slash at its end.
    pub url: String,
    /// The tracker's name of the project.
    pub project: String,
    /// The tracker's name of the organization, where it has one.
    pub organization: String,
    /// The most events that are asked for of one group.
    pub most: usize,
    /// Up to when all is known, RFC 3339 in UTC; empty where nothing is.
    pub known: String,
    /// When the asking began, RFC 3339 in UTC.
    pub now: String,
}

/// Errors that the tracker takes for one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// The tracker's own name for it.
    pub id: String,
    /// When it was first seen, RFC 3339 in UTC.
    pub first_seen: String,
    /// When it was last seen, RFC 3339 in UTC.
    pub last_seen: String,
    /// How often.
    pub count: u64,
    /// The sort of error, where its events do not say it.
    pub class: String,
}

/// A page of groups, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The groups.
    pub groups: Vec<Group>,
    /// Where the next page is.
    pub next: Option<String>,
    /// The tracker does not promise the order: all pages have to be looked at.
    pub unordered: bool,
}

/// Events of one group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The bytes as they came, one answer a line.
    pub raw: Vec<u8>,
    /// What they say.
    pub decoded: Decoded<'static>,
}

impl Told {
    /// Takes in an answer that holds one event as Sentry writes it, wherever in it.
    pub(crate) fn take(&mut self, raw: &[u8], value: &Value, place: &str, group: &str) {
        self.raw.extend(raw.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
        self.raw.push(b'\n');
        self.count(event(value, None), place, group);
    }

    /// Takes in an event that was read already.
    pub(crate) fn take_held(&mut self, value: &Value, held: Result<Held, String>, place: &str, group: &str) {
        self.raw.extend(value.to_string().into_bytes());
        self.raw.push(b'\n');
        self.count(held, place, group);
    }

    fn count(&mut self, held: Result<Held, String>, place: &str, group: &str) {
        match held {
            Ok(Held::Error(mut event)) => {
                group.clone_into(&mut event.issue);
                // The tracker's number of the project is known already.
                event.project.clear();
                self.decoded.events.push((*event).into());
            }
            Ok(Held::Other) => self.decoded.other += 1,
            Err(reason) => self.decoded.refuse(place, reason),
        }
    }
}

/// A tracker.
pub trait Tracker: Sync {
    /// What the source is called.
    fn name(&self) -> &'static str;
    /// The variables that hold its token, or its keys.
    fn variables(&self) -> &'static [&'static str];
    /// Its address, if there is one that is everybody's.
    fn url(&self) -> Option<&'static str>;
    /// The whole address of what the user gave as one.
    fn address(&self, given: &str) -> String {
        given.trim_end_matches('/').to_owned()
    }
    /// The headers of every question, which carry the token or the keys, in the order of [`Self::variables`].
    fn headers(&self, keys: &[String]) -> Vec<(&'static str, String)>;
    /// A page of groups, newest first; `from` is where, for pages after the first.
    ///
    /// # Errors
    /// The tracker cannot be asked, or answers what it should not.
    fn list(&self, web: &Web, asked: &Asked, from: Option<&str>) -> Result<Listing, Failure>;
    /// Some events of a group that the tracker got after `after`: the newest of them, and the oldest of a new group.
    ///
    /// # Errors
    /// As for [`Tracker::list`].
    fn events(&self, web: &Web, asked: &Asked, group: &Group, after: &str) -> Result<Told, Failure>;
}

/// A group's own name, a number or a word: it is put into addresses, so only what can be one is taken.
fn number_or_word(id: &Value) -> Option<String> {
    let text = id.as_u64().map(|id| id.to_string()).or_else(|| id.as_str().map(str::to_owned))?;
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then_some(text)
}

/// Tokens that belong to one bearer are sent so.
fn bearer(word: &str, keys: &[String]) -> (&'static str, String) {
    ("authorization", format!("{word} {}", keys.concat()))
}

/// The things on a page: it is a list, or has one in this member.
fn things<'a>(page: &'a Value, member: &str) -> &'a [Value] {
    let list = if member.is_empty() { Some(page) } else { page.get(member) };
    list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Every tracker.
pub const TRACKERS: &[&dyn Tracker] = &[
    &bugsink::Bugsink,
    &bugsnag::Bugsnag,
    &datadog::Datadog,
    &honeybadger::Honeybadger,
    &rollbar::Rollbar,
    &sentry::Sentry,
];

/// The tracker of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static dyn Tracker> {
    TRACKERS.iter().copied().find(|tracker| tracker.name() == name)
}
