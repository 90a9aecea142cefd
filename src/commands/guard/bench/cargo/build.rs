//! One test program, built by cargo in a sandbox that may write to the target folder and nowhere else, without network. cargo does not run it:
//! it hands it to a script, which writes down what it would have been run with.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::Tool;
use crate::bridges::sandbox::Cage;
use crate::bridges::warm::Warm;
use crate::bridges::workspace;
use crate::commands::guard::bench::{Bench, Laid};
use crate::decide::guard_home::{package_of, program_of};
use crate::formats::cargo_build::{self, Error};
use crate::model::digest::Digest;

/// Seconds that a build may take: all dependencies of a large project, once.
const SECONDS: u64 = 1800;
/// Address space of each process of a build: a linker reserves more than it uses.
const MEMORY: u64 = 24 << 30;
/// The folder below the cache in which target folders stay; no name of what goes after a day.
const KEPT: &str = "cargo-guards";
/// The folders of a target folder that results of the tree's own crates lie in, whose names begin with theirs.
const OWN_RESULTS: [&str; 5] = ["debug", "debug/deps", "debug/build", "debug/.fingerprint", "debug/incremental"];
/// Systems that the sandbox is for.
const SYSTEMS: [&str; 2] = ["UNKNOWN_LINUX_GNU", "UNKNOWN_LINUX_MUSL"];

/// How the sentence begins about a package of programs only.
pub(super) const NO_LIBRARY: &str = "there is no library in package";

/// Instead of the test program: what it would be started with.
const RUNNER: &str = "#!/bin/sh\n{ printf '%s\\0' \"$PWD\" \"$1\"; env -0; } >\"$TITER_GUARD_TOLD\"\n";
/// Instead of the compiler, for the tree's own crates: counters are compiled in, and a stub leaves names unused.
const COMPILER: &str = "#!/bin/sh\nexec \"$@\" -Cinstrument-coverage --cap-lints=warn\n";
/// The same where the toolchain has no counters.
const PLAIN_COMPILER: &str = "#!/bin/sh\nexec \"$@\" --cap-lints=warn\n";

/// A test program.
#[derive(Debug, Clone)]
pub(super) struct Built {
    /// The program.
    pub(super) program: PathBuf,
    /// Where cargo starts it.
    pub(super) folder: PathBuf,
    /// With which variables.
    pub(super) environment: BTreeMap<String, String>,
}

/// Why there is none.
#[derive(Debug, Clone)]
pub(super) enum NotBuilt {
    /// The test itself does not compile.
    Draft(Error),
    /// Other code of the tree does not.
    Project(Error),
    /// It has nothing to do with the code.
    World(String),
}

/// The folder of the package that a file lies in, and the package's name.
pub(super) fn package(laid: &Laid, file: &str) -> Option<(String, String)> {
    let files: BTreeSet<&str> = laid.files.iter().map(String::as_str).collect();
    let folder = package_of(&files, file)?;
    let text = std::fs::read_to_string(laid.folder.join(&folder).join("Cargo.toml")).ok()?;
    let table: toml::Table = text.parse().ok()?;
    let name = table.get("package")?.as_table()?.get("name")?.as_str()?.to_owned();
    Some((folder, name))
}

fn has_library(laid: &Laid, folder: &str) -> bool {
    let place = |name: &str| Path::new(folder).join(name).to_string_lossy().into_owned();
    let text = std::fs::read_to_string(laid.folder.join(place("Cargo.toml"))).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    laid.files.contains(&place("src/lib.rs")) || table.contains_key("lib")
}

impl Tool {
    /// The program of a test's file in a tree, built once for each text of it; with a stub, the path and the new text of a file of the tree, which
    /// stays so until somebody puts it back.
    ///
    /// # Errors
    /// The sandbox cannot be used.
    pub(super) fn built(
        &self,
        bench: &Bench<'_>,
        laid: &Laid,
        file: &str,
        stub: Option<(&str, &str)>,
    ) -> Result<Result<Built, NotBuilt>, String> {
        let own = std::fs::read(laid.folder.join(file)).map_err(|error| format!("{file} cannot be read: {error}"))?;
        let (path, text) = stub.unwrap_or_default();
        let key = Digest::of_parts([file.as_bytes(), &own, path.as_bytes(), text.as_bytes()]).to_string();
        let key = (laid.folder.clone(), key);
        let known = self.known.borrow().get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        if let Some((path, text)) = stub {
            workspace::write_file(&laid.folder.join(path), text.as_bytes()).map_err(|error| error.to_string())?;
        }
        let built = self.build(bench, laid, file, COMPILER)?;
        let built = match built {
            Err(NotBuilt::Project(error)) if error.message.contains("profiler_builtins") => {
                self.build(bench, laid, file, PLAIN_COMPILER)?
            }
            other => other,
        };
        self.known.borrow_mut().insert(key, built.clone());
        Ok(built)
    }

