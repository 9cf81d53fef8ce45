//! Where the application is put together: log, keys, views and settings become one state behind one router, with
//! the work that goes on beside requests. Which store it is, is decided here and nowhere else.

use crate::auth::cookies::CookieKey;
use crate::auth::passwords::Passwords;
use crate::auth::rate::{Failures, Rate};
use crate::bulk::{self, Bulks};
use crate::clock::Clock;
use crate::cluster::{self, ClusterError, Membership};
use crate::config::Config;
use crate::connections::Connections;
use crate::demo::{self, DemoAccount, DemoError, Stage};
use crate::digests::{self, Digests};
use crate::directory::Directory;
use crate::distributor::Kept;
use crate::error::Problem;
use crate::http::listener;
use crate::ingest::Ingest;
use crate::metrics::Metrics;
use crate::presence::Presence;
use crate::proofs::{self, Proofs};
use crate::readings::Readings;
use crate::state::{AppState, Parts};
use crate::uploads::Uploads;
use crate::{breaches, connections, distributor, presence, router, sweep, witnesses};
use axum::Router;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{CommandId, StreamId};
use clew_domain::workspace::{Command, Workspace};
use clew_eventstore::backends::{embedded, jetstream, memory};
use clew_eventstore::erasure::{CHECKPOINT_FILE, Eraser, ErasureError, Holders};
use clew_eventstore::observer::CommitObserver;
use clew_eventstore::proofs::ProofError;
use clew_eventstore::store::{EventStore, StoreError};
use clew_eventstore::vault::{Vault, VaultError};
use clew_projections::{Options, Projections};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The application, running.
pub struct App {
    /// What every handler can reach.
    pub state: AppState,
    stop: watch::Sender<bool>,
    /// Routing, which keeps what it knows when it ends.
    routing: JoinHandle<()>,
    /// Keeps other processes out of the data directory.
    lock: Option<File>,
}

