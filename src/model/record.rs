//! The name of a record: the SHA-256 of its statement's bytes.

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
