//! The footprints of tests whose project tells how it is built: a test depends on the whole of what its program is built from,
//! or, where functions were recorded, on the functions that it ran and on everything in it that leaves no trace.
//! Design: `runners-cargo.md`, sections 5 to 7.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::model::edge::{EdgeKind, Target};
use crate::model::outcome::TestResult;
use crate::model::unit::{Unit, unit_of};
use crate::model::window::{Trace, Window, WindowKind};

use super::accesses::add_files;
use super::draft::{Surroundings, target_of};
use super::drafted::{Draft, DraftFootprint, DraftSet, Sets};
use super::graph::components;
use super::outcomes::variant_of;

/// How a collector calls itself that tells which programs ran.
pub const BY_UNIT: &str = "units";
/// How a collector calls itself that tells which functions ran.
pub const BY_FUNCTION: &str = "functions";

/// Source files that are compiled into some unit; their shapes are needed to draft.
pub(super) fn sources(trace: &Trace) -> impl Iterator<Item = &str> {
    trace.units.values().flat_map(|unit| unit.sources.iter().chain(&unit.fixed)).map(String::as_str)
}

/// Drafts the footprints of the tests of one call of such a runner.
#[must_use]
pub(super) fn draft(trace: &Trace, results: &[TestResult], around: Surroundings<'_>) -> Draft {
    let variant = variant_of(trace).to_owned();
    let mut drafter =
        Drafter { trace, around, sets: Sets::default(), of_unit: BTreeMap::new(), of_program: BTreeMap::new() };
    for traced in [false, true] {
        if trace.traced == traced || (trace.traced && trace.units.values().any(|unit| unit.untraced)) {
            drafter.draft_units(traced);
        }
    }
    drafter.draft_programs();
    let mut windows: BTreeMap<&str, Vec<&Window>> = BTreeMap::new();
    for window in trace.windows.iter().filter(|window| window.kind == WindowKind::Test) {
        windows.entry(&window.name).or_default().push(window);
    }
    let vouching = results.iter().filter(|result| result.outcome.vouches() && result.variant == variant);
    let footprints =
        vouching.filter_map(|result| drafter.draft_test(&result.test, windows.get(result.test.as_str()))).collect();
    Draft { variant, sets: drafter.sets, footprints, files: BTreeMap::new() }
}

struct Drafter<'a> {
    trace: &'a Trace,
    around: Surroundings<'a>,
    sets: Sets,
    /// With and without what the file tracer makes unnecessary.
    of_unit: BTreeMap<(&'a str, bool), usize>,
    /// What a program's process touched on behalf of all its tests.
    of_program: BTreeMap<&'a str, usize>,
}

impl<'a> Drafter<'a> {
    fn is_by_function(&self) -> bool {
        self.trace.collector == BY_FUNCTION
    }

    /// One set for every group of units that need each other.
    fn draft_units(&mut self, traced: bool) {
        let names: Vec<&'a str> = self.trace.units.keys().map(String::as_str).collect();
        let place: BTreeMap<&str, usize> = names.iter().enumerate().map(|(at, &name)| (name, at)).collect();
        let needs = |name: &str| {
            let unit = &self.trace.units[name];
            let near = unit.near.iter().filter(|_| !traced);
            unit.needs.iter().chain(near).filter_map(|need| place.get(need.as_str()))
        };
        let neighbours: Vec<Vec<usize>> = names.iter().map(|name| needs(name).copied().collect()).collect();
        for group in components(&neighbours) {
            let mut set = DraftSet::default();
            for &member in &group {
                set.targets.extend(self.targets(&self.trace.units[names[member]], traced));
                set.includes.extend(neighbours[member].iter().filter_map(|&to| self.of_unit.get(&(names[to], traced))));
            }
            let at = self.sets.add(set);
            self.of_unit.extend(group.iter().map(|&member| ((names[member], traced), at)));
        }
    }

    fn targets(&self, unit: &Unit, traced: bool) -> BTreeSet<Target> {
        let read = |path: &String| Target::new(EdgeKind::Read, path, "");
        let whole = |path: &String| Target::new(EdgeKind::Ran, path, "*");
        let loaded = |path: &String| Target::new(EdgeKind::Loaded, path, "");
        let mut targets: BTreeSet<Target> = unit.files.iter().map(read).collect();
        targets.extend(unit.fixed.iter().map(whole));
        let by_function = self.is_by_function();
        let counted = unit.sources.iter().filter(|path| !unit.fixed.contains(*path));
        if by_function {
            targets.extend(counted.clone().flat_map(|path| self.uncounted(path)));
        }
        targets.extend(counted.map(|path| if by_function { loaded(path) } else { whole(path) }));
        if traced {
            let of_names = |target: &&Target| target.kind == EdgeKind::Listed && unit.replaces(target);
            targets.extend(unit.targets.iter().filter(|target| !of_names(target)).cloned());
            targets.extend(unit.traced_targets.iter().cloned());
        } else {
            targets.extend(unit.idle.iter().map(read));
            targets.extend(unit.targets.iter().cloned());
        }
        let shapes = unit.sources.iter().chain(&unit.fixed).filter_map(|path| self.around.shapes.get(path));
        targets.extend(shapes.flat_map(|s| &s.environment).map(|name| Target::new(EdgeKind::Fingerprint, "env", name)));
        targets
    }

