//! The traffic of a care desk, decided by the real deciders, for measurements: how many messages a conversation has and
//! how long answers take are those of 384 public conversations (909 messages, 2018 to 2020) with 24 brands.
//!
//! Derived once from that file: of 450 messages of contacts 441 were answered by the brand and 9 were followed by
//! another of the contact; of 459 messages of the brand 57 were followed by one of the contact, 18 by another of the
//! brand, and 384 were the last.

use super::{History, Known, Size, channel, topic};
use clew_domain::conversation::{Command, Outcome, Queue, ReleaseCause, ResolveReason, Then};
use clew_domain::fact::{Actor, Fact};
use clew_domain::ids::{AgentId, ConversationId, SlaPolicyId, StreamId};
use clew_domain::sla::{Conditions, Counting, Policy, Target, Targets, Warning};
use clew_domain::time::Timestamp;
use clew_domain::workspace::{self, Workspace};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use uuid::Uuid;

/// Of so many messages of contacts `FOLLOWED_UP` were followed by another before an answer came.
const WRITTEN: u64 = 450;
const FOLLOWED_UP: u64 = 9;

/// Of so many answers this many were written back to, and this many followed by another answer.
const ANSWERED: u64 = 459;
const WRITTEN_BACK: u64 = 57;
const ANSWERED_AGAIN: u64 = 18;

/// Seconds until an answer came: the least, the deciles 10, 25, 50, 75, 90, 99 of a hundred, the most.
const ANSWERED_AFTER: [(u64, u64); 8] =
    [(0, 40), (10, 196), (25, 821), (50, 4_825), (75, 42_424), (90, 122_504), (99, 1_455_781), (100, 2_508_511)];

/// The same for contacts who wrote back.
const WRITTEN_BACK_AFTER: [(u64, u64); 7] =
    [(0, 16), (10, 112), (25, 402), (50, 1_251), (75, 17_454), (90, 59_283), (100, 164_185)];

/// What is due at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Answer,
    Write,
}

/// A desk in the making.
pub struct Traffic {
    history: History,
    due: BinaryHeap<Reverse<(Timestamp, u64, Turn)>>,
    conversations: u64,
    next_arrival: Timestamp,
    /// A new conversation begins on average every so many microseconds.
    arrives_every_us: u64,
    answers: bool,
}

impl Traffic {
    /// A desk to which two contacts write every second.
    pub fn new(seed: u64) -> Self {
        let size = Size { contacts: u64::MAX, agents: 200, channels: 8, labels: 12 };
        let mut history = History::new(seed, size);
        promise(&mut history);
        let next_arrival = history.now;
        let due = BinaryHeap::new();
        Self { history, due, conversations: 0, next_arrival, arrives_every_us: 500_000, answers: true }
    }

    /// A desk at which nobody answers, so that every conversation stays open.
    pub fn unanswered(seed: u64) -> Self {
        Self { answers: false, ..Self::new(seed) }
    }

    /// From now on whoever writes is answered.
    pub fn answer_from_now_on(&mut self) {
        self.answers = true;
    }

    /// How many conversations there were.
    pub fn conversations(&self) -> u64 {
        self.conversations
    }

    /// How many of them are open.
    pub fn open(&self) -> u64 {
        self.history.conversations.len() as u64
    }

    /// Goes on by one thing that happens, and gives its facts.
    pub fn advance(&mut self) -> Vec<Fact> {
        match self.due.peek() {
            Some(Reverse((at, ..))) if *at <= self.next_arrival => {
                let Some(Reverse((at, contact, turn))) = self.due.pop() else { return Vec::new() };
                self.history.now = at;
                match turn {
                    Turn::Answer => self.answer(contact),
                    Turn::Write => self.write(contact),
                }
            }
            _ => {
                self.history.now = self.next_arrival;
                let apart = self.history.roll(2 * self.arrives_every_us);
                self.next_arrival = self.next_arrival.plus_micros(i64::try_from(apart).unwrap_or(0));
                self.conversations += 1;
                self.write(self.conversations);
            }
        }
        std::mem::take(&mut self.history.facts)
    }

