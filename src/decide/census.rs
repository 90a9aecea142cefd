//! How many tests each suite had, day by day: from when each was first known and the records that moved it.

use std::collections::BTreeMap;

use crate::model::suite::Place;

/// The last day of a week's seven, in days after its Monday.
const WEEK: i64 = 7;

/// What a record did to one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The day, `2026-11-21`.
    pub day: String,
    /// The test.
    pub test: String,
    /// Where it went.
    pub to: Place,
    /// The last day of its stay, where that ends by itself.
    pub until: Option<String>,
}

/// The sizes of FAST and WEEKLY at the end of a day.
pub type Sizes = (u64, u64);

/// The sizes on the first day, on every day on which one of them changed, and on the last day. `births` are the days on which tests were first
/// known; `steps` are in the order in which they were taken.
#[must_use]
pub fn days(births: &BTreeMap<String, String>, steps: &[Step], since: &str, to: &str) -> BTreeMap<String, Sizes> {
    let mut of_test: BTreeMap<&str, Vec<(String, Place)>> = BTreeMap::new();
    for (test, day) in births {
        of_test.entry(test).or_default().push((day.clone(), Place::Fast));
    }
    for step in steps {
        let places = of_test.entry(&step.test).or_default();
        // One that a record speaks of before it ever ran is known from then on.
        places.retain(|(day, _)| *day < step.day);
        places.push((step.day.clone(), step.to));
        if let (Place::Weekly, Some(until)) = (step.to, &step.until) {
            places.push((after(until, 1), Place::Fast));
        }
    }
    let mut changes: BTreeMap<String, (i64, i64)> =
        BTreeMap::from([(since.to_owned(), (0, 0)), (to.to_owned(), (0, 0))]);
    for places in of_test.values() {
        let mut before = Place::Absent;
        for (day, place) in places.iter().filter(|(day, _)| day.as_str() <= to) {
            let change = changes.entry(day.as_str().max(since).to_owned()).or_default();
            for (place, by) in [(before, -1), (*place, 1)] {
                match place {
                    Place::Absent => {}
                    Place::Fast => change.0 += by,
                    Place::Weekly => change.1 += by,
                }
            }
            before = *place;
        }
    }
    let mut sizes = (0_i64, 0_i64);
    let size = |number: i64| u64::try_from(number).unwrap_or(0);
    let told = changes.into_iter().map(|(day, (fast, weekly))| {
        sizes = (sizes.0 + fast, sizes.1 + weekly);
        (day, (size(sizes.0), size(sizes.1)))
    });
    told.collect()
}

/// The Monday of a day's week; the day itself where it is none.
#[must_use]
pub fn monday(day: &str) -> String {
    let Ok(date) = day.parse::<jiff::civil::Date>() else { return day.to_owned() };
    after(day, -i64::from(date.weekday().to_monday_zero_offset()))
}

/// All Mondays from the week of one day to the week of another, at most so many, the last ones.
#[must_use]
pub fn mondays(since: &str, to: &str, most: usize) -> Vec<String> {
    let first = monday(since);
    let mut all = vec![monday(to)];
    while let Some(last) = all.last().filter(|last| **last > first && all.len() < most) {
        all.push(after(last, -WEEK));
    }
    all.reverse();
    all
}

/// The day that is so many days later; the day itself where it is none.
#[must_use]
pub fn after(day: &str, days: i64) -> String {
    let date = day.parse::<jiff::civil::Date>().and_then(|date| date.checked_add(jiff::Span::new().days(days)));
    date.map_or_else(|_| day.to_owned(), |date| date.to_string())
}

/// The number that so many percent of all are at most (nearest rank); none of nothing.
#[must_use]
pub fn percentile(numbers: &[u64], percent: usize) -> Option<u64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(day: &str, test: &str, to: Place, until: Option<&str>) -> Step {
        Step { day: day.into(), test: test.into(), to, until: until.map(str::to_owned) }
    }

    #[test]
    fn tests_come_move_stay_for_a_while_and_go() {
        let births = [("a", "2026-01-01"), ("b", "2026-03-02"), ("c", "2026-03-05"), ("later", "2026-04-01")];
        let births = births.map(|(test, day)| (test.to_owned(), day.to_owned())).into();
        let steps = [
            step("2026-02-01", "a", Place::Weekly, None),
            step("2026-03-03", "b", Place::Weekly, Some("2026-03-06")),
            step("2026-03-08", "a", Place::Fast, None),
            step("2026-03-09", "c", Place::Absent, None),
            step("2026-03-09", "unknown", Place::Fast, None),
        ];
        let told = days(&births, &steps, "2026-03-01", "2026-03-10");
        let told: Vec<(&str, Sizes)> = told.iter().map(|(day, sizes)| (&day[8..], *sizes)).collect();
        let expected = [
            ("01", (0, 1)),
            ("02", (1, 1)),
            ("03", (0, 2)),
            ("05", (1, 2)),
            ("07", (2, 1)),
            ("08", (3, 0)),
            ("09", (3, 0)),
            ("10", (3, 0)),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!((monday("2026-11-22"), monday("2026-11-23")), ("2026-11-16".to_owned(), "2026-11-23".to_owned()));
        assert_eq!(mondays("2026-11-10", "2026-11-22", 9), ["2026-11-09", "2026-11-16"]);
        assert_eq!(mondays("2020-01-01", "2026-11-22", 2), ["2026-11-09", "2026-11-16"]);
        assert_eq!(monday("never"), "never");
    }

    #[test]
    fn a_percentile_is_one_of_the_numbers() {
        assert_eq!((percentile(&[], 50), percentile(&[7], 95)), (None, Some(7)));
        assert_eq!((percentile(&[4, 1, 3, 2], 50), percentile(&[4, 1, 3, 2], 95)), (Some(2), Some(4)));
    }
}
