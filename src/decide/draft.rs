//! From what a process told to the footprints of its tests: what each of them depends on, not yet with hashes.

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use crate::model::edge::{EdgeKind, Target};
use crate::model::outcome::{Outcome, TestResult};
use crate::model::shape::{FunctionShape, Owner, Shape};
use crate::model::window::{Code, Trace, Window, WindowKind};

use super::accesses::{Accesses, add_files};
use super::asked::Asked;
use super::drafted::{Draft, DraftFootprint, DraftSet, Sets};
use super::graph::{alone, components};
use super::memory::{Memory, Sorts, remembered};
use super::modules;
use super::outcomes::variant_of;
use super::units;
use super::walkers::is_walker;

/// Configuration files whose coming into being changes how tests below them run.
const PROBED_IN_EVERY_FOLDER: [&str; 9] = [
    "conftest.py",
    "__init__.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
];

/// What a draft needs to know beside the trace.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Shapes of the first-party source files that the trace names.
    pub shapes: &'a BTreeMap<String, Shape>,
    /// What every test depends on: the tables of configuration files.
    pub base: &'a BTreeSet<Target>,
    /// How many files the tree holds.
    pub tree_size: usize,
    /// Whether a compiler is told of names for modules that say nothing of where these are.
    pub has_other_names: bool,
}

/// Drafts the footprints of the tests of one process whose outcome vouches.
#[must_use]
pub fn draft(trace: &Trace, results: &[TestResult], around: Surroundings<'_>) -> Draft {
    // Where units are what counts and none is known, no footprint is better than one that names no source.
    if !trace.units.is_empty() || [units::BY_UNIT, units::BY_FUNCTION].contains(&trace.collector.as_str()) {
        return units::draft(trace, results, around);
    }
    if trace.collector == modules::BY_MODULE {
        return modules::draft(trace, results, around);
    }
    let order = &trace.windows;
    let fixtures = order.iter().enumerate().filter(|(_, window)| window.kind == WindowKind::Fixture);
    let mut drafter = Drafter {
        trace,
        around,
        sets: Sets::default(),
        accesses: Accesses::default(),
        of_code: BTreeMap::new(),
        of_node: BTreeMap::new(),
        of_file: BTreeMap::new(),
        closures: BTreeMap::new(),
        asked: Asked::new(trace),
        fixture_at: fixtures.map(|(at, window)| (window.number, at)).collect(),
    };
    let memory = remembered(order, &drafter.sorts());
    for (&at, code) in &trace.codes {
        let number = drafter.sets.number(target_of(code, around.shapes));
        drafter.of_code.insert(at, number);
    }
    drafter.accesses = Accesses::of(trace, &memory, &mut drafter.sets);
    drafter.draft_modules(&memory);
    let process = drafter.draft_process();
    let variant = variant_of(trace).to_owned();
    let vouching: BTreeMap<&str, Outcome> = results
        .iter()
        .filter(|result| result.outcome.vouches() && result.variant == variant)
        .map(|result| (result.test.as_str(), result.outcome))
        .collect();
    let mut tests: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, window) in order.iter().enumerate() {
        if window.kind == WindowKind::Test && vouching.contains_key(window.name.as_str()) {
            tests.entry(&window.name).or_default().push(at);
        }
    }
    let mut locations = BTreeMap::new();
    // A test that passed and ran no code of ours was not seen: whatever it did, nothing is known of it.
    let was_seen = |test: &str, windows: &[usize]| {
        vouching.get(test) == Some(&Outcome::Skipped) || windows.iter().any(|&at| !order[at].codes.is_empty())
    };
    let footprints = tests
        .into_iter()
        .filter(|(test, windows)| was_seen(test, windows))
        .filter_map(|(test, windows)| drafter.draft_test(test, &windows, &memory, process, &mut locations))
        .collect();
    let files = drafter.of_file.into_iter().map(|(file, at)| (file.to_owned(), at)).collect();
    Draft { variant, sets: drafter.sets, footprints, files }
}

