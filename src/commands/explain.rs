//! `titer explain TEST|PATH`: why a test runs or not and what would make it run; which tests depend on a path and why.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::decide::selection::Ask;
use crate::formats::selection_v1;
use crate::model::edge::{EdgeKind, Target};
use crate::model::failure::Failure;
use crate::model::map::{Map, TestRow};
use crate::model::plan::Decision;
use crate::report::explanation::{self, Dependence, TestExplanation};
use crate::settings::Settings;

use super::gather::{Gathered, Opening, gather};
use super::{plan, run};

/// Explains `what`.
///
/// # Errors
/// Nothing of that name is known.
pub fn run(
    settings: &Settings,
    what: &str,
    json: bool,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<(), Failure> {
    let gathered = gather(settings, Opening::ReadOnly, Ask::default());
    run::warn(settings, talk, &gathered.warnings);
    let decisions = plan::shown(settings, &gathered, &[]);
    let named: Vec<&Decision> = decisions.iter().filter(|decision| is_named(&decision.test, what)).collect();
    let text = if named.is_empty() {
        explain_path(settings, &gathered, &decisions, what, json)?
    } else {
        explain_tests(&gathered, &named, json)
    };
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::world("the explanation cannot be written").because(error))
        }
        _ => Ok(()),
    }
}

/// `TestId`, the runner's own name, or either without its parameters.
fn is_named(test: &str, what: &str) -> bool {
    let own = test.split_once("::").map_or(test, |(_, own)| own);
    let plain = |name: &str| name.split('[').next().unwrap_or(name).to_owned();
    test == what || own == what || (what.contains("::") && (plain(test) == what || plain(own) == what))
}

fn explain_tests(gathered: &Gathered, named: &[&Decision], json: bool) -> String {
    let mut text = String::new();
    for decision in named {
        if json {
            text.push_str(&serde_json::to_string(&selection_v1::test(decision)).unwrap_or_default());
            text.push('\n');
            continue;
        }
        let variants = &gathered.map.variants;
        let row = gathered.map.tests.iter().find(|test| {
            test.id == decision.test && variants.get(test.variant as usize).is_some_and(|v| v.id == decision.variant)
        });
        let Some(row) = row else { continue };
        let dependences = dependences(&gathered.map, row);
        text.push_str(&explanation::test(&TestExplanation {
            decision,
            last: row.last,
            seconds: row.seconds,
            footprints: row.footprints.len(),
            dependences,
        }));
    }
    text
}

/// What the newest footprint of a test points at, own window first.
fn dependences(map: &Map, test: &TestRow) -> Vec<Dependence> {
    let Some(footprint) = test.footprints.first() else { return Vec::new() };
    let mut found: BTreeMap<Target, bool> = BTreeMap::new();
    for (at, &set) in footprint.sets.iter().chain(&footprint.memory).enumerate() {
        for target in targets_of(map, set) {
            *found.entry(target).or_default() |= at == 0;
        }
    }
    found.into_iter().map(|(target, own)| Dependence { target, own }).collect()
}

fn targets_of(map: &Map, set: u32) -> BTreeSet<Target> {
    let mut waiting = vec![set];
    let mut seen = BTreeSet::new();
    let mut targets = BTreeSet::new();
    while let Some(at) = waiting.pop() {
        let Some(row) = map.sets.get(at as usize).filter(|_| seen.insert(at)) else { continue };
        waiting.extend(&row.includes);
        targets.extend(row.edges.iter().filter_map(|&edge| map.edges.get(edge as usize)).map(|row| map.target(row)));
    }
    targets
}

fn explain_path(
    settings: &Settings,
    gathered: &Gathered,
    decisions: &[Decision],
    what: &str,
    json: bool,
) -> Result<String, Failure> {
    let path = from_root(settings, what);
    let variants: BTreeSet<&str> = decisions.iter().map(|decision| decision.variant.as_str()).collect();
    let map = &gathered.map;
    let on_path: Vec<bool> = map
        .edges
        .iter()
        .map(|edge| {
            let probe_inside =
                edge.kind == EdgeKind::Probed && is_probe_of(&path, map.word(edge.path), map.word(edge.name));
            (map.word(edge.path) == path && edge.kind != EdgeKind::Probed) || probe_inside
        })
        .collect();
    let mut dependents: BTreeMap<&str, BTreeSet<Target>> = BTreeMap::new();
    for test in map.tests.iter().filter(|test| {
        map.variants.get(test.variant as usize).is_some_and(|variant| variants.contains(variant.id.as_str()))
    }) {
        let Some(footprint) = test.footprints.first() else { continue };
        for &set in footprint.sets.iter().chain(&footprint.memory) {
            collect(map, set, &on_path, dependents.entry(&test.id).or_default());
        }
    }
    dependents.retain(|_, targets| !targets.is_empty());
    let in_tree = gathered
        .present
        .as_ref()
        .is_some_and(|present| present.tree().entries.contains_key(&path) || present.tree().has_folder(&path));
    if dependents.is_empty() && !in_tree {
        let known = map.tests.len();
        let failure =
            Failure::input(format!("{what} is neither a test nor a path that titer knows ({known} tests are known)"));
        return Err(failure.hint("`titer plan` lists the tests; a path is given from the current folder"));
    }
    let volatile = settings.policy.volatile.is_match(&path);
    Ok(if json {
        explanation::path_json(&path, &dependents, volatile)
    } else {
        explanation::path(&path, &dependents, volatile)
    })
}

fn collect(map: &Map, set: u32, on_path: &[bool], into: &mut BTreeSet<Target>) {
    let mut waiting = vec![set];
    let mut seen = BTreeSet::new();
    while let Some(at) = waiting.pop() {
        let Some(row) = map.sets.get(at as usize).filter(|_| seen.insert(at)) else { continue };
        waiting.extend(&row.includes);
        let hits = row.edges.iter().filter(|&&edge| on_path.get(edge as usize).copied().unwrap_or(false));
        into.extend(hits.filter_map(|&edge| map.edges.get(edge as usize)).map(|row| map.target(row)));
    }
}

/// Whether an import of `name` from `folder` looks at `path`.
fn is_probe_of(path: &str, folder: &str, name: &str) -> bool {
    let Some(module) = name.strip_prefix("import:") else { return false };
    let stem = if folder.is_empty() || folder == "." { module.to_owned() } else { format!("{folder}/{module}") };
    path == format!("{stem}.py") || path == format!("{stem}/__init__.py")
}

fn from_root(settings: &Settings, what: &str) -> String {
    let absolute = settings.folder.join(what);
    let normal: std::path::PathBuf = absolute.components().fold(std::path::PathBuf::new(), |mut path, part| {
        match part {
            std::path::Component::ParentDir => {
                path.pop();
            }
            std::path::Component::CurDir => {}
            std::path::Component::Normal(_) | std::path::Component::RootDir | std::path::Component::Prefix(_) => {
                path.push(part);
            }
        }
        path
    });
    normal.strip_prefix(&settings.root).map_or_else(|_| what.to_owned(), |path| path.to_string_lossy().into_owned())
}
