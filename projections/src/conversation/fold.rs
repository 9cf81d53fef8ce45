//! How each event changes what is shown of a conversation.

use super::row::{Delivery, DeliveryState, Entry, Header, Masked, Message, Note, ShownAttachment};
use super::{entry_key, header_key, message_key, note_key};
use crate::projection::FoldError;
use crate::rows::Rows;
use clew_domain::conversation::{
    Assignee, Attachment, ConversationEvent as E, Direction, MessageReceived, Queue, ReplyMode, ReplyOrigin, ReplySent,
    Started,
};
use clew_domain::fact::Fact;
use clew_domain::ids::{ConversationId, MessageId, NoteId};

const NOT_BEGUN: FoldError = FoldError::Unexpected("a conversation that has not begun");
const NO_MESSAGE: FoldError = FoldError::Unexpected("a message that is not in the conversation");
const NO_NOTE: FoldError = FoldError::Unexpected("a note that is not in the conversation");

pub(super) fn fold(rows: &mut Rows, id: ConversationId, event: &E, fact: &Fact) -> Result<(), FoldError> {
    let key = header_key(id);
    if let E::Started(started) = event {
        rows.put(&key, begun(id, *started, fact));
        return Ok(());
    }
    let mut header = rows.take::<Header>(&key)?.ok_or(NOT_BEGUN)?;
    header.version = fact.version;
    head(&mut header, event, fact);
    rows.put(&key, header);
    entries(rows, id, event, fact)
}

fn begun(id: ConversationId, started: Started, fact: &Fact) -> Header {
    Header {
        id,
        version: fact.version,
        started,
        started_at: fact.occurred_at,
        queue: Queue::New,
        pended_until: None,
        resolve_reason: None,
        resolved_at: None,
        agent: None,
        team: None,
        lock: None,
        topics: Vec::new(),
        priority: 0,
        blocked: false,
        refused: 0,
    }
}

fn head(header: &mut Header, event: &E, fact: &Fact) {
    match event {
        E::Assigned { to: Assignee::Agent(agent), .. } => header.agent = Some(*agent),
        E::Assigned { to: Assignee::Team(team), .. } => {
            header.agent = None;
            header.team = Some(*team);
        }
        E::Unassigned { .. } => {
            header.agent = None;
            header.team = None;
        }
        E::Pended { until } => {
            header.queue = Queue::Pending;
            header.pended_until = *until;
        }
        E::Resolved { reason, .. } => {
            header.queue = Queue::Resolved;
            header.pended_until = None;
            header.resolve_reason = Some(*reason);
            header.resolved_at = Some(fact.occurred_at);
        }
        E::ReturnedToNew { .. } => {
            header.queue = Queue::New;
            header.pended_until = None;
            header.resolve_reason = None;
            header.resolved_at = None;
        }
        E::ThreadBlocked => header.blocked = true,
        E::ThreadUnblocked => header.blocked = false,
        E::MessageRefused { .. } => header.refused += 1,
        E::TopicAdded { topic } => {
            if let Err(place) = header.topics.binary_search(topic) {
                header.topics.insert(place, *topic);
            }
        }
        E::TopicRemoved { topic } => header.topics.retain(|it| it != topic),
        E::PriorityChanged { priority, .. } => header.priority = *priority,
        E::Locked { agent } | E::LockTakenOver { to: agent, .. } => header.lock = Some(*agent),
        E::LockReleased { .. } => header.lock = None,
        E::Started(_)
        | E::RuleApplied { .. }
        | E::RuleHeldBack { .. }
        | E::MessageReceived(_)
        | E::MessageRedacted { .. }
        | E::ReplySent(_)
        | E::DeliveryAccepted { .. }
        | E::DeliveryFailed { .. }
        | E::DeliveryRetried { .. }
        | E::NoteAdded { .. }
        | E::NoteEdited { .. }
        | E::NoteDeleted { .. }
        | E::MessageMasked { .. }
        | E::NoteMasked { .. }
        | E::AttachmentMasked { .. }
        | E::MessageLiked { .. }
        | E::MessageUnliked { .. }
        | E::SlaBreached(_) => {}
    }
}

