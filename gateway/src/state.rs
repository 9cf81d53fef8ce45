//! What every handler can reach: the log, the keys, the views, the settings in force and the limits.

use crate::auth::cookies::CookieKey;
use crate::auth::passwords::Passwords;
use crate::auth::rate::{Failures, Rate};
use crate::automation::ByHand;
use crate::bulk::Bulks;
use crate::clock::Clock;
use crate::cluster::Membership;
use crate::config::Config;
use crate::connections::Connections;
use crate::digests::Digests;
use crate::directory::Directory;
use crate::error::{Problem, kinds};
use crate::ingest::Ingest;
use crate::metrics::Metrics;
use crate::presence::Presence;
use crate::proofs::Proofs;
use crate::readings::Readings;
use crate::uploads::Uploads;
use clew_domain::content::{ContactNumber, ContentRef};
use clew_domain::conversation::Queue;
use clew_domain::derive::DerivationKey;
use clew_domain::fact::{Aggregate, CommandMeta};
use clew_domain::ids::{AgentId, StreamId};
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceState;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::erasure::Eraser;
use clew_eventstore::sealed::SealedContent;
use clew_eventstore::store::EventStore;
use clew_eventstore::transact::{Done, TransactError, transact};
use clew_eventstore::vault::{OpenError, Vault};
use clew_projections::queues::{Filter, Owner};
use clew_projections::{Projections, State, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// Who a rate is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateKey {
    /// An account.
    Agent(AgentId),
    /// An address of somebody who is not signed in.
    Address(IpAddr),
}

/// What every handler can reach; cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

/// The parts of the application.
pub struct Parts {
    /// The settings of the server.
    pub config: Config,
    /// The clock that commands are dated by.
    pub clock: Clock,
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// Accounts, sessions and settings in force.
    pub directory: Directory,
    /// The keys of contents.
    pub vault: Arc<Vault>,
    /// What is shown, folded from the log.
    pub projections: Arc<Projections>,
    /// The other gateways, where the log lies on a cluster.
    pub cluster: Option<Arc<Membership>>,
    /// Proves what is in the log.
    pub proofs: Arc<Proofs>,
    /// How what is shown is bound to the log.
    pub digests: Digests,
    /// Who asked for what others did.
    pub readings: Readings,
    /// Carries out what is to be erased.
    pub eraser: Arc<Eraser>,
    /// Takes in what channels tell.
    pub ingest: Ingest,
    /// Files that wait for their replies.
    pub uploads: Uploads,
    /// Makes ids that derive from something personal.
    pub ids: DerivationKey,
    /// Signs session cookies.
    pub cookie_key: CookieKey,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Requests by caller.
    pub rate: Rate<RateKey>,
    /// Failed sign-ins by login, compared without case.
    pub failures_by_login: Failures<String>,
    /// Failed sign-ins by address.
    pub failures_by_address: Failures<IpAddr>,
    /// Requests that may still be taken on.
    pub in_flight: Arc<Semaphore>,
    /// Live feeds by caller.
    pub connections: Connections,
    /// Bulk acts that go on.
    pub bulks: Bulks,
    /// Who looks at which conversation.
    pub presence: Presence,
    /// What is measured.
    pub metrics: Metrics,
    /// Turns true when the server is told to stop.
    pub stopping: watch::Receiver<bool>,
}

impl Deref for AppState {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

fn not_of_this_log() -> Problem {
    let detail =
        "the log does not reach that position; one of before the log was moved does not hold: begin without it";
    Problem::new(&kinds::INVALID_CURSOR).detail(detail)
}

impl AppState {
    /// The application made of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Waits until every view has seen all up to `cursor`, at most so long. Refuses a position that the log has not,
    /// such as one of before it was moved into another number of partitions.
    pub async fn wait_for(&self, cursor: &Cursor, at_most: Duration) -> Result<(), Problem> {
        if cursor.partitions() > self.store.partitions() {
            return Err(not_of_this_log());
        }
        let seen = async {
            tokio::time::timeout(at_most, self.directory.wait(cursor)).await.ok()?;
            self.projections.wait_for(cursor, at_most).await.ok()
        };
        if seen.await.is_some() {
            return Ok(());
        }
        // Another gateway may have written what is not here yet; what the log itself has not will not come.
        if !self.store.head().covers(cursor)
            && let Ok(Ok(())) = tokio::time::timeout(at_most, self.store.catch_up()).await
            && !self.store.head().covers(cursor)
        {
            return Err(not_of_this_log());
        }
        Err(Problem::new(&kinds::PROJECTION_BEHIND).retry_after(Duration::from_secs(1)))
    }

