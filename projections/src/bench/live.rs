//! Measures a desk at work: all projections follow a log that takes events at a steady rate, while pages are asked for
//! at a steady rate. The log is in memory, so what is measured is how fast rows follow it and answer.

use super::{BenchError, percentile};
use crate::feed::Next;
use crate::histories::{self, Traffic};
use crate::queues::{Filter, Order, Owner, QueueReader};
use crate::registry::{Options, Projections};
use clew_domain::conversation::Queue;
use clew_domain::fact::Fact;
use clew_eventstore::backends::memory;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{Commit, EventStore, StreamWrite};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Events that arrive in a second.
const EVENTS_PER_S: u32 = 5_000;

/// Pages that are asked for in a second, by two clients.
const PAGES_PER_S: u32 = 1_000;
const CLIENTS: u32 = 2;

/// How long rows may take to follow what is written before the measurement begins.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(1_800);

/// What was measured of a desk at work.
#[derive(Clone, Debug)]
pub struct AtWork {
    /// Conversations that were open when it began.
    pub open: u64,
    /// Events that arrived in a second.
    pub events_per_s: f64,
    /// From when a page was due to when it was there, in milliseconds: half of them, 99 of 100.
    pub page_ms: (f64, f64),
    /// Pages asked for.
    pub pages: usize,
    /// From the store's answer to the row, in milliseconds: half of them, 99 of 100.
    pub row_ms: (f64, f64),
    /// From the store's answer to the feed's notice, in milliseconds: half of them, 99 of 100.
    pub feed_ms: (f64, f64),
}

pub(super) fn commit_of(facts: Vec<Fact>) -> Commit {
    let mut writes: Vec<StreamWrite> = Vec::new();
    for fact in facts {
        let (stream, expected) = (fact.stream, fact.version - 1);
        match writes.iter_mut().find(|write| write.stream == stream) {
            Some(write) => write.facts.push(fact.body),
            None => writes.push(StreamWrite { stream, expected, facts: vec![fact.body] }),
        }
    }
    Commit { writes, contents: Vec::new() }
}

/// What arrives within so long, decided beforehand: who writes is not on this machine.
fn arrivals(traffic: &mut Traffic, lasts: Duration) -> Vec<Commit> {
    let wanted = lasts.as_secs() * u64::from(EVENTS_PER_S);
    let (mut commits, mut facts) = (Vec::new(), 0);
    while facts < wanted {
        let told = traffic.advance();
        facts += told.len() as u64;
        commits.extend((!told.is_empty()).then(|| commit_of(told)));
    }
    commits
}

async fn append(store: &memory::Store, commit: Commit) -> Result<Cursor, BenchError> {
    let appended = store.append(commit).await;
    Ok(Cursor::at(appended.map_err(|error| BenchError::Store(error.to_string()))?.last))
}

/// Fills a desk under `dir` with so many open conversations, then measures it at work for so long.
pub async fn at_work(dir: &Path, open: u64, seed: u64, lasts: Duration) -> Result<AtWork, BenchError> {
    let store = Arc::new(memory::Store::default());
    let mut traffic = Traffic::unanswered(seed);
    let mut filled = Cursor::start(1);
    while traffic.open() < open {
        filled = append(&store, commit_of(traffic.advance())).await?;
    }
    traffic.answer_from_now_on();
    let arriving = arrivals(&mut traffic, lasts);
    let log: Arc<dyn EventStore> = Arc::clone(&store) as _;
    let opened = Projections::open(Some(dir), log, Options::default()).await;
    let projections = opened.map_err(|error| BenchError::Store(error.to_string()))?;
    let behind = |error: crate::status::Behind| BenchError::Store(error.to_string());
    projections.wait_for(&filled, CAUGHT_UP_WITHIN).await.map_err(behind)?;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let queues = projections.queues();
            thread::spawn(move || pages(&queues, client, lasts))
        })
        .collect();
    let (rows, row_times) = follow_rows(projections.queues());
    let (feed, feed_times) = follow_feed(&projections);
    let began = Instant::now();
    let mut written = 0;
    for commit in arriving {
        if began.elapsed() >= lasts {
            break;
        }
        written +=
            u32::try_from(commit.writes.iter().map(|write| write.facts.len()).sum::<usize>()).unwrap_or(u32::MAX);
        let last = append(&store, commit).await?;
        let answered = Instant::now();
        // Both listen until this end is dropped.
        let _ = rows.send((last.clone(), answered));
        let _ = feed.send((last, answered));
        let due = Duration::from_secs(1) * written / EVENTS_PER_S;
        let ahead = due.saturating_sub(began.elapsed());
        // The timer knows full milliseconds: a sleep for nothing would hold the events up.
        if ahead >= Duration::from_millis(1) {
            tokio::time::sleep(ahead).await;
        }
    }
    let events_per_s = f64::from(written) / began.elapsed().as_secs_f64();
    drop((rows, feed));
    let mut page_times = Vec::new();
    for client in clients {
        page_times.extend(client.join().map_err(|_| BenchError::Store("a client broke".into()))??);
    }
    let both = |mut times: Vec<Duration>| (percentile(&mut times, 50) * 1e3, percentile(&mut times, 99) * 1e3);
    let times = |joined: Result<Vec<Duration>, _>| joined.map_err(|_| BenchError::Store("a listener broke".into()));
    let (row_ms, feed_ms) = (both(times(row_times.await)?), both(times(feed_times.await)?));
    projections.shutdown().await;
    Ok(AtWork { open, events_per_s, pages: page_times.len(), page_ms: both(page_times), row_ms, feed_ms })
}

