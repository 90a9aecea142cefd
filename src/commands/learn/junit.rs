//! `titer learn junit`: outcomes from before titer, out of the reports that CI has kept.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bridges::{clock, disk};
use crate::commands::gather;
use crate::decide::former::{Places, test_of};
use crate::formats::junit_history::{self, Report};
use crate::formats::segment_v1::{OutcomeRow, RunRow, VERSION};
use crate::formats::{instant, nextest_names};
use crate::ledger::duck::Lens;
use crate::ledger::store::Store;
use crate::ledger::{imports, learned, map};
use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::outcome::Outcome;
use crate::model::reported::{ReportedTest, Reporter, Unmapped};
use crate::settings::Settings;

use super::several;

/// What was asked.
#[derive(Debug)]
pub struct Request {
    /// The reports.
    pub files: Vec<PathBuf>,
    /// The runner, where the reports do not tell it.
    pub runner: Option<Reporter>,
    /// When the tests ran, whatever the reports say.
    pub at: Option<String>,
}

/// What the variant of such a test is: nobody knows under what it ran.
const VARIANT: &str = "junit";

/// Reads the reports one by one; one that cannot be read costs only itself.
///
/// # Errors
/// A report cannot be read, or the ledger cannot be written. What the other reports tell is kept.
pub fn run(settings: &Settings, request: &Request, out: &mut dyn Write, talk: &mut dyn Write) -> Result<(), Failure> {
    let at = request.at.as_deref().map(|text| instant::read(text).ok_or_else(|| no_date(text))).transpose()?;
    let store = super::store(settings)?;
    let tree = gather::read_tree(settings)?;
    let known = map::load(&store)?.map;
    let files: BTreeSet<String> = tree.entries.into_keys().collect();
    let folder = settings.folder_from_root();
    let folder = if folder == "." { String::new() } else { folder };
    let tests = known.tests.iter().map(|test| test.id.as_str());
    let places = Places::new(files, tests, &folder);
    let desk = Desk { settings, store: &store, lens: super::lens(settings)?, places, runner: request.runner, at };
    let mut tally = Tally::default();
    let mut failures: Vec<Failure> = Vec::new();
    for file in &request.files {
        match desk.learn(file, &mut tally) {
            Ok(()) => {}
            Err(failure) => failures.push(failure),
        }
    }
    super::say(settings, out, &tally.to_string())?;
    for ((why, reporter), (number, example)) in &tally.unmapped {
        let _ = writeln!(
            talk,
            "titer: warning: {} of {reporter} not mapped: {} (the first: {example})",
            several(*number, "outcome"),
            why.words()
        );
    }
    let more = failures.len().saturating_sub(1);
    match failures.into_iter().next() {
        None => Ok(()),
        Some(failure) if more == 0 => Err(failure),
        Some(failure) => Err(failure.hint(format!("{} cannot be read either", several(more, "other report")))),
    }
}

fn no_date(text: &str) -> Failure {
    Failure::usage(format!("--at {text}: this is no date")).hint("write 2026-11-21 or 2026-11-21T05:00:00Z")
}

/// What was learned, in numbers.
#[derive(Debug, Default)]
struct Tally {
    outcomes: usize,
    reports: usize,
    /// Reports that were there already.
    known: usize,
    tests: BTreeSet<String>,
    days: Option<(String, String)>,
    /// How many, and the first of them.
    unmapped: BTreeMap<(Unmapped, &'static str), (usize, String)>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.reports > 0 || self.known == 0 {
            let [outcomes, tests] = [several(self.outcomes, "outcome"), several(self.tests.len(), "test")];
            write!(f, "learned {outcomes} of {tests} from {}", several(self.reports, "report"))?;
        }
        if let Some((first, last)) = &self.days {
            write!(f, " ({first} to {last})")?;
        }
        match (self.known, self.reports) {
            (0, _) => Ok(()),
            (known, 0) => write!(f, "nothing new: {} known already", several(known, "report")),
            (known, _) => write!(f, "; {} known already", several(known, "report")),
        }
    }
}

/// All that reading a report takes.
struct Desk<'a> {
    settings: &'a Settings,
    store: &'a Store,
    lens: Lens,
    places: Places,
    runner: Option<Reporter>,
    at: Option<Duration>,
}

