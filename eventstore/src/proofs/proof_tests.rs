//! Proofs held against an implementation that is not ours.

use super::*;
use crate::proofs::memory::Memory;
use crate::proofs::tile::level_len;
use crate::proofs::tree::leaf_hash;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use sha2::Sha256;

fn leaves(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|index| index.to_le_bytes()[..=(index % 8) as usize].to_vec()).collect()
}

fn oracle(leaves: &[Vec<u8>]) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    for leaf in leaves {
        tree.push(leaf.clone());
    }
    tree
}

fn concatenated(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[test]
fn every_proof_of_every_small_tree_is_the_oracles_and_holds() {
    let all = leaves(40);
    let tree = Memory::of(&all);
    for size in 1..=40_u64 {
        let oracle = oracle(&all[..usize::try_from(size).unwrap()]);
        let root = root_at(&tree, size).unwrap();
        assert_eq!(root.0[..], oracle.root().as_bytes()[..]);
        for index in 0..size {
            let path = inclusion(&tree, index, size).unwrap();
            let at = usize::try_from(index).unwrap();
            assert_eq!(concatenated(&path), oracle.prove_inclusion(at).as_bytes());
            verify_inclusion(leaf_hash(&all[at]), index, size, &path, &root).unwrap();
        }
        for old in 1..=size {
            let proof = consistency(&tree, old, size).unwrap();
            if old < size {
                let added = usize::try_from(size - old).unwrap();
                assert_eq!(concatenated(&proof), oracle.prove_consistency(added).as_bytes());
            }
            verify_consistency(old, &root_at(&tree, old).unwrap(), size, &root, &proof).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn proofs_over_several_tiles_are_accepted_by_the_oracle(size in 1..70_000_u64, pick in 0..u64::MAX, old in 0..u64::MAX) {
        let (index, old) = (pick % size, old % size + 1);
        let all = leaves(size);
        let tree = Memory::of(&all);
        let root = root_at(&tree, size).unwrap();
        prop_assert_eq!(root, tree.root());
        let theirs = RootHash::<Sha256>::new(root.0.into(), size);

        let path = inclusion(&tree, index, size).unwrap();
        let leaf = &all[usize::try_from(index).unwrap()];
        let proof = InclusionProof::<Sha256>::from_bytes(concatenated(&path));
        prop_assert!(theirs.verify_inclusion(leaf, index, &proof).is_ok());
        verify_inclusion(leaf_hash(leaf), index, size, &path, &root).unwrap();

        let old_root = root_at(&tree, old).unwrap();
        let proof = consistency(&tree, old, size).unwrap();
        verify_consistency(old, &old_root, size, &root, &proof).unwrap();
        if old < size {
            let before = RootHash::<Sha256>::new(old_root.0.into(), old);
            let proof = ConsistencyProof::<Sha256>::try_from_bytes(concatenated(&proof)).unwrap();
            prop_assert!(theirs.verify_consistency(&before, &proof).is_ok());
        }
    }

    #[test]
    fn a_proof_with_any_bit_flipped_is_refused(size in 2..600_u64, pick in 0..u64::MAX, bit in 0..u64::MAX) {
        let all = leaves(size);
        let tree = Memory::of(&all);
        let root = root_at(&tree, size).unwrap();
        let index = pick % size;
        let mut path = inclusion(&tree, index, size).unwrap();
        let at = usize::try_from(bit % (path.len() as u64 * 256)).unwrap();
        path[at / 256].0[at % 256 / 8] ^= 1 << (at % 8);
        let leaf = leaf_hash(&all[usize::try_from(index).unwrap()]);
        prop_assert!(verify_inclusion(leaf, index, size, &path, &root).is_err());

        let old = pick % (size - 1) + 1;
        let mut proof = consistency(&tree, old, size).unwrap();
        let at = usize::try_from(bit % (proof.len() as u64 * 256)).unwrap();
        proof[at / 256].0[at % 256 / 8] ^= 1 << (at % 8);
        let old_root = root_at(&tree, old).unwrap();
        prop_assert!(verify_consistency(old, &old_root, size, &root, &proof).is_err());
    }
}

#[test]
fn what_the_tree_does_not_hold_is_out_of_range() {
    let tree = Memory::of(leaves(5));
    assert!(matches!(inclusion(&tree, 5, 5), Err(ProofError::OutOfRange { asked: 5, size: 5 })));
    assert!(inclusion(&tree, 0, 6).is_err());
    assert!(consistency(&tree, 4, 3).is_err());
    assert!(root_at(&tree, 6).is_err());
    assert_eq!(root_at(&tree, 0).unwrap(), empty_root());
    assert_eq!(consistency(&tree, 0, 5).unwrap(), []);
    verify_consistency(0, &empty_root(), 5, &root_at(&tree, 5).unwrap(), &[]).unwrap();
}

#[test]
fn the_edge_read_back_from_tiles_grows_as_the_one_kept() {
    let all = leaves(1_000);
    let tree = Memory::of(&all);
    for size in [1, 255, 256, 257, 511, 512, 999] {
        let mut edge = Edge::load(size, |level, first, count| tree.hashes(level, first, count)).unwrap();
        for leaf in &all[usize::try_from(size).unwrap()..] {
            edge.push(leaf_hash(leaf), |_, _| {});
        }
        assert_eq!(edge.root(), tree.root(), "from {size}");
    }
    assert_eq!(tree.hashes(1, 0, level_len(1_000, 1)).unwrap().len(), 3);
    assert!(tree.hashes(1, 0, 4).is_err());
}
