//! Service levels: the table of clock rules line by line, and the clocks against a slow reference.

mod oracle;
mod table;

use super::*;
use crate::content::{Commitment, ContentId, ContentRef};
use crate::conversation::{
    Assignee, AssignmentCause, ConversationEvent, MessageKind, MessageReceived, ReplyMode, ReplyOrigin, ReplySent,
    ResolveReason, ReturnCause, Started, UnassignmentCause, Visibility,
};
use crate::derive;
use crate::fact::{Actor, Event, Fact, NewFact, Position};
use crate::ids::*;
use crate::time::Timestamp;
use crate::workspace::WorkspaceEvent;
use uuid::Uuid;

const CHANNEL: ChannelId = ChannelId(Uuid::from_u128(0xC4));
const CONTACT: ContactId = ContactId(Uuid::from_u128(0xC0));
const OFFICE: CalendarId = CalendarId(Uuid::from_u128(0x0F));
const POLICY: SlaPolicyId = SlaPolicyId(Uuid::from_u128(0x51A));

/// Facts of the workspace and of one conversation, in the order in which they are recorded.
#[derive(Clone, Default)]
struct Story {
    facts: Vec<Fact>,
    workspace_version: u64,
    conversation_version: u64,
}

impl Story {
    fn settings(&mut self, at: Timestamp, event: WorkspaceEvent) -> &Fact {
        self.workspace_version += 1;
        let version = self.workspace_version;
        self.record(at, StreamId::WORKSPACE, version, version - 1, Event::Workspace(event))
    }

    fn happens(&mut self, at: Timestamp, settings_version: u64, event: ConversationEvent) -> &Fact {
        self.conversation_version += 1;
        let stream = ConversationId(Uuid::nil()).into();
        self.record(at, stream, self.conversation_version, settings_version, Event::Conversation(event))
    }

    fn record(&mut self, at: Timestamp, stream: StreamId, version: u64, settings_version: u64, event: Event) -> &Fact {
        let sequence = self.facts.len() as u64 + 1;
        let command = CommandId(Uuid::from_u128(u128::from(sequence)));
        let body = NewFact {
            id: derive::event(command, 0),
            occurred_at: at,
            actor: Actor::System,
            command,
            causation: None,
            correlation: CorrelationId(command.0),
            settings_version,
            event,
        };
        self.facts.push(Fact { position: Position { partition: 0, sequence }, stream, version, recorded_at: at, body });
        &self.facts[self.facts.len() - 1]
    }
}

/// What the clocks of a story say, judged up to an instant.
struct Told {
    clocks: Clocks,
    ended: Vec<Ended>,
}

fn tell(story: &Story, groups: &[GroupId], now: Timestamp) -> Told {
    let (mut clocks, mut timeline, mut ended) = (Clocks::default(), Timeline::default(), Vec::new());
    for fact in &story.facts {
        timeline.take(fact);
        ended.extend(clocks.apply(fact, &Surroundings { timeline: &timeline, groups }));
    }
    clocks.judge_until(now, &timeline);
    Told { clocks, ended }
}

fn started() -> ConversationEvent {
    ConversationEvent::Started(Started {
        contact: CONTACT,
        channel: CHANNEL,
        thread: ThreadId(Uuid::nil()),
        root: None,
        number: 1,
        previous: None,
        visibility: Visibility::Private,
    })
}

fn content() -> ContentRef {
    ContentRef { id: ContentId(1), commitment: Commitment([0; 32]) }
}

fn message() -> ConversationEvent {
    ConversationEvent::MessageReceived(MessageReceived {
        message: MessageId(Uuid::nil()),
        content: content(),
        kind: MessageKind::Email,
        answers: None,
        attachments: Vec::new(),
        groups: None,
    })
}

fn reply(origin: ReplyOrigin) -> ConversationEvent {
    ConversationEvent::ReplySent(ReplySent {
        reply: MessageId(Uuid::nil()),
        content: content(),
        kind: MessageKind::Email,
        channel: CHANNEL,
        mode: ReplyMode::Plain,
        attachments: Vec::new(),
        origin,
    })
}

fn pended() -> ConversationEvent {
    ConversationEvent::Pended { until: None }
}

fn returned(cause: ReturnCause) -> ConversationEvent {
    ConversationEvent::ReturnedToNew { cause }
}

fn resolved() -> ConversationEvent {
    ConversationEvent::Resolved { reason: ResolveReason::Answered, bulk: None }
}

fn assigned(team: TeamId) -> ConversationEvent {
    ConversationEvent::Assigned { to: Assignee::Team(team), cause: AssignmentCause::ByHand }
}

fn unassigned() -> ConversationEvent {
    ConversationEvent::Unassigned { cause: UnassignmentCause::ByHand }
}

fn target(seconds: u32, counting: Counting) -> Target {
    Target { seconds, counting }
}

fn policy(targets: Targets) -> Policy {
    Policy {
        name: "Promise".to_owned(),
        conditions: Conditions::default(),
        targets,
        calendar: None,
        warning: Warning::UsedPercent(50),
        pending_pauses: true,
        automatic_replies_count: false,
    }
}

fn policy_set(policy: SlaPolicyId, definition: Policy, apply_to_open: bool) -> WorkspaceEvent {
    WorkspaceEvent::SlaPolicySet { policy, definition: Box::new(definition), apply_to_open }
}
