//! A report of a project that does not exist: three months of a busy team, with something in every list and hostile texts from production.

use titer::decide::{bound, census};
use titer::formats::report_v1::{
    Change, Check, Cut, Draft, Escape, FORMAT, Fault, Flaky, Guards, LINE_MS, LeftOut, Moves, Period, Quarantine, Rate,
    Reason, Relapse, Relapses, Report, Run, Slow, Source, Step, SuiteDay, Valuable, Verdict, Week,
};

/// What production may say.
pub const HOSTILE: &str =
    "</script><script>alert('x')</script> <!-- \u{2028}\u{202e} & \"quoted\" ::error::no\n# heading | cell `code`";

const LAST: &str = "2026-11-22";

/// The same numbers every time.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn id(chance: &mut Chance, length: usize) -> String {
    (0..length).map(|_| char::from_digit(u32::try_from(chance.next(16)).unwrap(), 16).unwrap()).collect()
}

fn back(days: u64) -> String {
    census::after(LAST, -i64::try_from(days).unwrap())
}

fn at(days: u64, minutes: u64) -> String {
    format!("{}T{:02}:{:02}:00Z", back(days), 8 + minutes / 60 % 12, minutes % 60)
}

/// The report: so many commits a day, over so many days.
pub fn report(days: u64, a_day: u64) -> Report {
    let mut chance = Chance(7);
    let mut report = Report {
        format: FORMAT.into(),
        titer: "0.1.0".into(),
        repository: "shop".into(),
        period: Period { since: back(days), as_of: LAST.into(), runs: 0, runs_before: 41 },
        ..Report::default()
    };
    runs(&mut report, &mut chance, days, a_day);
    weeks(&mut report, &mut chance, days);
    suites(&mut report, &mut chance, days);
    faults(&mut report, &mut chance, days);
    guards(&mut report, &mut chance);
    tests(&mut report, &mut chance);
    report.sources.push(Source {
        source: "sentry".into(),
        project: "shop".into(),
        observed_since: at(days * 3, 0),
        observed_to: at(0, 200),
        sightings: 4210,
        mapped_basis_points: 9712,
        ..Source::default()
    });
    report.cut.push(Cut { list: "tests.slowest".into(), shown: 15, of: 2210 });
    report
}

fn runs(report: &mut Report, chance: &mut Chance, days: u64, a_day: u64) {
    for day in 0..=days {
        for number in 0..if back(day).ends_with('1') { 1 } else { a_day } {
            let (ms, left) = (3000 + chance.next(38_000) + chance.next(30) / 28 * 70_000, 1900 + chance.next(300));
            let passed = chance.next(9) > 0;
            let run = Run {
                run: format!("01M{}", id(chance, 23).to_uppercase()),
                at: at(day, number * 47 % 700),
                commit: Some(id(chance, 40)),
                branch: Some("main".into()),
                command: "pytest -q -n 4".into(),
                suite: "fast".into(),
                ms,
                tests_run: 2210 - left,
                tests_left_out: left,
                tests_failed: u64::from(!passed),
                exit: Some(i64::from(!passed)),
                problem: None,
            };
            report.verdicts.commits.push(Verdict {
                commit: run.commit.clone(),
                run: run.run.clone(),
                branch: run.branch.clone(),
                at: run.at.clone(),
                ms,
                runs: 1,
                tests_run: run.tests_run,
                tests_left_out: left,
                passed,
            });
            report.runs.push(run);
        }
    }
    let took: Vec<u64> = report.runs.iter().map(|run| run.ms).collect();
    let verdicts = &mut report.verdicts;
    (verdicts.line_ms, verdicts.count) = (LINE_MS, took.len() as u64);
    (verdicts.median_ms, verdicts.p95_ms) = (census::percentile(&took, 50), census::percentile(&took, 95));
    verdicts.within_line = took.iter().filter(|ms| **ms <= LINE_MS).count() as u64;
    report.period.runs = took.len() as u64;
    report.left_out = LeftOut {
        tests_run: report.runs.iter().map(|run| run.tests_run).sum(),
        tests_left_out: report.runs.iter().map(|run| run.tests_left_out).sum(),
        reasons: Vec::new(),
    };
}

