//! Which test of ours a test of an older report is: by the files of the repository, and by the names of the tests that are known.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::reported::{ReportedTest, Reporter, Unmapped};
use crate::model::test_id::TestId;

/// What separates titles in reports of jest, where they are told apart.
const SEPARATORS: [&str; 2] = [" \u{203a} ", " > "];

/// What is there to be found.
#[derive(Debug, Default)]
pub struct Places {
    files: BTreeSet<String>,
    /// Files by their last name.
    by_name: BTreeMap<String, Vec<String>>,
    /// Known tests by their words: titles with spaces between them, names of Rust tests without their program.
    known: BTreeMap<(&'static str, String), BTreeSet<String>>,
    /// The folder that reports speak from, with a slash at its end; empty for the root.
    folder: String,
}

impl Places {
    /// The files of the repository and the ids of known tests; reports were written in `folder`.
    #[must_use]
    pub fn new<'a>(files: BTreeSet<String>, tests: impl Iterator<Item = &'a str>, folder: &str) -> Self {
        let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for file in &files {
            by_name.entry(last(file).to_owned()).or_default().push(file.clone());
        }
        let mut known: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for test in tests {
            for key in words(test) {
                known.entry(key).or_default().insert(test.to_owned());
            }
        }
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Self { files, by_name, known, folder }
    }

    /// The file of the repository that is called so: from the folder of the report, from the root, or the only one that ends so.
    fn file(&self, name: &str) -> Result<String, Unmapped> {
        let name = name.trim_start_matches("./");
        if let Some(found) = self.file_there(name) {
            return Ok(found);
        }
        let candidates = self.by_name.get(last(name)).map(Vec::as_slice).unwrap_or_default();
        // A report may speak from further in, and an absolute path from another machine from further out.
        let fits = |path: &&String| ends_with(path, name) || (name.starts_with('/') && ends_with(name, path));
        let found: Vec<&String> = candidates.iter().filter(fits).collect();
        match found.as_slice() {
            [] => Err(Unmapped::NoFile),
            [one] => Ok((*one).clone()),
            _ => Err(Unmapped::SeveralFiles),
        }
    }

    /// The file that is called so from the folder of the report, or from the root.
    fn file_there(&self, name: &str) -> Option<String> {
        [format!("{}{name}", self.folder), name.to_owned()].into_iter().find(|path| self.files.contains(path))
    }

