//! `clew bench log`: measures the log on this machine, and prints what it found as text or as one JSON object.
//! `docs/log.md` says what each figure means and what is asked of it.

mod append;
mod baseline;
mod fill;
mod machine;
mod replay;
pub(super) mod sample;

pub(super) use fill::Filler;

use crate::cli::{Exit, Failure};
use clap::Args;
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many append at the same time.
const WRITERS: [usize; 3] = [1, 16, 256];

/// The arguments of `clew bench log`.
#[derive(Args)]
pub(super) struct Log {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Directory to measure in: a new one is made there and removed [default: the one for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Facts in the log that is replayed and opened after a crash; each takes up to 700 bytes on disk meanwhile
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000_000)]
    events: u64,
    /// Seconds of each run of appends
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    seconds: u64,
    /// Runs of appends for each figure; the one in the middle counts
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    runs: usize,
}

/// What was found.
#[derive(Serialize)]
struct Report {
    machine: machine::Machine,
    append: Vec<append::Row>,
    append_with_contents: Vec<append::Row>,
    replay: replay::Speeds,
    stream_read_p99_us: f64,
    stream_read_p50_us: f64,
    stream_read_cold_p99_us: f64,
    /// On disk, sealed; the facts themselves; on disk, in an open segment.
    bytes_per_event: f64,
    encoded_bytes_per_event: f64,
    open_bytes_per_event: f64,
    events: u64,
    open_after_kill_s: f64,
    /// While the whole log is scanned, with the index of all its streams in memory.
    peak_rss_bytes: u64,
}

impl Log {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let json = self.json;
        let measured = tokio::task::spawn_blocking(move || self.measure()).await;
        let broken_off = |error| Failure::new(Exit::Failed, format!("it broke off: {error}"));
        let report = measured.map_err(broken_off)??;
        if json {
            println!("{}", serde_json::to_string(&report).expect("a report is plain data"));
        } else {
            report.print();
        }
        Ok(())
    }

    fn measure(self) -> Result<Report, Failure> {
        let beside = self.dir.unwrap_or_else(std::env::temp_dir);
        let scratch = Scratch::new(&beside)?;
        eprintln!("Filling a log of {} facts ...", self.events);
        let long = fill::fill_and_kill(&scratch.0.join("long"), self.events)?;
        eprintln!("Replaying it ...");
        let replayed = replay::measure(&scratch.0.join("long"))?;
        std::fs::remove_dir_all(scratch.0.join("long"))?;
        let open_bytes_per_event = fill::open_bytes_per_event(&scratch.0.join("open"))?;
        let run = append::Run { dir: &scratch.0, lasts: Duration::from_secs(self.seconds), runs: self.runs.max(1) };
        let rows = |with_content| {
            let row = |writers| {
                eprintln!("Appending with {writers} writers{} ...", if with_content { ", with contents" } else { "" });
                run.measure(writers, with_content)
            };
            WRITERS.into_iter().map(row).collect::<Result<Vec<_>, _>>()
        };
        Ok(Report {
            machine: machine::Machine::of(&scratch.0),
            append: rows(false)?,
            append_with_contents: rows(true)?,
            replay: replayed.speeds,
            stream_read_p99_us: replayed.stream_p99_us,
            stream_read_p50_us: replayed.stream_p50_us,
            stream_read_cold_p99_us: replayed.stream_cold_p99_us,
            bytes_per_event: replayed.sealed_bytes_per_event,
            encoded_bytes_per_event: sample::encoded_bytes(),
            open_bytes_per_event,
            events: replayed.events,
            open_after_kill_s: long.open_s,
            peak_rss_bytes: replayed.peak_rss_bytes,
        })
    }
}

impl Report {
    fn print(&self) {
        let machine = &self.machine;
        println!("{}, {} cores, {}; {}", machine.processor, machine.cores, machine.file_system, machine.at);
        for (what, rows) in [("one fact", &self.append), ("one fact and one content", &self.append_with_contents)] {
            println!("Appending, {what} a commit:");
            for row in rows {
                println!(
                    "  {:>3} writers {:>9.0}/s, a plain file {:>9.0}/s, ratio {:.2}, p50 {:.0} us, p99 {:.0} us",
                    row.writers, row.events_per_s, row.baseline_events_per_s, row.ratio, row.p50_us, row.p99_us
                );
            }
        }
        let replay = &self.replay;
        println!(
            "Replay of {} facts: warm {:.0}/s, cold {:.0}/s ({:.2} of the disk's sequential rate); decoding alone {:.0}/s",
            self.events,
            replay.warm_events_per_s,
            replay.cold_events_per_s,
            replay.cold_ratio,
            replay.decode_only_events_per_s
        );
        println!(
            "Reading a stream of 20: p50 {:.0} us, p99 {:.0} us; cold p99 {:.0} us",
            self.stream_read_p50_us, self.stream_read_p99_us, self.stream_read_cold_p99_us
        );
        println!(
            "A fact of {:.0} bytes takes {:.1} in an open segment ({:.3}), {:.1} sealed ({:.3})",
            self.encoded_bytes_per_event,
            self.open_bytes_per_event,
            self.open_bytes_per_event / self.encoded_bytes_per_event,
            self.bytes_per_event,
            self.bytes_per_event / self.encoded_bytes_per_event
        );
        println!(
            "Opening after kill -9: {:.3} s; memory while scanning: {} bytes",
            self.open_after_kill_s, self.peak_rss_bytes
        );
    }
}

/// A directory that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(beside: &Path) -> io::Result<Self> {
        let dir = beside.join(format!("clew-bench-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed is named by its directory; there is nobody to tell on the way out.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// So many in that time, a second.
#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn rate(count: u64, took: Duration) -> f64 {
    (count as f64 / took.as_secs_f64()).round()
}

/// The value below which so many hundredths of the others lie, in microseconds. Sorts them.
fn percentile_us(latencies: &mut [Duration], hundredths: usize) -> f64 {
    latencies.sort_unstable();
    let at = (latencies.len() * hundredths / 100).min(latencies.len().saturating_sub(1));
    latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
}
