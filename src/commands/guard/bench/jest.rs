//! Drafts for jest: the project's own jest in a sandbox, started by the program in `adapters/guard`; what needs no run, titer reads itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Bench, Laid, Surroundings, replay};
use crate::bridges::runners::adapter::GUARD_FILES;
use crate::bridges::sandbox::Cage;
use crate::bridges::{node_packages, process, workspace};
use crate::decide::guard_home;
use crate::formats::script_public::Packages;
use crate::formats::workbench_v1::{self, Ask, Stub, VERSION};
use crate::formats::{script_functions, script_test};
use crate::model::failure::Failure;
use crate::model::guard::{Crash, LEFT_OUT};
use crate::settings::{Settings, raw_variable};

/// Address space, of which node reserves 10 GB for each module of WebAssembly; what it uses is bounded by its own heap.
const MEMORY: u64 = 32 << 30;
/// The bound of that heap.
const HEAP: &str = "--max-old-space-size=2048";
/// What starts jest, from a folder with packages.
const STARTS: [&str; 2] = ["node_modules/jest/bin/jest.js", "node_modules/jest-cli/bin/jest.js"];
/// With this, node runs modules of ECMAScript in jest.
const MODULES: &str = "experimental-vm-modules";

/// Node and two programs.
#[derive(Debug)]
pub(super) struct Tool {
    root: PathBuf,
    node: PathBuf,
    program: PathBuf,
    /// Whether the caller's own node runs modules.
    modules: bool,
    /// What jest said of its configuration, by tree and folder.
    configs: RefCell<BTreeMap<PathBuf, Value>>,
}

impl Tool {
    /// Finds node and writes the program.
    ///
    /// # Errors
    /// There is no node.
    pub(super) fn find(settings: &Settings) -> Result<Self, Failure> {
        let files = GUARD_FILES.iter().map(|(name, text)| (*name, *text)).collect();
        let folder = workspace::adapter_folder(&settings.cache, "guard", &files).map_err(|error| {
            Failure::world(format!("the workbench cannot be written in {}", settings.cache.display())).because(error)
        })?;
        let node = process::find("node", &settings.root, raw_variable("PATH").as_ref());
        let node = node.and_then(|node| node.canonicalize().ok()).ok_or_else(|| {
            Failure::input("node is not on PATH, so no draft of JavaScript can be run")
                .hint("put the node of your tests there")
        })?;
        let options = raw_variable("NODE_OPTIONS").unwrap_or_default();
        Ok(Self {
            root: settings.root.clone(),
            node,
            program: folder.join("node/main.js"),
            modules: options.to_string_lossy().contains(MODULES),
            configs: RefCell::default(),
        })
    }

    /// Gives a tree the project's packages, which no commit holds.
    ///
    /// # Errors
    /// They cannot be linked.
    pub(super) fn furnish(&self, laid: &Laid) -> std::io::Result<()> {
        if let Some(above) = node_packages::above(&self.root).filter(|above| *above != self.root) {
            node_packages::link(&above, &laid.folder, "")?;
        }
        for folder in manifests(laid) {
            node_packages::link(&self.root, &laid.folder, folder)?;
        }
        node_packages::link(&self.root, &laid.folder, "")
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
        match ask {
            Ask::Inspect { text, file } => Ok(inspected(laid, text, file)),
            Ask::Judge { file, stub, .. } => {
                let stood = stub.as_ref().map(|stub| stand_in(laid, stub)).transpose()?;
                if let Some(Stood::Out) = stood {
                    return Ok(bytes(&json!({"v": VERSION, "outcome": LEFT_OUT})));
                }
                enter(laid, file)?;
                let told = self.run(bench, laid, ask, file, around, seconds);
                if let Some(Stood::In(path, own)) = stood {
                    workspace::write_file(&path, &own).map_err(|error| error.to_string())?;
                }
                Ok(judged(laid, &told?, stub.is_some()))
            }
            Ask::Reproduce { .. } | Ask::Evaluate { .. } => {
                let file = replay::driver(laid, &bench.faulty);
                let own = replay::program(laid, &bench.faulty, self.modules || runs_modules(laid, &home(laid, &file)));
                laid.put(&file, own).map_err(|failure| failure.to_string())?;
                let told = self.run(bench, laid, ask, &file, around, seconds);
                workspace::remove_file(&laid.folder.join(&file));
                told
            }
            Ask::Write { .. } => self.run(bench, laid, ask, &bench.faulty, around, seconds),
        }
    }

