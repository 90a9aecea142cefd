//! Envelopes as Sentry's SDKs send them: a line of headers, then items, each a line of headers and a payload, with or without its length.

use std::io::BufRead as _;
use std::sync::Arc;

use serde_json::Value;

use super::packed::unpack;
use super::sentry_event::{Held, event, lean};
use crate::model::fault::Decoded;

/// What threads are begun for, in bytes.
const WORTH: usize = 1 << 18;

/// An event in an envelope, not read yet.
#[derive(Debug)]
struct Item<'a> {
    /// From 1.
    number: usize,
    payload: &'a [u8],
    /// When its envelope was sent.
    sent: Option<Arc<str>>,
}

/// Reads an envelope, plain or packed, or several plain ones behind each other; many are read by several threads at once.
#[must_use]
pub fn decode(bytes: &[u8]) -> Decoded<'static> {
    let unpacked = unpack(bytes);
    let mut last = Decoded::default();
    let items = items(&unpacked.bytes, &mut last);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(unpacked.bytes.len() / WORTH).clamp(1, 8);
    let parts: Vec<&[Item<'_>]> = items.chunks(items.len().div_ceil(threads).max(1)).collect();
    let mut decoded = Decoded::default();
    std::thread::scope(|scope| {
        let started: Vec<_> = parts.iter().skip(1).map(|&part| (part, scope.spawn(move || events(part)))).collect();
        decoded = parts.first().map(|part| events(part)).unwrap_or_default();
        for (part, other) in started {
            // A thread that ended early read nothing: its part is read here.
            decoded.absorb(other.join().unwrap_or_else(|_| events(part)));
        }
    });
    decoded.absorb(last);
    if let Some(problem) = unpacked.problem {
        decoded.refuse("the end", problem);
    }
    decoded
}

/// Whether an event is to be read, or why not.
pub type Fits = dyn Fn(&[u8]) -> Result<(), String>;

/// An event in an envelope that tells of an error, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload<'a> {
    /// Its JSON.
    pub bytes: &'a [u8],
    /// When it was sent, or else received.
    pub sent: Arc<str>,
    /// Its id, without dashes.
    pub id: String,
}

/// The errors in a plain envelope, as they came; what else is in it, and what cannot be read, is counted. `fits` says why an event is not to be
/// read at all; what says neither when it happened nor when it was sent was `received` then.
#[must_use]
pub fn payloads<'a>(bytes: &'a [u8], received: &str, fits: &Fits) -> (Vec<Payload<'a>>, Decoded<'static>) {
    let mut decoded = Decoded::default();
    let items = items(bytes, &mut decoded);
    let found = items.into_iter().filter_map(|Item { number, payload, sent }| {
        let sent = sent.unwrap_or_else(|| Arc::from(received));
        payload_of(payload, sent, &format!("item {number}"), fits, &mut decoded)
    });
    let found = found.collect();
    (found, decoded)
}

/// The same of an event that is in no envelope.
pub fn payload_of<'a>(
    bytes: &'a [u8],
    sent: Arc<str>,
    place: &str,
    fits: &Fits,
    counts: &mut Decoded<'_>,
) -> Option<Payload<'a>> {
    if let Err(why) = fits(bytes) {
        counts.refuse(place, why);
        return None;
    }
    let mut one = Decoded::default();
    read(bytes, Some(&sent), place.to_owned(), &mut one);
    let id = one.events.pop().map(|event| event.id.into_owned());
    counts.absorb(one);
    id.map(|id| Payload { bytes, sent, id })
}

/// The events of envelopes; what is no event, and where the bytes end too early, is counted.
fn items<'a>(bytes: &'a [u8], decoded: &mut Decoded<'_>) -> Vec<Item<'a>> {
    let (mut items, mut rest) = (Vec::new(), bytes);
    let (mut sent, mut number) = (None, 0);
    while !rest.is_empty() {
        let line = take_line(&mut rest);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let Ok(headers) = serde_json::from_slice::<Value>(line) else {
            decoded.refuse(format!("item {}", number + 1), "its headers are not JSON");
            break;
        };
        let Some(kind) = headers.get("type").and_then(Value::as_str) else {
            // The headers of an envelope say no type.
            sent = headers.get("sent_at").and_then(super::instant::instant).map(Arc::from);
            continue;
        };
        number += 1;
        let length =
            headers.get("length").and_then(Value::as_u64).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let payload = match length {
            Some(length) if length > rest.len() => {
                decoded.refuse(format!("item {number}"), "cut off");
                break;
            }
            Some(length) => {
                let (payload, after) = rest.split_at(length);
                rest = after.strip_prefix(b"\n").unwrap_or(after);
                payload
            }
            None => take_line(&mut rest),
        };
        if kind == "event" {
            items.push(Item { number, payload, sent: sent.clone() });
        } else {
            decoded.other += 1;
        }
    }
    items
}

