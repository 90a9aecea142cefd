//! What people did to the tests, as `titer place` sees it: the records that this owes, and removals that wait for somebody's word.

use std::collections::BTreeSet;

use crate::bridges::suite_files;
use crate::decide::owed::{self, Owed};
use crate::formats::base_v1::{self, Row, Snapshot};
use crate::formats::instant;
use crate::formats::record_v1::{self, Change, Named, Why};
use crate::formats::statement_v1::{BASELINE, Baseline};
use crate::model::evidence::{Evidence, Ground, Thresholds};
use crate::model::failure::Failure;
use crate::model::suite::{Place, Suites};
use crate::report::observation::Observed;
use crate::settings::Settings;

use super::audit::records;
use super::suites::{self, Pen};

const ACTOR: &str = "titer place";

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The tests that the runner lists.
    pub listed: &'a BTreeSet<String>,
    /// What is known of them.
    pub evidence: &'a [Evidence],
    /// The numbers of policy.
    pub numbers: &'a Thresholds,
    /// The day, `2026-11-21`.
    pub day: &'a str,
}

/// What is owed, and what somebody may want to remove.
struct Found {
    suites: Suites,
    owed: Owed,
    snapshot: Option<Snapshot>,
    /// Removals that no open proposal names.
    proposals: Vec<Change>,
    open: usize,
}

/// Says what is owed; with `writes` the records are written, else nothing is.
///
/// # Errors
/// The records or the snapshot cannot be read or written, or the key is none.
pub fn run(settings: &Settings, sight: Sight<'_>, writes: bool) -> Result<Observed, Failure> {
    let found = find(settings, sight)?;
    let mut observed = Observed {
        is_adoption: found.snapshot.is_none(),
        adds: found.owed.adds.clone(),
        removes: found.owed.removes.clone(),
        settled: found.owed.disputes.clone(),
        proposals: found.proposals.iter().map(|it| (it.test.clone(), it.reason.rule.clone())).collect(),
        open: found.open,
        ..Observed::default()
    };
    if !writes || sight.listed.is_empty() {
        return Ok(observed);
    }
    let pen = Pen::new(settings)?;
    let at = format!("{}T00:00:00Z", sight.day);
    let lines = if let Some(snapshot) = &found.snapshot {
        let lost = lost_baseline(settings, snapshot)?.map(|statement| pen.line(&statement));
        let adds = found.owed.adds.iter().map(|test| add(&found.suites, test, &at));
        let settled = found.owed.disputes.iter().map(|test| settle(&found.suites, test, &at));
        lost.into_iter().chain(adds.chain(settled).map(|it| pen.change(settings, &it))).collect()
    } else {
        pen.line(&adopt(settings, &found.owed.adds, &at)?)
    };
    if !lines.is_empty() {
        let written = pen.write(settings, &lines)?;
        observed.batch = Some((written.batch, written.signed_by));
    }
    if !found.proposals.is_empty() {
        let text: String = found.proposals.iter().map(|it| pen.change(settings, it)).collect();
        let name = format!("{}.jsonl", record_v1::sha256(text.as_bytes()));
        let failed = |error| Failure::world("the removals that are proposed cannot be written").because(error);
        suite_files::propose(&settings.root, &name, text.as_bytes()).map_err(failed)?;
        observed.proposed = Some(name);
    }
    Ok(observed)
}

fn find(settings: &Settings, sight: Sight<'_>) -> Result<Found, Failure> {
    let suites = suites::of_tree(settings)?;
    let snapshot = suites::snapshot(settings)?;
    let inventory: BTreeSet<String> = snapshot.iter().flat_map(|rows| rows.keys().cloned()).collect();
    let owed = owed::owed(&inventory, &suites, sight.listed);
    let at = format!("{}T00:00:00Z", sight.day);
    let open = proposed(settings)?;
    let gone = owed.removes.iter().map(|test| {
        let text = "no runner lists it any more".to_owned();
        (test, Ground { rule: owed::GONE, text }, None)
    });
    let dispensable = sight.evidence.iter().filter_map(|row| {
        let ground = owed::dispensable(row, &suites, sight.numbers, instant::seconds)?;
        Some((&row.test, ground, Some(row.clone())))
    });
    let all = gone.chain(dispensable).map(|(test, ground, evidence)| removal(&suites, test, ground, evidence, &at));
    let is_open = |it: &Change| open.iter().any(|(test, prev)| *test == it.test && *prev == it.prev);
    let (waits, proposals): (Vec<Change>, Vec<Change>) = all.partition(is_open);
    Ok(Found { suites, owed, snapshot, proposals, open: waits.len() })
}

