//! What WEEKLY means on a commit: which changes bring a test back. This is the one place where policy goes beyond "unknown means run".

use std::collections::BTreeSet;

use crate::model::edge::EdgeKind;
use crate::model::map::{EdgeRow, FootprintRow, Map, TestRow};
use crate::model::reason::Reason;
use crate::model::suite::Placement;

/// The reason of a test that stays out for where it lives.
#[must_use]
pub(super) fn stayed_out(stay: &Placement) -> Reason {
    if stay.rule == "flaky" { Reason::Quarantined } else { Reason::Weekly }
}

/// Whether a test that lives in WEEKLY runs on this commit. `reason` is the most telling one for which it would run were it in FAST; others may
/// stand behind it, so that `in_doubt` (something changed that no edge speaks for) and what is opaque are asked for by themselves.
///
/// A slow or a quarantined test comes back only for its own file. Any other comes back where one of its narrow edges changed, and where
/// nothing can be said of it; it stays out where only wide edges changed: what was loaded through others, wider fixtures, fingerprints.
#[must_use]
pub(super) fn returns(
    map: &Map,
    holds: &[bool],
    test: &TestRow,
    stay: &Placement,
    (reason, in_doubt): (Reason, bool),
) -> bool {
    let differs = |edge: &u32| !holds.get(*edge as usize).copied().unwrap_or(false);
    let rows = |edges: BTreeSet<u32>| -> Vec<&EdgeRow> {
        edges.iter().filter(|edge| differs(edge)).filter_map(|&edge| map.edges.get(edge as usize)).collect()
    };
    let newest = test.footprints.first();
    if matches!(stay.rule.as_str(), "slow" | "flaky") {
        let file = own_file(test);
        return newest.is_some_and(|it| rows(narrow(map, test, it)).iter().any(|row| map.word(row.path) == file));
    }
    if in_doubt || newest.is_none_or(|it| has_changed(map, it, EdgeKind::Opaque, &differs)) {
        return true;
    }
    match reason {
        // Differences of edges: the narrow ones bring it back.
        Reason::TestChanged
        | Reason::RanChangedCode
        | Reason::ReadChangedFile
        | Reason::ListedChangedDirectory
        | Reason::ProbedPathChanged
        | Reason::LoadedChangedModule => newest.is_none_or(|it| !rows(narrow(map, test, it)).is_empty()),
        // A table of configuration is an edge of everybody's; a change of what builds the code, without one, is unknown.
        Reason::BuildInput | Reason::VariantChanged => newest.is_none_or(|it| {
            !has_changed(map, it, EdgeKind::Fingerprint, &differs) || !rows(narrow(map, test, it)).is_empty()
        }),
        Reason::NewTest
        | Reason::FailedLastTime
        | Reason::UnknownPath
        | Reason::NoMap
        | Reason::Opaque
        | Reason::UnstableId
        | Reason::OrderDependent
        | Reason::GuardsThisPath
        | Reason::Pinned
        | Reason::Probe
        | Reason::Asked
        | Reason::WholeRun
        | Reason::Untouched
        | Reason::Weekly
        | Reason::OverBudget
        | Reason::Quarantined
        | Reason::FilteredByUser
        | Reason::OtherShard
        | Reason::NotReached => true,
    }
}

fn own_file(test: &TestRow) -> &str {
    test.id.split("::").nth(1).unwrap_or_default()
}

fn edges_of(map: &Map, set: u32) -> &[u32] {
    map.sets.get(set as usize).map_or(&[], |set| &set.edges)
}

fn included(map: &Map, set: u32) -> &[u32] {
    map.sets.get(set as usize).map_or(&[], |set| &set.includes)
}

fn reached(map: &Map, starts: impl Iterator<Item = u32>) -> BTreeSet<u32> {
    let mut waiting: Vec<u32> = starts.collect();
    let mut found = BTreeSet::new();
    while let Some(at) = waiting.pop() {
        if found.insert(at) {
            waiting.extend(included(map, at));
        }
    }
    found
}

/// Whether an edge of that kind differs, wherever in the footprint.
fn has_changed(map: &Map, footprint: &FootprintRow, kind: EdgeKind, differs: &dyn Fn(&u32) -> bool) -> bool {
    let sets = reached(map, footprint.sets.iter().chain(&footprint.memory).copied());
    let edges = sets.iter().flat_map(|&set| edges_of(map, set)).filter(|edge| differs(edge));
    edges.filter_map(|&edge| map.edges.get(edge as usize)).any(|row| row.kind == kind)
}