fn events(items: &[Item<'_>]) -> Decoded<'static> {
    let mut decoded = Decoded::default();
    for Item { number, payload, sent } in items {
        read(payload, sent.as_deref(), format!("item {number}"), &mut decoded);
    }
    decoded
}

fn read(payload: &[u8], sent: Option<&str>, place: String, into: &mut Decoded<'_>) {
    match lean(payload) {
        Ok(value) => match event(&value, sent) {
            Ok(Held::Error(event)) => into.events.push((*event).into()),
            Ok(Held::Other) => into.other += 1,
            Err(reason) => into.refuse(place, reason),
        },
        Err(error) => into.refuse(place, format!("not JSON: {error}")),
    }
}

fn take_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let all = *rest;
    // Skipping looks at many bytes at once.
    let length = rest.skip_until(b'\n').unwrap_or(all.len());
    let line = &all[..length];
    line.strip_suffix(b"\n").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"event_id":"FC6D8C0C-43FC-4630-AD85-0EE518F1B9D0","timestamp":1,"level":"error","exception":{"values":[{"type":"E"}]}}"#;

    #[test]
    fn items_with_and_without_a_length_stand_beside_sessions() {
        let text = format!(
            "{{\"sent_at\":\"2026-11-21T05:00:00Z\"}}\n{{\"type\":\"session\"}}\n{{}}\n{{\"type\":\"event\",\"length\":{}}}\n{EVENT}\n\
             {{\"type\":\"client_report\"}}\n{{}}\n{{\"type\":\"event\"}}\n{EVENT}",
            EVENT.len()
        );
        let decoded = decode(text.as_bytes());
        assert_eq!((decoded.events.len(), decoded.other, decoded.bad.len()), (2, 2, 0));
        assert_eq!(decoded.events[0].id, "fc6d8c0c43fc4630ad850ee518f1b9d0");
        assert_eq!(decoded.events[0], decoded.events[1]);
    }

    #[test]
    fn what_is_cut_off_or_broken_is_named_and_the_rest_is_kept() {
        for (text, events, place, reason) in [
            (format!("{{}}\n{{\"type\":\"event\",\"length\":900}}\n{EVENT}"), 0, "item 1", "cut off"),
            (format!("{{}}\n{{\"type\":\"event\"}}\n{EVENT}\nrubbish\n"), 1, "item 2", "its headers are not JSON"),
            ("{}\n{\"type\":\"event\"}\n{\"level\":\"error\"}".to_owned(), 0, "item 1", "no event id"),
            ("{}\n{\"type\":\"event\"}\n{\"level\":".to_owned(), 0, "item 1", "not JSON"),
        ] {
            let decoded = decode(text.as_bytes());
            assert_eq!(decoded.events.len(), events, "{text}");
            assert_eq!(decoded.bad[0].place, place);
            assert!(decoded.bad[0].reason.starts_with(reason), "{:?}", decoded.bad);
        }
    }

    #[test]
    fn envelopes_behind_each_other_are_all_read() {
        let one = format!("{{\"dsn\":\"x\"}}\n{{\"type\":\"event\"}}\n{EVENT}\n");
        assert_eq!(decode(one.repeat(3).as_bytes()).events.len(), 3);
        // By several threads as by one.
        let many: String = (0..9000)
            .map(|number| {
                one.replace("FC6D8C0C", &format!("{number:08}"))
                    + if number % 100 == 7 { "{}\n{\"type\":\"event\"}\n{no}\n" } else { "" }
            })
            .collect();
        let mut last = Decoded::default();
        let alone = events(&items(many.as_bytes(), &mut last));
        assert_eq!((alone.events.len(), alone.bad.len()), (9000, 90));
        assert_eq!(decode(many.as_bytes()), alone);
    }
}
