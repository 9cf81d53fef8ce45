//! Who there is and what is set up, in memory: the workspace and its agents as their streams tell, kept up by
//! following the log. Every request asks it who calls and what they may do; conversations are no business of it.

mod kept;

use clew_domain::agent::{Agent, AgentEvent, AgentState};
use clew_domain::decider::Decider;
use clew_domain::fact::{Event, Fact, Position};
use clew_domain::ids::{AgentId, SessionId, StreamId};
use clew_domain::time::Timestamp;
use clew_domain::workspace::{Workspace, WorkspaceState};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{EventStore, StoreError};
use futures::StreamExt;
use kept::Kept;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use tokio::sync::watch;

/// The workspace and its agents as known now; cheap to clone.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    known: RwLock<Known>,
    progress: watch::Sender<Progress>,
    /// What follows the log ends when the store is closed, so it must not keep it open.
    store: Weak<dyn EventStore>,
    kept: Option<Kept>,
}

/// How far the log was followed, or why it no longer is.
#[derive(Clone, Debug)]
struct Progress {
    seen: Cursor,
    stopped: Option<String>,
}

/// What is known at one moment.
#[derive(Clone, Default)]
struct Known {
    workspace: Arc<WorkspaceState>,
    settings_version: u64,
    agents: HashMap<AgentId, Arc<AgentRecord>>,
    /// No fact that is known lies behind this.
    furthest: Cursor,
}

/// An agent at work.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AgentRecord {
    /// Their state.
    pub state: AgentState,
    /// When each open session began.
    pub sessions: BTreeMap<SessionId, Timestamp>,
    /// Since when their availability is what it is.
    pub since: Option<Timestamp>,
    version: u64,
}

/// The workspace with the version of its stream, which commands are decided under.
#[derive(Clone)]
pub struct Settings {
    /// The workspace.
    pub workspace: Arc<WorkspaceState>,
    /// The version of its stream.
    pub version: u64,
}

impl Directory {
    /// Reads what is there and follows the log from then on, until the store is closed. Of agents it reads what came since
    /// they were kept in `derived`, if they were: with every conversation that they are given their streams grow.
    pub async fn start(store: Arc<dyn EventStore>, derived: Option<&Path>) -> Result<Self, StoreError> {
        let head = store.head();
        let kept = derived.map(Kept::among);
        let mut known = match &kept {
            Some(kept) => kept.load(store.as_ref()).await,
            None => Known::default(),
        };
        for fact in store.read_stream(StreamId::WORKSPACE, 0).await? {
            known.take(&fact);
        }
        let agents: BTreeSet<AgentId> = known.workspace.accounts.keys().chain(known.agents.keys()).copied().collect();
        for agent in agents {
            let version = known.agents.get(&agent).map_or(0, |record| record.version);
            for fact in store.read_stream(agent.into(), version).await? {
                known.take(&fact);
                kept.iter().for_each(Kept::took_one);
            }
        }
        let (progress, _) = watch::channel(Progress { seen: head.clone(), stopped: None });
        let known = RwLock::new(known);
        let directory = Self(Arc::new(Inner { known, progress, store: Arc::downgrade(&store), kept }));
        tokio::spawn(directory.clone().follow(store.subscribe(head)));
        Ok(directory)
    }

    /// Keeps agents as known now for the next start, if that is worth it; answers when they are on disk. That they can't be
    /// is logged.
    pub async fn keep(&self) {
        if let (Some(kept), Some(store)) = (&self.0.kept, self.0.store.upgrade()) {
            let known = || self.0.known.read().unwrap_or_else(PoisonError::into_inner).clone();
            kept.write(known, store.as_ref()).await;
        }
    }

