//! Random histories of a care desk, decided by the real deciders: the same seed gives the same facts. For tests and
//! measurements.

mod traffic;

pub use traffic::Traffic;

use clew_domain::agent::{Agent, Availability, Command as AgentCommand, SignOutCause};
use clew_domain::contact::{AttributeKey, Command as ContactCommand, Contact};
use clew_domain::content::{Commitment, ContactNumber, ContentId, ContentRef};
use clew_domain::conversation::{
    Assignee, AssignmentCause, Attachment, Command, ContentSpan, Conversation, DeliveryFailure, Direction, MessageKind,
    MessageReceived, Opening, Outcome, Queue, Receive, ReleaseCause, ReplyContext, ReplyMode, ReplyOrigin, ReplySent,
    ResolveReason, ReturnCause, SendReply, Started, State, Then, UnassignmentCause, Visibility,
};
use clew_domain::decider::Decider;
use clew_domain::derive;
use clew_domain::fact::{Actor, Aggregate, CommandMeta, Fact, Position, facts_of};
use clew_domain::ids::{
    AgentId, AttachmentId, BulkId, ChannelId, CollectionId, CommandId, ContactId, ConversationId, GroupId, MessageId,
    NoteId, PublicRootId, SavedReplyId, SessionId, StreamId, TeamId, ThreadId, TopicId,
};
use clew_domain::saved_reply::{Collection, CollectionOwner, Command as CollectionCommand};
use clew_domain::time::Timestamp;
use std::collections::BTreeMap;
use uuid::Uuid;

/// How many of each thing there are.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Contacts that write.
    pub contacts: u64,
    /// Agents.
    pub agents: u64,
    /// Channels; odd ones are public.
    pub channels: u64,
    /// Teams and topics, so many of each.
    pub labels: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self { contacts: 12, agents: 4, channels: 3, labels: 3 }
    }
}

/// A history in the making.
pub struct History {
    random: u64,
    size: Size,
    now: Timestamp,
    facts: Vec<Fact>,
    sequence: u64,
    /// The version that the settings are at.
    settings: u64,
    contents: u64,
    threads: BTreeMap<(u64, u64), u32>,
    conversations: BTreeMap<ConversationId, State>,
    order: Vec<ConversationId>,
    contacts: BTreeMap<u64, Known<Contact>>,
    agents: BTreeMap<u64, Known<Agent>>,
    collections: BTreeMap<u64, Known<Collection>>,
}

/// An aggregate as far as the history went.
struct Known<A: Aggregate> {
    version: u64,
    state: A::State,
}

impl<A: Aggregate> Default for Known<A> {
    fn default() -> Self {
        Self { version: 0, state: A::State::default() }
    }
}

/// The `n`-th channel of every history.
pub fn channel(n: u64) -> ChannelId {
    ChannelId(Uuid::from_u64_pair(1, n + 1))
}

/// The `n`-th agent of every history.
pub fn agent(n: u64) -> AgentId {
    AgentId(Uuid::from_u64_pair(2, n + 1))
}

/// The `n`-th team of every history.
pub fn team(n: u64) -> TeamId {
    TeamId(Uuid::from_u64_pair(3, n + 1))
}

/// The `n`-th topic of every history.
pub fn topic(n: u64) -> TopicId {
    TopicId(Uuid::from_u64_pair(4, n + 1))
}

/// The `n`-th contact of every history.
pub fn contact(n: u64) -> ContactId {
    ContactId(Uuid::from_u64_pair(5, n + 1))
}

impl History {
    /// An empty one.
    pub fn new(seed: u64, size: Size) -> Self {
        Self {
            random: seed,
            size,
            now: Timestamp::from_micros(1_585_000_000_000_000),
            facts: Vec::new(),
            sequence: 0,
            settings: 0,
            contents: 0,
            threads: BTreeMap::new(),
            conversations: BTreeMap::new(),
            order: Vec::new(),
            contacts: BTreeMap::new(),
            agents: BTreeMap::new(),
            collections: BTreeMap::new(),
        }
    }

    /// A history of at least so many facts.
    pub fn facts(seed: u64, at_least: usize) -> Vec<Fact> {
        let mut history = Self::new(seed, Size::default());
        while history.facts.len() < at_least {
            history.step();
        }
        history.facts
    }

    /// Goes on by one command, and gives the facts since the last call.
    pub fn advance(&mut self) -> Vec<Fact> {
        self.step();
        std::mem::take(&mut self.facts)
    }

    /// How each conversation stands, as its decider knows it.
    pub fn conversations(&self) -> &BTreeMap<ConversationId, State> {
        &self.conversations
    }

