//! Measures folds, saves and pages on this machine, over a log that the deciders themselves made. The log is a
//! file of encoded facts, so what is measured beside decoding alone is the folding and the saving.

use crate::engine::Engine;
use crate::generation::Home;
use crate::histories::{self, History, Size};
use crate::projection::{FoldError, Spec};
use crate::queues::{Filter, Order, Owner, Queues};
use crate::reader::{QueryError, Reader};
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
use std::time::{Duration, Instant};

/// Facts in a batch that is read at once.
const BATCH_FACTS: usize = 4_096;

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
    /// A fact can't be encoded or decoded.
    #[error("a fact of the measurement's log can't be encoded or decoded: {0}")]
    Codec(String),
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Facts in the log.
    pub events: u64,
    /// Conversations that they tell of.
    pub conversations: u64,
    /// Facts decoded in a second, by one thread that does nothing else.
    pub decode_events_per_s: f64,
    /// Each projection, folded and saved from the start.
    pub rebuild: Vec<Rebuilt>,
    /// Pages of the queues, one after the other.
    pub pages: Vec<Pages>,
}

/// A projection that was folded and saved from the start.
#[derive(Clone, Debug, Serialize)]
pub struct Rebuilt {
    /// Its name.
    pub name: &'static str,
    /// Facts in a second, decoded, folded and saved.
    pub events_per_s: f64,
    /// Facts in a second, decoded and folded, nothing saved: where it falls short, the difference is the rows'.
    pub fold_events_per_s: f64,
    /// How far the forecast of the time left was off on average, in hundredths of what was left.
    pub forecast_error_percent: f64,
    /// Rows and index entries.
    pub rows: u64,
    /// Bytes on disk for each.
    pub bytes_per_row: f64,
    /// The most memory that the process held meanwhile.
    pub peak_rss_bytes: u64,
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
}

/// Writes a log of at least so many facts under `dir`, then measures every projection and the pages over it.
/// `step` is told what comes next. What was written is removed again.
pub fn run(dir: &Path, events: u64, seed: u64, mut step: impl FnMut(&str)) -> Result<Report, BenchError> {
    fs::create_dir_all(dir)?;
    let log = dir.join("bench-facts");
    step("writing the log");
    let (events, conversations) = write_log(&log, events, seed)?;
    step("decoding alone");
    let decode_events_per_s = per_s(events, || Source::open(&log)?.try_for_each(|batch| batch.map(drop)))?;
    let mut rebuild = Vec::new();
    let mut pages = Vec::new();
    for spec in ALL {
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
    Ok(Report { events, conversations, decode_events_per_s, rebuild, pages })
}

/// What one projection's rows may use as a cache, as in the server.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

#[allow(clippy::cast_precision_loss)]
fn per_s<E>(events: u64, work: impl FnOnce() -> Result<(), E>) -> Result<f64, E> {
    let began = Instant::now();
    work()?;
    Ok(events as f64 / began.elapsed().as_secs_f64())
}

fn write_log(path: &Path, events: u64, seed: u64) -> Result<(u64, u64), BenchError> {
    let size = Size { contacts: (events / 12).max(1), agents: 200, channels: 8, labels: 12 };
    let mut history = History::new(seed, size);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut written = 0;
    while written < events {
        for fact in history.advance() {
            let bytes = codec::encode(&fact, [0; 16]).map_err(|error| BenchError::Codec(error.to_string()))?;
            let length = u32::try_from(bytes.len()).map_err(|_| BenchError::Codec("a fact is too long".into()))?;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&bytes)?;
            written += 1;
        }
    }
    file.flush()?;
    Ok((written, history.conversations().len() as u64))
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

#[allow(clippy::cast_precision_loss)]
fn rebuilt(spec: Spec, log: &PathBuf, dir: &Path, events: u64) -> Result<Rebuilt, BenchError> {
    let fold_events_per_s = per_s(events, || {
        let mut engine = Engine::resume(spec, Table::memory(), 1)?;
        for batch in Source::open(log)? {
            engine.fold(&batch?).map_err(|stuck| stuck.error)?;
            engine.forget_changes();
        }
        Ok::<(), BenchError>(())
    })
    .unwrap_or(0.0);
    forget_peak_rss();
    let home = Home::of(spec, dir, CACHE_BYTES)?;
    let (generation, table) = home.open_served(spec)?;
    let mut forecasts = Vec::new();
    let mut rate = crate::rebuild::Rate::begin(0);
    let began = Instant::now();
    let mut feeder = Feeder::resume(spec, table.clone(), 1)?;
    for batch in Source::open(log)? {
        feeder.take(&batch?)?;
        let done = feeder.cursor().sequence(0);
        rate.observe(done);
        if let Some(left) = rate.time_left(events.saturating_sub(done)) {
            forecasts.push((began.elapsed(), left));
        }
    }
    feeder.save()?;
    let took = began.elapsed();
    let rows = table.all().try_fold(0_u64, |rows, entry| entry.map(|_| rows + 1))?;
    Ok(Rebuilt {
        name: spec.name,
        events_per_s: events as f64 / took.as_secs_f64(),
        fold_events_per_s,
        forecast_error_percent: forecast_error(&forecasts, took),
        rows,
        bytes_per_row: home.bytes(generation) as f64 / rows.max(1) as f64,
        peak_rss_bytes: peak_rss(),
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
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e6;
    Ok(Pages { name, total, p50_us: at(50), p99_us: at(99) })
}

/// From here on the most memory held is counted anew, where the system lets us.
fn forget_peak_rss() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn peak_rss() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
