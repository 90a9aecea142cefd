//! Plans, tests and paths explained in words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::formats::shares_v1::Shares;
use crate::model::edge::{EdgeKind, Target};
use crate::model::outcome::Outcome;
use crate::model::plan::{Decision, Verdict};

use super::summary;

/// Lines of one kind shown before the rest is counted.
const SHOWN: usize = 12;

/// Something that a test depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependence {
    /// What.
    pub target: Target,
    /// Whether the test touched it in its own window.
    pub own: bool,
}

/// What is known of one test.
#[derive(Debug, Clone)]
pub struct TestExplanation<'a> {
    /// What the plan says.
    pub decision: &'a Decision,
    /// How it last ended.
    pub last: Outcome,
    /// How long it last took.
    pub seconds: f64,
    /// How many passing runs are kept.
    pub footprints: usize,
    /// What its newest passing run depends on.
    pub dependences: Vec<Dependence>,
}

/// Who runs what of several shards: one line a shard, then the sum.
#[must_use]
pub fn shares(shares: &Shares, decisions: &[Decision]) -> String {
    let time = |micros: u64| summary::seconds(std::time::Duration::from_micros(micros).as_secs_f64());
    let mut text = String::new();
    let mut run = 0;
    for share in &shares.shares {
        run += share.tests;
        let number = usize::try_from(share.tests).unwrap_or(usize::MAX);
        let (count, tests, time) = (summary::count(number), summary::tests(number), time(share.us));
        let _ = writeln!(text, "shard {}/{}  {count} {tests}  {time}", share.shard, shares.of);
    }
    let left_out = decisions.iter().filter(|decision| decision.verdict == Verdict::LeftOut).count();
    let run = summary::count(usize::try_from(run).unwrap_or(usize::MAX));
    let (left_out, longest) = (summary::count(left_out), time(shares.makespan_us));
    let _ = writeln!(text, "{run} would run, {left_out} would be left out; the longest shard would take {longest}");
    text.push_str(
        "`--json` prints the list that `titer run --shard I/N --shares FILE` goes by; what it does not name is shared out by name\n",
    );
    text
}

/// A plan: one line a test, then the sum.
#[must_use]
pub fn plan(decisions: &[Decision]) -> String {
    let mut text = String::new();
    let (run, left_out): (Vec<_>, Vec<_>) = decisions.iter().partition(|decision| decision.verdict == Verdict::Run);
    for decision in &run {
        let evidence: Vec<String> = decision.evidence.iter().take(3).map(ToString::to_string).collect();
        let _ = write!(text, "run       {}  {}", decision.test, decision.reason);
        let _ = if evidence.is_empty() { writeln!(text) } else { writeln!(text, "  ({})", evidence.join(", ")) };
    }
    for decision in &left_out {
        let _ = writeln!(text, "left out  {}  {}", decision.test, decision.reason);
    }
    if decisions.is_empty() {
        text.push_str("no test is known yet: `titer run -- COMMAND` finds and records them\n");
    } else {
        let (run, left_out) = (summary::count(run.len()), summary::count(left_out.len()));
        let _ = writeln!(text, "{run} would run, {left_out} would be left out; tests that are not known yet run");
    }
    text
}

/// One test.
#[must_use]
pub fn test(known: &TestExplanation<'_>) -> String {
    let TestExplanation { decision, .. } = known;
    let mut text = String::new();
    let _ = writeln!(text, "{}", decision.test);
    let _ = match decision.verdict {
        Verdict::Run => writeln!(text, "  would run: {}", decision.reason),
        Verdict::LeftOut => writeln!(text, "  would be left out: {}", decision.reason),
    };
    for target in &decision.evidence {
        let unnoticed =
            if decision.verdict == Verdict::LeftOut { ", in what nothing that it ran asks for" } else { "" };
        let _ = writeln!(text, "    {} {target}{unnoticed}", target.kind.word());
    }
    let _ = writeln!(text, "  last {} in {}", known.last.word(), summary::seconds(known.seconds));
    if known.footprints == 0 {
        text.push_str("  no passing run of it is recorded\n");
        return text;
    }
    if let Some(mark) = known.dependences.iter().map(|d| &d.target).find(|target| target.is_order_dependent()) {
        let _ = match mark.name.split_once(' ') {
            None => writeln!(text, "  order-dependent: it passes in one order of the tests and fails in another"),
            Some((_, other)) => writeln!(text, "  runs together with {other}, which is order-dependent"),
        };
    }
    let _ = writeln!(text, "  what would make it run ({} passing runs kept), a change of:", known.footprints);
    let mut groups: BTreeMap<(bool, EdgeKind), Vec<&Target>> = BTreeMap::new();
    for dependence in known.dependences.iter().filter(|dependence| !is_absence(&dependence.target)) {
        groups.entry((!dependence.own, dependence.target.kind)).or_default().push(&dependence.target);
    }
    for ((wide, kind), targets) in groups {
        let whose = if wide { "through its surroundings" } else { "by itself" };
        let _ = writeln!(text, "    {} {whose}:", kind.word());
        for target in targets.iter().take(SHOWN) {
            let _ = writeln!(text, "      {target}");
        }
        if targets.len() > SHOWN {
            let _ = writeln!(text, "      and {} more", targets.len() - SHOWN);
        }
    }
    text
}

/// Probes are many and say little to a person; a mark is no dependence.
fn is_absence(target: &Target) -> bool {
    target.kind == EdgeKind::Probed || target.deep_run().is_some()
}

/// The tests that depend on a path.
#[must_use]
pub fn path(path: &str, dependents: &BTreeMap<&str, BTreeSet<Target>>, volatile: bool) -> String {
    let mut text = String::new();
    if volatile {
        let _ = writeln!(text, "{path} is volatile by titer.toml: a change of what is in it runs nothing by itself");
    }
    if dependents.is_empty() {
        let _ = writeln!(text, "{path}: no recorded test depends on it");
        return text;
    }
    let _ = writeln!(text, "{path}: {} recorded tests depend on it", summary::count(dependents.len()));
    for (test, targets) in dependents {
        let _ = writeln!(text, "  {test}  {}", kinds(targets).join(", "));
    }
    text
}

fn kinds(targets: &BTreeSet<Target>) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for target in targets {
        let word = if target.name.is_empty() || target.kind == EdgeKind::Probed {
            target.kind.word().to_owned()
        } else {
            format!("{} {}", target.kind.word(), target.name)
        };
        if !kinds.contains(&word) {
            kinds.push(word);
        }
    }
    kinds
}

/// The same as one line of JSON.
#[must_use]
pub fn path_json(path: &str, dependents: &BTreeMap<&str, BTreeSet<Target>>, volatile: bool) -> String {
    let edge = |target: &Target| serde_json::json!({"kind": target.kind.word(), "name": target.name});
    let tests: Vec<_> = dependents
        .iter()
        .map(|(id, targets)| serde_json::json!({"id": id, "edges": targets.iter().map(edge).collect::<Vec<_>>()}))
        .collect();
    format!("{}\n", serde_json::json!({"v": 1, "path": path, "volatile": volatile, "tests": tests}))
}
