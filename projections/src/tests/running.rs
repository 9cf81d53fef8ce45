//! Projections over a real store: they keep up, answer what was waited for, and one that fails stands alone.

use crate::feed::{Next, Notice};
use crate::registry::{Options, Projections};
use crate::status::State;
use clew_domain::conversation::{
    Assignee, AssignmentCause, ConversationEvent as E, Started, UnassignmentCause, Visibility,
};
use clew_domain::derive;
use clew_domain::fact::{Actor, Event, NewFact, Position};
use clew_domain::ids::{AgentId, CommandId, CorrelationId, EventId, StreamId};
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceEvent;
use clew_eventstore::backends::memory;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{Commit, EventStore, StreamWrite};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(10);

struct Desk {
    store: Arc<memory::Store>,
}

impl Desk {
    fn new() -> Self {
        Self { store: Arc::new(memory::Store::default()) }
    }

    async fn append(&self, stream: StreamId, expected: u64, events: Vec<Event>) -> Position {
        let fact = |event| NewFact {
            id: EventId(Uuid::new_v4()),
            occurred_at: Timestamp::from_micros(1),
            actor: Actor::System,
            command: CommandId(Uuid::nil()),
            causation: None,
            correlation: CorrelationId(Uuid::nil()),
            settings_version: 0,
            event,
        };
        let facts = events.into_iter().map(fact).collect();
        let writes = vec![StreamWrite { stream, expected, facts }];
        self.store.append(Commit { writes, contents: Vec::new() }).await.unwrap().last
    }

    async fn open(&self) -> Arc<Projections> {
        Projections::open(None, Arc::clone(&self.store) as Arc<dyn EventStore>, Options::default()).await.unwrap()
    }
}

