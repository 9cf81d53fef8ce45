//! `clew bench start`: how long the program takes to start over a long log on this machine: until it answers that it is
//! ready, and until routing is at work. The log is what happens at a desk, with what its agents were given.

use crate::cli::{Exit, Failure};
use clap::Args;
use clew_domain::agent::{Agent, AgentEvent, ClaimCause, FreeCause};
use clew_domain::conversation::ConversationEvent;
use clew_domain::fact::{Actor, CommandMeta, Event, facts_of};
use clew_domain::ids::{AgentId, CommandId, ConversationId, StreamId};
use clew_domain::time::Timestamp;
use clew_domain::workspace::{Role, Workspace, WorkspaceEvent};
use clew_eventstore::backends::embedded::{Options, Store};
use clew_eventstore::store::{Commit, EventStore, StreamWrite};
use clew_eventstore::vault::Vault;
use clew_projections::bench::Desk;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Among whom the conversations are shared out.
const AGENTS: u128 = 200;
/// How long the first start may take, which makes all views.
const STARTED_WITHIN: Duration = Duration::from_secs(7_200);
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// The arguments of `clew bench start`.
#[derive(Args)]
pub(super) struct Start {
    /// Facts of the desk in the log that is made for it; some more tell what its agents were given
    #[arg(long, default_value_t = 3_000_000, value_name = "N")]
    facts: u64,
    /// Nobody answers: every conversation of the log stays open
    #[arg(long)]
    unanswered: bool,
    /// Data directory that is made for it and removed again; it must not be there yet
    #[arg(long, default_value = "clew-bench", value_name = "DIR")]
    dir: PathBuf,
    /// Leave the data directory there
    #[arg(long)]
    keep: bool,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

impl Start {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if self.dir.exists() {
            let message = format!("{} is there already; name a directory that is not (--dir)", self.dir.display());
            return Err(Failure::new(Exit::Usage, message));
        }
        let measured = self.measure().await;
        if !self.keep {
            std::fs::remove_dir_all(&self.dir)?;
        }
        measured
    }

    async fn measure(&self) -> Result<(), Failure> {
        eprintln!("writing a log ...");
        std::fs::create_dir_all(&self.dir)?;
        drop(Vault::create(&self.dir.join("keys"))?);
        let desk = if self.unanswered { Desk::unanswered(1) } else { Desk::new(1) };
        let written = fill(&self.dir, desk, self.facts).await?;
        println!("{written} facts");
        for (what, ending) in [
            ("nothing is derived yet", Signal::TERM),
            ("after it was stopped", Signal::KILL),
            ("after it was killed", Signal::TERM),
        ] {
            let dir = self.dir.clone();
            let started = tokio::task::spawn_blocking(move || start(&dir, ending)).await.map_err(failed)??;
            println!(
                "started, {what}: ready in {:.2} s, routing at work in {:.2} s ({}); {} MiB at most",
                started.ready.as_secs_f64(),
                started.routing.as_secs_f64(),
                started.told,
                started.peak_rss_bytes >> 20
            );
        }
        Ok(())
    }
}

/// Writes a desk's log of at least so many facts, and answers how many all are.
async fn fill(dir: &Path, mut desk: Desk, facts: u64) -> Result<u64, Failure> {
    let (store, _) = Store::open(dir, Options::default())?;
    let (mut written, mut given) = (0, Given::default());
    while written < facts {
        let (commit, count) = desk.commit();
        let begun: Vec<ConversationId> = commit.writes.iter().filter_map(begun).collect();
        store.append(commit).await?;
        store.append(given.share_out(&begun)).await?;
        written += count;
    }
    let expected = store.read_stream(StreamId::WORKSPACE, 0).await?.len() as u64;
    let opened = (0..AGENTS).map(|n| {
        let (login, roles) = (format!("agent{n}"), BTreeSet::from([Role::Agent]));
        WorkspaceEvent::AccountOpened { agent: agent(n), name: login.clone(), login, roles }
    });
    let facts = facts_of::<Workspace>(&given.meta(), opened.collect());
    store.append(one(StreamWrite { stream: StreamId::WORKSPACE, expected, facts })).await?;
    Ok(store.head().sequence(0))
}

