//! What is wrong with a set-up, from facts that the ledger and the machine tell.

use globset::GlobSet;

use crate::model::change::PathClass;
use crate::model::finding::Finding;
use crate::model::map::Map;

use super::classify::classify;

/// The oldest Python and pytest that the adapter is made for.
const OLDEST_PYTHON: (u32, u32) = (3, 9);
const OLDEST_PYTEST: (u32, u32) = (7, 4);

/// A path that differed in each of the last records, as the ledger's view `volatile_paths` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changing {
    /// The path.
    pub path: String,
    /// Tests known to load, run or read it.
    pub tests: u64,
    /// All tests with a recording.
    pub all: u64,
}

/// The paths that are worth a line in `titer.toml`: each change of them runs over half of the tests.
#[must_use]
pub fn volatile(changing: &[Changing], (inert, already): (&GlobSet, &GlobSet), all_traced: bool) -> Vec<Finding> {
    let runs = |row: &Changing| match classify(&row.path, inert) {
        // Without the file tracer, data that nobody is known to touch runs everything.
        PathClass::Data if row.tests == 0 && !all_traced => row.all,
        PathClass::Source | PathClass::Data | PathClass::Inert => row.tests,
        // Both have a say in every test, and none of them is generated.
        PathClass::Tables | PathClass::BuildInput => 0,
    };
    let worth = changing.iter().filter(|row| !already.is_match(&row.path) && runs(row) * 2 > row.all);
    let mut found: Vec<Finding> =
        worth.map(|row| Finding::Volatile { path: row.path.clone(), tests: runs(row), all: row.all }).collect();
    found.sort();
    if found.is_empty() { vec![Finding::NothingVolatile] } else { found }
}

/// Whether the file tracer saw every test that has a recording.
#[must_use]
pub fn all_traced(map: &Map) -> bool {
    map.tests.iter().filter_map(|test| test.footprints.first()).all(|footprint| footprint.traced)
}

/// What a map is worth; `hours` since its newest run.
#[must_use]
pub fn map(map: &Map, hours: Option<u64>) -> Finding {
    let tests = map.tests.len();
    let recorded = map.tests.iter().filter(|test| !test.footprints.is_empty()).count();
    match (tests, recorded) {
        (0, _) => Finding::NoMap,
        (tests, 0) => Finding::NothingRecorded { tests },
        (tests, recorded) => Finding::Map { tests, recorded, variants: map.variants.len(), hours },
    }
}

/// Whether the adapter can get into an interpreter that says `3.13.0 9.2.0`: its own version and pytest's.
#[must_use]
pub fn entrance(interpreter: &str, said: &str) -> Finding {
    let interpreter = interpreter.to_owned();
    let mut words = said.split_whitespace();
    let (Some(python), Some(pytest)) = (words.next(), words.next()) else {
        return Finding::NoPytest { interpreter, why: "it does not say which pytest it has".to_owned() };
    };
    let older = |version: &str, oldest: (u32, u32)| {
        let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < oldest
    };
    if older(python, OLDEST_PYTHON) {
        return Finding::TooOld { interpreter, what: format!("Python {python}") };
    }
    if older(pytest, OLDEST_PYTEST) {
        return Finding::TooOld { interpreter, what: format!("pytest {pytest}") };
    }
    Finding::Enters { interpreter, python: python.to_owned(), pytest: pytest.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, tests: u64) -> Changing {
        Changing { path: path.to_owned(), tests, all: 10 }
    }

    #[test]
    fn over_half_of_the_tests_is_worth_a_line_and_half_is_not() {
        let rows = [row("src/_version.py", 6), row("src/other.py", 5)];
        let found = volatile(&rows, (&GlobSet::empty(), &GlobSet::empty()), false);
        assert_eq!(found, [Finding::Volatile { path: "src/_version.py".to_owned(), tests: 6, all: 10 }]);
    }

    #[test]
    fn data_that_nobody_is_known_to_touch_runs_everything_and_documentation_nothing() {
        let rows = [row("VERSION", 0), row("NEWS.md", 0), row("pyproject.toml", 10)];
        let found = volatile(&rows, (&GlobSet::empty(), &GlobSet::empty()), false);
        assert_eq!(found, [Finding::Volatile { path: "VERSION".to_owned(), tests: 10, all: 10 }]);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(matches!(entrance("p", "3.10.1 10.0"), Finding::Enters { .. }));
        assert_eq!(
            entrance("p", "3.8.18 8.3.5"),
            Finding::TooOld { interpreter: "p".into(), what: "Python 3.8.18".into() }
        );
        assert!(entrance("p", "3.9.1 7.3.2").is_wrong());
        assert!(matches!(entrance("p", ""), Finding::NoPytest { .. }));
    }
}
