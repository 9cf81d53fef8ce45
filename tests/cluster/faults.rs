//! Servers and gateways that fail while gateways write: what was acknowledged stays, once, and is the same everywhere.

use super::history::{Operation, Outcome, judge};
use super::server::{Servers, is_there};
use clew_domain::fact::{Fact, Position};
use clew_domain::ids::{ConversationId, StreamId};
use clew_eventstore::backends::jetstream::Store;
use clew_eventstore::conformance::{commit, fact, write};
use clew_eventstore::observer::{Leaf, LeafSource};
use clew_eventstore::store::{EventStore, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, RwLock};
use uuid::Uuid;

const GATEWAYS: [&str; 2] = ["a", "b"];
const WRITERS: u64 = 8;
const STREAMS: u64 = 6;
const PARTITIONS: u16 = 2;

/// Numbers from a seed.
struct Dice(AtomicU64);

impl Dice {
    fn below(&self, bound: u64) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % bound
    }
}

/// Three servers, two gateways, writers at both, and what the writers saw.
struct World {
    servers: Servers,
    gateways: [RwLock<Option<Store>>; 2],
    dice: Dice,
    /// Its own, so that a seed gives the same faults whatever the writers do.
    fault_dice: Dice,
    numbers: AtomicU64,
    ticks: AtomicU64,
    history: Mutex<Vec<Operation>>,
    stop: AtomicBool,
}