struct Drafter<'a> {
    trace: &'a Trace,
    around: Surroundings<'a>,
    sets: Sets,
    /// What code asked for in windows from which others remember something.
    accesses: Accesses,
    /// The number of the target that a code object is an edge on.
    of_code: BTreeMap<u32, u32>,
    /// Module node to the set of its import closure.
    of_node: BTreeMap<u32, usize>,
    /// First-party file to the set of its import closure.
    of_file: BTreeMap<&'a str, usize>,
    /// Code object to the set of its file's import closure.
    closures: BTreeMap<u32, usize>,
    asked: Asked,
    /// Number of a wide fixture's window to its place.
    fixture_at: BTreeMap<u64, usize>,
}

impl<'a> Drafter<'a> {
    fn target_of(&self, code: u32) -> Option<Target> {
        self.sets.target(*self.of_code.get(&code)?).cloned()
    }

    fn sorts(&self) -> Sorts {
        let is_module = |code: &Code| code.qualified.as_deref() == Some("<module>");
        let modules = self.trace.codes.iter().filter(|(_, code)| is_module(code)).map(|(&at, _)| at).collect();
        Sorts { remembers: self.codes_of(&|f| f.remembers), fills: self.codes_of(&|f| f.fills), modules }
    }

    /// Code objects whose function is of that sort.
    fn codes_of(&self, is_so: &dyn Fn(&FunctionShape) -> bool) -> BTreeSet<u32> {
        let is_one = |path: &str, line: u32, qualified: Option<&str>| {
            let owner = self.around.shapes.get(path).map(|shape| shape.owner(line, qualified));
            matches!(owner, Some(Owner::Function(function)) if is_so(function))
        };
        let codes = self.trace.codes.iter();
        codes.filter(|(_, c)| is_one(&c.path, c.line, c.qualified.as_deref())).map(|(&at, _)| at).collect()
    }

    /// What a window itself points at.
    fn targets(&self, window: &Window) -> BTreeSet<Target> {
        let mut targets: BTreeSet<Target> = window.codes.iter().filter_map(|&(code, _)| self.target_of(code)).collect();
        add_files(window, &mut targets);
        for (folder, name) in &window.probes {
            targets.insert(Target::new(EdgeKind::Probed, folder, format!("import:{name}")));
        }
        targets
    }

    /// Closures that a window pulls in: of modules imported in it and of the files whose functions it ran.
    fn closures(&self, window: &Window) -> BTreeSet<usize> {
        let imported = window.imports.iter().filter_map(|node| self.of_node.get(node));
        imported.chain(window.codes.iter().filter_map(|(code, _)| self.closures.get(code))).copied().collect()
    }

    /// One set for every group of modules that import each other: what they load, what ran and was read at their import.
    fn draft_modules(&mut self, memory: &Memory) {
        let trace = self.trace;
        let mut names: BTreeMap<&str, u32> = trace.modules.iter().map(|(&node, m)| (m.name.as_str(), node)).collect();
        let mut own: BTreeMap<u32, (BTreeSet<Target>, BTreeSet<u32>)> = BTreeMap::new();
        let mut loose = trace.modules.keys().max().map_or(0, |last| last + 1);
        // Files that only their functions or an import window speak of are modules without a known importer.
        let windows = trace.windows.iter().filter(|w| w.kind == WindowKind::Import).map(|w| w.name.as_str());
        for file in trace.codes.values().map(|c| c.path.as_str()).chain(windows) {
            names.entry(file).or_insert_with(|| {
                loose += 1;
                loose
            });
        }
        for (&name, &node) in &names {
            let module = trace.modules.get(&node);
            let mut targets = self.module_targets(name);
            for (folder, name) in module.iter().flat_map(|module| &module.probes) {
                targets.insert(Target::new(EdgeKind::Probed, folder, format!("import:{name}")));
            }
            let imports = module.iter().flat_map(|module| &module.imports).filter(|to| self.is_module(**to));
            own.insert(node, (targets, imports.copied().collect()));
        }
        self.add_import_windows(memory, &names, &mut own);
        self.condense(&names, &own);
    }

