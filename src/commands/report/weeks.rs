//! The same week by week: what runs decided, took and found, and what production said.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::runs::{self, CheckRow, EscapeRow, LeftOutRow, RunRow, VerdictRow};
use super::{Told, count, day};
use crate::decide::census;
use crate::formats::report_v1::Week;
use crate::model::failure::Failure;

/// How many weeks are told, the last ones.
const MOST: usize = 104;

/// How long a week is.
const DAYS: i64 = 7;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Seen {
    week: String,
    sightings: u64,
}

/// Rows by the Monday of their week.
struct ByWeek<T>(BTreeMap<String, Vec<T>>);

impl<T> ByWeek<T> {
    fn new(rows: impl IntoIterator<Item = (String, T)>) -> Self {
        let mut by: BTreeMap<String, Vec<T>> = BTreeMap::new();
        for (monday, row) in rows {
            by.entry(monday).or_default().push(row);
        }
        Self(by)
    }

    /// Those rows of runs that count.
    fn counting(told: &Told<'_>, rows: Vec<T>, run: impl Fn(&T) -> (&str, &str)) -> Self {
        let counts = |row: &T| {
            let (id, at) = run(row);
            told.counts(id, at).then(|| census::monday(day(at)))
        };
        Self::new(rows.into_iter().filter_map(|row| Some((counts(&row)?, row))))
    }

    fn of(&self, monday: &str) -> &[T] {
        self.0.get(monday).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Tells it.
pub(super) fn tell(told: &mut Told<'_>) -> Result<(), Failure> {
    let all: Vec<RunRow> = told.rows("runs_overview", "started_at, run_id")?;
    let all = ByWeek::counting(told, all, |it| (&it.run_id, &it.started_at));
    let verdicts: Vec<VerdictRow> = told.rows("verdicts", "started_at, run_id")?;
    let verdicts = ByWeek::counting(told, verdicts, |it| (&it.run_id, &it.started_at));
    let escapes: Vec<EscapeRow> = told.rows("escapes", "found_at, run_id, test_id, variant_id")?;
    let escapes = ByWeek::counting(told, escapes, |it| (&it.run_id, &it.found_at));
    let seen: Vec<Seen> = told.rows("fault_weeks", "week, fault_id")?;
    let seen = ByWeek::new(seen.into_iter().map(|it| (it.week, it.sightings)));
    let left: ByWeek<LeftOutRow> = ByWeek::new(runs::left_out(told)?);
    let looked: ByWeek<CheckRow> = ByWeek::new(runs::checks(told)?);
    let week = |monday: String| {
        let took: Vec<u64> = verdicts.of(&monday).iter().map(|it| it.duration_ms).collect();
        let next = census::after(&monday, DAYS);
        let is_known = |at: &str| !at.is_empty() && day(at) < next.as_str();
        let looked: Vec<&CheckRow> = looked.of(&monday).iter().collect();
        Week {
            runs: all.of(&monday).len() as u64,
            verdicts: took.len() as u64,
            median_ms: census::percentile(&took, 50),
            tests_run: all.of(&monday).iter().map(|run| run.tests_run).sum(),
            left_out: runs::reasons(left.of(&monday).iter()),
            escapes: escapes.of(&monday).len() as u64,
            check: runs::check(runs::vouched(left.of(&monday).iter()), &looked),
            sightings: seen.of(&monday).iter().sum(),
            faults: count(&told.spans, |(seen, _)| is_known(seen)),
            faults_guarded: count(&told.spans, |(_, guarded)| guarded.as_deref().is_some_and(is_known)),
            week: monday,
        }
    };
    let mondays = census::mondays(&told.report.period.since, &told.as_of.day, MOST);
    let weeks: Vec<Week> = mondays.into_iter().map(week).collect();
    told.report.weeks = weeks;
    Ok(())
}
