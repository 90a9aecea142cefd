//! `titer init`: looks at the repository and writes what a set-up needs and does not have: `titer.toml`, ignore lines, the recipe of CI.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::bridges::{commits, disk, git, workspace};
use crate::decide::project;
use crate::formats::recipe::Recipe;
use crate::model::failure::Failure;
use crate::model::project::{Fate, Forge, Setup, Tests};
use crate::report::setup as words;
use crate::settings::Settings;
use crate::settings::policy::{DEFAULT, FILE, Policy};

/// Which CI system a recipe is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ci {
    /// The one that the repository's files or its remote tell of.
    #[default]
    Seen,
    /// This one.
    Of(Forge),
    /// None.
    No,
}

/// What `titer init` was asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request {
    /// The CI system.
    pub ci: Ci,
    /// Print all that would be written, and write nothing.
    pub print: bool,
}

/// Nobody configures a runner in a file that is larger.
const LARGEST: u64 = 1 << 20;

const IGNORE: &str = ".gitignore";
/// All of titer's own folder but the records of suites, which belong into the repository.
const IGNORED: &str =
    "# What titer keeps for itself; the records of suites belong into git.\n/.titer/*\n!/.titer/suite/\n";

/// What the repository is.
struct Seen {
    tests: Vec<Tests>,
    forge: Option<(Forge, &'static str)>,
    branch: String,
}

/// Writes what is missing, and says what it did and what to do next; changes nothing that is there.
///
/// # Errors
/// A file cannot be written, or a file that is to be compared cannot be read.
pub fn run(settings: &Settings, request: Request, out: &mut dyn Write) -> Result<(), Failure> {
    let seen = look(settings, request.ci);
    let wanted = wanted(settings, &seen);
    if request.print {
        return super::say(out, &printed(&wanted));
    }
    let root = &settings.root;
    let mut files = Vec::new();
    for (path, text) in &wanted {
        files.push((path.clone(), write(root, path, text)?));
    }
    files.extend(ignore(settings)?.map(|fate| (IGNORE.to_owned(), fate)));
    let Seen { tests, forge, branch } = seen;
    let setup = Setup { tests, forge, branch, files, is_without_ci: request.ci == Ci::No };
    super::say(out, &words::text(&setup))
}

fn look(settings: &Settings, ci: Ci) -> Seen {
    let root = &settings.root;
    let tree = if settings.in_git { git::tree(root) } else { disk::tree(root) };
    let files: BTreeSet<String> = tree.map(|tree| tree.entries.into_keys().collect()).unwrap_or_default();
    let asked = files.iter().filter(|path| project::is_told_by(path));
    let told: BTreeMap<String, String> =
        asked.filter_map(|path| Some((path.clone(), small(&root.join(path))?))).collect();
    let tests = project::tests(&files, &told);
    let remote = git::address(root).as_deref().and_then(project::forge_of);
    let there = project::forges(&files);
    let forge = match ci {
        Ci::No => None,
        Ci::Of(forge) => Some((forge, "as you said")),
        Ci::Seen => match (there.as_slice(), remote) {
            ([_, _, ..], Some(host)) if there.contains(&host) => Some((host, "its files are here")),
            ([first, ..], _) => Some((*first, "its files are here")),
            ([], host) => host.map(|host| (host, "by the remote origin")),
        },
    };
    let branch = settings.policy.default_branch.clone().or_else(|| default_branch(root));
    let branch = branch.filter(|name| project::is_plain(name)).unwrap_or_else(|| "main".to_owned());
    Seen { forge: forge.filter(|_| !tests.is_empty()), tests, branch }
}

/// The branch that a clone calls the default one; else one of the usual names that is there; else what is checked out.
fn default_branch(root: &Path) -> Option<String> {
    let usual =
        || ["main", "master"].into_iter().find(|name| commits::resolve(root, &format!("refs/heads/{name}")).is_some());
    let told = commits::default_branch(root)?;
    let is_told_by_clone = commits::resolve(root, "refs/remotes/origin/HEAD").is_some();
    Some(if is_told_by_clone { told } else { usual().map_or(told, str::to_owned) })
}

fn small(path: &Path) -> Option<String> {
    fs::metadata(path).ok().filter(|about| about.is_file() && about.len() <= LARGEST)?;
    fs::read_to_string(path).ok()
}

/// Every file with the text that titer would give it, except the one that is only added to.
fn wanted(settings: &Settings, seen: &Seen) -> Vec<(String, String)> {
    let mut wanted = vec![(FILE.to_owned(), commented())];
    if let Some((forge, _)) = seen.forge {
        let own = Policy::defaults().ledger;
        let ledger = Some(settings.policy.ledger.as_str()).filter(|path| project::is_plain(path)).unwrap_or(&own);
        let version = env!("CARGO_PKG_VERSION");
        let recipe = Recipe { forge, tests: &seen.tests, branch: &seen.branch, version, ledger };
        wanted.extend(recipe.files().into_iter().map(|(path, text)| (path.to_owned(), text)));
    }
    wanted
}

/// Writes a file that is not there; what is there is only compared.
fn write(root: &Path, path: &str, text: &str) -> Result<Fate, Failure> {
    let full = root.join(path);
    match fs::read(&full) {
        Ok(there) if there == text.as_bytes() => Ok(Fate::Same),
        // One that includes the recipe says what it has to.
        Ok(there) if path == ".gitlab-ci.yml" => {
            let is_included = String::from_utf8_lossy(&there).contains(Forge::Gitlab.recipe());
            let lines = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
            Ok(if is_included { Fate::Same } else { Fate::Kept { by_hand: Some(lines) } })
        }
        Ok(_) => Ok(Fate::Kept { by_hand: None }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            workspace::create_below(root, path, text.as_bytes()).map_err(|error| {
                let failure = Failure::input(format!("{} is not written", full.display())).because(error);
                failure.hint("`titer init --print` prints all that would be written")
            })?;
            Ok(Fate::Written)
        }
        Err(error) => Err(Failure::input(format!("{} cannot be read", full.display())).because(error)),
    }
}

/// Appends to `.gitignore` what git does not ignore already; nothing where the ledger lies elsewhere, or git is not there.
fn ignore(settings: &Settings) -> Result<Option<Fate>, Failure> {
    let root = &settings.root;
    let own = Policy::defaults().ledger;
    if !settings.in_git || settings.policy.ledger != own {
        return Ok(None);
    }
    let path = root.join(IGNORE);
    let there = match fs::read_to_string(&path) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::input(format!("{} cannot be read", path.display())).because(error)),
    };
    if there.contains(IGNORED) || git::ignores(root, &format!("{own}/segments")) {
        return Ok(Some(Fate::Same));
    }
    let gap = if there.is_empty() || there.ends_with('\n') { "" } else { "\n" };
    workspace::append(&path, format!("{gap}{IGNORED}").as_bytes())
        .map_err(|error| Failure::input(format!("{} cannot be written", path.display())).because(error))?;
    Ok(Some(Fate::Added))
}

