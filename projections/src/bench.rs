//! Measures folds, saves and pages on this machine, over a log that the deciders themselves made. The log is a
//! file of encoded facts, so what is measured beside decoding alone is the folding and the saving.

mod desk;
mod live;

pub use desk::{Desk, views};
pub use live::{AtWork, at_work};

use crate::generation::Home;
use crate::histories::{self, Traffic};
use crate::projection::{FoldError, Spec};
use crate::queues::{Filter, Order, Owner, Queues};
use crate::reader::{Live, QueryError, Reader};
use crate::rebuild::Feeder;
use crate::registry::ALL;
use crate::table::{Table, TableError};
use clew_domain::conversation::Queue;
use clew_domain::fact::Fact;
use clew_eventstore::codec;
use clew_eventstore::cursor::Cursor;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Facts in a batch that is read at once.
const BATCH_FACTS: usize = 4_096;

/// Batches that wait to be folded at most.
const BATCHES_AHEAD_MAX: usize = 3;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The directory can't be used.
    #[error("the directory for the measurement can't be used: {0}")]
    Directory(#[from] io::Error),
    /// Rows can't be kept.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A fold failed.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// A question has no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The log made for it does not take or give facts.
    #[error("the measurement's log: {0}")]
    Store(String),
    /// A fact can't be encoded or decoded.
    #[error("a fact of the measurement's log can't be encoded or decoded: {0}")]
    Codec(String),
}

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where the log and the rows are written.
    pub dir: PathBuf,
    /// Facts in the log at least.
    pub events: u64,
    /// The same seed makes the same log.
    pub seed: u64,
    /// Of the projections only those that are named here, if any is.
    pub only: Vec<String>,
    /// Whether nobody answers, so that all conversations stay open.
    pub unanswered: bool,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Facts in the log.
    #[serde(skip)]
    pub events: u64,
    /// Conversations that they tell of.
    #[serde(skip)]
    pub conversations: u64,
    /// Those that are open at its end.
    #[serde(skip)]
    pub open: u64,
    /// Facts decoded in a second, by one thread that does nothing else.
    pub decode_events_per_s: f64,
    /// Each projection, folded and saved from the start.
    pub rebuild: Vec<Rebuilt>,
    /// Pages of the queues, one after the other.
    #[serde(skip)]
    pub pages: Vec<Pages>,
}

/// A projection that was folded and saved from the start.
#[derive(Clone, Debug, Serialize)]
pub struct Rebuilt {
    /// Its name.
    pub name: &'static str,
    /// Facts in a second, decoded on one thread, folded on another, and written down.
    pub events_per_s: f64,
    /// Where the folding thread's time went.
    #[serde(skip)]
    pub profile: Profile,
    /// How far the forecast of the time left was off on average, in hundredths of what was left.
    #[serde(skip)]
    pub forecast_error_percent: f64,
    /// Rows and index entries.
    pub rows: u64,
    /// Bytes on disk for each.
    pub bytes_per_row: f64,
    /// The most memory that the process held meanwhile.
    pub peak_rss_bytes: u64,
}

/// Seconds of the thread that folds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Profile {
    /// It waited for decoded facts.
    pub waiting_s: f64,
    /// It folded, and encoded what changed.
    pub folding_s: f64,
    /// It waited until all was on disk, in the end.
    pub flushing_s: f64,
    /// Opening the rows anew, with what is kept in memory beside them: a start.
    pub opening_s: f64,
    /// Bytes that the process then held more than before.
    pub opened_bytes: u64,
}

/// Pages of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Pages {
    /// Which ones.
    pub name: &'static str,
    /// Conversations that match.
    pub total: u64,
    /// Half of the pages took at most so long, in microseconds.
    pub p50_us: f64,
    /// All but one in a hundred took at most so long, in microseconds.
    pub p99_us: f64,
    /// The slowest took so long, in microseconds.
    pub max_us: f64,
}

