//! Keeps the rows of a projection as they are now and then, for looks at the past: `<generation>/past/<position>`.
//! What did not change is shared with what is served, so a kept state costs what changed since the one before.

use crate::projection::Spec;
use crate::table::{Table, TableError};
use clew_eventstore::cursor::Cursor;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

/// Of which projections the past can be looked at.
const KEPT: [&str; 3] = [
    <crate::queues::Queues as crate::Projection>::NAME,
    <crate::sla::Sla as crate::Projection>::NAME,
    <crate::agents::Agents as crate::Projection>::NAME,
];

/// Facts between two kept states, as long as there are few: what a look at the past has to fold at most.
const FACTS_BETWEEN: u64 = 50_000;

/// Kept states at most. When there are more, every other one goes and they lie twice as far apart.
const STATES_MAX: usize = 256;

/// Facts after which it is tried again where a state could not be kept.
const TRIED_AGAIN_AFTER: u64 = 1_000;

/// Keeps states of one set of rows. Dropping it waits for what is under way.
pub(crate) struct Keeper {
    projection: &'static str,
    states: States,
    under_way: Option<JoinHandle<States>>,
    /// Up to here nothing is tried.
    waits_until: u64,
}

/// What is kept of one set of rows.
#[derive(Clone)]
struct States {
    dir: PathBuf,
    kept: Vec<(u64, PathBuf)>,
    facts_between: u64,
}

fn weight(cursor: &Cursor) -> u64 {
    (0..cursor.partitions()).map(|partition| cursor.sequence(partition)).sum()
}

/// The states that are kept in `dir`, the oldest first.
fn states(dir: &Path) -> Vec<(Cursor, PathBuf)> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let named = |path: PathBuf| {
        let cursor = path.file_name()?.to_str()?.parse::<Cursor>().ok()?;
        Some((cursor, path))
    };
    let mut states: Vec<_> = entries.flatten().filter_map(|entry| named(entry.path())).collect();
    states.sort_by_key(|(cursor, _)| weight(cursor));
    states
}

/// The newest kept state that shows nothing behind `at`.
pub(crate) fn newest_before(dir: &Path, at: &Cursor) -> Option<PathBuf> {
    states(dir).into_iter().rev().find(|(cursor, _)| at.covers(cursor)).map(|(_, path)| path)
}

impl Keeper {
    /// Keeps states in `dir`, if the past of this projection can be looked at.
    pub(crate) fn of(spec: Spec, dir: PathBuf) -> Option<Self> {
        let kept = states(&dir).into_iter().map(|(cursor, path)| (weight(&cursor), path)).collect();
        let states = States { dir, kept, facts_between: FACTS_BETWEEN };
        let keeper = Self { projection: spec.name, states, under_way: None, waits_until: 0 };
        KEPT.contains(&spec.name).then_some(keeper)
    }

    /// [`of`](Self::of), with so many facts between two states.
    #[cfg(test)]
    pub(crate) fn every(spec: Spec, dir: PathBuf, facts_between: u64) -> Self {
        let mut keeper = Self::of(spec, dir).expect("the past of this projection can be looked at");
        keeper.states.facts_between = facts_between;
        keeper
    }

    /// Keeps the rows as they are, if it is time to, and answers when they are kept.
    pub(crate) fn keep_when_due(&mut self, table: &Table, seen: &Cursor) -> Result<(), TableError> {
        self.settle();
        if self.states.is_due(seen) { self.states.keep(table) } else { Ok(()) }
    }

    /// Keeps the rows as they are, or as they are soon, if it is time to: on a thread of its own, since it waits for the
    /// disk and whoever folds must not. What fails is told in the log and tried again.
    pub(crate) fn keep_beside(&mut self, table: impl FnOnce() -> Table, seen: &Cursor) {
        if self.under_way.as_ref().is_some_and(|under_way| !under_way.is_finished()) {
            return;
        }
        self.settle();
        if weight(seen) < self.waits_until || !self.states.is_due(seen) {
            return;
        }
        self.waits_until = weight(seen) + TRIED_AGAIN_AFTER;
        let (mut states, table, projection) = (self.states.clone(), table(), self.projection);
        let keep = move || {
            if let Err(error) = states.keep(&table) {
                // The present goes on; the past is folded from an older state.
                tracing::warn!(projection, %error, "a state for looks at the past was not kept");
            }
            states
        };
        match thread::Builder::new().name("keep".into()).spawn(keep) {
            Ok(under_way) => self.under_way = Some(under_way),
            Err(error) => tracing::warn!(projection, %error, "a state for looks at the past was not kept"),
        }
    }

    /// Waits until nothing is under way.
    pub(crate) fn settle(&mut self) {
        if let Some(under_way) = self.under_way.take()
            && let Ok(states) = under_way.join()
        {
            self.states = states;
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.settle();
    }
}

impl States {
    /// How far states lie apart.
    fn between(&self) -> u64 {
        let apart = self.kept.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or(0);
        if self.kept.len() < STATES_MAX / 2 { self.facts_between } else { apart.max(self.facts_between) }
    }

    fn is_due(&self, seen: &Cursor) -> bool {
        let last = self.kept.last().map_or(0, |(weight, _)| *weight);
        weight(seen) >= last + self.between()
    }

    fn keep(&mut self, table: &Table) -> Result<(), TableError> {
        let io_error = |error: std::io::Error| TableError(error.to_string());
        let under_way = self.dir.join("under-way");
        if under_way.exists() {
            fs::remove_dir_all(&under_way).map_err(io_error)?;
        }
        fs::create_dir_all(&self.dir).map_err(io_error)?;
        let Some(kept) = table.keep_as(&under_way)? else { return Ok(()) };
        let path = self.dir.join(kept.to_string());
        if path.exists() {
            return fs::remove_dir_all(&under_way).map_err(io_error);
        }
        fs::rename(&under_way, &path).map_err(io_error)?;
        self.kept.push((weight(&kept), path));
        if self.kept.len() > STATES_MAX {
            self.thin_out().map_err(io_error)?;
        }
        Ok(())
    }

    fn thin_out(&mut self) -> std::io::Result<()> {
        let mut stays = false;
        let mut kept = Vec::with_capacity(STATES_MAX);
        for (weight, path) in std::mem::take(&mut self.kept) {
            if stays {
                kept.push((weight, path));
            } else {
                fs::remove_dir_all(path)?;
            }
            stays = !stays;
        }
        self.kept = kept;
        Ok(())
    }
}