    /// Functions of which nobody is told that they ran: a macro may have made them anew, or the package is built without counters.
    fn uncounted(&self, path: &str) -> Vec<Target> {
        let countable = self.trace.countable.get(path);
        let tells = |(from, to): &(u32, u32)| countable.is_some_and(|lines| lines.range(*from..=*to).next().is_some());
        let functions = self.around.shapes.get(path).into_iter().flat_map(|shape| &shape.functions);
        let silent = functions.filter(|function| !function.lines.iter().all(tells));
        silent.map(|function| Target::new(EdgeKind::Ran, path, &function.name)).collect()
    }

    fn draft_programs(&mut self) {
        let trace = self.trace;
        let mut found: BTreeMap<&'a str, DraftSet> = BTreeMap::new();
        for window in trace.windows.iter().filter(|window| window.kind == WindowKind::Fixture) {
            self.add_touched(window, found.entry(&window.name).or_default());
        }
        // What no window of a program explains (a process that outlived its own) may serve any of them.
        let mut process = DraftSet::default();
        for window in trace.windows.iter().filter(|window| window.kind == WindowKind::Process) {
            self.add_touched(window, &mut process);
        }
        for unit in trace.units.keys() {
            let mut set = found.remove(unit.as_str()).unwrap_or_default();
            set.targets.extend(process.targets.iter().cloned());
            set.includes.extend(&process.includes);
            if set != DraftSet::default() {
                let at = self.sets.add(set);
                self.of_program.insert(unit, at);
            }
        }
    }

    fn add_touched(&self, window: &Window, set: &mut DraftSet) {
        let codes = window.codes.iter().filter_map(|(code, _)| self.trace.codes.get(code));
        set.targets.extend(codes.map(|code| target_of(code, self.around.shapes)));
        add_files(window, &mut set.targets);
        for (process, program) in &window.programs {
            let name = program.rsplit('/').next().unwrap_or(program);
            let made = self.trace.units.iter().filter(|(_, unit)| unit.programs.contains(name));
            if !self.is_by_function() {
                let sets = made.filter_map(|(unit, _)| self.of_unit.get(&(unit.as_str(), self.trace.traced)));
                set.includes.extend(sets);
                continue;
            }
            // One that was built by somebody else counts nothing; one of ours may have been kept from telling.
            let ours = self.trace.counted.as_ref().is_some_and(|own| Path::new(program).starts_with(own));
            if (ours && !window.counted.contains(process)) || (!ours && made.count() > 0) {
                set.targets.insert(Target::new(EdgeKind::Opaque, "", format!("unseen {name}")));
            }
        }
    }

