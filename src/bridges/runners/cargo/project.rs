//! What a cargo workspace has to run: its test programs and documented libraries, asked from cargo without building.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, Package, Target, TargetKind};

use super::places::normal;
use crate::bridges::disk;
use crate::formats::cargo_manifest::{self, Declared};
use crate::formats::rust_words;

/// Runs the user's cargo with some arguments in the folder where the user called it, and returns what it printed.
pub type Cargo<'a> = &'a dyn Fn(&[&str]) -> io::Result<Vec<u8>>;

/// Crates that stand for a harness which understands libtest's arguments.
const MIMICS: [&str; 2] = ["libtest_mimic", "datatest_stable"];

/// Who runs the tests of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harness {
    /// Rust's own.
    Libtest,
    /// One that understands the same arguments.
    Mimic,
    /// The program itself: one test, started without arguments of ours.
    Plain,
}

/// A test program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The name of its unit.
    pub unit: String,
    /// The name of its package.
    pub package: String,
    /// `lib`, `bin`, `test`, `example` or `bench`.
    pub kind: &'static str,
    /// The crate's name as the compiler knows it.
    pub crate_name: String,
    /// The root of the crate.
    pub src_path: PathBuf,
    /// The folder of the package.
    pub manifest_dir: PathBuf,
    /// Who runs its tests.
    pub harness: Harness,
}

/// A library whose documentation is tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doc {
    /// The name of its unit.
    pub unit: String,
    /// The name of its package.
    pub package: String,
    /// The crate's name as the compiler knows it.
    pub crate_name: String,
}

/// What a workspace has to run, and where it is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Programs {
    /// The workspace's folder.
    pub root: PathBuf,
    /// Where cargo puts what it builds.
    pub targets: BTreeSet<PathBuf>,
    /// The test programs.
    pub programs: Vec<Program>,
    /// The libraries with tested documentation.
    pub docs: Vec<Doc>,
    /// Names of units of the workspace's members, by cargo's id of the package.
    pub members: BTreeMap<String, String>,
}

/// Asks cargo what there is to run. `words` are the user's own that decide which workspace it is (`--manifest-path x`).
///
/// # Errors
/// Cargo fails, or says what cannot be read.
pub fn programs(cargo: Cargo<'_>, words: &[String]) -> Result<Programs, String> {
    let metadata = ask(cargo, &["--no-deps"], words)?;
    let packages: Vec<&Package> = metadata.packages.iter().collect();
    let members = names(&packages);
    let targets = [Some(&metadata.target_directory), metadata.build_directory.as_ref()];
    let targets = targets.into_iter().flatten().map(|path| normal(path.as_std_path())).collect();
    let root = metadata.workspace_root.into_std_path_buf();
    let mut found = Programs { root, targets, ..Programs::default() };
    for package in packages {
        let unit = &members[&package.id.repr];
        let folder = folder(package);
        let manifest = disk::read(package.manifest_path.as_std_path()).map_err(|error| error.to_string())?;
        let declared = cargo_manifest::programs(&manifest).unwrap_or_default();
        for target in &package.targets {
            let Some(kind) = kind(target) else { continue };
            let crate_name = crate_name(target);
            let name = package.name.to_string();
            if target.doctest {
                let unit = format!("{unit}::doc");
                found.docs.push(Doc { unit, package: name.clone(), crate_name: crate_name.clone() });
            }
            // Examples and benches are tested when they are asked for, whatever the manifest says.
            if target.test || matches!(kind, "example" | "bench") {
                let src_path = target.src_path.clone().into_std_path_buf();
                let harness = harness(&declared, kind, &target.name, &src_path);
                let (unit, manifest_dir) = (program_unit(unit, kind, &target.name), folder.clone());
                found.programs.push(Program { unit, package: name, kind, crate_name, src_path, manifest_dir, harness });
            }
        }
    }
    found.members = members;
    Ok(found)
}

/// Asks cargo about a workspace.
pub(super) fn ask(cargo: Cargo<'_>, options: &[&str], words: &[String]) -> Result<Metadata, String> {
    let words = words.iter().map(String::as_str);
    let arguments: Vec<&str> =
        ["metadata", "--format-version", "1"].into_iter().chain(options.iter().copied()).chain(words).collect();
    let printed = cargo(&arguments).map_err(|error| error.to_string())?;
    serde_json::from_slice(&printed).map_err(|error| format!("cargo metadata: {error}"))
}

/// Names of units for packages, by cargo's ids: the version is part of a name that another package has, too.
pub(super) fn names(packages: &[&Package]) -> BTreeMap<String, String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for package in packages {
        *count.entry(package.name.as_str()).or_default() += 1;
    }
    let name = |package: &Package| {
        let name = package.name.as_str();
        if count[name] > 1 { format!("{name}@{}", package.version) } else { name.to_owned() }
    };
    packages.iter().map(|package| (package.id.repr.clone(), name(package))).collect()
}

/// The folder of a package.
pub(super) fn folder(package: &Package) -> PathBuf {
    let manifest = package.manifest_path.as_std_path();
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// The kind of program that a target is; `None` for a build script.
pub(super) fn kind(target: &Target) -> Option<&'static str> {
    use TargetKind::{Bench, Bin, CDyLib, DyLib, Example, Lib, ProcMacro, RLib, StaticLib, Test};
    let is = |kinds: &[TargetKind]| target.kind.iter().any(|kind| kinds.contains(kind));
    let kinds: [(&[TargetKind], &'static str); 5] = [
        (&[Lib, RLib, DyLib, CDyLib, StaticLib, ProcMacro], "lib"),
        (&[Bin], "bin"),
        (&[Test], "test"),
        (&[Example], "example"),
        (&[Bench], "bench"),
    ];
    kinds.into_iter().find(|(kinds, _)| is(kinds)).map(|(_, kind)| kind)
}

/// The crate's name as the compiler knows it.
pub(super) fn crate_name(target: &Target) -> String {
    target.name.replace('-', "_")
}

/// The name of a program's unit.
pub(super) fn program_unit(package: &str, kind: &str, name: &str) -> String {
    if kind == "lib" { format!("{package}::lib") } else { format!("{package}::{kind}/{name}") }
}

/// Who runs a program's tests. The program is never asked: one that brings its own harness would run.
fn harness(declared: &Declared, kind: &str, name: &str, src_path: &Path) -> Harness {
    if !declared.is_plain(kind, name) {
        Harness::Libtest
    } else if mentions_a_mimic(src_path) {
        Harness::Mimic
    } else {
        Harness::Plain
    }
}

/// Whether the root of a crate or one of its modules names a harness.
fn mentions_a_mimic(src_path: &Path) -> bool {
    let read = |path: &Path| rust_words::words(&String::from_utf8(disk::read(path).ok()?).ok()?);
    let Some(root) = read(src_path) else { return false };
    let folder = src_path.parent().unwrap_or(src_path);
    let modules = root.modules.iter().flat_map(|name| {
        [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")].into_iter().filter_map(|path| read(&path))
    });
    std::iter::once(root.clone()).chain(modules).any(|words| MIMICS.iter().any(|name| words.names.contains(*name)))
}
