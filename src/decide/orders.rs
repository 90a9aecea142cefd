//! Two passes over the same tests in opposite orders: what moved from one test to another is kept by the process.
//!
//! Code that fills something long-lived runs in the first test that needs it, so in another test when the order is turned
//! round. Whoever did not run it may have used what it left: it belongs to every test that loaded its module, or ran what
//! calls it. What a wide fixture or an import did is seen in windows of their own and counts for their users, so it does not
//! seem to move with them; what was seen while a fixture was taken down counts as doubtful, as any test may be the last.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::edge::{EdgeKind, Target};
use crate::model::outcome::TestResult;
use crate::model::window::{Code, Trace, Window, WindowKind};

use super::outcomes::variant_of;

/// What two orders of the tests of one variant showed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moves {
    /// Tests seen in both orders.
    pub both: BTreeSet<String>,
    /// What moved.
    pub moved: Vec<Moved>,
    /// Tests that pass in one order and not in the other.
    pub dependent: BTreeSet<String>,
}

/// Something that the process keeps, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved {
    /// Code that moved, with what ran beneath it.
    pub codes: BTreeSet<Code>,
    /// Files that moved or that this code asked for.
    pub targets: BTreeSet<Target>,
    /// It belongs to every test that loaded one of these files, …
    pub files: BTreeSet<String>,
    /// … to these, …
    pub tests: BTreeSet<String>,
    /// … or to all.
    pub all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing<'a> {
    Code(&'a Code),
    File(EdgeKind, &'a str, &'a str),
}

type Subject<'a> = (&'a WindowKind, &'a str);

/// Compares the passes, variant by variant; a variant that the second pass did not come to is left out.
#[must_use]
pub fn compare(first: (&[Trace], &[TestResult]), second: (&[Trace], &[TestResult])) -> BTreeMap<String, Moves> {
    let of_variant = |traces: &'_ [Trace], variant: &str| -> Vec<usize> {
        let own = |trace: &Trace| trace.session.is_some() && variant_of(trace) == variant;
        (0..traces.len()).filter(|&at| own(&traces[at])).collect()
    };
    let variants: BTreeSet<&str> = second.0.iter().filter(|t| t.session.is_some()).map(variant_of).collect();
    let mut found = BTreeMap::new();
    for variant in variants {
        let pick = |traces: &'_ [Trace]| of_variant(traces, variant);
        let one: Vec<&Trace> = pick(first.0).into_iter().map(|at| &first.0[at]).collect();
        let two: Vec<&Trace> = pick(second.0).into_iter().map(|at| &second.0[at]).collect();
        let mut moves = movements(&one, &two);
        moves.dependent = dependent(first.1, second.1, variant);
        found.insert(variant.to_owned(), moves);
    }
    found
}

/// Tests that vouch in one order only.
fn dependent(first: &[TestResult], second: &[TestResult], variant: &str) -> BTreeSet<String> {
    let vouching = |results: &[TestResult]| -> BTreeMap<String, bool> {
        let own = results.iter().filter(|result| result.variant == variant);
        own.map(|result| (result.test.clone(), result.outcome.vouches())).collect()
    };
    let second = vouching(second);
    let differs = |(test, vouched): (String, bool)| (second.get(&test)? != &vouched).then_some(test);
    vouching(first).into_iter().filter_map(differs).collect()
}

/// What one pass showed, as sorted pairs of a thing and a subject.
#[derive(Default)]
struct Pass {
    sure: Vec<(u32, u32)>,
    perhaps: Vec<(u32, u32)>,
    subjects: BTreeSet<u32>,
    /// Things that every process with tests did outside of all other windows: they are everybody's already.
    everybodys: BTreeSet<u32>,
}

#[derive(Default)]
struct Names<'a> {
    things: BTreeMap<Thing<'a>, u32>,
    subjects: BTreeMap<Subject<'a>, u32>,
}

