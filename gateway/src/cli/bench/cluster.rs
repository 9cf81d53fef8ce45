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
use clew_projections::bench::{self, Desk};
use futures::StreamExt;
use std::collections::BTreeMap;
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
            let Measured { bare, ours, two, spent, spent_by_two } = measured?;
            println!(
                "run {run}, {} writers, {} replicas: {:.0} commits/s, bare publications {:.0}/s, ratio {:.2}; \
                 replay {:.0}/s, bare consumer {:.0}/s, ratio {:.2}; two gateways {:.0} commits/s, {:.2} of one",
                self.writers,
                self.replicas,
                ours.0,
                bare.0,
                ours.0 / bare.0,
                ours.1,
                bare.1,
                ours.1 / bare.1,
                two,
                two / ours.0
            );
            println!("  of one gateway's commits: {spent}");
            println!("  of two gateways' commits: {spent_by_two}");
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
        let (count, took) = self.publish(context, &name).await?;
        let bare = (per_second(count, took), per_second(count, read(&stream, count).await?));
        let options = || self.options(prefix);
        let store = Arc::new(Store::open(&dir.join("writer"), options()).await?);
        let before = Spent::now();
        let (count, took) = self.commit(&[&store], 0).await?;
        let spent = Spent::now().since(&before, count, took);
        let began = Instant::now();
        let other = Store::open(&dir.join("reader"), options()).await?;
        let replayed = began.elapsed();
        if other.head() != store.head() {
            return Err(failed("another gateway has other facts"));
        }
        let ours = (per_second(count, took), per_second(count, replayed));
        let before = Spent::now();
        let (count, took) = self.commit(&[&store, &Arc::new(other)], self.writers).await?;
        let spent_by_two = Spent::now().since(&before, count, took);
        Ok(Measured { bare, ours, two: per_second(count, took), spent, spent_by_two })
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

    /// Writers shared out among gateways; `first` is the number of the first of them, since each has streams of its own.
    async fn commit(&self, gateways: &[&Arc<Store>], first: u64) -> Result<(u64, Duration), Failure> {
        let (began, until) = (Instant::now(), Instant::now() + Duration::from_secs(self.seconds));
        let writer = |writer: u64| {
            let gateway = usize::try_from(writer).expect("a few") % gateways.len();
            let store = Arc::clone(gateways[gateway]);
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
        all((first..first + self.writers).map(writer).collect(), began).await
    }
}

/// Removes what was made on the cluster and here.
async fn remove(context: &Context, prefix: &str, dir: &Path) -> Result<(), Failure> {
    for name in ["_EV_00", "_CT_00", "_BARE"] {
        // One that was not made yet is not there to be removed.
        let _ = context.delete_stream(format!("{prefix}{name}")).await;
    }
    Ok(std::fs::remove_dir_all(dir)?)
}

/// What a run came to, a second.
struct Measured {
    /// Publications, and messages read back.
    bare: (f64, f64),
    /// Commits, and commits taken into another copy.
    ours: (f64, f64),
    /// Commits by two gateways at once.
    two: f64,
    /// Where the time of one gateway's commits went.
    spent: String,
    /// The same of two gateways'.
    spent_by_two: String,
}

/// Processor time so far, in clock ticks: of each thread of this process by its name, and of the servers on this machine.
struct Spent(BTreeMap<String, u64>);

/// The kernel's, for all that `/proc` tells: see `man 5 proc`, `sysconf(_SC_CLK_TCK)` on Linux.
const TICKS_PER_S: f64 = 100.0;

impl Spent {
    fn now() -> Self {
        let mut ticks: BTreeMap<String, u64> = BTreeMap::new();
        let mut add = |dir: PathBuf, name: Option<&str>| {
            let Some((of, spent)) = ticks_of(&dir) else { return };
            *ticks.entry(name.map_or(of, str::to_owned)).or_default() += spent;
        };
        for thread in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            add(thread.path(), None);
        }
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            if name.starts_with("nats-server") {
                add(process.path(), Some("servers"));
            }
        }
        Self(ticks)
    }

    /// What was spent on so many commits since then, in words.
    fn since(&self, before: &Self, commits: u64, took: Duration) -> String {
        let cores = std::thread::available_parallelism()
            .map_or(1.0, |cores| per_second(cores.get() as u64, Duration::from_secs(1)));
        let each = |(name, now): (&String, &u64)| {
            let ticks = now - before.0.get(name).copied().unwrap_or(0).min(*now);
            (name.clone(), per_second(ticks, Duration::from_secs(1)) / TICKS_PER_S)
        };
        let mut spent: Vec<(String, f64)> = self.0.iter().map(each).filter(|(_, s)| *s >= 0.1).collect();
        spent.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let busy: f64 = spent.iter().map(|(_, s)| s).sum();
        let per_commit = busy * 1e6 / per_second(commits.max(1), Duration::from_secs(1));
        let words: Vec<String> = spent.iter().map(|(name, s)| format!("{name} {s:.1} s")).collect();
        let all = took.as_secs_f64() * cores;
        format!("{} of {all:.1} s of all cores, {per_commit:.0} us a commit", words.join(", "))
    }
}

/// The name and the processor time of a process or thread, from its `stat`.
fn ticks_of(dir: &Path) -> Option<(String, u64)> {
    let stat = std::fs::read_to_string(dir.join("stat")).ok()?;
    let (head, rest) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split(' ').collect();
    Some((name, fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?))
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
