//! Keeps the rows of a projection as they are now and then, for looks at the past: `<generation>/past/<position>`.
//! What did not change is shared with what is served, so a kept state costs what changed since the one before.

use crate::projection::Spec;
use crate::table::{Table, TableError};
use clew_eventstore::cursor::Cursor;
use std::fs;
use std::path::{Path, PathBuf};

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

/// Keeps states of one set of rows.
pub(crate) struct Keeper {
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
        KEPT.contains(&spec.name).then_some(Self { dir, kept, facts_between: FACTS_BETWEEN })
    }

    /// [`of`](Self::of), with so many facts between two states.
    #[cfg(test)]
    pub(crate) fn every(spec: Spec, dir: PathBuf, facts_between: u64) -> Self {
        let keeper = Self::of(spec, dir).expect("the past of this projection can be looked at");
        Self { facts_between, ..keeper }
    }

    /// How far states lie apart.
    fn between(&self) -> u64 {
        let apart = self.kept.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or(0);
        if self.kept.len() < STATES_MAX / 2 { self.facts_between } else { apart.max(self.facts_between) }
    }

    /// Keeps the rows as they are, if it is time to.
    pub(crate) fn keep_when_due(&mut self, table: &Table, seen: &Cursor) -> Result<(), TableError> {
        let last = self.kept.last().map_or(0, |(weight, _)| *weight);
        if weight(seen) < last + self.between() {
            return Ok(());
        }
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