    /// Whether a node is source. Code with the name of another file (a template compiled at run time, a script) belongs to the
    /// windows that run it, not to whoever loads the module that happened to start it.
    fn is_module(&self, node: u32) -> bool {
        self.trace.modules.get(&node).is_some_and(|module| {
            module.name.starts_with('=')
                || module.name.rsplit_once('.').is_some_and(|(_, ending)| ending == "py")
                || self.around.shapes.contains_key(&module.name)
        })
    }

    fn module_targets(&self, name: &str) -> BTreeSet<Target> {
        let mut targets = BTreeSet::new();
        if name.starts_with('=') {
            return targets;
        }
        if let Some(shape) = self.around.shapes.get(name) {
            targets.insert(Target::new(EdgeKind::Loaded, name, ""));
            targets.extend(shape.environment.iter().map(|v| Target::new(EdgeKind::Fingerprint, "env", v)));
        } else {
            targets.insert(Target::new(EdgeKind::Read, name, ""));
        }
        targets
    }

    fn add_import_windows(
        &self,
        memory: &Memory,
        names: &BTreeMap<&str, u32>,
        own: &mut BTreeMap<u32, (BTreeSet<Target>, BTreeSet<u32>)>,
    ) {
        for (at, window) in self.trace.windows.iter().enumerate() {
            if window.kind != WindowKind::Import {
                continue;
            }
            let Some((targets, imports)) = names.get(window.name.as_str()).and_then(|node| own.get_mut(node)) else {
                continue;
            };
            targets.extend(self.targets(window));
            targets.extend(self.targets_of(self.memory_numbers(at, memory)));
            imports.extend(&window.imports);
            for &(code, _) in &window.codes {
                let file = self.trace.codes.get(&code).map_or("", |code| code.path.as_str());
                imports.extend(names.get(file));
            }
        }
        for (code, beneath) in &memory.kept {
            let file = self.trace.codes.get(code).map_or("", |code| code.path.as_str());
            if let Some((targets, imports)) = names.get(file).and_then(|node| own.get_mut(node)) {
                imports.extend(self.asked.beneath(*code));
                let kept_in = memory.kept_in.get(code);
                let numbers = kept_in.into_iter().flat_map(|windows| self.numbers_of(beneath, windows));
                targets.extend(self.targets_of(numbers));
            }
        }
    }

    fn condense(&mut self, names: &BTreeMap<&'a str, u32>, own: &BTreeMap<u32, (BTreeSet<Target>, BTreeSet<u32>)>) {
        let nodes: Vec<u32> = own.keys().copied().collect();
        let place: BTreeMap<u32, usize> = nodes.iter().enumerate().map(|(at, &node)| (node, at)).collect();
        let neighbours: Vec<Vec<usize>> =
            nodes.iter().map(|node| own[node].1.iter().filter_map(|to| place.get(to)).copied().collect()).collect();
        let called: BTreeMap<u32, &str> = names.iter().map(|(&name, &node)| (node, name)).collect();
        for group in components(&neighbours) {
            let mut set = DraftSet::default();
            for &member in &group {
                let (targets, imports) = &own[&nodes[member]];
                set.targets.extend(targets.iter().cloned());
                set.includes.extend(imports.iter().filter_map(|to| self.of_node.get(to)));
            }
            // Most modules from elsewhere lead nowhere in the repository: they need no set.
            let at = match (set.targets.is_empty(), set.includes.len()) {
                (true, 0) => continue,
                (true, 1) => set.includes.first().copied().unwrap_or_default(),
                _ => self.sets.add(set),
            };
            for node in group.iter().map(|&member| nodes[member]) {
                self.of_node.insert(node, at);
                self.asked.is_at(node, at);
            }
            for node in group.iter().map(|&member| nodes[member]) {
                let targets = called.get(&node).map(|name| alone(&own[&node].0, name)).unwrap_or_default();
                if group.len() > 1 || targets.len() < own[&node].0.len() {
                    let at = self.sets.add(DraftSet { targets, includes: BTreeSet::from([at]) });
                    self.of_node.insert(node, at);
                }
            }
        }
        let of_node = &self.of_node;
        let files = names.iter().filter(|(name, _)| !name.starts_with('='));
        self.of_file = files.filter_map(|(&name, node)| Some((name, *of_node.get(node)?))).collect();
        let closure = |code: &Code| self.of_file.get(code.path.as_str()).copied();
        self.closures = self.trace.codes.iter().filter_map(|(&at, code)| Some((at, closure(code)?))).collect();
    }

