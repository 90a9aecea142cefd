//! The options of `cargo test` and `cargo nextest run`, and what each says about a run.
//!
//! An option that is not here, or that is here as refused, makes the whole command one that titer does not understand.

use super::call::{Call, Chosen, Flag, Kind};

/// How an option takes its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// It has none.
    Nothing,
    /// The rest of the word or the next word.
    Value,
    /// The next word even if that begins with a hyphen.
    AnyValue,
    /// None, or one behind `=`.
    Perhaps,
}

/// What an option does.
#[derive(Clone, Copy)]
enum Effect {
    /// It changes nothing that titer asks about.
    None,
    Flag(Flag),
    Set(fn(&mut Call, String)),
    /// The command does something that titer does not follow.
    Refused,
}

struct Entry {
    /// All spellings.
    names: &'static [&'static str],
    takes: Takes,
    effect: Effect,
}

const fn flag(names: &'static [&'static str], flag: Flag) -> Entry {
    Entry { names, takes: Takes::Nothing, effect: Effect::Flag(flag) }
}

const fn value(names: &'static [&'static str], set: fn(&mut Call, String)) -> Entry {
    Entry { names, takes: Takes::Value, effect: Effect::Set(set) }
}

const fn bare(names: &'static [&'static str], set: fn(&mut Call, String)) -> Entry {
    Entry { names, takes: Takes::Nothing, effect: Effect::Set(set) }
}

const fn idle(names: &'static [&'static str], takes: Takes) -> Entry {
    Entry { names, takes, effect: Effect::None }
}

const fn refused(names: &'static [&'static str]) -> Entry {
    Entry { names, takes: Takes::Perhaps, effect: Effect::Refused }
}

/// What may stand before cargo's subcommand.
const GLOBAL: &[Entry] = &[
    flag(&["-q", "--quiet"], Flag::Quiet),
    flag(&["-v", "--verbose"], Flag::Verbose),
    idle(&["--color"], Takes::Value),
    flag(&["--locked"], Flag::Locked),
    flag(&["--offline"], Flag::Offline),
    flag(&["--frozen"], Flag::Frozen),
    value(&["--config"], |call, word| call.config.push(word)),
    refused(&["-h", "--help", "-V", "--version", "--list", "--explain", "-Z", "-C"]),
];

/// What both runners have after the subcommand.
const SHARED: &[Entry] = &[
    value(&["-p", "--package"], |call, word| call.packages.push(word)),
    value(&["--exclude"], |call, word| call.exclude.push(word)),
    flag(&["--workspace", "--all"], Flag::Workspace),
    bare(&["--lib"], |call, _| call.chosen.push(Chosen::Lib)),
    bare(&["--bins"], |call, _| call.chosen.push(Chosen::Bins)),
    value(&["--bin"], |call, word| call.chosen.push(Chosen::Bin(word))),
    bare(&["--tests"], |call, _| call.chosen.push(Chosen::Tests)),
    value(&["--test"], |call, word| call.chosen.push(Chosen::Test(word))),
    bare(&["--examples"], |call, _| call.chosen.push(Chosen::Examples)),
    value(&["--example"], |call, word| call.chosen.push(Chosen::Example(word))),
    bare(&["--benches"], |call, _| call.chosen.push(Chosen::Benches)),
    value(&["--bench"], |call, word| call.chosen.push(Chosen::Bench(word))),
    bare(&["--all-targets"], |call, _| call.chosen.push(Chosen::AllTargets)),
    value(&["-F", "--features"], add_features),
    flag(&["--all-features"], Flag::AllFeatures),
    flag(&["--no-default-features"], Flag::NoDefaultFeatures),
    bare(&["-r", "--release"], |call, _| call.profile = Some("release".to_owned())),
    value(&["--target"], |call, word| call.targets.push(word)),
    value(&["--target-dir"], |call, word| call.target_dir = Some(word)),
    value(&["--manifest-path"], |call, word| call.manifest_path = Some(word)),
    flag(&["--ignore-rust-version"], Flag::IgnoreRustVersion),
    flag(&["--no-run"], Flag::NoRun),
    flag(&["--no-fail-fast"], Flag::NoFailFast),
    flag(&["--future-incompat-report"], Flag::Report),
    value(&["--message-format"], |call, word| call.message_format.push(word)),
    refused(&["--unit-graph"]),
];

