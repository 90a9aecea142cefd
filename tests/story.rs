//! A year of one repository with three languages, from what production said to the test that a weekly job brings back: real git, real
//! pytest, jest and cargo, a real Bugsink that the real sentry-sdk sends to.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;

use serde_json::Value;
use support::interpreters::of_sources;
use support::jest_project::Packages;
use support::shop::{learn, rows};
use support::tracker::Bugsink;
use support::{Ending, Repository, cargo_project, day, newest, says};

/// The folders of the three languages, and the commands of their runners, as their users type them there.
const COMMANDS: [(&str, &[&str]); 3] = [
    ("api", &["pytest", "-q"]),
    ("web", &["node", "node_modules/jest/bin/jest.js", "-i"]),
    ("till", &["cargo", "test", "--offline"]),
];
/// In each language a test of each module: one that nothing happens to, one that changes every month, one that production failed in, and one
/// whose module nothing happens to until a number changes that it reads and does not name.
const MODULES: [&str; 4] = ["quiet", "busy", "faulty", "reader"];
/// Where the number stands.
const LIMITS: [&str; 3] = ["api/shop/deep.py", "web/limits.js", "till/src/limits.rs"];
/// The tests of the number.
const READERS: [&str; 3] = [
    "pytest::api/tests/test_reader.py::test_reader",
    "jest::web/test/reader.test.js::reader",
    "cargo::till::test/reader::reader",
];

/// Sends what production said: a year ago, and until today. Each event also goes to a file, as the SDK has it.
const SENDS: &str = r#"import json, sys, sentry_sdk
sys.path.insert(0, "api")
from shop import MODULE

at = []

def as_of(event, hint):
    event["timestamp"] = at[0]
    with open("KEPT", "a") as kept:
        kept.write(json.dumps(event) + "\n")
    return event

sentry_sdk.init(dsn=sys.argv[1], release="RELEASE", default_integrations=False, before_send=as_of)
for day in DAYS:
    at[:] = [f"{day}T00:00:00Z"]
    try:
        MODULE.MODULE(None)
    except TypeError as error:
        sentry_sdk.capture_exception(error)
    for platform, file in (("javascript", "web/src/MODULE.js"), ("native", "till/src/MODULE.rs")):
        frame = {"filename": file, "abs_path": "/srv/" + file, "function": "MODULE", "lineno": 2, "in_app": True}
        value = {"type": "Broken", "value": platform, "stacktrace": {"frames": [frame]}}
        sentry_sdk.capture_event({"platform": platform, "level": "error", "exception": {"values": [value]}})
sentry_sdk.flush(10)
"#;

/// What jest sets up around every test file.
const AROUND: &str = "const { TestEnvironment } = require('jest-environment-node');
const { LIMIT } = require('./limits');
module.exports = class extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    this.global.LIMIT = LIMIT;
  }
};
";

struct Story {
    repository: Repository,
}

impl Story {
    fn begin() -> Self {
        let mut repository = cargo_project::Project::new(Some(newest())).repository;
        repository.variables.insert("PYTHONPATH".to_owned(), format!("{}", repository.beside("witness").display()));
        let story = Self { repository };
        let write = |path: &str, text: &str| story.repository.write(path, text);
        write(".gitignore", "__pycache__/\n.pytest_cache/\nnode_modules\ntarget\nCargo.lock\n");
        let modules = Packages::Newest.folder().join("node_modules");
        story.repository.link("web/node_modules", modules.to_str().unwrap());
        write("api/conftest.py", "");
        write("api/pytest.ini", "[pytest]\ntestpaths = tests\npythonpath = .\n");
        write("api/shop/__init__.py", "");
        write("api/shop/deep.py", "LIMIT = 1\n");
        write("api/shop/middle.py", "from shop import deep\n");
        write("web/package.json", "{\"name\":\"shop\",\"version\":\"1.0.0\"}\n");
        write("web/limits.js", "exports.LIMIT = 1;\n");
        let around = "{ testEnvironment: './around.js', transform: {} }";
        write("web/jest.config.js", &format!("module.exports = {around};\n"));
        write("web/around.js", AROUND);
        let manifest =
            "[package]\nname = \"till\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n";
        write("till/Cargo.toml", manifest);
        write("till/src/limits.rs", "pub static LIMIT: u32 = 1;\n");
        write("till/src/lib.rs", &format!("pub mod limits;\npub mod {};\n", MODULES.join(";\npub mod ")));
        for name in MODULES {
            story.module(name, "1");
        }
        story.repository.git(&["init", "-q", "-b", "main"]);
        story.repository.commit_before(365, "first");
        story
    }

