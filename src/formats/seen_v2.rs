//! `seen_v2`: what a log was when it was last checked, so that the next check costs what is new. It lies in the cache and can always be made again.

use serde::{Deserialize, Serialize};

use super::keys_v1::{Keys, Span};
use super::merkle::{Edge, Hash};

const MAGIC: &[u8] = b"titer-seen-2\n";

/// A log that was checked, up to one of its seals.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    size: u64,
    peaks: Vec<Hash>,
    spans: Vec<Span>,
    /// Of each test, by a short name, its last record, and the one that trees have in its place.
    pub heads: Vec<([u8; 16], Hash, Option<Hash>)>,
    /// Short names of records of no test, with their indexes.
    pub others: Vec<([u8; 16], u64)>,
    /// The roots at all of its seals.
    pub roots: Vec<(u64, Hash)>,
}

impl Seen {
    /// Of a log with this edge and these keys.
    #[must_use]
    pub fn new(edge: &Edge, keys: &Keys) -> Self {
        Self { size: edge.size(), peaks: edge.peaks().to_vec(), spans: keys.spans().to_vec(), ..Self::default() }
    }

    /// The right edge of its tree; none if it is none.
    #[must_use]
    pub fn edge(&self) -> Option<Edge> {
        Edge::of(self.size, self.peaks.clone())
    }

    /// Its keys; none if one is no key.
    #[must_use]
    pub fn keys(&self) -> Option<Keys> {
        Keys::from_spans(self.spans.clone())
    }

    /// The bytes of the file.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        [MAGIC, &postcard::to_allocvec(self).unwrap_or_default()].concat()
    }

    /// Reads a file; none if it is of another version, or damaged.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes.strip_prefix(MAGIC)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::keys_v1::Role;
    use crate::formats::note::Signer;

    #[test]
    fn what_was_seen_survives_being_written_and_read() {
        let (mut edge, mut keys) = (Edge::default(), Keys::default());
        for at in 0..11 {
            edge.push([at; 32]);
        }
        keys.add(Role::Writer, &Signer::new("ci", [1; 32]).unwrap().public().to_string(), 3).unwrap();
        let mut seen = Seen::new(&edge, &keys);
        (seen.heads, seen.roots) = (vec![([1; 16], [2; 32], Some([3; 32]))], vec![(11, edge.root())]);
        let read = Seen::read(&seen.write()).unwrap();
        assert_eq!(read, seen);
        assert_eq!((read.edge(), read.keys().unwrap().spans()), (Some(edge), keys.spans()));
        assert_eq!(Seen::read(&seen.write()[1..]), None);
        assert_eq!(Seen { size: 12, ..seen }.edge(), None);
    }
}
