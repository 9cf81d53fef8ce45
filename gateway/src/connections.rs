//! Whose screen is connected: who holds a feed open, and who has held none for longer than the workspace allows.
//! Of those the log says that the connection was lost; what follows from it is routing's to say.

use crate::cluster;
use crate::error::Problem;
use crate::state::AppState;
use clew_domain::agent::{Agent, Command};
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{AgentId, CommandId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Who holds how many feeds open; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    open: HashMap<AgentId, u32>,
    /// Who had feeds open and has none, since when.
    broken: HashMap<AgentId, Instant>,
}

/// Leave to hold a feed open, given back when dropped.
pub struct Turn {
    connections: Connections,
    agent: AgentId,
}

impl Connections {
    /// Leave to hold one more feed open; none for who has as many as they may.
    pub fn take(&self, agent: AgentId, max: u32) -> Option<Turn> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = known.open.entry(agent).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        known.broken.remove(&agent);
        Some(Turn { connections: self.clone(), agent })
    }

    /// The agent has none and is expected to come back: they were at work when the server stopped.
    pub fn expect(&self, agent: AgentId, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.open.contains_key(&agent) {
            known.broken.insert(agent, now);
        }
    }

    /// Who has feeds open here.
    pub fn open(&self) -> Vec<AgentId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).open.keys().copied().collect()
    }

    /// These have feeds open on another gateway. Should it fail, they are to come back from now on.
    pub fn heard(&self, elsewhere: &[AgentId], now: Instant) {
        for agent in elsewhere {
            self.expect(*agent, now);
        }
    }

    /// Those who have had none for so long, each told once.
    pub fn lost(&self, grace: Duration, now: Instant) -> Vec<AgentId> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |since: &Instant| now.saturating_duration_since(*since) >= grace;
        let lost: Vec<AgentId> = known.broken.iter().filter(|(_, since)| over(since)).map(|(id, _)| *id).collect();
        for agent in &lost {
            known.broken.remove(agent);
        }
        lost
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut known = self.connections.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = known.open.get_mut(&self.agent) else { return };
        *count -= 1;
        if *count == 0 {
            known.open.remove(&self.agent);
            known.broken.insert(self.agent, Instant::now());
        }
    }
}

/// Records lost connections until the server stops. Whoever was at work when it stopped last has as long to come back
/// as anybody whose connection is lost.
pub async fn run(app: AppState) {
    let mut stopping = app.stopping.clone();
    let start = Instant::now();
    for (agent, record) in app.directory.agents() {
        if !record.sessions.is_empty() && !record.state.lost {
            app.connections.expect(agent, start);
        }
    }
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        let mut grace = Duration::from_secs(app.directory.settings().workspace.settings.lock_grace_s.into());
        if app.cluster.is_some() {
            // Who is connected elsewhere was heard of within this.
            grace += cluster::FEEDS_HEARD_WITHIN;
        }
        for agent in app.connections.lost(grace, Instant::now()) {
            app.presence.leave_all(agent);
            if let Err(problem) = tell(&app, agent, Command::LoseConnection).await {
                tracing::warn!(problem = problem.kind().slug, "a lost connection could not be recorded");
                // Later again, as if it were lost now.
                app.connections.expect(agent, Instant::now());
            }
        }
    }
}

/// Has the log say that the agent is back, if it says that they were lost.
pub async fn restore(app: &AppState, agent: AgentId) -> Result<(), Problem> {
    if app.directory.agent(agent).state.lost { tell(app, agent, Command::RestoreConnection).await } else { Ok(()) }
}

async fn tell(app: &AppState, agent: AgentId, command: Command) -> Result<(), Problem> {
    // A random id: the decider itself answers what says nothing new with nothing.
    let id = CommandId(Uuid::new_v4());
    let meta = CommandMeta::first(id, Actor::System, app.clock.now(), app.directory.settings().version);
    app.act::<Agent>(agent.into(), &meta, &command, Vec::new()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AgentId = AgentId(Uuid::from_u128(1));
    const GRACE: Duration = Duration::from_secs(60);

    #[test]
    fn who_is_connected_elsewhere_is_not_lost_until_nothing_is_heard_of_it() {
        let connections = Connections::default();
        let start = Instant::now();
        connections.expect(ADA, start);
        connections.heard(&[ADA], start + GRACE);
        assert_eq!(connections.lost(GRACE, start + GRACE), []);
        assert_eq!(connections.lost(GRACE, start + GRACE * 2), [ADA]);
    }

    #[test]
    fn who_comes_back_in_time_was_not_lost() {
        let connections = Connections::default();
        let one = connections.take(ADA, 2).expect("a first feed");
        let two = connections.take(ADA, 2).expect("a second feed");
        assert!(connections.take(ADA, 2).is_none(), "no third");
        drop(one);
        let later = Instant::now() + GRACE * 2;
        assert_eq!(connections.lost(GRACE, later), [], "one is left");
        drop(two);
        let back = connections.take(ADA, 2).expect("again");
        assert_eq!(connections.lost(GRACE, later), []);
        drop(back);
        assert_eq!(connections.lost(GRACE, Instant::now()), [], "not yet");
        assert_eq!(connections.lost(GRACE, later), [ADA]);
        assert_eq!(connections.lost(GRACE, later), [], "told once");
        connections.expect(ADA, later);
        assert_eq!(connections.lost(GRACE, later + GRACE), [ADA]);
    }
}
