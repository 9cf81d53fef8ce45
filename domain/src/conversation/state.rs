//! What is known of a conversation: enough to decide by, nothing for display only.

use super::event::{
    Assignee, Attachment, ContentSpan, ConversationEvent, MessageReceived, ReplySent, Started, Visibility,
};
use crate::content::{ContentId, ContentRef};
use crate::ids::{AgentId, EventId, MessageId, NoteId, TeamId, TopicId};
use crate::sla::Metric;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The number of events taken into account.
    pub version: u64,
    /// How it began; none before it did.
    pub started: Option<Started>,
    /// Where it stands.
    pub queue: Queue,
    /// When a pending one is to come back, if at a set time.
    pub pended_until: Option<Timestamp>,
    /// The agent who owns it.
    pub agent: Option<AgentId>,
    /// The team that it is assigned to.
    pub team: Option<TeamId>,
    /// Who has it open.
    pub lock: Option<AgentId>,
    /// Its topics.
    pub topics: BTreeSet<TopicId>,
    /// How urgent it is; higher comes first.
    pub priority: i16,
    /// Whether further messages of the thread are refused.
    pub blocked: bool,
    /// Its messages.
    pub messages: BTreeMap<MessageId, KnownMessage>,
    /// Messages that were not taken in.
    pub refused: BTreeSet<MessageId>,
    /// The clocks whose service level was missed, and what they measured.
    pub breaches: BTreeSet<(EventId, Metric)>,
    /// Its notes; deleted ones are not among them.
    pub notes: BTreeMap<NoteId, KnownNote>,
    /// What rules did since a person answered last.
    pub answered_by_rule: Answering,
}

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// It needs us.
    #[default]
    New,
    /// It waits for the contact, or for work of ours.
    Pending,
    /// It is done.
    Resolved,
}

/// What rules did since a person answered last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answering {
    /// No rule answered.
    #[default]
    Free,
    /// One did.
    Done,
    /// One did, and one that would have was held back.
    HeldBack,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the contact.
    In,
    /// From us.
    Out,
}

/// What is known of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMessage {
    /// Which way it went.
    pub direction: Direction,
    /// The version of the conversation that it made.
    pub version: u64,
    /// Who can read it on its channel.
    pub visibility: Visibility,
    /// Its text and link.
    pub content: ContentRef,
    /// What the channel said when it took it; may hold a link.
    pub receipt: Option<ContentRef>,
    /// Its attachments that are not masked.
    pub attachments: Vec<Attachment>,
    /// Whether it is masked.
    pub masked: bool,
    /// Whether we like it.
    pub liked: bool,
    /// How its delivery stands; none for what needs no delivery.
    pub delivery: Option<Delivery>,
}

/// How the delivery of a reply stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Not yet told.
    Waiting,
    /// The channel took it.
    Accepted,
    /// The channel did not take it.
    Failed(super::event::DeliveryFailure),
}

/// What is known of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownNote {
    /// Its text.
    pub content: ContentRef,
    /// Whether it is masked.
    pub masked: bool,
}

impl KnownMessage {
    /// Every content that goes when the message is masked.
    pub fn contents(&self) -> Vec<ContentSpan> {
        let single = |id: ContentId| ContentSpan { first: id, count: 1 };
        let own = std::iter::once(self.content).chain(self.receipt).map(|content| single(content.id));
        own.chain(self.attachments.iter().flat_map(attachment_contents)).collect()
    }
}

/// Every content that goes when an attachment is masked: its label, then its bytes.
pub(super) fn attachment_contents(attachment: &Attachment) -> [ContentSpan; 2] {
    [ContentSpan { first: attachment.label.id, count: 1 }, attachment.body]
}

impl State {
    /// The messages of the contact that came after `version`, oldest first.
    pub fn received_after(&self, version: u64) -> Vec<MessageId> {
        let mut newer: Vec<_> = self
            .messages
            .iter()
            .filter(|(_, message)| message.direction == Direction::In && message.version > version)
            .map(|(id, message)| (message.version, *id))
            .collect();
        newer.sort_unstable();
        newer.into_iter().map(|(_, id)| id).collect()
    }

    /// Whether others than the contact and we can read it.
    pub fn is_public(&self) -> bool {
        self.started.is_some_and(|started| started.visibility == Visibility::Public)
    }

    /// Whether somebody owns it.
    pub fn is_owned(&self) -> bool {
        self.agent.is_some() || self.team.is_some()
    }

