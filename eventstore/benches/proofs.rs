//! What the proofs cost: a leaf in the append path, a proof in a large log, a fact in an examination.
//! `CLEW_BENCH_FACTS` sets the size of the large log, 10 million unless told.

use clew_eventstore::proofs::examine::Examiner;
use clew_eventstore::proofs::memory::Memory;
use clew_eventstore::proofs::proof::{consistency, inclusion};
use clew_eventstore::proofs::{Log, SigningKey, Tiles};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

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

criterion_group!(benches, append, prove, examine);
criterion_main!(benches);
