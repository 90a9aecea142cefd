//! What `titer init` found, did and leaves to people, in words; and the pieces of a set-up that `titer doctor` looks for.

use std::fmt::Write as _;

use crate::model::finding::Finding;
use crate::model::project::{Fate, Forge, Setup};

/// What was found, what became of each file, and what to do next.
#[must_use]
pub fn text(setup: &Setup) -> String {
    let mut text = format!("{}\n", found(setup));
    for (path, fate) in &setup.files {
        let (word, more) = match fate {
            Fate::Written => ("written", ""),
            Fate::Added => ("added to", ""),
            Fate::Same => ("there", "  as titer would write it"),
            Fate::Kept { .. } => ("kept", "  it is yours, and says something else"),
        };
        let _ = writeln!(text, "{word:<9} {path}{more}");
        if let Fate::Kept { by_hand: Some(lines) } = fate {
            text.extend(std::iter::once("          add by hand:\n".to_owned()));
            text.extend(lines.lines().map(|line| format!("            {line}\n")));
        }
    }
    let changed = |fate: &Fate| matches!(fate, Fate::Written | Fate::Added);
    let new: Vec<&str> = setup.files.iter().filter(|(_, fate)| changed(fate)).map(|(path, _)| path.as_str()).collect();
    if new.is_empty() {
        text.push_str(
            "nothing was changed; `titer init --print` shows what titer would write, `titer doctor` what is missing\n",
        );
        return text;
    }
    text.push_str("next:\n");
    for (number, step) in next(setup, &new).iter().enumerate() {
        let _ = writeln!(text, "  {}. {step}", number + 1);
    }
    text
}

fn found(setup: &Setup) -> String {
    let place = |folder: &str| if folder.is_empty() { "at the root".to_owned() } else { format!("in {folder}") };
    let tests: Vec<String> =
        setup.tests.iter().map(|it| format!("{} {} (`{}`)", it.runner.word(), place(&it.folder), it.command)).collect();
    let tests = if tests.is_empty() { "neither pytest nor jest nor cargo".to_owned() } else { tests.join(", ") };
    let forge = match (setup.forge, setup.is_without_ci) {
        (Some((forge, how)), _) => format!("{} ({how})", forge.name()),
        (None, true) => "no recipe, as you said".to_owned(),
        (None, false) if setup.tests.is_empty() => "no recipe, as there is nothing to run".to_owned(),
        (None, false) => {
            "a CI system that titer does not know, so no recipe: `titer init --ci github|gitlab|buildkite`".to_owned()
        }
    };
    format!("found: {tests}; {forge}; the default branch {}", setup.branch)
}

fn next(setup: &Setup, new: &[&str]) -> Vec<String> {
    let mut steps = Vec::new();
    if setup.tests.is_empty() {
        steps.push("run your tests once with titer: `titer run -- COMMAND`".to_owned());
    }
    steps.extend(setup.tests.first().map(|it| {
        let folder = if it.folder.is_empty() { String::new() } else { format!("-C {} ", it.folder) };
        format!("`titer {folder}run -- {}`, twice: the second time nothing has to run", it.command)
    }));
    if let Some((forge, _)) = setup.forge {
        steps.push(format!("look through {}: how the project is installed there is a guess", forge.recipe()));
    }
    steps.push(format!("commit: `git add {}`", new.join(" ")));
    let more = match setup.forge.map(|(forge, _)| forge) {
        Some(Forge::Github) => Some(
            "GitHub, Settings, Actions, General: allow GitHub Actions to create pull requests, for the weekly job's",
        ),
        Some(Forge::Gitlab) => Some(
            "GitLab: a weekly schedule with TITER_WEEKLY = 1, and the variable TITER_PUSH_TOKEN, as the recipe's first lines say",
        ),
        Some(Forge::Buildkite) => Some(
            "Buildkite: a step `buildkite-agent pipeline upload .buildkite/titer.yml`, and a weekly schedule with TITER_WEEKLY=1, as the recipe's first lines say",
        ),
        None => None,
    };
    steps.extend(more.map(str::to_owned));
    if setup.forge.is_some() {
        steps.push(
            "to have records sealed: `titer audit keygen NAME`, its lines into titer.toml, the key's text into the secret TITER_SIGNING_KEY".to_owned(),
        );
    }
    steps.push(
        "to have tests placed by what production says: a [[source]] in titer.toml (`titer learn --help`)".to_owned(),
    );
    steps.push("`titer doctor` says what is still missing".to_owned());
    steps
}

