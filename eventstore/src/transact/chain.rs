//! A command and what follows from it at once, by other actors, on its own stream and another: one commit.

use super::{ATTEMPTS_MAX, Done, Effect, Loaded, TransactError, catch_up, done, effect, fold, foreign};
use crate::sealed::SealedContent;
use crate::store::{Commit, EventStore, StoreError, StreamWrite};
use clew_domain::content::ContentId;
use clew_domain::conversation::ContentSpan;
use clew_domain::fact::{Aggregate, CommandMeta, NewFact};
use clew_domain::ids::StreamId;
use std::collections::HashSet;

/// What is decided on two streams.
#[derive(Debug, Default)]
pub struct Chain {
    /// The facts of the first.
    pub first: Vec<NewFact>,
    /// The facts of the second, by the command and by what followed.
    pub second: Vec<NewFact>,
    /// What they refer to.
    pub contents: Vec<SealedContent>,
}

/// Writes what is decided on two streams, in one commit, as [`super::transact_pair`] does; but each fact says itself
/// by whom and under which command it came about. `meta` is the command that all of it follows from: once it is in
/// `second`, it is not decided again.
///
/// Streams of different partitions can't share a commit. There `first` is written before `second`, so after a crash
/// in between it is decided again on what the first then tells, and may ask the same of it once more. What the two
/// refer to is stored with each.
pub async fn transact_chain<A: Aggregate, B: Aggregate, R>(
    store: &dyn EventStore,
    first: StreamId,
    second: StreamId,
    meta: &CommandMeta,
    mut decide: impl FnMut(&A::State, &Loaded<B::State>) -> Result<Chain, R>,
) -> Result<Done<B::State>, TransactError<R>> {
    let together = store.partition_of(first) == store.partition_of(second);
    let mut a = Loaded::at(A::State::default(), 0);
    let (mut last_error, mut first_written) = (None, false);
    for _ in 0..ATTEMPTS_MAX {
        catch_up::<A, R>(store, first, &mut a).await?;
        let mut b = fold::<B>(second, &store.read_stream(second, 0).await?, Some(meta)).map_err(|_| foreign(second))?;
        if b.found.is_some() {
            let position = b.found;
            return Ok(Done { position, ..done(b, Effect::Repeated) });
        }
        let mut chain = decide(&a.state, &b).map_err(TransactError::Rejected)?;
        if first_written {
            chain.first.clear();
        }
        if chain.second.is_empty() {
            return Ok(done(b, Effect::Unchanged));
        }
        let count = chain.second.len();
        let mut writes = Vec::with_capacity(2);
        if !chain.first.is_empty() {
            writes.push(StreamWrite { stream: first, expected: a.version, facts: chain.first });
        }
        let half = !together && !writes.is_empty();
        if !half {
            writes.push(StreamWrite { stream: second, expected: b.version, facts: chain.second });
        }
        let contents = contents_of(&writes, chain.contents);
        match store.append(Commit { writes, contents }).await {
            // The next round decides on the first as it now is, and writes the second.
            Ok(_) if half => first_written = true,
            Ok(appended) => {
                catch_up::<B, R>(store, second, &mut b).await?;
                let position = b.position.max(Some(appended.last));
                return Ok(Done { position, ..done(b, effect(count)) });
            }
            Err(error @ (StoreError::Conflict { .. } | StoreError::Unknown(_))) => last_error = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last_error.unwrap_or_else(|| StoreError::Unavailable("two streams could not be written".into())).into())
}

/// The contents that these facts bring in.
fn contents_of(writes: &[StreamWrite], contents: Vec<SealedContent>) -> Vec<SealedContent> {
    let facts = writes.iter().flat_map(|write| &write.facts);
    let ids: HashSet<ContentId> =
        facts.flat_map(|fact| fact.event.brings_in().spans().flat_map(ContentSpan::ids).collect::<Vec<_>>()).collect();
    contents.into_iter().filter(|content| ids.contains(&content.id)).collect()
}
