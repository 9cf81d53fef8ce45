//! Writes frozen layers down as runs and merges runs, on a thread of its own, so that no fold and no reader waits.

use super::manifest::Manifest;
use super::merge::{self, Merged};
use super::run::{self, Run, Writer};
use super::{Inner, Layer};
use std::fs;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How soon it is tried again to write down what could not be written.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Of all rows that a process has open, one set is written down at a time, and one is merged: projections that follow the
/// same log come to it at the same moment, and together they would leave no core to those who read.
static FLUSHING: Mutex<()> = Mutex::new(());
static MERGING: Mutex<()> = Mutex::new(());

fn in_turn<R>(turn: &Mutex<()>, work: impl FnOnce() -> R) -> R {
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}

/// What is to be done next.
enum Task {
    Flush(Arc<Layer>),
    Merge(Vec<Arc<Run>>),
    End,
}

pub(super) fn spawn(inner: Arc<Inner>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("rows".into()).spawn(move || work(&inner))
}

fn work(inner: &Inner) {
    loop {
        let (done, merged) = match inner.next_task() {
            Task::End => return,
            Task::Flush(layer) => (in_turn(&FLUSHING, || inner.write_down(&layer)), Vec::new()),
            Task::Merge(runs) => (in_turn(&MERGING, || inner.merge(&runs)), runs),
        };
        let failed = done.err().map(|error| format!("{}: {error}", inner.dir.display()));
        let again = failed.is_some();
        if let Some(reason) = &failed {
            tracing::error!(reason, "rows can't be written down; they stay in memory, and it is tried again");
            if merged.iter().any(|run| !run.is_sound()) {
                inner.damaged.store(true, Ordering::Relaxed);
            }
        }
        inner.state().failed = failed;
        inner.moved.notify_all();
        if again && !inner.goes_on_after(TRIED_AGAIN_AFTER) {
            return;
        }
    }
}

impl Inner {
    fn next_task(&self) -> Task {
        let mut state = self.state();
        loop {
            if let Some(frozen) = &state.layers.frozen {
                return Task::Flush(Arc::clone(frozen));
            }
            if state.stop {
                return Task::End;
            }
            if !state.bulk
                && let Some(runs) = merge::due(&state.layers.runs)
            {
                return Task::Merge(runs);
            }
            state = self.wait(state);
        }
    }

    /// Waits so long; answers whether there is still something to do, as it is neither to stop nor of no more use.
    fn goes_on_after(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut state = self.state();
        while !state.stop && !self.damaged.load(Ordering::Relaxed) {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return true };
            state = self.moved.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    fn next_number(&self) -> u64 {
        self.layers().runs.iter().map(|run| run.number).max().map_or(1, |last| last + 1)
    }

    /// Writes a frozen layer as the newest run.
    fn write_down(&self, layer: &Layer) -> io::Result<()> {
        let number = self.next_number();
        let entries = layer.read(std::collections::BTreeMap::len) as u64;
        let mut runs = Vec::clone(&self.layers().runs);
        if entries > 0 {
            let mut writer = Writer::begin(&self.dir, number, entries)?;
            layer.read(|rows| rows.iter().try_for_each(|(key, value)| writer.push(key, value.as_deref())))?;
            writer.finish()?;
            runs.push(Arc::new(Run::open(&self.dir, number).map_err(io::Error::other)?));
        }
        let checkpoint = self.state().frozen_checkpoint.clone();
        let manifest = Manifest { checkpoint, runs: runs.iter().map(|run| run.number).collect() };
        manifest.write(&self.dir)?;
        let mut state = self.state();
        state.written_checkpoint = manifest.checkpoint;
        state.layers.runs = Arc::new(runs);
        state.layers.frozen = None;
        drop(state);
        self.moved.notify_all();
        Ok(())
    }

    /// Makes one run of several neighbours; goes on with a frozen layer first whenever there is one.
    fn merge(&self, old: &[Arc<Run>]) -> io::Result<()> {
        // Numbers say nothing of age, the manifest does: one that no flush meanwhile takes is far ahead.
        let number = self.next_number() + 1_000;
        let oldest = self.layers().runs.first().is_some_and(|first| first.number == old[0].number);
        let outcome = merge::write(&self.dir, number, old, oldest, || {
            let state = self.state();
            if state.stop {
                return Ok(false);
            }
            let frozen = state.layers.frozen.clone();
            drop(state);
            frozen.map_or(Ok(()), |layer| self.write_down(&layer))?;
            Ok(true)
        })?;
        if outcome == Merged::Stopped {
            return fs::remove_file(self.dir.join(run::file_name(number)));
        }
        let merged = Arc::new(Run::open(&self.dir, number).map_err(io::Error::other)?);
        let mut runs = Vec::clone(&self.layers().runs);
        let first = runs.iter().position(|run| run.number == old[0].number);
        let first = first.ok_or_else(|| io::Error::other("a run that was merged is gone"))?;
        runs.splice(first..first + old.len(), [merged]);
        let checkpoint = Manifest::read(&self.dir).map_err(io::Error::other)?.checkpoint;
        Manifest { checkpoint, runs: runs.iter().map(|run| run.number).collect() }.write(&self.dir)?;
        self.state().layers.runs = Arc::new(runs);
        self.moved.notify_all();
        // Who still walks along them has them open.
        old.iter().try_for_each(|run| fs::remove_file(self.dir.join(run::file_name(run.number))))
    }
}
