//! OTLP as protobuf: the few members of its messages that tell of errors. The numbers are those of `opentelemetry-proto` 1.x.

use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};

use super::otlp::{Attributes, Record, Told};

#[derive(Clone, PartialEq, Message)]
struct Traces {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    own: Vec<u8>,
    #[prost(message, repeated, tag = "11")]
    events: Vec<SpanEvent>,
}

#[derive(Clone, PartialEq, Message)]
struct SpanEvent {
    #[prost(fixed64, tag = "1")]
    nanoseconds: u64,
    #[prost(message, repeated, tag = "3")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct Logs {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<ResourceLogs>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceLogs {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeLogs>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeLogs {
    #[prost(message, repeated, tag = "2")]
    records: Vec<LogRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct LogRecord {
    #[prost(fixed64, tag = "1")]
    nanoseconds: u64,
    #[prost(fixed64, tag = "11")]
    observed: u64,
    #[prost(string, tag = "3")]
    severity: String,
    #[prost(message, repeated, tag = "6")]
    attributes: Vec<KeyValue>,
    #[prost(bytes = "vec", tag = "9")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    span: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

/// Lists, tables and bytes are not read: nothing of an error stands in them.
#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(bool, optional, tag = "2")]
    truth: Option<bool>,
    #[prost(int64, optional, tag = "3")]
    integer: Option<i64>,
}

/// Deeper messages are not read.
const DEEPEST: u32 = 8;

/// How many messages these bytes hold at most, without keeping any: some need two bytes, and eighty in memory.
pub(super) fn at_most(bytes: &[u8]) -> usize {
    messages(bytes, DEEPEST)
}

/// What is text is counted as if it were a message: it soon breaks off.
fn messages(mut bytes: &[u8], depth: u32) -> usize {
    let mut count = 0;
    while let Ok((_, wire)) = decode_key(&mut bytes) {
        let length = match wire {
            WireType::LengthDelimited => decode_varint(&mut bytes).ok(),
            WireType::Varint => decode_varint(&mut bytes).ok().map(|_| 0),
            WireType::SixtyFourBit => Some(8),
            WireType::ThirtyTwoBit => Some(4),
            WireType::StartGroup | WireType::EndGroup => None,
        };
        let length = length.and_then(|length| usize::try_from(length).ok());
        let Some((inside, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else { break };
        bytes = rest;
        if wire == WireType::LengthDelimited {
            count += 1 + if depth > 0 { messages(inside, depth - 1) } else { 0 };
        }
    }
    count
}

/// Reads a request, of traces or of logs.
///
/// # Errors
/// It is neither.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Told>, String> {
    // Both number their members alike down to the record, whose first member is bytes in the one and a fixed number in the other.
    match Traces::decode(bytes) {
        Ok(traces) => Ok(traces.resources.into_iter().map(of_spans).collect()),
        Err(_) => match Logs::decode(bytes) {
            Ok(logs) => Ok(logs.resources.into_iter().map(of_logs).collect()),
            Err(error) => Err(format!("neither traces nor logs as protobuf: {error}")),
        },
    }
}

fn of_spans(part: ResourceSpans) -> Told {
    let spans: Vec<Span> = part.scopes.into_iter().flat_map(|scope| scope.spans).collect();
    let count = spans.len() as u64;
    let records = spans.into_iter().flat_map(|span| {
        let (trace, own) = (hexadecimal(&span.trace), hexadecimal(&span.own));
        span.events.into_iter().map(move |event| Record {
            trace: trace.clone(),
            span: own.clone(),
            nanoseconds: event.nanoseconds,
            severity: String::new(),
            attributes: named(event.attributes),
        })
    });
    Told { records: records.collect(), resource: resource(part.resource), spans: count }
}

fn of_logs(part: ResourceLogs) -> Told {
    let records = part.scopes.into_iter().flat_map(|scope| scope.records).map(|log| Record {
        trace: hexadecimal(&log.trace),
        span: hexadecimal(&log.span),
        nanoseconds: if log.nanoseconds == 0 { log.observed } else { log.nanoseconds },
        severity: log.severity,
        attributes: named(log.attributes),
    });
    Told { records: records.collect(), resource: resource(part.resource), spans: 0 }
}

fn resource(resource: Option<Resource>) -> Attributes {
    resource.map(|resource| named(resource.attributes)).unwrap_or_default()
}

fn named(pairs: Vec<KeyValue>) -> Attributes {
    let text = |value: AnyValue| {
        value.text.or_else(|| value.truth.map(|it| it.to_string())).or_else(|| value.integer.map(|it| it.to_string()))
    };
    pairs.into_iter().filter_map(|pair| Some((pair.key, text(pair.value?)?))).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}
