//! What a log needs of this store that is a copy of one which others keep too: commits that are placed as the others
//! place them, and a look at what a commit would meet. Which commits, and in which order, is the caller's to say.

use super::contents;
use super::frame;
use super::index;
use super::queue::{Job, Outcome, Prepared};
use super::read::read;
use super::{Shared, Store, blocking};
use crate::sealed::SealedContent;
use crate::store::StoreError;
use bytes::Bytes;
use clew_domain::content::ContentId;
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use tokio::sync::oneshot;

/// What is known of a content's number.
pub(in crate::backends) enum Known {
    /// No commit brought it.
    Nothing,
    /// It was there and is not any more.
    Erased,
    /// It is there.
    There(SealedContent),
}

/// What will be answered once it is done.
pub(in crate::backends) type Answer<T> = oneshot::Receiver<T>;

impl Prepared {
    /// A commit that another process encoded, recorded at the earliest at that instant.
    ///
    /// `None` if these are not as many whole frames of facts as the streams are given.
    pub(in crate::backends) fn replicated(
        streams: Vec<(StreamId, u64, u32)>,
        frames: Bytes,
        stored: &[SealedContent],
        recorded_at: Timestamp,
    ) -> Option<Self> {
        let expected: u64 = streams.iter().map(|(.., count)| u64::from(*count)).sum();
        let (mut rest, mut facts) = (&frames[..], 0_u64);
        while !rest.is_empty() {
            let length = frame::whole_fact(rest)?;
            rest = &rest[length..];
            facts += 1;
        }
        let encode = |content: &SealedContent| {
            let mut bytes = Vec::with_capacity(contents::BODY_AT + content.sealed.len());
            contents::encode(content, &mut bytes);
            (content.id, bytes)
        };
        let contents = stored.iter().map(encode).collect();
        (facts == expected).then_some(Self { streams, schema: 0, frames, contents, recorded_at: Some(recorded_at) })
    }

    /// The bytes of its first fact.
    pub(in crate::backends) fn first_fact(&self) -> Option<&[u8]> {
        let length = frame::whole_fact(&self.frames)?;
        Some(&self.frames[frame::HEAD_BYTES..length])
    }
}

/// Adds the frame of a fact whose bytes another store has; where it stands is filled in once it is written.
pub(in crate::backends) fn push_frame(fact: &[u8], frames: &mut Vec<u8>) {
    let start = frame::open(frames);
    frames.extend_from_slice(fact);
    frame::close(frames, start, frame::Kind::Fact);
}

/// The bytes of each fact in these frames.
#[cfg(test)]
pub(in crate::backends) fn facts_in(mut frames: &[u8]) -> Vec<&[u8]> {
    let mut facts = Vec::new();
    while let Some(length) = frame::whole_fact(frames) {
        facts.push(&frames[frame::HEAD_BYTES..length]);
        frames = &frames[length..];
    }
    facts
}

impl Store {
    /// Queues commits, in their order, behind those that were offered before them. Each is written or refused by itself.
    pub(in crate::backends) fn offer(&self, commits: Vec<Prepared>) -> Result<Answer<Vec<Outcome>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.push(Job::Append(commits, answer))?;
        Ok(answered)
    }

    /// Queues an erasure behind the commits that were offered before it.
    pub(in crate::backends) fn offer_erasure(
        &self,
        ids: Vec<ContentId>,
    ) -> Result<Answer<Result<(), StoreError>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.push(Job::Erase(ids, answer))?;
        Ok(answered)
    }

    /// Queues a sync behind what was offered before it.
    pub(in crate::backends) fn offer_sync(&self) -> Result<Answer<Result<(), StoreError>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.push(Job::Sync(answer))?;
        Ok(answered)
    }

    /// The version that a stream is at.
    pub(in crate::backends) async fn version(&self, stream: StreamId) -> Result<u64, StoreError> {
        // A thread is woken only for those that lie on disk alone: most are asked for that were written a moment ago.
        let known = read(&self.shared.index).known(stream);
        let head = match known {
            index::Known::Head(head) => head,
            asked @ index::Known::Ask(_) => blocking(&self.shared, move |_| asked.resolve(stream)).await?,
        };
        Ok(head.map_or(0, |head| u64::from(head.version)))
    }

    /// What is known of a content.
    pub(in crate::backends) async fn known_content(&self, id: ContentId) -> Result<Known, StoreError> {
        blocking(&self.shared, move |shared: &Shared| {
            let candidates = shared.contents().candidates(id);
            let Some((file, offset)) = candidates.locate(id)? else { return Ok(Known::Nothing) };
            Ok(file.read(offset, id)?.map_or(Known::Erased, Known::There))
        })
        .await
    }
}
