//! What a fact was done to and what it changed, with what was before where the fact itself does not say.

mod definitions;
mod workspace;

use crate::key::Key;
use crate::projection::FoldError;
use crate::rows::Rows;
use clew_domain::agent::AgentEvent as A;
use clew_domain::agent::{Availability, BulkAct};
use clew_domain::contact::{AttributeKey, ContactEvent as P};
use clew_domain::conversation::{Assignee, ConversationEvent as C, Queue, ReturnCause};
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{
    AgentId, AttachmentId, AwayStatusId, CalendarId, ChannelId, CollectionId, ContactId, ConversationId, EventId,
    GroupId, MessageId, NoteId, RuleId, SavedReplyId, SessionId, SlaPolicyId, StreamId, StreamKind, TeamId, TokenId,
    TopicId,
};
use clew_domain::installation::{DataReading, InstallationEvent as I, StateDigest};
use clew_domain::saved_reply::{CollectionEvent as S, CollectionOwner};
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use uuid::Uuid;

/// What something was done to.
// Tagged from outside: beside its tag, a variant without an id could not be read back from a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// A conversation.
    Conversation(ConversationId),
    /// A message of the stream's conversation.
    Message(MessageId),
    /// An attachment of one.
    Attachment(AttachmentId),
    /// A note of the stream's conversation.
    Note(NoteId),
    /// A contact.
    Contact(ContactId),
    /// An agent, or their account.
    Agent(AgentId),
    /// A session of the stream's agent.
    Session(SessionId),
    /// The workspace's settings.
    Workspace,
    /// A channel.
    Channel(ChannelId),
    /// A team.
    Team(TeamId),
    /// A topic.
    Topic(TopicId),
    /// A group of contacts.
    Group(GroupId),
    /// An attribute of contacts.
    Attribute(AttributeKey),
    /// An away state.
    AwayStatus(AwayStatusId),
    /// A calendar.
    Calendar(CalendarId),
    /// A service level policy.
    SlaPolicy(SlaPolicyId),
    /// A redaction pattern.
    RedactionPattern(RuleId),
    /// A token.
    Token(TokenId),
    /// A rule.
    Rule(RuleId),
    /// A collection of saved replies.
    Collection(CollectionId),
    /// A saved reply of the stream's collection.
    SavedReply(SavedReplyId),
    /// The installation.
    Installation,
}

/// What changed of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What.
    pub field: String,
    /// What it was, where there was something and it is known.
    pub before: Option<Value>,
    /// What it is now, if anything.
    pub after: Option<Value>,
}

/// A value that changed. Names here are those of things that the workspace set up, never of contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum Value {
    /// An agent.
    Agent(AgentId),
    /// A team.
    Team(TeamId),
    /// A topic.
    Topic(TopicId),
    /// A group.
    Group(GroupId),
    /// A channel.
    Channel(ChannelId),
    /// An away state.
    AwayStatus(AwayStatusId),
    /// A calendar.
    Calendar(CalendarId),
    /// A service level policy.
    SlaPolicy(SlaPolicyId),
    /// A rule.
    Rule(RuleId),
    /// A message.
    Message(MessageId),
    /// A conversation.
    Conversation(ConversationId),
    /// A fact.
    Event(EventId),
    /// A queue.
    Queue(Queue),
    /// An instant.
    At(Timestamp),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// A word of ours, such as a reason.
    Word(String),
    /// A name of something that the workspace set up.
    Name(String),
}

pub(super) struct Detail {
    pub(super) contact: Option<ContactId>,
    pub(super) object: Object,
    pub(super) changes: Vec<Change>,
}

/// What was before, of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    contact: ContactId,
    queue: Queue,
    agent: Option<AgentId>,
    team: Option<TeamId>,
    until: Option<Timestamp>,
}

pub(super) fn of(rows: &mut Rows, fact: &Fact) -> Result<Detail, FoldError> {
    match &fact.event {
        Event::Conversation(event) => of_conversation(rows, ConversationId(fact.stream.id), event),
        Event::Contact(event) => {
            let contact = ContactId(fact.stream.id);
            let (object, changes) = of_contact(contact, event);
            Ok(Detail { contact: Some(contact), object, changes })
        }
        Event::Agent(event) => of_agent(rows, fact.stream, event),
        Event::Workspace(event) => workspace::of(rows, event),
        Event::Collection(event) => of_collection(rows, fact.stream, event),
        Event::Installation(event) => {
            let change = match event {
                I::ErasureCompleted { of } => now("of", Value::Event(*of)),
                I::StateDigested(digest) => return Ok(plain(Object::Installation, digested(digest))),
                I::LogMoved { size, root } => {
                    let changes = vec![now("size", number(*size)), now("root", Value::Word(root.to_string()))];
                    return Ok(plain(Object::Installation, changes));
                }
                I::GatewayAdmitted { gateway } => now("gateway", Value::Name(gateway.as_str().to_owned())),
                I::GatewayDismissed { gateway } => {
                    change("gateway", Some(Value::Name(gateway.as_str().to_owned())), None)
                }
                I::DataRead { what } => return Ok(plain(Object::Installation, read(*what))),
            };
            Ok(plain(Object::Installation, vec![change]))
        }
    }
}

