//! The few lines after a run that a person likes to read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::edge::Target;
use crate::model::plan::{Decision, Verdict};
use crate::model::reason::Reason;

/// Reasons shown before the rest is added up.
const SHOWN: usize = 4;
/// Order-dependent tests named before the rest is counted.
const NAMED: usize = 10;

/// How many tests were left out for which sort of reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WhyLeftOut {
    /// They stayed out for living in WEEKLY, whatever changed.
    pub in_weekly: usize,
    /// The budget had no room for them.
    pub over_budget: usize,
    /// An earlier run of the same tree has run them.
    pub ran_before: usize,
}

impl WhyLeftOut {
    /// Sorts decisions that left out.
    #[must_use]
    pub fn of<'a>(decisions: impl Iterator<Item = &'a Decision>) -> Self {
        let mut why = Self::default();
        for decision in decisions {
            let is = |reasons: &[Reason]| usize::from(reasons.contains(&decision.reason));
            why.in_weekly += is(&[Reason::Weekly, Reason::Quarantined]);
            why.over_budget += is(&[Reason::OverBudget]);
            why.ran_before += is(&[Reason::OtherShard]);
        }
        why
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct RunSummary<'a> {
    /// Tests that ran.
    pub ran: usize,
    /// Tests left out.
    pub left_out: usize,
    /// Why those.
    pub why: WhyLeftOut,
    /// Tests that the run ended before.
    pub not_reached: usize,
    /// Seconds of the user's command.
    pub seconds: f64,
    /// Seconds that the tests left out took when they last ran.
    pub saved: f64,
    /// Tests that failed.
    pub failed: usize,
    /// Reasons for running, most tests first.
    pub reasons: Vec<(Reason, usize, String)>,
    /// Why nothing was left out, if so.
    pub whole: Option<&'a str>,
    /// Which change made it long, if it was too long.
    pub too_long: Option<String>,
    /// What became of the recording.
    pub recording: String,
    /// Whether a coverage measurement saw only part of the suite.
    pub partial_coverage: bool,
}

/// Groups the decisions to run by reason.
#[must_use]
pub fn reasons<'a>(decisions: impl Iterator<Item = &'a Decision>) -> Vec<(Reason, usize, String)> {
    let mut groups: BTreeMap<Reason, (usize, BTreeMap<String, usize>)> = BTreeMap::new();
    for decision in decisions.filter(|decision| decision.verdict == Verdict::Run) {
        let group = groups.entry(decision.reason).or_default();
        group.0 += 1;
        if let Some(first) = decision.evidence.first() {
            *group.1.entry(first.to_string()).or_default() += 1;
        }
    }
    let most = |all: BTreeMap<String, usize>| {
        let more = all.len().saturating_sub(1);
        let first = all.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0))).map(|(what, _)| what);
        match (first, more) {
            (None, _) => String::new(),
            (Some(what), 0) => what,
            (Some(what), more) => format!("{what} and {more} more"),
        }
    };
    let mut reasons: Vec<_> = groups.into_iter().map(|(reason, (count, all))| (reason, count, most(all))).collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    reasons
}

/// The summary's lines, without a prefix.
#[must_use]
pub fn lines(summary: &RunSummary<'_>) -> Vec<String> {
    let total = summary.ran + summary.left_out + summary.not_reached;
    let mut first = format!("ran {} of {} {}", count(summary.ran), count(total), tests(total));
    let _ = write!(first, " in {}", seconds(summary.seconds));
    if summary.failed > 0 {
        let _ = write!(first, ", {} failed", count(summary.failed));
    }
    if summary.not_reached > 0 {
        let _ = write!(first, ", {} not reached", count(summary.not_reached));
    }
    if summary.left_out > 0 {
        let _ = write!(first, "; left out {}", why_left_out(summary.left_out, summary.why));
        if summary.saved >= 0.1 {
            let _ = write!(first, " (they took {} when they last ran)", seconds(summary.saved));
        }
    }
    let mut lines = vec![first];
    if let Some(whole) = summary.whole {
        lines.push(format!("nothing was left out: {whole}"));
    } else if !summary.reasons.is_empty() {
        lines.push(format!("why: {}", why(&summary.reasons)));
    }
    lines.extend(summary.too_long.clone());
    if summary.partial_coverage {
        lines.push("the coverage figures are of a part of the suite only".to_owned());
    }
    if !summary.recording.is_empty() {
        lines.push(summary.recording.clone());
    }
    lines
}

/// `12 that nothing you changed can break, 3 over the budget (`titer run --rest` runs them) and 2 in WEEKLY`
#[must_use]
pub fn why_left_out(left_out: usize, why: WhyLeftOut) -> String {
    let untouched = left_out.saturating_sub(why.in_weekly + why.over_budget + why.ran_before);
    let parts = [
        (untouched, "that nothing you changed can break"),
        (why.ran_before, "that have run on this tree before"),
        (why.over_budget, "over the budget (`titer run --rest` runs them)"),
        (why.in_weekly, "in WEEKLY"),
    ];
    let mut parts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", count(*number)))
        .collect();
    let last = parts.pop().unwrap_or_else(|| "0".to_owned());
    if parts.is_empty() { last } else { format!("{} and {last}", parts.join(", ")) }
}

/// Why none of so many tests had to run.
#[must_use]
pub fn nothing_to_run(tests: usize, why: WhyLeftOut) -> String {
    let WhyLeftOut { in_weekly, over_budget, ran_before } = why;
    match (in_weekly, over_budget + ran_before) {
        (0, 0) => format!("nothing you changed can break any of the {} tests", count(tests)),
        (all, 0) if all == tests => {
            format!("all {} tests are in WEEKLY, and nothing that they did themselves changed", count(tests))
        }
        (some, 0) => format!(
            "nothing you changed can break {} of the {} tests, and {} are in WEEKLY",
            count(tests - some),
            count(tests),
            count(some)
        ),
        _ => format!("left out {}", why_left_out(tests, why)),
    }
}

