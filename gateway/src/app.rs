//! Where the application is put together: log, keys, views and settings become one state behind one router, with
//! the work that goes on beside requests. Which store it is, is decided here and nowhere else.

use crate::auth::cookies::CookieKey;
use crate::auth::passwords::Passwords;
use crate::auth::rate::{Failures, Rate};
use crate::clock::Clock;
use crate::config::Config;
use crate::directory::Directory;
use crate::error::Problem;
use crate::http::listener;
use crate::ingest::Ingest;
use crate::metrics::Metrics;
use crate::routes::feed::Turns;
use crate::state::{AppState, Parts};
use crate::uploads::Uploads;
use crate::{router, sweep};
use axum::Router;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{CommandId, StreamId};
use clew_domain::workspace::{Command, Workspace};
use clew_eventstore::backends::memory;
use clew_eventstore::erasure::{Eraser, ErasureError};
use clew_eventstore::store::{EventStore, StoreError};
use clew_eventstore::vault::{Vault, VaultError};
use clew_projections::{Options, Projections};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

/// The application, running.
pub struct App {
    /// What every handler can reach.
    pub state: AppState,
    stop: watch::Sender<bool>,
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
    /// What was left to erase can't be erased.
    #[error(transparent)]
    Erasure(#[from] ErasureError),
    /// The views can't be kept.
    #[error(transparent)]
    Projections(#[from] clew_projections::OpenError),
    /// The directory can't be used.
    #[error("{what}: {source}")]
    Directory {
        /// What was tried.
        what: String,
        /// Why it did not work.
        source: std::io::Error,
    },
    /// Another process has the directory open.
    #[error("the data directory {0} is in use by another clew; stop it first")]
    InUse(String),
}

impl App {
    /// An application that keeps everything in memory and nothing after it.
    pub async fn in_memory(config: Config, clock: Clock) -> Result<Self, OpenError> {
        let writers = clock.clone();
        let store = memory::Store::new(1, Box::new(move || writers.now()), None);
        Self::compose(config, clock, Arc::new(store), Arc::new(Vault::in_memory()), None).await
    }

    /// Puts the application together over this log and these keys; what is derived from the log is kept in
    /// `derived`, or in memory without one.
    pub async fn compose(
        config: Config,
        clock: Clock,
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
        derived: Option<&Path>,
    ) -> Result<Self, OpenError> {
        let checkpoint = derived.map(|dir| dir.join("erasure"));
        let eraser = Eraser::start(Arc::clone(&store), Arc::clone(&vault), checkpoint, Vec::new()).await?;
        let directory = Directory::start(Arc::clone(&store)).await?;
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
            feed_turns: Turns::default(),
            metrics: Metrics::default(),
            config,
            clock,
            store,
            vault,
            directory,
            projections,
            eraser: Arc::clone(&eraser),
            ingest,
            uploads: Uploads::default(),
            stopping,
        });
        tokio::spawn(eraser.run());
        tokio::spawn(sweep::run(state.clone()));
        Ok(Self { state, stop })
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

    /// Serves on this socket until `signal` comes, then lets what is open finish.
    pub async fn serve(&self, listener: TcpListener, signal: impl Future<Output = ()>) {
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
}
