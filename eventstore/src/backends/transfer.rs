//! Takes a log over from one store into another. Where both have as many partitions it stays as it is: the same bytes
//! at the same positions, so that its Merkle trees, what was signed of them, and every position that anybody holds stay
//! valid. Otherwise each fact keeps all its bytes but its position (ADR 0014). Each fact and each content is read back
//! and compared. An interrupted transfer goes on where it was. Keys, and who may write meanwhile, are the caller's
//! business.

mod merged;
mod placed;
#[cfg(test)]
mod tests;

use super::memory;
use crate::codec;
use crate::cursor::Cursor;
use crate::observer::{Leaf, LeafSource};
use crate::sealed::SealedContent;
use crate::store::{EventStore, StoreError, limits};
use clew_domain::content::ContentId;
use clew_domain::fact::{Fact, Position};
use clew_domain::time::Timestamp;
use futures::future::BoxFuture;
use futures::stream::{StreamExt, iter};
use merged::Merged;
pub use placed::Placed;
use placed::commits;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Facts that are read, placed and compared at once.
const FACTS_AT_ONCE: usize = 1_000;
/// Contents that are read, stored and compared at once: half a commit's bytes at the most.
const CONTENTS_AT_ONCE: usize = limits::COMMIT_BYTES_MAX / limits::CONTENT_BYTES_MAX / 2;
/// Partitions that are written to at once.
const PARTITIONS_AT_ONCE: usize = 8;
/// How often in succession a store that is busy, or does not say what became of a commit, is tried again.
const TRIES_MAX: u32 = 30;
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A store that can take a log over, opened with a [`LateClock`].
pub trait Successor: EventStore + LeafSource {
    /// Writes these commits of a partition in their order. After an error none of them, some of the first or all may be
    /// there.
    fn place(&self, partition: u16, commits: Vec<Placed>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Stores contents where the facts of a partition bring them in; those that are there already are passed over.
    fn keep(&self, partition: u16, contents: Vec<SealedContent>) -> BoxFuture<'_, Result<(), StoreError>>;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Facts.
    pub facts: u64,
    /// Contents that can still be read.
    pub contents: u64,
    /// Where the last of them stands in each partition of the other store.
    pub upto: Cursor,
}

/// Why a log was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// One of the stores can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fact can't be read.
    #[error("fact {} of partition {} can't be read: {source}", at.sequence, at.partition)]
    Unreadable {
        /// Where it stands.
        at: Position,
        /// Why not.
        source: codec::CodecError,
    },
    /// The other store's log is another one.
    #[error(
        "fact {} of partition {} is another there than here: what is there is not a beginning of this log; name an \
         empty place", .0.sequence, .0.partition
    )]
    AnotherFact(Position),
    /// A content is not what it was.
    #[error("content {0} is another there than here")]
    AnotherContent(ContentId),
}

/// A fact, and its leaf as it stands in the other store.
type Moved = (Fact, Leaf);

/// Facts that go to one partition, in their order.
struct Share<F = Moved> {
    partition: u16,
    facts: Vec<F>,
}

/// Brings all facts of `from`, with their contents, into `to`, which holds none or the first of them, and compares
/// each: equal to the byte, but for its position where the stores have different numbers of partitions. `progress` is
/// told how many facts are done, and of how many.
///
/// Nobody else may write to either meanwhile: what is written to `from` is left out, what is written to `to` ends this
/// with [`TransferError::AnotherFact`].
pub async fn transfer<F, T>(from: &F, to: &T, mut progress: impl FnMut(u64, u64)) -> Result<Transferred, TransferError>
where
    F: EventStore + LeafSource,
    T: Successor,
{
    let mut merged = Merged::new(from);
    let mut done = Transferred { upto: Cursor::start(to.partitions()), ..Transferred::default() };
    to.settle().await?;
    loop {
        let facts = merged.next(FACTS_AT_ONCE).await?;
        if facts.is_empty() {
            return Ok(done);
        }
        done.facts += facts.len() as u64;
        let shares = shares(facts, to, &mut done.upto);
        bring(from, to, &shares).await?;
        done.contents += compare(from, to, &shares).await?;
        progress(done.facts, merged.total());
    }
}

