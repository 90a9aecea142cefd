//! What a command line asks of `cargo test` or `cargo nextest run`.

use std::collections::BTreeSet;

use super::options::{self, Place};
use crate::bridges::runners::command_line::base_name;

/// Which runner stands behind cargo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// `cargo test`.
    #[default]
    Test,
    /// `cargo nextest run`.
    Nextest,
}

/// Programs of a package that were chosen by an option.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the options are")]
pub enum Chosen {
    Lib,
    Bins,
    Bin(String),
    Tests,
    Test(String),
    Examples,
    Example(String),
    Benches,
    Bench(String),
    AllTargets,
    Doc,
}

/// Options that are given or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "named as the options are")]
pub enum Flag {
    AllFeatures,
    Frozen,
    IgnoreDefaultFilter,
    IgnoreRustVersion,
    Locked,
    NoDefaultFeatures,
    NoFailFast,
    NoRun,
    Offline,
    Quiet,
    /// A report on the build: its times, or what later compilers will refuse.
    Report,
    Verbose,
    Workspace,
}

/// What only nextest is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nextest {
    /// `-P`; not cargo's profile.
    pub profile: Option<String>,
    /// The file that stands in for `.config/nextest.toml`.
    pub config_file: Option<String>,
    /// Other tools' files, `TOOL:PATH`.
    pub tool_config_files: Vec<String>,
    /// `-E`; a test has to match one of them.
    pub filtersets: Vec<String>,
    /// Which of the ignored tests run.
    pub run_ignored: Option<String>,
    /// The part of the tests that runs. `count:` and `slice:` are counted over those that are left by every filter.
    pub partition: Option<String>,
    /// Programs for the host, the target or any.
    pub platform_filter: Option<String>,
    /// How often a test that fails is run again.
    pub retries: Option<String>,
    /// What happens if there are no tests.
    pub no_tests: Option<String>,
    /// How many tests run at a time.
    pub threads: Option<String>,
    /// Other options that can change an outcome, `NAME=VALUE`.
    pub outcome: Vec<String>,
}

/// One call of cargo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Which runner.
    pub kind: Kind,
    /// The program that is cargo, as it was named.
    pub program: String,
    /// The subcommand as it was written; a user's alias may stand behind `t`.
    pub subcommand: String,
    /// `+TOOLCHAIN` without the plus.
    pub toolchain: Option<String>,
    /// `--manifest-path`.
    pub manifest_path: Option<String>,
    /// `--package`.
    pub packages: Vec<String>,
    /// `--exclude`.
    pub exclude: Vec<String>,
    /// `--features`, one by one.
    pub features: Vec<String>,
    /// `--target`: triples, or files that describe one.
    pub targets: Vec<String>,
    /// Cargo's profile, if one is named.
    pub profile: Option<String>,
    /// `--target-dir`.
    pub target_dir: Option<String>,
    /// `--config`, in order.
    pub config: Vec<String>,
    /// How many builds run at a time.
    pub jobs: Option<String>,
    /// `--message-format` of either tool.
    pub message_format: Vec<String>,
    /// The programs that are chosen; none given means cargo's usual ones.
    pub chosen: Vec<Chosen>,
    /// Options without a value.
    pub flags: BTreeSet<Flag>,
    /// Names of tests before `--`.
    pub filters: Vec<String>,
    /// What stands after `--`.
    pub harness: Vec<String>,
    /// What only nextest is asked.
    pub nextest: Nextest,
}

/// Why a command is no call that titer can work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It runs no tests through cargo.
    NotCargo,
    /// It does, but the sentence says what in it is not understood: it has to run whole.
    Unknown(String),
}

/// Reads a command.
///
/// # Errors
/// It is not about tests, or not understood.
pub fn parse(command: &[String]) -> Result<Call, Why> {
    let (program, words) = command.split_first().ok_or(Why::NotCargo)?;
    match base_name(program) {
        "cargo" => parse_cargo(program, words),
        "cargo-nextest" if words.first().is_some_and(|word| word == "nextest") => {
            let call = Call { program: "cargo".to_owned(), ..Call::default() };
            parse_nextest(call, &words[1..])
        }
        _ => Err(Why::NotCargo),
    }
}

