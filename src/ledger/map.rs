//! The map on disk: the newest snapshot and the log entries after it.

use crate::formats::snapshot_v1;
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::map::Map;
use crate::model::shape::Shape;

use super::facts::{self, Read};
use super::fold::fold;
use super::store::Store;

/// Older snapshots are kept for whoever is reading them.
const KEPT_SNAPSHOTS: usize = 3;

/// A map, and what was wrong with what it was read from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// The map; empty where there is none.
    pub map: Map,
    /// One sentence, if there should have been a snapshot and it could not be used. The map is then folded anew from the facts,
    /// but whoever damaged the one may have damaged the others: nothing is left out on its word before the next snapshot.
    pub warning: Option<String>,
}

fn snapshot_name(position: u64) -> String {
    format!("snapshots/{position:020}.bin")
}

/// Reads the newest usable snapshot and folds what came after it.
///
/// # Errors
/// The ledger cannot be read.
pub fn load(store: &Store) -> Result<Loaded, Failure> {
    let mut loaded = Loaded::default();
    for name in store.list("snapshots")?.into_iter().rev() {
        let Some(bytes) = store.get(&name)? else { continue };
        match snapshot_v1::read(&bytes) {
            Ok(map) => {
                loaded.map = map;
                break;
            }
            Err(error) => {
                let file = format!("{}/{name}", store.folder().display());
                loaded.warning = Some(format!("the snapshot {file} is not used: {error}"));
            }
        }
    }
    let had_snapshot = loaded.map.position > 0;
    catch_up(store, &mut loaded.map)?;
    // What was only learned, from history or production, makes no map.
    let has_facts = !loaded.map.tests.is_empty() || !loaded.map.variants.is_empty();
    if !had_snapshot && has_facts && loaded.warning.is_none() {
        loaded.warning = Some(format!("the ledger {} has no snapshot", store.folder().display()));
    }
    Ok(loaded)
}

/// Folds the facts that were just written at `position`, and before them what others wrote meanwhile.
///
/// # Errors
/// The ledger cannot be read.
pub fn catch_up_with(store: &Store, map: &mut Map, position: u64, read: &Read) -> Result<(), Failure> {
    if map.position + 1 == position {
        *map = fold(std::mem::take(map), read);
        map.position = position;
    }
    catch_up(store, map)
}

/// Folds the log entries that the map has not seen.
///
/// # Errors
/// The ledger cannot be read.
pub fn catch_up(store: &Store, map: &mut Map) -> Result<(), Failure> {
    while let Some(read) = facts::read(store, map.position + 1)? {
        let position = map.position + 1;
        if read.removed {
            // What the snapshot was made of is gone: start again from what is there.
            *map = Map::default();
        }
        *map = fold(std::mem::take(map), &read);
        map.position = position;
    }
    Ok(())
}

/// Adds shapes of source files, so that the next plan parses only what changed.
pub fn remember_shapes(map: &mut Map, shapes: impl IntoIterator<Item = (Digest, Shape)>) {
    map.shapes.extend(shapes);
    map.shapes.sort_by_key(|(content, _)| *content);
    map.shapes.dedup_by_key(|(content, _)| *content);
    let needed: std::collections::BTreeSet<Digest> =
        map.inventories.iter().flat_map(|row| row.entries.iter().map(|(_, entry)| entry.content)).collect();
    map.shapes.retain(|(content, _)| needed.contains(content));
}

/// Writes the map as the snapshot of its position, and forgets older ones.
///
/// # Errors
/// The snapshot cannot be written.
pub fn save(store: &Store, map: &Map) -> Result<(), Failure> {
    store.replace(&snapshot_name(map.position), snapshot_v1::write(map))?;
    let mut names = store.list("snapshots")?;
    names.truncate(names.len().saturating_sub(KEPT_SNAPSHOTS));
    for name in names {
        store.remove(&name);
    }
    Ok(())
}
