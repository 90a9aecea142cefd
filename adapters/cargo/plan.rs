//! What titer tells us: `cargo_plan_v1`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::shard::Shard;
use crate::start;

const HEAD: &str = "titer-cargo-plan\t1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harness {
    /// The test harness of rustc.
    Libtest,
    /// libtest-mimic and what is built on it: the same options, but only one name.
    Mimic,
    /// Anything else: one test.
    Plain,
}

impl Harness {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Libtest => "libtest",
            Self::Mimic => "mimic",
            Self::Plain => "plain",
        }
    }
}

/// A test program that titer knows.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) unit: String,
    pub(crate) harness: Harness,
    pub(crate) manifest: PathBuf,
    pub(crate) kind: String,
    pub(crate) crate_name: String,
    pub(crate) source: PathBuf,
}

/// The documentation tests of a package.
#[derive(Debug)]
pub(crate) struct Doc {
    pub(crate) unit: String,
    pub(crate) package: String,
    pub(crate) crate_name: String,
}

/// The file tracer: its library, and what TITER_TRACE says behind process and window.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) library: OsString,
    pub(crate) places: String,
}

#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) folder: PathBuf,
    pub(crate) record: bool,
    pub(crate) trace: Option<Trace>,
    pub(crate) jobs: usize,
    pub(crate) limit: f64,
    pub(crate) programs: Vec<Program>,
    pub(crate) docs: Vec<Doc>,
    /// What the plan was made for, where something else starts cargo.
    world: Option<World>,
    /// Which shard of several this is.
    shard: Option<Shard>,
    /// Unit and inner name (empty for a unit that is left out as a whole).
    out: BTreeSet<(String, String)>,
    /// The cargo that started us: its words, and where it stands.
    pub(crate) call: Call,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Call {
    pub(crate) words: Vec<String>,
    pub(crate) folder: PathBuf,
}

impl Call {
    /// Our parent process, where the system tells.
    fn of_parent() -> Self {
        let parent = PathBuf::from(format!("/proc/{}", std::os::unix::process::parent_id()));
        let line = fs::read(parent.join("cmdline")).unwrap_or_default();
        let words = line.strip_suffix(b"\0").unwrap_or(&line).split(|&byte| byte == 0);
        let words = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        Self { words, folder: fs::read_link(parent.join("cwd")).unwrap_or_default() }
    }

    /// What the user gave to cargo.
    fn arguments(&self) -> &[String] {
        match self.words.get(1..) {
            Some([first, rest @ ..]) if first.starts_with('+') => rest,
            Some(all) => all,
            None => &[],
        }
    }

    /// Whether it is cargo itself that runs tests.
    fn runs_tests(&self) -> bool {
        let name = self.words.first().and_then(|word| Path::new(word).file_name());
        let is_test = |word: &String| word == "test" || word == "t";
        name.is_some_and(|name| name == "cargo") && self.arguments().first().is_some_and(is_test)
    }

    fn is(&self, section: &Section) -> bool {
        section.any
            || (!self.words.is_empty()
                && self.arguments() == section.words
                && section.folder.as_ref().is_some_and(|folder| same_place(folder, &self.folder)))
    }
}

fn same_place(one: &Path, other: &Path) -> bool {
    one == other || fs::canonicalize(one).is_ok_and(|one| one == other)
}

/// The toolchain, and the variables that can change how a test ends. A script may have set others for the cargo that started us.
#[derive(Debug, Default)]
struct World {
    names: Vec<String>,
    beginnings: Vec<String>,
    /// Of those that begin so, the ones that do not count.
    idle: Vec<String>,
    variables: BTreeMap<String, String>,
    toolchain: Option<PathBuf>,
}

impl World {
    fn is_this(&self) -> bool {
        let mut here: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let cargo = here.get(OsStr::new("CARGO")).map(PathBuf::from);
        for (name, value) in start::restored() {
            match value {
                Some(value) => here.insert(name, value),
                None => here.remove(&name),
            };
        }
        let counts = |name: &str| {
            let begins = self.beginnings.iter().any(|beginning| name.starts_with(beginning));
            self.names.iter().any(|other| other == name) || (begins && !self.idle.iter().any(|other| other == name))
        };
        let here: BTreeMap<String, String> = here
            .iter()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .filter(|(name, value)| counts(name) && !value.is_empty())
            .collect();
        let same_toolchain = match (&self.toolchain, cargo) {
            (Some(folder), Some(cargo)) => fs::canonicalize(&cargo).unwrap_or(cargo).starts_with(folder),
            // cargo always says where it is.
            (Some(_), None) => false,
            (None, _) => true,
        };
        here == self.variables && same_toolchain
    }
}