/// Writes a log of at least so many facts under `dir`, then measures every projection and the pages over it.
/// `step` is told what comes next. What was written is removed again.
pub fn run(asked: &Asked, mut step: impl FnMut(&str)) -> Result<Report, BenchError> {
    let Asked { dir, only, .. } = asked;
    fs::create_dir_all(dir)?;
    let log = dir.join("bench-facts");
    step("writing the log");
    let (events, conversations, open) = write_log(&log, asked)?;
    step("decoding alone");
    let decode_events_per_s = per_s(events, || Source::open(&log)?.try_for_each(|batch| batch.map(drop)))?;
    let mut rebuild = Vec::new();
    let mut pages = Vec::new();
    for spec in ALL.iter().filter(|spec| only.is_empty() || only.iter().any(|name| name == spec.name)) {
        step(spec.name);
        rebuild.push(rebuilt(*spec, &log, dir, events)?);
        if spec.name == <Queues as crate::Projection>::NAME {
            step("pages of the queues");
            let home = Home::of(*spec, dir, CACHE_BYTES)?;
            pages = measure_pages(home.open_served(*spec)?.1)?;
        }
        fs::remove_dir_all(dir.join(spec.name))?;
    }
    fs::remove_file(log)?;
    Ok(Report { events, conversations, open, decode_events_per_s, rebuild, pages })
}

/// What one projection's rows may use as a cache, as in the server.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

#[allow(clippy::cast_precision_loss)]
fn per_s<E>(events: u64, work: impl FnOnce() -> Result<(), E>) -> Result<f64, E> {
    let began = Instant::now();
    work()?;
    Ok(events as f64 / began.elapsed().as_secs_f64())
}

fn write_log(path: &Path, asked: &Asked) -> Result<(u64, u64, u64), BenchError> {
    let mut traffic = if asked.unanswered { Traffic::unanswered(asked.seed) } else { Traffic::new(asked.seed) };
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut written = 0;
    while written < asked.events {
        for fact in traffic.advance() {
            let bytes = codec::encode(&fact, [0; 16]).map_err(|error| BenchError::Codec(error.to_string()))?;
            let length = u32::try_from(bytes.len()).map_err(|_| BenchError::Codec("a fact is too long".into()))?;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&bytes)?;
            written += 1;
        }
    }
    file.flush()?;
    Ok((written, traffic.conversations(), traffic.open()))
}

/// The log's facts, decoded batch by batch.
struct Source {
    file: BufReader<File>,
    ended: bool,
}

impl Source {
    fn open(path: &PathBuf) -> Result<Self, BenchError> {
        Ok(Self { file: BufReader::with_capacity(1 << 20, File::open(path)?), ended: false })
    }

    fn batch(&mut self) -> Result<Vec<Fact>, BenchError> {
        let mut facts = Vec::with_capacity(BATCH_FACTS);
        let mut bytes = Vec::new();
        while facts.len() < BATCH_FACTS {
            let mut length = [0; 4];
            match self.file.read_exact(&mut length) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.ended = true;
                    break;
                }
                outcome => outcome?,
            }
            bytes.resize(u32::from_le_bytes(length) as usize, 0);
            self.file.read_exact(&mut bytes)?;
            facts.push(codec::decode(&bytes).map_err(|error| BenchError::Codec(error.to_string()))?);
        }
        Ok(facts)
    }
}

impl Iterator for Source {
    type Item = Result<Vec<Fact>, BenchError>;
    fn next(&mut self) -> Option<Self::Item> {
        (!self.ended).then(|| self.batch())
    }
}

/// Decodes ahead on a thread of its own, as a rebuild does.
fn decoded_ahead(log: &PathBuf) -> Result<Receiver<Result<Vec<Fact>, BenchError>>, BenchError> {
    let (send, batches) = sync_channel(BATCHES_AHEAD_MAX);
    let source = Source::open(log)?;
    thread::Builder::new().name("bench-read".into()).spawn(move || {
        for batch in source {
            if send.send(batch).is_err() {
                return;
            }
        }
    })?;
    Ok(batches)
}

