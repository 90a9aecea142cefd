//! Signatures over statements as DSSE describes them (v1): over the type and the exact bytes, never over what a parser made of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::note::{Public, Signer};

/// The type of what is signed: an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Signature {
    /// The public key, `NAME+HASH` of it: a hint where to look for it, and no proof.
    pub keyid: String,
    /// The 64 bytes in base64.
    pub sig: String,
}

/// What is signed in place of a payload: its type and itself, each behind its length (DSSE's PAE).
#[must_use]
pub fn encoding(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// How a key is named in signatures.
#[must_use]
pub fn keyid(key: &Public) -> String {
    // The key's own base64 may hold a `+`, its name cannot.
    key.to_string().splitn(3, '+').take(2).collect::<Vec<_>>().join("+")
}

/// Signs a statement's bytes.
#[must_use]
pub fn sign(signer: &Signer, payload: &[u8]) -> Signature {
    Signature { keyid: keyid(&signer.public()), sig: STANDARD.encode(signer.sign(&encoding(payload))) }
}

/// Whether a signature is this key's over a statement's bytes.
#[must_use]
pub fn checks(key: &Public, payload: &[u8], signature: &Signature) -> bool {
    STANDARD.decode(&signature.sig).is_ok_and(|bytes| key.checks(&encoding(payload), &bytes))
}

/// The compact envelope of a statement: what other people's tools read, and a leaf of the log.
#[must_use]
pub fn envelope(payload: &[u8], signatures: &[Signature]) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope<'a> {
        payload: String,
        payload_type: &'a str,
        signatures: &'a [Signature],
    }
    let envelope = Envelope { payload: STANDARD.encode(payload), payload_type: PAYLOAD_TYPE, signatures };
    serde_json::to_string(&envelope).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_the_type_and_the_bytes() {
        assert_eq!(encoding(b"hello"), b"DSSEv1 28 application/vnd.in-toto+json 5 hello");
        let signer = Signer::new("ci", [1; 32]).unwrap();
        let signature = sign(&signer, b"hello");
        assert!(checks(&signer.public(), b"hello", &signature));
        assert!(!checks(&signer.public(), b"hellO", &signature));
        assert!(!checks(&Signer::new("ci", [2; 32]).unwrap().public(), b"hello", &signature));
        assert!(!checks(&signer.public(), b"hello", &Signature { sig: "?".to_owned(), ..signature.clone() }));
        assert!(signature.keyid.starts_with("ci+") && signature.keyid.len() == 11, "{}", signature.keyid);
        for seed in 0..64 {
            let name = keyid(&Signer::new("ci", [seed; 32]).unwrap().public());
            assert!(name.starts_with("ci+") && name.len() == 11, "{name}");
        }
        let told = envelope(b"hello", &[signature]);
        assert!(told.starts_with("{\"payload\":\"aGVsbG8=\",\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[{\"keyid\":\"ci+"), "{told}");
    }
}
