//! The store on this machine's disk: append-only segments of facts and contents under one directory, one writer.
//! `docs/log.md` shows the format to the byte. Look-ups for anything but streams, positions and times are the
//! projections' work.

mod beside;
mod columns;
mod contents;
mod contents_index;
mod disk;
mod frame;
#[cfg(any(test, feature = "test-util"))]
pub(crate) mod fuzz;
mod index;
mod keeper;
mod layout;
pub(in crate::backends) mod queue;
mod read;
mod recover;
pub(in crate::backends) mod replica;
mod seal;
mod sealed;
mod snapshot;
mod verify;
mod writer;

pub use disk::{Disk, Machine};
pub use layout::FORMAT;
pub use snapshot::{Part, Snapshot, Stamp, snapshot};
pub use verify::{Verified, verify};

use crate::backends::memory;
use crate::cursor::Cursor;
use crate::observer::{CommitObserver, Leaf, LeafSource};
use crate::sealed::SealedContent;
use crate::store::{Appended, Batch, Commit, EventStore, Health, StoreError};
use clew_domain::content::ContentId;
use clew_domain::fact::{Fact, Position};
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use disk::unavailable;
use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{BoxStream, StreamExt, unfold};
use keeper::Role;
use queue::{Job, Prepared, Queue};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use tokio::sync::{oneshot, watch};

/// Facts in one batch of a subscription at most.
const BATCH_FACTS_MAX: usize = 1_024;
/// What the first segments take: later ones double until the size that the options name.
const FIRST_SEGMENT_BYTES: u64 = 16 << 20;

/// How a log is kept.
pub struct Options {
    /// Bytes of a segment of facts.
    pub facts_segment_bytes: u64,
    /// Bytes of a segment of contents.
    pub contents_segment_bytes: u64,
    /// Whether full segments of facts are compressed.
    pub compress: bool,
    /// Commits that may wait for the writer; more are refused as [`StoreError::Busy`].
    pub queue_commits_max: usize,
    /// Bytes of commits that may wait for the writer.
    pub queue_bytes_max: usize,
    /// What tells the time.
    pub clock: memory::Clock,
    /// Who follows the leaves.
    pub observer: Option<Box<dyn CommitObserver>>,
    /// What is written to.
    pub disk: Arc<dyn Disk>,
    /// Which partition's log it is.
    pub partition: u16,
    /// When a commit is durable.
    pub durable: Durable,
}

/// When a commit is on stable storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durable {
    /// Before it is answered or read.
    #[default]
    AtOnce,
    /// Some time after: when nothing comes for a while, when a segment is full, when somebody asks for it, and on closing.
    /// For a copy of a log that others keep: a power cut takes only the end of it, never a part from within.
    Later,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            facts_segment_bytes: 64 << 20,
            contents_segment_bytes: 64 << 20,
            compress: true,
            queue_commits_max: 8_192,
            queue_bytes_max: 64 << 20,
            clock: Box::new(memory::now),
            observer: None,
            disk: Arc::new(Machine),
            partition: 0,
            durable: Durable::AtOnce,
        }
    }
}

/// What opening a log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Facts in the log.
    pub facts: u64,
    /// Segments of facts that are sealed.
    pub segments_sealed: usize,
    /// Segments of facts that are not.
    pub segments_unsealed: usize,
    /// What a crash had left half written, none of it acknowledged, and was cut off.
    pub torn: Vec<TornTail>,
    /// Indexes of contents that were missing or damaged and were made anew.
    pub indexes_rebuilt: usize,
}

/// The end of a file that was cut off on opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The file.
    pub file: PathBuf,
    /// From where it was overwritten with zeros.
    pub at: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// A store in a directory, which it alone has open. Dropping it writes what is queued and closes it.
pub struct Store {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    head: watch::Receiver<Cursor>,
    writer: Option<JoinHandle<()>>,
    beside: Vec<JoinHandle<()>>,
    /// Holds the directory's lock.
    _lock: File,
}

/// What the writer, the keeper and readers share.
struct Shared {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    partition: u16,
    clock: memory::Clock,
    compress: bool,
    facts_segment_bytes: u64,
    contents_segment_bytes: u64,
    index: RwLock<index::Index>,
    contents: RwLock<contents::Contents>,
    orders: keeper::Orders,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failed: Option<String>,
    obstacle: Option<String>,
}

impl Shared {
    fn contents(&self) -> RwLockReadGuard<'_, contents::Contents> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_failed(&self, why: &str) {
        self.state().failed = Some(why.to_owned());
    }

    fn set_obstacle(&self, why: Option<String>) {
        self.state().obstacle = why;
    }

    fn facts_capacity(&self, number: u32) -> u64 {
        capacity(number, self.facts_segment_bytes)
    }

    fn contents_capacity(&self, number: u32) -> u64 {
        capacity(number, self.contents_segment_bytes)
    }
}

