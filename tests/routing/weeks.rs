//! Weeks at the desk of thousands of agents, from a printed seed: hours of silence, then five messages a second; shifts
//! that come and go, lost connections, crashes, several distributors at once. The oracle judges every step.
#![expect(clippy::cast_possible_truncation, reason = "random numbers are cut to size")]

use super::oracle::{Oracle, Rights};
use super::world::{CHANNEL, HELD_MAX, World, agent};
use clew_domain::agent::Availability;
use clew_domain::conversation::{Assignee, AssignmentCause, Command, Queue, ResolveReason};
use clew_domain::ids::{AgentId, ChannelId, TeamId};
use clew_domain::workspace::{self, TeamSettings};
use clew_eventstore::cursor::Cursor;
use std::collections::BTreeSet;
use uuid::Uuid;

const AGENTS: u64 = 2_000;
const STEPS: u32 = 800;
const CHAT: ChannelId = ChannelId(Uuid::from_u128(3));
const POSTS: ChannelId = ChannelId(Uuid::from_u128(4));
const CHANNELS: [ChannelId; 3] = [CHANNEL, CHAT, POSTS];

/// A small generator (splitmix64, Steele, Lea and Flood 2014): the seed alone says what happens.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn agent(&mut self) -> AgentId {
        agent(self.below(AGENTS).into())
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.below(all.len() as u64) as usize])
    }
}

fn seed() -> u64 {
    let seed = std::env::var("CLEW_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::try_from(since.expect("after 1970").as_nanos() & u128::from(u64::MAX)).expect("masked")
    });
    println!("CLEW_SEED={seed}");
    seed
}

/// One agent in five answers letters alone and is given one at a time; another one answers no posts.
fn kind_of(agent: AgentId) -> u128 {
    agent.0.as_u128() % 5
}

fn serves(agent: AgentId, channel: ChannelId) -> bool {
    match kind_of(agent) {
        0 => channel == CHANNEL,
        1 => channel != POSTS,
        _ => true,
    }
}

fn limit(agent: AgentId) -> u16 {
    if kind_of(agent) == 0 { 1 } else { HELD_MAX }
}

async fn desk() -> World {
    let mut world = World::new(AGENTS.into()).await;
    world.connect(CHAT, "Chat").await;
    world.connect(POSTS, "Posts").await;
    let letters = TeamSettings { channels: BTreeSet::from([CHANNEL]), limit: Some(1), ..TeamSettings::default() };
    let private = TeamSettings { channels: BTreeSet::from([CHANNEL, CHAT]), ..TeamSettings::default() };
    for (kind, settings) in [letters, private].into_iter().enumerate() {
        let team = TeamId(Uuid::from_u128(0x7EA_0000 + kind as u128));
        world.set(workspace::Command::CreateTeam { team, name: format!("Team {kind}") }).await;
        world.set(workspace::Command::ChangeTeamSettings { team, settings }).await;
        let members = (0..u128::from(AGENTS)).map(agent).filter(|it| kind_of(*it) == kind as u128);
        world.join(team, members.collect()).await;
    }
    world
}

#[tokio::test(start_paused = true)]
async fn nothing_is_stranded_given_out_of_turn_or_over_a_limit_whatever_happens() {
    let mut dice = Dice(seed());
    let mut world = desk().await;
    let (mut oracle, mut seen) = (Oracle::new(Rights { serves, limit }), Cursor::default());
    world.start();
    world.start();
    for _ in 0..STEPS {
        step(&mut world, &mut dice, &oracle).await;
        world.settled().await;
        oracle.judge(&world.news(&mut seen).await);
    }
    println!("{AGENTS} agents, {STEPS} steps: {:?}", oracle.tally);
    assert!(oracle.tally.given > 5_000, "the weeks gave too little to judge");
    assert!(oracle.tally.waiting_most > 500, "there was never a backlog");
    assert!(oracle.tally.at_work_most > 500, "there were never many at work");
}

async fn step(world: &mut World, dice: &mut Dice, oracle: &Oracle) {
    match dice.below(100) {
        // Hours of silence, with a message or two.
        0..15 => {
            for _ in 0..dice.below(3) {
                world.pass(dice.below(7_200).cast_signed());
                arrive(world, dice).await;
            }
        }
        // Then five a second, for up to two minutes.
        15..25 => {
            for _ in 0..dice.below(600) {
                arrive(world, dice).await;
                world.pass(i64::from(dice.below(5) == 0));
            }
        }
        // A shift comes, or goes.
        25..40 => {
            for _ in 0..dice.below(150) {
                world.sign_in(dice.agent()).await;
            }
        }
        40..47 => {
            for _ in 0..dice.below(150) {
                world.sign_out(dice.agent()).await;
            }
        }
        47..52 => {
            for _ in 0..dice.below(60) {
                world.lose_connection(dice.agent()).await;
            }
        }
        52..57 => {
            for _ in 0..dice.below(60) {
                let now = if dice.below(3) == 0 { Availability::Away } else { Availability::Available };
                world.set_availability(dice.agent(), now).await;
            }
        }
        57..88 => work(world, dice, oracle).await,
        88..97 => fill_desks(world, dice, oracle).await,
        _ => end_and_start(world, dice).await,
    }
    world.pass(dice.below(600).cast_signed());
}

/// The distributors end in the middle of their work, by a crash or in good order, and others go on from what they kept.
async fn end_and_start(world: &mut World, dice: &mut Dice) {
    for _ in 0..dice.below(30) {
        arrive(world, dice).await;
        world.sign_in(dice.agent()).await;
    }
    for _ in 0..dice.below(200) {
        tokio::task::yield_now().await;
    }
    if dice.below(2) == 0 {
        world.crash().await;
    } else {
        world.stop().await;
    }
    world.start();
    world.start();
}

async fn arrive(world: &mut World, dice: &mut Dice) {
    let channel = dice.one_of(&CHANNELS).expect("there are some");
    world.arrive_on(channel).await;
}

/// Agents go through what is open.
async fn work(world: &mut World, dice: &mut Dice, oracle: &Oracle) {
    let new = oracle.all_in(Queue::New);
    for _ in 0..dice.below(120) {
        let Some(id) = dice.one_of(&new) else { continue };
        match dice.below(6) {
            0..3 => world.on(id, Command::Resolve { reason: ResolveReason::Answered, bulk: None }).await,
            3..5 => world.on(id, Command::Pend { until: None }).await,
            _ => world.on(id, Command::SetPriority { priority: dice.below(3) as i16 }).await,
        }
    }
}

/// Colleagues are assigned things by hand, and contacts answer what is pending. Both may use up the room that something
/// was about to be given into: it goes back to its place then, and others may be given theirs meanwhile. So that turns
/// can be judged, all comes to rest after each.
async fn fill_desks(world: &mut World, dice: &mut Dice, oracle: &Oracle) {
    let (new, pending, there) = (oracle.all_in(Queue::New), oracle.all_in(Queue::Pending), oracle.all_there());
    for _ in 0..dice.below(30) {
        if dice.below(3) == 0 {
            let (Some(id), Some(to)) = (dice.one_of(&new), dice.one_of(&there)) else { continue };
            world.on(id, Command::Assign { to: Assignee::Agent(to), cause: AssignmentCause::ByHand }).await;
        } else {
            let Some(id) = dice.one_of(&pending) else { continue };
            world.write(id, oracle.conversations[&id].started).await;
        }
        world.settled().await;
    }
}
