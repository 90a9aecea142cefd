//! Which differences of the tree only code that asks for them can notice, and which code asks.

use std::collections::BTreeSet;

use crate::decide::quiet::Quiet;
use crate::formats::python_mentions::{Mentions, Words, may_mention, mentions};
use crate::model::edge::EdgeKind;
use crate::model::map::Map;

use super::present::{Present, is_source};

/// How a program asks for the metadata of an installed distribution. The project's own distribution is no part of the variant,
/// and what is declared in its tables ends there; `version_option` is click's, which asks on behalf of whoever calls it.
const METADATA: [&str; 6] =
    ["importlib.metadata", "importlib_metadata", "pkg_resources", "pkginfo", "get_distribution", "version_option"];

/// Works out the quiet differences among the edges that do not hold.
#[must_use]
pub fn quiet(map: &Map, holds: &[bool], present: &Present) -> Quiet {
    let differs: Vec<bool> = map
        .edges
        .iter()
        .zip(holds)
        .map(|(row, holds)| !holds && row.kind == EdgeKind::Fingerprint && map.word(row.name) == "metadata")
        .collect();
    if !differs.contains(&true) {
        return Quiet::default();
    }
    let words = METADATA.map(str::to_owned).into();
    let asking = asking(present, Words { used: words, imports_count: false });
    let asks = map.edges.iter().map(|row| {
        let name = map.word(row.name);
        asking.iter().filter(|(path, _)| path == map.word(row.path)).any(|(_, mentions)| match (row.kind, mentions) {
            (EdgeKind::Ran | EdgeKind::Loaded, None) => true,
            (EdgeKind::Ran, Some(found)) => found.functions.contains(name) || name == "*",
            (EdgeKind::Loaded, Some(found)) => found.module,
            _ => false,
        })
    });
    Quiet { asks: asks.collect(), differs }
}

/// The source files of which something asks; without a list of who does, all of it.
fn asking(present: &Present, mut words: Words) -> Vec<(String, Option<Mentions>)> {
    let sources = present.tree().entries.keys().filter(|path| is_source(path));
    let texts: Vec<(&String, Vec<u8>)> = sources.filter_map(|path| Some((path, present.text(path)?))).collect();
    loop {
        let candidates = texts.iter().filter(|(_, text)| may_mention(text, &words));
        let found: Vec<(String, Option<Mentions>)> =
            candidates.map(|(path, text)| ((*path).clone(), mentions(text, &words))).collect();
        // A file may import the word under another name, and others may import that name from it.
        let before = words.used.len();
        let aliases: BTreeSet<String> =
            found.iter().filter_map(|(_, found)| found.as_ref()).flat_map(|found| found.aliases.clone()).collect();
        words.used.extend(aliases);
        if words.used.len() == before {
            return found.into_iter().filter(|(_, found)| found.as_ref().is_none_or(asks)).collect();
        }
    }
}

fn asks(found: &Mentions) -> bool {
    found.module || !found.functions.is_empty()
}
