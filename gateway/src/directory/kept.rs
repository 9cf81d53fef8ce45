//! Agents as they are kept between two starts. The settings are not: their own stream is short, and is read.

use super::{AgentRecord, Known};
use clew_domain::ids::AgentId;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::msgpack;
use clew_eventstore::snapshot::{self, Marks, SnapshotError};
use clew_eventstore::store::EventStore;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// Raised whenever the same facts make other records than before, or records other bytes: what was kept is then passed
/// over, and each agent's stream read from its start.
const VERSION: u16 = 1;
/// The file's name among what is derived.
const FILE: &str = "directory";
/// Facts of agents between two that are kept.
const FACTS_APART: u64 = 10_000;

/// The file in which agents are kept.
pub(super) struct Kept {
    path: PathBuf,
    /// Facts of agents taken since.
    behind: AtomicU64,
    /// Held by the one who writes.
    turn: Mutex<()>,
}

impl Kept {
    /// In the directory of what is derived.
    pub(super) fn among(derived: &Path) -> Self {
        Self { path: derived.join(FILE), behind: AtomicU64::new(0), turn: Mutex::new(()) }
    }

    /// The agents that were kept, if they can be used.
    pub(super) async fn load(&self, store: &dyn EventStore) -> Known {
        let read = snapshot::read(&self.path, VERSION, store).await;
        let agents: Result<(Cursor, Vec<(AgentId, AgentRecord)>), _> = match read {
            Ok(None) => return Known::default(),
            Ok(Some((furthest, bytes))) => {
                msgpack::from_slice(&bytes).map(|agents| (furthest, agents)).map_err(|_| SnapshotError::Damaged)
            }
            Err(why) => Err(why),
        };
        match agents {
            Ok((furthest, agents)) => {
                let agents = agents.into_iter().map(|(id, record)| (id, Arc::new(record))).collect();
                Known { agents, furthest, ..Known::default() }
            }
            Err(why) => {
                let file = self.path.display();
                tracing::warn!(%file, %why, "what was kept of agents is passed over; their streams are read whole");
                Known::default()
            }
        }
    }

    /// One fact more of an agent was taken.
    pub(super) fn took_one(&self) {
        self.behind.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there is enough that is new.
    pub(super) fn is_due(&self) -> bool {
        self.behind.load(Ordering::Relaxed) >= FACTS_APART
    }

    /// Keeps the agents that are known, if anything is new.
    pub(super) async fn write(&self, known: impl FnOnce() -> Known, store: &dyn EventStore) {
        let _turn = self.turn.lock().await;
        if self.behind.swap(0, Ordering::Relaxed) == 0 {
            return;
        }
        if let Err(why) = self.try_write(&known(), store).await {
            tracing::warn!(file = %self.path.display(), %why, "agents could not be kept");
        }
    }

    async fn try_write(&self, known: &Known, store: &dyn EventStore) -> Result<(), SnapshotError> {
        let marks = Marks::at(&known.furthest, store).await?;
        let agents: Vec<(AgentId, &AgentRecord)> = known.agents.iter().map(|(id, record)| (*id, &**record)).collect();
        let bytes = rmp_serde::to_vec(&agents).map_err(io::Error::other)?;
        let path = self.path.clone();
        let write = move || snapshot::write(&path, VERSION, &marks, &bytes);
        Ok(tokio::task::spawn_blocking(write).await.map_err(io::Error::other)??)
    }
}
