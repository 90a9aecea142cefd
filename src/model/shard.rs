//! Shards of one CI run: which of them a test belongs to, as all of them say alike.
//!
//! Shards do not talk to each other, and what they know may differ: one has an older map, one has none. So whose a test is must not
//! depend on what a shard knows. It is what a list says that all of them were given, and by the test's name where the list is silent.

use std::collections::BTreeMap;
use std::fmt;

use super::digest::Digest;

/// More shards than that are a slip of the hand.
pub const MOST: u32 = 10_000;

/// One of several shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    /// Which one, from 1.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl Shard {
    /// Reads `2/4`.
    ///
    /// # Errors
    /// It is no shard; the sentence says how one is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "not a shard, which is written 2/4: the second of four".to_owned();
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u32>().ok().filter(|_| digits)
        };
        let (index, of) = (number(index).ok_or_else(wrong)?, number(of).ok_or_else(wrong)?);
        if of == 0 || of > MOST {
            return Err(format!("there are between 1 and {MOST} shards"));
        }
        if index == 0 || index > of {
            return Err(format!("shards are counted from 1 to {of}"));
        }
        Ok(Self { index, of })
    }
}

/// What one shard takes on of all tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The shard.
    pub shard: Shard,
    /// Whose a unit is (by its [`unit()`], from 1), as the list says that all shards were given; empty without one.
    pub owners: BTreeMap<String, u32>,
    /// The list's digest: shards that were given different lists do not fit together. `None` without a list.
    pub list: Option<Digest>,
    /// Whether the runner shares out by itself, so that no decision says what is whose.
    pub by_runner: bool,
}

impl Share {
    /// Whose a test is, from 1.
    #[must_use]
    pub fn owner(&self, test: &str, by_file: bool) -> u32 {
        let unit = unit(test, by_file);
        self.owners.get(unit).copied().unwrap_or_else(|| by_name(unit, self.shard.of))
    }

    /// Whether a test is this shard's own.
    #[must_use]
    pub fn is_own(&self, test: &str, by_file: bool) -> bool {
        self.owner(test, by_file) == self.shard.index
    }
}

/// What is given to a shard as one: a test with all of its parameters, or its file (`jest::test/a.test.js`) where the runner leaves out
/// whole files.
///
/// Parameters do not count, nor which of several of one name it is: they may be others in every collection (`test_a[0x7f3a]`, a few
/// cases drawn at random), and shards that call one test by two names would each leave it to the other.
#[must_use]
pub fn unit(test: &str, by_file: bool) -> &str {
    let Some((file, _)) = test.match_indices("::").nth(1) else { return test };
    if by_file {
        return &test[..file];
    }
    let own = &test[file..];
    let end = own.find('[').unwrap_or_else(|| match own.rsplit_once('#') {
        Some((before, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            before.len()
        }
        _ => own.len(),
    });
    &test[..file + end]
}

/// Whose a unit is by its name alone, from 1.
///
/// CRC-32 (IEEE 802.3), then the last step of `MurmurHash3`, which spreads names that differ in one letter; Python, JavaScript and
/// the program between cargo and test programs work out the same (`testdata/formats/shard_v1.json`).
#[must_use]
pub fn by_name(unit: &str, of: u32) -> u32 {
    spread(crc(unit.as_bytes())) % of.max(1) + 1
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn spread(mut hash: u32) -> u32 {
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_read_as_it_is_written_and_nothing_else_is() {
        assert_eq!(Shard::parse("2/4"), Ok(Shard { index: 2, of: 4 }));
        assert_eq!(Shard { index: 2, of: 4 }.to_string(), "2/4");
        for wrong in ["0/3", "4/3", "x", "1/0", "/", "1/", "-1/3", "+1/3", "1/2/3", "1 / 2", "1/99999", ""] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tests_have_the_unit_and_the_shard_that_every_language_is_held_to() {
        let vector: serde_json::Value =
            serde_json::from_str(include_str!("../../testdata/formats/shard_v1.json")).unwrap();
        for case in vector.as_array().unwrap() {
            let (test, of) = (case["test"].as_str().unwrap(), u32::try_from(case["of"].as_u64().unwrap()).unwrap());
            let own = unit(test, test.starts_with("jest::"));
            assert_eq!(own, case["unit"].as_str().unwrap());
            assert_eq!(u64::from(by_name(own, of)), case["shard"].as_u64().unwrap(), "{own} of {of}");
        }
    }
}
