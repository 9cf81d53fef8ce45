//! Where a projection's rows lie: packed on disk, or in memory for what was folded to look at once. Knows bytes only.

use crate::key;
use crate::packed::{Packed, Walk};
use crate::past::{self, Overlay};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::msgpack;
use sled::IVec;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

/// The key of the checkpoint; no row's table is 0.
const CHECKPOINT: &[u8] = &[0];

/// A change of one key: its new value, or none if it goes.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// Ordered rows by key bytes, and the checkpoint that was saved with them.
#[derive(Clone, Debug)]
pub enum Table {
    /// On disk; what a crash leaves is whole batches, and the checkpoint that belongs to them.
    Packed(Stored),
    /// In memory.
    Memory(Arc<RwLock<BTreeMap<Vec<u8>, IVec>>>),
    /// In memory, over rows that stay as they are.
    Over(Overlay),
}

/// Rows on disk.
#[derive(Clone, Debug)]
pub struct Stored(Arc<Packed>);

/// Why a table could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rows can't be read or written: {0}")]
pub struct TableError(pub String);

/// A key and its value.
pub type Entry = Result<(IVec, IVec), TableError>;

impl Table {
    /// An empty table in memory.
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// Empty changes over these rows, which nobody writes to meanwhile.
    pub(crate) fn over(below: Self) -> Self {
        Self::Over(Overlay::over(below))
    }

    /// Opens the rows in `dir`, none if there are none.
    pub(crate) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, TableError> {
        Packed::open(dir, cache_bytes).map(|rows| Self::Packed(Stored(Arc::new(rows))))
    }

    /// Opens rows that were [kept](Self::keep_as), to be read alone.
    pub(crate) fn open_kept(dir: &Path, cache_bytes: u64) -> Result<Self, TableError> {
        Packed::open_still(dir, cache_bytes).map(|rows| Self::Packed(Stored(Arc::new(rows))))
    }

    /// Whether a read met damage on disk: then the rows are of no more use, and are built anew from the log.
    pub fn is_damaged(&self) -> bool {
        match self {
            Self::Packed(Stored(rows)) => rows.is_damaged(),
            Self::Memory(_) | Self::Over(_) => false,
        }
    }

    /// Writes down what is only in memory yet, and answers when it is on disk.
    pub fn flush(&self) -> Result<(), TableError> {
        match self {
            Self::Packed(Stored(rows)) => rows.flush(),
            Self::Memory(_) | Self::Over(_) => Ok(()),
        }
    }

    /// Keeps the rows of this moment in the directory `to` too, where [`Table::open_kept`] finds them; what did not change
    /// since is shared with what is kept. Returns up to where they hold. Rows in memory keep nothing.
    pub(crate) fn keep_as(&self, to: &Path) -> Result<Option<Cursor>, TableError> {
        match self {
            Self::Packed(Stored(rows)) => rows.keep_as(to),
            Self::Memory(_) | Self::Over(_) => Ok(None),
        }
    }

    /// The value of a key. An index entry, which has no value, is found by walking only.
    pub fn get(&self, key: &[u8]) -> Result<Option<IVec>, TableError> {
        match self {
            Self::Packed(Stored(rows)) => rows.get(key),
            Self::Memory(rows) => Ok(rows.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()),
            Self::Over(rows) => rows.get(key),
        }
    }

    /// Takes in the changes and the checkpoint, all of them or none. A crash may take the last ones back, together
    /// with the checkpoints that belong to them.
    pub fn save(&self, changes: Vec<Change>, checkpoint: &Cursor) -> Result<(), TableError> {
        match self {
            Self::Packed(Stored(rows)) => rows.save(changes, checkpoint),
            Self::Over(rows) => rows.save(changes, checkpoint),
            Self::Memory(rows) => {
                let checkpoint = rmp_serde::to_vec(checkpoint).map_err(|error| TableError(error.to_string()))?;
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
        match self {
            Self::Packed(Stored(rows)) => return Ok(rows.checkpoint()),
            Self::Over(rows) => return rows.checkpoint(),
            Self::Memory(_) => {}
        }
        let Some(bytes) = self.get(CHECKPOINT)? else { return Ok(None) };
        msgpack::from_slice(&bytes).map(Some).map_err(|_| TableError("the checkpoint is damaged".into()))
    }

    /// The rows whose keys lie in `from..to` (to the end, without `to`), from the first on, or from the last on.
    pub fn range(&self, from: &[u8], to: Option<&[u8]>, backwards: bool) -> Range {
        let end = || to.map_or(Bound::Unbounded, |to| Bound::Excluded(to.to_vec()));
        if to.is_some_and(|to| to <= from) {
            return Range::Empty;
        }
        match self {
            Self::Packed(Stored(rows)) => {
                Range::Packed(Box::new(rows.walk((Bound::Included(from.to_vec()), end()), backwards)))
            }
            Self::Over(rows) => Range::Over(Box::new(rows.range(from, to, backwards))),
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
    /// On disk.
    Packed(Box<Walk>),
    /// In memory, over others.
    Over(Box<past::Walk>),
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
            Self::Packed(walk) => walk.next(),
            Self::Over(walk) => walk.next(),
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