type Times = tokio::task::JoinHandle<Vec<Duration>>;
type Written = mpsc::UnboundedSender<(Cursor, Instant)>;

/// Tells how long after its answer each commit is seen in the rows.
fn follow_rows(queues: QueueReader) -> (Written, Times) {
    let (send, mut written) = mpsc::unbounded_channel::<(Cursor, Instant)>();
    let times = tokio::spawn(async move {
        let mut times = Vec::new();
        while let Some((last, answered)) = written.recv().await {
            if queues.wait_for(&last, CAUGHT_UP_WITHIN).await.is_ok() {
                times.push(answered.elapsed());
            }
        }
        times
    });
    (send, times)
}

/// Tells how long after its answer each commit is told by the feed.
fn follow_feed(projections: &Projections) -> (Written, Times) {
    let (send, mut written) = mpsc::unbounded_channel::<(Cursor, Instant)>();
    let mut feed = projections.feed().subscribe(None);
    let times = tokio::spawn(async move {
        let (mut times, mut told) = (Vec::new(), Cursor::start(1));
        while let Some((last, answered)) = written.recv().await {
            while !told.covers(&last) {
                match feed.next().await {
                    Some(Next::Notices(notices)) => told = notices.cursor.clone(),
                    Some(Next::Reset(cursor)) => told = cursor,
                    None => return times,
                }
            }
            times.push(answered.elapsed());
        }
        times
    });
    (send, times)
}

/// Asks for pages as agents do: their own, nobody's, a channel's, all; now and then a page further down.
fn pages(queues: &QueueReader, client: u32, lasts: Duration) -> Result<Vec<Duration>, BenchError> {
    let mut times = Vec::new();
    let began = Instant::now();
    let mut after = None;
    for round in 0_u32.. {
        let due = Duration::from_secs(1) * (round * CLIENTS + client) / PAGES_PER_S;
        if due >= lasts {
            break;
        }
        thread::sleep(due.saturating_sub(began.elapsed()));
        let kind = u64::from(round % 5);
        let filter = match kind {
            0 => Filter { owner: Some(Owner::Agent(histories::agent(u64::from(round) % 200))), ..Filter::default() },
            1 => Filter { owner: Some(Owner::Nobody), ..Filter::default() },
            2 => Filter { channels: Some(vec![histories::channel(u64::from(round) % 8)]), ..Filter::default() },
            3 => Filter { topic: Some(histories::topic(u64::from(round) % 12)), ..Filter::default() },
            _ => Filter::default(),
        };
        let queue = if round % 7 == 0 { Queue::Pending } else { Queue::New };
        let order = if round % 2 == 0 { Order::Priority } else { Order::Newest };
        let from = if round % 10 == 4 { after.take() } else { None };
        let at = if from.is_some() { (Queue::New, Filter::default(), Order::Priority) } else { (queue, filter, order) };
        let (page, _) = queues.page(at.0, &at.1, at.2, from.as_deref(), 50)?;
        times.push(began.elapsed().saturating_sub(due));
        if kind == 4 && order == Order::Priority && queue == Queue::New {
            after = page.next;
        }
    }
    Ok(times)
}