/// Why the application could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys can't be used.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The log can't be proved.
    #[error(transparent)]
    Proofs(#[from] ProofError),
    /// What was left to erase can't be erased.
    #[error(transparent)]
    Erasure(#[from] ErasureError),
    /// The views can't be kept.
    #[error(transparent)]
    Projections(#[from] clew_projections::OpenError),
    /// The directory can't be used.
    #[error("the data directory {} can't be used: {source}", path.display())]
    Directory {
        /// Which directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process has the directory open.
    #[error("the data directory {} is in use by another clew; stop it first", .0.display())]
    InUse(PathBuf),
    /// The log is elsewhere now.
    #[error("the log of {} was moved to {to}: serve it there. What is left here is only good for looking things up", path.display())]
    Moved {
        /// The directory that it was in.
        path: PathBuf,
        /// Where it is.
        to: String,
    },
    /// The log is there and its keys are not.
    #[error("{} holds a log but no keys; put back the keys directory, or import a custody copy with `clew keys import`. \
             Without them no content can be read; facts, audit trail and proofs can: give `--without-keys`", .0.display())]
    KeysMissing(PathBuf),
    /// This gateway can't be one of the cluster's.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// What blocks on the disk broke off.
    #[error("opening the data directory broke off")]
    BrokenOff,
}

/// What lies on disk: the log and the keys, and the lock that keeps others out.
struct Opened {
    store: embedded::Store,
    logs: Vec<Arc<proofs::Log>>,
    vault: Vault,
    lock: File,
}

/// Keeps other processes out of a data directory, for as long as what is answered is kept. Refuses one whose log was
/// moved elsewhere.
pub(crate) fn lock_directory(path: &Path) -> Result<File, OpenError> {
    let lock = lock_any_directory(path)?;
    match std::fs::read_to_string(path.join(cluster::MOVED_FILE)) {
        Ok(to) => Err(OpenError::Moved { path: path.to_owned(), to: to.trim().to_owned() }),
        Err(_) => Ok(lock),
    }
}

/// The same wherever its log is.
pub(crate) fn lock_any_directory(path: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Directory { path: path.to_owned(), source };
    let lock = File::create(path.join("clew.lock")).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Opens a data directory for this process alone, and makes what is not there yet: `facts/` and `contents/` (the
/// log), `proofs/` (what is signed of it), `keys/` (without which no content can be read) and, later, `derived/`
/// (which may be thrown away).
fn open_directory(config: &Config, clock: Clock) -> Result<Opened, OpenError> {
    let (path, public_url) = (config.data.as_path(), config.public_url.as_deref());
    let unusable = |source| OpenError::Directory { path: path.to_owned(), source };
    std::fs::create_dir_all(path).map_err(unusable)?;
    let lock = lock_directory(path)?;
    let (keys, facts) = (path.join("keys"), path.join("facts"));
    let vault = if config.without_keys {
        tracing::warn!("the keys are left alone: no content can be read or taken in");
        Vault::lost(&keys)
    } else if keys.exists() {
        Vault::open(&keys)?
    } else if facts.exists() {
        return Err(OpenError::KeysMissing(path.to_owned()));
    } else {
        Vault::create(&keys)?
    };
    let logs = proofs::open(&path.join("proofs"), public_url, 1)?;
    let options = embedded::Options {
        clock: Box::new(move || clock.now()),
        observer: Some(proofs::followers(&logs)),
        ..embedded::Options::default()
    };
    let (store, report) = embedded::Store::open(path, options)?;
    tracing::info!(facts = report.facts, "the log is open");
    Ok(Opened { store, logs, vault, lock })
}

impl App {
    /// An application that keeps everything in memory and nothing after it, in as many partitions as the settings say.
    pub async fn in_memory(config: Config, clock: Clock) -> Result<Self, OpenError> {
        let (writers, partitions) = (clock.clone(), config.store_partitions);
        let logs = proofs::in_memory(partitions)?;
        let observer = proofs::followers(&logs);
        let store = Arc::new(memory::Store::new(partitions, Box::new(move || writers.now()), Some(observer)));
        let proofs = Proofs::start(logs, store.clone()).await;
        Self::compose(config, clock, store, Arc::new(Vault::in_memory()), proofs, None).await
    }

    /// The application of the data directory that the settings name, which it alone has open. On a cluster, it waits
    /// until it is admitted, if it has to be.
    pub async fn open(mut config: Config) -> Result<Self, OpenError> {
        let clock = Clock::system();
        cluster::remembered(&mut config)?;
        if !config.store.is_none() {
            return Box::pin(Self::open_on_cluster(config, clock)).await;
        }
        let (settings, writers) = (config.clone(), clock.clone());
        let opened = tokio::task::spawn_blocking(move || open_directory(&settings, writers)).await;
        let Opened { store, logs, vault, lock } = opened.map_err(|_| OpenError::BrokenOff)??;
        let derived = config.data.join("derived");
        std::fs::create_dir_all(&derived).map_err(|source| OpenError::Directory { path: derived.clone(), source })?;
        let store = Arc::new(store);
        let proofs = Proofs::start(logs, store.clone()).await;
        let mut app = Self::compose(config, clock, store, Arc::new(vault), proofs, Some(&derived)).await?;
        app.lock = Some(lock);
        Ok(app)
    }

    async fn open_on_cluster(config: Config, clock: Clock) -> Result<Self, OpenError> {
        let derived = config.data.join("derived");
        std::fs::create_dir_all(&derived).map_err(|source| OpenError::Directory { path: derived.clone(), source })?;
        let lock = lock_directory(&config.data)?;
        let (membership, vault) = Box::pin(cluster::enter(&config)).await?;
        let partitions = config.store_partitions;
        let logs = proofs::open(&config.data.join("proofs"), config.public_url.as_deref(), partitions)?;
        let (writers, trees) = (clock.clone(), logs.clone());
        let options = jetstream::Options {
            clock: Box::new(move || writers.now()),
            observer: Box::new(move |partition| {
                trees.get(usize::from(partition)).map(|tree| Box::new(tree.follower()) as Box<dyn CommitObserver>)
            }),
            read_by_all: Arc::clone(&membership.read_by_all),
            ..cluster::store_options(&config)?
        };
        let store = Arc::new(jetstream::Store::open(&config.data, options).await?);
        let facts: u64 = (0..partitions).map(|partition| store.head().sequence(partition)).sum();
        tracing::info!(facts, "the copy of the log is open");
        let proofs = Proofs::start_among(logs, store.clone(), Some(Arc::clone(&membership))).await;
        let vault = Arc::new(vault);
        let mut app =
            Self::compose_among(config, clock, store, vault, proofs, Some(&derived), Some(membership)).await?;
        app.lock = Some(lock);
        Ok(app)
    }

    /// Puts the application together over this log and these keys; what is derived from the log is kept in
    /// `derived`, or in memory without one.
    pub async fn compose(
        config: Config,
        clock: Clock,
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
        proofs: Arc<Proofs>,
        derived: Option<&Path>,
    ) -> Result<Self, OpenError> {
        Self::compose_among(config, clock, store, vault, proofs, derived, None).await
    }

    async fn compose_among(
        config: Config,
        clock: Clock,
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
        proofs: Arc<Proofs>,
        derived: Option<&Path>,
        membership: Option<Arc<Membership>>,
    ) -> Result<Self, OpenError> {
        // What is erased while the keys are away is still to be erased from them when they are back.
        let checkpoint = derived.filter(|_| !vault.is_lost()).map(|dir| dir.join(CHECKPOINT_FILE));
        let holders = membership.clone().map(|membership| membership as Arc<dyn Holders>);
        let (log, keys) = (Arc::clone(&store), Arc::clone(&vault));
        let eraser = Eraser::start_among(log, keys, checkpoint, Vec::new(), holders).await?;
        let directory = Directory::start(Arc::clone(&store), derived).await?;
        let projections = Projections::open(derived, Arc::clone(&store), Options::default()).await?;
        let ingest = Ingest::new(Arc::clone(&store), Arc::clone(&vault), Arc::clone(&projections));
        let (stop, stopping) = watch::channel(false);
        let state = AppState::new(Parts {
            ids: vault.derivation_key(),
            cookie_key: CookieKey::new(vault.secret("session cookies")),
            passwords: Passwords::default(),
            rate: Rate::per_minute(config.requests_per_minute),
            failures_by_login: Failures::at_most(config.sign_in_attempts_max),
            failures_by_address: Failures::at_most(config.sign_in_attempts_max),
            in_flight: Arc::new(Semaphore::new(config.requests_in_flight_max as usize)),
            connections: Connections::default(),
            bulks: Bulks::default(),
            presence: Presence::default(),
            metrics: Metrics::default(),
            config,
            clock,
            store,
            vault,
            cluster: membership,
            directory,
            projections,
            proofs: Arc::clone(&proofs),
            digests: Digests::default(),
            readings: Readings::default(),
            eraser: Arc::clone(&eraser),
            ingest,
            uploads: Uploads::default(),
            stopping,
        });
        let every = Duration::from_secs(state.config.checkpoint_interval_s.max(1).into());
        tokio::spawn(proofs.run(every, state.stopping.clone()));
        tokio::spawn(witnesses::run(state.clone()));
        tokio::spawn(digests::run(state.clone()));
        tokio::spawn(eraser.run());
        tokio::spawn(sweep::run(state.clone()));
        tokio::spawn(connections::run(state.clone()));
        tokio::spawn(cluster::tell_feeds(state.clone()));
        tokio::spawn(cluster::hear_feeds(state.clone()));
        tokio::spawn(presence::run(state.clone()));
        bulk::resume(&state);
        let routing = tokio::spawn(distributor::run(state.clone(), derived.map(Kept::among)));
        Ok(Self { state, stop, routing, lock: None })
    }

    /// Begins to record breaches of service levels. Not before a history is wholly taken in: a promise that is kept on
    /// its next line would count as broken.
    pub fn record_breaches(&self) {
        tokio::spawn(breaches::run(self.state.clone()));
    }

    /// Every address, to be called without a socket.
    pub fn router(&self) -> Router {
        router::build(self.state.clone())
    }

    /// Sets up the workspace if that was never done. Whether it was done now.
    pub async fn set_up(&self, name: &str) -> Result<bool, Problem> {
        if self.state.directory.settings().workspace.name.is_some() {
            return Ok(false);
        }
        let id = CommandId(Uuid::new_v4());
        let meta = CommandMeta::first(id, Actor::System, self.state.clock.now(), 0);
        let create = Command::Create { name: name.to_owned() };
        self.state.act::<Workspace>(StreamId::WORKSPACE, &meta, &create, Vec::new()).await?;
        Ok(true)
    }

    /// Serves on this socket, and records breaches and who holds the keys, until `signal` comes, then lets what is open finish.
    pub async fn serve(&self, listener: TcpListener, signal: impl Future<Output = ()>) {
        self.record_breaches();
        tokio::spawn(cluster::keep_recorded(self.state.clone()));
        tokio::spawn(cluster::keep_upgraded(self.state.clone()));
        let serving = listener::serve(listener, self.router(), &self.state.config, self.state.stopping.clone());
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            () = signal => {
                self.stop.send_replace(true);
                serving.await;
            }
        }
    }

    /// Ends the work that goes on beside requests.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Whether anybody could sign in.
    pub fn has_accounts(&self) -> bool {
        let workspace = self.state.directory.settings().workspace;
        workspace.accounts.values().any(|account| !account.closed && account.password.is_some())
    }

    /// Fills an empty log with the demo workspace, and tells who can sign in.
    pub async fn fill_demo(&self) -> Result<Vec<DemoAccount>, DemoError> {
        let state = &self.state;
        let demo = Stage {
            store: Arc::clone(&state.store),
            vault: Arc::clone(&state.vault),
            ingest: state.ingest.clone(),
            eraser: Arc::clone(&state.eraser),
            now: state.clock.now(),
            given: AtomicU32::new(0),
        };
        let accounts = demo::fill(&demo).await?;
        state.directory.wait(&state.store.head()).await;
        let directory = state.directory.clone();
        let workspace = move || directory.settings().workspace;
        tokio::spawn(demo::deliver(Arc::clone(&state.store), state.ingest.clone(), workspace));
        Ok(accounts)
    }

    /// Ends the work that goes on beside requests and saves what was folded; then others may open the directory.
    pub async fn close(self) {
        self.stop();
        // Should it have panicked, nothing is lost: what it knows is made of the log.
        let _ = self.routing.await;
        self.state.directory.keep().await;
        self.state.projections.shutdown().await;
        drop(self.lock);
    }
}

impl OpenError {
    /// Whether another process has the data directory open.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::InUse(_) | Self::Vault(VaultError::InUse { .. }))
    }
}
