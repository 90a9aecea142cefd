//! One run of one test: the program in a sandbox of its own, in which even the target folder can only be read; what its harness and the panic
//! handler said is what is judged.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use super::Tool;
use super::build::{Built, NotBuilt};
use super::reading::{Over, Ran, not_started};
use crate::bridges::sandbox::Cage;
use crate::bridges::workspace;
use crate::commands::guard::bench::{Bench, Laid, MEMORY, Surroundings};
use crate::formats::rust_stub;
use crate::formats::workbench_v1::Stub;
use crate::model::guard::{Crash, Judgement};

/// What a run is called that could not be, as no such stub compiles.
pub(super) const LEFT_OUT: &str = "left-out";
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
    /// noticed only as the product itself panics at it, or none fits the target's type, what the test calls itself has to be noticed.
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
        let entry = if ran.judged.outcome == LEFT_OUT && stub.with == "default" {
            // Where it panics, the backtrace tells by which function it was reached.
            self.stubbed(bench, asked, stub.module, stub.name, (line, "raise"))?.0.entry
        } else {
            ran.entry.clone().filter(|_| at > 0 && by_panic)
        };
        let Some(entry) = entry.filter(|entry| entry.function != stub.name || entry.path != stub.module) else {
            return Ok(ran.judged);
        };
        let (outer, _) = self.stubbed(bench, asked, &entry.path, &entry.function, (entry.line, stub.with))?;
        Ok(if outer.judged.outcome == LEFT_OUT { ran.judged } else { outer.judged })
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
            if let Ok(ran) = &ran
                && ran.judged.error.as_ref().is_some_and(|error| error.text.contains(rust_stub::RIGHT))
            {
                let judged = Judgement { outcome: LEFT_OUT.to_owned(), ..Judgement::default() };
                last = Ok((Ran { judged, entry: None }, at));
                break;
            }
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
        let over = Over { asked, built, ended: &ended, log: &log, private: private.path() };
        Ok(over.ran())
    }
}
