//! Which runs are merged into one, and how: few runs keep reads fast, rare merges keep writing cheap.

use super::block;
use super::run::{Run, Writer};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// So many neighbours of about the same size become one.
const RUNS_MERGED_MIN: usize = 6;

/// How much larger than all newer ones together a run may be to be of about the same size.
const TIMES_LARGER_MAX: u64 = 2;

/// How a merge ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merged {
    Whole,
    /// Left unfinished; nothing depends on it.
    Stopped,
}

/// The runs, all of them neighbours and the newest of all among them, that are to be merged now.
pub(super) fn due(runs: &[Arc<Run>]) -> Option<Vec<Arc<Run>>> {
    let (mut first, mut bytes) = (runs.len(), 0);
    while let Some(before) = first.checked_sub(1) {
        if first < runs.len() && runs[before].bytes > TIMES_LARGER_MAX * bytes {
            break;
        }
        bytes += runs[before].bytes;
        first = before;
    }
    (runs.len() - first >= RUNS_MERGED_MIN).then(|| runs[first..].to_vec())
}

/// The entries of one run, in order.
struct Cursor<'a> {
    run: &'a Run,
    next_block: usize,
    entries: std::vec::IntoIter<(Vec<u8>, super::Held)>,
    head: Option<(Vec<u8>, super::Held)>,
}

impl<'a> Cursor<'a> {
    fn begin(run: &'a Run) -> io::Result<Self> {
        let mut cursor = Self { run, next_block: 0, entries: Vec::new().into_iter(), head: None };
        cursor.advance()?;
        Ok(cursor)
    }

    /// Whether another block was begun.
    fn advance(&mut self) -> io::Result<bool> {
        let mut begun = false;
        self.head = self.entries.next();
        while self.head.is_none() && self.next_block < self.run.blocks() {
            let block = self.run.block(self.next_block, None).map_err(io::Error::other)?;
            self.entries = block::all(&block).map_err(io::Error::other)?.into_iter();
            self.next_block += 1;
            self.head = self.entries.next();
            begun = true;
        }
        Ok(begun)
    }
}

/// Writes what `runs`, the oldest first, say together as the run `number`. `go_on` is asked now and then.
pub(super) fn write(
    dir: &Path,
    number: u64,
    runs: &[Arc<Run>],
    oldest: bool,
    mut go_on: impl FnMut() -> io::Result<bool>,
) -> io::Result<Merged> {
    let entries = runs.iter().map(|run| run.entries).sum();
    let mut writer = Writer::begin(dir, number, entries)?;
    let mut cursors = runs.iter().rev().map(|run| Cursor::begin(run)).collect::<io::Result<Vec<_>>>()?;
    loop {
        let heads = cursors.iter().enumerate().filter_map(|(at, it)| it.head.as_ref().map(|(key, _)| (key, at)));
        // Of equal keys the newest run's comes first.
        let Some((_, at)) = heads.min() else { break };
        let Some((key, value)) = cursors[at].head.take() else { break };
        let mut begun = cursors[at].advance()?;
        for cursor in &mut cursors[at + 1..] {
            if cursor.head.as_ref().is_some_and(|(other, _)| *other == key) {
                begun |= cursor.advance()?;
            }
        }
        if begun && !go_on()? {
            return Ok(Merged::Stopped);
        }
        // Below the oldest run there is nothing left to hide.
        if value.is_some() || !oldest {
            writer.push(&key, value.as_deref())?;
        }
    }
    writer.finish()?;
    Ok(Merged::Whole)
}
