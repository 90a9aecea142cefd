//! The footprints of tests that a runner runs file by file, each with modules of its own: a test depends on every module that was
//! loaded for its file, on what was read, listed and asked for meanwhile, and on all that its process did once for everybody.
//! Design: `runners-jest.md`, sections 4, 5 and 10.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::edge::{AMBIENT, BESIDE, EdgeKind, MOCKS, Target};
use crate::model::outcome::TestResult;
use crate::model::shape::{Script, Shape};
use crate::model::window::{Trace, Window, WindowKind};

use super::accesses::add_files;
use super::classify::is_script_table;
use super::draft::{Surroundings, target_of};
use super::drafted::{Draft, DraftFootprint, DraftSet, Sets};
use super::outcomes::variant_of;
use super::specifiers::{Place, Places, place_of};
use super::walkers::is_walker;

/// How a collector calls itself that tells which modules were loaded for each test file.
pub const BY_MODULE: &str = "modules";

/// Drafts the footprints of the tests of one process.
#[must_use]
pub(super) fn draft(trace: &Trace, results: &[TestResult], around: Surroundings<'_>) -> Draft {
    let variant = variant_of(trace).to_owned();
    let mut drafter = Drafter { trace, around, sets: Sets::default(), places: Places::of(trace) };
    let files = drafter.files();
    let types: BTreeMap<&str, BTreeSet<String>> =
        files.iter().map(|(&file, windows)| (file, drafter.types_of(windows))).collect();
    let process = drafter.draft_process(&files, &types);
    let own: BTreeMap<&str, usize> =
        files.iter().map(|(&file, windows)| (file, drafter.draft_file(windows, &types[file]))).collect();
    let mut footprints = Vec::new();
    for (file, windows) in &files {
        let begins = format!("{file}::");
        let vouching = results.iter().filter(|result| result.outcome.vouches() && result.variant == variant);
        let tests: Vec<&str> =
            vouching.map(|result| result.test.as_str()).filter(|test| test.starts_with(&begins)).collect();
        if tests.is_empty() || !windows.iter().all(|window| window.closed && drafter.holds_its_file(window)) {
            continue;
        }
        let mut sets = vec![own[file]];
        for maker in makers(&files, windows, file) {
            sets.push(own[maker]);
            let needs =
                BTreeSet::from([Target::new(EdgeKind::Fixture, maker.split("::").nth(1).unwrap_or_default(), "")]);
            sets.push(drafter.sets.add(DraftSet { targets: needs, includes: BTreeSet::new() }));
        }
        sets.push(process);
        let paths = windows.iter().map(|w| w.reads.len() + w.lists.len()).sum::<usize>();
        let walker = is_walker(paths, around.tree_size);
        footprints.extend(tests.into_iter().map(|test| DraftFootprint {
            test: test.to_owned(),
            sets: sets.clone(),
            memory: Vec::new(),
            walker,
            traced: trace.traced,
            bounded: false,
        }));
    }
    Draft { variant, sets: drafter.sets, footprints, files: BTreeMap::new() }
}

/// Test files that make what another reads or asks for: it depends on all that they depend on.
fn makers<'a>(files: &BTreeMap<&'a str, Vec<&Window>>, windows: &[&Window], file: &str) -> BTreeSet<&'a str> {
    let touches =
        |path: &String| windows.iter().any(|window| window.reads.contains(path) || window.probed.contains(path));
    let others = files.iter().filter(|(other, _)| **other != file);
    let makes = others.filter(|(_, theirs)| theirs.iter().any(|window| window.wrote.iter().any(touches)));
    makes.map(|(other, _)| *other).collect()
}

/// What every test depends on, whichever files it loads.
#[must_use]
pub fn base<'a>(paths: impl Iterator<Item = &'a String>) -> BTreeSet<Target> {
    let tables = paths.filter(|path| is_script_table(path));
    let mut targets: BTreeSet<Target> =
        tables.map(|path| Target::new(EdgeKind::Fingerprint, path.as_str(), "build")).collect();
    // A mock beside the packages takes the place of one without anybody asking for it.
    targets.insert(Target::new(EdgeKind::Listed, "", MOCKS));
    targets
}

struct Drafter<'a> {
    trace: &'a Trace,
    around: Surroundings<'a>,
    sets: Sets,
    /// Paths that somebody looked for a module at.
    places: Places<'a>,
}

