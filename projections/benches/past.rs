//! How long a look at the past takes, in a log of so many events (`CLEW_BENCH_EVENTS`, a million if absent) of a care
//! desk's traffic: counts and the first page of New, the promises that run out next and the agents, at instants spread
//! over the whole log, each asked for the first time.
#![allow(clippy::unwrap_used, reason = "a measurement that can't be made says so by ending")]

use clew_domain::conversation::Queue;
use clew_domain::fact::{NewFact, Position};
use clew_domain::ids::AgentId;
use clew_eventstore::backends::embedded;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{Commit, EventStore, StreamWrite};
use clew_projections::agents::Agents;
use clew_projections::histories::Traffic;
use clew_projections::queues::{Filter, Order, Queues};
use clew_projections::sla::Sla;
use clew_projections::{Options, Projections};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const LOOKS: u64 = 40;
const FACTS_PER_COMMIT: usize = 400;
const STREAMS_PER_COMMIT: usize = 60;

#[tokio::main]
async fn main() {
    let events = std::env::var("CLEW_BENCH_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = embedded::Store::open(dir.path(), embedded::Options::default()).unwrap();
    let store: Arc<dyn EventStore> = Arc::new(store);
    let began = Instant::now();
    fill(store.as_ref(), events).await;
    println!("{events} events appended in {:.1} s", began.elapsed().as_secs_f64());
    let derived = dir.path().join("derived");
    let began = Instant::now();
    let projections = Projections::open(Some(&derived), Arc::clone(&store), Options::default()).await.unwrap();
    projections.wait_for(&store.head(), Duration::from_secs(3_600)).await.unwrap();
    println!("all projections followed it in {:.1} s", began.elapsed().as_secs_f64());
    let mut took = [const { Vec::new() }; 3];
    for look in 1..=LOOKS {
        // Spread over the log, and never at a state that was kept.
        let sequence = store.head().sequence(0) * look / (LOOKS + 1) + look;
        let at = Cursor::at(Position { partition: 0, sequence });
        let began = Instant::now();
        let queues = projections.past::<Queues>(&at).await.unwrap();
        let counts = queues.counts(Queue::New, &Filter::default(), AgentId(Uuid::nil())).unwrap();
        let (page, total) = queues.page(Queue::New, &Filter::default(), Order::Priority, None, 50).unwrap();
        assert!(counts.total == total && page.items.len() as u64 == total.min(50));
        took[0].push(began.elapsed());
        let began = Instant::now();
        projections.past::<Sla>(&at).await.unwrap();
        took[1].push(began.elapsed());
        let began = Instant::now();
        projections.past::<Agents>(&at).await.unwrap();
        took[2].push(began.elapsed());
    }
    for (what, mut took) in ["queues", "promises", "agents"].into_iter().zip(took) {
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!("a look at the {what}: median {:.0} ms, p90 {:.0} ms, longest {:.0} ms", at(50), at(90), at(100));
    }
    projections.shutdown().await;
}

async fn fill(store: &dyn EventStore, events: u64) {
    let mut traffic = Traffic::new(1);
    let mut appended = 0;
    while appended < events {
        let mut writes: Vec<StreamWrite> = Vec::new();
        let mut places = HashMap::new();
        let mut facts = 0;
        while facts < FACTS_PER_COMMIT && writes.len() < STREAMS_PER_COMMIT {
            for fact in traffic.advance() {
                let (stream, expected, body): (_, _, NewFact) = (fact.stream, fact.version - 1, fact.body);
                let place = *places.entry(stream).or_insert_with(|| {
                    writes.push(StreamWrite { stream, expected, facts: Vec::new() });
                    writes.len() - 1
                });
                writes[place].facts.push(body);
                facts += 1;
            }
        }
        appended += facts as u64;
        store.append(Commit { writes, contents: Vec::new() }).await.unwrap();
    }
}
