//! Sweeping a map: rows that nothing points at any more are dropped, the rest is numbered anew.

use crate::model::map::Map;

/// The same map without what nothing needs, tests in the order of their ids.
#[must_use]
pub fn sweep(mut map: Map) -> Map {
    map.tests.sort_by(|a, b| (&a.id, a.variant).cmp(&(&b.id, b.variant)));
    sweep_inventories(&mut map);
    sweep_sets(&mut map);
    sweep_edges(&mut map);
    sweep_strings(&mut map);
    map
}

/// New numbers for the rows in use, in their old order.
fn renumber(used: &[bool]) -> Vec<u32> {
    let mut next = 0;
    used.iter()
        .map(|&used| {
            let number = next;
            next += u32::from(used);
            number
        })
        .collect()
}

fn keep<T>(rows: &mut Vec<T>, used: &[bool]) {
    let mut at = 0;
    rows.retain(|_| {
        at += 1;
        used[at - 1]
    });
}

fn sweep_inventories(map: &mut Map) {
    let mut used = vec![false; map.inventories.len()];
    let footprints = map.tests.iter().flat_map(|test| &test.footprints).map(|footprint| footprint.inventory);
    for at in footprints.chain(map.launches.iter().map(|launch| launch.inventory)) {
        used[at as usize] = true;
    }
    let numbers = renumber(&used);
    keep(&mut map.inventories, &used);
    for footprint in map.tests.iter_mut().flat_map(|test| &mut test.footprints) {
        footprint.inventory = numbers[footprint.inventory as usize];
    }
    for launch in &mut map.launches {
        launch.inventory = numbers[launch.inventory as usize];
    }
}

fn sweep_sets(map: &mut Map) {
    let mut used = vec![false; map.sets.len()];
    for footprint in map.tests.iter().flat_map(|test| &test.footprints) {
        for &at in footprint.sets.iter().chain(&footprint.memory) {
            used[at as usize] = true;
        }
    }
    // Included sets stand before those that include them, so one walk from the end reaches all.
    for at in (0..map.sets.len()).rev() {
        if used[at] {
            for &included in &map.sets[at].includes {
                used[included as usize] = true;
            }
        }
    }
    let numbers = renumber(&used);
    keep(&mut map.sets, &used);
    let renumbered = |at: &mut u32| *at = numbers[*at as usize];
    for set in &mut map.sets {
        set.includes.iter_mut().for_each(renumbered);
    }
    for footprint in map.tests.iter_mut().flat_map(|test| &mut test.footprints) {
        footprint.sets.iter_mut().chain(&mut footprint.memory).for_each(renumbered);
    }
}

fn sweep_edges(map: &mut Map) {
    let mut used = vec![false; map.edges.len()];
    for &at in map.sets.iter().flat_map(|set| &set.edges) {
        used[at as usize] = true;
    }
    let numbers = renumber(&used);
    keep(&mut map.edges, &used);
    for at in map.sets.iter_mut().flat_map(|set| &mut set.edges) {
        *at = numbers[*at as usize];
    }
}

fn sweep_strings(map: &mut Map) {
    let mut used = vec![false; map.strings.len()];
    for edge in &map.edges {
        used[edge.path as usize] = true;
        used[edge.name as usize] = true;
    }
    for row in &map.inventories {
        for &path in row.entries.iter().map(|(path, _)| path).chain(&row.outputs) {
            used[path as usize] = true;
        }
    }
    let numbers = renumber(&used);
    keep(&mut map.strings, &used);
    let renumbered = |at: &mut u32| *at = numbers[*at as usize];
    for edge in &mut map.edges {
        renumbered(&mut edge.path);
        renumbered(&mut edge.name);
    }
    for row in &mut map.inventories {
        row.entries.iter_mut().for_each(|(path, _)| renumbered(path));
        row.outputs.iter_mut().for_each(renumbered);
    }
}
