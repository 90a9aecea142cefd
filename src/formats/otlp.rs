//! Errors in OpenTelemetry's own protocol, as JSON and as protobuf: log records with `exception.*` attributes, and spans with exception
//! events. The same error often comes as both: it is told apart by trace, span and type.

use std::collections::BTreeMap;

use serde_json::Value;

use super::instant::of_nanoseconds;
use super::packed::unpack;
use super::sentry_event::{first, shortened};
use super::{otlp_messages, stack_text};
use crate::model::digest::Digest;
use crate::model::fault::{Decoded, Event};

/// Attributes by name, as text.
pub(super) type Attributes = BTreeMap<String, String>;

/// A log record, or an event of a span.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Record {
    pub(super) trace: String,
    pub(super) span: String,
    pub(super) nanoseconds: u64,
    pub(super) severity: String,
    pub(super) attributes: Attributes,
}

/// The records of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Told {
    pub(super) resource: Attributes,
    pub(super) records: Vec<Record>,
    /// Spans, which are no errors by themselves.
    pub(super) spans: u64,
}

/// Reads one request, or as a file exporter writes them, one request a line; JSON or protobuf, plain or packed.
#[must_use]
pub fn decode(bytes: &[u8]) -> Decoded<'static> {
    let unpacked = unpack(bytes);
    let mut decoded = Decoded::default();
    let bytes = unpacked.bytes.as_slice();
    let is_text = bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|first| *first == b'{');
    // A first member of 123 bytes begins like JSON behind a line break.
    let is_json = is_text && (bytes.first() != Some(&0x0a) || otlp_messages::decode(bytes).is_err());
    if !is_json {
        match otlp_messages::decode(bytes) {
            Ok(told) => take(told, &mut decoded),
            Err(reason) => decoded.refuse("the request", reason),
        }
    } else if let Ok(request) = serde_json::from_slice::<Value>(bytes) {
        take_json(&request, "the request", &mut decoded);
    } else {
        for (number, line) in
            bytes.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty())
        {
            let place = format!("line {}", number + 1);
            match serde_json::from_slice::<Value>(line) {
                Ok(request) => take_json(&request, &place, &mut decoded),
                Err(error) => decoded.refuse(place, format!("not JSON: {error}")),
            }
        }
    }
    if let Some(problem) = unpacked.problem {
        decoded.refuse("the end", problem);
    }
    decoded
}

/// How many values these bytes hold at most, JSON or protobuf, found out without keeping any.
#[must_use]
pub fn at_most(bytes: &[u8]) -> usize {
    if bytes.trim_ascii_start().starts_with(b"{") {
        return values(bytes);
    }
    otlp_messages::at_most(bytes)
}

/// Values of JSON stand behind commas and brackets; those within texts are counted, too.
pub(super) fn values(json: &[u8]) -> usize {
    json.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()
}

fn take_json(request: &Value, place: &str, into: &mut Decoded<'_>) {
    let known = ["resourceSpans", "resourceLogs", "resourceMetrics"].iter().any(|name| request.get(name).is_some());
    if known { take(told(request), into) } else { into.refuse(place, "neither resourceSpans nor resourceLogs") }
}

fn take(told: Vec<Told>, into: &mut Decoded<'_>) {
    for Told { resource, records, spans } in told {
        let mut errors = 0;
        for record in records {
            match event(&resource, &record) {
                Some(Ok(event)) => {
                    errors += 1;
                    // A span and a log record tell of one error: the first is kept.
                    if !into.events.iter().any(|known| known.id == event.id) {
                        into.events.push(event.into());
                    }
                }
                Some(Err(reason)) => into.refuse(format!("span {}", record.span), reason),
                None => into.other += 1,
            }
        }
        into.other += spans.saturating_sub(errors);
    }
}

/// The attribute in which titer's hook for OpenTelemetry keeps what the functions under way were given (`capture_v1`).
const CAPTURE: &str = "titer.capture";

/// The error of this id among what a source sent, and what the hook kept of it. A span and a log record tell of one error; only the span's event
/// has the capture.
#[must_use]
pub fn find(bytes: &[u8], id: &str) -> Option<(Event, Option<String>)> {
    let unpacked = unpack(bytes).bytes;
    let lines = unpacked.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let requests = match serde_json::from_slice::<Value>(&unpacked) {
        Ok(whole) => vec![whole],
        Err(_) => lines.collect(),
    };
    let all = match (requests.is_empty(), otlp_messages::decode(&unpacked)) {
        (true, Ok(all)) => all,
        _ => requests.iter().flat_map(told).collect(),
    };
    let mut best: Option<(Event, Option<String>)> = None;
    for Told { resource, records, .. } in all {
        for record in records {
            let Some(Ok(event)) = event(&resource, &record) else { continue };
            let capture = record.attributes.get(CAPTURE).cloned();
            if event.id == id && best.as_ref().is_none_or(|known| known.1.is_none() && capture.is_some()) {
                best = Some((event, capture));
            }
        }
    }
    best
}