impl<'a> Names<'a> {
    fn thing(&mut self, thing: Thing<'a>) -> u32 {
        let next = u32::try_from(self.things.len()).unwrap_or(u32::MAX);
        *self.things.entry(thing).or_insert(next)
    }

    fn subject(&mut self, window: &'a Window) -> u32 {
        let next = u32::try_from(self.subjects.len()).unwrap_or(u32::MAX);
        *self.subjects.entry((&window.kind, &window.name)).or_insert(next)
    }
}

fn movements(first: &[&Trace], second: &[&Trace]) -> Moves {
    let mut names = Names::default();
    let (one, two) = (read_pass(first, &mut names), read_pass(second, &mut names));
    let common: BTreeSet<u32> = one.subjects.intersection(&two.subjects).copied().collect();
    let moved: Vec<Thing<'_>> =
        names.things.iter().filter(|&(_, &thing)| has_moved(thing, &one, &two, &common)).map(|(t, _)| *t).collect();
    let by_number: BTreeMap<u32, Subject<'_>> = names.subjects.iter().map(|(s, &at)| (at, *s)).collect();
    let users = |code: &Code| -> Vec<Subject<'_>> {
        let Some(&thing) = names.things.get(&Thing::Code(code)) else { return Vec::new() };
        let all = of(&one.perhaps, thing).iter().chain(of(&two.perhaps, thing));
        all.filter_map(|(_, subject)| by_number.get(subject).copied()).collect()
    };
    let mut found = beneath_and_above(&moved, first.iter().chain(second));
    let tests = common.iter().filter_map(|at| by_number.get(at)).filter(|(kind, _)| **kind == WindowKind::Test);
    for group in &mut found {
        for (kind, name) in group.callers.iter().flat_map(|code| users(code)) {
            match kind {
                WindowKind::Test => group.moved.tests.insert(name.to_owned()),
                WindowKind::Import => group.moved.files.insert(name.to_owned()),
                WindowKind::Process | WindowKind::Collect | WindowKind::Fixture => {
                    group.moved.all = true;
                    true
                }
            };
        }
    }
    let both = tests.map(|(_, name)| (*name).to_owned()).collect();
    Moves { both, moved: found.into_iter().map(|group| group.moved).collect(), dependent: BTreeSet::new() }
}

/// The pairs of one thing.
fn of(pairs: &[(u32, u32)], thing: u32) -> &[(u32, u32)] {
    let from = pairs.partition_point(|pair| pair.0 < thing);
    let to = pairs.partition_point(|pair| pair.0 <= thing);
    &pairs[from..to]
}

fn has_moved(thing: u32, one: &Pass, two: &Pass, common: &BTreeSet<u32>) -> bool {
    let lost = |from: &Pass, to: &Pass| {
        let sure = of(&from.sure, thing).iter();
        sure.filter(|pair| common.contains(&pair.1)).any(|pair| to.perhaps.binary_search(pair).is_err())
    };
    // Seen in both, by tests that were reached in one order only.
    let apart = || {
        let (one_sure, two_sure) = (of(&one.sure, thing), of(&two.sure, thing));
        let (one, two) = (of(&one.perhaps, thing), of(&two.perhaps, thing));
        !one_sure.is_empty() && !two_sure.is_empty() && one.iter().all(|pair| two.binary_search(pair).is_err())
    };
    !one.everybodys.contains(&thing) && (lost(one, two) || lost(two, one) || apart())
}

