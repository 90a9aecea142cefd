//! Which CI system we are in, and whether this run may write the shared map.

use serde_json::Value;

/// What decides about recording where no flag is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Not in CI: the ledger is private.
    Local,
    /// In CI, on a run that may write the shared map if the tree is `commit` and clean.
    Shared {
        /// The event's commit, if the CI system says.
        commit: Option<String>,
    },
    /// In CI, on a run that only reads.
    Reader {
        /// Why.
        why: String,
    },
    /// In CI, on an event whose code nobody has vouched for: never records, whatever the flags say.
    Untrusted {
        /// The event.
        event: String,
    },
    /// In a CI system that titer does not know, without `default_branch` in `titer.toml`.
    Unknown,
}

/// Whether a path, from the root, is where a CI system looks for its recipes.
#[must_use]
pub fn is_recipe(path: &str) -> bool {
    const FILES: [&str; 10] = [
        ".gitlab-ci.yml",
        ".gitlab-ci.yaml",
        ".travis.yml",
        ".woodpecker.yml",
        ".drone.yml",
        "azure-pipelines.yml",
        "bitbucket-pipelines.yml",
        "Jenkinsfile",
        ".cirrus.yml",
        "appveyor.yml",
    ];
    const FOLDERS: [&str; 8] = [
        ".github/workflows/",
        ".github/actions/",
        ".gitlab/",
        ".buildkite/",
        ".circleci/",
        ".woodpecker/",
        ".forgejo/workflows/",
        ".gitea/workflows/",
    ];
    FILES.contains(&path) || FOLDERS.iter().any(|folder| path.starts_with(folder))
}

/// Works it out from the environment; `branch` is what git says, `read` reads a file.
#[must_use]
pub fn place(
    variable: &dyn Fn(&str) -> Option<String>,
    read: &dyn Fn(&str) -> Option<String>,
    policy_branch: Option<&str>,
    branch: Option<&str>,
) -> Place {
    if variable("GITHUB_ACTIONS").as_deref() == Some("true") {
        return github(variable, read, policy_branch);
    }
    if variable("GITLAB_CI").is_some() {
        let default = variable("CI_DEFAULT_BRANCH").or_else(|| policy_branch.map(str::to_owned));
        let source = variable("CI_PIPELINE_SOURCE").unwrap_or_default();
        let trusted = ["push", "schedule", "web", "api", "trigger"].contains(&source.as_str());
        return on_branch(variable("CI_COMMIT_BRANCH"), default, variable("CI_COMMIT_SHA"), trusted, &source);
    }
    if variable("BUILDKITE").as_deref() == Some("true") {
        let default = variable("BUILDKITE_PIPELINE_DEFAULT_BRANCH").or_else(|| policy_branch.map(str::to_owned));
        let pull = variable("BUILDKITE_PULL_REQUEST").is_some_and(|number| number != "false");
        return on_branch(variable("BUILDKITE_BRANCH"), default, variable("BUILDKITE_COMMIT"), !pull, "pull request");
    }
    match variable("CI") {
        Some(value) if !value.is_empty() && value != "false" && value != "0" => match policy_branch {
            Some(default) => on_branch(branch.map(str::to_owned), Some(default.to_owned()), None, true, "push"),
            None => Place::Unknown,
        },
        _ => Place::Local,
    }
}