/// What `cargo test` alone has.
const TEST: &[Entry] = &[
    bare(&["--doc"], |call, _| call.chosen.push(Chosen::Doc)),
    value(&["--profile"], |call, word| call.profile = Some(word)),
    Entry {
        names: &["-j", "--jobs"],
        takes: Takes::AnyValue,
        effect: Effect::Set(|call, word| call.jobs = Some(word)),
    },
    flag(&["--timings"], Flag::Report),
];

/// What may stand between `nextest` and its own subcommand, too.
const NEXTEST_GLOBAL: &[Entry] = &[
    idle(&["--color", "--user-config-file"], Takes::Value),
    idle(&["--no-pager", "--override-version-check"], Takes::Nothing),
    flag(&["-v", "--verbose"], Flag::Verbose),
    value(&["--manifest-path"], |call, word| call.manifest_path = Some(word)),
    value(&["--config-file"], |call, word| call.nextest.config_file = Some(word)),
    value(&["--tool-config-file"], |call, word| call.nextest.tool_config_files.push(word)),
    value(&["-P", "--profile"], |call, word| call.nextest.profile = Some(word)),
    refused(&["-h", "--help", "-V", "--version"]),
];

/// What `cargo nextest run` alone has.
const NEXTEST: &[Entry] = &[
    value(&["--cargo-profile"], |call, word| call.profile = Some(word)),
    value(&["--build-jobs"], |call, word| call.jobs = Some(word)),
    Entry {
        names: &["-j", "--test-threads", "--jobs"],
        takes: Takes::AnyValue,
        effect: Effect::Set(|call, word| call.nextest.threads = Some(word)),
    },
    Entry { names: &["--timings"], takes: Takes::Perhaps, effect: Effect::Flag(Flag::Report) },
    value(&["--cargo-message-format"], |call, word| call.message_format.push(word)),
    flag(&["--cargo-quiet"], Flag::Quiet),
    flag(&["--cargo-verbose"], Flag::Verbose),
    flag(&["--locked"], Flag::Locked),
    flag(&["--offline"], Flag::Offline),
    flag(&["--frozen"], Flag::Frozen),
    value(&["--config"], |call, word| call.config.push(word)),
    value(&["-E", "--filterset", "--filter-expr"], |call, word| call.nextest.filtersets.push(word)),
    value(&["--run-ignored"], |call, word| call.nextest.run_ignored = Some(word)),
    value(&["--partition"], |call, word| call.nextest.partition = Some(word)),
    value(&["--platform-filter"], |call, word| call.nextest.platform_filter = Some(word)),
    flag(&["--ignore-default-filter"], Flag::IgnoreDefaultFilter),
    value(&["--retries"], |call, word| call.nextest.retries = Some(word)),
    value(&["--flaky-result"], |call, word| call.nextest.outcome.push(format!("flaky-result={word}"))),
    value(&["--stress-count"], |call, word| call.nextest.outcome.push(format!("stress-count={word}"))),
    value(&["--stress-duration"], |call, word| call.nextest.outcome.push(format!("stress-duration={word}"))),
    flag(&["--nff"], Flag::NoFailFast),
    idle(&["--fail-fast", "--ff", "--no-capture", "--nocapture"], Takes::Nothing),
    idle(&["--max-fail"], Takes::Value),
    value(&["--no-tests"], |call, word| call.nextest.no_tests = Some(word)),
    idle(&["--failure-output", "--success-output", "--status-level", "--final-status-level"], Takes::Value),
    idle(&["--show-progress", "--max-progress-running", "--message-format-version"], Takes::Value),
    idle(&["--no-output-indent", "--hide-progress-bar", "--no-input-handler"], Takes::Nothing),
    refused(&["-R", "--rerun", "--debugger", "--tracer", "-Z"]),
    refused(&["--archive-file", "--archive-format", "--extract-to", "--extract-overwrite"]),
    refused(&["--persist-extract-tempdir", "--cargo-metadata", "--workspace-remap", "--binaries-metadata"]),
    refused(&["--target-dir-remap", "--build-dir-remap"]),
];

