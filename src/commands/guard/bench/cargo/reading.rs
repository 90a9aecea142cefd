//! What a run of a test program comes to: how the harness says that the test ended, where the panic handler says that it failed, which lines ran.

use std::collections::BTreeSet;
use std::path::Path;

use super::build::Built;
use super::judge::Asked;
use crate::bridges::sandbox::Ended;
use crate::commands::guard::bench::Laid;
use crate::formats::libtest::{self, Panic};
use crate::formats::{llvm_lines, llvm_profile, rust_guard, rust_source};
use crate::model::code_path::MODULE;
use crate::model::fault::Frame;
use crate::model::guard::{Crash, Judgement};
use crate::model::shape::Owner;

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

/// A run that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Over<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) built: &'a Built,
    pub(super) ended: &'a Ended,
    /// What the harness logged.
    pub(super) log: &'a str,
    /// Where the program could write.
    pub(super) private: &'a Path,
}

/// What it came to.
#[derive(Debug, Clone)]
pub(super) struct Ran {
    pub(super) judged: Judgement,
    /// The product's function that the test called when it panicked.
    pub(super) entry: Option<Crash>,
}

/// A run that never was.
pub(super) fn not_started(why: &str) -> Judgement {
    let text = why.chars().take(LONGEST).collect();
    Judgement { outcome: "error".to_owned(), error: Some(Crash { text, ..Crash::default() }), ..Judgement::default() }
}

