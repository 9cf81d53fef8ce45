//! How fast a fact becomes bytes and comes back. The whole log is measured by `clew bench log`.

use clew_domain::fact::{Fact, Position};
use clew_domain::time::Timestamp;
use clew_eventstore::{codec, conformance};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn codec_speed(criterion: &mut Criterion) {
    let facts: Vec<Fact> = (0..1_000).map(sample).collect();
    let bytes: Vec<Vec<u8>> = facts.iter().map(|fact| codec::encode(fact, [7; 16]).expect("a small fact")).collect();
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("encode", |bencher| {
        let mut out = Vec::with_capacity(1 << 20);
        bencher.iter(|| {
            out.clear();
            for fact in &facts {
                codec::encode_unplaced(fact.stream, &fact.body, [7; 16], &mut out).expect("a small fact");
            }
            black_box(out.len())
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            for bytes in &bytes {
                black_box(codec::decode(bytes).expect("a fact"));
            }
        });
    });
    group.finish();
}

fn sample(n: u64) -> Fact {
    Fact {
        position: Position { partition: 0, sequence: n + 1 },
        stream: conformance::stream(n),
        version: 1,
        recorded_at: Timestamp::from_micros(1_700_000_000_000_000),
        body: conformance::fact(n),
    }
}

criterion_group!(benches, codec_speed);
criterion_main!(benches);
