//! The contract of a store: what every backend promises, in prose, and the types it is stated in.
//! The suite that holds a backend to it is `conformance.rs`.

use crate::cursor::Cursor;
use crate::sealed::SealedContent;
use clew_domain::content::ContentId;
use clew_domain::fact::{Fact, NewFact, Position};
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use futures::future::{BoxFuture, ready};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use std::sync::Arc;
use std::time::Duration;

/// Reads of single contents under way at once, where a backend knows no better.
const CONTENTS_READ_AT_ONCE: usize = 32;

/// Facts in log order, of one partition or of several.
pub type Batch = Arc<Vec<Fact>>;

/// The log of facts, and the contents that they refer to.
///
/// # What holds for every backend
///
/// **Durable.** When [`append`](Self::append) answers `Ok`, every fact and content of the commit is on stable
/// storage and stays there through a crash of the process, of the machine, or a loss of power. Nothing that is
/// not durable is ever returned by a read or a subscription.
///
/// **Atomic.** A commit is written whole or not at all, also when it spans several streams. All streams of a
/// commit lie in one partition.
///
/// **Versions.** The facts of a stream have the versions 1, 2, 3 and so on without a gap. A commit is written only if
/// each of its streams is at the version that the commit expects; otherwise the answer is
/// [`StoreError::Conflict`] and nothing was written.
///
/// **Order.** Positions of a partition strictly increase in the order of commits; the facts of one commit keep
/// the order in which they were given, stream after stream. `recorded_at` never decreases within a partition.
/// Nothing is promised about order between partitions.
///
/// **Read your writes.** After `append` has answered, reads by any caller of the same store see its facts.
///
/// **Unknown.** [`StoreError::Unknown`] alone leaves open whether the commit was written. The caller finds out by
/// reading the stream and looking for the command's id; `transact` does.
///
/// **Facts stay, contents may go.** No call changes or removes a fact. [`erase`](Self::erase) removes contents.
///
/// **Contents once.** A content's number is stored once. A commit that brings one again with the same bytes stores
/// it no second time; with other bytes, or after it was erased, the commit is [`StoreError::Invalid`].
///
/// **No hidden damage.** Bytes that do not match their checksum are reported as [`StoreError::Corrupt`]; they
/// are never skipped and never returned.
pub trait EventStore: Send + Sync + 'static {
    /// How many partitions the log was created with.
    fn partitions(&self) -> u16;

    /// The partition in which a stream lies, for ever.
    fn partition_of(&self, stream: StreamId) -> u16;

    /// Writes a commit and answers when it is durable.
    ///
    /// A commit without writes stores contents ahead of the facts that will refer to them.
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>>;

    /// The facts of a stream whose version is greater than `after`, in order; empty for an unknown stream.
    fn read_stream(&self, stream: StreamId, after: u64) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>>;

    /// At most `limit` facts of one partition behind `after`, in order. Fewer only at the end of the log.
    fn read_all(&self, after: Position, limit: usize) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>>;

    /// The facts behind `after`: first those that are there, then each commit as it becomes durable, without a gap
    /// and without a repetition. Ends only when the store is closed; an error is its last item.
    fn subscribe(&self, after: Cursor) -> BoxStream<'static, Result<Batch, StoreError>>;

    /// How far the durable log reaches.
    fn head(&self) -> Cursor;

    /// Waits until reads show all that was durable when this was called, whoever wrote it; at once where nobody else
    /// writes.
    fn catch_up(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }

    /// The position of the last fact recorded at or before `at`, for each partition.
    fn cursor_at(&self, at: Timestamp) -> BoxFuture<'_, Result<Cursor, StoreError>>;

    /// A content as it was stored; `None` when it was erased or never was.
    fn read_content(&self, id: ContentId) -> BoxFuture<'_, Result<Option<SealedContent>, StoreError>>;

    /// Contents as they were stored, each in the place of its id: [`read_content`](Self::read_content) for many at once.
    fn read_contents(&self, ids: Vec<ContentId>) -> BoxFuture<'_, Result<Vec<Option<SealedContent>>, StoreError>> {
        let reads = ids.into_iter().map(|id| self.read_content(id));
        stream::iter(reads).buffered(CONTENTS_READ_AT_ONCE).try_collect().boxed()
    }

    /// Removes contents and overwrites their bytes; answers when that is durable. Unknown ids are passed over.
    fn erase(&self, ids: Vec<ContentId>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Whether the store takes commits, and if not, why.
    fn health(&self) -> Health;
}

/// The partition of a stream among so many, for ever: logs are laid out by it.
pub(crate) fn partition_of(stream: StreamId, partitions: u16) -> u16 {
    let hash = stream.id.as_u128() % u128::from(partitions);
    u16::try_from(hash).expect("less than a u16")
}

/// What is written as one: facts to one or more streams, and contents.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The streams and what is appended to each. No stream stands here twice.
    pub writes: Vec<StreamWrite>,
    /// The contents that these facts, or later ones, refer to.
    pub contents: Vec<SealedContent>,
}

/// What a commit appends to one stream.
#[derive(Clone, Debug)]
pub struct StreamWrite {
    /// Which stream.
    pub stream: StreamId,
    /// The version that the stream must be at: 0 for one that must not exist yet.
    pub expected: u64,
    /// The facts, in order; at least one. Their events are of the stream's kind.
    pub facts: Vec<NewFact>,
}