    fn draft_test(&mut self, test: &str, windows: Option<&Vec<&Window>>) -> Option<DraftFootprint> {
        let (unit, _) = unit_of(test, &|name| self.trace.units.contains_key(name))?;
        if self.trace.units[unit].stale.is_some() {
            return None;
        }
        let windows = windows.map_or(&[][..], Vec::as_slice);
        // Where functions were recorded, a test that nobody saw run anything has no footprint by function.
        let was_seen = windows.iter().any(|window| !window.codes.is_empty());
        if windows.iter().any(|window| !window.closed) || (self.is_by_function() && !was_seen) {
            return None;
        }
        let mut own = DraftSet::default();
        for window in windows {
            self.add_touched(window, &mut own);
        }
        let mut sets = vec![self.sets.add(own)];
        let traced = self.trace.traced && !self.trace.units[unit].untraced;
        sets.extend(self.of_unit.get(&(unit, traced)));
        sets.extend(self.of_program.get(unit));
        // It names nearly every file of its package: it makes none of them known to tests that do not.
        Some(DraftFootprint { test: test.to_owned(), sets, memory: Vec::new(), walker: true, traced, bounded: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Outcome;
    use crate::model::window::{Code, Session};

    fn names(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn unit(source: &str, needs: &[&str]) -> Unit {
        let idle = names(&["README.md"]);
        Unit { sources: names(&[source]), idle, needs: names(needs), ..Unit::default() }
    }

    fn trace(collector: &str, traced: bool) -> Trace {
        let units = [
            ("base".to_owned(), unit("base/src/lib.rs", &[])),
            ("app".to_owned(), unit("app/src/lib.rs", &["base"])),
            ("app::lib".to_owned(), Unit { needs: names(&["app"]), ..Unit::default() }),
            ("app::test/cli".to_owned(), unit("app/tests/cli.rs", &["app"])),
        ];
        let session = Some(Session { variant: "v".into(), ..Session::default() });
        let collector = collector.to_owned();
        Trace { session, collector, traced, units: units.into(), ..Trace::default() }
    }

    fn passed(test: &str) -> TestResult {
        let (test, variant, worker) = (test.to_owned(), "v".to_owned(), String::new());
        TestResult { test, variant, outcome: Outcome::Passed, seconds: 0.0, attempts: 1, worker }
    }

    /// Everything that the first footprint points at.
    fn reached(trace: &Trace, test: &str) -> BTreeSet<String> {
        let shapes = BTreeMap::new();
        let around = Surroundings { shapes: &shapes, base: &BTreeSet::new(), tree_size: 9, has_other_names: false };
        let draft = draft(trace, &[passed(test)], around);
        let mut waiting = draft.footprints.first().map(|footprint| footprint.sets.clone()).unwrap_or_default();
        let mut found = BTreeSet::new();
        while let Some(at) = waiting.pop() {
            waiting.extend(draft.sets.includes(at));
            found.extend(draft.sets.targets_of(at).map(|target| format!("{} {target}", target.kind.word())));
        }
        found
    }

    #[test]
    fn a_test_depends_on_its_program_and_on_all_that_it_is_built_from() {
        let lib = names(&["ran base/src/lib.rs *", "ran app/src/lib.rs *"]);
        assert_eq!(reached(&trace("units", true), "cargo::app::lib::tests::one"), lib);
        let cli = lib.union(&names(&["ran app/tests/cli.rs *"])).cloned().collect::<BTreeSet<_>>();
        assert_eq!(reached(&trace("units", true), "cargo::app::test/cli"), cli);
        let with_idle = cli.union(&names(&["read README.md"])).cloned().collect::<BTreeSet<_>>();
        assert_eq!(reached(&trace("units", false), "cargo::app::test/cli"), with_idle);
    }

    #[test]
    fn with_functions_recorded_only_what_leaves_no_trace_belongs_to_all() {
        let mut trace = trace(BY_FUNCTION, true);
        let code = Code { path: "base/src/lib.rs".into(), line: 3, qualified: None };
        trace.codes.insert(0, code);
        let mut window = Window::new(WindowKind::Test, "cargo::app::lib::one", 1);
        window.codes.insert((0, None));
        trace.windows.push(window);
        let found = reached(&trace, "cargo::app::lib::one");
        // Without a shape the code stands for its whole file.
        assert_eq!(found, names(&["read base/src/lib.rs", "loaded base/src/lib.rs", "loaded app/src/lib.rs"]));
        assert_eq!(reached(&trace, "cargo::app::lib::unseen"), names(&[]));
    }

    #[test]
    fn a_program_that_a_test_started_counts_with_what_it_is_built_from() {
        let other = Unit { programs: names(&["tool"]), ..unit("tool/src/main.rs", &[]) };
        let seen = |collector: &str, program: &str| {
            let mut trace = trace(collector, true);
            trace.units.insert("tool".to_owned(), other.clone());
            trace.counted = Some("/cache/target".to_owned());
            trace.codes.insert(0, Code { path: "app/tests/cli.rs".into(), line: 3, qualified: None });
            let (kind, name) = match collector {
                BY_FUNCTION => (WindowKind::Test, "cargo::app::test/cli::one"),
                _ => (WindowKind::Fixture, "app::test/cli"),
            };
            let mut window = Window::new(kind, name, 1);
            window.codes.insert((0, None));
            window.programs.insert((7, program.to_owned()));
            window.counted.extend(program.contains("debug").then_some(7));
            trace.windows.push(window);
            let found = reached(&trace, "cargo::app::test/cli::one");
            (found.contains("ran tool/src/main.rs *"), found.iter().any(|target| target.starts_with("opaque")))
        };
        assert_eq!(seen("units", "/r/target/debug/tool"), (true, false));
        assert_eq!(seen("units", "/bin/sh"), (false, false));
        assert_eq!(seen(BY_FUNCTION, "/r/target/debug/tool"), (false, true));
        assert_eq!(seen(BY_FUNCTION, "/cache/target/debug/tool"), (false, false));
        assert_eq!(seen(BY_FUNCTION, "/cache/target/silent/tool"), (false, true));
    }

    #[test]
    fn the_unit_of_a_test_is_the_longest_that_its_id_begins_with() {
        let units = trace("units", false).units;
        let is_unit = |name: &str| units.contains_key(name);
        assert_eq!(unit_of("cargo::app::lib::a::b", &is_unit), Some(("app::lib", "a::b")));
        assert_eq!(unit_of("cargo::app::test/cli", &is_unit), Some(("app::test/cli", "")));
        assert_eq!(unit_of("cargo::other::lib::a", &is_unit), None);
    }
}
