//! `clew bench cluster`: how fast commits and replay are over a cluster that runs already, beside the bare client in
//! the same run. It makes streams of its own there and removes them. `docs/cluster.md` says what was found.

use super::log::sample;
use crate::cli::{Exit, Failure};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{Context, stream::Stream};
use clap::Args;
use clew_eventstore::backends::jetstream::{Options, Store};
use clew_eventstore::store::{Commit, EventStore, StreamWrite};
use futures::StreamExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Facts of a stream; then its writer takes another.
const FACTS_PER_STREAM: u64 = 20;
/// Numbers of one writer are its own.
const NUMBERS: u64 = FACTS_PER_STREAM << 32;
/// What a proposal of one fact has besides it.
const ENVELOPE_BYTES: usize = 79;

/// The arguments of `clew bench cluster`.
#[derive(Args)]
pub(super) struct Cluster {
    /// Servers of the cluster, as nats://host:port
    #[arg(value_delimiter = ',', required = true, value_name = "SERVER")]
    servers: Vec<String>,
    /// On how many servers each stream lies
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    replicas: usize,
    /// How many write at the same time, each waiting for one commit before it gives the next
    #[arg(long, value_name = "NUMBER", default_value_t = 256)]
    writers: u64,
    /// Seconds of each run
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    seconds: u64,
    /// Runs; of each the figures are printed
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    runs: usize,
    /// Directory for the gateway's copy: a new one is made there and removed [default: the one for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

fn per_second(count: u64, took: Duration) -> f64 {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    f64::from(count) / took.as_secs_f64()
}

impl Cluster {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = async_nats::connect(&self.servers[..]).await.map_err(failed)?;
        let context = ContextBuilder::new().max_ack_inflight(32_768).backpressure_on_inflight(true).build(client);
        let beside = self.dir.clone().unwrap_or_else(std::env::temp_dir);
        let dir = beside.join(format!("clew-bench-cluster-{}", std::process::id()));
        for run in 1..=self.runs.max(1) {
            let prefix = format!("bench-{}", Uuid::new_v4().simple());
            let measured = self.measure(&context, &prefix, &dir).await;
            for name in ["_EV_00", "_CT_00", "_BARE"] {
                // One that was not made yet is not there to be removed.
                let _ = context.delete_stream(format!("{prefix}{name}")).await;
            }
            std::fs::remove_dir_all(&dir)?;
            let (bare, ours) = measured?;
            println!(
                "run {run}, {} writers, {} replicas: {:.0} commits/s, bare publications {:.0}/s, ratio {:.2}; \
                 replay {:.0}/s, bare consumer {:.0}/s, ratio {:.2}",
                self.writers,
                self.replicas,
                ours.0,
                bare.0,
                ours.0 / bare.0,
                ours.1,
                bare.1,
                ours.1 / bare.1
            );
        }
        Ok(())
    }

    /// For the bare client and for us: what is written, and what is read back, a second.
    async fn measure(&self, context: &Context, prefix: &str, dir: &Path) -> Result<((f64, f64), (f64, f64)), Failure> {
        std::fs::create_dir_all(dir)?;
        let name = format!("{prefix}_BARE");
        let config = Config {
            subjects: vec![name.clone()],
            name: name.clone(),
            storage: StorageType::File,
            num_replicas: self.replicas,
            ..Config::default()
        };
        let stream = context.create_stream(config).await.map_err(failed)?;
        let (count, took) = self.publish(context, &name).await?;
        let bare = (per_second(count, took), per_second(count, read(&stream, count).await?));
        let options = || Options {
            servers: self.servers.clone(),
            prefix: prefix.to_owned(),
            replicas: self.replicas,
            ..Options::default()
        };
        let store = Arc::new(Store::open(&dir.join("writer"), options()).await?);
        let (count, took) = self.commit(&store).await?;
        let began = Instant::now();
        let other = Store::open(&dir.join("reader"), options()).await?;
        let replayed = began.elapsed();
        if other.head() != store.head() {
            return Err(failed("another gateway has other facts"));
        }
        Ok((bare, (per_second(count, took), per_second(count, replayed))))
    }

    async fn publish(&self, context: &Context, subject: &str) -> Result<(u64, Duration), Failure> {
        let (began, until) = (Instant::now(), Instant::now() + Duration::from_secs(self.seconds));
        let writer = |writer: u64| {
            let (context, subject) = (context.clone(), subject.to_owned());
            let mut payload = sample::encoded(writer * NUMBERS);
            payload.resize(payload.len() + ENVELOPE_BYTES, 0);
            tokio::spawn(async move {
                let mut count = 0;
                while Instant::now() < until {
                    let sent = context.publish(subject.clone(), payload.clone().into()).await.map_err(failed)?;
                    sent.await.map_err(failed)?;
                    count += 1;
                }
                Ok::<u64, Failure>(count)
            })
        };
        all((0..self.writers).map(writer).collect(), began).await
    }

    async fn commit(&self, store: &Arc<Store>) -> Result<(u64, Duration), Failure> {
        let (began, until) = (Instant::now(), Instant::now() + Duration::from_secs(self.seconds));
        let writer = |writer: u64| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let mut count = 0;
                while Instant::now() < until {
                    let number = writer * NUMBERS + count;
                    let (stream, expected) = (sample::stream(number / FACTS_PER_STREAM), number % FACTS_PER_STREAM);
                    let writes = vec![StreamWrite { stream, expected, facts: vec![sample::fact(number)] }];
                    store.append(Commit { writes, contents: Vec::new() }).await?;
                    count += 1;
                }
                Ok::<u64, Failure>(count)
            })
        };
        all((0..self.writers).map(writer).collect(), began).await
    }
}

type Writer = tokio::task::JoinHandle<Result<u64, Failure>>;

async fn all(writers: Vec<Writer>, began: Instant) -> Result<(u64, Duration), Failure> {
    let mut count = 0;
    for writer in writers {
        count += writer.await.map_err(failed)??;
    }
    Ok((count, began.elapsed()))
}

/// How long so many messages take to be read.
async fn read(stream: &Stream, count: u64) -> Result<Duration, Failure> {
    let config =
        pull::Config { ack_policy: AckPolicy::None, memory_storage: true, num_replicas: 1, ..Default::default() };
    let consumer = stream.create_consumer(config).await.map_err(failed)?;
    let began = Instant::now();
    let mut messages = consumer.stream().max_messages_per_batch(2_000).messages().await.map_err(failed)?;
    for _ in 0..count {
        let message = messages.next().await.ok_or_else(|| failed("the consumer ended"))?;
        message.map_err(failed)?;
    }
    Ok(began.elapsed())
}