fn read_pass<'a>(traces: &[&'a Trace], names: &mut Names<'a>) -> Pass {
    let mut pass = Pass::default();
    let mut open = BTreeSet::new();
    let mut everybodys: Option<BTreeSet<u32>> = None;
    for &trace in traces {
        let things: Vec<BTreeSet<u32>> = trace.windows.iter().map(|window| things(trace, window, names)).collect();
        let of_kind = |kind: WindowKind| (0..things.len()).filter(move |&at| trace.windows[at].kind == kind);
        if of_kind(WindowKind::Test).next().is_some() {
            let own: BTreeSet<u32> = of_kind(WindowKind::Process).flat_map(|at| &things[at]).copied().collect();
            everybodys = Some(everybodys.map_or_else(|| own.clone(), |all| &all & &own));
        }
        let fixtures = Fixtures::new(trace);
        for (at, window) in trace.windows.iter().enumerate() {
            if window.kind == WindowKind::Fixture {
                continue;
            }
            let subject = names.subject(window);
            let used = fixtures.used(at);
            let is_closed = window.closed && used.iter().all(|&fixture| trace.windows[fixture].closed);
            if is_closed {
                pass.subjects.insert(subject)
            } else {
                open.insert(subject)
            };
            let ended = fixtures.ended_in.get(&at).map(Vec::as_slice).unwrap_or_default();
            for &thing in &things[at] {
                pass.perhaps.push((thing, subject));
                if !ended.iter().any(|&fixture| things[fixture].contains(&thing)) {
                    pass.sure.push((thing, subject));
                }
            }
            for fixture in used {
                let last = fixtures.last_test.get(&fixture).map(|&test| &things[test]);
                for &thing in &things[fixture] {
                    pass.perhaps.push((thing, subject));
                    if !last.is_some_and(|last| last.contains(&thing)) {
                        pass.sure.push((thing, subject));
                    }
                }
            }
        }
    }
    pass.everybodys = everybodys.unwrap_or_default();
    pass.subjects.retain(|subject| !open.contains(subject));
    for pairs in [&mut pass.sure, &mut pass.perhaps] {
        pairs.sort_unstable();
        pairs.dedup();
    }
    pass
}

fn things<'a>(trace: &'a Trace, window: &'a Window, names: &mut Names<'a>) -> BTreeSet<u32> {
    let codes = window.codes.iter().filter_map(|(code, _)| trace.codes.get(code)).map(Thing::Code);
    let files = files_in(trace, window).into_iter().map(|(kind, path, name)| Thing::File(kind, path, name));
    codes.chain(files).map(|thing| names.thing(thing)).collect()
}

/// The wide fixtures of one process: who used them, and in which test each was taken down.
struct Fixtures<'a> {
    trace: &'a Trace,
    by_number: BTreeMap<u64, usize>,
    /// Place of a test's window to those of the fixtures that ended in it.
    ended_in: BTreeMap<usize, Vec<usize>>,
    /// The other way round.
    last_test: BTreeMap<usize, usize>,
}

impl<'a> Fixtures<'a> {
    fn new(trace: &'a Trace) -> Self {
        let places = |kind: WindowKind| (0..trace.windows.len()).filter(move |&at| trace.windows[at].kind == kind);
        let by_number = places(WindowKind::Fixture).map(|at| (trace.windows[at].number, at)).collect();
        let mut made = Self { trace, by_number, ended_in: BTreeMap::new(), last_test: BTreeMap::new() };
        let tests: Vec<usize> = places(WindowKind::Test).collect();
        let used: Vec<BTreeSet<usize>> = tests.iter().map(|&at| made.used(at)).collect();
        let mut users: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (place, used) in used.iter().enumerate() {
            for &fixture in used {
                users.entry(fixture).or_insert((place, place)).1 = place;
            }
        }
        for (&fixture, &(first, last)) in &users {
            let name = &trace.windows[fixture].name;
            // When a new one of the same name is set up, with another parameter, the old one is taken down.
            let renews = |other: usize, place: usize| {
                place > first && users[&other].0 == place && trace.windows[other].name == *name
            };
            let renewed = |place: usize| used[place].iter().any(|&other| renews(other, place));
            let name_of = |place: usize| tests.get(place).map(|&at| trace.windows[at].name.as_str());
            let ends = |&place: &usize| renewed(place) || is_over(name, name_of(place), name_of(place + 1));
            if let Some(end) = (last..tests.len()).find(ends) {
                made.ended_in.entry(tests[end]).or_default().push(fixture);
                made.last_test.insert(fixture, tests[end]);
            }
        }
        made
    }

