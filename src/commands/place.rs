//! `titer place`: which tests move to which suite, and the records of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::bridges::{commits, runners};
use crate::decide::{placement, worth};
use crate::formats::record_v1::{Change, Why};
use crate::ledger::duck::{Lens, Limits};
use crate::ledger::packing::pack;
use crate::ledger::store::Store;
use crate::ledger::{imports, map};
use crate::model::change::Language;
use crate::model::evidence::Evidence;
use crate::model::failure::Failure;
use crate::model::map::TestRow;
use crate::model::placed::Placed;
use crate::model::suite::Suite;
use crate::model::test_id::TestId;
use crate::report::placement as report;
use crate::settings::Settings;

use super::audit;
use super::basis::{Basis, Terms};
use super::evidence::{self, AsOf};
use super::observe::{self, Sight};
use super::suites::{self, Written};

/// What `titer place` was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Say what would move and write nothing.
    pub dry_run: bool,
    /// The day as of which to decide; today without one.
    pub as_of: Option<String>,
    /// Print JSON.
    pub json: bool,
}

/// All that a placement was decided on, and what it came to.
struct Decided {
    listed: BTreeSet<String>,
    basis: Basis,
    placed: Placed,
    pins: Vec<(String, i64)>,
    worth_before: Vec<(String, u32)>,
}

/// Places every test and writes the batch.
///
/// # Errors
/// There is no evidence to decide on, or the batch cannot be written.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write) -> Result<(), Failure> {
    let as_of = AsOf::parse(request.as_of.as_deref().unwrap_or(&suites::today()))?;
    if settings.ledger.0.is_dir() {
        // What was committed since the last time must not be taken for silence; without history nothing moves anyway.
        let _ = super::learn::git::run(settings, &mut std::io::sink(), &mut std::io::sink());
    }
    let lens = evidence::lens(settings, &as_of.end(), &Limits::default())?;
    if let Some(first) = evidence::lost(&lens)?.first() {
        let file = settings.ledger.0.join(first);
        let how = if file.is_file() { "damaged" } else { "lost" };
        let failure =
            Failure::input(format!("nothing moves: {} is {how}, and what it told would be silence", file.display()));
        return Err(failure.hint(
            "restore the file, or learn again into a new ledger (`--ledger`); `titer doctor` lists all that is lost",
        ));
    }
    let decided = decide(settings, &lens, &as_of)?;
    if !request.dry_run {
        tell_worth(settings, &as_of, &decided)?;
    }
    let batch =
        if request.dry_run || decided.placed.moves.is_empty() { None } else { Some(record(settings, &decided)?) };
    let crowded =
        placement::crowded(&decided.pins, decided.basis.evidence.len(), decided.basis.terms.thresholds.crowded_percent);
    let sight = Sight {
        listed: &decided.listed,
        evidence: &decided.basis.evidence,
        numbers: &decided.basis.terms.thresholds,
        day: &as_of.day,
    };
    // After the moves: a test that one of them speaks of is known.
    let observed = observe::run(settings, sight, !request.dry_run)?;
    let told = report::Told {
        day: &as_of.day,
        observed: &observed,
        placed: &decided.placed,
        crowded: &crowded,
        batch: batch.as_ref().map(|written| (written.batch.as_str(), written.signed_by.as_deref())),
    };
    let text = if request.json { report::json(&told) } else { report::text(&told) };
    super::say(out, &text)?;
    drop(lens);
    if !request.dry_run {
        // Only makes the next time quicker: a ledger that cannot be written to is as good as before.
        let _ = Store::open_existing(&settings.ledger.0)
            .and_then(|store| pack(&store, &suites::today(), &Limits::default()));
    }
    Ok(())
}

