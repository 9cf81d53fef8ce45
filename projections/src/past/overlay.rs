//! Rows over rows: what was changed lies in memory, what was not is read from below, which nothing writes to.

use crate::table::{Change, Range, Table, TableError};
use clew_eventstore::cursor::Cursor;
use sled::IVec;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

/// Rows in memory over rows that stay as they are; a clone is the same rows.
#[derive(Clone, Debug)]
pub struct Overlay {
    below: Box<Table>,
    /// What was put, and the checkpoint.
    put: Box<Table>,
    /// What is gone of what is below.
    gone: Arc<RwLock<HashSet<Vec<u8>>>>,
}

impl Overlay {
    pub(crate) fn over(below: Table) -> Self {
        Self { below: Box::new(below), put: Box::new(Table::memory()), gone: Arc::default() }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<IVec>, TableError> {
        if let Some(put) = self.put.get(key)? {
            return Ok(Some(put));
        }
        if self.gone.read().unwrap_or_else(PoisonError::into_inner).contains(key) {
            return Ok(None);
        }
        self.below.get(key)
    }

    pub(crate) fn save(&self, changes: Vec<Change>, checkpoint: &Cursor) -> Result<(), TableError> {
        let mut gone = self.gone.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in &changes {
            if value.is_some() {
                gone.remove(key);
            } else {
                gone.insert(key.clone());
            }
        }
        self.put.save(changes, checkpoint)
    }

    pub(crate) fn checkpoint(&self) -> Result<Option<Cursor>, TableError> {
        Ok(self.put.checkpoint()?.or(self.below.checkpoint()?))
    }

    pub(crate) fn range(&self, from: &[u8], to: Option<&[u8]>, backwards: bool) -> Walk {
        Walk {
            put: self.put.range(from, to, backwards),
            below: self.below.range(from, to, backwards),
            next_put: None,
            next_below: None,
            gone: Arc::clone(&self.gone),
            backwards,
        }
    }
}

/// Both sets of rows, merged; of a key that both have, what was put counts.
pub struct Walk {
    put: Range,
    below: Range,
    next_put: Option<(IVec, IVec)>,
    next_below: Option<(IVec, IVec)>,
    gone: Arc<RwLock<HashSet<Vec<u8>>>>,
    backwards: bool,
}

impl Walk {
    fn fill(&mut self) -> Result<(), TableError> {
        if self.next_put.is_none() {
            self.next_put = self.put.next().transpose()?;
        }
        while self.next_below.is_none() {
            let Some(entry) = self.below.next().transpose()? else { return Ok(()) };
            if !self.gone.read().unwrap_or_else(PoisonError::into_inner).contains(entry.0.as_ref()) {
                self.next_below = Some(entry);
            }
        }
        Ok(())
    }
}

impl Iterator for Walk {
    type Item = Result<(IVec, IVec), TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            return Some(Err(error));
        }
        let order = match (&self.next_put, &self.next_below) {
            (Some((put, _)), Some((below, _))) => {
                if self.backwards {
                    below.cmp(put)
                } else {
                    put.cmp(below)
                }
            }
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        if order == Ordering::Equal {
            self.next_below = None;
        }
        if order.is_le() { self.next_put.take().map(Ok) } else { self.next_below.take().map(Ok) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(table: &Table, backwards: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = table.range(&[1], None, backwards);
        entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn rows_over_rows_read_as_rows_in_one(
            first in prop::collection::vec((1_u8..40, prop::option::of(0_u8..9)), 0..40),
            second in prop::collection::vec((1_u8..40, prop::option::of(0_u8..9)), 0..40),
        ) {
            let changes = |from: &[(u8, Option<u8>)]| -> Vec<Change> {
                from.iter().map(|(key, value)| (vec![*key], value.map(|value| vec![value]))).collect()
            };
            let (below, plain) = (Table::memory(), Table::memory());
            below.save(changes(&first), &Cursor::start(1)).unwrap();
            plain.save(changes(&first), &Cursor::start(1)).unwrap();
            let over = Table::over(below.clone());
            let untouched = all(&below, false);
            let cursor = "p7".parse().unwrap();
            over.save(changes(&second), &cursor).unwrap();
            plain.save(changes(&second), &cursor).unwrap();
            prop_assert_eq!(all(&over, false), all(&plain, false));
            prop_assert_eq!(all(&over, true), all(&plain, true));
            for key in 1..40 {
                prop_assert_eq!(over.get(&[key]).unwrap(), plain.get(&[key]).unwrap());
            }
            prop_assert_eq!(over.checkpoint().unwrap(), Some(cursor));
            prop_assert_eq!(all(&below, false), untouched);
        }
    }
}
