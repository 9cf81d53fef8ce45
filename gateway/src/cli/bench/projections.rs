//! `clew bench projections`: how fast projections are rebuilt, pages answered and events seen on this machine.

use crate::cli::{Exit, Failure};
use clap::Args;
use clew_projections::bench::{self, AtWork, BenchError, Report};
use std::path::PathBuf;
use std::time::Duration;

/// The arguments of `clew bench projections`.
#[derive(Args)]
pub(super) struct Projections {
    /// Events in the log that is made for it
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    events: u64,
    /// Measure this projection alone; give it several times for several
    #[arg(long = "only", value_name = "NAME")]
    only: Vec<String>,
    /// Nobody answers: every conversation of the log stays open
    #[arg(long)]
    unanswered: bool,
    /// Instead of rebuilding, follow 5,000 events a second and ask for 1,000 pages a second over so many open
    /// conversations
    #[arg(long, value_name = "CONVERSATIONS", conflicts_with_all = ["events", "only", "unanswered", "json"])]
    at_work: Option<u64>,
    /// Seconds for which it is at work
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    seconds: u64,
    /// Where chance begins: the same seed makes the same log
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the log and the rows are written and removed again; it must not be there yet
    #[arg(long, default_value = "clew-bench", value_name = "DIR")]
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn failed(error: &BenchError) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

impl Projections {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if self.dir.exists() {
            let message = format!("{} is there already; name a directory that is not (--dir)", self.dir.display());
            return Err(Failure::new(Exit::Usage, message));
        }
        let measured = self.measure().await;
        let removed = std::fs::remove_dir_all(&self.dir);
        measured?;
        removed.map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", self.dir.display())))
    }

    async fn measure(&self) -> Result<(), Failure> {
        if let Some(open) = self.at_work {
            let lasts = Duration::from_secs(self.seconds);
            print_at_work(&bench::at_work(&self.dir, open, self.seed, lasts).await.map_err(|error| failed(&error))?);
            return Ok(());
        }
        let asked = bench::Asked {
            dir: self.dir.clone(),
            events: self.events,
            seed: self.seed,
            only: self.only.clone(),
            unanswered: self.unanswered,
        };
        let work = move || bench::run(&asked, |step| eprintln!("{step} ..."));
        let measured = tokio::task::spawn_blocking(work).await;
        let report = measured
            .map_err(|_| Failure::new(Exit::Failed, "the measurement broke off"))?
            .map_err(|error| failed(&error))?;
        if self.json {
            let json = serde_json::to_string(&report).expect("a report is plain data");
            println!("{json}");
        } else {
            print(&report);
        }
        Ok(())
    }
}

fn print(report: &Report) {
    println!(
        "{} events of {} conversations, {} of them open; decoding alone: {:.0} events/s",
        report.events, report.conversations, report.open, report.decode_events_per_s
    );
    for it in &report.rebuild {
        println!(
            "{:<15} {:>10.0} events/s ({:.2} of decoding alone)  {} rows of {:.0} bytes  peak {} MiB",
            it.name,
            it.events_per_s,
            it.events_per_s / report.decode_events_per_s,
            it.rows,
            it.bytes_per_row,
            it.peak_rss_bytes >> 20,
        );
        let profile = it.profile;
        println!(
            "{:<15} waiting {:.2} s, folding {:.2} s, flushing {:.2} s; opening {:.3} s; forecast off by {:.0} %",
            "", profile.waiting_s, profile.folding_s, profile.flushing_s, profile.opening_s, it.forecast_error_percent
        );
        println!("{:<15} {} bytes kept in memory beside the rows once opened", "", profile.opened_bytes);
    }
    for it in &report.pages {
        println!(
            "page: {:<36} of {:>8}  p50 {:>7.0} us  p99 {:>7.0} us  most {:>7.0} us",
            it.name, it.total, it.p50_us, it.p99_us, it.max_us
        );
    }
}

fn print_at_work(it: &AtWork) {
    println!("{} open conversations, {:.0} events/s arriving, {} pages asked for", it.open, it.events_per_s, it.pages);
    println!("page:             p50 {:.2} ms  p99 {:.2} ms", it.page_ms.0, it.page_ms.1);
    println!("row visible:      p50 {:.2} ms  p99 {:.2} ms", it.row_ms.0, it.row_ms.1);
    println!("notice on feed:   p50 {:.2} ms  p99 {:.2} ms", it.feed_ms.0, it.feed_ms.1);
}
