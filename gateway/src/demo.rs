//! `--demo`: fills a data directory with a lively workspace, through the same deciders and the same ingest as live
//! traffic. The people and texts are invented and stand in `demo/*.toml`. All ids are derived, so that a demo that
//! was cut off goes on where it stood, and one that is complete is left as it is.

mod connector;
mod play;
mod script;
mod setup;

pub use connector::deliver;

use crate::ingest::{Ingest, IngestError};
use clew_domain::decider::Decider;
use clew_domain::derive;
use clew_domain::fact::{Actor, Aggregate, CommandMeta};
use clew_domain::ids::{CommandId, StreamId};
use clew_domain::time::Timestamp;
use clew_domain::workspace::Workspace;
use clew_eventstore::erasure::Eraser;
use clew_eventstore::sealed::SealedContent;
use clew_eventstore::store::{EventStore, StoreError};
use clew_eventstore::transact::{Done, TransactError, load, transact};
use clew_eventstore::vault::{Vault, VaultError};
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use uuid::Uuid;

/// The password of every demo account.
pub const PASSWORD: &str = "clew-demo-desk";

/// What the demo is made with.
pub struct Stage {
    /// The log; it holds no fact, or those of the demo.
    pub store: Arc<dyn EventStore>,
    /// Seals what people write.
    pub vault: Arc<Vault>,
    /// Takes in what contacts write.
    pub ingest: Ingest,
    /// Carries out masks.
    pub eraser: Arc<Eraser>,
    /// The instant that the story ends at.
    pub now: Timestamp,
    /// How many commands the story has given so far.
    pub given: AtomicU32,
}

/// Why the demo could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The log holds another workspace.
    #[error("the data directory holds a workspace that is not the demo's; choose an empty one for --demo")]
    NotTheDemo,
    /// A step of the story was refused.
    #[error("the demo's story does not work out: {0}")]
    Refused(String),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A message could not be taken in.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// An account that one can sign in with.
#[derive(Clone, Debug)]
pub struct DemoAccount {
    /// What to sign in with.
    pub login: String,
    /// What they may do, in words.
    pub roles: String,
}

/// Fills the workspace and tells who can sign in.
pub async fn fill(stage: &Stage) -> Result<Vec<DemoAccount>, DemoError> {
    let workspace = load::<Workspace>(&*stage.store, StreamId::WORKSPACE).await;
    let name = workspace.map_err(|error| DemoError::Refused(error.to_string()))?.state.name;
    if name.is_some_and(|name| name != script::setup().name) {
        return Err(DemoError::NotTheDemo);
    }
    let cast = setup::set_up(stage).await?;
    play::play(stage, &cast).await?;
    Ok(cast.accounts)
}

/// The id that stands for a thing of the demo, the same in every demo.
fn demo_id(kind: &str, name: &str) -> Uuid {
    derive::consequence(Uuid::nil(), &format!("demo {kind} {name}"), Uuid::nil()).0
}

impl Stage {
    /// Carries out one step of the story.
    async fn act<A: Aggregate>(
        &self,
        stream: StreamId,
        (actor, at): (Actor, Timestamp),
        settings_version: u64,
        command: A::Command,
        contents: Vec<SealedContent>,
    ) -> Result<Done<<A as Decider>::State>, DemoError>
    where
        A::Rejection: Display,
    {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let id = CommandId(demo_id("command", &number.to_string()));
        let meta = CommandMeta::first(id, actor, at, settings_version);
        let done = transact::<A>(&*self.store, stream, &meta, &command, contents).await;
        done.map_err(|error| match error {
            TransactError::Store(error) => DemoError::Store(error),
            TransactError::Rejected(_) | TransactError::ForeignEvent(_) => DemoError::Refused(error.to_string()),
        })
    }
}
