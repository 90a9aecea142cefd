//! Embeds the adapters, of which the file tracer and cargo's are compiled here; lets programs that link a prebuilt `libduckdb` find it again when they start, and refuses a build that
//! has no `DuckDB` at all.
#![allow(clippy::disallowed_methods, reason = "cargo speaks to a build script through environment variables")]
#![allow(clippy::print_stdout, reason = "a build script speaks to cargo on stdout")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
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
    let lists =
        [("PYTEST_FILES", "adapters/pytest"), ("JEST_FILES", "adapters/jest"), ("GUARD_FILES", "adapters/guard")];
    let lists: io::Result<String> = lists.iter().map(|(name, top)| list(name, &Path::new(&root).join(top))).collect();
    let tracer = match compile_tracer(&Path::new(&root).join("adapters/files")) {
        // In the same folder as the list itself, wherever that is moved.
        Ok(library) => format!("Some(include_bytes!({:?}))", library.display().to_string()),
        Err(why) => {
            // titer works without it, and says in a run what it then cannot see.
            println!("cargo::warning=built without the file tracer: {why}");
            "None".to_owned()
        }
    };
    let cargo = match compile_cargo(&Path::new(&root).join("adapters/cargo")) {
        Ok(program) => format!("Some(include_bytes!({:?}))", program.display().to_string()),
        Err(why) => {
            // titer works without it, and runs cargo's tests whole.
            println!("cargo::warning=built without the adapter for cargo: {why}");
            "None".to_owned()
        }
    };
    let text = format!(
        "{}/// The file tracer's shared library; none where it was not built.\npub const TRACER: Option<&[u8]> = {tracer};\n\
         /// The program between cargo and what it starts; none where it was not built.\npub const CARGO_PROGRAM: Option<&[u8]> = {cargo};\n",
        lists?
    );
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("adapters.rs"), text)
}

/// The files of an adapter as a constant, each with its path below the adapter's folder.
fn list(name: &str, top: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for folder in fs::read_dir(top)?.flatten().filter(|entry| entry.path().is_dir()) {
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
    let (count, entries) = (entries.len(), entries.join(", "));
    Ok(format!(
        "/// Path below the adapter's folder, and text.\npub const {name}: [(&str, &str); {count}] = [{entries}];\n"
    ))
}

/// Compiles the file tracer for the target; the reason if that cannot be.
fn compile_tracer(folder: &Path) -> Result<PathBuf, String> {
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let machine = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if system != "linux" || !["x86_64", "aarch64"].contains(&machine.as_str()) {
        return Err(format!("it is for Linux on x86-64 and aarch64, and this is {system} on {machine}"));
    }
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())?.flatten() {
        if entry.path().extension().is_some_and(|kind| kind == "c") {
            sources.push(entry.path());
        }
    }
    sources.sort();
    let library = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("titer-files.so");
    // Always optimised: it runs inside the user's programs, whatever titer itself is built for.
    let compiler = cc::Build::new().opt_level(2).debug(false).pic(true).warnings(false).try_get_compiler();
    let mut command = compiler.map_err(|error| error.to_string())?.to_command();
    if machine == "aarch64" {
        // Else the compiler calls its own library for every atomic.
        command.arg("-mno-outline-atomics");
    }
    command.args(TRACER_FLAGS).arg("-o").arg(&library).args(&sources);
    let output = command.output().map_err(|error| format!("no C compiler: {error}"))?;
    if output.status.success() {
        return Ok(library);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find(|line| line.contains("error")).or(said.lines().next()).unwrap_or_default();
    Err(format!("the C compiler said: {error}"))
}

/// Compiles the adapter for cargo, for the target; the reason if that cannot be. It is no package of its own, so that titer stays
/// one package, and is always optimised: it is started for every test program.
fn compile_cargo(folder: &Path) -> Result<PathBuf, String> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if env::var_os("CARGO_CFG_UNIX").is_none() {
        return Err("it is for systems like Unix".to_owned());
    }
    let program = Path::new(&variable("OUT_DIR").unwrap_or_default()).join("titer-cargo");
    let mut command = Command::new(variable("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(["--edition", "2024", "-O", "-C", "panic=abort", "-C", "strip=symbols"]);
    if let Some(target) = variable("TARGET") {
        command.arg("--target").arg(target);
    }
    if let Some(linker) = variable("RUSTC_LINKER") {
        let mut option = OsString::from("-Clinker=");
        option.push(linker);
        command.arg(option);
    }
    command.arg("-o").arg(&program).arg(folder.join("main.rs"));
    let output = command.output().map_err(|error| format!("no compiler: {error}"))?;
    if output.status.success() {
        return Ok(program);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find(|line| line.starts_with("error")).unwrap_or("nothing");
    Err(format!("the compiler said: {error}"))
}

/// No libc is linked and no header of one is read, so the library carries no symbol versions: the same file loads with any glibc,
/// and in programs of musl. What hardened compilers add by themselves would call back into a libc.
const TRACER_FLAGS: &[&str] = &[
    "-std=gnu11",
    "-shared",
    "-nostdlib",
    "-ffreestanding",
    "-fvisibility=hidden",
    "-fno-stack-protector",
    "-fno-tree-loop-distribute-patterns",
    "-fasynchronous-unwind-tables",
    "-U_FORTIFY_SOURCE",
    "-Wl,-z,defs,-z,relro,-z,now,-z,noexecstack,-z,noseparate-code",
    "-Wl,--hash-style=gnu",
    "-Wl,-s",
];

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
