//! What tests start from: an application in memory, accounts in it, and clients that call it as a browser or a
//! program would.

mod client;
pub(crate) mod machine;
pub(crate) mod program;
pub(crate) mod requires;
mod webhook;

pub(crate) use client::{Answer, Client};
pub(crate) use webhook::Webhook;

use axum::Router;
use clew_domain::agent::{self, Agent};
use clew_domain::conversation::Visibility;
use clew_domain::fact::{Actor, CommandMeta, Fact, Position};
use clew_domain::ids::{AgentId, ChannelId, CommandId, SessionId, StreamId};
use clew_domain::time::Timestamp;
use clew_domain::workspace::{self, ChannelKind, ChannelProfile, Role, Workspace};
use clew_eventstore::observer::{CommitObserver, LeafSource};
use clew_eventstore::store::EventStore;
use clew_eventstore::vault::Vault;
use clew_gateway::app::App;
use clew_gateway::clock::Clock;
use clew_gateway::config::Config;
use clew_gateway::proofs::{self, Proofs};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

/// In how many partitions the logs of tests lie, where they do not say it; 1 if it is not set.
const PARTITIONS: &str = "CLEW_TEST_PARTITIONS";

/// See [`PARTITIONS`].
pub(crate) fn partitions() -> u16 {
    std::env::var(PARTITIONS).map_or(1, |text| text.parse().expect("a number of partitions"))
}

/// An application in memory with a workspace of its own and a clock that tests set.
pub(crate) struct TestApp {
    pub(crate) app: App,
    router: Router,
    clock: Arc<AtomicI64>,
}

impl TestApp {
    /// With default settings.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings changed by `change`.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let app = Self::unrecorded(change).await;
        app.app.record_breaches();
        app
    }

    /// One that does not record breaches of service levels yet.
    pub(crate) async fn unrecorded(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { store_partitions: partitions(), ..Config::default() };
        change(&mut config);
        let clock = Arc::new(AtomicI64::new(1_750_000_000_000_000));
        let told = Arc::clone(&clock);
        let clock_of_app = Clock::from_fn(move || Timestamp::from_micros(told.fetch_add(1, Ordering::SeqCst)));
        let app = App::in_memory(config, clock_of_app).await.expect("an application in memory needs nothing");
        assert!(app.set_up("Desk").await.expect("an empty workspace can be set up"));
        let router = app.router();
        Self { app, router, clock }
    }

    /// One whose log is the store that `open` makes, given who follows its leaves.
    pub(crate) async fn over<S: EventStore + LeafSource>(open: impl FnOnce(Box<dyn CommitObserver>) -> Arc<S>) -> Self {
        let told = Arc::new(AtomicI64::new(1_750_000_000_000_000));
        let clock = Arc::clone(&told);
        let clock_of_app = Clock::from_fn(move || Timestamp::from_micros(clock.fetch_add(1, Ordering::SeqCst)));
        let logs = proofs::in_memory(1).expect("a tree in memory needs nothing");
        let store = open(proofs::followers(&logs));
        let proofs = Proofs::start(logs, Arc::<S>::clone(&store)).await;
        let (vault, config) = (Arc::new(Vault::in_memory()), Config::default());
        let app = App::compose(config, clock_of_app, store, vault, proofs, None).await.expect("a log opens");
        assert!(app.set_up("Desk").await.expect("an empty workspace can be set up"));
        let router = app.router();
        Self { app, router, clock: told }
    }

    /// Every fact of the log, one partition after the other.
    pub(crate) async fn facts(&self) -> Vec<Fact> {
        let (store, mut facts) = (&self.app.state.store, Vec::new());
        for partition in 0..store.partitions() {
            let all = store.read_all(Position { partition, sequence: 0 }, usize::MAX).await;
            facts.extend(all.expect("the log reads"));
        }
        facts
    }

    /// Lets so many seconds pass.
    pub(crate) fn pass(&self, secs: i64) {
        self.clock.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }

    /// A client that is not signed in.
    pub(crate) fn anybody(&self) -> Client {
        Client::new(self.router.clone())
    }

    /// Carries out a command on the workspace, by the system.
    pub(crate) async fn set(&self, command: workspace::Command) {
        let meta = self.meta();
        let act = self.app.state.act::<Workspace>(StreamId::WORKSPACE, &meta, &command, Vec::new());
        act.await.expect("the command of a test's preparation is valid");
    }

    fn meta(&self) -> CommandMeta {
        let settings = self.app.state.directory.settings();
        CommandMeta::first(CommandId(Uuid::new_v4()), Actor::System, self.app.state.clock.now(), settings.version)
    }

    /// Opens an account without a password.
    pub(crate) async fn account(&self, login: &str, roles: impl IntoIterator<Item = Role>) -> AgentId {
        let agent = AgentId(Uuid::new_v4());
        let roles: BTreeSet<Role> = roles.into_iter().collect();
        let name = format!("Agent {login}");
        self.set(workspace::Command::OpenAccount { agent, login: login.to_owned(), name, roles }).await;
        agent
    }

    /// A client signed in with a new account of these roles. The session is opened without a password.
    pub(crate) async fn signed_in(&self, login: &str, roles: impl IntoIterator<Item = Role>) -> (Client, AgentId) {
        let agent = self.account(login, roles).await;
        (self.sign_in(agent).await, agent)
    }

    /// A client signed in with this account.
    pub(crate) async fn sign_in(&self, agent: AgentId) -> Client {
        self.anybody().with_cookie(&self.session(agent).await)
    }

    /// What the cookie of a new session of this account holds.
    pub(crate) async fn session(&self, agent: AgentId) -> String {
        let session = SessionId(Uuid::new_v4());
        let command = agent::Command::SignIn { session };
        let meta = self.meta();
        let act = self.app.state.act::<Agent>(agent.into(), &meta, &command, Vec::new());
        act.await.expect("a fresh session can be opened");
        self.app.state.cookie_key.seal(agent, session)
    }

    /// Connects a private channel.
    pub(crate) async fn channel(&self, name: &str) -> ChannelId {
        let channel = ChannelId(Uuid::new_v4());
        let profile = ChannelProfile {
            kind: ChannelKind::Generic,
            name: name.to_owned(),
            visibility: Visibility::Private,
            reopens: false,
            team: None,
            reply_characters_max: None,
        };
        self.set(workspace::Command::ConnectChannel { channel, profile }).await;
        channel
    }
}
