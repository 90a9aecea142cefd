//! The capture hook (`adapters/capture`): with every Python that it is for, installed by pip, under the real sentry-sdk and OpenTelemetry's SDK.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use support::guarded::project;
use support::interpreters::{of_installs, of_matrix, of_sources};
use support::shop::{learn, rows, shop};
use support::tracker::Bugsink;
use support::{Interpreter, Repository};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs a program of Python's in the shop, with the hook from a folder.
fn python(repository: &Repository, interpreter: &Interpreter, hook: &Path, arguments: &[&str]) -> String {
    let mut command = repository.command(interpreter.python(), &repository.root());
    let paths = std::env::join_paths([hook.to_owned(), repository.root()]).unwrap();
    // The tests of the hook are no tests of titer: nothing of theirs is watched.
    command.env_remove("PYTEST_PLUGINS").env("PYTHONPATH", paths).env("PYTHONDONTWRITEBYTECODE", "1");
    let done = command.args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    said
}

fn program(name: &str) -> String {
    format!("{ROOT}/testdata/capture/{name}")
}

/// The hook as pip installs it, from a copy of its folder.
fn installed(repository: &Repository) -> PathBuf {
    let (interpreter, _) = of_installs();
    let (from, to) = (repository.beside("capture"), repository.beside("installed"));
    fs::create_dir_all(from.join("titer_capture")).unwrap();
    let hook = Path::new(ROOT).join("adapters/capture");
    for folder in ["", "titer_capture"] {
        for entry in fs::read_dir(hook.join(folder)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), from.join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    let mut pip = Command::new(interpreter.python());
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target"]);
    let done = pip.args([&to, &from]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    to
}

/// The frames of the exception that was raised, by function, with the arguments as text.
fn frames(capture: &Value) -> Vec<String> {
    assert_eq!(capture["v"], 1, "{capture}");
    let nodes = capture["nodes"].as_array().unwrap();
    let of = |argument: &Value| {
        let node = &nodes[usize::try_from(argument["value"].as_u64().unwrap()).unwrap()];
        format!("{}:{}", argument["name"].as_str().unwrap(), node["t"].as_str().unwrap())
    };
    let frame = |frame: &Value| {
        let arguments: Vec<String> = frame["arguments"].as_array().unwrap().iter().map(of).collect();
        format!(
            "{}.{}({})",
            frame["module"].as_str().unwrap(),
            frame["function"].as_str().unwrap(),
            arguments.join(", ")
        )
    };
    capture["exceptions"][0]["frames"].as_array().unwrap().iter().map(frame).collect()
}

#[test]
fn what_is_kept_is_the_same_with_every_python_that_there_is() {
    let repository = shop();
    let hook = Path::new(ROOT).join("adapters/capture");
    let mut ran = Vec::new();
    for (minor, pytest) in [(9, 7), (11, 9), (13, 9), (14, 9)] {
        let Some(interpreter) = of_matrix(minor, pytest) else {
            eprintln!("NOT TESTED: the capture hook with CPython 3.{minor}, which is not there");
            continue;
        };
        let test = program("test_capture.py");
        let said = python(
            &repository,
            &interpreter,
            &hook,
            &["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ROOT, &test],
        );
        assert!(said.contains(" passed") && !said.contains("skipped"), "{said}");
        ran.push(minor);
    }
    assert!(ran.iter().any(|minor| *minor >= 12) && ran.iter().any(|minor| *minor < 12), "{ran:?}");
}

#[test]
fn an_error_that_sentry_sdk_sends_arrives_with_its_arguments_and_a_message_without() {
    let repository = shop();
    let hook = installed(&repository);
    let bugsink = Bugsink::start(&repository, of_sources());
    // The tracker's interpreter runs the program with the repository on its path; the hook lies there as installed.
    for entry in fs::read_dir(&hook).unwrap().map(Result::unwrap) {
        let done = Command::new("cp").arg("-r").arg(entry.path()).arg(repository.root()).status().unwrap();
        assert!(done.success());
    }
    bugsink.send(&repository, &program("sends_sentry.py"), 2, 2);
    let listed = |path: &str| -> Value { serde_json::from_str(&bugsink.ask("GET", path, "")).unwrap() };
    let mut with = Vec::new();
    for issue in listed("issues/?project=1")["results"].as_array().unwrap() {
        let events = listed(&format!("events/?issue={}", issue["id"].as_str().unwrap()));
        let event = listed(&format!("events/{}/", events["results"][0]["id"].as_str().unwrap()));
        // What one's own `before_send` did is there, too.
        assert_eq!(event["data"]["tags"]["seen"], "first", "{event}");
        with.extend(event["data"]["contexts"]["titer"]["capture"].as_str().map(str::to_owned));
    }
    let [capture] = with.as_slice() else { panic!("{} events have a capture", with.len()) };
    let found = frames(&serde_json::from_str(capture).unwrap());
    assert_eq!(found.last().map(String::as_str), Some("shop.billing.price(item:str)"), "{found:?}");
    assert!(found.contains(&"shop.orders.checkout(order:dict)".to_owned()), "{found:?}");
    assert!(capture.contains("apple") && !capture.contains("4111111111111111"), "{capture}");
}

#[test]
fn an_exception_that_opentelemetry_records_has_them_too() {
    let repository = shop();
    let said = python(&repository, &of_sources(), &installed(&repository), &[&program("records_otel.py")]);
    let spans: Value = serde_json::from_str(&said).unwrap();
    let [ended, called, nothing] = spans.as_array().unwrap().as_slice() else { panic!("{spans}") };
    for span in [ended, called] {
        let attributes = &span["events"][0];
        assert!(attributes["exception.type"].as_str().unwrap().ends_with("LookupError"), "{span}");
        let capture: Value = serde_json::from_str(attributes["titer.capture"].as_str().unwrap()).unwrap();
        assert_eq!(frames(&capture).last().map(String::as_str), Some("shop.billing.price(item:str)"));
    }
    assert_eq!((&called["events"][0]["own"], nothing["events"].as_array().unwrap().len()), (&Value::from("kept"), 0));
}

#[test]
fn what_the_hook_kept_for_opentelemetry_becomes_a_guard() {
    let repository = project();
    let sent = repository.beside("traces.pb");
    repository.git(&["checkout", "-q", "v1"]);
    python(&repository, &of_sources(), &installed(&repository), &[&program("sends_otlp.py"), sent.to_str().unwrap()]);
    repository.git(&["checkout", "-q", "main"]);
    let learned = learn(&repository, &sent, &[]);
    assert_eq!(learned.code, Some(0), "{}\n{}", learned.stdout, learned.stderr);
    let faults = rows(&repository, "SELECT fault_id, error_type, path, function_name FROM faults");
    let [fault] = faults.as_slice() else { panic!("{faults:?}") };
    let (id, rest) = fault.split_once(' ').unwrap();
    assert_eq!(rest, "KeyError shop/prices.py discount");
    let swept = repository.titer(&["guard", "sweep"]);
    assert!(swept.code == Some(0) && swept.stdout.contains("injected tests/"), "{}\n{}", swept.stdout, swept.stderr);
    let steps = rows(&repository, "SELECT fault_id, rung FROM guard_steps WHERE step = 'injected'");
    assert_eq!(steps, [format!("{id} hook")]);
}
