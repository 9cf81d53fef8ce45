//! A long log, written by a process of its own that is killed while it appends; and how long the log takes to open
//! then. Also what a fact takes in a segment that is still open.

use super::{Failure, sample};
use crate::cli::Exit;
use clap::Args;
use clew_eventstore::backends::embedded::{Options, Store};
use clew_eventstore::store::{Commit, EventStore, StoreError, StreamWrite};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Writers, each of which appends to so many conversations by turns: so the facts of one lie far apart.
pub(super) const WRITERS: u64 = 16;
pub(super) const STREAMS_PER_WRITER: u64 = 64;
pub(super) const FACTS_PER_STREAM: u64 = 20;
const FILLED: &str = "filled";

/// The arguments of the process that fills.
#[derive(Args)]
pub(in super::super) struct Filler {
    dir: PathBuf,
    events: u64,
}

/// The stream that a writer has as its `n`-th in the given round of streams.
pub(super) fn stream_number(writer: u64, round: u64, n: u64) -> u64 {
    (round * WRITERS + writer) * STREAMS_PER_WRITER + n
}

/// Rounds in which so many facts are written.
pub(super) fn rounds(events: u64) -> u64 {
    events.div_ceil(WRITERS * STREAMS_PER_WRITER * FACTS_PER_STREAM)
}

impl Filler {
    /// Writes so many facts, tells so, and goes on until the process is ended.
    pub(in super::super) async fn run(self) -> Result<(), Failure> {
        let (store, _) = Store::open(&self.dir, Options::default())?;
        let store = Arc::new(store);
        let rounds = rounds(self.events);
        append_rounds(&store, 0..rounds).await?;
        let settled = Arc::clone(&store);
        let settle = tokio::task::spawn_blocking(move || settled.settle());
        settle.await.map_err(|error| Failure::new(Exit::Failed, format!("it broke off: {error}")))?;
        writeln!(std::io::stdout(), "{FILLED}")?;
        append_rounds(&store, rounds..u64::MAX).await
    }
}

async fn append_rounds(store: &Arc<Store>, rounds: std::ops::Range<u64>) -> Result<(), Failure> {
    let writer = |writer| tokio::spawn(append(Arc::clone(store), writer, rounds.clone()));
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    for writer in writers {
        let done = writer.await.map_err(|error| Failure::new(Exit::Failed, format!("a writer broke off: {error}")))?;
        done?;
    }
    Ok(())
}

async fn append(store: Arc<Store>, writer: u64, rounds: std::ops::Range<u64>) -> Result<(), StoreError> {
    for round in rounds {
        for expected in 0..FACTS_PER_STREAM {
            let write = |n| {
                let stream = stream_number(writer, round, n);
                let facts = vec![sample::fact(stream * FACTS_PER_STREAM + expected)];
                StreamWrite { stream: sample::stream(stream), expected, facts }
            };
            let commit = Commit { writes: (0..STREAMS_PER_WRITER).map(write).collect(), contents: Vec::new() };
            store.append(commit).await?;
        }
    }
    Ok(())
}

/// How a log opened whose process was killed.
pub(super) struct Opened {
    pub(super) open_s: f64,
}

/// Has a log of so many facts written by another process, kills that while it appends, and opens the log.
pub(super) fn fill_and_kill(dir: &Path, events: u64) -> Result<Opened, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "log-filler"]).arg(dir).arg(events.to_string()).stdout(Stdio::piped());
    let mut filler = command.spawn()?;
    let mut told = String::new();
    let piped = filler.stdout.take().expect("it is piped");
    let read = BufReader::new(piped).read_line(&mut told);
    if told.trim() == FILLED {
        std::thread::sleep(Duration::from_millis(500));
    }
    filler.kill()?;
    filler.wait()?;
    read?;
    if told.trim() != FILLED {
        return Err(Failure::new(Exit::Failed, "the log could not be filled"));
    }
    let began = Instant::now();
    let opened = Store::open(dir, Options::default())?;
    let open_s = began.elapsed().as_secs_f64();
    drop(opened);
    Ok(Opened { open_s })
}

/// Bytes of an open segment for each fact in it, at one fact a commit.
pub(super) fn open_bytes_per_event(dir: &Path) -> Result<f64, Failure> {
    const FACTS: u32 = 4_096;
    {
        let (store, _) = Store::open(dir, Options::default())?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let one = |number: u32| {
            let number = u64::from(number);
            let facts = vec![sample::fact(number)];
            let writes = vec![StreamWrite { stream: sample::stream(number), expected: 0, facts }];
            store.append(Commit { writes, contents: Vec::new() })
        };
        let all = futures::future::try_join_all((0..FACTS).map(one));
        runtime.block_on(all)?;
    }
    let bytes = std::fs::read(dir.join("facts/00000001.open"))?;
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    std::fs::remove_dir_all(dir)?;
    Ok(f64::from(u32::try_from(used).expect("a small segment")) / f64::from(FACTS))
}