    /// A number below `below`.
    fn roll(&mut self, below: u64) -> u64 {
        // SplitMix64 (Steele, Lea and Flood 2014).
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.roll(u64::MAX), self.roll(u64::MAX))
    }

    fn content(&mut self) -> ContentRef {
        self.contents += 1;
        let mut commitment = [7; 32];
        commitment[..8].copy_from_slice(&self.contents.to_be_bytes());
        ContentRef { id: ContentId(self.contents), commitment: Commitment(commitment) }
    }

    fn an_agent(&mut self) -> AgentId {
        agent(self.roll(self.size.agents))
    }

    fn meta(&mut self, actor: Actor) -> CommandMeta {
        CommandMeta::first(CommandId(self.id()), actor, self.now, self.settings)
    }

    fn step(&mut self) {
        self.now = self.now.plus_micros(i64::try_from(self.roll(90_000_000)).unwrap_or(0));
        match self.roll(100) {
            0..3 => self.contact_step(),
            3..6 => self.agent_step(),
            6..8 => self.collection_step(),
            8..35 => self.receive(),
            _ => self.conversation_step(),
        }
    }

    fn append<A: Aggregate>(&mut self, stream: StreamId, version: u64, meta: &CommandMeta, events: Vec<A::Event>) {
        for (offset, body) in (1..).zip(facts_of::<A>(meta, events)) {
            self.sequence += 1;
            let position = Position { partition: 0, sequence: self.sequence };
            let recorded_at = self.now;
            if stream == StreamId::WORKSPACE {
                self.settings = version + offset;
            }
            self.facts.push(Fact { position, stream, version: version + offset, recorded_at, body });
        }
    }

    fn act(&mut self, id: ConversationId, actor: Actor, command: &Command) {
        let meta = self.meta(actor);
        let state = self.conversations.get(&id).cloned().unwrap_or_default();
        let Ok(events) = Conversation::decide(&state, &meta, command) else { return };
        if events.is_empty() {
            return;
        }
        let mut after = state.clone();
        for event in &events {
            Conversation::evolve(&mut after, event);
        }
        self.append::<Conversation>(id.into(), state.version, &meta, events);
        if self.conversations.insert(id, after).is_none() {
            self.order.push(id);
        }
    }

    fn decide<A: Aggregate>(&mut self, stream: StreamId, actor: Actor, known: &mut Known<A>, command: &A::Command) {
        let meta = self.meta(actor);
        let Ok(events) = A::decide(&known.state, &meta, command) else { return };
        let before = known.version;
        for event in &events {
            A::evolve(&mut known.state, event);
            known.version += 1;
        }
        self.append::<A>(stream, before, &meta, events);
    }

    fn contact_command(&mut self, n: u64, actor: Actor, command: &ContactCommand) {
        let mut known = self.contacts.remove(&n).unwrap_or_default();
        self.decide(contact(n).into(), actor, &mut known, command);
        self.contacts.insert(n, known);
    }

    fn contact_step(&mut self) {
        let n = self.roll(self.size.contacts);
        if !self.contacts.contains_key(&n) {
            return;
        }
        let group = GroupId(Uuid::from_u64_pair(7, self.roll(2)));
        let key: AttributeKey = ["city", "plan"][usize::try_from(self.roll(2)).unwrap_or(0)].parse().expect("a key");
        let command = match self.roll(9) {
            0..3 => ContactCommand::SetAttribute { key, value: self.content() },
            3 => ContactCommand::RemoveAttribute { key },
            4 => ContactCommand::JoinGroup { group },
            5 => ContactCommand::LeaveGroup { group },
            6 => ContactCommand::Block,
            7 => ContactCommand::Unblock,
            _ => ContactCommand::ChangeIdentity { identity: self.content() },
        };
        let actor = Actor::Agent(self.an_agent());
        self.contact_command(n, actor, &command);
    }

    fn agent_step(&mut self) {
        let n = self.roll(self.size.agents);
        let mut known = self.agents.remove(&n).unwrap_or_default();
        let session = SessionId(Uuid::from_u64_pair(8, self.roll(3)));
        let command = match self.roll(6) {
            0..2 => AgentCommand::SignIn { session },
            2 => AgentCommand::SignOut { session, cause: SignOutCause::ByHand },
            3 => AgentCommand::SetAvailability { availability: Availability::Available },
            4 => AgentCommand::SetAvailability { availability: Availability::Away },
            _ => AgentCommand::ReadNotifications { up_to: vec![self.sequence] },
        };
        self.decide(agent(n).into(), Actor::Agent(agent(n)), &mut known, &command);
        self.agents.insert(n, known);
    }

    fn collection_step(&mut self) {
        let n = self.roll(self.size.agents);
        let mut known = self.collections.remove(&n).unwrap_or_default();
        let reply = SavedReplyId(Uuid::from_u64_pair(9, self.roll(4)));
        let command = match self.roll(8) {
            0..2 => CollectionCommand::Create { owner: CollectionOwner::Agent(agent(n)), name: "kept".into() },
            2..5 => CollectionCommand::AddReply { reply, content: self.content() },
            5 => CollectionCommand::EditReply { reply, content: self.content() },
            6 => CollectionCommand::DeleteReply { reply },
            _ => CollectionCommand::Rename { name: format!("kept {}", self.roll(9)) },
        };
        let stream = CollectionId(Uuid::from_u64_pair(10, n)).into();
        self.decide(stream, Actor::Agent(agent(n)), &mut known, &command);
        self.collections.insert(n, known);
    }

    fn receive(&mut self) {
        let (contact_n, channel_n) = (self.roll(self.size.contacts), self.roll(self.size.channels));
        let reopens = self.roll(4) == 0;
        self.receive_from(contact_n, channel_n, reopens);
    }

    /// The thread of a contact on a channel, and its public root.
    fn thread(contact_n: u64, channel_n: u64) -> (ThreadId, Option<PublicRootId>) {
        let root = (channel_n % 2 == 1).then(|| PublicRootId(Uuid::from_u64_pair(6, contact_n)));
        (derive::thread(channel(channel_n), contact(contact_n), root), root)
    }

    /// The latest conversation of a contact on a channel.
    fn current(&self, contact_n: u64, channel_n: u64) -> ConversationId {
        let number = *self.threads.get(&(contact_n, channel_n)).unwrap_or(&1);
        derive::conversation(Self::thread(contact_n, channel_n).0, number)
    }

    /// A resolved conversation and its contact do not come up again.
    fn forget(&mut self, id: ConversationId, contact_n: u64) {
        self.conversations.remove(&id);
        self.contacts.remove(&contact_n);
        self.order.clear();
    }

    /// A contact writes.
    fn receive_from(&mut self, contact_n: u64, channel_n: u64, reopens: bool) -> ConversationId {
        if !self.contacts.contains_key(&contact_n) {
            let identity = self.content();
            let command = ContactCommand::SeeFirst {
                number: ContactNumber(contact_n + 1),
                channel: channel(channel_n),
                generation: 0,
                identity,
            };
            self.contact_command(contact_n, Actor::Contact(contact(contact_n)), &command);
        }
        let (thread, root) = Self::thread(contact_n, channel_n);
        let public = root.is_some();
        let number = *self.threads.get(&(contact_n, channel_n)).unwrap_or(&1);
        let resolved = |it: &State| it.queue == Queue::Resolved;
        let before = derive::conversation(thread, number);
        let number = number + u32::from(!reopens && self.conversations.get(&before).is_some_and(resolved));
        self.threads.insert((contact_n, channel_n), number);
        let started = Started {
            contact: contact(contact_n),
            channel: channel(channel_n),
            thread,
            root,
            number,
            previous: (number > 1).then(|| derive::conversation(thread, number - 1)),
            visibility: if public { Visibility::Public } else { Visibility::Private },
        };
        let attachments = if self.roll(8) == 0 { vec![self.attachment()] } else { Vec::new() };
        let groups = self.contacts.get(&contact_n).map(|known| known.state.groups.iter().copied().collect());
        let message = MessageReceived {
            message: MessageId(self.id()),
            content: self.content(),
            kind: if public { MessageKind::Tweet } else { MessageKind::WhatsApp },
            answers: None,
            attachments,
            groups,
        };
        let redactions = if self.roll(20) == 0 { vec![(None, 1)] } else { Vec::new() };
        let team = (self.roll(3) == 0).then(|| team(channel_n % self.size.labels));
        let receive = Receive { opening: Opening { started, team }, message, redactions, reopens };
        let id = derive::conversation(thread, number);
        self.act(id, Actor::Contact(contact(contact_n)), &Command::Receive(receive));
        id
    }

    fn attachment(&mut self) -> Attachment {
        let label = self.content();
        self.contents += 2;
        Attachment {
            id: AttachmentId(self.id()),
            label,
            body: ContentSpan { first: ContentId(self.contents - 1), count: 2 },
            commitment: Commitment([9; 32]),
        }
    }

    fn conversation_step(&mut self) {
        if self.order.is_empty() {
            return;
        }
        // Mostly the newest ones, as at a desk.
        let many = self.order.len() as u64;
        let back = self.roll(many).min(self.roll(many)).min(self.roll(many));
        let id = self.order[usize::try_from(many - 1 - back).unwrap_or(0)];
        let state = self.conversations[&id].clone();
        let who = self.an_agent();
        let actor = Actor::Agent(who);
        if let Some(command) = self.command(&state, who) {
            self.act(id, actor, &command);
        }
    }

    fn one_of<T: Clone>(&mut self, things: impl Iterator<Item = T>) -> Option<T> {
        let things: Vec<T> = things.collect();
        let many = things.len() as u64;
        (many > 0).then(|| things[usize::try_from(self.roll(many)).unwrap_or(0)].clone())
    }

    // One arm a command: the length is the vocabulary's.
    #[allow(clippy::too_many_lines)]
    fn command(&mut self, state: &State, who: AgentId) -> Option<Command> {
        let message = self.one_of(state.messages.keys().copied());
        let reply =
            self.one_of(state.messages.iter().filter(|(_, it)| it.direction == Direction::Out).map(|(id, _)| *id));
        let note = self.one_of(state.notes.keys().copied());
        let until = (self.roll(2) == 0).then(|| self.now.plus_secs(3_600));
        let label = self.roll(self.size.labels);
        Some(match self.roll(40) {
            0..8 => self.reply(state, who)?,
            8..12 => {
                let reply = reply?;
                let receipt = (self.roll(2) == 0).then(|| self.content());
                Command::ReportDelivery { reply, outcome: Outcome::Accepted { receipt } }
            }
            12 => Command::ReportDelivery { reply: reply?, outcome: Outcome::Failed(DeliveryFailure::Refused) },
            13 => Command::RetryDelivery { reply: reply? },
            14..17 => {
                let to = if self.roll(3) == 0 { Assignee::Team(team(label)) } else { Assignee::Agent(self.an_agent()) };
                Command::Assign { to, cause: AssignmentCause::ByHand }
            }
            17 => Command::Unassign { cause: UnassignmentCause::ByHand },
            18..21 => Command::Pend { until },
            21..24 => {
                let bulk = if self.roll(3) == 0 { Some(BulkId(self.id())) } else { None };
                Command::Resolve { reason: ResolveReason::Answered, bulk }
            }
            24 => Command::ReturnToNew { cause: ReturnCause::ByHand },
            25 => Command::AddNote { note: NoteId(self.id()), content: self.content(), on: message },
            26 => Command::EditNote { note: note?, content: self.content() },
            27 => Command::DeleteNote { note: note? },
            28 => Command::MaskNote { note: note? },
            29 => Command::MaskMessage { message: message? },
            30 => {
                let message = message?;
                let attachment = state.messages[&message].attachments.first()?.id;
                Command::MaskAttachment { message, attachment }
            }
            31 => Command::Like { message: message? },
            32 => Command::Unlike { message: message? },
            33 if state.blocked => Command::UnblockThread,
            33 => Command::BlockThread,
            34 => Command::AddTopic { topic: topic(label) },
            35 => Command::RemoveTopic { topic: topic(label) },
            36 => Command::SetPriority { priority: i16::try_from(self.roll(5)).unwrap_or(0) - 2 },
            37 => Command::Lock { agent: who },
            38 => Command::TakeOverLock { agent: who },
            _ => Command::ReleaseLock { agent: who, cause: ReleaseCause::Left },
        })
    }

    fn reply(&mut self, state: &State, who: AgentId) -> Option<Command> {
        let started = state.started?;
        let origin = if self.roll(5) == 0 { ReplyOrigin::Channel } else { ReplyOrigin::Desk };
        let attachments = if self.roll(8) == 0 { vec![self.attachment()] } else { Vec::new() };
        let reply = ReplySent {
            reply: MessageId(self.id()),
            content: self.content(),
            kind: if started.root.is_some() { MessageKind::Tweet } else { MessageKind::WhatsApp },
            channel: started.channel,
            mode: ReplyMode::Plain,
            attachments,
            origin,
        };
        if origin == ReplyOrigin::Channel {
            return Some(Command::RecordReply { opening: Opening { started, team: None }, reply });
        }
        let then = match self.roll(6) {
            0 => Then::Pend(None),
            1 => Then::Resolve(ResolveReason::Answered),
            _ => Then::Stay,
        };
        Some(sending(state, who, reply, then))
    }

    /// An agent's answer, and what is done with the conversation.
    fn answer(&mut self, state: &State, who: AgentId, then: Then) -> Option<Command> {
        let started = state.started?;
        let reply = ReplySent {
            reply: MessageId(self.id()),
            content: self.content(),
            kind: if started.root.is_some() { MessageKind::Tweet } else { MessageKind::WhatsApp },
            channel: started.channel,
            mode: ReplyMode::Plain,
            attachments: Vec::new(),
            origin: ReplyOrigin::Desk,
        };
        Some(sending(state, who, reply, then))
    }
}

fn sending(state: &State, who: AgentId, reply: ReplySent, then: Then) -> Command {
    let context = ReplyContext { agent: Some(who), seen: state.version, first_response_assigns: true };
    Command::SendReply(SendReply { reply, context, then })
}
