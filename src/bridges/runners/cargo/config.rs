//! cargo's configuration files: where they lie, what they say, and what of it can change an outcome.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use toml::{Table, Value as Toml};

use crate::formats::variant_v1;

use super::call::Call;

/// Tables that only say how cargo talks, fetches and stores.
const IDLE_TABLES: [&str; 12] = [
    "alias",
    "cache",
    "cargo-new",
    "credential-alias",
    "doc",
    "future-incompat-report",
    "http",
    "install",
    "net",
    "registries",
    "registry",
    "term",
];

/// Keys of `build` that only say where and how fast.
const IDLE_BUILD: [&str; 5] = ["build-dir", "dep-info-basedir", "incremental", "jobs", "target-dir"];

/// How deep files may include each other.
const DEEPEST: usize = 8;

/// One configuration file, or one `--config` of the command line.
#[derive(Debug)]
pub(super) struct Source {
    /// Where it lies; nowhere if it stood on the command line.
    pub(super) path: PathBuf,
    /// What it is made of.
    pub(super) text: String,
    /// What that says; `None` if it is not TOML.
    table: Option<Table>,
    /// The crate that resolves configuration for us does not know of it.
    hidden: bool,
}

impl Source {
    fn new(path: &Path, text: String, hidden: bool) -> Self {
        Self { path: path.to_owned(), table: text.parse().ok(), text, hidden }
    }

    /// The digest of what can change an outcome; `None` if there is nothing such.
    fn digest(&self) -> Option<String> {
        let Some(table) = &self.table else {
            return Some(variant_v1::digest(&json!(self.text)));
        };
        let mut table = table.clone();
        table.retain(|name, _| !IDLE_TABLES.contains(&name));
        if let Some(Toml::Table(build)) = table.get_mut("build") {
            build.retain(|name, _| !IDLE_BUILD.contains(&name));
        }
        table.retain(|_, value| value.as_table().is_none_or(|inner| !inner.is_empty()));
        (!table.is_empty()).then(|| variant_v1::digest(&json!(table)))
    }
}

/// All of them, the nearest first.
#[derive(Debug)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    /// Those that cargo meets when it stands in `folder`, without the command line.
    pub(super) fn around(folder: &Path, variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let mut found = Self(Vec::new());
        let home = home(folder, variable);
        let mut folders: Vec<PathBuf> = folder.ancestors().map(|above| above.join(".cargo")).collect();
        folders.extend(home.filter(|home| !folders.contains(home)));
        for folder in folders {
            // The old name wins if both are there.
            let file = ["config", "config.toml"].map(|name| folder.join(name)).into_iter().find(|file| file.exists());
            if let Some(file) = file {
                found.add_file(&file, false, 0);
            }
        }
        found
    }

    /// Adds what stands on the command line; such a word is a file if there is one of that name.
    pub(super) fn with_call(mut self, call: &Call, folder: &Path) -> Self {
        for word in &call.config {
            let file = folder.join(word);
            if file.is_file() {
                self.add_file(&file, true, 0);
            } else {
                self.0.push(Source::new(Path::new(""), word.clone(), true));
            }
        }
        self
    }

    fn add_file(&mut self, file: &Path, hidden: bool, depth: usize) {
        let source = Source::new(file, fs::read_to_string(file).unwrap_or_default(), hidden);
        let includes = source.table.as_ref().and_then(|table| table.get("include")).map(included).unwrap_or_default();
        self.0.push(source);
        let folder = file.parent().unwrap_or(file);
        for path in includes.iter().filter(|_| depth < DEEPEST) {
            self.add_file(&folder.join(path), true, depth + 1);
        }
    }

    /// The values that stand under a path of keys, `*` for any key.
    fn values(&self, path: &[&str]) -> Vec<(&Source, &Toml)> {
        let tables = self.0.iter().filter_map(|source| Some((source, source.table.as_ref()?)));
        let mut found = Vec::new();
        for (source, table) in tables {
            collect(table, path, &mut |value| found.push((source, value)));
        }
        found
    }

    /// Whether any of them says something there.
    pub(super) fn mentions(&self, path: &[&str]) -> bool {
        !self.values(path).is_empty()
    }

    /// Fails if what stands there cannot be resolved as cargo does.
    pub(super) fn resolvable(&self, path: &[&str]) -> Result<(), String> {
        let key = path.join(".");
        let values = self.values(path);
        if self.0.iter().any(|source| source.table.is_none()) {
            return Err("a configuration of cargo is not TOML".to_owned());
        }
        if values.iter().any(|(source, _)| source.hidden) {
            return Err(format!("{key} is set by --config or in an included file"));
        }
        if values.len() > 1 && values.iter().any(|(_, value)| value.is_array()) {
            return Err(format!("{key} is set as an array in more than one place"));
        }
        Ok(())
    }

    /// How many conditions have a runner, whether or not they hold.
    pub(super) fn conditional_runners(&self) -> usize {
        let tables = self.values(&["target"]).into_iter().filter_map(|(_, value)| value.as_table()).flatten();
        let conditions = tables.filter(|(name, value)| name.starts_with("cfg(") && value.get("runner").is_some());
        conditions.map(|(name, _)| name).collect::<BTreeSet<_>>().len()
    }

    /// Path and text of each.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|source| format!("{}\n{}", source.path.display(), source.text))
    }

    /// The digests of those that can change an outcome.
    pub(super) fn digests(&self) -> Value {
        self.0.iter().filter_map(Source::digest).collect()
    }
}