    fn after(&mut self, deciles: &[(u64, u64)]) -> Timestamp {
        let roll = self.history.roll(1_000_000);
        let percent = roll / 10_000;
        let above = deciles.iter().position(|(at, _)| *at > percent).unwrap_or(deciles.len() - 1).max(1);
        let ((low_at, low), (high_at, high)) = (deciles[above - 1], deciles[above]);
        let part = roll - low_at * 10_000;
        let secs = low + (high - low) * part / ((high_at - low_at) * 10_000).max(1);
        self.history.now.plus_secs(i64::try_from(secs).unwrap_or(0))
    }

    fn write(&mut self, contact: u64) {
        let channel_n = contact % self.history.size.channels;
        let id = self.history.receive_from(contact, channel_n, false);
        if contact.is_multiple_of(4) {
            let label = self.history.roll(self.history.size.labels);
            self.history.act(id, Actor::System, &Command::AddTopic { topic: topic(label) });
        }
        if !self.answers {
            return;
        }
        if self.history.roll(WRITTEN) < FOLLOWED_UP {
            let at = self.after(&WRITTEN_BACK_AFTER);
            self.due.push(Reverse((at, contact, Turn::Write)));
        } else {
            let at = self.after(&ANSWERED_AFTER);
            self.due.push(Reverse((at, contact, Turn::Answer)));
        }
    }

    fn answer(&mut self, contact: u64) {
        let channel_n = contact % self.history.size.channels;
        let id = self.history.current(contact, channel_n);
        let who = self.history.an_agent();
        self.history.act(id, Actor::Agent(who), &Command::Lock { agent: who });
        let what_follows = self.history.roll(ANSWERED);
        let then = if what_follows < WRITTEN_BACK {
            let at = self.after(&WRITTEN_BACK_AFTER);
            self.due.push(Reverse((at, contact, Turn::Write)));
            Then::Pend(None)
        } else if what_follows < WRITTEN_BACK + ANSWERED_AGAIN {
            let at = self.after(&ANSWERED_AFTER);
            self.due.push(Reverse((at, contact, Turn::Answer)));
            Then::Stay
        } else {
            Then::Resolve(ResolveReason::Answered)
        };
        self.send(id, who, then);
        self.history.act(id, Actor::Agent(who), &Command::ReleaseLock { agent: who, cause: ReleaseCause::Left });
        if self.history.conversations.get(&id).is_some_and(|state| state.queue == Queue::Resolved) {
            self.history.forget(id, contact);
        }
    }

    fn send(&mut self, id: ConversationId, who: AgentId, then: Then) {
        let Some(state) = self.history.conversations.get(&id).cloned() else { return };
        let Some(command) = self.history.answer(&state, who, then) else { return };
        let Command::SendReply(sent) = &command else { return };
        let reply = sent.reply.reply;
        self.history.act(id, Actor::Agent(who), &command);
        let outcome = Outcome::Accepted { receipt: None };
        self.history.act(id, Actor::Connector(channel(0)), &Command::ReportDelivery { reply, outcome });
    }
}

/// An answer within the hour, the next ones within two, resolved within a day.
fn promise(history: &mut History) {
    let target = |seconds| Some(Target { seconds, counting: Counting::CalendarTime });
    let definition = Policy {
        name: "Everybody".to_owned(),
        conditions: Conditions::default(),
        targets: Targets { first_response: target(3_600), next_response: target(7_200), resolution: target(86_400) },
        calendar: None,
        warning: Warning::UsedPercent(50),
        pending_pauses: true,
        automatic_replies_count: false,
    };
    let policy = SlaPolicyId(Uuid::from_u64_pair(11, 1));
    let command = workspace::Command::SetSlaPolicy { policy, definition, apply_to_open: false };
    let mut known = Known::<Workspace>::default();
    history.decide(StreamId::WORKSPACE, Actor::System, &mut known, &command);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_facts_follow_from_each_other_and_conversations_end() {
        let mut traffic = Traffic::new(3);
        let mut facts = Vec::new();
        while facts.len() < 20_000 {
            facts.extend(traffic.advance());
        }
        assert!(facts.windows(2).all(|pair| pair[0].position < pair[1].position));
        assert!(traffic.conversations() > 1_000 && traffic.open() < traffic.conversations());
        for spec in crate::registry::ALL {
            crate::tests::folded(*spec, &facts);
        }
    }
}