    fn run(
        &self,
        bench: &Bench<'_>,
        laid: &Laid,
        ask: &Ask<'_>,
        file: &str,
        around: Surroundings,
        seconds: u64,
    ) -> Result<Vec<u8>, String> {
        let folder = home(laid, file);
        let mut about = self.config(bench, laid, &folder, around)?;
        about["seed"] = around.hash_seed.parse::<u32>().map_or(0, |seed| seed % 0x7fff_ffff).into();
        let mut request: Value =
            serde_json::from_slice(&workbench_v1::request(&laid.folder.to_string_lossy(), &[], ask))
                .map_err(|error| error.to_string())?;
        for (name, value) in replay::about(laid, &bench.faulty, ask, about["modules"] == true) {
            about[name] = value;
        }
        about["environment"] = environment(laid, file).into();
        request["jest"] = about;
        self.start(bench, laid, &request, around, seconds)
    }

    /// What jest says of its configuration in one folder of a tree: asked once.
    fn config(&self, bench: &Bench<'_>, laid: &Laid, folder: &str, around: Surroundings) -> Result<Value, String> {
        let key = laid.folder.join(folder);
        if let Some(known) = self.configs.borrow().get(&key) {
            return Ok(known.clone());
        }
        let mut about = json!({"program": self.jest(folder)?, "folder": folder, "modules": self.modules || runs_modules(laid, folder)});
        let request = json!({"v": VERSION, "do": "config", "root": laid.folder, "jest": about});
        let told = self.start(bench, laid, &request, around, super::PATIENCE)?;
        let told: Value = workbench_v1::answer(&told)?;
        for (name, value) in told.as_object().into_iter().flatten() {
            about[name] = value.clone();
        }
        self.configs.borrow_mut().insert(key, about.clone());
        Ok(about)
    }

    /// The jest nearest to a folder of the project.
    fn jest(&self, folder: &str) -> Result<PathBuf, String> {
        let inside = self.root.join(folder);
        let found =
            inside.ancestors().flat_map(|folder| STARTS.map(|file| folder.join(file))).find(|file| file.is_file());
        let found = found.and_then(|file| file.canonicalize().ok());
        found.ok_or_else(|| "jest is not installed in the project: `npm install` gives it its node_modules".to_owned())
    }

