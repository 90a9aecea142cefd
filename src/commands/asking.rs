//! Which differences of the tree only code that asks for them can notice, and which code asks.
//!
//! Code of others asks too. What it can get at is what it is given: the metadata of the installed project, or functions and
//! classes. So docstrings, annotations and names are quiet only where the files that tests load import nothing but the standard
//! library and packages that are known not to look at them, and each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::quiet::{Change, Quiet, change};
use crate::formats::python_asides::is_still_module;
use crate::formats::python_mentions::{Mentions, Words, may_mention, mentions};
use crate::model::digest::Digest;
use crate::model::edge::EdgeKind;
use crate::model::map::{EdgeRow, Map};
use crate::model::shape::Asides;

use super::present::{Present, is_source, loaded_digest};
use super::strangers;

/// How a program asks for the metadata of an installed distribution. The project's own distribution is no part of the variant,
/// and what is declared in its tables ends there; `version_option` is click's, which asks on behalf of whoever calls it.
const METADATA: [&str; 6] =
    ["importlib.metadata", "importlib_metadata", "pkg_resources", "pkginfo", "get_distribution", "version_option"];

/// How a program gets at names of a module without naming them or holding the module.
const NAMESPACES: &[&str] = &[
    "globals",
    "locals",
    "vars",
    "eval",
    "exec",
    "compile",
    "sys.modules",
    "import_module",
    "__import__",
    "reload",
    "runpy",
    "run_path",
    "run_module",
    "getmodule",
    "currentframe",
    "_getframe",
    "f_globals",
    "__globals__",
    "f_back",
    "resolve_name",
    "locate",
    "pkgutil",
    "walk_packages",
    "iter_modules",
    "spec_from_file_location",
    "request.module",
    "item.module",
    "node.module",
    "parent.module",
    "fileConfig",
    "dictConfig",
    "__all__",
];

/// How a program asks for a docstring.
const DOCS: [&str; 9] =
    ["getmembers", "__doc__", "getdoc", "doctest", "pydoc", "docopt", "getsource", "getsourcelines", "help"];

/// How a program goes through all attributes of a class or module: its docstring is one of them.
const ATTRIBUTES: [&str; 3] = ["dir", "vars", "__dict__"];

/// How a program asks for annotations.
const ANNOTATIONS: [&str; 11] = [
    "__annotations__",
    "__annotate__",
    "annotationlib",
    "get_annotations",
    "get_type_hints",
    "signature",
    "Signature",
    "getfullargspec",
    "getargspec",
    "singledispatch",
    "singledispatchmethod",
];

/// How a program asks for a module's version by its name.
const VERSION: [&str; 2] = ["__version__", "importorskip"];

/// Works out the quiet differences among the edges that do not hold.
#[must_use]
pub fn quiet(map: &Map, holds: &[bool], present: &mut Present) -> Quiet {
    let mut differs = vec![false; map.edges.len()];
    let mut words = Words::default();
    let mut changed: BTreeMap<usize, Change> = BTreeMap::new();
    for (at, row) in map.edges.iter().enumerate().filter(|(at, _)| holds.get(*at) == Some(&false)) {
        if row.kind == EdgeKind::Fingerprint && map.word(row.name) == "metadata" {
            differs[at] = true;
            words.used.extend(METADATA.map(str::to_owned));
        } else if row.kind == EdgeKind::Loaded {
            changed.extend(aside(map, row, present).map(|change| (at, change)));
        }
    }
    if !changed.is_empty() && !strangers::look_at_code(map, present) {
        for (at, change) in changed {
            differs[at] = true;
            add_words(&mut words, map.word(map.edges[at].path), &change);
        }
        if !words.given.is_empty() || words.used.contains(VERSION[0]) {
            words.modules = module_names(present);
            words.everywhere = imports_everything(present);
        }
    }
    if !differs.contains(&true) {
        return Quiet::default();
    }
    let asking = asking(present, words);
    let asks = map.edges.iter().map(|row| asking.get(map.word(row.path)).is_some_and(|found| is_one(map, row, found)));
    Quiet { asks: asks.collect(), differs }
}

