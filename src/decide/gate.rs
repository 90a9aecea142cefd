//! The gate: what runs of a draft before and after the fix, runs against stubs, and a look at its text come to, criterion by criterion.

use crate::model::guard::{Crash, Criterion, Finding, Judgement, Runner, State, Verdict};

/// How often a draft has to fail before the fix.
pub const BEFORE: usize = 3;
/// How often it has to pass after it, each time under another hash seed, time zone and order.
pub const AFTER: usize = 5;
/// A guard is in FAST: it may take so many seconds.
const MOST_SECONDS: f64 = 1.0;
/// Waiting of another kind than for a computation, in seconds.
const MOST_ASLEEP: f64 = 0.01;

/// All that was seen of a draft.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Whose test it is.
    pub runner: Runner,
    /// How production failed.
    pub fault: &'a Crash,
    /// Runs on the faulty commit.
    pub before: &'a [Judgement],
    /// Runs on the fixed commit; none where there is no fix yet.
    pub after: Option<&'a [Judgement]>,
    /// Runs with a stub in place of what is tested: which stub, what happened.
    pub stubs: &'a [(&'static str, Judgement)],
    /// What its text says.
    pub findings: &'a [Finding],
    /// A test of the repository with the same text, if there is one.
    pub twin: Option<&'a str>,
}

/// A verdict for every criterion.
#[must_use]
pub fn verdicts(seen: &Seen<'_>) -> Vec<Verdict> {
    let of = |criterion: Criterion, (state, evidence): (State, String)| Verdict { criterion, state, evidence };
    vec![
        of(Criterion::CodePath, code_path(seen)),
        of(Criterion::Public, by_text(seen, Criterion::Public, "no private name, no patch of the project's own")),
        of(Criterion::Assertions, assertions(seen)),
        of(Criterion::BeforeAfter, before_after(seen)),
        of(Criterion::Hygiene, hygiene(seen)),
    ]
}

fn passed(evidence: impl Into<String>) -> (State, String) {
    (State::Passed, evidence.into())
}

fn failed(evidence: impl Into<String>) -> (State, String) {
    (State::Failed, evidence.into())
}

/// The failure's own type and place are those of production, and the line that failed there ran.
fn code_path(seen: &Seen<'_>) -> (State, String) {
    let fault = seen.fault;
    let place = |crash: &Crash| format!("{} in {} {}", crash.r#type, crash.path, crash.function);
    for run in seen.before {
        if ["error", "refused", "missing"].contains(&run.outcome.as_str()) {
            return failed(format!("on the faulty commit it {}", with_error(past(&run.outcome), run)));
        }
        let Some(error) = &run.error else {
            let wanted = place(fault);
            return failed(format!("on the faulty commit it {}, without the fault's {wanted}", past(&run.outcome)));
        };
        if ["error", "refused"].contains(&run.outcome.as_str()) {
            return failed(format!("on the faulty commit it {}: {}", past(&run.outcome), error.text));
        }
        if !fault.is_same(error) {
            return failed(format!(
                "on the faulty commit it fails with {}, production with {}",
                place(error),
                place(fault)
            ));
        }
        if run.hit == Some(false) {
            return failed(format!("{} line {} did not run", fault.path, fault.line));
        }
    }
    if seen.before.is_empty() {
        return failed("it was not run on the faulty commit");
    }
    let line = if fault.line == 0 { String::new() } else { format!(", line {}", fault.line) };
    passed(format!("{}{line}", place(fault)))
}

fn by_text(seen: &Seen<'_>, criterion: Criterion, well: &str) -> (State, String) {
    match seen.findings.iter().find(|finding| finding.criterion == criterion.word()) {
        Some(finding) => failed(told(finding)),
        None => passed(well),
    }
}

fn told(finding: &Finding) -> String {
    format!("line {}: {} ({})", finding.line, finding.text, finding.rule)
}

/// It asserts something of what the call gives, and notices when a stub answers instead.
fn assertions(seen: &Seen<'_>) -> (State, String) {
    let (state, why) = by_text(seen, Criterion::Assertions, "");
    if state == State::Failed {
        return (state, why);
    }
    let untold = seen.stubs.iter().find(|(_, run)| ["refused", "missing"].contains(&run.outcome.as_str()));
    if let Some((_, run)) = untold {
        return failed(with_error("no stub could be put in place of what it tests: it cannot be run", run));
    }
    let unnoticed = seen.stubs.iter().find(|(_, run)| ["passed", "xfailed", "skipped"].contains(&run.outcome.as_str()));
    match unnoticed {
        Some((stub, _)) => failed(format!("it does not notice a stub that {}", stub_in_words(stub))),
        None if seen.stubs.is_empty() => failed("no stub could be put in place of what it tests"),
        None => {
            let stubs: Vec<&str> = seen.stubs.iter().map(|(stub, _)| stub_in_words(stub)).collect();
            passed(format!("it notices stubs: one that {}", stubs.join(", one that ")))
        }
    }
}

fn stub_in_words(stub: &str) -> &'static str {
    match stub {
        "none" => "returns nothing",
        "default" => "returns an empty value",
        _ => "raises something else",
    }
}

