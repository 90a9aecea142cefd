//! A workflow as GitHub runs it: conditions, expressions, and GitHub's own actions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::recipes::{comes_to, is_true, yaml};
use super::rehearsal::{Event, Job, Machine, Rehearsal};

/// The pull request's commit, which GitHub makes of the branch and its base.
const MERGED: &str = "refs/pull/1/merge";

/// Runs the workflow for an event; jobs in the order in which they ran.
pub fn run(rehearsal: &Rehearsal, event: &Event) -> Vec<Job> {
    let recipe = yaml(&rehearsal.repository.path(".github/workflows/titer.yml"));
    let mut values = values(rehearsal, event);
    let name = values["github.event_name"].as_str().unwrap();
    assert!(recipe["on"].get(name).is_some(), "nothing is started by {name}");
    let jobs = recipe["jobs"].as_object().unwrap();
    let mut ended: BTreeMap<String, &str> = BTreeMap::new();
    let mut ran = Vec::new();
    let next = |ended: &BTreeMap<String, &str>| {
        jobs.iter().find(|(name, job)| {
            !ended.contains_key(*name) && needs(job).iter().all(|needed| ended.contains_key(needed))
        })
    };
    while let Some((name, job)) = next(&ended) {
        for needed in needs(job) {
            values[format!("needs.{needed}.result")] = json!(ended[&needed]);
        }
        let mut result = "skipped";
        if is_true(&comes_to(&bare(job["if"].as_str().unwrap()), &values)) {
            let done = play(rehearsal, event, name, job, &values);
            result = if done.passed { "success" } else { "failure" };
            ran.push(done);
        }
        ended.insert(name.clone(), result);
    }
    ran
}

