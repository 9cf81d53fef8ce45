//! What the proofs cost: a leaf in the append path, a proof in a large log, a fact in an examination.
//! `CLEW_BENCH_FACTS` sets the size of the large log, 10 million unless told.

use clew_eventstore::backends::embedded::{Options, Store};
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::observer::CommitObserver;
use clew_eventstore::proofs::examine::Examiner;
use clew_eventstore::proofs::memory::Memory;
use clew_eventstore::proofs::proof::{consistency, inclusion};
use clew_eventstore::proofs::{Follower, Log, SigningKey, Tiles, bundle};
use clew_eventstore::store::EventStore;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const LEAF_BYTES: usize = 300;
const COMMIT_FACTS: u64 = 64;

fn leaf(index: u64, out: &mut [u8; LEAF_BYTES]) {
    out[8..16].copy_from_slice(&(index + 1).to_le_bytes());
}

fn feed(log: &Log, from: u64, count: u64) {
    let mut bytes = vec![[0; LEAF_BYTES]; usize::try_from(count).expect("a small count")];
    (from..).zip(&mut bytes).for_each(|(index, bytes)| leaf(index, bytes));
    log.append((from + 1..).zip(bytes.iter().map(<[u8; LEAF_BYTES]>::as_slice)));
}

fn open(directory: &std::path::Path) -> Log {
    let key = SigningKey::generate("clew.example/bench").expect("a key");
    let log = Log::open(directory, 0, key).expect("a log");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(log.catch_up(&Memory::default())).expect("an empty log");
    log
}

fn append(c: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let log = open(directory.path());
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(COMMIT_FACTS));
    let mut bytes = vec![[0; LEAF_BYTES]; usize::try_from(COMMIT_FACTS).expect("small")];
    group.bench_function("a commit of 64 facts of 300 bytes", |b| {
        b.iter(|| {
            let from = log.size();
            (from..).zip(&mut bytes).for_each(|(index, bytes)| leaf(index, bytes));
            log.append((from + 1..).zip(bytes.iter().map(<[u8; LEAF_BYTES]>::as_slice)));
        });
    });
    group.finish();
}

/// Times the part that commits wait for.
struct Timed {
    follower: Follower,
    waited: Arc<AtomicU64>,
}

impl CommitObserver for Timed {
    fn prepare(&mut self, partition: u16, leaves: &mut dyn Iterator<Item = (u64, &[u8])>) {
        self.follower.prepare(partition, leaves);
    }