/// Where the base of a pull request may be found in git, the surest first; `None` where this is no pull request. Policy and moves towards WEEKLY
/// are those of the base: a change cannot excuse itself.
#[must_use]
pub fn base(variable: &dyn Fn(&str) -> Option<String>, read: &dyn Fn(&str) -> Option<String>) -> Option<Vec<String>> {
    let told = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut found = Vec::new();
    let branch = if told("GITHUB_ACTIONS").as_deref() == Some("true") {
        let event = told("GITHUB_EVENT_NAME").unwrap_or_default();
        if !event.starts_with("pull_request") {
            return None;
        }
        let payload = told("GITHUB_EVENT_PATH").and_then(|path| read(&path));
        let payload: Option<Value> = payload.and_then(|text| serde_json::from_str(&text).ok());
        let commit = payload.as_ref().and_then(|it| it.pointer("/pull_request/base/sha")).and_then(Value::as_str);
        found.extend(commit.map(str::to_owned));
        told("GITHUB_BASE_REF")
    } else if told("GITLAB_CI").is_some() {
        found.extend(told("CI_MERGE_REQUEST_DIFF_BASE_SHA"));
        Some(told("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")?)
    } else if told("BUILDKITE").as_deref() == Some("true") {
        told("BUILDKITE_PULL_REQUEST").filter(|number| number != "false")?;
        told("BUILDKITE_PULL_REQUEST_BASE_BRANCH")
    } else {
        return None;
    };
    if let Some(branch) = branch {
        found.extend([format!("refs/remotes/origin/{branch}"), format!("refs/heads/{branch}")]);
    }
    Some(found)
}

/// One run of a CI system, of which several jobs may be shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The system and its own number of the run: `github 123456`.
    pub name: String,
    /// Which attempt, from 1, as far as the system tells.
    pub attempt: u32,
}

/// The run of a CI system that this is part of; `None` where the system does not tell.
#[must_use]
pub fn build(variable: &dyn Fn(&str) -> Option<String>) -> Option<Build> {
    let told = |name: &str| variable(name).filter(|value| !value.is_empty());
    let number = |name: &str| told(name).and_then(|value| value.parse::<u32>().ok());
    let (system, id, attempt) = if told("GITHUB_ACTIONS").as_deref() == Some("true") {
        ("github", told("GITHUB_RUN_ID")?, number("GITHUB_RUN_ATTEMPT"))
    } else if told("GITLAB_CI").is_some() {
        ("gitlab", told("CI_PIPELINE_ID")?, None)
    } else if told("BUILDKITE").as_deref() == Some("true") {
        ("buildkite", told("BUILDKITE_BUILD_ID")?, number("BUILDKITE_RETRY_COUNT").map(|retries| retries + 1))
    } else {
        return None;
    };
    Some(Build { name: format!("{system} {id}"), attempt: attempt.filter(|attempt| *attempt > 0).unwrap_or(1) })
}

fn github(
    variable: &dyn Fn(&str) -> Option<String>,
    read: &dyn Fn(&str) -> Option<String>,
    policy_branch: Option<&str>,
) -> Place {
    let event = variable("GITHUB_EVENT_NAME").unwrap_or_default();
    if event == "pull_request_target" || event == "workflow_run" {
        return Place::Untrusted { event };
    }
    let payload = variable("GITHUB_EVENT_PATH").and_then(|path| read(&path));
    let payload: Option<Value> = payload.and_then(|text| serde_json::from_str(&text).ok());
    let named = payload.as_ref().and_then(|p| p.pointer("/repository/default_branch")).and_then(Value::as_str);
    let default = named.or(policy_branch).map(str::to_owned);
    let branch = variable("GITHUB_REF").and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned));
    let trusted = ["push", "schedule", "workflow_dispatch"].contains(&event.as_str());
    on_branch(branch, default, variable("GITHUB_SHA"), trusted, &event)
}

