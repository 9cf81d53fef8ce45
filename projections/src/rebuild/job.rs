//! One rebuild: reads the log from the candidate's checkpoint to the log's end and folds it, as fast as it may.

use super::{EndedRebuild, Feeder, Rate};
use crate::catalogue::Record;
use crate::generation::{Generation, Home};
use crate::past::Keeper;
use crate::priority::yield_to_others;
use crate::projection::{FoldError, Spec};
use crate::table::{Table, TableError};
use clew_domain::fact::{Fact, Position};
use clew_domain::time::Timestamp;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{EventStore, StoreError};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;

/// Facts that are read at once.
const FACTS_READ: usize = 4_096;

/// Batches that wait to be folded at most, decoded ahead by another thread.
const BATCHES_AHEAD_MAX: usize = 3;

/// How often what was built is written down, so that a crash costs no more than that.
const WRITTEN_EVERY: Duration = Duration::from_secs(2);

/// How often a throttled rebuild looks whether it is cancelled.
const CANCEL_LOOKED_AT_EVERY: Duration = Duration::from_millis(50);

/// How a rebuild is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RebuildOptions {
    /// Facts in a second at most; none for full speed.
    pub max_rate: Option<u32>,
    /// Begin anew, whatever an interrupted rebuild has left.
    pub afresh: bool,
    /// How much the rebuild yields to other work on the processor: 0 not at all, 19 most.
    pub nice: u8,
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
    /// What is served has not seen as much as what was rebuilt, so the two can't be compared.
    #[error("what is served is behind what was rebuilt and does not catch up; see why it stopped, or force the swap")]
    ServedBehind,
    /// What is served is of another version of the fold, whose rows are not meant to be the same.
    #[error("what is served is of another version, so its rows differ by intent; the next start serves this one's")]
    OtherVersion,
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
    /// Nothing is on disk.
    #[error("everything is kept in memory here, where nothing can be said about time and space")]
    InMemory,
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
    /// Facts that an earlier, interrupted part of it had folded, by position.
    pub began_with: u64,
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
pub struct Job {
    cancelled: AtomicBool,
    progress: Mutex<Building>,
    /// Where its end is remembered.
    home: Option<Home>,
    began: Instant,
}

impl Job {
    pub(crate) fn new(home: Option<Home>) -> Arc<Self> {
        let progress = Building {
            state: "running",
            reason: None,
            began_with: 0,
            done: 0,
            total: 0,
            events_per_s: None,
            time_left_s: None,
        };
        Arc::new(Self {
            cancelled: AtomicBool::new(false),
            progress: Mutex::new(progress),
            home,
            began: Instant::now(),
        })
    }

    /// Ends it soon; what was built stays to go on from.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// How far it is.
    pub fn building(&self) -> Building {
        self.progress().clone()
    }

    fn progress(&self) -> MutexGuard<'_, Building> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.building().state == "running"
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self, outcome: &Result<(), RebuildError>) {
        let (state, reason) = match outcome {
            Ok(()) => ("ready", None),
            Err(RebuildError::Cancelled) => ("cancelled", None),
            Err(error) => ("failed", Some(error.to_string())),
        };
        let mut ended = self.building();
        (ended.state, ended.reason, ended.time_left_s) = (state, reason, None);
        if let Some(home) = &self.home
            && let Err(error) = home.remember(|record| self.note(record, &ended))
        {
            tracing::warn!(%error, "how a rebuild ended could not be written down");
        }
        *self.progress() = ended;
    }

    fn note(&self, record: &mut Record, ended: &Building) {
        if let Some(kept) = &mut record.candidate {
            (kept.ready, kept.same) = (ended.state == "ready", false);
        }
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        record.ended(EndedRebuild {
            outcome: ended.state.to_owned(),
            ended_at: Timestamp::from_micros(i64::try_from(now_us).unwrap_or(i64::MAX)),
            events: ended.done - ended.began_with,
            took_s: self.began.elapsed().as_secs_f64(),
        });
    }

    fn tell(&self, seen: &Cursor, head: &Cursor, rate: &Rate) {
        let mut progress = self.progress();
        progress.done = weight(seen);
        progress.total = weight(head);
        progress.events_per_s = rate.per_s();
        let left = rate.time_left(progress.total.saturating_sub(progress.done));
        progress.time_left_s = left.map(|left| left.as_secs_f64());
    }
}

pub(super) fn weight(cursor: &Cursor) -> u64 {
    (0..cursor.partitions()).map(|partition| cursor.sequence(partition)).sum()
}

/// Folds the log into `table` from its checkpoint to the log's end, and saves.
///
/// Interrupted by [`Job::cancel`] or a crash, the next call on the same table goes on from what was saved last.
pub(crate) fn build(
    spec: Spec,
    (table, generation): (Table, Option<Generation>),
    store: &Arc<dyn EventStore>,
    runtime: &Handle,
    options: RebuildOptions,
    job: &Job,
) -> Result<(), RebuildError> {
    let kept = job.home.as_ref().zip(generation).and_then(|(home, it)| Keeper::of(spec, home.past_of(it)));
    let mut feeder = Feeder::resume(spec, table, store.partitions())?.keeping(kept);
    let (send, batches) = sync_channel(BATCHES_AHEAD_MAX);
    let reader = {
        let (store, runtime, after) = (Arc::clone(store), runtime.clone(), feeder.cursor().clone());
        let reading = move || {
            yield_to_others(options.nice);
            read(&store, &runtime, &after, &send);
        };
        thread::Builder::new().name("rebuild-read".into()).spawn(reading)?
    };
    yield_to_others(options.nice);
    let mut rate = Rate::begin(weight(feeder.cursor()));
    job.progress().began_with = weight(feeder.cursor());
    let mut pace = options.max_rate.map(Pace::of);
    let mut written_at = Instant::now();
    for batch in batches {
        let batch: Vec<Fact> = batch?;
        for part in batch.chunks(pace.as_ref().map_or(FACTS_READ, Pace::facts_at_once)) {
            if job.is_cancelled() {
                feeder.write_down()?;
                return Err(RebuildError::Cancelled);
            }
            feeder.take(part)?;
            rate.observe(weight(feeder.cursor()));
            job.tell(feeder.cursor(), &store.head(), &rate);
            if written_at.elapsed() > WRITTEN_EVERY {
                feeder.write_down()?;
                written_at = Instant::now();
            }
            if let Some(pace) = &mut pace {
                pace.wait(part.len(), job);
            }
        }
    }
    feeder.write_down()?;
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

    /// So few that no wait is long.
    fn facts_at_once(&self) -> usize {
        (self.rate as usize / 10).clamp(1, FACTS_READ)
    }

    #[allow(clippy::cast_precision_loss)]
    fn wait(&mut self, facts: usize, job: &Job) {
        self.taken += facts as u64;
        let due = Duration::from_secs_f64(self.taken as f64 / f64::from(self.rate));
        while let Some(left) = due.checked_sub(self.began.elapsed())
            && !job.is_cancelled()
        {
            thread::sleep(left.min(CANCEL_LOOKED_AT_EVERY));
        }
    }
}
