//! What the rows say is what the deciders know; counts are what walking would count.

use super::folded;
use crate::agents::Agents;
use crate::audit::{self, Audit};
use crate::conversation::{Conversations, Entry};
use crate::histories::{self, History, Size};
use crate::outbox::Outbox;
use crate::projection::{Projection, Spec};
use crate::queues::{Filter, Order, Owner, Queues};
use crate::reader::Reader;
use clew_domain::conversation::{Delivery, Queue, State};
use clew_domain::fact::Fact;
use clew_domain::ids::ConversationId;
use clew_eventstore::cursor::Cursor;
use std::collections::BTreeMap;

const QUEUES: [Queue; 3] = [Queue::New, Queue::Pending, Queue::Resolved];

fn history(seed: u64) -> (Vec<Fact>, BTreeMap<ConversationId, State>) {
    let mut history = History::new(seed, Size::default());
    let mut facts = Vec::new();
    while facts.len() < 1_500 {
        facts.extend(history.advance());
    }
    (facts, history.conversations().clone())
}

fn reader<P: Projection>(facts: &[Fact]) -> Reader<P> {
    Reader::still(folded(Spec::of::<P>(), facts), Cursor::at(facts.last().unwrap().position))
}

#[test]
fn queue_rows_are_as_the_decider_knows() {
    for seed in 0..8 {
        let (facts, known) = history(seed);
        let queues = reader::<Queues>(&facts);
        assert!(known.len() > 20, "seed {seed}");
        for (id, state) in &known {
            let row = queues.row(*id).unwrap().unwrap();
            assert_eq!(row.queue, state.queue, "seed {seed}");
            assert_eq!((row.agent, row.team, row.lock), (state.agent, state.team, state.lock), "seed {seed}");
            assert_eq!(row.topics, state.topics.iter().copied().collect::<Vec<_>>(), "seed {seed}");
            assert_eq!((row.priority, row.version), (state.priority, state.version), "seed {seed}");
            assert_eq!((row.blocked, row.pended_until), (state.blocked, state.pended_until), "seed {seed}");
        }
    }
}

fn filters() -> Vec<Filter> {
    let mut filters = Vec::new();
    let channels = [None, Some(vec![histories::channel(0)]), Some(vec![histories::channel(1), histories::channel(2)])];
    for channels in channels.into_iter().chain([Some(Vec::new())]) {
        for team in [None, Some(histories::team(1))] {
            for owner in [None, Some(Owner::Nobody), Some(Owner::Agent(histories::agent(0)))] {
                for topic in [None, Some(histories::topic(0))] {
                    for free_or_of in [None, Some(histories::agent(1))] {
                        filters.push(Filter { channels: channels.clone(), team, owner, topic, free_or_of });
                    }
                }
            }
        }
    }
    filters
}

fn matches(filter: &Filter, state: &State) -> bool {
    let channel = state.started.unwrap().channel;
    let owner = state.agent.map_or(Owner::Nobody, Owner::Agent);
    filter.channels.as_ref().is_none_or(|channels| channels.contains(&channel))
        && filter.team.is_none_or(|team| state.team == Some(team))
        && filter.owner.is_none_or(|asked| asked == owner)
        && filter.free_or_of.is_none_or(|seen| state.agent.is_none_or(|agent| agent == seen))
        && filter.topic.is_none_or(|topic| state.topics.contains(&topic))
}

