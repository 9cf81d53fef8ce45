//! Days at the desk from a printed seed: bursts, sign-outs, lost connections, crashes, several distributors at once.
#![expect(clippy::cast_possible_truncation, reason = "random numbers are cut to size")]

use super::world::{HELD_MAX, World, agent};
use clew_domain::conversation::{Assignee, AssignmentCause, Command, ConversationEvent, Queue, ResolveReason};
use clew_domain::fact::{Event, Position};
use clew_domain::ids::ConversationId;
use clew_eventstore::store::EventStore;

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

#[tokio::test]
async fn whoever_becomes_available_is_given_the_longest_waiting() {
    let mut world = World::new(2).await;
    world.start();
    let mut arrived = Vec::new();
    for _ in 0..5 {
        arrived.push(world.arrive().await);
        world.pass(60);
    }
    world.sign_in(agent(0)).await;
    world.settled().await;
    let picture = world.picture().await;
    picture.check();
    let owner = |id: &ConversationId| picture.conversations[id].0.agent;
    let first: Vec<_> = arrived.iter().map(owner).collect();
    assert_eq!(first, [Some(agent(0)), Some(agent(0)), None, None, None]);
    assert_eq!(picture.conversations[&arrived[0]].0.lock, Some(agent(0)), "it is opened for them");

    world.on(arrived[0], Command::Pend { until: None }).await;
    world.settled().await;
    assert_eq!(world.picture().await.conversations[&arrived[2]].0.agent, Some(agent(0)), "the next is handed over");
}

#[tokio::test]
async fn what_was_pended_until_a_time_comes_back_then_also_after_a_crash() {
    let mut world = World::new(1).await;
    let id = world.arrive().await;
    let until = world.now().plus_secs(3_600);
    world.on(id, Command::Pend { until: Some(until) }).await;
    world.start();
    world.settled().await;
    assert_eq!(world.picture().await.conversations[&id].0.queue, Queue::Pending);
    world.crash();
    world.pass(3_601);
    world.start();
    world.settled().await;
    assert_eq!(world.picture().await.conversations[&id].0.queue, Queue::New);
}

#[tokio::test]
async fn nothing_is_stranded_and_no_limit_is_exceeded_whatever_happens() {
    let mut dice = Dice(seed());
    let agents = 200;
    let mut world = World::new(agents).await;
    world.start();
    world.start();
    for step in 0..400 {
        match dice.below(100) {
            0..25 => {
                for _ in 0..=dice.below(12) {
                    world.arrive().await;
                }
            }
            25..50 => world.sign_in(agent(dice.below(agents as u64).into())).await,
            50..60 => world.sign_out(agent(dice.below(agents as u64).into())).await,
            60..65 => world.lose_connection(agent(dice.below(agents as u64).into())).await,
            65..95 => work_on_something(&mut world, &mut dice).await,
            _ => {
                world.crash();
                world.start();
                world.start();
            }
        }
        world.pass(i64::try_from(dice.below(600)).expect("small"));
        if step % 40 == 39 {
            world.settled().await;
            world.picture().await.check();
        }
    }
    world.settled().await;
    world.picture().await.check();
    one_owner_for_each_assignment(&world).await;
}

async fn work_on_something(world: &mut World, dice: &mut Dice) {
    let picture = world.picture().await;
    let open: Vec<_> = picture.conversations.iter().filter(|(_, (it, _))| it.queue != Queue::Resolved).collect();
    if open.is_empty() {
        return;
    }
    let chosen = usize::try_from(dice.below(open.len() as u64)).expect("an index");
    let (id, (state, _)) = open[chosen];
    let started = state.started.expect("it began");
    match (state.queue, dice.below(4)) {
        (Queue::Pending, _) => world.write(*id, started).await,
        (_, 0) => world.on(*id, Command::Resolve { reason: ResolveReason::Answered, bulk: None }).await,
        (_, 1) => world.on(*id, Command::Pend { until: None }).await,
        (_, 2) => {
            let to = Assignee::Agent(agent(dice.below(200).into()));
            let signed_in = |it: &clew_domain::agent::AgentState| !it.sessions.is_empty();
            let Assignee::Agent(chosen) = to else { return };
            if picture.agents.get(&chosen).is_some_and(signed_in) {
                world.on(*id, Command::Assign { to, cause: AssignmentCause::ByHand }).await;
            }
        }
        _ => world.on(*id, Command::SetPriority { priority: i16::try_from(dice.below(3)).expect("small") }).await,
    }
}

/// A distribution never takes a conversation from somebody.
async fn one_owner_for_each_assignment(world: &World) {
    let start = Position { partition: 0, sequence: 0 };
    let facts = world.store.read_all(start, usize::MAX).await.expect("memory can be read");
    let mut owners = std::collections::BTreeMap::new();
    let mut given = 0;
    for fact in &facts {
        let Event::Conversation(event) = &fact.event else { continue };
        match event {
            ConversationEvent::Assigned { to: Assignee::Agent(to), cause } => {
                let before = owners.insert(fact.stream.id, *to);
                if *cause == AssignmentCause::Distribution {
                    given += 1;
                    assert_eq!(before, None, "given while somebody owned it");
                }
            }
            ConversationEvent::Assigned { to: Assignee::Team(_), .. } | ConversationEvent::Unassigned { .. } => {
                owners.remove(&fact.stream.id);
            }
            _ => {}
        }
    }
    assert!(given >= usize::from(HELD_MAX), "the simulation gave nothing to anybody");
}