impl Over<'_> {
    pub(super) fn ran(&self) -> Ran {
        let (ended, asked) = (self.ended, self.asked);
        let (said, stderr) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        let word = libtest::ended(self.log, asked.test);
        let panics = libtest::panics(&stderr);
        // A test's own thread panics last: what was caught before it did not fail it.
        let panic = panics.iter().rfind(|panic| panic.thread == asked.test).or(panics.last());
        let place = panic.map(|panic| self.crash(panic));
        let (panics, errs) = self.expected();
        let is_fault =
            |place: &Option<Crash>| place.as_ref().zip(asked.crash).is_some_and(|(place, crash)| crash.is_same(place));
        let told = panic.map_or_else(
            || stderr.lines().rfind(|line| line.starts_with("Error: ")).unwrap_or(""),
            |panic| &panic.message,
        );
        let (outcome, error) = match (word.as_deref(), ended.code) {
            (Some("ok"), Some(0)) if panics && is_fault(&place) => ("xfailed", place),
            (Some("ok"), Some(0)) if errs && self.is_returned(None) => ("xfailed", self.returned("")),
            (Some("ok"), Some(0)) => ("passed", None),
            (Some("failed"), Some(_)) if panics && panic.is_none() => ("xpassed", None),
            (Some("failed"), Some(_)) => {
                let is_own = place.as_ref().is_none_or(|place| place.path == asked.file);
                ("failed", if is_own && !errs && self.is_returned(Some(told)) { self.returned(told) } else { place })
            }
            (Some("ignored"), _) => ("skipped", None),
            (None, Some(0)) => ("missing", None),
            _ => return Ran { judged: not_started(&died(ended)), entry: None },
        };
        let is_unreached = |said: &str| UNREACHED.iter().find(|one| said.contains(**one)).map(|one| (*one).to_owned());
        let judged = Judgement {
            outcome: outcome.to_owned(),
            hit: self.hit(panic, error.as_ref()),
            error,
            seconds: libtest::seconds(&said).unwrap_or(ended.seconds),
            network: is_unreached(&stderr).or_else(|| is_unreached(&said)).into_iter().collect(),
            ..Judgement::default()
        };
        Ran { judged, entry: panic.and_then(|panic| self.entry(panic)) }
    }

    /// Whether the test has to panic, and whether it asserts an error.
    fn expected(&self) -> (bool, bool) {
        let text = std::fs::read_to_string(self.asked.laid.folder.join(self.asked.file)).unwrap_or_default();
        let look = rust_guard::look(&text, &[]);
        let own = look.tests.iter().find(|test| test.name == self.asked.test);
        own.map_or((false, false), |test| (test.panics.is_some(), test.errs))
    }

    /// Where a panic was, as production would tell it: in the last frame that is the repository's.
    fn crash(&self, panic: &Panic) -> Crash {
        let own = |frame: &Frame| Some((self.inside(&frame.file)?, frame.line?));
        let last = panic.frames.iter().rev().find_map(own);
        let place = last.or_else(|| Some((self.inside(&panic.file)?, panic.line)));
        let (path, line) = place.unwrap_or_else(|| (panic.file.clone(), panic.line));
        // Whatever the source of events calls a panic.
        let kind = self.asked.crash.filter(|crash| is_panic(crash)).map(|crash| crash.r#type.as_str());
        Crash {
            r#type: kind.unwrap_or("panic").to_owned(),
            function: function(self.asked.laid, &path, line),
            path,
            line,
            text: panic.message.chars().take(LONGEST).collect(),
            ..Crash::default()
        }
    }

    /// The oldest frame of the product's that the test's own file called.
    fn entry(&self, panic: &Panic) -> Option<Crash> {
        let file = self.asked.file;
        let places = panic.frames.iter().map(|frame| (self.inside(&frame.file), frame.line));
        let mut after = places.skip_while(|(path, _)| path.as_deref() != Some(file));
        let (path, line) = after.find_map(|(path, line)| Some((path.filter(|path| path != file)?, line?)))?;
        Some(Crash { function: function(self.asked.laid, &path, line), path, line, ..Crash::default() })
    }

    /// Whether the fault is an error that was returned, and came back to the test: it has run where production failed, and what the test says of
    /// it, if it says something of an error, is of its type. A returned error has no place of its own.
    fn is_returned(&self, told: Option<&str>) -> bool {
        let Some(crash) = self.asked.crash.filter(|crash| !is_panic(crash) && !crash.r#type.is_empty()) else {
            return false;
        };
        let kind = crash.r#type.rsplit([':', '.']).next().unwrap_or_default();
        let is_of_it = told.is_none_or(|told| told.contains(kind) || !told.contains("Err"));
        is_of_it
            && self.lines(&crash.path).is_some_and(|lines| {
                if crash.line > 0 {
                    return lines.contains(&crash.line);
                }
                lines.iter().any(|line| function(self.asked.laid, &crash.path, *line) == crash.function)
            })
    }

    fn returned(&self, told: &str) -> Option<Crash> {
        let text = told.chars().take(LONGEST).collect();
        self.asked.crash.map(|crash| Crash { text, ..crash.clone() })
    }

    /// Whether the line that failed in production ran: it is where the panic was, or its counters say so.
    fn hit(&self, panic: Option<&Panic>, error: Option<&Crash>) -> Option<bool> {
        let crash = self.asked.crash.filter(|crash| crash.line > 0)?;
        let is_there = error.is_some_and(|error| {
            crash.is_same(error) && (error.line == crash.line || panic.is_some_and(|panic| panic.line == crash.line))
        });
        if is_there {
            return Some(true);
        }
        self.lines(&crash.path).map(|lines| lines.contains(&crash.line))
    }

    /// The lines of a file that ran; nothing where the counters do not say.
    fn lines(&self, path: &str) -> Option<BTreeSet<u32>> {
        let program = std::fs::read(&self.built.program).ok()?;
        let profiles = std::fs::read_dir(self.private).ok()?.flatten().map(|entry| entry.path());
        let profiles = profiles.filter(|path| path.extension().is_some_and(|ending| ending == "profraw"));
        let mut lines = BTreeSet::new();
        for profile in profiles {
            let counters = llvm_profile::counters(&std::fs::read(profile).ok()?).ok()?;
            let is_wanted = |named: &str| self.inside(named).as_deref() == Some(path);
            lines.extend(llvm_lines::lines_run(&program, &counters, &is_wanted).ok()?);
        }
        Some(lines)
    }

    /// The file of the tree that the compiler means: it names files from the workspace's root, which may lie below the repository's, and
    /// backtraces from where the program stands.
    fn inside(&self, named: &str) -> Option<String> {
        let named = named.strip_prefix("./").unwrap_or(named);
        let root = self.asked.laid.folder.canonicalize().ok()?;
        let known = |path: &Path| {
            let path = path.canonicalize().ok()?;
            Some(path.strip_prefix(&root).ok()?.to_str()?.to_owned())
        };
        if Path::new(named).is_absolute() {
            return known(Path::new(named));
        }
        // From where the program stands, and from each folder above it.
        let folder = self.built.folder.canonicalize().ok()?;
        folder.ancestors().take_while(|above| above.starts_with(&root)).find_map(|above| known(&above.join(named)))
    }
}

/// Whether production panicked, and did not report an error that somebody had in hand.
fn is_panic(crash: &Crash) -> bool {
    crash.r#type.to_lowercase().contains("panic")
}

fn died(ended: &Ended) -> String {
    match ended.signal {
        Some(signal) => format!("the test program died of signal {signal}"),
        None => format!("the test program ended with {}", ended.code.unwrap_or(-1)),
    }
}

/// The function that a line belongs to, named as faults are.
fn function(laid: &Laid, path: &str, line: u32) -> String {
    let bytes = std::fs::read(laid.folder.join(path)).unwrap_or_default();
    match rust_source::shape(&bytes).owner(line, None) {
        Owner::Function(function) => function.name.clone(),
        Owner::Module | Owner::Unknown => MODULE.to_owned(),
    }
}
