//! Commits of another store's log, put into this one in their order. Each message names the one that it follows, so a
//! log in which one is missing takes none of those behind it.

use super::cluster::Kind;
use super::{Store, message};
use crate::backends::transfer::{Placed, Successor};
use crate::sealed::SealedContent;
use crate::store::{Commit, StoreError};
use async_nats::jetstream::message::PublishMessage;
use futures::future::{BoxFuture, FutureExt};
use uuid::Uuid;

impl Store {
    async fn place_all(&self, partition: u16, commits: Vec<Placed>) -> Result<(), StoreError> {
        let replica = self.replica(partition).expect("a stream's partition is one of these");
        let subject = self.cluster.subject(Kind::Log, partition);
        let mut last = self.cluster.last_sequence(partition).await?;
        let mut sent = Vec::with_capacity(commits.len());
        for Placed { streams, frames, recorded_at } in commits {
            let id = Uuid::new_v4();
            let expected = replica.expect(id)?;
            let payload = message::commit(id, recorded_at, &streams, &[], &frames);
            let publication = PublishMessage::build().payload(payload.into()).expected_last_sequence(last);
            let acknowledgement = self.cluster.context.send_publish(subject.clone(), publication).await;
            sent.push((acknowledgement.map_err(|error| unknown(&error))?, expected));
            last += 1;
        }
        for (acknowledgement, expected) in sent {
            let acknowledged = acknowledgement.await.map_err(|error| unknown(&error))?;
            expected.outcome_in(acknowledged.sequence).await?;
        }
        Ok(())
    }
}

fn unknown(error: &impl ToString) -> StoreError {
    StoreError::Unknown(error.to_string())
}

impl Successor for Store {
    fn place(&self, partition: u16, commits: Vec<Placed>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.place_all(partition, commits).boxed()
    }

    fn keep(&self, partition: u16, contents: Vec<SealedContent>) -> BoxFuture<'_, Result<(), StoreError>> {
        let kept = self.append_in(partition, Commit { writes: Vec::new(), contents });
        async move { kept.await.map(|_| ()) }.boxed()
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.catch_up().boxed()
    }
}
