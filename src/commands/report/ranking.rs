//! Tests worth a look: the slowest, those that tell most, those that are not steady.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Told;
use crate::commands::evidence;
use crate::decide::worth;
use crate::formats::report_v1::{Flaky, Slow, Valuable};
use crate::model::evidence::Evidence;
use crate::model::failure::Failure;

/// How many of each are told.
const MOST: usize = 25;
const MOST_FLAKY: usize = 100;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Duration {
    test_id: String,
    runs: u64,
    median_us: u64,
    p95_us: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Flake {
    test_id: String,
    last_failed_at: String,
    passes: u64,
    failures: u64,
}

/// Tells them.
pub(super) fn tell(told: &mut Told<'_>) -> Result<(), Failure> {
    slowest(told)?;
    valuable(told)?;
    flaky(told)
}

fn slowest(told: &mut Told<'_>) -> Result<(), Failure> {
    let all: Vec<Duration> = told.rows("durations", "median_us DESC, test_id, variant_id")?;
    // Of several variants the slowest one counts.
    let mut by: BTreeMap<String, Duration> = BTreeMap::new();
    for it in all {
        by.entry(it.test_id.clone()).or_insert(it);
    }
    told.report.tests.all_us = by.values().map(|it| it.median_us).sum();
    let slow = |it: Duration| Slow {
        suite: told.suite(&it.test_id),
        test: it.test_id,
        median_us: it.median_us,
        p95_us: it.p95_us,
        runs: it.runs,
    };
    let mut all: Vec<Slow> = by.into_values().map(slow).collect();
    all.sort_by(|a, b| b.median_us.cmp(&a.median_us).then_with(|| a.test.cmp(&b.test)));
    told.report.tests.slowest = told.keep("tests.slowest", all, MOST);
    Ok(())
}

fn valuable(told: &mut Told<'_>) -> Result<(), Failure> {
    let all = evidence::all(told.lens)?;
    told.report.tests.total = all.len() as u64;
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let one = |it: Evidence| Valuable {
        suite: told.suite(&it.test),
        points: u64::from(worth::points(&it, told.as_of.start)),
        faults: number(it.faults),
        sightings: number(it.sightings),
        true_failures: number(it.true_failures),
        changes: number(it.changes),
        authors: number(it.authors),
        only_here: number(it.only_here),
        median_us: number(it.median_us),
        test: it.test,
    };
    let mut all: Vec<Valuable> = all.into_iter().map(one).filter(|it| it.points > 1).collect();
    all.sort_by(|a, b| b.points.cmp(&a.points).then_with(|| a.test.cmp(&b.test)));
    told.report.tests.valuable = told.keep("tests.valuable", all, MOST);
    Ok(())
}

fn flaky(told: &mut Told<'_>) -> Result<(), Failure> {
    let end = told.as_of.end();
    let all: Vec<Flake> = told.rows("flakes", "test_id, variant_id, inventory_id")?;
    let mut by: BTreeMap<String, Flaky> = BTreeMap::new();
    for it in all.into_iter().filter(|it| it.last_failed_at >= told.from && it.last_failed_at <= end) {
        let suite = told.suite(&it.test_id);
        let sum = by.entry(it.test_id.clone()).or_insert_with(|| Flaky { test: it.test_id, suite, ..Flaky::default() });
        sum.trees += 1;
        sum.passes += it.passes;
        sum.failures += it.failures;
        sum.last_failed = it.last_failed_at.max(std::mem::take(&mut sum.last_failed));
    }
    let mut all: Vec<Flaky> = by.into_values().collect();
    all.sort_by(|a, b| b.trees.cmp(&a.trees).then_with(|| a.test.cmp(&b.test)));
    told.report.tests.flaky = told.keep("tests.flaky", all, MOST_FLAKY);
    Ok(())
}
