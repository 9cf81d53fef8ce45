//! The row of a conversation in its queue, and how each event changes it.

use clew_domain::content::ContentRef;
use clew_domain::conversation::{
    Assignee, ConversationEvent as E, Direction, MessageKind, MessageReceived, Queue, ReplyOrigin, ReplySent, Standing,
    Started, Visibility,
};
use clew_domain::fact::Fact;
use clew_domain::ids::{AgentId, ChannelId, ContactId, ConversationId, MessageId, TeamId, ThreadId, TopicId};
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A conversation as its queue shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which conversation.
    pub id: ConversationId,
    /// Where it stands.
    pub queue: Queue,
    /// With whom.
    pub contact: ContactId,
    /// On which channel.
    pub channel: ChannelId,
    /// Which thread it continues.
    pub thread: ThreadId,
    /// Its number in the thread.
    pub number: u32,
    /// Whether others can read it.
    pub visibility: Visibility,
    /// Its topics, in order of their ids.
    pub topics: Vec<TopicId>,
    /// The agent who owns it.
    pub agent: Option<AgentId>,
    /// The team that it is assigned to.
    pub team: Option<TeamId>,
    /// Who has it open.
    pub lock: Option<AgentId>,
    /// How urgent it is; higher comes first.
    pub priority: i16,
    /// Whether further messages of the thread are refused.
    pub blocked: bool,
    /// When a pending one is to come back, if at a set time.
    pub pended_until: Option<Timestamp>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it came into its queue.
    pub queued_at: Timestamp,
    /// When the contact wrote first of what is not answered yet.
    pub waiting_since: Option<Timestamp>,
    /// When something last happened that those who work it care about.
    pub updated_at: Timestamp,
    /// The message written last.
    pub last_message: Option<LastMessage>,
    /// Messages of the contact that are not answered yet.
    pub unanswered: u32,
    /// The version of the conversation.
    pub version: u64,
}

/// The message written last, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMessage {
    /// Which message.
    pub id: MessageId,
    /// Which way it went.
    pub direction: Direction,
    /// What it is on its channel.
    pub kind: MessageKind,
    /// Its text and link.
    pub content: ContentRef,
    /// When it was written.
    pub at: Timestamp,
    /// Whether it is masked.
    pub masked: bool,
}

impl Row {
    /// How the conversation stands, as this row shows it.
    pub fn standing(&self) -> Standing {
        Standing {
            conversation: self.id,
            version: self.version,
            queue: self.queue,
            blocked: self.blocked,
            priority: self.priority,
            pended_until: self.pended_until,
            agent: self.agent,
            team: self.team,
            lock: self.lock,
            topics: self.topics.clone(),
        }
    }

    pub(super) fn begun(id: ConversationId, started: &Started, fact: &Fact) -> Self {
        Self {
            id,
            queue: Queue::New,
            contact: started.contact,
            channel: started.channel,
            thread: started.thread,
            number: started.number,
            visibility: started.visibility,
            topics: Vec::new(),
            agent: None,
            team: None,
            lock: None,
            priority: 0,
            blocked: false,
            pended_until: None,
            started_at: fact.occurred_at,
            queued_at: fact.occurred_at,
            waiting_since: None,
            updated_at: fact.occurred_at,
            last_message: None,
            unanswered: 0,
            version: fact.version,
        }
    }

    pub(super) fn apply(&mut self, event: &E, fact: &Fact) {
        self.version = fact.version;
        match event {
            E::MessageReceived(received) => self.received(received, fact),
            E::ReplySent(reply) => self.replied(reply, fact),
            E::Assigned { to: Assignee::Agent(agent), .. } => {
                self.agent = Some(*agent);
                self.touch(fact);
            }
            E::Assigned { to: Assignee::Team(team), .. } => {
                self.agent = None;
                self.team = Some(*team);
                self.touch(fact);
            }
            E::Unassigned { .. } => {
                self.agent = None;
                self.team = None;
                self.touch(fact);
            }
            E::Pended { until } => {
                self.enter(Queue::Pending, fact);
                self.pended_until = *until;
            }
            E::Resolved { .. } => {
                self.enter(Queue::Resolved, fact);
                self.waiting_since = None;
                self.unanswered = 0;
            }
            E::ReturnedToNew { .. } => self.enter(Queue::New, fact),
            E::MessageMasked { message, .. } => {
                if let Some(last) = self.last_message.as_mut().filter(|last| last.id == *message) {
                    last.masked = true;
                }
            }
            E::ThreadBlocked => self.blocked = true,
            E::ThreadUnblocked => self.blocked = false,
            E::TopicAdded { topic } => {
                if let Err(place) = self.topics.binary_search(topic) {
                    self.topics.insert(place, *topic);
                }
            }
            E::TopicRemoved { topic } => self.topics.retain(|it| it != topic),
            E::PriorityChanged { priority, .. } => self.priority = *priority,
            E::Locked { agent } | E::LockTakenOver { to: agent, .. } => self.lock = Some(*agent),
            E::LockReleased { .. } => self.lock = None,
            E::Started(_)
            | E::MessageRefused { .. }
            | E::MessageRedacted { .. }
            | E::DeliveryAccepted { .. }
            | E::DeliveryFailed { .. }
            | E::DeliveryRetried { .. }
            | E::NoteAdded { .. }
            | E::NoteEdited { .. }
            | E::NoteDeleted { .. }
            | E::NoteMasked { .. }
            | E::AttachmentMasked { .. }
            | E::MessageLiked { .. }
            | E::MessageUnliked { .. }
            | E::SlaBreached(_)
            | E::RuleApplied { .. }
            | E::RuleHeldBack { .. } => {}
        }
    }

    fn received(&mut self, received: &MessageReceived, fact: &Fact) {
        let at = fact.occurred_at;
        self.unanswered += 1;
        self.waiting_since = Some(self.waiting_since.map_or(at, |since| since.min(at)));
        self.wrote(LastMessage {
            id: received.message,
            direction: Direction::In,
            kind: received.kind,
            content: received.content,
            at,
            masked: false,
        });
        self.touch(fact);
    }

    fn replied(&mut self, reply: &ReplySent, fact: &Fact) {
        // Whom a rule answered still waits for somebody.
        if reply.origin != ReplyOrigin::Automation {
            self.unanswered = 0;
            self.waiting_since = None;
        }
        self.wrote(LastMessage {
            id: reply.reply,
            direction: Direction::Out,
            kind: reply.kind,
            content: reply.content,
            at: fact.occurred_at,
            masked: false,
        });
        self.touch(fact);
    }

    /// A message that its channel brought late is not the one written last.
    fn wrote(&mut self, message: LastMessage) {
        if self.last_message.as_ref().is_none_or(|last| last.at <= message.at) {
            self.last_message = Some(message);
        }
    }

    fn enter(&mut self, queue: Queue, fact: &Fact) {
        self.queue = queue;
        self.queued_at = fact.occurred_at;
        self.pended_until = None;
        self.touch(fact);
    }

    fn touch(&mut self, fact: &Fact) {
        self.updated_at = self.updated_at.max(fact.occurred_at);
    }
}
