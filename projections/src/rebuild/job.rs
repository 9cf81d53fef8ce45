//! One rebuild: reads the log from the candidate's checkpoint to the log's end and folds it, as fast as it may.

use super::{Feeder, Rate};
use crate::projection::{FoldError, Spec};
use crate::table::{Table, TableError};
use clew_domain::fact::{Fact, Position};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{EventStore, StoreError};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Facts that are read at once.
const FACTS_READ: usize = 4_096;

/// Batches that wait to be folded at most, decoded ahead by another thread.
const BATCHES_AHEAD_MAX: usize = 3;

/// How a rebuild is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RebuildOptions {
    /// Facts in a second at most; none for full speed.
    pub max_rate: Option<u32>,
    /// Begin anew, whatever an interrupted rebuild has left.
    pub afresh: bool,
}

/// Why a projection was not rebuilt, compared or exchanged.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// There is no such projection.
    #[error("there is no such projection")]
    Unknown,
    /// A rebuild of it is under way.
    #[error("a rebuild of it is under way; wait for it or cancel it")]
    UnderWay,
    /// Nothing was rebuilt yet.
    #[error("nothing was rebuilt that could be compared or served; rebuild it first")]
    NothingRebuilt,
    /// There is nothing to go back to.
    #[error("there are no earlier rows of this version to go back to")]
    NothingBefore,
    /// The rows differ, or were not compared.
    #[error("the rebuilt rows differ from those that are served, or were not compared; compare them, or force it")]
    NotTheSame,
    /// It was cancelled; what was built stays, to go on from.
    #[error("cancelled; what was built stays and the next rebuild goes on from there")]
    Cancelled,
    /// A fact could not be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Rows can't be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The log can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory can't be used.
    #[error("the directory of the projection can't be used: {0}")]
    Directory(#[from] std::io::Error),
    /// The projection does not run any more.
    #[error("the projection was shut down")]
    Stopped,
}

/// How far a rebuild is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Building {
    /// `running`, `ready`, `cancelled` or `failed`.
    pub state: &'static str,
    /// Why it failed.
    pub reason: Option<String>,
    /// Facts folded, by position.
    pub done: u64,
    /// Facts to fold, by position, as the log is now.
    pub total: u64,
    /// Facts in a second, lately.
    pub events_per_s: Option<f64>,
    /// Seconds that are left, if the rate stays.
    pub time_left_s: Option<f64>,
}

/// A rebuild as those see it who started it.
pub(crate) struct Job {
    cancelled: AtomicBool,
    progress: Mutex<Building>,
}

impl Job {
    pub(crate) fn new() -> Arc<Self> {
        let progress =
            Building { state: "running", reason: None, done: 0, total: 0, events_per_s: None, time_left_s: None };
        Arc::new(Self { cancelled: AtomicBool::new(false), progress: Mutex::new(progress) })
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn building(&self) -> Building {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.building().state == "running"
    }

    pub(crate) fn end(&self, outcome: &Result<(), RebuildError>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.time_left_s = None;
        progress.state = match outcome {
            Ok(()) => "ready",
            Err(RebuildError::Cancelled) => "cancelled",
            Err(error) => {
                progress.reason = Some(error.to_string());
                "failed"
            }
        };
    }

    fn tell(&self, seen: &Cursor, head: &Cursor, rate: &Rate) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.done = weight(seen);
        progress.total = weight(head);
        progress.events_per_s = rate.per_s();
        let left = rate.time_left(progress.total.saturating_sub(progress.done));
        progress.time_left_s = left.map(|left| left.as_secs_f64());
    }
}

fn weight(cursor: &Cursor) -> u64 {
    (0..cursor.partitions()).map(|partition| cursor.sequence(partition)).sum()
}

/// Folds the log into `table` from its checkpoint to the log's end, and saves.
///
/// Interrupted by [`Job::cancel`] or a crash, the next call on the same table goes on from what was saved last.
pub(crate) fn build(
    spec: Spec,
    table: Table,
    store: &Arc<dyn EventStore>,
    runtime: &Handle,
    options: RebuildOptions,
    job: &Job,
) -> Result<(), RebuildError> {
    let mut feeder = Feeder::resume(spec, table, store.partitions())?;
    let (send, batches) = sync_channel(BATCHES_AHEAD_MAX);
    let reader = {
        let (store, runtime, after) = (Arc::clone(store), runtime.clone(), feeder.cursor().clone());
        thread::Builder::new().name("rebuild-read".into()).spawn(move || read(&store, &runtime, &after, &send))?
    };
    let mut rate = Rate::begin(weight(feeder.cursor()));
    let mut pace = options.max_rate.map(Pace::of);
    for batch in batches {
        let batch: Vec<Fact> = batch?;
        if job.cancelled.load(Ordering::Relaxed) {
            feeder.save()?;
            return Err(RebuildError::Cancelled);
        }
        feeder.take(&batch)?;
        rate.observe(weight(feeder.cursor()));
        job.tell(feeder.cursor(), &store.head(), &rate);
        if let Some(pace) = &mut pace {
            pace.wait(batch.len());
        }
    }
    feeder.save()?;
    job.tell(feeder.cursor(), &store.head(), &rate);
    drop(reader);
    Ok(())
}

type Read = Result<Vec<Fact>, StoreError>;

/// Decodes ahead; ends at the log's end, at an error, or when nobody listens any more.
fn read(store: &Arc<dyn EventStore>, runtime: &Handle, after: &Cursor, send: &SyncSender<Read>) {
    for partition in 0..store.partitions() {
        let mut after = after.position(partition);
        loop {
            let facts = runtime.block_on(store.read_all(after, FACTS_READ));
            let last = facts.as_ref().ok().and_then(|facts| facts.last()).map(|fact| fact.position);
            let ends = facts.as_ref().map_or(true, |facts| facts.len() < FACTS_READ);
            let failed = facts.is_err();
            if send.send(facts).is_err() || failed {
                return;
            }
            after = last.unwrap_or(after);
            if ends {
                break;
            }
        }
    }
}

/// Folds what a table still lacks up to `until`, and nothing behind it.
pub(crate) fn catch_up(
    spec: Spec,
    table: &Table,
    store: &Arc<dyn EventStore>,
    runtime: &Handle,
    until: &Cursor,
) -> Result<Cursor, RebuildError> {
    let mut feeder = Feeder::resume(spec, table.clone(), store.partitions())?;
    for partition in 0..until.partitions() {
        loop {
            let after: Position = feeder.cursor().position(partition);
            if after.sequence >= until.sequence(partition) {
                break;
            }
            let mut facts = runtime.block_on(store.read_all(after, FACTS_READ))?;
            facts.retain(|fact| until.has_seen(fact.position));
            if facts.is_empty() {
                break;
            }
            feeder.take(&facts)?;
        }
    }
    feeder.save()?;
    Ok(feeder.cursor().clone())
}

/// Holds a rebuild to a rate.
struct Pace {
    rate: u32,
    began: Instant,
    taken: u64,
}

impl Pace {
    fn of(rate: u32) -> Self {
        Self { rate: rate.max(1), began: Instant::now(), taken: 0 }
    }

    #[allow(clippy::cast_precision_loss)]
    fn wait(&mut self, facts: usize) {
        self.taken += facts as u64;
        let due = Duration::from_secs_f64(self.taken as f64 / f64::from(self.rate));
        thread::sleep(due.saturating_sub(self.began.elapsed()));
    }
}
