//! Servers and gateways that fail while gateways write: what was acknowledged stays, once, and is the same everywhere.

use super::history::{Operation, Outcome, judge};
use super::server::{Fragile, Servers, is_there};
use clew_domain::fact::{Fact, Position};
use clew_domain::ids::{ConversationId, StreamId};
use clew_eventstore::backends::jetstream::{Options, Store};
use clew_eventstore::conformance::{commit, fact, write};
use clew_eventstore::observer::{Leaf, LeafSource};
use clew_eventstore::store::{Appended, EventStore, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, RwLock};
use uuid::Uuid;

const GATEWAYS: [&str; 2] = ["a", "b"];
const WRITERS: u64 = 8;
const STREAMS: u64 = 6;
/// How soon writes go on once a majority of the servers has agreed on leaders.
const RESUMED_WITHIN: Duration = Duration::from_secs(10);

/// Numbers from a seed.
struct Dice(AtomicU64);

impl Dice {
    fn below(&self, bound: u64) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % bound
    }
}

/// What a store may do wrong, now and then.
#[derive(Clone, Copy, Debug)]
enum Broken {
    /// Answers before the cluster does, which never hears of it.
    AnswersFirst,
    /// Answers the version before.
    StaleVersion,
    /// Says of what it wrote that it was refused.
    RefusesWhatItWrote,
}

/// Three servers, two gateways, writers at both, and what the writers saw.
struct World {
    servers: Servers,
    partitions: u16,
    /// What the store is made to do wrong.
    broken: Option<Broken>,
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
    async fn new(partitions: u16) -> Arc<Self> {
        let servers = Servers::start_fragile(3, "", Fragile { network: true, sync: Some("always") });
        Self::on(servers, partitions, None).await
    }