fn check(left_out: u64, checked: u64, failed: u64) -> Check {
    let bound_per_million = bound::per_million(failed, checked);
    let bound_failures = bound_per_million.map(|share| bound::at_most(share, left_out));
    Check { left_out, checked, failed, bound_per_million, bound_failures }
}

fn weeks(report: &mut Report, chance: &mut Chance, days: u64) {
    let mondays = census::mondays(&back(days), LAST, 104);
    let all = mondays.len() as u64;
    for (number, monday) in mondays.into_iter().enumerate() {
        let number = number as u64;
        let inside: Vec<&Run> = report.runs.iter().filter(|run| census::monday(&run.at[..10]) == monday).collect();
        let took: Vec<u64> = inside.iter().map(|run| run.ms).collect();
        let left: u64 = inside.iter().map(|run| run.tests_left_out).sum();
        let reason = |reason: &str, tests: u64| Reason { reason: reason.into(), tests, runs: took.len() as u64 };
        let escapes = [0, 0, 1, 0, 0, 2][usize::try_from(number % 6).unwrap()];
        report.weeks.push(Week {
            runs: took.len() as u64,
            verdicts: took.len() as u64,
            median_ms: census::percentile(&took, 50),
            tests_run: inside.iter().map(|run| run.tests_run).sum(),
            left_out: vec![
                reason("untouched", left * 7 / 10),
                reason("weekly", left * 2 / 10),
                reason("over-budget", left / 20),
                reason("filtered-by-user", left / 20),
            ],
            escapes,
            // Nobody looked in one week.
            check: if number == 1 { check(left, 0, 0) } else { check(left, 1900 + chance.next(200), escapes) },
            sightings: 20 + chance.next(300),
            faults: 4 + number * 14 / all.max(1),
            faults_guarded: number * 11 / all.max(1),
            week: monday,
        });
    }
    for name in ["untouched", "weekly", "over-budget", "filtered-by-user"] {
        let of = |week: &Week| week.left_out.iter().find(|it| it.reason == name).map_or(0, |it| it.tests);
        report.left_out.reasons.push(Reason {
            reason: name.into(),
            tests: report.weeks.iter().map(of).sum(),
            runs: report.period.runs,
        });
    }
    let sum = |of: fn(&Check) -> u64| report.weeks.iter().map(|week| of(&week.check)).sum();
    report.escapes.check = check(sum(|it| it.left_out), sum(|it| it.checked), sum(|it| it.failed));
    report.escapes.found = report.weeks.iter().map(|week| week.escapes).sum();
    (report.escapes.failures, report.escapes.failures_run) = (report.escapes.found + 88, 88);
    for number in 0..report.escapes.found {
        let (found, skipping) =
            (&report.runs[usize::try_from(number).unwrap()], &report.runs[usize::try_from(number).unwrap() + 3]);
        report.escapes.list.push(Escape {
            test: format!("pytest::tests/test_orders.py::test_escape_{number}"),
            found_at: found.at.clone(),
            found_run: found.run.clone(),
            found_commit: found.commit.clone(),
            skipped_at: skipping.at.clone(),
            skipping_run: skipping.run.clone(),
            skipping_commit: skipping.commit.clone(),
            reason: "weekly".into(),
        });
    }
}

