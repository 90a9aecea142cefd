//! A notice as Honeybadger's interface (v2) gives it: frames stand newest first, numbers are text, the sort of error is its fault's.

use serde_json::Value;

use super::instant::instant;
use super::sentry_event::{Held, MOST_FRAMES, first, plain_id, word};
use crate::model::fault::{Event, Frame};

/// Reads one notice of a fault whose sort of error is `class`.
///
/// # Errors
/// The reason that it is none, in a few words.
pub fn notice(value: &Value, class: &str) -> Result<Held, String> {
    let null = Value::Null;
    let id = plain_id(&word(value, &["id"]));
    let at = value.get("created_at").and_then(instant);
    let (Some(at), false) = (at, id.is_empty()) else { return Err("neither id nor time".to_owned()) };
    let inside = |holder: &str| value.get(holder).unwrap_or(&null);
    let context = inside("request").get("context").unwrap_or(&null);
    let trace = value.get("backtrace").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let server = inside("environment");
    Ok(Held::Error(Box::new(Event {
        id,
        at,
        kind: class.to_owned(),
        message: word(value, &["message"]),
        level: "error".to_owned(),
        environment: first(&[word(value, &["environment_name"]), word(server, &["environment_name"])]),
        release: first(&[word(inside("deploy"), &["revision"]), word(server, &["revision"])]),
        count: 1,
        user: word(context, &["user_id", "user_email"]),
        frames: trace.iter().take(MOST_FRAMES).map(frame).rev().collect(),
        ..Event::default()
    })))
}

fn frame(value: &Value) -> Frame {
    // `[PROJECT_ROOT]/app/a.rb` is the project's own.
    let file = word(value, &["file"]);
    let own = file.strip_prefix("[PROJECT_ROOT]/").map(str::to_owned);
    Frame {
        in_app: own.as_ref().map(|_| true),
        file: own.unwrap_or(file),
        function: word(value, &["method"]),
        line: word(value, &["number", "line"]).parse().ok().filter(|line| *line > 0),
        ..Frame::default()
    }
}
