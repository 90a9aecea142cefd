//! Drafts for pytest: the project's own interpreter, and the program in `adapters/guard` that is asked in a sandbox.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{Bench, Laid, MEMORY, Surroundings};
use crate::bridges::runners::adapter::GUARD_FILES;
use crate::bridges::sandbox::Cage;
use crate::bridges::{process, workspace};
use crate::formats::workbench_v1::{self, Ask};
use crate::model::failure::Failure;
use crate::settings::{Settings, raw_variable};

/// An interpreter and a program.
#[derive(Debug)]
pub(super) struct Tool {
    python: PathBuf,
    program: PathBuf,
}

impl Tool {
    /// Finds the interpreter and writes the program.
    ///
    /// # Errors
    /// There is no interpreter with pytest.
    pub(super) fn find(settings: &Settings, python: Option<&Path>) -> Result<Self, Failure> {
        let files = GUARD_FILES.iter().map(|(name, text)| (*name, *text)).collect();
        let folder = workspace::adapter_folder(&settings.cache, "guard", &files).map_err(|error| {
            Failure::world(format!("the workbench cannot be written in {}", settings.cache.display())).because(error)
        })?;
        Ok(Self { python: interpreter(settings, python)?, program: folder.join("guard") })
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
        let place = laid.folder.to_string_lossy();
        let private = workspace::scratch(bench.scratch.path(), "ask-").map_err(|error| error.to_string())?;
        let (request, answer) = (private.path().join("request.json"), private.path().join("answer.json"));
        let bytes = workbench_v1::request(&place, &laid.names, ask);
        workspace::write_file(&request, &bytes).map_err(|error| error.to_string())?;
        let roots: Vec<String> = laid.roots.iter().map(|root| laid.folder.join(root).display().to_string()).collect();
        let own = private.path().display().to_string();
        let environment: BTreeMap<String, String> = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", own.as_str()),
            ("TMPDIR", own.as_str()),
            ("LANG", "C.UTF-8"),
            ("TZ", around.zone),
            ("PYTHONHASHSEED", around.hash_seed),
            ("PYTHONPATH", roots.join(":").as_str()),
            ("PYTHONDONTWRITEBYTECODE", "1"),
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
        let arguments: [&OsStr; 6] =
            ["-X".as_ref(), "utf8".as_ref(), "-B".as_ref(), self.program.as_ref(), request.as_ref(), answer.as_ref()];
        let ended = bench.sandbox.run(&cage, &self.python, &arguments).map_err(|error| error.to_string())?;
        super::told(&answer, &ended, seconds)
    }
}

/// The interpreter that the project's tests run under: as was said, else the first with pytest.
fn interpreter(settings: &Settings, given: Option<&Path>) -> Result<PathBuf, Failure> {
    let root = &settings.root;
    let named = given
        .map(|file| settings.folder.join(file))
        .or_else(|| settings.policy.guard.python.as_ref().map(|file| root.join(file)));
    if let Some(python) = named {
        return has_pytest(&python, &settings.cache).map_err(|why| {
            Failure::input(format!("{} does not run pytest: {why}", python.display()))
                .hint("--python FILE names another")
        });
    }
    let own = [".venv/bin/python", "venv/bin/python"].map(|file| root.join(file));
    let path = raw_variable("PATH");
    let known = ["python3", "python"].iter().filter_map(|name| process::find(name, root, path.as_ref()));
    let active = raw_variable("VIRTUAL_ENV").map(|folder| Path::new(&folder).join("bin/python"));
    let found = active.into_iter().chain(own).chain(known).find_map(|python| has_pytest(&python, &settings.cache).ok());
    found.ok_or_else(|| {
        Failure::input("no interpreter here has pytest, so no draft of Python can be run")
            .hint("--python FILE, or `python` in the table [guard] of titer.toml, names the one that runs your tests")
    })
}

/// The interpreter itself behind what was named, if pytest can be imported there; asked where no file of the project's is imported instead.
fn has_pytest(python: &Path, cache: &Path) -> Result<PathBuf, String> {
    let asked =
        process::capture(&python.to_string_lossy(), &["-c", "import pytest, sys; print(sys.executable)"], cache, &[]);
    let told = asked.map_err(|error| error.to_string())?;
    let file = PathBuf::from(String::from_utf8_lossy(&told).trim());
    if file.is_file() { Ok(file) } else { Err("it does not say where it is".to_owned()) }
}
