//! What production said, and what became of it: faults, drafts, guards, relapses.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Told, count};
use crate::bridges::commits;
use crate::commands::guard::drafts;
use crate::decide::census;
use crate::formats::report_v1::{Draft, Fault, Guards, Rate, Relapse, Step};
use crate::model::failure::Failure;
use crate::model::suite::Place;
use crate::model::test_id::TestId;
use crate::settings::Settings;

/// How many of a list are told.
const MOST_FAULTS: usize = 300;
const MOST_DRAFTS: usize = 300;
const MOST_RELAPSES: usize = 100;
/// How many commits of one fault git is asked about, the last ones.
const MOST_COMMITS: usize = 20;

/// Steps with which a draft becomes a guard.
const GUARDS: [&str; 3] = ["injected", "proposed", "settled"];
/// What `fate` says of a guard that is in the tree, and of one that was taken out again.
const IN_SUITE: &str = "in-suite";
const REVERTED: &str = "reverted";

#[derive(Deserialize, Default)]
#[serde(default)]
struct FaultRow {
    fault_id: String,
    error_type: String,
    message: String,
    path: String,
    function_name: String,
    first_seen_at: String,
    last_seen_at: String,
    sightings: u64,
    users: u64,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct CommitRow {
    fault_id: String,
    commit_id: String,
    first_seen_at: String,
    last_seen_at: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StepRow {
    draft_id: String,
    fault_id: String,
    step: String,
    taken_at: String,
    runner: String,
    rung: String,
    test: String,
    state: String,
    criterion: String,
    reason: String,
    faulty_commit: String,
    fixed_commit: String,
}

/// Tells of them.
pub(super) fn tell(told: &mut Told<'_>, settings: &Settings) -> Result<(), Failure> {
    let faults: Vec<FaultRow> = told.rows("faults", "sightings DESC, users DESC, last_seen_at DESC, fault_id")?;
    let mut of_fault: BTreeMap<String, Vec<CommitRow>> = BTreeMap::new();
    for row in told.rows::<CommitRow>("fault_commits", "fault_id, last_seen_at DESC, commit_id")? {
        of_fault.entry(row.fault_id.clone()).or_default().push(row);
    }
    let end = told.as_of.end();
    let mut steps: Vec<StepRow> = told.rows("guard_steps", "taken_at, draft_id, step")?;
    steps.retain(|step| step.taken_at <= end);
    let mut of_draft: BTreeMap<&str, Vec<&StepRow>> = BTreeMap::new();
    for step in &steps {
        of_draft.entry(&step.draft_id).or_default().push(step);
    }
    let tree = Tree::new(told, settings);
    let mut all: Vec<Draft> = of_draft.values().filter_map(|steps| draft(steps, &tree, &of_fault)).collect();
    all.sort_by(|a, b| (&b.drafted_at, &b.draft).cmp(&(&a.drafted_at, &a.draft)));
    let first = first_guarded(&steps);
    told.report.guards = totals(&all, &faults, &first);
    let mut faults = list(&faults, &all, &first);
    told.spans = faults
        .iter()
        .filter(|it| !it.path.is_empty())
        .map(|it| (it.first_seen.clone(), it.guarded_at.clone()))
        .collect();
    relapses(told, settings, &faults, &steps, &of_fault);
    let sums = &mut told.report.faults;
    sums.total = faults.len() as u64;
    sums.in_repository = count(&faults, |it| !it.path.is_empty());
    sums.guarded = count(&faults, |it| !it.path.is_empty() && it.guard.is_some());
    sums.sightings = faults.iter().map(|it| it.sightings).sum();
    // What nobody guards against stands first.
    faults.sort_by_key(|it| (it.path.is_empty(), it.guard.is_some()));
    told.report.faults.list = told.keep("faults.list", faults, MOST_FAULTS);
    told.report.guards.list = told.keep("guards.list", all, MOST_DRAFTS);
    Ok(())
}

/// The tree in which guards are looked for.
struct Tree<'a> {
    settings: &'a Settings,
    suites: &'a crate::model::suite::Suites,
    head: Option<String>,
    /// Where each draft's test lies, and its name, as the drafts here have it.
    files: BTreeMap<String, (String, String)>,
}

impl<'a> Tree<'a> {
    fn new(told: &'a Told<'_>, settings: &'a Settings) -> Self {
        let files = drafts::list(settings).into_iter().map(|it| (it.draft, (it.file, it.test))).collect();
        Self { settings, suites: &told.suites, head: commits::resolve(&settings.root, "HEAD"), files }
    }