/// Where a commit went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The position of its last fact; of the log's end for a commit without facts.
    pub last: Position,
    /// The new version of each stream, in the order of the writes.
    pub versions: Vec<u64>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// Whether a store takes commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ready,
    /// It does not, for this reason, until what is named there is done.
    Failed(String),
}

/// The largest commit that any backend takes.
pub mod limits {
    /// Streams in one commit.
    pub const STREAMS_PER_COMMIT_MAX: usize = 64;
    /// Facts in one commit.
    pub const FACTS_PER_COMMIT_MAX: usize = 1_000;
    /// Bytes of one encoded fact: entries of tiles state their length in two bytes.
    pub const FACT_BYTES_MAX: usize = u16::MAX as usize;
    /// Bytes of one sealed content.
    pub const CONTENT_BYTES_MAX: usize = 128 * 1024;
    /// Bytes of all facts and contents of one commit.
    pub const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;
}

/// Why a store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A stream was not at the version that the commit expected. Nothing was written: read again and decide anew.
    #[error("{stream} is at version {actual}, not at {expected} as the commit expected")]
    Conflict {
        /// Which stream.
        stream: StreamId,
        /// The version that the commit expected.
        expected: u64,
        /// The version that it has.
        actual: u64,
    },
    /// The store is busy; nothing was written. The same commit may be given again after a while.
    #[error("the store takes no more at the moment; try again in {} ms", retry_after.as_millis())]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The store can't write or read until someone sees to it. Nothing of this commit is acknowledged.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Whether the commit was written is not known. The same commit must be looked for before it is given again.
    #[error("it is not known whether the commit was written: {0}")]
    Unknown(String),
    /// A gateway of the cluster could not read what the commit says; nothing was written. Once all have this version, the
    /// same commit may be given again.
    #[error("it has schema {needed}, and a gateway of the cluster reads up to {read}: bring all to this version first")]
    TooNew {
        /// The schema that the commit needs.
        needed: u16,
        /// The newest that all gateways read.
        read: u16,
    },
    /// Stored bytes are not what was written.
    #[error("damage in {place}: {what}")]
    Corrupt {
        /// Which file and offset, or which record.
        place: String,
        /// What does not match.
        what: String,
    },
    /// The commit itself can't be written by any backend: too large, empty, or with a stream twice.
    #[error("the commit is not valid: {0}")]
    Invalid(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Unknown(_) => true,
            Self::Conflict { .. }
            | Self::Unavailable(_)
            | Self::TooNew { .. }
            | Self::Corrupt { .. }
            | Self::Invalid(_) => false,
        }
    }

    /// Whether the commit itself is why it was not written, whatever the state of the store.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Invalid(_))
    }
}

impl Commit {
    /// The one partition, of so many, that its streams lie in; the first for one without writes.
    pub(crate) fn partition(&self, partitions: u16) -> Result<u16, StoreError> {
        let mut each = self.writes.iter().map(|write| partition_of(write.stream, partitions));
        let first = each.next().unwrap_or(0);
        if each.any(|other| other != first) {
            return Err(StoreError::Invalid("its streams lie in different partitions".into()));
        }
        Ok(first)
    }

    /// Refuses what no backend may take; backends call it first.
    pub fn check(&self) -> Result<(), StoreError> {
        let invalid = |why: String| Err(StoreError::Invalid(why));
        if self.writes.is_empty() && self.contents.is_empty() {
            return invalid("it holds neither a fact nor a content".into());
        }
        if self.writes.len() > limits::STREAMS_PER_COMMIT_MAX {
            return invalid(format!("more than {} streams", limits::STREAMS_PER_COMMIT_MAX));
        }
        let facts: usize = self.writes.iter().map(|write| write.facts.len()).sum();
        if facts > limits::FACTS_PER_COMMIT_MAX {
            return invalid(format!("more than {} facts", limits::FACTS_PER_COMMIT_MAX));
        }
        for (index, write) in self.writes.iter().enumerate() {
            if write.facts.is_empty() {
                return invalid(format!("{} has no fact", write.stream));
            }
            if self.writes[..index].iter().any(|earlier| earlier.stream == write.stream) {
                return invalid(format!("{} stands in it twice", write.stream));
            }
            if write.facts.iter().any(|fact| fact.event.stream_kind() != write.stream.kind) {
                return invalid(format!("{} was given an event of another kind of stream", write.stream));
            }
        }
        let mut ids: Vec<ContentId> = self.contents.iter().map(|content| content.id).collect();
        ids.sort_unstable();
        if let Some([id, ..]) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return invalid(format!("content {id} stands in it twice"));
        }
        let mut bytes = 0;
        for content in &self.contents {
            if content.sealed.len() > limits::CONTENT_BYTES_MAX {
                return invalid(format!("content {} is over {} bytes", content.id, limits::CONTENT_BYTES_MAX));
            }
            bytes += content.sealed.len();
        }
        if bytes > limits::COMMIT_BYTES_MAX {
            return invalid(format!("its contents are over {} bytes", limits::COMMIT_BYTES_MAX));
        }
        Ok(())
    }
}
