//! Which file of the repository a frame may mean, by names alone: what a frame says is only ever compared with the tree.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::fault::Frame;

/// The files of one commit, by the last part of their names.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    files: BTreeMap<String, Vec<Vec<String>>>,
    folders: BTreeMap<String, BTreeSet<Vec<String>>>,
    crates: BTreeMap<String, String>,
}

/// What a frame's names say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// Surely other people's code: a runtime, a library, an installed package.
    Outside,
    /// These files fit equally well.
    Files {
        /// From the root, sorted.
        paths: Vec<String>,
        /// Whether only the last part of the name fits, which says little: the text of the line has to agree.
        weak: bool,
    },
    /// The frame names a file that is not there.
    Missing {
        /// The nearest folder of the repository that fits, if one does.
        folder: String,
    },
    /// The frame names no file.
    Unnamed,
}

/// A part of frames' names and the folder of the repository that it stands for.
pub type Prefix = (String, String);

impl Tree {
    /// The tree of these files.
    #[must_use]
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut tree = Self::default();
        for path in paths {
            let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
            for depth in 1..parts.len() {
                let folder = parts[..depth].to_vec();
                let name = folder[depth - 1].clone();
                tree.folders.entry(name).or_default().insert(folder);
            }
            let Some(name) = parts.last().cloned() else { continue };
            tree.files.entry(name).or_default().push(parts);
        }
        tree
    }

    /// The same with the packages of Rust in it: each name, and the folder of its `Cargo.toml`.
    #[must_use]
    pub fn with_crates(mut self, crates: impl IntoIterator<Item = (String, String)>) -> Self {
        self.crates = crates.into_iter().map(|(name, folder)| (name.replace('-', "_"), folder)).collect();
        self
    }

    /// Where a frame points.
    #[must_use]
    pub fn find(&self, frame: &Frame, prefixes: &[Prefix]) -> Whereabouts {
        let names = [frame.abs_path.as_str(), frame.file.as_str()];
        let configured = names.iter().find_map(|name| self.configured(name, prefixes));
        if let Some(path) = configured {
            return Whereabouts::Files { paths: vec![path], weak: false };
        }
        let mut missing: Option<String> = None;
        for name in names {
            match self.by_name(name, frame.in_app) {
                Whereabouts::Unnamed => {}
                Whereabouts::Missing { folder } => missing = missing.filter(|known| !known.is_empty()).or(Some(folder)),
                found @ (Whereabouts::Outside | Whereabouts::Files { .. }) => return found,
            }
        }
        let by_module = self.by_module(frame);
        match (by_module, missing) {
            (found @ Whereabouts::Files { .. }, _) | (found, None) => found,
            (_, Some(folder)) => Whereabouts::Missing { folder },
        }
    }

    fn configured(&self, name: &str, prefixes: &[Prefix]) -> Option<String> {
        let name = name.replace('\\', "/");
        let inside = prefixes.iter().find_map(|(from, to)| Some((name.strip_prefix(from.as_str())?, to)))?;
        let path = format!("{}/{}", inside.1.trim_end_matches('/'), inside.0.trim_start_matches('/'));
        let path = path.trim_start_matches(['/', '.']).to_owned();
        let last = path.rsplit('/').next()?;
        self.files.get(last)?.iter().any(|parts| parts.join("/") == path).then_some(path)
    }

    fn by_name(&self, name: &str, in_app: Option<bool>) -> Whereabouts {
        if is_runtime(name) {
            return Whereabouts::Outside;
        }
        let parts = parts(name);
        if parts.is_empty() || name.starts_with(['<', '[']) {
            return Whereabouts::Unnamed;
        }
        if let Some(inside) = installed(&parts) {
            // The project itself may be installed: then all that follows fits, and it is more than a name.
            let own = self.best(inside, true).filter(|_| inside.len() > 1 && in_app != Some(false));
            return own.map_or(Whereabouts::Outside, |(paths, _)| Whereabouts::Files { paths, weak: true });
        }
        match self.best(&parts, false) {
            Some((paths, common)) => {
                let weak = common == 1 && parts.len() > 1 && in_app != Some(true);
                Whereabouts::Files { paths, weak: weak || (common == 1 && in_app == Some(false)) }
            }
            None => Whereabouts::Missing { folder: self.nearest_folder(&parts) },
        }
    }

    /// The files with the longest common end, and how long it is.
    fn best(&self, parts: &[&str], whole: bool) -> Option<(Vec<String>, usize)> {
        let same_name = self.files.get(*parts.last()?)?;
        let ends = same_name.iter().map(|path| (common_end(path, parts), path));
        let longest = ends.clone().map(|(common, _)| common).max()?;
        if whole && longest < parts.len() {
            return None;
        }
        let mut paths: Vec<String> =
            ends.filter(|(common, _)| *common == longest).map(|(_, path)| path.join("/")).collect();
        paths.sort();
        Some((paths, longest))
    }

    /// The deepest folder above a missing file that one folder of the repository alone fits.
    fn nearest_folder(&self, parts: &[&str]) -> String {
        for end in (1..parts.len()).rev() {
            let Some(named) = self.folders.get(parts[end - 1]) else { continue };
            let ends: Vec<(usize, &Vec<String>)> =
                named.iter().map(|path| (common_end(path, &parts[..end]), path)).collect();
            let longest = ends.iter().map(|(common, _)| *common).max().unwrap_or(0);
            // One name alone may be that of the place where it was deployed, unless the name begins with it.
            if longest == 1 && end > 1 {
                return String::new();
            }
            let mut best = ends.iter().filter(|(common, _)| *common == longest).map(|(_, path)| path.join("/"));
            return match (best.next(), best.next()) {
                (Some(only), None) => only,
                _ => String::new(),
            };
        }
        String::new()
    }

    /// `app.views` is `app/views.py` or `app/views/__init__.py`; `app::billing::total` is in `src/billing.rs` of the
    /// package `app`, if that is one of the repository's.
    fn by_module(&self, frame: &Frame) -> Whereabouts {
        let (paths, folder) = if frame.function.contains("::") {
            let function = rust_name(&frame.function);
            let modules: Vec<&str> = function.split("::").collect();
            let Some(folder) = self.crates.get(modules[0]) else { return Whereabouts::Outside };
            (self.rust_files(folder, &modules), folder.clone())
        } else if !frame.module.is_empty() && !frame.module.contains(['<', '/', ':', ' ']) {
            let parts: Vec<&str> = frame.module.split('.').collect();
            let file = format!("{}.py", parts[parts.len() - 1]);
            let plain = [&parts[..parts.len() - 1], &[file.as_str()]].concat();
            let package = [&parts[..], &["__init__.py"]].concat();
            let found = [plain, package].iter().find_map(|parts| self.best(parts, true)).map(|(paths, _)| paths);
            (found.unwrap_or_default(), self.nearest_folder(&[&parts[..], &[""]].concat()))
        } else {
            return Whereabouts::Unnamed;
        };
        match paths.is_empty() {
            true if folder.is_empty() => Whereabouts::Unnamed,
            true => Whereabouts::Missing { folder },
            false => Whereabouts::Files { paths, weak: false },
        }
    }

    /// The last part is the function, perhaps after its type; the first is the crate.
    fn rust_files(&self, folder: &str, modules: &[&str]) -> Vec<String> {
        let source = if folder.is_empty() { "src".to_owned() } else { format!("{folder}/src") };
        let is_there = |path: &String| {
            let named = path.rsplit('/').next().and_then(|name| self.files.get(name));
            named.is_some_and(|paths| paths.iter().any(|parts| parts.join("/") == *path))
        };
        for end in (1..modules.len()).rev() {
            let inside = modules[1..end].join("/");
            let names = if inside.is_empty() {
                [format!("{source}/lib.rs"), format!("{source}/main.rs")]
            } else {
                [format!("{source}/{inside}.rs"), format!("{source}/{inside}/mod.rs")]
            };
            let found: Vec<String> = names.into_iter().filter(is_there).collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }
}

