//! Inclusion and consistency proofs: made as in RFC 6962, sections 2.1.1 and 2.1.2, checked by the
//! algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2. Where the hashes come from is `Tiles`' business.

use super::ProofError;
use super::tile::{TILE_HEIGHT, Tiles};
use super::tree::{Edge, Hash, empty_root, node_hash, root_of};

/// The root of the first `size` leaves.
pub fn root_at(tiles: &dyn Tiles, size: u64) -> Result<Hash, ProofError> {
    in_range(size, tiles.size())?;
    Ok(Edge::load(size, |level, first, count| tiles.hashes(level, first, count))?.root())
}

/// The hashes that lead from the leaf at `index` to the root of the first `size` leaves.
pub fn inclusion(tiles: &dyn Tiles, index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
    in_range(size, tiles.size())?;
    if index >= size {
        return Err(ProofError::OutOfRange { asked: index, size });
    }
    let mut path = Vec::new();
    let (mut first, mut end) = (0, size);
    while end - first > 1 {
        let middle = first + split(end - first);
        if index < middle {
            path.push(subtree(tiles, middle, end)?);
            end = middle;
        } else {
            path.push(subtree(tiles, first, middle)?);
            first = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The hashes that show the first `old` leaves to be the beginning of the first `new` ones. Empty for none.
pub fn consistency(tiles: &dyn Tiles, old: u64, new: u64) -> Result<Vec<Hash>, ProofError> {
    in_range(new, tiles.size())?;
    in_range(old, new)?;
    if old == 0 {
        return Ok(Vec::new());
    }
    let mut proof = Vec::new();
    let (mut first, mut end, mut whole) = (0, new, true);
    while old != end {
        let middle = first + split(end - first);
        if old <= middle {
            proof.push(subtree(tiles, middle, end)?);
            end = middle;
        } else {
            proof.push(subtree(tiles, first, middle)?);
            first = middle;
            whole = false;
        }
    }
    if !whole {
        proof.push(subtree(tiles, first, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that `leaf` is at `index` of the tree of `size` leaves with this root.
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange { asked: index, size });
    }
    let (mut position, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Refuted);
        }
        if position % 2 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            while position.is_multiple_of(2) && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(ProofError::Refuted) }
}

/// Checks that the tree of `old` leaves is the beginning of the one of `new` leaves.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    in_range(old, new)?;
    let agree = |holds: bool| if holds { Ok(()) } else { Err(ProofError::Refuted) };
    if old == 0 {
        return agree(proof.is_empty() && *old_root == empty_root());
    }
    if old == new {
        return agree(proof.is_empty() && old_root == new_root);
    }
    let mut hashes = proof.iter();
    let start = if old.is_power_of_two() { old_root } else { hashes.next().ok_or(ProofError::Refuted)? };
    let shared = (old - 1).trailing_ones();
    let (mut position, mut last) = ((old - 1) >> shared, (new - 1) >> shared);
    let (mut from_old, mut from_new) = (*start, *start);
    for hash in hashes {
        if last == 0 {
            return Err(ProofError::Refuted);
        }
        if position % 2 == 1 || position == last {
            from_old = node_hash(hash, &from_old);
            from_new = node_hash(hash, &from_new);
            while position.is_multiple_of(2) && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, hash);
        }
        position >>= 1;
        last >>= 1;
    }
    agree(last == 0 && from_old == *old_root && from_new == *new_root)
}

fn in_range(asked: u64, size: u64) -> Result<(), ProofError> {
    if asked > size { Err(ProofError::OutOfRange { asked, size }) } else { Ok(()) }
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// The hash over the leaves from `first` to `end`, a range that the recursion of RFC 6962 comes upon.
fn subtree(tiles: &dyn Tiles, first: u64, end: u64) -> Result<Hash, ProofError> {
    let count = end - first;
    if count.is_power_of_two() {
        return complete(tiles, count.trailing_zeros(), first / count);
    }
    let middle = first + split(count);
    Ok(node_hash(&subtree(tiles, first, middle)?, &subtree(tiles, middle, end)?))
}

/// The hash of the `index`-th complete subtree of 2^`height` leaves.
fn complete(tiles: &dyn Tiles, height: u32, index: u64) -> Result<Hash, ProofError> {
    let level = u8::try_from(height / TILE_HEIGHT).expect("a tree is at most 64 high");
    let count = 1 << (height % TILE_HEIGHT);
    let hashes = tiles.hashes(level, index * count, count)?;
    Ok(root_of(&hashes).expect("a subtree has a leaf"))
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
