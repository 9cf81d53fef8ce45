//! Starts from what routing had kept: nothing of the log before it is read, nothing that waits is forgotten; and what can't
//! be used is passed over.

use super::world::{CHANNEL, Picture, World, agent};
use crate::support;
use clew_domain::content::ContentId;
use clew_domain::fact::{Fact, Position};
use clew_domain::ids::{ConversationId, StreamId};
use clew_domain::time::Timestamp;
use clew_eventstore::backends::memory;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::observer::LeafSource;
use clew_eventstore::sealed::SealedContent;
use clew_eventstore::snapshot::{self, Marks};
use clew_eventstore::store::{Appended, Batch, Commit, EventStore, Health, StoreError};
use clew_eventstore::vault::Vault;
use clew_gateway::app::App;
use clew_gateway::config::Config;
use clew_gateway::directory::Directory;
use clew_gateway::proofs::{self, Proofs};
use clew_projections::floor;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// A store that counts how much of what was there before is given to those who follow the log, and to those who read the
/// streams of agents.
struct Counting {
    store: Arc<memory::Store>,
    before: Mutex<Cursor>,
    followed: Arc<AtomicU64>,
    of_agents: AtomicU64,
}

impl Counting {
    fn count_from_here(&self) {
        *self.before.lock().expect("nobody panics") = self.store.head();
        self.followed.store(0, Ordering::SeqCst);
        self.of_agents.store(0, Ordering::SeqCst);
    }

    fn counted(&self) -> (u64, u64) {
        (self.followed.load(Ordering::SeqCst), self.of_agents.load(Ordering::SeqCst))
    }
}

impl EventStore for Counting {
    fn partitions(&self) -> u16 {
        self.store.partitions()
    }

    fn partition_of(&self, stream: StreamId) -> u16 {
        self.store.partition_of(stream)
    }

    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        self.store.append(commit)
    }

    fn read_stream(&self, stream: StreamId, after: u64) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        Box::pin(async move {
            let facts = self.store.read_stream(stream, after).await?;
            if stream == StreamId::from(agent(0)) {
                let before = self.before.lock().expect("nobody panics");
                let old = facts.iter().filter(|fact| before.has_seen(fact.position)).count();
                self.of_agents.fetch_add(old as u64, Ordering::SeqCst);
            }
            Ok(facts)
        })
    }

    fn read_all(&self, after: Position, limit: usize) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        self.store.read_all(after, limit)
    }

    fn subscribe(&self, after: Cursor) -> BoxStream<'static, Result<Batch, StoreError>> {
        let (followed, before) = (Arc::clone(&self.followed), self.before.lock().expect("nobody panics").clone());
        let count = move |batch: &Result<Batch, StoreError>| {
            let old = batch.iter().flat_map(|batch| batch.iter()).filter(|fact| before.has_seen(fact.position)).count();
            followed.fetch_add(old as u64, Ordering::SeqCst);
        };
        self.store.subscribe(after).inspect(count).boxed()
    }

    fn head(&self) -> Cursor {
        self.store.head()
    }

    fn cursor_at(&self, at: Timestamp) -> BoxFuture<'_, Result<Cursor, StoreError>> {
        self.store.cursor_at(at)
    }

    fn read_content(&self, id: ContentId) -> BoxFuture<'_, Result<Option<SealedContent>, StoreError>> {
        self.store.read_content(id)
    }

    fn erase(&self, ids: Vec<ContentId>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.erase(ids)
    }

    fn health(&self) -> Health {
        self.store.health()
    }
}

/// A desk whose application is started and stopped over one log and one directory of what is derived.
struct Desk {
    world: World,
    store: Arc<Counting>,
    derived: TempDir,
    vault: Arc<Vault>,
    proofs: Arc<Proofs>,
}

impl Desk {
    async fn new() -> Self {
        let world = World::new(3).await;
        let logs = proofs::in_memory(support::partitions()).expect("trees in memory need nothing");
        let proofs = Proofs::start(logs, Arc::clone(&world.store) as Arc<dyn LeafSource>).await;
        let (before, followed) = (Mutex::default(), Arc::default());
        let store = Counting { store: Arc::clone(&world.store), before, followed, of_agents: AtomicU64::new(0) };
        let derived = tempfile::tempdir().expect("a directory");
        Self { world, store: Arc::new(store), derived, vault: Arc::new(Vault::in_memory()), proofs }
    }

    async fn open(&self) -> App {
        let (store, vault) = (Arc::clone(&self.store) as Arc<dyn EventStore>, Arc::clone(&self.vault));
        let (config, derived) = (Config::default(), Some(self.derived.path()));
        let app = App::compose(config, self.world.clock(), store, vault, Arc::clone(&self.proofs), derived);
        app.await.expect("a log opens")
    }

    /// Five wait, and the application gives the first two to the one who is there; then it is closed.
    async fn work_and_close(&mut self) -> Vec<ConversationId> {
        let mut arrived = Vec::new();
        for _ in 0..5 {
            arrived.push(self.world.arrive().await);
        }
        self.world.sign_in(agent(0)).await;
        let app = self.open().await;
        self.given(&arrived, [Some(0), Some(0), None, None, None]).await;
        app.close().await;
        self.store.count_from_here();
        arrived
    }

