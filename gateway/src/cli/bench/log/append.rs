//! How fast commits become durable: so many writers, each waiting for one before it gives the next, against the
//! baseline in turns, so that what else the machine does meets both.

use super::baseline::Plain;
use super::{Failure, percentile_us, rate, sample};
use crate::cli::Exit;
use clew_eventstore::backends::embedded::{Options, Store};
use clew_eventstore::store::{Commit, EventStore, StoreError, StreamWrite};
use serde::Serialize;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Facts of a stream; then its writer takes another.
const FACTS_PER_STREAM: u64 = 20;
/// Numbers of one writer are its own, and so are the streams that they belong to.
const NUMBERS: u64 = FACTS_PER_STREAM << 32;

/// What came of so many writers.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) writers: usize,
    pub(super) events_per_commit: u32,
    pub(super) events_per_s: f64,
    pub(super) baseline_events_per_s: f64,
    /// Of the two rates, in the run whose ratio is in the middle; the other figures are of that run too.
    pub(super) ratio: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

/// How it is measured.
pub(super) struct Run<'a> {
    pub(super) dir: &'a Path,
    pub(super) lasts: Duration,
    pub(super) runs: usize,
}

impl Run<'_> {
    pub(super) fn measure(&self, writers: usize, with_content: bool) -> Result<Row, Failure> {
        let mut rows = Vec::with_capacity(self.runs);
        for _ in 0..self.runs {
            let (baseline, _) = self.plain(writers, with_content)?;
            let (events_per_s, mut latencies) = self.log(writers, with_content)?;
            rows.push(Row {
                writers,
                events_per_commit: 1,
                events_per_s,
                baseline_events_per_s: baseline,
                ratio: events_per_s / baseline,
                p50_us: percentile_us(&mut latencies, 50),
                p99_us: percentile_us(&mut latencies, 99),
            });
        }
        rows.sort_by(|one, two| one.ratio.total_cmp(&two.ratio));
        Ok(rows.swap_remove(rows.len() / 2))
    }

    fn log(&self, writers: usize, with_content: bool) -> Result<(f64, Vec<Duration>), Failure> {
        let dir = self.dir.join("append");
        let measured = {
            let (store, _) = Store::open(&dir, Options::default())?;
            let log = Arc::new(Log { store, contents: AtomicU64::new(1) });
            Self::all(writers, |writer| append_to_log(Arc::clone(&log), writer, with_content, self.lasts))?
        };
        std::fs::remove_dir_all(&dir)?;
        Ok(measured)
    }

    fn plain(&self, writers: usize, with_content: bool) -> Result<(f64, Vec<Duration>), Failure> {
        let path = self.dir.join("plain");
        let measured = {
            let plain = Arc::new(Plain::create(&path)?);
            Self::all(writers, |writer| append_to_plain(Arc::clone(&plain), writer, with_content, self.lasts))?
        };
        std::fs::remove_file(&path)?;
        Ok(measured)
    }

    /// The rate of all writers together, and how long each commit took.
    fn all<W>(writers: usize, writer: impl Fn(u64) -> W) -> Result<(f64, Vec<Duration>), Failure>
    where
        W: Future<Output = Result<Vec<Duration>, StoreError>> + Send + 'static,
    {
        // What a run leaves to be written back must not fall to the next.
        rustix::fs::sync();
        let runtime = Runtime::new()?;
        let began = Instant::now();
        let tasks: Vec<_> = (0..writers as u64).map(|number| runtime.spawn(writer(number))).collect();
        let mut latencies = Vec::new();
        for task in tasks {
            let done = runtime.block_on(task);
            let done = done.map_err(|error| Failure::new(Exit::Failed, format!("a writer broke off: {error}")))?;
            latencies.extend(done?);
        }
        Ok((rate(latencies.len() as u64, began.elapsed()), latencies))
    }
}

/// The log that is written to, and the number of the next content: as in the product, each gets the next one.
struct Log {
    store: Store,
    contents: AtomicU64,
}

async fn append_to_log(
    log: Arc<Log>,
    writer: u64,
    with_content: bool,
    lasts: Duration,
) -> Result<Vec<Duration>, StoreError> {
    let (until, mut latencies) = (Instant::now() + lasts, Vec::new());
    for n in 0.. {
        let number = writer * NUMBERS + n;
        let (stream, expected) = (sample::stream(number / FACTS_PER_STREAM), number % FACTS_PER_STREAM);
        let mut commit = Commit::default();
        commit.writes.push(StreamWrite { stream, expected, facts: vec![sample::fact(number)] });
        if with_content {
            commit.contents.push(sample::content(log.contents.fetch_add(1, Ordering::Relaxed)));
        }
        let given = Instant::now();
        if given > until {
            break;
        }
        log.store.append(commit).await?;
        latencies.push(given.elapsed());
    }
    Ok(latencies)
}

async fn append_to_plain(
    plain: Arc<Plain>,
    writer: u64,
    with_content: bool,
    lasts: Duration,
) -> Result<Vec<Duration>, StoreError> {
    let (until, mut latencies) = (Instant::now() + lasts, Vec::new());
    let mut bytes = sample::encoded(writer * NUMBERS);
    if with_content {
        bytes.extend_from_slice(&sample::content(writer * NUMBERS).sealed);
    }
    for n in 0.. {
        // Making up what is to be written is the same work on both sides.
        black_box(sample::fact(writer * NUMBERS + n));
        if with_content {
            black_box(sample::content(writer * NUMBERS + n));
        }
        let given = Instant::now();
        if given > until {
            break;
        }
        if !plain.append(bytes.clone()).await {
            return Err(StoreError::Unavailable("the plain file can't be written".into()));
        }
        latencies.push(given.elapsed());
    }
    Ok(latencies)
}
