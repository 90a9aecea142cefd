//! Programs whose tests may look into other packages: where the file tracer does not see what they look at, the files there count.

use std::path::Path;

use super::positions::reached;
use super::project::Programs;
use crate::bridges::disk;
use crate::formats::rust_words;
use crate::model::edge::EdgeKind;
use crate::model::unit::{Unit, Units};

/// The unit of all files of packages that are not compiled. No test is called so.
const NEARBY: &str = "files of packages";

/// Names of functions and programs that lead out of a package's folder.
const LEADING: [&str; 5] = ["parent", "ancestors", "workspace_root", "MetadataCommand", "metadata"];

/// Names the packages' files to the programs that may look at them.
pub(super) fn add(root: &Path, project: &Programs, units: &mut Units) {
    let leads = |unit: &Unit| unit.sources.iter().chain(&unit.fixed).any(|path| leads_out(&root.join(path)));
    let leading: Vec<String> = units.iter().filter(|(_, unit)| leads(unit)).map(|(name, _)| name.clone()).collect();
    let programs = project.programs.iter().map(|program| &program.unit);
    let outgoing: Vec<String> =
        programs.filter(|name| reached(units, name).iter().any(|name| leading.contains(name))).cloned().collect();
    if outgoing.is_empty() {
        return;
    }
    let mut nearby = Unit::default();
    for unit in units.values() {
        nearby.files.extend(unit.files.iter().chain(&unit.idle).cloned());
        nearby.targets.extend(unit.targets.iter().filter(|target| target.kind == EdgeKind::Listed).cloned());
    }
    units.insert(NEARBY.to_owned(), nearby);
    for name in outgoing {
        units.entry(name).or_default().near.insert(NEARBY.to_owned());
    }
}

fn leads_out(path: &Path) -> bool {
    let text = disk::read(path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if text.as_ref().is_some_and(|text| ![".."].iter().chain(&LEADING).any(|word| text.contains(word))) {
        return false;
    }
    let Some(words) = text.as_deref().and_then(rust_words::words) else { return true };
    let up = |literal: &String| literal.trim_matches(['"', '#', 'r']).split('/').any(|part| part == "..");
    words.literals.iter().any(up) || LEADING.iter().any(|name| words.names.contains(*name))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test writes its sample")]
mod tests {
    use super::*;

    #[test]
    fn a_path_upwards_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rs");
        for (text, out) in [
            ("fn f() { read(\"../other/data.json\") }", true),
            ("fn f() { read(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/..\")) }", true),
            ("fn f() { read(r#\"a/../../b\"#) }", true),
            ("fn f() { folder.parent() }", true),
            ("fn f() { read(\"data/a..b.json\"); 1..2 }", false),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(leads_out(&path), out, "{text}");
        }
    }
}
