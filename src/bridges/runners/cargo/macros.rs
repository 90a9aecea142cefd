//! Procedural macros of others that may read files while they expand: cargo is not told of these.

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

/// Packages that were looked into.
#[derive(Default)]
pub(super) struct Readers {
    known: BTreeMap<String, bool>,
}

impl Readers {
    /// Whether a package's code speaks of reading files.
    pub(super) fn reads(&mut self, package: &Package) -> bool {
        if HARMLESS.contains(&package.name.as_str()) {
            return false;
        }
        let id = package.id.repr.clone();
        *self.known.entry(id).or_insert_with(|| speaks_of_reading(&project::folder(package).join("src")))
    }
}

fn speaks_of_reading(folder: &Path) -> bool {
    let files = WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file());
    let files = files.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "rs"));
    let mut files = files.filter(|entry| !is_of_tests(entry.path(), folder)).peekable();
    // No source where there should be some: nothing is known about it.
    files.peek().is_none()
        || files.any(|entry| {
            let text = disk::read(entry.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            let mut code = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
            code.any(|line| READING.iter().any(|word| says(line, word)))
        })
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
    fn code_that_reads_files_is_told_from_code_that_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("src");
        assert!(speaks_of_reading(&source), "nothing is known");
        std::fs::create_dir_all(source.join("unit_tests")).unwrap();
        for (text, reads) in [
            ("// fs::read(path)\n", false),
            ("use sys::statvfs::*;\n", false),
            ("let text = std::fs::read(path);\n", true),
            ("let text = read_to_string(path);\n", true),
        ] {
            std::fs::write(source.join("lib.rs"), text).unwrap();
            std::fs::write(source.join("unit_tests/a.rs"), "fs::read(path)").unwrap();
            assert_eq!(speaks_of_reading(&source), reads, "{text}");
        }
    }
}
