//! Recipes as GitLab and Buildkite run them: rules and conditions, caches with their policies, artifacts, lines.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::recipes::{comes_to, is_true, yaml};
use super::rehearsal::{Event, Job, Machine, Rehearsal};

/// Runs GitLab's jobs for an event.
pub fn gitlab(rehearsal: &Rehearsal, event: &Event) -> Vec<Job> {
    let recipe = yaml(&rehearsal.repository.path(".gitlab/titer.yml"));
    let all = recipe.as_object().unwrap();
    let is_pull = *event == Event::Pull;
    let commit = rehearsal.commit_of(if is_pull { "topic" } else { "main" }).unwrap();
    let mut values = json!({"CI": "true", "GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_SHA": commit,
        "CI_PROJECT_URL": "https://gitlab.example.org/acme/shop"});
    let more = match event {
        Event::Push => json!({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}),
        Event::Weekly => json!({"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main", "TITER_WEEKLY": "1"}),
        Event::Pull => {
            json!({"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": rehearsal.commit_of("main")})
        }
    };
    overlay(values.as_object_mut().unwrap(), more.as_object().unwrap());
    let mut waiting: Vec<(String, Value, bool)> = Vec::new();
    for name in all.keys().filter(|name| !name.starts_with('.')) {
        let job = extended(all, name);
        let rules = job["rules"].as_array().unwrap().iter();
        let rule = rules.into_iter().find(|rule| is_true(&comes_to(rule["if"].as_str().unwrap(), &values)));
        waiting.extend(rule.map(|rule| (name.clone(), job.clone(), rule["when"] == "always")));
    }
    let there: BTreeSet<String> = waiting.iter().map(|(name, ..)| name.clone()).collect();
    let mut ran: Vec<Job> = Vec::new();
    while !waiting.is_empty() {
        let is_ready =
            |job: &Value| needs(job).iter().all(|it| !there.contains(it) || ran.iter().any(|job| job.name == *it));
        let next = waiting.iter().position(|(_, job, _)| is_ready(job)).unwrap();
        let (name, job, always) = waiting.remove(next);
        let failed = needs(&job).iter().any(|it| ran.iter().any(|job| job.name == *it && !job.passed));
        if always || !failed {
            ran.push(gitlab_job(rehearsal, &name, &job, &values));
        }
    }
    ran
}

fn needs(job: &Value) -> Vec<String> {
    let all = job["needs"].as_array().into_iter().flatten();
    all.filter_map(|it| it.as_str().or(it["job"].as_str())).map(str::to_owned).collect()
}

/// A job with all that it extends: tables are merged, everything else is replaced.
fn extended(all: &Map<String, Value>, name: &str) -> Value {
    let own = all[name].as_object().unwrap();
    let mut job = own
        .get("extends")
        .map_or_else(Map::new, |base| extended(all, base.as_str().unwrap()).as_object().unwrap().clone());
    overlay(&mut job, own);
    Value::Object(job)
}

fn overlay(on: &mut Map<String, Value>, own: &Map<String, Value>) {
    for (name, value) in own {
        match (on.get_mut(name), value) {
            (Some(Value::Object(below)), Value::Object(above)) => overlay(below, above),
            _ => drop(on.insert(name.clone(), value.clone())),
        }
    }
}