#[derive(Debug, Default)]
struct Section {
    any: bool,
    words: Vec<String>,
    folder: Option<PathBuf>,
    out: BTreeSet<(String, String)>,
}

impl Plan {
    /// The plan of this run, if there is one that we understand.
    pub(crate) fn find() -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os("TITER_CARGO").filter(|value| !value.is_empty())?);
        let text = fs::read_to_string(folder.join("plan")).ok()?;
        Self::read(folder, &text, Call::of_parent()).filter(|plan| plan.world.as_ref().is_none_or(World::is_this))
    }

    fn read(folder: PathBuf, text: &str, call: Call) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return None;
        }
        let mut plan = Self { folder, jobs: 1, limit: 60.0, call, ..Self::default() };
        let mut sections: Vec<Section> = Vec::new();
        for line in lines {
            let fields: Vec<String> = line.split('\t').map(unescaped).collect();
            plan.take(&fields, &mut sections);
        }
        if let Some(section) = sections.into_iter().find(|section| plan.call.is(section)) {
            plan.out = section.out;
        }
        // Where something else started it, it may be another tool, which takes a test that it started for one that ran.
        if plan.world.is_some() && !plan.call.runs_tests() {
            plan.shard = None;
        }
        Some(plan)
    }

    fn take(&mut self, fields: &[String], sections: &mut Vec<Section>) {
        let words: Vec<&str> = fields.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["mode", mode] => self.record = *mode == "record",
            ["trace", library, places @ ..] => {
                self.trace = Some(Trace { library: library.into(), places: places.join("\n") });
            }
            ["counting", kind, names @ ..] => {
                let names = names.iter().map(|&name| name.to_owned()).collect();
                let world = self.world.get_or_insert_default();
                match *kind {
                    "names" => world.names = names,
                    "beginnings" => world.beginnings = names,
                    _ => world.idle = names,
                }
            }
            ["variable", name, value] => {
                let world = self.world.get_or_insert_default();
                world.variables.insert((*name).to_owned(), (*value).to_owned());
            }
            ["toolchain", folder] => self.world.get_or_insert_default().toolchain = Some(folder.into()),
            ["jobs", count] => self.jobs = count.parse().unwrap_or(1).max(1),
            ["limit", seconds] => self.limit = seconds.parse().unwrap_or(60.0),
            ["program", unit, harness, manifest, kind, crate_name, source] => self.programs.push(Program {
                unit: (*unit).to_owned(),
                harness: match *harness {
                    "libtest" => Harness::Libtest,
                    "mimic" => Harness::Mimic,
                    _ => Harness::Plain,
                },
                manifest: manifest.into(),
                kind: (*kind).to_owned(),
                crate_name: (*crate_name).to_owned(),
                source: source.into(),
            }),
            ["doc", unit, package, crate_name] => self.docs.push(Doc {
                unit: (*unit).to_owned(),
                package: (*package).to_owned(),
                crate_name: (*crate_name).to_owned(),
            }),
            ["call", words @ ..] => sections.push(Section {
                any: words == ["*"],
                words: words.iter().map(|&word| word.to_owned()).collect(),
                ..Section::default()
            }),
            ["shard", index, of] => self.shard = Shard::read(index, of),
            ["owner", unit, owner] => {
                if let Some(shard) = &mut self.shard {
                    shard.owners.insert((*unit).to_owned(), owner.parse().unwrap_or_default());
                }
            }
            ["cwd", folder] => {
                if let Some(section) = sections.last_mut() {
                    section.folder = Some(folder.into());
                }
            }
            ["out", unit, name @ ..] => {
                if let Some(section) = sections.last_mut() {
                    section.out.insert(((*unit).to_owned(), name.first().copied().unwrap_or_default().to_owned()));
                }
            }
            _ => {}
        }
    }

    /// Whether this test (no inner name: this whole unit) is left out.
    pub(crate) fn leaves_out(&self, unit: &str, name: &str) -> bool {
        self.out.contains(&(unit.to_owned(), name.to_owned()))
            || self.shard.as_ref().is_some_and(|shard| !shard.is_own(unit, name))
    }
}

fn unescaped(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('t') => text.push('\t'),
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    text
}
