//! Shards: whose a test is, as every shard says alike. The same in `src/model/shard.rs`, which says why.

use std::collections::BTreeMap;

/// The shard that this run is, of several.
#[derive(Debug)]
pub(crate) struct Shard {
    index: u32,
    of: u32,
    /// Whose a test is, without its parameters; others are shared out by name.
    pub(crate) owners: BTreeMap<String, u32>,
}

impl Shard {
    pub(crate) fn read(index: &str, of: &str) -> Option<Self> {
        let (index, of) = (index.parse().ok()?, of.parse().ok()?);
        Some(Self { index, of, owners: BTreeMap::new() })
    }

    /// Whether no other shard runs a test (no name: all of the unit).
    pub(crate) fn is_own(&self, unit: &str, name: &str) -> bool {
        let test = if name.is_empty() { format!("cargo::{unit}") } else { format!("cargo::{unit}::{name}") };
        let own = without_parameters(&test);
        let owner = self.owners.get(own).copied().filter(|owner| *owner > 0);
        owner.unwrap_or_else(|| by_name(own, self.of)) == self.index
    }
}

fn without_parameters(test: &str) -> &str {
    let Some((at, _)) = test.match_indices("::").nth(1) else { return test };
    let own = &test[at..];
    let end = own.find('[').unwrap_or_else(|| match own.rsplit_once('#') {
        Some((before, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            before.len()
        }
        _ => own.len(),
    });
    &test[..at + end]
}

fn by_name(unit: &str, of: u32) -> u32 {
    let crc = !unit.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    });
    let hash = (crc ^ (crc >> 16)).wrapping_mul(0x85eb_ca6b);
    let hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)) % of.max(1) + 1
}
