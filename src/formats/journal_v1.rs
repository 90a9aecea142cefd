//! What came in at the door before anybody looked into it: records behind each other in a file, each with a checksum.
//!
//! A file begins with [`MAGIC`]. A record is the length of its header and the length of its body (four bytes each, little-endian), the header
//! (JSON), the body as it came, and the first 16 bytes of BLAKE3 over all that.

use serde::{Deserialize, Serialize};

/// The first bytes of every file.
pub const MAGIC: &[u8] = b"titer door journal 1\n";

/// Bytes of a record beside its header and its body.
const FRAME: usize = 8 + 16;

/// What is known of a body without reading it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// Who knocked: `sentry`, `otlp` or `webhook`.
    pub door: String,
    /// What it is there: `envelope`, `store`; `traces`, `logs`; `sentry`, `pagerduty`.
    pub kind: String,
    /// The source's own name of the project; empty where the address has none.
    pub project: String,
    /// When it was received, RFC 3339 in UTC.
    pub at: String,
    /// The media type that was declared.
    pub media: String,
    /// The content encoding that was declared.
    pub coding: String,
    /// By what the sender was known: `key`, `token`, `hmac`, or empty at a door without a token.
    pub by: String,
    /// The request's own id, where it has one.
    pub id: String,
}

/// A record, less its body: what stands before it and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Both lengths and the header.
    pub before: Vec<u8>,
    /// The checksum.
    pub after: [u8; 16],
}

impl Frame {
    /// The frame of a body; `None` if either is longer than a record can say.
    #[must_use]
    pub fn of(header: &Header, body: &[u8]) -> Option<Self> {
        let header = serde_json::to_vec(header).ok()?;
        let mut before = Vec::with_capacity(8 + header.len());
        before.extend(u32::try_from(header.len()).ok()?.to_le_bytes());
        before.extend(u32::try_from(body.len()).ok()?.to_le_bytes());
        before.extend(header);
        let after = checksum(&before, body);
        Some(Self { before, after })
    }

    /// Bytes of the record without its body.
    #[must_use]
    pub fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// Never: a frame has lengths at least.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

fn checksum(before: &[u8], body: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(body);
    let mut first = [0; 16];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    first
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Journal<'a> {
    /// Its records, in the order in which they came.
    pub records: Vec<(Header, &'a [u8])>,
    /// Records that are no longer what they were.
    pub damaged: u64,
    /// Whether it ends within a record: that one was never answered.
    pub is_torn: bool,
}

/// Reads a file.
#[must_use]
pub fn read(bytes: &[u8]) -> Journal<'_> {
    let mut journal = Journal::default();
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        // Whoever was killed while it made the file had kept nothing in it.
        journal.is_torn = MAGIC.starts_with(bytes);
        journal.damaged = u64::from(!journal.is_torn);
        return journal;
    };
    while !rest.is_empty() {
        let Some((record, after)) = split(rest) else {
            journal.is_torn = true;
            break;
        };
        match record {
            Some(record) => journal.records.push(record),
            None => journal.damaged += 1,
        }
        rest = after;
    }
    journal
}

type Split<'a> = (Option<(Header, &'a [u8])>, &'a [u8]);

/// The first record, if it is what was written, and what stands behind it; `None` if it is not all there.
fn split(bytes: &[u8]) -> Option<Split<'_>> {
    let length = |at: usize| -> Option<usize> {
        let digits = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(digits)).ok()
    };
    let (header, body) = (length(0)?, length(4)?);
    let whole = header.checked_add(body)?.checked_add(FRAME)?;
    let (record, rest) = bytes.split_at_checked(whole)?;
    let (before, after) = record.split_at(8 + header);
    let (body, sum) = after.split_at(body);
    let header = serde_json::from_slice(&before[8..]).ok().filter(|_| checksum(before, body) == sum);
    Some((header.map(|header| (header, body)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bodies: &[&[u8]]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (number, body) in bodies.iter().enumerate() {
            let header = Header { door: "sentry".to_owned(), project: number.to_string(), ..Header::default() };
            let frame = Frame::of(&header, body).unwrap();
            bytes.extend(&frame.before);
            bytes.extend(*body);
            bytes.extend(&frame.after);
        }
        bytes
    }

    #[test]
    fn wherever_a_file_is_cut_the_records_before_the_cut_are_read() {
        let bodies: [&[u8]; 3] = [b"one", b"", &[0xff; 300]];
        let whole = file(&bodies);
        let ends: Vec<usize> = (0..=3).map(|count| file(&bodies[..count]).len()).collect();
        for cut in 0..=whole.len() {
            let journal = read(&whole[..cut]);
            let records = ends.iter().skip(1).filter(|&&end| end <= cut).count();
            assert_eq!((journal.records.len(), journal.damaged), (records, 0), "cut at {cut}");
            assert_eq!(journal.is_torn, !ends.contains(&cut), "cut at {cut}");
            for (number, (header, body)) in journal.records.iter().enumerate() {
                assert_eq!((header.project.as_str(), *body), (number.to_string().as_str(), bodies[number]));
            }
        }
    }

    #[test]
    fn a_record_that_is_not_what_it_was_costs_only_itself() {
        let whole = file(&[b"one", b"two", b"three"]);
        let at = whole.windows(3).position(|part| part == b"two").unwrap();
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let journal = read(&changed);
        assert_eq!((journal.records.len(), journal.damaged, journal.is_torn), (2, 1, false));
        // Another file is none of ours.
        assert_eq!(read(b"something else").damaged, 1);
        // Lengths that lead beyond the end read nothing.
        let mut long = whole;
        long[MAGIC.len() + 4..MAGIC.len() + 8].copy_from_slice(&[0xff; 4]);
        assert!(read(&long).is_torn);
    }
}