    /// How far every view has seen.
    pub fn seen(&self) -> Cursor {
        self.projections.feed().position()
    }

    /// Conversations that the agent owns and that are not resolved.
    pub fn open_conversations(&self, agent: AgentId) -> Result<u64, Problem> {
        let owned = Filter { owner: Some(Owner::Agent(agent)), ..Filter::default() };
        let queues = self.projections.queues();
        Ok(queues.count(Queue::New, &owned)? + queues.count(Queue::Pending, &owned)?)
    }

    /// The views that can't do their work, and why.
    pub fn view_troubles(&self) -> Vec<(&'static str, Option<String>)> {
        let trouble = |status: Status| match status.state {
            // While it is upgraded it serves what it had, and no one has to see to it.
            State::Running | State::Upgrading => (status.name, None),
            State::Mending => {
                (status.name, Some("its rows were damaged on disk; they are being built anew from the log".to_owned()))
            }
            State::Stopped => (status.name, Some("it is stopped".to_owned())),
            State::Halted { event: Some(event), position: Some(at), reason } => {
                (status.name, Some(format!("it halted on event {event} at {}: {reason}", Cursor::at(at))))
            }
            State::Halted { reason, .. } => (status.name, Some(reason)),
        };
        self.projections.status().into_iter().map(trouble).collect()
    }

    /// Whether browsers are to send the session cookie over https only: always, but where the server is reached over
    /// plain http by its public address or on this machine.
    pub fn cookies_are_secure(&self) -> bool {
        match &self.config.public_url {
            Some(url) => url.starts_with("https://"),
            None => !self.config.listen.ip().is_loopback(),
        }
    }

    /// Whether a session that began then is over by now.
    pub fn session_is_over(&self, began: Timestamp) -> bool {
        began.plus_secs(i64::from(self.config.session_hours) * 3600) <= self.clock.now()
    }

    /// Carries a command out, and waits until the accounts and settings that later requests are judged by know it.
    pub async fn act<A: Aggregate>(
        &self,
        stream: StreamId,
        meta: &CommandMeta,
        command: &A::Command,
        contents: Vec<SealedContent>,
    ) -> Result<Done<A::State>, Problem>
    where
        Problem: From<TransactError<A::Rejection>>,
    {
        let done = transact::<A>(self.store.as_ref(), stream, meta, command, contents).await?;
        if let Some(position) = done.position {
            self.directory.wait_for(position).await;
        }
        Ok(done)
    }

    /// Where rules judge what somebody changes by hand.
    pub(crate) fn by_hand<'a>(&'a self, workspace: &'a WorkspaceState) -> ByHand<'a> {
        ByHand { store: self.store.as_ref(), vault: &self.vault, workspace }
    }

    /// Seals what a person wrote, to be stored in the commit of the fact that refers to it.
    pub fn seal<T: Serialize>(&self, owner: ContactNumber, value: &T) -> Result<(SealedContent, ContentRef), Problem> {
        let sealed = self.vault.seal_value(owner, value)?;
        let reference = sealed.reference();
        Ok((sealed, reference))
    }

    /// What a person wrote; none if it is erased.
    pub async fn open<T: DeserializeOwned>(&self, content: ContentRef) -> Result<Option<T>, Problem> {
        let sealed = self.store.read_content(content.id).await?;
        self.open_sealed(content, sealed.as_ref())
    }

    /// What a person wrote, from what the store has of it.
    pub fn open_sealed<T: DeserializeOwned>(
        &self,
        content: ContentRef,
        sealed: Option<&SealedContent>,
    ) -> Result<Option<T>, Problem> {
        let Some(sealed) = sealed else { return Ok(None) };
        match self.vault.open_value(sealed, &content.commitment) {
            Ok(value) => Ok(Some(value)),
            Err(OpenError::Erased(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