impl World {
    async fn new() -> Arc<Self> {
        let named = std::env::var("CLEW_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = named.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
        println!("CLEW_SEED={seed}");
        let servers = Servers::start(3, "");
        let world = Self {
            servers,
            gateways: [RwLock::new(None), RwLock::new(None)],
            dice: Dice(AtomicU64::new(!seed)),
            fault_dice: Dice(AtomicU64::new(seed)),
            numbers: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            history: Mutex::default(),
            stop: AtomicBool::new(false),
        };
        for gateway in 0..GATEWAYS.len() {
            world.open(gateway).await;
        }
        Arc::new(world)
    }

    async fn open(&self, gateway: usize) {
        let store = self.servers.open(GATEWAYS[gateway], self.servers.options("clew", 3, PARTITIONS)).await;
        *self.gateways[gateway].write().await = Some(store);
    }

    /// Ends a gateway once its calls are answered.
    async fn close(&self, gateway: usize) {
        drop(self.gateways[gateway].write().await.take());
        // Its follower ends beside, and has the copy open until then.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    async fn write_once(&self) {
        let gateway = usize::try_from(self.dice.below(2)).expect("small");
        let held = self.gateways[gateway].read().await;
        let Some(store) = &*held else { return tokio::time::sleep(Duration::from_millis(20)).await };
        let stream = StreamId::from(ConversationId(Uuid::from_u128(u128::from(self.dice.below(STREAMS) + 1))));
        let expected = store.read_stream(stream, 0).await.expect("the copy reads").len() as u64;
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let called = self.tick();
        let answer = store.append(commit(vec![write(stream, expected, number..number + 1)])).await;
        let outcome = match answer {
            Ok(appended) => Outcome::Written(appended.versions[0]),
            Err(StoreError::Conflict { .. }) => Outcome::Refused,
            Err(StoreError::Unknown(_) | StoreError::Unavailable(_) | StoreError::Busy { .. }) => Outcome::Unknown,
            Err(other) => panic!("neither written nor refused: {other}"),
        };
        let command = fact(number).command;
        let operation = Operation { stream, command, expected, called, answered: self.tick(), outcome };
        self.history.lock().await.push(operation);
    }

    /// Writes at both gateways until told to stop.
    fn start_writers(self: &Arc<Self>) -> Vec<tokio::task::JoinHandle<()>> {
        self.stop.store(false, Ordering::SeqCst);
        let writer = |_| {
            let world = Arc::clone(self);
            tokio::spawn(async move {
                while !world.stop.load(Ordering::SeqCst) {
                    world.write_once().await;
                }
            })
        };
        (0..WRITERS).map(writer).collect()
    }

    /// Lets writers write while `fault` happens, and a while after; then holds what they saw against every copy.
    async fn round(self: &Arc<Self>, name: &str, fault: impl Future<Output = ()>) {
        let writers = self.start_writers();
        tokio::time::sleep(Duration::from_millis(400)).await;
        fault.await;
        let (healed, before) = (Instant::now(), self.written().await);
        while self.written().await == before {
            assert!(healed.elapsed() < Duration::from_secs(60), "after {name} nothing is written any more");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("{name}: writes went on {} ms after it was over", healed.elapsed().as_millis());
        tokio::time::sleep(Duration::from_millis(400)).await;
        self.stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.await.expect("a writer does not panic");
        }
        self.judge(name).await;
    }

    async fn written(&self) -> usize {
        let history = self.history.lock().await;
        history.iter().filter(|operation| matches!(operation.outcome, Outcome::Written(_))).count()
    }

    async fn judge(&self, after: &str) {
        let (mut logs, mut leaves): (Vec<Vec<Fact>>, Vec<Vec<Leaf>>) = (Vec::new(), Vec::new());
        for gateway in &self.gateways {
            let held = gateway.read().await;
            let store = held.as_ref().expect("it is open again");
            store.catch_up().await.expect("it catches up");
            let (mut log, mut bytes) = (Vec::new(), Vec::new());
            for partition in 0..PARTITIONS {
                let start = Position { partition, sequence: 0 };
                log.extend(store.read_all(start, usize::MAX).await.expect("the copy reads"));
                bytes.extend(store.leaves(partition, 0, usize::MAX).await.expect("the copy reads"));
            }
            logs.push(log);
            leaves.push(bytes);
        }
        assert!(leaves[0] == leaves[1], "after {after} the copies differ");
        let history = self.history.lock().await;
        if let Err(why) = judge(&history, &logs[0]) {
            panic!("after {after}: {why}");
        }
    }

    async fn lose(&self, gateway: usize, what: &str) {
        self.close(gateway).await;
        let copies = self.servers.copies(GATEWAYS[gateway]);
        for partition in 0..PARTITIONS {
            let copy = copies.join(format!("partition-{partition:02}"));
            let gone =
                if what.is_empty() { std::fs::remove_dir_all(copy) } else { std::fs::remove_file(copy.join(what)) };
            // A gateway that was open for less than a second has noted nothing yet.
            assert!(gone.is_ok() || !what.is_empty());
        }
        self.open(gateway).await;
    }

    /// One fault, over when this returns.
    async fn fault(&self, kind: u64) {
        let index = usize::try_from(self.fault_dice.below(3)).expect("small");
        let gateway = index % 2;
        let during = Duration::from_millis(300 + self.fault_dice.below(1_200));
        match kind {
            0 => {
                self.servers.kill(index);
                tokio::time::sleep(during).await;
                self.servers.restart(index);
            }
            1 => {
                self.servers.signal(index, "STOP");
                tokio::time::sleep(during).await;
                self.servers.signal(index, "CONT");
            }
            2 => {
                (0..3).for_each(|index| self.servers.kill(index));
                (0..3).for_each(|index| self.servers.restart(index));
            }
            3 => self.lose(gateway, "followed").await,
            _ => self.lose(gateway, "").await,
        }
    }
}

const FAULTS: [&str; 5] = [
    "kill -9 of a server",
    "a server stopped and continued",
    "kill -9 of all servers",
    "a gateway restarted without its checkpoint",
    "a gateway restarted without its copy",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_server_killed_in_turn() {
    if !is_there() {
        return;
    }
    let world = World::new().await;
    for index in 0..3 {
        let fault = async {
            world.servers.kill(index);
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.servers.restart(index);
        };
        world.round(&format!("kill -9 of server {index}"), fault).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_rounds_of_random_faults() {
    if !is_there() {
        return;
    }
    let world = World::new().await;
    for round in 0..20 {
        let kind = world.fault_dice.below(FAULTS.len() as u64);
        let name = format!("round {round}, {}", FAULTS[usize::try_from(kind).expect("small")]);
        Box::pin(world.round(&name, world.fault(kind))).await;
    }
    let history = world.history.lock().await;
    let unknown = history.iter().filter(|operation| operation.outcome == Outcome::Unknown).count();
    println!("{} commits were tried, {unknown} of them with an unknown outcome", history.len());
}
