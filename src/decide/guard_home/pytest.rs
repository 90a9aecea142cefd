//! Where pytest's guards live, and from where a tree's modules are imported.

use std::collections::BTreeSet;

use super::{nearest, parent, plain};

/// Folders from which projects are imported, beside their root.
const ROOTS: [&str; 3] = ["src", "lib", "python"];

/// The folders, from the root, that imports of a tree begin at: the one of the faulty file first.
#[must_use]
pub fn import_roots(files: &BTreeSet<&str>, faulty: &str) -> Vec<String> {
    let mut roots = vec![root_of(files, faulty)];
    let mut add = |root: &str| {
        if !roots.iter().any(|known| known == root) {
            roots.push(root.to_owned());
        }
    };
    add("");
    for root in ROOTS {
        if files.range(format!("{root}/").as_str()..).next().is_some_and(|file| file.starts_with(&format!("{root}/"))) {
            add(root);
        }
    }
    roots
}

/// The folder above the outermost package that a file lies in.
fn root_of(files: &BTreeSet<&str>, file: &str) -> String {
    let mut folder = parent(file);
    while !folder.is_empty() && files.contains(format!("{folder}/__init__.py").as_str()) {
        folder = parent(folder);
    }
    // A package without `__init__.py` in a folder that imports begin at.
    let first = folder.split('/').next().unwrap_or_default();
    if ROOTS.contains(&first) { first.to_owned() } else { folder.to_owned() }
}

/// The names that can be imported from these roots.
#[must_use]
pub fn first_party(files: &BTreeSet<&str>, roots: &[String]) -> Vec<String> {
    let mut names = BTreeSet::new();
    for root in roots {
        let inside = if root.is_empty() { String::new() } else { format!("{root}/") };
        for file in files.iter().filter_map(|file| file.strip_prefix(inside.as_str())) {
            let name = match file.split_once('/') {
                Some((folder, rest)) if is_python(rest) && !ROOTS.contains(&folder) => folder,
                None => file.strip_suffix(".py").unwrap_or_default(),
                Some(_) => "",
            };
            let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit());
            if !name.is_empty() && is_name && !["setup", "conftest"].contains(&name) {
                names.insert(name.to_owned());
            }
        }
    }
    names.into_iter().collect()
}

/// The file that a guard for a fault in the file `faulty` is written to: beside the tests of that module, else beside the nearest tests, else
/// in `tests`.
pub(super) fn test_file(files: &BTreeSet<&str>, faulty: &str, function: &str, fault: &str) -> String {
    let module = stem(faulty);
    let module = if module == "__init__" || module == "__main__" { stem(parent(faulty)) } else { module };
    let tests = || files.iter().copied().filter(|file| is_test(file));
    let by_name = tests().filter(|file| {
        let name = stem(file);
        name.strip_prefix("test_").or(name.strip_suffix("_test")) == Some(module.trim_matches('_'))
    });
    let folder = nearest(by_name, faulty).or_else(|| nearest(tests(), faulty)).unwrap_or_else(|| "tests".to_owned());
    let words: Vec<String> =
        [module, function].iter().map(|text| plain(text)).filter(|text| !text.is_empty()).collect();
    let name = format!("test_{}_{}.py", words.join("_"), fault.get(..8).unwrap_or(fault));
    if folder.is_empty() { name } else { format!("{folder}/{name}") }
}

/// Whether a file is Python's, by its name.
fn is_python(file: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, ending)| ending == "py")
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.strip_suffix(".py").unwrap_or(name)
}

/// Whether a file is one of tests, by its name.
pub(super) fn is_test(file: &str) -> bool {
    let name = stem(file);
    is_python(file) && (name.starts_with("test_") || name.ends_with("_test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_lives_beside_the_tests_of_its_module() {
        for (files, faulty, expected) in [
            (&["a/b.py", "tests/test_b.py", "tests/other/test_c.py"][..], "a/b.py", "tests/test_b_f_01234567.py"),
            (&["a/b.py", "a/tests/test_z.py", "tests/test_y.py"], "a/b.py", "a/tests/test_b_f_01234567.py"),
            (&["a/b.py", "tests/a/test_z.py", "tests/q/test_b.py"], "a/b.py", "tests/q/test_b_f_01234567.py"),
            (
                &["src/a/b.py", "tests/unit/a/test_z.py", "tests/q/test_q.py"],
                "src/a/b.py",
                "tests/unit/a/test_b_f_01234567.py",
            ),
            (&["a.py"], "a.py", "tests/test_a_f_01234567.py"),
            (&["a.py", "test_a.py"], "a.py", "test_a_f_01234567.py"),
            (&["a/__init__.py"], "a/__init__.py", "tests/test_a_f_01234567.py"),
        ] {
            let files: BTreeSet<&str> = files.iter().copied().collect();
            assert_eq!(test_file(&files, faulty, "B.f", "0123456789"), expected);
        }
    }

    #[test]
    fn imports_begin_above_the_outermost_package() {
        for (files, faulty, roots, names) in [
            (&["a/__init__.py", "a/b.py", "setup.py"][..], "a/b.py", &[""][..], &["a"][..]),
            (&["src/a/__init__.py", "src/a/b.py", "tests/test_a.py"], "src/a/b.py", &["src", ""], &["a", "tests"]),
            (&["x/app/__init__.py", "x/app/b.py"], "x/app/b.py", &["x", ""], &["app", "x"]),
            (&["one.py"], "one.py", &[""], &["one"]),
        ] {
            let files: BTreeSet<&str> = files.iter().copied().collect();
            let found = import_roots(&files, faulty);
            assert_eq!(found, roots);
            assert_eq!(first_party(&files, &found), names);
        }
    }
}
