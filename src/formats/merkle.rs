//! The Merkle tree of RFC 6962 over SHA-256: its root from leaves that stream by, and proofs that others can check.
//!
//! A leaf hashes as SHA-256(0x00 ‖ bytes), a node as SHA-256(0x01 ‖ left ‖ right); the left half of a tree is the largest power of two
//! below its size.

use sha2::{Digest as _, Sha256};

/// The hash of a leaf or of a node.
pub type Hash = [u8; 32];

/// The hash of a leaf's bytes.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// The hash of a node above two others.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The right edge of a tree: all that has to be kept to go on, one hash for every bit of the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    /// Roots of whole subtrees, the largest first.
    peaks: Vec<Hash>,
}

impl Edge {
    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its whole subtrees, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// From size and peaks; none if they do not fit.
    #[must_use]
    pub fn of(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// Adds the hash of a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            hash = node(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root; of no leaf the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(&last) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(last, |right, left| node(left, &right))
    }
}

/// The root over hashes of leaves.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut edge = Edge::default();
    for leaf in leaves {
        edge.push(*leaf);
    }
    edge.root()
}

/// The proof that the leaf `at` is in the tree over these leaves, from the leaf upwards (RFC 6962, 2.1.1); `None` if there is no such leaf.
#[must_use]
pub fn inclusion(leaves: &[Hash], at: usize) -> Option<Vec<Hash>> {
    if at >= leaves.len() {
        return None;
    }
    let (mut proof, mut leaves, mut at) = (Vec::new(), leaves, at);
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(half(leaves.len()));
        if at < left.len() {
            proof.push(root(right));
            leaves = left;
        } else {
            proof.push(root(left));
            at -= left.len();
            leaves = right;
        }
    }
    proof.reverse();
    Some(proof)
}

/// The proof that the first `before` leaves are a beginning of all (RFC 6962, 2.1.2); `None` if there are not so many.
#[must_use]
pub fn consistency(leaves: &[Hash], before: usize) -> Option<Vec<Hash>> {
    if before > leaves.len() {
        return None;
    }
    let (mut proof, mut leaves, mut before, mut is_known) = (Vec::new(), leaves, before, true);
    if before == 0 || before == leaves.len() {
        return Some(proof);
    }
    loop {
        if before == leaves.len() {
            if !is_known {
                proof.push(root(leaves));
            }
            break;
        }
        let (left, right) = leaves.split_at(half(leaves.len()));
        if before <= left.len() {
            proof.push(root(right));
            leaves = left;
        } else {
            proof.push(root(left));
            leaves = right;
            before -= left.len();
            is_known = false;
        }
    }
    proof.reverse();
    Some(proof)
}

