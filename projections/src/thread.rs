//! Where the next message of a thread belongs: its latest conversation, and what message stands where. A hint for
//! whoever takes messages in; the streams themselves have the last word.

use crate::key::Key;
use crate::projection::{FoldError, Projection};
use crate::reader::{QueryError, Reader};
use crate::rows::Rows;
use clew_domain::conversation::{ConversationEvent as E, Started};
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{ChannelId, ContactId, ConversationId, MessageId, PublicRootId, ThreadId};
use serde::{Deserialize, Serialize};

/// The projection.
pub struct Thread;

/// Answers where messages belong; cheap to clone.
pub type Threads = Reader<Thread>;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its conversation.
    pub conversation: ConversationId,
    /// The thread of that.
    pub thread: ThreadId,
    /// The channel.
    pub channel: ChannelId,
    /// The contact.
    pub contact: ContactId,
    /// The public thread that it is part of.
    pub root: Option<PublicRootId>,
}

fn latest_key(thread: ThreadId) -> Key {
    Key::of(b'T').id(thread.0)
}

fn message_key(message: MessageId) -> Key {
    Key::of(b'M').id(message.0)
}

fn place_key(conversation: ConversationId) -> Key {
    Key::of(b'C').id(conversation.0)
}

/// An index entry for each conversation in which a public thread is blocked.
fn blocked_key(root: PublicRootId, conversation: ConversationId) -> Key {
    Key::of(b'B').id(root.0).id(conversation.0)
}

impl Projection for Thread {
    const NAME: &'static str = "thread";
    const VERSION: u32 = 1;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        let Event::Conversation(event) = &fact.event else { return Ok(()) };
        let conversation = ConversationId(fact.stream.id);
        match event {
            E::Started(started) => begin(rows, conversation, started)?,
            E::MessageReceived(received) => stand(rows, conversation, received.message)?,
            E::ReplySent(reply) => stand(rows, conversation, reply.reply)?,
            E::ThreadBlocked => {
                if let Some(root) = place(rows, conversation)?.root {
                    rows.mark(blocked_key(root, conversation));
                }
            }
            E::ThreadUnblocked => {
                if let Some(root) = place(rows, conversation)?.root {
                    rows.unmark(blocked_key(root, conversation));
                }
            }
            E::MessageRefused { .. }
            | E::MessageRedacted { .. }
            | E::DeliveryAccepted { .. }
            | E::DeliveryFailed { .. }
            | E::DeliveryRetried { .. }
            | E::Assigned { .. }
            | E::Unassigned { .. }
            | E::Pended { .. }
            | E::Resolved { .. }
            | E::ReturnedToNew { .. }
            | E::NoteAdded { .. }
            | E::NoteEdited { .. }
            | E::NoteDeleted { .. }
            | E::MessageMasked { .. }
            | E::NoteMasked { .. }
            | E::AttachmentMasked { .. }
            | E::MessageLiked { .. }
            | E::MessageUnliked { .. }
            | E::TopicAdded { .. }
            | E::TopicRemoved { .. }
            | E::PriorityChanged { .. }
            | E::SlaBreached(_)
            | E::Locked { .. }
            | E::LockReleased { .. }
            | E::LockTakenOver { .. }
            | E::RuleApplied { .. }
            | E::RuleHeldBack { .. } => {}
        }
        Ok(())
    }
}

fn begin(rows: &mut Rows, conversation: ConversationId, started: &Started) -> Result<(), FoldError> {
    // Conversations of a thread may lie in different partitions: whichever comes first, the highest number counts.
    let key = latest_key(started.thread);
    let latest = rows.take::<u32>(&key)?.unwrap_or(0).max(started.number);
    rows.put(&key, latest);
    let Started { contact, channel, thread, root, .. } = *started;
    rows.put(&place_key(conversation), Place { conversation, thread, channel, contact, root });
    Ok(())
}

fn place(rows: &mut Rows, conversation: ConversationId) -> Result<Place, FoldError> {
    let place = rows.get::<Place>(&place_key(conversation))?;
    place.ok_or(FoldError::Unexpected("a conversation that has not begun"))
}

fn stand(rows: &mut Rows, conversation: ConversationId, message: MessageId) -> Result<(), FoldError> {
    let place = place(rows, conversation)?;
    rows.put(&message_key(message), place);
    Ok(())
}

impl Threads {
    /// The number of the latest conversation of a thread.
    pub fn latest(&self, thread: ThreadId) -> Result<Option<u32>, QueryError> {
        self.read(|view| view.get(latest_key(thread)))
    }

    /// Where a message stands.
    pub fn place_of(&self, message: MessageId) -> Result<Option<Place>, QueryError> {
        self.read(|view| view.get(message_key(message)))
    }

    /// The conversation in which a message stands.
    pub fn conversation_of(&self, message: MessageId) -> Result<Option<ConversationId>, QueryError> {
        Ok(self.place_of(message)?.map(|place| place.conversation))
    }

    /// The public thread of the message, if it is known and in one.
    pub fn root_of(&self, message: MessageId) -> Result<Option<PublicRootId>, QueryError> {
        Ok(self.place_of(message)?.and_then(|place| place.root))
    }

    /// A conversation in which this public thread was blocked, and is still.
    pub fn blocked_in(&self, root: PublicRootId) -> Result<Option<ConversationId>, QueryError> {
        self.read(|view| {
            let Some(entry) = view.prefix(Key::of(b'B').id(root.0), false).next() else { return Ok(None) };
            let (key, _) = entry?;
            let id = key.get(17..33).and_then(|bytes| uuid::Uuid::from_slice(bytes).ok());
            id.map(|id| Some(ConversationId(id))).ok_or_else(|| view.damaged())
        })
    }
}
