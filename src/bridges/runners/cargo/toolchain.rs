//! What of cargo's configuration and of its toolchain matters.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_config2::{Config, PathAndArgs, ResolveOptions};
use serde_json::{Value, json};

use crate::bridges::process;
use crate::formats::variant_v1;

use super::call::{Call, Kind};
use super::config::{self, Sources};

/// Variables that can change how a test ends, by their names' beginnings.
const PREFIXES: [&str; 13] = [
    "CARGO_BUILD_",
    "CARGO_ENCODED_",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "CARGO_UNSTABLE_",
    "CC_",
    "CFLAGS_",
    "CXXFLAGS_",
    "CXX_",
    "HOST_C",
    "RUSTC",
    "RUSTDOC",
    "TARGET_C",
];

/// The same, by their whole names.
const NAMES: [&str; 14] = [
    "AR",
    "CC",
    "CFLAGS",
    "CPPFLAGS",
    "CXX",
    "CXXFLAGS",
    "LDFLAGS",
    "NEXTEST_FLAKY_RESULT",
    "NEXTEST_PROFILE",
    "NEXTEST_RETRIES",
    "RUSTFLAGS",
    "RUST_MIN_STACK",
    "RUST_TEST_SHUFFLE",
    "RUST_TEST_SHUFFLE_SEED",
];

/// Those of them that only say where and how fast.
const IDLE: [&str; 6] = [
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_BUILD_DEP_INFO_BASEDIR",
    "CARGO_BUILD_INCREMENTAL",
    "CARGO_BUILD_JOBS",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_TARGET_DIR",
];

const RUNNER: [&str; 3] = ["target", "*", "runner"];

/// Names, beginnings of names, and names that begin so and do not count: of variables that can change how a test ends.
pub const COUNTING: [&[&str]; 3] = [&NAMES, &PREFIXES, &IDLE];

/// Whether a variable can change how a test ends.
#[must_use]
pub fn counts(name: &str) -> bool {
    NAMES.contains(&name) || (PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !IDLE.contains(&name))
}

/// The toolchain and the configuration that a call of cargo meets.
#[allow(missing_debug_implementations, reason = "it holds a closure")]
pub struct Toolchain<'a> {
    call: &'a Call,
    folder: &'a Path,
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    sources: Sources,
    /// The words that start the compiler.
    compiler: PathAndArgs,
    /// Its own words about itself.
    version: String,
    host: String,
    /// `build.target`, variables applied.
    targets: Vec<String>,
    rustdoc: Option<PathBuf>,
}

impl<'a> Toolchain<'a> {
    /// Reads the configuration around `folder` and asks the compiler for its version: one process.
    ///
    /// # Errors
    /// A sentence if that cannot be done as cargo does it.
    pub fn read(
        call: &'a Call,
        folder: &'a Path,
        variable: &'a dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, String> {
        let sources = Sources::around(folder, variable).with_call(call, folder);
        for key in ["target", "rustc", "rustdoc"] {
            sources.resolvable(&["build", key])?;
        }
        let config = resolve(folder, variable, &[], ResolveOptions::default())?;
        let mut compiler = PathAndArgs::new(config.build.rustc.clone().unwrap_or_else(|| "rustc".into()));
        let mut environment = Vec::new();
        if let Some(name) = &call.toolchain {
            environment.push(("RUSTUP_TOOLCHAIN", name.as_str()));
            if config.build.rustc.is_none() {
                compiler.arg(format!("+{name}"));
            }
        }
        let program = compiler.path.to_str().ok_or("the compiler's path is not text")?;
        let version = process::capture(program, &["-vV"], folder, &environment).map_err(|error| error.to_string())?;
        let version = String::from_utf8_lossy(&version).into_owned();
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc -vV names no host")?;
        let targets = config.build.target.iter().flatten().map(|target| target.triple().to_owned()).collect();
        let (host, rustdoc) = (host.to_owned(), config.build.rustdoc);
        Ok(Self { call, folder, variable, sources, compiler, version, host, targets, rustdoc })
    }

