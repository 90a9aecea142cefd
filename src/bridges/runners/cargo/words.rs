//! A call of cargo in words again: for a second build, for cargo's metadata, for the variant.

use super::call::{Call, Chosen, Flag, Kind};

/// Options of libtest that cannot change how a test ends, and whether they take a value.
const HARMLESS: [(&str, bool); 19] = [
    ("--", false),
    ("--color", true),
    ("--exact", false),
    ("--exclude-should-panic", false),
    ("--fail-fast", false),
    ("--format", true),
    ("--ignored", false),
    ("--include-ignored", false),
    ("--list", false),
    ("--logfile", true),
    ("--no-capture", false),
    ("--nocapture", false),
    ("--quiet", false),
    ("--report-time", false),
    ("--show-output", false),
    ("--skip", true),
    ("--test-threads", true),
    ("-Z", true),
    ("-q", false),
];

/// Those of them that ask for something else than tests and lines for people.
const MORE: [&str; 4] = ["--list", "--logfile", "--report-time", "-Z"];

/// `--NAME=VALUE` for every value.
fn named<'a>(name: &str, values: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    values.into_iter().map(|value| format!("--{name}={value}")).collect()
}

fn spelled(chosen: &Chosen) -> String {
    match chosen {
        // Doctests cannot be built alone.
        Chosen::Lib | Chosen::Doc => "--lib".to_owned(),
        Chosen::Bins => "--bins".to_owned(),
        Chosen::Bin(name) => format!("--bin={name}"),
        Chosen::Tests => "--tests".to_owned(),
        Chosen::Test(name) => format!("--test={name}"),
        Chosen::Examples => "--examples".to_owned(),
        Chosen::Example(name) => format!("--example={name}"),
        Chosen::Benches => "--benches".to_owned(),
        Chosen::Bench(name) => format!("--bench={name}"),
        Chosen::AllTargets => "--all-targets".to_owned(),
    }
}

impl Call {
    /// Whether an option stands there.
    #[must_use]
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// Whether doctests are all that is asked for.
    #[must_use]
    pub fn is_doc_only(&self) -> bool {
        self.chosen.contains(&Chosen::Doc)
    }

    /// Whether it asks for tests alone, so that nothing need be started when nothing has to run.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let is_more = |name: &str, value: Option<&str>| {
            MORE.contains(&name) || (name == "--format" && !matches!(value, Some("pretty" | "terse")))
        };
        !self.has(Flag::NoRun)
            && !self.has(Flag::Report)
            && self.message_format.iter().all(|format| matches!(format.as_str(), "human" | "short"))
            && !self.nextest.outcome.iter().any(|word| word.starts_with("stress"))
            && harness_options(&self.harness)
                .iter()
                .all(|(name, value, known)| *known && !is_more(name, value.as_deref()))
    }

    /// The program and what has to stand before cargo's subcommand.
    #[must_use]
    pub fn prefix(&self) -> Vec<String> {
        let toolchain = self.toolchain.iter().map(|name| format!("+{name}"));
        std::iter::once(self.program.clone()).chain(toolchain).collect()
    }

    fn feature_words(&self) -> Vec<String> {
        let mut words = named("features", &self.features);
        words.extend(self.flag_words(&[Flag::AllFeatures, Flag::NoDefaultFeatures]));
        words
    }

    fn flag_words(&self, flags: &[Flag]) -> Vec<String> {
        let name = |flag: &Flag| match flag {
            Flag::AllFeatures => "--all-features",
            Flag::Frozen => "--frozen",
            Flag::IgnoreDefaultFilter => "--ignore-default-filter",
            Flag::IgnoreRustVersion => "--ignore-rust-version",
            Flag::Locked => "--locked",
            Flag::NoDefaultFeatures => "--no-default-features",
            Flag::NoFailFast => "--no-fail-fast",
            Flag::NoRun => "--no-run",
            Flag::Offline => "--offline",
            Flag::Quiet => "--quiet",
            Flag::Report => "--future-incompat-report",
            Flag::Verbose => "--verbose",
            Flag::Workspace => "--workspace",
        };
        flags.iter().filter(|flag| self.has(**flag)).map(|flag| name(flag).to_owned()).collect()
    }

    /// What to say to `cargo metadata`, after its name.
    #[must_use]
    pub fn metadata_words(&self) -> Vec<String> {
        let mut words = named("manifest-path", &self.manifest_path);
        words.extend(self.feature_words());
        words.extend(named("config", &self.config));
        words.extend(self.flag_words(&[Flag::Locked, Flag::Offline, Flag::Frozen]));
        words
    }

    /// What to say to `cargo test`, after its name, so that it builds the same programs.
    #[must_use]
    pub fn build_words(&self) -> Vec<String> {
        let mut words = self.metadata_words();
        words.extend(self.flag_words(&[Flag::IgnoreRustVersion, Flag::Workspace]));
        words.extend(named("package", &self.packages));
        words.extend(named("exclude", &self.exclude));
        words.extend(named("profile", &self.profile));
        words.extend(named("target", &self.targets));
        words.extend(named("jobs", &self.jobs));
        words.extend(self.chosen.iter().map(spelled));
        words
    }

    /// Everything that can change how a test ends, in one spelling and one order.
    #[must_use]
    pub fn outcome_words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.feature_words();
        words.extend(self.flag_words(&[Flag::Workspace]));
        words.extend(named("package", &self.packages));
        words.extend(named("exclude", &self.exclude));
        words.extend(named("profile", &self.profile));
        words.extend(named("target", &self.targets));
        words.extend(named("toolchain", &self.toolchain));
        // A later one wins over an earlier one.
        words.extend(self.config.iter().enumerate().map(|(at, value)| format!("--config.{at}={value}")));
        if self.kind == Kind::Nextest {
            words.extend(named("nextest-profile", &self.nextest.profile));
            words.extend(named("nextest-config-file", &self.nextest.config_file));
            words.extend(named("nextest-tool-config-file", &self.nextest.tool_config_files));
            words.extend(named("nextest-retries", &self.nextest.retries));
            words.extend(self.nextest.outcome.iter().map(|word| format!("--nextest-{word}")));
        } else {
            let strange = harness_options(&self.harness).into_iter().filter(|(_, _, known)| !known);
            let word = |(name, value, _): (String, Option<String>, bool)| match value {
                Some(value) => format!("-- {name}={value}"),
                None => format!("-- {name}"),
            };
            words.extend(strange.map(word));
        }
        words.sort();
        words.dedup();
        words
    }
}