    /// Places of the wide fixtures that a window used, directly or not.
    fn used(&self, at: usize) -> BTreeSet<usize> {
        let mut waiting: Vec<u64> = self.trace.windows[at].uses.iter().copied().collect();
        let mut found = BTreeSet::new();
        while let Some(number) = waiting.pop() {
            if let Some(&fixture) = self.by_number.get(&number)
                && found.insert(fixture)
            {
                waiting.extend(&self.trace.windows[fixture].uses);
            }
        }
        found
    }
}

/// Whether a fixture's scope ends between two tests; its name begins with the scope.
fn is_over(fixture: &str, test: Option<&str>, next: Option<&str>) -> bool {
    let (Some(test), Some(next)) = (test, next) else { return true };
    let file = |test: &'_ str| test.split("::").nth(1).unwrap_or_default().to_owned();
    let folder = |test: &'_ str| file(test).rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let class =
        |test: &'_ str| test.split('[').next().and_then(|plain| plain.rsplit_once("::")).map(|c| c.0.to_owned());
    match fixture.split(':').next() {
        Some("session") => false,
        Some("package") => folder(test) != folder(next),
        Some("class") => class(test) != class(next),
        _ => file(test) != file(next),
    }
}

/// A thing that moved, and the code that called or asked for it.
#[derive(Default)]
struct Group<'a> {
    moved: Moved,
    callers: BTreeSet<&'a Code>,
}

/// For every thing that moved: what ran beneath it, what it asked for, and who called or asked for it, in any window.
fn beneath_and_above<'a>(moved: &[Thing<'a>], traces: impl Iterator<Item = &'a &'a Trace>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<Thing<'a>, Group<'a>> = moved.iter().map(|&thing| (thing, Group::default())).collect();
    for trace in traces {
        for window in &trace.windows {
            let mut called: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for &(code, caller) in &window.codes {
                if let Some(caller) = caller {
                    called.entry(caller).or_default().push(code);
                }
            }
            for &(code, caller) in &window.codes {
                let Some(name) = trace.codes.get(&code) else { continue };
                let Some(group) = groups.get_mut(&Thing::Code(name)) else { continue };
                let beneath = beneath(code, &called);
                group.callers.extend(caller.filter(|&by| by != code).and_then(|by| trace.codes.get(&by)));
                group.moved.codes.extend(beneath.iter().filter_map(|code| trace.codes.get(code)).cloned());
                group.moved.files.insert(name.path.clone());
                for (what, _) in window.by.iter().filter(|(_, by)| by.is_some_and(|by| beneath.contains(&by))) {
                    group.moved.targets.extend(targets_named(window, what));
                }
            }
            for (kind, path, name) in files_in(trace, window) {
                let thing = Thing::File(kind, path, name);
                let Some(group) = groups.get_mut(&thing) else { continue };
                add_askers(group, trace, window, thing);
            }
        }
    }
    groups.into_values().collect()
}

fn beneath(code: u32, called: &BTreeMap<u32, Vec<u32>>) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([code]);
    let mut waiting = vec![code];
    while let Some(caller) = waiting.pop() {
        let more = called.get(&caller).into_iter().flatten().copied();
        waiting.extend(more.filter(|&code| found.insert(code)));
    }
    found
}

fn files_in<'a>(trace: &'a Trace, window: &'a Window) -> Vec<(EdgeKind, &'a str, &'a str)> {
    let mut files: Vec<(EdgeKind, &str, &str)> = Vec::new();
    files.extend(window.reads.iter().map(|path| (EdgeKind::Read, path.as_str(), "")));
    files.extend(window.lists.iter().map(|path| (EdgeKind::Listed, path.as_str(), "")));
    files.extend(window.probed.iter().map(|path| (EdgeKind::Probed, path.as_str(), "")));
    files.extend(window.opaque.iter().map(|what| (EdgeKind::Opaque, "", what.as_str())));
    files.extend(window.probes.iter().map(|(folder, name)| (EdgeKind::Probed, folder.as_str(), name.as_str())));
    let modules = window.imports.iter().filter_map(|node| trace.modules.get(node)?.file());
    files.extend(modules.map(|file| (EdgeKind::Loaded, file, "")));
    files
}

