//! Small scenes at the desk: who is given what, and what comes back when. Whole weeks stand in `weeks.rs`.

use super::world::{World, agent};
use clew_domain::conversation::{Command, Queue};
use clew_domain::ids::ConversationId;

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
    world.crash().await;
    world.pass(3_601);
    world.start();
    world.settled().await;
    assert_eq!(world.picture().await.conversations[&id].0.queue, Queue::New);
}
