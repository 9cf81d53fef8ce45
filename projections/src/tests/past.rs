//! The past: what a view shows at a position is what it showed when the log ended there.

use super::rebuilding::Log;
use super::{folded, rows};
use crate::agents::Agents;
use crate::generation::Home;
use crate::past::Keeper;
use crate::projection::{Projection, Spec};
use crate::queues::{Filter, Order, Queues};
use crate::reader::Reader;
use crate::rebuild::Feeder;
use crate::registry::{Options, Projections};
use crate::sla::Sla;
use crate::table::Table;
use clew_domain::conversation::Queue;
use clew_domain::fact::{Fact, Position};
use clew_eventstore::cursor::Cursor;
use std::sync::Arc;

fn at(sequence: u64) -> Cursor {
    Cursor::at(Position { partition: 0, sequence })
}

fn then<P: Projection>(facts: &[Fact], sequence: u64) -> Reader<P> {
    let seen = usize::try_from(sequence).unwrap();
    Reader::still(folded(Spec::of::<P>(), &facts[..seen]), at(sequence))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_position_shows_what_was_shown_then() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(41);
    let end = log.grow(400).await;
    let projections = Projections::open(Some(dir.path()), Arc::clone(&log.store), Options::default()).await.unwrap();
    let facts = log.facts().await;
    for sequence in (1..=end.sequence(0)).step_by(67) {
        let queues = projections.past::<Queues>(&at(sequence)).await.unwrap();
        let known = then::<Queues>(&facts, sequence);
        for queue in [Queue::New, Queue::Pending, Queue::Resolved] {
            let page = |of: &Reader<Queues>| of.page(queue, &Filter::default(), Order::Newest, None, 50).unwrap();
            assert_eq!(page(&queues), page(&known), "{queue:?} at {sequence}");
        }
        let agents = projections.past::<Agents>(&at(sequence)).await.unwrap();
        let known = then::<Agents>(&facts, sequence);
        for number in 0..4 {
            let agent = crate::histories::agent(number);
            assert_eq!(agents.agent(agent), known.agent(agent), "at {sequence}");
            assert_eq!(agents.load(agent), known.load(agent), "at {sequence}");
        }
        assert_eq!(projections.past::<Sla>(&at(sequence)).await.unwrap().position(), at(sequence));
    }
    projections.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_begins_at_the_nearest_state_that_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new(42);
    log.grow(400).await;
    let (spec, facts) = (Spec::of::<Queues>(), log.facts().await);
    let home = Home::of(spec, dir.path(), 1 << 20).unwrap();
    let (generation, table) = home.open_served(spec).unwrap();
    let mut keeper = Keeper::every(spec, home.past_of(generation), 100);
    let mut feeder = Feeder::resume(spec, table.clone(), 1).unwrap();
    for batch in facts.chunks(60) {
        feeder.take(batch).unwrap();
        feeder.save().unwrap();
        keeper.keep_when_due(&table, feeder.cursor()).unwrap();
    }
    let kept = crate::past::newest_before(&home.past_of(generation), &at(250)).expect("states were kept");
    let state = home.open_kept(&kept).unwrap();
    let reached = state.checkpoint().unwrap().unwrap().sequence(0);
    assert!((100..=250).contains(&reached), "{reached}");
    assert!(rows(&state) == rows(&then_table(spec, &facts, reached)), "a kept state is as the rows were");
    drop(state);
    for sequence in [50, 120, 121, 250, facts.len() as u64] {
        let past = crate::past::Past::default();
        let found = past.read::<Queues>(Some(home.clone()), Arc::clone(&log.store), at(sequence)).await.unwrap();
        let count = |of: &Reader<Queues>| of.count(Queue::New, &Filter::default()).unwrap();
        assert_eq!(count(&found), count(&then::<Queues>(&facts, sequence)), "at {sequence}");
    }
}

fn then_table(spec: Spec, facts: &[Fact], sequence: u64) -> Table {
    folded(spec, &facts[..usize::try_from(sequence).unwrap()])
}