/// A run that took longer than it may: the change that makes most of its tests run, with what they took when they last ran.
#[must_use]
pub fn too_long(limit: u64, reason: Reason, target: Option<&Target>, number: usize, micros: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a duration in words")]
    let words = |micros: u64| seconds(micros as f64 / 1e6);
    let change = target.map_or_else(|| reason.to_string(), |target| format!("{reason} ({target})"));
    let took = if micros == 0 { String::new() } else { format!(", which took {} when they last ran", words(micros)) };
    format!("over the budget of {}: {} {} run for {change}{took}", words(limit), count(number), tests(number))
}

/// What a second pass in reverse order came to.
#[derive(Debug, Clone, Default)]
pub struct SecondPass<'a> {
    /// Tests that ran in both orders.
    pub tests: usize,
    /// Seconds that it took.
    pub seconds: f64,
    /// Functions that moved, or ran beneath one that did.
    pub functions: usize,
    /// Files and folders that moved.
    pub files: usize,
    /// Tests that pass in one order only.
    pub dependent: Vec<&'a str>,
}

/// Its lines, without a prefix.
#[must_use]
pub fn second_pass(pass: &SecondPass<'_>) -> Vec<String> {
    let number = |number: usize, what: &str| format!("{} {what}{}", count(number), if number == 1 { "" } else { "s" });
    let kept = if pass.functions + pass.files == 0 {
        "nothing moved from one test to another".to_owned()
    } else {
        let (functions, files) = (number(pass.functions, "function"), number(pass.files, "file"));
        format!(
            "{functions} and {files} moved from one test to another: the process remembers them for all who may use them"
        )
    };
    let mut lines = vec![format!("second pass: {} in {}; {kept}", number(pass.tests, "test"), seconds(pass.seconds))];
    if !pass.dependent.is_empty() {
        let shown: Vec<&str> = pass.dependent.iter().take(NAMED).copied().collect();
        let rest = pass.dependent.len() - shown.len();
        let more = if rest > 0 { format!(" and {} more", count(rest)) } else { String::new() };
        let names = shown.join(", ");
        lines.push(format!("order-dependent, pass in one order and fail in the other: {names}{more}"));
    }
    lines
}

fn why(reasons: &[(Reason, usize, String)]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (reason, number, evidence) in reasons.iter().take(SHOWN) {
        let part = format!("{} {reason}", count(*number));
        parts.push(if evidence.is_empty() { part } else { format!("{part} ({evidence})") });
    }
    let rest: usize = reasons.iter().skip(SHOWN).map(|(_, number, _)| number).sum();
    if rest > 0 {
        parts.push(format!("{} for other reasons", count(rest)));
    }
    parts.join(", ")
}

/// `test` or `tests`.
#[must_use]
pub fn tests(number: usize) -> &'static str {
    if number == 1 { "test" } else { "tests" }
}

/// `1,231`
#[must_use]
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.42 s`, `12.3 s`, `3 min 20 s`
#[must_use]
pub fn seconds(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2} s")
    } else if value < 120.0 {
        format!("{value:.1} s")
    } else {
        format!("{:.0} min {:.0} s", (value / 60.0).floor(), value % 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!((count(7), count(1231), count(1_000_000)), ("7".into(), "1,231".into(), "1,000,000".into()));
        assert_eq!(
            (seconds(0.5), seconds(12.34), seconds(200.0)),
            ("0.50 s".into(), "12.3 s".into(), "3 min 20 s".into())
        );
    }

    #[test]
    fn a_run_is_told_in_a_few_lines() {
        let summary = RunSummary {
            ran: 12,
            left_out: 1219,
            seconds: 1.9,
            saved: 2.4,
            reasons: vec![(Reason::RanChangedCode, 11, "src/a.py f".into()), (Reason::NewTest, 1, String::new())],
            recording: "recorded 12 tests".into(),
            ..RunSummary::default()
        };
        let expected = [
            "ran 12 of 1,231 tests in 1.90 s; left out 1,219 that nothing you changed can break (they took 2.40 s when they last ran)",
            "why: 11 ran-changed-code (src/a.py f), 1 new-test",
            "recorded 12 tests",
        ];
        assert_eq!(lines(&summary), expected);
    }

    #[test]
    fn every_sort_of_reason_for_leaving_out_is_told() {
        let why = |in_weekly, over_budget, ran_before| WhyLeftOut { in_weekly, over_budget, ran_before };
        let cases = [
            (why_left_out(3, why(0, 0, 0)), "3 that nothing you changed can break"),
            (why_left_out(3, why(3, 0, 0)), "3 in WEEKLY"),
            (
                why_left_out(9, why(2, 3, 0)),
                "4 that nothing you changed can break, 3 over the budget (`titer run --rest` runs them) and 2 in WEEKLY",
            ),
            (nothing_to_run(9, why(0, 0, 9)), "left out 9 that have run on this tree before"),
            (nothing_to_run(9, why(2, 0, 0)), "nothing you changed can break 7 of the 9 tests, and 2 are in WEEKLY"),
        ];
        for (told, expected) in cases {
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn a_run_that_is_too_long_names_the_change() {
        let target = Target::new(crate::model::edge::EdgeKind::Loaded, "src/core.py", "");
        let told = too_long(55_000_000, Reason::LoadedChangedModule, Some(&target), 1200, 130_000_000);
        assert_eq!(
            told,
            "over the budget of 55.0 s: 1,200 tests run for loaded-changed-module (src/core.py), which took 2 min 10 s when they last ran"
        );
    }
}
