//! Which differences of the tree only code that asks for them can notice, and which code asks.
//!
//! Code of others asks too. What it can get at is what it is given: the metadata of the installed project, or functions and
//! classes. So docstrings, annotations and names are quiet only where the files that tests load import nothing but the standard
//! library and packages that are known not to look at them, and each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::quiet::{Aside, Change, Quiet, change};
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
    "dir",
    "__dir__",
    "__dict__",
    "__getattribute__",
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

/// Sorts of quiet difference, by their bit; the last is of those that nobody can ask for.
const SORTS: usize = 7;
const METADATA_CHANGED: usize = 0;
const NAMES_CHANGED: usize = 1;
const NEVER_RUN: usize = 6;

fn sort_of(aside: Aside) -> usize {
    match aside {
        Aside::Docs => 2,
        Aside::Titles => 3,
        Aside::Annotations => 4,
        Aside::Version => 5,
    }
}

/// Works out the quiet differences among the edges that do not hold.
#[must_use]
pub fn quiet(map: &Map, holds: &[bool], present: &mut Present) -> Quiet {
    let mut differs = vec![0_u8; map.edges.len()];
    let mut words: [Words; SORTS] = std::array::from_fn(|_| Words::default());
    let mut changed: BTreeMap<usize, Change> = BTreeMap::new();
    for (at, row) in map.edges.iter().enumerate().filter(|(at, _)| holds.get(*at) == Some(&false)) {
        if row.kind == EdgeKind::Fingerprint && map.word(row.name) == "metadata" {
            differs[at] = 1 << METADATA_CHANGED;
            words[METADATA_CHANGED].used.extend(METADATA.map(str::to_owned));
        } else if row.kind == EdgeKind::Loaded {
            changed.extend(aside(map, row, present).map(|change| (at, change)));
        }
    }
    if !changed.is_empty() && !strangers::look_at_code(map, present) {
        for (at, change) in changed {
            differs[at] = add_words(&mut words, map.word(map.edges[at].path), &change);
        }
        for sort in [NAMES_CHANGED, sort_of(Aside::Version)] {
            if !words[sort].is_empty() {
                words[sort].modules = module_names(present);
                words[sort].everywhere = imports_everything(present);
            }
        }
    }
    let mut asks = vec![0_u8; map.edges.len()];
    for (sort, words) in words.into_iter().enumerate().filter(|(_, words)| !words.is_empty()) {
        let asking = asking(map, present, words);
        for (asks, row) in asks.iter_mut().zip(&map.edges) {
            if asking.get(map.word(row.path)).is_some_and(|found| is_one(map, row, found.as_ref())) {
                *asks |= 1 << sort;
            }
        }
    }
    Quiet { differs, asks }
}