    async fn follow(
        self,
        mut facts: futures::stream::BoxStream<'static, Result<clew_eventstore::store::Batch, StoreError>>,
    ) {
        let mut stopped = "the store was closed".to_owned();
        while let Some(batch) = facts.next().await {
            match batch {
                Ok(batch) => {
                    self.take(&batch);
                    if self.0.kept.as_ref().is_some_and(Kept::is_due) {
                        let directory = self.clone();
                        tokio::spawn(async move { directory.keep().await });
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "accounts and settings can no longer be followed");
                    stopped = error.to_string();
                    break;
                }
            }
        }
        self.0.progress.send_modify(|progress| progress.stopped = Some(stopped));
    }

    fn take(&self, batch: &[Fact]) {
        if batch.iter().any(|fact| matches!(fact.event, Event::Workspace(_) | Event::Agent(_))) {
            let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
            for fact in batch {
                known.take(fact);
                if let (Event::Agent(_), Some(kept)) = (&fact.event, &self.0.kept) {
                    kept.took_one();
                }
            }
        }
        self.0.progress.send_modify(|progress| {
            for fact in batch {
                progress.seen.advance(fact.position);
            }
        });
    }

    /// The workspace as known now.
    pub fn settings(&self) -> Settings {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        Settings { workspace: Arc::clone(&known.workspace), version: known.settings_version }
    }

    /// An agent as known now; as before their first act, if nothing is known.
    pub fn agent(&self, agent: AgentId) -> Arc<AgentRecord> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.agents.get(&agent).cloned().unwrap_or_default()
    }

    /// Every agent of whom anything is known.
    pub fn agents(&self) -> Vec<(AgentId, Arc<AgentRecord>)> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.agents.iter().map(|(id, record)| (*id, Arc::clone(record))).collect()
    }

    /// How far the log was taken into account.
    pub fn seen(&self) -> Cursor {
        self.0.progress.borrow().seen.clone()
    }

    /// Why the log is no longer followed, if so.
    pub fn stopped(&self) -> Option<String> {
        self.0.progress.borrow().stopped.clone()
    }

    /// Waits until everything up to `cursor` is taken into account, or the log is no longer followed.
    pub async fn wait(&self, cursor: &Cursor) {
        let mut progress = self.0.progress.subscribe();
        // The sender lives as long as `self`, so the wait can't fail.
        let _ = progress.wait_for(|now| now.stopped.is_some() || now.seen.covers(cursor)).await;
    }

    /// As [`Self::wait`], for one fact.
    pub async fn wait_for(&self, position: Position) {
        self.wait(&Cursor::at(position)).await;
    }
}

impl Known {
    /// Takes a fact into account; one that was, changes nothing.
    fn take(&mut self, fact: &Fact) {
        match &fact.event {
            Event::Workspace(event) if fact.version > self.settings_version => {
                Workspace::evolve(Arc::make_mut(&mut self.workspace), event);
                self.settings_version = fact.version;
            }
            Event::Agent(event) => {
                let record = Arc::make_mut(self.agents.entry(AgentId(fact.stream.id)).or_default());
                if fact.version > record.version {
                    record.take(fact, event);
                }
            }
            _ => return,
        }
        self.furthest.advance(fact.position);
    }
}

impl AgentRecord {
    fn take(&mut self, fact: &Fact, event: &AgentEvent) {
        Agent::evolve(&mut self.state, event);
        self.version = fact.version;
        match event {
            AgentEvent::SignedIn { session } => {
                self.sessions.insert(*session, fact.occurred_at);
            }
            AgentEvent::SignedOut { session, cause: _ } => {
                self.sessions.remove(session);
            }
            AgentEvent::AvailabilityChanged { .. } => self.since = Some(fact.occurred_at),
            AgentEvent::PreferencesChanged { .. }
            | AgentEvent::NotificationsRead { .. }
            | AgentEvent::ConversationClaimed { .. }
            | AgentEvent::ConversationFreed { .. }
            | AgentEvent::ConnectionLost
            | AgentEvent::ConnectionRestored
            | AgentEvent::BulkBegun { .. }
            | AgentEvent::BulkEnded { .. } => {}
        }
    }
}
