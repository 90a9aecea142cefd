//! Webhooks of PagerDuty's (version 3), one a line: somebody was called. They hold no stack.

use serde_json::Value;

use super::instant;
use crate::model::fault::{BadRecord, Decoded, Page};

/// Somebody is called by these; others say how it went on.
const CALLS: [&str; 3] = ["incident.triggered", "incident.reopened", "incident.escalated"];

/// Reads them.
#[must_use]
pub fn decode(lines: &[u8]) -> Decoded<'static> {
    let mut decoded = Decoded::default();
    let all = lines.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    for (number, line) in all.enumerate() {
        match page(line) {
            Ok(Some(page)) => decoded.pages.push(page),
            Ok(None) => decoded.other += 1,
            Err(reason) => {
                let place = format!("webhook {} of PagerDuty's", number + 1);
                decoded.bad.push(BadRecord { place, reason: reason.to_owned() });
            }
        }
    }
    decoded
}

fn page(line: &[u8]) -> Result<Option<Page>, &'static str> {
    let told: Value = serde_json::from_slice(line).map_err(|_| "it is not JSON")?;
    let text = |pointer: &str| told.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    if !CALLS.contains(&text("/event/event_type").as_str()) {
        return Ok(None);
    }
    let at = instant::of_text(&text("/event/occurred_at")).ok_or("it does not say when it happened")?;
    let page = Page {
        incident: text("/event/data/id"),
        at,
        title: text("/event/data/title"),
        project: text("/event/data/service/id"),
        service: text("/event/data/service/summary"),
    };
    if page.incident.is_empty() { Err("it names no incident") } else { Ok(Some(page)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_calls_somebody_is_a_page() {
        let line = |kind: &str, id: &str, at: &str| {
            format!(
                "{{\"event\":{{\"id\":\"01A\",\"event_type\":\"incident.{kind}\",\"occurred_at\":\"{at}\",\"data\":{{\"id\":\"{id}\",\
                 \"title\":\"KeyError: 'user'\",\"service\":{{\"id\":\"PF9KMXH\",\"summary\":\"Shop\"}}}}}}}}\n"
            )
        };
        let at = "2026-10-02T18:45:22.169Z";
        let lines = [line("triggered", "Q1", at), line("resolved", "Q1", at), line("triggered", "", at)];
        let more = [line("triggered", "Q2", "soon"), "no\n".to_owned()];
        let decoded = decode((lines.concat() + &more.concat()).as_bytes());
        let text = str::to_owned;
        let page = Page {
            incident: text("Q1"),
            at: text("2026-10-02T18:45:22.169000Z"),
            title: text("KeyError: 'user'"),
            project: text("PF9KMXH"),
            service: text("Shop"),
        };
        assert_eq!((decoded.pages, decoded.other, decoded.bad.len()), (vec![page], 1, 3));
    }
}
