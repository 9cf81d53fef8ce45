//! Contents on the cluster: stored before the commit that brings them is proposed, found by the stubs in the copies,
//! and removed one by one. Destroying their keys is the vault's.

use super::cluster::Kind;
use super::{Store, message};
use crate::backends::embedded::replica::Known;
use crate::sealed::SealedContent;
use crate::store::StoreError;
use async_nats::jetstream::stream::{DeleteMessageErrorKind, RawMessageErrorKind};
use clew_domain::content::ContentId;
use futures::future::try_join_all;
use futures::stream::{StreamExt, TryStreamExt, iter};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// How long the removal of a content is tried again.
const REMOVE_FOR: Duration = Duration::from_secs(15);
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Removals under way at once.
const REMOVALS_MAX: usize = 64;
/// The server's words for a message that is not there (any more).
const NO_MESSAGE: [u64; 2] = [10_037, 10_043];

/// A content's stub, and the partition that has it.
type Stub = (u16, SealedContent);

impl Store {
    /// Those of these contents that were never stored. Refuses others under the number of one that was.
    pub(super) async fn new_contents(&self, contents: Vec<SealedContent>) -> Result<Vec<SealedContent>, StoreError> {
        let mut new = Vec::new();
        for content in contents {
            let (stub, erased) = self.known(content.id).await?;
            let same = |(_, stub): &Stub| {
                let kept =
                    (stub.owner, stub.salt, stub.key_commit) == (content.owner, content.salt, content.key_commit);
                kept && message::stub_of(stub).is_some_and(|(_, commitment)| commitment == content.commitment())
            };
            match stub {
                Some(stub) if same(&stub) => {}
                None if !erased => new.push(content),
                _ => return Err(StoreError::Invalid(format!("content {} was stored before", content.id))),
            }
        }
        Ok(new)
    }

    /// Stores contents; answers their stubs. No reader sees them before a commit brings the stubs.
    pub(super) async fn store_contents(
        &self,
        partition: u16,
        contents: &[SealedContent],
    ) -> Result<Vec<SealedContent>, StoreError> {
        let subject = self.cluster.subject(Kind::Contents, partition);
        let store = contents.iter().map(|content| {
            let subject = &subject;
            async move {
                let id = Uuid::new_v4().to_string();
                let published = self.cluster.publish(subject, Some(&id), message::content(content)).await;
                // The commit itself was not proposed: whatever is there of its contents, none of it is written.
                let sequence = published.map_err(|error| match error {
                    StoreError::Unknown(why) => StoreError::Unavailable(why),
                    other => other,
                })?;
                Ok(message::stub(content, sequence))
            }
        });
        try_join_all(store).await
    }

    /// Removes what a refused commit had stored, in its own time.
    pub(super) fn discard_contents(&self, partition: u16, stubs: &[SealedContent]) {
        let messages: Vec<u64> = stubs.iter().filter_map(message::stub_of).map(|(sequence, _)| sequence).collect();
        let cluster = self.cluster.clone();
        if !messages.is_empty() {
            tokio::spawn(async move {
                for sequence in messages {
                    if let Err(error) = cluster.remove(partition, sequence).await {
                        tracing::warn!(%error, "the content of a refused commit is left over");
                    }
                }
            });
        }
    }

    /// The stub of a content in any partition, and whether it was erased.
    async fn known(&self, id: ContentId) -> Result<(Option<Stub>, bool), StoreError> {
        for replica in &self.replicas {
            match replica.store.known_content(id).await? {
                Known::Nothing => {}
                Known::Erased => return Ok((None, true)),
                Known::There(stub) => return Ok((Some((replica.partition, stub)), false)),
            }
        }
        Ok((None, false))
    }

    pub(super) async fn find_content(&self, id: ContentId) -> Result<Option<SealedContent>, StoreError> {
        let (mut stub, erased) = self.known(id).await?;
        if stub.is_none() && !erased && self.replicas.len() > 1 {
            // Its commit may lie in another partition than the fact that refers to it, and not be here yet.
            self.catch_up().await?;
            stub = self.known(id).await?.0;
        }
        let Some((partition, stub)) = stub else { return Ok(None) };
        let damaged = |what: &str| StoreError::Corrupt { place: format!("content {id}"), what: what.into() };
        let (sequence, commitment) = message::stub_of(&stub).ok_or_else(|| damaged("its stub is none"))?;
        let Some(payload) = self.cluster.read(partition, sequence).await? else { return Ok(None) };
        let content = message::parse_content(&payload).ok_or_else(|| damaged("its message can't be read"))?;
        if (content.id, content.owner) != (id, stub.owner) || content.commitment() != commitment {
            return Err(damaged("it is not what was stored"));
        }
        Ok(Some(content))
    }

    /// Removes contents from the cluster, then has every copy know it.
    pub(super) async fn erase_contents(&self, ids: Vec<ContentId>) -> Result<(), StoreError> {
        // A content may have come by another gateway a moment ago.
        self.catch_up().await?;
        let mut stubs = Vec::new();
        for id in ids {
            stubs.extend(self.known(id).await?.0);
        }
        let message = |(partition, stub): &Stub| Some((*partition, message::stub_of(stub)?.0));
        let messages: Vec<(u16, u64)> = stubs.iter().filter_map(message).collect();
        let removals = messages.into_iter().map(|(partition, sequence)| {
            let cluster = self.cluster.clone();
            async move { cluster.remove(partition, sequence).await }
        });
        iter(removals).buffer_unordered(REMOVALS_MAX).try_collect::<Vec<()>>().await?;
        for replica in &self.replicas {
            let of_it = stubs.iter().filter(|(partition, _)| *partition == replica.partition);
            let ids: Vec<ContentId> = of_it.map(|(_, stub)| stub.id).collect();
            if !ids.is_empty() {
                let id = Uuid::new_v4();
                let expected = replica.expect(id)?;
                let message = message::erasure(id, (self.clock)(), &ids);
                let failing = self.publishers[usize::from(replica.partition)].publish(message)?;
                expected.outcome(failing).await?;
            }
        }
        Ok(())
    }
}

impl super::Cluster {
    /// The payload of a content's message, from the stream's leader; `None` if it was removed.
    async fn read(&self, partition: u16, sequence: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let name = self.stream(Kind::Contents, partition);
        let until = Instant::now() + REMOVE_FOR;
        loop {
            let stream = self.context.get_stream_no_info(&name).await;
            let read = match stream {
                Ok(stream) => stream.get_raw_message(sequence).await,
                Err(error) => return Err(StoreError::Unavailable(format!("{name} can't be read: {error}"))),
            };
            match read {
                Ok(message) => return Ok(Some(message.payload.to_vec())),
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(None),
                Err(error) if Instant::now() > until => {
                    return Err(StoreError::Unavailable(format!("{name} can't be read: {error}")));
                }
                Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
            }
        }
    }

    /// Removes a content's message, overwriting it; one that is gone already is passed over.
    async fn remove(&self, partition: u16, sequence: u64) -> Result<(), StoreError> {
        let name = self.stream(Kind::Contents, partition);
        let until = Instant::now() + REMOVE_FOR;
        loop {
            let stream = self.context.get_stream_no_info(&name).await;
            let stream = stream.map_err(|error| StoreError::Unavailable(format!("{name}: {error}")))?;
            let Err(error) = stream.delete_message(sequence).await else { return Ok(()) };
            if let DeleteMessageErrorKind::JetStream(answer) = error.kind()
                && NO_MESSAGE.contains(&answer.error_code().0)
            {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(StoreError::Unknown(format!("a content in {name} can't be removed: {error}")));
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}