// One arm an event: the length is the vocabulary's.
#[allow(clippy::too_many_lines)]
fn entries(rows: &mut Rows, id: ConversationId, event: &E, fact: &Fact) -> Result<(), FoldError> {
    let masked = Some(Masked { by: fact.actor, at: fact.occurred_at });
    match event {
        E::MessageReceived(it) => {
            add_message(rows, id, received(it, fact));
            Ok(())
        }
        E::ReplySent(it) => {
            add_message(rows, id, sent(it, fact));
            Ok(())
        }
        E::MessageRedacted { message, places, .. } => on_message(rows, id, *message, |it| it.redacted += places),
        E::DeliveryAccepted { reply, receipt } => on_message(rows, id, *reply, |it| {
            it.delivery = Some(Delivery { state: DeliveryState::Accepted, at: fact.occurred_at });
            it.receipt = receipt.or(it.receipt);
        }),
        E::DeliveryFailed { reply, cause } => on_message(rows, id, *reply, |it| {
            it.delivery = Some(Delivery { state: DeliveryState::Failed(*cause), at: fact.occurred_at });
        }),
        E::DeliveryRetried { reply } => on_message(rows, id, *reply, |it| {
            it.delivery = Some(Delivery { state: DeliveryState::Pending, at: fact.occurred_at });
        }),
        E::MessageMasked { message, .. } => on_message(rows, id, *message, |it| {
            it.masked = masked;
            for attachment in &mut it.attachments {
                attachment.masked = attachment.masked.or(masked);
            }
        }),
        E::AttachmentMasked { message, attachment, .. } => on_message(rows, id, *message, |it| {
            for there in it.attachments.iter_mut().filter(|there| there.id == *attachment) {
                there.masked = masked;
            }
        }),
        E::MessageLiked { message } => on_message(rows, id, *message, |it| it.liked = true),
        E::MessageUnliked { message } => on_message(rows, id, *message, |it| it.liked = false),
        E::NoteAdded { note, content, on } => {
            rows.put(&note_key(id, *note), fact.version);
            let note = Note {
                id: *note,
                version: fact.version,
                author: fact.actor,
                at: fact.occurred_at,
                edited: None,
                content: *content,
                on: *on,
                masked: None,
            };
            rows.put(&entry_key(id, fact.version), Entry::Note(note));
            Ok(())
        }
        E::NoteEdited { note, content, .. } => on_note(rows, id, *note, |it| {
            it.content = *content;
            it.edited = Some((fact.occurred_at, fact.actor));
        }),
        E::NoteMasked { note, .. } => on_note(rows, id, *note, |it| it.masked = masked),
        E::NoteDeleted { note, .. } => {
            let version = rows.take::<u64>(&note_key(id, *note))?.ok_or(NO_NOTE)?;
            rows.delete(&entry_key(id, version));
            Ok(())
        }
        E::Started(_)
        | E::MessageRefused { .. }
        | E::Assigned { .. }
        | E::Unassigned { .. }
        | E::Pended { .. }
        | E::Resolved { .. }
        | E::ReturnedToNew { .. }
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

fn add_message(rows: &mut Rows, id: ConversationId, message: Message) {
    rows.put(&message_key(id, message.id), message.version);
    rows.put(&entry_key(id, message.version), Entry::Message(message));
}

fn received(it: &MessageReceived, fact: &Fact) -> Message {
    Message {
        id: it.message,
        version: fact.version,
        direction: Direction::In,
        kind: it.kind,
        sender: fact.actor,
        at: fact.occurred_at,
        recorded_at: fact.recorded_at,
        content: it.content,
        receipt: None,
        channel: None,
        mode: ReplyMode::Plain,
        answers: it.answers,
        origin: None,
        attachments: it.attachments.iter().map(shown).collect(),
        masked: None,
        liked: false,
        redacted: 0,
        delivery: None,
    }
}

fn sent(it: &ReplySent, fact: &Fact) -> Message {
    let pending = Delivery { state: DeliveryState::Pending, at: fact.occurred_at };
    Message {
        id: it.reply,
        version: fact.version,
        direction: Direction::Out,
        kind: it.kind,
        sender: fact.actor,
        at: fact.occurred_at,
        recorded_at: fact.recorded_at,
        content: it.content,
        receipt: None,
        channel: Some(it.channel),
        mode: it.mode,
        answers: None,
        origin: Some(it.origin),
        attachments: it.attachments.iter().map(shown).collect(),
        masked: None,
        liked: false,
        redacted: 0,
        delivery: match it.origin {
            ReplyOrigin::Desk | ReplyOrigin::Automation => Some(pending),
            ReplyOrigin::Channel => None,
        },
    }
}

fn shown(attachment: &Attachment) -> ShownAttachment {
    let Attachment { id, label, body, commitment } = *attachment;
    ShownAttachment { id, label, body, commitment, masked: None }
}

fn on_message(
    rows: &mut Rows,
    id: ConversationId,
    message: MessageId,
    change: impl FnOnce(&mut Message),
) -> Result<(), FoldError> {
    let version = rows.get::<u64>(&message_key(id, message))?.ok_or(NO_MESSAGE)?;
    let key = entry_key(id, version);
    match rows.take::<Entry>(&key)? {
        Some(Entry::Message(mut message)) => {
            change(&mut message);
            rows.put(&key, Entry::Message(message));
            Ok(())
        }
        Some(Entry::Note(_)) | None => Err(NO_MESSAGE),
    }
}

fn on_note(rows: &mut Rows, id: ConversationId, note: NoteId, change: impl FnOnce(&mut Note)) -> Result<(), FoldError> {
    let version = rows.get::<u64>(&note_key(id, note))?.ok_or(NO_NOTE)?;
    let key = entry_key(id, version);
    match rows.take::<Entry>(&key)? {
        Some(Entry::Note(mut note)) => {
            change(&mut note);
            rows.put(&key, Entry::Note(note));
            Ok(())
        }
        Some(Entry::Message(_)) | None => Err(NO_NOTE),
    }
}