    /// Waits until these are whose they are to be, and sees that all else is right.
    async fn given<const N: usize>(&self, conversations: &[ConversationId], to: [Option<u128>; N]) {
        let owners = to.map(|n| n.map(agent));
        let owned = |picture: &Picture| conversations.iter().map(|id| picture.conversations[id].0.agent).eq(owners);
        let settles = async {
            while !owned(&self.world.picture().await) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SETTLED_WITHIN, settles).await.expect("it is given out");
        self.world.picture().await.check();
    }

    /// Sees that the application knows of agents what one knows that reads their streams whole.
    async fn knows_agents(&self, app: &App) {
        let whole = Directory::start(Arc::clone(&self.world.store) as Arc<dyn EventStore>, None).await.expect("a log");
        app.state.directory.wait(&whole.seen()).await;
        for n in 0..3 {
            let [here, there] = [&app.state.directory, &whole].map(|known| format!("{:?}", known.agent(agent(n))));
            assert_eq!(here, there);
        }
    }

    fn kept(&self) -> PathBuf {
        self.derived.path().join(floor::FILE)
    }
}

#[tokio::test]
async fn a_start_gives_out_what_waits_and_reads_nothing_of_what_was_known() {
    let mut desk = Desk::new().await;
    let mut arrived = desk.work_and_close().await;
    arrived.push(desk.world.arrive().await);
    desk.world.sign_in(agent(1)).await;
    let app = desk.open().await;
    desk.given(&arrived, [Some(0), Some(0), Some(1), Some(1), None, None]).await;
    assert_eq!(desk.store.counted(), (0, 0), "facts that were known were read");
    desk.knows_agents(&app).await;
    app.close().await;

    // What makes the difference is what was kept, and both do without it.
    desk.store.count_from_here();
    let known = (0..desk.store.partitions()).map(|n| desk.store.store.head().sequence(n)).sum::<u64>();
    for file in [floor::FILE, "directory"] {
        std::fs::remove_file(desk.derived.path().join(file)).expect("it was kept");
    }
    desk.world.sign_in(agent(2)).await;
    let app = desk.open().await;
    desk.given(&arrived, [Some(0), Some(0), Some(1), Some(1), Some(2), Some(2)]).await;
    let (followed, of_agents) = desk.store.counted();
    assert_eq!(followed, known, "the whole log was read once");
    assert!(of_agents > 0, "the whole stream of an agent was read");
    app.close().await;
}

#[tokio::test]
async fn a_crash_leaves_what_was_kept_before_it_and_the_facts_since() {
    let mut desk = Desk::new().await;
    let mut arrived = desk.work_and_close().await;
    let kept = std::fs::read(desk.kept()).expect("it was kept");
    desk.world.sign_in(agent(1)).await;
    let app = desk.open().await;
    desk.given(&arrived, [Some(0), Some(0), Some(1), Some(1), None]).await;
    app.close().await;
    // As if the last one had never been closed.
    std::fs::write(desk.kept(), kept).expect("written");
    arrived.push(desk.world.arrive().await);
    desk.world.sign_in(agent(2)).await;
    let app = desk.open().await;
    desk.given(&arrived, [Some(0), Some(0), Some(1), Some(1), Some(2), Some(2)]).await;
    assert_eq!(desk.store.counted().0, 0, "facts that were known were read");
    app.close().await;
}

#[tokio::test]
async fn what_another_version_kept_or_what_is_damaged_is_passed_over() {
    let mut desk = Desk::new().await;
    let arrived = desk.work_and_close().await;
    let known: u64 = (0..desk.store.partitions()).map(|n| desk.store.head().sequence(n)).sum();
    let marks = Marks::at(&desk.store.head(), &*desk.store).await.expect("memory can be read");
    let (_, folded) = snapshot::read(&desk.kept(), floor::VERSION, &*desk.store).await.expect("whole").expect("kept");
    snapshot::write(&desk.kept(), floor::VERSION + 1, &marks, &folded).expect("written");
    desk.world.sign_in(agent(1)).await;
    let app = desk.open().await;
    desk.given(&arrived, [Some(0), Some(0), Some(1), Some(1), None]).await;
    assert_eq!(desk.store.counted().0, known, "the whole log was read");
    app.close().await;

    desk.store.count_from_here();
    let known: u64 = (0..desk.store.partitions()).map(|n| desk.store.head().sequence(n)).sum();
    snapshot::write(&desk.kept(), floor::VERSION, &marks, &folded[..folded.len() / 2]).expect("written");
    std::fs::write(desk.derived.path().join("directory"), b"not a snapshot").expect("written");
    desk.world.sign_in(agent(2)).await;
    let app = desk.open().await;
    desk.given(&arrived, [Some(0), Some(0), Some(1), Some(1), Some(2)]).await;
    assert_eq!(desk.store.counted().0, known, "the whole log was read");
    desk.knows_agents(&app).await;
    app.close().await;
}

#[tokio::test]
async fn no_text_and_no_name_is_kept() {
    let mut desk = Desk::new().await;
    desk.world.connect(CHANNEL, "Letters to Ada").await;
    desk.work_and_close().await;
    let kept = std::fs::read(desk.kept()).expect("it was kept");
    for word in [&b"Letters"[..], b"agent0", b"Desk"] {
        assert!(!kept.windows(word.len()).any(|bytes| bytes == word), "a name stands in what routing keeps");
    }
}
