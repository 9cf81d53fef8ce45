//! The facts of all partitions of a log in one order, always the same: by the time of recording, and of one time by
//! partition. It keeps the order within each partition, and no time in it goes back.

use super::{Moved, TransferError};
use crate::codec;
use crate::observer::{Leaf, LeafSource};
use crate::store::{EventStore, StoreError};
use clew_domain::fact::Position;
use std::collections::VecDeque;

/// Facts of all partitions that are read ahead at the most, so far as each needs no more than one.
const FACTS_AHEAD: usize = 1_000;

/// Reads a log in that order, up to where it ended when this was made.
pub(super) struct Merged<'a, F> {
    from: &'a F,
    partitions: Vec<Partition>,
    /// Facts of a partition that are read at once.
    pub(super) page: usize,
}

struct Partition {
    number: u16,
    /// The last fact that was read, and the last that is.
    at: u64,
    end: u64,
    ahead: VecDeque<Moved>,
}

impl<'a, F: EventStore + LeafSource> Merged<'a, F> {
    pub(super) fn new(from: &'a F) -> Self {
        let (head, count) = (from.head(), from.partitions());
        let partition = |number| Partition { number, at: 0, end: head.sequence(number), ahead: VecDeque::new() };
        let page = FACTS_AHEAD.div_ceil(usize::from(count.max(1)));
        Self { from, partitions: (0..count).map(partition).collect(), page }
    }

    /// How many facts there are.
    pub(super) fn total(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.end).sum()
    }

    /// The facts that come next, so many or, at the end, fewer.
    pub(super) async fn next(&mut self, count: usize) -> Result<Vec<Moved>, TransferError> {
        let mut next = Vec::with_capacity(count);
        while next.len() < count {
            for partition in &mut self.partitions {
                partition.read_ahead(self.from, self.page).await?;
            }
            let ahead = self.partitions.iter_mut().filter(|partition| !partition.ahead.is_empty());
            let first = ahead.min_by_key(|partition| (partition.ahead[0].0.recorded_at, partition.number));
            let Some(first) = first else { break };
            next.extend(first.ahead.pop_front());
        }
        Ok(next)
    }
}

impl Partition {
    /// Reads a page where nothing is left of the one before.
    async fn read_ahead(&mut self, from: &impl LeafSource, page: usize) -> Result<(), TransferError> {
        if !self.ahead.is_empty() || self.at == self.end {
            return Ok(());
        }
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        for leaf in from.leaves(self.number, self.at, page.min(left)).await? {
            self.at = leaf.sequence;
            self.ahead.push_back(self.decode(leaf)?);
        }
        if self.ahead.is_empty() {
            let place = format!("partition {}", self.number);
            let what = format!("it ends behind fact {} of {}", self.at, self.end);
            return Err(StoreError::Corrupt { place, what }.into());
        }
        Ok(())
    }

    fn decode(&self, leaf: Leaf) -> Result<Moved, TransferError> {
        let at = Position { partition: self.number, sequence: leaf.sequence };
        let fact = codec::decode(&leaf.bytes).map_err(|source| TransferError::Unreadable { at, source })?;
        Ok((fact, leaf))
    }
}
