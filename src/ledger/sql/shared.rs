//! Which views are worked out once for all that read them, and which of these a query needs so.

use std::collections::BTreeMap;

use super::VIEWS;

/// Views that evidence reads more than once, each after those that it reads: worked out once, they need not be worked out for every reader.
pub const SHARED: &[&str] = &[
    "footprints",
    "sightings_by_place",
    "code_sets",
    "counted_walks",
    "former_names",
    "path_changes",
    "path_faults",
    "numbered_paths",
    "surroundings",
    "code_history",
    "unwatched_code",
    "own_reach",
    "telling_runs",
    "covering_sets",
    "test_coverages",
    "coverages",
    "mixed_coverages",
    "mixed_reach",
    "mixed_code",
    "coverage_code",
    "coverage_heads",
    "own_code",
    "path_tests",
    "noted_code",
    "flakes",
    "test_history",
    "escapes",
];

/// Those of [`SHARED`] that the engine would work through more than once for a query, each after those that it reads. Any word of the query
/// may name a view: at worst one too many is worked out.
pub(in crate::ledger) fn held_for(query: &str, is_held: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut ways: BTreeMap<String, usize> = BTreeMap::new();
    for word in query.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        *ways.entry(word.to_ascii_lowercase()).or_default() += 1;
    }
    let mut held = Vec::new();
    for view in VIEWS.iter().rev().filter(|view| !is_held(view.name)) {
        let mut count = ways.get(view.name).copied().unwrap_or_default();
        if count > 1 && SHARED.contains(&view.name) {
            held.push(view.name);
            count = 1;
        }
        for read in view.reads() {
            let led = ways.entry(read.to_owned()).or_default();
            *led = led.saturating_add(count);
        }
    }
    held.reverse();
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worked_out_once_is_a_view_and_stands_after_what_it_reads() {
        for (at, name) in SHARED.iter().enumerate() {
            let view = VIEWS.iter().find(|view| view.name == *name).unwrap_or_else(|| panic!("{name} is no view"));
            for read in view.reads() {
                assert!(!SHARED[at..].contains(&read), "{name} is worked out before {read}, which it reads");
            }
        }
    }

    #[test]
    fn only_what_would_be_worked_through_twice_is_worked_out_before() {
        let none = |_: &str| false;
        assert_eq!(held_for("SELECT * FROM runs", none), [""; 0]);
        assert_eq!(held_for("SELECT * FROM path_faults", none), [""; 0]);
        assert_eq!(held_for("FROM path_faults JOIN Path_Faults AS other USING (path)", none), ["path_faults"]);
        let history = ["counted_walks", "sightings_by_place", "path_changes", "path_faults", "numbered_paths"];
        assert_eq!(held_for("FROM code_history", none), history);
        let known = ["path_changes", "path_faults"];
        assert_eq!(
            held_for("FROM code_history", |name| known.contains(&name)),
            ["sightings_by_place", "numbered_paths"]
        );
        let held = held_for("SELECT * FROM test_evidence", none);
        assert!(held.is_sorted_by_key(|name| VIEWS.iter().position(|view| view.name == *name)), "{held:?}");
        assert!(held.contains(&"code_history") && held.contains(&"test_history"), "{held:?}");
    }
}