    /// The host's triple first, then every other one that programs are built for.
    #[must_use]
    pub fn triples(&self) -> Vec<String> {
        let asked = if self.call.targets.is_empty() { &self.targets } else { &self.call.targets };
        let mut triples = vec![self.host.clone()];
        for target in asked {
            // A file that describes a target gives it its name; cargo knows one word for the host.
            let stem = Path::new(target).file_stem().and_then(|stem| stem.to_str());
            let is_file = Path::new(target).extension().is_some_and(|extension| extension == "json");
            let triple = if is_file { stem.unwrap_or(target) } else { target };
            if triple != "host-tuple" && !triples.iter().any(|known| known == triple) {
                triples.push(triple.to_owned());
            }
        }
        triples
    }

    /// The triples whose programs are started: the host's is built for in any case, but started only if nothing else was asked for.
    #[must_use]
    pub fn tested(&self) -> Vec<String> {
        let asked = if self.call.targets.is_empty() { &self.targets } else { &self.call.targets };
        let names_host = |target: &String| target == "host-tuple" || *target == self.host;
        let skipped = usize::from(!asked.is_empty() && !asked.iter().any(names_host));
        self.triples().into_iter().skip(skipped).collect()
    }

    /// The user's own runner of each triple, as words.
    ///
    /// # Errors
    /// A sentence if it cannot be told what cargo would take.
    pub fn runners(&self) -> Result<BTreeMap<String, Option<Vec<String>>>, String> {
        self.sources.resolvable(&RUNNER)?;
        let triples = self.triples();
        let names: Vec<String> = triples.iter().map(|triple| variable_name(triple)).collect();
        if !self.sources.mentions(&RUNNER) && names.iter().all(|name| (self.variable)(name).is_none()) {
            return Ok(triples.into_iter().map(|triple| (triple, None)).collect());
        }
        let options = ResolveOptions::default().host_triple(self.host.clone()).rustc(self.compiler.clone());
        let config = resolve(self.folder, self.variable, &names, options)?;
        let mut runners = BTreeMap::new();
        for triple in triples {
            let runner = config.runner(triple.as_str()).map_err(|error| sentence(&error))?;
            if runner.is_some() && self.sources.conditional_runners() > 1 {
                // Cargo refuses two that match, and ours in their place would hide that.
                return Err("more than one target.'cfg(..)'.runner is set".to_owned());
            }
            runners.insert(triple, runner.map(|runner| words(&runner)).transpose()?);
        }
        Ok(runners)
    }

    /// The folder of the toolchain, links followed.
    ///
    /// # Errors
    /// The compiler does not tell.
    pub fn folder(&self) -> Result<PathBuf, String> {
        let program = self.compiler.path.to_str().ok_or("the compiler's path is not text")?;
        let said = process::capture(program, &["--print", "sysroot"], self.folder, &[]);
        let said = said.map_err(|error| error.to_string())?;
        let folder = PathBuf::from(String::from_utf8_lossy(&said).trim());
        Ok(folder.canonicalize().unwrap_or(folder))
    }

    /// Whether the user's configuration puts a program before the compiler of the workspace's own crates.
    #[must_use]
    pub fn wraps_its_compiler(&self) -> bool {
        self.sources.mentions(&["build", "rustc-workspace-wrapper"])
    }

    /// The user's own rustdoc, if one is named.
    #[must_use]
    pub fn rustdoc(&self) -> Option<&Path> {
        self.rustdoc.as_deref()
    }

    /// Why the subcommand does not do what its name says: the user has an alias of that name.
    #[must_use]
    pub fn alias(&self) -> Option<String> {
        let name = self.call.subcommand.as_str();
        // An alias does not stand before what is built in.
        let variable = format!("CARGO_ALIAS_{}", name.to_uppercase());
        let aliased = self.sources.mentions(&["alias", name]) || (self.variable)(&variable).is_some();
        (name != "test" && aliased).then(|| format!("cargo has an alias named {name}"))
    }