/// The error that a record tells of; `None` if it tells of none.
fn event(resource: &Attributes, record: &Record) -> Option<Result<Event, String>> {
    let own = |name: &str| record.attributes.get(name).cloned().unwrap_or_default();
    let shared = |names: &[&str]| {
        first(&names.iter().map(|name| resource.get(*name).cloned().unwrap_or_default()).collect::<Vec<_>>())
    };
    let (kind, message, stack) = (own("exception.type"), own("exception.message"), own("exception.stacktrace"));
    if kind.is_empty() && stack.is_empty() {
        return None;
    }
    let Some(at) = of_nanoseconds(record.nanoseconds) else { return Some(Err("no time".to_owned())) };
    // Python says `json.decoder.JSONDecodeError` on a span and `JSONDecodeError` in a log record.
    let short = kind.rsplit(['.', ':']).next().unwrap_or(&kind).to_owned();
    let service = shared(&["service.name"]);
    let parts = if record.trace.is_empty() || record.span.is_empty() {
        vec![service.as_str(), at.as_str(), short.as_str(), message.as_str(), stack.as_str()]
    } else {
        vec![record.trace.as_str(), record.span.as_str(), short.as_str()]
    };
    Some(Ok(Event {
        id: Digest::of_parts(parts.into_iter().map(str::as_bytes)).to_string(),
        service: if service.starts_with("unknown_service") { String::new() } else { shortened(&service) },
        at,
        kind: shortened(&short),
        message: shortened(&message),
        handled: own("exception.escaped").to_lowercase().parse::<bool>().ok().map(|escaped| !escaped),
        level: if record.severity.is_empty() { "error".to_owned() } else { record.severity.to_lowercase() },
        platform: shared(&["telemetry.sdk.language"]),
        environment: shared(&["deployment.environment.name", "deployment.environment"]),
        release: shared(&["service.version"]),
        revision: shared(&["vcs.ref.head.revision"]),
        count: 1,
        user: first(&[own("user.id"), own("enduser.id")]),
        tenant: first(&[own("tenant.id"), own("tenant")]),
        frames: stack_text::frames(&stack).into(),
        ..Event::default()
    }))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn told(request: &Value) -> Vec<Told> {
    let resource = |part: &Value| part.get("resource").map(attributes).unwrap_or_default();
    let mut all = Vec::new();
    for part in list(request, "resourceSpans") {
        let spans: Vec<&Value> = list(part, "scopeSpans").iter().flat_map(|scope| list(scope, "spans")).collect();
        let records =
            spans.iter().flat_map(|span| list(span, "events").iter().map(|event| record(event, span))).collect();
        all.push(Told { resource: resource(part), records, spans: spans.len() as u64 });
    }
    for part in list(request, "resourceLogs") {
        let logs = list(part, "scopeLogs").iter().flat_map(|scope| list(scope, "logRecords"));
        all.push(Told { resource: resource(part), records: logs.map(|log| record(log, log)).collect(), spans: 0 });
    }
    all
}

/// `holder` has the ids: the span of an event, the log record itself.
fn record(value: &Value, holder: &Value) -> Record {
    let text = |from: &Value, name: &str| from.get(name).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let time = |name: &str| match value.get(name) {
        Some(Value::String(digits)) => digits.parse().unwrap_or(0),
        Some(number) => number.as_u64().unwrap_or(0),
        None => 0,
    };
    let at = time("timeUnixNano");
    Record {
        trace: text(holder, "traceId"),
        span: text(holder, "spanId"),
        nanoseconds: if at == 0 { time("observedTimeUnixNano") } else { at },
        severity: text(value, "severityText"),
        attributes: attributes(value),
    }
}

fn attributes(value: &Value) -> Attributes {
    let text = |value: &Value| {
        let any = value.get("value")?.as_object()?;
        Some(match any.values().next()? {
            Value::String(text) => text.clone(),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                other.to_string()
            }
        })
    };
    let pairs = list(value, "attributes").iter();
    pairs.filter_map(|pair| Some((pair.get("key")?.as_str()?.to_owned(), text(pair)?))).collect()
}
