//! What `titer doctor` looks for beside runners and ledger: the recipe of CI, the weekly job, sources of production errors, the key that seals,
//! what holds drafts. Everything works without them, and does less.

use crate::bridges::sandbox::{Held, Means, Sandbox};
use crate::bridges::{disk, git, log_branch};
use crate::ledger::duck::Lens;
use crate::model::finding::Finding;
use crate::settings::{Settings, forge, raw_variable};

/// Everything that can be looked for; `lens` where there is a ledger.
pub(super) fn findings(settings: &Settings, lens: Option<&Lens>) -> Vec<Finding> {
    let mut found: Vec<Finding> = ignored(settings).into_iter().collect();
    found.extend(recipes(settings));
    found.push(sources(settings, lens));
    if settings.in_git {
        found.push(sealer(settings));
    }
    found.push(sandbox());
    found
}

/// Whether git sees the ledger; nothing where it lies elsewhere.
fn ignored(settings: &Settings) -> Option<Finding> {
    let inside = settings.ledger.0.strip_prefix(&settings.root).ok().filter(|_| settings.in_git)?;
    let folder = inside.to_string_lossy().into_owned();
    let is_ignored = git::ignores(&settings.root, &format!("{folder}/segments"));
    Some(if is_ignored { Finding::Ignored { folder } } else { Finding::NotIgnored { folder } })
}

/// Which recipe of CI runs titer, and which the weekly job.
fn recipes(settings: &Settings) -> Vec<Finding> {
    let root = &settings.root;
    let tree = if settings.in_git { git::tree(root) } else { disk::tree(root) };
    let Ok(tree) = tree else { return Vec::new() };
    let paths: Vec<&String> = tree.entries.keys().filter(|path| forge::is_recipe(path)).collect();
    let naming = |words: &str| {
        paths.iter().find(|path| disk::read(&root.join(path)).is_ok_and(|bytes| says(&bytes, words))).copied()
    };
    let runs = naming("run").or_else(|| naming("plan"));
    let Some(file) = runs else { return vec![Finding::NoRecipe { has_others: !paths.is_empty() }] };
    let weekly = naming("weekly").or_else(|| naming("--suite weekly"));
    let weekly = weekly.map_or(Finding::NoWeeklyJob, |file| Finding::WeeklyJob { file: file.clone() });
    vec![Finding::Recipe { file: file.clone() }, weekly]
}

/// Whether a line that is no comment starts titer with these words, or hands them to its action.
fn says(bytes: &[u8], words: &str) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with(['#', '/']));
    lines.any(|line| {
        line.split_once("titer ").is_some_and(|(_, rest)| format!(" {rest} ").contains(&format!(" {words} ")))
    })
}

fn sources(settings: &Settings, lens: Option<&Lens>) -> Finding {
    let configured = settings.policy.sources.len();
    // What somebody hands in as files counts as listening, too.
    let is_heard = || lens.and_then(|lens| lens.view("observations").ok()).is_some_and(|table| !table.rows.is_empty());
    if configured > 0 || is_heard() { Finding::Sources { configured } } else { Finding::NoSources }
}

fn sealer(settings: &Settings) -> Finding {
    let has_log = [log_branch::BRANCH, log_branch::TRACKED]
        .iter()
        .any(|name| log_branch::commit_of(&settings.root, name).is_some());
    match (&settings.policy.audit.sealer, has_log) {
        (Some(key), _) => Finding::Sealer { key: key.split('+').next().unwrap_or_default().to_owned() },
        (None, true) => Finding::Sealer { key: "the one that made the first seal".to_owned() },
        (None, false) => Finding::NoSealer,
    }
}

fn sandbox() -> Finding {
    let tried = Means::of_this_process(raw_variable).map_err(|error| error.to_string());
    match tried.and_then(|means| Sandbox::find(&means)) {
        Ok(sandbox) => {
            let kind = match sandbox.held() {
                Held::Bubblewrap => "bubblewrap",
                Held::Landlock => "titer's own namespaces with Landlock",
            };
            Finding::Sandbox { kind: kind.to_owned() }
        }
        Err(why) => Finding::NoSandbox { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_runs_nothing_and_a_flag_before_the_verb_does_not_hide_it() {
        for (text, words, expected) in [
            ("run: titer run -- pytest", "run", true),
            ("- titer -C web run -- npx jest", "run", true),
            ("# titer run -- pytest", "run", false),
            ("- titer report", "run", false),
            ("run: titer weekly -- pytest", "weekly", true),
            ("name: titer weekly-ish", "weekly", false),
        ] {
            assert_eq!(says(text.as_bytes(), words), expected, "{text}");
        }
    }
}
