//! The store on a NATS JetStream cluster: any number of gateways over one log. A partition is a stream of proposals;
//! each gateway takes them into its own copy (an embedded store) in the stream's order, and the copy decides which are
//! written: same order, same versions, same decisions, same bytes everywhere. `docs/cluster.md` says what fails how,
//! ADR 0008 why it is so. Contents lie in streams of their own; a copy knows only where.

mod checkpoint;
mod cluster;
mod contents;
mod follower;
mod message;
mod placed;
mod publisher;
mod registry;
mod replica;

use crate::backends::embedded::queue::{Prepared, random};
use crate::backends::memory;
use crate::codec;
use crate::cursor::Cursor;
use crate::observer::{CommitObserver, Leaf, LeafSource};
use crate::sealed::SealedContent;
use crate::store::{Appended, Batch, Commit, EventStore, Health, StoreError, partition_of};
use async_nats::connection::State;
use clew_domain::content::ContentId;
use clew_domain::fact::{Fact, Position};
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use cluster::Cluster;
use futures::future::{BoxFuture, FutureExt, try_join_all};
use futures::stream::{BoxStream, StreamExt, select_all};
use publisher::Publisher;
pub use registry::Registry;
use replica::Replica;
pub use replica::copy_of;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use uuid::Builder;

/// Commits under way at once; more are refused as [`StoreError::Busy`].
const COMMITS_MAX: usize = 8_192;
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Who follows the leaves of a partition.
pub type Observers = Box<dyn Fn(u16) -> Option<Box<dyn CommitObserver>> + Send + Sync>;

/// How the cluster is reached, and what its streams are like.
pub struct Options {
    /// Addresses, as `nats://host:port` or `tls://host:port`; any that answers will do.
    pub servers: Vec<String>,
    /// The user, if the servers ask for one.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// A token, if the servers ask for one.
    pub token: Option<String>,
    /// Whether to refuse a connection without TLS.
    pub tls: bool,
    /// A file of certificates that are trusted besides the system's.
    pub tls_ca: Option<PathBuf>,
    /// The certificate and the key by which this gateway shows who it is.
    pub tls_client: Option<(PathBuf, PathBuf)>,
    /// What the names of streams and subjects begin with.
    pub prefix: String,
    /// On how many servers each stream lies.
    pub replicas: usize,
    /// How many partitions the log has; for ever.
    pub partitions: u16,
    /// Whether servers are accepted that may lose what they acknowledged when power fails.
    pub allow_old_server: bool,
    /// The newest schema of events that every gateway reads; a commit that needs a newer one is refused. Whoever knows the
    /// gateways raises it.
    pub read_by_all: Arc<AtomicU16>,
    /// What tells the time.
    pub clock: memory::Clock,
    /// Who follows the leaves.
    pub observer: Observers,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".into()],
            user: None,
            password: None,
            token: None,
            tls: false,
            tls_ca: None,
            tls_client: None,
            prefix: "clew".into(),
            replicas: 3,
            partitions: 1,
            allow_old_server: false,
            read_by_all: Arc::new(AtomicU16::new(codec::SCHEMA)),
            clock: Box::new(memory::now),
            observer: Box::new(|_| None),
        }
    }
}

/// One gateway's part in the store. Dropping it ends its subscriptions; the log stays with the cluster.
pub struct Store {
    cluster: Cluster,
    replicas: Vec<Arc<Replica>>,
    publishers: Vec<Publisher>,
    read_by_all: Arc<AtomicU16>,
    clock: memory::Clock,
    under_way: Semaphore,
    tasks: Vec<AbortHandle>,
}

impl Store {
    /// Connects, creates or checks the streams, opens this gateway's copies in `dir`, and follows the log to its end.
    ///
    /// Fails with [`StoreError::Unavailable`], saying what to do, if the cluster can't be reached, is too old, or has
    /// streams with settings that would break a promise; if the copies are of another log, or have more than the log.
    pub async fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let partitions = options.partitions;
        if !(1..=99).contains(&partitions) || !(1..=5).contains(&options.replicas) {
            return Err(StoreError::Unavailable("a cluster has 1 to 99 partitions and 1 to 5 replicas".into()));
        }
        let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if options.prefix.is_empty() || !options.prefix.chars().all(named) {
            return Err(StoreError::Unavailable("the prefix has letters, digits, '-' and '_' alone".into()));
        }
        let cluster = Cluster::connect(&options).await?;
        let (mut replicas, mut publishers, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
        for partition in 0..partitions {
            let (replica, of_it) = Replica::open(&cluster, partition, &options, dir).await?;
            tasks.extend(of_it);
            let (publisher, task) = Publisher::start(&cluster, &replica);
            replicas.push(replica);
            publishers.push(publisher);
            tasks.push(task);
        }
        let under_way = Semaphore::new(COMMITS_MAX);
        let Options { read_by_all, clock, .. } = options;
        let store = Self { cluster, replicas, publishers, read_by_all, clock, under_way, tasks };
        store.catch_up().await?;
        Ok(store)
    }

