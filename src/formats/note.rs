//! Signed notes as C2SP describes them (`signed-note`): lines of text, an empty line, and one line a signature. Keys are those of Ed25519.
//!
//! A public key is `NAME+HASH+BASE64`, a private one `PRIVATE+KEY+NAME+HASH+BASE64`, as Go's `note` package writes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// The algorithm's byte before the key's.
const ED25519: u8 = 1;
const PRIVATE: &str = "PRIVATE+KEY+";

/// A key that signs.
#[derive(Clone)]
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("public", &self.public().to_string()).finish_non_exhaustive()
    }
}

/// A key that checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    name: String,
    key: VerifyingKey,
}

impl Signer {
    /// From 32 random bytes.
    ///
    /// # Errors
    /// The name is none: it is empty, or holds a space or a `+`.
    pub fn new(name: &str, seed: [u8; 32]) -> Result<Self, String> {
        is_name(name)
            .then(|| Self { name: name.to_owned(), key: SigningKey::from_bytes(&seed) })
            .ok_or_else(|| format!("\"{name}\" is no name of a key: it must not be empty nor hold a space or a +"))
    }

    /// Reads a private key.
    ///
    /// # Errors
    /// It is none; the sentence does not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "it is no private key, which begins with PRIVATE+KEY+".to_owned();
        let rest = text.trim().strip_prefix(PRIVATE).ok_or_else(wrong)?;
        let (name, seed) = parts(rest).ok_or_else(wrong)?;
        let hash = rest.split('+').nth(1).unwrap_or_default().to_owned();
        let signer = Self::new(&name, seed).map_err(|_| wrong())?;
        if signer.public().hash() == hash { Ok(signer) } else { Err("the private key is damaged".to_owned()) }
    }

    /// The text of the private key.
    #[must_use]
    pub fn secret(&self) -> String {
        format!("{PRIVATE}{}", text(&self.name, &self.public().hash(), self.key.as_bytes()))
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn public(&self) -> Public {
        Public { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The 64 bytes of a signature.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }

    /// A note of these lines, which end with one.
    #[must_use]
    pub fn note(&self, lines: &str) -> String {
        format!("{lines}\n{}", self.line(lines))
    }

    /// The line of a signature below these lines.
    #[must_use]
    pub fn line(&self, lines: &str) -> String {
        let public = self.public();
        let bytes = [&public.id()[..], &self.sign(lines.as_bytes())].concat();
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }
}

impl Public {
    /// Reads a public key.
    ///
    /// # Errors
    /// It is none, or its hash is not its own.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{}\" is no public key, which is written NAME+HASH+BASE64", text.trim());
        let (name, bytes) = parts(text.trim()).ok_or_else(wrong)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| wrong())?;
        let public = Self { name, key };
        if public.to_string() == text.trim() { Ok(public) } else { Err(wrong()) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands before every signature in a note: four bytes of a hash over name and key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let hash =
            Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519]).chain_update(self.key.as_bytes());
        let hash = hash.finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Whether a line of the note says to be this key's signature, good or not.
    #[must_use]
    pub fn signed_in(&self, note: &str) -> bool {
        let ours = |line: &str| {
            let text = line.strip_prefix("\u{2014} ")?.strip_prefix(&self.name)?.strip_prefix(' ')?;
            Some(STANDARD.decode(text).ok()?.starts_with(&self.id()))
        };
        note.lines().any(|line| ours(line) == Some(true))
    }

    fn hash(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.id()))
    }

    /// The key as `openssl` reads it: a `SubjectPublicKeyInfo` (RFC 8410).
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        [&head[..], self.key.as_bytes()].concat()
    }

    /// Whether the signature is this key's over these bytes.
    #[must_use]
    pub fn checks(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.key.verify_strict(bytes, &signature).is_ok())
    }

    /// The lines of a note that this key has signed.
    ///
    /// # Errors
    /// It is no note, or has no good signature of this key.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, String> {
        let at = note.rfind("\n\n").ok_or("it is no signed note: no empty line stands before the signatures")? + 1;
        let (lines, signatures) = (&note[..at], &note[at + 1..]);
        if lines.chars().any(|letter| letter.is_control() && letter != '\n') {
            return Err("it holds a control character".to_owned());
        }
        let body = signatures.strip_suffix('\n').ok_or("its last line does not end")?;
        let mut is_ours = false;
        for line in body.split('\n') {
            let read = line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' '));
            let (name, bytes) = read.ok_or("a line below the text is no signature")?;
            let bytes = STANDARD.decode(bytes).map_err(|_| "a signature is not base64".to_owned())?;
            let (id, signature) = bytes.split_at_checked(4).ok_or("a signature is too short")?;
            if name == self.name && id == self.id() {
                if !self.checks(lines.as_bytes(), signature) {
                    return Err(format!("the signature of {name} is not over this text"));
                }
                is_ours = true;
            }
        }
        if is_ours { Ok(lines) } else { Err(format!("{} has not signed it", self.name)) }
    }
}

