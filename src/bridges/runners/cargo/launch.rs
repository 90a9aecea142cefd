//! What decides which toolchain runs and how, found without a process: for saying that nothing has to run.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::bridges::{disk, process};

use super::call::{Call, Kind};
use super::config::{self, Sources};
use super::toolchain::{counts, nextest_files};

/// Variables whose values a run without a process has to compare.
const LAUNCH_PREFIXES: [&str; 3] = ["CARGO", "RUST", "NEXTEST"];

/// What decides, besides the repository, what a call does: files, installed programs, variables.
#[must_use]
pub(super) fn launch_parts(
    call: &Call,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
    variables: &[(String, String)],
) -> Vec<String> {
    let mut parts: Vec<String> = Sources::around(folder, variable).with_call(call, folder).texts().collect();
    let files =
        folder.ancestors().flat_map(|above| ["rust-toolchain", "rust-toolchain.toml"].map(|name| above.join(name)));
    let texts = files.chain(nextest_files(call, folder));
    parts.extend(texts.filter_map(|file| Some(format!("{}\n{}", file.display(), fs::read_to_string(&file).ok()?))));
    if let Some(home) = config::home_of("RUSTUP_HOME", ".rustup", folder, variable) {
        parts.extend(installed(&home));
    }
    let path = variable("PATH");
    let mut programs = vec!["rustc", "rustdoc"];
    programs.extend((call.kind == Kind::Nextest).then_some("cargo-nextest"));
    parts.extend(
        programs
            .into_iter()
            .filter_map(|name| process::find(name, folder, path.as_ref()))
            .map(|at| disk::identity(&at)),
    );
    let launches = |name: &str| counts(name) || LAUNCH_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    parts.extend(variables.iter().filter(|(name, _)| launches(name)).map(|(name, value)| format!("{name}={value}")));
    parts
}

/// rustup's toolchains: the hash of what was installed, or the compiler's file where there is none.
fn installed(home: &Path) -> Vec<String> {
    let mut parts: Vec<String> = fs::read_to_string(home.join("settings.toml")).into_iter().collect();
    let folders = fs::read_dir(home.join("toolchains")).into_iter().flatten().flatten();
    let mut names: Vec<OsString> = folders.map(|entry| entry.file_name()).collect();
    names.sort();
    for name in names {
        let hash = fs::read_to_string(home.join("update-hashes").join(&name));
        let known = hash.unwrap_or_else(|_| disk::identity(&home.join("toolchains").join(&name).join("bin/rustc")));
        parts.push(format!("{} {known}", name.display()));
    }
    parts
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files")]
mod tests {
    use super::*;
    use crate::bridges::runners::cargo::call::tests::read;
    use crate::bridges::runners::cargo::toolchain::tests::{CONFIG, Place};

    fn parts(place: &Place, line: &str) -> Vec<String> {
        let variable = |name: &str| place.variables.get(name).map(OsString::from);
        let all: Vec<_> = place.variables.clone().into_iter().collect();
        launch_parts(&read(line).unwrap(), place.top.path(), &variable, &all)
    }

    #[test]
    fn a_launch_knows_the_toolchain_without_a_process() {
        let rustup = [("r/settings.toml", "1"), ("r/update-hashes/stable", "h"), ("r/toolchains/stable/x", "")];
        let home = |place: &mut Place| {
            let home = place.top.path().join("r").to_str().unwrap().to_owned();
            place.variables.insert("RUSTUP_HOME".to_owned(), home);
        };
        let mut place = Place::new(&rustup, &[]);
        home(&mut place);
        let before = parts(&place, "cargo test");
        assert_eq!(before, parts(&place, "cargo test"));
        assert!(before.contains(&"stable h".to_owned()));
        for (path, text) in
            [("r/update-hashes/stable", "i"), ("rust-toolchain", "nightly"), (CONFIG, "x=1"), ("r/settings.toml", "2")]
        {
            let file = place.top.path().join(path);
            let old = fs::read_to_string(&file).ok();
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            assert_ne!(before, parts(&place, "cargo test"), "{path}");
            old.map_or_else(|| fs::remove_file(&file), |old| fs::write(&file, old)).unwrap();
        }
        for name in ["CARGO_X", "CC", "CFLAGS_x86_64"] {
            let mut place = Place { variables: place.variables.clone(), ..Place::new(&rustup, &[]) };
            place.variables.insert(name.to_owned(), "1".to_owned());
            assert_ne!(before, parts(&place, "cargo test"), "{name}");
        }
    }
}
