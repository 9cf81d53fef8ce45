//! Load, decide, append, and try again when somebody else was faster: the only way by which facts come about.

use crate::sealed::SealedContent;
use crate::store::{Commit, EventStore, StoreError, StreamWrite};
use clew_domain::fact::{Aggregate, CommandMeta, Fact, Position, facts_of};
use clew_domain::ids::StreamId;

/// How often a decision is made anew when another writer was faster.
const ATTEMPTS_MAX: usize = 32;

/// An aggregate as its stream tells it.
#[derive(Clone, Debug)]
pub struct Loaded<S> {
    /// Its state.
    pub state: S,
    /// The version of its stream; 0 if there is none.
    pub version: u64,
    /// The position of its last fact, if it has one.
    pub position: Option<Position>,
    /// The position of the last fact of the command that was looked for, if it was found.
    found: Option<Position>,
}

/// What became of a command that was not rejected.
#[derive(Clone, Debug)]
pub struct Done<S> {
    /// The aggregate after it.
    pub state: S,
    /// The version of its stream after it.
    pub version: u64,
    /// Where its last fact stands: of the command if it led to one, else of the stream, if that has one.
    pub position: Option<Position>,
    /// What the command did.
    pub effect: Effect,
}

/// What a command did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It led to so many facts.
    Appended(usize),
    /// It was given before; what it did then stands.
    Repeated,
    /// All was already as asked.
    Unchanged,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum TransactError<R> {
    /// The aggregate's rules do not allow it.
    #[error("{0}")]
    Rejected(R),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fact in the stream is of another aggregate.
    #[error("{0} holds an event that does not belong there")]
    ForeignEvent(StreamId),
}

/// The aggregate as its stream tells it now.
pub async fn load<A: Aggregate>(
    store: &dyn EventStore,
    stream: StreamId,
) -> Result<Loaded<A::State>, TransactError<A::Rejection>> {
    fold::<A>(stream, &store.read_stream(stream, 0).await?, None)
}

fn fold<A: Aggregate>(
    stream: StreamId,
    facts: &[Fact],
    wanted: Option<&CommandMeta>,
) -> Result<Loaded<A::State>, TransactError<A::Rejection>> {
    let mut loaded = Loaded { state: A::State::default(), version: 0, position: None, found: None };
    for fact in facts {
        let event = A::unwrap(&fact.event).ok_or(TransactError::ForeignEvent(stream))?;
        A::evolve(&mut loaded.state, event);
        loaded.version = fact.version;
        loaded.position = Some(fact.position);
        if wanted.is_some_and(|meta| meta.id == fact.command) {
            loaded.found = Some(fact.position);
        }
    }
    Ok(loaded)
}

/// Carries a command out on one stream.
///
/// `contents` are stored in the same commit as the facts that refer to them; when the command leads to no fact,
/// they are not stored. A command whose id is in the stream already is answered with what it did then. When
/// another writer was faster the decision is made anew on what then is, so a rejection always tells of the state
/// that the caller would read. An answer means that all is durable.
pub async fn transact<A: Aggregate>(
    store: &dyn EventStore,
    stream: StreamId,
    meta: &CommandMeta,
    command: &A::Command,
    contents: Vec<SealedContent>,
) -> Result<Done<A::State>, TransactError<A::Rejection>> {
    let mut last_error = None;
    for _ in 0..ATTEMPTS_MAX {
        let facts = store.read_stream(stream, 0).await?;
        let Loaded { mut state, version, position, found } = fold::<A>(stream, &facts, Some(meta))?;
        if found.is_some() {
            return Ok(Done { state, version, position: found, effect: Effect::Repeated });
        }
        let events = A::decide(&state, meta, command).map_err(TransactError::Rejected)?;
        if events.is_empty() {
            return Ok(Done { state, version, position, effect: Effect::Unchanged });
        }
        let count = events.len();
        for event in &events {
            A::evolve(&mut state, event);
        }
        let write = StreamWrite { stream, expected: version, facts: facts_of::<A>(meta, events) };
        match store.append(Commit { writes: vec![write], contents: contents.clone() }).await {
            Ok(appended) => {
                let version = appended.versions[0];
                return Ok(Done { state, version, position: Some(appended.last), effect: Effect::Appended(count) });
            }
            // Read again: for a conflict to decide anew, for an unknown outcome to see whether it is there.
            Err(error @ (StoreError::Conflict { .. } | StoreError::Unknown(_))) => last_error = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last_error.expect("the loop ends only after an error").into())
}
