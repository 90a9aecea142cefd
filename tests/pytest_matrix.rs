//! Interpreters and versions: CPython from 3.9 on, pytest 7 to 9, and the plugins that people have beside us, in pairs. Whatever is
//! installed: the exit code and every outcome are those of bare pytest, and nothing that fails is left out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, says what it could not test, and it starts programs"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::{Ending, Interpreter, Repository, interpreters};

use Coverage::Branches;
use Limit::{Signal, Thread};
use Mode::{Auto, Strict};
use Order::{Fixed, Random};
use Reruns::Twice;
use Spread::{File, Load, One, Scope};

/// Python and pytest.
type Pair = (u32, u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coverage {
    Off,
    Branches,
}

/// Of pytest-asyncio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    Strict,
    Auto,
}

/// By pytest-randomly, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Fixed,
    Random,
}

/// Of pytest-rerunfailures: then one test fails at its first try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reruns {
    Never,
    Twice,
}

/// In one process, or by pytest-xdist in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spread {
    One,
    Load,
    File,
    Scope,
}

/// Of pytest-timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Limit {
    None,
    Signal,
    Thread,
}

type Way = (Pair, Coverage, Mode, Order, Reruns, Spread, Limit);

const PAIRS: &[Pair] = &[(9, 7), (9, 8), (11, 7), (11, 9), (13, 8), (13, 9), (14, 9)];

/// Every two settings meet in one of these (a test holds it to that), so a disagreement of two plugins is found without trying all.
const WAYS: &[Way] = &[
    ((9, 7), Branches, Auto, Fixed, Twice, Load, Limit::None),
    ((9, 7), Coverage::Off, Strict, Random, Reruns::Never, One, Signal),
    ((9, 8), Branches, Auto, Fixed, Twice, One, Signal),
    ((9, 8), Coverage::Off, Strict, Random, Reruns::Never, Scope, Limit::None),
    ((11, 7), Branches, Strict, Random, Twice, Load, Signal),
    ((11, 7), Coverage::Off, Auto, Fixed, Twice, One, Thread),
    ((11, 7), Coverage::Off, Strict, Random, Reruns::Never, Load, Limit::None),
    ((11, 9), Branches, Auto, Random, Reruns::Never, File, Thread),
    ((11, 9), Branches, Strict, Fixed, Twice, One, Limit::None),
    ((11, 9), Coverage::Off, Strict, Random, Reruns::Never, File, Signal),
    ((13, 8), Branches, Auto, Random, Reruns::Never, One, Limit::None),
    ((13, 8), Branches, Strict, Random, Reruns::Never, Load, Thread),
    ((13, 8), Branches, Strict, Random, Twice, File, Limit::None),
    ((13, 8), Coverage::Off, Auto, Fixed, Reruns::Never, File, Limit::None),
    ((13, 9), Branches, Auto, Random, Twice, Scope, Signal),
    ((13, 9), Coverage::Off, Strict, Fixed, Reruns::Never, One, Limit::None),
    ((14, 9), Branches, Auto, Random, Reruns::Never, One, Limit::None),
    ((14, 9), Coverage::Off, Strict, Fixed, Twice, Scope, Thread),
];

const BASE: &[&str] = &["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"];
const PRICES: &[&str] = &[
    "tests/test_prices.py::TestBasket::test_discount",
    "tests/test_prices.py::TestBasket::test_total",
    "tests/test_prices.py::test_tax[100-125]",
    "tests/test_prices.py::test_tax[200-250]",
];
const DISCOUNT: &[&str] = &["tests/test_prices.py::TestBasket::test_discount"];
const LEFT: &[&str] = &["tests/test_stock.py::test_flaky", "tests/test_stock.py::test_pen"];
const SHELF: &[&str] =
    &["tests/test_stock.py::test_flaky", "tests/test_stock.py::test_ink", "tests/test_stock.py::test_pen"];
const STAMP: &[&str] = &[
    "tests/test_orders.py::TestStamps::test_each",
    "tests/test_orders.py::test_confirm",
    "tests/test_orders.py::test_many",
];

