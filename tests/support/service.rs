//! A service with a year of history and what production said of it, to be placed.

use std::fs;

use serde_json::{Value, json};

use super::{Ending, Repository, day, newest};

const PYTEST: &[&str] = &["pytest", "-q"];

/// A repository whose history lies in the past, counted in days before today.
pub struct Service {
    pub repository: Repository,
}

impl Service {
    /// One module a name, each with a test of its own that calls its function; all committed a year ago.
    pub fn of(modules: &[&str]) -> Self {
        let repository =
            Repository::with(newest(), &[(".gitignore", "__pycache__/\n.pytest_cache/\n"), ("app/__init__.py", "")]);
        for name in modules {
            repository.write(&format!("app/{name}.py"), format!("def {name}():\n    return 1\n"));
            let test = format!("from app.{name} import {name}\n\ndef test_{name}():\n    assert {name}() == 1\n");
            repository.write(&format!("tests/test_{name}.py"), test);
        }
        repository.write("conftest.py", "");
        let service = Self { repository };
        service.commit(365, "first");
        service
    }

    /// Commits everything as if so many days ago, at noon.
    pub fn commit(&self, before: i64, message: &str) {
        self.repository.commit_before(before, message);
    }

    /// The function of a module gets another body, which means the same.
    pub fn rewrite(&self, name: &str) {
        self.repository.replace(&format!("app/{name}.py"), "return 1", "return 2 - 1");
    }

    pub fn run(&self, flags: &[&str]) -> Ending {
        self.repository.titer(&[&["run"], flags, &["--"], PYTEST].concat())
    }

    pub fn record(&self) {
        let ran = self.run(&["--record"]);
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    }

    /// What production said: a file that covers the days from `since` to `until` before today.
    pub fn learn(&self, sightings: &[Value], since: i64, until: i64) {
        let text: String = sightings.iter().fold(String::new(), |text, line| text + &format!("{line}\n"));
        let file = self.repository.beside("production.jsonl");
        fs::write(&file, text).unwrap();
        let covers = format!("{}..{}", day(since), day(until));
        let done = self.repository.titer(&["learn", "file", file.to_str().unwrap(), "--covers", &covers]);
        assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    }

    /// `titer place`, as `placement_v1`.
    pub fn place(&self, flags: &[&str]) -> Value {
        let done = self.repository.titer(&[&["place", "--json"], flags].concat());
        assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }
}

/// One sighting of a fault in the function of a module, as our own lines say it.
pub fn sighting(event: &str, before: i64, file: &str, function: &str) -> Value {
    json!({"v": 1, "event": event, "at": format!("{}T03:00:00Z", day(before)), "type": "ValueError", "message": "no",
        "frames": [{"file": file, "function": function, "line": 2, "in_app": true}]})
}
