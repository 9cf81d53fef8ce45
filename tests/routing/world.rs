//! A store with a workspace in it, what can happen there, and the invariants, read back from the log alone.

use crate::support;
use clew_domain::agent::{self, Agent, AgentState, Availability, SignOutCause};
use clew_domain::content::{Commitment, ContentId, ContentRef};
use clew_domain::conversation::{
    self, Conversation, MessageKind, MessageReceived, Opening, Queue, Receive, Started, Visibility,
};
use clew_domain::decider::Decider;
use clew_domain::fact::{Actor, Aggregate, CommandMeta, Event, Fact, facts_of};
use clew_domain::ids::{
    AgentId, ChannelId, CommandId, ContactId, ConversationId, MessageId, SessionId, StreamId, StreamKind, TeamId,
    ThreadId,
};
use clew_domain::time::Timestamp;
use clew_domain::workspace::{self, ChannelKind, ChannelProfile, Role, Settings, Workspace, WorkspaceEvent};
use clew_eventstore::backends::memory;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{Commit, EventStore, StreamWrite};
use clew_eventstore::transact::transact;
use clew_gateway::clock::Clock;
use clew_gateway::distributor::{Distributor, Kept};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

pub(super) const HELD_MAX: u16 = 2;
/// After so many facts what a distributor knows is kept.
const KEPT_EVERY_FACTS: u64 = 2_000;
pub(super) const CHANNEL: ChannelId = ChannelId(Uuid::from_u128(1));
const CONTACT: ContactId = ContactId(Uuid::from_u128(2));

pub(super) struct World {
    pub(super) store: Arc<memory::Store>,
    now: Arc<AtomicI64>,
    running: Vec<(watch::Sender<bool>, JoinHandle<()>)>,
    /// Where each distributor keeps what it knows.
    kept: TempDir,
    sessions: BTreeMap<AgentId, SessionId>,
    made: u128,
    /// The version of the workspace's stream.
    settings: u64,
}

/// What the log says of who has what.
pub(super) struct Picture {
    pub(super) conversations: BTreeMap<ConversationId, (conversation::State, Timestamp)>,
    pub(super) agents: BTreeMap<AgentId, AgentState>,
}

impl World {
    pub(super) async fn new(agents: u128) -> Self {
        let now = Arc::new(AtomicI64::new(1_750_000_000_000_000));
        let told = Arc::clone(&now);
        let clock = Box::new(move || Timestamp::from_micros(told.fetch_add(1, Ordering::SeqCst)));
        let store = Arc::new(memory::Store::new(support::partitions(), clock, None));
        let (running, sessions, kept) = (Vec::new(), BTreeMap::new(), tempfile::tempdir().expect("a directory"));
        let mut world = Self { store, now, running, kept, sessions, made: 1_000, settings: 0 };
        let settings = Settings { conversations_per_agent_max: HELD_MAX, ..Settings::default() };
        world.set(workspace::Command::Create { name: "Desk".into() }).await;
        world.set(workspace::Command::ChangeSettings { settings }).await;
        world.connect(CHANNEL, "Letters").await;
        world.open_accounts(agents).await;
        world
    }

    pub(super) async fn connect(&mut self, channel: ChannelId, name: &str) {
        let profile = ChannelProfile {
            kind: ChannelKind::Generic,
            name: name.into(),
            visibility: Visibility::Private,
            reopens: false,
            team: None,
            reply_characters_max: None,
        };
        self.set(workspace::Command::ConnectChannel { channel, profile }).await;
    }

    async fn open_accounts(&mut self, agents: u128) {
        let opened = |n| {
            let (login, roles) = (format!("agent{n}"), BTreeSet::from([Role::Agent]));
            WorkspaceEvent::AccountOpened { agent: agent(n), name: login.clone(), login, roles }
        };
        self.write_settings((0..agents).map(opened).collect()).await;
    }

    pub(super) async fn join(&mut self, team: TeamId, members: Vec<AgentId>) {
        let added = |agent| WorkspaceEvent::TeamMemberAdded { team, agent };
        self.write_settings(members.into_iter().map(added).collect()).await;
    }

