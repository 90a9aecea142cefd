//! Guards in JavaScript, with the real jest: the gate, what an injected guard does in a run, a fault without a fix.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use support::jest_project::{Packages, Project};
use support::shop::rows;
use support::{Ending, Repository};

const BUG: &str = "const {percent} = COUPONS[coupon];";
const FIX: &str = "const {percent} = COUPONS[coupon] || {percent: 0};";
const JEST: &[&str] = &["run", "--", "node", "node_modules/jest/bin/jest.js"];

/// The shop, faulty and then fixed, and a fault of it that was learned from a file; the fault's id.
fn shop(packages: Packages, event: &dyn Fn(&str) -> Value) -> (Repository, String) {
    let repository = faulty(packages);
    fix(&repository);
    let fault = learned(&repository, event("v1").to_string().as_bytes());
    (repository, fault)
}

fn faulty(packages: Packages) -> Repository {
    let repository = Project::new(packages).repository;
    repository.copy_in("testdata/guard-jest-shop");
    repository.write(".gitignore", "node_modules\n.titer/\n");
    repository.commit_before(20, "the shop opens");
    repository.git(&["tag", "v1"]);
    repository
}

fn fix(repository: &Repository) {
    repository.replace("src/prices.js", BUG, FIX);
    repository.commit("an unknown coupon takes nothing off");
}

fn learned(repository: &Repository, event: &[u8]) -> String {
    let file = repository.beside("event.json");
    fs::write(&file, event).unwrap();
    says(&repository.titer(&["learn", "file", file.to_str().unwrap()]), 0, &[]);
    let ids = rows(repository, "SELECT fault_id FROM faults ORDER BY sightings DESC, fault_id");
    ids.first().cloned().unwrap_or_default()
}

/// An event as @sentry/node sends it without its integration for local variables.
fn event(release: &str) -> Value {
    let frame = |function: &str, line: u32| json!({"filename": "/srv/shop/src/prices.js", "module": "src:prices", "function": function, "lineno": line, "colno": 11, "in_app": true});
    json!({"event_id": "a".repeat(32), "timestamp": "2026-11-21T05:00:00Z", "platform": "node", "level": "error", "release": release,
        "exception": {"values": [{"type": "TypeError", "value": "Cannot destructure property 'percent'",
            "stacktrace": {"frames": [frame("quote", 22), frame("discount", 16)]}}]}})
}

#[track_caller]
fn says(ending: &Ending, code: i32, words: &[&str]) {
    let all = format!("{}\n{}", ending.stdout, ending.stderr);
    assert_eq!(ending.code, Some(code), "{all}");
    for word in words {
        assert!(all.contains(word), "{word:?} is not in {all}");
    }
}