/// `CARGO_HOME`.
pub(super) fn home(folder: &Path, variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    home_of("CARGO_HOME", ".cargo", folder, variable)
}

/// The folder that a variable names, or the one of that name in the user's home.
pub(super) fn home_of(
    name: &str,
    usual: &str,
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let given = |name| variable(name).filter(|value| !value.is_empty());
    match given(name) {
        Some(path) => Some(folder.join(path)),
        None => Some(PathBuf::from(given("HOME")?).join(usual)),
    }
}

/// The paths that `include` names: a word, words, or tables with a `path`.
fn included(value: &Toml) -> Vec<String> {
    match value {
        Toml::String(path) => vec![path.clone()],
        Toml::Array(all) => all.iter().flat_map(included).collect(),
        Toml::Table(table) => table.get("path").map(included).unwrap_or_default(),
        Toml::Integer(_) | Toml::Float(_) | Toml::Boolean(_) | Toml::Datetime(_) => Vec::new(),
    }
}

fn collect<'a>(table: &'a Table, path: &[&str], found: &mut dyn FnMut(&'a Toml)) {
    let Some((first, rest)) = path.split_first() else { return };
    for (_, value) in table.iter().filter(|(name, _)| *first == "*" || name == first) {
        match value.as_table() {
            _ if rest.is_empty() => found(value),
            Some(inner) => collect(inner, rest, found),
            None => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files")]
mod tests {
    use super::*;

    fn digest(text: &str) -> Option<String> {
        Source::new(Path::new(""), text.to_owned(), false).digest()
    }

    #[test]
    fn only_keys_that_can_change_an_outcome_count() {
        for (one, other, same) in [
            ("", "[alias]\nt = 'test'\n[net]\nretry = 2\n[term]\nquiet = true", true),
            ("", "[build]\njobs = 3\ntarget-dir = '/t'", true),
            ("[build]\nrustflags='-g'", "# words\nbuild.rustflags = \"-g\"\nbuild.jobs = 3", true),
            ("", "[build]\nrustflags = '-g'", false),
            ("", "[env]\nA = '1'", false),
            ("[target.'cfg(unix)']\nrunner='a'", "[target.'cfg(unix)']\nrunner='b'", false),
            ("", "not toml", false),
        ] {
            assert_eq!(digest(one) == digest(other), same, "{other}");
        }
    }

    #[test]
    fn files_are_found_upwards_and_through_includes() {
        let temporary = tempfile::tempdir().unwrap();
        let top = temporary.path();
        for (path, text) in [
            ("a/b/.cargo/config.toml", "include = ['x.toml', { path = 'y.toml' }]\nbuild.target = 't'"),
            ("a/b/.cargo/x.toml", "target.t.runner = 'r'"),
            ("a/.cargo/config", "[target.s]\nrunner = ['q']"),
            ("a/.cargo/config.toml", "build.rustdoc = 'no'"),
            ("home/config.toml", "build.rustc = 'c'"),
        ] {
            fs::create_dir_all(top.join(path).parent().unwrap()).unwrap();
            fs::write(top.join(path), text).unwrap();
        }
        let variable = |name: &str| (name == "CARGO_HOME").then(|| top.join("home").into_os_string());
        let folder = top.join("a/b");
        let sources = Sources::around(&folder, &variable);
        let names: Vec<_> = sources.0.iter().map(|source| source.path.strip_prefix(top).unwrap().to_owned()).collect();
        let expected =
            ["a/b/.cargo/config.toml", "a/b/.cargo/x.toml", "a/b/.cargo/y.toml", "a/.cargo/config", "home/config.toml"];
        assert_eq!(names, expected.map(PathBuf::from));
        assert!(!sources.mentions(&["build", "rustdoc"]));
        assert_eq!(sources.resolvable(&["build", "target"]), Ok(()));
        assert!(sources.resolvable(&["target", "*", "runner"]).is_err());
        let call = Call { config: vec!["build.target='u'".to_owned()], ..Call::default() };
        assert!(sources.with_call(&call, &folder).resolvable(&["build", "target"]).is_err());
    }
}