    /// The one known test of these words, in this file if it is told.
    fn known(&self, runner: &'static str, text: &str, file: Option<&str>) -> Result<Option<String>, Unmapped> {
        let all = self.known.get(&(runner, text.trim().to_owned()));
        let fits = |id: &&String| file.is_none_or(|file| TestId((*id).clone()).file() == file);
        let mut fitting = all.into_iter().flatten().filter(fits);
        match (fitting.next(), fitting.next()) {
            (None, _) => Ok(None),
            (Some(one), None) => Ok(Some(one.clone())),
            _ => Err(Unmapped::SeveralTests),
        }
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// The words that a known test may be called by where its runner's report does not tell them apart.
fn words(test: &str) -> Vec<(&'static str, String)> {
    let id = TestId(test.to_owned());
    match id.runner() {
        "jest" => vec![("jest", id.inner_name().replace(" > ", " "))],
        // `cargo::app::lib::tests::works`: the package and the program are no part of the test's own name.
        "cargo" => id.own_name().splitn(3, "::").nth(2).map(|name| ("cargo", name.to_owned())).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The id of the test that a report means. `unit_of` says what we call a program that nextest calls by a name of its own.
///
/// # Errors
/// It is not known which test is meant.
pub fn test_of(
    reporter: Reporter,
    test: &ReportedTest,
    places: &Places,
    unit_of: &dyn Fn(&str) -> String,
) -> Result<String, Unmapped> {
    match reporter {
        Reporter::Pytest => of_pytest(test, places),
        Reporter::Jest => of_jest(test, places),
        Reporter::Cargo => of_cargo(test, places, unit_of),
    }
}

/// `tests.test_shop.TestBasket` is a file and the classes in it: the longest start that is a file is taken for it.
fn of_pytest(test: &ReportedTest, places: &Places) -> Result<String, Unmapped> {
    if test.class.is_empty() {
        return Err(Unmapped::NoTest);
    }
    let parts: Vec<&str> = test.class.split('.').collect();
    let mut why = Unmapped::NoFile;
    for length in (1..=parts.len()).rev() {
        // What looks like no class is a module that is not there any more: a file that only ends like its folder is another one.
        let are_classes = parts[length..].iter().all(|part| part.starts_with(|letter: char| !letter.is_lowercase()));
        let name = format!("{}.py", parts[..length].join("/"));
        let found = if are_classes { places.file(&name) } else { places.file_there(&name).ok_or(Unmapped::NoFile) };
        match found {
            Ok(file) => {
                let inside = parts[length..].iter().copied().chain([test.name.as_str()]);
                return Ok(format!("pytest::{file}::{}", inside.collect::<Vec<_>>().join("::")));
            }
            Err(found) => why = why.max(found),
        }
    }
    Err(why)
}

fn of_jest(test: &ReportedTest, places: &Places) -> Result<String, Unmapped> {
    let is_path = |text: &str| text.contains('.') && !text.contains(' ');
    let named =
        test.file.as_deref().into_iter().chain([test.class.as_str(), &test.suite].into_iter().filter(|t| is_path(t)));
    let mut file: Option<String> = None;
    let mut why = Unmapped::NoFile;
    for name in named {
        match places.file(name) {
            Ok(found) => {
                file = Some(found);
                break;
            }
            Err(found) => why = why.max(found),
        }
    }
    let class_is_path = is_path(&test.class) && places.file(&test.class).is_ok();
    let class = if class_is_path { "" } else { test.class.as_str() };
    let is_apart = !class_is_path && test.class != test.name;
    // What is known is known best: the titles with spaces between them, however the report splits them.
    let plain = SEPARATORS.iter().fold(class.to_owned(), |text, separator| text.replace(separator, " "));
    let full = if is_apart { format!("{plain} {}", test.name) } else { test.name.clone() };
    if let Some(known) = places.known("jest", &full, file.as_deref())? {
        return Ok(known);
    }
    let file = file.ok_or(why)?;
    let titles: Vec<&str> = match SEPARATORS.iter().find(|separator| class.contains(*separator)) {
        Some(separator) if is_apart => class.split(separator).chain([test.name.as_str()]).collect(),
        // jest-junit's own form: what has nothing before the space has nothing around it.
        _ if !is_apart && test.name.starts_with(' ') => vec![test.name.trim()],
        _ if is_apart && class.is_empty() => vec![&test.name],
        // The suite is called like the outermost describe; one that is the whole class stands alone.
        _ if is_apart && class == test.suite => vec![class, &test.name],
        _ => return Err(Unmapped::RunTogether),
    };
    Ok(format!("jest::{file}::{}", titles.join(" > ")))
}

fn of_cargo(test: &ReportedTest, places: &Places, unit_of: &dyn Fn(&str) -> String) -> Result<String, Unmapped> {
    if test.suite.starts_with("@setup-script:") {
        return Err(Unmapped::NoTest);
    }
    // Under `--stress-count` every round is a suite of its own.
    let suite = test.suite.rsplit_once("@stress-").map_or(test.suite.as_str(), |(binary, _)| binary);
    // nextest names its programs, and says the name in both places.
    if !suite.is_empty() && suite == test.class {
        return Ok(format!("cargo::{}::{}", unit_of(suite), test.name));
    }
    let names = [format!("{}::{}", test.class, test.name), test.name.clone()];
    for name in names {
        if let Some(known) = places.known("cargo", &name, None)? {
            return Ok(known);
        }
    }
    Err(Unmapped::NoProgram)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Outcome;

    const FILES: &[&str] = &[
        "svc/tests/test_shop.py",
        "svc/tests/__init__.py",
        "app/tests.py",
        "one/test_a.py",
        "two/test_a.py",
        "web/test/shop.test.js",
        "web/test/basket.test.js",
    ];
    const KNOWN: &[&str] = &[
        "jest::web/test/shop.test.js::shop > basket > adds two",
        "jest::web/test/shop.test.js::shop > opens",
        "jest::web/test/basket.test.js::shop > opens",
        "cargo::app::lib::tests::works",
        "cargo::app::test/cli::same",
        "cargo::app::test/more::same",
    ];

    /// `suite|class|name|file` to the id, or to why there is none.
    fn told(reporter: Reporter, folder: &str, fields: &str) -> String {
        let files = FILES.iter().map(|file| (*file).to_owned()).collect();
        let places = Places::new(files, KNOWN.iter().copied(), folder);
        let mut fields = fields.split('|').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        let (suite, class, name, file) = (next(), next(), next(), Some(next()).filter(|file| !file.is_empty()));
        let (outcome, at) = (Outcome::Passed, None);
        let test = ReportedTest { suite, class, name, file, at, outcome, failed_before: 0, seconds: 0.0 };
        test_of(reporter, &test, &places, &|unit| format!("{unit}::lib")).unwrap_or_else(|why| format!("{why:?}"))
    }

    #[test]
    fn names_of_pytest_lead_to_files_and_the_classes_in_them() {
        for (folder, fields, wanted) in [
            ("", "|svc.tests.test_shop|test_a[x.y]", "pytest::svc/tests/test_shop.py::test_a[x.y]"),
            ("svc", "|tests.test_shop.TestB.TestC|test_d", "pytest::svc/tests/test_shop.py::TestB::TestC::test_d"),
            ("", "|tests.test_shop.TestB|test_d", "pytest::svc/tests/test_shop.py::TestB::test_d"),
            ("one", "|test_a|test_x", "pytest::one/test_a.py::test_x"),
            ("", "|test_a|test_x", "SeveralFiles"),
            ("", "|gone.test_gone.TestB|test_x", "NoFile"),
            // A folder of that name is no file of that name.
            ("", "|tests.test_gone|test_x", "NoFile"),
            ("app", "|tests.shopping|test_x", "pytest::app/tests.py::shopping::test_x"),
            ("", "||svc.tests.test_shop", "NoTest"),
        ] {
            assert_eq!(told(Reporter::Pytest, folder, fields), wanted, "{fields}");
        }
    }

    #[test]
    fn titles_of_jest_are_told_apart_by_separators_or_by_known_tests() {
        for (fields, wanted) in [
            // As jest-junit writes them by itself.
            (
                "shop|shop basket adds two|shop basket adds two|",
                "jest::web/test/shop.test.js::shop > basket > adds two",
            ),
            ("shop|shop opens|shop opens|", "SeveralTests"),
            ("shop|shop opens|shop opens|test/shop.test.js", "jest::web/test/shop.test.js::shop > opens"),
            ("test/shop.test.js|shop opens|shop opens|", "jest::web/test/shop.test.js::shop > opens"),
            ("shop|shop closes|shop closes|test/shop.test.js", "RunTogether"),
            ("x| alone| alone|test/shop.test.js", "jest::web/test/shop.test.js::alone"),
            ("x| alone| alone|", "NoFile"),
            // With templates of the user's.
            ("shop|shop \u{203a} till|is shut|test/shop.test.js", "jest::web/test/shop.test.js::shop > till > is shut"),
            ("shop|shop > till|is shut|web/test/shop.test.js", "jest::web/test/shop.test.js::shop > till > is shut"),
            ("shop|shop|is shut|test/shop.test.js", "jest::web/test/shop.test.js::shop > is shut"),
            ("shop|shop till|is shut|test/shop.test.js", "RunTogether"),
            ("shop||alone|test/shop.test.js", "jest::web/test/shop.test.js::alone"),
            ("x|test/shop.test.js|shop basket adds two|", "jest::web/test/shop.test.js::shop > basket > adds two"),
            ("shop|shop|is shut|/build/7/web/test/shop.test.js", "jest::web/test/shop.test.js::shop > is shut"),
            ("shop|shop|is shut|test/gone.test.js", "NoFile"),
        ] {
            assert_eq!(told(Reporter::Jest, "", fields), wanted, "{fields}");
        }
    }

    #[test]
    fn nextest_names_programs_and_others_only_tests() {
        for (fields, wanted) in [
            ("app|app|tests::new", "cargo::app::lib::tests::new"),
            ("app@stress-3|app|tests::new", "cargo::app::lib::tests::new"),
            ("@setup-script:db|@setup-script:db|db", "NoTest"),
            ("tests|tests|works", "cargo::tests::lib::works"),
            ("all|tests|works", "cargo::app::lib::tests::works"),
            ("all||same", "SeveralTests"),
            ("all|tests|unknown", "NoProgram"),
        ] {
            assert_eq!(told(Reporter::Cargo, "", fields), wanted, "{fields}");
        }
    }
}
