//! The settings in force: the workspace's stream folded in memory, where every request asks it.

use clew_domain::decider::Decider;
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::StreamId;
use clew_domain::workspace::{Workspace, WorkspaceState};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{EventStore, StoreError};
use futures::stream::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long to wait before a store that was busy is asked again.
const STORE_ASKED_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// The workspace at one version of its stream.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The version; 0 before the workspace was set up.
    pub version: u64,
    /// What was set up until then.
    pub state: WorkspaceState,
}

/// What follows the settings; cheap to clone.
#[derive(Clone)]
pub struct Settings {
    seen: watch::Receiver<Seen>,
    task: Arc<JoinHandle<()>>,
}

#[derive(Clone, Default)]
struct Seen {
    snapshot: Arc<Snapshot>,
    cursor: Cursor,
    /// Why it does not go on.
    broken: Option<String>,
}

/// The settings are not as new as was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settings are behind; try again")]
pub struct SettingsBehind;

impl Settings {
    /// Follows the workspace's stream; answers when all that is in it now is taken into account.
    pub async fn follow(store: Arc<dyn EventStore>) -> Result<Self, StoreError> {
        let cursor = store.head();
        let mut snapshot = Snapshot::default();
        for fact in store.read_stream(StreamId::WORKSPACE, 0).await? {
            take(&mut snapshot, &fact);
        }
        let (tell, seen) = watch::channel(Seen { snapshot: Arc::new(snapshot), cursor, broken: None });
        let task = Arc::new(tokio::spawn(keep_up(store, tell)));
        Ok(Self { seen, task })
    }

    /// The settings in force.
    pub fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.seen.borrow().snapshot)
    }

    /// How far the log was looked through for them.
    pub fn position(&self) -> Cursor {
        self.seen.borrow().cursor.clone()
    }

    /// Why they no longer follow the log, if they do not.
    pub fn broken(&self) -> Option<String> {
        self.seen.borrow().broken.clone()
    }

    /// The settings at this version of the workspace's stream or a later one, waiting for it at most so long.
    pub async fn wait_for_version(&self, version: u64, at_most: Duration) -> Result<Arc<Snapshot>, SettingsBehind> {
        self.wait(at_most, |seen| seen.snapshot.version >= version).await
    }

    /// The settings when all that `cursor` has seen is taken into account, waiting for it at most so long.
    pub async fn wait_for(&self, cursor: &Cursor, at_most: Duration) -> Result<Arc<Snapshot>, SettingsBehind> {
        self.wait(at_most, |seen| seen.cursor.covers(cursor)).await
    }

    async fn wait(&self, at_most: Duration, enough: impl Fn(&Seen) -> bool) -> Result<Arc<Snapshot>, SettingsBehind> {
        let mut seen = self.seen.clone();
        match tokio::time::timeout(at_most, seen.wait_for(enough)).await {
            Ok(Ok(seen)) => Ok(Arc::clone(&seen.snapshot)),
            Ok(Err(_)) | Err(_) => Err(SettingsBehind),
        }
    }

    /// Ends; what was seen last stays to be asked.
    pub(crate) fn shutdown(&self) {
        self.task.abort();
    }
}

fn take(snapshot: &mut Snapshot, fact: &Fact) {
    if let Event::Workspace(event) = &fact.event
        && fact.version > snapshot.version
    {
        Workspace::evolve(&mut snapshot.state, event);
        snapshot.version = fact.version;
    }
}

async fn keep_up(store: Arc<dyn EventStore>, tell: watch::Sender<Seen>) {
    loop {
        let mut stream = store.subscribe(tell.borrow().cursor.clone());
        while let Some(batch) = stream.next().await {
            match batch {
                Ok(batch) => tell.send_modify(|seen| seen.take(&batch)),
                Err(error) if error.is_retryable() => break,
                Err(error) => {
                    tracing::error!(%error, "the settings no longer follow the log");
                    tell.send_modify(|seen| seen.broken = Some(error.to_string()));
                    return;
                }
            }
        }
        // The stream ends without an error only when the store is closed; then nobody listens for long.
        tokio::time::sleep(STORE_ASKED_AGAIN_AFTER).await;
    }
}

impl Seen {
    fn take(&mut self, facts: &[Fact]) {
        for fact in facts {
            if fact.stream == StreamId::WORKSPACE {
                take(Arc::make_mut(&mut self.snapshot), fact);
            }
            self.cursor.advance(fact.position);
        }
    }
}
