//! Where cargo's guards live: in `tests` of the package that holds the file that failed, each a program of its own, which sees only what is public.

use std::collections::BTreeSet;

use super::{parent, plain};

/// The folder of the package that a file lies in, from the root; nothing where there is none.
#[must_use]
pub fn package_of(files: &BTreeSet<&str>, file: &str) -> Option<String> {
    let mut folder = file;
    while !folder.is_empty() {
        folder = parent(folder);
        let manifest = if folder.is_empty() { "Cargo.toml".to_owned() } else { format!("{folder}/Cargo.toml") };
        if files.contains(manifest.as_str()) {
            return Some(folder.to_owned());
        }
    }
    None
}

/// The name of the test program that a file is: its own, or its folder's.
#[must_use]
pub fn program_of(file: &str) -> &str {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    if stem == "main" && !folder.ends_with("tests") { folder.rsplit('/').next().unwrap_or(stem) } else { stem }
}

/// The file that a guard for a fault in the file `faulty` is written to.
pub(super) fn test_file(files: &BTreeSet<&str>, faulty: &str, function: &str, fault: &str) -> String {
    let folder = package_of(files, faulty).filter(|folder| !folder.is_empty());
    let last = function.rsplit(['.', ':']).next().unwrap_or_default();
    let words = [plain(last), fault.get(..8).unwrap_or(fault).to_owned()];
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let name = format!("tests/guard_{}.rs", words.join("_"));
    folder.map_or(name.clone(), |folder| format!("{folder}/{name}"))
}

/// Whether a file is a test program, by its name.
pub(super) fn is_test(file: &str) -> bool {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let is_tests = |folder: &str| folder.rsplit('/').next() == Some("tests");
    let is_rust = name.rsplit_once('.').is_some_and(|(_, ending)| ending == "rs");
    is_rust && (is_tests(folder) || name == "main.rs" && is_tests(parent(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_is_a_program_of_the_package_that_failed() {
        let files: BTreeSet<&str> = ["Cargo.toml", "src/lib.rs", "crates/a/Cargo.toml", "crates/a/src/b/c.rs"].into();
        for (faulty, function, expected) in [
            ("src/lib.rs", "price", "tests/guard_price_01234567.rs"),
            ("crates/a/src/b/c.rs", "<Cart as Show>::show", "crates/a/tests/guard_show_01234567.rs"),
            ("crates/a/src/b/c.rs", "Cart::total", "crates/a/tests/guard_total_01234567.rs"),
            ("src/lib.rs", "<module>", "tests/guard_module_01234567.rs"),
        ] {
            assert_eq!(test_file(&files, faulty, function, "0123456789"), expected);
            assert!(is_test(expected));
        }
        assert_eq!(package_of(&["a/src/lib.rs"].into(), "a/src/lib.rs"), None);
    }

    #[test]
    fn only_programs_in_tests_are_tests() {
        for (file, expected) in [
            ("tests/a.rs", true),
            ("x/tests/a/main.rs", true),
            ("tests/common/mod.rs", false),
            ("src/tests.rs", false),
            ("tests/a.py", false),
        ] {
            assert_eq!(is_test(file), expected, "{file}");
        }
        assert_eq!(["tests/a.rs", "x/tests/b/main.rs", "tests/main.rs"].map(program_of), ["a", "b", "main"]);
    }
}