#[allow(clippy::cast_precision_loss)]
fn rebuilt(spec: Spec, log: &PathBuf, dir: &Path, events: u64) -> Result<Rebuilt, BenchError> {
    forget_peak_rss();
    let home = Home::of(spec, dir, CACHE_BYTES)?;
    let (generation, table) = home.open_served(spec)?;
    let mut profile = Profile::default();
    let mut forecasts = Vec::new();
    let mut rate = crate::rebuild::Rate::begin(0);
    let began = Instant::now();
    let mut feeder = Feeder::resume(spec, table.clone(), 1)?;
    let mut last = began;
    let mut lap = || std::mem::replace(&mut last, Instant::now()).elapsed().as_secs_f64();
    for batch in decoded_ahead(log)? {
        profile.waiting_s += lap();
        feeder.take(&batch?)?;
        let done = feeder.cursor().sequence(0);
        rate.observe(done);
        if let Some(left) = rate.time_left(events.saturating_sub(done)) {
            forecasts.push((began.elapsed(), left));
        }
        profile.folding_s += lap();
    }
    feeder.save()?;
    profile.folding_s += lap();
    table.flush()?;
    profile.flushing_s = lap();
    let took = began.elapsed();
    drop(feeder);
    drop(table);
    let (opening, before) = (Instant::now(), rss("VmRSS:"));
    let (_, table) = home.open_served(spec)?;
    let cursor = table.checkpoint()?.unwrap_or_else(|| Cursor::start(1));
    let live = Live::new(spec, table.clone(), spec.version, cursor)?;
    profile.opening_s = opening.elapsed().as_secs_f64();
    profile.opened_bytes = rss("VmRSS:").saturating_sub(before);
    drop(live);
    let peak_rss_bytes = rss("VmHWM:");
    let rows = table.all().try_fold(0_u64, |rows, entry| entry.map(|_| rows + 1))?;
    Ok(Rebuilt {
        name: spec.name,
        events_per_s: events as f64 / took.as_secs_f64(),
        profile,
        forecast_error_percent: forecast_error(&forecasts, took),
        rows,
        bytes_per_row: home.bytes(generation) as f64 / rows.max(1) as f64,
        peak_rss_bytes,
    })
}

/// Forecasts against what came, while at least a tenth was left.
#[allow(clippy::cast_precision_loss)]
fn forecast_error(forecasts: &[(Duration, Duration)], took: Duration) -> f64 {
    let off = |(at, left): &(Duration, Duration)| {
        let really = took.saturating_sub(*at).as_secs_f64();
        (really > took.as_secs_f64() / 10.0).then(|| (left.as_secs_f64() - really).abs() / really * 100.0)
    };
    let errors: Vec<f64> = forecasts.iter().filter_map(off).collect();
    errors.iter().sum::<f64>() / errors.len().max(1) as f64
}

fn measure_pages(table: Table) -> Result<Vec<Pages>, BenchError> {
    let cursor = table.checkpoint()?.unwrap_or_else(|| Cursor::start(1));
    let queues: Reader<Queues> = Reader::still(table, cursor);
    let some = Filter::default();
    let asked = [
        ("new by priority", Queue::New, some.clone(), Order::Priority),
        ("new newest", Queue::New, some.clone(), Order::Newest),
        ("pending newest", Queue::Pending, some.clone(), Order::Newest),
        ("resolved newest", Queue::Resolved, some.clone(), Order::Newest),
        (
            "one channel",
            Queue::New,
            Filter { channels: Some(vec![histories::channel(1)]), ..some.clone() },
            Order::Priority,
        ),
        ("nobody's", Queue::New, Filter { owner: Some(Owner::Nobody), ..some.clone() }, Order::Priority),
        (
            "one agent's",
            Queue::New,
            Filter { owner: Some(Owner::Agent(histories::agent(0))), ..some.clone() },
            Order::Priority,
        ),
        (
            "seven channels, nobody's, one topic",
            Queue::New,
            Filter {
                channels: Some((0..7).map(histories::channel).collect()),
                owner: Some(Owner::Nobody),
                topic: Some(histories::topic(0)),
                free_or_of: None,
                team: None,
            },
            Order::Priority,
        ),
    ];
    asked.into_iter().map(|(name, queue, filter, order)| pages_of(&queues, name, queue, &filter, order)).collect()
}

fn pages_of(
    queues: &Reader<Queues>,
    name: &'static str,
    queue: Queue,
    filter: &Filter,
    order: Order,
) -> Result<Pages, BenchError> {
    let mut times = Vec::new();
    let mut after = None;
    let mut total = 0;
    // The first pages again and again, as at a desk, each time a little further down.
    for round in 0..1_000 {
        let began = Instant::now();
        let (page, matching) = queues.page(queue, filter, order, after.as_deref(), 50)?;
        times.push(began.elapsed());
        total = matching;
        after = if round % 10 == 9 { None } else { page.next };
    }
    let mut at = |percent| percentile(&mut times, percent) * 1e6;
    Ok(Pages { name, total, p50_us: at(50), p99_us: at(99), max_us: at(100) })
}

/// The time, in seconds, that so many in a hundred did not exceed.
fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, Duration::as_secs_f64)
}

/// From here on the most memory held is counted anew, where the system lets us.
fn forget_peak_rss() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// A measure of the memory that the process holds.
fn rss(measure: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(measure));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