    pub(super) fn apply(&mut self, event: &ConversationEvent) {
        use ConversationEvent as E;
        self.version += 1;
        match event {
            E::Started(started) => self.started = Some(*started),
            E::MessageReceived(received) => self.received(received),
            E::MessageRefused { message } => {
                self.refused.insert(*message);
            }
            E::MessageRedacted { .. } | E::RuleApplied { .. } => {}
            E::ReplySent(reply) => self.replied(reply),
            E::DeliveryAccepted { reply, receipt } => {
                if let Some(message) = self.messages.get_mut(reply) {
                    message.delivery = Some(Delivery::Accepted);
                    message.receipt = receipt.or(message.receipt);
                }
            }
            E::DeliveryFailed { reply, cause } => self.set_delivery(*reply, Delivery::Failed(*cause)),
            E::DeliveryRetried { reply } => self.set_delivery(*reply, Delivery::Waiting),
            E::Assigned { to: Assignee::Agent(agent), .. } => self.agent = Some(*agent),
            E::Assigned { to: Assignee::Team(team), .. } => {
                self.agent = None;
                self.team = Some(*team);
            }
            E::Unassigned { .. } => {
                self.agent = None;
                self.team = None;
            }
            E::Pended { until } => {
                self.queue = Queue::Pending;
                self.pended_until = *until;
            }
            E::Resolved { .. } => {
                self.queue = Queue::Resolved;
                self.pended_until = None;
            }
            E::ReturnedToNew { .. } => {
                self.queue = Queue::New;
                self.pended_until = None;
            }
            E::NoteAdded { note, content, .. } => {
                self.notes.insert(*note, KnownNote { content: *content, masked: false });
            }
            E::NoteEdited { note, content, .. } => {
                if let Some(note) = self.notes.get_mut(note) {
                    note.content = *content;
                }
            }
            E::NoteDeleted { note, .. } => {
                self.notes.remove(note);
            }
            E::MessageMasked { message, .. } => {
                if let Some(message) = self.messages.get_mut(message) {
                    message.masked = true;
                    message.attachments.clear();
                }
            }
            E::NoteMasked { note, .. } => {
                if let Some(note) = self.notes.get_mut(note) {
                    note.masked = true;
                }
            }
            E::AttachmentMasked { message, attachment, .. } => {
                if let Some(message) = self.messages.get_mut(message) {
                    message.attachments.retain(|kept| kept.id != *attachment);
                }
            }
            E::MessageLiked { message } => self.set_liked(*message, true),
            E::MessageUnliked { message } => self.set_liked(*message, false),
            E::ThreadBlocked => self.blocked = true,
            E::ThreadUnblocked => self.blocked = false,
            E::TopicAdded { topic } => {
                self.topics.insert(*topic);
            }
            E::TopicRemoved { topic } => {
                self.topics.remove(topic);
            }
            E::PriorityChanged { priority, .. } => self.priority = *priority,
            E::SlaBreached(breach) => {
                self.breaches.insert((breach.clock, breach.metric));
            }
            E::Locked { agent } | E::LockTakenOver { to: agent, .. } => self.lock = Some(*agent),
            E::LockReleased { .. } => self.lock = None,
            E::RuleHeldBack { .. } => self.answered_by_rule = Answering::HeldBack,
        }
    }

    fn received(&mut self, received: &MessageReceived) {
        let message = KnownMessage {
            direction: Direction::In,
            version: self.version,
            visibility: received.kind.visibility(),
            content: received.content,
            receipt: None,
            attachments: received.attachments.clone(),
            masked: false,
            liked: false,
            delivery: None,
        };
        self.messages.insert(received.message, message);
    }

    fn replied(&mut self, reply: &ReplySent) {
        use super::event::ReplyOrigin;
        self.answered_by_rule = match reply.origin {
            ReplyOrigin::Automation => Answering::Done,
            ReplyOrigin::Desk | ReplyOrigin::Channel => Answering::Free,
        };
        let message = KnownMessage {
            direction: Direction::Out,
            version: self.version,
            visibility: reply.kind.visibility(),
            content: reply.content,
            receipt: None,
            attachments: reply.attachments.clone(),
            masked: false,
            liked: false,
            delivery: match reply.origin {
                ReplyOrigin::Desk | ReplyOrigin::Automation => Some(Delivery::Waiting),
                ReplyOrigin::Channel => None,
            },
        };
        self.messages.insert(reply.reply, message);
    }

    fn set_delivery(&mut self, reply: MessageId, delivery: Delivery) {
        if let Some(message) = self.messages.get_mut(&reply) {
            message.delivery = Some(delivery);
        }
    }

    fn set_liked(&mut self, message: MessageId, liked: bool) {
        if let Some(message) = self.messages.get_mut(&message) {
            message.liked = liked;
        }
    }
}