fn suites(report: &mut Report, chance: &mut Chance, days: u64) {
    let (mut fast, mut weekly) = (1900, 240);
    report.suites.days.push(SuiteDay { day: back(days), fast, weekly });
    for day in (0..days).rev().filter(|day| day % 7 == 3) {
        for (from, to, rule, tests) in [
            ("fast", "weekly", "quiet", 2 + chance.next(4)),
            ("weekly", "fast", "changed", chance.next(3)),
            ("absent", "fast", "observed", 3),
            ("fast", "weekly", "flaky", u64::from(day % 21 == 3)),
        ] {
            for number in 0..tests {
                let record = id(chance, 64);
                if number == 0 {
                    let (from, to, rule) = (from.into(), to.into(), rule.into());
                    report.suites.moves.push(Moves { day: back(day), from, to, rule, tests, record: record.clone() });
                }
                let sealed = day > 7;
                report.changes.push(Change {
                    record,
                    index: sealed.then_some(report.changes.len() as u64 + 4),
                    commit: sealed.then(|| "3c".repeat(20)),
                    at: at(day, 3),
                    kind: "change".into(),
                    op: if from == "absent" { "add" } else { "move" }.into(),
                    test: format!("pytest::tests/test_{rule}.py::test_{rule}_{day}_{number}"),
                    from: from.into(),
                    to: to.into(),
                    rule: rule.into(),
                    text: format!("what it covers did not change for {} days", 180 + day),
                    actor: "titer place".into(),
                    signed_by: if sealed { vec!["example.org/shop/ci+68a367e9".into()] } else { Vec::new() },
                });
            }
            match (from, to) {
                ("fast", "weekly") => (fast, weekly) = (fast - tests, weekly + tests),
                ("weekly", "fast") => (fast, weekly) = (fast + tests, weekly - tests),
                _ => fast += tests,
            }
        }
        report.suites.days.push(SuiteDay { day: back(day), fast, weekly });
    }
    let named = |kind: &str, record: String| Change {
        record,
        kind: kind.into(),
        at: at(9, 40),
        actor: "git:Lead <lead@example.org>".into(),
        text: HOSTILE.into(),
        index: Some(3),
        ..Change::default()
    };
    report.changes.push(named("policy", id(chance, 64)));
    report.changes.push(named("seal", id(chance, 64)));
    report.changes.sort_by(|a, b| b.at.cmp(&a.at));
    report.suites.moves.reverse();
    report.suites.days.push(SuiteDay { day: LAST.into(), fast, weekly });
    (report.suites.fast, report.suites.weekly) = (fast, weekly);
    for (number, has_expired) in [true, false, false].into_iter().enumerate() {
        report.suites.quarantines.push(Quarantine {
            test: format!("pytest::tests/test_flaky.py::test_flaky_{number}"),
            since: at(40, 3),
            until: Some(if has_expired { back(10) } else { "2026-12-20".into() }),
            text: "passed and failed on the same tree, 3 trees in 30 days; team-shop should mend it".into(),
            record: report.changes.first().map(|it| it.record.clone()).unwrap_or_default(),
            has_expired,
        });
    }
}

fn faults(report: &mut Report, chance: &mut Chance, days: u64) {
    const TYPES: [&str; 6] = [
        "KeyError",
        "ValueError",
        "AttributeError",
        "TypeError",
        "ZeroDivisionError",
        "requests.exceptions.ConnectionError",
    ];
    for number in 0..20_u64 {
        let first = days - 1 - chance.next(days / 2 + 1);
        let last = chance.next(first.max(1));
        let is_guarded = number % 5 > 1;
        report.faults.list.push(Fault {
            fault: id(chance, 32),
            error_type: TYPES[usize::try_from(number % 6).unwrap()].into(),
            message: if number == 2 { HOSTILE.into() } else { format!("no coupon {number}") },
            path: if number >= 18 {
                String::new()
            } else {
                format!("shop/{}.py", ["prices", "orders", "mail"][usize::try_from(number % 3).unwrap()])
            },
            function: if number >= 18 { String::new() } else { "discount".into() },
            first_seen: at(first, 11),
            last_seen: at(last, 300),
            sightings: 900 / (number + 1),
            users: 300 / (number + 1),
            drafts: u64::from(is_guarded),
            guard: (is_guarded && number < 18)
                .then(|| format!("pytest::tests/test_guard_{number}.py::test_guard_{number}")),
            guarded_at: (is_guarded && number < 18).then(|| at(first.saturating_sub(2), 90)),
        });
    }
    report.faults.list.sort_by_key(|it| (it.path.is_empty(), it.guard.is_some()));
    let faults = &mut report.faults;
    faults.total = faults.list.len() as u64;
    faults.in_repository = faults.list.iter().filter(|it| !it.path.is_empty()).count() as u64;
    faults.guarded = faults.list.iter().filter(|it| it.guard.is_some()).count() as u64;
    faults.sightings = faults.list.iter().map(|it| it.sightings).sum();
    let (bare, guarded) = (faults.list[0].clone(), faults.list.iter().find(|it| it.guard.is_some()).unwrap().clone());
    let relapse = |it: &Fault| Relapse {
        fault: it.fault.clone(),
        error_type: it.error_type.clone(),
        path: it.path.clone(),
        function: it.function.clone(),
        fixed_by: "1f".repeat(20),
        seen_in: "2e".repeat(20),
        seen_at: it.last_seen.clone(),
        guard: it.guard.clone(),
    };
    let list = vec![relapse(&bare), relapse(&guarded)];
    report.relapses =
        Relapses { with_guard: Rate { fixed: 10, relapsed: 1 }, without_guard: Rate { fixed: 3, relapsed: 1 }, list };
}