/// What was read, and of which conversation if of one.
fn read(what: DataReading) -> Vec<Change> {
    let (kind, conversation) = match what {
        DataReading::AuditTrail => ("audit_trail", None),
        DataReading::Export => ("export", None),
        DataReading::AuditBundle => ("audit_bundle", None),
        DataReading::Facts => ("facts", None),
        DataReading::ConversationTrail(conversation) => ("conversation_trail", Some(conversation)),
        DataReading::Replay(conversation) => ("replay", Some(conversation)),
    };
    let of = conversation.map(|id| now("conversation", Value::Conversation(id)));
    std::iter::once(now("what", Value::Word(kind.to_owned()))).chain(of).collect()
}

fn digested(digest: &StateDigest) -> Vec<Change> {
    vec![
        now("after", number(digest.after)),
        now("upto", number(digest.upto)),
        now("state_at", number(digest.at)),
        now("conversations", number(digest.conversations)),
        now("hash", Value::Word(digest.hash.to_string())),
    ]
}

/// What was before, of a conversation.
fn standing_key(conversation: ConversationId) -> Key {
    Key::of(b'C').id(conversation.0)
}

/// What something of this kind is called, or which availability an agent has.
fn before_key(kind: u8, id: Uuid) -> Key {
    Key::of(b'V').byte(kind).id(id)
}

fn plain(object: Object, changes: Vec<Change>) -> Detail {
    Detail { contact: None, object, changes }
}

fn change(field: &str, before: Option<Value>, after: Option<Value>) -> Change {
    Change { field: field.to_owned(), before, after }
}

fn now(field: &str, value: Value) -> Change {
    change(field, None, Some(value))
}

/// A variant without fields as the word by which the API knows it.
fn word(variant: impl Debug) -> Value {
    let mut text = String::new();
    for letter in format!("{variant:?}").chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    Value::Word(text)
}

fn number(count: impl TryInto<i64>) -> Value {
    Value::Number(count.try_into().unwrap_or(i64::MAX))
}

fn owner_of(standing: &Standing) -> Option<Value> {
    standing.agent.map(Value::Agent).or(standing.team.map(Value::Team))
}

