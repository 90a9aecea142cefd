//! An error as Sentry writes it: the event that an SDK sends, and the same event as Sentry's and Bugsink's REST interfaces give it.
//!
//! Only what a sighting needs is taken (an allow-list): locals, requests and breadcrumbs stay where they are.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::instant::instant;
use crate::model::fault::{Event, Frame};

/// Frames beyond this are left out at the old end: a recursion without end has thousands.
pub const MOST_FRAMES: usize = 200;
/// Longer texts are cut.
const LONGEST: usize = 2000;

/// Members that nothing is taken from, wherever they stand: most of what SDKs send.
const UNREAD: [&str; 8] =
    ["breadcrumbs", "contexts", "extra", "modules", "post_context", "pre_context", "request", "vars"];

/// What a record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// An error.
    Error(Box<Event>),
    /// Something whole that is no error: a transaction, a message for information.
    Other,
}

/// Reads one event. `sent` is when it was sent, for events that do not say when they happened.
///
/// # Errors
/// The reason that it is none, in a few words.
pub fn event(value: &Value, sent: Option<&str>) -> Result<Held, String> {
    let Some(object) = value.as_object() else { return Err("not an object".to_owned()) };
    // Webhooks carry the event two levels further in.
    let inside = object.get("data").and_then(|data| data.get("event").or_else(|| data.get("error")));
    if let Some(inside) = inside {
        return event(inside, sent);
    }
    if matches!(word(value, &["type"]).as_str(), "transaction" | "profile" | "replay_event" | "check_in" | "feedback") {
        return Ok(Held::Other);
    }
    let exceptions = exceptions(value);
    let level = word(value, &["level"]).to_lowercase();
    let level = if level.is_empty() { tag(value, "level") } else { level };
    // Whoever says no level means an error.
    let level = if level.is_empty() && !exceptions.is_empty() { "error".to_owned() } else { level };
    if exceptions.is_empty() && !matches!(level.as_str(), "error" | "fatal" | "critical") {
        return Ok(Held::Other);
    }
    let id = plain_id(&word(value, &["event_id", "eventID", "id"]));
    if id.is_empty() {
        return Err("no event id".to_owned());
    }
    let at = moment(value, &["timestamp", "dateCreated"]).or_else(|| sent.and_then(super::instant::of_text));
    let Some(at) = at.or_else(|| moment(value, &["dateReceived", "received"])) else {
        return Err("no time".to_owned());
    };
    // The cause stands first, what was raised last stands last.
    let raised = exceptions.last().copied().unwrap_or(&Value::Null);
    let with_frames = exceptions.iter().rev().find(|exception| !frames(exception).is_empty());
    let mut stack = with_frames.map(|exception| frames(exception)).unwrap_or_default();
    if stack.is_empty() {
        stack = thread_frames(value);
    }
    let release = value.get("release").map_or(Value::Null, |release| match release.get("version") {
        Some(version) => version.clone(),
        None => release.clone(),
    });
    let message = [word(raised, &["value"]), logged(value)].into_iter().find(|text| !text.is_empty());
    Ok(Held::Error(Box::new(Event {
        id,
        issue: word(value, &["groupID", "issue_id", "issue"]),
        project: word(value, &["projectID", "project"]),
        service: first(&[tag(value, "service"), tag(value, "service.name")]),
        at,
        received_at: moment(value, &["dateReceived", "received"]).unwrap_or_default(),
        kind: word(raised, &["type"]),
        message: message.unwrap_or_default(),
        handled: handled(raised).or_else(|| tag(value, "handled").parse().ok().map(|said: Said| said.0)),
        level,
        platform: word(value, &["platform"]),
        environment: first(&[word(value, &["environment"]), tag(value, "environment")]),
        release: first(&[text(&release), tag(value, "release")]),
        revision: first(&[tag(value, "vcs.ref.head.revision"), tag(value, "git.sha"), tag(value, "commit")]),
        count: 1,
        user: user(value),
        tenant: first(&[tag(value, "tenant"), tag(value, "tenant_id"), tag(value, "organization")]),
        modules: if stack.is_empty() { modules(value) } else { Vec::new() },
        frames: stack.into(),
    })))
}

