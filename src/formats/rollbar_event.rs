//! An occurrence as Rollbar's interface gives it: frames stand oldest first.

use serde_json::Value;

use super::instant::instant;
use super::sentry_event::{Held, MOST_FRAMES, first, plain_id, word};
use crate::model::fault::{Event, Frame};

/// Reads one occurrence.
///
/// # Errors
/// The reason that it is none, in a few words.
pub fn occurrence(value: &Value) -> Result<Held, String> {
    let null = Value::Null;
    let data = value.get("data").unwrap_or(&null);
    let body = data.get("body").unwrap_or(&null);
    // Of a chain, what was raised last stands first.
    let chain = body.get("trace_chain").and_then(|chain| chain.get(0));
    let Some(trace) = body.get("trace").or(chain) else { return Ok(Held::Other) };
    let id = plain_id(&first(&[word(value, &["id"]), word(data, &["uuid"])]));
    let at = value.get("timestamp").or_else(|| data.get("timestamp")).and_then(instant);
    let (Some(at), false) = (at, id.is_empty()) else { return Err("neither id nor time".to_owned()) };
    let inside = |name: &str| data.get(name).unwrap_or(&null);
    let exception = trace.get("exception").unwrap_or(&null);
    let frames = trace.get("frames").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(Held::Error(Box::new(Event {
        id,
        at,
        kind: word(exception, &["class"]),
        message: word(exception, &["message"]),
        level: word(data, &["level"]),
        platform: first(&[word(data, &["language"]), word(data, &["platform"])]),
        environment: word(data, &["environment"]),
        release: first(&[word(data, &["code_version"]), word(inside("server"), &["code_version"])]),
        count: 1,
        user: word(inside("person"), &["id", "username", "email"]),
        frames: frames[frames.len().saturating_sub(MOST_FRAMES)..].iter().map(frame).collect(),
        ..Event::default()
    })))
}

fn frame(value: &Value) -> Frame {
    let number = |name: &str| value.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    Frame {
        file: word(value, &["filename"]),
        function: word(value, &["method"]),
        line: number("lineno").filter(|line| *line > 0),
        col: number("colno"),
        context_line: word(value, &["code"]).trim().to_owned(),
        ..Frame::default()
    }
}