fn agent(n: u128) -> AgentId {
    AgentId(Uuid::from_u128(0xA6E_0000 + n % AGENTS))
}

fn begun(write: &StreamWrite) -> Option<ConversationId> {
    let begins = |event: &Event| matches!(event, Event::Conversation(ConversationEvent::Started(_)));
    write.facts.iter().any(|fact| begins(&fact.event)).then_some(ConversationId(write.stream.id))
}

fn one(write: StreamWrite) -> Commit {
    Commit { writes: vec![write], contents: Vec::new() }
}

/// What agents were given so far.
#[derive(Default)]
struct Given {
    made: u128,
    versions: BTreeMap<AgentId, u64>,
}

impl Given {
    fn meta(&mut self) -> CommandMeta {
        self.made += 1;
        let id = CommandId(Uuid::from_u128((0xC1A1 << 64) | self.made));
        CommandMeta::first(id, Actor::System, Timestamp::from_micros(1_600_000_000_000_000), 1)
    }

    /// Each conversation is given to an agent and done.
    fn share_out(&mut self, conversations: &[ConversationId]) -> Commit {
        let mut commit = Commit::default();
        for conversation in conversations.iter().copied() {
            let meta = self.meta();
            let claimed = AgentEvent::ConversationClaimed { conversation, cause: ClaimCause::Owned };
            let freed = AgentEvent::ConversationFreed { conversation, cause: FreeCause::Resolved };
            let mut facts = facts_of::<Agent>(&meta, vec![claimed, freed]);
            let agent = agent(self.made);
            if let Some(write) = commit.writes.iter_mut().find(|write| write.stream == agent.into()) {
                write.facts.append(&mut facts);
            } else {
                let expected = self.versions.get(&agent).copied().unwrap_or(0);
                commit.writes.push(StreamWrite { stream: agent.into(), expected, facts });
            }
        }
        for write in &commit.writes {
            self.versions.insert(AgentId(write.stream.id), write.expected + write.facts.len() as u64);
        }
        commit
    }
}

struct Started {
    ready: Duration,
    routing: Duration,
    told: String,
    peak_rss_bytes: u64,
}

/// Runs the program over this directory until it is ready and routing is at work, then ends it so.
fn start(dir: &Path, ending: Signal) -> Result<Started, Failure> {
    let began = Instant::now();
    let mut child = Command::new(std::env::current_exe()?)
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "info", "--data"])
        .arg(dir)
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let started = watch(&mut child, began);
    let pid = Pid::from_child(&child);
    kill_process(pid, if started.is_ok() { ending } else { Signal::KILL }).map_err(failed)?;
    child.wait()?;
    started
}

fn watch(child: &mut Child, began: Instant) -> Result<Started, Failure> {
    let broken_off = || failed("the program ended before it was started");
    let out = BufReader::new(child.stdout.take().ok_or_else(broken_off)?);
    let log = BufReader::new(child.stderr.take().ok_or_else(broken_off)?);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            if let Some((_, told)) = line.split_once("routing is at work") {
                // Nobody may wait for it any more.
                let _ = sender.send((began.elapsed(), told.trim().to_owned()));
            }
        }
    });
    let mut lines = out.lines();
    let address = loop {
        let line = lines.next().ok_or_else(broken_off)??;
        if let Some((_, rest)) = line.split_once("Clew is at http://") {
            break rest.split(' ').next().unwrap_or_default().to_owned();
        }
    };
    while !is_ready(&address) {
        if began.elapsed() > STARTED_WITHIN {
            return Err(failed("it did not become ready"));
        }
        std::thread::sleep(ASKED_AGAIN_AFTER);
    }
    let ready = began.elapsed();
    let (routing, told) = receiver.recv_timeout(STARTED_WITHIN).map_err(failed)?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    Ok(Started { ready, routing, told, peak_rss_bytes: kib.unwrap_or(0) * 1024 })
}

fn is_ready(address: &str) -> bool {
    let ask = || {
        let mut connection = TcpStream::connect(address)?;
        write!(connection, "GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok::<bool, std::io::Error>(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
