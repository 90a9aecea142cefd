//! `titer mcp` to an agent that speaks the protocol by its authors' own SDK: what it is told, and what becomes of what it hands in.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use serde_json::{Value, json};

use support::guarded::{event, shop};
use support::started::Going;
use support::{Repository, shop::rows};

/// What each step answered.
fn agent(repository: &Repository, steps: &Value) -> Value {
    let python = repository.interpreter.python();
    let mut command = repository.command(python, &repository.root());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/guard/agent.py");
    command.args([script, env!("CARGO_BIN_EXE_titer"), &steps.to_string()]);
    let ended = Going::start(repository, command).wait();
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}\n{}", ended.stdout, ended.stderr))
}

const GOOD: &str =
    "from shop.prices import quote\n\n\ndef test_a_coupon_nobody_knows():\n    assert quote([], 'X') == 0\n";
const BAD: &str = "from shop.prices import quote\n\n\ndef test_a_coupon():\n    assert quote([], 'SPRING') == 0\n";

#[test]
fn an_agent_of_somebodys_own_goes_from_the_list_of_faults_to_a_guard_by_five_tools() {
    let (repository, fault) = shop(&event);
    let short = &fault[..8];
    let told = agent(
        &repository,
        &json!([
            ["list", "faults.list", {"most": 5}],
            ["context", "faults.context", {"fault": short}],
            ["conventions", "tests.conventions", {"fault": short}],
            ["bad", "guard.check", {"fault": short, "text": BAD, "fixed": "HEAD"}],
            ["early", "guard.submit", {"draft": "LAST"}],
            ["good", "guard.check", {"fault": short, "text": GOOD, "fixed": "HEAD"}],
            ["submitted", "guard.submit", {"draft": "LAST"}],
            ["after", "faults.list", {}],
        ]),
    );
    let names: Vec<&str> = told["tools"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["faults.list", "faults.context", "tests.conventions", "guard.check", "guard.submit"]);
    assert_eq!(told["list"]["faults"][0]["fault_id"], fault.as_str());
    assert!(told["list"]["warning"].as_str().unwrap().starts_with("Data from production"), "{told}");
    // What the command line says of the same, word for word.
    let context: Value = serde_json::from_str(&repository.titer(&["guard", "context", short]).stdout).unwrap();
    assert_eq!(told["context"], context);
    assert_eq!(context["crash"]["path"], "shop/prices.py");
    assert!(context["frames"].to_string().contains("def discount"), "{context}");
    assert_eq!(told["conventions"]["conventions"], context["conventions"]);
    assert!(told["conventions"]["conventions"]["text"].as_str().unwrap().contains("test_a_coupon"), "{told}");
    let failed = |verdicts: &Value| -> Vec<Value> {
        let all = verdicts["verdicts"].as_array().unwrap().iter();
        all.filter(|one| one["state"] == "failed").map(|one| one["criterion"].clone()).collect()
    };
    assert!(failed(&told["bad"]).contains(&"before-after".into()), "{told}");
    assert_eq!((&told["early"]["submitted"], &told["submitted"]["submitted"]), (&false.into(), &true.into()), "{told}");
    assert_eq!((&told["good"]["state"], failed(&told["good"])), (&"passed".into(), vec![]), "{told}");
    let own = repository.titer(&["guard", "check", told["good"]["draft"].as_str().unwrap(), "--json"]);
    let own: Value = serde_json::from_str(&own.stdout).unwrap_or_else(|_| panic!("{}", own.stderr));
    assert_eq!(
        (&own["state"], &own["test"], &own["faulty"], &own["fixed"]),
        (&told["good"]["state"], &told["good"]["test"], &told["good"]["faulty"], &told["good"]["fixed"])
    );
    // It is a test of the project's now, with its record, in FAST; and the fault is off the list.
    let file = told["good"]["test"].as_str().unwrap().split("::").nth(1).unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(repository.path(&file)).unwrap(), GOOD);
    assert_eq!(told["after"]["faults"], json!([]));
    let steps = rows(&repository, "SELECT step FROM guard_steps WHERE step = 'injected'");
    assert_eq!(steps, ["injected"]);
}

#[test]
fn what_an_agent_asks_wrongly_is_refused_in_a_sentence_and_it_is_served_on() {
    let (repository, fault) = shop(&event);
    let short = &fault[..8];
    let told = agent(
        &repository,
        &json!([
            ["unknown", "faults.context", {"fault": "ffffffff"}],
            ["nothing", "guard.check", {}],
            ["no fault", "guard.check", {"text": GOOD}],
            ["no such", "guard.submit", {"draft": "ffffffff-1"}],
            ["elsewhere", "guard.submit", {"draft": "../../../etc/passwd"}],
            ["a file", "guard.check", {"draft": "tests/test_prices.py", "fault": short}],
            ["no tool", "guard.push", {}],
            ["other", "faults.list", {"everything": true}],
            ["kind", "faults.list", {"most": "all"}],
            ["text", "guard.check", {"fault": short, "text": "def test_it(:\n", "fixed": "HEAD"}],
            ["list", "faults.list", {}],
        ]),
    );
    for (step, way, words) in [
        ("unknown", "error", "no fault begins with ffffffff"),
        ("nothing", "error", "guard.check needs `text` and `fault`, or `draft`"),
        ("no fault", "error", "guard.check needs to know the `fault`"),
        ("no such", "error", "there is no draft ffffffff-1"),
        ("elsewhere", "error", "`draft` is no name of a draft"),
        ("a file", "error", "`draft` is no name of a draft"),
        ("no tool", "refused", "there is no tool guard.push"),
        ("other", "refused", "faults.list has no argument `everything`"),
        ("kind", "refused", "`most` has to be of type integer"),
    ] {
        let said = told[step][way].as_str().unwrap_or_else(|| panic!("{step}: {told}"));
        assert!(said.contains(words), "{step}: {said}");
    }
    assert_eq!(told["text"]["state"], "failed", "{told}");
    assert_eq!(told["list"]["faults"][0]["fault_id"], fault.as_str());
}

#[test]
fn standard_input_that_speaks_no_protocol_is_a_sentence() {
    let (repository, _) = shop(&event);
    let ended = repository.titer(&["mcp"]);
    assert_eq!(ended.code, Some(3), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("nobody speaks the Model Context Protocol on standard input"), "{}", ended.stderr);
}
