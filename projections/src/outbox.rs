//! Replies that were written here and that their channel has not yet taken or refused, in order.

use crate::key::Key;
use crate::page::PAGE_ENTRIES_MAX;
use crate::projection::{FoldError, Projection};
use crate::reader::{QueryError, Reader};
use crate::rows::Rows;
use clew_domain::content::ContentRef;
use clew_domain::conversation::{Attachment, ConversationEvent as E, MessageKind, ReplyMode, ReplyOrigin, ReplySent};
use clew_domain::fact::{Event, Fact, Position};
use clew_domain::ids::{ChannelId, ContactId, ConversationId, MessageId, ThreadId};
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The projection.
pub struct Outbox;

/// Answers what is to be delivered; cheap to clone.
pub type OutboxReader = Reader<Outbox>;

/// A reply to deliver, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Which reply.
    pub reply: MessageId,
    /// Where the fact stands that asks for its delivery.
    pub position: Position,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The thread of that.
    pub thread: ThreadId,
    /// To whom.
    pub contact: ContactId,
    /// The account that it leaves by.
    pub channel: ChannelId,
    /// Its text.
    pub content: ContentRef,
    /// What it is on its channel.
    pub kind: MessageKind,
    /// How it refers to what was written before.
    pub mode: ReplyMode,
    /// What goes with it; without what was masked.
    pub attachments: Vec<Attachment>,
    /// When it was written.
    pub at: Timestamp,
    /// Whether it waits for the channel now; not while a failure stands.
    waits: bool,
}

fn conversation_key(conversation: ConversationId) -> Key {
    Key::of(b'C').id(conversation.0)
}

fn reply_key(conversation: ConversationId, reply: MessageId) -> Key {
    Key::of(b'R').id(conversation.0).id(reply.0)
}

fn list_key(channel: ChannelId) -> Key {
    Key::of(b'O').id(channel.0)
}

impl Projection for Outbox {
    const NAME: &'static str = "outbox";
    const VERSION: u32 = 1;

    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError> {
        let Event::Conversation(event) = &fact.event else { return Ok(()) };
        let conversation = ConversationId(fact.stream.id);
        match event {
            E::Started(started) => {
                rows.put(&conversation_key(conversation), (started.contact, started.thread));
                Ok(())
            }
            E::ReplySent(reply) => match reply.origin {
                ReplyOrigin::Desk | ReplyOrigin::Automation => send(rows, conversation, reply, fact),
                ReplyOrigin::Channel => Ok(()),
            },
            E::DeliveryRetried { reply } => change(rows, conversation, *reply, |mut it| {
                it.waits = true;
                it.position = fact.position;
                Some(it)
            }),
            E::DeliveryFailed { reply, .. } => change(rows, conversation, *reply, |mut it| {
                it.waits = false;
                Some(it)
            }),
            E::DeliveryAccepted { reply, .. } => change(rows, conversation, *reply, |_| None),
            E::MessageMasked { message, .. } => change(rows, conversation, *message, |_| None),
            E::AttachmentMasked { message, attachment, .. } => change(rows, conversation, *message, |mut it| {
                it.attachments.retain(|there| there.id != *attachment);
                Some(it)
            }),
            E::MessageReceived(_)
            | E::MessageRefused { .. }
            | E::MessageRedacted { .. }
            | E::Assigned { .. }
            | E::Unassigned { .. }
            | E::Pended { .. }
            | E::Resolved { .. }
            | E::ReturnedToNew { .. }
            | E::NoteAdded { .. }
            | E::NoteEdited { .. }
            | E::NoteDeleted { .. }
            | E::NoteMasked { .. }
            | E::MessageLiked { .. }
            | E::MessageUnliked { .. }
            | E::ThreadBlocked
            | E::ThreadUnblocked
            | E::TopicAdded { .. }
            | E::TopicRemoved { .. }
            | E::PriorityChanged { .. }
            | E::SlaBreached(_)
            | E::Locked { .. }
            | E::LockReleased { .. }
            | E::LockTakenOver { .. }
            | E::RuleApplied { .. }
            | E::RuleHeldBack { .. } => Ok(()),
        }
    }
}

fn send(rows: &mut Rows, conversation: ConversationId, reply: &ReplySent, fact: &Fact) -> Result<(), FoldError> {
    let begun = rows.get::<(ContactId, ThreadId)>(&conversation_key(conversation))?;
    let (contact, thread) = begun.ok_or(FoldError::Unexpected("a conversation that has not begun"))?;
    let outgoing = Outgoing {
        reply: reply.reply,
        position: fact.position,
        conversation,
        thread,
        contact,
        channel: reply.channel,
        content: reply.content,
        kind: reply.kind,
        mode: reply.mode,
        attachments: reply.attachments.clone(),
        at: fact.occurred_at,
        waits: true,
    };
    rows.put(&list_key(outgoing.channel).position(outgoing.position), (conversation, outgoing.reply));
    rows.put(&reply_key(conversation, outgoing.reply), outgoing);
    Ok(())
}

fn change(
    rows: &mut Rows,
    conversation: ConversationId,
    reply: MessageId,
    change: impl FnOnce(Outgoing) -> Option<Outgoing>,
) -> Result<(), FoldError> {
    let key = reply_key(conversation, reply);
    // Written on the channel itself, or done with before.
    let Some(outgoing) = rows.take::<Outgoing>(&key)? else { return Ok(()) };
    rows.delete(&list_key(outgoing.channel).position(outgoing.position));
    if let Some(changed) = change(outgoing) {
        if changed.waits {
            rows.put(&list_key(changed.channel).position(changed.position), (conversation, reply));
        }
        rows.put(&key, changed);
    }
    Ok(())
}

impl OutboxReader {
    /// The replies that a channel is to take, in order, behind `after`; at most so many.
    pub fn waiting(
        &self,
        channel: ChannelId,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Outgoing>, QueryError> {
        let prefix = list_key(channel);
        let end = crate::key::behind(prefix.as_ref());
        let from = match after {
            None => prefix.done(),
            Some(after) => prefix.position(after).byte(0).done(),
        };
        self.read(|view| {
            let entries = view.range(&from, end.as_deref(), false).take(limit.clamp(1, PAGE_ENTRIES_MAX));
            let outgoing = |entry: crate::table::Entry| {
                let (conversation, reply) = view.decode(&entry?.1)?;
                view.get(reply_key(conversation, reply))?.ok_or_else(|| view.damaged())
            };
            entries.map(outgoing).collect()
        })
    }

    /// A reply that the channel has not taken yet, whether it waits or failed.
    pub fn outgoing(&self, conversation: ConversationId, reply: MessageId) -> Result<Option<Outgoing>, QueryError> {
        self.read(|view| view.get(reply_key(conversation, reply)))
    }
}