fn command(way: &Way) -> Vec<&'static str> {
    let (_, coverage, mode, order, reruns, spread, limit) = *way;
    let parts: [&[&str]; 6] = [
        if coverage == Branches {
            &["--cov=shop", "--cov-branch", "--cov-context=test", "--cov-report=term"]
        } else {
            &[]
        },
        if mode == Auto { &["-o", "asyncio_mode=auto"] } else { &["-o", "asyncio_mode=strict"] },
        if order == Fixed { &["-p", "no:randomly"] } else { &[] },
        if reruns == Twice { &["--reruns", "2"] } else { &[] },
        match spread {
            One => &[],
            Load => &["-n2", "--dist", "load"],
            File => &["-n2", "--dist", "loadfile"],
            Scope => &["-n2", "--dist", "loadscope"],
        },
        match limit {
            Limit::None => &[],
            Signal => &["--timeout", "120", "--timeout-method", "signal"],
            Thread => &["--timeout", "120", "--timeout-method", "thread"],
        },
    ];
    [BASE, &parts.concat()].concat()
}

/// What every run comes to, in the tests' own words: outcomes of every phase of every try.
fn outcomes(ending: &Ending) -> BTreeMap<(String, String, String), usize> {
    let mut outcomes = BTreeMap::new();
    for report in ending.reports.clone() {
        *outcomes.entry((report.id, report.when, report.outcome)).or_insert(0) += 1;
    }
    outcomes
}

/// The line of coverage's report that adds everything up.
fn total(ending: &Ending) -> Option<&str> {
    ending.stdout.lines().find(|line| line.starts_with("TOTAL"))
}

/// A repository with the matrix's project and a command.
struct Project {
    repository: Repository,
    command: Vec<&'static str>,
}

impl Project {
    fn new(interpreter: Interpreter, command: Vec<&'static str>) -> Self {
        let repository = Repository::bare(interpreter);
        repository.copy_in("testdata/pytest-matrix/project");
        repository.git(&["init", "-q", "-b", "main"]);
        repository.commit("first");
        Self { repository, command }
    }

    /// The whole suite, recorded: as bare in everything, the coverage figures too.
    #[track_caller]
    fn records(&self) -> &Self {
        let bare = self.repository.truth(&self.command);
        assert_eq!(bare.code, Some(0), "the project itself is broken: {}{}", bare.stdout, bare.stderr);
        let first = self.repository.run(&self.command);
        first.exits(0).warns_never();
        assert_eq!(outcomes(&first), outcomes(&bare), "{}{}", first.stdout, first.stderr);
        assert_eq!(total(&first), total(&bare));
        assert!(!format!("{}{}", first.stdout, first.stderr).contains("Traceback"), "{}{}", first.stdout, first.stderr);
        self
    }

    /// Exactly these run, and come to what they come to without titer.
    #[track_caller]
    fn runs(&self, tests: &[&str]) -> &Self {
        let wanted: BTreeSet<String> = tests.iter().map(|test| (*test).to_owned()).collect();
        let bare = self.repository.truth(&self.command);
        let ending = self.repository.run(&self.command);
        assert_eq!(ending.code, bare.code, "{}{}", ending.stdout, ending.stderr);
        assert_eq!(ending.ran(), wanted, "{}{}", ending.stdout, ending.stderr);
        assert!(bare.failing().is_subset(&wanted), "MISS {:?}", bare.failing());
        let of_bare = outcomes(&bare).into_iter().filter(|((id, ..), _)| wanted.contains(id)).collect();
        assert_eq!(outcomes(&ending), of_bare, "{}{}", ending.stdout, ending.stderr);
        ending.warns_never();
        self
    }

    #[track_caller]
    fn runs_nothing(&self) -> &Self {
        let ending = self.repository.run(&self.command);
        ending.exits(0).warns_never();
        assert_eq!(ending.ran(), BTreeSet::new(), "{}", ending.stderr);
        self
    }

    fn edit(&self, path: &str, old: &str, new: &str) -> &Self {
        self.repository.replace(path, old, new);
        self
    }
}