    fn build(
        &self,
        bench: &Bench<'_>,
        laid: &Laid,
        file: &str,
        compiler: &str,
    ) -> Result<Result<Built, NotBuilt>, String> {
        let Some((folder, name)) = package(laid, file) else {
            return Ok(Err(NotBuilt::World(format!("{file} lies in no package of cargo's"))));
        };
        if !has_library(laid, &folder) {
            return Ok(Err(NotBuilt::World(format!(
                "{NO_LIBRARY} {name}, and a test sees only what a library makes public"
            ))));
        }
        let Some(lock) = lock(bench, laid, &folder) else {
            let why = format!(
                "the commit has no Cargo.lock, and none lies in the work tree: what package {name} is built with is not known"
            );
            return Ok(Err(NotBuilt::World(why)));
        };
        self.take(bench, laid, &lock)?;
        let warm = self.warm.borrow();
        let Some(warm) = warm.as_ref() else { return Err("there is no target folder".to_owned()) };
        let told = |error: std::io::Error| error.to_string();
        let private = workspace::scratch(warm.path(), "ask-").map_err(told)?;
        workspace::write_program(&warm.path().join("runner"), RUNNER.as_bytes()).map_err(told)?;
        workspace::write_program(&warm.path().join("compiler"), compiler.as_bytes()).map_err(told)?;
        let answer = private.path().join("told");
        let environment = self.environment(warm.path(), private.path(), &answer);
        let hidden = self.hidden(bench);
        let cage = Cage {
            writable: warm.path(),
            folder: &laid.folder,
            hidden: &hidden,
            seconds: SECONDS,
            memory_bytes: MEMORY,
            environment: &environment,
        };
        let manifest = laid.folder.join(&folder).join("Cargo.toml");
        let words = ["test", "--offline", "--locked", "--message-format=json", "--test", program_of(file)];
        let mut arguments: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        arguments.extend([OsStr::new("--manifest-path"), manifest.as_os_str()]);
        let ended = bench.sandbox.run(&cage, &self.cargo, &arguments).map_err(told)?;
        if let Some(built) = std::fs::read(&answer).ok().and_then(|bytes| of_runner(&bytes)) {
            return Ok(Ok(built));
        }
        if ended.timed_out {
            return Ok(Err(NotBuilt::World(format!("it was not built within {SECONDS} s"))));
        }
        Ok(Err(match cargo_build::first_error(&ended.stdout) {
            Some(error) if is_file(&error.file, file) => NotBuilt::Draft(error),
            Some(error) => NotBuilt::Project(error),
            None => NotBuilt::World(cargo_build::why(&String::from_utf8_lossy(&ended.stderr))),
        }))
    }

