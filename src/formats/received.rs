//! What came in at the door, sorted into bundles: everything of one source and project behind each other, in a form that is read again as any
//! file of that source is. The same records always make the same bundles.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::journal_v1::Header;
use super::packed::Coding;
use super::sentry_envelope::{Payload, payload_of, payloads};
use super::sighting_file::{self, Format};
use super::{otlp, pagerduty};
use crate::model::fault::{BadRecord, Decoded};

/// Longer bodies are not read.
pub const MOST_UNPACKED: u64 = 100 << 20;

/// Of OpenTelemetry's: a message of two bytes takes some eighty in memory.
pub const MOST_TELEMETRY: u64 = 8 << 20;

/// Longer events are not read; Sentry itself takes no more than 1 MiB.
const MOST_EVENT: usize = 4 << 20;

/// What holds more values is not read: in memory each takes a hundred bytes, however short it is written.
const MOST_VALUES: usize = 1_000_000;

/// A bundle is full when it is so long.
const FULL: usize = 16 << 20;

/// Bad records that are described; the others are only counted.
const LISTED: usize = 5;

/// How a bundle is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// Envelopes of Sentry's, each with one event.
    Envelopes,
    /// Requests of OpenTelemetry's, JSON, one a line.
    Lines,
    /// The same as protobuf, of one kind: behind each other they are one request.
    Traces,
    Logs,
    /// Webhooks of PagerDuty's, one a line.
    Pages,
}

/// What is kept as one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// `sentry`, `otlp`, `pagerduty`
    pub source: &'static str,
    /// The source's own name of the project.
    pub project: String,
    /// The raw bytes.
    pub bytes: Vec<u8>,
    form: Form,
    /// When events were received, by their ids.
    received: BTreeMap<String, String>,
}

impl Bundle {
    /// Reads it.
    #[must_use]
    pub fn decode(&self) -> Decoded<'_> {
        let mut decoded = match self.form {
            Form::Envelopes => sighting_file::decode(Format::Envelope, &self.bytes, 0),
            Form::Lines | Form::Traces | Form::Logs => sighting_file::decode(Format::Otlp, &self.bytes, 0),
            Form::Pages => pagerduty::decode(&self.bytes),
        };
        for event in decoded.events.iter_mut().filter(|event| event.received_at.is_empty()) {
            if let Some(at) = self.received.get(&*event.id) {
                event.received_at = Cow::Owned(at.clone());
            }
        }
        decoded
    }
}

/// Sorts records.
#[derive(Debug, Default)]
pub struct Sorter {
    open: BTreeMap<(&'static str, String, Form), Bundle>,
    /// Records, or parts of some, that cannot be read.
    pub bad: u64,
    /// The first of them.
    pub listed: Vec<BadRecord>,
}

impl Sorter {
    /// Takes in one record. A bundle that is full by it is given away.
    pub fn add(&mut self, header: &Header, body: &[u8]) -> Option<Bundle> {
        let place = format!("what {} sent at {}", header.door, header.at);
        let coding = Coding::of(Some(&header.coding), body);
        let unpacked = coding.ok_or_else(|| "an unknown coding".to_owned());
        let most = if header.door == "otlp" { MOST_TELEMETRY } else { MOST_UNPACKED };
        let bytes = match unpacked.and_then(|coding| coding.unpack(body, most)) {
            Ok(bytes) => bytes,
            Err(reason) => {
                self.refuse(vec![BadRecord { place, reason }]);
                return None;
            }
        };
        match (header.door.as_str(), header.kind.as_str()) {
            ("sentry", "envelope") => {
                let (found, counts) = payloads(&bytes, &header.at, &is_small);
                self.refuse(counts.bad);
                self.envelopes(header, &found)
            }
            ("sentry", _) | ("webhook", "sentry") => {
                let mut counts = Decoded::default();
                let found = payload_of(&bytes, Arc::from(header.at.as_str()), &place, &is_small, &mut counts);
                let found: Vec<Payload<'_>> = found.into_iter().collect();
                self.refuse(counts.bad);
                self.envelopes(header, &found)
            }
            ("otlp", kind) => self.telemetry(header, kind, &bytes),
            ("webhook", "pagerduty") => self.put("pagerduty", header, Form::Pages, &[&flat(&bytes), b"\n"], Vec::new()),
            _ => {
                self.refuse(vec![BadRecord { place, reason: "an unknown door".to_owned() }]);
                None
            }
        }
    }

    /// The bundles that are not full.
    #[must_use]
    pub fn rest(&mut self) -> Vec<Bundle> {
        std::mem::take(&mut self.open).into_values().collect()
    }