    /// What belongs to every test of the process.
    fn draft_process(&mut self) -> usize {
        let mut set = DraftSet { targets: self.around.base.clone(), includes: BTreeSet::new() };
        for window in self.trace.windows.iter().filter(|window| window.kind == WindowKind::Process) {
            set.targets.extend(self.targets(window));
            set.includes.extend(self.closures(window));
        }
        set.targets.retain(|target| !is_table_read(target));
        self.sets.add(set)
    }

    /// What belongs to every test of one file: its collection, its folders' conftests, what may appear beside it.
    fn draft_location(&mut self, file: &str) -> usize {
        let mut set = DraftSet::default();
        let folders = folders_above(file);
        for window in self.trace.windows.iter().filter(|window| window.kind == WindowKind::Collect) {
            if window.name == file || folders.iter().any(|folder| *folder == window.name) {
                set.targets.extend(self.targets(window));
                set.includes.extend(self.closures(window));
            }
        }
        set.includes.extend(self.of_file.get(file));
        for folder in folders {
            for name in PROBED_IN_EVERY_FOLDER {
                let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                set.includes.extend(self.of_file.get(path.as_str()));
                set.targets.insert(Target::new(EdgeKind::Probed, path, ""));
            }
        }
        if !self.of_file.contains_key(file) {
            // A file that nothing was traced of (a doctest in a text file) is at least what it says.
            set.targets.insert(Target::new(EdgeKind::Read, file, ""));
        }
        self.sets.add(set)
    }

    fn draft_test(
        &mut self,
        test: &str,
        windows: &[usize],
        memory: &Memory,
        process: usize,
        locations: &mut BTreeMap<String, usize>,
    ) -> Option<DraftFootprint> {
        let trace = self.trace;
        let fixtures = self.fixtures(windows);
        let all: Vec<&Window> = windows.iter().chain(&fixtures).map(|&at| &trace.windows[at]).collect();
        if !all.iter().all(|window| window.closed) {
            return None;
        }
        let own: BTreeSet<Target> = windows.iter().flat_map(|&at| self.targets(&trace.windows[at])).collect();
        let paths = all.iter().map(|w| w.reads.len() + w.lists.len()).sum::<usize>();
        let file = test.split("::").nth(1).unwrap_or_default().to_owned();
        let location = match locations.get(&file) {
            Some(&at) => at,
            None => self.draft_location(&file),
        };
        locations.insert(file, location);
        let mut sets = vec![self.sets.add(DraftSet { targets: own, includes: BTreeSet::new() })];
        let mut wide: BTreeSet<usize> = all.iter().flat_map(|window| self.closures(window)).collect();
        for &at in &fixtures {
            let mut targets = self.targets(&trace.windows[at]);
            targets.extend(self.targets_of(self.memory_numbers(at, memory)));
            wide.insert(self.sets.add(DraftSet { targets, includes: BTreeSet::new() }));
        }
        wide.extend([location, process]);
        let beside = self.asked.beside(&self.sets, &wide, &all);
        wide.extend(beside.iter().filter_map(|node| self.of_node.get(node)));
        let mut remembered: Vec<u32> = windows.iter().flat_map(|&at| self.memory_numbers(at, memory)).collect();
        remembered.sort_unstable();
        remembered.dedup();
        wide.extend(self.memory_closures(windows, memory));
        sets.extend(wide);
        let walker = is_walker(paths, self.around.tree_size);
        Some(DraftFootprint {
            test: test.to_owned(),
            sets,
            memory: remembered,
            walker,
            traced: trace.traced,
            bounded: false,
        })
    }