    fn committed(&mut self, partition: u16, leaves: &mut dyn Iterator<Item = (u64, &[u8])>) {
        let start = Instant::now();
        self.follower.committed(partition, leaves);
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).expect("far below 500 years");
        self.waited.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// Durable groups of 256 facts, with the tree and without it in turns: what it takes of the log's
/// speed. Each group is one commit, so that how the writer groups is the same in both. The disk's own moods are wider
/// than the difference, hence many short turns and their medians.
fn group_commit(_: &mut Criterion) {
    const FACTS: u64 = 256;
    const TURNS: usize = 41;
    const COMMITS_A_TURN: u32 = 200;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let log = Arc::new(open(&directory.path().join("proofs")));
    let waited = Arc::<AtomicU64>::default();
    let observer: Box<dyn CommitObserver> = Box::new(Timed { follower: log.follower(), waited: Arc::clone(&waited) });
    let with = Options { observer: Some(observer), ..Options::default() };
    let store = |name: &str, options| Store::open(&directory.path().join(name), options).expect("a log").0;
    let stores = [store("without", Options::default()), store("with", with)];
    let mut each = [Vec::new(), Vec::new()];
    let mut version = 0;
    for _ in 0..TURNS {
        for (store, each) in stores.iter().zip(&mut each) {
            let start = Instant::now();
            for version in version..version + u64::from(COMMITS_A_TURN) {
                let facts = write(stream(1), version * FACTS, version * FACTS..(version + 1) * FACTS);
                runtime.block_on(store.append(commit(vec![facts]))).expect("taken");
            }
            each.push(start.elapsed() / COMMITS_A_TURN);
        }
        version += u64::from(COMMITS_A_TURN);
    }
    assert_eq!(log.size(), version * FACTS);
    let [without, with] = each.map(|mut each| {
        each.sort_unstable();
        each[TURNS / 2]
    });
    let share = |part: Duration| part.as_secs_f64() / with.as_secs_f64() * 100.0;
    let waited = Duration::from_nanos(waited.load(Ordering::Relaxed) / version);
    println!("group commit of {FACTS} facts, medians of {TURNS} turns: {without:?} without the tree, {with:?} with it");
    println!("  commits wait for the tree: {waited:?}, {:.1} % of a group commit", share(waited));
    println!("  what it costs the machine besides: {:.1} %", share(with.saturating_sub(without + waited)));
}

fn prove(c: &mut Criterion) {
    let size = std::env::var("CLEW_BENCH_FACTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000_000);
    let directory = tempfile::tempdir().expect("a directory");
    let log = open(directory.path());
    (0..size / 10_000).for_each(|group| feed(&log, group * 10_000, 10_000));
    let size = log.size();
    log.sign().expect("signed");
    let mut group = c.benchmark_group(format!("prove in a log of {size} facts"));
    let mut pick = 0;
    let mut next = || {
        pick = (pick + 7_368_787) % size;
        pick
    };
    group.bench_function("inclusion", |b| {
        b.iter_batched(&mut next, |index| inclusion(&log, index, size), BatchSize::SmallInput);
    });
    group.bench_function("consistency", |b| {
        b.iter_batched(&mut next, |old| consistency(&log, old, size), BatchSize::SmallInput);
    });
    group.finish();
}

fn examine(c: &mut Criterion) {
    const FACTS: u64 = 65_536;
    let mut bytes = vec![[0; LEAF_BYTES]; usize::try_from(FACTS).expect("small")];
    (0..).zip(&mut bytes).for_each(|(index, bytes)| leaf(index, bytes));
    let tree = Memory::of(&bytes);
    let mut group = c.benchmark_group("examine");
    group.throughput(Throughput::Elements(FACTS)).sample_size(20);
    group.bench_function("facts against fingerprints", |b| {
        b.iter(|| {
            let mut examiner = Examiner::new(&tree, 0..FACTS);
            bytes.iter().try_for_each(|bytes| examiner.take(bytes)).expect("read");
            assert!(black_box(examiner.finish().expect("read")).is_empty());
        });
    });
    group.finish();
}

/// All of an exported bundle, from its files.
fn examine_bundle(c: &mut Criterion) {
    const FACTS: u64 = 262_144;
    let mut bytes = vec![[0; LEAF_BYTES]; usize::try_from(FACTS).expect("small")];
    (0..).zip(&mut bytes).for_each(|(index, bytes)| leaf(index, bytes));
    let facts = Memory::of(&bytes);
    let log = Log::in_memory(0, SigningKey::generate("clew.example/bench").expect("a key"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(log.catch_up(&facts)).expect("caught up");
    let signed = log.sign().expect("signed");
    let directory = tempfile::tempdir().expect("a directory");
    runtime.block_on(bundle::write(directory.path(), &log, &facts, &signed, 0..FACTS, &mut |_| {})).expect("written");
    let against = bundle::Against { key: &log.verifier(), since: None, witnesses: &[] };
    let mut group = c.benchmark_group("verify");
    group.throughput(Throughput::Elements(FACTS)).sample_size(10);
    group.bench_function("a bundle of 262,144 facts of 300 bytes", |b| {
        b.iter(|| assert!(bundle::verify(directory.path(), against, &mut |_| {}).expect("read").is_sound()));
    });
    group.finish();
}

criterion_group!(benches, append, group_commit, prove, examine, examine_bundle);
criterion_main!(benches);
