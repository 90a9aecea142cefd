//! Which functions every test of a record ran: what its processes counted, joined with where the functions stand.
//! Design: `runners-cargo.md`, section 6.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::formats::cargo_told_v1::{Program, Test, Told};
use crate::formats::{llvm_coverage, llvm_profile};
use crate::model::window::{Code, Phase, Trace, Window, WindowKind};

use super::traces::id;

/// Where the functions of a program stand, by the hash of the name.
#[derive(Default)]
struct Places {
    /// In the repository: paths from its root, and lines.
    inside: BTreeMap<u64, BTreeSet<(String, u32)>>,
    /// Functions that a macro of a published package or of the standard library wrote where it stands itself.
    published: BTreeSet<u64>,
}

impl Places {
    fn add(&mut self, other: Self) {
        for (name, found) in other.inside {
            self.inside.entry(name).or_default().extend(found);
        }
        self.published.extend(other.published);
    }
}

/// Parts of paths of source that never changes under the same toolchain and lock.
const PUBLISHED: [&str; 3] = ["/rustc/", "/registry/src/", "/rustlib/src/"];

/// Adds what every test of a record ran.
pub(super) fn add(trace: &mut Trace, told: &[&Told], programs: &BTreeMap<String, (Program, u64)>, root: &Path) {
    trace.windows.clear();
    trace.alone.clear();
    let mut places: BTreeMap<&str, Result<Places, String>> = BTreeMap::new();
    let others = functions_of_others(programs, root);
    let mut codes: BTreeMap<(String, u32), u32> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for test in told.iter().filter_map(|line| if let Told::Test(test) = line { Some(test) } else { None }) {
        let Some((program, _)) = programs.get(&test.unit) else { continue };
        let of_program = places.entry(&test.unit).or_insert_with(|| functions_of(&program.exe, root));
        let mut window = Window::new(WindowKind::Test, &id(&test.unit, &test.name), trace.windows.len() as u64 + 1);
        window.closed = test.code == Some(0);
        if !seen.insert(test.child) {
            window.opaque.insert("two tests had the same process number".to_owned());
        }
        match of_program.as_ref().map_err(Clone::clone).and_then(|places| functions_run(test, &[places, &others])) {
            Ok((found, processes)) => {
                window.counted = processes;
                window.codes.extend(found.into_iter().map(|(file, line)| {
                    let next = u32::try_from(codes.len()).unwrap_or(u32::MAX);
                    let code = *codes.entry((file.clone(), line)).or_insert(next);
                    trace.codes.entry(code).or_insert(Code { path: file, line, qualified: None });
                    (code, None)
                }));
            }
            Err(why) => drop(window.opaque.insert(why)),
        }
        trace.alone.insert(i64::from(test.child), window.number);
        report(trace, test);
        trace.windows.push(window);
    }
    let all = places.into_values().flatten().chain([others]).flat_map(|places| places.inside.into_values().flatten());
    for (path, line) in all {
        trace.countable.entry(path).or_default().insert(line);
    }
}

/// What became of the test: it counts as a run of it.
fn report(trace: &mut Trace, test: &Test) {
    let name = id(&test.unit, &test.name);
    let outcome = if test.code == Some(0) { "passed" } else { "failed" };
    for (when, outcome) in [("setup", "passed"), ("call", outcome)] {
        trace.phases.push(Phase {
            test: name.clone(),
            when: when.to_owned(),
            outcome: outcome.to_owned(),
            xfail: false,
            seconds: if when == "call" { test.seconds } else { 0.0 },
            worker: String::new(),
        });
    }
    trace.started.push(name.clone());
    trace.finished.insert(name);
}

fn functions_of(program: &str, root: &Path) -> Result<Places, String> {
    let bytes = std::fs::read(program).map_err(|error| format!("the test program cannot be read: {error}"))?;
    let functions = llvm_coverage::functions(&bytes).map_err(|error| error.to_string())?;
    let mut places = Places::default();
    for (name, found) in functions.by_name {
        for place in found {
            if let Some(path) = Path::new(&*place.file).strip_prefix(root).ok().and_then(Path::to_str) {
                places.inside.entry(name).or_default().insert((path.to_owned(), place.line));
            } else if PUBLISHED.iter().any(|part| place.file.contains(part)) {
                places.published.insert(name);
            }
        }
    }
    Ok(places)
}

/// Functions of the workspace's other programs and libraries, which tests start or load.
fn functions_of_others(programs: &BTreeMap<String, (Program, u64)>, root: &Path) -> Places {
    let deps: BTreeSet<&Path> = programs.values().filter_map(|(program, _)| Path::new(&program.exe).parent()).collect();
    let folders = deps.iter().flat_map(|deps| {
        let build = deps.parent().unwrap_or(deps);
        [(*deps).to_owned(), build.to_owned(), build.join("examples")]
    });
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let is_program = |path: &PathBuf| path.is_file() && path.extension().is_none_or(|ending| ending == "so");
    let mut places = Places::default();
    for path in files.map(|file| file.path()).filter(is_program) {
        places.add(functions_of(&path.to_string_lossy(), root).unwrap_or_default());
    }
    places
}

/// Functions that ran, by file and line, and the processes that counted.
type Counted = (BTreeSet<(String, u32)>, BTreeSet<u32>);

/// What one test ran, its children's functions among it.
fn functions_run(test: &Test, places: &[&Places]) -> Result<Counted, String> {
    let files = std::fs::read_dir(&test.profile).map_err(|_| "it left no profile".to_owned())?;
    let mut found = BTreeSet::new();
    let mut processes = BTreeSet::new();
    for file in files.flatten() {
        let bytes = std::fs::read(file.path()).map_err(|error| error.to_string())?;
        let names = llvm_profile::functions_run(&bytes).map_err(|error| format!("a profile: {error}"))?;
        for name in names {
            // Several programs may have a function of that name.
            let known: Vec<_> =
                places.iter().filter_map(|places| places.inside.get(&name)).flatten().cloned().collect();
            if !known.is_empty() {
                found.extend(known);
            } else if !places.iter().any(|places| places.published.contains(&name)) {
                return Err("it ran code that no program of the workspace holds".to_owned());
            }
        }
        processes.extend(process_of(&file.path()));
    }
    if processes.is_empty() { Err("it left no profile".to_owned()) } else { Ok((found, processes)) }
}

/// The process that wrote a profile: its number ends the file's name.
fn process_of(path: &Path) -> Option<u32> {
    path.file_stem()?.to_str()?.rsplit('_').next()?.parse().ok()
}
