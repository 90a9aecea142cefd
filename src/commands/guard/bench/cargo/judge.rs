//! One run of one test: the program in a sandbox of its own, in which even the target folder can only be read; what its harness and the panic
//! handler said is what is judged.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use super::Tool;
use super::build::{Built, NotBuilt};
use crate::bridges::sandbox::{Cage, Ended};
use crate::bridges::workspace;
use crate::commands::guard::bench::{Bench, Laid, MEMORY, Surroundings};
use crate::formats::libtest::{self, Panic};
use crate::formats::workbench_v1::Stub;
use crate::formats::{rust_guard, rust_source, rust_stub};
use crate::model::fault::Frame;
use crate::model::guard::{Crash, Judgement};
use crate::model::shape::Owner;

/// What a run is called that could not be, as no such stub compiles.
pub(super) const LEFT_OUT: &str = "left-out";
/// Characters of a message.
const LONGEST: usize = 200;
/// What the system says to who reaches for a network that is not there.
const UNREACHED: [&str; 6] = [
    "Network is unreachable",
    "Connection refused",
    "failed to lookup address",
    "Temporary failure in name resolution",
    "dns error",
    "NetworkUnreachable",
];

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) laid: &'a Laid,
    pub(super) file: &'a str,
    pub(super) test: &'a str,
    pub(super) crash: Option<&'a Crash>,
    pub(super) around: Surroundings,
    pub(super) seconds: u64,
}

/// One run.
#[derive(Debug, Clone)]
struct Ran {
    judged: Judgement,
    /// The product's function that the test called when it panicked.
    entry: Option<Crash>,
}

impl Tool {
    /// Runs a test once.
    ///
    /// # Errors
    /// It cannot be run; the sentence says why.
    pub(super) fn judge(&self, bench: &Bench<'_>, asked: &Asked<'_>) -> Result<Judgement, String> {
        match self.built(bench, asked.laid, asked.file, None)? {
            Ok(built) => self.run(bench, asked, &built).map(|ran| ran.judged),
            Err(NotBuilt::Draft(error) | NotBuilt::Project(error)) => Ok(not_started(&error.told())),
            Err(NotBuilt::World(why)) => Err(why),
        }
    }

    /// Runs a test with each stub of a kind that compiles, until one is noticed: the plainest value may be what is right. Where another value is
    /// noticed only as the product itself panics at it, what the test calls itself has to be noticed, too.
    ///
    /// # Errors
    /// There is nothing that a stub could stand in for, or it cannot be run.
    pub(super) fn judge_stub(
        &self,
        bench: &Bench<'_>,
        asked: &Asked<'_>,
        stub: &Stub<'_>,
    ) -> Result<Judgement, String> {
        let line = asked.crash.map_or(0, |crash| crash.line);
        let (ran, at) = self.stubbed(bench, asked, stub.module, stub.name, (line, stub.with))?;
        let by_panic = ran.judged.error.as_ref().is_some_and(|error| error.path != asked.file);
        match ran.entry.filter(|_| at > 0 && by_panic) {
            Some(entry) if entry.function != stub.name => {
                let place = (entry.line, stub.with);
                let (outer, _) = self.stubbed(bench, asked, &entry.path, &entry.function, place)?;
                Ok(if outer.judged.outcome == LEFT_OUT { ran.judged } else { outer.judged })
            }
            _ => Ok(ran.judged),
        }
    }

