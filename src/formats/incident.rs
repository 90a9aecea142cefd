//! What an event tells beyond a sighting: locals, captured arguments, the request. It is read anew from the raw bytes that the spool keeps,
//! only where a guard is drafted, and goes nowhere but into the sandbox.

use serde::Serialize;
use serde_json::{Map, Value};

use super::otlp;
use super::packed::unpack;
use super::sentry_event::plain_id;
use crate::model::fault::{Event, Frame};

/// Longer texts are cut before anything looks at them.
const LONGEST: usize = 100_000;
/// Frames beyond this are left out at the old end.
const MOST_FRAMES: usize = 100;
/// Deeper values are cut.
const DEEPEST: usize = 40;

/// One event, as the workbench is told it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Incident {
    /// The cause first, what was raised last.
    pub exceptions: Vec<Raised>,
    /// `capture_v1`, where the service had the hook.
    pub capture: Option<Value>,
    /// The request as the source tells it.
    pub request: Option<Value>,
}

/// One exception.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Raised {
    /// `ValueError`
    pub r#type: String,
    /// Its message.
    pub value: String,
    /// Oldest first.
    pub frames: Vec<Told>,
}

/// One frame with its locals.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Told {
    /// The file in the repository; empty where it is none.
    pub path: String,
    /// `app.views`
    pub module: String,
    /// The function's own name.
    pub function: String,
    /// Counted from 1.
    pub line: Option<u32>,
    /// As the source gives them.
    pub vars: Option<Value>,
    /// What the file is found by.
    #[serde(skip)]
    pub names: Frame,
}

/// The event of this id in raw bytes of a source.
///
/// # Errors
/// It is not there, or cannot be read; the sentence says which.
pub fn find(bytes: &[u8], id: &str) -> Result<Incident, String> {
    let unpacked = unpack(bytes).bytes;
    let mut problem = None;
    for text in texts(&unpacked) {
        match serde_json::from_slice::<Value>(text) {
            Ok(value) => {
                if let Some(event) = among(&value, id) {
                    return Ok(incident(event));
                }
            }
            Err(error) => problem = problem.or(Some(error.to_string())),
        }
    }
    if let Some((event, capture)) = otlp::find(bytes, id) {
        return Ok(of_telemetry(&event, capture.as_deref()));
    }
    let why = problem.map(|problem| format!(" ({problem})")).unwrap_or_default();
    Err(format!("event {id} is not among what its source sent{why}"))
}

/// The whole, and each line by itself: envelopes and files of events are lines.
fn texts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| line.starts_with(b"{"));
    std::iter::once(bytes.trim_ascii()).chain(lines)
}

/// An event by its id: alone, in a list, or within what wraps it.
fn among<'a>(value: &'a Value, id: &str) -> Option<&'a Value> {
    if let Some(list) = value.as_array() {
        return list.iter().find_map(|one| among(one, id));
    }
    let inside = value.get("data").map(|data| data.get("event").or_else(|| data.get("error")).unwrap_or(data));
    let own = ["event_id", "eventID", "id"].iter().find_map(|name| value.get(*name)?.as_str());
    let is_event = value.get("exception").is_some() || value.get("entries").is_some();
    if is_event && own.is_some_and(|own| plain_id(own) == id) {
        return Some(value);
    }
    inside.filter(|inside| inside.is_object()).and_then(|inside| among(inside, id))
}

fn incident(event: &Value) -> Incident {
    let held = event.get("exception").or_else(|| entry(event, "exception"));
    let values = held.and_then(|held| held.get("values").unwrap_or(held).as_array());
    let exceptions = values.map(|values| values.iter().filter(|one| one.is_object()).map(raised).collect());
    let capture = event.pointer("/contexts/titer/capture").and_then(capture);
    let request = event.get("request").or_else(|| entry(event, "request")).filter(|it| it.is_object());
    Incident { exceptions: exceptions.unwrap_or_default(), capture, request: request.map(|it| bounded(it, 0)) }
}

/// OpenTelemetry tells a stack as text, without locals; what was given is in the capture, if the service has the hook.
fn of_telemetry(event: &Event, capture: Option<&str>) -> Incident {
    let frames = event.frames.iter().map(|frame| Told {
        module: frame.module.clone(),
        function: frame.function.clone(),
        line: frame.line,
        names: frame.clone(),
        ..Told::default()
    });
    let last = Raised { r#type: event.kind.clone(), value: event.message.clone(), frames: frames.collect() };
    let capture = capture.and_then(|text| self::capture(&Value::from(text)));
    Incident { exceptions: vec![last], capture, request: None }
}

/// A capture is a text of JSON; some servers give it as what it says.
fn capture(value: &Value) -> Option<Value> {
    let read: Value = match value.as_str() {
        Some(text) => serde_json::from_str(text).ok()?,
        None => value.clone(),
    };
    (read.get("v").and_then(Value::as_u64) == Some(1)).then_some(read)
}

fn entry<'a>(event: &'a Value, kind: &str) -> Option<&'a Value> {
    let entries = event.get("entries")?.as_array()?;
    entries.iter().find(|entry| entry.get("type").and_then(Value::as_str) == Some(kind))?.get("data")
}

