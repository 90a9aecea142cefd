//! `keys_v1`: which keys may sign what in the log, and from which size of it on. Records in the log say so; `keys.json` only repeats them.

use serde::{Deserialize, Serialize};

use super::dsse::{self, Signature};
use super::note::Public;

/// What a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Checkpoints, records of the log itself, and what was unsigned and replayed.
    Sealer,
    /// Changes and decisions.
    Writer,
    /// Approvals.
    Approver,
}

/// A key, and the sizes of the log between which it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// What it may sign.
    pub role: Role,
    /// The key as Go's `note` package writes it.
    pub vkey: String,
    /// The index of the first record that it may sign.
    pub from_size: u64,
    /// The index of the first record that it may sign no more.
    pub until_size: Option<u64>,
    /// From this index on nothing that it signed is to be believed.
    pub distrust_from_size: Option<u64>,
}

#[derive(Serialize)]
struct File<'a> {
    v: u32,
    format: &'a str,
    keys: &'a [Span],
}

/// The keys of a log, in the order in which its records name them.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    spans: Vec<Span>,
    publics: Vec<Public>,
}

impl Keys {
    /// From what was told of them; none if one is no key.
    #[must_use]
    pub fn from_spans(spans: Vec<Span>) -> Option<Self> {
        let publics: Result<Vec<Public>, String> = spans.iter().map(|span| Public::parse(&span.vkey)).collect();
        Some(Self { publics: publics.ok()?, spans })
    }

    /// The keys, each with where it counts.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// A key counts from this index on.
    ///
    /// # Errors
    /// It is no key, or it counts already.
    pub fn add(&mut self, role: Role, vkey: &str, at: u64) -> Result<(), String> {
        let public = Public::parse(vkey)?;
        if self.counts(role, vkey, at) {
            return Err(format!("the key {} counts already", dsse::keyid(&public)));
        }
        let span = Span { role, vkey: vkey.to_owned(), from_size: at, until_size: None, distrust_from_size: None };
        self.spans.push(span);
        self.publics.push(public);
        Ok(())
    }

    /// A key counts no more from this index on; what it signed from `distrust` on is not to be believed.
    ///
    /// # Errors
    /// It does not count.
    pub fn end(&mut self, role: Role, vkey: &str, at: u64, distrust: Option<u64>) -> Result<(), String> {
        let open = |span: &&mut Span| span.role == role && span.vkey == vkey && span.until_size.is_none();
        let span = self.spans.iter_mut().find(open).ok_or("it ends a key that does not count")?;
        (span.until_size, span.distrust_from_size) = (Some(at), distrust);
        Ok(())
    }

    /// Whether a key counts for the record of this index.
    #[must_use]
    pub fn counts(&self, role: Role, vkey: &str, at: u64) -> bool {
        self.spans.iter().any(|span| span.vkey == vkey && span.is_good(role, at))
    }

    /// The keys of a role that count for the record of this index.
    pub fn of(&self, role: Role, at: u64) -> impl Iterator<Item = &Public> {
        self.all().filter(move |(span, _)| span.is_good(role, at)).map(|(_, key)| key)
    }

    /// Every key that ever was.
    pub fn all(&self) -> impl Iterator<Item = (&Span, &Public)> {
        self.spans.iter().zip(&self.publics)
    }

    /// Whether one of the signatures is good, of a key that may sign such a statement at this index.
    #[must_use]
    pub fn signed(&self, roles: &[Role], at: u64, statement: &[u8], signatures: &[Signature]) -> bool {
        signatures.iter().any(|signature| {
            let mut keys = roles.iter().flat_map(|role| self.of(*role, at));
            keys.any(|key| dsse::keyid(key) == signature.keyid && dsse::checks(key, statement, signature))
        })
    }

    /// The text of `keys.json` when the log had this size.
    #[must_use]
    pub fn text(&self, size: u64) -> String {
        let before = |at: &Option<u64>| at.filter(|at| *at < size);
        let known = self.spans.iter().filter(|span| span.from_size < size);
        let keys: Vec<Span> = known
            .map(|span| Span {
                until_size: before(&span.until_size),
                distrust_from_size: before(&span.until_size).and(span.distrust_from_size),
                ..span.clone()
            })
            .collect();
        let file = File { v: 1, format: "keys_v1", keys: &keys };
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }
}

impl Span {
    fn is_good(&self, role: Role, at: u64) -> bool {
        self.role == role && self.from_size <= at && self.until_size.is_none_or(|until| at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::note::Signer;

    #[test]
    fn a_key_counts_from_its_record_to_the_one_that_ends_it() {
        let signer = Signer::new("ci", [1; 32]).unwrap();
        let (vkey, mut keys) = (signer.public().to_string(), Keys::default());
        keys.add(Role::Writer, &vkey, 3).unwrap();
        assert!(keys.add(Role::Writer, &vkey, 4).is_err() && keys.add(Role::Writer, "x", 4).is_err());
        let signature = [dsse::sign(&signer, b"s")];
        let good = |keys: &Keys, roles: &[Role], at| keys.signed(roles, at, b"s", &signature);
        assert!(!good(&keys, &[Role::Writer], 2) && good(&keys, &[Role::Sealer, Role::Writer], 3));
        assert!(!good(&keys, &[Role::Sealer], 3) && !keys.signed(&[Role::Writer], 3, b"t", &signature));
        let before = keys.text(9);
        keys.end(Role::Writer, &vkey, 9, None).unwrap();
        assert!(keys.end(Role::Writer, &vkey, 9, None).is_err());
        assert!(good(&keys, &[Role::Writer], 8) && !good(&keys, &[Role::Writer], 9));
        // What it was is still told.
        assert_eq!(keys.text(9), before);
        assert!(keys.text(10).contains("\"untilSize\": 9") && !keys.text(3).contains("vkey"));
        keys.add(Role::Writer, &vkey, 12).unwrap();
        assert!(good(&keys, &[Role::Writer], 12));
    }
}
