//! A command that was started, and how it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use super::Repository;

static COUNT: AtomicU32 = AtomicU32::new(0);
const PATIENCE: Duration = Duration::from_mins(3);

/// One report as the witness plugin wrote it.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// pytest's own node id.
    pub id: String,
    /// `setup`, `call`, `teardown`, `collect`, or what xdist says of a crash.
    pub when: String,
    /// `passed`, `failed` or `skipped`.
    pub outcome: String,
}

/// A command that still runs, in a process group of its own.
pub struct Going {
    child: Child,
    stem: PathBuf,
}

impl Going {
    /// Starts it with its output in files: a pipe held by an orphan would keep us waiting.
    pub fn start(repository: &Repository, mut command: Command) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let stem = repository.beside("out").join(number.to_string());
        command.env("WITNESS_FILE", stem.with_extension("witness"));
        command.stdin(Stdio::null()).process_group(0);
        command.stdout(File::create(stem.with_extension("out")).unwrap());
        command.stderr(File::create(stem.with_extension("err")).unwrap());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, stem }
    }

    /// Its process id, which is also its group's.
    pub fn id(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Sends a signal to it alone.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id()), signal).unwrap();
    }

    /// Sends a signal to its whole group, as a terminal does.
    pub fn signal_group(&self, signal: Signal) {
        kill(Pid::from_raw(-self.id()), signal).unwrap();
    }

    /// Waits until a file exists, which a test of the guest writes.
    pub fn until(&mut self, path: &std::path::Path) {
        let begun = Instant::now();
        while !path.exists() {
            let over = self.child.try_wait().unwrap().is_some();
            assert!(!over && begun.elapsed() < PATIENCE, "{} never came: {:?}", path.display(), self.gather(None));
            sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end; one that hangs is killed and fails the test.
    pub fn wait(mut self) -> Ending {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.gather(Some(status));
            }
            if begun.elapsed() > PATIENCE {
                let _ = kill(Pid::from_raw(-self.id()), Signal::SIGKILL);
                panic!("did not end: {:?}", self.gather(None));
            }
            sleep(Duration::from_millis(3));
        }
    }

    fn gather(&self, status: Option<ExitStatus>) -> Ending {
        let text = |kind: &str| {
            String::from_utf8_lossy(&fs::read(self.stem.with_extension(kind)).unwrap_or_default()).into_owned()
        };
        let reports = text("witness").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Ending {
            code: status.and_then(|status| status.code()),
            signal: status.and_then(|status| status.signal()),
            stdout: text("out"),
            stderr: text("err"),
            reports,
        }
    }
}

/// How a command ended, what it said, and which tests it really ran.
#[derive(Debug)]
pub struct Ending {
    /// The exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// What the witness saw.
    pub reports: Vec<Report>,
}

impl Ending {
    /// The tests that were set up, or whose collection failed.
    pub fn ran(&self) -> BTreeSet<String> {
        self.reports.iter().map(|report| report.id.clone()).collect()
    }

    /// The tests (or files that could not be collected) that failed in any phase.
    pub fn failing(&self) -> BTreeSet<String> {
        self.reports.iter().filter(|report| report.outcome == "failed").map(|report| report.id.clone()).collect()
    }

    /// How often each test was set up.
    pub fn times(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for report in self.reports.iter().filter(|report| report.when == "setup") {
            *times.entry(report.id.clone()).or_insert(0) += 1;
        }
        times
    }

    /// titer's warning lines.
    pub fn warnings(&self) -> Vec<&str> {
        self.stderr.lines().filter(|line| line.starts_with("titer: warning:")).collect()
    }

    /// Fails unless exactly these tests ran, each once.
    #[track_caller]
    pub fn ran_only(&self, tests: &[&str]) -> &Self {
        let wanted: BTreeMap<String, usize> = tests.iter().map(|test| ((*test).to_owned(), 1)).collect();
        assert_eq!(self.times(), wanted, "\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Fails unless it exited with this code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!((self.code, self.signal), (Some(code), None), "\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Fails unless titer warned in exactly one line.
    #[track_caller]
    pub fn warns_once(&self) -> &Self {
        assert_eq!(self.warnings().len(), 1, "\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Fails if titer warned.
    #[track_caller]
    pub fn warns_never(&self) -> &Self {
        assert!(self.warnings().is_empty(), "\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

/// Fails unless it exited with this code and said all of this, on whichever stream.
#[track_caller]
pub fn says(ending: &Ending, code: i32, parts: &[&str]) {
    let all = format!("{}{}", ending.stdout, ending.stderr);
    assert_eq!(ending.code, Some(code), "{all}");
    for part in parts {
        assert!(all.contains(part), "{part:?} is not in\n{all}");
    }
}

/// Whether whoever started the tests has it that this signal ends nothing: a background job of a shell ignores interrupts.
pub fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    let mask = mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
    mask & (1 << (signal as i32 - 1)) != 0
}
