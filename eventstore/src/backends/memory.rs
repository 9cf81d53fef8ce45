//! The store in memory: the whole contract but for outliving the process. It is the model that other
//! backends are held to, and what tests of everything above a store run on.

use crate::codec::{self, Place};
use crate::cursor::Cursor;
use crate::observer::{CommitObserver, Leaf, LeafSource};
use crate::sealed::SealedContent;
use crate::store::{Appended, Batch, Commit, EventStore, Health, StoreError, StreamWrite, partition_of};
use clew_domain::content::ContentId;
use clew_domain::fact::{Fact, Position};
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{BoxStream, StreamExt, unfold};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Facts in one batch of a subscription at most.
const BATCH_FACTS_MAX: usize = 1_024;

/// What tells the store the time.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// A store that lives as long as the process.
pub struct Store {
    log: Arc<Mutex<Log>>,
    head: watch::Sender<Cursor>,
}

struct Log {
    clock: Clock,
    observer: Option<Box<dyn CommitObserver>>,
    partitions: Vec<Partition>,
    /// For each stream its facts' indexes in the partition.
    streams: HashMap<StreamId, Vec<usize>>,
    /// `None` for what was erased.
    contents: HashMap<ContentId, Option<SealedContent>>,
}

#[derive(Default)]
struct Partition {
    facts: Vec<Fact>,
    leaves: Vec<Vec<u8>>,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(1, Box::new(now), None)
    }
}

impl Store {
    /// An empty store with so many partitions (at least one), this clock, and perhaps someone who follows its leaves.
    pub fn new(partitions: u16, clock: Clock, observer: Option<Box<dyn CommitObserver>>) -> Self {
        let count = partitions.max(1);
        let partitions = (0..count).map(|_| Partition::default()).collect();
        let log = Log { clock, observer, partitions, streams: HashMap::new(), contents: HashMap::new() };
        Self { log: Arc::new(Mutex::new(log)), head: watch::Sender::new(Cursor::start(count)) }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    /// Writes facts of another store's log as they are, up to one that has not the next version of its stream.
    #[cfg(test)]
    pub(super) fn place(&self, partition: u16, facts: &[&[u8]]) -> Result<(), StoreError> {
        let mut log = self.log();
        for bytes in facts {
            let fact = codec::decode(bytes).map_err(|error| StoreError::Invalid(error.to_string()))?;
            let actual = log.streams.get(&fact.stream).map_or(0, Vec::len) as u64;
            let expected = fact.version - 1;
            if actual != expected {
                return Err(StoreError::Conflict { stream: fact.stream, expected, actual });
            }
            log.store(partition, vec![bytes.to_vec()])?;
            let sequence = log.partitions[usize::from(partition)].facts.len() as u64;
            self.head.send_modify(|head| head.advance(Position { partition, sequence }));
        }
        Ok(())
    }
}

/// A panic while the log was locked can only come from the clock or the observer, which run before a change and
/// after it: the log itself is whole.
fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The machine's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl EventStore for Store {
    fn partitions(&self) -> u16 {
        self.head.borrow().partitions()
    }

