//! The line of records of one test: which of those that wait may follow those that are sealed, and what in a log breaks the line.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::record::{Head, RecordId};

/// A change that waits to be sealed and is sound by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its name.
    pub id: RecordId,
    /// The test's record before it.
    pub prev: Option<RecordId>,
    /// Records of the same test whose dispute it ends.
    pub resolves: Vec<RecordId>,
}

/// Why a change cannot be sealed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    /// It and others follow this record, and none ends the dispute.
    Forked(Option<RecordId>),
    /// It does not follow the test's last record, which is this one.
    Stale(Option<RecordId>),
}

/// What becomes of changes that wait, by their places in the list given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lined {
    /// Those to be sealed, in this order.
    pub order: Vec<usize>,
    /// The others.
    pub held: Vec<(usize, Bar)>,
}

/// Lines up all that waits of one test behind its last sealed record.
#[must_use]
pub fn line_up(head: Option<Head>, waiting: &[Waiting]) -> Lined {
    let mut line = Line { waiting, children: BTreeMap::new(), taken: BTreeSet::new(), lined: Lined::default() };
    for (at, one) in waiting.iter().enumerate() {
        line.children.entry(one.prev).or_default().push(at);
    }
    line.follow(head);
    line.lined
}

struct Line<'a> {
    waiting: &'a [Waiting],
    children: BTreeMap<Option<RecordId>, Vec<usize>>,
    taken: BTreeSet<usize>,
    lined: Lined,
}

impl Line<'_> {
    fn follow(&mut self, head: Option<Head>) {
        let mut head = head;
        let mut forked = BTreeSet::new();
        loop {
            let kids: Vec<usize> = self.behind(head);
            let next = match kids.as_slice() {
                [] => break,
                [one] => *one,
                _ => {
                    let Some(end) = self.end_of_dispute(&kids) else {
                        forked = kids.iter().flat_map(|kid| self.below(*kid, None)).collect();
                        break;
                    };
                    end
                }
            };
            // What it resolves stands before it, and all that came of that.
            let named =
                (0..self.waiting.len()).filter(|at| self.waiting[next].resolves.contains(&self.waiting[*at].id));
            let before: BTreeSet<usize> = kids.into_iter().chain(named).collect();
            for root in before {
                for at in self.below(root, Some(next)) {
                    self.take(at);
                }
            }
            self.take(next);
            head = Some(Head::of(self.waiting[next].id));
        }
        let head = head.map(|head| head.id);
        for at in 0..self.waiting.len() {
            if forked.contains(&at) && !self.taken.contains(&at) {
                self.lined.held.push((at, Bar::Forked(head)));
            } else if !self.taken.contains(&at) {
                self.lined.held.push((at, Bar::Stale(head)));
            }
        }
    }

    fn behind(&self, head: Option<Head>) -> Vec<usize> {
        let mut found = self.kids(head.map(|head| head.id));
        if let Some(head) = head.filter(|head| head.stands_for != Some(head.id)) {
            found.extend(self.kids(head.stands_for));
        }
        found
    }

    fn kids(&self, head: Option<RecordId>) -> Vec<usize> {
        let all = self.children.get(&head).into_iter().flatten().copied();
        all.filter(|at| !self.taken.contains(at)).collect()
    }

    fn take(&mut self, at: usize) {
        if self.taken.insert(at) {
            self.lined.order.push(at);
        }
    }

    /// A record and all that came of it, each behind its predecessor; without `end` and what came of that.
    fn below(&self, root: usize, end: Option<usize>) -> Vec<usize> {
        let (mut found, mut open, mut seen) = (Vec::new(), vec![root], BTreeSet::new());
        while let Some(at) = open.pop() {
            if Some(at) != end && seen.insert(at) {
                found.push(at);
                open.extend(self.kids(Some(self.waiting[at].id)).into_iter().rev());
            }
        }
        found
    }

    /// The first record that names something of every branch but its own.
    fn end_of_dispute(&self, kids: &[usize]) -> Option<usize> {
        let branches: Vec<Vec<usize>> = kids.iter().map(|kid| self.below(*kid, None)).collect();
        let mut all: Vec<usize> = branches.iter().flatten().copied().collect();
        all.sort_unstable();
        let ends = |end: &usize| {
            let named = &self.waiting[*end].resolves;
            let is_met = |branch: &Vec<usize>| {
                branch.contains(end) || branch.iter().any(|at| named.contains(&self.waiting[*at].id))
            };
            !named.is_empty() && branches.iter().all(is_met)
        };
        all.into_iter().find(ends)
    }
}

