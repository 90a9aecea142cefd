//! The findings of `titer doctor` in words: what is so, and the next step where something is wrong.

use std::fmt::Write as _;

use crate::model::finding::Finding;

use super::{setup, summary};

/// What is so.
fn sentence(finding: &Finding) -> String {
    match finding {
        Finding::Git { root } => format!("git reads {root}"),
        Finding::NoGit { root } => format!("git knows no repository at {root}: every file is looked at in every run"),
        Finding::GitFails { why } => format!("git does not read the repository: {why}"),
        Finding::Configured { file: Some(file) } => format!("{file} is understood"),
        Finding::Configured { file: None } => "there is no titer.toml, so the defaults are in force".to_owned(),
        Finding::Misconfigured { why } => format!("{why}; the defaults are in force"),
        Finding::Ledger { folder } => format!("{folder} can be read and written"),
        Finding::NoLedger { folder } => format!("there is none at {folder}: nothing is known, so everything runs"),
        Finding::LedgerReadOnly { folder } => format!("{folder} cannot be written: no run is kept"),
        Finding::LedgerFails { why } => format!("{why}; every test runs"),
        Finding::BadSegment { segment, problem } => format!("{segment}: {problem}"),
        Finding::Map { tests, recorded, variants, hours } => {
            let age = hours.map_or_else(String::new, |hours| format!(", the newest run {} ago", ago(hours)));
            let (recorded, tests) = (summary::count(*recorded), summary::count(*tests));
            let noun = if *variants == 1 { "variant" } else { "variants" };
            format!("{recorded} of {tests} tests recorded under {variants} {noun}{age}")
        }
        Finding::NoMap => "no test is known yet, so everything runs".to_owned(),
        Finding::NothingRecorded { tests } => {
            format!("{} tests are known and what they depend on is not, so they all run", summary::count(*tests))
        }
        Finding::Unhealthy { at, why } => format!("the recording of {at} is not used: {why}"),
        Finding::Enters { interpreter, python, pytest } => {
            format!("pytest {pytest} on Python {python} ({interpreter})")
        }
        Finding::NoInterpreter { last: Some(last) } => format!("{last}, under which tests ran last, is not there"),
        Finding::NoInterpreter { last: None } => "there is no Python on PATH".to_owned(),
        Finding::NoPytest { interpreter, why } => format!("{interpreter} cannot start pytest: {why}"),
        Finding::TooOld { interpreter, what } => format!("{interpreter} has {what}, which titer does not get into"),
        Finding::Cargo { folder, version } | Finding::Jest { folder, version } => {
            format!("titer gets into the tests of {folder} with {version}")
        }
        Finding::NoCargo { folder, why } | Finding::NoJest { folder, why } => {
            format!("titer does not get into the tests of {folder}: {why}")
        }
        Finding::SeesFiles => "the file tracer sees what every program of a run does with files".to_owned(),
        Finding::SeesLess { why } => format!("the file tracer does not run here, so more tests run than must: {why}"),
        Finding::NoCache { folder } => {
            format!("titer's cache {folder} cannot be written, so a temporary folder serves")
        }
        Finding::Records => "a run here records by itself".to_owned(),
        Finding::Reads { why } => format!("a run here reads the ledger and does not record: {why}"),
        Finding::UnknownCi => "titer does not know this CI system, so no run here records".to_owned(),
        Finding::Volatile { path, tests, all } => {
            let (tests, all) = (summary::count(whole(*tests)), summary::count(whole(*all)));
            format!("{path} differed in each of the last 5 records, and {tests} of {all} tests run for it")
        }
        Finding::NothingVolatile => "no path that differs at every commit runs over half of the tests".to_owned(),
        Finding::Ignored { .. }
        | Finding::NotIgnored { .. }
        | Finding::Recipe { .. }
        | Finding::NoRecipe { .. }
        | Finding::WeeklyJob { .. }
        | Finding::NoWeeklyJob
        | Finding::Sources { .. }
        | Finding::NoSources
        | Finding::Sealer { .. }
        | Finding::NoSealer
        | Finding::Sandbox { .. }
        | Finding::NoSandbox { .. } => setup::piece(finding).0,
    }
}

