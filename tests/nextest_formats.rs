//! What titer writes for nextest does with the real nextest what it is meant to, and what nextest writes is read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may stop at once; it starts programs and writes files"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use tempfile::TempDir;
use titer::formats::nextest_config::{Files, Names, reporting};
use titer::formats::nextest_junit::{self, Case, Ending, Told};
use titer::formats::nextest_names::{binary_of, unit_of};

/// Names that are special to nextest's filters, to regular expressions or to TOML.
const ODD: &[&str] = &[
    "f(1, 2)",
    "a,b",
    "back\\slash",
    "x::y",
    "two  words",
    "slash/name.txt",
    "/re/",
    "=eq",
    "~t",
    "#g*",
    "end)",
    "ünï",
    "q\"uote'''",
    "C:\\new\\t",
    "tail ",
    " lead",
    "{brace}",
    "[a]",
    "x & y | not z",
    "$",
    "^",
    ".*",
    "deps()",
    "\\x{41}",
];

const LIBRARY: &str = r#"
fn asked(name: &str) -> Option<String> { std::env::var(name).ok() }
#[test] fn a() {}
#[test] fn b() {}
#[test] #[ignore] fn ignored() {}
#[test] fn fails() { assert!(asked("FAIL").is_none()) }
#[test] fn kills() { if asked("KILL").is_some() { std::process::abort() } }
#[test] fn slow() { if asked("SLOW").is_some() { std::thread::sleep(std::time::Duration::from_secs(30)) } }
#[test] fn leaks() { if asked("LEAK").is_some() { std::process::Command::new("sleep").arg("2").spawn().unwrap(); } }
#[test] fn flaky() { if let Some(mark) = asked("FLAKY") { std::fs::File::create_new(mark).unwrap_err(); } }
"#;

/// A harness of its own kind, as nextest wants it: it lists, and runs one test.
const ODD_HARNESS: &str = r#"
fn main() {
    let has = |word: &str| std::env::args().any(|arg| arg == word);
    let many: usize = std::env::var("MANY").map_or(0, |many| many.parse().unwrap());
    if has("--list") && !has("--ignored") {
        let names = NAMES.iter().map(|name| name.to_string());
        let names = names.chain((0..many).map(|number| format!("some_module_{:03}::inner::test_number_{number}", number / 100)));
        print!("{}", names.map(|name| name + ": test\n").collect::<String>());
    }
}
"#;

static WORKSPACE: LazyLock<TempDir> = LazyLock::new(|| {
    let nextest = Command::new("cargo").args(["nextest", "--version"]).output().unwrap();
    assert!(nextest.status.success(), "these tests need cargo-nextest: `cargo install cargo-nextest --locked`");
    let folder = tempfile::tempdir().unwrap();
    let package = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}")
    };
    let app = package(
        "app",
        "[[test]]\nname = \"odd\"\nharness = false\n[[example]]\nname = \"x\"\ntest = true\n[[bench]]\nname = \"speed\"\n",
    );
    let one = |name: &str| format!("#[test] fn {name}() {{}}\n");
    let program = |name: &str| format!("fn main() {{}}\n{}", one(name));
    for (path, text) in [
        ("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"app\", \"plain\", \"macros\"]\n".to_owned()),
        ("app/Cargo.toml", app),
        ("app/src/lib.rs", LIBRARY.to_owned()),
        ("app/src/main.rs", program("in_main")),
        ("app/src/bin/tool.rs", program("in_tool")),
        ("app/tests/cli.rs", one("a") + &one("runs")),
        ("app/tests/odd.rs", format!("const NAMES: &[&str] = &{ODD:?};\n{ODD_HARNESS}")),
        ("app/examples/x.rs", program("in_example")),
        ("app/benches/speed.rs", one("in_bench")),
        ("plain/Cargo.toml", package("plain", "[[test]]\nname = \"p\"\nharness = false\n")),
        ("plain/src/lib.rs", String::new()),
        ("plain/tests/p.rs", "fn main() { println!(\"hello\") }".to_owned()),
        ("macros/Cargo.toml", package("macros", "[lib]\nproc-macro = true\n")),
        ("macros/src/lib.rs", one("in_macros")),
        ("say", "echo said $1 in $PWD".to_owned()),
        (".config/nextest.toml", "[profile.default]\ndefault-filter = 'none()'\n".to_owned()),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
});