/// All files one after the other, each below its name.
fn printed(wanted: &[(String, String)]) -> String {
    let ignore = (IGNORE.to_owned(), IGNORED.to_owned());
    let all = wanted.iter().chain(std::iter::once(&ignore));
    let parts: Vec<String> = all.map(|(path, text)| format!("# ---- {path}\n{text}")).collect();
    parts.join("\n")
}

/// The defaults, each setting commented out: a file that says nothing yet, so that a later default still reaches its owners.
fn commented() -> String {
    let mut text = String::new();
    for line in DEFAULT.lines() {
        let is_setting = !line.is_empty() && !line.starts_with('#') && !line.starts_with('[');
        text.push_str(if is_setting { "# " } else { "" });
        text.push_str(line);
        text.push('\n');
    }
    text.replace("# titer's defaults. A `titer.toml` in the repository's root may set any of these; what it does not name stays as it is here.",
        "# titer's settings, with their defaults: what stays commented out stays as titer has it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_writes_says_nothing_and_can_be_read() {
        let policy = Policy::parse(&commented(), Path::new("titer.toml")).unwrap();
        assert_eq!(policy.placement.thresholds(0), Policy::defaults().placement.thresholds(0));
        assert!(commented().contains("\n# quiet_days = 180\n"), "{}", commented());
    }
}
