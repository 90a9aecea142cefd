//! What became of a plan: every test of the variants that came up, with the reason why it ran or did not.

use std::collections::BTreeSet;

use crate::model::plan::{Decision, Plan, Verdict};
use crate::model::reason::Reason;
use crate::model::window::Trace;

use super::outcomes::variant_of;

/// The decisions as they turned out, in the order of variants and ids; tests that nobody had planned for are new. `by_file` tells which tests
/// their runner leaves out by whole files.
#[must_use]
pub fn settle(plan: &Plan, traces: &[Trace], by_file: &dyn Fn(&str) -> bool) -> Vec<Decision> {
    let variants: BTreeSet<&str> = traces.iter().filter(|t| t.session.is_some()).map(variant_of).collect();
    let mut settled = Vec::new();
    for variant in variants {
        let group = || traces.iter().filter(|trace| variant_of(trace) == variant && trace.session.is_some());
        let collected: BTreeSet<&str> =
            group().flat_map(|t| t.collected.iter().flatten()).map(String::as_str).collect();
        let started: BTreeSet<&str> = group().flat_map(|t| &t.started).map(String::as_str).collect();
        let mut known = BTreeSet::new();
        for decision in plan.of_variant(variant) {
            known.insert(decision.test.as_str());
            settled.push(turned_out(decision, &collected, &started));
        }
        let cut_short = group().any(|trace| trace.cut_short);
        for decision in settled.iter_mut().filter(|d| cut_short && d.variant == variant) {
            if decision.reason == Reason::FilteredByUser {
                decision.reason = Reason::NotReached;
            }
        }
        let by_runner = plan.share.as_ref().is_some_and(|share| share.by_runner);
        for decision in settled.iter_mut().filter(|d| by_runner && d.variant == variant) {
            // Which of them the user's own words filter out nobody can tell.
            if decision.reason == Reason::FilteredByUser {
                decision.reason = Reason::OtherShard;
            }
        }
        let new = collected.union(&started).filter(|test| !known.contains(**test));
        settled.extend(new.map(|&test| {
            let is_anothers = plan.share.as_ref().is_some_and(|share| !share.is_own(test, by_file(test)));
            let (verdict, reason) = match (started.contains(test), is_anothers) {
                (true, _) => (Verdict::Run, Reason::NewTest),
                (false, true) => (Verdict::LeftOut, Reason::OtherShard),
                (false, false) => (Verdict::LeftOut, Reason::NotReached),
            };
            let (test, variant) = (test.to_owned(), variant.to_owned());
            Decision { test, variant, verdict, reason, evidence: Vec::new(), otherwise: None }
        }));
    }
    settled
}

fn turned_out(decision: &Decision, collected: &BTreeSet<&str>, started: &BTreeSet<&str>) -> Decision {
    let test = decision.test.as_str();
    let (verdict, reason) = match (decision.verdict, started.contains(test), collected.contains(test)) {
        (Verdict::Run, true, _) | (Verdict::LeftOut, false, true) => return decision.clone(),
        (Verdict::LeftOut, true, _) => (Verdict::Run, Reason::WholeRun),
        (Verdict::Run, false, true) => (Verdict::LeftOut, Reason::NotReached),
        // The file itself failed before any of its tests.
        (Verdict::Run, false, false) if collected.contains(file_of(test)) => (Verdict::LeftOut, Reason::NotReached),
        (_, false, false) => (Verdict::LeftOut, Reason::FilteredByUser),
    };
    Decision { verdict, reason, evidence: Vec::new(), ..decision.clone() }
}

/// What a test's id begins with, up to its file.
fn file_of(test: &str) -> &str {
    let mut ends = test.match_indices("::").map(|(at, _)| at).skip(1);
    ends.next().map_or(test, |end| &test[..end])
}

/// Whether a process is one that somebody started as the runner, not one of its workers.
#[must_use]
pub fn is_caller(trace: &Trace) -> bool {
    trace.worker.is_empty() || trace.worker == "controller"
}

/// Tests that are known of a file which was collected whole and no longer holds them: their ids are not stable, or they are gone.
#[must_use]
pub fn gone(plan: &Plan, trace: &Trace) -> Vec<String> {
    let Some(collected) = trace.collected.as_ref().filter(|_| trace.errors == 0 && !trace.filtered) else {
        return Vec::new();
    };
    let collected: BTreeSet<&str> = collected.iter().map(String::as_str).collect();
    let files: BTreeSet<&str> = trace.files.iter().map(String::as_str).collect();
    let known = plan.of_variant(variant_of(trace)).map(|decision| decision.test.as_str());
    // A file, or a unit, stands between the runner and the test's own name.
    let is_of_one = |test: &&str| {
        let (_, own) = test.split_once("::").unwrap_or_default();
        let ends = own.match_indices("::").map(|(at, _)| at).chain([own.len()]);
        ends.into_iter().any(|end| files.contains(&own[..end]))
    };
    let of_file = known.filter(is_of_one);
    of_file.filter(|test| !collected.contains(test)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::window::Session;

    fn planned(test: &str, verdict: Verdict) -> Decision {
        let reason = if verdict == Verdict::Run { Reason::NoMap } else { Reason::Untouched };
        Decision { test: test.into(), variant: "v".into(), verdict, reason, evidence: Vec::new(), otherwise: None }
    }

    #[test]
    fn every_test_has_the_reason_that_turned_out() {
        let decisions = [
            planned("ran", Verdict::Run),
            planned("left", Verdict::LeftOut),
            planned("forced", Verdict::LeftOut),
            planned("after-x", Verdict::Run),
            planned("other-k", Verdict::LeftOut),
        ];
        let plan = Plan { decisions: decisions.to_vec(), ..Plan::default() };
        let trace = Trace {
            session: Some(Session { variant: "v".into(), ..Session::default() }),
            collected: Some(["ran", "left", "forced", "after-x", "new"].map(str::to_owned).to_vec()),
            started: ["ran", "forced", "new"].map(str::to_owned).to_vec(),
            ..Trace::default()
        };
        let reasons: Vec<_> =
            settle(&plan, &[trace], &|_| false).into_iter().map(|d| (d.test, d.reason.code())).collect();
        let expected = [
            ("ran", "no-map"),
            ("left", "untouched"),
            ("forced", "whole-run"),
            ("after-x", "not-reached"),
            ("other-k", "filtered-by-user"),
            ("new", "new-test"),
        ];
        assert_eq!(reasons, expected.map(|(test, reason)| (test.to_owned(), reason)));
    }
}