fn raised(value: &Value) -> Raised {
    let frames = value.get("stacktrace").and_then(|stack| stack.get("frames")).and_then(Value::as_array);
    let frames = frames.map(Vec::as_slice).unwrap_or_default();
    let frames = frames[frames.len().saturating_sub(MOST_FRAMES)..].iter().filter(|frame| frame.is_object());
    Raised { r#type: word(value, &["type"]), value: word(value, &["value"]), frames: frames.map(told).collect() }
}

fn told(value: &Value) -> Told {
    let line = ["lineno", "lineNo"].iter().find_map(|name| value.get(*name)?.as_u64());
    let line = line.and_then(|line| u32::try_from(line).ok());
    let (module, function) = (word(value, &["module"]), word(value, &["function", "rawFunction"]));
    let names = Frame {
        file: word(value, &["filename"]),
        abs_path: word(value, &["abs_path", "absPath"]),
        module: module.clone(),
        function: function.clone(),
        line,
        in_app: value.get("in_app").or_else(|| value.get("inApp")).and_then(Value::as_bool),
        ..Frame::default()
    };
    let vars = value.get("vars").filter(|vars| vars.is_object()).map(|vars| bounded(vars, 0));
    Told { path: String::new(), module, function, line, vars, names }
}

fn word(value: &Value, names: &[&str]) -> String {
    let found = names.iter().find_map(|name| value.get(*name)?.as_str()).unwrap_or_default();
    found.chars().take(2000).collect()
}

/// The same value, no deeper and with no longer texts than anybody needs.
fn bounded(value: &Value, depth: usize) -> Value {
    match value {
        Value::String(text) if text.len() > LONGEST => {
            let end = (0..=LONGEST).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            Value::from(&text[..end])
        }
        Value::Array(_) | Value::Object(_) if depth >= DEEPEST => Value::Null,
        Value::Array(items) => items.iter().map(|item| bounded(item, depth + 1)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, item)| (name.clone(), bounded(item, depth + 1)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"event_id":"FC6D8C0C-43FC","exception":{"values":[{"type":"E","value":"no","stacktrace":{"frames":[
        {"filename":"a.py","module":"a","function":"f","lineno":3,"vars":{"x":"523"}}]}}]},"contexts":{"titer":{"capture":"{\"v\":1,\"nodes\":[]}"}},
        "request":{"url":"http://x/y"}}"#;

    #[test]
    fn an_event_is_found_alone_in_a_list_in_an_envelope_and_within_what_wraps_it() {
        let one = EVENT.replace('\n', "");
        for text in [
            EVENT.to_owned(),
            format!("[{{\"event_id\":\"other\",\"exception\":{{}}}},{one}]"),
            format!("{{\"dsn\":\"x\"}}\n{{\"type\":\"event\"}}\n{one}\n"),
            format!("{{\"id\":\"1\",\"event_id\":\"fc6d8c0c43fc\",\"data\":{one}}}"),
            format!("{{\"data\":{{\"event\":{one}}}}}"),
        ] {
            let found = find(text.as_bytes(), "fc6d8c0c43fc").unwrap();
            let frame = &found.exceptions[0].frames[0];
            assert_eq!((frame.function.as_str(), frame.line), ("f", Some(3)));
            assert_eq!(frame.vars.as_ref().unwrap()["x"], "523");
            assert!(found.capture.is_some() && found.request.is_some());
        }
    }

    #[test]
    fn what_is_hostile_is_bounded_or_refused_in_a_sentence() {
        let long = "é".repeat(LONGEST);
        let text = EVENT.replace("523", &long);
        let found = find(text.as_bytes(), "fc6d8c0c43fc").unwrap();
        let kept = found.exceptions[0].frames[0].vars.as_ref().unwrap()["x"].as_str().unwrap().len();
        assert!(kept <= LONGEST, "{kept}");
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let text = EVENT.replace("\"523\"", &deep);
        let why = find(text.as_bytes(), "fc6d8c0c43fc").unwrap_err();
        assert!(why.contains("recursion limit"), "{why}");
        assert!(find(b"", "a").is_err());
    }
}