fn started(n: u128) -> Started {
    let thread = clew_domain::ids::ThreadId(Uuid::from_u128(n));
    Started {
        contact: crate::histories::contact(0),
        channel: crate::histories::channel(0),
        thread,
        root: None,
        number: 1,
        previous: None,
        visibility: Visibility::Private,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_can_be_read_once_it_was_waited_for() {
    let desk = Desk::new();
    let projections = desk.open().await;
    for n in 1..50 {
        let id = derive::conversation(started(n).thread, 1);
        let position = desk.append(id.into(), 0, vec![Event::Conversation(E::Started(started(n)))]).await;
        projections.wait_for(&Cursor::at(position), SOON).await.unwrap();
        assert!(projections.queues().row(id).unwrap().is_some());
        assert_eq!(projections.threads().latest(started(n).thread), Ok(Some(1)));
    }
    assert!(projections.status().iter().all(|it| it.state == State::Running && it.lag_events == 0));
    projections.shutdown().await;
    assert!(projections.status().iter().all(|it| it.state == State::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_does_not_follow_halts_those_that_care_and_no_other() {
    let desk = Desk::new();
    let projections = desk.open().await;
    let orphan = derive::conversation(started(1).thread, 1);
    let good = derive::conversation(started(2).thread, 1);
    desk.append(good.into(), 0, vec![Event::Conversation(E::Started(started(2)))]).await;
    let unassigned = E::Unassigned { cause: UnassignmentCause::ByHand };
    let bad = desk.append(orphan.into(), 0, vec![Event::Conversation(unassigned)]).await;
    let after = desk
        .append(
            StreamId::WORKSPACE,
            0,
            vec![Event::Workspace(WorkspaceEvent::WorkspaceCreated { name: "Desk".into() })],
        )
        .await;
    projections.wait_for(&Cursor::at(after), SOON).await.unwrap();
    let behind = projections.queues().wait_for(&Cursor::at(after), SOON).await.unwrap_err();
    assert!(behind.halted);
    for status in projections.status() {
        match status.state {
            State::Halted { position, .. } => assert_eq!(position, Some(bad), "{}", status.name),
            State::Running => assert_eq!(status.lag_events, 0, "{}", status.name),
            State::Upgrading | State::Mending | State::Stopped => panic!("{} does not run", status.name),
        }
    }
    assert!(projections.queues().row(good).unwrap().is_some(), "what came before is there");
    assert!(projections.retry("queues"));
    assert!(!projections.retry("no such"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_follow_the_workspace() {
    let desk = Desk::new();
    let created = WorkspaceEvent::WorkspaceCreated { name: "Desk".into() };
    desk.append(StreamId::WORKSPACE, 0, vec![Event::Workspace(created)]).await;
    let projections = desk.open().await;
    assert_eq!(projections.settings().now().state.name.as_deref(), Some("Desk"));
    let renamed = WorkspaceEvent::WorkspaceCreated { name: "Bureau".into() };
    desk.append(StreamId::WORKSPACE, 1, vec![Event::Workspace(renamed)]).await;
    let now = projections.settings().wait_for_version(2, SOON).await.unwrap();
    assert_eq!((now.version, now.state.name.as_deref()), (2, Some("Bureau")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_tells_resumes_and_says_when_it_can_not() {
    let desk = Desk::new();
    let options = Options { feed_notices_max: 4, ..Options::default() };
    let store = Arc::clone(&desk.store) as Arc<dyn EventStore>;
    let projections = Projections::open(None, store, options).await.unwrap();
    let start = projections.feed().position();
    let mut live = projections.feed().subscribe(None);
    let id = derive::conversation(started(1).thread, 1);
    let alice = AgentId(Uuid::from_u128(5));
    let assigned = E::Assigned { to: Assignee::Agent(alice), cause: AssignmentCause::ByHand };
    let events = vec![Event::Conversation(E::Started(started(1))), Event::Conversation(assigned)];
    desk.append(id.into(), 0, events).await;
    let Some(Next::Notices(first)) = live.next().await else { panic!("notices are missing") };
    assert!(
        matches!(&first.notices[0], Notice::Conversation { id: it, version: 2, actions } if *it == id && actions.len() == 2)
    );
    assert_eq!(first.notices[1], Notice::Assigned { agent: alice, conversation: id });
    assert!(projections.queues().row(id).unwrap().is_some(), "a notice comes when its row is there");

    let mut resumed = projections.feed().subscribe(Some(&start));
    let Some(Next::Notices(again)) = resumed.next().await else { panic!("what was missed is missing") };
    assert_eq!(again, first);
    for version in 2..8 {
        let released = E::ThreadBlocked;
        desk.append(id.into(), version, vec![Event::Conversation(released)]).await;
        assert!(matches!(live.next().await, Some(Next::Notices(_))));
    }
    let mut late = projections.feed().subscribe(Some(&start));
    let Some(Next::Reset(cursor)) = late.next().await else { panic!("what is not kept any more was told") };
    assert_eq!(cursor, projections.feed().position());
}

#[tokio::test]
async fn who_is_ahead_of_the_feed_waits_for_it() {
    let desk = Desk::new();
    let projections = Projections::open(None, Arc::clone(&desk.store) as _, Options::default()).await.unwrap();
    let id = derive::conversation(started(1).thread, 1);
    desk.append(id.into(), 0, vec![Event::Conversation(E::Started(started(1)))]).await;
    // Nothing has yielded to the feed's task since: it has yet to read what was appended.
    let mut ahead = projections.feed().subscribe(Some(&desk.store.head()));
    desk.append(id.into(), 1, vec![Event::Conversation(E::ThreadBlocked)]).await;
    loop {
        let Some(Next::Notices(told)) = ahead.next().await else { panic!("it was sent back to the start") };
        if told.notices.iter().any(|it| matches!(it, Notice::Conversation { version: 2, .. })) {
            break;
        }
    }
    let mut nowhere = projections.feed().subscribe(Some(&Cursor::at(Position { partition: 0, sequence: 1000 })));
    assert!(matches!(nowhere.next().await, Some(Next::Reset(_))));
}