/// A planted draft: its name, its text, the criterion that has to refuse it (none: it is a good one).
type Planted = (&'static str, &'static str, &'static str);

const PLANTED: &[Planted] = &[
    ("good", "test('it', () => {\n  expect(quote([], 'X')).toBe(0);\n});\n", ""),
    ("passes on the faulty commit", "test('it', () => { expect(quote([], 'SPRING')).toBe(0); });\n", "before-after"),
    (
        "calls what is private",
        "const {_rounded} = require('../src/prices');\ntest('it', () => { expect(_rounded(quote([], 'X'))).toBe(0); });\n",
        "public",
    ),
    (
        "mocks the project's own",
        "jest.mock('../src/prices', () => ({quote: () => 0}));\ntest('it', () => { expect(quote([], 'X')).toBe(0); });\n",
        "public",
    ),
    ("asserts nothing", "test('it', () => { quote([], 'X'); });\n", "assertions"),
    (
        "asserts only that it is something",
        "test('it', () => { expect(quote([], 'X')).not.toBe(false); });\n",
        "assertions",
    ),
    (
        "asserts on a mock",
        "test('it', () => {\n  const seen = jest.fn();\n  seen(quote([], 'X'));\n  expect(seen).toHaveBeenCalledTimes(1);\n});\n",
        "assertions",
    ),
    (
        "swallows the exception",
        "test('it', () => {\n  try {\n    expect(quote([], 'X')).toBe(0);\n  } catch {}\n});\n",
        "assertions",
    ),
    (
        "is flaky",
        "test('it', () => {\n  expect(quote([], 'X')).toBe(0);\n  expect(new Date(0).getHours()).toBe(0);\n});\n",
        "before-after",
    ),
    ("fails elsewhere", "test('it', () => {\n  expect(undefined.x).toBe(quote([], 'X'));\n});\n", "code-path"),
    (
        "contains a secret",
        "test('it', () => { expect(quote([{price: 0, count: 0, apiKey: 'sk_live_4eC39HqLyjWDarjtT1zdp7dc'}], 'X')).toBe(0); });\n",
        "hygiene",
    ),
    (
        "sleeps",
        "test('it', async () => {\n  await new Promise(go => global['set' + 'Timeout'](go, 100));\n  expect(quote([], 'X')).toBe(0);\n});\n",
        "hygiene",
    ),
    (
        "uses the network",
        "test('it', async () => {\n  await global['fet' + 'ch']('http://127.0.0.1:8099/').catch(() => {});\n  expect(quote([], 'X')).toBe(0);\n});\n",
        "hygiene",
    ),
    (
        "touches a file of the product",
        "const fs = require('fs');\ntest('it', () => {\n  try { fs.writeFileSync('src/prices.js', ''); } catch {}\n  expect(quote([], 'X')).toBe(0);\n});\n",
        "hygiene",
    ),
    ("is no JavaScript", "test('it', () => {\n", "hygiene"),
];

/// Holds planted drafts against the gate, and returns what was wrong with its answers.
fn planted(packages: Packages, all: &[Planted]) -> Vec<String> {
    let (repository, fault) = shop(packages, &event);
    let product = fs::read_to_string(repository.path("src/prices.js")).unwrap();
    let mut wrong = Vec::new();
    for (name, text, criterion) in all {
        let file = repository.beside("planted.test.js");
        fs::write(&file, format!("const {{quote}} = require('../src/prices');\n{text}")).unwrap();
        let file = file.to_str().unwrap();
        let told = repository.titer(&["guard", "check", file, "--fault", &fault[..8], "--fixed", "HEAD", "--json"]);
        let said = format!("{name}: {}\n{}", told.stdout, told.stderr);
        let verdicts: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{said}"));
        let refused: BTreeSet<&str> = verdicts["verdicts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|verdict| verdict["state"] == "failed")
            .map(|verdict| verdict["criterion"].as_str().unwrap())
            .collect();
        let is_right = told.code == Some(i32::from(!criterion.is_empty()))
            && (criterion.is_empty() || refused.contains(criterion));
        if !is_right {
            wrong.push(said);
        }
    }
    assert_eq!(fs::read_to_string(repository.path("src/prices.js")).unwrap(), product);
    wrong
}

#[test]
fn planted_drafts_are_refused_for_what_is_wrong_with_them() {
    let (one, other) = PLANTED.split_at(PLANTED.len() / 2);
    let wrong = std::thread::scope(|scope| {
        let one = scope.spawn(|| planted(Packages::Newest, one));
        let other = scope.spawn(|| planted(Packages::Jest29, other));
        [one.join().unwrap(), other.join().unwrap()].concat()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the real SDK sent of the shop's crash: `locals`, or `bare` of them.
fn sent(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/guard-jest-events");
    fs::read(folder.join(format!("{name}.envelope"))).unwrap()
}

/// The one guard in the tree.
fn guard(repository: &Repository) -> String {
    let all = fs::read_dir(repository.path("test")).unwrap().map(|entry| entry.unwrap().path());
    let all: Vec<PathBuf> = all.filter(|path| !path.ends_with("prices.test.js")).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    fs::read_to_string(&all[0]).unwrap()
}

#[test]
fn a_crash_of_a_service_becomes_a_test_that_waits_for_the_fix_and_then_keeps_it() {
    let repository = faulty(Packages::Newest);
    let fault = learned(&repository, &sent("locals"))[..8].to_owned();
    let drafted = repository.titer(&["guard", "draft", &fault]);
    says(
        &drafted,
        0,
        &["TypeError in src/prices.js discount", "there is no fix yet", "test.failing('quote given", &fault],
    );
    assert!(!drafted.stdout.contains("Customer") && !drafted.stdout.contains("5997"), "{}", drafted.stdout);
    let draft = format!("{fault}-1");
    says(
        &repository.titer(&["guard", "inject", &draft]),
        0,
        &["waiting before-after", "fails 3 of 3", "absent -> FAST"],
    );
    assert!(guard(&repository).contains("test.failing("));
    repository.commit("a guard");
    // It is expected to fail, so nobody is held up; with the fix it says so.
    says(&repository.titer(&[&["run", "--record"], &JEST[1..]].concat()), 0, &["3 passed"]);
    says(&repository.titer(&["guard", "settle"]), 0, &["is not fixed yet"]);
    fix(&repository);
    says(&repository.titer(JEST), 1, &["supposed to fail"]);
    says(&repository.titer(&["guard", "settle"]), 0, &["is fixed by"]);
    let settled = guard(&repository);
    assert!(!settled.contains("failing") && settled.contains("expect(quote([], '')).toBe(0);"), "{settled}");
    repository.commit("the guard asserts what is right");
    says(&repository.titer(&[&["run", "--record"], &JEST[1..]].concat()), 0, &["passed"]);
    // The revert of the fix selects it.
    repository.replace("src/prices.js", FIX, BUG);
    repository.commit("Revert \"an unknown coupon takes nothing off\"");
    says(&repository.titer(JEST), 1, &["TypeError", "quote given"]);
    let steps = rows(&repository, "SELECT step FROM guard_steps ORDER BY taken_at");
    assert_eq!(steps, ["drafted", "checked", "injected", "checked", "settled"]);
}

/// An agent that writes a test of jest's.
const AGENT: &str = r#"
const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'));
if (asked.runner !== 'jest' || !asked.conventions.text.includes('a coupon takes its part off')) process.exit(1);
if (!asked.frames[asked.frames.length - 1].text.includes('function discount')) process.exit(1);
const text = "const {quote} = require('../src/prices');\n\ntest('it', () => {\n  expect(quote([], 'X')).toBe(0);\n});\n";
require('fs').writeFileSync(process.env.TITER_DRAFT_DIR + '/it.test.js', text);
console.log(JSON.stringify({v: 1, file: 'it.test.js'}));
"#;

#[test]
fn an_event_without_arguments_makes_no_draft_and_says_why_and_an_agent_is_asked() {
    let repository = faulty(Packages::Jest30);
    fix(&repository);
    let fault = learned(&repository, &sent("bare"))[..8].to_owned();
    says(&repository.titer(&["guard", "draft", &fault]), 1, &["no draft", "includeLocalVariables"]);
    fs::write(repository.beside("agent.js"), AGENT).unwrap();
    let agent = repository.beside("agent.js").display().to_string();
    repository.write("titer.toml", format!("[guard.agent]\ncommand = [\"node\", {agent:?}]\n"));
    says(&repository.titer(&["guard", "sweep", "--again"]), 0, &["injected test/"]);
    assert!(guard(&repository).contains("expect(quote([], 'X')).toBe(0);"));
}

#[test]
fn typescript_and_modules_are_judged_and_drafted_through_the_projects_own_transform() {
    let ways: [(&str, Packages, &str, &str, &str); 3] = [
        (
            "babel",
            Packages::Jest30,
            "ts",
            r#"{"name": "shop", "jest": {}}"#,
            r#"{"presets": [["@babel/preset-env", {"targets": {"node": "current"}}], "@babel/preset-typescript"]}"#,
        ),
        ("ts-jest", Packages::Jest29, "ts", r#"{"name": "shop", "jest": {"preset": "ts-jest"}}"#, ""),
        (
            "modules",
            Packages::Newest,
            "js",
            r#"{"name": "shop", "type": "module", "scripts": {"test": "node --experimental-vm-modules node_modules/jest/bin/jest.js"}, "jest": {"transform": {}}}"#,
            "",
        ),
    ];
    for (name, packages, ending, manifest, babel) in ways {
        let repository = Project::new(packages).repository;
        let shop = "const COUPONS: Record<string, {percent: number}> = {SPRING: {percent: 10}};\n\nexport function discount(total: number, coupon: string): number {\n  const {percent} = COUPONS[coupon];\n  return Math.floor((total * percent) / 100);\n}\n\nexport async function quote(total: number, coupon: string): Promise<number> {\n  return total - discount(total, coupon);\n}\n";
        let plain = shop
            .replace(": Record<string, {percent: number}>", "")
            .replace(": number", "")
            .replace(": string", "")
            .replace(": Promise<number>", "");
        repository.write(&format!("src/prices.{ending}"), if ending == "ts" { shop.to_owned() } else { plain });
        let globals = if name == "ts-jest" { "import {expect, test} from '@jest/globals';\n" } else { "" };
        let from = if ending == "ts" { "../src/prices" } else { "../src/prices.js" };
        repository.write(&format!("test/prices.test.{ending}"), format!("{globals}import {{quote}} from '{from}';\n\ntest('a coupon', async () => {{\n  expect(await quote(1000, 'SPRING')).toBe(900);\n}});\n"));
        repository.write("package.json", manifest);
        if !babel.is_empty() {
            repository.write("babel.config.json", babel);
        }
        repository.write(
            "tsconfig.json",
            r#"{"compilerOptions": {"target": "es2022", "module": "commonjs", "strict": true, "types": []}}"#,
        );
        repository.write(".gitignore", "node_modules\n.titer/\n");
        repository.commit("the shop opens");
        repository.git(&["tag", "v1"]);
        repository.replace(&format!("src/prices.{ending}"), BUG, FIX);
        repository.commit("an unknown coupon takes nothing off");
        let mut event = event("v1");
        let frames = [("quote", 9), ("discount", 4)].map(|(function, line)| json!({"filename": format!("/srv/shop/src/prices.{ending}"), "function": function, "lineno": line, "in_app": true, "vars": {"total": 5997, "coupon": "SUMMER"}}));
        event["exception"]["values"][0]["stacktrace"]["frames"] = json!(frames);
        let fault = learned(&repository, event.to_string().as_bytes())[..8].to_owned();
        let drafted = repository.titer(&["guard", "draft", &fault]);
        let import = format!("import {{quote}} from '{from}';");
        let all = format!("{name}: {}\n{}", drafted.stdout, drafted.stderr);
        assert!(
            drafted.code == Some(0) && drafted.stdout.contains(&import) && drafted.stdout.contains("await quote("),
            "{all}"
        );
        let checked = repository.titer(&["guard", "check", &format!("{fault}-1")]);
        assert!(
            checked.code == Some(0) && checked.stdout.contains("passes 5 of 5 after"),
            "{all}\n{}{}",
            checked.stdout,
            checked.stderr
        );
    }
}

/// What an attacker may put into an event.
fn hostile() -> Vec<(&'static str, Value)> {
    let with = |name: &str, value: Value| {
        let mut event = event("v1");
        for frame in event["exception"]["values"][0]["stacktrace"]["frames"].as_array_mut().unwrap() {
            frame["vars"] = json!({"basket": [], "coupon": "X", "total": 1});
            frame["vars"][name] = value.clone();
        }
        event
    };
    let code = "'+require('child_process').execSync('touch HACKED')+'";
    let mut path = event("v1");
    path["exception"]["values"][0]["stacktrace"]["frames"][1]["filename"] = "../../../../etc/passwd".into();
    let mut function = with("coupon", "X".into());
    function["exception"]["values"][0]["stacktrace"]["frames"][1]["function"] = code.into();
    function["exception"]["values"][0]["type"] =
        "TypeError'); require('child_process').execSync('touch HACKED'); ('".into();
    vec![
        ("a text that is code", with("coupon", code.into())),
        ("a member that is code", with("basket", json!({"a: 1}); require('fs').writeFileSync('HACKED', ''); ({": 1}))),
        ("a prototype", with("basket", json!({"__proto__": {"reduce": 1}, "constructor": {"prototype": {"x": 1}}}))),
        ("what stands for a value", with("coupon", "<10n); require('fs').writeFileSync('HACKED', '');>".into())),
        ("lines and half a character", with("coupon", "\u{2028}\n*/ //\\'\u{202e}`${1}".into())),
        ("a text of 50 MB", with("coupon", "x".repeat(50_000_000).into())),
        ("nested deep", with("basket", (0..60).fold(json!(1), |inner, _| json!([inner])))),
        ("a file outside", path),
        ("names that are code", function),
    ]
}

#[test]
fn hostile_events_run_nothing_and_write_nothing_outside_the_drafts() {
    for (name, event) in hostile() {
        let repository = faulty(Packages::Newest);
        let fault = learned(&repository, event.to_string().as_bytes());
        let before = files(&repository);
        let told = repository.titer(&["guard", "draft", fault.get(..8).unwrap_or("00000000")]);
        let all = format!("{}\n{}", told.stdout, told.stderr);
        let short: String = all.chars().take(3000).collect();
        let is_told = [Some(1), Some(3)].contains(&told.code) && !all.trim().is_empty();
        assert!(told.code == Some(0) || is_told, "{name}: {short}");
        assert!(all.len() < 20_000 && !all.contains("panicked") && !all.contains("    at "), "{name}: {short}");
        assert_eq!(files(&repository), before, "{name}: something was written");
        for place in ["HACKED", "repo/HACKED", "tmp/HACKED"] {
            assert!(!repository.beside(place).exists(), "{name}");
        }
    }
}

/// The files of the project, without what titer keeps.
fn files(repository: &Repository) -> Vec<String> {
    let all = walkdir::WalkDir::new(repository.root()).sort_by_file_name().into_iter().flatten();
    let all = all.filter(|entry| entry.file_type().is_file()).map(|entry| entry.path().display().to_string());
    all.filter(|path| !path.contains("/.titer/") && !path.contains("/.git/")).collect()
}
