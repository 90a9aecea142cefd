//! Procedural macros of others that may read files, or be told places in source, while they expand: cargo is not told of these.

use std::collections::BTreeMap;
use std::path::Path;

use cargo_metadata::Package;
use walkdir::WalkDir;

use super::project;
use crate::bridges::disk;

/// What code says that reads files.
const READING: [&str; 6] = ["fs::", "File::open", "read_dir", "read_to_string", "canonicalize", "walkdir::"];
/// Building blocks of nearly all macros that read nothing of the project by themselves, or its manifests only.
const HARMLESS: [&str; 6] = ["proc-macro2", "quote", "syn", "unicode-ident", "proc-macro-crate", "version_check"];

/// What code says that is told where something stands in a file.
const ASKING: [&str; 5] = ["source_text(", "LineColumn", "byte_range(", ".start().line", ".end().line"];

/// What a package's code speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Told {
    /// Reading files.
    pub(super) reads: bool,
    /// Places in source.
    pub(super) asks_for_places: bool,
}

/// Packages that were looked into.
#[derive(Default)]
pub(super) struct Others {
    known: BTreeMap<String, Told>,
}

impl Others {
    /// What a package's code speaks of.
    pub(super) fn told(&mut self, package: &Package) -> Told {
        if HARMLESS.contains(&package.name.as_str()) {
            return Told::default();
        }
        let id = package.id.repr.clone();
        *self.known.entry(id).or_insert_with(|| speaks_of(&project::folder(package).join("src")))
    }
}

fn speaks_of(folder: &Path) -> Told {
    let files = WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file());
    let files = files.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "rs"));
    let mut files = files.filter(|entry| !is_of_tests(entry.path(), folder)).peekable();
    if files.peek().is_none() {
        // No source where there should be some: nothing is known about it.
        return Told { reads: true, asks_for_places: true };
    }
    let mut told = Told::default();
    for entry in files {
        let text = disk::read(entry.path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        for line in text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
            told.reads |= READING.iter().any(|word| says(line, word));
            told.asks_for_places |=
                ASKING.iter().any(|word| if word.starts_with('.') { line.contains(word) } else { says(line, word) });
        }
    }
    told
}

/// Whether a line has a word that no longer name ends with (`statvfs::`).
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_'))
}

/// Whether a file holds a package's own tests: they are not in what others are built with.
fn is_of_tests(path: &Path, folder: &Path) -> bool {
    let inside = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    inside.components().any(|part| part.as_os_str().to_string_lossy().ends_with("tests"))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test writes its sample")]
mod tests {
    use super::*;

    #[test]
    fn code_is_judged_by_what_it_speaks_of() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("src");
        assert_eq!(speaks_of(&source), Told { reads: true, asks_for_places: true }, "nothing is known");
        std::fs::create_dir_all(source.join("unit_tests")).unwrap();
        for (text, reads, asks_for_places) in [
            ("// fs::read(path), source_text()\n", false, false),
            ("use sys::statvfs::*;\n", false, false),
            ("let text = std::fs::read(path);\n", true, false),
            ("let text = read_to_string(path);\n", true, false),
            ("let text = span.source_text();\n", false, true),
        ] {
            std::fs::write(source.join("lib.rs"), text).unwrap();
            std::fs::write(source.join("unit_tests/a.rs"), "fs::read(path)").unwrap();
            assert_eq!(speaks_of(&source), Told { reads, asks_for_places }, "{text}");
        }
    }
}