/// Reads an event's JSON but for what is [never looked at](UNREAD).
///
/// # Errors
/// It is no JSON.
pub(super) fn lean(bytes: &[u8]) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Lean.deserialize(&mut reader)?;
    reader.end().map(|()| value)
}

/// Makes a [`Value`] as its own reader does, less some members.
struct Lean;

impl<'de> DeserializeSeed<'de> for Lean {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Lean {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_u64<E>(self, it: u64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_f64<E>(self, it: f64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_str<E>(self, it: &str) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key_seed(Name)? {
            if let Some(name) = name {
                object.insert(name, members.next_value_seed(Self)?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(object.into())
    }
}

/// A member's name, if anything is taken from it.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<String>, E> {
        Ok((!UNREAD.contains(&name)).then(|| name.to_owned()))
    }
}

/// What an event without frames says of its place: `app.views in checkout`, the logger's name, which is mostly that of its module, and a
/// transaction that is named after a function.
fn modules(value: &Value) -> Vec<String> {
    let culprit = word(value, &["culprit"]);
    let culprit = culprit.split_once(" in ").map(|(module, _)| module.to_owned());
    let logger = first(&[word(value, &["logger"]), tag(value, "logger")]);
    let transaction = word(value, &["transaction"]);
    let transaction = transaction.rsplit_once('.').map(|(module, _)| module.to_owned());
    let is_module = |name: &String| {
        name.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    [culprit, Some(logger), transaction].into_iter().flatten().filter(is_module).collect()
}

/// `yes` or `no`, as tags have it.
struct Said(bool);

impl std::str::FromStr for Said {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "yes" | "true" => Ok(Self(true)),
            "no" | "false" => Ok(Self(false)),
            _ => Err(()),
        }
    }
}

/// An event's id as it is kept: without dashes, in lower case, of letters and digits only.
#[must_use]
pub fn plain_id(id: &str) -> String {
    id.chars().filter(char::is_ascii_alphanumeric).take(64).map(|c| c.to_ascii_lowercase()).collect()
}

/// The first of these members that is text or a number.
pub(super) fn word(value: &Value, names: &[&str]) -> String {
    names
        .iter()
        .map(|name| text(value.get(name).unwrap_or(&Value::Null)))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

/// Text or a number as text, without control characters.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => shortened(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// At most [`LONGEST`] characters; line breaks stay, other control characters become blanks.
pub(super) fn shortened(text: &str) -> String {
    if is_short(text) {
        return text.to_owned();
    }
    text.chars().take(LONGEST).map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// Whether a text is surely kept as it is: nearly every one is, and there are millions.
pub(super) fn is_short(text: &str) -> bool {
    // Without an early end many bytes are looked at at once.
    let other = |byte: u8| u8::from(byte.is_ascii_control()) | u8::from(byte == 0xc2);
    text.len() <= LONGEST && text.bytes().fold(0, |found, byte| found | other(byte)) == 0
}

pub(super) fn first(texts: &[String]) -> String {
    texts.iter().find(|text| !text.is_empty()).cloned().unwrap_or_default()
}

fn moment(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| instant(value.get(name)?))
}

/// The exceptions, cause first.
fn exceptions(value: &Value) -> Vec<&Value> {
    let direct = values(value.get("exception"));
    if direct.is_empty() { values(entry(value, "exception")) } else { direct }
}

/// Lists stand in `values` or alone.
fn values(holder: Option<&Value>) -> Vec<&Value> {
    let list = holder.and_then(|holder| holder.get("values").unwrap_or(holder).as_array());
    list.map(|list| list.iter().filter(|item| item.is_object()).collect()).unwrap_or_default()
}

/// The data of the entry of a kind, as REST gives it.
fn entry<'a>(value: &'a Value, kind: &str) -> Option<&'a Value> {
    let entries = value.get("entries")?.as_array()?;
    entries.iter().find(|entry| entry.get("type").and_then(Value::as_str) == Some(kind))?.get("data")
}

fn frames(holder: &Value) -> Vec<Frame> {
    let frames = holder.get("stacktrace").and_then(|trace| trace.get("frames")).and_then(Value::as_array);
    let frames = frames.map(Vec::as_slice).unwrap_or_default();
    frames[frames.len().saturating_sub(MOST_FRAMES)..].iter().filter(|frame| frame.is_object()).map(frame).collect()
}

fn frame(value: &Value) -> Frame {
    let number = |names: &[&str]| {
        let found = names.iter().find_map(|name| value.get(name)?.as_u64());
        found.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
    };
    let line = number(&["lineno", "lineNo"]);
    Frame {
        file: word(value, &["filename"]),
        abs_path: word(value, &["abs_path", "absPath"]),
        module: word(value, &["module"]),
        function: word(value, &["function", "rawFunction"]),
        line,
        col: number(&["colno", "colNo"]),
        in_app: value.get("in_app").or_else(|| value.get("inApp")).and_then(Value::as_bool),
        context_line: first(&[word(value, &["context_line"]), context(value, line)]).trim().to_owned(),
    }
}

/// REST gives the lines around as pairs of number and text.
fn context(value: &Value, line: Option<u32>) -> String {
    let pairs = value.get("context").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let at = pairs.iter().find(|pair| pair.get(0).and_then(Value::as_u64) == line.map(u64::from));
    at.and_then(|pair| pair.get(1)).map(text).unwrap_or_default()
}

/// The stack of the thread that crashed, or the only one, for events without an exception's own.
fn thread_frames(value: &Value) -> Vec<Frame> {
    let threads = value.get("threads").and_then(|threads| threads.get("values").or(Some(threads)));
    let threads = threads.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let marked = |name: &str| threads.iter().find(|thread| thread.get(name).and_then(Value::as_bool) == Some(true));
    let chosen = marked("crashed").or_else(|| marked("current")).or_else(|| threads.first());
    let found = chosen.map(frames).unwrap_or_default();
    if found.is_empty() { frames(value) } else { found }
}

fn logged(value: &Value) -> String {
    let entry = value.get("logentry").unwrap_or(&Value::Null);
    let message = value.get("message").unwrap_or(&Value::Null);
    first(&[word(entry, &["message", "formatted"]), word(message, &["message", "formatted"]), text(message)])
}

fn handled(exception: &Value) -> Option<bool> {
    exception.get("mechanism")?.get("handled")?.as_bool()
}

/// Tags are an object, pairs, or objects with `key` and `value`.
fn tag(value: &Value, name: &str) -> String {
    match value.get("tags") {
        Some(Value::Object(tags)) => tags.get(name).map(text).unwrap_or_default(),
        Some(Value::Array(tags)) => {
            let own = |tag: &&Value| {
                let key = tag.get("key").or_else(|| tag.get(0)).and_then(Value::as_str);
                key == Some(name)
            };
            let value = tags.iter().find(own).and_then(|tag| tag.get("value").or_else(|| tag.get(1)));
            value.map(text).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn user(value: &Value) -> String {
    value.get("user").map(|user| word(user, &["id", "username", "email", "ip_address"])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_looked_at_is_passed_over_and_the_rest_is_as_it_was() {
        let text = r#"{"a":[1,-2,2.5,1e300,18446744073709551615,null,true,"q\u00e9\"",{"vars":{"x":[1]},"b":{}}],"request":{"url":"x"},
            "exception":{"values":[{"type":"E","stacktrace":{"frames":[{"filename":"a.py","lineno":3,"pre_context":["x"],"vars":{"y":"}"}}]}}]},
            "breadcrumbs":[],"contexts":null,"modules":{},"extra":"e","post_context":1}"#;
        let mut whole: Value = serde_json::from_str(text).unwrap();
        let read = lean(text.as_bytes()).unwrap();
        assert_ne!(read, whole);
        for (holder, names) in [
            ("", &["request", "breadcrumbs", "contexts", "modules", "extra", "post_context"][..]),
            ("/a/8", &["vars"]),
            ("/exception/values/0/stacktrace/frames/0", &["pre_context", "vars"]),
        ] {
            let holder = whole.pointer_mut(holder).and_then(Value::as_object_mut).unwrap();
            assert!(names.iter().all(|name| holder.remove(*name).is_some()));
        }
        assert_eq!(read, whole);
        for broken in ["", "{", "{}}", "[1,]", r#"{"vars":{"a":}}"#, r#"{"vars":[}"#] {
            assert!(lean(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
