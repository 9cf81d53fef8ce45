//! Logs taken over from directories and from memory, into as many partitions and into others.

use super::*;
use crate::backends::embedded::{Options, Store};
use crate::backends::{embedded, memory, transfer::placed::commits};
use crate::conformance;
use crate::store::{Commit, StreamWrite};
use clew_domain::ids::StreamId;
use futures::future::{FutureExt, ready};
use std::collections::HashMap;
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::AtomicI64;
use std::task::Poll;
use tempfile::TempDir;

fn open(dir: &Path) -> Store {
    Store::open(dir, embedded::Options::default()).expect("a directory").0
}

fn successor(dir: &Path) -> Store {
    Store::open(dir, Options { clock: LateClock::default().clock(), ..Options::default() }).expect("a directory").0
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// A log in memory whose clock goes on every third commit.
fn in_memory(partitions: u16) -> memory::Store {
    let ticks = AtomicI64::new(0);
    let clock = move || Timestamp::from_micros(1_000_000 + ticks.fetch_add(1, Ordering::Relaxed) / 3);
    memory::Store::new(partitions, Box::new(clock), None)
}

impl Successor for memory::Store {
    fn place(&self, partition: u16, commits: Vec<Placed>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            for commit in commits {
                // Here it may be interrupted.
                tokio::task::yield_now().await;
                self.place(partition, &embedded::replica::facts_in(&commit.frames))?;
            }
            Ok(())
        }
        .boxed()
    }

    fn keep(&self, _: u16, contents: Vec<SealedContent>) -> BoxFuture<'_, Result<(), StoreError>> {
        let kept = self.append(Commit { writes: Vec::new(), contents });
        async move {
            tokio::task::yield_now().await;
            kept.await.map(|_| ())
        }
        .boxed()
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }
}

/// Numbers that differ from run to run; the first is printed.
struct Rolls(u64);