/// One call of nextest with the files that titer writes for it.
struct Call {
    files: TempDir,
    own: String,
    tools: Vec<String>,
    profile: &'static str,
    left_out: Names,
    variables: BTreeMap<&'static str, String>,
}

struct Ended {
    code: i32,
    said: String,
    told: Option<Told>,
}

impl Ended {
    fn ran(&self) -> BTreeSet<String> {
        let cases = &self.told.as_ref().unwrap_or_else(|| panic!("no report: {}", self.said)).cases;
        let ran = cases.iter().filter(|case| case.outcome != Ending::Skipped);
        ran.map(|case| format!("{} {}", case.binary, case.test)).collect()
    }

    fn case(&self, test: &str) -> &Case {
        self.told.as_ref().unwrap().cases.iter().find(|case| case.test == test).unwrap()
    }
}

impl Call {
    fn new(profile: &'static str, own: &str, left_out: &[(&str, &[&str])]) -> Call {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let left_out = left_out.iter().map(|(binary, names)| ((*binary).to_owned(), set(names))).collect();
        let files = tempfile::tempdir().unwrap();
        Call { files, own: own.to_owned(), tools: Vec::new(), profile, left_out, variables: BTreeMap::new() }
    }

    fn with(mut self, name: &'static str, value: &str) -> Call {
        self.variables.insert(name, value.to_owned());
        self
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self) -> Files {
        Files::parse(Some(&self.own), &self.tools.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
    }

    /// `cargo nextest run`, with our arguments before the user's.
    fn run(&self, arguments: &[&str]) -> Ended {
        let merged = self.read().merged(self.profile, &self.left_out).unwrap();
        let config = self.file("merged.toml", &merged);
        let ours = self.files.path().join("report.xml");
        let tool = self.file("tool.toml", &reporting(ours.to_str().unwrap(), true));
        let mut words =
            vec!["--profile".to_owned(), self.profile.to_owned(), "--config-file".to_owned(), text(&config)];
        let tools = self.tools.iter().enumerate().map(|(index, text)| self.file(&format!("{index}.toml"), text));
        for (name, path) in tools.map(|path| ("theirs", path)).chain([("titer", tool)]) {
            words.extend(["--tool-config-file".to_owned(), format!("{name}:{}", text(&path))]);
        }
        _ = std::fs::remove_file(&ours);
        let output = nextest("run", &words, arguments, &self.variables);
        let theirs = self.read().junit_path(self.profile).map(|path| WORKSPACE.path().join(path));
        let told = std::fs::read(theirs.unwrap_or(ours)).ok().map(|bytes| nextest_junit::read(&bytes).unwrap());
        ended(&output, told)
    }
}

fn ended(output: &Output, told: Option<Told>) -> Ended {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ended { code: output.status.code().unwrap(), said, told }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn nextest(verb: &str, ours: &[String], arguments: &[&str], variables: &BTreeMap<&'static str, String>) -> Output {
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NEXTEST") || name.starts_with("CARGO_")) {
        if name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    command.args(["nextest", verb]).args(ours).args(arguments).envs(variables).env("NEXTEST_HIDE_PROGRESS_BAR", "1");
    command.current_dir(WORKSPACE.path().join("app")).output().unwrap()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const CLI: &[&str] = &["-p", "app", "--test", "cli"];
const LIB: &[&str] = &["-p", "app", "--lib"];

#[test]
fn every_name_can_be_left_out_and_nothing_else_is() {
    for parity in [0, 1] {
        let half =
            |keep: usize| ODD.iter().enumerate().filter(move |(index, _)| index % 2 == keep).map(|(_, name)| *name);
        let left_out: Vec<&str> = half(parity).collect();
        let ended = Call::new("default", "", &[("app::odd", &left_out)]).run(&["-p", "app", "--test", "odd"]);
        let kept = half(1 - parity).map(|name| format!("app::odd {name}")).collect();
        assert_eq!((ended.code, ended.ran()), (0, kept), "{}", ended.said);
    }
}

#[test]
fn a_test_is_left_out_of_its_own_program_only_and_one_that_is_gone_does_no_harm() {
    let ended = Call::new("default", "", &[("app", &["a", "gone"])])
        .run(&["-p", "app", "--lib", "--test", "cli", "-E", "test(a)"]);
    assert_eq!(ended.ran(), set(&["app fails", "app flaky", "app leaks", "app::cli a"]), "{}", ended.said);
}

#[test]
fn a_program_that_the_workspace_does_not_have_stops_nextest_so_it_may_not_be_named() {
    let ended = Call::new("default", "", &[("app::gone", &["a"])]).run(CLI);
    assert_eq!(ended.code, 96, "{}", ended.said);
    // One that is only not part of this call does no harm.
    assert_eq!(Call::new("default", "", &[("macros", &["in_macros"])]).run(CLI).code, 0);
}

#[test]
fn the_users_own_default_filter_still_narrows() {
    let own = "[profile.default]\ndefault-filter = '''test(a)\n | test(kills)'''\n[profile.ci]\n[profile.own]\ndefault-filter = 'test(b)'\n";
    for (profile, expected) in [("default", "app kills"), ("ci", "app kills"), ("own", "app b")] {
        let ended = Call::new(profile, own, &[("app", &["a", "fails", "flaky", "leaks"])]).run(LIB);
        assert_eq!(ended.ran(), set(&[expected]), "{}", ended.said);
    }
    // That the repository's own file lets nothing run shows that ours replaces it.
    let alone = ended(&nextest("run", &[], LIB, &BTreeMap::new()), None);
    assert_eq!(alone.code, 4, "{}", alone.said);
}

#[test]
fn nextest_inherits_no_default_filter_and_lets_a_platforms_one_win() {
    let listed = |own: &str| {
        let call = Call::new("ci", "", &[]);
        let words =
            ["--profile".to_owned(), "ci".to_owned(), "--config-file".to_owned(), text(&call.file("a.toml", own))];
        let output = nextest("list", &words, &[LIB, &["--message-format", "oneline"]].concat(), &BTreeMap::new());
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let inherited = "[profile.default]\ndefault-filter = 'test(b)'\n[profile.base]\ndefault-filter = 'test(kills)'\n[profile.ci]\ninherits = 'base'\n";
    assert_eq!(listed(inherited), set(&["app b"]));
    let platform = "[[profile.default.overrides]]\nplatform = 'cfg(all())'\ndefault-filter = 'test(kills)'\n[profile.ci]\ndefault-filter = 'test(b)'\n";
    assert_eq!(listed(platform), set(&["app kills"]));
    for own in [inherited, platform] {
        assert!(Files::parse(Some(own), &[]).unwrap().merged("ci", &Names::new()).is_err(), "{own}");
    }
}

#[test]
fn the_rest_of_the_configuration_works_as_before() {
    let own = r#"
experimental = ["setup-scripts"]
nextest-version = { required = "0.9.50" }
store.dir = "target/kept"
[scripts.setup.z]
command = ["sh", "say", "first"]
[scripts.setup.a]
command = ["sh", "say", "second"]
[test-groups]
serial = { max-threads = 1 }
[profile.base]
retries = 5
junit.path = "theirs.xml"
[profile.ci]
inherits = "base"
[[profile.ci.overrides]]
filter = "test(fails)"
retries = 1
test-group = "serial"
[[profile.ci.scripts]]
filter = "test(fails)"
setup = ["a", "z"]
"#;
    let ended =
        Call::new("ci", own, &[("app", &["a", "b"])]).with("FAIL", "1").run(&[LIB, &["--no-fail-fast"]].concat());
    assert_eq!((ended.code, ended.case("fails").attempts), (100, 2), "{}", ended.said);
    assert!(!ended.ran().contains("app a") && ended.ran().contains("app kills"));
    let (first, second) = (ended.said.find("said first in").unwrap(), ended.said.find("said second in").unwrap());
    assert!(first < second, "scripts run in the order in which they are written: {}", ended.said);
    let left = Call::new("ci", own, &[("app", &["fails"])]).run(LIB);
    assert!(!left.said.contains("said first"), "nothing that runs wants the script: {}", left.said);
}

#[test]
fn profiles_that_a_tool_of_the_user_brings_work_as_before() {
    let mut call = Call::new("brought", "", &[("app", &["a"])]);
    call.tools = vec!["[profile.brought]\nretries = 1\ndefault-filter = 'test(=a) | test(=fails)'\n".to_owned()];
    let ended = call.with("FAIL", "1").run(LIB);
    assert_eq!((ended.ran(), ended.case("fails").attempts), (set(&["app fails"]), 2), "{}", ended.said);
}

#[test]
fn the_users_own_filters_narrow_first() {
    let left_out: &[(&str, &[&str])] = &[("app", &["a", "b", "flaky"])];
    for (arguments, expected) in [
        (&["-E", "test(a)", "-E", "test(=kills)"][..], &["app fails", "app kills", "app leaks"][..]),
        (&["-E", "default() | test(=a)", "slow"], &["app slow"]),
        (&["a", "kills"], &["app fails", "app kills", "app leaks"]),
        (&["--", "--skip", "a", "--skip", "kills"], &["app slow"]),
        (&["--", "--ignored"], &["app ignored"]),
        (&["--run-ignored", "all", "--", "--exact", "a", "ignored"], &["app ignored"]),
    ] {
        let ended = Call::new("default", "", left_out).run(&[LIB, arguments].concat());
        assert_eq!(ended.ran(), set(expected), "{arguments:?} {}", ended.said);
    }
    let ignoring = Call::new("default", "", left_out).run(&[LIB, &["--ignore-default-filter", "b"]].concat());
    assert_eq!(ignoring.ran(), set(&["app b"]), "such a run has to be whole, and is");
}

#[test]
fn shards_by_hash_stay_as_they_are_and_all_shards_together_run_what_is_to_run() {
    let shard = |left_out: &[(&str, &[&str])], kind: &str, number: u32| {
        let partition = format!("{kind}:{number}/2");
        Call::new("default", "", left_out)
            .run(&[LIB, &["--no-tests", "pass", "--partition", &partition]].concat())
            .ran()
    };
    let left_out: &[(&str, &[&str])] = &[("app", &["a", "b"])];
    let kept = set(&["app fails", "app flaky", "app kills", "app leaks", "app slow"]);
    for kind in ["hash", "count", "slice"] {
        let (one, two) = (shard(left_out, kind, 1), shard(left_out, kind, 2));
        assert_eq!(one.union(&two).cloned().collect::<BTreeSet<_>>(), kept, "{kind}");
    }
    for number in [1, 2] {
        let whole: BTreeSet<String> = shard(&[], "hash", number).intersection(&kept).cloned().collect();
        assert_eq!(shard(left_out, "hash", number), whole);
    }
}

#[test]
fn when_nothing_is_left_to_run_nextest_says_so_unless_told_not_to() {
    let call = Call::new("default", "", &[("app::cli", &["a", "runs"])]);
    let ended = call.run(CLI);
    assert_eq!((ended.code, ended.ran()), (4, set(&[])), "{}", ended.said);
    assert_eq!(call.run(&[CLI, &["--no-tests=pass"]].concat()).code, 0);
    let twice = call.run(&[CLI, &["--no-tests=pass", "--no-tests=pass"]].concat());
    assert_eq!((twice.code, twice.told), (2, None), "{}", twice.said);
}

#[test]
fn a_test_that_only_a_default_filter_holds_back_is_told_from_one_that_the_command_does_not_want() {
    let held_back = |arguments: &[&str]| {
        let ended = Call::new("default", "", &[("app", &["a", "b"])]).run(&[LIB, arguments].concat());
        ended.told.unwrap().held_back().map(|case| case.test.clone()).collect::<BTreeSet<_>>()
    };
    for (arguments, expected) in [
        (&[][..], &["a", "b"][..]),
        (&["b"], &["b"]),
        (&["-E", "test(=a)"], &["a"]),
        (&["--", "--skip", "a"], &["b"]),
        (&["--", "--ignored"], &[]),
        (&["nothing_is_called_so"], &[]),
    ] {
        assert_eq!(held_back(arguments), set(expected), "{arguments:?}");
    }
}

#[test]
fn what_stops_nextest_stops_it_with_its_own_words() {
    let alone = nextest("run", &[], &["-p", "plain", "-p", "app", "--ignore-default-filter"], &BTreeMap::new());
    let alone = ended(&alone, None);
    let with = Call::new("default", "", &[("app", &["a"])]).run(&["-p", "plain", "-p", "app"]);
    let words = |ended: &Ended| {
        ended.said.lines().skip_while(|line| !line.starts_with("error")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((with.code, words(&with)), (104, words(&alone)));
    assert_eq!((alone.code, with.told.is_none()), (104, true), "nothing ran, so there is no report: {}", with.said);
    let built = Call::new("default", "", &[("app", &["a"])]).run(&[LIB, &["--no-run"]].concat());
    assert_eq!((built.code, built.told), (0, None), "{}", built.said);
}

#[test]
fn every_way_to_end_is_in_the_report() {
    let own = "[profile.ci]\nretries = 1\nfail-fast = false\nslow-timeout = { period = '1s', terminate-after = 1 }\n";
    let call = Call::new("ci", own, &[("app", &["a"])])
        .with("FAIL", "1")
        .with("KILL", "1")
        .with("SLOW", "1")
        .with("LEAK", "1");
    let mark = text(&call.files.path().join("mark"));
    let ended = call.with("FLAKY", &mark).run(LIB);
    for (test, outcome, attempts, flaky, note) in [
        ("b", Ending::Passed, 1, false, ""),
        ("leaks", Ending::Passed, 1, false, ""),
        ("flaky", Ending::Passed, 2, true, ""),
        ("fails", Ending::Failed, 2, false, "test failure with exit code 101"),
        ("kills", Ending::Failed, 2, false, "test abort"),
        ("slow", Ending::Failed, 2, false, "test timeout"),
    ] {
        let case = ended.case(test);
        assert_eq!((case.outcome, case.attempts, case.flaky, &*case.note), (outcome, attempts, flaky, note), "{test}");
    }
    assert!(ended.case("slow").seconds >= 1.0);
    assert!(!ended.told.unwrap().run.is_empty());
}

#[test]
fn what_did_not_run_after_a_failure_is_not_in_the_report() {
    let ended = Call::new("default", "", &[]).with("FAIL", "1").run(&[LIB, &["--fail-fast", "-j1"]].concat());
    assert_eq!((ended.code, ended.ran()), (100, set(&["app a", "app b", "app fails"])), "{}", ended.said);
}

#[test]
fn a_mistake_of_the_users_is_still_told_as_one() {
    let many: Vec<String> = (0..5_000).map(|number| format!("a({number})")).collect();
    let names: Vec<&str> = many.iter().map(String::as_str).collect();
    let own = "[profile.default]\ndefault-filter = 'test(a) | binary_id(=none_such)'\n";
    let ended = Call::new("default", own, &[("app", &names), ("app::odd", &names)]).run(LIB);
    assert_eq!(ended.code, 96, "{}", ended.said);
    assert!(ended.said.contains("no binary IDs matched this") && !ended.said.contains("panicked"), "{}", ended.said);
}

#[test]
fn ten_thousand_names_are_accepted() {
    let many: Vec<String> =
        (0..10_000).map(|number| format!("some_module_{:03}::inner::test_number_{number}", number / 100)).collect();
    let mut names: Vec<&str> = many.iter().map(String::as_str).collect();
    names.extend(&ODD[1..]);
    let last = "some_module_100::inner::test_number_10000";
    let ended =
        Call::new("default", "", &[("app::odd", &names)]).with("MANY", "10001").run(&["-p", "app", "--test", "odd"]);
    assert_eq!(ended.ran(), set(&[&format!("app::odd {}", ODD[0]), &format!("app::odd {last}")]), "{}", ended.said);
}

#[test]
fn nextests_names_of_programs_and_units_are_the_same_things() {
    let output = nextest(
        "list",
        &[],
        &["-p", "app", "-p", "macros", "--all-targets", "--ignore-default-filter", "--message-format", "oneline"],
        &BTreeMap::new(),
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let binaries: BTreeSet<&str> = lines.lines().filter_map(|line| line.split(' ').next()).collect();
    let units: BTreeSet<String> = binaries.iter().map(|binary| unit_of(binary, str::to_owned)).collect();
    let expected = [
        "app::bench/speed",
        "app::bin/app",
        "app::bin/tool",
        "app::example/x",
        "app::lib",
        "app::test/cli",
        "app::test/odd",
        "macros::lib",
    ];
    assert_eq!(units, set(&expected));
    let back: BTreeSet<String> = units.iter().filter_map(|unit| binary_of(unit)).collect();
    assert_eq!(back, binaries.into_iter().map(str::to_owned).collect());
}