    /// The run with the first stub that is noticed, else with the last, and which one that was.
    fn stubbed(
        &self,
        bench: &Bench<'_>,
        asked: &Asked<'_>,
        module: &str,
        name: &str,
        (line, with): (u32, &str),
    ) -> Result<(Ran, usize), String> {
        let path = asked.laid.folder.join(module);
        let source = std::fs::read_to_string(&path).map_err(|_| format!("the target's file {module} is not there"))?;
        let texts = rust_stub::stubs(&source, name, line, with)?;
        let judged = Judgement { outcome: LEFT_OUT.to_owned(), ..Judgement::default() };
        let mut last = Ok((Ran { judged, entry: None }, 0));
        for (text, at) in texts.iter().zip(0..) {
            let ran = match self.built(bench, asked.laid, asked.file, Some((module, text))) {
                Ok(Ok(built)) => self.run(bench, asked, &built),
                // The compiler does not take this one.
                Ok(Err(_)) => continue,
                Err(why) => Err(why),
            };
            let is_unnoticed =
                ran.as_ref().is_ok_and(|ran| ["passed", "xfailed", "skipped"].contains(&ran.judged.outcome.as_str()));
            last = ran.map(|ran| (ran, at));
            if !is_unnoticed {
                break;
            }
        }
        if !texts.is_empty() {
            // What was built last stands where the sound program stood.
            self.known.borrow_mut().retain(|(folder, _), _| *folder != asked.laid.folder);
            workspace::write_file(&path, source.as_bytes()).map_err(|error| error.to_string())?;
        }
        last
    }

    fn run(&self, bench: &Bench<'_>, asked: &Asked<'_>, built: &Built) -> Result<Ran, String> {
        let told = |error: std::io::Error| error.to_string();
        let private = workspace::scratch(bench.scratch.path(), "ask-").map_err(told)?;
        let (own, log) = (private.path().display().to_string(), private.path().join("log"));
        let mut environment: BTreeMap<String, String> = built.environment.clone();
        let more = [
            ("HOME", own.as_str()),
            ("TMPDIR", own.as_str()),
            ("TZ", asked.around.zone),
            ("RUST_BACKTRACE", "1"),
            ("RUST_TEST_THREADS", "1"),
            ("LLVM_PROFILE_FILE", &format!("{own}/%p.profraw")),
        ];
        environment.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let hidden = self.hidden(bench);
        let cage = Cage {
            writable: private.path(),
            folder: &built.folder,
            hidden: &hidden,
            seconds: asked.seconds,
            memory_bytes: MEMORY,
            environment: &environment,
        };
        let words = ["--exact", asked.test, "--nocapture", "--test-threads=1", "--logfile"];
        let mut arguments: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        arguments.push(log.as_os_str());
        let ended = bench.sandbox.run(&cage, &built.program, &arguments).map_err(told)?;
        if ended.timed_out {
            return Err(format!("it was stopped after {} s", asked.seconds));
        }
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        Ok(judgement(asked, built, &ended, &log))
    }
}

fn not_started(why: &str) -> Judgement {
    let text = why.chars().take(LONGEST).collect();
    Judgement { outcome: "error".to_owned(), error: Some(Crash { text, ..Crash::default() }), ..Judgement::default() }
}

/// What a run comes to.
fn judgement(asked: &Asked<'_>, built: &Built, ended: &Ended, log: &str) -> Ran {
    let (said, stderr) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    let word = libtest::ended(log, asked.test);
    let panics = libtest::panics(&stderr);
    // A test's own thread panics last: what was caught before it did not fail it.
    let panic = panics.iter().rfind(|panic| panic.thread == asked.test).or(panics.last());
    let place = panic.map(|panic| crash(asked, built, panic));
    let expected = expected(asked);
    let is_fault = place.as_ref().zip(asked.crash).is_some_and(|(place, crash)| crash.is_same(place));
    let outcome = match (word.as_deref(), ended.code) {
        (Some("ok"), Some(0)) if expected && is_fault => "xfailed",
        (Some("ok"), Some(0)) => "passed",
        (Some("failed"), Some(_)) if expected && panic.is_none() => "xpassed",
        (Some("failed"), Some(_)) => "failed",
        (Some("ignored"), _) => "skipped",
        (None, Some(0)) => "missing",
        _ => return Ran { judged: not_started(&died(ended)), entry: None },
    };
    let is_failure = ["failed", "xfailed"].contains(&outcome);
    let error = place.filter(|_| is_failure);
    let is_unreached = |said: &str| UNREACHED.iter().find(|one| said.contains(**one)).map(|one| (*one).to_owned());
    let judged = Judgement {
        outcome: outcome.to_owned(),
        hit: hit(asked, panic, error.as_ref()),
        error,
        seconds: libtest::seconds(&said).unwrap_or(ended.seconds),
        network: is_unreached(&stderr).or_else(|| is_unreached(&said)).into_iter().collect(),
        ..Judgement::default()
    };
    Ran { judged, entry: panic.and_then(|panic| entry(asked, built, panic)) }
}

