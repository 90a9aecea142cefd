//! What rustc itself writes is read rightly: a small program is built with coverage, and each of its ways leaves a profile that
//! names the functions that ran, neither more nor fewer. Damaged bytes are refused or read, never a crash.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may stop at once; it starts programs and writes files"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use proptest::prelude::*;
use titer::formats::llvm_coverage::{self, Functions, NotInstrumented};
use titer::formats::llvm_profile::{self, NotAProfile};

/// Another crate: what of it is generic or inlined is made anew in the program. A function's line is marked with its name.
const PART: &str = r#"
pub fn add(a: i32, b: i32) -> i32 { // @add
    a + b
}
pub fn generic<T, F: Fn(T) -> T>(x: T, f: F) -> T { // @generic
    let inner = |y: T| { // @generic.inner
        f(y)
    };
    inner(x)
}
#[inline(always)]
pub fn always(x: i32) -> i32 { // @always
    x + 2
}
#[macro_export]
macro_rules! make {
    ($name:ident) => {
        pub fn $name() -> i32 { // @made
            3
        }
    };
}
pub trait Speaks {
    fn name(&self) -> String;
    fn speak(&self) -> String { // @speak
        format!("I am {}", self.name())
    }
}
pub async fn wait(
    x: i32,
) -> i32 { // @wait.body
    x + 1
}
pub const fn constant() -> i32 { // @constant
    7
}
pub const SEVEN: i32 = constant();
#[derive(Clone, PartialEq, Debug)]
pub struct Derived(pub i32);
pub fn never() -> i32 { // @never
    99
}
pub fn dies() { // @dies
    std::process::abort();
}
"#;

const MAIN: &str = r#"
use part::Speaks;
part::make!(made);
struct Dog;
impl Speaks for Dog {
    fn name(&self) -> String { // @dog
        "dog".into()
    }
}
fn poll(future: impl Future) { // @poll
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::pin::pin!(future).poll(&mut context).is_ready());
}
fn itself(way: &str) -> std::process::Command { // @itself
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.arg(way);
    command
}
fn main() { // @main
    match std::env::args().nth(1).unwrap().as_str() {
        "nothing" => {}
        "add" => assert_eq!(part::add(1, 2), 3),
        "generic" => assert_eq!(part::generic(1, |x| { // @main.closure
            x + 1
        }), 2),
        "always" => assert_eq!(part::always(1), 3),
        "macro" => assert_eq!(made(), 3),
        "trait" => assert_eq!(Dog.speak(), "I am dog"),
        "async" => poll(part::wait(1)),
        "async, never polled" => drop(part::wait(1)),
        "constant" => assert_eq!(part::SEVEN, 7),
        "derive" => assert_eq!(part::Derived(1).clone(), part::Derived(1)),
        "panic" => assert_eq!(part::add(1, 2), 4),
        "exit" => std::process::exit(part::add(1, 2)),
        "thread" => std::thread::spawn(|| { // @main.thread
            part::add(1, 2);
        }).join().unwrap(),
        "child" => assert!(itself("always").status().unwrap().success()),
        "bare child" => assert!(itself("always").env_clear().status().unwrap().success()),
        "abort" => part::dies(),
        _ => unreachable!(),
    }
}
"#;

/// Each way to run the program, how it ends, and what runs besides `main`.
const WAYS: &[(&str, Option<i32>, &[&str])] = &[
    ("nothing", Some(0), &[]),
    ("add", Some(0), &["add"]),
    ("generic", Some(0), &["generic", "generic.inner", "main.closure"]),
    ("always", Some(0), &["always"]),
    ("macro", Some(0), &["made"]),
    ("trait", Some(0), &["speak", "dog"]),
    ("async", Some(0), &["poll", "wait", "wait.body"]),
    ("async, never polled", Some(0), &["wait"]),
    // What the compiler runs, and what it derives, leaves no trace.
    ("constant", Some(0), &[]),
    ("derive", Some(0), &[]),
    ("panic", Some(101), &["add"]),
    ("exit", Some(3), &["add"]),
    ("thread", Some(0), &["main.thread", "add"]),
    ("child", Some(0), &["itself", "always"]),
];

