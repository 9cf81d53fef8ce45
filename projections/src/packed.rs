//! Rows on disk, packed: changes gather in memory and go down as sorted, immutable runs, the checkpoint with them.
//! Nothing here is synced for each change: what a crash takes is folded again from the log. Knows bytes only.

mod block;
mod cache;
mod filter;
mod manifest;
mod merge;
mod run;
#[cfg(test)]
mod tests;
mod walk;
mod worker;

pub(crate) use walk::Walk;

use crate::table::{Change, TableError};
use cache::Cache;
use clew_eventstore::cursor::Cursor;
use manifest::Manifest;
use run::Run;
use sled::IVec;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

/// Bytes of changes in memory at which they go down to disk.
const FRESH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A batch of so many bytes goes down by itself: nobody reads what is built in such batches meanwhile.
const BULK_BYTES_MIN: usize = 8 * 1024 * 1024;

/// Facts folded since changes went down at which they do: so many are folded again after a crash at most, or twice as
/// many while the disk is slow.
const FACTS_AT_STAKE_MAX: u64 = 40_000;

/// What a key and its value take in memory beside their bytes.
const ENTRY_BYTES: usize = 64;

/// A key's value, or none for one that was deleted.
type Held = Option<IVec>;

/// Changes in memory, newer than all runs.
#[derive(Debug, Default)]
struct Layer(RwLock<BTreeMap<Vec<u8>, Held>>);