/// The facts by the partition that each goes to, placed behind `upto`, which moves on.
fn shares(facts: Vec<Moved>, to: &impl EventStore, upto: &mut Cursor) -> Vec<Share> {
    let mut shares: BTreeMap<u16, Vec<Moved>> = BTreeMap::new();
    for (fact, mut leaf) in facts {
        let partition = to.partition_of(fact.stream);
        leaf.sequence = upto.sequence(partition) + 1;
        let position = Position { partition, sequence: leaf.sequence };
        codec::fill_in_position(&mut leaf.bytes, position);
        upto.advance(position);
        shares.entry(partition).or_default().push((fact, leaf));
    }
    shares.into_iter().map(|(partition, facts)| Share { partition, facts }).collect()
}

/// Brings what is not there yet, and tries again where that may help.
async fn bring<F, T>(from: &F, to: &T, shares: &[Share]) -> Result<(), TransferError>
where
    F: EventStore + LeafSource,
    T: Successor,
{
    let mut tries = 0;
    loop {
        let missing = missing(shares, &to.head());
        // All come to their end: what was given up half way would still be written while it is tried again.
        let each = missing.into_iter().map(|(share, contents)| bring_share(from, to, share, contents));
        let brought: Vec<_> = iter(each).buffer_unordered(PARTITIONS_AT_ONCE).collect().await;
        match brought.into_iter().collect() {
            Err(TransferError::Store(error)) if error.is_retryable() && tries < TRIES_MAX => {
                tries += 1;
                tracing::warn!(%error, "the transfer goes on after a pause");
                tokio::time::sleep(AGAIN_AFTER).await;
                to.settle().await?;
            }
            done => return done,
        }
    }
}

/// What lies behind `there`, with the contents that each share brings in. One that facts of two partitions bring in
/// comes with the first: at once, both would store it.
fn missing<'a>(shares: &'a [Share], there: &Cursor) -> Vec<(Share<&'a Moved>, Vec<ContentId>)> {
    let mut brought = HashSet::new();
    let missing = shares.iter().map(|Share { partition, facts }| {
        let there = there.sequence(*partition);
        let facts: Vec<&Moved> = facts.iter().filter(|(_, leaf)| leaf.sequence > there).collect();
        let mut contents = contents_of(facts.iter().map(|(fact, _)| fact));
        contents.retain(|id| brought.insert(*id));
        (Share { partition: *partition, facts }, contents)
    });
    missing.filter(|(share, _)| !share.facts.is_empty()).collect()
}

async fn bring_share<F, T>(
    from: &F,
    to: &T,
    Share { partition, facts }: Share<&Moved>,
    contents: Vec<ContentId>,
) -> Result<(), TransferError>
where
    F: EventStore + LeafSource,
    T: Successor,
{
    // First the contents: what is read of a fact finds them.
    for ids in contents.chunks(CONTENTS_AT_ONCE) {
        let contents: Vec<_> = from.read_contents(ids.to_vec()).await?.into_iter().flatten().collect();
        if !contents.is_empty() {
            to.keep(partition, contents).await?;
        }
    }
    Ok(to.place(partition, commits(facts)).await?)
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

/// Refuses what is not the same in both; answers how many contents can be read.
async fn compare<F, T>(from: &F, to: &T, shares: &[Share]) -> Result<u64, TransferError>
where
    F: EventStore + LeafSource,
    T: Successor,
{
    for Share { partition, facts } in shares {
        let Some((_, first)) = facts.first() else { continue };
        let there = to.leaves(*partition, first.sequence - 1, facts.len()).await?;
        for (at, (_, leaf)) in facts.iter().enumerate() {
            if there.get(at) != Some(leaf) {
                let position = Position { partition: *partition, sequence: leaf.sequence };
                return Err(TransferError::AnotherFact(position));
            }
        }
    }
    let facts = shares.iter().flat_map(|share| &share.facts);
    let mut readable = 0;
    for ids in contents_of(facts.map(|(fact, _)| fact)).chunks(CONTENTS_AT_ONCE) {
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

/// The facts of each partition behind a cursor, at most so many of one.
pub async fn facts_behind(store: &impl EventStore, upto: &Cursor, limit: usize) -> Result<Vec<Vec<Fact>>, StoreError> {
    let mut behind = Vec::new();
    for partition in 0..store.partitions() {
        behind.push(store.read_all(upto.position(partition), limit).await?);
    }
    Ok(behind)
}