fn decide(settings: &Settings, lens: &Lens, as_of: &AsOf) -> Result<Decided, Failure> {
    // Of tests that are gone only their past is left: they have no place.
    let map = map::load(&Store::open_existing(&settings.ledger.0)?)?.map;
    let known = listed(settings, map.tests);
    let evidence: Vec<Evidence> = evidence::all(lens)?.into_iter().filter(|row| known.contains(&row.test)).collect();
    let pins = evidence::pins(lens)?;
    let suites = suites::read(settings)?;
    let policy = &settings.policy.placement;
    let thresholds = policy.thresholds(as_of.start);
    let quarantine_until = as_of.plus(thresholds.quarantine_days);
    let terms = Terms { thresholds, pinned: policy.pinned_globs.clone(), day: as_of.day.clone(), quarantine_until };
    let basis = Basis { evidence, suites, terms };
    let placed = basis.decide()?;
    Ok(Decided { listed: known, basis, placed, pins, worth_before: map.worth })
}

/// The tests that the map knows.
fn known(settings: &Settings) -> Result<BTreeSet<String>, Failure> {
    let loaded = map::load(&Store::open_existing(&settings.ledger.0)?)?;
    Ok(listed(settings, loaded.map.tests))
}

/// The tests that a runner can list: whose file went, no run had to say so.
fn listed(settings: &Settings, tests: Vec<TestRow>) -> BTreeSet<String> {
    let mut there: BTreeMap<String, bool> = BTreeMap::new();
    let mut is_there = |test: &TestRow| {
        // A cargo test's id names no file.
        if runners::sort_of(&test.id).language == Language::Rust {
            return true;
        }
        let file = TestId(test.id.clone()).file().to_owned();
        *there.entry(file).or_insert_with_key(|file| settings.root.join(file).exists())
    };
    tests.into_iter().filter(|test| is_there(test)).map(|test| test.id).collect()
}

/// Keeps the inputs, then writes the batch; the batch is what makes the moves happen.
fn record(settings: &Settings, decided: &Decided) -> Result<Written, Failure> {
    let store = Store::open(&settings.ledger.0)?;
    let policy = audit::records::policy_in_force(settings, &decided.basis.terms.day)?;
    let decision = decided.basis.keep(&store, decided.placed.moves.len(), policy)?;
    suites::write(settings, Some(&decision), &decided.basis.changes(&decided.placed))
}

/// Tells the map what tests are worth, where that is another than before: runs that are short of time go by it.
fn tell_worth(settings: &Settings, as_of: &AsOf, decided: &Decided) -> Result<(), Failure> {
    let points = |row: &Evidence| (row.test.clone(), worth::points(row, as_of.start));
    let worth: Vec<(String, u32)> = decided.basis.evidence.iter().map(points).collect();
    if worth.is_empty() || worth == decided.worth_before {
        return Ok(());
    }
    imports::commit_worth(&Store::open(&settings.ledger.0)?, &as_of.day, &worth)
}

/// `titer move`: one test, by somebody's word.
///
/// # Errors
/// The test lives there already, or the record cannot be written.
pub fn by_hand(settings: &Settings, test: &str, to: Suite, reason: &str, out: &mut dyn Write) -> Result<(), Failure> {
    if !known(settings)?.contains(test) {
        let failure = Failure::input(format!("{test} is no test that titer knows"));
        return Err(failure.hint("`titer plan` lists the tests by their ids"));
    }
    let suites = suites::read(settings)?;
    let today = suites::today();
    let from = suites.weekly(test, &today).map_or(Suite::Fast, |placement| placement.suite);
    if from == to && !suites.disputed.contains(test) {
        return Err(Failure::input(format!("{test} is in {to} already")));
    }
    let change = Change {
        op: "move".to_owned(),
        test: test.to_owned(),
        from: from.into(),
        to: to.into(),
        prev: suites.last_record(test).map(str::to_owned),
        resolves: suites.tips(test),
        reason: Why { rule: placement::BY_HAND.to_owned(), text: reason.to_owned() },
        // As git names who commits here; the signature says whose key it was.
        actor: commits::person(&settings.root).map_or_else(|| "a person".to_owned(), |name| format!("git:{name}")),
        recorded_at: crate::bridges::clock::timestamp(crate::bridges::clock::now()),
        ..Change::default()
    };
    let written = suites::write(settings, None, &[change])?;
    let told = report::written(&written.batch, written.signed_by.as_deref());
    super::say(out, &format!("{test}: {from} -> {to}\n{told}"))
}
