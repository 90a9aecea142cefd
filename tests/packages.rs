//! What CI jobs install instead of compiling: a wheel, npm's packages and an archive, made by `.ci/package` and installed from those files alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use nix::sys::signal::Signal;
use support::Repository;
use support::guarded::{event, project};
use support::interpreters::of_sources;
use support::started::Going;

/// The profile and the target folder that this test itself was built with.
fn built() -> (&'static str, PathBuf) {
    let binary = Path::new(env!("CARGO_BIN_EXE_titer"));
    let folder = binary.parent().unwrap();
    let profile = if folder.ends_with("release") { "release" } else { "dev" };
    (profile, folder.parent().unwrap().to_owned())
}

fn done(command: &mut Command) -> String {
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{command:?}\n{said}\n{}", String::from_utf8_lossy(&done.stderr));
    said
}

fn one(folder: &Path, ending: &str) -> PathBuf {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    all.sort();
    all.pop().unwrap_or_else(|| panic!("no {ending} in {}", folder.display()))
}

/// What three package managers put somewhere: each one's name, and its program.
fn installed(repository: &Repository, from: &Path) -> Vec<(&'static str, PathBuf)> {
    let python = repository.interpreter.python().clone();
    let wheel = repository.beside("wheel");
    let root = repository.root();
    done(repository.command(&python, &root).args(["-m", "venv"]).arg(&wheel));
    let pip = ["-m", "pip", "install", "--quiet", "--no-index"];
    done(repository.command(wheel.join("bin/python"), &root).args(pip).arg(one(from, ".whl")));
    let npm = repository.beside("npm");
    let given = ["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"];
    let (launcher, program) = (one(from, "titer-0.1.0.tgz"), one(from, "linux-x64-0.1.0.tgz"));
    done(repository.command("npm", &root).args(given).arg(&npm).args([program, launcher]));
    let archive = repository.beside("archive");
    fs::create_dir(&archive).unwrap();
    let unpack = ["--strip-components", "1", "-xzf"];
    done(repository.command("tar", &archive).args(unpack).arg(one(from, ".tar.gz")));
    vec![
        ("wheel", wheel.join("bin/titer")),
        ("npm", npm.join("node_modules/.bin/titer")),
        ("archive", archive.join("titer")),
    ]
}

#[test]
fn a_wheel_npms_packages_and_an_archive_hold_all_that_titer_needs() {
    let (profile, target) = built();
    let repository = project();
    let packages = repository.beside("packages");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/package");
    let mut make = Command::new("bash");
    make.arg(script).arg(profile).arg(&packages).env("CARGO_TARGET_DIR", &target).env_remove("CI");
    eprintln!("{}", done(&mut make));
    let sums = repository.command("sha256sum", &packages).args(["--check", "--quiet", "SHA256SUMS"]).output().unwrap();
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stdout));
    let sent = repository.beside("event.json");
    fs::write(&sent, event("v1").to_string()).unwrap();
    for (name, program) in installed(&repository, &packages) {
        let titer = |arguments: &[&str]| {
            let mut command = repository.command(&program, &repository.root());
            // Neither a compiler's folders nor the library that the tests are linked with.
            command.env_remove("LD_LIBRARY_PATH").args(arguments);
            Going::start(&repository, command)
        };
        let mut took: Vec<u128> = Vec::new();
        for _ in 0..5 {
            let began = Instant::now();
            let told = titer(&["--version"]).wait();
            took.push(began.elapsed().as_millis());
            assert_eq!(
                (told.code, told.stdout.trim()),
                (Some(0), concat!("titer ", env!("CARGO_PKG_VERSION"))),
                "{name}"
            );
        }
        took.sort_unstable();
        eprintln!("{name}: starts in {} ms", took[2]);
        let ledger = format!("--ledger={}", repository.beside(name).join("ledger").display());
        let learned = titer(&["learn", "file", sent.to_str().unwrap(), &ledger]).wait();
        assert_eq!(learned.code, Some(0), "{name}: {}{}", learned.stdout, learned.stderr);
        let asked = titer(&["sql", "SELECT error_type FROM faults", &ledger]).wait();
        assert!(asked.stdout.contains("KeyError"), "{name}: {}{}", asked.stdout, asked.stderr);
        // It ends as the command ends.
        assert_eq!(titer(&["run", &ledger, "--", "sh", "-c", "exit 7"]).wait().code, Some(7), "{name}");
        let flag = repository.beside(&format!("{name}-runs"));
        let wait = format!("touch {}; exec sleep 60", flag.display());
        let mut going = titer(&["run", &ledger, "--", "sh", "-c", &wait]);
        going.until(&flag);
        going.signal(Signal::SIGTERM);
        let ended = going.wait();
        assert_eq!((ended.code, ended.signal), (None, Some(Signal::SIGTERM as i32)), "{name}: {}", ended.stderr);
    }
}

#[test]
fn npms_launcher_without_a_program_for_the_platform_says_so() {
    let repository = Repository::bare(of_sources());
    let launcher = concat!(env!("CARGO_MANIFEST_DIR"), "/adapters/npm/titer/bin/titer.js");
    fs::copy(launcher, repository.beside("titer.js")).unwrap();
    let mut command = repository.command("node", &repository.root());
    command.arg(repository.beside("titer.js"));
    let ended = Going::start(&repository, command).wait();
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains("there is no package @titer/"), "{}", ended.stderr);
}
