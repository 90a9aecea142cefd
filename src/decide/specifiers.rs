//! Where modules that a script names are looked for.

use std::collections::BTreeSet;

use crate::model::change::SCRIPT_ENDINGS;
use crate::model::window::{Trace, WindowKind};

/// A folder, and the name of a file in it without what may follow a dot.
pub(super) type Place = (String, String);

/// Paths of a trace at which somebody looked for a module.
#[derive(Debug)]
pub(super) struct Places<'a> {
    looked_at: BTreeSet<&'a str>,
}

impl<'a> Places<'a> {
    /// The paths of a trace.
    pub(super) fn of(trace: &'a Trace) -> Self {
        let process = trace.windows.iter().filter(|window| window.kind == WindowKind::Process);
        let asked = process.flat_map(|window| &window.probed);
        let loaded = trace.codes.values().map(|code| code.path.as_str());
        Self { looked_at: asked.map(String::as_str).chain(loaded).collect() }
    }

    /// Where `import` in the file `from` is looked for.
    pub(super) fn of_import(&self, from: &str, import: &str) -> Vec<Place> {
        if let Some(path) = relative(from, import) {
            let place = place_of(&path);
            return vec![place, (path, "index".to_owned())];
        }
        // By another name for a folder (`@/a/b`, `~/b`, `src/b`): nobody but the runner knows which, so all that end so count.
        let found = self.looked_at.iter().filter(|path| may_mean(import, path));
        found.map(|path| place_of(path)).collect()
    }

    /// Those of `among` that `import` in the file `from` may mean.
    pub(super) fn files_of<'b>(&self, from: &str, import: &str, among: &'b BTreeSet<String>) -> Vec<&'b str> {
        let wanted: BTreeSet<Place> = self.of_import(from, import).into_iter().collect();
        let is_relative = relative(from, import).is_some();
        let is_one = |path: &str| wanted.contains(&place_of(path)) || (!is_relative && may_mean(import, path));
        among.iter().map(String::as_str).filter(|path| is_one(path)).collect()
    }
}

/// The path that a relative specifier stands for, without `.` and `..`; `None` for any other, and where it leaves the root.
fn relative(from: &str, import: &str) -> Option<String> {
    if !import.starts_with('.') {
        return None;
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in import.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

/// The place of a path.
pub(super) fn place_of(path: &str) -> Place {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    (folder.to_owned(), stem(name).to_owned())
}

fn stem(name: &str) -> &str {
    // Endings that a specifier may have and what it finds may not.
    let is_one = |ending: &str| SCRIPT_ENDINGS.contains(&ending) || ending == "json";
    let stem = name.rsplit_once('.').filter(|(stem, ending)| !stem.is_empty() && is_one(ending));
    let stem = stem.map_or(name, |(stem, _)| stem);
    stem.strip_suffix(".d").unwrap_or(stem)
}

/// Whether a specifier that is no path may mean a file: all but its first part is how the file's path ends.
fn may_mean(import: &str, path: &str) -> bool {
    let (_, last) = import.split_once('/').unwrap_or(("", import));
    let last = last.trim_start_matches(['@', '~', '#', '$']);
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let ends_with =
        |path: &str, end: &str| path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    let own = format!("{folder}{}{}", if folder.is_empty() { "" } else { "/" }, stem(name));
    let wanted = stem(last);
    let is_main = stem(name) == "index" || folder.ends_with("/src") || folder.ends_with("/lib");
    !last.is_empty()
        && (ends_with(&own, wanted)
            || (stem(name) == "index" && ends_with(folder, wanted))
            // The main file of a package of the repository.
            || (is_main && folder.split('/').any(|part| part == wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_specifier_is_looked_for_beside_the_file_that_names_it() {
        for (from, import, expected) in [
            ("src/a.ts", "./b", Some("src/b")),
            ("src/a.ts", "../b.js", Some("b.js")),
            ("a.ts", "../b", None),
            ("src/x/a.ts", "..", Some("src")),
            ("src/a.ts", "b", None),
        ] {
            assert_eq!(relative(from, import).as_deref(), expected, "{from} {import}");
        }
        assert_eq!(place_of("src/b.d.ts"), ("src".to_owned(), "b".to_owned()));
        assert_eq!(place_of("b.config"), (String::new(), "b.config".to_owned()));
    }

    #[test]
    fn another_name_for_a_folder_may_mean_whatever_ends_so() {
        for (import, path, may) in [
            ("@/models/user", "src/models/user.ts", true),
            ("@/models", "src/models/index.ts", true),
            ("src/a", "lib/a.js", true),
            ("@/user", "src/superuser.ts", false),
            ("@my/core", "packages/core/src/index.ts", true),
            ("core", "packages/core/lib/main.js", true),
            ("react", "src/a.ts", false),
        ] {
            assert_eq!(may_mean(import, path), may, "{import} {path}");
        }
    }
}
