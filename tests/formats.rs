//! Formats that leave the program: what is written can be read, what is damaged is refused, and all languages agree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may stop at once; it starts programs and writes files"
)]

mod support;

use std::process::Command;

use proptest::prelude::*;
use titer::formats::{event_v1, segment_v1, snapshot_v1};
use titer::model::digest::Digest;
use titer::model::edge::{Edge, EdgeKind, Target};
use titer::model::footprint::EdgeSet;
use titer::model::map::Map;

fn any_edge() -> impl Strategy<Value = Edge> {
    let kinds =
        prop::sample::select(vec![EdgeKind::Ran, EdgeKind::Loaded, EdgeKind::Read, EdgeKind::Probed, EdgeKind::Opaque]);
    (kinds, any::<String>(), any::<String>(), any::<u128>())
        .prop_map(|(kind, path, name, hash)| Edge { target: Target::new(kind, path, name), hash: Digest(hash) })
}

proptest! {
    #[test]
    fn a_set_of_edges_is_read_as_it_was_written(edges in prop::collection::vec(any_edge(), 0..20)) {
        let set = EdgeSet::new(edges, vec![Digest(1)]);
        let (lines, bad): (Vec<segment_v1::EdgeLine>, u64) = segment_v1::decode(&segment_v1::encode(&segment_v1::set_lines(&set)));
        let read: Vec<Edge> = lines.iter().filter_map(segment_v1::edge_of).collect();
        prop_assert_eq!((bad, read), (0, set.edges));
    }

    #[test]
    fn the_order_in_which_edges_came_does_not_matter(mut edges in prop::collection::vec(any_edge(), 0..10)) {
        let forwards = EdgeSet::new(edges.clone(), Vec::new());
        edges.reverse();
        prop_assert_eq!(forwards, EdgeSet::new(edges, Vec::new()));
    }

    #[test]
    fn a_snapshot_with_one_byte_changed_is_refused(strings in prop::collection::vec(any::<String>(), 0..8), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let map = Map { strings, position: 3, ..Map::default() };
        let mut bytes = snapshot_v1::write(&map);
        prop_assert_eq!(snapshot_v1::read(&bytes), Ok(map.clone()));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // The header's own position and length say nothing that the body does not say again.
        let told_twice = (12..28).contains(&at);
        prop_assert!(told_twice || snapshot_v1::read(&bytes).is_err());
    }

    #[test]
    fn an_adapter_that_writes_nonsense_stops_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let trace = event_v1::read(&bytes);
        prop_assert!(trace.windows.is_empty());
    }
}

#[test]
fn python_computes_the_same_digest_of_a_variant() {
    let script = "
import json, sys
sys.path.insert(0, 'adapters/pytest')
from titer_pytest import variant
cases = json.load(open('testdata/formats/variant_v1.json', encoding='utf-8'))
wrong = [case for case in cases if variant.digest(case['inputs']) != case['digest']]
sys.exit(f'{len(wrong)} of {len(cases)} differ' if wrong or not cases else 0)
";
    for interpreter in [support::newest(), support::oldest()] {
        let mut python = Command::new(interpreter.python());
        let output = python.args(["-B", "-c", script]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The program between cargo and test programs is compiled on its own.
#[path = "../adapters/cargo/shard.rs"]
mod cargos_shard;

#[test]
fn every_language_gives_a_test_to_the_same_shard() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/formats/shard_v1.json")).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    for case in cases.iter().filter(|case| case["test"].as_str().unwrap().starts_with("cargo::")) {
        let (index, of) = (case["shard"].to_string(), case["of"].to_string());
        let own = case["test"].as_str().unwrap().strip_prefix("cargo::").unwrap();
        let shard = cargos_shard::Shard::read(&index, &of).unwrap();
        assert!(shard.owners.is_empty() && shard.is_own(own, ""), "{case}");
    }
    let python = "
import json, sys
sys.path.insert(0, 'adapters/pytest')
from titer_pytest import shard
cases = json.load(open('testdata/formats/shard_v1.json', encoding='utf-8'))
wrong = [case for case in cases if shard.by_name(case['unit'], case['of']) != case['shard']
         or not case['test'].startswith('jest::') and shard.unit(case['test']) != case['unit']]
sys.exit(f'{wrong} differ' if wrong or not cases else 0)
";
    let script = "
const {isOwn} = require('./adapters/jest/titer_jest/shard');
const cases = require('./testdata/formats/shard_v1.json').filter(({unit}) => unit.startsWith('jest::'));
const wrong = cases.filter(({unit, of, shard}) => !isOwn({index: shard, of, owners: {}}, unit.slice('jest::'.length)));
if (wrong.length > 0 || cases.length === 0) throw new Error(JSON.stringify(wrong));
";
    let mut node = Command::new(support::jest_project::which("node"));
    node.args(["-e", script]);
    let pythons = [support::newest(), support::oldest()].map(|interpreter| {
        let mut command = Command::new(interpreter.python());
        command.args(["-B", "-c", python]);
        command
    });
    for mut command in pythons.into_iter().chain([node]) {
        let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn javascript_computes_the_same_digest_of_a_variant() {
    let script = "
const {digest} = require('./adapters/jest/titer_jest/variant');
const cases = require('./testdata/formats/variant_v1.json');
const wrong = cases.filter(({inputs, digest: expected}) => digest(inputs) !== expected);
if (wrong.length > 0 || cases.length === 0) throw new Error(`${wrong.length} of ${cases.length} differ: ${JSON.stringify(wrong)}`);
";
    let mut node = Command::new(support::jest_project::which("node"));
    let output = node.args(["-e", script]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
