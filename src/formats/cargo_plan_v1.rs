//! `cargo_plan_v1`: what titer tells the program that stands between cargo and what cargo starts.
//!
//! Lines of fields with a tab between them, so that a program without a library for JSON reads it in no time.

use crate::model::shard::Share;

/// The number of this format.
pub const VERSION: u32 = 1;

/// The plan file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CargoPlan<'a> {
    /// Whether every test runs in a process of its own, to record what it runs; else the user's own run.
    pub record: bool,
    /// The file tracer, if it is to be loaded into test programs.
    pub trace: Option<Trace<'a>>,
    /// In a record, how many tests run at a time.
    pub jobs: usize,
    /// In a record, the seconds after which a test is ended.
    pub limit: u32,
    /// What the plan was made for, where something else starts cargo: under anything else it does not hold.
    pub world: Option<World<'a>>,
    /// The test programs that titer knows.
    pub programs: Vec<Program<'a>>,
    /// The documentation tests that titer knows.
    pub docs: Vec<Doc<'a>>,
    /// Which shard of several this is. Units of other shards are left out by every call of `cargo test`.
    pub shard: Option<&'a Share>,
    /// What is left out, by call of cargo; the first that matches counts.
    pub calls: Vec<Call<'a>>,
}

/// The toolchain, and the variables that can change how a test ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct World<'a> {
    /// Names of variables that count.
    pub names: Vec<&'a str>,
    /// Beginnings of names that count.
    pub beginnings: Vec<&'a str>,
    /// Names that begin so and do not count.
    pub idle: Vec<&'a str>,
    /// Those that are set, with their values.
    pub variables: Vec<(&'a str, &'a str)>,
    /// The folder that cargo's own program lies in.
    pub toolchain: &'a str,
}

/// The file tracer's library, and where it writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace<'a> {
    /// The library.
    pub library: &'a str,
    /// The folder of its arena.
    pub folder: &'a str,
    /// The folders it speaks about.
    pub roots: Vec<&'a str>,
}

/// The harness of a test program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harness {
    /// That of rustc.
    Libtest,
    /// libtest-mimic and what is built on it.
    Mimic,
    /// Any other: the program is one test.
    Plain,
}

impl Harness {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Libtest => "libtest",
            Self::Mimic => "mimic",
            Self::Plain => "plain",
        }
    }
}

/// A test program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program<'a> {
    /// The unit that it is.
    pub unit: &'a str,
    /// Its harness.
    pub harness: Harness,
    /// The folder of its package's manifest, absolute.
    pub manifest: &'a str,
    /// `lib`, `bin`, `test`, `example` or `bench`.
    pub kind: &'a str,
    /// The crate's name as rustc knows it.
    pub crate_name: &'a str,
    /// The file of the crate's root, absolute.
    pub source: &'a str,
}

/// The documentation tests of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doc<'a> {
    /// The unit that they are.
    pub unit: &'a str,
    /// The package's name.
    pub package: &'a str,
    /// The library's name as rustc knows it.
    pub crate_name: &'a str,
}

/// What one call of cargo leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Call<'a> {
    /// cargo's arguments and the folder it stands in; none matches every call.
    pub only: Option<(Vec<&'a str>, &'a str)>,
    /// Units and the test's name in them; no name where the unit is one test.
    pub out: Vec<(&'a str, Option<&'a str>)>,
}

/// The file's bytes.
#[must_use]
pub fn write(plan: &CargoPlan<'_>) -> Vec<u8> {
    let mut text = String::new();
    line(&mut text, &["titer-cargo-plan", &VERSION.to_string()]);
    line(&mut text, &["mode", if plan.record { "record" } else { "run" }]);
    if let Some(trace) = &plan.trace {
        line(&mut text, &[&["trace", trace.library, trace.folder], trace.roots.as_slice()].concat());
    }
    if plan.record {
        line(&mut text, &["jobs", &plan.jobs.to_string()]);
        line(&mut text, &["limit", &plan.limit.to_string()]);
    }
    if let Some(world) = &plan.world {
        for (kind, names) in [("names", &world.names), ("beginnings", &world.beginnings), ("idle", &world.idle)] {
            line(&mut text, &[&["counting", kind], names.as_slice()].concat());
        }
        for (name, value) in &world.variables {
            line(&mut text, &["variable", name, value]);
        }
        line(&mut text, &["toolchain", world.toolchain]);
    }
    for Program { unit, harness, manifest, kind, crate_name, source } in &plan.programs {
        line(&mut text, &["program", unit, harness.name(), manifest, kind, crate_name, source]);
    }
    for Doc { unit, package, crate_name } in &plan.docs {
        line(&mut text, &["doc", unit, package, crate_name]);
    }
    if let Some(Share { shard, owners, .. }) = plan.shard {
        line(&mut text, &["shard", &shard.index.to_string(), &shard.of.to_string()]);
        for (unit, owner) in owners.iter().filter(|(unit, _)| unit.starts_with("cargo::")) {
            line(&mut text, &["owner", unit, &owner.to_string()]);
        }
    }
    for call in &plan.calls {
        match &call.only {
            Some((words, folder)) => {
                line(&mut text, &[&["call"], words.as_slice()].concat());
                line(&mut text, &["cwd", folder]);
            }
            None => line(&mut text, &["call", "*"]),
        }
        for (unit, name) in &call.out {
            match name {
                Some(name) => line(&mut text, &["out", unit, name]),
                None => line(&mut text, &["out", unit]),
            }
        }
    }
    text.into_bytes()
}

fn line(text: &mut String, fields: &[&str]) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            text.push('\t');
        }
        for letter in field.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '\t' => text.push_str("\\t"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                other => text.push(other),
            }
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::shard::Shard;

    #[test]
    fn every_kind_of_line_is_written_with_its_fields_escaped() {
        let owners = ["cargo::app::doc", "pytest::a.py::b"].map(|unit| (unit.to_owned(), 3));
        let share = Share { shard: Shard { index: 2, of: 4 }, owners: owners.into(), list: None, by_runner: false };
        let plan = CargoPlan {
            world: None,
            record: true,
            trace: Some(Trace { library: "/l.so", folder: "/t", roots: vec!["/a b", "/c"] }),
            jobs: 2,
            limit: 60,
            programs: vec![Program {
                unit: "app::lib",
                harness: Harness::Mimic,
                manifest: "/w/app",
                kind: "lib",
                crate_name: "app",
                source: "/w/app/src/lib.rs",
            }],
            docs: vec![Doc { unit: "app::doc", package: "app", crate_name: "app" }],
            shard: Some(&share),
            calls: vec![
                Call { only: Some((vec!["test", "a\tb\\c\nd\r"], "/w")), out: vec![("app::lib", Some("mod::name"))] },
                Call { only: None, out: vec![("app::doc", None)] },
            ],
        };
        let lines = [
            "titer-cargo-plan\t1",
            "mode\trecord",
            "trace\t/l.so\t/t\t/a b\t/c",
            "jobs\t2",
            "limit\t60",
            "program\tapp::lib\tmimic\t/w/app\tlib\tapp\t/w/app/src/lib.rs",
            "doc\tapp::doc\tapp\tapp",
            "shard\t2\t4",
            "owner\tcargo::app::doc\t3",
            "call\ttest\ta\\tb\\\\c\\nd\\r",
            "cwd\t/w",
            "out\tapp::lib\tmod::name",
            "call\t*",
            "out\tapp::doc",
            "",
        ];
        assert_eq!(String::from_utf8(write(&plan)), Ok(lines.join("\n")));
    }
}