/// Features stand in one word, with commas or spaces between them.
#[allow(clippy::needless_pass_by_value, reason = "the table's type")]
fn add_features(call: &mut Call, words: String) {
    call.features.extend(words.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned));
}

/// Where in the command line options stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before cargo's subcommand.
    Global,
    /// Between `nextest` and `run`.
    Nextest,
    /// After the subcommand.
    Inside,
}

fn entry(kind: Kind, place: Place, name: &str) -> Option<&'static Entry> {
    let tables: &[&'static [Entry]] = match (place, kind) {
        (Place::Global, _) => &[GLOBAL],
        (Place::Nextest, _) => &[NEXTEST_GLOBAL],
        (Place::Inside, Kind::Test) => &[TEST, SHARED, GLOBAL],
        (Place::Inside, Kind::Nextest) => &[NEXTEST, SHARED, NEXTEST_GLOBAL],
    };
    tables.iter().flat_map(|table| table.iter()).find(|entry| entry.names.contains(&name))
}

/// Reads the option that `words` begin with; returns how many of them it is made of.
///
/// # Errors
/// A sentence if titer does not understand it.
pub(super) fn read(call: &mut Call, place: Place, words: &[String]) -> Result<usize, String> {
    let Some(word) = words.first() else { return Ok(0) };
    if word.starts_with("--") {
        let (name, inside) = match word.split_once('=') {
            Some((name, inside)) => (name, Some(inside.to_owned())),
            None => (word.as_str(), None),
        };
        return apply(call, place, name, inside, words.get(1));
    }
    cluster(call, place, &word[1..], words.get(1))
}

/// Options of one letter may stand together; the first that takes a value takes the rest.
fn cluster(call: &mut Call, place: Place, letters: &str, next: Option<&String>) -> Result<usize, String> {
    for (at, letter) in letters.char_indices() {
        let name = format!("-{letter}");
        let rest = &letters[at + letter.len_utf8()..];
        let takes = entry(call.kind, place, &name).map_or(Takes::Nothing, |entry| entry.takes);
        if matches!(takes, Takes::Value | Takes::AnyValue) {
            let inside = Some(rest.strip_prefix('=').unwrap_or(rest)).filter(|inside| !inside.is_empty());
            return apply(call, place, &name, inside.map(str::to_owned), next);
        }
        apply(call, place, &name, None, None)?;
    }
    Ok(1)
}

fn apply(
    call: &mut Call,
    place: Place,
    name: &str,
    inside: Option<String>,
    next: Option<&String>,
) -> Result<usize, String> {
    let entry = entry(call.kind, place, name).ok_or_else(|| format!("titer does not know the option {name}"))?;
    let next = next.filter(|next| !next.starts_with('-') || entry.takes == Takes::AnyValue);
    let (word, count) = match (entry.takes, inside, next) {
        (Takes::Nothing, Some(_), _) => return Err(format!("the option {name} takes no value")),
        (Takes::Nothing | Takes::Perhaps, None, _) => (String::new(), 1),
        (_, Some(word), _) => (word, 1),
        (_, None, Some(next)) => (next.clone(), 2),
        (_, None, None) => return Err(format!("the option {name} has no value")),
    };
    match entry.effect {
        Effect::None => {}
        Effect::Flag(flag) => {
            call.flags.insert(flag);
        }
        Effect::Set(set) => set(call, word),
        Effect::Refused => return Err(format!("titer does not follow the option {name}")),
    }
    Ok(count)
}
