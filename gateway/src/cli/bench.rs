//! `clew bench`: how fast this machine runs Clew. Each subject measures itself beside a baseline of its own, in a
//! directory that it makes and removes; no data directory is touched.

mod cluster;
mod log;
mod projections;
mod start;

use super::Failure;
use clap::{Args, Subcommand};

/// The arguments of `clew bench`.
#[derive(Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// Measure the log: appending, replaying, reading streams, opening after a crash, room on disk and in memory
    Log(log::Log),
    /// Measure the projections: rebuilding from a log made for it, asking for pages, following events as they arrive
    Projections(projections::Projections),
    /// Measure how long the program takes to start over a long log: until it is ready, until routing is at work
    Start(start::Start),
    /// Measure the log on a running NATS JetStream cluster: commits and replay, beside the bare client
    Cluster(cluster::Cluster),
    /// Fill a log until the process is ended; what `log` runs beside itself
    #[command(hide = true)]
    LogFiller(log::Filler),
}

impl Bench {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.subject {
            Subject::Log(log) => log.run().await,
            Subject::Projections(projections) => projections.run().await,
            Subject::Start(start) => start.run().await,
            Subject::Cluster(cluster) => cluster.run().await,
            Subject::LogFiller(filler) => filler.run().await,
        }
    }
}
