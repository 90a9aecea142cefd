//! `titer explain TEST|PATH`: why a test runs or not and what would make it run; which tests depend on a path and why.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use globset::GlobSet;

use crate::decide::rules::{self, Case};
use crate::decide::selection::Ask;
use crate::formats::selection_v1;
use crate::ledger::duck::Limits;
use crate::model::edge::{EdgeKind, Target};
use crate::model::evidence::{Evidence, Thresholds};
use crate::model::failure::Failure;
use crate::model::map::{Map, TestRow};
use crate::model::plan::Decision;
use crate::model::suite::Suite;
use crate::report::explanation::{self, Dependence, TestExplanation};
use crate::report::outlook::{self, Outlook};
use crate::settings::Settings;

use super::evidence::{self, AsOf};
use super::gather::{Gathered, Opening, gather};
use super::{plan, run, suites};

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
        let known = Known::of(settings);
        explain_tests(&gathered, &named, json, known.as_ref())
    };
    super::say(out, &text)
}

/// `TestId`, the runner's own name, or either without its parameters.
fn is_named(test: &str, what: &str) -> bool {
    let own = test.split_once("::").map_or(test, |(_, own)| own);
    let plain = |name: &str| name.split('[').next().unwrap_or(name).to_owned();
    test == what || own == what || (what.contains("::") && (plain(test) == what || plain(own) == what))
}

/// What placement knows of tests.
struct Known {
    evidence: Vec<Evidence>,
    thresholds: Thresholds,
    pinned: GlobSet,
    today: String,
}

impl Known {
    /// `None` where there is no evidence to be had: the rest of the explanation holds without it.
    fn of(settings: &Settings) -> Option<Self> {
        let as_of = AsOf::parse(&suites::today()).ok()?;
        let lens = evidence::lens(settings, &as_of.end(), &Limits::default()).ok()?;
        let policy = &settings.policy.placement;
        Some(Self {
            evidence: evidence::all(&lens).ok()?,
            thresholds: policy.thresholds(as_of.start),
            pinned: policy.pinned.clone(),
            today: as_of.day,
        })
    }

    fn outlook<'a>(&'a self, gathered: &'a Gathered, test: &str) -> Option<Outlook<'a>> {
        let at = self.evidence.binary_search_by(|row| row.test.as_str().cmp(test)).ok()?;
        let (evidence, thresholds) = (&self.evidence[at], &self.thresholds);
        let next = rules::judge(&Case { evidence, thresholds, is_pinned: self.pinned.is_match(test) });
        let suite = gathered.suites.weekly(test, &self.today).map_or(Suite::Fast, |stay| stay.suite);
        Some(Outlook { placement: gathered.suites.placements.get(test), suite, evidence, thresholds, next })
    }
}

fn explain_tests(gathered: &Gathered, named: &[&Decision], json: bool, known: Option<&Known>) -> String {
    let mut text = String::new();
    for decision in named {
        let outlook = known.and_then(|known| known.outlook(gathered, &decision.test));
        if json {
            let suite = gathered.suites.weekly(&decision.test, &suites::today()).map_or(Suite::Fast, |stay| stay.suite);
            let mut value = serde_json::to_value(selection_v1::test(decision, suite)).unwrap_or_default();
            if let (Some(object), Some(outlook)) = (value.as_object_mut(), &outlook) {
                object.insert("suite".to_owned(), outlook::json(outlook));
            }
            text.push_str(&value.to_string());
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
        text.push_str(&outlook.map(|outlook| outlook::text(&outlook)).unwrap_or_default());
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
