//! The rows that a fold sees: what is saved, overlaid with what the batch changed and is not saved yet, and a
//! bounded cache of rows in their decoded form. Which rows there are is each projection's own.

use crate::key::Key;
use crate::projection::FoldError;
use crate::table::{Change, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::collections::HashMap;

/// Decoded rows kept at most in each of the two halves of the cache.
const CACHED_ROWS_MAX: usize = 50_000;

/// The rows of one projection, as its fold reads and changes them.
pub struct Rows {
    table: Table,
    /// Rows that were put or, where there is none, deleted since the last save.
    changed: HashMap<Vec<u8>, Option<Box<dyn AnyRow>>>,
    /// Rows as they are saved, in use lately.
    recent: HashMap<Vec<u8>, Box<dyn AnyRow>>,
    /// Rows as they are saved, in use before that; dropped whole when `recent` is full.
    older: HashMap<Vec<u8>, Box<dyn AnyRow>>,
    /// What is written and never read by the fold, since the last save: index entries, which have no value, and rows
    /// that stay as they are.
    marks: HashMap<Vec<u8>, Option<Vec<u8>>>,
    cached_rows_max: usize,
}

trait AnyRow: Send {
    fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error>;
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: Serialize + Send + 'static> AnyRow for T {
    fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        rmp_serde::to_vec(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl Rows {
    /// The rows of a table.
    pub fn over(table: Table) -> Self {
        Self {
            table,
            changed: HashMap::new(),
            recent: HashMap::new(),
            older: HashMap::new(),
            marks: HashMap::new(),
            cached_rows_max: CACHED_ROWS_MAX,
        }
    }

    /// Takes the row out to change it. It is gone unless [`put`](Self::put) brings it back.
    pub(crate) fn take<T: DeserializeOwned + 'static>(&mut self, key: &Key) -> Result<Option<T>, FoldError> {
        let row = if let Some(row) = self.changed.get_mut(key.as_ref()) {
            row.take()
        } else {
            let cached = self.recent.remove(key.as_ref()).or_else(|| self.older.remove(key.as_ref()));
            let Some(row) = cached else { return self.take_saved(key) };
            self.changed.insert(key.as_ref().to_vec(), None);
            Some(row)
        };
        let Some(row) = row else { return Ok(None) };
        let row = row.into_any().downcast::<T>();
        row.map(|row| Some(*row)).map_err(|_| damaged(key, "it was read as another kind of row"))
    }

    fn take_saved<T: DeserializeOwned>(&mut self, key: &Key) -> Result<Option<T>, FoldError> {
        let row = self.saved(key)?;
        if row.is_some() {
            self.changed.insert(key.as_ref().to_vec(), None);
        }
        Ok(row)
    }

    fn saved<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, FoldError> {
        let Some(bytes) = self.table.get(key.as_ref())? else { return Ok(None) };
        rmp_serde::from_slice(&bytes).map(Some).map_err(|error| damaged(key, &error.to_string()))
    }

    /// A copy of the row.
    pub(crate) fn get<T>(&mut self, key: &Key) -> Result<Option<T>, FoldError>
    where
        T: Serialize + DeserializeOwned + Clone + Send + 'static,
    {
        if let Some(row) = self.changed.get(key.as_ref()) {
            return row.as_ref().map(|row| copy(key, &**row)).transpose();
        }
        if let Some(row) = self.recent.get(key.as_ref()) {
            return copy(key, &**row).map(Some);
        }
        if let Some((key_bytes, row)) = self.older.remove_entry(key.as_ref()) {
            let found = copy(key, &*row).map(Some);
            self.recent.insert(key_bytes, row);
            return found;
        }
        let row = self.saved::<T>(key)?;
        if let Some(row) = &row {
            self.recent.insert(key.as_ref().to_vec(), Box::new(row.clone()));
        }
        Ok(row)
    }

    /// Puts a row, new or changed.
    pub(crate) fn put<T: Serialize + Send + 'static>(&mut self, key: &Key, row: T) {
        self.set(key, Some(Box::new(row)));
    }

    /// Deletes a row, whether it is there or not.
    pub(crate) fn delete(&mut self, key: &Key) {
        self.set(key, None);
    }

    fn set(&mut self, key: &Key, row: Option<Box<dyn AnyRow>>) {
        if let Some(there) = self.changed.get_mut(key.as_ref()) {
            *there = row;
        } else {
            self.recent.remove(key.as_ref());
            self.older.remove(key.as_ref());
            self.changed.insert(key.as_ref().to_vec(), row);
        }
    }

    /// Puts an index entry: a key without a value. The keys of rows and of index entries must be of different tables.
    pub(crate) fn mark(&mut self, key: Key) {
        self.marks.insert(key.done(), Some(Vec::new()));
    }

    /// Deletes an index entry.
    pub(crate) fn unmark(&mut self, key: Key) {
        self.marks.insert(key.done(), None);
    }

    /// Writes a row that the fold never reads or changes again.
    pub(crate) fn write_once<T: Serialize>(&mut self, key: &Key, row: &T) -> Result<(), FoldError> {
        let value = rmp_serde::to_vec(row).map_err(|error| damaged(key, &error.to_string()))?;
        self.marks.insert(key.as_ref().to_vec(), Some(value));
        Ok(())
    }

    /// [`mark`](Self::mark) by the key's bytes.
    pub(crate) fn mark_bytes(&mut self, key: Vec<u8>) {
        self.marks.insert(key, Some(Vec::new()));
    }

    /// [`unmark`](Self::unmark) by the key's bytes.
    pub(crate) fn unmark_bytes(&mut self, key: Vec<u8>) {
        self.marks.insert(key, None);
    }

    /// Adds to a counter; one that comes to 0 is not kept.
    pub(crate) fn add(&mut self, key: &Key, delta: i64) -> Result<(), FoldError> {
        let count = self.take::<i64>(key)?.unwrap_or(0) + delta;
        if count == 0 {
            self.delete(key);
        } else {
            self.put(key, count);
        }
        Ok(())
    }

    /// What was changed since the last call, encoded; from now on it counts as saved.
    pub(crate) fn changes(&mut self) -> Result<Vec<Change>, FoldError> {
        let mut changes = Vec::with_capacity(self.pending());
        if self.recent.len() + self.changed.len() > self.cached_rows_max {
            self.older = std::mem::take(&mut self.recent);
        }
        for (key, row) in self.changed.drain() {
            let value = row.as_ref().map(|row| row.encode()).transpose();
            let value = value.map_err(|error| FoldError::Damaged { table: key[0], what: error.to_string() })?;
            if let Some(row) = row {
                self.recent.insert(key.clone(), row);
            }
            changes.push((key, value));
        }
        changes.extend(self.marks.drain());
        Ok(changes)
    }

    /// Keeps every row in memory and counts nothing as changed.
    pub(crate) fn keep_all(&mut self) {
        self.marks.clear();
    }

    /// How many keys wait to be saved.
    pub(crate) fn pending(&self) -> usize {
        self.marks.len() + self.changed.len()
    }

    /// Forgets everything that is not saved.
    pub(crate) fn discard(&mut self) {
        self.changed.clear();
        self.recent.clear();
        self.older.clear();
        self.marks.clear();
    }
}

fn copy<T: Clone + 'static>(key: &Key, row: &dyn AnyRow) -> Result<T, FoldError> {
    row.as_any().downcast_ref::<T>().cloned().ok_or_else(|| damaged(key, "it was read as another kind of row"))
}

fn damaged(key: &Key, what: &str) -> FoldError {
    FoldError::Damaged { table: key.as_ref()[0], what: what.to_owned() }
}
