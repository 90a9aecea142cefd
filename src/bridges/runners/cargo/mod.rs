//! cargo: entered from outside, by the program that it starts test programs with, so that it builds, orders, prints and ends as it
//! always does. Design: `runners-cargo.md`.

pub mod call;
mod compiled;
mod config;
mod enter;
mod functions;
mod graph;
mod inputs;
mod launch;
mod leftovers;
mod macros;
mod nearby;
mod nextest;
mod options;
mod places;
mod positions;
pub mod project;
mod record;
mod stale;
mod state;
mod strays;
pub mod toolchain;
mod traces;
pub mod units;
mod words;

use std::path::Path;

use crate::bridges::process::{self, Environment};
use crate::formats::variant_v1;
use crate::model::change::{FoundBy, Language, PathClass, TestSort};
use crate::model::unit::Units;
use crate::model::window::Trace;

use super::command_line::{base_name, is_launcher, value_of};
use super::{Adapter, Built, Entrance, Place, Recognition, Runner, Way, option_of};
use call::{Call, Why};
pub use enter::projects_around;
use toolchain::Toolchain;

/// The runner's name in ids.
pub const NAME: &str = "cargo";

/// The runner.
#[derive(Debug, Clone, Copy)]
pub struct Cargo;

impl Runner for Cargo {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sort(&self) -> TestSort {
        TestSort { language: Language::Rust, by_file: false }
    }

    fn workers(&self, command: &[String], cores: u64) -> u64 {
        let said = value_of(command, &["--test-threads"]);
        said.and_then(|said| said.parse().ok()).unwrap_or(cores)
    }

    fn shares_out<'a>(&self, command: &'a [String]) -> Option<&'a str> {
        option_of(command, &["--partition"])
    }

    fn has_own_shares(&self, command: &[String]) -> bool {
        call::parse(command).is_ok_and(|call| call.kind == call::Kind::Nextest)
    }

    fn recognise(&self, command: &[String]) -> Option<Recognition> {
        match call::parse(command) {
            Ok(_) => return Some(Recognition::Runner),
            Err(Why::Unknown(why)) => return Some(Recognition::ShutOut(why)),
            Err(Why::NotCargo) => {}
        }
        let program = base_name(command.first()?);
        // Other tools' commands need not be asked what cargo is.
        let is_pythons = ["tox", "nox", "coverage", "uvx", "pipenv", "poetry", "conda", "mamba"].contains(&program);
        (is_launcher(program) && !is_pythons).then_some(Recognition::Launcher)
    }

    fn adapter(&self) -> Option<Adapter> {
        None
    }

    fn enter(&self, entrance: Entrance<'_>) -> Result<Way, String> {
        match call::parse(entrance.command) {
            Ok(call) => enter::direct(entrance, &call),
            Err(_) => Ok(enter::behind_a_launcher(entrance)),
        }
    }

    fn keep_aside(&self, _: &Path, _: &mut Environment) {}

    fn traces(&self, run: &Path, place: Place<'_>) -> Vec<Trace> {
        traces::read(run, place)
    }

    fn units(&self, run: &Path, place: Place<'_>, built: Built<'_>) -> Result<Units, String> {
        record::units(run, place, built)
    }

    fn variant(&self, command: &[String], place: Place<'_>) -> Option<String> {
        let call = call::parse(command).ok()?;
        Some(variant(&call, place.folder, place).ok()?.0)
    }

    fn asks_for_tests_alone(&self, command: &[String], place: Place<'_>) -> bool {
        call::parse(command).is_ok_and(|call| call.is_plain() && !nextest::writes_a_report(&call, place))
    }

    /// A build may make tests of any file but documentation and other languages' source.
    fn finds_tests_by(&self, path: &str, class: PathClass) -> FoundBy {
        match (inputs::is_rust(path), class) {
            (true, _) => FoundBy::Meaning,
            (false, PathClass::Inert | PathClass::Source | PathClass::Tables) => FoundBy::Presence,
            (false, PathClass::BuildInput | PathClass::Data) => FoundBy::Content,
        }
    }

    fn deciding_variables(&self) -> &'static [&'static str] {
        &["CARGO", "RUST", "NEXTEST"]
    }

    fn launch_parts(&self, command: &[String], place: Place<'_>) -> Vec<String> {
        let variables = (place.variables)(&[""]);
        call::parse(command)
            .map(|call| launch::launch_parts(&call, place.folder, place.variable, &variables))
            .unwrap_or_default()
    }

    fn record_apart(&self, entrance: Entrance<'_>) -> Result<Option<(f64, f64)>, String> {
        match call::parse(entrance.command) {
            Ok(call) => record::functions(entrance, &call).map(Some),
            Err(_) => Ok(None),
        }
    }
}

/// Whether `cargo test` in a project's folder can be entered: what its cargo calls itself.
///
/// # Errors
/// It cannot; the sentence says why.
pub fn examine(folder: &Path, place: Place<'_>) -> Result<String, String> {
    let call = call::parse(&[NAME.to_owned(), "test".to_owned()]).map_err(|_| "`cargo test` is not understood")?;
    let toolchain = Toolchain::read(&call, folder, place.variable)?;
    toolchain.alias().map_or(Ok(()), Err)?;
    toolchain.runners()?;
    enter::roles()?;
    project::programs(&record::asker(&call, folder), &[])?;
    let said = process::capture(NAME, &["--version"], folder, &[]).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// The variant that a call runs under, and what it is the digest of.
fn variant(call: &Call, folder: &Path, place: Place<'_>) -> Result<(String, serde_json::Value), String> {
    let toolchain = Toolchain::read(call, folder, place.variable)?;
    let inputs = toolchain.inputs(place.root, &(place.variables)(&[""]));
    Ok((variant_v1::digest(&inputs), inputs))
}
