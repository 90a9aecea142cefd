//! The recipes that `titer init` writes, rehearsed: the very lines of them run in clones of a local remote with the variables that each CI system
//! sets. The default branch records, a pull request from a shallow clone leaves tests out and saves nothing, the weekly job places, and what
//! it places is sealed. In place of fetching titer it is on PATH; a folder stands for the caches.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;
use std::path::Path;

use support::cargo_project;
use support::jest_project::{self, Packages};
use support::rehearsal::{Event, Job, Rehearsal};
use support::{Repository, day, newest, on_github, on_others, small};

/// How a CI system runs its recipe for an event.
type Run = fn(&Rehearsal, &Event) -> Vec<Job>;

/// Sets a repository up as its owner would: `titer init`, a key for the log, all committed long ago.
fn set_up(repository: Repository, ci: &str) -> Rehearsal {
    let told = repository.titer(&["init", "--ci", ci]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let key = repository.beside("sealer.key");
    let made = repository.titer(&["audit", "keygen", "example.org/shop/suite-log", "--out", key.to_str().unwrap()]);
    let public = made.stdout.lines().next().unwrap();
    repository.replace("titer.toml", "# sealer = \"\"", &format!("sealer = {public:?}"));
    repository.replace("titer.toml", "# origin = \"\"", "origin = \"example.org/shop/suite-log\"");
    repository.commit_before(400, "set up");
    let key = fs::read_to_string(key).unwrap();
    Rehearsal::new(repository, key.trim())
}

/// The jobs that ran, each of which must have passed.
#[track_caller]
fn passed(jobs: &[Job]) -> Vec<&str> {
    for job in jobs {
        assert!(job.passed, "{} failed:\n{}", job.name, job.said);
    }
    jobs.iter().map(|job| job.name.as_str()).collect()
}

fn said(jobs: &[Job]) -> String {
    jobs.iter().map(|job| job.said.as_str()).collect()
}

/// A branch with one edit, on top of `main`, pushed.
fn propose(rehearsal: &Rehearsal, file: &str, old: &str, new: &str) {
    rehearsal.repository.git(&["checkout", "-q", "-B", "topic", "main"]);
    rehearsal.repository.replace(file, old, new);
    rehearsal.repository.commit("an edit");
    rehearsal.push("topic");
    rehearsal.repository.git(&["checkout", "-q", "main"]);
}

/// A pull request: what it leaves out, and that the caches stay as they are.
#[track_caller]
fn pull(rehearsal: &Rehearsal, run: Run) -> Vec<Job> {
    let before = rehearsal.caches();
    let jobs = run(rehearsal, &Event::Pull);
    assert_eq!(jobs.len(), 1, "a pull request has one job: {jobs:?}");
    assert!(rehearsal.caches() == before, "a pull request wrote into the caches");
    jobs
}

/// The weekly job writes records; merged, they are sealed by the next push, and the log is whole.
#[track_caller]
fn places_and_seals(rehearsal: &Rehearsal, run: Run) {
    let jobs = run(rehearsal, &Event::Weekly);
    passed(&jobs);
    let proposed = rehearsal.in_remote(&["diff", "--name-only", "main", "titer/weekly"]);
    assert!(
        !proposed.is_empty() && proposed.lines().all(|path| path.starts_with(".titer/suite/")),
        "{proposed}\n{}",
        said(&jobs)
    );
    rehearsal.repository.git(&["fetch", "-q", "origin"]);
    rehearsal.repository.git(&["merge", "-q", "--no-ff", "-m", "placed", "origin/titer/weekly"]);
    rehearsal.push("main");
    let jobs = run(rehearsal, &Event::Push);
    passed(&jobs);
    assert!(rehearsal.commit_of("titer-log").is_some(), "nothing was sealed:\n{}", said(&jobs));
    rehearsal.repository.git(&["fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*"]);
    rehearsal.repository.git(&["branch", "-q", "-f", "titer-log", "origin/titer-log"]);
    let listed = rehearsal.repository.titer(&["audit", "verify"]);
    // Good, but for a checkpoint that somebody keeps outside.
    assert_eq!(listed.code, Some(6), "{}{}\n{}", listed.stdout, listed.stderr, said(&jobs));
}

/// Where `titer report` is, the page and the job's summary are.
fn reports(rehearsal: &Rehearsal, summary: Option<&str>) {
    if rehearsal.repository.titer(&["report", "--help"]).code == Some(0) {
        for name in ["titer-report.html"].into_iter().chain(summary) {
            let text = fs::read_to_string(rehearsal.artifact(name)).unwrap_or_default();
            assert!(!text.is_empty(), "no {name}");
        }
    }
}

/// The small project of pytest, which GitHub runs.
fn with_pytest() -> Rehearsal {
    let repository = Repository::bare(newest());
    for (path, text) in small::FILES {
        repository.write(path, text);
    }
    repository.git(&["init", "-q", "-b", "main"]);
    repository.write(".gitignore", "__pycache__/\n.pytest_cache/\n");
    set_up(repository, "github")
}

#[test]
fn the_action_does_all_of_that_in_one_step() {
    let rehearsal = with_pytest();
    let inputs = [("command", "pytest -q -k 'a or b'"), ("args", "--junit report.xml")];
    let job = on_github::act(&rehearsal, &Event::Push, &inputs);
    assert!(job.passed && job.said.contains("3 passed"), "{}", job.said);
    propose(&rehearsal, "b.py", "return 2", "return 3");
    let before = rehearsal.caches();
    let job = on_github::act(&rehearsal, &Event::Pull, &inputs);
    assert!(job.passed && job.said.contains("1 passed"), "{}", job.said);
    assert!(rehearsal.caches() == before, "a pull request wrote into the caches");
    propose(&rehearsal, "b.py", "return 2", "return -1");
    let job = on_github::act(&rehearsal, &Event::Pull, &inputs);
    assert!(!job.passed && job.said.contains("1 failed"), "{}", job.said);
    let job = on_github::act(&rehearsal, &Event::Weekly, &[("command", "pytest -q"), ("weekly", "true")]);
    assert!(job.passed && job.said.contains("as of ") && job.said.contains("3 passed"), "{}", job.said);
    assert!(rehearsal.caches().len() > before.len(), "the weekly job saves the ledger");
}

#[test]
fn github_runs_a_project_of_pytest_and_moves_its_quiet_tests_to_weekly() {
    let rehearsal = with_pytest();
    let jobs = on_github::run(&rehearsal, &Event::Push);
    assert_eq!(passed(&jobs), ["titer", "seal"]);
    assert!(said(&jobs).contains("3 passed"), "{}", said(&jobs));
    assert!(!jobs[0].said.contains("PRIVATE+KEY"), "tests see no key");
    propose(&rehearsal, "b.py", "return 2", "return 3");
    let jobs = pull(&rehearsal, on_github::run);
    assert_eq!(passed(&jobs), ["titer"]);
    assert!(said(&jobs).contains("1 passed"), "{}", said(&jobs));
    propose(&rehearsal, "b.py", "return 2", "return -1");
    let jobs = pull(&rehearsal, on_github::run);
    assert!(!jobs[0].passed && said(&jobs).contains("1 failed"), "{}", said(&jobs));
    listen(&rehearsal);
    places_and_seals(&rehearsal, on_github::run);
    let told = rehearsal.repository.titer(&["audit", "list", "HEAD~1..HEAD"]);
    assert!(
        told.stdout.contains("test_b.py::test_b") && told.stdout.contains("weekly"),
        "{}{}",
        told.stdout,
        told.stderr
    );
    reports(&rehearsal, Some("summary.md"));
}

/// Somebody listens to production, and there was nothing: into the newest ledger that CI has kept.
fn listen(rehearsal: &Rehearsal) {
    let caches = fs::read_dir(rehearsal.repository.beside("caches")).unwrap();
    let newest = caches.map(|entry| entry.unwrap().path()).max().unwrap();
    let file = rehearsal.repository.beside("production.jsonl");
    fs::write(&file, "").unwrap();
    let (covers, ledger) = (format!("{}..{}", day(380), day(0)), newest.to_str().unwrap());
    let told =
        rehearsal.repository.titer(&["--ledger", ledger, "learn", "file", file.to_str().unwrap(), "--covers", &covers]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
}

#[test]
fn gitlab_runs_a_project_of_jest() {
    let project = jest_project::Project::new(Packages::Newest);
    let repository = project.repository;
    repository.write("package.json", r#"{"name":"shop","devDependencies":{"jest":"30"},"jest":{"transform":{}}}"#);
    for name in ["a", "b"] {
        repository.write(&format!("{name}.js"), format!("exports.{name} = () => 1;\n"));
        let test = format!(
            "const {{ {name} }} = require('./{name}');\n\ntest('{name}', () => expect({name}()).toBeGreaterThan(0));\n"
        );
        repository.write(&format!("{name}.test.js"), test);
    }
    let rehearsal = set_up(repository, "gitlab");
    let jobs = on_others::gitlab(&rehearsal, &Event::Push);
    assert_eq!(passed(&jobs), ["titer:push", "titer:seal"]);
    assert!(said(&jobs).contains("2 passed, 2 total"), "{}", said(&jobs));
    propose(&rehearsal, "b.js", "=> 1", "=> 2");
    let jobs = pull(&rehearsal, on_others::gitlab);
    assert_eq!(passed(&jobs), ["titer:merge-request"]);
    assert!(said(&jobs).contains("1 passed, 1 total"), "{}", said(&jobs));
    places_and_seals(&rehearsal, on_others::gitlab);
    reports(&rehearsal, Some("titer-report.md"));
}

#[test]
fn buildkite_runs_a_project_of_cargo() {
    let repository = cargo_project::Project::new(None).repository;
    repository.git(&["init", "-q", "-b", "main"]);
    repository.write(".gitignore", "target/\n");
    repository.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"b\"]\n");
    for name in ["a", "b"] {
        repository.write(
            &format!("{name}/Cargo.toml"),
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
        );
        let code = "pub fn one() -> u32 {\n    1\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn is_more() {\n        assert!(super::one() > 0);\n    }\n}\n";
        repository.write(&format!("{name}/src/lib.rs"), code);
    }
    assert!(
        repository
            .command("cargo", &repository.root())
            .args(["generate-lockfile", "--offline"])
            .status()
            .unwrap()
            .success()
    );
    let rehearsal = set_up(repository, "buildkite");
    let jobs = on_others::buildkite(&rehearsal, &Event::Push);
    assert_eq!(passed(&jobs), ["titer-push", "titer-verdict", "titer-seal"]);
    assert_eq!(said(&jobs).matches("test tests::is_more ... ok").count(), 2, "{}", said(&jobs));
    propose(&rehearsal, "b/src/lib.rs", "    1\n", "    2\n");
    let jobs = pull(&rehearsal, on_others::buildkite);
    assert_eq!(passed(&jobs), ["titer-reads"]);
    assert_eq!(said(&jobs).matches("test tests::is_more ... ok").count(), 1, "{}", said(&jobs));
    places_and_seals(&rehearsal, on_others::buildkite);
    // A test that fails fails the build, and what was seen of it is kept.
    rehearsal.repository.replace("a/src/lib.rs", "    1\n", "    0\n");
    rehearsal.repository.commit("a fault");
    rehearsal.push("main");
    let before = rehearsal.caches();
    let jobs = on_others::buildkite(&rehearsal, &Event::Push);
    let verdicts: Vec<(&str, bool)> = jobs.iter().map(|job| (job.name.as_str(), job.passed)).collect();
    assert_eq!(verdicts, [("titer-push", true), ("titer-verdict", false), ("titer-seal", true)], "{}", said(&jobs));
    assert!(rehearsal.caches() != before, "what was seen is kept");
    reports(&rehearsal, None);
    assert!(Path::new(&rehearsal.artifact("titer-result")).exists());
}
