//! Which lines of a file ran: the counters of a profile held against the regions of LLVM's coverage mapping. A region counts as often as its
//! counter, or as the sum or the difference of two others says: <https://llvm.org/docs/CoverageMappingFormat.html>.

use std::collections::{BTreeMap, BTreeSet};

use object::Object as _;

use super::llvm_coverage::{NotInstrumented, lists, number, record, region, section};

/// Expressions within expressions that are followed.
const DEEPEST: u32 = 2000;
/// The mark of a region that only fills a gap between others, in its last column.
const GAP: u64 = 1 << 31;

/// A region of code: its first and last line, and its counter.
type Region = (u32, u32, u64);
/// What an expression is made of, by its number.
type Expressions = Vec<(u64, u64)>;

/// The lines that ran of the files that `is_wanted`, given the counters of all functions by the hash of their names.
///
/// # Errors
/// There is no coverage mapping, or not all of it is understood.
pub fn lines_run(
    program: &[u8],
    counters: &BTreeMap<u64, Vec<u64>>,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<BTreeSet<u32>, NotInstrumented> {
    let file = object::File::parse(program).map_err(|_| NotInstrumented::Foreign)?;
    if !file.is_64() || !file.is_little_endian() {
        return Err(NotInstrumented::Foreign);
    }
    let lists = lists(section(&file, "__llvm_covmap")?)?;
    let mut rest = section(&file, "__llvm_covfun")?;
    let mut ran = BTreeSet::new();
    while !rest.is_empty() {
        let record = record(&mut rest)?;
        let Some(own) = counters.get(&record.name) else { continue };
        let files = lists.get(&record.files).ok_or(NotInstrumented::Damaged)?;
        let (regions, expressions) =
            regions(record.mapping, &|index| files.get(index).is_some_and(|file| is_wanted(file)))?;
        let mut counts = Counts { own, expressions: &expressions, known: BTreeMap::new() };
        let counted: Vec<(u32, u32, bool)> =
            regions.into_iter().map(|(first, last, head)| (first, last, counts.of(head, DEEPEST) > 0)).collect();
        ran.extend(lines(&counted));
    }
    Ok(ran)
}

/// A line ran if a region that ran begins on it, or if the innermost region around it ran.
fn lines(regions: &[(u32, u32, bool)]) -> BTreeSet<u32> {
    let most = regions.iter().filter(|(_, _, ran)| *ran).flat_map(|(first, last, _)| *first..=*last);
    let is_run = |line: &u32| {
        let around = regions.iter().filter(|(first, last, _)| (first..=last).contains(&line));
        let inner = around.clone().max_by_key(|(first, last, _)| (*first, std::cmp::Reverse(*last)));
        around.into_iter().any(|(first, _, ran)| first == line && *ran) || inner.is_some_and(|(_, _, ran)| *ran)
    };
    most.collect::<BTreeSet<u32>>().into_iter().filter(is_run).collect()
}

/// The regions of code in the wanted files of a function, and its expressions.
fn regions(
    mut mapping: &[u8],
    is_wanted: &dyn Fn(usize) -> bool,
) -> Result<(Vec<Region>, Expressions), NotInstrumented> {
    let rest = &mut mapping;
    let damaged = |_| NotInstrumented::Damaged;
    let mut own = Vec::new();
    for _ in 0..number(rest)? {
        own.push(usize::try_from(number(rest)?).map_err(damaged)?);
    }
    let mut expressions = Vec::new();
    for _ in 0..number(rest)? {
        expressions.push((number(rest)?, number(rest)?));
    }
    let mut found = Vec::new();
    for index in own {
        let mut line: u32 = 0;
        for _ in 0..number(rest)? {
            let head = number(rest)?;
            let read = region(head)?;
            for _ in 0..read.numbers {
                number(rest)?;
            }
            let step = u32::try_from(number(rest)?).map_err(damaged)?;
            line = line.checked_add(step).ok_or(NotInstrumented::Damaged)?;
            let [_column, more, end] = [number(rest)?, number(rest)?, number(rest)?];
            let last =
                u32::try_from(more).ok().and_then(|more| line.checked_add(more)).ok_or(NotInstrumented::Damaged)?;
            if read.is_code && end & GAP == 0 && is_wanted(index) {
                found.push((line, last, head));
            }
        }
    }
    Ok((found, expressions))
}

/// What counters of a function say.
struct Counts<'a> {
    own: &'a [u64],
    expressions: &'a [(u64, u64)],
    /// What expressions came to, which are made of each other: each is worked out once. One that needs itself is nothing.
    known: BTreeMap<u64, u64>,
}

impl Counts<'_> {
    /// What a counter says: nothing, one of the profile's, or the difference or the sum of two.
    fn of(&mut self, head: u64, left: u32) -> u64 {
        let index = usize::try_from(head >> 2).unwrap_or(usize::MAX);
        match head & 3 {
            0 => return 0,
            1 => return self.own.get(index).copied().unwrap_or(0),
            _ => {}
        }
        if let Some(known) = self.known.get(&head) {
            return *known;
        }
        self.known.insert(head, 0);
        let (Some((a, b)), Some(left)) = (self.expressions.get(index), left.checked_sub(1)) else { return 0 };
        let (a, b) = (self.of(*a, left), self.of(*b, left));
        let count = if head & 3 == 2 { a.saturating_sub(b) } else { a.saturating_add(b) };
        self.known.insert(head, count);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_added_and_taken_away() {
        // Expression 0 is counter 0 less counter 1; expression 1 is that and counter 1.
        let (own, expressions) = ([7, 2], [(1, 5), (2, 5)]);
        for (head, expected) in [(0, 0), (1, 7), (5, 2), (2, 5), (7, 7), (9, 0), (6, 3)] {
            let mut counts = Counts { own: &own, expressions: &expressions, known: BTreeMap::new() };
            assert_eq!(counts.of(head, DEEPEST), expected, "{head}");
        }
        // Expressions that mean themselves, or each other twice over, end.
        let twice: Vec<(u64, u64)> = (0..200).map(|at| (4 * at + 7, 4 * at + 7)).collect();
        for expressions in [&[(3, 3)][..], &twice] {
            let mut counts = Counts { own: &own, expressions, known: BTreeMap::new() };
            assert_eq!(counts.of(3, DEEPEST), 0);
        }
    }

    #[test]
    fn a_line_ran_as_the_innermost_region_around_it_says() {
        // A function from 1 to 9, an arm on 3 that did not run, a block from 5 to 7 that did not, whose head on 5 did.
        let regions = [(1, 9, true), (3, 3, false), (5, 5, true), (5, 7, false), (6, 6, false)];
        assert_eq!(lines(&regions).into_iter().collect::<Vec<_>>(), [1, 2, 4, 5, 8, 9]);
        assert_eq!(lines_run(b"", &BTreeMap::new(), &|_| true), Err(NotInstrumented::Foreign));
    }
}
