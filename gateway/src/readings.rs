//! Tells the log who read what others did. What counts as such a reading is said where it happens.

use crate::error::Problem;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::StreamId;
use clew_domain::installation::{Command, DataReading, Installation};
use clew_domain::time::Timestamp;
use clew_eventstore::store::EventStore;
use clew_eventstore::transact;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

/// A page that refreshes itself is one reading: the same one is recorded again only after so long.
const SAME_FOR_SECS: i64 = 15 * 60;
/// Readings that are remembered for that.
const REMEMBERED_MAX: usize = 10_000;

/// What was read of late, and where the installation's stream is.
#[derive(Default)]
pub struct Readings {
    version: AtomicU64,
    recorded: Mutex<HashMap<(Actor, DataReading), Timestamp>>,
}

impl Readings {
    /// Records that data is read, by whom the command names. Reads no stream.
    pub async fn record(&self, store: &dyn EventStore, meta: &CommandMeta, what: DataReading) -> Result<(), Problem> {
        self.command(store, meta, &Command::RecordReading { what }).await
    }

    /// Has the installation record something that depends on nothing before it.
    pub async fn command(&self, store: &dyn EventStore, meta: &CommandMeta, command: &Command) -> Result<(), Problem> {
        transact::record::<Installation>(store, StreamId::INSTALLATION, &self.version, meta, command).await?;
        Ok(())
    }

    /// Records it, unless the same reader did the same shortly before.
    pub async fn record_once(
        &self,
        store: &dyn EventStore,
        meta: &CommandMeta,
        what: DataReading,
    ) -> Result<(), Problem> {
        let key = (meta.actor, what);
        let is_new = {
            let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
            let since = |at: &Timestamp| (meta.at.micros() - at.micros()) / 1_000_000;
            if recorded.len() >= REMEMBERED_MAX {
                recorded.retain(|_, at| since(at) < SAME_FOR_SECS);
            }
            recorded.get(&key).is_none_or(|at| since(at) >= SAME_FOR_SECS)
        };
        if is_new {
            self.record(store, meta, what).await?;
            self.recorded.lock().unwrap_or_else(PoisonError::into_inner).insert(key, meta.at);
        }
        Ok(())
    }
}