    /// A module of each language that gives this, and its test; a reader gives the number.
    fn module(&self, name: &str, one: &str) {
        let write = |path: String, text: String| self.repository.write(&path, text);
        let [head, python, script, rust] = match name {
            "reader" => ["from shop import middle\n\n", "middle.deep.LIMIT", "LIMIT", "crate::limits::LIMIT"],
            _ => ["", one, one, one],
        };
        write(format!("api/shop/{name}.py"), format!("{head}def {name}(more=0):\n    return {python} + more\n"));
        let test = format!("from shop.{name} import {name}\n\n\ndef test_{name}():\n    assert {name}() == 1\n");
        write(format!("api/tests/test_{name}.py"), test);
        write(format!("web/src/{name}.js"), format!("exports.{name} = (more = 0) =>\n  {script} + more;\n"));
        let test =
            format!("const it = require('../src/{name}');\ntest('{name}', () => expect(it.{name}()).toBe(1));\n");
        write(format!("web/test/{name}.test.js"), test);
        write(format!("till/src/{name}.rs"), format!("pub fn {name}() -> u32 {{\n    {rust} + 0\n}}\n"));
        let test = format!("#[test]\nfn {name}() {{\n    assert_eq!(till::{name}::{name}(), 1);\n}}\n");
        write(format!("till/tests/{name}.rs"), test);
    }

    /// A commit a month that changes what the busy modules do, though not what comes of it.
    fn a_year_goes_by(&self) {
        for month in (1..12).rev() {
            self.module("busy", &format!("{} - {month}", month + 1));
            self.repository.commit_before(month * 30, "a month of work");
        }
    }

    /// The number that the readers read becomes another in all languages.
    fn limit(&self, old: &str, new: &str) {
        for path in LIMITS {
            self.repository.replace(path, &format!("= {old}"), &format!("= {new}"));
        }
    }

    /// `titer VERB -- COMMAND` for each runner, and how each ended.
    fn each(&self, verb: &[&str]) -> Vec<Ending> {
        let one = |(folder, command): &(&str, &[&str])| {
            self.repository.titer(&[&["-C", folder], verb, &["--"], command].concat())
        };
        COMMANDS.iter().map(one).collect()
    }

    fn passes(&self, verb: &[&str]) -> Vec<Ending> {
        let ended = self.each(verb);
        for ending in &ended {
            says(ending, 0, &[]);
        }
        ended
    }

    /// The sender of errors in a module on some days before today.
    fn sender(&self, module: &str, days: &[i64]) -> String {
        let days: Vec<String> = days.iter().map(|before| format!("{:?}", day(*before))).collect();
        let kept = self.repository.beside("events.jsonl").display().to_string();
        let text = SENDS.replace("MODULE", module).replace("KEPT", &kept).replace("RELEASE", &self.first());
        let path = self.repository.beside("send.py");
        fs::write(&path, text.replace("DAYS", &format!("[{}]", days.join(", ")))).unwrap();
        path.display().to_string()
    }

    /// The first commit: what production still runs.
    fn first(&self) -> String {
        let mut git = self.repository.command("git", &self.repository.root());
        let told = git.args(["rev-list", "--max-parents=0", "HEAD"]).output().unwrap();
        String::from_utf8(told.stdout).unwrap().trim().to_owned()
    }

    fn place(&self, flags: &[&str]) -> Value {
        let done = self.repository.titer(&[&["place", "--json"], flags].concat());
        says(&done, 0, &[]);
        serde_json::from_str(&done.stdout).unwrap()
    }
}

/// What a placement moves and which rule speaks for how many: all of it but how long somebody has been listening.
fn decided(placed: &Value) -> Vec<String> {
    let moves = placed["moves"].as_array().unwrap().iter();
    let moves = moves.map(|step| format!("{} {} {}", step["test"], step["to"], step["rule"]));
    moves.chain(placed["rules"].as_array().unwrap().iter().map(Value::to_string)).collect()
}

