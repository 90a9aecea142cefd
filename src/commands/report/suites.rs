//! FAST and WEEKLY over time, and what moved and why: from the records, and from when tests were first known.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Told, day};
use crate::bridges::{batch_history, commits, suite_files};
use crate::commands::audit::records::{self, Record};
use crate::commands::audit::why;
use crate::decide::census::{self, Step};
use crate::formats::record_v1::{CHANGE, DECISION};
use crate::formats::report_v1::{Change, Moves, Quarantine, SuiteDay};
use crate::model::failure::Failure;
use crate::model::suite::{Place, Suite, Suites};
use crate::settings::Settings;

/// How many of a list are told.
const MOST_CHANGES: usize = 2000;
const MOST_BATCHES: usize = 500;
const MOST_MOVES: usize = 500;
const MOST_DAYS: usize = 500;
const MOST_QUARANTINES: usize = 100;

/// The rule that puts a test into quarantine.
const FLAKY: &str = "flaky";

/// Tells it.
pub(super) fn tell(told: &mut Told<'_>, settings: &Settings) -> Result<(), Failure> {
    let all = match records::all(settings, None) {
        Ok(all) => all,
        Err(failure) => {
            told.report.problems.push(failure.to_string());
            Vec::new()
        }
    };
    let end = told.as_of.end();
    let mut all: Vec<Record> = all.into_iter().filter(|it| it.at() <= end.as_str() || it.at().len() == 10).collect();
    in_order(&mut all);
    let is_sealed_elsewhere = all.iter().all(|it| it.index.is_none()) && !told.suites.placements.is_empty();
    let steps = steps(&all, &told.suites, &told.as_of.day);
    if is_sealed_elsewhere && told.suites.placements.len() > all.len() {
        let why = "records that are sealed lie on the branch titer-log, which is not here: the change log has only what waits (`git fetch origin titer-log:titer-log`)";
        told.report.problems.push(why.to_owned());
    }
    sizes(told, &steps)?;
    let since = told.report.period.since.clone();
    let moves = moves(&all, &since);
    told.report.suites.moves = told.keep("suites.moves", moves, MOST_MOVES);
    let quarantines = quarantines(told);
    told.report.suites.quarantines = told.keep("suites.quarantines", quarantines, MOST_QUARANTINES);
    let brought = brought(settings);
    let changes = all.iter().rev().filter(|it| it.kind != DECISION);
    let changes: Vec<Change> = changes.map(|it| change(it, brought.get(&it.id))).collect();
    told.report.changes = told.keep("changes", changes, MOST_CHANGES);
    Ok(())
}

/// Puts records in the order in which they were written. A placement's records are as of its day, so that two on one day are told apart by their
/// place in the log, else by which of them goes on from the other.
fn in_order(all: &mut [Record]) {
    let by_id: BTreeMap<&str, &Record> = all.iter().map(|it| (it.id.as_str(), it)).collect();
    let before = |it: &Record| by_id.get(it.text("prev")).filter(|before| before.at() == it.at()).copied();
    let depth = |it: &Record| std::iter::successors(before(it), |it| before(it)).take(all.len()).count();
    let depths: BTreeMap<String, usize> = all.iter().map(|it| (it.id.clone(), depth(it))).collect();
    let key = |it: &Record| (it.at().to_owned(), it.index.unwrap_or(u64::MAX), depths[&it.id], it.id.clone());
    all.sort_by_cached_key(key);
}

/// What records did to tests; of a test whose records are not here, where the snapshot has it.
fn steps(all: &[Record], suites: &Suites, today: &str) -> Vec<Step> {
    let changes = all.iter().filter(|it| it.kind == CHANGE);
    let mut steps: Vec<Step> = changes
        .filter_map(|it| {
            let until = Some(it.text("until")).filter(|until| !until.is_empty()).map(str::to_owned);
            Some(Step {
                day: day(it.at()).to_owned(),
                test: it.test().to_owned(),
                to: Place::parse(it.text("to"))?,
                until,
            })
        })
        .collect();
    let spoken_of: BTreeSet<String> = steps.iter().map(|step| step.test.clone()).collect();
    for (test, placement) in suites.placements.iter().filter(|(test, _)| !spoken_of.contains(*test)) {
        let to = if placement.is_gone { Place::Absent } else { placement.suite.into() };
        let since = if placement.since.is_empty() { today } else { day(&placement.since) };
        steps.push(Step { day: since.to_owned(), test: test.clone(), to, until: placement.until.clone() });
    }
    steps
}