/// The narrow edges of a footprint: what the test did in its own window, its own file, and what that file itself imports.
fn narrow(map: &Map, test: &TestRow, footprint: &FootprintRow) -> BTreeSet<u32> {
    let row = |edge: &u32| map.edges.get(*edge as usize);
    let is_code = |edge: &u32| row(edge).is_some_and(|row| matches!(row.kind, EdgeKind::Loaded | EdgeKind::Ran));
    let file = own_file(test);
    let is_own = |set: &u32| {
        let mut own = edges_of(map, *set).iter().filter(|edge| is_code(edge)).filter_map(row);
        own.any(|row| map.word(row.path) == file)
    };
    let all = reached(map, footprint.sets.iter().copied());
    let mut windows: BTreeSet<u32> = all.iter().copied().filter(is_own).collect();
    windows.extend(footprint.sets.first());
    if footprint.bounded && !map.is_by_function(footprint) {
        // A program is built as a whole: everything that it is built from is its own.
        windows.extend(&all);
    }
    let own = windows.iter().flat_map(|&set| edges_of(map, set)).copied();
    let imported = windows.iter().flat_map(|&set| included(map, set)).flat_map(|&set| edges_of(map, set));
    let mut found: BTreeSet<u32> = own.chain(imported.filter(|edge| is_code(edge)).copied()).collect();
    found.retain(|edge| row(edge).is_some_and(|row| row.kind != EdgeKind::Fingerprint));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::map::SetRow;
    use crate::model::outcome::Outcome;

    /// Words, and edges 0 to 6: the test's own function, a function it ran, its file, what that imports, what this imports, a table, and an opaque
    /// one of its surroundings.
    fn map() -> (Map, TestRow) {
        let words = ["", "t.py", "test_a", "a.py", "f", "b.py", "c.py", "pyproject.toml", "runner"];
        let at = |word: &str| u32::try_from(words.iter().position(|it| *it == word).unwrap()).unwrap();
        let edge = |kind, path: &str, name: &str| EdgeRow { kind, path: at(path), name: at(name), ..blank() };
        let edges = vec![
            edge(EdgeKind::Ran, "t.py", "test_a"),
            edge(EdgeKind::Ran, "a.py", "f"),
            edge(EdgeKind::Loaded, "t.py", ""),
            edge(EdgeKind::Loaded, "b.py", ""),
            edge(EdgeKind::Loaded, "c.py", ""),
            edge(EdgeKind::Fingerprint, "pyproject.toml", "runner"),
            edge(EdgeKind::Opaque, "", ""),
        ];
        let set = |edges: &[u32], includes: &[u32]| SetRow {
            id: crate::model::digest::Digest::default(),
            edges: edges.to_vec(),
            includes: includes.to_vec(),
        };
        let sets = vec![set(&[4], &[]), set(&[3], &[0]), set(&[2], &[1]), set(&[0, 1], &[]), set(&[5, 6], &[2])];
        let map = Map { strings: words.iter().map(|&it| it.to_owned()).collect(), edges, sets, ..Map::default() };
        let footprint = FootprintRow {
            run: "R".to_owned(),
            sets: vec![3, 4],
            memory: None,
            inventory: 0,
            walker: false,
            traced: true,
            bounded: false,
        };
        let test = TestRow {
            id: "pytest::t.py::test_a".to_owned(),
            variant: 0,
            last: Outcome::Passed,
            last_run: "R".to_owned(),
            seconds: 0.0,
            footprints: vec![footprint],
        };
        (map, test)
    }

    fn blank() -> EdgeRow {
        EdgeRow { kind: EdgeKind::Ran, path: 0, name: 0, hash: crate::model::digest::Digest::default() }
    }

    fn comes_back(rule: &str, changed: &[usize], reason: Reason) -> bool {
        with_doubt(rule, changed, reason, false)
    }

    fn with_doubt(rule: &str, changed: &[usize], reason: Reason, in_doubt: bool) -> bool {
        let (map, test) = map();
        let holds: Vec<bool> = (0..map.edges.len()).map(|edge| !changed.contains(&edge)).collect();
        let stay = Placement { rule: rule.to_owned(), ..Placement::default() };
        returns(&map, &holds, &test, &stay, (reason, in_doubt))
    }

    #[test]
    fn a_narrow_change_brings_a_test_back_and_a_wide_one_does_not() {
        for (changed, reason, expected) in [
            (0, Reason::TestChanged, true),
            (1, Reason::RanChangedCode, true),
            (2, Reason::TestChanged, true),
            (3, Reason::LoadedChangedModule, true),
            (4, Reason::LoadedChangedModule, false),
            (5, Reason::BuildInput, false),
            (5, Reason::VariantChanged, false),
        ] {
            assert_eq!(comes_back("quiet", &[changed], reason), expected, "{changed}");
        }
        assert!(comes_back("quiet", &[4, 1], Reason::RanChangedCode));
    }

    #[test]
    fn what_stands_behind_a_more_telling_reason_brings_it_back_too() {
        for reason in [Reason::VariantChanged, Reason::BuildInput, Reason::LoadedChangedModule] {
            assert!(!comes_back("quiet", &[4, 5], reason), "{reason}");
            assert!(comes_back("quiet", &[4, 5, 6], reason), "{reason}");
            assert!(with_doubt("quiet", &[4, 5], reason, true), "{reason}");
        }
    }

    #[test]
    fn what_is_not_known_brings_it_back() {
        for reason in [Reason::UnknownPath, Reason::NoMap, Reason::Opaque, Reason::FailedLastTime, Reason::BuildInput] {
            assert!(comes_back("quiet", &[], reason), "{reason}");
        }
    }

    #[test]
    fn a_slow_or_a_quarantined_test_comes_back_for_its_own_file_only() {
        for rule in ["slow", "flaky"] {
            assert!(comes_back(rule, &[0], Reason::TestChanged));
            assert!(comes_back(rule, &[2], Reason::TestChanged));
            assert!(!comes_back(rule, &[1], Reason::RanChangedCode));
            assert!(!comes_back(rule, &[], Reason::FailedLastTime));
        }
    }
}
