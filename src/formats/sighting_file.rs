//! Files of sightings in any of the formats that are read here, and how to tell which one it is.

use serde_json::Value;

use super::packed::{is_packed, unpack};
use super::sentry_event::{Held, event};
use super::{otlp, sentry_envelope, sighting_v1};
use crate::model::fault::Decoded;

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Events of Sentry's, one, a list, or one a line.
    Sentry,
    /// Envelopes of Sentry's SDKs.
    Envelope,
    /// Requests of OpenTelemetry's, JSON or protobuf.
    Otlp,
    /// `sighting_v1`.
    Jsonl,
}

/// Tells the format by the beginning of a file; `None` if it is none of them.
#[must_use]
pub fn detect(beginning: &[u8]) -> Option<Format> {
    let unpacked = unpack(beginning).bytes;
    let text = unpacked.trim_ascii_start();
    match text.first() {
        Some(b'[') => return Some(Format::Sentry),
        Some(b'{') => {}
        // The first member of every request of OTLP's is a message.
        Some(0x0a) => return Some(Format::Otlp),
        _ => return (unpacked.first() == Some(&0x0a)).then_some(Format::Otlp),
    }
    let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let (first, second) = (lines.next()?, lines.next());
    let has =
        |text: &[u8], name: &str| serde_json::from_slice::<Value>(text).is_ok_and(|value| value.get(name).is_some());
    let holds = |name: &str| first.windows(name.len()).any(|part| part == name.as_bytes());
    if holds("\"resourceSpans\"") || holds("\"resourceLogs\"") || holds("\"resourceMetrics\"") {
        return Some(Format::Otlp);
    }
    if second.is_some_and(|line| has(line, "type"))
        && !has(first, "type")
        && !has(first, "exception")
        && !has(first, "v")
    {
        return Some(Format::Envelope);
    }
    if has(first, "v") {
        return Some(Format::Jsonl);
    }
    let head = &text[..text.len().min(1 << 16)];
    let names = |name: &str| head.windows(name.len()).any(|part| part == name.as_bytes());
    if names("\"resourceSpans\"") || names("\"resourceLogs\"") {
        return Some(Format::Otlp);
    }
    let sentry = ["\"event_id\"", "\"eventID\"", "\"exception\"", "\"entries\""];
    sentry.iter().any(|name| names(name)).then_some(Format::Sentry)
}

/// Whether a file of this format can be read piece by piece, at line breaks.
#[must_use]
pub fn is_by_line(format: Format, beginning: &[u8]) -> bool {
    format == Format::Jsonl && !is_packed(beginning)
}

/// Reads bytes of a format; `before` lines stand before them in their file.
#[must_use]
pub fn decode(format: Format, bytes: &[u8], before: u64) -> Decoded<'_> {
    match format {
        Format::Envelope => sentry_envelope::decode(bytes),
        Format::Otlp => otlp::decode(bytes),
        Format::Sentry => with_end(bytes, sentry),
        Format::Jsonl => with_end(bytes, |text| sighting_v1::decode(text, before)),
    }
}

/// Reads a piece of a file that is read [piece by piece](is_by_line), without further threads.
#[must_use]
pub fn decode_piece(bytes: &[u8], before: u64) -> Decoded<'_> {
    sighting_v1::lines(bytes, before)
}

fn with_end(bytes: &[u8], read: impl Fn(&[u8]) -> Decoded<'_>) -> Decoded<'_> {
    if !is_packed(bytes) {
        return read(bytes);
    }
    let unpacked = unpack(bytes);
    let mut decoded = read(&unpacked.bytes).lasting();
    if let Some(problem) = unpacked.problem {
        decoded.refuse("the end", problem);
    }
    decoded
}

/// One event, a list of events, or one event a line.
fn sentry(text: &[u8]) -> Decoded<'_> {
    let mut decoded = Decoded::default();
    match serde_json::from_slice::<Value>(text) {
        Ok(Value::Array(events)) => {
            for (number, value) in events.iter().enumerate() {
                take(value, format!("event {}", number + 1), &mut decoded);
            }
        }
        Ok(value) => take(&value, "the event".to_owned(), &mut decoded),
        Err(whole) => {
            let lines: Vec<(usize, &[u8])> =
                text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).enumerate().collect();
            let lines: Vec<_> = lines.into_iter().filter(|(_, line)| !line.is_empty()).collect();
            // What begins in the middle of a line of something longer is no file of lines.
            if lines.first().is_none_or(|(_, line)| serde_json::from_slice::<Value>(line).is_err()) {
                decoded.refuse("the event", format!("not JSON: {whole}"));
                return decoded;
            }
            for (number, line) in lines {
                match serde_json::from_slice::<Value>(line) {
                    Ok(value) => take(&value, format!("line {}", number + 1), &mut decoded),
                    Err(error) => decoded.refuse(format!("line {}", number + 1), format!("not JSON: {error}")),
                }
            }
        }
    }
    decoded
}

fn take(value: &Value, place: String, into: &mut Decoded<'_>) {
    match event(value, None) {
        Ok(Held::Error(event)) => into.events.push((*event).into()),
        Ok(Held::Other) => into.other += 1,
        Err(reason) => into.refuse(place, reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_file_tells_its_format() {
        for (text, format) in [
            ("{\"v\":1,\"at\":1}\n", Some(Format::Jsonl)),
            ("{\"dsn\":\"x\"}\n{\"type\":\"event\"}\n{}", Some(Format::Envelope)),
            ("{\"event_id\":\"x\"}", Some(Format::Sentry)),
            ("[]", Some(Format::Sentry)),
            ("{\n \"exception\": {}}", Some(Format::Sentry)),
            ("{\"resourceLogs\":[]}", Some(Format::Otlp)),
            ("\n{\"type\":\"event\",\"exception\":{}}", Some(Format::Sentry)),
            ("\u{a}\u{3}abc", Some(Format::Otlp)),
            ("hello", None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(detect(text.as_bytes()), format, "{text:?}");
        }
    }

    #[test]
    fn events_come_alone_in_a_list_or_one_a_line_and_a_bad_one_costs_only_itself() {
        let good = r#"{"event_id":"a","timestamp":1,"exception":{"values":[{"type":"E"}]}}"#;
        for (text, events, bad) in [
            (good.to_owned(), 1, 0),
            (format!("[{good},{good},{{}}]"), 2, 0),
            (format!("{good}\nrubbish\n{good}\n"), 2, 1),
            (good[..30].to_owned(), 0, 1),
        ] {
            let decoded = decode(Format::Sentry, text.as_bytes(), 0);
            assert_eq!((decoded.events.len(), decoded.bad.len()), (events, bad), "{text}");
        }
    }
}
