//! Takes a log over from one store into another as it is: the same bytes at the same positions, so that its Merkle tree,
//! what was signed of it, and every position that anybody holds stay valid. Each fact and each content is read back and
//! compared. An interrupted transfer goes on where it was. Keys, and who may write meanwhile, are the caller's business.

use super::embedded;
use super::embedded::replica::push_frame;
use super::memory;
use crate::backends::embedded::queue::Prepared;
use crate::codec;
use crate::observer::{Leaf, LeafSource};
use crate::store::{Commit, EventStore, StoreError, limits};
use clew_domain::content::ContentId;
use clew_domain::fact::{Fact, Position};
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use futures::future::{BoxFuture, FutureExt, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Facts that are read, placed and compared at once.
const FACTS_AT_ONCE: usize = 1_000;
/// Contents that are read, stored and compared at once: half a commit's bytes at the most.
const CONTENTS_AT_ONCE: usize = limits::COMMIT_BYTES_MAX / limits::CONTENT_BYTES_MAX / 2;
/// Bytes of facts in one placed commit at most.
const COMMIT_FACT_BYTES_MAX: usize = limits::COMMIT_BYTES_MAX / 4;
/// How often in succession a store that is busy, or does not say what became of a commit, is tried again.
const TRIES_MAX: u32 = 30;
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A commit as it stands in another store's log.
pub struct Placed {
    /// Each stream with the version before its first fact and the number of its facts.
    pub(in crate::backends) streams: Vec<(StreamId, u64, u32)>,
    /// The facts' frames, one after the other.
    pub(in crate::backends) frames: Vec<u8>,
    /// When all of them were recorded.
    pub(in crate::backends) recorded_at: Timestamp,
}

/// A store that can take a log over, opened with a [`LateClock`].
pub trait Successor: EventStore + LeafSource {
    /// Writes these commits in their order. After an error none of them, some of the first or all may be there.
    fn place(&self, commits: Vec<Placed>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Waits until reads show all that is there.
    fn settle(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// The clock of a store that takes a log over. It stands before all times until it is started, since what is placed has
/// its own times, and nothing is recorded before what stands in front of it.
#[derive(Clone, Debug, Default)]
pub struct LateClock(Arc<AtomicBool>);

impl LateClock {
    /// The clock to open the store with.
    pub fn clock(&self) -> memory::Clock {
        let runs = Arc::clone(&self.0);
        Box::new(move || if runs.load(Ordering::Relaxed) { memory::now() } else { Timestamp::MIN })
    }

    /// It tells the time from now on.
    pub fn start(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What was taken over and compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Facts.
    pub facts: u64,
    /// Contents that can still be read.
    pub contents: u64,
}

/// Why a log was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// One of the stores can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fact can't be read.
    #[error("fact {sequence} can't be read: {source}")]
    Unreadable {
        /// Where it stands.
        sequence: u64,
        /// Why not.
        source: codec::CodecError,
    },
    /// The other store's log is another one.
    #[error("fact {0} is another there than here: what is there is not a beginning of this log; name an empty place")]
    AnotherFact(u64),
    /// A content is not what it was.
    #[error("content {0} is another there than here")]
    AnotherContent(ContentId),
    /// Positions of several partitions can't be kept.
    #[error("only a log of one partition can be taken over, by a store of one partition")]
    Partitions,
}

/// Brings all facts of `from`, with their contents, into `to`, which holds none or the first of them, and compares each.
/// `progress` is told how many facts are done, and of how many.
///
/// Nobody else may write to either meanwhile: what is written to `from` is left out, what is written to `to` ends this
/// with [`TransferError::AnotherFact`].
pub async fn transfer<F, T>(from: &F, to: &T, mut progress: impl FnMut(u64, u64)) -> Result<Transferred, TransferError>
where
    F: EventStore + LeafSource,
    T: Successor,
{
    if (from.partitions(), to.partitions()) != (1, 1) {
        return Err(TransferError::Partitions);
    }
    let end = from.head().sequence(0);
    let (mut done, mut tries) = (Transferred::default(), 0);
    to.settle().await?;
    while done.facts < end {
        let facts = read(from, done.facts).await?;
        let last = facts.last().map_or(end, |(_, leaf)| leaf.sequence);
        let there = to.head().sequence(0);
        if there < last {
            let missing = facts.iter().filter(|(_, leaf)| leaf.sequence > there);
            match bring(from, to, missing.collect()).await {
                Ok(()) => {}
                Err(TransferError::Store(error)) if error.is_retryable() && tries < TRIES_MAX => {
                    tries += 1;
                    tracing::warn!(%error, "the transfer goes on after a pause");
                    tokio::time::sleep(AGAIN_AFTER).await;
                    to.settle().await?;
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        done.contents += compare(from, to, &facts).await?;
        (done.facts, tries) = (last, 0);
        progress(last, end);
    }
    Ok(done)
}

async fn read(from: &impl LeafSource, after: u64) -> Result<Vec<(Fact, Leaf)>, TransferError> {
    let decoded = |leaf: Leaf| match codec::decode(&leaf.bytes) {
        Ok(fact) => Ok((fact, leaf)),
        Err(source) => Err(TransferError::Unreadable { sequence: leaf.sequence, source }),
    };
    from.leaves(0, after, FACTS_AT_ONCE).await?.into_iter().map(decoded).collect()
}

/// The contents that facts bring in.
fn contents_of<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Vec<ContentId> {
    let spans = facts.into_iter().flat_map(|fact| fact.event.brings_in().spans().collect::<Vec<_>>());
    let mut ids: Vec<ContentId> =
        spans.flat_map(|span| (0..u64::from(span.count)).map(move |at| ContentId(span.first.0 + at))).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

async fn bring<F, T>(from: &F, to: &T, facts: Vec<&(Fact, Leaf)>) -> Result<(), TransferError>
where
    F: EventStore + LeafSource,
    T: Successor,
{
    // First the contents: what is read of a fact finds them.
    for ids in contents_of(facts.iter().map(|(fact, _)| fact)).chunks(CONTENTS_AT_ONCE) {
        let contents: Vec<_> = from.read_contents(ids.to_vec()).await?.into_iter().flatten().collect();
        if !contents.is_empty() {
            to.append(Commit { writes: Vec::new(), contents }).await?;
        }
    }
    Ok(to.place(commits(facts)).await?)
}

/// The facts as commits that keep their order and their times.
fn commits(facts: Vec<&(Fact, Leaf)>) -> Vec<Placed> {
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

/// Refuses what is not the same in both; answers how many contents can be read.
async fn compare<F, T>(from: &F, to: &T, facts: &[(Fact, Leaf)]) -> Result<u64, TransferError>
where
    F: EventStore + LeafSource,
    T: Successor,
{
    let Some((_, first)) = facts.first() else { return Ok(0) };
    let there = to.leaves(0, first.sequence - 1, facts.len()).await?;
    for (at, (_, leaf)) in facts.iter().enumerate() {
        if there.get(at) != Some(leaf) {
            return Err(TransferError::AnotherFact(leaf.sequence));
        }
    }
    let mut readable = 0;
    for ids in contents_of(facts.iter().map(|(fact, _)| fact)).chunks(CONTENTS_AT_ONCE) {
        let (here, there) = (from.read_contents(ids.to_vec()).await?, to.read_contents(ids.to_vec()).await?);
        for ((id, here), there) in ids.iter().zip(here).zip(there) {
            if here != there {
                return Err(TransferError::AnotherContent(*id));
            }
            readable += u64::from(here.is_some());
        }
    }
    Ok(readable)
}

impl Successor for embedded::Store {
    fn place(&self, commits: Vec<Placed>) -> BoxFuture<'_, Result<(), StoreError>> {
        let invalid = || StoreError::Invalid("a placed commit has other facts than it says".into());
        async move {
            let prepared = commits.into_iter().map(|Placed { streams, frames, recorded_at }| {
                Prepared::replicated(streams, frames, &[], recorded_at).ok_or_else(invalid)
            });
            let answer = self.offer(prepared.collect::<Result<_, _>>()?)?;
            let outcomes = answer.await.map_err(|_| StoreError::Unavailable("the writer is gone".into()))?;
            outcomes.into_iter().try_for_each(|outcome| outcome.map(|_| ()))
        }
        .boxed()
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }
}

/// The first fact behind a sequence, if there is one.
pub async fn fact_behind(store: &impl EventStore, sequence: u64) -> Result<Option<Fact>, StoreError> {
    Ok(store.read_all(Position { partition: 0, sequence }, 1).await?.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::embedded::Store;
    use crate::conformance;
    use crate::store::StreamWrite;
    use std::path::Path;

    fn open(dir: &Path) -> Store {
        Store::open(dir, embedded::Options::default()).expect("a directory").0
    }

    fn successor(dir: &Path) -> Store {
        let options = embedded::Options { clock: LateClock::default().clock(), ..embedded::Options::default() };
        Store::open(dir, options).expect("a directory").0
    }

    /// A log of some streams, several in a commit, with facts of one stream that are apart.
    async fn filled(dir: &Path) -> Store {
        let store = open(dir);
        for round in 0..40_u64 {
            let of = |number: u64, facts| conformance::write(conformance::stream(number), round * facts, 0..facts);
            let mut writes: Vec<StreamWrite> = vec![of(1, 1), of(2, 3)];
            if round % 3 == 0 {
                writes.reverse();
            }
            store.append(conformance::commit(writes)).await.expect("written");
        }
        store
    }

    async fn leaves(store: &Store) -> Vec<Leaf> {
        store.leaves(0, 0, 1_000).await.expect("leaves")
    }

    #[tokio::test]
    async fn it_is_the_same_log_in_another_place() {
        let (here, there) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let from = filled(here.path()).await;
        let to = successor(there.path());
        let mut told = Vec::new();
        let done = transfer(&from, &to, |done, of| told.push((done, of))).await.expect("taken over");
        assert_eq!(done.facts, 160);
        assert_eq!(told.last(), Some(&(160, 160)));
        assert_eq!(leaves(&from).await, leaves(&to).await);
        drop(to);
        assert_eq!(leaves(&from).await, leaves(&open(there.path())).await, "also when it is opened again");
    }

    #[tokio::test]
    async fn it_goes_on_where_it_was_and_refuses_another_log() {
        let (here, there) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let (from, to) = (filled(here.path()).await, successor(there.path()));
        let some = read(&from, 0).await.expect("facts");
        to.place(commits(some.iter().take(33).collect())).await.expect("placed");
        assert_eq!(to.head().sequence(0), 33);
        transfer(&from, &to, |_, _| {}).await.expect("the rest");
        assert_eq!(leaves(&from).await, leaves(&to).await);

        let other = tempfile::tempdir().expect("a directory");
        let another = filled(other.path()).await;
        let refused = transfer(&another, &to, |_, _| {}).await;
        assert!(matches!(refused, Err(TransferError::AnotherFact(1))), "{refused:?}");
    }
}
