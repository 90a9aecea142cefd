//! `Cargo.toml` and `Cargo.lock` by their meaning: what matters to whom.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::tables::written;
use crate::model::digest::Digest;

/// Tables that matter to every package of a workspace.
const WORKSPACE: &[&str] = &["workspace", "profile", "patch", "replace", "cargo-features"];
/// Keys of `[package]` that decide how cargo unifies features everywhere.
const RESOLVER: &[&str] = &["resolver", "edition"];
/// Tables that can change which features other packages are built with.
const DEPENDENCIES: &[&str] = &[
    "dependencies",
    "dev-dependencies",
    "dev_dependencies",
    "build-dependencies",
    "build_dependencies",
    "target",
    "features",
];

/// The digest of a part of a manifest: `workspace`, `dependencies` (which may change how other packages are built), or (`package`)
/// all the rest. Comments, layout and the order
/// of keys do not count. What cannot be read counts by its bytes.
#[must_use]
pub fn part(name: &str, bytes: &[u8]) -> Digest {
    let Some(table) = table(bytes) else { return Digest::of(bytes) };
    let mut lines: Vec<String> = Vec::new();
    let outward = features_that_reach_out(&table);
    for (key, value) in &table {
        if let (true, Some(features)) = (key == "features", value.as_table()) {
            let place = |feature: &String| if outward.contains(feature) { "dependencies" } else { "package" };
            let here = features.iter().filter(|(feature, _)| place(feature) == name);
            lines.extend(here.map(|(feature, value)| format!("features.{feature} = {}", written(value))));
            continue;
        }
        let place = [("workspace", WORKSPACE), ("dependencies", DEPENDENCIES)].into_iter();
        let place =
            place.into_iter().find(|(_, keys)| keys.contains(&key.as_str())).map_or("package", |(place, _)| place);
        if place == name {
            lines.push(format!("{key} = {}", written(value)));
        }
    }
    if name == "workspace" {
        let package = table.get("package").and_then(Value::as_table);
        let keys = RESOLVER.iter().filter_map(|key| Some((key, package?.get(*key)?)));
        lines.extend(keys.map(|(key, value)| format!("package.{key} = {}", written(value))));
    }
    lines.sort();
    Digest::of_parts(lines.iter().map(String::as_bytes))
}