    /// What became of a draft's test: it is in the tree, it was and is no more, or it never was (a proposal that nobody merged, or elsewhere).
    fn fate(&self, draft: &str, test: &str) -> &'static str {
        let root = &self.settings.root;
        let id = TestId(test.to_owned());
        let own = id.inner_name().rsplit([':', '>', ' ']).next().unwrap_or_default().to_owned();
        let (file, name) = self.files.get(draft).cloned().unwrap_or_else(|| (id.file().to_owned(), own));
        if self.suites.place(test) == Some(Place::Absent) {
            return REVERTED;
        }
        let names = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(&name);
        let of_head = self.head.as_ref().and_then(|head| commits::file(root, head, &file));
        // One that nobody has committed yet is as good as there.
        let here = of_head.or_else(|| std::fs::read(root.join(&file)).ok());
        match (here, &self.head) {
            (Some(bytes), _) if names(&bytes) => IN_SUITE,
            (_, Some(head)) if commits::ever_had(root, head, &file) => REVERTED,
            _ => "not-here",
        }
    }
}

/// One draft, of its steps in their order.
fn draft(steps: &[&StepRow], tree: &Tree<'_>, of_fault: &BTreeMap<String, Vec<CommitRow>>) -> Option<Draft> {
    let own: Vec<&&StepRow> = steps.iter().filter(|step| step.step != "auto-merge").collect();
    let (first, last) = (own.first()?, own.last()?);
    let test = own.iter().rev().map(|step| step.test.as_str()).find(|test| !test.is_empty()).unwrap_or_default();
    let rung = own.iter().map(|step| step.rung.as_str()).find(|rung| !rung.is_empty()).unwrap_or_default();
    let is_guard = own.iter().any(|step| GUARDS.contains(&step.step.as_str()));
    let checked = own.iter().rev().find(|step| step.step == "checked");
    let fate = match (is_guard, checked.map(|step| step.state.as_str())) {
        (true, _) => tree.fate(&first.draft_id, test),
        (false, Some("failed")) => "refused",
        (false, Some(_)) => "passed",
        (false, None) if test.is_empty() => "no-call",
        (false, None) => "not-checked",
    };
    // The gate ran it on this commit, and it failed as production did.
    let replays: Vec<&&&StepRow> = own.iter().filter(|it| it.step == "checked" && it.state != "failed").collect();
    let known = of_fault.get(&first.fault_id).map(Vec::as_slice).unwrap_or_default();
    let ran = |commit: &str| !commit.is_empty() && known.iter().any(|it| it.commit_id.starts_with(commit));
    let stopped = own.iter().rev().find(|step| !step.criterion.is_empty() || !step.reason.is_empty());
    Some(Draft {
        draft: first.draft_id.clone(),
        fault: first.fault_id.clone(),
        test: test.to_owned(),
        runner: first.runner.clone(),
        rung: rung.to_owned(),
        drafted_at: first.taken_at.clone(),
        step: last.step.clone(),
        state: checked.map(|step| step.state.clone()).unwrap_or_default(),
        criterion: stopped.map(|step| step.criterion.clone()).unwrap_or_default(),
        reason: stopped.map(|step| step.reason.clone()).unwrap_or_default(),
        fate: fate.to_owned(),
        auto_merge: steps.iter().any(|step| step.step == "auto-merge"),
        would_have_caught: fate == IN_SUITE && replays.iter().any(|step| ran(&step.faulty_commit)),
        steps: steps
            .iter()
            .map(|step| Step { at: step.taken_at.clone(), step: step.step.clone(), state: step.state.clone() })
            .collect(),
    })
}

/// When each fault first had a guard.
fn first_guarded(steps: &[StepRow]) -> BTreeMap<String, String> {
    let mut first = BTreeMap::new();
    for step in steps.iter().filter(|step| GUARDS.contains(&step.step.as_str())) {
        first.entry(step.fault_id.clone()).or_insert_with(|| step.taken_at.clone());
    }
    first
}