fn on_branch(
    branch: Option<String>,
    default: Option<String>,
    commit: Option<String>,
    trusted: bool,
    event: &str,
) -> Place {
    match (branch, default) {
        _ if !trusted => Place::Reader { why: format!("this run was started by {event}") },
        (Some(branch), Some(default)) if branch == default => Place::Shared { commit },
        (Some(branch), Some(default)) => Place::Reader { why: format!("{branch} is not the default branch {default}") },
        (_, None) => Place::Reader { why: "the default branch is not known".to_owned() },
        (None, _) => Place::Reader { why: "this run is not on a branch".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(variables: &[(&str, &str)], payload: &str, policy: Option<&str>) -> Place {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        place(&variable, &|_| Some(payload.to_owned()), policy, Some("main"))
    }

    #[test]
    fn only_trusted_events_of_the_default_branch_write_the_shared_map() {
        const MAIN: &str = r#"{"repository":{"default_branch":"main"}}"#;
        let github = |event: &str, name: &str| {
            let variables = [
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_EVENT_NAME", event),
                ("GITHUB_REF", name),
                ("GITHUB_EVENT_PATH", "payload"),
            ];
            decide(&variables, MAIN, None)
        };
        assert_eq!(github("push", "refs/heads/main"), Place::Shared { commit: None });
        assert!(matches!(github("push", "refs/heads/topic"), Place::Reader { .. }));
        assert!(matches!(github("push", "refs/tags/main"), Place::Reader { .. }));
        assert!(matches!(github("pull_request", "refs/pull/1/merge"), Place::Reader { .. }));
        assert!(matches!(github("pull_request_target", "refs/heads/main"), Place::Untrusted { .. }));
        assert!(matches!(github("workflow_run", "refs/heads/main"), Place::Untrusted { .. }));
    }

    #[test]
    fn a_pull_request_has_a_base() {
        let base_of = |variables: &[(&str, &str)]| {
            let variable =
                |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
            base(&variable, &|_| Some(r#"{"pull_request":{"base":{"sha":"abc"}}}"#.to_owned()))
        };
        let on_main = ["refs/remotes/origin/main", "refs/heads/main"].map(str::to_owned).to_vec();
        let github = |event| [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", event), ("GITHUB_BASE_REF", "main")];
        assert_eq!(base_of(&github("push")), None);
        assert_eq!(base_of(&github("pull_request")), Some(on_main.clone()));
        let told = [&github("pull_request")[..], &[("GITHUB_EVENT_PATH", "p")]].concat();
        assert_eq!(base_of(&told), Some([&["abc".to_owned()][..], &on_main].concat()));
        assert_eq!(base_of(&[("GITLAB_CI", "true")]), None);
        let gitlab = [("GITLAB_CI", "true"), ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")];
        assert_eq!(base_of(&gitlab), Some(on_main.clone()));
        let buildkite = |number| {
            [("BUILDKITE", "true"), ("BUILDKITE_PULL_REQUEST", number), ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "main")]
        };
        assert_eq!((base_of(&buildkite("false")), base_of(&buildkite("7"))), (None, Some(on_main)));
        assert_eq!(base_of(&[("CI", "true")]), None);
    }

    #[test]
    fn a_run_of_ci_has_the_name_and_the_attempt_that_its_system_gives_it() {
        let build_of = |variables: &[(&str, &str)]| {
            let found = build(&|name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, it)| (*it).to_owned()));
            found.map(|build| (build.name, build.attempt))
        };
        let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_RUN_ID", "77"), ("GITHUB_RUN_ATTEMPT", "2")];
        assert_eq!(build_of(&github), Some(("github 77".to_owned(), 2)));
        assert_eq!(build_of(&[("GITLAB_CI", "true"), ("CI_PIPELINE_ID", "5")]), Some(("gitlab 5".to_owned(), 1)));
        let buildkite = [("BUILDKITE", "true"), ("BUILDKITE_BUILD_ID", "b-1"), ("BUILDKITE_RETRY_COUNT", "0")];
        assert_eq!(build_of(&buildkite), Some(("buildkite b-1".to_owned(), 1)));
        assert_eq!(build_of(&[("CI", "true")]), None);
        assert_eq!(build_of(&github[..1]), None);
    }

    #[test]
    fn an_unknown_ci_system_records_only_by_policy() {
        assert_eq!(decide(&[("CI", "true")], "", None), Place::Unknown);
        assert_eq!(decide(&[("CI", "true")], "", Some("main")), Place::Shared { commit: None });
        assert_eq!(decide(&[], "", None), Place::Local);
    }
}