/// Features that switch on something in another package, by themselves or by way of others.
fn features_that_reach_out(table: &Table) -> BTreeSet<String> {
    let Some(features) = table.get("features").and_then(Value::as_table) else { return BTreeSet::new() };
    let items = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let mut found = BTreeSet::new();
    loop {
        let reaches = |value: &Value| {
            // A name that is no feature is an optional dependency's; what is not a list of names is not understood.
            items(value)
                .is_none_or(|items| items.iter().any(|item| !features.contains_key(item) || found.contains(item)))
        };
        let more: Vec<String> = features
            .iter()
            .filter(|(name, value)| !found.contains(*name) && reaches(value))
            .map(|(n, _)| n.clone())
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// What a manifest declares about programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// Whether there is a package, and not only a workspace.
    pub package: bool,
    /// Kind (`lib`, `bin`, `test`, `example`, `bench`) and name of programs that bring their own harness; a library's name is
    /// empty.
    pub plain: BTreeSet<(String, String)>,
}

impl Declared {
    /// Whether a program brings its own harness.
    #[must_use]
    pub fn is_plain(&self, kind: &str, name: &str) -> bool {
        let name = if kind == "lib" { "" } else { name };
        self.plain.contains(&(kind.to_owned(), name.to_owned()))
    }
}

/// Reads what a manifest declares about programs; `None` if it cannot be read.
#[must_use]
pub fn programs(bytes: &[u8]) -> Option<Declared> {
    let table = table(bytes)?;
    let mut declared = Declared { package: table.contains_key("package"), ..Declared::default() };
    let is_plain = |of: &Value| of.get("harness").and_then(Value::as_bool) == Some(false);
    if table.get("lib").is_some_and(is_plain) {
        declared.plain.insert(("lib".to_owned(), String::new()));
    }
    for kind in ["bin", "test", "example", "bench"] {
        let all = table.get(kind).and_then(Value::as_array).into_iter().flatten();
        let names = all.filter(|of| is_plain(of)).filter_map(|of| of.get("name").and_then(Value::as_str));
        declared.plain.extend(names.map(|name| (kind.to_owned(), name.to_owned())));
    }
    Some(declared)
}

/// The digest of what the package (or packages) of that name can reach in a `Cargo.lock`, itself included. What cannot be read
/// counts by its bytes.
#[must_use]
pub fn lock_closure(bytes: &[u8], package: &str) -> Digest {
    reached(bytes, package)
        .map_or_else(|| Digest::of(bytes), |lines| Digest::of_parts(lines.iter().map(String::as_bytes)))
}

/// One line for each package reached, and for each entry that stands in for another.
fn reached(bytes: &[u8], package: &str) -> Option<BTreeSet<String>> {
    let table = table(bytes)?;
    let packages: Vec<&Table> = table.get("package")?.as_array()?.iter().filter_map(Value::as_table).collect();
    let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, of) in packages.iter().enumerate() {
        named.entry(text(of, "name")?).or_default().push(at);
    }
    // A patch that nothing uses is a warning today and another resolution tomorrow; it reaches nobody.
    let roots = named.get(package)?.iter().filter(|at| !packages[**at].contains_key("source"));
    let mut open: Vec<usize> = roots.copied().collect();
    if open.is_empty() {
        return None;
    }
    let (mut seen, mut lines) = (BTreeSet::new(), BTreeSet::new());
    while let Some(at) = open.pop() {
        if !seen.insert(at) {
            continue;
        }
        let of = packages[at];
        lines.insert(line(of, table.get("metadata")));
        for dependency in dependencies(of).into_iter().chain(text(of, "replace")) {
            let mut words = dependency.split(' ');
            let (name, version, source) = (words.next()?, words.next(), words.next());
            // What is not there is a lock that cargo will write anew: nothing can be said about it.
            let candidates = named.get(name)?.iter().filter(|at| {
                let of = packages[**at];
                let source = source.map(|source| source.trim_matches(['(', ')']));
                version.is_none_or(|version| text(of, "version") == Some(version))
                    && source.is_none_or(|source| text(of, "source").is_some_and(|of| of.starts_with(source)))
            });
            open.extend(candidates);
        }
    }
    Some(lines)
}

fn dependencies(of: &Table) -> Vec<&str> {
    let all = of.get("dependencies").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).collect()
}

/// What is written of one package. Old locks keep the checksums apart.
fn line(of: &Table, metadata: Option<&Value>) -> String {
    let word = |key| text(of, key).unwrap_or_default();
    let (name, version, source) = (word("name"), word("version"), word("source"));
    let apart =
        metadata.and_then(|all| all.get(format!("checksum {name} {version} ({source})"))).and_then(Value::as_str);
    let mut dependencies = dependencies(of);
    dependencies.sort_unstable();
    let checksum = text(of, "checksum").or(apart).unwrap_or_default();
    format!("{name}\n{version}\n{source}\n{checksum}\n{}\n{}", word("replace"), dependencies.join("\n"))
}

fn text<'a>(of: &'a Table, key: &str) -> Option<&'a str> {
    of.get(key).and_then(Value::as_str)
}

