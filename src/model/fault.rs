//! A production error as a source told it, before anything of it was looked for in the repository.

use std::borrow::Cow;
use std::sync::Arc;

/// One place on a stack, as the source tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Frame {
    /// As the source spells it.
    pub file: String,
    /// The absolute name, where the source has one beside `file`.
    pub abs_path: String,
    /// `app.views`; empty where the language or the source has none.
    pub module: String,
    /// The function's own name for itself.
    pub function: String,
    /// Counted from 1.
    pub line: Option<u32>,
    /// Counted from 1.
    pub col: Option<u32>,
    /// What the source thinks of whose code it is: a hint.
    pub in_app: Option<bool>,
    /// The text of the line, without the blanks around it.
    pub context_line: String,
}

/// One time that a fault was seen.
///
/// Of millions, the texts stay in the bytes that they were read from; `T` is then [`Read`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event<T = String> {
    /// Without dashes, in lower case; never empty.
    pub id: T,
    /// The source's own grouping.
    pub issue: T,
    /// The source's own name of the project, where the event tells it.
    pub project: T,
    /// The service that failed, where the event tells it.
    pub service: T,
    /// When it was seen, RFC 3339 in UTC; never empty.
    pub at: T,
    /// When the source got it, RFC 3339 in UTC.
    pub received_at: T,
    /// The sort of error: `ValueError`.
    pub kind: T,
    /// The message as it was: it may hold anything, and goes no further than to its template.
    pub message: T,
    /// Whether the program caught it.
    pub handled: Option<bool>,
    /// `error`, `fatal`, …
    pub level: T,
    /// `python`, `node`, …
    pub platform: T,
    /// `production`, …
    pub environment: T,
    /// As the source spells it.
    pub release: T,
    /// The commit that the event itself names.
    pub revision: T,
    /// How often; 1 for one event.
    pub count: u64,
    /// Who ran into it, as the source spells it; kept only as a keyed hash.
    pub user: T,
    /// The customer that the user belongs to, likewise.
    pub tenant: T,
    /// Modules that the event itself names, likeliest first, `app.views`: all that is known of its place where it has no frames.
    pub modules: Vec<String>,
    /// Oldest first: the last one failed. Events of one fault mostly share them.
    pub frames: Arc<[Frame]>,
}

/// A text that stays where it was read as long as it can.
pub type Read<'a> = Cow<'a, str>;

impl<T> Event<T> {
    /// The same event with other texts.
    fn map<U>(self, text: impl Fn(T) -> U) -> Event<U> {
        Event {
            id: text(self.id),
            issue: text(self.issue),
            project: text(self.project),
            service: text(self.service),
            at: text(self.at),
            received_at: text(self.received_at),
            kind: text(self.kind),
            message: text(self.message),
            handled: self.handled,
            level: text(self.level),
            platform: text(self.platform),
            environment: text(self.environment),
            release: text(self.release),
            revision: text(self.revision),
            count: self.count,
            user: text(self.user),
            tenant: text(self.tenant),
            modules: self.modules,
            frames: self.frames,
        }
    }
}

impl From<Event> for Event<Read<'_>> {
    fn from(event: Event) -> Self {
        event.map(Cow::Owned)
    }
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// Where it stands: `line 12`, `item 3`, `record 2`.
    pub place: String,
    /// Why, in a few words.
    pub reason: String,
}

/// What a decoder found in some bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded<'a> {
    /// The events.
    pub events: Vec<Event<Read<'a>>>,
    /// The records that could not be read.
    pub bad: Vec<BadRecord>,
    /// Records that are whole and tell of no error: sessions, transactions, spans that went well.
    pub other: u64,
    /// The period that the bytes say they cover, RFC 3339 in UTC.
    pub covers: Option<(String, String)>,
    /// What people were called about.
    pub pages: Vec<Page>,
}

/// Somebody was called because of production. It says what is urgent, and nothing of where it failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The incident: several calls about one are one.
    pub incident: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What the call said.
    pub title: String,
    /// The source's own name of what is watched.
    pub project: String,
    /// What is watched, in words.
    pub service: String,
}

impl Decoded<'_> {
    /// The same without the bytes that it was read from.
    #[must_use]
    pub fn lasting(self) -> Decoded<'static> {
        let last = |event: Event<Read<'_>>| event.map(|text| Cow::Owned(text.into_owned()));
        Decoded {
            events: self.events.into_iter().map(last).collect(),
            bad: self.bad,
            other: self.other,
            covers: self.covers,
            pages: self.pages,
        }
    }

    /// Counts a record that could not be read.
    pub fn refuse(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.bad.push(BadRecord { place: place.into(), reason: reason.into() });
    }

    /// Takes in what was found elsewhere.
    pub fn absorb(&mut self, other: Self) {
        self.events.extend(other.events);
        self.bad.extend(other.bad);
        self.other += other.other;
        self.covers = other.covers.or(self.covers.take());
    }
}
