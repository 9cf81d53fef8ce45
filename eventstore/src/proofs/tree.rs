//! The Merkle tree of RFC 6962, section 2.1, with SHA-256: leaf and node hashing, and the right edge to
//! which leaves are appended. Which hashes are kept, and where, is not decided here.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

use super::ProofError;
use super::tile::TILE_WIDTH;

/// A SHA-256 hash: of a leaf, or of a subtree. As text it is standard base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let wrong = || ProofError::malformed("hash", "it is not 32 bytes in base64");
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| wrong())?;
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}

/// The hash of a leaf: `SHA-256(0x00 || bytes)`.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(bytes).finalize().into())
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Hash(Sha256::digest(bytes).into())
}

/// The root of the tree without leaves: `SHA-256()`.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// The root over consecutive subtrees that are complete and of one size, except that the last may be smaller.
///
/// `None` for no hashes.
pub fn root_of(hashes: &[Hash]) -> Option<Hash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let (whole, odd) = (row.len() / 2, row.len() % 2);
        for pair in 0..whole {
            row[pair] = node_hash(&row[2 * pair], &row[2 * pair + 1]);
        }
        if odd == 1 {
            row[whole] = row[2 * whole];
        }
        row.truncate(whole + odd);
    }
    row.first().copied()
}

/// The right edge of a growing tree: for each level of tiles the hashes of its last tile that is not full.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of a tree of `size` leaves, read from its tiles by `read(level, first, count)`.
    pub fn load<E>(size: u64, mut read: impl FnMut(u8, u64, u64) -> Result<Vec<Hash>, E>) -> Result<Self, E> {
        let mut levels = Vec::new();
        let mut level = 0;
        let mut hashes = size;
        while hashes > 0 {
            let partial = hashes % TILE_WIDTH;
            levels.push(if partial == 0 { Vec::new() } else { read(level, hashes - partial, partial)? });
            hashes /= TILE_WIDTH;
            level += 1;
        }
        Ok(Self { size, levels })
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf; `keep(level, hash)` is told each hash that the tiles gain, in order.
    pub fn push(&mut self, leaf: Hash, mut keep: impl FnMut(u8, Hash)) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == usize::from(level) {
                self.levels.push(Vec::with_capacity(256));
            }
            let tile = &mut self.levels[usize::from(level)];
            keep(level, hash);
            tile.push(hash);
            if (tile.len() as u64) < TILE_WIDTH {
                return;
            }
            hash = root_of(tile).expect("a full tile has hashes");
            tile.clear();
        }
    }

    /// The root of the tree as it is.
    pub fn root(&self) -> Hash {
        let mut right: Option<Hash> = None;
        for tile in &self.levels {
            if let Some(rest) = right {
                right = root_of(&tile.iter().copied().chain([rest]).collect::<Vec<_>>());
            } else {
                right = root_of(tile);
            }
        }
        right.unwrap_or_else(empty_root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_rfc() {
        // RFC 6962 implementations publish these: the empty root, and the hash of the empty leaf.
        let hex = |hash: Hash| hash.0.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(hex(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(leaf_hash(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn text_round_trips_and_other_lengths_are_refused() {
        let hash = leaf_hash(b"x");
        assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        assert!("AAAA".parse::<Hash>().is_err());
        assert!("not base64".parse::<Hash>().is_err());
    }
}