    /// The `variant_v1` object; `root` is the repository's.
    #[must_use]
    pub fn inputs(&self, root: &Path, variables: &[(String, String)]) -> Value {
        let project = workspace_root(self.call, self.folder).unwrap_or_else(|| self.folder.to_owned());
        let project = project.strip_prefix(root).unwrap_or(&project).to_string_lossy().into_owned();
        let variables = variables.iter().filter(|(name, value)| counts(name) && !value.is_empty());
        let variables: BTreeMap<&str, String> =
            variables.map(|(name, value)| (name.as_str(), variant_v1::digest(&json!(value)))).collect();
        let files: Vec<String> = nextest_files(self.call, self.folder)
            .iter()
            .map(|file| variant_v1::digest(&json!(fs::read_to_string(file).unwrap_or_default())))
            .collect();
        json!({
            "runner": if self.call.kind == Kind::Test { "cargo-test" } else { "cargo-nextest" },
            "root": project,
            "rustc": self.version,
            "words": self.call.outcome_words(),
            "config": self.sources.digests(),
            "files": files,
            "variables": variables,
        })
    }
}

/// Files of nextest's configuration that the command names.
pub(super) fn nextest_files(call: &Call, folder: &Path) -> Vec<PathBuf> {
    let tools = call.nextest.tool_config_files.iter().filter_map(|word| Some(word.split_once(':')?.1));
    call.nextest.config_file.as_deref().into_iter().chain(tools).map(|path| folder.join(path)).collect()
}

/// The configuration as cargo reads it, with only those variables that answer our questions.
fn resolve(
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
    more: &[String],
    options: ResolveOptions,
) -> Result<Config, String> {
    let asked = ["CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTC", "CARGO_BUILD_RUSTDOC", "RUSTC", "RUSTDOC"];
    let names = asked.into_iter().chain(more.iter().map(String::as_str));
    let variables = names.filter_map(|name| Some((name, variable(name)?)));
    let options = options.env(variables).cargo_home(config::home(folder, variable));
    Config::load_with_options(folder, options).map_err(|error| sentence(&error))
}

fn sentence(error: &cargo_config2::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text.lines().next().unwrap_or_default().to_owned()
}

fn words(program: &PathAndArgs) -> Result<Vec<String>, String> {
    let all = std::iter::once(program.path.clone().into_os_string()).chain(program.args.iter().cloned());
    all.map(OsString::into_string).collect::<Result<_, _>>().map_err(|_| "the runner's path is not text".to_owned())
}

/// The variable in which cargo looks for a triple's runner.
#[must_use]
pub fn variable_name(triple: &str) -> String {
    format!("CARGO_TARGET_{}_RUNNER", triple.to_uppercase().replace(['-', '.'], "_"))
}