/// Tests of all three runners, by the name of their module.
fn three(modules: &[&str]) -> Vec<String> {
    let cargo = modules.iter().map(|name| format!("cargo::till::test/{name}::{name}"));
    let jest = modules.iter().map(|name| format!("jest::web/test/{name}.test.js::{name}"));
    cargo
        .chain(jest)
        .chain(modules.iter().map(|name| format!("pytest::api/tests/test_{name}.py::test_{name}")))
        .collect()
}

/// Learns the same events from the tracker and from a file: the same placement. The tracker's stay.
fn learned_either_way(story: &Story) -> Value {
    let repository = &story.repository;
    repository.keep("recorded");
    says(&learn(repository, &repository.beside("events.jsonl"), &[]), 0, &["6 sightings of 3 faults"]);
    let by_file = story.place(&["--dry-run"]);
    repository.restore("recorded");
    let pulled = repository.titer(&["learn", "bugsink", "--project", "1", "--url", &repository.variables["URL"]]);
    says(&pulled, 0, &["bugsink 1: 6 sightings of 3 faults"]);
    let by_tracker = story.place(&[]);
    assert_eq!(decided(&by_file), decided(&by_tracker));
    by_tracker
}

#[test]
fn a_year_of_three_languages_from_what_production_said_to_the_test_that_comes_back() {
    let mut story = Story::begin();
    story.a_year_goes_by();
    let bugsink = Bugsink::start(&story.repository, of_sources());
    story.repository.variables.insert("BUGSINK_TOKEN".to_owned(), bugsink.token.clone());
    let url = format!("http://127.0.0.1:{}", bugsink.port);
    story
        .repository
        .write("titer.toml", format!("[[source]]\ntracker = \"bugsink\"\nproject = \"1\"\nurl = \"{url}\"\n"));
    story.repository.variables.insert("URL".to_owned(), url);
    story.repository.commit_before(20, "who listens");
    bugsink.send(&story.repository, &story.sender("faulty", &[300, 1]), 3, 6);
    says(&story.repository.titer(&["learn", "git"]), 0, &["learned 13 commits"]);
    story.passes(&["run", "--record=deep"]);

    let placed = learned_either_way(&story);
    let to_weekly: Vec<String> =
        three(&["quiet", "reader"]).iter().map(|test| format!("{test:?} \"weekly\" \"quiet\"")).collect();
    assert_eq!(decided(&placed)[..6], to_weekly, "{placed}");
    story.repository.commit_before(0, "placed");

    // A commit that only touches what others loaded: the tests stay out, and all is green.
    story.limit("1", "2");
    story.repository.commit_before(0, "another limit");
    story.passes(&["run", "--record"]);
    let skipped = rows(&story.repository, "SELECT DISTINCT run_id FROM decisions WHERE reason = 'weekly' ORDER BY 1");
    assert_eq!(skipped.len(), 3, "{skipped:?}");

    // Meanwhile production fails where it never did. The weekly job finds both.
    bugsink.send(&story.repository, &story.sender("quiet", &[0]), 3, 9);
    for ((ending, reader), run) in story.each(&["weekly"]).iter().zip(READERS).zip(&skipped) {
        let escape = format!("escape: {reader} failed; run {run}");
        assert_ne!(ending.code, Some(0));
        says(ending, ending.code.unwrap(), &[&escape, "the first to leave it out: weekly"]);
    }
    assert_eq!(story.place(&["--dry-run"])["before"]["weekly"]["tests"], 0);
    for (reader, run) in READERS.iter().zip(&skipped) {
        says(&story.repository.titer(&["explain", reader]), 0, &["lives in FAST since", "escaped:", run]);
    }
    for quiet in three(&["quiet"]) {
        says(&story.repository.titer(&["explain", &quiet]), 0, &["lives in FAST since", "faulted:"]);
    }
    story.repository.commit_before(0, "placed again");

    // Mended, and broken once more in the same way: now the commit's own run tells.
    story.limit("2", "1");
    story.passes(&["run", "--record"]);
    story.limit("1", "3");
    for (ending, reader) in story.each(&["run", "--no-record"]).iter().zip(READERS) {
        assert_ne!(ending.code, Some(0), "{reader}: {}{}", ending.stdout, ending.stderr);
    }
}
