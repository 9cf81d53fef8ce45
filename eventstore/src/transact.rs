//! Load, decide, append, and try again when somebody else was faster: the only way by which facts come about.

mod chain;

pub use chain::{Chain, transact_chain};

use crate::sealed::SealedContent;
use crate::store::{Commit, EventStore, StoreError, StreamWrite};
use clew_domain::decider::Decider;
use clew_domain::derive;
use clew_domain::fact::{Aggregate, CommandMeta, Fact, NewFact, Position, facts_of};
use clew_domain::ids::{CommandId, StreamId};
use std::sync::atomic::{AtomicU64, Ordering};

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

impl<S> Loaded<S> {
    /// The aggregate as known at this version of its stream.
    pub fn at(state: S, version: u64) -> Self {
        Self { state, version, position: None, found: None }
    }
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
    let mut loaded = Loaded::at(A::State::default(), 0);
    fold_on::<A>(&mut loaded, stream, facts, wanted)?;
    Ok(loaded)
}

fn fold_on<A: Aggregate>(
    loaded: &mut Loaded<A::State>,
    stream: StreamId,
    facts: &[Fact],
    wanted: Option<&CommandMeta>,
) -> Result<(), TransactError<A::Rejection>> {
    for fact in facts {
        let event = A::unwrap(&fact.event).ok_or(TransactError::ForeignEvent(stream))?;
        A::evolve(&mut loaded.state, event);
        loaded.version = fact.version;
        loaded.position = Some(fact.position);
        if wanted.is_some_and(|meta| meta.id == fact.command) {
            loaded.found = Some(fact.position);
        }
    }
    Ok(())
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

/// Carries out a command whose events depend on nothing before them, without reading the stream.
///
/// `version` is where the stream is thought to be, 0 if nobody looked yet; it is corrected by what the store says.
/// The command's id must be fresh: a repetition is recorded again.
pub async fn record<A: Aggregate>(
    store: &dyn EventStore,
    stream: StreamId,
    version: &AtomicU64,
    meta: &CommandMeta,
    command: &A::Command,
) -> Result<Option<Position>, TransactError<A::Rejection>> {
    let events = A::decide(&A::State::default(), meta, command).map_err(TransactError::Rejected)?;
    if events.is_empty() {
        return Ok(None);
    }
    let mut last_error = None;
    for _ in 0..ATTEMPTS_MAX {
        let expected = version.load(Ordering::Relaxed);
        let write = StreamWrite { stream, expected, facts: facts_of::<A>(meta, events.clone()) };
        match store.append(Commit { writes: vec![write], contents: Vec::new() }).await {
            Ok(appended) => {
                version.fetch_max(appended.versions[0], Ordering::Relaxed);
                return Ok(Some(appended.last));
            }
            Err(error @ StoreError::Conflict { actual, .. }) => {
                version.store(actual, Ordering::Relaxed);
                last_error = Some(error);
            }
            Err(error @ StoreError::Unknown(_)) => {
                let since = store.read_stream(stream, expected).await?;
                if let Some(fact) = since.iter().rfind(|fact| fact.command == meta.id) {
                    return Ok(Some(fact.position));
                }
                last_error = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(last_error.expect("the loop ends only after an error").into())
}

/// The events of two aggregates that follow from one command.
pub type PairEvents<A, B> = (Vec<<A as Decider>::Event>, Vec<<B as Decider>::Event>);

/// What became of two aggregates by one command.
pub type PairDone<A, B> = (Done<<A as Decider>::State>, Done<<B as Decider>::State>);

/// Carries out on two streams what is decided on both, in one commit.
///
/// `decide` gives the events of each from the state of each. It is asked again whenever another writer was faster,
/// so what it refuses is refused on what then is. Both streams are held to the versions that were decided on, or
/// nothing is written; a stream that gets no event is not held to its version. `first` is read from `known` on,
/// which must be what its stream told at that version; `second` is read whole, and a command whose id is there
/// already is answered with what it did then. An answer means that all is durable.
///
/// Streams of different partitions can't share a commit. There `first` is written before `second`: a refusal or a
/// crash in between leaves the first alone, and the caller must be able to mend that.
pub async fn transact_pair<A: Aggregate, B: Aggregate, R>(
    store: &dyn EventStore,
    (first, known): (StreamId, Loaded<A::State>),
    second: StreamId,
    meta: &CommandMeta,
    mut decide: impl FnMut(&A::State, &B::State) -> Result<PairEvents<A, B>, R>,
) -> Result<PairDone<A, B>, TransactError<R>> {
    let together = store.partition_of(first) == store.partition_of(second);
    let mut a = known;
    let mut last_error = None;
    for _ in 0..ATTEMPTS_MAX {
        catch_up::<A, R>(store, first, &mut a).await?;
        let b = fold::<B>(second, &store.read_stream(second, 0).await?, Some(meta)).map_err(|_| foreign(second))?;
        if b.found.is_some() {
            let position = b.found;
            return Ok((done(a, Effect::Repeated), Done { position, ..done(b, Effect::Repeated) }));
        }
        let (events_a, events_b) = decide(&a.state, &b.state).map_err(TransactError::Rejected)?;
        let (count_a, count_b) = (events_a.len(), events_b.len());
        let mut writes = Vec::new();
        if count_a > 0 {
            writes.push(StreamWrite {
                stream: first,
                expected: a.version,
                facts: named_apart::<A>(meta, first, events_a),
            });
        }
        if count_b > 0 && (together || count_a == 0) {
            writes.push(StreamWrite { stream: second, expected: b.version, facts: facts_of::<B>(meta, events_b) });
        }
        if writes.is_empty() {
            return Ok((done(a, Effect::Unchanged), done(b, Effect::Unchanged)));
        }
        let half = !together && count_a > 0 && count_b > 0;
        match store.append(Commit { writes, contents: Vec::new() }).await {
            // The next round decides on the first as it now is, and writes the second.
            Ok(_) if half => {}
            Ok(appended) => {
                catch_up::<A, R>(store, first, &mut a).await?;
                let mut b = b;
                catch_up::<B, R>(store, second, &mut b).await?;
                let at = |loaded: Option<Position>| loaded.max(Some(appended.last));
                let (position_a, position_b) = (at(a.position), at(b.position));
                return Ok((
                    Done { position: position_a, ..done(a, effect(count_a)) },
                    Done { position: position_b, ..done(b, effect(count_b)) },
                ));
            }
            Err(error @ (StoreError::Conflict { .. } | StoreError::Unknown(_))) => last_error = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last_error.unwrap_or_else(|| StoreError::Unavailable("two streams could not be written".into())).into())
}

async fn catch_up<A: Aggregate, R>(
    store: &dyn EventStore,
    stream: StreamId,
    loaded: &mut Loaded<A::State>,
) -> Result<(), TransactError<R>> {
    let facts = store.read_stream(stream, loaded.version).await?;
    fold_on::<A>(loaded, stream, &facts, None).map_err(|_| foreign(stream))
}

/// The facts of the first stream of a pair: the command's own names are those of the second's.
fn named_apart<A: Aggregate>(meta: &CommandMeta, stream: StreamId, events: Vec<A::Event>) -> Vec<NewFact> {
    let apart = CommandId(derive::consequence(meta.id.0, "first of two", stream.id).0);
    let mut facts = facts_of::<A>(meta, events);
    for (index, fact) in (0..).zip(&mut facts) {
        fact.id = derive::event(apart, index);
    }
    facts
}

fn done<S>(loaded: Loaded<S>, effect: Effect) -> Done<S> {
    Done { state: loaded.state, version: loaded.version, position: loaded.position, effect }
}

fn effect(count: usize) -> Effect {
    if count == 0 { Effect::Unchanged } else { Effect::Appended(count) }
}

fn foreign<R>(stream: StreamId) -> TransactError<R> {
    TransactError::ForeignEvent(stream)
}
