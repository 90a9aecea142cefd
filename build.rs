//! Embeds the adapters; lets programs that link a prebuilt `libduckdb` find it again when they start, and refuses a build that
//! has no `DuckDB` at all.
#![allow(clippy::disallowed_methods, reason = "cargo speaks to a build script through environment variables")]
#![allow(clippy::print_stdout, reason = "a build script speaks to cargo on stdout")]

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    if let Err(error) = embed_adapters() {
        println!("cargo::error=the adapters cannot be embedded: {error}");
        return ExitCode::FAILURE;
    }
    link_duckdb()
}

/// Writes the list of the adapters' files, so that a new file of an adapter needs no second edit.
fn embed_adapters() -> io::Result<()> {
    println!("cargo:rerun-if-changed=adapters");
    let root = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let top = Path::new(&root).join("adapters/pytest");
    let mut files = Vec::new();
    for folder in fs::read_dir(&top)?.flatten().filter(|entry| entry.path().is_dir()) {
        for file in fs::read_dir(folder.path())?.flatten() {
            let name = format!("{}/{}", folder.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            if file.path().is_file() && file.path().extension().is_none_or(|kind| kind != "pyc") {
                files.push((name, file.path()));
            }
        }
    }
    files.sort();
    // The texts themselves: a target folder may serve several clones, and paths of one of them mean nothing in another.
    let texts: io::Result<Vec<(String, String)>> =
        files.into_iter().map(|(name, path)| Ok((name, fs::read_to_string(path)?))).collect();
    let entries: Vec<String> = texts?.iter().map(|(name, text)| format!("({name:?}, {text:?})")).collect();
    let text = format!(
        "/// Path below the adapter's folder, and text.\npub const PYTEST_FILES: [(&str, &str); {}] = [{}];\n",
        entries.len(),
        entries.join(", ")
    );
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("adapters.rs"), text)
}

fn link_duckdb() -> ExitCode {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    println!("cargo:rerun-if-changed=build.rs");
    let bundled = env::var_os("CARGO_FEATURE_BUNDLED").is_some();
    match env::var("DUCKDB_LIB_DIR") {
        _ if bundled => ExitCode::SUCCESS,
        // An rpath, because LD_LIBRARY_PATH would have to be set by everyone who ever starts the program.
        Ok(folder) if !folder.is_empty() => {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
            ExitCode::SUCCESS
        }
        _ => {
            println!(
                "cargo::error=without the feature `bundled` titer links a DuckDB that is already built: set DUCKDB_LIB_DIR to the folder \
                 that `.ci/duckdb` prints, or build with default features"
            );
            ExitCode::FAILURE
        }
    }
}