    /// Windows of the wide fixtures used in `windows`, and by those fixtures themselves.
    fn fixtures(&self, windows: &[usize]) -> BTreeSet<usize> {
        let mut waiting: Vec<u64> =
            windows.iter().flat_map(|&at| self.trace.windows[at].uses.iter().copied()).collect();
        let mut found = BTreeSet::new();
        while let Some(number) = waiting.pop() {
            if let Some(&at) = self.fixture_at.get(&number)
                && found.insert(at)
            {
                waiting.extend(&self.trace.windows[at].uses);
            }
        }
        found
    }

    /// Numbers of the targets of code objects, and of what they may have asked for in these windows.
    fn numbers_of<'b>(&'b self, codes: &'b FixedBitSet, windows: &'b FixedBitSet) -> impl Iterator<Item = u32> + 'b {
        let of_code = |code| self.of_code.get(&u32::try_from(code).ok()?).copied();
        codes.ones().filter_map(of_code).chain(self.accesses.of_code(codes, windows))
    }

    fn targets_of(&self, numbers: impl Iterator<Item = u32>) -> impl Iterator<Item = Target> {
        numbers.filter_map(|number| self.sets.target(number)).cloned()
    }

    /// Numbers of the targets that the process remembered for a window.
    fn memory_numbers<'b>(&'b self, window: usize, memory: &'b Memory) -> impl Iterator<Item = u32> + 'b {
        let remembered = memory.codes.get(&window).zip(memory.sources.get(&window));
        remembered.into_iter().flat_map(|(codes, sources)| self.numbers_of(codes, sources))
    }

    fn memory_closures(&self, windows: &[usize], memory: &Memory) -> BTreeSet<usize> {
        let codes = windows.iter().filter_map(|at| memory.codes.get(at)).flat_map(FixedBitSet::ones);
        let closures = codes.filter_map(|code| self.closures.get(&u32::try_from(code).ok()?));
        let asked = self.asked.on_behalf(windows, memory);
        closures.chain(asked.iter().filter_map(|node| self.of_node.get(node))).copied().collect()
    }
}

/// What a code object is an edge on.
pub(super) fn target_of(code: &Code, shapes: &BTreeMap<String, Shape>) -> Target {
    let Some(shape) = shapes.get(&code.path) else {
        return Target::new(EdgeKind::Read, &code.path, "");
    };
    if code.qualified.as_deref() == Some("*") {
        return Target::new(EdgeKind::Ran, &code.path, "*");
    }
    match shape.owner(code.line, code.qualified.as_deref()) {
        Owner::Function(function) => Target::new(EdgeKind::Ran, &code.path, &function.name),
        Owner::Module => Target::new(EdgeKind::Loaded, &code.path, ""),
        Owner::Unknown => Target::new(EdgeKind::Ran, &code.path, "*"),
    }
}

/// Reads of files that count by table are the runner's own while it starts.
fn is_table_read(target: &Target) -> bool {
    let name = target.path.rsplit('/').next().unwrap_or_default();
    target.kind == EdgeKind::Read && PROBED_IN_EVERY_FOLDER[2..].contains(&name)
}

/// `a/b/c.py` lies in `a/b`, `a` and the root (the empty name).
fn folders_above(file: &str) -> Vec<&str> {
    let mut folders: Vec<&str> = file.match_indices('/').map(|(at, _)| &file[..at]).collect();
    folders.push("");
    folders
}