#[test]
fn counts_are_exact_and_pages_hold_each_conversation_once_in_order() {
    for seed in 0..4 {
        let (facts, known) = history(seed);
        let queues = reader::<Queues>(&facts);
        for queue in QUEUES {
            for filter in filters() {
                let expected = known.values().filter(|it| it.queue == queue && matches(&filter, it)).count();
                assert_eq!(queues.count(queue, &filter).unwrap(), expected as u64, "seed {seed} {queue:?} {filter:?}");
                for order in [Order::Priority, Order::Newest, Order::Oldest] {
                    let mut rows = Vec::new();
                    let mut after = None;
                    loop {
                        let (page, total) = queues.page(queue, &filter, order, after.as_deref(), 7).unwrap();
                        assert_eq!(total, expected as u64);
                        assert!(page.items.len() <= 7);
                        rows.extend(page.items);
                        after = page.next;
                        if after.is_none() {
                            break;
                        }
                    }
                    assert_eq!(rows.len(), expected, "seed {seed} {queue:?} {filter:?} {order:?}");
                    let newest_first = order == Order::Newest || (queue == Queue::Resolved && order == Order::Priority);
                    for pair in rows.windows(2) {
                        let (one, two) = (&pair[0], &pair[1]);
                        assert_ne!(one.id, two.id);
                        match order {
                            _ if newest_first => assert!(one.updated_at >= two.updated_at),
                            Order::Priority => {
                                let since = |row: &crate::queues::Row| row.waiting_since.unwrap_or(row.queued_at);
                                assert!((-one.priority, since(one)) <= (-two.priority, since(two)));
                            }
                            Order::Newest | Order::Oldest => assert!(one.updated_at <= two.updated_at),
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_conversation_shows_what_the_decider_knows() {
    for seed in 0..8 {
        let (facts, known) = history(seed);
        let shown = reader::<Conversations>(&facts);
        for (id, state) in &known {
            let conversation = shown.show(*id).unwrap().unwrap();
            let (mut messages, mut notes) = (0, 0);
            for entry in &conversation.entries {
                match entry {
                    Entry::Message(message) => {
                        messages += 1;
                        let known = &state.messages[&message.id];
                        assert_eq!(message.version, known.version, "seed {seed}");
                        assert_eq!((message.liked, message.content), (known.liked, known.content));
                        assert_eq!((message.masked.is_some(), message.receipt), (known.masked, known.receipt));
                        assert_eq!(shown.message(*id, message.id).unwrap().as_ref(), Some(message));
                    }
                    Entry::Note(note) => {
                        notes += 1;
                        let known = &state.notes[&note.id];
                        assert_eq!((note.content, note.masked.is_some()), (known.content, known.masked));
                        assert_eq!(shown.note(*id, note.id).unwrap().as_ref(), Some(note));
                    }
                }
            }
            assert_eq!((messages, notes), (state.messages.len(), state.notes.len()), "seed {seed}");
            let number = state.started.unwrap().number;
            assert_eq!(conversation.earlier.len(), number as usize - 1);
            assert_eq!(conversation.earlier.first().map(|it| it.id), state.started.unwrap().previous);
        }
    }
}

#[test]
fn the_outbox_holds_what_waits_for_its_channel() {
    let (facts, known) = history(3);
    let outbox = reader::<Outbox>(&facts);
    let mut waiting = 0;
    for n in 0..3 {
        let found = outbox.waiting(histories::channel(n), None, 500).unwrap();
        assert!(found.windows(2).all(|pair| pair[0].position < pair[1].position));
        for outgoing in &found {
            let message = &known[&outgoing.conversation].messages[&outgoing.reply];
            assert_eq!(message.delivery, Some(Delivery::Waiting));
            assert!(!message.masked);
        }
        if let [first, rest @ ..] = &found[..] {
            assert_eq!(outbox.waiting(histories::channel(n), Some(first.position), 500).unwrap(), rest);
        }
        waiting += found.len();
    }
    let messages = known.values().flat_map(|state| state.messages.values());
    let expected = messages.filter(|it| it.delivery == Some(Delivery::Waiting) && !it.masked).count();
    assert_eq!(waiting, expected);
    assert!(expected > 5);
}

#[test]
fn an_agents_load_is_what_they_own() {
    let (facts, known) = history(5);
    let agents = reader::<Agents>(&facts);
    for n in 0..4 {
        let owned =
            |queue| known.values().filter(|it| it.agent == Some(histories::agent(n)) && it.queue == queue).count();
        let load = agents.load(histories::agent(n)).unwrap();
        assert_eq!((load.new, load.pending), (owned(Queue::New) as u64, owned(Queue::Pending) as u64));
    }
}

#[test]
fn the_audit_trail_holds_every_fact_and_finds_it_by_what_is_known_of_it() {
    let (facts, _) = history(7);
    let audit = reader::<Audit>(&facts);
    let all = |filter: &audit::Filter, order| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = audit.page(filter, order, after.as_deref(), 100).unwrap();
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    };
    let oldest = all(&audit::Filter::default(), audit::Order::Oldest);
    assert_eq!(
        oldest.iter().map(|it| it.event_id).collect::<Vec<_>>(),
        facts.iter().map(|it| it.id).collect::<Vec<_>>()
    );
    let mut newest = all(&audit::Filter::default(), audit::Order::Newest);
    newest.reverse();
    assert_eq!(newest, oldest);
    for fact in facts.iter().step_by(97) {
        let entry = oldest.iter().find(|it| it.event_id == fact.id).unwrap();
        let narrow = audit::Filter {
            stream: Some(fact.stream),
            contact: entry.contact,
            actor: Some(fact.actor),
            action: Some(entry.action),
            correlation: Some(fact.correlation),
            from: Some(fact.recorded_at),
            to: Some(fact.recorded_at.plus_micros(1)),
        };
        let alone = [
            audit::Filter { stream: narrow.stream, ..audit::Filter::default() },
            audit::Filter { contact: narrow.contact, ..audit::Filter::default() },
            audit::Filter { actor: narrow.actor, ..audit::Filter::default() },
            audit::Filter { action: narrow.action, ..audit::Filter::default() },
            audit::Filter { from: narrow.from, to: narrow.to, ..audit::Filter::default() },
            narrow,
        ];
        for filter in alone {
            assert!(all(&filter, audit::Order::Newest).contains(entry), "{filter:?}");
        }
        let by_action = all(&audit::Filter { action: narrow.action, ..audit::Filter::default() }, audit::Order::Oldest);
        assert_eq!(by_action.len(), oldest.iter().filter(|it| it.action == entry.action).count());
    }
}