    /// Waits until this gateway has all that the log holds now.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let all = self.replicas.iter().map(|replica| replica.catch_up(&self.cluster));
        try_join_all(all).await.map(|_| ())
    }

    fn replica(&self, partition: u16) -> Option<&Arc<Replica>> {
        self.replicas.get(usize::from(partition))
    }

    async fn append_commit(&self, commit: Commit) -> Result<Appended, StoreError> {
        let partition = commit.partition(self.partitions())?;
        self.append_in(partition, commit).await
    }

    async fn append_in(&self, partition: u16, commit: Commit) -> Result<Appended, StoreError> {
        let prepared = Prepared::new(&commit)?;
        let read = self.read_by_all.load(Ordering::Relaxed);
        if prepared.schema > read {
            return Err(StoreError::TooNew { needed: prepared.schema, read });
        }
        let Ok(_under_way) = self.under_way.try_acquire() else {
            return Err(StoreError::Busy { retry_after: RETRY_AFTER });
        };
        let replica = self.replica(partition).expect("a commit's partition is one of these");
        replica.check()?;
        let new = self.new_contents(commit.contents).await?;
        self.check_versions(replica, &prepared).await?;
        if prepared.streams.is_empty() && new.is_empty() {
            let last = replica.store.head().position(partition);
            return Ok(Appended { last, versions: Vec::new(), recorded_at: (self.clock)() });
        }
        let stubs = self.store_contents(partition, &new).await?;
        let id = Builder::from_random_bytes(random()?).into_uuid();
        let message = message::commit(id, (self.clock)(), &prepared.streams, &stubs, &prepared.frames);
        let expected = replica.expect(id)?;
        let outcome = match self.publishers[usize::from(partition)].publish(message) {
            Ok(failing) => expected.outcome(failing).await,
            Err(closed) => Err(closed),
        };
        if matches!(outcome, Err(StoreError::Conflict { .. } | StoreError::Invalid(_))) {
            self.discard_contents(partition, &stubs);
        }
        outcome
    }

    /// Refuses what can't be written any more. What is ahead of this copy is so only until the copy has caught up: so
    /// whatever is proposed was possible once, and if refused, is refused for ever, however often the log has it.
    async fn check_versions(&self, replica: &Arc<Replica>, prepared: &Prepared) -> Result<(), StoreError> {
        for &(stream, expected, _) in &prepared.streams {
            let mut actual = replica.store.version(stream).await?;
            if actual < expected {
                replica.catch_up(&self.cluster).await?;
                actual = replica.store.version(stream).await?;
            }
            if actual != expected {
                return Err(StoreError::Conflict { stream, expected, actual });
            }
        }
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl EventStore for Store {
    fn partitions(&self) -> u16 {
        u16::try_from(self.replicas.len()).expect("made from a u16")
    }

    fn partition_of(&self, stream: StreamId) -> u16 {
        partition_of(stream, self.partitions())
    }

    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        self.append_commit(commit).boxed()
    }

    fn read_stream(&self, stream: StreamId, after: u64) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        let replica = self.replica(self.partition_of(stream)).expect("every stream has a partition");
        replica.store.read_stream(stream, after)
    }

    fn read_all(&self, after: Position, limit: usize) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        match self.replica(after.partition) {
            Some(replica) => replica.store.read_all(after, limit),
            None => futures::future::ready(Ok(Vec::new())).boxed(),
        }
    }

    fn subscribe(&self, after: Cursor) -> BoxStream<'static, Result<Batch, StoreError>> {
        select_all(self.replicas.iter().map(|replica| replica.store.subscribe(after.clone()))).boxed()
    }

    fn head(&self) -> Cursor {
        let mut head = Cursor::start(self.partitions());
        for replica in &self.replicas {
            head.advance(replica.store.head().position(replica.partition));
        }
        head
    }

    fn catch_up(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Self::catch_up(self).boxed()
    }

    fn cursor_at(&self, at: Timestamp) -> BoxFuture<'_, Result<Cursor, StoreError>> {
        async move {
            let mut cursor = Cursor::start(self.partitions());
            for replica in &self.replicas {
                cursor.advance(replica.store.cursor_at(at).await?.position(replica.partition));
            }
            Ok(cursor)
        }
        .boxed()
    }

    fn read_content(&self, id: ContentId) -> BoxFuture<'_, Result<Option<SealedContent>, StoreError>> {
        self.find_content(id).boxed()
    }

    fn erase(&self, ids: Vec<ContentId>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.erase_contents(ids).boxed()
    }

    fn health(&self) -> Health {
        for replica in &self.replicas {
            if let Err(StoreError::Unavailable(why)) = replica.check() {
                return Health::Failed(why);
            }
            if let failed @ Health::Failed(_) = replica.store.health() {
                return failed;
            }
        }
        match self.cluster.client.connection_state() {
            State::Connected => Health::Ready,
            State::Pending | State::Disconnected => Health::Failed("no server of the cluster can be reached".into()),
        }
    }
}

impl LeafSource for Store {
    fn leaves(&self, partition: u16, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Leaf>, StoreError>> {
        match self.replica(partition) {
            Some(replica) => replica.store.leaves(partition, after, limit),
            None => futures::future::ready(Ok(Vec::new())).boxed(),
        }
    }
}
