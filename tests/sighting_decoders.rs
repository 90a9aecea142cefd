//! No bytes make a decoder of sightings stop: not any, and not those of real SDKs with something changed.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    dead_code,
    reason = "a test that cannot go on fails; it uses a part of what tests share"
)]

use std::path::Path;

use proptest::prelude::*;
use titer::formats::sighting_file::{Format, decode, detect};
use titer::formats::{packed, stack_text};

const FORMATS: [Format; 4] = [Format::Sentry, Format::Envelope, Format::Otlp, Format::Jsonl];

/// Every captured body, unpacked: then what is changed reaches the decoder.
fn captured() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sightings/captured");
    let mut all: Vec<Vec<u8>> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| packed::unpack(&std::fs::read(entry.unwrap().path()).unwrap()).bytes)
        .collect();
    all.push(br#"{"v":1,"at":"2026-11-21T05:00:00Z","type":"E","frames":[{"file":"a.py","line":3}]}"#.to_vec());
    all.sort();
    all
}

fn read(bytes: &[u8]) {
    let _ = detect(bytes);
    for format in FORMATS {
        let decoded = decode(format, bytes, 0);
        for event in decoded.events {
            assert!(!event.id.is_empty() && !event.at.is_empty() && event.frames.len() <= 200, "{event:?}");
            assert!(event.id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{}", event.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes);
    }

    #[test]
    fn what_an_sdk_sent_is_read_or_refused_whatever_is_changed_in_it(
        which in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let all = captured();
        let mut bytes = which.get(&all).clone();
        for (place, byte, what) in edits {
            if bytes.is_empty() { break }
            let at = place.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        read(&bytes);
    }

    #[test]
    fn any_text_is_a_stack_or_none(text in "(.*\n){0,5}|( *[0-9]{0,3}: [a-z:<>]*\n *at [^\n]*\n){0,5}|(  File \"[^\n]*\", line [0-9]*, in .*\n.*\n){0,5}") {
        let _ = stack_text::frames(&text);
    }
}
