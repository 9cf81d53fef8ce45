//! The rows that a fold sees: what is saved, overlaid with what the batch changed and is not saved yet, and a
//! bounded cache of rows in their decoded form. Which rows there are is each projection's own.

use crate::key::{Fast, Key};
use crate::projection::FoldError;
use crate::table::{Change, Table};
use clew_eventstore::msgpack;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::collections::HashMap;

/// Decoded rows kept at most, but for those in use since the last look for rows that are not.
const CACHED_ROWS_MAX: usize = 40_000;

/// The rows of one projection, as its fold reads and changes them.
pub struct Rows {
    table: Table,
    /// Rows in use lately: as they are saved, or changed since.
    in_use: HashMap<Key, Slot, Fast>,
    /// Keys of the rows that were put or deleted since the last save, each once.
    changed: Vec<Key>,
    /// Index entries, which have no value and which no fold reads, since the last save.
    marks: HashMap<Vec<u8>, Option<Vec<u8>>, Fast>,
    /// Rows that stay as they are, since the last save.
    once: Vec<Change>,
    /// Where values are made, to be copied at their size: one that grows where it stays is moved several times.
    encoded: Vec<u8>,
    cached_rows_max: usize,
    /// Rows kept after the last look for rows that are not in use.
    kept: usize,
}

/// A row in use; none if it was deleted, is taken out, or was never there.
struct Slot {
    row: Option<Box<dyn AnyRow>>,
    changed: bool,
    /// Whether it was in use since the last look for rows that are not.
    used: bool,
}

trait AnyRow: Send {
    fn encode(&self, into: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: Serialize + Send + 'static> AnyRow for T {
    fn encode(&self, into: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
        rmp_serde::encode::write(into, self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
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
            in_use: HashMap::default(),
            changed: Vec::new(),
            marks: HashMap::default(),
            once: Vec::new(),
            encoded: Vec::new(),
            cached_rows_max: CACHED_ROWS_MAX,
            kept: 0,
        }
    }

    /// Keeps more or fewer decoded rows.
    pub(crate) fn caching(self, rows_max: usize) -> Self {
        Self { cached_rows_max: rows_max, ..self }
    }

    /// Takes the row out to change it. It is gone unless [`put`](Self::put) brings it back.
    pub(crate) fn take<T: DeserializeOwned + 'static>(&mut self, key: &Key) -> Result<Option<T>, FoldError> {
        let Some(slot) = self.in_use.get_mut(key) else {
            let row = self.saved(key)?;
            if row.is_some() {
                self.set(key, None);
            }
            return Ok(row);
        };
        slot.used = true;
        let Some(row) = slot.row.take() else { return Ok(None) };
        if !slot.changed {
            slot.changed = true;
            self.changed.push(key.clone());
        }
        let row = row.into_any().downcast::<T>();
        row.map(|row| Some(*row)).map_err(|_| damaged(key, "it was read as another kind of row"))
    }

    fn saved<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, FoldError> {
        let Some(bytes) = self.table.get(key.as_ref())? else { return Ok(None) };
        msgpack::from_slice(&bytes).map(Some).map_err(|error| damaged(key, &error.to_string()))
    }

    /// A copy of the row.
    pub(crate) fn get<T>(&mut self, key: &Key) -> Result<Option<T>, FoldError>
    where
        T: Serialize + DeserializeOwned + Clone + Send + 'static,
    {
        if let Some(slot) = self.in_use.get_mut(key) {
            slot.used = true;
            return slot.row.as_ref().map(|row| copy(key, &**row)).transpose();
        }
        let row = self.saved::<T>(key)?;
        // That there is none is worth remembering too.
        let known = row.clone().map(|row| Box::new(row) as Box<dyn AnyRow>);
        self.in_use.insert(key.clone(), Slot { row: known, changed: false, used: true });
        Ok(row)
    }

    /// Puts a row, new or changed.
    pub(crate) fn put<T: Serialize + Send + 'static>(&mut self, key: &Key, row: T) {
        self.set(key, Some(Box::new(row)));
    }

    /// Changes a row where it is; one that is not there begins as its default.
    pub(crate) fn update<T, R>(&mut self, key: &Key, change: impl FnOnce(&mut T) -> R) -> Result<R, FoldError>
    where
        T: Serialize + DeserializeOwned + Default + Send + 'static,
    {
        if let Some(slot) = self.in_use.get_mut(key)
            && let Some(row) = &mut slot.row
        {
            let row = (**row).as_any_mut().downcast_mut::<T>();
            let row = row.ok_or_else(|| damaged(key, "it was read as another kind of row"))?;
            slot.used = true;
            if !slot.changed {
                slot.changed = true;
                self.changed.push(key.clone());
            }
            return Ok(change(row));
        }
        let mut row = self.take::<T>(key)?.unwrap_or_default();
        let outcome = change(&mut row);
        self.put(key, row);
        Ok(outcome)
    }

    /// Deletes a row, whether it is there or not.
    pub(crate) fn delete(&mut self, key: &Key) {
        self.set(key, None);
    }

    fn set(&mut self, key: &Key, row: Option<Box<dyn AnyRow>>) {
        let Some(slot) = self.in_use.get_mut(key) else {
            self.in_use.insert(key.clone(), Slot { row, changed: true, used: true });
            self.changed.push(key.clone());
            return;
        };
        slot.row = row;
        slot.used = true;
        if !slot.changed {
            slot.changed = true;
            self.changed.push(key.clone());
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
        self.encoded.clear();
        rmp_serde::encode::write(&mut self.encoded, row).map_err(|error| damaged(key, &error.to_string()))?;
        self.once.push((key.as_ref().to_vec(), Some(self.encoded.clone())));
        Ok(())
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
        for key in self.changed.drain(..) {
            let Some(slot) = self.in_use.get_mut(&key) else { continue };
            self.encoded.clear();
            let row = slot.row.as_ref().map(|row| row.encode(&mut self.encoded)).transpose();
            let value = row.map_err(|error| damaged(&key, &error.to_string()))?.map(|()| self.encoded.clone());
            slot.changed = false;
            if value.is_none() {
                self.in_use.remove(&key);
            }
            changes.push((key.done(), value));
        }
        changes.extend(self.marks.drain());
        changes.append(&mut self.once);
        // Between two looks lies time for what is used now and then to be used again.
        if self.in_use.len() > self.cached_rows_max.max(self.kept + self.cached_rows_max / 2) {
            self.in_use.retain(|_, slot| std::mem::take(&mut slot.used));
            self.kept = self.in_use.len();
        }
        Ok(changes)
    }

    /// How many keys wait to be saved.
    pub(crate) fn pending(&self) -> usize {
        self.marks.len() + self.changed.len() + self.once.len()
    }

    /// Forgets everything that is not saved.
    pub(crate) fn discard(&mut self) {
        self.changed.clear();
        self.in_use.clear();
        self.kept = 0;
        self.marks.clear();
        self.once.clear();
    }
}

fn copy<T: Clone + 'static>(key: &Key, row: &dyn AnyRow) -> Result<T, FoldError> {
    row.as_any().downcast_ref::<T>().cloned().ok_or_else(|| damaged(key, "it was read as another kind of row"))
}

fn damaged(key: &Key, what: &str) -> FoldError {
    FoldError::Damaged { table: key.as_ref()[0], what: what.to_owned() }
}