    fn partition_of(&self, stream: StreamId) -> u16 {
        partition_of(stream, self.partitions())
    }

    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        let answer = self.log().append(commit);
        if let Ok(appended) = &answer {
            self.head.send_modify(|head| head.advance(appended.last));
        }
        ready(answer).boxed()
    }

    fn read_stream(&self, stream: StreamId, after: u64) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        let log = self.log();
        let facts = &log.partitions[usize::from(self.partition_of(stream))].facts;
        let indexes = log.streams.get(&stream).map_or(&[][..], Vec::as_slice);
        let skip = usize::try_from(after).unwrap_or(usize::MAX).min(indexes.len());
        let found = indexes[skip..].iter().map(|index| facts[*index].clone()).collect();
        ready(Ok(found)).boxed()
    }

    fn read_all(&self, after: Position, limit: usize) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        ready(Ok(self.log().read(after, limit))).boxed()
    }

    fn subscribe(&self, after: Cursor) -> BoxStream<'static, Result<Batch, StoreError>> {
        let (log, head) = (Arc::clone(&self.log), self.head.subscribe());
        unfold((log, head, after), |(log, mut head, mut seen)| async move {
            loop {
                let reached = head.borrow_and_update().clone();
                let behind = (0..reached.partitions()).find(|index| seen.sequence(*index) < reached.sequence(*index));
                if let Some(partition) = behind {
                    let facts = lock(&log).read(seen.position(partition), BATCH_FACTS_MAX);
                    if let Some(last) = facts.last() {
                        seen.advance(last.position);
                    }
                    return Some((Ok(Arc::new(facts)), (log, head, seen)));
                }
                head.changed().await.ok()?;
            }
        })
        .boxed()
    }

    fn head(&self) -> Cursor {
        self.head.borrow().clone()
    }

    fn cursor_at(&self, at: Timestamp) -> BoxFuture<'_, Result<Cursor, StoreError>> {
        let log = self.log();
        let mut cursor = Cursor::start(self.partitions());
        for (partition, Partition { facts, .. }) in (0..).zip(&log.partitions) {
            let count = facts.partition_point(|fact| fact.recorded_at <= at);
            cursor.advance(Position { partition, sequence: count as u64 });
        }
        ready(Ok(cursor)).boxed()
    }

    fn read_content(&self, id: ContentId) -> BoxFuture<'_, Result<Option<SealedContent>, StoreError>> {
        ready(Ok(self.log().contents.get(&id).cloned().flatten())).boxed()
    }

    fn erase(&self, ids: Vec<ContentId>) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut log = self.log();
        for id in ids {
            log.contents.entry(id).and_modify(|content| *content = None);
        }
        ready(Ok(())).boxed()
    }

    fn health(&self) -> Health {
        Health::Ready
    }
}

impl LeafSource for Store {
    fn leaves(&self, partition: u16, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Leaf>, StoreError>> {
        let log = self.log();
        let leaves = log.partitions.get(usize::from(partition)).map_or(&[][..], |partition| &partition.leaves);
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        let found = (1..).zip(leaves).skip(skip).take(limit);
        let found = found.map(|(sequence, bytes)| Leaf { sequence, bytes: bytes.clone() }).collect();
        ready(Ok(found)).boxed()
    }
}

impl Log {
    fn append(&mut self, commit: Commit) -> Result<Appended, StoreError> {
        commit.check()?;
        let count = u16::try_from(self.partitions.len()).expect("made from a u16");
        let partition = commit.partition(count)?;
        self.check_contents(&commit.contents)?;
        self.check_versions(&commit.writes)?;
        let recorded_at = self.clock_after(partition);
        let mut first = self.partitions[usize::from(partition)].facts.len();
        let mut encoded = Vec::new();
        for write in &commit.writes {
            for (version, body) in (write.expected + 1..).zip(&write.facts) {
                first += 1;
                let position = Position { partition, sequence: first as u64 };
                let mut bytes = Vec::new();
                codec::encode_unplaced(write.stream, body, random_salt()?, &mut bytes)?;
                codec::fill_in_place(&mut bytes, Place { position, version, recorded_at });
                encoded.push(bytes);
            }
        }
        let versions = commit.writes.iter().map(|write| write.expected + write.facts.len() as u64).collect();
        self.store(partition, encoded)?;
        for content in commit.contents {
            self.contents.insert(content.id, Some(content));
        }
        let sequence = self.partitions[usize::from(partition)].facts.len() as u64;
        Ok(Appended { last: Position { partition, sequence }, versions, recorded_at })
    }