    fn start(
        &self,
        bench: &Bench<'_>,
        laid: &Laid,
        request: &Value,
        around: Surroundings,
        seconds: u64,
    ) -> Result<Vec<u8>, String> {
        let private = workspace::scratch(bench.scratch.path(), "ask-").map_err(|error| error.to_string())?;
        let (question, answer) = (private.path().join("request.json"), private.path().join("answer.json"));
        workspace::write_file(&question, &bytes(request)).map_err(|error| error.to_string())?;
        let own = private.path().display().to_string();
        let programs = self.node.parent().unwrap_or(Path::new("/usr/bin")).display();
        let environment: BTreeMap<String, String> = [
            ("PATH", format!("{programs}:/usr/local/bin:/usr/bin:/bin").as_str()),
            ("HOME", own.as_str()),
            ("TMPDIR", own.as_str()),
            ("LANG", "C.UTF-8"),
            ("TZ", around.zone),
            ("NODE_OPTIONS", HEAP),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let cage = Cage {
            writable: private.path(),
            folder: &laid.folder,
            hidden: &bench.hidden,
            seconds,
            memory_bytes: MEMORY,
            environment: &environment,
        };
        let arguments: [&OsStr; 3] = [self.program.as_ref(), question.as_ref(), answer.as_ref()];
        let ended = bench.sandbox.run(&cage, &self.node, &arguments).map_err(|error| error.to_string())?;
        super::told(&answer, &ended, seconds)
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// The folders of a tree that hold a `package.json`.
fn manifests(laid: &Laid) -> impl Iterator<Item = &str> {
    let folders = laid.files.iter().filter_map(|file| file.strip_suffix("package.json"));
    folders.filter(|folder| folder.is_empty() || folder.ends_with('/')).map(|folder| folder.trim_end_matches('/'))
}

/// The folder that jest is started in for a test: the nearest above it with a configuration of jest, else with a package.
fn home(laid: &Laid, file: &str) -> String {
    let files = laid.files.iter().map(String::as_str).collect();
    let asks = |folder: &str| manifest(laid, folder).is_some_and(|it| it.get("jest").is_some());
    guard_home::jest_folder(&files, file, &asks)
}

fn manifest(laid: &Laid, folder: &str) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(laid.folder.join(folder).join("package.json")).ok()?).ok()
}

/// Whether a project's own scripts let jest run modules.
fn runs_modules(laid: &Laid, folder: &str) -> bool {
    let says = |folder: &str| {
        manifest(laid, folder).and_then(|it| it.get("scripts").map(|scripts| scripts.to_string().contains(MODULES)))
    };
    says(folder) == Some(true) || says("") == Some(true)
}

/// What the packages of a tree say of themselves.
pub(super) fn packages(laid: &Laid) -> Packages {
    let read = |folder: &str| std::fs::read(laid.folder.join(folder).join("package.json")).ok();
    let texts: Vec<(String, Vec<u8>)> =
        manifests(laid).filter_map(|folder| Some((folder.to_owned(), read(folder)?))).collect();
    Packages::of(texts.iter().map(|(folder, text)| (folder.clone(), text.as_slice())))
}

fn inspected(laid: &Laid, text: &str, file: &str) -> Vec<u8> {
    let seen = script_test::inspect(file, text, &packages(laid));
    bytes(&json!({"v": VERSION, "tests": seen.tests, "findings": seen.findings}))
}

/// A test may name its own environment, and would then run in none that looks at it: the name is told apart.
fn enter(laid: &Laid, file: &str) -> Result<(), String> {
    let text =
        std::fs::read_to_string(laid.folder.join(file)).map_err(|error| format!("{file} cannot be read: {error}"))?;
    let other = text.replace("@jest-environment ", "@titer-environment ");
    if other == text { Ok(()) } else { laid.put(file, &other).map_err(|failure| failure.to_string()) }
}

fn environment(laid: &Laid, file: &str) -> Option<String> {
    let text = std::fs::read_to_string(laid.folder.join(file)).ok()?;
    let name = text.split_once("@titer-environment ")?.1.split_whitespace().next()?;
    Some(name.to_owned())
}

enum Stood {
    /// A file, and what it held.
    In(PathBuf, Vec<u8>),
    /// This stub is not one for that function.
    Out,
}

/// Puts a stub in place of a function of a tree.
fn stand_in(laid: &Laid, stub: &Stub<'_>) -> Result<Stood, String> {
    if !laid.files.contains(stub.module) {
        return Ok(Stood::Out);
    }
    let path = laid.folder.join(stub.module);
    let own = std::fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", stub.module))?;
    let Some(made) = std::str::from_utf8(&own)
        .ok()
        .and_then(|text| script_functions::stubbed(stub.module, text, stub.name, stub.with))
    else {
        return Ok(Stood::Out);
    };
    laid.put(stub.module, &made).map_err(|failure| failure.to_string())?;
    Ok(Stood::In(path, own))
}

/// A judgement in which functions are called as the source calls them: compilers and V8 have names of their own.
fn judged(laid: &Laid, told: &[u8], is_stubbed: bool) -> Vec<u8> {
    let Ok(mut told) = serde_json::from_slice::<Value>(told) else { return told.to_vec() };
    let is_broken = told.get("outcome").and_then(Value::as_str) == Some("error");
    let said = told.pointer("/error/text").and_then(Value::as_str).unwrap_or_default();
    if is_stubbed && is_broken && ["SyntaxError", "TS", "unexpected token"].iter().any(|word| said.contains(word)) {
        // A stub that does not compile is not in place.
        told["outcome"] = LEFT_OUT.into();
    }
    let place = |name: &str| told.pointer(name).cloned().unwrap_or_default();
    let (path, line) = (place("/error/path"), place("/error/line"));
    if let (Some(path), Some(line), false) = (path.as_str(), line.as_u64(), is_stubbed)
        && let Some(name) = named(laid, path, u32::try_from(line).unwrap_or(0))
    {
        told["error"]["function"] = name.into();
    }
    bytes(&told)
}

fn named(laid: &Laid, path: &str, line: u32) -> Option<String> {
    let text =
        if laid.files.contains(path) { std::fs::read_to_string(laid.folder.join(path)).ok()? } else { return None };
    Some(script_functions::around(path, &text, line))
}

/// How production failed, with the function as the source calls it, where the line is known.
pub(super) fn sharpened(laid: &Laid, crash: &Crash) -> Crash {
    let named = if crash.line > 0 { named(laid, &crash.path, crash.line) } else { None };
    Crash { function: named.unwrap_or_else(|| crash.function.clone()), ..crash.clone() }
}