/// Everything that holds for one pair: the plain suite edit by edit, then the plugins.
fn holds_for(pair: Pair) {
    let Some(interpreter) = interpreters::of_matrix(pair.0, pair.1) else {
        eprintln!("NOT TESTED: no environment of CPython 3.{} with pytest {}", pair.0, pair.1);
        return;
    };
    let plain = [BASE, &["-p", "no:randomly"]].concat();
    let project = Project::new(interpreter.clone(), plain);
    project.records().runs_nothing();
    project.edit("shop/prices.py", "return price - 1", "return price - 2").runs(DISCOUNT);
    project.edit("shop/prices.py", "RATE = 25", "RATE = 26").runs(PRICES);
    project.edit("shop/stock.py", "\"pen\": 3", "\"pen\": 4").runs(SHELF);
    project.edit("shop/orders.py", "return number + 100", "return number - 100").runs(STAMP);
    project.edit("shop/orders.py", "return number - 100", "return number + 100").runs(STAMP).runs_nothing();
    for way in WAYS.iter().filter(|way| way.0 == pair) {
        eprintln!("{way:?}");
        let mut project = Project::new(interpreter.clone(), command(way));
        if way.4 == Twice {
            project.repository.variables.insert("FLAKY".to_owned(), "1".to_owned());
        }
        project.records();
        if way.4 == Twice {
            let tries = "SELECT outcome, attempt FROM outcomes WHERE test_id LIKE '%test_flaky'";
            let told = project.repository.sql(tries);
            assert!(told.contains("passed") && told.contains('2'), "{told}");
        }
        project.runs_nothing();
        project.edit("shop/stock.py", "return stock[name]", "return -stock[name]").runs(LEFT);
    }
}

#[test]
fn python_3_9_with_pytest_7_agrees_with_bare_pytest() {
    holds_for((9, 7));
}

#[test]
fn python_3_9_with_pytest_8_agrees_with_bare_pytest() {
    holds_for((9, 8));
}

#[test]
fn python_3_11_with_pytest_7_agrees_with_bare_pytest() {
    holds_for((11, 7));
}

#[test]
fn python_3_11_with_pytest_9_agrees_with_bare_pytest() {
    holds_for((11, 9));
}

#[test]
fn python_3_13_with_pytest_8_agrees_with_bare_pytest() {
    holds_for((13, 8));
}

#[test]
fn python_3_13_with_pytest_9_agrees_with_bare_pytest() {
    holds_for((13, 9));
}

#[test]
fn python_3_14_with_pytest_9_agrees_with_bare_pytest() {
    holds_for((14, 9));
}

/// What two settings of a way are together. Of the ways to spread and to limit only that there is one meets every interpreter.
fn met(way: &Way) -> BTreeSet<String> {
    let (pair, coverage, mode, order, reruns, spread, limit) = way;
    let settings = [
        format!("{pair:?}"),
        format!("coverage {coverage:?}"),
        format!("{mode:?}"),
        format!("{order:?}"),
        format!("reruns {reruns:?}"),
        format!("spread {spread:?}"),
        format!("limit {limit:?}"),
    ];
    let spreads = format!("spread {}", *spread != One);
    let limits = format!("limit {}", *limit != Limit::None);
    let mut met = BTreeSet::from([format!("{} {spreads}", settings[0]), format!("{} {limits}", settings[0])]);
    for (number, one) in settings.iter().enumerate() {
        let others = settings.iter().enumerate().skip(number + 1).filter(|(other, _)| number > 0 || *other < 5);
        met.extend(others.map(|(_, other)| format!("{one} {other}")));
    }
    met
}

#[test]
fn every_two_settings_meet_in_some_way() {
    let mut wanted = BTreeSet::new();
    for &pair in PAIRS {
        for coverage in [Coverage::Off, Branches] {
            for (mode, order) in [(Strict, Fixed), (Strict, Random), (Auto, Fixed), (Auto, Random)] {
                for (reruns, limit) in
                    [Reruns::Never, Twice].into_iter().flat_map(|r| [Limit::None, Signal, Thread].map(|l| (r, l)))
                {
                    for spread in [One, Load, File, Scope] {
                        wanted.extend(met(&(pair, coverage, mode, order, reruns, spread, limit)));
                    }
                }
            }
        }
    }
    let there: BTreeSet<String> = WAYS.iter().flat_map(met).collect();
    let missing: Vec<_> = wanted.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
