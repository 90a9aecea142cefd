//! The name of a record, which is the SHA-256 of its statement's bytes, and the last record of a test.

use std::fmt;

/// The name of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId(pub [u8; 32]);

impl RecordId {
    /// From 64 small hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        bytes.filter(|_| rest.is_empty()).and_then(|bytes| bytes.try_into().ok()).map(Self)
    }

    /// The first digits, enough for people to tell records apart.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The last sealed record of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    /// Its name.
    pub id: RecordId,
    /// What a record in a tree follows that knows nothing of it: itself, but for one that took others back, which no tree has: then the record
    /// that it went back to, if there is one.
    pub stands_for: Option<RecordId>,
}

impl Head {
    /// Of a record that trees have.
    #[must_use]
    pub fn of(id: RecordId) -> Self {
        Self { id, stands_for: Some(id) }
    }

    /// Whether a record with this predecessor follows it.
    #[must_use]
    pub fn is_before(&self, prev: Option<RecordId>) -> bool {
        prev == Some(self.id) || prev == self.stands_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        let text = "00ff".repeat(16);
        let id = RecordId::parse(&text).unwrap();
        assert_eq!((id.to_string(), id.short()), (text.clone(), "00ff00ff00ff".to_owned()));
        for wrong in [&text[..62], &text.to_uppercase(), &format!("{text}00"), &format!("{}g", &text[1..]), ""] {
            assert_eq!(RecordId::parse(wrong), None, "{wrong}");
        }
    }
}
