//! Recipes of CI: the templates in `adapters/ci`, filled in for one project.

use crate::model::guard::Runner;
use crate::model::project::{Forge, Tests};

const GITHUB: &str = include_str!("../../adapters/ci/github.yml");
const GITLAB: &str = include_str!("../../adapters/ci/gitlab.yml");
const BUILDKITE: &str = include_str!("../../adapters/ci/buildkite.yml");

/// GitLab's own file, where a repository has none.
const GITLAB_ROOT: (&str, &str) = (
    ".gitlab-ci.yml",
    "# What GitLab runs. titer's jobs are in a file of their own.\ninclude:\n  - local: .gitlab/titer.yml\n",
);

/// A guard's file ends in eight digits of its fault, whatever the runner: a pattern of paths, as git reads them.
const GUARDS: &str = "*_[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f].*";

/// What a recipe is filled in with.
#[derive(Debug, Clone)]
pub struct Recipe<'a> {
    /// The CI system.
    pub forge: Forge,
    /// What is run; at least one.
    pub tests: &'a [Tests],
    /// The default branch: letters, digits, `.`, `_`, `-` and `/`.
    pub branch: &'a str,
    /// titer's version.
    pub version: &'a str,
    /// The ledger's folder, from the root.
    pub ledger: &'a str,
}

