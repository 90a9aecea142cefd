//! The program that stands between cargo and test programs, with a real cargo around it, and with invented test programs behind it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use titer::bridges::runners::adapter::CARGO_PROGRAM;
use titer::formats::cargo_plan_v1::{Call, CargoPlan, Doc, Harness, Program, Trace, write};
use titer::formats::cargo_told_v1::{self as told, How, Told};

/// Where `testdata/cargo-wrapper` is copied to and built. It stays, so that what it needs is compiled once, and one test at a
/// time uses it.
pub struct Workspace {
    /// Its root; there is a space in it.
    pub root: PathBuf,
    _lock: File,
}

/// A run's folder with the program in it.
pub struct Place {
    folder: TempDir,
}

/// What a run is told, beside what it leaves out.
#[derive(Default, Clone)]
pub struct Setup<'a> {
    /// Unit and name; an empty name leaves out the unit.
    pub out: &'a [(&'a str, &'a str)],
    /// Variables for both kinds of runs.
    pub variables: &'a [(&'a str, &'a str)],
    /// Every test in a process of its own, for at most so many seconds.
    pub record: Option<u32>,
    /// The only call of cargo that this is for.
    pub only: Option<(Vec<&'a str>, &'a str)>,
    /// The file tracer's library and arena.
    pub trace: Option<(&'a str, &'a str)>,
}

/// How a command ended and what it said, without what differs from run to run.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// The names that tests wrote down as they ran, sorted.
    pub witness: Vec<String>,
}

impl Workspace {
    /// The workspace, once nobody else has it.
    pub fn take() -> Self {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cargo wrapper");
        let root = place.join("workspace");
        fs::create_dir_all(&root).unwrap();
        let lock = File::create(place.join("lock")).unwrap();
        lock.lock().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cargo-wrapper");
        for entry in walkdir::WalkDir::new(&from).into_iter().map(Result::unwrap) {
            let to = root.join(entry.path().strip_prefix(&from).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir_all(to).unwrap();
            } else if fs::read(entry.path()).unwrap() != fs::read(&to).unwrap_or_default() {
                fs::copy(entry.path(), to).unwrap();
            }
        }
        let made = Self { root, _lock: lock };
        let built = made.cargo(&["test", "--workspace", "--no-run"], &Setup::default());
        assert_eq!(built.code, Some(0), "{}", built.stderr);
        made
    }

    fn command(&self, arguments: &[&str], setup: &Setup<'_>) -> Command {
        let mut cargo = scrubbed(env!("CARGO"));
        cargo.args(arguments).current_dir(&self.root).env("RUST_TEST_THREADS", "1");
        cargo.envs(setup.variables.iter().copied());
        cargo
    }

    /// cargo without titer.
    pub fn cargo(&self, arguments: &[&str], setup: &Setup<'_>) -> Ran {
        let witness = tempfile::NamedTempFile::new().unwrap();
        ran(self.command(arguments, setup).env("WITNESS", witness.path()), witness.path())
    }

    /// cargo with the program between it and what it starts.
    pub fn wrapped(&self, arguments: &[&str], setup: &Setup<'_>) -> (Ran, Vec<Told>) {
        let place = Place::new();
        place.plan(&self.plan(setup));
        let mut cargo = self.command(arguments, setup);
        place.enter(&mut cargo);
        let ran = ran(cargo.env("WITNESS", place.path("witness")), &place.path("witness"));
        let told = place.told();
        (ran, told)
    }

    fn plan(&self, setup: &Setup<'_>) -> Vec<u8> {
        let places: Vec<[String; 3]> = UNITS
            .iter()
            .map(|(unit, _, kind, source)| {
                let manifest = self.root.join(unit.split("::").next().unwrap());
                let source = manifest.join(source).to_string_lossy().into_owned();
                let name = unit.rsplit(['/', ':']).next().unwrap();
                let name = if *kind == "lib" { unit.split("::").next().unwrap() } else { name };
                [manifest.to_string_lossy().into_owned(), source, name.to_owned()]
            })
            .collect();
        let programs = UNITS.iter().zip(&places).map(|((unit, harness, kind, _), [manifest, source, crate_name])| {
            Program { unit, harness: *harness, manifest, kind, crate_name, source }
        });
        let docs = ["app", "base"].map(|package| (format!("{package}::doc"), package));
        write(&CargoPlan {
            world: None,
            record: setup.record.is_some(),
            trace: setup.trace.map(|(library, folder)| Trace {
                library,
                folder,
                roots: vec![self.root.to_str().unwrap()],
            }),
            jobs: 2,
            limit: setup.record.unwrap_or_default(),
            programs: programs.collect(),
            docs: docs.iter().map(|(unit, package)| Doc { unit, package, crate_name: package }).collect(),
            shard: None,
            calls: vec![call(setup)],
        })
    }
}

const UNITS: [(&str, Harness, &str, &str); 6] = [
    ("app::lib", Harness::Libtest, "lib", "src/lib.rs"),
    ("app::bin/app", Harness::Libtest, "bin", "src/main.rs"),
    ("app::test/it", Harness::Libtest, "test", "tests/it.rs"),
    ("app::test/mimic", Harness::Mimic, "test", "tests/mimic.rs"),
    ("app::test/plain", Harness::Plain, "test", "tests/plain.rs"),
    ("base::lib", Harness::Libtest, "lib", "src/lib.rs"),
];