/// The oldest frame of the product's that the test's own file called.
fn entry(asked: &Asked<'_>, built: &Built, panic: &Panic) -> Option<Crash> {
    let places = panic.frames.iter().map(|frame| (inside(asked.laid, &built.folder, &frame.file), frame.line));
    let mut after = places.skip_while(|(path, _)| path.as_deref() != Some(asked.file));
    let (path, line) = after.find_map(|(path, line)| Some((path.filter(|path| path != asked.file)?, line?)))?;
    Some(Crash { function: function(asked.laid, &path, line), path, line, ..Crash::default() })
}

fn died(ended: &Ended) -> String {
    match ended.signal {
        Some(signal) => format!("the test program died of signal {signal}"),
        None => format!("the test program ended with {}", ended.code.unwrap_or(-1)),
    }
}

/// Whether the test has to panic.
fn expected(asked: &Asked<'_>) -> bool {
    let text = std::fs::read_to_string(asked.laid.folder.join(asked.file)).unwrap_or_default();
    rust_guard::look(&text, &[]).tests.iter().any(|test| test.name == asked.test && test.panics.is_some())
}

/// Where a panic was, as production would tell it: in the last frame that is the repository's.
fn crash(asked: &Asked<'_>, built: &Built, panic: &Panic) -> Crash {
    let own = |frame: &Frame| Some((inside(asked.laid, &built.folder, &frame.file)?, frame.line?));
    let last = panic.frames.iter().rev().find_map(own);
    let place = last.or_else(|| Some((inside(asked.laid, &built.folder, &panic.file)?, panic.line)));
    let (path, line) = place.unwrap_or_else(|| (panic.file.clone(), panic.line));
    // Whatever the source of events calls a panic.
    let kind = asked.crash.map(|crash| crash.r#type.as_str()).filter(|kind| kind.to_lowercase().contains("panic"));
    Crash {
        r#type: kind.unwrap_or("panic").to_owned(),
        function: function(asked.laid, &path, line),
        path,
        line,
        text: panic.message.chars().take(LONGEST).collect(),
        ..Crash::default()
    }
}

/// The function that a line belongs to, named as faults are.
fn function(laid: &Laid, path: &str, line: u32) -> String {
    let bytes = std::fs::read(laid.folder.join(path)).unwrap_or_default();
    match rust_source::shape(&bytes).owner(line, None) {
        Owner::Function(function) => function.name.clone(),
        Owner::Module | Owner::Unknown => crate::model::code_path::MODULE.to_owned(),
    }
}

/// The file of the tree that the compiler means: it names files from the workspace's root, which may lie below the repository's, and
/// backtraces from where the program stands.
fn inside(laid: &Laid, folder: &Path, named: &str) -> Option<String> {
    let named = named.strip_prefix("./").unwrap_or(named);
    let root = laid.folder.canonicalize().ok()?;
    let known = |path: &Path| {
        let path = path.canonicalize().ok()?;
        Some(path.strip_prefix(&root).ok()?.to_str()?.to_owned())
    };
    if Path::new(named).is_absolute() {
        return known(Path::new(named));
    }
    // From where the program stands, and from each folder above it.
    let folder = folder.canonicalize().ok()?;
    folder.ancestors().take_while(|above| above.starts_with(&root)).find_map(|above| known(&above.join(named)))
}

/// Whether the line that failed in production ran: it is where the panic was, or one of its frames stands there.
fn hit(asked: &Asked<'_>, panic: Option<&Panic>, error: Option<&Crash>) -> Option<bool> {
    let crash = asked.crash.filter(|crash| crash.line > 0)?;
    let error = error.filter(|error| crash.is_same(error))?;
    let is_there = panic?.line == crash.line || error.line == crash.line;
    Some(is_there)
}
