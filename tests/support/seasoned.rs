//! A shop that has been through everything that a report tells of.

use std::fs;

use serde_json::{Value, json};

use super::interpreters::of_sources;
use super::shop::rows;
use super::{Repository, day, made_up, says};

/// How its user runs its tests.
pub const RUN: &[&str] = &["run", "--record", "--", "pytest", "-q"];

/// A sighting as sentry-sdk sends it: this error, in this function of the shop.
pub fn event(number: u32, before: i64, release: &str, error: &str, function: &str, line: u32) -> Value {
    let frame = |function: &str, line: u32, vars: Value| json!({"filename": "shop/prices.py", "module": "shop.prices", "function": function, "lineno": line, "in_app": true, "vars": vars});
    let mut frames = vec![frame(
        "quote",
        15,
        json!({"basket": [{"price": "1999", "count": "3"}], "coupon": "'SUMMER'", "total": "5997"}),
    )];
    if function != "quote" {
        frames.push(frame(function, line, json!({"total": "5997", "coupon": "'SUMMER'"})));
    }
    json!({"event_id": format!("{number:032x}"), "timestamp": format!("{}T05:00:00Z", day(before)), "platform": "python", "level": "error",
        "release": release, "exception": {"values": [{"type": error, "value": made_up::HOSTILE, "stacktrace": {"frames": frames}}]}})
}

/// Learns from one event.
pub fn learn(repository: &Repository, event: &Value, more: &[&str]) {
    let file = repository.beside("event.json");
    fs::write(&file, event.to_string()).unwrap();
    let learned = repository.titer(&[&["learn", "file", file.to_str().unwrap()], more].concat());
    assert_eq!(learned.code, Some(0), "{}\n{}", learned.stdout, learned.stderr);
}

/// A shop that has seen it all: two faults, one of them with a guard and come back, a test in WEEKLY whose failure escaped, a weekly job.
pub fn seasoned() -> Repository {
    let repository = Repository::bare(of_sources());
    repository.copy_in("testdata/guard-shop");
    repository.write(".gitignore", "__pycache__/\n.pytest_cache/\n");
    repository.write("shop/deep.py", "LIMIT = 1\n");
    repository.write("shop/middle.py", "from shop import deep\n");
    repository.write("shop/user.py", "from shop import middle\n\n\ndef user():\n    return middle.deep.LIMIT\n");
    repository
        .write("tests/test_user.py", "from shop.user import user\n\n\ndef test_user():\n    assert user() == 1\n");
    repository.git(&["init", "-q", "-b", "main"]);
    repository.commit_before(300, "the shop opens");
    repository.git(&["tag", "v1"]);
    says(&repository.titer(RUN), 0, &["3 passed"]);
    let covers = format!("{}..{}", day(360), day(0));
    learn(&repository, &event(1, 9, "v1", "KeyError", "discount", 8), &["--covers", &covers]);
    says(&repository.titer(&["place"]), 0, &["quiet"]);
    repository.commit("placed");
    repository.replace("shop/prices.py", "COUPONS[coupon]", "COUPONS.get(coupon, 0)");
    repository.commit("an unknown coupon takes nothing off");
    let fault = rows(&repository, "SELECT fault_id FROM faults").remove(0)[..8].to_owned();
    says(&repository.titer(&["guard", "draft", &fault]), 0, &["fixed by"]);
    says(&repository.titer(&["guard", "inject", &format!("{fault}-1")]), 0, &["absent -> FAST"]);
    repository.commit("a guard");
    repository.git(&["tag", "v2"]);
    says(&repository.titer(RUN), 0, &["passed"]);
    repository.replace("shop/deep.py", "LIMIT = 1", "LIMIT = 2");
    repository.commit("breaks user");
    repository.titer(&["run", "--", "pytest", "-q"]).exits(0);
    says(&repository.titer(&["weekly", "--", "pytest", "-q"]), 1, &["escape: pytest::tests/test_user.py::test_user"]);
    // What was fixed comes back, and something else fails that no call reproduces.
    learn(&repository, &event(2, -1, "v2", "KeyError", "discount", 8), &[]);
    learn(&repository, &event(3, 1, "v1", "MemoryError", "quote", 15), &[]);
    let other =
        rows(&repository, "SELECT fault_id FROM faults WHERE error_type = 'MemoryError'").remove(0)[..8].to_owned();
    says(&repository.titer(&["guard", "draft", &other]), 1, &["no draft"]);
    repository
}
