//! `arena_v1`: the one file into which the file tracer of every process of a run writes.
//!
//! Header, 64 bytes, numbers little endian: magic, size of the file (u64), cursor (u64, the next free byte), records that found
//! no room (u64), zeros. A record begins at a multiple of 16: length in bytes with padding (u32, bit 31 set once the record is
//! complete), magic (u32), process, owner, window (u32 each), kind (u8), 0 (u8), length of the text (u16), text. All
//! processes share the cursor, so the order in the file is the order of time. What a kill left unfinished is counted and stepped
//! over. `adapters/files` holds the writer.

use crate::model::touch::{Touch, TouchKind, Touches};

/// How large titer makes the file, in bytes.
pub const SIZE: u64 = 32 << 20;

const MAGIC: &[u8; 8] = b"TITERAR1";
const HEADER: usize = 64;
const STEP: usize = 16;
const RECORD_MAGIC: u32 = 0x5254_4954;
const COMPLETE: u32 = 1 << 31;
/// Bytes of a record before its text.
const FIXED: usize = 24;

/// The header of an empty arena.
#[must_use]
pub fn header() -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&SIZE.to_le_bytes());
    bytes[16..24].copy_from_slice(&(HEADER as u64).to_le_bytes());
    bytes
}

/// How many bytes of the file are in use, from its header; `None` if it is none.
#[must_use]
pub fn used(header: &[u8]) -> Option<u64> {
    let is_arena = header.get(..8) == Some(MAGIC.as_slice());
    is_arena.then(|| long(header, 16)).flatten().map(|cursor| cursor.min(SIZE))
}

/// Reads the used part of an arena, header included; `None` if it is none.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Touches> {
    used(bytes)?;
    let mut found = Touches { lost: long(bytes, 24)?, ..Touches::default() };
    let mut at = HEADER;
    let mut in_gap = false;
    while at + FIXED <= bytes.len() {
        let (word, magic) = (number(bytes, at)?, number(bytes, at + 4)?);
        let length = (word & !COMPLETE) as usize;
        if magic != RECORD_MAGIC || length < FIXED || !length.is_multiple_of(STEP) {
            // Reserved, and killed before the first word: the next record stands at some later step.
            found.torn += u64::from(!in_gap);
            in_gap = true;
            at += STEP;
            continue;
        }
        in_gap = false;
        if word & COMPLETE == 0 {
            found.torn += 1;
        } else {
            found.all.extend(record(bytes, at, length));
        }
        at += length;
    }
    Some(found)
}

fn record(bytes: &[u8], at: usize, length: usize) -> Option<Touch> {
    let text_length = usize::from(u16::from_le_bytes([*bytes.get(at + 22)?, *bytes.get(at + 23)?]));
    let text = bytes.get(at + FIXED..at + length)?.get(..text_length)?;
    Some(Touch {
        pid: number(bytes, at + 8)?,
        owner: number(bytes, at + 12)?,
        window: number(bytes, at + 16)?,
        kind: kind_of(*bytes.get(at + 20)?)?,
        text: text_of(text),
    })
}

/// Bytes that are not UTF-8 are written `\xNN`, as everywhere where paths become text.
fn text_of(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
            text.extend(['\\', 'x', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

/// Kinds that this version does not know are passed over.
fn kind_of(number: u8) -> Option<TouchKind> {
    use TouchKind as Kind;
    const KINDS: [Kind; 18] = [
        Kind::Read,
        Kind::Listed,
        Kind::Absent,
        Kind::Stat,
        Kind::Link,
        Kind::Written,
        Kind::Updated,
        Kind::Spawn,
        Kind::Failed,
        Kind::Hello,
        Kind::Goodbye,
        Kind::Opaque,
        Kind::Window,
        Kind::Gone,
        Kind::Object,
        Kind::Walked,
        Kind::Forked,
        Kind::Removed,
    ];
    KINDS.get(usize::from(number).checked_sub(1)?).copied()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record_bytes(kind: u8, text: &str, complete: bool) -> Vec<u8> {
        let length = (FIXED + text.len()).next_multiple_of(STEP);
        let word = u32::try_from(length).unwrap() | if complete { COMPLETE } else { 0 };
        let mut bytes = Vec::new();
        for number in [word, RECORD_MAGIC, 7, 5, 3] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&[kind, 0]);
        bytes.extend_from_slice(&u16::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes.resize(length, 0);
        bytes
    }

    fn arena(parts: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = header().to_vec();
        bytes.extend(parts.concat());
        let cursor = bytes.len() as u64;
        bytes[16..24].copy_from_slice(&cursor.to_le_bytes());
        bytes
    }

    #[test]
    fn records_come_back_in_order() {
        let bytes = arena(&[record_bytes(1, "/r/a", true), record_bytes(3, "/r/long/path/to/b", true)]);
        let read = read(&bytes).unwrap();
        let short: Vec<_> = read.all.iter().map(|s| (s.pid, s.owner, s.window, s.kind, s.text.as_str())).collect();
        assert_eq!(short, [(7, 5, 3, TouchKind::Read, "/r/a"), (7, 5, 3, TouchKind::Absent, "/r/long/path/to/b")]);
    }

    #[test]
    fn what_a_kill_left_unfinished_costs_only_itself() {
        let nothing = vec![0; 48];
        let parts =
            [record_bytes(1, "/r/a", true), nothing, record_bytes(1, "/r/b", false), record_bytes(1, "/r/c", true)];
        let read = read(&arena(&parts)).unwrap();
        assert_eq!(read.all.iter().map(|s| s.text.as_str()).collect::<Vec<_>>(), ["/r/a", "/r/c"]);
        assert_eq!(read.torn, 2);
    }

    #[test]
    fn an_arena_cut_anywhere_is_read_as_far_as_it_goes() {
        let bytes = arena(&[record_bytes(1, "/r/a", true), record_bytes(2, "/r/b", true)]);
        for length in 0..bytes.len() {
            let read = read(&bytes[..length]);
            assert_eq!(read.is_some(), length >= 32, "cut at {length}");
        }
    }

    #[test]
    fn a_kind_from_the_future_is_passed_over() {
        let bytes = arena(&[record_bytes(200, "x", true), record_bytes(1, "/r/a", true)]);
        assert_eq!(read(&bytes).unwrap().all.len(), 1);
    }
}
