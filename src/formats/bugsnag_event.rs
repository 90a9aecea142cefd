//! An event as Bugsnag's interface gives it: frames stand newest first, what was raised last stands first.

use serde_json::Value;

use super::instant::instant;
use super::sentry_event::{Held, MOST_FRAMES, plain_id, word};
use crate::model::fault::{Event, Frame};

/// Reads one event.
///
/// # Errors
/// The reason that it is none, in a few words.
pub fn event(value: &Value) -> Result<Held, String> {
    let null = Value::Null;
    let exceptions = value.get("exceptions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let Some(raised) = exceptions.first() else { return Ok(Held::Other) };
    let id = plain_id(&word(value, &["id"]));
    let at = value.get("received_at").or_else(|| value.get("receivedAt")).and_then(instant);
    let (Some(at), false) = (at, id.is_empty()) else { return Err("neither id nor time".to_owned()) };
    let inside = |name: &str| value.get(name).unwrap_or(&null);
    let stack = raised.get("stacktrace").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(Held::Error(Box::new(Event {
        id,
        at,
        kind: word(raised, &["error_class", "errorClass"]),
        message: word(raised, &["message"]),
        handled: value.get("unhandled").and_then(Value::as_bool).map(|unhandled| !unhandled),
        level: word(value, &["severity"]),
        platform: word(raised, &["type"]),
        environment: word(inside("app"), &["release_stage", "releaseStage"]),
        release: word(inside("app"), &["version"]),
        count: 1,
        user: word(inside("user"), &["id", "email"]),
        frames: stack.iter().take(MOST_FRAMES).map(frame).rev().collect(),
        ..Event::default()
    })))
}

fn frame(value: &Value) -> Frame {
    let number = |names: &[&str]| {
        let found = names.iter().find_map(|name| value.get(name)?.as_u64());
        found.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
    };
    let line = number(&["line_number", "lineNumber"]);
    // The lines around it, by their numbers.
    let code = value.get("code").and_then(|code| code.get(line?.to_string())).and_then(Value::as_str);
    Frame {
        file: word(value, &["file"]),
        function: word(value, &["method"]),
        line,
        col: number(&["column_number", "columnNumber"]),
        in_app: value.get("in_project").or_else(|| value.get("inProject")).and_then(Value::as_bool),
        context_line: code.unwrap_or_default().trim().to_owned(),
        ..Frame::default()
    }
}
