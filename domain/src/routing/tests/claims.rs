//! Claims that are known before their assignments, as where agent and conversation lie in different partitions.

use super::*;
use crate::agent::{AgentEvent, ClaimCause, FreeCause};
use crate::conversation::{Assignee, AssignmentCause, ConversationEvent, Started};
use crate::derive;
use crate::fact::{Actor, Event, Fact, NewFact, Position};
use crate::ids::{ContactId, CorrelationId, StreamId, ThreadId};

const SECOND: i64 = 1_000_000;

/// A floor that takes facts of one agent and one conversation, each stream's in order.
#[derive(Default)]
struct Facts {
    floor: Floor,
    versions: BTreeMap<StreamId, u64>,
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

impl Facts {
    /// One with a conversation that waits.
    fn new() -> Self {
        let mut facts = Self::default();
        facts.of_conversation(ConversationEvent::Started(Started {
            contact: ContactId(Uuid::nil()),
            channel: channel(0),
            thread: ThreadId(Uuid::nil()),
            root: None,
            number: 1,
            previous: None,
            visibility: Visibility::Private,
        }));
        facts
    }

    fn take(&mut self, stream: StreamId, event: Event) {
        let version = self.versions.entry(stream).or_default();
        *version += 1;
        let command = derive::consequence(stream.id, "fact", Uuid::from_u128(u128::from(*version)));
        let body = NewFact {
            id: derive::event(command, 0),
            occurred_at: at(0),
            actor: Actor::System,
            command,
            causation: None,
            correlation: CorrelationId(command.0),
            settings_version: 0,
            event,
        };
        let position = Position { partition: 0, sequence: 0 };
        self.floor.take(&Fact { position, stream, version: *version, recorded_at: at(0), body });
    }

    fn of_agent(&mut self, event: AgentEvent) {
        self.take(agent(1).into(), Event::Agent(event));
    }

    fn of_conversation(&mut self, event: ConversationEvent) {
        self.take(conversation(7).into(), Event::Conversation(event));
    }

    fn claimed(&mut self, cause: ClaimCause) {
        self.of_agent(AgentEvent::ConversationClaimed { conversation: conversation(7), cause });
    }

    fn assigned(&mut self, to: AgentId) {
        self.of_conversation(ConversationEvent::Assigned {
            to: Assignee::Agent(to),
            cause: AssignmentCause::Distribution,
        });
    }

    fn next(&mut self, micros: i64) -> Option<Work> {
        self.floor.next_work(at(micros))
    }
}

fn count() -> Work {
    Work::Count(agent(1), conversation(7))
}

#[test]
fn a_claim_makes_no_room_while_its_assignment_may_come() {
    let mut facts = Facts::new();
    facts.claimed(ClaimCause::Distribution);
    assert_eq!(facts.next(4 * SECOND), None);
    assert_eq!(facts.floor.next_due_at(), Some(at(5 * SECOND)));
    facts.assigned(agent(1));
    assert_eq!(facts.floor.next_due_at(), None);
    assert_eq!(facts.next(9 * SECOND), None, "it was assigned");
}

#[test]
fn a_claim_whose_assignment_a_crash_kept_away_is_looked_into() {
    let mut facts = Facts::new();
    facts.claimed(ClaimCause::Distribution);
    assert_eq!(facts.next(5 * SECOND), Some(count()));
    facts.of_agent(AgentEvent::ConversationFreed { conversation: conversation(7), cause: FreeCause::Reassigned });
    assert_eq!((facts.next(9 * SECOND), facts.floor.next_due_at()), (None, None));
}

#[test]
fn who_could_not_assign_what_they_claimed_waits_for_nothing() {
    let mut facts = Facts::new();
    facts.claimed(ClaimCause::Distribution);
    facts.assigned(agent(2));
    let offer = Offer { agent: agent(1), conversation: conversation(7) };
    let give = Work::Give(offer, crate::ids::EventId(Uuid::nil()));
    facts.floor.again(&give);
    assert_eq!(facts.next(0), Some(Work::Count(agent(2), conversation(7))));
    assert_eq!(facts.next(0), None, "the store did not tell whether it is assigned");
    facts.floor.done(&give);
    assert_eq!(facts.next(0), Some(count()));
}

#[test]
fn what_leaves_its_owner_makes_room_at_once() {
    let mut facts = Facts::new();
    facts.claimed(ClaimCause::Distribution);
    facts.assigned(agent(1));
    facts.of_conversation(ConversationEvent::Pended { until: None });
    assert_eq!(facts.next(0), Some(count()));
}