impl Recipe<'_> {
    /// Path from the root and text of each file: the recipe, then what has to be there for it to be read.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let template = match self.forge {
            Forge::Github => GITHUB,
            Forge::Gitlab => GITLAB,
            Forge::Buildkite => BUILDKITE,
        };
        let mut files = vec![(self.forge.recipe(), self.fill(template))];
        if self.forge == Forge::Gitlab {
            files.push((GITLAB_ROOT.0, GITLAB_ROOT.1.to_owned()));
        }
        files
    }

    fn fill(&self, template: &str) -> String {
        let lists = [
            ("@LANGUAGES@", self.languages()),
            ("@PROJECT@", self.project()),
            ("@RUN@", run_lines(self.tests)),
            ("@WEEKLY@", weekly_lines(self.tests)),
        ];
        let mut text = String::new();
        for line in template.lines() {
            let start = line.len() - line.trim_start().len();
            let (before, word) = line.split_at(line[start..].strip_prefix("- ").map_or(start, |_| start + 2));
            match lists.iter().find(|(name, _)| *name == word) {
                Some((_, lines)) => text.extend(lines.iter().map(|line| format!("{before}{}\n", self.quoted(line)))),
                None => text.extend([line, "\n"]),
            }
        }
        let single = [
            ("@BRANCH@", self.branch),
            ("@VERSION@", self.version),
            ("@LEDGER@", self.ledger),
            ("@GUARDS@", GUARDS),
            ("@IMAGE@", self.image()),
            ("@INSTALL@", &self.install()),
        ];
        single.iter().fold(text, |text, (name, value)| text.replace(name, value))
    }

    /// Buildkite puts variables of its own into what is uploaded.
    fn quoted(&self, line: &str) -> String {
        match self.forge {
            Forge::Buildkite => line.replace('$', "$$"),
            Forge::Github | Forge::Gitlab => line.to_owned(),
        }
    }

    fn has(&self, runner: Runner) -> bool {
        self.tests.iter().any(|it| it.runner == runner)
    }

    fn is_jest_alone(&self) -> bool {
        self.tests.iter().all(|it| it.runner == Runner::Jest)
    }

    /// How a job gets titer: never into the project's own environment, which is part of what a result is kept under.
    fn install(&self) -> String {
        let version = self.version;
        if self.is_jest_alone() {
            return format!("npm install --global titer@{version}");
        }
        match self.forge {
            Forge::Github | Forge::Buildkite => format!("pipx install titer=={version}"),
            Forge::Gitlab if self.has(Runner::Pytest) => format!("pip install titer=={version}"),
            Forge::Gitlab => format!(
                "apt-get update && apt-get install --yes pipx && PIPX_BIN_DIR=/usr/local/bin pipx install titer=={version}"
            ),
        }
    }

    /// Steps of GitHub's that bring languages which its machines do not have in a version of one's own choice.
    fn languages(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.has(Runner::Pytest) {
            lines.extend(["- uses: actions/setup-python@v5", "  with:", "    python-version: \"3.13\""]);
        }
        if self.has(Runner::Jest) {
            lines.extend(["- uses: actions/setup-node@v4", "  with:", "    node-version: \"22\""]);
        }
        lines.into_iter().map(str::to_owned).collect()
    }

    /// An image of GitLab's jobs for the first of the runners.
    fn image(&self) -> &'static str {
        match self.tests.first().map(|it| it.runner) {
            _ if self.has(Runner::Pytest) => "python:3.13",
            Some(Runner::Jest) => "node:22",
            Some(Runner::Pytest | Runner::Cargo) | None => "rust:1",
        }
    }

    fn project(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for it in self.tests {
            let within = |line: &String| match it.folder.as_str() {
                "" => line.clone(),
                folder => format!("(cd {folder} && {line})"),
            };
            for line in it.install.iter().map(within) {
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        if lines.is_empty() {
            lines.push("echo \"nothing to install\"".to_owned());
        }
        lines
    }
}

/// The line that runs the tests of one folder.
#[must_use]
pub fn run_line(tests: &Tests, verb: &str) -> String {
    match tests.folder.as_str() {
        "" => format!("titer {verb} -- {}", tests.command),
        folder => format!("titer -C {folder} {verb} -- {}", tests.command),
    }
}

/// Lines that run all of them, whatever becomes of the first.
fn run_lines(tests: &[Tests]) -> Vec<String> {
    together(tests.iter().map(|it| run_line(it, "run")).collect())
}

/// The same once a week: all but the last only record, so that tests are placed once, by all that was seen.
fn weekly_lines(tests: &[Tests]) -> Vec<String> {
    let verb = |at: usize| if at + 1 == tests.len() { "weekly" } else { "run --record=deep" };
    together(tests.iter().enumerate().map(|(at, it)| run_line(it, verb(at))).collect())
}

fn together(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > 1 {
        lines = lines.iter().map(|line| format!("{line} || failed=1")).collect();
        lines.insert(0, "failed=0".to_owned());
        lines.push("exit \"$failed\"".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(folder: &str, runner: Runner, command: &str) -> Tests {
        Tests { folder: folder.to_owned(), runner, command: command.to_owned(), install: vec![format!("get {folder}")] }
    }

    fn text(forge: Forge, tests: &[Tests]) -> String {
        let recipe = Recipe { forge, tests, branch: "trunk", version: "1.2.3", ledger: ".titer/ledger" };
        recipe.files().remove(0).1
    }

    #[test]
    fn no_placeholder_is_left_and_one_command_stands_alone() {
        let pytest = [tests("", Runner::Pytest, "pytest")];
        for forge in [Forge::Github, Forge::Gitlab, Forge::Buildkite] {
            let text = text(forge, &pytest);
            let names =
                ["LANGUAGES", "PROJECT", "RUN", "WEEKLY", "BRANCH", "VERSION", "LEDGER", "GUARDS", "IMAGE", "INSTALL"];
            let left: Vec<&str> = names.into_iter().filter(|name| text.contains(&format!("@{name}@"))).collect();
            assert!(left.is_empty(), "{left:?} in\n{text}");
            assert!(text.contains("titer run -- pytest\n") && text.contains("titer weekly -- pytest\n"), "{text}");
            assert!(text.contains("install titer==1.2.3\n") && !text.contains("failed=1"), "{text}");
        }
    }

    #[test]
    fn several_commands_all_run_and_tests_are_placed_once() {
        let both = [tests("", Runner::Pytest, "pytest"), tests("web", Runner::Jest, "npx jest")];
        let github = text(Forge::Github, &both);
        let run = "          failed=0\n          titer run -- pytest || failed=1\n          titer -C web run -- npx jest || failed=1\n          exit \"$failed\"\n";
        assert!(github.contains(run), "{github}");
        assert!(github.contains("titer run --record=deep -- pytest || failed=1\n"), "{github}");
        assert!(github.contains("titer -C web weekly -- npx jest || failed=1\n"), "{github}");
        assert!(
            github.contains("get \n          (cd web && get web)\n") && github.contains("setup-node@v4"),
            "{github}"
        );
        assert!(text(Forge::Buildkite, &both).contains("exit \"$$failed\"\n"));
    }
}