fn is_one(map: &Map, row: &EdgeRow, found: &Option<Mentions>) -> bool {
    let name = map.word(row.name);
    match (row.kind, found) {
        (EdgeKind::Ran | EdgeKind::Loaded, None) => true,
        (EdgeKind::Ran, Some(found)) => found.functions.contains(name) || name == "*",
        (EdgeKind::Loaded, Some(found)) => found.module,
        _ => false,
    }
}

/// What changed in a file since an edge on its module-level code was recorded, if only asides did.
fn aside(map: &Map, row: &EdgeRow, present: &mut Present) -> Option<Change> {
    let path = map.word(row.path);
    let mode = present.mode_of(path);
    let now: Asides = present.shape(path).filter(|shape| shape.parsed)?.asides.clone();
    let contents: BTreeSet<Digest> = map
        .inventories
        .iter()
        .flat_map(|inventory| {
            inventory.entries.iter().filter(|(at, _)| *at == row.path).map(|(_, entry)| entry.content)
        })
        .collect();
    let shapes = contents.iter().filter_map(|content| present.known_shapes().get(content));
    // The same module-level code has the same asides, whatever else the file held.
    let before = shapes.filter(|shape| shape.parsed && loaded_digest(mode, shape) == row.hash).next()?;
    change(&before.asides, &now).filter(|change| change.names.is_empty() || !shadows_the_library(present))
}

/// Whether a file or folder on the path of imports may come before a module of the standard library.
fn shadows_the_library(present: &Present) -> bool {
    let entries = &present.tree().entries;
    entries.keys().filter_map(|path| path.strip_suffix(".py")).any(|stem| {
        let module = stem.strip_suffix("/__init__").unwrap_or(stem);
        let (folder, name) = module.rsplit_once('/').unwrap_or(("", module));
        is_still_module(name) && (folder.is_empty() || !entries.contains_key(&format!("{folder}/__init__.py")))
    })
}

/// Whether some file imports all names of a module.
fn imports_everything(present: &Present) -> bool {
    let sources = present.tree().entries.keys().filter(|path| is_source(path));
    let mut texts = sources.filter_map(|path| present.text(path));
    texts.any(|text| {
        String::from_utf8_lossy(&text).lines().any(|line| {
            let line = line.trim_start();
            line.starts_with("from ") && line.contains("import") && line.contains('*')
        })
    })
}

fn add_words(words: &mut Words, path: &str, change: &Change) {
    let mut add = |list: &[&str]| words.used.extend(list.iter().map(|word| (*word).to_owned()));
    if change.docs || change.titles {
        add(&DOCS);
    }
    if change.titles {
        add(&ATTRIBUTES);
    }
    if change.annotations || !change.names.is_empty() {
        // An annotation may need a name that went away.
        add(&ANNOTATIONS);
    }
    if change.version {
        add(&VERSION);
    }
    if change.version || !change.names.is_empty() {
        add(NAMESPACES);
    }
    for name in &change.names {
        words.given.entry(name.clone()).or_default().insert(path.to_owned());
    }
}

/// What the project's modules and packages are called by those who import them.
fn module_names(present: &Present) -> BTreeSet<String> {
    let sources = present.tree().entries.keys().filter_map(|path| path.strip_suffix(".py"));
    sources.flat_map(|stem| stem.rsplit('/').take(2)).filter(|name| *name != "__init__").map(str::to_owned).collect()
}

/// The source files of which something asks; without a list of who does, all of it.
fn asking(present: &Present, mut words: Words) -> BTreeMap<String, Option<Mentions>> {
    let sources = present.tree().entries.keys().filter(|path| is_source(path));
    let texts: Vec<(&String, Vec<u8>)> = sources.filter_map(|path| Some((path, present.text(path)?))).collect();
    loop {
        let candidates = texts.iter().filter(|(_, text)| may_mention(text, &words));
        let found: BTreeMap<String, Option<Mentions>> =
            candidates.map(|(path, text)| ((*path).clone(), mentions(path, text, &words))).collect();
        // A file may import the word under another name, and others may import that name from it.
        let before = words.used.len();
        let aliases: BTreeSet<String> = found.values().flatten().flat_map(|found| found.aliases.clone()).collect();
        words.used.extend(aliases);
        if words.used.len() == before {
            return found;
        }
    }
}