fn call<'a>(setup: &Setup<'a>) -> Call<'a> {
    let out = setup.out.iter().map(|(unit, name)| (*unit, Some(*name).filter(|name| !name.is_empty())));
    Call { only: setup.only.clone(), out: out.collect() }
}

impl Place {
    /// A folder with the program under its three names.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("titer-cargo-").tempdir().unwrap();
        let bytes = CARGO_PROGRAM.unwrap();
        fs::write(folder.path().join("titer-runner"), bytes).unwrap();
        fs::set_permissions(folder.path().join("titer-runner"), Permissions::from_mode(0o755)).unwrap();
        for role in ["titer-rustdoc", "titer-rustc"] {
            fs::hard_link(folder.path().join("titer-runner"), folder.path().join(role)).unwrap();
        }
        Self { folder }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the plan.
    pub fn plan(&self, bytes: &[u8]) {
        fs::write(self.path("plan"), bytes).unwrap();
    }

    /// Sets what titer sets; what the user had set there is what is restored.
    pub fn enter(&self, command: &mut Command) {
        let triple = host().to_uppercase().replace('-', "_");
        let runner = format!("CARGO_TARGET_{triple}_RUNNER");
        command.env("TITER_CARGO", self.folder.path()).env(&runner, self.path("titer-runner"));
        command.env("RUSTDOC", self.path("titer-rustdoc"));
        command.env("TITER_CARGO_RESTORE", format!("{runner}\nRUSTDOC\n"));
    }

    /// What was told, process by process.
    pub fn told(&self) -> Vec<Told> {
        let mut files: Vec<(std::time::SystemTime, PathBuf)> = fs::read_dir(self.path("told"))
            .into_iter()
            .flatten()
            .map(|entry| (entry.as_ref().unwrap().metadata().unwrap().modified().unwrap(), entry.unwrap().path()))
            .collect();
        files.sort();
        files.iter().flat_map(|(_, path)| told::read(&fs::read(path).unwrap())).collect()
    }

    /// An invented test program, a shell script: the plan knows it as `fake::lib`.
    pub fn invent(&self, harness: Harness, out: &[(&str, &str)], script: &str) -> Command {
        let program = self.path("fake-0123456789abcdef");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let manifest = self.folder.path().to_str().unwrap();
        let unit =
            Program { unit: "fake::lib", harness, manifest, kind: "lib", crate_name: "fake", source: "/no/lib.rs" };
        let calls = vec![call(&Setup { out, ..Setup::default() })];
        self.plan(&write(&CargoPlan { programs: vec![unit], calls, ..CargoPlan::default() }));
        let mut command = scrubbed(self.path("titer-runner"));
        command.arg(program).current_dir(self.folder.path()).env("CARGO_MANIFEST_DIR", manifest);
        self.enter(&mut command);
        command
    }
}

fn host() -> String {
    let output = scrubbed("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// A command that sees nothing of the environment of the tests but where cargo is at home.
fn scrubbed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
}

/// Runs a command to its end.
pub fn ran(command: &mut Command, witness: &Path) -> Ran {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let mut names: Vec<String> =
        fs::read_to_string(witness).unwrap_or_default().lines().map(ToOwned::to_owned).collect();
    names.sort();
    Ran {
        code: status.code(),
        signal: status.signal(),
        stdout: steady(&String::from_utf8_lossy(&stdout)),
        stderr: steady(&String::from_utf8_lossy(&stderr)),
        witness: names,
    }
}

/// Without times and process numbers, and without what cargo says of other cargos; and cargo names the command that did not end well, which is then ours.
fn steady(text: &str) -> String {
    let mut steady = String::new();
    for line in text.split_inclusive('\n').filter(|line| !line.contains("Blocking waiting for file lock")) {
        let mut line = line.to_owned();
        for mark in ["finished in ", "target(s) in ", "ran in ", "compilation took "] {
            while let Some(at) = line.find(mark) {
                let after = line[at + mark.len()..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
                line = format!("{}(time){after}", &line[..at]);
            }
        }
        if let (Some(start), Some(end)) = (line.find("' ("), line.find(") panicked")) {
            line.replace_range(start + 2..=end, "");
        }
        if let Some((before, after)) = line.split_once("successfully: `") {
            let after = after.split_once("titer-runner ").map_or(after, |(_, after)| after);
            line = format!("{before}successfully: `{}", after.replace('\'', ""));
        }
        steady.push_str(&line);
    }
    steady
}

/// For every unit that told of itself, in which way it was told what to run, and what.
pub fn asked(told: &[Told]) -> BTreeMap<String, (How, Vec<String>)> {
    let each = told.iter().filter_map(|line| match line {
        Told::Program(program) => Some((program.unit.clone(), (program.how, program.asked.clone()))),
        Told::Doc(doc) => Some((doc.unit.clone(), (doc.how, Vec::new()))),
        Told::Log { .. } | Told::End(_) | Told::Test(_) | Told::Health { .. } | Told::Unknown => None,
    });
    each.collect()
}