/// The options among a harness' arguments: name, value, and whether it is one that changes no outcome.
fn harness_options(words: &[String]) -> Vec<(String, Option<String>, bool)> {
    let mut found: Vec<(String, Option<String>, bool)> = Vec::new();
    let mut words = words.iter();
    // A word after an unknown option may be its value.
    let mut open = false;
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            if let Some(last) = found.last_mut().filter(|_| open) {
                last.1 = Some(word.clone());
            }
            open = false;
            continue;
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None if word.starts_with("-Z") && word.len() > 2 => ("-Z", Some(word[2..].to_owned())),
            None => (word.as_str(), None),
        };
        let known = HARMLESS.iter().find(|(harmless, _)| *harmless == name);
        open = known.is_none() && value.is_none();
        let value = value.or_else(|| known.filter(|(_, takes)| *takes).and_then(|_| words.next().cloned()));
        found.push((name.to_owned(), value, known.is_some()));
    }
    found
}

/// Whether a harness' arguments may keep tests out: a name, `--skip`, `--ignored`. What may be the value of an unknown option is
/// taken for a name.
pub(super) fn narrows(words: &[String]) -> bool {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        if !word.starts_with('-') || name == "--skip" || name.contains("ignored") {
            return true;
        }
        if value.is_none() && HARMLESS.iter().any(|(harmless, takes)| *harmless == name && *takes) {
            words.next();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::bridges::runners::cargo::call::tests::read;

    #[test]
    fn a_name_narrows_and_the_value_of_an_option_does_not() {
        for (line, narrow) in [
            ("", false),
            ("--test-threads 1", false),
            ("--test-threads=1 --nocapture", false),
            ("name", true),
            ("--test-threads 1 name", true),
            ("--skip x", true),
            ("--include-ignored", true),
            ("--unknown name", true),
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(narrows(&words), narrow, "{line}");
        }
    }

    #[test]
    fn what_a_build_needs_is_said_again() {
        for (line, build) in [
            ("cargo test", ""),
            ("cargo t", ""),
            ("/x/bin/cargo +nightly test", ""),
            ("cargo -q --color always test -v", ""),
            ("cargo test name --no-fail-fast -- --skip x", ""),
            (
                "cargo test -p a -pb -p=c --package d --package=e",
                "--package=a --package=b --package=c --package=d --package=e",
            ),
            ("cargo test --workspace --exclude x", "--workspace --exclude=x"),
            ("cargo test --all", "--workspace"),
            (
                "cargo test -F a,b -Fc --features=d_e",
                "--features=a --features=b --features=c --features=d --features=e",
            ),
            ("cargo test --all-features", "--all-features"),
            ("cargo test --no-default-features", "--no-default-features"),
            ("cargo test -rF x", "--features=x --profile=release"),
            ("cargo test --release", "--profile=release"),
            ("cargo test --profile ci", "--profile=ci"),
            ("cargo test --target a --target=b.json", "--target=a --target=b.json"),
            ("cargo test --target-dir /t", ""),
            ("cargo test --manifest-path x/Cargo.toml", "--manifest-path=x/Cargo.toml"),
            ("cargo --config a=1 test --config b=2", "--config=a=1 --config=b=2"),
            ("cargo --offline test --locked --frozen", "--locked --offline --frozen"),
            ("cargo test --ignore-rust-version -j -1", "--ignore-rust-version --jobs=-1"),
            ("cargo test --lib --bins --bin x", "--lib --bins --bin=x"),
            ("cargo test --tests --test x --test=y", "--tests --test=x --test=y"),
            ("cargo test --examples --example x --benches --bench y", "--examples --example=x --benches --bench=y"),
            ("cargo test --all-targets", "--all-targets"),
            ("cargo test --doc", "--lib"),
            ("cargo nextest run", ""),
            ("cargo-nextest nextest r -r", "--profile=release"),
            ("cargo nextest run --cargo-profile ci --profile x", "--profile=ci"),
            ("cargo nextest --manifest-path a run -j4 --build-jobs 2 -p b", "--manifest-path=a --package=b --jobs=2"),
            ("cargo nextest run -E test(=a) x y --lib --config k=v", "--config=k=v --lib"),
            ("cargo --locked nextest run --offline", "--offline"),
        ] {
            assert_eq!(read(line).unwrap().build_words().join(" "), build, "{line}");
        }
    }

    #[test]
    fn only_what_can_change_an_outcome_is_part_of_the_variant() {
        for (line, words) in [
            ("cargo test", ""),
            ("cargo +nightly test name -q", "--toolchain=nightly"),
            ("cargo test -p b -p a -p b --lib", "--package=a --package=b"),
            ("cargo test --features b,a --test x", "--features=a --features=b"),
            ("cargo test --no-fail-fast -j1 --locked --manifest-path x/Cargo.toml", ""),
            ("cargo test --all --exclude x -r", "--exclude=x --profile=release --workspace"),
            ("cargo test --target x --all-features", "--all-features --target=x"),
            ("cargo test --config b=1 --config a=2", "--config.0=b=1 --config.1=a=2"),
            ("cargo test -- a b --skip c --exact --nocapture --test-threads=1", ""),
            ("cargo test -- --ignored --include-ignored --format terse --color always -q", ""),
            ("cargo test -- -Z unstable-options --report-time --logfile x --show-output", ""),
            ("cargo test -- -Zunstable-options --shuffle --shuffle-seed 3", "-- --shuffle -- --shuffle-seed=3"),
            ("cargo test -- --mine x y --other=z", "-- --mine=x -- --other=z"),
            ("cargo test -- --bench", "-- --bench"),
            ("cargo nextest run -E x y --no-capture -j 3 --run-ignored all -- --skip z", ""),
            ("cargo nextest run -P ci --retries 2", "--nextest-profile=ci --nextest-retries=2"),
            (
                "cargo nextest --config-file /c run --flaky-result fail",
                "--nextest-config-file=/c --nextest-flaky-result=fail",
            ),
            ("cargo nextest run --tool-config-file t:/c --ff --max-fail 3", "--nextest-tool-config-file=t:/c"),
            ("cargo nextest run --partition hash:1/2 --no-tests pass", ""),
        ] {
            assert_eq!(read(line).unwrap().outcome_words().join(" "), words, "{line}");
        }
    }

    #[test]
    fn a_plain_command_asks_for_tests_alone() {
        for (line, plain) in [
            ("cargo test", true),
            ("cargo test -q --lib name -- --nocapture a", true),
            ("cargo test -- --format=pretty", true),
            ("cargo test --message-format short", true),
            ("cargo nextest run -E x --no-tests warn", true),
            ("cargo test --no-run", false),
            ("cargo test --message-format=json", false),
            ("cargo test --timings", false),
            ("cargo test --future-incompat-report", false),
            ("cargo test -- --list", false),
            ("cargo test -- -Zunstable-options --format json", false),
            ("cargo test -- --logfile x", false),
            ("cargo test -- --save-baseline x", false),
            ("cargo nextest run --message-format libtest-json", false),
            ("cargo nextest run --cargo-message-format json", false),
            ("cargo nextest run --timings=html", false),
            ("cargo nextest run --stress-count 3", false),
            ("cargo nextest run --no-run", false),
        ] {
            assert_eq!(read(line).unwrap().is_plain(), plain, "{line}");
        }
    }

    #[test]
    fn metadata_is_asked_with_the_same_features() {
        let call = read("cargo +x test -p a -F b --manifest-path m --locked --lib").unwrap();
        assert_eq!(call.metadata_words(), ["--manifest-path=m", "--features=b", "--locked"]);
    }
}