/// What the segment of that number takes, so that a small log takes little room.
fn capacity(number: u32, full: u64) -> u64 {
    let doublings = number.saturating_sub(1).min(16);
    (FIRST_SEGMENT_BYTES << doublings).min(full)
}

impl Store {
    /// Opens the log in `dir`, or begins one there.
    ///
    /// Fails with [`StoreError::Unavailable`] if another process has it open, if the directory can't be written to,
    /// or if a newer Clew wrote it; with [`StoreError::Corrupt`] on damage that no crash explains.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, OpenReport), StoreError> {
        std::fs::create_dir_all(dir).map_err(unavailable("can't create", dir))?;
        let lock = lock(dir)?;
        let capacities = recover::Capacities {
            facts: capacity(1, options.facts_segment_bytes),
            contents: capacity(1, options.contents_segment_bytes),
        };
        let recover::Opened { index, contents, start, report } = recover::open(dir, &*options.disk, &capacities)?;
        // What a killed process wrote may be in the kernel's memory alone. From here on it is read and built upon.
        let synced = options.disk.sync(&start.facts.file);
        let synced = synced.and_then(|()| options.disk.sync(&start.contents.file.file));
        synced.map_err(unavailable("can't sync the log in", dir))?;
        for torn in &report.torn {
            tracing::warn!(file = %torn.file.display(), at = torn.at, bytes = torn.bytes, "a torn tail was cut off");
        }
        let partition = options.partition;
        let mut reached = Cursor::start(partition + 1);
        reached.advance(Position { partition, sequence: index.last });
        let (sender, head) = watch::channel(reached);
        let load_heads = !index.heads_complete;
        let shared = Arc::new(Shared {
            dir: dir.to_path_buf(),
            disk: options.disk,
            partition: options.partition,
            clock: options.clock,
            compress: options.compress,
            facts_segment_bytes: options.facts_segment_bytes,
            contents_segment_bytes: options.contents_segment_bytes,
            index: RwLock::new(index),
            contents: RwLock::new(contents),
            orders: keeper::Orders::default(),
            state: Mutex::default(),
        });
        shared.orders.seal();
        if load_heads {
            shared.orders.load_heads();
        }
        let queue = Arc::new(Queue::new(options.queue_commits_max, options.queue_bytes_max));
        let (later, observer) = (options.durable == Durable::Later, options.observer);
        let writer = writer::Writer::new(Arc::clone(&shared), Arc::clone(&queue), sender, observer, start, later);
        let writer = writer.map_err(unavailable("can't start a thread for", dir))?;
        let writer = spawn("clew-log-writer", move || writer.run())?;
        let mut beside = Vec::with_capacity(2);
        for (name, role) in [("clew-log-prepare", Role::Prepare), ("clew-log-keeper", Role::Keep)] {
            let shared = Arc::clone(&shared);
            beside.push(spawn(name, move || keeper::run(&shared, role))?);
        }
        let store = Self { shared, queue, head, writer: Some(writer), beside, _lock: lock };
        Ok((store, report))
    }

    /// The directory that it is in.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The facts of a stream whose version is greater than `after`. Blocks on the disk.
    pub fn read_stream_blocking(&self, stream: StreamId, after: u64) -> Result<Vec<Fact>, StoreError> {
        read::stream(&self.shared.index, stream, after)
    }

    /// Gives each fact behind `after` to `sink`, in order, until it answers `false` or the log ends. Blocks.
    pub fn scan(&self, after: u64, mut sink: impl FnMut(Fact) -> bool) -> Result<(), StoreError> {
        self.scan_to(after, &mut sink)
    }

    /// Compiled here and not where it is called, which may be for less speed.
    fn scan_to(&self, after: u64, sink: &mut dyn FnMut(Fact) -> bool) -> Result<(), StoreError> {
        read::leaves(&self.shared.index, after, |_, bytes, place| {
            read::decode(bytes, place.path, place.offset).map(&mut *sink)
        })?;
        Ok(())
    }

    /// Waits until full segments are sealed, indexed, and all heads of streams are loaded. Blocks.
    pub fn settle(&self) {
        self.shared.orders.settle();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|error| StoreError::Unavailable(format!("can't start {name}: {error}")))
}

/// Takes the directory for this process.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("LOCK");
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(unavailable("can't write to", &path))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let what = format!("{} is open in another process; only one may have it", dir.display());
            Err(StoreError::Unavailable(what))
        }
        Err(error) => Err(unavailable("can't lock", &path)(error.into())),
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has told so; nothing of it is acknowledged.
            let _ = writer.join();
        }
        self.shared.orders.stop();
        for thread in self.beside.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Runs what blocks on the disk where that holds up nobody.