    async fn on(servers: Servers, partitions: u16, broken: Option<Broken>) -> Arc<Self> {
        let named = std::env::var("CLEW_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = named.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
        println!("CLEW_SEED={seed}");
        let world = Self {
            servers,
            partitions,
            broken,
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
        let options = Options { partitions: self.partitions, ..self.servers.reached_by(gateway) };
        let store = self.servers.open(GATEWAYS[gateway], options).await;
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
        let commit = commit(vec![write(stream, expected, number..number + 1)]);
        let broken = self.broken.filter(|_| self.dice.below(20) == 0);
        let outcome = if matches!(broken, Some(Broken::AnswersFirst)) {
            Outcome::Written(expected + 1)
        } else {
            Self::outcome(store.append(commit).await, broken)
        };
        let command = fact(number).command;
        let operation = Operation { stream, command, expected, called, answered: self.tick(), outcome };
        self.history.lock().await.push(operation);
    }

    fn outcome(answer: Result<Appended, StoreError>, broken: Option<Broken>) -> Outcome {
        match answer {
            Ok(_) if matches!(broken, Some(Broken::RefusesWhatItWrote)) => Outcome::Refused,
            Ok(appended) if broken.is_some() => Outcome::Written(appended.versions[0] - 1),
            Ok(appended) => Outcome::Written(appended.versions[0]),
            Err(StoreError::Conflict { .. }) => Outcome::Refused,
            Err(StoreError::Unknown(_) | StoreError::Unavailable(_) | StoreError::Busy { .. }) => Outcome::Unknown,
            Err(other) => panic!("neither written nor refused: {other}"),
        }
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
        let (waited, led) = tokio::join!(self.writes_go_on(name), self.leaders_come());
        let after = waited.saturating_sub(led);
        println!(
            "{name}: writes went on {} ms after it was over, {} ms after the servers had leaders",
            waited.as_millis(),
            after.as_millis()
        );
        assert!(
            after < RESUMED_WITHIN,
            "after {name} writes went on only after {waited:?}, with leaders after {led:?}"
        );
        tokio::time::sleep(Duration::from_millis(400)).await;
        self.stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.await.expect("a writer does not panic");
        }
        self.judge(name).await;
    }

    /// Waits until the servers have agreed on who leads them and each part of the log; answers how long that took.
    async fn leaders_come(self: &Arc<Self>) -> Duration {
        let (since, world) = (Instant::now(), Arc::clone(self));
        let led = move || {
            let logs: Vec<String> = (0..world.partitions).map(|partition| format!("clew_EV_{partition:02}")).collect();
            while !world.servers.have_leaders(&logs) && since.elapsed() < Duration::from_secs(60) {
                std::thread::sleep(Duration::from_millis(20));
            }
            since.elapsed()
        };
        tokio::task::spawn_blocking(led).await.expect("asking does not panic")
    }

    /// Waits until something is written that was called for from now on; answers how long that took.
    async fn writes_go_on(&self, after: &str) -> Duration {
        let (since, from) = (Instant::now(), self.tick());
        loop {
            let history = self.history.lock().await;
            let written = |operation: &Operation| matches!(operation.outcome, Outcome::Written(_));
            if history.iter().rev().any(|operation| operation.called > from && written(operation)) {
                return since.elapsed();
            }
            drop(history);
            assert!(since.elapsed() < Duration::from_secs(60), "after {after} nothing is written any more");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn judge(&self, after: &str) {
        let mut copies = Vec::new();
        for gateway in 0..GATEWAYS.len() {
            copies.push(self.copy(gateway).await);
        }
        assert!(copies[0].1 == copies[1].1, "after {after} the copies differ");
        let history = self.history.lock().await;
        if let Err(why) = judge(&history, &copies[0].0) {
            panic!("after {after}: {why}");
        }
    }

    /// What a gateway has of the log, once it has all that the leader has.
    async fn copy(&self, gateway: usize) -> (Vec<Fact>, Vec<Leaf>) {
        let held = self.gateways[gateway].read().await;
        let store = held.as_ref().expect("it is open again");
        let since = Instant::now();
        while let Err(error) = store.catch_up().await {
            assert!(since.elapsed() < Duration::from_secs(60), "it does not catch up: {error}");
        }
        let (mut log, mut bytes) = (Vec::new(), Vec::new());
        for partition in 0..self.partitions {
            let start = Position { partition, sequence: 0 };
            log.extend(store.read_all(start, usize::MAX).await.expect("the copy reads"));
            bytes.extend(store.leaves(partition, 0, usize::MAX).await.expect("the copy reads"));
        }
        (log, bytes)
    }

    async fn lose(&self, gateway: usize, what: &str) {
        self.close(gateway).await;
        let copies = self.servers.copies(GATEWAYS[gateway]);
        for partition in 0..self.partitions {
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
            4 => self.lose(gateway, "").await,
            5 => self.restart_all().await,
            6 => self.isolate_the_leader(index).await,
            7 => self.isolate(gateway, during * 3).await,
            8 => {
                self.servers.cut_power(&[index]);
                tokio::time::sleep(during).await;
                self.servers.restart(index);
            }
            _ => {
                self.servers.cut_power(&[0, 1, 2]);
                (0..3).for_each(|index| self.servers.restart(index));
            }
        }
    }

    async fn restart_all(&self) {
        for gateway in 0..GATEWAYS.len() {
            self.close(gateway).await;
        }
        (0..3).for_each(|index| self.servers.kill(index));
        (0..3).for_each(|index| self.servers.restart(index));
        for gateway in 0..GATEWAYS.len() {
            self.open(gateway).await;
        }
    }

    /// Cuts the leader of a log off, until the other two take writes again.
    async fn isolate_the_leader(&self, otherwise: usize) {
        let network = self.servers.network().expect("it is drawn with networks alone");
        let leader = self.servers.leader("clew_EV_00").unwrap_or(otherwise);
        network.server(leader, "down");
        // What was on its way is answered first.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let waited = self.writes_go_on("the leader was cut off").await;
        println!("  writes went on {} ms after the leader, server {leader}, was cut off", waited.as_millis() + 500);
        network.server(leader, "up");
    }

    async fn isolate(&self, gateway: usize, during: Duration) {
        let network = self.servers.network().expect("it is drawn with networks alone");
        network.gateway(gateway, "down");
        tokio::time::sleep(during).await;
        network.gateway(gateway, "up");
    }

    /// The faults that can be had here.
    fn menu(&self) -> Vec<u64> {
        let (network, power) = (self.servers.network().is_some(), self.servers.have_power());
        (0..FAULTS.len() as u64)
            .filter(|kind| match kind {
                6 | 7 => network,
                8 | 9 => power,
                _ => true,
            })
            .collect()
    }

    /// So many rounds, each of a fault drawn at random; no fault comes again before each of the menu had its turn.
    async fn rounds(self: &Arc<Self>, rounds: usize) {
        let mut left = Vec::new();
        for round in 0..rounds {
            if left.is_empty() {
                left = self.menu();
            }
            let drawn = usize::try_from(self.fault_dice.below(left.len() as u64)).expect("small");
            let kind = left.swap_remove(drawn);
            let name = format!("round {round}, {}", FAULTS[usize::try_from(kind).expect("small")]);
            Box::pin(self.round(&name, self.fault(kind))).await;
        }
        let history = self.history.lock().await;
        let unknown = history.iter().filter(|operation| operation.outcome == Outcome::Unknown).count();
        println!("{} commits were tried, {unknown} of them with an unknown outcome", history.len());
    }
}

const FAULTS: [&str; 10] = [
    "kill -9 of a server",
    "a server stopped and continued",
    "kill -9 of all servers",
    "a gateway restarted without its checkpoint",
    "a gateway restarted without its copy",
    "all servers and gateways restarted",
    "the leader cut off",
    "a gateway cut off",
    "the power of a server cut",
    "the power of all servers cut",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_server_killed_in_turn() {
    if !is_there() {
        return;
    }
    let world = World::new(2).await;
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
    if is_there() {
        World::new(2).await.rounds(20).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_faults_with_four_partitions() {
    if is_there() {
        World::new(4).await.rounds(5).await;
    }
}

/// What the judge says of what the writers saw while the store does this wrong.
async fn verdict(servers: Servers, broken: Option<Broken>, fault: impl AsyncFnOnce(&World)) -> String {
    let world = World::on(servers, 2, broken).await;
    let writers = world.start_writers();
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("a writer does not panic");
    }
    fault(&world).await;
    let history = world.history.lock().await;
    let (log, _) = world.copy(0).await;
    judge(&history, &log).expect_err("it is caught")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_store_is_caught() {
    if !is_there() {
        return;
    }
    let kinds = [
        (Broken::AnswersFirst, "acknowledged and lost"),
        (Broken::StaleVersion, "acknowledged at version"),
        (Broken::RefusesWhatItWrote, "refused and there"),
    ];
    for (broken, caught) in kinds {
        let why = verdict(Servers::start(3, ""), Some(broken), async |_| {}).await;
        assert!(why.contains(caught), "{broken:?}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_acknowledge_before_they_sync_are_caught() {
    if !is_there() {
        return;
    }
    let servers = Servers::start_fragile(3, "", Fragile { network: false, sync: Some("2m") });
    if !servers.have_power() {
        return;
    }
    let why = verdict(servers, None, async |world: &World| {
        world.close(0).await;
        world.servers.cut_power(&[0, 1, 2]);
        (0..3).for_each(|index| world.servers.restart(index));
        // What it had of the log would keep it from following another one.
        std::fs::remove_dir_all(world.servers.copies(GATEWAYS[0])).expect("it has a copy");
        world.open(0).await;
    })
    .await;
    assert!(why.contains("acknowledged and lost"), "{why}");
}
