//! Numbers of a report in words, the same in every form of it.

use crate::formats::report_v1::{Check, Escape, Fault, Rate, Reason, Relapse, Report};

/// Texts of others on one line and no longer than so many characters: nothing in them may move a terminal's cursor or begin a line of its own.
#[must_use]
pub fn plain(text: &str, most: usize) -> String {
    let flat = text.chars().map(|c| if c.is_control() || ('\u{200e}'..='\u{202e}').contains(&c) { ' ' } else { c });
    let flat: String = flat.collect();
    if flat.chars().count() <= most { flat } else { flat.chars().take(most.saturating_sub(1)).chain(['…']).collect() }
}

/// The beginning of an id.
#[must_use]
pub fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

/// `12 345`
#[must_use]
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut told = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            told.push('\u{202f}');
        }
        told.push(digit);
    }
    told
}

/// `1 test`, `2 tests`.
#[must_use]
pub fn many(count: u64, one: &str, more: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { more })
}

/// `12.3 %`; a dash of nothing.
#[must_use]
pub fn percent(part: u64, all: u64) -> String {
    if all == 0 {
        return "–".to_owned();
    }
    let tenths = u128::from(part) * 1000 / u128::from(all);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A share in millionths as percent, rounded up so that a bound stays one.
#[must_use]
pub fn share(per_million: u64) -> String {
    let hundredths = per_million.div_ceil(100);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// `0.4 s`, `12.3 s`, `4 min 5 s`.
#[must_use]
pub fn duration(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// `250 µs`, `12 ms`, `1.2 s`.
#[must_use]
pub fn short_duration(us: u64) -> String {
    if us < 1000 { format!("{us} µs") } else { duration(us / 1000) }
}

/// `3 min`, `5 h`, `2 days`: for what nobody waits for.
#[must_use]
pub fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The first reasons for leaving tests out, with their numbers.
#[must_use]
pub fn reasons(all: &[Reason]) -> String {
    let told: Vec<String> = all.iter().take(4).map(|it| format!("{} {}", number(it.tests), it.reason)).collect();
    told.join(", ")
}

/// What was looked at of what was left out, and how much may have been missed at most.
#[must_use]
pub fn bound(check: &Check) -> String {
    match (check.bound_per_million, check.bound_failures) {
        (Some(share_of_all), Some(failures)) => format!(
            "of {} looked at, {} failed: at most {} of what is left out hides a failure (95 % sure), that is at most {} of {}",
            many(check.checked, "test left out and", "tests left out and"),
            number(check.failed),
            share(share_of_all),
            number(failures),
            number(check.left_out)
        ),
        _ => "no test that was left out was looked at, so nobody knows what was missed (`titer weekly` and `--probe` look)".to_owned(),
    }
}

/// `1 of 4`
#[must_use]
pub fn rate(rate: Rate) -> String {
    format!("{} of {}", number(rate.relapsed), number(rate.fixed))
}

/// What the report is about, in a line.
#[must_use]
pub fn heading(report: &Report) -> String {
    format!("{}, {}", plain(&report.repository, 80), period(report))
}

/// The time that is looked at, and the runs in it.
#[must_use]
pub fn period(report: &Report) -> String {
    let period = &report.period;
    let before =
        if period.runs_before == 0 { String::new() } else { format!(" ({} before that)", number(period.runs_before)) };
    let runs = many(period.runs, "run", "runs");
    format!("{} to {}: {runs}{before}", period.since, period.as_of)
}

/// How long a verdict takes.
#[must_use]
pub fn verdicts(report: &Report) -> String {
    let verdicts = &report.verdicts;
    let (Some(median), Some(p95)) = (verdicts.median_ms, verdicts.p95_ms) else {
        return "no commit was tested in this time".to_owned();
    };
    format!(
        "median {}, 95 % within {}; {} of {} within a minute",
        duration(median),
        duration(p95),
        number(verdicts.within_line),
        number(verdicts.count)
    )
}

/// What was left out.
#[must_use]
pub fn left_out(report: &Report) -> String {
    let left = &report.left_out;
    let all = left.tests_run + left.tests_left_out;
    if all == 0 {
        return "nothing was decided in this time".to_owned();
    }
    let reasons = reasons(&left.reasons);
    let why = if reasons.is_empty() { String::new() } else { format!(": {reasons}") };
    format!(
        "{} of {} executions of tests ({}){why}",
        number(left.tests_left_out),
        number(all),
        percent(left.tests_left_out, all)
    )
}

/// What was missed.
#[must_use]
pub fn escapes(report: &Report) -> String {
    let escapes = &report.escapes;
    let found = if escapes.found == 0 { "none found".to_owned() } else { format!("{} found", number(escapes.found)) };
    let caught = if escapes.failures == 0 {
        "no test failed".to_owned()
    } else {
        format!(
            "{} of {} failures were found by the run of their commit",
            number(escapes.failures_run),
            number(escapes.failures)
        )
    };
    format!("{found}; {caught}; {}", bound(&escapes.check))
}

/// Where tests live.
#[must_use]
pub fn suites(report: &Report) -> String {
    let suites = &report.suites;
    let to = |place: &str| suites.moves.iter().filter(|it| it.to == place).map(|it| it.tests).sum::<u64>();
    let moved = match (to("weekly"), to("fast"), to("absent")) {
        (0, 0, 0) => "no record in this time".to_owned(),
        (weekly, fast, gone) => {
            let told = [(weekly, "to WEEKLY"), (fast, "to FAST"), (gone, "removed")];
            let told: Vec<String> = told
                .iter()
                .filter(|it| it.0 > 0)
                .map(|(tests, where_to)| format!("{} {where_to}", number(*tests)))
                .collect();
            told.join(", ")
        }
    };
    format!("FAST {}, WEEKLY {}; {moved}", number(suites.fast), number(suites.weekly))
}

/// What production said.
#[must_use]
pub fn faults(report: &Report) -> String {
    let faults = &report.faults;
    if faults.total == 0 {
        return if report.sources.is_empty() {
            "nobody told what failed in production (`titer learn`)".to_owned()
        } else {
            "production was watched, and nothing failed".to_owned()
        };
    }
    let elsewhere = faults.total - faults.in_repository;
    let elsewhere = if elsewhere == 0 { String::new() } else { format!("; {} lie elsewhere", number(elsewhere)) };
    let seen = many(faults.sightings, "time", "times");
    format!(
        "{} of {} faults of this code have a guard{elsewhere}; seen {seen}",
        number(faults.guarded),
        number(faults.in_repository)
    )
}

/// What came back.
#[must_use]
pub fn relapses(report: &Report) -> String {
    let (with, without) = (report.relapses.with_guard, report.relapses.without_guard);
    match (with.fixed, without.fixed) {
        (0, 0) => "of no fault a fix is known".to_owned(),
        (0, _) => format!("{} fixed faults came back, none of them had a guard", rate(without)),
        (_, 0) => format!("{} fixed faults came back in spite of their guard, and none was without one", rate(with)),
        _ => format!("{} fixed faults came back in spite of their guard, {} without one", rate(with), rate(without)),
    }
}

/// What became of drafts.
#[must_use]
pub fn guards(report: &Report) -> String {
    let it = &report.guards;
    if it.drafted == 0 {
        return "none was drafted (`titer guard sweep`)".to_owned();
    }
    let waiting = if it.waiting_for_fix == 0 {
        String::new()
    } else {
        format!(", {} wait for a fix", number(it.waiting_for_fix))
    };
    format!(
        "{} drafted, {} passed the gate{waiting}, {} refused; {} injected, {} proposed",
        number(it.drafted),
        number(it.passed),
        number(it.refused),
        number(it.injected),
        number(it.proposed)
    )
}

/// Whether that was worth it.
#[must_use]
pub fn trust(report: &Report) -> String {
    let it = &report.guards;
    let took = it.median_seconds_to_guard.map_or_else(
        || "no fault got one yet".to_owned(),
        |seconds| format!("median {} from a fault's first sighting to its guard", span(seconds)),
    );
    format!(
        "{} auto-merged, {} of these later reverted; {} of {} in the suite would have caught theirs; {took}",
        number(it.auto_merged),
        number(it.auto_merged_reverted),
        number(it.would_have_caught),
        number(it.in_suite)
    )
}

/// A failure that was missed at first.
#[must_use]
pub fn escape(it: &Escape) -> String {
    let commit = it.skipping_commit.as_deref().map_or("no commit", short);
    format!("{}, first left out on {commit} as {}", plain(&it.test, 100), it.reason)
}

/// A fault that came back.
#[must_use]
pub fn relapse(it: &Relapse) -> String {
    let place = plain(&format!("{} {}", it.path, it.function), 80);
    format!("{} {} in {place}, fixed by {}", short(&it.fault), plain(&it.error_type, 40), short(&it.fixed_by))
}

/// A fault and how often it was seen.
#[must_use]
pub fn fault(it: &Fault) -> String {
    let place = plain(&format!("{} {}", it.path, it.function), 80);
    format!(
        "{} {} in {place}, seen {}",
        short(&it.fault),
        plain(&it.error_type, 40),
        many(it.sightings, "time", "times")
    )
}

/// How many faults of the repository's code have no guard.
#[must_use]
pub fn bare(report: &Report) -> u64 {
    report.faults.in_repository.saturating_sub(report.faults.guarded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_people_read_them() {
        assert_eq!((number(7), number(1_234_567)), ("7".to_owned(), "1\u{202f}234\u{202f}567".to_owned()));
        assert_eq!((percent(1, 3), percent(0, 0)), ("33.3 %".to_owned(), "–".to_owned()));
        assert_eq!((share(29_514), share(1)), ("2.96 %".to_owned(), "0.01 %".to_owned()));
        assert_eq!([999, 12_345, 245_000].map(duration), ["999 ms", "12.3 s", "4 min 5 s"]);
        assert_eq!([5, 600, 9000, 900_000].map(span), ["5 s", "10 min", "2 h", "10 days"]);
    }

    #[test]
    fn where_nothing_happened_a_sentence_says_so() {
        let report = Report::default();
        let all = [verdicts, left_out, escapes, suites, faults, relapses, guards, trust].map(|say| say(&report));
        assert!(all.iter().all(|text| !text.contains("NaN") && text.len() > 10), "{all:#?}");
    }

    #[test]
    fn texts_of_others_stay_on_their_line() {
        assert_eq!(plain("a\n\u{1b}[31m\u{202e}b", 80), "a  [31m b");
        assert_eq!(plain("abcdef", 4), "abc…");
    }
}
