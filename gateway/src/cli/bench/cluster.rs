//! `clew bench cluster`: how fast commits and replay are over a cluster that runs already, beside the bare client in
//! the same run. It makes streams of its own there and removes them. `docs/cluster.md` says what was found.

mod spent;

use super::log::sample;
use crate::cli::{Exit, Failure};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{Context, stream::Stream};
use clap::Args;
use clew_eventstore::backends::jetstream::{Options, Store};
use clew_eventstore::store::{Commit, EventStore, StreamWrite};
use clew_projections::bench::{self, Desk};
use futures::StreamExt;
use spent::{Spent, per_second};
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

/// How long a store that was dropped may have its copy open: what follows the log ends beside.
const CLOSED_WITHIN: Duration = Duration::from_secs(60);

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
    /// Instead, write a desk's log of at least so many facts, and say how long a gateway takes to fetch it, to make its views
    /// and to start
    #[arg(long, value_name = "FACTS", conflicts_with_all = ["writers", "seconds", "runs"])]
    desk: Option<u64>,
    /// Directory for the gateway's copy: a new one is made there and removed [default: the one for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

impl Cluster {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = async_nats::connect(&self.servers[..]).await.map_err(failed)?;
        let context = ContextBuilder::new().max_ack_inflight(32_768).backpressure_on_inflight(true).build(client);
        let beside = self.dir.clone().unwrap_or_else(std::env::temp_dir);
        let dir = beside.join(format!("clew-bench-cluster-{}", std::process::id()));
        if let Some(facts) = self.desk {
            let prefix = format!("bench-{}", Uuid::new_v4().simple());
            let told = self.measure_desk(&prefix, &dir, facts).await;
            remove(&context, &prefix, &dir).await?;
            println!("{}", told?);
            return Ok(());
        }
        for run in 1..=self.runs.max(1) {
            let prefix = format!("bench-{}", Uuid::new_v4().simple());
            let measured = self.measure(&context, &prefix, &dir).await;
            remove(&context, &prefix, &dir).await?;
            let Measured { bare, replayed, one, two, both } = measured?;
            println!(
                "run {run}, {} writers, {} replicas: {:.0} commits/s, bare publications {:.0}/s, ratio {:.2}; \
                 replay {replayed:.0}/s, bare consumer {:.0}/s, ratio {:.2}; \
                 two gateways {:.0} commits/s, {:.2} of one; with as many writers each {:.0}, {:.2} of one",
                self.writers,
                self.replicas,
                one.per_second(),
                bare.0,
                one.per_second() / bare.0,
                bare.1,
                replayed / bare.1,
                two.per_second(),
                two.per_second() / one.per_second(),
                both.per_second(),
                both.per_second() / one.per_second()
            );
            println!("  of one gateway's commits: {}", one.in_words());
            println!("  of two gateways' commits: {}", two.in_words());
            println!("  with as many writers each: {}", both.in_words());
        }
        Ok(())
    }

    /// For the bare client and for us: what is written, and what is read back, a second.
    async fn measure(&self, context: &Context, prefix: &str, dir: &Path) -> Result<Measured, Failure> {
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
        // Not every server knows at once that there is somebody who takes what is published.
        let known = Instant::now() + CLOSED_WITHIN;
        while let Err(error) = async { context.publish(name.clone(), "".into()).await?.await }.await {
            if Instant::now() > known {
                return Err(failed(error));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (count, took) = self.publish(context, &name).await?;
        let bare = (per_second(count, took), per_second(count, read(&stream, count).await?));
        let at =
            |dir: PathBuf| async move { Ok::<_, Failure>(Arc::new(Store::open(&dir, self.options(prefix)).await?)) };
        let first = at(dir.join("first")).await?;
        let [mut one, mut two, mut both] = [Commits::default(), Commits::default(), Commits::default()];
        // From both ends to the middle: what grows with the log or comes and goes with the machine is the same for all.
        self.commit(context, prefix, &[&first], self.writers, &mut one).await?;
        let began = Instant::now();
        let second = at(dir.join("second")).await?;
        let replayed = per_second(one.count, began.elapsed());
        self.commit(context, prefix, &[&first, &second], self.writers, &mut two).await?;
        self.commit(context, prefix, &[&first, &second], 2 * self.writers, &mut both).await?;
        self.commit(context, prefix, &[&first, &second], self.writers, &mut two).await?;
        second.catch_up().await?;
        if second.head() != first.head() {
            return Err(failed("another gateway has other facts"));
        }
        drop(second);
        self.commit(context, prefix, &[&first], self.writers, &mut one).await?;
        Ok(Measured { bare, replayed, one, two, both })
    }

    fn options(&self, prefix: &str) -> Options {
        Options {
            servers: self.servers.clone(),
            prefix: prefix.to_owned(),
            replicas: self.replicas,
            ..Options::default()
        }
    }

    /// How long a gateway takes over a desk's log of at least so many facts, in words.
    async fn measure_desk(&self, prefix: &str, dir: &Path, facts: u64) -> Result<String, Failure> {
        let (writer, reader) = (dir.join("writer"), dir.join("reader"));
        std::fs::create_dir_all(dir)?;
        let (store, began) = (Store::open(&writer, self.options(prefix)).await?, Instant::now());
        let (mut desk, mut written) = (Desk::new(1), 0);
        while written < facts {
            let (commit, count) = desk.commit();
            store.append(commit).await?;
            written += count;
        }
        let writing = per_second(written, began.elapsed());
        drop((store, desk));
        std::fs::remove_dir_all(&writer)?;
        let began = Instant::now();
        let store = Store::open(&reader, self.options(prefix)).await?;
        let fetching = began.elapsed();
        drop(store);
        let (store, opening) = self.open_again(&reader, prefix).await?;
        let derived = dir.join("derived");
        let making = bench::views(&derived, store.clone()).await.map_err(failed)?;
        let starting = bench::views(&derived, store).await.map_err(failed)?;
        Ok(format!(
            "{written} facts, {} replicas, written at {writing:.0}/s\n\
             a new gateway fetches them in {:.1} s ({:.0}/s) and makes all views in {:.1} s ({:.0}/s)\n\
             started again it opens its copy in {:.2} s and its views in {:.2} s",
            self.replicas,
            fetching.as_secs_f64(),
            per_second(written, fetching),
            making.as_secs_f64(),
            per_second(written, making),
            opening.as_secs_f64(),
            starting.as_secs_f64()
        ))
    }

    /// Opens a gateway's store that was closed a moment ago, and answers how long the opening itself took.
    async fn open_again(&self, dir: &Path, prefix: &str) -> Result<(Arc<Store>, Duration), Failure> {
        let until = Instant::now() + CLOSED_WITHIN;
        loop {
            let began = Instant::now();
            match Store::open(dir, self.options(prefix)).await {
                Ok(store) => return Ok((Arc::new(store), began.elapsed())),
                Err(error) if Instant::now() > until => return Err(error.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
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

    /// Writers shared out among gateways, each of whom goes on with streams of their own.
    async fn commit(
        &self,
        context: &Context,
        prefix: &str,
        gateways: &[&Arc<Store>],
        writers: u64,
        commits: &mut Commits,
    ) -> Result<(), Failure> {
        let (messages, before) = (held(context, prefix).await?, Spent::now());
        let (began, until) = (Instant::now(), Instant::now() + Duration::from_secs(self.seconds));
        let writer = |writer: u64| {
            let gateway = usize::try_from(writer).expect("a few") % gateways.len();
            let store = Arc::clone(gateways[gateway]);
            tokio::spawn(async move {
                let (streams, mut count) = (Uuid::new_v4().as_u64_pair().0, 0);
                while Instant::now() < until {
                    let number = streams.wrapping_add(count / FACTS_PER_STREAM);
                    let write = StreamWrite {
                        stream: sample::stream(number),
                        expected: count % FACTS_PER_STREAM,
                        facts: vec![sample::fact(count)],
                    };
                    store.append(Commit { writes: vec![write], contents: Vec::new() }).await?;
                    count += 1;
                }
                Ok::<u64, Failure>(count)
            })
        };
        let (count, took) = all((0..writers).map(writer).collect(), began).await?;
        commits.spent.add(&Spent::now().since(&before));
        commits.count += count;
        commits.took += took;
        commits.messages += held(context, prefix).await? - messages;
        Ok(())
    }
}

/// Messages of the log.
async fn held(context: &Context, prefix: &str) -> Result<u64, Failure> {
    let mut log = context.get_stream(format!("{prefix}_EV_00")).await.map_err(failed)?;
    Ok(log.info().await.map_err(failed)?.state.messages)
}

/// Removes what was made on the cluster and here.
async fn remove(context: &Context, prefix: &str, dir: &Path) -> Result<(), Failure> {
    for name in ["_EV_00", "_CT_00", "_BARE"] {
        // One that was not made yet is not there to be removed.
        let _ = context.delete_stream(format!("{prefix}{name}")).await;
    }
    Ok(std::fs::remove_dir_all(dir)?)
}

/// What a run came to.
struct Measured {
    /// Publications of the bare client, and messages it read back, a second.
    bare: (f64, f64),
    /// Commits taken into another copy, a second.
    replayed: f64,
    /// What one gateway wrote.
    one: Commits,
    /// What two at once wrote, who shared the writers.
    two: Commits,
    /// What two wrote with as many writers each.
    both: Commits,
}

/// Commits, and what they took.
#[derive(Default)]
struct Commits {
    count: u64,
    took: Duration,
    /// Messages of the log that they came in.
    messages: u64,
    spent: Spent,
}

impl Commits {
    fn per_second(&self) -> f64 {
        per_second(self.count, self.took)
    }

    fn in_words(&self) -> String {
        let each = self.count / self.messages.max(1);
        format!("{each} a message; {}", self.spent.in_words(self.count, self.took))
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
