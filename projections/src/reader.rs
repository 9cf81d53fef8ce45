//! How a projection's rows are read: from what is served now, never half of a batch. The questions themselves
//! stand beside each fold.

use crate::derived::Derived;
use crate::projection::{FoldError, Projection, Spec};
use crate::status::{Behind, State, Status, lag};
use crate::table::{Range, Table, TableError};
use clew_domain::time::Timestamp;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::msgpack;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Why a question to a projection has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The rows can't be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A row is not what the fold wrote.
    #[error("a row of {projection} is damaged; rebuild the projection")]
    Damaged {
        /// Whose row.
        projection: &'static str,
    },
    /// The cursor of a page is not one that a page of this list carried.
    #[error("'{0}' is not a cursor of this list; give back the one that the page before carried, unchanged")]
    NotACursor(String),
}

/// What a projection shows at one instant.
pub struct View<'a> {
    projection: &'static str,
    table: &'a Table,
    cursor: &'a Cursor,
    derived: Option<&'a dyn Derived>,
}

impl View<'_> {
    /// The row.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: impl AsRef<[u8]>) -> Result<Option<T>, QueryError> {
        self.table.get(key.as_ref())?.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// A counter; 0 if it was never added to.
    pub(crate) fn count(&self, key: impl AsRef<[u8]>) -> Result<u64, QueryError> {
        let count = self.get::<i64>(key)?.unwrap_or(0);
        u64::try_from(count).map_err(|_| self.damaged())
    }

    pub(crate) fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, QueryError> {
        msgpack::from_slice(bytes).map_err(|_| self.damaged())
    }

    pub(crate) fn damaged(&self) -> QueryError {
        QueryError::Damaged { projection: self.projection }
    }

    pub(crate) fn prefix(&self, prefix: impl AsRef<[u8]>, backwards: bool) -> Range {
        self.table.prefix(prefix.as_ref(), backwards)
    }

    pub(crate) fn range(&self, from: &[u8], to: Option<&[u8]>, backwards: bool) -> Range {
        self.table.range(from, to, backwards)
    }

    /// What the projection keeps in memory beside its rows.
    pub(crate) fn derived<T: Derived>(&self) -> Result<&T, QueryError> {
        let derived = self.derived.map(|derived| derived as &dyn Any);
        derived.and_then(|derived| derived.downcast_ref()).ok_or_else(|| self.damaged())
    }

    /// How far the log is folded into what it shows.
    pub fn cursor(&self) -> &Cursor {
        self.cursor
    }
}

/// What is served: replaced whole by a swap.
pub(crate) struct Live {
    pub(crate) table: Table,
    pub(crate) version: u32,
    pub(crate) cursor: Cursor,
    pub(crate) derived: Option<Arc<dyn Derived>>,
}

impl Live {
    /// What is served from these rows, of this version of the fold. Rows that a newer fold will replace are served
    /// with what it derives from them, or without if it can't.
    pub(crate) fn new(spec: Spec, table: Table, version: u32, cursor: Cursor) -> Result<Self, FoldError> {
        let derived = match spec.derive.map(|derive| derive(&table)).transpose() {
            Err(_) if version != spec.version => None,
            derived => derived?,
        };
        Ok(Self { table, version, cursor, derived })
    }
}

/// What a projection's runner and its readers share.
pub(crate) struct Shared {
    pub(crate) spec: Spec,
    live: RwLock<Live>,
    progress: watch::Sender<Progress>,
    damage: Notify,
    meter: Mutex<Meter>,
}

#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) cursor: Cursor,
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    pub(crate) folded: u64,
    pub(crate) recorded_at: Option<Timestamp>,
    pub(crate) bytes: u64,
}

impl Shared {
    pub(crate) fn new(spec: Spec, live: Live) -> Self {
        let progress = Progress { cursor: live.cursor.clone(), state: State::Running };
        Self {
            spec,
            live: RwLock::new(live),
            progress: watch::Sender::new(progress),
            damage: Notify::new(),
            meter: Mutex::default(),
        }
    }