impl<'a> Drafter<'a> {
    /// Windows by the ids of their files.
    fn files(&self) -> BTreeMap<&'a str, Vec<&'a Window>> {
        let mut files: BTreeMap<&str, Vec<&Window>> = BTreeMap::new();
        for window in self.trace.windows.iter().filter(|window| window.kind == WindowKind::Test) {
            files.entry(&window.name).or_default().push(window);
        }
        files
    }

    fn loaded(&self, window: &'a Window) -> impl Iterator<Item = &'a str> {
        let trace = self.trace;
        window.codes.iter().filter_map(move |(code, _)| trace.codes.get(code)).map(|code| code.path.as_str())
    }

    fn script(&self, path: &str) -> Option<&'a Script> {
        self.around.shapes.get(path)?.script.as_ref()
    }

    fn holds_its_file(&self, window: &'a Window) -> bool {
        let file = window.name.split_once("::").map_or(window.name.as_str(), |(_, file)| file);
        self.loaded(window).any(|path| path == file) || window.reads.contains(file)
    }

    /// Files that a compiler looks at for what was loaded: all that it imports, types included.
    fn types_of(&self, windows: &[&'a Window]) -> BTreeSet<String> {
        if self.trace.types.is_empty() {
            return BTreeSet::new();
        }
        let mut waiting: Vec<String> =
            windows.iter().flat_map(|window| self.loaded(window)).map(str::to_owned).collect();
        let mut found: BTreeSet<String> = waiting.iter().cloned().collect();
        while let Some(path) = waiting.pop() {
            let Some(script) = self.script(&path) else { continue };
            for import in &script.imports {
                let files = self.places.files_of(&path, import, &self.trace.types);
                waiting.extend(files.into_iter().filter(|file| found.insert((*file).to_owned())).map(str::to_owned));
            }
        }
        found
    }

    fn draft_file(&mut self, windows: &[&'a Window], types: &BTreeSet<String>) -> usize {
        let mut set = DraftSet::default();
        let mut loaded: BTreeSet<&str> = BTreeSet::new();
        for window in windows {
            loaded.extend(self.loaded(window));
            add_files(window, &mut set.targets);
            // A script that is read may be started somewhere else.
            set.targets.extend(window.reads.iter().flat_map(|path| self.variables_of(path)));
            set.targets.extend(
                window
                    .codes
                    .iter()
                    .filter_map(|(code, _)| self.trace.codes.get(code))
                    .map(|code| target_of(code, self.around.shapes)),
            );
        }
        let sees_places = loaded.iter().any(|path| self.script(path).is_some_and(|script| script.sees_places));
        for path in &loaded {
            set.targets.extend(self.variables_of(path));
            if sees_places {
                set.targets.insert(Target::new(EdgeKind::Read, *path, ""));
            }
        }
        for window in windows {
            set.targets.extend(self.places_of(window).into_iter().map(beside));
            set.targets.extend(window.variables.iter().map(|name| Target::new(EdgeKind::Fingerprint, "env", name)));
        }
        set.targets.extend(types.iter().map(|path| Target::new(EdgeKind::Ran, path, "*")));
        self.sets.add(set)
    }

    /// Variables that a file names.
    fn variables_of(&self, path: &str) -> impl Iterator<Item = Target> {
        let names = self.around.shapes.get(path).into_iter().flat_map(|shape| &shape.environment);
        names.map(|name| Target::new(EdgeKind::Fingerprint, "env", name))
    }

    /// Where modules were looked for, and where those are that were found.
    fn places_of(&self, window: &'a Window) -> BTreeSet<Place> {
        let asked = window.places.iter().flat_map(|path| [place_of(path), (path.clone(), "index".to_owned())]);
        let found = self.loaded(window).chain(window.reads.iter().map(String::as_str));
        let found = found.flat_map(|path| {
            let place = place_of(path);
            // A file beside the folder would be found before its index.
            let folder = (place.1 == "index").then(|| place_of(&place.0));
            [Some(place), folder].into_iter().flatten()
        });
        asked.chain(found).collect()
    }

    /// What belongs to every test of the process.
    fn draft_process(
        &mut self,
        files: &BTreeMap<&str, Vec<&'a Window>>,
        types: &BTreeMap<&str, BTreeSet<String>>,
    ) -> usize {
        let mut set = DraftSet { targets: self.around.base.clone(), includes: BTreeSet::new() };
        let mut loaded: BTreeSet<&str> = BTreeSet::new();
        for window in self.trace.windows.iter().filter(|window| window.kind == WindowKind::Process) {
            add_files(window, &mut set.targets);
            loaded.extend(self.loaded(window));
            // A thread of a test reads its script in the name of the process.
            set.targets.extend(window.reads.iter().flat_map(|path| self.variables_of(path)));
        }
        // Who looked for a module has the place among its own.
        let covered: BTreeSet<Place> = files.values().flatten().flat_map(|window| self.places_of(window)).collect();
        set.targets.retain(|target| match target.kind {
            // What is loaded counts by what it means; tables count by table.
            EdgeKind::Read => !loaded.contains(target.path.as_str()) && !is_script_table(&target.path),
            EdgeKind::Probed => !is_script_table(&target.path) && !covers(&covered, &target.path),
            EdgeKind::Ran
            | EdgeKind::Loaded
            | EdgeKind::Listed
            | EdgeKind::Spawned
            | EdgeKind::Fixture
            | EdgeKind::Opaque
            | EdgeKind::Fingerprint => true,
        });
        set.targets.extend(loaded.iter().map(|path| whole(path, self.around.shapes)));
        set.targets.extend(loaded.iter().flat_map(|path| self.variables_of(path)));
        let process = self.trace.windows.iter().filter(|window| window.kind == WindowKind::Process);
        let looked_for = process.flat_map(|window| window.places.iter().map(|path| place_of(path)));
        set.targets.extend(looked_for.filter(|place| !covered.contains(place)).map(beside));
        let reached: BTreeSet<&str> = types.values().flatten().map(String::as_str).collect();
        for path in &self.trace.types {
            let is_ambient = || self.script(path).is_none_or(|script| script.ambient);
            if path.is_empty() {
                set.targets.insert(Target::new(EdgeKind::Listed, "", AMBIENT));
            } else if (!reached.contains(path.as_str()) && self.around.has_other_names) || is_ambient() {
                set.targets.insert(Target::new(EdgeKind::Ran, path, "*"));
            }
        }
        self.sets.add(set)
    }
}

fn whole(path: &str, shapes: &BTreeMap<String, Shape>) -> Target {
    let kind = if shapes.contains_key(path) { EdgeKind::Ran } else { EdgeKind::Read };
    Target::new(kind, path, if kind == EdgeKind::Ran { "*" } else { "" })
}

/// What else would be found at a place.
fn beside((folder, stem): Place) -> Target {
    Target::new(EdgeKind::Probed, folder, format!("{BESIDE}{stem}"))
}

/// Whether what is at a path would be found at one of these places: who depends on the place has it among its own.
fn covers(places: &BTreeSet<Place>, path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stems = name.match_indices('.').map(|(at, _)| &name[..at]).chain([name]);
    stems.into_iter().any(|stem| places.contains(&(folder.to_owned(), stem.to_owned())))
        || (name.starts_with("index.") && places.contains(&place_of(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Outcome;
    use crate::model::window::{Code, Session};

    fn shape(imports: &[&str], sees_places: bool) -> Shape {
        let imports = imports.iter().map(|import| (*import).to_owned()).collect();
        Shape { script: Some(Script { imports, sees_places, ambient: false }), parsed: true, ..Shape::default() }
    }

    fn window(kind: WindowKind, name: &str, codes: &[u32]) -> Window {
        let mut window = Window::new(kind, name, codes.len() as u64);
        window.codes.extend(codes.iter().map(|&code| (code, None)));
        window
    }

    fn trace() -> Trace {
        let paths = ["t/a.test.ts", "src/a.ts", "t/b.test.ts", "jest.setup.js"];
        let code = |path: &str| Code { path: path.to_owned(), line: 0, qualified: Some("*".to_owned()) };
        let mut process = window(WindowKind::Process, "", &[3]);
        process.probed = ["src/a", "src/a.js", "src/lone.js", "package.json"].map(str::to_owned).into();
        let mut first = window(WindowKind::Test, "jest::t/a.test.ts", &[0, 1]);
        first.places.insert("src/a".to_owned());
        Trace {
            session: Some(Session { variant: "v".into(), ..Session::default() }),
            collector: BY_MODULE.to_owned(),
            codes: (0..).zip(paths.map(code)).collect(),
            windows: vec![process, first, window(WindowKind::Test, "jest::t/b.test.ts", &[2])],
            ..Trace::default()
        }
    }

    fn reached(trace: &Trace, shapes: &BTreeMap<String, Shape>, test: &str) -> BTreeSet<String> {
        let result = TestResult {
            test: test.to_owned(),
            variant: "v".into(),
            outcome: Outcome::Passed,
            seconds: 0.0,
            attempts: 1,
            worker: String::new(),
        };
        let around = Surroundings { shapes, base: &BTreeSet::new(), tree_size: 9, has_other_names: false };
        let draft = draft(trace, &[result], around);
        let sets = draft.footprints.iter().flat_map(|footprint| &footprint.sets);
        sets.flat_map(|&at| draft.sets.targets_of(at))
            .map(|target| format!("{} {target}", target.kind.word()))
            .collect()
    }

    fn shapes() -> BTreeMap<String, Shape> {
        let all = [
            ("t/a.test.ts", shape(&["../src/a"], false)),
            ("src/a.ts", shape(&["./types"], false)),
            ("t/b.test.ts", shape(&[], true)),
            ("jest.setup.js", shape(&[], false)),
            ("src/types.ts", shape(&[], false)),
            ("src/loose.ts", shape(&[], false)),
        ];
        all.map(|(path, shape)| (path.to_owned(), shape)).into()
    }

    #[test]
    fn a_test_depends_on_what_was_loaded_for_its_file_and_on_what_would_be_found_in_its_place() {
        let found = reached(&trace(), &shapes(), "jest::t/a.test.ts::one");
        for target in ["ran src/a.ts *", "ran t/a.test.ts *", "ran jest.setup.js *", "probed src beside:a"] {
            assert!(found.contains(target), "{target}: {found:?}");
        }
        assert!(found.contains("probed src/lone.js") && !found.contains("probed src/a.js"), "{found:?}");
        assert!(!found.iter().any(|target| target.contains("b.test") || target.contains("package.json")), "{found:?}");
    }

    #[test]
    fn who_reads_what_another_test_file_made_depends_on_that_one_too() {
        let mut trace = trace();
        trace.windows[1].wrote.insert("out.json".to_owned());
        trace.windows[2].reads.insert("out.json".to_owned());
        assert!(reached(&trace, &shapes(), "jest::t/b.test.ts::one").contains("ran src/a.ts *"));
    }

    #[test]
    fn whoever_asks_for_lines_of_its_source_depends_on_every_byte_that_was_loaded() {
        assert!(reached(&trace(), &shapes(), "jest::t/b.test.ts::one").contains("read t/b.test.ts"));
        assert!(!reached(&trace(), &shapes(), "jest::t/a.test.ts::one").contains("read t/a.test.ts"));
    }

    #[test]
    fn a_file_that_a_compiler_looked_at_counts_for_whoever_imports_it_and_for_all_if_it_says_something_to_all() {
        let mut trace = trace();
        trace.types = ["src/types.ts", "src/loose.ts"].map(str::to_owned).into();
        let mut shapes = shapes();
        let ambient = Script { ambient: true, ..Script::default() };
        shapes.insert("src/loose.ts".to_owned(), Shape { script: Some(ambient), ..Shape::default() });
        trace.types.insert("src/nobodys.ts".to_owned());
        shapes.insert("src/nobodys.ts".to_owned(), shape(&[], false));
        let first = reached(&trace, &shapes, "jest::t/a.test.ts::one");
        let second = reached(&trace, &shapes, "jest::t/b.test.ts::one");
        assert!(first.contains("ran src/types.ts *") && !second.contains("ran src/types.ts *"));
        assert!(first.contains("ran src/loose.ts *") && second.contains("ran src/loose.ts *"));
        assert!(!first.contains("ran src/nobodys.ts *"));
    }

    #[test]
    fn a_window_without_an_end_or_without_its_own_file_vouches_for_nothing() {
        let mut open = trace();
        open.windows[1].closed = false;
        let mut blind = trace();
        blind.windows[1].codes.clear();
        for trace in [open, blind] {
            assert!(reached(&trace, &shapes(), "jest::t/a.test.ts::one").is_empty());
        }
    }
}
