//! Commits as they stand in another store's log, and how a store in a directory takes them.

use super::{Moved, Successor};
use crate::backends::embedded;
use crate::backends::embedded::queue::Prepared;
use crate::backends::embedded::replica::push_frame;
use crate::observer::Leaf;
use crate::sealed::SealedContent;
use crate::store::{Commit, EventStore, StoreError, limits};
use clew_domain::fact::Fact;
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use futures::future::{BoxFuture, FutureExt, ready};

/// Bytes of facts in one placed commit at most.
const COMMIT_FACT_BYTES_MAX: usize = limits::COMMIT_BYTES_MAX / 4;

/// A commit as it stands in another store's log, or what of it goes to one partition: nothing tells facts of one commit
/// from those of two of the same instant.
pub struct Placed {
    /// Each stream with the version before its first fact and the number of its facts.
    pub(in crate::backends) streams: Vec<(StreamId, u64, u32)>,
    /// The facts' frames, one after the other.
    pub(in crate::backends) frames: Vec<u8>,
    /// When all of them were recorded.
    pub(in crate::backends) recorded_at: Timestamp,
}

/// The facts as commits that keep their order and their times.
pub(super) fn commits(facts: Vec<&Moved>) -> Vec<Placed> {
    let mut commits: Vec<Placed> = Vec::new();
    for (fact, leaf) in facts {
        if !commits.last().is_some_and(|last| last.takes(fact, leaf)) {
            commits.push(Placed { streams: Vec::new(), frames: Vec::new(), recorded_at: fact.recorded_at });
        }
        commits.last_mut().expect("one was begun").add(fact, leaf);
    }
    commits
}

impl Placed {
    /// Whether the fact can stand in it: no stream stands in a commit twice.
    fn takes(&self, fact: &Fact, leaf: &Leaf) -> bool {
        let goes_on = self.streams.last().is_some_and(|(stream, ..)| *stream == fact.stream);
        let is_new = self.streams.iter().all(|(stream, ..)| *stream != fact.stream);
        self.recorded_at == fact.recorded_at
            && (goes_on || is_new && self.streams.len() < limits::STREAMS_PER_COMMIT_MAX)
            && self.frames.len() + leaf.bytes.len() < COMMIT_FACT_BYTES_MAX
    }

    fn add(&mut self, fact: &Fact, leaf: &Leaf) {
        match self.streams.last_mut() {
            Some((stream, _, count)) if *stream == fact.stream => *count += 1,
            _ => self.streams.push((fact.stream, fact.version - 1, 1)),
        }
        push_frame(&leaf.bytes, &mut self.frames);
    }
}

impl Successor for embedded::Store {
    fn place(&self, _: u16, commits: Vec<Placed>) -> BoxFuture<'_, Result<(), StoreError>> {
        let invalid = || StoreError::Invalid("a placed commit has other facts than it says".into());
        async move {
            let prepared = commits.into_iter().map(|Placed { streams, frames, recorded_at }| {
                Prepared::replicated(streams, frames.into(), &[], recorded_at).ok_or_else(invalid)
            });
            let answer = self.offer(prepared.collect::<Result<_, _>>()?)?;
            let outcomes = answer.await.map_err(|_| StoreError::Unavailable("the writer is gone".into()))?;
            outcomes.into_iter().try_for_each(|outcome| outcome.map(|_| ()))
        }
        .boxed()
    }

    fn keep(&self, _: u16, contents: Vec<SealedContent>) -> BoxFuture<'_, Result<(), StoreError>> {
        let kept = self.append(Commit { writes: Vec::new(), contents });
        async move { kept.await.map(|_| ()) }.boxed()
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }
}