// One arm an event: the length is the vocabulary's.
#[allow(clippy::too_many_lines)]
fn of_conversation(rows: &mut Rows, id: ConversationId, event: &C) -> Result<Detail, FoldError> {
    let key = standing_key(id);
    let this = Object::Conversation(id);
    if let C::Started(started) = event {
        let contact = started.contact;
        rows.put(&key, Standing { contact, queue: Queue::New, agent: None, team: None, until: None });
        let previous = started.previous.map(|previous| now("previous", Value::Conversation(previous)));
        let mut changes = vec![now("channel", Value::Channel(started.channel))];
        changes.extend(previous);
        return Ok(Detail { contact: Some(contact), object: this, changes });
    }
    let missing = FoldError::Unexpected("a conversation that has not begun");
    let mut standing = rows.take::<Standing>(&key)?.ok_or(missing)?;
    let contact = Some(standing.contact);
    let was_owner = owner_of(&standing);
    let was_queue = Value::Queue(standing.queue);
    let (object, changes) = match event {
        C::Started(_) => (this, Vec::new()),
        C::MessageReceived(it) => (Object::Message(it.message), vec![now("kind", word(it.kind))]),
        C::MessageRedacted { message, rule, places } => {
            let rule = rule.map(|rule| now("rule", Value::Rule(rule)));
            (Object::Message(*message), rule.into_iter().chain([now("places", number(*places))]).collect())
        }
        C::ReplySent(it) => {
            let changes = vec![
                now("kind", word(it.kind)),
                now("channel", Value::Channel(it.channel)),
                now("origin", word(it.origin)),
            ];
            (Object::Message(it.reply), changes)
        }
        C::DeliveryAccepted { reply, .. } | C::DeliveryRetried { reply } => (Object::Message(*reply), Vec::new()),
        C::DeliveryFailed { reply, cause } => (Object::Message(*reply), vec![now("cause", word(cause))]),
        C::Assigned { to, cause } => {
            match to {
                Assignee::Agent(agent) => standing.agent = Some(*agent),
                Assignee::Team(team) => {
                    standing.agent = None;
                    standing.team = Some(*team);
                }
            }
            (this, vec![change("assignee", was_owner, owner_of(&standing)), now("cause", word(cause))])
        }
        C::Unassigned { cause } => {
            standing.agent = None;
            standing.team = None;
            (this, vec![change("assignee", was_owner, None), now("cause", word(cause))])
        }
        C::Pended { until } => {
            let was_until = std::mem::replace(&mut standing.until, *until);
            standing.queue = Queue::Pending;
            let mut changes = vec![change("queue", Some(was_queue), Some(Value::Queue(Queue::Pending)))];
            if was_until != *until {
                changes.push(change("until", was_until.map(Value::At), until.map(Value::At)));
            }
            (this, changes)
        }
        C::Resolved { reason, .. } => {
            standing.queue = Queue::Resolved;
            standing.until = None;
            let moved = change("queue", Some(was_queue), Some(Value::Queue(Queue::Resolved)));
            (this, vec![moved, now("reason", word(reason))])
        }
        C::ReturnedToNew { cause } => (this, returned(&mut standing, was_queue, *cause)),
        C::NoteAdded { note, on, .. } => {
            let on = on.map(|message| now("on", Value::Message(message)));
            (Object::Note(*note), on.into_iter().collect())
        }
        C::NoteEdited { note, .. } | C::NoteDeleted { note, .. } | C::NoteMasked { note, .. } => {
            (Object::Note(*note), Vec::new())
        }
        C::MessageRefused { message } | C::MessageMasked { message, .. } => (Object::Message(*message), Vec::new()),
        C::AttachmentMasked { message, attachment, .. } => {
            (Object::Attachment(*attachment), vec![now("message", Value::Message(*message))])
        }
        C::MessageLiked { message } => {
            (Object::Message(*message), vec![change("liked", Some(Value::Flag(false)), Some(Value::Flag(true)))])
        }
        C::MessageUnliked { message } => {
            (Object::Message(*message), vec![change("liked", Some(Value::Flag(true)), Some(Value::Flag(false)))])
        }
        C::ThreadBlocked => (this, vec![change("blocked", Some(Value::Flag(false)), Some(Value::Flag(true)))]),
        C::ThreadUnblocked => (this, vec![change("blocked", Some(Value::Flag(true)), Some(Value::Flag(false)))]),
        C::TopicAdded { topic } => (this, vec![now("topic", Value::Topic(*topic))]),
        C::TopicRemoved { topic } => (this, vec![change("topic", Some(Value::Topic(*topic)), None)]),
        C::PriorityChanged { priority, before } => {
            (this, vec![change("priority", Some(number(*before)), Some(number(*priority)))])
        }
        C::SlaBreached(breach) => {
            let changes = vec![
                now("metric", word(breach.metric)),
                now("policy", Value::SlaPolicy(breach.policy)),
                now("due", Value::At(breach.due)),
                now("clock", Value::Event(breach.clock)),
            ];
            (this, changes)
        }
        C::Locked { agent } => (this, vec![now("lock", Value::Agent(*agent))]),
        C::LockReleased { agent, cause } => {
            (this, vec![change("lock", Some(Value::Agent(*agent)), None), now("cause", word(cause))])
        }
        C::LockTakenOver { from, to } => {
            (this, vec![change("lock", Some(Value::Agent(*from)), Some(Value::Agent(*to)))])
        }
        C::RuleApplied { trigger } | C::RuleHeldBack { trigger } => {
            (this, vec![now("trigger", Value::Event(*trigger))])
        }
    };
    rows.put(&key, standing);
    Ok(Detail { contact, object, changes })
}

fn returned(standing: &mut Standing, was: Value, cause: ReturnCause) -> Vec<Change> {
    standing.queue = Queue::New;
    let mut changes = vec![change("queue", Some(was), Some(Value::Queue(Queue::New))), now("cause", word(cause))];
    if let Some(until) = standing.until.take() {
        changes.push(change("until", Some(Value::At(until)), None));
    }
    changes
}