/// The folder of the workspace that a call is about, or of its package if that stands alone.
#[must_use]
pub fn workspace_root(call: &Call, folder: &Path) -> Option<PathBuf> {
    let start = match &call.manifest_path {
        Some(path) => folder.join(path).parent()?.to_owned(),
        None => folder.to_owned(),
    };
    let manifest = |folder: &Path| fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse::<toml::Table>().ok();
    let package = start.ancestors().find(|folder| folder.join("Cargo.toml").is_file())?;
    let named = manifest(package).and_then(|table| Some(table.get("package")?.get("workspace")?.as_str()?.to_owned()));
    if let Some(named) = named {
        return package.join(named).canonicalize().ok();
    }
    let holds = |folder: &&Path| {
        let Some(workspace) = manifest(folder).and_then(|mut table| table.remove("workspace")) else { return false };
        let excluded = workspace.get("exclude").and_then(toml::Value::as_array).into_iter().flatten();
        !excluded.filter_map(toml::Value::as_str).any(|path| package.starts_with(folder.join(path)))
    };
    Some(package.ancestors().find(holds).unwrap_or(package).to_owned())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files")]
pub(super) mod tests {
    use super::*;
    use crate::bridges::runners::cargo::call::tests::read;

    /// A folder with files in it and nothing of the user's own around it.
    pub(in crate::bridges::runners::cargo) struct Place {
        pub(in crate::bridges::runners::cargo) top: tempfile::TempDir,
        pub(in crate::bridges::runners::cargo) variables: BTreeMap<String, String>,
    }

    impl Place {
        pub(in crate::bridges::runners::cargo) fn new(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
            let top = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let file = top.path().join(path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            let empty = top.path().join("none").to_str().unwrap().to_owned();
            let mut all = BTreeMap::from([("CARGO_HOME".to_owned(), empty)]);
            all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            Self { top, variables: all }
        }

        fn ask<T>(&self, line: &str, question: impl Fn(&Toolchain<'_>) -> Result<T, String>) -> Result<T, String> {
            let variable = |name: &str| self.variables.get(name).map(OsString::from);
            question(&Toolchain::read(&read(line).unwrap(), self.top.path(), &variable)?)
        }
    }

    fn host() -> String {
        Place::new(&[], &[]).ask("cargo test", |toolchain| Ok(toolchain.host.clone())).unwrap()
    }

    fn runners(toolchain: &Toolchain<'_>) -> Result<BTreeMap<String, Option<Vec<String>>>, String> {
        toolchain.runners()
    }

    pub(in crate::bridges::runners::cargo) const CONFIG: &str = ".cargo/config.toml";

    #[test]
    fn triples_come_from_the_command_the_environment_and_the_configuration() {
        let file = (CONFIG, "[build]\ntarget = ['from-file', 'x/described.json']");
        let variable = ("CARGO_BUILD_TARGET", "from-variable");
        for (line, files, variables, more) in [
            ("cargo test", vec![], vec![], vec![]),
            ("cargo test", vec![file], vec![], vec!["from-file", "described"]),
            ("cargo test", vec![file], vec![variable], vec!["from-variable"]),
            ("cargo test --target a --target d/b.json", vec![file], vec![variable], vec!["a", "b"]),
            ("cargo test --target host-tuple", vec![], vec![], vec![]),
        ] {
            let triples = Place::new(&files, &variables).ask(line, |toolchain| Ok(toolchain.triples()));
            assert_eq!(triples.unwrap()[1..], more, "{line} {files:?} {variables:?}");
        }
        let hidden =
            Place::new(&[], &[]).ask("cargo test --config build.target='x'", |toolchain| Ok(toolchain.triples()));
        assert_eq!(hidden, Err("build.target is set by --config or in an included file".to_owned()));
    }

    #[test]
    fn the_users_runner_is_found_wherever_it_stands() {
        let host = host();
        let name = variable_name(&host);
        let table = format!("target.{host}.runner");
        let variable = [(name.as_str(), "./mine --flag")];
        for (text, variables, expected) in [
            (String::new(), &[][..], None),
            (format!("{table} = 'qemu -L x'"), &[], Some("qemu|-L|x")),
            (format!("{table} = ['qemu', '-L a b']"), &[], Some("qemu|-L a b")),
            (format!("{table} = 'tools/run -a'"), &[], Some("TOP/tools/run|-a")),
            (format!("{table} = 'a'"), &variable, Some("TOP/./mine|--flag")),
            ("target.'cfg(unix)'.runner = 'by-cfg'".to_owned(), &[], Some("by-cfg")),
            ("target.'cfg(windows)'.runner = 'by-cfg'".to_owned(), &[], None),
            (format!("target.'cfg(unix)'.runner = 'by-cfg'\n{table} = 'by-name'"), &[], Some("by-name")),
        ] {
            let place = Place::new(&[(CONFIG, &text)], variables);
            let runners = place.ask("cargo test", runners).unwrap();
            let top = place.top.path().to_str().unwrap();
            let found = runners[&host].as_ref().map(|words| words.join("|").replace(top, "TOP"));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_runner_that_cannot_be_told_is_an_error() {
        for (line, text) in [
            ("cargo test --config target.x.runner='a'", ""),
            ("cargo test", "include = ['more.toml']"),
            ("cargo test --config more.toml", ""),
            ("cargo test", "not toml"),
            ("cargo test", "[target.'cfg(\"']\nrunner = 'a'"),
            ("cargo test", "[target.'cfg(unix)']\nrunner = 'a'\n[target.'cfg(all())']\nrunner = 'b'"),
        ] {
            let files =
                [(CONFIG, text), (".cargo/more.toml", "[target.x]\nrunner='a'"), ("more.toml", "target.x.runner='a'")];
            assert!(Place::new(&files, &[]).ask(line, runners).is_err(), "{line} {text}");
        }
        let name = variable_name(&host());
        assert!(Place::new(&[], &[(&name, "")]).ask("cargo test", runners).is_err(), "an empty variable");
    }

    #[test]
    fn a_rustdoc_and_an_alias_of_the_users_are_found() {
        let files = [(CONFIG, "build.rustdoc = 'tools/doc'\n[alias]\nt = 'test --lib'\ntest = 'no'")];
        let place = Place::new(&files, &[]);
        let doc = place.top.path().join("tools/doc");
        assert_eq!(place.ask("cargo test", |toolchain| Ok(toolchain.rustdoc().map(Path::to_owned))), Ok(Some(doc)));
        assert_eq!(place.ask("cargo test", |toolchain| Ok(toolchain.alias())), Ok(None));
        assert!(place.ask("cargo t", |toolchain| Ok(toolchain.alias())).unwrap().is_some());
        let place = Place::new(&files, &[("RUSTDOC", "other")]);
        assert_eq!(
            place.ask("cargo test", |toolchain| Ok(toolchain.rustdoc().map(Path::to_owned))),
            Ok(Some("other".into()))
        );
    }

    #[test]
    fn what_can_change_an_outcome_changes_the_variant() {
        let digest = |line: &str, text: &str, variables: &[(&str, &str)]| {
            let place = Place::new(&[(CONFIG, text), ("Cargo.toml", "[workspace]"), ("n.toml", text)], &[]);
            let all: Vec<_> = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let inputs = place.ask(line, |toolchain| Ok(toolchain.inputs(place.top.path(), &all))).unwrap();
            assert_eq!((&inputs["root"], &inputs["runner"]), (&json!(""), &json!("cargo-test")));
            variant_v1::digest(&inputs)
        };
        let plain = digest("cargo test", "", &[]);
        assert_eq!(
            plain,
            digest("cargo test x --lib -q", "alias.x = 'y'", &[("RUST_BACKTRACE", "1"), ("CARGO_TARGET_DIR", "t")])
        );
        for (line, text, variable) in [
            ("cargo test -r", "", ("A", "")),
            ("cargo test", "env.A = 'b'", ("A", "")),
            ("cargo test", "", ("RUSTFLAGS", "-g")),
            ("cargo test", "", ("CARGO_PROFILE_DEV_LTO", "true")),
            ("cargo test", "", ("CARGO_TARGET_X_RUNNER", "a")),
        ] {
            assert_ne!(plain, digest(line, text, &[variable]), "{line} {text} {variable:?}");
        }
    }

    #[test]
    fn the_workspace_is_found_above_its_members() {
        let files = [
            ("Cargo.toml", "[workspace]\nmembers = ['a', 'b/c']\nexclude = ['out']"),
            ("a/Cargo.toml", "[package]\nname = 'a'"),
            ("b/c/Cargo.toml", "[package]\nname = 'c'"),
            ("b/c/src/x", ""),
            ("out/Cargo.toml", "[package]\nname = 'o'"),
            ("far/Cargo.toml", "[package]\nname = 'f'\nworkspace = '../a'"),
        ];
        let place = Place::new(&files, &[]);
        let top = place.top.path().canonicalize().unwrap();
        for (line, folder, root) in [
            ("cargo test", "", ""),
            ("cargo test", "b/c/src", ""),
            ("cargo test", "out", "out"),
            ("cargo test --manifest-path ../a/Cargo.toml", "out", "out/../"),
            ("cargo test", "far", "a"),
        ] {
            assert_eq!(
                workspace_root(&read(line).unwrap(), &top.join(folder)),
                Some(top.join(root)),
                "{line} {folder}"
            );
        }
    }
}