fn table(bytes: &[u8]) -> Option<Table> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package]\nname = \"a\"\nversion = \"1.0.0\"\n[dependencies]\nb = \"1\"\nc = \"1\"\n\
        [profile.dev]\nopt-level = 1\n[lints.rust]\nunused = \"warn\"\n";

    #[test]
    fn an_edit_of_a_manifest_changes_the_part_it_is_about() {
        for (from, to, changed) in [
            ("[package]", "# words\n[package]", vec![]),
            ("b = \"1\"\nc = \"1\"", "c = \"1\"\nb = '1'", vec![]),
            ("b = \"1\"", "b = \"2\"", vec!["dependencies"]),
            ("[lints.rust]", "[features]\nx = []\n[lints.rust]", vec!["package"]),
            ("[lints.rust]", "[features]\nx = [\"y\"]\ny = []\n[lints.rust]", vec!["package"]),
            ("[lints.rust]", "[features]\nx = [\"b/y\"]\n[lints.rust]", vec!["dependencies"]),
            ("[lints.rust]", "[features]\nx = [\"y\"]\ny = [\"dep:b\"]\n[lints.rust]", vec!["dependencies"]),
            ("[lints.rust]", "[features]\nx = [\"b\"]\n[lints.rust]", vec!["dependencies"]),
            ("[lints.rust]", "[features]\nx = \"b\"\n[lints.rust]", vec!["dependencies"]),
            ("[lints.rust]", "[target.'cfg(unix)'.dependencies]\nx = \"1\"\n[lints.rust]", vec!["dependencies"]),
            ("opt-level = 1", "opt-level = 2", vec!["workspace"]),
            ("[lints.rust]", "[patch.crates-io]\nb = { path = \"b\" }\n[lints.rust]", vec!["workspace"]),
            ("\"1.0.0\"", "\"1.0.0\"\nresolver = \"1\"", vec!["package", "workspace"]),
            ("\"1.0.0\"", "\"1.0.1\"", vec!["package"]),
            ("[lints.rust]", "[[test]]\nname = \"x\"\n[lints.rust]", vec!["package"]),
            ("\"warn\"", "\"deny\"", vec!["package"]),
            ("[package]", "[package", vec!["dependencies", "package", "workspace"]),
        ] {
            let edited = MANIFEST.replace(from, to);
            let parts = ["dependencies", "package", "workspace"].into_iter();
            let found = parts.filter(|name| part(name, MANIFEST.as_bytes()) != part(name, edited.as_bytes()));
            assert_eq!(found.collect::<Vec<_>>(), changed, "{to}");
        }
    }

    #[test]
    fn programs_with_their_own_harness_are_found() {
        let found = programs(
            b"[package]\nname = \"a\"\n[lib]\nharness = false\n[[test]]\nname = \"t\"\nharness = false\n\
              [[bench]]\nname = \"b\"\nharness = true\n[[bin]]\nname = \"c\"",
        )
        .unwrap();
        assert!(found.package && found.is_plain("lib", "any") && found.is_plain("test", "t"));
        assert!(!found.is_plain("bench", "b") && !found.is_plain("bin", "c"));
        assert_eq!(programs(b"[workspace]\nmembers = []").map(|of| of.package), Some(false));
        assert_eq!(programs(b"[package"), None);
    }

    const LOCK: &str = r#"version = 4
[[package]]
name = "app"
version = "0.1.0"
dependencies = ["util", "x 2.0.0"]

[[package]]
name = "other"
version = "0.1.0"
dependencies = ["x 1.0.0 (registry+https://example)"]

[[package]]
name = "util"
version = "0.1.0"
dependencies = ["deep"]

[[package]]
name = "deep"
version = "3.0.0"
source = "registry+https://example"
checksum = "dd"

[[package]]
name = "x"
version = "1.0.0"
source = "registry+https://example"
checksum = "11"

[[package]]
name = "x"
version = "2.0.0"
source = "registry+https://example"
checksum = "22"
"#;

    #[test]
    fn an_update_matters_to_who_can_reach_it() {
        for (from, to, changed) in [
            ("version = 4", "# words\nversion = 4", vec![]),
            ("checksum = \"dd\"", "checksum = \"de\"", vec!["app", "util"]),
            ("checksum = \"11\"", "checksum = \"12\"", vec!["other"]),
            ("checksum = \"22\"", "checksum = \"23\"", vec!["app"]),
            ("name = \"other\"\nversion = \"0.1.0\"", "name = \"other\"\nversion = \"0.2.0\"", vec!["other"]),
            ("[\"deep\"]", "[\"deep\", \"lost\"]", vec!["app", "util"]),
            ("version = 4", "version = ", vec!["app", "other", "util"]),
        ] {
            let edited = LOCK.replace(from, to);
            let names = ["app", "other", "util"].into_iter();
            let found =
                names.filter(|name| lock_closure(LOCK.as_bytes(), name) != lock_closure(edited.as_bytes(), name));
            assert_eq!(found.collect::<Vec<_>>(), changed, "{to}");
        }
    }

    #[test]
    fn the_checksums_of_an_old_lock_stand_apart() {
        let old = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\"b 1.0.0 (registry+u)\"]\n\
            [[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"registry+u\"\n\
            [metadata]\n\"checksum b 1.0.0 (registry+u)\" = \"aa\"\n";
        assert_ne!(lock_closure(old.as_bytes(), "a"), lock_closure(old.replace("\"aa\"", "\"bb\"").as_bytes(), "a"));
    }
}