    fn envelopes(&mut self, header: &Header, found: &[Payload<'_>]) -> Option<Bundle> {
        let mut text = Vec::new();
        for Payload { bytes, sent, .. } in found {
            let bytes = flat(bytes);
            let sent = serde_json::json!({ "sent_at": sent.as_ref() });
            let item = serde_json::json!({ "type": "event", "length": bytes.len() });
            text.extend(format!("{sent}\n{item}\n").into_bytes());
            text.extend_from_slice(&bytes);
            text.push(b'\n');
        }
        let ids = found.iter().map(|payload| payload.id.clone()).collect();
        self.put("sentry", header, Form::Envelopes, &[&text], ids)
    }

    /// Most of what OpenTelemetry sends tells of no error, and is not kept.
    fn telemetry(&mut self, header: &Header, kind: &str, bytes: &[u8]) -> Option<Bundle> {
        if otlp::at_most(bytes) > MOST_VALUES {
            let place = format!("what otlp sent at {}", header.at);
            self.refuse(vec![BadRecord { place, reason: TOO_LARGE.to_owned() }]);
            return None;
        }
        let decoded = sighting_file::decode(Format::Otlp, bytes, 0);
        let ids: Vec<String> = decoded.events.into_iter().map(|event| event.id.into_owned()).collect();
        let is_whole = decoded.bad.is_empty();
        self.refuse(decoded.bad);
        if ids.is_empty() {
            return None;
        }
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
        match (is_json, kind) {
            (true, _) => self.put("otlp", header, Form::Lines, &[&flat(bytes), b"\n"], ids),
            // One that is not whole would spoil those beside it.
            (false, _) if !is_whole => None,
            (false, "traces") => self.put("otlp", header, Form::Traces, &[bytes], ids),
            (false, _) => self.put("otlp", header, Form::Logs, &[bytes], ids),
        }
    }

    fn put(
        &mut self,
        source: &'static str,
        header: &Header,
        form: Form,
        parts: &[&[u8]],
        ids: Vec<String>,
    ) -> Option<Bundle> {
        if parts.iter().all(|part| part.is_empty()) {
            return None;
        }
        let key = (source, header.project.clone(), form);
        let bundle = self.open.entry(key.clone()).or_insert_with(|| Bundle {
            source,
            project: header.project.clone(),
            bytes: Vec::new(),
            form,
            received: BTreeMap::new(),
        });
        bundle.bytes.extend(parts.concat());
        for id in ids {
            bundle.received.entry(id).or_insert_with(|| header.at.clone());
        }
        if bundle.bytes.len() < FULL {
            return None;
        }
        self.open.remove(&key)
    }

    fn refuse(&mut self, bad: Vec<BadRecord>) {
        self.bad += bad.len() as u64;
        let room = LISTED.saturating_sub(self.listed.len());
        self.listed.extend(bad.into_iter().take(room));
    }
}

const TOO_LARGE: &str = "it is too large";

/// Whether an event takes no more memory than it may.
fn is_small(event: &[u8]) -> Result<(), String> {
    if event.len() > MOST_EVENT || otlp::values(event) > MOST_VALUES { Err(TOO_LARGE.to_owned()) } else { Ok(()) }
}

/// JSON on one line: no text of JSON's holds a line break as it is.
fn flat(json: &[u8]) -> Vec<u8> {
    json.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::incident;

    fn header(door: &str, kind: &str) -> Header {
        let text = str::to_owned;
        let at = text("2026-11-22T10:00:00.000000Z");
        Header { door: text(door), kind: text(kind), project: text("1"), at, ..Header::default() }
    }

    fn event(id: &str) -> String {
        format!("{{\"event_id\":\"{id}\",\n\"exception\":{{\"values\":[{{\"type\":\"E\"}}]}}}}")
    }

    #[test]
    fn what_is_bundled_is_read_again_and_found_again_whatever_stands_beside_it() {
        let (one, two, three) = (event("a-1"), event("b2"), event("c3"));
        let envelope = format!(
            "{{\"sent_at\":\"2026-11-21T05:00:00Z\"}}\n{{\"type\":\"session\"}}\n{{}}\n{{\"type\":\"event\",\"length\":{}}}\n{one}\n",
            one.len()
        );
        let hook = format!("{{\"action\":\"created\",\"data\":{{\"error\":{three}}}}}");
        let mut sorter = Sorter::default();
        for (header, body) in [
            (header("sentry", "envelope"), envelope.as_str()),
            (header("sentry", "envelope"), "{}\n{\"type\":\"event\"}\n{\"exception\":"),
            (header("sentry", "store"), two.as_str()),
            (header("sentry", "store"), "no"),
            (header("sentry", "envelope"), "rubbish"),
            (header("webhook", "sentry"), hook.as_str()),
        ] {
            assert_eq!(sorter.add(&header, body.as_bytes()), None);
        }
        assert_eq!((sorter.bad, sorter.listed.len()), (3, 3));
        let bundles = sorter.rest();
        assert_eq!(bundles.len(), 1);
        let decoded = bundles[0].decode();
        let told: Vec<_> =
            decoded.events.iter().map(|event| (&*event.id, event.at.get(..10), event.received_at.get(..10))).collect();
        let (day, next) = (Some("2026-11-21"), Some("2026-11-22"));
        assert_eq!(told, [("a1", day, next), ("b2", next, next), ("c3", next, next)]);
        assert!(decoded.bad.is_empty());
        for id in ["a1", "b2", "c3"] {
            incident::find(&bundles[0].bytes, id).unwrap();
        }
    }

    #[test]
    fn requests_that_tell_of_no_error_are_not_kept() {
        let mut sorter = Sorter::default();
        let log = |name: &str| {
            format!(
                "{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"timeUnixNano\":\"1700000000000000000\",\n\"attributes\":[\
                 {{\"key\":\"exception.type\",\"value\":{{\"stringValue\":\"{name}\"}}}}]}}]}}]}}]}}"
            )
        };
        for text in [log("E"), log("F"), "{\"resourceLogs\":[]}".to_owned(), "{\"no".to_owned()] {
            assert_eq!(sorter.add(&header("otlp", "logs"), text.as_bytes()), None);
        }
        assert_eq!(sorter.bad, 1);
        let bundles = sorter.rest();
        assert_eq!((bundles.len(), bundles[0].decode().events.len()), (1, 2));
        for event in bundles[0].decode().events {
            assert!(incident::find(&bundles[0].bytes, &event.id).is_ok() && !event.received_at.is_empty());
        }
    }
}
