//! `variant_v1`: what a test ran under, and its digest, the same in every language of titer.
//!
//! The digest is the first 32 hexadecimal digits of the SHA-256 of the canonical JSON: members sorted by name, no spaces, no
//! escapes that JSON does not ask for. `testdata/formats/variant_v1.json` holds inputs and digests that all languages are held to.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The digest of a `variant_v1` object.
#[must_use]
pub fn digest(inputs: &Value) -> String {
    let hash = Sha256::digest(inputs.to_string().as_bytes());
    hash.iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digests_are_those_that_every_language_is_held_to() {
        let vector: Value = serde_json::from_str(include_str!("../../testdata/formats/variant_v1.json")).unwrap();
        let cases = vector.as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            assert_eq!(digest(&case["inputs"]), case["digest"].as_str().unwrap(), "{}", case["inputs"]);
        }
    }
}