impl Layer {
    fn read<R>(&self, look: impl FnOnce(&BTreeMap<Vec<u8>, Held>) -> R) -> R {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a set of rows consists of, the newest first: `fresh`, `frozen`, then `runs` from the last to the first.
#[derive(Clone, Debug)]
struct Layers {
    fresh: Arc<Layer>,
    frozen: Option<Arc<Layer>>,
    runs: Arc<Vec<Arc<Run>>>,
}

#[derive(Debug)]
struct State {
    layers: Layers,
    fresh_bytes: usize,
    checkpoint: Option<Cursor>,
    /// Up to where `frozen` holds.
    frozen_checkpoint: Option<Cursor>,
    /// Up to where `runs` hold.
    written_checkpoint: Option<Cursor>,
    /// The weight of the cursor at the last freeze.
    frozen_weight: u64,
    /// Whether rows come in such large batches that merging runs can wait until they end.
    bulk: bool,
    /// To end, once what is frozen is on disk.
    stop: bool,
    /// Why what is frozen could not be written down; it is tried again.
    failed: Option<String>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    cache: Cache,
    state: Mutex<State>,
    /// Whether a read met damage: then the rows are of no more use.
    damaged: AtomicBool,
    /// Something is frozen, was written, or is to stop.
    moved: Condvar,
    /// Held as long as the rows are open.
    _lock: File,
}

/// A set of rows on disk. Dropping the last handle writes down what is still in memory.
#[derive(Debug)]
pub(crate) struct Packed {
    inner: Arc<Inner>,
    worker: Option<JoinHandle<()>>,
}

fn failed(error: &io::Error) -> TableError {
    TableError(error.to_string())
}

fn weight(cursor: &Cursor) -> u64 {
    (0..cursor.partitions()).map(|partition| cursor.sequence(partition)).sum()
}

impl Packed {
    /// Opens the rows in `dir`, none if there are none. Damage that shows itself at once is an error; what shows later
    /// is an error of the read that meets it.
    pub(crate) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, TableError> {
        Self::open_as(dir, cache_bytes, false)
    }

    fn open_as(dir: &Path, cache_bytes: u64, bulk: bool) -> Result<Self, TableError> {
        fs::create_dir_all(dir).map_err(|error| failed(&error))?;
        let lock = File::create(dir.join("lock")).map_err(|error| failed(&error))?;
        lock.try_lock().map_err(|_| TableError("acquire lock: the rows are open elsewhere".into()))?;
        let Manifest { checkpoint, runs } = Manifest::read(dir)?;
        let opened: Result<Vec<_>, _> = runs.iter().map(|number| Run::open(dir, *number).map(Arc::new)).collect();
        manifest::remove_strays(dir, &runs)?;
        let layers = Layers { fresh: Arc::default(), frozen: None, runs: Arc::new(opened?) };
        let frozen_weight = checkpoint.as_ref().map_or(0, weight);
        let state = State {
            layers,
            fresh_bytes: 0,
            written_checkpoint: checkpoint.clone(),
            checkpoint,
            frozen_checkpoint: None,
            frozen_weight,
            bulk,
            stop: false,
            failed: None,
        };
        let inner = Arc::new(Inner {
            dir: dir.to_owned(),
            cache: Cache::of(cache_bytes),
            state: Mutex::new(state),
            damaged: AtomicBool::new(false),
            moved: Condvar::new(),
            _lock: lock,
        });
        let worker = worker::spawn(Arc::clone(&inner)).map_err(|error| failed(&error))?;
        Ok(Self { inner, worker: Some(worker) })
    }

    /// Opens rows that stay as they are: nothing is merged, so that files that others share stay shared.
    pub(crate) fn open_still(dir: &Path, cache_bytes: u64) -> Result<Self, TableError> {
        Self::open_as(dir, cache_bytes, true)
    }

    /// The value of a key. Entries with an empty value are found by walking only.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<IVec>, TableError> {
        let layers = self.inner.layers();
        for layer in [Some(&layers.fresh), layers.frozen.as_ref()].into_iter().flatten() {
            if let Some(found) = layer.read(|rows| rows.get(key).cloned()) {
                return Ok(found);
            }
        }
        let hash = filter::hash(key);
        for run in layers.runs.iter().rev() {
            if let Some(found) = self.inner.noted(run.get(key, hash, &self.inner.cache))? {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Takes the changes and the checkpoint in, all of them or none. They are on disk later, in this order.
    pub(crate) fn save(&self, changes: Vec<Change>, checkpoint: &Cursor) -> Result<(), TableError> {
        let bytes: usize = changes.iter().map(|it| it.0.len() + it.1.as_ref().map_or(0, Vec::len) + ENTRY_BYTES).sum();
        if bytes >= BULK_BYTES_MIN {
            return self.save_bulk(changes, checkpoint);
        }
        let mut state = self.inner.state();
        while state.fresh_bytes > 4 * FRESH_BYTES_MAX && state.layers.frozen.is_some() {
            // What is in memory is bounded, also while the disk takes nothing.
            state.check()?;
            state = self.inner.wait(state);
        }
        if self.is_damaged() {
            return Err(TableError("they are damaged on disk".into()));
        }
        state.bulk = false;
        {
            let mut rows = state.layers.fresh.0.write().unwrap_or_else(PoisonError::into_inner);
            for (key, value) in changes {
                rows.insert(key, value.map(IVec::from));
            }
        }
        state.fresh_bytes += bytes;
        state.checkpoint = Some(checkpoint.clone());
        let at_stake = weight(checkpoint).saturating_sub(state.frozen_weight);
        let due = state.fresh_bytes > FRESH_BYTES_MAX || at_stake > FACTS_AT_STAKE_MAX;
        if due && state.layers.frozen.is_none() {
            state.freeze();
            self.inner.moved.notify_all();
        }
        Ok(())
    }

    fn save_bulk(&self, changes: Vec<Change>, checkpoint: &Cursor) -> Result<(), TableError> {
        let rows: BTreeMap<_, _> = changes.into_iter().map(|(key, value)| (key, value.map(IVec::from))).collect();
        let mut state = self.inner.flushed(self.inner.state())?;
        if state.fresh_bytes > 0 {
            state.freeze();
            self.inner.moved.notify_all();
            state = self.inner.flushed(state)?;
        }
        state.layers.fresh = Arc::new(Layer(RwLock::new(rows)));
        state.checkpoint = Some(checkpoint.clone());
        state.bulk = true;
        state.freeze();
        self.inner.moved.notify_all();
        Ok(())
    }

    /// Writes down everything that is in memory, and answers when it is on disk.
    pub(crate) fn flush(&self) -> Result<(), TableError> {
        let mut state = self.inner.flushed(self.inner.state())?;
        if state.has_more() {
            state.freeze();
            self.inner.moved.notify_all();
            drop(self.inner.flushed(state)?);
        }
        Ok(())
    }

    /// The checkpoint that holds for what is read now.
    pub(crate) fn checkpoint(&self) -> Option<Cursor> {
        self.inner.state().checkpoint.clone()
    }

    /// Whether a read met damage.
    pub(crate) fn is_damaged(&self) -> bool {
        self.inner.damaged.load(Ordering::Relaxed)
    }

    /// The rows between the bounds.
    pub(crate) fn walk(&self, bounds: (Bound<Vec<u8>>, Bound<Vec<u8>>), backwards: bool) -> Walk {
        Walk::over(&self.inner, bounds, backwards)
    }

    /// Keeps what is on disk in `to` as well, as it is once this is written down, at next to no cost: the files are
    /// shared. Who reads or saves does not wait. Returns up to where.
    pub(crate) fn keep_as(&self, to: &Path) -> Result<Option<Cursor>, TableError> {
        self.flush()?;
        loop {
            let state = self.inner.state();
            let (runs, checkpoint) = (Arc::clone(&state.layers.runs), state.written_checkpoint.clone());
            drop(state);
            match manifest::share(&self.inner.dir, to, &runs, checkpoint.clone()) {
                Ok(()) => return Ok(checkpoint),
                // Merged away meanwhile: what it was merged to is there now.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !self.inner.has(&runs) => {
                    fs::remove_dir_all(to).map_err(|error| failed(&error))?;
                }
                Err(error) => return Err(failed(&error)),
            }
        }
    }
}

impl State {
    fn check(&self) -> Result<(), TableError> {
        self.failed.as_ref().map_or(Ok(()), |reason| Err(TableError(reason.clone())))
    }

    /// Whether something, if only the checkpoint, is not on its way to disk.
    fn has_more(&self) -> bool {
        self.fresh_bytes > 0 || self.checkpoint.as_ref().map_or(0, weight) > self.frozen_weight
    }

    /// What is fresh is to be written down; new changes go to a new layer.
    fn freeze(&mut self) {
        self.layers.frozen = Some(std::mem::take(&mut self.layers.fresh));
        self.fresh_bytes = 0;
        self.frozen_checkpoint.clone_from(&self.checkpoint);
        self.frozen_weight = self.checkpoint.as_ref().map_or(0, weight);
    }
}

impl Inner {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: std::sync::MutexGuard<'a, State>) -> std::sync::MutexGuard<'a, State> {
        self.moved.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing is frozen any more.
    fn flushed<'a>(
        &self,
        mut state: std::sync::MutexGuard<'a, State>,
    ) -> Result<std::sync::MutexGuard<'a, State>, TableError> {
        while state.layers.frozen.is_some() && state.failed.is_none() {
            state = self.wait(state);
        }
        state.check()?;
        Ok(state)
    }

    /// What came of a read, remembered if it met damage.
    fn noted<T, E>(&self, read: Result<T, E>) -> Result<T, E> {
        if read.is_err() {
            self.damaged.store(true, Ordering::Relaxed);
        }
        read
    }

    /// Whether these are the runs.
    fn has(&self, runs: &Arc<Vec<Arc<Run>>>) -> bool {
        Arc::ptr_eq(&self.state().layers.runs, runs)
    }

    fn layers(&self) -> Layers {
        self.state().layers.clone()
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        // A failure was told already; what is not on disk is folded again.
        let flushed = self.inner.flushed(self.inner.state());
        let mut state = flushed.unwrap_or_else(|_| self.inner.state());
        if state.has_more() && state.layers.frozen.is_none() {
            state.freeze();
        }
        state.stop = true;
        drop(state);
        self.inner.moved.notify_all();
        if let Some(worker) = self.worker.take() {
            // It told of its failure already.
            let _ = worker.join();
        }
    }
}
