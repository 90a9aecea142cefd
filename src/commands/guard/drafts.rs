//! The folders of drafts: each holds `draft.json` and the test. They lie in the ledger, never in the project.

use std::path::{Path, PathBuf};

use crate::bridges::workspace;
use crate::formats::draft_v1::{self, Draft};
use crate::model::failure::Failure;
use crate::model::guard::Runner;
use crate::settings::Settings;

/// The folder of all drafts.
fn all(settings: &Settings) -> PathBuf {
    settings.ledger.0.join("drafts")
}

/// The folder of one draft.
pub(super) fn folder(settings: &Settings, draft: &str) -> PathBuf {
    all(settings).join(draft)
}

/// A name for the next draft of a fault.
pub(super) fn next(settings: &Settings, fault: &str) -> String {
    let beginning = fault.get(..8).unwrap_or(fault);
    let taken = |number: &u32| folder(settings, &format!("{beginning}-{number}")).exists();
    let number = (1..u32::MAX).find(|number| !taken(number)).unwrap_or(1);
    format!("{beginning}-{number}")
}

/// The name of the test's file in the draft's folder. jest runs whatever is called like a test, in any folder: a draft is not called so.
fn test_name(draft: &Draft) -> String {
    let name = draft.file.rsplit('/').next().unwrap_or(&draft.file);
    let ending = if Runner::of(name) == Some(Runner::Jest) { ".txt" } else { "" };
    format!("{name}{ending}")
}

/// Keeps a draft; the text of its test, too, where it has one.
///
/// # Errors
/// It cannot be written.
pub(super) fn keep(settings: &Settings, draft: &Draft, text: Option<&str>) -> Result<PathBuf, Failure> {
    let folder = folder(settings, &draft.draft);
    let failed = |error| Failure::world(format!("the draft {} cannot be written", folder.display())).because(error);
    if let Some(text) = text {
        workspace::write_file(&folder.join(test_name(draft)), text.as_bytes()).map_err(failed)?;
    }
    workspace::write_file(&folder.join(draft_v1::FILE), &draft.bytes()).map_err(failed)?;
    Ok(folder)
}

/// Whether a draft is called by its name: then titer wrote it.
pub(super) fn is_own(settings: &Settings, name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && folder(settings, name).is_dir()
}

/// A draft by its name or its folder, with the text of its test.
///
/// # Errors
/// There is none, or it cannot be read.
pub(super) fn read(settings: &Settings, name: &str) -> Result<(Draft, String), Failure> {
    let folder = if is_own(settings, name) { folder(settings, name) } else { settings.folder.join(name) };
    let file = folder.join(draft_v1::FILE);
    let Ok(bytes) = std::fs::read(&file) else {
        return Err(Failure::input(format!("there is no draft {name}"))
            .hint("`titer guard queue` lists them; a test file of your own needs --fault"));
    };
    let draft = draft_v1::read(&bytes).map_err(|why| Failure::input(format!("{}: {why}", file.display())))?;
    let name = test_name(&draft);
    let kept = folder.join(&name);
    // Somebody else's may be called as it will be.
    let file = if kept.is_file() { kept } else { folder.join(name.trim_end_matches(".txt")) };
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::input(format!("{} cannot be read", file.display())).because(error))?;
    Ok((draft, text))
}

/// All drafts that have a test, by their names.
pub(in crate::commands) fn list(settings: &Settings) -> Vec<Draft> {
    let folder = all(settings);
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut drafts: Vec<Draft> = entries.filter_map(|entry| of(&entry.path())).collect();
    drafts.sort_by(|a, b| (&a.at, &a.draft).cmp(&(&b.at, &b.draft)));
    drafts
}

fn of(folder: &Path) -> Option<Draft> {
    draft_v1::read(&std::fs::read(folder.join(draft_v1::FILE)).ok()?).ok()
}