    /// Writes many facts at once: deciding on each would read the whole workspace for each.
    async fn write_settings(&mut self, events: Vec<WorkspaceEvent>) {
        for events in events.chunks(500) {
            self.made += 1;
            let command = CommandId(Uuid::from_u128(self.made));
            let meta = CommandMeta::first(command, Actor::System, self.now(), self.settings);
            let facts = facts_of::<Workspace>(&meta, events.to_vec());
            let write = StreamWrite { stream: StreamId::WORKSPACE, expected: self.settings, facts };
            let done = self.store.append(Commit { writes: vec![write], contents: Vec::new() }).await;
            self.settings = done.expect("memory can be written").versions[0];
        }
    }

    pub(super) async fn set(&mut self, command: workspace::Command) {
        self.act::<Workspace>(StreamId::WORKSPACE, &command).await;
        let written = self.store.read_stream(StreamId::WORKSPACE, self.settings).await.expect("memory can be read");
        self.settings += u64::try_from(written.len()).expect("small");
    }

    async fn act<A: Aggregate>(&mut self, stream: StreamId, command: &A::Command) {
        self.made += 1;
        let actor = if A::STREAM == StreamKind::Conversation { Actor::Contact(CONTACT) } else { Actor::System };
        let meta = CommandMeta::first(CommandId(Uuid::from_u128(self.made)), actor, self.now(), self.settings);
        // What is refused here is refused to an agent as well; the log is what counts.
        let _ = transact::<A>(self.store.as_ref(), stream, &meta, command, Vec::new()).await;
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.fetch_add(1, Ordering::SeqCst))
    }

    pub(super) fn pass(&self, secs: i64) {
        self.now.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }

    /// Starts a distributor beside those that run. It knows what the one in its place had kept.
    pub(super) fn start(&mut self) {
        let (store, clock) = (Arc::clone(&self.store) as Arc<dyn EventStore>, self.clock());
        let kept = self.kept.path().join(self.running.len().to_string());
        let kept = Kept::at(&kept, KEPT_EVERY_FACTS, Duration::ZERO);
        let (stop, stopping) = watch::channel(false);
        let run = async move { Distributor::resume(store, clock, kept).await.run(stopping).await };
        self.running.push((stop, tokio::spawn(run)));
    }

    pub(super) fn clock(&self) -> Clock {
        let told = Arc::clone(&self.now);
        Clock::from_fn(move || Timestamp::from_micros(told.fetch_add(1, Ordering::SeqCst)))
    }

    /// Ends every distributor wherever it is, as a crash of its server would.
    pub(super) async fn crash(&mut self) {
        for (_, running) in self.running.drain(..) {
            running.abort();
            // It ends as one that was cancelled, which is what was asked.
            let _ = running.await;
        }
    }

    /// Ends every distributor in good order: what it knows is kept.
    pub(super) async fn stop(&mut self) {
        for (stop, running) in self.running.drain(..) {
            stop.send_replace(true);
            running.await.expect("it ends");
        }
    }

    pub(super) async fn arrive(&mut self) -> ConversationId {
        self.arrive_on(CHANNEL).await
    }

    pub(super) async fn arrive_on(&mut self, channel: ChannelId) -> ConversationId {
        self.made += 1;
        let id = Uuid::from_u128(self.made);
        let started = Started {
            contact: CONTACT,
            channel,
            thread: ThreadId(id),
            root: None,
            number: 1,
            previous: None,
            visibility: Visibility::Private,
        };
        self.write(ConversationId(id), started).await;
        ConversationId(id)
    }

    /// The contact writes in a conversation.
    pub(super) async fn write(&mut self, id: ConversationId, started: Started) {
        self.made += 1;
        let message = MessageReceived {
            message: MessageId(Uuid::from_u128(self.made)),
            content: ContentRef { id: ContentId(1), commitment: Commitment([0; 32]) },
            kind: MessageKind::PrivateMessage,
            answers: None,
            attachments: Vec::new(),
            groups: None,
        };
        let opening = Opening { started, team: None };
        let receive = Receive { opening, message, redactions: Vec::new(), reopens: false };
        self.act::<Conversation>(id.into(), &conversation::Command::Receive(receive)).await;
    }

    pub(super) async fn on(&mut self, id: ConversationId, command: conversation::Command) {
        self.act::<Conversation>(id.into(), &command).await;
    }

    pub(super) async fn sign_in(&mut self, agent: AgentId) {
        if !self.sessions.contains_key(&agent) {
            self.made += 1;
            let session = SessionId(Uuid::from_u128(self.made));
            self.sessions.insert(agent, session);
            self.act::<Agent>(agent.into(), &agent::Command::SignIn { session }).await;
        }
        self.set_availability(agent, Availability::Available).await;
    }

    pub(super) async fn sign_out(&mut self, agent: AgentId) {
        let Some(session) = self.sessions.remove(&agent) else { return };
        let cause = SignOutCause::ByHand;
        self.act::<Agent>(agent.into(), &agent::Command::SignOut { session, cause }).await;
    }

    pub(super) async fn lose_connection(&mut self, agent: AgentId) {
        self.act::<Agent>(agent.into(), &agent::Command::LoseConnection).await;
    }

    pub(super) async fn set_availability(&mut self, agent: AgentId, availability: Availability) {
        self.act::<Agent>(agent.into(), &agent::Command::SetAvailability { availability }).await;
    }

    /// Waits until nothing more is done. While the runtime's clock is paused a sleep ends as soon as all else waits.
    pub(super) async fn settled(&self) {
        loop {
            let head = self.store.head();
            tokio::time::sleep(Duration::from_millis(50)).await;
            if self.store.head() == head {
                return;
            }
        }
    }

    /// What was written since somebody looked last, in the order in which it was.
    pub(super) async fn news(&self, seen: &mut Cursor) -> Vec<Fact> {
        let mut news = Vec::new();
        for partition in 0..self.store.partitions() {
            news.extend(self.store.read_all(seen.position(partition), usize::MAX).await.expect("memory can be read"));
        }
        for fact in &news {
            seen.advance(fact.position);
        }
        // No two commits are recorded at one instant.
        news.sort_by_key(|fact| fact.recorded_at);
        news
    }

    pub(super) async fn picture(&self) -> Picture {
        let facts = self.news(&mut Cursor::default()).await;
        let mut picture = Picture { conversations: BTreeMap::new(), agents: BTreeMap::new() };
        for fact in &facts {
            match &fact.event {
                Event::Conversation(event) => {
                    let id = ConversationId(fact.stream.id);
                    let (state, _) = picture
                        .conversations
                        .entry(id)
                        .or_insert_with(|| (conversation::State::default(), fact.occurred_at));
                    Conversation::evolve(state, event);
                }
                Event::Agent(event) => {
                    let state = picture.agents.entry(AgentId(fact.stream.id)).or_default();
                    Agent::evolve(state, event);
                    if let agent::AgentEvent::ConversationClaimed { cause: agent::ClaimCause::Distribution, .. } = event
                    {
                        let held = state.holds.len();
                        assert!(held <= usize::from(HELD_MAX), "given over the limit: {held}");
                        assert_eq!(state.availability, Availability::Available, "given to one who is away");
                    }
                }
                _ => {}
            }
        }
        picture
    }
}

impl Picture {
    /// What holds whenever nothing more is to be done.
    pub(super) fn check(&self) {
        let waiting = || self.conversations.iter().filter(|(_, (it, _))| it.queue == Queue::New && it.agent.is_none());
        for (agent, state) in &self.agents {
            let owns = |it: &conversation::State| it.queue == Queue::New && it.agent == Some(*agent);
            let owned: BTreeSet<ConversationId> =
                self.conversations.iter().filter(|(_, (it, _))| owns(it)).map(|(id, _)| *id).collect();
            assert_eq!(state.holds, owned, "what {agent} holds is not what they own in New");
            let room = state.availability == Availability::Available && owned.len() < usize::from(HELD_MAX);
            assert!(!room || waiting().next().is_none(), "something waits while {agent} has room");
            assert!(!state.sessions.is_empty() || owned.is_empty(), "{agent} went home with work in New");
            let opened = self.conversations.values().any(|(it, _)| it.lock == Some(*agent));
            assert!(!opened || (!state.sessions.is_empty() && !state.lost), "{agent} is gone and has one open");
        }
    }
}

pub(super) fn agent(n: u128) -> AgentId {
    AgentId(Uuid::from_u128(0xA6E_0000 + n))
}
