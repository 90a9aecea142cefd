//! Where jest's guards live, and from which folder jest is started.

use std::collections::BTreeSet;

use super::{nearest, parent, plain};
use crate::model::guard::Runner;

/// Folders whose scripts are tests, whatever they are called.
const FOLDERS: [&str; 4] = ["__tests__", "test", "tests", "spec"];
/// Files that say how jest is to run.
const CONFIGS: [&str; 7] = ["js", "ts", "mjs", "cjs", "json", "mts", "cts"];

/// The file that a guard for a fault in the file `faulty` is written to: beside the tests of that module, else beside the nearest tests, else
/// beside the module; called and written as those are.
pub(super) fn test_file(files: &BTreeSet<&str>, faulty: &str, function: &str, fault: &str) -> String {
    let module = stem(faulty);
    let named = if module == "index" && !parent(faulty).is_empty() { stem(parent(faulty)) } else { module };
    let tests = || files.iter().copied().filter(|file| is_named_test(file));
    let by_name = || tests().filter(|file| [module, named].contains(&stem(file)));
    let folder = nearest(by_name(), faulty).or_else(|| nearest(tests(), faulty));
    let folder = folder.unwrap_or_else(|| parent(faulty).to_owned());
    let beside = || tests().filter(|file| parent(file) == folder);
    let like =
        beside().find(|file| ending(file) == ending(faulty)).or_else(|| beside().next()).or_else(|| tests().next());
    let sort = if like.is_some_and(|file| file.contains(".spec.")) { "spec" } else { "test" };
    let kind = match like.map_or(ending(faulty), ending) {
        "jsx" => "js",
        "tsx" => "ts",
        other => other,
    };
    let words: Vec<String> = [named, function].iter().map(|text| plain(text)).filter(|text| !text.is_empty()).collect();
    let name = format!("{}_{}.{sort}.{kind}", words.join("_"), fault.get(..8).unwrap_or(fault));
    if folder.is_empty() { name } else { format!("{folder}/{name}") }
}

/// Whether a file is one of tests, by its name or its folder.
pub(super) fn is_test(file: &str) -> bool {
    is_named_test(file) || (is_script(file) && parent(file).split('/').any(|part| FOLDERS.contains(&part)))
}

fn is_named_test(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    let is_within = parent(file).rsplit('/').next() == Some("__tests__");
    is_script(file) && (name.contains(".test.") || name.contains(".spec.") || is_within)
}

fn is_script(file: &str) -> bool {
    Runner::of(file) == Some(Runner::Jest) && !file.contains(".d.")
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("js", |(_, ending)| ending)
}

/// The folder that jest is started in for a test: the nearest above it with a configuration (`asks` says whether its `package.json` holds one),
/// else the nearest with a package, else the root.
#[must_use]
pub fn jest_folder(files: &BTreeSet<&str>, file: &str, asks: &dyn Fn(&str) -> bool) -> String {
    let within =
        |folder: &str, name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let mut above = vec![parent(file)];
    while let Some(folder) = above.last().filter(|folder| !folder.is_empty()) {
        above.push(parent(folder));
    }
    let has = |folder: &str, name: &str| files.contains(within(folder, name).as_str());
    let is_set = |folder: &&&str| {
        CONFIGS.iter().any(|kind| has(folder, &format!("jest.config.{kind}")))
            || (has(folder, "package.json") && asks(folder))
    };
    let found = above.iter().find(is_set).or_else(|| above.iter().find(|folder| has(folder, "package.json")));
    found.map(|folder| (*folder).to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_lives_beside_the_tests_of_its_module_and_is_called_as_they_are() {
        for (files, faulty, expected) in [
            (&["src/a.js", "test/a.test.js", "test/other/b.test.js"][..], "src/a.js", "test/a_f_01234567.test.js"),
            (&["src/a.ts", "src/a.spec.ts", "test/b.test.js"], "src/a.ts", "src/a_f_01234567.spec.ts"),
            (&["src/x/a.tsx", "src/__tests__/b.test.ts"], "src/x/a.tsx", "src/__tests__/a_f_01234567.test.ts"),
            (&["src/a/index.js", "src/a.test.js"], "src/a/index.js", "src/a_f_01234567.test.js"),
            (&["src/a.mjs"], "src/a.mjs", "src/a_f_01234567.test.mjs"),
            (
                &["packages/one/src/a.js", "packages/one/test/z.test.js", "packages/two/test/y.test.js"],
                "packages/one/src/a.js",
                "packages/one/test/a_f_01234567.test.js",
            ),
        ] {
            let files: BTreeSet<&str> = files.iter().copied().collect();
            assert_eq!(test_file(&files, faulty, "B.f", "0123456789"), expected);
            assert!(is_test(expected));
        }
        assert!(is_test("test/helper.js") && !is_test("src/a.js") && !is_test("test/data.json"));
    }

    #[test]
    fn jest_is_started_where_its_configuration_is() {
        for (files, asking, expected) in [
            (&["package.json", "packages/a/package.json"][..], "", ""),
            (&["package.json", "packages/a/package.json"], "packages/a", "packages/a"),
            (&["package.json", "packages/a/package.json", "packages/a/jest.config.ts"], "", "packages/a"),
            (&["package.json", "packages/a/package.json"], "none", "packages/a"),
            (&["jest.config.js", "packages/a/package.json"], "none", ""),
            (&[], "none", ""),
        ] {
            let files: BTreeSet<&str> = files.iter().copied().collect();
            let found = jest_folder(&files, "packages/a/test/b.test.js", &|folder| folder == asking);
            assert_eq!(found, expected, "{files:?} {asking}");
        }
    }
}