async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    read: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let shared = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || read(&shared)).await;
    done.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("a read of the log was given up: {error}"))))
}

fn facts_after(shared: &Shared, after: u64, limit: usize) -> Result<Vec<Fact>, StoreError> {
    let mut facts = Vec::new();
    if limit > 0 {
        read::leaves(&shared.index, after, |_, bytes, place| {
            facts.push(read::decode(bytes, place.path, place.offset)?);
            Ok(facts.len() < limit)
        })?;
    }
    Ok(facts)
}

impl EventStore for Store {
    fn partitions(&self) -> u16 {
        1
    }

    fn partition_of(&self, _stream: StreamId) -> u16 {
        self.shared.partition
    }

    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        async move {
            let (answer, answered) = oneshot::channel();
            self.queue.push(Job::Append(vec![Prepared::new(&commit)?], answer))?;
            drop(commit);
            let outcomes = answered.await.map_err(|_| StoreError::Unknown("the writer of the log is gone".into()))?;
            outcomes.into_iter().next().expect("an outcome of each commit")
        }
        .boxed()
    }

    fn read_stream(&self, stream: StreamId, after: u64) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        blocking(&self.shared, move |shared| read::stream(&shared.index, stream, after)).boxed()
    }

    fn read_all(&self, after: Position, limit: usize) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        // There is one partition; of others nothing is behind any position.
        let limit = if after.partition == self.shared.partition { limit } else { 0 };
        blocking(&self.shared, move |shared| facts_after(shared, after.sequence, limit)).boxed()
    }

    fn subscribe(&self, after: Cursor) -> BoxStream<'static, Result<Batch, StoreError>> {
        let partition = self.shared.partition;
        let from = (Arc::clone(&self.shared), self.head.clone(), after.sequence(partition), false);
        unfold(from, move |(shared, mut head, seen, ended)| async move {
            if ended {
                return None;
            }
            while head.borrow_and_update().sequence(partition) <= seen {
                head.changed().await.ok()?;
            }
            let facts = blocking(&shared, move |shared| facts_after(shared, seen, BATCH_FACTS_MAX)).await;
            let (ended, seen) = match &facts {
                Ok(facts) => (false, facts.last().map_or(seen, |last| last.position.sequence)),
                Err(_) => (true, seen),
            };
            Some((facts.map(Arc::new), (shared, head, seen, ended)))
        })
        .boxed()
    }

    fn head(&self) -> Cursor {
        self.head.borrow().clone()
    }

    fn cursor_at(&self, at: Timestamp) -> BoxFuture<'_, Result<Cursor, StoreError>> {
        let found = blocking(&self.shared, move |shared| read::sequence_at(&shared.index, at));
        let partition = self.shared.partition;
        let cursor = move |sequence| {
            let mut cursor = Cursor::start(partition + 1);
            cursor.advance(Position { partition, sequence });
            cursor
        };
        async move { found.await.map(cursor) }.boxed()
    }

    fn read_content(&self, id: ContentId) -> BoxFuture<'_, Result<Option<SealedContent>, StoreError>> {
        blocking(&self.shared, move |shared| {
            let candidates = shared.contents().candidates(id);
            candidates.read(id)
        })
        .boxed()
    }

    fn read_contents(&self, ids: Vec<ContentId>) -> BoxFuture<'_, Result<Vec<Option<SealedContent>>, StoreError>> {
        if ids.is_empty() {
            return ready(Ok(Vec::new())).boxed();
        }
        blocking(&self.shared, move |shared| {
            let read = |id| {
                let candidates = shared.contents().candidates(id);
                candidates.read(id)
            };
            ids.into_iter().map(read).collect()
        })
        .boxed()
    }

    fn erase(&self, ids: Vec<ContentId>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let (answer, answered) = oneshot::channel();
            self.queue.push(Job::Erase(ids, answer))?;
            let gone = |_| Err(StoreError::Unknown("the writer of the log is gone".into()));
            answered.await.unwrap_or_else(gone)
        }
        .boxed()
    }

    fn health(&self) -> Health {
        let state = self.shared.state();
        let why = state.failed.as_ref().or(state.obstacle.as_ref());
        why.map_or(Health::Ready, |why| Health::Failed(why.clone()))
    }
}

impl LeafSource for Store {
    fn leaves(&self, partition: u16, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Leaf>, StoreError>> {
        blocking(&self.shared, move |shared| {
            let mut leaves = Vec::new();
            if partition == shared.partition && limit > 0 {
                read::leaves(&shared.index, after, |sequence, bytes, _| {
                    leaves.push(Leaf { sequence, bytes: bytes.to_vec() });
                    Ok(leaves.len() < limit)
                })?;
            }
            Ok(leaves)
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests;