fn before_after(seen: &Seen<'_>) -> (State, String) {
    let fails = |run: &&Judgement| ["failed", "xfailed"].contains(&run.outcome.as_str());
    let before = seen.before.iter().filter(fails).count();
    if before < BEFORE || before < seen.before.len() {
        let other = seen.before.iter().find(|run| !fails(run));
        let other = other.map_or_else(|| "was not run".to_owned(), |run| with_error(past(&run.outcome), run));
        return failed(format!(
            "on the faulty commit it fails {before} of {} times; once it {other}",
            seen.before.len()
        ));
    }
    let Some(after) = seen.after else {
        // Else it would be red in FAST for everybody until somebody mends what it found.
        if seen.before.iter().any(|run| run.outcome != "xfailed") {
            let mark = seen.runner.expects(&seen.fault.r#type);
            return failed(format!("there is no fix yet, and it is not expected to fail: mark it `{mark}`"));
        }
        return (State::Waiting, format!("fails {before} of {before} times on the faulty commit; there is no fix yet"));
    };
    let fine = after.iter().filter(|run| run.outcome == "passed").count();
    if fine < AFTER || fine < after.len() {
        let other = after.iter().find(|run| run.outcome != "passed");
        let how = other.map_or_else(|| "was not run".to_owned(), |run| with_error(past(&run.outcome), run));
        return failed(format!("on the fixed commit it passes {fine} of {} times; once it {how}", after.len()));
    }
    passed(format!("fails {before} of {before} times before, passes {fine} of {fine} after"))
}

fn with_error(how: &str, run: &Judgement) -> String {
    run.error.as_ref().map_or_else(
        || how.to_owned(),
        |error| format!("{how}: {}", format!("{} {}", error.r#type, error.text).trim_start()),
    )
}

fn past(outcome: &str) -> &str {
    match outcome {
        "passed" | "xpassed" => "passes",
        "failed" | "xfailed" => "fails",
        "skipped" => "is skipped",
        "missing" => "is not found",
        "refused" => "cannot be run",
        _ => "cannot be started",
    }
}

fn hygiene(seen: &Seen<'_>) -> (State, String) {
    let (state, why) = by_text(seen, Criterion::Hygiene, "");
    if state == State::Failed {
        return (state, why);
    }
    if let Some(twin) = seen.twin {
        return failed(format!("{twin} is the same test"));
    }
    let runs = || seen.before.iter().chain(seen.after.unwrap_or_default());
    if let Some(address) = runs().find_map(|run| run.network.first()) {
        return failed(format!("it reaches for the network: {address}"));
    }
    if let Some(run) = runs().find(|run| run.slept > MOST_ASLEEP) {
        return failed(format!("it sleeps for {:.2} s", run.slept));
    }
    let slowest = runs().map(|run| run.seconds).fold(0.0, f64::max);
    if slowest >= MOST_SECONDS {
        return failed(format!("it takes {slowest:.1} s, and a guard may take {MOST_SECONDS:.0}"));
    }
    passed(format!("no network, no sleep, nothing given away; {:.0} ms", slowest * 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::overall;

    fn crash(kind: &str, path: &str, function: &str) -> Crash {
        Crash { r#type: kind.into(), path: path.into(), function: function.into(), line: 3, ..Crash::default() }
    }

    fn run(outcome: &str, error: Option<Crash>) -> Judgement {
        Judgement { outcome: outcome.into(), error, seconds: 0.01, ..Judgement::default() }
    }

    /// The verdicts of a draft that is as it should be, but for what `spoil` does to it.
    fn spoilt(
        spoil: impl FnOnce(&mut Vec<Judgement>, &mut Vec<Judgement>, &mut Vec<(&'static str, Judgement)>, &mut Vec<Finding>),
    ) -> Vec<Verdict> {
        let fault = crash("KeyError", "a.py", "f");
        let mut before = vec![run("failed", Some(fault.clone())); BEFORE];
        let mut after = vec![run("passed", None); AFTER];
        let mut stubs = vec![("none", run("failed", None)), ("raise", run("failed", None))];
        let mut findings = Vec::new();
        spoil(&mut before, &mut after, &mut stubs, &mut findings);
        let after = (!after.is_empty()).then_some(after);
        let seen = Seen {
            runner: Runner::Pytest,
            fault: &fault,
            before: &before,
            after: after.as_deref(),
            stubs: &stubs,
            findings: &findings,
            twin: None,
        };
        verdicts(&seen)
    }

    fn refused(verdicts: &[Verdict]) -> Vec<Criterion> {
        verdicts.iter().filter(|one| one.state == State::Failed).map(|one| one.criterion).collect()
    }

    #[test]
    fn a_good_draft_passes_and_one_without_a_fix_waits() {
        assert_eq!(overall(&spoilt(|_, _, _, _| {})), State::Passed);
        let waiting = spoilt(|before, after, _, _| {
            after.clear();
            for run in before {
                run.outcome = "xfailed".into();
            }
        });
        assert_eq!((overall(&waiting), refused(&waiting)), (State::Waiting, vec![]));
    }

    #[test]
    fn each_fault_of_a_draft_fails_its_own_criterion() {
        let finding =
            |criterion: &str| Finding { criterion: criterion.into(), rule: "x".into(), line: 1, text: "y".into() };
        for (verdicts, expected) in [
            (
                spoilt(|before, _, _, _| before.iter_mut().for_each(|one| *one = run("passed", None))),
                vec![Criterion::CodePath, Criterion::BeforeAfter],
            ),
            (
                spoilt(|before, _, _, _| before[1] = run("passed", None)),
                vec![Criterion::CodePath, Criterion::BeforeAfter],
            ),
            (
                spoilt(|before, _, _, _| before[2].error = Some(crash("KeyError", "b.py", "f"))),
                vec![Criterion::CodePath],
            ),
            (
                spoilt(|before, _, _, _| before[0].error = Some(crash("TypeError", "a.py", "f"))),
                vec![Criterion::CodePath],
            ),
            (spoilt(|before, _, _, _| before[0].hit = Some(false)), vec![Criterion::CodePath]),
            (spoilt(|_, after, _, _| after[4] = run("failed", None)), vec![Criterion::BeforeAfter]),
            (spoilt(|_, after, _, _| after.truncate(4)), vec![Criterion::BeforeAfter]),
            (spoilt(|_, _, stubs, _| stubs[0].1 = run("passed", None)), vec![Criterion::Assertions]),
            (spoilt(|_, _, stubs, _| stubs.clear()), vec![Criterion::Assertions]),
            (spoilt(|_, _, stubs, _| stubs[1].1 = run("refused", None)), vec![Criterion::Assertions]),
            (spoilt(|_, after, _, _| after.clear()), vec![Criterion::BeforeAfter]),
            (spoilt(|_, _, _, findings| findings.push(finding("public"))), vec![Criterion::Public]),
            (spoilt(|_, _, _, findings| findings.push(finding("assertions"))), vec![Criterion::Assertions]),
            (spoilt(|_, _, _, findings| findings.push(finding("hygiene"))), vec![Criterion::Hygiene]),
            (spoilt(|before, _, _, _| before[0].network.push("connect a:1".into())), vec![Criterion::Hygiene]),
            (spoilt(|_, after, _, _| after[0].slept = 0.2), vec![Criterion::Hygiene]),
            (spoilt(|_, after, _, _| after[0].seconds = 1.2), vec![Criterion::Hygiene]),
        ] {
            assert_eq!(refused(&verdicts), expected, "{verdicts:?}");
        }
    }
}