impl std::fmt::Display for Public {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&text(&self.name, &self.hash(), self.key.as_bytes()))
    }
}

fn text(name: &str, hash: &str, key: &[u8; 32]) -> String {
    format!("{name}+{hash}+{}", STANDARD.encode([&[ED25519][..], key].concat()))
}

/// Name and key of `NAME+HASH+BASE64`.
fn parts(text: &str) -> Option<(String, [u8; 32])> {
    let (name, rest) = text.split_once('+')?;
    let (_, key) = rest.split_once('+')?;
    let bytes = STANDARD.decode(key).ok()?;
    let (kind, key) = bytes.split_first()?;
    (is_name(name) && *kind == ED25519).then_some((name.to_owned(), key.try_into().ok()?))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '+')
}

#[cfg(test)]
mod tests {
    use super::*;
    use signed_note::{Note, Signer as _, StandardSigner, StandardVerifier, VerifierList};

    fn signer() -> Signer {
        Signer::new("example.org/shop/suite-log", [7; 32]).unwrap()
    }

    const TEXT: &str = "example.org/shop/suite-log\n4\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

    #[test]
    fn another_implementation_accepts_our_note_and_we_accept_its() {
        let note = signer().note(TEXT);
        let verifier = StandardVerifier::new(&signer().public().to_string()).unwrap();
        let theirs = Note::from_bytes(note.as_bytes()).unwrap();
        let (good, _) = theirs.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
        assert_eq!(good.len(), 1);
        let their = StandardSigner::new(&signer().secret()).unwrap();
        assert_eq!(
            (their.name(), their.key_id()),
            (signer().public().name(), u32::from_be_bytes(signer().public().id()))
        );
        let mut theirs = Note::new(TEXT.as_bytes(), &[]).unwrap();
        theirs.add_sigs(&[&their]).unwrap();
        assert_eq!(theirs.to_bytes(), note.as_bytes());
        assert_eq!(signer().public().open(&note), Ok(TEXT));
    }

    #[test]
    fn a_note_that_was_touched_is_refused() {
        let (note, public) = (signer().note(TEXT), signer().public());
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(text) = String::from_utf8(bytes) {
                assert!(public.open(&text).is_err(), "the byte {at}: {text}");
            }
            if note.is_char_boundary(at) {
                assert!(public.open(&note[..at]).is_err(), "cut at {at}");
            }
        }
        let other = Signer::new("example.org/shop/suite-log", [8; 32]).unwrap();
        assert!(public.open(&other.note(TEXT)).is_err());
        // A second signature, of a key that we do not know, is no harm.
        assert_eq!(public.open(&format!("{note}{}", other.line(TEXT))), Ok(TEXT));
    }

    #[test]
    fn keys_survive_being_written_and_read() {
        let read = Signer::parse(&format!("{}\n", signer().secret())).unwrap();
        assert_eq!(read.public(), signer().public());
        assert_eq!(Public::parse(&signer().public().to_string()), Ok(signer().public()));
        for wrong in ["", "PRIVATE+KEY+", "PRIVATE+KEY+a+00000000+AQ==", &signer().public().to_string()] {
            assert!(Signer::parse(wrong).is_err(), "{wrong}");
        }
        let damaged = signer().secret().replace("+suite", "+sweet").replacen("shop", "chop", 1);
        assert!(Signer::parse(&damaged).is_err_and(|why| !why.contains(&damaged)));
        assert!(Signer::new("two words", [0; 32]).is_err());
        assert!(!format!("{:?}", signer()).contains("PRIVATE"));
    }
}
