//! Walks along all layers at once, in the order of the keys: of each key what the newest layer says.

use super::run::Run;
use super::{Held, Inner, Layer, block};
use crate::table::{Entry, TableError};
use std::ops::Bound;
use std::sync::Arc;

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// A walk from the first or from the last row on.
pub struct Walk {
    inner: Arc<Inner>,
    /// The newest first.
    sources: Vec<Source>,
    backwards: bool,
    /// Why it can't begin.
    failed: Option<TableError>,
}

enum From {
    Layer(Arc<Layer>),
    Run {
        run: Arc<Run>,
        /// Blocks that are still to be read.
        blocks: std::ops::Range<usize>,
        /// The entries of the block that is being read; the next one last.
        entries: Vec<(Vec<u8>, Held)>,
    },
}

struct Source {
    from: From,
    /// What is still to come of it.
    bounds: Bounds,
    head: Option<(Vec<u8>, Held)>,
}

fn within(key: &[u8], bounds: &Bounds) -> bool {
    let after_from = match &bounds.0 {
        Bound::Included(from) => key >= from.as_slice(),
        Bound::Excluded(from) => key > from.as_slice(),
        Bound::Unbounded => true,
    };
    let before_to = match &bounds.1 {
        Bound::Included(to) => key <= to.as_slice(),
        Bound::Excluded(to) => key < to.as_slice(),
        Bound::Unbounded => true,
    };
    after_from && before_to
}

impl Source {
    fn of_run(run: &Arc<Run>, bounds: &Bounds) -> Self {
        let first = match &bounds.0 {
            Bound::Included(key) | Bound::Excluded(key) => run.block_of(key).unwrap_or(0),
            Bound::Unbounded => 0,
        };
        let end = match &bounds.1 {
            Bound::Included(key) | Bound::Excluded(key) => run.block_of(key).map_or(0, |at| at + 1),
            Bound::Unbounded => run.blocks(),
        };
        let from = From::Run { run: Arc::clone(run), blocks: first..end, entries: Vec::new() };
        Self { from, bounds: bounds.clone(), head: None }
    }

    fn advance(&mut self, inner: &Inner, backwards: bool) -> Result<(), TableError> {
        self.head = match &mut self.from {
            From::Layer(layer) => {
                let found = layer.read(|rows| {
                    let mut range = rows.range(self.bounds.clone());
                    let found = if backwards { range.next_back() } else { range.next() };
                    found.map(|(key, held)| (key.clone(), held.clone()))
                });
                if let Some((key, _)) = &found {
                    self.bounds = passed(&self.bounds, key, backwards);
                }
                found
            }
            From::Run { run, blocks, entries } => loop {
                if let Some(entry) = entries.pop() {
                    break Some(entry);
                }
                let Some(at) = (if backwards { blocks.next_back() } else { blocks.next() }) else { break None };
                *entries = block::all(&run.block(at, Some(&inner.cache))?)?;
                entries.retain(|(key, _)| within(key, &self.bounds));
                if !backwards {
                    entries.reverse();
                }
            },
        };
        Ok(())
    }
}

/// The bounds behind a key; they never cross, which a map would not bear.
fn passed(bounds: &Bounds, key: &[u8], backwards: bool) -> Bounds {
    if backwards {
        let empty = matches!(&bounds.0, Bound::Included(from) | Bound::Excluded(from) if from.as_slice() >= key);
        if empty { nothing() } else { (bounds.0.clone(), Bound::Excluded(key.to_vec())) }
    } else {
        let empty = matches!(&bounds.1, Bound::Included(to) | Bound::Excluded(to) if to.as_slice() <= key);
        if empty { nothing() } else { (Bound::Excluded(key.to_vec()), bounds.1.clone()) }
    }
}

fn nothing() -> Bounds {
    (Bound::Included(Vec::new()), Bound::Excluded(Vec::new()))
}

impl Walk {
    pub(super) fn over(inner: &Arc<Inner>, bounds: Bounds, backwards: bool) -> Self {
        let layers = inner.layers();
        let layer = |layer| Source { from: From::Layer(layer), bounds: bounds.clone(), head: None };
        let mut sources = vec![layer(layers.fresh)];
        sources.extend(layers.frozen.map(layer));
        sources.extend(layers.runs.iter().rev().map(|run| Source::of_run(run, &bounds)));
        let failed = sources.iter_mut().find_map(|source| source.advance(inner, backwards).err());
        sources.retain(|source| source.head.is_some());
        Self { inner: Arc::clone(inner), sources, backwards, failed }
    }

    fn step(&mut self) -> Result<Option<(Vec<u8>, Held)>, TableError> {
        let mut best: Option<usize> = None;
        for (at, source) in self.sources.iter().enumerate() {
            let Some((key, _)) = &source.head else { continue };
            let better = match best.and_then(|best| self.sources[best].head.as_ref()) {
                None => true,
                Some((least, _)) if self.backwards => key > least,
                Some((least, _)) => key < least,
            };
            if better {
                best = Some(at);
            }
        }
        let Some(best) = best else { return Ok(None) };
        let Some((key, held)) = self.sources[best].head.take() else { return Ok(None) };
        let (inner, backwards) = (&self.inner, self.backwards);
        self.sources[best].advance(inner, backwards)?;
        for source in &mut self.sources[best + 1..] {
            if source.head.as_ref().is_some_and(|(other, _)| *other == key) {
                source.advance(inner, backwards)?;
            }
        }
        Ok(Some((key, held)))
    }
}

impl Iterator for Walk {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            let step = self.failed.take().map_or_else(|| self.step(), Err);
            match self.inner.noted(step) {
                Err(error) => {
                    self.sources.clear();
                    return Some(Err(error));
                }
                Ok(None) => return None,
                Ok(Some((key, Some(value)))) => return Some(Ok((key.into(), value))),
                Ok(Some((_, None))) => {}
            }
        }
    }
}