fn gitlab_job(rehearsal: &Rehearsal, name: &str, job: &Value, values: &Value) -> Job {
    let depth = job["variables"]["GIT_DEPTH"].as_str().map_or(1, |depth| depth.parse().unwrap());
    let commit = values["CI_COMMIT_SHA"].as_str().unwrap();
    let is_protected = values["CI_COMMIT_BRANCH"] == "main";
    let pipeline = format!("+{commit}:refs/pipelines/1");
    let names = ["+refs/heads/main:refs/remotes/origin/main", &pipeline];
    let mut machine = rehearsal.machine(depth, if is_protected { &names } else { &names[1..] }, &["--detach", commit]);
    for (name, value) in values.as_object().unwrap() {
        machine.variables.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    // Variables of an environment are seen by its jobs alone.
    if job["environment"]["name"] == "titer" {
        machine.variables.insert("TITER_SIGNING_KEY".to_owned(), rehearsal.key.clone());
    }
    let caches: Vec<&Value> = job["cache"].as_array().into_iter().flatten().collect();
    let policy = |cache: &Value| cache["policy"].as_str().unwrap_or("pull-push").to_owned();
    let kept = |cache: &Value| {
        let suffix = if is_protected && cache["unprotect"] != true { "protected" } else { "non_protected" };
        format!("{}-{suffix}", cache["key"].as_str().unwrap())
    };
    for cache in caches.iter().filter(|cache| policy(cache).starts_with("pull")) {
        machine.restore(&kept(cache), cache["paths"][0].as_str().unwrap());
    }
    if job["needs"].is_array() {
        machine.bring("titer.patch");
    }
    let mut told = Job { name: name.to_owned(), passed: true, said: String::new() };
    told.passed = machine.bash(&format!("{}\n{}", lines(&job["before_script"]), lines(&job["script"])), &mut told.said);
    machine.bash(&lines(&job["after_script"]), &mut told.said);
    for path in job["artifacts"]["paths"].as_array().into_iter().flatten() {
        machine.keep(path.as_str().unwrap(), path.as_str().unwrap());
    }
    for cache in
        caches.iter().filter(|cache| policy(cache).ends_with("push") && (told.passed || cache["when"] == "always"))
    {
        machine.save(cache["paths"][0].as_str().unwrap(), &kept(cache));
    }
    told
}

fn lines(script: &Value) -> String {
    let all = script.as_array().into_iter().flatten();
    all.filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

/// Runs Buildkite's steps for an event.
pub fn buildkite(rehearsal: &Rehearsal, event: &Event) -> Vec<Job> {
    let recipe = yaml(&rehearsal.repository.path(".buildkite/titer.yml"));
    let is_pull = *event == Event::Pull;
    let branch = if is_pull { "topic" } else { "main" };
    let weekly = (*event == Event::Weekly).then_some("1");
    let values = json!({"build.pull_request.id": is_pull.then_some("1"), "build.branch": branch, "pipeline.default_branch": "main", "env.TITER_WEEKLY": weekly});
    let mut ran: Vec<Job> = Vec::new();
    for step in recipe["steps"].as_array().unwrap().iter().filter(|step| step["commands"].is_array()) {
        if !is_true(&comes_to(step["if"].as_str().unwrap(), &values)) {
            continue;
        }
        let commit = rehearsal.commit_of(branch).unwrap();
        let fetched = format!("+refs/heads/{branch}:refs/remotes/origin/{branch}");
        // An agent that was told to clone as little as there is.
        let mut machine = rehearsal.machine(1, &[&fetched], &["--detach", &commit]);
        for (name, value) in [
            ("CI", "true"),
            ("BUILDKITE", "true"),
            ("BUILDKITE_BRANCH", branch),
            ("BUILDKITE_COMMIT", &commit),
            ("BUILDKITE_PULL_REQUEST", if is_pull { "1" } else { "false" }),
            ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", if is_pull { "main" } else { "" }),
            ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", "main"),
            ("TITER_WEEKLY", weekly.unwrap_or_default()),
            ("REHEARSED_KEY", &rehearsal.key),
        ] {
            machine.variables.insert(name.to_owned(), value.to_owned());
        }
        ran.push(buildkite_step(&machine, step));
    }
    ran
}

fn buildkite_step(machine: &Machine<'_>, step: &Value) -> Job {
    let cache = &step["plugins"][0]["cache#v1.12.0"];
    let path = cache["path"].as_str();
    if let Some(path) = path.filter(|_| cache["restore"] == "pipeline") {
        machine.restore("pipeline", path);
    }
    let mut told = Job { name: step["key"].as_str().unwrap().to_owned(), passed: true, said: String::new() };
    told.passed = machine.bash(&lines(&step["commands"]).replace("$$", "$"), &mut told.said);
    let all = &step["artifact_paths"];
    for path in all.as_array().into_iter().flatten().chain(Some(all)).filter_map(Value::as_str) {
        machine.keep(path, path);
    }
    // The plugin saves nothing after a failure.
    if let Some(path) = path.filter(|_| cache["save"] == "pipeline" && told.passed) {
        machine.save(path, "pipeline");
    }
    told
}
