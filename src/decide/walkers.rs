//! Tests that look at so much of the tree that they make nothing known.

/// A walker reads or lists more than this share of the tree …
const WALKER_SHARE: usize = 5;
/// … and at least so many paths: in a tree of ten files everybody reads a fifth of it.
const WALKER_PATHS: usize = 20;

/// Whether who touched so many paths of a tree of that size makes nothing known.
pub(super) fn is_walker(paths: usize, tree_size: usize) -> bool {
    paths > WALKER_PATHS && paths * WALKER_SHARE > tree_size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walker_touches_over_a_fifth_and_more_than_a_few() {
        for (paths, tree_size, walks) in [(21, 104, true), (21, 105, false), (20, 20, false)] {
            assert_eq!(is_walker(paths, tree_size), walks, "{paths} of {tree_size}");
        }
    }
}