impl Desk<'_> {
    fn learn(&self, file: &Path, tally: &mut Tally) -> Result<(), Failure> {
        let name = file.display();
        let bytes = disk::read(&self.settings.folder.join(file))
            .map_err(|error| Failure::input(format!("the report {name} cannot be read")).because(error))?;
        let report = junit_history::read(&bytes).map_err(|why| {
            Failure::input(format!("{name} is no whole JUnit report: {why}"))
                .hint("nothing of it is kept; the other reports are, and may be named again with it")
        })?;
        let reporter = self.runner.or(report.reporter).ok_or_else(|| {
            Failure::input(format!("{name} does not tell which runner wrote it"))
                .hint("say so: --runner pytest, --runner jest or --runner cargo")
        })?;
        let run = format!("junit.{}", &Digest::of(&bytes).to_string()[..16]);
        let begun = self.begun(&run, &report, file)?;
        let outcomes = self.outcomes(reporter, &report, &run, begun, tally);
        if outcomes.is_empty() {
            return Ok(());
        }
        let row = Self::row(&run, reporter, begun, &outcomes);
        if imports::commit_run(self.store, &row.started[..10], &row, &outcomes)? {
            tally.reports += 1;
            tally.outcomes += outcomes.len();
            let day = row.started[..10].to_owned();
            let (first, last) = tally.days.take().unwrap_or_else(|| (day.clone(), day.clone()));
            tally.days = Some((first.min(day.clone()), last.max(day)));
            tally.tests.extend(outcomes.into_iter().map(|outcome| outcome.test));
        } else {
            tally.known += 1;
        }
        Ok(())
    }

    /// When the run began. What was kept of the same report before stays as it is, so that learning it again adds nothing.
    fn begun(&self, run: &str, report: &Report, file: &Path) -> Result<Duration, Failure> {
        let kept = learned::started(&self.lens, run)?.and_then(|text| instant::read(&text));
        let told = report.at.as_deref().and_then(instant::read);
        kept.or(self.at).or(told).ok_or_else(|| {
            Failure::input(format!("{} does not tell when its tests ran", file.display()))
                .hint("say so: --at 2026-11-21T05:00:00Z")
        })
    }

    /// Every outcome that can be mapped, a test at a time: the worst where the report tells one test twice.
    fn outcomes(
        &self,
        reporter: Reporter,
        report: &Report,
        run: &str,
        begun: Duration,
        tally: &mut Tally,
    ) -> Vec<OutcomeRow> {
        let unit_of = |binary: &str| nextest_names::unit_of(binary, str::to_owned);
        let mut tests: BTreeMap<String, ReportedTest> = BTreeMap::new();
        for test in &report.tests {
            let id = match test_of(reporter, test, &self.places, &unit_of) {
                Ok(id) => id,
                Err(why) => {
                    let named = [test.class.as_str(), &test.name].join(" ");
                    let example = named.trim().chars();
                    // The text is anybody's: it must not move the cursor of a terminal.
                    let example = example.filter(|letter| !letter.is_control()).take(200).collect();
                    tally.unmapped.entry((why, word(reporter))).or_insert((0, example)).0 += 1;
                    continue;
                }
            };
            match tests.get_mut(&id) {
                None => drop(tests.insert(id, test.clone())),
                Some(kept) => {
                    kept.seconds += test.seconds;
                    if badness(test.outcome) > badness(kept.outcome) {
                        kept.outcome = test.outcome;
                    }
                }
            }
        }
        // Where somebody said otherwise when it ran, the report's own times say nothing.
        let is_told = report.at.as_deref().and_then(instant::read) == Some(begun);
        let rows = tests.into_iter().flat_map(|(id, test)| {
            let own = test.at.as_deref().and_then(instant::read).filter(|_| is_told);
            attempts(run, own.unwrap_or(begun), &id, &test)
        });
        rows.collect()
    }

    fn row(run: &str, reporter: Reporter, begun: Duration, outcomes: &[OutcomeRow]) -> RunRow {
        let failed = outcomes.iter().any(|outcome| badness(outcome.outcome) > 1);
        RunRow {
            v: VERSION,
            run: run.to_owned(),
            attempt: 1,
            shard: "1-1".to_owned(),
            ci_run: None,
            started: clock::timestamp(begun),
            seconds: outcomes.iter().map(|outcome| outcome.seconds).sum(),
            runner: word(reporter).to_owned(),
            // The same report is the same run, whatever it is called and wherever it lies.
            command: vec![VARIANT.to_owned()],
            cwd: String::new(),
            commit: None,
            branch: None,
            dirty: false,
            recorded: false,
            health: "ok".to_owned(),
            exit: i32::from(failed),
            titer: env!("CARGO_PKG_VERSION").to_owned(),
            tests_run: outcomes.len() as u64,
            tests_left_out: 0,
            // Of no tree that is known: each report is of one of its own.
            inventory: Digest::of(run.as_bytes()),
            suite: None,
        }
    }
}

/// The attempts at one test: those that failed, and the one that counts.
fn attempts(run: &str, at: Duration, id: &str, test: &ReportedTest) -> Vec<OutcomeRow> {
    let at = clock::timestamp(at);
    let last = test.failed_before.saturating_add(1);
    let attempt = |attempt: u32| OutcomeRow {
        v: VERSION,
        run: run.to_owned(),
        at: at.clone(),
        test: id.to_owned(),
        variant: VARIANT.to_owned(),
        outcome: if attempt == last { test.outcome } else { Outcome::Failed },
        seconds: if attempt == last { test.seconds } else { 0.0 },
        attempt,
        worker: String::new(),
    };
    (1..=last).map(attempt).collect()
}

fn word(reporter: Reporter) -> &'static str {
    match reporter {
        Reporter::Pytest => "pytest",
        Reporter::Jest => "jest",
        Reporter::Cargo => "cargo",
    }
}

/// Of two outcomes of one test in one report, the larger counts; from 2 on it is a failure.
fn badness(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Skipped => 0,
        Outcome::Passed | Outcome::Xfailed | Outcome::Xpassed => 1,
        Outcome::Failed => 2,
        Outcome::Error => 3,
        Outcome::Crashed => 4,
    }
}