/// How a symbol calls itself, without its hash, its closures and what it is generic over.
#[must_use]
pub fn rust_name(symbol: &str) -> String {
    let is_hash =
        |part: &str| part.len() == 17 && part.starts_with('h') && part[1..].bytes().all(|b| b.is_ascii_hexdigit());
    // `<app::Card as core::fmt::Display>::fmt` is `app::Card::fmt`.
    let own = symbol.strip_prefix('<').and_then(|rest| rest.split_once(" as "));
    let behind = own.and_then(|(_, rest)| rest.rsplit_once(">::"));
    let symbol = match (own, behind) {
        (Some((of, _)), Some((_, function))) => format!("{of}::{function}"),
        _ => symbol.to_owned(),
    };
    let mut depth = 0_usize;
    let mut plain = String::new();
    for letter in symbol.chars() {
        match letter {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    let parts = plain.split("::").filter(|part| !part.is_empty() && !part.starts_with('{') && !is_hash(part));
    parts.collect::<Vec<_>>().join("::")
}

fn common_end(path: &[String], parts: &[&str]) -> usize {
    path.iter().rev().zip(parts.iter().rev()).take_while(|(a, b)| a.as_str() == **b).count()
}

/// The parts of a name of a file, of an address or of a bundler's; `..` and what it takes back are left out.
fn parts(name: &str) -> Vec<&str> {
    let (address, scheme) =
        name.split_once("://").map_or((name, false), |(scheme, rest)| (rest, !scheme.contains('/')));
    let address = if scheme { address.split(['?', '#']).next().unwrap_or(address) } else { address };
    let mut parts = Vec::new();
    for part in address.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts
}

fn is_runtime(name: &str) -> bool {
    ["node:", "internal/", "<frozen", "<anonymous>", "native", "[native", "/rustc/", "ext:", "bun:"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// What stands behind the place where packages, a runtime or a registry keep their files; `None` for a file that is in no such place.
fn installed<'a, 'b>(parts: &'a [&'b str]) -> Option<&'a [&'b str]> {
    let behind = |names: &[&str]| parts.iter().rposition(|part| names.contains(part)).map(|at| &parts[at + 1..]);
    if let Some(inside) = behind(&["site-packages", "dist-packages", "node_modules"]) {
        return Some(inside);
    }
    let is_python = |part: &str| {
        part.strip_prefix("python").is_some_and(|rest| rest.bytes().next().is_some_and(|b| b.is_ascii_digit()))
    };
    let pairs =
        |first: &str, second: &dyn Fn(&str) -> bool| parts.windows(2).any(|pair| pair[0] == first && second(pair[1]));
    let stdlib = ["lib", "lib64"].iter().any(|lib| pairs(lib, &is_python));
    let is = |name: &'static str| move |part: &str| part == name;
    let rust = pairs("registry", &is("src")) || pairs("git", &is("checkouts")) || pairs("rustlib", &is("src"));
    let sources = ["std", "core", "alloc"].iter().any(|name| pairs("library", &is_named(name)));
    (stdlib || rust || sources).then_some(&[])
}

fn is_named(name: &str) -> impl Fn(&str) -> bool + '_ {
    move |part| part == name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree::new([
            "backend/shop/billing.py",
            "backend/shop/__init__.py",
            "backend/shop/views/__init__.py",
            "web/src/billing.js",
            "tools/decoder.py",
            "a/views.py",
            "b/views.py",
            "setup.py",
            "crate/src/billing.rs",
            "crate/src/pay/mod.rs",
            "crate/src/main.rs",
        ])
        .with_crates([("my-app".to_owned(), "crate".to_owned())])
    }

    fn frame(file: &str) -> Frame {
        Frame { file: file.to_owned(), ..Frame::default() }
    }

    fn found(frame: &Frame) -> String {
        match tree().find(frame, &[("/opt/x".to_owned(), "web/src".to_owned())]) {
            Whereabouts::Outside => "outside".to_owned(),
            Whereabouts::Files { paths, weak } => format!("{}{}", paths.join(" "), if weak { " ?" } else { "" }),
            Whereabouts::Missing { folder } => format!("missing in {folder:?}"),
            Whereabouts::Unnamed => "unnamed".to_owned(),
        }
    }

    #[test]
    fn names_of_files_are_found_by_their_longest_end() {
        for (file, expected) in [
            ("shop/billing.py", "backend/shop/billing.py"),
            ("/srv/backend/shop/billing.py", "backend/shop/billing.py"),
            ("/srv/shop/billing.py", "backend/shop/billing.py"),
            ("C:\\srv\\shop\\billing.py", "backend/shop/billing.py"),
            ("app:///src/billing.js?v=3", "web/src/billing.js"),
            ("webpack://web/./src/../src/billing.js", "web/src/billing.js"),
            ("/opt/x/billing.js", "web/src/billing.js"),
            ("views.py", "a/views.py b/views.py"),
            ("/srv/a/views.py", "a/views.py"),
            // A name alone says little.
            ("/usr/share/decoder.py", "tools/decoder.py ?"),
            ("/srv/setup.py", "setup.py ?"),
            ("setup.py", "setup.py"),
            ("/srv/backend/shop/gone.py", "missing in \"backend/shop\""),
            ("/srv/shop/views/gone.py", "missing in \"backend/shop/views\""),
            ("/srv/shop/gone.py", "missing in \"\""),
            ("a/gone.py", "missing in \"a\""),
            ("/srv/nowhere/gone.py", "missing in \"\""),
            ("../../../etc/passwd", "missing in \"\""),
            ("/venv/lib/python3.12/site-packages/shop/billing.py", "backend/shop/billing.py ?"),
            ("/venv/lib/python3.12/site-packages/requests/api.py", "outside"),
            ("/usr/lib/python3.12/json/decoder.py", "outside"),
            ("/srv/node_modules/express/lib/router.js", "outside"),
            ("node:internal/modules/cjs/loader", "outside"),
            ("<frozen importlib._bootstrap>", "outside"),
            ("<string>", "unnamed"),
            ("/rustc/0123/library/core/src/panicking.rs", "outside"),
            ("/usr/local/cargo/registry/src/index-1/serde-1.0.0/src/lib.rs", "outside"),
            ("", "unnamed"),
        ] {
            assert_eq!(found(&frame(file)), expected, "{file}");
        }
    }

    #[test]
    fn modules_and_symbols_are_found_where_there_is_no_file() {
        let by_module = |module: &str| Frame { module: module.to_owned(), ..Frame::default() };
        let by_symbol = |function: &str| Frame { function: function.to_owned(), ..Frame::default() };
        for (frame, expected) in [
            (by_module("shop.billing"), "backend/shop/billing.py"),
            (by_module("shop.views"), "backend/shop/views/__init__.py"),
            (by_module("shop.gone"), "missing in \"backend/shop\""),
            (by_module("elsewhere"), "unnamed"),
            (by_symbol("my_app::billing::Invoice::total"), "crate/src/billing.rs"),
            (by_symbol("<my_app::pay::Card as core::fmt::Display>::fmt::h0123456789abcdef"), "crate/src/pay/mod.rs"),
            (by_symbol("my_app::pay::charge::{{closure}}"), "crate/src/pay/mod.rs"),
            (by_symbol("my_app::checkout"), "crate/src/main.rs"),
            (by_symbol("other::billing::total"), "outside"),
            (by_symbol("core::panicking::panic"), "outside"),
        ] {
            assert_eq!(found(&frame), expected, "{frame:?}");
        }
    }
}
