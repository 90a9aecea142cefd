//! What the program that tries calls in the project's jest has to know of a tree: the functions in which production failed, the ways to them from
//! outside, and how tests are written here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Laid;
use super::jest::packages;
use crate::bridges::runners::adapter::GUARD_FILES;
use crate::decide::guard_home;
use crate::formats::script_functions::{self, Listed};
use crate::formats::workbench_v1::Ask;
use crate::model::guard::Runner;

/// The test file, from the tree's root, that calls are tried in: jest runs only what its configuration takes for a test.
pub(super) fn driver(laid: &Laid, faulty: &str) -> String {
    home(laid, faulty, "replay", "titer")
}

fn home(laid: &Laid, faulty: &str, function: &str, fault: &str) -> String {
    let files: BTreeSet<&str> = laid.files.iter().map(String::as_str).collect();
    guard_home::test_file(Runner::Jest, &files, faulty, function, fault)
}

/// The text of that file.
pub(super) fn program(laid: &Laid, faulty: &str, modules: bool) -> &'static str {
    let name = if is_native(laid, faulty, modules) { "node/driver.mjs" } else { "node/driver.cjs" };
    GUARD_FILES.iter().find(|(file, _)| *file == name).map_or("", |(_, text)| text)
}

/// Whether node itself runs the tests as modules of ECMAScript.
fn is_native(laid: &Laid, faulty: &str, modules: bool) -> bool {
    let file = driver(laid, faulty);
    let is_js = file.rsplit_once('.').is_some_and(|(_, ending)| ending == "js");
    modules
        && (file.rsplit_once('.').is_some_and(|(_, ending)| ending == "mjs")
            || is_js && packages(laid).is_of_modules(&file))
}

/// All that is told beside the question.
pub(super) fn about(laid: &Laid, faulty: &str, ask: &Ask<'_>, modules: bool) -> Vec<(&'static str, Value)> {
    let paths: BTreeSet<&str> = match ask {
        Ask::Reproduce { events, .. } => events
            .iter()
            .filter_map(|event| event.exceptions.last())
            .flat_map(|one| &one.frames)
            .map(|frame| frame.path.as_str())
            .filter(|path| laid.files.contains(*path) && Runner::of(path) == Some(Runner::Jest))
            .collect(),
        Ask::Evaluate { found, .. } => BTreeSet::from([found.target.module.as_str()]),
        Ask::Write { .. } => {
            let file = home(laid, faulty, "", "");
            return vec![("style", style(laid, &file, faulty, modules)), ("file", file.into())];
        }
        Ask::Judge { .. } | Ask::Inspect { .. } => return Vec::new(),
    };
    let listed = |path: &str| -> Vec<Listed> {
        let text = std::fs::read_to_string(laid.folder.join(path)).unwrap_or_default();
        script_functions::listed(path, &text)
    };
    let functions: serde_json::Map<String, Value> =
        paths.iter().map(|path| ((*path).to_owned(), json!(listed(path)))).collect();
    let packages = packages(laid);
    let entries: BTreeSet<&String> = paths.iter().filter_map(|path| packages.entry(path, laid.files.iter())).collect();
    let closed: Vec<&&str> = paths.iter().filter(|path| packages.is_past_exports(path)).collect();
    vec![
        ("functions", Value::Object(functions)),
        ("entries", json!(entries)),
        ("closed", json!(closed)),
        ("driver", driver(laid, faulty).into()),
    ]
}

/// How tests are written here: as those beside, else as the module itself.
fn style(laid: &Laid, file: &str, faulty: &str, modules: bool) -> Value {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let tests = || laid.files.iter().filter(|other| guard_home::is_test(Runner::Jest, other));
    let beside = tests().find(|other| folder(other) == folder(file)).or_else(|| tests().next());
    let like = beside.map_or(faulty, String::as_str);
    let text = std::fs::read_to_string(laid.folder.join(like)).unwrap_or_default();
    let is_native = is_native(laid, faulty, modules);
    let imports = text.lines().any(|line| line.starts_with("import ") || line.starts_with("export "));
    let is_typed = file.rsplit_once('.').is_some_and(|(_, ending)| ending.contains("ts"));
    json!({
        "modules": is_native || imports || is_typed,
        "endings": is_native,
        "globals": text.contains("@jest/globals"),
        "spaces": text.contains("import { ") || text.contains("const { "),
    })
}
