//! A tree held in memory: for tests, and as the plainest implementation of `Tiles`.

use super::ProofError;
use super::tile::Tiles;
use super::tree::{Edge, Hash, leaf_hash};
use crate::observer::{Leaf, LeafSource};
use crate::store::StoreError;
use futures::future::{BoxFuture, FutureExt, ready};

/// Leaves and all hashes of their tree.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    edge: Edge,
    levels: Vec<Vec<Hash>>,
    /// The leaves. Changing one does not change the hashes, as with files on a disk.
    pub leaves: Vec<Vec<u8>>,
}

impl Memory {
    /// The tree of these leaves.
    pub fn of<L: AsRef<[u8]>>(leaves: impl IntoIterator<Item = L>) -> Self {
        let mut tree = Self::default();
        for leaf in leaves {
            tree.push(leaf.as_ref());
        }
        tree
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: &[u8]) {
        self.leaves.push(leaf.to_vec());
        let levels = &mut self.levels;
        self.edge.push(leaf_hash(leaf), |level, hash| {
            levels.resize_with(levels.len().max(usize::from(level) + 1), Vec::new);
            levels[usize::from(level)].push(hash);
        });
    }

    /// The root of the whole tree.
    pub fn root(&self) -> Hash {
        self.edge.root()
    }
}

impl Tiles for Memory {
    fn size(&self) -> u64 {
        self.edge.size()
    }

    fn hashes(&self, level: u8, first: u64, count: u64) -> Result<Vec<Hash>, ProofError> {
        let out_of_range = || ProofError::OutOfRange { asked: first + count, size: self.size() };
        let level = self.levels.get(usize::from(level)).ok_or_else(out_of_range)?;
        let first = usize::try_from(first).map_err(|_| out_of_range())?;
        let count = usize::try_from(count).map_err(|_| out_of_range())?;
        level.get(first..first + count).map(<[Hash]>::to_vec).ok_or_else(out_of_range)
    }
}

impl LeafSource for Memory {
    fn leaves(&self, _partition: u16, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Leaf>, StoreError>> {
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        let found = (1..).zip(&self.leaves).skip(skip).take(limit);
        let found = found.map(|(sequence, bytes)| Leaf { sequence, bytes: bytes.clone() }).collect();
        ready(Ok(found)).boxed()
    }
}
