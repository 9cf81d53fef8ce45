//! How fast a log is read: all of it, from memory and from the disk, and one stream at a time.

use super::{Failure, fill, machine, percentile_us, rate, sample};
use clew_eventstore::backends::embedded::{Options, Store};
use clew_eventstore::codec;
use serde::Serialize;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Streams that are read from memory, and from the disk.
const STREAMS_WARM: u64 = 5_000;
const STREAMS_COLD: u64 = 100;
/// Bytes of a sealed segment's footer; the last sequence stands eight bytes from its start.
const FOOTER_BYTES: u64 = 104;

/// Facts a second, decoded to what owns its parts, on one thread.
#[derive(Serialize)]
pub(super) struct Speeds {
    pub(super) warm_events_per_s: f64,
    pub(super) cold_events_per_s: f64,
    /// The time that plainly reading the same files takes, by the time of the cold replay.
    pub(super) cold_ratio: f64,
    pub(super) sequential_bytes_per_s: f64,
    pub(super) decode_only_events_per_s: f64,
}

/// What reading a long log showed.
pub(super) struct Replayed {
    pub(super) speeds: Speeds,
    pub(super) events: u64,
    pub(super) stream_p50_us: f64,
    pub(super) stream_p99_us: f64,
    pub(super) stream_cold_p99_us: f64,
    pub(super) sealed_bytes_per_event: f64,
    pub(super) peak_rss_bytes: u64,
}

/// Reads the log in `dir`, which `fill` wrote.
pub(super) fn measure(dir: &Path) -> Result<Replayed, Failure> {
    let (store, _) = Store::open(dir, Options::default())?;
    store.settle();
    let files = files(&dir.join("facts"))?;
    let sealed_bytes_per_event = sealed_bytes_per_event(&files)?;
    forget(&files)?;
    let (bytes, plainly) = read_plainly(&files)?;
    forget(&files)?;
    let (events, cold) = scan(&store)?;
    machine::forget_peak();
    let (_, warm) = scan(&store)?;
    let peak_rss_bytes = machine::peak_rss_bytes()?;
    let (_, again) = scan(&store)?;
    let streams = fill::rounds(events / 2) * fill::WRITERS * fill::STREAMS_PER_WRITER;
    let mut warm_reads = read_streams(&store, streams, STREAMS_WARM, None)?;
    let mut cold_reads = read_streams(&store, streams, STREAMS_COLD, Some(&files))?;
    let speeds = Speeds {
        warm_events_per_s: rate(events, warm.min(again)),
        cold_events_per_s: rate(events, cold),
        cold_ratio: plainly.as_secs_f64() / cold.as_secs_f64(),
        sequential_bytes_per_s: rate(bytes, plainly),
        decode_only_events_per_s: decode_only(),
    };
    Ok(Replayed {
        speeds,
        events,
        stream_p50_us: percentile_us(&mut warm_reads, 50),
        stream_p99_us: percentile_us(&mut warm_reads, 99),
        stream_cold_p99_us: percentile_us(&mut cold_reads, 99),
        sealed_bytes_per_event,
        peak_rss_bytes,
    })
}

fn scan(store: &Store) -> Result<(u64, Duration), Failure> {
    let (began, mut facts) = (Instant::now(), 0);
    let scanned = store.scan(0, |fact| {
        black_box(&fact);
        facts += 1;
        true
    });
    scanned?;
    Ok((facts, began.elapsed()))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}

/// Lets the kernel drop what it holds of the files, so that the next read comes from the disk.
fn forget(files: &[PathBuf]) -> Result<(), Failure> {
    for path in files {
        let file = File::open(path)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).map_err(std::io::Error::from)?;
    }
    Ok(())
}

fn read_plainly(files: &[PathBuf]) -> Result<(u64, Duration), Failure> {
    let (began, mut bytes, mut buffer) = (Instant::now(), 0, vec![0; 1 << 20]);
    for path in files {
        let mut file = File::open(path)?;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
        }
    }
    Ok((bytes, began.elapsed()))
}

#[expect(clippy::cast_precision_loss, reason = "bytes for each fact")]
fn sealed_bytes_per_event(files: &[PathBuf]) -> Result<f64, Failure> {
    let sealed = files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "sealed"));
    let (mut bytes, mut last) = (0, 0);
    for path in sealed {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        bytes += length;
        let mut sequence = [0; 8];
        file.read_exact_at(&mut sequence, length - FOOTER_BYTES + 8)?;
        last = u64::from_le_bytes(sequence);
    }
    Ok(if last == 0 { 0.0 } else { bytes as f64 / last as f64 })
}

/// Reads streams from all over the log; from the disk if the kernel is to forget the files before each.
fn read_streams(store: &Store, streams: u64, reads: u64, cold: Option<&[PathBuf]>) -> Result<Vec<Duration>, Failure> {
    let mut latencies = Vec::new();
    for n in 0..reads {
        let stream = sample::stream(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % streams.max(1));
        if let Some(files) = cold {
            forget(files)?;
        }
        let began = Instant::now();
        let facts = store.read_stream_blocking(stream, 0)?;
        latencies.push(began.elapsed());
        assert!(facts.len() as u64 <= fill::FACTS_PER_STREAM, "the filler wrote no more to any stream");
        black_box(facts);
    }
    Ok(latencies)
}

fn decode_only() -> f64 {
    let facts: Vec<Vec<u8>> = (0..1_000).map(sample::encoded).collect();
    let (began, mut decoded) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(1) {
        for bytes in &facts {
            black_box(codec::decode(black_box(bytes)).expect("it was just encoded"));
        }
        decoded += facts.len() as u64;
    }
    rate(decoded, began.elapsed())
}
