//! Folds facts into rows and saves them with the checkpoint. Where the facts come from is the caller's.

use crate::projection::{FoldError, Spec};
use crate::rows::Rows;
use crate::table::{Change, Table, TableError};
use clew_domain::fact::Fact;
use clew_eventstore::cursor::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A fold under way over one table.
pub(crate) struct Engine {
    spec: Spec,
    rows: Rows,
    cursor: Cursor,
}

/// Where a fold could not go on: `index` facts of those given were folded.
#[derive(Debug)]
pub(crate) struct Stuck {
    pub(crate) index: usize,
    pub(crate) error: FoldError,
}

impl Engine {
    /// Goes on where the table's checkpoint says.
    pub(crate) fn resume(spec: Spec, table: Table, partitions: u16) -> Result<Self, TableError> {
        let cursor = table.checkpoint()?.unwrap_or_else(|| Cursor::start(partitions));
        Ok(Self { spec, rows: Rows::over(table), cursor })
    }

    /// Keeps more or fewer decoded rows.
    pub(crate) fn caching(self, rows_max: usize) -> Self {
        Self { rows: self.rows.caching(rows_max), ..self }
    }

    pub(crate) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// How many keys wait to be saved.
    pub(crate) fn pending(&self) -> usize {
        self.rows.pending()
    }

    /// Folds the facts; those that were folded before change nothing.
    pub(crate) fn fold<'a>(&mut self, facts: impl IntoIterator<Item = &'a Fact>) -> Result<(), Stuck> {
        for (index, fact) in facts.into_iter().enumerate() {
            if self.cursor.has_seen(fact.position) {
                continue;
            }
            // A fold that broke leaves rows behind that the caller discards, so nothing half-done is seen again.
            let outcome = catch_unwind(AssertUnwindSafe(|| (self.spec.fold)(&mut self.rows, fact)));
            if let Err(error) = outcome.unwrap_or(Err(FoldError::Panicked)) {
                return Err(Stuck { index, error });
            }
            self.cursor.advance(fact.position);
        }
        Ok(())
    }

    /// What is to be saved, with the cursor up to which it holds.
    pub(crate) fn changes(&mut self) -> Result<(Vec<Change>, &Cursor), FoldError> {
        let changes = self.rows.changes()?;
        Ok((changes, &self.cursor))
    }

    /// Goes back to what is saved.
    pub(crate) fn discard(&mut self, saved: Cursor) {
        self.rows.discard();
        self.cursor = saved;
    }
}
