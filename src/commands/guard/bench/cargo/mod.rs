//! Drafts for cargo: the project's own cargo builds the one test program in a sandbox, and the program then runs in a narrower one.

mod build;
mod judge;
mod reading;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Bench, Laid, Surroundings};
use crate::bridges::process;
use crate::bridges::warm::Warm;
use crate::decide::guard_home::{self, program_of};
use crate::formats::rust_guard;
use crate::formats::workbench_v1::{Ask, VERSION};
use crate::model::failure::Failure;
use crate::model::guard::{Crash, Finding, Runner};
use crate::settings::{Settings, raw_variable};
use build::{Built, NotBuilt};

/// Variables that say where cargo and its toolchains are at home, and with which flags the project is built.
const PASSED: [&str; 6] =
    ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "PATH"];

/// What was built of which tree, which text of the test, and which stub.
type Known = BTreeMap<(PathBuf, String), Result<Built, NotBuilt>>;

/// cargo, and what it has built.
#[derive(Debug)]
pub(super) struct Tool {
    cargo: PathBuf,
    /// What cargo is told of the world.
    homes: BTreeMap<String, String>,
    /// The target folder, once it is needed: dependencies are compiled once for all trees, and for the next titer.
    warm: RefCell<Option<Warm>>,
    known: RefCell<Known>,
}

impl Tool {
    /// Finds cargo.
    ///
    /// # Errors
    /// It is not here.
    pub(super) fn find(settings: &Settings) -> Result<Self, Failure> {
        let path = raw_variable("PATH");
        let cargo = process::find("cargo", &settings.root, path.as_ref()).ok_or_else(|| {
            Failure::input("cargo is not on PATH, so no draft in Rust can be run")
                .hint("https://rustup.rs tells how it is installed")
        })?;
        let home = raw_variable("HOME").map(PathBuf::from).unwrap_or_default();
        let usual = |name: &str| match name {
            "CARGO_HOME" => Some(home.join(".cargo").into_os_string()),
            "RUSTUP_HOME" => Some(home.join(".rustup").into_os_string()),
            _ => None,
        };
        let said = |name: &&str| raw_variable(name).filter(|value| !value.is_empty()).or_else(|| usual(name));
        let homes =
            PASSED.iter().filter_map(|name| Some(((*name).to_owned(), said(name)?.to_str()?.to_owned()))).collect();
        Ok(Self { cargo, homes, warm: RefCell::default(), known: RefCell::default() })
    }

    /// The bytes of an answer about a tree.
    ///
    /// # Errors
    /// There is none; the sentence says why.
    pub(super) fn ask(
        &self,
        bench: &Bench<'_>,
        laid: &Laid,
        ask: &Ask<'_>,
        around: Surroundings,
        seconds: u64,
    ) -> Result<Vec<u8>, String> {
        let answer = match ask {
            Ask::Inspect { text, file } => self.inspect(bench, laid, text, file)?,
            Ask::Judge { file, test, crash, stub, .. } => {
                let asked = judge::Asked { laid, file, test, crash: *crash, around, seconds };
                let judged = match stub {
                    None => self.judge(bench, &asked)?,
                    Some(stub) => self.judge_stub(bench, &asked, stub)?,
                };
                serde_json::to_value(judged).map_err(|error| error.to_string())?
            }
            Ask::Reproduce { fault, .. } => cannot(fault),
            Ask::Evaluate { .. } | Ask::Write { .. } => {
                return Err("titer writes no tests in Rust by itself".to_owned());
            }
        };
        let mut answer = answer;
        answer["v"] = VERSION.into();
        serde_json::to_vec(&answer).map_err(|error| error.to_string())
    }

    /// What the text says against the test, and whether the compiler takes it.
    fn inspect(&self, bench: &Bench<'_>, laid: &Laid, text: &str, file: &str) -> Result<Value, String> {
        let look = rust_guard::look(text, &crates(laid));
        let mut findings = look.findings;
        if let Err(NotBuilt::Draft(error)) = self.built(bench, laid, file, None)? {
            let (criterion, rule) =
                if error.is_private() { ("public", "private-name") } else { ("hygiene", "does-not-compile") };
            let (criterion, rule) = (criterion.to_owned(), rule.to_owned());
            findings.insert(0, Finding { criterion, rule, line: error.line, text: error.told() });
        }
        let tests: Vec<String> = look.tests.into_iter().map(|test| test.name).collect();
        Ok(json!({ "tests": tests, "findings": findings }))
    }

    /// Builds a test's program in a tree, so that all that is asked of it can be answered.
    ///
    /// # Errors
    /// It cannot be built here, and that is not the test's doing.
    pub(super) fn ready(&self, bench: &Bench<'_>, laid: &Laid, file: &str) -> Result<(), Failure> {
        match self.built(bench, laid, file, None).map_err(Failure::world)? {
            Ok(_) | Err(NotBuilt::Draft(_)) => Ok(()),
            Err(NotBuilt::Project(error)) => {
                let sentence = format!("the project's own code does not compile on this commit: {}", error.told());
                Err(Failure::input(sentence).hint("--faulty COMMIT and --fixed COMMIT name others"))
            }
            Err(NotBuilt::World(why)) => {
                let hint = if why.starts_with(build::NO_LIBRARY) {
                    "move what failed into src/lib.rs, which the program then uses"
                } else {
                    "drafts are built without network: `cargo test --no-run --locked` on that commit downloads what it needs"
                };
                Err(Failure::input(format!("{file} cannot be built here: {why}")).hint(hint))
            }
        }
    }

    /// What the harness's id of a test in a file begins with: `package::test/program`.
    pub(super) fn unit(laid: &Laid, file: &str) -> String {
        let package = build::package(laid, file).map(|(_, name)| name).unwrap_or_default();
        format!("{package}::test/{}", program_of(file))
    }
}

/// Why there is no call: events of Rust's tell no arguments.
fn cannot(fault: &Crash) -> Value {
    let why = "its event carries no arguments: Rust's SDKs send frames without values";
    json!({ "found": null, "why": why, "attempts": [{"rung": "event", "target": fault.function, "why": why}] })
}

/// The names of the tree's test programs.
fn programs(laid: &Laid) -> Vec<String> {
    let tests = laid.files.iter().filter(|file| guard_home::is_test(Runner::Cargo, file));
    tests.map(|file| program_of(file).replace('-', "_")).chain(["guard".to_owned()]).collect()
}

/// The names of the tree's own crates.
fn crates(laid: &Laid) -> Vec<String> {
    let manifests = laid.files.iter().filter(|file| file.rsplit('/').next() == Some("Cargo.toml"));
    let names = manifests.filter_map(|file| {
        let text = std::fs::read_to_string(laid.folder.join(file)).ok()?;
        let table: toml::Table = text.parse().ok()?;
        let named = |table: &str, key: &str, whole: &toml::Table| {
            whole.get(table)?.as_table()?.get(key)?.as_str().map(str::to_owned)
        };
        named("lib", "name", &table).or_else(|| named("package", "name", &table))
    });
    names.map(|name| name.replace('-', "_")).collect()
}
