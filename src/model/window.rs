//! What a runner's process told about itself: the raw material of footprints, in no runner's own words.

use std::collections::{BTreeMap, BTreeSet};

use super::unit::Units;

/// The span of time that something recorded belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WindowKind {
    /// Everything outside the others.
    Process,
    /// Module-level code of one first-party file.
    Import,
    /// Collection of one test file or folder.
    Collect,
    /// A fixture that outlives one test.
    Fixture,
    /// One test with its setup and teardown.
    Test,
}

/// A code object of a first-party file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// The file.
    pub path: String,
    /// Its first line, from 1; 0 where the whole file is meant.
    pub line: u32,
    /// Its qualified name, where the interpreter tells it; `*` is the whole file.
    pub qualified: Option<String>,
}

/// One window and what was seen in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What sort of window.
    pub kind: WindowKind,
    /// A test's id, a fixture's name, a file; empty for the process.
    pub name: String,
    /// Its number in its process.
    pub number: u64,
    /// Code that ran, as (code, nearest first-party caller), both indices into [`Trace::codes`].
    pub codes: BTreeSet<(u32, Option<u32>)>,
    /// Files read.
    pub reads: BTreeSet<String>,
    /// Folders listed.
    pub lists: BTreeSet<String>,
    /// Files written before they were read.
    pub wrote: BTreeSet<String>,
    /// Paths whose existence or kind was asked for.
    pub probed: BTreeSet<String>,
    /// Paths, without what may follow, at which modules were looked for.
    pub places: BTreeSet<String>,
    /// Variables of the environment that were asked for.
    pub variables: BTreeSet<String>,
    /// What could not be traced in it.
    pub opaque: BTreeSet<String>,
    /// Programs and processes started in it: opaque, unless the file tracer saw what they did.
    pub started: BTreeSet<String>,
    /// Programs that said to the file tracer that they run in it: process and absolute path.
    pub programs: BTreeSet<(u32, String)>,
    /// Processes that told which functions they ran, where each told by itself.
    pub counted: BTreeSet<u32>,
    /// Folders listed and source files opened by the import system, by the runner's own search for tests, for a traceback: what
    /// the file tracer saw of them is no edge.
    pub ignored: BTreeSet<String>,
    /// Numbers under which the file tracer may have seen what belongs to this window.
    pub parts: BTreeSet<u64>,
    /// Which code (index into [`Trace::codes`], or none of ours) read, listed or started what.
    pub by: BTreeSet<(String, Option<u32>)>,
    /// Numbers of the wide fixture windows used in it.
    pub uses: BTreeSet<u64>,
    /// Module nodes imported in it by nobody of a module, or asked for by name.
    pub imports: BTreeSet<u32>,
    /// Modules that functions asked for.
    pub asked: BTreeSet<Ask>,
    /// (folder, name) pairs that imports by nobody of a module looked at.
    pub probes: BTreeSet<(String, String)>,
    /// Whether it ended as it should.
    pub closed: bool,
}

impl Window {
    /// An empty window.
    #[must_use]
    pub fn new(kind: WindowKind, name: &str, number: u64) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            number,
            codes: BTreeSet::new(),
            reads: BTreeSet::new(),
            lists: BTreeSet::new(),
            wrote: BTreeSet::new(),
            probed: BTreeSet::new(),
            places: BTreeSet::new(),
            variables: BTreeSet::new(),
            opaque: BTreeSet::new(),
            started: BTreeSet::new(),
            programs: BTreeSet::new(),
            counted: BTreeSet::new(),
            ignored: BTreeSet::new(),
            parts: BTreeSet::new(),
            by: BTreeSet::new(),
            uses: BTreeSet::new(),
            imports: BTreeSet::new(),
            asked: BTreeSet::new(),
            probes: BTreeSet::new(),
            closed: true,
        }
    }
}

/// A function asked for modules: an import within it, or `import_module`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ask {
    /// The module node of the function's file.
    pub file: u32,
    /// The module nodes that it got; none where there was no such module.
    pub modules: BTreeSet<u32>,
    /// Code (indexes into [`Trace::codes`]) that was under way: the function and its callers.
    pub under_way: BTreeSet<u32>,
    /// What of it a library called, where one did: it may keep what it got.
    pub called: BTreeSet<u32>,
}

/// A module of the import graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Module {
    /// The first-party file, or `=dotted.name` of a module from elsewhere.
    pub name: String,
    /// Modules that it imported.
    pub imports: BTreeSet<u32>,
    /// (folder, name) pairs that its imports looked at.
    pub probes: BTreeSet<(String, String)>,
}