    /// What cargo knows of the world.
    fn environment(&self, warm: &Path, private: &Path, answer: &Path) -> BTreeMap<String, String> {
        let text = |path: PathBuf| path.display().to_string();
        let mut environment = self.homes.clone();
        let own = [
            ("HOME", text(private.to_owned())),
            ("TMPDIR", text(private.to_owned())),
            ("LANG", "C.UTF-8".to_owned()),
            ("CARGO_TARGET_DIR", text(warm.join("target"))),
            ("CARGO_TERM_COLOR", "never".to_owned()),
            ("CARGO_NET_OFFLINE", "true".to_owned()),
            // A cache of compilers' results is a service outside.
            ("RUSTC_WRAPPER", String::new()),
            ("RUSTC_WORKSPACE_WRAPPER", text(warm.join("compiler"))),
            ("RUSTUP_AUTO_INSTALL", "0".to_owned()),
            ("LLVM_PROFILE_FILE", text(private.join("%p.profraw"))),
            ("TITER_GUARD_TOLD", text(answer.to_owned())),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
        for profile in ["DEV", "TEST"] {
            // Places of panics need lines, and nothing more.
            environment.insert(format!("CARGO_PROFILE_{profile}_DEBUG"), "line-tables-only".to_owned());
            environment.insert(format!("CARGO_PROFILE_{profile}_STRIP"), "none".to_owned());
        }
        // cargo splits the value at blanks; from the tree's folder there are none on the way.
        let key = warm.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let runner = format!("../../{KEPT}/{key}/runner");
        let machine = std::env::consts::ARCH.to_uppercase();
        environment
            .extend(SYSTEMS.iter().map(|system| (format!("CARGO_TARGET_{machine}_{system}_RUNNER"), runner.clone())));
        environment
    }

    /// What drafts must not read: cargo's own keys, too.
    pub(super) fn hidden(&self, bench: &Bench<'_>) -> Vec<PathBuf> {
        let home = self.homes.get("CARGO_HOME").map(PathBuf::from).unwrap_or_default();
        let keys = ["credentials", "credentials.toml"].map(|name| home.join(name));
        bench.hidden.iter().cloned().chain(keys).collect()
    }

    /// Takes the target folder of this lock file, without what was built of earlier trees' own crates.
    fn take(&self, bench: &Bench<'_>, laid: &Laid, lock: &[u8]) -> Result<(), String> {
        let mut held = self.warm.borrow_mut();
        if held.is_some() {
            return Ok(());
        }
        let toolchain = ["rust-toolchain", "rust-toolchain.toml"].map(|name| std::fs::read(laid.folder.join(name)));
        let mut parts = vec![lock.to_owned(), self.cargo.as_os_str().as_encoded_bytes().to_owned()];
        parts.extend(toolchain.into_iter().map(Result::unwrap_or_default));
        let key = Digest::of_parts(parts.iter().map(Vec::as_slice)).to_string();
        let kept = bench.settings.cache.join(KEPT);
        let warm = Warm::take(&kept, key.get(..16).unwrap_or(&key))
            .map_err(|error| format!("the target folder cannot be made in {}: {error}", kept.display()))?;
        let own: Vec<String> = super::crates(laid).into_iter().chain(super::programs(laid)).collect();
        let is_own = |name: &str| {
            let name = name.replace('-', "_");
            own.iter().any(|own| {
                let rest = name.strip_prefix("lib").and_then(|rest| rest.strip_prefix(own.as_str()));
                let rest = rest.or_else(|| name.strip_prefix(own.as_str()));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '.']))
            })
        };
        for below in OWN_RESULTS {
            warm.forget(&format!("target/{below}"), is_own);
        }
        warm.forget("", |name| name.starts_with("ask-"));
        *held = Some(warm);
        Ok(())
    }
}

/// The lock file of a package: the commit's own, else what lies in the work tree, which libraries often do not commit.
fn lock(bench: &Bench<'_>, laid: &Laid, package: &str) -> Option<Vec<u8>> {
    let folders: Vec<PathBuf> = Path::new(package).ancestors().map(Path::to_owned).collect();
    let find =
        |root: &Path| folders.iter().map(|folder| root.join(folder).join("Cargo.lock")).find(|file| file.is_file());
    if let Some(file) = find(&laid.folder) {
        return std::fs::read(file).ok();
    }
    let file = find(&bench.settings.root)?;
    let bytes = std::fs::read(&file).ok()?;
    let to = laid.folder.join(file.strip_prefix(&bench.settings.root).ok()?);
    workspace::write_file(&to, &bytes).ok()?;
    Some(bytes)
}

/// Whether the compiler means this file: it names files from the workspace's root, which may lie below the repository's.
fn is_file(named: &str, file: &str) -> bool {
    let named = named.trim_start_matches("./");
    file == named || file.ends_with(&format!("/{named}")) || named.ends_with(&format!("/{file}"))
}

/// What the script wrote down: where, what, and the environment.
fn of_runner(bytes: &[u8]) -> Option<Built> {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split('\0');
    let (folder, program) = (PathBuf::from(parts.next()?), PathBuf::from(parts.next()?));
    let environment: BTreeMap<String, String> = parts
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| !is_of_build(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Some(Built { program, folder, environment })
}

/// Variables that were only for the build.
fn is_of_build(name: &str) -> bool {
    let ours =
        ["TITER_GUARD_TOLD", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "LLVM_PROFILE_FILE", "CARGO_TARGET_DIR"];
    ours.contains(&name) || name.starts_with("CARGO_TARGET_") || name.starts_with("CARGO_PROFILE_")
}
