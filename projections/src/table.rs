//! Where a projection's rows lie: a sled tree, or memory for what was folded to look at once. Knows bytes only.

use crate::key;
use clew_eventstore::cursor::Cursor;
use sled::IVec;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

/// The key of the checkpoint; no row's table is 0.
const CHECKPOINT: &[u8] = &[0];

/// A change of one key: its new value, or none if it goes.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// Ordered rows by key bytes, and the checkpoint that was saved with them.
#[derive(Clone, Debug)]
pub enum Table {
    /// On disk; what is saved survives a crash, in whole batches.
    Sled(sled::Tree),
    /// In memory.
    Memory(Arc<RwLock<BTreeMap<Vec<u8>, IVec>>>),
}

/// Why a table could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rows can't be read or written: {0}")]
pub struct TableError(pub String);

impl From<sled::Error> for TableError {
    fn from(error: sled::Error) -> Self {
        Self(error.to_string())
    }
}

/// A key and its value.
pub type Entry = Result<(IVec, IVec), TableError>;

impl Table {
    /// An empty table in memory.
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<IVec>, TableError> {
        match self {
            Self::Sled(tree) => Ok(tree.get(key)?),
            Self::Memory(rows) => Ok(rows.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()),
        }
    }

    /// Writes the changes and the checkpoint, all of them or none.
    pub fn save(&self, changes: Vec<Change>, checkpoint: &Cursor) -> Result<(), TableError> {
        let checkpoint = rmp_serde::to_vec(checkpoint).map_err(|error| TableError(error.to_string()))?;
        match self {
            Self::Sled(tree) => {
                let mut batch = sled::Batch::default();
                for (key, value) in changes {
                    match value {
                        Some(value) => batch.insert(key, value),
                        None => batch.remove(key),
                    }
                }
                batch.insert(CHECKPOINT, checkpoint);
                // A damaged sled may panic instead of telling.
                let applied = catch_unwind(AssertUnwindSafe(|| tree.apply_batch(batch)));
                Ok(applied.map_err(|_| TableError("sled panicked while writing".into()))??)
            }
            Self::Memory(rows) => {
                let mut rows = rows.write().unwrap_or_else(PoisonError::into_inner);
                for (key, value) in changes {
                    match value {
                        Some(value) => rows.insert(key, value.into()),
                        None => rows.remove(&key),
                    };
                }
                rows.insert(CHECKPOINT.to_vec(), checkpoint.into());
                Ok(())
            }
        }
    }

    /// The checkpoint saved last; none in an empty table.
    pub fn checkpoint(&self) -> Result<Option<Cursor>, TableError> {
        let Some(bytes) = self.get(CHECKPOINT)? else { return Ok(None) };
        rmp_serde::from_slice(&bytes).map(Some).map_err(|_| TableError("the checkpoint is damaged".into()))
    }

    /// The rows whose keys lie in `from..to` (to the end, without `to`), from the first on, or from the last on.
    pub fn range(&self, from: &[u8], to: Option<&[u8]>, backwards: bool) -> Range {
        let end = || to.map_or(Bound::Unbounded, |to| Bound::Excluded(to.to_vec()));
        if to.is_some_and(|to| to <= from) {
            return Range::Empty;
        }
        match self {
            Self::Sled(tree) => {
                let iter = tree.range::<Vec<u8>, _>((Bound::Included(from.to_vec()), end()));
                Range::Sled { iter: Box::new(iter), backwards }
            }
            Self::Memory(rows) => {
                let bounds = (Bound::Included(from.to_vec()), end());
                Range::Memory { rows: Arc::clone(rows), bounds, backwards }
            }
        }
    }

    /// Every row, without the checkpoint, in the order of the keys.
    pub fn all(&self) -> Range {
        self.range(&[1], None, false)
    }

    /// The rows whose keys start with `prefix`.
    pub fn prefix(&self, prefix: &[u8], backwards: bool) -> Range {
        self.range(prefix, key::behind(prefix).as_deref(), backwards)
    }
}

/// Rows of a table, one after the other.
pub enum Range {
    /// None.
    Empty,
    /// Of a sled tree.
    Sled {
        /// The tree's own iterator.
        iter: Box<sled::Iter>,
        /// From the last on.
        backwards: bool,
    },
    /// Of memory.
    Memory {
        /// All rows.
        rows: Arc<RwLock<BTreeMap<Vec<u8>, IVec>>>,
        /// What is still to come.
        bounds: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        /// From the last on.
        backwards: bool,
    },
}

impl Iterator for Range {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        match self {
            Self::Empty => None,
            Self::Sled { iter, backwards } => {
                let next = if *backwards { iter.next_back() } else { iter.next() };
                next.map(|entry| entry.map_err(TableError::from))
            }
            Self::Memory { rows, bounds, backwards } => {
                let (key, value) = {
                    let rows = rows.read().unwrap_or_else(PoisonError::into_inner);
                    let mut range = rows.range(bounds.clone());
                    let found = if *backwards { range.next_back() } else { range.next() };
                    found.map(|(key, value)| (key.clone(), value.clone()))?
                };
                let passed = Bound::Excluded(key.clone());
                if *backwards {
                    bounds.1 = passed;
                } else {
                    bounds.0 = passed;
                }
                // An excluded bound on both sides of the same key would make an invalid range.
                if let (Bound::Excluded(from), Bound::Excluded(to)) = &bounds
                    && from >= to
                {
                    *self = Self::Empty;
                }
                Some(Ok((key.into(), value)))
            }
        }
    }
}