impl Module {
    /// The first-party file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        if self.name.starts_with('=') { None } else { Some(&self.name) }
    }
}

/// One attempt at a test, from its phases.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// The test.
    pub test: String,
    /// `setup`, `call`, `teardown`, or what a runner says instead (a crash).
    pub when: String,
    /// `passed`, `failed` or `skipped`.
    pub outcome: String,
    /// Whether the test is expected to fail.
    pub xfail: bool,
    /// How long it took.
    pub seconds: f64,
    /// Who ran it.
    pub worker: String,
}

/// What the runner found out about itself before the first test.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is another answer of the runner")]
pub struct Session {
    /// The runner's project root, from the repository's root.
    pub project: String,
    /// The runner's configuration file, from the repository's root.
    pub configuration: Option<String>,
    /// The digest of `variant_v1`.
    pub variant: String,
    /// The canonical JSON of `variant_v1`.
    pub inputs: String,
    /// Why nothing was left out, if so.
    pub whole: Option<String>,
    /// Whether the command line asks for an output file.
    pub writes: bool,
    /// Whether coverage is measured.
    pub coverage: bool,
    /// Whether files of the project are used in copies that were installed outside the tree.
    pub copies: bool,
    /// Whether tests were only listed.
    pub collect_only: bool,
    /// The interpreter and the folders that decide about the installed packages.
    pub interpreter: String,
    /// Folders whose listing is the list of installed packages.
    pub sites: Vec<String>,
    /// The runner's name, where its tests depend on units.
    pub runner: String,
    /// The runner's own command line and folder (from the root), where something else started it.
    pub call: Option<(Vec<String>, String)>,
}

/// Everything one process of a runner told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// The process.
    pub pid: i64,
    /// Empty, `controller`, or a worker's name.
    pub worker: String,
    /// How it recorded (`none` if it did not).
    pub collector: String,
    /// Whether the file tracer answered in it.
    pub traced: bool,
    /// Where the programs lie of which it told what ran in them, if it told of functions.
    pub counted: Option<String>,
    /// Where functions begin of which it could have told that they ran: lines, by the path.
    pub countable: BTreeMap<String, BTreeSet<u32>>,
    /// The runner's process and the number of its window that started this process, if it is no runner itself.
    pub child_of: Option<(i64, u64)>,
    /// The process whose worker it is, where that one speaks for it.
    pub caller: Option<i64>,
    /// Which thread of its process it is; 0 for the first.
    pub thread: u32,
    /// Source that a compiler looked at for whatever it compiles; the empty name stands for the list of all such files.
    pub types: BTreeSet<String>,
    /// Names of windows that vouch for nothing: the user's own pattern may have kept tests out, or the runner fails of something
    /// else in the file.
    pub unsound: BTreeSet<String>,
    /// Tests that must run again, however they ended: the runner failed of what is no test.
    pub again: BTreeSet<String>,
    /// Present once the runner was configured.
    pub session: Option<Session>,
    /// Ids after the user's own filters, in order.
    pub collected: Option<Vec<String>>,
    /// Test files collected.
    pub files: Vec<String>,
    /// Whether the user's own filters (or a node id on the command line) may have kept tests of those files out.
    pub filtered: bool,
    /// Collection errors.
    pub errors: u64,
    /// Tests begun, in order.
    pub started: Vec<String>,
    /// Tests whose teardown is over.
    pub finished: BTreeSet<String>,
    /// Reports.
    pub phases: Vec<Phase>,
    /// Code objects.
    pub codes: BTreeMap<u32, Code>,
    /// Modules.
    pub modules: BTreeMap<u32, Module>,
    /// Windows, in the order in which they first showed up.
    pub windows: Vec<Window>,
    /// What is wrong with the recording; empty if nothing.
    pub unhealthy: Vec<String>,
    /// How the project is built, where a runner tells it: its tests then depend on units and not on what was imported.
    pub units: Units,
    /// Processes that are windows of their own, by the number of that window.
    pub alone: BTreeMap<i64, u64>,
    /// Whether the runner ended before it had come to all of its test programs.
    pub cut_short: bool,
    /// The exit code it meant to end with; `None` if it never came to its end.
    pub exit: Option<i64>,
    /// Lines that could not be read.
    pub torn_lines: u64,
}

impl Trace {
    /// Whether the last attempt at a test did not fail.
    #[must_use]
    pub fn passed_at_last(&self, test: &str) -> bool {
        let mut last = self.phases.iter().rev().filter(|phase| phase.test == test);
        last.next().is_some_and(|phase| phase.outcome != "failed")
    }
}