/// What to do about it.
fn next(finding: &Finding) -> Option<String> {
    let step = match finding {
        Finding::NoGit { .. } => "run titer in a git repository (`git init`), where only what changed is looked at",
        Finding::GitFails { .. } => "make `git status` work there (`safe.directory`, an unfinished clone)",
        Finding::Misconfigured { .. } => "mend that line; the settings and their defaults are in the README",
        Finding::NoLedger { .. } | Finding::NoMap => {
            "run your tests once with titer: `titer run -- pytest` or `titer run -- cargo test`"
        }
        Finding::LedgerReadOnly { .. } => "make the folder writable, or name another: --ledger DIR or TITER_LEDGER",
        Finding::LedgerFails { .. } => {
            "run your tests once, which writes a new snapshot; else delete the folder and record anew"
        }
        Finding::BadSegment { .. } => "the rest is used; delete the ledger and record anew to be rid of the line",
        Finding::NothingRecorded { .. } => "run once with `titer run --record -- COMMAND`",
        Finding::Unhealthy { .. } => "mend that and run once more; until then what was recorded before is used",
        Finding::NoInterpreter { .. } => {
            "activate the project's environment; another interpreter is another variant and runs whole"
        }
        Finding::NoPytest { .. } => "install pytest there, or put the environment that has it first on PATH",
        Finding::TooOld { .. } => "titer selects with Python 3.9 and pytest 7.4 or newer; older ones run whole",
        Finding::NoJest { .. } => "titer selects with jest 29 or newer and node on PATH; else every test runs",
        Finding::NoCargo { .. } => {
            "mend what `cargo test --no-run` says there, if it says something; else every test runs"
        }
        Finding::NoCache { .. } => "make it writable, or name another with XDG_CACHE_HOME",
        Finding::UnknownCi => "name default_branch in titer.toml, or give --record in the job that may write the map",
        Finding::Volatile { path, .. } => {
            return Some(format!("if no test is about what is in it, add to titer.toml: volatile = [\"{path}\"]"));
        }
        Finding::Git { .. }
        | Finding::Configured { .. }
        | Finding::Ledger { .. }
        | Finding::Map { .. }
        | Finding::Enters { .. }
        | Finding::Cargo { .. }
        | Finding::Jest { .. }
        | Finding::SeesFiles
        | Finding::SeesLess { .. }
        | Finding::Records
        | Finding::Reads { .. }
        | Finding::NothingVolatile => return None,
        Finding::Ignored { .. }
        | Finding::NotIgnored { .. }
        | Finding::Recipe { .. }
        | Finding::NoRecipe { .. }
        | Finding::WeeklyJob { .. }
        | Finding::NoWeeklyJob
        | Finding::Sources { .. }
        | Finding::NoSources
        | Finding::Sealer { .. }
        | Finding::NoSealer
        | Finding::Sandbox { .. }
        | Finding::NoSandbox { .. } => return setup::piece(finding).1.map(str::to_owned),
    };
    Some(step.to_owned())
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn ago(hours: u64) -> String {
    match hours {
        0 => "less than an hour".to_owned(),
        1 => "an hour".to_owned(),
        2..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}

/// One line a finding, and one for each next step.
#[must_use]
pub fn lines(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let mark = match (finding.is_wrong(), finding.is_lacking()) {
            (true, _) => "WRONG",
            (false, true) => "lacks",
            (false, false) => "ok",
        };
        let _ = writeln!(text, "{mark:<5}  {:<13}  {}", finding.part().word(), sentence(finding));
        if let Some(next) = next(finding) {
            let _ = writeln!(text, "{:22} next: {next}", "");
        }
    }
    text
}

/// The same as one JSON object a line.
#[must_use]
pub fn json(findings: &[Finding]) -> String {
    let row = |finding: &Finding| {
        let wrong = finding.is_wrong();
        let value = serde_json::json!({
            "v": 1, "part": finding.part().word(), "wrong": wrong, "lacking": finding.is_lacking(), "what": sentence(finding), "next": next(finding),
        });
        format!("{value}\n")
    };
    findings.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_or_lacking_has_a_next_step_and_what_is_well_has_none() {
        for finding in [
            Finding::NoMap,
            Finding::UnknownCi,
            Finding::Volatile { path: "a.py".into(), tests: 6, all: 10 },
            Finding::NoInterpreter { last: None },
            Finding::Records,
            Finding::Configured { file: None },
            Finding::NoRecipe { has_others: true },
            Finding::Recipe { file: ".gitlab-ci.yml".into() },
            Finding::NoWeeklyJob,
            Finding::NoSources,
            Finding::Sources { configured: 1 },
            Finding::NoSealer,
            Finding::NoSandbox { why: "no".into() },
        ] {
            assert_eq!(next(&finding).is_some(), finding.is_wrong() || finding.is_lacking(), "{finding:?}");
        }
    }

    #[test]
    fn the_line_for_the_configuration_can_be_copied() {
        let text = lines(&[Finding::Volatile { path: "src/_version.py".into(), tests: 1200, all: 1201 }]);
        assert!(text.contains("volatile = [\"src/_version.py\"]") && text.contains("1,200 of 1,201"), "{text}");
    }
}
