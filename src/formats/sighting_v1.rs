//! `sighting_v1`: sightings as anybody can write them, one JSON object a line; the published schema is `sighting_v1.schema.json`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::instant::{instant, is_spelled, of_text};
use super::sentry_event::{MOST_FRAMES, is_short, plain_id, shortened};
use crate::model::digest::Digest;
use crate::model::fault::{Decoded, Event, Frame};

/// The schema, for whoever writes such lines.
pub const SCHEMA: &str = include_str!("sighting_v1.schema.json");

/// A line. Members that are not listed are passed over: they may be of a later version. Texts stay where they are as long as they can.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line<'a> {
    v: u32,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    at: Option<&'a RawValue>,
    #[serde(borrow)]
    since: Option<&'a RawValue>,
    #[serde(borrow)]
    received_at: Option<&'a RawValue>,
    #[serde(borrow)]
    issue: Cow<'a, str>,
    #[serde(borrow)]
    project: Cow<'a, str>,
    #[serde(borrow)]
    service: Cow<'a, str>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    handled: Option<bool>,
    #[serde(borrow)]
    level: Cow<'a, str>,
    #[serde(borrow)]
    platform: Cow<'a, str>,
    #[serde(borrow)]
    environment: Cow<'a, str>,
    #[serde(borrow)]
    release: Cow<'a, str>,
    #[serde(borrow)]
    commit: Cow<'a, str>,
    count: Option<u64>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    #[serde(borrow)]
    module: Cow<'a, str>,
    #[serde(borrow)]
    frames: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Place<'a> {
    #[serde(borrow)]
    file: Cow<'a, str>,
    #[serde(borrow)]
    abs_path: Cow<'a, str>,
    #[serde(borrow)]
    module: Cow<'a, str>,
    #[serde(borrow)]
    function: Cow<'a, str>,
    line: Option<u32>,
    col: Option<u32>,
    in_app: Option<bool>,
    #[serde(borrow)]
    context_line: Cow<'a, str>,
}

/// The stacks of some lines as they are written, by a number made of their texts: most lines have one that was read before.
type Stacks<'a> = BTreeMap<u64, (&'a str, Arc<[Frame]>)>;

/// Reads lines; `before` lines stand before them in their file. Many are read by several threads at once.
#[must_use]
pub fn decode(bytes: &[u8], before: u64) -> Decoded<'_> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(bytes.len() >> 18).clamp(1, 8);
    let parts = parts(bytes, threads);
    let mut start = before;
    let started: Vec<(&[u8], u64)> = parts
        .into_iter()
        .map(|part| {
            let own = start;
            start += part.split(|&byte| byte == b'\n').count().saturating_sub(1) as u64;
            (part, own)
        })
        .collect();
    let mut decoded = Decoded::default();
    std::thread::scope(|scope| {
        let (first, others) = started.split_first().map_or((None, &[][..]), |(first, others)| (Some(first), others));
        let others: Vec<_> = others.iter().map(|&(part, start)| scope.spawn(move || lines(part, start))).collect();
        decoded.absorb(first.map(|&(part, start)| lines(part, start)).unwrap_or_default());
        for other in others {
            match other.join() {
                Ok(other) => decoded.absorb(other),
                Err(_) => decoded.refuse("some lines", "a thread that read them ended early"),
            }
        }
    });
    decoded
}