    /// What is kept is what the bytes decode to, as with a store on disk.
    fn store(&mut self, partition: u16, encoded: Vec<Vec<u8>>) -> Result<(), StoreError> {
        let facts: Result<Vec<Fact>, _> = encoded.iter().map(|bytes| codec::decode(bytes)).collect();
        let facts = facts.map_err(|error| StoreError::Invalid(format!("a fact can't be read back: {error}")))?;
        let into = &mut self.partitions[usize::from(partition)];
        let before = into.facts.len();
        for (index, fact) in (before..).zip(&facts) {
            self.streams.entry(fact.stream).or_default().push(index);
        }
        into.facts.extend(facts);
        into.leaves.extend(encoded);
        if let Some(observer) = &mut self.observer {
            let mut leaves = (before as u64 + 1..).zip(into.leaves[before..].iter().map(Vec::as_slice));
            observer.committed(partition, &mut leaves);
        }
        Ok(())
    }

    fn read(&self, after: Position, limit: usize) -> Vec<Fact> {
        let facts = self.partitions.get(usize::from(after.partition)).map_or(&[][..], |partition| &partition.facts);
        let skip = usize::try_from(after.sequence).unwrap_or(usize::MAX).min(facts.len());
        facts[skip..].iter().take(limit).cloned().collect()
    }

    fn check_contents(&self, contents: &[SealedContent]) -> Result<(), StoreError> {
        for content in contents {
            if self.contents.get(&content.id).is_some_and(|stored| stored.as_ref() != Some(content)) {
                return Err(StoreError::Invalid(format!("content {} was stored before", content.id)));
            }
        }
        Ok(())
    }

    fn check_versions(&self, writes: &[StreamWrite]) -> Result<(), StoreError> {
        for StreamWrite { stream, expected, .. } in writes {
            let actual = self.streams.get(stream).map_or(0, Vec::len) as u64;
            if actual != *expected {
                return Err(StoreError::Conflict { stream: *stream, expected: *expected, actual });
            }
        }
        Ok(())
    }

    fn clock_after(&self, partition: u16) -> Timestamp {
        let last = self.partitions[usize::from(partition)].facts.last();
        (self.clock)().max(last.map_or(Timestamp::MIN, |fact| fact.recorded_at))
    }
}

fn random_salt() -> Result<[u8; 16], StoreError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| StoreError::Unavailable(format!("no randomness: {error}")))?;
    Ok(salt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Subject, commit, write};

    crate::conformance!(Subject { store: Arc::new(Store::default()), keep: Box::new(()) });

    mod partitioned {
        use super::*;
        crate::conformance!(Subject { store: Arc::new(Store::new(4, Box::new(now), None)), keep: Box::new(()) });
    }

    struct Collect(Arc<Mutex<Vec<Leaf>>>);

    impl CommitObserver for Collect {
        fn committed(&mut self, _partition: u16, leaves: &mut dyn Iterator<Item = (u64, &[u8])>) {
            let leaves = leaves.map(|(sequence, bytes)| Leaf { sequence, bytes: bytes.to_vec() });
            self.0.lock().expect("no panic").extend(leaves);
        }
    }

    #[tokio::test]
    async fn the_observer_sees_the_leaves_that_can_be_read_back() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let store = Store::new(1, Box::new(now), Some(Box::new(Collect(Arc::clone(&seen)))));
        let (one, two) = (crate::conformance::stream(1), crate::conformance::stream(2));
        store.append(commit(vec![write(one, 0, 0..2), write(two, 0, 2..3)])).await.expect("taken");
        store.append(commit(vec![write(one, 2, 3..4)])).await.expect("taken");
        let leaves = store.leaves(0, 0, 10).await.expect("read");
        assert_eq!(leaves, *seen.lock().expect("no panic"));
        assert_eq!(store.leaves(0, 1, 2).await.expect("read"), leaves[1..3]);
        let decoded: Vec<Fact> = leaves.iter().map(|leaf| codec::decode(&leaf.bytes).expect("a fact")).collect();
        assert_eq!(decoded, store.read_all(Position { partition: 0, sequence: 0 }, 10).await.expect("read"));
    }
}
