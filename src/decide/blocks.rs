//! Large sets that mostly hold each other, written as differences: what one process remembers grows from test to test, and thousands of tests
//! times thousands of targets is what nobody wants to write, read or compare.

/// How many sets before a set are looked at as its base.
const LOOKED_AT: usize = 32;
/// How long a chain of bases may get: whoever follows one goes a step for each.
const LONGEST_CHAIN: usize = 16;

/// One set as what it adds to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Its place among the given sets.
    pub(super) of: usize,
    /// The place of the set that it holds whole.
    pub(super) base: Option<usize>,
    /// What it has beyond that, sorted.
    pub(super) own: Vec<u32>,
}

/// The sets (each sorted, no two equal) as differences, each after its base. A base is the largest of the sets next in size that a set holds
/// whole, if that is at least half of it.
pub(super) fn blocks(sets: &[&[u32]]) -> Vec<Block> {
    let mut order: Vec<usize> = (0..sets.len()).collect();
    order.sort_by_key(|&at| (sets[at].len(), sets[at]));
    let mut chain = vec![0_usize; sets.len()];
    let mut found: Vec<Block> = Vec::with_capacity(sets.len());
    for (rank, &of) in order.iter().enumerate() {
        let set = sets[of];
        let before = order[rank.saturating_sub(LOOKED_AT)..rank].iter().rev().copied();
        let may_be = |at: &usize| chain[*at] < LONGEST_CHAIN && sets[*at].len() * 2 >= set.len();
        let base = before.filter(may_be).find(|&at| is_within(sets[at], set));
        chain[of] = base.map_or(0, |at| chain[at] + 1);
        let own = base.map_or_else(|| set.to_vec(), |at| without(set, sets[at]));
        found.push(Block { of, base, own });
    }
    found
}

/// Whether all of `small` is in `large`; both are sorted.
fn is_within(small: &[u32], large: &[u32]) -> bool {
    let mut rest = large.iter();
    small.iter().all(|one| rest.by_ref().find(|other| *other >= one) == Some(one))
}

/// What of `large` is not in `small`; both are sorted.
fn without(large: &[u32], small: &[u32]) -> Vec<u32> {
    let mut rest = small.iter().peekable();
    let is_new = |one: &&u32| {
        while rest.next_if(|other| *other < *one).is_some() {}
        rest.next_if(|other| other == one).is_none()
    };
    large.iter().filter(is_new).copied().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// All of a block and of its bases, and how many bases there are.
    fn whole(blocks: &[Block], of: usize) -> (BTreeSet<u32>, usize) {
        let at = blocks.iter().position(|block| block.of == of).unwrap();
        let mut all: BTreeSet<u32> = blocks[at].own.iter().copied().collect();
        let Some(base) = blocks[at].base else { return (all, 0) };
        assert!(blocks.iter().position(|block| block.of == base).unwrap() < at, "a base stands first");
        let (more, steps) = whole(blocks, base);
        all.extend(more);
        (all, steps + 1)
    }

    proptest! {
        #[test]
        fn every_set_comes_back_whole_through_a_short_chain(
            sets in proptest::collection::btree_set(proptest::collection::btree_set(0_u32..12, 0..12), 0..40)
        ) {
            let sets: Vec<Vec<u32>> = sets.into_iter().map(|set| set.into_iter().collect()).collect();
            let given: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
            let blocks = blocks(&given);
            prop_assert_eq!(blocks.len(), sets.len());
            for (at, set) in sets.iter().enumerate() {
                let (all, steps) = whole(&blocks, at);
                prop_assert_eq!(all.into_iter().collect::<Vec<_>>(), set.clone());
                prop_assert!(steps <= LONGEST_CHAIN);
            }
        }
    }

    #[test]
    fn a_memory_that_grows_is_written_once() {
        let sets: Vec<Vec<u32>> = (1..1_000).map(|last| (0..last).collect()).collect();
        let given: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
        let written: usize = blocks(&given).iter().map(|block| block.own.len()).sum();
        let all: usize = sets.iter().map(Vec::len).sum();
        assert!(written * 10 < all, "{written} of {all}");
    }
}
