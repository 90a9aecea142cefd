//! Programs whose code can be told where other code stands: in all that they are built from, the place of every token counts.

use std::collections::BTreeSet;
use std::path::Path;

use super::graph::Part;
use super::inputs;
use super::project::Programs;
use crate::bridges::disk;
use crate::formats::rust_places::{asks_for_places, names_a_line};
use crate::model::unit::{Unit, Units};

/// Endings of files that hold what a program is expected to say.
const EXPECTING: [&str; 9] = ["err", "expected", "golden", "out", "snap", "stderr", "stdout", "trycmd", "txt"];
/// Larger ones hold something else.
const EXPECTED: usize = 256 << 10;

/// Lets sources count by their bytes where a program may be told the places of what stands in them.
pub(super) fn add(root: &Path, project: &Programs, parts: &[Part<'_>], units: &mut Units) {
    let macros_ask = parts.iter().filter(|part| part.asked_by_macros).map(|part| part.unit.as_str());
    let mut asking: BTreeSet<String> = macros_ask.map(str::to_owned).collect();
    let all = units.values().flat_map(|unit| unit.sources.iter().chain(&unit.fixed));
    let names: BTreeSet<&str> = all.filter_map(|path| path.rsplit('/').next()).collect();
    let is_source = |name: &str| names.contains(name);
    let asks = |path: &String| disk::read(&root.join(path)).is_ok_and(|bytes| asks_for_places(&bytes, &is_source));
    let expects = |path: &String| {
        let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
        let bytes = || disk::read(&root.join(path)).ok().filter(|bytes| bytes.len() < EXPECTED);
        EXPECTING.contains(&ending) && bytes().is_some_and(|bytes| names_a_line(&bytes, &is_source))
    };
    let looks = |path: &String| if inputs::is_rust(path) { asks(path) } else { expects(path) };
    let sources = |unit: &Unit| unit.sources.iter().chain(&unit.fixed).chain(&unit.files).any(looks);
    asking.extend(units.iter().filter(|(_, unit)| sources(unit)).map(|(name, _)| name.clone()));
    if asking.is_empty() {
        return;
    }
    let tested = project.programs.iter().map(|program| &program.unit).chain(project.docs.iter().map(|doc| &doc.unit));
    let tested: Vec<String> =
        tested.filter(|name| reached(units, name).iter().any(|name| asking.contains(name))).cloned().collect();
    let placed: BTreeSet<String> = tested.iter().flat_map(|name| reached(units, name)).collect();
    for name in &placed {
        let unit = &units[name];
        let files = unit.sources.union(&unit.fixed).cloned().collect();
        let needs = unit.needs.iter().filter(|need| placed.contains(*need)).map(|need| by_place(need)).collect();
        units.insert(by_place(name), Unit { files, needs, ..Unit::default() });
    }
    for name in tested {
        units.entry(name.clone()).or_default().needs.insert(by_place(&name));
    }
}

/// The unit that holds another's sources as they stand. No test is called so.
fn by_place(unit: &str) -> String {
    format!("{unit} by place")
}

/// A unit and all that it needs.
pub(super) fn reached(units: &Units, name: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        if let Some(unit) = units.get(&name)
            && reached.insert(name)
        {
            open.extend(unit.needs.iter().cloned());
        }
    }
    reached
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test writes its sample")]
mod tests {
    use super::*;
    use crate::bridges::runners::cargo::project::Doc;

    fn names(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_program_that_asks_counts_all_it_is_built_from_by_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("base.rs", "fn f() {}"), ("asks.rs", "fn f() { set_hook(g) }"), ("other.rs", "")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let unit =
            |sources: &[&str], needs: &[&str]| Unit { sources: names(sources), needs: names(needs), ..Unit::default() };
        let mut units = Units::from([
            ("base".to_owned(), unit(&["base.rs"], &[])),
            ("asks::doc".to_owned(), unit(&["asks.rs"], &["base"])),
            ("other::doc".to_owned(), unit(&["other.rs"], &["base"])),
        ]);
        let doc = |unit: &str| Doc { unit: unit.to_owned(), package: String::new(), crate_name: String::new() };
        let project = Programs { docs: vec![doc("asks::doc"), doc("other::doc")], ..Programs::default() };
        add(folder.path(), &project, &[], &mut units);
        assert_eq!(units["asks::doc"].needs, names(&["base", "asks::doc by place"]));
        assert_eq!(units["asks::doc by place"].files, names(&["asks.rs"]));
        assert_eq!(units["asks::doc by place"].needs, names(&["base by place"]));
        assert_eq!(units["base by place"].files, names(&["base.rs"]));
        assert_eq!(units["other::doc"].needs, names(&["base"]));
    }
}