fn parse_cargo(program: &str, words: &[String]) -> Result<Call, Why> {
    let mut call = Call { program: program.to_owned(), ..Call::default() };
    let mut at = 0;
    if let Some(toolchain) = words.first().and_then(|word| word.strip_prefix('+')) {
        call.toolchain = Some(toolchain.to_owned());
        at = 1;
    }
    let speaks_of_tests = || words.iter().any(|word| matches!(word.as_str(), "test" | "t" | "nextest"));
    while words.get(at).is_some_and(|word| is_option(word)) {
        let count = options::read(&mut call, Place::Global, &words[at..]);
        at += count.map_err(|why| if speaks_of_tests() { Why::Unknown(why) } else { Why::NotCargo })?;
    }
    match words.get(at).map(String::as_str) {
        Some(word @ ("test" | "t")) => {
            word.clone_into(&mut call.subcommand);
            inside(call, &words[at + 1..])
        }
        Some("nextest") => {
            // Cargo keeps its own options to itself when it starts another program.
            let said = Call { program: call.program, toolchain: call.toolchain, ..Call::default() };
            if !call.config.is_empty() {
                return Err(Why::Unknown("--config before nextest does not reach the build".to_owned()));
            }
            parse_nextest(said, &words[at + 1..])
        }
        _ => Err(Why::NotCargo),
    }
}

fn parse_nextest(mut call: Call, words: &[String]) -> Result<Call, Why> {
    call.kind = Kind::Nextest;
    "nextest".clone_into(&mut call.subcommand);
    let mut at = 0;
    let runs = words.iter().any(|word| matches!(word.as_str(), "run" | "r"));
    while words.get(at).is_some_and(|word| is_option(word)) {
        let count = options::read(&mut call, Place::Nextest, &words[at..]);
        at += count.map_err(|why| if runs { Why::Unknown(why) } else { Why::NotCargo })?;
    }
    match words.get(at).map(String::as_str) {
        Some("run" | "r") => inside(call, &words[at + 1..]),
        _ => Err(Why::NotCargo),
    }
}

fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && word != "--"
}

/// What stands after the subcommand.
fn inside(mut call: Call, words: &[String]) -> Result<Call, Why> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if word == "--" {
            call.harness = words[at + 1..].to_vec();
            break;
        }
        if is_option(word) {
            at += options::read(&mut call, Place::Inside, &words[at..]).map_err(Why::Unknown)?;
        } else {
            call.filters.push(word.clone());
            at += 1;
        }
    }
    if call.kind == Kind::Test && call.filters.len() > 1 {
        return Err(Why::Unknown("cargo test takes one name before --".to_owned()));
    }
    Ok(call)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bridges::runners::cargo) fn read(line: &str) -> Result<Call, Why> {
        // An underscore stands for a space inside a word.
        let words: Vec<String> = line.split(' ').map(|word| word.replace('_', " ")).collect();
        parse(&words)
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let not_cargo: &str = "";
        for (line, why) in [
            ("cargo build", not_cargo),
            ("cargo --list", not_cargo),
            ("cargo", not_cargo),
            ("cargo nextest list", not_cargo),
            ("cargo nextest archive --archive-file x", not_cargo),
            ("cargo-watch test", not_cargo),
            ("cargo bench", not_cargo),
            ("pytest test", not_cargo),
            ("cargo test --help", "titer does not follow the option --help"),
            ("cargo -C x test", "titer does not follow the option -C"),
            ("cargo test -Zbuild-std", "titer does not follow the option -Z"),
            ("cargo test --unit-graph", "titer does not follow the option --unit-graph"),
            ("cargo test --new-thing", "titer does not know the option --new-thing"),
            ("cargo test -qx", "titer does not know the option -x"),
            ("cargo test -p", "the option -p has no value"),
            ("cargo test --test --lib", "the option --test has no value"),
            ("cargo test --lib=x", "the option --lib takes no value"),
            ("cargo test a b", "cargo test takes one name before --"),
            ("cargo --config a=1 nextest run", "--config before nextest does not reach the build"),
            ("cargo nextest run --doc", "titer does not know the option --doc"),
            ("cargo nextest run --archive-file x", "titer does not follow the option --archive-file"),
            ("cargo nextest run -R latest", "titer does not follow the option -R"),
            ("cargo nextest run --debugger gdb", "titer does not follow the option --debugger"),
        ] {
            let expected = if why.is_empty() { Why::NotCargo } else { Why::Unknown(why.to_owned()) };
            assert_eq!(read(line), Err(expected), "{line}");
        }
    }

    #[test]
    fn every_part_finds_its_field() {
        let call = read("/b/cargo +1.90 t -q name --target-dir d -- --ignored x").unwrap();
        assert_eq!(call.prefix(), ["/b/cargo", "+1.90"]);
        assert_eq!(
            (call.filters, call.harness),
            (vec!["name".to_owned()], vec!["--ignored".to_owned(), "x".to_owned()])
        );
        assert_eq!((call.subcommand.as_str(), call.target_dir.as_deref()), ("t", Some("d")));
        let call =
            read("cargo nextest run a b -E c --filterset=d --partition count:1/2 --ignore-default-filter").unwrap();
        assert_eq!((call.kind, call.filters.len(), call.nextest.filtersets.len()), (Kind::Nextest, 2, 2));
        assert_eq!(call.nextest.partition.as_deref(), Some("count:1/2"));
        assert!(call.has(Flag::IgnoreDefaultFilter));
    }
}