/// What a stream of sealed changes must keep: of every test (by any short name for it) its last record.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    heads: BTreeMap<[u8; 16], Head>,
    /// Branches beside the line of a test that nothing has ended yet: the index of the first record, and all of them.
    open: BTreeMap<[u8; 16], Vec<(u64, BTreeSet<RecordId>)>>,
}

impl Lines {
    /// From the last records of tests, where no line is broken.
    #[must_use]
    pub fn of(heads: impl IntoIterator<Item = ([u8; 16], Head)>) -> Self {
        Self { heads: heads.into_iter().collect(), open: BTreeMap::new() }
    }

    /// The last record of every test.
    pub fn heads(&self) -> impl Iterator<Item = ([u8; 16], Head)> {
        self.heads.iter().map(|(test, head)| (*test, *head))
    }

    /// The last record of a test.
    #[must_use]
    pub fn head(&self, test: [u8; 16]) -> Option<Head> {
        self.heads.get(&test).copied()
    }

    /// Takes the change of the index `at`, which leaves the test's line at `new`.
    pub fn take(&mut self, at: u64, test: [u8; 16], change: &Waiting, new: Head) {
        let follows = self.head(test).map_or(change.prev.is_none(), |head| head.is_before(change.prev));
        let open = self.open.entry(test).or_default();
        let ends = !open.is_empty()
            && open.iter().all(|(_, all)| {
                change.resolves.iter().any(|id| all.contains(id))
                    || change.prev.is_some_and(|prev| all.contains(&prev) && !change.resolves.is_empty())
            });
        if ends {
            open.clear();
        } else if !follows {
            match open.iter_mut().find(|(_, all)| change.prev.is_some_and(|prev| all.contains(&prev))) {
                Some((_, branch)) => drop(branch.insert(change.id)),
                None => open.push((at, BTreeSet::from([change.id]))),
            }
            return;
        }
        if open.is_empty() {
            self.open.remove(&test);
        }
        self.heads.insert(test, new);
    }

