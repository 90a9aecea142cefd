//! A log as Datadog's interface gives it: the stack is text, and what it is about stands in tags.

use serde_json::Value;

use super::instant::instant;
use super::sentry_event::{Held, first, plain_id, word};
use super::stack_text;
use crate::model::fault::Event;

/// Reads one log.
///
/// # Errors
/// The reason that it is none, in a few words.
pub fn log(value: &Value) -> Result<Held, String> {
    let null = Value::Null;
    let outer = value.get("attributes").unwrap_or(&null);
    let own = outer.get("attributes").unwrap_or(&null);
    let error = own.get("error").unwrap_or(&null);
    if error.is_null() {
        return Ok(Held::Other);
    }
    let id = plain_id(&word(value, &["id"]));
    let at = outer.get("timestamp").and_then(instant);
    let (Some(at), false) = (at, id.is_empty()) else { return Err("neither id nor time".to_owned()) };
    let stack = error.get("stack").and_then(Value::as_str).unwrap_or_default();
    let tag = |names: &[&str]| {
        let tags = outer.get("tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let pairs = || tags.iter().filter_map(|tag| tag.as_str()?.split_once(':'));
        let found = names.iter().find_map(|name| pairs().find(|(key, _)| key == name));
        found.map(|(_, value)| super::sentry_event::shortened(value)).unwrap_or_default()
    };
    Ok(Held::Error(Box::new(Event {
        id,
        at,
        service: first(&[word(outer, &["service"]), word(own, &["service"])]),
        kind: word(error, &["kind", "type"]),
        message: first(&[word(error, &["message"]), word(outer, &["message"])]),
        handled: error.get("handling").and_then(Value::as_str).map(|handling| handling == "handled"),
        level: word(outer, &["status"]).to_lowercase(),
        platform: tag(&["language", "source"]),
        environment: first(&[tag(&["env"]), word(own, &["env"])]),
        release: first(&[tag(&["version"]), word(own, &["version"])]),
        revision: tag(&["git.commit.sha"]),
        count: 1,
        user: own.get("usr").map(|user| word(user, &["id", "email"])).unwrap_or_default(),
        frames: stack_text::frames(stack).into(),
        ..Event::default()
    })))
}
