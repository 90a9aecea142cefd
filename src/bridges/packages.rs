//! What is installed beside the project, told by names alone: no file of a package is opened.

use std::fmt::Write as _;
use std::path::Path;

/// Names in `folder` that decide which packages an interpreter finds there, one a line, sorted; empty if it is not a folder.
///
/// What was installed from a place, as the project itself may be, keeps its name when it is installed anew: its line has the time.
#[must_use]
pub fn installed(folder: &Path) -> String {
    const ENDINGS: [&str; 5] = [".dist-info", ".egg-info", ".egg-link", ".egg", ".pth"];
    let Ok(entries) = std::fs::read_dir(folder) else { return String::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| ENDINGS.iter().any(|ending| name.ends_with(ending))).collect();
    for name in &mut names {
        let place = std::fs::metadata(folder.join(&*name).join("direct_url.json"));
        if let Ok(time) = place.and_then(|about| about.modified()) {
            let _ = write!(name, " {time:?}");
        }
    }
    names.sort();
    names.join("\n")
}