    /// At the end of a seal: the indexes of records that do not follow the last one of their test, with nothing that resolves that.
    #[must_use]
    pub fn broken(&mut self) -> Vec<u64> {
        let open = std::mem::take(&mut self.open);
        let mut all: Vec<u64> = open.into_values().flatten().map(|(at, _)| at).collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(letter: char) -> RecordId {
        RecordId([u8::try_from(letter).unwrap(); 32])
    }

    /// `b<a`: b follows a; `c<a!bd`: c follows a and resolves b and d.
    fn waiting(text: &str) -> Vec<Waiting> {
        let one = |word: &str| {
            let (own, rest) = word.split_once('<').unwrap_or((word, ""));
            let (prev, resolves) = rest.split_once('!').unwrap_or((rest, ""));
            Waiting {
                id: id(own.chars().next().unwrap()),
                prev: prev.chars().next().map(id),
                resolves: resolves.chars().map(id).collect(),
            }
        };
        text.split_whitespace().map(one).collect()
    }

    fn name(id: RecordId) -> char {
        char::from(id.0[0])
    }

    /// The order in letters, then those held back because of a fork, then those that are stale.
    fn lined(head: Option<char>, text: &str) -> (String, String, String) {
        let all = waiting(text);
        let found = line_up(head.map(|head| Head::of(id(head))), &all);
        let barred = |forked: bool| {
            let of = found.held.iter().filter(|(_, bar)| matches!(bar, Bar::Forked(_)) == forked);
            of.map(|(at, _)| name(all[*at].id)).collect()
        };
        let order: String = found.order.iter().map(|at| name(all[*at].id)).collect();
        // What is sealed in this order is no broken line to those who check it.
        let mut log = Lines::default();
        if let Some(head) = head {
            log.heads.insert([0; 16], Head::of(id(head)));
        }
        for (at, one) in found.order.iter().enumerate() {
            log.take(at as u64, [0; 16], &all[*one], Head::of(all[*one].id));
        }
        assert_eq!(log.broken(), Vec::<u64>::new(), "{text}: {order}");
        assert_eq!(log.head([0; 16]).map(|head| name(head.id)), order.chars().last().or(head), "{text}: {order}");
        (order, barred(true), barred(false))
    }

    #[test]
    fn a_line_is_sealed_in_its_own_order_and_a_fork_is_not() {
        let told = |order: &str, forked: &str, stale: &str| (order.to_owned(), forked.to_owned(), stale.to_owned());
        for (head, text, expected) in [
            (None, "a b<a c<b", told("abc", "", "")),
            (Some('p'), "c<b b<a a<p", told("abc", "", "")),
            (Some('p'), "a<p b<p", told("", "ab", "")),
            (None, "a b c<a", told("", "abc", "")),
            (Some('p'), "a<p b<a c<a", told("a", "bc", "")),
            // Somebody ends the dispute, wherever he stands himself.
            (Some('p'), "a<p b<p r<a!ab", told("abr", "", "")),
            (Some('p'), "a<p b<p r<p!ab", told("abr", "", "")),
            (Some('p'), "a<p b<p r<b!a x<r", told("abrx", "", "")),
            (Some('p'), "a<p c<a b<p r<c!cb", told("acbr", "", "")),
            (Some('p'), "r<a!ab a<p b<p", told("abr", "", "")),
            // Not of one of three.
            (Some('p'), "a<p b<p c<p r<a!ab", told("", "abcr", "")),
            // One was sealed before the other came.
            (Some('a'), "b<p", told("", "", "b")),
            (Some('a'), "b<p d<b r<a!b", told("bdr", "", "")),
            (Some('a'), "r<a!b", told("r", "", "")),
            (Some('p'), "b<a", told("", "", "b")),
            // A ring is no line.
            (Some('p'), "a<b b<a", told("", "", "ab")),
        ] {
            assert_eq!(lined(head, text), expected, "{text}");
        }
    }

    #[test]
    fn a_line_that_is_broken_in_a_log_is_found_by_index() {
        for (text, broken) in [
            ("a b<a b<a", vec![2]),
            ("a a", vec![1]),
            ("a b<a c<a", vec![2]),
            ("a c<b", vec![1]),
            ("a b<a c<a r<b!x", vec![2]),
            ("a b<a c<a r<b!c", vec![]),
        ] {
            let mut lines = Lines::default();
            for (at, one) in waiting(text).iter().enumerate() {
                lines.take(at as u64, [0; 16], one, Head::of(one.id));
            }
            assert_eq!(lines.broken(), broken, "{text}");
        }
    }

    #[test]
    fn what_was_taken_back_may_be_followed_by_whoever_knows_nothing_of_it() {
        // The log has a, b and v, which took b back; trees have a only, or nothing where a was taken back, too.
        for (stands_for, text, expected) in [
            (Some('a'), "c<a", "c"),
            (Some('a'), "c<v", "c"),
            (Some('a'), "c<b", ""),
            (Some('a'), "c", ""),
            (None, "c", "c"),
        ] {
            let head = Head { id: id('v'), stands_for: stands_for.map(id) };
            let all = waiting(text);
            let order: String = line_up(Some(head), &all).order.iter().map(|at| name(all[*at].id)).collect();
            let mut lines = Lines::of([([0; 16], head)]);
            lines.take(9, [0; 16], &all[0], Head::of(all[0].id));
            assert_eq!((order.as_str(), lines.broken().is_empty()), (expected, !expected.is_empty()), "{text}");
        }
    }
}
