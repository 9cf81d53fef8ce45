//! The parts of the log that a change of the code moves: reading all of it, reading one stream, and a commit without
//! the disk's share. Whole figures, beside a baseline, come from `clew bench log`.

use clew_domain::ids::StreamId;
use clew_eventstore::backends::embedded::{Disk, Options, Store};
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::store::EventStore;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fs::File;
use std::hint::black_box;
use std::sync::Arc;

const STREAMS: u64 = 5_000;
const FACTS_PER_STREAM: u64 = 20;

/// Answers a sync at once: what is left is the log's own work.
struct Instantly;

impl Disk for Instantly {
    fn sync(&self, _file: &File) -> std::io::Result<()> {
        Ok(())
    }
}

fn filled() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let options = Options { disk: Arc::new(Instantly), ..Options::default() };
    let (store, _) = Store::open(dir.path(), options).expect("an empty directory opens");
    for version in 0..FACTS_PER_STREAM {
        for streams in (0..STREAMS).collect::<Vec<_>>().chunks(50) {
            let writes = streams.iter().map(|n| write(stream(*n), version, version..version + 1)).collect();
            futures::executor::block_on(store.append(commit(writes))).expect("taken");
        }
    }
    store.settle();
    (dir, store)
}

fn log_speed(criterion: &mut Criterion) {
    let (_dir, store) = filled();
    let mut group = criterion.benchmark_group("log");
    group.throughput(Throughput::Elements(STREAMS * FACTS_PER_STREAM));
    group.sample_size(10);
    group.bench_function("scan", |bencher| {
        bencher.iter(|| {
            let scanned = store.scan(0, |fact| {
                black_box(fact);
                true
            });
            scanned.expect("it reads");
        });
    });
    group.throughput(Throughput::Elements(FACTS_PER_STREAM));
    let mut next = 0;
    group.bench_function("read_stream", |bencher| {
        bencher.iter(|| {
            next = (next + 977) % STREAMS;
            black_box(store.read_stream_blocking(stream(next), 0).expect("it reads"))
        });
    });
    group.throughput(Throughput::Elements(1));
    let (one, mut version): (StreamId, u64) = (stream(STREAMS), 0);
    group.bench_function("append", |bencher| {
        bencher.iter(|| {
            let commit = commit(vec![write(one, version, version..version + 1)]);
            version += 1;
            futures::executor::block_on(store.append(commit)).expect("taken")
        });
    });
    group.finish();
}

criterion_group!(benches, log_speed);
criterion_main!(benches);