/// What moved belongs to whoever loaded the asker's module; where nobody is known to have asked, to all.
fn add_askers<'a>(group: &mut Group<'a>, trace: &'a Trace, window: &'a Window, thing: Thing<'a>) {
    let Thing::File(kind, path, name) = thing else { return };
    let word = if kind == EdgeKind::Opaque { name } else { path };
    let name = if kind == EdgeKind::Probed && !name.is_empty() { format!("import:{name}") } else { name.to_owned() };
    group.moved.targets.insert(Target::new(kind, path, name));
    let asks = matches!(kind, EdgeKind::Read | EdgeKind::Listed | EdgeKind::Opaque);
    let askers: Vec<Option<&Code>> = window
        .by
        .iter()
        .filter(|(what, _)| asks && what == word)
        .map(|(_, code)| code.and_then(|code| trace.codes.get(&code)))
        .collect();
    group.moved.all |= askers.is_empty() || askers.contains(&None);
    group.callers.extend(askers.iter().flatten());
    group.moved.files.extend(askers.iter().flatten().map(|code| code.path.clone()));
}

fn targets_named(window: &Window, what: &str) -> Vec<Target> {
    let mut targets = Vec::new();
    for (kind, paths) in [(EdgeKind::Read, &window.reads), (EdgeKind::Listed, &window.lists)] {
        targets.extend(paths.contains(what).then(|| Target::new(kind, what, "")));
    }
    targets.extend(window.opaque.contains(what).then(|| Target::new(EdgeKind::Opaque, "", what)));
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::window::Session;

    const FILES: [&str; 4] = ["test_a.py", "lib.py", "part.py", "conftest.py"];
    const TEST: u32 = 0;
    const LIB: u32 = 1;
    const PART: u32 = 2;
    const FIXTURE: u32 = 3;

    fn code(file: u32) -> Code {
        Code { path: FILES[file as usize].to_owned(), line: 1, qualified: None }
    }

    fn window(kind: WindowKind, name: &str, number: u64, codes: &[(u32, Option<u32>)], uses: &[u64]) -> Window {
        let codes = codes.iter().copied().collect();
        Window { codes, uses: uses.iter().copied().collect(), ..Window::new(kind, name, number) }
    }

    fn test(name: &str, number: u64, codes: &[(u32, Option<u32>)], uses: &[u64]) -> Window {
        window(WindowKind::Test, &format!("pytest::test_a.py::{name}"), number, codes, uses)
    }

    fn trace(windows: Vec<Window>) -> Trace {
        let session = Some(Session { variant: "v".into(), ..Session::default() });
        Trace { session, windows, codes: (0..4).map(|at| (at, code(at))).collect(), ..Trace::default() }
    }

    fn moves(first: Vec<Window>, second: Vec<Window>) -> Moves {
        let (first, second) = (trace(first), trace(second));
        compare((&[first], &[]), (&[second], &[])).remove("v").unwrap_or_default()
    }

    const FILLS: &[(u32, Option<u32>)] = &[(TEST, None), (LIB, Some(TEST)), (PART, Some(LIB))];
    const USES: &[(u32, Option<u32>)] = &[(TEST, None)];

    #[test]
    fn what_runs_in_whoever_comes_first_has_moved_with_all_beneath_it() {
        let found = moves(
            vec![test("a", 1, FILLS, &[]), test("b", 2, USES, &[]), test("c", 3, USES, &[])],
            vec![test("c", 1, FILLS, &[]), test("b", 2, USES, &[]), test("a", 3, USES, &[])],
        );
        let lib = found.moved.iter().find(|moved| moved.codes.contains(&code(LIB)));
        let lib = lib.cloned().unwrap_or_default();
        assert_eq!(lib.codes, BTreeSet::from([code(LIB), code(PART)]));
        assert!(lib.files.contains("lib.py") && lib.tests.len() == 3 && !lib.all, "{lib:?}");
    }

    #[test]
    fn what_runs_in_the_same_tests_has_not_moved() {
        let found = moves(
            vec![test("a", 1, FILLS, &[]), test("b", 2, USES, &[])],
            vec![test("b", 1, USES, &[]), test("a", 2, FILLS, &[])],
        );
        assert_eq!((found.moved.len(), found.both.len()), (0, 2));
    }

    #[test]
    fn a_test_that_was_reached_in_one_order_only_says_nothing_by_itself() {
        let all = vec![test("a", 1, FILLS, &[]), test("b", 2, USES, &[])];
        assert_eq!(moves(all.clone(), vec![test("b", 1, USES, &[])]).moved, []);
        // Unless somebody else now runs what it ran.
        assert_eq!(moves(all, vec![test("c", 1, FILLS, &[])]).moved.len(), 3);
    }

    #[test]
    fn a_fixture_moves_with_the_test_that_sets_it_up_or_takes_it_down_and_is_its_users_all_the_same() {
        let fixture = |number| window(WindowKind::Fixture, "session:wide:", number, &[(FIXTURE, None)], &[]);
        let ends = &[(TEST, None), (FIXTURE, None)][..];
        let found = moves(
            vec![fixture(9), test("a", 1, USES, &[9]), test("b", 2, USES, &[9]), test("c", 3, ends, &[])],
            vec![test("c", 1, USES, &[]), fixture(9), test("b", 2, USES, &[9]), test("a", 3, ends, &[9])],
        );
        assert_eq!(found.moved, []);
    }

    #[test]
    fn what_only_the_first_of_two_fixtures_ran_has_moved() {
        let fills = |number, codes: &[(u32, Option<u32>)]| window(WindowKind::Fixture, "class:f:", number, codes, &[]);
        let (full, empty) = (&[(FIXTURE, None), (LIB, Some(FIXTURE))][..], &[(FIXTURE, None)][..]);
        let found = moves(
            vec![fills(8, full), test("A::a", 1, USES, &[8]), fills(9, empty), test("B::b", 2, USES, &[9])],
            vec![fills(8, full), test("B::b", 1, USES, &[8]), fills(9, empty), test("A::a", 2, USES, &[9])],
        );
        assert_eq!(found.moved.len(), 1);
        assert!(found.moved[0].codes.contains(&code(LIB)) && found.moved[0].files.contains("lib.py"));
    }

    #[test]
    fn a_file_that_moved_is_its_askers_modules_or_everybodys() {
        for (asker, all) in [(Some(LIB), false), (None, true)] {
            let mut reads = test("a", 1, FILLS, &[]);
            reads.reads.insert("data.json".to_owned());
            reads.by.insert(("data.json".to_owned(), asker));
            let does_not = test("a", 2, FILLS, &[]);
            let found = moves(vec![reads], vec![does_not]);
            assert_eq!(found.moved.len(), 1);
            assert_eq!((found.moved[0].all, found.moved[0].files.contains("lib.py")), (all, !all));
            assert_eq!(found.moved[0].targets, BTreeSet::from([Target::new(EdgeKind::Read, "data.json", "")]));
        }
    }

    #[test]
    fn a_test_that_vouches_in_one_order_only_depends_on_it() {
        use crate::model::outcome::Outcome;
        let result = |test: &str, outcome| TestResult {
            test: test.to_owned(),
            variant: "v".to_owned(),
            outcome,
            seconds: 0.0,
            attempts: 1,
            worker: String::new(),
        };
        let first = [result("a", Outcome::Passed), result("b", Outcome::Failed), result("c", Outcome::Failed)];
        let second = [result("a", Outcome::Error), result("b", Outcome::Skipped), result("c", Outcome::Crashed)];
        let (one, two) = (trace(Vec::new()), trace(Vec::new()));
        let found = compare((&[one], &first), (&[two], &second));
        assert_eq!(found["v"].dependent, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    }
}