/// What is so of a piece of a set-up that titer also works without, and what to do where it is missing; nothing of other findings.
pub(super) fn piece(finding: &Finding) -> (String, Option<&'static str>) {
    if let Finding::Ignored { folder } = finding {
        (format!("git ignores {folder}"), None)
    } else if let Finding::NotIgnored { folder } = finding {
        (
            format!("git does not ignore {folder}, which belongs in no commit"),
            Some("`titer init` adds the lines to .gitignore"),
        )
    } else if let Finding::Recipe { file } = finding {
        (format!("{file} runs titer"), None)
    } else if let Finding::NoRecipe { has_others } = finding {
        let said = if *has_others { "none of the recipes of CI here runs titer" } else { "no recipe of CI is here" };
        (said.to_owned(), Some("`titer init` writes one for GitHub Actions, GitLab or Buildkite"))
    } else if let Finding::WeeklyJob { file } = finding {
        (format!("{file} has the weekly job"), None)
    } else if finding == &Finding::NoWeeklyJob {
        let said = "no recipe of CI has the weekly job, so escapes are not found and no test is placed";
        (said.to_owned(), Some("run `titer weekly -- COMMAND` once a week; `titer init --print` shows how"))
    } else if let Finding::Sources { configured } = finding {
        let said = match configured {
            0 => "files of production errors were learned".to_owned(),
            1 => "1 tracker of production errors is configured".to_owned(),
            more => format!("{more} trackers of production errors are configured"),
        };
        (said, None)
    } else if finding == &Finding::NoSources {
        let said = "nobody listens to production, so no test goes to WEEKLY for being quiet";
        (
            said.to_owned(),
            Some("name a tracker in titer.toml, table [[source]], or hand in files: `titer learn --help`"),
        )
    } else if let Finding::Sealer { key } = finding {
        (format!("records are sealed by {key}"), None)
    } else if finding == &Finding::NoSealer {
        let said = "records are not sealed, so whoever can push can edit them";
        (said.to_owned(), Some("`titer audit keygen NAME` makes a key and prints the lines for titer.toml"))
    } else if let Finding::Sandbox { kind } = finding {
        (format!("drafts of guards run in a sandbox: {kind}"), None)
    } else if let Finding::NoSandbox { why } = finding {
        let next = "install bubblewrap, or let users make namespaces; everything but `titer guard` works without";
        (format!("drafts of guards are not run: {why}"), Some(next))
    } else {
        (String::new(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::guard::Runner;
    use crate::model::project::Tests;

    #[test]
    fn a_second_time_there_is_nothing_to_do_and_what_is_yours_is_said() {
        let tests = vec![Tests {
            folder: "svc".to_owned(),
            runner: Runner::Pytest,
            command: "pytest".to_owned(),
            install: Vec::new(),
        }];
        let files = vec![
            ("titer.toml".to_owned(), Fate::Same),
            (".gitlab-ci.yml".to_owned(), Fate::Kept { by_hand: Some("include:\n  - x".to_owned()) }),
        ];
        let forge = Some((Forge::Gitlab, "its files are here"));
        let mut setup = Setup { tests, forge, branch: "main".to_owned(), files, is_without_ci: false };
        let again = text(&setup);
        assert!(again.contains("nothing was changed") && !again.contains("next:"), "{again}");
        assert!(again.contains("add by hand:\n            include:\n              - x\n"), "{again}");
        setup.files[0].1 = Fate::Written;
        let first = text(&setup);
        assert!(first.contains("1. `titer -C svc run -- pytest`") && first.contains("`git add titer.toml`"), "{first}");
    }
}