/// The tests that open proposals would remove, each with the record that the removal follows.
fn proposed(settings: &Settings) -> Result<Vec<(String, Option<String>)>, Failure> {
    let failed = |error| Failure::world("the removals that are proposed cannot be read").because(error);
    let mut found = Vec::new();
    for (name, bytes) in suite_files::batches_in(&settings.root, suite_files::PROPOSED).map_err(failed)? {
        // A file that is damaged proposes nothing.
        let changes = record_v1::read(&name, &bytes).unwrap_or_default();
        found.extend(changes.into_iter().map(|it| (it.change.test, it.change.prev)));
    }
    Ok(found)
}

/// Writes the snapshot of all tests that no record knows; gives the statement that names its digest, which is to be written next.
fn adopt(settings: &Settings, tests: &[String], at: &str) -> Result<String, Failure> {
    let (statement, id) = statement(tests, at);
    let failed = |error| Failure::world("the snapshot of the suites cannot be written").because(error);
    let rows = base_v1::write(&baseline(tests, &id, at));
    suite_files::set_base(&settings.root, rows.as_bytes()).map_err(failed)?;
    Ok(statement)
}

/// The statement of a snapshot that is there without it, since whoever wrote the one was killed before he wrote the other.
fn lost_baseline(settings: &Settings, snapshot: &Snapshot) -> Result<Option<String>, Failure> {
    let rows: Vec<(&String, &Row)> = snapshot.iter().filter(|(_, row)| row.rule == base_v1::BASELINE).collect();
    let Some((_, first)) = rows.first() else { return Ok(None) };
    let tests: Vec<String> = rows.iter().map(|(test, _)| (*test).clone()).collect();
    let (statement, id) = statement(&tests, &first.since);
    // Of a snapshot that went on since, the record is another one, and is there.
    let is_there = || Ok(records::all(settings, None)?.iter().any(|it| it.id == id));
    Ok(if id != first.record || is_there()? { None } else { Some(statement) })
}

/// The statement of a baseline, and its name.
fn statement(tests: &[String], at: &str) -> (String, String) {
    let inventory = base_v1::inventory(&baseline(tests, "", at));
    let told = Baseline {
        inventory: Named::of(suite_files::BASE, inventory.as_bytes()),
        tests: tests.len() as u64,
        suite: Place::Fast.word().to_owned(),
        reason: Why {
            rule: base_v1::BASELINE.to_owned(),
            text: "the tests that were there when titer came".to_owned(),
        },
        actor: ACTOR.to_owned(),
        recorded_at: at.to_owned(),
    };
    record_v1::statement(BASELINE, told.inventory.clone(), &told)
}

fn baseline(tests: &[String], record: &str, at: &str) -> Snapshot {
    let row =
        Row { record: record.to_owned(), since: at.to_owned(), rule: base_v1::BASELINE.to_owned(), ..Row::default() };
    tests.iter().map(|test| (test.clone(), row.clone())).collect()
}

fn add(suites: &Suites, test: &str, at: &str) -> Change {
    Change {
        op: "add".to_owned(),
        test: test.to_owned(),
        from: Place::Absent,
        to: Place::Fast,
        prev: suites.last_record(test).map(str::to_owned),
        resolves: suites.tips(test),
        reason: Why { rule: owed::SEEN.to_owned(), text: "a runner lists it, and no record knew it".to_owned() },
        actor: ACTOR.to_owned(),
        recorded_at: at.to_owned(),
        ..Change::default()
    }
}

/// A test whose records say different things is in FAST: this makes it its last record.
fn settle(suites: &Suites, test: &str, at: &str) -> Change {
    let reason = Why { rule: owed::DISPUTED.to_owned(), text: "its records say different things".to_owned() };
    Change { op: "move".to_owned(), from: Place::Fast, reason, ..add(suites, test, at) }
}

fn removal(suites: &Suites, test: &str, ground: Ground, evidence: Option<Evidence>, at: &str) -> Change {
    Change {
        op: "remove".to_owned(),
        test: test.to_owned(),
        from: suites.place(test).unwrap_or(Place::Fast),
        to: Place::Absent,
        prev: suites.last_record(test).map(str::to_owned),
        resolves: suites.tips(test),
        reason: Why { rule: ground.rule.to_owned(), text: ground.text },
        evidence,
        actor: ACTOR.to_owned(),
        recorded_at: at.to_owned(),
        ..Change::default()
    }
}
