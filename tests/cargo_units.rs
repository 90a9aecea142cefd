//! Real workspaces, built by the real cargo: which unit every file belongs to.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and it starts programs"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use titer::bridges::disk;
use titer::bridges::process;
use titer::bridges::runners::cargo::project::{self, Harness, Programs};
use titer::bridges::runners::cargo::units::{self, Question};
use titer::decide::layout::is_idle;
use titer::formats::rust_source::Inclusions;
use titer::model::edge::{EdgeKind, Target};
use titer::model::unit::{Unit, Units};

/// A repository with a workspace in it, and what stands beside.
struct Place {
    _folder: tempfile::TempDir,
    root: PathBuf,
    /// The folder of the workspace, from the repository's root.
    workspace: &'static str,
}

impl Place {
    fn new(workspace: &'static str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("repository");
        fs::create_dir_all(root.join(workspace)).unwrap();
        let place = Self { _folder: folder, root, workspace };
        for (path, text) in files {
            place.write(path, text);
        }
        place
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn build(&self, words: &[&str]) {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--no-run", "-q"]).args(words).current_dir(self.root.join(self.workspace));
        cargo.env_remove("CARGO_TARGET_DIR").env("CARGO_INCREMENTAL", "0");
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn cargo(&self, arguments: &[&str]) -> std::io::Result<Vec<u8>> {
        // The tests' own cargo may have been told of another folder for what it builds.
        let arguments: Vec<&str> =
            ["-u", "CARGO_TARGET_DIR", "cargo"].into_iter().chain(arguments.iter().copied()).collect();
        process::capture("env", &arguments, &self.root.join(self.workspace), &[])
    }

    fn programs(&self) -> Programs {
        project::programs(&|arguments| self.cargo(arguments), &[]).unwrap()
    }

    fn units(&self) -> Units {
        let mut tree = disk::tree(&self.root).unwrap();
        tree.entries.retain(|path, _| !path.contains("target/") && !path.contains("elsewhere/"));
        let project = self.programs();
        units::units(&Question {
            project: &project,
            tree: &tree,
            root: &self.root,
            triples: &[host()],
            profiles: &["debug".to_owned()],
            words: &[],
            cargo: &|arguments| self.cargo(arguments),
            traced: true,
            is_idle: &|path| is_idle(path, &globset::GlobSet::empty()),
            inclusions: &inclusions,
        })
        .unwrap()
    }
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// Enough of a reader for these samples.
fn inclusions(bytes: &[u8]) -> Inclusions {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Inclusions::default();
    for rest in text.split("include_str!(").skip(1) {
        if let Some(path) = rest.strip_prefix('"') {
            found.literal.insert(path.split('"').next().unwrap().to_owned());
        } else if let Some(path) = rest.strip_prefix("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"") {
            found.manifest.insert(path.split('"').next().unwrap().to_owned());
        } else {
            found.unresolved = true;
        }
    }
    found
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A unit's files in one line each: how they count, and what they are.
fn files(unit: &Unit) -> Vec<String> {
    let kinds = [("sources", &unit.sources), ("fixed", &unit.fixed), ("files", &unit.files), ("idle", &unit.idle)];
    let lines = kinds.into_iter().filter(|(_, paths)| !paths.is_empty());
    lines.map(|(kind, paths)| format!("{kind}: {}", paths.iter().cloned().collect::<Vec<_>>().join(" "))).collect()
}

fn has(unit: &Unit, kind: EdgeKind, path: &str, name: &str) -> bool {
    unit.targets.contains(&Target::new(kind, path, name))
}

fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{rest}")
}

/// A workspace with one of each thing.
fn sample() -> Place {
    let pm = manifest("pm", "[lib]\nproc-macro = true\n[dependencies]\nhelp = { path = \"../help\" }\n");
    let core = manifest("core-part", "[build-dependencies]\nscript = { path = \"../script\" }\n");
    let app = manifest(
        "app",
        "[dependencies]\nrenamed = { path = \"../core\", package = \"core-part\" }\npm = { path = \"../pm\" }\n\
         [dev-dependencies]\ndev = { path = \"../dev\" }\n[[test]]\nname = \"plain\"\nharness = false\n\
         [[test]]\nname = \"off\"\ntest = false\n",
    );
    Place::new(
        "",
        &[
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"app\", \"core\", \"pm\", \"help\", \"script\", \"dev\"]\nresolver = \"2\"\n",
            ),
            ("shared/text.txt", "text"),
            ("shared/part.rs", "pub fn part() {}\n"),
            ("help/Cargo.toml", &manifest("help", "")),
            ("help/src/lib.rs", "pub fn help() -> &'static str { \"pub fn made() {}\" }\n"),
            ("pm/Cargo.toml", &pm),
            (
                "pm/src/lib.rs",
                "#[proc_macro]\npub fn make(_: proc_macro::TokenStream) -> proc_macro::TokenStream { help::help().parse().unwrap() }\n",
            ),
            ("script/Cargo.toml", &manifest("script", "")),
            (
                "script/src/lib.rs",
                "pub fn say() { println!(\"cargo:rerun-if-changed=input.txt\"); println!(\"cargo::rerun-if-changed=schema\"); println!(\"cargo:rerun-if-env-changed=CORE_MODE\"); }\n",
            ),
            ("core/Cargo.toml", &core),
            ("core/build.rs", "fn main() { script::say() }\n"),
            ("core/input.txt", "in"),
            ("core/schema/a.rs", "not rust"),
            ("core/schema/b/c.md", "words"),
            ("core/README.md", "# words\n"),
            ("core/tool.py", "x = 1\n"),
            (
                "core/src/lib.rs",
                "pub const TEXT: &str = include_str!(\"../../shared/text.txt\");\npub const V: Option<&str> = option_env!(\"CORE_WORD\");\n#[path = \"../../shared/part.rs\"]\nmod shared;\npub use shared::part;\nmod inner;\n",
            ),
            ("core/src/inner.rs", "// inner\n"),
            ("core/src/old.rs", "compiled by nobody"),
            ("dev/Cargo.toml", &manifest("dev", "[dependencies]\napp = { path = \"../app\" }\n")),
            ("dev/src/lib.rs", "pub fn d() { app::f() }\n"),
            ("app/Cargo.toml", &app),
            ("app/fuzz/Cargo.toml", "[package]\nname = \"fuzz\"\n"),
            ("app/fuzz/main.rs", "fn main() {}\n"),
            ("app/data.json", "{}"),
            ("app/doc.md", "words"),
            ("app/src/lib.rs", "pm::make!();\npub fn f() { made(); renamed::part() }\n"),
            ("app/src/main.rs", "fn main() { app::f() }\n"),
            ("app/examples/show.rs", "fn main() {}\n"),
            ("app/benches/quick.rs", "fn main() {}\n"),
            (
                "app/tests/one.rs",
                "mod common;\nconst CASE: &str = include_str!(\"cases/case.rs\");\n#[test]\nfn t() { assert!(!CASE.is_empty()) }\n",
            ),
            ("app/tests/common/mod.rs", "pub fn c() {}\n"),
            ("app/tests/cases/case.rs", "fn main() { }\n"),
            ("app/tests/cases/other.rs", "fn main() { }\n"),
            ("app/tests/plain.rs", "// libtest_mimic is not used\nfn main() {}\n"),
            ("app/tests/off.rs", "#[test]\nfn t() {}\n"),
        ],
    )
}

#[test]
fn every_file_of_a_workspace_belongs_to_the_units_that_are_made_from_it() {
    let place = sample();
    place.build(&[]);
    let units = place.units();
    for (name, expected) in [
        ("help", vec!["fixed: help/src/lib.rs"]),
        ("pm", vec!["fixed: pm/src/lib.rs"]),
        ("script", vec!["fixed: script/src/lib.rs"]),
        (
            "core-part",
            vec![
                "sources: core/src/inner.rs core/src/lib.rs shared/part.rs",
                "fixed: core/build.rs",
                "files: core/input.txt core/schema/a.rs core/schema/b/c.md core/src/old.rs shared/text.txt",
                "idle: core/README.md core/tool.py",
            ],
        ),
        ("dev", vec!["sources: dev/src/lib.rs"]),
        (
            "app",
            vec![
                "sources: app/examples/show.rs app/src/lib.rs app/src/main.rs",
                // A macro of the project's own may read whatever it likes.
                "files: app/data.json app/doc.md app/fuzz/Cargo.toml app/fuzz/main.rs app/tests/cases/case.rs \
                 app/tests/cases/other.rs app/tests/off.rs",
            ],
        ),
        ("app::lib", vec![]),
        ("app::bin/app", vec![]),
        ("app::doc", vec![]),
        ("app::example/show", vec![]),
        ("app::test/one", vec!["sources: app/tests/common/mod.rs app/tests/one.rs", "files: app/tests/cases/case.rs"]),
        ("app::test/plain", vec!["sources: app/tests/plain.rs"]),
    ] {
        assert_eq!(files(&units[name]), expected, "{name}");
    }
    assert!(!units.contains_key("app::test/off") && !units.contains_key("fuzz"));
    assert_eq!(units["app"].needs, set(&["core-part", "help", "pm", "script"]));
    assert_eq!(units["app::lib"].needs, set(&["", "app", "core-part", "dev", "help", "pm", "script"]));
    assert_eq!(units["app::doc"].needs, units["app::lib"].needs);
    assert_eq!(units["dev::lib"].needs, set(&["", "app", "core-part", "dev", "help", "pm", "script"]));
    let core = &units["core-part"];
    assert!(has(core, EdgeKind::Listed, "core/schema", "tree") && has(core, EdgeKind::Listed, "core", "names"));
    assert!(
        has(core, EdgeKind::Fingerprint, "env", "CORE_MODE") && has(core, EdgeKind::Fingerprint, "env", "CORE_WORD")
    );
    assert!(has(core, EdgeKind::Fingerprint, "core/Cargo.toml", "package"));
    assert!(core.traced_targets.contains(&Target::new(EdgeKind::Listed, "core", "names-traced")));
    assert!(has(&units["app::test/one"], EdgeKind::Fingerprint, "Cargo.lock", "package app"));
    for (path, name) in
        [("Cargo.toml", "workspace"), ("app/Cargo.toml", "dependencies"), ("pm/Cargo.toml", "workspace")]
    {
        assert!(has(&units[""], EdgeKind::Fingerprint, path, name), "{path} {name}");
    }
    // A bench is not compiled by this command: nothing is known about it.
    let opaque: Vec<_> = units.iter().filter(|(_, unit)| has(unit, EdgeKind::Opaque, "", "not compiled")).collect();
    assert_eq!(opaque.into_iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["app::bench/quick"]);
    let plain: Vec<String> =
        place.programs().programs.into_iter().filter(|of| of.harness != Harness::Libtest).map(|of| of.unit).collect();
    assert_eq!(plain, ["app::test/plain"]);
}

#[test]
fn a_workspace_in_a_subfolder_reaches_what_is_around_it() {
    let app = manifest(
        "app",
        "[dependencies]\nouter = { path = \"../../../outer\" }\nbeside = { path = \"../../beside\" }\n\
         twin = { path = \"../twin\" }\n[dependencies.other-twin]\npackage = \"twin\"\npath = \"../../twin\"\n",
    );
    let place = Place::new(
        "rust",
        &[
            ("README.md", "words"),
            ("web/index.js", "1"),
            ("rust/Cargo.toml", "[workspace]\nmembers = [\"app\", \"twin\"]\n"),
            ("rust/.cargo/config.toml", "[build]\ntarget-dir = \"../elsewhere\"\n"),
            ("rust/app/Cargo.toml", &app),
            ("rust/app/build.rs", "fn main() { for f in std::fs::read_dir(\".\").unwrap() { f.unwrap(); } }\n"),
            ("rust/app/README.md", "words"),
            ("rust/app/NOTES.md", "words"),
            (
                "rust/app/src/lib.rs",
                "#[cfg(doctest)]\n#[doc = include_str!(\"../README.md\")]\nstruct Readme;\npub fn f() { outer::o(); beside::b(); twin::t(); other_twin::t() }\n",
            ),
            ("rust/app/tests/mimic.rs", "mod cases;\nfn main() {}\n"),
            ("rust/app/tests/cases.rs", "#[allow(unused)] mod libtest_mimic {}\n"),
            ("rust/twin/Cargo.toml", &manifest("twin", "")),
            ("rust/twin/src/lib.rs", "pub fn t() {}\n"),
            ("twin/Cargo.toml", &manifest("twin", "").replace("0.1.0", "0.2.0")),
            ("twin/src/lib.rs", "pub fn t() {}\n"),
            ("beside/Cargo.toml", &manifest("beside", "[features]\nx = []\n")),
            ("beside/src/lib.rs", "pub fn b() {}\n"),
            ("beside/tests/own.rs", "#[test]\nfn t() {}\n"),
            ("../outer/Cargo.toml", &manifest("outer", "")),
            ("../outer/src/lib.rs", "pub fn o() {}\n"),
        ],
    );
    place.write("rust/app/Cargo.toml", &format!("{app}\n[[test]]\nname = \"mimic\"\nharness = false\n"));
    let triple = host();
    place.build(&["--target", &triple]);
    let units = place.units();
    for (name, expected) in [
        // The build script names no inputs and looks for files.
        (
            "app",
            vec![
                "files: rust/app/README.md rust/app/build.rs rust/app/src/lib.rs rust/app/tests/cases.rs rust/app/tests/mimic.rs",
                "idle: rust/app/NOTES.md",
            ],
        ),
        ("app::test/mimic", vec!["sources: rust/app/tests/cases.rs rust/app/tests/mimic.rs"]),
        ("twin", vec!["sources: rust/twin/src/lib.rs"]),
        ("twin@0.2.0", vec!["sources: twin/src/lib.rs"]),
        ("beside", vec!["sources: beside/src/lib.rs", "files: beside/tests/own.rs"]),
        ("outer", vec![]),
        // Its source speaks of tests of documentation, which no build tells of.
        ("app::doc", vec!["files: rust/app/NOTES.md rust/app/README.md"]),
    ] {
        assert_eq!(files(&units[name]), expected, "{name}");
    }
    assert_eq!(units["app"].needs, set(&["beside", "outer", "twin", "twin@0.2.0"]));
    let outer = place.root.parent().unwrap().join("outer");
    assert!(has(&units["outer"], EdgeKind::Fingerprint, outer.to_str().unwrap(), "folder"));
    assert!(has(&units[""], EdgeKind::Fingerprint, "beside/Cargo.toml", "dependencies"));
    assert!(has(&units["app::lib"], EdgeKind::Fingerprint, "rust/Cargo.lock", "package app"));
    assert!(!units.values().any(|unit| has(unit, EdgeKind::Opaque, "", "not compiled")));
    let project = place.programs();
    assert_eq!(project.targets, BTreeSet::from([place.root.join("elsewhere")]));
    let harness = |unit: &str| project.programs.iter().find(|of| of.unit == unit).map(|of| of.harness);
    assert_eq!((harness("app::test/mimic"), harness("app::lib")), (Some(Harness::Mimic), Some(Harness::Libtest)));
    assert!(project.docs.iter().any(|doc| doc.unit == "app::doc" && doc.crate_name == "app"));
}

#[test]
fn a_patch_makes_a_package_of_the_project_a_dependency_of_a_registrys() {
    let place = Place::new(
        "",
        &[
            ("Cargo.toml", "[workspace]\nmembers = [\"app\"]\n[patch.crates-io]\nitoa = { path = \"itoa\" }\n"),
            ("app/Cargo.toml", &manifest("app", "[dependencies]\nserde_json = \"1\"\n")),
            ("app/src/lib.rs", "pub fn f() -> String { serde_json::to_string(&1).unwrap() }\n"),
            ("app/NOTES.md", "words"),
            ("itoa/Cargo.toml", &manifest("itoa", "").replace("0.1.0", "1.0.99")),
            (
                "itoa/src/lib.rs",
                "pub struct Buffer;\nimpl Buffer {\npub fn new() -> Self { Self }\n\
                 pub fn format<I>(&mut self, _: I) -> &str { \"1\" }\n}\n",
            ),
        ],
    );
    if let Err(reason) = place.cargo(&["fetch"]) {
        eprintln!("no registry, nothing tested: {reason}");
        return;
    }
    place.build(&[]);
    let units = place.units();
    assert_eq!(units["app"].needs, set(&["itoa"]));
    assert!(units["itoa"].sources.contains("itoa/src/lib.rs"));
    assert_eq!(files(&units["app"]), ["sources: app/src/lib.rs", "idle: app/NOTES.md"]);
}
