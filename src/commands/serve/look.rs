//! A look at a body before it is kept: whether it may be unpacked, whose it is, what it is called. Nothing of it is read further.

use serde_json::Value;

use super::house::{Receiver, Refusal};
use super::routes::Route;
use crate::bridges::clock;
use crate::bridges::door::Head;
use crate::formats::journal_v1::Header;
use crate::formats::packed::Coding;
use crate::formats::received::{MOST_TELEMETRY, MOST_UNPACKED};

/// The first line of an envelope is no longer.
const LINE: u64 = 1 << 16;
/// Longer words of a sender's own are not kept.
const LONGEST: usize = 100;

/// What a body is kept under; `None`: it is taken, and thrown away.
pub(super) fn look(house: &Receiver, head: &Head, route: Route<'_>, body: &[u8]) -> Result<Option<Header>, Refusal> {
    let Some(coding) = Coding::of(head.header("content-encoding"), body) else {
        return Err(("coding", 415, "bodies are plain, or packed with gzip, deflate, br or zstd"));
    };
    let most = if matches!(route, Route::Otlp { .. }) { MOST_TELEMETRY } else { MOST_UNPACKED };
    if !coding.is_within(body, most) {
        return Err(("swollen", 413, "the body is larger than 100 MiB unpacked, or of OpenTelemetry's than 8 MiB"));
    }
    let header = Header {
        door: route.door().to_owned(),
        at: clock::precise_timestamp(clock::now()),
        media: word(head.header("content-type")),
        coding: word(head.header("content-encoding")),
        ..Header::default()
    };
    let by = if house.keys.is_open() { "" } else { "key" }.to_owned();
    match route {
        Route::Sentry { project, kind } => {
            let first = coding.beginning(body, if kind == "store" { 0 } else { LINE });
            let first = first.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let named: Value = serde_json::from_slice(first).unwrap_or_default();
            let text = |name: &str| named.get(name).and_then(Value::as_str);
            if key_of_head(head).is_none()
                && !text("dsn").and_then(key_of_dsn).is_some_and(|key| house.keys.knows_key(key))
                && !house.keys.is_open()
            {
                return Err(("key", 401, "there is no key, or it is not this server's"));
            }
            let id = word(text("event_id"));
            Ok(Some(Header { kind: kind.to_owned(), project: project.to_owned(), by, id, ..header }))
        }
        // Numbers tell of no errors.
        Route::Otlp { kind } => Ok((kind != "metrics").then(|| Header { kind: kind.to_owned(), by, ..header })),
        Route::Hook { kind } => {
            let checked = house.hooks.check(&house.keys, head, kind, body, clock::now())?;
            let by = "hmac".to_owned();
            Ok(checked.map(|(id, project)| Header { kind: kind.to_owned(), id, project, by, ..header }))
        }
        Route::Page | Route::Nothing | Route::Otherwise => Ok(None),
    }
}

/// A sender's own word, short, without anything that is no letter of a name.
pub(super) fn word(text: Option<&str>) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-_./+=; ".contains(*c);
    text.unwrap_or_default().chars().filter(is_plain).take(LONGEST).collect()
}

/// The key that an SDK of Sentry's puts into a header or into the address.
pub(super) fn key_of_head(head: &Head) -> Option<String> {
    let named = |text: &str, between: char| {
        let mut pairs = text.split(between).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| name.trim_end() == "sentry_key").map(|(_, key)| key.trim().to_owned())
    };
    let header = head.header("x-sentry-auth").or_else(|| head.header("authorization"));
    let header = header.and_then(|text| text.trim().strip_prefix("Sentry "));
    header.and_then(|text| named(text, ',')).or_else(|| named(&head.query, '&'))
}

/// `https://KEY@host/1`
fn key_of_dsn(dsn: &str) -> Option<&str> {
    let (user, _) = dsn.split_once("://")?.1.split_once('@')?;
    Some(user.split(':').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_dsn_is_its_user() {
        assert_eq!(key_of_dsn("http://abc@127.0.0.1:8127/1"), Some("abc"));
        assert_eq!(key_of_dsn("http://abc:old@127.0.0.1:8127/1"), Some("abc"));
        assert_eq!(key_of_dsn("127.0.0.1"), None);
    }

    #[test]
    fn words_of_senders_are_short_and_plain() {
        assert_eq!(word(Some("text/plain; charset=UTF-8\u{1b}[31m\n\"")), "text/plain; charset=UTF-831m");
        assert_eq!(word(Some(&"x".repeat(1000))).len(), LONGEST);
    }
}