/// A folder with the program, built as it is and with counters that are files.
struct Built {
    folder: tempfile::TempDir,
    functions: Functions,
}

static BUILT: LazyLock<Built> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("part.rs"), PART).unwrap();
    fs::write(folder.path().join("main.rs"), MAIN).unwrap();
    build(folder.path(), &["part.rs", "--crate-type=lib", "-Cinstrument-coverage"]);
    build(folder.path(), &["main.rs", "-Cinstrument-coverage", "-Cstrip=symbols", "-opresent"]);
    fs::write(folder.path().join("plain.rs"), "fn main() {}").unwrap();
    build(folder.path(), &["plain.rs", "-oplain"]);
    let mapped = "-Cllvm-args=-runtime-counter-relocation";
    build(folder.path(), &["part.rs", "--crate-type=lib", "-Cinstrument-coverage", mapped]);
    build(folder.path(), &["main.rs", "-Cinstrument-coverage", mapped, "-omapped"]);
    let functions = llvm_coverage::functions(&fs::read(folder.path().join("present")).unwrap()).unwrap();
    Built { folder, functions }
});

fn build(folder: &Path, arguments: &[&str]) {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition=2024", "--extern=part=libpart.rlib"]).args(arguments).current_dir(folder);
    let output = rustc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Built {
    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    /// Runs the program in a folder of its own; how it ended and the profiles it left there.
    fn run(&self, name: &str, way: &str, pattern: &str) -> (Option<i32>, Vec<Vec<u8>>) {
        let folder = tempfile::tempdir().unwrap();
        let mut program = Command::new(self.folder.path().join(name));
        program.arg(way).current_dir(folder.path()).env("LLVM_PROFILE_FILE", folder.path().join(pattern));
        let status = program.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        let left: BTreeSet<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        (status.code(), left.iter().map(|path| fs::read(path).unwrap()).collect())
    }

    /// The marks of the functions that these profiles say ran.
    fn ran(&self, functions: &Functions, profiles: &[Vec<u8>]) -> BTreeSet<String> {
        let hashes = profiles.iter().flat_map(|profile| llvm_profile::functions_run(profile).unwrap());
        let places = hashes.flat_map(|hash| functions.by_name.get(&hash).expect("a function of the program"));
        places.map(|place| self.mark(&place.file, place.line)).collect()
    }

    fn mark(&self, file: &str, line: u32) -> String {
        let folder = self.folder.path().canonicalize().unwrap();
        let source = if Path::new(file) == folder.join("main.rs") { MAIN } else { PART };
        assert!([folder.join("main.rs"), folder.join("part.rs")].contains(&PathBuf::from(file)), "{file}");
        let text = source.lines().nth(line as usize - 1).unwrap();
        // One function spreads over lines, and begins where it has no room for a mark of its own.
        let mark = text.split_once("// @").map(|(_, mark)| mark).or(text.contains("async fn wait").then_some("wait"));
        mark.unwrap_or_else(|| panic!("{file}:{line} is no beginning of a function: {text}")).to_owned()
    }
}

fn with_main(names: &[&str]) -> BTreeSet<String> {
    names.iter().chain(&["main"]).map(ToString::to_string).collect()
}

#[test]
fn each_way_leaves_the_functions_that_ran_and_no_other() {
    for (way, code, expected) in WAYS {
        let (ended, profiles) = BUILT.run("present", way, "%p.profraw");
        assert_eq!(ended, *code, "{way}");
        assert_eq!(profiles.len(), if *way == "child" { 2 } else { 1 }, "{way}");
        assert_eq!(BUILT.ran(&BUILT.functions, &profiles), with_main(expected), "{way}");
    }
}

#[test]
fn functions_that_never_run_are_known_too() {
    let places = BUILT.functions.by_name.values().flatten();
    let known: BTreeSet<String> = places.map(|place| BUILT.mark(&place.file, place.line)).collect();
    for name in ["never", "constant", "dies", "itself", "made"] {
        assert!(known.contains(name), "{name} of {known:?}");
    }
    assert!(BUILT.functions.by_name.values().all(|places| places.len() == 1));
}

#[test]
fn an_aborted_program_leaves_nothing_unless_its_counters_are_a_file() {
    let (code, profiles) = BUILT.run("present", "abort", "%p.profraw");
    assert_eq!((code, llvm_profile::functions_run(&profiles[0])), (None, Err(NotAProfile::Empty)));

    let mapped = llvm_coverage::functions(&BUILT.bytes("mapped")).unwrap();
    for (way, expected) in [("abort", "dies"), ("add", "add")] {
        let (_, profiles) = BUILT.run("mapped", way, "%m_%p%c.profraw");
        assert_eq!(BUILT.ran(&mapped, &profiles), with_main(&[expected]), "{way}");
    }
}

#[test]
fn a_child_without_an_environment_leaves_a_profile_where_it_stands() {
    // Under the compiler's own default name, `default_*.profraw`, in the folder where it runs: here that of the profiles.
    let (code, profiles) = BUILT.run("present", "bare child", "%p.profraw");
    assert_eq!((code, profiles.len()), (Some(0), 2));
    assert_eq!(BUILT.ran(&BUILT.functions, &profiles), with_main(&["itself", "always"]));
}

#[test]
fn a_program_built_without_coverage_is_refused() {
    assert_eq!(llvm_coverage::functions(&BUILT.bytes("plain")), Err(NotInstrumented::Absent));
}

#[test]
fn a_real_profile_cut_off_anywhere_is_refused() {
    let (_, profiles) = BUILT.run("present", "generic", "%p.profraw");
    for length in 0..profiles[0].len() {
        assert!(llvm_profile::functions_run(&profiles[0][..length]).is_err(), "{length} bytes");
    }
}

/// Bytes with some of them changed: where, and into what.
fn changed(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8)], from: usize, to: usize) -> Vec<u8> {
    for (place, byte) in changes {
        let at = from + place.index(to - from);
        bytes[at] = *byte;
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    let byte = prop_oneof![any::<u8>(), Just(0), Just(0xff), Just(0x80)];
    prop::collection::vec((any::<prop::sample::Index>(), byte), 1..12)
}

/// Where the two sections stand that speak of functions, in bytes of the file.
static SECTIONS: LazyLock<Vec<(usize, usize)>> = LazyLock::new(|| {
    use object::{Object as _, ObjectSection as _};
    let file = object::File::parse(PROGRAM.as_slice()).unwrap();
    let range = |name: &str| file.section_by_name(name).unwrap().file_range().unwrap();
    let ranges = ["__llvm_covfun", "__llvm_covmap"].map(range);
    let ranges = ranges.map(|(from, size)| (usize::try_from(from).unwrap(), usize::try_from(from + size).unwrap()));
    ranges.to_vec()
});

static PROGRAM: LazyLock<Vec<u8>> = LazyLock::new(|| BUILT.bytes("present"));

static PROFILE: LazyLock<Vec<u8>> = LazyLock::new(|| BUILT.run("present", "generic", "%p.profraw").1.remove(0));

proptest! {
    #[test]
    fn no_bytes_are_too_much_for_the_readers(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = llvm_profile::functions_run(&bytes);
        let _ = llvm_coverage::functions(&bytes);
        let _ = llvm_profile::functions_run(&[&PROFILE[..16], &bytes].concat());
    }

    #[test]
    fn no_damage_is_too_much_for_the_profile_reader(changes in changes(), in_header: bool) {
        let end = if in_header { 128 } else { PROFILE.len() };
        let _ = llvm_profile::functions_run(&changed(PROFILE.clone(), &changes, 0, end));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_damage_is_too_much_for_the_coverage_reader(changes in changes(), which in 0..3_usize) {
        let (from, to) = SECTIONS.get(which).copied().unwrap_or((0, 64));
        let _ = llvm_coverage::functions(&changed(PROGRAM.clone(), &changes, from, to));
    }
}