    /// What readers share of a table that nothing writes to any more, such as one folded up to an instant.
    pub(crate) fn still(spec: Spec, table: Table, cursor: Cursor) -> Arc<Self> {
        let derived = Live::new(spec, table.clone(), spec.version, cursor.clone()).map(|live| live.derived);
        let live = Live { table, version: spec.version, cursor, derived: derived.unwrap_or_default() };
        Arc::new(Self::new(spec, live))
    }

    /// Asks what is served now. The answer comes from between two batches.
    pub(crate) fn read<R>(&self, question: impl FnOnce(&View<'_>) -> R) -> R {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let derived = live.derived.as_deref();
        let answer = question(&View { projection: self.spec.name, table: &live.table, cursor: &live.cursor, derived });
        if live.table.is_damaged() {
            self.damage.notify_one();
        }
        answer
    }

    /// Waits until a read has met damage.
    pub(crate) async fn damage(&self) {
        self.damage.notified().await;
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.read_live(|live| live.table.is_damaged())
    }

    pub(crate) fn read_live<R>(&self, look: impl FnOnce(&Live) -> R) -> R {
        look(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what is served, and tells those who wait.
    pub(crate) fn update<E>(&self, change: impl FnOnce(&mut Live) -> Result<(), E>) -> Result<(), E> {
        let cursor = {
            let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
            change(&mut live)?;
            live.cursor.clone()
        };
        self.progress.send_modify(|progress| progress.cursor = cursor);
        Ok(())
    }

    pub(crate) fn set_state(&self, state: State) {
        self.progress.send_modify(|progress| progress.state = state);
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(crate) fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self, head: &Cursor) -> Status {
        let Progress { cursor, state } = self.progress.borrow().clone();
        let Meter { folded, recorded_at, bytes } = *self.meter();
        let served_version = self.read_live(|live| live.version);
        Status {
            name: self.spec.name,
            version: self.spec.version,
            served_version,
            state,
            lag_events: lag(head, &cursor),
            position: cursor.to_string(),
            folded_recorded_at: recorded_at,
            folded,
            bytes,
        }
    }

    /// Waits until the projection has seen all that `cursor` has, at most so long.
    pub(crate) async fn wait_for(&self, cursor: &Cursor, at_most: Duration) -> Result<(), Behind> {
        let projection = self.spec.name;
        let mut progress = self.progress();
        let seen_or_over = |it: &Progress| it.cursor.covers(cursor) || it.state != State::Running;
        let waited = tokio::time::timeout(at_most, progress.wait_for(seen_or_over)).await;
        match waited {
            Ok(Ok(it)) if it.cursor.covers(cursor) => Ok(()),
            Ok(Ok(it)) => Err(Behind { projection, halted: it.state != State::Stopped }),
            Ok(Err(_)) | Err(_) => Err(Behind { projection, halted: false }),
        }
    }
}

/// A handle to ask the projection `P`; cheap to clone.
pub struct Reader<P> {
    shared: Arc<Shared>,
    projection: PhantomData<fn() -> P>,
}

impl<P> Clone for Reader<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), projection: PhantomData }
    }
}

impl<P: Projection> Reader<P> {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, projection: PhantomData }
    }

    /// A reader of a table that nothing writes to any more.
    pub(crate) fn still(table: Table, cursor: Cursor) -> Self {
        Self::new(Shared::still(Spec::of::<P>(), table, cursor))
    }

    pub(crate) fn read<R>(&self, question: impl FnOnce(&View<'_>) -> R) -> R {
        self.shared.read(question)
    }

    /// How far the log is folded into what it shows.
    pub fn position(&self) -> Cursor {
        self.read(|view| view.cursor().clone())
    }

    /// Waits until it has seen more than `seen`; for ever if it ended.
    pub async fn moves_on_from(&self, seen: &Cursor) {
        let mut progress = self.shared.progress();
        if progress.wait_for(|it| it.cursor != *seen).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it has seen all that `cursor` has, at most so long.
    pub async fn wait_for(&self, cursor: &Cursor, at_most: Duration) -> Result<(), Behind> {
        self.shared.wait_for(cursor, at_most).await
    }
}
