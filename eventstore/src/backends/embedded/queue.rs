//! What waits for the writer: a bounded queue of commits, encoded by those who append them, and of erasures.

use super::contents;
use super::frame::{self, Kind};
use crate::codec;
use crate::store::{Appended, Commit, StoreError, limits};
use bytes::Bytes;
use clew_domain::content::ContentId;
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a caller is asked to wait when the queue is full: a few groups.
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// Bytes that the writer takes into one group, unless a single commit has more.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// What became of a commit.
pub(in crate::backends) type Outcome = Result<Appended, StoreError>;
/// Where the outcomes of commits go that were handed in together, in their order.
pub(super) type AppendAnswer = oneshot::Sender<Vec<Outcome>>;

/// Something for the writer to do.
pub(super) enum Job {
    /// Commits to write one after the other, each whole or not at all by itself.
    Append(Vec<Prepared>, AppendAnswer),
    /// Contents to remove.
    Erase(Vec<ContentId>, oneshot::Sender<Result<(), StoreError>>),
    /// To make durable what was written before.
    Sync(oneshot::Sender<Result<(), StoreError>>),
}

/// A commit as bytes, complete but for places and checksums.
#[derive(Default)]
pub(in crate::backends) struct Prepared {
    /// Each stream with the version that it must be at and how many facts it is given.
    pub(in crate::backends) streams: Vec<(StreamId, u64, u32)>,
    /// The newest schema among its events; 0 without any, and where others have written it.
    pub(in crate::backends) schema: u16,
    /// The facts' frames, one after the other.
    pub(in crate::backends) frames: Bytes,
    /// The contents with their bytes.
    pub(in crate::backends) contents: Vec<(ContentId, Vec<u8>)>,
    /// When it was recorded, if that is not for this writer to say: it is, unless an earlier commit is later.
    pub(in crate::backends) recorded_at: Option<Timestamp>,
}

impl Prepared {
    /// Encodes a commit, or refuses what no backend takes.
    pub(in crate::backends) fn new(commit: &Commit) -> Result<Self, StoreError> {
        commit.check()?;
        let facts: usize = commit.writes.iter().map(|write| write.facts.len()).sum();
        let (mut prepared, mut frames) = (Self::default(), Vec::with_capacity(facts * 512));
        for write in &commit.writes {
            for fact in &write.facts {
                let start = frame::open(&mut frames);
                codec::encode_unplaced(write.stream, fact, random()?, &mut frames)?;
                frame::close(&mut frames, start, Kind::Fact);
                prepared.schema = prepared.schema.max(codec::schema_of(&fact.event));
            }
            let count = u32::try_from(write.facts.len()).expect("checked");
            prepared.streams.push((write.stream, write.expected, count));
        }
        for content in &commit.contents {
            let mut bytes = Vec::with_capacity(contents::BODY_AT + content.sealed.len());
            contents::encode(content, &mut bytes);
            prepared.contents.push((content.id, bytes));
        }
        prepared.frames = frames.into();
        // Against the limit counts what the commit says, not what framing adds.
        let contents: usize = commit.contents.iter().map(|content| content.sealed.len()).sum();
        if prepared.frames.len() + contents > limits::COMMIT_BYTES_MAX {
            return Err(StoreError::Invalid(format!("it is over {} bytes", limits::COMMIT_BYTES_MAX)));
        }
        Ok(prepared)
    }

    fn bytes(&self) -> usize {
        self.frames.len() + self.contents_bytes()
    }

    /// Bytes of all contents.
    pub(super) fn contents_bytes(&self) -> usize {
        self.contents.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

/// Sixteen random bytes, drawn from the system a page at a time.
pub(in crate::backends) fn random() -> Result<[u8; 16], StoreError> {
    const POOL_BYTES: usize = 4096;
    thread_local! {
        static POOL: RefCell<(Vec<u8>, usize)> = const { RefCell::new((Vec::new(), 0)) };
    }
    POOL.with_borrow_mut(|(pool, used)| {
        if *used + 16 > pool.len() {
            pool.resize(POOL_BYTES, 0);
            getrandom::fill(pool).map_err(|error| StoreError::Unavailable(format!("no randomness: {error}")))?;
            *used = 0;
        }
        *used += 16;
        Ok(pool[*used - 16..*used].try_into().expect("sixteen bytes"))
    })
}

/// The queue itself.
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    commits_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
}

/// What the writer finds in the queue.
pub(super) enum Taken {
    Jobs(Vec<Job>),
    /// Nothing came within the time.
    Idle,
    /// Nothing is left and nothing will come.
    Closed,
}

impl Queue {
    pub(super) fn new(commits_max: usize, bytes_max: usize) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), commits_max, bytes_max }
    }

    /// No call under the lock panics, so what a poisoned one guards is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job, unless the queue is full or closed.
    pub(super) fn push(&self, job: Job) -> Result<(), StoreError> {
        let bytes = bytes_of(&job);
        let mut state = self.state();
        if state.closed {
            return Err(StoreError::Unavailable("the store is closed".into()));
        }
        // A commit that is larger than the queue still goes through an empty one.
        if state.jobs.len() >= self.commits_max || (state.bytes + bytes > self.bytes_max && !state.jobs.is_empty()) {
            return Err(StoreError::Busy { retry_after: RETRY_AFTER });
        }
        state.bytes += bytes;
        state.jobs.push_back(job);
        let was_empty = state.jobs.len() == 1;
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for jobs, for at most `idle_after`, and takes as many as make a group.
    pub(super) fn take(&self, idle_after: Option<Duration>) -> Taken {
        let mut state = self.state();
        while state.jobs.is_empty() {
            if state.closed {
                return Taken::Closed;
            }
            let Some(idle_after) = idle_after else {
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (woken, waited) = self.filled.wait_timeout(state, idle_after).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if waited.timed_out() && state.jobs.is_empty() {
                return if state.closed { Taken::Closed } else { Taken::Idle };
            }
        }
        let (mut jobs, mut bytes) = (Vec::with_capacity(state.jobs.len()), 0);
        while bytes < GROUP_BYTES_MAX
            && let Some(job) = state.jobs.pop_front()
        {
            bytes += bytes_of(&job);
            jobs.push(job);
        }
        state.bytes -= bytes;
        Taken::Jobs(jobs)
    }

    /// Takes no more; what is there is still done.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_all();
    }
}

fn bytes_of(job: &Job) -> usize {
    match job {
        Job::Append(commits, _) => commits.iter().map(Prepared::bytes).sum(),
        Job::Erase(ids, _) => ids.len() * size_of::<ContentId>(),
        Job::Sync(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erasure() -> Job {
        Job::Erase(vec![ContentId(1)], oneshot::channel().0)
    }

    #[test]
    fn a_full_queue_refuses_and_a_closed_one_is_emptied_first() {
        let queue = Queue::new(2, 1_000);
        assert!(queue.push(erasure()).is_ok());
        assert!(queue.push(erasure()).is_ok());
        assert_eq!(queue.push(erasure()), Err(StoreError::Busy { retry_after: RETRY_AFTER }));
        queue.close();
        assert!(matches!(queue.push(erasure()), Err(StoreError::Unavailable(_))));
        assert!(matches!(queue.take(None), Taken::Jobs(jobs) if jobs.len() == 2));
        assert!(matches!(queue.take(None), Taken::Closed));
    }
}