/// About as many parts as asked for, each of whole lines.
fn parts(bytes: &[u8], many: usize) -> Vec<&[u8]> {
    let (mut parts, mut rest) = (Vec::new(), bytes);
    for left in (1..many).rev() {
        let least = rest.len() / (left + 1);
        let Some(end) = rest[least..].iter().position(|&byte| byte == b'\n') else { break };
        let (part, after) = rest.split_at(least + end + 1);
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// [`decode`] without further threads.
#[must_use]
pub fn lines(bytes: &[u8], before: u64) -> Decoded<'_> {
    let mut decoded = Decoded::default();
    let mut stacks = Stacks::new();
    let (mut start, mut number) = (0, before);
    while start < bytes.len() {
        // Skipping looks at many bytes at once.
        let length = (&bytes[start..]).skip_until(b'\n').unwrap_or(bytes.len() - start).max(1);
        let line = bytes[start..start + length].trim_ascii();
        (start, number) = (start + length, number + 1);
        if !line.is_empty() {
            read(line, &format_args!("line {number}"), &mut stacks, &mut decoded);
        }
    }
    decoded
}

fn read<'a>(bytes: &'a [u8], place: &dyn std::fmt::Display, stacks: &mut Stacks<'a>, into: &mut Decoded<'a>) {
    let place = || place.to_string();
    let Ok(text) = std::str::from_utf8(bytes) else { return into.refuse(place(), "not UTF-8") };
    let line: Line<'a> = match serde_json::from_str(text) {
        Ok(line) => line,
        Err(error) if error.is_eof() => return into.refuse(place(), "cut off"),
        Err(error) => return into.refuse(place(), shortened(&error.to_string())),
    };
    if line.v != 1 {
        return into.refuse(place(), format!("v is {}, only 1 is known", line.v));
    }
    let Some(at) = moment(line.at) else { return into.refuse(place(), "`at` is no time") };
    match &*line.kind {
        "" | "sighting" => {}
        "observed" => {
            match moment(line.since) {
                Some(since) if since <= at => into.covers = Some((since.into_owned(), at.into_owned())),
                _ => into.refuse(place(), "`since` is no time before `at`"),
            }
            return;
        }
        other => return into.refuse(place(), format!("kind `{}` is not known", shortened(other))),
    }
    let frames = match line.frames.map(|frames| stack(frames, stacks)).transpose() {
        Ok(frames) => frames.unwrap_or_default(),
        Err(error) => return into.refuse(place(), format!("frames: {}", shortened(&error.to_string()))),
    };
    if line.r#type.is_empty() && frames.is_empty() && line.message.is_empty() {
        return into.refuse(place(), "neither type, message nor frames");
    }
    let own = id(line.event);
    // Without an id the line itself is one: the same line twice is the same event.
    let id = if own.is_empty() { Cow::Owned(Digest::of(bytes).to_string()) } else { own };
    let received_at = moment(line.received_at).unwrap_or_default();
    into.events.push(Event {
        id,
        at,
        received_at,
        issue: short(line.issue),
        project: short(line.project),
        service: short(line.service),
        kind: short(line.r#type),
        message: short(line.message),
        handled: line.handled,
        level: short(line.level),
        platform: short(line.platform),
        environment: short(line.environment),
        release: short(line.release),
        revision: short(line.commit),
        count: line.count.unwrap_or(1).max(1),
        user: short(line.user),
        tenant: short(line.tenant),
        modules: if frames.is_empty() && !line.module.is_empty() { vec![shortened(&line.module)] } else { Vec::new() },
        frames,
    });
}

/// A text as it is kept: nearly every one stays where it is.
fn short(text: Cow<'_, str>) -> Cow<'_, str> {
    if is_short(&text) { text } else { Cow::Owned(shortened(&text)) }
}

/// An id as it is kept: most are written so.
fn id(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_plain = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    if is_plain { text } else { Cow::Owned(plain_id(&text)) }
}

/// A time in any spelling; most are plain text, which need not be read twice.
fn moment(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let text = raw?.get();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).filter(|text| !text.contains('\\')) {
        Some(text) if is_spelled(text) => Some(Cow::Borrowed(text)),
        Some(text) => of_text(text).map(Cow::Owned),
        None => instant(&serde_json::from_str(text).ok()?).map(Cow::Owned),
    }
}