fn sizes(told: &mut Told<'_>, steps: &[Step]) -> Result<(), Failure> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Known {
        test_id: String,
        first_run_at: String,
    }
    let known: Vec<Known> = told.rows("test_history", "test_id")?;
    let births: BTreeMap<String, String> =
        known.into_iter().map(|it| (it.test_id, day(&it.first_run_at).to_owned())).collect();
    let days = census::days(&births, steps, &told.report.period.since, &told.as_of.day);
    if let Some((fast, weekly)) = days.values().next_back() {
        (told.report.suites.fast, told.report.suites.weekly) = (*fast, *weekly);
    }
    // Where there are too many days the last ones tell most.
    let mut days: Vec<SuiteDay> =
        days.into_iter().rev().map(|(day, (fast, weekly))| SuiteDay { day, fast, weekly }).collect();
    days = told.keep("suites.days", days, MOST_DAYS);
    days.reverse();
    told.report.suites.days = days;
    Ok(())
}

/// Day by day and rule by rule, the newest first.
fn moves(all: &[Record], since: &str) -> Vec<Moves> {
    let mut by: BTreeMap<(&str, &str, &str, &str), (u64, &str)> = BTreeMap::new();
    for it in all.iter().filter(|it| it.kind == CHANGE && day(it.at()) >= since) {
        let rule = it.predicate["reason"]["rule"].as_str().unwrap_or_default();
        let sum = by.entry((day(it.at()), rule, it.text("from"), it.text("to"))).or_insert((0, &it.id));
        sum.0 += 1;
    }
    let one = |((day, rule, from, to), (tests, record)): ((&str, &str, &str, &str), (u64, &str))| Moves {
        day: day.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        rule: rule.to_owned(),
        tests,
        record: record.to_owned(),
    };
    by.into_iter().rev().map(one).collect()
}

/// What is in quarantine, those first whose stay has ended.
fn quarantines(told: &Told<'_>) -> Vec<Quarantine> {
    let flaky = told.suites.placements.iter();
    let flaky = flaky.filter(|(_, it)| it.rule == FLAKY && it.suite == Suite::Weekly && !it.is_gone);
    let mut all: Vec<Quarantine> = flaky
        .map(|(test, it)| Quarantine {
            test: test.clone(),
            since: it.since.clone(),
            until: it.until.clone(),
            text: it.text.clone(),
            record: it.record.clone(),
            has_expired: it.until.as_deref().is_some_and(|until| until < told.as_of.day.as_str()),
        })
        .collect();
    all.sort_by(|a, b| (!a.has_expired, &a.until, &a.test).cmp(&(!b.has_expired, &b.until, &b.test)));
    all
}

/// Which commit of the default branch brought a record in, by its name; of the last batches.
fn brought(settings: &Settings) -> BTreeMap<String, String> {
    let root = &settings.root;
    let Some((tip, _)) = batch_history::tip(root, settings.policy.default_branch.as_deref()) else {
        return BTreeMap::new();
    };
    // Without history the change log has no commits, and says all else.
    let steps = batch_history::steps(root, None, &tip).unwrap_or_default();
    let came = steps.iter().rev().flat_map(|step| step.came.iter().map(move |(name, id)| (name, id, &step.commit)));
    let came: Vec<(&String, &String, &String)> = came.take(MOST_BATCHES).collect();
    let ids: Vec<String> = came.iter().map(|(_, id, _)| (*id).clone()).collect();
    let mut contents = commits::contents(root, &ids).unwrap_or_default();
    let mut brought = BTreeMap::new();
    for (name, id, commit) in came {
        let files = contents.remove(id).map(|bytes| (name.clone(), bytes)).into_iter().collect();
        for record in records::in_files(suite_files::PENDING, files).unwrap_or_default() {
            brought.insert(record.id, commit.clone());
        }
    }
    brought
}

fn change(it: &Record, commit: Option<&String>) -> Change {
    let reason = &it.predicate["reason"];
    let word = |name: &str| reason[name].as_str().unwrap_or_default().to_owned();
    let text = reason.as_str().map_or_else(|| word("text"), str::to_owned);
    Change {
        record: it.id.clone(),
        index: it.index,
        commit: commit.cloned(),
        at: it.at().to_owned(),
        kind: it.kind.trim_start_matches("urn:titer:").trim_end_matches(":v1").to_owned(),
        op: it.text("op").to_owned(),
        test: it.test().to_owned(),
        from: it.text("from").to_owned(),
        to: it.text("to").to_owned(),
        rule: word("rule"),
        text,
        actor: why::actor(it),
        signed_by: it.signed_by.clone(),
    }
}
