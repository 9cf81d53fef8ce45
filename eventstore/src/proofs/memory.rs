//! A tree held in memory: for tests, and as the plainest implementation of `Tiles`.

use super::tile::Tiles;
use super::tree::{Edge, Hash, leaf_hash};
use super::{LeafSource, ProofError};

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
    fn count(&self) -> Result<u64, ProofError> {
        Ok(self.leaves.len() as u64)
    }

    fn scan(&self, from: u64, each: &mut dyn FnMut(u64, &[u8]) -> Result<(), ProofError>) -> Result<(), ProofError> {
        let first = usize::try_from(from).unwrap_or(usize::MAX);
        (from..).zip(self.leaves.iter().skip(first)).try_for_each(|(index, leaf)| each(index, leaf))
    }
}