fn totals(all: &[Draft], faults: &[FaultRow], first: &BTreeMap<String, String>) -> Guards {
    let had = |draft: &Draft, step: &str| draft.steps.iter().any(|it| it.step == step);
    let is_here = |draft: &Draft| [IN_SUITE, REVERTED].contains(&draft.fate.as_str());
    let took = faults.iter().filter_map(|it| {
        let (seen, guarded) = (seconds(&it.first_seen_at)?, seconds(first.get(&it.fault_id)?)?);
        u64::try_from(guarded - seen).ok()
    });
    let took: Vec<u64> = took.collect();
    Guards {
        drafted: all.len() as u64,
        checked: count(all, |it| had(it, "checked")),
        passed: count(all, |it| it.state == "passed"),
        waiting_for_fix: count(all, |it| it.state == "waiting"),
        refused: count(all, |it| it.state == "failed" || it.fate == "no-call"),
        injected: count(all, |it| had(it, "injected")),
        proposed: count(all, |it| had(it, "proposed")),
        auto_merged: count(all, |it| it.auto_merge && is_here(it)),
        auto_merged_reverted: count(all, |it| it.auto_merge && it.fate == REVERTED),
        reverted: count(all, |it| it.fate == REVERTED),
        in_suite: count(all, |it| it.fate == IN_SUITE),
        replayed: count(all, |it| it.fate == IN_SUITE && (it.state == "passed" || it.state == "waiting")),
        would_have_caught: count(all, |it| it.would_have_caught),
        median_seconds_to_guard: census::percentile(&took, 50),
        list: Vec::new(),
    }
}

fn seconds(at: &str) -> Option<i64> {
    at.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

fn list(rows: &[FaultRow], drafts: &[Draft], first: &BTreeMap<String, String>) -> Vec<Fault> {
    let mut of_fault: BTreeMap<&str, Vec<&Draft>> = BTreeMap::new();
    for draft in drafts {
        of_fault.entry(&draft.fault).or_default().push(draft);
    }
    let fault = |row: &FaultRow| {
        let drafts = of_fault.get(row.fault_id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let guard = drafts.iter().find(|draft| draft.fate == IN_SUITE).map(|draft| draft.test.clone());
        Fault {
            fault: row.fault_id.clone(),
            error_type: row.error_type.clone(),
            message: row.message.clone(),
            path: row.path.clone(),
            function: row.function_name.clone(),
            first_seen: row.first_seen_at.clone(),
            last_seen: row.last_seen_at.clone(),
            sightings: row.sightings,
            users: row.users,
            drafts: drafts.len() as u64,
            guarded_at: guard.as_ref().and_then(|_| first.get(&row.fault_id).cloned()),
            guard,
        }
    };
    rows.iter().map(fault).collect()
}

/// Faults of which a fix is known: seen again in what holds it, before and after there was a guard.
fn relapses(
    told: &mut Told<'_>,
    settings: &Settings,
    faults: &[Fault],
    steps: &[StepRow],
    of_fault: &BTreeMap<String, Vec<CommitRow>>,
) {
    let mut fixes: BTreeMap<&str, &str> = BTreeMap::new();
    for step in steps.iter().filter(|step| !step.fixed_commit.is_empty()) {
        fixes.insert(&step.fault_id, &step.fixed_commit);
    }
    let (mut with, mut without, mut list) = (Rate::default(), Rate::default(), Vec::new());
    for fault in faults {
        let Some(fix) = fixes.get(fault.fault.as_str()) else { continue };
        let seen = of_fault.get(&fault.fault).map(Vec::as_slice).unwrap_or_default().iter().take(MOST_COMMITS);
        let again: Vec<&CommitRow> = seen.filter(|it| commits::holds(&settings.root, &it.commit_id, fix)).collect();
        let guarded = fault.guarded_at.as_deref();
        let after = again.iter().find(|it| guarded.is_some_and(|at| it.last_seen_at.as_str() >= at));
        let before = again.iter().find(|it| guarded.is_none_or(|at| it.first_seen_at.as_str() < at));
        if guarded.is_some() {
            with.fixed += 1;
            with.relapsed += u64::from(after.is_some());
        }
        if guarded.is_none() || before.is_some() {
            without.fixed += 1;
            without.relapsed += u64::from(before.is_some());
        }
        if let Some(it) = after.or(before) {
            list.push(Relapse {
                fault: fault.fault.clone(),
                error_type: fault.error_type.clone(),
                path: fault.path.clone(),
                function: fault.function.clone(),
                fixed_by: (*fix).to_owned(),
                seen_in: it.commit_id.clone(),
                seen_at: it.last_seen_at.clone(),
                guard: after.and(fault.guard.clone()),
            });
        }
    }
    list.sort_by(|a, b| (&b.seen_at, &b.fault).cmp(&(&a.seen_at, &a.fault)));
    told.report.relapses.with_guard = with;
    told.report.relapses.without_guard = without;
    told.report.relapses.list = told.keep("relapses.list", list, MOST_RELAPSES);
}