impl Rolls {
    fn new() -> Self {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("randomness");
        let seed = u64::from_le_bytes(seed) | 1;
        println!("seed {seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A log of some streams, several in a commit where they lie in one partition, with facts of one stream that are apart,
/// with contents of which some were erased.
async fn fill(store: &impl EventStore, commits: u64) {
    let mut versions: HashMap<StreamId, u64> = HashMap::new();
    let mut number = 0;
    for round in 0..commits {
        let first = conformance::stream(round % 7);
        let second = conformance::stream((round % 7 + 3) % 14);
        let together = store.partition_of(first) == store.partition_of(second) && round % 2 == 0;
        let streams = if together { vec![first, second] } else { vec![first] };
        let mut contents = Vec::new();
        let writes: Vec<StreamWrite> = streams
            .into_iter()
            .map(|stream| {
                let (expected, count) = (versions.get(&stream).copied().unwrap_or(0), 1 + round % 3);
                contents.extend((number..number + count).map(|number| conformance::content(number, 300)));
                let write = conformance::write(stream, expected, number..number + count);
                number += count;
                versions.insert(stream, expected + count);
                write
            })
            .collect();
        store.append(Commit { writes, contents }).await.expect("written");
    }
    store.erase((0..number).filter(|number| number % 5 == 0).map(ContentId).collect()).await.expect("erased");
}

async fn filled(dir: &Path) -> Store {
    let store = open(dir);
    fill(&store, 80).await;
    store
}

async fn leaves(store: &(impl EventStore + LeafSource)) -> Vec<Vec<Leaf>> {
    let mut leaves = Vec::new();
    for partition in 0..store.partitions() {
        leaves.push(store.leaves(partition, 0, 100_000).await.expect("leaves"));
    }
    leaves
}

/// The bytes of all facts but for their positions, in order of streams and versions.
async fn without_positions(store: &(impl EventStore + LeafSource)) -> Vec<Vec<u8>> {
    let nowhere = Position { partition: 0, sequence: 0 };
    let mut facts: Vec<_> = leaves(store).await.into_iter().flatten().map(|leaf| leaf.bytes).collect();
    for bytes in &mut facts {
        codec::fill_in_position(bytes, nowhere);
    }
    facts.sort_by_key(|bytes| {
        let header = codec::decode_header(bytes).expect("a fact");
        (header.stream.id, header.place.version)
    });
    facts
}

/// Every fact is where its stream is, in the place that its position names, and not before the one in front of it.
async fn assert_in_order(store: &(impl EventStore + LeafSource)) {
    let mut versions: HashMap<StreamId, u64> = HashMap::new();
    for (partition, leaves) in (0..).zip(leaves(store).await) {
        let mut before = Timestamp::MIN;
        for (sequence, leaf) in (1..).zip(leaves) {
            let fact = codec::decode(&leaf.bytes).expect("a fact");
            assert_eq!(fact.position, Position { partition, sequence });
            assert_eq!(store.partition_of(fact.stream), partition);
            assert!(fact.recorded_at >= before, "{sequence} of {partition} is recorded before the one in front of it");
            before = fact.recorded_at;
            let version = versions.entry(fact.stream).or_default();
            *version += 1;
            assert_eq!(fact.version, *version);
        }
    }
}

async fn assert_same_contents(here: &impl EventStore, there: &impl EventStore, readable: u64) {
    let ids: Vec<ContentId> = (0..400).map(ContentId).collect();
    let of_here = here.read_contents(ids.clone()).await.expect("contents");
    assert_eq!(of_here.iter().flatten().count() as u64, readable);
    assert_eq!(of_here, there.read_contents(ids).await.expect("contents"));
}

#[tokio::test]
async fn it_is_the_same_log_in_another_place() {
    let (here, there) = (directory(), directory());
    let from = filled(here.path()).await;
    let to = successor(there.path());
    let mut told = Vec::new();
    let done = transfer(&from, &to, |done, of| told.push((done, of))).await.expect("taken over");
    assert_eq!(told.last(), Some(&(done.facts, done.facts)));
    assert_eq!(done.upto, from.head());
    assert_eq!(leaves(&from).await, leaves(&to).await);
    assert_same_contents(&from, &to, done.contents).await;
    drop(to);
    assert_eq!(leaves(&from).await, leaves(&open(there.path())).await, "also when it is opened again");
}

#[tokio::test]
async fn it_goes_on_where_it_was_and_refuses_another_log() {
    let (here, there) = (directory(), directory());
    let (from, to) = (filled(here.path()).await, successor(there.path()));
    let some = Merged::new(&from).next(33).await.expect("facts");
    to.place(0, commits(some.iter().collect())).await.expect("placed");
    assert_eq!(to.head().sequence(0), 33);
    for ids in contents_of(some.iter().map(|(fact, _)| fact)).chunks(CONTENTS_AT_ONCE) {
        let contents = from.read_contents(ids.to_vec()).await.expect("contents");
        to.keep(0, contents.into_iter().flatten().collect()).await.expect("kept");
    }
    transfer(&from, &to, |_, _| {}).await.expect("the rest");
    assert_eq!(leaves(&from).await, leaves(&to).await);

    let other = directory();
    let another = filled(other.path()).await;
    let refused = transfer(&another, &to, |_, _| {}).await;
    assert!(matches!(refused, Err(TransferError::AnotherFact(Position { sequence: 1, .. }))), "{refused:?}");
}

#[tokio::test]
async fn from_one_partition_into_several_each_fact_keeps_all_but_its_position() {
    let here = directory();
    let (from, to) = (filled(here.path()).await, in_memory(3));
    let done = transfer(&from, &to, |_, _| {}).await.expect("taken over");
    assert_eq!(done.facts, from.head().sequence(0));
    assert_eq!(done.upto, to.head());
    assert!((0..3).all(|partition| to.head().sequence(partition) > 20), "all are used: {}", to.head());
    assert_eq!(without_positions(&from).await, without_positions(&to).await);
    assert_in_order(&to).await;
    assert_same_contents(&from, &to, done.contents).await;
}

#[tokio::test]
async fn several_partitions_come_together_by_time_and_part_again_as_they_were() {
    let (from, there, again) = (in_memory(3), directory(), in_memory(3));
    fill(&from, 80).await;
    let to = successor(there.path());
    let done = transfer(&from, &to, |_, _| {}).await.expect("taken over");
    assert_eq!(done.facts, (0..3).map(|partition| from.head().sequence(partition)).sum::<u64>());
    assert_eq!(without_positions(&from).await, without_positions(&to).await);
    assert_in_order(&to).await;
    assert_same_contents(&from, &to, done.contents).await;
    transfer(&to, &again, |_, _| {}).await.expect("taken back");
    assert_eq!(leaves(&from).await, leaves(&again).await, "the order within a partition was kept");
}

#[tokio::test]
async fn of_one_time_the_lower_partition_comes_first_however_little_is_read_ahead() {
    let from = in_memory(3);
    fill(&from, 30).await;
    let mut merged = Merged::new(&from);
    merged.page = 1;
    let mut seen = Vec::new();
    loop {
        let next = merged.next(7).await.expect("facts");
        if next.is_empty() {
            break;
        }
        seen.extend(next.iter().map(|(fact, _)| (fact.recorded_at, fact.position)));
    }
    assert_eq!(seen.len() as u64, merged.total());
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    let ties = seen.windows(2).filter(|pair| pair[0].0 == pair[1].0 && pair[0].1.partition != pair[1].1.partition);
    assert!(ties.count() > 3, "some are of one time");
}

/// What comes of a future, unless it is given up after so many polls.
async fn within<F: Future>(mut polls: u64, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn interrupted_anywhere_into_several_partitions_it_comes_to_the_same() {
    let (mut rolls, here, whole) = (Rolls::new(), directory(), in_memory(3));
    let from = filled(here.path()).await;
    let all = transfer(&from, &whole, |_, _| {}).await.expect("taken over");
    for _ in 0..12 {
        let (to, mut lives) = (in_memory(3), 0);
        let done = loop {
            lives += 1;
            if let Some(done) = within(rolls.below(60), transfer(&from, &to, |_, _| {})).await {
                break done.expect("taken over");
            }
        };
        assert_eq!(done, all, "after {lives} lives");
        assert_eq!(leaves(&to).await, leaves(&whole).await);
        assert_same_contents(&from, &to, all.contents).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_anywhere_into_one_partition_it_comes_to_the_same() {
    let (mut rolls, from, one) = (Rolls::new(), in_memory(4), directory());
    fill(&from, 60).await;
    let whole = successor(one.path());
    let all = transfer(&from, &whole, |_, _| {}).await.expect("taken over");
    for _ in 0..6 {
        let there = directory();
        let (done, to) = loop {
            let to = successor(there.path());
            if let Some(done) = within(rolls.below(12), transfer(&from, &to, |_, _| {})).await {
                break (done.expect("taken over"), to);
            }
        };
        assert_eq!(done, all);
        assert_eq!(leaves(&to).await, leaves(&whole).await);
        assert_same_contents(&from, &to, all.contents).await;
    }
}

#[tokio::test]
async fn what_is_another_log_in_any_partition_is_refused() {
    let here = directory();
    let (from, to) = (filled(here.path()).await, in_memory(3));
    let elsewhere = conformance::stream(2);
    let partition = to.partition_of(elsewhere);
    let alien = conformance::commit(vec![conformance::write(elsewhere, 0, 0..1)]);
    to.append(alien).await.expect("written");
    let refused = transfer(&from, &to, |_, _| {}).await;
    let is_there = |at: &Position| *at == Position { partition, sequence: 1 };
    assert!(matches!(&refused, Err(TransferError::AnotherFact(at)) if is_there(at)), "{refused:?}");
}

#[tokio::test]
async fn one_byte_that_differs_besides_the_position_is_refused() {
    let here = directory();
    let (from, to) = (filled(here.path()).await, in_memory(3));
    let mut upto = Cursor::start(3);
    let mut first = shares(Merged::new(&from).next(1).await.expect("a fact"), &to, &mut upto).remove(0);
    first.facts[0].1.bytes[50] ^= 1;
    Successor::place(&to, first.partition, commits(first.facts.iter().collect())).await.expect("placed");
    let refused = transfer(&from, &to, |_, _| {}).await;
    assert!(matches!(refused, Err(TransferError::AnotherFact(_))), "{refused:?}");
}

#[tokio::test]
async fn a_content_that_two_partitions_bring_in_is_brought_by_one() {
    let (here, to) = (directory(), in_memory(3));
    let from = open(here.path());
    for number in [0, 1] {
        let write = conformance::write(conformance::stream(number), 0, 5..6);
        from.append(Commit { writes: vec![write], contents: vec![conformance::content(5, 300)] })
            .await
            .expect("written");
    }
    let facts = Merged::new(&from).next(10).await.expect("facts");
    let shares = shares(facts, &to, &mut Cursor::start(3));
    assert_eq!(shares.len(), 2, "they lie in two partitions");
    let brought: Vec<_> = missing(&shares, &Cursor::start(3)).into_iter().map(|(_, contents)| contents).collect();
    assert_eq!(brought, [vec![ContentId(5)], vec![]]);
}
