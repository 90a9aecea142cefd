//! What is installed beside the project, told by names alone: no file of a package is opened.

use std::path::Path;

/// Names in `folder` that decide which packages an interpreter finds there, one a line, sorted; empty if it is not a folder.
#[must_use]
pub fn installed(folder: &Path) -> String {
    const ENDINGS: [&str; 5] = [".dist-info", ".egg-info", ".egg-link", ".egg", ".pth"];
    let Ok(entries) = std::fs::read_dir(folder) else { return String::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| ENDINGS.iter().any(|ending| name.ends_with(ending))).collect();
    names.sort();
    names.join("\n")
}
