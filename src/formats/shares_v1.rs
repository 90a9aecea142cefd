//! `shares_v1`: who runs what of several shards, as `titer plan --shards N --json` prints it (member `shards`) and `titer run --shard I/N
//! --shares FILE` reads it.
//!
//! What no shard names is shared out by name, the same in all of them. Readers must accept members that they do not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::digest::Digest;

/// The number of this format.
pub const VERSION: u32 = 1;

/// The shares of one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// [`VERSION`].
    pub v: u32,
    /// How many shards there are.
    pub of: u32,
    /// The commit that was planned for; `None` without git.
    pub commit: Option<String>,
    /// What the longest shard is likely to take, in microseconds.
    pub makespan_us: u64,
    /// The shards, in order.
    pub shares: Vec<OneShare>,
}

/// What one shard is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneShare {
    /// Which one, from 1.
    pub shard: u32,
    /// How many known tests it runs.
    pub tests: u64,
    /// What it is likely to take, in microseconds.
    pub us: u64,
    /// What it runs: tests without their parameters, whole files of jest's (`jest::test/a.test.js`).
    pub units: Vec<String>,
}

impl Shares {
    /// Whose a unit is, from 1.
    #[must_use]
    pub fn owners(&self) -> BTreeMap<String, u32> {
        self.shares.iter().flat_map(|share| share.units.iter().map(|unit| (unit.clone(), share.shard))).collect()
    }

    /// The digest of who runs what.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let owners = self.owners();
        let numbers = owners.values().map(|owner| owner.to_le_bytes()).collect::<Vec<_>>();
        let parts =
            owners.keys().map(String::as_bytes).zip(&numbers).flat_map(|(unit, owner)| [unit, owner.as_slice()]);
        Digest::of_parts([self.of.to_le_bytes().as_slice()].into_iter().chain(parts))
    }
}

/// Reads what `titer plan --shards N --json` printed.
///
/// # Errors
/// It holds no shares, or such as do not give every unit to one of the shards; the sentence says what is wrong.
pub fn read(bytes: &[u8]) -> Result<Shares, String> {
    #[derive(Deserialize)]
    struct Planned {
        shards: Shares,
    }
    let planned: Planned = serde_json::from_slice(bytes).map_err(|error| format!("holds no shares: {error}"))?;
    let shares = planned.shards;
    if shares.v != VERSION {
        return Err(format!("is of version {}, and this titer reads {VERSION}", shares.v));
    }
    let numbers = shares.shares.iter().map(|share| share.shard);
    if !numbers.eq(1..=shares.of) {
        return Err(format!("does not name the shards 1 to {}", shares.of));
    }
    let named: usize = shares.shares.iter().map(|share| share.units.len()).sum();
    if shares.owners().len() != named {
        return Err("gives a test to two shards".to_owned());
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shares_that_fit_together_are_read() {
        let one = |shard, units: &[&str]| OneShare {
            shard,
            tests: 1,
            us: 1,
            units: units.iter().map(|unit| (*unit).to_owned()).collect(),
        };
        let of = |of, shares| Shares { v: VERSION, of, commit: None, makespan_us: 1, shares };
        let reread = |shares: &Shares| read(serde_json::json!({"v": 1, "shards": shares}).to_string().as_bytes());
        let good = of(2, vec![one(1, &["a"]), one(2, &["b"])]);
        assert_eq!(reread(&good).as_ref(), Ok(&good));
        let swapped = of(2, vec![one(1, &["b"]), one(2, &["a"])]);
        assert_ne!(good.digest(), swapped.digest());
        for wrong in [
            of(3, good.shares.clone()),
            of(2, vec![one(2, &["a"]), one(1, &["b"])]),
            of(2, vec![one(1, &["a"]), one(2, &["a"])]),
        ] {
            assert!(reread(&wrong).is_err(), "{wrong:?}");
        }
        assert!(read(b"{\"v\":1}").is_err());
        assert!(read(b"").is_err());
    }
}