fn is_one(map: &Map, row: &EdgeRow, found: Option<&Mentions>) -> bool {
    let name = map.word(row.name);
    match (row.kind, found) {
        // Who reads a file may run it, or do what it says.
        (EdgeKind::Ran | EdgeKind::Loaded, None) | (EdgeKind::Read, _) => true,
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
    let mut shapes = contents.iter().filter_map(|content| present.known_shapes().get(content));
    // The same module-level code has the same asides, whatever else the file held.
    let before = shapes.find(|shape| shape.parsed && loaded_digest(mode, shape) == row.hash)?;
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

/// Adds the words with which the change may be asked for, each to its sort; the sorts, one bit each.
fn add_words(words: &mut [Words; SORTS], path: &str, change: &Change) -> u8 {
    let mut sorts = 1 << NEVER_RUN;
    let mut add = |sort: usize, lists: &[&[&str]]| {
        sorts |= 1 << sort;
        words[sort].used.extend(lists.iter().flat_map(|list| list.iter()).map(|word| (*word).to_owned()));
    };
    for &aside in &change.asides {
        add(
            sort_of(aside),
            match aside {
                Aside::Docs => &[&DOCS],
                Aside::Titles => &[&DOCS, &ATTRIBUTES],
                Aside::Annotations => &[&ANNOTATIONS],
                Aside::Version => &[&VERSION, NAMESPACES],
            },
        );
    }
    if !change.names.is_empty() {
        // An annotation may need a name that went away.
        add(NAMES_CHANGED, &[NAMESPACES, &ANNOTATIONS]);
    }
    for name in &change.names {
        words[NAMES_CHANGED].given.entry(name.clone()).or_default().insert(path.to_owned());
    }
    sorts
}

/// What the project's modules and packages are called by those who import them.
fn module_names(present: &Present) -> BTreeSet<String> {
    let sources = present.tree().entries.keys().filter_map(|path| path.strip_suffix(".py"));
    sources.flat_map(|stem| stem.rsplit('/').take(2)).filter(|name| *name != "__init__").map(str::to_owned).collect()
}

/// The source files of which something asks; without a list of who does, all of it.
fn asking(map: &Map, present: &Present, mut words: Words) -> BTreeMap<String, Option<Mentions>> {
    let sources = present.tree().entries.keys().map(String::as_str).filter(|path| is_source(path));
    // Files that the tree does not name (git ignores them) and files of other sorts that tests read.
    let is_content = |row: &&EdgeRow| matches!(row.kind, EdgeKind::Ran | EdgeKind::Loaded | EdgeKind::Read);
    let touched = map.edges.iter().filter(is_content).map(|row| map.word(row.path));
    let paths: BTreeSet<&str> = sources.chain(touched).collect();
    let texts: Vec<(&str, Vec<u8>)> = paths.into_iter().filter_map(|path| Some((path, present.text(path)?))).collect();
    loop {
        let candidates = texts.iter().filter(|(_, text)| may_mention(text, &words));
        let found: BTreeMap<String, Option<Mentions>> = candidates
            .map(|(path, text)| ((*path).to_owned(), is_source(path).then(|| mentions(path, text, &words)).flatten()))
            .collect();
        // A file may import the word under another name, and others may import that name from it.
        let before = words.used.len();
        let aliases: BTreeSet<String> = found.values().flatten().flat_map(|found| found.aliases.clone()).collect();
        words.used.extend(aliases);
        if words.used.len() == before {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::python_source::shape;

    /// What changed quietly; `None` if something else changed too.
    fn between(before: &str, after: &str) -> Option<Change> {
        change(&shape(before.as_bytes()).asides, &shape(after.as_bytes()).asides)
    }

    #[test]
    fn what_is_loud_is_never_quiet() {
        for (before, after) in [
            ("", "x = 1"),
            ("", "class C: pass"),
            ("", "@d\ndef f(): pass"),
            ("", "def f(a=g()): pass"),
            ("", "def f(a=b): pass"),
            ("", "def f(a: int): pass"),
            ("", "def f[T](a): pass"),
            ("", "def __getattr__(name): pass"),
            ("", "def pytest_configure(): pass"),
            ("", "import first_party"),
            ("", "import os.path"),
            ("", "from os import nothing"),
            ("", "from typing import *"),
            ("x = 1", "x = 1\ndef x(): pass"),
            ("def f(): pass", "def f(): pass\ndef f(): pass"),
            ("match 1:\n  case f: pass", "match 1:\n  case f: pass\ndef f(): pass"),
            ("def f(a): pass", "def f(b): pass"),
            ("def f(a=1): pass", "def f(a=2): pass"),
            ("def f(): pass", "async def f(): pass"),
            ("def f(): pass", "def f(): yield"),
            ("import os as a", "import re as a"),
            ("if x: pass", "if x:\n  def f(): pass"),
            ("class C: pass", "class C:\n  def m(self): pass"),
            ("class C:\n  x = 1", "class C:\n  x = 2"),
            ("def f():\n  '>>> 1'", "def f():\n  '>>> 2'"),
            ("@d\ndef f():\n  'a'", "@d\ndef f():\n  'b'"),
            ("def f(a: int): pass", "def f(a: str): pass"),
            ("from __future__ import annotations\nx: int", "from __future__ import annotations\nx: str"),
            ("if TYPE_CHECKING: import a", "if TYPE_CHECKING: import a\nelse: import b"),
            ("TYPE_CHECKING = 1\nif TYPE_CHECKING: a", "TYPE_CHECKING = 1\nif TYPE_CHECKING: b"),
            ("from x import TYPE_CHECKING\nif TYPE_CHECKING: a", "from x import TYPE_CHECKING\nif TYPE_CHECKING: b"),
            ("__version__ = f()", "__version__ = g()"),
            ("x = '\\ud800'\n", "x = '\\ud800'\ndef f(): pass"),
        ] {
            assert_eq!(between(before, after), None, "{before}\n->\n{after}");
        }
    }

    #[test]
    fn each_aside_is_told_apart() {
        let named =
            |names: &[&str]| Change { names: names.iter().map(|n| (*n).to_owned()).collect(), ..Change::default() };
        let said = |aside| Change { asides: [aside].into(), ..Change::default() };
        let future = "from __future__ import annotations\n";
        for (before, after, expected) in [
            ("", "def f(a, b=-1, *c, d=None, **e): pass".to_owned(), named(&["f"])),
            ("def f(): pass", String::new(), named(&["f"])),
            ("", "import re, json as j".to_owned(), named(&["j", "re"])),
            ("from os import nothing", String::new(), named(&["nothing"])),
            ("", "from typing import Any".to_owned(), named(&["Any"])),
            ("def f(): pass\nx = f()", "x = f()\ndef f(): pass".to_owned(), named(&["f"])),
            ("def f(): pass\ndef g(): pass", "def g(): pass\ndef f(): pass".to_owned(), named(&[])),
            ("def f():\n  'a'", "def f():\n  'b'".to_owned(), said(Aside::Docs)),
            ("'a'", "'b'".to_owned(), said(Aside::Titles)),
            ("class C:\n  'a'", "class C:\n  'b'".to_owned(), said(Aside::Titles)),
            (
                "class C:\n  @property\n  def m(self):\n    'a'",
                "class C:\n  @property\n  def m(self):\n    'b'".to_owned(),
                said(Aside::Docs),
            ),
            (
                "from __future__ import annotations\ndef f(a: int) -> C: pass",
                format!("{future}def f(a: str): pass"),
                said(Aside::Annotations),
            ),
            (
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import a",
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import b".to_owned(),
                Change::default(),
            ),
            ("__version__ = '1'", "__version__ = '2'".to_owned(), said(Aside::Version)),
        ] {
            assert_eq!(between(before, &after), Some(expected), "{before}\n->\n{after}");
        }
    }
}