/// Whether a proof shows that `leaf` is the leaf `at` of the tree of `size` leaves with this root (RFC 9162, 2.1.3.2).
#[must_use]
pub fn includes(root: &Hash, size: u64, at: u64, leaf: &Hash, proof: &[Hash]) -> bool {
    if at >= size {
        return false;
    }
    let (mut index, mut last, mut hash) = (at, size - 1, *leaf);
    for other in proof {
        if last == 0 {
            return false;
        }
        if index % 2 == 1 || index == last {
            hash = node(other, &hash);
            while index % 2 == 0 && index != 0 {
                index >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, other);
        }
        index >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether a proof shows that the tree `old` of `before` leaves is the beginning of the tree `new` of `size` leaves (RFC 9162, 2.1.4.2).
#[must_use]
pub fn extends(old: &Hash, before: u64, new: &Hash, size: u64, proof: &[Hash]) -> bool {
    if before > size || (before == size && (old != new || !proof.is_empty())) {
        return false;
    }
    if before == 0 || before == size {
        return proof.is_empty();
    }
    let mut hashes: Vec<Hash> = Vec::new();
    if before.is_power_of_two() {
        hashes.push(*old);
    }
    hashes.extend(proof);
    let (mut index, mut last) = (before - 1, size - 1);
    while index % 2 == 1 {
        index >>= 1;
        last >>= 1;
    }
    let mut hashes = hashes.into_iter();
    let Some(first) = hashes.next() else { return false };
    let (mut was, mut is) = (first, first);
    for other in hashes {
        if last == 0 {
            return false;
        }
        if index % 2 == 1 || index == last {
            (was, is) = (node(&other, &was), node(&other, &is));
            while index % 2 == 0 && index != 0 {
                index >>= 1;
                last >>= 1;
            }
        } else {
            is = node(&is, &other);
        }
        index >>= 1;
        last >>= 1;
    }
    last == 0 && was == *old && is == *new
}

/// The size of the left part of a tree of more than one leaf.
fn half(size: usize) -> usize {
    size.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|at| leaf(format!("record {at}").as_bytes())).collect()
    }

    /// Another implementation's tree, by its own storage of hashes.
    struct Theirs(Vec<tlog_tiles::tlog::Hash>);

    impl tlog_tiles::tlog::HashReader for Theirs {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::tlog::Hash>, tlog_tiles::tlog::Error> {
            Ok(indexes.iter().map(|at| self.0[usize::try_from(*at).unwrap()]).collect())
        }
    }

    fn theirs(count: usize) -> Theirs {
        let mut theirs = Theirs(Vec::new());
        for at in 0..count {
            let new = tlog_tiles::tlog::stored_hashes(at as u64, format!("record {at}").as_bytes(), &theirs).unwrap();
            theirs.0.extend(new);
        }
        theirs
    }

    #[test]
    fn roots_and_proofs_are_those_of_another_implementation() {
        use tlog_tiles::tlog::{Hash as Their, check_record, check_tree, prove_record, prove_tree, tree_hash};
        for size in 1..70_usize {
            let (ours, their) = (leaves(size), theirs(size));
            let whole = root(&ours);
            assert_eq!(tree_hash(size as u64, &their).unwrap().0, whole, "{size}");
            for at in 0..size {
                let proof = inclusion(&ours, at).unwrap();
                let as_theirs: Vec<Their> = proof.iter().map(|hash| Their(*hash)).collect();
                assert_eq!(prove_record(size as u64, at as u64, &their).unwrap(), as_theirs, "{at} of {size}");
                check_record(&as_theirs, size as u64, Their(whole), at as u64, Their(ours[at])).unwrap();
                assert!(includes(&whole, size as u64, at as u64, &ours[at], &proof), "{at} of {size}");
            }
            for before in 1..=size {
                let proof = consistency(&ours, before).unwrap();
                let as_theirs: Vec<Their> = proof.iter().map(|hash| Their(*hash)).collect();
                assert_eq!(prove_tree(size as u64, before as u64, &their).unwrap(), as_theirs, "{before} of {size}");
                let old = root(&ours[..before]);
                check_tree(&as_theirs, size as u64, Their(whole), before as u64, Their(old)).unwrap();
                assert!(extends(&old, before as u64, &whole, size as u64, &proof), "{before} of {size}");
            }
        }
    }

    #[test]
    fn a_proof_of_something_else_is_none() {
        let all = leaves(37);
        let whole = root(&all);
        let proof = inclusion(&all, 11).unwrap();
        assert!(!includes(&whole, 37, 12, &all[11], &proof));
        assert!(!includes(&whole, 9, 11, &all[11], &proof) && !includes(&whole, 70, 11, &all[11], &proof));
        assert!(!includes(&whole, 37, 11, &all[12], &proof));
        assert!(!includes(&whole, 37, 40, &all[11], &proof));
        assert!(!includes(&whole, 37, 11, &all[11], &proof[1..]));
        let mut longer = proof.clone();
        longer.push([0; 32]);
        assert!(!includes(&whole, 37, 11, &all[11], &longer));
        for before in 1..37_u64 {
            let at = usize::try_from(before).unwrap();
            let proof = consistency(&all, at).unwrap();
            let old = root(&all[..at]);
            assert!(!extends(&old, before, &whole, 70, &proof));
            assert!(!extends(&root(&all[..at - 1]), before, &whole, 37, &proof));
            let mut wrong = proof.clone();
            if let Some(first) = wrong.first_mut() {
                first[0] ^= 1;
                assert!(!extends(&old, before, &whole, 37, &wrong));
            }
            let mut longer = proof;
            longer.push([0; 32]);
            assert!(!extends(&old, before, &whole, 37, &longer));
        }
        assert!(!extends(&whole, 37, &root(&all[..36]), 36, &[]));
        assert_eq!((inclusion(&all, 37), consistency(&all, 38)), (None, None));
        assert!(extends(&whole, 37, &whole, 37, &[]));
    }

    #[test]
    fn a_tree_grows_leaf_by_leaf_with_one_hash_a_bit() {
        let all = leaves(1000);
        let mut edge = Edge::default();
        for (at, leaf) in all.iter().enumerate() {
            edge.push(*leaf);
            assert_eq!(edge.peaks.len(), (at + 1).count_ones() as usize);
        }
        assert_eq!((edge.size(), edge.root()), (1000, root(&all)));
        // What RFC 6962 says of no leaf at all.
        assert_eq!(Edge::default().root()[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    }
}
