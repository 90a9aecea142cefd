//! The shop of `testdata/guard-shop`, faulty and then fixed, with a fault of it that titer has learned.

use std::fs;

use serde_json::{Value, json};

use super::Repository;
use super::interpreters::of_sources;
use super::shop::rows;

const BUG: &str = "COUPONS[coupon]";
const FIX: &str = "COUPONS.get(coupon, 0)";

/// The shop, faulty (`v1`) and then fixed.
pub fn project() -> Repository {
    let repository = Repository::bare(of_sources());
    repository.copy_in("testdata/guard-shop");
    repository.write(".gitignore", "__pycache__/\n.titer/\n");
    repository.replace("shop/prices.py", "def quote", "def _rounded(cents):\n    return cents // 5 * 5\n\n\ndef quote");
    repository.git(&["init", "-q", "-b", "main"]);
    repository.commit_before(20, "the shop opens");
    repository.git(&["tag", "v1"]);
    repository.replace("shop/prices.py", BUG, FIX);
    repository.commit("an unknown coupon takes nothing off");
    repository
}

/// The same, and a fault of it that was learned from a file; the fault's id.
pub fn shop(event: &dyn Fn(&str) -> Value) -> (Repository, String) {
    let repository = project();
    let file = repository.beside("event.json");
    fs::write(&file, event("v1").to_string()).unwrap();
    let learned = repository.titer(&["learn", "file", file.to_str().unwrap()]);
    assert_eq!(learned.code, Some(0), "{}\n{}", learned.stdout, learned.stderr);
    let ids = rows(&repository, "SELECT fault_id FROM faults ORDER BY sightings DESC, fault_id");
    (repository, ids.first().cloned().unwrap_or_default())
}

/// An event as sentry-sdk sends it: the locals of two frames.
pub fn event(release: &str) -> Value {
    let frame = |function: &str, line: u32, vars: Value| json!({"filename": "shop/prices.py", "module": "shop.prices", "function": function, "lineno": line, "in_app": true, "vars": vars});
    let frames = [
        frame("quote", 19, json!({"basket": [{"price": "1999", "count": "3"}], "coupon": "'SUMMER'", "total": "5997"})),
        frame("discount", 8, json!({"total": "5997", "coupon": "'SUMMER'"})),
    ];
    json!({"event_id": "a".repeat(32), "timestamp": "2026-11-21T05:00:00Z", "platform": "python", "level": "error", "release": release,
        "exception": {"values": [{"type": "KeyError", "value": "'SUMMER'", "stacktrace": {"frames": frames}}]}})
}