fn guards(report: &mut Report, chance: &mut Chance) {
    let mut list = Vec::new();
    for (number, fault) in report.faults.list.iter().enumerate().filter(|(_, it)| !it.path.is_empty()) {
        let is_in = fault.guard.is_some();
        let day = fault.guarded_at.clone().unwrap_or_else(|| fault.last_seen.clone());
        let step = |step: &str, state: &str| Step { at: day.clone(), step: step.into(), state: state.into() };
        let mut steps = vec![step("drafted", ""), step("checked", if is_in { "passed" } else { "failed" })];
        steps.extend(is_in.then(|| step("proposed", "passed")));
        steps.extend((is_in && number % 2 == 0).then(|| step("auto-merge", "passed")));
        list.push(Draft {
            draft: format!("{}-1", &fault.fault[..8]),
            fault: fault.fault.clone(),
            test: format!("pytest::tests/test_guard_{number}.py::test_guard_{number}"),
            runner: "pytest".into(),
            rung: ["request", "hook", "vars"][usize::try_from(chance.next(3)).unwrap()].into(),
            drafted_at: day.clone(),
            step: steps.last().unwrap().step.clone(),
            state: if is_in { "passed" } else { "failed" }.into(),
            criterion: if is_in { "" } else { "assertions" }.into(),
            reason: if is_in {
                "https://github.com/acme/shop/pull/7"
            } else {
                "a stub that returns nothing passes, too"
            }
            .into(),
            fate: if is_in { "in-suite" } else { "refused" }.into(),
            auto_merge: is_in && number % 2 == 0,
            would_have_caught: is_in,
            steps,
        });
    }
    let count = |is: &dyn Fn(&Draft) -> bool| list.iter().filter(|it| is(it)).count() as u64;
    let passed = count(&|it| it.state == "passed");
    report.guards = Guards {
        drafted: list.len() as u64,
        checked: list.len() as u64,
        passed,
        waiting_for_fix: 1,
        refused: count(&|it| it.state == "failed"),
        injected: 0,
        proposed: passed,
        auto_merged: count(&|it| it.auto_merge),
        auto_merged_reverted: 1,
        reverted: 1,
        in_suite: passed,
        replayed: passed,
        would_have_caught: passed - 1,
        median_seconds_to_guard: Some(7400),
        list,
    };
}

fn tests(report: &mut Report, chance: &mut Chance) {
    (report.tests.total, report.tests.all_us) = (2210, 412_000_000);
    for number in 0..15_u64 {
        let suite = if number % 3 == 0 { "weekly" } else { "fast" }.to_owned();
        let test = format!(
            "pytest::tests/checkout/test_orders_{number}.py::TestCheckout::test_an_order_with_a_coupon_nobody_knows[{number}]"
        );
        let median_us = 9_000_000 / (number + 1);
        report.tests.slowest.push(Slow {
            test: test.clone(),
            suite: suite.clone(),
            median_us,
            p95_us: median_us * 13 / 10,
            runs: 300,
        });
        report.tests.valuable.push(Valuable {
            test: test.replace("coupon", "price"),
            suite: suite.clone(),
            points: 1400 / (number + 2),
            faults: 9 - number.min(9),
            sightings: 900 / (number + 1),
            true_failures: chance.next(5),
            changes: chance.next(40),
            authors: chance.next(9),
            only_here: chance.next(30),
            median_us: 12_000 + chance.next(90_000),
        });
        if number < 3 {
            report.tests.flaky.push(Flaky {
                test,
                suite,
                trees: 3 - number,
                passes: 9,
                failures: 4,
                last_failed: at(number, 50),
            });
        }
    }
}