fn stack<'a>(raw: &'a RawValue, known: &mut Stacks<'a>) -> serde_json::Result<Arc<[Frame]>> {
    let text = raw.get();
    let number = number(text);
    if let Some((_, frames)) = known.get(&number).filter(|(known, _)| *known == text) {
        return Ok(Arc::clone(frames));
    }
    let places: Vec<Place<'a>> = serde_json::from_str(text)?;
    let old = places.len().saturating_sub(MOST_FRAMES);
    let frames = places.into_iter().skip(old).map(|place| Frame {
        file: shortened(&place.file),
        abs_path: shortened(&place.abs_path),
        module: shortened(&place.module),
        function: shortened(&place.function),
        line: place.line.filter(|line| *line > 0),
        col: place.col,
        in_app: place.in_app,
        context_line: shortened(place.context_line.trim()),
    });
    let frames: Arc<[Frame]> = frames.collect();
    known.insert(number, (text, Arc::clone(&frames)));
    Ok(frames)
}

/// The same for the same text, and hardly ever for another one: quicker than comparing texts that begin alike.
fn number(text: &str) -> u64 {
    let parts = text.as_bytes().chunks(8).map(|part| {
        let mut eight = [0; 8];
        eight[..part.len()].copy_from_slice(part);
        u64::from_le_bytes(eight)
    });
    parts.fold(text.len() as u64, |all, part| (all.rotate_left(23) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn good_lines_are_kept_and_bad_ones_named_by_their_number() {
        let good = r#"{"v":1,"event":"A-1","at":"2026-11-21T05:00:00Z","type":"E","frames":[{"file":"a.py","line":3}],"later":1}"#;
        let mut text =
            format!("{good}\n\n{{\"v\":2}}\nrubbish\n{{\"v\":1,\"at\":\"soon\"}}\n{{\"v\":1,\"at\":1}}\n").into_bytes();
        text.extend(b"{\"v\":1,\"at\":1,\"type\":\"\xff\"}\n");
        text.extend(&good.as_bytes()[..40]);
        let decoded = decode(&text, 100);
        assert_eq!(decoded.events.len(), 1);
        assert_eq!((&*decoded.events[0].id, decoded.events[0].count), ("a1", 1));
        let said: Vec<String> = decoded.bad.iter().map(|bad| format!("{}: {}", bad.place, bad.reason)).collect();
        assert_eq!(
            said,
            [
                "line 103: v is 2, only 1 is known",
                "line 104: expected value at line 1 column 1",
                "line 105: `at` is no time",
                "line 106: neither type, message nor frames",
                "line 107: not UTF-8",
                "line 108: cut off"
            ]
        );
    }

    #[test]
    fn many_lines_are_read_as_few_are() {
        let line = |n: usize| format!("{{\"v\":1,\"event\":\"e{n}\",\"at\":1,\"type\":\"{}\"}}\n", "E".repeat(n % 50));
        let text: String = (0..20_000).map(line).collect();
        let whole = decode(text.as_bytes(), 7);
        assert_eq!(whole, lines(text.as_bytes(), 7));
        for many in [1, 2, 3, 8] {
            assert_eq!(parts(text.as_bytes(), many).concat(), text.as_bytes());
        }
        assert_eq!(parts(b"one line", 4), [b"one line"]);
    }

    #[test]
    fn a_line_may_say_what_its_file_observed() {
        let decoded = decode(br#"{"v":1,"kind":"observed","since":"2026-01-01","at":"2026-11-21"}"#, 0);
        assert_eq!(
            decoded.covers,
            Some(("2026-01-01T00:00:00.000000Z".to_owned(), "2026-11-21T00:00:00.000000Z".to_owned()))
        );
    }

    #[test]
    fn the_schema_names_every_member_that_is_read() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let named = |pointer: &str| schema.pointer(pointer).and_then(Value::as_object).map(serde_json::Map::len);
        assert_eq!(named("/properties"), Some(22));
        assert_eq!(named("/properties/frames/items/properties"), Some(8));
    }
}
