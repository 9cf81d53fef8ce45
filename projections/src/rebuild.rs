//! Builds the rows of a projection anew beside those that are served: at full speed or throttled, resumable,
//! with a forecast; compares the two row by row. When they are exchanged is the runner's to do.

mod compare;
mod estimate;
mod job;
mod offline;
mod rate;

pub use crate::catalogue::EndedRebuild;
pub use compare::{Comparison, Difference, compare};
pub use estimate::Estimate;
pub(crate) use estimate::estimate;
pub use job::{Building, Job, RebuildError, RebuildOptions};
pub(crate) use job::{build, catch_up};
pub use offline::Offline;
pub use rate::Rate;

use crate::engine::Engine;
use crate::past::Keeper;
use crate::projection::{FoldError, Spec};
use crate::table::{Table, TableError};
use clew_domain::fact::Fact;
use clew_eventstore::cursor::Cursor;

/// Changed keys that wait to be saved at most: it bounds memory, and a key that changes again meanwhile is saved once.
/// A batch is in memory up to three times until it is on disk: as rows, encoded, and while the one before is written.
const PENDING_KEYS_MAX: usize = 100_000;

/// Decoded rows that a rebuild keeps, so that a conversation that goes on is not read again: some 200 MiB.
const CACHED_ROWS_MAX: usize = 200_000;

/// Folds facts into a table that nobody reads yet, and saves now and then.
pub(crate) struct Feeder {
    engine: Engine,
    table: Table,
    keeper: Option<Keeper>,
}

impl Feeder {
    /// Goes on where the table's checkpoint says.
    pub(crate) fn resume(spec: Spec, table: Table, partitions: u16) -> Result<Self, TableError> {
        Ok(Self {
            engine: Engine::resume(spec, table.clone(), partitions)?.caching(CACHED_ROWS_MAX),
            table,
            keeper: None,
        })
    }

    /// Keeps states of the rows now and then, for looks at the past.
    pub(crate) fn keeping(self, keeper: Option<Keeper>) -> Self {
        Self { keeper, ..self }
    }

    pub(crate) fn cursor(&self) -> &Cursor {
        self.engine.cursor()
    }

    pub(crate) fn take(&mut self, facts: &[Fact]) -> Result<(), FoldError> {
        self.engine.fold(facts).map_err(|stuck| stuck.error)?;
        if self.engine.pending() >= PENDING_KEYS_MAX {
            self.save()?;
        }
        Ok(())
    }

    pub(crate) fn save(&mut self) -> Result<(), FoldError> {
        let (changes, cursor) = self.engine.changes()?;
        self.table.save(changes, cursor)?;
        if let Some(keeper) = &mut self.keeper {
            keeper.keep_when_due(&self.table, cursor)?;
        }
        Ok(())
    }

    /// Saves, and answers when it is on disk.
    pub(crate) fn write_down(&mut self) -> Result<(), FoldError> {
        self.save()?;
        Ok(self.table.flush()?)
    }
}