/// Runs a job that checks out and then uses the action of `action.yml`, with these inputs.
pub fn act(rehearsal: &Rehearsal, event: &Event, inputs: &[(&str, &str)]) -> Job {
    let action = yaml(&Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml"));
    let mut values = values(rehearsal, event);
    for (name, about) in action["inputs"].as_object().unwrap() {
        values[format!("inputs.{name}")] = about["default"].clone();
    }
    for (name, value) in inputs {
        assert!(action["inputs"].get(name).is_some(), "there is no input {name}");
        values[format!("inputs.{name}")] = json!(value);
    }
    let mut steps = vec![json!({"uses": "actions/checkout@v4", "with": {"fetch-depth": 0}})];
    if *event == Event::Pull {
        steps = vec![json!({"uses": "actions/checkout@v4"})];
    }
    steps.extend(action["runs"]["steps"].as_array().unwrap().iter().cloned());
    play(rehearsal, event, "test", &json!({"steps": steps}), &values)
}

/// What expressions may name.
fn values(rehearsal: &Rehearsal, event: &Event) -> Value {
    let (name, reference) = match event {
        Event::Push => ("push", "refs/heads/main"),
        Event::Weekly => ("schedule", "refs/heads/main"),
        Event::Pull => ("pull_request", MERGED),
    };
    if *event == Event::Pull {
        merge(rehearsal);
    }
    json!({
        "github.event_name": name, "github.ref": reference, "github.run_id": format!("{:04}", rehearsal.next()), "github.run_attempt": 1,
        "github.token": "none", "runner.os": "Linux", "secrets.TITER_SIGNING_KEY": rehearsal.key, "github.job": "test",
        "github.ref_name": reference.rsplit_once("heads/").map_or("1/merge", |(_, name)| name), "github.event.repository.default_branch": "main",
        "github.workspace": rehearsal.repository.beside("machine/work/shop"), "steps.report.outputs.file": "",
    })
}

fn needs(job: &Value) -> Vec<String> {
    match &job["needs"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(all) => all.iter().map(|it| it.as_str().unwrap().to_owned()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

/// The merge of `topic` into `main`, as GitHub keeps it.
fn merge(rehearsal: &Rehearsal) {
    let of = |name: &str| rehearsal.commit_of(name).unwrap();
    let tree = rehearsal.in_remote(&["merge-tree", "--write-tree", "main", "topic"]);
    let who = ["-c", "user.name=Forge", "-c", "user.email=forge@example.org"];
    let more = ["commit-tree", tree.trim(), "-p", &of("main"), "-p", &of("topic"), "-m", "merge"];
    let made = rehearsal.in_remote(&[&who[..], &more[..]].concat());
    rehearsal.in_remote(&["update-ref", MERGED, made.trim()]);
}

fn play(rehearsal: &Rehearsal, event: &Event, name: &str, job: &Value, values: &Value) -> Job {
    let mut told = Job { name: name.to_owned(), passed: true, said: String::new() };
    let mut machine = None;
    for step in job["steps"].as_array().unwrap() {
        let condition = step["if"].as_str().map(bare);
        let always = condition.as_ref().is_some_and(|text| text.contains("cancelled()"));
        if !(told.passed || always) || condition.is_some_and(|text| !is_true(&comes_to(&text, values))) {
            continue;
        }
        let with = |name: &str| expanded(step["with"][name].as_str().unwrap_or_default(), values);
        let uses = step["uses"].as_str().unwrap_or_default();
        if uses == "actions/checkout@v4" {
            machine = Some(checkout(rehearsal, event, step["with"]["fetch-depth"].as_u64()));
            continue;
        }
        let machine = machine.as_mut().unwrap_or_else(|| panic!("{name} checks out first"));
        match uses {
            "" => {
                machine.variables.retain(|name, _| name.starts_with("GITHUB_") || name == "CI");
                for (name, value) in step["env"].as_object().into_iter().flatten() {
                    machine.variables.insert(name.clone(), expanded(value.as_str().unwrap(), values));
                }
                told.passed &= machine.bash(&expanded(step["run"].as_str().unwrap(), values), &mut told.said);
            }
            "actions/setup-python@v5" | "actions/setup-node@v4" => {}
            "actions/cache/restore@v4" => {
                restore(rehearsal, machine, &with("key"), &with("restore-keys"), &with("path"));
            }
            "actions/cache/save@v4" => machine.save(&with("path"), &with("key")),
            "actions/upload-artifact@v4" => machine.keep(&with("path"), &with("path")),
            "actions/download-artifact@v4" => machine.bring("titer.patch"),
            other => panic!("an action that nobody knows: {other}"),
        }
    }
    told
}

fn checkout<'a>(rehearsal: &'a Rehearsal, event: &Event, depth: Option<u64>) -> Machine<'a> {
    let depth = u32::try_from(depth.unwrap_or(1)).unwrap();
    let (reference, name) = match event {
        Event::Pull => (MERGED, "pull_request"),
        Event::Push => ("refs/heads/main", "push"),
        Event::Weekly => ("refs/heads/main", "schedule"),
    };
    let mut machine = match event {
        Event::Pull => {
            let fetched = format!("+{MERGED}:refs/remotes/pull/1/merge");
            rehearsal.machine(depth, &[&fetched], &["refs/remotes/pull/1/merge"])
        }
        Event::Push | Event::Weekly => {
            let all = if depth == 0 {
                "+refs/heads/*:refs/remotes/origin/*"
            } else {
                "+refs/heads/main:refs/remotes/origin/main"
            };
            rehearsal.machine(depth, &[all], &["-B", "main", "refs/remotes/origin/main"])
        }
    };
    let payload = json!({"repository": {"default_branch": "main"}, "pull_request": {"base": {"sha": rehearsal.commit_of("main")}}});
    let file = machine.folder.join("../event.json");
    fs::write(&file, payload.to_string()).unwrap();
    let file = file.display().to_string();
    let (commit, summary) =
        (rehearsal.commit_of(reference).unwrap(), rehearsal.artifact("summary.md").display().to_string());
    let base = if *event == Event::Pull { "main" } else { "" };
    for (name, value) in [
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", name),
        ("GITHUB_EVENT_PATH", &file),
        ("GITHUB_REF", reference),
        ("GITHUB_SHA", &commit),
        ("GITHUB_BASE_REF", base),
        ("GITHUB_STEP_SUMMARY", &summary),
        ("GITHUB_OUTPUT", "/dev/null"),
    ] {
        machine.variables.insert(name.to_owned(), value.to_owned());
    }
    machine
}

/// The cache of that key, else the newest whose key begins like this; ours sort by time.
fn restore(rehearsal: &Rehearsal, machine: &Machine<'_>, key: &str, start: &str, path: &str) {
    let all = fs::read_dir(rehearsal.repository.beside("caches")).unwrap();
    let names = all.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    if let Some(name) = names.filter(|name| name == key || name.starts_with(start)).max() {
        machine.restore(&name, path);
    }
}

/// A condition without the marks that it may stand in.
fn bare(text: &str) -> String {
    text.strip_prefix("${{").and_then(|text| text.strip_suffix("}}")).unwrap_or(text).trim().to_owned()
}

/// A text with every expression in it put in.
fn expanded(text: &str, values: &Value) -> String {
    let mut parts = text.split("${{");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once("}}").unwrap();
        let value = comes_to(expression.trim(), values);
        whole += &value
            .as_str()
            .map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned);
        whole += rest;
    }
    whole
}