fn of_contact(id: ContactId, event: &P) -> (Object, Vec<Change>) {
    let this = Object::Contact(id);
    match event {
        P::FirstSeen { channel, generation, .. } => {
            (this, vec![now("channel", Value::Channel(*channel)), now("generation", number(*generation))])
        }
        P::IdentityChanged { .. } | P::Forgotten { .. } => (this, Vec::new()),
        P::AttributeSet { key, .. } | P::AttributeRemoved { key, .. } => (Object::Attribute(key.clone()), Vec::new()),
        P::GroupJoined { group } => (this, vec![now("group", Value::Group(*group))]),
        P::GroupLeft { group } => (this, vec![change("group", Some(Value::Group(*group)), None)]),
        P::Blocked => (this, vec![change("blocked", Some(Value::Flag(false)), Some(Value::Flag(true)))]),
        P::Unblocked => (this, vec![change("blocked", Some(Value::Flag(true)), Some(Value::Flag(false)))]),
        P::MessageRefused { message } => (Object::Message(*message), Vec::new()),
    }
}

fn of_agent(rows: &mut Rows, stream: StreamId, event: &A) -> Result<Detail, FoldError> {
    debug_assert_eq!(stream.kind, StreamKind::Agent);
    let this = Object::Agent(AgentId(stream.id));
    Ok(match event {
        A::SignedIn { session } => plain(Object::Session(*session), Vec::new()),
        A::SignedOut { session, cause } => plain(Object::Session(*session), vec![now("cause", word(cause))]),
        A::AvailabilityChanged { availability, cause } => {
            let key = before_key(b'a', stream.id);
            let before = rows.take::<Availability>(&key)?;
            rows.put(&key, *availability);
            let changed =
                change("availability", before.map(availability_value), Some(availability_value(*availability)));
            plain(this, vec![changed, now("cause", word(cause))])
        }
        A::PreferencesChanged { preferences } => plain(this, definitions::preferences(rows, stream.id, preferences)?),
        A::NotificationsRead { .. } | A::ConnectionLost | A::ConnectionRestored => plain(this, Vec::new()),
        A::BulkBegun { act, conversations, .. } => {
            let act = match act {
                BulkAct::Resolve(reason) => now("resolve", word(reason)),
                BulkAct::Assign(Assignee::Agent(agent)) => now("assign", Value::Agent(*agent)),
                BulkAct::Assign(Assignee::Team(team)) => now("assign", Value::Team(*team)),
                BulkAct::Unassign => now("assign", Value::Flag(false)),
                BulkAct::AddTopic(topic) => now("add_topic", Value::Topic(*topic)),
                BulkAct::RemoveTopic(topic) => now("remove_topic", Value::Topic(*topic)),
            };
            plain(this, vec![act, now("conversations", number(conversations.len()))])
        }
        A::BulkEnded { end, .. } => {
            let counts = [("done", end.done), ("unchanged", end.unchanged), ("refused", end.refused)];
            let counts = counts.into_iter().map(|(field, count)| now(field, number(count)));
            plain(this, counts.chain([now("cancelled", Value::Flag(end.cancelled))]).collect())
        }
        A::ConversationClaimed { conversation, cause } => {
            plain(Object::Conversation(*conversation), vec![now("cause", word(cause))])
        }
        A::ConversationFreed { conversation, cause } => {
            plain(Object::Conversation(*conversation), vec![now("cause", word(cause))])
        }
    })
}

fn availability_value(availability: Availability) -> Value {
    match availability {
        Availability::Available => Value::Word("available".into()),
        Availability::Away => Value::Word("away".into()),
        Availability::AwayFor(status) => Value::AwayStatus(status),
    }
}

fn of_collection(rows: &mut Rows, stream: StreamId, event: &S) -> Result<Detail, FoldError> {
    let this = Object::Collection(CollectionId(stream.id));
    Ok(match event {
        S::CollectionCreated { owner, name } => {
            let owner = match owner {
                CollectionOwner::Team(team) => Value::Team(*team),
                CollectionOwner::Agent(agent) => Value::Agent(*agent),
            };
            let named = renamed(rows, b'c', stream.id, name)?;
            plain(this, vec![now("owner", owner), named])
        }
        S::CollectionRenamed { name } => plain(this, vec![renamed(rows, b'c', stream.id, name)?]),
        S::CollectionDeleted { .. } => {
            let name = rows.take::<String>(&before_key(b'c', stream.id))?;
            plain(this, vec![change("name", name.map(Value::Name), None)])
        }
        S::SavedReplyAdded { reply, .. } | S::SavedReplyEdited { reply, .. } | S::SavedReplyDeleted { reply, .. } => {
            plain(Object::SavedReply(*reply), Vec::new())
        }
    })
}

/// Takes note of a name, and says which one was before.
fn renamed(rows: &mut Rows, kind: u8, id: Uuid, name: &str) -> Result<Change, FoldError> {
    let key = before_key(kind, id);
    let before = rows.take::<String>(&key)?;
    rows.put(&key, name.to_owned());
    Ok(change("name", before.map(Value::Name), Some(Value::Name(name.to_owned()))))
}
